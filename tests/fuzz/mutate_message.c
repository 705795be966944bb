/*
 * Changes one field somewhere in a protobuf message: a number, a name, a
 * shape, a message inside. Everything around it stays well formed, so that
 * what is wrong reaches the code behind the wire format. Types come from
 * protobuf-c's descriptors; bytes it can't make sense of are copied.
 */
#include <stdlib.h>
#include <string.h>

#include "proto/inn.pb-c.h"
#include "proto/onnx.pb-c.h"
#include "runtime/base/port.h"
#include "tests/fuzz/fuzz.h"

/* Deeper messages are copied as bytes. */
#define DEPTH 40

enum edit { EDIT_NONE, EDIT_DROP, EDIT_TWICE, EDIT_VALUE, EDIT_DONOR };

struct walk {
    struct fuzz_random *r;
    enum edit edit;
    size_t target; /* the field that is changed; SIZE_MAX: only count */
    size_t seen;
    uint8_t *out;
    size_t len, cap;
    bool full;
    /* What fits at the target, picked from everywhere, each as likely. */
    const ProtobufCFieldDescriptor *want;
    const uint8_t *donor;
    size_t donor_len, donors;
};

static bool get_varint(uint64_t *value, const uint8_t **p,
                       const uint8_t *end)
{
    unsigned shift = 0;

    *value = 0;
    while (*p < end && shift < 64) {
        uint8_t byte = *(*p)++;

        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
        shift += 7;
    }
    return false;
}

static void put(struct walk *w, const void *data, size_t len)
{
    if (w->out == NULL)
        return;
    if (len > w->cap - w->len) {
        w->full = true;
        return;
    }
    if (len > 0)
        memcpy(w->out + w->len, data, len);
    w->len += len;
}

static size_t varint(uint8_t bytes[10], uint64_t value)
{
    size_t n = 0;

    for (; value >= 0x80; value >>= 7)
        bytes[n++] = (uint8_t)(value | 0x80);
    bytes[n++] = (uint8_t)value;
    return n;
}

static void put_varint(struct walk *w, uint64_t value)
{
    uint8_t bytes[10];

    put(w, bytes, varint(bytes, value));
}

/* The type of the message that a field holds, or NULL. */
static const ProtobufCMessageDescriptor *
inner_type(const ProtobufCMessageDescriptor *type,
           const ProtobufCFieldDescriptor *field)
{
    if (field == NULL)
        return NULL;
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        return field->descriptor;
    /* .inn's network carries an ONNX model as bytes. */
    if (type == &inn__network__descriptor && field->id == 1)
        return &onnx__model_proto__descriptor;
    return NULL;
}

static bool alike(const ProtobufCFieldDescriptor *a,
                  const ProtobufCFieldDescriptor *b)
{
    return a != NULL && b != NULL && a->type == b->type &&
           (a->type == PROTOBUF_C_TYPE_STRING ||
            (a->type == PROTOBUF_C_TYPE_MESSAGE &&
             a->descriptor == b->descriptor) ||
            (a->type == PROTOBUF_C_TYPE_BYTES && a == b));
}

static const char *const words[] = {
    "", "x", "y", "../w", "/etc/hostname", "Conv", "Gemm", "MatMul", "Relu",
    "Add", "Mul", "Div", "Concat", "Split", "Slice", "Gather", "Reshape",
    "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Pad", "Tile", "Expand",
    "ConstantOfShape", "Range", "Resize", "Upsample", "Clip", "Softmax",
    "MaxPool", "AveragePool", "GlobalAveragePool", "ConvTranspose", "Cast",
    "BatchNormalization", "LayerNormalization", "DepthToSpace",
    "SpaceToDepth", "ReduceMean", "ReduceSum", "Where", "Shape", "Identity",
    "If", "Loop", "Constant", "PRelu", "Einsum", "LRN", "ai.onnx", "group",
    "kernel_shape", "strides", "dilations", "pads", "axis", "axes", "perm",
    "blocksize", "auto_pad", "SAME_UPPER", "linear", "cubic", "value"};

/* A length, then something else in place of bytes. */
static void put_bytes(struct walk *w, const uint8_t *p, size_t n, bool text)
{
    struct fuzz_random *r = w->r;
    uint8_t *copy;
    size_t room = n + 64, i;

    if (text && fuzz_below(r, 2) == 0) {
        const char *word = words[fuzz_below(r, INN_COUNT(words))];

        put_varint(w, strlen(word));
        put(w, word, strlen(word));
        return;
    }
    copy = malloc(room);
    if (copy == NULL)
        abort();
    memcpy(copy, p, n);
    if (fuzz_below(r, 2) == 0 && n >= 8) { /* one of its 64-bit numbers */
        uint64_t v = (uint64_t)fuzz_hostile(r);
        size_t at = fuzz_below(r, n / 8) * 8;

        for (i = 0; i < 8; i++)
            copy[at + i] = (uint8_t)(v >> 8 * i);
    } else if (fuzz_below(r, 3) == 0 && n >= 4) { /* a float that is none */
        static const uint32_t odd[] = {0x7f800000, 0xff800000, 0x7fc00000,
                                       0x00000001, 0x7f7fffff, 0x80000000};
        uint32_t v = odd[fuzz_below(r, INN_COUNT(odd))];
        size_t at = fuzz_below(r, n / 4) * 4;

        for (i = 0; i < 4; i++)
            copy[at + i] = (uint8_t)(v >> 8 * i);
    } else {
        n = fuzz_mutate_bytes(copy, n, room, p, n, r);
    }
    put_varint(w, n);
    put(w, copy, n);
    free(copy);
}

/* The value of a field, changed: what follows its tag. */
static void put_changed(struct walk *w, unsigned wire, const uint8_t *p,
                        size_t n, const ProtobufCFieldDescriptor *field)
{
    static const float floats[] = {0, -0.0f, 1e38f, -1, 1e-40f, 0.5f, 3};
    struct fuzz_random *r = w->r;
    uint64_t v = (uint64_t)fuzz_hostile(r);
    uint8_t bytes[10];

    switch (wire) {
    case 0:
        if (fuzz_below(r, 3) == 0)
            v = fuzz_below(r, 32);
        put_varint(w, v);
        break;
    case 1:
        memcpy(bytes, &v, 8);
        put(w, bytes, 8);
        break;
    case 5:
        memcpy(bytes, &floats[fuzz_below(r, INN_COUNT(floats))], 4);
        put(w, bytes, 4);
        break;
    default:
        if (field != NULL && field->label == PROTOBUF_C_LABEL_REPEATED &&
            field->type != PROTOBUF_C_TYPE_STRING &&
            field->type != PROTOBUF_C_TYPE_BYTES &&
            field->type != PROTOBUF_C_TYPE_MESSAGE && n < 4096) {
            /* a packed list: a number in front, in place of all, behind */
            size_t len = varint(bytes, v), how = fuzz_below(r, 3);

            put_varint(w, how == 1 ? len : len + n);
            if (how == 2)
                put(w, p, n);
            put(w, bytes, len);
            if (how == 0)
                put(w, p, n);
            break;
        }
        put_bytes(w, p, n, field != NULL &&
                               field->type == PROTOBUF_C_TYPE_STRING);
    }
}

static bool walk_message(struct walk *w,
                         const ProtobufCMessageDescriptor *type,
                         const uint8_t *p, size_t len, int depth);

/* A field of bytes: as it is, or what is inside walked. */
static void put_inside(struct walk *w, const ProtobufCMessageDescriptor *type,
                       const uint8_t *p, size_t n, int depth)
{
    size_t before = w->len, grown;
    uint8_t head[10];
    size_t head_len;

    if (type == NULL || depth == DEPTH) {
        put_varint(w, n);
        put(w, p, n);
        return;
    }
    if (w->out == NULL) {
        walk_message(w, type, p, n, depth + 1);
        return;
    }
    walk_message(w, type, p, n, depth + 1);
    if (w->full)
        return;
    grown = w->len - before;
    head_len = varint(head, grown);
    if (head_len > w->cap - w->len) {
        w->full = true;
        return;
    }
    memmove(w->out + before + head_len, w->out + before, grown);
    memcpy(w->out + before, head, head_len);
    w->len += head_len;
}

static void edit_field(struct walk *w, uint64_t tag,
                       const ProtobufCFieldDescriptor *field,
                       const uint8_t *p, size_t n, const uint8_t *raw,
                       size_t raw_len)
{
    switch (w->edit) {
    case EDIT_DROP:
        return;
    case EDIT_TWICE:
        put(w, raw, raw_len);
        put(w, raw, raw_len);
        return;
    case EDIT_DONOR:
        if (w->donor != NULL) {
            put_varint(w, tag);
            put_varint(w, w->donor_len);
            put(w, w->donor, w->donor_len);
            return;
        }
        break;
    default:
        break;
    }
    put_varint(w, tag);
    put_changed(w, (unsigned)(tag & 7), p, n, field);
}

/* Copies the message, its target changed. False where it is no message. */
static bool walk_message(struct walk *w,
                         const ProtobufCMessageDescriptor *type,
                         const uint8_t *p, size_t len, int depth)
{
    const uint8_t *end = p + len;

    while (p < end && !w->full) {
        const uint8_t *raw = p, *body;
        const ProtobufCFieldDescriptor *field;
        uint64_t tag, v;
        size_t n;

        if (!get_varint(&tag, &p, end))
            break;
        field = tag >> 3 > INT32_MAX ? NULL :
            protobuf_c_message_descriptor_get_field(type,
                                                    (unsigned)(tag >> 3));
        body = p;
        n = 0;
        switch (tag & 7) {
        case 0:
            if (!get_varint(&v, &p, end))
                goto rest;
            break;
        case 1:
        case 5:
            n = (tag & 7) == 1 ? 8 : 4;
            if (n > (size_t)(end - p))
                goto rest;
            p += n;
            break;
        case 2:
            if (!get_varint(&v, &p, end) || v > (uint64_t)(end - p))
                goto rest;
            n = (size_t)v;
            body = p;
            p += n;
            if (alike(w->want, field) &&
                fuzz_below(w->r, ++w->donors) == 0) {
                w->donor = body;
                w->donor_len = n;
            }
            break;
        default:
            goto rest;
        }
        if (w->seen++ == w->target) {
            if (w->out == NULL)
                w->want = field;
            else
                edit_field(w, tag, field, body, n, raw, (size_t)(p - raw));
        } else if ((tag & 7) == 2) {
            put_varint(w, tag);
            put_inside(w, inner_type(type, field), body, n, depth);
        } else {
            put(w, raw, (size_t)(p - raw));
        }
        continue;
    rest:
        put(w, raw, (size_t)(end - raw));
        return false;
    }
    return true;
}

static size_t change_field(const ProtobufCMessageDescriptor *type,
                           uint8_t *data, size_t len, size_t cap,
                           const uint8_t *other, size_t other_len,
                           struct fuzz_random *r)
{
    struct walk w = {.r = r, .target = SIZE_MAX};
    size_t fields, target;

    walk_message(&w, type, data, len, 0);
    fields = w.seen;
    if (fields == 0)
        return len;
    /* One of the first as often as any: a large weight has no fields. */
    target = fuzz_below(r, fields);
    w = (struct walk){.r = r, .target = target};
    walk_message(&w, type, data, len, 0); /* finds what it is */
    w.target = SIZE_MAX;
    w.donors = 0;
    walk_message(&w, type, data, len, 0); /* donors */
    if (w.want != NULL)
        walk_message(&w, type, other, other_len, 0);
    w.edit = (enum edit)(EDIT_DROP + fuzz_below(r, 7));
    if (w.edit > EDIT_DONOR)
        w.edit = w.donor != NULL && fuzz_below(r, 2) == 0 ? EDIT_DONOR
                                                         : EDIT_VALUE;
    w.out = malloc(cap + 1);
    if (w.out == NULL)
        abort();
    w.cap = cap;
    w.len = 0;
    w.seen = 0;
    w.target = target;
    w.want = NULL;
    walk_message(&w, type, data, len, 0);
    if (!w.full) {
        memcpy(data, w.out, w.len);
        len = w.len;
    }
    free(w.out);
    return len;
}

size_t fuzz_mutate_message(const ProtobufCMessageDescriptor *type,
                           uint8_t *data, size_t len, size_t cap,
                           const uint8_t *other, size_t other_len,
                           struct fuzz_random *r)
{
    size_t times = 1 + fuzz_below(r, 3);

    while (times-- > 0)
        len = change_field(type, data, len, cap, other, other_len, r);
    return len;
}

size_t fuzz_mutate_onnx(uint8_t *data, size_t len, size_t cap,
                        const uint8_t *other, size_t other_len,
                        struct fuzz_random *r)
{
    if (fuzz_below(r, 5) == 0)
        return fuzz_mutate_bytes(data, len, cap, other, other_len, r);
    return fuzz_mutate_message(&onnx__model_proto__descriptor, data, len, cap,
                               other, other_len, r);
}
