/*
 * Backward elimination (fidelity section 3). Per consumer there are P, the
 * inverse of what is left of C, and G = AᵀQA; removing channel k costs
 * G_kk/P_kk and changes both by matrices of rank one and two. Those changes
 * are held back: within a block of BLOCK removals only the diagonals and the
 * removed columns are brought up to date, then the block is applied at once
 * by matrix products on fixed tiles, and the removed channels are squeezed
 * out. All is done in units of deviations, so that R + ρI is what is
 * inverted, whatever the channels' scales.
 */
#include "converter/moments/moments.h"

#include <cblas.h>
#include <float.h>
#include <inttypes.h>
#include <lapacke.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "converter/moments/alone.h"
#include "converter/moments/scale.h"
#include "runtime/base/checked.h"
#include "runtime/base/error.h"
#include "runtime/base/threads.h"

/* Removals that are held back; rows and columns of a tile. */
#define BLOCK 64
#define TILE 256
/* Doublings of ρ before a matrix is given up: 1e-2 · 2^40 beats any noise. */
#define TRIES 40

/*
 * One consumer. Matrices: lower triangles by rows, n apart. Panels: a column
 * of n for each removal held back.
 */
struct consumer {
    const struct inn_eliminate *from;
    double *p, *g;
    double *u; /* P ← P − u uᵀ */
    double *w; /* G ← G − h wᵀ − w hᵀ */
    double *h;
    double *pd, *gd; /* diagonals, up to date */
    double *unit;    /* [n] deviations */
    bool bad;        /* no ρ makes it definite */
};

struct elimination {
    struct consumer *consumers;
    int count;
    size_t n;        /* channels in all: distance of rows */
    size_t m;        /* left when the block began */
    size_t held;     /* removals held back */
    int64_t *channel; /* [m] ascending */
    bool *gone;      /* [m] */
    size_t *stay;    /* [left] indices among m */
    size_t left;
    size_t tiles;
    double rho;
};

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* ------------------------------------------------------------ the start */

/* R + ρI, its inverse to p. False: not positive definite. */
static bool invert(struct consumer *c, size_t n, double rho)
{
    const double *cov = c->from->cov;
    size_t i, j;

    for (i = 0; i < n; i++) {
        for (j = 0; j <= i; j++)
            c->p[i * n + j] = cov[i * n + j] / (c->unit[i] * c->unit[j]);
        c->p[i * n + i] += rho;
    }
    /* Rows of a lower triangle are columns of an upper one. */
    return LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', (lapack_int)n, c->p,
                               (lapack_int)n) == 0 &&
           LAPACKE_dpotri_work(LAPACK_COL_MAJOR, 'U', (lapack_int)n, c->p,
                               (lapack_int)n) == 0;
}

static void start_consumer(void *context, size_t part)
{
    const struct elimination *e = context;
    struct consumer *c = &e->consumers[part];
    size_t n = e->n, i, j;
    double rho = e->rho;
    int tries, threads = inn_blas_alone();

    inn_moment_units(c->unit, c->from->cov, n);
    c->bad = true;
    for (tries = 0; c->bad && tries < TRIES; tries++) {
        c->bad = !invert(c, n, rho);
        rho = rho > 0.0 ? 2.0 * rho : 1e-6;
    }
    for (i = 0; i < n; i++) {
        for (j = 0; j <= i; j++)
            c->g[i * n + j] = 0.5 * (c->from->metric[i * n + j] +
                                     c->from->metric[j * n + i]) *
                              c->unit[i] * c->unit[j];
        c->pd[i] = c->p[i * n + i];
        c->gd[i] = c->g[i * n + i];
    }
    inn_blas_restore(threads);
}

/* ------------------------------------------------- removals held back */

/* Column k as it is now: the block's beginning less the panels' share. */
static void column(double *out, const double *lower, size_t k, size_t n,
                   size_t m)
{
    size_t i;

    for (i = 0; i < k; i++)
        out[i] = lower[k * n + i];
    for (; i < m; i++)
        out[i] = lower[i * n + k];
}

static void less(double *out, const double *panel, const double *row,
                 const struct elimination *e)
{
    if (e->held > 0)
        cblas_dgemv(CblasColMajor, CblasNoTrans, (blasint)e->m,
                    (blasint)e->held, -1.0, panel, (blasint)e->n, row,
                    (blasint)e->n, 1.0, out, 1);
}

static void hold_back(struct consumer *c, size_t k,
                      const struct elimination *e)
{
    double *u = c->u + e->held * e->n, *w = c->w + e->held * e->n;
    double *h = c->h + e->held * e->n, root, half;
    size_t i;

    column(u, c->p, k, e->n, e->m);
    less(u, c->u, c->u + k, e);
    column(h, c->g, k, e->n, e->m);
    less(h, c->h, c->w + k, e);
    less(h, c->w, c->h + k, e);
    root = sqrt(u[k]);
    half = 0.5 * h[k];
    for (i = 0; i < e->m; i++) {
        w[i] = u[i] / u[k];
        h[i] -= half * w[i];
    }
    for (i = 0; i < e->m; i++) {
        u[i] = w[i] * root;
        c->pd[i] -= u[i] * u[i];
        c->gd[i] -= 2.0 * (h[i] * w[i]);
    }
}

/* The channel that is missed least, and what it costs. */
static size_t cheapest(double *cost, const struct elimination *e)
{
    size_t i, best = SIZE_MAX;
    double sum, part;
    int c;

    *cost = 0.0;
    for (i = 0; i < e->m; i++) {
        if (e->gone[i])
            continue;
        sum = 0.0;
        for (c = 0; c < e->count; c++) {
            part = e->consumers[c].gd[i] / e->consumers[c].pd[i];
            sum += part > 0.0 ? part : 0.0;
        }
        if (best == SIZE_MAX || sum < *cost) {
            best = i;
            *cost = sum;
        }
    }
    return best;
}

/* ------------------------------------------------------ applying a block */

static void squeeze_rows(double *x, size_t columns,
                         const struct elimination *e)
{
    size_t i, j;

    for (j = 0; j < columns; j++) {
        for (i = 0; i < e->left; i++)
            x[j * e->n + i] = x[j * e->n + e->stay[i]];
    }
}

/* In place: what stays never moves to a higher place than it had. */
static void squeeze(void *context, size_t part)
{
    const struct elimination *e = context;
    struct consumer *c = &e->consumers[part / 2];
    double *x = part % 2 == 0 ? c->p : c->g, *to;
    const double *from;
    size_t i, j;

    for (i = 0; i < e->left; i++) {
        to = x + i * e->n;
        from = x + e->stay[i] * e->n;
        for (j = 0; j <= i; j++)
            to[j] = from[e->stay[j]];
    }
    if (part % 2 == 0) {
        squeeze_rows(c->u, e->held, e);
        squeeze_rows(c->pd, 1, e);
    } else {
        squeeze_rows(c->w, e->held, e);
        squeeze_rows(c->h, e->held, e);
        squeeze_rows(c->gd, 1, e);
    }
}

/* x −= a bᵀ on rows from i and columns from j. */
static void tile(double *x, const double *a, const double *b, size_t i,
                 size_t j, const struct elimination *e)
{
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans,
                (blasint)smaller(TILE, e->left - i),
                (blasint)smaller(TILE, e->left - j), (blasint)e->held, -1.0,
                a + i, (blasint)e->n, b + j, (blasint)e->n, 1.0,
                x + i * e->n + j, (blasint)e->n);
}

static void apply_tile(void *context, size_t part)
{
    const struct elimination *e = context;
    const struct consumer *c;
    size_t i = 0, j, triangle = e->tiles * (e->tiles + 1) / 2;
    int threads = inn_blas_alone();

    c = &e->consumers[part / (2 * triangle)];
    part %= 2 * triangle;
    for (j = part % triangle; j > i; i++)
        j -= i + 1;
    i *= TILE;
    j *= TILE;
    if (part < triangle) {
        tile(c->p, c->u, c->u, i, j, e);
    } else {
        tile(c->g, c->h, c->w, i, j, e);
        tile(c->g, c->w, c->h, i, j, e);
    }
    inn_blas_restore(threads);
}

static void apply(struct elimination *e, int threads)
{
    size_t i, count = (size_t)e->count;

    e->left = 0;
    for (i = 0; i < e->m; i++) {
        if (!e->gone[i])
            e->stay[e->left++] = i;
        e->gone[i] = false;
    }
    for (i = 0; i < e->left; i++)
        e->channel[i] = e->channel[e->stay[i]];
    inn_parallel(threads, 2 * count, squeeze, e);
    e->tiles = (e->left + TILE - 1) / TILE;
    inn_parallel(threads, count * e->tiles * (e->tiles + 1), apply_tile, e);
    e->m = e->left;
    e->held = 0;
}

/* ------------------------------------------------------------- the whole */

static void eliminate(int64_t *nested, float *error, struct elimination *e,
                      int threads)
{
    size_t k, left = e->n;
    double cost, sum = 0.0;
    int c, before;

    error[left - 1] = 0.0f;
    while (left > 1) {
        before = inn_blas_alone();
        while (e->held < BLOCK && left > 1) {
            k = cheapest(&cost, e);
            for (c = 0; c < e->count; c++)
                hold_back(&e->consumers[c], k, e);
            e->held++;
            e->gone[k] = true;
            nested[--left] = e->channel[k];
            sum += cost;
            error[left - 1] = sum < FLT_MAX ? (float)sum : FLT_MAX;
        }
        inn_blas_restore(before);
        apply(e, threads);
    }
    nested[0] = e->channel[0];
}

static enum inn_status check(const struct inn_eliminate *consumers,
                             int n_consumers, int64_t n,
                             struct inn_error *err)
{
    size_t count, i;
    int c;

    if (n < 1 || n > INT_MAX / 4 || n_consumers < 1 ||
        !inn_mul_size(&count, (size_t)n, (size_t)n))
        return inn_fail(err, INN_ERR_ARGUMENT,
                        "%" PRId64 " channels with %d consumers have no "
                        "nested order", n, n_consumers);
    for (c = 0; c < n_consumers; c++) {
        for (i = 0; i < count; i++) {
            /* Squares and sums of n of these must not overflow. */
            if (!(fabs(consumers[c].cov[i]) < 1e100) ||
                !(fabs(consumers[c].metric[i]) < 1e100))
                return inn_fail(err, INN_ERR_FORMAT,
                                "consumer %d: covariance %g and metric %g of "
                                "channels %zu and %zu", c,
                                consumers[c].cov[i], consumers[c].metric[i],
                                i / (size_t)n, i % (size_t)n);
        }
    }
    return INN_OK;
}

static bool consumer_new(struct consumer *c, size_t n, struct inn_heap *heap,
                         struct inn_error *err)
{
    c->p = inn_alloc_raw(heap, n * n, sizeof(double), err);
    c->g = inn_alloc_raw(heap, n * n, sizeof(double), err);
    c->u = inn_alloc_raw(heap, n * BLOCK, sizeof(double), err);
    c->w = inn_alloc_raw(heap, n * BLOCK, sizeof(double), err);
    c->h = inn_alloc_raw(heap, n * BLOCK, sizeof(double), err);
    c->pd = inn_alloc_raw(heap, n, sizeof(double), err);
    c->gd = inn_alloc_raw(heap, n, sizeof(double), err);
    c->unit = inn_alloc_raw(heap, n, sizeof(double), err);
    return c->p != NULL && c->g != NULL && c->u != NULL && c->w != NULL &&
           c->h != NULL && c->pd != NULL && c->gd != NULL && c->unit != NULL;
}

static void consumer_free(struct consumer *c, struct inn_heap *heap)
{
    inn_free(heap, c->p);
    inn_free(heap, c->g);
    inn_free(heap, c->u);
    inn_free(heap, c->w);
    inn_free(heap, c->h);
    inn_free(heap, c->pd);
    inn_free(heap, c->gd);
    inn_free(heap, c->unit);
}

static enum inn_status elimination_new(struct elimination *e,
                                       const struct inn_eliminate *from,
                                       struct inn_heap *heap,
                                       struct inn_error *err)
{
    size_t i;
    int c;

    e->channel = inn_alloc(heap, e->n, sizeof(*e->channel), err);
    e->gone = inn_alloc(heap, e->n, sizeof(*e->gone), err);
    e->stay = inn_alloc(heap, e->n, sizeof(*e->stay), err);
    e->consumers = inn_alloc(heap, (size_t)e->count, sizeof(*e->consumers),
                             err);
    if (e->channel == NULL || e->gone == NULL || e->stay == NULL ||
        e->consumers == NULL)
        return inn_refused(err);
    for (i = 0; i < e->n; i++)
        e->channel[i] = (int64_t)i;
    for (c = 0; c < e->count; c++) {
        e->consumers[c].from = &from[c];
        if (!consumer_new(&e->consumers[c], e->n, heap, err))
            return inn_refused(err);
    }
    return INN_OK;
}

enum inn_status inn_eliminate_backward(int64_t *nested, float *error,
                                       const struct inn_eliminate *consumers,
                                       int n_consumers, int64_t n, double rho,
                                       int threads, struct inn_heap *heap,
                                       struct inn_error *err)
{
    struct elimination e = {.count = n_consumers, .rho = rho};
    enum inn_status st = check(consumers, n_consumers, n, err);
    int c;

    if (st != INN_OK)
        return st;
    e.n = e.m = (size_t)n;
    st = elimination_new(&e, consumers, heap, err);
    if (st != INN_OK)
        goto out;
    inn_parallel(threads, (size_t)n_consumers, start_consumer, &e);
    for (c = 0; c < n_consumers; c++) {
        if (e.consumers[c].bad) {
            st = inn_fail(err, INN_ERR_UNSUPPORTED,
                          "consumer %d: what should be a covariance of %"
                          PRId64 " channels is far from semidefinite", c, n);
            goto out;
        }
    }
    eliminate(nested, error, &e, threads);
out:
    for (c = 0; e.consumers != NULL && c < n_consumers; c++)
        consumer_free(&e.consumers[c], heap);
    inn_free(heap, e.consumers);
    inn_free(heap, e.channel);
    inn_free(heap, e.gone);
    inn_free(heap, e.stay);
    return st;
}
