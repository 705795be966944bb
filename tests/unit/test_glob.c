/* Globs over names. */
#include <check.h>
#include <string.h>

#include "runtime/base/glob.h"
#include "tests/unit/suite.h"

START_TEST(plain_text_matches_itself_only)
{
    ck_assert(inn_glob_match("layer1.0", "layer1.0"));
    ck_assert(!inn_glob_match("layer1.0", "layer1.00"));
    ck_assert(!inn_glob_match("layer1.0", "layer1"));
    ck_assert(inn_glob_match("", ""));
    ck_assert(!inn_glob_match("", "a"));
}
END_TEST

START_TEST(stars_take_any_run_and_question_marks_one)
{
    ck_assert(inn_glob_match("*", ""));
    ck_assert(inn_glob_match("layer*.conv?", "layer3.5.conv1"));
    ck_assert(!inn_glob_match("layer*.conv?", "layer3.5.conv"));
    ck_assert(inn_glob_match("*a*b*", "xxaxxbxx"));
    ck_assert(!inn_glob_match("*a*b", "xxbxxa"));
    ck_assert(inn_glob_match("*ab", "aab"));
    ck_assert(!inn_glob_match("?", ""));
    ck_assert(inn_glob_match("a**", "a"));
}
END_TEST

START_TEST(hostile_patterns_end_in_time)
{
    char text[10001];

    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    ck_assert(!inn_glob_match("*a*a*a*a*a*a*a*a*a*a*a*a*a*b", text));
    ck_assert(inn_glob_match("*a*a*a*a*a*a*a*a*a*a*a*a*a*", text));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("glob");
    TCase *t = tcase_create("glob");

    tcase_add_test(t, plain_text_matches_itself_only);
    tcase_add_test(t, stars_take_any_run_and_question_marks_one);
    tcase_add_test(t, hostile_patterns_end_in_time);
    suite_add_tcase(s, t);
    return run_suite(s);
}
