/* Floats in vectors: the spectral norm of 1,000 rows, as in the Computer Language Benchmarks Game, in units of 1e-9. */
#include "workload.h"

enum { N = 1000 };

static double u[N], v[N], half[N];

static KEEP double a(int64_t i, int64_t j) {
    int64_t sum = i + j;
    return 1.0 / (double)((int64_t)((uint64_t)(sum * (sum + 1)) >> 1) + i + 1);
}

static KEEP void multiply(const double *from, double *to) {
    for (int64_t i = 0; i < N; i++) {
        double sum = 0;
        for (int64_t j = 0; j < N; j++) {
            sum += a(i, j) * from[j];
        }
        to[i] = sum;
    }
}

static KEEP void multiply_transposed(const double *from, double *to) {
    for (int64_t i = 0; i < N; i++) {
        double sum = 0;
        for (int64_t j = 0; j < N; j++) {
            sum += a(j, i) * from[j];
        }
        to[i] = sum;
    }
}

static KEEP void both(const double *from, double *to) {
    multiply(from, half);
    multiply_transposed(half, to);
}

static KEEP double dot(const double *x, const double *y) {
    double sum = 0;
    for (int64_t i = 0; i < N; i++) {
        sum += x[i] * y[i];
    }
    return sum;
}

int64_t run(void) {
    for (int64_t i = 0; i < N; i++) {
        u[i] = 1;
    }
    for (int round = 0; round < 10; round++) {
        both(u, v);
        both(v, u);
    }
    return (int64_t)(__builtin_sqrt(dot(u, v) / dot(v, v)) * 1e9);
}
