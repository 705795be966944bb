/*
 * Attributes of graph nodes: typed access with defaults, and setting. Lists
 * are replaced, never written in place, since copies of a graph share them.
 */
#include <string.h>

#include "runtime/graph/internal.h"

const struct inn_attr *inn_node_attr(const struct inn_node *node,
                                     const char *name)
{
    int i;

    for (i = 0; i < node->n_attrs; i++) {
        if (strcmp(node->attrs[i].name, name) == 0)
            return &node->attrs[i];
    }
    return NULL;
}

static const struct inn_attr *of_kind(const struct inn_node *node,
                                      const char *name,
                                      enum inn_attr_kind kind)
{
    const struct inn_attr *a = inn_node_attr(node, name);

    return a != NULL && a->kind == kind ? a : NULL;
}

int64_t inn_node_int(const struct inn_node *node, const char *name,
                     int64_t otherwise)
{
    const struct inn_attr *a = of_kind(node, name, INN_ATTR_INT);

    return a != NULL ? a->i : otherwise;
}

float inn_node_float(const struct inn_node *node, const char *name,
                     float otherwise)
{
    const struct inn_attr *a = of_kind(node, name, INN_ATTR_FLOAT);

    return a != NULL ? a->f : otherwise;
}

const char *inn_node_string(const struct inn_node *node, const char *name,
                            const char *otherwise)
{
    const struct inn_attr *a = of_kind(node, name, INN_ATTR_STRING);

    return a != NULL ? a->s : otherwise;
}

const int64_t *inn_node_ints(const struct inn_node *node, const char *name,
                             size_t *count)
{
    const struct inn_attr *a = of_kind(node, name, INN_ATTR_INTS);

    *count = a != NULL ? a->count : 0;
    return a != NULL ? a->ints : NULL;
}

/* The attribute to fill, cleared; added to the node where it is absent. */
static struct inn_attr *blank(struct inn_graph *graph, struct inn_node *node,
                              const char *name, struct inn_error *err)
{
    const char *kept;
    struct inn_attr *attrs;
    int i;

    for (i = 0; i < node->n_attrs; i++) {
        if (strcmp(node->attrs[i].name, name) == 0)
            break;
    }
    if (i == node->n_attrs) {
        kept = inn_arena_strdup(&graph->arena, name, err);
        attrs = inn_arena_alloc(&graph->arena, (size_t)node->n_attrs + 1,
                                sizeof(*attrs), err);
        if (kept == NULL || attrs == NULL)
            return NULL;
        if (i > 0)
            memcpy(attrs, node->attrs, (size_t)i * sizeof(*attrs));
        node->attrs = attrs;
        node->n_attrs++;
    } else {
        kept = node->attrs[i].name;
        memset(&node->attrs[i], 0, sizeof(node->attrs[i]));
    }
    node->attrs[i].name = kept;
    return &node->attrs[i];
}

enum inn_status inn_node_set_int(struct inn_graph *graph,
                                 struct inn_node *node, const char *name,
                                 int64_t value, struct inn_error *err)
{
    struct inn_attr *a = blank(graph, node, name, err);

    if (a == NULL)
        return inn_refused(err);
    a->kind = INN_ATTR_INT;
    a->i = value;
    return INN_OK;
}

enum inn_status inn_node_set_ints(struct inn_graph *graph,
                                  struct inn_node *node, const char *name,
                                  const int64_t *values, size_t count,
                                  struct inn_error *err)
{
    int64_t *copy;
    struct inn_attr *a;

    /* The copy first: values may be the list that is being replaced. */
    copy = inn_arena_alloc(&graph->arena, count, sizeof(*copy), err);
    if (copy == NULL)
        return inn_refused(err);
    if (count > 0)
        memcpy(copy, values, count * sizeof(*copy));
    a = blank(graph, node, name, err);
    if (a == NULL)
        return inn_refused(err);
    a->kind = INN_ATTR_INTS;
    a->ints = copy;
    a->count = count;
    return INN_OK;
}

/* *list becomes a copy of its count items; a list that is absent stays so. */
static bool copy_list(void *list, size_t count, size_t size,
                      struct inn_arena *arena, struct inn_error *err)
{
    void *from, *to;

    memcpy(&from, list, sizeof(from));
    if (from == NULL)
        return true;
    to = inn_arena_alloc(arena, count, size, err);
    if (to == NULL)
        return false;
    if (count > 0)
        memcpy(to, from, count * size);
    memcpy(list, &to, sizeof(to));
    return true;
}

enum inn_status inn_attrs_copy(struct inn_attr **copy,
                               const struct inn_attr *from, int n,
                               struct inn_arena *arena,
                               struct inn_error *err)
{
    struct inn_attr *attrs, *a;
    int i;

    *copy = NULL;
    attrs = inn_arena_alloc(arena, (size_t)n, sizeof(*attrs), err);
    if (attrs == NULL)
        return inn_refused(err);
    for (i = 0; i < n; i++) {
        a = &attrs[i];
        *a = from[i];
        if (!copy_list(&a->floats, a->count, sizeof(*a->floats), arena,
                       err) ||
            !copy_list(&a->ints, a->count, sizeof(*a->ints), arena, err) ||
            !copy_list(&a->tensor, 1, sizeof(*a->tensor), arena, err))
            return inn_refused(err);
    }
    *copy = attrs;
    return INN_OK;
}
