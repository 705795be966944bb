/*
 * Tensors between ONNX's message and ours. The message may carry its values
 * in one of eight ways; exactly one of them has to be there, as long as the
 * type and shape say.
 */
#include <string.h>

#include "runtime/base/checked.h"
#include "runtime/graph/onnx_internal.h"

bool inn_onnx_type_held(int32_t data_type)
{
    return data_type == INN_STRING ||
           (data_type > 0 && inn_type_size((enum inn_type)data_type) > 0);
}

static const char *const type_names[] = {
    [14] = "complex64",    [15] = "complex128",     [17] = "float8e4m3fn",
    [18] = "float8e4m3fnuz", [19] = "float8e5m2",   [20] = "float8e5m2fnuz",
    [21] = "uint4",        [22] = "int4",           [23] = "float4e2m1",
    [24] = "float8e8m0",   [25] = "uint2",          [26] = "int2",
};

static enum inn_status refuse_type(int32_t type, struct inn_error *err)
{
    if (type == 0)
        return inn_fail(err, INN_ERR_FORMAT, "a tensor has no element type");
    if (type > 0 && (size_t)type < INN_COUNT(type_names) &&
        type_names[type] != NULL)
        return inn_fail(err, INN_ERR_UNSUPPORTED,
                        "element type %s (%d) is not supported",
                        type_names[type], (int)type);
    return inn_fail(err, INN_ERR_FORMAT, "element type %d is unknown",
                    (int)type);
}

/* Type and shape; bytes of a string tensor are told by its data. */
static enum inn_status read_shape(struct inn_tensor *t,
                                  const Onnx__TensorProto *p,
                                  struct inn_error *err)
{
    const int32_t type = p->has_data_type ? p->data_type : 0;
    enum inn_status st;

    memset(t, 0, sizeof(*t));
    if (!inn_onnx_type_held(type))
        return refuse_type(type, err);
    if (p->n_dims > INN_MAX_RANK)
        return inn_fail(err, INN_ERR_UNSUPPORTED,
                        "a tensor has %zu dimensions; %d are supported",
                        p->n_dims, INN_MAX_RANK);
    if (p->segment != NULL)
        return inn_fail(err, INN_ERR_UNSUPPORTED,
                        "a tensor in segments is not supported");
    /* Strings take the place of bytes to have their shape checked. */
    st = inn_tensor_init(t, type == INN_STRING ? INN_U8 : (enum inn_type)type,
                         (int)p->n_dims, p->dims, err);
    t->type = (enum inn_type)type;
    return st;
}

/* How many of the value fields hold something. */
static int count_fields(const Onnx__TensorProto *p)
{
    return (p->raw_data.len > 0) + (p->n_float_data > 0) +
           (p->n_int32_data > 0) + (p->n_int64_data > 0) +
           (p->n_double_data > 0) + (p->n_uint64_data > 0) +
           (p->n_string_data > 0);
}

/* An integer type's range; bool and bits of short floats included. */
static void int_range(enum inn_type type, int64_t *lo, int64_t *hi)
{
    static const struct {
        int64_t lo, hi;
    } ranges[] = {
        [INN_U8] = {0, UINT8_MAX},          [INN_I8] = {INT8_MIN, INT8_MAX},
        [INN_U16] = {0, UINT16_MAX},        [INN_I16] = {INT16_MIN, INT16_MAX},
        [INN_I32] = {INT32_MIN, INT32_MAX}, [INN_BOOL] = {0, 1},
        [INN_F16] = {0, UINT16_MAX},        [INN_BF16] = {0, UINT16_MAX},
    };

    *lo = ranges[type].lo;
    *hi = ranges[type].hi;
}

/* int32_data narrowed to 1 or 2 bytes each. */
static enum inn_status narrow(struct inn_tensor *t,
                              const Onnx__TensorProto *p, size_t count,
                              struct inn_arena *arena, struct inn_error *err)
{
    const size_t size = inn_type_size(t->type);
    int64_t lo, hi;
    uint8_t *out;
    size_t i;

    int_range(t->type, &lo, &hi);
    out = inn_arena_alloc(arena, t->bytes, 1, err);
    if (out == NULL)
        return inn_refused(err);
    for (i = 0; i < count; i++) {
        const int32_t v = p->int32_data[i];
        const uint8_t one = (uint8_t)v;
        const uint16_t two = (uint16_t)v;

        if (v < lo || v > hi)
            return inn_fail(err, INN_ERR_FORMAT,
                            "value %d of element %zu is outside type %s",
                            (int)v, i, inn_type_name(t->type));
        memcpy(out + i * size, size == 1 ? (const void *)&one : &two, size);
    }
    t->data = out;
    return INN_OK;
}

static enum inn_status wrong_count(size_t have, size_t want,
                                   const struct inn_tensor *t,
                                   struct inn_error *err)
{
    char text[INN_SHAPE_TEXT];

    return inn_fail(err, INN_ERR_FORMAT,
                    "a tensor has %zu values, its shape %s makes %zu", have,
                    inn_shape_text(text, t->rank, t->dims), want);
}

/* The typed field that belongs to t's type. */
static enum inn_status read_typed(struct inn_tensor *t,
                                  const Onnx__TensorProto *p,
                                  struct inn_arena *arena,
                                  struct inn_error *err)
{
    size_t count = inn_tensor_count(t), have = 0, i;

    switch (t->type) {
    case INN_F32:
        have = p->n_float_data;
        t->data = p->float_data;
        break;
    case INN_F64:
        have = p->n_double_data;
        t->data = p->double_data;
        break;
    case INN_I64:
        have = p->n_int64_data;
        t->data = p->int64_data;
        break;
    case INN_U64:
    case INN_U32:
        have = p->n_uint64_data;
        t->data = p->uint64_data;
        break;
    default:
        have = p->n_int32_data;
        t->data = p->int32_data;
        break;
    }
    if (have == 0)
        return inn_fail(err, INN_ERR_FORMAT,
                        "a tensor of type %s has its values in the field of "
                        "another", inn_type_name(t->type));
    if (have != count)
        return wrong_count(have, count, t, err);
    if (t->type == INN_U32) {
        uint32_t *out = inn_arena_alloc(arena, t->bytes, 1, err);

        if (out == NULL)
            return inn_refused(err);
        for (i = 0; i < count; i++) {
            if (p->uint64_data[i] > UINT32_MAX)
                return inn_fail(err, INN_ERR_FORMAT,
                                "value %llu of element %zu is outside type "
                                "u32", (unsigned long long)p->uint64_data[i],
                                i);
            out[i] = (uint32_t)p->uint64_data[i];
        }
        t->data = out;
    } else if (inn_type_size(t->type) < 4) {
        return narrow(t, p, count, arena, err);
    }
    return INN_OK;
}

/* Raw bytes, from the message or a file; copied where they lie askew. */
static enum inn_status read_raw(struct inn_tensor *t, const uint8_t *bytes,
                                size_t len, struct inn_arena *arena,
                                struct inn_error *err)
{
    char text[INN_SHAPE_TEXT];
    size_t i;

    if (len != t->bytes)
        return inn_fail(err, INN_ERR_FORMAT,
                        "a tensor has %zu bytes, its type %s and shape %s "
                        "make %zu", len, inn_type_name(t->type),
                        inn_shape_text(text, t->rank, t->dims), t->bytes);
    if (t->type == INN_BOOL) {
        for (i = 0; i < len; i++) {
            if (bytes[i] > 1)
                return inn_fail(err, INN_ERR_FORMAT,
                                "value %u of element %zu is outside type "
                                "bool", bytes[i], i);
        }
    }
    if ((uintptr_t)bytes % inn_type_size(t->type) != 0) {
        uint8_t *copy = inn_arena_alloc(arena, len, 1, err);

        if (copy == NULL)
            return inn_refused(err);
        memcpy(copy, bytes, len);
        bytes = copy;
    }
    t->data = (void *)(uintptr_t)bytes;
    return INN_OK;
}

static uint8_t *put_varint(uint8_t *out, size_t v)
{
    for (; v >= 0x80; v >>= 7)
        *out++ = (uint8_t)(v | 0x80);
    *out++ = (uint8_t)v;
    return out;
}

#define VARINT_MOST 10

static enum inn_status read_strings(struct inn_tensor *t,
                                    const Onnx__TensorProto *p,
                                    struct inn_arena *arena,
                                    struct inn_error *err)
{
    const size_t count = t->bytes;
    size_t room = 0, i;
    uint8_t *out, *at;

    if (p->n_string_data != count)
        return wrong_count(p->n_string_data, count, t, err);
    for (i = 0; i < count; i++) {
        if (!inn_add_size(&room, room, p->string_data[i].len) ||
            !inn_add_size(&room, room, VARINT_MOST))
            return inn_no_memory(err, room);
    }
    out = at = inn_arena_alloc(arena, room, 1, err);
    if (out == NULL)
        return inn_refused(err);
    for (i = 0; i < count; i++) {
        const ProtobufCBinaryData *s = &p->string_data[i];

        at = put_varint(at, s->len);
        if (s->len > 0)
            memcpy(at, s->data, s->len);
        at += s->len;
    }
    t->data = out;
    t->bytes = (size_t)(at - out);
    return INN_OK;
}

enum inn_status inn_onnx_tensor(struct inn_tensor *tensor,
                                const Onnx__TensorProto *proto,
                                const struct inn_onnx_source *source,
                                struct inn_error *err)
{
    const int fields = count_fields(proto);
    const uint8_t *bytes;
    enum inn_status st;
    size_t len;

    st = read_shape(tensor, proto, err);
    if (st != INN_OK)
        return st;
    if (fields > 1)
        return inn_fail(err, INN_ERR_FORMAT,
                        "a tensor has its values in %d fields", fields);
    if (proto->has_data_location &&
        proto->data_location != ONNX__TENSOR_PROTO__DATA_LOCATION__DEFAULT) {
        if (fields != 0 || tensor->type == INN_STRING)
            return inn_fail(err, INN_ERR_FORMAT,
                            "a tensor has its values both here and outside");
        st = inn_onnx_external(&bytes, &len, proto, tensor->bytes, source,
                               err);
        return st != INN_OK ? st
                            : read_raw(tensor, bytes, len, source->arena,
                                       err);
    }
    if (fields == 0 && tensor->bytes != 0) {
        if (!source->weightless)
            return wrong_count(0, inn_tensor_count(tensor), tensor, err);
        if (tensor->type == INN_STRING)
            tensor->bytes = 0;
        return INN_OK;
    }
    if (fields == 0) {
        /* Not NULL, which would say that the values are unknown. */
        tensor->data = inn_arena_alloc(source->arena, 1, 1, err);
        return tensor->data != NULL ? INN_OK : inn_refused(err);
    }
    if (tensor->type == INN_STRING) /* raw_data can't hold them */
        return read_strings(tensor, proto, source->arena, err);
    if (proto->raw_data.len > 0)
        return read_raw(tensor, proto->raw_data.data, proto->raw_data.len,
                        source->arena, err);
    return read_typed(tensor, proto, source->arena, err);
}

/* string_data out of lengths and bytes, which our own reader has made. */
static enum inn_status string_message(Onnx__TensorProto *p,
                                      const struct inn_tensor *t,
                                      struct inn_arena *arena,
                                      struct inn_error *err)
{
    const size_t count = inn_tensor_count(t);
    uint8_t *at = t->data, *end = at + t->bytes;
    size_t i;

    p->string_data = inn_arena_alloc(arena, count, sizeof(*p->string_data),
                                     err);
    if (p->string_data == NULL)
        return inn_refused(err);
    for (i = 0; i < count; i++) {
        size_t len = 0;
        unsigned shift = 0;

        while (at < end && *at >= 0x80 && shift < 63) {
            len |= (size_t)(*at++ & 0x7f) << shift;
            shift += 7;
        }
        if (at == end)
            break;
        len |= (size_t)*at++ << shift;
        if (len > (size_t)(end - at))
            break;
        p->string_data[i].len = len;
        p->string_data[i].data = at;
        at += len;
    }
    if (i != count)
        return inn_fail(err, INN_ERR_ARGUMENT,
                        "a string tensor of %zu elements holds %zu", count,
                        i);
    p->n_string_data = count;
    return INN_OK;
}

enum inn_status inn_onnx_tensor_message(Onnx__TensorProto *proto,
                                        const struct inn_tensor *tensor,
                                        bool without_data,
                                        struct inn_arena *arena,
                                        struct inn_error *err)
{
    onnx__tensor_proto__init(proto);
    proto->n_dims = (size_t)tensor->rank;
    proto->dims = (int64_t *)(uintptr_t)tensor->dims;
    proto->has_data_type = 1;
    proto->data_type = (int32_t)tensor->type;
    if (without_data || tensor->data == NULL)
        return INN_OK;
    if (tensor->type == INN_STRING)
        return string_message(proto, tensor, arena, err);
    proto->has_raw_data = 1;
    proto->raw_data.len = tensor->bytes;
    proto->raw_data.data = tensor->data;
    return INN_OK;
}
