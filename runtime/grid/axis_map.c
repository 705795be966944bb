/*
 * Maps from grid nodes to sampled channels. A consumer's sum over an axis is
 * read as an integral of a density (fidelity: W_j = q^N_j f(x_j)), so its
 * rows carry q^n_i / q^N_j beside the interpolation; producers' rows are
 * interpolation alone.
 */
#include "runtime/grid/axis_map.h"

#include <inttypes.h>

#include "runtime/base/error.h"
#include "runtime/grid/internal.h"

/* Keeps i · N below 2^63 for n up to 4 N. */
#define MAX_CHANNELS ((int64_t)1 << 29)
/* Newton's cost is n² / 2: at this bound some seconds. */
#define MAX_GAUSS ((int64_t)1 << 15)
/* Entries of a row that reads channels off fewer nodes. */
#define WIDE (INN_KERNEL_TAPS * INN_KERNEL_TAPS)

/* What the rows of one call are made from. */
struct source {
    enum inn_kernel kernel;
    enum inn_edge edge;
    int64_t size;  /* N */
    int64_t nodes; /* M */
    double *s;     /* [n] coordinates on the N channels */
    double *q_new; /* [n] */
    double *q_old; /* [N] */
};

static enum inn_status map_new(struct inn_axis_map *map, int64_t rows,
                               int64_t cols, int taps,
                               struct inn_arena *arena,
                               struct inn_error *err)
{
    size_t count = (size_t)rows * (size_t)taps;

    map->rows = rows;
    map->cols = cols;
    map->start = inn_arena_alloc(arena, (size_t)rows + 1,
                                 sizeof(*map->start), err);
    map->col = inn_arena_alloc(arena, count, sizeof(*map->col), err);
    map->weight = inn_arena_alloc(arena, count, sizeof(*map->weight), err);
    if (map->start == NULL || map->col == NULL || map->weight == NULL)
        return inn_refused(err);
    return INN_OK;
}

/* A coordinate on the N channels, read off the M nodes. */
static int node_row(const struct source *from, double s,
                    int32_t col[INN_KERNEL_TAPS],
                    double weight[INN_KERNEL_TAPS])
{
    if (from->nodes != from->size)
        s = s * (double)(from->nodes - 1) / (double)(from->size - 1);
    return inn_kernel_row(from->kernel, from->edge, from->nodes, s, col,
                          weight);
}

static int value_row(const struct source *from, int64_t i, int32_t *col,
                     double *weight)
{
    return node_row(from, from->s[i], col, weight);
}

/*
 * The density at point i from the channels around it; where those are
 * themselves read off fewer nodes, the two steps are joined.
 */
static int sum_row(const struct source *from, int64_t i, int32_t *col,
                   double *weight)
{
    int32_t channel[INN_KERNEL_TAPS], c[INN_KERNEL_TAPS];
    double part[INN_KERNEL_TAPS], w[INN_KERNEL_TAPS];
    int j, k, at, n, used, count = 0;

    n = inn_kernel_row(from->kernel, from->edge, from->size, from->s[i],
                       channel, part);
    for (j = 0; j < n; j++) {
        part[j] *= from->q_new[i] / from->q_old[channel[j]];
        used = node_row(from, (double)channel[j], c, w);
        for (k = 0; k < used; k++) {
            for (at = 0; at < count && col[at] != c[k]; at++)
                ;
            if (at == count) {
                col[count] = c[k];
                weight[count++] = 0.0;
            }
            weight[at] += part[j] * w[k];
        }
    }
    return count;
}

static void fill(struct inn_axis_map *map, const struct source *from,
                 bool sums)
{
    int64_t i, at = 0;

    for (i = 0; i < map->rows; i++) {
        map->start[i] = at;
        at += sums ? sum_row(from, i, map->col + at, map->weight + at)
                   : value_row(from, i, map->col + at, map->weight + at);
    }
    map->start[map->rows] = at;
}

static enum inn_status check(const struct inn_group *group,
                             enum inn_quadrature rule, int64_t n,
                             struct inn_error *err)
{
    int64_t most = n > group->size ? n : group->size;

    if (group->size < 1 || group->nodes < 1 || group->nodes > group->size)
        return inn_fail(err, INN_ERR_FORMAT,
                        "group '%s' has %" PRId64 " channels and %" PRId64
                        " nodes", group->name, group->size, group->nodes);
    if (group->size > MAX_CHANNELS)
        return inn_fail(err, INN_ERR_LIMIT,
                        "group '%s' has %" PRId64 " channels, at most %" PRId64
                        " can be sampled", group->name, group->size,
                        MAX_CHANNELS);
    if (n < 1 || n > 4 * group->size)
        return inn_fail(err, INN_ERR_RANGE,
                        "group '%s': width %" PRId64 " is not in 1..%" PRId64
                        " (4 x %" PRId64 ")", group->name, n,
                        4 * group->size, group->size);
    if (rule == INN_QUAD_GAUSS && most > MAX_GAUSS)
        return inn_fail(err, INN_ERR_RANGE,
                        "group '%s': the gauss rule has at most %" PRId64
                        " points, not %" PRId64, group->name, MAX_GAUSS,
                        most);
    return INN_OK;
}

enum inn_status inn_axis_map_uniform(struct inn_axis_map *values,
                                     struct inn_axis_map *sums,
                                     const struct inn_group *group,
                                     enum inn_kernel kernel,
                                     enum inn_edge edge,
                                     enum inn_quadrature rule, int64_t n,
                                     struct inn_arena *arena,
                                     struct inn_error *err)
{
    struct source from = {kernel, edge, group->size, group->nodes, NULL,
                          NULL, NULL};
    struct inn_heap *heap = arena->heap;
    double *x = NULL, *roots = NULL;
    enum inn_status st = check(group, rule, n, err);
    int wide = group->nodes == group->size ? INN_KERNEL_TAPS : WIDE;

    if (st != INN_OK)
        return st;
    from.s = inn_alloc(heap, (size_t)n, sizeof(double), err);
    from.q_new = inn_alloc(heap, (size_t)n, sizeof(double), err);
    from.q_old = inn_alloc(heap, (size_t)group->size, sizeof(double), err);
    x = inn_alloc(heap, (size_t)n, sizeof(double), err);
    roots = inn_alloc(heap, (size_t)group->size, sizeof(double), err);
    if (from.s == NULL || from.q_new == NULL || from.q_old == NULL ||
        x == NULL || roots == NULL) {
        st = inn_refused(err);
        goto out;
    }
    inn_quadrature_rule(rule, n, x, from.q_new);
    inn_quadrature_rule(rule, group->size, roots, from.q_old);
    inn_quadrature_nodes(rule, n, group->size, x, roots, from.s);
    st = map_new(values, n, group->nodes, INN_KERNEL_TAPS, arena, err);
    if (st == INN_OK)
        st = map_new(sums, n, group->nodes, wide, arena, err);
    if (st != INN_OK)
        goto out;
    fill(values, &from, false);
    fill(sums, &from, true);
out:
    inn_free(heap, from.s);
    inn_free(heap, from.q_new);
    inn_free(heap, from.q_old);
    inn_free(heap, x);
    inn_free(heap, roots);
    return st;
}

enum inn_status inn_axis_map_select(struct inn_axis_map *map,
                                    const int64_t *positions, int64_t n,
                                    int64_t cols, struct inn_arena *arena,
                                    struct inn_error *err)
{
    enum inn_status st;
    int64_t i;

    if (n < 0 || cols < 0 || cols > MAX_CHANNELS)
        return inn_fail(err, INN_ERR_LIMIT,
                        "%" PRId64 " of %" PRId64 " channels can't be kept",
                        n, cols);
    st = map_new(map, n, cols, 1, arena, err);
    if (st != INN_OK)
        return st;
    for (i = 0; i < n; i++) {
        if (positions[i] < 0 || positions[i] >= cols)
            return inn_fail(err, INN_ERR_RANGE,
                            "position %" PRId64 " is not in 0..%" PRId64,
                            positions[i], cols - 1);
        map->start[i] = i;
        map->col[i] = (int32_t)positions[i];
        map->weight[i] = 1.0;
    }
    map->start[n] = n;
    return INN_OK;
}
