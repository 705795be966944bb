/*
 * Four rows, or four groups of lanes, are summed before they are added to
 * what came before: a sum in memory is then loaded and stored once for four
 * elements. Compiled for AVX2 and for what the build asks for; both do the
 * same additions.
 */
#include "runtime/exec/sums.h"

#include "runtime/base/port.h"

#define LANES ((size_t)8)

INN_INLINE double term_of(float x, enum inn_term term, double centre)
{
    double d = (double)x - (term == INN_TERM_SPREAD ? centre : 0.0);

    return term == INN_TERM_VALUE ? d : d * d;
}

INN_INLINE double row(const float *x, size_t n, enum inn_term term,
                      double centre)
{
    double lane[LANES] = {0}, sum = 0;
    size_t i, k;

    for (i = 0; i + 4 * LANES <= n; i += 4 * LANES) {
        const float *at = x + i;

#pragma omp simd
        for (k = 0; k < LANES; k++)
            lane[k] += (term_of(at[k], term, centre) +
                        term_of(at[k + LANES], term, centre)) +
                       (term_of(at[k + 2 * LANES], term, centre) +
                        term_of(at[k + 3 * LANES], term, centre));
    }
    for (; i < n; i++)
        sum += term_of(x[i], term, centre);
    for (k = 0; k < LANES; k++)
        sum += lane[k];
    return sum;
}

INN_INLINE void columns(double *to, const float *x, size_t rows,
                        size_t stride, size_t n, enum inn_term term,
                        const double *centre)
{
    double sum[INN_COLUMNS] = {0}, middle[INN_COLUMNS] = {0};
    size_t i, c;

    for (c = 0; c < n; c++)
        middle[c] = term == INN_TERM_SPREAD ? centre[c] : 0.0;
    for (i = 0; i + 4 <= rows; i += 4, x += 4 * stride) {
        const float *a = x + stride, *b = a + stride, *d = b + stride;

#pragma omp simd
        for (c = 0; c < n; c++)
            sum[c] += (term_of(x[c], term, middle[c]) +
                       term_of(a[c], term, middle[c])) +
                      (term_of(b[c], term, middle[c]) +
                       term_of(d[c], term, middle[c]));
    }
    for (; i < rows; i++, x += stride) {
#pragma omp simd
        for (c = 0; c < n; c++)
            sum[c] += term_of(x[c], term, middle[c]);
    }
    for (c = 0; c < n; c++)
        to[c] += sum[c];
}

/* Each term and the full width as a loop of its own. */
INN_INLINE double any_row(const float *x, size_t n, enum inn_term term,
                          double centre)
{
    if (term == INN_TERM_VALUE)
        return row(x, n, INN_TERM_VALUE, 0.0);
    if (term == INN_TERM_SQUARE)
        return row(x, n, INN_TERM_SQUARE, 0.0);
    return row(x, n, INN_TERM_SPREAD, centre);
}

INN_INLINE void any_columns(double *to, const float *x, size_t rows,
                            size_t stride, size_t n, enum inn_term term,
                            const double *centre)
{
    if (n < INN_COLUMNS)
        columns(to, x, rows, stride, n, term, centre);
    else if (term == INN_TERM_VALUE)
        columns(to, x, rows, stride, INN_COLUMNS, INN_TERM_VALUE, NULL);
    else if (term == INN_TERM_SQUARE)
        columns(to, x, rows, stride, INN_COLUMNS, INN_TERM_SQUARE, NULL);
    else
        columns(to, x, rows, stride, INN_COLUMNS, INN_TERM_SPREAD, centre);
}

#ifdef INN_HAVE_X86

INN_TARGET("avx2")
static double row_avx2(const float *x, size_t n, enum inn_term term,
                       double centre)
{
    return any_row(x, n, term, centre);
}

INN_TARGET("avx2")
static void columns_avx2(double *to, const float *x, size_t rows,
                         size_t stride, size_t n, enum inn_term term,
                         const double *centre)
{
    any_columns(to, x, rows, stride, n, term, centre);
}

#endif

double inn_sum_row(const float *x, size_t n, enum inn_term term,
                   double centre)
{
#ifdef INN_HAVE_X86
    if (INN_CPU_HAS("avx2"))
        return row_avx2(x, n, term, centre);
#endif
    return any_row(x, n, term, centre);
}

void inn_sum_columns(double *to, const float *x, size_t rows, size_t stride,
                     size_t n, enum inn_term term, const double *centre)
{
#ifdef INN_HAVE_X86
    if (INN_CPU_HAS("avx2")) {
        columns_avx2(to, x, rows, stride, n, term, centre);
        return;
    }
#endif
    any_columns(to, x, rows, stride, n, term, centre);
}
