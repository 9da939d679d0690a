/* Calls: the 35th Fibonacci number by double recursion. */
#include "workload.h"

static KEEP int64_t fib(int64_t n) {
    if (n < 2) {
        return n;
    }
    return fib(n - 1) + fib(n - 2);
}

int64_t run(void) {
    volatile int64_t n = 35;
    return fib(n);
}
