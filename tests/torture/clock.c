/* Preloaded into everything under torture: the wall clock, and it alone, is off by what a shared file says.

libfaketime 0.9.10 cannot do it: it either moves the monotonic clock too, which no clock that is set does, or breaks
Python's time.sleep (clock_nanosleep answers EINVAL). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile long none = 0;
static const volatile long *seconds = &none;
static int (*real_gettime)(clockid_t, struct timespec *);
static int (*real_wait)(sem_t *, const struct timespec *);

__attribute__((constructor)) static void begin(void) {
    real_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    real_wait = dlsym(RTLD_NEXT, "sem_timedwait");
    const char *path = getenv("TORTURE_CLOCK");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return;
    void *there = mmap(NULL, sizeof(long), PROT_READ, MAP_SHARED, fd, 0);
    if (there != MAP_FAILED) seconds = there;
    close(fd);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    if (!real_gettime) begin();
    int failed = real_gettime(clock, now);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += *seconds;
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec t;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &t)) return -1;
    now->tv_sec = t.tv_sec;
    now->tv_usec = t.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *to) {
    struct timespec t;
    if (clock_gettime(CLOCK_REALTIME, &t)) return -1;
    if (to) *to = t.tv_sec;
    return t.tv_sec;
}

/* The kernel waits by its own clock: what multiprocessing's locks wait until is said in ours. */
int sem_timedwait(sem_t *semaphore, const struct timespec *until) {
    struct timespec kernels = *until;
    if (!real_wait) begin();
    kernels.tv_sec -= *seconds;
    return real_wait(semaphore, &kernels);
}
