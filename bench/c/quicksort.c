/* Pointers: sorts 2,000,000 pseudo-random 64-bit integers with Hoare's quicksort; the sum of v[i] * (i + 1), wrapping. */
#include "workload.h"

enum { N = 2000000 };

static int64_t values[N];

static KEEP void sort(int64_t *low, int64_t *high) {
    while (low < high) {
        int64_t pivot = low[(high - low) / 2], *i = low - 1, *j = high + 1;
        for (;;) {
            do {
                i++;
            } while (*i < pivot);
            do {
                j--;
            } while (*j > pivot);
            if (i >= j) {
                break;
            }
            int64_t kept = *i;
            *i = *j;
            *j = kept;
        }
        sort(low, j);
        low = j + 1;
    }
}

int64_t run(void) {
    uint64_t state = 42, sum = 0;
    for (int64_t i = 0; i < N; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        values[i] = (int64_t)state >> 20;
    }
    sort(values, values + N - 1);
    for (int64_t i = 0; i < N; i++) {
        sum += (uint64_t)values[i] * (uint64_t)(i + 1);
    }
    return (int64_t)sum;
}
