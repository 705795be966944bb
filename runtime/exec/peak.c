/*
 * Independent chains of fused multiply-adds on registers, the widest that the
 * processor has. Twelve chains: more than latency × units of any core so
 * far (4 × 2), and they fit the sixteen registers of AVX2.
 */
#include "runtime/exec/peak.h"

#include <math.h>

#include "runtime/base/clock.h"
#include "runtime/base/port.h"
#include "runtime/base/threads.h"
#include "runtime/exec/workers.h"

#ifdef INN_HAVE_X86
#include <immintrin.h>
#endif

#define CHAINS 12
#define TRIES 9
/* Multiply-adds per chain and try: a few ms. */
#define ROUNDS 1000000
/* x → ax + b stays between 0 and 1. */
#define SCALE 0.999f
#define SHIFT 0.0005f

/* One step of every chain; F(chain) is its multiply-add. */
#define ALL_CHAINS(F) \
    do { \
        F(0); F(1); F(2); F(3); F(4); F(5); \
        F(6); F(7); F(8); F(9); F(10); F(11); \
    } while (0)

/* Four lanes, in the hope of a compiler that sees vectors in them. */
static double chains_plain(int rounds)
{
    float x[4 * CHAINS], sum = 0;
    int i, k;

    for (k = 0; k < 4 * CHAINS; k++)
        x[k] = (float)k / (4 * CHAINS);
    for (i = 0; i < rounds; i++) {
        for (k = 0; k < 4 * CHAINS; k++) {
#ifdef FP_FAST_FMAF
            x[k] = fmaf(x[k], SCALE, SHIFT);
#else
            x[k] = x[k] * SCALE + SHIFT;
#endif
        }
    }
    for (k = 0; k < 4 * CHAINS; k++)
        sum += x[k];
    return (double)sum;
}

#ifdef INN_HAVE_X86

INN_TARGET("avx512f")
static double chains_avx512(int rounds)
{
    __m512 x[CHAINS], a = _mm512_set1_ps(SCALE), b = _mm512_set1_ps(SHIFT);
    int i;

#define START(k) x[k] = _mm512_set1_ps((float)(k) / CHAINS)
#define STEP(k) x[k] = _mm512_fmadd_ps(x[k], a, b)
#define JOIN(k) a = _mm512_add_ps(a, x[k])
    ALL_CHAINS(START);
    for (i = 0; i < rounds; i++)
        ALL_CHAINS(STEP);
    ALL_CHAINS(JOIN);
#undef START
#undef STEP
#undef JOIN
    return (double)_mm512_reduce_add_ps(a);
}

INN_TARGET("avx2,fma")
static double chains_avx2(int rounds)
{
    __m256 x[CHAINS], a = _mm256_set1_ps(SCALE), b = _mm256_set1_ps(SHIFT);
    float sum[8];
    int i;

#define START(k) x[k] = _mm256_set1_ps((float)(k) / CHAINS)
#define STEP(k) x[k] = _mm256_fmadd_ps(x[k], a, b)
#define JOIN(k) a = _mm256_add_ps(a, x[k])
    ALL_CHAINS(START);
    for (i = 0; i < rounds; i++)
        ALL_CHAINS(STEP);
    ALL_CHAINS(JOIN);
#undef START
#undef STEP
#undef JOIN
    _mm256_storeu_ps(sum, a);
    return (double)sum[0];
}

#endif

struct chains {
    double (*run)(int rounds);
    int lanes;
    double best[INN_MAX_WORKERS]; /* GFLOP/s of each part */
    double sum[INN_MAX_WORKERS];  /* read, lest the work be left out */
};

static void choose(struct chains *c)
{
    c->run = chains_plain;
    c->lanes = 4;
#ifdef INN_HAVE_X86
    if (INN_CPU_HAS("avx512f")) {
        c->run = chains_avx512;
        c->lanes = 16;
    } else if (INN_CPU_HAS("avx2") && INN_CPU_HAS("fma")) {
        c->run = chains_avx2;
        c->lanes = 8;
    }
#endif
}

static void one_part(void *context, size_t part)
{
    struct chains *c = context;
    int64_t start = inn_clock_ns(), ns;

    c->sum[part] = c->run(ROUNDS);
    ns = inn_clock_ns() - start;
    if (ns > 0)
        c->best[part] = fmax(c->best[part],
                             2.0 * ROUNDS * CHAINS * c->lanes / (double)ns);
}

/*
 * All at once, for cores may share what they have, but each by its own best
 * time: another process that takes a core for a while does no harm.
 */
double inn_peak_gflops(int threads)
{
    struct chains c = {.run = NULL};
    double all = 0, sum = 0;
    int i;

    if (threads <= 0)
        threads = inn_threads_available();
    if (threads > INN_MAX_WORKERS)
        threads = INN_MAX_WORKERS;
    choose(&c);
    for (i = 0; i < TRIES; i++)
        inn_parallel(threads, (size_t)threads, one_part, &c);
    for (i = 0; i < threads; i++) {
        all += c.best[i];
        sum += c.sum[i];
    }
    return isfinite(sum) ? all : 0;
}
