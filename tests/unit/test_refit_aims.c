/*
 * Where a refit's layers take their aims: biases behind the operator, paths
 * to sums, flat parts, what is left; and one fit along such a path.
 */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/refit/own.h"
#include "tests/unit/dense_fit.h"
#include "tests/unit/exec_graphs.h"
#include "tests/unit/net.h"
#include "tests/unit/starve.h"
#include "tests/unit/suite.h"

static struct inn_shapes shapes;
static struct inn_session *session;
static struct inn_arena arena;
static struct inn_refit_layers layers;
static const struct inn_model no_groups;

static const int64_t sizes_x[] = {2, 6, 5}, sizes_y[] = {2, 6, 4},
                     sizes_turned[] = {2, 4, 6}, sizes_w[] = {5, 4},
                     four = 4;

static void setup(void)
{
    graph_begin();
    inn_arena_init(&arena, heap);
}

static void teardown(void)
{
    inn_session_free(session);
    inn_shapes_free(&shapes);
    inn_arena_free(&arena);
    session = NULL;
    graph_end();
}

static void infer(void)
{
    struct inn_error err;

    ck_assert_int_eq(inn_shapes_infer(&shapes, graph, NULL, 0, 1, 1 << 20,
                                      &err), INN_OK);
}

static void find(void)
{
    struct inn_error err;

    infer();
    ck_assert_int_eq(inn_refit_find(&layers, graph, &shapes, &no_groups,
                                    &arena, &err), INN_OK);
}

/* x W, x computed, since what reads an input is exact already. */
static int add_product(const char *weight)
{
    int x = add_op("Tanh", add_input("x", INN_F32, 3, sizes_x), -1, -1);

    return add_op("MatMul", x, add_weight(weight, 2, sizes_w), -1);
}

START_TEST(a_constant_behind_a_product_is_its_bias)
{
    int y = add_product("w"), b = add_weight("b", 1, &four);
    int sum = _i == 0 ? add_op("Add", y, b, -1) : add_op("Add", b, y, -1);

    add_output(sum);
    find();
    ck_assert_int_eq(layers.n, 1);
    ck_assert_int_eq(layers.layer[0].linear.bias, b);
    ck_assert_int_eq(layers.layer[0].linear.apart,
                     graph->values[sum].producer);
    ck_assert_int_eq(layers.layer[0].aim, sum);
    ck_assert_int_eq(layers.layer[0].shortcut, -1);
}
END_TEST

START_TEST(a_constant_that_varies_by_position_is_no_bias)
{
    static const int64_t by_position[] = {6, 1};
    int y = add_product("w"), b = add_weight("b", 2, by_position);

    add_output(add_op("Add", y, b, -1));
    find();
    ck_assert_int_eq(layers.n, 1);
    ck_assert_int_eq(layers.layer[0].linear.bias, -1);
    ck_assert_int_eq(layers.layer[0].aim, y);
}
END_TEST

/* What others read stays; the layer gets a bias of its own, as it was. */
START_TEST(a_shared_bias_is_copied)
{
    int y = add_product("w"), b = add_weight("b", 1, &four), own;
    int sum = add_op("Add", b, y, -1);
    const struct inn_node *node;
    struct inn_error err;

    add_output(sum);
    add_output(add_op("Neg", b, -1, -1));
    find();
    ck_assert_int_eq(layers.layer[0].linear.bias, b);
    ck_assert_int_eq(inn_refit_own(graph, &layers, &err), INN_OK);
    node = &graph->nodes[graph->values[sum].producer];
    own = node->inputs[0];
    ck_assert_int_ne(own, b);
    ck_assert_int_eq(node->inputs[1], y);
    ck_assert_mem_eq(graph->values[own].init->data,
                     graph->values[b].init->data, 4 * sizeof(float));
    inn_shapes_free(&shapes);
    find();
    ck_assert_int_eq(layers.layer[0].linear.bias, own);
}
END_TEST

START_TEST(a_shared_weight_is_left_and_named)
{
    int y = add_product("w"), w = inn_graph_find(graph, "w");

    add_output(add_op("Relu", y, -1, -1));
    y = add_op("Tanh", inn_graph_find(graph, "x"), -1, -1);
    add_output(add_op("MatMul", y, w, -1));
    find();
    ck_assert_int_eq(layers.n, 0);
    ck_assert_int_eq(layers.n_left, 2);
    ck_assert_int_eq(layers.left[0].node, 1);
    ck_assert_str_eq(layers.left[0].why, "its weight is shared");
}
END_TEST

START_TEST(a_weight_behind_a_cast_is_the_stored_one)
{
    int x = add_op("Tanh", add_input("x", INN_F32, 3, sizes_x), -1, -1);
    int w = net_init(graph, "w", INN_F16, 2, sizes_w, NULL);
    int wide = add_op("Cast", w, -1, -1);

    set_int(wide, "to", 1);
    add_output(add_op("MatMul", x, wide, -1));
    find();
    ck_assert_int_eq(layers.n, 1);
    ck_assert_int_eq(layers.layer[0].linear.weight, w);
    ck_assert_int_eq(layers.layer[0].linear.weight_seen, wide);
}
END_TEST

START_TEST(a_convolution_without_a_bias_gets_one_of_zeros)
{
    static const int64_t x[] = {1, 3, 5, 5}, w[] = {4, 3, 3, 3};
    const struct inn_node *node;
    const struct inn_tensor *bias;
    struct inn_error err;
    const void *was;
    int v = add_op("Tanh", add_input("x", INN_F32, 4, x), -1, -1), weight;

    weight = add_weight("w", 4, w);
    v = add_op("Conv", v, weight, -1);
    add_output(v);
    find();
    was = graph->values[weight].init->data;
    ck_assert_int_eq(inn_refit_own(graph, &layers, &err), INN_OK);
    node = &graph->nodes[graph->values[v].producer];
    ck_assert_int_eq(node->n_inputs, 3);
    bias = graph->values[node->inputs[2]].init;
    ck_assert_uint_eq(inn_tensor_count(bias), 4);
    ck_assert(((const float *)bias->data)[3] == 0.0f);
    ck_assert_ptr_ne(graph->values[weight].init->data, was);
}
END_TEST

/* Of a sum of two layers the later one mends what both give. */
START_TEST(one_of_two_summed_layers_aims_at_the_sum)
{
    int a = add_product("w"), b, sum;

    b = add_op("Sigmoid", inn_graph_find(graph, "x"), -1, -1);
    b = add_op("MatMul", b, add_weight("v", 2, sizes_w), -1);
    b = add_op("Mul", b, add_weight("s", 1, &four), -1);
    sum = _i == 0 ? add_op("Add", a, b, -1) : add_op("Add", b, a, -1);
    add_output(add_op("Relu", sum, -1, -1));
    find();
    ck_assert_int_eq(layers.n, 2);
    ck_assert_int_eq(layers.layer[0].aim, a);
    ck_assert_int_eq(layers.layer[1].aim, sum);
    ck_assert_int_eq(layers.layer[1].shortcut, a);
    ck_assert_int_eq(layers.layer[1].path.n, 1);
    ck_assert(layers.layer[1].low == 0.0f);
}
END_TEST

struct flat_case {
    const char *op;
    float a, b; /* second and third input; NAN: it has none */
    float low, high;
};

static const struct flat_case flats[] = {
    {"Relu", NAN, NAN, 0.0f, INFINITY},
    {"LeakyRelu", NAN, NAN, -INFINITY, INFINITY},
    {"Sigmoid", NAN, NAN, -INFINITY, INFINITY},
    {"HardSwish", NAN, NAN, -3.0f, INFINITY},
    {"HardSigmoid", NAN, NAN, -2.5f, 2.5f},
    {"ThresholdedRelu", NAN, NAN, 1.0f, INFINITY},
    {"Clip", 0.0f, 6.0f, 0.0f, 6.0f},
    {"Clip", -1.0f, NAN, -1.0f, INFINITY},
    {"Max", 0.25f, NAN, 0.25f, INFINITY},
    {"Min", 0.25f, NAN, -INFINITY, 0.25f},
};

START_TEST(what_is_flat_behind_the_aim)
{
    const struct flat_case *c = &flats[_i];
    int y = add_product("w"), more[2] = {-1, -1}, i;

    for (i = 0; i < 2; i++) {
        float value = i == 0 ? c->a : c->b;

        if (!isnan(value))
            more[i] = net_init(graph, i == 0 ? "a" : "b", INN_F32, 0, NULL,
                               &value);
    }
    add_output(add_op(c->op, y, more[0], more[1]));
    find();
    ck_assert_int_eq(layers.n, 1);
    ck_assert(layers.layer[0].low == c->low);
    ck_assert(layers.layer[0].high == c->high);
}
END_TEST

/* y [2, 6, 4] by six graph nodes, scaled, turned, moved and turned back. */
static int add_way(struct inn_path *path, int y)
{
    static const int64_t perm[] = {0, 2, 1}, flat[] = {8, 6},
                         axes[] = {2, 4, 6};
    int64_t column[] = {4, 1};
    int v[8], n = 0, in[5], out, k;

    v[n++] = add_op("Mul", y, add_weight("scale", 1, &four), -1);
    v[n++] = add_op("Transpose", v[0], -1, -1);
    set_ints(v[1], "perm", perm, 3);
    v[n++] = add_op("Sub", add_weight("from", 2, column), v[1], -1);
    in[0] = v[2];
    in[1] = add_weight("gamma", 1, &four);
    in[2] = add_weight("beta", 1, &four);
    in[3] = add_weight("mean", 1, &four);
    in[4] = add_weight("variance", 1, &four);
    for (k = 0; k < 4; k++) {
        float *variance = graph->values[in[4]].init->data;

        variance[k] = 0.5f + fabsf(variance[k]);
    }
    out = add_value("normed");
    net_op(graph, "BatchNormalization", 14, in, 5, &out, 1);
    v[n++] = out;
    v[n++] = add_op("Reshape", out, add_weight_i64("flat", flat, 2), -1);
    v[n++] = add_op("Reshape", v[4], add_weight_i64("axes", axes, 3), -1);
    infer();
    for (k = 0; k < n; k++)
        ck_assert(inn_path_extend(path, graph, &shapes,
                                  graph->values[v[k]].producer,
                                  k == 0 ? y : v[k - 1]));
    return v[n - 1];
}

START_TEST(a_trace_says_where_each_element_goes_and_what_becomes_of_it)
{
    struct inn_path path = {.n = 0};
    struct inn_trace trace, places;
    struct inn_error err;
    struct inn_tensor *x = new_tensor(INN_F32, 3, sizes_x);
    const struct inn_tensor *out;
    const float *y, *z;
    int from = add_product("w"), to;
    size_t i;

    fill_tensor(x);
    add_output(from);
    to = add_way(&path, from);
    add_output(to);
    ck_assert_int_eq(inn_trace_new(&trace, &path, -1, graph, &shapes, from,
                                   &err), INN_OK);
    out = run_once(&session, 1, true, false, x, 1);
    y = out[0].data;
    z = out[1].data;
    for (i = 0; i < 48; i++) {
        double want = (double)trace.gain[i] * (double)y[i] +
                      (double)trace.offset[i];

        ck_assert_uint_lt(trace.at[i], 48);
        ck_assert_double_le(fabs((double)z[trace.at[i]] - want), 1e-5);
    }
    /* Places alone, as of the full network. */
    path.scales = false;
    ck_assert_int_eq(inn_trace_new(&places, &path, -1, graph, &shapes, from,
                                   &err), INN_OK);
    ck_assert_ptr_null(places.gain);
    ck_assert_mem_eq(places.at, trace.at, 48 * sizeof(*trace.at));
    inn_trace_free(&trace, heap);
    inn_trace_free(&places, heap);
}
END_TEST

START_TEST(a_path_ends_where_something_is_not_linear)
{
    static const char *const ops[] = {"Relu", "Softmax", "Add"};
    struct inn_path path = {.n = 0};
    int y = add_product("w"), v;

    v = _i == 2 ? add_op("Add", y, y, -1) : add_op(ops[_i], y, -1, -1);
    add_output(v);
    infer();
    ck_assert(!inn_path_extend(&path, graph, &shapes,
                               graph->values[v].producer, y));
    ck_assert_int_eq(path.n, 0);
}
END_TEST

/* x W + b, scaled, turned, and added to a shortcut of random numbers. */
static void make_branch(const float *scale)
{
    int y = add_product("w"), s;

    y = add_op("Add", y, add_weight("b", 1, &four), -1);
    s = net_init(graph, "s", INN_F32, 1, &four, scale);
    y = add_op("Mul", y, s, -1);
    y = add_op("Transpose", y, -1, -1);
    set_ints(y, "perm", (const int64_t[]){0, 2, 1}, 3);
    add_output(add_op("Add", y, add_input("short", INN_F32, 3, sizes_turned),
                      -1));
    find();
    ck_assert_int_eq(layers.n, 1);
    ck_assert_int_eq(layers.layer[0].path.n, 3);
    ck_assert_int_ge(layers.layer[0].shortcut, 0);
}

/* T = (A − s) / a at every element of y; 0 where a is. */
static void plain_targets(float *t, const float *aim, const float *rest,
                          const float *scale)
{
    size_t batch, row, o, at;

    for (batch = 0; batch < 2; batch++) {
        for (row = 0; row < 6; row++) {
            for (o = 0; o < 4; o++) {
                at = (batch * 4 + o) * 6 + row;
                t[(batch * 6 + row) * 4 + o] =
                    scale[o] == 0.0f ? 0.0f
                                     : (aim[at] - rest[at]) / scale[o];
            }
        }
    }
}

static struct inn_refit_fit *solve_branch(struct inn_refit_task *task,
                                          const struct inn_tensor *x,
                                          const struct inn_tensor *y,
                                          const struct inn_tensor *aim,
                                          const struct inn_tensor *rest)
{
    const struct inn_linear *l = &layers.layer[0].linear;
    struct inn_refit_fit *fit = NULL;
    struct inn_error err;

    memset(task, 0, sizeof(*task));
    task->layer = &layers.layer[0];
    task->samples = 1;
    task->x = x->data;
    task->y = y->data;
    task->aim = aim->data;
    task->shortcut = rest->data;
    task->full = l->to;
    task->full_elements = 48;
    ck_assert_int_eq(inn_trace_new(&task->way, &layers.layer[0].path,
                                   l->apart, graph, &shapes, l->y, &err),
                     INN_OK);
    task->full_way = task->way;
    ck_assert_int_eq(inn_refit_solve(&fit, task, &all_rows,
                                     graph->values[l->weight].init,
                                     graph->values[l->bias].init, 2, heap,
                                     &err), INN_OK);
    return fit;
}

/*
 * Through bias, factors, Transpose and shortcut. What a factor of 0 keeps
 * from the aim stays as it is, its weights and its bias.
 */
START_TEST(a_fit_along_a_path_is_the_dense_solution)
{
    static const float scale[] = {2.0f, -0.5f, 0.0f, 1.5f};
    struct inn_tensor *x = new_tensor(INN_F32, 3, sizes_x);
    struct inn_tensor *y = new_tensor(INN_F32, 3, sizes_y);
    struct inn_tensor *t = new_tensor(INN_F32, 3, sizes_y);
    struct inn_tensor *aim = new_tensor(INN_F32, 3, sizes_turned);
    struct inn_tensor *rest = new_tensor(INN_F32, 3, sizes_turned);
    double start[24], want[24], got[24], sum;
    const struct inn_tensor *weight, *bias;
    struct inn_refit_task task;
    const struct inn_linear *l;
    size_t p, o, u;
    float row[6];

    fill_tensor(x);
    fill_tensor(aim);
    fill_tensor(rest);
    make_branch(scale);
    l = &layers.layer[0].linear;
    weight = graph->values[l->weight].init;
    bias = graph->values[l->bias].init;
    inn_linear_get(l, start, weight, bias, 0);
    for (p = 0; p < 12; p++) {
        inn_linear_rows(l, row, 6, x->data, 0, &p, 1);
        for (o = 0; o < 4; o++) {
            sum = 0.0;
            for (u = 0; u < 5; u++)
                sum += start[o * 6 + u] * (double)row[u];
            ((float *)y->data)[p * 4 + o] = (float)sum;
        }
    }
    plain_targets(t->data, aim->data, rest->data, scale);
    inn_refit_fit_free(solve_branch(&task, x, y, aim, rest));
    inn_trace_free(&task.way, heap);
    dense_fit(want, l, 0, x->data, t->data, start);
    inn_linear_get(l, got, weight, bias, 0);
    for (u = 0; u < 24; u++) {
        double right = scale[u / 6] == 0.0f ? start[u] : want[u];

        ck_assert_double_le(fabs(got[u] - right), 1e-4 * (1.0 + fabs(right)));
    }
}
END_TEST

START_TEST(every_failing_request_of_finding_layers_is_reported)
{
    static const float scale[] = {2.0f, -0.5f, 0.25f, 1.5f};
    struct starve s;

    make_branch(scale);
    s = starve(heap, 8, 30);
    while (starving(&s)) {
        struct inn_refit_layers some;
        struct inn_trace trace = {NULL, NULL, NULL, 0.0f};
        struct inn_arena own;

        inn_arena_init(&own, heap);
        s.st = inn_refit_find(&some, graph, &shapes, &no_groups, &own,
                              s.err);
        if (s.st == INN_OK)
            s.st = inn_trace_new(&trace, &some.layer[0].path, -1, graph,
                                 &shapes, some.layer[0].linear.y, s.err);
        inn_trace_free(&trace, heap);
        inn_arena_free(&own);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("refit_aims");
    TCase *tcase = tcase_create("aims");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, a_constant_behind_a_product_is_its_bias, 0, 2);
    tcase_add_test(tcase, a_constant_that_varies_by_position_is_no_bias);
    tcase_add_test(tcase, a_shared_bias_is_copied);
    tcase_add_test(tcase, a_shared_weight_is_left_and_named);
    tcase_add_test(tcase, a_weight_behind_a_cast_is_the_stored_one);
    tcase_add_test(tcase, a_convolution_without_a_bias_gets_one_of_zeros);
    tcase_add_loop_test(tcase, one_of_two_summed_layers_aims_at_the_sum, 0,
                        2);
    tcase_add_loop_test(tcase, what_is_flat_behind_the_aim, 0,
                        (int)INN_COUNT(flats));
    tcase_add_test(
        tcase, a_trace_says_where_each_element_goes_and_what_becomes_of_it);
    tcase_add_loop_test(tcase, a_path_ends_where_something_is_not_linear, 0,
                        3);
    tcase_add_test(tcase, a_fit_along_a_path_is_the_dense_solution);
    tcase_add_test(tcase,
                   every_failing_request_of_finding_layers_is_reported);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
