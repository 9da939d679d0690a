/* The same as map.cvma with a table like that of std/map, to see what the memory allows. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { COUNT = 1000000 };

struct pair {
  uint64_t key, value;
};

static struct pair *table;
static uint64_t mask, used;
static int shift = 64;

/* Keys are never 0 here. */
static struct pair *place(struct pair *in, uint64_t key) {
  uint64_t at = (key * UINT64_C(0x9e3779b97f4a7c15)) >> shift;
  while (in[at].key != 0 && in[at].key != key) at = (at + 1) & mask;
  return in + at;
}

static void grow(void) {
  uint64_t old = table ? mask + 1 : 0, size = old ? 2 * old : 16;
  struct pair *from = table;
  shift = 64 - __builtin_ctzll(size);
  mask = size - 1;
  table = calloc(size, sizeof *table);
  for (uint64_t i = 0; i < old; i++)
    if (from[i].key) *place(table, from[i].key) = from[i];
  free(from);
}

static void set(uint64_t key, uint64_t value) {
  if (!table || used >= (mask + 1) / 4 * 3) grow();
  struct pair *pair = place(table, key);
  used += pair->key == 0;
  *pair = (struct pair){key, value};
}

static uint64_t step(uint64_t x) {
  x ^= x << 13;
  x ^= x >> 7;
  return x ^ (x << 17);
}

int main(void) {
  uint64_t x = UINT64_C(88172645463325252), sum = 0;
  for (uint64_t i = 0; i < COUNT; i++) set(x = step(x), i);
  x = UINT64_C(88172645463325252);
  for (uint64_t i = 0; i < COUNT; i++) {
    x = step(x);
    sum += place(table, x)->value;
    struct pair *other = place(table, x + 1);
    if (other->key) sum += other->value - 1;
  }
  printf("%" PRId64 "\n", (int64_t)sum);
  return 0;
}
