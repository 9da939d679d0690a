/* Bytes: the sieve of Eratosthenes up to 5,000,000, ten times; the result is ten times the number of primes. */
#include "workload.h"

enum { LIMIT = 5000000, ROUNDS = 10 };

static uint8_t prime[LIMIT + 1];

static KEEP int64_t count_primes(void) {
    for (int64_t i = 0; i <= LIMIT; i++) {
        prime[i] = 1;
    }
    prime[0] = prime[1] = 0;
    for (int64_t i = 2; i * i <= LIMIT; i++) {
        if (prime[i]) {
            for (int64_t multiple = i * i; multiple <= LIMIT; multiple += i) {
                prime[multiple] = 0;
            }
        }
    }
    int64_t count = 0;
    for (int64_t i = 0; i <= LIMIT; i++) {
        count += prime[i];
    }
    return count;
}

int64_t run(void) {
    int64_t total = 0;
    for (int round = 0; round < ROUNDS; round++) {
        total += count_primes();
    }
    return total;
}
