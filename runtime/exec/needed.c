/*
 * Which graph nodes the outputs depend on. Graph nodes are in topological
 * order, so one walk from the back is enough.
 */
#include "runtime/exec/exec.h"

const struct inn_tensor *inn_constant(const struct inn_graph *graph,
                                      const struct inn_shapes *shapes, int v)
{
    const struct inn_tensor *t = graph->values[v].init;

    if (t != NULL && (t->data != NULL || t->bytes == 0))
        return t;
    t = shapes != NULL ? inn_shapes_get(shapes, v) : NULL;
    return t != NULL && t->data != NULL ? t : NULL;
}

static bool makes_needed(const struct inn_graph *graph,
                         const struct inn_shapes *shapes,
                         const struct inn_node *node,
                         const bool *value_needed)
{
    int i;

    for (i = 0; i < node->n_outputs; i++) {
        int v = node->outputs[i];

        if (v >= 0 && value_needed[v] &&
            inn_constant(graph, shapes, v) == NULL)
            return true;
    }
    return false;
}

void inn_mark_needed(const struct inn_graph *graph,
                     const struct inn_shapes *shapes, bool *node_needed,
                     bool *value_needed)
{
    int i, j;

    for (i = 0; i < graph->n_outputs; i++)
        value_needed[graph->outputs[i]] = true;
    for (i = graph->n_nodes - 1; i >= 0; i--) {
        const struct inn_node *node = &graph->nodes[i];

        if (!makes_needed(graph, shapes, node, value_needed))
            continue;
        node_needed[i] = true;
        for (j = 0; j < node->n_inputs; j++) {
            if (node->inputs[j] >= 0)
                value_needed[node->inputs[j]] = true;
        }
        for (j = 0; j < node->n_captures; j++)
            value_needed[node->captures[j]] = true;
    }
}
