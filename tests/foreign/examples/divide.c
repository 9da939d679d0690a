#include <stdio.h>
#include <stdlib.h>
int main(void) {
  div_t ints = div(-17, 5);
  ldiv_t longs = ldiv(1000000000007, 1000);
  printf("div(-17, 5) = %d, %d\n", ints.quot, ints.rem);
  printf("ldiv(1000000000007, 1000) = %ld, %ld\n", longs.quot, longs.rem);
  return 0;
}
