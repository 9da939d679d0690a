/* C through a function pointer, and through libffi. Prints `what nanoseconds` lines. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#ifdef HAVE_FFI
#include <ffi.h>
#endif

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

enum { COUNT = 20000000, ITEMS = 100000 };
static int64_t values[ITEMS];
static void fill(void) {
  uint64_t x = 1;
  for (int i = 0; i < ITEMS; i++) {
    x = x * 6364136223846793005u + 1442695040888963407u;
    values[i] = x >> 33;
  }
}
static int compare(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}
static long comparisons;
static int counting(const void *a, const void *b) { comparisons++; return compare(a, b); }

int main(void) {
  void *library = dlopen("./libforeign.so", RTLD_NOW);
  int64_t (*volatile add)(int64_t, int64_t) = dlsym(library, "add");
  int64_t sum = 0;
  double start = now();
  for (int64_t i = 0; i < COUNT; i++) sum = add(sum, i);
  printf("add %f\n", (now() - start) / COUNT);

  int (*volatile order)(const void *, const void *) = counting;
  fill();
  qsort(values, ITEMS, 8, order);
  printf("comparisons %ld\n", comparisons);
  order = compare;
  double best = 1e18;
  for (int round = 0; round < 5; round++) {
    fill();
    start = now();
    qsort(values, ITEMS, 8, order);
    double took = now() - start;
    if (took < best) best = took;
  }
  printf("qsort %f\n", best);
#ifdef HAVE_FFI
  ffi_cif cif;
  ffi_type *types[2] = {&ffi_type_sint64, &ffi_type_sint64};
  ffi_prep_cif(&cif, FFI_DEFAULT_ABI, 2, &ffi_type_sint64, types);
  int64_t a, b;
  void *args[2] = {&a, &b};
  ffi_arg result = 0;
  start = now();
  for (int64_t i = 0; i < COUNT; i++) {
    a = (int64_t)result;
    b = i;
    ffi_call(&cif, (void (*)(void))add, &result, args);
  }
  printf("libffi-add %f\n", (now() - start) / COUNT);
  extern void closure_compare(ffi_cif *, void *, void **, void *);
  ffi_cif order_cif;
  ffi_type *pointers[2] = {&ffi_type_pointer, &ffi_type_pointer};
  ffi_prep_cif(&order_cif, FFI_DEFAULT_ABI, 2, &ffi_type_sint32, pointers);
  void *code;
  ffi_closure *closure = ffi_closure_alloc(sizeof *closure, &code);
  ffi_prep_closure_loc(closure, &order_cif, closure_compare, NULL, code);
  best = 1e18;
  for (int round = 0; round < 5; round++) {
    fill();
    start = now();
    qsort(values, ITEMS, 8, (int (*)(const void *, const void *))code);
    double took = now() - start;
    if (took < best) best = took;
  }
  printf("libffi-qsort %f\n", best);
#endif
  fprintf(stderr, "%ld\n", (long)(sum + values[5]));
  return 0;
}
#ifdef HAVE_FFI
void closure_compare(ffi_cif *cif, void *result, void **args, void *data) {
  (void)cif;
  (void)data;
  *(ffi_sarg *)result = compare(*(void **)args[0], *(void **)args[1]);
}
#endif
