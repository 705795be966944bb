/*
 * What a folded BatchNormalization gave gets the mean and deviation that it
 * had in training; a cut network gets the same maps on the channels it keeps.
 */
#include <check.h>
#include <math.h>
#include <string.h>

#include "runtime/refit/standard.h"
#include "tests/unit/exec_graphs.h"
#include "tests/unit/starve.h"
#include "tests/unit/suite.h"

#define CHANNELS 6
#define SAMPLES 5
#define PIXELS 49

/*
 * Deviations in training, over what they are: channel 3 is switched off, 4 and
 * 5 want more of a gain, and less, than there may be.
 */
static const double ratio[CHANNELS] = {2.0, -0.5, 3.0, 1e-4, 10.0, 0.15};
static float scale[CHANNELS];
static float shift[CHANNELS] = {0.1f, -3.0f, 0.0f, 0.7f, -0.5f, 2.0f};
static float variance[CHANNELS] = {1, 2, 3, 4, 5, 6};
static const int64_t kept[] = {4, 1, 3};

static struct inn_bn_stats stats;
static struct inn_interpreter it;
static struct inn_tensor input;
static struct inn_feed feed;
static struct inn_arena arena;
static int y;

static void vector(struct inn_tensor *t, float *data)
{
    ck_assert_int_eq(inn_tensor_init(t, INN_F32, 1,
                                     (const int64_t[]){CHANNELS}, NULL),
                     INN_OK);
    t->data = data;
}

static void setup(void)
{
    int x, w;

    graph_begin();
    inn_arena_init(&arena, heap);
    x = add_input("x", INN_F32, 4, (const int64_t[]){1, 2, 7, 7});
    w = add_weight("w", 4, (const int64_t[]){CHANNELS, 2, 1, 1});
    y = add_op("Conv", x, w, -1);
    add_output(y);
    input = *new_tensor(INN_F32, 4, (const int64_t[]){SAMPLES, 2, 7, 7});
    fill_tensor(&input);
    feed = (struct inn_feed){.items = &input, .n = 1, .count = SAMPLES};
    vector(&stats.scale, scale);
    vector(&stats.shift, shift);
    vector(&stats.variance, variance);
}

static void teardown(void)
{
    inn_interpreter_free(&it);
    inn_arena_free(&arena);
    graph_end();
}

static void measure(double *mean, double *deviation, size_t c)
{
    const float *data = it.data[y];
    double sum = 0.0, square = 0.0;
    size_t i, k;

    for (i = 0; i < SAMPLES; i++) {
        for (k = 0; k < PIXELS; k++)
            sum += (double)data[(i * CHANNELS + c) * PIXELS + k];
    }
    *mean = sum / (SAMPLES * PIXELS);
    for (i = 0; i < SAMPLES; i++) {
        for (k = 0; k < PIXELS; k++) {
            double d = (double)data[(i * CHANNELS + c) * PIXELS + k] - *mean;

            square += d * d;
        }
    }
    *deviation = sqrt(square / (SAMPLES * PIXELS));
}

static void walk(int threads)
{
    double mean, deviation;
    struct inn_error err;
    size_t c;

    ck_assert_int_eq(inn_interpreter_start(&it, graph, &feed, 0, SAMPLES,
                                           threads, &err), INN_OK);
    inn_interpreter_hold(&it, y);
    ck_assert_int_eq(inn_interpreter_node(&it, 0, &err), INN_OK);
    ck_assert(it.data[y] != NULL);
    for (c = 0; c < CHANNELS; c++) {
        measure(&mean, &deviation, c);
        scale[c] = (float)(ratio[c] * deviation);
    }
}

START_TEST(channels_get_the_mean_and_deviation_of_training)
{
    double before[CHANNELS], mean, deviation, want;
    struct inn_standard s;
    size_t c;

    walk(1);
    for (c = 0; c < CHANNELS; c++)
        measure(&mean, &before[c], c);
    ck_assert_int_eq(inn_standard_find(&s, &it, y, &stats, &arena, NULL),
                     INN_OK);
    inn_standard_apply(&it, y, &s, NULL);
    for (c = 0; c < CHANNELS; c++) {
        measure(&mean, &deviation, c);
        want = c == 3   ? before[c]
               : c == 4 ? before[c] * INN_STANDARD_MOST
               : c == 5 ? before[c] / INN_STANDARD_MOST
                        : fabs((double)scale[c]);
        ck_assert_double_le(fabs(mean - (double)shift[c]),
                            1e-5 * (1.0 + want));
        ck_assert_double_le(fabs(deviation - want), 1e-5 * want);
    }
}
END_TEST

START_TEST(a_cut_network_gets_its_channels_maps)
{
    size_t n = sizeof(kept) / sizeof(kept[0]), i, c;
    float all[SAMPLES * CHANNELS * PIXELS], *cut;
    struct inn_tensor *shape;
    struct inn_standard s;

    walk(1);
    ck_assert_int_eq(inn_standard_find(&s, &it, y, &stats, &arena, NULL),
                     INN_OK);
    memcpy(all, it.data[y], sizeof(all));
    inn_standard_apply(&it, y, &s, NULL);
    /* As if the layer made these channels alone. */
    cut = inn_arena_alloc(&arena, SAMPLES * n, PIXELS * sizeof(*cut), NULL);
    ck_assert_ptr_nonnull(cut);
    for (i = 0; i < SAMPLES; i++) {
        for (c = 0; c < n; c++)
            memcpy(cut + (i * n + c) * PIXELS,
                   all + (i * CHANNELS + (size_t)kept[c]) * PIXELS,
                   PIXELS * sizeof(*cut));
    }
    memcpy(all, it.data[y], sizeof(all));
    memcpy(it.data[y], cut, SAMPLES * n * PIXELS * sizeof(*cut));
    shape = (struct inn_tensor *)inn_shapes_get(&it.shapes, y);
    shape->dims[1] = (int64_t)n;
    shape->bytes = n * PIXELS * sizeof(float);
    inn_standard_apply(&it, y, &s, kept);
    for (i = 0; i < SAMPLES; i++) {
        for (c = 0; c < n; c++)
            ck_assert_mem_eq((float *)it.data[y] + (i * n + c) * PIXELS,
                             all + (i * CHANNELS + (size_t)kept[c]) * PIXELS,
                             PIXELS * sizeof(float));
    }
}
END_TEST

START_TEST(it_is_the_same_on_any_number_of_threads)
{
    float first[SAMPLES * CHANNELS * PIXELS];
    struct inn_standard s;
    int threads;

    for (threads = 1; threads <= 3; threads++) {
        walk(threads);
        ck_assert_int_eq(inn_standard_find(&s, &it, y, &stats, &arena, NULL),
                         INN_OK);
        inn_standard_apply(&it, y, &s, NULL);
        if (threads == 1)
            memcpy(first, it.data[y], sizeof(first));
        ck_assert_mem_eq(first, it.data[y], sizeof(first));
        inn_interpreter_free(&it);
    }
    walk(1);
}
END_TEST

START_TEST(statistics_of_other_channels_are_passed_over)
{
    struct inn_standard s;

    walk(1);
    stats.scale.dims[0] = CHANNELS - 1;
    ck_assert_int_eq(inn_standard_find(&s, &it, y, &stats, &arena, NULL),
                     INN_OK);
    ck_assert_ptr_null(s.gain);
    stats.scale.dims[0] = CHANNELS;
    stats.shift.dims[0] = CHANNELS + 1;
    ck_assert_int_eq(inn_standard_find(&s, &it, y, &stats, &arena, NULL),
                     INN_OK);
    ck_assert_ptr_null(s.gain);
}
END_TEST

START_TEST(placeholders_are_no_statistics)
{
    float ones[CHANNELS] = {1, 1, 1, 1, 1, 1};
    struct inn_standard s;

    walk(1);
    vector(&stats.variance, ones);
    ck_assert_int_eq(inn_standard_find(&s, &it, y, &stats, &arena, NULL),
                     INN_OK);
    ck_assert_ptr_null(s.gain);
}
END_TEST

START_TEST(every_failing_request_is_reported)
{
    struct inn_standard s;
    struct inn_arena own;
    struct starve v;

    walk(1);
    v = starve(heap, 1, 9);
    while (starving(&v)) {
        inn_arena_init(&own, heap);
        v.st = inn_standard_find(&s, &it, y, &stats, &own, v.err);
        inn_arena_free(&own);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("refit_standard");
    TCase *tc = tcase_create("standard");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, channels_get_the_mean_and_deviation_of_training);
    tcase_add_test(tc, a_cut_network_gets_its_channels_maps);
    tcase_add_test(tc, it_is_the_same_on_any_number_of_threads);
    tcase_add_test(tc, statistics_of_other_channels_are_passed_over);
    tcase_add_test(tc, placeholders_are_no_statistics);
    tcase_add_test(tc, every_failing_request_is_reported);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
