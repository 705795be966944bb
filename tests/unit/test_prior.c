/*
 * What is known of variances and correlations before pictures are seen, by
 * hand on two and three channels.
 */
#include <check.h>
#include <math.h>

#include "converter/moments/prior.h"
#include "tests/unit/suite.h"

#define NEAR 1e-12

/* Log variances ±a about 0, correlation ½, means of 1 and 2 deviations. */
static void pair(double *mean, double *cov, double a)
{
    cov[0] = exp(a);
    cov[3] = exp(-a);
    cov[1] = cov[2] = 0.5;
    mean[0] = exp(a / 2);
    mean[1] = 2 * exp(-a / 2);
}

/* The pair again, at spread a. */
static void check_pair(const double *mean, const double *cov, double a)
{
    double want_mean[2], want[4];
    int i;

    pair(want_mean, want, a);
    for (i = 0; i < 4; i++)
        ck_assert_double_eq_tol(cov[i], want[i], NEAR);
    for (i = 0; i < 2; i++)
        ck_assert_double_eq_tol(mean[i], want_mean[i], NEAR);
}

START_TEST(with_statistics_a_constant_error_is_taken_off_the_spread)
{
    double mean[2], cov[4];

    pair(mean, cov, 0.4);
    inn_settle_variances(mean, cov, 2, true);
    check_pair(mean, cov, 0.4 * (1 - 0.25)); /* 1 − 0.2²/0.4² */
}
END_TEST

START_TEST(a_spread_below_the_error_is_the_pictures)
{
    double mean[2], cov[4];

    pair(mean, cov, 0.15);
    inn_settle_variances(mean, cov, 2, true);
    check_pair(mean, cov, 0);
}
END_TEST

START_TEST(without_statistics_a_wide_spread_becomes_narrow)
{
    double mean[2], cov[4];

    pair(mean, cov, 0.8);
    inn_settle_variances(mean, cov, 2, false);
    check_pair(mean, cov, 0.2 * 0.2 / 0.8);
    pair(mean, cov, 0.1); /* at most 0.8 is believed */
    inn_settle_variances(mean, cov, 2, false);
    check_pair(mean, cov, 0.08);
}
END_TEST

START_TEST(without_statistics_a_spread_beyond_all_error_is_believed)
{
    double mean[2], cov[4];

    pair(mean, cov, 1.8);
    inn_settle_variances(mean, cov, 2, false);
    check_pair(mean, cov, 1.8 * (1 - 0.25)); /* 1 − 0.9²/1.8² */
}
END_TEST

START_TEST(a_dead_channel_stays_dead_and_counts_for_nothing)
{
    double mean[3] = {exp(0.5), 2 * exp(-0.5), 1e-9};
    double cov[9] = {exp(1.0), 0.5, 0, 0.5, exp(-1.0), 0, 0, 0, 1e-18};

    inn_settle_variances(mean, cov, 3, false);
    ck_assert_double_eq_tol(cov[0], exp(0.19), NEAR);
    ck_assert_double_eq_tol(cov[4], exp(-0.19), NEAR);
    ck_assert_double_eq_tol(cov[1], 0.5, NEAR);
    ck_assert_double_eq(cov[8], 1e-18);
    ck_assert_double_eq(mean[2], 1e-9);
}
END_TEST

START_TEST(channels_that_do_not_vary_are_left_alone)
{
    double mean[2] = {1, 2}, cov[4] = {0, 0, 0, 0};

    inn_settle_variances(mean, cov, 2, true);
    inn_settle_variances(mean, cov, 2, false);
    ck_assert_double_eq(mean[1], 2);
    ck_assert_double_eq(cov[0], 0);
}
END_TEST

START_TEST(weights_say_as_much_as_24_positions_per_channel)
{
    const double gram[4] = {4, 3, 3, 9}; /* correlation ½ */
    double cov[4] = {16, 0, 0, 1};

    inn_join_weights(cov, gram, 2, 48);
    ck_assert_double_eq_tol(cov[1], 0.5 * 0.5 * 4, NEAR);
    ck_assert_double_eq(cov[1], cov[2]);
    ck_assert_double_eq(cov[0], 16);
    ck_assert_double_eq(cov[3], 1);
}
END_TEST

START_TEST(weights_that_are_zero_say_nothing_of_what_goes_together)
{
    const double gram[4] = {4, 0, 0, 0};
    double cov[4] = {1, 0.8, 0.8, 1};

    inn_join_weights(cov, gram, 2, 48);
    ck_assert_double_eq_tol(cov[1], 0.4, NEAR);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("prior");
    TCase *tests = tcase_create("prior");

    tcase_add_test(tests,
                   with_statistics_a_constant_error_is_taken_off_the_spread);
    tcase_add_test(tests, a_spread_below_the_error_is_the_pictures);
    tcase_add_test(tests, without_statistics_a_wide_spread_becomes_narrow);
    tcase_add_test(tests,
                   without_statistics_a_spread_beyond_all_error_is_believed);
    tcase_add_test(tests, a_dead_channel_stays_dead_and_counts_for_nothing);
    tcase_add_test(tests, channels_that_do_not_vary_are_left_alone);
    tcase_add_test(tests, weights_say_as_much_as_24_positions_per_channel);
    tcase_add_test(tests,
                   weights_that_are_zero_say_nothing_of_what_goes_together);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
