/*
 * What Conv and ConvTranspose share but for moments. Loops and maps go by
 * struct inn_conv_kind and know of neither operator; which channels a weight
 * must have is checked by their own files.
 */
#include "runtime/ops/conv_shared.h"

#include "runtime/base/threads.h"
#include "runtime/ops/rows.h"

enum inn_status inn_conv_check_operands(const struct inn_infer *c)
{
    enum inn_status st = inn_infer_arity(c, 2, 3, 1);
    struct inn_args a = INN_ARGS(c);
    const struct inn_tensor *x, *weight;
    int64_t groups;
    int i;

    for (i = 1; i < 3 && st == INN_OK; i++)
        st = inn_infer_same_type(c, i);
    if (st != INN_OK)
        return st;
    x = c->in[0];
    weight = c->in[1];
    if (x->rank < 3 || weight->rank != x->rank)
        return inn_args_fail(&a, INN_ERR_FORMAT,
                             "input has %d dimensions, weight has %d",
                             x->rank, weight->rank);
    if (x->rank > 2 + INN_MAX_SPATIAL)
        return inn_args_fail(&a, INN_ERR_UNSUPPORTED,
                             "%d spatial axes; %d are the most", x->rank - 2,
                             INN_MAX_SPATIAL);
    groups = inn_node_int(c->node, "group", 1);
    if (groups < 1)
        return inn_args_fail(&a, INN_ERR_FORMAT, "group is %lld",
                             (long long)groups);
    return INN_OK;
}

static enum inn_status read_window(struct inn_window *w,
                                   const struct inn_conv_kind *kind,
                                   const struct inn_node *node,
                                   const struct inn_tensor *const *in,
                                   struct inn_error *err)
{
    return kind->window(w, node, in[0]->rank - 2, in[0]->dims + 2,
                        in[1]->dims + 2, err);
}

enum inn_status inn_conv_infer_out(struct inn_infer *c,
                                   const struct inn_conv_kind *kind,
                                   int64_t outputs)
{
    const struct inn_tensor *x = c->in[0];
    struct inn_args a = INN_ARGS(c);
    const struct inn_tensor *bias = inn_args_in(&a, 2);
    int64_t dims[INN_MAX_RANK];
    struct inn_window w;
    enum inn_status st;
    int i;

    if (bias != NULL && (bias->rank != 1 || bias->dims[0] != outputs)) {
        char text[INN_SHAPE_TEXT];

        return inn_args_fail(&a, INN_ERR_FORMAT,
                             "bias is %s, weight has %lld output channels",
                             inn_shape_text(text, bias->rank, bias->dims),
                             (long long)outputs);
    }
    st = read_window(&w, kind, c->node, c->in, c->err);
    if (st != INN_OK)
        return st;
    dims[0] = x->dims[0];
    dims[1] = outputs;
    for (i = 2; i < x->rank; i++)
        dims[i] = w.out[i - 2];
    return inn_infer_out(c, 0, x->type, x->rank, dims);
}

enum inn_status inn_conv_shape_read(struct inn_conv_shape *s,
                                    const struct inn_conv_kind *kind,
                                    const struct inn_node *node,
                                    const struct inn_tensor *const *in,
                                    struct inn_error *err)
{
    const struct inn_tensor *weight = in[1];
    int64_t groups = inn_node_int(node, "group", 1);
    size_t count[2] = {(size_t)(weight->dims[0] / groups),
                       (size_t)weight->dims[1]};
    const size_t by[2] = {count[1], 1};

    s->kind = kind;
    s->groups = (size_t)groups;
    s->outputs = count[kind->output_axis];
    s->inputs = count[1 - kind->output_axis];
    s->by_output = by[kind->output_axis];
    s->by_input = by[1 - kind->output_axis];
    s->taps = inn_dims_product(weight->dims, 2, weight->rank);
    return read_window(&s->w, kind, node, in, err);
}

/* Every output channel has one input channel: i / outputs per channel. */
static enum inn_status couple_depthwise(struct inn_couple *c,
                                        const struct inn_conv_kind *kind)
{
    int64_t n = c->out[0]->dims[1], per = n / c->in[0]->dims[1], i;
    int64_t *map = inn_couple_count_from(c, 0, n);
    enum inn_status st;

    if (map == NULL)
        return inn_refused(c->err);
    for (i = 0; i < n; i++)
        map[i] = i / per;
    st = inn_couple_map(c, inn_out(0, 1), inn_in(0, 1), map);
    if (st != INN_OK)
        return st;
    return inn_couple_map(c, inn_in(1, 0),
                          kind->output_axis == 0 ? inn_out(0, 1)
                                                 : inn_in(0, 1), NULL);
}

/*
 * The k-th channels of all groups belong together. They meet the same element
 * of the weight's axis 1, which the map says, but each its own of axis 0.
 */
static enum inn_status couple_grouped(struct inn_couple *c,
                                      const struct inn_conv_kind *kind,
                                      int64_t groups)
{
    int64_t channels = c->in[0]->dims[1], outputs = c->out[0]->dims[1];
    int axis = kind->output_axis;
    int64_t *in, *out;
    enum inn_status st;

    in = inn_couple_wrap(c, channels, channels / groups);
    out = in != NULL ? inn_couple_wrap(c, outputs, outputs / groups) : NULL;
    if (out == NULL)
        return inn_refused(c->err);
    st = c->sink->unite(c->state, inn_in(0, 1), in, c->err);
    if (st == INN_OK)
        st = c->sink->sum(c->state, inn_in(1, 1 - axis), inn_in(0, 1),
                          axis == 0 ? in : NULL, c->err);
    if (st == INN_OK)
        st = c->sink->make(c->state, inn_in(1, axis), inn_out(0, 1),
                           axis == 1 ? out : NULL, c->err);
    if (st == INN_OK && axis == 0)
        st = c->sink->unite(c->state, inn_out(0, 1), out, c->err);
    return st;
}

static enum inn_status couple_dense(struct inn_couple *c,
                                    const struct inn_conv_kind *kind)
{
    int axis = kind->output_axis;
    enum inn_status st;

    st = c->sink->sum(c->state, inn_in(1, 1 - axis), inn_in(0, 1), NULL,
                      c->err);
    if (st == INN_OK)
        st = c->sink->make(c->state, inn_in(1, axis), inn_out(0, 1), NULL,
                           c->err);
    return st;
}

static enum inn_status pin_all(struct inn_couple *c, const char *why)
{
    const struct inn_operand axes[] = {inn_in(0, 1), inn_in(1, 0),
                                       inn_in(1, 1), inn_out(0, 1)};
    enum inn_status st = INN_OK;
    size_t i;

    for (i = 0; i < INN_COUNT(axes) && st == INN_OK; i++)
        st = inn_couple_pin(c, axes[i], why);
    return st;
}

static bool is_depthwise(const struct inn_node *node,
                         const struct inn_tensor *x)
{
    int64_t groups = inn_node_int(node, "group", 1);

    return groups > 1 && groups == x->dims[1];
}

enum inn_status inn_conv_couple(struct inn_couple *c,
                                const struct inn_conv_kind *kind)
{
    int64_t groups = inn_node_int(c->node, "group", 1);
    enum inn_status st;

    if (!inn_couple_is_const(c, 1))
        return pin_all(c, kind->computed);
    if (c->in[0]->dims[1] == 0 || c->out[0]->dims[1] == 0)
        return INN_OK;
    if (is_depthwise(c->node, c->in[0]))
        st = couple_depthwise(c, kind);
    else if (groups > 1)
        st = couple_grouped(c, kind, groups);
    else
        st = couple_dense(c, kind);
    if (st == INN_OK && c->n_in > 2 && c->in[2] != NULL)
        st = inn_couple_map(c, inn_in(2, 0), inn_out(0, 1), NULL);
    return st;
}

/* A depthwise convolution has as many groups as channels. */
enum inn_status inn_resize_conv(struct inn_resize *c)
{
    if (!is_depthwise(c->node, c->in[0]) ||
        !c->to->varies(c->state, inn_in(0, 1)))
        return INN_OK;
    return c->to->set_int(c->state, "group",
                          c->to->length(c->state, inn_in(0, 1)), c->err);
}

struct run {
    struct inn_conv_shape shape;
    int64_t in[INN_MAX_SPATIAL];
    size_t in_size, out_size; /* elements of one channel */
    const float *x, *weight, *bias;
    float *y;
};

/* Bias, then input channels in their order; y: where the tile begins. */
static void sum_tile(const struct run *r, struct inn_conv_tile *t, float *y,
                     const float *x, size_t o)
{
    const struct inn_conv_shape *s = &r->shape;
    size_t i;
    int64_t k;

    for (k = 0; k < t->n; k++)
        t->sums[k] = r->bias != NULL ? r->bias[o] : 0;
    for (i = 0; i < s->inputs; i++)
        s->kind->add(t, x + i * r->in_size,
                     r->weight + inn_conv_kernel(s, o, i));
    for (k = 0; k < t->n; k++)
        y[k] = (float)t->sums[k];
}

/* One output channel of one picture. */
static void run_part(void *context, size_t part)
{
    const struct run *r = context;
    const struct inn_conv_shape *s = &r->shape;
    const int64_t *out = s->w.out;
    size_t total = s->groups * s->outputs;
    size_t o = part % total, image = part / total;
    struct inn_conv_tile t;
    const float *x;
    float *y = r->y + part * r->out_size;

    t.w = &s->w;
    t.in = r->in;
    x = r->x + (image * s->groups + o / s->outputs) * s->inputs * r->in_size;
    for (t.at[0] = 0; t.at[0] < out[0]; t.at[0]++) {
        for (t.at[1] = 0; t.at[1] < out[1]; t.at[1]++) {
            for (t.first = 0; t.first < out[2]; t.first += t.n) {
                t.n = out[2] - t.first;
                if (t.n > INN_CONV_TILE)
                    t.n = INN_CONV_TILE;
                sum_tile(r, &t, y, x, o);
                y += t.n;
            }
        }
    }
}

enum inn_status inn_conv_run(struct inn_run *c,
                             const struct inn_conv_kind *kind)
{
    const struct inn_tensor *x = c->in[0], *y;
    enum inn_status st;
    struct run r;

    if (!inn_run_wants(c, 0) || c->out[0].bytes == 0)
        return INN_OK;
    st = inn_conv_shape_read(&r.shape, kind, c->node, c->in, c->err);
    if (st != INN_OK)
        return st;
    inn_window_to_3d(&r.shape.w, x->dims + 2, r.in);
    y = &c->out[0];
    r.in_size = inn_dims_product(x->dims, 2, x->rank);
    r.out_size = inn_dims_product(y->dims, 2, y->rank);
    r.x = x->data;
    r.weight = c->in[1]->data;
    r.bias = c->n_in > 2 && c->in[2] != NULL ? c->in[2]->data : NULL;
    r.y = y->data;
    inn_parallel(c->threads, (size_t)(y->dims[0] * y->dims[1]), run_part, &r);
    return INN_OK;
}

bool inn_conv_lower(const struct inn_infer *c, struct inn_prim *prim,
                    const struct inn_conv_kind *kind)
{
    if (c->in[0]->rank > 2 + INN_MAX_SPATIAL)
        return false;
    prim->kind = kind->prim;
    prim->u.conv.groups = inn_node_int(c->node, "group", 1);
    return read_window(&prim->u.conv.window, kind, c->node, c->in,
                       NULL) == INN_OK;
}
