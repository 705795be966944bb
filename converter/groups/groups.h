/*
 * Which channels belong together: the solver behind ops/couple.h.
 */
#ifndef INN_CONVERTER_GROUPS_H
#define INN_CONVERTER_GROUPS_H

#include "runtime/grid/model.h"

/* A group that has to be pinned although its channels look free. */
struct inn_pin {
    const char *group;
    const char *reason;
};

struct inn_group_options {
    const char *const *only;   /* globs: other groups are pinned */
    const char *const *freeze; /* globs: these are pinned */
    size_t n_only, n_freeze;
    const struct inn_pin *pins; /* by exact name, found in the first build */
    size_t n_pins;
};

/*
 * Fills model's groups, axes and pinned from model->graph (whose weights are
 * present) at the given shapes. Orders are the identity, nodes = size, and
 * weights are left to the caller.
 */
enum inn_status inn_find_groups(struct inn_model *model,
                                const struct inn_shapes *shapes,
                                const struct inn_group_options *options,
                                struct inn_error *err);

#endif
