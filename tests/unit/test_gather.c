/* Gathered moments against sums written out in double. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "converter/moments/moments.h"
#include "runtime/base/tensor.h"
#include "tests/unit/dense.h"
#include "tests/unit/starve.h"
#include "tests/unit/suite.h"

#define POSITIONS 120000
#define MOST 300

/*
 * Maps with correlated channels and neighbours, far from 0: channel c is a
 * mix of three fields, each a moving mean of noise.
 */
static struct inn_tensor make(struct inn_arena *arena, int rank,
                              const int64_t *dims, uint64_t seed)
{
    struct inn_tensor t;
    float *x;
    size_t count, i;

    ck_assert_int_eq(inn_tensor_new(&t, arena, INN_F32, rank, dims, NULL),
                     INN_OK);
    x = t.data;
    count = inn_tensor_count(&t);
    for (i = 0; i < count; i++) {
        double v = dense_random(&seed);

        if (i > 0)
            v += 0.6 * ((double)x[i - 1] - 10.0);
        if (i > 40)
            v += 0.3 * ((double)x[i - 37] - 10.0);
        x[i] = (float)(10.0 + v);
    }
    return t;
}

/* [outer, n, inner] about its mean, in double, all positions. */
static void direct(const struct inn_tensor *t, size_t n, size_t inner,
                   double *mean, double *cov)
{
    size_t count = inn_tensor_count(t) / n, outer = count / inner;
    const float *x = t->data;
    size_t a, b, o, i;

    for (a = 0; a < n; a++) {
        mean[a] = 0;
        for (o = 0; o < outer; o++) {
            for (i = 0; i < inner; i++)
                mean[a] += (double)x[(o * n + a) * inner + i];
        }
        mean[a] /= (double)count;
    }
    for (a = 0; a < n; a++) {
        for (b = 0; b <= a; b++) {
            double sum = 0;

            for (o = 0; o < outer; o++) {
                for (i = 0; i < inner; i++)
                    sum += ((double)x[(o * n + a) * inner + i] - mean[a]) *
                           ((double)x[(o * n + b) * inner + i] - mean[b]);
            }
            cov[a * n + b] = cov[b * n + a] = sum / (double)count;
        }
    }
}

static void gather(struct inn_gathered *g, const struct inn_tensor *t,
                   int axis, int64_t n, int64_t positions, int threads,
                   struct inn_heap *heap)
{
    ck_assert_int_eq(inn_gather_start(g, 3, axis, n, heap, NULL), INN_OK);
    ck_assert_int_eq(inn_gather_add(g, t, positions, threads, heap, NULL),
                     INN_OK);
    ck_assert_int_eq(inn_gather_finish(g, NULL), INN_OK);
}

/* Channels of every layout, more of them than a tile, more than a slice. */
START_TEST(all_positions_give_what_sums_in_double_give)
{
    static const struct {
        int axis, rank;
        int64_t n, dims[4];
    } cases[] = {{1, 4, 7, {5, 7, 9, 11}},     {1, 2, 30, {90, 30}},
                 {1, 4, 300, {2, 300, 6, 5}},  {2, 3, 12, {4, 25, 12}},
                 {1, 3, 9, {3, 9, 500}},       {0, 3, 4, {20, 6, 5}},
                 {1, 4, 1, {2, 1, 40, 40}}};
    static double mean[MOST], cov[MOST * MOST];
    struct inn_heap *heap = inn_heap_new(0);
    struct inn_arena arena;
    struct inn_gathered g;
    struct inn_tensor t;
    size_t inner = 1, n = (size_t)cases[_i].n, k;
    int i;

    inn_arena_init(&arena, heap);
    t = make(&arena, cases[_i].rank, cases[_i].dims, 5);
    for (i = cases[_i].axis + 1; i < t.rank; i++)
        inner *= (size_t)t.dims[i];
    gather(&g, &t, cases[_i].axis, cases[_i].n, POSITIONS, 2, heap);
    direct(&t, n, inner, mean, cov);
    ck_assert_int_eq(g.count, (int64_t)(inn_tensor_count(&t) / n));
    for (k = 0; k < n; k++)
        ck_assert_double_eq_tol(g.mean[k], mean[k], 1e-6);
    for (k = 0; k < n * n; k++)
        ck_assert_double_eq_tol(g.cov[k], cov[k], 1e-5);
    inn_gather_free(&g, heap);
    inn_arena_free(&arena);
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}
END_TEST

/* r(δ): pairs (y, x), (y+dy, x±dx) within a map, over channels' variances. */
START_TEST(the_table_is_that_of_all_pairs)
{
    static const int64_t dims[4] = {3, 5, 6, 3};
    static double mean[5], cov[25];
    struct inn_heap *heap = inn_heap_new(0);
    double want[INN_TABLE + 1][INN_TABLE + 1], base = 0;
    struct inn_arena arena;
    struct inn_gathered g;
    struct inn_tensor t;
    const float *x;
    int dy, dx, s, p, y, u;

    inn_arena_init(&arena, heap);
    t = make(&arena, 4, dims, 11);
    x = t.data;
    gather(&g, &t, 1, 5, POSITIONS, 2, heap);
    direct(&t, 5, 18, mean, cov);
    for (dy = 0; dy <= INN_TABLE; dy++) {
        for (dx = 0; dx <= INN_TABLE; dx++) {
            double sum = 0, pairs = 0;

            for (s = -1; s <= 1; s += 2) {
                for (p = 0; p < 15; p++) {
                    for (y = 0; y + dy < 6; y++) {
                        for (u = 0; u < 3; u++) {
                            int w = u + s * dx;

                            if (w < 0 || w >= 3)
                                continue;
                            sum += ((double)x[p * 18 + y * 3 + u] -
                                    mean[p % 5]) *
                                   ((double)x[p * 18 + (y + dy) * 3 + w] -
                                    mean[p % 5]);
                            pairs++;
                        }
                    }
                }
            }
            if (dy == 0 && dx == 0)
                base = sum / pairs;
            want[dy][dx] = pairs > 0 ? sum / pairs / base
                           : dy > 0  ? want[dy - 1][dx] * 0.93
                                     : want[dy][dx - 1] * 0.93;
            ck_assert_double_eq_tol(g.r[dy][dx], want[dy][dx], 1e-5);
        }
    }
    ck_assert_double_eq(g.r[0][0], 1.0);
    inn_gather_free(&g, heap);
    inn_arena_free(&arena);
    inn_heap_free(heap);
}
END_TEST

/*
 * A map whose odd columns are another channel's worth apart: an even step
 * over positions would see one kind only.
 */
START_TEST(subsampling_is_even_and_meets_all_columns)
{
    static const int64_t dims[4] = {4, 2, 64, 64};
    struct inn_heap *heap = inn_heap_new(0);
    struct inn_arena arena;
    struct inn_gathered g;
    struct inn_tensor t;
    float *x;
    size_t i;

    inn_arena_init(&arena, heap);
    t = make(&arena, 4, dims, 3);
    x = t.data;
    for (i = 0; i < inn_tensor_count(&t); i++)
        x[i] = (i / 4096 % 2 == 0 ? 1.0f : -2.0f) * (float)(i % 2);
    gather(&g, &t, 1, 2, 4 * 64 * 64 / 8, 2, heap);
    ck_assert_int_eq(g.count, 4 * 64 * 64 / 8);
    /* 2048 coins: a deviation of their mean is 0.011, five are 0.055. */
    ck_assert_double_eq_tol(g.mean[0], 0.5, 0.055);
    ck_assert_double_eq_tol(g.mean[1], -1.0, 0.11);
    ck_assert_double_eq_tol(g.cov[0], 0.25, 0.01);
    ck_assert_double_eq_tol(g.cov[1], -0.5, 0.02);
    ck_assert_double_eq_tol(g.cov[3], 1.0, 0.04);
    inn_gather_free(&g, heap);
    inn_arena_free(&arena);
    inn_heap_free(heap);
}
END_TEST

START_TEST(two_batches_are_one_in_two_parts)
{
    static const int64_t dims[4] = {6, 8, 10, 10};
    struct inn_heap *heap = inn_heap_new(0);
    struct inn_tensor t, first, second;
    struct inn_gathered all, parts;
    struct inn_arena arena;
    size_t k;

    inn_arena_init(&arena, heap);
    t = make(&arena, 4, dims, 21);
    gather(&all, &t, 1, 8, POSITIONS, 1, heap);
    first = second = t;
    first.dims[0] = 2;
    second.dims[0] = 4;
    first.bytes = t.bytes / 3;
    second.bytes = t.bytes - first.bytes;
    second.data = (char *)t.data + first.bytes;
    ck_assert_int_eq(inn_gather_start(&parts, 0, 1, 8, heap, NULL), INN_OK);
    ck_assert_int_eq(inn_gather_add(&parts, &first, POSITIONS, 1, heap,
                                    NULL), INN_OK);
    ck_assert_int_eq(inn_gather_add(&parts, &second, POSITIONS, 1, heap,
                                    NULL), INN_OK);
    ck_assert_int_eq(inn_gather_finish(&parts, NULL), INN_OK);
    ck_assert_int_eq(parts.count, all.count);
    for (k = 0; k < 8; k++)
        ck_assert_double_eq_tol(parts.mean[k], all.mean[k], 1e-6);
    for (k = 0; k < 64; k++)
        ck_assert_double_eq_tol(parts.cov[k], all.cov[k], 1e-5);
    inn_gather_free(&all, heap);
    inn_gather_free(&parts, heap);
    inn_arena_free(&arena);
    inn_heap_free(heap);
}
END_TEST

START_TEST(threads_do_not_change_a_bit)
{
    static const int64_t dims[4] = {3, 290, 13, 17};
    struct inn_heap *heap = inn_heap_new(0);
    struct inn_gathered one, many;
    struct inn_arena arena;
    struct inn_tensor t;

    inn_arena_init(&arena, heap);
    t = make(&arena, 4, dims, 2);
    gather(&one, &t, 1, 290, 500, 1, heap);
    gather(&many, &t, 1, 290, 500, 3, heap);
    ck_assert_mem_eq(one.mean, many.mean, 290 * sizeof(double));
    ck_assert_mem_eq(one.cov, many.cov, 290 * 290 * sizeof(double));
    ck_assert_mem_eq(one.r, many.r, sizeof(one.r));
    inn_gather_free(&one, heap);
    inn_gather_free(&many, heap);
    inn_arena_free(&arena);
    inn_heap_free(heap);
}
END_TEST

START_TEST(what_has_no_such_channels_is_refused)
{
    static const int64_t dims[4] = {2, 6, 3, 3};
    struct inn_heap *heap = inn_heap_new(0);
    struct inn_error err = {0};
    struct inn_gathered g;
    struct inn_arena arena;
    struct inn_tensor t;

    inn_arena_init(&arena, heap);
    t = make(&arena, 4, dims, 1);
    ck_assert_int_eq(inn_gather_start(&g, 0, 1, 5, heap, &err), INN_OK);
    ck_assert_int_eq(inn_gather_add(&g, &t, 10, 1, heap, &err),
                     INN_ERR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.message, "2x6x3x3"));
    ck_assert_int_eq(inn_gather_finish(&g, &err), INN_ERR_UNSUPPORTED);
    inn_gather_free(&g, heap);
    ck_assert_int_eq(inn_gather_start(&g, 0, 1, INT64_MAX, heap, &err),
                     INN_ERR_LIMIT);
    inn_arena_free(&arena);
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}
END_TEST

START_TEST(dead_channels_have_no_variance_and_do_no_harm)
{
    static const int64_t dims[4] = {2, 3, 4, 4};
    struct inn_heap *heap = inn_heap_new(0);
    struct inn_gathered g;
    struct inn_arena arena;
    struct inn_tensor t;
    size_t i;

    inn_arena_init(&arena, heap);
    t = make(&arena, 4, dims, 1);
    for (i = 0; i < inn_tensor_count(&t); i++)
        ((float *)t.data)[i] = 3.0f;
    gather(&g, &t, 1, 3, 100, 1, heap);
    for (i = 0; i < 9; i++)
        ck_assert_double_eq(g.cov[i], 0.0);
    ck_assert_double_eq(g.mean[2], 3.0);
    ck_assert_double_eq(g.r[0][0], 1.0);
    inn_gather_free(&g, heap);
    inn_arena_free(&arena);
    inn_heap_free(heap);
}
END_TEST

START_TEST(every_allocation_may_fail)
{
    static const int64_t dims[4] = {2, 6, 5, 5};
    struct inn_heap *heap = inn_heap_new(0);
    struct inn_gathered g;
    struct inn_arena arena;
    struct inn_tensor t;
    struct starve s;

    inn_arena_init(&arena, heap);
    t = make(&arena, 4, dims, 1);
    s = starve(heap, 7, 40);
    while (starving(&s)) {
        s.st = inn_gather_start(&g, 0, 1, 6, heap, s.err);
        if (s.st == INN_OK)
            s.st = inn_gather_add(&g, &t, 40, 1, heap, s.err);
        inn_gather_free(&g, heap);
    }
    inn_arena_free(&arena);
    inn_heap_free(heap);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("gather");
    TCase *t = tcase_create("gather");

    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, all_positions_give_what_sums_in_double_give, 0, 7);
    tcase_add_test(t, the_table_is_that_of_all_pairs);
    tcase_add_test(t, subsampling_is_even_and_meets_all_columns);
    tcase_add_test(t, two_batches_are_one_in_two_parts);
    tcase_add_test(t, threads_do_not_change_a_bit);
    tcase_add_test(t, what_has_no_such_channels_is_refused);
    tcase_add_test(t, dead_channels_have_no_variance_and_do_no_harm);
    tcase_add_test(t, every_allocation_may_fail);
    suite_add_tcase(s, t);
    return run_suite(s);
}
