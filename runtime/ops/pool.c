/*
 * MaxPool, AveragePool and the global pools. Averages are summed in double;
 * NaN wins a maximum. A window that meets nothing but padding gives the
 * least value, or 0 as an average.
 */
#include <math.h>
#include <string.h>

#include "runtime/base/threads.h"
#include "runtime/ops/common.h"
#include "runtime/ops/moments.h"
#include "runtime/ops/rows.h"
#include "runtime/ops/window.h"

static enum inn_status infer_pool(struct inn_infer *c, int max_out)
{
    enum inn_status st = inn_infer_arity(c, 1, 1, max_out);
    struct inn_args a = INN_ARGS(c);
    int64_t dims[INN_MAX_RANK];
    const struct inn_tensor *x;
    struct inn_window w;
    int i;

    if (st != INN_OK)
        return st;
    x = c->in[0];
    if (x->rank < 3)
        return inn_args_fail(&a, INN_ERR_FORMAT,
                             "input has %d dimensions, 3 are the least",
                             x->rank);
    if (x->rank > 2 + INN_MAX_SPATIAL)
        return inn_args_fail(&a, INN_ERR_UNSUPPORTED,
                             "%d spatial axes; %d are the most", x->rank - 2,
                             INN_MAX_SPATIAL);
    st = inn_window_resolve(&w, c->node, x->rank - 2, x->dims + 2, NULL,
                            c->err);
    if (st != INN_OK)
        return st;
    dims[0] = x->dims[0];
    dims[1] = x->dims[1];
    for (i = 2; i < x->rank; i++)
        dims[i] = w.out[i - 2];
    st = inn_infer_out(c, 0, x->type, x->rank, dims);
    if (st == INN_OK && c->n_out > 1)
        st = inn_infer_out(c, 1, INN_I64, x->rank, dims);
    return st;
}

enum inn_status inn_infer_average_pool(struct inn_infer *c)
{
    return infer_pool(c, 1);
}

enum inn_status inn_infer_max_pool(struct inn_infer *c)
{
    return infer_pool(c, 2);
}

enum inn_status inn_infer_global_pool(struct inn_infer *c)
{
    enum inn_status st = inn_infer_arity(c, 1, 1, 1);
    struct inn_args a = INN_ARGS(c);
    int64_t dims[INN_MAX_RANK];
    int i;

    if (st != INN_OK)
        return st;
    if (c->in[0]->rank < 2)
        return inn_args_fail(&a, INN_ERR_FORMAT,
                             "input has %d dimensions, 2 are the least",
                             c->in[0]->rank);
    for (i = 0; i < c->in[0]->rank; i++)
        dims[i] = i < 2 ? c->in[0]->dims[i] : 1;
    return inn_infer_out(c, 0, c->in[0]->type, c->in[0]->rank, dims);
}

/* Channels pass; positions of different channels never meet. */
enum inn_status inn_couple_pool(struct inn_couple *c)
{
    return inn_couple_map(c, inn_out(0, 1), inn_in(0, 1), NULL);
}

struct pool {
    struct inn_window w;
    int64_t in[INN_MAX_SPATIAL];
    size_t in_size, out_size;
    bool count_pads, column_major;
    enum inn_type type;
    const void *x;
    void *y;
    int64_t *indices;
};

/* The taps of one output on all three axes. */
static void taps_of(const struct pool *v, struct inn_taps t[3],
                    const int64_t at[3])
{
    int i;

    for (i = 0; i < 3; i++)
        t[i] = inn_window_taps(&v->w, i, v->in[i], at[i]);
}

/* Output of a plane to its position. */
static void position(const struct pool *v, size_t i, int64_t at[3])
{
    at[2] = (int64_t)i % v->w.out[2];
    i /= (size_t)v->w.out[2];
    at[1] = (int64_t)i % v->w.out[1];
    at[0] = (int64_t)i / v->w.out[1];
}

static double least_value(enum inn_type type)
{
    switch (type) {
    case INN_I8:
        return INT8_MIN;
    case INN_I16:
        return INT16_MIN;
    case INN_I32:
        return INT32_MIN;
    case INN_I64:
        return (double)INT64_MIN;
    default:
        return inn_type_is_float(type) ? -INFINITY : 0;
    }
}

/* The largest element under the window; *best is where, or −1. */
static double max_window(const struct pool *v, size_t plane,
                         const struct inn_taps t[3], int64_t best[3])
{
    size_t base = plane * v->in_size;
    double most = least_value(v->type);
    int64_t p[3], k[3];

    best[0] = -1;
    for (k[0] = t[0].first; k[0] < t[0].last; k[0]++) {
        p[0] = t[0].start + k[0] * v->w.dilation[0];
        for (k[1] = t[1].first; k[1] < t[1].last; k[1]++) {
            p[1] = t[1].start + k[1] * v->w.dilation[1];
            for (k[2] = t[2].first; k[2] < t[2].last; k[2]++) {
                size_t i;
                double x;

                p[2] = t[2].start + k[2] * v->w.dilation[2];
                i = base + (size_t)((p[0] * v->in[1] + p[1]) * v->in[2] +
                                    p[2]);
                x = inn_element_get(v->type, v->x, i);
                if (best[0] < 0 || x > most || (isnan(x) && !isnan(most))) {
                    most = x;
                    memcpy(best, p, sizeof(p));
                }
            }
        }
    }
    return most;
}

static void max_part(void *context, size_t plane)
{
    const struct pool *v = context;
    struct inn_taps t[3];
    int64_t at[3], best[3];
    size_t i;

    for (i = 0; i < v->out_size; i++) {
        size_t out = plane * v->out_size + i;
        double most;

        position(v, i, at);
        taps_of(v, t, at);
        most = max_window(v, plane, t, best);
        if (v->y != NULL)
            inn_element_set(v->type, v->y, out, most);
        if (v->indices == NULL)
            continue;
        /* Where nothing was met there is no index: that of the plane. */
        if (best[0] < 0)
            memset(best, 0, sizeof(best));
        v->indices[out] = (int64_t)(plane * v->in_size) +
            (v->column_major
                 ? best[0] + v->in[0] * (best[1] + v->in[1] * best[2])
                 : best[2] + v->in[2] * (best[1] + v->in[1] * best[0]));
    }
}

/* Taps on one axis that lie inside the padding. */
static int64_t padded_taps(const struct pool *v, int axis,
                           const struct inn_taps *t)
{
    int64_t end = v->in[axis] + v->w.pad_end[axis], n;

    if (t->start >= end)
        return 0;
    n = (end - t->start - 1) / v->w.dilation[axis] + 1;
    return n < v->w.kernel[axis] ? n : v->w.kernel[axis];
}

static double average_window(const struct pool *v, size_t plane,
                             const struct inn_taps t[3])
{
    const float *x = (const float *)v->x + plane * v->in_size;
    double sum = 0, n = 1;
    int64_t a, b, k;
    int i;

    for (i = 0; i < 3; i++)
        n *= (double)(v->count_pads ? padded_taps(v, i, &t[i])
                                    : t[i].last - t[i].first);
    if (n == 0)
        return 0;
    for (a = t[0].first; a < t[0].last; a++) {
        for (b = t[1].first; b < t[1].last; b++) {
            const float *row;

            row = x + ((t[0].start + a * v->w.dilation[0]) * v->in[1] +
                       t[1].start + b * v->w.dilation[1]) * v->in[2];
            for (k = t[2].first; k < t[2].last; k++)
                sum += row[t[2].start + k * v->w.dilation[2]];
        }
    }
    return sum / n;
}

static void average_part(void *context, size_t plane)
{
    const struct pool *v = context;
    float *y = (float *)v->y + plane * v->out_size;
    struct inn_taps t[3];
    int64_t at[3];
    size_t i;

    for (i = 0; i < v->out_size; i++) {
        position(v, i, at);
        taps_of(v, t, at);
        y[i] = (float)average_window(v, plane, t);
    }
}

static enum inn_status run_pool(struct inn_run *c, struct pool *v,
                                inn_part_fn *part)
{
    const struct inn_tensor *x = c->in[0];
    enum inn_status st;

    st = inn_window_resolve(&v->w, c->node, x->rank - 2, x->dims + 2, NULL,
                            c->err);
    if (st != INN_OK)
        return st;
    inn_window_to_3d(&v->w, x->dims + 2, v->in);
    v->in_size = inn_dims_product(x->dims, 2, x->rank);
    v->out_size = inn_dims_product(c->out[0].dims, 2, c->out[0].rank);
    v->type = x->type;
    v->x = x->data;
    v->y = c->out[0].data;
    inn_parallel(c->threads, (size_t)(x->dims[0] * x->dims[1]), part, v);
    return INN_OK;
}

enum inn_status inn_run_max_pool(struct inn_run *c)
{
    struct pool v = {.count_pads = false};

    if ((!inn_run_wants(c, 0) && !inn_run_wants(c, 1)) ||
        inn_tensor_count(&c->out[0]) == 0)
        return INN_OK;
    v.column_major = inn_node_int(c->node, "storage_order", 0) != 0;
    v.indices = inn_run_wants(c, 1) ? c->out[1].data : NULL;
    return run_pool(c, &v, max_part);
}

enum inn_status inn_run_average_pool(struct inn_run *c)
{
    struct pool v = {.column_major = false};

    if (!inn_run_wants(c, 0) || inn_tensor_count(&c->out[0]) == 0)
        return INN_OK;
    v.count_pads = inn_node_int(c->node, "count_include_pad", 0) != 0;
    return run_pool(c, &v, average_part);
}

struct global_pool {
    const float *x;
    float *y;
    size_t size;
    bool max;
};

static void global_part(void *context, size_t plane)
{
    const struct global_pool *v = context;
    const float *x = v->x + plane * v->size;
    double sum = 0, most = -INFINITY;
    size_t i;

    for (i = 0; i < v->size; i++) {
        sum += x[i];
        if (x[i] > most || isnan(x[i]))
            most = x[i];
        if (isnan(most))
            break;
    }
    v->y[plane] = (float)(v->max ? most : sum / (double)v->size);
}

static enum inn_status run_global(struct inn_run *c, bool max)
{
    const struct inn_tensor *x = c->in[0];
    struct global_pool v = {.max = max};

    if (!inn_run_wants(c, 0) || c->out[0].bytes == 0)
        return INN_OK;
    v.x = x->data;
    v.y = c->out[0].data;
    v.size = inn_dims_product(x->dims, 2, x->rank);
    inn_parallel(c->threads, (size_t)(x->dims[0] * x->dims[1]), global_part,
                 &v);
    return INN_OK;
}

enum inn_status inn_run_global_average_pool(struct inn_run *c)
{
    return run_global(c, false);
}

enum inn_status inn_run_global_max_pool(struct inn_run *c)
{
    return run_global(c, true);
}

/* Whether every window meets the input: fast kernels differ on others. */
static bool all_windows_meet(const struct inn_window *w)
{
    int i;

    for (i = 0; i < w->rank; i++) {
        int64_t extent = (w->kernel[i] - 1) * w->dilation[i] + 1;

        if (w->pad_begin[i] >= extent || w->pad_end[i] >= extent)
            return false;
    }
    return true;
}

static bool lower_pool(const struct inn_infer *c, struct inn_prim *prim,
                       enum inn_pool kind)
{
    const struct inn_tensor *x = c->in[0];
    struct inn_window *w = &prim->u.pool.window;

    if (x->rank < 3 || x->rank > 2 + INN_MAX_SPATIAL ||
        inn_tensor_count(x) == 0)
        return false;
    prim->kind = INN_PRIM_POOL;
    prim->u.pool.kind = kind;
    return inn_window_resolve(w, c->node, x->rank - 2, x->dims + 2, NULL,
                              NULL) == INN_OK &&
           all_windows_meet(w);
}

bool inn_lower_max_pool(const struct inn_infer *c, struct inn_prim *prim)
{
    if (c->n_out > 1 && c->node->outputs[1] >= 0)
        return false;
    return lower_pool(c, prim, INN_POOL_MAX);
}

bool inn_lower_average_pool(const struct inn_infer *c, struct inn_prim *prim)
{
    bool pads = inn_node_int(c->node, "count_include_pad", 0) != 0;

    if (!lower_pool(c, prim, pads ? INN_POOL_AVG_PADDED : INN_POOL_AVG))
        return false;
    /* What ceil_mode adds behind the padding is never counted. */
    return !pads ||
           !inn_window_overhangs(&prim->u.pool.window, c->in[0]->dims + 2);
}

bool inn_lower_global_max_pool(const struct inn_infer *c,
                               struct inn_prim *prim)
{
    const struct inn_tensor *x = c->in[0];

    if (x->rank < 3 || x->rank > 2 + INN_MAX_SPATIAL ||
        inn_tensor_count(x) == 0)
        return false;
    prim->kind = INN_PRIM_POOL;
    prim->u.pool.kind = INN_POOL_MAX;
    inn_window_global(&prim->u.pool.window, x->rank - 2, x->dims + 2);
    return true;
}

/* As a mean, which is exact, and at home in every order of axes. */
bool inn_lower_global_average_pool(const struct inn_infer *c,
                                   struct inn_prim *prim)
{
    const struct inn_tensor *x = c->in[0];
    int i;

    if (x->rank < 3 || inn_tensor_count(x) == 0)
        return false;
    prim->kind = INN_PRIM_REDUCE;
    prim->u.reduce.kind = INN_RED_MEAN;
    for (i = 2; i < x->rank; i++)
        prim->u.reduce.gone[i] = true;
    return true;
}

/* Mean correlation of two places of the window, dealt out by lags. */
static double window_r(const struct inn_field *f, const struct inn_window *w,
                       const int64_t *lag)
{
    int64_t d[INN_MAX_RANK] = {0}, k[INN_MAX_SPATIAL];
    double sum = 0, all = 0;
    int i;

    for (i = 0; i < w->rank; i++)
        k[i] = 1 - w->kernel[i];
    for (;;) {
        double weight = 1;

        for (i = 0; i < w->rank; i++) {
            weight *= (double)(w->kernel[i] - (k[i] < 0 ? -k[i] : k[i]));
            d[2 + i] = lag[2 + i] * w->stride[i] + k[i] * w->dilation[i];
        }
        sum += weight * inn_field_r(f, d, 2 + w->rank);
        all += weight;
        for (i = w->rank - 1; i >= 0; i--) {
            if (++k[i] < w->kernel[i])
                break;
            k[i] = 1 - w->kernel[i];
        }
        if (i < 0)
            return sum / all;
    }
}

double inn_pool_mean_r(const struct inn_field *f, const struct inn_tensor *t)
{
    int64_t lag[INN_MAX_RANK] = {0};
    struct inn_window w;

    if (t->rank < 3 || t->rank > 2 + INN_MAX_SPATIAL)
        return 1;
    inn_window_global(&w, t->rank - 2, t->dims + 2);
    return window_r(f, &w, lag);
}

/* Pools of one channel each, their windows inside the map. */
static bool can_carry(const struct inn_carry *c)
{
    return c->from[0].law != NULL && inn_field_axis(&c->from[0]) == 1 &&
           c->from[0].repeat == 1 && c->in[0]->rank >= 3 &&
           c->in[0]->rank <= 2 + INN_MAX_SPATIAL &&
           inn_tensor_count(c->in[0]) > 0;
}

static void window_table(struct inn_law *law, const struct inn_field *x,
                         const struct inn_window *w, double all)
{
    int64_t lag[INN_MAX_RANK] = {0};
    int a, b, sign;

    for (a = 0; a <= INN_REACH; a++) {
        for (b = 0; b <= INN_REACH; b++) {
            law->r[a][b] = 0;
            for (sign = -1; sign < 2; sign += 2) {
                if (x->space[0] >= 0)
                    lag[x->space[0]] = a;
                if (x->space[1] >= 0)
                    lag[x->space[1]] = sign * b;
                law->r[a][b] += 0.5 * window_r(x, w, lag);
            }
            law->r[a][b] = all > 0 ? law->r[a][b] / all : a + b == 0;
        }
    }
}

/* One position is left: alike wherever it is looked at. */
static void table_of_one(struct inn_law *law)
{
    int a, b;

    for (a = 0; a <= INN_REACH; a++) {
        for (b = 0; b <= INN_REACH; b++)
            law->r[a][b] = 1;
    }
}

static enum inn_status carry_average(struct inn_carry *c,
                                     const struct inn_window *w, bool global)
{
    const struct inn_field *x = &c->from[0];
    int64_t still[INN_MAX_RANK] = {0};
    size_t n = (size_t)x->law->n, i;
    double all = window_r(x, w, still);
    struct inn_law *law;

    law = inn_law_new(x->law->n, c->heap, c->err);
    if (law == NULL)
        return inn_refused(c->err);
    memcpy(law->mean, x->law->mean, n * sizeof(*law->mean));
    for (i = 0; i < n * n; i++)
        law->cov[i] = all * x->law->cov[i];
    if (global)
        table_of_one(law);
    else
        window_table(law, x, w, all);
    inn_carry_put(c, 0, law, x);
    return INN_OK;
}

/* Mean and variance of the largest of m unit normals. */
static void largest_of(double m, double *mean, double *variance)
{
    double x, p, before = 0, sum = 0, squares = 0, step = 1.0 / 512;

    for (x = -10; x < 10; x += step) {
        p = pow(0.5 * erfc(-(x + step) * 0.70710678118654752440), m);
        sum += (p - before) * (x + 0.5 * step);
        squares += (p - before) * (x + 0.5 * step) * (x + 0.5 * step);
        before = p;
    }
    *mean = sum;
    *variance = squares - sum * sum;
}

/* A function known at points, at any place: straight between them. */
static double between(const float *points, const double *x, size_t n,
                      double at)
{
    int k = 0;
    double share;

    while (k < INN_POINTS - 2 && x[k + 1] < at)
        k++;
    share = (at - x[k]) / (x[k + 1] - x[k]);
    return (1 - share) * (double)points[(size_t)k * n] +
           share * (double)points[(size_t)(k + 1) * n];
}

/* What a function of the maximum's law is at the points of that law. */
static float *points_of_largest(struct inn_carry *c, const struct inn_law *x,
                                double mean, double deviation)
{
    double at[INN_POINTS], weight[INN_POINTS];
    size_t n = (size_t)x->n, i, k;
    float *points = inn_alloc_raw(c->heap, INN_POINTS, n * sizeof(float),
                                  c->err);

    if (points == NULL)
        return NULL;
    inn_hermite_points(at, weight);
    for (k = 0; k < INN_POINTS; k++) {
        for (i = 0; i < n; i++)
            points[k * n + i] = (float)between(x->points + i, at, n,
                                               mean + deviation * at[k]);
    }
    return points;
}

/*
 * Covariance of maxima: of a channel's own variance 1/m is what is linear in
 * the m values, which goes with ρ; of the rest ρ² is the first term.
 */
static void cov_of_largest(struct inn_law *law, const struct inn_law *from,
                           double q, double m, double variance)
{
    double line = q + (1 - q) / m, rest = variance - line, by, rho;
    size_t n = (size_t)law->n, i, j;

    rest = rest > 0 ? rest : 0;
    for (i = 0; i < n; i++) {
        for (j = 0; j <= i; j++) {
            by = sqrt(fmax(from->cov[i * n + i], 1e-20) *
                      fmax(from->cov[j * n + j], 1e-20));
            rho = from->cov[i * n + j] / by;
            law->cov[i * n + j] = by * rho * (line + rest * rho);
        }
    }
    inn_law_mirror(law);
}

/*
 * The largest of m equally correlated values is √q z + √(1 − q) max u. A
 * function of a normal channel, rising as activations do, is the function
 * of the largest.
 */
static enum inn_status carry_max(struct inn_carry *c,
                                 const struct inn_window *w, bool global)
{
    const struct inn_field *x = &c->from[0];
    struct inn_law *root = x->law->root != NULL ? x->law->root : x->law;
    struct inn_law *law;
    struct inn_field f = *x;
    int64_t still[INN_MAX_RANK] = {0};
    double m = 1, q, largest, variance;
    size_t n = (size_t)root->n, i;
    float *points;

    f.law = root;
    for (i = 0; i < (size_t)w->rank; i++)
        m *= (double)w->kernel[i];
    q = m > 1 ? (window_r(&f, w, still) * m - 1) / (m - 1) : 1;
    q = q > 1 ? 1 : q < 0 ? 0 : q;
    largest_of(m, &largest, &variance);
    largest *= sqrt(1 - q);
    variance = q + (1 - q) * variance;
    law = inn_law_new(root->n, c->heap, c->err);
    if (law == NULL)
        return inn_refused(c->err);
    for (i = 0; i < n; i++)
        law->mean[i] = root->mean[i] +
                       largest * sqrt(fmax(root->cov[i * n + i], 0));
    cov_of_largest(law, root, q, m, variance);
    if (global)
        table_of_one(law);
    else
        window_table(law, &f, w, window_r(&f, w, still));
    if (x->law->root != NULL) {
        struct inn_law *to = NULL;

        points = points_of_largest(c, x->law, largest, sqrt(variance));
        if (points != NULL)
            to = inn_hermite_law(law, points, c->threads, c->heap, c->err);
        inn_law_drop(law, c->heap);
        if (to == NULL)
            return inn_refused(c->err);
        law = to;
    }
    inn_carry_put(c, 0, law, x);
    return INN_OK;
}

static enum inn_status carry_pool(struct inn_carry *c, bool max)
{
    struct inn_window w;
    enum inn_status st;

    if (!can_carry(c))
        return INN_OK;
    st = inn_window_resolve(&w, c->node, c->in[0]->rank - 2,
                            c->in[0]->dims + 2, NULL, c->err);
    if (st != INN_OK)
        return st;
    return max ? carry_max(c, &w, false) : carry_average(c, &w, false);
}

enum inn_status inn_moments_average_pool(struct inn_carry *c)
{
    return carry_pool(c, false);
}

enum inn_status inn_moments_max_pool(struct inn_carry *c)
{
    return carry_pool(c, true);
}

enum inn_status inn_moments_global_pool(struct inn_carry *c)
{
    bool max = strcmp(c->node->op_type, "GlobalMaxPool") == 0;
    struct inn_window w;

    if (!can_carry(c))
        return INN_OK;
    inn_window_global(&w, c->in[0]->rank - 2, c->in[0]->dims + 2);
    return max ? carry_max(c, &w, true) : carry_average(c, &w, true);
}
