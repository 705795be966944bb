/*
 * Tensors out of nothing but attributes and shapes: Constant,
 * ConstantOfShape, Range, Shape, Size.
 */
#include <math.h>
#include <string.h>

#include "runtime/ops/args.h"
#include "runtime/ops/rows.h"

/*
 * The tensor of a Constant, which borrows from the attribute; its type is
 * INN_UNDEFINED where it is text or sparse.
 */
static enum inn_status read_constant(const struct inn_args *a,
                                     struct inn_tensor *t)
{
    const struct inn_attr *attr;
    enum inn_status st;
    int64_t n;

    memset(t, 0, sizeof(*t));
    attr = inn_node_attr(a->node, "value");
    if (attr != NULL && attr->kind == INN_ATTR_TENSOR &&
        attr->tensor != NULL) {
        *t = *attr->tensor;
        return INN_OK;
    }
    attr = inn_node_attr(a->node, "value_float");
    if (attr != NULL && attr->kind == INN_ATTR_FLOAT) {
        st = inn_tensor_init(t, INN_F32, 0, NULL, a->err);
        t->data = (void *)(uintptr_t)&attr->f;
        return st;
    }
    attr = inn_node_attr(a->node, "value_int");
    if (attr != NULL && attr->kind == INN_ATTR_INT) {
        st = inn_tensor_init(t, INN_I64, 0, NULL, a->err);
        t->data = (void *)(uintptr_t)&attr->i;
        return st;
    }
    attr = inn_node_attr(a->node, "value_floats");
    if (attr != NULL && attr->kind == INN_ATTR_FLOATS) {
        n = (int64_t)attr->count;
        st = inn_tensor_init(t, INN_F32, 1, &n, a->err);
        t->data = attr->floats;
        return st;
    }
    attr = inn_node_attr(a->node, "value_ints");
    if (attr != NULL && attr->kind == INN_ATTR_INTS) {
        n = (int64_t)attr->count;
        st = inn_tensor_init(t, INN_I64, 1, &n, a->err);
        t->data = attr->ints;
        return st;
    }
    if (a->node->n_attrs == 0)
        return inn_args_fail(a, INN_ERR_FORMAT, "has no value");
    return INN_OK;
}

enum inn_status inn_infer_constant(struct inn_infer *c)
{
    struct inn_args a = INN_ARGS(c);
    struct inn_tensor t;
    enum inn_status st = read_constant(&a, &t);

    if (st != INN_OK || inn_type_size(t.type) == 0 || c->n_out < 1)
        return st;
    c->out[0] = t;
    return INN_OK;
}

enum inn_status inn_run_constant(struct inn_run *c)
{
    struct inn_args a = INN_ARGS(c);
    struct inn_tensor t;
    enum inn_status st = read_constant(&a, &t);

    if (st != INN_OK || !inn_run_wants(c, 0) || t.bytes == 0)
        return st;
    if (t.data == NULL || t.bytes != c->out[0].bytes)
        return inn_args_fail(&a, INN_ERR_FORMAT, "its value is not there");
    memcpy(c->out[0].data, t.data, t.bytes);
    return INN_OK;
}

/* What counts channels follows the width: it neither pins nor couples. */
enum inn_status inn_couple_nothing(struct inn_couple *c)
{
    (void)c;
    return INN_OK;
}

/* One element, by default a float 0. */
static enum inn_status fill_value(const struct inn_args *a,
                                  struct inn_tensor *value)
{
    const struct inn_attr *attr = inn_node_attr(a->node, "value");
    enum inn_status st;

    if (attr == NULL || attr->kind != INN_ATTR_TENSOR ||
        attr->tensor == NULL) {
        st = inn_tensor_init(value, INN_F32, 0, NULL, a->err);
        return st;
    }
    *value = *attr->tensor;
    if (inn_tensor_count(value) != 1)
        return inn_args_fail(a, INN_ERR_FORMAT,
                             "its value has %zu elements, must have 1",
                             inn_tensor_count(value));
    return INN_OK;
}

enum inn_status inn_infer_constant_of_shape(struct inn_infer *c)
{
    struct inn_args a = INN_ARGS(c);
    struct inn_tensor value;
    struct inn_list list;
    int64_t dims[INN_MAX_RANK];
    size_t i;
    enum inn_status st = inn_args_need(&a, 1);

    if (st == INN_OK)
        st = inn_args_input_list(&a, &list, 0);
    if (st == INN_OK)
        st = fill_value(&a, &value);
    if (st != INN_OK || !list.known)
        return st;
    if (list.n > INN_MAX_RANK)
        return inn_args_fail(&a, INN_ERR_FORMAT,
                             "asks for %zu axes; %d are possible", list.n,
                             INN_MAX_RANK);
    for (i = 0; i < list.n; i++)
        dims[i] = inn_list_at(&list, i);
    return inn_infer_out(c, 0, value.type, (int)list.n, dims);
}

enum inn_status inn_run_constant_of_shape(struct inn_run *c)
{
    struct inn_args a = INN_ARGS(c);
    struct inn_tensor value;
    size_t i, n, size;
    enum inn_status st = fill_value(&a, &value);

    if (st != INN_OK || !inn_run_wants(c, 0))
        return st;
    n = inn_tensor_count(&c->out[0]);
    size = inn_type_size(value.type);
    if (value.data == NULL) {
        memset(c->out[0].data, 0, c->out[0].bytes);
        return INN_OK;
    }
    for (i = 0; i < n; i++)
        memcpy((char *)c->out[0].data + i * size, value.data, size);
    return INN_OK;
}

static enum inn_status check_range(const struct inn_args *a)
{
    int i;
    enum inn_status st = inn_args_need(a, 3);

    for (i = 0; st == INN_OK && i < 3; i++) {
        const struct inn_tensor *t = a->in[i];

        if (t->type != a->in[0]->type || t->type == INN_BOOL ||
            inn_tensor_count(t) != 1)
            st = inn_args_fail(a, INN_ERR_FORMAT,
                               "input %d is %zu of %s, must be one number "
                               "of input 0's type",
                               i, inn_tensor_count(t),
                               inn_type_name(t->type));
    }
    return st;
}

/* max(ceil((limit − start) / delta), 0); −1 where that is no number. */
static int64_t count_floats(double start, double limit, double delta)
{
    double n = ceil((limit - start) / delta);

    if (!isfinite(n) || n >= 0x1p62)
        return -1;
    return n > 0 ? (int64_t)n : 0;
}

static int64_t count_ints(int64_t start, int64_t limit, int64_t delta)
{
    uint64_t span, step, n;

    if (delta == 0)
        return -1;
    if (delta > 0 ? start >= limit : start <= limit)
        return 0;
    /* Differences in unsigned arithmetic don't overflow. */
    span = delta > 0 ? (uint64_t)limit - (uint64_t)start
                     : (uint64_t)start - (uint64_t)limit;
    step = delta > 0 ? (uint64_t)delta : 0 - (uint64_t)delta;
    n = (span - 1) / step + 1;
    return n > INT64_MAX ? -1 : (int64_t)n;
}

static double number(const struct inn_tensor *t)
{
    double v;

    inn_convert_elements(&v, INN_F64, t->data, t->type, 1);
    return v;
}

enum inn_status inn_infer_range(struct inn_infer *c)
{
    struct inn_args a = INN_ARGS(c);
    int64_t n;
    enum inn_status st = check_range(&a);

    if (st != INN_OK || c->in[0]->data == NULL || c->in[1]->data == NULL ||
        c->in[2]->data == NULL)
        return st;
    if (inn_type_is_float(c->in[0]->type))
        n = count_floats(number(c->in[0]), number(c->in[1]),
                         number(c->in[2]));
    else
        n = count_ints(inn_tensor_int(c->in[0], 0),
                       inn_tensor_int(c->in[1], 0),
                       inn_tensor_int(c->in[2], 0));
    if (n < 0)
        return inn_args_fail(&a, INN_ERR_FORMAT,
                             "from %g to %g by %g is no range",
                             number(c->in[0]), number(c->in[1]),
                             number(c->in[2]));
    return inn_infer_out(c, 0, c->in[0]->type, 1, &n);
}

enum inn_status inn_run_range(struct inn_run *c)
{
    struct inn_args a = INN_ARGS(c);
    enum inn_type type;
    size_t i, n, size;
    char *to;
    enum inn_status st = check_range(&a);

    if (st != INN_OK || !inn_run_wants(c, 0))
        return st;
    type = c->out[0].type;
    size = inn_type_size(type);
    n = inn_tensor_count(&c->out[0]);
    to = c->out[0].data;
    for (i = 0; i < n; i++, to += size) {
        if (inn_type_is_float(type)) {
            double v = number(c->in[0]) + (double)i * number(c->in[2]);

            inn_convert_elements(to, type, &v, INN_F64, 1);
        } else {
            uint64_t v = (uint64_t)inn_tensor_int(c->in[0], 0) +
                         i * (uint64_t)inn_tensor_int(c->in[2], 0);

            inn_convert_elements(to, type, &v, INN_U64, 1);
        }
    }
    return INN_OK;
}

/* Axes from … to of the input, as `start` and `end` have it from opset 15. */
static void shape_bounds(const struct inn_args *a, int *from, int *to)
{
    int64_t rank = a->in[0]->rank, start = 0, end = rank;

    if (a->node->version >= 15) {
        start = inn_node_int(a->node, "start", 0);
        end = inn_node_int(a->node, "end", rank);
    }
    start = start < 0 ? start + rank : start;
    end = end < 0 ? end + rank : end;
    start = start < 0 ? 0 : start > rank ? rank : start;
    end = end < 0 ? 0 : end > rank ? rank : end;
    *from = (int)start;
    *to = (int)(end < start ? start : end);
}

enum inn_status inn_infer_shape(struct inn_infer *c)
{
    struct inn_args a = INN_ARGS(c);
    int64_t n;
    int from, to;
    enum inn_status st = inn_args_need(&a, 1);

    if (st != INN_OK || c->n_out < 1)
        return st;
    shape_bounds(&a, &from, &to);
    n = to - from;
    st = inn_tensor_new(&c->out[0], c->arena, INN_I64, 1, &n, c->err);
    if (st == INN_OK && n > 0)
        memcpy(c->out[0].data, c->in[0]->dims + from,
               (size_t)n * sizeof(int64_t));
    return st;
}

enum inn_status inn_run_shape(struct inn_run *c)
{
    struct inn_args a = INN_ARGS(c);
    int from, to;
    enum inn_status st = inn_args_need(&a, 1);

    if (st != INN_OK || !inn_run_wants(c, 0))
        return st;
    shape_bounds(&a, &from, &to);
    if (to > from)
        memcpy(c->out[0].data, c->in[0]->dims + from,
               (size_t)(to - from) * sizeof(int64_t));
    return INN_OK;
}

enum inn_status inn_infer_size(struct inn_infer *c)
{
    struct inn_args a = INN_ARGS(c);
    enum inn_status st = inn_args_need(&a, 1);

    if (st != INN_OK || c->n_out < 1)
        return st;
    st = inn_tensor_new(&c->out[0], c->arena, INN_I64, 0, NULL, c->err);
    if (st == INN_OK)
        *(int64_t *)c->out[0].data = (int64_t)inn_tensor_count(c->in[0]);
    return st;
}

enum inn_status inn_run_size(struct inn_run *c)
{
    struct inn_args a = INN_ARGS(c);
    enum inn_status st = inn_args_need(&a, 1);

    if (st == INN_OK && inn_run_wants(c, 0))
        *(int64_t *)c->out[0].data = (int64_t)inn_tensor_count(c->in[0]);
    return st;
}
