/*
 * Convolutions by winograd.c between oneDNN's: source and result lie as
 * oneDNN's like them, channels last or in blocks, so that nothing is reordered
 * for their sake.
 */
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/exec/dnnl_conv.h"

static bool fits_window(const struct inn_prim *p)
{
    const struct inn_window *w = &p->u.conv.window;
    int i;

    for (i = 0; i < w->rank; i++) {
        if (w->kernel[i] != 3 || w->stride[i] != 1 || w->dilation[i] != 1 ||
            w->pad_begin[i] < 0)
            return false;
    }
    return w->rank == 2 && p->u.conv.groups == 1;
}

/* False where the kernel has no such operation. */
static bool read_function(const struct inn_prim *p, struct inn_wino_post *post)
{
    post->alpha = p->u.eltwise.alpha;
    post->beta = p->u.eltwise.beta;
    post->kind = INN_WINO_LEAKY;
    if (p->u.eltwise.kind == INN_ELT_CLIP)
        post->kind = INN_WINO_CLIP;
    else if (p->u.eltwise.kind == INN_ELT_RELU)
        post->kind = INN_WINO_RELU;
    return post->kind == INN_WINO_CLIP ||
           p->u.eltwise.kind == INN_ELT_RELU ||
           p->u.eltwise.kind == INN_ELT_LEAKY;
}

/* Whether the works behind it are among those that the kernel takes. */
static bool read_posts(const struct inn_builder *b, const struct inn_work *w,
                       int n_post, struct inn_wino *wino)
{
    int i;

    for (i = 0; i < n_post; i++) {
        const struct inn_prim *p = b->work[w->post[i].work].prim;
        struct inn_wino_post *post = &wino->post[i];

        if (w->post[i].residual)
            post->kind = INN_WINO_RESIDUAL;
        else if (w->post[i].operand >= 0 && p->u.binary == INN_BIN_MUL)
            post->kind = INN_WINO_SCALE;
        else if (w->post[i].operand >= 0 && p->u.binary == INN_BIN_ADD)
            post->kind = INN_WINO_SHIFT;
        else if (w->post[i].operand >= 0 || !read_function(p, post))
            return false;
    }
    wino->n_post = n_post;
    return true;
}

/* Constants that are one number, or one per channel, as the latter. */
static enum inn_status read_channels(struct inn_builder *b,
                                     const struct inn_work *w,
                                     struct inn_wino *wino,
                                     struct inn_error *err)
{
    int i, slot;

    for (i = 0; i < wino->n_post; i++) {
        const float *from;
        enum inn_status st;
        size_t c, n;
        float *to;

        if (wino->post[i].kind != INN_WINO_SCALE &&
            wino->post[i].kind != INN_WINO_SHIFT)
            continue;
        st = inn_build_plain(b, &slot, w->post[i].operand, INN_F32, err);
        if (st != INN_OK)
            return st;
        to = inn_arena_alloc(&b->s->arena, wino->outputs, sizeof(*to), err);
        if (to == NULL)
            return inn_refused(err);
        from = b->s->slots[slot].tensor.data;
        n = inn_tensor_count(&b->s->slots[slot].tensor);
        for (c = 0; c < wino->outputs; c++)
            to[c] = from[n == 1 ? 0 : c];
        wino->post[i].channel = to;
    }
    return INN_OK;
}

static bool read_sizes(struct inn_builder *b, const struct inn_work *w,
                       struct inn_wino *wino)
{
    const struct inn_node *node = w->node;
    const struct inn_window *window = &w->prim->u.conv.window;
    const struct inn_tensor *x =
        inn_shapes_get(&b->s->shapes, node->inputs[0]);
    const struct inn_tensor *y =
        inn_shapes_get(&b->s->shapes, node->outputs[0]);

    if (inn_constant(b->s->graph, &b->s->shapes, node->inputs[1]) == NULL ||
        x->rank != 4 || y->rank != 4)
        return false;
    wino->pictures = (size_t)x->dims[0];
    wino->inputs = (size_t)x->dims[1];
    wino->rows = (size_t)x->dims[2];
    wino->columns = (size_t)x->dims[3];
    wino->outputs = (size_t)y->dims[1];
    wino->out_rows = (size_t)y->dims[2];
    wino->out_columns = (size_t)y->dims[3];
    wino->pad_top = (size_t)window->pad_begin[0];
    wino->pad_left = (size_t)window->pad_begin[1];
    return true;
}

/* Whether the kernel can walk what lies as md says; then how. */
static bool find_place(const dnnl_memory_desc_t *md, size_t width,
                       struct inn_wino_place *place)
{
    const dnnl_blocking_desc_t *blk = &md->format_desc.blocking;
    bool blocked = blk->inner_nblks == 1;

    if (md->format_kind != dnnl_blocked || md->data_type != dnnl_f32 ||
        md->offset0 != 0 || md->ndims != 4 || blk->inner_nblks > 1)
        return false;
    place->lanes = (size_t)(blocked ? blk->inner_blks[0] : md->dims[1]);
    place->block = blocked ? (size_t)blk->strides[1] : place->lanes;
    place->picture = (size_t)blk->strides[0];
    place->row = (size_t)blk->strides[2];
    place->column = (size_t)blk->strides[3];
    if (!blocked)
        return blk->strides[1] == 1;
    return blk->inner_idxs[0] == 1 && place->lanes % width == 0 &&
           (size_t)md->dims[1] % place->lanes == 0;
}

/* Memory in the same order as place, as far as the channels allow. */
static enum inn_status lay_as(dnnl_memory_desc_t *md, const int64_t dims[4],
                              const struct inn_wino_place *place,
                              struct inn_error *err)
{
    bool blocked = place->block != place->lanes &&
                   (size_t)dims[1] % place->lanes == 0;
    dnnl_format_tag_t tag = !blocked             ? dnnl_nhwc
                            : place->lanes == 16 ? dnnl_nChw16c
                                                 : dnnl_nChw8c;
    dnnl_dims_t all = {dims[0], dims[1], dims[2], dims[3]};
    dnnl_status_t ds =
        dnnl_memory_desc_init_by_tag(md, 4, all, dnnl_f32, tag);

    return ds == dnnl_success ? INN_OK
                              : inn_dnnl_fail(err, "describing memory", ds);
}

/* A slot of value v that the kernel can walk. */
static enum inn_status have_place(struct inn_builder *b, int *slot, int v,
                                  size_t width, struct inn_wino_place *place,
                                  struct inn_error *err)
{
    const struct inn_wino_place last = {0};
    dnnl_memory_desc_t md;
    enum inn_status st;

    st = inn_build_any(b, slot, v, err);
    if (st == INN_OK)
        st = inn_md_of_slot(b, *slot, &md, err);
    if (st != INN_OK || find_place(&md, width, place))
        return st;
    st = lay_as(&md, inn_shapes_get(&b->s->shapes, v)->dims, &last, err);
    if (st == INN_OK)
        st = inn_dnnl_have(b, slot, v, &md, NULL, err);
    if (st == INN_OK)
        find_place(&md, width, place);
    return st;
}

/* The result's slot y, in the memory of the residual's where that may be. */
static enum inn_status place_result(struct inn_builder *b, int w, int n_post,
                                    struct inn_wino *wino, int *y, int *add,
                                    struct inn_error *err)
{
    int v = inn_work_result(b, w, n_post), o, over = -1;
    dnnl_memory_desc_t md, of;
    enum inn_status st;

    st = lay_as(&md, inn_shapes_get(&b->s->shapes, v)->dims, &wino->source,
                err);
    o = inn_dnnl_residual(b, w, n_post);
    *add = -1;
    if (st == INN_OK && o >= 0) {
        st = have_place(b, add, o, wino->width, &wino->residual, err);
        if (st == INN_OK)
            st = inn_md_of_slot(b, *add, &of, err);
        if (st == INN_OK && inn_md_same_bytes(&of, &md) &&
            inn_dnnl_may_overwrite(b, *add, w))
            over = *add;
    }
    if (st == INN_OK)
        st = inn_dnnl_out(b, y, v, &md, over, err);
    if (st == INN_OK)
        find_place(&md, wino->width, &wino->result);
    return st;
}

static enum inn_status transform_weights(struct inn_builder *b, int v,
                                         struct inn_wino *wino,
                                         struct inn_error *err)
{
    enum inn_status st;
    float *to;
    int slot;

    st = inn_build_plain(b, &slot, v, INN_F32, err);
    if (st != INN_OK)
        return st;
    to = inn_arena_alloc(&b->s->arena, inn_wino_weight_count(wino),
                         sizeof(*to), err);
    if (to == NULL)
        return inn_refused(err);
    inn_wino_weights(wino, to, b->s->slots[slot].tensor.data, b->s->threads);
    wino->weights = to;
    return INN_OK;
}

static enum inn_status add_scratch(struct inn_builder *b,
                                   const struct inn_wino *wino, int *slot,
                                   struct inn_error *err)
{
    int64_t dims[2];
    struct inn_tensor t;
    enum inn_status st;

    dims[0] = (int64_t)inn_wino_workers(wino, b->s->threads);
    dims[1] = (int64_t)inn_wino_scratch_count(wino);
    st = inn_tensor_init(&t, INN_F32, 2, dims, err);
    return st == INN_OK
               ? inn_build_slot(b, slot, INN_SLOT_BUFFER, -1, &t, err)
               : st;
}

enum { X, BIAS, RESIDUAL, N_IN }; /* of a step */
enum { Y, SCRATCH, N_OUT };

static void run(struct inn_schedule *s, const struct inn_step *step)
{
    const struct inn_wino *wino = step->state;
    struct inn_wino_data data = {0};

    data.source = s->slots[step->in[X]].tensor.data;
    if (step->in[BIAS] >= 0)
        data.bias = s->slots[step->in[BIAS]].tensor.data;
    if (step->in[RESIDUAL] >= 0)
        data.residual = s->slots[step->in[RESIDUAL]].tensor.data;
    data.result = s->slots[step->out[Y]].tensor.data;
    data.scratch = s->slots[step->out[SCRATCH]].tensor.data;
    inn_wino_run(wino, &data, s->threads);
}

enum inn_status inn_winograd_build(struct inn_builder *b, int w, int n_post,
                                   const struct inn_wino *how,
                                   struct inn_error *err)
{
    struct inn_wino *wino = inn_arena_alloc(&b->s->arena, 1, sizeof(*wino),
                                            err);
    const struct inn_node *node = b->work[w].node;
    int x, y, index, bias = -1, add, scratch;
    struct inn_step *step;
    enum inn_status st;

    if (wino == NULL)
        return inn_refused(err);
    *wino = *how;
    st = have_place(b, &x, node->inputs[0], wino->width, &wino->source, err);
    if (st == INN_OK && node->n_inputs > 2 && node->inputs[2] >= 0)
        st = inn_build_plain(b, &bias, node->inputs[2], INN_F32, err);
    if (st == INN_OK)
        st = read_channels(b, &b->work[w], wino, err);
    if (st == INN_OK)
        st = transform_weights(b, node->inputs[1], wino, err);
    if (st == INN_OK)
        st = place_result(b, w, n_post, wino, &y, &add, err);
    if (st == INN_OK)
        st = add_scratch(b, wino, &scratch, err);
    if (st == INN_OK)
        st = inn_build_step(b, &index, INN_STEP_OWN, N_IN, N_OUT, err);
    if (st != INN_OK)
        return st;
    step = &b->s->steps[index];
    step->node = node;
    step->impl = "winograd";
    step->own = run;
    step->state = wino;
    step->in[X] = x;
    step->in[BIAS] = bias;
    step->in[RESIDUAL] = add;
    step->out[Y] = y;
    step->out[SCRATCH] = scratch;
    return INN_OK;
}

bool inn_winograd_takes(struct inn_builder *b, int w, int n_post,
                        struct inn_wino *wino)
{
    const struct inn_work *work = &b->work[w];

    memset(wino, 0, sizeof(*wino));
    /* A tile's differences bring NaN from any of its pixels to all results. */
    return b->s->care != INN_CARE_PLACES && !b->s->bf16 && n_post <= INN_WINO_POSTS &&
           fits_window(work->prim) && read_sizes(b, work, wino) &&
           read_posts(b, work, n_post, wino) &&
           inn_wino_prepare(wino, SIZE_MAX, b->s->threads);
}

/* Runs on memory of its own. */
struct trial {
    struct inn_wino wino;
    struct inn_wino_data data;
    int threads;
};

static void run_trial(const void *context)
{
    const struct trial *t = context;

    inn_wino_run(&t->wino, &t->data, t->threads);
}

enum { SOURCE, WEIGHTS, BIASES, ADDED, RESULT, WORK, N_PIECES };

/* Zeros for everything, in one piece of memory; own. */
static void *fill_trial(struct inn_builder *b, struct trial *t,
                        const dnnl_memory_desc_t *source,
                        const dnnl_memory_desc_t *result,
                        struct inn_error *err)
{
    size_t bytes[N_PIECES], all = 0;
    char *memory, *at[N_PIECES];
    int i;

    bytes[SOURCE] = dnnl_memory_desc_get_size(source);
    bytes[WEIGHTS] = inn_wino_weight_count(&t->wino) * sizeof(float);
    bytes[BIASES] = t->wino.outputs * sizeof(float);
    bytes[ADDED] = bytes[RESULT] = dnnl_memory_desc_get_size(result);
    bytes[WORK] = inn_wino_workers(&t->wino, t->threads) *
                  inn_wino_scratch_count(&t->wino) * sizeof(float);
    for (i = 0; i < N_PIECES; i++)
        all += bytes[i];
    memory = inn_alloc(b->s->heap, all, 1, err);
    if (memory == NULL)
        return NULL;
    at[0] = memory;
    for (i = 1; i < N_PIECES; i++)
        at[i] = at[i - 1] + bytes[i - 1];
    t->data.source = (const float *)(void *)at[SOURCE];
    t->wino.weights = (const float *)(void *)at[WEIGHTS];
    t->data.bias = (const float *)(void *)at[BIASES];
    t->data.residual = (const float *)(void *)at[ADDED];
    t->data.result = (float *)(void *)at[RESULT];
    t->data.scratch = (float *)(void *)at[WORK];
    for (i = 0; i < t->wino.n_post; i++)
        t->wino.post[i].channel = t->data.bias;
    return memory;
}

enum inn_status inn_winograd_time(struct inn_builder *b,
                                  const struct inn_wino *wino,
                                  const dnnl_memory_desc_t *have, int64_t *ns,
                                  struct inn_error *err)
{
    const struct inn_wino_place last = {0};
    struct trial t = {.wino = *wino, .threads = b->s->threads};
    const int64_t dims[] = {(int64_t)wino->pictures, (int64_t)wino->outputs,
                            (int64_t)wino->out_rows,
                            (int64_t)wino->out_columns};
    dnnl_memory_desc_t source = *have, result;
    enum inn_status st = INN_OK;
    void *memory;

    if (!find_place(&source, wino->width, &t.wino.source))
        st = lay_as(&source, have->dims, &last, err);
    if (st == INN_OK && find_place(&source, wino->width, &t.wino.source))
        st = lay_as(&result, dims, &t.wino.source, err);
    if (st != INN_OK)
        return st;
    find_place(&result, wino->width, &t.wino.result);
    t.wino.residual = t.wino.result;
    memory = fill_trial(b, &t, &source, &result, err);
    if (memory == NULL)
        return inn_refused(err);
    st = inn_tune_run(b, run_trial, &t, have, &source, t.data.source, ns,
                      err);
    inn_free(b->s->heap, memory);
    return st;
}
