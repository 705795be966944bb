/*
 * Which channels belong together: the solver behind ops/couple.h.
 */
#ifndef INN_CONVERTER_GROUPS_H
#define INN_CONVERTER_GROUPS_H

#include "runtime/grid/model.h"

/*
 * A group that has to be pinned although its channels look free: the one
 * that has an element of an axis. Names are no use here, they shift when
 * another group of the same weight goes.
 */
struct inn_pin {
    int value, axis;
    int64_t element;
    const char *reason;
};

struct inn_group_options {
    const char *const *only;   /* globs: other groups are pinned */
    const char *const *freeze; /* globs: these are pinned */
    size_t n_only, n_freeze;
    const struct inn_pin *pins;
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

/*
 * Finds groups until verify agrees: it sets *bad to a group that can't have
 * another width and writes why, or sets -1. Each round pins that group and
 * so leaves fewer; INN_ERR_UNSUPPORTED where one does not. options->pins are
 * not used.
 */
enum inn_status inn_settle_groups(
    struct inn_model *model, const struct inn_shapes *shapes,
    const struct inn_group_options *options,
    enum inn_status (*verify)(const struct inn_model *model, int *bad,
                              char *why, size_t len, struct inn_error *err),
    struct inn_error *err);

#endif
