/* What is called. */
#include <stdint.h>
int64_t add(int64_t a, int64_t b) { return a + b; }
double addf(double a, double b) { return a + b; }
int64_t add8(int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t f, int64_t g, int64_t h) {
  return a + b + c + d + e + f + g + h;
}
