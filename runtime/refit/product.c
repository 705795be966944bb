/*
 * Products of packed matrices: tiles of C are dealt to threads, each of which
 * walks its tile's panels by a micro-kernel for the vectors that there are.
 */
#include "runtime/refit/product.h"

#include <string.h>

#include "runtime/base/port.h"
#include "runtime/base/threads.h"

#ifdef INN_HAVE_X86
#include <immintrin.h>
#endif

/* Panels of a tile each way: 128 x 128 of C. */
#define TILE ((size_t)4)
/* Rows whose products are summed up in float; packed, caches hold them. */
#define SLICE ((size_t)256)

/* c += sign A^T B for up to `rows` of a's columns and `columns` of b's. */
typedef void float_kernel(double *c, size_t step, const float *a,
                          const float *b, size_t k, size_t rows,
                          size_t columns, double sign);
typedef void double_kernel(double *c, size_t step, const double *a,
                           const double *b, size_t k, size_t rows,
                           size_t columns, double sign);

/* The plain form: what a processor without these vectors runs. */
#define ONE(x) (x)
#define AT(p) (*(p))
#define PUT(p, x) (*(p) = (x))
#define MULTIPLY_ADD(a, b, c) ((a) * (b) + (c))

#define KERNEL floats_plain
#define TARGET
#define REAL float
#define VECTOR float
#define WIDTH 1
#define ROWS 2
#define LOAD AT
#define STORE PUT
#define SPREAD ONE
#define FUSED MULTIPLY_ADD
#include "runtime/refit/product_body.inc"

#define KERNEL doubles_plain
#define TARGET
#define REAL double
#define VECTOR double
#define WIDTH 1
#define ROWS 2
#define LOAD AT
#define STORE PUT
#define SPREAD ONE
#define FUSED MULTIPLY_ADD
#include "runtime/refit/product_body.inc"

#ifdef INN_HAVE_X86

#define KERNEL floats_avx512
#define TARGET INN_TARGET("avx512f")
#define REAL float
#define VECTOR __m512
#define WIDTH 16
#define ROWS 8
#define LOAD _mm512_loadu_ps
#define STORE _mm512_storeu_ps
#define SPREAD _mm512_set1_ps
#define FUSED _mm512_fmadd_ps
#include "runtime/refit/product_body.inc"

#define KERNEL doubles_avx512
#define TARGET INN_TARGET("avx512f")
#define REAL double
#define VECTOR __m512d
#define WIDTH 8
#define ROWS 4
#define LOAD _mm512_loadu_pd
#define STORE _mm512_storeu_pd
#define SPREAD _mm512_set1_pd
#define FUSED _mm512_fmadd_pd
#include "runtime/refit/product_body.inc"

#define KERNEL floats_avx2
#define TARGET INN_TARGET("avx2,fma")
#define REAL float
#define VECTOR __m256
#define WIDTH 8
#define ROWS 2
#define LOAD _mm256_loadu_ps
#define STORE _mm256_storeu_ps
#define SPREAD _mm256_set1_ps
#define FUSED _mm256_fmadd_ps
#include "runtime/refit/product_body.inc"

#define KERNEL doubles_avx2
#define TARGET INN_TARGET("avx2,fma")
#define REAL double
#define VECTOR __m256d
#define WIDTH 4
#define ROWS 1
#define LOAD _mm256_loadu_pd
#define STORE _mm256_storeu_pd
#define SPREAD _mm256_set1_pd
#define FUSED _mm256_fmadd_pd
#include "runtime/refit/product_body.inc"

#endif

struct kernels {
    float_kernel *floats;
    double_kernel *doubles;
    size_t float_rows, double_rows; /* columns of A that a call takes */
};

static struct kernels choose(void)
{
#ifdef INN_HAVE_X86
    if (INN_CPU_HAS("avx512f"))
        return (struct kernels){floats_avx512, doubles_avx512, 8, 4};
    if (INN_CPU_HAS("avx2") && INN_CPU_HAS("fma"))
        return (struct kernels){floats_avx2, doubles_avx2, 2, 1};
#endif
    return (struct kernels){floats_plain, doubles_plain, 2, 2};
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

void inn_pack_floats(float *to, size_t rows, size_t first, const float *from,
                     size_t n, size_t columns)
{
    size_t row, c, end = first + n, count;

    for (row = first; row < end; row++, from += columns) {
        for (c = 0; c < columns; c += INN_PANEL) {
            float *at = to + (c / INN_PANEL * rows + row) * INN_PANEL;

            count = smaller(INN_PANEL, columns - c);
            memcpy(at, from + c, count * sizeof(*at));
            memset(at + count, 0, (INN_PANEL - count) * sizeof(*at));
        }
    }
}

struct product {
    struct kernels k;
    double *c;
    size_t step;
    const float *a, *b;         /* one kind of these, */
    const double *wide_a, *wide_b; /* the other NULL */
    size_t a_columns, b_columns, rows;
    size_t tiles_down, tiles_across;
    bool lower;
    double sign;
};

/* One panel of A against one of B, over all rows. */
static void panels(const struct product *p, size_t pa, size_t pb)
{
    size_t rows = smaller(INN_PANEL, p->a_columns - pa * INN_PANEL);
    size_t columns = smaller(INN_PANEL, p->b_columns - pb * INN_PANEL);
    double *c = p->c + pa * INN_PANEL * p->step + pb * INN_PANEL;
    size_t i, k;

    if (p->a == NULL) {
        const double *a = p->wide_a + pa * p->rows * INN_PANEL;
        const double *b = p->wide_b + pb * p->rows * INN_PANEL;

        for (i = 0; i < rows; i += p->k.double_rows)
            p->k.doubles(c + i * p->step, p->step, a + i, b, p->rows,
                         rows - i, columns, p->sign);
        return;
    }
    for (k = 0; k < p->rows; k += SLICE) {
        const float *a = p->a + (pa * p->rows + k) * INN_PANEL;
        const float *b = p->b + (pb * p->rows + k) * INN_PANEL;

        for (i = 0; i < rows; i += p->k.float_rows)
            p->k.floats(c + i * p->step, p->step, a + i, b,
                        smaller(SLICE, p->rows - k), rows - i, columns,
                        p->sign);
    }
}

static void tile_part(void *context, size_t part)
{
    const struct product *p = context;
    size_t down = part / p->tiles_across, across = part % p->tiles_across;
    size_t a_end = smaller(inn_panels(p->a_columns), (down + 1) * TILE);
    size_t b_end = smaller(inn_panels(p->b_columns), (across + 1) * TILE);
    size_t pa, pb;

    if (p->lower && across > down)
        return;
    for (pa = down * TILE; pa < a_end; pa++) {
        for (pb = across * TILE; pb < b_end; pb++) {
            if (!p->lower || pb <= pa)
                panels(p, pa, pb);
        }
    }
}

static void multiply(struct product *p, int threads)
{
    p->k = choose();
    p->tiles_down = (inn_panels(p->a_columns) + TILE - 1) / TILE;
    p->tiles_across = (inn_panels(p->b_columns) + TILE - 1) / TILE;
    inn_parallel(threads, p->tiles_down * p->tiles_across, tile_part, p);
}

void inn_product_floats(double *c, size_t c_step, const float *a,
                        size_t a_columns, const float *b, size_t b_columns,
                        size_t rows, bool lower, int threads)
{
    struct product p = {.c = c, .step = c_step, .a = a, .b = b,
                        .a_columns = a_columns, .b_columns = b_columns,
                        .rows = rows, .lower = lower, .sign = 1.0};

    multiply(&p, threads);
}

void inn_product_doubles(double *c, size_t c_step, const double *a,
                         size_t a_columns, const double *b, size_t b_columns,
                         size_t rows, bool lower, bool subtract, int threads)
{
    struct product p = {.c = c, .step = c_step, .wide_a = a, .wide_b = b,
                        .a_columns = a_columns, .b_columns = b_columns,
                        .rows = rows, .lower = lower,
                        .sign = subtract ? -1.0 : 1.0};

    multiply(&p, threads);
}
