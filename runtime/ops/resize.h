/*
 * How a row rewrites what counts channels in its graph node when axes change
 * their length: attributes and constant integer inputs.
 */
#ifndef INN_OPS_RESIZE_H
#define INN_OPS_RESIZE_H

#include "runtime/ops/couple.h"

struct inn_resizer {
    /* Length of the operand's axis after the change. */
    int64_t (*length)(void *state, struct inn_operand axis);
    /*
     * Where the boundary before old element at (0 … old length) of the axis
     * lies after the change. Boundaries inside a block never occur.
     */
    int64_t (*edge)(void *state, struct inn_operand axis, int64_t at);
    /*
     * Element from[i] of axis in is element i of axis out, [count]: which are
     * they after the change? list[n] from scratch.
     */
    enum inn_status (*remap)(void *state, int64_t **list, size_t *n,
                             struct inn_operand out, struct inn_operand in,
                             const int64_t *from, size_t count,
                             struct inn_arena *scratch,
                             struct inn_error *err);
    /* Whether the axis carries channels that may change. */
    bool (*varies)(void *state, struct inn_operand axis);
    /* Sets an attribute of the graph node. */
    enum inn_status (*set_ints)(void *state, const char *name,
                                const int64_t *values, size_t count,
                                struct inn_error *err);
    enum inn_status (*set_int)(void *state, const char *name, int64_t value,
                               struct inn_error *err);
    /*
     * Whether the input is a constant of the graph: what was computed from
     * shapes has data too, but follows the width by itself. NULL: whatever
     * has data is a constant.
     */
    bool (*is_const)(void *state, int input);
    /*
     * Replaces a constant integer input by values, in its old type and rank;
     * other users of the same constant keep theirs. An input that was
     * omitted is added: i64, rank 1.
     */
    enum inn_status (*set_input)(void *state, int input,
                                 const int64_t *values, size_t count,
                                 struct inn_error *err);
    /* Removes an attribute, if it is there. NULL: it can't be done. */
    enum inn_status (*drop_attr)(void *state, const char *name,
                                 struct inn_error *err);
};

struct inn_resize {
    const struct inn_node *node;
    const struct inn_tensor *const *in;  /* before the change */
    const struct inn_tensor *const *out; /* before the change */
    int n_in, n_out;
    const struct inn_resizer *to;
    void *state;
    struct inn_arena *scratch;
    struct inn_error *err;
};

#endif
