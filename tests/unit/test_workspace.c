/* Placing activations: offsets from sizes and lifetimes. */
#include <check.h>
#include <string.h>

#include "runtime/exec/memory.h"
#include "tests/unit/starve.h"
#include "tests/unit/suite.h"

#define MOST 200

/* A generator of our own, so that a seed means the same everywhere. */
static uint32_t next(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static size_t rounded(size_t bytes)
{
    return (bytes + INN_MEMORY_ALIGN - 1) / INN_MEMORY_ALIGN *
           INN_MEMORY_ALIGN;
}

static void check_apart(const struct inn_buffer *b, size_t n, size_t total)
{
    size_t i, j, sum = 0;

    for (i = 0; i < n; i++) {
        sum += rounded(b[i].bytes);
        ck_assert_uint_eq(b[i].offset % INN_MEMORY_ALIGN, 0);
        ck_assert_uint_le(b[i].offset + b[i].bytes, total);
        for (j = 0; j < i; j++) {
            bool together = b[i].first <= b[j].last &&
                            b[j].first <= b[i].last;
            bool apart = b[i].offset + b[i].bytes <= b[j].offset ||
                         b[j].offset + b[j].bytes <= b[i].offset;

            ck_assert(!together || apart || b[i].bytes == 0 ||
                      b[j].bytes == 0);
        }
    }
    ck_assert_uint_le(total, sum);
}

/* The largest sum of what is alive at one step: no plan can do with less. */
static size_t floor_of(const struct inn_buffer *b, size_t n, int steps)
{
    size_t most = 0, i;
    int step;

    for (step = 0; step < steps; step++) {
        size_t sum = 0;

        for (i = 0; i < n; i++) {
            if (b[i].first <= step && step <= b[i].last)
                sum += rounded(b[i].bytes);
        }
        if (sum > most)
            most = sum;
    }
    return most;
}

START_TEST(live_buffers_never_overlap)
{
    struct inn_heap *heap = inn_heap_new(0);
    struct inn_buffer b[MOST];
    uint32_t seed = (uint32_t)_i;
    size_t n = next(&seed) % MOST + 1, total, i;
    int steps = (int)(next(&seed) % 60) + 1;

    memset(b, 0, sizeof(b));
    for (i = 0; i < n; i++) {
        b[i].bytes = next(&seed) % 5 == 0 ? 0 : next(&seed) % 5000;
        b[i].first = (int)(next(&seed) % (uint32_t)steps);
        b[i].last = b[i].first + (int)(next(&seed) % 6);
    }
    ck_assert_int_eq(inn_memory_plan(b, n, &total, heap, NULL), INN_OK);
    check_apart(b, n, total);
    ck_assert_uint_ge(total, floor_of(b, n, steps + 6));
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}
END_TEST

START_TEST(a_chain_needs_two_buffers)
{
    struct inn_heap *heap = inn_heap_new(0);
    struct inn_buffer b[10];
    size_t total;
    int i;

    for (i = 0; i < 10; i++) {
        b[i].bytes = 1000;
        b[i].first = i;
        b[i].last = i + 1;
    }
    ck_assert_int_eq(inn_memory_plan(b, 10, &total, heap, NULL), INN_OK);
    ck_assert_uint_eq(total, 2 * 1024);
    inn_heap_free(heap);
}
END_TEST

START_TEST(the_smallest_gap_that_fits_is_taken)
{
    struct inn_heap *heap = inn_heap_new(0);
    /* Alive at step 1 remain gaps of 640 (left by b) and 128 (left by d). */
    struct inn_buffer b[] = {
        {1024, 0, 1, 0}, {640, 0, 0, 0}, {512, 0, 1, 0},
        {128, 0, 0, 0},  {110, 0, 1, 0}, {100, 1, 1, 0},
    };
    size_t total;

    ck_assert_int_eq(inn_memory_plan(b, 6, &total, heap, NULL), INN_OK);
    check_apart(b, 6, total);
    ck_assert_uint_eq(total, 1024 + 640 + 512 + 128 + 128);
    ck_assert_uint_eq(b[5].offset, b[3].offset);
    inn_heap_free(heap);
}
END_TEST

START_TEST(nothing_needs_nothing)
{
    struct inn_heap *heap = inn_heap_new(0);
    size_t total = 1;

    ck_assert_int_eq(inn_memory_plan(NULL, 0, &total, heap, NULL), INN_OK);
    ck_assert_uint_eq(total, 0);
    inn_heap_free(heap);
}
END_TEST

START_TEST(sizes_that_overflow_are_refused)
{
    struct inn_heap *heap = inn_heap_new(0);
    struct inn_buffer b[] = {{SIZE_MAX - 100, 0, 1, 0}, {4096, 5, 6, 0}};
    struct inn_error err = {0};
    size_t total;

    ck_assert_int_eq(inn_memory_plan(b, 2, &total, heap, &err),
                     INN_ERR_LIMIT);
    ck_assert_int_eq(err.status, INN_ERR_LIMIT);
    inn_heap_free(heap);
}
END_TEST

START_TEST(each_failing_request_is_reported)
{
    struct inn_heap *heap = inn_heap_new(0);
    struct inn_buffer b[3] = {{10, 0, 1, 0}, {20, 1, 2, 0}, {30, 2, 3, 0}};
    struct starve s = starve(heap, 2, 2);
    size_t total;

    while (starving(&s))
        s.st = inn_memory_plan(b, 3, &total, heap, s.err);
    inn_heap_free(heap);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("workspace");
    TCase *t = tcase_create("workspace");

    tcase_add_loop_test(t, live_buffers_never_overlap, 0, 60);
    tcase_add_test(t, a_chain_needs_two_buffers);
    tcase_add_test(t, the_smallest_gap_that_fits_is_taken);
    tcase_add_test(t, nothing_needs_nothing);
    tcase_add_test(t, sizes_that_overflow_are_refused);
    tcase_add_test(t, each_failing_request_is_reported);
    suite_add_tcase(s, t);
    return run_suite(s);
}
