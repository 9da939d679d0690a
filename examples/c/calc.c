// A calculator: one expression a line, with + - * / % ^, parentheses, variables and functions.
//
//   printf 'r = 2.5\npi * r ^ 2\nsqrt(2) * sqrt(8)\n' | examples/c/run.sh calc

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct variable {
    char name[32];
    double value;
};

static struct variable variables[100] = {{"pi", 3.14159265358979323846}, {"e", 2.71828182845904523536}};
static int count = 2;

static const struct {
    const char *name;
    double (*function)(double);
} functions[] = {{"sqrt", sqrt}, {"sin", sin}, {"cos", cos}, {"exp", exp}, {"log", log}, {"floor", floor}, {"abs", fabs}};

static const char *at;
static const char *wrong;

static double sum(void);

static void skip(void) {
    while (isspace((unsigned char)*at)) at++;
}

static int take(char c) {
    skip();
    if (*at != c) return 0;
    at++;
    return 1;
}

static double fail(const char *why) {
    if (wrong == NULL) wrong = why;
    return 0;
}

static int word(char *into, size_t size) {
    size_t n = 0;
    skip();
    while (isalnum((unsigned char)*at) || *at == '_') {
        if (n + 1 < size) into[n++] = *at;
        at++;
    }
    into[n] = '\0';
    return n > 0;
}

static struct variable *find(const char *name) {
    for (int i = 0; i < count; i++)
        if (strcmp(variables[i].name, name) == 0) return &variables[i];
    return NULL;
}

static double primary(void) {
    if (take('(')) {
        double value = sum();
        return take(')') ? value : fail("`)` is missing");
    }
    skip();
    if (isdigit((unsigned char)*at) || *at == '.') {
        char *end;
        double value = strtod(at, &end);
        at = end;
        return value;
    }
    char name[32];
    if (!word(name, sizeof name)) return fail("a value is missing");
    if (take('(')) {
        double value = sum();
        if (!take(')')) return fail("`)` is missing");
        for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
            if (strcmp(functions[i].name, name) == 0) return functions[i].function(value);
        return fail("there is no such function");
    }
    struct variable *variable = find(name);
    return variable != NULL ? variable->value : fail("there is no such variable");
}

static double power(void) {
    if (take('-')) return -power();
    double base = primary();
    return take('^') ? pow(base, power()) : base;
}

static double product(void) {
    double value = power();
    for (;;) {
        if (take('*')) value *= power();
        else if (take('/')) value /= power();
        else if (take('%')) value = fmod(value, power());
        else return value;
    }
}

static double sum(void) {
    double value = product();
    for (;;) {
        if (take('+')) value += product();
        else if (take('-')) value -= product();
        else return value;
    }
}

static void evaluate(const char *line) {
    char name[32];
    at = line;
    wrong = NULL;
    int is_assignment = word(name, sizeof name) && take('=');
    if (!is_assignment) at = line;
    double value = sum();
    skip();
    if (*at != '\0') fail("something is left over");
    if (wrong != NULL) {
        printf("%s, at column %d\n", wrong, (int)(at - line) + 1);
        return;
    }
    if (is_assignment) {
        struct variable *variable = find(name);
        if (variable == NULL && count == sizeof variables / sizeof *variables) {
            puts("too many variables");
            return;
        }
        if (variable == NULL) {
            variable = &variables[count++];
            strcpy(variable->name, name);
        }
        variable->value = value;
    }
    printf("%.15g\n", value);
}

int main(void) {
    char line[1000];
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        at = line;
        skip();
        if (*at != '\0') evaluate(line);
    }
    return 0;
}
