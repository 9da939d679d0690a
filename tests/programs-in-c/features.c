// What a C program takes for granted: the standard library's output, memory, files, sorting, numbers as text, errors as
// values. It takes a file to make, and words; what it prints does not depend on the width of a pointer.

#include <ctype.h>
#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void title(const char *text) { printf("== %s\n", text); }

// Numbers as text, and back.

static void integers(void) {
    title("integers");
    printf("[%d] [%5d] [%-5d] [%05d] [%+d] [% d]\n", 42, 42, 42, 42, 42, 42);
    printf("[%u] [%x] [%X] [%#x] [%o] [%#o]\n", 3000000000u, 0xbeefu, 0xbeefu, 255u, 8u, 8u);
    printf("[%hhd] [%hd] [%lld] [%llu]\n", (signed char)-1, (short)-2, LLONG_MIN, ULLONG_MAX);
    printf("[%.3d] [%8.3d] [%-8.3d] [%*d] [%.*d]\n", 7, 7, 7, 6, 42, 4, 42);
    printf("[%" PRId64 "] [%" PRIx64 "] [%zu] [%td]\n", INT64_MIN, UINT64_MAX, (size_t)12, (ptrdiff_t)-3);
    printf("[%c] [%5s] [%-5s] [%.2s] [%%] [%s]\n", 'c', "ab", "ab", "abcdef", "");
    int written = -1;
    printf("twelve chars%n", &written);
    printf(" = %d\n", written);
    char small[8];
    const char *volatile text = "does not fit";
    int wanted = snprintf(small, sizeof small, "%s", text);
    printf("[%s] of %d\n", small, wanted);

    static const char *const texts[] = {"0", "-17", "+8", "0x1F", "017", "  99 bottles", "z", "9223372036854775808", "-9223372036854775809", "zz"};
    static const int bases[] = {10, 10, 10, 0, 0, 10, 10, 10, 10, 36};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char *end;
        errno = 0;
        long long value = strtoll(texts[i], &end, bases[i]);
        printf("strtoll \"%s\" base %d: %lld, rest \"%s\"%s\n", texts[i], bases[i], value, end, errno == ERANGE ? ", out of range" : "");
    }
    int a, b;
    char word[16];
    int found = sscanf("12 apples at 0x1f", "%d %15s at %i", &a, word, &b);
    printf("sscanf: %d, %d, %s, %d\n", found, a, word, b);
}

static void floats(void) {
    title("floating point");
    static const double values[] = {
        0.0, -0.0, 1.0, -1.5, 0.1, 1.0 / 3.0, 2.0 / 3.0, 123456789.0, 1e15, 1e16, 1e17, 1e21, 1e22, 1e23, 1e100, 1.7976931348623157e308,
        2.2250738585072014e-308, 1e-5, 1e-4, 0.5, 1.5, 2.5, 3.5, 9.5, 99.5, 0.05, 0.15, 0.25, 0.35, 1234.5678, 5e-7,
        3.14159265358979323846, 2.718281828459045, 9007199254740993.0, 0.000123456789, 65504.0,
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        double v = values[i];
        printf("%f|%e|%g|%.0f|%.1f|%.3e|%.17g|%a|%10.2f|%-12.4g|%+.2E|%#.3g\n", v, v, v, v, v, v, v, v, v, v, v, v);
    }
    printf("%f %F %e %g %5.1f|\n", INFINITY, INFINITY, -INFINITY, (double)INFINITY, INFINITY);
    printf("%.17g %e %g\n", 4.9406564584124654e-324, 1e-310, 2e-320);
    printf("%.60f\n%.40e\n%.30g\n", 0.1, DBL_MIN, 1e23);
    static const char *const texts[] = {
        "1", "0.1", "1e400", "-1e400", "1e-400", "4.9406564584124654e-324", "2.4703282292062327e-324", "2.4703282292062328e-324",
        "0x1.8p3", "inf", "-Infinity", "1.7976931348623158e308", "1.7976931348623159e308", "9007199254740993", "9007199254740992.9999999",
        ".5", "5.", "1e", "1e+", "--1", "123abc", "179769313486231580793728971405301e276",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char *end;
        errno = 0;
        double value = strtod(texts[i], &end);
        printf("strtod \"%s\": %.17g, rest \"%s\"%s\n", texts[i], value, end, errno == ERANGE && isinf(value) ? ", out of range" : "");
    }
    for (double x = -3; x <= 3; x += 0.75) {
        printf("%g: floor %g ceil %g trunc %g round %g rint %g frac %.4f int %d\n", x, floor(x), ceil(x), trunc(x), round(x), rint(x), fmod(x, 1), (int)x);
    }
    int exponent;
    double fraction = frexp(1e10, &exponent), whole;
    printf("frexp %.10f %d, ldexp %g, modf %g", fraction, exponent, ldexp(0.75, 5), modf(-3.25, &whole));
    printf(" %g, hypot %g, sqrt %.17g, fma %g, copysign %g\n", whole, hypot(3, 4), sqrt(2), fma(2, 3, 4), copysign(1, -0.0));
    printf("nan is %s, %s\n", NAN != NAN ? "itself to nobody" : "equal", isnan(NAN) ? "found" : "lost");
    float f = 16777216.0f;
    printf("float %.9g %.9g %.9g %d\n", f + 1.0f, 0.1f, (double)0.1f, (int)1e9f);
    printf("to unsigned %u %" PRIu64 ", from %g %g\n", (unsigned)3e9, (uint64_t)1.8e19, (double)UINT64_MAX, (double)INT64_MIN);
}

// Functions as values: sorting, searching, a table of operations.

struct person {
    char name[12];
    int year;
    double score;
};

static int by_name(const void *left, const void *right) {
    return strcmp(((const struct person *)left)->name, ((const struct person *)right)->name);
}

static int by_year(const void *left, const void *right) {
    const struct person *a = left, *b = right;
    return (a->year > b->year) - (a->year < b->year);
}

static int by_score(const void *left, const void *right) {
    const struct person *a = left, *b = right;
    return (a->score < b->score) - (a->score > b->score);
}

static unsigned long comparisons;

static int by_value(const void *left, const void *right) {
    comparisons++;
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

static int add(int a, int b) { return a + b; }
static int subtract(int a, int b) { return a - b; }
static int multiply(int a, int b) { return a * b; }
static double half(double x) { return x / 2; }

struct operation {
    const char *name;
    union {
        int (*two)(int, int);
        double (*one)(double);
    } call;
    bool real;
};

static void functions(void) {
    title("functions as values");
    struct person people[] = {
        {"Grace", 1906, 9.5}, {"Alan", 1912, 9.75}, {"Ada", 1815, 10}, {"Barbara", 1939, 9.25}, {"Edsger", 1930, 8.875}, {"Donald", 1938, 9.125},
    };
    enum { COUNT = sizeof people / sizeof *people };
    int (*const orders[])(const void *, const void *) = {by_name, by_year, by_score};
    for (size_t order = 0; order < 3; order++) {
        qsort(people, COUNT, sizeof *people, orders[order]);
        for (int i = 0; i < COUNT; i++) printf("%s %d %.3f%s", people[i].name, people[i].year, people[i].score, i + 1 < COUNT ? ", " : "\n");
    }
    qsort(people, COUNT, sizeof *people, by_name);
    struct person *found = bsearch("Donald", people, COUNT, sizeof *people, by_name);
    printf("found %s; %s\n", found ? found->name : "nobody", bsearch("Nobody", people, COUNT, sizeof *people, by_name) ? "found" : "not found");

    enum { MANY = 20000 };
    uint32_t *numbers = malloc(MANY * sizeof *numbers), state = 1;
    if (numbers == NULL) return;
    for (int i = 0; i < MANY; i++) numbers[i] = state = state * 1664525 + 1013904223;
    qsort(numbers, MANY, sizeof *numbers, by_value);
    bool sorted = true;
    for (int i = 1; i < MANY; i++) sorted &= numbers[i - 1] <= numbers[i];
    printf("%d numbers %s, first %u, last %u, %s\n", MANY, sorted ? "sorted" : "in disorder", numbers[0], numbers[MANY - 1],
           comparisons > MANY ? "compared often" : "hardly compared");
    free(numbers);

    const struct operation operations[] = {
        {"add", {.two = add}, false}, {"subtract", {.two = subtract}, false}, {"multiply", {.two = multiply}, false}, {"half", {.one = half}, true}, {"sqrt", {.one = sqrt}, true},
    };
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        if (operations[i].real) printf("%s %.6f\n", operations[i].name, operations[i].call.one(7));
        else printf("%s %d\n", operations[i].name, operations[i].call.two(7, 3));
    }
}

// Memory.

struct node {
    struct node *left, *right;
    int key;
    char *text;
};

static int nodes;

static struct node *insert(struct node *root, int key) {
    if (root == NULL) {
        struct node *made = calloc(1, sizeof *made);
        char text[32];
        int length = snprintf(text, sizeof text, "node %d", key);
        if (made == NULL || (made->text = malloc((size_t)length + 1)) == NULL) exit(9);
        memcpy(made->text, text, (size_t)length + 1);
        made->key = key;
        nodes++;
        return made;
    }
    if (key < root->key) root->left = insert(root->left, key);
    else if (key > root->key) root->right = insert(root->right, key);
    return root;
}

static long release(struct node *root, int depth, int *deepest) {
    if (root == NULL) return 0;
    if (depth > *deepest) *deepest = depth;
    long sum = release(root->left, depth + 1, deepest) + root->key + (long)strlen(root->text) + release(root->right, depth + 1, deepest);
    free(root->text);
    free(root);
    return sum;
}

static void memory(void) {
    title("memory");
    struct node *root = NULL;
    uint32_t state = 7;
    for (int i = 0; i < 20000; i++) {
        state = state * 1103515245 + 12345;
        root = insert(root, (int)(state >> 12 & 0xffff));
    }
    int deepest = 0;
    long sum = release(root, 1, &deepest);
    printf("%d nodes, %d deep, sum %ld\n", nodes, deepest, sum);

    char *text = NULL;
    size_t length = 0, room = 0;
    for (int i = 0; i < 100000; i++) {
        if (length == room) {
            room = room ? room * 2 : 16;
            char *larger = realloc(text, room);
            if (larger == NULL) { free(text); printf("out of memory\n"); return; }
            text = larger;
        }
        text[length++] = (char)('a' + i % 26);
    }
    unsigned hash = 2166136261u;
    for (size_t i = 0; i < length; i++) hash = (hash ^ (unsigned char)text[i]) * 16777619u;
    printf("%zu bytes, hash %08x\n", length, hash);
    memmove(text + 3, text, 20);
    printf("%.25s, %s\n", text, memchr(text, 'z', 26) ? "a z" : "no z");
    free(text);

    // 64 MiB come and go, a megabyte at a time, four at once.
    unsigned char *blocks[4] = {0};
    unsigned long total = 0;
    for (int i = 0; i < 64; i++) {
        free(blocks[i % 4]);
        blocks[i % 4] = malloc(1 << 20);
        if (blocks[i % 4] == NULL) { printf("out of memory\n"); return; }
        memset(blocks[i % 4], i, 1 << 20);
        total += blocks[i % 4][i << 10];
    }
    for (int i = 0; i < 4; i++) free(blocks[i]);
    printf("total %lu\n", total);
    // More than there can be is an error, not an end. Volatile: a compiler leaves out an allocation that nobody uses.
    volatile size_t huge = SIZE_MAX - 100000;
    void *volatile none = malloc(huge);
    printf("too much: %s\n", none == NULL ? "no" : "yes");
    free(none);
}

// Strings and characters.

static void strings(void) {
    title("strings");
    char text[64] = "the quick brown fox";
    strcat(text, " jumps");
    printf("%zu %s %s %s\n", strlen(text), strchr(text, 'q'), strrchr(text, 'o'), strstr(text, "fox"));
    printf("%d %d %zu %zu\n", strcmp("a", "b") < 0, strncmp("abc", "abd", 2), strspn("112233x", "123"), strcspn("hello, world", ","));
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
        word[0] = (char)toupper((unsigned char)word[0]);
        printf("<%s>", word);
    }
    printf("\n");
    int classes[6] = {0};
    for (int c = 0; c < 128; c++) {
        classes[0] += !!isalpha(c); classes[1] += !!isdigit(c); classes[2] += !!isspace(c);
        classes[3] += !!ispunct(c); classes[4] += !!iscntrl(c); classes[5] += !!isxdigit(c);
    }
    for (int i = 0; i < 6; i++) printf("%d ", classes[i]);
    printf("\n");
}

// Errors as values, reported by a function that takes any number of arguments.

enum status { OK, NO_FILE, NOT_A_NUMBER, TOO_LARGE };

static const char *const meanings[] = {"fine", "no such file", "not a number", "too large"};

static enum status complain(enum status status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    printf("error %d, %s: ", status, meanings[status]);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    return status;
}

static enum status parse(const char *text, long limit, long *value) {
    char *end;
    errno = 0;
    *value = strtol(text, &end, 10);
    if (end == text || *end != '\0') return complain(NOT_A_NUMBER, "`%s` at character %d", text, (int)(end - text) + 1);
    if (errno != 0 || *value > limit) return complain(TOO_LARGE, "%s is above %ld", text, limit);
    return OK;
}

static enum status length_of(const char *path, long *length) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) return complain(NO_FILE, "%s: %s", path, errno == ENOENT ? "it is not there" : "it cannot be read");
    fseek(file, 0, SEEK_END);
    *length = ftell(file);
    fclose(file);
    return OK;
}

// Files.

static enum status files(const char *path) {
    title("files");
    FILE *file = fopen(path, "w+b");
    if (file == NULL) return complain(NO_FILE, "%s", path);
    for (int i = 0; i < 1000; i++) fprintf(file, "line %d: %.3f\n", i, sqrt(i));
    long length = ftell(file);
    rewind(file);
    char line[64];
    int lines = 0;
    double sum = 0;
    while (fgets(line, sizeof line, file)) {
        int number;
        double root;
        if (sscanf(line, "line %d: %lf", &number, &root) == 2 && number == lines) sum += root;
        lines++;
    }
    printf("%ld bytes, %d lines, sum %.3f, at end: %d\n", length, lines, sum, !!feof(file));
    fseek(file, -9, SEEK_END);
    printf("the end: %s", fgets(line, sizeof line, file));
    fseek(file, 5, SEEK_SET);
    fputs("ZERO", file);
    fseek(file, 0, SEEK_SET);
    int character = fgetc(file);
    ungetc('L', file);
    printf("%c, then %s", character, fgets(line, sizeof line, file));
    uint16_t numbers[4] = {1, 2, 3, 0xfffe}, back[4] = {0};
    fseek(file, 100, SEEK_SET);
    size_t put = fwrite(numbers, sizeof *numbers, 4, file);
    fseek(file, 100, SEEK_SET);
    size_t got = fread(back, sizeof *back, 4, file);
    printf("%zu put, %zu got, %s\n", put, got, memcmp(numbers, back, sizeof back) == 0 ? "the same" : "different");
    fclose(file);
    file = fopen(path, "a");
    if (file == NULL) return complain(NO_FILE, "%s", path);
    fprintf(file, "and one more\n");
    fclose(file);

    char other[256];
    snprintf(other, sizeof other, "%s.renamed", path);
    long after = 0;
    if (rename(path, other) != 0) return complain(NO_FILE, "%s cannot be renamed", path);
    enum status gone = length_of("no/such/file", &after), there = length_of(other, &after);
    printf("%d %d, %ld bytes\n", gone, there, after);
    printf("renamed back: %d, removed: %d\n", rename(other, path), remove("no/such/file") == -1);
    return OK;
}

int main(int argc, char **argv) {
    title("arguments");
    printf("%d:", argc);
    for (int i = 1; i < argc; i++) printf(" [%s]", argv[i]);
    printf("%s\n", argv[argc] == NULL ? "" : " and more");
    if (argc < 2) return 2;

    integers();
    floats();
    functions();
    memory();
    strings();

    title("time");
    time_t moment = 1234567890;
    char text[64];
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S %a %j", gmtime(&moment));
    printf("%s, %s\n", text, time(NULL) > moment ? "later now" : "earlier now");

    title("errors");
    int failures = 0;
    for (int i = 2; i < argc; i++) {
        long value;
        if (parse(argv[i], 1000, &value) == OK) printf("%ld\n", value);
        else failures++;
    }
    failures += files(argv[1]) != OK;
    fflush(stdout);
    fprintf(stderr, "%d failures\n", failures);
    return failures;
}
