/*
 * How a row's couple function tells which channels belong together. It
 * speaks of operand axes to a sink and knows nothing of the solver behind it
 * (converter/groups/).
 *
 * Silence is safe: an axis that no call mentions can't be resized. Calls may
 * be repeated; the solver runs couple until nothing new is learnt.
 */
#ifndef INN_OPS_COUPLE_H
#define INN_OPS_COUPLE_H

#include "runtime/ops/op.h"

/* An operand of the graph node at hand, and one of its axes. */
struct inn_operand {
    bool is_output;
    int index; /* among the node's inputs or outputs */
    int axis;  /* 0 <= axis < rank */
};

struct inn_sink {
    /*
     * Element-wise operands, aligned at their last axes as broadcasting does:
     * axes of equal length carry the same channels. A length of 1 that is
     * stretched is pinned. axis of both is ignored.
     */
    enum inn_status (*alike)(void *state, struct inn_operand a,
                             struct inn_operand b, struct inn_error *err);
    /*
     * Element i of axis a is the channel at element map[i] of axis b; -1: a
     * channel of its own. map NULL: i, over the shorter of the two.
     */
    enum inn_status (*map)(void *state, struct inn_operand a,
                           struct inn_operand b, const int64_t *map,
                           struct inn_error *err);
    /*
     * Axis weight is summed over against axis x (role in): element i of x
     * meets element map[i] of weight; map NULL: i.
     */
    enum inn_status (*sum)(void *state, struct inn_operand weight,
                           struct inn_operand x, const int64_t *map,
                           struct inn_error *err);
    /*
     * Axis weight makes the channels of axis y (role out): element i of y is
     * made by element map[i] of weight; map NULL: i.
     */
    enum inn_status (*make)(void *state, struct inn_operand weight,
                            struct inn_operand y, const int64_t *map,
                            struct inn_error *err);
    /* Same elements in row-major order, other factorisation of the axes. */
    enum inn_status (*reshape)(void *state, struct inn_operand in,
                               struct inn_operand out, struct inn_error *err);
    /*
     * Axis i of out is axis perm[i] of in, or new (-1), of length 1. Axes of
     * in that perm leaves out are of length 1 as well.
     */
    enum inn_status (*transpose)(void *state, struct inn_operand in,
                                 struct inn_operand out, const int64_t *perm,
                                 struct inn_error *err);
    /*
     * Element i of axis a is one channel with all elements j of the same
     * class[j] == class[i]: they are kept or dropped together.
     */
    enum inn_status (*unite)(void *state, struct inn_operand a,
                             const int64_t *classes, struct inn_error *err);
    /* The axis must keep its size; the first reason stays. */
    enum inn_status (*pin)(void *state, struct inn_operand a,
                           const char *reason, struct inn_error *err);
};

struct inn_couple {
    const struct inn_node *node;
    const struct inn_tensor *const *in;  /* as in struct inn_infer */
    const struct inn_tensor *const *out; /* [n_out], NULL where omitted */
    int n_in, n_out;
    const struct inn_sink *sink;
    void *state;
    struct inn_arena *scratch; /* freed after the call */
    struct inn_error *err;
};

/* Shorthands for rows. */
static inline struct inn_operand inn_in(int index, int axis)
{
    struct inn_operand o = {false, index, axis};
    return o;
}

static inline struct inn_operand inn_out(int index, int axis)
{
    struct inn_operand o = {true, index, axis};
    return o;
}

/* Whether input i is there and a constant. */
bool inn_couple_is_const(const struct inn_couple *c, int i);

#endif
