/*
 * What converting costs as networks grow, told by what can be counted:
 * requests for memory, and axes that are looked at for all groups.
 */
#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "converter/convert.h"
#include "converter/slices.h"
#include "runtime/base/random.h"
#include "runtime/graph/onnx.h"
#include "tests/unit/net.h"
#include "tests/unit/suite.h"

#define SHAPE(...) (const int64_t[]){__VA_ARGS__}
#define SIZE 40
#define FEW 60
#define COUNTED ((size_t)1 << 40)

static void weight(struct inn_graph *g, const char *name, int64_t out,
                   int64_t in)
{
    uint64_t state = (uint64_t)out * 31 + (uint64_t)in;
    float *w = calloc((size_t)(out * in), sizeof(*w));
    int64_t i;

    ck_assert_ptr_nonnull(w);
    for (i = 0; i < out * in; i++)
        w[i] = (float)inn_random_unit(&state) - 0.5f;
    net_init(g, name, INN_F32, 4, SHAPE(out, in, 1, 1), w);
    free(w);
}

enum kind { RELUS, CONVS, GROUPS, PARALLEL, N_KINDS };

static void chain(struct inn_graph *g, enum kind kind, int n)
{
    char in[SIZE], out[SIZE], w[SIZE], text[2 * SIZE];
    int i;

    for (i = 0; i < n; i++) {
        snprintf(in, sizeof(in), i == 0 ? "x" : "v%d", i);
        snprintf(out, sizeof(out), i == n - 1 ? "y" : "v%d", i + 1);
        snprintf(w, sizeof(w), "w%d", i);
        snprintf(text, sizeof(text), "%.30s %.30s", in, w);
        if (kind == CONVS)
            weight(g, w, 4, 4);
        if (kind == CONVS)
            net_node(g, "Conv", 11, text, out);
        else
            net_node(g, "Relu", 14, in, out);
    }
}

/* n groups: each pair of convolutions added to a sum, or joined at last. */
static void branches(struct inn_graph *g, bool joined, int n)
{
    int *all = calloc((size_t)n, sizeof(*all)), sum, i;
    char text[3 * SIZE], name[SIZE];

    ck_assert_ptr_nonnull(all);
    for (i = 0; i < n; i++) {
        snprintf(name, sizeof(name), "a%d", i);
        weight(g, name, 4, 4);
        snprintf(text, sizeof(text), "x a%d", i);
        snprintf(name, sizeof(name), "b%d", i);
        net_node(g, "Conv", 11, text, name);
        all[i] = net_value(g, name);
        if (joined)
            continue;
        snprintf(name, sizeof(name), "c%d", i);
        weight(g, name, 2, 4);
        snprintf(text, sizeof(text), "b%d c%d", i, i);
        snprintf(name, sizeof(name), "d%d", i);
        net_node(g, "Conv", 11, text, name);
        snprintf(text, sizeof(text), i == 0 ? "d0 d0" : "s%d d%d", i, i);
        snprintf(name, sizeof(name), i == n - 1 ? "y" : "s%d", i + 1);
        net_node(g, "Add", 14, text, name);
    }
    if (joined) {
        sum = net_value(g, "c");
        i = net_op(g, "Concat", 13, all, n, &sum, 1);
        net_int(g, i, "axis", 1);
        weight(g, "w", 2, 4 * n);
        net_node(g, "Conv", 11, "c w", "y");
    }
    free(all);
}

struct cost {
    size_t requests;
    int axes; /* looked at for all groups, one after the other */
    struct inn_convert_report report;
};

static struct cost convert(enum kind kind, int n, bool moments)
{
    const struct inn_convert_options o = {
        .order = true, .moments = moments, .seed = 1, .pictures = 2,
        .threads = 1};
    char path[] = "/tmp/test_growth.XXXXXX";
    struct inn_heap *heap = inn_heap_new(0);
    struct inn_error err = {INN_OK, ""};
    struct inn_model *model;
    struct cost cost = {0};
    struct inn_graph *g;
    int fd, i;

    ck_assert_int_eq(inn_graph_new(&g, heap, NULL), INN_OK);
    net_opset(g, 14);
    net_input(g, "x", INN_F32, 4, SHAPE(1, 4, 4, 4), NULL);
    if (kind == RELUS || kind == CONVS)
        chain(g, kind, n);
    else
        branches(g, kind == PARALLEL, n);
    net_output(g, "y");
    fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    ck_assert_int_eq(inn_onnx_write(g, path, true, NULL), INN_OK);
    inn_graph_free(g);
    inn_heap_fail_at(heap, COUNTED);
    ck_assert_msg(inn_convert(&model, &cost.report, path, &o, heap, &err) ==
                  INN_OK, "%s", err.message);
    cost.requests = COUNTED - inn_heap_fail_left(heap);
    inn_heap_fail_at(heap, 0);
    unlink(path);
    for (i = 0; i < model->n_groups; i++)
        cost.axes += inn_count_axes(model, i);
    inn_model_free(model);
    inn_heap_free(heap);
    return cost;
}

START_TEST(twice_as_large_costs_twice_as_much)
{
    struct cost one = convert((enum kind)_i, FEW, false);
    struct cost two = convert((enum kind)_i, 2 * FEW, false);
    struct cost four = convert((enum kind)_i, 4 * FEW, false);

    ck_assert_msg(10 * (four.requests - two.requests) <=
                      22 * (two.requests - one.requests),
                  "%zu, %zu and %zu requests", one.requests, two.requests,
                  four.requests);
    ck_assert_msg(four.axes - two.axes == 2 * (two.axes - one.axes),
                  "%d, %d and %d axes", one.axes, two.axes, four.axes);
}
END_TEST

START_TEST(with_moments_too)
{
    struct cost one = convert(GROUPS, 8, true);
    struct cost two = convert(GROUPS, 16, true);
    struct cost four = convert(GROUPS, 32, true);

    ck_assert_int_eq(four.report.moments.groups, 0);
    ck_assert_msg(10 * (four.requests - two.requests) <=
                      22 * (two.requests - one.requests),
                  "%zu, %zu and %zu requests", one.requests, two.requests,
                  four.requests);
}
END_TEST

START_TEST(where_nothing_is_free_nothing_is_drawn)
{
    struct cost without = convert(RELUS, FEW, false);
    struct cost with = convert(RELUS, FEW, true);

    ck_assert_str_eq(with.report.moments.from, "");
    /* Who reads what is looked up once more. */
    ck_assert_msg(with.requests - without.requests < 40 * FEW,
                  "%zu and %zu requests", without.requests, with.requests);
}
END_TEST

int main(void)
{
    TCase *c = tcase_create("growth");
    Suite *s = suite_create("growth");

    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, twice_as_large_costs_twice_as_much, 0, N_KINDS);
    tcase_add_test(c, with_moments_too);
    tcase_add_test(c, where_nothing_is_free_nothing_is_drawn);
    suite_add_tcase(s, c);
    return run_suite(s);
}
