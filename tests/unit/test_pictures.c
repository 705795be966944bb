/* Drawn pictures: determinism, exposure, and that they look like leaves. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "runtime/drawn/leaves.h"
#include "runtime/drawn/noise.h"
#include "tests/unit/starve.h"
#include "tests/unit/suite.h"

#define SIDE 128
#define COUNT 24

static float *draw(int64_t count, int64_t channels, int64_t height,
                   int64_t width, uint64_t seed, int threads,
                   struct inn_heap *heap)
{
    float *out = inn_alloc(heap, (size_t)(count * channels * height * width),
                           sizeof(*out), NULL);

    ck_assert_ptr_nonnull(out);
    ck_assert_int_eq(inn_draw_pictures(out, count, channels, height, width,
                                       seed, threads, heap, NULL), INN_OK);
    return out;
}

START_TEST(pictures_depend_on_the_seed_and_not_on_threads)
{
    struct inn_heap *heap = inn_heap_new(0);
    size_t bytes = (size_t)5 * 3 * 40 * 56 * sizeof(float);
    float *one = draw(5, 3, 40, 56, 7, 1, heap);
    float *two = draw(5, 3, 40, 56, 7, 2, heap);
    float *other = draw(5, 3, 40, 56, 8, 2, heap);

    ck_assert_mem_eq(one, two, bytes);
    ck_assert_mem_ne(one, other, bytes);
    ck_assert_mem_ne(one, one + 3 * 40 * 56, bytes / 5);
    inn_free(heap, one);
    inn_free(heap, two);
    inn_free(heap, other);
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}
END_TEST

/* Sums over all pictures of one channel. */
static void channel_moments(const float *x, int64_t channels, int64_t c,
                            size_t plane, int64_t count, double *mean,
                            double *variance)
{
    double sum = 0, square = 0, n = (double)count * (double)plane;
    int64_t p;
    size_t k;

    for (p = 0; p < count; p++) {
        for (k = 0; k < plane; k++) {
            double v = (double)x[(size_t)(p * channels + c) * plane + k];

            ck_assert(isfinite(v));
            sum += v;
            square += v * v;
        }
    }
    *mean = sum / n;
    *variance = square / n - *mean * *mean;
}

/*
 * Black and white are (1 − 0)/0.226 = 4.42 apart. 0.23/0.226 squared, times
 * the mean of e^{0.5 N}, is 1.17 for the contrast; brightness adds 0.2, and
 * cutting off takes away: 1.1 is what the prototype has.
 */
START_TEST(colours_are_exposed_like_photographs)
{
    struct inn_heap *heap = inn_heap_new(0);
    float *x = draw(COUNT, 3, SIDE, SIDE, 1, 0, heap);
    size_t plane = (size_t)SIDE * SIDE, k;
    double mean, variance;
    float low, high;
    int64_t c, p;

    for (c = 0; c < 3; c++) {
        channel_moments(x, 3, c, plane, COUNT, &mean, &variance);
        ck_assert_double_eq_tol(mean, 0.0, 1e-6);
        ck_assert_double_gt(variance, 0.8);
        ck_assert_double_lt(variance, 1.6);
        low = high = x[(size_t)c * plane];
        for (p = 0; p < COUNT; p++) {
            for (k = 0; k < plane; k++) {
                float v = x[(size_t)(p * 3 + c) * plane + k];

                low = v < low ? v : low;
                high = v > high ? v : high;
            }
        }
        ck_assert_float_le(high - low, 4.43f);
    }
    inn_free(heap, x);
    inn_heap_free(heap);
}
END_TEST

START_TEST(grey_and_mixes_are_standardised_too)
{
    static const int64_t channels[] = {1, 2, 5};
    struct inn_heap *heap = inn_heap_new(0);
    int64_t n = channels[_i], c;
    double mean, variance;
    float *x = draw(8, n, 32, 48, 3, 2, heap);

    for (c = 0; c < n; c++) {
        channel_moments(x, n, c, 32 * 48, 8, &mean, &variance);
        ck_assert_double_eq_tol(mean, 0.0, 1e-6);
        ck_assert_double_gt(variance, n == 1 ? 0.4 : 0.99);
        ck_assert_double_lt(variance, n == 1 ? 2.5 : 1.01);
    }
    inn_free(heap, x);
    inn_heap_free(heap);
}
END_TEST

/*
 * Correlations of neighbours, from the prototype's pictures of 224 × 224:
 * 0.97 next to each other, 0.74 at 16 pixels; at 128 shapes are smaller.
 */
START_TEST(neighbours_are_as_alike_as_in_leaves)
{
    static const int at[] = {1, 4, 16};
    static const double least[] = {0.93, 0.80, 0.55};
    static const double most[] = {0.99, 0.95, 0.85};
    struct inn_heap *heap = inn_heap_new(0);
    float *x = draw(COUNT, 3, SIDE, SIDE, 1, 0, heap);
    int i, axis, y, u, step;
    size_t p;

    for (i = 0; i < 3; i++) {
        for (axis = 0; axis < 2; axis++) {
            double sum = 0, square = 0;

            step = axis == 0 ? at[i] : at[i] * SIDE;
            for (p = 0; p < (size_t)COUNT * 3; p++) {
                const float *plane = x + p * SIDE * SIDE;

                for (y = 0; y < SIDE - at[i]; y++) {
                    for (u = 0; u < SIDE - at[i]; u++) {
                        double a = (double)plane[y * SIDE + u];

                        sum += a * (double)plane[y * SIDE + u + step];
                        square += a * a;
                    }
                }
            }
            ck_assert_double_gt(sum / square, least[i]);
            ck_assert_double_lt(sum / square, most[i]);
        }
    }
    inn_free(heap, x);
    inn_heap_free(heap);
}
END_TEST

/*
 * Mean square of differences over d columns on a torus of n × n whose modes
 * have amplitudes 1/f^alpha: Σ f^-2α (2 − 2 cos 2π k d / n).
 */
static double structure(double alpha, int n, int d)
{
    double sum = 0;
    int i, j;

    for (i = -n / 2; i < n / 2; i++) {
        for (j = -n / 2; j < n / 2; j++) {
            double f2 = (double)(i * i + j * j) / n / n;

            if (i != 0 || j != 0)
                sum += pow(f2, -alpha) *
                       (2 - 2 * cos(6.283185307179586 * j * d / n));
        }
    }
    return sum;
}

static double measured(const float *x, int n, int d)
{
    double sum = 0;
    int y, u;

    for (y = 0; y < n; y++) {
        for (u = 0; u + d < n; u++) {
            double v = (double)x[y * n + u + d] - (double)x[y * n + u];

            sum += v * v;
        }
    }
    return sum / n / (n - d);
}

START_TEST(noise_has_the_spectrum_asked_for)
{
    static const double alphas[] = {0.5, 1.0, 1.5, 2.0};
    struct inn_heap *heap = inn_heap_new(0);
    enum { N = 200, TORUS = 256, FIELDS = 8 };
    float *out[4], *x = inn_alloc(heap, 4 * N * N, sizeof(*x), NULL);
    double near[4] = {0}, middle[4] = {0}, far[4] = {0}, sum, square;
    uint64_t state;
    int i, y, k;

    ck_assert_ptr_nonnull(x);
    for (i = 0; i < 4; i++)
        out[i] = x + i * N * N;
    for (k = 0; k < FIELDS; k++) {
        state = inn_random_start(5, (uint64_t)k);
        ck_assert_int_eq(inn_noise(out, alphas, 4, N, N, &state, heap, NULL),
                         INN_OK);
        for (i = 0; i < 4; i++) {
            sum = square = 0;
            for (y = 0; y < N * N; y++) {
                sum += (double)out[i][y];
                square += (double)out[i][y] * (double)out[i][y];
            }
            ck_assert_double_eq_tol(sum / (N * N), 0.0, 1e-5);
            ck_assert_double_eq_tol(square / (N * N), 1.0, 1e-4);
            near[i] += measured(out[i], N, 1);
            middle[i] += measured(out[i], N, 4);
            far[i] += measured(out[i], N, 16);
        }
    }
    /* Steep spectra are a few waves each: eight fields differ by 10 %. */
    for (i = 0; i < 4; i++) {
        double want = structure(alphas[i], TORUS, 4);

        ck_assert_double_eq_tol(near[i] / middle[i] * want /
                                structure(alphas[i], TORUS, 1), 1.0, 0.05);
        ck_assert_double_eq_tol(far[i] / middle[i] * want /
                                structure(alphas[i], TORUS, 16), 1.0, 0.15);
    }
    inn_free(heap, x);
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}
END_TEST

START_TEST(pictures_of_any_shape_are_drawn)
{
    static const int64_t sizes[][2] = {{1, 1}, {1, 300}, {7, 3}, {130, 2}};
    struct inn_heap *heap = inn_heap_new(0);
    float *x = draw(2, 3, sizes[_i][0], sizes[_i][1], 1, 1, heap);
    int64_t k;

    for (k = 0; k < 6 * sizes[_i][0] * sizes[_i][1]; k++)
        ck_assert(isfinite(x[k]));
    inn_free(heap, x);
    inn_heap_free(heap);
}
END_TEST

START_TEST(sizes_out_of_range_are_refused)
{
    struct inn_heap *heap = inn_heap_new(0);
    struct inn_error err = {0};
    float x[4];

    ck_assert_int_eq(inn_draw_pictures(x, 0, 3, 8, 8, 1, 1, heap, &err),
                     INN_ERR_RANGE);
    ck_assert_int_eq(inn_draw_pictures(x, 1, 3, INT64_MAX, 8, 1, 1, heap,
                                       &err), INN_ERR_RANGE);
    ck_assert_int_eq(inn_draw_pictures(x, 1, 1, 1, 65537, 1, 1, heap, &err),
                     INN_ERR_RANGE);
    ck_assert_ptr_nonnull(strstr(err.message, "65537"));
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}
END_TEST

START_TEST(every_allocation_may_fail)
{
    struct inn_heap *heap = inn_heap_new(0);
    struct starve s = starve(heap, 6, 90);
    static float x[2 * 5 * 16 * 16];

    while (starving(&s))
        s.st = inn_draw_pictures(x, 2, 5, 16, 16, 1, 1 + _i, heap, s.err);
    inn_heap_free(heap);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pictures");
    TCase *t = tcase_create("pictures");

    tcase_set_timeout(t, 120);
    tcase_add_test(t, pictures_depend_on_the_seed_and_not_on_threads);
    tcase_add_test(t, colours_are_exposed_like_photographs);
    tcase_add_loop_test(t, grey_and_mixes_are_standardised_too, 0, 3);
    tcase_add_test(t, neighbours_are_as_alike_as_in_leaves);
    tcase_add_test(t, noise_has_the_spectrum_asked_for);
    tcase_add_loop_test(t, pictures_of_any_shape_are_drawn, 0, 4);
    tcase_add_test(t, sizes_out_of_range_are_refused);
    tcase_add_loop_test(t, every_allocation_may_fail, 0, 2);
    suite_add_tcase(s, t);
    return run_suite(s);
}
