/*
 * The least-squares quadrature from stored factors. Rows of dropped channels
 * are X = L₂₁ L₁₁⁻¹, one triangular solve per width; it is the one costly
 * step of sampling, so it runs in blocks of columns that fit the cache, every
 * entry's sum in one fixed order.
 */
#include "runtime/grid/moments.h"

#include <inttypes.h>
#include <math.h>

#include "runtime/base/checked.h"
#include "runtime/base/error.h"
#include "runtime/base/tensor.h"
#include "runtime/base/threads.h"
#include "runtime/grid/internal.h"
#include "runtime/grid/mix.h"

/* Columns solved together, and dropped rows that share a pass over L. */
#define BLOCK 64
#define ROWS 16
/* Doubles of a cache line. */
#define LINE 8
/* Keeps n (N - n + 1) and N (N + 1) / 2 far below 2^63. */
#define MAX_CHANNELS ((int64_t)1 << 29)
/* Most variance that is given back: beyond, little of the outputs is left. */
#define MOST_LOST 0.75

/* What one call works with. Nested ranks: n kept ones, then the dropped. */
struct solve {
    const struct inn_moments *moments;
    const struct inn_group *group;
    int64_t n, dropped;
    int64_t stride; /* of rows of l and x */
    double *l;      /* [n × stride] L₁₁, the lower triangle alone */
    double *x;      /* [dropped × stride] L₂₁, then X */
};

static enum inn_status check_width(const struct inn_group *g, int64_t n,
                                   struct inn_error *err)
{
    if (g->nested == NULL || g->nodes != g->size)
        return inn_fail(err, INN_ERR_RANGE,
                        "group '%s' has no moments in the file", g->name);
    if (g->size > MAX_CHANNELS)
        return inn_fail(err, INN_ERR_LIMIT,
                        "group '%s' has %" PRId64 " channels, at most %" PRId64
                        " can be sampled", g->name, g->size, MAX_CHANNELS);
    if (n < 1 || n > g->size)
        return inn_fail(err, INN_ERR_RANGE,
                        "group '%s': width %" PRId64 " is not in 1..%" PRId64,
                        g->name, n, g->size);
    return INN_OK;
}

enum inn_status inn_nested_positions(int64_t *positions,
                                     const struct inn_group *group,
                                     int64_t n, struct inn_heap *heap,
                                     struct inn_error *err)
{
    enum inn_status st = check_width(group, n, err);
    int64_t *rank, p, c, kept = 0;

    if (st != INN_OK)
        return st;
    rank = inn_alloc(heap, (size_t)group->size, sizeof(*rank), err);
    if (rank == NULL)
        return inn_refused(err);
    st = inn_order_invert(rank, group, group->nested, "nested order", err);
    for (p = 0; st == INN_OK && p < group->size; p++) {
        c = group->order[p];
        if (c < 0 || c >= group->size || rank[c] < 0) {
            st = inn_fail(err, INN_ERR_FORMAT,
                          "group '%s': its order is no permutation at %"
                          PRId64, group->name, p);
            break;
        }
        if (rank[c] < n)
            positions[kept++] = p;
        rank[c] = -1;
    }
    inn_free(heap, rank);
    return st;
}

/* ------------------------------------------------------------- the solve */

static void unpack_row(void *context, size_t part)
{
    const struct solve *s = context;
    int64_t i = (int64_t)part, j, count = i < s->n ? i + 1 : s->n;
    const uint16_t *from = s->moments->factor + i * (i + 1) / 2;
    double *to = i < s->n ? s->l + i * s->stride
                          : s->x + (i - s->n) * s->stride;

    for (j = 0; j < count; j++)
        to[j] = (double)inn_f16_to_f32(from[j]);
}

/* Columns lo … hi-1 of one row, from the last on. */
static void solve_block(double *x, const struct solve *s, int64_t lo,
                        int64_t hi)
{
    const double *l;
    int64_t i, j;

    for (j = hi - 1; j >= lo; j--) {
        l = s->l + j * s->stride;
        x[j] /= l[j];
        for (i = lo; i < j; i++)
            x[i] -= x[j] * l[i];
    }
}

static void solve_rows(void *context, size_t part)
{
    const struct solve *s = context;
    int64_t first = (int64_t)part * ROWS, hi, lo, r;
    int64_t end = first + ROWS < s->dropped ? first + ROWS : s->dropped;

    for (hi = s->n; hi > 0; hi = lo) {
        double *x = s->x + first * s->stride;

        lo = (hi - 1) / BLOCK * BLOCK;
        for (r = first; r < end; r++)
            solve_block(s->x + r * s->stride, s, lo, hi);
        /* The columns before, less what these say. */
        inn_mix_subtract(&(struct inn_mix){
            .rows = end - first, .terms = hi - lo, .lanes = lo,
            .to = x, .to_stride = s->stride,
            .weight = x + lo, .weight_stride = s->stride,
            .from = s->l + lo * s->stride, .from_stride = s->stride});
    }
}

/* ------------------------------------------------------------ its result */

/* What would divide by nothing, or multiply by NaN, is a damaged file. */
static enum inn_status check_values(const struct solve *s,
                                    struct inn_error *err)
{
    const struct inn_moments *m = s->moments;
    int64_t i;

    for (i = 0; i < s->group->size; i++) {
        if (!isfinite(m->mean[i]) || !isfinite(m->deviation[i]) ||
            !(m->deviation[i] > 0.0f))
            return inn_fail(err, INN_ERR_FORMAT,
                            "group '%s': channel %" PRId64 " has mean %g and "
                            "deviation %g", s->group->name, i,
                            (double)m->mean[i], (double)m->deviation[i]);
    }
    for (i = 0; i < s->n; i++) {
        if (!(s->l[i * s->stride + i] > 0.0))
            return inn_fail(err, INN_ERR_FORMAT,
                            "group '%s': pivot %" PRId64 " of its factor is "
                            "%g", s->group->name, i,
                            s->l[i * s->stride + i]);
    }
    return INN_OK;
}

static enum inn_status map_new(struct inn_axis_map *map,
                               const struct solve *s,
                               struct inn_arena *arena,
                               struct inn_error *err)
{
    size_t count = (size_t)s->n * (size_t)(s->dropped + 1);

    map->rows = s->n;
    map->cols = s->group->size;
    map->start = inn_arena_alloc(arena, (size_t)s->n + 1,
                                 sizeof(*map->start), err);
    map->col = inn_arena_alloc(arena, count, sizeof(*map->col), err);
    map->weight = inn_arena_alloc(arena, count, sizeof(*map->weight), err);
    if (map->start == NULL || map->col == NULL || map->weight == NULL)
        return inn_refused(err);
    return INN_OK;
}

/* One row per kept channel: itself, then its share of every dropped one. */
static enum inn_status fill_map(struct inn_axis_map *map,
                                const struct solve *s,
                                const int64_t *position,
                                const int64_t *kept, struct inn_error *err)
{
    const struct inn_group *g = s->group;
    const float *deviation = s->moments->deviation;
    int64_t i, d, k, rank, channel, at;
    double scale;

    for (i = 0; i < s->n; i++) {
        at = i * (s->dropped + 1);
        map->start[i] = at;
        map->col[at] = (int32_t)position[g->nested[kept[i]]];
        map->weight[at] = 1.0;
    }
    map->start[s->n] = s->n * (s->dropped + 1);
    for (d = 0; d < s->dropped; d++) {
        channel = g->nested[s->n + d];
        for (i = 0; i < s->n; i++) {
            rank = kept[i];
            k = g->nested[rank];
            scale = (double)deviation[channel] / (double)deviation[k];
            at = map->start[i] + 1 + d;
            map->col[at] = (int32_t)position[channel];
            map->weight[at] = scale * s->x[d * s->stride + rank];
            if (!isfinite(map->weight[at]))
                return inn_fail(err, INN_ERR_FORMAT,
                                "group '%s': its factor gives channel %"
                                PRId64 " the weight %g of channel %" PRId64,
                                g->name, channel, map->weight[at], k);
        }
    }
    return INN_OK;
}

/* μ_d − Σ A_dk μ_k, in nested order. */
static enum inn_status fill_offset(double *offset, const struct solve *s,
                                   const int64_t *position,
                                   struct inn_error *err)
{
    const struct inn_group *g = s->group;
    const float *mean = s->moments->mean, *dev = s->moments->deviation;
    int64_t i, d, channel;
    double sum;

    for (i = 0; i < g->size; i++)
        offset[i] = 0.0;
    for (d = 0; d < s->dropped; d++) {
        const double *x = s->x + d * s->stride;

        channel = g->nested[s->n + d];
        sum = 0.0;
        for (i = 0; i < s->n; i++)
            sum += x[i] * ((double)mean[g->nested[i]] /
                           (double)dev[g->nested[i]]);
        sum = (double)mean[channel] - (double)dev[channel] * sum;
        if (!isfinite(sum))
            return inn_fail(err, INN_ERR_FORMAT,
                            "group '%s': its factor gives channel %" PRId64
                            " the offset %g", g->name, channel, sum);
        offset[position[channel]] = sum;
    }
    return INN_OK;
}

static enum inn_status solve(struct solve *s, int threads,
                             struct inn_heap *heap, struct inn_error *err)
{
    enum inn_status st;
    size_t count;

    /*
     * An odd number of cache lines: with a power of two, one column's entries
     * would all fall into the same few places of the cache.
     */
    s->stride = ((s->n + LINE - 1) / LINE | 1) * LINE;
    if (!inn_mul_size(&count, (size_t)s->group->size, (size_t)s->stride))
        return inn_fail(err, INN_ERR_LIMIT,
                        "group '%s': %" PRId64 " channels are too many",
                        s->group->name, s->group->size);
    s->l = inn_alloc_raw(heap, count, sizeof(*s->l), err);
    if (s->l == NULL)
        return inn_refused(err);
    s->x = s->l + s->n * s->stride;
    inn_parallel(threads, (size_t)s->group->size, unpack_row, s);
    st = check_values(s, err);
    if (st == INN_OK)
        inn_parallel(threads, (size_t)((s->dropped + ROWS - 1) / ROWS),
                     solve_rows, s);
    return st;
}

/* All sums gain times as large, their mean kept by the offsets. */
static void scale_sums(struct inn_axis_map *sums, double *offset,
                       const struct solve *s, const int64_t *position,
                       double gain)
{
    int64_t i;

    if (gain == 1.0)
        return;
    for (i = 0; i < sums->start[sums->rows]; i++)
        sums->weight[i] *= gain;
    for (i = 0; i < s->group->size; i++) {
        double mean = (double)s->moments->mean[i];
        double *at = &offset[position[i]];

        *at = mean - gain * (mean - *at);
    }
}

enum inn_status inn_moments_quadrature(struct inn_axis_map *sums,
                                       double *offset,
                                       const struct inn_model *model,
                                       const struct inn_moments *moments,
                                       int64_t n, double gain, int threads,
                                       struct inn_arena *arena,
                                       struct inn_error *err)
{
    const struct inn_group *g = &model->groups[moments->group];
    struct solve s = {.moments = moments, .group = g, .n = n};
    struct inn_heap *heap = arena->heap;
    int64_t *position = NULL, *rank = NULL, *kept = NULL, p, at = 0;
    enum inn_status st = check_width(g, n, err);

    if (st != INN_OK)
        return st;
    s.dropped = g->size - n;
    position = inn_alloc(heap, (size_t)g->size, sizeof(*position), err);
    rank = inn_alloc(heap, (size_t)g->size, sizeof(*rank), err);
    kept = inn_alloc(heap, (size_t)n, sizeof(*kept), err);
    if (position == NULL || rank == NULL || kept == NULL) {
        st = inn_refused(err);
        goto out;
    }
    st = inn_order_invert(position, g, g->order, "order", err);
    if (st == INN_OK)
        st = inn_order_invert(rank, g, g->nested, "nested order", err);
    if (st != INN_OK)
        goto out;
    /* Nested ranks of the channels kept, in axis order. */
    for (p = 0; p < g->size; p++) {
        if (rank[g->order[p]] < n)
            kept[at++] = rank[g->order[p]];
    }
    st = solve(&s, threads, heap, err);
    if (st == INN_OK)
        st = map_new(sums, &s, arena, err);
    if (st == INN_OK)
        st = fill_map(sums, &s, position, kept, err);
    if (st == INN_OK)
        st = fill_offset(offset, &s, position, err);
    if (st == INN_OK)
        scale_sums(sums, offset, &s, position, gain);
out:
    inn_free(heap, s.l);
    inn_free(heap, position);
    inn_free(heap, rank);
    inn_free(heap, kept);
    return st;
}

enum inn_status inn_moments_gains(double *gains, const struct inn_model *model,
                                  const int64_t *widths, struct inn_error *err)
{
    int *inputs, i;

    /* The curve is a sum over the inputs of a group that have moments. */
    inputs = inn_alloc(model->heap, (size_t)model->n_groups, sizeof(*inputs),
                       err);
    if (inputs == NULL)
        return inn_refused(err);
    for (i = 0; i < model->n_moments; i++)
        inputs[model->moments[i].group]++;
    for (i = 0; i < model->n_moments; i++) {
        int group = model->moments[i].group;
        const struct inn_group *g = &model->groups[group];
        double lost = 0.0;

        if (g->nested_error != NULL && widths[group] < g->size)
            lost = (double)g->nested_error[widths[group] - 1] / inputs[group];
        /* A number that is none is no loss. */
        gains[i] = lost > 0.0 ? pow(1.0 - fmin(lost, MOST_LOST),
                                    -0.5 - model->extra_gain)
                              : 1.0;
    }
    for (i = 0; i < model->n_consumers; i++) {
        if (model->consumers[i].bias < 0 && model->consumers[i].add_axis < 1)
            gains[model->consumers[i].moments] = 1.0;
    }
    inn_free(model->heap, inputs);
    return INN_OK;
}
