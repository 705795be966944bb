/* Small networks for unit tests, built by hand. */
#include "tests/unit/net.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

int net_value(struct inn_graph *g, const char *name)
{
    int v = inn_graph_find(g, name);

    if (v < 0)
        ck_assert_int_eq(inn_graph_add_value(g, &v, name, NULL), INN_OK);
    return v;
}

static int *append(struct inn_graph *g, const int *list, int *n, int v)
{
    int *grown = inn_arena_alloc(&g->arena, (size_t)*n + 1, sizeof(*grown),
                                 NULL);

    ck_assert_ptr_nonnull(grown);
    if (*n > 0)
        memcpy(grown, list, (size_t)*n * sizeof(*grown));
    grown[(*n)++] = v;
    return grown;
}

void net_opset(struct inn_graph *g, int version)
{
    g->opsets = inn_arena_alloc(&g->arena, 1, sizeof(*g->opsets), NULL);
    ck_assert_ptr_nonnull(g->opsets);
    g->opsets[0] = (struct inn_opset){.domain = "", .version = version};
    g->n_opsets = 1;
}

int net_input(struct inn_graph *g, const char *name,
              enum inn_type type, int rank,
              const int64_t *dims, const char *symbol)
{
    int v = net_value(g, name), i;
    struct inn_value *value = &g->values[v];

    value->is_input = value->declared = true;
    value->type = type;
    value->rank = rank;
    for (i = 0; i < rank; i++) {
        value->dims[i].size = dims[i];
        value->dims[i].symbol = dims[i] < 0 ? symbol : NULL;
    }
    g->inputs = append(g, g->inputs, &g->n_inputs, v);
    return v;
}

void net_output(struct inn_graph *g, const char *name)
{
    int v = net_value(g, name);

    g->values[v].is_output = true;
    g->outputs = append(g, g->outputs, &g->n_outputs, v);
}

int net_init(struct inn_graph *g, const char *name,
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

int net_op(struct inn_graph *g, const char *type, int version, const int *in,
           int n_in, const int *out, int n_out)
{
    int index, i;

    ck_assert_int_eq(inn_graph_add_node(g, &index, type, n_in, n_out, 0,
                                        NULL), INN_OK);
    g->nodes[index].version = version;
    for (i = 0; i < n_in; i++)
        g->nodes[index].inputs[i] = in[i];
    for (i = 0; i < n_out; i++) {
        g->nodes[index].outputs[i] = out[i];
        if (out[i] >= 0)
            g->values[out[i]].producer = index;
    }
    return index;
}

int net_node(struct inn_graph *g, const char *type,
             int version, const char *in, const char *out)
{
    int values[2][32], n[2] = {0, 0}, index, k;
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
    index = net_op(g, type, version, values[0], n[0], values[1], n[1]);
    snprintf(name, sizeof(name), "%s_%d", type, index);
    g->nodes[index].name = inn_arena_strdup(&g->arena, name, NULL);
    return index;
}

void net_int(struct inn_graph *g, int node, const char *name,
             int64_t value)
{
    ck_assert_int_eq(inn_node_set_int(g, &g->nodes[node], name, value, NULL),
                     INN_OK);
}
