/*
 * Writing by naming. What is under way has no name at all where the system
 * allows that (O_TMPFILE): whatever ends the process, the disk gets its bytes
 * back. Only to replace a file does it get a temporary name, for the time
 * between two system calls, as nothing else replaces one atomically.
 * Elsewhere it has such a name from the start.
 *
 * Messages don't repeat the path: who called knows it.
 */
#define _GNU_SOURCE /* O_TMPFILE */

#include "runtime/base/write.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "runtime/base/checked.h"
#include "runtime/base/error.h"
#include "runtime/base/port.h"

/* One write is never asked to move more: some systems refuse 2 GiB. */
#define WRITE_MOST ((size_t)1 << 30)
#define BUFFER ((size_t)64 << 10)
#define TEMP_TRIES 100
#define TEMP_ROOM 64

struct inn_write {
    struct inn_heap *heap;
    char *path;
    char *temp;     /* folder's name and room for that of a temporary file */
    size_t folder;  /* length of the folder's name with its slash */
    char *buffer;   /* BUFFER bytes */
    size_t filled;
    uint64_t position;
    XXH3_state_t *hash; /* of what was written */
    int fd;
    int slot;       /* of the temporary name in temporary_names, or -1 */
    bool named;     /* a file called temp exists */
    bool nameless;  /* fd has no name */
    bool overwrite;
    bool to_stdout; /* fd 1 alone doesn't say so: stdout may be closed */
    char proc[32];  /* the name of fd in /proc */
};

/*
 * Temporary names there are now. A signal handler reaches nothing but
 * globals, hence this one exception to having none; in a library that is no
 * program's it is written and never read. Who takes a name out frees it.
 */
#define NAMES 16
static _Atomic(char *) temporary_names[NAMES];

void inn_write_forget_all(void)
{
    size_t i;

    for (i = 0; i < NAMES; i++) {
        char *name = atomic_exchange(&temporary_names[i], NULL);

        if (name != NULL)
            unlink(name);
    }
}

static void remove_names_and_end(int signal_number)
{
    inn_write_forget_all();
    /* SA_RESETHAND has put the default back: this ends the process. */
    raise(signal_number);
}

void inn_write_at_signals(void)
{
    static const int signals[] = {SIGHUP, SIGINT, SIGPIPE, SIGTERM};
    struct sigaction action, old;
    size_t i;

    memset(&action, 0, sizeof(action));
    action.sa_handler = remove_names_and_end;
    action.sa_flags = (int)SA_RESETHAND;
    sigemptyset(&action.sa_mask);
    for (i = 0; i < INN_COUNT(signals); i++) {
        if (sigaction(signals[i], NULL, &old) == 0 &&
            old.sa_handler == SIG_DFL)
            sigaction(signals[i], &action, NULL);
    }
    action.sa_handler = SIG_IGN;
    action.sa_flags = 0;
    sigaction(SIGXFSZ, &action, NULL);
}

/* w->temp is about to be a file. More than there is room for: not removed. */
static void announce(struct inn_write *w)
{
    int i;

    for (i = 0; i < NAMES && w->slot < 0; i++) {
        char *none = NULL;

        if (atomic_compare_exchange_strong(&temporary_names[i], &none,
                                           w->temp))
            w->slot = i;
    }
}

/* It is none any longer. */
static void withdraw(struct inn_write *w)
{
    char *name = w->temp;

    w->named = false;
    if (w->slot < 0)
        return;
    /* A handler that has taken the name reads it until the process ends. */
    if (!atomic_compare_exchange_strong(&temporary_names[w->slot], &name,
                                        NULL))
        w->temp = NULL;
    w->slot = -1;
}

static enum inn_status system_error(struct inn_error *err)
{
    return inn_fail(err, inn_errno_status(), "can't be written: %s",
                    strerror(errno));
}

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

/* The i-th name to try beside path. */
static void next_name(struct inn_write *w, int i)
{
    snprintf(w->temp + w->folder, TEMP_ROOM, ".inn-%ld-%p-%d.tmp",
             (long)getpid(), (void *)w, i);
}

/* Creates a file of a temporary name, with the user's own mode. */
static enum inn_status open_named(struct inn_write *w, struct inn_error *err)
{
    int i;

    for (i = 0; i < TEMP_TRIES && w->temp != NULL; i++) {
        next_name(w, i);
        announce(w);
        w->fd = open(w->temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC |
                     O_NOFOLLOW, 0666);
        if (w->fd >= 0) {
            w->named = true;
            return INN_OK;
        }
        withdraw(w);
        if (errno != EEXIST)
            break;
    }
    return system_error(err);
}

/* The same without a name; false where that can't be had. */
static bool open_nameless(struct inn_write *w)
{
#ifdef O_TMPFILE
    w->temp[w->folder] = '\0';
    w->fd = open(w->folder > 0 ? w->temp : ".", O_TMPFILE | O_RDWR |
                 O_CLOEXEC, 0666);
    if (w->fd < 0)
        return false;
    /* A name is given by way of /proc, which not every container has. */
    snprintf(w->proc, sizeof(w->proc), "/proc/self/fd/%d", w->fd);
    if (access(w->proc, F_OK) == 0) {
        w->nameless = true;
        return true;
    }
    close(w->fd);
    w->fd = -1;
#else
    (void)w;
#endif
    return false;
}

static enum inn_status open_beside(struct inn_write *w, struct inn_error *err)
{
    const char *slash = strrchr(w->path, '/');

    w->folder = slash != NULL ? (size_t)(slash - w->path) + 1 : 0;
    w->temp = copy_text(w->heap, w->path, w->folder, TEMP_ROOM, err);
    if (w->temp == NULL)
        return inn_refused(err);
    return open_nameless(w) ? INN_OK : open_named(w, err);
}

static enum inn_status open_target(struct inn_write *w, struct inn_error *err)
{
    struct stat s;

    if (strcmp(w->path, "-") == 0) {
        w->fd = STDOUT_FILENO;
        w->to_stdout = true;
        return INN_OK;
    }
    if (stat(w->path, &s) != 0)
        return errno == ENOENT ? open_beside(w, err) : system_error(err);
    if (S_ISDIR(s.st_mode))
        return inn_fail(err, INN_ERR_IO, "is a folder, not a file");
    if (S_ISREG(s.st_mode)) {
        enum inn_status st;

        if (!w->overwrite)
            return inn_exists_already(err);
        st = open_beside(w, err);
        if (st == INN_OK) /* best effort: the old file's permissions */
            (void)!fchmod(w->fd, s.st_mode & 0777);
        return st;
    }
    /* A device or pipe: nothing there to replace. */
    w->fd = open(w->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    return w->fd >= 0 ? INN_OK : system_error(err);
}

enum inn_status inn_write_open(struct inn_write **out, const char *path,
                               bool overwrite, struct inn_heap *heap,
                               struct inn_error *err)
{
    struct inn_error local = {INN_OK, ""};
    struct inn_write *w;

    *out = NULL;
    w = inn_alloc(heap, 1, sizeof(*w), &local);
    if (w == NULL)
        goto out;
    w->heap = heap;
    w->fd = w->slot = -1;
    w->overwrite = overwrite;
    w->hash = XXH3_createState();
    if (w->hash == NULL || XXH3_64bits_reset(w->hash) == XXH_ERROR) {
        inn_no_memory(&local, 0);
        goto out;
    }
    w->path = copy_text(heap, path, strlen(path), 0, &local);
    w->buffer = inn_alloc_raw(heap, BUFFER, 1, &local);
    if (w->path == NULL || w->buffer == NULL)
        goto out;
    if (open_target(w, &local) == INN_OK) {
        *out = w;
        w = NULL;
    }
out:
    inn_write_close(w);
    if (*out == NULL && err != NULL)
        *err = local;
    return *out != NULL ? INN_OK : local.status;
}

static enum inn_status write_all(int fd, const char *data, size_t len,
                                 struct inn_error *err)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len < WRITE_MOST ? len : WRITE_MOST);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return system_error(err);
        if (n == 0)
            return inn_fail(err, INN_ERR_IO,
                            "can't be written: no byte is taken");
        data += n;
        len -= (size_t)n;
    }
    return INN_OK;
}

static enum inn_status flush(struct inn_write *w, struct inn_error *err)
{
    size_t filled = w->filled;

    w->filled = 0;
    return write_all(w->fd, w->buffer, filled, err);
}

enum inn_status inn_write_bytes(struct inn_write *out, const void *data,
                                size_t len, struct inn_error *err)
{
    enum inn_status st;

    out->position += len;
    if (len > 0)
        (void)XXH3_64bits_update(out->hash, data, len);
    if (len > BUFFER - out->filled) {
        st = flush(out, err);
        if (st != INN_OK)
            return st;
    }
    if (len > BUFFER)
        return write_all(out->fd, data, len, err);
    if (len > 0)
        memcpy(out->buffer + out->filled, data, len);
    out->filled += len;
    return INN_OK;
}

uint64_t inn_write_position(const struct inn_write *out)
{
    return out->position;
}

/*
 * Whether the file holds what was given to be written. Read, not mapped: a
 * mapped file of gigabytes would count as memory.
 */
static enum inn_status compare_bytes(struct inn_write *w,
                                     struct inn_error *err)
{
    uint64_t want = XXH3_64bits_digest(w->hash), at = 0;
    ssize_t n;

    if (XXH3_64bits_reset(w->hash) == XXH_ERROR)
        return inn_no_memory(err, 0);
    do {
        n = pread(w->fd, w->buffer, BUFFER, (off_t)at);
        if (n < 0 && errno != EINTR)
            return inn_fail(err, inn_errno_status(), "can't be read: %s",
                            strerror(errno));
        if (n > 0) {
            (void)XXH3_64bits_update(w->hash, w->buffer, (size_t)n);
            at += (uint64_t)n;
        }
    } while (n != 0);
    if (at != w->position)
        return inn_fail(err, INN_ERR_IO, "%llu bytes are there, %llu were "
                        "written", (unsigned long long)at,
                        (unsigned long long)w->position);
    if (XXH3_64bits_digest(w->hash) != want)
        return inn_fail(err, INN_ERR_IO, "other bytes are there than were "
                        "written");
    return INN_OK;
}

enum inn_status inn_write_reread(struct inn_write *out,
                                 const struct inn_reread *again,
                                 struct inn_error *err)
{
    const char *path;
    enum inn_status st;

    if (again == NULL || (!out->named && !out->nameless))
        return INN_OK;
    st = flush(out, err);
    if (st != INN_OK)
        return st;
    path = out->named ? out->temp : out->proc;
    st = compare_bytes(out, err);
    if (st == INN_OK && again->look != NULL)
        st = again->look(again->state, path, err);
    if (st != INN_OK)
        inn_error_prefix(err, "read back");
    return st;
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
 * The system won't name what has none (a security policy may forbid links):
 * its bytes move to a file that has a name.
 */
static enum inn_status copy_to_named(struct inn_write *w,
                                     struct inn_error *err)
{
    int from = w->fd;
    enum inn_status st;
    struct stat s;

    w->nameless = false;
    w->fd = -1;
    st = open_named(w, err);
    if (st == INN_OK && fstat(from, &s) == 0)
        (void)!fchmod(w->fd, s.st_mode & 0777);
    if (st == INN_OK && lseek(from, 0, SEEK_SET) != 0)
        st = system_error(err);
    while (st == INN_OK) {
        ssize_t n = read(from, w->buffer, BUFFER);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            st = system_error(err);
        if (n <= 0)
            break;
        st = write_all(w->fd, w->buffer, (size_t)n, err);
    }
    close(from);
    if (st == INN_OK && fsync(w->fd) != 0)
        st = system_error(err);
    return st;
}

/* What has no name gets the one in w->temp. */
static enum inn_status link_to_temp(struct inn_write *w,
                                    struct inn_error *err)
{
    int i;

    for (i = 0; i < TEMP_TRIES && w->temp != NULL; i++) {
        next_name(w, i);
        announce(w);
        if (linkat(AT_FDCWD, w->proc, AT_FDCWD, w->temp,
                   AT_SYMLINK_FOLLOW) == 0) {
            w->named = true;
            w->nameless = false;
            return INN_OK;
        }
        withdraw(w);
        if (errno != EEXIST)
            break;
    }
    return copy_to_named(w, err);
}

/* At its place at once, unless something is there: EEXIST. */
static int link_to_path(struct inn_write *w)
{
    if (w->nameless)
        return linkat(AT_FDCWD, w->proc, AT_FDCWD, w->path,
                      AT_SYMLINK_FOLLOW);
    return link(w->temp, w->path);
}

/*
 * A link fails if the name has appeared since we looked, which is what is
 * wanted where nothing may be replaced; file systems without links get a
 * second look instead.
 */
static enum inn_status give_name(struct inn_write *w, struct inn_error *err)
{
    enum inn_status st;
    struct stat s;

    if ((w->nameless || !w->overwrite) && link_to_path(w) == 0) {
        if (w->named)
            unlink(w->temp);
        withdraw(w);
        w->nameless = false;
        return INN_OK;
    }
    if (!w->overwrite && (errno == EEXIST || lstat(w->path, &s) == 0))
        return inn_exists_already(err);
    if (w->nameless) {
        st = link_to_temp(w, err);
        if (st != INN_OK)
            return st;
    }
    if (rename(w->temp, w->path) != 0)
        return system_error(err);
    withdraw(w);
    return INN_OK;
}

enum inn_status inn_write_commit(struct inn_write *out, struct inn_error *err)
{
    enum inn_status st = flush(out, err);
    bool file = out->named || out->nameless;
    int fd;

    if (st != INN_OK || out->to_stdout)
        return st;
    if (file && fsync(out->fd) != 0)
        return system_error(err);
    if (file && out->nameless) {
        st = give_name(out, err);
        if (st == INN_OK)
            sync_folder(out->path);
        return st;
    }
    /* Some file systems tell of a failure only here. */
    fd = out->fd;
    out->fd = -1;
    if (close(fd) != 0)
        return system_error(err);
    if (!file)
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
    if (out->named) {
        unlink(out->temp);
        withdraw(out);
    }
    inn_free(out->heap, out->temp);
    inn_free(out->heap, out->path);
    inn_free(out->heap, out->buffer);
    XXH3_freeState(out->hash);
    inn_free(out->heap, out);
}
