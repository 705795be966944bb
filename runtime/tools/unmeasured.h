/*
 * Groups that nothing is known of but their weights, and what lies on them:
 * what commands that sample say of it.
 */
#ifndef INN_TOOLS_UNMEASURED_H
#define INN_TOOLS_UNMEASURED_H

#include "runtime/cli/json.h"
#include "runtime/grid/plan.h"

struct inn_unmeasured {
    int groups, of;         /* without moments, of all */
    int64_t params, all;    /* of weights on their axes, of all weights */
};

/*
 * Counts groups without moments, or, where widths [n_groups] isn't NULL, those
 * of them that are not at full width. INN_ERR_MEMORY.
 */
enum inn_status inn_count_unmeasured(struct inn_unmeasured *u,
                                     const struct inn_model *model,
                                     const int64_t *widths,
                                     struct inn_error *err);

/* Whether the plan's rule, asked for or not, goes by weights then. */
static inline bool inn_plan_by_weights(const struct inn_plan *plan)
{
    return plan->partition == INN_PARTITION_MOMENTS ||
           plan->partition == INN_PARTITION_WEIGHTS;
}

/* One line on stdout that says what follows; nothing where there are none. */
void inn_print_unmeasured(const struct inn_unmeasured *u);

/* groups_without_moments and params_without_moments, 0 or not. */
void inn_json_unmeasured(struct inn_json *json,
                         const struct inn_unmeasured *u);

#endif
