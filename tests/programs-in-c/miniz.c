// Compresses a file with miniz at every level, as zlib's format, and back; then puts it into a zip archive in memory and reads
// that. The results go to standard output, what was done to standard error: miniz FILE

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "miniz.h"

static int fail(const char *what) {
    fprintf(stderr, "%s\n", what);
    return 1;
}

int main(int argc, char **argv) {
    FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
    if (file == NULL) return fail("usage: miniz FILE");
    fseek(file, 0, SEEK_END);
    mz_ulong size = (mz_ulong)ftell(file), room = mz_compressBound(size);
    rewind(file);
    unsigned char *data = malloc(size), *packed = malloc(room), *back = malloc(size);
    if (data == NULL || packed == NULL || back == NULL) return fail("out of memory");
    if (fread(data, 1, size, file) != size) return fail("read");
    fclose(file);
    fprintf(stderr, "crc %08lx, adler %08lx\n", (unsigned long)mz_crc32(MZ_CRC32_INIT, data, size),
            (unsigned long)mz_adler32(MZ_ADLER32_INIT, data, size));
    for (int level = 0; level <= 10; level++) {
        mz_ulong length = room, again = size;
        if (mz_compress2(packed, &length, data, size, level) != MZ_OK) return fail("compress");
        // For level 1 miniz has another way on x86, whose results are others; they only have to come back.
        if (level != 1) fwrite(packed, 1, length, stdout);
        memset(back, 0, size);
        if (mz_uncompress(back, &again, packed, length) != MZ_OK || again != size || memcmp(data, back, size) != 0) return fail("not the same again");
        if (level != 1) fprintf(stderr, "level %d: %lu bytes\n", level, (unsigned long)length);
    }

    mz_zip_archive zip;
    memset(&zip, 0, sizeof zip);
    void *archive;
    size_t length;
    if (!mz_zip_writer_init_heap(&zip, 0, 0) || !mz_zip_writer_add_mem(&zip, "folder/file.txt", data, size, 9) ||
        !mz_zip_writer_add_mem_ex(&zip, "empty", "", 0, "a comment", 9, MZ_NO_COMPRESSION, 0, 0) ||
        !mz_zip_writer_finalize_heap_archive(&zip, &archive, &length))
        return fail("archive");
    mz_zip_writer_end(&zip);
    memset(&zip, 0, sizeof zip);
    if (!mz_zip_reader_init_mem(&zip, archive, length, 0)) return fail("archive is not one");
    for (mz_uint i = 0; i < mz_zip_reader_get_num_files(&zip); i++) {
        mz_zip_archive_file_stat stat;
        if (!mz_zip_reader_file_stat(&zip, i, &stat)) return fail("no entry");
        size_t unpacked;
        void *contents = mz_zip_reader_extract_to_heap(&zip, i, &unpacked, 0);
        fprintf(stderr, "%s: %lu bytes of %lu, crc %08lx, %s\n", stat.m_filename, (unsigned long)stat.m_comp_size, (unsigned long)stat.m_uncomp_size,
                (unsigned long)stat.m_crc32, stat.m_uncomp_size == 0 || (contents != NULL && memcmp(contents, data, size) == 0) ? "the same" : "different");
        mz_free(contents);
    }
    mz_zip_reader_end(&zip);
    mz_free(archive);
    free(data);
    free(packed);
    free(back);
    return fflush(stdout) != 0;
}
