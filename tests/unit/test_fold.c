/* Folding: batch norms into what is before them, and constants. */
#include <check.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/ops/shapes.h"
#include "tests/unit/net.h"
#include "tests/unit/starve.h"
#include "tests/unit/suite.h"

#define DIMS(...) (const int64_t[]){__VA_ARGS__}

static struct inn_heap *heap;
static struct inn_graph *g;
static struct inn_error err;
static struct inn_bn_stats *stats;
static int n_stats;
static uint32_t seed;

static void heap_of(size_t bytes)
{
    heap = inn_heap_new(bytes);
    ck_assert_int_eq(inn_graph_new(&g, heap, NULL), INN_OK);
    seed = 1;
}

static void setup(void)
{
    heap_of((size_t)64 << 20);
}

static void teardown(void)
{
    inn_graph_free(g);
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}

/* In [−1, 1). */
static float random_float(void)
{
    seed = seed * 1664525 + 1013904223;
    return (float)(int32_t)seed * 0x1p-31f;
}

static int random_init(const char *name, int rank, const int64_t *dims)
{
    int v = net_init(g, name, INN_F32, rank, dims, NULL);
    float *data = g->values[v].init->data;
    size_t i, n = inn_tensor_count(g->values[v].init);

    for (i = 0; i < n; i++)
        data[i] = random_float();
    return v;
}

/* Vectors p_scale, p_shift, p_mean, p_variance and the graph node. */
static int add_bn(const char *p, int64_t channels, const char *in,
                  const char *out)
{
    static const char *const names[] = {"scale", "shift", "mean",
                                        "variance"};
    char text[128], inputs[512];
    int i, k, v = -1;

    strcpy(inputs, in);
    for (i = 0; i < 4; i++) {
        snprintf(text, sizeof(text), "%s_%s", p, names[i]);
        v = random_init(text, 1, &channels);
        strcat(strcat(inputs, " "), text);
    }
    for (k = 0; k < channels; k++) {
        float *variance = g->values[v].init->data;

        variance[k] = fabsf(variance[k]) + 0.25f;
    }
    return net_node(g, "BatchNormalization", 15, inputs, out);
}

/* The value y of a network whose inputs are all constants; own, malloc. */
static float *evaluate(const char *y, size_t *n)
{
    struct inn_shapes s;
    const struct inn_tensor *t;
    float *copy;

    ck_assert_msg(inn_shapes_infer(&s, g, NULL, 0, 1, (size_t)1 << 24,
                                   &err) == INN_OK, "%s", err.message);
    t = inn_shapes_get(&s, inn_graph_find(g, y));
    ck_assert_ptr_nonnull(t);
    ck_assert_ptr_nonnull(t->data);
    *n = inn_tensor_count(t);
    copy = malloc(t->bytes);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, t->data, t->bytes);
    inn_shapes_free(&s);
    return copy;
}

/*
 * Folds, and compares y before and after. terms: products in one output.
 * Magnitudes here: |x|, |w|, |scale| < 1, variance > 1/4, so |factor| < 2
 * and |W'| < 2. Each W' is off by half an ulp: 2^-24 × 2, times |x| < 1, over
 * all terms; the bias, below 8, by 2^-24 × 8; both results, below
 * 2 × terms + 8, by half an ulp each.
 */
static void fold_and_compare(const char *y, int terms)
{
    double bound = 0x1p-24 * (2 * terms + 8 + 2 * (2 * terms + 8));
    size_t n, m, i;
    float *a, *b;

    a = evaluate(y, &n);
    ck_assert_int_eq(inn_fold_batchnorm(g, &stats, &n_stats, &err), INN_OK);
    b = evaluate(y, &m);
    ck_assert_uint_eq(n, m);
    for (i = 0; i < n; i++)
        ck_assert_double_le(fabs((double)a[i] - b[i]), bound);
    free(a);
    free(b);
}

static int count_type(const char *type)
{
    int i, n = 0;

    for (i = 0; i < g->n_nodes; i++)
        n += strcmp(g->nodes[i].op_type, type) == 0;
    return n;
}

static const struct inn_value *value(const char *name)
{
    int v = inn_graph_find(g, name);

    ck_assert_int_ge(v, 0);
    return &g->values[v];
}

START_TEST(conv_without_bias_gets_one_in_the_place_of_the_shift)
{
    random_init("x", 4, DIMS(2, 3, 5, 5));
    random_init("w", 4, DIMS(4, 3, 3, 3));
    net_node(g, "Conv", 11, "x w", "c");
    add_bn("bn", 4, "c", "y");
    net_node(g, "Relu", 13, "y", "z");
    net_output(g, "z");
    fold_and_compare("z", 27);
    ck_assert_int_eq(g->n_nodes, 2);
    ck_assert_int_eq(g->nodes[0].n_inputs, 3);
    ck_assert_str_eq(g->values[g->nodes[0].inputs[2]].name, "bn_shift");
    ck_assert_str_eq(g->values[g->nodes[0].outputs[0]].name, "y");
    ck_assert_int_eq(value("y")->producer, 0);
    ck_assert_int_eq(value("c")->producer, -1);
    ck_assert_ptr_null(value("bn_scale")->init);
    ck_assert_ptr_null(value("bn_mean")->init);
    ck_assert_ptr_null(value("bn_variance")->init);
}
END_TEST

START_TEST(factors_are_computed_in_double_and_rounded_once)
{
    float w[2] = {0.3f, -1.7f}, b[1] = {0.1f}, x[2] = {0, 0};
    float scale[1] = {0.7f}, shift[1] = {0.2f}, mean[1] = {-0.4f};
    float variance[1] = {0.9f}, epsilon = 1e-5f;
    double factor = 0.7f / sqrt((double)0.9f + (double)epsilon);
    const float *got;

    net_init(g, "x", INN_F32, 3, DIMS(1, 2, 1), x);
    net_init(g, "w", INN_F32, 3, DIMS(1, 2, 1), w);
    net_init(g, "b", INN_F32, 1, DIMS(1), b);
    net_init(g, "s", INN_F32, 1, DIMS(1), scale);
    net_init(g, "t", INN_F32, 1, DIMS(1), shift);
    net_init(g, "m", INN_F32, 1, DIMS(1), mean);
    net_init(g, "v", INN_F32, 1, DIMS(1), variance);
    net_node(g, "Conv", 11, "x w b", "c");
    net_node(g, "BatchNormalization", 9, "c s t m v", "y");
    net_output(g, "y");
    ck_assert_int_eq(inn_fold_batchnorm(g, &stats, &n_stats, &err), INN_OK);
    got = value("w")->init->data;
    ck_assert(got[0] == (float)(0.3f * factor));
    ck_assert(got[1] == (float)(-1.7f * factor));
    got = value("b")->init->data;
    ck_assert(got[0] == (float)(((double)0.1f - (double)-0.4f) * factor +
                                (double)0.2f));
    ck_assert_int_eq(n_stats, 1);
    ck_assert_str_eq(stats[0].node, "BatchNormalization_1");
    ck_assert_str_eq(stats[0].value, "y");
    ck_assert(stats[0].epsilon == epsilon);
    ck_assert(*(float *)stats[0].scale.data == 0.7f);
    ck_assert(*(float *)stats[0].shift.data == 0.2f);
    ck_assert(*(float *)stats[0].mean.data == -0.4f);
    ck_assert(*(float *)stats[0].variance.data == 0.9f);
}
END_TEST

START_TEST(shift_with_other_readers_leaves_the_bias_a_fresh_name)
{
    random_init("x", 4, DIMS(1, 2, 3, 3));
    random_init("w", 4, DIMS(2, 2, 1, 1));
    random_init("w.bias", 1, DIMS(1));
    net_node(g, "Conv", 11, "x w", "c");
    add_bn("bn", 2, "c", "y");
    net_node(g, "Sigmoid", 13, "bn_shift", "other");
    net_output(g, "other");
    net_output(g, "y");
    fold_and_compare("y", 2);
    ck_assert_str_eq(g->values[g->nodes[0].inputs[2]].name, "w.bias_2");
    ck_assert_ptr_nonnull(value("bn_shift")->init);
}
END_TEST

START_TEST(shared_vectors_and_biases_are_read_but_not_changed)
{
    float before[2];

    random_init("x", 4, DIMS(1, 2, 3, 3));
    random_init("w1", 4, DIMS(2, 2, 1, 1));
    random_init("w2", 4, DIMS(2, 2, 1, 1));
    random_init("b", 1, DIMS(2));
    net_node(g, "Conv", 11, "x w1 b", "c1");
    add_bn("bn", 2, "c1", "y1");
    net_node(g, "Conv", 11, "x w2 b", "c2");
    net_node(g, "BatchNormalization", 15,
             "c2 bn_scale bn_shift bn_mean bn_variance", "y2");
    net_node(g, "Conv", 11, "x w2 b", "c3");
    net_node(g, "Add", 13, "y1 y2", "a");
    net_node(g, "Add", 13, "a c3", "z");
    net_output(g, "z");
    memcpy(before, value("b")->init->data, sizeof(before));
    fold_and_compare("z", 6);
    ck_assert_int_eq(n_stats, 1); /* w2 is shared */
    ck_assert_int_eq(count_type("BatchNormalization"), 1);
    ck_assert_mem_eq(value("b")->init->data, before, sizeof(before));
}
END_TEST

START_TEST(grouped_convolution_folds)
{
    int conv;

    random_init("x", 3, DIMS(2, 4, 7));
    random_init("w", 3, DIMS(6, 2, 3));
    random_init("b", 1, DIMS(6));
    conv = net_node(g, "Conv", 11, "x w b", "c");
    net_int(g, conv, "group", 2);
    add_bn("p", 6, "c", "y");
    net_output(g, "y");
    fold_and_compare("y", 6);
    ck_assert_int_eq(g->n_nodes, 1);
}
END_TEST

START_TEST(two_batch_norms_in_a_row_both_fold)
{
    random_init("x", 3, DIMS(2, 4, 7));
    random_init("w", 3, DIMS(6, 4, 3));
    net_node(g, "Conv", 11, "x w", "c");
    add_bn("p", 6, "c", "d");
    add_bn("q", 6, "d", "y");
    net_output(g, "y");
    fold_and_compare("y", 40); /* a second factor below 2 */
    ck_assert_int_eq(n_stats, 2);
    ck_assert_str_eq(stats[0].value, "d");
    ck_assert_str_eq(stats[1].value, "y");
    ck_assert_int_eq(g->n_nodes, 1);
}
END_TEST

START_TEST(gemm_folds_with_its_weight_either_way_round)
{
    int gemm;

    random_init("x", 2, DIMS(3, 5));
    random_init("w", 2, DIMS(5, 4));
    random_init("u", 2, DIMS(6, 4));
    random_init("b", 2, DIMS(1, 6));
    net_node(g, "Gemm", 13, "x w", "c");
    add_bn("p", 4, "c", "d");
    gemm = net_node(g, "Gemm", 13, "d u b", "e");
    net_int(g, gemm, "transB", 1);
    add_bn("q", 6, "e", "y");
    net_output(g, "y");
    fold_and_compare("y", 60);
    ck_assert_int_eq(n_stats, 2);
    ck_assert_int_eq(g->n_nodes, 2);
}
END_TEST

START_TEST(gemm_with_scalar_bias_gets_one_for_each_output)
{
    random_init("x", 2, DIMS(3, 5));
    random_init("w", 2, DIMS(5, 4));
    random_init("b", 1, DIMS(1));
    net_node(g, "Gemm", 13, "x w b", "c");
    add_bn("p", 4, "c", "y");
    net_output(g, "y");
    fold_and_compare("y", 6);
    ck_assert_int_eq(g->n_nodes, 1);
    ck_assert_ptr_null(value("b")->init);
}
END_TEST

START_TEST(transposed_convolution_scales_axis_1_of_its_groups)
{
    float w[8] = {1, 1, 1, 1, 1, 1, 1, 1}, zero[4] = {0, 0, 0, 0};
    float one[4] = {1, 1, 1, 1}, scale[4] = {2, 3, 5, 7};
    float want[8] = {2, 3, 2, 3, 5, 7, 5, 7};
    int node;

    net_input(g, "x", INN_F32, 3, DIMS(1, 4, 5), NULL);
    net_init(g, "w", INN_F32, 3, DIMS(4, 2, 1), w);
    net_init(g, "s", INN_F32, 1, DIMS(4), scale);
    net_init(g, "t", INN_F32, 1, DIMS(4), one);
    net_init(g, "m", INN_F32, 1, DIMS(4), zero);
    net_init(g, "v", INN_F32, 1, DIMS(4), one);
    node = net_node(g, "ConvTranspose", 11, "x w", "c");
    net_int(g, node, "group", 2);
    node = net_node(g, "BatchNormalization", 9, "c s t m v", "y");
    net_output(g, "y");
    ck_assert_int_eq(inn_fold_batchnorm(g, NULL, NULL, &err), INN_OK);
    ck_assert_int_eq(g->n_nodes, 1);
    for (node = 0; node < 8; node++) /* epsilon takes a little */
        ck_assert_float_eq_tol(((float *)value("w")->init->data)[node],
                               want[node], 1e-4f);
    ck_assert_float_eq_tol(((float *)value("t")->init->data)[3], 1, 1e-6f);
}
END_TEST

START_TEST(constant_graph_nodes_give_way_to_initializers)
{
    int constant;

    random_init("x", 3, DIMS(1, 2, 4));
    constant = net_node(g, "Constant", 13, "", "w");
    random_init("w", 3, DIMS(2, 2, 1));
    g->values[g->nodes[constant].outputs[0]].producer = constant;
    net_node(g, "Conv", 11, "x w", "c");
    add_bn("p", 2, "c", "y");
    net_output(g, "y");
    fold_and_compare("y", 2);
    ck_assert_int_eq(count_type("Constant"), 0);
    ck_assert_int_eq(value("w")->producer, -1);
}
END_TEST

/* What must stay as it is. */
START_TEST(unfoldable_batch_norms_stay)
{
    int i, bn, kept = 0;

    random_init("x", 4, DIMS(1, 2, 3, 3));
    for (i = 0; i < 11; i++) {
        char w[16], c[16], y[16], in[64], p[16];

        snprintf(w, sizeof(w), "w%d", i);
        snprintf(c, sizeof(c), "c%d", i);
        snprintf(y, sizeof(y), "y%d", i);
        snprintf(p, sizeof(p), "p%d", i);
        snprintf(in, sizeof(in), "x %s", w);
        random_init(w, 4, DIMS(2, 2, 1, 1));
        net_node(g, "Conv", 11, in, c);
        bn = add_bn(p, 2, c, y);
        net_output(g, y);
        kept++;
        switch (i) {
        case 0: /* the convolution's output has another reader */
            net_node(g, "Relu", 13, c, "r0");
            break;
        case 1: /* it is an output of the network */
            net_output(g, c);
            break;
        case 2: /* the weight has another reader */
            net_node(g, "Relu", 13, w, "r2");
            break;
        case 3: /* a division by zero */
            memset(value("p3_variance")->init->data, 0, 8);
            memset(value("p3_shift")->init->data, 0, 8);
            g->nodes[bn].attrs = inn_arena_alloc(&g->arena, 1,
                                                 sizeof(struct inn_attr),
                                                 NULL);
            g->nodes[bn].n_attrs = 1;
            g->nodes[bn].attrs[0].name = "epsilon";
            g->nodes[bn].attrs[0].kind = INN_ATTR_FLOAT;
            break;
        case 4: /* vectors of another length */
            g->nodes[bn].inputs[3] = random_init("three", 1, DIMS(3));
            break;
        case 5: /* statistics for each position */
            g->nodes[bn].version = 7;
            net_int(g, bn, "spatial", 0);
            break;
        case 6: /* a computed vector */
            net_node(g, "Relu", 13, "p6_mean", "m6");
            g->nodes[bn].inputs[3] = inn_graph_find(g, "m6");
            break;
        case 7: /* statistics of the batch */
            net_int(g, bn, "training_mode", 1);
            break;
        case 8: /* the same before opset 7 */
            g->nodes[bn].version = 6;
            net_int(g, bn, "is_test", 0);
            break;
        case 9: /* and before opset 14, where outputs say so */
            g->nodes[bn].version = 13;
            g->nodes[bn].outputs = inn_arena_alloc(&g->arena, 5, sizeof(int),
                                                   NULL);
            memset(g->nodes[bn].outputs, 0xff, 5 * sizeof(int));
            g->nodes[bn].outputs[0] = inn_graph_find(g, y);
            g->nodes[bn].n_outputs = 5;
            break;
        default: /* no weights in the file */
            g->values[inn_graph_find(g, w)].init->data = NULL;
            break;
        }
    }
    ck_assert_int_eq(inn_fold_batchnorm(g, &stats, &n_stats, &err), INN_OK);
    ck_assert_int_eq(n_stats, 0);
    ck_assert_int_eq(count_type("BatchNormalization"), kept);
}
END_TEST

START_TEST(half_precision_that_would_overflow_stays)
{
    uint16_t w[1] = {0x7bff}, scale[1] = {0x4900}, one[1] = {0x3c00}; /* 10 */
    uint16_t zero[1] = {0};

    net_input(g, "x", INN_F16, 3, DIMS(1, 1, 4), NULL);
    net_init(g, "w", INN_F16, 3, DIMS(1, 1, 1), w);
    net_init(g, "s", INN_F16, 1, DIMS(1), scale);
    net_init(g, "t", INN_F16, 1, DIMS(1), zero);
    net_init(g, "m", INN_F16, 1, DIMS(1), zero);
    net_init(g, "v", INN_F16, 1, DIMS(1), one);
    net_node(g, "Conv", 11, "x w", "c");
    net_node(g, "BatchNormalization", 9, "c s t m v", "y");
    net_output(g, "y");
    ck_assert_int_eq(inn_fold_batchnorm(g, &stats, &n_stats, &err), INN_OK);
    ck_assert_int_eq(g->n_nodes, 2);
    *(uint16_t *)value("w")->init->data = 0x3c00;
    ck_assert_int_eq(inn_fold_batchnorm(g, &stats, &n_stats, &err), INN_OK);
    ck_assert_int_eq(g->n_nodes, 1);
    ck_assert_int_eq(value("t")->init->type, INN_F16);
}
END_TEST

START_TEST(computed_constants_become_initializers)
{
    const struct inn_tensor *t;
    int node;

    net_init(g, "a", INN_F32, 2, DIMS(2, 3),
             (float[]){1, 2, 3, 4, 5, 6});
    net_init(g, "to", INN_I64, 1, DIMS(2), (int64_t[]){3, 2});
    net_init(g, "unused", INN_F32, 1, DIMS(1), NULL);
    net_node(g, "Reshape", 13, "a to", "b");
    node = net_node(g, "Transpose", 13, "b", "t");
    ck_assert_int_eq(inn_node_set_ints(g, &g->nodes[node], "perm",
                                       DIMS(1, 0), 2, NULL), INN_OK);
    net_input(g, "x", INN_F32, 2, DIMS(1, 2), NULL);
    net_node(g, "MatMul", 13, "x t", "y");
    net_output(g, "y");
    ck_assert_int_eq(inn_fold_constants(g, &err), INN_OK);
    ck_assert_int_eq(g->n_nodes, 1);
    ck_assert_int_eq(value("y")->producer, 0);
    t = value("t")->init;
    ck_assert_ptr_nonnull(t);
    ck_assert_int_eq(t->dims[0], 2);
    ck_assert(((float *)t->data)[1] == 3);
    ck_assert_int_eq(value("t")->producer, -1);
    ck_assert_ptr_null(value("a")->init);
    ck_assert_ptr_null(value("to")->init);
    ck_assert_ptr_null(value("b")->init);
    ck_assert_ptr_nonnull(value("unused")->init); /* not our doing */
}
END_TEST

START_TEST(identity_and_widening_casts_of_weights_stay)
{
    int node;

    net_init(g, "h", INN_F16, 2, DIMS(2, 2),
             (uint16_t[]){0x3c00, 0x4000, 0x4200, 0x4400});
    net_input(g, "x", INN_F32, 2, DIMS(1, 2), NULL);
    node = net_node(g, "Cast", 13, "h", "f");
    net_int(g, node, "to", INN_F32);
    net_node(g, "Identity", 13, "f", "i");
    net_node(g, "MatMul", 13, "x i", "y");
    net_node(g, "Transpose", 13, "i", "t");
    net_node(g, "MatMul", 13, "y t", "z");
    net_output(g, "z");
    ck_assert_int_eq(inn_fold_constants(g, &err), INN_OK);
    ck_assert_int_eq(count_type("Cast"), 1);
    ck_assert_int_eq(count_type("Identity"), 1);
    ck_assert_int_eq(count_type("Transpose"), 0);
    ck_assert_int_eq(value("t")->init->type, INN_F32);
    ck_assert(((float *)value("t")->init->data)[1] == 3);
    ck_assert_ptr_nonnull(value("h")->init);
}
END_TEST

START_TEST(kept_casts_whose_readers_were_folded_go_with_them)
{
    int node;

    net_init(g, "h", INN_F16, 2, DIMS(2, 1), (uint16_t[]){0x3c00, 0x4000});
    net_input(g, "x", INN_F32, 2, DIMS(1, 1), NULL);
    node = net_node(g, "Cast", 13, "h", "f");
    net_int(g, node, "to", INN_F32);
    net_node(g, "Transpose", 13, "f", "t");
    net_node(g, "MatMul", 13, "x t", "y");
    net_output(g, "y");
    ck_assert_int_eq(inn_fold_constants(g, &err), INN_OK);
    ck_assert_int_eq(g->n_nodes, 1);
    ck_assert_ptr_null(value("h")->init);
}
END_TEST

START_TEST(outputs_of_the_network_keep_their_graph_node)
{
    net_init(g, "a", INN_F32, 2, DIMS(2, 3), NULL);
    net_node(g, "Transpose", 13, "a", "t");
    net_node(g, "Relu", 13, "t", "y");
    net_output(g, "y");
    ck_assert_int_eq(inn_fold_constants(g, &err), INN_OK);
    ck_assert_int_eq(g->n_nodes, 1);
    ck_assert_str_eq(g->nodes[0].op_type, "Relu");
    ck_assert_ptr_null(value("y")->init);
    ck_assert_ptr_nonnull(value("t")->init);
}
END_TEST

START_TEST(constants_of_terabytes_are_left_to_the_runtime)
{
    net_init(g, "size", INN_I64, 1, DIMS(1), (int64_t[]){(int64_t)1 << 40});
    net_node(g, "ConstantOfShape", 9, "size", "c");
    net_node(g, "Relu", 13, "c", "y");
    net_output(g, "y");
    ck_assert_int_eq(inn_fold_constants(g, &err), INN_OK);
    ck_assert_int_eq(g->n_nodes, 2);
    ck_assert_ptr_nonnull(value("size")->init);
}
END_TEST

/* 64 MiB out of 24 bytes; out of a quarter of that they are worth keeping. */
START_TEST(constants_out_of_proportion_are_left_to_the_runtime)
{
    inn_graph_free(g);
    inn_heap_free(heap);
    heap_of((size_t)512 << 20);
    net_init(g, "size", INN_I64, 1, DIMS(3), (int64_t[]){4, 2048, 2048});
    net_init(g, "w", INN_F32, 2, DIMS(2048, 2048), NULL);
    net_node(g, "ConstantOfShape", 9, "size", "c");
    net_node(g, "Relu", 13, "c", "y");
    net_node(g, "Concat", 13, "w w w w", "d");
    net_int(g, g->n_nodes - 1, "axis", 0);
    net_node(g, "Relu", 13, "d", "z");
    net_output(g, "y");
    net_output(g, "z");
    ck_assert_int_eq(inn_fold_constants(g, &err), INN_OK);
    ck_assert_ptr_null(value("c")->init);
    ck_assert_ptr_nonnull(value("d")->init);
    ck_assert_int_eq(count_type("ConstantOfShape"), 1);
    ck_assert_int_eq(count_type("Concat"), 0);
}
END_TEST

START_TEST(contradiction_among_constants_is_an_error)
{
    net_init(g, "a", INN_F32, 2, DIMS(2, 3), NULL);
    net_init(g, "to", INN_I64, 1, DIMS(1), (int64_t[]){7});
    net_node(g, "Reshape", 13, "a to", "y");
    net_output(g, "y");
    ck_assert_int_eq(inn_fold_constants(g, &err), INN_ERR_FORMAT);
    ck_assert_int_eq(inn_fold_constants(g, NULL), INN_ERR_FORMAT);
}
END_TEST

static void add_everything(void)
{
    int node;

    net_init(g, "h", INN_F16, 2, DIMS(40, 60), NULL);
    node = net_node(g, "Cast", 13, "h", "f");
    net_int(g, node, "to", INN_F32);
    net_node(g, "Transpose", 13, "f", "t");
    net_input(g, "x", INN_F32, 2, DIMS(1, 60), NULL);
    net_node(g, "MatMul", 13, "x t", "m");
    random_init("w", 2, DIMS(40, 4));
    net_node(g, "Gemm", 13, "m w", "c");
    add_bn("p", 4, "c", "d");
    net_node(g, "Sigmoid", 13, "p_shift", "o");
    net_output(g, "o");
    net_output(g, "d");
}

START_TEST(any_allocation_may_fail)
{
    struct starve s;

    inn_graph_free(g);
    g = NULL;
    s = starve(heap, 4, 1000);
    while (starving(&s)) {
        starve_later(&s);
        ck_assert_int_eq(inn_graph_new(&g, heap, NULL), INN_OK);
        add_everything();
        starve_now(&s);
        s.st = inn_fold_constants(g, s.err);
        if (s.st == INN_OK)
            s.st = inn_fold_batchnorm(g, &stats, &n_stats, s.err);
        if (s.st == INN_OK) {
            ck_assert_int_eq(n_stats, 1);
            ck_assert_int_eq(g->n_nodes, 3);
        }
        inn_graph_free(g);
        g = NULL;
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("fold");
    TCase *t = tcase_create("fold");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, conv_without_bias_gets_one_in_the_place_of_the_shift);
    tcase_add_test(t, factors_are_computed_in_double_and_rounded_once);
    tcase_add_test(t, shift_with_other_readers_leaves_the_bias_a_fresh_name);
    tcase_add_test(t, shared_vectors_and_biases_are_read_but_not_changed);
    tcase_add_test(t, grouped_convolution_folds);
    tcase_add_test(t, two_batch_norms_in_a_row_both_fold);
    tcase_add_test(t, gemm_folds_with_its_weight_either_way_round);
    tcase_add_test(t, gemm_with_scalar_bias_gets_one_for_each_output);
    tcase_add_test(t, transposed_convolution_scales_axis_1_of_its_groups);
    tcase_add_test(t, constant_graph_nodes_give_way_to_initializers);
    tcase_add_test(t, unfoldable_batch_norms_stay);
    tcase_add_test(t, half_precision_that_would_overflow_stays);
    tcase_add_test(t, computed_constants_become_initializers);
    tcase_add_test(t, identity_and_widening_casts_of_weights_stay);
    tcase_add_test(t, kept_casts_whose_readers_were_folded_go_with_them);
    tcase_add_test(t, outputs_of_the_network_keep_their_graph_node);
    tcase_add_test(t, constants_of_terabytes_are_left_to_the_runtime);
    tcase_add_test(t, constants_out_of_proportion_are_left_to_the_runtime);
    tcase_add_test(t, contradiction_among_constants_is_an_error);
    tcase_add_test(t, any_allocation_may_fail);
    suite_add_tcase(s, t);
    return run_suite(s);
}
