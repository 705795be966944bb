/*
 * Pooling, elementwise functions and sums. They work in the layout that their
 * input has, and pass it on.
 */
#include "runtime/base/error.h"
#include "runtime/exec/dnnl_priv.h"

/* A window in oneDNN's words. */
struct window {
    dnnl_dims_t kernel, stride, dilation, pad_begin, pad_end;
};

/* False where oneDNN can't have it. */
static bool read_window(const struct inn_prim *prim,
                        const struct inn_tensor *x, struct window *to)
{
    const struct inn_window *win = &prim->u.pool.window;
    int i;

    if (x->rank != win->rank + 2 || win->rank < 1)
        return false;
    for (i = 0; i < win->rank; i++) {
        int64_t span = (win->kernel[i] - 1) * win->dilation[i] + 1;

        to->kernel[i] = win->kernel[i];
        to->stride[i] = win->stride[i];
        to->dilation[i] = win->dilation[i] - 1;
        to->pad_begin[i] = win->pad_begin[i];
        /* What the last window takes, be it less than was declared. */
        to->pad_end[i] = (win->out[i] - 1) * win->stride[i] + span -
                         x->dims[i + 2] - win->pad_begin[i];
        /* A window over the declared padding counts less than it spans. */
        if (win->pad_begin[i] < 0 ||
            (prim->u.pool.kind == INN_POOL_AVG_PADDED &&
             to->pad_end[i] > win->pad_end[i]))
            return false;
    }
    return true;
}

static dnnl_alg_kind_t pool_kind(enum inn_pool kind)
{
    if (kind == INN_POOL_MAX)
        return dnnl_pooling_max;
    return kind == INN_POOL_AVG ? dnnl_pooling_avg_exclude_padding
                                : dnnl_pooling_avg_include_padding;
}

/* desc->pd stays NULL where oneDNN has no fast way for slot's layout. */
static enum inn_status describe_pool(struct inn_builder *b,
                                     const struct inn_work *w, int slot,
                                     struct inn_desc *desc,
                                     struct inn_error *err)
{
    const struct inn_tensor *x, *y;
    struct window win = {{0}, {0}, {0}, {0}, {0}};
    dnnl_memory_desc_t src, dst;
    dnnl_pooling_v2_desc_t op;
    enum inn_status st;

    x = inn_shapes_get(&b->s->shapes, w->node->inputs[0]);
    y = inn_shapes_get(&b->s->shapes, w->node->outputs[0]);
    if (!read_window(w->prim, x, &win))
        return INN_OK;
    st = inn_md_of_slot(b, slot, &src, err);
    if (st == INN_OK)
        st = inn_md_any(&dst, y->rank, y->dims, dnnl_f32, err);
    if (st != INN_OK)
        return st;
    if (dnnl_pooling_v2_forward_desc_init(
            &op, dnnl_forward_inference, pool_kind(w->prim->u.pool.kind), &src,
            &dst, win.stride, win.kernel, win.dilation, win.pad_begin,
            win.pad_end) != dnnl_success)
        return INN_OK;
    return inn_desc_new(b->s->dnnl, desc, &op, NULL, 1.0f, NULL, err);
}

/* The result slot (over as in inn_dnnl_out) and the step. */
static enum inn_status finish(struct inn_builder *b, int w, int result,
                              const struct inn_desc *desc,
                              struct inn_args *args, int over, bool *done,
                              struct inn_error *err)
{
    enum inn_status st;
    int slot;

    st = inn_dnnl_out(b, &slot, result, inn_desc_md(desc, dnnl_query_dst_md),
                      over, err);
    if (st != INN_OK)
        return st;
    inn_args_add(args, DNNL_ARG_DST, slot, true);
    st = inn_dnnl_step(b, desc, args, b->work[w].node, err);
    *done = st == INN_OK;
    return st;
}

enum inn_status inn_dnnl_pool(struct inn_builder *b, int w, bool *done,
                              struct inn_error *err)
{
    const struct inn_node *node = b->work[w].node;
    struct inn_desc desc = {NULL, false};
    struct inn_args args = {0};
    enum inn_status st;
    int x;

    st = inn_build_any(b, &x, node->inputs[0], err);
    if (st == INN_OK)
        st = describe_pool(b, &b->work[w], x, &desc, err);
    if (st == INN_OK && desc.pd != NULL) {
        inn_args_add(&args, DNNL_ARG_SRC, x, false);
        st = finish(b, w, node->outputs[0], &desc, &args, -1, done, err);
    }
    inn_desc_free(&desc);
    return st;
}

enum inn_status inn_dnnl_eltwise(struct inn_builder *b, int w, bool *done,
                                 struct inn_error *err)
{
    const struct inn_work *work = &b->work[w];
    struct inn_desc desc = {NULL, false};
    struct inn_args args = {0};
    dnnl_eltwise_desc_t op;
    dnnl_memory_desc_t md;
    dnnl_alg_kind_t alg;
    float alpha, beta;
    enum inn_status st;
    int x;

    st = inn_build_any(b, &x, work->node->inputs[0], err);
    if (st == INN_OK)
        st = inn_md_of_slot(b, x, &md, err);
    if (st != INN_OK)
        return st;
    inn_dnnl_eltwise_kind(work->prim, &alg, &alpha, &beta);
    if (dnnl_eltwise_forward_desc_init(&op, dnnl_forward_inference, alg, &md,
                                       alpha, beta) != dnnl_success)
        return INN_OK;
    st = inn_desc_new(b->s->dnnl, &desc, &op, NULL, 1.0f, NULL, err);
    if (st == INN_OK && desc.pd != NULL) {
        inn_args_add(&args, DNNL_ARG_SRC, x, false);
        st = finish(b, w, work->node->outputs[0], &desc, &args,
                    inn_build_is_dead(b, x) ? x : -1, done, err);
    }
    inn_desc_free(&desc);
    return st;
}

struct binary {
    int a, b; /* values; b may be stretched to a's shape */
    struct inn_dst dst;
    struct inn_args args;
};

/* Puts the operand that has the result's shape first. */
static bool read_binary(const struct inn_builder *b, const struct inn_work *w,
                        struct binary *p)
{
    const struct inn_shapes *shapes = &b->s->shapes;
    const struct inn_tensor *out =
        inn_shapes_get(shapes, w->node->outputs[0]);
    enum inn_binary kind = w->prim->u.binary;
    int i;

    p->a = w->node->inputs[0];
    p->b = w->node->n_inputs > 1 ? w->node->inputs[1] : -1;
    if (p->b < 0)
        return false;
    if (!inn_tensor_same_shape(inn_shapes_get(shapes, p->a), out)) {
        if (kind == INN_BIN_SUB || kind == INN_BIN_DIV)
            return false;
        i = p->a;
        p->a = p->b;
        p->b = i;
    }
    if (!inn_tensor_same_shape(inn_shapes_get(shapes, p->a), out) ||
        out->rank == 0)
        return false;
    p->dst.ndims = out->rank;
    p->dst.channel = out->rank - 1;
    for (i = 0; i < out->rank; i++)
        p->dst.dims[i] = out->dims[i];
    return true;
}

/* Slot of the second operand for a in layout md: alike, or to be stretched. */
static enum inn_status second(struct inn_builder *b, const struct binary *p,
                              const dnnl_memory_desc_t *md, int *slot,
                              struct inn_error *err)
{
    const struct inn_tensor *t = inn_shapes_get(&b->s->shapes, p->b);
    dnnl_memory_desc_t view;
    dnnl_dims_t dims;
    enum inn_status st;
    int i;

    if (t->rank == p->dst.ndims) {
        bool same = true;

        for (i = 0; i < t->rank; i++)
            same = same && t->dims[i] == p->dst.dims[i];
        return same ? inn_dnnl_have(b, slot, p->b, md, NULL, err)
                    : inn_build_any(b, slot, p->b, err);
    }
    for (i = 0; i < p->dst.ndims; i++) {
        int from = i - (p->dst.ndims - t->rank);

        dims[i] = from >= 0 ? t->dims[from] : 1;
    }
    st = inn_build_plain(b, slot, p->b, INN_F32, err);
    if (st == INN_OK)
        st = inn_md_plain(&view, p->dst.ndims, dims, err);
    return st == INN_OK ? inn_dnnl_view(b, slot, *slot, &view, err) : st;
}

/* One attempt with the first operand in slot a. */
static enum inn_status try_binary(struct inn_builder *b, int w, int n_post,
                                  struct binary *p, int a, bool *done,
                                  struct inn_error *err)
{
    struct inn_desc desc = {NULL, false};
    dnnl_memory_desc_t left, right;
    dnnl_post_ops_t ops = NULL;
    dnnl_binary_desc_t op;
    enum inn_status st;
    int z, over = -1;

    p->args.n = 0;
    st = inn_md_of_slot(b, a, &left, err);
    if (st == INN_OK)
        st = second(b, p, &left, &z, err);
    if (st == INN_OK)
        st = inn_md_of_slot(b, z, &right, err);
    if (st != INN_OK)
        return st;
    if (dnnl_binary_desc_init(&op,
                              inn_dnnl_binary_kind(b->work[w].prim->u.binary),
                              &left, &right, &left) != dnnl_success)
        return INN_OK;
    if (dnnl_post_ops_create(&ops) != dnnl_success)
        return inn_dnnl_fail(err, "listing operations", dnnl_out_of_memory);
    st = inn_dnnl_posts(b, w, n_post, &p->dst, ops, &p->args, err);
    if (st == INN_OK)
        st = inn_desc_new(b->s->dnnl, &desc, &op, ops, 1.0f, NULL, err);
    dnnl_post_ops_destroy(ops);
    if (st == INN_OK && desc.pd != NULL) {
        inn_args_add(&p->args, DNNL_ARG_SRC_0, a, false);
        inn_args_add(&p->args, DNNL_ARG_SRC_1, z, false);
        if (b->s->slots[a].home != b->s->slots[z].home &&
            inn_build_is_dead(b, a))
            over = a;
        st = finish(b, w, inn_work_result(b, w, n_post), &desc, &p->args, over,
                    done, err);
    }
    inn_desc_free(&desc);
    return st;
}

enum inn_status inn_dnnl_binary(struct inn_builder *b, int w, int n_post,
                                bool *done, struct inn_error *err)
{
    struct binary p = {0};
    enum inn_status st;
    int slot, plain;

    if (!read_binary(b, &b->work[w], &p))
        return INN_OK;
    st = inn_build_any(b, &slot, p.a, err);
    if (st == INN_OK)
        st = try_binary(b, w, n_post, &p, slot, done, err);
    if (st != INN_OK || *done)
        return st;
    st = inn_build_plain(b, &plain, p.a, INN_F32, err);
    if (st != INN_OK || plain == slot)
        return st;
    return try_binary(b, w, n_post, &p, plain, done, err);
}
