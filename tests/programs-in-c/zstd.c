// Compresses a file with zstd at every level from 1 to 19, in one piece and as a stream with a checksum, and each result back
// again. The results go to standard output, one after the other; what was done goes to standard error: zstd FILE

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "zstd.h"

static void *allocate(size_t size) {
    void *memory = malloc(size);
    if (memory == NULL) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    return memory;
}

static size_t checked(size_t result, const char *what) {
    if (ZSTD_isError(result)) {
        fprintf(stderr, "%s: %s\n", what, ZSTD_getErrorName(result));
        exit(1);
    }
    return result;
}

static size_t stream(const char *data, size_t size, char *out, size_t room, int level) {
    ZSTD_CCtx *context = ZSTD_createCCtx();
    checked(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level), "level");
    checked(ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1), "checksum");
    ZSTD_outBuffer output = {out, room, 0};
    // In pieces whose sizes are odd.
    for (size_t start = 0, piece = 1000; start < size; piece = piece * 3 / 2 + 1) {
        size_t length = piece < size - start ? piece : size - start;
        ZSTD_inBuffer input = {data + start, length, 0};
        start += length;
        ZSTD_EndDirective end = start == size ? ZSTD_e_end : ZSTD_e_continue;
        size_t left;
        do left = checked(ZSTD_compressStream2(context, &output, &input, end), "stream");
        while (end == ZSTD_e_end ? left != 0 : input.pos != input.size);
    }
    ZSTD_freeCCtx(context);
    return output.pos;
}

static void compare(const char *data, size_t size, const char *packed, size_t packed_size, char *back) {
    memset(back, 0, size);
    size_t length = checked(ZSTD_decompress(back, size, packed, packed_size), "back");
    if (length != size || memcmp(data, back, size) != 0) {
        fprintf(stderr, "not the same again\n");
        exit(1);
    }
}

int main(int argc, char **argv) {
    FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
    if (file == NULL) {
        fprintf(stderr, "usage: zstd FILE\n");
        return 2;
    }
    fseek(file, 0, SEEK_END);
    size_t size = (size_t)ftell(file), room = ZSTD_compressBound(size);
    rewind(file);
    char *data = allocate(size), *packed = allocate(room), *back = allocate(size);
    if (fread(data, 1, size, file) != size) return 1;
    fclose(file);
    for (int level = 1; level <= 19; level++) {
        size_t whole = checked(ZSTD_compress(packed, room, data, size, level), "whole");
        fwrite(packed, 1, whole, stdout);
        compare(data, size, packed, whole, back);
        size_t streamed = stream(data, size, packed, room, level);
        fwrite(packed, 1, streamed, stdout);
        compare(data, size, packed, streamed, back);
        fprintf(stderr, "level %d: %zu bytes, %zu, %zu\n", level, size, whole, streamed);
        // What is damaged is refused, or found out by the checksum.
        packed[streamed / 2] ^= 0x10;
        size_t damaged = ZSTD_decompress(back, size, packed, streamed);
        fprintf(stderr, "damaged: %s\n", ZSTD_isError(damaged) ? ZSTD_getErrorName(damaged) : "not found");
    }
    free(data);
    free(packed);
    free(back);
    return ferror(stdout) || fflush(stdout) != 0;
}
