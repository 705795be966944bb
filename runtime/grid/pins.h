/*
 * What each reason for pinning costs: the parameters that could be resized
 * but for it.
 */
#ifndef INN_GRID_PINS_H
#define INN_GRID_PINS_H

#include "runtime/grid/model.h"

/*
 * A reason that keeps axes of weights as they are. It costs the parameters
 * of the weights without a free axis that have an axis pinned by it: each
 * would have a free one but for this reason. A weight pinned by two reasons
 * counts for both; one with a free axis costs nothing, whatever pins the
 * others. An axis has one reason, the first that was met.
 */
struct inn_pin_cost {
    const char *reason; /* borrowed from the model */
    int axes;           /* axes of weights, or parts of them */
    int first;          /* the first of them, in the model's pinned */
    int64_t params;
};

/*
 * The reasons of model from the dearest to the cheapest; those that cost the
 * same in the order of the network. *costs [*n] from arena. *order [n_pinned]
 * (may be NULL) gets the model's pinned in that order, those of one reason
 * side by side.
 */
enum inn_status inn_pin_costs(struct inn_pin_cost **costs, int *n, int **order,
                              const struct inn_model *model,
                              struct inn_arena *arena, struct inn_error *err);

/* Parameters of all weights, and of those that have a free axis. */
void inn_count_params(const struct inn_model *model, int64_t *all,
                      int64_t *free);

/*
 * For a network without groups, in a line: "nothing can be resized: …" with
 * the dearest reasons and their shares of the parameters. From arena.
 */
enum inn_status inn_nothing_free(const char **line,
                                 const struct inn_model *model,
                                 struct inn_arena *arena,
                                 struct inn_error *err);

#endif
