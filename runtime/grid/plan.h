/*
 * Widths: what the user asked for, turned into a channel count per group.
 */
#ifndef INN_GRID_PLAN_H
#define INN_GRID_PLAN_H

#include "runtime/grid/model.h"

/* One --set GLOB=VALUE, in the order given. */
struct inn_width_rule {
    const char *glob;
    double value;     /* a factor of N, or a count */
    bool is_factor;
};

enum inn_budget { INN_BUDGET_NONE, INN_BUDGET_PARAMS, INN_BUDGET_MACS,
                  INN_BUDGET_BYTES, INN_BUDGET_TIME };

/* What widths cost in time, as somebody has measured it. */
struct inn_pace {
    const void *state;
    /* Nanoseconds of a run at widths. */
    enum inn_status (*measure)(int64_t *ns, const void *state,
                               const int64_t *widths, struct inn_error *err);
    const double *node_ns; /* [graph->n_nodes] of each at full width */
};

/* How a budget is shared among the groups. */
enum inn_spread {
    INN_SPREAD_EVEN = 0, /* one factor for all */
    INN_SPREAD_CURVE = 1 /* by the error curves of nested partitions */
};

struct inn_width_request {
    double width; /* factor for every group; 0: 1.0 */
    const struct inn_width_rule *rules;
    size_t n_rules;
    enum inn_budget budget;
    double budget_value; /* F <= 1 of the whole for params, macs; bytes; ms */
    const struct inn_pace *pace; /* of INN_BUDGET_TIME, else NULL */
    enum inn_spread spread;
    /*
     * Layers are refitted afterwards, which mends many small errors better
     * than a few large ones: CURVE then adds up their 3/2nd powers.
     */
    bool refit;
    int64_t round;       /* 0: 8 where N >= 64, else 1 */
    int64_t min;         /* least width; 0: 1 */
    const char *const *only;   /* globs of groups that may change */
    const char *const *freeze; /* globs of groups that may not */
    size_t n_only, n_freeze;
};

struct inn_plan {
    struct inn_heap *heap;
    int64_t *widths; /* [model->n_groups] */
    int n_groups;
    enum inn_partition partition;
    enum inn_quadrature quadrature;
    double took_ms; /* a run, where it was timed for the plan's sake; else 0 */
};

/*
 * Parameters, multiply-accumulates and f32 bytes of weights at widths; MACs
 * at the model's bindings.
 */
struct inn_cost {
    int64_t params, macs, bytes;
    int uncounted; /* graph nodes that multiply and whose MACs aren't known */
};

/*
 * Widths for a request. Factors in (0, 4]; n = F·N rounded to the nearest
 * multiple, at least min, exactly N for F = 1. A budget is met by the largest
 * common factor that fits, found by bisection; or (INN_SPREAD_CURVE, F <= 1)
 * by widths of little predicted error, none above F·N. INN_ERR_RANGE: a glob
 * that matches nothing, a width out of range, a budget that can't be met, no
 * error curve at all; the message says what would work.
 */
enum inn_status inn_plan_make(struct inn_plan *plan,
                              const struct inn_model *model,
                              const struct inn_width_request *request,
                              struct inn_error *err);

/* Every group at its full width, uniform and trapezoid. */
enum inn_status inn_plan_full(struct inn_plan *plan,
                              const struct inn_model *model,
                              struct inn_error *err);

/*
 * Exact widths from a plan file: {"schema":1,"widths":{"group": n, …}}.
 * Groups it leaves out keep their full width. INN_ERR_IO; INN_ERR_FORMAT: no
 * plan; INN_ERR_RANGE: a group the network has not, a width out of range.
 */
enum inn_status inn_plan_read(struct inn_plan *plan,
                              const struct inn_model *model,
                              const char *path, struct inn_error *err);
/* Such a file. Atomic; refuses an existing path unless overwrite. */
enum inn_status inn_plan_write(const struct inn_plan *plan,
                               const struct inn_model *model,
                               const char *path, bool overwrite,
                               struct inn_error *err);
void inn_plan_free(struct inn_plan *plan);

/*
 * INN_ERR_RANGE unless width is a whole number in 1 … 4 N, or 1 where N = 1,
 * that leaves every block of the group a channel.
 */
enum inn_status inn_plan_check(const struct inn_model *model, int group,
                               double width, struct inn_error *err);

/* As inn_plan_cost, without macs (0): cheap, from the axes alone. */
enum inn_status inn_plan_params(struct inn_cost *cost,
                                const struct inn_model *model,
                                const int64_t *widths, struct inn_error *err);

enum inn_status inn_plan_cost(struct inn_cost *cost,
                              const struct inn_model *model,
                              const int64_t *widths, struct inn_error *err);

#endif
