/*
 * What drawn pictures show of a network under each preparation: by
 * statistics, by pictures that come out, by scores, and by outputs that are
 * no numbers.
 */
#include <check.h>
#include <math.h>
#include <string.h>

#include "converter/moments/judge.h"
#include "runtime/base/error.h"
#include "runtime/pictures/presets.h"
#include "tests/unit/net.h"
#include "tests/unit/starve.h"
#include "tests/unit/suite.h"

#define SHAPE(...) (const int64_t[]){__VA_ARGS__}
#define SIDE 24

static struct inn_heap *heap;
static struct inn_model model;
static struct inn_graph *g;
static struct inn_shapes shapes;
static struct inn_judgement judgement;

static int preset(const char *name)
{
    int k;

    for (k = 0; k < INN_N_PRESETS; k++) {
        if (strcmp(inn_presets[k].name, name) == 0)
            return k;
    }
    ck_abort_msg("no preset %s", name);
    return -1;
}

/* x of three channels, and "c": a convolution of n of them, with a bias. */
static void begin(int64_t n, const float *weights, const float *biases)
{
    heap = inn_heap_new(0);
    ck_assert_int_eq(inn_graph_new(&g, heap, NULL), INN_OK);
    net_opset(g, 14);
    net_input(g, "x", INN_F32, 4, SHAPE(1, 3, SIDE, SIDE), NULL);
    net_init(g, "w", INN_F32, 4, SHAPE(n, 3, 1, 1), weights);
    net_init(g, "b", INN_F32, 1, &n, biases);
    net_node(g, "Conv", 11, "x w b", "c");
}

static const float identity[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
static const float nothing[3];

static void end(void)
{
    net_output(g, "y");
    memset(&model, 0, sizeof(model));
    model.heap = heap;
    model.graph = g;
    ck_assert_int_eq(inn_shapes_infer(&shapes, g, NULL, 0, INN_DEFAULT_SPATIAL,
                                      1 << 16, NULL), INN_OK);
}

/* A photograph as torch prepares it has about these moments. */
static void build_statistics(void)
{
    begin(3, identity, nothing);
    net_init(g, "scale", INN_F32, 1, SHAPE(3), (const float[]){1, 1, 1});
    net_init(g, "shift", INN_F32, 1, SHAPE(3), nothing);
    net_init(g, "mean", INN_F32, 1, SHAPE(3), nothing);
    net_init(g, "variance", INN_F32, 1, SHAPE(3),
             (const float[]){1.0f, 1.01f, 0.99f});
    net_node(g, "BatchNormalization", 15, "c scale shift mean variance", "y");
    end();
}

/* What is not from 0 to 1 is cut off, as networks for pictures learn to. */
static void build_pictures(void)
{
    begin(3, identity, nothing);
    net_init(g, "least", INN_F32, 0, NULL, (const float[]){0});
    net_init(g, "most", INN_F32, 0, NULL, (const float[]){1});
    net_node(g, "Clip", 13, "c least most", "y");
    end();
}

/* Light or dark? Of bytes all are light. */
static void build_scores(void)
{
    begin(2, (const float[]){4, 4, 4, 0, 0, 0}, (const float[]){0, 6});
    net_node(g, "GlobalAveragePool", 1, "c", "p");
    net_node(g, "Flatten", 13, "p", "f");
    net_node(g, "Softmax", 13, "f", "y");
    end();
}

/* No number where a pixel is below 0. */
static void build_root(void)
{
    begin(3, identity, nothing);
    net_node(g, "Sqrt", 13, "c", "y");
    end();
}

static void finish(void)
{
    inn_shapes_free(&shapes);
    inn_graph_free(g);
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}

/* The line of warning under a preset; NULL: nothing is given. */
static const char *warning(const char *name)
{
    static char text[INN_VERDICT_TEXT];

    memset(&model.prep, 0, sizeof(model.prep));
    if (name != NULL)
        ck_assert_int_eq(inn_preset_take(&model.prep, preset(name), 3, "x",
                                         NULL), INN_OK);
    ck_assert_int_eq(inn_judge(&judgement, &model, g, &shapes, 1, 2, NULL),
                     INN_OK);
    ck_assert_int_gt(judgement.n, 0);
    inn_judge_warn(text, &judgement);
    return text;
}

static void warned(const char *name, const char *why, const char *way_out)
{
    const char *text = warning(name);

    ck_assert_msg(strstr(text, why) != NULL && strstr(text, way_out) != NULL,
                  "%s: '%s'", name != NULL ? name : "nothing given", text);
}

START_TEST(statistics_of_batch_normalization_tell)
{
    char text[INN_VERDICT_TEXT];

    build_statistics();
    ck_assert_str_eq(warning("torch"), "");
    warned("none", "BatchNormalization", "--prep torch");
    warned("unit", "BatchNormalization", "--prep torch");
    warned("caffe", "BatchNormalization", "--prep torch");
    warned(NULL, "no preparation is given", "--prep torch");
    ck_assert_int_eq(inn_judge_choose(text, &judgement), preset("torch"));
    finish();
}
END_TEST

START_TEST(pictures_that_come_out_tell)
{
    char text[INN_VERDICT_TEXT];

    build_pictures();
    ck_assert_str_eq(warning("unit"), "");
    ck_assert_str_eq(warning(NULL), "");
    ck_assert_int_eq(inn_judge_choose(text, &judgement), preset("unit"));
    warned("none", "off its input", "--prep unit");
    warned("tf", "off its input", "--prep unit");
    warned("torch", "off its input", "--prep unit");
    finish();
}
END_TEST

START_TEST(scores_tell_bytes_from_numbers_around_one)
{
    build_scores();
    ck_assert_str_eq(warning("unit"), "");
    ck_assert_str_eq(warning("torch"), "");
    warned("none", "the first convolution makes", "--prep ");
    warned(NULL, "the network doesn't tell", "--prep");
    ck_assert(judgement.scores);
    finish();
}
END_TEST

START_TEST(outputs_that_are_no_numbers_tell)
{
    build_root();
    ck_assert_str_eq(warning("unit"), "");
    warned("torch", "NaN or infinities", "--prep ");
    warned("tf", "NaN or infinities", "--prep ");
    finish();
}
END_TEST

static void (*const builds[])(void) = {build_statistics, build_pictures,
                                       build_scores, build_root};

/* Or both don't show. */
static void same(double a, double b)
{
    ck_assert(a == b || (isnan(a) && isnan(b)));
}

START_TEST(the_evidence_is_the_same_on_any_number_of_threads)
{
    struct inn_judgement one;
    int k;

    builds[_i]();
    warning(NULL);
    ck_assert_int_eq(inn_judge(&one, &model, g, &shapes, 1, 1, NULL), INN_OK);
    ck_assert_int_eq(one.n, judgement.n);
    for (k = 0; k < one.n; k++) {
        same(one.items[k].divergence, judgement.items[k].divergence);
        same(one.items[k].drive, judgement.items[k].drive);
        same(one.items[k].variation, judgement.items[k].variation);
        same(one.items[k].entropy, judgement.items[k].entropy);
        same(one.items[k].distance, judgement.items[k].distance);
        ck_assert(one.items[k].broken == judgement.items[k].broken);
    }
    finish();
}
END_TEST

START_TEST(every_allocation_may_fail)
{
    struct starve s;

    builds[_i]();
    s = starve(heap, 20, 5000);
    s.apart = 100;
    while (starving(&s))
        s.st = inn_judge(&judgement, &model, g, &shapes, 1, 1, s.err);
    finish();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("judge");
    TCase *t = tcase_create("judge");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, statistics_of_batch_normalization_tell);
    tcase_add_test(t, pictures_that_come_out_tell);
    tcase_add_test(t, scores_tell_bytes_from_numbers_around_one);
    tcase_add_test(t, outputs_that_are_no_numbers_tell);
    tcase_add_loop_test(t, the_evidence_is_the_same_on_any_number_of_threads,
                        0, 4);
    tcase_add_loop_test(t, every_allocation_may_fail, 0, 4);
    suite_add_tcase(s, t);
    return run_suite(s);
}
