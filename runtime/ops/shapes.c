/*
 * Shapes, types and small constants of a whole graph, in graph order. Relies
 * on each row's infer to check what it is given; what a row can't say stays
 * unknown, and so does all behind it.
 */
#include "runtime/ops/shapes.h"

#include <string.h>

#include "runtime/base/checked.h"
#include "runtime/base/error.h"
#include "runtime/ops/common.h"
#include "runtime/ops/schema.h"

/* All constants together, in multiples of what one may have. */
#define FOLD_TOTAL 8
/* Of a value, and of a graph node that isn't folded. */
#define VALUE_WORK 8
#define NODE_WORK 64

struct pass {
    struct inn_shapes *shapes;
    const struct inn_graph *graph;
    const struct inn_binding *bindings;
    size_t n_bindings;
    int *bound; /* by value: the first binding of that input, or -1 */
    int64_t spatial;
    size_t fold_bytes;
    size_t budget; /* bytes left for all constants */
    bool *is_weight; /* by value: an initializer, perhaps under a new name */
    const struct inn_tensor **in;
    struct inn_tensor *out;
    struct inn_error *err;
};

static bool has_symbol(const struct inn_graph *graph, const char *symbol)
{
    int i, k;

    for (i = 0; i < graph->n_inputs; i++) {
        const struct inn_value *v = &graph->values[graph->inputs[i]];

        for (k = 0; k < v->rank; k++) {
            if (v->dims[k].symbol != NULL &&
                strcmp(v->dims[k].symbol, symbol) == 0)
                return true;
        }
    }
    return false;
}

/* Whether the sizes given for an input fit what the file declares. */
static enum inn_status check_input_binding(const struct inn_graph *graph,
                                           const struct inn_binding *b,
                                           struct inn_error *err)
{
    int i, v = inn_graph_find(graph, b->name);
    const struct inn_value *value;
    char text[INN_SHAPE_TEXT];

    if (v < 0 || !graph->values[v].is_input)
        return inn_fail(err, INN_ERR_ARGUMENT,
                        "the network has no input called '%s'", b->name);
    if (b->rank > INN_MAX_RANK)
        return inn_fail(err, INN_ERR_ARGUMENT,
                        "input '%s': %d dimensions were given, %d are the "
                        "most", b->name, b->rank, INN_MAX_RANK);
    value = &graph->values[v];
    if (value->rank >= 0 && value->rank != b->rank)
        return inn_fail(err, INN_ERR_ARGUMENT,
                        "input '%s' has %d dimensions, the given shape %s "
                        "has %d", b->name, value->rank,
                        inn_shape_text(text, b->rank, b->dims), b->rank);
    for (i = 0; i < b->rank; i++) {
        if (b->dims[i] < 0)
            return inn_fail(err, INN_ERR_ARGUMENT,
                            "input '%s': %lld is no size for axis %d",
                            b->name, (long long)b->dims[i], i);
        if (value->rank >= 0 && value->dims[i].size >= 0 &&
            value->dims[i].size != b->dims[i])
            return inn_fail(err, INN_ERR_ARGUMENT,
                            "input '%s' has %lld elements on axis %d, the "
                            "given shape has %lld", b->name,
                            (long long)value->dims[i].size, i,
                            (long long)b->dims[i]);
    }
    return INN_OK;
}

enum inn_status inn_bindings_check(const struct inn_graph *graph,
                                   const struct inn_binding *bindings,
                                   size_t n, struct inn_error *err)
{
    enum inn_status st = INN_OK;
    size_t i;

    for (i = 0; i < n && st == INN_OK; i++) {
        const struct inn_binding *b = &bindings[i];

        if (b->rank >= 0)
            st = check_input_binding(graph, b, err);
        else if (!has_symbol(graph, b->name))
            st = inn_fail(err, INN_ERR_ARGUMENT,
                          "no input has a dimension called '%s'", b->name);
        else if (b->dims[0] < 0)
            st = inn_fail(err, INN_ERR_ARGUMENT,
                          "dimension '%s': %lld is no size", b->name,
                          (long long)b->dims[0]);
    }
    return st;
}

/* Who is bound by which: one look per binding, however many inputs. */
static void find_bound(struct pass *p)
{
    size_t i;
    int v;

    for (v = 0; v < p->graph->n_values; v++)
        p->bound[v] = -1;
    for (i = 0; i < p->n_bindings; i++) {
        if (p->bindings[i].rank < 0)
            continue;
        v = inn_graph_find(p->graph, p->bindings[i].name);
        if (p->bound[v] < 0)
            p->bound[v] = (int)i;
    }
}

/* What a symbol was given, itself or by an input that carries it; or -1. */
static int64_t symbol_size(const struct pass *p, const char *symbol)
{
    size_t i;
    int k;

    for (i = 0; i < p->n_bindings; i++) {
        const struct inn_binding *b = &p->bindings[i];
        const struct inn_value *v;

        if (b->rank < 0) {
            if (strcmp(b->name, symbol) == 0)
                return b->dims[0];
            continue;
        }
        v = &p->graph->values[inn_graph_find(p->graph, b->name)];
        for (k = 0; k < v->rank; k++) {
            if (v->dims[k].symbol != NULL &&
                strcmp(v->dims[k].symbol, symbol) == 0)
                return b->dims[k];
        }
    }
    return -1;
}

static enum inn_status place_input(struct pass *p, int v)
{
    const struct inn_value *value = &p->graph->values[v];
    const struct inn_binding *b =
        p->bound[v] >= 0 ? &p->bindings[p->bound[v]] : NULL;
    int64_t dims[INN_MAX_RANK] = {0};
    int i, rank = b != NULL ? b->rank : value->rank;
    enum inn_status st;

    if (rank < 0 || inn_type_size(value->type) == 0)
        return INN_OK;
    for (i = 0; i < rank; i++) {
        if (b != NULL) {
            dims[i] = b->dims[i];
            continue;
        }
        dims[i] = value->dims[i].size;
        if (dims[i] < 0 && value->dims[i].symbol != NULL)
            dims[i] = symbol_size(p, value->dims[i].symbol);
        if (dims[i] < 0)
            dims[i] = i == 0 ? 1 : p->spatial;
    }
    st = inn_tensor_init(&p->shapes->known[v], value->type, rank, dims,
                         p->err);
    if (st != INN_OK)
        inn_error_prefix(p->err, "input '%s'", value->name);
    p->shapes->is_known[v] = st == INN_OK;
    return st;
}

/* Room for what the graph nodes take and give, at most. */
static enum inn_status make_room(struct pass *p)
{
    const struct inn_graph *g = p->graph;
    struct inn_shapes *s = p->shapes;
    size_t n = (size_t)g->n_values;
    int i, most_in = 0, most_out = 0;

    for (i = 0; i < g->n_nodes; i++) {
        if (g->nodes[i].n_inputs > most_in)
            most_in = g->nodes[i].n_inputs;
        if (g->nodes[i].n_outputs > most_out)
            most_out = g->nodes[i].n_outputs;
    }
    s->known = inn_arena_alloc(&s->arena, n, sizeof(*s->known), p->err);
    if (s->known == NULL)
        return inn_refused(p->err);
    s->is_known = inn_arena_alloc(&s->arena, n, sizeof(*s->is_known),
                                  p->err);
    if (s->is_known == NULL)
        return inn_refused(p->err);
    p->is_weight = inn_arena_alloc(&s->arena, n, sizeof(*p->is_weight),
                                   p->err);
    if (p->is_weight == NULL)
        return inn_refused(p->err);
    s->steady = inn_arena_alloc(&s->arena, n, sizeof(*s->steady), p->err);
    if (s->steady == NULL)
        return inn_refused(p->err);
    p->bound = inn_arena_alloc(&s->arena, n, sizeof(*p->bound), p->err);
    if (p->bound == NULL)
        return inn_refused(p->err);
    s->n_values = g->n_values;
    p->in = inn_arena_alloc(&s->arena, (size_t)most_in, sizeof(*p->in),
                            p->err);
    if (p->in == NULL)
        return inn_refused(p->err);
    p->out = inn_arena_alloc(&s->arena, (size_t)most_out, sizeof(*p->out),
                             p->err);
    return p->out != NULL ? INN_OK : inn_refused(p->err);
}

static bool is_type(const struct inn_node *node, const char *type)
{
    return node->domain[0] == '\0' && strcmp(node->op_type, type) == 0 &&
           node->n_inputs == 1 && node->inputs[0] >= 0 &&
           node->n_outputs == 1;
}

static bool is_shape(const struct inn_node *node)
{
    return is_type(node, "Shape") || is_type(node, "Size");
}

/*
 * Whether the outputs are the same at every run in these sizes: made of what
 * is steady, or a shape. Whoever has no inputs is, if he is no generator of
 * random numbers: those have no kernel here.
 */
static bool is_steady(const struct pass *p, const struct inn_node *node,
                      const struct inn_op *op)
{
    int i;

    if (op == NULL || op->infer == NULL || node->n_captures > 0 ||
        (node->n_inputs == 0 && op->run == NULL))
        return false;
    if (is_shape(node))
        return inn_shapes_get(p->shapes, node->inputs[0]) != NULL;
    for (i = 0; i < node->n_inputs; i++) {
        if (node->inputs[i] >= 0 && !p->shapes->steady[node->inputs[i]])
            return false;
    }
    return true;
}

/* Inputs of the graph node into p->in; false where one is unknown. */
static bool gather_inputs(struct pass *p, const struct inn_node *node,
                          bool *constant)
{
    int i;

    *constant = node->n_captures == 0;
    for (i = 0; i < node->n_inputs; i++) {
        int v = node->inputs[i];

        p->in[i] = v < 0 ? NULL : inn_shapes_get(p->shapes, v);
        if (v >= 0 && p->in[i] == NULL)
            return false;
        if (v >= 0 && (p->in[i]->data == NULL ||
                       inn_type_size(p->in[i]->type) == 0))
            *constant = false;
    }
    return true;
}

/*
 * A weight kept in a short float and widened by the graph is a constant to
 * all who ask, whatever its size: it costs no more than the file's own bytes
 * twice.
 */
static bool is_widened_weight(const struct pass *p, const struct inn_infer *c)
{
    return is_type(c->node, "Cast") && p->is_weight[c->node->inputs[0]] &&
           c->out[0].type == INN_F32 && c->out[0].data == NULL &&
           (c->in[0]->type == INN_F16 || c->in[0]->type == INN_BF16);
}

/* Whether the outputs are to be computed. */
static bool may_fold(struct pass *p, const struct inn_infer *c)
{
    bool missing = false;
    size_t bytes = 0;
    int i;

    for (i = 0; i < c->n_out; i++) {
        if (c->out[i].type == INN_UNDEFINED ||
            !inn_add_size(&bytes, bytes, c->out[i].bytes))
            return false;
        missing = missing || c->out[i].data == NULL;
    }
    if (is_type(c->node, "Identity") || is_widened_weight(p, c))
        return true;
    if (!missing || bytes > p->fold_bytes || bytes > p->budget ||
        inn_node_macs(c) > INN_FOLD_MACS)
        return false;
    p->budget -= bytes;
    return true;
}

/* What it costs to fold a graph node, roughly. */
static void note_work(struct pass *p, const struct inn_infer *c)
{
    size_t bytes = 0;
    int64_t *work = &p->shapes->work;
    int i;

    for (i = 0; i < c->n_in; i++)
        inn_add_size(&bytes, bytes, c->in[i] != NULL ? c->in[i]->bytes : 0);
    for (i = 0; i < c->n_out; i++)
        inn_add_size(&bytes, bytes, c->out[i].bytes);
    if (bytes > INT64_MAX / 2 || !inn_add_i64(work, *work, (int64_t)bytes) ||
        !inn_add_i64(work, *work, inn_node_macs(c)))
        *work = INT64_MAX;
}

/* Indices, shapes and the like are read to infer; weights are not. */
static void note_lists(struct pass *p, const struct inn_infer *c)
{
    int i;

    for (i = 0; i < c->n_in; i++) {
        const struct inn_tensor *t = c->in[i];

        if (t != NULL && t->data != NULL && !inn_type_is_float(t->type) &&
            !inn_add_i64(&p->shapes->work, p->shapes->work,
                         (int64_t)(t->bytes / 2)))
            p->shapes->work = INT64_MAX;
    }
}

/* Computes the outputs of a graph node whose inputs all have data. */
static enum inn_status fold_node(struct pass *p, const struct inn_op *op,
                                 struct inn_infer *c)
{
    struct inn_run run = {c->node, c->in, c->out, c->n_in, c->n_out, 0,
                          p->err};
    struct inn_arena scratch;
    enum inn_status st = INN_OK;
    int i;

    inn_arena_init(&scratch, p->graph->heap);
    note_work(p, c);
    if (is_type(c->node, "Identity")) {
        c->out[0].data = c->in[0]->data;
        if (c->node->outputs[0] >= 0)
            p->is_weight[c->node->outputs[0]] =
                p->is_weight[c->node->inputs[0]];
        goto out;
    }
    for (i = 0; i < c->n_out; i++) {
        struct inn_tensor *t = &c->out[i];

        t->data = inn_arena_alloc(&p->shapes->arena, t->bytes, 1, p->err);
        if (t->data == NULL) {
            st = inn_refused(p->err);
            goto out;
        }
    }
    st = inn_op_run(op, &run, &scratch);
    if (st == INN_ERR_UNSUPPORTED) {
        for (i = 0; i < c->n_out; i++)
            c->out[i].data = NULL;
        st = INN_OK;
    }
out:
    inn_arena_free(&scratch);
    return st;
}

/* What an input that carries the symbol was placed with; or -1. */
static int64_t placed_size(const struct pass *p, const char *symbol)
{
    int i, k;

    for (i = 0; i < p->graph->n_inputs; i++) {
        int v = p->graph->inputs[i];
        const struct inn_value *value = &p->graph->values[v];
        const struct inn_tensor *t = inn_shapes_get(p->shapes, v);

        for (k = 0; t != NULL && k < value->rank && k < t->rank; k++) {
            if (value->dims[k].symbol != NULL &&
                strcmp(value->dims[k].symbol, symbol) == 0)
                return t->dims[k];
        }
    }
    return -1;
}

/*
 * Outputs of an operator that we don't know have the shapes that the file
 * declares. Its inputs are pinned, so widths don't change them.
 */
static enum inn_status place_declared(struct pass *p,
                                      const struct inn_node *node)
{
    enum inn_status st = INN_OK;
    int i, k;

    for (i = 0; i < node->n_outputs && st == INN_OK; i++) {
        const struct inn_value *value;
        int64_t dims[INN_MAX_RANK];
        int v = node->outputs[i];

        if (v < 0)
            continue;
        value = &p->graph->values[v];
        if (!value->declared || inn_type_size(value->type) == 0 ||
            value->rank < 0)
            continue;
        for (k = 0; k < value->rank; k++) {
            dims[k] = value->dims[k].size;
            if (dims[k] < 0 && value->dims[k].symbol != NULL)
                dims[k] = placed_size(p, value->dims[k].symbol);
            if (dims[k] < 0)
                break;
        }
        if (k < value->rank)
            continue;
        st = inn_tensor_init(&p->shapes->known[v], value->type, value->rank,
                             dims, p->err);
        if (st != INN_OK)
            inn_error_prefix(p->err, "value '%s'", value->name);
        p->shapes->is_known[v] = st == INN_OK;
    }
    return st;
}

static enum inn_status infer_node(struct pass *p, const struct inn_node *node)
{
    const struct inn_op *op = inn_node_op(node);
    struct inn_infer c = {.node = node, .in = p->in, .out = p->out,
                          .n_in = node->n_inputs, .n_out = node->n_outputs,
                          .arena = &p->shapes->arena, .err = p->err};
    bool constant, steady = is_steady(p, node, op);
    enum inn_status st;
    int i;

    for (i = 0; i < node->n_outputs; i++) {
        if (node->outputs[i] >= 0)
            p->shapes->steady[node->outputs[i]] = steady;
    }
    if (op == NULL || op->infer == NULL)
        return place_declared(p, node);
    if (!gather_inputs(p, node, &constant))
        return INN_OK;
    note_lists(p, &c);
    memset(p->out, 0, (size_t)node->n_outputs * sizeof(*p->out));
    st = inn_op_infer(op, &c);
    if (st == INN_ERR_UNSUPPORTED)
        return INN_OK;
    if (st == INN_OK && constant && op->run != NULL && may_fold(p, &c))
        st = fold_node(p, op, &c);
    for (i = 0; i < node->n_outputs && st == INN_OK; i++) {
        int v = node->outputs[i];

        if (v < 0 || p->out[i].type == INN_UNDEFINED)
            continue;
        p->shapes->known[v] = p->out[i];
        p->shapes->is_known[v] = true;
    }
    return st;
}

/* A graph node's part of the sums. */
static void count_node(struct inn_shapes *s, const struct inn_node *node)
{
    int64_t macs;

    if (inn_shapes_count(&macs, s, node) != INN_COUNTED)
        s->uncounted++;
    if (!inn_add_i64(&s->macs, s->macs, macs))
        s->macs = INT64_MAX;
    if (!inn_add_i64(&s->work, s->work, NODE_WORK))
        s->work = INT64_MAX;
}

enum inn_status inn_shapes_infer(struct inn_shapes *shapes,
                                 const struct inn_graph *graph,
                                 const struct inn_binding *bindings,
                                 size_t n_bindings, int64_t spatial,
                                 size_t fold_bytes, struct inn_error *err)
{
    struct inn_error local = {INN_OK, ""};
    struct pass p = {.shapes = shapes, .graph = graph, .bindings = bindings,
                     .n_bindings = n_bindings, .spatial = spatial,
                     .fold_bytes = fold_bytes, .budget = SIZE_MAX,
                     .err = &local};
    enum inn_status st;
    int i;

    memset(shapes, 0, sizeof(*shapes));
    inn_arena_init(&shapes->arena, graph->heap);
    inn_mul_size(&p.budget, fold_bytes, FOLD_TOTAL);
    st = inn_bindings_check(graph, bindings, n_bindings, &local);
    if (st == INN_OK)
        st = make_room(&p);
    if (st == INN_OK)
        find_bound(&p);
    shapes->work = (int64_t)graph->n_values * VALUE_WORK;
    for (i = 0; i < graph->n_values && st == INN_OK; i++) {
        const struct inn_value *v = &graph->values[i];

        if (v->init != NULL) {
            shapes->known[i] = *v->init;
            shapes->is_known[i] = p.is_weight[i] = true;
            shapes->steady[i] = true;
        } else if (v->is_input) {
            st = place_input(&p, i);
        }
    }
    for (i = 0; i < graph->n_nodes && st == INN_OK; i++) {
        const struct inn_node *node = &graph->nodes[i];

        if (node->n_outputs > 0 && node->outputs[0] >= 0 &&
            graph->values[node->outputs[0]].init != NULL)
            continue;
        st = infer_node(&p, node);
        if (st == INN_OK)
            count_node(shapes, node);
        shapes->n_done = i + (st == INN_OK);
    }
    if (st != INN_OK && err != NULL)
        *err = local;
    return st;
}

void inn_shapes_free(struct inn_shapes *shapes)
{
    if (shapes->arena.heap != NULL)
        inn_arena_free(&shapes->arena);
    memset(shapes, 0, sizeof(*shapes));
}

const struct inn_tensor *inn_shapes_get(const struct inn_shapes *shapes,
                                        int v)
{
    if (v < 0 || v >= shapes->n_values || !shapes->is_known[v])
        return NULL;
    return &shapes->known[v];
}
