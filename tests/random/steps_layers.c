/*
 * Steps with weights: convolutions of all kinds, products, normalisation,
 * small pieces of transformers. A step gives an item with v of -1 where it
 * does not fit its operand.
 */
#include "tests/random/random.h"

#include <math.h>

static const struct item none = {-1, 0, 0, 0, 0};

/* One of the common divisors of a and b. */
static int64_t common_divisor(struct rng *r, int64_t a, int64_t b)
{
    int64_t d = rng_between(r, 1, a);

    while (a % d != 0 || b % d != 0)
        d--;
    return d;
}

struct item step_conv(struct emit *e, const struct step *s, struct item a)
{
    struct layer l = {s->channels, 1, 1, 1};

    if (a.rank == 2)
        return gemm(e, a, l.out);
    if (rng_chance(&e->rng, 55))
        l.kernel = rng_chance(&e->rng, 85) ? 3 : 5;
    if (a.h > 4 && a.w > 4 && rng_chance(&e->rng, 15))
        l.stride = 2;
    if (rng_chance(&e->rng, 30)) {
        l.groups = common_divisor(&e->rng, a.c, 24);
        l.out = (l.out + l.groups - 1) / l.groups * l.groups;
    }
    return conv(e, a, l);
}

struct item step_depthwise(struct emit *e, const struct step *s,
                           struct item a)
{
    struct layer l = {a.c, 3, 1, a.c};

    (void)s;
    if (a.rank != 4)
        return none;
    if (a.c <= 12 && rng_chance(&e->rng, 30))
        l.out = 2 * a.c;
    if (a.h > 4 && a.w > 4 && rng_chance(&e->rng, 15))
        l.stride = 2;
    return conv(e, a, l);
}

struct item step_residual(struct emit *e, const struct step *s,
                          struct item a)
{
    struct item y = a;

    if (a.rank == 2) {
        y = gemm(e, a, s->channels);
        y.v = op1(e, "Relu", y.v);
        y = gemm(e, y, a.c);
    } else {
        int64_t k = rng_chance(&e->rng, 50) ? 3 : 1;

        y = conv(e, a, (struct layer){s->channels, k, 1, 1});
        if (rng_chance(&e->rng, 60))
            y = step_batch_norm(e, s, y);
        y.v = op1(e, "Relu", y.v);
        y = conv1(e, y, a.c);
    }
    y.v = rng_chance(&e->rng, 50) ? op2(e, "Add", a.v, y.v)
                                  : op2(e, "Add", y.v, a.v);
    return y;
}

struct item step_conv_transpose(struct emit *e, const struct step *s,
                                struct item a)
{
    bool twice = a.h <= 6 && a.w <= 6 && rng_chance(&e->rng, 70);
    int64_t k = twice ? 2 * rng_between(&e->rng, 1, 2) : 3, groups = 1;
    int64_t out = s->channels, pad = twice ? (k - 2) / 2 : 1;
    int w, b;

    if (a.rank != 4 || !has_op(e, "ConvTranspose"))
        return none;
    if (rng_chance(&e->rng, 35)) {
        groups = rng_chance(&e->rng, 40) ? a.c
                                         : common_divisor(&e->rng, a.c, 12);
        out = groups == a.c ? a.c : (out + groups - 1) / groups * groups;
    }
    w = weight(e, 4, (int64_t[]){a.c, out / groups, k, k}, 0,
               sqrt(4.2 * (double)(groups * (twice ? 4 : 1)) /
                    (double)(a.c * k * k)));
    b = rng_chance(&e->rng, 60) ? weight(e, 1, &out, 0, 0.3) : -1;
    a.v = b >= 0 ? op3(e, "ConvTranspose", a.v, w, b)
                 : op2(e, "ConvTranspose", a.v, w);
    attr_int(e, "group", groups);
    attr_ints(e, "pads", (int64_t[]){pad, pad, pad, pad}, 4);
    if (twice)
        attr_ints(e, "strides", (int64_t[]){2, 2}, 2);
    a.c = out;
    a.h *= twice ? 2 : 1;
    a.w *= twice ? 2 : 1;
    return a;
}

struct item step_batch_norm(struct emit *e, const struct step *s,
                            struct item a)
{
    int p[4], y[3];

    (void)s;
    p[0] = weight(e, 1, &a.c, 1, 0.4);
    p[1] = weight(e, 1, &a.c, 0, 0.4);
    p[2] = weight(e, 1, &a.c, 0, 0.4);
    p[3] = weight(e, 1, &a.c, 1, 0.5);
    if (rng_chance(&e->rng, 15) && e->recipe->opset >= 14) {
        /* Near constant channels are no law's matter: 1/√ε is large. */
        op_list(e, "BatchNormalization",
                (int[]){a.v, p[0], p[1], p[2], p[3], -2}, y, 3);
        attr_int(e, "training_mode", 1);
        attr_float(e, "epsilon", 0.1);
        a.v = y[0];
        return a;
    }
    a.v = op(e, "BatchNormalization",
             (int[]){a.v, p[0], p[1], p[2], p[3], -2});
    if (rng_chance(&e->rng, 30))
        attr_float(e, "epsilon", 1e-3);
    return a;
}

/* One initializer, two convolutions: in a chain, or side by side. */
struct item step_shared(struct emit *e, const struct step *s, struct item a)
{
    struct item b;
    int w, bias, x, y;

    if (a.rank != 4)
        return none;
    w = weight(e, 4, (int64_t[]){a.c, a.c, 3, 3}, 0,
               sqrt(4.2 / (double)(9 * a.c)));
    bias = rng_chance(&e->rng, 50) ? weight(e, 1, &a.c, 0, 0.3) : -1;
    x = bias < 0 ? op2(e, "Conv", a.v, w) : op3(e, "Conv", a.v, w, bias);
    attr_ints(e, "pads", (int64_t[]){1, 1, 1, 1}, 4);
    b = operand_like(e, s, 1, a);
    if (b.v < 0 || b.v == a.v || rng_chance(&e->rng, 50))
        b.v = op1(e, "Relu", x);
    y = op2(e, "Conv", b.v, w);
    attr_ints(e, "pads", (int64_t[]){1, 1, 1, 1}, 4);
    a.v = x;
    add_part(e, a);
    a.v = y;
    return a;
}

/* A product over the last axis, channels being brought there and back. */
struct item step_nhwc(struct emit *e, const struct step *s, struct item a)
{
    int64_t out = s->channels;
    int w, b;

    if (a.rank != 4)
        return none;
    w = weight(e, 2, (int64_t[]){a.c, out}, 0, sqrt(4.2 / (double)a.c));
    b = weight(e, 1, &out, 0, 0.3);
    a.v = transpose(e, a.v, (int64_t[]){0, 2, 3, 1}, 4);
    a.v = op2(e, "MatMul", a.v, w);
    a.v = op2(e, "Add", a.v, b);
    a.v = transpose(e, a.v, (int64_t[]){0, 3, 1, 2}, 4);
    a.c = out;
    return a;
}

struct item step_flatten_gemm(struct emit *e, const struct step *s,
                              struct item a)
{
    if (a.rank != 4)
        return none;
    if (a.h * a.w > 36) {
        a.v = op1(e, "MaxPool", a.v);
        attr_ints(e, "kernel_shape", (int64_t[]){2, 2}, 2);
        attr_ints(e, "strides", (int64_t[]){2, 2}, 2);
        a.h /= 2;
        a.w /= 2;
    }
    if (rng_chance(&e->rng, 50))
        a.v = op1(e, "Flatten", a.v);
    else
        a.v = reshape(e, a.v, (int64_t[]){0, -1}, 2);
    a.c *= a.h * a.w;
    a.h = a.w = 1;
    a.rank = 2;
    return gemm(e, a, s->channels);
}

/* From a vector back to a small image. */
struct item step_unflatten(struct emit *e, const struct step *s,
                           struct item a)
{
    int64_t side = rng_between(&e->rng, 2, 4), c = s->channels;

    if (a.rank != 2 || c > 12)
        return none;
    a = gemm(e, a, c * side * side);
    a.v = reshape(e, a.v,
                  (int64_t[]){rng_chance(&e->rng, 50) ? 0 : -1, c, side,
                              side}, 4);
    a.rank = 4;
    a.c = c;
    a.h = a.w = side;
    return a;
}

/* Global pooling, a hidden layer; the image comes back by broadcasting. */
struct item step_lone_gemm(struct emit *e, const struct step *s,
                           struct item a)
{
    struct item y = a;

    if (a.rank == 2)
        return gemm(e, a, s->channels);
    y = reduce(e, "ReduceMean", a, true, false);
    y = gemm(e, y, s->channels);
    y.v = op1(e, "Relu", y.v);
    y = gemm(e, y, a.c);
    y = image(e, y);
    if (y.h != 1) { /* a view of its own, not a gate */
        add_part(e, y);
        return a;
    }
    a.v = op2(e, "Add", a.v, y.v);
    return a;
}

/* Positions as rows, a normalised hidden layer with a way around it. */
struct item step_tokens(struct emit *e, const struct step *s, struct item a)
{
    int64_t hidden = s->channels;
    int x, y, w;

    if (a.rank != 4 || a.c < 4 || !has_op(e, "LayerNormalization"))
        return none;
    x = reshape(e, a.v, (int64_t[]){0, a.c, a.h * a.w}, 3);
    x = transpose(e, x, (int64_t[]){0, 2, 1}, 3);
    w = weight(e, 1, &a.c, 1, 0.3);
    y = op3(e, "LayerNormalization", x, w, weight(e, 1, &a.c, 0, 0.3));
    w = weight(e, 2, (int64_t[]){a.c, hidden}, 0, sqrt(4.2 / (double)a.c));
    y = op2(e, "MatMul", y, w);
    y = op2(e, "Add", weight(e, 1, &hidden, 0, 0.3), y);
    y = op1(e, has_op(e, "Gelu") ? "Gelu" : "Relu", y);
    w = weight(e, 2, (int64_t[]){hidden, a.c}, 0,
               sqrt(4.2 / (double)hidden));
    y = op2(e, "MatMul", y, w);
    y = op2(e, "Add", x, y);
    y = transpose(e, y, (int64_t[]){0, 2, 1}, 3);
    a.v = reshape(e, y, (int64_t[]){0, a.c, a.h, a.w}, 4);
    return a;
}

/* Every position looks at every other: products of computed values. */
struct item step_attention(struct emit *e, const struct step *s,
                           struct item a)
{
    struct item q, k, v;
    int64_t r = s->channels, n = a.h * a.w;
    int t;

    if (a.rank != 4 || n > 36)
        return none;
    q = conv1(e, a, r);
    k = conv1(e, a, r);
    v = conv1(e, a, a.c);
    q.v = reshape(e, q.v, (int64_t[]){0, r, n}, 3);
    q.v = transpose(e, q.v, (int64_t[]){0, 2, 1}, 3);
    k.v = reshape(e, k.v, (int64_t[]){0, -1, n}, 3);
    t = op2(e, "MatMul", q.v, k.v);
    t = op2(e, "Mul", t, number(e, 1 / sqrt((double)r)));
    t = op1(e, "Softmax", t);
    attr_int(e, "axis", -1);
    v.v = reshape(e, v.v, (int64_t[]){0, a.c, n}, 3);
    t = op2(e, "MatMul", v.v, t);
    a.v = reshape(e, t, (int64_t[]){0, a.c, a.h, a.w}, 4);
    return a;
}

static struct item layer_norm(struct emit *e, struct item a)
{
    int scale = weight(e, 1, &a.c, 1, 0.3), bias = weight(e, 1, &a.c, 0, 0.3);

    if (a.rank == 4)
        a.v = transpose(e, a.v, (int64_t[]){0, 2, 3, 1}, 4);
    a.v = op3(e, "LayerNormalization", a.v, scale, bias);
    if (rng_chance(&e->rng, 50))
        attr_int(e, "axis", -1);
    if (a.rank == 4)
        a.v = transpose(e, a.v, (int64_t[]){0, 3, 1, 2}, 4);
    return a;
}

struct item step_norm(struct emit *e, const struct step *s, struct item a)
{
    int64_t which = rng_between(&e->rng, 0, 2), groups, n;
    int scale, bias;

    (void)s;
    /* Few elements, and their variance can be as small as epsilon. */
    if (which == 0 && a.c >= 4 && has_op(e, "LayerNormalization"))
        return layer_norm(e, a);
    if (a.rank != 4 || a.h * a.w < 9)
        return none;
    if (which == 1 && has_op(e, "InstanceNormalization")) {
        scale = weight(e, 1, &a.c, 1, 0.3);
        bias = weight(e, 1, &a.c, 0, 0.3);
        a.v = op3(e, "InstanceNormalization", a.v, scale, bias);
        attr_float(e, "epsilon", 1e-3);
        return a;
    }
    if (which == 2 && has_op(e, "GroupNormalization")) {
        groups = common_divisor(&e->rng, a.c, 12);
        n = e->recipe->opset >= 21 ? a.c : groups;
        scale = weight(e, 1, &n, 1, 0.3);
        bias = weight(e, 1, &n, 0, 0.3);
        a.v = op3(e, "GroupNormalization", a.v, scale, bias);
        attr_int(e, "num_groups", groups);
        return a;
    }
    return none;
}

struct item step_lrn(struct emit *e, const struct step *s, struct item a)
{
    (void)s;
    if (a.rank != 4 || !has_op(e, "LRN"))
        return none;
    a.v = op1(e, "LRN", a.v);
    attr_int(e, "size", 3);
    return a;
}
