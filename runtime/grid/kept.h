/*
 * Which element of the full network each element of a sampled one is: for
 * whoever compares the two.
 */
#ifndef INN_GRID_KEPT_H
#define INN_GRID_KEPT_H

#include "runtime/grid/plan.h"

/* Of every group at a plan; memory from the arena it was made with. */
struct inn_kept {
    const struct inn_model *model; /* borrowed, like widths */
    const int64_t *widths;
    int64_t *sizes;     /* [n_groups] full widths */
    int64_t **channels; /* [n_groups][width], or NULL where they are mixtures */
};

/* Borrows model and plan. */
enum inn_status inn_kept_new(struct inn_kept *kept,
                             const struct inn_model *model,
                             const struct inn_plan *plan,
                             struct inn_arena *arena, struct inn_error *err);

/*
 * from [length of the axis at these widths]: the element of the full axis
 * that each one is; *length its size. *from NULL: no group is on the axis,
 * all are kept. INN_ERR_UNSUPPORTED: a channel is a mixture of others, or
 * was not there (widths above 1).
 */
enum inn_status inn_kept_elements(int64_t **from, int64_t *length,
                                  const struct inn_kept *kept, int value,
                                  int axis, struct inn_arena *arena,
                                  struct inn_error *err);

#endif
