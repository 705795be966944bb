/* The capped heap and the arena on top of it. */
#include <check.h>
#include <string.h>

#include "runtime/base/arena.h"
#include "runtime/base/heap.h"
#include "runtime/base/machine.h"
#include "tests/unit/suite.h"

START_TEST(ceiling_is_kept_and_named)
{
    struct inn_heap *heap = inn_heap_new(4096);
    struct inn_error err = {0};
    void *a = inn_alloc(heap, 1, 1024, &err);

    ck_assert_ptr_nonnull(a);
    ck_assert_ptr_null(inn_alloc(heap, 4, 1024, &err));
    ck_assert_int_eq(err.status, INN_ERR_LIMIT);
    ck_assert_ptr_nonnull(strstr(err.message, "4096"));
    inn_free(heap, a);
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    ck_assert_uint_ge(inn_heap_peak(heap), 1024);
    inn_heap_free(heap);
}
END_TEST

START_TEST(ceiling_by_default_is_what_the_machine_can_give)
{
    size_t machine = inn_machine_memory(), most = inn_heap_default();
    struct inn_heap *heap = inn_heap_new(0);

    ck_assert_uint_gt(most, 0);
    ck_assert_uint_le(most, INN_HEAP_DEFAULT_CEILING);
    ck_assert(most == INN_HEAP_DEFAULT_CEILING || most < machine);
    ck_assert_uint_eq(inn_heap_left(heap), most);
    inn_heap_free(heap);
}
END_TEST

START_TEST(product_that_overflows_is_refused)
{
    struct inn_heap *heap = inn_heap_new(0);
    struct inn_error err = {0};

    ck_assert_ptr_null(inn_alloc(heap, SIZE_MAX / 2, 3, &err));
    ck_assert_int_eq(err.status, INN_ERR_LIMIT);
    ck_assert_ptr_null(inn_alloc(heap, SIZE_MAX, 1, NULL));
    inn_heap_free(heap);
}
END_TEST

START_TEST(nth_request_fails_once)
{
    struct inn_heap *heap = inn_heap_new(0);
    struct inn_error err = {0};
    void *a, *b;

    inn_heap_fail_at(heap, 2);
    a = inn_alloc(heap, 1, 8, &err);
    ck_assert_ptr_nonnull(a);
    ck_assert_ptr_null(inn_alloc(heap, 1, 8, &err));
    ck_assert_int_eq(err.status, INN_ERR_MEMORY);
    b = inn_alloc(heap, 1, 8, &err);
    ck_assert_ptr_nonnull(b);
    inn_free(heap, a);
    inn_free(heap, b);
    inn_heap_free(heap);
}
END_TEST

START_TEST(arena_blocks_are_apart_zeroed_and_aligned)
{
    struct inn_heap *heap = inn_heap_new(0);
    struct inn_arena arena;
    size_t i, j;

    inn_arena_init(&arena, heap);
    for (i = 1; i < 40000; i = i * 3 + 1) {
        unsigned char *p = inn_arena_alloc(&arena, i, 1, NULL);

        ck_assert_ptr_nonnull(p);
        ck_assert_uint_eq((uintptr_t)p % 16, 0);
        for (j = 0; j < i; j++)
            ck_assert_uint_eq(p[j], 0);
        memset(p, 0xff, i);
    }
    inn_arena_free(&arena);
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("heap");
    TCase *t = tcase_create("heap");

    tcase_add_test(t, ceiling_is_kept_and_named);
    tcase_add_test(t, ceiling_by_default_is_what_the_machine_can_give);
    tcase_add_test(t, product_that_overflows_is_refused);
    tcase_add_test(t, nth_request_fails_once);
    tcase_add_test(t, arena_blocks_are_apart_zeroed_and_aligned);
    suite_add_tcase(s, t);
    return run_suite(s);
}
