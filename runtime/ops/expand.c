/*
 * Expand and Tile: tensors stretched and repeated.
 */
#include <string.h>

#include "runtime/base/checked.h"
#include "runtime/base/threads.h"
#include "runtime/ops/args.h"
#include "runtime/ops/rows.h"
#include "runtime/ops/walk.h"

enum inn_status inn_infer_expand(struct inn_infer *c)
{
    struct inn_args a = INN_ARGS(c);
    struct inn_tensor shape;
    struct inn_list list;
    int64_t dims[INN_MAX_RANK];
    char text[INN_SHAPE_TEXT], text_x[INN_SHAPE_TEXT];
    int i, rank = 0;
    enum inn_status st = inn_args_need(&a, 2);

    if (st == INN_OK)
        st = inn_args_input_list(&a, &list, 1);
    if (st != INN_OK || !list.known)
        return st;
    if (list.n > INN_MAX_RANK)
        return inn_args_fail(&a, INN_ERR_FORMAT,
                             "asks for %zu axes; %d are possible", list.n,
                             INN_MAX_RANK);
    memset(&shape, 0, sizeof(shape));
    shape.rank = (int)list.n;
    for (i = 0; i < shape.rank; i++) {
        shape.dims[i] = inn_list_at(&list, (size_t)i);
        if (shape.dims[i] < 0)
            return inn_args_fail(&a, INN_ERR_FORMAT, "axis %d would be %lld",
                                 i, (long long)shape.dims[i]);
    }
    if (!inn_broadcast(dims, &rank, c->in[0]) ||
        !inn_broadcast(dims, &rank, &shape))
        return inn_args_fail(
            &a, INN_ERR_FORMAT, "can't expand %s to %s",
            inn_shape_text(text_x, c->in[0]->rank, c->in[0]->dims),
            inn_shape_text(text, shape.rank, shape.dims));
    return inn_infer_out(c, 0, c->in[0]->type, rank, dims);
}

/* What is stretched says nothing of its output: it keeps its size. */
enum inn_status inn_couple_expand(struct inn_couple *c)
{
    enum inn_status st = INN_OK;
    int i, shift;

    if (c->n_in < 1 || c->in[0] == NULL || c->n_out < 1 || c->out[0] == NULL)
        return INN_OK;
    shift = c->out[0]->rank - c->in[0]->rank;
    for (i = 0; st == INN_OK && i < c->in[0]->rank; i++) {
        if (c->in[0]->dims[i] == c->out[0]->dims[i + shift])
            st = inn_couple_map(c, inn_in(0, i), inn_out(0, i + shift), NULL);
        else
            st = inn_couple_pin(c, inn_in(0, i), "stretched");
    }
    return st;
}

/* Sizes that are written out follow; 1 does so by itself. */
enum inn_status inn_resize_expand(struct inn_resize *c)
{
    struct inn_args a = INN_ARGS(c);
    struct inn_list list;
    int64_t values[INN_MAX_RANK];
    bool changed = false;
    int i, shift;
    enum inn_status st = inn_args_input_list(&a, &list, 1);

    if (st != INN_OK || !list.known || !inn_resize_is_const(c, 1) ||
        c->n_out < 1 || c->out[0] == NULL ||
        list.n > (size_t)c->out[0]->rank)
        return st;
    shift = c->out[0]->rank - (int)list.n;
    for (i = 0; i < (int)list.n; i++) {
        values[i] = inn_list_at(&list, (size_t)i);
        if (values[i] <= 1 ||
            !c->to->varies(c->state, inn_out(0, i + shift)))
            continue;
        values[i] = c->to->length(c->state, inn_out(0, i + shift));
        changed = true;
    }
    return changed ? c->to->set_input(c->state, 1, values, list.n, c->err)
                   : INN_OK;
}

enum inn_status inn_run_expand(struct inn_run *c)
{
    struct inn_args a = INN_ARGS(c);
    struct inn_walk w;
    enum inn_status st = inn_args_need(&a, 2);

    if (st != INN_OK || !inn_run_wants(c, 0))
        return st;
    inn_walk_init(&w, 2, c->out[0].rank, c->out[0].dims);
    inn_walk_dense(&w, 0, c->out[0].rank, c->out[0].dims);
    inn_walk_dense(&w, 1, c->in[0]->rank, c->in[0]->dims);
    inn_walk_copy(&w, c->out[0].data, c->in[0]->data,
                  inn_type_size(c->out[0].type), c->threads);
    return INN_OK;
}

/*
 * How often each axis is repeated: from opset 6 a list as input 1; before,
 * one number as input 1 and an axis as input 2.
 */
static enum inn_status read_repeats(const struct inn_args *a,
                                    int64_t repeats[INN_MAX_RANK],
                                    bool *known)
{
    struct inn_list list, axes;
    int i, rank, axis;
    enum inn_status st = inn_args_need(a, a->node->version < 6 ? 3 : 2);

    *known = false;
    if (st == INN_OK)
        st = inn_args_input_list(a, &list, 1);
    if (st == INN_OK && a->node->version < 6)
        st = inn_args_input_list(a, &axes, 2);
    if (st != INN_OK)
        return st;
    rank = a->in[0]->rank;
    if (list.n != (a->node->version < 6 ? 1 : (size_t)rank) ||
        (a->node->version < 6 && axes.n != 1))
        return inn_args_fail(a, INN_ERR_FORMAT,
                             "has %zu repeats for %d axes", list.n, rank);
    *known = list.known && (a->node->version >= 6 || axes.known);
    for (i = 0; *known && i < rank; i++)
        repeats[i] = a->node->version < 6 ? 1
                                          : inn_list_at(&list, (size_t)i);
    if (*known && a->node->version < 6) {
        st = inn_args_axis(a, &axis, inn_list_at(&axes, 0), rank);
        if (st != INN_OK)
            return st;
        repeats[axis] = inn_list_at(&list, 0);
    }
    for (i = 0; *known && i < rank; i++) {
        if (repeats[i] < 0)
            return inn_args_fail(a, INN_ERR_FORMAT,
                                 "axis %d is repeated %lld times", i,
                                 (long long)repeats[i]);
    }
    return INN_OK;
}

enum inn_status inn_infer_tile(struct inn_infer *c)
{
    struct inn_args a = INN_ARGS(c);
    int64_t dims[INN_MAX_RANK];
    bool known;
    int i;
    enum inn_status st = read_repeats(&a, dims, &known);

    if (st != INN_OK || !known)
        return st;
    for (i = 0; i < c->in[0]->rank; i++) {
        if (!inn_mul_i64(&dims[i], dims[i], c->in[0]->dims[i]))
            return inn_args_fail(&a, INN_ERR_FORMAT,
                                 "%lld times %lld elements on axis %d",
                                 (long long)dims[i],
                                 (long long)c->in[0]->dims[i], i);
    }
    return inn_infer_out(c, 0, c->in[0]->type, c->in[0]->rank, dims);
}

enum inn_status inn_couple_tile(struct inn_couple *c)
{
    enum inn_status st = INN_OK;
    int k;

    if (c->n_in < 1 || c->in[0] == NULL || c->n_out < 1 || c->out[0] == NULL)
        return INN_OK;
    for (k = 0; st == INN_OK && k < c->in[0]->rank; k++) {
        int64_t i, n = c->out[0]->dims[k], *map = NULL;

        if (n == 0)
            continue;
        if (n != c->in[0]->dims[k]) {
            map = inn_couple_count_from(c, 0, n);
            if (map == NULL)
                return inn_refused(c->err);
            for (i = 0; i < n; i++)
                map[i] %= c->in[0]->dims[k];
        }
        st = inn_couple_map(c, inn_out(0, k), inn_in(0, k), map);
    }
    return st;
}

struct tiling {
    const struct inn_tensor *x, *out;
    size_t size;
};

/* The output's row along its last axis: the input's, again and again. */
static void tile_row(void *context, size_t part)
{
    const struct tiling *t = context;
    const struct inn_tensor *x = t->x, *out = t->out;
    int last = x->rank - 1, k;
    int64_t length = x->dims[last], n = out->dims[last], i;
    int64_t row = (int64_t)part, from = 0, stride = length;
    char *to = (char *)out->data + part * (size_t)n * t->size;

    for (k = last - 1; k >= 0; k--) {
        from += row % out->dims[k] % x->dims[k] * stride;
        stride *= x->dims[k];
        row /= out->dims[k];
    }
    for (i = 0; i < n; i += length)
        memcpy(to + (size_t)i * t->size,
               (const char *)x->data + (size_t)from * t->size,
               (size_t)length * t->size);
}

enum inn_status inn_run_tile(struct inn_run *c)
{
    struct inn_args a = INN_ARGS(c);
    struct tiling t;
    enum inn_status st = inn_args_need(&a, 1);

    if (st != INN_OK || !inn_run_wants(c, 0) || c->out[0].bytes == 0)
        return st;
    t.x = c->in[0];
    t.out = &c->out[0];
    t.size = inn_type_size(t.x->type);
    if (t.x->rank == 0) {
        memcpy(t.out->data, t.x->data, t.size);
        return INN_OK;
    }
    /* Small ones are not worth a thread's start. */
    inn_parallel(t.out->bytes < 65536 ? 1 : c->threads,
                 inn_tensor_count(t.out) /
                     (size_t)t.out->dims[t.x->rank - 1],
                 tile_row, &t);
    return INN_OK;
}
