/*
 * Files that are read: mapped whole, or opened beneath a folder. Writing is
 * write.h.
 */
#ifndef INN_BASE_FILE_H
#define INN_BASE_FILE_H

#include "runtime/base/heap.h"

/* The bytes of a regular file, mapped read-only. */
struct inn_bytes {
    const uint8_t *data; /* NULL when len is 0 */
    size_t len;
};

/*
 * INN_ERR_IO with the system's reason, INN_ERR_MEMORY where there is no room to
 * map it; folders, pipes are refused.
 */
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

#endif
