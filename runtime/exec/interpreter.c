/*
 * Each graph node is a graph of its own and runs through sessions planned
 * once, sample by sample: so it doesn't matter whether a network lets its
 * batch be changed, and a session's workspace is that of one sample.
 */
#include "runtime/exec/interpreter.h"

#include <string.h>

#include "runtime/base/checked.h"
#include "runtime/base/error.h"
#include "runtime/base/threads.h"
#include "runtime/exec/exec.h"
#include "runtime/ops/reason.h"

/* Constants that one graph node may compute, as where sessions are planned. */
#define FOLD_BYTES ((size_t)256 << 20)
/* Constants of all lanes of a graph node together. */
#define LANE_BYTES ((size_t)256 << 20)

static const struct inn_tensor *constant(const struct inn_interpreter *it,
                                         int v)
{
    return v >= 0 ? inn_constant(it->graph, &it->shapes, v) : NULL;
}

const struct inn_tensor *inn_interpreter_shape(
    const struct inn_interpreter *it, int v)
{
    return v >= 0 && constant(it, v) == NULL ? inn_shapes_get(&it->shapes, v)
                                            : NULL;
}

void inn_interpreter_hold(struct inn_interpreter *it, int v)
{
    it->uses[v]++;
}

void inn_interpreter_release(struct inn_interpreter *it, int v)
{
    if (--it->uses[v] > 0 || it->data[v] == NULL)
        return;
    if (!it->borrowed[v])
        inn_free(it->graph->heap, it->data[v]);
    it->data[v] = NULL;
}

/* The first output, and what else is read. */
static bool is_read(const struct inn_interpreter *it,
                    const struct inn_node *node, int i)
{
    int v = node->outputs[i];

    return v >= 0 && (i == 0 || it->uses[v] > 0);
}

/* A value of the graph of one node: an input of the shape like, or init. */
static enum inn_status add_operand(const struct inn_interpreter *it,
                                   struct inn_graph *g, int i, int v,
                                   struct inn_error *err)
{
    const struct inn_tensor *init = constant(it, v);
    const struct inn_tensor *like = inn_interpreter_shape(it, v);
    struct inn_value *value;
    enum inn_status st;
    char *name;
    int at, k;

    name = inn_arena_printf(&g->arena, err, "in%d", i);
    if (name == NULL)
        return inn_refused(err);
    st = inn_graph_add_value(g, &at, name, err);
    if (st != INN_OK)
        return st;
    g->nodes[0].inputs[i] = at;
    value = &g->values[at];
    if (init != NULL) {
        value->init = inn_arena_alloc(&g->arena, 1, sizeof(*init), err);
        if (value->init == NULL)
            return inn_refused(err);
        *value->init = *init;
        return INN_OK;
    }
    value->is_input = value->declared = true;
    value->type = like->type;
    value->rank = like->rank;
    for (k = 0; k < like->rank; k++)
        value->dims[k].size = like->dims[k];
    g->inputs[g->n_inputs++] = at;
    return INN_OK;
}

static enum inn_status add_results(const struct inn_interpreter *it,
                                   const struct inn_node *node,
                                   struct inn_graph *g,
                                   struct inn_error *err)
{
    enum inn_status st = INN_OK;
    char *name;
    int i, k;

    for (i = 0; i < node->n_outputs && st == INN_OK; i++) {
        if (!is_read(it, node, i))
            continue;
        name = inn_arena_printf(&g->arena, err, "out%d", i);
        st = name == NULL ? inn_refused(err)
                          : inn_graph_add_value(g, &k, name, err);
        if (st != INN_OK)
            break;
        g->nodes[0].outputs[i] = k;
        g->values[k].producer = 0;
        g->values[k].is_output = true;
        g->outputs[g->n_outputs++] = k;
    }
    return st;
}

/* A graph of one graph node; what is computed enters as its inputs. */
static enum inn_status make_alone(const struct inn_interpreter *it,
                                  const struct inn_node *node,
                                  struct inn_graph *g, struct inn_error *err)
{
    struct inn_node *copy;
    enum inn_status st;
    int i, k;

    st = inn_graph_add_node(g, &k, node->op_type, node->n_inputs,
                            node->n_outputs, 0, err);
    if (st != INN_OK)
        return st;
    g->inputs = inn_arena_alloc(&g->arena, (size_t)node->n_inputs + 1,
                                sizeof(int), err);
    g->outputs = inn_arena_alloc(&g->arena, (size_t)node->n_outputs + 1,
                                 sizeof(int), err);
    if (g->inputs == NULL || g->outputs == NULL)
        return inn_refused(err);
    copy = &g->nodes[0];
    copy->name = node->name;
    copy->domain = node->domain;
    copy->origin = node;
    copy->version = node->version;
    copy->attrs = node->attrs;
    copy->n_attrs = node->n_attrs;
    for (i = 0; i < node->n_inputs && st == INN_OK; i++) {
        if (node->inputs[i] >= 0)
            st = add_operand(it, g, i, node->inputs[i], err);
    }
    return st == INN_OK ? add_results(it, node, g, err) : st;
}

/*
 * The samples of one graph node are dealt out to lanes, each with a session
 * of its own on one thread: between samples nobody waits for anybody, which
 * is what costs most where all threads work on one small picture.
 */
struct lanes {
    const struct inn_interpreter *it;
    const struct inn_node *node;
    const struct inn_graph *graph; /* of the node alone */
    struct inn_session_options options;
    size_t n;
    struct inn_error *errors; /* [n] */
};

static enum inn_status run_sample(const struct lanes *l,
                                  struct inn_session *session,
                                  struct inn_tensor *feeds, size_t sample,
                                  struct inn_error *err)
{
    const struct inn_tensor *one, *results;
    const struct inn_node *node = l->node;
    const struct inn_interpreter *it = l->it;
    enum inn_status st;
    int i, v, n = 0;

    for (i = 0; i < node->n_inputs; i++) {
        one = inn_interpreter_shape(it, node->inputs[i]);
        if (one == NULL)
            continue;
        feeds[n] = *one;
        feeds[n++].data = inn_interpreter_sample(it, node->inputs[i], sample,
                                          one->bytes);
    }
    st = inn_session_run(session, &results, feeds, n, err);
    for (i = 0; i < node->n_outputs && st == INN_OK; i++) {
        v = node->outputs[i];
        if (!is_read(it, node, i))
            continue;
        one = inn_interpreter_shape(it, v);
        if (one != NULL && results->bytes != one->bytes)
            return inn_fail(err, INN_ERR_UNSUPPORTED,
                            "'%s' has %zu bytes, not %zu",
                            it->graph->values[v].name, results->bytes,
                            one->bytes);
        if (one != NULL && one->bytes != 0)
            memcpy(inn_interpreter_sample(it, v, sample, one->bytes),
                   results->data, one->bytes);
        results++;
    }
    return st;
}

static void run_lane(void *context, size_t lane)
{
    const struct lanes *l = context;
    struct inn_heap *heap = l->it->graph->heap;
    struct inn_error *err = &l->errors[lane];
    struct inn_session *session = NULL;
    struct inn_tensor *feeds;
    enum inn_status st;
    size_t k;

    feeds = inn_alloc(heap, (size_t)l->node->n_inputs, sizeof(*feeds), err);
    st = feeds == NULL ? inn_refused(err)
                       : inn_session_new(&session, l->graph, &l->options,
                                         err);
    for (k = lane; k < l->it->samples && st == INN_OK; k += l->n)
        st = run_sample(l, session, feeds, k, err);
    err->status = st;
    inn_session_free(session);
    inn_free(heap, feeds);
}

/* How many lanes: each brings the weights into an order of its own. */
static size_t count_lanes(const struct inn_interpreter *it,
                          const struct inn_node *node, size_t threads)
{
    size_t bytes = 0, most;
    int i;

    for (i = 0; i < node->n_inputs; i++) {
        const struct inn_tensor *t = constant(it, node->inputs[i]);

        if (t != NULL && !inn_add_size(&bytes, bytes, t->bytes))
            bytes = SIZE_MAX;
    }
    most = bytes > LANE_BYTES ? 1 : LANE_BYTES / (bytes + 1);
    /* With fewer samples than threads the threads share a sample. */
    if (threads > it->samples || most < 1)
        return 1;
    return threads < most ? threads : most;
}

static enum inn_status run_node(struct inn_interpreter *it,
                                const struct inn_node *node,
                                struct inn_error *err)
{
    int threads = it->threads > 0 ? it->threads : inn_threads_available();
    struct lanes l = {.it = it, .node = node};
    struct inn_heap *heap = it->graph->heap;
    struct inn_graph *g = NULL;
    enum inn_status st;
    size_t k;

    l.n = count_lanes(it, node, (size_t)threads);
    l.options.threads = l.n > 1 ? 1 : threads;
    l.errors = inn_alloc(heap, l.n, sizeof(*l.errors), err);
    st = l.errors == NULL ? inn_refused(err) : inn_graph_new(&g, heap, err);
    if (st == INN_OK)
        st = make_alone(it, node, g, err);
    if (st == INN_OK && g->n_outputs > 0) {
        l.graph = g;
        inn_parallel((int)l.n, l.n, run_lane, &l);
    }
    for (k = 0; k < l.n && st == INN_OK; k++) {
        st = l.errors[k].status;
        if (st != INN_OK && err != NULL)
            *err = l.errors[k];
    }
    inn_graph_free(g);
    inn_free(heap, l.errors);
    return st;
}

enum inn_status inn_interpreter_compute(struct inn_interpreter *it, int k,
                                        struct inn_error *err)
{
    return run_node(it, &it->graph->nodes[k], err);
}

/* How often node reads v. */
static int reads(const struct inn_node *node, int v)
{
    int n = 0, i;

    for (i = 0; i < node->n_inputs; i++)
        n += node->inputs[i] == v;
    return n;
}

/*
 * The input whose memory output 0 may have: as large, ours, and not read
 * later; or -1. Every sample's result is copied there when the sample's
 * operands have been read.
 */
static int find_heir(const struct inn_interpreter *it,
                     const struct inn_node *node, const int *uses)
{
    const struct inn_tensor *out, *in;
    int i, v;

    out = node->n_outputs > 0 ? inn_interpreter_shape(it, node->outputs[0])
                              : NULL;
    for (i = 0; out != NULL && i < node->n_inputs; i++) {
        v = node->inputs[i];
        in = inn_interpreter_shape(it, v);
        if (in != NULL && in->bytes == out->bytes && !it->borrowed[v] &&
            uses[v] == reads(node, v))
            return v;
    }
    return -1;
}

/* Counts off operands, and results that nobody reads. */
static void count_off(const struct inn_interpreter *it,
                      const struct inn_node *node, int heir, int *uses,
                      size_t *alive)
{
    int i, v;

    for (i = 0; i < node->n_inputs; i++) {
        v = node->inputs[i];
        if (inn_interpreter_shape(it, v) != NULL && --uses[v] == 0 &&
            v != heir && !it->borrowed[v])
            *alive -= inn_interpreter_shape(it, v)->bytes;
    }
    for (i = 0; i < node->n_outputs; i++) {
        v = node->outputs[i];
        if (inn_interpreter_shape(it, v) != NULL && uses[v] == 0)
            *alive -= inn_interpreter_shape(it, v)->bytes;
    }
}

enum inn_status inn_interpreter_peak(struct inn_interpreter *it, size_t *peak,
                                     struct inn_error *err)
{
    size_t n = (size_t)it->graph->n_values, alive = 0;
    int *uses = inn_arena_alloc(&it->arena, n, sizeof(*uses), err);
    int k, i, heir;

    *peak = 0;
    if (uses == NULL)
        return inn_refused(err);
    memcpy(uses, it->uses, n * sizeof(*uses));
    for (k = 0; k < it->graph->n_nodes; k++) {
        const struct inn_node *node = &it->graph->nodes[k];

        if (!it->needed[k])
            continue;
        heir = find_heir(it, node, uses);
        for (i = heir >= 0; i < node->n_outputs; i++) {
            const struct inn_tensor *t =
                inn_interpreter_shape(it, node->outputs[i]);

            if (t != NULL && !inn_add_size(&alive, alive, t->bytes))
                alive = SIZE_MAX;
        }
        *peak = alive > *peak ? alive : *peak;
        count_off(it, node, heir, uses, &alive);
    }
    return INN_OK;
}

enum inn_status inn_interpreter_begin(struct inn_interpreter *it, int k,
                                      struct inn_error *err)
{
    const struct inn_node *node = &it->graph->nodes[k];
    int heir = find_heir(it, node, it->uses), i, v;

    it->done[k] = true;
    for (i = 0; i < node->n_outputs; i++) {
        const struct inn_tensor *one;

        v = node->outputs[i];
        one = inn_interpreter_shape(it, v);
        if (one == NULL)
            continue;
        if (i == 0 && heir >= 0)
            it->data[v] = it->data[heir];
        else
            it->data[v] = inn_alloc_raw(it->graph->heap, it->samples,
                                        one->bytes, err);
        if (it->data[v] == NULL)
            return inn_refused(err);
    }
    return INN_OK;
}

void inn_interpreter_end(struct inn_interpreter *it, int k)
{
    const struct inn_node *node = &it->graph->nodes[k];
    int heir = find_heir(it, node, it->uses), i, v;

    if (heir >= 0)
        it->data[heir] = NULL;
    for (i = 0; i < node->n_inputs; i++) {
        v = node->inputs[i];
        if (inn_interpreter_shape(it, v) != NULL)
            inn_interpreter_release(it, v);
    }
    for (i = 0; i < node->n_outputs; i++) {
        v = node->outputs[i];
        if (inn_interpreter_shape(it, v) != NULL && it->uses[v] == 0) {
            it->uses[v] = 1;
            inn_interpreter_release(it, v);
        }
    }
}

enum inn_status inn_interpreter_node(struct inn_interpreter *it, int k,
                                     struct inn_error *err)
{
    enum inn_status st;

    if (it->done[k] || !it->needed[k])
        return INN_OK;
    st = inn_interpreter_begin(it, k, err);
    if (st == INN_OK)
        st = inn_interpreter_compute(it, k, err);
    inn_interpreter_end(it, k);
    return st;
}

/* Whether v will hold something: a network without weights is refused. */
static bool is_there(const struct inn_interpreter *it, int v)
{
    int by = it->graph->values[v].producer;

    return constant(it, v) != NULL ||
           (inn_interpreter_shape(it, v) != NULL &&
            (it->borrowed[v] || (by >= 0 && it->needed[by])));
}

/* Which graph nodes run, and how often values are read. */
static enum inn_status count_readers(struct inn_interpreter *it,
                                     struct inn_error *err)
{
    const struct inn_graph *g = it->graph;
    int *which, n = 0, k, i;
    bool *values;

    values = inn_arena_alloc(&it->arena, (size_t)g->n_values, sizeof(bool),
                             err);
    which = inn_arena_alloc(&it->arena, (size_t)g->n_nodes, sizeof(int), err);
    if (values == NULL || which == NULL)
        return inn_refused(err);
    inn_mark_needed(g, &it->shapes, it->needed, values);
    for (k = 0; k < g->n_nodes; k++) {
        const struct inn_node *node = &g->nodes[k];
        enum inn_reason reason;
        enum inn_status st;
        bool runs = true;

        if (!it->needed[k])
            continue;
        st = inn_node_reason(&reason, NULL, node, &it->shapes, &it->arena, err);
        if (st != INN_OK)
            return st;
        if (reason != INN_REASON_NONE)
            which[n++] = k;
        for (i = 0; i < node->n_inputs; i++) {
            if (node->inputs[i] >= 0) {
                it->uses[node->inputs[i]]++;
                runs = runs && is_there(it, node->inputs[i]);
            }
        }
        for (i = 0; i < node->n_outputs; i++) {
            int v = node->outputs[i];

            if (v >= 0 && values[v])
                runs = runs && inn_shapes_get(&it->shapes, v) != NULL;
        }
        if (!runs && n == 0)
            which[n++] = k;
    }
    return n > 0 ? inn_refuse_nodes(g, &it->shapes, which, n, err) : INN_OK;
}

/* What the network takes at once, of each input. */
static enum inn_status bind_inputs(const struct inn_interpreter *it,
                                   const struct inn_feed *feed,
                                   struct inn_binding *bindings,
                                   struct inn_error *err)
{
    const struct inn_graph *g = it->graph;
    int i;

    for (i = 0; i < g->n_inputs; i++) {
        const struct inn_value *v = &g->values[g->inputs[i]];
        const struct inn_tensor *t = &feed->items[i];
        struct inn_tensor again;

        if (t->rank < 1 || t->dims[0] < feed->count ||
            t->dims[0] % feed->count != 0 || t->data == NULL ||
            inn_tensor_init(&again, t->type, t->rank, t->dims, err) !=
                INN_OK || again.bytes != t->bytes)
            return inn_fail(err, INN_ERR_UNSUPPORTED,
                            "input '%s' is no batch of %lld", v->name,
                            (long long)feed->count);
        bindings[i].name = v->name;
        bindings[i].rank = v->rank == 0 ? 0 : t->rank;
        memcpy(bindings[i].dims, t->dims, sizeof(t->dims));
        bindings[i].dims[0] = t->dims[0] / feed->count;
    }
    return INN_OK;
}

static enum inn_status take_inputs(struct inn_interpreter *it,
                                   const struct inn_feed *feed,
                                   int64_t first, struct inn_error *err)
{
    const struct inn_graph *g = it->graph;
    int i, v;

    for (i = 0; i < feed->n; i++) {
        const struct inn_tensor *t = &feed->items[i];
        const struct inn_tensor *one = inn_shapes_get(&it->shapes,
                                                      g->inputs[i]);

        v = g->inputs[i];
        it->data[v] = (char *)t->data +
                     t->bytes / (size_t)feed->count * (size_t)first;
        it->borrowed[v] = true;
        if (one == NULL || one->type != t->type)
            return inn_fail(err, INN_ERR_UNSUPPORTED,
                            "input '%s' has another type than %s",
                            g->values[v].name, inn_type_name(t->type));
    }
    return INN_OK;
}

enum inn_status inn_interpreter_start(struct inn_interpreter *it,
                               const struct inn_graph *graph,
                               const struct inn_feed *feed, int64_t first,
                               int64_t count, int threads,
                               struct inn_error *err)
{
    size_t n = (size_t)graph->n_values;
    struct inn_binding *bindings;
    enum inn_status st;

    memset(it, 0, sizeof(*it));
    it->graph = graph;
    it->threads = threads;
    inn_arena_init(&it->arena, graph->heap);
    inn_arena_init(&it->shapes.arena, graph->heap);
    if (first < 0 || count < 1 || first > feed->count - count)
        return inn_fail(err, INN_ERR_UNSUPPORTED, "there are no samples");
    if (feed->n != graph->n_inputs || feed->n < 1)
        return inn_fail(err, INN_ERR_UNSUPPORTED,
                        "%d inputs are given, the network wants %d", feed->n,
                        graph->n_inputs);
    it->samples = (size_t)count;
    it->data = inn_arena_alloc(&it->arena, n, sizeof(*it->data), err);
    it->borrowed = inn_arena_alloc(&it->arena, n, sizeof(bool), err);
    it->uses = inn_arena_alloc(&it->arena, n, sizeof(*it->uses), err);
    it->needed = inn_arena_alloc(&it->arena, (size_t)graph->n_nodes,
                                sizeof(bool), err);
    it->done = inn_arena_alloc(&it->arena, (size_t)graph->n_nodes,
                              sizeof(bool), err);
    bindings = inn_arena_alloc(&it->arena, (size_t)feed->n, sizeof(*bindings),
                               err);
    if (it->data == NULL || it->borrowed == NULL || it->uses == NULL ||
        it->needed == NULL || it->done == NULL || bindings == NULL)
        return inn_refused(err);
    st = bind_inputs(it, feed, bindings, err);
    if (st == INN_OK)
        st = inn_shapes_infer(&it->shapes, graph, bindings, (size_t)feed->n,
                              INN_DEFAULT_SPATIAL, FOLD_BYTES, err);
    if (st == INN_OK)
        st = take_inputs(it, feed, first, err);
    return st == INN_OK ? count_readers(it, err) : st;
}

void inn_interpreter_free(struct inn_interpreter *it)
{
    int v;

    if (it->graph == NULL)
        return;
    for (v = 0; it->data != NULL && it->borrowed != NULL &&
                v < it->graph->n_values; v++) {
        if (!it->borrowed[v])
            inn_free(it->graph->heap, it->data[v]);
    }
    inn_shapes_free(&it->shapes);
    inn_arena_free(&it->arena);
    memset(it, 0, sizeof(*it));
}

enum inn_status inn_interpreter_join(struct inn_interpreter *it,
                                     struct inn_interpreter *more,
                                     struct inn_error *err)
{
    size_t all = it->samples + more->samples;
    void *grown;
    int v;

    for (v = 0; v < it->graph->n_values; v++) {
        const struct inn_tensor *one = inn_interpreter_shape(it, v);

        /* Inputs lie one behind the other in the feed. */
        if (it->data[v] == NULL || it->borrowed[v])
            continue;
        if (more->data[v] == NULL)
            return inn_fail(err, INN_ERR_UNSUPPORTED,
                            "'%s' is not there for all samples",
                            it->graph->values[v].name);
        grown = inn_realloc(it->graph->heap, it->data[v], all, one->bytes, err);
        if (grown == NULL)
            return inn_refused(err);
        it->data[v] = grown;
        memcpy(inn_interpreter_sample(it, v, it->samples, one->bytes),
               more->data[v], more->samples * one->bytes);
        inn_free(it->graph->heap, more->data[v]);
        more->data[v] = NULL;
    }
    it->samples = all;
    inn_interpreter_free(more);
    return INN_OK;
}
