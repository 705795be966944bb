/*
 * Groups, axes and partitions into a model. From here on the rest of the
 * project indexes arrays with what a file said, so every number is checked
 * against what it counts, and all loops are bounded by the file's length.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/inn.pb-c.h"
#include "runtime/base/error.h"
#include "runtime/base/wire.h"
#include "runtime/file/pack.h"

/*
 * Channels of a group and elements of an axis at most: their products with
 * one another and with a width of 4 N stay far below 2^63.
 */
#define MOST_CHANNELS ((uint64_t)1 << 28)
#define MOST_ELEMENTS ((int64_t)1 << 48)
/* Rounded widths are tried one by one until no block is left empty. */
#define MOST_BLOCKS 65536u

/* from[n] as a permutation of 0 … n-1. */
static enum inn_status read_order(int64_t **to, const uint64_t *from,
                                  size_t n_from, int64_t size,
                                  const char *what, struct inn_unpacking *u,
                                  struct inn_error *err)
{
    size_t n = (size_t)size, i;
    int64_t *order;
    bool *seen;

    if (n_from != n)
        return inn_fail(err, INN_ERR_FORMAT,
                        "%s has %zu entries for %zu channels", what, n_from,
                        n);
    order = inn_arena_alloc(&u->model->arena, n, sizeof(*order), err);
    if (order == NULL)
        return inn_refused(err);
    seen = inn_alloc(u->heap, n, sizeof(*seen), err);
    if (seen == NULL)
        return inn_refused(err);
    for (i = 0; i < n && from[i] < n && !seen[from[i]]; i++) {
        order[i] = (int64_t)from[i];
        seen[from[i]] = true;
    }
    inn_free(u->heap, seen);
    if (i < n)
        return inn_fail(err, INN_ERR_FORMAT,
                        "%s is no permutation: entry %zu is %llu", what, i,
                        (unsigned long long)from[i]);
    *to = order;
    return INN_OK;
}

static enum inn_status read_group(struct inn_group *g, const Inn__Group *m,
                                  struct inn_unpacking *u,
                                  struct inn_error *err)
{
    struct inn_arena *arena = &u->model->arena;
    uint64_t sum = 0;
    size_t i;

    if (m->size == 0 || m->size > MOST_CHANNELS)
        return inn_fail(err, INN_ERR_FORMAT, "%llu channels, 1 to %llu are "
                        "allowed", (unsigned long long)m->size,
                        (unsigned long long)MOST_CHANNELS);
    if (m->nodes == 0 || m->nodes > m->size)
        return inn_fail(err, INN_ERR_FORMAT, "%llu nodes for %llu channels",
                        (unsigned long long)m->nodes,
                        (unsigned long long)m->size);
    if (m->n_blocks == 0 || m->n_blocks > MOST_BLOCKS)
        return inn_fail(err, INN_ERR_FORMAT, "%zu blocks, 1 to %u are "
                        "allowed", m->n_blocks, MOST_BLOCKS);
    g->first = inn_arena_alloc(arena, m->n_blocks + 1, sizeof(*g->first),
                               err);
    g->name = inn_arena_strdup(arena, m->name, err);
    if (g->first == NULL || g->name == NULL)
        return inn_refused(err);
    for (i = 0; i < m->n_blocks; i++) {
        if (m->blocks[i] == 0 || m->blocks[i] > m->size - sum)
            return inn_fail(err, INN_ERR_FORMAT,
                            "block %zu has %llu channels of %llu left", i,
                            (unsigned long long)m->blocks[i],
                            (unsigned long long)(m->size - sum));
        sum += m->blocks[i];
        g->first[i + 1] = (int64_t)sum;
    }
    if (sum != m->size)
        return inn_fail(err, INN_ERR_FORMAT,
                        "blocks of %llu channels, the group has %llu",
                        (unsigned long long)sum,
                        (unsigned long long)m->size);
    g->size = (int64_t)m->size;
    g->nodes = (int64_t)m->nodes;
    g->n_blocks = (int)m->n_blocks;
    g->variation_before = m->variation_before;
    g->variation_after = m->variation_after;
    g->residual = m->residual;
    return read_order(&g->order, m->order, m->n_order, g->size, "the order",
                      u, err);
}

static enum inn_status read_span(struct inn_span *s, const int64_t *from,
                                 const struct inn_model *model,
                                 struct inn_error *err)
{
    int64_t group = from[0], block = from[1], count = from[2],
            repeat = from[3];
    bool ok;

    if (group == -1)
        ok = block == 0 && count > 0 && repeat == 1;
    else
        ok = group >= 0 && group < model->n_groups && block >= 0 &&
             block < model->groups[group].n_blocks && count == 0 &&
             repeat > 0;
    if (!ok)
        return inn_fail(err, INN_ERR_FORMAT,
                        "block %lld of group %lld, count %lld, repeat %lld",
                        (long long)block, (long long)group,
                        (long long)count, (long long)repeat);
    if (count > MOST_ELEMENTS || repeat > MOST_ELEMENTS)
        return inn_fail(err, INN_ERR_FORMAT, "more than %lld elements",
                        (long long)MOST_ELEMENTS);
    s->group = (int32_t)group;
    s->block = (int32_t)block;
    s->count = count;
    s->repeat = repeat;
    return INN_OK;
}

/* Where the blocks of all groups begin in one array of all of them. */
struct tally {
    size_t *first;    /* [n_groups + 1] */
    int64_t *count;   /* elements of a channel on the axis at hand */
    int64_t *nodes;   /* lengths in nodes */
    int32_t *seen_by; /* [n_groups] the last axis that was compared, or -1 */
};

static void tally_free(struct tally *t, struct inn_heap *heap)
{
    inn_free(heap, t->first);
    inn_free(heap, t->count);
    inn_free(heap, t->nodes);
    inn_free(heap, t->seen_by);
}

static enum inn_status tally_init(struct tally *t,
                                  const struct inn_model *model,
                                  struct inn_heap *heap,
                                  struct inn_error *err)
{
    size_t n = (size_t)model->n_groups, i;
    int b;

    t->first = inn_alloc(heap, n + 1, sizeof(*t->first), err);
    t->seen_by = inn_alloc(heap, n, sizeof(*t->seen_by), err);
    if (t->first == NULL || t->seen_by == NULL)
        return inn_refused(err);
    for (i = 0; i < n; i++) {
        t->first[i + 1] = t->first[i] + (size_t)model->groups[i].n_blocks;
        t->seen_by[i] = -1;
    }
    t->count = inn_alloc(heap, t->first[n], sizeof(*t->count), err);
    t->nodes = inn_alloc(heap, t->first[n], sizeof(*t->nodes), err);
    if (t->count == NULL || t->nodes == NULL)
        return inn_refused(err);
    for (i = 0; i < n; i++) {
        const struct inn_group *g = &model->groups[i];

        for (b = 0; b < g->n_blocks; b++)
            t->nodes[t->first[i] + (size_t)b] =
                inn_block_start(g, g->nodes, b + 1) -
                inn_block_start(g, g->nodes, b);
    }
    return INN_OK;
}

/* Adds count × repeat elements to *length, both within MOST_ELEMENTS. */
static bool add_elements(int64_t *length, int64_t count, int64_t repeat)
{
    if (count != 0 && repeat > (MOST_ELEMENTS - *length) / count)
        return false;
    *length += count * repeat;
    return true;
}

/*
 * The axis's length as the network has it and in grid nodes; all channels of
 * a group must have the same number of elements on it.
 */
static enum inn_status measure(int64_t *full, int64_t *nodes,
                               const struct inn_axis *a, int index,
                               const struct inn_model *model,
                               struct tally *t, struct inn_error *err)
{
    enum inn_status st = INN_OK;
    bool any = false;
    int i, b;

    *full = *nodes = 0;
    for (i = 0; i < a->n_spans; i++) {
        const struct inn_span *s = &a->spans[i];
        size_t at;

        if (s->group < 0) {
            if (!add_elements(full, s->count, 1) ||
                !add_elements(nodes, s->count, 1))
                goto too_long;
            continue;
        }
        any = true;
        at = t->first[s->group] + (size_t)s->block;
        /* A block has a channel at least: full bounds the repeats too. */
        if (!add_elements(full,
                          inn_block_size(&model->groups[s->group], s->block),
                          s->repeat) ||
            !add_elements(nodes, t->nodes[at], s->repeat))
            goto too_long;
        t->count[at] += s->repeat;
    }
    if (!any)
        st = inn_fail(err, INN_ERR_FORMAT, "without a group");
    /* Blocks are compared once per group and axis: spans are many. */
    for (i = 0; i < a->n_spans && st == INN_OK; i++) {
        int32_t group = a->spans[i].group;
        size_t at;

        if (group < 0 || t->seen_by[group] == index)
            continue;
        t->seen_by[group] = index;
        at = t->first[group];
        for (b = 1; b < model->groups[group].n_blocks && st == INN_OK; b++) {
            if (t->count[at + (size_t)b] != t->count[at])
                st = inn_fail(err, INN_ERR_FORMAT,
                              "group '%s': block %d %lld times, block 0 "
                              "%lld times",
                              model->groups[group].name, b,
                              (long long)t->count[at + (size_t)b],
                              (long long)t->count[at]);
        }
    }
    for (i = 0; i < a->n_spans; i++) {
        const struct inn_span *s = &a->spans[i];

        if (s->group >= 0)
            t->count[t->first[s->group] + (size_t)s->block] = 0;
    }
    return st;
too_long:
    return inn_fail(err, INN_ERR_FORMAT, "more than %lld elements",
                    (long long)MOST_ELEMENTS);
}

/* The rank of a value where the graph knows it, else the most there is. */
static int rank_of(const struct inn_value *v)
{
    if (v->init != NULL)
        return v->init->rank;
    return v->declared && v->rank >= 0 ? v->rank : INN_MAX_RANK;
}

static enum inn_status check_axis(const struct inn_axis *a, int index,
                                  const struct inn_model *model,
                                  struct tally *t, struct inn_error *err)
{
    const struct inn_value *v = &model->graph->values[a->value];
    const struct inn_weight *w = inn_model_weight(model, a->value);
    int64_t full, nodes;
    enum inn_status st;

    st = measure(&full, &nodes, a, index, model, t, err);
    if (st != INN_OK)
        return st;
    if (v->init != NULL && v->init->dims[a->axis] != full)
        return inn_fail(err, INN_ERR_FORMAT,
                        "spans of %lld elements, the initializer has %lld",
                        (long long)full, (long long)v->init->dims[a->axis]);
    if (w != NULL && w->grid.dims[a->axis] != nodes)
        return inn_fail(err, INN_ERR_FORMAT,
                        "spans of %lld nodes, the grid has %lld",
                        (long long)nodes, (long long)w->grid.dims[a->axis]);
    return INN_OK;
}

static enum inn_status read_axis(struct inn_axis *a, const Inn__Axis *m,
                                 struct inn_unpacking *u,
                                 struct inn_error *err)
{
    struct inn_model *model = u->model;
    size_t n = m->n_spans / 4, i;
    enum inn_status st = INN_OK;

    a->value = inn_graph_find(model->graph, m->value);
    if (a->value < 0)
        return inn_fail(err, INN_ERR_FORMAT, "is not in the graph");
    if (m->axis >= (uint32_t)rank_of(&model->graph->values[a->value]))
        return inn_fail(err, INN_ERR_FORMAT, "of %d",
                        rank_of(&model->graph->values[a->value]));
    if (m->role > INN_ROLE_IN)
        return inn_fail(err, INN_ERR_FORMAT, "has role %u", m->role);
    if (m->n_spans % 4 != 0 || n > INT32_MAX)
        return inn_fail(err, INN_ERR_FORMAT, "%zu numbers for its spans",
                        m->n_spans);
    a->axis = (int)m->axis;
    a->role = (enum inn_role)m->role;
    a->spans = inn_arena_alloc(&model->arena, n, sizeof(*a->spans), err);
    if (a->spans == NULL)
        return inn_refused(err);
    for (i = 0; i < n && st == INN_OK; i++) {
        st = read_span(&a->spans[i], m->spans + 4 * i, model, err);
        if (st != INN_OK)
            inn_error_prefix(err, "span %zu", i);
    }
    a->n_spans = (int)n;
    return st;
}

static int by_value_axis(const void *a, const void *b)
{
    const struct inn_axis *x = a, *y = b;

    if (x->value != y->value)
        return (x->value > y->value) - (x->value < y->value);
    return (x->axis > y->axis) - (x->axis < y->axis);
}

static enum inn_status read_axes(struct inn_unpacking *u,
                                 const Inn__Groups *groups,
                                 struct inn_error *err)
{
    struct inn_model *model = u->model;
    size_t n = groups->n_axis, i;
    enum inn_status st = INN_OK;

    model->axes = inn_arena_alloc(&model->arena, n, sizeof(*model->axes),
                                  err);
    if (model->axes == NULL)
        return inn_refused(err);
    for (i = 0; i < n; i++) {
        const Inn__Axis *m = groups->axis[i];

        st = read_axis(&model->axes[i], m, u, err);
        if (st != INN_OK) {
            inn_error_prefix(err, "axis %u of '%s'", m->axis, m->value);
            return st;
        }
    }
    qsort(model->axes, n, sizeof(*model->axes), by_value_axis);
    for (i = 1; i < n; i++) {
        const struct inn_axis *a = &model->axes[i];

        if (by_value_axis(a - 1, a) == 0)
            return inn_fail(err, INN_ERR_FORMAT, "axis %d of '%s' twice",
                            a->axis, model->graph->values[a->value].name);
    }
    model->n_axes = (int)n;
    return INN_OK;
}

static enum inn_status read_pinned(struct inn_unpacking *u,
                                   const Inn__Groups *groups,
                                   struct inn_error *err)
{
    struct inn_model *model = u->model;
    size_t n = groups->n_pinned, i;

    model->pinned = inn_arena_alloc(&model->arena, n, sizeof(*model->pinned),
                                    err);
    if (model->pinned == NULL)
        return inn_refused(err);
    for (i = 0; i < n; i++) {
        const Inn__Pinned *m = groups->pinned[i];
        struct inn_pinned *pin = &model->pinned[i];

        pin->value = inn_graph_find(model->graph, m->value);
        if (pin->value < 0 ||
            m->axis >= (uint32_t)rank_of(
                           &model->graph->values[pin->value]) ||
            m->size > INT64_MAX)
            return inn_fail(err, INN_ERR_FORMAT,
                            "pinned axis %u of '%s', size %llu, is not in "
                            "the graph",
                            m->axis, m->value, (unsigned long long)m->size);
        pin->axis = (int)m->axis;
        pin->size = (int64_t)m->size;
        pin->reason = inn_arena_strdup(&model->arena, m->reason, err);
        if (pin->reason == NULL)
            return inn_refused(err);
    }
    model->n_pinned = (int)n;
    return INN_OK;
}

/* Groups are called by name in plans: names are unique and not empty. */
static enum inn_status check_names(struct inn_unpacking *u,
                                   struct inn_error *err)
{
    const struct inn_model *model = u->model;
    enum inn_status st = INN_OK;
    struct inn_arena arena;
    struct inn_map names;
    int i;

    inn_arena_init(&arena, u->heap);
    inn_map_init(&names, &arena);
    for (i = 0; i < model->n_groups && st == INN_OK; i++) {
        const char *name = model->groups[i].name;

        if (*name == '\0' || inn_map_get(&names, name) >= 0)
            st = inn_fail(err, INN_ERR_FORMAT,
                          "group %d: the name '%s' is empty or taken", i,
                          name);
        else
            st = inn_map_put(&names, name, i, err);
    }
    inn_arena_free(&arena);
    return st;
}

enum inn_status inn_unpack_groups(struct inn_unpacking *u,
                                  const uint8_t *bytes, size_t len,
                                  struct inn_error *err)
{
    struct inn_model *model = u->model;
    ProtobufCMessage *message;
    const Inn__Groups *groups;
    struct inn_arena messages;
    enum inn_status st;
    size_t n, i;

    inn_arena_init(&messages, u->heap);
    st = inn_wire_unpack(&message, &inn__groups__descriptor, bytes, len,
                         &messages, err);
    if (st != INN_OK)
        goto out;
    groups = (const Inn__Groups *)message;
    n = groups->n_group;
    model->groups = inn_arena_alloc(&model->arena, n, sizeof(*model->groups),
                                    err);
    if (model->groups == NULL) {
        st = inn_refused(err);
        goto out;
    }
    for (i = 0; i < n; i++) {
        st = read_group(&model->groups[i], groups->group[i], u, err);
        if (st != INN_OK) {
            inn_error_prefix(err, "group '%s'", groups->group[i]->name);
            goto out;
        }
    }
    model->n_groups = (int)n;
    st = check_names(u, err);
    if (st == INN_OK)
        st = read_axes(u, groups, err);
    if (st == INN_OK)
        st = read_pinned(u, groups, err);
out:
    inn_arena_free(&messages);
    return st;
}

/* The order by moments and what it costs; deletes whole channels. */
static enum inn_status read_nested(struct inn_group *g,
                                   const Inn__Partition *m,
                                   struct inn_unpacking *u,
                                   struct inn_error *err)
{
    size_t n = (size_t)g->size, i;

    if (g->nested != NULL)
        return inn_fail(err, INN_ERR_FORMAT, "two moments partitions");
    if (g->nodes != g->size)
        return inn_fail(err, INN_ERR_FORMAT,
                        "a moments partition of %lld nodes for %zu channels",
                        (long long)g->nodes, n);
    if (m->n_error != n)
        return inn_fail(err, INN_ERR_FORMAT,
                        "the moments partition has %zu errors for %zu "
                        "channels", m->n_error, n);
    g->nested_error = inn_arena_alloc(&u->model->arena, n,
                                      sizeof(*g->nested_error), err);
    if (g->nested_error == NULL)
        return inn_refused(err);
    for (i = 0; i < n; i++) {
        if (!isfinite(m->error[i]))
            return inn_fail(err, INN_ERR_FORMAT,
                            "the moments partition's error %zu is %g", i,
                            (double)m->error[i]);
        g->nested_error[i] = m->error[i];
    }
    return read_order(&g->nested, m->order, m->n_order, g->size,
                      "the moments partition", u, err);
}

static enum inn_status read_partition(const Inn__Partition *m,
                                      struct inn_unpacking *u,
                                      struct inn_error *err)
{
    struct inn_model *model = u->model;
    enum inn_status st = INN_OK;
    struct inn_group *g;

    if (m->group >= (uint32_t)model->n_groups)
        return inn_fail(err, INN_ERR_FORMAT, "group %u of %d", m->group,
                        model->n_groups);
    g = &model->groups[m->group];
    if (strcmp(m->kind, "moments") == 0)
        st = read_nested(g, m, u, err);
    else if (strcmp(m->kind, "l1") == 0 && g->l1_rank != NULL)
        st = inn_fail(err, INN_ERR_FORMAT, "two l1 partitions");
    else if (strcmp(m->kind, "l1") == 0)
        st = read_order(&g->l1_rank, m->order, m->n_order, g->size,
                        "the l1 partition", u, err);
    if (st != INN_OK)
        inn_error_prefix(err, "group '%s'", g->name);
    return st;
}

enum inn_status inn_unpack_partitions(struct inn_unpacking *u,
                                      const uint8_t *bytes, size_t len,
                                      struct inn_error *err)
{
    ProtobufCMessage *message;
    const Inn__Partitions *all;
    struct inn_arena messages;
    enum inn_status st;
    size_t i;

    inn_arena_init(&messages, u->heap);
    st = inn_wire_unpack(&message, &inn__partitions__descriptor, bytes, len,
                         &messages, err);
    if (st != INN_OK)
        goto out;
    all = (const Inn__Partitions *)message;
    for (i = 0; i < all->n_partition && st == INN_OK; i++)
        st = read_partition(all->partition[i], u, err);
out:
    inn_arena_free(&messages);
    return st;
}

/* Grid axes that carry no group are as long as the initializer's. */
static enum inn_status check_weight(const struct inn_model *model,
                                    const struct inn_weight *w,
                                    struct inn_error *err)
{
    const struct inn_value *v = &model->graph->values[w->value];
    int k;

    for (k = 0; k < w->grid.rank; k++) {
        if (w->grid.dims[k] != v->init->dims[k] &&
            inn_model_axis(model, w->value, k) == NULL)
            return inn_fail(err, INN_ERR_FORMAT,
                            "weight '%s': axis %d of its grid has %lld "
                            "elements, of its initializer %lld",
                            v->name, k, (long long)w->grid.dims[k],
                            (long long)v->init->dims[k]);
    }
    return INN_OK;
}

enum inn_status inn_unpack_check(struct inn_unpacking *u,
                                 struct inn_error *err)
{
    const struct inn_model *model = u->model;
    struct tally t = {NULL, NULL, NULL, NULL};
    enum inn_status st;
    int i;

    st = tally_init(&t, model, u->heap, err);
    for (i = 0; i < model->n_axes && st == INN_OK; i++) {
        const struct inn_axis *a = &model->axes[i];

        st = check_axis(a, i, model, &t, err);
        if (st != INN_OK)
            inn_error_prefix(err, "axis %d of '%s'", a->axis,
                             model->graph->values[a->value].name);
    }
    for (i = 0; i < model->n_weights && st == INN_OK; i++)
        st = check_weight(model, &model->weights[i], err);
    for (i = 0; i < model->n_groups && st == INN_OK; i++) {
        if (model->groups[i].l1_rank == NULL)
            st = inn_fail(err, INN_ERR_FORMAT,
                          "group '%s' has no l1 partition",
                          model->groups[i].name);
    }
    tally_free(&t, u->heap);
    return st;
}
