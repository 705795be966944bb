/*
 * Operators that go along one axis and keep the others apart: ArgMax and
 * ArgMin, which say where an extreme is, and CumSum. Floats are summed in
 * double, integers wrap.
 */
#include <math.h>
#include <string.h>

#include "runtime/base/threads.h"
#include "runtime/ops/block.h"
#include "runtime/ops/common.h"
#include "runtime/ops/rows.h"

/* Lines along the axis that one part of the loop takes. */
#define PART ((size_t)64)

struct lines {
    enum inn_type type;
    const void *x;
    void *y;
    size_t n, inner, count; /* count lines of n elements, inner apart */
    bool greatest, last;      /* ArgMax, ArgMin */
    bool exclusive, reverse;  /* CumSum */
};

/* Calls line for the first element of each line of the part. */
static void each_line(const struct lines *v, size_t part,
                      void (*line)(const struct lines *v, size_t number,
                                   size_t first))
{
    size_t i = part * PART, end = i + PART;

    if (end > v->count)
        end = v->count;
    for (; i < end; i++)
        line(v, i, i / v->inner * v->n * v->inner + i % v->inner);
}

static void set_lines(struct lines *v, const struct inn_tensor *x, int axis)
{
    v->type = x->type;
    v->x = x->data;
    v->n = (size_t)x->dims[axis];
    v->inner = inn_dims_product(x->dims, axis + 1, x->rank);
    v->count = inn_dims_product(x->dims, 0, axis) * v->inner;
}

static enum inn_status arg_axis(const struct inn_args *a, int *axis)
{
    return inn_args_axis(a, axis, inn_node_int(a->node, "axis", 0),
                         a->in[0]->rank);
}

enum inn_status inn_infer_arg(struct inn_infer *c)
{
    enum inn_status st = inn_infer_arity(c, 1, 1, 1);
    bool keep = inn_node_int(c->node, "keepdims", 1) != 0;
    int64_t dims[INN_MAX_RANK];
    struct inn_args a = INN_ARGS(c);
    int i, axis, rank = 0;

    if (st == INN_OK)
        st = arg_axis(&a, &axis);
    if (st != INN_OK)
        return st;
    if (c->in[0]->dims[axis] == 0)
        return inn_args_fail(&a, INN_ERR_FORMAT,
                             "axis %d of its input is empty", axis);
    for (i = 0; i < c->in[0]->rank; i++) {
        if (i != axis)
            dims[rank++] = c->in[0]->dims[i];
        else if (keep)
            dims[rank++] = 1;
    }
    return inn_infer_out(c, 0, INN_I64, rank, dims);
}

enum inn_status inn_couple_arg(struct inn_couple *c)
{
    bool keep = inn_node_int(c->node, "keepdims", 1) != 0;
    struct inn_args a = INN_ARGS(c);
    int i, axis = 0, to = 0;
    enum inn_status st = arg_axis(&a, &axis);

    for (i = 0; i < c->in[0]->rank && st == INN_OK; i++) {
        if (i != axis)
            st = inn_couple_map(c, inn_out(0, to), inn_in(0, i), NULL);
        else if (strcmp(c->node->op_type, "ArgMax") == 0)
            st = inn_couple_pin(c, inn_in(0, i), "searched by ArgMax");
        else
            st = inn_couple_pin(c, inn_in(0, i), "searched by ArgMin");
        to += i != axis || keep;
    }
    return st;
}

/* −1, 0 or 1 as element i is below, at or above element k; NaN is first. */
static int compare(const struct lines *v, size_t i, size_t k)
{
    double a, b;

    if (v->type == INN_I64) {
        const int64_t *x = v->x;

        return (x[i] > x[k]) - (x[i] < x[k]);
    }
    if (v->type == INN_U64) {
        const uint64_t *x = v->x;

        return (x[i] > x[k]) - (x[i] < x[k]);
    }
    a = inn_element_get(v->type, v->x, i);
    b = inn_element_get(v->type, v->x, k);
    if (isnan(a) || isnan(b))
        return (isnan(a) - isnan(b)) * (v->greatest ? 1 : -1);
    return (a > b) - (a < b);
}

static void search_line(const struct lines *v, size_t number, size_t first)
{
    size_t i, best = 0;

    for (i = 1; i < v->n; i++) {
        int order = compare(v, first + i * v->inner, first + best * v->inner);

        if (order == 0 ? v->last : (order > 0) == v->greatest)
            best = i;
    }
    ((int64_t *)v->y)[number] = (int64_t)best;
}

static void search_part(void *context, size_t part)
{
    each_line(context, part, search_line);
}

enum inn_status inn_run_arg(struct inn_run *c)
{
    struct lines v = {.greatest = strcmp(c->node->op_type, "ArgMax") == 0};
    struct inn_args a = INN_ARGS(c);
    enum inn_status st;
    int axis;

    if (!inn_run_wants(c, 0) || c->out[0].bytes == 0)
        return INN_OK;
    st = arg_axis(&a, &axis);
    if (st != INN_OK)
        return st;
    set_lines(&v, c->in[0], axis);
    v.y = c->out[0].data;
    v.last = c->node->version >= 12 &&
             inn_node_int(c->node, "select_last_index", 0) != 0;
    inn_parallel(c->threads, (v.count - 1) / PART + 1, search_part, &v);
    return INN_OK;
}

/* CumSum's axis is an input: *known is false where only a run knows it. */
static enum inn_status sum_axis(const struct inn_args *a, int *axis,
                                bool *known)
{
    enum inn_status st = inn_args_need(a, 2);
    struct inn_list list;

    *known = false;
    if (st == INN_OK)
        st = inn_args_input_list(a, &list, 1);
    if (st != INN_OK)
        return st;
    if (list.n != 1)
        return inn_args_fail(a, INN_ERR_FORMAT,
                             "has %zu axes, sums along one", list.n);
    *known = list.known;
    return list.known ? inn_args_axis(a, axis, inn_list_at(&list, 0),
                                      a->in[0]->rank)
                      : INN_OK;
}

enum inn_status inn_infer_cumsum(struct inn_infer *c)
{
    enum inn_status st = inn_infer_arity(c, 2, 2, 1);
    struct inn_args a = INN_ARGS(c);
    bool known;
    int axis;

    if (st == INN_OK)
        st = sum_axis(&a, &axis, &known);
    if (st != INN_OK)
        return st;
    if (c->in[0]->type == INN_BOOL)
        return inn_args_fail(&a, INN_ERR_FORMAT, "is not defined for %s",
                             inn_type_name(c->in[0]->type));
    return inn_infer_same(c);
}

enum inn_status inn_couple_cumsum(struct inn_couple *c)
{
    static const char why[] = "summed in order by CumSum";
    struct inn_args a = INN_ARGS(c);
    enum inn_status st;
    int i, axis = 0;
    bool known;

    st = sum_axis(&a, &axis, &known);
    for (i = 0; i < c->in[0]->rank && st == INN_OK; i++) {
        if (known && i != axis) {
            st = inn_couple_map(c, inn_out(0, i), inn_in(0, i), NULL);
            continue;
        }
        st = inn_couple_pin(c, inn_in(0, i), why);
        if (st == INN_OK)
            st = inn_couple_pin(c, inn_out(0, i), why);
    }
    return st;
}

static void sum_line(const struct lines *v, size_t number, size_t first)
{
    bool floats = inn_type_is_float(v->type);
    double sum = 0, x = 0;
    uint64_t total = 0;
    int64_t whole = 0;
    size_t i;

    (void)number;
    for (i = 0; i < v->n; i++) {
        size_t k = v->reverse ? v->n - 1 - i : i;
        int64_t at = (int64_t)(first + k * v->inner);

        if (floats) {
            inn_block_load_floats(&x, v->type, v->x, at, 1, 1);
            sum += v->exclusive ? 0 : x;
            inn_block_store_floats(v->y, v->type, at, &sum, 1);
            sum += v->exclusive ? x : 0;
        } else {
            inn_block_load_ints(&whole, v->type, v->x, at, 1, 1);
            total += v->exclusive ? 0 : (uint64_t)whole;
            inn_block_store_ints(v->y, v->type, at,
                                 &(int64_t){(int64_t)total}, 1);
            total += v->exclusive ? (uint64_t)whole : 0;
        }
    }
}

static void sum_part(void *context, size_t part)
{
    each_line(context, part, sum_line);
}

enum inn_status inn_run_cumsum(struct inn_run *c)
{
    struct inn_args a = INN_ARGS(c);
    struct lines v = {.x = NULL};
    enum inn_status st;
    bool known;
    int axis;

    st = sum_axis(&a, &axis, &known);
    if (st != INN_OK || !inn_run_wants(c, 0) || c->out[0].bytes == 0)
        return st;
    if (!known)
        return inn_args_fail(&a, INN_ERR_ARGUMENT, "its axis has no data");
    set_lines(&v, c->in[0], axis);
    v.y = c->out[0].data;
    v.exclusive = inn_node_int(c->node, "exclusive", 0) != 0;
    v.reverse = inn_node_int(c->node, "reverse", 0) != 0;
    inn_parallel(c->threads, (v.count - 1) / PART + 1, sum_part, &v);
    return INN_OK;
}
