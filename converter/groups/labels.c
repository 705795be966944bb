/*
 * Labels and the union-find under them. Roots are the smallest label of
 * their class, so the outcome does not depend on the order of unions.
 */
#include "converter/groups/labels.h"

#include <string.h>

#include "runtime/base/checked.h"
#include "runtime/base/error.h"

/* What an Identity or a Cast of an initializer renames, or v itself. */
static int find_source(const struct inn_labels *l, int v)
{
    const struct inn_value *value = &l->graph->values[v];
    const struct inn_node *node;

    if (value->init != NULL || value->producer < 0)
        return v;
    node = &l->graph->nodes[value->producer];
    if (node->n_inputs < 1 || node->inputs[0] < 0 ||
        (strcmp(node->op_type, "Identity") != 0 &&
         strcmp(node->op_type, "Cast") != 0) || node->domain[0] != '\0')
        return v;
    /* Producers come first, so the input's own source is known already. */
    v = l->source[node->inputs[0]];
    return l->graph->values[v].init != NULL ? v : value->producer < 0 ? v
           : (int)(value - l->graph->values);
}

enum inn_status inn_labels_init(struct inn_labels *l,
                                const struct inn_graph *graph,
                                const struct inn_shapes *shapes,
                                struct inn_arena *arena,
                                struct inn_error *err)
{
    size_t n = (size_t)graph->n_values;
    int v, k;

    memset(l, 0, sizeof(*l));
    l->arena = arena;
    l->graph = graph;
    l->shapes = shapes;
    l->marks = inn_arena_alloc(arena, n, sizeof(*l->marks), err);
    l->source = inn_arena_alloc(arena, n, sizeof(*l->source), err);
    l->weight = inn_arena_alloc(arena, n, sizeof(*l->weight), err);
    if (l->marks == NULL || l->source == NULL || l->weight == NULL)
        return inn_refused(err);
    for (v = 0; v < graph->n_values; v++) {
        const struct inn_value *value = &graph->values[v];

        l->source[v] = v;
        l->weight[v] = value->init != NULL &&
                       inn_type_is_float(value->init->type);
        l->marks[v].settled = !l->weight[v] && value->producer < 0;
        l->marks[v].reason = "a network input";
    }
    for (k = 0; k < graph->n_nodes; k++) {
        const struct inn_node *node = &graph->nodes[k];

        if (node->n_outputs == 1 && node->outputs[0] >= 0)
            l->source[node->outputs[0]] = find_source(l, node->outputs[0]);
    }
    return INN_OK;
}

int32_t inn_labels_root(struct inn_labels *l, int32_t label)
{
    while (l->parent[label] != label) {
        l->parent[label] = l->parent[l->parent[label]];
        label = l->parent[label];
    }
    return label;
}

int32_t inn_labels_final(const struct inn_labels *l, int32_t label)
{
    while (l->moved[label] != label)
        label = l->moved[label];
    return label;
}

static void keep_tie(struct inn_labels *l, int32_t a, int32_t b)
{
    struct inn_tie *ties;
    size_t cap;

    if (l->n_ties == l->cap_ties) {
        cap = l->cap_ties > 0 ? 2 * l->cap_ties : 4096;
        ties = inn_arena_alloc(l->arena, cap, sizeof(*ties), NULL);
        if (ties == NULL) {
            l->no_memory = true;
            return;
        }
        if (l->n_ties > 0)
            memcpy(ties, l->ties, l->n_ties * sizeof(*ties));
        l->ties = ties;
        l->cap_ties = cap;
    }
    l->ties[l->n_ties++] = (struct inn_tie){a, b};
}

void inn_labels_unite(struct inn_labels *l, int32_t a, int32_t b)
{
    int32_t t;

    if (a != b)
        keep_tie(l, a, b);
    a = inn_labels_root(l, a);
    b = inn_labels_root(l, b);
    if (a == b)
        return;
    if (a > b) {
        t = a;
        a = b;
        b = t;
    }
    l->parent[b] = a;
    if (l->pinned[a] == NULL)
        l->pinned[a] = l->pinned[b];
    if (l->maker[b] < l->maker[a])
        l->maker[a] = l->maker[b];
}

void inn_labels_pin(struct inn_labels *l, int32_t label, const char *reason)
{
    label = inn_labels_root(l, label);
    if (l->pinned[label] == NULL)
        l->pinned[label] = reason;
}

struct inn_bundle *inn_labels_bundle(const struct inn_labels *l, int value,
                                     int axis)
{
    struct inn_marks *m = &l->marks[l->source[value]];
    int i, k;

    for (i = 0; i < m->n_bundles; i++) {
        for (k = 0; k < m->bundles[i].n_axes; k++) {
            if (m->bundles[i].axes[k] == axis)
                return &m->bundles[i];
        }
    }
    return NULL;
}

/* The index along the k-th axis of element e of the bundle. */
static int64_t index_along(const struct inn_bundle *b, int k, int64_t e)
{
    int i;

    for (i = b->n_axes - 1; i > k; i--)
        e /= b->dims[i];
    return e % b->dims[k];
}

/* Leaves the k-th axis alone, with the labels where the others are at 0. */
static void reduce_to(struct inn_labels *l, struct inn_bundle *b, int k)
{
    int64_t inner = 1, i, e;
    int j;

    for (j = k + 1; j < b->n_axes; j++)
        inner *= b->dims[j];
    for (e = 0; e < b->count; e++)
        l->moved[b->labels[e]] = b->labels[index_along(b, k, e) * inner];
    /* Element i of the axis with all other indices 0. */
    for (i = 0; i < b->dims[k]; i++)
        b->labels[i] = b->labels[i * inner];
    b->count = b->dims[k];
    b->dims[0] = b->dims[k];
    b->axes[0] = b->axes[k];
    b->n_axes = 1;
}

struct inn_bundle *inn_labels_alone(struct inn_labels *l, int value, int axis)
{
    struct inn_bundle *b = inn_labels_bundle(l, value, axis);
    int64_t inner = 1, e;
    int k, j;

    if (b == NULL || b->n_axes == 1)
        return b;
    for (k = 0; b->axes[k] != axis; k++)
        ;
    for (j = k + 1; j < b->n_axes; j++)
        inner *= b->dims[j];
    for (e = 0; e < b->count; e++)
        inn_labels_unite(l, b->labels[e],
                         b->labels[index_along(b, k, e) * inner]);
    reduce_to(l, b, k);
    return b;
}

static enum inn_status grow(struct inn_labels *l, int32_t need,
                            struct inn_error *err)
{
    int32_t capacity = l->capacity > 0 ? l->capacity : 4096;
    int32_t *parent, *maker, *moved;
    const char **pinned;

    while (capacity < need)
        capacity = capacity > INT32_MAX / 2 ? INT32_MAX : capacity * 2;
    parent = inn_arena_alloc(l->arena, (size_t)capacity, sizeof(*parent), err);
    maker = inn_arena_alloc(l->arena, (size_t)capacity, sizeof(*maker), err);
    pinned = inn_arena_alloc(l->arena, (size_t)capacity, sizeof(*pinned), err);
    moved = inn_arena_alloc(l->arena, (size_t)capacity, sizeof(*moved), err);
    if (parent == NULL || maker == NULL || pinned == NULL || moved == NULL)
        return inn_refused(err);
    if (l->n > 0) {
        memcpy(parent, l->parent, (size_t)l->n * sizeof(*parent));
        memcpy(maker, l->maker, (size_t)l->n * sizeof(*maker));
        memcpy(pinned, l->pinned, (size_t)l->n * sizeof(*pinned));
        memcpy(moved, l->moved, (size_t)l->n * sizeof(*moved));
    }
    l->parent = parent;
    l->maker = maker;
    l->pinned = pinned;
    l->moved = moved;
    l->capacity = capacity;
    return INN_OK;
}

struct inn_bundle *inn_labels_add(struct inn_labels *l, int value,
                                  const int *axes, int n_axes,
                                  struct inn_error *err)
{
    struct inn_marks *m;
    const struct inn_tensor *shape;
    struct inn_bundle *b;
    int64_t count = 1, e;
    int k;

    value = l->source[value];
    m = &l->marks[value];
    shape = inn_shapes_get(l->shapes, value);
    b = &m->bundles[m->n_bundles];
    for (k = 0; k < n_axes; k++) {
        b->axes[k] = axes[k];
        b->dims[k] = shape->dims[axes[k]];
        if (!inn_mul_i64(&count, count, b->dims[k]) ||
            count > INT32_MAX - l->n) {
            inn_fail(err, INN_ERR_LIMIT, "too many channels: '%s'",
                     l->graph->values[value].name);
            return NULL;
        }
    }
    if (l->n + count > l->capacity &&
        grow(l, (int32_t)(l->n + count), err) != INN_OK)
        return NULL;
    b->labels = inn_arena_alloc(l->arena, (size_t)count, sizeof(*b->labels),
                                err);
    if (b->labels == NULL)
        return NULL;
    b->n_axes = n_axes;
    b->count = count;
    for (e = 0; e < count; e++) {
        l->parent[l->n] = l->n;
        l->maker[l->n] = INT32_MAX;
        l->pinned[l->n] = NULL;
        l->moved[l->n] = l->n;
        b->labels[e] = l->n++;
    }
    m->n_bundles++;
    l->grew = true;
    return b;
}

struct inn_bundle *inn_labels_need(struct inn_labels *l, int value, int axis,
                                   struct inn_error *err)
{
    struct inn_bundle *b = inn_labels_alone(l, value, axis);
    const struct inn_marks *m = &l->marks[l->source[value]];
    int64_t e;

    if (b != NULL)
        return b;
    b = inn_labels_add(l, value, &axis, 1, err);
    if (b != NULL && m->settled) {
        for (e = 0; e < b->count; e++)
            inn_labels_pin(l, b->labels[e], m->reason);
    }
    return b;
}

/* Whether the labels are the same all along the k-th axis. */
static bool constant_along(struct inn_labels *l, const struct inn_bundle *b,
                           int k)
{
    int64_t inner = 1, e, i;
    int j;

    for (j = k + 1; j < b->n_axes; j++)
        inner *= b->dims[j];
    for (e = 0; e < b->count; e++) {
        i = index_along(b, k, e);
        if (i > 0 && inn_labels_root(l, b->labels[e]) !=
                         inn_labels_root(l, b->labels[e - i * inner]))
            return false;
    }
    return true;
}

static void drop_axis(struct inn_labels *l, struct inn_bundle *b, int k)
{
    int64_t inner = 1, e, i, at = 0;
    int j;

    for (j = k + 1; j < b->n_axes; j++)
        inner *= b->dims[j];
    for (e = 0; e < b->count; e++) {
        i = index_along(b, k, e);
        l->moved[b->labels[e]] = b->labels[e - i * inner];
    }
    for (e = 0; e < b->count; e++) {
        if (index_along(b, k, e) == 0)
            b->labels[at++] = b->labels[e];
    }
    b->count = at;
    for (j = k; j + 1 < b->n_axes; j++) {
        b->axes[j] = b->axes[j + 1];
        b->dims[j] = b->dims[j + 1];
    }
    b->n_axes--;
}

void inn_labels_simplify(struct inn_labels *l, int value)
{
    struct inn_marks *m = &l->marks[l->source[value]];
    int i, k;

    for (i = 0; i < m->n_bundles; i++) {
        struct inn_bundle *b = &m->bundles[i];

        for (k = b->n_axes - 1; k >= 0 && b->n_axes > 1; k--) {
            if (b->count > 0 && constant_along(l, b, k))
                drop_axis(l, b, k);
        }
    }
}
