/* Quadrature rules: points, weights, and what they integrate exactly. */
#include <check.h>
#include <math.h>

#include "runtime/base/port.h"
#include "runtime/grid/axis_map.h"
#include "tests/unit/suite.h"

#define MOST 128

static const enum inn_quadrature rules[] = {
    INN_QUAD_TRAPEZOID, INN_QUAD_LEFT,    INN_QUAD_RIGHT,
    INN_QUAD_MIDPOINT,  INN_QUAD_SIMPSON, INN_QUAD_GAUSS};

/* Σ q_i x_i^k − 1/(k + 1) */
static double power_error(enum inn_quadrature rule, int n, int k)
{
    double x[MOST], q[MOST], sum = 0.0;
    int i;

    inn_quadrature_rule(rule, n, x, q);
    for (i = 0; i < n; i++)
        sum += q[i] * pow(x[i], k);
    return fabs(sum - 1.0 / (k + 1));
}

START_TEST(weights_are_positive_and_sum_to_one)
{
    double x[MOST], q[MOST], sum;
    size_t r;
    int n, i;

    for (r = 0; r < INN_COUNT(rules); r++) {
        for (n = 1; n <= MOST; n++) {
            inn_quadrature_rule(rules[r], n, x, q);
            sum = 0.0;
            for (i = 0; i < n; i++) {
                ck_assert_double_gt(q[i], 0.0);
                ck_assert_double_ge(x[i], 0.0);
                ck_assert_double_le(x[i], 1.0);
                if (i > 0)
                    ck_assert_double_gt(x[i], x[i - 1]);
                sum += q[i];
            }
            ck_assert_double_eq_tol(sum, 1.0, 1e-13);
        }
    }
}
END_TEST

START_TEST(one_point_lies_in_the_middle)
{
    double x, q;
    size_t r;

    for (r = 0; r < INN_COUNT(rules); r++) {
        inn_quadrature_rule(rules[r], 1, &x, &q);
        ck_assert_double_eq(x, 0.5);
        ck_assert_double_eq(q, 1.0);
    }
}
END_TEST

START_TEST(trapezoid_and_midpoint_are_exact_for_linear_functions)
{
    int n;

    for (n = 2; n <= 70; n++) {
        ck_assert_double_lt(power_error(INN_QUAD_TRAPEZOID, n, 1), 1e-13);
        ck_assert_double_lt(power_error(INN_QUAD_MIDPOINT, n, 1), 1e-13);
    }
}
END_TEST

START_TEST(simpson_is_exact_for_cubics_on_an_odd_number_of_points)
{
    int n, k;

    for (n = 3; n <= 71; n += 2) {
        for (k = 0; k <= 3; k++)
            ck_assert_double_lt(power_error(INN_QUAD_SIMPSON, n, k), 1e-13);
    }
    for (n = 2; n <= 70; n += 2)
        ck_assert_double_lt(power_error(INN_QUAD_SIMPSON, n, 1), 1e-13);
}
END_TEST

START_TEST(gauss_is_exact_up_to_degree_two_n_minus_one)
{
    int n, k;

    for (n = 1; n <= 40; n++) {
        for (k = 0; k <= 2 * n - 1; k++)
            ck_assert_double_lt(power_error(INN_QUAD_GAUSS, n, k), 1e-14);
    }
    /* and not beyond */
    ck_assert_double_gt(power_error(INN_QUAD_GAUSS, 2, 4), 1e-3);
}
END_TEST

START_TEST(known_weights_of_small_rules)
{
    double x[5], q[5];

    inn_quadrature_rule(INN_QUAD_TRAPEZOID, 3, x, q);
    ck_assert_double_eq(q[0], 0.25);
    ck_assert_double_eq(q[1], 0.5);
    /* the last cell is shared by its ends */
    inn_quadrature_rule(INN_QUAD_LEFT, 5, x, q);
    ck_assert_double_eq(x[3], 0.75);
    ck_assert_double_eq(q[0], 0.25);
    ck_assert_double_eq(q[2], 0.25);
    ck_assert_double_eq(q[3], 0.125);
    ck_assert_double_eq(q[4], 0.125);
    inn_quadrature_rule(INN_QUAD_RIGHT, 5, x, q);
    ck_assert_double_eq(q[0], 0.125);
    ck_assert_double_eq(q[1], 0.125);
    ck_assert_double_eq(q[4], 0.25);
    /* Simpson's 1/3 on the first three, a trapezoid behind */
    inn_quadrature_rule(INN_QUAD_SIMPSON, 4, x, q);
    ck_assert_double_eq_tol(q[0], 1.0 / 9, 1e-15);
    ck_assert_double_eq_tol(q[1], 4.0 / 9, 4e-15);
    ck_assert_double_eq_tol(q[2], 1.0 / 9 + 1.0 / 6, 1e-15);
    ck_assert_double_eq_tol(q[3], 1.0 / 6, 1e-15);
    inn_quadrature_rule(INN_QUAD_SIMPSON, 2, x, q);
    ck_assert_double_eq(q[0], 0.5);
    inn_quadrature_rule(INN_QUAD_MIDPOINT, 4, x, q);
    ck_assert_double_eq(x[0], 0.125);
    ck_assert_double_eq(q[3], 0.25);
    /* roots of P_3: 0 and ±√(3/5); weights 5/9, 8/9 on [-1, 1] */
    inn_quadrature_rule(INN_QUAD_GAUSS, 3, x, q);
    ck_assert_double_eq_tol(x[0], 0.5 - 0.5 * sqrt(0.6), 1e-15);
    ck_assert_double_eq(x[1], 0.5);
    ck_assert_double_eq_tol(q[0], 5.0 / 18, 4e-15);
    ck_assert_double_eq_tol(q[1], 4.0 / 9, 4e-15);
}
END_TEST

START_TEST(either_output_may_be_left_out)
{
    double x[7], q[7], only[7];
    size_t r;
    int i;

    for (r = 0; r < INN_COUNT(rules); r++) {
        inn_quadrature_rule(rules[r], 7, x, q);
        inn_quadrature_rule(rules[r], 7, only, NULL);
        for (i = 0; i < 7; i++)
            ck_assert_double_eq(only[i], x[i]);
        inn_quadrature_rule(rules[r], 7, NULL, only);
        for (i = 0; i < 7; i++)
            ck_assert_double_eq(only[i], q[i]);
    }
}
END_TEST

START_TEST(a_large_gauss_rule_still_converges)
{
    enum { N = 3001 };
    static double x[N], q[N];
    double sum = 0.0;
    int i;

    inn_quadrature_rule(INN_QUAD_GAUSS, N, x, q);
    for (i = 0; i < N; i++)
        sum += q[i] * exp(x[i]);
    ck_assert_double_eq_tol(sum, exp(1.0) - 1.0, 1e-12);
}
END_TEST

START_TEST(points_of_a_rule_are_found_among_more_points_of_it)
{
    double x[3], roots[9], s[3];

    inn_quadrature_nodes(INN_QUAD_TRAPEZOID, 3, 9, NULL, NULL, s);
    ck_assert_double_eq(s[1], 4.0);
    ck_assert_double_eq(s[2], 8.0);
    /* midpoints of 3 cells fall on midpoints of 9: 1, 4, 7 */
    inn_quadrature_nodes(INN_QUAD_MIDPOINT, 3, 9, NULL, NULL, s);
    ck_assert_double_eq(s[0], 1.0);
    ck_assert_double_eq(s[1], 4.0);
    ck_assert_double_eq(s[2], 7.0);
    inn_quadrature_rule(INN_QUAD_GAUSS, 3, x, NULL);
    inn_quadrature_rule(INN_QUAD_GAUSS, 9, roots, NULL);
    inn_quadrature_nodes(INN_QUAD_GAUSS, 3, 9, x, roots, s);
    ck_assert_double_eq(s[1], 4.0);
    ck_assert_double_gt(s[0], 0.0);
    ck_assert_double_eq_tol(s[0] + s[2], 8.0, 1e-12);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("quadrature");
    TCase *t = tcase_create("quadrature");

    tcase_add_test(t, weights_are_positive_and_sum_to_one);
    tcase_add_test(t, one_point_lies_in_the_middle);
    tcase_add_test(t, trapezoid_and_midpoint_are_exact_for_linear_functions);
    tcase_add_test(t,
                   simpson_is_exact_for_cubics_on_an_odd_number_of_points);
    tcase_add_test(t, gauss_is_exact_up_to_degree_two_n_minus_one);
    tcase_add_test(t, known_weights_of_small_rules);
    tcase_add_test(t, either_output_may_be_left_out);
    tcase_add_test(t, a_large_gauss_rule_still_converges);
    tcase_add_test(t, points_of_a_rule_are_found_among_more_points_of_it);
    suite_add_tcase(s, t);
    return run_suite(s);
}
