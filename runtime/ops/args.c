/*
 * Reading a graph node's arguments, and the small calls that the rows of many
 * families share. Everything here may meet hostile numbers: lists are checked
 * before they are read, axes before they index.
 */
#include "runtime/ops/args.h"

#include <stdarg.h>
#include <string.h>

#include "runtime/base/error.h"

enum inn_status inn_args_fail(const struct inn_args *a,
                              enum inn_status status, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    inn_fail_list(a->err, status, format, list);
    va_end(list);
    inn_error_node(a->err, a->node);
    return status;
}

enum inn_status inn_args_need(const struct inn_args *a, int least)
{
    int i;

    if (a->n_in < least)
        return inn_args_fail(a, INN_ERR_FORMAT,
                             "has %d inputs, needs %d", a->n_in, least);
    for (i = 0; i < least; i++) {
        if (a->in[i] == NULL)
            return inn_args_fail(a, INN_ERR_FORMAT,
                                 "input %d of %d needed is omitted", i,
                                 least);
    }
    return INN_OK;
}

const struct inn_tensor *inn_args_in(const struct inn_args *a, int i)
{
    return i < a->n_in ? a->in[i] : NULL;
}

enum inn_status inn_args_axis(const struct inn_args *a, int *out,
                              int64_t axis, int rank)
{
    if (axis < -(int64_t)rank || axis >= rank)
        return inn_args_fail(a, INN_ERR_FORMAT,
                             "axis %lld is outside the rank %d",
                             (long long)axis, rank);
    *out = (int)(axis < 0 ? axis + rank : axis);
    return INN_OK;
}

void inn_args_attr_list(const struct inn_args *a, struct inn_list *list,
                        const char *name)
{
    const struct inn_attr *attr = inn_node_attr(a->node, name);
    static const int64_t none = 0;

    memset(list, 0, sizeof(*list));
    if (attr == NULL || attr->kind != INN_ATTR_INTS)
        return;
    list->given = list->known = true;
    list->n = attr->count;
    list->ints = attr->ints != NULL ? attr->ints : &none;
}

enum inn_status inn_args_input_list(const struct inn_args *a,
                                    struct inn_list *list, int i)
{
    const struct inn_tensor *t = inn_args_in(a, i);

    memset(list, 0, sizeof(*list));
    if (t == NULL)
        return INN_OK;
    if (t->type != INN_I64 && t->type != INN_I32)
        return inn_args_fail(a, INN_ERR_FORMAT,
                             "input %d is %s, must be i32 or i64", i,
                             inn_type_name(t->type));
    if (t->rank > 1)
        return inn_args_fail(a, INN_ERR_FORMAT,
                             "input %d has %d axes, must be a list", i,
                             t->rank);
    list->given = true;
    list->n = inn_tensor_count(t);
    list->known = t->data != NULL || list->n == 0;
    list->input = t;
    return INN_OK;
}

enum inn_status inn_infer_out(struct inn_infer *c, int j, enum inn_type type,
                              int rank, const int64_t *dims)
{
    enum inn_status st;

    if (j >= c->n_out)
        return INN_OK;
    if (inn_type_size(type) == 0) {
        memset(&c->out[j], 0, sizeof(c->out[j]));
        c->unheld = type;
        return INN_OK;
    }
    st = inn_tensor_init(&c->out[j], type, rank, dims, c->err);
    if (st != INN_OK)
        inn_error_node(c->err, c->node);
    return st;
}

bool inn_resize_is_const(const struct inn_resize *c, int i)
{
    if (i >= c->n_in || c->in[i] == NULL || c->in[i]->data == NULL)
        return false;
    return c->to->is_const == NULL || c->to->is_const(c->state, i);
}

enum inn_status inn_couple_alike(struct inn_couple *c, struct inn_operand a,
                                 struct inn_operand b)
{
    return c->sink->alike(c->state, a, b, c->err);
}

enum inn_status inn_couple_map(struct inn_couple *c, struct inn_operand a,
                               struct inn_operand b, const int64_t *map)
{
    return c->sink->map(c->state, a, b, map, c->err);
}

enum inn_status inn_couple_pin(struct inn_couple *c, struct inn_operand a,
                               const char *reason)
{
    return c->sink->pin(c->state, a, reason, c->err);
}

int64_t *inn_couple_count_from(struct inn_couple *c, int64_t start, int64_t n)
{
    int64_t *map = inn_arena_alloc(c->scratch, (size_t)n, sizeof(*map),
                                   c->err);
    int64_t i;

    for (i = 0; map != NULL && i < n; i++)
        map[i] = start + i;
    return map;
}

int64_t *inn_couple_wrap(struct inn_couple *c, int64_t n, int64_t count)
{
    int64_t *map = inn_couple_count_from(c, 0, n), i;

    for (i = 0; map != NULL && i < n; i++)
        map[i] = i % count;
    return map;
}

enum inn_status inn_infer_same(struct inn_infer *c)
{
    struct inn_args a = INN_ARGS(c);
    enum inn_status st = inn_args_need(&a, 1);

    if (st != INN_OK)
        return st;
    return inn_infer_out(c, 0, c->in[0]->type, c->in[0]->rank,
                         c->in[0]->dims);
}

enum inn_status inn_couple_same(struct inn_couple *c)
{
    if (c->n_in < 1 || c->in[0] == NULL || c->n_out < 1 || c->out[0] == NULL)
        return INN_OK;
    return inn_couple_alike(c, inn_in(0, 0), inn_out(0, 0));
}

enum inn_status inn_run_copy(struct inn_run *c)
{
    struct inn_args a = INN_ARGS(c);
    enum inn_status st = inn_args_need(&a, 1);

    if (st != INN_OK || !inn_run_wants(c, 0) || c->out[0].bytes == 0)
        return st;
    if (c->in[0]->bytes != c->out[0].bytes)
        return inn_args_fail(&a, INN_ERR_FORMAT,
                             "input has %zu bytes, output %zu",
                             c->in[0]->bytes, c->out[0].bytes);
    memmove(c->out[0].data, c->in[0]->data, c->out[0].bytes);
    return INN_OK;
}

bool inn_lower_view(const struct inn_infer *c, struct inn_prim *prim)
{
    if (c->n_in < 1 || c->in[0] == NULL || c->n_out < 1)
        return false;
    if (c->in[0]->type != c->out[0].type ||
        c->in[0]->bytes != c->out[0].bytes)
        return false;
    prim->kind = INN_PRIM_VIEW;
    return true;
}
