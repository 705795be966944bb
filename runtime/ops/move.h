/*
 * Moves (prim.h): how rows that only place elements elsewhere say where.
 */
#ifndef INN_OPS_MOVE_H
#define INN_OPS_MOVE_H

#include "runtime/ops/op.h"

/*
 * Makes prim one of n moves, all zero, and returns them; NULL where there is
 * no memory (c->err says so).
 */
struct inn_move *inn_move_new(struct inn_prim *prim, const struct inn_infer *c,
                              int n);

/* A loop behind the others. */
void inn_move_loop(struct inn_move *m, int64_t count, int in_axis,
                   int64_t in_step, int out_axis, int64_t out_step);

/* Loops along all axes, the same on both sides. */
void inn_move_box(struct inn_move *m, int rank, const int64_t *dims);

#endif
