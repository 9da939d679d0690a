/* Small integers in arrays: fannkuch of 10, as in the Computer Language Benchmarks Game; checksum * 1000 + largest. */
#include "workload.h"

enum { N = 10 };

static int64_t permutation[N], copy[N], counters[N];

static KEEP int64_t flips(void) {
    int64_t count = 0, first;
    while ((first = copy[0]) != 0) {
        for (int64_t low = 0, high = first; low < high; low++, high--) {
            int64_t kept = copy[low];
            copy[low] = copy[high];
            copy[high] = kept;
        }
        count++;
    }
    return count;
}

int64_t run(void) {
    int64_t r = N, number = 0, checksum = 0, largest = 0;
    for (int64_t i = 0; i < N; i++) {
        permutation[i] = i;
    }
    for (;;) {
        for (; r != 1; r--) {
            counters[r - 1] = r;
        }
        for (int64_t i = 0; i < N; i++) {
            copy[i] = permutation[i];
        }
        int64_t count = flips();
        if (count > largest) {
            largest = count;
        }
        checksum += (number & 1) == 0 ? count : -count;
        number++;
        for (;;) {
            if (r == N) {
                return checksum * 1000 + largest;
            }
            int64_t kept = permutation[0];
            for (int64_t i = 0; i < r; i++) {
                permutation[i] = permutation[i + 1];
            }
            permutation[r] = kept;
            counters[r]--;
            if (counters[r] > 0) {
                break;
            }
            r++;
        }
    }
}
