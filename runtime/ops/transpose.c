/*
 * Transpose: axes in another order.
 */
#include "runtime/ops/args.h"
#include "runtime/ops/moments.h"
#include "runtime/ops/rows.h"
#include "runtime/ops/walk.h"

/* perm, by default the axes backwards; checked to be a permutation. */
static enum inn_status read_perm(const struct inn_args *a,
                                 int64_t perm[INN_MAX_RANK])
{
    struct inn_list list;
    unsigned seen = 0;
    int i, axis, rank = a->in[0]->rank;
    enum inn_status st;

    inn_args_attr_list(a, &list, "perm");
    if (list.given && list.n != (size_t)rank)
        return inn_args_fail(a, INN_ERR_FORMAT,
                             "perm has %zu entries, its input %d axes",
                             list.n, rank);
    for (i = 0; i < rank; i++) {
        if (!list.given) {
            perm[i] = rank - 1 - i;
            continue;
        }
        st = inn_args_axis(a, &axis, list.ints[i], rank);
        if (st != INN_OK)
            return st;
        if (seen & 1u << axis)
            return inn_args_fail(a, INN_ERR_FORMAT,
                                 "perm has axis %d twice", axis);
        seen |= 1u << axis;
        perm[i] = axis;
    }
    return INN_OK;
}

enum inn_status inn_infer_transpose(struct inn_infer *c)
{
    struct inn_args a = INN_ARGS(c);
    int64_t perm[INN_MAX_RANK], dims[INN_MAX_RANK];
    int i;
    enum inn_status st = inn_args_need(&a, 1);

    if (st == INN_OK)
        st = read_perm(&a, perm);
    if (st != INN_OK)
        return st;
    for (i = 0; i < c->in[0]->rank; i++)
        dims[i] = c->in[0]->dims[perm[i]];
    return inn_infer_out(c, 0, c->in[0]->type, c->in[0]->rank, dims);
}

enum inn_status inn_couple_transpose(struct inn_couple *c)
{
    struct inn_args a = INN_ARGS(c);
    int64_t perm[INN_MAX_RANK];
    enum inn_status st;

    if (inn_args_in(&a, 0) == NULL || c->n_out < 1 || c->out[0] == NULL)
        return INN_OK;
    st = read_perm(&a, perm);
    if (st != INN_OK)
        return st;
    return c->sink->transpose(c->state, inn_in(0, 0), inn_out(0, 0), perm,
                              c->err);
}

enum inn_status inn_run_transpose(struct inn_run *c)
{
    struct inn_args a = INN_ARGS(c);
    struct inn_walk w, in;
    int64_t perm[INN_MAX_RANK];
    int i;
    enum inn_status st = inn_args_need(&a, 1);

    if (st == INN_OK)
        st = read_perm(&a, perm);
    if (st != INN_OK || !inn_run_wants(c, 0))
        return st;
    inn_walk_init(&in, 1, c->in[0]->rank, c->in[0]->dims);
    inn_walk_dense(&in, 0, c->in[0]->rank, c->in[0]->dims);
    inn_walk_init(&w, 2, c->out[0].rank, c->out[0].dims);
    inn_walk_dense(&w, 0, c->out[0].rank, c->out[0].dims);
    for (i = 0; i < w.rank; i++)
        w.step[1][i] = in.step[0][perm[i]];
    inn_walk_copy(&w, c->out[0].data, c->in[0]->data,
                  inn_type_size(c->out[0].type), c->threads);
    return INN_OK;
}

bool inn_lower_transpose(const struct inn_infer *c, struct inn_prim *prim)
{
    struct inn_args a = INN_ARGS(c);
    int64_t perm[INN_MAX_RANK];
    int i;

    if (read_perm(&a, perm) != INN_OK)
        return false;
    prim->kind = INN_PRIM_PERMUTE;
    for (i = 0; i < c->in[0]->rank; i++)
        prim->u.perm[i] = (int)perm[i];
    return true;
}

/*
 * Where channels lie on several axes they are counted row by row: another
 * order of those axes is another order of the channels.
 */
static enum inn_status reorder(struct inn_carry *c, const int64_t *perm,
                               struct inn_law **law)
{
    const struct inn_field *x = &c->from[0];
    const struct inn_tensor *t = c->in[0];
    int64_t step[INN_MAX_RANK], k[INN_MAX_RANK] = {0}, count = 1, *at, n;
    bool moved = false;
    int i, last = -1;

    for (i = t->rank - 1; i >= 0; i--) {
        step[i] = count;
        count *= x->channels & 1u << i ? t->dims[i] : 1;
    }
    for (i = 0; i < t->rank; i++) {
        if (!(x->channels & 1u << perm[i]) || t->dims[perm[i]] == 1)
            continue;
        moved = moved || (int)perm[i] < last;
        last = (int)perm[i];
    }
    if (!moved) {
        *law = inn_law_hold(x->law);
        return INN_OK;
    }
    at = inn_arena_alloc(c->scratch, (size_t)count, sizeof(*at), c->err);
    if (at == NULL)
        return inn_refused(c->err);
    for (n = 0; n < count; n++) {
        for (i = 0; i < t->rank; i++)
            at[n] += k[i] * step[perm[i]];
        for (i = t->rank - 1; i >= 0; i--) {
            if (!(x->channels & 1u << perm[i]))
                continue;
            if (++k[i] < t->dims[perm[i]])
                break;
            k[i] = 0;
        }
    }
    *law = inn_law_pick(x->law, at, count, c->heap, c->err);
    return *law != NULL ? INN_OK : inn_refused(c->err);
}

enum inn_status inn_moments_transpose(struct inn_carry *c)
{
    const struct inn_field *x = &c->from[0];
    struct inn_args a = INN_ARGS(c);
    int64_t perm[INN_MAX_RANK];
    struct inn_law *law;
    enum inn_status st;
    struct inn_field y;
    int i;

    if (x->law == NULL || (x->repeat != 1 && inn_field_axis(x) < 0))
        return INN_OK;
    st = read_perm(&a, perm);
    if (st != INN_OK)
        return st;
    y = *x;
    y.channels = 0;
    for (i = 0; i < c->in[0]->rank; i++) {
        if (x->channels & 1u << perm[i])
            y.channels |= 1u << i;
        if (x->space[0] == perm[i])
            y.space[0] = i;
        if (x->space[1] == perm[i])
            y.space[1] = i;
    }
    if (x->repeat != 1) {
        inn_carry_put(c, 0, inn_law_hold(x->law), &y);
        return INN_OK;
    }
    st = reorder(c, perm, &law);
    if (st == INN_OK)
        inn_carry_put(c, 0, law, &y);
    return st;
}
