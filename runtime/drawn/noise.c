/*
 * Noise by the inverse Fourier transform of a random spectrum, two real
 * fields for one complex transform: the spectrum of a + ib with a, b real is
 * A + iB, A and B Hermitian. Sizes are rounded up to powers of two.
 */
#include "runtime/drawn/noise.h"

#include <math.h>

#include "runtime/base/checked.h"
#include "runtime/base/error.h"

#define PI 3.14159265358979323846
/* No side of a torus is longer: a field of 2^32 numbers is refused. */
#define LONGEST ((int64_t)1 << 16)

struct plane {
    float *re, *im; /* [rows × len] */
    size_t rows, len;
};

uint64_t inn_random_start(uint64_t seed, uint64_t stream)
{
    uint64_t state = seed;

    /* Streams lie apart by hashed distances, not by a few steps. */
    state ^= inn_random_bits(&stream);
    (void)inn_random_bits(&state);
    return state;
}

double inn_random_normal(uint64_t *state)
{
    double u = 1.0 - inn_random_unit(state); /* Box, Muller; never log 0 */
    double v = inn_random_unit(state);

    return sqrt(-2.0 * log(u)) * cos(2.0 * PI * v);
}

float inn_random_grain(uint64_t *state)
{
    uint64_t b = inn_random_bits(state);
    int32_t sum = (int32_t)(b & 0xffff) + (int32_t)(b >> 16 & 0xffff) +
                  (int32_t)(b >> 32 & 0xffff) + (int32_t)(b >> 48);

    /* Four uniform numbers in 0..65535 have variance 4 · 65536² / 12. */
    return (float)(sum - 131070) * (float)(1.7320508075688772 / 65536.0);
}

static size_t power_of_two(int64_t n)
{
    size_t p = 1;

    while (p < (size_t)n)
        p *= 2;
    return p;
}

/* cos and sin of 2πk/len for k < len/2. */
static void fill_roots(float *roots, size_t len)
{
    size_t k;

    for (k = 0; k < len / 2; k++) {
        double angle = 2.0 * PI * (double)k / (double)len;

        roots[2 * k] = (float)cos(angle);
        roots[2 * k + 1] = (float)sin(angle);
    }
}

static void swap(float *a, float *b)
{
    float t = *a;

    *a = *b;
    *b = t;
}

/* One row in place, radix 2, decimation in time; sign of the exponent +. */
static void transform_row(float *re, float *im, size_t len,
                          const float *roots)
{
    size_t i, j = 0, half, bit, k;

    for (i = 1; i < len; i++) {
        for (bit = len / 2; (j & bit) != 0; bit /= 2)
            j ^= bit;
        j ^= bit;
        if (i < j) {
            swap(&re[i], &re[j]);
            swap(&im[i], &im[j]);
        }
    }
    for (half = 1; half < len; half *= 2) {
        size_t step = len / (2 * half);

        for (i = 0; i < len; i += 2 * half) {
            for (k = 0; k < half; k++) {
                size_t a = i + k, b = a + half;
                float c = roots[2 * k * step], s = roots[2 * k * step + 1];
                float x = re[b] * c - im[b] * s, y = re[b] * s + im[b] * c;

                re[b] = re[a] - x;
                im[b] = im[a] - y;
                re[a] += x;
                im[a] += y;
            }
        }
    }
}

static void transform_rows(const struct plane *p, float *roots)
{
    size_t i;

    fill_roots(roots, p->len);
    for (i = 0; i < p->rows; i++)
        transform_row(p->re + i * p->len, p->im + i * p->len, p->len, roots);
}

static void transpose(float *to, const float *from, size_t rows, size_t len)
{
    size_t i, j, k;

    /* Strips of 16 columns keep the lines that are written in cache. */
    for (k = 0; k < len; k += 16) {
        for (i = 0; i < rows; i++) {
            for (j = k; j < len && j < k + 16; j++)
                to[j * rows + i] = from[i * len + j];
        }
    }
}

/* f^-alpha from f², without pow: alpha is a multiple of ½. */
static float amplitude(float f2, double alpha)
{
    float f = sqrtf(f2), a = 1.0f;
    int halves = (int)(2.0 * alpha + 0.5);

    if (halves % 2 != 0)
        a = sqrtf(f);
    for (; halves >= 2; halves -= 2)
        a *= f;
    return 1.0f / a;
}

/* Cycles per pixel of bin k of n. */
static float frequency(size_t k, size_t n)
{
    return (float)(k <= n / 2 ? k : n - k) / (float)n;
}

/*
 * A + iB at bin (i, j) and its mirror. Where a bin is its own mirror both
 * have to be real.
 */
static void fill_spectrum(const struct plane *p, const double alpha[2],
                          uint64_t *state)
{
    size_t i, j;

    for (i = 0; i < p->rows; i++) {
        size_t im = i != 0 ? p->rows - i : 0;
        float fi = frequency(i, p->rows);

        for (j = 0; j < p->len; j++) {
            size_t jm = j != 0 ? p->len - j : 0;
            size_t at = i * p->len + j, mirror = im * p->len + jm;
            float fj = frequency(j, p->len), f2 = fi * fi + fj * fj;
            float ar, ai, br, bi, a, b;

            if (mirror < at)
                continue;
            if (at == 0) {
                p->re[0] = p->im[0] = 0.0f;
                continue;
            }
            a = amplitude(f2, alpha[0]);
            b = amplitude(f2, alpha[1]);
            ar = a * inn_random_grain(state);
            ai = mirror != at ? a * inn_random_grain(state) : 0.0f;
            br = b * inn_random_grain(state);
            bi = mirror != at ? b * inn_random_grain(state) : 0.0f;
            p->re[at] = ar - bi;
            p->im[at] = ai + br;
            p->re[mirror] = ar + bi;
            p->im[mirror] = br - ai;
        }
    }
}

/* The corner of a torus, standardised. */
static void take_field(float *out, const float *from, size_t stride,
                       size_t height, size_t width)
{
    double sum = 0.0, square = 0.0, n = (double)height * (double)width, mean;
    float shift, scale;
    size_t y, x;

    for (y = 0; y < height; y++) {
        for (x = 0; x < width; x++)
            sum += (double)from[y * stride + x];
    }
    mean = sum / n;
    for (y = 0; y < height; y++) {
        for (x = 0; x < width; x++) {
            double d = (double)from[y * stride + x] - mean;

            square += d * d;
        }
    }
    shift = (float)mean;
    scale = (float)(1.0 / (sqrt(square / n) + 1e-9));
    for (y = 0; y < height; y++) {
        for (x = 0; x < width; x++)
            out[y * width + x] = (from[y * stride + x] - shift) * scale;
    }
}

enum inn_status inn_noise(float *const *out, const double *alpha, int n,
                          int64_t height, int64_t width, uint64_t *state,
                          struct inn_heap *heap, struct inn_error *err)
{
    size_t h, w, count, longest;
    struct plane by_column, by_row;
    float *memory;
    int i;

    if (height < 1 || width < 1 || height > LONGEST || width > LONGEST)
        return inn_fail(err, INN_ERR_RANGE,
                        "a picture of %lld x %lld can't be drawn: 1 to %lld "
                        "pixels each way", (long long)height,
                        (long long)width, (long long)LONGEST);
    h = power_of_two(height);
    w = power_of_two(width);
    longest = h > w ? h : w;
    count = h * w; /* at most 2^32 */
    memory = inn_alloc_raw(heap, 4 * count + longest, sizeof(*memory), err);
    if (memory == NULL)
        return inn_refused(err);
    by_column = (struct plane){memory, memory + count, w, h};
    by_row = (struct plane){memory + 2 * count, memory + 3 * count, h, w};
    for (i = 0; i + 1 < n; i += 2) {
        fill_spectrum(&by_column, alpha + i, state);
        transform_rows(&by_column, memory + 4 * count);
        transpose(by_row.re, by_column.re, w, h);
        transpose(by_row.im, by_column.im, w, h);
        transform_rows(&by_row, memory + 4 * count);
        take_field(out[i], by_row.re, w, (size_t)height, (size_t)width);
        take_field(out[i + 1], by_row.im, w, (size_t)height, (size_t)width);
    }
    inn_free(heap, memory);
    return INN_OK;
}
