/*
 * Biases after a cut by least squares: what a dropped channel was on average
 * beyond what the kept ones say goes into the bias of whoever summed it,
 *   b' = b + scale · Σ_t W_t (μ − A μ_S)            (fidelity: section 4)
 * with W the weight before its sum was thinned out.
 */
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/grid/internal.h"
#include "runtime/grid/moments.h"
#include "runtime/grid/slots.h"
#include "runtime/ops/common.h"

/* One consumer at work. */
struct correction {
    const struct inn_sampling *s;
    const struct inn_consumer *c;
    struct inn_graph *graph;
    struct inn_arena arena;
    const struct inn_tensor *grid; /* of the weight, as stored */
    double *data;                  /* the grid in double */
    double *delta;                 /* [outputs] before sampling the outputs */
    int64_t outputs;
    struct inn_error *err;
};

static enum inn_status load_weight(struct correction *k)
{
    const struct inn_model *model = k->s->model;
    const struct inn_weight *w = inn_model_weight(model, k->c->weight);
    size_t count = inn_tensor_count(&w->grid);
    const void *stored = w->grid.data;
    enum inn_status st;
    void *loaded;

    k->grid = &w->grid;
    k->data = inn_arena_alloc(&k->arena, count, sizeof(*k->data), k->err);
    if (k->data == NULL)
        return inn_refused(k->err);
    if (stored == NULL) {
        loaded = inn_arena_alloc(&k->arena, w->grid.bytes, 1, k->err);
        if (loaded == NULL)
            return inn_refused(k->err);
        st = model->source.load(model->source.state,
                                (int)(w - model->weights), loaded, k->err);
        if (st != INN_OK)
            return st;
        stored = loaded;
    }
    inn_convert_elements(k->data, INN_F64, stored, w->grid.type, count);
    return INN_OK;
}

/* offset of every element of the weight's summed axis; 0 of other groups. */
static enum inn_status spread_offset(struct correction *k, double **offset)
{
    const struct inn_model *model = k->s->model;
    const struct inn_axis *axis = inn_model_axis(model, k->c->weight,
                                                 k->c->axis);
    int group = model->moments[k->c->moments].group;
    const struct inn_lsq *lsq = &k->s->lsq[k->c->moments];
    struct inn_slots from;
    enum inn_status st;
    int64_t f, p;

    *offset = inn_arena_alloc(&k->arena, (size_t)k->grid->dims[k->c->axis],
                              sizeof(**offset), k->err);
    if (*offset == NULL)
        return inn_refused(k->err);
    st = inn_axis_slots(&from, model, axis, group, k->s->nodes, &k->arena,
                        k->err);
    for (f = 0; st == INN_OK && f < from.functions; f++) {
        for (p = 0; p < from.width; p++)
            (*offset)[from.at[f * from.width + p]] = lsq->offset[p];
    }
    return st;
}

/* delta[o] = Σ W[…] offset over all axes but out. */
static void sum_offsets(struct correction *k, const double *offset)
{
    const struct inn_tensor *t = k->grid;
    size_t count = inn_tensor_count(t), i;
    int64_t index[INN_MAX_RANK] = {0};
    int a;

    for (i = 0; i < count; i++) {
        k->delta[index[k->c->out]] += k->data[i] * offset[index[k->c->axis]];
        for (a = t->rank - 1; a >= 0 && ++index[a] == t->dims[a]; a--)
            index[a] = 0;
    }
}

/* delta at the sampled outputs: the map of their axis applied to it. */
static enum inn_status sample_outputs(struct correction *k, double **sampled,
                                      int64_t *n)
{
    const struct inn_model *model = k->s->model;
    const struct inn_axis *axis = inn_model_axis(model, k->c->weight,
                                                 k->c->out);
    int64_t row = 0, col = 0, f, i, j;
    struct inn_slots *to, *from;
    enum inn_status st;
    int n_slots, s, g;

    *sampled = k->delta;
    *n = k->outputs;
    if (axis == NULL)
        return INN_OK;
    *n = inn_axis_length(model, axis, k->s->widths);
    *sampled = inn_arena_alloc(&k->arena, (size_t)*n, sizeof(**sampled),
                               k->err);
    if (*sampled == NULL)
        return inn_refused(k->err);
    st = inn_axis_all_slots(&to, &n_slots, model, axis, k->s->widths,
                            &k->arena, k->err);
    if (st == INN_OK)
        st = inn_axis_all_slots(&from, &n_slots, model, axis, k->s->nodes,
                                &k->arena, k->err);
    if (st != INN_OK)
        return st;
    for (g = 0; g < n_slots; g++) {
        const struct inn_axis_map *map = &k->s->maps[to[g].group].values;

        for (f = 0; f < to[g].functions; f++) {
            for (i = 0; i < map->rows; i++) {
                double sum = 0;

                for (j = map->start[i]; j < map->start[i + 1]; j++)
                    sum += map->weight[j] *
                           k->delta[from[g].at[f * from[g].width +
                                               map->col[j]]];
                (*sampled)[to[g].at[f * to[g].width + i]] = sum;
            }
        }
    }
    for (s = 0; s < axis->n_spans; s++) {
        const struct inn_span *span = &axis->spans[s];

        for (i = 0; span->group < 0 && i < span->count; i++)
            (*sampled)[row + i] = k->delta[col + i];
        row += inn_span_length(model, span, k->s->widths);
        col += inn_span_length(model, span, k->s->nodes);
    }
    return INN_OK;
}

/* A new initializer for the bias; *value is its number. */
static enum inn_status new_bias(struct correction *k, int *value,
                                const struct inn_tensor *like)
{
    struct inn_graph *graph = k->graph;
    const char *stem, *name;
    struct inn_tensor *t;
    enum inn_status st;

    stem = inn_arena_printf(&graph->arena, k->err, "%s.bias",
                            graph->values[k->c->weight].name);
    name = stem == NULL ? NULL : inn_graph_fresh_name(graph, stem, k->err);
    t = inn_arena_alloc(&graph->arena, 1, sizeof(*t), k->err);
    if (name == NULL || t == NULL)
        return inn_refused(k->err);
    st = inn_tensor_new(t, &graph->arena, like->type, like->rank, like->dims,
                        k->err);
    if (st == INN_OK)
        st = inn_graph_add_value(graph, value, name, k->err);
    if (st == INN_OK)
        graph->values[*value].init = t;
    return st;
}

/* Gives the graph node room for its bias input. */
static enum inn_status extend_inputs(struct correction *k,
                                     struct inn_node *node)
{
    int *inputs, i;

    if (node->n_inputs > k->c->bias)
        return INN_OK;
    inputs = inn_arena_alloc(&k->graph->arena, (size_t)k->c->bias + 1,
                             sizeof(*inputs), k->err);
    if (inputs == NULL)
        return inn_refused(k->err);
    for (i = 0; i <= k->c->bias; i++)
        inputs[i] = i < node->n_inputs ? node->inputs[i] : -1;
    node->inputs = inputs;
    node->n_inputs = k->c->bias + 1;
    return INN_OK;
}

/* The type in which the graph node reads the weight: a Cast may lie between. */
static enum inn_type type_read(const struct correction *k)
{
    const struct inn_graph *graph = k->graph;
    const struct inn_node *node = &graph->nodes[k->c->node];
    int i, v, steps;

    for (i = 0; i < node->n_inputs; i++) {
        int64_t to = 0;

        v = node->inputs[i];
        for (steps = 0; v >= 0 && v != k->c->weight && steps < 8; steps++) {
            const struct inn_node *n = graph->values[v].producer >= 0
                                           ? &graph->nodes[graph->values[v]
                                                               .producer]
                                           : NULL;

            if (n == NULL || n->n_inputs < 1)
                break;
            if (to == 0 && strcmp(n->op_type, "Cast") == 0)
                to = inn_node_int(n, "to", 0);
            v = n->inputs[0];
        }
        if (v == k->c->weight && to != 0)
            return (enum inn_type)to;
    }
    return graph->values[k->c->weight].init->type;
}

/* Where the sum goes: an input of a graph node, and a shape to be there. */
struct place {
    int node, input;
    int axis;                     /* of shape, with the outputs */
    const struct inn_tensor *old; /* what is there; or NULL */
    struct inn_tensor shape;      /* without data */
};

/*
 * The bias as it will be: as it is, n long where it was one number (which
 * broadcasts) or nothing. False: computed, or nothing that could be added to.
 */
static bool find_place(struct place *p, const struct correction *k, int64_t n)
{
    bool add = k->c->bias < 0;
    int64_t dims[INN_MAX_RANK];
    int v, i, rank, back = add ? k->c->add_axis : 1;
    enum inn_type type;

    p->node = add ? k->c->add : k->c->node;
    p->input = add ? k->c->add_input : k->c->bias;
    v = k->graph->nodes[p->node].inputs[p->input];
    p->old = v >= 0 ? k->graph->values[v].init : NULL;
    if ((v >= 0 && p->old == NULL) ||
        (p->old != NULL && !inn_type_is_float(p->old->type)))
        return false;
    type = p->old != NULL ? p->old->type : type_read(k);
    if (p->old != NULL && add && inn_tensor_count(p->old) != 1) {
        p->shape = *p->old;
        p->axis = p->old->rank - back;
        return p->axis >= 0 && p->old->dims[p->axis] == n;
    }
    if (p->old != NULL && p->old->rank > 0 &&
        inn_tensor_count(p->old) == (size_t)n) {
        p->shape = *p->old; /* [n], perhaps with axes 1 long */
        for (p->axis = p->old->rank - 1;
             p->axis > 0 && p->old->dims[p->axis] != n; p->axis--)
            ;
        return p->old->dims[p->axis] == n;
    }
    if (p->old != NULL && inn_tensor_count(p->old) != 1)
        return false;
    rank = p->old != NULL && add && p->old->rank > back ? p->old->rank : back;
    for (i = 0; i < rank; i++)
        dims[i] = i == rank - back ? n : 1;
    p->axis = rank - back;
    return inn_tensor_init(&p->shape, type, rank, dims, k->err) == INN_OK;
}

/*
 * Adds sampled to the bias. One of another shape or with other readers is
 * replaced by one of this graph node's own.
 */
static enum inn_status add_to_bias(struct correction *k, const double *sampled,
                                   int64_t n, const int *uses, int n_uses)
{
    enum inn_status st = k->c->bias < 0
                             ? INN_OK
                             : extend_inputs(k,
                                             &k->graph->nodes[k->c->node]);
    struct place p;
    size_t count, inner, i;
    double *sum;
    int b, own;

    if (st != INN_OK || !find_place(&p, k, n))
        return st;
    count = inn_tensor_count(&p.shape);
    inner = inn_dims_product(p.shape.dims, p.axis + 1, p.shape.rank);
    sum = inn_arena_alloc(&k->arena, count, sizeof(*sum), k->err);
    if (sum == NULL)
        return inn_refused(k->err);
    if (p.old != NULL && inn_tensor_count(p.old) == count)
        inn_convert_elements(sum, INN_F64, p.old->data, p.old->type, count);
    for (i = 0; i < count; i++) {
        if (p.old != NULL && inn_tensor_count(p.old) == 1)
            sum[i] = inn_element_get(p.old->type, p.old->data, 0);
        sum[i] += k->c->scale * sampled[i / inner % (size_t)n];
    }
    b = own = k->graph->nodes[p.node].inputs[p.input];
    if (b < 0 || inn_tensor_count(p.old) != count ||
        (b < n_uses && uses[b] > 1)) {
        st = new_bias(k, &own, &p.shape);
        if (st != INN_OK)
            return st;
        k->graph->nodes[p.node].inputs[p.input] = own;
    }
    inn_convert_elements(k->graph->values[own].init->data,
                         k->graph->values[own].init->type, sum, INN_F64,
                         count);
    return INN_OK;
}

static enum inn_status correct(struct correction *k, const int *uses,
                               int n_uses)
{
    double *offset, *sampled;
    enum inn_status st = load_weight(k);
    int64_t n;

    if (st == INN_OK)
        st = spread_offset(k, &offset);
    if (st != INN_OK)
        return st;
    k->outputs = k->grid->dims[k->c->out];
    k->delta = inn_arena_alloc(&k->arena, (size_t)k->outputs,
                               sizeof(*k->delta), k->err);
    if (k->delta == NULL)
        return inn_refused(k->err);
    sum_offsets(k, offset);
    st = sample_outputs(k, &sampled, &n);
    return st == INN_OK ? add_to_bias(k, sampled, n, uses, n_uses) : st;
}

enum inn_status inn_correct_biases(struct inn_graph *graph,
                                   const struct inn_sampling *sampling,
                                   struct inn_error *err)
{
    const struct inn_model *model = sampling->model;
    enum inn_status st = INN_OK;
    int n_uses = graph->n_values, i;
    int *uses;

    if (model->n_consumers == 0)
        return INN_OK;
    uses = inn_alloc(model->heap, (size_t)n_uses, sizeof(*uses), err);
    if (uses == NULL)
        return inn_refused(err);
    st = inn_graph_count_uses(graph, uses);
    for (i = 0; st == INN_OK && i < model->n_consumers; i++) {
        struct correction k = {.s = sampling, .c = &model->consumers[i],
                               .graph = graph, .err = err};

        if ((k.c->bias < 0 && k.c->add_axis < 1) || k.c->scale == 0 ||
            sampling->lsq[k.c->moments].sums.rows == 0)
            continue;
        inn_arena_init(&k.arena, model->heap);
        st = correct(&k, uses, n_uses);
        inn_arena_free(&k.arena);
    }
    inn_free(model->heap, uses);
    return st;
}
