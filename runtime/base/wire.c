/*
 * The gate before protobuf-c, whose unpacker recurses as deep as a file says
 * and merges what occurs twice; and protobuf-c itself on arena memory. The
 * gate walks the wire format by the descriptors that protoc-c generates, so
 * one serves every message; it bounds the depth and allocates nothing.
 */
#include "runtime/base/wire.h"

#include <assert.h>
#include <string.h>

#include "runtime/base/error.h"

struct scan {
    const uint8_t *start; /* of the outermost message, for err */
    struct inn_error *err;
};

struct span {
    const uint8_t *at, *end;
};

/* What a field looks like on the wire. */
enum wire { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };

/* Set in the mask of fields seen when any of a oneof has been. */
#define SEEN_ONEOF ((uint64_t)1 << 63)

static enum inn_status fault(const struct scan *s, const uint8_t *at,
                             const char *what)
{
    return inn_fail(s->err, INN_ERR_FORMAT, "byte %zu: %s",
                    (size_t)(at - s->start), what);
}

static bool read_varint(uint64_t *value, struct span *in)
{
    uint64_t v = 0;
    int shift;

    for (shift = 0; shift < 70 && in->at < in->end; shift += 7) {
        uint8_t byte = *in->at++;

        if (shift == 63 && byte > 1)
            return false; /* more than 64 bits */
        v |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            *value = v;
            return true;
        }
    }
    return false;
}

static enum wire wire_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return FIXED32;
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return FIXED64;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return BYTES;
    default:
        return VARINT;
    }
}

/* The numbers of a packed list: whole ones, to the last byte. */
static bool packed_fits(struct span in, enum wire wire)
{
    uint64_t value;

    if (wire == FIXED32)
        return (in.end - in.at) % 4 == 0;
    if (wire == FIXED64)
        return (in.end - in.at) % 8 == 0;
    while (in.at < in.end) {
        if (!read_varint(&value, &in))
            return false;
    }
    return true;
}

/* Takes the field's payload off in; of BYTES without their length. */
static enum inn_status take_payload(const struct scan *s, struct span *in,
                                    struct span *payload, unsigned wire)
{
    const uint8_t *at = in->at;
    size_t left;
    uint64_t value;

    switch (wire) {
    case VARINT:
        if (!read_varint(&value, in))
            return fault(s, at, "a number that does not end");
        break;
    case FIXED32:
    case FIXED64:
        left = (size_t)(in->end - in->at);
        if (left < (wire == FIXED32 ? 4u : 8u))
            return fault(s, at, "a number that is cut off");
        in->at += wire == FIXED32 ? 4 : 8;
        break;
    case BYTES:
        if (!read_varint(&value, in))
            return fault(s, at, "a length that does not end");
        left = (size_t)(in->end - in->at);
        if (value > left)
            return inn_fail(s->err, INN_ERR_FORMAT,
                            "byte %zu: a part claims %llu bytes, %zu are left",
                            (size_t)(at - s->start),
                            (unsigned long long)value, left);
        at = in->at;
        in->at += value;
        break;
    default:
        return fault(s, at, "an unknown kind of field");
    }
    payload->at = at;
    payload->end = in->at;
    return INN_OK;
}

static enum inn_status scan_message(const struct scan *s,
                                    const ProtobufCMessageDescriptor *type,
                                    struct span in, int depth);

static enum inn_status scan_known(const struct scan *s,
                                  const ProtobufCMessageDescriptor *type,
                                  const ProtobufCFieldDescriptor *field,
                                  struct span payload, unsigned wire,
                                  uint64_t *seen, int depth)
{
    const enum wire expect = wire_of(field->type);
    const bool repeated = field->label == PROTOBUF_C_LABEL_REPEATED;
    uint64_t bit = (uint64_t)1 << (field - type->fields);

    if (wire != expect) {
        if (wire != BYTES || !repeated || !packed_fits(payload, expect))
            return inn_fail(s->err, INN_ERR_FORMAT,
                            "byte %zu: %s '%s' is of the wrong kind",
                            (size_t)(payload.at - s->start), type->short_name,
                            field->name);
        return INN_OK;
    }
    if (!repeated) {
        if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
            bit = SEEN_ONEOF;
        if (*seen & bit)
            return inn_fail(s->err, INN_ERR_FORMAT,
                            "byte %zu: %s '%s' is there twice",
                            (size_t)(payload.at - s->start), type->short_name,
                            field->name);
        *seen |= bit;
    }
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        return scan_message(s, field->descriptor, payload, depth + 1);
    if (field->type == PROTOBUF_C_TYPE_STRING && payload.at < payload.end &&
        memchr(payload.at, 0, (size_t)(payload.end - payload.at)) != NULL)
        return inn_fail(s->err, INN_ERR_FORMAT,
                        "byte %zu: %s '%s' has a zero byte in its text",
                        (size_t)(payload.at - s->start), type->short_name,
                        field->name);
    return INN_OK;
}

static enum inn_status scan_message(const struct scan *s,
                                    const ProtobufCMessageDescriptor *type,
                                    struct span in, int depth)
{
    const ProtobufCFieldDescriptor *field;
    struct span payload;
    uint64_t tag, seen = 0;
    enum inn_status st;

    assert(type->n_fields < 63);
    if (depth > INN_WIRE_DEPTH)
        return inn_fail(s->err, INN_ERR_FORMAT,
                        "byte %zu: parts nest deeper than %d",
                        (size_t)(in.at - s->start), INN_WIRE_DEPTH);
    while (in.at < in.end) {
        const uint8_t *at = in.at;

        /* Numbers of fields have 29 bits. */
        if (!read_varint(&tag, &in) || tag >> 32 != 0 || tag >> 3 == 0)
            return fault(s, at, "a field without a valid number");
        payload = in;
        st = take_payload(s, &in, &payload, (unsigned)(tag & 7));
        if (st != INN_OK)
            return st;
        field = protobuf_c_message_descriptor_get_field(
            type, (unsigned)(tag >> 3));
        if (field == NULL)
            continue;
        st = scan_known(s, type, field, payload, (unsigned)(tag & 7), &seen,
                        depth);
        if (st != INN_OK)
            return st;
    }
    return INN_OK;
}

enum inn_status inn_wire_scan(const ProtobufCMessageDescriptor *type,
                              const uint8_t *bytes, size_t len,
                              struct inn_error *err)
{
    const struct scan s = {bytes, err};
    struct span in = {bytes, bytes};

    if (len > INN_WIRE_MAX_BYTES)
        return inn_fail(err, INN_ERR_LIMIT,
                        "%zu bytes of %s; a message has at most %zu", len,
                        type->short_name, INN_WIRE_MAX_BYTES);
    if (len == 0)
        return INN_OK;
    in.end += len;
    return scan_message(&s, type, in, 0);
}

/* A refused allocation is told from bad bytes by the error it leaves. */
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

enum inn_status inn_wire_unpack(ProtobufCMessage **message,
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
    st = inn_wire_scan(type, bytes, len, err);
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
