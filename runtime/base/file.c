/*
 * Reading by mapping. Paths that come out of a file (external data) are
 * walked one component at a time from an open folder, so that nothing swapped
 * underneath us can lead out of it.
 *
 * Messages don't repeat the path: who called knows it.
 */
#define _DEFAULT_SOURCE /* madvise */
#include "runtime/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/error.h"

#define RELEASE_LEAST ((size_t)16 << 20)

static enum inn_status map_fd(struct inn_bytes *bytes, int fd, bool one_link,
                              struct inn_error *err)
{
    struct stat s;
    void *data;

    if (fstat(fd, &s) != 0)
        return inn_fail(err, inn_errno_status(), "can't be read: %s",
                        strerror(errno));
    if (S_ISDIR(s.st_mode))
        return inn_fail(err, INN_ERR_IO, "is a folder, not a file");
    if (!S_ISREG(s.st_mode))
        return inn_fail(err, INN_ERR_IO, "is no regular file");
    if (one_link && s.st_nlink != 1)
        return inn_fail(err, INN_ERR_FORMAT,
                        "has %llu hard links; external data must have one",
                        (unsigned long long)s.st_nlink);
    if (s.st_size < 0 || (uint64_t)s.st_size > SIZE_MAX)
        return inn_fail(err, INN_ERR_LIMIT, "has %lld bytes, too many to map",
                        (long long)s.st_size);
    if (s.st_size == 0)
        return INN_OK;
    data = mmap(NULL, (size_t)s.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED)
        return inn_fail(err, inn_errno_status(), "can't be mapped: %s",
                        strerror(errno));
    bytes->data = data;
    bytes->len = (size_t)s.st_size;
    return INN_OK;
}

/* O_NONBLOCK: a pipe must not make us wait before it is refused. */
#define READ_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

enum inn_status inn_file_map(struct inn_bytes *bytes, const char *path,
                             struct inn_error *err)
{
    enum inn_status st;
    int fd;

    bytes->data = NULL;
    bytes->len = 0;
    fd = open(path, READ_FLAGS);
    if (fd < 0)
        return inn_fail(err, inn_errno_status(), "can't be opened: %s",
                        strerror(errno));
    st = map_fd(bytes, fd, false, err);
    close(fd);
    return st;
}

void inn_file_unmap(struct inn_bytes *bytes)
{
    if (bytes->data != NULL)
        munmap((void *)(uintptr_t)bytes->data, bytes->len);
    bytes->data = NULL;
    bytes->len = 0;
}

void inn_file_release(const struct inn_bytes *bytes, size_t offset,
                      size_t len)
{
#ifdef MADV_DONTNEED
    long size = sysconf(_SC_PAGESIZE);
    size_t page = size > 0 ? (size_t)size : 4096, first, last;

    /* Where it is little, taking it in again costs more than it helps. */
    if (len < RELEASE_LEAST || offset > bytes->len ||
        len > bytes->len - offset)
        return;
    first = (offset + page - 1) / page * page;
    last = (offset + len) / page * page;
    if (first < last)
        madvise((void *)(uintptr_t)(bytes->data + first), last - first,
                MADV_DONTNEED);
#else
    (void)bytes;
    (void)offset;
    (void)len;
#endif
}

enum walk { WALK_OK, WALK_ERROR, WALK_LINK };

/*
 * Opens relative below the folder at without following a symlink anywhere.
 * WALK_LINK: the last component is one. errno tells of WALK_ERROR.
 */
static enum walk walk(int *out, int at, const char *relative)
{
    char name[NAME_MAX + 1];
    int dir = at, fd;

    *out = -1;
    for (;;) {
        size_t len = strcspn(relative, "/");
        const char *rest = relative + len + strspn(relative + len, "/");

        if (len > NAME_MAX) {
            errno = ENAMETOOLONG;
            break;
        }
        memcpy(name, relative, len);
        name[len] = '\0';
        if (*rest == '\0') {
            fd = openat(dir, name, READ_FLAGS | O_NOFOLLOW);
            if (dir != at) {
                int saved = errno;

                close(dir);
                errno = saved;
            }
            if (fd < 0)
                return errno == ELOOP ? WALK_LINK : WALK_ERROR;
            *out = fd;
            return WALK_OK;
        }
        fd = openat(dir, name,
                    O_RDONLY | O_CLOEXEC | O_DIRECTORY | O_NOFOLLOW);
        if (fd < 0)
            break;
        if (dir != at)
            close(dir);
        dir = fd;
        relative = rest;
    }
    if (dir != at) {
        int saved = errno;

        close(dir);
        errno = saved;
    }
    return WALK_ERROR;
}

/*
 * path, resolved, below root, resolved: opened by a walk from there. False
 * where it isn't below, or has changed meanwhile.
 */
static bool open_resolved(int *fd, const char *root, const char *path)
{
    char *real = realpath(root, NULL);
    size_t len = real != NULL ? strlen(real) : 0;
    bool below = false;
    int at;

    *fd = -1;
    if (real == NULL)
        return false;
    if (len == 1) /* "/" */
        len = 0;
    if (strncmp(path, real, len) == 0 && path[len] == '/') {
        at = open(real, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
        if (at >= 0) {
            below = walk(fd, at, path + len + 1) == WALK_OK;
            close(at);
        }
    }
    free(real);
    return below;
}

/* The last component is a symlink: where does it end? */
static bool open_link(int *fd, const char *dir, const char *also,
                      const char *relative)
{
    char joined[PATH_MAX], *path = NULL;
    int n = snprintf(joined, sizeof(joined), "%s/%s", dir, relative);
    bool found = false;

    *fd = -1;
    if (n > 0 && (size_t)n < sizeof(joined))
        path = realpath(joined, NULL);
    if (path != NULL)
        found = open_resolved(fd, dir, path) ||
                (also != NULL && open_resolved(fd, also, path));
    free(path);
    return found;
}

static enum inn_status check_relative(const char *path, struct inn_error *err)
{
    const char *p = path;

    if (*path == '\0')
        return inn_fail(err, INN_ERR_FORMAT, "external data has no path");
    if (*path == '/')
        return inn_fail(err, INN_ERR_FORMAT,
                        "external data '%s': an absolute path is refused",
                        path);
    while (*p != '\0') {
        size_t len = strcspn(p, "/");

        if (len == 2 && p[0] == '.' && p[1] == '.')
            return inn_fail(err, INN_ERR_FORMAT,
                            "external data '%s': '..' is refused", path);
        p += len;
        p += strspn(p, "/");
    }
    if (p[-1] == '/')
        return inn_fail(err, INN_ERR_FORMAT,
                        "external data '%s' names a folder", path);
    return INN_OK;
}

enum inn_status inn_file_map_beneath(struct inn_bytes *bytes, const char *dir,
                                     const char *also, const char *relative,
                                     struct inn_error *err)
{
    enum inn_status st;
    int at, fd = -1;

    bytes->data = NULL;
    bytes->len = 0;
    st = check_relative(relative, err);
    if (st != INN_OK)
        return st;
    at = open(*dir != '\0' ? dir : ".", O_RDONLY | O_CLOEXEC | O_DIRECTORY);
    if (at < 0)
        return inn_fail(err, inn_errno_status(),
                        "folder '%s' can't be opened: %s", dir,
                        strerror(errno));
    switch (walk(&fd, at, relative)) {
    case WALK_OK:
        st = map_fd(bytes, fd, true, err);
        if (st != INN_OK)
            inn_error_prefix(err, "external data '%s'", relative);
        break;
    case WALK_LINK:
        if (!open_link(&fd, *dir != '\0' ? dir : ".", also, relative)) {
            st = inn_fail(err, INN_ERR_FORMAT,
                          "external data '%s' is a symbolic link that "
                          "leads out of the model's folder", relative);
            break;
        }
        st = map_fd(bytes, fd, true, err);
        if (st != INN_OK)
            inn_error_prefix(err, "external data '%s'", relative);
        break;
    case WALK_ERROR:
        if (errno == ELOOP || errno == ENOTDIR)
            st = inn_fail(err, INN_ERR_FORMAT,
                          "external data '%s': a folder on the way is a "
                          "symbolic link or no folder", relative);
        else
            st = inn_fail(err, inn_errno_status(),
                          "external data '%s' can't be opened: %s",
                          relative, strerror(errno));
        break;
    }
    if (fd >= 0)
        close(fd);
    close(at);
    return st;
}
