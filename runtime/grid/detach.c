/*
 * Cutting a copied graph loose from the one it was copied from: every string
 * and every byte it borrows moves to its own arena.
 */
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/grid/internal.h"

static enum inn_status own_text(const char **text, struct inn_arena *arena,
                                struct inn_error *err)
{
    if (*text == NULL)
        return INN_OK;
    *text = inn_arena_strdup(arena, *text, err);
    return *text != NULL ? INN_OK : inn_refused(err);
}

static enum inn_status own_texts(const char **const *texts, size_t n,
                                 struct inn_arena *arena,
                                 struct inn_error *err)
{
    enum inn_status st = INN_OK;
    size_t i;

    for (i = 0; st == INN_OK && i < n; i++)
        st = own_text(texts[i], arena, err);
    return st;
}

static enum inn_status own_bytes(const uint8_t **bytes, size_t len,
                                 struct inn_arena *arena,
                                 struct inn_error *err)
{
    uint8_t *copy;

    if (*bytes == NULL)
        return INN_OK;
    copy = inn_arena_alloc(arena, len, 1, err);
    if (copy == NULL)
        return inn_refused(err);
    memcpy(copy, *bytes, len);
    *bytes = copy;
    return INN_OK;
}

static enum inn_status own_tensor(struct inn_tensor *t,
                                  struct inn_arena *arena,
                                  struct inn_error *err)
{
    const uint8_t *data;
    enum inn_status st;

    if (t == NULL || t->data == NULL)
        return INN_OK;
    data = t->data;
    st = own_bytes(&data, t->bytes, arena, err);
    if (st == INN_OK)
        t->data = (void *)(uintptr_t)data;
    return st;
}

static enum inn_status own_value(struct inn_graph *g, struct inn_value *v,
                                 struct inn_error *err)
{
    const char **const texts[] = {&v->name, &v->doc};
    enum inn_status st;
    int i;

    st = own_texts(texts, INN_COUNT(texts), &g->arena, err);
    for (i = 0; st == INN_OK && i < v->rank && i < INN_MAX_RANK; i++)
        st = own_text(&v->dims[i].symbol, &g->arena, err);
    if (st == INN_OK)
        st = own_bytes(&v->raw_type, v->raw_type_len, &g->arena, err);
    if (st == INN_OK)
        st = own_tensor(v->init, &g->arena, err);
    return st;
}

/* Whether an output of the graph node holds this very tensor (Constant). */
static bool is_value(const struct inn_graph *g, const struct inn_node *n,
                     const struct inn_tensor *t)
{
    int i;

    for (i = 0; i < n->n_outputs; i++) {
        if (n->outputs[i] >= 0 && g->values[n->outputs[i]].init == t)
            return true;
    }
    return false;
}

static enum inn_status own_attr(struct inn_graph *g, const struct inn_node *n,
                                struct inn_attr *a, struct inn_error *err)
{
    enum inn_status st = own_text(&a->name, &g->arena, err);
    const uint8_t *s = (const uint8_t *)a->s;
    const char **list;
    size_t i;

    if (st == INN_OK && a->s != NULL) {
        st = own_bytes(&s, a->s_len + 1, &g->arena, err);
        a->s = (const char *)s;
    }
    if (st == INN_OK && a->strings != NULL) {
        list = inn_arena_alloc(&g->arena, a->count, sizeof(*list), err);
        if (list == NULL)
            return inn_refused(err);
        for (i = 0; st == INN_OK && i < a->count; i++) {
            list[i] = a->strings[i];
            st = own_text(&list[i], &g->arena, err);
        }
        a->strings = list;
    }
    if (st == INN_OK)
        st = own_bytes(&a->packed, a->packed_len, &g->arena, err);
    if (st == INN_OK && !is_value(g, n, a->tensor))
        st = own_tensor(a->tensor, &g->arena, err);
    return st;
}

static enum inn_status own_node(struct inn_graph *g, struct inn_node *n,
                                struct inn_error *err)
{
    const char **const texts[] = {&n->name, &n->op_type, &n->domain,
                                  &n->doc};
    enum inn_status st = own_texts(texts, INN_COUNT(texts), &g->arena, err);
    int i;

    for (i = 0; st == INN_OK && i < n->n_attrs; i++)
        st = own_attr(g, n, &n->attrs[i], err);
    return st;
}

enum inn_status inn_graph_detach(struct inn_graph *graph,
                                 struct inn_error *err)
{
    struct inn_graph *g = graph;
    const char **const texts[] = {
        &g->name, &g->doc, &g->producer, &g->producer_version,
        &g->model_domain, &g->model_doc};
    enum inn_status st = own_texts(texts, INN_COUNT(texts), &g->arena, err);
    int i;

    for (i = 0; st == INN_OK && i < g->n_opsets; i++)
        st = own_text(&g->opsets[i].domain, &g->arena, err);
    for (i = 0; st == INN_OK && i < g->n_metadata; i++) {
        st = own_text(&g->metadata[i].key, &g->arena, err);
        if (st == INN_OK)
            st = own_text(&g->metadata[i].value, &g->arena, err);
    }
    /* The map of names borrows its keys: it is built anew. */
    inn_map_init(&g->names, &g->arena);
    for (i = 0; st == INN_OK && i < g->n_values; i++) {
        st = own_value(g, &g->values[i], err);
        if (st == INN_OK)
            st = inn_map_put(&g->names, g->values[i].name, i, err);
    }
    for (i = 0; st == INN_OK && i < g->n_nodes; i++)
        st = own_node(g, &g->nodes[i], err);
    return st;
}
