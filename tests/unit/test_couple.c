/*
 * What convolutions, products, norms, pools and reductions say to a sink of
 * channels. The sink writes down what it hears: "in1.0" is axis 0 of input 1.
 */
#include <check.h>
#include <stdarg.h>
#include <stdio.h>

#include "runtime/base/port.h"
#include "runtime/ops/resize.h"
#include "runtime/ops/shapes.h"
#include "tests/unit/net.h"
#include "tests/unit/suite.h"

#define DIMS(...) (const int64_t[]){__VA_ARGS__}

static struct inn_heap *heap;
static struct inn_graph *g;
static char heard[4096];

static void setup(void)
{
    heap = inn_heap_new((size_t)64 << 20);
    ck_assert_int_eq(inn_graph_new(&g, heap, NULL), INN_OK);
}

static void teardown(void)
{
    inn_graph_free(g);
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}

static void say(const char *format, ...) INN_PRINTF(1, 2);

static void say(const char *format, ...)
{
    size_t at = strlen(heard);
    va_list args;

    va_start(args, format);
    vsnprintf(heard + at, sizeof(heard) - at, format, args);
    va_end(args);
}

static const struct inn_tensor *tensor_of(const struct inn_couple *c,
                                          struct inn_operand o)
{
    return o.is_output ? c->out[o.index] : c->in[o.index];
}

static void say_operand(struct inn_operand o)
{
    say(" %s%d.%d", o.is_output ? "out" : "in", o.index, o.axis);
}

static void say_map(const struct inn_couple *c, struct inn_operand o,
                    const int64_t *map)
{
    int64_t i, n = tensor_of(c, o)->dims[o.axis];

    for (i = 0; map != NULL && i < n; i++)
        say("%s%lld", i == 0 ? " " : ",", (long long)map[i]);
    say("; ");
}

static enum inn_status hear_alike(void *state, struct inn_operand a,
                                  struct inn_operand b,
                                  struct inn_error *err)
{
    (void)state;
    (void)err;
    say("alike %s%d %s%d; ", a.is_output ? "out" : "in", a.index,
        b.is_output ? "out" : "in", b.index);
    return INN_OK;
}

static enum inn_status hear_map(void *state, struct inn_operand a,
                                struct inn_operand b, const int64_t *map,
                                struct inn_error *err)
{
    (void)err;
    say("map");
    say_operand(a);
    say_operand(b);
    say_map(state, a, map);
    return INN_OK;
}

static enum inn_status hear_sum(void *state, struct inn_operand a,
                                struct inn_operand b, const int64_t *map,
                                struct inn_error *err)
{
    (void)err;
    say("sum");
    say_operand(a);
    say_operand(b);
    say_map(state, b, map);
    return INN_OK;
}

static enum inn_status hear_make(void *state, struct inn_operand a,
                                 struct inn_operand b, const int64_t *map,
                                 struct inn_error *err)
{
    (void)err;
    say("make");
    say_operand(a);
    say_operand(b);
    say_map(state, b, map);
    return INN_OK;
}

static enum inn_status hear_unite(void *state, struct inn_operand a,
                                  const int64_t *classes,
                                  struct inn_error *err)
{
    (void)err;
    say("unite");
    say_operand(a);
    say_map(state, a, classes);
    return INN_OK;
}

static enum inn_status hear_pin(void *state, struct inn_operand a,
                                const char *reason, struct inn_error *err)
{
    (void)state;
    (void)err;
    say("pin");
    say_operand(a);
    say(" (%s); ", reason);
    return INN_OK;
}

static const struct inn_sink sink = {
    .alike = hear_alike,
    .map = hear_map,
    .sum = hear_sum,
    .make = hear_make,
    .unite = hear_unite,
    .pin = hear_pin,
};

/* What the graph node says, into heard. */
static const char *couple(int node)
{
    const struct inn_tensor *in[8] = {NULL}, *out[8] = {NULL};
    const struct inn_node *n = &g->nodes[node];
    struct inn_arena scratch;
    struct inn_couple c = {.node = n, .in = in, .out = out,
                           .n_in = n->n_inputs, .n_out = n->n_outputs,
                           .sink = &sink, .state = &c, .scratch = &scratch};
    struct inn_error err;
    struct inn_shapes s;
    int i;

    heard[0] = '\0';
    inn_arena_init(&scratch, heap);
    ck_assert_msg(inn_shapes_infer(&s, g, NULL, 0, 1, 0, &err) == INN_OK,
                  "%s", err.message);
    for (i = 0; i < n->n_inputs; i++)
        in[i] = inn_shapes_get(&s, n->inputs[i]);
    for (i = 0; i < n->n_outputs; i++)
        out[i] = inn_shapes_get(&s, n->outputs[i]);
    ck_assert_int_eq(inn_node_op(n)->couple(&c), INN_OK);
    inn_arena_free(&scratch);
    inn_shapes_free(&s);
    return heard;
}

static void add_conv(int64_t channels, int64_t outputs, int64_t groups)
{
    net_input(g, "x", INN_F32, 3, DIMS(1, channels, 5), NULL);
    net_init(g, "w", INN_F32, 3, DIMS(outputs, channels / groups, 3), NULL);
    net_init(g, "b", INN_F32, 1, DIMS(outputs), NULL);
    net_int(g, net_node(g, "Conv", 11, "x w b", "y"), "group", groups);
}

START_TEST(conv_sums_over_its_input_and_makes_its_output)
{
    add_conv(3, 4, 1);
    ck_assert_str_eq(couple(0), "sum in1.1 in0.1; make in1.0 out0.1; "
                                "map in2.0 out0.1; ");
}
END_TEST

START_TEST(conv_of_one_channel_is_no_depthwise_one)
{
    add_conv(1, 2, 1);
    ck_assert_str_eq(couple(0), "sum in1.1 in0.1; make in1.0 out0.1; "
                                "map in2.0 out0.1; ");
}
END_TEST

START_TEST(grouped_conv_keeps_equal_counts_in_all_groups)
{
    add_conv(4, 6, 2);
    ck_assert_str_eq(couple(0),
                     "unite in0.1 0,1,0,1; sum in1.1 in0.1 0,1,0,1; "
                     "make in1.0 out0.1; unite out0.1 0,1,2,0,1,2; "
                     "map in2.0 out0.1; ");
}
END_TEST

START_TEST(depthwise_outputs_follow_their_input)
{
    add_conv(3, 6, 3);
    ck_assert_str_eq(couple(0), "map out0.1 in0.1 0,0,1,1,2,2; "
                                "map in1.0 out0.1; map in2.0 out0.1; ");
}
END_TEST

START_TEST(conv_with_a_computed_weight_pins_its_channels)
{
    net_input(g, "x", INN_F32, 3, DIMS(1, 3, 5), NULL);
    net_input(g, "w", INN_F32, 3, DIMS(4, 3, 3), NULL);
    net_node(g, "Conv", 11, "x w", "y");
    ck_assert_str_eq(couple(0), "pin in0.1 (Conv's weight is computed); "
                                "pin in1.0 (Conv's weight is computed); "
                                "pin in1.1 (Conv's weight is computed); "
                                "pin out0.1 (Conv's weight is computed); ");
}
END_TEST

static void add_conv_transpose(int64_t channels, int64_t outputs,
                               int64_t groups)
{
    net_input(g, "x", INN_F32, 3, DIMS(1, channels, 5), NULL);
    net_init(g, "w", INN_F32, 3, DIMS(channels, outputs / groups, 3), NULL);
    net_init(g, "b", INN_F32, 1, DIMS(outputs), NULL);
    net_int(g, net_node(g, "ConvTranspose", 11, "x w b", "y"), "group",
            groups);
}

START_TEST(conv_transpose_sums_over_the_first_axis_of_its_weight)
{
    add_conv_transpose(3, 4, 1);
    ck_assert_str_eq(couple(0), "sum in1.0 in0.1; make in1.1 out0.1; "
                                "map in2.0 out0.1; ");
}
END_TEST

START_TEST(grouped_conv_transpose_makes_the_same_outputs_in_all_groups)
{
    add_conv_transpose(4, 6, 2);
    ck_assert_str_eq(couple(0),
                     "unite in0.1 0,1,0,1; sum in1.0 in0.1; "
                     "make in1.1 out0.1 0,1,2,0,1,2; map in2.0 out0.1; ");
}
END_TEST

START_TEST(depthwise_conv_transpose_follows_its_input)
{
    add_conv_transpose(3, 6, 3);
    ck_assert_str_eq(couple(0), "map out0.1 in0.1 0,0,1,1,2,2; "
                                "map in1.0 in0.1; map in2.0 out0.1; ");
}
END_TEST

START_TEST(gemm_knows_which_axis_is_which)
{
    int node;

    net_input(g, "x", INN_F32, 2, DIMS(2, 3), NULL);
    net_init(g, "w", INN_F32, 2, DIMS(3, 4), NULL);
    net_init(g, "u", INN_F32, 2, DIMS(4, 2), NULL);
    net_init(g, "b", INN_F32, 1, DIMS(4), NULL);
    net_node(g, "Gemm", 13, "x w b", "y");
    ck_assert_str_eq(couple(0), "sum in1.0 in0.1; make in1.1 out0.1; "
                                "map out0.0 in0.0; alike in2 out0; ");
    node = net_node(g, "Gemm", 13, "x u", "z");
    net_int(g, node, "transA", 1);
    net_int(g, node, "transB", 1);
    ck_assert_str_eq(couple(node), "sum in1.1 in0.0; make in1.0 out0.1; "
                                   "map out0.0 in0.1; ");
}
END_TEST

START_TEST(matmul_takes_its_constant_on_either_side)
{
    net_input(g, "x", INN_F32, 3, DIMS(5, 2, 3), NULL);
    net_input(g, "v", INN_F32, 1, DIMS(3), NULL);
    net_init(g, "w", INN_F32, 2, DIMS(3, 4), NULL);
    net_init(g, "u", INN_F32, 2, DIMS(7, 2), NULL);
    net_init(g, "t", INN_F32, 1, DIMS(3), NULL);
    net_node(g, "MatMul", 13, "x w", "a");
    ck_assert_str_eq(couple(0), "sum in1.0 in0.2; make in1.1 out0.2; "
                                "map out0.1 in0.1; map out0.0 in0.0; ");
    net_node(g, "MatMul", 13, "u x", "b");
    ck_assert_str_eq(couple(1), "sum in0.1 in1.1; make in0.0 out0.1; "
                                "map out0.2 in1.2; map out0.0 in1.0; ");
    net_node(g, "MatMul", 13, "v w", "c");
    ck_assert_str_eq(couple(2), "sum in1.0 in0.0; make in1.1 out0.0; ");
    net_node(g, "MatMul", 13, "x t", "d");
    ck_assert_str_eq(couple(3), "sum in1.0 in0.2; map out0.1 in0.1; "
                                "map out0.0 in0.0; ");
}
END_TEST

START_TEST(matmul_of_two_computed_matrices_pins_what_it_sums)
{
    net_input(g, "x", INN_F32, 3, DIMS(5, 2, 3), NULL);
    net_input(g, "z", INN_F32, 3, DIMS(1, 3, 4), NULL);
    net_node(g, "MatMul", 13, "x z", "y");
    ck_assert_str_eq(couple(0),
                     "pin in0.2 (summed over in a product of two computed "
                     "matrices); pin in1.1 (summed over in a product of two "
                     "computed matrices); map out0.1 in0.1; "
                     "map out0.2 in1.2; map out0.0 in0.0; ");
}
END_TEST

START_TEST(batchnorm_vectors_run_along_axis_1)
{
    int node;

    net_input(g, "x", INN_F32, 3, DIMS(2, 4, 3), NULL);
    net_init(g, "v", INN_F32, 1, DIMS(4), NULL);
    net_init(g, "p", INN_F32, 2, DIMS(4, 3), NULL);
    net_node(g, "BatchNormalization", 15, "x v v v v", "y");
    ck_assert_str_eq(couple(0), "map out0.1 in0.1; map in1.0 out0.1; "
                                "map in2.0 out0.1; map in3.0 out0.1; "
                                "map in4.0 out0.1; ");
    node = net_node(g, "BatchNormalization", 7, "x p p p p", "z");
    net_int(g, node, "spatial", 0);
    ck_assert_str_eq(couple(node),
                     "pin in0.1 (normalised per position (spatial = 0)); ");
}
END_TEST

START_TEST(prelu_slope_is_like_its_output)
{
    net_input(g, "x", INN_F32, 3, DIMS(2, 4, 3), NULL);
    net_init(g, "a", INN_F32, 2, DIMS(4, 1), NULL);
    net_init(g, "s", INN_F32, 1, DIMS(4), NULL);
    net_node(g, "PRelu", 9, "x a", "y");
    ck_assert_str_eq(couple(0), "alike in0 out0; alike in1 out0; ");
    net_node(g, "PRelu", 6, "x s", "z");
    ck_assert_str_eq(couple(1), "alike in0 out0; map in1.0 out0.1; ");
}
END_TEST

START_TEST(pools_pass_axis_1)
{
    net_input(g, "x", INN_F32, 4, DIMS(2, 4, 3, 3), NULL);
    net_node(g, "GlobalAveragePool", 1, "x", "y");
    ck_assert_str_eq(couple(0), "map out0.1 in0.1; ");
}
END_TEST

START_TEST(softmax_pins_what_it_normalises)
{
    net_input(g, "x", INN_F32, 3, DIMS(2, 4, 3), NULL);
    net_node(g, "Softmax", 13, "x", "y");
    ck_assert_str_eq(couple(0), "map out0.0 in0.0; map out0.1 in0.1; "
                                "pin in0.2 (normalised by Softmax); "
                                "pin out0.2 (normalised by Softmax); ");
    net_node(g, "Softmax", 11, "x", "z");
    ck_assert_str_eq(couple(1), "map out0.0 in0.0; "
                                "pin in0.1 (normalised by Softmax); "
                                "pin out0.1 (normalised by Softmax); "
                                "pin in0.2 (normalised by Softmax); "
                                "pin out0.2 (normalised by Softmax); ");
}
END_TEST

START_TEST(reductions_pass_the_axes_that_stay)
{
    int node;

    net_input(g, "x", INN_F32, 4, DIMS(2, 4, 3, 3), NULL);
    net_init(g, "axes", INN_I64, 1, DIMS(1), (int64_t[]){-3});
    node = net_node(g, "ReduceMean", 13, "x", "y");
    ck_assert_int_eq(inn_node_set_ints(g, &g->nodes[node], "axes",
                                       DIMS(0, 2), 2, NULL), INN_OK);
    net_int(g, node, "keepdims", 0);
    ck_assert_str_eq(couple(0), "pin in0.0 (averaged by ReduceMean); "
                                "map out0.0 in0.1; "
                                "pin in0.2 (averaged by ReduceMean); "
                                "map out0.1 in0.3; ");
    net_node(g, "ReduceSum", 13, "x axes", "z");
    ck_assert_str_eq(couple(1), "map out0.0 in0.0; "
                                "pin in0.1 (summed by ReduceSum); "
                                "map out0.2 in0.2; map out0.3 in0.3; ");
}
END_TEST

START_TEST(instance_norm_vectors_run_along_axis_1)
{
    net_input(g, "x", INN_F32, 3, DIMS(2, 4, 3), NULL);
    net_init(g, "v", INN_F32, 1, DIMS(4), NULL);
    net_node(g, "InstanceNormalization", 6, "x v v", "y");
    ck_assert_str_eq(couple(0), "alike in0 out0; map in1.0 out0.1; "
                                "map in2.0 out0.1; ");
}
END_TEST

START_TEST(layer_norm_lets_what_it_normalises_change)
{
    net_input(g, "x", INN_F32, 3, DIMS(2, 4, 3), NULL);
    net_init(g, "v", INN_F32, 1, DIMS(3), NULL);
    net_node(g, "LayerNormalization", 17, "x v v", "y m");
    ck_assert_str_eq(couple(0), "alike in0 out0; alike in1 in0; "
                                "alike in2 in0; map out1.0 in0.0; "
                                "map out1.1 in0.1; ");
}
END_TEST

static void add_group_norm(int version, int64_t groups, int64_t vector)
{
    net_input(g, "x", INN_F32, 3, DIMS(2, 4, 3), NULL);
    net_init(g, "v", INN_F32, 1, DIMS(vector), NULL);
    net_int(g, net_node(g, "GroupNormalization", version, "x v v", "y"),
            "num_groups", groups);
}

START_TEST(group_norm_keeps_equal_counts_in_all_groups)
{
    add_group_norm(21, 2, 4);
    ck_assert_str_eq(couple(0),
                     "unite in0.1 0,1,0,1; alike in0 out0; "
                     "map in1.0 out0.1; map in2.0 out0.1; ");
}
END_TEST

START_TEST(group_norm_of_old_has_vectors_that_stay)
{
    add_group_norm(18, 2, 2);
    ck_assert_str_eq(couple(0),
                     "unite in0.1 0,1,0,1; alike in0 out0; "
                     "pin in1.0 (one for each group of GroupNormalization); "
                     "pin in2.0 (one for each group of GroupNormalization); "
                     );
}
END_TEST

START_TEST(group_norm_of_single_channels_couples_none)
{
    add_group_norm(18, 4, 4);
    ck_assert_str_eq(couple(0), "alike in0 out0; map in1.0 out0.1; "
                                "map in2.0 out0.1; ");
}
END_TEST

START_TEST(lrn_pins_the_order_of_channels)
{
    net_input(g, "x", INN_F32, 3, DIMS(2, 4, 3), NULL);
    net_int(g, net_node(g, "LRN", 13, "x", "y"), "size", 3);
    ck_assert_str_eq(couple(0), "map out0.0 in0.0; "
                                "pin in0.1 (normalised across channels by "
                                "LRN); pin out0.1 (normalised across "
                                "channels by LRN); map out0.2 in0.2; ");
}
END_TEST

START_TEST(searches_and_running_sums_pin_their_axis)
{
    net_input(g, "x", INN_F32, 2, DIMS(2, 4), NULL);
    net_input(g, "k", INN_I64, 0, NULL, NULL);
    net_init(g, "axis", INN_I64, 1, DIMS(1), (int64_t[]){-1});
    net_int(g, net_node(g, "ArgMax", 13, "x", "a"), "keepdims", 0);
    ck_assert_str_eq(couple(0), "pin in0.0 (searched by ArgMax); "
                                "map out0.0 in0.1; ");
    net_node(g, "Hardmax", 13, "x", "h");
    ck_assert_str_eq(couple(1), "map out0.0 in0.0; "
                                "pin in0.1 (searched by Hardmax); "
                                "pin out0.1 (searched by Hardmax); ");
    net_node(g, "CumSum", 14, "x axis", "c");
    ck_assert_str_eq(couple(2), "map out0.0 in0.0; "
                                "pin in0.1 (summed in order by CumSum); "
                                "pin out0.1 (summed in order by CumSum); ");
    net_node(g, "CumSum", 14, "x k", "d");
    ck_assert_str_eq(couple(3), "pin in0.0 (summed in order by CumSum); "
                                "pin out0.0 (summed in order by CumSum); "
                                "pin in0.1 (summed in order by CumSum); "
                                "pin out0.1 (summed in order by CumSum); ");
}
END_TEST

static int64_t to_length(void *state, struct inn_operand axis)
{
    (void)state;
    (void)axis;
    return 2;
}

static bool to_varies(void *state, struct inn_operand axis)
{
    return *(bool *)state && !axis.is_output && axis.index == 0 &&
           axis.axis == 1;
}

static enum inn_status to_set_int(void *state, const char *name,
                                  int64_t value, struct inn_error *err)
{
    (void)state;
    (void)err;
    say("%s=%lld; ", name, (long long)value);
    return INN_OK;
}

static const char *resize(bool varies)
{
    static const struct inn_resizer to = {
        .length = to_length, .varies = to_varies, .set_int = to_set_int};
    const struct inn_tensor *in[3];
    struct inn_shapes s;
    struct inn_resize c = {.node = &g->nodes[0], .in = in, .n_in = 3,
                           .to = &to, .state = &varies};
    int i;

    heard[0] = '\0';
    ck_assert_int_eq(inn_shapes_infer(&s, g, NULL, 0, 1, 0, NULL), INN_OK);
    for (i = 0; i < 3; i++)
        in[i] = inn_shapes_get(&s, g->nodes[0].inputs[i]);
    ck_assert_int_eq(inn_node_op(&g->nodes[0])->resize(&c), INN_OK);
    inn_shapes_free(&s);
    return heard;
}

START_TEST(group_of_a_depthwise_conv_follows_its_width)
{
    add_conv(3, 6, 3);
    ck_assert_str_eq(resize(true), "group=2; ");
    ck_assert_str_eq(resize(false), "");
}
END_TEST

START_TEST(group_of_a_depthwise_conv_transpose_follows_its_width)
{
    add_conv_transpose(3, 6, 3);
    ck_assert_str_eq(resize(true), "group=2; ");
    ck_assert_str_eq(resize(false), "");
}
END_TEST

START_TEST(group_of_a_grouped_conv_stays)
{
    add_conv(4, 6, 2);
    ck_assert_str_eq(resize(true), "");
}
END_TEST

START_TEST(number_of_groups_follows_where_each_is_a_channel)
{
    add_group_norm(21, 4, 4);
    ck_assert_str_eq(resize(true), "num_groups=2; ");
    ck_assert_str_eq(resize(false), "");
}
END_TEST

START_TEST(number_of_groups_stays_where_they_shrink)
{
    add_group_norm(21, 2, 4);
    ck_assert_str_eq(resize(true), "");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("couple");
    TCase *t = tcase_create("couple");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, conv_sums_over_its_input_and_makes_its_output);
    tcase_add_test(t, conv_of_one_channel_is_no_depthwise_one);
    tcase_add_test(t, grouped_conv_keeps_equal_counts_in_all_groups);
    tcase_add_test(t, depthwise_outputs_follow_their_input);
    tcase_add_test(t, conv_with_a_computed_weight_pins_its_channels);
    tcase_add_test(t, conv_transpose_sums_over_the_first_axis_of_its_weight);
    tcase_add_test(
        t, grouped_conv_transpose_makes_the_same_outputs_in_all_groups);
    tcase_add_test(t, depthwise_conv_transpose_follows_its_input);
    tcase_add_test(t, gemm_knows_which_axis_is_which);
    tcase_add_test(t, matmul_takes_its_constant_on_either_side);
    tcase_add_test(t, matmul_of_two_computed_matrices_pins_what_it_sums);
    tcase_add_test(t, batchnorm_vectors_run_along_axis_1);
    tcase_add_test(t, prelu_slope_is_like_its_output);
    tcase_add_test(t, pools_pass_axis_1);
    tcase_add_test(t, softmax_pins_what_it_normalises);
    tcase_add_test(t, reductions_pass_the_axes_that_stay);
    tcase_add_test(t, instance_norm_vectors_run_along_axis_1);
    tcase_add_test(t, layer_norm_lets_what_it_normalises_change);
    tcase_add_test(t, group_norm_keeps_equal_counts_in_all_groups);
    tcase_add_test(t, group_norm_of_old_has_vectors_that_stay);
    tcase_add_test(t, group_norm_of_single_channels_couples_none);
    tcase_add_test(t, lrn_pins_the_order_of_channels);
    tcase_add_test(t, searches_and_running_sums_pin_their_axis);
    tcase_add_test(t, group_of_a_depthwise_conv_follows_its_width);
    tcase_add_test(t,
                   group_of_a_depthwise_conv_transpose_follows_its_width);
    tcase_add_test(t, group_of_a_grouped_conv_stays);
    tcase_add_test(t, number_of_groups_follows_where_each_is_a_channel);
    tcase_add_test(t, number_of_groups_stays_where_they_shrink);
    suite_add_tcase(s, t);
    return run_suite(s);
}
