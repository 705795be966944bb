/* Sums and flat functions that a linear path leads to. */
#include "runtime/refit/aim.h"

#include <math.h>
#include <string.h>

static bool is_op(const struct inn_node *node, const char *type)
{
    return node->domain[0] == '\0' && strcmp(node->op_type, type) == 0;
}

int inn_only_reader(const struct inn_readers *r, int v)
{
    return r->uses[v] == 1 && !r->graph->values[v].is_output ? r->reader[v]
                                                             : -1;
}

static const struct inn_tensor *constant(const struct inn_readers *r, int v)
{
    const struct inn_tensor *t = v >= 0 ? inn_shapes_get(r->shapes, v) : NULL;

    return t != NULL && t->data != NULL ? t : NULL;
}

/* What is added to v, of its shape; -1 where k is no such sum. */
static int shortcut_of(const struct inn_readers *r, int k, int v)
{
    const struct inn_node *node = &r->graph->nodes[k];
    const struct inn_tensor *y = inn_shapes_get(r->shapes, v), *sum, *shape;
    int other;

    if (!(is_op(node, "Add") || is_op(node, "Sum")) || node->n_inputs != 2)
        return -1;
    other = node->inputs[node->inputs[0] == v ? 1 : 0];
    if (other < 0 || other == v || constant(r, other) != NULL)
        return -1;
    sum = inn_shapes_get(r->shapes, node->outputs[0]);
    shape = inn_shapes_get(r->shapes, other);
    return y != NULL && sum != NULL && shape != NULL &&
                   inn_tensor_same_shape(sum, y) &&
                   inn_tensor_same_shape(shape, y)
               ? other : -1;
}

/* One number that is constant; otherwise where it is left out. */
static bool number(const struct inn_readers *r, const struct inn_node *node,
                   int i, float *value)
{
    const struct inn_tensor *t;

    if (i >= node->n_inputs || node->inputs[i] < 0)
        return true;
    t = constant(r, node->inputs[i]);
    if (t == NULL || inn_tensor_count(t) != 1)
        return false;
    inn_convert_elements(value, INN_F32, t->data, t->type, 1);
    return true;
}

static void bound_below(struct inn_refit_layer *layer, float low)
{
    layer->low = low > layer->low ? low : layer->low;
}

static void bound_above(struct inn_refit_layer *layer, float high)
{
    layer->high = high < layer->high ? high : layer->high;
}

static void clip(const struct inn_readers *r, const struct inn_node *node,
                 struct inn_refit_layer *layer)
{
    float low = inn_node_float(node, "min", -INFINITY);
    float high = inn_node_float(node, "max", INFINITY);

    if (number(r, node, 1, &low))
        bound_below(layer, low);
    if (number(r, node, 2, &high))
        bound_above(layer, high);
}

/* max(0, min(1, alpha x + beta)) */
static void hard_sigmoid(const struct inn_node *node,
                         struct inn_refit_layer *layer)
{
    float alpha = inn_node_float(node, "alpha", 0.2f);
    float beta = inn_node_float(node, "beta", 0.5f);

    if (alpha > 0.0f) {
        bound_below(layer, -beta / alpha);
        bound_above(layer, (1.0f - beta) / alpha);
    }
}

/* The larger or the smaller of v and a number; false: of something else. */
static bool extreme(const struct inn_readers *r, const struct inn_node *node,
                    int v, struct inn_refit_layer *layer)
{
    float bound = 0.0f;

    if (node->n_inputs != 2 || node->inputs[0] == node->inputs[1] ||
        !number(r, node, node->inputs[0] == v ? 1 : 0, &bound))
        return false;
    if (is_op(node, "Max"))
        bound_below(layer, bound);
    else
        bound_above(layer, bound);
    return true;
}

/* The flat parts of what graph node k makes of v; false: there are none. */
static bool flatten(const struct inn_readers *r, int k, int v,
                    struct inn_refit_layer *layer)
{
    const struct inn_node *node = &r->graph->nodes[k];
    int next;

    if (is_op(node, "Relu")) {
        bound_below(layer, 0.0f);
    } else if (is_op(node, "HardSwish")) {
        bound_below(layer, -3.0f);
    } else if (is_op(node, "ThresholdedRelu")) {
        bound_below(layer, inn_node_float(node, "alpha", 1.0f));
    } else if (is_op(node, "HardSigmoid")) {
        hard_sigmoid(node, layer);
    } else if (is_op(node, "Clip")) {
        clip(r, node, layer);
    } else if (is_op(node, "Max") || is_op(node, "Min")) {
        if (!extreme(r, node, v, layer))
            return false;
        /* One bound, and perhaps the other one behind it. */
        next = inn_only_reader(r, node->outputs[0]);
        if (next >= 0 && (is_op(&r->graph->nodes[next], "Max") ||
                          is_op(&r->graph->nodes[next], "Min")))
            extreme(r, &r->graph->nodes[next], node->outputs[0], layer);
    } else {
        return false;
    }
    return true;
}

static void set(struct inn_refit_layer *layer, const struct inn_path *path,
                int aim)
{
    layer->path = *path;
    layer->aim = aim;
}

/* Follows the path from v, which is behind the bias, to a sum or a bend. */
static void follow(struct inn_refit_layer *layer, struct inn_path path, int v,
                   const struct inn_readers *r)
{
    int k, other;

    while ((k = inn_only_reader(r, v)) >= 0) {
        other = r->claimed[k] ? -1 : shortcut_of(r, k, v);
        if (other >= 0) {
            r->claimed[k] = true;
            layer->shortcut = other;
            set(layer, &path, r->graph->nodes[k].outputs[0]);
            k = inn_only_reader(r, layer->aim);
            if (k >= 0)
                flatten(r, k, layer->aim, layer);
            return;
        }
        if (flatten(r, k, v, layer)) {
            set(layer, &path, v);
            return;
        }
        if (!inn_path_extend(&path, r->graph, r->shapes, k, v))
            return;
        v = r->graph->nodes[k].outputs[0];
    }
}

void inn_refit_aim(struct inn_refit_layer *layer,
                   const struct inn_readers *r)
{
    const struct inn_linear *l = &layer->linear;
    struct inn_path path = {.n = 0};
    int v = l->y;

    layer->shortcut = -1;
    layer->low = -INFINITY;
    layer->high = INFINITY;
    if (l->apart >= 0) {
        inn_path_extend(&path, r->graph, r->shapes, l->apart, v);
        v = r->graph->nodes[l->apart].outputs[0];
    }
    set(layer, &path, v);
    follow(layer, path, v, r);
}
