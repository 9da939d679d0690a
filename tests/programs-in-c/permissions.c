// What bzip2 calls and WASI has not: permissions and owners of files. Nothing changes, and that is no error.

#include <sys/types.h>

int fchmod(int descriptor, mode_t mode) {
    (void)descriptor, (void)mode;
    return 0;
}

int fchown(int descriptor, uid_t user, gid_t group) {
    (void)descriptor, (void)user, (void)group;
    return 0;
}
