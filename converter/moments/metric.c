/*
 * What an error of the input costs at a consumer's output (fidelity sections
 * 2 and 3). Taps see correlated errors: the matrix of their correlations is
 * diagonalised, and each eigenvector gives one product V_jᵀ V_j.
 */
#include "converter/moments/moments.h"

#include <cblas.h>
#include <inttypes.h>
#include <lapacke.h>
#include <limits.h>
#include <math.h>

#include "converter/moments/alone.h"
#include "runtime/base/checked.h"
#include "runtime/base/error.h"
#include "runtime/base/threads.h"
#include "runtime/ops/moments.h"

#define TILE 192
/* Rows of V that are in memory at once. */
#define SLICE 256
/* The taps' matrix takes taps³ to diagonalise. */
#define MAX_TAPS 1024

struct metric_work {
    double *metric;
    const double *weight;
    const double *out_scale;
    const double *vector; /* [taps] times √w_j */
    double *v;            /* [SLICE × n] */
    size_t n, taps;
    size_t first, rows; /* the slice */
    size_t tiles;
};

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static double table_at(const struct inn_gathered *input, int64_t dy,
                       int64_t dx)
{
    int64_t y = dy < 0 ? -dy : dy, x = dx < 0 ? -dx : dx, excess = 0;

    if (y > INN_TABLE) {
        excess += y - INN_TABLE;
        y = INN_TABLE;
    }
    if (x > INN_TABLE) {
        excess += x - INN_TABLE;
        x = INN_TABLE;
    }
    return input->r[y][x] * pow(INN_BEYOND, (double)excess);
}

/* Eigenvectors of the taps' correlations, in rows, each times √w_j. */
static enum inn_status tap_factor(double *vectors, double *values,
                                  const int64_t kernel[2],
                                  const int64_t dilation[2],
                                  const struct inn_gathered *input,
                                  struct inn_heap *heap,
                                  struct inn_error *err)
{
    int64_t kx = kernel[1], taps = kernel[0] * kx, a, b;
    lapack_int size = (lapack_int)taps, room, info;
    double *work, root;
    int threads;

    room = 64 * size;
    work = inn_alloc(heap, (size_t)room, sizeof(*work), err);
    if (work == NULL)
        return inn_refused(err);
    for (a = 0; a < taps; a++) {
        for (b = 0; b < taps; b++)
            vectors[a * taps + b] =
                table_at(input, (b / kx - a / kx) * dilation[0],
                         (b % kx - a % kx) * dilation[1]);
    }
    threads = inn_blas_alone();
    info = LAPACKE_dsyev_work(LAPACK_COL_MAJOR, 'V', 'L', size, vectors,
                              size, values, work, room);
    inn_blas_restore(threads);
    inn_free(heap, work);
    if (info != 0)
        return inn_fail(err, INN_ERR_UNSUPPORTED,
                        "the correlations of %d taps have no eigenvalues",
                        (int)size);
    /* Ascending: the last is the largest. Rounding makes some negative. */
    for (a = 0; a < taps; a++) {
        if (!(values[a] > 0.0) || values[a] < 1e-9 * values[taps - 1])
            values[a] = 0.0;
        root = sqrt(values[a]);
        for (b = 0; b < taps; b++)
            vectors[a * taps + b] *= root;
    }
    return INN_OK;
}

/* A row of V: one output's weights summed over the taps. */
static void make_row(void *context, size_t part)
{
    const struct metric_work *w = context;
    size_t o = w->first + part, c, t;
    const double *from = w->weight + o * w->n * w->taps;
    double *to = w->v + part * w->n, sum;
    double scale = w->out_scale != NULL ? w->out_scale[o] : 1.0;

    for (c = 0; c < w->n; c++) {
        sum = 0.0;
        for (t = 0; t < w->taps; t++)
            sum += w->vector[t] * from[c * w->taps + t];
        to[c] = scale * sum;
    }
}

/* The lower triangle's tiles, row by row. */
static void tile_of(size_t part, size_t *i, size_t *j)
{
    *i = 0;
    for (*j = part; *j > *i; (*i)++)
        *j -= *i + 1;
    *i *= TILE;
    *j *= TILE;
}

static void multiply(void *context, size_t part)
{
    const struct metric_work *w = context;
    int threads = inn_blas_alone();
    size_t i, j;

    tile_of(part, &i, &j);
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans,
                (blasint)smaller(TILE, w->n - i),
                (blasint)smaller(TILE, w->n - j), (blasint)w->rows, 1.0,
                w->v + i, (blasint)w->n, w->v + j, (blasint)w->n, 1.0,
                w->metric + i * w->n + j, (blasint)w->n);
    inn_blas_restore(threads);
}

/* The lower triangle is what counts; both must hold the same bits. */
static void mirror(void *context, size_t part)
{
    const struct metric_work *w = context;
    size_t r, c, i, j;

    tile_of(part, &i, &j);
    for (r = i; r < smaller(w->n, i + TILE); r++) {
        for (c = j; c < smaller(r, j + TILE); c++)
            w->metric[c * w->n + r] = w->metric[r * w->n + c];
    }
}

static void add_products(struct metric_work *w, const double *vectors,
                         const double *values, size_t outputs, int threads)
{
    size_t parts, j;

    w->tiles = (w->n + TILE - 1) / TILE;
    parts = w->tiles * (w->tiles + 1) / 2;
    for (j = 0; j < w->taps; j++) {
        if (values[j] == 0.0)
            continue;
        w->vector = vectors + j * w->taps;
        for (w->first = 0; w->first < outputs; w->first += w->rows) {
            w->rows = smaller(SLICE, outputs - w->first);
            inn_parallel(threads, w->rows, make_row, w);
            inn_parallel(threads, parts, multiply, w);
        }
    }
    inn_parallel(threads, parts, mirror, w);
}

static enum inn_status check(int64_t outputs, int64_t n,
                             const int64_t kernel[2],
                             const int64_t dilation[2],
                             const struct inn_gathered *input,
                             struct inn_error *err)
{
    size_t count;
    int y, x;

    if (kernel[0] < 1 || kernel[1] < 1 || kernel[0] > MAX_TAPS ||
        kernel[1] > MAX_TAPS / kernel[0])
        return inn_fail(err, INN_ERR_UNSUPPORTED,
                        "a kernel of %" PRId64 " x %" PRId64 " taps: at most "
                        "%d in all", kernel[0], kernel[1], MAX_TAPS);
    if (outputs < 0 || n < 1 || n > INT_MAX ||
        !inn_mul_size(&count, (size_t)n, (size_t)n) ||
        !inn_mul_size(&count, (size_t)n, (size_t)outputs) ||
        !inn_mul_size(&count, count, (size_t)(kernel[0] * kernel[1])))
        return inn_fail(err, INN_ERR_ARGUMENT,
                        "%" PRId64 " outputs of %" PRId64 " channels",
                        outputs, n);
    if (dilation[0] < 1 || dilation[1] < 1 || dilation[0] > INT_MAX ||
        dilation[1] > INT_MAX)
        return inn_fail(err, INN_ERR_ARGUMENT,
                        "dilations %" PRId64 " and %" PRId64, dilation[0],
                        dilation[1]);
    for (y = 0; y <= INN_TABLE; y++) {
        for (x = 0; x <= INN_TABLE; x++) {
            if (!isfinite(input->r[y][x]))
                return inn_fail(err, INN_ERR_FORMAT,
                                "the correlation %d, %d apart is %g", y, x,
                                input->r[y][x]);
        }
    }
    return INN_OK;
}

enum inn_status inn_consumer_metric(double *metric, const double *weight,
                                    int64_t outputs, int64_t n,
                                    const int64_t kernel[2],
                                    const int64_t dilation[2],
                                    const double *out_scale,
                                    const struct inn_gathered *input,
                                    int threads, struct inn_heap *heap,
                                    struct inn_error *err)
{
    struct metric_work w = {.metric = metric, .weight = weight,
                            .out_scale = out_scale};
    enum inn_status st = check(outputs, n, kernel, dilation, input, err);
    double *vectors, *values;

    if (st != INN_OK)
        return st;
    w.n = (size_t)n;
    w.taps = (size_t)(kernel[0] * kernel[1]);
    vectors = inn_alloc(heap, w.taps * w.taps, sizeof(*vectors), err);
    values = inn_alloc(heap, w.taps, sizeof(*values), err);
    w.v = inn_alloc_raw(heap, smaller(SLICE, (size_t)outputs) * w.n,
                        sizeof(*w.v), err);
    if (vectors == NULL || values == NULL || w.v == NULL) {
        st = inn_refused(err);
        goto out;
    }
    st = tap_factor(vectors, values, kernel, dilation, input, heap, err);
    if (st == INN_OK)
        add_products(&w, vectors, values, (size_t)outputs, threads);
out:
    inn_free(heap, vectors);
    inn_free(heap, values);
    inn_free(heap, w.v);
    return st;
}
