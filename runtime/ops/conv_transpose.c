/*
 * ConvTranspose in one to three dimensions, grouped and depthwise: what Conv
 * does to its gradient. Weights are input channels × outputs of a group × k.
 * The reference kernel sums in double, for each output over input channels
 * and taps in one fixed order.
 */
#include "runtime/base/checked.h"
#include "runtime/ops/conv_shared.h"
#include "runtime/ops/rows.h"

/* Adds tap of the last axis to the tile's outputs. */
static void add_tap(struct inn_conv_tile *t, const float *row, double weight,
                    int64_t tap)
{
    int64_t stride = t->w->stride[2], from = 0, to, i;
    int64_t at = tap * t->w->dilation[2] - t->w->pad_begin[2] - t->first;

    /* Element i of the row goes to sum i × stride + at, one of n. */
    if (at >= t->n)
        return;
    if (at < 0)
        from = (-at - 1) / stride + 1;
    to = (t->n - 1 - at) / stride + 1;
    if (to > t->in[2])
        to = t->in[2];
    for (i = from; i < to; i++)
        t->sums[i * stride + at] += weight * (double)row[i];
}

/* The position on an axis from which tap reaches the tile's row, or -1. */
static int64_t source(const struct inn_conv_tile *t, int axis, int64_t tap)
{
    const struct inn_window *w = t->w;
    int64_t from = t->at[axis] + w->pad_begin[axis] -
                   tap * w->dilation[axis];

    if (from < 0 || from % w->stride[axis] != 0 ||
        from / w->stride[axis] >= t->in[axis])
        return -1;
    return from / w->stride[axis];
}

static void add_channel(struct inn_conv_tile *t, const float *x,
                        const float *kernel)
{
    const struct inn_window *w = t->w;
    int64_t z, y, k, from_z, from_y;

    for (z = 0; z < w->kernel[0]; z++) {
        from_z = source(t, 0, z);
        for (y = 0; y < w->kernel[1] && from_z >= 0; y++) {
            const float *taps = kernel + (z * w->kernel[1] + y) * w->kernel[2];

            from_y = source(t, 1, y);
            for (k = 0; k < w->kernel[2] && from_y >= 0; k++)
                add_tap(t, x + (from_z * t->in[1] + from_y) * t->in[2],
                        taps[k], k);
        }
    }
}

/*
 * Over all phases of the stride: both taps meet inputs where δ + o_a − o_b is
 * a multiple of it.
 */
static double tap_r(const struct inn_field *x, const struct inn_window *w,
                    size_t a, size_t b, const int64_t lag[INN_MAX_RANK])
{
    int64_t d[INN_MAX_RANK] = {0};
    int i;

    for (i = w->rank - 1; i >= 0; i--) {
        int64_t at = (int64_t)a % w->kernel[i] * w->dilation[i];
        int64_t to = (int64_t)b % w->kernel[i] * w->dilation[i];
        int64_t far = lag[2 + i] + at - to;

        if (far % w->stride[i] != 0)
            return 0;
        d[2 + i] = far / w->stride[i];
        a /= (size_t)w->kernel[i];
        b /= (size_t)w->kernel[i];
    }
    return inn_field_r(x, d, 2 + w->rank);
}

static const struct inn_conv_kind transposed = {
    .prim = INN_PRIM_DECONV,
    .output_axis = 1,
    .computed = "ConvTranspose's weight is computed",
    .window = inn_window_spread,
    .add = add_channel,
    .tap_r = tap_r,
};

/* Channels of input and weight; *outputs: those of the output. */
static enum inn_status check_channels(const struct inn_infer *c,
                                      int64_t *outputs)
{
    const struct inn_tensor *x = c->in[0], *w = c->in[1];
    int64_t groups = inn_node_int(c->node, "group", 1);
    struct inn_args a = INN_ARGS(c);

    if (w->dims[0] != x->dims[1])
        return inn_args_fail(&a, INN_ERR_FORMAT,
                             "weight has %lld input channels, its input has "
                             "%lld", (long long)w->dims[0],
                             (long long)x->dims[1]);
    if (w->dims[0] % groups != 0)
        return inn_args_fail(&a, INN_ERR_FORMAT,
                             "weight has %lld input channels, which %lld "
                             "groups can't share", (long long)w->dims[0],
                             (long long)groups);
    if (!inn_mul_i64(outputs, w->dims[1], groups))
        return inn_args_fail(&a, INN_ERR_FORMAT,
                             "%lld groups of %lld output channels are too "
                             "many", (long long)groups,
                             (long long)w->dims[1]);
    return INN_OK;
}

enum inn_status inn_infer_conv_transpose(struct inn_infer *c)
{
    enum inn_status st = inn_conv_check_operands(c);
    int64_t outputs = 0;

    if (st == INN_OK)
        st = check_channels(c, &outputs);
    if (st != INN_OK)
        return st;
    return inn_conv_infer_out(c, &transposed, outputs);
}

enum inn_status inn_couple_conv_transpose(struct inn_couple *c)
{
    return inn_conv_couple(c, &transposed);
}

enum inn_status inn_run_conv_transpose(struct inn_run *c)
{
    return inn_conv_run(c, &transposed);
}

bool inn_lower_conv_transpose(const struct inn_infer *c,
                              struct inn_prim *prim)
{
    return inn_conv_lower(c, prim, &transposed);
}

/* The phase of the stride that tap t belongs to. */
static size_t phase_of(const struct inn_window *w, size_t t)
{
    size_t phase = 0, step = 1;
    int i;

    for (i = w->rank - 1; i >= 0; i--) {
        int64_t at = (int64_t)t % w->kernel[i] * w->dilation[i];

        phase += (size_t)(at % w->stride[i]) * step;
        step *= (size_t)w->stride[i];
        t /= (size_t)w->kernel[i];
    }
    return phase;
}

/* Phases see other taps: what their means differ by is variance too. */
static enum inn_status add_phases(struct inn_carry *c, struct inn_law *law,
                                  const struct inn_window *w,
                                  const struct inn_mix *m)
{
    size_t per = m->outputs / m->groups, n = m->outputs, phases, p, t, o, i;
    const double *mean = c->from[0].law->mean;
    double *sums;

    phases = (size_t)(1 / m->share + 0.5);
    if (phases > INN_MOST_TAPS)
        return INN_OK;
    sums = inn_arena_alloc(c->scratch, phases, n * sizeof(*sums), c->err);
    if (sums == NULL)
        return inn_refused(c->err);
    for (t = 0; t < m->taps; t++) {
        double *sum = sums + phase_of(w, t) * n;

        for (o = 0; o < n; o++) {
            for (i = 0; i < m->inputs; i++)
                sum[o] += m->weight[(t * n + o) * m->inputs + i] *
                          mean[o / per * m->inputs + i];
        }
    }
    for (p = 0; p < phases; p++) {
        double *sum = sums + p * n;

        for (o = 0; o < n; o++)
            sum[o] += m->bias[o] - law->mean[o];
        for (o = 0; o < n; o++) {
            for (i = 0; i < n; i++)
                law->cov[o * n + i] += m->share * (sum[o] * sum[i]);
        }
    }
    return INN_OK;
}

/* Moments over all phases of the stride, each of which meets its own taps. */
enum inn_status inn_moments_conv_transpose(struct inn_carry *c)
{
    struct inn_mix m = {.share = 1};
    struct inn_conv_shape s;
    struct inn_law *law;
    enum inn_status st;
    int i;

    if (!inn_carry_is_conv(c))
        return INN_OK;
    st = inn_conv_shape_read(&s, &transposed, c->node, c->in, c->err);
    if (st != INN_OK)
        return st;
    for (i = 0; i < s.w.rank; i++)
        m.share /= (double)s.w.stride[i];
    st = inn_conv_law(&law, c, &s, &m);
    if (st != INN_OK || law == NULL)
        return st;
    st = add_phases(c, law, &s.w, &m);
    if (st == INN_OK)
        inn_carry_put(c, 0, law, &c->from[0]);
    else
        inn_law_drop(law, c->heap);
    return st;
}
