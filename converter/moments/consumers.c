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

/* A graph node as readers are found in it. */
struct seen {
    const struct inn_node *node;
    const struct inn_tensor *in[4];
    struct inn_prim prim;
    int weight_at;  /* which of its inputs is the weight */
    int y_rank, y_axis; /* of the output, with the outputs of the weight */
};

/* Of a product: the weight is either operand, batches lie in front. */
static void describe_product(struct inn_reader *r, struct seen *s)
{
    bool left = s->weight_at == 0;
    int w = s->in[s->weight_at]->rank, x = s->in[1 - s->weight_at]->rank;
    bool turn_w = left ? s->prim.u.matmul.transpose_a
                       : s->prim.u.matmul.transpose_b;
    bool turn_x = left ? s->prim.u.matmul.transpose_b
                       : s->prim.u.matmul.transpose_a;

    /* Summed: the last axis of the left operand, the last but one of the
     * right one. */
    r->axis = left != turn_w ? w - 1 : w - 2;
    r->out = 2 * w - 3 - r->axis;
    r->x_axis = left != turn_x ? x - 2 : x - 1;
    r->bias = -1;
    r->scale = (double)s->prim.u.matmul.alpha;
    s->y_axis = left ? s->y_rank - 2 : s->y_rank - 1;
    if (left || strcmp(s->node->op_type, "Gemm") != 0)
        return;
    if (s->prim.u.matmul.beta != 0) {
        r->scale /= (double)s->prim.u.matmul.beta;
        r->bias = 2;
    } else if (s->node->n_inputs <= 2) {
        r->bias = 2;
    }
}

/* Axes of weight and input, and where the bias goes; false: no reader. */
static bool describe(struct inn_reader *r, struct seen *s)
{
    const struct inn_window *window = &s->prim.u.conv.window;
    int i;

    r->x_axis = 1;
    r->bias = 2;
    r->scale = 1;
    s->y_axis = -1;
    for (i = 0; i < 2; i++)
        r->kernel[i] = r->dilation[i] = 1;
    switch (s->prim.kind) {
    case INN_PRIM_CONV:
        r->axis = 1;
        r->out = 0;
        /* One axis is that along which the table counts x. */
        for (i = 0; i < window->rank && window->rank <= 2; i++) {
            r->kernel[2 - window->rank + i] = window->kernel[i];
            r->dilation[2 - window->rank + i] = window->dilation[i];
        }
        return s->weight_at == 1;
    case INN_PRIM_DECONV:
        r->axis = 0;
        r->out = 1;
        if (s->prim.u.conv.groups != 1)
            r->bias = -1; /* outputs lie on two axes */
        return s->weight_at == 1;
    case INN_PRIM_MATMUL:
        describe_product(r, s);
        return true;
    default:
        return false;
    }
}

/* What readers are found with: who reads what, and how often. */
struct search {
    const struct inn_model *model;
    struct inn_shapes shapes;
    int *uses;   /* by value */
    int *reader; /* by value: the last graph node that reads it, or -1 */
    struct inn_readers *found;
    int capacity;
    struct inn_arena *arena;
    struct inn_error *err;
};

/*
 * A constant that is added to what the graph node makes, and to nothing else:
 * there a bias can go. Its axis with the outputs is counted from the last.
 */
static void find_add(struct inn_reader *r, const struct search *s,
                     const struct seen *seen)
{
    const struct inn_graph *graph = s->model->graph;
    int y = seen->node->outputs[0], by = s->reader[y], i, axis;
    const struct inn_tensor *t;
    const struct inn_node *add;

    if (seen->y_axis < 0 || by < 0 || s->uses[y] != 1 ||
        seen->in[seen->weight_at]->rank != 2)
        return;
    add = &graph->nodes[by];
    if (strcmp(add->op_type, "Add") != 0 || add->domain[0] != '\0' ||
        add->n_inputs != 2)
        return;
    i = add->inputs[0] == y;
    t = add->inputs[i] >= 0 ? graph->values[add->inputs[i]].init : NULL;
    if (t == NULL || !inn_type_is_float(t->type))
        return;
    axis = seen->y_rank - seen->y_axis;
    if (inn_tensor_count(t) != 1 &&
        (axis > t->rank || t->dims[t->rank - axis] !=
                               seen->in[seen->weight_at]->dims[r->out]))
        return;
    r->add = by;
    r->add_input = i;
    r->add_axis = axis;
}

static enum inn_status add_reader(struct search *s, const struct inn_reader *r)
{
    struct inn_readers *all = s->found;

    if (all->n == s->capacity) {
        int more = s->capacity == 0 ? 64 : s->capacity * 2;
        struct inn_reader *items = inn_arena_alloc(s->arena, (size_t)more,
                                                   sizeof(*items), s->err);

        if (items == NULL)
            return inn_refused(s->err);
        if (all->n > 0)
            memcpy(items, all->items, (size_t)all->n * sizeof(*items));
        all->items = items;
        s->capacity = more;
    }
    all->items[all->n++] = *r;
    return INN_OK;
}

static int by_number(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;

    return (x > y) - (x < y);
}

/* The groups on the axis that is summed, ascending: a reader for each. */
static enum inn_status add_groups(struct search *s, struct inn_reader *r,
                                  const struct inn_axis *axis)
{
    const struct inn_model *model = s->model;
    enum inn_status st = INN_OK;
    int n = axis->n_spans, i;
    int *groups = inn_arena_alloc(s->arena, (size_t)n + 1, sizeof(*groups),
                                  s->err);

    if (groups == NULL)
        return inn_refused(s->err);
    for (i = 0; i < n; i++)
        groups[i] = axis->spans[i].group;
    qsort(groups, (size_t)n, sizeof(*groups), by_number);
    for (i = 0; i < n && st == INN_OK; i++) {
        r->group = groups[i];
        if (r->group >= 0 && (i == 0 || groups[i - 1] != r->group) &&
            model->groups[r->group].nodes == model->groups[r->group].size)
            st = add_reader(s, r);
    }
    return st;
}

/* Adds the readers of graph node k, one per group on the summed axis. */
static enum inn_status add_node(struct search *s, int k)
{
    const struct inn_model *model = s->model;
    struct seen seen = {.node = &model->graph->nodes[k]};
    const struct inn_node *node = seen.node;
    const struct inn_op *op = inn_node_op(node);
    struct inn_tensor out;
    struct inn_infer c = {.node = node, .in = seen.in, .out = &out,
                          .n_out = 1, .arena = s->arena, .err = s->err};
    struct inn_reader r = {.node = k, .gathered = -1};
    const struct inn_axis *axis;
    int i;

    if (op == NULL || op->lower == NULL || node->n_inputs < 2 ||
        node->n_inputs > 4 || node->n_outputs != 1)
        return INN_OK;
    for (i = 0; i < node->n_inputs; i++)
        seen.in[i] = inn_shapes_get(&s->shapes, node->inputs[i]);
    if (seen.in[0] == NULL || seen.in[1] == NULL ||
        inn_shapes_get(&s->shapes, node->outputs[0]) == NULL)
        return INN_OK;
    out = *inn_shapes_get(&s->shapes, node->outputs[0]);
    seen.y_rank = out.rank;
    c.n_in = node->n_inputs;
    seen.weight_at = 1;
    r.weight = weight_of(model, node->inputs[1]);
    if (r.weight < 0) {
        seen.weight_at = 0;
        r.weight = weight_of(model, node->inputs[0]);
    }
    if (r.weight < 0)
        return INN_OK;
    r.x = node->inputs[1 - seen.weight_at];
    if (r.x < 0 || seen.in[seen.weight_at]->rank < 2 ||
        !op->lower(&c, &seen.prim) || !describe(&r, &seen) ||
        seen.in[1 - seen.weight_at]->rank < 2)
        return INN_OK;
    axis = inn_model_axis(model, r.weight, r.axis);
    /* A depthwise transposed convolution runs along it. */
    if (axis == NULL || axis->role != INN_ROLE_IN)
        return INN_OK;
    if (r.bias < 0)
        find_add(&r, s, &seen);
    return add_groups(s, &r, axis);
}

static enum inn_status find_uses(struct search *s)
{
    const struct inn_graph *graph = s->model->graph;
    size_t values = (size_t)graph->n_values;
    int k, i;

    s->uses = inn_arena_alloc(s->arena, values + 1, sizeof(int), s->err);
    s->reader = inn_arena_alloc(s->arena, values + 1, sizeof(int), s->err);
    if (s->uses == NULL || s->reader == NULL)
        return inn_refused(s->err);
    for (i = 0; i < graph->n_values; i++)
        s->reader[i] = -1;
    for (k = 0; k < graph->n_nodes; k++) {
        for (i = 0; i < graph->nodes[k].n_inputs; i++) {
            if (graph->nodes[k].inputs[i] >= 0)
                s->reader[graph->nodes[k].inputs[i]] = k;
        }
    }
    return inn_graph_count_uses(graph, s->uses);
}

enum inn_status inn_find_readers(struct inn_readers *readers,
                                 const struct inn_model *model,
                                 struct inn_arena *arena,
                                 struct inn_error *err)
{
    struct search s = {.model = model, .found = readers, .arena = arena,
                       .err = err};
    enum inn_status st;
    int k;

    memset(readers, 0, sizeof(*readers));
    st = inn_shapes_infer(&s.shapes, model->graph, model->bindings,
                          (size_t)model->n_bindings, INN_DEFAULT_SPATIAL,
                          (size_t)64 << 10, err);
    if (st == INN_OK)
        st = find_uses(&s);
    for (k = 0; k < model->graph->n_nodes && st == INN_OK; k++)
        st = add_node(&s, k);
    inn_shapes_free(&s.shapes);
    return st;
}

/* Offsets of the elements on all axes but two, in their order: [inner]. */
static enum inn_status other_offsets(size_t **offsets, size_t *inner,
                                     const struct inn_tensor *t, int a, int b,
                                     struct inn_arena *arena,
                                     struct inn_error *err)
{
    size_t step = 1, count = 1, i;
    int k;

    for (k = 0; k < t->rank; k++)
        count *= k == a || k == b ? 1 : (size_t)t->dims[k];
    *inner = count;
    *offsets = inn_arena_alloc(arena, count, sizeof(**offsets), err);
    if (*offsets == NULL)
        return inn_refused(err);
    /* From the last axis on; before it the axes behind repeat. */
    for (k = t->rank - 1, count = 1; k >= 0; k--) {
        size_t n = (size_t)t->dims[k];

        if (k != a && k != b) {
            for (i = count; i < count * n; i++)
                (*offsets)[i] = (*offsets)[i % count] + i / count * step;
            count *= n;
        }
        step *= n;
    }
    return INN_OK;
}

/* Elements between neighbours on the axis. */
static size_t step_of(const struct inn_tensor *t, int axis)
{
    size_t step = 1;
    int k;

    for (k = axis + 1; k < t->rank; k++)
        step *= (size_t)t->dims[k];
    return step;
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
    size_t n = (size_t)model->groups[r->group].size, taps, lone, f, o, p, i;
    size_t rows = (size_t)t->dims[r->out], inner, *offsets;
    size_t row_step = step_of(t, r->out), step = step_of(t, r->axis);
    struct inn_slots s;
    enum inn_status st;
    double *data, *to;

    st = inn_axis_slots(&s, model, axis, r->group, full, arena, err);
    if (st == INN_OK)
        st = other_offsets(&offsets, &inner, t, r->axis, r->out, arena, err);
    if (st != INN_OK)
        return st;
    data = inn_arena_alloc(arena, inn_tensor_count(t), sizeof(*data), err);
    if (data == NULL)
        return inn_refused(err);
    inn_convert_elements(data, INN_F64, t->data, t->type,
                         inn_tensor_count(t));
    taps = (size_t)(r->kernel[0] * r->kernel[1]);
    lone = taps == inner ? 1 : inner; /* taps that count as outputs */
    taps = taps == inner ? inner : 1;
    *outputs = (int64_t)(rows * (size_t)s.functions * lone);
    *arranged = inn_arena_alloc(arena, (size_t)*outputs,
                                n * taps * sizeof(double), err);
    if (*arranged == NULL)
        return inn_refused(err);
    for (o = 0; o < rows; o++) {
        for (f = 0; f < (size_t)s.functions; f++) {
            to = *arranged + (o * (size_t)s.functions + f) * lone * n * taps;
            for (p = 0; p < n; p++) {
                size_t from = o * row_step + (size_t)s.at[f * n + p] * step;

                for (i = 0; i < inner; i++)
                    to[lone > 1 ? i * n + p : p * taps + i] =
                        data[from + offsets[i]];
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

    for (k = 0; k < t->rank; k++)
        inner *= k == reader->axis || k == reader->out ? 1 : t->dims[k];
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
