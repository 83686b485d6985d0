/* For LD_PRELOAD: a disk that is slow while the file $DISK.slow exists, and fails while $DISK.full does. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static int is_there(const char *state) {
    char path[4096];
    snprintf(path, sizeof path, "%s.%s", getenv("DISK"), state);
    return access(path, F_OK) == 0;
}

static int sync_with(const char *name, int descriptor) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    struct timespec pause = {0, 120 * 1000 * 1000};
    int error = errno;
    int is_slow = is_there("slow"), is_full = is_there("full");
    errno = error;
    if (is_slow)
        nanosleep(&pause, NULL);
    if (is_full) {
        errno = EIO;
        return -1;
    }
    return real(descriptor);
}

int fsync(int descriptor) { return sync_with("fsync", descriptor); }
int fdatasync(int descriptor) { return sync_with("fdatasync", descriptor); }
