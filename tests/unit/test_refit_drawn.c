/*
 * A small residual network, converted, cut and refitted on drawn pictures to
 * what its BatchNormalizations had in training.
 */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "converter/convert.h"
#include "runtime/base/random.h"
#include "runtime/drawn/refit_feed.h"
#include "runtime/exec/session.h"
#include "runtime/graph/onnx.h"
#include "runtime/grid/sample.h"
#include "runtime/refit/refit.h"
#include "tests/unit/net.h"
#include "tests/unit/suite.h"

#define SHAPE(...) (const int64_t[]){__VA_ARGS__}
#define CHANNELS 16
#define LIVING 12 /* of a block's inner channels */
#define SIDE 16
#define PICTURES 24

static struct inn_heap *heap;
static struct inn_model *model;
static struct inn_graph *full;
static struct inn_plan plan;
static struct inn_feed feed;
static struct inn_arena arena;

static void vector(struct inn_graph *g, const char *what, int layer,
                   double low, double high, uint64_t *state)
{
    float x[CHANNELS];
    char name[16];
    int i;

    snprintf(name, sizeof(name), "%s%d", what, layer);
    for (i = 0; i < CHANNELS; i++)
        x[i] = (float)(low + (high - low) * inn_random_unit(state));
    /* What follows the inner convolution of a block never sees these. */
    for (i = LIVING; i < CHANNELS && layer == 1; i++)
        x[i] = what[0] == 'h' ? -1.0f : what[0] == 's' ? 1e-6f : x[i];
    net_init(g, name, INN_F32, 1, SHAPE(CHANNELS), x);
}

/* y = Relu? (BatchNormalization (Conv x)). */
static void layer(struct inn_graph *g, int i, int64_t inputs, const char *x,
                  const char *y, uint64_t *state)
{
    float w[CHANNELS * CHANNELS * 9];
    char text[96], mid[16], name[16];
    int64_t k, n = CHANNELS * inputs * 9;
    int node;

    for (k = 0; k < n; k++)
        w[k] = (float)((2 * inn_random_unit(state) - 1) /
                       sqrt((double)inputs * 3.0));
    snprintf(name, sizeof(name), "w%d", i);
    net_init(g, name, INN_F32, 4, SHAPE(CHANNELS, inputs, 3, 3), w);
    vector(g, "s", i, 0.5, 1.0, state);
    vector(g, "h", i, -0.3, 0.3, state);
    vector(g, "m", i, -0.2, 0.2, state);
    vector(g, "v", i, 0.5, 1.5, state);
    snprintf(mid, sizeof(mid), "c%d", i);
    snprintf(text, sizeof(text), "%s w%d", x, i);
    node = net_node(g, "Conv", 11, text, mid);
    ck_assert_int_eq(inn_node_set_ints(g, &g->nodes[node], "pads",
                                       SHAPE(1, 1, 1, 1), 4, NULL), INN_OK);
    snprintf(text, sizeof(text), "%s s%d h%d m%d v%d", mid, i, i, i, i);
    net_node(g, "BatchNormalization", 9, text, y);
}

static struct inn_graph *build(void)
{
    float w[10 * CHANNELS];
    struct inn_graph *g;
    uint64_t state = 7;
    int i;

    ck_assert_int_eq(inn_graph_new(&g, heap, NULL), INN_OK);
    net_opset(g, 14);
    net_input(g, "x", INN_F32, 4, SHAPE(1, 3, SIDE, SIDE), NULL);
    layer(g, 0, 3, "x", "n0", &state);
    net_node(g, "Relu", 14, "n0", "r0");
    layer(g, 1, CHANNELS, "r0", "n1", &state);
    net_node(g, "Relu", 14, "n1", "r1");
    layer(g, 2, CHANNELS, "r1", "n2", &state);
    net_node(g, "Add", 14, "n2 r0", "sum");
    net_node(g, "Relu", 14, "sum", "r2");
    net_node(g, "GlobalAveragePool", 1, "r2", "pool");
    net_node(g, "Flatten", 13, "pool", "flat");
    for (i = 0; i < 10 * CHANNELS; i++)
        w[i] = (float)(2 * inn_random_unit(&state) - 1);
    net_init(g, "fc", INN_F32, 2, SHAPE(CHANNELS, 10), w);
    net_node(g, "MatMul", 13, "flat fc", "y");
    net_output(g, "y");
    return g;
}

static const struct inn_drawn_options drawn = {.pictures = PICTURES,
                                               .seed = 1, .threads = 2};

static void setup(void)
{
    const struct inn_convert_options o = {
        .order = true, .moments = true, .pictures = PICTURES, .seed = 1,
        .threads = 2};
    char path[] = "/tmp/test_refit.XXXXXX", text[INN_DRAWN_TEXT];
    struct inn_convert_report report;
    struct inn_error err = {INN_OK, ""};
    struct inn_graph *g;
    int fd;

    heap = inn_heap_new(0);
    g = build();
    fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    ck_assert_int_eq(inn_onnx_write(g, path, true, NULL), INN_OK);
    inn_graph_free(g);
    ck_assert_msg(inn_convert(&model, &report, path, &o, heap, &err) ==
                  INN_OK, "%s", err.message);
    unlink(path);
    ck_assert_int_eq(model->n_stats, 3);
    inn_arena_init(&arena, heap);
    ck_assert_int_eq(inn_plan_full(&plan, model, NULL), INN_OK);
    ck_assert_int_eq(inn_model_sample(&full, model, &plan, 2, NULL), INN_OK);
    plan.partition = INN_PARTITION_MOMENTS;
    plan.quadrature = INN_QUAD_MOMENTS;
    ck_assert_int_eq(inn_draw_again(&feed, text, model, full, &drawn, &arena,
                                    NULL), INN_OK);
}

static void teardown(void)
{
    inn_plan_free(&plan);
    inn_graph_free(full);
    inn_arena_free(&arena);
    inn_model_free(model);
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}

/* What value v's layer has for weights. */
static struct inn_tensor *weight_of(const struct inn_graph *g, const char *v)
{
    int at = inn_graph_find(g, v);

    ck_assert_int_ge(at, 0);
    at = g->nodes[g->values[at].producer].inputs[1];
    return g->values[at].init;
}

/* Sampled with all groups at width. */
static struct inn_graph *sample(int64_t width)
{
    struct inn_graph *cut;
    int g;

    for (g = 0; g < model->n_groups; g++)
        plan.widths[g] = width;
    ck_assert_int_eq(inn_model_sample(&cut, model, &plan, 2, NULL), INN_OK);
    return cut;
}

static void refit(struct inn_graph *cut, int threads,
                  const struct inn_refit_settings *settings)
{
    const struct inn_refit_options o = {
        .feed = &feed, .standardise = true, .settings = settings,
        .threads = threads};
    struct inn_error err = {INN_OK, ""};
    struct inn_refit_report report;

    ck_assert_msg(inn_refit(cut, full, model, &plan, &o, &report, &err) ==
                  INN_OK, "%s", err.message);
}

START_TEST(what_is_drawn_again_is_what_conversion_drew)
{
    struct inn_graph *unfolded = build();
    char text[INN_DRAWN_TEXT];
    struct inn_feed first;
    enum inn_drawn_use use;
    bool pictures;

    ck_assert_int_eq(inn_draw_feed(&first, &pictures, text, model, unfolded,
                                   &drawn, &arena, NULL), INN_OK);
    ck_assert(pictures);
    ck_assert_int_eq(feed.count, first.count);
    ck_assert_uint_eq(feed.items[0].bytes, first.items[0].bytes);
    ck_assert_mem_eq(feed.items[0].data, first.items[0].data,
                     first.items[0].bytes);
    ck_assert_int_eq(inn_drawn_use(&use, model, full, 1, NULL), INN_OK);
    ck_assert_int_eq(use, INN_DRAWN_STANDARDISED);
    inn_graph_free(unfolded);
}
END_TEST

START_TEST(drawn_refits_have_the_same_bits_on_any_number_of_threads)
{
    struct inn_graph *before = sample(LIVING), *one = sample(LIVING);
    struct inn_graph *more;
    int v, changed = 0;

    refit(one, 1, NULL);
    for (v = 0; v < one->n_values; v++) {
        const struct inn_tensor *a = one->values[v].init;

        if (a != NULL && a->bytes != 0 &&
            memcmp(a->data, before->values[v].init->data, a->bytes) != 0)
            changed++;
    }
    ck_assert_int_ge(changed, 2);
    more = sample(LIVING);
    refit(more, 2 + _i, NULL);
    for (v = 0; v < one->n_values; v++) {
        const struct inn_tensor *a = one->values[v].init;

        if (a != NULL && a->bytes != 0)
            ck_assert_mem_eq(a->data, more->values[v].init->data, a->bytes);
    }
    inn_graph_free(before);
    inn_graph_free(one);
    inn_graph_free(more);
}
END_TEST

/* Deviation of b from a, over a's. */
static double distance(const struct inn_tensor *a, const struct inn_tensor *b)
{
    const float *x = a->data, *y = b->data;
    double sum = 0.0, off = 0.0;
    size_t i, n = inn_tensor_count(a);

    ck_assert_uint_eq(inn_tensor_count(b), n);
    for (i = 0; i < n; i++) {
        sum += (double)x[i] * (double)x[i];
        off += ((double)x[i] - (double)y[i]) * ((double)x[i] - (double)y[i]);
    }
    return sqrt(off / sum);
}

/* The largest distance of outputs over the samples as they were drawn. */
static double compare(const struct inn_graph *cut)
{
    const struct inn_session_options o = {.threads = 1};
    const struct inn_tensor *want, *have;
    struct inn_session *a, *b;
    struct inn_tensor x;
    double most = 0.0, d;
    int64_t i;

    ck_assert_int_eq(inn_session_new(&a, full, &o, NULL), INN_OK);
    ck_assert_int_eq(inn_session_new(&b, cut, &o, NULL), INN_OK);
    for (i = 0; i < feed.count; i++) {
        ck_assert_int_eq(inn_tensor_init(&x, INN_F32, 4,
                                         SHAPE(1, 3, SIDE, SIDE), NULL),
                         INN_OK);
        x.data = (char *)feed.items[0].data + (size_t)i * x.bytes;
        ck_assert_int_eq(inn_session_run(a, &want, &x, 1, NULL), INN_OK);
        ck_assert_int_eq(inn_session_run(b, &have, &x, 1, NULL), INN_OK);
        d = distance(want, have);
        most = d > most ? d : most;
    }
    inn_session_free(a);
    inn_session_free(b);
    return most;
}

static void spoil(struct inn_tensor *t)
{
    uint64_t state = 3;
    float *x = t->data;
    size_t i;

    for (i = 0; i < inn_tensor_count(t); i++)
        x[i] += (float)(0.2 * (inn_random_unit(&state) - 0.5));
}

/*
 * Four inner channels are dead: nothing is lost without them. The maps that
 * standardise are no part of the network, so what was spoilt comes back.
 */
START_TEST(what_standardised_samples_tell_holds_for_others)
{
    const struct inn_refit_settings settings = {
        .ridge = 1e-7, .per_row = 0.0, .floor = 0.0, .rows = 1000,
        .rounds = 1};
    struct inn_graph *cut;
    int g, inner = 0;

    for (g = 0; g < model->n_groups; g++) {
        plan.widths[g] = model->groups[g].size;
        ck_assert_int_eq(plan.widths[g], CHANNELS);
        ck_assert_ptr_nonnull(model->groups[g].nested_error);
        if (model->groups[g].nested_error[LIVING - 1] <
            model->groups[inner].nested_error[LIVING - 1])
            inner = g;
    }
    plan.widths[inner] = LIVING;
    ck_assert_int_eq(inn_model_sample(&cut, model, &plan, 2, NULL), INN_OK);
    ck_assert_double_le(compare(cut), 1e-4);
    spoil(weight_of(cut, "n1"));
    spoil(weight_of(cut, "n2"));
    ck_assert_double_ge(compare(cut), 0.05);
    refit(cut, 2, &settings);
    ck_assert_double_le(compare(cut), 1e-3);
    inn_graph_free(cut);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("refit_drawn");
    TCase *tc = tcase_create("drawn");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, what_is_drawn_again_is_what_conversion_drew);
    tcase_add_loop_test(
        tc, drawn_refits_have_the_same_bits_on_any_number_of_threads, 0, 2);
    tcase_add_test(tc, what_standardised_samples_tell_holds_for_others);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
