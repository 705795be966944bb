/*
 * The network in memory: adding, finding, dropping, copying. Values and graph
 * nodes lie in two growing arrays of the heap; all they point to is in the
 * arena. Attributes are attr.c.
 */
#include "runtime/graph/graph.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "runtime/graph/internal.h"

enum inn_status inn_graph_new(struct inn_graph **graph, struct inn_heap *heap,
                              struct inn_error *err)
{
    struct inn_graph *g;

    *graph = NULL;
    g = inn_alloc(heap, 1, sizeof(*g), err);
    if (g == NULL)
        return inn_refused(err);
    g->heap = heap;
    inn_arena_init(&g->arena, heap);
    inn_map_init(&g->names, &g->arena);
    g->name = "";
    g->ir_version = 8;
    *graph = g;
    return INN_OK;
}

void inn_graph_free(struct inn_graph *graph)
{
    if (graph == NULL)
        return;
    if (graph->free_owner != NULL)
        graph->free_owner(graph->owner, graph->heap);
    inn_free(graph->heap, graph->values);
    inn_free(graph->heap, graph->nodes);
    inn_arena_free(&graph->arena);
    inn_free(graph->heap, graph);
}

/* Room for one more item of size bytes in *items. */
static enum inn_status grow(struct inn_heap *heap, void **items, int n,
                            int *cap, size_t size, struct inn_error *err)
{
    int want = *cap < 64 ? 64 : *cap;
    void *grown;

    if (n < *cap)
        return INN_OK;
    if (want > INT_MAX / 2)
        return inn_fail(err, INN_ERR_LIMIT,
                        "a network of more than %d parts is too large", n);
    if (*cap != 0)
        want *= 2;
    grown = inn_realloc(heap, *items, (size_t)want, size, err);
    if (grown == NULL)
        return inn_refused(err);
    *items = grown;
    *cap = want;
    return INN_OK;
}

/* Adds a value whose name is kept alive by the caller. */
static enum inn_status append_value(struct inn_graph *g, const char *name,
                                    struct inn_error *err)
{
    void *items = g->values;
    struct inn_value *v;
    enum inn_status st;

    st = grow(g->heap, &items, g->n_values, &g->cap_values, sizeof(*v), err);
    g->values = items;
    if (st != INN_OK)
        return st;
    st = inn_map_put(&g->names, name, g->n_values, err);
    if (st != INN_OK)
        return st;
    v = &g->values[g->n_values++];
    memset(v, 0, sizeof(*v));
    v->name = name;
    v->producer = -1;
    v->rank = -1;
    return INN_OK;
}

enum inn_status inn_graph_add_value(struct inn_graph *graph, int *index,
                                    const char *name, struct inn_error *err)
{
    const char *copy;
    enum inn_status st;

    *index = -1;
    if (name[0] == '\0')
        return inn_fail(err, INN_ERR_FORMAT, "a value has no name");
    if (inn_map_get(&graph->names, name) >= 0)
        return inn_fail(err, INN_ERR_FORMAT,
                        "value '%s' is defined twice", name);
    copy = inn_arena_strdup(&graph->arena, name, err);
    if (copy == NULL)
        return inn_refused(err);
    st = append_value(graph, copy, err);
    if (st == INN_OK)
        *index = graph->n_values - 1;
    return st;
}

static int *new_ints(struct inn_arena *arena, int n, struct inn_error *err)
{
    int *ints = inn_arena_alloc(arena, (size_t)n, sizeof(*ints), err);
    int i;

    for (i = 0; ints != NULL && i < n; i++)
        ints[i] = -1;
    return ints;
}

static int default_version(const struct inn_graph *g)
{
    int i;

    for (i = 0; i < g->n_opsets; i++) {
        if (g->opsets[i].domain[0] == '\0' && g->opsets[i].version > 0 &&
            g->opsets[i].version <= INT_MAX)
            return (int)g->opsets[i].version;
    }
    return 0;
}

static struct inn_node *append_node(struct inn_graph *g,
                                    struct inn_error *err)
{
    void *items = g->nodes;
    enum inn_status st;
    struct inn_node *n;

    st = grow(g->heap, &items, g->n_nodes, &g->cap_nodes, sizeof(*n), err);
    g->nodes = items;
    if (st != INN_OK)
        return NULL;
    n = &g->nodes[g->n_nodes];
    memset(n, 0, sizeof(*n));
    n->graph = g;
    return n;
}

enum inn_status inn_graph_add_node(struct inn_graph *graph, int *index,
                                   const char *op_type, int n_inputs,
                                   int n_outputs, int n_attrs,
                                   struct inn_error *err)
{
    struct inn_node *n;
    int i;

    assert(n_inputs >= 0 && n_outputs >= 0 && n_attrs >= 0);
    *index = -1;
    n = append_node(graph, err);
    if (n == NULL)
        return inn_refused(err);
    n->name = "";
    n->domain = "";
    n->version = default_version(graph);
    n->n_inputs = n_inputs;
    n->n_outputs = n_outputs;
    n->n_attrs = n_attrs;
    n->op_type = inn_arena_strdup(&graph->arena, op_type, err);
    n->inputs = new_ints(&graph->arena, n_inputs, err);
    n->outputs = new_ints(&graph->arena, n_outputs, err);
    n->attrs = inn_arena_alloc(&graph->arena, (size_t)n_attrs,
                               sizeof(*n->attrs), err);
    if (n->op_type == NULL || n->inputs == NULL || n->outputs == NULL ||
        n->attrs == NULL)
        return inn_refused(err);
    for (i = 0; i < n_attrs; i++)
        n->attrs[i].name = "";
    *index = graph->n_nodes++;
    return INN_OK;
}

int inn_graph_find(const struct inn_graph *graph, const char *name)
{
    return inn_map_get(&graph->names, name);
}

const char *inn_graph_fresh_name(struct inn_graph *graph, const char *stem,
                                 struct inn_error *err)
{
    struct inn_arena scratch;
    const char *name = stem, *fresh = NULL;
    int i;

    if (stem[0] == '\0')
        name = stem = "value";
    inn_arena_init(&scratch, graph->heap);
    for (i = 2; name != NULL && inn_graph_find(graph, name) >= 0; i++)
        name = inn_arena_printf(&scratch, err, "%s_%d", stem, i);
    if (name != NULL)
        fresh = inn_arena_strdup(&graph->arena, name, err);
    inn_arena_free(&scratch);
    return fresh;
}

enum inn_status inn_graph_count_uses(const struct inn_graph *graph, int *uses)
{
    const struct inn_node *n;
    int i, j;

    for (i = 0; i < graph->n_values; i++)
        uses[i] = 0;
    for (i = 0; i < graph->n_nodes; i++) {
        n = &graph->nodes[i];
        for (j = 0; j < n->n_inputs; j++) {
            if (n->inputs[j] >= 0)
                uses[n->inputs[j]]++;
        }
        for (j = 0; j < n->n_captures; j++)
            uses[n->captures[j]]++;
    }
    for (i = 0; i < graph->n_outputs; i++)
        uses[graph->outputs[i]]++;
    return INN_OK;
}

const struct inn_node *inn_graph_only_reader(const struct inn_graph *graph,
                                             int v)
{
    const struct inn_node *found = NULL;
    int k, i;

    for (k = 0; k < graph->n_nodes; k++) {
        for (i = 0; i < graph->nodes[k].n_inputs; i++) {
            if (graph->nodes[k].inputs[i] != v)
                continue;
            if (found != NULL && found != &graph->nodes[k])
                return NULL;
            found = &graph->nodes[k];
        }
    }
    return found;
}

void inn_graph_drop_nodes(struct inn_graph *graph, const bool *drop)
{
    struct inn_node *n;
    int i, j, kept = 0;

    for (i = 0; i < graph->n_nodes; i++) {
        n = &graph->nodes[i];
        for (j = 0; j < n->n_outputs; j++) {
            if (n->outputs[j] >= 0)
                graph->values[n->outputs[j]].producer = drop[i] ? -1 : kept;
        }
        if (!drop[i])
            graph->nodes[kept++] = *n;
    }
    graph->n_nodes = kept;
}

/* A copy of count items of size bytes; *to is NULL for none. */
static enum inn_status copy_items(void *to, const void *from, int count,
                                  size_t size, struct inn_arena *arena,
                                  struct inn_error *err)
{
    void *items = NULL;

    if (count > 0) {
        items = inn_arena_alloc(arena, (size_t)count, size, err);
        if (items == NULL)
            return inn_refused(err);
        memcpy(items, from, (size_t)count * size);
    }
    memcpy(to, &items, sizeof(items)); /* whatever pointer type *to has */
    return INN_OK;
}

static enum inn_status copy_values(struct inn_graph *g,
                                   const struct inn_graph *from,
                                   struct inn_error *err)
{
    enum inn_status st;
    struct inn_value *v;
    int i;

    for (i = 0; i < from->n_values; i++) {
        st = append_value(g, from->values[i].name, err);
        if (st != INN_OK)
            return st;
        v = &g->values[i];
        *v = from->values[i];
        st = copy_items(&v->init, from->values[i].init, v->init != NULL,
                        sizeof(*v->init), &g->arena, err);
        if (st != INN_OK)
            return st;
    }
    return INN_OK;
}

/*
 * A Constant's attribute and its value hold one tensor, here as there: who
 * rewrites the one has rewritten the other.
 */
static void share_tensors(struct inn_graph *g, const struct inn_node *n,
                          const struct inn_graph *from,
                          const struct inn_node *old)
{
    int a, v;

    if (n->n_outputs != 1 || n->outputs[0] < 0)
        return;
    v = n->outputs[0];
    for (a = 0; a < n->n_attrs; a++) {
        if (old->attrs[a].tensor != NULL &&
            old->attrs[a].tensor == from->values[v].init)
            n->attrs[a].tensor = g->values[v].init;
    }
}

static enum inn_status copy_nodes(struct inn_graph *g,
                                  const struct inn_graph *from,
                                  struct inn_error *err)
{
    const size_t size = sizeof(int);
    const struct inn_node *old;
    struct inn_node *n;
    enum inn_status st;
    int i;

    for (i = 0; i < from->n_nodes; i++) {
        old = &from->nodes[i];
        n = append_node(g, err);
        if (n == NULL)
            return inn_refused(err);
        *n = *old;
        n->graph = g;
        st = copy_items(&n->inputs, old->inputs, n->n_inputs, size, &g->arena,
                        err);
        if (st == INN_OK)
            st = copy_items(&n->outputs, old->outputs, n->n_outputs, size,
                            &g->arena, err);
        if (st == INN_OK)
            st = copy_items(&n->captures, old->captures, n->n_captures, size,
                            &g->arena, err);
        if (st == INN_OK)
            st = inn_attrs_copy(&n->attrs, old->attrs, n->n_attrs, &g->arena,
                                err);
        if (st != INN_OK)
            return st;
        share_tensors(g, n, from, old);
        g->n_nodes++;
    }
    return INN_OK;
}

enum inn_status inn_graph_copy(struct inn_graph **copy,
                               const struct inn_graph *from,
                               struct inn_error *err)
{
    struct inn_graph *g = NULL;
    enum inn_status st;

    *copy = NULL;
    st = inn_graph_new(&g, from->heap, err);
    if (st == INN_OK)
        st = copy_values(g, from, err);
    if (st == INN_OK)
        st = copy_nodes(g, from, err);
    if (st == INN_OK)
        st = copy_items(&g->inputs, from->inputs, from->n_inputs,
                        sizeof(*g->inputs), &g->arena, err);
    if (st == INN_OK)
        st = copy_items(&g->outputs, from->outputs, from->n_outputs,
                        sizeof(*g->outputs), &g->arena, err);
    if (st == INN_OK)
        st = copy_items(&g->opsets, from->opsets, from->n_opsets,
                        sizeof(*g->opsets), &g->arena, err);
    if (st == INN_OK)
        st = copy_items(&g->metadata, from->metadata, from->n_metadata,
                        sizeof(*g->metadata), &g->arena, err);
    if (st == INN_OK)
        st = copy_items(&g->graph_metadata, from->graph_metadata,
                        from->n_graph_metadata, sizeof(*g->graph_metadata),
                        &g->arena, err);
    if (st != INN_OK)
        goto out;
    g->n_inputs = from->n_inputs;
    g->n_outputs = from->n_outputs;
    g->n_opsets = from->n_opsets;
    g->n_metadata = from->n_metadata;
    g->n_graph_metadata = from->n_graph_metadata;
    g->name = from->name;
    g->doc = from->doc;
    g->producer = from->producer;
    g->producer_version = from->producer_version;
    g->model_domain = from->model_domain;
    g->model_doc = from->model_doc;
    g->ir_version = from->ir_version;
    g->model_version = from->model_version;
    *copy = g;
    g = NULL;
out:
    inn_graph_free(g);
    return st;
}

struct inn_node_words inn_node_words(const struct inn_node *node)
{
    struct inn_node_words w = {node->op_type, " (unnamed)", "", ""};
    int i;

    if (node->origin != NULL)
        node = node->origin;
    if (node->name[0] != '\0') {
        w.before = " '";
        w.name = node->name;
        w.after = "'";
        return w;
    }
    for (i = 0; i < node->n_outputs && node->graph != NULL; i++) {
        if (node->outputs[i] < 0)
            continue;
        w.before = " (makes '";
        w.name = node->graph->values[node->outputs[i]].name;
        w.after = "')";
        break;
    }
    return w;
}

void inn_error_node(struct inn_error *err, const struct inn_node *node)
{
    struct inn_node_words w = inn_node_words(node);

    if (!node->unsaid)
        inn_error_prefix(err, INN_NODE_FORMAT, INN_NODE_ARGS(w));
}
