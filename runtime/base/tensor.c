/*
 * What the element types are, and how to get from one to another. The short
 * floats are converted in integer arithmetic: the same bits on every machine,
 * whatever its rounding mode.
 */
#include "runtime/base/tensor.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/checked.h"
#include "runtime/base/error.h"

static const struct type_row {
    const char *name;
    unsigned char size;
    bool is_float;
} types[] = {
    [INN_F32] = {"f32", 4, true},    [INN_U8] = {"u8", 1, false},
    [INN_I8] = {"i8", 1, false},     [INN_U16] = {"u16", 2, false},
    [INN_I16] = {"i16", 2, false},   [INN_I32] = {"i32", 4, false},
    [INN_I64] = {"i64", 8, false},   [INN_STRING] = {"string", 0, false},
    [INN_BOOL] = {"bool", 1, false}, [INN_F16] = {"f16", 2, true},
    [INN_F64] = {"f64", 8, true},    [INN_U32] = {"u32", 4, false},
    [INN_U64] = {"u64", 8, false},   [INN_BF16] = {"bf16", 2, true},
};

static const struct type_row *type_row(enum inn_type type)
{
    static const struct type_row none = {"?", 0, false};

    if ((size_t)type >= INN_COUNT(types) || types[type].name == NULL)
        return &none;
    return &types[type];
}

size_t inn_type_size(enum inn_type type)
{
    return type_row(type)->size;
}

const char *inn_type_name(enum inn_type type)
{
    return type_row(type)->name;
}

bool inn_type_is_float(enum inn_type type)
{
    return type_row(type)->is_float;
}

size_t inn_tensor_count(const struct inn_tensor *t)
{
    size_t n = 0;

    return inn_count_dims(&n, t->dims, t->rank) ? n : 0;
}

enum inn_status inn_tensor_init(struct inn_tensor *t, enum inn_type type,
                                int rank, const int64_t *dims,
                                struct inn_error *err)
{
    size_t count, bytes;
    int i;

    memset(t, 0, sizeof(*t));
    if (rank < 0 || rank > INN_MAX_RANK)
        return inn_fail(err, INN_ERR_FORMAT,
                        "a tensor has %d dimensions; 0 to %d are possible",
                        rank, INN_MAX_RANK);
    if (inn_type_size(type) == 0)
        return inn_fail(err, INN_ERR_UNSUPPORTED,
                        "element type %s (%d) can't be held",
                        inn_type_name(type), (int)type);
    for (i = 0; i < rank; i++) {
        if (dims[i] < 0)
            return inn_fail(err, INN_ERR_FORMAT,
                            "dimension %d of a tensor is %lld", i,
                            (long long)dims[i]);
        t->dims[i] = dims[i];
    }
    if (!inn_count_dims(&count, dims, rank) ||
        !inn_mul_size(&bytes, count, inn_type_size(type))) {
        char text[INN_SHAPE_TEXT];

        return inn_fail(err, INN_ERR_FORMAT,
                        "a tensor of %s elements is too large",
                        inn_shape_text(text, rank, dims));
    }
    t->type = type;
    t->rank = rank;
    t->bytes = bytes;
    return INN_OK;
}

enum inn_status inn_tensor_new(struct inn_tensor *t, struct inn_arena *arena,
                               enum inn_type type, int rank,
                               const int64_t *dims, struct inn_error *err)
{
    struct inn_error local = {INN_OK, ""};
    enum inn_status st = inn_tensor_init(t, type, rank, dims, err);

    if (st != INN_OK)
        return st;
    t->data = inn_arena_alloc(arena, t->bytes, 1, &local);
    if (t->data != NULL)
        return INN_OK;
    if (err != NULL)
        *err = local;
    return local.status;
}

bool inn_tensor_same_shape(const struct inn_tensor *a,
                           const struct inn_tensor *b)
{
    int i;

    if (a->rank != b->rank)
        return false;
    for (i = 0; i < a->rank; i++) {
        if (a->dims[i] != b->dims[i])
            return false;
    }
    return true;
}

const char *inn_shape_text(char text[INN_SHAPE_TEXT], int rank,
                           const int64_t *dims)
{
    size_t at = 0;
    int i;

    if (rank <= 0)
        return rank == 0 ? strcpy(text, "scalar") : strcpy(text, "?");
    for (i = 0; i < rank && i < INN_MAX_RANK; i++)
        at += (size_t)snprintf(text + at, INN_SHAPE_TEXT - at, "%s%lld",
                               i > 0 ? "x" : "", (long long)dims[i]);
    return text;
}

static uint32_t float_bits(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static float bits_float(uint32_t bits)
{
    float value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

float inn_f16_to_f32(uint16_t bits)
{
    uint32_t sign = (uint32_t)(bits & 0x8000) << 16;
    uint32_t exponent = (bits >> 10) & 0x1f, fraction = bits & 0x3ffu;

    if (exponent == 0x1f)
        return bits_float(sign | 0x7f800000u | fraction << 13);
    if (exponent != 0)
        return bits_float(sign | (exponent + 112) << 23 | fraction << 13);
    if (fraction == 0)
        return bits_float(sign);
    /* Subnormal: fraction * 2^-24 is exact, and a normal float. */
    return bits_float(sign | float_bits((float)fraction * 0x1p-24f));
}

/* value >> shift to nearest, ties to even; 0 < shift < 32. */
static uint32_t shift_even(uint32_t value, unsigned shift)
{
    uint32_t half = (uint32_t)1 << (shift - 1);
    uint32_t rest = value & (half * 2 - 1), out = value >> shift;

    return rest > half || (rest == half && (out & 1)) ? out + 1 : out;
}

uint16_t inn_f32_to_f16(float value)
{
    uint32_t bits = float_bits(value), sign = (bits >> 16) & 0x8000;
    uint32_t magnitude = bits & 0x7fffffffu, exponent = magnitude >> 23;

    if (magnitude > 0x7f800000u) /* NaN stays one, made quiet */
        return (uint16_t)(sign | 0x7e00 | ((magnitude >> 13) & 0x1ff));
    if (magnitude >= 0x47800000u) /* 2^16 and more */
        return (uint16_t)(sign | 0x7c00);
    if (exponent >= 113) /* a carry runs into the exponent, as it should */
        return (uint16_t)(sign + shift_even(magnitude - (112u << 23), 13));
    if (exponent < 102) /* below half the least subnormal */
        return (uint16_t)sign;
    return (uint16_t)(sign + shift_even((magnitude & 0x7fffffu) | 0x800000u,
                                        126 - exponent));
}

float inn_bf16_to_f32(uint16_t bits)
{
    return bits_float((uint32_t)bits << 16);
}

uint16_t inn_f32_to_bf16(float value)
{
    uint32_t bits = float_bits(value);

    if ((bits & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)shift_even(bits, 16);
}

/*
 * A double as a float rounded to odd: rounding that once more to a short
 * float gives what rounding the double at once would give.
 */
static float round_to_odd(double value)
{
    float f = (float)value;
    uint32_t bits;

    if (!isfinite(value) || (double)f == value)
        return f;
    bits = float_bits(f);
    if (fabs((double)f) > fabs(value))
        bits--;
    return bits_float(bits | 1);
}

/* Truncates towards zero into lo … hi; NaN gives 0. */
static int64_t saturate(double value, int64_t lo, int64_t hi)
{
    if (isnan(value))
        return 0;
    if (value <= (double)lo)
        return lo;
    if (value >= (double)hi)
        return hi;
    return (int64_t)value;
}

static uint64_t saturate_u64(double value)
{
    if (!(value > 0))
        return 0;
    return value >= 0x1p64 ? UINT64_MAX : (uint64_t)value;
}

/* An element on its way: integers exactly (as two's complement), or not. */
struct number {
    bool is_int, is_u64;
    uint64_t i;
    double d;
};

static void put_int(struct number *n, int64_t value)
{
    n->is_int = true;
    n->i = (uint64_t)value;
}

#define LOAD(ctype, at) \
    ctype v; \
    memcpy(&v, (const char *)in + (at) * sizeof(v), sizeof(v))

static void load(struct number *n, const void *in, enum inn_type type,
                 size_t at)
{
    n->is_int = n->is_u64 = false;
    switch (type) {
    case INN_F32: { LOAD(float, at); n->d = (double)v; break; }
    case INN_F64: { LOAD(double, at); n->d = v; break; }
    case INN_F16: { LOAD(uint16_t, at); n->d = inn_f16_to_f32(v); break; }
    case INN_BF16: { LOAD(uint16_t, at); n->d = inn_bf16_to_f32(v); break; }
    case INN_U8: { LOAD(uint8_t, at); put_int(n, v); break; }
    case INN_I8: { LOAD(int8_t, at); put_int(n, v); break; }
    case INN_U16: { LOAD(uint16_t, at); put_int(n, v); break; }
    case INN_I16: { LOAD(int16_t, at); put_int(n, v); break; }
    case INN_I32: { LOAD(int32_t, at); put_int(n, v); break; }
    case INN_U32: { LOAD(uint32_t, at); put_int(n, v); break; }
    case INN_I64: { LOAD(int64_t, at); put_int(n, v); break; }
    case INN_U64: {
        LOAD(uint64_t, at);
        n->is_int = n->is_u64 = true;
        n->i = v;
        break;
    }
    case INN_BOOL: { LOAD(uint8_t, at); put_int(n, v != 0); break; }
    case INN_UNDEFINED:
    case INN_STRING:
        put_int(n, 0);
        break;
    }
    if (n->is_int)
        n->d = n->is_u64 ? (double)n->i : (double)(int64_t)n->i;
}

#undef LOAD

#define STORE(ctype, value) \
    do { \
        ctype v_ = (ctype)(value); \
        memcpy((char *)out + at * sizeof(v_), &v_, sizeof(v_)); \
    } while (0)
/* Integers wrap among themselves, floats saturate. */
#define STORE_INT(ctype, lo, hi) \
    STORE(ctype, n->is_int ? n->i : (uint64_t)saturate(n->d, lo, hi))

static void store(void *out, enum inn_type type, size_t at,
                  const struct number *n)
{
    switch (type) {
    case INN_F32: STORE(float, n->d); break;
    case INN_F64: STORE(double, n->d); break;
    case INN_F16: STORE(uint16_t, inn_f32_to_f16(round_to_odd(n->d))); break;
    case INN_BF16: STORE(uint16_t, inn_f32_to_bf16(round_to_odd(n->d))); break;
    case INN_U8: STORE_INT(uint8_t, 0, UINT8_MAX); break;
    case INN_I8: STORE_INT(int8_t, INT8_MIN, INT8_MAX); break;
    case INN_U16: STORE_INT(uint16_t, 0, UINT16_MAX); break;
    case INN_I16: STORE_INT(int16_t, INT16_MIN, INT16_MAX); break;
    case INN_I32: STORE_INT(int32_t, INT32_MIN, INT32_MAX); break;
    case INN_U32: STORE_INT(uint32_t, 0, UINT32_MAX); break;
    case INN_I64: STORE_INT(int64_t, INT64_MIN, INT64_MAX); break;
    case INN_U64: STORE(uint64_t, n->is_int ? n->i : saturate_u64(n->d)); break;
    case INN_BOOL: STORE(uint8_t, n->is_int ? n->i != 0 : n->d != 0); break;
    case INN_UNDEFINED:
    case INN_STRING:
        break;
    }
}

#undef STORE_INT
#undef STORE

void inn_convert_elements(void *out, enum inn_type out_type, const void *in,
                          enum inn_type in_type, size_t count)
{
    struct number n;
    size_t i;

    if (count == 0)
        return;
    if (out_type == in_type) {
        memmove(out, in, count * inn_type_size(in_type));
        return;
    }
    /* The case that weights take, without the detour through double. */
    if (in_type == INN_F16 && out_type == INN_F32) {
        for (i = 0; i < count; i++)
            ((float *)out)[i] = inn_f16_to_f32(((const uint16_t *)in)[i]);
        return;
    }
    if (in_type == INN_F32 && out_type == INN_F16) {
        for (i = 0; i < count; i++)
            ((uint16_t *)out)[i] = inn_f32_to_f16(((const float *)in)[i]);
        return;
    }
    for (i = 0; i < count; i++) {
        load(&n, in, in_type, i);
        store(out, out_type, i, &n);
    }
}

int64_t inn_tensor_int(const struct inn_tensor *t, size_t i)
{
    struct number n;

    load(&n, t->data, t->type, i);
    return n.is_int ? (int64_t)n.i : saturate(n.d, INT64_MIN, INT64_MAX);
}
