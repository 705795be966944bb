/*
 * What networks are given where there are no data, the user's own inputs,
 * and how the moments of both are joined.
 */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "converter/moments/moments.h"
#include "runtime/base/npy.h"
#include "runtime/drawn/inputs.h"
#include "runtime/pictures/calibration.h"
#include "tests/unit/net.h"
#include "tests/unit/starve.h"
#include "tests/unit/suite.h"

#define SHAPE(...) (const int64_t[]){__VA_ARGS__}

struct net {
    struct inn_heap *heap;
    struct inn_graph *g;
    struct inn_model model;
    struct inn_arena arena;
    struct inn_feed feed;
    char text[INN_DRAWN_TEXT];
    bool pictures;
};

static void net_start(struct net *n)
{
    memset(n, 0, sizeof(*n));
    n->heap = inn_heap_new(0);
    n->model.heap = n->heap;
    inn_arena_init(&n->arena, n->heap);
    ck_assert_int_eq(inn_graph_new(&n->g, n->heap, NULL), INN_OK);
}

static void net_end(struct net *n)
{
    inn_arena_free(&n->arena);
    inn_graph_free(n->g);
    ck_assert_uint_eq(inn_heap_used(n->heap), 0);
    inn_heap_free(n->heap);
}

/* Draws count samples; the network's output is y. */
static void draw(struct net *n, int64_t count)
{
    const struct inn_drawn_options o = {.pictures = count, .seed = 3,
                                        .threads = 2};

    ck_assert_int_eq(inn_draw_feed(&n->feed, &n->pictures, n->text,
                                   &n->model, n->g, &o, &n->arena, NULL),
                     INN_OK);
    ck_assert_int_eq(n->feed.count, count);
}

/* Mean and variance of elements i with i / inner mod channels = c. */
static void measure(double *mean, double *variance,
                    const struct inn_tensor *t, size_t inner, size_t channels,
                    size_t c)
{
    const float *x = t->data;
    double sum = 0, square = 0, count = 0;
    size_t i;

    for (i = 0; i < t->bytes / sizeof(*x); i++) {
        if (i / inner % channels != c)
            continue;
        sum += (double)x[i];
        square += (double)x[i] * (double)x[i];
        count++;
    }
    *mean = sum / count;
    *variance = square / count - *mean * *mean;
}

START_TEST(sequences_are_noise_that_is_alike_in_time)
{
    double mean, variance, near = 0, far = 0;
    const float *x;
    struct net n;
    size_t i, k;

    net_start(&n);
    net_input(n.g, "x", INN_F32, 3, SHAPE(-1, 100, 5), "N");
    net_node(n.g, "Relu", 14, "x", "y");
    net_output(n.g, "y");
    draw(&n, 200);
    ck_assert(!n.pictures);
    ck_assert_str_eq(n.text, "drawn samples of noise 100x5, standardised");
    for (k = 0; k < 5; k++) {
        measure(&mean, &variance, &n.feed.items[0], 1, 5, k);
        ck_assert_double_lt(fabs(mean), 0.15);
        ck_assert_double_lt(fabs(variance - 1), 0.15);
    }
    x = n.feed.items[0].data;
    for (i = 0; i + 100 * 5 <= 200 * 100 * 5; i += 100 * 5) {
        near += (double)(x[i + 250] * x[i + 255]) / 200;
        far += (double)(x[i + 0] * x[i + 495]) / 200;
    }
    ck_assert_double_gt(near, 0.4);
    ck_assert_double_lt(fabs(far), 0.25);
    net_end(&n);
}
END_TEST

START_TEST(token_numbers_are_what_their_table_holds)
{
    const int64_t *ids, *mask;
    int64_t most = 0;
    struct net n;
    int i;

    net_start(&n);
    net_input(n.g, "ids", INN_I64, 2, SHAPE(-1, 16), "N");
    net_input(n.g, "attention_mask", INN_I64, 2, SHAPE(-1, 16), "N");
    net_init(n.g, "table", INN_F32, 2, SHAPE(50, 4), NULL);
    net_node(n.g, "Identity", 14, "ids", "same");
    net_node(n.g, "Gather", 13, "table same", "y");
    net_output(n.g, "y");
    draw(&n, 40);
    ids = n.feed.items[0].data;
    mask = n.feed.items[1].data;
    for (i = 0; i < 40 * 16; i++) {
        ck_assert(ids[i] >= 0 && ids[i] < 50);
        most = ids[i] > most ? ids[i] : most;
        ck_assert_int_eq(mask[i], 1);
    }
    ck_assert_int_eq(most, 49);
    ck_assert_str_eq(n.text, "samples of drawn numbers 16, below 50, and 1 "
                             "other input");
    net_end(&n);
}
END_TEST

START_TEST(statistics_at_the_input_say_its_range)
{
    static const float mean[] = {100, -3}, variance[] = {400, 0.25f};
    double m, v;
    struct net n;
    int c;

    net_start(&n);
    net_input(n.g, "x", INN_F32, 2, SHAPE(-1, 2), "N");
    net_init(n.g, "scale", INN_F32, 1, SHAPE(2), NULL);
    net_init(n.g, "mean", INN_F32, 1, SHAPE(2), mean);
    net_init(n.g, "variance", INN_F32, 1, SHAPE(2), variance);
    net_node(n.g, "BatchNormalization", 15, "x scale scale mean variance",
             "y");
    net_output(n.g, "y");
    draw(&n, 4000);
    for (c = 0; c < 2; c++) {
        measure(&m, &v, &n.feed.items[0], 1, 2, (size_t)c);
        ck_assert_double_lt(fabs(m - (double)mean[c]) /
                            sqrt((double)variance[c]), 0.1);
        ck_assert_double_lt(fabs(v / (double)variance[c] - 1), 0.1);
    }
    net_end(&n);
}
END_TEST

/* Neither the network's range nor a table's rows are looked for in them. */
START_TEST(networks_whose_outputs_are_missing_are_drawn_for)
{
    int x, ids, omitted = -1;
    struct net n;

    net_start(&n);
    x = net_input(n.g, "x", INN_F32, 4, SHAPE(1, 3, 16, 16), NULL);
    ids = net_input(n.g, "ids", INN_I64, 2, SHAPE(1, 4), NULL);
    net_op(n.g, "Identity", 13, &ids, 1, &omitted, 1);
    net_op(n.g, "Relu", 13, &x, 1, &omitted, 1);
    draw(&n, 4);
    ck_assert_int_eq(n.feed.n, 2);
    net_end(&n);
}
END_TEST

/* Stored as if they were true: the range stays what it is otherwise. */
START_TEST(statistics_that_training_mode_ignores_say_nothing)
{
    static const float mean[] = {100, -3}, variance[] = {400, 0.25f};
    double m, v;
    struct net n;

    net_start(&n);
    net_input(n.g, "x", INN_F32, 2, SHAPE(-1, 2), "N");
    net_init(n.g, "scale", INN_F32, 1, SHAPE(2), NULL);
    net_init(n.g, "mean", INN_F32, 1, SHAPE(2), mean);
    net_init(n.g, "variance", INN_F32, 1, SHAPE(2), variance);
    net_int(n.g, net_node(n.g, "BatchNormalization", 15,
                          "x scale scale mean variance", "y"),
            "training_mode", 1);
    net_output(n.g, "y");
    draw(&n, 4000);
    measure(&m, &v, &n.feed.items[0], 1, 2, 0);
    ck_assert_double_lt(fabs(m), 0.1);
    ck_assert_double_lt(fabs(v - 1), 0.1);
    net_end(&n);
}
END_TEST

/* Loop: what is done first, and the range it means. */
static const struct range_case {
    const char *op;
    float operand;
    const char *what;
} ranges[] = {
    {"Sub", 117.0f, "drawn pictures 3x16x16, from 0 to 255"},
    {"Div", 255.0f, "drawn pictures 3x16x16, from 0 to 255"},
    {"Mul", 0.0078125f, "drawn pictures 3x16x16, from 0 to 255"},
    {"Add", 0.0f, "drawn pictures 3x16x16, standardised"},
};

START_TEST(arithmetic_at_the_input_says_its_range)
{
    const struct range_case *k = &ranges[_i];
    struct net n;

    net_start(&n);
    net_input(n.g, "x", INN_F32, 4, SHAPE(-1, 3, 16, 16), "N");
    net_init(n.g, "k", INN_F32, 0, NULL, &k->operand);
    net_node(n.g, k->op, 14, "x k", "a");
    net_node(n.g, "GlobalAveragePool", 1, "a", "b");
    net_node(n.g, "Flatten", 13, "b", "y");
    net_output(n.g, "y");
    draw(&n, 8);
    ck_assert(n.pictures);
    ck_assert_str_eq(n.text, k->what);
    net_end(&n);
}
END_TEST

START_TEST(the_same_is_drawn_on_any_number_of_threads)
{
    struct inn_drawn_options o = {.pictures = 9, .seed = 1, .threads = 1};
    struct inn_feed again;
    struct net n;
    int i;

    net_start(&n);
    net_input(n.g, "a", INN_F32, 4, SHAPE(1, 8, 8, 3), NULL);
    net_input(n.g, "b", INN_F16, 4, SHAPE(1, 7, 8, 8), NULL);
    net_input(n.g, "c", INN_F64, 0, NULL, NULL);
    net_node(n.g, "Relu", 14, "a", "y");
    net_output(n.g, "y");
    draw(&n, 9);
    o.seed = 3;
    ck_assert_int_eq(inn_draw_feed(&again, &n.pictures, n.text, &n.model,
                                   n.g, &o, &n.arena, NULL), INN_OK);
    for (i = 0; i < 3; i++) {
        ck_assert_uint_eq(again.items[i].bytes, n.feed.items[i].bytes);
        ck_assert_mem_eq(again.items[i].data, n.feed.items[i].data,
                         again.items[i].bytes);
    }
    ck_assert_int_eq(again.items[2].rank, 1);
    ck_assert_int_eq(again.items[2].dims[0], 9);
    net_end(&n);
}
END_TEST

START_TEST(correlations_and_variances_are_real_by_their_share)
{
    double mean[] = {1, 2}, drawn[] = {4, 2, 2, 4}; /* correlation ½ */
    double real_mean[] = {5, 6}, real[] = {1, 0, 0, 9}; /* none */
    struct inn_gathered a = {.n = 2, .mean = mean, .cov = drawn};
    struct inn_gathered b = {.n = 2, .mean = real_mean, .cov = real,
                             .count = 7};

    b.r[0][0] = 1;
    inn_blend_moments(&a, &b, NULL, 24, true);
    ck_assert_double_eq(a.cov[0], 3); /* half of 1, half of the mean, 5 */
    ck_assert_double_eq(a.cov[3], 7);
    ck_assert_double_eq_tol(a.cov[1], 0.5 * 0.5 * sqrt(3 * 7), 1e-12);
    ck_assert_double_eq(a.cov[1], a.cov[2]);
    ck_assert_double_eq(a.mean[1], 6);
    ck_assert_double_eq(a.r[0][0], 1);
    /* Without drawn ones correlations shrink. */
    real[1] = real[2] = 3;
    inn_blend_moments(&a, &b, NULL, 72, false);
    ck_assert_double_eq_tol(a.cov[1], 0.75 * sqrt(2 * 8), 1e-12);
    /* Real ones that came to nothing change nothing. */
    real_mean[0] = (double)NAN;
    inn_blend_moments(&a, &b, NULL, 72, true);
    ck_assert_double_eq(a.mean[0], 5);
}
END_TEST

/* Halves of variances 1 and 4 and these correlations, blended with none. */
static void blend(struct inn_gathered *into, double r, double s)
{
    double means[2][2] = {{5, 6}, {5, 6}};
    double one[] = {1, 2 * r, 2 * r, 4}, two[] = {1, 2 * s, 2 * s, 4};
    struct inn_gathered a = {.n = 2, .mean = means[0], .cov = one,
                             .count = 30};
    struct inn_gathered b = {.n = 2, .mean = means[1], .cov = two,
                             .count = 10};

    inn_blend_moments(into, &a, &b, 64, true);
}

START_TEST(halves_that_agree_count_and_others_do_not)
{
    double mean[2], cov[4];
    struct inn_gathered into = {.n = 2, .mean = mean, .cov = cov};
    const double none[] = {9, 0, 0, 9};
    double share = 1 - 0.04 / 4 / (0.35 * 0.35);

    memcpy(cov, none, sizeof(none));
    blend(&into, 0.5, 0.5);
    ck_assert_double_eq(cov[0], 1);
    ck_assert_double_eq_tol(cov[1], 1, 1e-12);
    ck_assert_int_eq(into.count, 40);
    memcpy(cov, none, sizeof(none));
    blend(&into, 0.4, -0.4); /* of 0.2: noise of 0.16 is more than 0.04 */
    ck_assert_double_eq(cov[1], 0);
    memcpy(cov, none, sizeof(none));
    blend(&into, 0.4, 0.2); /* together 0.35 */
    ck_assert_double_eq_tol(cov[1], share * 0.35 * 2, 1e-12);
}
END_TEST

/* Means that differ are variance of the whole. */
START_TEST(halves_are_joined_about_their_common_mean)
{
    double mean[2], cov[4] = {1, 0, 0, 1};
    double means[2][2] = {{0, 0}, {4, 8}};
    double covs[2][4] = {{2, 0, 0, 2}, {2, 0, 0, 2}};
    struct inn_gathered into = {.n = 2, .mean = mean, .cov = cov};
    struct inn_gathered a = {.n = 2, .mean = means[0], .cov = covs[0],
                             .count = 30};
    struct inn_gathered b = {.n = 2, .mean = means[1], .cov = covs[1],
                             .count = 10};

    inn_blend_moments(&into, &a, &b, 64, true);
    ck_assert_double_eq(mean[0], 1);
    ck_assert_double_eq(mean[1], 2);
    ck_assert_double_eq_tol(cov[0], 2 + 3.0 / 16 * 16, 1e-12);
    ck_assert_double_eq_tol(cov[3], 2 + 3.0 / 16 * 64, 1e-12);
    ck_assert_double_eq_tol(cov[1], 3.0 / 16 * 32, 1e-12);
}
END_TEST

static char folder[] = "/tmp/inn-inputs-XXXXXX";

static void make_folder(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void remove_folder(void)
{
    static const char *const names[] = {"a.npy", "b.npy", "c.npy"};
    char path[64];
    size_t i;

    for (i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(folder);
    strcpy(folder + sizeof(folder) - 7, "XXXXXX");
}

/* An array of 0, 1, 2 … */
static const char *write_array(struct net *n, const char *name,
                               enum inn_type type, int rank,
                               const int64_t *dims)
{
    struct inn_tensor t;
    char *path = inn_arena_printf(&n->arena, NULL, "%s/%s", folder, name);
    size_t i;

    ck_assert_int_eq(inn_tensor_new(&t, &n->arena, type, rank, dims, NULL),
                     INN_OK);
    for (i = 0; i < inn_tensor_count(&t); i++) {
        double v = (double)i;

        inn_convert_elements((char *)t.data + i * inn_type_size(type), type,
                             &v, INN_F64, 1);
    }
    ck_assert_int_eq(inn_npy_write(&t, path, true, n->heap, NULL), INN_OK);
    return path;
}

static struct inn_graph *vector_net(struct net *n)
{
    net_start(n);
    net_input(n->g, "x", INN_F32, 2, SHAPE(-1, 4), "N");
    net_node(n->g, "Relu", 14, "x", "y");
    net_output(n->g, "y");
    return n->g;
}

START_TEST(samples_are_spread_evenly_over_those_that_count)
{
    struct inn_calibration c = {.samples = 3, .images = INN_IMAGES_ODD};
    struct inn_feed feed;
    struct net n;
    const float *x;

    vector_net(&n);
    c.path = write_array(&n, "a.npy", INN_F64, 2, SHAPE(13, 4));
    ck_assert_int_eq(inn_calibrate(&feed, &c, &n.model, n.g, &n.arena, NULL),
                     INN_OK);
    ck_assert_int_eq(feed.count, 3);
    x = feed.items[0].data; /* of 1, 3, 5, 7, 9, 11 */
    ck_assert_float_eq(x[0], 4);
    ck_assert_float_eq(x[4], 20);
    ck_assert_float_eq(x[8], 36);
    net_end(&n);
}
END_TEST

START_TEST(a_folder_of_arrays_is_read_by_name)
{
    struct inn_calibration c = {.path = folder};
    struct inn_error err = {0};
    struct inn_feed feed;
    struct net n;
    const float *x;

    vector_net(&n);
    write_array(&n, "b.npy", INN_F32, 2, SHAPE(2, 4));
    write_array(&n, "a.npy", INN_F16, 1, SHAPE(4));
    ck_assert_int_eq(inn_calibrate(&feed, &c, &n.model, n.g, &n.arena, NULL),
                     INN_OK);
    ck_assert_int_eq(feed.count, 3);
    x = feed.items[0].data;
    ck_assert_float_eq(x[3], 3);
    ck_assert_float_eq(x[4], 0);
    ck_assert_float_eq(x[11], 7);
    write_array(&n, "c.npy", INN_F32, 2, SHAPE(2, 5));
    ck_assert_int_eq(inn_calibrate(&feed, &c, &n.model, n.g, &n.arena, &err),
                     INN_ERR_RANGE);
    ck_assert_ptr_nonnull(strstr(err.message,
                                 "c.npy: input 'x' wants samples of 4, these "
                                 "are 5"));
    net_end(&n);
}
END_TEST

START_TEST(bytes_are_pictures_and_prepared)
{
    struct inn_calibration c = {0};
    struct inn_feed feed;
    struct net n;
    const float *x;

    net_start(&n);
    n.model.prep = (struct inn_input_prep){.given = true, .n = 1, .scale = 2,
                                           .mean = {1}, .std = {4}};
    net_input(n.g, "x", INN_F32, 4, SHAPE(-1, 3, 4, 4), "N");
    net_node(n.g, "Relu", 14, "x", "y");
    net_output(n.g, "y");
    c.path = write_array(&n, "a.npy", INN_U8, 4, SHAPE(2, 4, 4, 3));
    ck_assert_int_eq(inn_calibrate(&feed, &c, &n.model, n.g, &n.arena, NULL),
                     INN_OK);
    x = feed.items[0].data;
    ck_assert_float_eq(x[1], (3 * 2 - 1) / 4.0f);  /* red of pixel 1 */
    ck_assert_float_eq(x[16], (1 * 2 - 1) / 4.0f); /* green of pixel 0 */
    net_end(&n);
}
END_TEST

START_TEST(every_allocation_may_fail)
{
    const struct inn_drawn_options o = {.pictures = 4, .threads = 2};
    struct inn_calibration c = {.path = folder};
    struct inn_feed feed;
    struct inn_arena own;
    struct starve s;
    struct net n;

    vector_net(&n);
    write_array(&n, "a.npy", INN_F32, 2, SHAPE(5, 4));
    s = starve(n.heap, 3, 900);
    while (starving(&s)) {
        inn_arena_init(&own, n.heap);
        if (_i == 0)
            s.st = inn_calibrate(&feed, &c, &n.model, n.g, &own, s.err);
        else
            s.st = inn_draw_feed(&feed, &n.pictures, n.text, &n.model, n.g,
                                 &o, &own, s.err);
        inn_arena_free(&own);
    }
    net_end(&n);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("inputs");
    TCase *t = tcase_create("inputs");

    tcase_add_checked_fixture(t, make_folder, remove_folder);
    tcase_add_test(t, sequences_are_noise_that_is_alike_in_time);
    tcase_add_test(t, token_numbers_are_what_their_table_holds);
    tcase_add_test(t, networks_whose_outputs_are_missing_are_drawn_for);
    tcase_add_test(t, statistics_at_the_input_say_its_range);
    tcase_add_test(t, statistics_that_training_mode_ignores_say_nothing);
    tcase_add_loop_test(t, arithmetic_at_the_input_says_its_range, 0, 4);
    tcase_add_test(t, the_same_is_drawn_on_any_number_of_threads);
    tcase_add_test(t, correlations_and_variances_are_real_by_their_share);
    tcase_add_test(t, halves_that_agree_count_and_others_do_not);
    tcase_add_test(t, halves_are_joined_about_their_common_mean);
    tcase_add_test(t, samples_are_spread_evenly_over_those_that_count);
    tcase_add_test(t, a_folder_of_arrays_is_read_by_name);
    tcase_add_test(t, bytes_are_pictures_and_prepared);
    tcase_add_loop_test(t, every_allocation_may_fail, 0, 2);
    suite_add_tcase(s, t);
    return run_suite(s);
}
