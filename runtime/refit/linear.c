/*
 * What is linear in its weight, read from the primitive that the operator's
 * row describes; rows are gathered by plain loops over channels and taps.
 */
#include "runtime/refit/linear.h"

#include <string.h>

#include "runtime/base/checked.h"
#include "runtime/ops/window.h"

/* Unknowns of one output; their Gram matrix is a square of this side. */
#define MOST_UNKNOWNS ((size_t)16384)

static void read_side(struct inn_linear_side *side,
                      const struct inn_tensor *t, int axis)
{
    int i;

    side->outer = side->inner = 1;
    side->axis = axis;
    side->channels = (size_t)t->dims[axis];
    for (i = 0; i < axis; i++)
        side->outer *= (size_t)t->dims[i];
    for (i = axis + 1; i < t->rank; i++)
        side->inner *= (size_t)t->dims[i];
}

/* A convolution; the weight is [out, in / groups, taps] or turned round. */
static bool read_conv(struct inn_linear *l, const struct inn_prim *prim,
                      const struct inn_tensor *x,
                      const struct inn_tensor *weight,
                      const struct inn_tensor *y)
{
    bool turned = prim->kind == INN_PRIM_DECONV;
    size_t first = (size_t)weight->dims[0], second = (size_t)weight->dims[1];
    int i;

    l->kind = turned ? INN_LINEAR_DECONV : INN_LINEAR_CONV;
    l->parts = (size_t)prim->u.conv.groups;
    l->taps = 1;
    for (i = 2; i < weight->rank; i++)
        l->taps *= (size_t)weight->dims[i];
    l->outputs = turned ? second : first / l->parts;
    l->inputs = turned ? first / l->parts : second;
    l->output_step = turned ? l->taps : second * l->taps;
    l->input_step = turned ? second * l->taps : l->taps;
    l->part_step = first / l->parts * second * l->taps;
    l->weight_scale = l->bias_scale = 1.0;
    l->window = prim->u.conv.window;
    inn_window_to_3d(&l->window, x->dims + 2, l->source);
    read_side(&l->from, x, 1);
    read_side(&l->to, y, 1);
    return true;
}

/*
 * A product whose second operand is the weight, or, of matrices, the first.
 * Only one with two axes: others are a matrix for every element of a batch.
 */
static bool read_product(struct inn_linear *l, const struct inn_prim *prim,
                         const struct inn_tensor *x,
                         const struct inn_tensor *weight,
                         const struct inn_tensor *y, bool left)
{
    bool turned_x = left ? prim->u.matmul.transpose_b
                         : prim->u.matmul.transpose_a;
    bool turned = left ? prim->u.matmul.transpose_a
                       : prim->u.matmul.transpose_b;
    /* Axis of the weight that is summed over. */
    int summed = (left ? 1 : 0) ^ (turned ? 1 : 0);

    if (weight->rank != 2 || x->rank < 2)
        return false;
    l->kind = INN_LINEAR_PRODUCT;
    l->parts = l->taps = 1;
    l->inputs = (size_t)weight->dims[summed];
    l->outputs = (size_t)weight->dims[1 - summed];
    l->input_step = summed == 0 ? (size_t)weight->dims[1] : 1;
    l->output_step = summed == 0 ? 1 : (size_t)weight->dims[1];
    l->weight_scale = (double)prim->u.matmul.alpha;
    l->bias_scale = (double)prim->u.matmul.beta;
    read_side(&l->from, x, x->rank - 1 - ((left ? 1 : 0) ^ (turned_x ? 1 : 0)));
    read_side(&l->to, y, y->rank - (left ? 2 : 1));
    return l->from.channels == l->inputs && l->to.channels == l->outputs &&
           l->weight_scale != 0.0;
}

/* An initializer of floats with data, whose elements we may choose. */
static bool is_ours(const struct inn_graph *graph, int v)
{
    const struct inn_value *value = v >= 0 ? &graph->values[v] : NULL;

    return value != NULL && value->init != NULL && value->producer < 0 &&
           !value->is_output && value->init->data != NULL &&
           inn_type_is_float(value->init->type);
}

static bool describe(struct inn_prim *prim, const struct inn_node *node,
                     const struct inn_tensor *const *in, int n_in,
                     const struct inn_tensor *y, struct inn_arena *arena)
{
    const struct inn_op *op = inn_node_op(node);
    struct inn_tensor out = *y;
    struct inn_error err;
    struct inn_infer c = {.node = node, .in = in, .out = &out, .n_in = n_in,
                          .n_out = 1, .arena = arena, .err = &err};

    memset(prim, 0, sizeof(*prim));
    return op != NULL && op->lower != NULL && op->lower(&c, prim);
}

static bool is_small(const struct inn_linear *l)
{
    size_t unknowns;

    return l->parts > 0 && l->outputs > 0 && l->positions > 0 &&
           inn_mul_size(&unknowns, l->inputs, l->taps) && unknowns > 0 &&
           unknowns <= MOST_UNKNOWNS;
}

bool inn_linear_read(struct inn_linear *l, const struct inn_graph *graph,
                     const struct inn_shapes *shapes, int k)
{
    const struct inn_node *node = &graph->nodes[k];
    const struct inn_tensor *in[3] = {NULL, NULL, NULL}, *y;
    struct inn_arena arena;
    struct inn_prim prim;
    bool left, known;
    int i;

    memset(l, 0, sizeof(*l));
    if (node->n_inputs < 2 || node->n_inputs > 3 || node->n_outputs != 1)
        return false;
    for (i = 0; i < node->n_inputs; i++)
        in[i] = inn_shapes_get(shapes, node->inputs[i]);
    y = inn_shapes_get(shapes, node->outputs[0]);
    left = is_ours(graph, node->inputs[0]);
    if (in[0] == NULL || in[1] == NULL || y == NULL ||
        left == is_ours(graph, node->inputs[1]))
        return false;
    inn_arena_init(&arena, graph->heap);
    known = describe(&prim, node, in, node->n_inputs, y, &arena);
    inn_arena_free(&arena);
    if (!known)
        return false;
    l->node = k;
    l->x = node->inputs[left];
    l->weight = node->inputs[!left];
    l->y = node->outputs[0];
    l->bias = node->n_inputs > 2 ? node->inputs[2] : -1;
    if (l->bias >= 0 && !is_ours(graph, l->bias))
        return false;
    if (prim.kind == INN_PRIM_MATMUL)
        known = read_product(l, &prim, in[left], in[!left], y, left);
    else
        known = !left && (prim.kind == INN_PRIM_CONV ||
                          prim.kind == INN_PRIM_DECONV) &&
                read_conv(l, &prim, in[0], in[1], y);
    l->positions = l->to.outer * l->to.inner;
    return known && is_small(l);
}

/* An output position's place along each of three axes. */
static void place(int64_t at[INN_MAX_SPATIAL], const struct inn_window *w,
                  size_t position)
{
    int i;

    for (i = INN_MAX_SPATIAL - 1; i >= 0; i--) {
        at[i] = (int64_t)(position % (size_t)w->out[i]);
        position /= (size_t)w->out[i];
    }
}

/* Where tap lies on axis of the input; -1 in the padding, or between. */
static int64_t tap_at(const struct inn_linear *l, int axis, int64_t at,
                      int64_t tap)
{
    const struct inn_window *w = &l->window;
    int64_t to;

    if (l->kind == INN_LINEAR_CONV) {
        to = at * w->stride[axis] - w->pad_begin[axis] +
             tap * w->dilation[axis];
    } else {
        to = at + w->pad_begin[axis] - tap * w->dilation[axis];
        if (to < 0 || to % w->stride[axis] != 0)
            return -1;
        to /= w->stride[axis];
    }
    return to < l->source[axis] ? to : -1;
}

/* The row of one position of a convolution. */
static void conv_row(const struct inn_linear *l, float *row, const float *x,
                     size_t part, size_t position)
{
    const struct inn_window *w = &l->window;
    const float *plane = x + (position / l->to.inner * l->from.channels +
                              part * l->inputs) * l->from.inner;
    int64_t at[INN_MAX_SPATIAL], a, b, c, y, z, u;
    size_t tap = 0, i;

    place(at, w, position % l->to.inner);
    for (a = 0; a < w->kernel[0]; a++) {
        z = tap_at(l, 0, at[0], a);
        for (b = 0; b < w->kernel[1]; b++) {
            y = tap_at(l, 1, at[1], b);
            for (c = 0; c < w->kernel[2]; c++, tap++) {
                const float *from;

                u = tap_at(l, 2, at[2], c);
                if (z < 0 || y < 0 || u < 0) {
                    for (i = 0; i < l->inputs; i++)
                        row[i * l->taps + tap] = 0.0f;
                    continue;
                }
                from = plane + (z * l->source[1] + y) * l->source[2] + u;
                for (i = 0; i < l->inputs; i++)
                    row[i * l->taps + tap] = from[i * l->from.inner];
            }
        }
    }
}

static void product_row(const struct inn_linear *l, float *row,
                        const float *x, size_t position)
{
    const struct inn_linear_side *s = &l->from;
    const float *from = x + position / s->inner * s->channels * s->inner +
                        position % s->inner;
    size_t i;

    for (i = 0; i < l->inputs; i++)
        row[i] = from[i * s->inner];
}

void inn_linear_rows(const struct inn_linear *l, float *rows, size_t step,
                     const float *x, size_t part, const size_t *positions,
                     size_t n)
{
    size_t i;

    for (i = 0; i < n; i++, rows += step) {
        if (l->kind == INN_LINEAR_PRODUCT)
            product_row(l, rows, x, positions[i]);
        else
            conv_row(l, rows, x, part, positions[i]);
        rows[inn_linear_unknowns(l)] = 1.0f;
    }
}

void inn_linear_outputs(const struct inn_linear *l, float *values,
                        size_t step, const float *y, size_t part,
                        const size_t *positions, size_t n)
{
    const struct inn_linear_side *s = &l->to;
    size_t i, o;

    for (i = 0; i < n; i++, values += step) {
        const float *from = y + (positions[i] / s->inner * s->channels +
                                 part * l->outputs) * s->inner +
                            positions[i] % s->inner;

        for (o = 0; o < l->outputs; o++)
            values[o] = from[o * s->inner];
    }
}

/* The element of the weight that output o has for unknown u. */
static size_t element(const struct inn_linear *l, size_t part, size_t o,
                      size_t u)
{
    return part * l->part_step + o * l->output_step +
           u / l->taps * l->input_step + u % l->taps;
}

static double get(const struct inn_tensor *t, size_t i)
{
    double value;

    inn_convert_elements(&value, INN_F64, (const char *)t->data +
                         i * inn_type_size(t->type), t->type, 1);
    return value;
}

static void put(struct inn_tensor *t, size_t i, double value)
{
    inn_convert_elements((char *)t->data + i * inn_type_size(t->type),
                         t->type, &value, INN_F64, 1);
}

void inn_linear_get(const struct inn_linear *l, double *w,
                    const struct inn_tensor *weight,
                    const struct inn_tensor *bias, size_t part)
{
    size_t n = inn_linear_unknowns(l), o, u;

    for (o = 0; o < l->outputs; o++, w += n + 1) {
        for (u = 0; u < n; u++)
            w[u] = l->weight_scale * get(weight, element(l, part, o, u));
        w[n] = bias == NULL ? 0.0
                            : l->bias_scale * get(bias, part * l->outputs + o);
    }
}

void inn_linear_put(const struct inn_linear *l, const double *w,
                    struct inn_tensor *weight, struct inn_tensor *bias,
                    size_t part)
{
    size_t n = inn_linear_unknowns(l), o, u;

    for (o = 0; o < l->outputs; o++, w += n + 1) {
        for (u = 0; u < n; u++)
            put(weight, element(l, part, o, u), w[u] / l->weight_scale);
        if (bias != NULL)
            put(bias, part * l->outputs + o, w[n] / l->bias_scale);
    }
}
