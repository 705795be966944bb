/*
 * Small things about ONNX's messages: packing a part of one into an arena,
 * and the two names of its own domain.
 */
#include <string.h>

#include "runtime/graph/onnx_internal.h"

enum inn_status inn_onnx_pack_message(const ProtobufCMessage *message,
                                      const uint8_t **bytes, size_t *len,
                                      struct inn_arena *arena,
                                      struct inn_error *err)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *packed;

    *bytes = NULL;
    *len = 0;
    if (size > INN_WIRE_MAX_BYTES)
        return inn_fail(err, INN_ERR_LIMIT,
                        "a part of %zu bytes; ONNX has room for %zu", size,
                        INN_WIRE_MAX_BYTES);
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
