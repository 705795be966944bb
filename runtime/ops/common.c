/*
 * What operator rows share. Shapes are checked once, in infer; run and
 * couple trust them.
 */
#include "runtime/ops/common.h"

#include <stdarg.h>
#include <string.h>

enum inn_status inn_node_fail(const struct inn_node *node,
                              struct inn_error *err, enum inn_status status,
                              const char *format, ...)
{
    va_list args;

    va_start(args, format);
    inn_fail_list(err, status, format, args);
    va_end(args);
    inn_error_node(err, node);
    return status;
}

enum inn_status inn_infer_arity(const struct inn_infer *c, int need_in,
                                int max_in, int max_out)
{
    struct inn_args a = INN_ARGS(c);
    enum inn_status st = inn_args_need(&a, need_in);

    if (st != INN_OK)
        return st;
    if (max_in >= 0 && c->n_in > max_in)
        return inn_args_fail(&a, INN_ERR_FORMAT,
                             "has %d inputs, takes at most %d", c->n_in,
                             max_in);
    if (c->n_out < 1 || (max_out >= 0 && c->n_out > max_out))
        return inn_args_fail(&a, INN_ERR_FORMAT,
                             "has %d outputs, gives 1 to %d", c->n_out,
                             max_out < 0 ? c->n_out : max_out);
    return INN_OK;
}

size_t inn_dims_product(const int64_t *dims, int first, int last)
{
    size_t n = 1;
    int i;

    for (i = first; i < last; i++) {
        if (dims[i] == 0)
            return 0;
    }
    for (i = first; i < last; i++)
        n *= (size_t)dims[i];
    return n;
}

enum inn_status inn_infer_same_type(const struct inn_infer *c, int i)
{
    if (i >= c->n_in || c->in[i] == NULL || c->in[i]->type == c->in[0]->type)
        return INN_OK;
    return inn_node_fail(c->node, c->err, INN_ERR_FORMAT,
                         "input %d has type %s, input 0 has %s", i,
                         inn_type_name(c->in[i]->type),
                         inn_type_name(c->in[0]->type));
}

bool inn_couple_is_const(const struct inn_couple *c, int i)
{
    return i >= 0 && i < c->n_in && c->in[i] != NULL &&
           c->in[i]->data != NULL;
}

double inn_element_get(enum inn_type type, const void *data, size_t i)
{
    switch (type) {
    case INN_F32:
        return ((const float *)data)[i];
    case INN_F64:
        return ((const double *)data)[i];
    case INN_F16:
        return inn_f16_to_f32(((const uint16_t *)data)[i]);
    case INN_BF16:
        return inn_bf16_to_f32(((const uint16_t *)data)[i]);
    case INN_U8:
    case INN_BOOL:
        return ((const uint8_t *)data)[i];
    case INN_I8:
        return ((const int8_t *)data)[i];
    case INN_U16:
        return ((const uint16_t *)data)[i];
    case INN_I16:
        return ((const int16_t *)data)[i];
    case INN_U32:
        return ((const uint32_t *)data)[i];
    case INN_I32:
        return ((const int32_t *)data)[i];
    case INN_U64:
        return (double)((const uint64_t *)data)[i];
    case INN_I64:
        return (double)((const int64_t *)data)[i];
    case INN_UNDEFINED:
    case INN_STRING:
        break;
    }
    return 0;
}

void inn_element_set(enum inn_type type, void *data, size_t i, double value)
{
    size_t size = inn_type_size(type);

    if (type == INN_F32)
        ((float *)data)[i] = (float)value;
    else if (size > 0)
        inn_convert_elements((char *)data + i * size, type, &value, INN_F64,
                             1);
}

/* in as f32; itself where it is not a float of another kind. */
static enum inn_status widen(const struct inn_tensor **in,
                             struct inn_arena *scratch,
                             struct inn_error *err)
{
    const struct inn_tensor *from = *in;
    struct inn_tensor *to;
    enum inn_status st;

    if (from == NULL || from->type == INN_F32 ||
        !inn_type_is_float(from->type))
        return INN_OK;
    to = inn_arena_alloc(scratch, 1, sizeof(*to), err);
    if (to == NULL)
        return inn_refused(err);
    st = inn_tensor_new(to, scratch, INN_F32, from->rank, from->dims, err);
    if (st != INN_OK)
        return st;
    inn_convert_elements(to->data, INN_F32, from->data, from->type,
                         inn_tensor_count(from));
    *in = to;
    return INN_OK;
}

/* Whether a row that computes in f32 can be asked to take the inputs. */
static enum inn_status check_float(const struct inn_run *c, bool *convert)
{
    int i;

    *convert = false;
    for (i = 0; i < c->n_in; i++) {
        if (c->in[i] == NULL)
            continue;
        if (!inn_type_is_float(c->in[i]->type))
            return inn_node_fail(c->node, c->err, INN_ERR_UNSUPPORTED,
                                 "can't run on type %s",
                                 inn_type_name(c->in[i]->type));
        if (c->in[i]->type != INN_F32)
            *convert = true;
    }
    for (i = 0; i < c->n_out; i++) {
        if (inn_type_is_float(c->out[i].type) && c->out[i].type != INN_F32)
            *convert = true;
    }
    return INN_OK;
}

static enum inn_status run_converted(const struct inn_op *op,
                                     struct inn_run *c,
                                     struct inn_arena *scratch)
{
    struct inn_error local = {INN_OK, ""};
    const struct inn_tensor **in;
    struct inn_tensor *out;
    struct inn_run inner = *c;
    enum inn_status st = INN_OK;
    int i;

    inner.err = &local;
    in = inn_arena_alloc(scratch, (size_t)c->n_in, sizeof(*in), &local);
    out = inn_arena_alloc(scratch, (size_t)c->n_out, sizeof(*out), &local);
    if (in == NULL || out == NULL) {
        st = local.status;
        goto out;
    }
    for (i = 0; i < c->n_in && st == INN_OK; i++) {
        in[i] = c->in[i];
        st = widen(&in[i], scratch, &local);
    }
    for (i = 0; i < c->n_out && st == INN_OK; i++) {
        out[i] = c->out[i];
        if (out[i].data != NULL && inn_type_is_float(out[i].type) &&
            out[i].type != INN_F32)
            st = inn_tensor_new(&out[i], scratch, INN_F32, out[i].rank,
                                c->out[i].dims, &local);
    }
    if (st != INN_OK)
        goto out;
    inner.in = in;
    inner.out = out;
    st = op->run(&inner);
    for (i = 0; i < c->n_out && st == INN_OK; i++) {
        if (out[i].data != c->out[i].data)
            inn_convert_elements(c->out[i].data, c->out[i].type, out[i].data,
                                 INN_F32, inn_tensor_count(&out[i]));
    }
out:
    if (st != INN_OK && c->err != NULL)
        *c->err = local;
    return st;
}

enum inn_status inn_op_run(const struct inn_op *op, struct inn_run *c,
                           struct inn_arena *scratch)
{
    enum inn_status st;
    bool convert;

    if (op == NULL || op->run == NULL)
        return inn_node_fail(c->node, c->err, INN_ERR_UNSUPPORTED,
                             "there is no kernel for opset %d",
                             c->node->version);
    if (op->types == INN_OP_ANY)
        return op->run(c);
    st = check_float(c, &convert);
    if (st != INN_OK)
        return st;
    return convert ? run_converted(op, c, scratch) : op->run(c);
}
