/* Local functions: inlined with their names, attributes and versions. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "runtime/graph/onnx.h"
#include "tests/unit/onnx_bytes.h"
#include "tests/unit/suite.h"

static struct inn_heap *heap;
static struct inn_error err;

static void setup(void)
{
    heap = inn_heap_new((size_t)512 << 20);
}

static void teardown(void)
{
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}

/* FunctionProto name(in) -> out of domain "own", to be added to. */
static struct bytes function_of(const char *name, const char *in,
                                const char *out)
{
    struct bytes f = {.len = 0};

    put_text(&f, 1, name);
    put_text(&f, 4, in);
    put_text(&f, 5, out);
    put_text(&f, 10, "own");
    put_opset(&f, 9, "", 13);
    put_opset(&f, 9, "own", 1);
    return f;
}

static struct bytes call_of(const char *fn, const char *name, const char *in,
                            const char *out)
{
    struct bytes n = node_of(fn, name, in, NULL, out);

    set_domain(&n, "own");
    return n;
}

static struct bytes model_with(const struct bytes *graph)
{
    struct bytes m = model_of(8, 13, graph);

    put_opset(&m, 8, "own", 1);
    return m;
}

static struct inn_graph *parse(const struct bytes *model)
{
    struct inn_graph *g;

    ck_assert_msg(inn_onnx_parse(&g, model->data, model->len, false, heap,
                                 &err) == INN_OK, "%s", err.message);
    return g;
}

static void refuses(const struct bytes *model, enum inn_status status,
                    const char *says)
{
    struct inn_graph *g;

    ck_assert_int_eq(inn_onnx_parse(&g, model->data, model->len, false, heap,
                                    &err), status);
    ck_assert_ptr_null(g);
    ck_assert_msg(strstr(err.message, says) != NULL, "'%s' lacks '%s'",
                  err.message, says);
}

/* The one output of graph node n, by name. */
static const char *made_by(const struct inn_graph *g, int n)
{
    return g->values[g->nodes[n].outputs[0]].name;
}

static const char *read_by(const struct inn_graph *g, int n, int input)
{
    const int v = g->nodes[n].inputs[input];

    return v < 0 ? "" : g->values[v].name;
}

START_TEST(calls_become_bodies_with_names_of_their_own)
{
    struct bytes fn = function_of("Block", "a", "c"), graph = graph_xy("Abs"),
                 b0 = node_of("Relu", "r", "a", NULL, "b"),
                 b1 = node_of("Add", "", "b", "a", "c"),
                 c0 = call_of("Block", "first", "y", "p"),
                 c1 = call_of("Block", "first", "p", "q"),
                 c2 = call_of("Block", "", "q", "s"), model;
    struct inn_graph *g;

    put_sub(&fn, 7, &b0);
    put_sub(&fn, 7, &b1);
    put_sub(&graph, 1, &c0);
    put_sub(&graph, 1, &c1);
    put_sub(&graph, 1, &c2);
    model = model_with(&graph);
    put_sub(&model, 25, &fn);
    g = parse(&model);
    ck_assert_int_eq(g->n_nodes, 7);
    ck_assert_str_eq(g->nodes[1].op_type, "Relu");
    ck_assert_str_eq(g->nodes[1].name, "first/r");
    ck_assert_str_eq(read_by(g, 1, 0), "y");
    ck_assert_str_eq(made_by(g, 1), "first/b");
    ck_assert_str_eq(read_by(g, 2, 0), "first/b");
    ck_assert_str_eq(read_by(g, 2, 1), "y");
    ck_assert_str_eq(made_by(g, 2), "p");
    ck_assert_str_eq(made_by(g, 3), "first_2/b");
    ck_assert_str_eq(made_by(g, 4), "q");
    ck_assert_str_eq(made_by(g, 5), "Block/b");
    ck_assert_str_eq(made_by(g, 6), "s");
    inn_graph_free(g);
}
END_TEST

START_TEST(made_names_keep_clear_of_those_in_the_graph)
{
    struct bytes fn = function_of("F", "a", "c"), graph = graph_xy("Abs"),
                 b0 = node_of("Relu", "", "a", NULL, "b"),
                 b1 = node_of("Relu", "", "b", NULL, "c"),
                 clash = node_of("Abs", "", "x", NULL, "f/b"),
                 call = call_of("F", "f", "x", "o"), model;
    struct inn_graph *g;

    put_sub(&fn, 7, &b0);
    put_sub(&fn, 7, &b1);
    put_sub(&graph, 1, &call);
    put_sub(&graph, 1, &clash);
    model = model_with(&graph);
    put_sub(&model, 25, &fn);
    g = parse(&model);
    ck_assert_str_eq(made_by(g, 1), "f/b_2");
    ck_assert_str_eq(made_by(g, 3), "f/b");
    inn_graph_free(g);
}
END_TEST

START_TEST(attributes_come_from_the_caller_or_the_default)
{
    struct bytes fn = function_of("F", "a", "b"), graph = graph_xy("Abs"),
                 body = node_of("Op", "", "a", NULL, "b"), d = {.len = 0},
                 c0 = call_of("F", "", "x", "p"),
                 c1 = call_of("F", "", "x", "q"), model;
    struct inn_graph *g;

    attr_ref(&body, "k", 2, "outer");
    attr_ref(&body, "m", 2, "given");
    attr_int(&body, "fixed", 1);
    put_text(&fn, 6, "outer");
    put_text(&d, 1, "given");
    put_int(&d, 20, 2);
    put_int(&d, 3, 40);
    put_sub(&fn, 11, &d);
    put_sub(&fn, 7, &body);
    attr_int(&c0, "outer", 30);
    attr_int(&c1, "given", 50);
    put_sub(&graph, 1, &c0);
    put_sub(&graph, 1, &c1);
    model = model_with(&graph);
    put_sub(&model, 25, &fn);
    g = parse(&model);
    ck_assert_int_eq(inn_node_int(&g->nodes[1], "k", -1), 30);
    ck_assert_int_eq(inn_node_int(&g->nodes[1], "m", -1), 40);
    ck_assert_int_eq(inn_node_int(&g->nodes[1], "fixed", -1), 1);
    ck_assert_ptr_null(inn_node_attr(&g->nodes[2], "k"));
    ck_assert_int_eq(inn_node_int(&g->nodes[2], "m", -1), 50);
    inn_graph_free(g);
}
END_TEST

START_TEST(attribute_of_another_type_than_referred_to_is_refused)
{
    struct bytes fn = function_of("F", "a", "b"), graph = graph_xy("Abs"),
                 body = node_of("Op", "", "a", NULL, "b"),
                 call = call_of("F", "", "x", "p"), model;

    attr_ref(&body, "k", 1, "outer");
    put_sub(&fn, 7, &body);
    attr_int(&call, "outer", 30);
    put_sub(&graph, 1, &call);
    model = model_with(&graph);
    put_sub(&model, 25, &fn);
    refuses(&model, INN_ERR_FORMAT, "'outer' has type 2");
}
END_TEST

START_TEST(omitted_inputs_stay_omitted_and_too_many_are_refused)
{
    struct bytes fn = function_of("F", "a", "c"), graph = graph_xy("Abs"),
                 body = node_of("Op", "", "a", "b", "c"),
                 call = call_of("F", "", "x", "p"), model;
    struct inn_graph *g;

    put_text(&fn, 4, "b");
    put_sub(&fn, 7, &body);
    put_sub(&graph, 1, &call);
    model = model_with(&graph);
    put_sub(&model, 25, &fn);
    g = parse(&model);
    ck_assert_int_eq(g->nodes[1].n_inputs, 2);
    ck_assert_str_eq(read_by(g, 1, 0), "x");
    ck_assert_int_eq(g->nodes[1].inputs[1], -1);
    inn_graph_free(g);
    put_text(&call, 1, "x");
    put_text(&call, 1, "x");
    graph = graph_xy("Abs");
    put_sub(&graph, 1, &call);
    model = model_with(&graph);
    put_sub(&model, 25, &fn);
    refuses(&model, INN_ERR_FORMAT, "3 inputs");
}
END_TEST

START_TEST(output_that_is_an_input_is_passed_on)
{
    struct bytes fn = function_of("F", "a", "a"), graph = graph_xy("Abs"),
                 call = call_of("F", "", "x", "p"), model;
    struct inn_graph *g;

    put_sub(&graph, 1, &call);
    model = model_with(&graph);
    put_sub(&model, 25, &fn);
    g = parse(&model);
    ck_assert_str_eq(g->nodes[1].op_type, "Identity");
    ck_assert_str_eq(read_by(g, 1, 0), "x");
    ck_assert_str_eq(made_by(g, 1), "p");
    inn_graph_free(g);
}
END_TEST

START_TEST(output_that_nothing_makes_is_refused)
{
    struct bytes fn = function_of("F", "a", "b"), graph = graph_xy("Abs"),
                 call = call_of("F", "", "x", "p"), model;

    put_sub(&graph, 1, &call);
    model = model_with(&graph);
    put_sub(&model, 25, &fn);
    refuses(&model, INN_ERR_FORMAT, "function 'F': its output 'b'");
}
END_TEST

START_TEST(body_sees_only_its_own_values)
{
    struct bytes fn = function_of("F", "a", "b"), graph = graph_xy("Abs"),
                 body = node_of("Add", "", "a", "x", "b"),
                 call = call_of("F", "", "x", "p"), model;

    put_sub(&fn, 7, &body);
    put_sub(&graph, 1, &call);
    model = model_with(&graph);
    put_sub(&model, 25, &fn);
    refuses(&model, INN_ERR_FORMAT, "reads 'x'");
}
END_TEST

START_TEST(version_is_that_of_the_functions_own_imports)
{
    struct bytes fn = {.len = 0}, graph = graph_xy("Abs"),
                 body = node_of("Op", "", "a", NULL, "b"),
                 call = call_of("F", "", "x", "p"), model;
    struct inn_graph *g;
    int i, found = 0;

    put_text(&fn, 1, "F");
    put_text(&fn, 4, "a");
    put_text(&fn, 5, "b");
    put_text(&fn, 10, "own");
    put_opset(&fn, 9, "third", 7);
    set_domain(&body, "third");
    put_sub(&fn, 7, &body);
    put_sub(&graph, 1, &call);
    model = model_with(&graph);
    put_sub(&model, 25, &fn);
    g = parse(&model);
    ck_assert_int_eq(g->nodes[0].version, 13);
    ck_assert_int_eq(g->nodes[1].version, 7);
    for (i = 0; i < g->n_opsets; i++)
        found += strcmp(g->opsets[i].domain, "third") == 0 &&
                 g->opsets[i].version == 7;
    ck_assert_int_eq(found, 1);
    inn_graph_free(g);
}
END_TEST

static bool contains(const struct inn_attr *a, const char *text)
{
    const size_t len = strlen(text);
    size_t i;

    for (i = 0; i + len <= a->packed_len; i++) {
        if (memcmp(a->packed + i, text, len) == 0)
            return true;
    }
    return false;
}

START_TEST(graphs_in_a_body_are_rewritten_with_it)
{
    struct bytes fn = function_of("F", "a", "z"), graph = graph_xy("Abs"),
                 inner = {.len = 0}, n = node_of("Relu", "", "b", NULL, "u"),
                 call2 = call_of("G", "", "u", "v"), v = info_of("v", 1),
                 b = node_of("Abs", "", "a", NULL, "b"),
                 f = node_of("If", "", "a", NULL, "z"),
                 g2 = function_of("G", "p", "q"),
                 gb = node_of("Neg", "", "p", NULL, "q"),
                 call = call_of("F", "f", "x", "o"), model;
    struct inn_graph *g;
    const struct inn_node *node;

    put_sub(&inner, 1, &n);
    put_sub(&inner, 1, &call2);
    put_sub(&inner, 12, &v);
    attr_sub(&f, "then_branch", 5, 6, &inner);
    put_sub(&fn, 7, &b);
    put_sub(&fn, 7, &f);
    put_sub(&g2, 7, &gb);
    put_sub(&graph, 1, &call);
    model = model_with(&graph);
    put_sub(&model, 25, &fn);
    put_sub(&model, 25, &g2);
    g = parse(&model);
    ck_assert_int_eq(g->n_nodes, 3);
    node = &g->nodes[2];
    ck_assert_int_eq(node->n_captures, 1);
    ck_assert_str_eq(g->values[node->captures[0]].name, "f/b");
    /* Nothing is left of the call inside. */
    ck_assert(contains(&node->attrs[0], "Neg"));
    ck_assert(!contains(&node->attrs[0], "own"));
    inn_graph_free(g);
}
END_TEST

START_TEST(function_that_calls_itself_is_refused)
{
    struct bytes f = function_of("F", "a", "b"), g = function_of("G", "a", "b"),
                 to_g = call_of("G", "", "a", "b"),
                 to_f = call_of("F", "", "a", "b"), graph = graph_xy("Abs"),
                 call = call_of("F", "", "x", "p"), model;

    put_sub(&f, 7, &to_g);
    put_sub(&g, 7, &to_f);
    put_sub(&graph, 1, &call);
    model = model_with(&graph);
    put_sub(&model, 25, &f);
    put_sub(&model, 25, &g);
    refuses(&model, INN_ERR_FORMAT, "calls itself");
}
END_TEST

/* count functions, each calling the next one times times. */
static struct bytes chain(int count, int times)
{
    struct bytes graph = graph_xy("Abs"), call = call_of("F0", "", "x", "p"),
                 model;
    char name[16], next[16], out[16], in[16];
    int i, j;

    put_sub(&graph, 1, &call);
    model = model_with(&graph);
    for (i = 0; i < count; i++) {
        struct bytes f;

        snprintf(name, sizeof(name), "F%d", i);
        snprintf(next, sizeof(next), "F%d", i + 1);
        snprintf(out, sizeof(out), "v%d", times - 1);
        f = function_of(name, "a", i + 1 < count ? out : "a");
        for (j = 0; j < times && i + 1 < count; j++) {
            struct bytes n;

            snprintf(in, sizeof(in), "v%d", j - 1);
            snprintf(out, sizeof(out), "v%d", j);
            n = call_of(next, "", j == 0 ? "a" : in, out);
            put_sub(&f, 7, &n);
        }
        put_sub(&model, 25, &f);
    }
    return model;
}

START_TEST(chain_of_calls_is_bounded_in_depth_and_in_number)
{
    struct bytes model = chain(60, 1);
    struct inn_graph *g = parse(&model);

    ck_assert_int_eq(g->n_nodes, 2); /* Abs, and the Identity at the end */
    inn_graph_free(g);
    model = chain(80, 1);
    refuses(&model, INN_ERR_LIMIT, "deeper than 64");
    model = chain(40, 2); /* 2^39 calls */
    refuses(&model, INN_ERR_LIMIT, "more than");
}
END_TEST

START_TEST(functions_of_one_name_are_told_apart_by_overload)
{
    struct bytes f = function_of("F", "a", "b"), g = function_of("F", "a", "b"),
                 one = node_of("Neg", "", "a", NULL, "b"),
                 two = node_of("Exp", "", "a", NULL, "b"),
                 graph = graph_xy("Abs"), call = call_of("F", "", "x", "p"),
                 model;
    struct inn_graph *read;

    put_sub(&f, 7, &one);
    put_sub(&g, 7, &two);
    put_text(&g, 13, "second");
    put_text(&call, 8, "second");
    put_sub(&graph, 1, &call);
    model = model_with(&graph);
    put_sub(&model, 25, &f);
    put_sub(&model, 25, &g);
    read = parse(&model);
    ck_assert_str_eq(read->nodes[1].op_type, "Exp");
    inn_graph_free(read);
    put_sub(&model, 25, &f);
    refuses(&model, INN_ERR_FORMAT, "function 'F' is defined twice");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("onnx_function");
    TCase *t = tcase_create("onnx_function");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, calls_become_bodies_with_names_of_their_own);
    tcase_add_test(t, made_names_keep_clear_of_those_in_the_graph);
    tcase_add_test(t, attributes_come_from_the_caller_or_the_default);
    tcase_add_test(t, attribute_of_another_type_than_referred_to_is_refused);
    tcase_add_test(t, omitted_inputs_stay_omitted_and_too_many_are_refused);
    tcase_add_test(t, output_that_is_an_input_is_passed_on);
    tcase_add_test(t, output_that_nothing_makes_is_refused);
    tcase_add_test(t, body_sees_only_its_own_values);
    tcase_add_test(t, version_is_that_of_the_functions_own_imports);
    tcase_add_test(t, graphs_in_a_body_are_rewritten_with_it);
    tcase_add_test(t, function_that_calls_itself_is_refused);
    tcase_add_test(t, chain_of_calls_is_bounded_in_depth_and_in_number);
    tcase_add_test(t, functions_of_one_name_are_told_apart_by_overload);
    suite_add_tcase(s, t);
    return run_suite(s);
}
