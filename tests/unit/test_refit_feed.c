/* Sizes that drawn inputs have, and what they are good for. */
#include <check.h>
#include <string.h>

#include "runtime/drawn/refit_feed.h"
#include "tests/unit/net.h"
#include "tests/unit/starve.h"
#include "tests/unit/suite.h"

#define SHAPE(...) (const int64_t[]){__VA_ARGS__}

static struct inn_heap *heap;
static struct inn_arena arena;
static struct inn_model model;

/* Two convolutions of pictures whose sides are open, or of 32 x 32. */
static void build(int64_t side)
{
    struct inn_graph *g;

    ck_assert_int_eq(inn_graph_new(&g, heap, NULL), INN_OK);
    net_input(g, "x", INN_F32, 4, SHAPE(-1, 3, side, side), NULL);
    net_init(g, "v", INN_F32, 4, SHAPE(2, 3, 1, 1), NULL);
    net_init(g, "w", INN_F32, 4, SHAPE(2, 2, 1, 1), NULL);
    net_node(g, "Conv", 11, "x v", "a");
    net_node(g, "Conv", 11, "a w", "y");
    net_output(g, "y");
    model.heap = heap;
    model.graph = g;
}

static void setup(void)
{
    memset(&model, 0, sizeof(model));
    heap = inn_heap_new(0);
    inn_arena_init(&arena, heap);
}

static void teardown(void)
{
    inn_graph_free(model.graph);
    inn_arena_free(&arena);
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}

/* The side that is drawn where the file has the pictures at side. */
static int64_t drawn_side(int64_t side)
{
    struct inn_binding one = {"x", 4, {1, 3, side, side}}, *found;
    int n;

    model.bindings = &one;
    model.n_bindings = 1;
    ck_assert_int_eq(inn_drawn_sizes(&found, &n, &model, model.graph, &arena,
                                     NULL), INN_OK);
    ck_assert_int_eq(n, 1);
    ck_assert_int_eq(found->dims[2], found->dims[3]);
    return found->dims[2];
}

START_TEST(open_sides_are_small_unless_somebody_gave_them)
{
    build(-1);
    ck_assert_int_eq(drawn_side(INN_DEFAULT_SPATIAL), INN_DRAWN_SPATIAL);
    ck_assert_int_eq(drawn_side(48), 48);
}
END_TEST

START_TEST(fixed_sides_stay)
{
    build(32);
    ck_assert_int_eq(drawn_side(32), 32);
}
END_TEST

START_TEST(every_failing_request_is_reported)
{
    struct inn_binding one = {"x", 4, {1, 3, 224, 224}}, *found;
    struct inn_arena own;
    struct starve s;
    int n;

    build(-1);
    model.bindings = &one;
    model.n_bindings = 1;
    s = starve(heap, 4, 400);
    while (starving(&s)) {
        inn_arena_init(&own, heap);
        s.st = inn_drawn_sizes(&found, &n, &model, model.graph, &own, s.err);
        inn_arena_free(&own);
    }
}
END_TEST

static enum inn_drawn_use use(void)
{
    enum inn_drawn_use found;

    ck_assert_int_eq(inn_drawn_use(&found, &model, model.graph, 2, NULL),
                     INN_OK);
    return found;
}

START_TEST(statistics_of_all_convolutions_are_what_a_refit_goes_by)
{
    struct inn_bn_stats stats[] = {{.value = "y"}, {.value = "a"}};
    float variance[] = {1.0f, 2.0f};
    int i;

    build(32);
    model.stats = stats;
    for (i = 0; i < 2; i++) {
        ck_assert_int_eq(inn_tensor_init(&stats[i].variance, INN_F32, 1,
                                         SHAPE(2), NULL), INN_OK);
        stats[i].variance.data = variance;
    }
    ck_assert_int_eq(use(), INN_DRAWN_USELESS);
    model.n_stats = 1; /* of one of two convolutions */
    ck_assert_int_eq(use(), INN_DRAWN_USELESS);
    model.n_stats = 2;
    ck_assert_int_eq(use(), INN_DRAWN_STANDARDISED);
    variance[1] = variance[0]; /* a placeholder */
    ck_assert_int_eq(use(), INN_DRAWN_USELESS);
}
END_TEST

/* y enlarges x twice. */
static void enlarge(void)
{
    struct inn_graph *g;
    int node;

    ck_assert_int_eq(inn_graph_new(&g, heap, NULL), INN_OK);
    net_input(g, "x", INN_F32, 4, SHAPE(-1, 1, 32, 32), NULL);
    net_init(g, "v", INN_F32, 4, SHAPE(4, 1, 1, 1), NULL);
    net_node(g, "Conv", 11, "x v", "m");
    node = net_node(g, "DepthToSpace", 13, "m", "y");
    net_int(g, node, "blocksize", 2);
    net_output(g, "y");
    model.heap = heap;
    model.graph = g;
}

START_TEST(what_enlarges_was_trained_on_such_pictures)
{
    enlarge();
    ck_assert_int_eq(use(), INN_DRAWN_AS_THEY_ARE);
}
END_TEST

START_TEST(every_failing_request_of_the_judgement_is_reported)
{
    enum inn_drawn_use found;
    struct starve s;

    enlarge();
    s = starve(heap, 10, 2000);
    while (starving(&s))
        s.st = inn_drawn_use(&found, &model, model.graph, 1, s.err);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("refit_feed");
    TCase *tc = tcase_create("feed");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, open_sides_are_small_unless_somebody_gave_them);
    tcase_add_test(tc, fixed_sides_stay);
    tcase_add_test(tc, every_failing_request_is_reported);
    tcase_add_test(
        tc, statistics_of_all_convolutions_are_what_a_refit_goes_by);
    tcase_add_test(tc, what_enlarges_was_trained_on_such_pictures);
    tcase_add_test(tc, every_failing_request_of_the_judgement_is_reported);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
