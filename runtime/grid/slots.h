/*
 * Where a group's channels lie on an axis at given widths: the one place
 * that reads spans element by element.
 */
#ifndef INN_GRID_SLOTS_H
#define INN_GRID_SLOTS_H

#include "runtime/grid/model.h"

/*
 * The group occurs `functions` times on the axis (repeats counted one by
 * one): point p of function f is element at[f * width + p].
 */
struct inn_slots {
    int64_t width, functions;
    int64_t *at;
};

/*
 * widths: points per group, as inn_axis_length takes them. Memory from
 * arena. A group that is not on the axis has 0 functions.
 */
enum inn_status inn_axis_slots(struct inn_slots *slots,
                               const struct inn_model *model,
                               const struct inn_axis *axis, int group,
                               const int64_t *widths, struct inn_arena *arena,
                               struct inn_error *err);

#endif
