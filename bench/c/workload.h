/* What every workload offers. The same sources are compiled natively and, without a C library, to WebAssembly. */
#ifndef WORKLOAD_H
#define WORKLOAD_H

#include <stdint.h>

/* Keeps a function a function, so that all contestants make the calls that the program says. */
#define KEEP __attribute__((noinline))

/* Does the whole work; the number must be the same for all contestants. */
int64_t run(void);

#endif
