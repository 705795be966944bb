/*
 * Rows are gathered slab by slab, multiplied in float and added up in double.
 * The Gram matrix is factored once; a round with other targets needs its
 * right-hand sides alone. Groups of a convolution are problems of their own,
 * each one thread's.
 */
#include "runtime/refit/fit.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "runtime/base/checked.h"
#include "runtime/base/error.h"
#include "runtime/base/random.h"
#include "runtime/base/threads.h"
#include "runtime/refit/cholesky.h"
#include "runtime/refit/product.h"

/* Rows of a slab, and of a block, which a cache holds until it is packed. */
#define SLAB ((size_t)2048)
#define BLOCK ((size_t)64)
/* Blocks that are gathered at once, at most. */
#define STRIPS ((size_t)16)
/* Bytes of packed rows, of all parts, that are kept for further rounds. */
#define KEPT_BYTES ((size_t)128 << 20)

const struct inn_refit_settings inn_refit_defaults = {
    .ridge = 0.02, .per_row = 3.0, .floor = 0.3, .rows = 60, .rounds = 1};

/* One part's equations. */
struct equations {
    double *start;  /* W0 [outputs × n] */
    double *now;    /* W */
    double *factor; /* G [n × n], then its Cholesky factor */
    double *pull;   /* W0 (Λ) [outputs × n]: what holds W at W0 */
    double *cross;  /* R [outputs × n] */
    float *rows;    /* x, packed slab by slab, for further rounds; or NULL */
    struct inn_cholesky cholesky;
    bool solved; /* there is a factor, */
    bool usable; /* and what came of it last are numbers */
};

struct inn_refit_fit {
    struct inn_heap *heap;
    struct inn_refit_settings settings;
    struct equations *parts;
    size_t n_parts, outputs, n; /* n: unknowns and the constant */
    size_t per_sample, rows;    /* of one sample, of all */
};

/* One pass over all rows of a part. */
struct pass {
    const struct inn_refit_fit *fit;
    const struct inn_refit_task *task;
    struct equations *e;
    size_t part;
    bool again;
    size_t first, rows; /* of the slab */
    size_t strips;
    float *x, *t;             /* [strips × BLOCK × n], [… × outputs] */
    float *packed_x, *packed_t; /* of the slab */
    bool has_x;               /* packed_x is there from the round before */
    struct inn_error *err;
    int threads;
};

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Row k of n that a sample gives: a place in an even stratum of positions. */
static size_t pick(size_t k, size_t n, size_t total, size_t sample)
{
    size_t from = k * (total / n) + k * (total % n) / n;
    size_t to = (k + 1) * (total / n) + (k + 1) * (total % n) / n;
    uint64_t state = sample * n + k;

    return to - from < 2 ? from
                         : from + (size_t)(inn_random_bits(&state) %
                                           (to - from));
}

static size_t where(const struct inn_linear_side *s, size_t position,
                    size_t channel)
{
    return (position / s->inner * s->channels + channel) * s->inner +
           position % s->inner;
}

/* A target in a flat part is met by whatever the layer has there. */
static double meet(const struct inn_refit_layer *layer, double want,
                   double have)
{
    double low = (double)layer->low, high = (double)layer->high;

    if (want < low)
        return have < low ? have : low;
    if (want > high)
        return have > high ? have : high;
    return want;
}

/* An output on its way to the aim: re-standardised, scaled and moved. */
struct way {
    double gain, offset, factor, summand, rest;
    size_t place;
};

static struct way way_of(const struct inn_refit_task *k, size_t c, size_t own,
                         size_t before)
{
    struct way w = {1.0, 0.0, 1.0, 0.0, 0.0, own};

    if (k->gain != NULL) {
        w.gain = k->gain[c];
        w.offset = k->offset[c];
    }
    if (k->way.gain != NULL) {
        w.factor = (double)k->way.gain[own];
        w.summand = (double)k->way.offset[own];
    }
    if (k->way.at != NULL)
        w.place = k->way.at[own];
    if (k->shortcut != NULL)
        w.rest = (double)k->shortcut[before + w.place];
    return w;
}

/* What the row's outputs are to be. */
static void target_row(const struct pass *p, float *t, size_t sample,
                       size_t position)
{
    const struct inn_refit_task *k = p->task;
    const struct inn_linear *l = &k->layer->linear;
    size_t before = sample * l->to.outer * l->to.channels * l->to.inner;
    const float *aim = k->aim + sample * k->full_elements;
    const double *w = p->again ? p->e->now : p->e->start;
    size_t o, c, own, at;

    for (o = 0; o < l->outputs; o++) {
        double want, have, bias;
        struct way way;

        c = p->part * l->outputs + o;
        own = where(&l->to, position, c);
        at = k->place != NULL
                 ? k->place[own]
                 : where(&k->full, position,
                         k->kept != NULL ? (size_t)k->kept[c] : c);
        at = k->full_way.at != NULL ? k->full_way.at[at] : at;
        way = way_of(k, c, own, before);
        /* Behind the operator, y is without it. */
        bias = l->apart >= 0 ? w[(o + 1) * p->fit->n - 1] : 0.0;
        want = (double)aim[at];
        have = k->y == NULL ? 0.0 : (double)k->y[before + own] + bias;
        if (!(fabs(way.factor) > (double)k->way.least)) {
            t[o] = (float)have;
            continue;
        }
        if (p->again)
            want = meet(k->layer, want,
                        (have * way.gain + way.offset) * way.factor +
                            way.summand + way.rest);
        t[o] = (float)(((want - way.rest - way.summand) / way.factor -
                        way.offset) / way.gain);
    }
}

/* Row i of the slab. */
static void gather_row(const struct pass *p, float *x, float *t, size_t i)
{
    const struct inn_linear *l = &p->task->layer->linear;
    size_t input = l->from.outer * l->from.channels * l->from.inner;
    size_t per_sample = p->fit->per_sample, n = p->fit->n;
    size_t sample = (p->first + i) / per_sample;
    size_t position = pick((p->first + i) % per_sample, per_sample,
                           l->positions, sample);

    target_row(p, t, sample, position);
    if (p->has_x)
        return;
    inn_linear_rows(l, x, n, p->task->x + sample * input, p->part, &position,
                    1);
    if (l->bias < 0)
        x[n - 1] = 0.0f;
}

/* Every strips-th block of the slab. */
static void gather_strip(void *context, size_t strip)
{
    const struct pass *p = context;
    size_t n = p->fit->n, m = p->fit->outputs, at, i;
    float *x = p->x + strip * BLOCK * n, *t = p->t + strip * BLOCK * m;

    for (at = strip * BLOCK; at < p->rows; at += p->strips * BLOCK) {
        size_t count = smaller(BLOCK, p->rows - at);

        for (i = 0; i < count; i++)
            gather_row(p, x + i * n, t + i * m, at + i);
        if (!p->has_x)
            inn_pack_floats(p->packed_x, p->rows, at, x, count, n);
        inn_pack_floats(p->packed_t, p->rows, at, t, count, m);
    }
}

static void sum_up_slab(struct pass *p)
{
    size_t n = p->fit->n, m = p->fit->outputs;

    inn_parallel(p->threads, p->strips, gather_strip, p);
    if (!p->again)
        inn_product_floats(p->e->factor, n, p->packed_x, n, p->packed_x, n,
                           p->rows, true, p->threads);
    inn_product_floats(p->e->cross, n, p->packed_t, m, p->packed_x, n,
                       p->rows, false, p->threads);
}

/* Room for all rows where they are kept, else for those of a slab. */
static enum inn_status make_slabs(struct pass *p, float **slab)
{
    struct inn_heap *heap = p->fit->heap;
    size_t wide = inn_panels(p->fit->n) * INN_PANEL * sizeof(float);
    size_t m = p->fit->outputs;
    size_t most = KEPT_BYTES / p->fit->n_parts / wide;
    bool keep = p->fit->settings.rounds > 0 && p->fit->rows <= most;

    *slab = NULL;
    p->strips = smaller(STRIPS, (p->fit->rows + BLOCK - 1) / BLOCK);
    if (keep && p->e->rows == NULL)
        p->e->rows = inn_alloc_raw(heap, p->fit->rows, wide, p->err);
    if (!keep)
        *slab = inn_alloc_raw(heap, SLAB, wide, p->err);
    p->has_x = keep && p->again;
    p->x = inn_alloc_raw(heap, p->strips * BLOCK, p->fit->n * sizeof(float),
                         p->err);
    p->t = inn_alloc_raw(heap, p->strips * BLOCK, m * sizeof(float), p->err);
    p->packed_t = inn_alloc_raw(heap, SLAB, inn_panels(m) * INN_PANEL *
                                sizeof(float), p->err);
    return (keep ? p->e->rows : *slab) != NULL && p->x != NULL &&
                   p->t != NULL && p->packed_t != NULL
               ? INN_OK : inn_refused(p->err);
}

static enum inn_status sum_up(struct pass *p)
{
    size_t wide = inn_panels(p->fit->n) * INN_PANEL, all = p->fit->rows;
    struct inn_heap *heap = p->fit->heap;
    float *slab;
    enum inn_status st = make_slabs(p, &slab);

    for (p->first = 0; p->first < all && st == INN_OK; p->first += p->rows) {
        p->rows = smaller(SLAB, all - p->first);
        p->packed_x = slab != NULL ? slab : p->e->rows + p->first * wide;
        sum_up_slab(p);
    }
    inn_free(heap, slab);
    inn_free(heap, p->x);
    inn_free(heap, p->t);
    inn_free(heap, p->packed_t);
    return st;
}

/* G / rows + Λ in place of G, and W0 Λ. */
static void add_ridge(const struct pass *p)
{
    const struct inn_refit_settings *s = &p->fit->settings;
    const struct inn_linear *l = &p->task->layer->linear;
    size_t n = p->fit->n, i, j, o;
    double rows = (double)p->fit->rows;
    double independent = (double)(l->positions * p->task->samples);
    double strength = s->per_row * (double)(n - 1) / independent;
    double *g = p->e->factor, mean = 0.0, lambda;

    strength = strength > s->ridge ? strength : s->ridge;
    for (i = 0; i < n; i++) {
        for (j = 0; j <= i; j++)
            g[i * n + j] /= rows;
    }
    for (i = 0; i + 1 < n; i++)
        mean += (g[i * n + i] - g[(n - 1) * n + i] * g[(n - 1) * n + i]) /
                (double)(n - 1);
    for (i = 0; i < n; i++) {
        double own = g[i * n + i] - g[(n - 1) * n + i] * g[(n - 1) * n + i];

        own += s->floor * mean;
        own = own > 1e-6 * mean ? own : 1e-6 * mean;
        lambda = i + 1 < n ? strength * own : 1e-8;
        lambda = lambda > 1e-30 ? lambda : 1e-30;
        for (o = 0; o < p->fit->outputs; o++)
            p->e->pull[o * n + i] = p->e->start[o * n + i] * lambda;
        g[i * n + i] += lambda;
    }
}

/* W = (R / rows + W0 Λ)(G / rows + Λ)^-1. */
static enum inn_status solve(const struct pass *p)
{
    size_t n = p->fit->n, count = p->fit->outputs * n, i;
    double rows = (double)p->fit->rows;
    enum inn_status st;

    for (i = 0; i < count; i++)
        p->e->now[i] = p->e->cross[i] / rows + p->e->pull[i];
    st = inn_cholesky_solve(&p->e->cholesky, p->e->now, p->fit->outputs,
                            p->threads, p->err);
    p->e->usable = st == INN_OK;
    for (i = 0; i < count; i++)
        p->e->usable = p->e->usable && fabs(p->e->now[i]) <= (double)FLT_MAX;
    return st;
}

/* All parts, each with its own verdict. */
struct job {
    struct inn_refit_fit *fit;
    const struct inn_refit_task *task;
    struct inn_tensor *weight, *bias;
    struct inn_error *errors; /* [n_parts] */
    bool again;
    int threads;
};

static enum inn_status make_equations(struct equations *e, size_t outputs,
                                      size_t n, struct inn_heap *heap,
                                      struct inn_error *err)
{
    e->start = inn_alloc(heap, outputs, n * sizeof(double), err);
    e->now = inn_alloc(heap, outputs, n * sizeof(double), err);
    e->pull = inn_alloc(heap, outputs, n * sizeof(double), err);
    e->cross = inn_alloc(heap, outputs, n * sizeof(double), err);
    e->factor = inn_alloc(heap, n, n * sizeof(double), err);
    return e->start != NULL && e->now != NULL && e->pull != NULL &&
                   e->cross != NULL && e->factor != NULL
               ? INN_OK : inn_refused(err);
}

static void run_part(void *context, size_t part)
{
    const struct job *j = context;
    struct inn_refit_fit *fit = j->fit;
    struct equations *e = &fit->parts[part];
    struct inn_error *err = &j->errors[part];
    struct pass p = {.fit = fit, .task = j->task, .e = e, .part = part,
                     .again = j->again, .err = err, .threads = j->threads};
    enum inn_status st = INN_OK;

    if (!j->again) {
        st = make_equations(e, fit->outputs, fit->n, fit->heap, err);
        if (st == INN_OK)
            inn_linear_get(&j->task->layer->linear, e->start, j->weight,
                           j->bias, part);
    } else if (e->usable) {
        memset(e->cross, 0, fit->outputs * fit->n * sizeof(double));
    } else {
        return;
    }
    if (st == INN_OK)
        st = sum_up(&p);
    if (st == INN_OK && !j->again) {
        add_ridge(&p);
        st = inn_cholesky_new(&e->cholesky, &e->solved, e->factor, fit->n,
                              j->threads, fit->heap, err);
    }
    if (st == INN_OK && e->solved)
        st = solve(&p);
    err->status = st;
}

static enum inn_status run(struct inn_refit_fit *fit,
                           const struct inn_refit_task *task, bool again,
                           struct inn_tensor *weight, struct inn_tensor *bias,
                           int threads, struct inn_error *err)
{
    struct job j = {fit, task, weight, bias, NULL, again, threads};
    enum inn_status st = INN_OK;
    size_t i;

    j.errors = inn_alloc(fit->heap, fit->n_parts, sizeof(*j.errors), err);
    if (j.errors == NULL)
        return inn_refused(err);
    if (fit->n_parts > 1) {
        j.threads = 1;
        inn_parallel(threads, fit->n_parts, run_part, &j);
    } else {
        run_part(&j, 0);
    }
    for (i = 0; i < fit->n_parts && st == INN_OK; i++) {
        st = j.errors[i].status;
        if (st != INN_OK && err != NULL)
            *err = j.errors[i];
        if (st == INN_OK && fit->parts[i].usable)
            inn_linear_put(&task->layer->linear, fit->parts[i].now, weight,
                           bias, i);
    }
    inn_free(fit->heap, j.errors);
    return st;
}

enum inn_status inn_refit_solve(struct inn_refit_fit **fit,
                                const struct inn_refit_task *task,
                                const struct inn_refit_settings *settings,
                                struct inn_tensor *weight,
                                struct inn_tensor *bias, int threads,
                                struct inn_heap *heap, struct inn_error *err)
{
    const struct inn_linear *l = &task->layer->linear;
    struct inn_refit_fit *f = inn_alloc(heap, 1, sizeof(*f), err);
    size_t wanted;

    *fit = f;
    if (f == NULL)
        return inn_refused(err);
    f->heap = heap;
    f->settings = *settings;
    f->outputs = l->outputs;
    f->n = inn_linear_unknowns(l) + 1;
    wanted = (settings->rows * f->n + task->samples - 1) / task->samples;
    f->per_sample = wanted < l->positions ? wanted : l->positions;
    f->rows = f->per_sample * task->samples;
    f->parts = inn_alloc(heap, l->parts, sizeof(*f->parts), err);
    if (f->parts == NULL)
        return inn_refused(err);
    f->n_parts = l->parts;
    return run(f, task, false, weight, bias, threads, err);
}

enum inn_status inn_refit_again(struct inn_refit_fit *fit,
                                const struct inn_refit_task *task,
                                struct inn_tensor *weight,
                                struct inn_tensor *bias, int threads,
                                struct inn_error *err)
{
    return run(fit, task, true, weight, bias, threads, err);
}

void inn_refit_fit_free(struct inn_refit_fit *fit)
{
    size_t i;

    if (fit == NULL)
        return;
    for (i = 0; i < fit->n_parts; i++) {
        struct equations *e = &fit->parts[i];

        inn_free(fit->heap, e->start);
        inn_free(fit->heap, e->now);
        inn_free(fit->heap, e->pull);
        inn_free(fit->heap, e->cross);
        inn_free(fit->heap, e->factor);
        inn_free(fit->heap, e->rows);
        if (e->solved)
            inn_cholesky_free(&e->cholesky);
    }
    inn_free(fit->heap, fit->parts);
    inn_free(fit->heap, fit);
}
