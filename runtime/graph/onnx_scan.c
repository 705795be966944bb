/*
 * The gate before protobuf-c, whose unpacker recurses as deep as a file says
 * and merges what occurs twice. The scan walks the wire format by the same
 * descriptors, with a bound on the depth, and allocates nothing.
 */
#include <assert.h>
#include <string.h>

#include "runtime/graph/onnx_internal.h"

struct scan {
    const uint8_t *start; /* of the file, for messages */
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

        if (shift < 64)
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
    if (depth > INN_ONNX_MAX_DEPTH)
        return inn_fail(s->err, INN_ERR_FORMAT,
                        "byte %zu: parts nest deeper than %d",
                        (size_t)(in.at - s->start), INN_ONNX_MAX_DEPTH);
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

enum inn_status inn_onnx_scan(const ProtobufCMessageDescriptor *type,
                              const uint8_t *bytes, size_t len,
                              struct inn_error *err)
{
    const struct scan s = {bytes, err};
    struct span in = {bytes, bytes};

    if (len > INN_ONNX_MAX_BYTES)
        return inn_fail(err, INN_ERR_LIMIT,
                        "%zu bytes; an ONNX file has at most %zu, the rest "
                        "belongs in external data", len, INN_ONNX_MAX_BYTES);
    if (len == 0)
        return INN_OK;
    in.end += len;
    return scan_message(&s, type, in, 0);
}

static const struct {
    unsigned at, len;
    const char *magic;
    const char *what;
} kinds[] = {
    {0, 5, "INN\r\n", "an .inn file"},
    {0, 23, "version https://git-lfs", "a Git LFS pointer, not the file"},
    {0, 4, "PK\3\4", "a zip archive (PyTorch, Keras or a download)"},
    {0, 4, "\x89HDF", "HDF5 (Keras)"},
    {4, 4, "TFL3", "a TensorFlow Lite model"},
    {4, 4, "ORTM", "ONNX Runtime's own format"},
    {0, 4, "GGUF", "a GGUF file"},
    {0, 6, "\x93NUMPY", "a NumPy array"},
    {0, 2, "\x1f\x8b", "gzip-compressed"},
    {0, 4, "\x28\xb5\x2f\xfd", "zstd-compressed"},
    {0, 2, "\x80\2", "a Python pickle (PyTorch)"},
    {0, 2, "\x80\4", "a Python pickle"},
    {0, 4, "\x7f" "ELF", "a program"},
};

static bool starts(const uint8_t *bytes, size_t len, const char *text)
{
    size_t n = strlen(text);

    return len >= n && memcmp(bytes, text, n) == 0;
}

static const char *sniff_text(const uint8_t *bytes, size_t len)
{
    static const char *const fields[] = {
        "ir_version", "producer_name", "producer_version", "opset_import",
        "graph {",    "graph:",        "model_version",    "#",
    };
    size_t i;

    for (i = 0; i < len && i < 256; i++) {
        if (bytes[i] < 0x20 && memchr("\t\n\r\f", bytes[i], 4) == NULL)
            return NULL;
    }
    while (len > 0 && memchr(" \t\n\r\f", *bytes, 5) != NULL) {
        bytes++;
        len--;
    }
    if (starts(bytes, len, "{") || starts(bytes, len, "["))
        return "JSON text";
    if (starts(bytes, len, "<!") || starts(bytes, len, "<html"))
        return "an HTML page";
    if (starts(bytes, len, "<"))
        return "ONNX's or XML text syntax";
    for (i = 0; i < INN_COUNT(fields); i++) {
        if (starts(bytes, len, fields[i]))
            return "protobuf's text format";
    }
    return len > 0 ? "text" : NULL;
}

const char *inn_onnx_sniff(const uint8_t *bytes, size_t len)
{
    size_t i;

    if (len == 0)
        return "empty";
    for (i = 0; i < INN_COUNT(kinds); i++) {
        if (len >= (size_t)kinds[i].at + kinds[i].len &&
            memcmp(bytes + kinds[i].at, kinds[i].magic, kinds[i].len) == 0)
            return kinds[i].what;
    }
    return sniff_text(bytes, len);
}
