/* Runs a workload once and prints its result and the seconds that it took. */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "workload.h"

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

int main(void) {
    double start = seconds();
    int64_t result = run();
    double end = seconds();
    printf("%" PRId64 " %.6f\n", result, end - start);
    return 0;
}
