/* Lists of loops, written by rows and walked by exec/move.c. */
#include "runtime/ops/move.h"

struct inn_move *inn_move_new(struct inn_prim *prim, const struct inn_infer *c,
                              int n)
{
    struct inn_move *moves = inn_arena_alloc(c->arena, (size_t)n,
                                             sizeof(*moves), c->err);

    prim->kind = INN_PRIM_MOVE;
    prim->u.move.moves = moves;
    prim->u.move.n = n;
    prim->u.move.fill = false;
    prim->u.move.value = 0;
    return moves;
}

void inn_move_loop(struct inn_move *m, int64_t count, int in_axis,
                   int64_t in_step, int out_axis, int64_t out_step)
{
    struct inn_loop *loop = &m->loops[m->n_loops++];

    loop->count = count;
    loop->in_axis = in_axis;
    loop->in_step = in_step;
    loop->out_axis = out_axis;
    loop->out_step = out_step;
}

void inn_move_box(struct inn_move *m, int rank, const int64_t *dims)
{
    int k;

    for (k = 0; k < rank; k++)
        inn_move_loop(m, dims[k], k, 1, k, 1);
}
