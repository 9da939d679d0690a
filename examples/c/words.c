// Counts lines, words and bytes of files, and shows the ten most frequent words.
//
//   examples/c/run.sh words README.md

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct word {
    char *text;
    long count;
    struct word *next;
};

enum { BUCKETS = 4096 };
static struct word *table[BUCKETS];
static long distinct;

static void *allocate(size_t size) {
    void *memory = malloc(size);
    if (memory == NULL) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    return memory;
}

static void add(const char *text, size_t length) {
    unsigned hash = 5381;
    for (size_t i = 0; i < length; i++) hash = hash * 33 ^ (unsigned char)text[i];
    struct word **slot = &table[hash % BUCKETS];
    for (struct word *word = *slot; word != NULL; word = word->next) {
        if (strlen(word->text) == length && memcmp(word->text, text, length) == 0) {
            word->count++;
            return;
        }
    }
    struct word *word = allocate(sizeof *word);
    word->text = allocate(length + 1);
    memcpy(word->text, text, length);
    word->text[length] = '\0';
    word->count = 1;
    word->next = *slot;
    *slot = word;
    distinct++;
}

static int by_count(const void *a, const void *b) {
    const struct word *one = *(struct word *const *)a, *other = *(struct word *const *)b;
    if (one->count != other->count) return one->count < other->count ? 1 : -1;
    return strcmp(one->text, other->text);
}

static int count(const char *name) {
    FILE *file = fopen(name, "r");
    if (file == NULL) {
        perror(name);
        return 1;
    }
    long lines = 0, words = 0, bytes = 0;
    char word[256];
    size_t length = 0;
    for (int c; (c = getc(file)) != EOF;) {
        bytes++;
        lines += c == '\n';
        if (isalnum(c)) {
            if (length < sizeof word) word[length++] = (char)tolower(c);
        } else if (length > 0) {
            add(word, length);
            words++;
            length = 0;
        }
    }
    if (length > 0) {
        add(word, length);
        words++;
    }
    fclose(file);
    printf("%8ld %8ld %8ld %s\n", lines, words, bytes, name);
    return 0;
}

int main(int argc, char **argv) {
    int status = 0;
    if (argc < 2) {
        fprintf(stderr, "which files? %s FILE...\n", argv[0]);
        return 64;
    }
    for (int i = 1; i < argc; i++) status |= count(argv[i]);
    struct word **all = allocate(sizeof *all * (size_t)(distinct + 1));
    size_t n = 0;
    for (int i = 0; i < BUCKETS; i++)
        for (struct word *word = table[i]; word != NULL; word = word->next) all[n++] = word;
    qsort(all, n, sizeof *all, by_count);
    for (size_t i = 0; i < n && i < 10; i++)
        printf("%8ld %5.1f %% %s\n", all[i]->count, 100.0 * (double)all[i]->count / (double)all[0]->count, all[i]->text);
    return status;
}
