/*
 * ConvTranspose in one to three dimensions, grouped and depthwise: what Conv
 * does to its gradient. Weights are input channels × outputs of a group × k.
 * The reference kernel sums in double, for each output over input channels
 * and taps in one fixed order.
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

/* Channels of input, weight and bias; *outputs: those of the output. */
static enum inn_status check_channels(const struct inn_infer *c,
                                      int64_t *outputs)
{
    const struct inn_tensor *x = c->in[0], *w = c->in[1];
    int64_t groups = inn_node_int(c->node, "group", 1);
    struct inn_args a = INN_ARGS(c);
    char text[INN_SHAPE_TEXT];

    if (groups < 1)
        return inn_args_fail(&a, INN_ERR_FORMAT, "group is %lld",
                             (long long)groups);
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
    if (c->n_in > 2 && c->in[2] != NULL &&
        (c->in[2]->rank != 1 || c->in[2]->dims[0] != *outputs))
        return inn_args_fail(&a, INN_ERR_FORMAT,
                             "bias is %s, weight has %lld output channels",
                             inn_shape_text(text, c->in[2]->rank,
                                            c->in[2]->dims),
                             (long long)*outputs);
    return INN_OK;
}

enum inn_status inn_infer_conv_transpose(struct inn_infer *c)
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
    st = check_channels(c, &dims[1]);
    if (st == INN_OK)
        st = inn_window_spread(&w, c->node, x->rank - 2, x->dims + 2,
                               weight->dims + 2, c->err);
    if (st != INN_OK)
        return st;
    dims[0] = x->dims[0];
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
        st = inn_couple_map(c, inn_in(1, 0), inn_in(0, 1), NULL);
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
        st = c->sink->sum(c->state, inn_in(1, 0), inn_in(0, 1), NULL, c->err);
    if (st == INN_OK)
        st = c->sink->make(c->state, inn_in(1, 1), inn_out(0, 1), out,
                           c->err);
    return st;
}

static bool is_depthwise(const struct inn_node *node,
                         const struct inn_tensor *x)
{
    int64_t groups = inn_node_int(node, "group", 1);

    return groups > 1 && groups == x->dims[1];
}

enum inn_status inn_couple_conv_transpose(struct inn_couple *c)
{
    int64_t groups = inn_node_int(c->node, "group", 1);
    enum inn_status st;

    if (!inn_couple_is_const(c, 1)) {
        static const char why[] = "ConvTranspose's weight is computed";

        st = inn_couple_pin(c, inn_in(0, 1), why);
        if (st == INN_OK)
            st = inn_couple_pin(c, inn_in(1, 0), why);
        if (st == INN_OK)
            st = inn_couple_pin(c, inn_in(1, 1), why);
        return st == INN_OK ? inn_couple_pin(c, inn_out(0, 1), why) : st;
    }
    if (c->in[0]->dims[1] == 0 || c->out[0]->dims[1] == 0)
        return INN_OK;
    if (is_depthwise(c->node, c->in[0])) {
        st = couple_depthwise(c);
    } else if (groups > 1) {
        st = couple_grouped(c, groups);
    } else {
        st = c->sink->sum(c->state, inn_in(1, 0), inn_in(0, 1), NULL, c->err);
        if (st == INN_OK)
            st = c->sink->make(c->state, inn_in(1, 1), inn_out(0, 1), NULL,
                               c->err);
    }
    if (st == INN_OK && c->n_in > 2 && c->in[2] != NULL)
        st = inn_couple_map(c, inn_in(2, 0), inn_out(0, 1), NULL);
    return st;
}

/* A depthwise one has as many groups as channels. */
enum inn_status inn_resize_conv_transpose(struct inn_resize *c)
{
    if (!is_depthwise(c->node, c->in[0]) ||
        !c->to->varies(c->state, inn_in(0, 1)))
        return INN_OK;
    return c->to->set_int(c->state, "group",
                          c->to->length(c->state, inn_in(0, 1)), c->err);
}

struct deconv {
    struct inn_window w;
    int64_t in[INN_MAX_SPATIAL];
    int64_t groups, channels, outputs; /* channels and outputs of a group */
    size_t in_size, out_size, taps;    /* elements of one channel, kernel */
    const float *x, *weight, *bias;
    float *y;
};

/* Adds tap of the last axis to n outputs from column first on. */
static void add_tap(const struct deconv *v, double *sums, const float *row,
                    double weight, int64_t tap, int64_t first, int64_t n)
{
    int64_t stride = v->w.stride[2], from = 0, to, i;
    int64_t at = tap * v->w.dilation[2] - v->w.pad_begin[2] - first;

    /* Element i of the row goes to sum i × stride + at, one of n. */
    if (at >= n)
        return;
    if (at < 0)
        from = (-at - 1) / stride + 1;
    to = (n - 1 - at) / stride + 1;
    if (to > v->in[2])
        to = v->in[2];
    for (i = from; i < to; i++)
        sums[i * stride + at] += weight * (double)row[i];
}

/* The position on an axis from which tap reaches at, or -1. */
static int64_t source(const struct deconv *v, int axis, int64_t at,
                      int64_t tap)
{
    int64_t from = at + v->w.pad_begin[axis] - tap * v->w.dilation[axis];

    if (from < 0 || from % v->w.stride[axis] != 0 ||
        from / v->w.stride[axis] >= v->in[axis])
        return -1;
    return from / v->w.stride[axis];
}

/* Sums of n outputs of row (z, y) over one input channel. */
static void add_channel(const struct deconv *v, double *sums, const float *x,
                        const float *weight, const int64_t at[2],
                        int64_t first, int64_t n)
{
    const struct inn_window *w = &v->w;
    int64_t z, y, k, from_z, from_y;

    for (z = 0; z < w->kernel[0]; z++) {
        from_z = source(v, 0, at[0], z);
        for (y = 0; y < w->kernel[1] && from_z >= 0; y++) {
            const float *taps = weight + (z * w->kernel[1] + y) * w->kernel[2];

            from_y = source(v, 1, at[1], y);
            for (k = 0; k < w->kernel[2] && from_y >= 0; k++)
                add_tap(v, sums, x + (from_z * v->in[1] + from_y) * v->in[2],
                        taps[k], k, first, n);
        }
    }
}

/* One output channel of one picture. */
static void deconv_part(void *context, size_t part)
{
    const struct deconv *v = context;
    size_t total = (size_t)(v->groups * v->outputs);
    size_t o = part % total, image = part / total;
    size_t group = o / (size_t)v->outputs, channels = (size_t)v->channels;
    const float *x, *weight;
    float *y = v->y + part * v->out_size;
    int64_t at[2], first, i, n;
    double sums[TILE];
    size_t c;

    x = v->x + (image * (size_t)v->groups + group) * channels * v->in_size;
    weight = v->weight + (group * channels * (size_t)v->outputs +
                          o % (size_t)v->outputs) * v->taps;
    for (at[0] = 0; at[0] < v->w.out[0]; at[0]++) {
        for (at[1] = 0; at[1] < v->w.out[1]; at[1]++) {
            for (first = 0; first < v->w.out[2]; first += TILE) {
                n = v->w.out[2] - first < TILE ? v->w.out[2] - first : TILE;
                for (i = 0; i < n; i++)
                    sums[i] = v->bias != NULL ? v->bias[o] : 0;
                for (c = 0; c < channels; c++)
                    add_channel(v, sums, x + c * v->in_size,
                                weight + c * (size_t)v->outputs * v->taps,
                                at, first, n);
                for (i = 0; i < n; i++)
                    *y++ = (float)sums[i];
            }
        }
    }
}

enum inn_status inn_run_conv_transpose(struct inn_run *c)
{
    const struct inn_tensor *x = c->in[0], *weight = c->in[1];
    enum inn_status st;
    struct deconv v;

    if (!inn_run_wants(c, 0) || c->out[0].bytes == 0)
        return INN_OK;
    st = inn_window_spread(&v.w, c->node, x->rank - 2, x->dims + 2,
                           weight->dims + 2, c->err);
    if (st != INN_OK)
        return st;
    inn_window_to_3d(&v.w, x->dims + 2, v.in);
    v.groups = inn_node_int(c->node, "group", 1);
    v.channels = weight->dims[0] / v.groups;
    v.outputs = weight->dims[1];
    v.in_size = inn_dims_product(x->dims, 2, x->rank);
    v.out_size = inn_dims_product(c->out[0].dims, 2, c->out[0].rank);
    v.taps = inn_dims_product(weight->dims, 2, weight->rank);
    v.x = x->data;
    v.weight = weight->data;
    v.bias = c->n_in > 2 && c->in[2] != NULL ? c->in[2]->data : NULL;
    v.y = c->out[0].data;
    inn_parallel(c->threads, (size_t)(x->dims[0] * c->out[0].dims[1]),
                 deconv_part, &v);
    return INN_OK;
}

bool inn_lower_conv_transpose(const struct inn_infer *c,
                              struct inn_prim *prim)
{
    const struct inn_tensor *x = c->in[0], *weight = c->in[1];

    if (x->rank > 2 + INN_MAX_SPATIAL)
        return false;
    prim->kind = INN_PRIM_DECONV;
    prim->u.conv.groups = inn_node_int(c->node, "group", 1);
    return inn_window_spread(&prim->u.conv.window, c->node, x->rank - 2,
                             x->dims + 2, weight->dims + 2, NULL) == INN_OK;
}

/*
 * Covariance of two outputs lag apart, of taps a and b, over all phases of
 * the stride: both meet inputs where lag + o_a − o_b is a multiple of it.
 * False: never.
 */
static bool tap_r(const struct inn_carry *c, const struct inn_window *w,
                  size_t a, size_t b, const int64_t lag[INN_MAX_RANK],
                  double *r)
{
    int64_t d[INN_MAX_RANK] = {0};
    int i;

    for (i = w->rank - 1; i >= 0; i--) {
        int64_t at = (int64_t)a % w->kernel[i] * w->dilation[i];
        int64_t to = (int64_t)b % w->kernel[i] * w->dilation[i];
        int64_t far = lag[2 + i] + at - to;

        if (far % w->stride[i] != 0)
            return false;
        d[2 + i] = far / w->stride[i];
        a /= (size_t)w->kernel[i];
        b /= (size_t)w->kernel[i];
    }
    *r = inn_field_r(&c->from[0], d, 2 + w->rank);
    return true;
}

static double lag_sum(const struct inn_carry *c, const struct inn_window *w,
                      const struct inn_mix *m, const int64_t *lag)
{
    double sum = 0, r;
    size_t a, b;

    for (a = 0; a < m->taps; a++) {
        for (b = 0; b < m->taps; b++) {
            if (tap_r(c, w, a, b, lag, &r))
                sum += m->pairs[a * m->taps + b] * r;
        }
    }
    return sum;
}

static void deconv_table(const struct inn_carry *c, struct inn_law *law,
                         const struct inn_window *w, const struct inn_mix *m)
{
    const int *space = c->from[0].space;
    int64_t lag[INN_MAX_RANK] = {0};
    double all = lag_sum(c, w, m, lag);
    int y, x, sign;

    for (y = 0; y <= INN_REACH; y++) {
        for (x = 0; x <= INN_REACH; x++) {
            law->r[y][x] = 0;
            for (sign = -1; sign < 2; sign += 2) {
                if (space[0] >= 0)
                    lag[space[0]] = y;
                if (space[1] >= 0)
                    lag[space[1]] = sign * x;
                law->r[y][x] += 0.5 * lag_sum(c, w, m, lag);
            }
            law->r[y][x] = all > 0 ? law->r[y][x] / all : x + y == 0;
        }
    }
}

/* Weights [taps × outputs × inputs], the taps' correlations over phases. */
static enum inn_status read_mix(struct inn_carry *c, struct inn_mix *m,
                                const struct inn_window *w)
{
    const struct inn_tensor *weight = c->in[1];
    int64_t still[INN_MAX_RANK] = {0};
    size_t per, o, i, t, b;
    double *to, *bias;
    int k;

    m->groups = (size_t)inn_node_int(c->node, "group", 1);
    per = (size_t)weight->dims[1];
    m->outputs = per * m->groups;
    m->inputs = (size_t)weight->dims[0] / m->groups;
    m->taps = inn_dims_product(weight->dims, 2, weight->rank);
    for (m->share = 1, k = 0; k < w->rank; k++)
        m->share /= (double)w->stride[k];
    if (inn_mix_is_large(m) || m->taps > INN_MOST_TAPS)
        return INN_OK;
    to = inn_arena_alloc(c->scratch, inn_tensor_count(weight), sizeof(*to),
                         c->err);
    bias = inn_arena_alloc(c->scratch, m->outputs, sizeof(*bias), c->err);
    m->relate = inn_arena_alloc(c->scratch, m->taps,
                                m->taps * sizeof(double), c->err);
    m->pairs = inn_arena_alloc(c->scratch, m->taps,
                               m->taps * sizeof(double), c->err);
    if (to == NULL || m->relate == NULL || m->pairs == NULL || bias == NULL)
        return inn_refused(c->err);
    for (o = 0; o < m->outputs; o++) {
        for (i = 0; i < m->inputs; i++) {
            for (t = 0; t < m->taps; t++)
                to[(t * m->outputs + o) * m->inputs + i] = inn_element_get(
                    weight->type, weight->data,
                    ((o / per * m->inputs + i) * per + o % per) * m->taps +
                        t);
        }
        if (inn_carry_is_const(c, 2))
            bias[o] = inn_element_get(c->in[2]->type, c->in[2]->data, o);
    }
    for (t = 0; t < m->taps; t++) {
        for (b = 0; b < m->taps; b++) {
            double r;

            if (tap_r(c, w, t, b, still, &r))
                m->relate[t * m->taps + b] = m->share * r;
        }
    }
    m->weight = to;
    m->bias = bias;
    return INN_OK;
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

/* Moments over all phases of the stride, borders ignored. */
enum inn_status inn_moments_conv_transpose(struct inn_carry *c)
{
    const struct inn_field *x = &c->from[0];
    struct inn_mix m = {0};
    struct inn_window w;
    struct inn_law *law;
    enum inn_status st;

    if (!inn_carry_is_conv(c))
        return INN_OK;
    st = inn_window_spread(&w, c->node, c->in[0]->rank - 2,
                           c->in[0]->dims + 2, c->in[1]->dims + 2, c->err);
    if (st == INN_OK)
        st = read_mix(c, &m, &w);
    if (st != INN_OK || m.weight == NULL)
        return st;
    st = inn_mix_law(&law, c, x->law, &m);
    if (st != INN_OK)
        return st;
    st = add_phases(c, law, &w, &m);
    if (st != INN_OK) {
        inn_law_drop(law, c->heap);
        return st;
    }
    deconv_table(c, law, &w, &m);
    inn_carry_put(c, 0, law, x);
    return INN_OK;
}
