/* When runs go by one thread, on a clock that the tests move. */
#include <check.h>

#include "runtime/exec/crowd.h"
#include "tests/unit/suite.h"

#define MS ((int64_t)1000000)

static int64_t now, switches;
static struct inn_crowd crowd;

static int64_t preempted(void)
{
    return switches;
}

static void setup(void)
{
    static const struct inn_crowd fresh = {0};

    crowd = fresh;
    now = 5 * MS;
    switches = 100;
}

/* A run on whatever threads it is for; true: it was one. */
static bool run(int64_t ns)
{
    bool alone = inn_crowd_begin(&crowd, now, preempted);

    now += ns;
    if (!alone)
        inn_crowd_end(&crowd, now, preempted);
    return alone;
}

START_TEST(runs_keep_their_threads_while_they_are_fast)
{
    int i;

    for (i = 0; i < 1000; i++)
        ck_assert(!run(MS / 5 + i % 7 * MS / 10));
}
END_TEST

START_TEST(a_first_run_is_never_late)
{
    inn_crowd_begin(&crowd, now, preempted);
    ck_assert(!inn_crowd_is_late(&crowd, now + 1000 * MS));
}
END_TEST

START_TEST(a_run_is_late_at_four_times_the_best_and_a_millisecond)
{
    run(MS);
    run(2 * MS);
    inn_crowd_begin(&crowd, now, preempted);
    ck_assert(!inn_crowd_is_late(&crowd, now + 5 * MS));
    ck_assert(inn_crowd_is_late(&crowd, now + 5 * MS + 1));
}
END_TEST

START_TEST(a_slow_network_is_never_late)
{
    run(7 * MS);
    inn_crowd_begin(&crowd, now, preempted);
    ck_assert(!inn_crowd_is_late(&crowd, now + 1000 * MS));
}
END_TEST

START_TEST(after_a_late_run_there_is_one_thread_for_a_while)
{
    int n = 0;

    run(MS);
    ck_assert(!run(50 * MS));
    while (run(MS))
        n++;
    ck_assert_int_eq(n, 16);
    ck_assert(!run(MS));
}
END_TEST

START_TEST(the_while_goes_on_where_the_core_is_shared)
{
    int i;

    run(MS);
    run(50 * MS);
    for (i = 0; i < 2000; i++) {
        ck_assert(run(MS));
        switches += i % 8 == 0;
    }
    i = 0;
    while (run(MS))
        i++;
    ck_assert_int_le(i, 2 * 1024);
}
END_TEST

START_TEST(each_while_is_longer_until_all_goes_well)
{
    int want = 16, n, round;

    run(MS);
    for (round = 0; round < 9; round++) {
        ck_assert(!run(50 * MS));
        for (n = 0; now < crowd.until; n++)
            ck_assert(run(MS));
        ck_assert_int_eq(n, want);
        want = want < 1024 ? 2 * want : 1024;
    }
    for (n = 0; n < 1100; n++)
        ck_assert(!run(MS));
    run(50 * MS);
    ck_assert_int_eq(crowd.until - now, 16 * MS);
}
END_TEST

START_TEST(the_count_of_preemptions_never_falls)
{
    int64_t before = inn_crowd_preempted();

    ck_assert_int_ge(before, 0);
    ck_assert_int_ge(inn_crowd_preempted(), before);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("crowd");
    TCase *t = tcase_create("crowd");

    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, runs_keep_their_threads_while_they_are_fast);
    tcase_add_test(t, a_first_run_is_never_late);
    tcase_add_test(t, a_run_is_late_at_four_times_the_best_and_a_millisecond);
    tcase_add_test(t, a_slow_network_is_never_late);
    tcase_add_test(t, after_a_late_run_there_is_one_thread_for_a_while);
    tcase_add_test(t, the_while_goes_on_where_the_core_is_shared);
    tcase_add_test(t, each_while_is_longer_until_all_goes_well);
    tcase_add_test(t, the_count_of_preemptions_never_falls);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
