/* Interpolation kernels and rows of weights on the nodes. */
#include <check.h>
#include <math.h>

#include "runtime/base/port.h"
#include "runtime/grid/axis_map.h"
#include "tests/unit/suite.h"

static const enum inn_kernel kernels[] = {
    INN_KERNEL_CUBIC50, INN_KERNEL_CUBIC75, INN_KERNEL_LINEAR};
static const enum inn_edge edges[] = {INN_EDGE_KEYS, INN_EDGE_CLAMP};

START_TEST(kernels_take_the_values_of_the_formula)
{
    /* Keys, a = -1/2: u(1/2) = 9/16, u(3/2) = -1/16; a = -3/4: 19/32, -3/32 */
    ck_assert_double_eq(inn_kernel_value(INN_KERNEL_CUBIC50, 0.5), 0.5625);
    ck_assert_double_eq(inn_kernel_value(INN_KERNEL_CUBIC50, -1.5), -0.0625);
    ck_assert_double_eq(inn_kernel_value(INN_KERNEL_CUBIC75, 0.5), 0.59375);
    ck_assert_double_eq(inn_kernel_value(INN_KERNEL_CUBIC75, 1.5), -0.09375);
    ck_assert_double_eq(inn_kernel_value(INN_KERNEL_LINEAR, -0.25), 0.75);
}
END_TEST

START_TEST(kernels_are_one_at_zero_and_zero_at_other_integers)
{
    size_t k;
    int i;

    for (k = 0; k < INN_COUNT(kernels); k++) {
        ck_assert_double_eq(inn_kernel_value(kernels[k], 0.0), 1.0);
        for (i = 1; i < 4; i++) {
            ck_assert_double_eq(inn_kernel_value(kernels[k], i), 0.0);
            ck_assert_double_eq(inn_kernel_value(kernels[k], -i), 0.0);
        }
        ck_assert_double_eq(inn_kernel_value(kernels[k], 2.5), 0.0);
    }
}
END_TEST

/* The definition itself: nodes continued at both ends, all of them summed. */
static double naive(enum inn_kernel kernel, enum inn_edge edge, int m,
                    const double *node, double s)
{
    double value = 0.0;
    int j;

    if (m == 1)
        return node[0];
    if (m == 2)
        kernel = INN_KERNEL_LINEAR;
    for (j = -1; j <= m; j++) {
        double x;

        if (kernel == INN_KERNEL_LINEAR && (j < 0 || j >= m))
            continue;
        if (j < 0)
            x = edge == INN_EDGE_CLAMP
                    ? node[0] : 3 * node[0] - 3 * node[1] + node[2];
        else if (j >= m)
            x = edge == INN_EDGE_CLAMP
                    ? node[m - 1]
                    : 3 * node[m - 1] - 3 * node[m - 2] + node[m - 3];
        else
            x = node[j];
        value += x * inn_kernel_value(kernel, s - j);
    }
    return value;
}

START_TEST(rows_agree_with_the_sum_over_all_nodes)
{
    double node[9], weight[INN_KERNEL_TAPS], value, s;
    int32_t col[INN_KERNEL_TAPS];
    size_t k, e;
    int m, i, n, t;

    for (i = 0; i < 9; i++)
        node[i] = sin(i * 1.7) + 0.1 * i;
    for (k = 0; k < INN_COUNT(kernels); k++) {
        for (e = 0; e < INN_COUNT(edges); e++) {
            for (m = 1; m <= 9; m++) {
                for (t = 0; t <= 40; t++) {
                    s = (m - 1) * t / 40.0;
                    n = inn_kernel_row(kernels[k], edges[e], m, s, col,
                                       weight);
                    value = 0.0;
                    for (i = 0; i < n; i++) {
                        ck_assert_int_ge(col[i], 0);
                        ck_assert_int_lt(col[i], m);
                        value += weight[i] * node[col[i]];
                    }
                    ck_assert_double_eq_tol(
                        value, naive(kernels[k], edges[e], m, node, s),
                        1e-13);
                }
            }
        }
    }
}
END_TEST

START_TEST(keys_edge_keeps_parabolas_up_to_the_ends)
{
    double weight[INN_KERNEL_TAPS], value, s;
    int32_t col[INN_KERNEL_TAPS];
    int i, n, t;

    for (t = 0; t <= 60; t++) {
        s = 6.0 * t / 60.0;
        n = inn_kernel_row(INN_KERNEL_CUBIC50, INN_EDGE_KEYS, 7, s, col,
                           weight);
        value = 0.0;
        for (i = 0; i < n; i++)
            value += weight[i] * (2.0 - col[i] + 0.5 * col[i] * col[i]);
        ck_assert_double_eq_tol(value, 2.0 - s + 0.5 * s * s, 1e-12);
    }
}
END_TEST

START_TEST(coordinates_outside_are_clamped_and_nodes_are_single_entries)
{
    double weight[INN_KERNEL_TAPS];
    int32_t col[INN_KERNEL_TAPS];

    ck_assert_int_eq(inn_kernel_row(INN_KERNEL_CUBIC50, INN_EDGE_KEYS, 5,
                                    -3.0, col, weight), 1);
    ck_assert_int_eq(col[0], 0);
    ck_assert_double_eq(weight[0], 1.0);
    ck_assert_int_eq(inn_kernel_row(INN_KERNEL_CUBIC50, INN_EDGE_KEYS, 5,
                                    9.0, col, weight), 1);
    ck_assert_int_eq(col[0], 4);
    ck_assert_int_eq(inn_kernel_row(INN_KERNEL_CUBIC50, INN_EDGE_KEYS, 5,
                                    (double)NAN, col, weight), 1);
    ck_assert_int_eq(col[0], 0);
    ck_assert_int_eq(inn_kernel_row(INN_KERNEL_LINEAR, INN_EDGE_CLAMP, 5,
                                    3.0, col, weight), 1);
    ck_assert_int_eq(col[0], 3);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("kernel");
    TCase *t = tcase_create("kernel");

    tcase_add_test(t, kernels_take_the_values_of_the_formula);
    tcase_add_test(t, kernels_are_one_at_zero_and_zero_at_other_integers);
    tcase_add_test(t, rows_agree_with_the_sum_over_all_nodes);
    tcase_add_test(t, keys_edge_keeps_parabolas_up_to_the_ends);
    tcase_add_test(
        t, coordinates_outside_are_clamped_and_nodes_are_single_entries);
    suite_add_tcase(s, t);
    return run_suite(s);
}
