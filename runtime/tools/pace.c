/*
 * Timing a model's layers at chosen widths, with weights that are made up
 * (no kernel is faster for some values than for others), and plans for a
 * number of milliseconds. The least that each step took in many runs is what
 * counts: other processes only ever add to it.
 */
#include "runtime/tools/pace.h"

#include <math.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/base/random.h"
#include "runtime/cli/sizes.h"
#include "runtime/exec/session.h"
#include "runtime/grid/sample.h"

#define TERMS INN_PACE_TERMS
/* Common widths that layers are timed at, and mixtures of them. */
#define LEVELS 4
#define MIXTURES 6
#define SAMPLES (LEVELS + MIXTURES)
/* Runs of each: for so long, within these bounds, but not for hours. */
#define LONG_ENOUGH 150e6 /* ns */
#define TOO_LONG 1e9
#define LEAST_RUNS 5
#define MOST_RUNS 60
/* Shorter than the clock tells well. */
#define LEAST_NS 100.0
/* Plans made and run for one budget. */
#define ROUNDS 6
/* A plan that takes this share of its budget is good enough. */
#define CLOSE 0.95
/* Aimed at when the plan before took too long. */
#define AIM 0.98
#define FOLD_BYTES ((size_t)64 << 10)
#define PATTERN 256

struct inn_pacer {
    struct inn_heap *heap;
    struct inn_arena arena;
    const struct inn_model *model;
    const struct inn_binding *bindings;
    size_t n_bindings;
    int threads;
    double (*laws)[TERMS]; /* [n_nodes] of the model's graph */
    double *full_ns;       /* [n_nodes] by the laws, at full width */
    double rest_ns;        /* of steps that belong to no graph node */
};

/* One choice of widths, as it was run. */
struct timing {
    double total_ns;
    double *node_ns;    /* [n_nodes], or NULL */
    double rest_ns;     /* of steps that belong to no graph node */
    double (*f)[TERMS]; /* [n_nodes], or NULL */
};

/* ------------------------------------------------------------- a network */

static void fill(struct inn_tensor *t)
{
    size_t count = inn_tensor_count(t), size = inn_type_size(t->type), i, n;
    float pattern[PATTERN];
    uint64_t state = 1;

    for (i = 0; i < PATTERN; i++)
        pattern[i] = (float)(0.1 * (inn_random_unit(&state) - 0.5));
    for (i = 0; i < count; i += n) {
        n = count - i < PATTERN ? count - i : PATTERN;
        inn_convert_elements((char *)t->data + i * size, t->type, pattern,
                             INN_F32, n);
    }
}

static enum inn_status fill_weights(struct inn_graph *g,
                                    struct inn_error *err)
{
    int v;

    for (v = 0; v < g->n_values; v++) {
        struct inn_tensor *t = g->values[v].init;

        if (t == NULL || t->data != NULL || t->bytes == 0)
            continue;
        t->data = inn_arena_alloc(&g->arena, t->bytes, 1, err);
        if (t->data == NULL)
            return inn_refused(err);
        fill(t);
    }
    return INN_OK;
}

static enum inn_status make_inputs(struct inn_tensor **in,
                                   struct inn_graph *g,
                                   const struct inn_shapes *shapes,
                                   struct inn_error *err)
{
    enum inn_status st = INN_OK;
    int i;

    *in = inn_arena_alloc(&g->arena, (size_t)g->n_inputs, sizeof(**in), err);
    if (*in == NULL)
        return inn_refused(err);
    for (i = 0; i < g->n_inputs && st == INN_OK; i++) {
        const struct inn_tensor *t = inn_shapes_get(shapes, g->inputs[i]);

        if (t == NULL)
            return inn_fail(err, INN_ERR_ARGUMENT,
                            "input '%s' has no size: give it by "
                            "--input-shape",
                            g->values[g->inputs[i]].name);
        st = inn_tensor_new(&(*in)[i], &g->arena, t->type, t->rank, t->dims,
                            err);
        if (st == INN_OK && inn_type_is_float(t->type))
            fill(&(*in)[i]);
    }
    return st;
}

static double elements(const struct inn_shapes *shapes, const int *values,
                       int n)
{
    double sum = 0;
    int i;

    for (i = 0; i < n; i++) {
        const struct inn_tensor *t = inn_shapes_get(shapes, values[i]);

        if (t != NULL)
            sum += (double)inn_tensor_count(t);
    }
    return sum;
}

/* What the time of a graph node goes by: itself, its MACs, what it moves. */
static void find_terms(double f[TERMS], const struct inn_node *node,
                       const struct inn_shapes *shapes)
{
    f[0] = 1;
    f[1] = (double)inn_shapes_macs(shapes, node);
    f[2] = elements(shapes, node->inputs, node->n_inputs) +
           elements(shapes, node->outputs, node->n_outputs);
}

/* The graph at widths, its shapes, and the terms of its graph nodes. */
static enum inn_status resize(struct inn_graph **graph,
                              struct inn_shapes *shapes,
                              double (*f)[TERMS],
                              const struct inn_pacer *p,
                              const int64_t *widths, struct inn_error *err)
{
    enum inn_status st;
    int i;

    memset(shapes, 0, sizeof(*shapes));
    st = inn_model_resize(graph, p->model, widths, err);
    if (st != INN_OK)
        return st;
    st = inn_shapes_infer(shapes, *graph, p->bindings, p->n_bindings,
                          INN_DEFAULT_SPATIAL, FOLD_BYTES, err);
    for (i = 0; f != NULL && st == INN_OK && i < p->model->graph->n_nodes;
         i++)
        find_terms(f[i], &(*graph)->nodes[i], shapes);
    return st;
}

/* --------------------------------------------------------------- its time */

/* The graph node of the model that a step belongs to, or -1. */
static int node_of(const struct inn_pacer *p, const struct inn_graph *g,
                   const struct inn_node *node)
{
    int v;

    if (node->n_outputs == 0 || node->outputs[0] < 0)
        return -1;
    v = inn_graph_find(p->model->graph, g->values[node->outputs[0]].name);
    return v < 0 ? -1 : p->model->graph->values[v].producer;
}

/* Changes of layout go with the step that they are made for. */
static void share_out(struct timing *t, const struct inn_pacer *p,
                      const struct inn_graph *g,
                      const struct inn_session *session,
                      const int64_t *least)
{
    struct inn_step_info info;
    double pending = 0;
    int i, node;

    for (i = 0; i < inn_session_n_steps(session); i++) {
        inn_session_step(session, &info, i);
        t->total_ns += (double)least[i];
        pending += (double)least[i];
        if (info.node == NULL || t->node_ns == NULL)
            continue;
        node = node_of(p, g, info.node);
        if (node >= 0)
            t->node_ns[node] += pending;
        else
            t->rest_ns += pending;
        pending = 0;
    }
    t->rest_ns += pending;
}

/* What the steps have taken since before, which becomes now. */
static void take_least(int64_t *least, int64_t *before,
                       const struct inn_session *session)
{
    struct inn_step_info info;
    int i;

    for (i = 0; i < inn_session_n_steps(session); i++) {
        inn_session_step(session, &info, i);
        if (info.ns - before[i] < least[i])
            least[i] = info.ns - before[i];
        before[i] = info.ns;
    }
}

/* Runs until it has been long enough; the least of every step. */
static enum inn_status run_often(int64_t *least, int64_t *before,
                                 struct inn_session *session,
                                 const struct inn_tensor *in, int n_in,
                                 struct inn_error *err)
{
    int64_t begin = inn_clock_ns(), spent = 0;
    const struct inn_tensor *out;
    enum inn_status st = INN_OK;
    int n;

    for (n = 0; n < MOST_RUNS && st == INN_OK; n++) {
        if ((n >= LEAST_RUNS && (double)spent >= LONG_ENOUGH) ||
            (n > 0 && (double)spent >= TOO_LONG))
            break;
        st = inn_session_run(session, &out, in, n_in, err);
        take_least(least, before, session);
        spent = inn_clock_ns() - begin;
    }
    return st;
}

static enum inn_status time_graph(struct timing *t, const struct inn_pacer *p,
                                  struct inn_graph *g,
                                  const struct inn_tensor *in,
                                  struct inn_error *err)
{
    const struct inn_session_options how = {.threads = p->threads,
                                            .profile = true};
    struct inn_session *session = NULL;
    const struct inn_tensor *out;
    int64_t *least, *before;
    enum inn_status st;
    size_t n, i;

    st = inn_session_new(&session, g, &how, err);
    /* The first run plans. */
    if (st == INN_OK)
        st = inn_session_run(session, &out, in, g->n_inputs, err);
    if (st != INN_OK)
        goto out;
    n = (size_t)inn_session_n_steps(session);
    least = inn_arena_alloc(&g->arena, n, sizeof(*least), err);
    before = inn_arena_alloc(&g->arena, n, sizeof(*before), err);
    if (least == NULL || before == NULL) {
        st = inn_refused(err);
        goto out;
    }
    take_least(least, before, session);
    for (i = 0; i < n; i++)
        least[i] = INT64_MAX;
    st = run_often(least, before, session, in, g->n_inputs, err);
    if (st == INN_OK)
        share_out(t, p, g, session, least);
out:
    inn_session_free(session);
    return st;
}

static enum inn_status time_widths(struct timing *t,
                                   const struct inn_pacer *p,
                                   const int64_t *widths,
                                   struct inn_error *err)
{
    struct inn_graph *g = NULL;
    struct inn_tensor *in = NULL;
    struct inn_shapes shapes;
    enum inn_status st;

    st = resize(&g, &shapes, t->f, p, widths, err);
    if (st == INN_OK)
        st = make_inputs(&in, g, &shapes, err);
    inn_shapes_free(&shapes);
    if (st == INN_OK)
        st = fill_weights(g, err);
    if (st == INN_OK)
        st = inn_fold_constants(g, err);
    if (st == INN_OK)
        st = inn_fold_batchnorm(g, NULL, NULL, err);
    if (st == INN_OK)
        st = time_graph(t, p, g, in, err);
    inn_graph_free(g);
    return st;
}

/* --------------------------------------------------------------- the laws */

/* Common widths first, then each group at one of them by chance. */
static enum inn_status choose_widths(int64_t *widths,
                                     const struct inn_pacer *p,
                                     struct inn_error *err)
{
    static const double levels[LEVELS] = {1, 0.75, 0.5, 0.25};
    size_t n = (size_t)p->model->n_groups, i, k;
    enum inn_status st;
    uint64_t state = 1;

    for (i = 0; i < LEVELS; i++) {
        struct inn_width_request request = {.width = levels[i]};
        struct inn_plan plan;

        st = inn_plan_make(&plan, p->model, &request, err);
        if (st != INN_OK)
            return st;
        if (n > 0)
            memcpy(widths + i * n, plan.widths, n * sizeof(*widths));
        inn_plan_free(&plan);
    }
    for (i = LEVELS; i < SAMPLES; i++) {
        for (k = 0; k < n; k++)
            widths[i * n + k] =
                widths[(size_t)inn_random_below(&state, LEVELS) * n + k];
    }
    return INN_OK;
}

static void fit_laws(struct inn_pacer *p, const struct timing *timings)
{
    double f[SAMPLES][TERMS], ns[SAMPLES];
    int node, i, k;

    for (node = 0; node < p->model->graph->n_nodes; node++) {
        double most = 0;

        for (i = 0; i < SAMPLES; i++) {
            memcpy(f[i], timings[i].f[node], sizeof(f[i]));
            ns[i] = fmax(timings[i].node_ns[node], LEAST_NS);
            most = fmax(most, timings[i].node_ns[node]);
        }
        /* What is fused or folded away takes no time of its own. */
        if (most == 0)
            continue;
        inn_pace_fit(p->laws[node], (const double (*)[TERMS])f, ns, SAMPLES);
        for (k = 0; k < TERMS; k++)
            p->full_ns[node] += p->laws[node][k] * timings[0].f[node][k];
    }
    for (i = 0; i < SAMPLES; i++)
        p->rest_ns += timings[i].rest_ns / SAMPLES;
}

/* What everything starts from, full width, should come to what it took. */
static void calibrate(struct inn_pacer *p, double full_ns)
{
    double sum = p->rest_ns, by;
    int node, k;

    for (node = 0; node < p->model->graph->n_nodes; node++)
        sum += p->full_ns[node];
    by = sum > 0 ? full_ns / sum : 1;
    p->rest_ns *= by;
    for (node = 0; node < p->model->graph->n_nodes; node++) {
        p->full_ns[node] *= by;
        for (k = 0; k < TERMS; k++)
            p->laws[node][k] *= by;
    }
}

static enum inn_status measure(struct inn_pacer *p, struct inn_error *err)
{
    size_t nodes = (size_t)p->model->graph->n_nodes;
    struct timing timings[SAMPLES];
    struct inn_arena arena;
    enum inn_status st = INN_OK;
    int64_t *widths;
    int i;

    inn_arena_init(&arena, p->heap);
    widths = inn_arena_alloc(&arena, (size_t)p->model->n_groups,
                             SAMPLES * sizeof(*widths), err);
    st = widths == NULL ? inn_refused(err) : choose_widths(widths, p, err);
    for (i = 0; st == INN_OK && i < SAMPLES; i++) {
        struct timing *t = &timings[i];

        memset(t, 0, sizeof(*t));
        t->node_ns = inn_arena_alloc(&arena, nodes, sizeof(*t->node_ns), err);
        t->f = inn_arena_alloc(&arena, nodes, sizeof(*t->f), err);
        if (t->node_ns == NULL || t->f == NULL)
            st = inn_refused(err);
        else
            st = time_widths(t, p, widths + i * p->model->n_groups, err);
    }
    if (st == INN_OK) {
        fit_laws(p, timings);
        calibrate(p, timings[0].total_ns);
    }
    inn_arena_free(&arena);
    return st;
}

enum inn_status inn_pacer_new(struct inn_pacer **pacer,
                              const struct inn_model *model,
                              const struct inn_binding *bindings,
                              size_t n_bindings, int threads,
                              struct inn_error *err)
{
    size_t nodes = (size_t)model->graph->n_nodes;
    struct inn_pacer *p;
    enum inn_status st;

    *pacer = NULL;
    p = inn_alloc(model->heap, 1, sizeof(*p), err);
    if (p == NULL)
        return inn_refused(err);
    p->heap = model->heap;
    p->model = model;
    p->bindings = bindings;
    p->n_bindings = n_bindings;
    p->threads = threads;
    inn_arena_init(&p->arena, p->heap);
    p->laws = inn_arena_alloc(&p->arena, nodes, sizeof(*p->laws), err);
    p->full_ns = inn_arena_alloc(&p->arena, nodes, sizeof(*p->full_ns), err);
    st = p->laws == NULL || p->full_ns == NULL ? inn_refused(err)
                                               : measure(p, err);
    if (st != INN_OK)
        inn_pacer_free(p);
    else
        *pacer = p;
    return st;
}

void inn_pacer_free(struct inn_pacer *pacer)
{
    if (pacer == NULL)
        return;
    inn_arena_free(&pacer->arena);
    inn_free(pacer->heap, pacer);
}

enum inn_status inn_pacer_estimate(int64_t *ns, const struct inn_pacer *pacer,
                                   const int64_t *widths,
                                   struct inn_error *err)
{
    int nodes = pacer->model->graph->n_nodes, i, k;
    struct inn_graph *g = NULL;
    struct inn_shapes shapes;
    double sum = pacer->rest_ns, (*f)[TERMS];
    enum inn_status st;

    *ns = 0;
    f = inn_alloc(pacer->heap, (size_t)nodes, sizeof(*f), err);
    if (f == NULL)
        return inn_refused(err);
    st = resize(&g, &shapes, f, pacer, widths, err);
    for (i = 0; st == INN_OK && i < nodes; i++) {
        for (k = 0; k < TERMS; k++)
            sum += pacer->laws[i][k] * f[i][k];
    }
    inn_shapes_free(&shapes);
    inn_graph_free(g);
    inn_free(pacer->heap, f);
    *ns = (int64_t)fmin(sum, 0x1p62);
    return st;
}

/* -------------------------------------------------------------- the plans */

static enum inn_status estimate(int64_t *ns, const void *state,
                                const int64_t *widths, struct inn_error *err)
{
    return inn_pacer_estimate(ns, state, widths, err);
}

static bool same_widths(const struct inn_plan *a, const struct inn_plan *b)
{
    size_t bytes = (size_t)a->n_groups * sizeof(*a->widths);

    return b->widths != NULL &&
           (bytes == 0 || memcmp(a->widths, b->widths, bytes) == 0);
}

/* The best plan so far, and what the one before it was. */
struct hunt {
    struct inn_plan best;
    double best_ns;   /* measured; INFINITY while nothing fits */
    double estimated; /* of best */
    double least_ns;  /* measured of any */
};

/* Takes plan over or frees it. */
static void judge(struct hunt *h, struct inn_plan *plan, double ns,
                  double estimated, double limit)
{
    h->least_ns = fmin(h->least_ns, ns);
    if (ns > limit || (isfinite(h->best_ns) && estimated <= h->estimated)) {
        inn_plan_free(plan);
        return;
    }
    inn_plan_free(&h->best);
    h->best = *plan;
    h->best_ns = ns;
    h->estimated = estimated;
}

static enum inn_status next_plan(struct hunt *h, bool *done, double *budget,
                                 const struct inn_pacer *p,
                                 struct inn_width_request *request,
                                 double limit, struct inn_error *err)
{
    struct timing t = {.node_ns = NULL};
    struct inn_plan plan;
    enum inn_status st;
    int64_t ns = 0;

    request->budget_value = *budget * 1e-6;
    st = inn_plan_make(&plan, p->model, request, err);
    if (st != INN_OK)
        return st;
    *done = same_widths(&plan, &h->best);
    if (!*done) {
        st = time_widths(&t, p, plan.widths, err);
        if (st == INN_OK)
            st = inn_pacer_estimate(&ns, p, plan.widths, err);
    }
    if (*done || st != INN_OK) {
        inn_plan_free(&plan);
        return st;
    }
    *done = t.total_ns <= limit && t.total_ns >= CLOSE * limit;
    judge(h, &plan, t.total_ns, (double)ns, limit);
    *budget = (double)ns * limit / t.total_ns *
              (t.total_ns > limit ? AIM : 1);
    return INN_OK;
}

enum inn_status inn_pacer_plan(struct inn_plan *plan,
                               const struct inn_pacer *pacer,
                               const struct inn_width_request *request,
                               double ms, struct inn_error *err)
{
    const struct inn_pace pace = {pacer, estimate, pacer->full_ns};
    struct inn_width_request r = *request;
    struct hunt h = {.best_ns = INFINITY, .least_ns = INFINITY};
    double limit = ms * 1e6, budget = limit;
    enum inn_status st = INN_OK;
    bool done = false;
    int i;

    memset(plan, 0, sizeof(*plan));
    r.budget = INN_BUDGET_TIME;
    r.pace = &pace;
    for (i = 0; i < ROUNDS && !done && st == INN_OK; i++)
        st = next_plan(&h, &done, &budget, pacer, &r, limit, err);
    /* That the last try asked for too little says nothing of ms itself. */
    if (st == INN_ERR_RANGE && i > 1)
        st = INN_OK;
    if (st == INN_OK && !isfinite(h.best_ns))
        st = inn_fail(err, INN_ERR_RANGE,
                      "a budget of %.3g ms can't be met: the fastest widths "
                      "that were tried take %.3g", ms, h.least_ns * 1e-6);
    if (st != INN_OK) {
        inn_plan_free(&h.best);
        return st;
    }
    *plan = h.best;
    plan->took_ms = h.best_ns * 1e-6;
    return INN_OK;
}
