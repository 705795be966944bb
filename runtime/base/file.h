/*
 * Files: read whole, mapped, opened beneath a folder, and written so that a
 * reader sees either the old bytes or all of the new ones.
 */
#ifndef INN_BASE_FILE_H
#define INN_BASE_FILE_H

#include "runtime/base/heap.h"

/* The bytes of a regular file, mapped read-only. */
struct inn_bytes {
    const uint8_t *data; /* NULL when len is 0 */
    size_t len;
};

/* INN_ERR_IO with the system's reason; folders, pipes are refused. */
enum inn_status inn_file_map(struct inn_bytes *bytes, const char *path,
                             struct inn_error *err);
void inn_file_unmap(struct inn_bytes *bytes);
/*
 * Says that a stretch won't be needed soon, so that it no longer counts as
 * the process's memory. It can be read as before. Nothing for short ones.
 */
void inn_file_release(const struct inn_bytes *bytes, size_t offset,
                      size_t len);

/*
 * Maps relative, a path below the folder dir: absolute paths, "..", and
 * symlinks on the way that lead out are refused (INN_ERR_FORMAT); regular
 * files with one hard link only. A model hub keeps files as symlinks into a
 * blob store, so the last component may be a symlink if it resolves to below
 * dir or below also (may be NULL).
 */
enum inn_status inn_file_map_beneath(struct inn_bytes *bytes, const char *dir,
                                     const char *also, const char *relative,
                                     struct inn_error *err);

/* A file under way. Nothing shows at path before inn_write_commit. */
struct inn_write;

/*
 * Creates a temporary file in path's folder. INN_ERR_IO when path is a file
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
/* Flush, fsync, rename, and sync of the folder. out stays to be closed. */
enum inn_status inn_write_commit(struct inn_write *out,
                                 struct inn_error *err);
/* Removes the temporary file unless committed; frees. NULL is fine. */
void inn_write_close(struct inn_write *out);

#endif
