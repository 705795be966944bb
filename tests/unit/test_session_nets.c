/*
 * Random layers and small networks: oneDNN against the reference kernels, on
 * one thread and on two.
 */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/exec_graphs.h"
#include "tests/unit/suite.h"

/* A convolution of random sizes, 1-D to 3-D; sets the input's sizes. */
static int random_conv(int64_t x[5], int *rank, double *terms)
{
    int spatial = (int)between(&seed, 1, coin(&seed) ? 2 : 3), i;
    int64_t groups = coin(&seed) ? 1 : between(&seed, 1, 8);
    int64_t per_in = coin(&seed) ? 1 : between(&seed, 1, 20);
    int64_t per_out = coin(&seed) ? 1 : between(&seed, 1, 20);
    int64_t w[5], stride[3], dilation[3], pads[6], bias;
    int v;

    x[0] = between(&seed, 1, 2);
    x[1] = groups * per_in;
    w[0] = groups * per_out;
    w[1] = per_in;
    *terms = (double)per_in;
    for (i = 0; i < spatial; i++) {
        w[i + 2] = between(&seed, 1, 4);
        stride[i] = between(&seed, 1, 3);
        dilation[i] = between(&seed, 1, 2);
        pads[i] = between(&seed, 0, 2);
        pads[spatial + i] = between(&seed, 0, 2);
        x[i + 2] = between(&seed, dilation[i] * (w[i + 2] - 1) + 1, 12);
        *terms *= (double)w[i + 2];
    }
    *rank = spatial + 2;
    bias = w[0];
    v = add_op("Conv", add_input("x", INN_F32, *rank, x),
               add_weight("w", *rank, w),
               coin(&seed) ? add_weight("b", 1, &bias) : -1);
    set_ints(v, "strides", stride, (size_t)spatial);
    set_ints(v, "dilations", dilation, (size_t)spatial);
    set_ints(v, "pads", pads, (size_t)spatial * 2);
    set_int(v, "group", groups);
    return v;
}

START_TEST(convolutions_agree_with_the_reference)
{
    struct inn_tensor in;
    int64_t x[5];
    double terms;
    int rank, v;

    graph_begin();
    seed = (uint32_t)_i * 7919u + 1;
    v = random_conv(x, &rank, &terms);
    add_output(coin(&seed) ? add_op("Relu", v, -1, -1) : v);
    in = *new_tensor(INN_F32, rank, x);
    fill_tensor(&in);
    compare(&in, 1, sum_bound(terms + 1));
    graph_end();
}
END_TEST

/* The same of a transposed convolution, and what is fused behind it. */
START_TEST(transposed_convolutions_agree_with_the_reference)
{
    static const char *const functions[] = {"Relu", "LeakyRelu", "Sigmoid"};
    int64_t x[5], w[5], stride[3], dilation[3], pads[6], more[3], bias, groups;
    int64_t most;
    struct inn_tensor in;
    double terms;
    int spatial, v, i;

    graph_begin();
    seed = (uint32_t)_i * 7907u + 5;
    spatial = (int)between(&seed, 1, coin(&seed) ? 2 : 3);
    groups = coin(&seed) ? 1 : between(&seed, 1, 8);
    w[1] = coin(&seed) ? 1 : between(&seed, 1, 20);
    terms = (double)(coin(&seed) ? w[1] : between(&seed, 1, 20));
    x[0] = between(&seed, 1, 2);
    x[1] = w[0] = groups * (int64_t)terms;
    for (i = 0; i < spatial; i++) {
        stride[i] = between(&seed, 1, 3);
        dilation[i] = between(&seed, 1, 2);
        w[i + 2] = between(&seed, 1, 4);
        x[i + 2] = between(&seed, 3, 9);
        more[i] = between(&seed, 0, stride[i] - 1);
        most = stride[i] > 1 && w[i + 2] > 2 ? 3 : 1;
        pads[i] = between(&seed, 0, most);
        pads[spatial + i] = between(&seed, 0, most);
        terms *= (double)w[i + 2];
    }
    bias = groups * w[1];
    v = add_op("ConvTranspose", add_input("x", INN_F32, spatial + 2, x),
               add_weight("w", spatial + 2, w),
               coin(&seed) ? add_weight("b", 1, &bias) : -1);
    set_ints(v, "strides", stride, (size_t)spatial);
    set_ints(v, "dilations", dilation, (size_t)spatial);
    set_ints(v, "pads", pads, (size_t)spatial * 2);
    set_ints(v, "output_padding", more, (size_t)spatial);
    set_int(v, "group", groups);
    if (coin(&seed))
        v = add_op(functions[between(&seed, 0, 2)], v, -1, -1);
    add_output(v);
    in = *new_tensor(INN_F32, spatial + 2, x);
    fill_tensor(&in);
    compare(&in, 1, sum_bound(terms + 1));
    graph_end();
}
END_TEST

/*
 * What a plain convolution and moved pixels compute: steps, padding beyond
 * the first pixel, functions before the pixels move, a residual after it.
 */
START_TEST(transposed_convolutions_of_stride_are_plain_ones)
{
    int64_t x[4], w[4], stride[2], pads[4], more[2];
    struct inn_session *s;
    struct inn_step_info info;
    struct inn_tensor in;
    int v, i, moves = 0, references = 0;

    graph_begin();
    seed = (uint32_t)_i * 104729u + 5;
    x[0] = between(&seed, 1, 2);
    x[1] = w[0] = between(&seed, 1, 20);
    w[1] = between(&seed, 1, 20);
    for (i = 0; i < 2; i++) {
        stride[i] = between(&seed, 2, 3);
        w[i + 2] = stride[i] * between(&seed, 1, 3) - between(&seed, 0, 1);
        x[i + 2] = between(&seed, 4, 9);
        more[i] = between(&seed, 0, stride[i] - 1);
        pads[i] = between(&seed, 0, w[i + 2] < 5 ? w[i + 2] : 4);
        pads[i + 2] = between(&seed, 0, w[i + 2] < 5 ? w[i + 2] - 1 : 4);
    }
    v = add_op("ConvTranspose", add_input("x", INN_F32, 4, x),
               add_weight("w", 4, w),
               coin(&seed) ? add_weight("b", 1, &w[1]) : -1);
    set_ints(v, "strides", stride, 2);
    set_ints(v, "pads", pads, 4);
    set_ints(v, "output_padding", more, 2);
    if (coin(&seed))
        v = add_op("LeakyRelu", v, -1, -1);
    if (coin(&seed)) {
        add_output(v);
        v = add_op("Add", v, add_op("Abs", v, -1, -1), -1);
    }
    add_output(v);
    in = *new_tensor(INN_F32, 4, x);
    fill_tensor(&in);
    compare(&in, 1, 2 * sum_bound((double)(w[0] * w[2] * w[3] + 2)));
    run_once(&s, 1, false, false, &in, 1);
    for (i = 0; i < inn_session_n_steps(s); i++) {
        inn_session_step(s, &info, i);
        moves += strcmp(info.impl, "move") == 0;
        references += strcmp(info.impl, "reference") == 0;
    }
    /* More than twice the products, and it is left as it is. */
    ck_assert(references != 0 || moves != 0 ||
              w[2] * w[3] * 2 <= (w[2] + 1) * (w[3] + 1));
    inn_session_free(s);
    graph_end();
}
END_TEST

/* A square weight that is read both ways has two layouts of equal shape. */
START_TEST(a_weight_serves_a_convolution_and_its_transpose)
{
    int64_t x[] = {1, 16, 7, 7}, w[] = {16, 16, 1, 1}, group = _i < 2 ? 1 : 2;
    const char *first = _i & 1 ? "ConvTranspose" : "Conv";
    const char *second = _i & 1 ? "Conv" : "ConvTranspose";
    struct inn_tensor in;
    int a, v, weight;

    graph_begin();
    w[1] /= group;
    a = add_input("x", INN_F32, 4, x);
    weight = add_weight("w", 4, w);
    v = add_op(first, a, weight, -1);
    set_int(v, "group", group);
    v = add_op(second, v, weight, -1);
    set_int(v, "group", group);
    add_output(v);
    in = *new_tensor(INN_F32, 4, x);
    fill_tensor(&in);
    compare(&in, 1, 16 * sum_bound(16) + sum_bound(16 * 16));
    graph_end();
}
END_TEST

static int conv(int x, const char *name, int64_t in, int64_t out, int64_t k,
                int64_t stride)
{
    int64_t w[] = {out, in, k, k}, pads[4], strides[] = {stride, stride};
    char bias[32];
    int v, i;

    for (i = 0; i < 4; i++)
        pads[i] = k / 2;
    snprintf(bias, sizeof(bias), "%s.b", name);
    v = add_op("Conv", x, add_weight(name, 4, w), add_weight(bias, 1, &out));
    set_ints(v, "pads", pads, 4);
    set_ints(v, "strides", strides, 2);
    return v;
}

/*
 * A residual network in small: block, then block with a strided shortcut, with
 * what may stand between convolutions: functions, constants per channel, and
 * a value that is read from outside the block.
 */
START_TEST(residual_blocks_agree_with_the_reference)
{
    static const char *const functions[] = {"Relu", "LeakyRelu", "Sigmoid",
                                            "Tanh", "Clip"};
    int64_t x[] = {2, 0, 9, 9}, per[] = {0, 1, 1}, one = 1;
    struct inn_tensor in;
    int64_t c;
    int a, b, d, e;

    graph_begin();
    seed = (uint32_t)_i * 104729u + 3;
    c = between(&seed, 1, 40);
    x[1] = c;
    per[0] = c;
    a = add_input("x", INN_F32, 4, x);
    a = add_op("Relu", conv(a, "stem", c, c, 3, 1), -1, -1);
    b = conv(a, "b1", c, c, 1, 1);
    b = add_op(functions[next_random(&seed) % 5], b, -1, -1);
    if (coin(&seed))
        b = add_op("Mul", b, add_weight("m", 3, per), -1);
    b = conv(b, "b2", c, c, 3, 1);
    if (coin(&seed))
        b = add_op("Sub", b, add_weight("k", 1, &one), -1);
    d = coin(&seed) ? add_op("Add", a, b, -1) : add_op("Add", b, a, -1);
    if (coin(&seed))
        d = add_op("Relu", d, -1, -1);
    if (coin(&seed))
        add_output(d);
    e = conv(d, "c2", c, c + 3, 3, 2);
    if (coin(&seed))
        e = add_op("Add", e, conv(d, "short", c, c + 3, 1, 2), -1);
    else if (coin(&seed))
        e = add_op("Add", e, e, -1);
    e = add_op("Relu", e, -1, -1);
    add_output(add_op("GlobalAveragePool", e, -1, -1));
    add_output(e);
    in = *new_tensor(INN_F32, 4, x);
    fill_tensor(&in);
    /*
     * Each of at most five convolutions in a row may grow an error by its
     * 9 c weights of at most 1, so bounds in the worst case say nothing.
     * Weights are random: errors and values grow alike, by √(9c/3); relative
     * to the largest value, each adds √(9c) ε. 1e-5 of it is a margin of 10.
     */
    {
        struct inn_session *s;
        const struct inn_tensor *out = run_once(&s, 1, true, false, &in, 1);
        const struct inn_tensor *last = &out[graph->n_outputs - 1];
        double most = 1;
        size_t i;

        for (i = 0; i < inn_tensor_count(last); i++) {
            double y = fabs((double)((const float *)last->data)[i]);

            most = y > most ? y : most;
        }
        inn_session_free(s);
        compare(&in, 1, most * 1e-5);
    }
    graph_end();
}
END_TEST

START_TEST(products_agree_with_the_reference)
{
    int64_t a[4], b[4], bias[2];
    struct inn_tensor in[2];
    int rank, v, x, i, n = 1;
    bool gemm, constant, wide;
    int64_t k;

    graph_begin();
    seed = (uint32_t)_i * 15485863u + 5;
    gemm = coin(&seed);
    constant = coin(&seed);
    wide = coin(&seed);
    k = between(&seed, 1, 300);
    rank = gemm ? 2 : (int)between(&seed, 2, 4);
    for (i = 0; i < rank; i++) {
        a[i] = between(&seed, 1, 4);
        b[i] = coin(&seed) ? a[i] : 1;
    }
    a[rank - 2] = between(&seed, 1, 40);
    a[rank - 1] = k;
    b[rank - 2] = k;
    b[rank - 1] = between(&seed, 1, 40);
    if (wide && !gemm) {
        b[0] = k;
        b[1] = between(&seed, 1, 40);
    }
    bias[0] = coin(&seed) ? 1 : a[0];
    bias[1] = coin(&seed) ? 1 : b[1];
    x = add_input("x", INN_F32, rank, a);
    in[0] = *new_tensor(INN_F32, rank, a);
    fill_tensor(&in[0]);
    if (gemm && coin(&seed)) {
        i = (int)b[0];
        b[0] = b[1];
        b[1] = i;
    }
    if (constant) {
        v = add_weight("w", wide && !gemm ? 2 : rank, b);
    } else {
        v = add_input("w", INN_F32, wide && !gemm ? 2 : rank, b);
        in[1] = *new_tensor(INN_F32, wide && !gemm ? 2 : rank, b);
        fill_tensor(&in[1]);
        n = 2;
    }
    if (gemm) {
        v = add_op("Gemm", x, v, coin(&seed) ? add_weight("b", 2, bias) : -1);
        set_int(v, "transB", b[0] != k);
    } else {
        v = add_op("MatMul", x, v, -1);
    }
    if (coin(&seed))
        v = add_op("Relu", v, -1, -1);
    add_output(v);
    compare(in, n, sum_bound((double)k + 1));
    graph_end();
}
END_TEST

START_TEST(pools_agree_with_the_reference)
{
    static const char *const kinds[] = {"MaxPool", "AveragePool",
                                        "GlobalAveragePool"};
    int64_t x[] = {1, 0, 0, 0}, k[2], pads[4], stride[2];
    struct inn_tensor in;
    int v, kind, i;

    graph_begin();
    seed = (uint32_t)_i * 32452843u + 7;
    kind = (int)(next_random(&seed) % 3);
    x[1] = between(&seed, 1, 40);
    for (i = 0; i < 2; i++) {
        x[i + 2] = between(&seed, 4, 15);
        k[i] = between(&seed, 1, 4);
        stride[i] = between(&seed, 1, 3);
        pads[i] = between(&seed, 0, k[i] - 1);
        pads[i + 2] = between(&seed, 0, k[i] - 1);
    }
    v = add_input("x", INN_F32, 4, x);
    if (coin(&seed))
        v = conv(v, "w", x[1], x[1], 1, 1);
    v = add_op(kinds[kind], v, -1, -1);
    if (kind < 2) {
        set_ints(v, "kernel_shape", k, 2);
        set_ints(v, "strides", stride, 2);
        set_ints(v, "pads", pads, 4);
        if (coin(&seed))
            set_int(v, "ceil_mode", 1);
        if (kind == 1 && coin(&seed))
            set_int(v, "count_include_pad", 1);
    }
    add_output(coin(&seed) ? add_op("Relu", v, -1, -1) : v);
    in = *new_tensor(INN_F32, 4, x);
    fill_tensor(&in);
    compare(&in, 1, sum_bound((double)x[1]) + sum_bound(225) / 225);
    graph_end();
}
END_TEST

START_TEST(sums_and_functions_agree_with_the_reference)
{
    static const char *const kinds[] = {"Add", "Sub", "Mul"};
    static const char *const functions[] = {"Relu", "Sigmoid", "Tanh",
                                            "LeakyRelu"};
    int64_t x[4] = {0}, y[4] = {0};
    struct inn_tensor in[2];
    int rank, off, i, a, b, v;
    bool laid;

    graph_begin();
    seed = (uint32_t)_i * 49979687u + 11;
    laid = coin(&seed);
    rank = laid ? 4 : (int)between(&seed, 1, 4);
    off = (int)between(&seed, 0, rank - 1);
    for (i = 0; i < rank; i++) {
        x[i] = between(&seed, 1, 20);
        if (i >= off)
            y[i - off] = coin(&seed) ? x[i] : 1;
    }
    a = add_input("x", INN_F32, rank, x);
    b = add_input("y", INN_F32, rank - off, y);
    in[0] = *new_tensor(INN_F32, rank, x);
    in[1] = *new_tensor(INN_F32, rank - off, y);
    fill_tensor(&in[0]);
    fill_tensor(&in[1]);
    if (laid)
        a = conv(a, "w", x[1], x[1], 1, 1);
    v = coin(&seed) ? add_op(kinds[next_random(&seed) % 3], a, b, -1)
                    : add_op(kinds[next_random(&seed) % 3], b, a, -1);
    if (coin(&seed))
        add_output(a);
    v = add_op(functions[next_random(&seed) % 4], v, -1, -1);
    add_output(add_op("Mul", v, v, -1));
    /* Values up to 21 + 1, squared: errors times 2·22. */
    compare(in, 2, 44 * (sum_bound(21) + 44 * 1.2e-7));
    graph_end();
}
END_TEST

/*
 * oneDNN 2.6 gives the second of two like functions behind a convolution the
 * parameters of the first.
 */
START_TEST(like_functions_in_a_row_keep_their_parameters)
{
    int64_t x[4] = {1, 1, 4, 4}, w[4] = {2, 1, 5, 5}, pads[4] = {2, 2, 2, 2};
    struct inn_tensor in;
    int v;

    graph_begin();
    v = add_op("Conv", add_input("x", INN_F32, 4, x), add_weight("w", 4, w),
               -1);
    set_ints(v, "pads", pads, 4);
    v = add_op("LeakyRelu", v, -1, -1);
    add_output(add_op("Relu", v, -1, -1));
    in = *new_tensor(INN_F32, 4, x);
    fill_tensor(&in);
    compare(&in, 1, sum_bound(25));
    graph_end();
}
END_TEST

static void small_net(void)
{
    int64_t x[] = {1, 3, 8, 8}, flat[] = {1, -1}, fc[] = {16, 10};
    int v, w;

    v = conv(add_input("x", INN_F32, 4, x), "stem", 3, 16, 3, 1);
    v = add_op("Relu", v, -1, -1);
    w = conv(v, "body", 16, 16, 3, 1);
    v = add_op("Relu", add_op("Add", v, w, -1), -1, -1);
    v = add_op("GlobalAveragePool", v, -1, -1);
    v = add_op("Reshape", v, add_weight_i64("shape", flat, 2), -1);
    add_output(add_op("MatMul", v, add_weight("fc", 2, fc), -1));
}

/*
 * bf16 keeps 8 bits: each product is off by at most 2^-8, as is each result
 * that is rounded between the two convolutions.
 */
START_TEST(bf16_is_near_and_the_same_on_any_number_of_threads)
{
    struct inn_session_options how = {.threads = 1, .bf16 = true};
    int64_t x[] = {2, 16, 12, 12}, w[] = {16, 16, 3, 3};
    int64_t pads[] = {1, 1, 1, 1};
    struct inn_session *one = NULL, *two = NULL, *ref;
    const struct inn_tensor *a, *b, *c;
    struct inn_tensor in;
    struct inn_error err = {0};
    enum inn_status st;
    size_t i;
    int v, first;

    graph_begin();
    v = add_op("Conv", add_input("x", INN_F32, 4, x),
               add_weight("v", 4, w), -1);
    set_ints(v, "pads", pads, 4);
    first = v = add_op("Relu", v, -1, -1);
    v = add_op("Conv", v, add_weight("w", 4, w), -1);
    set_ints(v, "pads", pads, 4);
    add_output(add_op("Add", v, first, -1));
    add_output(add_op("MaxPool", first, -1, -1));
    set_ints(graph->outputs[1], "kernel_shape", (int64_t[]){2, 2}, 2);
    in = *new_tensor(INN_F32, 4, x);
    fill_tensor(&in);
    st = inn_session_new(&one, graph, &how, &err);
    if (st == INN_OK) {
        how.threads = 2;
        ck_assert_int_eq(inn_session_new(&two, graph, &how, NULL), INN_OK);
        ck_assert_int_eq(inn_session_run(one, &a, &in, 1, NULL), INN_OK);
        ck_assert_int_eq(inn_session_run(two, &b, &in, 1, NULL), INN_OK);
        c = run_once(&ref, 1, true, false, &in, 1);
        for (v = 0; v < 2; v++) {
            ck_assert_mem_eq(a[v].data, b[v].data, a[v].bytes);
            for (i = 0; i < inn_tensor_count(&a[v]); i++) {
                float y = ((const float *)a[v].data)[i];
                float z = ((const float *)c[v].data)[i];

                ck_assert_float_le(fabsf(y - z), 144 * 25.0f / 256);
            }
            ck_assert_int_ne(memcmp(a[v].data, c[v].data, a[v].bytes), 0);
        }
        inn_session_free(ref);
    } else {
        ck_assert_int_eq(st, INN_ERR_UNSUPPORTED);
    }
    inn_session_free(one);
    inn_session_free(two);
    graph_end();
}
END_TEST

START_TEST(each_failing_request_is_reported_and_leaks_nothing)
{
    struct inn_session_options options = {.threads = 1,
                                          .reference = (_i & 1) != 0,
                                          .keep_all = (_i & 2) != 0};
    int64_t x[] = {1, 3, 8, 8};

    graph_begin();
    small_net();
    starve_session(&options, new_tensor(INN_F32, 4, x), 1);
    graph_end();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("session nets");
    TCase *t = tcase_create("against the reference");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, bf16_is_near_and_the_same_on_any_number_of_threads);
    tcase_add_loop_test(t, convolutions_agree_with_the_reference, 0, 40);
    tcase_add_loop_test(
        t, transposed_convolutions_agree_with_the_reference, 0, 40);
    tcase_add_loop_test(t, transposed_convolutions_of_stride_are_plain_ones, 0,
                        as_many_as(60));
    tcase_add_loop_test(
        t, a_weight_serves_a_convolution_and_its_transpose, 0, 4);
    tcase_add_loop_test(t, residual_blocks_agree_with_the_reference, 0, 16);
    tcase_add_loop_test(t, products_agree_with_the_reference, 0, 24);
    tcase_add_loop_test(t, pools_agree_with_the_reference, 0, 24);
    tcase_add_test(t, like_functions_in_a_row_keep_their_parameters);
    tcase_add_loop_test(t, sums_and_functions_agree_with_the_reference, 0,
                        24);
    tcase_add_loop_test(
        t, each_failing_request_is_reported_and_leaks_nothing, 0, 4);
    suite_add_tcase(s, t);
    return run_suite(s);
}
