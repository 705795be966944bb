/*
 * Measured choices: kept from session to session, in a file that is only
 * touched where it is ours. Which choice wins is the machine's; where there is
 * nothing to choose between, no file is made.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/exec_graphs.h"
#include "tests/unit/suite.h"

static char folder[32];
static char path[64];

static const char *const functions[] = {"Relu", "LeakyRelu"};

/* Two convolutions that may be transformed, the later with a residual. */
static void residual_net(struct inn_tensor *in, const char *function)
{
    int64_t x[] = {1, 16, 16, 16}, w[] = {16, 16, 3, 3}, pads[] = {1, 1, 1, 1};
    int v, first;

    v = first = add_op("Conv", add_input("x", INN_F32, 4, x),
                       add_weight("a", 4, w), -1);
    set_ints(v, "pads", pads, 4);
    v = add_op("Conv", add_op(function, v, -1, -1), add_weight("b", 4, w), -1);
    set_ints(v, "pads", pads, 4);
    add_output(add_op(function, add_op("Add", v, first, -1), -1, -1));
    *in = *new_tensor(INN_F32, 4, x);
    fill_tensor(in);
}

static const struct inn_tensor *run_tuned(struct inn_session **s,
                                          const struct inn_tensor *in)
{
    struct inn_session_options how = {.threads = 1, .tune = path};
    const struct inn_tensor *out = NULL;
    struct inn_error err = {0};
    enum inn_status st;

    st = inn_session_new(s, graph, &how, &err);
    if (st == INN_OK)
        st = inn_session_run(*s, &out, in, 1, &err);
    ck_assert_msg(st == INN_OK, "%s", err.message);
    return out;
}

static size_t read_all(char *to, size_t size)
{
    FILE *f = fopen(path, "rb");
    size_t n = f != NULL ? fread(to, 1, size, f) : 0;

    if (f != NULL)
        fclose(f);
    return n;
}

static void write_all(const char *text)
{
    FILE *f = fopen(path, "wb");

    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(text, 1, strlen(text), f), strlen(text));
    ck_assert_int_eq(fclose(f), 0);
}

static void set_up(void)
{
    strcpy(folder, "/tmp/inn-tune-XXXXXX"); /* tests may share a process */
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/choices", folder);
}

static void clean_up(void)
{
    remove(path);
    rmdir(folder);
}

/*
 * Two layers of 144 products below 1; the transforms of F(4x4, 3x3) multiply
 * by up to 8 each way.
 */
static void compare_results(const struct inn_tensor *a,
                            const struct inn_tensor *b)
{
    size_t i;

    for (i = 0; i < a->bytes / 4; i++) {
        float x = ((const float *)a->data)[i], y = ((float *)b->data)[i];

        ck_assert_float_le(x > y ? x - y : y - x,
                           (float)(64 * 144 * sum_bound(144)));
    }
}

START_TEST(choices_are_found_again_and_results_are_near)
{
    static char first[1 << 16], second[1 << 16];
    struct inn_session *one, *two, *ref;
    const struct inn_tensor *a, *b, *c;
    struct inn_tensor in;
    size_t n;

    graph_begin();
    residual_net(&in, functions[_i]);
    a = run_tuned(&one, &in);
    n = read_all(first, sizeof(first));
    ck_assert(n == 0 || memcmp(first, "inn-tune 2\n", 11) == 0);
    b = run_tuned(&two, &in);
    ck_assert_uint_eq(read_all(second, sizeof(second)), n);
    ck_assert_mem_eq(first, second, n);
    ck_assert_mem_eq(a->data, b->data, a->bytes);
    c = run_once(&ref, 1, true, false, &in, 1);
    compare_results(a, c);
    inn_session_free(one);
    inn_session_free(two);
    inn_session_free(ref);
    graph_end();
}
END_TEST

/* Every choice of the file becomes that; how many they are. */
static int choose_all(const char *impl)
{
    static char old[1 << 16], text[1 << 16];
    size_t n = read_all(old, sizeof(old) - 1), at = 0;
    char *line, *rest = old;
    int count = -1;

    old[n] = '\0';
    while ((line = strtok_r(NULL, "\n", &rest)) != NULL) {
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s\n",
                               count < 0 ? "" : impl,
                               count < 0 ? line : strchr(line, ' '));
        count++;
    }
    if (n != 0)
        write_all(text);
    return count;
}

static int steps_of(const struct inn_session *s, const char *op_type)
{
    struct inn_step_info info;
    int i, n = 0;

    for (i = 0; i < inn_session_n_steps(s); i++) {
        inn_session_step(s, &info, i);
        n += info.node != NULL && strcmp(info.node->op_type, op_type) == 0;
    }
    return n;
}

/* A function that Winograd's algorithm doesn't take gets a pass of its own. */
START_TEST(a_choice_that_is_kept_is_followed)
{
    static const char *const impls[] = {"apart", "no such thing"};
    struct inn_session *one, *two, *ref;
    const struct inn_tensor *a, *c;
    struct inn_tensor in;

    graph_begin();
    residual_net(&in, functions[_i & 1]);
    run_tuned(&one, &in);
    if (choose_all(impls[_i >> 1]) > 0) {
        a = run_tuned(&two, &in);
        if (_i >> 1 == 0)
            ck_assert_int_gt(steps_of(two, functions[_i & 1]), 0);
        c = run_once(&ref, 1, true, false, &in, 1);
        compare_results(a, c);
        inn_session_free(two);
        inn_session_free(ref);
    }
    inn_session_free(one);
    graph_end();
}
END_TEST

/* What is no list of ours is left alone; lines that say nothing are skipped. */
START_TEST(any_file_does)
{
    static const char *const texts[] = {
        "", "\n", "not ours\n", "inn-tune 1\n0 x\n", "inn-tune 2\n",
        "inn-tune 2\njit \n\njit\n x\na b c\njit y",
        "inn-tune 2\n\x01\x02\xff"};
    char after[1 << 16];
    struct inn_session *s;
    struct inn_tensor in;

    graph_begin();
    residual_net(&in, functions[_i & 1]);
    write_all(texts[_i]);
    run_tuned(&s, &in);
    inn_session_free(s);
    read_all(after, sizeof(after));
    if (_i >= 1 && _i <= 3)
        ck_assert_mem_eq(after, texts[_i], strlen(texts[_i]));
    ck_assert(!inn_tune_is_foreign(path) || (_i >= 1 && _i <= 3));
    graph_end();
}
END_TEST

START_TEST(each_failing_request_is_reported_and_leaks_nothing)
{
    struct inn_session_options how = {.threads = 1, .tune = path};
    struct inn_tensor in;

    graph_begin();
    residual_net(&in, functions[_i & 1]);
    if (_i == 1)
        write_all("inn-tune 2\njit a\njit b\n");
    starve_session(&how, &in, 1);
    graph_end();
}
END_TEST

START_TEST(a_file_that_cannot_be_written_is_an_error_where_it_is_needed)
{
    struct inn_session_options how = {.threads = 1};
    char nowhere[80];
    struct inn_session *s;
    const struct inn_tensor *out;
    struct inn_error err = {0};
    struct inn_tensor in;
    enum inn_status st;

    graph_begin();
    residual_net(&in, functions[_i & 1]);
    snprintf(nowhere, sizeof(nowhere), "%s/none/choices", folder);
    how.tune = nowhere;
    st = inn_session_new(&s, graph, &how, &err);
    if (st == INN_OK)
        st = inn_session_run(s, &out, &in, 1, &err);
    /* Where oneDNN has but one way nothing is written. */
    if (st != INN_OK) {
        ck_assert_int_eq(st, INN_ERR_IO);
        ck_assert_ptr_nonnull(strstr(err.message, nowhere));
    }
    inn_session_free(s);
    graph_end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tune");
    TCase *t = tcase_create("tune");

    tcase_add_checked_fixture(t, set_up, clean_up);
    tcase_add_loop_test(t, choices_are_found_again_and_results_are_near, 0,
                        2);
    tcase_add_loop_test(t, a_choice_that_is_kept_is_followed, 0, 4);
    tcase_add_loop_test(t, any_file_does, 0, 7);
    tcase_add_loop_test(t, each_failing_request_is_reported_and_leaks_nothing,
                        0, 2);
    tcase_add_test(
        t, a_file_that_cannot_be_written_is_an_error_where_it_is_needed);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
