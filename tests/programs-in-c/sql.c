// Runs a script of SQL statements with SQLite, and prints what comes back: sql DATABASE SCRIPT. An error is printed and the
// script goes on. A line `.open FILE` between two statements closes the database and opens another, or the same again.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sqlite3.h"

static sqlite3 *database;
static long statements, rows, errors;

// Functions of this program that SQLite calls.

static void reverse(sqlite3_context *context, int count, sqlite3_value **values) {
    (void)count;
    const unsigned char *text = sqlite3_value_text(values[0]);
    if (text == NULL) return;
    int length = sqlite3_value_bytes(values[0]);
    char *turned = sqlite3_malloc(length + 1);
    if (turned == NULL) {
        sqlite3_result_error_nomem(context);
        return;
    }
    for (int i = 0; i < length; i++) turned[i] = (char)text[length - 1 - i];
    sqlite3_result_text(context, turned, length, sqlite3_free);
}

struct product {
    int begun;
    double value;
};

static void product_step(sqlite3_context *context, int count, sqlite3_value **values) {
    (void)count;
    struct product *product = sqlite3_aggregate_context(context, sizeof *product);
    if (product == NULL) return;
    if (!product->begun) *product = (struct product){1, 1};
    product->value *= sqlite3_value_double(values[0]);
}

static void product_final(sqlite3_context *context) {
    struct product *product = sqlite3_aggregate_context(context, 0);
    if (product == NULL) sqlite3_result_null(context);
    else sqlite3_result_double(context, product->value);
}

static int by_length(void *data, int left_length, const void *left, int right_length, const void *right) {
    (void)data;
    if (left_length != right_length) return left_length - right_length;
    return memcmp(left, right, (size_t)left_length);
}

static int progress(void *data) {
    ++*(long *)data;
    return 0;
}

static long progressed;

static void open(const char *path) {
    if (sqlite3_open(path, &database) != SQLITE_OK) {
        fprintf(stderr, "%s: %s\n", path, sqlite3_errmsg(database));
        exit(1);
    }
    sqlite3_create_function(database, "reverse", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL, reverse, NULL, NULL);
    sqlite3_create_function(database, "product", 1, SQLITE_UTF8, NULL, NULL, product_step, product_final);
    sqlite3_create_collation(database, "length", SQLITE_UTF8, NULL, by_length);
    sqlite3_progress_handler(database, 1000, progress, &progressed);
}

static void close(void) {
    int status = sqlite3_close(database);
    if (status != SQLITE_OK) printf("close: %d\n", status);
}

static void print_value(sqlite3_stmt *statement, int column) {
    switch (sqlite3_column_type(statement, column)) {
        case SQLITE_INTEGER: printf("%lld", (long long)sqlite3_column_int64(statement, column)); break;
        // As C formats it, and as SQLite does.
        case SQLITE_FLOAT: {
            double value = sqlite3_column_double(statement, column);
            printf("%.17g (%s)", value, (const char *)sqlite3_column_text(statement, column));
            break;
        }
        case SQLITE_TEXT: printf("%s", (const char *)sqlite3_column_text(statement, column)); break;
        case SQLITE_BLOB: {
            const unsigned char *bytes = sqlite3_column_blob(statement, column);
            int length = sqlite3_column_bytes(statement, column);
            printf("x'");
            for (int i = 0; i < length; i++) printf("%02x", bytes[i]);
            printf("'");
            break;
        }
        default: printf("NULL");
    }
}

static char *contents(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    fseek(file, 0, SEEK_END);
    long length = ftell(file);
    rewind(file);
    char *text = malloc((size_t)length + 1);
    if (text == NULL || fread(text, 1, (size_t)length, file) != (size_t)length) {
        fprintf(stderr, "%s: cannot be read\n", path);
        exit(1);
    }
    text[length] = '\0';
    fclose(file);
    return text;
}

static const char *skip_blank(const char *text) {
    for (;;) {
        while (*text == ' ' || *text == '\t' || *text == '\n') text++;
        if (strncmp(text, "--", 2) != 0) return text;
        while (*text != '\n' && *text != '\0') text++;
    }
}

// Runs one statement; gives what comes behind it.
static const char *run(const char *text) {
    sqlite3_stmt *statement;
    const char *rest;
    statements++;
    if (sqlite3_prepare_v2(database, text, -1, &statement, &rest) != SQLITE_OK) {
        printf("error: %s\n", sqlite3_errmsg(database));
        errors++;
        // The tail after an error is anywhere: the next line that follows a semicolon goes on.
        const char *end = strstr(text, ";\n");
        return end ? end + 1 : text + strlen(text);
    }
    int columns = sqlite3_column_count(statement), status;
    while ((status = sqlite3_step(statement)) == SQLITE_ROW) {
        rows++;
        for (int column = 0; column < columns; column++) {
            if (column > 0) printf("|");
            print_value(statement, column);
        }
        printf("\n");
    }
    if (status != SQLITE_DONE) {
        printf("error: %s\n", sqlite3_errmsg(database));
        errors++;
    } else if (columns == 0 && sqlite3_changes(database) > 0 && !sqlite3_stmt_readonly(statement)) {
        printf("-- %d changes\n", sqlite3_changes(database));
    }
    sqlite3_finalize(statement);
    return rest;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: sql DATABASE SCRIPT\n");
        return 2;
    }
    char *script = contents(argv[2]);
    open(argv[1]);
    const char *text = script;
    while (*(text = skip_blank(text)) != '\0') {
        if (strncmp(text, ".open ", 6) == 0) {
            char path[256];
            if (sscanf(text + 6, "%255s", path) != 1) return 2;
            close();
            open(strcmp(path, "same") == 0 ? argv[1] : path);
            text += strcspn(text, "\n");
        } else {
            text = run(text);
        }
    }
    close();
    free(script);
    printf("%ld statements, %ld rows, %ld errors, SQLite %s, %s\n", statements, rows, errors, sqlite3_libversion(),
           progressed > 0 ? "much was done" : "little was done");
    return 0;
}
