/*
 * Conv in one to three dimensions, grouped and depthwise. The reference
 * kernel sums in double, for each output over input channels and taps in one
 * fixed order.
 */
#include <string.h>

#include "runtime/base/checked.h"
#include "runtime/base/threads.h"
#include "runtime/ops/common.h"
#include "runtime/ops/moments.h"
#include "runtime/ops/rows.h"
#include "runtime/ops/window.h"

/* Outputs of a row that are summed side by side. */
#define TILE 256

/* Channels of input and weight against each other, and of the bias. */
static enum inn_status check_channels(const struct inn_infer *c)
{
    const struct inn_tensor *x = c->in[0], *w = c->in[1];
    int64_t groups = inn_node_int(c->node, "group", 1), channels;
    struct inn_args a = INN_ARGS(c);

    if (groups < 1)
        return inn_args_fail(&a, INN_ERR_FORMAT, "group is %lld",
                             (long long)groups);
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
    if (c->n_in > 2 && c->in[2] != NULL &&
        (c->in[2]->rank != 1 || c->in[2]->dims[0] != w->dims[0])) {
        char text[INN_SHAPE_TEXT];

        return inn_args_fail(&a, INN_ERR_FORMAT,
                             "bias is %s, weight has %lld output channels",
                             inn_shape_text(text, c->in[2]->rank,
                                            c->in[2]->dims),
                             (long long)w->dims[0]);
    }
    return INN_OK;
}

enum inn_status inn_infer_conv(struct inn_infer *c)
{
    enum inn_status st = inn_infer_arity(c, 2, 3, 1);
    struct inn_args a = INN_ARGS(c);
    int64_t dims[INN_MAX_RANK];
    const struct inn_tensor *x, *weight;
    struct inn_window w;
    int i;

    for (i = 1; i < 3 && st == INN_OK; i++)
        st = inn_infer_same_type(c, i);
    if (st != INN_OK)
        return st;
    x = c->in[0];
    weight = c->in[1];
    if (x->rank < 3 || weight->rank != x->rank)
        return inn_args_fail(&a, INN_ERR_FORMAT,
                             "input has %d dimensions, weight has %d",
                             x->rank, weight->rank);
    if (x->rank > 2 + INN_MAX_SPATIAL)
        return inn_args_fail(&a, INN_ERR_UNSUPPORTED,
                             "%d spatial axes; %d are the most", x->rank - 2,
                             INN_MAX_SPATIAL);
    st = check_channels(c);
    if (st == INN_OK)
        st = inn_window_resolve(&w, c->node, x->rank - 2, x->dims + 2,
                                weight->dims + 2, c->err);
    if (st != INN_OK)
        return st;
    dims[0] = x->dims[0];
    dims[1] = weight->dims[0];
    for (i = 2; i < x->rank; i++)
        dims[i] = w.out[i - 2];
    return inn_infer_out(c, 0, x->type, x->rank, dims);
}

/* Every output channel has one input channel: i / outputs per channel. */
static enum inn_status couple_depthwise(struct inn_couple *c)
{
    int64_t n = c->out[0]->dims[1], per = n / c->in[0]->dims[1], i;
    int64_t *map = inn_couple_count_from(c, 0, n);
    enum inn_status st;

    if (map == NULL)
        return inn_refused(c->err);
    for (i = 0; i < n; i++)
        map[i] = i / per;
    st = inn_couple_map(c, inn_out(0, 1), inn_in(0, 1), map);
    if (st == INN_OK)
        st = inn_couple_map(c, inn_in(1, 0), inn_out(0, 1), NULL);
    return st;
}

/* The k-th channels of all groups belong together. */
static enum inn_status couple_grouped(struct inn_couple *c, int64_t groups)
{
    int64_t channels = c->in[0]->dims[1], outputs = c->out[0]->dims[1];
    int64_t *in, *out;
    enum inn_status st;

    in = inn_couple_wrap(c, channels, channels / groups);
    out = in != NULL ? inn_couple_wrap(c, outputs, outputs / groups) : NULL;
    if (out == NULL)
        return inn_refused(c->err);
    st = c->sink->unite(c->state, inn_in(0, 1), in, c->err);
    if (st == INN_OK)
        st = c->sink->sum(c->state, inn_in(1, 1), inn_in(0, 1), in, c->err);
    if (st == INN_OK)
        st = c->sink->make(c->state, inn_in(1, 0), inn_out(0, 1), NULL,
                           c->err);
    if (st == INN_OK)
        st = c->sink->unite(c->state, inn_out(0, 1), out, c->err);
    return st;
}

static enum inn_status couple_dense(struct inn_couple *c)
{
    enum inn_status st;

    st = c->sink->sum(c->state, inn_in(1, 1), inn_in(0, 1), NULL, c->err);
    if (st == INN_OK)
        st = c->sink->make(c->state, inn_in(1, 0), inn_out(0, 1), NULL,
                           c->err);
    return st;
}

static bool is_depthwise(const struct inn_node *node,
                         const struct inn_tensor *x)
{
    int64_t groups = inn_node_int(node, "group", 1);

    return groups > 1 && groups == x->dims[1];
}

enum inn_status inn_couple_conv(struct inn_couple *c)
{
    int64_t groups = inn_node_int(c->node, "group", 1);
    enum inn_status st;

    if (!inn_couple_is_const(c, 1)) {
        static const char why[] = "Conv's weight is computed";

        st = inn_couple_pin(c, inn_in(0, 1), why);
        if (st == INN_OK)
            st = inn_couple_pin(c, inn_in(1, 0), why);
        if (st == INN_OK)
            st = inn_couple_pin(c, inn_in(1, 1), why);
        return st == INN_OK ? inn_couple_pin(c, inn_out(0, 1), why) : st;
    }
    if (c->in[0]->dims[1] == 0 || c->out[0]->dims[1] == 0)
        return INN_OK;
    if (is_depthwise(c->node, c->in[0]))
        st = couple_depthwise(c);
    else if (groups > 1)
        st = couple_grouped(c, groups);
    else
        st = couple_dense(c);
    if (st == INN_OK && c->n_in > 2 && c->in[2] != NULL)
        st = inn_couple_map(c, inn_in(2, 0), inn_out(0, 1), NULL);
    return st;
}

/* A depthwise convolution has as many groups as channels. */
enum inn_status inn_resize_conv(struct inn_resize *c)
{
    if (!is_depthwise(c->node, c->in[0]) ||
        !c->to->varies(c->state, inn_in(0, 1)))
        return INN_OK;
    return c->to->set_int(c->state, "group",
                          c->to->length(c->state, inn_in(0, 1)), c->err);
}

struct conv {
    struct inn_window w;
    int64_t in[INN_MAX_SPATIAL];
    int64_t groups, channels, outputs; /* channels and outputs of a group */
    size_t in_size, out_size, taps;    /* elements of one channel, kernel */
    const float *x, *weight, *bias;
    float *y;
};

/* Adds tap at of the last axis to n outputs from column first on. */
static void add_tap(const struct conv *v, double *sums, const float *row,
                    double weight, int64_t tap, int64_t first, int64_t n)
{
    int64_t stride = v->w.stride[2];
    int64_t at = tap * v->w.dilation[2] - v->w.pad_begin[2];
    int64_t from = first, to = first + n, i;

    /* Column o reads row[o × stride + at], which must lie inside. */
    if (at < 0 && from < (-at - 1) / stride + 1)
        from = (-at - 1) / stride + 1;
    if (v->in[2] <= at)
        return;
    if (to > (v->in[2] - at - 1) / stride + 1)
        to = (v->in[2] - at - 1) / stride + 1;
    if (stride == 1) {
        for (i = from; i < to; i++)
            sums[i - first] += weight * (double)row[i + at];
    } else {
        for (i = from; i < to; i++)
            sums[i - first] += weight * (double)row[i * stride + at];
    }
}

/* Sums of n outputs of row (z, y) over one input channel. */
static void add_channel(const struct conv *v, double *sums, const float *x,
                        const float *weight, const int64_t at[2],
                        int64_t first, int64_t n)
{
    const struct inn_window *w = &v->w;
    struct inn_taps tz = inn_window_taps(w, 0, v->in[0], at[0]);
    struct inn_taps ty = inn_window_taps(w, 1, v->in[1], at[1]);
    int64_t z, y, k;

    for (z = tz.first; z < tz.last; z++) {
        for (y = ty.first; y < ty.last; y++) {
            const float *row, *taps;

            row = x + ((tz.start + z * w->dilation[0]) * v->in[1] +
                       ty.start + y * w->dilation[1]) * v->in[2];
            taps = weight + (z * w->kernel[1] + y) * w->kernel[2];
            for (k = 0; k < w->kernel[2]; k++)
                add_tap(v, sums, row, taps[k], k, first, n);
        }
    }
}

/* One output channel of one picture. */
static void conv_part(void *context, size_t part)
{
    const struct conv *v = context;
    size_t total = (size_t)(v->groups * v->outputs);
    size_t o = part % total, image = part / total;
    size_t group = o / (size_t)v->outputs;
    size_t channels = (size_t)v->channels;
    const float *x, *weight = v->weight + o * channels * v->taps;
    float *y = v->y + part * v->out_size;
    int64_t at[2], first, i, n;
    double sums[TILE];
    size_t c;

    x = v->x + (image * (size_t)v->groups + group) * channels * v->in_size;
    for (at[0] = 0; at[0] < v->w.out[0]; at[0]++) {
        for (at[1] = 0; at[1] < v->w.out[1]; at[1]++) {
            for (first = 0; first < v->w.out[2]; first += TILE) {
                n = v->w.out[2] - first < TILE ? v->w.out[2] - first : TILE;
                for (i = 0; i < n; i++)
                    sums[i] = v->bias != NULL ? v->bias[o] : 0;
                for (c = 0; c < channels; c++)
                    add_channel(v, sums, x + c * v->in_size,
                                weight + c * v->taps, at, first, n);
                for (i = 0; i < n; i++)
                    *y++ = (float)sums[i];
            }
        }
    }
}

enum inn_status inn_run_conv(struct inn_run *c)
{
    const struct inn_tensor *x = c->in[0], *weight = c->in[1];
    enum inn_status st;
    struct conv v;

    if (!inn_run_wants(c, 0) || c->out[0].bytes == 0)
        return INN_OK;
    st = inn_window_resolve(&v.w, c->node, x->rank - 2, x->dims + 2,
                            weight->dims + 2, c->err);
    if (st != INN_OK)
        return st;
    inn_window_to_3d(&v.w, x->dims + 2, v.in);
    v.groups = inn_node_int(c->node, "group", 1);
    v.channels = weight->dims[1];
    v.outputs = weight->dims[0] / v.groups;
    v.in_size = inn_dims_product(x->dims, 2, x->rank);
    v.out_size = inn_dims_product(c->out[0].dims, 2, c->out[0].rank);
    v.taps = inn_dims_product(weight->dims, 2, weight->rank);
    v.x = x->data;
    v.weight = weight->data;
    v.bias = c->n_in > 2 && c->in[2] != NULL ? c->in[2]->data : NULL;
    v.y = c->out[0].data;
    inn_parallel(c->threads, (size_t)(x->dims[0] * weight->dims[0]),
                 conv_part, &v);
    return INN_OK;
}

bool inn_lower_conv(const struct inn_infer *c, struct inn_prim *prim)
{
    const struct inn_tensor *x = c->in[0], *weight = c->in[1];

    if (x->rank > 2 + INN_MAX_SPATIAL)
        return false;
    prim->kind = INN_PRIM_CONV;
    prim->u.conv.groups = inn_node_int(c->node, "group", 1);
    return inn_window_resolve(&prim->u.conv.window, c->node, x->rank - 2,
                              x->dims + 2, weight->dims + 2, NULL) == INN_OK;
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

/* What the correlations of taps a and b are when the output moves by lag. */
static double tap_r(const struct inn_carry *c, const struct inn_window *w,
                    size_t a, size_t b, const int64_t lag[INN_MAX_RANK])
{
    int64_t at[INN_MAX_SPATIAL], to[INN_MAX_SPATIAL], d[INN_MAX_RANK] = {0};
    int i;

    tap_place(at, w, a);
    tap_place(to, w, b);
    for (i = 0; i < w->rank; i++)
        d[2 + i] = lag[2 + i] * w->stride[i] + to[i] - at[i];
    return inn_field_r(&c->from[0], d, 2 + w->rank);
}

/* r'(δ) = Σ_tt' M_tt' r(sδ + o_t' − o_t), over the same at 0. */
static void conv_table(const struct inn_carry *c, struct inn_law *law,
                       const struct inn_window *w, const double *pairs,
                       size_t taps)
{
    const int *space = c->from[0].space;
    int64_t lag[INN_MAX_RANK] = {0};
    size_t a, b;
    double sum;
    int y, x, sign;

    for (y = 0; y <= INN_REACH; y++) {
        for (x = 0; x <= INN_REACH; x++) {
            for (sum = 0, sign = -1; sign < 2; sign += 2) {
                if (space[0] >= 0)
                    lag[space[0]] = y;
                if (space[1] >= 0)
                    lag[space[1]] = sign * x;
                for (a = 0; a < taps; a++) {
                    for (b = 0; b < taps; b++)
                        sum += pairs[a * taps + b] *
                               tap_r(c, w, a, b, lag);
                }
            }
            law->r[y][x] = sum;
        }
    }
    for (y = INN_REACH; y >= 0; y--) {
        for (x = INN_REACH; x >= 0; x--)
            law->r[y][x] = law->r[0][0] > 0 ? law->r[y][x] / law->r[0][0]
                                            : y + x == 0;
    }
}

/* Weights [taps × outputs × inputs] and the taps' correlations. */
static enum inn_status read_mix(struct inn_carry *c, struct inn_mix *m,
                                const struct inn_window *w)
{
    const struct inn_tensor *weight = c->in[1];
    int64_t still[INN_MAX_RANK] = {0};
    double *to, *bias = NULL;
    size_t o, i, t, b;

    m->groups = (size_t)inn_node_int(c->node, "group", 1);
    m->outputs = (size_t)weight->dims[0];
    m->inputs = (size_t)weight->dims[1];
    m->taps = inn_dims_product(weight->dims, 2, weight->rank);
    m->share = 1;
    if (inn_mix_is_large(m) || m->taps > INN_MOST_TAPS)
        return INN_OK;
    to = inn_arena_alloc(c->scratch, inn_tensor_count(weight), sizeof(*to),
                         c->err);
    m->relate = inn_arena_alloc(c->scratch, m->taps,
                                m->taps * sizeof(double), c->err);
    m->pairs = inn_arena_alloc(c->scratch, m->taps,
                               m->taps * sizeof(double), c->err);
    if (inn_carry_is_const(c, 2))
        bias = inn_arena_alloc(c->scratch, m->outputs, sizeof(*bias),
                               c->err);
    if (to == NULL || m->relate == NULL || m->pairs == NULL ||
        (inn_carry_is_const(c, 2) && bias == NULL))
        return inn_refused(c->err);
    for (o = 0; o < m->outputs; o++) {
        for (i = 0; i < m->inputs; i++) {
            for (t = 0; t < m->taps; t++)
                to[(t * m->outputs + o) * m->inputs + i] = inn_element_get(
                    weight->type, weight->data,
                    (o * m->inputs + i) * m->taps + t);
        }
        if (bias != NULL)
            bias[o] = inn_element_get(c->in[2]->type, c->in[2]->data, o);
    }
    for (t = 0; t < m->taps; t++) {
        for (b = 0; b < m->taps; b++)
            m->relate[t * m->taps + b] = tap_r(c, w, t, b, still);
    }
    m->weight = to;
    m->bias = bias;
    return INN_OK;
}

/* Padding is ignored: the position is an inner one. */
enum inn_status inn_moments_conv(struct inn_carry *c)
{
    const struct inn_field *x = &c->from[0];
    struct inn_mix m = {0};
    struct inn_window w;
    struct inn_law *law;
    enum inn_status st;

    if (!inn_carry_is_conv(c))
        return INN_OK;
    st = inn_window_resolve(&w, c->node, c->in[0]->rank - 2,
                            c->in[0]->dims + 2, c->in[1]->dims + 2, c->err);
    if (st == INN_OK)
        st = read_mix(c, &m, &w);
    if (st != INN_OK || m.weight == NULL)
        return st;
    st = inn_mix_law(&law, c, x->law, &m);
    if (st != INN_OK)
        return st;
    conv_table(c, law, &w, m.pairs, m.taps);
    inn_carry_put(c, 0, law, x);
    return INN_OK;
}
