/*
 * The Gram matrix of a group's channels. Products of floats are exact in
 * double, so that near duplicates keep their small distances: g_ii + g_jj -
 * 2 g_ij would lose them to a single precision product. Slices of columns are
 * widened to double and multiplied tile by tile, both of fixed sizes.
 */
#include "converter/order/order.h"

#include <cblas.h>
#include <limits.h>
#include <math.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "runtime/base/checked.h"
#include "runtime/base/error.h"
#include "runtime/base/threads.h"

/* Rows and columns of a tile, and columns of X taken at once. */
#define TILE 128
#define SLICE 256

struct gram_work {
    double *g;
    const float *rows;
    double *panel; /* [n × SLICE]: one slice of rows, in double */
    size_t n, len;
    size_t first, width; /* the slice */
    size_t tiles;        /* along one side */
    double scale;
};

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

enum inn_status inn_gram_init(struct inn_gram *gram, int64_t n,
                              struct inn_heap *heap, struct inn_error *err)
{
    size_t count;

    gram->heap = heap;
    gram->n = 0;
    gram->g = NULL;
    if (n < 0 || n >= INT_MAX ||
        !inn_mul_size(&count, (size_t)n, (size_t)n))
        return inn_fail(err, INN_ERR_RANGE,
                        "a group of %lld channels can't be ordered: 0 to %d",
                        (long long)n, INT_MAX - 1);
    gram->g = inn_alloc(heap, count, sizeof(*gram->g), err);
    if (gram->g == NULL)
        return inn_refused(err);
    gram->n = n;
    return INN_OK;
}

void inn_gram_free(struct inn_gram *gram)
{
    if (gram->g != NULL)
        inn_free(gram->heap, gram->g);
    gram->g = NULL;
    gram->n = 0;
}

static enum inn_status check_rows(const struct inn_gram *gram,
                                  const float *rows, int64_t len,
                                  double scale, struct inn_error *err)
{
    size_t n = (size_t)gram->n, count, i, k;

    if (len < 0 || !inn_mul_size(&count, n, (size_t)len) ||
        !inn_mul_size(&count, count, sizeof(*rows)))
        return inn_fail(err, INN_ERR_RANGE,
                        "%lld channels of %lld features: too large",
                        (long long)gram->n, (long long)len);
    if (!isfinite(scale) || scale < 0)
        return inn_fail(err, INN_ERR_FORMAT,
                        "features have the scale %g: it must be finite and "
                        "not negative", scale);
    for (i = 0; i < n; i++) {
        const float *row = rows + i * (size_t)len;

        for (k = 0; k < (size_t)len; k++) {
            if (!isfinite(row[k]))
                return inn_fail(err, INN_ERR_FORMAT,
                                "channel %zu of %zu: value %zu of %lld is "
                                "%g", i, n, k, (long long)len,
                                (double)row[k]);
        }
    }
    return INN_OK;
}

static void widen(void *context, size_t part)
{
    const struct gram_work *w = context;
    size_t i, k, end = smaller(w->n, (part + 1) * TILE);

    for (i = part * TILE; i < end; i++) {
        const float *from = w->rows + i * w->len + w->first;
        double *to = w->panel + i * w->width;

        for (k = 0; k < w->width; k++)
            to[k] = (double)from[k];
    }
}

/* The tile's row and column of tiles, row <= column. */
static void tile_of(size_t part, size_t tiles, size_t *row, size_t *column)
{
    size_t r = 0;

    while (part >= tiles - r) {
        part -= tiles - r;
        r++;
    }
    *row = r;
    *column = r + part;
}

static void multiply(void *context, size_t part)
{
    const struct gram_work *w = context;
    size_t r, c, i, j;
#ifdef _OPENMP
    int threads = omp_get_max_threads();
#endif

    tile_of(part, w->tiles, &r, &c);
    i = r * TILE;
    j = c * TILE;
#ifdef _OPENMP
    /*
     * OpenBLAS looks at this when it is not in a parallel region (one
     * thread asked for): a tile that it split itself might get other bits.
     */
    omp_set_num_threads(1);
#endif
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans,
                (blasint)smaller(TILE, w->n - i),
                (blasint)smaller(TILE, w->n - j), (blasint)w->width, w->scale,
                w->panel + i * w->width, (blasint)w->width,
                w->panel + j * w->width, (blasint)w->width, 1.0,
                w->g + i * w->n + j, (blasint)w->n);
#ifdef _OPENMP
    omp_set_num_threads(threads);
#endif
}

/* The upper triangle is what counts; both halves must hold the same bits. */
static void mirror(void *context, size_t part)
{
    const struct gram_work *w = context;
    size_t r, c, i, j;

    tile_of(part, w->tiles, &r, &c);
    for (i = r * TILE; i < smaller(w->n, (r + 1) * TILE); i++) {
        j = c * TILE > i ? c * TILE : i + 1;
        for (; j < smaller(w->n, (c + 1) * TILE); j++)
            w->g[j * w->n + i] = w->g[i * w->n + j];
    }
}

enum inn_status inn_gram_add(struct inn_gram *gram, const float *rows,
                             int64_t len, double scale, int threads,
                             struct inn_error *err)
{
    struct gram_work w = {0};
    enum inn_status st;
    size_t parts;

    st = check_rows(gram, rows, len, scale, err);
    if (st != INN_OK || gram->n == 0 || len == 0)
        return st;
    w.g = gram->g;
    w.rows = rows;
    w.n = (size_t)gram->n;
    w.len = (size_t)len;
    w.scale = scale;
    w.tiles = (w.n + TILE - 1) / TILE;
    parts = w.tiles * (w.tiles + 1) / 2;
    /* n × n doubles are there already: n × SLICE can't overflow. */
    w.panel = inn_alloc_raw(gram->heap, w.n * smaller(SLICE, w.len),
                            sizeof(*w.panel), err);
    if (w.panel == NULL)
        return inn_refused(err);
    for (w.first = 0; w.first < w.len; w.first += w.width) {
        w.width = smaller(SLICE, w.len - w.first);
        inn_parallel(threads, w.tiles, widen, &w);
        inn_parallel(threads, parts, multiply, &w);
    }
    inn_parallel(threads, parts, mirror, &w);
    inn_free(gram->heap, w.panel);
    return INN_OK;
}
