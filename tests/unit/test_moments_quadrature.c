/*
 * The least-squares quadrature from a given factor: by hand, against the
 * defining equation X L₁₁ = L₂₁, and on damaged files.
 */
#include <check.h>
#include <math.h>
#include <string.h>

#include "runtime/base/tensor.h"
#include "runtime/base/threads.h"
#include "runtime/grid/moments.h"
#include "tests/unit/dense.h"
#include "tests/unit/starve.h"
#include "tests/unit/suite.h"

/* A model of one group with its moments. */
struct fixture {
    struct inn_heap *heap;
    struct inn_arena arena;
    struct inn_model model;
    struct inn_group group;
    struct inn_moments moments;
    int64_t order[DENSE_MAX], nested[DENSE_MAX];
    float mean[DENSE_MAX], deviation[DENSE_MAX];
    uint16_t factor[DENSE_MAX * (DENSE_MAX + 1) / 2];
    struct inn_axis_map sums;
    double offset[DENSE_MAX];
    double gain;
    struct inn_error err;
};

static void start(struct fixture *f, int64_t n)
{
    int64_t i;

    memset(f, 0, sizeof(*f));
    f->heap = inn_heap_new(0);
    inn_arena_init(&f->arena, f->heap);
    f->group.name = "g";
    f->group.size = f->group.nodes = n;
    f->group.order = f->order;
    f->group.nested = f->nested;
    f->gain = 1.0;
    f->model.heap = f->heap;
    f->model.groups = &f->group;
    f->model.n_groups = 1;
    f->moments.mean = f->mean;
    f->moments.deviation = f->deviation;
    f->moments.factor = f->factor;
    for (i = 0; i < n; i++) {
        f->order[i] = f->nested[i] = i;
        f->deviation[i] = 1.0f;
    }
}

static void finish(struct fixture *f)
{
    inn_arena_free(&f->arena);
    ck_assert_uint_eq(inn_heap_used(f->heap), 0);
    inn_heap_free(f->heap);
}

static void put(struct fixture *f, int64_t i, int64_t j, double value)
{
    f->factor[i * (i + 1) / 2 + j] = inn_f32_to_f16((float)value);
}

static double at(const struct fixture *f, int64_t i, int64_t j)
{
    return (double)inn_f16_to_f32(f->factor[i * (i + 1) / 2 + j]);
}

static enum inn_status sample(struct fixture *f, int64_t n)
{
    return inn_moments_quadrature(&f->sums, f->offset, &f->model,
                                  &f->moments, n, f->gain, 0, &f->arena,
                                  &f->err);
}

/*
 * L = [1 . .; 1/2 3/4 .; 1/4 1/2 1/2] in the nested order 2 0 1. On the axis
 * channel 1 comes first, then 2, then 0.
 */
static void small(struct fixture *f)
{
    start(f, 3);
    memcpy(f->order, ((int64_t[]){1, 2, 0}), 3 * sizeof(int64_t));
    memcpy(f->nested, ((int64_t[]){2, 0, 1}), 3 * sizeof(int64_t));
    memcpy(f->mean, ((float[]){3, 5, 7}), 3 * sizeof(float));
    memcpy(f->deviation, ((float[]){2, 4, 0.5f}), 3 * sizeof(float));
    put(f, 0, 0, 1.0);
    put(f, 1, 0, 0.5);
    put(f, 1, 1, 0.75);
    put(f, 2, 0, 0.25);
    put(f, 2, 1, 0.5);
    put(f, 2, 2, 0.5);
}

/*
 * At width 2 channel 1 goes: X = [1/4 1/2] [1 .; 1/2 3/4]⁻¹ = [-1/12 2/3] on
 * channels 2 and 0. Times deviations: 4/0.5 · -1/12 = -2/3, 4/2 · 2/3 = 4/3.
 * Offset: 5 + 2/3 · 7 - 4/3 · 3 = 17/3.
 */
START_TEST(width_two_of_three_is_as_computed_by_hand)
{
    struct fixture f;

    small(&f);
    ck_assert_int_eq(sample(&f, 2), INN_OK);
    ck_assert_int_eq(f.sums.rows, 2);
    ck_assert_int_eq(f.sums.cols, 3);
    ck_assert_mem_eq(f.sums.start, ((int64_t[]){0, 2, 4}),
                     3 * sizeof(int64_t));
    ck_assert_mem_eq(f.sums.col, ((int32_t[]){1, 0, 2, 0}),
                     4 * sizeof(int32_t));
    ck_assert(f.sums.weight[0] == 1.0 && f.sums.weight[2] == 1.0);
    ck_assert_double_eq_tol(f.sums.weight[1], -2.0 / 3.0, 1e-15);
    ck_assert_double_eq_tol(f.sums.weight[3], 4.0 / 3.0, 1e-15);
    ck_assert_double_eq_tol(f.offset[0], 17.0 / 3.0, 1e-14);
    ck_assert(f.offset[1] == 0.0 && f.offset[2] == 0.0);
    finish(&f);
}
END_TEST

/* At width 1 channel 2 stays: channel 0 is 1/2 · 2/0.5, 1 is 1/4 · 4/0.5. */
START_TEST(width_one_of_three_is_as_computed_by_hand)
{
    struct fixture f;

    small(&f);
    ck_assert_int_eq(sample(&f, 1), INN_OK);
    ck_assert_int_eq(f.sums.start[1], 3);
    ck_assert_mem_eq(f.sums.col, ((int32_t[]){1, 2, 0}),
                     3 * sizeof(int32_t));
    ck_assert_mem_eq(f.sums.weight, ((double[]){1, 2, 2}),
                     3 * sizeof(double));
    ck_assert_mem_eq(f.offset, ((double[]){5 - 14, 0, 3 - 14}),
                     3 * sizeof(double));
    finish(&f);
}
END_TEST

/* Means are 5, 7 and 3 along the axis; least squares gives channel 1 −2/3. */
START_TEST(a_gain_scales_the_sums_and_keeps_the_mean)
{
    struct fixture f;

    small(&f);
    f.gain = 1.25;
    ck_assert_int_eq(sample(&f, 2), INN_OK);
    ck_assert_double_eq_tol(f.sums.weight[0], 1.25, 1e-14);
    ck_assert_double_eq_tol(f.sums.weight[1], -2.0 / 3.0 * 1.25, 1e-14);
    ck_assert_double_eq_tol(f.sums.weight[3], 4.0 / 3.0 * 1.25, 1e-14);
    ck_assert_double_eq_tol(f.offset[0], 5 + 1.25 * 2.0 / 3.0, 1e-13);
    ck_assert_double_eq_tol(f.offset[1], 7 - 1.25 * 7, 1e-13);
    ck_assert_double_eq_tol(f.offset[2], 3 - 1.25 * 3, 1e-13);
    finish(&f);
}
END_TEST

/* Two inputs of one group, the second read by one that takes no bias. */
START_TEST(gains_give_back_what_the_error_curve_says_is_lost)
{
    float curve[3] = {1.9f, 0.75f, 0};
    struct inn_consumer consumers[2] = {{.moments = 0, .bias = 2},
                                        {.moments = 1, .bias = -1}};
    struct inn_moments both[2];
    struct fixture f;
    double gains[2];
    int64_t n;

    small(&f);
    both[0] = both[1] = f.moments;
    f.model.moments = both;
    f.model.n_moments = 2;
    f.model.consumers = consumers;
    f.model.n_consumers = 2;
    n = 2;
    ck_assert_int_eq(inn_moments_gains(gains, &f.model, &n, NULL), INN_OK);
    ck_assert(gains[0] == 1.0); /* no curve */
    f.group.nested_error = curve;
    ck_assert_int_eq(inn_moments_gains(gains, &f.model, &n, NULL), INN_OK);
    ck_assert_double_eq_tol(gains[0], 1 / sqrt(0.625), 1e-14);
    ck_assert(gains[1] == 1.0);
    n = 1; /* 0.95 of it is lost; not all is given back */
    ck_assert_int_eq(inn_moments_gains(gains, &f.model, &n, NULL), INN_OK);
    ck_assert_double_eq_tol(gains[0], 2.0, 1e-14);
    f.model.extra_gain = 0.5;
    ck_assert_int_eq(inn_moments_gains(gains, &f.model, &n, NULL), INN_OK);
    ck_assert_double_eq_tol(gains[0], 4.0, 1e-14);
    n = 3;
    ck_assert_int_eq(inn_moments_gains(gains, &f.model, &n, NULL), INN_OK);
    ck_assert(gains[0] == 1.0);
    n = 2;
    curve[1] = NAN;
    ck_assert_int_eq(inn_moments_gains(gains, &f.model, &n, NULL), INN_OK);
    ck_assert(gains[0] == 1.0);
    inn_heap_fail_at(f.heap, 1);
    ck_assert_int_eq(inn_moments_gains(gains, &f.model, &n, NULL),
                     INN_ERR_MEMORY);
    inn_heap_fail_at(f.heap, 0);
    finish(&f);
}
END_TEST

START_TEST(full_width_copies)
{
    struct fixture f;

    small(&f);
    ck_assert_int_eq(sample(&f, 3), INN_OK);
    ck_assert_mem_eq(f.sums.start, ((int64_t[]){0, 1, 2, 3}),
                     4 * sizeof(int64_t));
    ck_assert_mem_eq(f.sums.col, ((int32_t[]){0, 1, 2}),
                     3 * sizeof(int32_t));
    ck_assert(f.sums.weight[2] == 1.0 && f.offset[0] == 0.0);
    finish(&f);
}
END_TEST

START_TEST(positions_are_the_first_of_the_nested_order)
{
    struct fixture f;
    int64_t p[3];

    small(&f);
    ck_assert_int_eq(inn_nested_positions(p, &f.group, 1, f.heap, NULL),
                     INN_OK);
    ck_assert_int_eq(p[0], 1);
    ck_assert_int_eq(inn_nested_positions(p, &f.group, 2, f.heap, NULL),
                     INN_OK);
    ck_assert_mem_eq(p, ((int64_t[]){1, 2}), 2 * sizeof(int64_t));
    ck_assert_int_eq(inn_nested_positions(p, &f.group, 3, f.heap, NULL),
                     INN_OK);
    ck_assert_mem_eq(p, ((int64_t[]){0, 1, 2}), 3 * sizeof(int64_t));
    finish(&f);
}
END_TEST

/* Rows of norm about one, pivots from 0.14 on, as ridged correlations give. */
static void large(struct fixture *f, int64_t n)
{
    uint64_t seed = 21;
    int64_t i, j;

    start(f, n);
    for (i = 0; i < n; i++) {
        f->order[i] = (i * 7 + 3) % n;
        f->nested[i] = (i * 11 + 5) % n;
        f->mean[i] = (float)dense_random(&seed);
        f->deviation[i] = (float)(0.6 + dense_random(&seed));
        for (j = 0; j < i; j++)
            put(f, i, j, dense_random(&seed) / sqrt((double)n));
        put(f, i, i, 0.65 + dense_random(&seed));
    }
}

/* Widths around the blocks of 64 columns; 200 = 8 · 25 has no 7 or 11. */
START_TEST(the_defining_equation_holds)
{
    static const int64_t widths[] = {1, 7, 63, 64, 65, 128, 129, 150, 199};
    int64_t n = widths[_i], d, i, j, k, c, row[DENSE_MAX];
    static double x[DENSE_MAX * DENSE_MAX];
    double sum, wrong = 0.0;
    struct fixture f;

    large(&f, 200);
    ck_assert_int_eq(sample(&f, n), INN_OK);
    /* Back to nested order and to units of deviations. */
    for (k = 0; k < n; k++) {
        for (i = 0; i < n; i++) {
            if (f.order[f.sums.col[f.sums.start[i]]] == f.nested[k])
                break;
        }
        ck_assert_int_lt(i, n);
        row[k] = i;
    }
    for (d = n; d < 200; d++) {
        for (k = 0; k < n; k++) {
            i = row[k];
            for (j = f.sums.start[i]; j < f.sums.start[i + 1] - 1; j++) {
                if (f.order[f.sums.col[j]] == f.nested[d])
                    break;
            }
            x[d * n + k] = f.sums.weight[j] *
                           (double)f.deviation[f.nested[k]] /
                           (double)f.deviation[f.nested[d]];
        }
        for (j = 0; j < n; j++) {
            sum = 0.0;
            for (k = j; k < n; k++)
                sum += x[d * n + k] * at(&f, k, j);
            wrong = fmax(wrong, fabs(sum - at(&f, d, j)));
        }
    }
    ck_assert_double_lt(wrong, 1e-11);
    for (i = 0; i < 200; i++) {
        sum = f.offset[i];
        c = f.order[i];
        for (k = 0; k < n; k++) {
            for (j = f.sums.start[k]; j < f.sums.start[k + 1]; j++) {
                if (f.sums.col[j] == i)
                    sum += f.sums.weight[j] *
                           (double)f.mean[f.order[f.sums.col[
                               f.sums.start[k]]]];
            }
        }
        ck_assert_double_eq_tol(sum, (double)f.mean[c], 1e-11);
    }
    finish(&f);
}
END_TEST

static void sample_part(void *context, size_t part)
{
    struct fixture *f = context;

    f[part].err.status = sample(&f[part], 100);
}

/* Within a parallel region the solve runs on one thread. */
START_TEST(threads_do_not_change_a_bit)
{
    static struct fixture f[3];
    size_t i;

    for (i = 0; i < 3; i++)
        large(&f[i], 200);
    sample_part(f, 0);
    inn_parallel(2, 2, sample_part, f + 1);
    for (i = 0; i < 3; i++) {
        ck_assert_int_eq(f[i].err.status, INN_OK);
        ck_assert_mem_eq(f[i].sums.weight, f[0].sums.weight,
                         100 * 101 * sizeof(double));
        ck_assert_mem_eq(f[i].offset, f[0].offset, 200 * sizeof(double));
    }
    for (i = 0; i < 3; i++)
        finish(&f[i]);
}
END_TEST

START_TEST(widths_out_of_range_are_refused)
{
    struct fixture f;
    int64_t p[4];

    small(&f);
    ck_assert_int_eq(sample(&f, 0), INN_ERR_RANGE);
    ck_assert_str_eq(f.err.message, "group 'g': width 0 is not in 1..3");
    ck_assert_int_eq(sample(&f, 4), INN_ERR_RANGE);
    ck_assert_int_eq(inn_nested_positions(p, &f.group, 4, f.heap, NULL),
                     INN_ERR_RANGE);
    f.group.nodes = 2;
    ck_assert_int_eq(sample(&f, 2), INN_ERR_RANGE);
    f.group.nodes = 3;
    f.group.nested = NULL;
    ck_assert_int_eq(sample(&f, 2), INN_ERR_RANGE);
    ck_assert_str_eq(f.err.message, "group 'g' has no moments in the file");
    f.group.nested = f.nested;
    f.group.size = f.group.nodes = (int64_t)1 << 40;
    ck_assert_int_eq(sample(&f, 2), INN_ERR_LIMIT);
    finish(&f);
}
END_TEST

START_TEST(orders_that_are_no_permutation_are_refused)
{
    struct fixture f;
    int64_t p[3];

    small(&f);
    f.nested[1] = 2;
    ck_assert_int_eq(sample(&f, 2), INN_ERR_FORMAT);
    ck_assert_str_eq(f.err.message, "group 'g': its nested order is no "
                                    "permutation at 1");
    ck_assert_int_eq(inn_nested_positions(p, &f.group, 2, f.heap, NULL),
                     INN_ERR_FORMAT);
    f.nested[1] = 0;
    f.order[2] = 3;
    ck_assert_int_eq(sample(&f, 2), INN_ERR_FORMAT);
    ck_assert_int_eq(inn_nested_positions(p, &f.group, 3, f.heap, NULL),
                     INN_ERR_FORMAT);
    f.order[2] = 2;
    f.order[0] = 1;
    f.order[1] = 1;
    ck_assert_int_eq(inn_nested_positions(p, &f.group, 3, f.heap, NULL),
                     INN_ERR_FORMAT);
    f.order[2] = -1;
    ck_assert_int_eq(inn_nested_positions(p, &f.group, 3, f.heap, NULL),
                     INN_ERR_FORMAT);
    finish(&f);
}
END_TEST

START_TEST(damaged_numbers_are_refused)
{
    struct fixture f;

    small(&f);
    put(&f, 1, 1, 0.0);
    ck_assert_int_eq(sample(&f, 2), INN_ERR_FORMAT);
    ck_assert_str_eq(f.err.message,
                     "group 'g': pivot 1 of its factor is 0");
    /* Nobody divides by it. */
    ck_assert_int_eq(sample(&f, 1), INN_OK);
    put(&f, 1, 1, -0.5);
    ck_assert_int_eq(sample(&f, 2), INN_ERR_FORMAT);
    put(&f, 1, 1, (double)NAN);
    ck_assert_int_eq(sample(&f, 2), INN_ERR_FORMAT);
    put(&f, 1, 1, 0.5);
    put(&f, 2, 0, (double)INFINITY);
    ck_assert_int_eq(sample(&f, 2), INN_ERR_FORMAT);
    ck_assert_str_eq(f.err.message, "group 'g': its factor gives channel 1 "
                                    "the weight inf of channel 2");
    put(&f, 2, 0, 0.25);
    f.deviation[2] = 0.0f;
    ck_assert_int_eq(sample(&f, 2), INN_ERR_FORMAT);
    f.deviation[2] = INFINITY;
    ck_assert_int_eq(sample(&f, 2), INN_ERR_FORMAT);
    f.deviation[2] = 1.0f;
    f.mean[0] = NAN;
    ck_assert_int_eq(sample(&f, 2), INN_ERR_FORMAT);
    finish(&f);
}
END_TEST

/* Each column of the solve grows by 2^40: beyond any double. */
START_TEST(overflow_is_refused)
{
    struct fixture f;
    int64_t i;

    start(&f, 40);
    for (i = 0; i < 40; i++) {
        put(&f, i, i, 0x1p-24);
        if (i > 0)
            put(&f, i, i - 1, 65504.0);
    }
    ck_assert_int_eq(sample(&f, 39), INN_ERR_FORMAT);
    finish(&f);
}
END_TEST

START_TEST(every_allocation_may_fail)
{
    struct fixture f;
    struct starve s;
    int64_t p[3];

    small(&f);
    s = starve(f.heap, 5, 40);
    while (starving(&s)) {
        s.st = inn_moments_quadrature(&f.sums, f.offset, &f.model,
                                      &f.moments, 2, f.gain, 0, &f.arena,
                                      s.err);
        inn_arena_free(&f.arena);
    }
    s = starve(f.heap, 1, 1);
    while (starving(&s))
        s.st = inn_nested_positions(p, &f.group, 2, f.heap, s.err);
    finish(&f);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("moments_quadrature");
    TCase *t = tcase_create("moments_quadrature");

    tcase_add_test(t, a_gain_scales_the_sums_and_keeps_the_mean);
    tcase_add_test(t, gains_give_back_what_the_error_curve_says_is_lost);
    tcase_add_test(t, width_two_of_three_is_as_computed_by_hand);
    tcase_add_test(t, width_one_of_three_is_as_computed_by_hand);
    tcase_add_test(t, full_width_copies);
    tcase_add_test(t, positions_are_the_first_of_the_nested_order);
    tcase_add_loop_test(t, the_defining_equation_holds, 0, 9);
    tcase_add_test(t, threads_do_not_change_a_bit);
    tcase_add_test(t, widths_out_of_range_are_refused);
    tcase_add_test(t, orders_that_are_no_permutation_are_refused);
    tcase_add_test(t, damaged_numbers_are_refused);
    tcase_add_test(t, overflow_is_refused);
    tcase_add_test(t, every_allocation_may_fail);
    suite_add_tcase(s, t);
    return run_suite(s);
}
