/* Names to numbers. */
#include <check.h>
#include <stdio.h>

#include "runtime/base/map.h"
#include "tests/unit/suite.h"

START_TEST(absent_keys_give_minus_1)
{
    struct inn_heap *heap = inn_heap_new(0);
    struct inn_arena arena;
    struct inn_map map;

    inn_arena_init(&arena, heap);
    inn_map_init(&map, &arena);
    ck_assert_int_eq(inn_map_get(&map, "a"), -1);
    ck_assert_int_eq(inn_map_put(&map, "", 0, NULL), INN_OK);
    ck_assert_int_eq(inn_map_get(&map, "a"), -1);
    ck_assert_int_eq(inn_map_get(&map, ""), 0);
    inn_arena_free(&arena);
    inn_heap_free(heap);
}
END_TEST

START_TEST(many_keys_are_kept_apart_and_replaced)
{
    enum { KEYS = 5000 };
    struct inn_heap *heap = inn_heap_new(0);
    struct inn_arena arena;
    struct inn_map map;
    char text[16];
    int i;

    inn_arena_init(&arena, heap);
    inn_map_init(&map, &arena);
    for (i = 0; i < KEYS; i++)
        ck_assert_int_eq(inn_map_put(&map, inn_arena_printf(&arena, NULL,
                                                            "key%d", i),
                                     i, NULL), INN_OK);
    for (i = 0; i < KEYS; i += 2) {
        snprintf(text, sizeof(text), "key%d", i);
        ck_assert_int_eq(inn_map_put(&map, text, i + 1, NULL), INN_OK);
    }
    ck_assert_uint_eq(map.count, KEYS);
    for (i = 0; i < KEYS; i++) {
        snprintf(text, sizeof(text), "key%d", i);
        ck_assert_int_eq(inn_map_get(&map, text), i % 2 ? i : i + 1);
    }
    inn_arena_free(&arena);
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}
END_TEST

START_TEST(failed_growth_leaves_what_was_there)
{
    struct inn_heap *heap = inn_heap_new(0);
    char keys[64][8];
    struct inn_arena arena;
    struct inn_map map;
    int i, st = INN_OK;

    inn_arena_init(&arena, heap);
    inn_map_init(&map, &arena);
    for (i = 0; i < 64 && st == INN_OK; i++) {
        snprintf(keys[i], sizeof(keys[i]), "%d", i);
        if (i == 32)
            inn_heap_fail_at(heap, 1);
        st = (int)inn_map_put(&map, keys[i], i, NULL);
    }
    /* Small slots may still fit the arena's chunk: then nothing fails. */
    while (i-- > 0 && st == INN_OK)
        ck_assert_int_eq(inn_map_get(&map, keys[i]), i);
    while (st != INN_OK && i-- > 0)
        ck_assert_int_eq(inn_map_get(&map, keys[i]), i);
    inn_arena_free(&arena);
    inn_heap_free(heap);
}
END_TEST

START_TEST(a_refused_put_says_who_refused)
{
    struct inn_heap *heap = inn_heap_new(1 << 10); /* below one chunk */
    struct inn_error err = {INN_OK, ""};
    struct inn_arena arena;
    struct inn_map map;

    inn_arena_init(&arena, heap);
    inn_map_init(&map, &arena);
    ck_assert_int_eq(inn_map_put(&map, "a", 1, &err), INN_ERR_LIMIT);
    ck_assert_int_eq(err.status, INN_ERR_LIMIT);
    ck_assert_int_eq(inn_map_put(&map, "a", 1, NULL), INN_ERR_LIMIT);
    inn_heap_fail_at(heap, 1);
    ck_assert_int_eq(inn_map_put(&map, "a", 1, &err), INN_ERR_MEMORY);
    ck_assert_int_eq(err.status, INN_ERR_MEMORY);
    ck_assert_int_eq(inn_map_get(&map, "a"), -1);
    inn_arena_free(&arena);
    inn_heap_free(heap);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("map");
    TCase *t = tcase_create("map");

    tcase_add_test(t, absent_keys_give_minus_1);
    tcase_add_test(t, many_keys_are_kept_apart_and_replaced);
    tcase_add_test(t, failed_growth_leaves_what_was_there);
    tcase_add_test(t, a_refused_put_says_who_refused);
    suite_add_tcase(s, t);
    return run_suite(s);
}
