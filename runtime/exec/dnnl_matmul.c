/*
 * Matrix products. Where the second operand is one matrix, the first is taken
 * as one too, with all its leading axes as rows; else both keep their axes
 * and broadcast. Sources and results are plain, constant weights in oneDNN's
 * own layout.
 */
#include "runtime/base/error.h"
#include "runtime/exec/dnnl_priv.h"

struct side {
    int value;
    dnnl_dims_t dims, strides;
};

struct matmul {
    int ndims;
    struct side a, b, bias; /* bias.value -1: none */
    bool bias_is_row;       /* one number per column: oneDNN's own bias */
    bool flat;              /* ndims is 2 whatever the values' ranks */
    float alpha;
    struct inn_dst dst;
    struct inn_args args; /* of bias and post-ops */
};

/* The value's axes, aligned at the last of ndims, transposed if asked. */
static void read_side(struct side *s, const struct inn_tensor *t, int ndims,
                      bool transpose)
{
    int64_t stride = 1, swap;
    int i, last = ndims - 1;

    for (i = last; i >= 0; i--) {
        int from = i - (ndims - t->rank);

        s->dims[i] = from >= 0 ? t->dims[from] : 1;
        s->strides[i] = stride;
        stride *= s->dims[i];
    }
    if (!transpose)
        return;
    swap = s->dims[last];
    s->dims[last] = s->dims[last - 1];
    s->dims[last - 1] = swap;
    swap = s->strides[last];
    s->strides[last] = s->strides[last - 1];
    s->strides[last - 1] = swap;
}

/* All leading axes as rows. */
static void flatten(struct side *s, const struct inn_tensor *t)
{
    struct inn_tensor two = {.rank = 2};
    int64_t columns = t->dims[t->rank - 1];

    two.dims[0] = (int64_t)inn_tensor_count(t) / columns;
    two.dims[1] = columns;
    read_side(s, &two, 2, false);
}

static bool read_bias(const struct inn_builder *b, const struct inn_prim *p,
                      struct matmul *m)
{
    const struct inn_tensor *t = inn_shapes_get(&b->s->shapes, m->bias.value);
    int i;

    if (t == NULL)
        return m->bias.value < 0;
    if (p->u.matmul.beta != 1.0f || t->rank > m->ndims)
        return false;
    read_side(&m->bias, t, m->ndims, false);
    m->bias_is_row = m->alpha == 1.0f;
    for (i = 0; i < m->ndims; i++) {
        if (m->bias.dims[i] != 1 && m->bias.dims[i] != m->dst.dims[i])
            return false;
        if (m->bias.dims[i] != (i == m->ndims - 1 ? m->dst.dims[i] : 1))
            m->bias_is_row = false;
    }
    return true;
}

static bool read_matmul(const struct inn_builder *b, const struct inn_work *w,
                        struct matmul *m)
{
    const struct inn_prim *p = w->prim;
    const struct inn_node *node = w->node;
    const struct inn_tensor *x, *y, *z;
    int i;

    m->a.value = node->inputs[0];
    m->b.value = node->n_inputs > 1 ? node->inputs[1] : -1;
    m->bias.value = node->n_inputs > 2 ? node->inputs[2] : -1;
    x = inn_shapes_get(&b->s->shapes, m->a.value);
    y = inn_shapes_get(&b->s->shapes, m->b.value);
    z = inn_shapes_get(&b->s->shapes, node->outputs[0]);
    if (y == NULL || x->rank < 2 || y->rank < 2)
        return false;
    m->alpha = p->u.matmul.alpha;
    m->flat = y->rank == 2 && !p->u.matmul.transpose_a;
    m->ndims = m->flat ? 2 : x->rank > y->rank ? x->rank : y->rank;
    if (m->flat)
        flatten(&m->a, x);
    else
        read_side(&m->a, x, m->ndims, p->u.matmul.transpose_a);
    read_side(&m->b, y, m->ndims, p->u.matmul.transpose_b);
    m->dst.ndims = m->ndims;
    m->dst.channel = m->ndims - 1;
    for (i = 0; i < m->ndims - 2; i++)
        m->dst.dims[i] = m->a.dims[i] != 1 ? m->a.dims[i] : m->b.dims[i];
    m->dst.dims[m->ndims - 2] = m->a.dims[m->ndims - 2];
    m->dst.dims[m->ndims - 1] = m->b.dims[m->ndims - 1];
    if (m->a.dims[m->ndims - 1] != m->b.dims[m->ndims - 2] ||
        (!m->flat && z->rank != m->ndims))
        return false;
    return read_bias(b, p, m);
}

/* A value's plain memory in the product's axes. */
static enum inn_status side_slot(struct inn_builder *b, int *slot,
                                 const struct matmul *m, const struct side *s,
                                 struct inn_error *err)
{
    dnnl_memory_desc_t md;
    enum inn_status st;

    st = inn_build_plain(b, slot, s->value, INN_F32, err);
    if (st == INN_OK)
        st = inn_md_strided(&md, m->ndims, s->dims, s->strides, err);
    return st == INN_OK ? inn_dnnl_view(b, slot, *slot, &md, err) : st;
}

/* A bias that oneDNN doesn't count as one: an operation of its own. */
static enum inn_status append_bias(struct inn_builder *b, struct matmul *m,
                                   dnnl_post_ops_t ops, struct inn_error *err)
{
    dnnl_memory_desc_t md;
    enum inn_status st;
    dnnl_status_t ds;
    int slot;

    st = side_slot(b, &slot, m, &m->bias, err);
    if (st == INN_OK)
        st = inn_md_of_slot(b, slot, &md, err);
    if (st != INN_OK)
        return st;
    ds = dnnl_post_ops_append_binary(ops, dnnl_binary_add, &md);
    if (ds != dnnl_success)
        return inn_dnnl_fail(err, "appending a bias", ds);
    inn_args_add(&m->args, DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1,
                 slot, false);
    return INN_OK;
}

static enum inn_status create(struct inn_builder *b, int w, int n_post,
                              struct matmul *m, const dnnl_matmul_desc_t *op,
                              struct inn_desc *desc, struct inn_error *err)
{
    dnnl_post_ops_t ops = NULL;
    enum inn_status st = INN_OK;
    dnnl_status_t ds;

    ds = dnnl_post_ops_create(&ops);
    if (ds != dnnl_success)
        return inn_dnnl_fail(err, "listing operations", ds);
    if (m->bias.value >= 0 && !m->bias_is_row)
        st = append_bias(b, m, ops, err);
    if (st == INN_OK)
        st = inn_dnnl_posts(b, w, n_post, &m->dst, ops, &m->args, err);
    if (st == INN_OK)
        st = inn_desc_new(b->s->dnnl, desc, op, ops, m->alpha, NULL, err);
    dnnl_post_ops_destroy(ops);
    return st;
}

static enum inn_status describe(struct inn_builder *b, int w, int n_post,
                                struct matmul *m, struct inn_desc *desc,
                                struct inn_error *err)
{
    bool constant =
        inn_constant(b->s->graph, &b->s->shapes, m->b.value) != NULL;
    dnnl_memory_desc_t src, weight, bias, dst;
    dnnl_matmul_desc_t op;
    enum inn_status st;
    dnnl_status_t ds;

    st = inn_md_strided(&src, m->ndims, m->a.dims, m->a.strides, err);
    if (st == INN_OK)
        st = constant ? inn_md_any(&weight, m->ndims, m->b.dims, dnnl_f32, err)
                      : inn_md_strided(&weight, m->ndims, m->b.dims,
                                       m->b.strides, err);
    if (st == INN_OK && m->bias.value >= 0)
        st = inn_md_plain(&bias, m->ndims, m->bias.dims, err);
    if (st == INN_OK)
        st = inn_md_plain(&dst, m->ndims, m->dst.dims, err);
    if (st != INN_OK)
        return st;
    ds = dnnl_matmul_desc_init(
        &op, &src, &weight,
        m->bias.value >= 0 && m->bias_is_row ? &bias : NULL, &dst);
    if (ds != dnnl_success)
        return INN_OK;
    return create(b, w, n_post, m, &op, desc, err);
}

/* The residual in plain layout; *over: it lies where the result may go. */
static enum inn_status place_residual(struct inn_builder *b, int w, int o,
                                      struct matmul *m, int *over,
                                      struct inn_error *err)
{
    dnnl_memory_desc_t md;
    enum inn_status st;
    int slot;

    st = inn_build_plain(b, &slot, o, INN_F32, err);
    if (st != INN_OK)
        return st;
    m->dst.as_sum = inn_dnnl_may_overwrite(b, slot, w);
    if (m->dst.as_sum) {
        *over = slot;
        return INN_OK;
    }
    st = inn_md_plain(&md, m->ndims, m->dst.dims, err);
    return st == INN_OK ? inn_dnnl_view(b, &m->dst.residual, slot, &md, err)
                        : st;
}

static enum inn_status add_matmul(struct inn_builder *b, int w, int n_post,
                                  struct matmul *m,
                                  const struct inn_desc *desc, int over,
                                  struct inn_error *err)
{
    int v = inn_work_result(b, w, n_post), slot;
    const struct inn_tensor *t = inn_shapes_get(&b->s->shapes, v);
    dnnl_memory_desc_t plain, md;
    enum inn_status st;

    st = side_slot(b, &slot, m, &m->a, err);
    if (st != INN_OK)
        return st;
    inn_args_add(&m->args, DNNL_ARG_SRC, slot, false);
    st = inn_md_strided(&md, m->ndims, m->b.dims, m->b.strides, err);
    if (st == INN_OK)
        st = inn_dnnl_have(b, &slot, m->b.value,
                           inn_desc_md(desc, dnnl_query_weights_md), &md,
                           err);
    if (st != INN_OK)
        return st;
    inn_args_add(&m->args, DNNL_ARG_WEIGHTS, slot, false);
    if (m->bias.value >= 0 && m->bias_is_row) {
        st = side_slot(b, &slot, m, &m->bias, err);
        if (st != INN_OK)
            return st;
        inn_args_add(&m->args, DNNL_ARG_BIAS, slot, false);
    }
    st = inn_md_plain(&plain, t->rank, t->dims, err);
    if (st == INN_OK)
        st = inn_dnnl_out(b, &slot, v, &plain, over, err);
    if (st == INN_OK)
        st = inn_dnnl_view(b, &slot, slot,
                           inn_desc_md(desc, dnnl_query_dst_md), err);
    if (st != INN_OK)
        return st;
    inn_args_add(&m->args, DNNL_ARG_DST, slot, true);
    return inn_dnnl_step(b, desc, &m->args, b->work[w].node, err);
}

enum inn_status inn_dnnl_matmul(struct inn_builder *b, int w, int n_post,
                                bool *done, struct inn_error *err)
{
    int o = inn_dnnl_residual(b, w, n_post), over = -1;
    struct inn_desc desc = {NULL, false};
    struct matmul m = {0};
    enum inn_status st = INN_OK;

    if (!read_matmul(b, &b->work[w], &m))
        return INN_OK;
    if (o >= 0)
        st = place_residual(b, w, o, &m, &over, err);
    if (st == INN_OK)
        st = describe(b, w, n_post, &m, &desc, err);
    if (st == INN_OK && desc.pd != NULL) {
        st = add_matmul(b, w, n_post, &m, &desc, over, err);
        *done = st == INN_OK;
    }
    inn_desc_free(&desc);
    return st;
}
