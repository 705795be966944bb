/*
 * NaN and infinities through every elementwise row of the registry and the
 * pools: alone, and behind what a function may be fused with. Reference
 * kernels and fast ones agree on what is a number, on any processor.
 */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/ops/args.h"
#include "runtime/ops/op.h"
#include "runtime/ops/rows.h"
#include "tests/unit/exec_graphs.h"
#include "tests/unit/net.h"
#include "tests/unit/suite.h"

static const char *const bools[] = {"And", "Equal", "Greater",
                                    "GreaterOrEqual", "Less", "LessOrEqual",
                                    "Not", "Or", "Where", "Xor"};

/*
 * Operands of an elementwise row, found by what couples its channels, so that
 * a new row is among them; 0: another kind, or one whose outputs are bool.
 */
static int operands(const struct inn_op *op)
{
    size_t i;

    if (op->infer == NULL || op->run == NULL)
        return 0;
    for (i = 0; i < INN_COUNT(bools); i++) {
        if (strcmp(op->name, bools[i]) == 0)
            return 0;
    }
    if (op->couple == inn_couple_same)
        return 1;
    if (op->couple == inn_couple_binary || op->couple == inn_couple_prelu)
        return 2;
    return op->couple == inn_couple_variadic ? 3 : 0;
}

/* The only function of ONNX that turns NaN into a number: x > alpha ? x : 0. */
static bool stops_nan(const struct inn_op *op)
{
    return strcmp(op->name, "ThresholdedRelu") == 0;
}

/* A graph node of the row; rows that need an attribute get it. */
static int add_row(const struct inn_op *op, const int *in, int n)
{
    bool cast = op->infer == inn_infer_cast;
    int out = add_value("result"), version = op->since, node;

    /* Cast had its type as text, and PRelu's slopes lay on axis 1. */
    if (version < 7 && (cast || op->infer == inn_infer_prelu))
        version = cast ? 6 : 7;
    node = net_op(graph, op->name, version, in, n, &out, 1);
    graph->nodes[node].name = "row";
    if (cast)
        set_int(out, "to", 1);
    if (strcmp(op->name, "Mod") == 0)
        set_int(out, "fmod", 1);
    return out;
}

static const float specials[] = {
    NAN,    -NAN,   INFINITY, -INFINITY, 0.0f,   -0.0f, 3e38f, -3e38f, 1e10f,
    -1e10f, 0.5f,     -0.5f,     1.5f,   -1.5f, 2.5f,  100.0f, -100.0f,
    88.9f,  20.0f,    -20.0f,    -89.0f, 3.0f,  -3.0f, 6.5f,   0.2f};

/* Unlike lengths meet unlike specials, in vectors and behind them. */
static void fill_specials(struct inn_tensor *t, size_t first, size_t step)
{
    size_t i;

    for (i = 0; i < inn_tensor_count(t); i++)
        ((float *)t->data)[i] =
            specials[(first + i * step) % INN_COUNT(specials)];
}

static void check_same(const struct inn_op *op, const struct inn_tensor *fast,
                       const struct inn_tensor *plain, bool values)
{
    const float *a = fast->data, *b = plain->data;
    size_t i;

    ck_assert_int_eq(fast->type, INN_F32);
    ck_assert_uint_eq(fast->bytes, plain->bytes);
    for (i = 0; i < inn_tensor_count(fast); i++) {
        ck_assert_msg(isnan(a[i]) == isnan(b[i]),
                      "%s: element %zu: %g is not %g", op->name, i,
                      (double)a[i], (double)b[i]);
        if (!values || isnan(a[i]) || a[i] == b[i])
            continue;
        ck_assert_msg(fabs((double)a[i] - (double)b[i]) <=
                          1e-5 * fmax(1, fabs((double)b[i])),
                      "%s: element %zu: %g is not %g", op->name, i,
                      (double)a[i], (double)b[i]);
    }
}

/* Both kinds of kernels, on two threads; whether any came out as NaN. */
static bool check_kinds(const struct inn_op *op, const struct inn_tensor *in,
                        int n, bool values)
{
    struct inn_session *fast, *plain, *all;
    const struct inn_tensor *a = run_once(&fast, 2, false, false, in, n);
    const struct inn_tensor *b = run_once(&plain, 1, true, false, in, n);
    const struct inn_tensor *c = run_once(&all, 2, false, true, in, n);
    bool any = false;
    size_t i;

    check_same(op, a, b, values);
    check_same(op, c, b, values);
    for (i = 0; i < inn_tensor_count(a); i++)
        any = any || isnan(((const float *)a->data)[i]);
    inn_session_free(fast);
    inn_session_free(plain);
    inn_session_free(all);
    return any;
}

/* Of several operands a later one is NaN where the first isn't. */
static void run_alone(const struct inn_op *op, int64_t length)
{
    struct inn_tensor in[3];
    int64_t dims[] = {1, length};
    int v[3], n = operands(op), k;
    struct inn_session *s;
    const struct inn_tensor *out;
    const char *names[] = {"x", "y", "z"};
    size_t i;

    graph_begin();
    for (k = 0; k < n; k++) {
        v[k] = add_input(names[k], INN_F32, 2, dims);
        in[k] = *new_tensor(INN_F32, 2, dims);
        fill_specials(&in[k], (size_t)k * 5, k == 0 ? 1 : 7);
    }
    add_output(add_row(op, v, n));
    check_kinds(op, in, n, true);
    out = run_once(&s, 1, false, false, in, n);
    for (i = 0; i < (size_t)length; i++) {
        bool none = false, exact = false;

        for (k = 0; k < n; k++) {
            float x = ((const float *)in[k].data)[i];

            none = none || isnan(x);
            /* x^0 is 1 whatever x is; slopes count where x is below 0. */
            exact = exact || (strcmp(op->name, "Pow") == 0 && x == 0) ||
                    (op->infer == inn_infer_prelu && k == 0 && x >= 0);
        }
        if (none && !exact)
            ck_assert_msg(isnan(((const float *)out->data)[i]) !=
                              stops_nan(op),
                          "%s at opset %d: element %zu of %lld", op->name,
                          op->since, i, (long long)length);
    }
    inn_session_free(s);
    graph_end();
}

START_TEST(elementwise_rows_give_nan_where_they_get_it)
{
    const int64_t lengths[] = {1, 7, 16, 31, 200};
    const struct inn_op *op = inn_op_row((size_t)_i);
    size_t i;

    if (operands(op) == 0)
        return;
    for (i = 0; i < INN_COUNT(lengths); i++)
        run_alone(op, lengths[i]);
}
END_TEST

enum hosts { CONV, WINOGRAD, DECONV, MATMUL, SUM, SCALING, N_HOSTS };

/* The value that the row's first operand is; *channel, its operands' shape. */
static int add_host(int host, struct inn_tensor *in, int64_t channel[3],
                    int *channel_rank)
{
    int64_t image[] = {2, 24, 9, 9}, one[] = {19, 24, 1, 1};
    int64_t three[] = {19, 24, 3, 3}, back[] = {24, 19, 3, 3};
    int64_t rows[] = {5, 24}, factor[] = {24, 19}, n = 24;
    int64_t pads[] = {1, 1, 1, 1};
    bool flat = host == MATMUL;
    int x = add_input("x", INN_F32, flat ? 2 : 4, flat ? rows : image), v;
    int affine[5], k;

    *in = *new_tensor(INN_F32, flat ? 2 : 4, flat ? rows : image);
    channel[0] = host == SUM || host == SCALING ? 24 : 19;
    channel[1] = channel[2] = 1;
    *channel_rank = flat ? 1 : 3;
    switch (host) {
    case CONV:
        return add_op("Conv", x, add_weight("w", 4, one), -1);
    case WINOGRAD:
        v = add_op("Conv", x, add_weight("w", 4, three), -1);
        set_ints(v, "pads", pads, 4);
        return v;
    case DECONV:
        return add_op("ConvTranspose", x, add_weight("w", 4, back), -1);
    case MATMUL:
        return add_op("MatMul", x, add_weight("w", 2, factor), -1);
    case SUM:
        return add_op("Add", x, x, -1);
    default:
        break;
    }
    affine[0] = x;
    for (v = 1; v < 5; v++) {
        const char *const names[] = {"", "scale", "shift", "mean", "var"};
        size_t i;

        affine[v] = add_weight(names[v], 1, &n);
        for (i = 0; v == 4 && i < (size_t)n; i++)
            ((float *)graph->values[affine[v]].init->data)[i] = 1.0f;
    }
    v = add_value("scaled");
    k = net_op(graph, "BatchNormalization", 9, affine, 5, &v, 1);
    graph->nodes[k].name = "scaling";
    return v;
}

/* Numbers, with one each of what is none here and there. */
static void fill_few(struct inn_tensor *t)
{
    float *x = t->data;
    size_t n = inn_tensor_count(t);

    fill_tensor(t);
    x[n / 3] = NAN;
    x[n / 4] = -NAN; /* what processors make of 0 infinity */
    x[n / 2] = INFINITY;
    x[n - 1] = -INFINITY;
}

START_TEST(what_is_fused_behind_another_gives_nan_where_it_gets_it)
{
    const struct inn_op *op = inn_op_row((size_t)_i);
    int host;

    if (operands(op) == 0)
        return;
    for (host = 0; host < N_HOSTS; host++) {
        struct inn_tensor in;
        int64_t channel[3];
        int v[3], rank, k;

        graph_begin();
        v[0] = add_host(host, &in, channel, &rank);
        for (k = 1; k < operands(op); k++)
            v[k] = op->couple != inn_couple_prelu && op->until != 0 &&
                           op->until < 8
                       ? v[0]
                   : add_weight(k == 1 ? "a" : "b", rank, channel);
        add_output(add_row(op, v, operands(op)));
        fill_few(&in);
        ck_assert_msg(check_kinds(op, &in, 1, false) != stops_nan(op) ||
                          stops_nan(op),
                      "%s behind %d: nothing is NaN", op->name, host);
        graph_end();
    }
}
END_TEST

/* Where pools are in no row's words: the largest of a window. */
START_TEST(maxima_of_windows_are_nan_where_one_of_them_is)
{
    static const char *const names[] = {"MaxPool", "GlobalMaxPool",
                                        "AveragePool", "GlobalAveragePool"};
    int64_t window[] = {3, 2}, channel[3];
    const struct inn_op *op = inn_op_find("", names[_i / N_HOSTS], 13);
    struct inn_tensor in;
    int v, rank;

    if (_i % N_HOSTS == MATMUL)
        return;
    graph_begin();
    v = add_op(op->name, add_host(_i % N_HOSTS, &in, channel, &rank), -1, -1);
    if (op->name[0] != 'G')
        set_ints(v, "kernel_shape", window, 2);
    add_output(v);
    fill_few(&in);
    ck_assert(check_kinds(op, &in, 1, true));
    graph_end();
}
END_TEST

/* x * 3e38 - x * 3e38, which is no number from x = 2 on; then a ReLU. */
static void add_nan_maker(const char *name, int64_t n)
{
    static const float large = 3e38f;
    int64_t dims[] = {1, n}, one = 1;
    int v;

    v = add_op("Mul", add_input(name, INN_F32, 2, dims),
               net_init(graph, "large", INN_F32, 1, &one, &large), -1);
    v = add_op("Sub", v, v, -1);
    add_output(add_op("Relu", v, -1, -1));
}

START_TEST(nan_that_comes_of_numbers_is_seen_on_every_thread)
{
    enum { MANY = 100000 };
    struct inn_session *s;
    const struct inn_tensor *out;
    struct inn_tensor in;
    int64_t dims[] = {1, MANY};
    int64_t at[] = {0, 1, MANY / 2 + 1, MANY - 1};
    float *x;

    /* Its processor has no such flags. */
    if (getenv("INN_VALGRIND") != NULL)
        return;
    graph_begin();
    add_nan_maker("x", MANY);
    in = *new_tensor(INN_F32, 2, dims);
    x = in.data;
    out = run_once(&s, 2, false, false, &in, 1);
    ck_assert_float_eq(((const float *)out->data)[at[_i]], 0);
    x[at[_i]] = 4.0f;
    ck_assert_int_eq(inn_session_run(s, &out, &in, 1, NULL), INN_OK);
    ck_assert(isnan(((const float *)out->data)[at[_i]]));
    ck_assert_float_eq(((const float *)out->data)[MANY / 2], 0);
    x[at[_i]] = 0.0f;
    ck_assert_int_eq(inn_session_run(s, &out, &in, 1, NULL), INN_OK);
    ck_assert_float_eq(((const float *)out->data)[at[_i]], 0);
    inn_session_free(s);
    graph_end();
}
END_TEST

/* Convolutions of all kinds with what may be fused, and beside them a NaN. */
static void add_net(void)
{
    int64_t image[] = {1, 16, 14, 14}, w[] = {32, 16, 3, 3};
    int64_t one[] = {24, 32, 1, 1}, each[] = {24, 1, 3, 3};
    int64_t two[] = {2, 2}, pads[] = {1, 1, 1, 1}, last[] = {17, 24, 1, 1};
    int v = add_input("image", INN_F32, 4, image);

    v = add_op("Conv", v, add_weight("w", 4, w), -1);
    set_ints(v, "pads", pads, 4);
    v = add_op("Relu", v, -1, -1);
    v = add_op("Conv", v, add_weight("w1", 4, one), -1);
    v = add_op("Relu", v, -1, -1);
    v = add_op("Conv", v, add_weight("w2", 4, each), -1);
    set_int(v, "group", 24);
    set_ints(v, "strides", two, 2);
    v = add_op("Clip", v, -1, -1);
    v = add_op("MaxPool", v, -1, -1);
    set_ints(v, "kernel_shape", two, 2);
    v = add_op("Conv", v, add_weight("w3", 4, last), -1);
    v = add_op("Exp", add_op("Sigmoid", v, -1, -1), -1, -1);
    add_output(v);
    add_nan_maker("x", 3);
}

START_TEST(a_run_repeated_for_nan_gives_the_same_bits_elsewhere)
{
    int64_t image[] = {1, 16, 14, 14}, dims[] = {1, 3};
    struct inn_tensor in[2];
    struct inn_session *s;
    const struct inn_tensor *out;
    void *first;
    int round;

    graph_begin();
    add_net();
    in[0] = *new_tensor(INN_F32, 4, image);
    in[1] = *new_tensor(INN_F32, 2, dims);
    fill_tensor(&in[0]);
    out = run_once(&s, 2, false, false, in, 2);
    first = new_tensor(INN_F32, out->rank, out->dims)->data;
    memcpy(first, out->data, out->bytes);
    for (round = 0; round < 4; round++) {
        /* Numbers, NaN made, numbers, NaN given: the last spoils no more. */
        ((float *)in[1].data)[0] = round == 1 ? 9.0f : round == 3 ? NAN : 0;
        ck_assert_int_eq(inn_session_run(s, &out, in, 2, NULL), INN_OK);
        if (getenv("INN_VALGRIND") == NULL || round != 1)
            ck_assert_int_eq(isnan(((const float *)out[1].data)[0]),
                             round % 2);
        if (round < 3) /* then convolutions go another way */
            ck_assert_mem_eq(out[0].data, first, out[0].bytes);
    }
    inn_session_free(s);
    graph_end();
}
END_TEST

START_TEST(a_repeated_run_without_memory_says_so)
{
    const struct inn_session_options how = {.threads = 1};
    int64_t image[] = {1, 16, 14, 14}, dims[] = {1, 3};
    struct inn_tensor in[2];

    graph_begin();
    add_net();
    in[0] = *new_tensor(INN_F32, 4, image);
    in[1] = *new_tensor(INN_F32, 2, dims);
    fill_tensor(&in[0]);
    ((float *)in[1].data)[1] = NAN;
    starve_session(&how, in, 2);
    graph_end();
}
END_TEST

/* A convolution's window is all that NaN reaches, as in ONNX Runtime. */
START_TEST(nan_reaches_what_its_window_covers_and_no_more)
{
    int64_t channel[3], at;
    struct inn_tensor in;
    struct inn_session *s;
    const struct inn_tensor *out;
    int rank;

    graph_begin();
    add_output(add_op("Relu", add_host(WINOGRAD, &in, channel, &rank), -1,
                      -1));
    fill_tensor(&in);
    ((float *)in.data)[3 * 9 + 4] = NAN; /* row 3, column 4 */
    out = run_once(&s, 2, false, false, &in, 1);
    for (at = 0; at < 81; at++)
        ck_assert_int_eq(isnan(((const float *)out->data)[at]) != 0,
                         at / 9 >= 2 && at / 9 <= 4 && at % 9 >= 3 &&
                             at % 9 <= 5);
    inn_session_free(s);
    graph_end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("nan");
    TCase *t = tcase_create("nan");
    int rows = 0;

    while (inn_op_row((size_t)rows) != NULL)
        rows++;
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, elementwise_rows_give_nan_where_they_get_it, 0,
                        as_many_as(rows));
    tcase_add_loop_test(
        t, what_is_fused_behind_another_gives_nan_where_it_gets_it, 0,
        as_many_as(rows));
    tcase_add_loop_test(t, maxima_of_windows_are_nan_where_one_of_them_is, 0,
                        4 * N_HOSTS);
    tcase_add_loop_test(t, nan_that_comes_of_numbers_is_seen_on_every_thread,
                        0, 4);
    tcase_add_test(t, a_run_repeated_for_nan_gives_the_same_bits_elsewhere);
    tcase_add_test(t, a_repeated_run_without_memory_says_so);
    tcase_add_test(t, nan_reaches_what_its_window_covers_and_no_more);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
