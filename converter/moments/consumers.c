/*
 * Readers of channels, and their metrics.
 */
#include "converter/moments/consumers.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/grid/slots.h"

/* The initializer that a value is, or renames or widens; -1: none. */
static int weight_of(const struct inn_model *model, int v)
{
    const struct inn_graph *graph = model->graph;
    int steps;

    for (steps = 0; v >= 0 && steps < 8; steps++) {
        const struct inn_node *node;

        if (inn_model_weight(model, v) != NULL)
            return v;
        if (graph->values[v].producer < 0)
            return -1;
        node = &graph->nodes[graph->values[v].producer];
        if (strcmp(node->op_type, "Identity") != 0 &&
            strcmp(node->op_type, "Cast") != 0)
            return -1;
        v = node->inputs[0];
    }
    return -1;
}

/* Axes of weight and input, and where the bias goes; false: no reader. */
static bool describe(struct inn_reader *r, const struct inn_prim *prim,
                     const struct inn_node *node, int x_rank)
{
    const struct inn_window *window = &prim->u.conv.window;
    int i;

    r->x_axis = 1;
    r->bias = 2;
    r->scale = 1;
    for (i = 0; i < 2; i++)
        r->kernel[i] = r->dilation[i] = 1;
    switch (prim->kind) {
    case INN_PRIM_CONV:
        r->axis = 1;
        r->out = 0;
        for (i = 0; i < window->rank && window->rank <= 2; i++) {
            r->kernel[i] = window->kernel[i];
            r->dilation[i] = window->dilation[i];
        }
        return true;
    case INN_PRIM_DECONV:
        r->axis = 0;
        r->out = 1;
        if (prim->u.conv.groups != 1)
            r->bias = -1; /* outputs lie on two axes */
        return true;
    case INN_PRIM_MATMUL:
        r->axis = prim->u.matmul.transpose_b ? 1 : 0;
        r->out = 1 - r->axis;
        r->x_axis = prim->u.matmul.transpose_a ? 0 : x_rank - 1;
        r->scale = (double)prim->u.matmul.alpha;
        if (strcmp(node->op_type, "Gemm") != 0)
            r->bias = -1;
        else if (prim->u.matmul.beta != 0)
            r->scale /= (double)prim->u.matmul.beta;
        else if (node->n_inputs > 2)
            r->bias = -1;
        return r->x_axis == 1;
    default:
        return false;
    }
}

/* Adds the readers of graph node k, one per group on the summed axis. */
static enum inn_status add_node(struct inn_readers *all, int *capacity,
                                const struct inn_model *model, int k,
                                const struct inn_shapes *shapes,
                                struct inn_arena *arena,
                                struct inn_error *err)
{
    const struct inn_node *node = &model->graph->nodes[k];
    const struct inn_op *op = inn_node_op(node);
    const struct inn_tensor *in[4] = {NULL};
    struct inn_tensor out;
    struct inn_infer c = {.node = node, .in = in, .out = &out, .n_out = 1,
                          .arena = arena, .err = err};
    struct inn_reader r = {.node = k, .gathered = -1};
    const struct inn_axis *axis;
    struct inn_prim prim;
    int i, g;

    if (op == NULL || op->lower == NULL || node->n_inputs < 2 ||
        node->n_inputs > 4 || node->n_outputs != 1)
        return INN_OK;
    for (i = 0; i < node->n_inputs; i++)
        in[i] = inn_shapes_get(shapes, node->inputs[i]);
    if (in[0] == NULL || in[1] == NULL ||
        inn_shapes_get(shapes, node->outputs[0]) == NULL)
        return INN_OK;
    out = *inn_shapes_get(shapes, node->outputs[0]);
    c.n_in = node->n_inputs;
    r.x = node->inputs[0];
    r.weight = weight_of(model, node->inputs[1]);
    if (r.weight < 0 || in[1]->rank < 2 || !op->lower(&c, &prim) ||
        !describe(&r, &prim, node, in[0]->rank) ||
        (prim.kind == INN_PRIM_MATMUL && in[1]->rank != 2))
        return INN_OK;
    axis = inn_model_axis(model, r.weight, r.axis);
    /* A depthwise transposed convolution runs along it. */
    if (axis != NULL && axis->role != INN_ROLE_IN)
        return INN_OK;
    for (g = 0; axis != NULL && g < model->n_groups; g++) {
        for (i = 0; i < axis->n_spans && axis->spans[i].group != g; i++)
            ;
        if (i == axis->n_spans || model->groups[g].nodes !=
                                      model->groups[g].size)
            continue;
        if (all->n == *capacity) {
            int more = *capacity == 0 ? 64 : *capacity * 2;
            struct inn_reader *items = inn_arena_alloc(
                arena, (size_t)more, sizeof(*items), err);

            if (items == NULL)
                return inn_refused(err);
            if (all->n > 0)
                memcpy(items, all->items, (size_t)all->n * sizeof(*items));
            all->items = items;
            *capacity = more;
        }
        r.group = g;
        all->items[all->n++] = r;
    }
    return INN_OK;
}

enum inn_status inn_find_readers(struct inn_readers *readers,
                                 const struct inn_model *model,
                                 struct inn_arena *arena,
                                 struct inn_error *err)
{
    struct inn_shapes shapes;
    enum inn_status st;
    int k, capacity = 0;

    memset(readers, 0, sizeof(*readers));
    st = inn_shapes_infer(&shapes, model->graph, model->bindings,
                          (size_t)model->n_bindings, INN_DEFAULT_SPATIAL,
                          (size_t)64 << 10, err);
    for (k = 0; k < model->graph->n_nodes && st == INN_OK; k++)
        st = add_node(readers, &capacity, model, k, &shapes, arena, err);
    inn_shapes_free(&shapes);
    return st;
}

/*
 * The weight as [outputs × N × taps]: every function of the group on the
 * summed axis has outputs of its own, and so has every tap that the spatial
 * table can't relate to the others.
 */
static enum inn_status arrange(double **arranged, int64_t *outputs,
                               const struct inn_model *model,
                               const struct inn_reader *r,
                               const int64_t *full, struct inn_arena *arena,
                               struct inn_error *err)
{
    const struct inn_tensor *t = model->graph->values[r->weight].init;
    const struct inn_axis *axis = inn_model_axis(model, r->weight, r->axis);
    int64_t n = model->groups[r->group].size, taps, inner = 1, lone, rows;
    int64_t len = t->dims[r->axis], f, o, p, i;
    struct inn_slots s;
    enum inn_status st;
    double *data;
    int k;

    st = inn_axis_slots(&s, model, axis, r->group, full, arena, err);
    data = inn_arena_alloc(arena, inn_tensor_count(t), sizeof(*data), err);
    if (st != INN_OK || data == NULL)
        return st != INN_OK ? st : inn_refused(err);
    inn_convert_elements(data, INN_F64, t->data, t->type,
                         inn_tensor_count(t));
    for (k = 2; k < t->rank; k++)
        inner *= t->dims[k];
    taps = r->kernel[0] * r->kernel[1];
    lone = taps == inner ? 1 : inner; /* taps that count as outputs */
    taps = taps == inner ? inner : 1;
    rows = t->dims[r->out];
    *outputs = rows * s.functions * lone;
    *arranged = inn_arena_alloc(arena, (size_t)*outputs,
                                (size_t)(n * taps) * sizeof(double), err);
    if (*arranged == NULL)
        return inn_refused(err);
    for (o = 0; o < rows; o++) {
        for (f = 0; f < s.functions; f++) {
            for (p = 0; p < n; p++) {
                int64_t e = s.at[f * n + p];
                const double *from =
                    data + (r->axis == 1 ? o * len + e
                                         : e * rows + o) * inner;

                for (i = 0; i < inner; i++)
                    (*arranged)[(((o * s.functions + f) * lone +
                                  (lone > 1 ? i : 0)) * n + p) * taps +
                                (lone > 1 ? 0 : i)] = from[i];
            }
        }
    }
    return INN_OK;
}

enum inn_status inn_reader_metric(double *metric,
                                  const struct inn_model *model,
                                  const struct inn_reader *reader,
                                  const struct inn_gathered *input,
                                  const int64_t *full, int threads,
                                  struct inn_error *err)
{
    const struct inn_tensor *t = model->graph->values[reader->weight].init;
    int64_t one[2] = {1, 1}, inner = 1;
    struct inn_arena arena;
    enum inn_status st;
    double *arranged;
    int64_t outputs;
    bool related;
    int k;

    for (k = 2; k < t->rank; k++)
        inner *= t->dims[k];
    related = reader->kernel[0] * reader->kernel[1] == inner;
    inn_arena_init(&arena, model->heap);
    st = arrange(&arranged, &outputs, model, reader, full, &arena, err);
    if (st == INN_OK)
        st = inn_consumer_metric(metric, arranged, outputs,
                                 model->groups[reader->group].size,
                                 related ? reader->kernel : one,
                                 related ? reader->dilation : one, NULL,
                                 input, threads, model->heap, err);
    inn_arena_free(&arena);
    return st;
}

struct sorted {
    struct inn_consumer consumer;
    int group;
};

static int by_weight(const void *a, const void *b)
{
    const struct sorted *x = a, *y = b;

    if (x->consumer.weight != y->consumer.weight)
        return x->consumer.weight < y->consumer.weight ? -1 : 1;
    if (x->consumer.axis != y->consumer.axis)
        return x->consumer.axis < y->consumer.axis ? -1 : 1;
    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    return x->consumer.node < y->consumer.node ? -1
                                               : x->consumer.node >
                                                     y->consumer.node;
}

enum inn_status inn_sort_consumers(struct inn_model *model,
                                   struct inn_error *err)
{
    size_t n = (size_t)model->n_consumers, i;
    struct sorted *all = inn_alloc(model->heap, n, sizeof(*all), err);

    if (all == NULL)
        return inn_refused(err);
    for (i = 0; i < n; i++) {
        all[i].consumer = model->consumers[i];
        all[i].group = model->moments[all[i].consumer.moments].group;
    }
    qsort(all, n, sizeof(*all), by_weight);
    for (i = 0; i < n; i++)
        model->consumers[i] = all[i].consumer;
    inn_free(model->heap, all);
    return INN_OK;
}
