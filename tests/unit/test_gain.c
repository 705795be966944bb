/* The gain that is tried: what it comes to, and what can't be tried. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "converter/convert.h"
#include "converter/moments/gain.h"
#include "runtime/base/random.h"
#include "runtime/drawn/inputs.h"
#include "runtime/graph/onnx.h"
#include "runtime/grid/moments.h"
#include "tests/unit/net.h"
#include "tests/unit/starve.h"
#include "tests/unit/suite.h"

#define SHAPE(...) (const int64_t[]){__VA_ARGS__}
#define CHANNELS 4

static struct inn_heap *heap;
static struct inn_model *model;
static struct inn_feed feed;
static struct inn_arena arena;

static void add_weight(struct inn_graph *g, const char *name, int64_t outputs,
                       int64_t inputs, uint64_t *state)
{
    float w[CHANNELS * CHANNELS * 9];
    int64_t i;

    for (i = 0; i < outputs * inputs * 9; i++)
        w[i] = (float)(2 * inn_random_unit(state) - 1);
    net_init(g, name, INN_F32, 4, SHAPE(outputs, inputs, 3, 3), w);
}

/* y enlarges x twice, by layers convolutions before the last. */
static struct inn_graph *build(int layers)
{
    static const float bias[CHANNELS];
    struct inn_graph *g;
    char in[16] = "x", out[16], mid[16], w[16], b[16], text[64];
    uint64_t state = 7;
    int i, node;

    ck_assert_int_eq(inn_graph_new(&g, heap, NULL), INN_OK);
    net_opset(g, 14);
    net_input(g, "x", INN_F32, 4, SHAPE(1, 1, 24, 24), NULL);
    for (i = 0; i <= layers; i++) {
        int64_t outputs = i < layers ? CHANNELS : 4;

        snprintf(w, sizeof(w), "w%d", i);
        snprintf(b, sizeof(b), "b%d", i);
        snprintf(mid, sizeof(mid), "m%d", i);
        snprintf(out, sizeof(out), "a%d", i);
        snprintf(text, sizeof(text), "%s %s %s", in, w, b);
        add_weight(g, w, outputs, i == 0 ? 1 : CHANNELS, &state);
        net_init(g, b, INN_F32, 1, &outputs, bias);
        node = net_node(g, "Conv", 11, text, mid);
        ck_assert_int_eq(inn_node_set_ints(g, &g->nodes[node], "pads",
                                           SHAPE(1, 1, 1, 1), 4, NULL),
                         INN_OK);
        net_node(g, i < layers ? "Relu" : "Identity", 14, mid, out);
        snprintf(in, sizeof(in), "%s", out);
    }
    node = net_node(g, "DepthToSpace", 13, in, "y");
    net_int(g, node, "blocksize", 2);
    net_output(g, "y");
    return g;
}

/* Converted as inn-convert would; the feed is what it was converted with. */
static void convert(int layers)
{
    const struct inn_convert_options o = {
        .order = true, .moments = true, .pictures = 16, .seed = 1,
        .threads = 2};
    const struct inn_drawn_options drawn = {.pictures = 16, .seed = 1,
                                            .threads = 2};
    char path[] = "/tmp/test_gain.XXXXXX", text[INN_DRAWN_TEXT];
    struct inn_convert_report report;
    struct inn_error err = {INN_OK, ""};
    struct inn_graph *g;
    bool pictures;
    int fd;

    heap = inn_heap_new(0);
    g = build(layers);
    fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    ck_assert_int_eq(inn_onnx_write(g, path, true, NULL), INN_OK);
    inn_graph_free(g);
    ck_assert_msg(inn_convert(&model, &report, path, &o, heap, &err) ==
                  INN_OK, "%s", err.message);
    unlink(path);
    inn_arena_init(&arena, heap);
    ck_assert_int_eq(inn_draw_feed(&feed, &pictures, text, model,
                                   model->graph, &drawn, &arena, NULL),
                     INN_OK);
    ck_assert(feed.familiar);
}

static void finish(void)
{
    inn_arena_free(&arena);
    inn_model_free(model);
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}

/* Least squares is best where nothing comes after it. */
START_TEST(right_before_the_output_less_is_given_back)
{
    convert(1);
    ck_assert_int_gt(model->n_moments, 0);
    ck_assert_double_lt(model->extra_gain, 0);
    finish();
}
END_TEST

START_TEST(the_choice_is_the_same_on_any_number_of_threads)
{
    double chosen;

    convert(4);
    chosen = model->extra_gain;
    model->extra_gain = 1;
    ck_assert_int_eq(inn_choose_gain(model, &feed, 1, NULL), INN_OK);
    ck_assert(model->extra_gain == chosen);
    finish();
}
END_TEST

START_TEST(what_cannot_be_tried_keeps_none)
{
    int n_moments;

    convert(1);
    n_moments = model->n_moments;
    if (_i == 0)
        feed.count++; /* more than the items hold */
    else if (_i == 1)
        feed.n = 0;
    else
        model->n_moments = 0;
    ck_assert_int_eq(inn_choose_gain(model, &feed, 2, NULL), INN_OK);
    ck_assert(model->extra_gain == 0);
    model->n_moments = n_moments;
    finish();
}
END_TEST

START_TEST(every_allocation_may_fail)
{
    struct starve s;

    convert(1);
    s = starve(heap, 200, 10000);
    s.apart = 200;
    while (starving(&s))
        s.st = inn_choose_gain(model, &feed, 1, s.err);
    finish();
}
END_TEST

int main(void)
{
    TCase *c = tcase_create("gain");
    Suite *s = suite_create("gain");

    tcase_set_timeout(c, 60);
    tcase_add_test(c, right_before_the_output_less_is_given_back);
    tcase_add_test(c, the_choice_is_the_same_on_any_number_of_threads);
    tcase_add_loop_test(c, what_cannot_be_tried_keeps_none, 0, 3);
    tcase_add_test(c, every_allocation_may_fail);
    suite_add_tcase(s, c);
    return run_suite(s);
}
