/* A SUBLEQ machine of 65,536 words of 16 bits runs a program that counts the primes up to 20,000 by trial division, in 951,666,645
   steps. The published value is 2262. */
#include "workload.h"

enum { PORT = 0xFFFF, STOP = 32768, COUNT = 65 };

static const int image[] = {
    58, 60, 54, 61, 61, 6, 59, 61, 9, 59, 61, 12,
    62, 62, 15, 63, 63, 18, 60, 63, 21, 63, 62, 24,
    61, 62, 48, 64, 64, 30, 63, 64, 33, 59, 64, 36,
    61, 64, 42, 57, 57, 36, 59, 64, 9, 57, 57, 0,
    59, 65, 51, 57, 57, 0, 57, 57, -1, 0, 1, -1,
    20000, 0, 0, 0, 0, 0,
};

static uint16_t memory[65536];

/* The program neither reads nor writes characters, but the machine has to be able to. */
static volatile uint16_t port;

static KEEP uint16_t get(void) {
    return port;
}

static KEEP void put(uint16_t character) {
    port = character & 0xFF;
}

static KEEP void interpret(void) {
    uint16_t pc = 0;
    while (pc < STOP) {
        uint16_t a = memory[pc], b = memory[pc + 1], c = memory[pc + 2];
        pc += 3;
        if (a == PORT) {
            memory[b] = get();
        } else if (b == PORT) {
            put(memory[a]);
        } else {
            uint16_t result = memory[b] - memory[a];
            memory[b] = result;
            if ((int16_t)result <= 0) {
                pc = c;
            }
        }
    }
}

int64_t run(void) {
    for (unsigned i = 0; i < sizeof image / sizeof image[0]; i++) {
        memory[i] = image[i];
    }
    interpret();
    return memory[COUNT];
}
