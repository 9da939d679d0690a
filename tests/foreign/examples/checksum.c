/* The library is opened at run time, as the machine does it: no headers of zlib are needed to build this. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
enum { ROOM = 8 * 1024 * 1024 };
static unsigned char file[ROOM], packed[ROOM], back[ROOM];
int main(int count, char **args) {
  void *zlib = dlopen("libz.so.1", RTLD_NOW);
  if (!zlib || count < 2) return 1;
  unsigned long (*crc32)(unsigned long, const unsigned char *, unsigned) = dlsym(zlib, "crc32");
  int (*compress)(unsigned char *, unsigned long *, const unsigned char *, unsigned long) = dlsym(zlib, "compress");
  int (*uncompress)(unsigned char *, unsigned long *, const unsigned char *, unsigned long) = dlsym(zlib, "uncompress");
  FILE *stream = fopen(args[1], "rb");
  if (!stream) return 1;
  unsigned long size = fread(file, 1, ROOM, stream), packed_size = ROOM, back_size = ROOM;
  fclose(stream);
  printf("%lu bytes, crc32 %08lx\n", size, crc32(0, file, (unsigned)size));
  if (compress(packed, &packed_size, file, size)) return 1;
  if (uncompress(back, &back_size, packed, packed_size) || memcmp(back, file, size)) return 1;
  printf("compressed to %lu bytes, and back to %lu\n", packed_size, back_size);
  return 0;
}
