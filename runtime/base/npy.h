/*
 * Arrays in NumPy's .npy files and .npz archives (with libzip).
 * Little endian, C order; a Fortran-ordered array is turned round.
 */
#ifndef INN_BASE_NPY_H
#define INN_BASE_NPY_H

#include "runtime/base/tensor.h"

/* Bytes are from the arena. INN_ERR_IO, _FORMAT, _UNSUPPORTED. */
enum inn_status inn_npy_read(struct inn_tensor *tensor, const char *path,
                             struct inn_arena *arena, struct inn_error *err);
enum inn_status inn_npy_parse(struct inn_tensor *tensor, const uint8_t *bytes,
                              size_t len, struct inn_arena *arena,
                              struct inn_error *err);
/*
 * What comes out of fd, a pipe as a rule: read as far as its header says and
 * one byte further, so that one that never ends is INN_ERR_FORMAT at once.
 * Memory grows with what has come.
 */
enum inn_status inn_npy_read_pipe(struct inn_tensor *tensor, int fd,
                                  struct inn_arena *arena,
                                  struct inn_error *err);
/* Atomic. f16 is written as such; bf16 has no NumPy type: as f32. */
enum inn_status inn_npy_write(const struct inn_tensor *tensor,
                              const char *path, bool overwrite,
                              struct inn_heap *heap, struct inn_error *err);

/*
 * The array called name ("x" finds x.npy). INN_ERR_FORMAT where the archive
 * has none of that name: the message lists those it has.
 */
enum inn_status inn_npz_read(struct inn_tensor *tensor, const char *path,
                             const char *name, struct inn_arena *arena,
                             struct inn_error *err);

#endif
