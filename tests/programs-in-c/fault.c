// Reads behind the end of linear memory, in a function that is not called by `main`, but by the standard library.

#include <stdio.h>
#include <stdlib.h>

struct entry {
    int key;
    int *value;
};

static int by_value(const void *left, const void *right) {
    const struct entry *a = left, *b = right;
    return *a->value - *b->value;
}

int main(int argc, char **argv) {
    static int numbers[] = {3, 1, 2};
    struct entry entries[] = {{1, &numbers[0]}, {2, &numbers[1]}, {3, &numbers[2]}};
    // With an argument one of the pointers leads nowhere.
    if (argc > 1) entries[2].value = (int *)strtoul(argv[1], NULL, 0);
    qsort(entries, 3, sizeof *entries, by_value);
    printf("%d %d %d\n", entries[0].key, entries[1].key, entries[2].key);
    return 0;
}
