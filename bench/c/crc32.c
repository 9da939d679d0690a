/* A table and bytes: the CRC-32 (the one of zip and PNG) of 4 MiB of numbers, fed through it sixteen times. */
#include "workload.h"

enum { SIZE = 4 << 20, ROUNDS = 16 };

static uint8_t bytes[SIZE];
static uint32_t table[256];

static KEEP uint32_t crc32(uint32_t crc, const uint8_t *at, uint32_t count) {
    crc = ~crc;
    while (count--) {
        crc = table[(crc ^ *at++) & 255] ^ (crc >> 8);
    }
    return ~crc;
}

int64_t run(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t entry = i;
        for (int bit = 0; bit < 8; bit++) {
            entry = entry & 1 ? 0xEDB88320u ^ (entry >> 1) : entry >> 1;
        }
        table[i] = entry;
    }
    uint32_t state = 12345;
    for (int i = 0; i < SIZE; i++) {
        state = state * 1664525u + 1013904223u;
        bytes[i] = (uint8_t)(state >> 24);
    }
    uint32_t crc = 0;
    for (int round = 0; round < ROUNDS; round++) {
        crc = crc32(crc, bytes, SIZE);
    }
    return crc;
}
