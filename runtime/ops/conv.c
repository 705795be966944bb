/*
 * Conv in one to three dimensions, grouped and depthwise: weights are outputs
 * × input channels of a group × kernel, and a window goes over the input. The
 * reference kernel sums in double, for each output over input channels and
 * taps in one fixed order.
 */
#include "runtime/base/checked.h"
#include "runtime/ops/conv_shared.h"
#include "runtime/ops/rows.h"

/* Adds tap at of the last axis to the tile's outputs. */
static void add_tap(struct inn_conv_tile *t, const float *row, double weight,
                    int64_t tap)
{
    int64_t stride = t->w->stride[2], in = t->in[2];
    int64_t at = tap * t->w->dilation[2] - t->w->pad_begin[2];
    int64_t first = t->first, from = first, to = first + t->n, i;
    double *sums = t->sums;

    /* Column o reads row[o × stride + at], which must lie inside. */
    if (at < 0 && from < (-at - 1) / stride + 1)
        from = (-at - 1) / stride + 1;
    if (in <= at)
        return;
    if (to > (in - at - 1) / stride + 1)
        to = (in - at - 1) / stride + 1;
    if (stride == 1) {
        for (i = from; i < to; i++)
            sums[i - first] += weight * (double)row[i + at];
    } else {
        for (i = from; i < to; i++)
            sums[i - first] += weight * (double)row[i * stride + at];
    }
}

static void add_channel(struct inn_conv_tile *t, const float *x,
                        const float *kernel)
{
    const struct inn_window *w = t->w;
    struct inn_taps tz = inn_window_taps(w, 0, t->in[0], t->at[0]);
    struct inn_taps ty = inn_window_taps(w, 1, t->in[1], t->at[1]);
    int64_t z, y, k;

    for (z = tz.first; z < tz.last; z++) {
        for (y = ty.first; y < ty.last; y++) {
            const float *row, *taps;

            row = x + ((tz.start + z * w->dilation[0]) * t->in[1] +
                       ty.start + y * w->dilation[1]) * t->in[2];
            taps = kernel + (z * w->kernel[1] + y) * w->kernel[2];
            for (k = 0; k < w->kernel[2]; k++)
                add_tap(t, row, taps[k], k);
        }
    }
}

/* Where tap t lies on each axis of the kernel, times the dilation. */
static void tap_place(int64_t *at, const struct inn_window *w, size_t t)
{
    int i;

    for (i = w->rank - 1; i >= 0; i--) {
        at[i] = (int64_t)t % w->kernel[i] * w->dilation[i];
        t /= (size_t)w->kernel[i];
    }
}

/* r(sδ + o_b − o_a) */
static double tap_r(const struct inn_field *x, const struct inn_window *w,
                    size_t a, size_t b, const int64_t lag[INN_MAX_RANK])
{
    int64_t at[INN_MAX_SPATIAL], to[INN_MAX_SPATIAL], d[INN_MAX_RANK] = {0};
    int i;

    tap_place(at, w, a);
    tap_place(to, w, b);
    for (i = 0; i < w->rank; i++)
        d[2 + i] = lag[2 + i] * w->stride[i] + to[i] - at[i];
    return inn_field_r(x, d, 2 + w->rank);
}

static const struct inn_conv_kind conv = {
    .prim = INN_PRIM_CONV,
    .output_axis = 0,
    .computed = "Conv's weight is computed",
    .window = inn_window_resolve,
    .add = add_channel,
    .tap_r = tap_r,
};

/* Channels of input and weight against each other. */
static enum inn_status check_channels(const struct inn_infer *c)
{
    const struct inn_tensor *x = c->in[0], *w = c->in[1];
    int64_t groups = inn_node_int(c->node, "group", 1), channels;
    struct inn_args a = INN_ARGS(c);

    if (!inn_mul_i64(&channels, w->dims[1], groups) ||
        channels != x->dims[1]) {
        if (groups == 1)
            return inn_args_fail(&a, INN_ERR_FORMAT,
                                 "weight has %lld input channels, its input "
                                 "has %lld", (long long)w->dims[1],
                                 (long long)x->dims[1]);
        return inn_args_fail(&a, INN_ERR_FORMAT,
                             "weight has %lld input channels in each of %lld "
                             "groups, its input has %lld",
                             (long long)w->dims[1], (long long)groups,
                             (long long)x->dims[1]);
    }
    if (w->dims[0] % groups != 0)
        return inn_args_fail(&a, INN_ERR_FORMAT,
                             "weight has %lld output channels, which %lld "
                             "groups can't share", (long long)w->dims[0],
                             (long long)groups);
    return INN_OK;
}

enum inn_status inn_infer_conv(struct inn_infer *c)
{
    enum inn_status st = inn_conv_check_operands(c);

    if (st == INN_OK)
        st = check_channels(c);
    if (st != INN_OK)
        return st;
    return inn_conv_infer_out(c, &conv, c->in[1]->dims[0]);
}

enum inn_status inn_couple_conv(struct inn_couple *c)
{
    return inn_conv_couple(c, &conv);
}

enum inn_status inn_run_conv(struct inn_run *c)
{
    return inn_conv_run(c, &conv);
}

bool inn_lower_conv(const struct inn_infer *c, struct inn_prim *prim)
{
    return inn_conv_lower(c, prim, &conv);
}

enum inn_status inn_moments_conv(struct inn_carry *c)
{
    struct inn_mix m = {.share = 1};
    struct inn_conv_shape s;
    struct inn_law *law;
    enum inn_status st;

    if (!inn_carry_is_conv(c))
        return INN_OK;
    st = inn_conv_shape_read(&s, &conv, c->node, c->in, c->err);
    if (st == INN_OK)
        st = inn_conv_law(&law, c, &s, &m);
    if (st == INN_OK && law != NULL)
        inn_carry_put(c, 0, law, &c->from[0]);
    return st;
}
