/*
 * Post-ops: absorbed graph nodes as oneDNN takes them, on the result of a
 * convolution, product or sum before it is stored.
 */
#include "runtime/base/error.h"
#include "runtime/exec/dnnl_priv.h"

void inn_dnnl_eltwise_kind(const struct inn_prim *prim, dnnl_alg_kind_t *alg,
                           float *alpha, float *beta)
{
    *alpha = 0.0f;
    *beta = 0.0f;
    *alg = dnnl_eltwise_relu;
    switch (prim->u.eltwise.kind) {
    case INN_ELT_RELU:
        break;
    case INN_ELT_LEAKY:
        *alpha = prim->u.eltwise.alpha;
        break;
    case INN_ELT_CLIP:
        *alg = dnnl_eltwise_clip;
        *alpha = prim->u.eltwise.alpha;
        *beta = prim->u.eltwise.beta;
        break;
    case INN_ELT_SIGMOID:
        *alg = dnnl_eltwise_logistic;
        break;
    case INN_ELT_TANH:
        *alg = dnnl_eltwise_tanh;
        break;
    case INN_ELT_HARDSWISH:
        *alg = dnnl_eltwise_hardswish;
        break;
    case INN_ELT_ABS:
        *alg = dnnl_eltwise_abs;
        break;
    case INN_ELT_ELU:
        *alg = dnnl_eltwise_elu;
        *alpha = prim->u.eltwise.alpha;
        break;
    case INN_ELT_GELU:
        *alg = dnnl_eltwise_gelu_erf;
        break;
    case INN_ELT_GELU_TANH:
        *alg = dnnl_eltwise_gelu_tanh;
        break;
    case INN_ELT_LINEAR:
        *alg = dnnl_eltwise_linear;
        *alpha = prim->u.eltwise.alpha;
        *beta = prim->u.eltwise.beta;
        break;
    case INN_ELT_MISH:
        *alg = dnnl_eltwise_mish;
        break;
    case INN_ELT_POW:
        *alg = dnnl_eltwise_pow;
        *alpha = prim->u.eltwise.alpha;
        *beta = prim->u.eltwise.beta;
        break;
    case INN_ELT_SOFTPLUS:
        *alg = dnnl_eltwise_soft_relu;
        break;
    case INN_ELT_ROOT: /* save at -infinity: inn_care */
    case INN_ELT_SQRT:
        *alg = dnnl_eltwise_sqrt;
        break;
    case INN_ELT_SQUARE:
        *alg = dnnl_eltwise_square;
        break;
    }
}

int inn_dnnl_residual(const struct inn_builder *b, int w, int n_post)
{
    int i;

    for (i = 0; i < n_post; i++) {
        if (b->work[w].post[i].residual)
            return b->work[w].post[i].operand;
    }
    return -1;
}

/*
 * Values may share memory (a view), and a result must not be written over
 * what the same step still reads.
 */
bool inn_dnnl_may_overwrite(const struct inn_builder *b, int slot, int w)
{
    const struct inn_node *node = b->work[w].node;
    int i, k;

    if (!inn_build_is_dead(b, slot))
        return false;
    for (i = 0; i < node->n_inputs; i++) {
        if (node->inputs[i] < 0)
            continue;
        for (k = b->slot_of[node->inputs[i]]; k >= 0;
             k = b->s->slots[k].sibling) {
            if (b->s->slots[k].home == b->s->slots[slot].home)
                return false;
        }
    }
    return true;
}

dnnl_alg_kind_t inn_dnnl_binary_kind(enum inn_binary kind)
{
    switch (kind) {
    case INN_BIN_ADD:
        return dnnl_binary_add;
    case INN_BIN_SUB:
        return dnnl_binary_sub;
    case INN_BIN_MUL:
        return dnnl_binary_mul;
    case INN_BIN_DIV:
        break;
    }
    return dnnl_binary_div;
}

/* A constant that is one number, or one per channel. */
static enum inn_status append_constant(struct inn_builder *b,
                                       const struct inn_post *post,
                                       const struct inn_dst *dst,
                                       dnnl_post_ops_t ops,
                                       struct inn_args *args,
                                       struct inn_error *err)
{
    const struct inn_prim *prim = b->work[post->work].prim;
    int at = dnnl_post_ops_len(ops), slot, i;
    dnnl_memory_desc_t md;
    dnnl_dims_t dims;
    enum inn_status st;
    dnnl_status_t ds;

    st = inn_build_plain(b, &slot, post->operand, INN_F32, err);
    if (st != INN_OK)
        return st;
    for (i = 0; i < dst->ndims; i++)
        dims[i] = 1;
    dims[dst->channel] = (int64_t)inn_tensor_count(&b->s->slots[slot].tensor);
    st = inn_md_plain(&md, dst->ndims, dims, err);
    if (st == INN_OK)
        st = inn_dnnl_view(b, &slot, slot, &md, err);
    if (st != INN_OK)
        return st;
    ds = dnnl_post_ops_append_binary(
        ops, inn_dnnl_binary_kind(prim->u.binary), &md);
    if (ds != dnnl_success)
        return inn_dnnl_fail(err, "appending an operation", ds);
    inn_args_add(args,
                 DNNL_ARG_ATTR_MULTIPLE_POST_OP(at) | DNNL_ARG_SRC_1, slot,
                 false);
    return INN_OK;
}

static enum inn_status append_residual(struct inn_builder *b,
                                       const struct inn_dst *dst,
                                       dnnl_post_ops_t ops,
                                       struct inn_args *args,
                                       struct inn_error *err)
{
    int at = dnnl_post_ops_len(ops);
    dnnl_memory_desc_t md;
    enum inn_status st;
    dnnl_status_t ds;

    if (dst->as_sum) {
        ds = dnnl_post_ops_append_sum(ops, 1.0f);
    } else {
        st = inn_md_of_slot(b, dst->residual, &md, err);
        if (st != INN_OK)
            return st;
        ds = dnnl_post_ops_append_binary(ops, dnnl_binary_add, &md);
        inn_args_add(args,
                     DNNL_ARG_ATTR_MULTIPLE_POST_OP(at) | DNNL_ARG_SRC_1,
                     dst->residual, false);
    }
    if (ds != dnnl_success)
        return inn_dnnl_fail(err, "appending an operation", ds);
    return INN_OK;
}

enum inn_status inn_dnnl_posts(struct inn_builder *b, int w, int n_post,
                               const struct inn_dst *dst,
                               dnnl_post_ops_t ops, struct inn_args *args,
                               struct inn_error *err)
{
    enum inn_status st = INN_OK;
    int i;

    for (i = 0; i < n_post && st == INN_OK; i++) {
        const struct inn_post *post = &b->work[w].post[i];
        const struct inn_prim *prim = b->work[post->work].prim;
        dnnl_alg_kind_t alg;
        float alpha, beta;
        dnnl_status_t ds;

        if (post->residual) {
            st = append_residual(b, dst, ops, args, err);
        } else if (post->operand >= 0) {
            st = append_constant(b, post, dst, ops, args, err);
        } else {
            inn_dnnl_eltwise_kind(prim, &alg, &alpha, &beta);
            ds = dnnl_post_ops_append_eltwise(ops, 1.0f, alg, alpha, beta);
            if (ds != dnnl_success)
                st = inn_dnnl_fail(err, "appending an operation", ds);
        }
    }
    return st;
}
