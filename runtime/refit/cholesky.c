/*
 * Blocked, right-looking: a diagonal block is factored and inverted by plain
 * loops; all else is products, which product.c does at the machine's speed.
 */
#include "runtime/refit/cholesky.h"

#include <math.h>
#include <string.h>

#include "runtime/base/checked.h"
#include "runtime/base/error.h"
#include "runtime/refit/product.h"

/* Side of a diagonal block: panels of it are whole. */
#define BLOCK ((size_t)128)

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/*
 * to, packed [panel][k][PANEL], gets columns c of from at from[c × step + k]
 * (across) or from[k × step + c].
 */
static void pack(double *to, const double *from, size_t columns, size_t k,
                 size_t step, bool across)
{
    size_t c, i;

    memset(to, 0, inn_panels(columns) * k * INN_PANEL * sizeof(*to));
    for (c = 0; c < columns; c++) {
        double *panel = to + c / INN_PANEL * k * INN_PANEL + c % INN_PANEL;

        for (i = 0; i < k; i++)
            panel[i * INN_PANEL] = across ? from[c * step + i]
                                          : from[i * step + c];
    }
}

/* The diagonal block's own factor; false where a pivot is not positive. */
static bool factor_block(double *a, size_t step, size_t n)
{
    size_t i, j, k;

    for (j = 0; j < n; j++) {
        double pivot = a[j * step + j];

        for (k = 0; k < j; k++)
            pivot -= a[j * step + k] * a[j * step + k];
        if (!(pivot > 0.0) || !isfinite(pivot))
            return false;
        a[j * step + j] = sqrt(pivot);
        for (i = j + 1; i < n; i++) {
            double sum = a[i * step + j];

            for (k = 0; k < j; k++)
                sum -= a[i * step + k] * a[j * step + k];
            a[i * step + j] = sum / a[j * step + j];
        }
    }
    return true;
}

/* inverse [n × n] of the lower triangle l. */
static void invert_block(double *inverse, const double *l, size_t step,
                         size_t n)
{
    size_t i, j, k;

    memset(inverse, 0, BLOCK * BLOCK * sizeof(*inverse));
    for (j = 0; j < n; j++) {
        inverse[j * BLOCK + j] = 1.0 / l[j * step + j];
        for (i = j + 1; i < n; i++) {
            double sum = 0.0;

            for (k = j; k < i; k++)
                sum -= l[i * step + k] * inverse[k * BLOCK + j];
            inverse[i * BLOCK + j] = sum / l[i * step + i];
        }
    }
}

/* Scratch of a factorization or a solution: packed operands. */
struct scratch {
    double *long_side;  /* [panels of the long side][BLOCK][PANEL] */
    double *other;      /* the same, for the other operand */
    double *result;     /* [long side × BLOCK] */
};

static enum inn_status scratch_new(struct scratch *s, size_t rows,
                                   size_t columns, struct inn_heap *heap,
                                   struct inn_error *err)
{
    size_t most = BLOCK * INN_PANEL;

    s->long_side = inn_alloc_raw(heap, inn_panels(rows), most *
                                 sizeof(double), err);
    s->other = inn_alloc_raw(heap, inn_panels(columns), most *
                             sizeof(double), err);
    s->result = inn_alloc_raw(heap, rows, BLOCK * sizeof(double), err);
    return s->long_side != NULL && s->other != NULL && s->result != NULL
               ? INN_OK : inn_refused(err);
}

static void scratch_free(struct scratch *s, struct inn_heap *heap)
{
    inn_free(heap, s->long_side);
    inn_free(heap, s->other);
    inn_free(heap, s->result);
}

/*
 * x [rows × n], step apart, times a diagonal block's inverse, or with
 * transpose times its transpose; in place.
 */
static void times_inverse(struct scratch *s, double *x, size_t rows,
                          size_t step, const double *inverse, size_t n,
                          bool transpose, int threads)
{
    size_t i;

    pack(s->long_side, x, rows, n, step, true);
    pack(s->other, inverse, n, n, BLOCK, transpose);
    memset(s->result, 0, rows * BLOCK * sizeof(double));
    inn_product_doubles(s->result, BLOCK, s->long_side, rows, s->other, n, n,
                        false, false, threads);
    for (i = 0; i < rows; i++)
        memcpy(x + i * step, s->result + i * BLOCK, n * sizeof(*x));
}

static bool factor(struct inn_cholesky *f, struct scratch *s, int threads)
{
    size_t at, n = f->n, width, below;
    double *a = f->l;

    for (at = 0; at < n; at += width) {
        double *block = a + at * n + at, *under;
        double *inverse = f->inverse + at * BLOCK;

        width = smaller(BLOCK, n - at);
        below = n - at - width;
        if (!factor_block(block, n, width))
            return false;
        invert_block(inverse, block, n, width);
        if (below == 0)
            continue;
        under = block + width * n;
        times_inverse(s, under, below, n, inverse, width, true, threads);
        pack(s->long_side, under, below, width, n, true);
        inn_product_doubles(under + width, n, s->long_side, below,
                            s->long_side, below, width, true, true, threads);
    }
    return true;
}

enum inn_status inn_cholesky_new(struct inn_cholesky *f, bool *definite,
                                 double *a, size_t n, int threads,
                                 struct inn_heap *heap, struct inn_error *err)
{
    struct scratch s = {0};
    enum inn_status st;

    *definite = false;
    f->l = a;
    f->n = n;
    f->heap = heap;
    f->inverse = inn_alloc_raw(heap, (n + BLOCK - 1) / BLOCK,
                               BLOCK * BLOCK * sizeof(double), err);
    st = f->inverse == NULL ? inn_refused(err)
                            : scratch_new(&s, n, BLOCK, heap, err);
    if (st == INN_OK)
        *definite = factor(f, &s, threads);
    scratch_free(&s, heap);
    if (!*definite)
        inn_cholesky_free(f);
    return st;
}

void inn_cholesky_free(struct inn_cholesky *f)
{
    inn_free(f->heap, f->inverse);
    f->inverse = NULL;
}

/* z L^T = x, left to right. */
static void solve_lower(const struct inn_cholesky *f, struct scratch *s,
                        double *x, size_t m, int threads)
{
    size_t at, n = f->n, width, rest;

    for (at = 0; at < n; at += width) {
        width = smaller(BLOCK, n - at);
        rest = n - at - width;
        times_inverse(s, x + at, m, n, f->inverse + at * BLOCK, width, true,
                      threads);
        if (rest == 0)
            continue;
        pack(s->long_side, x + at, m, width, n, true);
        pack(s->other, f->l + (at + width) * n + at, rest, width, n, true);
        inn_product_doubles(x + at + width, n, s->long_side, m, s->other,
                            rest, width, false, true, threads);
    }
}

/* y L = z, right to left. */
static void solve_upper(const struct inn_cholesky *f, struct scratch *s,
                        double *x, size_t m, int threads)
{
    size_t n = f->n, blocks = (n + BLOCK - 1) / BLOCK, b, at, width;

    for (b = blocks; b-- > 0;) {
        at = b * BLOCK;
        width = smaller(BLOCK, n - at);
        times_inverse(s, x + at, m, n, f->inverse + at * BLOCK, width, false,
                      threads);
        if (at == 0)
            continue;
        pack(s->long_side, x + at, m, width, n, true);
        pack(s->other, f->l + at * n, at, width, n, false);
        inn_product_doubles(x, n, s->long_side, m, s->other, at, width,
                            false, true, threads);
    }
}

enum inn_status inn_cholesky_solve(const struct inn_cholesky *f, double *x,
                                   size_t m, int threads,
                                   struct inn_error *err)
{
    struct scratch s = {0};
    enum inn_status st = scratch_new(&s, m, f->n, f->heap, err);

    if (st == INN_OK) {
        solve_lower(f, &s, x, m, threads);
        solve_upper(f, &s, x, m, threads);
    }
    scratch_free(&s, f->heap);
    return st;
}
