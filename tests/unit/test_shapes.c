/* Shapes, constants and multiply-accumulates of whole networks. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "runtime/ops/shapes.h"
#include "tests/unit/net.h"
#include "tests/unit/starve.h"
#include "tests/unit/suite.h"

#define DIMS(...) (const int64_t[]){__VA_ARGS__}

static struct inn_heap *heap;
static struct inn_graph *g;
static struct inn_shapes shapes;
static struct inn_error err;

static void setup(void)
{
    heap = inn_heap_new((size_t)64 << 20);
    ck_assert_int_eq(inn_graph_new(&g, heap, NULL), INN_OK);
}

static void teardown(void)
{
    inn_shapes_free(&shapes);
    inn_graph_free(g);
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}

static enum inn_status infer(const struct inn_binding *b, size_t n,
                             int64_t spatial, size_t fold_bytes)
{
    inn_shapes_free(&shapes);
    return inn_shapes_infer(&shapes, g, b, n, spatial, fold_bytes, &err);
}

/* The shape of a value as text; "?" where it is unknown. */
static const char *shape_of(const char *name)
{
    static char text[INN_SHAPE_TEXT];
    const struct inn_tensor *t;

    t = inn_shapes_get(&shapes, inn_graph_find(g, name));
    return t == NULL ? "?" : inn_shape_text(text, t->rank, t->dims);
}

/* x [N, 3, ?, ?] -> Conv 8x3x3x3 -> Relu -> y */
static void add_conv_net(void)
{
    int conv;

    net_input(g, "x", INN_F32, 4, DIMS(-1, 3, -1, -1), "N");
    net_init(g, "w", INN_F32, 4, DIMS(8, 3, 3, 3), NULL);
    conv = net_node(g, "Conv", 11, "x w", "c");
    ck_assert_int_eq(inn_node_set_ints(g, &g->nodes[conv], "pads",
                                       DIMS(1, 1, 1, 1), 4, NULL), INN_OK);
    net_node(g, "Relu", 13, "c", "y");
    net_output(g, "y");
}

START_TEST(open_sizes_are_one_for_axis_0_and_spatial_for_others)
{
    add_conv_net();
    ck_assert_int_eq(infer(NULL, 0, 32, 0), INN_OK);
    ck_assert_str_eq(shape_of("x"), "1x3x32x32");
    ck_assert_str_eq(shape_of("y"), "1x8x32x32");
    ck_assert_int_eq(shapes.macs, 8 * 32 * 32 * 27);
    ck_assert_ptr_null(inn_shapes_get(&shapes, -1));
    ck_assert_ptr_null(inn_shapes_get(&shapes, 1000));
}
END_TEST

/* What the file says of a value that isn't an input. */
static void declare(const char *name, int rank, const int64_t *dims,
                    const char *symbol)
{
    struct inn_value *v = &g->values[net_value(g, name)];
    int i;

    v->declared = true;
    v->type = INN_F32;
    v->rank = rank;
    for (i = 0; i < rank; i++) {
        v->dims[i].size = dims[i];
        v->dims[i].symbol = dims[i] < 0 ? symbol : NULL;
    }
}

START_TEST(unknown_operators_give_what_the_file_declares)
{
    struct inn_binding b = {"x", 2, {7, 3}};

    net_input(g, "x", INN_F32, 2, DIMS(-1, 3), "N");
    net_node(g, "Frobnicate", 13, "x", "f");
    net_node(g, "Frobnicate", 13, "f", "h");
    net_node(g, "Relu", 13, "h", "y");
    net_node(g, "Relu", 13, "x", "r");
    declare("h", 3, DIMS(-1, 5, 2), "N");
    declare("r", 2, DIMS(9, 9), NULL);
    ck_assert_int_eq(infer(&b, 1, 32, 0), INN_OK);
    ck_assert_str_eq(shape_of("f"), "?");
    ck_assert_str_eq(shape_of("h"), "7x5x2");
    ck_assert_str_eq(shape_of("y"), "7x5x2");
    ck_assert_str_eq(shape_of("r"), "7x3"); /* we know better */
    declare("h", 3, DIMS(-1, 5, 2), "M");
    ck_assert_int_eq(infer(&b, 1, 32, 0), INN_OK);
    ck_assert_str_eq(shape_of("h"), "?");
    declare("h", 3, DIMS(1 << 30, 1 << 30, 1 << 30), "M");
    ck_assert_int_eq(infer(&b, 1, 32, 0), INN_ERR_FORMAT);
}
END_TEST

START_TEST(bindings_name_inputs_or_symbols)
{
    struct inn_binding b[2] = {
        {"x", 4, {2, 3, 10, 12}},
        {"N", -1, {5}},
    };

    add_conv_net();
    ck_assert_int_eq(infer(b, 1, 32, 0), INN_OK);
    ck_assert_str_eq(shape_of("y"), "2x8x10x12");
    ck_assert_int_eq(infer(b + 1, 1, 32, 0), INN_OK);
    ck_assert_str_eq(shape_of("y"), "5x8x5x5");
}
END_TEST

START_TEST(symbol_bound_through_one_input_holds_for_others)
{
    struct inn_binding b = {"x", 2, {7, 3}};

    net_input(g, "x", INN_F32, 2, DIMS(-1, 3), "N");
    net_input(g, "z", INN_F32, 3, DIMS(4, -1, 2), "N");
    ck_assert_int_eq(infer(&b, 1, 32, 0), INN_OK);
    ck_assert_str_eq(shape_of("z"), "4x7x2");
}
END_TEST

START_TEST(bindings_that_make_no_sense_are_refused_by_name)
{
    static const struct {
        struct inn_binding b;
        const char *text;
    } cases[] = {
        {{"nothing", 4, {1, 3, 8, 8}}, "no input called 'nothing'"},
        {{"w", 4, {1, 3, 8, 8}}, "no input called 'w'"},
        {{"x", 3, {1, 3, 8}}, "has 4 dimensions, the given shape 1x3x8 has 3"},
        {{"x", 4, {1, 4, 8, 8}}, "3 elements on axis 1, the given shape has 4"},
        {{"x", 4, {1, 3, -8, 8}}, "-8 is no size for axis 2"},
        {{"x", 9, {1}}, "9 dimensions were given, 8 are the most"},
        {{"M", -1, {4}}, "no input has a dimension called 'M'"},
        {{"N", -1, {-4}}, "dimension 'N': -4 is no size"},
    };
    size_t i;

    add_conv_net();
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ck_assert_int_eq(infer(&cases[i].b, 1, 32, 0), INN_ERR_ARGUMENT);
        ck_assert_msg(strstr(err.message, cases[i].text) != NULL, "%s",
                      err.message);
    }
    ck_assert_int_eq(inn_shapes_infer(&shapes, g, &cases[0].b, 1, 32, 0,
                                      NULL), INN_ERR_ARGUMENT);
}
END_TEST

START_TEST(contradiction_names_the_graph_node_and_both_numbers)
{
    net_input(g, "x", INN_F32, 4, DIMS(1, 64, 8, 8), NULL);
    net_init(g, "w", INN_F32, 4, DIMS(8, 48, 3, 3), NULL);
    net_node(g, "Conv", 11, "x w", "y");
    ck_assert_int_eq(infer(NULL, 0, 1, 0), INN_ERR_FORMAT);
    ck_assert_str_eq(err.message, "Conv 'Conv_0': weight has 48 input "
                                  "channels, its input has 64");
}
END_TEST

START_TEST(input_too_large_to_count_is_refused_by_name)
{
    net_input(g, "x", INN_F32, 3,
              DIMS((int64_t)1 << 40, (int64_t)1 << 40, 2), NULL);
    ck_assert_int_eq(infer(NULL, 0, 1, 0), INN_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.message, "input 'x'"));
}
END_TEST

START_TEST(unknown_operator_leaves_only_what_is_behind_it_unknown)
{
    net_input(g, "x", INN_F32, 2, DIMS(1, 4), NULL);
    net_node(g, "NoSuchOperator", 13, "x", "a");
    net_node(g, "Relu", 13, "a", "b");
    net_node(g, "Relu", 13, "x", "c");
    ck_assert_int_eq(infer(NULL, 0, 1, 0), INN_OK);
    ck_assert_str_eq(shape_of("a"), "?");
    ck_assert_str_eq(shape_of("b"), "?");
    ck_assert_str_eq(shape_of("c"), "1x4");
}
END_TEST

START_TEST(input_without_rank_or_type_stays_unknown)
{
    int v = net_input(g, "x", INN_F32, 0, NULL, NULL);

    net_input(g, "z", INN_UNDEFINED, 1, DIMS(3), NULL);
    g->values[v].rank = -1;
    net_node(g, "Relu", 13, "x", "y");
    ck_assert_int_eq(infer(NULL, 0, 1, 0), INN_OK);
    ck_assert_str_eq(shape_of("x"), "?");
    ck_assert_str_eq(shape_of("y"), "?");
    ck_assert_str_eq(shape_of("z"), "?");
}
END_TEST

/* y = Reshape(x, Concat(Gather(Shape(x), 0), -1)) */
static void add_computed_shape(void)
{
    int concat;

    net_input(g, "x", INN_F32, 3, DIMS(2, 3, 4), NULL);
    net_init(g, "zero", INN_I64, 1, DIMS(1), (int64_t[]){0});
    net_init(g, "rest", INN_I64, 1, DIMS(1), (int64_t[]){-1});
    net_node(g, "Shape", 13, "x", "shape");
    net_node(g, "Gather", 13, "shape zero", "first");
    concat = net_node(g, "Concat", 13, "first rest", "to");
    net_int(g, concat, "axis", 0);
    net_node(g, "Reshape", 13, "x to", "y");
}

START_TEST(computed_shapes_are_known_where_constants_are_folded)
{
    const struct inn_tensor *to;

    add_computed_shape();
    ck_assert_int_eq(infer(NULL, 0, 1, 1024), INN_OK);
    ck_assert_str_eq(shape_of("y"), "2x12");
    to = inn_shapes_get(&shapes, inn_graph_find(g, "to"));
    ck_assert_int_eq(inn_tensor_int(to, 0), 2);
    ck_assert_int_eq(inn_tensor_int(to, 1), -1);
    ck_assert_int_eq(infer(NULL, 0, 1, 0), INN_OK);
    ck_assert_str_eq(shape_of("to"), "2");
    ck_assert_str_eq(shape_of("y"), "?");
}
END_TEST

START_TEST(widened_and_renamed_weights_are_constants_of_any_size)
{
    const struct inn_tensor *t;
    uint16_t two[300];
    size_t i;

    for (i = 0; i < 300; i++)
        two[i] = 0x4000;
    net_init(g, "h", INN_F16, 1, DIMS(300), two);
    net_init(g, "f", INN_F32, 1, DIMS(300), NULL);
    net_node(g, "Identity", 13, "h", "i");
    net_int(g, net_node(g, "Cast", 13, "i", "w"), "to", INN_F32);
    net_node(g, "Identity", 13, "f", "j");
    net_node(g, "Relu", 13, "w", "r");
    ck_assert_int_eq(infer(NULL, 0, 1, 64), INN_OK);
    t = inn_shapes_get(&shapes, inn_graph_find(g, "w"));
    ck_assert_ptr_nonnull(t->data);
    ck_assert(((const float *)t->data)[299] == 2);
    t = inn_shapes_get(&shapes, inn_graph_find(g, "j"));
    ck_assert_ptr_eq(t->data, g->values[inn_graph_find(g, "f")].init->data);
    t = inn_shapes_get(&shapes, inn_graph_find(g, "r"));
    ck_assert_ptr_null(t->data);
}
END_TEST

START_TEST(constant_of_terabytes_is_not_computed)
{
    net_init(g, "size", INN_I64, 1, DIMS(1), (int64_t[]){(int64_t)1 << 40});
    net_node(g, "ConstantOfShape", 9, "size", "y");
    ck_assert_int_eq(infer(NULL, 0, 1, (size_t)1 << 20), INN_OK);
    ck_assert_str_eq(shape_of("y"), "1099511627776");
    ck_assert_ptr_null(inn_shapes_get(&shapes,
                                      inn_graph_find(g, "y"))->data);
}
END_TEST

START_TEST(constants_together_stay_within_a_budget)
{
    char out[32];
    int i, folded = 0;

    net_init(g, "size", INN_I64, 1, DIMS(1), (int64_t[]){256});
    for (i = 0; i < 40; i++) {
        snprintf(out, sizeof(out), "c%d", i);
        net_node(g, "ConstantOfShape", 9, "size", out);
    }
    ck_assert_int_eq(infer(NULL, 0, 1, 1024), INN_OK);
    for (i = 0; i < 40; i++) {
        snprintf(out, sizeof(out), "c%d", i);
        ck_assert_str_eq(shape_of(out), "256");
        folded += inn_shapes_get(&shapes, inn_graph_find(g, out))->data !=
                  NULL;
    }
    ck_assert_int_eq(folded, 8);
}
END_TEST

START_TEST(macs_count_convolutions_and_products_alone)
{
    int conv, gemm;

    net_input(g, "x", INN_F32, 4, DIMS(2, 4, 5, 5), NULL);
    net_init(g, "w", INN_F32, 4, DIMS(6, 2, 3, 3), NULL);
    net_init(g, "m", INN_F32, 2, DIMS(54, 7), NULL);
    net_init(g, "k", INN_F32, 2, DIMS(10, 7), NULL);
    conv = net_node(g, "Conv", 11, "x w", "c");
    net_int(g, conv, "group", 2);
    ck_assert_int_eq(infer(NULL, 0, 1, 0), INN_OK);
    ck_assert_int_eq(shapes.macs, 2 * 6 * 3 * 3 * 2 * 9);
    net_node(g, "Relu", 13, "c", "r");
    net_node(g, "Flatten", 11, "r", "f");
    net_node(g, "MatMul", 13, "f m", "p");
    gemm = net_node(g, "Gemm", 13, "p k", "y");
    net_int(g, gemm, "transB", 1);
    ck_assert_int_eq(infer(NULL, 0, 1, 0), INN_OK);
    ck_assert_int_eq(shapes.macs, 2 * 6 * 9 * 18 + 2 * 7 * 54 + 2 * 10 * 7);
}
END_TEST

START_TEST(macs_stop_at_the_largest_number)
{
    net_input(g, "x", INN_F32, 2, DIMS((int64_t)1 << 30, (int64_t)1 << 28),
              NULL);
    net_input(g, "z", INN_F32, 2, DIMS((int64_t)1 << 28, (int64_t)1 << 30),
              NULL);
    net_node(g, "MatMul", 13, "x z", "y");
    ck_assert_int_eq(infer(NULL, 0, 1, 0), INN_OK);
    ck_assert_int_eq(shapes.macs, INT64_MAX);
}
END_TEST

/* What is folded, by whom and when, changes nothing. */
START_TEST(products_of_constants_and_of_shapes_are_not_counted)
{
    int64_t macs;
    int node;

    net_input(g, "x", INN_F32, 2, DIMS(4, 6), NULL);
    net_init(g, "a", INN_F32, 2, DIMS(6, 8), NULL);
    /* Without data, as weights are in a file of ours. */
    net_init(g, "b", INN_F32, 2, DIMS(8, 10), NULL);
    g->values[inn_graph_find(g, "b")].init->data = NULL;
    node = net_node(g, "MatMul", 13, "a b", "ab");
    net_node(g, "MatMul", 13, "x ab", "y");
    net_node(g, "Shape", 13, "x", "s");
    net_node(g, "Cast", 13, "s", "f");
    net_int(g, g->n_nodes - 1, "to", 1);
    net_init(g, "m", INN_F32, 2, DIMS(2, 3), NULL);
    net_node(g, "MatMul", 13, "f m", "z");
    ck_assert_int_eq(infer(NULL, 0, 1, 1 << 10), INN_OK);
    ck_assert_int_eq(shapes.macs, 4 * 10 * 6);
    ck_assert_int_eq(infer(NULL, 0, 1, 0), INN_OK);
    ck_assert_int_eq(shapes.macs, 4 * 10 * 6);
    ck_assert_int_eq(inn_shapes_count(&macs, &shapes, &g->nodes[node]),
                     INN_COUNTED);
    ck_assert_int_eq(macs, 0);
    ck_assert_int_eq(shapes.uncounted, 0);
}
END_TEST

START_TEST(what_multiplies_uncounted_is_told_with_the_reason)
{
    static const struct {
        const char *domain, *type;
        enum inn_counted counted;
    } cases[] = {
        {"", "LSTM", INN_COUNTED_NO_RULE},
        {"", "GRU", INN_COUNTED_NO_RULE},
        {"", "Einsum", INN_COUNTED_NO_RULE},
        {"", "QLinearConv", INN_COUNTED_NO_RULE},
        {"", "Attention", INN_COUNTED_NO_RULE},
        {"", "If", INN_COUNTED_NO_RULE},
        {"", "Frobnicate", INN_COUNTED_NO_RULE},
        {"com.example", "Relu", INN_COUNTED_NO_RULE},
        {"com.microsoft", "FusedConv", INN_COUNTED_NO_SIZE},
        {"", "Conv", INN_COUNTED_NO_SIZE},
        {"", "MatMul", INN_COUNTED_NO_SIZE},
        {"", "Relu", INN_COUNTED},
        {"", "NonMaxSuppression", INN_COUNTED},
        {"com.microsoft", "FastGelu", INN_COUNTED},
    };
    char out[16];
    int64_t macs;
    int i, n = sizeof(cases) / sizeof(cases[0]), told = 0, node;

    net_input(g, "x", INN_F32, 4, DIMS(1, 3, 8, 8), NULL);
    net_node(g, "Frobnicate", 13, "x", "u");
    net_init(g, "w", INN_F32, 4, DIMS(3, 3, 1, 1), NULL);
    for (i = 0; i < n; i++) {
        snprintf(out, sizeof(out), "y%d", i);
        node = net_node(g, cases[i].type, 13, "u w", out);
        g->nodes[node].domain = cases[i].domain;
        told += cases[i].counted != INN_COUNTED;
    }
    ck_assert_int_eq(infer(NULL, 0, 1, 0), INN_OK);
    for (i = 0; i < n; i++) {
        ck_assert_msg(inn_shapes_count(&macs, &shapes, &g->nodes[1 + i]) ==
                      cases[i].counted, "%s", cases[i].type);
        ck_assert_int_eq(macs, 0);
    }
    ck_assert_int_eq(shapes.uncounted, told + 1);
    ck_assert_int_eq(shapes.macs, 0);
}
END_TEST

START_TEST(any_allocation_may_fail)
{
    struct starve s;

    add_conv_net();
    net_init(g, "zero", INN_I64, 1, DIMS(1), (int64_t[]){1});
    net_node(g, "Shape", 13, "y", "shape");
    net_node(g, "Gather", 13, "shape zero", "first");
    net_init(g, "h", INN_F16, 1, DIMS(2000), NULL);
    net_node(g, "Sigmoid", 13, "h", "s");
    s = starve(heap, 3, 1000);
    while (starving(&s)) {
        s.st = inn_shapes_infer(&shapes, g, NULL, 0, 32, 1 << 20, s.err);
        inn_shapes_free(&shapes);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("shapes");
    TCase *t = tcase_create("shapes");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, open_sizes_are_one_for_axis_0_and_spatial_for_others);
    tcase_add_test(t, unknown_operators_give_what_the_file_declares);
    tcase_add_test(t, bindings_name_inputs_or_symbols);
    tcase_add_test(t, symbol_bound_through_one_input_holds_for_others);
    tcase_add_test(t, bindings_that_make_no_sense_are_refused_by_name);
    tcase_add_test(t, contradiction_names_the_graph_node_and_both_numbers);
    tcase_add_test(t, input_too_large_to_count_is_refused_by_name);
    tcase_add_test(t, unknown_operator_leaves_only_what_is_behind_it_unknown);
    tcase_add_test(t, input_without_rank_or_type_stays_unknown);
    tcase_add_test(t, computed_shapes_are_known_where_constants_are_folded);
    tcase_add_test(t,
                   widened_and_renamed_weights_are_constants_of_any_size);
    tcase_add_test(t, constant_of_terabytes_is_not_computed);
    tcase_add_test(t, constants_together_stay_within_a_budget);
    tcase_add_test(t, macs_count_convolutions_and_products_alone);
    tcase_add_test(t, macs_stop_at_the_largest_number);
    tcase_add_test(t, products_of_constants_and_of_shapes_are_not_counted);
    tcase_add_test(t, what_multiplies_uncounted_is_told_with_the_reason);
    tcase_add_test(t, any_allocation_may_fail);
    suite_add_tcase(s, t);
    return run_suite(s);
}
