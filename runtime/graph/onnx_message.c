/*
 * Between bytes and protobuf-c's messages. Its allocator hands out arena
 * memory and frees nothing, so that a message can be cut up and shared by
 * what is made of it; a refused allocation is told from bad bytes by the
 * error it leaves.
 */
#include <string.h>

#include "runtime/graph/onnx_internal.h"

struct allocator {
    struct inn_arena *arena;
    struct inn_error err;
};

static void *arena_alloc(void *data, size_t size)
{
    struct allocator *a = data;

    return inn_arena_alloc(a->arena, size, 1, &a->err);
}

static void arena_release(void *data, void *block)
{
    (void)data;
    (void)block;
}

enum inn_status inn_onnx_unpack(ProtobufCMessage **message,
                                const ProtobufCMessageDescriptor *type,
                                const uint8_t *bytes, size_t len,
                                struct inn_arena *arena,
                                struct inn_error *err)
{
    struct allocator data = {arena, {INN_OK, ""}};
    ProtobufCAllocator allocator = {arena_alloc, arena_release, &data};
    static const uint8_t none[1] = {0};
    enum inn_status st;

    *message = NULL;
    st = inn_onnx_scan(type, bytes, len, err);
    if (st != INN_OK)
        return st;
    *message = protobuf_c_message_unpack(type, &allocator, len,
                                         len > 0 ? bytes : none);
    /* Some of its failed allocations pass unnoticed as absent lists. */
    if (data.err.status != INN_OK) {
        *message = NULL;
        if (err != NULL)
            *err = data.err;
        return data.err.status;
    }
    if (*message == NULL)
        return inn_fail(err, INN_ERR_FORMAT, "%s can't be unpacked",
                        type->short_name);
    return INN_OK;
}

enum inn_status inn_onnx_pack_message(const ProtobufCMessage *message,
                                      const uint8_t **bytes, size_t *len,
                                      struct inn_arena *arena,
                                      struct inn_error *err)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *packed;

    *bytes = NULL;
    *len = 0;
    if (size > INN_ONNX_MAX_BYTES)
        return inn_fail(err, INN_ERR_LIMIT,
                        "a part of %zu bytes; ONNX has room for %zu", size,
                        INN_ONNX_MAX_BYTES);
    packed = inn_arena_alloc(arena, size, 1, err);
    if (packed == NULL)
        return inn_refused(err);
    *len = protobuf_c_message_pack(message, packed);
    *bytes = packed;
    return INN_OK;
}

const char *inn_onnx_domain(const char *domain)
{
    if (domain == NULL || strcmp(domain, "ai.onnx") == 0)
        return "";
    return domain;
}
