/* Widths from requests, budgets and files, on the network of grid_model.h. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/grid_model.h"
#include "tests/unit/starve.h"
#include "runtime/grid/plan.h"
#include "tests/unit/suite.h"

#define FILE_NAME "test_plan.tmp.json"

static struct inn_heap *heap;
static struct inn_model *model;

static void setup(void)
{
    model = grid_start(&heap);
}

static void teardown(void)
{
    grid_end(model, heap);
    remove(FILE_NAME);
}

static void assert_widths(const struct inn_width_request *request, int64_t t,
                          int64_t p, int64_t u)
{
    struct inn_error err = {0};
    struct inn_plan plan;

    ck_assert_msg(inn_plan_make(&plan, model, request, &err) == INN_OK, "%s",
                  err.message);
    ck_assert_int_eq(plan.n_groups, 3);
    ck_assert_int_eq(plan.widths[GRID_T], t);
    ck_assert_int_eq(plan.widths[GRID_P], p);
    ck_assert_int_eq(plan.widths[GRID_U], u);
    ck_assert_int_eq(plan.partition, INN_PARTITION_UNIFORM);
    ck_assert_int_eq(plan.quadrature, INN_QUAD_TRAPEZOID);
    inn_plan_free(&plan);
}

static void assert_refused(const struct inn_width_request *request,
                           const char *message)
{
    struct inn_error err = {0};
    struct inn_plan plan;

    ck_assert_int_eq(inn_plan_make(&plan, model, request, &err),
                     INN_ERR_RANGE);
    ck_assert_str_eq(err.message, message);
    ck_assert_ptr_null(plan.widths);
    inn_plan_free(&plan);
}

START_TEST(factors_round_to_the_nearest_width)
{
    struct inn_width_request r = {0};

    assert_widths(&r, 6, 4, 4);
    r.width = 0.5;
    assert_widths(&r, 3, 2, 2);
    r.width = 0.7;
    assert_widths(&r, 4, 3, 3);
    r.width = 4.0;
    assert_widths(&r, 24, 16, 16);
    /* Every block keeps a channel: one of four would starve the second. */
    r.width = 0.1;
    assert_widths(&r, 1, 2, 1);
    r.min = 3;
    assert_widths(&r, 3, 3, 3);
    r.min = 5;
    assert_widths(&r, 5, 4, 4);
}
END_TEST

START_TEST(widths_are_multiples_where_asked_and_in_wide_groups)
{
    struct inn_width_request r = {.width = 0.5, .round = 4};

    assert_widths(&r, 4, 4, 4);
    r.width = 1.0;
    assert_widths(&r, 6, 4, 4);
    r.width = 2.0;
    assert_widths(&r, 12, 8, 8);
    /* 64 channels and more: eights by default. */
    r.round = 0;
    r.width = 0.7;
    model->groups[GRID_U].size = model->groups[GRID_U].first[1] = 102;
    assert_widths(&r, 4, 3, 72);
    r.width = 0.99;
    assert_widths(&r, 6, 4, 102);
    r.round = 1;
    r.width = 0.7;
    assert_widths(&r, 4, 3, 71);
}
END_TEST

START_TEST(a_single_channel_is_not_widened)
{
    const struct inn_width_rule twice = {"side", 2.0, true};
    const struct inn_width_rule two = {"side", 2, false};
    const struct inn_width_rule one = {"side", 1, false};
    struct inn_width_request r = {.width = 4.0};
    struct inn_error err = {0};

    model->groups[GRID_U].size = model->groups[GRID_U].first[1] = 1;
    assert_widths(&r, 24, 16, 1);
    r.round = 8;
    assert_widths(&r, 24, 16, 1);
    r.width = 0.5;
    r.round = 0;
    r.min = 2;
    assert_widths(&r, 3, 2, 1);
    memset(&r, 0, sizeof(r));
    r.rules = &twice;
    r.n_rules = 1;
    assert_widths(&r, 6, 4, 1);
    r.rules = &one;
    assert_widths(&r, 6, 4, 1);
    r.rules = &two;
    assert_refused(&r, "group 'side': width 2 is not that of its single "
                       "channel");
    ck_assert_int_eq(inn_plan_check(model, GRID_U, 1, &err), INN_OK);
    ck_assert_int_eq(inn_plan_check(model, GRID_U, 2, &err), INN_ERR_RANGE);
    ck_assert_int_eq(inn_plan_check(model, GRID_U, 0, &err), INN_ERR_RANGE);
}
END_TEST

START_TEST(later_rules_win_and_globs_choose)
{
    const struct inn_width_rule rules[] = {
        {"*", 0.5, true}, {"trunk", 5, false}, {"?ide", 3, false},
        {"side", 1.0, true}};
    struct inn_width_request r = {.rules = rules, .n_rules = 4};
    const char *only[] = {"side", "p*"}, *freeze[] = {"t*"};

    assert_widths(&r, 5, 2, 4);
    r.n_rules = 3;
    assert_widths(&r, 5, 2, 3);
    r.n_rules = 0;
    r.width = 0.5;
    r.only = only;
    r.n_only = 1;
    assert_widths(&r, 6, 4, 2);
    r.n_only = 2;
    assert_widths(&r, 6, 2, 2);
    r.n_only = 0;
    r.freeze = freeze;
    r.n_freeze = 1;
    assert_widths(&r, 6, 2, 2);
}
END_TEST

START_TEST(requests_that_make_no_sense_say_what_would_work)
{
    struct inn_width_rule rule = {"nope", 3, false};
    struct inn_width_request r = {.rules = &rule, .n_rules = 1};
    const char *globs[] = {"trunk", "layer*"};

    assert_refused(&r, "no group matches 'nope'; there are 'trunk', "
                       "'padded', 'side'");
    rule.glob = "side";
    rule.value = 17;
    assert_refused(&r, "group 'side': width 17 is not a whole number in "
                       "1..16 (4 x 4)");
    rule.value = 2.5;
    assert_refused(&r, "group 'side': width 2.5 is not a whole number in "
                       "1..16 (4 x 4)");
    rule.is_factor = true;
    rule.value = 4.5;
    assert_refused(&r, "width 4.5 for 'side' is not in (0, 4]");
    rule = (struct inn_width_rule){"padded", 1, false};
    assert_refused(&r, "group 'padded': width 1 leaves one of its 2 blocks "
                       "without a channel");
    rule = (struct inn_width_rule){"trunk", 2, false};
    r.freeze = globs;
    r.n_freeze = 1;
    assert_refused(&r, "every group that 'trunk' matches is frozen");
    r.n_freeze = 2;
    assert_refused(&r, "no group matches 'layer*'; there are 'trunk', "
                       "'padded', 'side'");
    r = (struct inn_width_request){.width = -1.0};
    assert_refused(&r, "width -1 for '*' is not in (0, 4]");
    r = (struct inn_width_request){.round = -8};
    assert_refused(&r, "widths in multiples of -8, at least 0: neither may "
                       "be negative");
    r = (struct inn_width_request){.budget = INN_BUDGET_PARAMS,
                                   .budget_value = 3.0};
    assert_refused(&r, "a budget of parameters is a share of the whole, in "
                       "(0, 1]; 3 is not");
    r.budget_value = 0.01;
    assert_refused(&r, "a budget of 7 parameters can't be met: the least "
                       "widths have 173");
    r = (struct inn_width_request){.budget = INN_BUDGET_BYTES,
                                   .budget_value = 0.0};
    assert_refused(&r, "a budget of 0 bytes is none");
}
END_TEST

START_TEST(costs_are_as_counted_by_hand)
{
    static const int64_t full[3] = {6, 4, 4}, half[3] = {3, 2, 2},
                         bad[3] = {0, 2, 2};
    struct inn_error err = {0};
    struct inn_cost cost;

    /* w1 18, b1 6, w2 60, g 10, w3 24, w4 448, b4 2, w5 128 */
    ck_assert_int_eq(inn_plan_cost(&cost, model, full, NULL), INN_OK);
    ck_assert_int_eq(cost.params, 696);
    ck_assert_int_eq(cost.bytes, 4 * 696);
    /* 16 (6·3 + 10·6 + 4·6) + 448 + 128 */
    ck_assert_int_eq(cost.macs, 2208);
    /* 9 + 3 + 15 + 5 + 6 + 224 + 2 + 64; 16 (9 + 15 + 6) + 224 + 64 */
    ck_assert_int_eq(inn_plan_cost(&cost, model, half, NULL), INN_OK);
    ck_assert_int_eq(cost.params, 328);
    ck_assert_int_eq(cost.macs, 768);
    ck_assert_int_eq(inn_plan_cost(&cost, model, bad, &err), INN_ERR_RANGE);
    ck_assert_str_eq(err.message,
                     "group 'trunk': width 0 is not in 1..24 (4 x 6)");
}
END_TEST

/* The widths of the largest of 1000 factors that fits. */
START_TEST(a_budget_is_met_by_the_largest_factor_that_fits)
{
    static const struct {
        enum inn_budget budget;
        double value, limit;
    } cases[] = {{INN_BUDGET_PARAMS, 0.5, 348.0},
                 {INN_BUDGET_PARAMS, 0.83, 577.68},
                 {INN_BUDGET_MACS, 0.4, 883.2},
                 {INN_BUDGET_MACS, 1.0, 2208.0},
                 {INN_BUDGET_BYTES, 2000.0, 2000.0},
                 {INN_BUDGET_BYTES, 1e9, 1e9}};
    size_t i;
    int f;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct inn_width_request r = {0};
        struct inn_plan plan;
        bool found = false;

        for (f = 1000; f > 0 && !found; f--) {
            struct inn_cost cost;
            double value;

            r.width = f / 1000.0;
            r.budget = INN_BUDGET_NONE;
            ck_assert_int_eq(inn_plan_make(&plan, model, &r, NULL), INN_OK);
            ck_assert_int_eq(inn_plan_cost(&cost, model, plan.widths, NULL),
                             INN_OK);
            value = (double)(cases[i].budget == INN_BUDGET_MACS ? cost.macs
                             : cases[i].budget == INN_BUDGET_BYTES
                                 ? cost.bytes : cost.params);
            if (value <= cases[i].limit) {
                found = true;
                r.width = 0.0;
                r.budget = cases[i].budget;
                r.budget_value = cases[i].value;
                assert_widths(&r, plan.widths[0], plan.widths[1],
                              plan.widths[2]);
            }
            inn_plan_free(&plan);
        }
        ck_assert(found);
    }
}
END_TEST

START_TEST(a_plan_file_gives_back_its_widths)
{
    struct inn_width_rule rule = {"padded", 3, false};
    struct inn_width_request r = {.width = 0.5, .rules = &rule, .n_rules = 1};
    struct inn_plan plan, again;
    struct inn_error err = {0};

    ck_assert_int_eq(inn_plan_make(&plan, model, &r, NULL), INN_OK);
    ck_assert_msg(inn_plan_write(&plan, model, FILE_NAME, true, &err) ==
                  INN_OK, "%s", err.message);
    ck_assert_int_eq(inn_plan_write(&plan, model, FILE_NAME, false, NULL),
                     INN_ERR_IO);
    ck_assert_msg(inn_plan_read(&again, model, FILE_NAME, &err) == INN_OK,
                  "%s", err.message);
    ck_assert_mem_eq(plan.widths, again.widths, 3 * sizeof(int64_t));
    inn_plan_free(&plan);
    inn_plan_free(&again);
}
END_TEST

static enum inn_status read_text(const char *text, size_t len,
                                 struct inn_plan *plan, struct inn_error *err)
{
    FILE *f = fopen(FILE_NAME, "wb");

    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(text, 1, len, f), len);
    ck_assert_int_eq(fclose(f), 0);
    return inn_plan_read(plan, model, FILE_NAME, err);
}

START_TEST(groups_that_a_plan_leaves_out_stay_whole)
{
    const char *text = "{\"schema\": 1, \"widths\": {\"side\": 3}}";
    struct inn_plan plan;

    ck_assert_int_eq(read_text(text, strlen(text), &plan, NULL), INN_OK);
    ck_assert_int_eq(plan.widths[GRID_T], 6);
    ck_assert_int_eq(plan.widths[GRID_U], 3);
    inn_plan_free(&plan);
}
END_TEST

START_TEST(damaged_plan_files_are_refused_by_name)
{
    static const struct {
        const char *text;
        enum inn_status status;
        const char *message;
    } cases[] = {
        {"", INN_ERR_FORMAT, "not valid JSON"},
        {"{\"schema\":1", INN_ERR_FORMAT, "not valid JSON"},
        {"{\"schema\":1,\"widths\":{}} x", INN_ERR_FORMAT, "not valid JSON"},
        {"[1]", INN_ERR_FORMAT,
         "not a plan: {\"schema\":1,\"widths\":{\"group\":n}}"},
        {"{\"schema\":2,\"widths\":{}}", INN_ERR_FORMAT,
         "a plan's schema must be 1, the only one known"},
        {"{\"schema\":1,\"widths\":{\"side\":\"3\"}}", INN_ERR_FORMAT,
         "the width of group 'side' is no number"},
        {"{\"schema\":1,\"widths\":{\"side\":3,\"side\":3}}", INN_ERR_FORMAT,
         "group 'side' is given twice"},
        {"{\"schema\":1,\"widths\":{\"Side\":3}}", INN_ERR_RANGE,
         "the network has no group 'Side'; it has 3 groups"},
        {"{\"schema\":1,\"widths\":{\"side\":1e300}}", INN_ERR_RANGE,
         "group 'side': width 1e+300 is not a whole number in 1..16 (4 x 4)"},
    };
    static const char zero[] = "{\"schema\":1,\"widths\":{}}\0{";
    static char nested[5000];
    struct inn_error err = {0};
    struct inn_plan plan;
    char want[300];
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ck_assert_int_eq(read_text(cases[i].text, strlen(cases[i].text),
                                   &plan, &err), cases[i].status);
        snprintf(want, sizeof(want), "plan '%s': %s", FILE_NAME,
                 cases[i].message);
        ck_assert_str_eq(err.message, want);
        ck_assert_ptr_null(plan.widths);
    }
    ck_assert_int_eq(read_text(zero, sizeof(zero) - 1, &plan, &err),
                     INN_ERR_FORMAT);
    memset(nested, '[', sizeof(nested));
    ck_assert_int_eq(read_text(nested, sizeof(nested), &plan, &err),
                     INN_ERR_FORMAT);
    ck_assert_int_eq(inn_plan_read(&plan, model, "no/such/plan", &err),
                     INN_ERR_IO);
}
END_TEST

START_TEST(every_allocation_may_fail)
{
    const char *text = "{\"schema\": 1, \"widths\": {\"side\": 3}}";
    struct inn_width_request r = {.budget = INN_BUDGET_MACS,
                                  .budget_value = 0.5};
    struct starve s = starve(heap, 5, 4000);
    struct inn_plan plan;

    while (starving(&s)) {
        s.st = inn_plan_make(&plan, model, &r, s.err);
        inn_plan_free(&plan);
    }
    s = starve(heap, 3, 4000);
    while (starving(&s)) {
        s.st = read_text(text, strlen(text), &plan, s.err);
        inn_plan_free(&plan);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("plan");
    TCase *t = tcase_create("plan");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, factors_round_to_the_nearest_width);
    tcase_add_test(t, widths_are_multiples_where_asked_and_in_wide_groups);
    tcase_add_test(t, a_single_channel_is_not_widened);
    tcase_add_test(t, later_rules_win_and_globs_choose);
    tcase_add_test(t, requests_that_make_no_sense_say_what_would_work);
    tcase_add_test(t, costs_are_as_counted_by_hand);
    tcase_add_test(t, a_budget_is_met_by_the_largest_factor_that_fits);
    tcase_add_test(t, a_plan_file_gives_back_its_widths);
    tcase_add_test(t, groups_that_a_plan_leaves_out_stay_whole);
    tcase_add_test(t, damaged_plan_files_are_refused_by_name);
    tcase_add_test(t, every_allocation_may_fail);
    suite_add_tcase(s, t);
    return run_suite(s);
}
