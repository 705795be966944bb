/*
 * Preloaded into a program under test: system calls that write files fail,
 * or take their time. INN_SHIM holds words separated by blanks:
 *
 *     notmp      no files without a name (O_TMPFILE), as on NFS
 *     nolink     no links, as under a strict security policy
 *     slow=MS    every write and fsync takes so long
 *     full=N     the disk is full after N bytes
 *     flip=N     byte N that is written comes out wrong
 *     nosync     fsync fails
 *     nomem=N    the N-th allocation from main on fails, whose ever it is
 */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static _Atomic long long written;

/* The number behind "word=", 0 behind "word" alone, -1 without it. */
static long long wanted(const char *word)
{
    const char *at = getenv("INN_SHIM");

    at = at != NULL ? strstr(at, word) : NULL;
    if (at == NULL)
        return -1;
    at += strlen(word);
    return *at == '=' ? atoll(at + 1) : 0;
}

static void be_slow(void)
{
    long long ms = wanted("slow");
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};

    if (ms > 0)
        nanosleep(&t, NULL);
}

/*
 * Allocations count from the first sigaction on, which is what our programs
 * begin with: before it the loader and C++ libraries set themselves up.
 */
static _Atomic long long allocations;
static atomic_int counting;
static long long no_memory_at;

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t align, size_t size);

int sigaction(int number, const struct sigaction *new, struct sigaction *old)
{
    int (*real)(int, const struct sigaction *, struct sigaction *) =
        (int (*)(int, const struct sigaction *, struct sigaction *))
            dlsym(RTLD_NEXT, "sigaction");

    if (!atomic_load(&counting)) {
        no_memory_at = wanted("nomem");
        atomic_store(&counting, 1);
    }
    return real(number, new, old);
}

static int no_memory(void)
{
    if (!atomic_load(&counting) || no_memory_at <= 0 ||
        atomic_fetch_add(&allocations, 1) + 1 != no_memory_at)
        return 0;
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size)
{
    return no_memory() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return no_memory() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *block, size_t size)
{
    return no_memory() ? NULL : __libc_realloc(block, size);
}

void *aligned_alloc(size_t align, size_t size)
{
    return no_memory() ? NULL : __libc_memalign(align, size);
}

/* Tells that the failure was never reached. */
__attribute__((destructor)) static void end(void)
{
    const char *path = getenv("INN_SHIM_DONE");
    int fd;

    if (path == NULL || no_memory_at <= 0 ||
        atomic_load(&allocations) >= no_memory_at)
        return;
    fd = creat(path, 0600);
    if (fd >= 0)
        close(fd);
}

static int is_file(int fd)
{
    struct stat s;

    return fstat(fd, &s) == 0 && S_ISREG(s.st_mode);
}

int open(const char *path, int flags, ...)
{
    int (*real)(const char *, int, ...) =
        (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
    va_list args;
    mode_t mode;

    va_start(args, flags);
    mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
    va_end(args);
    if ((flags & O_TMPFILE) == O_TMPFILE && wanted("notmp") >= 0) {
        errno = EOPNOTSUPP;
        return -1;
    }
    return real(path, flags, mode);
}

int linkat(int from, const char *old, int to, const char *name, int flags)
{
    int (*real)(int, const char *, int, const char *, int) =
        (int (*)(int, const char *, int, const char *, int))
            dlsym(RTLD_NEXT, "linkat");

    if (wanted("nolink") >= 0) {
        errno = EPERM;
        return -1;
    }
    return real(from, old, to, name, flags);
}

int link(const char *old, const char *name)
{
    int (*real)(const char *, const char *) =
        (int (*)(const char *, const char *))dlsym(RTLD_NEXT, "link");

    if (wanted("nolink") >= 0) {
        errno = EPERM;
        return -1;
    }
    return real(old, name);
}

ssize_t write(int fd, const void *data, size_t len)
{
    ssize_t (*real)(int, const void *, size_t) =
        (ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    long long full = wanted("full"), flip = wanted("flip"), before;
    ssize_t n;
    char *copy;

    if (!is_file(fd))
        return real(fd, data, len);
    be_slow();
    before = atomic_load(&written);
    if (full >= 0 && before >= full) {
        errno = ENOSPC;
        return -1;
    }
    if (full >= 0 && (long long)len > full - before)
        len = (size_t)(full - before);
    if (flip >= before && flip < before + (long long)len) {
        copy = malloc(len);
        if (copy == NULL)
            return -1;
        memcpy(copy, data, len);
        copy[flip - before] ^= 0x10;
        n = real(fd, copy, len);
        free(copy);
    } else {
        n = real(fd, data, len);
    }
    if (n > 0)
        atomic_fetch_add(&written, n);
    return n;
}

int fsync(int fd)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");

    be_slow();
    if (wanted("nosync") >= 0 && is_file(fd)) {
        errno = EIO;
        return -1;
    }
    return real(fd);
}
