/*
 * Who sums over a group's channels, wherever in the product they stand: every
 * form of the same two layers gives its group moments, and the bias of what
 * is lost finds its place.
 */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "converter/convert.h"
#include "converter/moments/consumers.h"
#include "runtime/base/random.h"
#include "runtime/file/container.h"
#include "runtime/graph/onnx.h"
#include "runtime/grid/moments.h"
#include "runtime/grid/sample.h"
#include "tests/unit/net.h"
#include "tests/unit/starve.h"
#include "tests/unit/suite.h"

#define SHAPE(...) (const int64_t[]){__VA_ARGS__}
#define HIDDEN 12

static struct inn_heap *heap;
static struct inn_model *model;

/* Weights [a, b] of one net whatever their place: numbers by (out, in). */
static void weight(struct inn_graph *g, const char *name, int rank,
                   const int64_t *dims, int out, uint64_t seed)
{
    size_t count = 1, step = 1, i;
    float *w;
    int k, in = -1;

    for (k = rank - 1; k >= 0; k--) {
        count *= (size_t)dims[k];
        in = in < 0 && k != out && dims[k] > 1 ? k : in;
    }
    for (k = out + 1; k < rank; k++)
        step *= (size_t)dims[k];
    w = calloc(count, sizeof(*w));
    ck_assert_ptr_nonnull(w);
    for (i = 0; i < count; i++) {
        size_t o = i / step % (size_t)dims[out];
        size_t inner = 1, at;
        uint64_t state;

        for (k = in + 1; k < rank; k++)
            inner *= (size_t)dims[k];
        at = i / inner % (size_t)dims[in];
        state = seed * 1000003 + o * 1009 + at;
        w[i] = (float)(2 * inn_random_unit(&state) - 1);
    }
    net_init(g, name, INN_F32, rank, dims, w);
    free(w);
}

/* A bias [n], or of rank more axes behind or before; all different. */
static void bias(struct inn_graph *g, const char *name, int rank,
                 const int64_t *dims)
{
    float b[64];
    int64_t count = 1, i;
    int k;

    for (k = 0; k < rank; k++)
        count *= dims[k];
    for (i = 0; i < count; i++)
        b[i] = 0.25f * (float)((i * 7) % 5) - 0.5f;
    net_init(g, name, INN_F32, rank, dims, b);
}

enum form { PLAIN, GEMM, SEQUENCE, MAPS, LEFT, GEMM_A, GEMM_LEFT, BATCHED,
            LINE, BOTH, N_FORMS };

static const char *const names[] = {
    "MatMul of [8, 16]", "Gemm", "MatMul of [1, 8, 16]",
    "MatMul of [1, 4, 2, 16]", "weight on the left", "Gemm of a transposed A",
    "Gemm, weight on the left", "a weight for each of a batch",
    "convolution along a line", "one value along two axes"};

/* x → W1, b1 → Relu → W2, b2 → y, in one form or another. */
static struct inn_graph *build(enum form form)
{
    const int64_t H = HIDDEN;
    struct inn_graph *g;
    int node;

    ck_assert_int_eq(inn_graph_new(&g, heap, NULL), INN_OK);
    net_opset(g, 14);
    switch (form) {
    case PLAIN:
    case SEQUENCE:
    case MAPS:
        if (form == PLAIN)
            net_input(g, "x", INN_F32, 2, SHAPE(8, 16), NULL);
        else if (form == SEQUENCE)
            net_input(g, "x", INN_F32, 3, SHAPE(1, 8, 16), NULL);
        else
            net_input(g, "x", INN_F32, 4, SHAPE(1, 4, 2, 16), NULL);
        weight(g, "w1", 2, SHAPE(16, H), 1, 1);
        weight(g, "w2", 2, SHAPE(H, 5), 1, 2);
        bias(g, "b1", 1, SHAPE(H));
        bias(g, "b2", 1, SHAPE(5));
        net_node(g, "MatMul", 13, "x w1", "m1");
        net_node(g, "Add", 14, "m1 b1", "s1");
        net_node(g, "Relu", 14, "s1", "h");
        net_node(g, "MatMul", 13, "h w2", "m2");
        net_node(g, "Add", 14, "b2 m2", "y");
        break;
    case GEMM:
        net_input(g, "x", INN_F32, 2, SHAPE(8, 16), NULL);
        weight(g, "w1", 2, SHAPE(16, H), 1, 1);
        weight(g, "w2", 2, SHAPE(5, H), 0, 2);
        bias(g, "b1", 1, SHAPE(H));
        bias(g, "b2", 1, SHAPE(5));
        net_node(g, "Gemm", 13, "x w1 b1", "s1");
        net_node(g, "Relu", 14, "s1", "h");
        node = net_node(g, "Gemm", 13, "h w2 b2", "y");
        net_int(g, node, "transB", 1);
        break;
    case LEFT:
        net_input(g, "x", INN_F32, 3, SHAPE(1, 16, 8), NULL);
        weight(g, "w1", 2, SHAPE(H, 16), 0, 1);
        weight(g, "w2", 2, SHAPE(5, H), 0, 2);
        bias(g, "b1", 2, SHAPE(H, 1));
        bias(g, "b2", 2, SHAPE(5, 1));
        net_node(g, "MatMul", 13, "w1 x", "m1");
        net_node(g, "Add", 14, "m1 b1", "s1");
        net_node(g, "Relu", 14, "s1", "h");
        net_node(g, "MatMul", 13, "w2 h", "m2");
        net_node(g, "Add", 14, "m2 b2", "y");
        break;
    case GEMM_A:
    case GEMM_LEFT:
        net_input(g, "x", INN_F32, 2, SHAPE(16, 8), NULL);
        weight(g, "w1", 2, SHAPE(H, 16), 0, 1);
        bias(g, "b1", 2, SHAPE(H, 1));
        net_node(g, "Gemm", 13, "w1 x b1", "s1");
        net_node(g, "Relu", 14, "s1", "h");
        if (form == GEMM_A) {
            weight(g, "w2", 2, SHAPE(H, 5), 1, 2);
            bias(g, "b2", 1, SHAPE(5));
            node = net_node(g, "Gemm", 13, "h w2 b2", "y");
            net_int(g, node, "transA", 1);
        } else {
            weight(g, "w2", 2, SHAPE(5, H), 0, 2);
            bias(g, "b2", 2, SHAPE(5, 1));
            net_node(g, "Gemm", 13, "w2 h", "m2");
            net_node(g, "Add", 14, "m2 b2", "y");
        }
        break;
    case BATCHED:
        net_input(g, "x", INN_F32, 3, SHAPE(2, 8, 16), NULL);
        weight(g, "w1", 3, SHAPE(2, 16, H), 2, 1);
        weight(g, "w2", 3, SHAPE(2, H, 5), 2, 2);
        net_node(g, "MatMul", 13, "x w1", "m1");
        net_node(g, "Relu", 14, "m1", "h");
        net_node(g, "MatMul", 13, "h w2", "y");
        break;
    case LINE:
        net_input(g, "x", INN_F32, 3, SHAPE(1, 16, 8), NULL);
        weight(g, "w1", 3, SHAPE(H, 16, 1), 0, 1);
        weight(g, "w2", 3, SHAPE(5, H, 3), 0, 2);
        bias(g, "b1", 1, SHAPE(H));
        bias(g, "b2", 1, SHAPE(5));
        net_node(g, "Conv", 11, "x w1 b1", "s1");
        net_node(g, "Relu", 14, "s1", "h");
        net_node(g, "Conv", 11, "h w2 b2", "y");
        break;
    case BOTH:
    case N_FORMS:
        net_input(g, "x", INN_F32, 3, SHAPE(1, 16, 8), NULL);
        weight(g, "w1", 2, SHAPE(8, H), 1, 1);
        weight(g, "w3", 2, SHAPE(9, 16), 0, 3);
        weight(g, "w2", 2, SHAPE(H, 5), 1, 2);
        weight(g, "w4", 2, SHAPE(5, 9), 0, 4);
        net_node(g, "MatMul", 13, "x w1", "m1");
        net_node(g, "MatMul", 13, "w3 m1", "m3");
        net_node(g, "Relu", 14, "m3", "h");
        weight(g, "w5", 2, SHAPE(3, 9), 0, 5);
        weight(g, "w6", 2, SHAPE(H, 3), 1, 6);
        net_node(g, "MatMul", 13, "h w2", "m2");
        net_node(g, "MatMul", 13, "w5 m2", "y");
        net_node(g, "MatMul", 13, "w4 h", "m4");
        net_node(g, "MatMul", 13, "m4 w6", "z");
        net_output(g, "z");
        break;
    }
    net_output(g, "y");
    return g;
}

static void convert(struct inn_graph *g, bool moments)
{
    const struct inn_convert_options o = {
        .order = true, .moments = moments, .seed = 1, .pictures = 200,
        .threads = 2};
    char path[] = "/tmp/test_consumers.XXXXXX";
    struct inn_convert_report report;
    struct inn_error err = {INN_OK, ""};
    int fd = mkstemp(path);

    ck_assert_int_ge(fd, 0);
    close(fd);
    ck_assert_int_eq(inn_onnx_write(g, path, true, NULL), INN_OK);
    inn_graph_free(g);
    ck_assert_msg(inn_convert(&model, &report, path, &o, heap, &err) ==
                  INN_OK, "%s", err.message);
    unlink(path);
}

static void begin(enum form form)
{
    heap = inn_heap_new(0);
    convert(build(form), true);
}

static void finish(void)
{
    inn_model_free(model);
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}

/* A model with its hidden group half as wide. */
static struct inn_graph *half_of(const struct inn_model *m,
                                 enum inn_partition partition,
                                 enum inn_quadrature quadrature)
{
    int64_t widths[4];
    struct inn_plan plan = {.widths = widths, .n_groups = m->n_groups,
                            .partition = partition,
                            .quadrature = quadrature};
    struct inn_error err = {INN_OK, ""};
    struct inn_graph *g;
    int i;

    for (i = 0; i < m->n_groups; i++)
        widths[i] = (m->groups[i].size + 1) / 2;
    ck_assert_msg(inn_model_sample(&g, m, &plan, 1, &err) == INN_OK,
                  "%s", err.message);
    return g;
}

static struct inn_graph *half(void)
{
    return half_of(model, INN_PARTITION_MOMENTS, INN_QUAD_MOMENTS);
}

static const struct inn_tensor *init(const struct inn_graph *g,
                                     const char *name)
{
    int v = inn_graph_find(g, name);

    ck_assert_int_ge(v, 0);
    return g->values[v].init;
}

START_TEST(any_axis_that_is_summed_counts)
{
    int g, groups = _i == BOTH ? 2 : 1, consumers = _i == BOTH ? 4 : 1;

    begin((enum form)_i);
    ck_assert_msg(model->n_groups == groups, "%s: %d groups", names[_i],
                  model->n_groups);
    for (g = 0; g < groups; g++)
        ck_assert_msg(model->groups[g].nested != NULL,
                      "%s: a group has no moments", names[_i]);
    ck_assert_msg(model->n_consumers == consumers, "%s: %d consumers",
                  names[_i], model->n_consumers);
    finish();
}
END_TEST

/* On the same inputs, the same layers: however they are written. */
START_TEST(the_bias_of_a_product_goes_where_a_constant_is_added)
{
    static const enum form forms[] = {GEMM, PLAIN, SEQUENCE, MAPS, LEFT,
                                      GEMM_A, GEMM_LEFT, LINE};
    struct inn_graph *g;
    const struct inn_tensor *is;
    double moved = 0;
    int i;

    begin(forms[_i]);
    ck_assert(model->consumers[0].bias >= 0 ||
              model->consumers[0].add_axis > 0);
    g = half();
    is = init(g, "b2");
    ck_assert_uint_eq(inn_tensor_count(is), 5);
    for (i = 0; i < 5; i++) {
        float before = 0.25f * (float)((i * 7) % 5) - 0.5f;

        moved += fabs((double)(((const float *)is->data)[i] - before));
    }
    inn_graph_free(g);
    ck_assert_msg(moved > 1e-3, "%s: the bias hasn't moved",
                  names[forms[_i]]);
    finish();
}
END_TEST

/* Two of them, of one input: what they store and what they get. */
START_TEST(a_product_and_an_addition_are_a_gemm)
{
    struct inn_graph *one, *other;
    const struct inn_tensor *a, *b;
    int i;

    begin(GEMM);
    one = half();
    inn_model_free(model);
    convert(build(PLAIN), true);
    other = half();
    a = init(one, "b2");
    b = init(other, "b2");
    for (i = 0; i < 5; i++)
        ck_assert_double_eq_tol((double)((const float *)a->data)[i],
                                (double)((const float *)b->data)[i], 1e-5);
    inn_graph_free(one);
    inn_graph_free(other);
    finish();
}
END_TEST

/* Of one number, for every output; and what two products add. */
START_TEST(a_constant_that_others_add_too_is_left_to_them)
{
    struct inn_graph *g, *sampled;
    const struct inn_node *add;
    int k, shared = 0;
    float zero = 0.5f;

    heap = inn_heap_new(0);
    g = build(SEQUENCE);
    g->values[inn_graph_find(g, "b2")].init = NULL;
    net_init(g, "c", INN_F32, 0, NULL, &zero);
    for (k = 0; k < g->n_nodes; k++) {
        if (g->nodes[k].inputs[0] == inn_graph_find(g, "b2"))
            g->nodes[k].inputs[0] = inn_graph_find(g, "c");
    }
    net_node(g, "Mul", 14, "y c", "z");
    net_output(g, "z");
    convert(g, true);
    ck_assert_int_eq(model->consumers[0].add_axis, 1);
    sampled = half();
    ck_assert_uint_eq(inn_tensor_count(init(sampled, "c")), 1);
    ck_assert_float_eq(*(const float *)init(sampled, "c")->data, 0.5f);
    for (k = 0; k < sampled->n_nodes; k++) {
        add = &sampled->nodes[k];
        if (add->outputs[0] == inn_graph_find(sampled, "y")) {
            const struct inn_tensor *t =
                sampled->values[add->inputs[0]].init;

            ck_assert_int_eq(t->rank, 1);
            ck_assert_int_eq(t->dims[0], 5);
            shared++;
        }
    }
    ck_assert_int_eq(shared, 1);
    inn_graph_free(sampled);
    finish();
}
END_TEST

/* Writes the model and reads it again; NULL with err filled. */
static struct inn_model *through_a_file(struct inn_error *err)
{
    const struct inn_file_options o = {INN_STORE_F32, INN_CODEC_NONE, 1, true,
                                       NULL};
    char path[] = "/tmp/test_consumers.XXXXXX";
    struct inn_model *again = NULL;
    int fd = mkstemp(path);

    ck_assert_int_ge(fd, 0);
    close(fd);
    ck_assert_int_eq(inn_file_write(model, path, &o, NULL, NULL), INN_OK);
    if (inn_file_open(&again, path, false, heap, err) != INN_OK)
        again = NULL;
    unlink(path);
    return again;
}

START_TEST(a_file_keeps_where_the_bias_goes)
{
    struct inn_graph *one, *other;
    struct inn_model *again;
    struct inn_error err;

    begin(SEQUENCE);
    one = half();
    again = through_a_file(&err);
    ck_assert_msg(again != NULL, "%s", err.message);
    other = half_of(again, INN_PARTITION_MOMENTS, INN_QUAD_MOMENTS);
    ck_assert_mem_eq(init(one, "b2")->data, init(other, "b2")->data,
                     5 * sizeof(float));
    inn_graph_free(one);
    inn_graph_free(other);
    inn_model_free(again);
    finish();
}
END_TEST

START_TEST(a_file_with_another_place_is_refused)
{
    static const char *const says[] = {
        "what makes 'y' doesn't read it", "adds a constant of another length",
        "nothing is added to in what makes 'm2'",
        "what makes 's1' doesn't read it"};
    struct inn_consumer *c;
    struct inn_error err;

    begin(SEQUENCE);
    c = &model->consumers[0];
    if (_i == 0)
        c->add_input = 1; /* the product itself */
    else if (_i == 1)
        c->add_axis = 2;
    else if (_i == 2)
        c->add = c->node;
    else
        c->add = model->graph->values[inn_graph_find(model->graph,
                                                     "s1")].producer;
    ck_assert_ptr_null(through_a_file(&err));
    ck_assert_msg(strstr(err.message, says[_i]) != NULL, "%s", err.message);
    finish();
}
END_TEST

/* Where nothing is known: of matrices the largest, of convolutions evenly. */
START_TEST(without_moments_weights_decide)
{
    bool matrices = _i == 0;
    struct inn_graph *want, *weights, *moments;
    size_t bytes;

    heap = inn_heap_new(0);
    convert(build(matrices ? PLAIN : LINE), false);
    want = half_of(model, matrices ? INN_PARTITION_L1 : INN_PARTITION_UNIFORM,
                   INN_QUAD_GAUSS);
    weights = half_of(model, INN_PARTITION_WEIGHTS, INN_QUAD_GAUSS);
    moments = half();
    bytes = init(want, "w2")->bytes;
    ck_assert_mem_eq(init(want, "w2")->data, init(weights, "w2")->data, bytes);
    ck_assert_mem_eq(init(want, "w2")->data, init(moments, "w2")->data, bytes);
    inn_graph_free(want);
    inn_graph_free(weights);
    inn_graph_free(moments);
    finish();
}
END_TEST

START_TEST(every_allocation_may_fail)
{
    struct inn_readers readers;
    struct inn_arena arena;
    struct starve s;

    begin(LEFT);
    s = starve(heap, 5, 4000);
    while (starving(&s)) {
        inn_arena_init(&arena, heap);
        s.st = inn_find_readers(&readers, model, &arena, s.err);
        inn_arena_free(&arena);
    }
    finish();
}
END_TEST

int main(void)
{
    TCase *c = tcase_create("consumers");
    Suite *s = suite_create("consumers");

    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, any_axis_that_is_summed_counts, 0, N_FORMS);
    tcase_add_loop_test(c, the_bias_of_a_product_goes_where_a_constant_is_added,
                        0, 8);
    tcase_add_test(c, a_product_and_an_addition_are_a_gemm);
    tcase_add_test(c, a_constant_that_others_add_too_is_left_to_them);
    tcase_add_test(c, a_file_keeps_where_the_bias_goes);
    tcase_add_loop_test(c, a_file_with_another_place_is_refused, 0, 4);
    tcase_add_loop_test(c, without_moments_weights_decide, 0, 2);
    tcase_add_test(c, every_allocation_may_fail);
    suite_add_tcase(s, c);
    return run_suite(s);
}
