/*
 * The network graph node by graph node over a whole batch. Each graph node
 * is a graph of its own and runs through a session, so convolutions are as
 * fast as anywhere; BatchNormalization is done here where the batch's own
 * statistics are wanted. A value dies with its last reader.
 */
#include "converter/moments/moments.h"

#include <math.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/base/threads.h"
#include "runtime/exec/session.h"

enum { BN_SCALE = 1, BN_SHIFT, BN_MEAN, BN_VARIANCE };

struct run {
    const struct inn_graph *graph;
    struct inn_heap *heap;
    struct inn_shapes shapes; /* at the batch's sizes; constants have data */
    struct inn_tensor *now;   /* by value: data while it is alive */
    int *uses;                /* by value: readers to come */
    bool standardise;
    inn_watch_fn *watch;
    void *state;
    int threads;
    struct inn_error *err;
};

static bool is_batchnorm(const struct inn_node *node)
{
    return strcmp(node->op_type, "BatchNormalization") == 0 &&
           node->domain[0] == '\0' && node->n_inputs >= 5;
}

static const struct inn_tensor *constant(const struct inn_graph *graph, int v)
{
    const struct inn_tensor *t = v >= 0 ? graph->values[v].init : NULL;

    return t != NULL && t->data != NULL && t->type == INN_F32 ? t : NULL;
}

/* Whether the stored variance was measured: placeholders are all alike. */
static bool has_statistics(const struct inn_graph *graph,
                           const struct inn_node *node)
{
    const struct inn_tensor *t = constant(graph, node->inputs[BN_VARIANCE]);
    const float *variance;
    size_t i, n;

    if (t == NULL)
        return false;
    variance = t->data;
    n = inn_tensor_count(t);
    for (i = 1; i < n; i++) {
        if (variance[i] != variance[0])
            return true;
    }
    return false;
}

bool inn_statistics_missing(const struct inn_graph *graph)
{
    int k;

    for (k = 0; k < graph->n_nodes; k++) {
        if (is_batchnorm(&graph->nodes[k]) &&
            has_statistics(graph, &graph->nodes[k]))
            return false;
    }
    return true;
}

/* What value v holds now: computed, or constant; NULL: neither. */
static const struct inn_tensor *holds(const struct run *r, int v)
{
    const struct inn_tensor *t;

    if (v < 0)
        return NULL;
    if (r->now[v].data != NULL)
        return &r->now[v];
    if (r->graph->values[v].init != NULL)
        return r->graph->values[v].init;
    t = inn_shapes_get(&r->shapes, v);
    return t != NULL && t->data != NULL ? t : NULL;
}

static enum inn_status keep(struct run *r, int v, const struct inn_tensor *t)
{
    r->now[v] = *t;
    r->now[v].data = inn_alloc_raw(r->heap, t->bytes, 1, r->err);
    if (r->now[v].data == NULL)
        return inn_refused(r->err);
    if (t->data != NULL)
        memcpy(r->now[v].data, t->data, t->bytes);
    return INN_OK;
}

/* One reader fewer; the last one frees. */
static void let_go(struct run *r, int v)
{
    if (v < 0 || --r->uses[v] > 0 || r->now[v].data == NULL)
        return;
    inn_free(r->heap, r->now[v].data);
    r->now[v].data = NULL;
}

struct norm {
    const float *in, *scale, *shift;
    float *out;
    size_t batch, channels, plane;
    double epsilon;
};

/* y = (x − mean)/√(variance + ε)·scale + shift, over batch and space. */
static void norm_channel(void *context, size_t c)
{
    const struct norm *n = context;
    double sum = 0, square = 0, count = (double)(n->batch * n->plane), by, mean;
    size_t b, i;

    for (b = 0; b < n->batch; b++) {
        const float *x = n->in + (b * n->channels + c) * n->plane;

        for (i = 0; i < n->plane; i++)
            sum += (double)x[i];
    }
    mean = sum / count;
    for (b = 0; b < n->batch; b++) {
        const float *x = n->in + (b * n->channels + c) * n->plane;

        for (i = 0; i < n->plane; i++)
            square += ((double)x[i] - mean) * ((double)x[i] - mean);
    }
    by = (double)n->scale[c] / sqrt(square / count + n->epsilon);
    for (b = 0; b < n->batch; b++) {
        size_t at = (b * n->channels + c) * n->plane;

        for (i = 0; i < n->plane; i++)
            n->out[at + i] = (float)(((double)n->in[at + i] - mean) * by +
                                     (double)n->shift[c]);
    }
}

static enum inn_status run_batchnorm(struct run *r,
                                     const struct inn_node *node)
{
    const struct inn_tensor *x = holds(r, node->inputs[0]);
    const struct inn_tensor *scale = constant(r->graph,
                                              node->inputs[BN_SCALE]);
    const struct inn_tensor *shift = constant(r->graph,
                                              node->inputs[BN_SHIFT]);
    struct inn_tensor like;
    struct norm n;
    enum inn_status st;

    if (x == NULL || x->type != INN_F32 || x->rank < 2 || scale == NULL ||
        shift == NULL || inn_tensor_count(scale) != (size_t)x->dims[1] ||
        inn_tensor_count(shift) != (size_t)x->dims[1] ||
        inn_tensor_count(x) == 0)
        return inn_fail(r->err, INN_ERR_UNSUPPORTED,
                        "BatchNormalization '%s' can't be standardised",
                        node->name);
    like = *x;
    like.data = NULL;
    st = keep(r, node->outputs[0], &like);
    if (st != INN_OK)
        return st;
    n.in = x->data;
    n.out = r->now[node->outputs[0]].data;
    n.scale = scale->data;
    n.shift = shift->data;
    n.batch = (size_t)x->dims[0];
    n.channels = (size_t)x->dims[1];
    n.plane = inn_tensor_count(x) / n.batch / n.channels;
    n.epsilon = (double)inn_node_float(node, "epsilon", 1e-5f);
    inn_parallel(r->threads, n.channels, norm_channel, &n);
    return INN_OK;
}

/* A graph of one graph node; what is computed enters as its inputs. */
static enum inn_status wrap(struct run *r, const struct inn_node *node,
                            struct inn_graph **out, struct inn_tensor *feeds,
                            int *n_feeds)
{
    struct inn_graph *g = NULL;
    enum inn_status st = inn_graph_new(&g, r->heap, r->err);
    struct inn_node *copy;
    int i, v, k;

    *out = g;
    *n_feeds = 0;
    if (st == INN_OK)
        st = inn_graph_add_node(g, &k, node->op_type, node->n_inputs,
                                node->n_outputs, 0, r->err);
    if (st != INN_OK)
        return st;
    g->inputs = inn_arena_alloc(&g->arena, (size_t)node->n_inputs + 1,
                                sizeof(int), r->err);
    g->outputs = inn_arena_alloc(&g->arena, (size_t)node->n_outputs + 1,
                                 sizeof(int), r->err);
    if (g->inputs == NULL || g->outputs == NULL)
        return inn_refused(r->err);
    copy = &g->nodes[0];
    copy->name = node->name;
    copy->domain = node->domain;
    copy->version = node->version;
    copy->attrs = node->attrs;
    copy->n_attrs = node->n_attrs;
    for (i = 0; i < node->n_inputs && st == INN_OK; i++) {
        const struct inn_tensor *t = holds(r, node->inputs[i]);
        const char *name;

        if (node->inputs[i] < 0)
            continue;
        if (t == NULL)
            return inn_fail(r->err, INN_ERR_UNSUPPORTED, "'%s' is not known",
                            r->graph->values[node->inputs[i]].name);
        name = inn_arena_printf(&g->arena, r->err, "in%d", i);
        st = name == NULL ? inn_refused(r->err)
                          : inn_graph_add_value(g, &v, name, r->err);
        if (st != INN_OK)
            break;
        copy->inputs[i] = v;
        if (t != &r->now[node->inputs[i]]) {
            g->values[v].init = inn_arena_alloc(&g->arena, 1, sizeof(*t),
                                                r->err);
            if (g->values[v].init == NULL)
                return inn_refused(r->err);
            *g->values[v].init = *t;
            continue;
        }
        g->values[v].is_input = g->values[v].declared = true;
        g->values[v].type = t->type;
        g->values[v].rank = t->rank;
        for (k = 0; k < t->rank; k++)
            g->values[v].dims[k].size = t->dims[k];
        g->inputs[g->n_inputs++] = v;
        feeds[(*n_feeds)++] = *t;
    }
    for (i = 0; i < node->n_outputs && st == INN_OK; i++) {
        const char *name = inn_arena_printf(&g->arena, r->err, "out%d", i);

        if (node->outputs[i] < 0)
            continue;
        st = name == NULL ? inn_refused(r->err)
                          : inn_graph_add_value(g, &v, name, r->err);
        if (st != INN_OK)
            break;
        copy->outputs[i] = v;
        g->values[v].producer = 0;
        g->values[v].is_output = true;
        g->outputs[g->n_outputs++] = v;
    }
    return st;
}

static enum inn_status run_node(struct run *r, const struct inn_node *node)
{
    struct inn_session_options options = {.threads = r->threads};
    struct inn_session *session = NULL;
    const struct inn_tensor *results;
    struct inn_tensor *feeds;
    struct inn_graph *g = NULL;
    enum inn_status st;
    int i, n, k = 0;

    feeds = inn_alloc(r->heap, (size_t)node->n_inputs, sizeof(*feeds), r->err);
    if (feeds == NULL)
        return inn_refused(r->err);
    st = wrap(r, node, &g, feeds, &n);
    if (st == INN_OK)
        st = inn_session_new(&session, g, &options, r->err);
    if (st == INN_OK)
        st = inn_session_run(session, &results, feeds, n, r->err);
    for (i = 0; i < node->n_outputs && st == INN_OK; i++) {
        if (node->outputs[i] >= 0)
            st = keep(r, node->outputs[i], &results[k++]);
    }
    inn_session_free(session);
    inn_graph_free(g);
    inn_free(r->heap, feeds);
    return st;
}

static enum inn_status step(struct run *r, const struct inn_node *node)
{
    bool known = true;
    enum inn_status st;
    int i;

    for (i = 0; i < node->n_outputs; i++) {
        if (node->outputs[i] >= 0 && holds(r, node->outputs[i]) == NULL)
            known = false;
    }
    if (!known) {
        if (r->standardise && is_batchnorm(node) &&
            has_statistics(r->graph, node))
            st = run_batchnorm(r, node);
        else
            st = run_node(r, node);
        for (i = 0; i < node->n_outputs && st == INN_OK; i++) {
            if (node->outputs[i] >= 0)
                st = r->watch(r->state, node->outputs[i],
                              &r->now[node->outputs[i]], r->err);
        }
        if (st != INN_OK)
            return st;
    }
    for (i = 0; i < node->n_inputs; i++)
        let_go(r, node->inputs[i]);
    for (i = 0; i < node->n_outputs; i++) {
        if (node->outputs[i] >= 0 && r->uses[node->outputs[i]] == 0) {
            r->uses[node->outputs[i]] = 1;
            let_go(r, node->outputs[i]);
        }
    }
    return INN_OK;
}

static enum inn_status start(struct run *r, const struct inn_tensor *inputs,
                             int n_inputs)
{
    const struct inn_graph *graph = r->graph;
    struct inn_binding *bindings;
    enum inn_status st;
    int i, k;

    if (n_inputs != graph->n_inputs)
        return inn_fail(r->err, INN_ERR_ARGUMENT, "%d inputs, not %d",
                        n_inputs, graph->n_inputs);
    r->now = inn_alloc(r->heap, (size_t)graph->n_values, sizeof(*r->now),
                       r->err);
    r->uses = inn_alloc(r->heap, (size_t)graph->n_values, sizeof(*r->uses),
                        r->err);
    bindings = inn_alloc(r->heap, (size_t)n_inputs, sizeof(*bindings), r->err);
    if (r->now == NULL || r->uses == NULL || bindings == NULL) {
        inn_free(r->heap, bindings);
        return inn_refused(r->err);
    }
    for (i = 0; i < n_inputs; i++) {
        bindings[i].name = graph->values[graph->inputs[i]].name;
        bindings[i].rank = inputs[i].rank;
        for (k = 0; k < inputs[i].rank; k++)
            bindings[i].dims[k] = inputs[i].dims[k];
    }
    st = inn_shapes_infer(&r->shapes, graph, bindings, (size_t)n_inputs,
                          INN_MODEL_SPATIAL, (size_t)1 << 20, r->err);
    inn_free(r->heap, bindings);
    if (st == INN_OK)
        st = inn_graph_count_uses(graph, r->uses);
    for (i = 0; i < n_inputs && st == INN_OK; i++)
        st = keep(r, graph->inputs[i], &inputs[i]);
    return st;
}

enum inn_status inn_interpret(const struct inn_graph *graph,
                              const struct inn_tensor *inputs, int n_inputs,
                              bool standardise, inn_watch_fn *watch,
                              void *state, int threads, struct inn_error *err)
{
    struct inn_error local = {0};
    struct run r = {.graph = graph, .heap = graph->heap,
                    .standardise = standardise, .watch = watch,
                    .state = state, .threads = threads,
                    .err = err != NULL ? err : &local};
    enum inn_status st = start(&r, inputs, n_inputs);
    int k, v;

    for (k = 0; k < graph->n_nodes && st == INN_OK; k++)
        st = step(&r, &graph->nodes[k]);
    for (v = 0; r.now != NULL && v < graph->n_values; v++)
        inn_free(r.heap, r.now[v].data);
    inn_free(r.heap, r.now);
    inn_free(r.heap, r.uses);
    inn_shapes_free(&r.shapes);
    /* Whatever a session or a shape refuses: no moments from this network. */
    return st == INN_ERR_ARGUMENT || st == INN_ERR_FORMAT ||
                   st == INN_ERR_RANGE ? INN_ERR_UNSUPPORTED : st;
}
