/* Floats in arrays: the product of two 256 by 256 matrices, ten times, with a change in between. */
#include "workload.h"

enum { SIZE = 256, ROUNDS = 10 };

static double left[SIZE][SIZE], right[SIZE][SIZE], product[SIZE][SIZE];

static KEEP void multiply(void) {
    for (int row = 0; row < SIZE; row++) {
        for (int column = 0; column < SIZE; column++) {
            double sum = 0;
            for (int k = 0; k < SIZE; k++) {
                sum += left[row][k] * right[k][column];
            }
            product[row][column] = sum;
        }
    }
}

int64_t run(void) {
    for (int row = 0; row < SIZE; row++) {
        for (int column = 0; column < SIZE; column++) {
            left[row][column] = (row * 3 + column * 7) % 11;
            right[row][column] = (row * 5 + column * 2) % 13;
        }
    }
    int64_t total = 0;
    for (int round = 0; round < ROUNDS; round++) {
        multiply();
        total += (int64_t)product[round][SIZE - 1 - round];
        left[round][0] += 1;
    }
    return total;
}
