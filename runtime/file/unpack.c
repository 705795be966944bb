/*
 * The network section into a model: graph, weights, folded statistics; and
 * the meta section. Whatever a message says is checked against the graph or
 * the directory before anybody relies on it.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/inn.pb-c.h"
#include "runtime/base/error.h"
#include "runtime/base/wire.h"
#include "runtime/file/pack.h"
#include "runtime/graph/onnx.h"

/* A weight and its section while they are sorted by value. */
struct placed {
    struct inn_weight weight;
    int section;
};

static int by_value(const void *a, const void *b)
{
    int x = ((const struct placed *)a)->weight.value;
    int y = ((const struct placed *)b)->weight.value;

    return (x > y) - (x < y);
}

/* The grid as a message has it, and the directory agrees. */
static enum inn_status read_grid(struct placed *to, const Inn__Weight *m,
                                 const struct inn_unpacking *u,
                                 struct inn_error *err)
{
    int64_t dims[INN_MAX_RANK] = {0};
    const struct inn_section *s;
    enum inn_status st;
    size_t i;

    if (m->n_dims > INN_MAX_RANK)
        return inn_fail(err, INN_ERR_FORMAT, "%zu axes, %d are the most",
                        m->n_dims, INN_MAX_RANK);
    for (i = 0; i < m->n_dims; i++) {
        if (m->dims[i] > INT64_MAX)
            return inn_fail(err, INN_ERR_FORMAT, "axis %zu has length %llu",
                            i, (unsigned long long)m->dims[i]);
        dims[i] = (int64_t)m->dims[i];
    }
    if (!inn_type_is_float((enum inn_type)m->type))
        return inn_fail(err, INN_ERR_FORMAT, "a grid of element type %u",
                        m->type);
    st = inn_tensor_init(&to->weight.grid, (enum inn_type)m->type,
                         (int)m->n_dims, dims, err);
    if (st != INN_OK)
        return st;
    if (m->section >= u->n_sections ||
        u->sections[m->section].kind != INN_SECTION_TENSOR)
        return inn_fail(err, INN_ERR_FORMAT,
                        "section %u of %zu is no tensor", m->section,
                        u->n_sections);
    s = &u->sections[m->section];
    if (s->type != m->type || s->raw_bytes != to->weight.grid.bytes)
        return inn_fail(err, INN_ERR_FORMAT,
                        "%zu bytes of %s, its section has %llu of %s",
                        to->weight.grid.bytes,
                        inn_type_name((enum inn_type)m->type),
                        (unsigned long long)s->raw_bytes,
                        inn_type_name((enum inn_type)s->type));
    to->section = (int)m->section;
    return INN_OK;
}

static enum inn_status read_weight(struct placed *to, const Inn__Weight *m,
                                   const struct inn_unpacking *u,
                                   struct inn_error *err)
{
    const struct inn_graph *graph = u->model->graph;
    const struct inn_value *v;
    enum inn_status st;

    to->weight.value = inn_graph_find(graph, m->value);
    if (to->weight.value < 0)
        return inn_fail(err, INN_ERR_FORMAT, "is not in the graph");
    v = &graph->values[to->weight.value];
    if (v->init == NULL || !inn_type_is_float(v->init->type) ||
        (v->init->data != NULL && v->init->bytes != 0))
        return inn_fail(err, INN_ERR_FORMAT,
                        "is no float initializer without data");
    if (!isfinite(m->residual) || m->residual < 0)
        return inn_fail(err, INN_ERR_FORMAT, "has residual %g", m->residual);
    to->weight.residual = m->residual;
    st = read_grid(to, m, u, err);
    if (st == INN_OK && to->weight.grid.rank != v->init->rank)
        return inn_fail(err, INN_ERR_FORMAT,
                        "its grid has %d axes, its initializer %d",
                        to->weight.grid.rank, v->init->rank);
    return st;
}

/* No two weights of one value, no two of one section. */
static enum inn_status check_unique(const struct inn_unpacking *u,
                                    const struct placed *items, size_t n,
                                    struct inn_error *err)
{
    size_t i, tensors = 0;
    bool *taken;

    for (i = 1; i < n; i++) {
        if (items[i].weight.value == items[i - 1].weight.value)
            return inn_fail(
                err, INN_ERR_FORMAT, "two weights '%s'",
                u->model->graph->values[items[i].weight.value].name);
    }
    taken = inn_alloc(u->heap, u->n_sections, sizeof(*taken), err);
    if (taken == NULL)
        return inn_refused(err);
    for (i = 0; i < n && !taken[items[i].section]; i++)
        taken[items[i].section] = true;
    inn_free(u->heap, taken);
    if (i < n)
        return inn_fail(err, INN_ERR_FORMAT, "two weights in section %d",
                        items[i].section);
    for (i = 0; i < u->n_sections; i++)
        tensors += u->sections[i].kind == INN_SECTION_TENSOR;
    if (tensors != n)
        return inn_fail(err, INN_ERR_FORMAT, "%zu weights, %zu tensors", n,
                        tensors);
    return INN_OK;
}

static enum inn_status read_weights(struct inn_unpacking *u,
                                    const Inn__Network *net,
                                    struct inn_error *err)
{
    struct inn_model *model = u->model;
    size_t n = net->n_weight, i;
    enum inn_status st = INN_OK;
    struct placed *items;

    if (n > u->n_sections)
        return inn_fail(err, INN_ERR_FORMAT, "%zu weights in %zu sections",
                        n, u->n_sections);
    items = inn_alloc(u->heap, n, sizeof(*items), err);
    if (items == NULL)
        return inn_refused(err);
    for (i = 0; i < n && st == INN_OK; i++) {
        st = read_weight(&items[i], net->weight[i], u, err);
        if (st != INN_OK)
            inn_error_prefix(err, "weight '%s'", net->weight[i]->value);
    }
    if (st != INN_OK)
        goto out;
    qsort(items, n, sizeof(*items), by_value);
    st = check_unique(u, items, n, err);
    if (st != INN_OK)
        goto out;
    model->weights = inn_arena_alloc(&model->arena, n,
                                     sizeof(*model->weights), err);
    u->weight_sections = inn_arena_alloc(&model->arena, n, sizeof(int), err);
    if (model->weights == NULL || u->weight_sections == NULL) {
        st = inn_refused(err);
        goto out;
    }
    for (i = 0; i < n; i++) {
        model->weights[i] = items[i].weight;
        u->weight_sections[i] = items[i].section;
    }
    model->n_weights = (int)n;
out:
    inn_free(u->heap, items);
    return st;
}

/* Nobody but a weight may be without data. */
static enum inn_status check_graph(const struct inn_model *model,
                                   struct inn_error *err)
{
    const struct inn_graph *graph = model->graph;
    int i;

    for (i = 0; i < graph->n_values; i++) {
        const struct inn_tensor *init = graph->values[i].init;

        if (init != NULL && init->data == NULL && init->bytes != 0 &&
            inn_model_weight(model, i) == NULL)
            return inn_fail(err, INN_ERR_FORMAT,
                            "initializer '%s' has no data and no grid",
                            graph->values[i].name);
    }
    return INN_OK;
}

static enum inn_status copy_vector(struct inn_tensor *to, const float *from,
                                   size_t n, struct inn_arena *arena,
                                   struct inn_error *err)
{
    int64_t dims[1];
    enum inn_status st;

    dims[0] = (int64_t)n;
    st = inn_tensor_new(to, arena, INN_F32, 1, dims, err);
    if (st == INN_OK && n != 0)
        memcpy(to->data, from, n * sizeof(float));
    return st;
}

static enum inn_status read_stats(struct inn_model *model,
                                  const Inn__Network *net,
                                  struct inn_error *err)
{
    struct inn_arena *arena = &model->arena;
    size_t i;

    model->stats = inn_arena_alloc(arena, net->n_batch_norm,
                                   sizeof(*model->stats), err);
    if (model->stats == NULL)
        return inn_refused(err);
    for (i = 0; i < net->n_batch_norm; i++) {
        const Inn__BatchNorm *m = net->batch_norm[i];
        struct inn_bn_stats *s = &model->stats[i];
        size_t n = m->n_scale;

        if (m->n_shift != n || m->n_mean != n || m->n_variance != n)
            return inn_fail(err, INN_ERR_FORMAT,
                            "statistics '%s': vectors of %zu, %zu, %zu and "
                            "%zu channels",
                            m->node, n, m->n_shift, m->n_mean,
                            m->n_variance);
        s->epsilon = m->epsilon;
        s->node = inn_arena_strdup(arena, m->node, err);
        s->value = inn_arena_strdup(arena, m->value, err);
        if (s->node == NULL || s->value == NULL ||
            copy_vector(&s->scale, m->scale, n, arena, err) != INN_OK ||
            copy_vector(&s->shift, m->shift, n, arena, err) != INN_OK ||
            copy_vector(&s->mean, m->mean, n, arena, err) != INN_OK ||
            copy_vector(&s->variance, m->variance, n, arena, err) != INN_OK)
            return inn_refused(err);
        model->n_stats = (int)i + 1;
    }
    return INN_OK;
}

static enum inn_status read_bindings(struct inn_model *model,
                                     const Inn__Network *net,
                                     struct inn_error *err)
{
    size_t i, k;

    model->bindings = inn_arena_alloc(&model->arena, net->n_binding,
                                      sizeof(*model->bindings), err);
    if (model->bindings == NULL)
        return inn_refused(err);
    for (i = 0; i < net->n_binding; i++) {
        const Inn__Binding *m = net->binding[i];
        struct inn_binding *b = &model->bindings[i];

        if (m->rank < -1 || m->rank > INN_MAX_RANK ||
            m->n_dims != (m->rank >= 0 ? (size_t)m->rank : 1))
            return inn_fail(err, INN_ERR_FORMAT,
                            "size of '%s': rank %d, %zu dimensions", m->name,
                            m->rank, m->n_dims);
        b->rank = m->rank;
        for (k = 0; k < m->n_dims; k++) {
            if (m->dims[k] > INT64_MAX)
                return inn_fail(err, INN_ERR_FORMAT,
                                "size of '%s': dimension %zu is %llu",
                                m->name, k,
                                (unsigned long long)m->dims[k]);
            b->dims[k] = (int64_t)m->dims[k];
        }
        b->name = inn_arena_strdup(&model->arena, m->name, err);
        if (b->name == NULL)
            return inn_refused(err);
        model->n_bindings = (int)i + 1;
    }
    /* What would be the user's mistake is the file's here. */
    if (inn_bindings_check(model->graph, model->bindings, i, err) == INN_OK)
        return INN_OK;
    if (err != NULL)
        err->status = INN_ERR_FORMAT;
    return INN_ERR_FORMAT;
}

enum inn_status inn_unpack_network(struct inn_unpacking *u,
                                   const uint8_t *bytes, size_t len,
                                   struct inn_error *err)
{
    struct inn_model *model = u->model;
    ProtobufCMessage *message;
    const Inn__Network *net;
    enum inn_status st;

    /* In the model's arena: the graph borrows its own bytes from it. */
    st = inn_wire_unpack(&message, &inn__network__descriptor, bytes, len,
                         &model->arena, err);
    if (st != INN_OK)
        return st;
    net = (const Inn__Network *)message;
    if (net->kernel > INN_KERNEL_LINEAR || net->edge > INN_EDGE_CLAMP)
        return inn_fail(err, INN_ERR_UNSUPPORTED,
                        "kernel %u with edge %u is unknown", net->kernel,
                        net->edge);
    model->kernel = (enum inn_kernel)net->kernel;
    model->edge = (enum inn_edge)net->edge;
    st = inn_onnx_parse(&model->graph, net->model.data, net->model.len, true,
                        u->heap, err);
    if (st == INN_OK)
        st = read_weights(u, net, err);
    if (st == INN_OK)
        st = check_graph(model, err);
    if (st == INN_OK)
        st = read_stats(model, net, err);
    if (st == INN_OK)
        st = read_bindings(model, net, err);
    return st;
}

enum inn_status inn_unpack_prep(struct inn_input_prep *prep,
                                const struct Inn__Input *m, uint32_t version,
                                struct inn_error *err)
{
    size_t most = sizeof(prep->mean) / sizeof(prep->mean[0]), i;

    if (m->n_mean != m->n_std || m->n_mean == 0 || m->n_mean > most)
        return inn_fail(err, INN_ERR_FORMAT,
                        "input has %zu means and %zu deviations, 1 to %zu "
                        "are allowed",
                        m->n_mean, m->n_std, most);
    prep->n = (int)m->n_mean;
    prep->scale = m->scale;
    prep->nhwc = m->nhwc != 0;
    prep->bgr = m->bgr != 0;
    if (prep->bgr && version < 2)
        return inn_fail(err, INN_ERR_FORMAT,
                        "input is BGR in a file of version %u", version);
    for (i = 0; i < m->n_mean; i++) {
        prep->mean[i] = m->mean[i];
        prep->std[i] = m->std[i];
        if (!isfinite(m->mean[i]) || !isfinite(m->std[i]) || m->std[i] == 0)
            return inn_fail(err, INN_ERR_FORMAT,
                            "input channel %zu has mean %g and deviation %g",
                            i, m->mean[i], m->std[i]);
    }
    if (!isfinite(m->scale))
        return inn_fail(err, INN_ERR_FORMAT, "input has scale %g", m->scale);
    prep->given = true;
    return INN_OK;
}

enum inn_status inn_unpack_meta(struct inn_unpacking *u,
                                const uint8_t *bytes, size_t len,
                                struct inn_error *err)
{
    struct inn_model *model = u->model;
    struct inn_arena *arena = &model->arena, messages;
    ProtobufCMessage *message;
    const Inn__Meta *meta;
    enum inn_status st;

    inn_arena_init(&messages, u->heap);
    st = inn_wire_unpack(&message, &inn__meta__descriptor, bytes, len,
                         &messages, err);
    if (st != INN_OK)
        goto out;
    meta = (const Inn__Meta *)message;
    model->source_hash = meta->source_hash;
    model->converter = inn_arena_strdup(arena, meta->converter, err);
    model->options = inn_arena_strdup(arena, meta->options, err);
    model->source_name = inn_arena_strdup(arena, meta->source_name, err);
    if (model->converter == NULL || model->options == NULL ||
        model->source_name == NULL)
        st = inn_refused(err);
    if (st == INN_OK && meta->input != NULL)
        st = inn_unpack_prep(&model->prep, meta->input, u->version, err);
out:
    inn_arena_free(&messages);
    return st;
}
