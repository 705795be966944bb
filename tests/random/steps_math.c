/*
 * Steps without channels of their own: activations, arithmetic between
 * values, gates, pooling, reductions.
 */
#include "tests/random/random.h"

static const struct item none = {-1, 0, 0, 0, 0};

/* Continuous ones alone: rounding must not decide between two branches. */
struct item step_activation(struct emit *e, const struct step *s,
                            struct item a)
{
    static const char *const types[] = {
        "Relu", "Relu", "Relu", "Relu", "LeakyRelu", "Sigmoid", "Tanh",
        "Tanh", "Clip", "Swish", "HardSigmoid", "HardSwish", "Elu", "Selu",
        "Celu", "Softplus", "Softsign", "Abs", "Neg", "Erf", "Gelu", "Mish",
        "Sin", "Cos",
    };
    int k = (int)rng_between(&e->rng, 0,
                             sizeof(types) / sizeof(types[0]) - 1);
    const char *type = types[k];

    (void)s;
    if (type[0] == 'S' && type[1] == 'w') {
        a.v = op2(e, "Mul", a.v, op1(e, "Sigmoid", a.v));
    } else if (type[0] == 'C' && type[1] == 'l') {
        int low = rng_chance(&e->rng, 50) ? number(e, 0) : -1;

        a.v = op3(e, "Clip", a.v, low, number(e, 6));
    } else {
        a.v = op1(e, has_op(e, type) ? type : "Relu", a.v);
        if (type[0] == 'L')
            attr_float(e, "alpha", 0.2);
    }
    return a;
}

/* A value shaped like a: another one, or a layer of a. */
static struct item partner(struct emit *e, const struct step *s, int k,
                           struct item a)
{
    struct item b = operand_like(e, s, k, a);

    if (b.v >= 0 && (b.v != a.v || rng_chance(&e->rng, 20)))
        return b;
    return a.rank == 4 ? conv1(e, a, a.c) : gemm(e, a, a.c);
}

struct item step_binary(struct emit *e, const struct step *s, struct item a)
{
    static const char *const types[] = {"Add", "Add", "Add", "Add", "Sub",
                                        "Mul", "Max", "Min", "Mean", "Sum",
                                        "Div"};
    const char *type = types[rng_between(&e->rng, 0, 10)];
    struct item b = partner(e, s, 1, a);

    if (type[0] == 'S' && type[2] == 'm' && rng_chance(&e->rng, 60)) {
        struct item c = partner(e, s, 2, a);

        a.v = op3(e, "Sum", a.v, b.v, c.v);
        return a;
    }
    if (type[0] == 'M' && type[1] == 'u') {
        b.v = op1(e, "Tanh", b.v);
    } else if (type[0] == 'D') {
        b.v = op1(e, "Sigmoid", b.v);
        b.v = op2(e, "Add", b.v, number(e, 0.5));
    }
    a.v = op2(e, type, a.v, b.v);
    return a;
}

/* A constant along the channels, in one of the shapes that broadcast. */
struct item step_affine(struct emit *e, const struct step *s, struct item a)
{
    int64_t dims[4] = {1, a.c, 1, 1}, way = rng_between(&e->rng, 0, 3);
    int rank = a.rank, k;
    bool first = rng_chance(&e->rng, 40);

    (void)s;
    if (way == 0) {
        k = number(e, 0.8);
    } else if (way == 1) {
        k = weight(e, rank - 1, dims + 1, 0.9, 0.4);
    } else if (way == 2) {
        k = weight(e, rank, dims, 0.9, 0.4);
    } else {
        dims[1] = 1;
        k = weight(e, 1, dims, 0.9, 0.4);
    }
    if (rng_chance(&e->rng, 15)) {
        a.v = op2(e, "Div", a.v, k);
    } else {
        static const char *const types[] = {"Mul", "Add", "Sub", "Max"};
        const char *type = types[rng_between(&e->rng, 0, 3)];

        a.v = first ? op2(e, type, k, a.v) : op2(e, type, a.v, k);
    }
    return a;
}

struct item step_prelu(struct emit *e, const struct step *s, struct item a)
{
    int64_t dims[3] = {a.c, 1, 1};
    int k;

    (void)s;
    if (rng_chance(&e->rng, 20))
        dims[0] = 1;
    k = weight(e, a.rank - 1, dims, 0.25, 0.2);
    a.v = op2(e, "PRelu", a.v, k);
    return a;
}

struct item step_where(struct emit *e, const struct step *s, struct item a)
{
    int negative = op2(e, "Less", a.v, number(e, 0));
    int y = op2(e, "Mul", a.v, number(e, 0.1));

    (void)s;
    a.v = op3(e, "Where", negative, y, a.v);
    return a;
}

static int squash(struct emit *e, int x)
{
    static const char *const types[] = {"Sigmoid", "HardSigmoid", "Tanh"};

    return op1(e, types[rng_between(&e->rng, 0, 2)], x);
}

/* Squeeze and excite. */
struct item step_gate(struct emit *e, const struct step *s, struct item a)
{
    int64_t r = s->channels < a.c ? s->channels : (a.c + 1) / 2;
    bool flat = rng_chance(&e->rng, 45);
    struct item y = a;

    if (a.rank != 4)
        return none;
    if (rng_chance(&e->rng, 50)) {
        y = reduce(e, "ReduceMean", a, true, !flat);
    } else {
        y.v = op1(e, rng_chance(&e->rng, 70) ? "GlobalAveragePool"
                                             : "GlobalMaxPool", a.v);
        y.h = y.w = 1;
        if (flat) {
            y.v = rng_chance(&e->rng, 50)
                      ? op1(e, "Flatten", y.v)
                      : reshape(e, y.v, (int64_t[]){0, a.c}, 2);
            y.rank = 2;
        }
    }
    y = flat ? gemm(e, y, r) : conv1(e, y, r);
    y.v = op1(e, "Relu", y.v);
    y = flat ? gemm(e, y, a.c) : conv1(e, y, a.c);
    y.v = squash(e, y.v);
    if (flat)
        y.v = reshape(e, y.v,
                      (int64_t[]){rng_chance(&e->rng, 50) ? 0 : -1, a.c, 1,
                                  1}, 4);
    a.v = rng_chance(&e->rng, 50) ? op2(e, "Mul", a.v, y.v)
                                  : op2(e, "Mul", y.v, a.v);
    return a;
}

/* A gate of one channel, from a layer or from mean and maximum. */
struct item step_spatial_gate(struct emit *e, const struct step *s,
                              struct item a)
{
    struct item m, t;

    (void)s;
    if (a.rank != 4)
        return none;
    if (rng_chance(&e->rng, 50)) {
        m = conv(e, a, (struct layer){1, 3, 1, 1});
    } else {
        m = reduce(e, "ReduceMean", a, false, true);
        t = reduce(e, "ReduceMax", a, false, true);
        m.v = op2(e, "Concat", m.v, t.v);
        attr_int(e, "axis", 1);
        m.c = 2;
        m = conv(e, m, (struct layer){1, 3, 1, 1});
    }
    a.v = op2(e, "Mul", a.v, squash(e, m.v));
    return a;
}

struct item step_pool(struct emit *e, const struct step *s, struct item a)
{
    bool max = rng_chance(&e->rng, 50);
    int64_t k = rng_between(&e->rng, 2, 3);
    int64_t stride = a.h > 4 && a.w > 4 ? rng_between(&e->rng, 1, 2) : 1;
    int64_t pad = k == 3 ? 1 : 0;

    (void)s;
    if (a.rank != 4 || a.h < 3 || a.w < 3)
        return none;
    a.v = op1(e, max ? "MaxPool" : "AveragePool", a.v);
    attr_ints(e, "kernel_shape", (int64_t[]){k, k}, 2);
    attr_ints(e, "strides", (int64_t[]){stride, stride}, 2);
    attr_ints(e, "pads", (int64_t[]){pad, pad, pad, pad}, 4);
    if (!max && rng_chance(&e->rng, 50))
        attr_int(e, "count_include_pad", 1);
    a.h = (a.h + 2 * pad - k) / stride + 1;
    a.w = (a.w + 2 * pad - k) / stride + 1;
    return a;
}

struct item step_global(struct emit *e, const struct step *s, struct item a)
{
    (void)s;
    if (a.rank != 4)
        return none;
    a.v = op1(e, rng_chance(&e->rng, 70) ? "GlobalAveragePool"
                                         : "GlobalMaxPool", a.v);
    a.h = a.w = 1;
    return a;
}

struct item step_reduce(struct emit *e, const struct step *s, struct item a)
{
    static const char *const types[] = {"ReduceMean", "ReduceMax",
                                        "ReduceMin", "ReduceL2"};

    (void)s;
    if (a.rank != 4)
        return none;
    return reduce(e, types[rng_between(&e->rng, 0, 3)], a, true,
                  rng_chance(&e->rng, 40));
}

/* What all channels have in common is taken away, or given as a part. */
struct item step_reduce_channels(struct emit *e, const struct step *s,
                                 struct item a)
{
    static const char *const types[] = {"ReduceMean", "ReduceMax",
                                        "ReduceL2"};
    struct item m;

    (void)s;
    if (a.rank != 4)
        return none;
    m = reduce(e, types[rng_between(&e->rng, 0, 2)], a, false, true);
    add_part(e, m);
    if (rng_chance(&e->rng, 30))
        return m;
    a.v = op2(e, "Sub", a.v, m.v);
    return a;
}

/* Weighted by how much a channel, or a position, stands out. */
struct item step_softmax(struct emit *e, const struct step *s, struct item a)
{
    int y = op1(e, "Softmax", a.v);

    (void)s;
    attr_int(e, "axis", rng_chance(&e->rng, 60) ? 1 : a.rank - 1);
    a.v = op2(e, "Mul", a.v, y);
    return a;
}

struct item step_identity(struct emit *e, const struct step *s,
                          struct item a)
{
    (void)s;
    switch (rng_between(&e->rng, 0, 2)) {
    case 0:
        a.v = op1(e, "Identity", a.v);
        break;
    case 1:
        a.v = op1(e, "Dropout", a.v);
        break;
    default:
        a.v = op1(e, "Cast", a.v);
        attr_int(e, "to", INN_F64);
        a.v = op1(e, "Cast", a.v);
        attr_int(e, "to", INN_F32);
        break;
    }
    return a;
}

struct item step_cumsum(struct emit *e, const struct step *s, struct item a)
{
    int64_t axis = rng_chance(&e->rng, 30) ? 1 : a.rank - 1;

    (void)s;
    if (!has_op(e, "CumSum"))
        return none;
    a.v = op2(e, "CumSum", a.v, ints(e, &axis, 1));
    a.v = op2(e, "Mul", a.v, number(e, 0.25));
    return a;
}

/* The mean of a channel spread over its positions again. */
struct item step_expand(struct emit *e, const struct step *s, struct item a)
{
    int64_t dims[4] = {1, 1, a.h, a.w};
    struct item m = a;

    (void)s;
    if (a.rank != 4)
        return none;
    m.v = op1(e, "GlobalAveragePool", a.v);
    if (!e->recipe->open_batch && rng_chance(&e->rng, 50)) {
        dims[0] = e->recipe->batch;
        dims[1] = a.c;
    }
    m.v = op2(e, "Expand", m.v, ints(e, dims, 4));
    add_part(e, m);
    a.v = op2(e, "Sub", a.v, m.v);
    return a;
}
