/*
 * Gather: the entries of one axis that a tensor of indices names.
 */
#include <string.h>

#include "runtime/base/checked.h"
#include "runtime/ops/args.h"
#include "runtime/ops/moments.h"
#include "runtime/ops/rows.h"

static enum inn_status read_axis(const struct inn_args *a, int *axis)
{
    enum inn_status st = inn_args_need(a, 2);

    if (st != INN_OK)
        return st;
    if (a->in[1]->type != INN_I64 && a->in[1]->type != INN_I32)
        return inn_args_fail(a, INN_ERR_FORMAT,
                             "indices are %s, must be i32 or i64",
                             inn_type_name(a->in[1]->type));
    return inn_args_axis(a, axis, inn_node_int(a->node, "axis", 0),
                         a->in[0]->rank);
}

/* Index i of the list, from the end where negative. */
static enum inn_status read_index(const struct inn_args *a, int64_t *index,
                                  size_t i, int axis)
{
    int64_t dim = a->in[0]->dims[axis], at = inn_tensor_int(a->in[1], i);

    if (at < -dim || at >= dim)
        return inn_args_fail(a, INN_ERR_FORMAT,
                             "index %lld of axis %d with %lld elements",
                             (long long)at, axis, (long long)dim);
    *index = at < 0 ? at + dim : at;
    return INN_OK;
}

enum inn_status inn_infer_gather(struct inn_infer *c)
{
    struct inn_args a = INN_ARGS(c);
    int64_t dims[2 * INN_MAX_RANK], index;
    size_t k, count;
    int i, axis, n = 0;
    enum inn_status st = read_axis(&a, &axis);

    if (st != INN_OK)
        return st;
    for (i = 0; i < axis; i++)
        dims[n++] = c->in[0]->dims[i];
    for (i = 0; i < c->in[1]->rank; i++)
        dims[n++] = c->in[1]->dims[i];
    for (i = axis + 1; i < c->in[0]->rank; i++)
        dims[n++] = c->in[0]->dims[i];
    count = c->in[1]->data != NULL ? inn_tensor_count(c->in[1]) : 0;
    for (k = 0; st == INN_OK && k < count; k++)
        st = read_index(&a, &index, k, axis);
    if (st != INN_OK)
        return st;
    return inn_infer_out(c, 0, c->in[0]->type, n, dims);
}

/* A list of indices carries channels over; one alone takes the axis away. */
static enum inn_status couple_indices(struct inn_couple *c, int axis)
{
    struct inn_args a = INN_ARGS(c);
    size_t i, n = inn_tensor_count(c->in[1]);
    int64_t *map;
    enum inn_status st = INN_OK;

    if (c->in[1]->rank != 1 || !inn_couple_is_const(c, 1))
        return inn_couple_pin(c, inn_in(0, axis),
                              c->in[1]->rank == 0
                                  ? "one of its channels is picked"
                                  : "gathered where the input says");
    if (n == 0)
        return INN_OK;
    map = inn_arena_alloc(c->scratch, n, sizeof(*map), c->err);
    if (map == NULL)
        return inn_refused(c->err);
    for (i = 0; st == INN_OK && i < n; i++)
        st = read_index(&a, &map[i], i, axis);
    if (st != INN_OK)
        return st;
    return inn_couple_map(c, inn_out(0, axis), inn_in(0, axis), map);
}

enum inn_status inn_couple_gather(struct inn_couple *c)
{
    struct inn_args a = INN_ARGS(c);
    enum inn_status st;
    int k, axis;

    if (inn_args_in(&a, 0) == NULL || inn_args_in(&a, 1) == NULL ||
        c->n_out < 1 || c->out[0] == NULL)
        return INN_OK;
    st = read_axis(&a, &axis);
    /*
     * The other axes first: where channels lie along this one and another
     * jointly (a channel shuffle by halves), they are then the other's alone
     * and a half can be picked without pinning them.
     */
    for (k = 0; st == INN_OK && k < c->in[0]->rank; k++) {
        int to = k < axis ? k : k + c->in[1]->rank - 1;

        if (k != axis)
            st = inn_couple_map(c, inn_out(0, to), inn_in(0, k), NULL);
    }
    return st == INN_OK ? couple_indices(c, axis) : st;
}

enum inn_status inn_resize_gather(struct inn_resize *c)
{
    struct inn_args a = INN_ARGS(c);
    struct inn_error why = {INN_OK, ""};
    int64_t *from, *list;
    size_t i, count, n;
    int axis;
    enum inn_status st = read_axis(&a, &axis);

    if (st != INN_OK || c->in[1]->rank != 1 || !inn_resize_is_const(c, 1) ||
        !c->to->varies(c->state, inn_in(0, axis)))
        return st;
    count = inn_tensor_count(c->in[1]);
    from = inn_arena_alloc(c->scratch, count, sizeof(*from), c->err);
    if (from == NULL)
        return inn_refused(c->err);
    for (i = 0; st == INN_OK && i < count; i++)
        st = read_index(&a, &from[i], i, axis);
    if (st != INN_OK)
        return st;
    st = c->to->remap(c->state, &list, &n, inn_out(0, axis), inn_in(0, axis),
                      from, count, c->scratch, &why);
    if (st != INN_OK)
        return inn_args_fail(&a, st, "%s", why.message);
    return c->to->set_input(c->state, 1, list, n, c->err);
}

enum inn_status inn_run_gather(struct inn_run *c)
{
    struct inn_args a = INN_ARGS(c);
    const struct inn_tensor *x = c->n_in > 0 ? c->in[0] : NULL;
    size_t outer, inner, size, o, i, count;
    int64_t index;
    char *to;
    int axis;
    enum inn_status st = read_axis(&a, &axis);

    if (st != INN_OK || !inn_run_wants(c, 0) || c->out[0].bytes == 0)
        return st;
    size = inn_type_size(x->type);
    if (!inn_count_dims(&outer, x->dims, axis) ||
        !inn_count_dims(&inner, x->dims + axis + 1, x->rank - axis - 1))
        return inn_args_fail(&a, INN_ERR_FORMAT, "too many elements");
    count = inn_tensor_count(c->in[1]);
    inner *= size;
    to = c->out[0].data;
    for (i = 0; i < count; i++) {
        st = read_index(&a, &index, i, axis);
        if (st != INN_OK)
            return st;
        for (o = 0; o < outer; o++)
            memcpy(to + (o * count + i) * inner,
                   (const char *)x->data +
                       (o * (size_t)x->dims[axis] + (size_t)index) * inner,
                   inner);
    }
    return INN_OK;
}

/* Of channels on several axes those at one place of axis. */
static enum inn_status pick_part(struct inn_carry *c, int axis,
                                 struct inn_law **law)
{
    const struct inn_field *x = &c->from[0];
    struct inn_args a = INN_ARGS(c);
    const struct inn_tensor *t = c->in[0];
    int64_t inner = 1, count = x->law->n / t->dims[axis], index, *at, k;
    enum inn_status st = read_index(&a, &index, 0, axis);
    int i;

    at = inn_arena_alloc(c->scratch, (size_t)count, sizeof(*at), c->err);
    if (st != INN_OK || at == NULL)
        return st != INN_OK ? st : inn_refused(c->err);
    for (i = axis + 1; i < t->rank; i++)
        inner *= x->channels & 1u << i ? t->dims[i] : 1;
    for (k = 0; k < count; k++)
        at[k] = (k / inner * t->dims[axis] + index) * inner + k % inner;
    *law = inn_law_pick(x->law, at, count, c->heap, c->err);
    return *law != NULL ? INN_OK : inn_refused(c->err);
}

/* Listed channels; one of many positions takes their axis away. */
enum inn_status inn_moments_gather(struct inn_carry *c)
{
    const struct inn_field *x = &c->from[0];
    struct inn_args a = INN_ARGS(c);
    struct inn_field y = *x;
    struct inn_law *law;
    int64_t *at, n, k;
    enum inn_status st;
    int axis, i;

    if (x->law == NULL || x->repeat != 1 || !inn_carry_is_const(c, 1))
        return INN_OK;
    st = read_axis(&a, &axis);
    n = (int64_t)inn_tensor_count(c->in[1]);
    if (st != INN_OK || n < 1)
        return st;
    if (inn_field_axis(x) == axis && c->in[1]->rank == 1) {
        at = inn_arena_alloc(c->scratch, (size_t)n, sizeof(*at), c->err);
        if (at == NULL)
            return inn_refused(c->err);
        for (k = 0; k < n && st == INN_OK; k++)
            st = read_index(&a, &at[k], (size_t)k, axis);
        if (st != INN_OK)
            return st;
        law = inn_law_pick(x->law, at, n, c->heap, c->err);
        if (law == NULL)
            return inn_refused(c->err);
        inn_carry_put(c, 0, law, x);
        return INN_OK;
    }
    if (c->in[1]->rank != 0 || x->channels == 1u << axis)
        return INN_OK;
    law = NULL;
    if (x->channels & 1u << axis)
        st = pick_part(c, axis, &law);
    if (st != INN_OK)
        return st;
    y.channels = (x->channels & ((1u << axis) - 1)) |
                 (x->channels >> (axis + 1)) << axis;
    for (i = 0; i < 2; i++) {
        if (x->space[i] == axis)
            y.space[i] = -1;
        else if (x->space[i] > axis)
            y.space[i]--;
    }
    inn_carry_put(c, 0, law != NULL ? law : inn_law_hold(x->law), &y);
    return INN_OK;
}
