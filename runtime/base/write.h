/*
 * Files written so that a reader sees either the old bytes or all of the new
 * ones, and that leave nothing behind when they fail or are killed.
 */
#ifndef INN_BASE_WRITE_H
#define INN_BASE_WRITE_H

#include "runtime/base/heap.h"

/* A file under way. Nothing shows at path before inn_write_commit. */
struct inn_write;

/*
 * Creates a file without a name in path's folder, or, where the file system
 * has no such thing, one of a temporary name. INN_ERR_IO when path is a file
 * and overwrite is false, or a folder. "-" writes to stdout; a device or pipe
 * (/dev/null) is written to directly, as there is nothing to replace.
 */
enum inn_status inn_write_open(struct inn_write **out, const char *path,
                               bool overwrite, struct inn_heap *heap,
                               struct inn_error *err);
enum inn_status inn_write_bytes(struct inn_write *out, const void *data,
                                size_t len, struct inn_error *err);
/* Bytes written so far. */
uint64_t inn_write_position(const struct inn_write *out);

/* A look at what was written, before it counts. */
struct inn_reread {
    /* path: where it can be read until look returns. NULL: the bytes do. */
    enum inn_status (*look)(void *state, const char *path,
                            struct inn_error *err);
    void *state;
};

/*
 * Looks at all that was written so far, once it is known to be just that;
 * "read back: " goes before look's message. INN_ERR_IO: other bytes. Stdout, devices and pipes can't be read: INN_OK. again NULL too.
 */
enum inn_status inn_write_reread(struct inn_write *out,
                                 const struct inn_reread *again,
                                 struct inn_error *err);

/*
 * Flush, fsync, the name, and sync of the folder; a replaced file keeps its
 * bytes until then. out stays to be closed.
 */
enum inn_status inn_write_commit(struct inn_write *out,
                                 struct inn_error *err);
/* Gives up what was not committed; frees. NULL is fine. */
void inn_write_close(struct inn_write *out);

/* Removes what temporary names there are, as the process ends. */
void inn_write_forget_all(void);

/*
 * For programs, at their start: SIGHUP, SIGINT, SIGPIPE and SIGTERM remove
 * what temporary names there are before they end the process, unless they
 * are ignored or handled already; a file that grows past the limit of
 * `ulimit -f` is an error and no signal.
 */
void inn_write_at_signals(void);

#endif
