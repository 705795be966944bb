/* Messages: names stand whole while there is room, reasons always. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/error.h"
#include "tests/unit/suite.h"

#define MARK "\xe2\x80\xa6"

/* A name of n bytes: "head", many of c, "tail". */
static char *name_of(size_t n, char c)
{
    char *name = malloc(n + 1);

    ck_assert_ptr_nonnull(name);
    memset(name, c, n);
    name[n] = '\0';
    memcpy(name, "head", 4);
    memcpy(name + n - 4, "tail", 4);
    return name;
}

static void check_ends(const struct inn_error *err, const char *from,
                       const char *to)
{
    size_t n = strlen(err->message);

    ck_assert_uint_lt(n, sizeof(err->message));
    ck_assert_msg(strncmp(err->message, from, strlen(from)) == 0, "%s",
                  err->message);
    ck_assert_msg(n >= strlen(to) &&
                      strcmp(err->message + n - strlen(to), to) == 0,
                  "%s", err->message);
}

/* On both sides of a message's room, and where a megabyte is passed. */
START_TEST(the_reason_stands_whatever_the_length_of_a_name)
{
    static const size_t sizes[] = {8,   100,  400,   470,       471,  472,
                                   473, 474,  478,   479,       480,  500,
                                   512, 1000, 70000, 1u << 20 >> 1};
    size_t i;

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        char *name = name_of(sizes[i], 'a');
        struct inn_error err;

        ck_assert_int_eq(inn_fail(&err, INN_ERR_FORMAT,
                                  "Conv '%s': weight has %d channels", name,
                                  7), INN_ERR_FORMAT);
        check_ends(&err, "Conv 'head", "tail': weight has 7 channels");
        ck_assert_int_eq(strstr(err.message, MARK) != NULL, sizes[i] >= 480);
        inn_fail(&err, INN_ERR_FORMAT, "weight has 7 channels: Conv '%s'",
                 name);
        check_ends(&err, "weight has 7 channels: Conv 'head", "tail'");
        free(name);
    }
}
END_TEST

START_TEST(a_name_without_end_leaves_what_stands_before_it)
{
    char *name = name_of((size_t)3 << 20, 'a');
    struct inn_error err;

    inn_fail(&err, INN_ERR_FORMAT, "unknown operator: Conv '%s'", name);
    check_ends(&err, "unknown operator: Conv 'head", MARK);
    free(name);
}
END_TEST

START_TEST(the_longest_name_is_shortened_first)
{
    char *lang = name_of(400, 'a'), *lung = name_of(700, 'b');
    struct inn_error err;

    inn_fail(&err, INN_ERR_RANGE, "'short' is %d in '%s' and %d in '%s'", 1,
             lang, 2, "y");
    ck_assert_ptr_null(strstr(err.message, MARK));
    inn_fail(&err, INN_ERR_RANGE, "'short' is %d in '%s' and %d in '%s', no",
             1, lang, 2, lung);
    check_ends(&err, "'short' is 1 in 'head", "tail', no");
    ck_assert_ptr_nonnull(strstr(err.message, lang));
    inn_fail(&err, INN_ERR_RANGE, "it isn't 'so': %s: can't be read", lung);
    check_ends(&err, "it isn't 'so': head", "tail: can't be read");
    free(lang);
    free(lung);
}
END_TEST

START_TEST(prefixes_leave_the_reason_too)
{
    char *name = name_of(600, 'a');
    struct inn_error err;
    int i;

    inn_fail(&err, INN_ERR_FORMAT, "reads '%s', which nothing defines", name);
    for (i = 0; i < 3; i++)
        inn_error_prefix(&err, "function '%s'", name);
    check_ends(&err, "function 'head", "tail', which nothing defines");
    free(name);
}
END_TEST

START_TEST(letters_are_not_cut_in_two)
{
    char name[1200], *at;
    struct inn_error err;
    size_t shift, i;

    for (shift = 0; shift < 3; shift++) {
        memset(name, 'x', shift);
        for (i = shift; i + 3 < sizeof(name); i += 3)
            memcpy(name + i, "\xe4\xb8\xad", 3);
        name[i] = '\0';
        inn_fail(&err, INN_ERR_FORMAT, "'%s' is it", name);
        check_ends(&err, "'", "' is it");
        at = err.message + 1 + shift;
        for (i = 0; strncmp(at, "\xe4\xb8\xad", 3) == 0; i++)
            at += 3;
        ck_assert_uint_gt(i, 20);
        ck_assert_int_eq(strncmp(at, MARK, 3), 0);
        at += 3;
        for (; strncmp(at, "\xe4\xb8\xad", 3) == 0; i++)
            at += 3;
        ck_assert_str_eq(at, "' is it");
    }
}
END_TEST

START_TEST(control_characters_go)
{
    struct inn_error err;

    inn_fail(&err, INN_ERR_FORMAT, "'%s'", "a\033[1mb\nc\x7f");
    ck_assert_str_eq(err.message, "'a?[1mb?c?'");
}
END_TEST

START_TEST(kinds_outlast_prefixes_and_go_with_the_next_failure)
{
    struct inn_error err = {0}, copy;

    ck_assert_int_eq(inn_error_kind(&err), INN_KIND_PLAIN);
    ck_assert_int_eq(inn_exists_already(&err), INN_ERR_IO);
    inn_error_file(&err, "y.npy");
    inn_error_file(&err, "net.inn");
    ck_assert_str_eq(err.message, "y.npy: exists already");
    copy = err;
    ck_assert_int_eq(inn_error_kind(&copy), INN_KIND_EXISTS);
    ck_assert(inn_error_has_file(&copy));
    inn_error_prefix(&err, "networks[0]");
    ck_assert(!inn_error_has_file(&err));
    ck_assert_int_eq(inn_error_kind(&err), INN_KIND_EXISTS);
    inn_fail(&err, INN_ERR_IO, "exists already");
    ck_assert_int_eq(inn_error_kind(&err), INN_KIND_PLAIN);
    ck_assert(!inn_error_has_file(&err));
    ck_assert_int_eq(inn_exists_already(NULL), INN_ERR_IO);
    inn_error_file(NULL, "y.npy");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("error");
    TCase *t = tcase_create("error");

    tcase_add_test(t, the_reason_stands_whatever_the_length_of_a_name);
    tcase_add_test(t, a_name_without_end_leaves_what_stands_before_it);
    tcase_add_test(t, the_longest_name_is_shortened_first);
    tcase_add_test(t, prefixes_leave_the_reason_too);
    tcase_add_test(t, letters_are_not_cut_in_two);
    tcase_add_test(t, control_characters_go);
    tcase_add_test(t, kinds_outlast_prefixes_and_go_with_the_next_failure);
    suite_add_tcase(s, t);
    return run_suite(s);
}
