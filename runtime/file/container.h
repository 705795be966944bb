/*
 * The .inn file (proto/FORMAT.md): writing a model, opening one.
 */
#ifndef INN_FILE_CONTAINER_H
#define INN_FILE_CONTAINER_H

#include "runtime/base/write.h"
#include "runtime/grid/model.h"

enum inn_store { INN_STORE_F32 = 0, INN_STORE_F16 = 1, INN_STORE_BF16 = 2 };
enum inn_codec { INN_CODEC_NONE = 0, INN_CODEC_ZSTD = 1 };

struct inn_file_options {
    /* F16, BF16: f32 and f64 weights become these. F32: all stay. */
    enum inn_store store;
    enum inn_codec codec;
    int threads;
    bool overwrite;
    const struct inn_reread *again; /* before it counts; or NULL */
};

/* Atomic, deterministic on any number of threads. */
enum inn_status inn_file_write(const struct inn_model *model,
                               const char *path,
                               const struct inn_file_options *options,
                               uint64_t *bytes, struct inn_error *err);

/*
 * Opens path: maps it, verifies every checksum (unless trust), rebuilds the
 * model; grids are decoded when they are sampled. Own; inn_model_free.
 * INN_ERR_IO, INN_ERR_FORMAT (damaged: says which section), _MEMORY, _LIMIT.
 */
enum inn_status inn_file_open(struct inn_model **model, const char *path,
                              bool trust, struct inn_heap *heap,
                              struct inn_error *err);

/* Whether the file starts with the .inn magic; false if it can't be read. */
bool inn_file_is_inn(const char *path);

#endif
