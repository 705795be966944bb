/*
 * Where groups' channels lie on an axis at given widths: the one place that
 * reads spans element by element.
 */
#ifndef INN_GRID_SLOTS_H
#define INN_GRID_SLOTS_H

#include "runtime/grid/model.h"

/*
 * A group that occurs `functions` times on the axis (repeats counted one by
 * one): point p of function f is element at[f * width + p].
 */
struct inn_slots {
    int group;
    int64_t width, functions;
    int64_t *at;
};

/*
 * slots[n]: all groups on the axis, ascending, in one pass over its spans:
 * a file may have many of both. widths: points per group, as inn_axis_length
 * takes them. Memory from arena.
 */
enum inn_status inn_axis_all_slots(struct inn_slots **slots, int *n,
                                   const struct inn_model *model,
                                   const struct inn_axis *axis,
                                   const int64_t *widths,
                                   struct inn_arena *arena,
                                   struct inn_error *err);

/*
 * Those of one group, in one pass that doesn't look at the others; 0 functions
 * where it is not on the axis. widths NULL: the groups' full ones.
 */
enum inn_status inn_axis_slots(struct inn_slots *slots,
                               const struct inn_model *model,
                               const struct inn_axis *axis, int group,
                               const int64_t *widths, struct inn_arena *arena,
                               struct inn_error *err);

/*
 * Axis out has element from[i] of axis in at i, [count]; list[n] says so at
 * other widths. Axes without channels are NULL; in has length elements before
 * the change. Memory from arena. INN_ERR_RANGE: a channel would not come from
 * where the others of its block do.
 */
enum inn_status inn_axis_remap(int64_t **list, size_t *n,
                               const struct inn_model *model,
                               const struct inn_axis *out,
                               const struct inn_axis *in, int64_t length,
                               const int64_t *widths, const int64_t *from,
                               size_t count, struct inn_arena *arena,
                               struct inn_error *err);

#endif
