/*
 * Laws of time: fitted to numbers made by hand, and measured on the network
 * of grid_model.h, where only what holds on any machine is asserted.
 */
#include <check.h>
#include <math.h>
#include <string.h>

#include "runtime/base/heap.h"
#include "runtime/base/random.h"
#include "runtime/tools/pace.h"
#include "tests/unit/grid_model.h"
#include "tests/unit/starve.h"
#include "tests/unit/suite.h"

#define SAMPLES 12

static struct inn_heap *heap;
static struct inn_model *model;

static void setup(void)
{
    model = grid_start(&heap);
}

static void teardown(void)
{
    grid_end(model, heap);
}

static void samples(double (*f)[INN_PACE_TERMS], double *t,
                    const double *law)
{
    uint64_t state = 3;
    int i, k;

    for (i = 0; i < SAMPLES; i++) {
        f[i][0] = 1;
        f[i][1] = 1e9 * inn_random_unit(&state);
        f[i][2] = 1e5 * inn_random_unit(&state);
        t[i] = 0;
        for (k = 0; k < INN_PACE_TERMS; k++)
            t[i] += law[k] * f[i][k];
    }
}

START_TEST(a_law_that_holds_is_found)
{
    static const double laws[][INN_PACE_TERMS] = {
        {3000, 1e-2, 2}, {0, 1e-2, 2}, {3000, 0, 2}, {3000, 1e-2, 0},
        {0, 0, 2}, {5, 0, 0}};
    double f[SAMPLES][INN_PACE_TERMS], t[SAMPLES], x[INN_PACE_TERMS];
    size_t i;
    int k;

    for (i = 0; i < sizeof(laws) / sizeof(laws[0]); i++) {
        samples(f, t, laws[i]);
        inn_pace_fit(x, (const double (*)[INN_PACE_TERMS])f, t, SAMPLES);
        for (k = 0; k < INN_PACE_TERMS; k++)
            ck_assert_double_eq_tol(x[k], laws[i][k],
                                    1e-6 * laws[i][k] + 1e-9);
    }
}
END_TEST

START_TEST(no_part_of_a_law_is_negative)
{
    static const double law[INN_PACE_TERMS] = {9000, 1e-2, -0.05};
    double f[SAMPLES][INN_PACE_TERMS], t[SAMPLES], x[INN_PACE_TERMS];
    int k;

    samples(f, t, law);
    inn_pace_fit(x, (const double (*)[INN_PACE_TERMS])f, t, SAMPLES);
    for (k = 0; k < INN_PACE_TERMS; k++)
        ck_assert(x[k] >= 0);
    ck_assert_double_eq_tol(x[1], law[1], 0.1 * law[1]);
}
END_TEST

START_TEST(equal_samples_and_none_have_a_law)
{
    double f[2][INN_PACE_TERMS] = {{1, 5, 7}, {1, 5, 7}}, t[2] = {10, 10};
    double x[INN_PACE_TERMS];
    int k;

    inn_pace_fit(x, (const double (*)[INN_PACE_TERMS])f, t, 2);
    ck_assert_double_eq_tol(x[0] + 5 * x[1] + 7 * x[2], 10, 1e-6);
    inn_pace_fit(x, NULL, NULL, 0);
    for (k = 0; k < INN_PACE_TERMS; k++)
        ck_assert_double_eq(x[k], 0);
}
END_TEST

START_TEST(all_the_time_in_the_world_is_full_width)
{
    struct inn_width_request request = {0};
    struct inn_pacer *pacer;
    struct inn_error err = {INN_OK, ""};
    struct inn_plan plan;
    int64_t ns;
    int g;

    ck_assert_msg(inn_pacer_new(&pacer, model, model->bindings,
                                (size_t)model->n_bindings, 1, &err) == INN_OK,
                  "%s", err.message);
    ck_assert_msg(inn_pacer_plan(&plan, pacer, &request, 1e6, &err) ==
                  INN_OK, "%s", err.message);
    for (g = 0; g < model->n_groups; g++)
        ck_assert_int_eq(plan.widths[g], model->groups[g].size);
    ck_assert(plan.took_ms > 0 && plan.took_ms <= 1e6);
    ck_assert_int_eq(inn_pacer_estimate(&ns, pacer, plan.widths, &err),
                     INN_OK);
    ck_assert_int_gt(ns, 0);
    inn_plan_free(&plan);
    inn_pacer_free(pacer);
}
END_TEST

START_TEST(no_time_at_all_is_refused)
{
    struct inn_width_request request = {0};
    struct inn_error err = {INN_OK, ""};
    struct inn_pacer *pacer;
    struct inn_plan plan;

    ck_assert_int_eq(inn_pacer_new(&pacer, model, model->bindings,
                                   (size_t)model->n_bindings, 1, &err),
                     INN_OK);
    ck_assert_int_eq(inn_pacer_plan(&plan, pacer, &request, 1e-9, &err),
                     INN_ERR_RANGE);
    ck_assert_ptr_nonnull(strstr(err.message, "can't be met"));
    ck_assert_ptr_null(plan.widths);
    inn_pacer_free(pacer);
    inn_pacer_free(NULL);
}
END_TEST

START_TEST(every_failed_allocation_is_clean)
{
    struct inn_width_request request = {0};
    struct starve s = starve(heap, 100, 100000);
    struct inn_pacer *pacer;
    struct inn_plan plan;

    s.apart = 8;
    while (starving(&s)) {
        s.st = inn_pacer_new(&pacer, model, model->bindings,
                             (size_t)model->n_bindings, 1, s.err);
        ck_assert_int_eq(pacer != NULL, s.st == INN_OK);
        if (s.st == INN_OK)
            s.st = inn_pacer_plan(&plan, pacer, &request, 1e6, s.err);
        if (s.st == INN_OK)
            inn_plan_free(&plan);
        inn_pacer_free(pacer);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pace");
    TCase *fit = tcase_create("fit"), *timed = tcase_create("timed");

    tcase_add_test(fit, a_law_that_holds_is_found);
    tcase_add_test(fit, no_part_of_a_law_is_negative);
    tcase_add_test(fit, equal_samples_and_none_have_a_law);
    suite_add_tcase(suite, fit);
    tcase_add_checked_fixture(timed, setup, teardown);
    tcase_set_timeout(timed, 60);
    tcase_add_test(timed, all_the_time_in_the_world_is_full_width);
    tcase_add_test(timed, no_time_at_all_is_refused);
    tcase_add_test(timed, every_failed_allocation_is_clean);
    suite_add_tcase(suite, timed);
    return run_suite(suite);
}
