/* Faults of the machine, preloaded into the processes of a torture: a full disk, a slow disk, a clock that steps.

   TORTURE_CONTROL is a file of three 64-bit numbers, shared by all of them: whether the disk is full (1: nothing can be
   written, 2: no file can grow), the microseconds that a sync takes longer, the microseconds that the clock is ahead.
   TORTURE_FILES is what the absolute paths begin with that stand on the spoiled disk. Without both nothing is changed. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *control;
static const char *files;

#define NEXT(name) \
    static __typeof__(name) *next; \
    if (next == NULL) next = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("TORTURE_CONTROL");
    files = getenv("TORTURE_FILES");
    if (path == NULL) return;
    int file = open(path, O_RDONLY);
    if (file < 0) return;
    void *shared = mmap(NULL, 3 * sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (shared != MAP_FAILED) control = shared;
}

static int concerned(int fd) {
    char link[64], path[4096];
    if (files == NULL) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strncmp(path, files, strlen(files)) == 0;
}

/* `end`: where the file would end, -1 for "behind what is there". */
static int full(int fd, off_t end) {
    struct stat status;
    if (control == NULL || control[0] == 0 || !concerned(fd)) return 0;
    if (control[0] == 2 && end >= 0 && fstat(fd, &status) == 0 && end <= status.st_size) return 0;
    if (fstat(fd, &status) == 0 && !S_ISREG(status.st_mode)) return 0;
    errno = ENOSPC;
    return 1;
}

static off_t end_of(int fd, size_t count) {
    off_t now = lseek(fd, 0, SEEK_CUR);
    return now < 0 || (fcntl(fd, F_GETFL) & O_APPEND) ? -1 : now + (off_t)count;
}

static size_t total(const struct iovec *parts, int count) {
    size_t sum = 0;
    for (int part = 0; part < count; part++) sum += parts[part].iov_len;
    return sum;
}

ssize_t write(int fd, const void *from, size_t count) {
    NEXT(write);
    if (control != NULL && control[0] != 0 && full(fd, end_of(fd, count))) return -1;
    return next(fd, from, count);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    NEXT(writev);
    if (control != NULL && control[0] != 0 && full(fd, end_of(fd, total(parts, count)))) return -1;
    return next(fd, parts, count);
}

ssize_t pwrite(int fd, const void *from, size_t count, off_t at) {
    NEXT(pwrite);
    return full(fd, at + (off_t)count) ? -1 : next(fd, from, count, at);
}

ssize_t pwrite64(int fd, const void *from, size_t count, off64_t at) {
    NEXT(pwrite64);
    return full(fd, at + (off_t)count) ? -1 : next(fd, from, count, at);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) {
    NEXT(pwritev);
    return full(fd, at + (off_t)total(parts, count)) ? -1 : next(fd, parts, count, at);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) {
    NEXT(pwritev64);
    return full(fd, at + (off_t)total(parts, count)) ? -1 : next(fd, parts, count, at);
}

int ftruncate(int fd, off_t length) {
    NEXT(ftruncate);
    struct stat status;
    int grows = fstat(fd, &status) == 0 && length > status.st_size;
    return grows && full(fd, -1) ? -1 : next(fd, length);
}

int ftruncate64(int fd, off64_t length) {
    NEXT(ftruncate64);
    struct stat status;
    int grows = fstat(fd, &status) == 0 && length > status.st_size;
    return grows && full(fd, -1) ? -1 : next(fd, length);
}

int posix_fallocate(int fd, off_t at, off_t count) {
    NEXT(posix_fallocate);
    return full(fd, at + count) ? ENOSPC : next(fd, at, count);
}

int posix_fallocate64(int fd, off64_t at, off64_t count) {
    NEXT(posix_fallocate64);
    return full(fd, at + count) ? ENOSPC : next(fd, at, count);
}

int fallocate(int fd, int mode, off_t at, off_t count) {
    NEXT(fallocate);
    return full(fd, at + count) ? -1 : next(fd, mode, at, count);
}

int fallocate64(int fd, int mode, off64_t at, off64_t count) {
    NEXT(fallocate64);
    return full(fd, at + count) ? -1 : next(fd, mode, at, count);
}

static void dawdle(int fd) {
    if (control != NULL && control[1] > 0 && concerned(fd)) {
        struct timespec rest = {control[1] / 1000000, (control[1] % 1000000) * 1000};
        nanosleep(&rest, NULL);
    }
}

int fsync(int fd) {
    NEXT(fsync);
    dawdle(fd);
    return next(fd);
}

int fdatasync(int fd) {
    NEXT(fdatasync);
    dawdle(fd);
    return next(fd);
}

int clock_gettime(clockid_t which, struct timespec *now) {
    NEXT(clock_gettime);
    int code = next(which, now);
    if (code == 0 && control != NULL && control[2] != 0 && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)) {
        int64_t shifted_ns = (int64_t)now->tv_sec * 1000000000 + now->tv_nsec + control[2] * 1000;
        now->tv_sec = shifted_ns / 1000000000;
        now->tv_nsec = shifted_ns % 1000000000;
    }
    return code;
}

int gettimeofday(struct timeval *now, void *zone) {
    struct timespec shifted;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &shifted) != 0) return -1;
    now->tv_sec = shifted.tv_sec;
    now->tv_usec = shifted.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *at) {
    struct timespec shifted;
    clock_gettime(CLOCK_REALTIME, &shifted);
    if (at != NULL) *at = shifted.tv_sec;
    return shifted.tv_sec;
}
