/*
 * Reading by mapping and writing by renaming. Paths that come out of a file
 * (external data) are walked one component at a time from an open folder, so
 * that nothing swapped underneath us can lead out of it.
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

#include "runtime/base/checked.h"
#include "runtime/base/error.h"

/* One write is never asked to move more: some systems refuse 2 GiB. */
#define WRITE_MOST ((size_t)1 << 30)
#define BUFFER ((size_t)64 << 10)
#define TEMP_TRIES 100
#define RELEASE_LEAST ((size_t)16 << 20)

static enum inn_status map_fd(struct inn_bytes *bytes, int fd, bool one_link,
                              struct inn_error *err)
{
    struct stat s;
    void *data;

    if (fstat(fd, &s) != 0)
        return inn_fail(err, INN_ERR_IO, "can't be read: %s",
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
        return inn_fail(err, INN_ERR_IO, "can't be mapped: %s",
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
        return inn_fail(err, INN_ERR_IO, "can't be opened: %s",
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
                        "external data '%.200s': an absolute path is refused",
                        path);
    while (*p != '\0') {
        size_t len = strcspn(p, "/");

        if (len == 2 && p[0] == '.' && p[1] == '.')
            return inn_fail(err, INN_ERR_FORMAT,
                            "external data '%.200s': '..' is refused", path);
        p += len;
        p += strspn(p, "/");
    }
    if (p[-1] == '/')
        return inn_fail(err, INN_ERR_FORMAT,
                        "external data '%.200s' names a folder", path);
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
        return inn_fail(err, INN_ERR_IO, "folder '%.200s' can't be opened: %s",
                        dir, strerror(errno));
    switch (walk(&fd, at, relative)) {
    case WALK_OK:
        st = map_fd(bytes, fd, true, err);
        if (st != INN_OK)
            inn_error_prefix(err, "external data '%.200s'", relative);
        break;
    case WALK_LINK:
        if (!open_link(&fd, *dir != '\0' ? dir : ".", also, relative)) {
            st = inn_fail(err, INN_ERR_FORMAT,
                          "external data '%.200s' is a symbolic link that "
                          "leads out of the model's folder", relative);
            break;
        }
        st = map_fd(bytes, fd, true, err);
        if (st != INN_OK)
            inn_error_prefix(err, "external data '%.200s'", relative);
        break;
    case WALK_ERROR:
        if (errno == ELOOP || errno == ENOTDIR)
            st = inn_fail(err, INN_ERR_FORMAT,
                          "external data '%.200s': a folder on the way is a "
                          "symbolic link or no folder", relative);
        else
            st = inn_fail(err, INN_ERR_IO,
                          "external data '%.200s' can't be opened: %s",
                          relative, strerror(errno));
        break;
    }
    if (fd >= 0)
        close(fd);
    close(at);
    return st;
}

struct inn_write {
    struct inn_heap *heap;
    char *path;
    char *temp;    /* while it exists; NULL: written to directly */
    char *buffer;  /* BUFFER bytes */
    size_t filled;
    uint64_t position;
    int fd;
    bool overwrite;
    bool to_stdout; /* fd 1 alone doesn't say so: stdout may be closed */
};

static char *copy_text(struct inn_heap *heap, const char *text, size_t len,
                       size_t room, struct inn_error *err)
{
    size_t bytes;
    char *copy;

    if (!inn_add_size(&bytes, len, room + 1)) {
        inn_no_memory(err, len);
        return NULL;
    }
    copy = inn_alloc(heap, bytes, 1, err);
    if (copy != NULL)
        memcpy(copy, text, len);
    return copy;
}

/* Creates a file of a new name beside path, with the user's own mode. */
static enum inn_status open_temp(struct inn_write *w, struct inn_error *err)
{
    enum { ROOM = 64 };
    const char *slash = strrchr(w->path, '/');
    size_t folder = slash != NULL ? (size_t)(slash - w->path) + 1 : 0;
    int i;

    w->temp = copy_text(w->heap, w->path, folder, ROOM, err);
    if (w->temp == NULL)
        return inn_refused(err);
    for (i = 0; i < TEMP_TRIES; i++) {
        snprintf(w->temp + folder, ROOM, ".inn-%ld-%p-%d.tmp",
                 (long)getpid(), (void *)w, i);
        w->fd = open(w->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC |
                     O_NOFOLLOW, 0666);
        if (w->fd >= 0)
            return INN_OK;
        if (errno != EEXIST)
            break;
    }
    inn_free(w->heap, w->temp);
    w->temp = NULL;
    return inn_fail(err, INN_ERR_IO, "can't be written: %s",
                    strerror(errno));
}

static enum inn_status open_target(struct inn_write *w, struct inn_error *err)
{
    struct stat s;

    if (strcmp(w->path, "-") == 0) {
        w->fd = STDOUT_FILENO;
        w->to_stdout = true;
        return INN_OK;
    }
    if (stat(w->path, &s) != 0) {
        if (errno != ENOENT)
            return inn_fail(err, INN_ERR_IO, "can't be written: %s",
                            strerror(errno));
        return open_temp(w, err);
    }
    if (S_ISDIR(s.st_mode))
        return inn_fail(err, INN_ERR_IO, "is a folder, not a file");
    if (S_ISREG(s.st_mode)) {
        enum inn_status st;

        if (!w->overwrite)
            return inn_fail(err, INN_ERR_IO, "exists already");
        st = open_temp(w, err);
        if (st == INN_OK) /* best effort: the old file's permissions */
            (void)!fchmod(w->fd, s.st_mode & 0777);
        return st;
    }
    /* A device or pipe: nothing there to replace. */
    w->fd = open(w->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (w->fd < 0)
        return inn_fail(err, INN_ERR_IO, "can't be written: %s",
                        strerror(errno));
    return INN_OK;
}

enum inn_status inn_write_open(struct inn_write **out, const char *path,
                               bool overwrite, struct inn_heap *heap,
                               struct inn_error *err)
{
    struct inn_error local = {INN_OK, ""};
    enum inn_status st = INN_OK;
    struct inn_write *w;

    *out = NULL;
    w = inn_alloc(heap, 1, sizeof(*w), &local);
    if (w == NULL)
        goto out;
    w->heap = heap;
    w->fd = -1;
    w->overwrite = overwrite;
    w->path = copy_text(heap, path, strlen(path), 0, &local);
    w->buffer = inn_alloc_raw(heap, BUFFER, 1, &local);
    if (w->path == NULL || w->buffer == NULL)
        goto out;
    st = open_target(w, &local);
    if (st == INN_OK) {
        *out = w;
        w = NULL;
    }
out:
    inn_write_close(w);
    if (*out == NULL && err != NULL)
        *err = local;
    return *out != NULL ? INN_OK : local.status;
}

static enum inn_status write_all(struct inn_write *w, const char *data,
                                 size_t len, struct inn_error *err)
{
    while (len > 0) {
        ssize_t n = write(w->fd, data, len < WRITE_MOST ? len : WRITE_MOST);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return inn_fail(err, INN_ERR_IO, "can't be written: %s",
                            n < 0 ? strerror(errno) : "no byte is taken");
        data += n;
        len -= (size_t)n;
    }
    return INN_OK;
}

static enum inn_status flush(struct inn_write *w, struct inn_error *err)
{
    size_t filled = w->filled;

    w->filled = 0;
    return write_all(w, w->buffer, filled, err);
}

enum inn_status inn_write_bytes(struct inn_write *out, const void *data,
                                size_t len, struct inn_error *err)
{
    enum inn_status st;

    out->position += len;
    if (len > BUFFER - out->filled) {
        st = flush(out, err);
        if (st != INN_OK)
            return st;
    }
    if (len > BUFFER)
        return write_all(out, data, len, err);
    if (len > 0)
        memcpy(out->buffer + out->filled, data, len);
    out->filled += len;
    return INN_OK;
}

uint64_t inn_write_position(const struct inn_write *out)
{
    return out->position;
}

/* The folder's entry must be on the disk too; not every system offers it. */
static void sync_folder(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash != NULL ? (size_t)(slash - path) + 1 : 0;
    int fd;

    if (len >= sizeof(folder))
        return;
    memcpy(folder, path, len);
    folder[len] = '\0';
    fd = open(len > 0 ? folder : ".", O_RDONLY | O_CLOEXEC | O_DIRECTORY);
    if (fd < 0)
        return;
    (void)!fsync(fd);
    close(fd);
}

/*
 * Gives the temporary file its name. Where nothing may be replaced a link is
 * made, which fails if the name has appeared since we looked; file systems
 * without links get a second look instead.
 */
static enum inn_status give_name(struct inn_write *w, struct inn_error *err)
{
    struct stat s;

    if (!w->overwrite) {
        if (link(w->temp, w->path) == 0) {
            unlink(w->temp);
            goto done;
        }
        if (errno == EEXIST || lstat(w->path, &s) == 0)
            return inn_fail(err, INN_ERR_IO, "exists already");
    }
    if (rename(w->temp, w->path) != 0)
        return inn_fail(err, INN_ERR_IO, "can't be written: %s",
                        strerror(errno));
done:
    inn_free(w->heap, w->temp);
    w->temp = NULL;
    return INN_OK;
}

enum inn_status inn_write_commit(struct inn_write *out, struct inn_error *err)
{
    enum inn_status st = flush(out, err);
    int fd = out->fd;

    if (st != INN_OK)
        return st;
    if (out->to_stdout)
        return INN_OK;
    if (out->temp != NULL && fsync(fd) != 0)
        return inn_fail(err, INN_ERR_IO, "can't be written: %s",
                        strerror(errno));
    out->fd = -1;
    if (close(fd) != 0)
        return inn_fail(err, INN_ERR_IO, "can't be written: %s",
                        strerror(errno));
    if (out->temp == NULL)
        return INN_OK;
    st = give_name(out, err);
    if (st == INN_OK)
        sync_folder(out->path);
    return st;
}

void inn_write_close(struct inn_write *out)
{
    if (out == NULL)
        return;
    if (out->fd >= 0 && !out->to_stdout)
        close(out->fd);
    if (out->temp != NULL)
        unlink(out->temp);
    inn_free(out->heap, out->temp);
    inn_free(out->heap, out->path);
    inn_free(out->heap, out->buffer);
    inn_free(out->heap, out);
}
