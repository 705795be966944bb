/*
 * Convolutions and their transposes, all of 1-D to 3-D, grouped or not.
 * Source, weights and result have the layout that oneDNN prefers; weights are
 * brought into it once.
 */
#include <stdio.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/exec/dnnl_priv.h"

struct conv {
    int x, weight, bias; /* values; bias -1 */
    int rank;            /* of x */
    int groups_axis;     /* 1 where weights have an axis of groups */
    bool transposed;
    dnnl_alg_kind_t algorithm;
    const char *impl;      /* oneDNN's name of it; NULL: its first choice */
    dnnl_data_type_t type; /* of source and weights */
    dnnl_dims_t wdims;   /* groups, outputs, inputs, taps */
    dnnl_dims_t wsteps;  /* where they lie in the network's weights */
    dnnl_dims_t stride, dilation, pad_begin, pad_end;
    struct inn_dst dst;
    struct inn_args args; /* of the post-ops */
};

/* Outputs come before inputs, though a transposed one stores them after. */
static void read_weight(struct conv *c, const struct inn_tensor *weight,
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
                      struct conv *c)
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

/* oneDNN's words for c with n_post operations after it; ops own. */
struct words {
    dnnl_convolution_desc_t op;
    dnnl_post_ops_t ops; /* NULL: sizes it doesn't take */
};

/* With all layouts left open. */
static enum inn_status put(struct inn_builder *b, int w, int n_post,
                           struct conv *c, struct words *to,
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
    if (st == INN_OK)
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

/* The primitive; desc->pd NULL where there is none. */
static enum inn_status describe(struct inn_builder *b, int w, int n_post,
                                struct conv *c, struct inn_desc *desc,
                                struct inn_error *err)
{
    struct words words;
    enum inn_status st = put(b, w, n_post, c, &words, err);

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
                                      int n_post, struct conv *c,
                                      struct inn_desc *desc, int o, int *over,
                                      struct inn_error *err)
{
    dnnl_memory_desc_t dst = *inn_desc_md(desc, dnnl_query_dst_md);
    struct inn_desc other = {NULL, false};
    struct conv with = *c;
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
    st = describe(b, w, n_post, &with, &other, err);
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
                                struct conv *c, const struct inn_desc *desc,
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

/* All that the times of a convolution depend on. */
static void tune_key(char key[INN_TUNE_KEY], const struct inn_builder *b,
                     int w, int n_post, const struct conv *c,
                     const dnnl_memory_desc_t *have)
{
    const dnnl_blocking_desc_t *blk = &have->format_desc.blocking;
    char posts[INN_MAX_POST + 1] = "", sizes[300] = "";
    int i, at = 0;

    for (i = 0; i < n_post; i++) {
        const struct inn_post *p = &b->work[w].post[i];

        posts[i] = p->residual ? '+' : p->operand >= 0 ? 'c' : 'f';
    }
    /* Source, result, window, step, spread and padding of each axis. */
    for (i = 2; i < c->rank; i++)
        at += snprintf(sizes + at, sizeof(sizes) - (size_t)at,
                       ", %lld to %lld by %lld/%lld/%lld+%lld",
                       (long long)have->dims[i], (long long)c->dst.dims[i],
                       (long long)c->wdims[c->groups_axis + i],
                       (long long)c->stride[i - 2],
                       (long long)c->dilation[i - 2],
                       (long long)c->pad_begin[i - 2]);
    snprintf(key, INN_TUNE_KEY,
             "%s; %d threads; %s%s%s %lldx%lld to %lld in %lld%s, bias %d, "
             "then '%s', from %s",
             inn_tune_here(b->s->dnnl->tune), b->s->threads,
             inn_tune_is_cold(b) ? "cold " : "",
             c->transposed ? "transposed " : "",
             c->type == dnnl_bf16 ? "bf16" : "f32",
             (long long)have->dims[0], (long long)have->dims[1],
             (long long)c->dst.dims[1],
             (long long)(c->groups_axis ? c->wdims[0] : 1), sizes,
             c->bias >= 0, posts,
             blk->inner_nblks != 0 ? "blocks"
             : blk->strides[1] == 1 ? "channels last" : "plain");
}

/* A way to compute a convolution. */
struct way {
    dnnl_alg_kind_t algorithm;
    const char *impl;
};

/* Those that oneDNN has for c; their number, -1 after an error. */
static int list_ways(struct inn_builder *b, int w, int n_post,
                     const struct conv *c, struct way ways[2 * INN_MAX_IMPLS],
                     struct inn_error *err)
{
    const dnnl_alg_kind_t algorithms[] = {c->algorithm,
                                          dnnl_convolution_winograd};
    const char *names[INN_MAX_IMPLS];
    int a, i, count, n = 0;

    for (a = 0; a < (c->transposed ? 1 : 2); a++) {
        struct conv with = *c;
        struct words words;

        with.algorithm = algorithms[a];
        if (put(b, w, n_post, &with, &words, err) != INN_OK)
            return -1;
        if (words.ops == NULL)
            continue;
        count = inn_desc_names(b->s->dnnl, names, &words.op, words.ops,
                               &b->scratch, err);
        dnnl_post_ops_destroy(words.ops);
        if (count < 0)
            return -1;
        for (i = 0; i < count; i++) {
            ways[n].algorithm = algorithms[a];
            ways[n++].impl = names[i];
        }
    }
    return n;
}

static int find_way(const struct way *ways, int n, const char *impl)
{
    while (impl != NULL && n-- > 0) {
        if (strcmp(ways[n].impl, impl) == 0)
            return n;
    }
    return -1;
}

/* c and desc go by that way, where it takes the operations that follow. */
static enum inn_status take(struct inn_builder *b, int w, int n_post,
                            const struct way *way, struct conv *c,
                            struct inn_desc *desc, struct inn_error *err)
{
    struct inn_desc other = {NULL, false};
    struct conv with = *c;
    enum inn_status st;

    with.algorithm = way->algorithm;
    with.impl = way->impl;
    st = describe(b, w, n_post, &with, &other, err);
    if (st != INN_OK || other.pd == NULL)
        return st;
    inn_desc_free(desc);
    *desc = other;
    *c = with;
    return INN_OK;
}

/*
 * Whether way is worth a trial: Winograd's algorithm may save half, which pays
 * for other layouts. What saves a few percent must have those of desc, for the
 * works around are planned for them.
 */
static bool is_promising(const struct way *way, const struct inn_desc *one,
                         const struct inn_desc *desc)
{
    return way->algorithm == dnnl_convolution_winograd ||
           (inn_md_same_bytes(inn_desc_md(one, dnnl_query_src_md),
                              inn_desc_md(desc, dnnl_query_src_md)) &&
            inn_md_same_bytes(inn_desc_md(one, dnnl_query_dst_md),
                              inn_desc_md(desc, dnnl_query_dst_md)));
}

/* The fastest of the ways, by a trial of each; -1 where none can be tried. */
static enum inn_status try_ways(struct inn_builder *b, int w, int n_post,
                                const struct conv *c,
                                const struct inn_desc *desc,
                                const dnnl_memory_desc_t *have,
                                const struct way *ways, int n, int *fastest,
                                int64_t *time, struct inn_error *err)
{
    enum inn_status st = INN_OK;
    int64_t least = INT64_MAX;
    int i;

    *fastest = -1;
    for (i = 0; i < n && st == INN_OK; i++) {
        struct inn_desc one = {NULL, false};
        struct conv with = *c;
        /* What is hardly faster may be so by chance. */
        int64_t bound = least < INT64_MAX ? least - least / 20 : least;
        int64_t ns = bound;

        st = take(b, w, n_post, &ways[i], &with, &one, err);
        if (st == INN_OK && one.pd != NULL &&
            is_promising(&ways[i], &one, desc))
            st = inn_tune_time(b, &one, &with.args, have, &ns, err);
        if (st == INN_OK && ns < bound) {
            least = ns;
            *fastest = i;
        }
        inn_desc_free(&one);
    }
    *time = least;
    return st;
}

/* What is kept where the last operation is better done in a pass of its own. */
#define APART "apart"

/*
 * Whether Winograd's algorithm, which takes few operations after it, and a
 * pass for the last of them beat time.
 */
static enum inn_status try_apart(struct inn_builder *b, int w, int n_post,
                                 const struct conv *c,
                                 const struct inn_desc *desc,
                                 const dnnl_memory_desc_t *have, int64_t time,
                                 bool *apart, struct inn_error *err)
{
    const struct inn_post *last = &b->work[w].post[n_post - 1];
    struct way ways[2 * INN_MAX_IMPLS];
    int64_t pass = 0, ns;
    enum inn_status st;
    int n, i, k = 0;

    *apart = false;
    if (last->operand >= 0 || last->residual)
        return INN_OK;
    n = list_ways(b, w, n_post - 1, c, ways, err);
    if (n < 0)
        return inn_refused(err);
    for (i = 0; i < n; i++) {
        if (ways[i].algorithm == dnnl_convolution_winograd)
            ways[k++] = ways[i];
    }
    if (k == 0)
        return INN_OK;
    st = try_ways(b, w, n_post - 1, c, desc, have, ways, k, &i, &ns, err);
    if (st == INN_OK)
        st = inn_tune_pass(b, inn_desc_md(desc, dnnl_query_dst_md), &pass,
                           err);
    *apart = st == INN_OK && i >= 0 && ns < time - time / 20 - pass;
    return st;
}

/*
 * Where times decide: c and desc become the fastest that oneDNN has, or *apart
 * says that the last operation should not be among those after it.
 */
static enum inn_status choose(struct inn_builder *b, int w, int n_post,
                              struct conv *c, struct inn_desc *desc,
                              bool *apart, struct inn_error *err)
{
    struct inn_tune *tune = b->s->dnnl->tune;
    struct way ways[2 * INN_MAX_IMPLS];
    dnnl_memory_desc_t have;
    char key[INN_TUNE_KEY];
    const char *known;
    enum inn_status st;
    int64_t time;
    int x, n, i;

    *apart = false;
    if (tune == NULL)
        return INN_OK;
    n = list_ways(b, w, n_post, c, ways, err);
    if (n < 0)
        return inn_refused(err);
    if (n == 0 || (n == 1 && c->algorithm == ways[0].algorithm))
        return INN_OK;
    st = inn_build_any(b, &x, c->x, err);
    if (st == INN_OK)
        st = inn_md_of_slot(b, x, &have, err);
    if (st != INN_OK)
        return st;
    tune_key(key, b, w, n_post, c, &have);
    known = inn_tune_find(tune, key);
    *apart = n_post > 0 && known != NULL && strcmp(known, APART) == 0;
    if (*apart)
        return INN_OK;
    i = find_way(ways, n, known);
    if (i < 0) {
        st = try_ways(b, w, n_post, c, desc, &have, ways, n, &i, &time, err);
        if (st == INN_OK && n_post > 0 && i >= 0 &&
            ways[n - 1].algorithm != dnnl_convolution_winograd)
            st = try_apart(b, w, n_post, c, desc, &have, time, apart, err);
        if (st == INN_OK && i >= 0)
            st = inn_tune_add(tune, key, *apart ? APART : ways[i].impl, err);
    }
    return st == INN_OK && i >= 0 && !*apart
               ? take(b, w, n_post, &ways[i], c, desc, err)
               : st;
}

enum inn_status inn_dnnl_conv(struct inn_builder *b, int w, int n_post,
                              bool *done, struct inn_error *err)
{
    int o = inn_dnnl_residual(b, w, n_post), over = -1;
    struct inn_desc desc = {NULL, false};
    struct conv c = {0};
    bool apart = false;
    enum inn_status st;

    if (!read_conv(b, &b->work[w], &c))
        return INN_OK;
    c.dst.as_sum = true;
    c.algorithm = c.transposed ? dnnl_deconvolution_direct
                               : dnnl_convolution_direct;
    c.type = b->s->bf16 ? dnnl_bf16 : dnnl_f32;
    st = describe(b, w, n_post, &c, &desc, err);
    /* Without a fast way in bf16 there may be one in f32. */
    if (st == INN_OK && b->s->bf16 && (desc.pd == NULL || desc.serial)) {
        inn_desc_free(&desc);
        c.type = dnnl_f32;
        st = describe(b, w, n_post, &c, &desc, err);
    }
    if (st != INN_OK || desc.pd == NULL)
        return st;
    st = choose(b, w, n_post, &c, &desc, &apart, err);
    if (apart)
        inn_desc_free(&desc);
    if (st == INN_OK && o >= 0 && desc.pd != NULL)
        st = place_residual(b, w, n_post, &c, &desc, o, &over, err);
    if (st == INN_OK && desc.pd != NULL) {
        st = add_conv(b, w, n_post, &c, &desc, over, err);
        *done = st == INN_OK;
    }
    inn_desc_free(&desc);
    return st;
}
