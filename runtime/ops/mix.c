/*
 * Weighted sums over channels and taps: what convolutions and products do to
 * a law. With P the correlations of the taps, P = L Lᵀ, and V_j = Σ_t L_tj W_t,
 *
 *   C' = Σ_tt' P_tt' W_t C W_t'ᵀ = Σ_j V_j C V_jᵀ          (fidelity 2)
 *
 * L by Cholesky with pivots, which stops where nothing is left: a P that is
 * not quite semidefinite does no harm.
 */
#include <math.h>
#include <string.h>

#include "runtime/base/checked.h"
#include "runtime/base/threads.h"
#include "runtime/ops/common.h"
#include "runtime/ops/moments.h"

/* What the taps' correlations leave out, of all. */
#define LEAST_PIVOT 1e-6
/* Multiplications beyond which moments are not worth their time. */
#define MOST_WORK 3e11

static void plain_row(const struct inn_product *p, size_t i)
{
    size_t end = p->lower && i + 1 < p->n ? i + 1 : p->n, j, l;
    double *to = p->c + i * p->ldc, sum;

    for (j = 0; j < end && p->transposed; j++) {
        for (sum = 0, l = 0; l < p->k; l++)
            sum += p->a[i * p->lda + l] * p->b[j * p->ldb + l];
        to[j] += sum;
    }
    for (l = 0; l < p->k && !p->transposed; l++) {
        for (j = 0; j < end; j++)
            to[j] += p->a[i * p->lda + l] * p->b[l * p->ldb + j];
    }
}

static void plain_part(void *context, size_t part)
{
    plain_row(context, part);
}

void inn_product_plain(const struct inn_product *p, int threads)
{
    struct inn_product copy = *p;

    inn_parallel(threads, p->m, plain_part, &copy);
}

/*
 * Columns of L, one below the other: [*rank × taps]. p is destroyed, what
 * is left of it being the residual's diagonal.
 */
static void factor_taps(double *columns, size_t *rank, double *p, size_t taps)
{
    double all = 0, pivot, root;
    size_t i, j, k, best;

    for (i = 0; i < taps; i++)
        all += fmax(p[i * taps + i], 0);
    for (k = 0; k < taps; k++) {
        double *column = columns + k * taps;

        for (best = 0, i = 1; i < taps; i++) {
            if (p[i * taps + i] > p[best * taps + best])
                best = i;
        }
        pivot = p[best * taps + best];
        if (!(pivot > LEAST_PIVOT * all / (double)taps))
            break;
        root = 1 / sqrt(pivot);
        for (i = 0; i < taps; i++)
            column[i] = p[i * taps + best] * root;
        for (i = 0; i < taps; i++) {
            for (j = 0; j < taps; j++)
                p[i * taps + j] -= column[i] * column[j];
        }
    }
    *rank = k;
}

struct work {
    const struct inn_mix *mix;
    const double *column; /* of L */
    double *v;            /* [outputs × inputs] */
    double *to;           /* the covariance */
    const struct inn_law *from;
    double *gram; /* [outputs × outputs], depthwise */
};

/* A row of V_j. */
static void sum_taps(void *context, size_t o)
{
    const struct work *w = context;
    const struct inn_mix *m = w->mix;
    double *to = w->v + o * m->inputs;
    size_t i, t;

    memset(to, 0, m->inputs * sizeof(*to));
    for (t = 0; t < m->taps; t++) {
        const double *from = m->weight + (t * m->outputs + o) * m->inputs;

        for (i = 0; i < m->inputs; i++)
            to[i] += w->column[t] * from[i];
    }
}

/* out += Σ over groups of V C Vᵀ; t: [outputs × all channels], zero. */
static void add_square(struct inn_carry *c, const struct work *w, double *t)
{
    const struct inn_mix *m = w->mix;
    size_t all = m->inputs * m->groups, per = m->outputs / m->groups, g;
    struct inn_product p = {.m = per, .n = all, .k = m->inputs, .ldc = all,
                            .lda = m->inputs, .ldb = all};

    memset(t, 0, m->outputs * all * sizeof(*t));
    for (g = 0; g < m->groups; g++) {
        p.c = t + g * per * all;
        p.a = w->v + g * per * m->inputs;
        p.b = w->from->cov + g * m->inputs * all;
        c->product(&p, c->threads);
    }
    p = (struct inn_product){.m = m->outputs, .n = per, .k = m->inputs,
                             .ldc = m->outputs, .lda = all,
                             .ldb = m->inputs, .transposed = true,
                             .lower = m->groups == 1};
    for (g = 0; g < m->groups; g++) {
        p.c = w->to + g * per;
        p.a = t + g * m->inputs;
        p.b = w->v + g * per * m->inputs;
        c->product(&p, c->threads);
    }
}

/* A row of the covariance where each output sees one channel. */
static void depthwise_row(void *context, size_t o)
{
    const struct work *w = context;
    const struct inn_mix *m = w->mix;
    size_t per = m->outputs / m->groups, j;
    const double *from = w->from->cov + o / per * m->groups;

    for (j = 0; j < m->outputs; j++)
        w->to[o * m->outputs + j] = from[j / per] *
                                    w->gram[o * m->outputs + j];
}

/* v: [rank × outputs], V_j of all j as rows. */
static enum inn_status depthwise(struct inn_carry *c, struct work *w,
                                 const double *columns, size_t rank)
{
    const struct inn_mix *m = w->mix;
    struct inn_product p = {.m = m->outputs, .n = m->outputs, .k = rank,
                            .ldc = m->outputs, .lda = rank, .ldb = rank,
                            .transposed = true};
    enum inn_status st = INN_OK;
    double *v = inn_alloc(c->heap, m->outputs, (rank + 1) * sizeof(*v),
                          c->err);
    size_t o, t, j;

    w->gram = inn_alloc(c->heap, m->outputs, m->outputs * sizeof(double),
                        c->err);
    if (v == NULL || w->gram == NULL) {
        st = inn_refused(c->err);
        goto out;
    }
    for (o = 0; o < m->outputs; o++) {
        for (j = 0; j < rank; j++) {
            for (t = 0; t < m->taps; t++)
                v[o * rank + j] += columns[j * m->taps + t] *
                                   m->weight[t * m->outputs + o];
        }
    }
    p.c = w->gram;
    p.a = p.b = v;
    c->product(&p, c->threads);
    inn_parallel(c->threads, m->outputs, depthwise_row, w);
out:
    inn_free(c->heap, v);
    inn_free(c->heap, w->gram);
    return st;
}

static enum inn_status dense(struct inn_carry *c, struct work *w,
                             const double *columns, size_t rank)
{
    const struct inn_mix *m = w->mix;
    enum inn_status st = INN_OK;
    double *t;
    size_t j;

    w->v = inn_alloc_raw(c->heap, m->outputs, m->inputs * sizeof(*w->v),
                         c->err);
    t = inn_alloc_raw(c->heap, m->outputs,
                      m->inputs * m->groups * sizeof(*t), c->err);
    if (w->v == NULL || t == NULL) {
        st = inn_refused(c->err);
        goto out;
    }
    for (j = 0; j < rank; j++) {
        w->column = columns + j * m->taps;
        inn_parallel(c->threads, m->outputs, sum_taps, w);
        add_square(c, w, t);
    }
out:
    inn_free(c->heap, w->v);
    inn_free(c->heap, t);
    return st;
}

/* tr(W_t C W_t'ᵀ), within groups: what the spatial table needs. */
static enum inn_status make_pairs(struct inn_carry *c,
                                  const struct inn_law *from,
                                  const struct inn_mix *m)
{
    size_t all = m->inputs * m->groups, per = m->outputs / m->groups, t, g;
    size_t one = m->outputs * m->inputs;
    double *products = inn_alloc(c->heap, m->taps, one * sizeof(*products),
                                 c->err);
    struct inn_product p = {.m = per, .n = m->inputs, .k = m->inputs,
                            .ldc = m->inputs, .lda = m->inputs, .ldb = all};

    if (products == NULL)
        return inn_refused(c->err);
    for (t = 0; t < m->taps; t++) {
        for (g = 0; g < m->groups; g++) {
            p.c = products + t * one + g * per * m->inputs;
            p.a = m->weight + t * one + g * per * m->inputs;
            p.b = from->cov + g * m->inputs * all + g * m->inputs;
            c->product(&p, c->threads);
        }
    }
    memset(m->pairs, 0, m->taps * m->taps * sizeof(double));
    p = (struct inn_product){.c = m->pairs, .a = products, .b = m->weight,
                             .m = m->taps, .n = m->taps, .k = one,
                             .ldc = m->taps, .lda = one, .ldb = one,
                             .transposed = true};
    c->product(&p, c->threads);
    inn_free(c->heap, products);
    return INN_OK;
}

static void make_mean(struct inn_law *law, const struct inn_law *from,
                      const struct inn_mix *m)
{
    size_t per = m->outputs / m->groups, o, t, i;

    for (o = 0; o < m->outputs; o++) {
        const double *mean = from->mean + o / per * m->inputs;
        double sum = 0;

        for (t = 0; t < m->taps; t++) {
            const double *row = m->weight + (t * m->outputs + o) * m->inputs;

            for (i = 0; i < m->inputs; i++)
                sum += row[i] * mean[i];
        }
        law->mean[o] = m->share * sum;
        if (m->bias != NULL)
            law->mean[o] += m->bias[o];
    }
}

bool inn_mix_is_large(const struct inn_mix *m)
{
    double all = (double)m->inputs * (double)m->groups;

    return (double)m->taps * (double)m->outputs * (double)m->inputs *
               (2 * all + (double)m->outputs) > MOST_WORK;
}

enum inn_status inn_mix_law(struct inn_law **law, struct inn_carry *c,
                            const struct inn_law *from, struct inn_mix *mix)
{
    struct work w = {.mix = mix, .from = from};
    enum inn_status st = INN_OK;
    double *columns;
    size_t rank;

    *law = inn_law_new((int64_t)mix->outputs, c->heap, c->err);
    if (*law == NULL)
        return inn_refused(c->err);
    columns = inn_alloc(c->heap, mix->taps, mix->taps * sizeof(*columns),
                        c->err);
    if (columns == NULL) {
        st = inn_refused(c->err);
        goto out;
    }
    w.to = (*law)->cov;
    factor_taps(columns, &rank, mix->relate, mix->taps);
    make_mean(*law, from, mix);
    st = mix->inputs == 1 && mix->groups > 1 ? depthwise(c, &w, columns, rank)
                                             : dense(c, &w, columns, rank);
    inn_free(c->heap, columns);
    inn_law_mirror(*law);
    if (st == INN_OK && mix->pairs != NULL)
        st = make_pairs(c, from, mix);
out:
    if (st != INN_OK) {
        inn_law_drop(*law, c->heap);
        *law = NULL;
    }
    return st;
}
