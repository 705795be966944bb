/*
 * The one factor that serves every width: correlations in nested order,
 * ridged, factored, rounded to half words. What is stored is checked as it
 * will be read: a pivot that rounding brought near zero would divide.
 */
#include "converter/moments/moments.h"

#include <float.h>
#include <inttypes.h>
#include <lapacke.h>
#include <limits.h>
#include <math.h>

#include "converter/moments/alone.h"
#include "converter/moments/scale.h"
#include "runtime/base/checked.h"
#include "runtime/base/error.h"

/* Doublings of λ before a matrix is given up. */
#define TRIES 40
/* Least pivot: the least normal half word. */
#define PIVOT 0x1p-14

/* Deviations as they are stored, so that sampling divides by the same. */
static enum inn_status store_units(struct inn_moments *m, double *unit,
                                   const double *mean, size_t n,
                                   struct inn_error *err)
{
    size_t i;

    for (i = 0; i < n; i++) {
        if (!(fabs(mean[i]) < FLT_MAX) || !(unit[i] < FLT_MAX))
            return inn_fail(err, INN_ERR_FORMAT,
                            "channel %zu has mean %g and deviation %g", i,
                            mean[i], unit[i]);
        m->mean[i] = (float)mean[i];
        m->deviation[i] = unit[i] > (double)FLT_MIN ? (float)unit[i]
                                                    : FLT_MIN;
        unit[i] = (double)m->deviation[i];
    }
    return INN_OK;
}

/* R + λI by rows of the lower triangle, in nested order. */
static void correlations(double *r, const double *cov, const double *unit,
                         const int64_t *nested, size_t n, double lambda)
{
    size_t i, j;

    for (i = 0; i < n; i++) {
        size_t a = (size_t)nested[i];

        for (j = 0; j <= i; j++) {
            size_t b = (size_t)nested[j];

            /* A dead channel says nothing, whatever rounding left of it. */
            r[i * n + j] = cov[a * n + a] > 0.0 && cov[b * n + b] > 0.0
                               ? cov[a * n + b] / (unit[a] * unit[b])
                               : 0.0;
        }
        r[i * n + i] += lambda;
    }
}

/*
 * Half words of large groups keep five of their ten bits: the factor's own
 * error, from some thousands of positions, is larger, and the file is half
 * as large (ResNet-50: 27 % more than without moments become 7 %).
 */
#define COARSE 512
#define COARSE_BITS 5

static uint16_t round_entry(double value, size_t n)
{
    uint16_t bits = inn_f32_to_f16((float)value);
    unsigned step = 1u << COARSE_BITS;

    if (n < COARSE)
        return bits;
    return (uint16_t)((bits + step / 2) & ~(step - 1));
}

/* Rounds L to m->factor. False: not fit for dividing by. */
static bool store_factor(struct inn_moments *m, const double *l, size_t n,
                         double lambda)
{
    double least = 0.5 * sqrt(lambda);
    size_t i, j, at = 0;

    if (least < PIVOT)
        least = PIVOT;
    for (i = 0; i < n; i++) {
        for (j = 0; j <= i; j++) {
            if (!(fabs(l[i * n + j]) < 32768.0))
                return false;
            m->factor[at++] = round_entry(l[i * n + j], n);
        }
        if ((double)inn_f16_to_f32(m->factor[at - 1]) < least)
            return false;
    }
    return true;
}

static enum inn_status factor(struct inn_moments *m, const double *cov,
                              const double *unit, const int64_t *nested,
                              size_t n, double lambda, struct inn_heap *heap,
                              struct inn_error *err)
{
    double *r = inn_alloc_raw(heap, n * n, sizeof(*r), err);
    int tries, threads;
    bool good = false;

    if (r == NULL)
        return inn_refused(err);
    threads = inn_blas_alone();
    for (tries = 0; !good && tries < TRIES; tries++) {
        correlations(r, cov, unit, nested, n, lambda);
        /* Rows of a lower triangle are columns of an upper one. */
        good = LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', (lapack_int)n, r,
                                   (lapack_int)n) == 0 &&
               store_factor(m, r, n, lambda);
        lambda = lambda > 0.0 ? 2.0 * lambda : PIVOT * PIVOT;
    }
    inn_blas_restore(threads);
    inn_free(heap, r);
    if (!good)
        return inn_fail(err, INN_ERR_UNSUPPORTED,
                        "what should be a covariance of %zu channels is far "
                        "from semidefinite", n);
    return INN_OK;
}

static enum inn_status check(const double *cov, const int64_t *nested,
                             int64_t n, struct inn_arena *arena,
                             struct inn_error *err)
{
    enum inn_status st = INN_OK;
    size_t count, i;
    bool *seen;

    if (n < 1 || n > INT_MAX || !inn_mul_size(&count, (size_t)n, (size_t)n))
        return inn_fail(err, INN_ERR_ARGUMENT,
                        "%" PRId64 " channels have no factor", n);
    for (i = 0; i < count; i++) {
        if (!(fabs(cov[i]) < 1e100))
            return inn_fail(err, INN_ERR_FORMAT,
                            "channels %zu and %zu have covariance %g",
                            i / (size_t)n, i % (size_t)n, cov[i]);
    }
    seen = inn_alloc(arena->heap, (size_t)n, sizeof(*seen), err);
    if (seen == NULL)
        return inn_refused(err);
    for (i = 0; st == INN_OK && i < (size_t)n; i++) {
        if (nested[i] < 0 || nested[i] >= n || seen[nested[i]])
            st = inn_fail(err, INN_ERR_ARGUMENT,
                          "the nested order is no permutation at %zu", i);
        else
            seen[nested[i]] = true;
    }
    inn_free(arena->heap, seen);
    return st;
}

enum inn_status inn_factor_moments(struct inn_moments *m, const double *mean,
                                   const double *cov, const int64_t *nested,
                                   int64_t n, double lambda,
                                   struct inn_arena *arena,
                                   struct inn_error *err)
{
    enum inn_status st = check(cov, nested, n, arena, err);
    size_t size = (size_t)n;
    double *unit;

    if (st != INN_OK)
        return st;
    unit = inn_alloc(arena->heap, size, sizeof(*unit), err);
    m->mean = inn_arena_alloc(arena, size, sizeof(*m->mean), err);
    m->deviation = inn_arena_alloc(arena, size, sizeof(*m->deviation), err);
    /* n² was checked: n (n + 1) / 2 is no more for any n >= 1. */
    m->factor = inn_arena_alloc(arena, size * (size + 1) / 2,
                                sizeof(*m->factor), err);
    if (unit == NULL || m->mean == NULL || m->deviation == NULL ||
        m->factor == NULL) {
        st = inn_refused(err);
        goto out;
    }
    inn_moment_units(unit, cov, size);
    st = store_units(m, unit, mean, size, err);
    if (st == INN_OK)
        st = factor(m, cov, unit, nested, size, lambda, arena->heap, err);
out:
    inn_free(arena->heap, unit);
    return st;
}
