/*
 * Folds BatchNormalization into the Conv, ConvTranspose or Gemm before it.
 * The factor scale/√(variance + ε) and all products are formed in double and
 * rounded once, by this one function wherever a network is folded, so that a
 * network gives the same bits whoever folds it.
 */
#include <math.h>
#include <string.h>

#include "runtime/ops/common.h"
#include "runtime/ops/fold.h"
#include "runtime/ops/schema.h"
#include "runtime/ops/shapes.h"

enum { BN_SCALE = 1, BN_SHIFT, BN_MEAN, BN_VARIANCE };

struct pass {
    struct inn_graph *graph;
    struct inn_arena scratch;
    int *uses; /* by value, with room for a bias for each graph node */
    int *before;
    bool *drop;
    struct inn_bn_stats *stats;
    int n_stats;
    struct inn_error *err;
};

/* One pair of graph nodes at work; nothing is changed before all is known. */
struct pair {
    int bn, maker;        /* graph nodes */
    int axis;             /* of the weight, along the output channels */
    int64_t groups;       /* of a transposed convolution, else 1 */
    int64_t channels;     /* of the output */
    double beta;          /* of a Gemm, else 1 */
    const struct inn_tensor *weight, *bias; /* bias NULL: none */
    double *factor, *shift; /* by channel: y = factor x + shift */
    struct inn_tensor new_weight, new_bias;
};

/* The constant that input i of the graph node holds, or NULL. */
static const struct inn_tensor *constant(const struct pass *p,
                                         const struct inn_node *node, int i)
{
    const struct inn_tensor *t;

    if (i >= node->n_inputs || node->inputs[i] < 0)
        return NULL;
    t = p->graph->values[node->inputs[i]].init;
    return t != NULL && t->data != NULL && inn_type_is_float(t->type) ? t
                                                                      : NULL;
}

/* Where the weight has output channels; false: no graph node we know. */
static bool read_maker(const struct pass *p, struct pair *k)
{
    const struct inn_node *node = &p->graph->nodes[k->maker];
    const struct inn_tensor *w = constant(p, node, 1);

    if (node->domain[0] != '\0' || node->n_outputs != 1 || w == NULL ||
        p->uses[node->inputs[1]] != 1)
        return false;
    k->weight = w;
    k->groups = 1;
    k->beta = 1;
    if (strcmp(node->op_type, "Conv") == 0 && w->rank >= 3) {
        k->axis = 0;
    } else if (strcmp(node->op_type, "ConvTranspose") == 0 && w->rank >= 3) {
        k->axis = 1;
        k->groups = inn_node_int(node, "group", 1);
    } else if (strcmp(node->op_type, "Gemm") == 0 && w->rank == 2) {
        k->axis = inn_node_int(node, "transB", 0) != 0 ? 0 : 1;
        k->beta = inn_node_float(node, "beta", 1);
    } else {
        return false;
    }
    if (k->groups < 1 || w->dims[0] < 1 || w->dims[0] % k->groups != 0 ||
        w->dims[k->axis] < 1 || k->groups > INT32_MAX ||
        w->dims[k->axis] > INT32_MAX || k->beta == 0)
        return false;
    k->channels = w->dims[k->axis] * k->groups;
    return true;
}

/* The bias must be a constant with one value for each channel. */
static bool read_bias(const struct pass *p, struct pair *k)
{
    const struct inn_node *node = &p->graph->nodes[k->maker];
    const struct inn_tensor *b;

    k->bias = NULL;
    if (node->n_inputs < 3 || node->inputs[2] < 0)
        return true;
    b = constant(p, node, 2);
    if (b == NULL || b->type != k->weight->type)
        return false;
    k->bias = b;
    if (inn_tensor_count(b) == 1 && k->weight->rank == 2)
        return true; /* Gemm's C broadcasts */
    return inn_tensor_count(b) == (size_t)k->channels && b->rank >= 1 &&
           b->dims[b->rank - 1] == k->channels;
}

/* The vectors, that they are used, and that only the output is read. */
static bool read_batchnorm(const struct pass *p, const struct pair *k)
{
    const struct inn_node *bn = &p->graph->nodes[k->bn];
    int i;

    if (bn->n_inputs != 5 || bn->n_outputs < 1 || bn->outputs[0] < 0 ||
        inn_batchnorm_trains(bn))
        return false;
    if (bn->version < 9 && inn_node_int(bn, "spatial", 1) == 0)
        return false;
    for (i = 1; i < bn->n_outputs; i++) {
        if (bn->outputs[i] >= 0 && p->uses[bn->outputs[i]] > 0)
            return false;
    }
    for (i = BN_SCALE; i <= BN_VARIANCE; i++) {
        const struct inn_tensor *t = constant(p, bn, i);

        if (t == NULL || t->rank != 1 || t->dims[0] != k->channels)
            return false;
    }
    return true;
}

static double vector_at(const struct pass *p, const struct pair *k, int i,
                        int64_t c)
{
    const struct inn_tensor *t = constant(p, &p->graph->nodes[k->bn], i);

    return inn_element_get(t->type, t->data, (size_t)c);
}

/* factor and shift; *finite: they are numbers. */
static enum inn_status compute_factors(struct pass *p, struct pair *k,
                                       bool *finite)
{
    double epsilon = inn_node_float(&p->graph->nodes[k->bn], "epsilon",
                                    1e-5f);
    size_t n = (size_t)k->channels;
    int64_t c;

    *finite = false;
    k->factor = inn_arena_alloc(&p->scratch, n, sizeof(double), p->err);
    k->shift = inn_arena_alloc(&p->scratch, n, sizeof(double), p->err);
    if (k->factor == NULL || k->shift == NULL)
        return inn_refused(p->err);
    for (c = 0; c < k->channels; c++) {
        double b = 0;

        if (k->bias != NULL)
            b = inn_element_get(k->bias->type, k->bias->data,
                                inn_tensor_count(k->bias) == 1 ? 0
                                                               : (size_t)c);
        k->factor[c] = vector_at(p, k, BN_SCALE, c) /
                       sqrt(vector_at(p, k, BN_VARIANCE, c) + epsilon);
        k->shift[c] = ((k->beta * b - vector_at(p, k, BN_MEAN, c)) *
                           k->factor[c] +
                       vector_at(p, k, BN_SHIFT, c)) / k->beta;
        if (!isfinite(k->factor[c]) || !isfinite(k->shift[c]))
            return INN_OK;
    }
    *finite = true;
    return INN_OK;
}

/* Stores value; false where that is no number in the tensor's type. */
static bool store(struct inn_tensor *t, size_t i, double value)
{
    inn_element_set(t->type, t->data, i, value);
    return isfinite(inn_element_get(t->type, t->data, i)) != 0;
}

static enum inn_status compute_tensors(struct pass *p, struct pair *k,
                                       bool *finite)
{
    const struct inn_tensor *w = k->weight;
    size_t outer = inn_dims_product(w->dims, 0, k->axis);
    size_t n = (size_t)w->dims[k->axis], o, c, i, at = 0;
    size_t inner = inn_dims_product(w->dims, k->axis + 1, w->rank);
    size_t per_group = outer / (size_t)k->groups;
    enum inn_status st;

    *finite = true;
    st = inn_tensor_new(&k->new_weight, &p->graph->arena, w->type, w->rank,
                        w->dims, p->err);
    if (st == INN_OK)
        st = inn_tensor_new(&k->new_bias, &p->graph->arena, w->type, 1,
                            &k->channels, p->err);
    if (st != INN_OK)
        return st;
    for (o = 0; o < outer; o++) {
        size_t first = k->groups > 1 ? o / per_group * n : 0;

        for (c = 0; c < n; c++) {
            for (i = 0; i < inner; i++, at++) {
                double x = inn_element_get(w->type, w->data, at);

                if (!store(&k->new_weight, at, x * k->factor[first + c]))
                    *finite = false;
            }
        }
    }
    for (c = 0; c < (size_t)k->channels; c++) {
        if (!store(&k->new_bias, c, k->shift[c]))
            *finite = false;
    }
    return INN_OK;
}

/* A copy of vector i as f32. */
static enum inn_status keep_vector(struct pass *p, const struct pair *k,
                                   int i, struct inn_tensor *to)
{
    const struct inn_tensor *t = constant(p, &p->graph->nodes[k->bn], i);
    enum inn_status st;

    st = inn_tensor_new(to, &p->graph->arena, INN_F32, 1, t->dims, p->err);
    if (st == INN_OK)
        inn_convert_elements(to->data, INN_F32, t->data, t->type,
                             inn_tensor_count(t));
    return st;
}

static enum inn_status keep_stats(struct pass *p, const struct pair *k)
{
    const struct inn_node *bn = &p->graph->nodes[k->bn];
    struct inn_bn_stats *s = &p->stats[p->n_stats];
    enum inn_status st;

    s->node = bn->name;
    s->value = p->graph->values[bn->outputs[0]].name;
    s->epsilon = inn_node_float(bn, "epsilon", 1e-5f);
    st = keep_vector(p, k, BN_SCALE, &s->scale);
    if (st == INN_OK)
        st = keep_vector(p, k, BN_SHIFT, &s->shift);
    if (st == INN_OK)
        st = keep_vector(p, k, BN_MEAN, &s->mean);
    if (st == INN_OK)
        st = keep_vector(p, k, BN_VARIANCE, &s->variance);
    return st;
}

/*
 * The value that will hold the bias: the one the graph node has, else the
 * batch norm's shift, where nobody else reads it, else a new one.
 */
static enum inn_status choose_bias(struct pass *p, const struct pair *k,
                                   int *value)
{
    struct inn_graph *g = p->graph;
    const struct inn_node *maker = &g->nodes[k->maker];
    int shift = g->nodes[k->bn].inputs[BN_SHIFT];
    const char *name;
    char *stem;
    enum inn_status st;

    if (k->bias != NULL && p->uses[maker->inputs[2]] == 1 &&
        k->bias->rank == 1 && k->bias->dims[0] == k->channels) {
        *value = maker->inputs[2];
        return INN_OK;
    }
    if (p->uses[shift] == 1 && g->values[shift].producer < 0 &&
        g->values[shift].init->type == k->weight->type) {
        *value = shift;
        return INN_OK;
    }
    stem = inn_arena_printf(&p->scratch, p->err, "%s.bias",
                            g->values[maker->inputs[1]].name);
    name = stem == NULL ? NULL : inn_graph_fresh_name(g, stem, p->err);
    if (name == NULL)
        return inn_refused(p->err);
    st = inn_graph_add_value(g, value, name, p->err);
    if (st != INN_OK)
        return st;
    g->values[*value].init = inn_arena_alloc(&g->arena, 1,
                                             sizeof(struct inn_tensor),
                                             p->err);
    if (g->values[*value].init == NULL)
        return inn_refused(p->err);
    *g->values[*value].init = k->new_bias;
    return INN_OK;
}

/* Puts value in as the third input. */
static enum inn_status connect_bias(struct pass *p, const struct pair *k,
                                    int value)
{
    struct inn_node *maker = &p->graph->nodes[k->maker];
    int *inputs;

    if (maker->n_inputs < 3) {
        inputs = inn_arena_alloc(&p->graph->arena, 3, sizeof(*inputs),
                                 p->err);
        if (inputs == NULL)
            return inn_refused(p->err);
        memcpy(inputs, maker->inputs, 2 * sizeof(*inputs));
        inputs[2] = -1;
        maker->inputs = inputs;
        maker->n_inputs = 3;
    }
    if (maker->inputs[2] != value) {
        if (maker->inputs[2] >= 0)
            p->uses[maker->inputs[2]]--;
        p->uses[value]++;
        maker->inputs[2] = value;
    }
    if (k->weight->rank == 2 && maker->version < 7)
        return inn_node_set_int(p->graph, maker, "broadcast", 1, p->err);
    return INN_OK;
}

/* A constant of one user gets new contents, as an initializer. */
static void replace(struct pass *p, int value, const struct inn_tensor *t)
{
    struct inn_value *v = &p->graph->values[value];

    if (v->producer >= 0) {
        p->graph->nodes[v->producer].outputs[0] = -1;
        p->drop[v->producer] = true;
        v->producer = -1;
    }
    *v->init = *t;
}

static enum inn_status fold_pair(struct pass *p, struct pair *k)
{
    struct inn_graph *g = p->graph;
    struct inn_node *bn, *maker;
    enum inn_status st;
    int value, i, x, y;

    st = keep_stats(p, k);
    if (st == INN_OK)
        st = choose_bias(p, k, &value);
    if (st == INN_OK)
        st = connect_bias(p, k, value);
    if (st != INN_OK)
        return st;
    p->n_stats++;
    bn = &g->nodes[k->bn];
    maker = &g->nodes[k->maker];
    replace(p, value, &k->new_bias);
    replace(p, maker->inputs[1], &k->new_weight);
    for (i = BN_SCALE; i <= BN_VARIANCE; i++)
        p->uses[bn->inputs[i]]--;
    x = bn->inputs[0];
    y = bn->outputs[0];
    maker->outputs[0] = y;
    g->values[y].producer = k->maker;
    g->values[x].producer = -1;
    g->values[x].declared = false;
    p->uses[x] = 0;
    bn->outputs[0] = -1;
    p->drop[k->bn] = true;
    return INN_OK;
}

static enum inn_status visit(struct pass *p, int index)
{
    const struct inn_graph *g = p->graph;
    struct pair k = {.bn = index};
    enum inn_status st;
    bool finite;
    int x;

    if (strcmp(g->nodes[index].op_type, "BatchNormalization") != 0 ||
        g->nodes[index].domain[0] != '\0' || g->nodes[index].n_inputs < 1)
        return INN_OK;
    x = g->nodes[index].inputs[0];
    if (x < 0 || p->uses[x] != 1 || g->values[x].is_output)
        return INN_OK;
    k.maker = g->values[x].producer;
    if (k.maker < 0 || inn_schema_check(&g->nodes[index], NULL) != INN_OK ||
        inn_schema_check(&g->nodes[k.maker], NULL) != INN_OK ||
        !read_maker(p, &k) || !read_bias(p, &k) ||
        !read_batchnorm(p, &k))
        return INN_OK;
    st = compute_factors(p, &k, &finite);
    if (st == INN_OK && finite)
        st = compute_tensors(p, &k, &finite);
    if (st != INN_OK || !finite)
        return st;
    return fold_pair(p, &k);
}

static enum inn_status prepare(struct pass *p)
{
    struct inn_graph *g = p->graph;
    size_t values = (size_t)g->n_values + (size_t)g->n_nodes;
    size_t nodes = (size_t)g->n_nodes, n_bn = 0;
    size_t i;

    for (i = 0; i < nodes; i++)
        n_bn += strcmp(g->nodes[i].op_type, "BatchNormalization") == 0;
    p->uses = inn_arena_alloc(&p->scratch, values, sizeof(int), p->err);
    p->before = inn_arena_alloc(&p->scratch, values, sizeof(int), p->err);
    p->drop = inn_arena_alloc(&p->scratch, nodes, sizeof(bool), p->err);
    p->stats = inn_arena_alloc(&g->arena, n_bn, sizeof(*p->stats), p->err);
    if (p->uses == NULL || p->before == NULL || p->drop == NULL ||
        p->stats == NULL)
        return inn_refused(p->err);
    inn_graph_count_uses(g, p->uses);
    return inn_graph_count_uses(g, p->before);
}

enum inn_status inn_fold_batchnorm(struct inn_graph *graph,
                                   struct inn_bn_stats **stats, int *n_stats,
                                   struct inn_error *err)
{
    struct inn_error local = {INN_OK, ""};
    struct pass p = {.graph = graph, .err = &local};
    enum inn_status st;
    int i;

    if (stats != NULL) {
        *stats = NULL;
        *n_stats = 0;
    }
    inn_arena_init(&p.scratch, graph->heap);
    st = prepare(&p);
    for (i = 0; i < graph->n_nodes && st == INN_OK; i++)
        st = visit(&p, i);
    if (st == INN_OK)
        st = inn_fold_sweep(graph, p.drop, p.before, &local);
    if (st == INN_OK && stats != NULL) {
        *stats = p.stats;
        *n_stats = p.n_stats;
    }
    inn_arena_free(&p.scratch);
    if (st != INN_OK && err != NULL)
        *err = local;
    return st;
}
