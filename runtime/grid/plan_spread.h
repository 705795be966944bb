/*
 * Widths for a budget from the error curves of nested partitions: each group
 * gives up channels where that costs least. plan.c says which widths a group
 * may have and counts what the budget counts.
 */
#ifndef INN_GRID_PLAN_SPREAD_H
#define INN_GRID_PLAN_SPREAD_H

#include "runtime/grid/plan.h"

/* The widths a group may have, from the widest down. */
struct inn_ladder {
    int n; /* >= 1 */
    int64_t *widths;
    double *errors; /* what each costs, >= 0, never falling */
};

struct inn_spread_task {
    const struct inn_model *model;
    const struct inn_ladder *ladders; /* [n_groups] */
    const double *prices; /* [n_weights] of an element, in the budget's unit */
    double limit;
    const int64_t *start; /* [n_groups] other widths that fit, or NULL */
    /* What the budget counts, exactly. */
    enum inn_status (*measure)(int64_t *value, const void *state,
                               const int64_t *widths, struct inn_error *err);
    const void *state;
};

/* Whether any group has an error curve. */
bool inn_spread_known(const struct inn_model *model);

/*
 * Relative error of group g at width n; of a group without a curve what the
 * others have at the same share of their channels on average. 0 from N on.
 */
double inn_spread_error(const struct inn_model *model, int g, int64_t n);

/*
 * prices[n_weights] of the request's budget: 1 for parameters, 4 for bytes;
 * for MACs and time those of the graph nodes that read the weight, at full
 * width, by element.
 */
enum inn_status inn_spread_prices(double *prices,
                                  const struct inn_model *model,
                                  const struct inn_width_request *request,
                                  struct inn_error *err);

/*
 * Widths [n_groups] with a small sum of errors whose measure is at most
 * limit: greedily along the lower convex hulls, by error per unit of cost at
 * the widths reached so far (a weight's cost is the product of its axes),
 * then by single steps and exchanges of pairs; start is improved likewise and
 * taken where it comes out better. Widths are the narrowest of every ladder
 * where nothing fits. Deterministic.
 */
enum inn_status inn_spread_solve(int64_t *widths,
                                 const struct inn_spread_task *task,
                                 struct inn_error *err);

#endif
