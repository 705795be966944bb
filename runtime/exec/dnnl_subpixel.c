/*
 * Transposed convolutions of stride s as plain ones: the outputs o with the
 * same (o + pad) mod s = r are a convolution of the source by every s-th tap,
 * from r on. All s x s of them are one convolution with s x s times the
 * channels, whose pixels then take their places (Shi et al., "Is the
 * deconvolution layer the same as a convolutional layer?", 2016). oneDNN's own
 * kernels for it reach a twentieth of what its convolutions do.
 */
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/exec/dnnl_conv.h"
#include "runtime/exec/strided.h"

/* Rows and columns. */
#define AXES 2
/* Outputs that one source pixel has at most, all channels apart. */
#define MOST_PHASES 64

struct subpixel {
    int64_t stride[AXES], kernel[AXES], pad[AXES]; /* of the transposed one */
    int64_t in[AXES], out[AXES];
    int64_t taps[AXES];  /* of the plain one */
    int64_t first[AXES]; /* its pixel 0, of the source */
    int64_t count[AXES]; /* its pixels */
    int64_t phases;
    int64_t pictures, inputs, outputs; /* channels */
    const struct inn_tensor *weight, *bias; /* bias: may be NULL */
};

static void split_axis(struct subpixel *p, int i, const struct inn_window *w)
{
    p->stride[i] = w->stride[i];
    p->kernel[i] = w->kernel[i];
    p->pad[i] = w->pad_begin[i];
    p->taps[i] = (p->kernel[i] + p->stride[i] - 1) / p->stride[i];
    p->first[i] = p->pad[i] / p->stride[i];
    if (p->first[i] > p->taps[i] - 1)
        p->first[i] = p->taps[i] - 1; /* padding is not negative */
    p->count[i] = (p->out[i] - 1 + p->pad[i]) / p->stride[i] - p->first[i] + 1;
}

/* Whether it is one that can be split, and hardly takes more products then. */
static bool read_sizes(const struct inn_builder *b, const struct inn_work *w,
                       struct subpixel *p)
{
    const struct inn_window *win = &w->prim->u.conv.window;
    const struct inn_node *node = w->node;
    const struct inn_shapes *shapes = &b->s->shapes;
    const struct inn_tensor *x = inn_shapes_get(shapes, node->inputs[0]);
    const struct inn_tensor *y = inn_shapes_get(shapes, node->outputs[0]);
    bool has_bias = node->n_inputs > 2 && node->inputs[2] >= 0;
    double more = 1;
    int i;

    p->weight = inn_constant(b->s->graph, shapes, node->inputs[1]);
    p->bias = has_bias ? inn_constant(b->s->graph, shapes, node->inputs[2])
                       : NULL;
    if (win->rank != AXES || x->rank != 4 || w->prim->u.conv.groups != 1 ||
        p->weight == NULL || (has_bias && p->bias == NULL))
        return false;
    p->phases = 1;
    for (i = 0; i < AXES; i++) {
        if (win->dilation[i] != 1 || win->pad_begin[i] < 0 ||
            win->stride[i] > MOST_PHASES)
            return false;
        p->in[i] = x->dims[i + 2];
        p->out[i] = y->dims[i + 2];
        split_axis(p, i, win);
        p->phases *= p->stride[i];
        more *= (double)(p->taps[i] * p->stride[i]) / (double)p->kernel[i];
    }
    p->pictures = x->dims[0];
    p->inputs = x->dims[1];
    p->outputs = y->dims[1];
    return p->phases > 1 && p->phases <= MOST_PHASES && more <= 2;
}

/* Functions of one element go before pixels take their places. */
static bool are_functions(const struct inn_work *w, int n_post)
{
    int i;

    for (i = 0; i < n_post; i++) {
        if (w->post[i].operand >= 0)
            return false;
    }
    return true;
}

/* A constant of these sizes as yet unfilled, which belongs to no value. */
static enum inn_status add_constant(struct inn_builder *b, int *slot, int rank,
                                    const int64_t *dims, struct inn_error *err)
{
    struct inn_tensor t;
    enum inn_status st =
        inn_tensor_new(&t, &b->s->arena, INN_F32, rank, dims, err);

    return st == INN_OK
               ? inn_build_slot(b, slot, INN_SLOT_CONST, -1, &t, err)
               : st;
}

/* Outputs in the order [phase][channel], taps from the last to the first. */
static void split_weight(const struct subpixel *p, float *to,
                         const float *from)
{
    int64_t r, k, c, i, j, row, column;

    for (r = 0; r < p->phases; r++) {
        for (k = 0; k < p->outputs; k++) {
            for (c = 0; c < p->inputs; c++) {
                for (i = p->taps[0]; i-- > 0;) {
                    for (j = p->taps[1]; j-- > 0; to++) {
                        row = r / p->stride[1] + i * p->stride[0];
                        column = r % p->stride[1] + j * p->stride[1];
                        *to = row < p->kernel[0] && column < p->kernel[1]
                                  ? from[((c * p->outputs + k) *
                                              p->kernel[0] + row) *
                                             p->kernel[1] + column]
                                  : 0.0f;
                    }
                }
            }
        }
    }
}

static enum inn_status add_weight(struct inn_builder *b, int v,
                                  const struct subpixel *p, int *slot,
                                  struct inn_error *err)
{
    const int64_t dims[] = {p->phases * p->outputs, p->inputs, p->taps[0],
                            p->taps[1]};
    enum inn_status st;
    int from;

    st = inn_build_plain(b, &from, v, INN_F32, err);
    if (st == INN_OK)
        st = add_constant(b, slot, 4, dims, err);
    if (st == INN_OK)
        split_weight(p, b->s->slots[*slot].tensor.data,
                     b->s->slots[from].tensor.data);
    return st;
}

static enum inn_status add_bias(struct inn_builder *b, int v,
                                const struct subpixel *p, int *slot,
                                struct inn_error *err)
{
    const int64_t n = p->phases * p->outputs;
    enum inn_status st;
    int from;
    int64_t i;

    st = inn_build_plain(b, &from, v, INN_F32, err);
    if (st == INN_OK)
        st = add_constant(b, slot, 1, &n, err);
    for (i = 0; st == INN_OK && i < n; i++)
        ((float *)b->s->slots[*slot].tensor.data)[i] =
            ((float *)b->s->slots[from].tensor.data)[i % p->outputs];
    return st;
}

/* The plain convolution in oneDNN's words. */
static void put_conv(const struct inn_builder *b, const struct inn_work *w,
                     const struct subpixel *p, struct inn_conv *c)
{
    const int64_t channels = p->phases * p->outputs;
    int i;

    c->x = w->node->inputs[0];
    c->weight = -1;
    c->bias = p->bias != NULL ? w->node->inputs[2] : -1;
    c->rank = c->dst.ndims = 4;
    c->algorithm = dnnl_convolution_direct;
    c->type = b->s->bf16 ? dnnl_bf16 : dnnl_f32;
    c->last = true;
    c->wdims[0] = channels;
    c->wdims[1] = p->inputs;
    c->dst.channel = 1;
    c->dst.dims[0] = p->pictures;
    c->dst.dims[1] = channels;
    for (i = 0; i < AXES; i++) {
        c->wdims[i + 2] = p->taps[i];
        c->stride[i] = 1;
        c->pad_begin[i] = p->taps[i] - 1 - p->first[i];
        c->pad_end[i] = p->count[i] - 1 + p->taps[i] - p->in[i] -
                        c->pad_begin[i];
        c->dst.dims[i + 2] = p->count[i];
    }
}

/* The step of the plain convolution; z: its result, channels last. */
static enum inn_status add_conv(struct inn_builder *b, int w,
                                const struct subpixel *p,
                                const struct inn_conv *c,
                                const struct inn_desc *desc, int *z,
                                struct inn_error *err)
{
    const dnnl_memory_desc_t *want = inn_desc_md(desc, dnnl_query_weights_md);
    const struct inn_node *node = b->work[w].node;
    struct inn_args args = {0};
    struct inn_tensor t;
    enum inn_status st;
    int x, weight, bias = -1;

    st = inn_dnnl_have(b, &x, c->x, inn_desc_md(desc, dnnl_query_src_md), NULL,
                       err);
    if (st == INN_OK)
        st = add_weight(b, node->inputs[1], p, &weight, err);
    if (st == INN_OK)
        st = inn_dnnl_reorder(b, &weight, weight, want, -1, err);
    if (st == INN_OK && c->bias >= 0)
        st = add_bias(b, c->bias, p, &bias, err);
    if (st == INN_OK)
        st = inn_tensor_init(&t, INN_F32, 4, c->dst.dims, err);
    if (st == INN_OK)
        st = inn_build_slot(b, z, INN_SLOT_BUFFER, -1, &t, err);
    if (st == INN_OK)
        st = inn_layout_channels_last(b, *z, err);
    if (st != INN_OK)
        return st;
    inn_args_add(&args, DNNL_ARG_SRC, x, false);
    inn_args_add(&args, DNNL_ARG_WEIGHTS, weight, false);
    if (bias >= 0)
        inn_args_add(&args, DNNL_ARG_BIAS, bias, false);
    inn_args_add(&args, DNNL_ARG_DST, *z, true);
    return inn_dnnl_step(b, desc, &args, node, err);
}

/* One axis of a phase's pixels: which there are, and where they go. */
static void place_axis(const struct subpixel *p, int i, int64_t phase,
                       struct inn_copy *c, int loop, int64_t in_step,
                       int64_t out_step)
{
    /* Pixel q is output q stride + at. */
    int64_t at = p->first[i] * p->stride[i] + phase - p->pad[i];
    int64_t skip = at < 0 ? (-at + p->stride[i] - 1) / p->stride[i] : 0;
    int64_t end = (p->out[i] - at + p->stride[i] - 1) / p->stride[i];

    end = end < p->count[i] ? end : p->count[i];
    c->count[loop] = end > skip ? end - skip : 0;
    c->in_step[loop] = in_step;
    c->out_step[loop] = out_step * p->stride[i];
    c->in_at += skip * in_step;
    c->out_at += (skip * p->stride[i] + at) * out_step;
}

/*
 * From [pictures][rows][columns][phases][outputs] to channels last; false
 * where no pixel of the phase is in the result.
 */
static bool place_phase(const struct subpixel *p, int64_t phase,
                        struct inn_copy *c)
{
    int64_t pixel = p->phases * p->outputs;

    c->n = 4;
    c->in_at = phase * p->outputs;
    c->count[0] = p->pictures;
    c->in_step[0] = p->count[0] * p->count[1] * pixel;
    c->out_step[0] = p->out[0] * p->out[1] * p->outputs;
    place_axis(p, 0, phase / p->stride[1], c, 1, p->count[1] * pixel,
               p->out[1] * p->outputs);
    place_axis(p, 1, phase % p->stride[1], c, 2, pixel, p->outputs);
    c->count[3] = p->outputs;
    c->in_step[3] = c->out_step[3] = 1;
    if (c->count[1] == 0 || c->count[2] == 0)
        return false;
    inn_copy_prepare(c);
    return true;
}

static enum inn_status add_places(struct inn_builder *b, int z, int v,
                                  const struct inn_node *node,
                                  const struct subpixel *p,
                                  struct inn_error *err)
{
    const struct inn_tensor *known = inn_shapes_get(&b->s->shapes, v);
    struct inn_move_step *m = inn_arena_alloc(&b->s->arena, 1, sizeof(*m),
                                              err);
    struct inn_tensor t;
    enum inn_status st;
    int64_t i;
    int y, index;

    if (m == NULL)
        return inn_refused(err);
    m->copies = inn_arena_alloc(&b->s->arena, (size_t)p->phases,
                                sizeof(*m->copies), err);
    if (m->copies == NULL)
        return inn_refused(err);
    for (i = 0; i < p->phases; i++) {
        struct inn_copy c = {0};

        if (place_phase(p, i, &c))
            m->copies[m->n++] = c;
    }
    st = inn_tensor_init(&t, INN_F32, 4, known->dims, err);
    if (st == INN_OK)
        st = inn_build_slot(b, &y, INN_SLOT_BUFFER, v, &t, err);
    if (st == INN_OK)
        st = inn_layout_channels_last(b, y, err);
    if (st == INN_OK)
        st = inn_build_step(b, &index, INN_STEP_MOVE, 1, 1, err);
    if (st != INN_OK)
        return st;
    b->s->steps[index].node = node;
    b->s->steps[index].move = m;
    b->s->steps[index].in[0] = z;
    b->s->steps[index].out[0] = y;
    return INN_OK;
}

enum inn_status inn_subpixel_build(struct inn_builder *b, int w, int n_post,
                                   bool *done, bool *fewer,
                                   struct inn_error *err)
{
    const struct inn_work *work = &b->work[w];
    struct inn_desc desc = {NULL, false};
    struct subpixel p = {0};
    struct inn_conv c = {0};
    enum inn_status st;
    int z;

    *fewer = false;
    if (!read_sizes(b, work, &p))
        return INN_OK;
    *fewer = !are_functions(work, n_post);
    if (*fewer)
        return INN_OK;
    put_conv(b, work, &p, &c);
    st = inn_conv_describe(b, w, n_post, &c, &desc, err);
    if (st == INN_OK && desc.pd != NULL && !desc.serial) {
        st = add_conv(b, w, &p, &c, &desc, &z, err);
        if (st == INN_OK)
            st = add_places(b, z, inn_work_result(b, w, n_post), work->node,
                            &p, err);
        *done = st == INN_OK;
    }
    inn_desc_free(&desc);
    return st;
}
