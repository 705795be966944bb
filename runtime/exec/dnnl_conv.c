/*
 * Convolutions and their transposes, all of 1-D to 3-D, grouped or not.
 * Source, weights and result have the layout that oneDNN prefers; weights are
 * brought into it once.
 */
#include "runtime/base/error.h"
#include "runtime/exec/dnnl_conv.h"

/* Outputs come before inputs, though a transposed one stores them after. */
static void read_weight(struct inn_conv *c, const struct inn_tensor *weight,
                        int64_t groups)
{
    int64_t step = 1;
    int g = c->groups_axis = groups > 1, i;

    for (i = c->rank - 1; i >= 0; i--) {
        int to = g + (c->transposed && i < 2 ? 1 - i : i);

        c->wdims[to] = i == 0 ? weight->dims[0] / groups : weight->dims[i];
        c->wsteps[to] = step;
        step *= c->wdims[to];
    }
    if (g != 0) {
        c->wdims[0] = groups;
        c->wsteps[0] = step;
    }
}

/* The sizes in oneDNN's words; false where it can't have them. */
static bool read_conv(const struct inn_builder *b, const struct inn_work *w,
                      struct inn_conv *c)
{
    const struct inn_window *win = &w->prim->u.conv.window;
    const struct inn_node *node = w->node;
    const struct inn_tensor *x, *weight, *y;
    int64_t groups = w->prim->u.conv.groups;
    int i;

    c->transposed = w->prim->kind == INN_PRIM_DECONV;
    c->x = node->inputs[0];
    c->weight = node->n_inputs > 1 ? node->inputs[1] : -1;
    c->bias = node->n_inputs > 2 ? node->inputs[2] : -1;
    x = inn_shapes_get(&b->s->shapes, c->x);
    weight = inn_shapes_get(&b->s->shapes, c->weight);
    y = inn_shapes_get(&b->s->shapes, node->outputs[0]);
    if (weight == NULL || x->rank != win->rank + 2 ||
        weight->rank != x->rank || y->rank != x->rank || win->rank < 1 ||
        groups < 1 || weight->dims[0] % groups != 0)
        return false;
    c->rank = x->rank;
    read_weight(c, weight, groups);
    for (i = 0; i < win->rank; i++) {
        int64_t span = (win->kernel[i] - 1) * win->dilation[i] + 1;

        c->stride[i] = win->stride[i];
        c->dilation[i] = win->dilation[i] - 1;
        c->pad_begin[i] = win->pad_begin[i];
        /* What the last window takes, be it less than was declared. */
        c->pad_end[i] = c->transposed
                            ? (x->dims[i + 2] - 1) * win->stride[i] + span -
                                  win->out[i] - win->pad_begin[i]
                            : (win->out[i] - 1) * win->stride[i] + span -
                                  x->dims[i + 2] - win->pad_begin[i];
        if (win->pad_begin[i] < 0)
            return false;
    }
    c->dst.ndims = y->rank;
    c->dst.channel = 1;
    for (i = 0; i < y->rank; i++)
        c->dst.dims[i] = y->dims[i];
    return true;
}

/* Whether a convolution reads the result of w: then it may be rounded. */
static bool feeds_conv(const struct inn_builder *b, int w, int n_post)
{
    int v = inn_work_result(b, w, n_post), i;

    for (i = 0; i < b->n_work; i++) {
        const struct inn_work *reader = &b->work[i];

        if (reader->prim != NULL && reader->prim->kind == INN_PRIM_CONV &&
            reader->node->inputs[0] == v)
            return true;
    }
    return false;
}

enum inn_status inn_conv_put(struct inn_builder *b, int w, int n_post,
                             struct inn_conv *c, struct inn_conv_words *to,
                             struct inn_error *err)
{
    const struct inn_tensor *x = inn_shapes_get(&b->s->shapes, c->x);
    dnnl_memory_desc_t src, weight, bias, dst;
    enum inn_status st;
    dnnl_status_t ds;

    to->ops = NULL;
    c->args.n = 0;
    st = inn_md_any(&src, x->rank, x->dims, c->type, err);
    if (st == INN_OK)
        st = inn_md_any(&weight, c->rank + c->groups_axis, c->wdims, c->type,
                        err);
    if (st == INN_OK)
        st = inn_md_plain(&bias, 1, &c->dst.dims[1], err);
    if (st == INN_OK && c->last)
        st = dnnl_memory_desc_init_by_tag(&dst, c->dst.ndims, c->dst.dims,
                                          dnnl_f32, dnnl_nhwc) == dnnl_success
                 ? INN_OK
                 : inn_dnnl_fail(err, "describing memory", dnnl_runtime_error);
    else if (st == INN_OK)
        st = inn_md_any(&dst, c->dst.ndims, c->dst.dims,
                        c->type == dnnl_bf16 && feeds_conv(b, w, n_post)
                            ? dnnl_bf16 : dnnl_f32,
                        err);
    if (st != INN_OK)
        return st;
    if (c->transposed)
        ds = dnnl_dilated_deconvolution_forward_desc_init(
            &to->op, dnnl_forward_inference, c->algorithm, &src, &weight,
            c->bias >= 0 ? &bias : NULL, &dst, c->stride, c->dilation,
            c->pad_begin, c->pad_end);
    else
        ds = dnnl_dilated_convolution_forward_desc_init(
            &to->op, dnnl_forward_inference, c->algorithm, &src, &weight,
            c->bias >= 0 ? &bias : NULL, &dst, c->stride, c->dilation,
            c->pad_begin, c->pad_end);
    if (ds != dnnl_success)
        return INN_OK;
    ds = dnnl_post_ops_create(&to->ops);
    if (ds != dnnl_success)
        return inn_dnnl_fail(err, "listing operations", ds);
    st = inn_dnnl_posts(b, w, n_post, &c->dst, to->ops, &c->args, err);
    if (st != INN_OK) {
        dnnl_post_ops_destroy(to->ops);
        to->ops = NULL;
    }
    return st;
}

enum inn_status inn_conv_describe(struct inn_builder *b, int w, int n_post,
                                  struct inn_conv *c, struct inn_desc *desc,
                                  struct inn_error *err)
{
    struct inn_conv_words words;
    enum inn_status st = inn_conv_put(b, w, n_post, c, &words, err);

    desc->pd = NULL;
    if (words.ops == NULL)
        return st;
    st = inn_desc_new(b->s->dnnl, desc, &words.op, words.ops, 1.0f, c->impl,
                      err);
    dnnl_post_ops_destroy(words.ops);
    return st;
}

/*
 * How the residual o is added. In place, where its memory has the result's
 * layout and nobody needs it afterwards; else from where it lies; else in
 * place on a copy. desc is for a sum at first, and may become another.
 * *over: the slot that holds the residual and takes the result, or -1.
 */
static enum inn_status place_residual(struct inn_builder *b, int w,
                                      int n_post, struct inn_conv *c,
                                      struct inn_desc *desc, int o, int *over,
                                      struct inn_error *err)
{
    dnnl_memory_desc_t dst = *inn_desc_md(desc, dnnl_query_dst_md);
    struct inn_desc other = {NULL, false};
    struct inn_conv with = *c;
    enum inn_status st;
    int from;

    *over = -1;
    from = inn_dnnl_find(b, o, &dst);
    if (from >= 0 && inn_dnnl_may_overwrite(b, from, w)) {
        *over = from;
        return INN_OK;
    }
    st = from >= 0 ? INN_OK : inn_build_any(b, &from, o, err);
    if (st != INN_OK)
        return st;
    with.dst.as_sum = false;
    with.dst.residual = from;
    st = inn_conv_describe(b, w, n_post, &with, &other, err);
    /*
     * An operand in another layout than the result leaves only the general
     * matrix product, which adds it element by element: 30 times as slow.
     */
    if (st == INN_OK && other.pd != NULL && other.serial && !desc->serial)
        inn_desc_free(&other);
    if (st == INN_OK && other.pd != NULL) {
        inn_desc_free(desc);
        *desc = other;
        *c = with;
        return INN_OK;
    }
    if (st == INN_OK && b->s->slots[from].kind == INN_SLOT_CONST)
        inn_desc_free(desc); /* a copy would be made once, not per run */
    else if (st == INN_OK)
        st = inn_dnnl_reorder(b, over, from, &dst, -1, err);
    return st;
}

/* Operands into the layouts that desc asks for, and the step. */
static enum inn_status add_conv(struct inn_builder *b, int w, int n_post,
                                struct inn_conv *c, const struct inn_desc *desc,
                                int over, struct inn_error *err)
{
    dnnl_memory_desc_t plain;
    struct inn_args *args = &c->args;
    enum inn_status st;
    int slot;

    st = inn_dnnl_have(b, &slot, c->x, inn_desc_md(desc, dnnl_query_src_md),
                       NULL, err);
    if (st != INN_OK)
        return st;
    inn_args_add(args, DNNL_ARG_SRC, slot, false);
    st = inn_md_strided(&plain, c->rank + c->groups_axis, c->wdims,
                        c->wsteps, err);
    if (st == INN_OK && c->transposed)
        st = inn_dnnl_have_alone(b, &slot, c->weight,
                                 inn_desc_md(desc, dnnl_query_weights_md),
                                 &plain, err);
    else if (st == INN_OK)
        st = inn_dnnl_have(b, &slot, c->weight,
                           inn_desc_md(desc, dnnl_query_weights_md),
                           c->groups_axis ? &plain : NULL, err);
    if (st != INN_OK)
        return st;
    inn_args_add(args, DNNL_ARG_WEIGHTS, slot, false);
    if (c->bias >= 0) {
        st = inn_build_plain(b, &slot, c->bias, INN_F32, err);
        if (st != INN_OK)
            return st;
        inn_args_add(args, DNNL_ARG_BIAS, slot, false);
    }
    st = inn_dnnl_out(b, &slot, inn_work_result(b, w, n_post),
                      inn_desc_md(desc, dnnl_query_dst_md), over, err);
    if (st != INN_OK)
        return st;
    inn_args_add(args, DNNL_ARG_DST, slot, true);
    return inn_dnnl_step(b, desc, args, b->work[w].node, err);
}

/* By oneDNN's own choice, in bf16 where that is asked for and fast. */
static enum inn_status describe_first(struct inn_builder *b, int w,
                                      int n_post, struct inn_conv *c,
                                      struct inn_desc *desc,
                                      struct inn_error *err)
{
    enum inn_status st;

    c->dst.as_sum = true;
    c->algorithm = c->transposed ? dnnl_deconvolution_direct
                                 : dnnl_convolution_direct;
    c->type = b->s->bf16 ? dnnl_bf16 : dnnl_f32;
    st = inn_conv_describe(b, w, n_post, c, desc, err);
    if (st == INN_OK && b->s->bf16 && (desc->pd == NULL || desc->serial)) {
        inn_desc_free(desc);
        c->type = dnnl_f32;
        st = inn_conv_describe(b, w, n_post, c, desc, err);
    }
    return st;
}

enum inn_status inn_dnnl_conv(struct inn_builder *b, int w, int n_post,
                              bool *done, struct inn_error *err)
{
    int o = inn_dnnl_residual(b, w, n_post), over = -1;
    enum inn_conv_way way = INN_WAY_DNNL;
    struct inn_desc desc = {NULL, false};
    struct inn_conv c = {0};
    struct inn_wino wino;
    enum inn_status st = INN_OK;
    bool fewer;

    if (!read_conv(b, &b->work[w], &c))
        return INN_OK;
    if (c.transposed) {
        st = inn_subpixel_build(b, w, n_post, done, &fewer, err);
        if (st != INN_OK || *done || fewer)
            return st;
    } else if (inn_winograd_takes(b, w, n_post, &wino)) {
        way = INN_WAY_OURS;
    }
    if (way == INN_WAY_DNNL || b->s->dnnl->tune != NULL) {
        st = describe_first(b, w, n_post, &c, &desc, err);
        /* A repeated run has no time for trials. */
        if (st == INN_OK && desc.pd != NULL && b->s->care == INN_CARE_NONE)
            st = inn_conv_choose(b, w, n_post, &c, &desc, &wino, &way, err);
    }
    if (way == INN_WAY_OURS || c.algorithm == dnnl_convolution_winograd)
        b->s->spreads_nan = true;
    if (st == INN_OK && way == INN_WAY_OURS) {
        st = inn_winograd_build(b, w, n_post, &wino, err);
        *done = st == INN_OK;
    } else if (st == INN_OK && way == INN_WAY_DNNL && desc.pd != NULL) {
        if (o >= 0)
            st = place_residual(b, w, n_post, &c, &desc, o, &over, err);
        if (st == INN_OK && desc.pd != NULL) {
            st = add_conv(b, w, n_post, &c, &desc, over, err);
            *done = st == INN_OK;
        }
    }
    inn_desc_free(&desc);
    return st;
}
