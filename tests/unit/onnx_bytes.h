/*
 * ONNX messages made by hand, field by field, for tests: what the reader is
 * given does not come from the library that unpacks it.
 */
#ifndef INN_TESTS_ONNX_BYTES_H
#define INN_TESTS_ONNX_BYTES_H

#include <assert.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    uint8_t data[16384];
    size_t len;
};

static inline void put_varint(struct bytes *b, uint64_t v)
{
    assert(b->len + 10 <= sizeof(b->data));
    for (; v >= 0x80; v >>= 7)
        b->data[b->len++] = (uint8_t)(v | 0x80);
    b->data[b->len++] = (uint8_t)v;
}

static inline void put_int(struct bytes *b, unsigned field, int64_t v)
{
    put_varint(b, field << 3);
    put_varint(b, (uint64_t)v);
}

static inline void put_data(struct bytes *b, unsigned field, const void *data,
                            size_t len)
{
    put_varint(b, field << 3 | 2);
    put_varint(b, len);
    assert(b->len + len <= sizeof(b->data));
    if (len > 0)
        memcpy(b->data + b->len, data, len);
    b->len += len;
}

static inline void put_text(struct bytes *b, unsigned field, const char *text)
{
    put_data(b, field, text, strlen(text));
}

static inline void put_sub(struct bytes *b, unsigned field,
                           const struct bytes *sub)
{
    put_data(b, field, sub->data, sub->len);
}

static inline void put_float(struct bytes *b, unsigned field, float f)
{
    put_varint(b, field << 3 | 5);
    memcpy(b->data + b->len, &f, 4);
    b->len += 4;
}

/* NodeProto with up to two inputs and one output; NULL: none. */
static inline struct bytes node_of(const char *op, const char *name,
                                   const char *in0, const char *in1,
                                   const char *out)
{
    struct bytes n = {.len = 0};

    if (in0 != NULL)
        put_text(&n, 1, in0);
    if (in1 != NULL)
        put_text(&n, 1, in1);
    if (out != NULL)
        put_text(&n, 2, out);
    put_text(&n, 3, name);
    put_text(&n, 4, op);
    return n;
}

static inline void set_domain(struct bytes *node, const char *domain)
{
    put_text(node, 7, domain);
}

/* Adds an attribute to a NodeProto. */
static inline void attr_int(struct bytes *node, const char *name, int64_t v)
{
    struct bytes a = {.len = 0};

    put_text(&a, 1, name);
    put_int(&a, 20, 2);
    put_int(&a, 3, v);
    put_sub(node, 5, &a);
}

static inline void attr_ref(struct bytes *node, const char *name, int type,
                            const char *ref)
{
    struct bytes a = {.len = 0};

    put_text(&a, 1, name);
    put_int(&a, 20, type);
    put_text(&a, 21, ref);
    put_sub(node, 5, &a);
}

static inline void attr_sub(struct bytes *node, const char *name, int type,
                            unsigned field, const struct bytes *sub)
{
    struct bytes a = {.len = 0};

    put_text(&a, 1, name);
    put_int(&a, 20, type);
    put_sub(&a, field, sub);
    put_sub(node, 5, &a);
}

/* ValueInfoProto of a f32 tensor [dim0, "N"]. */
static inline struct bytes info_of(const char *name, int64_t dim0)
{
    struct bytes v = {.len = 0}, type = {.len = 0}, tensor = {.len = 0},
                 shape = {.len = 0}, d0 = {.len = 0}, d1 = {.len = 0};

    put_int(&d0, 1, dim0);
    put_text(&d1, 2, "N");
    put_sub(&shape, 1, &d0);
    put_sub(&shape, 1, &d1);
    put_int(&tensor, 1, 1);
    put_sub(&tensor, 2, &shape);
    put_sub(&type, 1, &tensor);
    put_text(&v, 1, name);
    put_sub(&v, 2, &type);
    return v;
}

/* TensorProto without its values. */
static inline struct bytes tensor_of(const char *name, int type, int64_t dim)
{
    struct bytes t = {.len = 0};

    if (dim >= 0)
        put_int(&t, 1, dim);
    put_int(&t, 2, type);
    put_text(&t, 8, name);
    return t;
}

static inline struct bytes floats_of(const char *name, int64_t count,
                                     const float *values)
{
    struct bytes t = tensor_of(name, 1, count);

    put_data(&t, 9, values, (size_t)count * 4);
    return t;
}

/* An entry of external_data or metadata_props. */
static inline void put_entry(struct bytes *b, unsigned field,
                             const char *key, const char *value)
{
    struct bytes e = {.len = 0};

    put_text(&e, 1, key);
    put_text(&e, 2, value);
    put_sub(b, field, &e);
}

static inline void put_opset(struct bytes *b, unsigned field,
                             const char *domain, int64_t version)
{
    struct bytes o = {.len = 0};

    put_text(&o, 1, domain);
    put_int(&o, 2, version);
    put_sub(b, field, &o);
}

/* ModelProto around a GraphProto; opset of ONNX's domain 0: none. */
static inline struct bytes model_of(int64_t ir, int64_t opset,
                                    const struct bytes *graph)
{
    struct bytes m = {.len = 0};

    put_int(&m, 1, ir);
    if (opset != 0)
        put_opset(&m, 8, "", opset);
    put_sub(&m, 7, graph);
    return m;
}

/* y = op(x) and nothing else, to be added to. */
static inline struct bytes graph_xy(const char *op)
{
    struct bytes g = {.len = 0}, x = info_of("x", 2), y = info_of("y", 2),
                 n = node_of(op, "n0", "x", NULL, "y");

    put_sub(&g, 1, &n);
    put_text(&g, 2, "g");
    put_sub(&g, 11, &x);
    put_sub(&g, 12, &y);
    return g;
}

#endif
