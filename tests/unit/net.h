/*
 * Small networks for unit tests, built by hand: failures to build abort the
 * test.
 */
#ifndef TESTS_NET_H
#define TESTS_NET_H

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/tensor.h"
#include "runtime/graph/graph.h"

static inline int net_value(struct inn_graph *g, const char *name)
{
    int v = inn_graph_find(g, name);

    if (v < 0)
        ck_assert_int_eq(inn_graph_add_value(g, &v, name, NULL), INN_OK);
    return v;
}

/* An input; sizes of -1 carry the symbol, which may be NULL. */
static inline int net_input(struct inn_graph *g, const char *name,
                            enum inn_type type, int rank,
                            const int64_t *dims, const char *symbol)
{
    int v = net_value(g, name), i, *inputs;
    struct inn_value *value = &g->values[v];

    value->is_input = value->declared = true;
    value->type = type;
    value->rank = rank;
    for (i = 0; i < rank; i++) {
        value->dims[i].size = dims[i];
        value->dims[i].symbol = dims[i] < 0 ? symbol : NULL;
    }
    inputs = inn_arena_alloc(&g->arena, (size_t)g->n_inputs + 1,
                             sizeof(*inputs), NULL);
    ck_assert_ptr_nonnull(inputs);
    if (g->n_inputs > 0)
        memcpy(inputs, g->inputs, (size_t)g->n_inputs * sizeof(*inputs));
    inputs[g->n_inputs++] = v;
    g->inputs = inputs;
    return v;
}

static inline void net_output(struct inn_graph *g, const char *name)
{
    int v = net_value(g, name), *outputs;

    g->values[v].is_output = true;
    outputs = inn_arena_alloc(&g->arena, (size_t)g->n_outputs + 1,
                              sizeof(*outputs), NULL);
    ck_assert_ptr_nonnull(outputs);
    if (g->n_outputs > 0)
        memcpy(outputs, g->outputs,
               (size_t)g->n_outputs * sizeof(*outputs));
    outputs[g->n_outputs++] = v;
    g->outputs = outputs;
}

/* An initializer; data NULL: zeros. */
static inline int net_init(struct inn_graph *g, const char *name,
                           enum inn_type type, int rank, const int64_t *dims,
                           const void *data)
{
    struct inn_tensor *t;
    int v = net_value(g, name);

    t = inn_arena_alloc(&g->arena, 1, sizeof(*t), NULL);
    ck_assert_ptr_nonnull(t);
    ck_assert_int_eq(inn_tensor_new(t, &g->arena, type, rank, dims, NULL),
                     INN_OK);
    if (data != NULL)
        memcpy(t->data, data, t->bytes);
    g->values[v].init = t;
    return v;
}

/*
 * A graph node; in and out are names separated by one space, "-" for one
 * that is omitted. Room for attributes is added by inn_node_set_int.
 */
static inline int net_node(struct inn_graph *g, const char *type,
                           int version, const char *in, const char *out)
{
    int values[2][32], n[2] = {0, 0}, index, i, k;
    const char *lists[2] = {in, out};
    char name[128];

    for (k = 0; k < 2; k++) {
        const char *at = lists[k];

        while (*at != '\0') {
            size_t len = strcspn(at, " ");

            ck_assert_uint_lt(len, sizeof(name));
            memcpy(name, at, len);
            name[len] = '\0';
            values[k][n[k]++] = strcmp(name, "-") == 0 ? -1
                                                       : net_value(g, name);
            at += len + (at[len] == ' ');
        }
    }
    ck_assert_int_eq(inn_graph_add_node(g, &index, type, n[0], n[1], 0,
                                        NULL), INN_OK);
    g->nodes[index].version = version;
    for (i = 0; i < n[0]; i++)
        g->nodes[index].inputs[i] = values[0][i];
    for (i = 0; i < n[1]; i++) {
        g->nodes[index].outputs[i] = values[1][i];
        if (values[1][i] >= 0)
            g->values[values[1][i]].producer = index;
    }
    snprintf(name, sizeof(name), "%s_%d", type, index);
    g->nodes[index].name = inn_arena_strdup(&g->arena, name, NULL);
    return index;
}

static inline void net_int(struct inn_graph *g, int node, const char *name,
                           int64_t value)
{
    ck_assert_int_eq(inn_node_set_int(g, &g->nodes[node], name, value, NULL),
                     INN_OK);
}

#endif
