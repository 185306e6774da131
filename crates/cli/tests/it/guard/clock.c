/* The clock on the wall as a file says: seconds that it is ahead of the real one. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int clock_gettime(clockid_t id, struct timespec *at) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int done = real(id, at);
    const char *path = getenv("MOVED_CLOCK");
    if (id == CLOCK_REALTIME && path) {
        FILE *file = fopen(path, "r");
        long ahead = 0;
        if (file) {
            if (fscanf(file, "%ld", &ahead) == 1) at->tv_sec += ahead;
            fclose(file);
        }
    }
    return done;
}
