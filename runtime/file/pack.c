/*
 * From a model to the messages of its file. Everything is put in an order
 * that does not depend on how values are numbered in memory, so that a file
 * that is read and written again has the same bytes.
 */
#include "runtime/file/pack.h"

#include <stdlib.h>
#include <string.h>

#include "proto/inn.pb-c.h"
#include "runtime/base/error.h"
#include "runtime/graph/onnx.h"

/* An item under the name it is sorted by. */
struct named {
    const char *name;
    int axis;
    int index;
};

static int by_name(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    int d = strcmp(x->name, y->name);

    if (d != 0)
        return d;
    return (x->axis > y->axis) - (x->axis < y->axis);
}

/* protobuf-c's strings are not const, but packing leaves them alone. */
static char *text(const char *s)
{
    return s != NULL ? (char *)s : (char *)"";
}

static const char *value_name(const struct inn_model *m, int value)
{
    return m->graph->values[value].name;
}

static enum inn_type stored_type(enum inn_type type, enum inn_store store)
{
    if (type != INN_F32 && type != INN_F64)
        return type;
    switch (store) {
    case INN_STORE_F16:
        return INN_F16;
    case INN_STORE_BF16:
        return INN_BF16;
    default:
        return type;
    }
}

/*
 * Values that are in the packed graph. Rewriting a graph leaves values
 * behind that nothing makes or reads; what was known of them goes too.
 */
static enum inn_status find_live(bool **live, const struct inn_graph *graph,
                                 struct inn_arena *arena,
                                 struct inn_error *err)
{
    size_t n = (size_t)graph->n_values;
    bool *l = inn_arena_alloc(arena, n, sizeof(*l), err);
    int *uses = inn_arena_alloc(arena, n, sizeof(*uses), err);
    enum inn_status st;
    int i, k;

    *live = l;
    if (l == NULL || uses == NULL)
        return inn_refused(err);
    st = inn_graph_count_uses(graph, uses);
    if (st != INN_OK)
        return inn_fail(err, st, "the uses of values can't be counted");
    for (i = 0; i < graph->n_values; i++)
        l[i] = uses[i] > 0 || graph->values[i].is_input ||
               graph->values[i].is_output;
    for (i = 0; i < graph->n_nodes; i++) {
        const struct inn_node *node = &graph->nodes[i];

        for (k = 0; k < node->n_outputs; k++) {
            if (node->outputs[k] >= 0)
                l[node->outputs[k]] = true;
        }
    }
    return INN_OK;
}

enum inn_status inn_packing_init(struct inn_packing *packing,
                                 const struct inn_model *model,
                                 const struct inn_file_options *options,
                                 struct inn_arena *arena,
                                 struct inn_error *err)
{
    size_t n = (size_t)model->n_weights, used = 0, i;
    struct named *names;
    enum inn_status st;

    packing->model = model;
    packing->arena = arena;
    st = find_live(&packing->live, model->graph, arena, err);
    if (st != INN_OK)
        return st;
    packing->weights = inn_arena_alloc(arena, n, sizeof(int), err);
    packing->types = inn_arena_alloc(arena, n, sizeof(enum inn_type), err);
    names = inn_arena_alloc(arena, n, sizeof(*names), err);
    if (packing->weights == NULL || packing->types == NULL || names == NULL)
        return inn_refused(err);
    for (i = 0; i < n; i++) {
        const struct inn_weight *w = &model->weights[i];

        packing->types[i] = stored_type(w->grid.type, options->store);
        if (!packing->live[w->value])
            continue;
        names[used].name = value_name(model, w->value);
        names[used++].index = (int)i;
    }
    qsort(names, used, sizeof(*names), by_name);
    for (i = 0; i < used; i++)
        packing->weights[i] = names[i].index;
    packing->n_weights = (int)used;
    return INN_OK;
}

static enum inn_status pack_weights(Inn__Network *net,
                                    const struct inn_packing *p,
                                    struct inn_error *err)
{
    size_t n = (size_t)p->n_weights, i;
    Inn__Weight *items;

    net->weight = inn_arena_alloc(p->arena, n, sizeof(*net->weight), err);
    items = inn_arena_alloc(p->arena, n, sizeof(*items), err);
    if (net->weight == NULL || items == NULL)
        return inn_refused(err);
    net->n_weight = n;
    for (i = 0; i < n; i++) {
        int index = p->weights[i];
        const struct inn_weight *w = &p->model->weights[index];
        Inn__Weight *m = &items[i];
        int k;

        inn__weight__init(m);
        m->value = text(value_name(p->model, w->value));
        m->type = (uint32_t)p->types[index];
        m->n_dims = (size_t)w->grid.rank;
        m->dims = inn_arena_alloc(p->arena, m->n_dims, sizeof(*m->dims),
                                  err);
        if (m->dims == NULL)
            return inn_refused(err);
        for (k = 0; k < w->grid.rank; k++)
            m->dims[k] = (uint64_t)w->grid.dims[k];
        m->residual = w->residual;
        m->section = p->first_tensor + (uint32_t)i;
        net->weight[i] = m;
    }
    return INN_OK;
}

static enum inn_status pack_stats(Inn__Network *net,
                                  const struct inn_packing *p,
                                  struct inn_error *err)
{
    size_t n = (size_t)p->model->n_stats, i;
    Inn__BatchNorm *items;

    net->batch_norm = inn_arena_alloc(p->arena, n, sizeof(*net->batch_norm),
                                      err);
    items = inn_arena_alloc(p->arena, n, sizeof(*items), err);
    if (net->batch_norm == NULL || items == NULL)
        return inn_refused(err);
    net->n_batch_norm = n;
    for (i = 0; i < n; i++) {
        const struct inn_bn_stats *s = &p->model->stats[i];
        Inn__BatchNorm *m = &items[i];

        inn__batch_norm__init(m);
        m->node = text(s->node);
        m->value = text(s->value);
        m->epsilon = s->epsilon;
        m->scale = s->scale.data;
        m->n_scale = s->scale.bytes / sizeof(float);
        m->shift = s->shift.data;
        m->n_shift = s->shift.bytes / sizeof(float);
        m->mean = s->mean.data;
        m->n_mean = s->mean.bytes / sizeof(float);
        m->variance = s->variance.data;
        m->n_variance = s->variance.bytes / sizeof(float);
        net->batch_norm[i] = m;
    }
    return INN_OK;
}

static enum inn_status pack_bindings(Inn__Network *net,
                                     const struct inn_packing *p,
                                     struct inn_error *err)
{
    size_t n = (size_t)p->model->n_bindings, i, k;
    Inn__Binding *items;

    net->binding = inn_arena_alloc(p->arena, n, sizeof(*net->binding), err);
    items = inn_arena_alloc(p->arena, n, sizeof(*items), err);
    if (net->binding == NULL || items == NULL)
        return inn_refused(err);
    net->n_binding = n;
    for (i = 0; i < n; i++) {
        const struct inn_binding *b = &p->model->bindings[i];
        Inn__Binding *m = &items[i];

        inn__binding__init(m);
        m->name = text(b->name);
        m->rank = b->rank;
        m->n_dims = b->rank >= 0 ? (size_t)b->rank : 1;
        m->dims = inn_arena_alloc(p->arena, m->n_dims, sizeof(*m->dims),
                                  err);
        if (m->dims == NULL)
            return inn_refused(err);
        for (k = 0; k < m->n_dims; k++)
            m->dims[k] = (uint64_t)b->dims[k];
        net->binding[i] = m;
    }
    return INN_OK;
}

enum inn_status inn_pack_message(uint8_t **bytes, size_t *len,
                                 const struct ProtobufCMessage *message,
                                 struct inn_heap *heap,
                                 struct inn_error *err)
{
    *len = protobuf_c_message_get_packed_size(message);
    *bytes = inn_alloc_raw(heap, *len, 1, err);
    if (*bytes == NULL)
        return inn_refused(err);
    protobuf_c_message_pack(message, *bytes);
    return INN_OK;
}

static enum inn_status pack_network(uint8_t **bytes, size_t *len,
                                    const struct inn_packing *p,
                                    struct inn_error *err)
{
    const struct inn_model *model = p->model;
    Inn__Network net = INN__NETWORK__INIT;
    uint8_t *graph = NULL;
    size_t graph_len = 0;
    enum inn_status st;
    bool *skip;
    int i;

    skip = inn_arena_alloc(p->arena, (size_t)model->graph->n_values,
                           sizeof(*skip), err);
    if (skip == NULL)
        return inn_refused(err);
    for (i = 0; i < model->n_weights; i++)
        skip[model->weights[i].value] = true;
    st = inn_onnx_pack(model->graph, skip, &graph, &graph_len, err);
    if (st != INN_OK)
        return st;
    net.model.data = graph;
    net.model.len = graph_len;
    net.kernel = (uint32_t)model->kernel;
    net.edge = (uint32_t)model->edge;
    st = pack_weights(&net, p, err);
    if (st == INN_OK)
        st = pack_stats(&net, p, err);
    if (st == INN_OK)
        st = pack_bindings(&net, p, err);
    if (st == INN_OK)
        st = inn_pack_message(bytes, len, &net.base, model->heap, err);
    inn_free(model->graph->heap, graph);
    return st;
}

/* A copy of n numbers as protobuf-c wants them; NULL and err filled. */
static uint64_t *numbers(struct inn_arena *arena, const int64_t *from,
                         int64_t n, struct inn_error *err)
{
    uint64_t *to = inn_arena_alloc(arena, (size_t)n, sizeof(*to), err);

    if (to != NULL && n != 0)
        memcpy(to, from, (size_t)n * sizeof(*to));
    return to;
}

static enum inn_status pack_group(Inn__Group *m, const struct inn_group *g,
                                  struct inn_arena *arena,
                                  struct inn_error *err)
{
    int b;

    inn__group__init(m);
    m->name = text(g->name);
    m->size = (uint64_t)g->size;
    m->nodes = (uint64_t)g->nodes;
    m->n_blocks = (size_t)g->n_blocks;
    m->blocks = inn_arena_alloc(arena, (size_t)g->n_blocks,
                                sizeof(*m->blocks), err);
    for (b = 0; m->blocks != NULL && b < g->n_blocks; b++)
        m->blocks[b] = (uint64_t)inn_block_size(g, b);
    m->n_order = (size_t)g->size;
    m->order = numbers(arena, g->order, g->size, err);
    m->variation_before = g->variation_before;
    m->variation_after = g->variation_after;
    m->residual = g->residual;
    return m->blocks == NULL || m->order == NULL ? inn_refused(err) : INN_OK;
}

static enum inn_status pack_axis(Inn__Axis *m, const struct inn_model *model,
                                 const struct inn_axis *a,
                                 struct inn_arena *arena,
                                 struct inn_error *err)
{
    int i;

    inn__axis__init(m);
    m->value = text(value_name(model, a->value));
    m->axis = (uint32_t)a->axis;
    m->role = (uint32_t)a->role;
    m->n_spans = (size_t)a->n_spans * 4;
    m->spans = inn_arena_alloc(arena, m->n_spans, sizeof(*m->spans), err);
    if (m->spans == NULL)
        return inn_refused(err);
    for (i = 0; i < a->n_spans; i++) {
        const struct inn_span *s = &a->spans[i];
        int64_t *to = m->spans + (size_t)i * 4;

        to[0] = s->group;
        to[1] = s->block;
        to[2] = s->count;
        to[3] = s->repeat;
    }
    return INN_OK;
}

static enum inn_status pack_axes(Inn__Groups *groups,
                                 const struct inn_packing *p,
                                 struct inn_error *err)
{
    const struct inn_model *model = p->model;
    size_t n = (size_t)model->n_axes, used = 0, i;
    struct named *names;
    Inn__Axis *items;
    enum inn_status st;

    names = inn_arena_alloc(p->arena, n, sizeof(*names), err);
    items = inn_arena_alloc(p->arena, n, sizeof(*items), err);
    groups->axis = inn_arena_alloc(p->arena, n, sizeof(*groups->axis), err);
    if (names == NULL || items == NULL || groups->axis == NULL)
        return inn_refused(err);
    for (i = 0; i < n; i++) {
        if (!p->live[model->axes[i].value])
            continue;
        names[used].name = value_name(model, model->axes[i].value);
        names[used].axis = model->axes[i].axis;
        names[used++].index = (int)i;
    }
    qsort(names, used, sizeof(*names), by_name);
    groups->n_axis = used;
    for (i = 0; i < used; i++) {
        groups->axis[i] = &items[i];
        st = pack_axis(&items[i], model, &model->axes[names[i].index],
                       p->arena, err);
        if (st != INN_OK)
            return st;
    }
    return INN_OK;
}

static enum inn_status pack_pinned(Inn__Groups *groups,
                                   const struct inn_packing *p,
                                   struct inn_error *err)
{
    const struct inn_model *model = p->model;
    size_t n = (size_t)model->n_pinned, used = 0, i;
    Inn__Pinned *items;

    items = inn_arena_alloc(p->arena, n, sizeof(*items), err);
    groups->pinned = inn_arena_alloc(p->arena, n, sizeof(*groups->pinned),
                                     err);
    if (items == NULL || groups->pinned == NULL)
        return inn_refused(err);
    for (i = 0; i < n; i++) {
        const struct inn_pinned *pin = &model->pinned[i];
        Inn__Pinned *m = &items[i];

        if (!p->live[pin->value])
            continue;
        inn__pinned__init(m);
        m->value = text(value_name(model, pin->value));
        m->axis = (uint32_t)pin->axis;
        m->size = (uint64_t)pin->size;
        m->reason = text(pin->reason);
        groups->pinned[used++] = m;
    }
    groups->n_pinned = used;
    return INN_OK;
}

static enum inn_status pack_groups(uint8_t **bytes, size_t *len,
                                   const struct inn_packing *p,
                                   struct inn_error *err)
{
    const struct inn_model *model = p->model;
    Inn__Groups groups = INN__GROUPS__INIT;
    size_t n = (size_t)model->n_groups, i;
    enum inn_status st = INN_OK;
    Inn__Group *items;

    items = inn_arena_alloc(p->arena, n, sizeof(*items), err);
    groups.group = inn_arena_alloc(p->arena, n, sizeof(*groups.group), err);
    if (items == NULL || groups.group == NULL)
        return inn_refused(err);
    groups.n_group = n;
    for (i = 0; i < n && st == INN_OK; i++) {
        groups.group[i] = &items[i];
        st = pack_group(&items[i], &model->groups[i], p->arena, err);
    }
    if (st == INN_OK)
        st = pack_axes(&groups, p, err);
    if (st == INN_OK)
        st = pack_pinned(&groups, p, err);
    if (st == INN_OK)
        st = inn_pack_message(bytes, len, &groups.base, model->heap, err);
    return st;
}

static enum inn_status pack_partition(Inn__Partition *m, int group,
                                      const char *kind, const int64_t *order,
                                      const struct inn_packing *p,
                                      struct inn_error *err)
{
    int64_t size = p->model->groups[group].size;

    inn__partition__init(m);
    m->group = (uint32_t)group;
    m->kind = text(kind);
    m->n_order = (size_t)size;
    m->order = numbers(p->arena, order, size, err);
    return m->order == NULL ? inn_refused(err) : INN_OK;
}

/* Those by the L1 rule, then those by moments. */
static enum inn_status pack_partitions(uint8_t **bytes, size_t *len,
                                       const struct inn_packing *p,
                                       struct inn_error *err)
{
    const struct inn_model *model = p->model;
    Inn__Partitions all = INN__PARTITIONS__INIT;
    size_t n = (size_t)model->n_groups * 2;
    enum inn_status st = INN_OK;
    Inn__Partition *items;
    int i;

    items = inn_arena_alloc(p->arena, n, sizeof(*items), err);
    all.partition = inn_arena_alloc(p->arena, n, sizeof(*all.partition),
                                    err);
    if (items == NULL || all.partition == NULL)
        return inn_refused(err);
    for (i = 0; i < model->n_groups && st == INN_OK; i++) {
        Inn__Partition *m = &items[all.n_partition];

        st = pack_partition(m, i, "l1", model->groups[i].l1_rank, p, err);
        all.partition[all.n_partition++] = m;
    }
    for (i = 0; i < model->n_groups && st == INN_OK; i++) {
        const struct inn_group *g = &model->groups[i];
        Inn__Partition *m = &items[all.n_partition];

        if (g->nested == NULL)
            continue;
        st = pack_partition(m, i, "moments", g->nested, p, err);
        m->error = g->nested_error;
        m->n_error = g->nested_error != NULL ? (size_t)g->size : 0;
        all.partition[all.n_partition++] = m;
    }
    return st == INN_OK ? inn_pack_message(bytes, len, &all.base, model->heap,
                                           err) : st;
}

void inn_pack_prep(struct Inn__Input *message, struct inn_input_prep *prep)
{
    message->scale = prep->scale;
    message->n_mean = message->n_std = (size_t)prep->n;
    message->mean = prep->mean;
    message->std = prep->std;
    message->nhwc = prep->nhwc;
    message->bgr = prep->bgr;
}

static enum inn_status pack_meta(uint8_t **bytes, size_t *len,
                                 const struct inn_packing *p,
                                 struct inn_error *err)
{
    const struct inn_model *model = p->model;
    struct inn_input_prep prep = model->prep;
    Inn__Meta meta = INN__META__INIT;
    Inn__Input input = INN__INPUT__INIT;

    meta.converter = text(model->converter);
    meta.options = text(model->options);
    meta.source_name = text(model->source_name);
    meta.source_hash = model->source_hash;
    if (prep.given) {
        inn_pack_prep(&input, &prep);
        meta.input = &input;
    }
    return inn_pack_message(bytes, len, &meta.base, model->heap, err);
}

enum inn_status inn_pack_section(uint8_t **bytes, size_t *len,
                                 const struct inn_packing *packing,
                                 enum inn_section_kind kind,
                                 struct inn_error *err)
{
    *bytes = NULL;
    *len = 0;
    switch (kind) {
    case INN_SECTION_NETWORK:
        return pack_network(bytes, len, packing, err);
    case INN_SECTION_GROUPS:
        return pack_groups(bytes, len, packing, err);
    case INN_SECTION_PARTITIONS:
        return pack_partitions(bytes, len, packing, err);
    case INN_SECTION_MOMENTS:
        return inn_pack_moments(bytes, len, packing, err);
    case INN_SECTION_INPUTS:
        return inn_pack_inputs(bytes, len, packing, err);
    case INN_SECTION_META:
        return pack_meta(bytes, len, packing, err);
    default:
        return inn_fail(err, INN_ERR_ARGUMENT, "section kind %d is no message",
                        (int)kind);
    }
}
