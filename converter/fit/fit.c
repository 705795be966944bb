/*
 * The fit of fidelity.md, section 1: rows of B are the kernel rows at the
 * channels' closed positions, edges folded in, so BᵀB is banded with at most
 * three bands beside the diagonal and one factorisation serves all functions.
 */
#include "converter/fit/fit.h"

#include <inttypes.h>
#include <lapacke.h>
#include <limits.h>
#include <string.h>

#include "runtime/base/error.h"

#define BAND (INN_KERNEL_TAPS - 1)
#define LDAB (BAND + 1)
/* Right-hand sides per call: LAPACK counts in int. */
#define MAX_COUNT ((int64_t)1 << 16)

/* Row k of B is the kernel row at channel k. */
struct rows {
    int64_t n;
    int *count;                         /* [n] */
    int32_t (*col)[INN_KERNEL_TAPS];    /* [n] */
    double (*weight)[INN_KERNEL_TAPS];  /* [n] */
};

static bool rows_new(struct rows *b, int64_t m, int64_t n,
                     enum inn_kernel kernel, enum inn_edge edge,
                     struct inn_heap *heap, struct inn_error *err)
{
    int64_t k;
    double s;

    b->n = n;
    b->count = inn_alloc(heap, (size_t)n, sizeof(*b->count), err);
    b->col = inn_alloc(heap, (size_t)n, sizeof(*b->col), err);
    b->weight = inn_alloc(heap, (size_t)n, sizeof(*b->weight), err);
    if (b->count == NULL || b->col == NULL || b->weight == NULL)
        return false;
    for (k = 0; k < n; k++) {
        /* The same expression as sampling uses, so that bits agree. */
        s = n > 1 ? (double)k * (double)(m - 1) / (double)(n - 1) : 0.0;
        b->count[k] = inn_kernel_row(kernel, edge, m, s, b->col[k],
                                     b->weight[k]);
    }
    return true;
}

static void rows_free(struct rows *b, struct inn_heap *heap)
{
    inn_free(heap, b->count);
    inn_free(heap, b->col);
    inn_free(heap, b->weight);
}

/* The lower bands of BᵀB, column-major: (i, j) at ab[j·LDAB + i − j]. */
static void normal_matrix(double *ab, const struct rows *b)
{
    int64_t k;
    int i, j;

    for (k = 0; k < b->n; k++) {
        for (i = 0; i < b->count[k]; i++) {
            for (j = 0; j < b->count[k]; j++) {
                int32_t row = b->col[k][i], col = b->col[k][j];

                if (row >= col)
                    ab[(int64_t)col * LDAB + row - col] +=
                        b->weight[k][i] * b->weight[k][j];
            }
        }
    }
}

/* Bᵀw of one function. */
static void right_side(double *out, int64_t m, const double *w,
                       const struct rows *b)
{
    int64_t k;
    int i;

    for (k = 0; k < m; k++)
        out[k] = 0.0;
    for (k = 0; k < b->n; k++) {
        for (i = 0; i < b->count[k]; i++)
            out[b->col[k][i]] += b->weight[k][i] * w[k];
    }
}

static enum inn_status singular(int64_t m, int64_t n, int at,
                                struct inn_error *err)
{
    return inn_fail(err, INN_ERR_UNSUPPORTED,
                    "%" PRId64 " nodes aren't determined by %" PRId64
                    " channels (node %d)", m, n, at);
}

static enum inn_status solve(double *nodes, int64_t m, const double *channels,
                             int64_t count, const struct rows *b,
                             struct inn_heap *heap, struct inn_error *err)
{
    enum inn_status st = INN_OK;
    lapack_int band = m > BAND ? BAND : (lapack_int)(m - 1), info, part;
    double *ab;
    int64_t v;

    ab = inn_alloc(heap, (size_t)m, LDAB * sizeof(*ab), err);
    if (ab == NULL)
        return inn_refused(err);
    normal_matrix(ab, b);
    info = LAPACKE_dpbtrf_work(LAPACK_COL_MAJOR, 'L', (lapack_int)m, band, ab,
                               LDAB);
    if (info != 0) {
        st = singular(m, b->n, (int)info, err);
        goto out;
    }
    for (v = 0; v < count; v++)
        right_side(nodes + v * m, m, channels + v * b->n, b);
    for (v = 0; v < count; v += part) {
        part = (lapack_int)(count - v < MAX_COUNT ? count - v : MAX_COUNT);
        info = LAPACKE_dpbtrs_work(LAPACK_COL_MAJOR, 'L', (lapack_int)m, band,
                                   part, ab, LDAB, nodes + v * m,
                                   (lapack_int)m);
        if (info != 0) {
            st = singular(m, b->n, (int)info, err);
            goto out;
        }
    }
out:
    inn_free(heap, ab);
    return st;
}

enum inn_status inn_grid_fit(double *nodes, int64_t m, const double *channels,
                             int64_t n, int64_t count,
                             enum inn_kernel kernel, enum inn_edge edge,
                             struct inn_heap *heap, struct inn_error *err)
{
    struct rows b = {0, NULL, NULL, NULL};
    enum inn_status st;

    if (m < 1 || m > n || n > INT_MAX / LDAB || count < 0)
        return inn_fail(err, INN_ERR_ARGUMENT,
                        "%" PRId64 " nodes can't be fitted to %" PRId64
                        " channels", m, n);
    if (m == n) {
        memcpy(nodes, channels, (size_t)(n * count) * sizeof(*nodes));
        return INN_OK;
    }
    if (!rows_new(&b, m, n, kernel, edge, heap, err)) {
        st = inn_refused(err);
        goto out;
    }
    st = solve(nodes, m, channels, count, &b, heap, err);
out:
    rows_free(&b, heap);
    return st;
}
