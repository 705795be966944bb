/*
 * Gram matrices and tours: against sums by hand, against the exact shortest
 * path (dynamic programming, written here on its own), and against
 * themselves on other numbers of threads.
 */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "converter/order/order.h"
#include "tests/unit/starve.h"
#include "tests/unit/suite.h"

#define MOST 13

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* In [-1, 1). */
static float random_float(uint64_t *state)
{
    return (float)((double)(next_random(state) >> 40) / 8388608.0 - 1);
}

static float *random_rows(struct inn_heap *heap, int64_t n, int64_t len,
                          uint64_t seed)
{
    uint64_t state = seed * UINT64_C(2654435761) + 88172645463325252u;
    float *rows = inn_alloc(heap, (size_t)n, (size_t)len * sizeof(*rows),
                            NULL);
    int64_t i;

    ck_assert_ptr_nonnull(rows);
    for (i = 0; i < n * len; i++)
        rows[i] = random_float(&state);
    return rows;
}

static void gram_of(struct inn_gram *gram, struct inn_heap *heap,
                    const float *rows, int64_t n, int64_t len, int threads)
{
    struct inn_error err = {0};

    ck_assert_int_eq(inn_gram_init(gram, n, heap, &err), INN_OK);
    ck_assert_int_eq(inn_gram_add(gram, rows, len, 1, threads, &err), INN_OK);
}

static double distance(const float *rows, int64_t len, int64_t a, int64_t b)
{
    double sum = 0;
    int64_t k;

    for (k = 0; k < len; k++) {
        double d = (double)rows[a * len + k] - (double)rows[b * len + k];

        sum += d * d;
    }
    return sqrt(sum);
}

static double length_of(const float *rows, int64_t n, int64_t len,
                        const int64_t *order)
{
    double sum = 0;
    int64_t k;

    for (k = 0; k + 1 < n; k++)
        sum += distance(rows, len, order[k], order[k + 1]);
    return sum;
}

static void check_permutation(const int64_t *order, int64_t n)
{
    char *seen = calloc((size_t)n + 1, 1);
    int64_t k;

    ck_assert_ptr_nonnull(seen);
    for (k = 0; k < n; k++) {
        ck_assert(order[k] >= 0 && order[k] < n);
        ck_assert_int_eq(seen[order[k]], 0);
        seen[order[k]] = 1;
    }
    free(seen);
}

/* Held and Karp: the shortest open path. */
static double exact_length(const float *rows, int n, int64_t len)
{
    size_t sets = (size_t)1 << n, set;
    double *best = malloc(sets * MOST * sizeof(*best)), least = INFINITY;
    int i, j;

    ck_assert_ptr_nonnull(best);
    for (set = 1; set < sets; set++) {
        for (i = 0; i < n; i++) {
            size_t rest = set & ~((size_t)1 << i);
            double *b = &best[set * MOST + (size_t)i];

            *b = rest == 0 ? 0 : INFINITY;
            for (j = 0; j < n && rest != set; j++) {
                double d;

                if ((rest >> j & 1) == 0)
                    continue;
                d = best[rest * MOST + (size_t)j] + distance(rows, len, i, j);
                if (d < *b)
                    *b = d;
            }
            if (rest == set)
                *b = INFINITY;
        }
    }
    for (i = 0; i < n; i++) {
        if (best[(sets - 1) * MOST + (size_t)i] < least)
            least = best[(sets - 1) * MOST + (size_t)i];
    }
    free(best);
    return least;
}

START_TEST(gram_matrix_is_the_sum_of_its_members)
{
    struct inn_heap *heap = inn_heap_new(0);
    const float a[6] = {1, 2, -1, 0.5f, 0, 4};
    const float b[3] = {2, 3, -1};
    /* 0.5 · [5 0 8; 0 1.25 2; 8 2 16] + 2 · [4 6 -2; 6 9 -3; -2 -3 1] */
    const double want[9] = {10.5, 12, 0, 12, 18.625, -5, 0, -5, 10};
    struct inn_gram g;
    int i;

    ck_assert_int_eq(inn_gram_init(&g, 3, heap, NULL), INN_OK);
    ck_assert_int_eq(inn_gram_add(&g, a, 2, 0.5, 1, NULL), INN_OK);
    ck_assert_int_eq(inn_gram_add(&g, b, 1, 2, 1, NULL), INN_OK);
    ck_assert_int_eq(inn_gram_add(&g, a, 0, 7, 1, NULL), INN_OK);
    for (i = 0; i < 9; i++)
        ck_assert_double_eq_tol(g.g[i], want[i], 1e-14);
    inn_gram_free(&g);
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}
END_TEST

/* Sizes on both sides of the tile's (128) and the slice's (256) edges. */
START_TEST(gram_matrix_agrees_with_plain_sums)
{
    static const int64_t sizes[][2] = {
        {1, 1}, {1, 300}, {127, 255}, {128, 256}, {129, 257}, {300, 513}};
    struct inn_heap *heap = inn_heap_new(0);
    size_t s;

    for (s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        int64_t n = sizes[s][0], len = sizes[s][1], i, j, k;
        float *rows = random_rows(heap, n, len, s + 1);
        struct inn_gram g;

        gram_of(&g, heap, rows, n, len, 0);
        for (i = 0; i < n; i++) {
            for (j = 0; j < n; j++) {
                double sum = 0;

                for (k = 0; k < len; k++)
                    sum += (double)rows[i * len + k] *
                           (double)rows[j * len + k];
                ck_assert_double_eq_tol(g.g[i * n + j], sum, 1e-11);
                ck_assert(g.g[i * n + j] == g.g[j * n + i]);
            }
        }
        inn_gram_free(&g);
        inn_free(heap, rows);
    }
    inn_heap_free(heap);
}
END_TEST

START_TEST(results_are_the_same_bits_on_any_number_of_threads)
{
    struct inn_heap *heap = inn_heap_new(0);
    int64_t n = 290, len = 700;
    float *rows = random_rows(heap, n, len, 5);
    int64_t order[2][290];
    double before[2], after[2];
    struct inn_gram g[2];
    int threads;

    gram_of(&g[0], heap, rows, n, len, 1);
    ck_assert_int_eq(inn_order_tour(order[0], &before[0], &after[0], &g[0],
                                    1, NULL), INN_OK);
    for (threads = 0; threads <= 4; threads += 2) {
        gram_of(&g[1], heap, rows, n, len, threads);
        ck_assert_int_eq(memcmp(g[0].g, g[1].g,
                                (size_t)(n * n) * sizeof(double)), 0);
        ck_assert_int_eq(inn_order_tour(order[1], &before[1], &after[1],
                                        &g[1], threads, NULL), INN_OK);
        ck_assert_int_eq(memcmp(order[0], order[1], sizeof(order[0])), 0);
        ck_assert(before[0] == before[1] && after[0] == after[1]);
        inn_gram_free(&g[1]);
    }
    check_permutation(order[0], n);
    inn_gram_free(&g[0]);
    inn_free(heap, rows);
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}
END_TEST

START_TEST(tours_are_within_one_percent_of_the_shortest)
{
    static const int64_t lens[] = {1, 2, 3, 5, 10, 20};
    struct inn_heap *heap = inn_heap_new(0);
    int n, seed;

    for (n = 1; n <= MOST; n++) {
        /* The exact path of the larger ones takes most of the time. */
        for (seed = 0; seed < (n <= 10 ? 30 : 12); seed++) {
            int64_t len = lens[seed % 6], order[MOST], own[MOST], i;
            float *rows = random_rows(heap, n, len,
                                      (uint64_t)(n * 1000 + seed));
            double before = -1, after = -1, exact;
            struct inn_gram g;

            for (i = 0; i < n; i++)
                own[i] = i;
            gram_of(&g, heap, rows, n, len, 1);
            ck_assert_int_eq(inn_order_tour(order, &before, &after, &g, 1,
                                            NULL), INN_OK);
            check_permutation(order, n);
            exact = exact_length(rows, n, len);
            ck_assert_double_eq_tol(before, length_of(rows, n, len, own),
                                    1e-7);
            ck_assert_double_eq_tol(after, length_of(rows, n, len, order),
                                    1e-7);
            ck_assert_msg(after <= 1.01 * exact + 1e-7,
                          "n %d, seed %d: %g, the shortest is %g", n, seed,
                          after, exact);
            inn_gram_free(&g);
            inn_free(heap, rows);
        }
    }
    inn_heap_free(heap);
}
END_TEST

/* Points on a line, shuffled: only one order is the shortest. */
START_TEST(channels_on_a_line_are_put_in_a_row)
{
    struct inn_heap *heap = inn_heap_new(0);
    static const int64_t sizes[] = {4, 6, 8, 9, 16, 17, 64, 200};
    size_t s;

    for (s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        int64_t n = sizes[s], order[200], i;
        double before, after;
        struct inn_gram g;
        float rows[200];

        for (i = 0; i < n; i++) /* 7 has no factor in common with any n */
            rows[i] = (float)(i * 7 % n);
        gram_of(&g, heap, rows, n, 1, 0);
        ck_assert_int_eq(inn_order_tour(order, &before, &after, &g, 0, NULL),
                         INN_OK);
        ck_assert_double_eq_tol(after, (double)(n - 1), 1e-6);
        for (i = 0; i + 1 < n; i++)
            ck_assert_double_eq(
                fabs((double)rows[order[i]] - (double)rows[order[i + 1]]), 1);
        ck_assert_int_lt(order[0], order[n - 1]);
        inn_gram_free(&g);
    }
    inn_heap_free(heap);
}
END_TEST

START_TEST(own_order_is_kept_where_nothing_is_shorter)
{
    struct inn_heap *heap = inn_heap_new(0);
    int64_t n, order[40], i;
    float rows[40];

    for (n = 0; n <= 40; n++) {
        int equal;

        for (equal = 0; equal < 2; equal++) {
            double before = -1, after = -1;
            struct inn_gram g;

            for (i = 0; i < n; i++)
                rows[i] = equal ? 2.5f : (float)(n - i);
            gram_of(&g, heap, rows, n, 1, 1);
            ck_assert_int_eq(inn_order_tour(order, &before, &after, &g, 1,
                                            NULL), INN_OK);
            for (i = 0; i < n; i++)
                ck_assert_int_eq(order[i], i);
            ck_assert(after == before);
            ck_assert_double_eq_tol(after, n < 2 || equal ? 0 : (double)n - 1,
                                    1e-9);
            inn_gram_free(&g);
        }
    }
    inn_heap_free(heap);
}
END_TEST

/*
 * 200 dead channels near 0 are nearer to the 60 live ones than these are to
 * each other. The path has to be as good as that of the live ones alone,
 * with one way in and out of the dead.
 */
START_TEST(dead_channels_do_not_hide_the_others)
{
    enum { LIVE = 60, ALL = 260, LEN = 3 };
    struct inn_heap *heap = inn_heap_new(0);
    float *live = random_rows(heap, LIVE, LEN, 3);
    float *all = inn_alloc(heap, ALL, LEN * sizeof(*all), NULL);
    int64_t order[ALL], i, k;
    double before, after, live_before, live_after;
    struct inn_gram g;

    ck_assert_ptr_nonnull(all);
    for (i = 0; i < LIVE; i++) { /* a sphere of radius 1 */
        double r = 0;

        for (k = 0; k < LEN; k++)
            r += pow((double)live[i * LEN + k], 2);
        for (k = 0; k < LEN; k++)
            live[i * LEN + k] = (float)(live[i * LEN + k] / sqrt(r));
    }
    for (i = 0; i < ALL * LEN; i++)
        all[i] = 1e-6f * (float)(i % 17);
    for (i = 0; i < LIVE; i++)
        memcpy(all + (4 * i + 1) * LEN, live + i * LEN, LEN * sizeof(*all));
    gram_of(&g, heap, live, LIVE, LEN, 0);
    ck_assert_int_eq(inn_order_tour(order, &live_before, &live_after, &g, 0,
                                    NULL), INN_OK);
    inn_gram_free(&g);
    gram_of(&g, heap, all, ALL, LEN, 0);
    ck_assert_int_eq(inn_order_tour(order, &before, &after, &g, 0, NULL),
                     INN_OK);
    inn_gram_free(&g);
    check_permutation(order, ALL);
    ck_assert_double_le(after, live_after + 1 + 0.05);
    inn_free(heap, all);
    inn_free(heap, live);
    inn_heap_free(heap);
}
END_TEST

START_TEST(values_that_are_not_finite_are_refused_by_place)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    struct inn_heap *heap = inn_heap_new(0);
    struct inn_error err = {0};
    float rows[12] = {0};
    double before, after;
    int64_t order[4];
    struct inn_gram g;
    size_t i;

    ck_assert_int_eq(inn_gram_init(&g, 4, heap, &err), INN_OK);
    for (i = 0; i < 3; i++) {
        rows[7] = bad[i];
        ck_assert_int_eq(inn_gram_add(&g, rows, 3, 1, 1, &err),
                         INN_ERR_FORMAT);
        ck_assert_ptr_nonnull(strstr(err.message,
                                     "channel 2 of 4: value 1 of 3"));
        g.g[6] = (double)bad[i];
        ck_assert_int_eq(inn_order_tour(order, &before, &after, &g, 1, &err),
                         INN_ERR_FORMAT);
        ck_assert_int_eq(inn_order_tour(order, &before, &after, &g, 1, NULL),
                         INN_ERR_FORMAT);
        g.g[6] = 0;
    }
    rows[7] = 0;
    ck_assert_int_eq(inn_gram_add(&g, rows, 3, INFINITY, 1, &err),
                     INN_ERR_FORMAT);
    ck_assert_int_eq(inn_gram_add(&g, rows, 3, -1, 1, &err), INN_ERR_FORMAT);
    ck_assert_int_eq(inn_gram_add(&g, rows, -1, 1, 1, &err), INN_ERR_RANGE);
    inn_gram_free(&g);
    ck_assert_int_eq(inn_gram_init(&g, -1, heap, &err), INN_ERR_RANGE);
    ck_assert_ptr_nonnull(strstr(err.message, "-1"));
    inn_gram_free(&g);
    /* More than the heap's ceiling, and more than there are addresses. */
    ck_assert_int_eq(inn_gram_init(&g, 1 << 20, heap, &err), INN_ERR_LIMIT);
    ck_assert_int_eq(inn_gram_init(&g, 0x7ffffff0, heap, &err),
                     INN_ERR_LIMIT);
    ck_assert_int_eq(inn_gram_init(&g, INT64_MAX, heap, &err),
                     INN_ERR_RANGE);
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}
END_TEST

START_TEST(every_failed_request_is_reported_and_leaks_nothing)
{
    struct inn_heap *heap = inn_heap_new(0);
    float *rows = random_rows(heap, 20, 30, 1);
    struct starve s = starve(heap, 10, 90);
    double before, after;
    int64_t order[20];
    struct inn_gram g;

    while (starving(&s)) {
        s.st = inn_gram_init(&g, 20, heap, s.err);
        if (s.st == INN_OK)
            s.st = inn_gram_add(&g, rows, 30, 1, 1, s.err);
        if (s.st == INN_OK)
            s.st = inn_order_tour(order, &before, &after, &g, 1, s.err);
        inn_gram_free(&g);
    }
    inn_free(heap, rows);
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("order");
    TCase *t = tcase_create("order");

    tcase_set_timeout(t, 300);
    tcase_add_test(t, gram_matrix_is_the_sum_of_its_members);
    tcase_add_test(t, gram_matrix_agrees_with_plain_sums);
    tcase_add_test(t, results_are_the_same_bits_on_any_number_of_threads);
    tcase_add_test(t, tours_are_within_one_percent_of_the_shortest);
    tcase_add_test(t, channels_on_a_line_are_put_in_a_row);
    tcase_add_test(t, own_order_is_kept_where_nothing_is_shorter);
    tcase_add_test(t, dead_channels_do_not_hide_the_others);
    tcase_add_test(t, values_that_are_not_finite_are_refused_by_place);
    tcase_add_test(t, every_failed_request_is_reported_and_leaks_nothing);
    suite_add_tcase(s, t);
    return run_suite(s);
}
