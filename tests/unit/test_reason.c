/* Why graph nodes can't be run: each cause, by number and in words. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/ops/reason.h"
#include "tests/unit/exec_graphs.h"
#include "tests/unit/net.h"
#include "tests/unit/starve.h"
#include "tests/unit/suite.h"

static const int64_t sides[] = {1, 2, 3, 3};

static struct inn_node *maker(int v)
{
    return &graph->nodes[graph->values[v].producer];
}

static void set_text(int v, const char *name, const char *text)
{
    struct inn_node *node = maker(v);

    set_int(v, name, 0);
    node->attrs[node->n_attrs - 1].kind = INN_ATTR_STRING;
    node->attrs[node->n_attrs - 1].s = text;
    node->attrs[node->n_attrs - 1].s_len = strlen(text);
}

/* The reason of the graph node that makes v, and its words into text. */
static enum inn_reason ask(int v, bool sized, char text[512])
{
    struct inn_error err = {INN_OK, ""};
    struct inn_shapes shapes;
    struct inn_arena arena;
    enum inn_reason reason;
    const char *words;

    inn_arena_init(&arena, heap);
    ck_assert_int_eq(inn_shapes_infer(&shapes, graph, NULL, 0, 8, 1 << 16,
                                      &err), INN_OK);
    ck_assert_int_eq(inn_node_reason(&reason, &words, maker(v),
                                     sized ? &shapes : NULL, &arena, &err),
                     INN_OK);
    ck_assert_uint_lt(strlen(words), 512);
    strcpy(text, words);
    inn_shapes_free(&shapes);
    inn_arena_free(&arena);
    return reason;
}

static void expect(int v, enum inn_reason want, const char *words)
{
    char text[512];

    ck_assert_int_eq(ask(v, true, text), want);
    ck_assert_str_eq(text, words);
}

START_TEST(what_can_be_run_has_no_reason)
{
    graph_begin();
    expect(add_op("Relu", add_input("x", INN_F32, 4, sides), -1, -1),
           INN_REASON_NONE, "");
    graph_end();
}
END_TEST

START_TEST(an_unknown_operator_is_told_from_an_unknown_domain)
{
    char text[512];
    int x, v;

    graph_begin();
    x = add_input("x", INN_F32, 4, sides);
    v = add_op("Frobnicate", x, -1, -1);
    expect(v, INN_REASON_UNKNOWN, "unknown operator");
    ck_assert_int_eq(ask(v, false, text), INN_REASON_UNKNOWN);
    v = add_op("Relu", x, -1, -1);
    maker(v)->domain = "com.acme";
    expect(v, INN_REASON_DOMAIN,
           "unknown operator of the domain 'com.acme'");
    ck_assert_int_eq(ask(v, false, text), INN_REASON_DOMAIN);
    graph_end();
}
END_TEST

START_TEST(a_version_that_is_not_known_is_told_with_those_that_are)
{
    int x, v;

    graph_begin();
    x = add_input("x", INN_F32, 4, sides);
    v = add_op("Upsample", x, -1, -1);
    expect(v, INN_REASON_OPSET, "not known at opset 13, only up to 9");
    v = add_op("LayerNormalization", x, -1, -1);
    expect(v, INN_REASON_OPSET, "not known at opset 13, only from 17 on");
    graph_end();
}
END_TEST

START_TEST(values_read_inside_a_subgraph_are_named)
{
    int captures[2], v;

    graph_begin();
    captures[0] = captures[1] = add_input("x", INN_F32, 4, sides);
    v = add_op("Relu", captures[0], -1, -1);
    maker(v)->captures = captures;
    maker(v)->n_captures = 1;
    expect(v, INN_REASON_CAPTURE,
           "its subgraph reads a value from outside, 'x'");
    maker(v)->n_captures = 2;
    expect(v, INN_REASON_CAPTURE,
           "its subgraph reads 2 values from outside, such as 'x'");
    maker(v)->n_captures = 0;
    graph_end();
}
END_TEST

START_TEST(a_type_that_is_not_taken_is_named)
{
    int v;

    graph_begin();
    v = add_op("Softmax", add_input("x", INN_I64, 4, sides), -1, -1);
    expect(v, INN_REASON_TYPE, "not for i64 (input 'x')");
    v = add_op("Cast", add_input("y", INN_F32, 4, sides), -1, -1);
    set_int(v, "to", INN_STRING);
    expect(v, INN_REASON_TYPE, "not for string");
    graph_end();
}
END_TEST

START_TEST(an_attribute_that_is_not_known_is_named_with_its_value)
{
    const float scales[] = {1, 1, 2, 2};
    int64_t four = 4;
    int v, x;

    graph_begin();
    x = add_input("x", INN_F32, 4, sides);
    v = net_init(graph, "s", INN_F32, 1, &four, scales);
    v = add_op("Resize", x, v, v);
    set_text(v, "mode", "sinc");
    expect(v, INN_REASON_VALUE, "mode is 'sinc', which is not known");
    graph_end();
}
END_TEST

START_TEST(a_size_that_only_a_run_decides_is_told)
{
    const int64_t two[] = {2};
    int x, v;

    graph_begin();
    x = add_input("x", INN_F32, 4, sides);
    v = add_op("Reshape", x, add_input("s", INN_I64, 1, two), -1);
    expect(v, INN_REASON_SIZE, "only a run decides the size of its output");
    /* What lies behind has no reason of its own. */
    expect(add_op("Relu", v, -1, -1), INN_REASON_NONE, "");
    expect(add_op("Shape", v, -1, -1), INN_REASON_NONE, "");
    graph_end();
}
END_TEST

/* The line of n blocked graph nodes, of which names[_i] makes the first. */
START_TEST(one_line_says_how_many_and_the_first)
{
    static const char *const lines[] = {
        "can't be run: unknown operator: Frobnicate 'n0'",
        "3 graph nodes can't be run; the first: unknown operator: "
        "Frobnicate 'n0'"};
    int which[] = {0, 1, 2}, v;
    struct inn_error err;

    graph_begin();
    v = add_input("x", INN_F32, 4, sides);
    v = add_op("Frobnicate", v, -1, -1);
    v = add_op("Frobnicate", v, -1, -1);
    add_op("Frobnicate", v, -1, -1);
    ck_assert_int_eq(inn_refuse_nodes(graph, NULL, which, _i == 0 ? 1 : 3,
                                      &err), INN_ERR_UNSUPPORTED);
    ck_assert_str_eq(err.message, lines[_i]);
    graph->nodes[0].name = "";
    ck_assert_int_eq(inn_refuse_nodes(graph, NULL, which, 1, &err),
                     INN_ERR_UNSUPPORTED);
    ck_assert_str_eq(err.message, "can't be run: unknown operator: "
                     "Frobnicate (makes 'v0')");
    ck_assert_int_eq(inn_refuse_nodes(graph, NULL, which, 1, NULL),
                     INN_ERR_UNSUPPORTED);
    graph_end();
}
END_TEST

START_TEST(a_name_of_any_length_leaves_the_reason)
{
    static const size_t lengths[] = {499, 500, 5000};
    char *name = calloc(1, 5001);
    struct inn_error err;
    size_t i;
    int which = 0;

    ck_assert_ptr_nonnull(name);
    graph_begin();
    add_op("Frobnicate", add_input("x", INN_F32, 4, sides), -1, -1);
    graph->nodes[0].name = name;
    for (i = 0; i < 3; i++) {
        memset(name, 'A', lengths[i]);
        name[lengths[i] - 1] = 'Z';
        ck_assert_int_eq(inn_refuse_nodes(graph, NULL, &which, 1, &err),
                         INN_ERR_UNSUPPORTED);
        ck_assert_ptr_eq(strstr(err.message, "can't be run: unknown "
                                "operator: Frobnicate 'AAA"), err.message);
        ck_assert_str_eq(strrchr(err.message, 'A'), "AZ'");
    }
    graph_end();
    free(name);
}
END_TEST

START_TEST(every_reason_has_a_word_of_its_own)
{
    int i, k;

    for (i = 0; i < INN_REASONS; i++) {
        ck_assert_ptr_nonnull(inn_reason_word((enum inn_reason)i));
        for (k = 0; k < i; k++)
            ck_assert_str_ne(inn_reason_word((enum inn_reason)i),
                             inn_reason_word((enum inn_reason)k));
    }
}
END_TEST

START_TEST(no_memory_is_no_reason)
{
    struct inn_shapes shapes;
    struct starve s;
    int64_t two[] = {2};
    int which = 0;

    graph_begin();
    add_op("Reshape", add_input("x", INN_F32, 4, sides),
           add_input("s", INN_I64, 1, two), -1);
    ck_assert_int_eq(inn_shapes_infer(&shapes, graph, NULL, 0, 8, 1 << 16,
                                      NULL), INN_OK);
    s = starve(heap, 1, 20);
    while (starving(&s)) {
        s.st = inn_refuse_nodes(graph, &shapes, &which, 1, s.err);
        if (s.st == INN_ERR_UNSUPPORTED)
            s.st = INN_OK;
    }
    inn_shapes_free(&shapes);
    graph_end();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("reason");
    TCase *t = tcase_create("reason");

    tcase_add_test(t, what_can_be_run_has_no_reason);
    tcase_add_test(t, an_unknown_operator_is_told_from_an_unknown_domain);
    tcase_add_test(t, a_version_that_is_not_known_is_told_with_those_that_are);
    tcase_add_test(t, values_read_inside_a_subgraph_are_named);
    tcase_add_test(t, a_type_that_is_not_taken_is_named);
    tcase_add_test(t, an_attribute_that_is_not_known_is_named_with_its_value);
    tcase_add_test(t, a_size_that_only_a_run_decides_is_told);
    tcase_add_loop_test(t, one_line_says_how_many_and_the_first, 0, 2);
    tcase_add_test(t, a_name_of_any_length_leaves_the_reason);
    tcase_add_test(t, every_reason_has_a_word_of_its_own);
    tcase_add_test(t, no_memory_is_no_reason);
    suite_add_tcase(s, t);
    return run_suite(s);
}
