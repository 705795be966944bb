/*
 * The stored factor and the quadrature it gives, against (K + Λ)⁻¹ solved
 * densely at every width.
 */
#include <check.h>
#include <float.h>
#include <string.h>

#include "converter/moments/moments.h"
#include "runtime/base/tensor.h"
#include "tests/unit/dense.h"
#include "tests/unit/starve.h"
#include "tests/unit/suite.h"

#define LAMBDA 0.02

static double cov[DENSE_MAX * DENSE_MAX], mean[DENSE_MAX];
static int64_t nested[DENSE_MAX], order[DENSE_MAX];
/* By channel: A [n × n] in columns of kept ones, offsets. */
static double map[DENSE_MAX * DENSE_MAX], offset[DENSE_MAX];

static void permute(int n)
{
    int i;

    for (i = 0; i < n; i++) {
        order[i] = i;
        nested[i] = (i * 7 + 3) % n;
        mean[i] = sin(3.0 * i);
    }
}

static enum inn_status make(struct inn_moments *m, int n, double lambda,
                            struct inn_arena *arena, struct inn_error *err)
{
    memset(m, 0, sizeof(*m));
    return inn_factor_moments(m, mean, cov, nested, n, lambda, arena, err);
}

/* The quadrature at width w, to map and offset. */
static void sample(const struct inn_moments *m, int n, int w,
                   struct inn_arena *arena)
{
    struct inn_group group = {.name = "g", .size = n, .nodes = n,
                              .order = order, .nested = nested};
    struct inn_model model = {.groups = &group, .n_groups = 1};
    struct inn_error err = {0};
    struct inn_axis_map sums;
    int64_t i, k;

    ck_assert_msg(inn_moments_quadrature(&sums, offset, &model, m, w, 1.0,
                                         0, arena, &err) == INN_OK,
                  "%s", err.message);
    memset(map, 0, sizeof(map));
    for (i = 0; i < sums.rows; i++) {
        for (k = sums.start[i]; k < sums.start[i + 1]; k++)
            map[sums.col[k] * n + sums.col[sums.start[i]]] = sums.weight[k];
    }
}

/*
 * Row d of A = C_dS (K + Λ)⁻¹ in units of deviations, by rank; dead
 * channels have no correlations.
 */
static void direct(double *a, int n, int w, int d, double lambda)
{
    static double k[DENSE_MAX * DENSE_MAX];
    double unit[DENSE_MAX], sum = 0.0, least;
    int i, j;

    for (i = 0; i < n; i++)
        sum += cov[i * n + i];
    least = 1e-6 * sum / n;
    for (i = 0; i < n; i++)
        unit[i] = sqrt(fmax(cov[i * n + i], least));
    for (i = 0; i < w; i++) {
        for (j = 0; j < w; j++)
            k[i * w + j] = cov[nested[i] * n + nested[j]] /
                           (unit[nested[i]] * unit[nested[j]]);
        k[i * w + i] += lambda;
        a[i] = cov[d * n + nested[i]] / (unit[d] * unit[nested[i]]);
    }
    dense_solve(k, a, w, 1);
    for (i = 0; i < w; i++)
        a[i] *= unit[d] / unit[nested[i]];
}

/*
 * Half words are L + E with |E| <= 2^-11 |L| (no entry that matters is below
 * 2^-14), and rows of L have norm √(1 + λ) at most. From x̃ (L₁₁ + E₁₁) =
 * l + e follows x̃ − x = (e − x̃ E₁₁) L₁₁⁻¹ with |L₁₁⁻¹| <= 1/√λ and |E₁₁|
 * <= 2^-11 √(n (1 + λ)), hence
 *     |x̃ − x| <= 2^-11 √(1 + λ) (1 + √n |x̃|) / √λ.
 * Twice that covers deviations rounded to single precision and the rest.
 */
static double bound(double norm, int w, double lambda)
{
    return 2.0 * 0x1p-11 * sqrt(1.0 + lambda) *
           (1.0 + sqrt((double)w) * norm) / sqrt(lambda);
}

static void compare(int n, int w, double lambda)
{
    double a[DENSE_MAX], norm, wrong, ratio, sum;
    bool kept[DENSE_MAX] = {false};
    int d, i;

    for (i = 0; i < w; i++)
        kept[nested[i]] = true;
    for (d = 0; d < n; d++) {
        if (kept[d]) {
            for (i = 0; i < n; i++)
                ck_assert(map[d * n + i] == (i == d ? 1.0 : 0.0));
            ck_assert(offset[d] == 0.0);
            continue;
        }
        direct(a, n, w, d, lambda);
        norm = wrong = 0.0;
        sum = mean[d];
        for (i = 0; i < w; i++) {
            int64_t c = nested[i];
            double var = fmax(cov[c * n + c], 1e-9);

            ratio = sqrt(var / fmax(cov[d * n + d], 1e-9));
            norm += a[i] * a[i] * ratio * ratio;
            wrong += pow((map[d * n + c] - a[i]) * ratio, 2.0);
            sum -= map[d * n + c] * mean[c];
        }
        ck_assert_double_le(sqrt(wrong), bound(sqrt(norm), w, lambda));
        ck_assert_double_eq_tol(offset[d], sum, 1e-5);
    }
}

static void run(int n, double lambda)
{
    struct inn_heap *heap = inn_heap_new(0);
    struct inn_arena arena;
    struct inn_moments m;
    int w;

    inn_arena_init(&arena, heap);
    ck_assert_int_eq(make(&m, n, lambda, &arena, NULL), INN_OK);
    for (w = 1; w <= n; w++) {
        sample(&m, n, w, &arena);
        compare(n, w, lambda);
    }
    inn_arena_free(&arena);
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}

START_TEST(every_width_is_the_least_squares_solution)
{
    dense_covariance(cov, 36, 40, 7);
    permute(36);
    run(36, LAMBDA);
    dense_covariance(cov, 40, 60, 9);
    permute(40);
    run(40, LAMBDA);
    /* Fewer samples than channels. */
    dense_covariance(cov, 50, 12, 8);
    permute(50);
    run(50, LAMBDA);
    run(50, 0.1);
}
END_TEST

START_TEST(dead_channels_take_no_part)
{
    struct inn_heap *heap = inn_heap_new(0);
    struct inn_arena arena;
    struct inn_moments m;
    int i, n = 20;

    inn_arena_init(&arena, heap);
    dense_covariance(cov, n, 30, 7);
    permute(n);
    for (i = 0; i < n; i++) {
        cov[i * n + 3] = cov[3 * n + i] = 0.0;
        cov[i * n + 10] = cov[10 * n + i] = i == 10 ? -1e-18 : 1e-20;
    }
    ck_assert_int_eq(make(&m, n, LAMBDA, &arena, NULL), INN_OK);
    ck_assert(m.deviation[3] > 0.0f && m.deviation[10] > 0.0f);
    sample(&m, n, 1, &arena); /* channel 3 is the one kept */
    for (i = 0; i < n; i++) {
        if (i != 3) {
            ck_assert(map[i * n + 3] == 0.0);
            ck_assert(offset[i] == (double)(float)mean[i]);
        }
    }
    sample(&m, n, 12, &arena); /* 10 is the second, kept too */
    for (i = 0; i < n; i++)
        ck_assert(i == 10 || map[i * n + 10] == 0.0);
    memset(cov, 0, sizeof(cov));
    ck_assert_int_eq(make(&m, n, LAMBDA, &arena, NULL), INN_OK);
    sample(&m, n, 5, &arena);
    for (i = 0; i < n; i++)
        ck_assert(m.deviation[i] > 0.0f);
    inn_arena_free(&arena);
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}
END_TEST

/* Channel 0 = 2 · channel 1 − 3 · channel 2 + 0.5 on average. */
START_TEST(combinations_of_kept_channels_are_recovered)
{
    static const double a[3] = {0, 2, -3};
    struct inn_heap *heap = inn_heap_new(0);
    struct inn_arena arena;
    struct inn_moments m;
    int i, j, n = 8;

    inn_arena_init(&arena, heap);
    /* Others nearly independent, so that half words lose little. */
    for (i = 0; i < n; i++) {
        for (j = 0; j < n; j++)
            cov[i * n + j] = i == j ? 1.0 + i : 0.3;
        order[i] = i;
        nested[i] = n - 1 - i; /* 0 goes first */
        mean[i] = i;
    }
    for (j = 1; j < n; j++)
        cov[j] = cov[j * n] = a[1] * cov[n + j] + a[2] * cov[2 * n + j];
    cov[0] = a[1] * cov[1] + a[2] * cov[2];
    mean[0] = a[1] * 1 + a[2] * 2 + 0.5;
    ck_assert_int_eq(make(&m, n, 1e-6, &arena, NULL), INN_OK);
    sample(&m, n, n - 1, &arena);
    for (j = 1; j < n; j++)
        ck_assert_double_eq_tol(map[j], j < 3 ? a[j] : 0.0, 5e-3);
    ck_assert_double_eq_tol(offset[0], 0.5, 5e-2);
    inn_arena_free(&arena);
    inn_heap_free(heap);
}
END_TEST

/* All channels alike: without a ridge the second pivot would be 0. */
START_TEST(the_ridge_grows_until_pivots_are_good)
{
    struct inn_heap *heap = inn_heap_new(0);
    struct inn_arena arena;
    struct inn_moments m;
    int i, n = 30;

    inn_arena_init(&arena, heap);
    permute(n);
    for (i = 0; i < n * n; i++)
        cov[i] = 4.0;
    ck_assert_int_eq(make(&m, n, 0.0, &arena, NULL), INN_OK);
    for (i = 0; i < n; i++)
        ck_assert_float_ge(inn_f16_to_f32(m.factor[i * (i + 3) / 2]),
                           0x1p-14f);
    sample(&m, n, 1, &arena);
    for (i = 0; i < n; i++)
        ck_assert_double_eq_tol(map[i * n + 3], 1.0, 1e-3);
    /* Correlations of 1.5 are no rounding, but λ = 0.64 bears them. */
    permute(2);
    memcpy(cov, ((double[]){1, 1.5, 1.5, 1}), 4 * sizeof(double));
    ck_assert_int_eq(make(&m, 2, LAMBDA, &arena, NULL), INN_OK);
    ck_assert_double_eq_tol((double)inn_f16_to_f32(m.factor[0]),
                            sqrt(1.64), 1e-3);
    inn_arena_free(&arena);
    inn_heap_free(heap);
}
END_TEST

START_TEST(pivots_are_no_less_than_the_ridge_allows)
{
    struct inn_heap *heap = inn_heap_new(0);
    struct inn_arena arena;
    struct inn_moments m;
    int i;

    inn_arena_init(&arena, heap);
    dense_covariance(cov, 190, 10, 44);
    permute(190);
    ck_assert_int_eq(make(&m, 190, LAMBDA, &arena, NULL), INN_OK);
    for (i = 0; i < 190; i++) {
        ck_assert_double_ge((double)inn_f16_to_f32(
                                m.factor[i * (i + 3) / 2]),
                            sqrt(LAMBDA) * (1.0 - 0x1p-11));
        ck_assert(m.mean[i] == (float)mean[i]);
        ck_assert_double_eq_tol((double)m.deviation[i],
                                sqrt(cov[i * 191]),
                                1e-6 * sqrt(cov[i * 191]));
    }
    inn_arena_free(&arena);
    inn_heap_free(heap);
}
END_TEST

START_TEST(what_is_no_covariance_is_refused)
{
    struct inn_heap *heap = inn_heap_new(0);
    struct inn_error err = {0};
    struct inn_arena arena;
    struct inn_moments m;

    inn_arena_init(&arena, heap);
    dense_covariance(cov, 5, 10, 44);
    permute(5);
    ck_assert_int_eq(make(&m, 0, LAMBDA, &arena, &err), INN_ERR_ARGUMENT);
    ck_assert_int_eq(inn_factor_moments(&m, mean, cov, nested,
                                        (int64_t)1 << 33, LAMBDA, &arena,
                                        &err), INN_ERR_ARGUMENT);
    nested[2] = nested[4];
    ck_assert_int_eq(make(&m, 5, LAMBDA, &arena, &err), INN_ERR_ARGUMENT);
    ck_assert_str_eq(err.message,
                     "the nested order is no permutation at 4");
    permute(5);
    mean[2] = NAN;
    ck_assert_int_eq(make(&m, 5, LAMBDA, &arena, &err), INN_ERR_FORMAT);
    permute(5);
    cov[0] = 1e80;
    ck_assert_int_eq(make(&m, 5, LAMBDA, &arena, &err), INN_ERR_FORMAT);
    cov[0] = NAN;
    ck_assert_int_eq(make(&m, 5, LAMBDA, &arena, &err), INN_ERR_FORMAT);
    cov[0] = 1.0;
    cov[1] = cov[5] = 1e30;
    ck_assert_int_eq(make(&m, 5, LAMBDA, &arena, &err),
                     INN_ERR_UNSUPPORTED);
    inn_arena_free(&arena);
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}
END_TEST

START_TEST(every_allocation_may_fail)
{
    struct inn_heap *heap = inn_heap_new(0);
    struct starve s = starve(heap, 4, 40);
    struct inn_arena arena;
    struct inn_moments m;

    dense_covariance(cov, 120, 150, 44);
    permute(120);
    while (starving(&s)) {
        inn_arena_init(&arena, heap);
        s.st = make(&m, 120, LAMBDA, &arena, s.err);
        inn_arena_free(&arena);
    }
    inn_heap_free(heap);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("factor");
    TCase *t = tcase_create("factor");

    tcase_add_test(t, every_width_is_the_least_squares_solution);
    tcase_add_test(t, dead_channels_take_no_part);
    tcase_add_test(t, combinations_of_kept_channels_are_recovered);
    tcase_add_test(t, the_ridge_grows_until_pivots_are_good);
    tcase_add_test(t, pivots_are_no_less_than_the_ridge_allows);
    tcase_add_test(t, what_is_no_covariance_is_refused);
    tcase_add_test(t, every_allocation_may_fail);
    tcase_set_timeout(t, 120); /* seconds; two cores may be busy */
    suite_add_tcase(s, t);
    return run_suite(s);
}
