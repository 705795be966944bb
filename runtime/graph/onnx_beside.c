/*
 * Weights of networks that pass the 2 GiB of a protobuf message: written to a
 * file beside the model, which says where each begins. The file's name comes
 * from the model's own, never from what a network says (its location).
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/checked.h"
#include "runtime/base/write.h"
#include "runtime/graph/onnx_internal.h"

#define ALIGN 64
/* Smaller ones stay in the model. */
#define LEAST 1024

static uint64_t aligned(uint64_t at)
{
    return (at + (ALIGN - 1)) & ~(uint64_t)(ALIGN - 1);
}

enum inn_status inn_onnx_beside_new(struct inn_onnx_beside *b,
                                    const struct inn_graph *graph,
                                    const char *path, struct inn_error *err)
{
    const char *slash = strrchr(path, '/');
    struct stat s;

    memset(b, 0, sizeof(*b));
    if (strcmp(path, "-") == 0 ||
        (stat(path, &s) == 0 && !S_ISREG(s.st_mode)))
        return inn_fail(err, INN_ERR_LIMIT,
                        "the network takes more than 2 GiB: its weights need "
                        "a file beside it, and this is a stream");
    inn_arena_init(&b->arena, graph->heap);
    b->path = inn_arena_printf(&b->arena, err, "%s.data", path);
    if (b->path == NULL)
        return inn_refused(err);
    b->location = slash != NULL ? b->path + (slash + 1 - path) : b->path;
    b->tensors = inn_arena_alloc(&b->arena, (size_t)graph->n_values,
                                 sizeof(struct inn_tensor *), err);
    return b->tensors != NULL ? INN_OK : inn_refused(err);
}

void inn_onnx_beside_free(struct inn_onnx_beside *b)
{
    inn_write_close(b->out);
    inn_arena_free(&b->arena);
}

static enum inn_status add_entry(struct inn_onnx_beside *b,
                                 Onnx__TensorProto *proto, const char *key,
                                 const char *value, struct inn_error *err)
{
    Onnx__StringStringEntryProto *e = inn_arena_alloc(&b->arena, 1,
                                                      sizeof(*e), err);

    if (value == NULL || e == NULL)
        return inn_refused(err);
    onnx__string_string_entry_proto__init(e);
    e->key = (char *)(uintptr_t)key;
    e->value = (char *)(uintptr_t)value;
    proto->external_data[proto->n_external_data++] = e;
    return INN_OK;
}

enum inn_status inn_onnx_beside_add(struct inn_onnx_beside *b,
                                    Onnx__TensorProto *proto,
                                    const struct inn_tensor *tensor,
                                    struct inn_error *err)
{
    enum inn_status st;

    if (!proto->has_raw_data || tensor->bytes < LEAST)
        return INN_OK;
    b->at = aligned(b->at);
    proto->has_raw_data = 0;
    proto->raw_data.len = 0;
    proto->raw_data.data = NULL;
    proto->has_data_location = 1;
    proto->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    proto->external_data = inn_arena_alloc(&b->arena, 3, sizeof(void *), err);
    if (proto->external_data == NULL)
        return inn_refused(err);
    st = add_entry(b, proto, "location", b->location, err);
    if (st == INN_OK)
        st = add_entry(b, proto, "offset",
                       inn_arena_printf(&b->arena, err, "%" PRIu64, b->at),
                       err);
    if (st == INN_OK)
        st = add_entry(b, proto, "length",
                       inn_arena_printf(&b->arena, err, "%zu",
                                        tensor->bytes), err);
    b->tensors[b->n++] = tensor;
    b->at += tensor->bytes;
    return st;
}

static enum inn_status about_it(const struct inn_onnx_beside *b,
                                enum inn_status st, struct inn_error *err)
{
    if (st != INN_OK)
        inn_error_prefix(err, "weights beside it, '%s'", b->location);
    return st;
}

enum inn_status inn_onnx_beside_write(struct inn_onnx_beside *b,
                                      bool overwrite, struct inn_heap *heap,
                                      struct inn_error *err)
{
    static const struct inn_reread bytes = {NULL, NULL};
    static const uint8_t zeros[ALIGN];
    enum inn_status st;
    uint64_t at;
    struct stat s;
    int i;

    b->replaces = stat(b->path, &s) == 0;
    st = inn_write_open(&b->out, b->path, overwrite, heap, err);
    for (i = 0; i < b->n && st == INN_OK; i++) {
        at = inn_write_position(b->out);
        st = inn_write_bytes(b->out, zeros, (size_t)(aligned(at) - at), err);
        if (st == INN_OK)
            st = inn_write_bytes(b->out, b->tensors[i]->data,
                                 b->tensors[i]->bytes, err);
    }
    if (st == INN_OK)
        st = inn_write_reread(b->out, &bytes, err);
    return about_it(b, st, err);
}

enum inn_status inn_onnx_beside_commit(struct inn_onnx_beside *b,
                                       struct inn_error *err)
{
    return about_it(b, inn_write_commit(b->out, err), err);
}

void inn_onnx_beside_remove(const struct inn_onnx_beside *b)
{
    if (!b->replaces)
        unlink(b->path);
}
