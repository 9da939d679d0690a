/* What the cases in tests/cases/foreign call. Types and values are tested by generated C (tests/tests/foreign.rs); here is
   what needs a behaviour of its own. */

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Versions of one symbol. */
int versioned_old(void) { return 1; }
int versioned_new(void) { return 2; }
__asm__(".symver versioned_old, versioned@CVMTEST_1");
__asm__(".symver versioned_new, versioned@@CVMTEST_2");

/* Objects. */
int32_t counter = 41;
const char *const greeting = "good day";

/* Buffers. */
void fill(uint8_t *buffer, uint64_t length, uint8_t value) { memset(buffer, value, length); }
uint64_t sum(const uint8_t *buffer, uint64_t length) {
  uint64_t total = 0;
  for (uint64_t i = 0; i < length; i++) total += buffer[i];
  return total;
}
uint64_t sum_cells(const uint64_t *cells, uint64_t count) {
  uint64_t total = 0;
  for (uint64_t i = 0; i < count; i++) total += cells[i];
  return total;
}
uint64_t sum_matrix(const uint8_t *bytes, uint32_t rows, uint32_t columns) { return sum(bytes, (uint64_t)rows * columns); }
void sixteen(uint8_t *buffer) { memset(buffer, 7, 16); }
int32_t signed_length(const void *buffer, int32_t length) { return buffer ? length : -1; }
void *same(void *pointer) { return pointer; }
const char *same_text(const char *text) { return text; }

/* Pointers to pointers. */
void find_space(const char *text, const char **found) { *found = strchr(text, ' '); }
struct node { struct node *next; int64_t value; };
int64_t sum_list(const struct node *list) {
  int64_t total = 0;
  for (; list; list = list->next) total += list->value;
  return total;
}
struct node *make_list(int64_t count) {
  struct node *list = NULL;
  for (int64_t i = 1; i <= count; i++) {
    struct node *node = malloc(sizeof *node);
    node->next = list;
    node->value = i;
    list = node;
  }
  return list;
}

/* errno. */
int32_t set_errno(int32_t value) { errno = value; return 0; }
int32_t read_errno(void) { return errno; }

/* Callbacks. */
typedef int64_t (*one_argument)(int64_t);
int64_t apply(one_argument function, int64_t value) { return function(value); }
int64_t apply_times(one_argument function, int64_t times) {
  int64_t total = 0;
  for (int64_t i = 0; i < times; i++) total += function(i);
  return total;
}
static one_argument kept;
void keep(one_argument function) { kept = function; }
int64_t call_kept(int64_t value) { return kept ? kept(value) : -1; }
/* The same for each thread: cases run side by side. */
static _Thread_local one_argument kept_here;
void keep_here(one_argument function) { kept_here = function; }
int64_t call_kept_here(int64_t value) { return kept_here(value); }
one_argument give_kept(void) { return kept; }
int64_t negate(int64_t value) { return -value; }
one_argument give_negate(void) { return negate; }
int32_t is_same(one_argument a, one_argument b) { return a == b; }
const char *text_of(const char *(*function)(const char *, void *), const char *text) { return function(text, NULL); }
uint8_t at(uint8_t *(*function)(void)) {
  uint8_t *pointer = function();
  return pointer ? *pointer : 0;
}

static void *on_thread(void *value) { return (void *)kept((int64_t)value); }
int64_t call_kept_on_thread(int64_t value) {
  pthread_t thread;
  void *result = NULL;
  if (pthread_create(&thread, NULL, on_thread, (void *)value)) return -1;
  pthread_join(thread, &result);
  return (int64_t)result;
}

/* Memory that can be used in one way only, or not at all. */
void *map_readable(void) { return mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }
void *map_none(void) { return mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }
/* One page that can be used, with one behind it that cannot. */
void *map_before_hole(void) {
  char *base = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mprotect(base + 4096, 4096, PROT_NONE);
  return base;
}
/* A file's mapping that goes on behind the end of the file. */
void *map_short_file(void) {
  int file = memfd_create("short", 0);
  if (file < 0 || ftruncate(file, 4096)) return NULL;
  void *base = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  return base;
}

/* A handler of C's own for a while: whether it sees a fault that is its own. */
static sigjmp_buf back;
static void on_fault(int signal) { (void)signal; siglongjmp(back, 1); }
int32_t own_handler_works(void) {
  struct sigaction action = {.sa_handler = on_fault, .sa_flags = SA_NODEFER}, before;
  sigaction(SIGSEGV, &action, &before);
  volatile int32_t seen = 0;
  if (sigsetjmp(back, 1)) seen = 1;
  else *(volatile char *)map_none() = 1;
  sigaction(SIGSEGV, &before, NULL);
  return seen;
}

/* A function pointer into another library. */
void *environment(void) { return (void *)getenv; }

/* Ways to crash. */
int32_t crash_segv(int32_t *pointer) { return *(volatile int32_t *)pointer; }
void crash_abort(int64_t a, int64_t b) { (void)a; (void)b; abort(); }
int32_t crash_fpe(int32_t value, int32_t zero) { return value / zero; }
double crash_mixed(float a, int64_t b, double c) {
  volatile double sum = a + (double)b + c;
  if (sum > 0) abort();
  return sum;
}
void crash_ill(void) { __builtin_trap(); }
int64_t crash_stack(int64_t depth) {
  volatile char room[4096];
  room[0] = (char)depth;
  return depth < 0 ? 0 : crash_stack(depth + 1) + room[0];
}
