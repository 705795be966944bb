/*
 * Blocks of tiles go through source transform, 16 products and result
 * transform in a worker's own memory, which the caches hold; outputs go in
 * chunks, so that the products' results never leave them. A product's weights
 * lie in panels of two vectors: [16][panel][inputs][vectors of outputs].
 */
#include "runtime/exec/winograd.h"

#include <stdatomic.h>
#include <stdint.h>

#include "runtime/base/port.h"
#include "runtime/base/threads.h"

#ifdef INN_HAVE_X86
#include <immintrin.h>
#endif

/* Most tiles of a block: four times the rows of a product. */
#define TILES ((size_t)56)
/* Of the widest vector. */
#define LANES ((size_t)16)
/* Outputs of a chunk: a multiple of every kind's panels. */
#define CHUNK ((size_t)64)
/* Items that each thread should find, for all to end together. */
#define ITEMS ((size_t)4)
/* Fewer channels, and the transforms take what the products save. */
#define LEAST_CHANNELS ((size_t)16)
/* A block's transformed source: 16 x 56 x 8192 floats are 28 MiB. */
#define MOST_CHANNELS ((size_t)8192)

/* Four rows of four pixels, some of which may lie in the padding. */
struct patch {
    const float *from;
    ptrdiff_t first, row, column; /* first: of the patch, even if it isn't there */
    bool whole, has_row[4], has_column[4];
};

/* The part of a tile's 2 x 2 outputs that there is. */
struct spot {
    float *to;
    const float *residual, *bias; /* or NULL; bias: of all channels */
    int rows, columns;
};

struct inn_wino_kernels {
    size_t width;
    void (*source)(const struct inn_wino *w, float *v, size_t step,
                   const struct patch *d);
    void (*product)(const struct inn_wino *w, float *m, size_t m_step,
                    const float *v, size_t v_step, const float *u,
                    size_t tiles, int vectors);
    void (*result)(const struct inn_wino *w, const struct spot *y,
                   const float *m, size_t step, size_t first, size_t n);
};

static size_t round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

INN_INLINE size_t place_of(const struct inn_wino_place *p, size_t c)
{
    return p->block == p->lanes ? c : c / p->lanes * p->block + c % p->lanes;
}

#ifdef INN_HAVE_X86

#define SOME16(n) ((__mmask16)((1u << (n)) - 1))

#define BLOCK avx512
#define TARGET INN_TARGET("avx512f")
#define VECTOR __m512
#define WIDTH 16
#define ROWS 14
#define LOAD _mm512_loadu_ps
#define LOAD_SOME(from, n) _mm512_maskz_loadu_ps(SOME16(n), from)
#define STORE _mm512_storeu_ps
#define STORE_SOME(to, n, x) _mm512_mask_storeu_ps(to, SOME16(n), x)
#define SPREAD _mm512_set1_ps
#define ADD _mm512_add_ps
#define SUBTRACT _mm512_sub_ps
#define MULTIPLY _mm512_mul_ps
#define FUSED _mm512_fmadd_ps
#define LEAST _mm512_min_ps
#define MOST _mm512_max_ps
#include "runtime/exec/winograd_body.inc"

/* Lanes whose first bit is set: the n first of eight. */
INN_TARGET("avx2,fma") static inline __m256i some8(size_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n),
                              _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

#define BLOCK avx2
#define TARGET INN_TARGET("avx2,fma")
#define VECTOR __m256
#define WIDTH 8
#define ROWS 6
#define LOAD _mm256_loadu_ps
#define LOAD_SOME(from, n) _mm256_maskload_ps(from, some8(n))
#define STORE _mm256_storeu_ps
#define STORE_SOME(to, n, x) _mm256_maskstore_ps(to, some8(n), x)
#define SPREAD _mm256_set1_ps
#define ADD _mm256_add_ps
#define SUBTRACT _mm256_sub_ps
#define MULTIPLY _mm256_mul_ps
#define FUSED _mm256_fmadd_ps
#define LEAST _mm256_min_ps
#define MOST _mm256_max_ps
#include "runtime/exec/winograd_body.inc"

#endif

static const struct inn_wino_kernels *choose(size_t lanes)
{
#ifdef INN_HAVE_X86
    if (lanes >= 16 && INN_CPU_HAS("avx512f"))
        return &avx512_kernels;
    if (lanes >= 8 && INN_CPU_HAS("avx2") && INN_CPU_HAS("fma"))
        return &avx2_kernels;
#else
    (void)lanes;
#endif
    return NULL;
}

/*
 * Whether there are channels enough for the transforms, and few enough
 * products in tiles that stand out over the edge.
 */
static bool pays(const struct inn_wino *w)
{
    return w->inputs >= LEAST_CHANNELS && w->outputs >= LEAST_CHANNELS &&
           w->inputs <= MOST_CHANNELS &&
           16.0 * (double)w->across * (double)w->down <=
               0.8 * 9.0 * (double)w->out_rows * (double)w->out_columns;
}

bool inn_wino_prepare(struct inn_wino *w, size_t lanes, int threads)
{
    size_t chunks = (w->outputs + CHUNK - 1) / CHUNK, want;

    w->kernels = choose(lanes);
    w->width = w->kernels != NULL ? w->kernels->width : 0;
    w->across = (w->out_columns + 1) / 2;
    w->down = (w->out_rows + 1) / 2;
    w->tiles = w->pictures * w->across * w->down;
    if (w->kernels == NULL || w->tiles == 0 || !pays(w))
        return false;
    w->blocks = (w->tiles + TILES - 1) / TILES;
    w->per_block = (w->tiles + w->blocks - 1) / w->blocks;
    w->blocks = (w->tiles + w->per_block - 1) / w->per_block;
    want = threads > 1 ? (ITEMS * (size_t)threads + w->blocks - 1) / w->blocks
                       : 1;
    want = want < chunks ? want : chunks;
    w->per_group = (chunks + want - 1) / want * CHUNK;
    w->groups = (w->outputs + w->per_group - 1) / w->per_group;
    return true;
}

static size_t panel(const struct inn_wino *w)
{
    return 2 * w->width;
}

/* Floats of one of the 16 matrices of weights. */
static size_t matrix(const struct inn_wino *w)
{
    return w->inputs * round_up(w->outputs, w->width);
}

size_t inn_wino_weight_count(const struct inn_wino *w)
{
    return 16 * matrix(w);
}

static size_t source_step(const struct inn_wino *w)
{
    return round_up(w->inputs, LANES);
}

size_t inn_wino_scratch_count(const struct inn_wino *w)
{
    return 16 * w->per_block * (source_step(w) + CHUNK);
}

size_t inn_wino_workers(const struct inn_wino *w, int threads)
{
    size_t items = w->blocks * w->groups, n = (size_t)threads;

    return items < n ? items : n;
}

struct weights_job {
    const struct inn_wino *w;
    float *to;
    const float *from;
};

/* G g of three values (equation 8). */
static void transform(float to[4], const float *g, size_t step)
{
    to[0] = g[0];
    to[1] = (g[0] + g[step] + g[2 * step]) * 0.5f;
    to[2] = (g[0] - g[step] + g[2 * step]) * 0.5f;
    to[3] = g[2 * step];
}

/* One panel, of whose outputs the last may be zeros: U = G g G^T. */
static void weights_part(void *context, size_t part)
{
    const struct weights_job *job = context;
    const struct inn_wino *w = job->w;
    size_t first = part * panel(w), n, c, k, i, j;
    float *to = job->to + first * w->inputs;

    n = round_up(w->outputs, w->width) - first;
    n = n < panel(w) ? n : panel(w);
    for (c = 0; c < w->inputs; c++, to += n) {
        for (k = 0; k < n; k++) {
            const float *g = job->from + ((first + k) * w->inputs + c) * 9;
            float half[3][4], all[4] = {0};

            for (i = 0; i < 3 && first + k < w->outputs; i++)
                transform(half[i], g + i, 3);
            for (j = 0; j < 4; j++) {
                if (first + k < w->outputs)
                    transform(all, &half[0][j], 4);
                for (i = 0; i < 4; i++)
                    to[(j * 4 + i) * matrix(w) + k] = all[i];
            }
        }
    }
}

void inn_wino_weights(const struct inn_wino *w, float *to,
                      const float *weight, int threads)
{
    struct weights_job job = {w, to, weight};

    inn_parallel(threads, (w->outputs + panel(w) - 1) / panel(w),
                 weights_part, &job);
}

struct job {
    const struct inn_wino *w;
    const struct inn_wino_data *data;
    atomic_size_t next; /* item */
};

/* Which picture a tile is of, and its first output there. */
struct tile {
    size_t picture, row, column;
};

static struct tile find_tile(const struct inn_wino *w, size_t index)
{
    struct tile t;

    t.column = index % w->across * 2;
    t.row = index / w->across % w->down * 2;
    t.picture = index / w->across / w->down;
    return t;
}

static void read_tiles(const struct inn_wino *w, const float *source,
                       float *v, size_t first, size_t n)
{
    const struct inn_wino_place *p = &w->source;
    size_t i, step = source_step(w);
    int k;

    for (i = 0; i < n; i++) {
        struct tile t = find_tile(w, first + i);
        ptrdiff_t row = (ptrdiff_t)t.row - (ptrdiff_t)w->pad_top;
        ptrdiff_t column = (ptrdiff_t)t.column - (ptrdiff_t)w->pad_left;
        struct patch d = {.from = source,
                          .row = (ptrdiff_t)p->row,
                          .column = (ptrdiff_t)p->column,
                          .whole = true};

        for (k = 0; k < 4; k++) {
            d.has_row[k] = row + k >= 0 && row + k < (ptrdiff_t)w->rows;
            d.has_column[k] =
                column + k >= 0 && column + k < (ptrdiff_t)w->columns;
            d.whole = d.whole && d.has_row[k] && d.has_column[k];
        }
        d.first = (ptrdiff_t)(t.picture * p->picture) + row * d.row +
                  column * d.column;
        w->kernels->source(w, v + i * step, n * step, &d);
    }
}

/* Outputs first to first + n of the tiles in v. */
static void multiply(const struct inn_wino *w, float *m, const float *v,
                     size_t tiles, size_t first, size_t n)
{
    size_t width = w->width, step = source_step(w), i, k, take;

    for (i = 0; i < 16; i++) {
        for (k = 0; k < n; k += take) {
            take = n - k > width ? 2 * width : width;
            w->kernels->product(
                w, m + i * tiles * CHUNK + k, CHUNK, v + i * tiles * step,
                step, w->weights + i * matrix(w) + (first + k) * w->inputs,
                tiles, take > width ? 2 : 1);
        }
    }
}

static size_t place_tile(const struct inn_wino_place *p, const struct tile *t)
{
    return t->picture * p->picture + t->row * p->row + t->column * p->column;
}

static void write_tiles(const struct inn_wino *w,
                        const struct inn_wino_data *data, const float *m,
                        size_t tile, size_t tiles, size_t first, size_t n)
{
    size_t i;

    for (i = 0; i < tiles; i++) {
        struct tile t = find_tile(w, tile + i);
        struct spot y = {.bias = data->bias};

        y.to = data->result + place_tile(&w->result, &t);
        if (data->residual != NULL)
            y.residual = data->residual + place_tile(&w->residual, &t);
        y.rows = t.row + 1 < w->out_rows ? 2 : 1;
        y.columns = t.column + 1 < w->out_columns ? 2 : 1;
        w->kernels->result(w, &y, m + i * CHUNK, tiles * CHUNK, first, n);
    }
}

static void run_item(const struct inn_wino *w,
                     const struct inn_wino_data *data, float *v, size_t item)
{
    size_t tile = item / w->groups * w->per_block;
    size_t first = item % w->groups * w->per_group;
    size_t tiles = w->tiles - tile, end = first + w->per_group, n;
    float *m = v + 16 * w->per_block * source_step(w);

    tiles = tiles < w->per_block ? tiles : w->per_block;
    end = end < w->outputs ? end : w->outputs;
    read_tiles(w, data->source, v, tile, tiles);
    for (; first < end; first += n) {
        n = end - first < CHUNK ? end - first : CHUNK;
        multiply(w, m, v, tiles, first, n);
        write_tiles(w, data, m, tile, tiles, first, n);
    }
}

/* A worker, which takes items as long as there are any. */
static void run_part(void *context, size_t part)
{
    struct job *job = context;
    const struct inn_wino *w = job->w;
    float *scratch = job->data->scratch + part * inn_wino_scratch_count(w);
    size_t item;

    while ((item = atomic_fetch_add(&job->next, 1)) < w->blocks * w->groups)
        run_item(w, job->data, scratch, item);
}

void inn_wino_run(const struct inn_wino *w, const struct inn_wino_data *data,
                  int threads)
{
    struct job job = {.w = w, .data = data};

    atomic_init(&job.next, 0);
    inn_parallel(threads, inn_wino_workers(w, threads), run_part, &job);
}
