/*
 * Sessions on small graphs: what oneDNN computes against the reference
 * kernels, layouts, fusion, memory, thread counts, and every error.
 */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/threads.h"
#include "runtime/exec/session.h"
#include "runtime/exec/workers.h"

/* A generator of our own, so that a seed means the same everywhere. */
static uint32_t next(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static int64_t between(uint32_t *state, int64_t low, int64_t high)
{
    return low + (int64_t)(next(state) % (uint32_t)(high - low + 1));
}

static bool coin(uint32_t *state)
{
    return next(state) % 2 == 0;
}

static struct inn_heap *heap;
static struct inn_graph *graph;
static uint32_t seed;

static void begin(void)
{
    heap = inn_heap_new(0);
    ck_assert_int_eq(inn_graph_new(&graph, heap, NULL), INN_OK);
    seed = 1;
}

static void end(void)
{
    inn_graph_free(graph);
    graph = NULL;
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}

static int value(const char *name)
{
    int v = inn_graph_find(graph, name);

    if (v < 0)
        ck_assert_int_eq(inn_graph_add_value(graph, &v, name, NULL), INN_OK);
    return v;
}

static int *append(int *list, int *n, int v)
{
    int *grown = inn_arena_alloc(&graph->arena, (size_t)*n + 1, sizeof(int),
                                 NULL);

    ck_assert_ptr_nonnull(grown);
    if (*n != 0)
        memcpy(grown, list, (size_t)*n * sizeof(int));
    grown[(*n)++] = v;
    return grown;
}

/* An input; a size of -1 is open. */
static int input(const char *name, enum inn_type type, int rank,
                 const int64_t *dims)
{
    int v = value(name), i;
    struct inn_value *to = &graph->values[v];

    to->is_input = true;
    to->declared = true;
    to->type = type;
    to->rank = rank;
    for (i = 0; i < rank; i++) {
        to->dims[i].size = dims[i];
        to->dims[i].symbol = dims[i] < 0 ? "N" : NULL;
    }
    graph->inputs = append(graph->inputs, &graph->n_inputs, v);
    return v;
}

static void output(int v)
{
    graph->values[v].is_output = true;
    graph->outputs = append(graph->outputs, &graph->n_outputs, v);
}

/* Numbers of about unit size with few digits, so that sums are benign. */
static float number(void)
{
    return (float)((int)(next(&seed) % 2001) - 1000) / 1000.0f;
}

static void fill(struct inn_tensor *t)
{
    size_t i;

    for (i = 0; i < inn_tensor_count(t); i++)
        ((float *)t->data)[i] = number();
}

static struct inn_tensor *tensor(enum inn_type type, int rank,
                                 const int64_t *dims)
{
    struct inn_tensor *t = inn_arena_alloc(&graph->arena, 1, sizeof(*t),
                                           NULL);

    ck_assert_ptr_nonnull(t);
    ck_assert_int_eq(inn_tensor_new(t, &graph->arena, type, rank, dims, NULL),
                     INN_OK);
    return t;
}

static int weight(const char *name, int rank, const int64_t *dims)
{
    int v = value(name);
    struct inn_tensor *t = tensor(INN_F32, rank, dims);

    fill(t);
    graph->values[v].init = t;
    return v;
}

static int weight_i64(const char *name, const int64_t *x, int64_t n)
{
    int v = value(name);
    struct inn_tensor *t = tensor(INN_I64, 1, &n);

    memcpy(t->data, x, (size_t)n * sizeof(*x));
    graph->values[v].init = t;
    return v;
}

/* A graph node with up to three inputs (-1 ends them) and one output. */
static int op(const char *type, int a, int b, int c)
{
    int in[3] = {a, b, c}, n = 0, index, out, i;
    char name[32];
    struct inn_node *node;

    while (n < 3 && in[n] >= 0)
        n++;
    snprintf(name, sizeof(name), "v%d", graph->n_nodes);
    out = value(name);
    ck_assert_int_eq(inn_graph_add_node(graph, &index, type, n, 1, 0, NULL),
                     INN_OK);
    node = &graph->nodes[index];
    node->version = 13;
    node->name = inn_arena_printf(&graph->arena, NULL, "n%d", index);
    for (i = 0; i < n; i++)
        node->inputs[i] = in[i];
    node->outputs[0] = out;
    graph->values[out].producer = index;
    return out;
}

static void set_ints(int v, const char *name, const int64_t *x, size_t n)
{
    struct inn_node *node = &graph->nodes[graph->values[v].producer];

    ck_assert_int_eq(inn_node_set_ints(graph, node, name, x, n, NULL),
                     INN_OK);
}

static void set_int(int v, const char *name, int64_t x)
{
    struct inn_node *node = &graph->nodes[graph->values[v].producer];

    ck_assert_int_eq(inn_node_set_int(graph, node, name, x, NULL), INN_OK);
}

/* A new session with these options, run once; its outputs. */
static const struct inn_tensor *run(struct inn_session **session, int threads,
                                    bool reference, bool keep_all,
                                    const struct inn_tensor *in, int n)
{
    struct inn_session_options options = {threads, reference, keep_all};
    const struct inn_tensor *out = NULL;
    struct inn_error err = {0};
    enum inn_status st;

    st = inn_session_new(session, graph, &options, &err);
    ck_assert_msg(st == INN_OK, "%s", err.message);
    st = inn_session_run(*session, &out, in, n, &err);
    ck_assert_msg(st == INN_OK, "%s", err.message);
    return out;
}

/* Fails unless all of x is within bound of y. */
static void check_near(const struct inn_tensor *x, const struct inn_tensor *y,
                       double bound)
{
    size_t i;

    ck_assert_int_eq(x->type, y->type);
    ck_assert(inn_tensor_same_shape(x, y));
    for (i = 0; i < inn_tensor_count(x); i++) {
        double a = (double)((const float *)x->data)[i];
        double b = (double)((const float *)y->data)[i];

        ck_assert_msg(fabs(a - b) <= bound, "element %zu: %g is not %g", i, a,
                      b);
    }
}

/*
 * Runs the graph by oneDNN on one and two threads and by the reference
 * kernels; equal bits among the former, within bound of the latter.
 */
static void compare(const struct inn_tensor *in, int n, double bound)
{
    struct inn_session *one, *two, *ref, *all;
    const struct inn_tensor *a = run(&one, 1, false, false, in, n);
    const struct inn_tensor *b = run(&two, 2, false, false, in, n);
    const struct inn_tensor *c = run(&ref, 2, true, false, in, n);
    const struct inn_tensor *d = run(&all, 2, false, true, in, n);
    int i;

    for (i = 0; i < graph->n_outputs; i++) {
        ck_assert_uint_eq(a[i].bytes, b[i].bytes);
        if (a[i].bytes != 0)
            ck_assert_mem_eq(a[i].data, b[i].data, a[i].bytes);
        check_near(&a[i], &c[i], bound);
        check_near(&d[i], &c[i], bound);
    }
    inn_session_free(one);
    inn_session_free(two);
    inn_session_free(ref);
    inn_session_free(all);
}

/*
 * A sum of n products of numbers of at most 1 in float, in any order, is off
 * by at most n·n·ε/2 (each partial sum ≤ n, each addition rounds by ε/2); the
 * reference sums in double and rounds once. Doubled for what follows the sum.
 */
static double sum_bound(double n)
{
    return n * (n + 4) * 1.2e-7;
}

START_TEST(relu_runs_on_the_callers_memory)
{
    int64_t dims[] = {5};
    float x[] = {-1, 2, -3, 4, 0}, want[] = {0, 2, 0, 4, 0};
    struct inn_tensor in;
    struct inn_session *s;
    const struct inn_tensor *out;

    begin();
    output(op("Relu", input("x", INN_F32, 1, dims), -1, -1));
    inn_tensor_init(&in, INN_F32, 1, dims, NULL);
    in.data = x;
    out = run(&s, 1, _i == 1, false, &in, 1);
    ck_assert_mem_eq(out[0].data, want, sizeof(want));
    ck_assert_float_eq(x[0], -1);
    inn_session_free(s);
    end();
}
END_TEST

static void expect(const struct inn_tensor *in, int n, enum inn_status want,
                   const char *message)
{
    struct inn_session *s;
    const struct inn_tensor *out;
    struct inn_error err = {0};

    ck_assert_int_eq(inn_session_new(&s, graph, NULL, &err), INN_OK);
    ck_assert_int_eq(inn_session_run(s, &out, in, n, &err), want);
    ck_assert_str_eq(err.message, message);
    ck_assert_ptr_null(out);
    inn_session_free(s);
}

START_TEST(inputs_are_held_to_what_the_network_declares)
{
    int64_t want[] = {-1, 3, 224, 224}, small[] = {1, 3, 32, 32};
    int64_t two[] = {2, 3}, other[] = {-1, 3};
    struct inn_tensor in[2] = {{0}, {0}};

    begin();
    output(op("Relu", input("x", INN_F32, 4, want), -1, -1));
    output(op("Relu", input("y", INN_F32, 2, other), -1, -1));
    expect(in, 1, INN_ERR_RANGE,
           "1 inputs are given, the network wants 2");
    in[0] = *tensor(INN_F32, 4, small);
    in[1] = *tensor(INN_F32, 2, two);
    expect(in, 2, INN_ERR_RANGE,
           "input 'x' is 1x3x32x32, the network wants Nx3x224x224");
    in[0] = *tensor(INN_F32, 2, two);
    expect(in, 2, INN_ERR_RANGE,
           "input 'x' is 2x3, the network wants Nx3x224x224");
    small[2] = small[3] = 224;
    in[0] = *tensor(INN_F16, 4, small);
    expect(in, 2, INN_ERR_RANGE,
           "input 'x' is f16, the network wants f32");
    in[0] = *tensor(INN_F32, 4, small);
    expect(in, 2, INN_ERR_RANGE,
           "dimension 'N' is 1 in input 'x' and 2 in 'y'");
    in[0].bytes -= 4;
    expect(in, 2, INN_ERR_ARGUMENT,
           "input 'x' has 602108 bytes of data, its shape 1x3x224x224 takes "
           "602112");
    end();
}
END_TEST

START_TEST(everything_unsupported_is_listed_in_one_line)
{
    int64_t dims[] = {4};
    struct inn_session *s;
    struct inn_error err = {0};
    int v, i;

    begin();
    v = input("x", INN_F32, 1, dims);
    for (i = 0; i < 7; i++)
        v = op(i == 1 ? "Relu" : "Frobnicate", v, -1, -1);
    output(v);
    ck_assert_int_eq(inn_session_new(&s, graph, NULL, &err),
                     INN_ERR_UNSUPPORTED);
    ck_assert_ptr_null(s);
    ck_assert_str_eq(
        err.message,
        "can't be run: Frobnicate 'n0' opset 13, Frobnicate 'n2' opset 13, "
        "Frobnicate 'n3' opset 13, Frobnicate 'n4' opset 13, Frobnicate 'n5' "
        "opset 13 and 1 more");
    end();
}
END_TEST

START_TEST(what_no_output_needs_is_not_run)
{
    int64_t dims[] = {3};
    struct inn_tensor in;
    struct inn_session *s;
    int x;

    begin();
    x = input("x", INN_F32, 1, dims);
    op("Frobnicate", x, -1, -1);
    output(op("Relu", x, -1, -1));
    in = *tensor(INN_F32, 1, dims);
    run(&s, 1, false, false, &in, 1);
    inn_session_free(s);
    end();
}
END_TEST

START_TEST(weights_must_be_there)
{
    int64_t dims[] = {3};
    struct inn_session *s;
    struct inn_error err = {0};
    int w;

    begin();
    w = weight("w", 1, dims);
    graph->values[w].init->data = NULL;
    output(op("Add", input("x", INN_F32, 1, dims), w, -1));
    ck_assert_int_eq(inn_session_new(&s, graph, NULL, &err),
                     INN_ERR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(err.message, "'w'"));
    end();
}
END_TEST

START_TEST(outputs_that_are_inputs_or_constants_are_copied)
{
    int64_t dims[] = {2, 3}, flat[] = {6};
    struct inn_tensor in;
    struct inn_session *s;
    const struct inn_tensor *out;
    int x, w;

    begin();
    x = input("x", INN_F32, 2, dims);
    w = weight("w", 2, dims);
    output(x);
    output(w);
    output(op("Reshape", x, weight_i64("shape", flat, 1), -1));
    output(op("Identity", w, -1, -1));
    in = *tensor(INN_F32, 2, dims);
    fill(&in);
    out = run(&s, 1, false, _i == 1, &in, 1);
    ck_assert_mem_eq(out[0].data, in.data, 24);
    ck_assert_mem_eq(out[1].data, graph->values[w].init->data, 24);
    ck_assert_mem_eq(out[2].data, in.data, 24);
    ck_assert_int_eq(out[2].rank, 1);
    ck_assert_mem_eq(out[3].data, graph->values[w].init->data, 24);
    ck_assert_ptr_ne(out[0].data, in.data);
    ck_assert_ptr_ne(out[2].data, in.data);
    ck_assert_ptr_ne(out[1].data, graph->values[w].init->data);
    inn_session_free(s);
    end();
}
END_TEST

START_TEST(a_network_without_inputs_runs)
{
    int64_t dims[] = {3};
    struct inn_session *s;
    const struct inn_tensor *out;
    int w;

    begin();
    w = weight("w", 1, dims);
    output(op("Relu", w, -1, -1));
    out = run(&s, 1, false, false, NULL, 0);
    ck_assert_int_eq(out[0].dims[0], 3);
    inn_session_free(s);
    end();
}
END_TEST

START_TEST(an_overwritten_operand_is_never_read_again)
{
    int64_t dims[] = {2, 5}, flat[] = {10};
    struct inn_tensor in;
    int x, y, z;

    begin();
    x = op("Neg", input("x", INN_F32, 2, dims), -1, -1);
    y = op("Reshape", x, weight_i64("shape", flat, 1), -1);
    /* In place on y would ruin x, of which it is a view. */
    z = op("Relu", y, -1, -1);
    output(op("Add", x, x, -1));
    output(z);
    output(op("Mul", y, z, -1));
    in = *tensor(INN_F32, 2, dims);
    fill(&in);
    compare(&in, 1, 0);
    end();
}
END_TEST

START_TEST(other_sizes_make_another_plan)
{
    int64_t dims[] = {-1, 3}, a[] = {2, 3}, b[] = {5, 3};
    struct inn_tensor in;
    struct inn_session *s;
    const struct inn_tensor *out;
    size_t small;
    int x;

    begin();
    x = input("x", INN_F32, 2, dims);
    output(op("Exp", op("Neg", x, -1, -1), -1, -1));
    in = *tensor(INN_F32, 2, a);
    run(&s, 1, false, false, &in, 1);
    small = inn_session_workspace(s);
    ck_assert_uint_gt(small, 0);
    in = *tensor(INN_F32, 2, b);
    ck_assert_int_eq(inn_session_run(s, &out, &in, 1, NULL), INN_OK);
    ck_assert_int_eq(out[0].dims[0], 5);
    ck_assert_float_eq(((const float *)out[0].data)[14], 1);
    a[1] = 4;
    in = *tensor(INN_F32, 2, a);
    ck_assert_int_eq(inn_session_run(s, &out, &in, 1, NULL), INN_ERR_RANGE);
    in = *tensor(INN_F32, 2, b);
    ck_assert_int_eq(inn_session_run(s, &out, &in, 1, NULL), INN_OK);
    inn_session_free(s);
    end();
}
END_TEST

START_TEST(keep_all_shows_every_value)
{
    int64_t dims[] = {1, 16, 4, 4}, wdims[] = {32, 16, 1, 1};
    struct inn_session *s, *plain;
    const struct inn_tensor *t;
    struct inn_tensor in;
    int x, y, z;

    begin();
    x = input("x", INN_F32, 4, dims);
    y = op("Conv", x, weight("w", 4, wdims), -1);
    z = op("Relu", y, -1, -1);
    output(op("Neg", z, -1, -1));
    in = *tensor(INN_F32, 4, dims);
    fill(&in);
    run(&s, 1, false, true, &in, 1);
    run(&plain, 1, false, false, &in, 1);
    memset(in.data, 0, in.bytes);
    t = inn_session_value(s, "x");
    ck_assert_ptr_nonnull(t);
    ck_assert_float_ne(((const float *)t->data)[0], 0);
    t = inn_session_value(s, "w");
    ck_assert_ptr_nonnull(t);
    ck_assert_int_eq(t->dims[0], 32);
    t = inn_session_value(s, graph->values[y].name);
    ck_assert_ptr_nonnull(t);
    ck_assert_int_eq(t->dims[1], 32);
    t = inn_session_value(s, graph->values[z].name);
    ck_assert_ptr_nonnull(t);
    ck_assert_ptr_null(inn_session_value(s, "nobody"));
    ck_assert_ptr_null(inn_session_value(plain, graph->values[y].name));
    inn_session_free(s);
    inn_session_free(plain);
    end();
}
END_TEST

START_TEST(short_floats_are_computed_in_f32)
{
    int64_t dims[] = {1, 3, 6, 6}, wdims[] = {4, 3, 3, 3};
    struct inn_session *s;
    const struct inn_tensor *out;
    struct inn_tensor in, *w;
    double sum = 0;
    size_t i, k;
    int v;

    begin();
    w = tensor(INN_F16, 4, wdims);
    for (i = 0; i < inn_tensor_count(w); i++)
        ((uint16_t *)w->data)[i] = inn_f32_to_f16(number());
    v = value("w");
    graph->values[v].init = w;
    v = op("Conv", input("x", INN_F16, 4, dims), v, -1);
    output(op("Transpose", op("Sigmoid", v, -1, -1), -1, -1));
    in = *tensor(INN_F16, 4, dims);
    for (i = 0; i < inn_tensor_count(&in); i++)
        ((uint16_t *)in.data)[i] = inn_f32_to_f16(number());
    out = run(&s, 1, _i == 1, false, &in, 1);
    ck_assert_int_eq(out[0].type, INN_F16);
    for (i = 0; i < 3; i++) {
        for (k = 0; k < 9; k++)
            sum += (double)inn_f16_to_f32(
                       ((uint16_t *)in.data)[i * 36 + k / 3 * 6 + k % 3]) *
                   (double)inn_f16_to_f32(((uint16_t *)w->data)[i * 9 + k]);
    }
    sum = 1 / (1 + exp(-sum));
    /* One rounding to 11 bits, of a number below 1. */
    ck_assert_double_eq_tol(
        (double)inn_f16_to_f32(((const uint16_t *)out[0].data)[0]), sum,
        1.0 / 2048);
    inn_session_free(s);
    end();
}
END_TEST

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
    v = op("Conv", input("x", INN_F32, *rank, x),
           weight("w", *rank, w), coin(&seed) ? weight("b", 1, &bias) : -1);
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

    begin();
    seed = (uint32_t)_i * 7919u + 1;
    v = random_conv(x, &rank, &terms);
    output(coin(&seed) ? op("Relu", v, -1, -1) : v);
    in = *tensor(INN_F32, rank, x);
    fill(&in);
    compare(&in, 1, sum_bound(terms + 1));
    end();
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
    v = op("Conv", x, weight(name, 4, w), weight(bias, 1, &out));
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

    begin();
    seed = (uint32_t)_i * 104729u + 3;
    c = between(&seed, 1, 40);
    x[1] = c;
    per[0] = c;
    a = input("x", INN_F32, 4, x);
    a = op("Relu", conv(a, "stem", c, c, 3, 1), -1, -1);
    b = conv(a, "b1", c, c, 1, 1);
    b = op(functions[next(&seed) % 5], b, -1, -1);
    if (coin(&seed))
        b = op("Mul", b, weight("m", 3, per), -1);
    b = conv(b, "b2", c, c, 3, 1);
    if (coin(&seed))
        b = op("Sub", b, weight("k", 1, &one), -1);
    d = coin(&seed) ? op("Add", a, b, -1) : op("Add", b, a, -1);
    if (coin(&seed))
        d = op("Relu", d, -1, -1);
    if (coin(&seed))
        output(d);
    e = conv(d, "c2", c, c + 3, 3, 2);
    if (coin(&seed))
        e = op("Add", e, conv(d, "short", c, c + 3, 1, 2), -1);
    else if (coin(&seed))
        e = op("Add", e, e, -1);
    e = op("Relu", e, -1, -1);
    output(op("GlobalAveragePool", e, -1, -1));
    output(e);
    in = *tensor(INN_F32, 4, x);
    fill(&in);
    /*
     * Each of at most five convolutions in a row may grow an error by its
     * 9 c weights of at most 1, so bounds in the worst case say nothing.
     * Weights are random: errors and values grow alike, by √(9c/3); relative
     * to the largest value, each adds √(9c) ε. 1e-5 of it is a margin of 10.
     */
    {
        struct inn_session *s;
        const struct inn_tensor *out = run(&s, 1, true, false, &in, 1);
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
    end();
}
END_TEST

START_TEST(products_agree_with_the_reference)
{
    int64_t a[4], b[4], bias[2];
    struct inn_tensor in[2];
    int rank, v, x, i, n = 1;
    bool gemm, constant, wide;
    int64_t k;

    begin();
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
    x = input("x", INN_F32, rank, a);
    in[0] = *tensor(INN_F32, rank, a);
    fill(&in[0]);
    if (gemm && coin(&seed)) {
        i = (int)b[0];
        b[0] = b[1];
        b[1] = i;
    }
    if (constant) {
        v = weight("w", wide && !gemm ? 2 : rank, b);
    } else {
        v = input("w", INN_F32, wide && !gemm ? 2 : rank, b);
        in[1] = *tensor(INN_F32, wide && !gemm ? 2 : rank, b);
        fill(&in[1]);
        n = 2;
    }
    if (gemm) {
        v = op("Gemm", x, v, coin(&seed) ? weight("b", 2, bias) : -1);
        set_int(v, "transB", b[0] != k);
    } else {
        v = op("MatMul", x, v, -1);
    }
    if (coin(&seed))
        v = op("Relu", v, -1, -1);
    output(v);
    compare(in, n, sum_bound((double)k + 1));
    end();
}
END_TEST

START_TEST(pools_agree_with_the_reference)
{
    static const char *const kinds[] = {"MaxPool", "AveragePool",
                                        "GlobalAveragePool"};
    int64_t x[] = {1, 0, 0, 0}, k[2], pads[4], stride[2];
    struct inn_tensor in;
    int v, kind, i;

    begin();
    seed = (uint32_t)_i * 32452843u + 7;
    kind = (int)(next(&seed) % 3);
    x[1] = between(&seed, 1, 40);
    for (i = 0; i < 2; i++) {
        x[i + 2] = between(&seed, 4, 15);
        k[i] = between(&seed, 1, 4);
        stride[i] = between(&seed, 1, 3);
        pads[i] = between(&seed, 0, k[i] - 1);
        pads[i + 2] = between(&seed, 0, k[i] - 1);
    }
    v = input("x", INN_F32, 4, x);
    if (coin(&seed))
        v = conv(v, "w", x[1], x[1], 1, 1);
    v = op(kinds[kind], v, -1, -1);
    if (kind < 2) {
        set_ints(v, "kernel_shape", k, 2);
        set_ints(v, "strides", stride, 2);
        set_ints(v, "pads", pads, 4);
        if (coin(&seed))
            set_int(v, "ceil_mode", 1);
        if (kind == 1 && coin(&seed))
            set_int(v, "count_include_pad", 1);
    }
    output(coin(&seed) ? op("Relu", v, -1, -1) : v);
    in = *tensor(INN_F32, 4, x);
    fill(&in);
    compare(&in, 1, sum_bound((double)x[1]) + sum_bound(225) / 225);
    end();
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

    begin();
    seed = (uint32_t)_i * 49979687u + 11;
    laid = coin(&seed);
    rank = laid ? 4 : (int)between(&seed, 1, 4);
    off = (int)between(&seed, 0, rank - 1);
    for (i = 0; i < rank; i++) {
        x[i] = between(&seed, 1, 20);
        if (i >= off)
            y[i - off] = coin(&seed) ? x[i] : 1;
    }
    a = input("x", INN_F32, rank, x);
    b = input("y", INN_F32, rank - off, y);
    in[0] = *tensor(INN_F32, rank, x);
    in[1] = *tensor(INN_F32, rank - off, y);
    fill(&in[0]);
    fill(&in[1]);
    if (laid)
        a = conv(a, "w", x[1], x[1], 1, 1);
    v = coin(&seed) ? op(kinds[next(&seed) % 3], a, b, -1)
                    : op(kinds[next(&seed) % 3], b, a, -1);
    if (coin(&seed))
        output(a);
    v = op(functions[next(&seed) % 4], v, -1, -1);
    output(op("Mul", v, v, -1));
    /* Values up to 21 + 1, squared: errors times 2·22. */
    compare(in, 2, 44 * (sum_bound(21) + 44 * 1.2e-7));
    end();
}
END_TEST

static void small_net(void)
{
    int64_t x[] = {1, 3, 8, 8}, flat[] = {1, -1}, fc[] = {16, 10};
    int v, w;

    v = conv(input("x", INN_F32, 4, x), "stem", 3, 16, 3, 1);
    v = op("Relu", v, -1, -1);
    w = conv(v, "body", 16, 16, 3, 1);
    v = op("Relu", op("Add", v, w, -1), -1, -1);
    v = op("GlobalAveragePool", v, -1, -1);
    v = op("Reshape", v, weight_i64("shape", flat, 2), -1);
    output(op("MatMul", v, weight("fc", 2, fc), -1));
}

START_TEST(each_failing_request_is_reported_and_leaks_nothing)
{
    struct inn_session_options options = {1, (_i & 1) != 0, (_i & 2) != 0};
    int64_t x[] = {1, 3, 8, 8};
    struct inn_tensor in;
    size_t before, n;

    begin();
    small_net();
    in = *tensor(INN_F32, 4, x);
    before = inn_heap_used(heap);
    for (n = 1;; n++) {
        const struct inn_tensor *out;
        struct inn_session *s;
        struct inn_error err = {0};
        enum inn_status st;

        inn_heap_fail_at(heap, n);
        st = inn_session_new(&s, graph, &options, &err);
        if (st == INN_OK)
            st = inn_session_run(s, &out, &in, 1, &err);
        inn_session_free(s);
        inn_heap_fail_at(heap, 0);
        ck_assert_uint_eq(inn_heap_used(heap), before);
        if (st == INN_OK)
            break;
        ck_assert_msg(st == INN_ERR_MEMORY, "request %zu: %s", n,
                      err.message);
        ck_assert_int_lt((int)n, 1000);
    }
    ck_assert_uint_gt(n, 10);
    end();
}
END_TEST

START_TEST(a_chain_reuses_memory)
{
    int64_t x[] = {1, 16, 32, 32};
    struct inn_session *s;
    struct inn_tensor in;
    int v, i;

    begin();
    v = input("x", INN_F32, 4, x);
    for (i = 0; i < 10; i++)
        v = op("Exp", v, -1, -1);
    output(v);
    in = *tensor(INN_F32, 4, x);
    run(&s, 1, false, false, &in, 1);
    ck_assert_uint_le(inn_session_workspace(s), 2 * in.bytes);
    inn_session_free(s);
    end();
}
END_TEST

static void multiply(void *context, size_t part)
{
    volatile float tiny = 1e-39f, one = 1.0f;

    ((float *)context)[part] = tiny * one;
}

START_TEST(denormals_are_flushed_while_running_and_not_after)
{
    struct inn_workers workers;
    volatile float tiny = 1e-39f, one = 1.0f;
    float in_workers[64];
    int i;

    ck_assert_float_gt(tiny * one, 0);
    inn_workers_enter(&workers, 2);
#ifdef __SSE__
    ck_assert_float_eq(tiny * one, 0);
    inn_parallel(2, 64, multiply, in_workers);
    for (i = 0; i < 64; i++)
        ck_assert_float_eq(in_workers[i], 0);
#endif
    inn_workers_leave(&workers);
    ck_assert_float_gt(tiny * one, 0);
    inn_parallel(2, 64, multiply, in_workers);
    for (i = 0; i < 64; i++)
        ck_assert_float_gt(in_workers[i], 0);
}
END_TEST

static void add_networks(Suite *s)
{
    TCase *t = tcase_create("against the reference");

    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, convolutions_agree_with_the_reference, 0, 40);
    tcase_add_loop_test(t, residual_blocks_agree_with_the_reference, 0, 16);
    tcase_add_loop_test(t, products_agree_with_the_reference, 0, 24);
    tcase_add_loop_test(t, pools_agree_with_the_reference, 0, 24);
    tcase_add_loop_test(t, sums_and_functions_agree_with_the_reference, 0,
                        24);
    tcase_add_loop_test(
        t, each_failing_request_is_reported_and_leaks_nothing, 0, 4);
    suite_add_tcase(s, t);
}

int main(void)
{
    Suite *s = suite_create("session");
    TCase *t = tcase_create("session");
    SRunner *r;
    int failed;

    tcase_add_loop_test(t, relu_runs_on_the_callers_memory, 0, 2);
    tcase_add_test(t, inputs_are_held_to_what_the_network_declares);
    tcase_add_test(t, everything_unsupported_is_listed_in_one_line);
    tcase_add_test(t, what_no_output_needs_is_not_run);
    tcase_add_test(t, weights_must_be_there);
    tcase_add_loop_test(t, outputs_that_are_inputs_or_constants_are_copied,
                        0, 2);
    tcase_add_test(t, a_network_without_inputs_runs);
    tcase_add_test(t, an_overwritten_operand_is_never_read_again);
    tcase_add_test(t, other_sizes_make_another_plan);
    tcase_add_test(t, keep_all_shows_every_value);
    tcase_add_loop_test(t, short_floats_are_computed_in_f32, 0, 2);
    tcase_add_test(t, a_chain_reuses_memory);
    tcase_add_test(t, denormals_are_flushed_while_running_and_not_after);
    suite_add_tcase(s, t);
    add_networks(s);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
