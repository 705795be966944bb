/*
 * Functions of one channel at a time: with c_n the coefficients of
 * f(μ + s u), u normal, in normalised Hermite polynomials h_n = He_n/√n!,
 *
 *   Cov(f(x), g(y)) = Σ_{n>=1} c_n(f) c_n(g) ρⁿ            (fidelity 2)
 *
 * cut after ORDER terms, with the diagonal exact. A sum of Schur products of
 * semidefinite matrices, whose diagonal the exact one exceeds: it stays
 * semidefinite. Any function is taken at 63 points through the row's run.
 */
#include <math.h>
#include <string.h>

#include "runtime/base/threads.h"
#include "runtime/ops/common.h"
#include "runtime/ops/moments.h"

#define ORDER 8
/* What dead channels have for a variance, so that ρ is finite. */
#define VARIANCE_FLOOR 1e-20
/* Points beyond so many deviations may have no value. */
#define FAR_OUT 1.0
/* Beyond so many deviations from its bend Relu is straight. */
#define MOST_OFFSET 8.0

/* Roots of He_63 below x, by Sturm's count of the recurrence's signs. */
static int roots_below(double x)
{
    double q = x != 0 ? x : 1e-300;
    int n, count = q > 0;

    for (n = 1; n < INN_POINTS; n++) {
        q = x - n / q;
        if (q == 0) /* x is a root of one before: either side will do */
            q = 1e-300;
        count += q > 0;
    }
    return count;
}

static double point(int k)
{
    double low = 0, high = 16;
    int i, want = INN_POINTS / 2 + k;

    for (i = 0; i < 80; i++) {
        double middle = 0.5 * (low + high);

        if (roots_below(middle) > want)
            high = middle;
        else
            low = middle;
    }
    return 0.5 * (low + high);
}

/* h_0 … h_{count−1} at x. */
static void polynomials(double *h, int count, double x)
{
    int n;

    h[0] = 1;
    if (count > 1)
        h[1] = x;
    for (n = 1; n + 1 < count; n++)
        h[n + 1] = (x * h[n] - sqrt(n) * h[n - 1]) / sqrt(n + 1.0);
}

void inn_hermite_points(double x[INN_POINTS], double weight[INN_POINTS])
{
    int middle = INN_POINTS / 2, k, n;
    double h[INN_POINTS], sum;

    for (k = 0; k <= middle; k++) {
        x[middle + k] = k == 0 ? 0 : point(k);
        x[middle - k] = -x[middle + k];
        polynomials(h, INN_POINTS, x[middle + k]);
        for (sum = 0, n = 0; n < INN_POINTS; n++)
            sum += h[n] * h[n];
        weight[middle + k] = weight[middle - k] = 1 / sum;
    }
}

/* c_0 … c_ORDER by channel, and the exact variances. */
struct series {
    double *c;   /* [(ORDER + 1) × n] */
    double *var; /* [n] */
    const struct inn_law *root;
    double *inverse; /* [n] 1/s of root */
    double *cov;
};

static double deviation(const struct inn_law *law, size_t i)
{
    double var = law->cov[i * (size_t)law->n + i];

    return sqrt(var > VARIANCE_FLOOR ? var : VARIANCE_FLOOR);
}

/* A row of the lower triangle. */
static void series_row(void *context, size_t i)
{
    const struct series *s = context;
    size_t n = (size_t)s->root->n, j;
    const double *from = s->root->cov + i * n;
    double *to = s->cov + i * n, sum, rho;
    int k;

    for (j = 0; j < i; j++) {
        rho = from[j] * s->inverse[i] * s->inverse[j];
        rho = rho > 1 ? 1 : rho < -1 ? -1 : rho;
        for (sum = 0, k = ORDER; k > 0; k--)
            sum = (sum + s->c[(size_t)k * n + i] * s->c[(size_t)k * n + j]) *
                  rho;
        to[j] = sum;
    }
    to[i] = s->var[i];
}

/* r'(δ) = [Σ w_n rⁿ + (Σ var − Σ w_n) r^{ORDER+2}] / Σ var. */
static void series_table(struct inn_law *law, const struct series *s)
{
    double w[ORDER + 1] = {0}, all = 0, rest, r, sum;
    size_t n = (size_t)law->n, i;
    int k, y, x;

    for (i = 0; i < n; i++) {
        all += s->var[i];
        for (k = 1; k <= ORDER; k++)
            w[k] += s->c[(size_t)k * n + i] * s->c[(size_t)k * n + i];
    }
    for (rest = all, k = 1; k <= ORDER; k++)
        rest -= w[k];
    rest = rest > 0 ? rest : 0;
    for (y = 0; y <= INN_REACH; y++) {
        for (x = 0; x <= INN_REACH; x++) {
            r = s->root->r[y][x];
            for (sum = 0, k = ORDER; k > 0; k--)
                sum = (sum + w[k]) * r;
            law->r[y][x] = all > 0 ? (sum + rest * pow(r, ORDER + 2)) / all
                                   : r;
        }
    }
    law->r[0][0] = 1;
}

static enum inn_status series_start(struct series *s,
                                    const struct inn_law *root,
                                    struct inn_heap *heap,
                                    struct inn_error *err)
{
    size_t n = (size_t)root->n, i;

    s->root = root;
    s->c = inn_alloc(heap, n, (ORDER + 1) * sizeof(*s->c), err);
    s->var = inn_alloc(heap, n, sizeof(*s->var), err);
    s->inverse = inn_alloc(heap, n, sizeof(*s->inverse), err);
    if (s->c == NULL || s->var == NULL || s->inverse == NULL)
        return inn_refused(err);
    for (i = 0; i < n; i++)
        s->inverse[i] = 1 / deviation(root, i);
    return INN_OK;
}

/* The law of the series; frees it. */
static struct inn_law *series_law(struct series *s, enum inn_status st,
                                  int threads, struct inn_heap *heap,
                                  struct inn_error *err)
{
    struct inn_law *law = NULL;

    if (st == INN_OK)
        law = inn_law_new(s->root->n, heap, err);
    if (law != NULL) {
        memcpy(law->mean, s->c, (size_t)law->n * sizeof(*s->c));
        s->cov = law->cov;
        inn_parallel(threads, (size_t)law->n, series_row, s);
        inn_law_mirror(law);
        series_table(law, s);
    }
    inn_free(heap, s->c);
    inn_free(heap, s->var);
    inn_free(heap, s->inverse);
    return law;
}

/*
 * Points that a normal variable has and the network's never has, below 0 for
 * a root or a logarithm: what lies next to them is taken.
 */
static void mend_points(float *points, size_t n, const double *x)
{
    int middle = INN_POINTS / 2, k, side;
    size_t i;

    for (i = 0; i < n; i++) {
        for (side = -1; side < 2; side += 2) {
            for (k = 1; k <= middle; k++) {
                float *at = points + (size_t)(middle + side * k) * n + i;
                const float *near = points +
                                    (size_t)(middle + side * (k - 1)) * n +
                                    i;

                if (!isfinite(*at) && fabs(x[middle + k]) > FAR_OUT)
                    *at = *near;
            }
        }
    }
}

struct inn_law *inn_hermite_law(struct inn_law *root, float *points,
                                int threads, struct inn_heap *heap,
                                struct inn_error *err)
{
    double x[INN_POINTS], weight[INN_POINTS], h[ORDER + 1], v;
    struct series s = {.c = NULL};
    enum inn_status st = series_start(&s, root, heap, err);
    size_t n = (size_t)root->n, i, k;
    struct inn_law *law;
    int j;

    inn_hermite_points(x, weight);
    mend_points(points, n, x);
    for (k = 0; k < INN_POINTS && st == INN_OK; k++) {
        polynomials(h, ORDER + 1, x[k]);
        for (i = 0; i < n; i++) {
            v = (double)points[k * n + i];
            for (j = 0; j <= ORDER; j++)
                s.c[(size_t)j * n + i] += weight[k] * h[j] * v;
        }
    }
    /* About the mean: large means leave no digits to small variances. */
    for (k = 0; k < INN_POINTS && st == INN_OK; k++) {
        for (i = 0; i < n; i++) {
            v = (double)points[k * n + i] - s.c[i];
            s.var[i] += weight[k] * v * v;
        }
    }
    for (i = 0; i < n && st == INN_OK; i++)
        s.var[i] = fmax(s.var[i], 1e-12 / (s.inverse[i] * s.inverse[i]));
    law = series_law(&s, st, threads, heap, err);
    if (law == NULL) {
        inn_free(heap, points);
        return NULL;
    }
    law->root = inn_law_hold(root);
    law->points = points;
    return law;
}

static void relu_channel(double *c, double *var, size_t n, double mean,
                         double s)
{
    double a = mean / s, phi, share, h0 = 1, h1, next;
    int k;

    a = a > MOST_OFFSET ? MOST_OFFSET : a < -MOST_OFFSET ? -MOST_OFFSET : a;
    phi = exp(-0.5 * a * a) * 0.39894228040143267794; /* 1/√(2π) */
    share = 0.5 * erfc(-a * 0.70710678118654752440);  /* 1/√2 */
    c[0] = s * (a * share + phi);
    c[n] = s * share;
    h1 = -a;
    for (k = 2; k <= ORDER; k++) {
        c[(size_t)k * n] = s * phi * h0 / sqrt(k * (k - 1.0));
        next = (-a * h1 - sqrt(k - 1.0) * h0) / sqrt(k);
        h0 = h1;
        h1 = next;
    }
    *var = fmax(s * s * ((1 + a * a) * share + a * phi) - c[0] * c[0],
                1e-12 * s * s);
}

/* Values of law at the points of its root. */
static float *all_points(const struct inn_law *law, struct inn_heap *heap,
                         struct inn_error *err)
{
    size_t n = (size_t)law->n, i, k;
    double x[INN_POINTS], weight[INN_POINTS];
    float *points = inn_alloc_raw(heap, INN_POINTS, n * sizeof(float), err);

    if (points == NULL)
        return NULL;
    if (law->root != NULL) {
        memcpy(points, law->points, INN_POINTS * n * sizeof(float));
        return points;
    }
    inn_hermite_points(x, weight);
    for (k = 0; k < INN_POINTS; k++) {
        for (i = 0; i < n; i++)
            points[k * n + i] = (float)(law->mean[i] +
                                        x[k] * deviation(law, i));
    }
    return points;
}

struct inn_law *inn_hermite_relu(struct inn_law *law, int threads,
                                 struct inn_heap *heap,
                                 struct inn_error *err)
{
    struct series s = {.c = NULL};
    enum inn_status st = series_start(&s, law, heap, err);
    size_t n = (size_t)law->n, i;
    struct inn_law *to;

    for (i = 0; i < n && st == INN_OK; i++)
        relu_channel(s.c + i, s.var + i, n, law->mean[i], deviation(law, i));
    to = series_law(&s, st, threads, heap, err);
    if (to == NULL)
        return NULL;
    to->points = all_points(law, heap, err);
    if (to->points == NULL) {
        inn_law_drop(to, heap);
        return NULL;
    }
    for (i = 0; i < INN_POINTS * n; i++)
        to->points[i] = to->points[i] > 0 ? to->points[i] : 0;
    to->root = inn_law_hold(law->root != NULL ? law->root : law);
    return to;
}

/* ---------------------------------------------------- through a row's run */

/* A field at one point, or a constant, as run takes it. */
static void channel_shape(struct inn_tensor *t, const struct inn_tensor *full,
                          const struct inn_field *f)
{
    int i;

    memset(t, 0, sizeof(*t));
    t->type = INN_F32;
    t->rank = full->rank;
    for (i = 0; i < full->rank; i++)
        t->dims[i] = f->channels & 1u << i ? full->dims[i] / f->repeat : 1;
    t->bytes = (size_t)f->law->n * sizeof(float);
}

/*
 * A constant in f32: as it is where it is a number or an operator of old
 * opsets places it itself; else what it is to each channel.
 */
static enum inn_status fit_constant(struct inn_carry *c,
                                    struct inn_tensor *to, int i,
                                    const struct inn_field *like, bool *fits)
{
    const struct inn_tensor *t = c->in[i];
    size_t count = inn_tensor_count(t), k;
    enum inn_status st;
    double *values;
    float *data;

    *fits = true;
    if (count == 1 || (c->node->version < 7 && t->rank == 1 &&
                       (int64_t)count == like->law->n)) {
        st = inn_tensor_new(to, c->scratch, INN_F32, t->rank, t->dims,
                            c->err);
        if (st == INN_OK)
            inn_convert_elements(to->data, INN_F32, t->data, t->type, count);
        return st;
    }
    st = inn_carry_constant(c, &values, t, like, c->out[0]->rank);
    *fits = st == INN_OK && values != NULL && c->node->version >= 7;
    if (!*fits)
        return st;
    data = inn_arena_alloc(c->scratch, (size_t)like->law->n, sizeof(float),
                           c->err);
    if (data == NULL)
        return inn_refused(c->err);
    channel_shape(to, c->out[0], like);
    for (k = 0; k < (size_t)like->law->n; k++)
        data[k] = (float)values[k];
    to->data = data;
    return INN_OK;
}

/* The root that all fields among the inputs share; false: none. */
static bool common_root(const struct inn_carry *c, struct inn_field *like)
{
    const struct inn_tensor *out = c->n_out > 0 ? c->out[0] : NULL;
    struct inn_field f;
    int i;

    memset(like, 0, sizeof(*like));
    if (out == NULL || !inn_type_is_float(out->type) || c->op->run == NULL)
        return false;
    for (i = 0; i < c->n_in; i++) {
        if (c->in[i] == NULL || inn_carry_is_const(c, i))
            continue;
        if (c->from[i].law == NULL || out->rank < c->in[i]->rank)
            return false;
        f = inn_field_shift(&c->from[i], out->rank - c->in[i]->rank);
        f.law = f.law->root != NULL ? f.law->root : f.law;
        if (like->law != NULL && (f.law != like->law ||
                                  !inn_field_alike(&f, like)))
            return false;
        *like = f;
    }
    return like->law != NULL;
}

/* Runs the graph node at all points: inputs' data moves on by step[i]. */
static enum inn_status run_points(struct inn_carry *c, float *to,
                                  struct inn_tensor *in, const size_t *step,
                                  const struct inn_tensor *shape)
{
    const struct inn_tensor **list;
    struct inn_tensor out = *shape;
    struct inn_run run = {.node = c->node, .out = &out, .n_in = c->n_in,
                          .n_out = 1, .threads = 1, .err = c->err};
    enum inn_status st = INN_OK;
    int i, k;

    list = inn_arena_alloc(c->scratch, (size_t)c->n_in, sizeof(*list),
                           c->err);
    if (list == NULL)
        return inn_refused(c->err);
    for (i = 0; i < c->n_in; i++)
        list[i] = c->in[i] != NULL ? &in[i] : NULL;
    run.in = list;
    out.data = to;
    for (k = 0; k < INN_POINTS && st == INN_OK; k++) {
        st = c->op->run(&run);
        out.data = (float *)out.data + inn_tensor_count(shape);
        for (i = 0; i < c->n_in; i++) {
            if (step[i] > 0)
                in[i].data = (float *)in[i].data + step[i];
        }
    }
    return st;
}

enum inn_status inn_moments_elementwise(struct inn_carry *c)
{
    struct inn_field like;
    struct inn_tensor *in, shape;
    enum inn_status st = INN_OK;
    struct inn_law *law;
    float *points = NULL, **held;
    bool fits = true;
    size_t *step, n;
    int i;

    if (!common_root(c, &like))
        return INN_OK;
    n = (size_t)like.law->n;
    in = inn_arena_alloc(c->scratch, (size_t)c->n_in, sizeof(*in), c->err);
    step = inn_arena_alloc(c->scratch, (size_t)c->n_in, sizeof(*step),
                           c->err);
    held = inn_arena_alloc(c->scratch, (size_t)c->n_in, sizeof(*held),
                           c->err);
    if (in == NULL || step == NULL || held == NULL)
        return inn_refused(c->err);
    for (i = 0; i < c->n_in && st == INN_OK && fits; i++) {
        if (c->in[i] == NULL)
            continue;
        if (c->from[i].law == NULL) {
            st = fit_constant(c, &in[i], i, &like, &fits);
            continue;
        }
        channel_shape(&in[i], c->in[i], &c->from[i]);
        step[i] = n;
        held[i] = all_points(c->from[i].law, c->heap, c->err);
        in[i].data = held[i];
        if (held[i] == NULL)
            st = inn_refused(c->err);
    }
    if (st == INN_OK && fits) {
        channel_shape(&shape, c->out[0], &like);
        points = inn_alloc(c->heap, INN_POINTS, n * sizeof(float), c->err);
        st = points == NULL ? inn_refused(c->err)
                            : run_points(c, points, in, step, &shape);
    }
    for (i = 0; i < c->n_in; i++)
        inn_free(c->heap, held[i]);
    if (st == INN_OK && fits) {
        law = inn_hermite_law(like.law, points, c->threads, c->heap, c->err);
        if (law == NULL)
            return inn_refused(c->err);
        inn_carry_put(c, 0, law, &like);
        return INN_OK;
    }
    inn_free(c->heap, points);
    return st == INN_ERR_UNSUPPORTED ? INN_OK : st;
}
