/* Values, graph nodes and attributes in memory. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/graph/graph.h"
#include "tests/unit/starve.h"
#include "tests/unit/suite.h"

static struct inn_heap *heap;
static struct inn_graph *graph;
static struct inn_error err;

static void setup(void)
{
    heap = inn_heap_new(0);
    ck_assert_int_eq(inn_graph_new(&graph, heap, &err), INN_OK);
}

static void teardown(void)
{
    inn_graph_free(graph);
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}

static int value(const char *name)
{
    int v;

    ck_assert_int_eq(inn_graph_add_value(graph, &v, name, &err), INN_OK);
    return v;
}

static int node(const char *op, int in, int out)
{
    int n;

    ck_assert_int_eq(inn_graph_add_node(graph, &n, op, 1, 1, 0, &err),
                     INN_OK);
    graph->nodes[n].inputs[0] = in;
    graph->nodes[n].outputs[0] = out;
    if (out >= 0)
        graph->values[out].producer = n;
    return n;
}

START_TEST(value_is_found_by_its_name_and_names_are_unique)
{
    char name[] = "x";
    int x = value(name), y;

    name[0] = 'z'; /* the graph has a copy */
    ck_assert_int_eq(inn_graph_find(graph, "x"), x);
    ck_assert_int_eq(inn_graph_find(graph, "z"), -1);
    ck_assert_int_eq(inn_graph_add_value(graph, &y, "x", &err),
                     INN_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.message, "'x'"));
    ck_assert_int_eq(inn_graph_add_value(graph, &y, "", &err),
                     INN_ERR_FORMAT);
    ck_assert_int_eq(graph->n_values, 1);
}
END_TEST

START_TEST(thousands_of_values_keep_their_names)
{
    char name[16];
    int i;

    for (i = 0; i < 5000; i++) {
        snprintf(name, sizeof(name), "v%d", i);
        ck_assert_int_eq(value(name), i);
    }
    for (i = 0; i < 5000; i++) {
        snprintf(name, sizeof(name), "v%d", i);
        ck_assert_int_eq(inn_graph_find(graph, name), i);
        ck_assert_str_eq(graph->values[i].name, name);
    }
}
END_TEST

START_TEST(fresh_name_is_the_stem_or_a_numbered_one)
{
    ck_assert_str_eq(inn_graph_fresh_name(graph, "a", &err), "a");
    value("a");
    ck_assert_str_eq(inn_graph_fresh_name(graph, "a", &err), "a_2");
    value("a_2");
    ck_assert_str_eq(inn_graph_fresh_name(graph, "a", &err), "a_3");
    ck_assert_str_eq(inn_graph_fresh_name(graph, "", &err), "value");
}
END_TEST

START_TEST(uses_count_inputs_captures_and_outputs)
{
    int x = value("x"), y = value("y"), n = node("Relu", x, y);
    int uses[2], outputs[1], captures[1];

    captures[0] = x;
    outputs[0] = y;
    graph->nodes[n].captures = captures;
    graph->nodes[n].n_captures = 1;
    graph->outputs = outputs;
    graph->n_outputs = 1;
    ck_assert_int_eq(inn_graph_count_uses(graph, uses), INN_OK);
    ck_assert_int_eq(uses[x], 2);
    ck_assert_int_eq(uses[y], 1);
}
END_TEST

START_TEST(dropped_graph_nodes_leave_values_without_producer)
{
    int x = value("x"), a = value("a"), b = value("b"), c = value("c");
    bool drop[3] = {false, true, false};

    node("A", x, a);
    node("B", a, b);
    node("C", a, c);
    inn_graph_drop_nodes(graph, drop);
    ck_assert_int_eq(graph->n_nodes, 2);
    ck_assert_str_eq(graph->nodes[1].op_type, "C");
    ck_assert_int_eq(graph->values[a].producer, 0);
    ck_assert_int_eq(graph->values[b].producer, -1);
    ck_assert_int_eq(graph->values[c].producer, 1);
}
END_TEST

START_TEST(attributes_are_set_replaced_and_read_by_kind)
{
    const int64_t list[] = {3, 1, 2};
    int x = value("x"), n = node("Conv", x, -1);
    struct inn_node *node0 = &graph->nodes[n];
    size_t count;

    ck_assert_int_eq(inn_node_int(node0, "group", 7), 7);
    ck_assert_int_eq(inn_node_set_int(graph, node0, "group", 4, &err),
                     INN_OK);
    ck_assert_int_eq(inn_node_set_ints(graph, node0, "pads", list, 3, &err),
                     INN_OK);
    ck_assert_int_eq(inn_node_set_int(graph, node0, "group", 5, &err),
                     INN_OK);
    ck_assert_int_eq(node0->n_attrs, 2);
    ck_assert_int_eq(inn_node_int(node0, "group", 7), 5);
    ck_assert_int_eq(inn_node_ints(node0, "pads", &count)[2], 2);
    ck_assert_uint_eq(count, 3);
    /* Of another kind is as good as absent. */
    ck_assert_int_eq(inn_node_int(node0, "pads", 7), 7);
    ck_assert_ptr_null(inn_node_ints(node0, "group", &count));
    ck_assert_uint_eq(count, 0);
    ck_assert_str_eq(inn_node_string(node0, "mode", "x"), "x");
    ck_assert(inn_node_float(node0, "alpha", 0.5f) == 0.5f);
}
END_TEST

START_TEST(list_can_be_set_from_the_list_it_replaces)
{
    const int64_t list[] = {1, 2, 3};
    int n = node("Op", -1, -1);
    struct inn_node *node0 = &graph->nodes[n];
    const int64_t *now;
    size_t count;

    inn_node_set_ints(graph, node0, "a", list, 3, &err);
    now = inn_node_ints(node0, "a", &count);
    inn_node_set_ints(graph, node0, "a", now + 1, 2, &err);
    now = inn_node_ints(node0, "a", &count);
    ck_assert_uint_eq(count, 2);
    ck_assert_int_eq(now[0], 2);
    ck_assert_int_eq(now[1], 3);
}
END_TEST

static void fill(void)
{
    static const int64_t dims[] = {2, 2};
    int w = value("w"), y = value("y"), n = node("Conv", w, y);
    struct inn_tensor *t;

    t = inn_arena_alloc(&graph->arena, 1, sizeof(*t), &err);
    inn_tensor_new(t, &graph->arena, INN_F32, 2, dims, &err);
    graph->values[w].init = t;
    inn_node_set_ints(graph, &graph->nodes[n], "pads", dims, 2, &err);
}

START_TEST(changing_a_copy_leaves_the_original_alone)
{
    const int64_t one = 9;
    struct inn_graph *copy;
    size_t count;

    fill();
    ck_assert_int_eq(inn_graph_copy(&copy, graph, &err), INN_OK);
    ck_assert_ptr_eq(copy->values[0].init->data, graph->values[0].init->data);
    copy->values[0].init->dims[0] = 1;
    copy->nodes[0].inputs[0] = -1;
    inn_node_set_ints(copy, &copy->nodes[0], "pads", &one, 1, &err);
    ck_assert_int_eq(graph->values[0].init->dims[0], 2);
    ck_assert_int_eq(graph->nodes[0].inputs[0], 0);
    inn_node_ints(&graph->nodes[0], "pads", &count);
    ck_assert_uint_eq(count, 2);
    ck_assert_int_eq(inn_graph_find(copy, "y"), 1);
    inn_graph_free(copy);
}
END_TEST

START_TEST(copied_constant_shares_its_tensor_with_its_value)
{
    struct inn_graph *copy;
    struct inn_tensor *t;
    struct inn_node *n;
    int i;

    inn_graph_add_node(graph, &i, "Constant", 0, 1, 1, &err);
    t = inn_arena_alloc(&graph->arena, 1, sizeof(*t), &err);
    inn_tensor_new(t, &graph->arena, INN_F32, 0, NULL, &err);
    n = &graph->nodes[i];
    n->attrs[0].name = "value";
    n->attrs[0].kind = INN_ATTR_TENSOR;
    n->attrs[0].tensor = t;
    n->outputs[0] = value("c");
    graph->values[n->outputs[0]].producer = i;
    graph->values[n->outputs[0]].init = t;
    ck_assert_int_eq(inn_graph_copy(&copy, graph, &err), INN_OK);
    ck_assert_ptr_ne(copy->values[0].init, t);
    ck_assert_ptr_eq(copy->values[0].init, copy->nodes[0].attrs[0].tensor);
    inn_graph_free(copy);
}
END_TEST

START_TEST(copy_survives_every_failed_allocation)
{
    struct inn_graph *copy;
    struct starve s;

    fill();
    s = starve(heap, 4, 90);
    while (starving(&s)) {
        s.st = inn_graph_copy(&copy, graph, s.err);
        ck_assert_int_eq(copy != NULL, s.st == INN_OK);
        inn_graph_free(copy);
    }
}
END_TEST

static void expect_words(const struct inn_node *n, const char *want)
{
    struct inn_error e;

    inn_fail(&e, INN_ERR_FORMAT, "no");
    inn_error_node(&e, n);
    ck_assert_str_eq(e.message, want);
}

START_TEST(messages_name_a_graph_node_by_its_name_or_what_it_makes)
{
    struct inn_graph *copy;
    struct inn_node alone;
    int n = node("Conv", -1, -1), v;

    expect_words(&graph->nodes[n], "Conv (unnamed): no");
    ck_assert_int_eq(inn_graph_add_value(graph, &v, "y", NULL), INN_OK);
    ck_assert_int_gt(graph->nodes[n].n_outputs, 0);
    graph->nodes[n].outputs[graph->nodes[n].n_outputs - 1] = v;
    expect_words(&graph->nodes[n], "Conv (makes 'y'): no");
    ck_assert_int_eq(inn_graph_copy(&copy, graph, NULL), INN_OK);
    expect_words(&copy->nodes[n], "Conv (makes 'y'): no");
    inn_graph_free(copy);
    graph->nodes[n].name = "layer1.0";
    expect_words(&graph->nodes[n], "Conv 'layer1.0': no");
    alone = (struct inn_node){.name = "", .op_type = "Conv",
                              .origin = &graph->nodes[n]};
    expect_words(&alone, "Conv 'layer1.0': no");
    alone.unsaid = true;
    expect_words(&alone, "no");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("graph");
    TCase *t = tcase_create("graph");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, value_is_found_by_its_name_and_names_are_unique);
    tcase_add_test(t, thousands_of_values_keep_their_names);
    tcase_add_test(t, fresh_name_is_the_stem_or_a_numbered_one);
    tcase_add_test(t, uses_count_inputs_captures_and_outputs);
    tcase_add_test(t, dropped_graph_nodes_leave_values_without_producer);
    tcase_add_test(t, attributes_are_set_replaced_and_read_by_kind);
    tcase_add_test(t, list_can_be_set_from_the_list_it_replaces);
    tcase_add_test(t, changing_a_copy_leaves_the_original_alone);
    tcase_add_test(t, copied_constant_shares_its_tensor_with_its_value);
    tcase_add_test(t, copy_survives_every_failed_allocation);
    tcase_add_test(t, messages_name_a_graph_node_by_its_name_or_what_it_makes);
    suite_add_tcase(s, t);
    return run_suite(s);
}
