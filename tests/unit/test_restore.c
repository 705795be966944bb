/* Degraded pictures, and which degradation a network shows it undoes. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "runtime/drawn/degrade.h"
#include "runtime/drawn/inputs.h"
#include "tests/unit/net.h"
#include "tests/unit/starve.h"
#include "tests/unit/suite.h"

#define SHAPE(...) (const int64_t[]){__VA_ARGS__}
#define SIDE 48
#define COUNT 6

static const struct inn_degradation
    as_drawn = {INN_DEGRADE_NOT, 0, {0}},
    shrunk = {INN_DEGRADE_SHRINK, 1, {3}},
    enlarged = {INN_DEGRADE_ENLARGE, 2, {2, 4}},
    noisy = {INN_DEGRADE_NOISE, 1, {25}};

static float *draw(const struct inn_degradation *d, int threads,
                   struct inn_heap *heap)
{
    float *x = inn_alloc(heap, COUNT * SIDE * SIDE, sizeof(*x), NULL);

    ck_assert_int_eq(inn_degrade_pictures(x, d, COUNT, 1, SIDE, SIDE, 5,
                                          threads, heap, NULL), INN_OK);
    return x;
}

/* Mean square difference of neighbours in a row of picture k. */
static double roughness(const float *x, size_t k)
{
    const float *p = x + k * SIDE * SIDE;
    double sum = 0;
    size_t i;

    for (i = 0; i < SIDE * SIDE; i++) {
        if (i % SIDE != 0)
            sum += (double)((p[i] - p[i - 1]) * (p[i] - p[i - 1]));
    }
    return sum / (SIDE * (SIDE - 1));
}

START_TEST(degraded_pictures_are_the_same_on_any_number_of_threads)
{
    const struct inn_degradation *const all[] = {&as_drawn, &shrunk,
                                                 &enlarged, &noisy};
    struct inn_heap *heap = inn_heap_new(0);
    float *one = draw(all[_i], 1, heap), *two = draw(all[_i], 2, heap);

    ck_assert_mem_eq(one, two, COUNT * SIDE * SIDE * sizeof(*one));
    inn_free(heap, one);
    inn_free(heap, two);
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}
END_TEST

START_TEST(enlarged_pictures_are_smoother_the_more_so_the_more)
{
    struct inn_heap *heap = inn_heap_new(0);
    float *sharp = draw(&as_drawn, 2, heap), *soft = draw(&enlarged, 2, heap);
    double twice = 0, four = 0;
    size_t k;

    for (k = 0; k < COUNT; k++) {
        double left = roughness(soft, k) / roughness(sharp, k);

        ck_assert_double_lt(left, 1);
        if (k % 2 == 0)
            twice += left;
        else
            four += left;
    }
    ck_assert_double_lt(four, twice);
    inn_free(heap, sharp);
    inn_free(heap, soft);
    inn_heap_free(heap);
}
END_TEST

START_TEST(noise_has_the_deviation_that_was_asked_for)
{
    struct inn_heap *heap = inn_heap_new(0);
    float *clean = draw(&as_drawn, 2, heap), *x = draw(&noisy, 2, heap);
    double sum = 0, want = 25 * (INN_WHITE - INN_BLACK) / 255;
    size_t i, n = 0;

    for (i = 0; i < COUNT * SIDE * SIDE; i++) {
        double d = (double)x[i] - (double)clean[i];

        if ((double)clean[i] < INN_BLACK || (double)clean[i] > INN_WHITE)
            continue;
        sum += d * d;
        n++;
    }
    ck_assert_double_eq_tol(sqrt(sum / (double)n), want, 0.03 * want);
    inn_free(heap, clean);
    inn_free(heap, x);
    inn_heap_free(heap);
}
END_TEST

START_TEST(degrading_survives_a_failure_of_every_allocation)
{
    const struct inn_degradation *const all[] = {&shrunk, &enlarged};
    struct inn_heap *heap = inn_heap_new(0);
    float *x = inn_alloc(heap, COUNT * SIDE * SIDE, sizeof(*x), NULL);
    struct starve s = starve(heap, COUNT, 1000);

    while (starving(&s))
        s.st = inn_degrade_pictures(x, all[_i], COUNT, 1, SIDE, SIDE, 5, 1,
                                    heap, s.err);
    inn_free(heap, x);
    inn_heap_free(heap);
}
END_TEST

/* What is drawn for a network of one channel, as it is printed. */
struct net {
    struct inn_heap *heap;
    struct inn_graph *g;
    struct inn_model model;
};

static void net_start(struct net *n)
{
    memset(n, 0, sizeof(*n));
    n->heap = inn_heap_new(0);
    n->model.heap = n->heap;
    ck_assert_int_eq(inn_graph_new(&n->g, n->heap, NULL), INN_OK);
    net_input(n->g, "x", INN_F32, 4, SHAPE(-1, 1, 32, 32), "N");
}

static void expect(struct net *n, const char *end, bool familiar)
{
    const struct inn_drawn_options o = {.pictures = 4, .seed = 3,
                                        .threads = 2};
    char text[INN_DRAWN_TEXT];
    struct inn_arena arena;
    struct inn_feed feed;
    bool pictures;

    net_output(n->g, "y");
    inn_arena_init(&arena, n->heap);
    ck_assert_int_eq(inn_draw_feed(&feed, &pictures, text, &n->model, n->g,
                                   &o, &arena, NULL), INN_OK);
    ck_assert_msg(strlen(text) > strlen(end) &&
                  strcmp(text + strlen(text) - strlen(end), end) == 0,
                  "'%s' does not end in '%s'", text, end);
    ck_assert_int_eq(feed.familiar, familiar);
    inn_arena_free(&arena);
    inn_graph_free(n->g);
    ck_assert_uint_eq(inn_heap_used(n->heap), 0);
    inn_heap_free(n->heap);
}

/* A convolution of 3 × 3 without padding: middle, and the same all around. */
static void filter(struct net *n, float middle, float around)
{
    const float w[9] = {around, around, around, around, middle,
                        around, around, around, around};

    net_init(n->g, "w", INN_F32, 4, SHAPE(1, 1, 3, 3), w);
    net_node(n->g, "Conv", 11, "x w", "y");
}

START_TEST(a_network_that_enlarges_gets_shrunk_pictures)
{
    struct net n;
    int node;

    net_start(&n);
    net_init(n.g, "w", INN_F32, 4, SHAPE(1, 4, 1, 1), NULL);
    net_init(n.g, "v", INN_F32, 4, SHAPE(4, 1, 1, 1), NULL);
    net_node(n.g, "Conv", 11, "x v", "m");
    node = net_node(n.g, "DepthToSpace", 13, "m", "y");
    net_int(n.g, node, "blocksize", 2);
    expect(&n, "shrunk 2 times", true);
}
END_TEST

START_TEST(a_network_that_sharpens_gets_enlarged_pictures)
{
    struct net n;

    net_start(&n);
    filter(&n, 1 + 8 * 0.08f, -0.08f);
    expect(&n, "enlarged 2 times", true);
}
END_TEST

START_TEST(networks_that_restore_nothing_get_pictures_as_drawn)
{
    struct net n;

    net_start(&n);
    if (_i == 0)
        filter(&n, 1.0f / 9, 1.0f / 9); /* more noise, more blur: no optimum */
    else if (_i == 1)
        net_node(n.g, "Identity", 14, "x", "y");
    else
        net_node(n.g, "Neg", 13, "x", "y");
    expect(&n, "standardised", false);
}
END_TEST

int main(void)
{
    TCase *c = tcase_create("restore");
    Suite *s = suite_create("restore");

    tcase_set_timeout(c, 60);
    tcase_add_loop_test(
        c, degraded_pictures_are_the_same_on_any_number_of_threads, 0, 4);
    tcase_add_test(c, enlarged_pictures_are_smoother_the_more_so_the_more);
    tcase_add_test(c, noise_has_the_deviation_that_was_asked_for);
    tcase_add_loop_test(c, degrading_survives_a_failure_of_every_allocation,
                        0, 2);
    tcase_add_test(c, a_network_that_enlarges_gets_shrunk_pictures);
    tcase_add_test(c, a_network_that_sharpens_gets_enlarged_pictures);
    tcase_add_loop_test(c, networks_that_restore_nothing_get_pictures_as_drawn,
                        0, 3);
    suite_add_tcase(s, c);
    return run_suite(s);
}
