/* The library is opened at run time, as the machine does it: no headers of SQLite are needed to build this. */
#include <dlfcn.h>
#include <stdio.h>
static int row(void *context, int columns, char **texts, char **names) {
  (void)columns;
  (void)names;
  ++*(long *)context;
  printf("%s has %s\n", texts[0], texts[1]);
  return 0;
}
int main(void) {
  void *lib = dlopen("libsqlite3.so.0", RTLD_NOW);
  if (!lib) return 1;
  int (*open)(const char *, void **) = dlsym(lib, "sqlite3_open");
  int (*exec)(void *, const char *, int (*)(void *, int, char **, char **), void *, char **) = dlsym(lib, "sqlite3_exec");
  int (*prepare)(void *, const char *, int, void **, const char **) = dlsym(lib, "sqlite3_prepare_v2");
  int (*bind_int)(void *, int, int) = dlsym(lib, "sqlite3_bind_int");
  int (*bind_text)(void *, int, const char *, int, void (*)(void *)) = dlsym(lib, "sqlite3_bind_text");
  int (*step)(void *) = dlsym(lib, "sqlite3_step");
  int (*reset)(void *) = dlsym(lib, "sqlite3_reset");
  int (*finalize)(void *) = dlsym(lib, "sqlite3_finalize");
  const char *(*errmsg)(void *) = dlsym(lib, "sqlite3_errmsg");
  int (*close)(void *) = dlsym(lib, "sqlite3_close");
  const struct { const char *name; int moons; } planets[] = {{"Mercury", 0}, {"Earth", 1}, {"Mars", 2}, {"Jupiter", 95}, {"Neptune", 16}};
  void *db, *query;
  long rows = 0;
  if (open(":memory:", &db)) return 1;
  if (exec(db, "CREATE TABLE planet (name TEXT, moons INTEGER)", NULL, NULL, NULL)) return 1;
  if (prepare(db, "INSERT INTO planet VALUES (?1, ?2)", -1, &query, NULL)) return 1;
  for (int i = 0; i < 5; i++) {
    if (bind_text(query, 1, planets[i].name, -1, (void (*)(void *))-1)) return 1;
    if (bind_int(query, 2, planets[i].moons) || step(query) != 101 || reset(query)) return 1;
  }
  finalize(query);
  if (exec(db, "SELECT name, moons FROM planet WHERE moons > 0 ORDER BY moons DESC, name", row, &rows, NULL)) return 1;
  printf("%ld rows\n", rows);
  if (!exec(db, "SELECT * FROM star", NULL, NULL, NULL)) return 1;
  puts(errmsg(db));
  return close(db);
}
