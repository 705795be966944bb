/*
 * Moments of one activation: mean, covariance, and the spatial correlations
 * that all channels share. Positions are subsampled evenly. Products are
 * sums over fixed slices of positions in float, added up in double, each
 * tile of the covariance on one thread: the same bits on any number of them.
 */
#include "converter/moments/moments.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

#include "converter/moments/alone.h"
#include "runtime/base/checked.h"
#include "runtime/base/error.h"
#include "runtime/base/threads.h"

/* Positions of a slice; channels of a tile, each way. */
#define SLICE 1024
#define TILE 256
/* Elements that enter the spatial table, about. */
#define TABLE_ELEMENTS ((size_t)4 << 20)

enum inn_status inn_gather_start(struct inn_gathered *g, int value, int axis,
                                 int64_t n, struct inn_heap *heap,
                                 struct inn_error *err)
{
    size_t square;

    memset(g, 0, sizeof(*g));
    g->value = value;
    g->axis = axis;
    g->n = n;
    if (!inn_mul_size(&square, (size_t)n, (size_t)n))
        return inn_fail(err, INN_ERR_LIMIT, "%lld channels are too many",
                        (long long)n);
    g->mean = inn_alloc(heap, (size_t)n, sizeof(*g->mean), err);
    g->about = inn_alloc(heap, (size_t)n, sizeof(*g->about), err);
    g->cov = inn_alloc(heap, square, sizeof(*g->cov), err);
    return g->mean == NULL || g->about == NULL || g->cov == NULL
               ? inn_refused(err) : INN_OK;
}

void inn_gather_free(struct inn_gathered *g, struct inn_heap *heap)
{
    inn_free(heap, g->mean);
    inn_free(heap, g->about);
    inn_free(heap, g->cov);
    memset(g, 0, sizeof(*g));
}

/* An activation as [batch, n, plane], and the positions taken of it. */
struct view {
    const float *data;
    size_t batch, n, plane, height, width;
    size_t every, taken;
};

static enum inn_status make_view(struct view *v, const struct inn_gathered *g,
                                 const struct inn_tensor *t, int64_t positions,
                                 struct inn_error *err)
{
    if (t->type != INN_F32 || t->rank < 2 || t->dims[1] != g->n ||
        inn_tensor_count(t) == 0 || positions < 1)
        return inn_fail(err, INN_ERR_UNSUPPORTED,
                        "an activation that has no channels on axis 1");
    v->data = t->data;
    v->batch = (size_t)t->dims[0];
    v->n = (size_t)t->dims[1];
    v->plane = inn_tensor_count(t) / v->batch / v->n;
    v->width = t->rank > 3 ? (size_t)t->dims[t->rank - 1] : v->plane;
    v->height = v->plane / v->width;
    v->every = (v->batch * v->plane + (size_t)positions - 1) /
               (size_t)positions;
    v->taken = (v->batch * v->plane + v->every - 1) / v->every;
    return INN_OK;
}

static float element(const struct view *v, size_t position, size_t channel)
{
    return v->data[(position / v->plane * v->n + channel) * v->plane +
                   position % v->plane];
}

/* The first batch's means: sums about them keep their precision. */
static void find_reference(struct inn_gathered *g, const struct view *v)
{
    size_t c, i;

    for (c = 0; c < v->n; c++) {
        double sum = 0;

        for (i = 0; i < v->taken; i++)
            sum += (double)element(v, i * v->every, c);
        g->about[c] = sum / (double)v->taken;
    }
}

struct products {
    struct inn_gathered *g;
    const float *rows; /* [taken × n] about the reference */
    size_t taken, tiles;
    float *scratch;    /* [parts × TILE × TILE] */
};

/* One tile of Σ x xᵀ, rows of it from channel a, columns from channel b. */
static void one_tile(void *context, size_t part)
{
    struct products *p = context;
    size_t n = (size_t)p->g->n, row = 0, a, b, from, i, j;
    float *tile = p->scratch + part * TILE * TILE;
    size_t na, nb;
    int before = inn_blas_alone();

    while (part > row) /* part counts tiles of the lower triangle */
        part -= ++row;
    a = row * TILE;
    b = part * TILE;
    na = n - a < TILE ? n - a : TILE;
    nb = n - b < TILE ? n - b : TILE;
    for (from = 0; from < p->taken; from += SLICE) {
        size_t k = p->taken - from < SLICE ? p->taken - from : SLICE;

        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)na, (int)nb,
                    (int)k, 1.0f, p->rows + from * n + a, (int)n,
                    p->rows + from * n + b, (int)n, 0.0f, tile, TILE);
        for (i = 0; i < na; i++) {
            for (j = 0; j < nb; j++)
                p->g->cov[(a + i) * n + b + j] += (double)tile[i * TILE + j];
        }
    }
    inn_blas_restore(before);
}

static enum inn_status add_products(struct inn_gathered *g,
                                    const struct view *v, int threads,
                                    struct inn_heap *heap,
                                    struct inn_error *err)
{
    struct products p = {.g = g, .taken = v->taken};
    size_t parts, i, c;
    enum inn_status st = INN_OK;
    float *rows;

    p.tiles = (v->n + TILE - 1) / TILE;
    parts = p.tiles * (p.tiles + 1) / 2;
    rows = inn_alloc_raw(heap, v->taken, v->n * sizeof(*rows), err);
    p.scratch = inn_alloc_raw(heap, parts, TILE * TILE * sizeof(float), err);
    if (rows == NULL || p.scratch == NULL) {
        st = inn_refused(err);
        goto out;
    }
    for (i = 0; i < v->taken; i++) {
        for (c = 0; c < v->n; c++) {
            double x = (double)element(v, i * v->every, c) - g->about[c];

            rows[i * v->n + c] = (float)x;
            g->mean[c] += x;
        }
    }
    p.rows = rows;
    inn_parallel(threads, parts, one_tile, &p);
    g->count += (int64_t)v->taken;
out:
    inn_free(heap, rows);
    inn_free(heap, p.scratch);
    return st;
}

/* Σ over channels and pictures of x(p) x(p+δ), for every δ of the table. */
static void add_table(struct inn_gathered *g, const struct view *v)
{
    size_t step = v->batch * v->n * v->plane / TABLE_ELEMENTS + 1;
    size_t at, dy, dx, y, x;

    for (at = 0; at < v->batch * v->n; at += step) {
        const float *plane = v->data + at * v->plane;
        double mean = g->about[at % v->n];

        for (dy = 0; dy <= INN_TABLE && dy < v->height; dy++) {
            for (dx = 0; dx <= INN_TABLE && dx < v->width; dx++) {
                double sum = 0;

                for (y = 0; y + dy < v->height; y++) {
                    const float *p = plane + y * v->width;
                    const float *q = p + dy * v->width + dx;

                    for (x = 0; x + dx < v->width; x++)
                        sum += ((double)p[x] - mean) * ((double)q[x] - mean);
                }
                g->r[dy][dx] += sum;
                g->pairs[dy][dx] +=
                    (double)((v->height - dy) * (v->width - dx));
            }
        }
    }
}

enum inn_status inn_gather_add(struct inn_gathered *g,
                               const struct inn_tensor *activation,
                               int64_t positions, int threads,
                               struct inn_heap *heap, struct inn_error *err)
{
    struct view v = {0};
    enum inn_status st = make_view(&v, g, activation, positions, err);

    if (st != INN_OK)
        return st;
    if (g->count == 0)
        find_reference(g, &v);
    st = add_products(g, &v, threads, heap, err);
    if (st == INN_OK)
        add_table(g, &v);
    return st;
}

enum inn_status inn_gather_finish(struct inn_gathered *g,
                                  struct inn_error *err)
{
    size_t n = (size_t)g->n, i, j;
    double count = (double)g->count, base;

    if (g->count < 2)
        return inn_fail(err, INN_ERR_UNSUPPORTED, "%lld positions",
                        (long long)g->count);
    for (i = 0; i < n; i++)
        g->mean[i] /= count;
    for (i = 0; i < n; i++) {
        for (j = 0; j <= i; j++) {
            g->cov[i * n + j] = g->cov[i * n + j] / count -
                                g->mean[i] * g->mean[j];
            g->cov[j * n + i] = g->cov[i * n + j];
        }
    }
    for (i = 0; i < n; i++)
        g->mean[i] += g->about[i];
    base = g->pairs[0][0] > 0 ? g->r[0][0] / g->pairs[0][0] : 0;
    for (i = 0; i <= INN_TABLE; i++) {
        for (j = 0; j <= INN_TABLE; j++) {
            if (g->pairs[i][j] > 0 && base > 0)
                g->r[i][j] = g->r[i][j] / g->pairs[i][j] / base;
            else /* beyond a small map: as far as the table goes on */
                g->r[i][j] = i > 0 ? g->r[i - 1][j] * 0.93
                             : j > 0 ? g->r[i][j - 1] * 0.93 : 1;
        }
    }
    return INN_OK;
}
