/*
 * Pieces that several steps are made of: layers with scaled weights, views,
 * reductions in the form the opset wants.
 */
#include "tests/random/random.h"

#include <math.h>

/* Keeps the size of what passes: uniform weights of variance 1.4/fan-in. */
static double spread(int64_t fan_in)
{
    return sqrt(4.2 / (double)fan_in);
}

struct item conv(struct emit *e, struct item x, struct layer l)
{
    int64_t in = x.c / l.groups, pad = l.kernel / 2, k = l.kernel;
    int w, b;

    w = weight(e, 4, (int64_t[]){l.out, in, k, k}, 0, spread(in * k * k));
    if (rng_chance(&e->rng, 60)) {
        b = weight(e, 1, &l.out, 0, 0.3);
        x.v = op3(e, "Conv", x.v, w, b);
    } else {
        x.v = op2(e, "Conv", x.v, w);
    }
    if (rng_chance(&e->rng, 50))
        attr_ints(e, "kernel_shape", (int64_t[]){k, k}, 2);
    if (l.groups != 1 || rng_chance(&e->rng, 30))
        attr_int(e, "group", l.groups);
    if (l.stride != 1 || rng_chance(&e->rng, 30))
        attr_ints(e, "strides", (int64_t[]){l.stride, l.stride}, 2);
    if (pad != 0 && l.stride == 1 && rng_chance(&e->rng, 15))
        attr_text(e, "auto_pad", "SAME_UPPER");
    else if (pad != 0)
        attr_ints(e, "pads", (int64_t[]){pad, pad, pad, pad}, 4);
    x.c = l.out;
    x.h = (x.h + 2 * pad - k) / l.stride + 1;
    x.w = (x.w + 2 * pad - k) / l.stride + 1;
    return x;
}

struct item conv1(struct emit *e, struct item x, int64_t out)
{
    return conv(e, x, (struct layer){out, 1, 1, 1});
}

struct item gemm(struct emit *e, struct item x, int64_t out)
{
    int64_t turned[2] = {out, x.c}, plain[2] = {x.c, out};
    double s = spread(x.c);
    int w, b;

    switch (rng_between(&e->rng, 0, 3)) {
    case 0: /* x W + b in two graph nodes */
        w = weight(e, 2, plain, 0, s);
        b = weight(e, 1, &out, 0, 0.3);
        x.v = op2(e, "MatMul", x.v, w);
        x.v = rng_chance(&e->rng, 50) ? op2(e, "Add", x.v, b)
                                      : op2(e, "Add", b, x.v);
        break;
    case 1:
        w = weight(e, 2, plain, 0, s);
        b = weight(e, 2, (int64_t[]){1, out}, 0, 0.3);
        x.v = op3(e, "Gemm", x.v, w, b);
        attr_float(e, "beta", 0.5);
        break;
    case 2:
        w = weight(e, 2, turned, 0, s);
        x.v = op2(e, "Gemm", x.v, w);
        attr_int(e, "transB", 1);
        attr_float(e, "alpha", 1.25);
        break;
    default:
        w = weight(e, 2, turned, 0, s);
        b = weight(e, 1, &out, 0, 0.3);
        x.v = op3(e, "Gemm", x.v, w, b);
        attr_int(e, "transB", 1);
        break;
    }
    x.c = out;
    return x;
}

int reshape(struct emit *e, int x, const int64_t *dims, int64_t n)
{
    int shape = ints(e, dims, n);

    return op2(e, "Reshape", x, shape);
}

int transpose(struct emit *e, int x, const int64_t *perm, size_t n)
{
    int y = op1(e, "Transpose", x);

    attr_ints(e, "perm", perm, n);
    return y;
}

struct item image(struct emit *e, struct item x)
{
    int64_t side = 1;

    if (x.rank == 4)
        return x;
    if (x.c % 4 == 0 && rng_chance(&e->rng, 50))
        side = 2;
    x.c /= side * side;
    x.h = x.w = side;
    x.rank = 4;
    if (side == 1 && rng_chance(&e->rng, 50)) {
        int64_t axes[2] = {2, 3};

        if (e->recipe->opset >= 13) {
            x.v = op2(e, "Unsqueeze", x.v, ints(e, axes, 2));
        } else {
            x.v = op1(e, "Unsqueeze", x.v);
            attr_ints(e, "axes", axes, 2);
        }
        return x;
    }
    x.v = reshape(e, x.v,
                  (int64_t[]){0, rng_chance(&e->rng, 50) ? -1 : x.c, side,
                              side}, 4);
    return x;
}

struct item reduce(struct emit *e, const char *type, struct item x,
                   bool space, bool keep)
{
    int64_t axes[2] = {space ? 2 : 1, 3};
    size_t n = space ? 2 : 1;

    if (space && rng_chance(&e->rng, 40)) {
        axes[0] = -2;
        axes[1] = -1;
    }
    if (e->recipe->opset >= 18) {
        x.v = op2(e, type, x.v, ints(e, axes, (int64_t)n));
    } else {
        x.v = op1(e, type, x.v);
        attr_ints(e, "axes", axes, n);
    }
    attr_int(e, "keepdims", keep);
    if (space)
        x.h = x.w = 1;
    else
        x.c = 1;
    if (!keep)
        x.rank = 2; /* of the spatial axes: channels stay */
    return x;
}
