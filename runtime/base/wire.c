/*
 * The scan before protobuf-c, and protobuf-c on our heap. The scan follows
 * the message descriptors that protoc-c generates, so one serves every
 * message; unknown fields are checked for their length and not looked into.
 */
#include "runtime/base/wire.h"

#include <limits.h>

#include "runtime/base/error.h"

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

struct cursor {
    const uint8_t *bytes;
    size_t at, end; /* end of the innermost message */
};

static bool read_varint(struct cursor *c, uint64_t *value)
{
    uint64_t v = 0;
    unsigned shift;

    for (shift = 0; shift < 70 && c->at < c->end; shift += 7) {
        uint8_t b = c->bytes[c->at++];

        if (shift == 63 && b > 1)
            return false; /* more than 64 bits */
        v |= (uint64_t)(b & 0x7f) << shift;
        if (b < 0x80) {
            *value = v;
            return true;
        }
    }
    return false;
}

/* What a field of this declared type looks like on the wire. */
static int wire_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return WIRE_32;
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return WIRE_64;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return WIRE_BYTES;
    default:
        return WIRE_VARINT;
    }
}

/* A known field must come as declared, or packed where it is repeated. */
static bool wire_fits(const ProtobufCFieldDescriptor *field, unsigned wire)
{
    if ((int)wire == wire_of(field->type))
        return true;
    return wire == WIRE_BYTES && field->label == PROTOBUF_C_LABEL_REPEATED;
}

static enum inn_status damaged(struct inn_error *err, const char *what,
                               size_t at)
{
    return inn_fail(err, INN_ERR_FORMAT, "%s at byte %zu of a message", what,
                    at);
}

/*
 * Reads one field up to its contents; *len is how many bytes they take, and
 * *sub its message type where it is a message to look into.
 */
static enum inn_status read_field(struct cursor *c,
                                  const ProtobufCMessageDescriptor *type,
                                  const ProtobufCMessageDescriptor **sub,
                                  uint64_t *len, struct inn_error *err)
{
    const ProtobufCFieldDescriptor *field = NULL;
    size_t start = c->at;
    uint64_t tag, value;
    unsigned wire;

    *sub = NULL;
    if (!read_varint(c, &tag) || tag > UINT32_MAX || tag >> 3 == 0)
        return damaged(err, "a damaged field number", start);
    wire = (unsigned)(tag & 7);
    field = protobuf_c_message_descriptor_get_field(type,
                                                    (unsigned)(tag >> 3));
    if (field != NULL && !wire_fits(field, wire))
        return inn_fail(err, INN_ERR_FORMAT,
                        "field '%s' of a message has wire type %u, not %d",
                        field->name, wire, wire_of(field->type));
    switch (wire) {
    case WIRE_VARINT:
        *len = 0;
        if (!read_varint(c, &value))
            return damaged(err, "a damaged number", start);
        break;
    case WIRE_64:
        *len = 8;
        break;
    case WIRE_32:
        *len = 4;
        break;
    case WIRE_BYTES:
        if (!read_varint(c, len))
            return damaged(err, "a damaged length", start);
        if (field != NULL && field->type == PROTOBUF_C_TYPE_MESSAGE)
            *sub = field->descriptor;
        break;
    default:
        return damaged(err, "an unknown wire type", start);
    }
    if (*len > c->end - c->at)
        return inn_fail(err, INN_ERR_FORMAT,
                        "a field at byte %zu of a message claims %llu bytes, "
                        "%zu are left",
                        start, (unsigned long long)*len, c->end - c->at);
    return INN_OK;
}

enum inn_status inn_wire_scan(const ProtobufCMessageDescriptor *type,
                              const uint8_t *bytes, size_t len,
                              struct inn_error *err)
{
    const ProtobufCMessageDescriptor *types[INN_WIRE_DEPTH];
    size_t ends[INN_WIRE_DEPTH];
    struct cursor c = {bytes, 0, len};
    int depth = 0;

    /* protobuf's own limit; protobuf-c has 32-bit lengths in places */
    if (len > INT_MAX)
        return inn_fail(err, INN_ERR_FORMAT,
                        "a message of %zu bytes, %d are the most", len,
                        INT_MAX);
    types[0] = type;
    ends[0] = len;
    for (;;) {
        const ProtobufCMessageDescriptor *sub;
        enum inn_status st;
        uint64_t take = 0;

        while (depth > 0 && c.at == ends[depth])
            c.end = ends[--depth];
        if (c.at == c.end)
            return INN_OK;
        st = read_field(&c, types[depth], &sub, &take, err);
        if (st != INN_OK)
            return st;
        if (sub == NULL) {
            c.at += (size_t)take;
            continue;
        }
        if (depth + 1 == INN_WIRE_DEPTH)
            return inn_fail(err, INN_ERR_FORMAT,
                            "messages nested deeper than %d", INN_WIRE_DEPTH);
        depth++;
        types[depth] = sub;
        ends[depth] = c.end = c.at + (size_t)take;
    }
}

/* protobuf-c's allocator can't say why it failed: kept here. */
struct allocator {
    ProtobufCAllocator base;
    struct inn_heap *heap;
    struct inn_error err;
};

static void *wire_alloc(void *data, size_t size)
{
    struct allocator *a = data;

    return inn_alloc_raw(a->heap, size, 1, &a->err);
}

static void wire_free(void *data, void *block)
{
    struct allocator *a = data;

    inn_free(a->heap, block);
}

static void allocator_init(struct allocator *a, struct inn_heap *heap)
{
    a->base.alloc = wire_alloc;
    a->base.free = wire_free;
    a->base.allocator_data = a;
    a->heap = heap;
    a->err.status = INN_OK;
}

enum inn_status inn_wire_unpack(ProtobufCMessage **message,
                                const ProtobufCMessageDescriptor *type,
                                const uint8_t *bytes, size_t len,
                                struct inn_heap *heap, struct inn_error *err)
{
    struct allocator a;
    enum inn_status st;

    *message = NULL;
    st = inn_wire_scan(type, bytes, len, err);
    if (st != INN_OK)
        return st;
    allocator_init(&a, heap);
    *message = protobuf_c_message_unpack(type, &a.base, len, bytes);
    if (*message != NULL)
        return INN_OK;
    if (a.err.status == INN_OK)
        return inn_fail(err, INN_ERR_FORMAT, "a damaged message '%s'",
                        type->short_name);
    if (err != NULL)
        *err = a.err;
    return a.err.status;
}

void inn_wire_free(ProtobufCMessage *message, struct inn_heap *heap)
{
    struct allocator a;

    if (message == NULL)
        return;
    allocator_init(&a, heap);
    protobuf_c_message_free_unpacked(message, &a.base);
}
