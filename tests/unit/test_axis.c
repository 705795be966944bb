/* Maps along one axis: identity at full width, kept constants, by hand. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "runtime/base/port.h"
#include "runtime/grid/axis_map.h"
#include "tests/unit/starve.h"
#include "tests/unit/suite.h"

static const enum inn_quadrature rules[] = {
    INN_QUAD_TRAPEZOID, INN_QUAD_LEFT,    INN_QUAD_RIGHT,
    INN_QUAD_MIDPOINT,  INN_QUAD_SIMPSON, INN_QUAD_GAUSS};
static const enum inn_kernel kernels[] = {
    INN_KERNEL_CUBIC50, INN_KERNEL_CUBIC75, INN_KERNEL_LINEAR};
static const enum inn_edge edges[] = {INN_EDGE_KEYS, INN_EDGE_CLAMP};

static struct inn_heap *heap;
static struct inn_arena arena;

static void setup(void)
{
    heap = inn_heap_new(0);
    inn_arena_init(&arena, heap);
}

static void teardown(void)
{
    inn_arena_free(&arena);
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}

static struct inn_group group_of(int64_t n, int64_t m)
{
    struct inn_group g = {.name = "g", .size = n, .nodes = m};

    return g;
}

static double row_times(const struct inn_axis_map *map, int64_t i,
                        const double *x)
{
    double sum = 0.0;
    int64_t k;

    for (k = map->start[i]; k < map->start[i + 1]; k++)
        sum += map->weight[k] * x[map->col[k]];
    return sum;
}

static void assert_identity(const struct inn_axis_map *map, int64_t n)
{
    int64_t i;

    ck_assert_int_eq(map->rows, n);
    ck_assert_int_eq(map->cols, n);
    for (i = 0; i < n; i++) {
        ck_assert_int_eq(map->start[i + 1] - map->start[i], 1);
        ck_assert_int_eq(map->col[map->start[i]], i);
        ck_assert(map->weight[map->start[i]] == 1.0);
    }
}

START_TEST(resample_at_full_width_is_identity)
{
    struct inn_axis_map values, sums;
    size_t r, k, e;
    int64_t n;

    for (n = 1; n <= 70; n++) {
        struct inn_group g = group_of(n, n);

        for (r = 0; r < INN_COUNT(rules); r++) {
            for (k = 0; k < INN_COUNT(kernels); k++) {
                for (e = 0; e < INN_COUNT(edges); e++) {
                    ck_assert_int_eq(
                        inn_axis_map_uniform(&values, &sums, &g, kernels[k],
                                             edges[e], rules[r], n, &arena,
                                             NULL),
                        INN_OK);
                    assert_identity(&values, n);
                    assert_identity(&sums, n);
                }
            }
        }
    }
}
END_TEST

/*
 * Constant functions stay constant, and a constant density (W_j = q^N_j)
 * against a constant input keeps its integral, at every width to 4 N.
 */
START_TEST(constants_are_kept_at_every_width)
{
    static double q[40], one[40];
    struct inn_axis_map values, sums;
    double total, want;
    size_t r, k, e;
    int64_t N, m, n, i;

    for (i = 0; i < 40; i++)
        one[i] = 1.0;
    for (r = 0; r < INN_COUNT(rules); r++) {
        for (N = 1; N <= 18; N += N < 6 ? 1 : 3) {
            inn_quadrature_rule(rules[r], N, NULL, q);
            for (n = 1; n <= 4 * N; n += n < 20 ? 1 : 7) {
                for (k = 0; k < INN_COUNT(kernels); k++) {
                    for (e = 0; e < INN_COUNT(edges); e++) {
                        struct inn_group g = group_of(N, N);

                        ck_assert_int_eq(
                            inn_axis_map_uniform(
                                &values, &sums, &g, kernels[k], edges[e],
                                rules[r], n, &arena, NULL), INN_OK);
                        total = 0.0;
                        for (i = 0; i < n; i++) {
                            ck_assert_double_eq_tol(
                                row_times(&values, i, one), 1.0, 1e-12);
                            total += row_times(&sums, i, q);
                        }
                        ck_assert_double_eq_tol(total, 1.0, 1e-12);
                    }
                }
            }
        }
    }
    /* Midpoint: q is the same everywhere, so plain ones keep their sum. */
    for (N = 2; N <= 32; N += 5) {
        for (n = 1; n <= 4 * N; n += 3) {
            for (m = N; m > 1; m -= 4) {
                struct inn_group g = group_of(N, m);

                ck_assert_int_eq(
                    inn_axis_map_uniform(&values, &sums, &g,
                                         INN_KERNEL_CUBIC50, INN_EDGE_KEYS,
                                         INN_QUAD_MIDPOINT, n, &arena, NULL),
                    INN_OK);
                total = 0.0;
                want = (double)N;
                for (i = 0; i < n; i++)
                    total += row_times(&sums, i, one);
                ck_assert_double_eq_tol(total, want, 1e-11);
            }
        }
    }
}
END_TEST

START_TEST(points_on_nodes_copy_and_sums_carry_the_ratio_of_weights)
{
    struct inn_group g = group_of(5, 5);
    struct inn_axis_map values, sums;
    const double w[5] = {1, 2, 4, 8, 16};

    ck_assert_int_eq(inn_axis_map_uniform(&values, &sums, &g,
                                          INN_KERNEL_CUBIC50, INN_EDGE_KEYS,
                                          INN_QUAD_TRAPEZOID, 3, &arena,
                                          NULL), INN_OK);
    /* Points 0, 2, 4 of 5; q^3 = ¼ ½ ¼, q^5 = ⅛ ¼ ¼ ¼ ⅛: all doubled. */
    ck_assert(row_times(&values, 0, w) == 1.0);
    ck_assert(row_times(&values, 1, w) == 4.0);
    ck_assert(row_times(&values, 2, w) == 16.0);
    ck_assert(row_times(&sums, 0, w) == 2.0);
    ck_assert(row_times(&sums, 1, w) == 8.0);
    ck_assert(row_times(&sums, 2, w) == 32.0);
}
END_TEST

START_TEST(values_and_sums_between_nodes_are_as_computed_by_hand)
{
    struct inn_group g = group_of(4, 4);
    struct inn_axis_map values, sums;
    const double w[4] = {1, 2, 4, 8};

    /* n = 3: s = 0, 1.5, 3; u(±½) = 9/16, u(±3/2) = -1/16. */
    ck_assert_int_eq(inn_axis_map_uniform(&values, &sums, &g,
                                          INN_KERNEL_CUBIC50, INN_EDGE_KEYS,
                                          INN_QUAD_TRAPEZOID, 3, &arena,
                                          NULL), INN_OK);
    ck_assert_double_eq_tol(row_times(&values, 1, w),
                            9.0 / 16 * 6 - 1.0 / 16 * 9, 1e-14);
    /*
     * q^4 = 1/6 1/3 1/3 1/6: densities 6, 6, 12, 48; times q^3_1 = ½:
     * ½(9/16·18 − 1/16·54) = 27/8
     */
    ck_assert_double_eq_tol(row_times(&sums, 1, w), 3.375, 1e-14);
    /* Ends: 6 · ¼ and 48 · ¼ */
    ck_assert_double_eq_tol(row_times(&sums, 0, w), 1.5, 1e-14);
    ck_assert_double_eq_tol(row_times(&sums, 2, w), 12.0, 1e-14);
}
END_TEST

START_TEST(fewer_nodes_than_channels_are_read_as_their_interpolation)
{
    struct inn_axis_map values, sums, at_nodes, full;
    const double node[4] = {0.5, -1.0, 2.0, 3.0};
    double channel[10];
    struct inn_group few = group_of(10, 4), many = group_of(10, 10);
    int64_t i, n;
    size_t r;

    for (r = 0; r < INN_COUNT(rules); r++) {
        ck_assert_int_eq(inn_axis_map_uniform(&values, &sums, &few,
                                              INN_KERNEL_CUBIC50,
                                              INN_EDGE_KEYS, rules[r], 10,
                                              &arena, NULL), INN_OK);
        ck_assert_int_eq(values.cols, 4);
        for (i = 0; i < 10; i++) {
            channel[i] = row_times(&values, i, node);
            /* at full width both roles give the fitted channels */
            ck_assert_double_eq_tol(row_times(&sums, i, node), channel[i],
                                    1e-13);
        }
        ck_assert(channel[3] == -1.0 && channel[9] == 3.0);
        for (n = 1; n <= 13; n++) {
            ck_assert_int_eq(inn_axis_map_uniform(&values, &at_nodes, &few,
                                                  INN_KERNEL_CUBIC50,
                                                  INN_EDGE_KEYS, rules[r], n,
                                                  &arena, NULL), INN_OK);
            ck_assert_int_eq(inn_axis_map_uniform(&values, &full, &many,
                                                  INN_KERNEL_CUBIC50,
                                                  INN_EDGE_KEYS, rules[r], n,
                                                  &arena, NULL), INN_OK);
            for (i = 0; i < n; i++)
                ck_assert_double_eq_tol(row_times(&at_nodes, i, node),
                                        row_times(&full, i, channel), 1e-11);
        }
    }
}
END_TEST

START_TEST(bad_widths_and_groups_are_refused)
{
    struct inn_axis_map values, sums;
    struct inn_error err = {0};
    struct inn_group g = group_of(5, 5), big = group_of(40000, 40000),
                     bad = group_of(4, 5);

    ck_assert_int_eq(inn_axis_map_uniform(&values, &sums, &g,
                                          INN_KERNEL_LINEAR, INN_EDGE_KEYS,
                                          INN_QUAD_LEFT, 21, &arena, &err),
                     INN_ERR_RANGE);
    ck_assert_str_eq(err.message,
                     "group 'g': width 21 is not in 1..20 (4 x 5)");
    ck_assert_int_eq(inn_axis_map_uniform(&values, &sums, &g,
                                          INN_KERNEL_LINEAR, INN_EDGE_KEYS,
                                          INN_QUAD_LEFT, 0, &arena, &err),
                     INN_ERR_RANGE);
    ck_assert_int_eq(inn_axis_map_uniform(&values, &sums, &big,
                                          INN_KERNEL_LINEAR, INN_EDGE_KEYS,
                                          INN_QUAD_GAUSS, 8, &arena, &err),
                     INN_ERR_RANGE);
    ck_assert_ptr_nonnull(strstr(err.message, "32768"));
    ck_assert_int_eq(inn_axis_map_uniform(&values, &sums, &bad,
                                          INN_KERNEL_LINEAR, INN_EDGE_KEYS,
                                          INN_QUAD_LEFT, 2, &arena, &err),
                     INN_ERR_FORMAT);
}
END_TEST

START_TEST(selection_copies_the_positions_it_is_given)
{
    const int64_t positions[3] = {4, 0, 2}, bad[1] = {5};
    const double w[5] = {1, 2, 3, 4, 5};
    struct inn_axis_map map;
    struct inn_error err = {0};

    ck_assert_int_eq(inn_axis_map_select(&map, positions, 3, 5, &arena,
                                         NULL), INN_OK);
    ck_assert(row_times(&map, 0, w) == 5.0);
    ck_assert(row_times(&map, 1, w) == 1.0);
    ck_assert(row_times(&map, 2, w) == 3.0);
    ck_assert_int_eq(inn_axis_map_select(&map, bad, 1, 5, &arena, &err),
                     INN_ERR_RANGE);
    ck_assert_str_eq(err.message, "position 5 is not in 0..4");
}
END_TEST

START_TEST(every_allocation_may_fail)
{
    struct inn_group g = group_of(2000, 1000);
    struct starve s = starve(heap, 5, 90);
    struct inn_axis_map values, sums;

    while (starving(&s)) {
        s.st = inn_axis_map_uniform(&values, &sums, &g, INN_KERNEL_CUBIC50,
                                    INN_EDGE_KEYS, INN_QUAD_SIMPSON, 900,
                                    &arena, s.err);
        inn_arena_free(&arena);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("axis");
    TCase *t = tcase_create("axis");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, resample_at_full_width_is_identity);
    tcase_add_test(t, constants_are_kept_at_every_width);
    tcase_add_test(t,
                   points_on_nodes_copy_and_sums_carry_the_ratio_of_weights);
    tcase_add_test(t, values_and_sums_between_nodes_are_as_computed_by_hand);
    tcase_add_test(t,
                   fewer_nodes_than_channels_are_read_as_their_interpolation);
    tcase_add_test(t, bad_widths_and_groups_are_refused);
    tcase_add_test(t, selection_copies_the_positions_it_is_given);
    tcase_add_test(t, every_allocation_may_fail);
    suite_add_tcase(s, t);
    return run_suite(s);
}
