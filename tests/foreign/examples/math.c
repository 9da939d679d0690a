#include <math.h>
#include <stdio.h>
int main(void) {
  volatile double one = 1, two = 2, three = 3;
  printf("cos(1) = %.17g\n", cos(one));
  printf("pow(2, 0.5) = %.17g\n", pow(two, 0.5));
  printf("fma(3, 4, 5) = %g\n", fma(three, 4, 5));
  printf("sqrtf(2) = %.9g\n", sqrtf((float)two));
  printf("ldexp(0.75, 10) = %g\n", ldexp(0.75, 10));
  printf("lround(-2.5) = %ld\n", lround(-2.5));
  int exponent;
  double fraction = frexp(40, &exponent);
  printf("frexp(40) = %g * 2^%d\n", fraction, exponent);
  return 0;
}
