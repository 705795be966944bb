/*
 * A matrix product in double, without fused multiply-adds: its bits must be
 * those of the plain loop everywhere. Blocks of terms whose rows stay in the
 * first-level cache; kernels for AVX-512 and AVX2, the plain loop for the
 * rest of the lanes and for other processors.
 */
#include "runtime/grid/mix.h"

#include <stddef.h>

#include "runtime/base/port.h"

#ifdef INN_HAVE_X86
#include <immintrin.h>
#endif

/* Terms whose rows are kept near: 16 lanes of them are 16 KiB. */
#define TERMS 128
/* Lanes that the plain loop sums side by side. */
#define PLAIN 8
#define WIDEST 16

static inline int64_t row_of(const struct inn_mix *m, int64_t k)
{
    return m->row != NULL ? m->row[k] : k;
}

/* Rows of some lanes of to, with terms first … last-1. */
typedef void block_fn(const struct inn_mix *m, double *to,
                      const double *weight, const double *from,
                      int64_t first, int64_t last);

struct kernels {
    int lanes; /* of a block; 0: there are none */
    block_fn *four, *one;
};

#ifdef INN_HAVE_X86

#define BLOCK avx512
#define TARGET INN_TARGET("avx512f")
#define VECTOR __m512d
#define WIDTH 8
#define LOAD _mm512_loadu_pd
#define STORE _mm512_storeu_pd
#define SPREAD _mm512_set1_pd
#define ADD _mm512_add_pd
#define SUBTRACT _mm512_sub_pd
#define MULTIPLY _mm512_mul_pd
#include "runtime/grid/mix_body.inc"

#define BLOCK avx2
#define TARGET INN_TARGET("avx2")
#define VECTOR __m256d
#define WIDTH 4
#define LOAD _mm256_loadu_pd
#define STORE _mm256_storeu_pd
#define SPREAD _mm256_set1_pd
#define ADD _mm256_add_pd
#define SUBTRACT _mm256_sub_pd
#define MULTIPLY _mm256_mul_pd
#include "runtime/grid/mix_body.inc"

#endif

/* The widest that the processor has and that are asked for. */
static struct kernels choose(bool subtract, int lanes)
{
    struct kernels k = {0, NULL, NULL};

#ifdef INN_HAVE_X86
    if (lanes >= 16 && INN_CPU_HAS("avx512f")) {
        k.lanes = 16;
        k.four = subtract ? avx512_subtract_4 : avx512_add_4;
        k.one = subtract ? avx512_subtract_1 : avx512_add_1;
    } else if (lanes >= 8 && INN_CPU_HAS("avx2")) {
        k.lanes = 8;
        k.four = subtract ? avx2_subtract_4 : avx2_add_4;
        k.one = subtract ? avx2_subtract_1 : avx2_add_1;
    }
#else
    (void)subtract;
    (void)lanes;
#endif
    return k;
}

/*
 * Up to PLAIN lanes of one row. The sums stand in an array of their own for
 * the compiler to see that nothing overlaps.
 */
static void plain(const struct inn_mix *m, double *to, const double *weight,
                  const double *from, int64_t first, int64_t last, int lanes,
                  bool subtract)
{
    double sum[PLAIN];
    int64_t k;
    int c;

    for (c = 0; c < PLAIN; c++)
        sum[c] = c < lanes ? to[c] : 0.0;
    for (k = first; k < last; k++) {
        const double *row = from + row_of(m, k) * m->from_stride;
        /* −(w x) is what (−w) x rounds to. */
        double w = subtract ? -weight[k] : weight[k];

        if (lanes == PLAIN) {
            for (c = 0; c < PLAIN; c++)
                sum[c] += w * row[c];
        } else {
            for (c = 0; c < lanes; c++)
                sum[c] += w * row[c];
        }
    }
    for (c = 0; c < lanes; c++)
        to[c] = sum[c];
}

/* Terms first … last-1 of everything. */
static void part(const struct inn_mix *m, const struct kernels *kernels,
                 int64_t first, int64_t last, bool subtract)
{
    int64_t lane = 0, row, n;

    while (lane < m->lanes) {
        double *to = m->to + lane;
        const double *from = m->from + lane, *weight = m->weight;

        n = kernels->lanes;
        if (n == 0 || m->lanes - lane < n) {
            n = m->lanes - lane < PLAIN ? m->lanes - lane : PLAIN;
            for (row = 0; row < m->rows; row++)
                plain(m, to + row * m->to_stride,
                      weight + row * m->weight_stride, from, first, last,
                      (int)n, subtract);
            lane += n;
            continue;
        }
        for (row = 0; row + 4 <= m->rows; row += 4)
            kernels->four(m, to + row * m->to_stride,
                          weight + row * m->weight_stride, from, first, last);
        for (; row < m->rows; row++)
            kernels->one(m, to + row * m->to_stride,
                         weight + row * m->weight_stride, from, first, last);
        lane += n;
    }
}

void inn_mix_on(const struct inn_mix *mix, bool subtract, int lanes)
{
    const struct kernels kernels = choose(subtract, lanes);
    int64_t k, last;

    for (k = 0; k < mix->terms; k = last) {
        last = mix->terms - k > TERMS ? k + TERMS : mix->terms;
        part(mix, &kernels, k, last, subtract);
    }
}

void inn_mix_add(const struct inn_mix *mix)
{
    inn_mix_on(mix, false, WIDEST);
}

void inn_mix_subtract(const struct inn_mix *mix)
{
    inn_mix_on(mix, true, WIDEST);
}
