/* What reasons for pinning cost, and the line where nothing is free. */
#include <check.h>
#include <string.h>

#include "runtime/grid/pins.h"
#include "tests/unit/starve.h"
#include "tests/unit/suite.h"
#include "tests/unit/tiny_model.h"

static struct inn_model *model;
static struct inn_arena arena;

static void setup(void)
{
    tiny_setup();
    model = tiny_build(0);
    ck_assert_ptr_nonnull(model);
    inn_arena_init(&arena, tiny_heap);
}

static void teardown(void)
{
    inn_arena_free(&arena);
    inn_model_free(model);
    tiny_teardown();
}

/* Pins axes of the first weights, which are then no longer free. */
static int64_t pin(int i, int weight, int axis, const char *reason)
{
    int v = model->weights[weight].value;

    model->pinned[i] = (struct inn_pinned){v, axis, 1, reason};
    model->n_pinned = i + 1;
    return (int64_t)inn_tensor_count(model->graph->values[v].init);
}

static void make_room(int n)
{
    model->pinned = inn_arena_alloc(&model->arena, (size_t)n,
                                    sizeof(*model->pinned), NULL);
    ck_assert_ptr_nonnull(model->pinned);
}

START_TEST(a_weight_with_a_free_axis_costs_nothing)
{
    struct inn_pin_cost *costs;
    int n, *order;

    ck_assert_int_eq(inn_pin_costs(&costs, &n, &order, model, &arena, NULL),
                     INN_OK);
    ck_assert_int_eq(n, 1);
    ck_assert_int_eq(costs[0].params, 0);
    ck_assert_int_eq(costs[0].axes, 1);
    ck_assert_int_eq(order[0], 0);
}
END_TEST

START_TEST(each_reason_costs_the_weights_that_it_holds)
{
    struct inn_pin_cost *costs;
    int64_t a, b;
    int n, *order;

    model->n_axes = model->n_groups = 0;
    make_room(4);
    b = pin(0, 1, 0, "second");
    a = pin(1, 0, 0, "first");
    pin(2, 0, 1, "first"); /* the same weight counts once */
    pin(3, 0, 1, "third"); /* and for another reason again */
    ck_assert_int_eq(inn_pin_costs(&costs, &n, &order, model, &arena, NULL),
                     INN_OK);
    ck_assert_int_eq(n, 3);
    ck_assert_int_gt(a, b);
    ck_assert_str_eq(costs[0].reason, "first");
    ck_assert_int_eq(costs[0].params, a);
    ck_assert_int_eq(costs[0].axes, 2);
    ck_assert_int_eq(costs[0].first, 1);
    ck_assert_str_eq(costs[1].reason, "third");
    ck_assert_int_eq(costs[1].params, a);
    ck_assert_str_eq(costs[2].reason, "second");
    ck_assert_int_eq(costs[2].params, b);
    ck_assert_int_eq(order[0], 1);
    ck_assert_int_eq(order[1], 2);
    ck_assert_int_eq(order[2], 3);
    ck_assert_int_eq(order[3], 0);
}
END_TEST

START_TEST(the_line_names_the_dearest_reasons_and_their_shares)
{
    static const char *const names[] = {"r0", "r1", "r2", "r3", "r4", "r5"};
    const char *line;
    int64_t all, free;
    int i;

    model->n_axes = model->n_groups = 0;
    make_room(6);
    inn_count_params(model, &all, &free);
    ck_assert_int_eq(free, 0);
    model->n_pinned = 0;
    ck_assert_int_eq(inn_nothing_free(&line, model, &arena, NULL), INN_OK);
    ck_assert_str_eq(line, "nothing can be resized: no operator that we know "
                     "computes channels from the parameters");
    for (i = 0; i < model->n_weights; i++)
        pin(i, i, 0, "a network output");
    ck_assert_int_eq(inn_nothing_free(&line, model, &arena, NULL), INN_OK);
    ck_assert_str_eq(line, "nothing can be resized: 100.0 % of the parameters "
                     "are pinned (a network output)");
    for (i = 0; i < 6; i++)
        pin(i, 0, 0, names[i]);
    ck_assert_int_eq(inn_nothing_free(&line, model, &arena, NULL), INN_OK);
    ck_assert_ptr_nonnull(strstr(line, "(r0), "));
    ck_assert_ptr_nonnull(strstr(line, "% (r3); 2 more reasons"));
    model->n_weights = 0;
    ck_assert_int_eq(inn_nothing_free(&line, model, &arena, NULL), INN_OK);
    ck_assert_str_eq(line, "nothing can be resized: the network has no "
                     "parameters");
}
END_TEST

START_TEST(every_request_may_fail)
{
    struct starve s = starve(tiny_heap, 1, 40);
    const char *line;

    while (starving(&s)) {
        struct inn_arena own;

        inn_arena_init(&own, tiny_heap);
        s.st = inn_nothing_free(&line, model, &own, s.err);
        inn_arena_free(&own);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pins");
    TCase *t = tcase_create("pins");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_weight_with_a_free_axis_costs_nothing);
    tcase_add_test(t, each_reason_costs_the_weights_that_it_holds);
    tcase_add_test(t, the_line_names_the_dearest_reasons_and_their_shares);
    tcase_add_test(t, every_request_may_fail);
    suite_add_tcase(s, t);
    return run_suite(s);
}
