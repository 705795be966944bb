/* One row of inn bench: inputs of the wanted batch, warm-up, timed runs. */
#include <math.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/base/resident.h"
#include "runtime/tools/bench.h"
#include "runtime/tools/tensors.h"

/* Where nothing is asked for: seconds per row, and at least so many runs. */
#define USUAL_DURATION 2.0
#define LEAST_RUNS 3
/* More add nothing to a percentile. */
#define MOST_RUNS 100000

static double ms_since(int64_t start)
{
    return (double)(inn_clock_ns() - start) * 1e-6;
}

static enum inn_status fixed_batch(const struct inn_graph *g,
                                   const struct inn_bench_row *row,
                                   const struct inn_tensor *first,
                                   struct inn_error *err)
{
    if (first->rank > 0 && first->dims[0] == row->batch)
        return INN_OK;
    return inn_fail(err, INN_ERR_RANGE,
                    "no input's first axis is open, so --batch %lld can't be: "
                    "'%s' begins with %lld", (long long)row->batch,
                    g->values[g->inputs[0]].name,
                    (long long)(first->rank > 0 ? first->dims[0] : 0));
}

/*
 * Sizes of the inputs in the row's batch: the first axis of every input that
 * leaves it open, and wherever its symbol stands.
 */
static enum inn_status apply_batch(struct inn_binding *sizes,
                                   const struct inn_tensor *usual,
                                   const struct inn_graph *g,
                                   const struct inn_bench_row *row,
                                   struct inn_error *err)
{
    const char *symbol = NULL;
    bool any = false;
    int i, k;

    for (i = 0; i < g->n_inputs; i++) {
        const struct inn_value *v = &g->values[g->inputs[i]];

        if (v->rank < 1 || v->dims[0].size >= 0)
            continue;
        any = true;
        sizes[i].dims[0] = row->batch;
        if (symbol == NULL)
            symbol = v->dims[0].symbol;
    }
    if (!any)
        return g->n_inputs > 0 ? fixed_batch(g, row, &usual[0], err) : INN_OK;
    for (i = 0; i < g->n_inputs && symbol != NULL; i++) {
        const struct inn_value *v = &g->values[g->inputs[i]];

        for (k = 0; k < v->rank; k++) {
            if (v->dims[k].size < 0 && v->dims[k].symbol != NULL &&
                strcmp(v->dims[k].symbol, symbol) == 0)
                sizes[i].dims[k] = row->batch;
        }
    }
    return INN_OK;
}

/* Random inputs in the row's sizes, and its cost at them. */
static enum inn_status make_inputs(struct inn_bench_row *row,
                                   const struct inn_bench *b,
                                   struct inn_error *err)
{
    struct inn_network net = b->net;
    const struct inn_graph *g = row->graph;
    size_t n = (size_t)g->n_inputs, i;
    uint64_t seed = (uint64_t)b->v->common.seed;
    struct inn_binding *sizes;
    enum inn_status st;

    net.graph = row->graph;
    row->in = inn_arena_alloc(&row->arena, n, sizeof(*row->in), err);
    sizes = inn_arena_alloc(&row->arena, n, sizeof(*sizes), err);
    if (row->in == NULL || sizes == NULL)
        return inn_refused(err);
    st = inn_random_inputs(row->in, &net, seed, &row->arena, err);
    if (st != INN_OK)
        return st;
    for (i = 0; i < n; i++) {
        sizes[i].name = g->values[g->inputs[i]].name;
        sizes[i].rank = row->in[i].rank;
        memcpy(sizes[i].dims, row->in[i].dims, sizeof(sizes[i].dims));
    }
    if (row->batch > 0) {
        st = apply_batch(sizes, row->in, g, row, err);
        net.bindings = sizes;
        net.n_bindings = n;
        if (st == INN_OK)
            st = inn_random_inputs(row->in, &net, seed, &row->arena, err);
    }
    if (st == INN_OK)
        st = inn_graph_cost(&row->cost, g, sizes, n, err);
    row->batch = n > 0 && row->in[0].rank > 0 ? row->in[0].dims[0] : 1;
    return st;
}

static enum inn_status run_once(struct inn_bench_row *row,
                                struct inn_error *err)
{
    const struct inn_tensor *out;

    return inn_session_run(row->session, &out, row->in,
                           row->graph->n_inputs, err);
}

/* What the steps have taken so far is not to count. */
static enum inn_status start_layers(struct inn_bench_row *row,
                                    struct inn_error *err)
{
    struct inn_step_info info;
    int i;

    row->n_layers = inn_session_n_steps(row->session);
    row->warm_ns = inn_arena_alloc(&row->arena, (size_t)row->n_layers,
                                   sizeof(*row->warm_ns), err);
    if (row->warm_ns == NULL)
        return inn_refused(err);
    for (i = 0; i < row->n_layers; i++) {
        inn_session_step(row->session, &info, i);
        row->warm_ns[i] = info.ns;
    }
    return INN_OK;
}

enum inn_status inn_bench_row_begin(struct inn_bench_row *row,
                                    const struct inn_bench *b,
                                    struct inn_error *err)
{
    struct inn_session_options how = {.threads = row->threads,
                                      .profile = b->v->per_layer};
    enum inn_status st;
    int64_t start, i;

    row->capacity = b->v->runs > 0 ? (size_t)b->v->runs : MOST_RUNS;
    row->ms = inn_arena_alloc(&row->arena, row->capacity, sizeof(*row->ms),
                              err);
    if (row->ms == NULL)
        return inn_refused(err);
    inn_compute_session(&how, &row->compute);
    st = make_inputs(row, b, err);
    start = inn_clock_ns();
    if (st == INN_OK)
        st = inn_session_new(&row->session, row->graph, &how, err);
    if (st == INN_OK)
        st = run_once(row, err);
    row->first_ms = ms_since(start);
    for (i = 0; i < b->v->warmup && st == INN_OK; i++)
        st = run_once(row, err);
    if (st == INN_OK && b->v->per_layer)
        st = start_layers(row, err);
    return st;
}

enum inn_status inn_bench_row_run(struct inn_bench_row *row,
                                  const struct inn_bench *b, int parts,
                                  struct inn_error *err)
{
    double limit = b->v->duration > 0 ? b->v->duration : USUAL_DURATION;
    size_t all = b->v->runs > 0 ? (size_t)b->v->runs : LEAST_RUNS;
    size_t least = row->n_runs + (all + (size_t)parts - 1) / (size_t)parts;
    enum inn_status st = INN_OK;
    int64_t begin = inn_clock_ns();

    limit = b->v->runs > 0 ? 0 : limit * 1e3 / parts;
    while (st == INN_OK && row->n_runs < row->capacity &&
           (row->n_runs < least || ms_since(begin) < limit)) {
        int64_t start = inn_clock_ns();

        st = run_once(row, err);
        row->ms[row->n_runs++] = ms_since(start);
    }
    return st;
}

static enum inn_status fill_layers(struct inn_bench_row *row,
                                   struct inn_arena *arena,
                                   struct inn_error *err)
{
    struct inn_step_info info;
    int i;

    row->layers = inn_arena_alloc(arena, (size_t)row->n_layers,
                                  sizeof(*row->layers), err);
    if (row->layers == NULL)
        return inn_refused(err);
    for (i = 0; i < row->n_layers; i++) {
        struct inn_bench_layer *l = &row->layers[i];
        const char *name = "", *op = "";

        inn_session_step(row->session, &info, i);
        if (info.node != NULL) {
            name = info.node->name;
            if (name[0] == '\0' && info.node->n_outputs > 0)
                name = row->graph->values[info.node->outputs[0]].name;
            op = info.node->op_type;
        }
        l->name = inn_arena_strdup(arena, name, err);
        l->op = inn_arena_strdup(arena, op, err);
        l->kernel = inn_arena_strdup(arena, info.impl, err);
        if (l->name == NULL || l->op == NULL || l->kernel == NULL)
            return inn_refused(err);
        l->n_fused = info.n_fused;
        l->macs = info.macs;
        l->ms = (double)(info.ns - row->warm_ns[i]) * 1e-6 /
                (double)row->n_runs;
    }
    return INN_OK;
}

enum inn_status inn_bench_row_sum(struct inn_bench_row *row,
                                  const struct inn_bench *b,
                                  struct inn_error *err)
{
    inn_times_summary(&row->times, row->ms, row->n_runs);
    row->workspace_bytes = inn_session_workspace(row->session);
    row->peak_bytes = b->v->alternate ? 0 : inn_resident_peak();
    return b->v->per_layer ? fill_layers(row, &b->cli->arena, err) : INN_OK;
}

void inn_bench_row_free(struct inn_bench_row *row)
{
    inn_session_free(row->session);
    row->session = NULL;
    inn_arena_free(&row->arena);
}
