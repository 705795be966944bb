/* Sizes that a network leaves open, solved for. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "runtime/ops/sizes.h"
#include "tests/unit/net.h"
#include "tests/unit/starve.h"
#include "tests/unit/suite.h"

#define DIMS(...) (const int64_t[]){__VA_ARGS__}

static struct inn_heap *heap;
static struct inn_graph *g;
static struct inn_arena arena;
static struct inn_sizes sizes;
static struct inn_error err;

static void setup(void)
{
    heap = inn_heap_new((size_t)64 << 20);
    inn_arena_init(&arena, heap);
    ck_assert_int_eq(inn_graph_new(&g, heap, NULL), INN_OK);
}

static void teardown(void)
{
    inn_arena_free(&arena);
    inn_graph_free(g);
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}

static enum inn_status solve(const struct inn_binding *given, size_t n)
{
    return inn_sizes_solve(&sizes, g, given, n, NULL, 0, 224, &arena, &err);
}

/* The size found for an input, as text. */
static const char *size_of(const char *name)
{
    static char text[INN_SHAPE_TEXT];
    size_t i;

    for (i = 0; i < sizes.n; i++) {
        if (strcmp(sizes.bindings[i].name, name) == 0)
            return inn_shape_text(text, sizes.bindings[i].rank,
                                  sizes.bindings[i].dims);
    }
    return "?";
}

/* [N, L, 8], L open under this symbol, which may be NULL. */
static void add_text(const char *name, const char *symbol)
{
    int v = net_input(g, name, INN_F32, 3, DIMS(-1, -1, 8), symbol);

    g->values[v].dims[0].symbol = "N";
}

/* The first L rows of a table of so many, added to x: L <= rows. */
static void add_table(const char *x, int64_t rows, const char *y)
{
    char name[40], sum[64];

    snprintf(name, sizeof(name), "table_%s", y);
    net_init(g, name, INN_F32, 3, DIMS(1, rows, 8), NULL);
    net_init(g, "zero", INN_I64, 1, DIMS(1), (int64_t[]){0});
    net_init(g, "one", INN_I64, 1, DIMS(1), (int64_t[]){1});
    net_init(g, "two", INN_I64, 1, DIMS(1), (int64_t[]){2});
    snprintf(sum, sizeof(sum), "shape_%s", y);
    net_node(g, "Shape", 13, x, sum);
    snprintf(sum, sizeof(sum), "shape_%s one two", y);
    snprintf(name, sizeof(name), "length_%s", y);
    net_node(g, "Slice", 13, sum, name);
    snprintf(sum, sizeof(sum), "table_%s zero length_%s one", y, y);
    snprintf(name, sizeof(name), "rows_%s", y);
    net_node(g, "Slice", 13, sum, name);
    snprintf(sum, sizeof(sum), "%s rows_%s", x, y);
    net_node(g, "Add", 13, sum, y);
}

/* x [N, 3, ?, ?] -> Conv 4x3x1x1 of stride -> Flatten -> MatMul [rows, 2] */
static void add_flatten(int64_t stride, int64_t rows)
{
    int conv;

    net_input(g, "x", INN_F32, 4, DIMS(-1, 3, -1, -1), NULL);
    net_init(g, "w", INN_F32, 4, DIMS(4, 3, 1, 1), NULL);
    conv = net_node(g, "Conv", 11, "x w", "c");
    ck_assert_int_eq(inn_node_set_ints(g, &g->nodes[conv], "strides",
                                       DIMS(stride, stride), 2, NULL),
                     INN_OK);
    net_node(g, "Flatten", 13, "c", "f");
    net_init(g, "m", INN_F32, 2, DIMS(rows, 2), NULL);
    net_node(g, "MatMul", 13, "f m", "y");
}

START_TEST(what_fits_is_one_for_batches_and_the_default_beside)
{
    int v = net_input(g, "x", INN_F32, 4, DIMS(-1, 3, -1, -1), NULL);

    net_input(g, "fixed", INN_F32, 2, DIMS(4, 5), NULL);
    net_node(g, "Relu", 13, "x", "y");
    ck_assert_int_eq(solve(NULL, 0), INN_OK);
    ck_assert(sizes.fits && sizes.assumed);
    ck_assert_uint_eq(sizes.n, 2);
    ck_assert_str_eq(size_of("x"), "1x3x224x224");
    ck_assert_str_eq(size_of("fixed"), "4x5");
    ck_assert_uint_eq(sizes.chosen[0], 1u | 4u | 8u);
    ck_assert_str_eq(inn_sizes_text(&sizes, g, &arena, &err),
                     "x 1x3x224x224 (height, width are open); --input-shape "
                     "x:1,3,H,W");
    /* A batch alone is no guess to speak of. */
    g->values[v].dims[2].size = g->values[v].dims[3].size = 8;
    ck_assert_int_eq(solve(NULL, 0), INN_OK);
    ck_assert(sizes.fits && !sizes.assumed);
    ck_assert_str_eq(size_of("x"), "1x3x8x8");
}
END_TEST

START_TEST(table_bounds_a_length_from_above)
{
    static const int64_t rows[] = {64, 77, 100, 5, 224, 512};
    char want[40];
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        teardown();
        setup();
        add_text("x", "L");
        add_table("x", rows[i], "y");
        ck_assert_int_eq(solve(NULL, 0), INN_OK);
        ck_assert(sizes.fits);
        snprintf(want, sizeof(want), "1x%lldx8",
                 (long long)(rows[i] < 224 ? rows[i] : 224));
        ck_assert_str_eq(size_of("x"), want);
        ck_assert(sizes.assumed);
    }
}
END_TEST

START_TEST(known_indices_bound_the_length_of_a_table)
{
    net_input(g, "ids", INN_I64, 2, DIMS(-1, -1), NULL);
    net_init(g, "table", INN_F32, 2, DIMS(48, 8), NULL);
    net_init(g, "zero", INN_I64, 0, NULL, (int64_t[]){0});
    net_init(g, "one", INN_I64, 0, NULL, (int64_t[]){1});
    net_node(g, "Shape", 13, "ids", "shape");
    net_node(g, "Gather", 13, "shape one", "length");
    net_node(g, "Range", 11, "zero length one", "positions");
    net_node(g, "Gather", 13, "table positions", "y");
    ck_assert_int_eq(solve(NULL, 0), INN_OK);
    ck_assert(sizes.fits && sizes.assumed);
    ck_assert_str_eq(size_of("ids"), "1x48");
}
END_TEST

START_TEST(flatten_in_front_of_a_weight_fixes_both_sides)
{
    static const struct {
        int64_t stride, side;
    } cases[] = {{1, 32}, {1, 17}, {2, 37}, {1, 299}, {8, 1200}};
    int64_t out, h;
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        teardown();
        setup();
        out = (cases[i].side - 1) / cases[i].stride + 1;
        add_flatten(cases[i].stride, 4 * out * out);
        ck_assert_int_eq(solve(NULL, 0), INN_OK);
        ck_assert(sizes.fits && sizes.assumed);
        h = sizes.bindings[0].dims[2];
        ck_assert_int_eq(h, sizes.bindings[0].dims[3]);
        ck_assert_int_eq((h - 1) / cases[i].stride + 1, out);
    }
}
END_TEST

START_TEST(length_that_can_only_be_one_is_no_guess)
{
    static const int64_t lengths[] = {777, 15600, 1, 1000003};
    char want[40];
    size_t i;

    for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        teardown();
        setup();
        net_input(g, "x", INN_F32, 2, DIMS(-1, -1), NULL);
        net_init(g, "w", INN_F32, 2, DIMS(lengths[i], 2), NULL);
        net_node(g, "MatMul", 13, "x w", "y");
        ck_assert_int_eq(solve(NULL, 0), INN_OK);
        snprintf(want, sizeof(want), "1x%lld", (long long)lengths[i]);
        ck_assert_str_eq(size_of("x"), want);
        ck_assert(sizes.fits && !sizes.assumed);
    }
}
END_TEST

START_TEST(one_axis_alone_is_solved_for_too)
{
    net_input(g, "x", INN_F32, 1, DIMS(-1), NULL);
    net_init(g, "w", INN_F32, 1, DIMS(640), NULL);
    net_init(g, "shape", INN_I64, 1, DIMS(2), (int64_t[]){2, 320});
    net_node(g, "Reshape", 13, "x shape", "y");
    ck_assert_int_eq(solve(NULL, 0), INN_OK);
    ck_assert_str_eq(size_of("x"), "640");
}
END_TEST

START_TEST(lengths_that_must_agree_are_found_together)
{
    add_text("x", NULL);
    add_text("z", NULL);
    add_table("x", 50, "p");
    net_node(g, "Mul", 13, "p z", "y");
    ck_assert_int_eq(solve(NULL, 0), INN_OK);
    ck_assert(sizes.fits);
    ck_assert_str_eq(size_of("x"), "1x50x8");
    ck_assert_str_eq(size_of("z"), "1x50x8");
}
END_TEST

START_TEST(two_symbols_have_sizes_of_their_own)
{
    add_text("x", "L");
    add_text("z", "M");
    add_table("x", 50, "p");
    add_table("z", 20, "q");
    ck_assert_int_eq(solve(NULL, 0), INN_OK);
    ck_assert(sizes.fits && sizes.assumed);
    /* The first unit is both alike. */
    ck_assert_str_eq(size_of("z"), "1x20x8");
}
END_TEST

START_TEST(length_of_two_joined_is_their_sum)
{
    int cat;

    add_text("x", "new");
    add_text("past", "past");
    add_text("mask", "total");
    cat = net_node(g, "Concat", 13, "past x", "all");
    net_int(g, cat, "axis", 1);
    net_node(g, "Add", 13, "all mask", "y");
    ck_assert_int_eq(solve(NULL, 0), INN_OK);
    ck_assert(sizes.fits && sizes.assumed);
    ck_assert_str_eq(size_of("mask"), "1x448x8");
    ck_assert_str_eq(inn_sizes_text(&sizes, g, &arena, &err),
                     "x 1x224x8, past 1x224x8, mask 1x448x8 (new, past, total "
                     "are open); --input-shape x:1,N,8");
}
END_TEST

START_TEST(what_is_given_stands_and_what_is_usual_comes_first)
{
    const struct inn_binding given = {"L", -1, {30}};
    const struct inn_binding usual = {"x", 3, {1, 40, 8}};

    add_text("x", "L");
    add_table("x", 64, "y");
    ck_assert_int_eq(solve(&given, 1), INN_OK);
    ck_assert_str_eq(size_of("x"), "1x30x8");
    ck_assert(!sizes.assumed);
    ck_assert_uint_eq(sizes.chosen[0], 1);
    ck_assert_int_eq(inn_sizes_solve(&sizes, g, NULL, 0, &usual, 1, 224,
                                     &arena, &err), INN_OK);
    ck_assert_str_eq(size_of("x"), "1x40x8");
    ck_assert(sizes.fits && !sizes.assumed);
    ck_assert_int_eq(inn_sizes_solve(&sizes, g, &given, 1, &usual, 1, 224,
                                     &arena, &err), INN_OK);
    ck_assert_str_eq(size_of("x"), "1x30x8");
    ck_assert_int_eq(solve(&(struct inn_binding){"M", -1, {3}}, 1),
                     INN_ERR_ARGUMENT);
}
END_TEST

START_TEST(usual_size_that_does_not_fit_gives_way)
{
    const struct inn_binding usual = {"x", 3, {1, 300, 8}};

    add_text("x", "L");
    add_table("x", 64, "y");
    ck_assert_int_eq(inn_sizes_solve(&sizes, g, NULL, 0, &usual, 1, 224,
                                     &arena, &err), INN_OK);
    ck_assert_str_eq(size_of("x"), "1x64x8");
    ck_assert(sizes.fits && sizes.assumed);
}
END_TEST

START_TEST(what_nothing_fits_keeps_the_first_contradiction)
{
    add_text("x", "L");
    net_init(g, "w", INN_F32, 2, DIMS(9, 2), NULL);
    net_node(g, "MatMul", 13, "x w", "y");
    ck_assert_int_eq(solve(NULL, 0), INN_OK);
    ck_assert(!sizes.fits);
    ck_assert_int_eq(sizes.why.status, INN_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(sizes.why.message, "MatMul"));
    ck_assert_str_eq(size_of("x"), "1x224x8");
    ck_assert_str_eq(inn_sizes_text(&sizes, g, &arena, &err),
                     "x 1x224x8 (L is open); --input-shape x:1,N,8");
}
END_TEST

/* Ends within the time that any test has. */
START_TEST(work_on_what_nothing_fits_is_bounded)
{
    char from[16] = "x0", to[16];
    int i;

    for (i = 0; i < 300; i++) {
        char name[16], symbol[16];

        snprintf(name, sizeof(name), "x%d", i);
        snprintf(symbol, sizeof(symbol), "L%d", i);
        add_text(name, inn_arena_strdup(&g->arena, symbol, NULL));
    }
    for (i = 0; i < 20000; i++) {
        snprintf(to, sizeof(to), "y%d", i);
        net_node(g, "Relu", 13, from, to);
        memcpy(from, to, sizeof(to));
    }
    net_init(g, "w", INN_F32, 2, DIMS(9, 2), NULL);
    snprintf(to, sizeof(to), "%s w", from);
    net_node(g, "MatMul", 13, to, "y");
    ck_assert_int_eq(solve(NULL, 0), INN_OK);
    ck_assert(!sizes.fits);
}
END_TEST

START_TEST(any_allocation_may_fail)
{
    struct starve s;

    add_text("x", "L");
    add_text("z", "M");
    add_table("x", 50, "p");
    add_table("z", 20, "q");
    s = starve(heap, 3, 100000);
    s.apart = 10;
    while (starving(&s)) {
        struct inn_arena own;

        inn_arena_init(&own, heap);
        s.st = inn_sizes_solve(&sizes, g, NULL, 0, NULL, 0, 224, &own,
                               s.err);
        if (s.st == INN_OK &&
            inn_sizes_text(&sizes, g, &own, s.err) == NULL)
            s.st = INN_ERR_MEMORY;
        inn_arena_free(&own);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("sizes");
    TCase *t = tcase_create("sizes");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, what_fits_is_one_for_batches_and_the_default_beside);
    tcase_add_test(t, table_bounds_a_length_from_above);
    tcase_add_test(t, known_indices_bound_the_length_of_a_table);
    tcase_add_test(t, flatten_in_front_of_a_weight_fixes_both_sides);
    tcase_add_test(t, length_that_can_only_be_one_is_no_guess);
    tcase_add_test(t, one_axis_alone_is_solved_for_too);
    tcase_add_test(t, lengths_that_must_agree_are_found_together);
    tcase_add_test(t, two_symbols_have_sizes_of_their_own);
    tcase_add_test(t, length_of_two_joined_is_their_sum);
    tcase_add_test(t, what_is_given_stands_and_what_is_usual_comes_first);
    tcase_add_test(t, usual_size_that_does_not_fit_gives_way);
    tcase_add_test(t, what_nothing_fits_keeps_the_first_contradiction);
    tcase_add_test(t, work_on_what_nothing_fits_is_bounded);
    tcase_add_test(t, any_allocation_may_fail);
    suite_add_tcase(s, t);
    return run_suite(s);
}
