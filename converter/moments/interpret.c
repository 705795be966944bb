/*
 * The network graph node by graph node over a whole batch. Each graph node
 * is a graph of its own and runs through sessions planned once, picture by
 * picture: so it doesn't matter whether a network lets its batch be changed,
 * and a session's workspace is that of one picture. BatchNormalization is
 * done apart where the batch's own statistics are wanted. A value dies with
 * its last reader, and leaves its memory to a result of the same size.
 */
#include "converter/moments/moments.h"

#include <string.h>

#include "converter/moments/batchnorm.h"
#include "runtime/base/checked.h"
#include "runtime/base/error.h"
#include "runtime/base/threads.h"
#include "runtime/exec/exec.h"
#include "runtime/ops/common.h"
#include "runtime/ops/reason.h"

/* Constants that one graph node may compute, as where sessions are planned. */
#define FOLD_BYTES ((size_t)256 << 20)
/* All values alive at once; where they would take more, fewer pictures do. */
#define MOST_BYTES ((size_t)1 << 30)
/* Constants of all lanes of a graph node together. */
#define LANE_BYTES ((size_t)256 << 20)

struct run {
    const struct inn_graph *graph;
    struct inn_arena arena;
    struct inn_shapes shapes; /* of one picture; constants have data */
    size_t pictures;          /* a picture: what the network takes at once */
    void **data;              /* by value: of all pictures, while alive */
    bool *borrowed;           /* by value: an input, not ours to free */
    int *uses;                /* by value: readers to come */
    bool *needed;             /* by graph node */
    bool standardise;
    inn_watch_fn *watch;
    void *state;
    int threads;
    int64_t *ran;
    struct inn_error *err;
};

static const struct inn_tensor *constant(const struct run *r, int v)
{
    return v >= 0 ? inn_constant(r->graph, &r->shapes, v) : NULL;
}

/* The shape of v for one picture, where v is computed or an input. */
static const struct inn_tensor *shape_of(const struct run *r, int v)
{
    return v >= 0 && constant(r, v) == NULL ? inn_shapes_get(&r->shapes, v)
                                            : NULL;
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
 * later; or -1. Every picture's result is copied there when the picture's
 * operands have been read.
 */
static int find_heir(const struct run *r, const struct inn_node *node,
                     const int *uses)
{
    const struct inn_tensor *out, *in;
    int i, v;

    out = node->n_outputs > 0 ? shape_of(r, node->outputs[0]) : NULL;
    for (i = 0; out != NULL && i < node->n_inputs; i++) {
        v = node->inputs[i];
        in = shape_of(r, v);
        if (in != NULL && in->bytes == out->bytes && !r->borrowed[v] &&
            uses[v] == reads(node, v))
            return v;
    }
    return -1;
}

/* Bytes of one picture's values when most of them are alive. */
static enum inn_status find_peak(struct run *r, size_t *peak)
{
    size_t n = (size_t)r->graph->n_values, alive = 0;
    int *uses = inn_arena_alloc(&r->arena, n, sizeof(*uses), r->err);
    int k, i, v;

    *peak = 0;
    if (uses == NULL)
        return inn_refused(r->err);
    memcpy(uses, r->uses, n * sizeof(*uses));
    for (k = 0; k < r->graph->n_nodes; k++) {
        const struct inn_node *node = &r->graph->nodes[k];
        int heir;

        if (!r->needed[k])
            continue;
        heir = find_heir(r, node, uses);
        for (i = heir >= 0; i < node->n_outputs; i++) {
            if (shape_of(r, node->outputs[i]) != NULL &&
                !inn_add_size(&alive, alive,
                              shape_of(r, node->outputs[i])->bytes))
                alive = SIZE_MAX;
        }
        *peak = alive > *peak ? alive : *peak;
        for (i = 0; i < node->n_inputs; i++) {
            v = node->inputs[i];
            if (shape_of(r, v) != NULL && --uses[v] == 0 && v != heir &&
                !r->borrowed[v])
                alive -= shape_of(r, v)->bytes;
        }
        for (i = 0; i < node->n_outputs; i++) {
            v = node->outputs[i];
            if (shape_of(r, v) != NULL && uses[v] == 0)
                alive -= shape_of(r, v)->bytes;
        }
    }
    return INN_OK;
}

/* Shows a value of all pictures, in f32, joined along axis 0. */
static enum inn_status show(struct run *r, int v)
{
    const struct inn_tensor *one = shape_of(r, v);
    struct inn_tensor all;
    enum inn_status st;
    int64_t dims[INN_MAX_RANK];
    void *wide = NULL;

    if (one == NULL || !inn_type_is_float(one->type))
        return INN_OK;
    memcpy(dims, one->dims, sizeof(dims));
    dims[0] = (one->rank > 0 ? dims[0] : 1) * (int64_t)r->pictures;
    st = inn_tensor_init(&all, INN_F32, one->rank > 0 ? one->rank : 1, dims,
                         r->err);
    if (st != INN_OK)
        return st;
    all.data = r->data[v];
    if (one->type != INN_F32) {
        wide = inn_alloc_raw(r->graph->heap, all.bytes, 1, r->err);
        if (wide == NULL)
            return inn_refused(r->err);
        inn_convert_elements(wide, INN_F32, all.data, one->type,
                             inn_tensor_count(&all));
        all.data = wide;
    }
    st = r->watch(r->state, v, &all, r->err);
    inn_free(r->graph->heap, wide);
    return st;
}

/* Whether a BatchNormalization has its statistics from what it is given. */
static bool is_standardised(const struct run *r, const struct inn_node *node)
{
    if (!inn_is_batchnorm(node))
        return false;
    return inn_batchnorm_trains(node) ||
           (r->standardise && inn_has_statistics(r->graph, node));
}

/*
 * False: not of the form that is standardised; it is then run as it is. So is
 * one whose running statistics are read: they are those of each picture.
 */
static bool normalise(const struct run *r, const struct inn_node *node)
{
    const struct inn_tensor *x = shape_of(r, node->inputs[0]);
    struct inn_batch_norm n = {.scale = constant(r, node->inputs[INN_BN_SCALE]),
                     .shift = constant(r, node->inputs[INN_BN_SHIFT])};
    int i;

    for (i = 1; i < node->n_outputs; i++) {
        if (node->outputs[i] >= 0 && r->uses[node->outputs[i]] > 0)
            return false;
    }
    if (x == NULL || !inn_type_is_float(x->type) || x->rank < 2 ||
        x->bytes == 0 || n.scale == NULL || n.shift == NULL)
        return false;
    n.type = x->type;
    n.in = r->data[node->inputs[0]];
    n.out = r->data[node->outputs[0]];
    n.batch = r->pictures * (size_t)x->dims[0];
    n.channels = (size_t)x->dims[1];
    n.plane = inn_dims_product(x->dims, 2, x->rank);
    n.epsilon = (double)inn_node_float(node, "epsilon", 1e-5f);
    inn_normalise_batch(&n, r->threads);
    return true;
}

/* The first output, and what else is read: training outputs are refused. */
static bool is_read(const struct run *r, const struct inn_node *node, int i)
{
    int v = node->outputs[i];

    return v >= 0 && (i == 0 || r->uses[v] > 0);
}

/* A value of the graph of one node: an input of the shape like, or init. */
static enum inn_status add_operand(struct run *r, struct inn_graph *g,
                                   int i, int v)
{
    const struct inn_tensor *init = constant(r, v), *like = shape_of(r, v);
    struct inn_value *value;
    enum inn_status st;
    char *name;
    int at, k;

    name = inn_arena_printf(&g->arena, r->err, "in%d", i);
    if (name == NULL)
        return inn_refused(r->err);
    st = inn_graph_add_value(g, &at, name, r->err);
    if (st != INN_OK)
        return st;
    g->nodes[0].inputs[i] = at;
    value = &g->values[at];
    if (init != NULL) {
        value->init = inn_arena_alloc(&g->arena, 1, sizeof(*init), r->err);
        if (value->init == NULL)
            return inn_refused(r->err);
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

/* A graph of one graph node; what is computed enters as its inputs. */
static enum inn_status make_alone(struct run *r, const struct inn_node *node,
                                  struct inn_graph *g)
{
    struct inn_node *copy;
    enum inn_status st;
    char *name;
    int i, k;

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
    copy->origin = node;
    copy->domain = node->domain;
    copy->version = node->version;
    copy->attrs = node->attrs;
    copy->n_attrs = node->n_attrs;
    for (i = 0; i < node->n_inputs && st == INN_OK; i++) {
        if (node->inputs[i] >= 0)
            st = add_operand(r, g, i, node->inputs[i]);
    }
    for (i = 0; i < node->n_outputs && st == INN_OK; i++) {
        if (!is_read(r, node, i))
            continue;
        name = inn_arena_printf(&g->arena, r->err, "out%d", i);
        st = name == NULL ? inn_refused(r->err)
                          : inn_graph_add_value(g, &k, name, r->err);
        if (st != INN_OK)
            break;
        copy->outputs[i] = k;
        g->values[k].producer = 0;
        g->values[k].is_output = true;
        g->outputs[g->n_outputs++] = k;
    }
    return st;
}

/*
 * The pictures of one graph node are dealt out to lanes, each with a session
 * of its own on one thread: between pictures nobody waits for anybody, which
 * is what costs most where all threads work on one small picture.
 */
struct lanes {
    struct run *r;
    const struct inn_node *node;
    const struct inn_graph *graph; /* of the node alone */
    struct inn_session_options options;
    size_t n;
    struct inn_error *errors; /* [n] */
};

/* One picture through a session. */
static enum inn_status run_picture(const struct lanes *l,
                                   struct inn_session *session,
                                   struct inn_tensor *feeds, size_t picture,
                                   struct inn_error *err)
{
    const struct inn_tensor *one, *results;
    const struct inn_node *node = l->node;
    const struct run *r = l->r;
    enum inn_status st;
    int i, n = 0;

    for (i = 0; i < node->n_inputs; i++) {
        one = shape_of(r, node->inputs[i]);
        if (one == NULL)
            continue;
        feeds[n] = *one;
        feeds[n++].data = (char *)r->data[node->inputs[i]] +
                          picture * one->bytes;
    }
    st = inn_session_run(session, &results, feeds, n, err);
    for (i = 0; i < node->n_outputs && st == INN_OK; i++) {
        if (!is_read(r, node, i))
            continue;
        one = shape_of(r, node->outputs[i]);
        if (one != NULL && results->bytes != one->bytes)
            return inn_fail(err, INN_ERR_UNSUPPORTED,
                            "'%s' has %zu bytes, not %zu",
                            r->graph->values[node->outputs[i]].name,
                            results->bytes, one->bytes);
        if (one != NULL && one->bytes != 0)
            memcpy((char *)r->data[node->outputs[i]] + picture * one->bytes,
                   results->data, one->bytes);
        results++;
    }
    return st;
}

static void run_lane(void *context, size_t lane)
{
    const struct lanes *l = context;
    struct inn_heap *heap = l->r->graph->heap;
    struct inn_error *err = &l->errors[lane];
    struct inn_session *session = NULL;
    struct inn_tensor *feeds;
    enum inn_status st;
    size_t k;

    feeds = inn_alloc(heap, (size_t)l->node->n_inputs, sizeof(*feeds), err);
    st = feeds == NULL ? inn_refused(err)
                       : inn_session_new(&session, l->graph, &l->options,
                                         err);
    for (k = lane; k < l->r->pictures && st == INN_OK; k += l->n)
        st = run_picture(l, session, feeds, k, err);
    err->status = st;
    inn_session_free(session);
    inn_free(heap, feeds);
}

/* How many lanes: each brings the weights into an order of its own. */
static size_t count_lanes(const struct run *r, const struct inn_node *node,
                          size_t threads)
{
    size_t bytes = 0, most;
    int i;

    for (i = 0; i < node->n_inputs; i++) {
        const struct inn_tensor *t = constant(r, node->inputs[i]);

        if (t != NULL && !inn_add_size(&bytes, bytes, t->bytes))
            bytes = SIZE_MAX;
    }
    most = bytes > LANE_BYTES ? 1 : LANE_BYTES / (bytes + 1);
    /* With fewer pictures than threads the threads share a picture. */
    if (threads > r->pictures || most < 1)
        return 1;
    return threads < most ? threads : most;
}

static enum inn_status run_node(struct run *r, const struct inn_node *node)
{
    int threads = r->threads > 0 ? r->threads : inn_threads_available();
    struct lanes l = {.r = r, .node = node};
    struct inn_heap *heap = r->graph->heap;
    struct inn_graph *g = NULL;
    enum inn_status st;
    size_t k;

    l.n = count_lanes(r, node, (size_t)threads);
    l.options.threads = l.n > 1 ? 1 : threads;
    l.errors = inn_alloc(heap, l.n, sizeof(*l.errors), r->err);
    st = l.errors == NULL ? inn_refused(r->err)
                          : inn_graph_new(&g, heap, r->err);
    if (st == INN_OK)
        st = make_alone(r, node, g);
    if (st == INN_OK && g->n_outputs > 0) {
        l.graph = g;
        inn_parallel((int)l.n, l.n, run_lane, &l);
    }
    for (k = 0; k < l.n && st == INN_OK; k++) {
        st = l.errors[k].status;
        if (st != INN_OK)
            *r->err = l.errors[k];
    }
    inn_graph_free(g);
    inn_free(heap, l.errors);
    return st;
}

/* Memory for the results: a dying operand's, or new. */
static enum inn_status make_room(struct run *r, const struct inn_node *node,
                                 int heir)
{
    const struct inn_tensor *one;
    int i, v;

    for (i = 0; i < node->n_outputs; i++) {
        v = node->outputs[i];
        one = shape_of(r, v);
        if (one == NULL)
            continue;
        /* pictures × bytes was checked against the limit. */
        r->data[v] = i == 0 && heir >= 0
                         ? r->data[heir]
                         : inn_alloc_raw(r->graph->heap, r->pictures,
                                         one->bytes, r->err);
        if (r->data[v] == NULL)
            return inn_refused(r->err);
    }
    return INN_OK;
}

static void let_go(struct run *r, int v)
{
    if (!r->borrowed[v])
        inn_free(r->graph->heap, r->data[v]);
    r->data[v] = NULL;
}

static enum inn_status step(struct run *r, const struct inn_node *node)
{
    int heir = find_heir(r, node, r->uses), i, v;
    enum inn_status st;

    st = make_room(r, node, heir);
    if (st == INN_OK && !(is_standardised(r, node) && normalise(r, node)))
        st = run_node(r, node);
    if (heir >= 0)
        r->data[heir] = NULL;
    for (i = 0; i < node->n_outputs && st == INN_OK; i++) {
        if (is_read(r, node, i))
            st = show(r, node->outputs[i]);
    }
    for (i = 0; i < node->n_inputs; i++) {
        v = node->inputs[i];
        if (shape_of(r, v) != NULL && --r->uses[v] == 0)
            let_go(r, v);
    }
    for (i = 0; i < node->n_outputs; i++) {
        v = node->outputs[i];
        if (shape_of(r, v) != NULL && r->uses[v] == 0)
            let_go(r, v);
    }
    return st;
}

/* Whether v will hold something: a network without weights is refused. */
static bool is_there(const struct run *r, int v)
{
    int by = r->graph->values[v].producer;

    return constant(r, v) != NULL ||
           (shape_of(r, v) != NULL &&
            (r->borrowed[v] || (by >= 0 && r->needed[by])));
}

/*
 * Which graph nodes run, and how often values are read. What the network
 * puts out is shown like all else, and not kept.
 */
static enum inn_status plan(struct run *r)
{
    const struct inn_graph *g = r->graph;
    int *which, n = 0, k, i;
    bool *values;

    values = inn_arena_alloc(&r->arena, (size_t)g->n_values, sizeof(bool),
                             r->err);
    which = inn_arena_alloc(&r->arena, (size_t)g->n_nodes, sizeof(int),
                            r->err);
    if (values == NULL || which == NULL)
        return inn_refused(r->err);
    inn_mark_needed(g, &r->shapes, r->needed, values);
    for (k = 0; k < g->n_nodes; k++) {
        const struct inn_node *node = &g->nodes[k];
        enum inn_reason reason;
        enum inn_status st;
        bool runs;

        if (!r->needed[k])
            continue;
        st = inn_node_reason(&reason, NULL, node, &r->shapes, &r->arena,
                             r->err);
        if (st != INN_OK)
            return st;
        if (reason != INN_REASON_NONE)
            which[n++] = k;
        runs = true;
        for (i = 0; i < node->n_inputs; i++) {
            if (node->inputs[i] >= 0) {
                r->uses[node->inputs[i]]++;
                runs = runs && is_there(r, node->inputs[i]);
            }
        }
        for (i = 0; i < node->n_outputs; i++) {
            int v = node->outputs[i];

            if (v >= 0 && values[v])
                runs = runs && inn_shapes_get(&r->shapes, v) != NULL;
        }
        if (!runs && n == 0)
            which[n++] = k;
    }
    return n > 0 ? inn_refuse_nodes(g, &r->shapes, which, n, r->err) : INN_OK;
}

/* What the network takes at once, of each input. */
static enum inn_status bind_inputs(struct run *r, const struct inn_feed *feed,
                                   struct inn_binding *bindings)
{
    const struct inn_graph *g = r->graph;
    int i;

    for (i = 0; i < g->n_inputs; i++) {
        const struct inn_value *v = &g->values[g->inputs[i]];
        const struct inn_tensor *t = &feed->items[i];
        struct inn_tensor again;

        if (t->rank < 1 || t->dims[0] < feed->count ||
            t->dims[0] % feed->count != 0 || t->data == NULL ||
            inn_tensor_init(&again, t->type, t->rank, t->dims, r->err) !=
                INN_OK || again.bytes != t->bytes)
            return inn_fail(r->err, INN_ERR_UNSUPPORTED,
                            "input '%s' is no batch of %lld", v->name,
                            (long long)feed->count);
        bindings[i].name = v->name;
        bindings[i].rank = v->rank == 0 ? 0 : t->rank;
        memcpy(bindings[i].dims, t->dims, sizeof(t->dims));
        bindings[i].dims[0] = t->dims[0] / feed->count;
    }
    return INN_OK;
}

static enum inn_status start(struct run *r, const struct inn_feed *feed,
                             int64_t first)
{
    const struct inn_graph *g = r->graph;
    size_t n = (size_t)g->n_values, peak, all;
    struct inn_binding *bindings;
    enum inn_status st;
    int i;

    if (feed->n != g->n_inputs || feed->n < 1)
        return inn_fail(r->err, INN_ERR_UNSUPPORTED,
                        "%d inputs are given, the network wants %d", feed->n,
                        g->n_inputs);
    if (first < 0 || first >= feed->count)
        return inn_fail(r->err, INN_ERR_UNSUPPORTED, "there are no samples");
    r->pictures = (size_t)(feed->count - first);
    r->data = inn_arena_alloc(&r->arena, n, sizeof(*r->data), r->err);
    r->borrowed = inn_arena_alloc(&r->arena, n, sizeof(bool), r->err);
    r->uses = inn_arena_alloc(&r->arena, n, sizeof(*r->uses), r->err);
    r->needed = inn_arena_alloc(&r->arena, (size_t)g->n_nodes, sizeof(bool),
                                r->err);
    bindings = inn_arena_alloc(&r->arena, (size_t)feed->n,
                               sizeof(*bindings), r->err);
    if (r->data == NULL || r->borrowed == NULL || r->uses == NULL ||
        r->needed == NULL || bindings == NULL)
        return inn_refused(r->err);
    st = bind_inputs(r, feed, bindings);
    if (st == INN_OK)
        st = inn_shapes_infer(&r->shapes, g, bindings, (size_t)feed->n,
                              INN_DEFAULT_SPATIAL, FOLD_BYTES, r->err);
    for (i = 0; i < feed->n && st == INN_OK; i++) {
        const struct inn_tensor *t = &feed->items[i];
        const struct inn_tensor *one = inn_shapes_get(&r->shapes,
                                                      g->inputs[i]);

        r->data[g->inputs[i]] = (char *)t->data +
                                t->bytes / (size_t)feed->count *
                                    (size_t)first;
        r->borrowed[g->inputs[i]] = true;
        if (one == NULL || one->type != t->type)
            st = inn_fail(r->err, INN_ERR_UNSUPPORTED,
                          "input '%s' has another type than %s",
                          g->values[g->inputs[i]].name,
                          inn_type_name(t->type));
    }
    if (st == INN_OK)
        st = plan(r);
    if (st == INN_OK)
        st = find_peak(r, &peak);
    if (st != INN_OK)
        return st;
    while (r->pictures > 1 && (!inn_mul_size(&all, peak, r->pictures) ||
                               all > MOST_BYTES))
        r->pictures = (r->pictures + 1) / 2;
    *r->ran = (int64_t)r->pictures;
    for (i = 0; i < feed->n && st == INN_OK; i++)
        st = show(r, g->inputs[i]);
    return st;
}

enum inn_status inn_interpret(const struct inn_graph *graph,
                              const struct inn_feed *feed, int64_t first,
                              bool standardise, inn_watch_fn *watch,
                              void *state, int threads, int64_t *ran,
                              struct inn_error *err)
{
    struct inn_error local = {0};
    struct run r = {.graph = graph, .standardise = standardise,
                    .watch = watch, .state = state, .threads = threads,
                    .ran = ran, .err = err != NULL ? err : &local};
    enum inn_status st;
    int k, v;

    inn_arena_init(&r.arena, graph->heap);
    inn_arena_init(&r.shapes.arena, graph->heap);
    *ran = 0;
    st = start(&r, feed, first);
    for (k = 0; k < graph->n_nodes && st == INN_OK; k++) {
        if (r.needed[k])
            st = step(&r, &graph->nodes[k]);
    }
    for (v = 0; r.data != NULL && v < graph->n_values; v++) {
        if (r.borrowed != NULL)
            let_go(&r, v);
    }
    inn_shapes_free(&r.shapes);
    inn_arena_free(&r.arena);
    /* Whatever a session or a shape refuses: it can't be run. */
    if (st == INN_ERR_ARGUMENT || st == INN_ERR_FORMAT || st == INN_ERR_RANGE)
        st = r.err->status = INN_ERR_UNSUPPORTED;
    return st;
}
