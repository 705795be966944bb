/*
 * Budgets spread by error curves, on the network of grid_model.h with curves
 * made by hand: its three groups share weights, so costs are coupled.
 */
#include <check.h>
#include <math.h>
#include <string.h>

#include "tests/unit/grid_model.h"
#include "tests/unit/starve.h"
#include "runtime/grid/plan.h"
#include "runtime/grid/plan_spread.h"
#include "tests/unit/suite.h"

static struct inn_heap *heap;
static struct inn_model *model;
static float curve_t[6], curve_p[4], curve_u[4];

static void setup(void)
{
    model = grid_start(&heap);
    model->groups[GRID_T].nested_error = curve_t;
    model->groups[GRID_P].nested_error = curve_p;
    model->groups[GRID_U].nested_error = curve_u;
}

static void teardown(void)
{
    grid_end(model, heap);
}

/* scale · (share that is dropped)^power */
static void fill(float *curve, int n, double scale, double power)
{
    int i;

    for (i = 0; i < n; i++)
        curve[i] = (float)(scale * pow(1.0 - (i + 1.0) / n, power));
}

static void fill_all(double t, double p, double u, double power)
{
    fill(curve_t, 6, t, power);
    fill(curve_p, 4, p, power);
    fill(curve_u, 4, u, power);
}

/* What is to be small: errors, or powers of them where a refit follows. */
static bool refit;

static double total(const int64_t *widths)
{
    double e[] = {(double)curve_t[widths[GRID_T] - 1],
                  (double)curve_p[widths[GRID_P] - 1],
                  (double)curve_u[widths[GRID_U] - 1]};

    return refit ? pow(e[0], 1.5) + pow(e[1], 1.5) + pow(e[2], 1.5)
                 : e[0] + e[1] + e[2];
}

static int64_t count(enum inn_budget budget, const int64_t *widths)
{
    struct inn_cost cost;

    ck_assert_int_eq(inn_plan_cost(&cost, model, widths, NULL), INN_OK);
    return budget == INN_BUDGET_MACS ? cost.macs
           : budget == INN_BUDGET_BYTES ? cost.bytes : cost.params;
}

/* The least error of all widths that fit; group P keeps two channels. */
static double best(enum inn_budget budget, double limit)
{
    double least = INFINITY;
    int64_t w[3];

    for (w[GRID_T] = 1; w[GRID_T] <= 6; w[GRID_T]++) {
        for (w[GRID_P] = 2; w[GRID_P] <= 4; w[GRID_P]++) {
            for (w[GRID_U] = 1; w[GRID_U] <= 4; w[GRID_U]++) {
                if ((double)count(budget, w) <= limit)
                    least = fmin(least, total(w));
            }
        }
    }
    return least;
}

/* A pace that is known: a parameter takes a millisecond. */
static enum inn_status by_params(int64_t *ns, const void *state,
                                 const int64_t *widths, struct inn_error *err)
{
    struct inn_cost cost;
    enum inn_status st = inn_plan_params(&cost, state, widths, err);

    *ns = cost.params * 1000000;
    return st;
}

START_TEST(a_budget_of_time_is_met_like_the_one_it_stands_for)
{
    double node_ns[64] = {0};
    struct inn_pace pace = {model, by_params, node_ns};
    enum inn_spread spread;
    int i;

    ck_assert_int_le(model->graph->n_nodes, 64);
    for (i = 0; i < model->graph->n_nodes; i++)
        node_ns[i] = 1e6;
    fill_all(1.0, 2.0, 0.5, 1.5);
    for (spread = INN_SPREAD_EVEN; spread <= INN_SPREAD_CURVE; spread++) {
        struct inn_width_request r = {.budget = INN_BUDGET_TIME,
                                      .budget_value = 300, .pace = &pace,
                                      .spread = spread};
        struct inn_plan plan;
        struct inn_error err = {INN_OK, ""};

        ck_assert_msg(inn_plan_make(&plan, model, &r, &err) == INN_OK, "%s",
                      err.message);
        ck_assert_int_le(count(INN_BUDGET_PARAMS, plan.widths), 300);
        ck_assert_int_gt(count(INN_BUDGET_PARAMS, plan.widths), 150);
        inn_plan_free(&plan);
        r.budget_value = 1;
        ck_assert_int_eq(inn_plan_make(&plan, model, &r, &err),
                         INN_ERR_RANGE);
        ck_assert_ptr_nonnull(strstr(err.message, "a budget of 1 ms can't"));
    }
}
END_TEST

/* Nine in ten budgets get the very least; the others stay near it. */
static void meet_budgets(void)
{
    static const double scales[][3] = {
        {1, 1, 1}, {10, 1, 1}, {1, 10, 1}, {1, 1, 10}, {0, 1, 3}};
    static const double powers[] = {1, 2, 3};
    int percent, budgets = 0, exact = 0;
    size_t s, p;

    for (s = 0; s < 5; s++) {
        for (p = 0; p < 3; p++) {
            fill_all(scales[s][0], scales[s][1], scales[s][2], powers[p]);
            for (percent = 30; percent <= 100; percent += 7) {
                struct inn_width_request r = {
                    .budget = INN_BUDGET_PARAMS, .spread = INN_SPREAD_CURVE,
                    .budget_value = percent / 100.0, .refit = refit};
                double limit = 696 * percent / 100.0;
                double least = best(r.budget, limit);
                struct inn_plan plan;

                ck_assert_int_eq(inn_plan_make(&plan, model, &r, NULL),
                                 INN_OK);
                ck_assert((double)count(r.budget, plan.widths) <= limit);
                ck_assert_msg(total(plan.widths) <= 1.1 * least + 1e-6,
                              "scales %zu, power %zu, %d %%: %g, not %g", s,
                              p, percent, total(plan.widths), least);
                budgets++;
                exact += total(plan.widths) <= least + 1e-6;
                inn_plan_free(&plan);
            }
        }
    }
    ck_assert_msg(10 * exact >= 9 * budgets, "%d of %d", exact, budgets);
}

START_TEST(a_spread_budget_is_met_with_hardly_more_than_the_least_error)
{
    refit = false;
    meet_budgets();
}
END_TEST

START_TEST(where_a_refit_follows_powers_of_errors_are_small)
{
    refit = true;
    meet_budgets();
    refit = false;
}
END_TEST

START_TEST(multiply_accumulates_and_bytes_are_spread_too)
{
    static const struct {
        enum inn_budget budget;
        double value, limit;
    } cases[] = {{INN_BUDGET_MACS, 0.3, 662.4},
                 {INN_BUDGET_MACS, 0.6, 1324.8},
                 {INN_BUDGET_MACS, 0.9, 1987.2},
                 {INN_BUDGET_BYTES, 1500, 1500},
                 {INN_BUDGET_BYTES, 2500, 2500}};
    size_t i;

    fill_all(2, 1, 1, 2);
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct inn_width_request r = {.budget = cases[i].budget,
                                      .budget_value = cases[i].value,
                                      .spread = INN_SPREAD_CURVE};
        struct inn_plan plan;

        ck_assert_int_eq(inn_plan_make(&plan, model, &r, NULL), INN_OK);
        ck_assert((double)count(r.budget, plan.widths) <= cases[i].limit);
        ck_assert(total(plan.widths) <=
                  best(r.budget, cases[i].limit) + 1e-6);
        inn_plan_free(&plan);
    }
}
END_TEST

/* w4 of 448 is read by all; only U's width leaves w5's 128 and w3's 24. */
START_TEST(what_costs_no_error_goes_first)
{
    struct inn_width_request r = {.budget = INN_BUDGET_PARAMS,
                                  .budget_value = 0.95,
                                  .spread = INN_SPREAD_CURVE};
    struct inn_plan plan;

    fill_all(1, 1, 0, 1);
    ck_assert_int_eq(inn_plan_make(&plan, model, &r, NULL), INN_OK);
    ck_assert_int_eq(plan.widths[GRID_T], 6);
    ck_assert_int_eq(plan.widths[GRID_P], 4);
    ck_assert_int_lt(plan.widths[GRID_U], 4);
    inn_plan_free(&plan);
}
END_TEST

START_TEST(a_spread_keeps_to_multiples_least_widths_and_globs)
{
    const char *frozen[] = {"side"};
    const struct inn_width_rule rule = {"padded", 3, false};
    struct inn_width_request r = {.budget = INN_BUDGET_PARAMS,
                                  .budget_value = 0.6,
                                  .spread = INN_SPREAD_CURVE,
                                  .freeze = frozen, .n_freeze = 1,
                                  .rules = &rule, .n_rules = 1};
    struct inn_plan plan;

    fill_all(1, 1, 0, 1);
    ck_assert_int_eq(inn_plan_make(&plan, model, &r, NULL), INN_OK);
    ck_assert_int_eq(plan.widths[GRID_U], 4);
    ck_assert_int_eq(plan.widths[GRID_P], 3);
    ck_assert_int_lt(plan.widths[GRID_T], 6);
    inn_plan_free(&plan);
    r.n_freeze = r.n_rules = 0;
    r.round = r.min = 2;
    ck_assert_int_eq(inn_plan_make(&plan, model, &r, NULL), INN_OK);
    ck_assert_int_eq(plan.widths[GRID_T] % 2, 0);
    ck_assert_int_eq(plan.widths[GRID_P] % 2, 0);
    ck_assert_int_eq(plan.widths[GRID_U] % 2, 0);
    inn_plan_free(&plan);
}
END_TEST

START_TEST(a_group_without_a_curve_gets_the_mean_of_the_others)
{
    fill_all(1, 3, 0, 1);
    model->groups[GRID_U].nested_error = NULL;
    ck_assert(inn_spread_known(model));
    ck_assert_double_eq_tol(inn_spread_error(model, GRID_T, 3), 0.5, 1e-6);
    ck_assert_double_eq_tol(inn_spread_error(model, GRID_U, 2),
                            (0.5 + 1.5) / 2, 1e-6);
    ck_assert_double_eq(inn_spread_error(model, GRID_U, 4), 0);
}
END_TEST

START_TEST(what_can_not_be_spread_is_refused)
{
    struct inn_width_request r = {.budget = INN_BUDGET_PARAMS,
                                  .budget_value = 0.01,
                                  .spread = INN_SPREAD_CURVE};
    struct inn_error err = {0};
    struct inn_plan plan;

    fill_all(1, 1, 1, 1);
    ck_assert_int_eq(inn_plan_make(&plan, model, &r, &err), INN_ERR_RANGE);
    ck_assert_str_eq(err.message, "a budget of 7 parameters can't be met: "
                     "the least widths have 173");
    model->groups[GRID_T].nested_error = NULL;
    model->groups[GRID_P].nested_error = NULL;
    model->groups[GRID_U].nested_error = NULL;
    r.budget_value = 0.5;
    ck_assert_int_eq(inn_plan_make(&plan, model, &r, &err), INN_ERR_RANGE);
    ck_assert_str_eq(err.message, "there are no error curves to spread a "
                     "budget by; convert it again without --no-moments, or "
                     "spread it evenly");
    ck_assert_ptr_null(plan.widths);
}
END_TEST

START_TEST(a_spread_survives_every_allocation_failure)
{
    struct inn_width_request r = {.budget = INN_BUDGET_MACS,
                                  .budget_value = 0.5,
                                  .spread = INN_SPREAD_CURVE};
    struct starve s = starve(heap, 5, 10000);
    struct inn_plan plan;

    s.apart = 50; /* a budget is measured very often */
    fill_all(1, 2, 3, 2);
    while (starving(&s)) {
        s.st = inn_plan_make(&plan, model, &r, s.err);
        inn_plan_free(&plan);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("spread");
    TCase *t = tcase_create("spread");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_budget_of_time_is_met_like_the_one_it_stands_for);
    tcase_add_test(
        t, a_spread_budget_is_met_with_hardly_more_than_the_least_error);
    tcase_add_test(t, where_a_refit_follows_powers_of_errors_are_small);
    tcase_add_test(t, multiply_accumulates_and_bytes_are_spread_too);
    tcase_add_test(t, what_costs_no_error_goes_first);
    tcase_add_test(t, a_spread_keeps_to_multiples_least_widths_and_globs);
    tcase_add_test(t, a_group_without_a_curve_gets_the_mean_of_the_others);
    tcase_add_test(t, what_can_not_be_spread_is_refused);
    tcase_add_test(t, a_spread_survives_every_allocation_failure);
    suite_add_tcase(s, t);
    return run_suite(s);
}
