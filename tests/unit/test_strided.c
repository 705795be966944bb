/*
 * Kernels of our own on values in any order of axes: boxes moved against a
 * loop over indices, functions against the C library's, and networks whose
 * convolutions hand on channels that lie last.
 */
#include <check.h>
#include <math.h>
#include <string.h>

#include "runtime/exec/strided.h"
#include "tests/unit/exec_graphs.h"
#include "tests/unit/net.h"
#include "tests/unit/suite.h"

#define SIDE 4096

/* A random box within SIDE elements of each side. */
static void random_box(struct inn_copy *c)
{
    int64_t in = 1, out = 1, k;
    int order[4] = {0, 1, 2, 3};
    int i;

    memset(c, 0, sizeof(*c));
    c->n = (int)between(&seed, 1, 4);
    for (i = 0; i < c->n; i++) {
        c->count[i] = between(&seed, 1, coin(&seed) ? 7 : 20 / c->n);
        c->out_step[i] = out;
        out *= c->count[i] + between(&seed, 0, 1);
    }
    for (i = c->n - 1; i > 0; i--) {
        int j = (int)between(&seed, 0, i), t = order[i];

        order[i] = order[j];
        order[j] = t;
    }
    for (i = 0; i < c->n; i++) {
        k = order[i] < c->n ? order[i] : 0;
        c->in_step[k] = between(&seed, 0, 8) == 0 ? 0 : in;
        in *= c->count[k] + between(&seed, 0, 1);
    }
    if (coin(&seed) && c->in_step[0] > 0) { /* backwards */
        c->in_at = (c->count[0] - 1) * c->in_step[0];
        c->in_step[0] = -c->in_step[0];
    }
}

static void copy_slowly(const struct inn_copy *c, float *out, const float *in)
{
    int64_t at[4] = {0};
    int k;

    do {
        int64_t from = c->in_at, to = c->out_at;

        for (k = 0; k < c->n; k++) {
            from += at[k] * c->in_step[k];
            to += at[k] * c->out_step[k];
        }
        out[to] = in[from];
        for (k = 0; k < c->n && ++at[k] == c->count[k]; k++)
            at[k] = 0;
    } while (k < c->n);
}

START_TEST(a_box_arrives_where_its_loops_say)
{
    static float in[SIDE * 4], want[SIDE * 4], have[SIDE * 4];
    struct inn_copy c;
    int i;

    seed = (uint32_t)_i * 7919u + 1;
    for (i = 0; i < SIDE * 4; i++)
        in[i] = (float)i;
    memset(want, 0, sizeof(want));
    memset(have, 0, sizeof(have));
    random_box(&c);
    copy_slowly(&c, want, in);
    inn_copy_prepare(&c);
    inn_copy_run(&c, have, in, 1 + _i % 2);
    ck_assert_mem_eq(have, want, sizeof(want));
}
END_TEST

START_TEST(erf_is_right_to_four_in_ten_millions)
{
    struct inn_map_step m = {.kind = INN_MAP_ERF, .outer = 1, .channels = 1,
                             .inner = 20001};
    static float x[20001], y[20001];
    int i;

    for (i = 0; i <= 20000; i++)
        x[i] = (float)(i - 10000) / 2000.0f;
    inn_map_run(&m, y, x, 2);
    for (i = 0; i <= 20000; i++)
        ck_assert_double_le(fabs((double)y[i] - erf((double)x[i])), 4e-7);
}
END_TEST

START_TEST(exp_is_right_to_three_in_ten_millions_and_infinite_above)
{
    struct inn_map_step m = {.kind = INN_MAP_EXP, .outer = 1, .channels = 1,
                             .inner = 20006};
    static float x[20006], y[20006];
    int i;

    for (i = 0; i <= 20000; i++)
        x[i] = (float)(i - 10000) * 0.0087f;
    x[20001] = NAN;
    x[20002] = INFINITY;
    x[20003] = -INFINITY;
    x[20004] = 88.73f;
    x[20005] = 88.72f;
    inn_map_run(&m, y, x, 2);
    for (i = 0; i <= 20000; i++)
        ck_assert_double_le(fabs((double)y[i] / exp((double)x[i]) - 1),
                            3e-7);
    ck_assert(isnan(y[20001]));
    ck_assert_float_eq(y[20002], INFINITY);
    ck_assert_float_eq(y[20003], 0.0f);
    ck_assert_float_eq(y[20004], INFINITY);
    ck_assert_double_le(fabs((double)y[20005] / exp((double)x[20005]) - 1),
                        1e-6);
}
END_TEST

/* A 3x3 convolution of v, which oneDNN gives channels last. */
static int conv(const char *name, int v, int64_t from, int64_t to)
{
    int64_t w[] = {to, from, 3, 3}, pads[] = {1, 1, 1, 1};

    v = add_op("Conv", v, add_weight(name, 4, w), -1);
    set_ints(v, "pads", pads, 4);
    return v;
}

/* What stands between two convolutions; returns its channels. */
static int64_t between_them(int *v, int kind)
{
    int64_t pads[] = {0, 2, 1, 0, 0, 1, 0, 3}, perm[] = {0, 1, 3, 2};
    int64_t one[] = {1}, five[] = {5}, slope[] = {16, 1, 1};
    int other;

    switch (kind) {
    case 0:
        other = conv("c", *v, 16, 8);
        *v = add_op("Concat", *v, other, -1);
        set_int(*v, "axis", 1);
        return 24;
    case 1:
        *v = add_op("Pad", *v, add_weight_i64("pads", pads, 8), -1);
        return 19;
    case 2:
        *v = add_op("Transpose", *v, -1, -1);
        set_ints(*v, "perm", perm, 4);
        return 16;
    case 3:
        *v = add_op("DepthToSpace", *v, -1, -1);
        set_int(*v, "blocksize", 2);
        return 4;
    case 4:
        *v = add_op("SpaceToDepth", *v, -1, -1);
        set_int(*v, "blocksize", 2);
        return 64;
    case 5:
        *v = add_op("Slice", *v, add_weight_i64("one", one, 1),
                    add_weight_i64("five", five, 1));
        return 16;
    case 6:
        *v = add_op("PRelu", *v, add_weight("slope", 3, slope), -1);
        return 16;
    case 7:
        *v = add_op("Erf", *v, -1, -1);
        return 16;
    case 8:
        *v = add_op("HardSigmoid", *v, -1, -1);
        return 16;
    case 9:
        *v = add_op("GlobalAveragePool", *v, -1, -1);
        return 16;
    default:
        *v = add_op("Abs", *v, -1, -1);
        return 16;
    }
}

START_TEST(what_stands_between_convolutions_agrees_with_the_reference)
{
    int64_t x[] = {5, 3, 10, 10};
    struct inn_tensor in;
    int64_t channels;
    int v;

    graph_begin();
    seed = (uint32_t)_i + 1;
    v = conv("a", add_input("x", INN_F32, 4, x), 3, 16);
    channels = between_them(&v, _i);
    add_output(v);
    add_output(conv("b", v, channels, 8));
    in = *new_tensor(INN_F32, 4, x);
    fill_tensor(&in);
    compare(&in, 1, sum_bound(27) * (double)channels * 9 +
                        sum_bound((double)channels * 9));
    graph_end();
}
END_TEST

/* Any axes of what lies channels last, or plain, with many elements or few. */
START_TEST(sums_in_any_order_agree_with_the_reference)
{
    static const char *const kinds[] = {"ReduceSum", "ReduceMean",
                                        "ReduceSumSquare"};
    int64_t x[4], axes[4], all = 1;
    struct inn_tensor in;
    int i, v, kind, n = 0;

    graph_begin();
    seed = (uint32_t)_i * 15485863u + 3;
    kind = (int)between(&seed, 0, 2);
    for (i = 0; i < 4; i++) {
        x[i] = between(&seed, 1, coin(&seed) ? 4 : 24);
        if (coin(&seed) || (i == 3 && n == 0))
            axes[n++] = coin(&seed) ? i : i - 4;
    }
    v = add_input("x", INN_F32, 4, x);
    in = *new_tensor(INN_F32, 4, x);
    if (coin(&seed)) {
        v = conv("a", v, x[1], 24);
        x[1] = 24;
        add_output(v);
    }
    for (i = 0; i < n; i++)
        all *= x[axes[i] < 0 ? axes[i] + 4 : axes[i]];
    if (kind == 0) {
        v = add_op(kinds[kind], v, add_weight_i64("axes", axes, n), -1);
    } else {
        v = add_op(kinds[kind], v, -1, -1);
        set_ints(v, "axes", axes, (size_t)n);
    }
    set_int(v, "keepdims", coin(&seed));
    add_output(v);
    fill_tensor(&in);
    compare(&in, 1, sum_bound(360) * 40 * (kind == 1 ? 1 : (double)all));
    graph_end();
}
END_TEST

START_TEST(softmax_over_any_axis_agrees_with_the_reference)
{
    int64_t x[4];
    struct inn_tensor in;
    int i, v;

    graph_begin();
    seed = (uint32_t)_i * 7368787u + 3;
    for (i = 0; i < 4; i++)
        x[i] = between(&seed, 1, coin(&seed) ? 4 : 24);
    v = add_input("x", INN_F32, 4, x);
    in = *new_tensor(INN_F32, 4, x);
    fill_tensor(&in);
    for (i = 0; i < 9; i++) /* far from the largest there is nothing left */
        ((float *)in.data)[between(&seed, 0, (int64_t)in.bytes / 4 - 1)] =
            i < 2 ? -1000.0f : 30.0f * (float)(i - 5);
    if (coin(&seed)) {
        v = conv("a", add_op("Clip", v, -1, -1), x[1], 24);
        for (i = 0; i < (int)(in.bytes / 4); i++)
            ((float *)in.data)[i] = random_number();
        x[1] = 24;
    }
    v = add_op("Softmax", v, -1, -1);
    set_int(v, "axis", between(&seed, -4, 3));
    add_output(v);
    /* An error e of x is one of e y in y; the rest is a few roundings. */
    compare(&in, 1, 2e-6 + sum_bound(360));
    graph_end();
}
END_TEST

START_TEST(instance_norms_agree_with_the_reference)
{
    int64_t x[4], n[1];
    struct inn_tensor in;
    int i, v;

    graph_begin();
    seed = (uint32_t)_i * 8191u + 3;
    for (i = 0; i < 4; i++)
        x[i] = between(&seed, i < 2 ? 1 : 6, i == 0 ? 3 : 20);
    v = add_input("x", INN_F32, 4, x);
    in = *new_tensor(INN_F32, 4, x);
    fill_tensor(&in);
    n[0] = x[1];
    if (coin(&seed)) {
        n[0] = between(&seed, 1, 40);
        v = conv("a", v, x[1], n[0]);
        if (coin(&seed))
            add_output(v);
    }
    v = add_op("InstanceNormalization", v, add_weight("scale", 1, n),
               add_weight("bias", 1, n));
    add_output(v);
    /* What is normalised has a deviation of 1/2 at least. */
    compare(&in, 1, 4 * sum_bound(9 * (double)x[1]) + 2e-6);
    graph_end();
}
END_TEST

/* An attribute of the graph node that makes v; text outlives the graph. */
static void set_string(int v, const char *name, const char *text)
{
    struct inn_node *node = &graph->nodes[graph->values[v].producer];
    struct inn_attr *attr;

    set_int(v, name, 0);
    attr = &node->attrs[node->n_attrs - 1];
    attr->kind = INN_ATTR_STRING;
    attr->s = text;
    attr->s_len = strlen(text);
}

START_TEST(resizing_agrees_with_the_reference)
{
    static const char *const modes[] = {"nearest", "linear", "cubic"};
    static const char *const places[] = {"half_pixel", "asymmetric",
                                         "align_corners",
                                         "pytorch_half_pixel"};
    int64_t x[4], sizes[4];
    struct inn_tensor in;
    int i, v, inputs[4], out;

    graph_begin();
    seed = (uint32_t)_i * 524287u + 3;
    for (i = 0; i < 4; i++) {
        x[i] = between(&seed, 1, i < 2 ? 3 : 12);
        sizes[i] = coin(&seed) ? x[i] : between(&seed, 1, 30);
    }
    /* Rows too long to be mixed at once, in a few of them. */
    if (_i % 8 == 0) {
        x[3] = 2100;
        x[0] = x[1] = sizes[0] = sizes[1] = 1;
    }
    v = add_input("x", INN_F32, 4, x);
    in = *new_tensor(INN_F32, 4, x);
    fill_tensor(&in);
    if (coin(&seed)) {
        i = sizes[1] == x[1];
        v = conv("a", v, x[1], 24);
        sizes[1] = i ? 24 : sizes[1];
        add_output(v);
    }
    inputs[0] = v;
    inputs[1] = inputs[2] = -1;
    inputs[3] = add_weight_i64("sizes", sizes, 4);
    out = add_value("y");
    net_op(graph, "Resize", 13, inputs, 4, &out, 1);
    set_string(out, "mode", modes[between(&seed, 0, 2)]);
    set_string(out, "coordinate_transformation_mode",
               places[between(&seed, 0, 3)]);
    if (coin(&seed))
        set_int(out, "exclude_outside", 1);
    add_output(out);
    /* Weights of two axes whose sizes sum to (11/8)² at most. */
    compare(&in, 1, 2 * sum_bound(45) + 4e-6);
    graph_end();
}
END_TEST

/* BatchNormalization that stands before its convolution, and its ReLU. */
START_TEST(scaling_by_channel_is_one_step_with_its_relu)
{
    int64_t x[] = {2, 3, 6, 6}, n[] = {16};
    int in[5], out, node, i, reference = 0;
    const char *const names[] = {"scale", "bias", "mean", "variance"};
    struct inn_session *s;
    struct inn_step_info info;
    struct inn_tensor t;

    graph_begin();
    in[0] = conv("a", add_input("x", INN_F32, 4, x), 3, 16);
    for (i = 0; i < 4; i++)
        in[i + 1] = add_weight(names[i], 1, n);
    for (i = 0; i < 16; i++)
        ((float *)graph->values[in[4]].init->data)[i] += 1.5f;
    out = add_value("y");
    node = net_op(graph, "BatchNormalization", 9, in, 5, &out, 1);
    graph->nodes[node].name = "norm";
    add_output(conv("b", add_op("Relu", out, -1, -1), 16, 4));
    add_output(in[0]);
    t = *new_tensor(INN_F32, 4, x);
    fill_tensor(&t);
    compare(&t, 1, sum_bound(27) * 144 + sum_bound(144) * 3);
    run_once(&s, 1, false, false, &t, 1);
    for (i = 0, node = 0; i < inn_session_n_steps(s); i++) {
        inn_session_step(s, &info, i);
        if (strcmp(info.impl, "map") == 0) {
            ck_assert_int_eq(info.n_fused, 1);
            node++;
        }
        reference += strcmp(info.impl, "reference") == 0;
    }
    /* A build without oneDNN plans nothing: all of it is reference. */
    ck_assert(reference == inn_session_n_steps(s) ||
              (reference == 0 && node == 1));
    inn_session_free(s);
    graph_end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("strided");
    TCase *t = tcase_create("strided");

    tcase_add_loop_test(t, a_box_arrives_where_its_loops_say, 0,
                        as_many_as(300));
    tcase_add_test(
        t, exp_is_right_to_three_in_ten_millions_and_infinite_above);
    tcase_add_test(t, erf_is_right_to_four_in_ten_millions);
    tcase_add_loop_test(
        t, what_stands_between_convolutions_agrees_with_the_reference, 0, 11);
    tcase_add_loop_test(t, sums_in_any_order_agree_with_the_reference, 0,
                        as_many_as(40));
    tcase_add_loop_test(t, softmax_over_any_axis_agrees_with_the_reference, 0,
                        as_many_as(40));
    tcase_add_loop_test(t, resizing_agrees_with_the_reference, 0,
                        as_many_as(60));
    tcase_add_loop_test(t, instance_norms_agree_with_the_reference, 0,
                        as_many_as(40));
    tcase_add_test(t, scaling_by_channel_is_one_step_with_its_relu);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
