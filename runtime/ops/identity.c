/*
 * Identity, Dropout as it is after training, Cast.
 */
#include <string.h>

#include "runtime/ops/args.h"
#include "runtime/ops/moments.h"
#include "runtime/ops/rows.h"

enum inn_status inn_infer_dropout(struct inn_infer *c)
{
    enum inn_status st = inn_infer_same(c);

    if (st != INN_OK)
        return st;
    return inn_infer_out(c, 1,
                         c->node->version < 10 ? c->in[0]->type : INN_BOOL,
                         c->in[0]->rank, c->in[0]->dims);
}

enum inn_status inn_couple_dropout(struct inn_couple *c)
{
    enum inn_status st = inn_couple_same(c);

    if (st != INN_OK || c->n_in < 1 || c->in[0] == NULL || c->n_out < 2 ||
        c->out[1] == NULL)
        return st;
    return inn_couple_alike(c, inn_in(0, 0), inn_out(1, 0));
}

/*
 * Whether it would drop: from opset 12 a third input may say so, until opset
 * 6 is_test. The standard's default is training there, but networks that
 * leave it out are read as its version converter reads them.
 */
static bool is_training(const struct inn_args *a)
{
    const struct inn_tensor *mode = inn_args_in(a, 2);
    const struct inn_tensor *ratio = inn_args_in(a, 1);
    double r = 0.5;

    if (a->node->version < 7)
        return inn_node_int(a->node, "is_test", 1) == 0 &&
               inn_node_float(a->node, "ratio", 0.5f) != 0.0f;
    if (a->node->version < 12 || mode == NULL)
        return false;
    if (mode->data == NULL || inn_tensor_count(mode) == 0)
        return true;
    if (inn_tensor_int(mode, 0) == 0)
        return false;
    if (ratio != NULL && ratio->data != NULL && inn_tensor_count(ratio) > 0)
        inn_convert_elements(&r, INN_F64, ratio->data, ratio->type, 1);
    return r != 0;
}

enum inn_status inn_run_dropout(struct inn_run *c)
{
    struct inn_args a = INN_ARGS(c);
    struct inn_tensor *mask = c->n_out > 1 ? &c->out[1] : NULL;
    enum inn_status st = inn_args_need(&a, 1);
    size_t i, n;

    if (st == INN_OK && is_training(&a))
        st = inn_args_fail(&a, INN_ERR_UNSUPPORTED,
                           "is in training mode; only inference is done");
    if (st == INN_OK)
        st = inn_run_copy(c);
    if (st != INN_OK || mask == NULL || mask->data == NULL)
        return st;
    n = inn_tensor_count(mask);
    if (mask->type == INN_BOOL) {
        memset(mask->data, 1, n);
        return INN_OK;
    }
    for (i = 0; i < n; i++) {
        static const float one = 1;

        inn_convert_elements((char *)mask->data +
                                 i * inn_type_size(mask->type),
                             mask->type, &one, INN_F32, 1);
    }
    return INN_OK;
}

bool inn_lower_dropout(const struct inn_infer *c, struct inn_prim *prim)
{
    struct inn_args a = INN_ARGS(c);

    if (is_training(&a) || (c->n_out > 1 && c->node->outputs[1] >= 0))
        return false;
    return inn_lower_view(c, prim);
}

/* Opset 1 names the type, later ones number it. */
static enum inn_status cast_type(const struct inn_args *a,
                                 enum inn_type *type)
{
    static const struct {
        const char *name;
        enum inn_type type;
    } names[] = {
        {"FLOAT", INN_F32},   {"UINT8", INN_U8},   {"INT8", INN_I8},
        {"UINT16", INN_U16},  {"INT16", INN_I16},  {"INT32", INN_I32},
        {"INT64", INN_I64},   {"BOOL", INN_BOOL},  {"FLOAT16", INN_F16},
        {"DOUBLE", INN_F64},  {"UINT32", INN_U32}, {"UINT64", INN_U64},
        {"STRING", INN_STRING},
    };
    const struct inn_attr *to = inn_node_attr(a->node, "to");
    size_t i;

    if (to == NULL || (to->kind != INN_ATTR_INT &&
                       to->kind != INN_ATTR_STRING))
        return inn_args_fail(a, INN_ERR_FORMAT, "attribute to is missing");
    if (to->kind == INN_ATTR_INT) {
        if (to->i <= 0 || to->i > 1000)
            return inn_args_fail(a, INN_ERR_FORMAT,
                                 "there is no element type %lld",
                                 (long long)to->i);
        *type = (enum inn_type)to->i;
        return INN_OK;
    }
    for (i = 0; i < INN_COUNT(names); i++) {
        if (strcmp(to->s, names[i].name) == 0) {
            *type = names[i].type;
            return INN_OK;
        }
    }
    return inn_args_fail(a, INN_ERR_FORMAT, "there is no element type '%s'",
                         to->s);
}

/* To a type that can't be held: its output stays unknown. */
enum inn_status inn_infer_cast(struct inn_infer *c)
{
    struct inn_args a = INN_ARGS(c);
    enum inn_type type = INN_UNDEFINED;
    enum inn_status st = inn_args_need(&a, 1);

    if (st == INN_OK)
        st = cast_type(&a, &type);
    if (st != INN_OK)
        return st;
    return inn_infer_out(c, 0, type, c->in[0]->rank, c->in[0]->dims);
}

enum inn_status inn_run_cast(struct inn_run *c)
{
    struct inn_args a = INN_ARGS(c);
    enum inn_status st = inn_args_need(&a, 1);

    if (st != INN_OK || !inn_run_wants(c, 0))
        return st;
    inn_convert_elements(c->out[0].data, c->out[0].type, c->in[0]->data,
                         c->in[0]->type, inn_tensor_count(&c->out[0]));
    return INN_OK;
}

/* Between floats; what else is cast has lost its law. */
enum inn_status inn_moments_same(struct inn_carry *c)
{
    if (c->out[0] == NULL || !inn_type_is_float(c->out[0]->type))
        return INN_OK;
    return inn_carry_view(c, 0, 0);
}
