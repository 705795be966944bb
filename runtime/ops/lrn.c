/*
 * LRN, local response normalisation: each element is divided by a power of
 * the squares of its neighbours across channels.
 */
#include <math.h>

#include "runtime/base/threads.h"
#include "runtime/ops/common.h"
#include "runtime/ops/moments.h"
#include "runtime/ops/rows.h"

/* Positions whose squares are summed side by side. */
#define TILE ((size_t)256)

enum inn_status inn_infer_lrn(struct inn_infer *c)
{
    enum inn_status st = inn_infer_arity(c, 1, 1, 1);
    int64_t size = inn_node_int(c->node, "size", 0);
    struct inn_args a = INN_ARGS(c);

    if (st != INN_OK)
        return st;
    if (size < 1)
        return inn_args_fail(&a, INN_ERR_FORMAT,
                             "size is %lld, must be at least 1",
                             (long long)size);
    if (c->in[0]->rank < 2)
        return inn_args_fail(&a, INN_ERR_FORMAT,
                             "input has %d axes, needs at least 2",
                             c->in[0]->rank);
    return inn_infer_same(c);
}

/* The order of channels matters: neighbours in it are summed. */
enum inn_status inn_couple_lrn(struct inn_couple *c)
{
    static const char why[] = "normalised across channels by LRN";
    enum inn_status st = INN_OK;
    int i;

    for (i = 0; i < c->in[0]->rank && st == INN_OK; i++) {
        if (i != 1) {
            st = inn_couple_map(c, inn_out(0, i), inn_in(0, i), NULL);
            continue;
        }
        st = inn_couple_pin(c, inn_in(0, 1), why);
        if (st == INN_OK)
            st = inn_couple_pin(c, inn_out(0, 1), why);
    }
    return st;
}

struct lrn {
    const float *x;
    float *y;
    int64_t channels, before, after; /* neighbours of a channel */
    size_t size;                     /* elements of a channel */
    double alpha, beta, bias;        /* alpha: over the window's size */
};

/* y = x / (bias + alpha · Σ x²)^beta, the sum over the channels near. */
static void lrn_part(void *context, size_t part)
{
    const struct lrn *v = context;
    int64_t channel = (int64_t)part % v->channels, k;
    int64_t from = channel < v->before ? 0 : channel - v->before;
    int64_t to = v->channels - channel <= v->after ? v->channels
                                                   : channel + v->after + 1;
    const float *x = v->x + part * v->size;
    float *y = v->y + part * v->size;
    const float *image = x - (size_t)channel * v->size;
    double sums[TILE];
    size_t first, i, n;

    for (first = 0; first < v->size; first += TILE) {
        n = v->size - first < TILE ? v->size - first : TILE;
        for (i = 0; i < n; i++)
            sums[i] = 0;
        for (k = from; k < to; k++) {
            const float *near = image + (size_t)k * v->size + first;

            for (i = 0; i < n; i++)
                sums[i] += (double)near[i] * (double)near[i];
        }
        for (i = 0; i < n; i++)
            y[first + i] = (float)(x[first + i] /
                                   pow(v->bias + v->alpha * sums[i],
                                       v->beta));
    }
}

enum inn_status inn_run_lrn(struct inn_run *c)
{
    int64_t size = inn_node_int(c->node, "size", 1);
    const struct inn_tensor *x = c->in[0];
    struct lrn v = {.x = x->data, .y = c->out[0].data};

    if (!inn_run_wants(c, 0) || c->out[0].bytes == 0)
        return INN_OK;
    v.channels = x->dims[1];
    v.before = (size - 1) / 2;
    v.after = size / 2;
    v.size = inn_dims_product(x->dims, 2, x->rank);
    v.alpha = (double)inn_node_float(c->node, "alpha", 1e-4f) / (double)size;
    v.beta = inn_node_float(c->node, "beta", 0.75f);
    v.bias = inn_node_float(c->node, "bias", 1);
    inn_parallel(c->threads, (size_t)(x->dims[0] * x->dims[1]), lrn_part,
                 &v);
    return INN_OK;
}

/* The divisor as its mean: Σ x² of the neighbours is what it is on average. */
enum inn_status inn_moments_lrn(struct inn_carry *c)
{
    int64_t size = inn_node_int(c->node, "size", 1), k, i;
    const struct inn_field *x = &c->from[0];
    double *scale, *shift, sum;
    struct inn_law *law;
    int64_t n;

    if (x->law == NULL || inn_field_axis(x) != 1 || x->repeat != 1)
        return INN_OK;
    n = x->law->n;
    scale = inn_arena_alloc(c->scratch, (size_t)n, sizeof(*scale), c->err);
    shift = inn_arena_alloc(c->scratch, (size_t)n, sizeof(*shift), c->err);
    if (scale == NULL || shift == NULL)
        return inn_refused(c->err);
    for (k = 0; k < n; k++) {
        int64_t from = k < (size - 1) / 2 ? 0 : k - (size - 1) / 2;
        int64_t to = n - k <= size / 2 ? n : k + size / 2 + 1;

        for (sum = 0, i = from; i < to; i++)
            sum += x->law->mean[i] * x->law->mean[i] +
                   x->law->cov[i * n + i];
        scale[k] = pow((double)inn_node_float(c->node, "bias", 1) +
                           (double)inn_node_float(c->node, "alpha", 1e-4f) /
                               (double)size * sum,
                       -(double)inn_node_float(c->node, "beta", 0.75f));
    }
    law = inn_law_affine(x->law, scale, shift, true, c->heap, c->err);
    if (law == NULL)
        return inn_refused(c->err);
    inn_carry_put(c, 0, law, x);
    return INN_OK;
}
