/*
 * Graphs inside attributes (If, Loop, Scan). They are carried as bytes; what
 * the rest of the project has to know of them is which outer values they
 * read. Names are looked up from the inside out, as ONNX scopes them.
 */
#include <string.h>

#include "runtime/graph/onnx_internal.h"

struct scope {
    struct inn_map names;
    const struct scope *up;
};

struct walk {
    const struct inn_graph *graph;
    const struct inn_onnx_source *source;
    struct inn_arena scratch;
    struct inn_map seen; /* captured names */
    int *found;          /* of the heap */
    size_t n, cap;
    struct inn_error *err;
};

static enum inn_status read_name(struct walk *w, const struct scope *scope,
                                 const char *name)
{
    int value;

    if (name == NULL || name[0] == '\0')
        return INN_OK;
    for (; scope != NULL; scope = scope->up) {
        if (inn_map_get(&scope->names, name) >= 0)
            return INN_OK;
    }
    if (inn_map_get(&w->seen, name) >= 0)
        return INN_OK;
    value = inn_graph_find(w->graph, name);
    if (value < 0)
        return inn_fail(w->err, INN_ERR_FORMAT,
                        "its graph reads '%s', which nothing before it "
                        "defines", name);
    if (w->n == w->cap) {
        const size_t cap = w->cap == 0 ? 16 : w->cap * 2;
        int *grown = inn_realloc(w->graph->heap, w->found, cap, sizeof(int),
                                 w->err);

        if (grown == NULL)
            return inn_refused(w->err);
        w->found = grown;
        w->cap = cap;
    }
    w->found[w->n++] = value;
    return inn_map_put(&w->seen, name, value, w->err);
}

static enum inn_status define(struct walk *w, struct scope *scope,
                              const char *name)
{
    if (name == NULL || name[0] == '\0')
        return INN_OK;
    return inn_map_put(&scope->names, name, 0, w->err);
}

/*
 * The bytes leave the folder their external data lies in, so that has to be
 * inside them.
 */
static enum inn_status bring_in(struct walk *w, Onnx__TensorProto *t)
{
    const uint8_t *bytes;
    enum inn_status st;
    size_t len;

    if (t == NULL || !t->has_data_location ||
        t->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__DEFAULT)
        return INN_OK;
    st = inn_onnx_external(&bytes, &len, t, SIZE_MAX, w->source, w->err);
    if (st != INN_OK)
        return st;
    t->has_raw_data = 1;
    t->raw_data.data = (uint8_t *)(uintptr_t)bytes;
    t->raw_data.len = len;
    t->has_data_location = 0;
    t->n_external_data = 0;
    return INN_OK;
}

static enum inn_status bring_in_sparse(struct walk *w,
                                       Onnx__SparseTensorProto *t)
{
    enum inn_status st;

    if (t == NULL)
        return INN_OK;
    st = bring_in(w, t->values);
    return st != INN_OK ? st : bring_in(w, t->indices);
}

static enum inn_status walk_graph(struct walk *w, const struct scope *up,
                                  Onnx__GraphProto *g);

static enum inn_status walk_attr(struct walk *w, const struct scope *scope,
                                 Onnx__AttributeProto *a, bool inside)
{
    enum inn_status st = INN_OK;
    size_t i;

    /* A tensor that becomes one of ours keeps its data where it is. */
    if (a->t != NULL && (inside || !inn_onnx_type_held(a->t->data_type)))
        st = bring_in(w, a->t);
    if (st == INN_OK)
        st = bring_in_sparse(w, a->sparse_tensor);
    for (i = 0; st == INN_OK && i < a->n_tensors; i++)
        st = bring_in(w, a->tensors[i]);
    for (i = 0; st == INN_OK && i < a->n_sparse_tensors; i++)
        st = bring_in_sparse(w, a->sparse_tensors[i]);
    if (st == INN_OK && a->g != NULL)
        st = walk_graph(w, scope, a->g);
    for (i = 0; st == INN_OK && i < a->n_graphs; i++)
        st = walk_graph(w, scope, a->graphs[i]);
    return st;
}

static enum inn_status walk_node(struct walk *w, struct scope *scope,
                                 const Onnx__NodeProto *node)
{
    enum inn_status st = INN_OK;
    size_t i;

    for (i = 0; st == INN_OK && i < node->n_input; i++)
        st = read_name(w, scope, node->input[i]);
    for (i = 0; st == INN_OK && i < node->n_attribute; i++)
        st = walk_attr(w, scope, node->attribute[i], true);
    for (i = 0; st == INN_OK && i < node->n_output; i++)
        st = define(w, scope, node->output[i]);
    return st;
}

/* Bounded by the nesting that the scan, and inlining, have let pass. */
static enum inn_status walk_graph(struct walk *w, const struct scope *up,
                                  Onnx__GraphProto *g)
{
    enum inn_status st = INN_OK;
    struct scope scope;
    size_t i;

    inn_map_init(&scope.names, &w->scratch);
    scope.up = up;
    for (i = 0; st == INN_OK && i < g->n_input; i++)
        st = define(w, &scope, g->input[i]->name);
    for (i = 0; st == INN_OK && i < g->n_initializer; i++) {
        st = define(w, &scope, g->initializer[i]->name);
        if (st == INN_OK)
            st = bring_in(w, g->initializer[i]);
    }
    for (i = 0; st == INN_OK && i < g->n_sparse_initializer; i++) {
        Onnx__SparseTensorProto *sparse = g->sparse_initializer[i];

        st = bring_in_sparse(w, sparse);
        if (st == INN_OK && sparse->values != NULL)
            st = define(w, &scope, sparse->values->name);
    }
    for (i = 0; st == INN_OK && i < g->n_node; i++)
        st = walk_node(w, &scope, g->node[i]);
    for (i = 0; st == INN_OK && i < g->n_output; i++)
        st = read_name(w, &scope, g->output[i]->name);
    return st;
}

enum inn_status inn_onnx_captures(int **captures, int *n_captures,
                                  const Onnx__NodeProto *node,
                                  const struct inn_graph *graph,
                                  const struct inn_onnx_source *source,
                                  struct inn_error *err)
{
    struct walk w = {graph, source, {NULL, NULL}, {0}, NULL, 0, 0, err};
    enum inn_status st = INN_OK;
    size_t i;

    *captures = NULL;
    *n_captures = 0;
    inn_arena_init(&w.scratch, graph->heap);
    inn_map_init(&w.seen, &w.scratch);
    for (i = 0; st == INN_OK && i < node->n_attribute; i++)
        st = walk_attr(&w, NULL, node->attribute[i], false);
    if (st == INN_OK && w.n > 0) {
        *captures = inn_arena_alloc(source->arena, w.n, sizeof(int), err);
        if (*captures != NULL) {
            memcpy(*captures, w.found, w.n * sizeof(int));
            *n_captures = (int)w.n;
        } else {
            st = inn_refused(err);
        }
    }
    inn_free(graph->heap, w.found);
    inn_arena_free(&w.scratch);
    return st;
}
