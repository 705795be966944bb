/*
 * Moments of one activation: mean, covariance, and the spatial correlations
 * that all channels share. Products are sums over fixed slices of positions
 * in float, added up in double; each tile of the covariance is one thread's:
 * the same bits on any number of them.
 */
#include "converter/moments/moments.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

#include "converter/moments/alone.h"
#include "runtime/base/checked.h"
#include "runtime/base/error.h"
#include "runtime/base/random.h"
#include "runtime/base/threads.h"
#include "runtime/ops/moments.h"

/* Positions of a slice; channels of a tile, each way. */
#define SLICE 1024
#define TILE 128
/* Floats that are gathered before they are multiplied. */
#define SLAB ((size_t)8 << 20)
/* One position in so many is looked at for what to sum about. */
#define GLANCE 16
/* Elements that enter the spatial table, about, and how they are cut. */
#define TABLE_ELEMENTS ((size_t)2 << 20)
#define TABLE_PARTS 16
#define TABLE_SIZE ((INN_TABLE + 1) * (INN_TABLE + 1))
/* Most positions of one call. */
#define MOST_POSITIONS ((int64_t)1 << 30)

enum inn_status inn_gather_start(struct inn_gathered *g, int value, int axis,
                                 int64_t n, struct inn_heap *heap,
                                 struct inn_error *err)
{
    size_t square;

    memset(g, 0, sizeof(*g));
    g->value = value;
    g->axis = axis;
    g->next = -1;
    g->repeat = 1;
    g->n = n;
    if (n < 1 || !inn_mul_size(&square, (size_t)n, (size_t)n))
        return inn_fail(err, INN_ERR_LIMIT,
                        "moments of %lld channels can't be held",
                        (long long)n);
    g->mean = inn_alloc(heap, (size_t)n, sizeof(*g->mean), err);
    g->about = inn_alloc(heap, (size_t)n, sizeof(*g->about), err);
    g->cov = inn_alloc(heap, square, sizeof(*g->cov), err);
    if (g->mean != NULL && g->about != NULL && g->cov != NULL)
        return INN_OK;
    inn_gather_free(g, heap);
    return inn_refused(err);
}

void inn_gather_free(struct inn_gathered *g, struct inn_heap *heap)
{
    inn_free(heap, g->mean);
    inn_free(heap, g->about);
    inn_free(heap, g->cov);
    memset(g, 0, sizeof(*g));
}

/* An activation as [outer, n, inner], and the positions taken of it. */
struct view {
    struct inn_gathered *g;
    const float *data;
    size_t outer, n, inner;
    size_t planes, height, width; /* inner, where it is planes */
    size_t taken;
};

static enum inn_status make_view(struct view *v, struct inn_gathered *g,
                                 const struct inn_tensor *t,
                                 int64_t positions, struct inn_error *err)
{
    char text[INN_SHAPE_TEXT];
    size_t total;
    int i;

    /* Joined along axis 0, channels come there once for every picture. */
    if (t->type != INN_F32 || t->rank <= g->axis || g->axis < 0 ||
        inn_tensor_count(t) == 0 || positions < 1 ||
        (g->axis == 0 ? t->dims[0] % g->n != 0
                      : t->dims[g->axis] != g->n))
        return inn_fail(err, INN_ERR_UNSUPPORTED,
                        "an activation of shape %s has no %lld channels on "
                        "axis %d", inn_shape_text(text, t->rank, t->dims),
                        (long long)g->n, g->axis);
    v->g = g;
    v->data = t->data;
    v->n = (size_t)g->n;
    v->inner = 1;
    for (i = g->axis + 1; i < t->rank; i++)
        v->inner *= (size_t)t->dims[i];
    v->outer = inn_tensor_count(t) / v->n / v->inner;
    v->width = t->rank > g->axis + 1 ? (size_t)t->dims[t->rank - 1] : 1;
    v->height = t->rank > g->axis + 2 ? (size_t)t->dims[t->rank - 2] : 1;
    v->planes = v->outer * v->n * (v->inner / v->width / v->height);
    if (positions > MOST_POSITIONS)
        positions = MOST_POSITIONS;
    total = v->outer * v->inner;
    v->taken = total < (size_t)positions ? total : (size_t)positions;
    return INN_OK;
}

/* One of total things in stratum k of n, at a hashed place in it. */
static size_t pick(size_t k, size_t n, size_t total)
{
    size_t base = total / n, rest = total % n;
    size_t from = k * base + k * rest / n;
    size_t to = (k + 1) * base + (k + 1) * rest / n;
    uint64_t state = k;

    /* Even steps would meet the same columns of every row. */
    return to - from < 2 ? from
                         : from + (size_t)(inn_random_bits(&state) %
                                           (to - from));
}

/* Where in data the k-th position's channel 0 lies. */
static size_t place(const struct view *v, size_t k)
{
    size_t at = pick(k, v->taken, v->outer * v->inner);

    return at / v->inner * v->n * v->inner + at % v->inner;
}

/* What sums are about: near the mean is near enough. */
static void find_reference(const struct view *v)
{
    size_t c, k, count = (v->taken + GLANCE - 1) / GLANCE;

    for (k = 0; k < v->taken; k += GLANCE) {
        const float *x = v->data + place(v, k);

        for (c = 0; c < v->n; c++)
            v->g->about[c] += (double)x[c * v->inner];
    }
    /* In float, so that differences are rounded once. */
    for (c = 0; c < v->n; c++)
        v->g->about[c] = (double)(float)(v->g->about[c] / (double)count);
}

struct products {
    const struct view *v;
    size_t from, length, room; /* positions of the slab */
    size_t *places;            /* [room] */
    float *slab;               /* [n × room], about the reference */
    float *scratch;            /* [tiles × TILE × TILE] */
};

/* A tile's channels of the slab. */
static void gather_part(void *context, size_t part)
{
    const struct products *p = context;
    const struct view *v = p->v;
    size_t c, k, end = (part + 1) * TILE < v->n ? (part + 1) * TILE : v->n;

    for (c = part * TILE; c < end; c++) {
        const float *from = v->data + c * v->inner;
        float *to = p->slab + c * p->room;
        float about = (float)v->g->about[c];
        double sum = 0.0;

        for (k = 0; k < p->length; k++) {
            to[k] = from[p->places[k]] - about;
            sum += (double)to[k];
        }
        v->g->mean[c] += sum;
    }
}

/* One tile of the lower triangle of Σ x xᵀ. */
static void product_part(void *context, size_t part)
{
    const struct products *p = context;
    float *tile = p->scratch + part * TILE * TILE;
    size_t n = p->v->n, row = 0, a, b, na, nb, from, i, j;
    int before = inn_blas_alone();

    while (part > row)
        part -= ++row;
    a = row * TILE;
    b = part * TILE;
    na = n - a < TILE ? n - a : TILE;
    nb = n - b < TILE ? n - b : TILE;
    for (from = 0; from < p->length; from += SLICE) {
        size_t k = p->length - from < SLICE ? p->length - from : SLICE;

        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)na,
                    (blasint)nb, (blasint)k, 1.0f,
                    p->slab + a * p->room + from, (blasint)p->room,
                    p->slab + b * p->room + from, (blasint)p->room, 0.0f,
                    tile, TILE);
        for (i = 0; i < na; i++) {
            for (j = 0; j < nb; j++)
                p->v->g->cov[(a + i) * n + b + j] +=
                    (double)tile[i * TILE + j];
        }
    }
    inn_blas_restore(before);
}

static enum inn_status add_products(const struct view *v, int threads,
                                    struct inn_heap *heap,
                                    struct inn_error *err)
{
    size_t tiles = (v->n + TILE - 1) / TILE, parts = tiles * (tiles + 1) / 2;
    struct products p = {.v = v, .room = SLICE};
    enum inn_status st = INN_OK;
    size_t k;

    while (p.room * 2 * v->n <= SLAB && p.room < v->taken)
        p.room *= 2;
    p.places = inn_alloc_raw(heap, p.room, sizeof(*p.places), err);
    p.slab = inn_alloc_raw(heap, p.room, v->n * sizeof(*p.slab), err);
    p.scratch = inn_alloc_raw(heap, parts, TILE * TILE * sizeof(float), err);
    if (p.places == NULL || p.slab == NULL || p.scratch == NULL) {
        st = inn_refused(err);
        goto out;
    }
    for (p.from = 0; p.from < v->taken; p.from += p.length) {
        p.length = v->taken - p.from < p.room ? v->taken - p.from : p.room;
        for (k = 0; k < p.length; k++)
            p.places[k] = place(v, p.from + k);
        inn_parallel(threads, tiles, gather_part, &p);
        inn_parallel(threads, parts, product_part, &p);
    }
    v->g->count += (int64_t)v->taken;
out:
    inn_free(heap, p.places);
    inn_free(heap, p.slab);
    inn_free(heap, p.scratch);
    return st;
}

struct table {
    const struct view *v;
    size_t stride, room; /* of a padded plane: a row, all of it */
    size_t taken;        /* planes that are looked at */
    float *scratch;      /* [TABLE_PARTS × room], padded by zeros */
    double (*sums)[TABLE_SIZE]; /* [TABLE_PARTS] */
};

/*
 * Σ_p x(p) x(p+δ) of some planes. Rows and columns of zeros around the plane
 * make it one product of the plane with itself, moved by δ.
 */
static void table_part(void *context, size_t part)
{
    const struct table *t = context;
    const struct view *v = t->v;
    const struct inn_gathered *g = v->g;
    float *plane = t->scratch + part * t->room;
    blasint length = (blasint)(v->height * t->stride);
    size_t k, dy, dx, y, x, at;
    int before = inn_blas_alone();

    for (k = part; k < t->taken; k += TABLE_PARTS) {
        const float *from;
        size_t c;
        float mean;

        at = pick(k, t->taken, v->planes);
        from = v->data + at * v->height * v->width;
        c = at * v->height * v->width / v->inner % v->n;
        mean = (float)(g->about[c] + g->mean[c] / (double)g->count);
        for (y = 0; y < v->height; y++) {
            for (x = 0; x < v->width; x++)
                plane[y * t->stride + x] = from[y * v->width + x] - mean;
        }
        for (dy = 0; dy <= INN_TABLE; dy++) {
            for (dx = 0; dx <= INN_TABLE; dx++) {
                double *sum = &t->sums[part][dy * (INN_TABLE + 1) + dx];
                const float *moved = plane + dy * t->stride;

                *sum += (double)cblas_sdot(length, plane, 1, moved + dx, 1);
                if (dy > 0 && dx > 0)
                    *sum += (double)cblas_sdot(length, plane, 1, moved - dx,
                                               1);
            }
        }
    }
    inn_blas_restore(before);
}

/* Pairs (y, x), (y + dy, x ± dx) in a plane. */
static double count_pairs(const struct view *v, size_t dy, size_t dx)
{
    if (dy >= v->height || dx >= v->width)
        return 0.0;
    return (double)(v->height - dy) * (double)(v->width - dx) *
           (dy > 0 && dx > 0 ? 2.0 : 1.0);
}

static enum inn_status add_table(const struct view *v, int threads,
                                 struct inn_heap *heap, struct inn_error *err)
{
    struct table t = {.v = v, .stride = v->width + INN_TABLE};
    size_t most = TABLE_ELEMENTS / (v->height * v->width) + 1, k, dy, dx;
    enum inn_status st = INN_OK;

    t.taken = v->planes < most ? v->planes : most;
    if (!inn_mul_size(&t.room, v->height + INN_TABLE + 1, t.stride) ||
        t.room > INT32_MAX)
        return inn_fail(err, INN_ERR_LIMIT, "a plane of %zu x %zu is too "
                        "large", v->height, v->width);
    t.scratch = inn_alloc(heap, TABLE_PARTS, t.room * sizeof(float), err);
    t.sums = inn_alloc(heap, TABLE_PARTS, sizeof(*t.sums), err);
    if (t.scratch == NULL || t.sums == NULL) {
        st = inn_refused(err);
        goto out;
    }
    inn_parallel(threads, TABLE_PARTS, table_part, &t);
    for (dy = 0; dy <= INN_TABLE; dy++) {
        for (dx = 0; dx <= INN_TABLE; dx++) {
            for (k = 0; k < TABLE_PARTS; k++)
                v->g->r[dy][dx] += t.sums[k][dy * (INN_TABLE + 1) + dx];
            v->g->pairs[dy][dx] += (double)t.taken * count_pairs(v, dy, dx);
        }
    }
out:
    inn_free(heap, t.scratch);
    inn_free(heap, t.sums);
    return st;
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
        find_reference(&v);
    st = add_products(&v, threads, heap, err);
    /* After the products: the table is about the mean as known by then. */
    if (st == INN_OK)
        st = add_table(&v, threads, heap, err);
    return st;
}

enum inn_status inn_gather_finish(struct inn_gathered *g,
                                  struct inn_error *err)
{
    size_t n = (size_t)g->n, i, j;
    double count = (double)g->count, base;

    if (g->count < 2)
        return inn_fail(err, INN_ERR_UNSUPPORTED,
                        "moments of %lld positions say nothing",
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
                g->r[i][j] = i > 0 ? g->r[i - 1][j] * INN_BEYOND
                             : j > 0 ? g->r[i][j - 1] * INN_BEYOND : 1;
        }
    }
    return INN_OK;
}
