// Reads where no memory is, in several ways; `make.sh` says how the modules beside this file are made of it.

int undebugged(const int *place);

__attribute__((noinline)) static int at(const int *base, unsigned index) {
    return base[index];
}

static inline int first(const int *base) {
    int value = *base;
    return value + 1;
}

int called(unsigned index) {
    int sum = 0;
    for (unsigned i = 0; i < 2; i++)
        sum += at((const int *)0x10000, i * index);
    return sum;
}

int in_place(const int *place) { return *place; }

int inlined(const int *place) {
    return 3 *
           first(place);
}

int without_lines(const int *place) {
    return undebugged(place) + 1;
}
