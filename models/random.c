/*
 * Normal numbers out of integers alone: xoshiro256++ (Blackman and Vigna),
 * seeded by splitmix64, and sums of twelve 16-bit draws in place of Box and
 * Muller's logarithm, whose last bit is another one in every C library. Each
 * tensor has a sequence of its own, by its name.
 */
#include "models/build.h"
#include "runtime/base/random.h"

struct xoshiro {
    uint64_t s[4];
};

static uint64_t rotate(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

static uint64_t next(struct xoshiro *x)
{
    uint64_t *s = x->s, result = rotate(s[0] + s[3], 23) + s[0], t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

static void start(struct xoshiro *x, uint64_t seed, const char *name)
{
    uint64_t state = 0xcbf29ce484222325u; /* FNV-1a over the name */
    int i;

    for (; *name != '\0'; name++)
        state = (state ^ (unsigned char)*name) * 0x100000001b3u;
    state ^= inn_random_bits(&seed);
    for (i = 0; i < 4; i++)
        x->s[i] = inn_random_bits(&state);
}

static int64_t sum_of_four(uint64_t x)
{
    return (int64_t)((x & 0xffff) + ((x >> 16) & 0xffff) +
                     ((x >> 32) & 0xffff) + (x >> 48));
}

/*
 * The sum of twelve uniform integers 0 … 65535 has mean 6 · 65535 and
 * variance 65536² - 1: it is exact, and normal but for what lies beyond 4 or
 * 5 deviations.
 */
void inn_seeded_normal(float *out, size_t n, uint64_t seed, const char *name,
                       double mean, double deviation)
{
    const double unit = deviation / 65536;
    struct xoshiro x;
    int64_t sum;
    size_t i;

    start(&x, seed, name);
    for (i = 0; i < n; i++) {
        sum = sum_of_four(next(&x));
        sum += sum_of_four(next(&x));
        sum += sum_of_four(next(&x));
        out[i] = (float)(mean + unit * (double)(sum - 6 * 65535));
    }
}
