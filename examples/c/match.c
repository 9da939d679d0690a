// Prints the lines of standard input that match a regular expression: . [a-z] [^a-z] ^ $ * + ? | ( )
//
//   examples/c/run.sh match '(fault|trap)s?[ .]' < README.md
//
// The expression becomes a small program for a matcher that follows all ways through it at once (Thompson, 1968), so no
// expression takes more time than its length times that of the line.

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { CHARACTER, ANY, SET, BEGIN, END, SPLIT, JUMP, MATCH };

struct instruction {
    enum kind kind;
    int x, y; // targets
    unsigned char set[32];
};

enum { MOST = 2000 };
static struct instruction program[MOST];
static int length;
static const char *at;

static void fail(const char *why) {
    fprintf(stderr, "wrong expression: %s at `%s`\n", why, at);
    exit(2);
}

static int emit(enum kind kind) {
    if (length == MOST) fail("too long");
    program[length].kind = kind;
    return length++;
}

// Makes room for an instruction in front of others.
static void insert(int where, enum kind kind) {
    emit(kind);
    for (int i = length - 1; i > where; i--) {
        program[i] = program[i - 1];
        if (program[i].kind == SPLIT || program[i].kind == JUMP) {
            if (program[i].x >= where) program[i].x++;
            if (program[i].y >= where) program[i].y++;
        }
    }
    memset(&program[where], 0, sizeof program[where]);
    program[where].kind = kind;
}

static void alternatives(void);

static void set(void) {
    bool inverted = *at == '^';
    at += inverted;
    unsigned char *bits = program[emit(SET)].set;
    do {
        unsigned char low = (unsigned char)*at, high = low;
        if (low == '\0') fail("a set without end");
        if (at[1] == '-' && at[2] != ']' && at[2] != '\0') {
            high = (unsigned char)at[2];
            at += 2;
        }
        for (int c = low; c <= high; c++) bits[c / 8] |= (unsigned char)(1 << c % 8);
        at++;
    } while (*at != ']');
    at++;
    if (inverted)
        for (int i = 0; i < 32; i++) bits[i] = (unsigned char)~bits[i];
}

static void one(void) {
    int start = length;
    switch (*at++) {
    case '(':
        alternatives();
        if (*at++ != ')') at--, fail("`)` is missing");
        break;
    case '[': set(); break;
    case '.': emit(ANY); break;
    case '^': emit(BEGIN); break;
    case '$': emit(END); break;
    case '*': case '+': case '?': at--; fail("nothing to repeat");
    case '\\':
        if (*at == '\0') fail("`\\` at the end");
        at++; // fall through
    default: program[emit(CHARACTER)].x = (unsigned char)at[-1];
    }
    for (; *at == '*' || *at == '+' || *at == '?'; at++) {
        if (*at == '+') {
            int split = emit(SPLIT);
            program[split].x = start;
            program[split].y = split + 1;
            continue;
        }
        insert(start, SPLIT);
        program[start].x = start + 1;
        if (*at == '*') {
            int jump = emit(JUMP);
            program[jump].x = program[jump].y = start;
        }
        program[start].y = length;
    }
}

static void alternatives(void) {
    int start = length;
    while (*at != '\0' && *at != '|' && *at != ')') one();
    if (*at != '|') return;
    at++;
    insert(start, SPLIT);
    int jump = emit(JUMP);
    program[start].x = start + 1;
    program[start].y = length;
    alternatives();
    program[jump].x = program[jump].y = length;
}

// Adds a place and all that it leads to without a character.
static void follow(int where, bool *places, bool begin, bool end) {
    if (places[where]) return;
    places[where] = true;
    switch (program[where].kind) {
    case JUMP: follow(program[where].x, places, begin, end); break;
    case SPLIT:
        follow(program[where].x, places, begin, end);
        follow(program[where].y, places, begin, end);
        break;
    case BEGIN: if (begin) follow(where + 1, places, begin, end); break;
    case END: if (end) follow(where + 1, places, begin, end); break;
    default: break;
    }
}

static bool matches(const char *line) {
    static bool now[MOST], next[MOST];
    memset(now, 0, sizeof now);
    for (const char *c = line;; c++) {
        follow(0, now, c == line, *c == '\0');
        if (now[length - 1]) return true;
        if (*c == '\0') return false;
        memset(next, 0, sizeof next);
        for (int i = 0; i < length; i++) {
            if (!now[i]) continue;
            unsigned char byte = (unsigned char)*c;
            bool is_match = program[i].kind == ANY || (program[i].kind == CHARACTER && program[i].x == byte) ||
                            (program[i].kind == SET && program[i].set[byte / 8] >> byte % 8 & 1);
            if (is_match) follow(i + 1, next, false, c[1] == '\0');
        }
        memcpy(now, next, sizeof now);
    }
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "which expression? %s EXPRESSION\n", argv[0]);
        return 64;
    }
    at = argv[1];
    alternatives();
    if (*at != '\0') fail("`)` without `(`");
    emit(MATCH);
    static char line[65536];
    bool found = false;
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (!matches(line)) continue;
        puts(line);
        found = true;
    }
    return found ? 0 : 1;
}
