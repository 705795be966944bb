/* Order statistics of times. */
#include <check.h>
#include <math.h>

#include "runtime/base/port.h"
#include "runtime/tools/times.h"
#include "tests/unit/suite.h"

START_TEST(no_times_come_to_nothing)
{
    struct inn_times t;

    inn_times_summary(&t, NULL, 0);
    ck_assert(isnan(t.min) && isnan(t.median) && isnan(t.mean));
    ck_assert(isnan(t.p90) && isnan(t.p99));
}
END_TEST

START_TEST(one_time_is_everything)
{
    double ms[] = {3};
    struct inn_times t;

    inn_times_summary(&t, ms, 1);
    ck_assert_double_eq(t.min, 3);
    ck_assert_double_eq(t.median, 3);
    ck_assert_double_eq(t.mean, 3);
    ck_assert_double_eq(t.p90, 3);
    ck_assert_double_eq(t.p99, 3);
}
END_TEST

START_TEST(order_of_times_does_not_matter)
{
    double ms[] = {4, 1, 9, 2};
    struct inn_times t;

    inn_times_summary(&t, ms, INN_COUNT(ms));
    ck_assert_double_eq(t.min, 1);
    ck_assert_double_eq(t.median, 3);
    ck_assert_double_eq(t.mean, 4);
    ck_assert_double_eq(t.p90, 9);
}
END_TEST

START_TEST(nine_in_ten_do_not_exceed_p90)
{
    double ms[1000];
    struct inn_times t;
    size_t i;

    for (i = 0; i < 1000; i++)
        ms[i] = (double)((i * 7 + 3) % 1000 + 1);
    inn_times_summary(&t, ms, 1000);
    ck_assert_double_eq(t.p90, 900);
    ck_assert_double_eq(t.p99, 990);
    ck_assert_double_eq(t.median, 500.5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("times");
    TCase *cases = tcase_create("summary");

    tcase_add_test(cases, no_times_come_to_nothing);
    tcase_add_test(cases, one_time_is_everything);
    tcase_add_test(cases, order_of_times_does_not_matter);
    tcase_add_test(cases, nine_in_ten_do_not_exceed_p90);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
