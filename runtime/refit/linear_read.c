/* What is linear in its weight, by the primitive that its row describes. */
#include "runtime/refit/linear.h"

#include <string.h>

#include "runtime/base/checked.h"
#include "runtime/ops/window.h"

/* Unknowns of one output; their Gram matrix is a square of this side. */
#define MOST_UNKNOWNS ((size_t)16384)
/* Casts and Identities between what is stored and what is read. */
#define MOST_STEPS 8

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

/*
 * The initializer of floats with data whose elements are v's, in v's order:
 * v itself, or what Casts and Identities make v of; or -1.
 */
static int find_stored(const struct inn_graph *graph, int v)
{
    int steps;

    for (steps = 0; v >= 0 && steps < MOST_STEPS; steps++) {
        const struct inn_value *value = &graph->values[v];
        const struct inn_node *by;

        if (value->is_output)
            return -1;
        if (value->producer < 0)
            return value->init != NULL && value->init->data != NULL &&
                           inn_type_is_float(value->init->type) ? v : -1;
        by = &graph->nodes[value->producer];
        if (by->domain[0] != '\0' || by->n_inputs != 1 ||
            (strcmp(by->op_type, "Cast") != 0 &&
             strcmp(by->op_type, "Identity") != 0))
            return -1;
        v = by->inputs[0];
    }
    return -1;
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

/* The bias that the operator itself adds; false where it isn't ours. */
static bool read_bias(struct inn_linear *l, const struct inn_graph *graph,
                      int seen)
{
    int bias = find_stored(graph, seen);

    if (seen < 0 || l->bias_scale == 0.0)
        return true;
    if (bias < 0 || inn_tensor_count(graph->values[bias].init) !=
                        l->parts * l->outputs)
        return false;
    l->bias = bias;
    l->bias_seen = seen;
    return true;
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
    l->bias = l->bias_seen = l->apart = -1;
    if (node->n_inputs < 2 || node->n_inputs > 3 || node->n_outputs != 1)
        return false;
    for (i = 0; i < node->n_inputs; i++)
        in[i] = inn_shapes_get(shapes, node->inputs[i]);
    y = inn_shapes_get(shapes, node->outputs[0]);
    left = find_stored(graph, node->inputs[0]) >= 0;
    if (in[0] == NULL || in[1] == NULL || y == NULL ||
        left == (find_stored(graph, node->inputs[1]) >= 0))
        return false;
    inn_arena_init(&arena, graph->heap);
    known = describe(&prim, node, in, node->n_inputs, y, &arena);
    inn_arena_free(&arena);
    if (!known)
        return false;
    l->node = k;
    l->x = node->inputs[left];
    l->weight_seen = node->inputs[!left];
    l->weight = find_stored(graph, l->weight_seen);
    l->y = node->outputs[0];
    if (prim.kind == INN_PRIM_MATMUL)
        known = read_product(l, &prim, in[left], in[!left], y, left);
    else
        known = !left && (prim.kind == INN_PRIM_CONV ||
                          prim.kind == INN_PRIM_DECONV) &&
                read_conv(l, &prim, in[0], in[1], y);
    if (!known || !read_bias(l, graph, node->n_inputs > 2 ? node->inputs[2]
                                                          : -1))
        return false;
    l->positions = l->to.outer * l->to.inner;
    return is_small(l);
}

/* Whether t has an element for each channel of y, and no other axes. */
static bool lies_along(const struct inn_tensor *t, const struct inn_tensor *y,
                       const struct inn_linear_side *side)
{
    int i;

    if (t == NULL || t->rank > y->rank ||
        inn_tensor_count(t) != side->channels)
        return false;
    for (i = 0; i < t->rank; i++) {
        if (t->dims[i] != 1 && i + y->rank - t->rank != side->axis)
            return false;
    }
    return true;
}

bool inn_linear_take_bias(struct inn_linear *l, const struct inn_graph *graph,
                          const struct inn_shapes *shapes, int k)
{
    const struct inn_node *node = &graph->nodes[k];
    const struct inn_tensor *y = inn_shapes_get(shapes, l->y), *sum;
    int seen, bias;

    if (l->bias >= 0 || node->domain[0] != '\0' || node->n_inputs != 2 ||
        strcmp(node->op_type, "Add") != 0)
        return false;
    seen = node->inputs[node->inputs[0] == l->y ? 1 : 0];
    bias = seen == l->y ? -1 : find_stored(graph, seen);
    sum = inn_shapes_get(shapes, node->outputs[0]);
    if (bias < 0 || sum == NULL || y == NULL ||
        !inn_tensor_same_shape(sum, y) ||
        !lies_along(inn_shapes_get(shapes, seen), y, &l->to))
        return false;
    l->bias = bias;
    l->bias_seen = seen;
    l->bias_scale = 1.0;
    l->apart = k;
    return true;
}

bool inn_linear_alone(const struct inn_graph *graph, const int *uses,
                      int stored, int seen)
{
    while (seen != stored && uses[seen] == 1)
        seen = graph->nodes[graph->values[seen].producer].inputs[0];
    return seen == stored && uses[seen] == 1;
}
