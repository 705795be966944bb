/* Layers, their aims, and an order that has shortcuts ready in time. */
#include "runtime/refit/layers.h"

#include <math.h>
#include <string.h>

#include "runtime/base/error.h"

struct find {
    const struct inn_graph *graph;
    const struct inn_shapes *shapes;
    struct inn_refit_layers *layers;
    struct inn_arena *arena;
    int *uses;   /* [n_values] */
    int *reader; /* [n_values] a graph node that reads it, or -1 */
    struct inn_error *err;
};

static bool is_op(const struct inn_node *node, const char *type)
{
    return node->domain[0] == '\0' && strcmp(node->op_type, type) == 0;
}

static bool is_constant(const struct find *f, int v)
{
    const struct inn_tensor *t = v >= 0 ? inn_shapes_get(f->shapes, v) : NULL;

    return t != NULL && t->data != NULL;
}

/* The one graph node that reads v and is all that does; or NULL. */
static const struct inn_node *only_reader(const struct find *f, int v)
{
    return f->uses[v] == 1 && f->reader[v] >= 0 &&
                   !f->graph->values[v].is_output
               ? &f->graph->nodes[f->reader[v]] : NULL;
}

static int layer_of(const struct find *f, int v)
{
    int by = f->graph->values[v].producer;

    return by >= 0 ? f->layers->of_node[by] : -1;
}

/*
 * Of a sum of two layers the later one mends it: the other has been fitted
 * to what it gives itself.
 */
static void find_aim(const struct find *f, struct inn_refit_layer *layer)
{
    const struct inn_tensor *y = inn_shapes_get(f->shapes, layer->linear.y);
    const struct inn_node *node = only_reader(f, layer->linear.y);
    const struct inn_tensor *sum, *shape;
    int other, rival;

    layer->aim = layer->linear.y;
    layer->shortcut = -1;
    if (node == NULL || !(is_op(node, "Add") || is_op(node, "Sum")) ||
        node->n_inputs != 2)
        return;
    other = node->inputs[node->inputs[0] == layer->linear.y ? 1 : 0];
    if (other < 0 || other == layer->linear.y || is_constant(f, other))
        return;
    sum = inn_shapes_get(f->shapes, node->outputs[0]);
    shape = inn_shapes_get(f->shapes, other);
    if (sum == NULL || shape == NULL || !inn_tensor_same_shape(sum, y) ||
        !inn_tensor_same_shape(shape, y))
        return;
    rival = layer_of(f, other);
    if (rival >= 0 && f->uses[other] == 1 &&
        f->layers->layer[rival].linear.node > layer->linear.node)
        return;
    layer->aim = node->outputs[0];
    layer->shortcut = other;
}

static float scalar(const struct find *f, const struct inn_node *node, int i,
                    float otherwise)
{
    const struct inn_tensor *t;
    float value = otherwise;

    if (i >= node->n_inputs || node->inputs[i] < 0)
        return otherwise;
    t = inn_shapes_get(f->shapes, node->inputs[i]);
    if (t != NULL && t->data != NULL && inn_tensor_count(t) == 1)
        inn_convert_elements(&value, INN_F32, t->data, t->type, 1);
    return value;
}

static void find_flat(const struct find *f, struct inn_refit_layer *layer)
{
    const struct inn_node *node = only_reader(f, layer->aim);

    layer->low = -INFINITY;
    layer->high = INFINITY;
    if (node == NULL)
        return;
    if (is_op(node, "Relu"))
        layer->low = 0.0f;
    if (is_op(node, "HardSwish"))
        layer->low = -3.0f;
    if (is_op(node, "Clip")) {
        layer->low = scalar(f, node, 1, inn_node_float(node, "min",
                                                       -INFINITY));
        layer->high = scalar(f, node, 2, inn_node_float(node, "max",
                                                        INFINITY));
    }
}

static enum inn_status count_readers(struct find *f)
{
    const struct inn_graph *g = f->graph;
    int k, i, v;

    f->uses = inn_arena_alloc(f->arena, (size_t)g->n_values,
                              sizeof(*f->uses), f->err);
    f->reader = inn_arena_alloc(f->arena, (size_t)g->n_values,
                                sizeof(*f->reader), f->err);
    if (f->uses == NULL || f->reader == NULL)
        return inn_refused(f->err);
    for (v = 0; v < g->n_values; v++)
        f->reader[v] = -1;
    for (k = 0; k < g->n_nodes; k++) {
        for (i = 0; i < g->nodes[k].n_inputs; i++) {
            v = g->nodes[k].inputs[i];
            if (v >= 0)
                f->reader[v] = k;
        }
    }
    return inn_graph_count_uses(g, f->uses);
}

static void list_layers(struct find *f)
{
    struct inn_refit_layers *all = f->layers;
    int k;

    for (k = 0; k < f->graph->n_nodes; k++) {
        struct inn_refit_layer *layer = &all->layer[all->n];

        all->of_node[k] = -1;
        if (!inn_linear_read(&layer->linear, f->graph, f->shapes, k) ||
            f->graph->values[layer->linear.x].is_input)
            continue;
        if (f->uses[layer->linear.weight] > 1 ||
            (layer->linear.bias >= 0 && f->uses[layer->linear.bias] > 1)) {
            all->left++;
            continue;
        }
        all->of_node[k] = all->n++;
    }
}

/* What has to be there before graph node k; the i-th, or -2 past the last. */
static int needs(const struct find *f, int k, int i)
{
    const struct inn_node *node = &f->graph->nodes[k];
    int layer = f->layers->of_node[k], v = -1;

    if (i < node->n_inputs)
        v = node->inputs[i];
    else if (i < node->n_inputs + node->n_captures)
        v = node->captures[i - node->n_inputs];
    else if (i == node->n_inputs + node->n_captures)
        v = layer >= 0 ? f->layers->layer[layer].shortcut : -1;
    else
        return -2;
    return v >= 0 ? f->graph->values[v].producer : -1;
}

/*
 * Depth first, on a stack of our own: networks are as deep as they please.
 * No circle can arise: whatever a shortcut comes from lies before its sum,
 * and the layer is read by nothing else.
 */
static enum inn_status sort(struct find *f)
{
    size_t n = (size_t)f->graph->n_nodes;
    int *stack = inn_arena_alloc(f->arena, n, sizeof(*stack), f->err);
    int *next = inn_arena_alloc(f->arena, n, sizeof(*next), f->err);
    bool *seen = inn_arena_alloc(f->arena, n, sizeof(*seen), f->err);
    int k, depth = 0, done = 0;

    if (stack == NULL || next == NULL || seen == NULL)
        return inn_refused(f->err);
    for (k = 0; k < f->graph->n_nodes; k++) {
        if (!seen[k]) {
            seen[k] = true;
            stack[depth++] = k;
        }
        while (depth > 0) {
            int top = stack[depth - 1], need = needs(f, top, next[top]++);

            if (need == -2) {
                f->layers->order[done++] = top;
                depth--;
            } else if (need >= 0 && !seen[need]) {
                seen[need] = true;
                stack[depth++] = need;
            }
        }
    }
    return INN_OK;
}

enum inn_status inn_refit_find(struct inn_refit_layers *layers,
                               const struct inn_graph *graph,
                               const struct inn_shapes *shapes,
                               struct inn_arena *arena,
                               struct inn_error *err)
{
    struct find f = {.graph = graph, .shapes = shapes, .layers = layers,
                     .arena = arena, .err = err};
    size_t n = (size_t)graph->n_nodes;
    enum inn_status st;
    int i;

    memset(layers, 0, sizeof(*layers));
    layers->layer = inn_arena_alloc(arena, n + 1, sizeof(*layers->layer),
                                    err);
    layers->of_node = inn_arena_alloc(arena, n, sizeof(*layers->of_node),
                                      err);
    layers->order = inn_arena_alloc(arena, n, sizeof(*layers->order), err);
    if (layers->layer == NULL || layers->of_node == NULL ||
        layers->order == NULL)
        return inn_refused(err);
    st = count_readers(&f);
    if (st != INN_OK)
        return st;
    list_layers(&f);
    for (i = 0; i < layers->n; i++) {
        find_aim(&f, &layers->layer[i]);
        find_flat(&f, &layers->layer[i]);
    }
    return sort(&f);
}
