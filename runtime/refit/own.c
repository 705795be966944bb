/* Copies of weights, and biases where an operator has room for one. */
#include "runtime/refit/own.h"

#include <string.h>

#include "runtime/base/error.h"

#define BIAS 2 /* the input of Conv, ConvTranspose and Gemm */

static enum inn_status own_data(struct inn_graph *graph, int v,
                                struct inn_error *err)
{
    struct inn_tensor *t = v >= 0 ? graph->values[v].init : NULL;
    void *copy;

    if (t == NULL)
        return INN_OK;
    copy = inn_arena_alloc(&graph->arena, t->bytes, 1, err);
    if (copy == NULL)
        return inn_refused(err);
    memcpy(copy, t->data, t->bytes);
    t->data = copy;
    return INN_OK;
}

static bool takes_bias(const struct inn_node *node)
{
    if (strcmp(node->op_type, "Gemm") == 0)
        return node->version >= 11 &&
               inn_node_float(node, "beta", 1.0f) == 1.0f;
    return strcmp(node->op_type, "Conv") == 0 ||
           strcmp(node->op_type, "ConvTranspose") == 0;
}

/* A new initializer beside the layer's weight: what from has, or zeros. */
static enum inn_status new_bias(struct inn_graph *graph, int *value,
                                const struct inn_linear *l,
                                const struct inn_tensor *from,
                                struct inn_error *err)
{
    int64_t outputs = (int64_t)(l->parts * l->outputs);
    const char *stem, *name;
    struct inn_tensor *t;
    enum inn_status st;

    stem = inn_arena_printf(&graph->arena, err, "%s.bias",
                            graph->values[l->weight].name);
    name = stem == NULL ? NULL : inn_graph_fresh_name(graph, stem, err);
    t = inn_arena_alloc(&graph->arena, 1, sizeof(*t), err);
    if (name == NULL || t == NULL)
        return inn_refused(err);
    st = from != NULL ? inn_tensor_new(t, &graph->arena, INN_F32, from->rank,
                                       from->dims, err)
                      : inn_tensor_new(t, &graph->arena, INN_F32, 1, &outputs,
                                       err);
    if (st == INN_OK)
        st = inn_graph_add_value(graph, value, name, err);
    if (st != INN_OK)
        return st;
    if (from != NULL)
        inn_convert_elements(t->data, INN_F32, from->data, from->type,
                             inn_tensor_count(from));
    graph->values[*value].init = t;
    return INN_OK;
}

/* The graph node reads new in place of seen; seen -1: as a further input. */
static enum inn_status read_instead(struct inn_graph *graph,
                                    struct inn_node *node, int seen, int new,
                                    struct inn_error *err)
{
    int n = seen < 0 ? BIAS + 1 : node->n_inputs, i;
    int *inputs = inn_arena_alloc(&graph->arena, (size_t)n, sizeof(*inputs),
                                  err);

    if (inputs == NULL)
        return inn_refused(err);
    for (i = 0; i < n; i++)
        inputs[i] = i < node->n_inputs ? node->inputs[i] : -1;
    for (i = 0; i < n; i++) {
        if (seen < 0 ? i == BIAS : inputs[i] == seen)
            inputs[i] = new;
    }
    node->inputs = inputs;
    node->n_inputs = n;
    return INN_OK;
}

static enum inn_status own_bias(struct inn_graph *graph,
                                const struct inn_linear *l, const int *uses,
                                struct inn_error *err)
{
    int at = l->apart >= 0 ? l->apart : l->node, value;
    const struct inn_tensor *from = NULL;
    enum inn_status st;

    if (l->bias >= 0) {
        if (inn_linear_alone(graph, uses, l->bias, l->bias_seen))
            return own_data(graph, l->bias, err);
        from = graph->values[l->bias].init;
    } else if (!takes_bias(&graph->nodes[l->node])) {
        return INN_OK;
    }
    st = new_bias(graph, &value, l, from, err);
    return st == INN_OK ? read_instead(graph, &graph->nodes[at], l->bias_seen,
                                       value, err)
                        : st;
}

enum inn_status inn_refit_own(struct inn_graph *graph,
                              const struct inn_refit_layers *layers,
                              struct inn_error *err)
{
    int *uses = inn_alloc(graph->heap, (size_t)graph->n_values, sizeof(*uses),
                          err);
    enum inn_status st = uses == NULL ? inn_refused(err)
                                      : inn_graph_count_uses(graph, uses);
    int i;

    for (i = 0; i < layers->n && st == INN_OK; i++) {
        const struct inn_linear *l = &layers->layer[i].linear;

        st = own_data(graph, l->weight, err);
        if (st == INN_OK)
            st = own_bias(graph, l, uses, err);
    }
    inn_free(graph->heap, uses);
    return st;
}
