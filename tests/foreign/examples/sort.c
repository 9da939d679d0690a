#include <stdio.h>
#include <stdlib.h>
static int compare(const void *a, const void *b) {
  long x = *(const long *)a, y = *(const long *)b;
  return (x > y) - (x < y);
}
int main(void) {
  long values[] = {31, -4, 15, 92, -65, 35, 8, 97, 0, -93};
  qsort(values, 10, sizeof *values, compare);
  for (int i = 0; i < 10; i++) printf("%ld ", values[i]);
  putchar('\n');
  return 0;
}
