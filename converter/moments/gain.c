/*
 * Trials of the gain: the network is sampled with each and run on a few
 * samples, and its outputs are compared with those at full width.
 */
#include "converter/moments/gain.h"

#include <math.h>
#include <string.h>

#include "runtime/base/checked.h"
#include "runtime/base/error.h"
#include "runtime/exec/session.h"
#include "runtime/grid/sample.h"
#include "runtime/ops/shapes.h"

/* The width of trials: gains matter more the less is left. */
#define WIDTH 0.8
#define STEP 0.25
/* A step has to be worth this: few samples tell no less from none. */
#define SHARE 0.99
/* Samples per trial, and multiply-accumulates of one trial at most. */
#define SAMPLES 32
#define MACS ((int64_t)20 << 30)
/* Constants up to this size are computed to learn shapes. */
#define FOLD_BYTES ((size_t)64 << 10)

struct trials {
    struct inn_model *model;
    const struct inn_feed *feed;
    int64_t count;            /* samples of feed that are run */
    struct inn_shapes shapes; /* of one sample */
    double *wanted;           /* outputs at full width, sample by sample */
    size_t per_sample;        /* of wanted */
    struct inn_arena arena;
    int threads;
    struct inn_error *err;
};

/* What becomes of one sample's outputs; n numbers in the outputs' order. */
typedef void take_fn(struct trials *t, int64_t sample, double *sum,
                     const double *outputs, size_t n);

static void keep(struct trials *t, int64_t sample, double *sum,
                 const double *outputs, size_t n)
{
    (void)sum;
    memcpy(t->wanted + (size_t)sample * n, outputs, n * sizeof(*outputs));
}

static void add_error(struct trials *t, int64_t sample, double *sum,
                      const double *outputs, size_t n)
{
    const double *want = t->wanted + (size_t)sample * n;
    size_t i;

    for (i = 0; i < n; i++)
        *sum += (outputs[i] - want[i]) * (outputs[i] - want[i]);
}

static size_t count_floats(const struct inn_tensor *out, int n)
{
    size_t total = 0;
    int i;

    for (i = 0; i < n; i++)
        total += inn_type_is_float(out[i].type) ? inn_tensor_count(&out[i])
                                                : 0;
    return total;
}

static void read_floats(double *to, const struct inn_tensor *out, int n)
{
    int i;

    for (i = 0; i < n; i++) {
        size_t count = inn_tensor_count(&out[i]);

        if (!inn_type_is_float(out[i].type))
            continue;
        inn_convert_elements(to, INN_F64, out[i].data, out[i].type, count);
        to += count;
    }
}

/* Runs sample k; its outputs as numbers go to take. */
static enum inn_status run_one(struct trials *t, struct inn_session *session,
                               struct inn_tensor *in, int64_t k,
                               take_fn *take, double *sum)
{
    const struct inn_graph *g = t->model->graph;
    struct inn_heap *heap = t->model->heap;
    const struct inn_tensor *out;
    enum inn_status st;
    double *numbers;
    size_t n;
    int i;

    for (i = 0; i < g->n_inputs; i++)
        in[i].data = (char *)t->feed->items[i].data +
                     (size_t)k * in[i].bytes;
    st = inn_session_run(session, &out, in, g->n_inputs, t->err);
    if (st != INN_OK)
        return st;
    n = count_floats(out, g->n_outputs);
    if (t->wanted == NULL) {
        t->per_sample = n;
        t->wanted = inn_arena_alloc(&t->arena, n,
                                    (size_t)t->count * sizeof(*t->wanted),
                                    t->err);
        if (t->wanted == NULL)
            return inn_refused(t->err);
    }
    /* Outputs whose sizes depend on values can't be compared. */
    if (n != t->per_sample || n == 0)
        return inn_fail(t->err, INN_ERR_UNSUPPORTED, "outputs of other sizes");
    numbers = inn_alloc_raw(heap, n, sizeof(*numbers), t->err);
    if (numbers == NULL)
        return inn_refused(t->err);
    read_floats(numbers, out, g->n_outputs);
    take(t, k, sum, numbers, n);
    inn_free(heap, numbers);
    return INN_OK;
}

/* The model at width on all samples. */
static enum inn_status run_at(struct trials *t, double width, take_fn *take,
                              double *sum)
{
    const struct inn_width_request request = {.width = width};
    const struct inn_session_options options = {.threads = t->threads};
    struct inn_graph *graph = NULL;
    struct inn_session *session = NULL;
    struct inn_plan plan = {.widths = NULL};
    struct inn_tensor *in;
    enum inn_status st;
    int64_t k;
    int i;

    in = inn_alloc(t->model->heap, (size_t)t->feed->n + 1, sizeof(*in),
                   t->err);
    if (in == NULL)
        return inn_refused(t->err);
    for (i = 0; i < t->feed->n; i++)
        in[i] = *inn_shapes_get(&t->shapes, t->model->graph->inputs[i]);
    st = inn_plan_make(&plan, t->model, &request, t->err);
    plan.partition = INN_PARTITION_MOMENTS;
    plan.quadrature = INN_QUAD_MOMENTS;
    if (st == INN_OK)
        st = inn_model_sample(&graph, t->model, &plan, t->threads, t->err);
    if (st == INN_OK)
        st = inn_session_new(&session, graph, &options, t->err);
    for (k = 0; k < t->count && st == INN_OK; k++)
        st = run_one(t, session, in, k, take, sum);
    inn_session_free(session);
    inn_graph_free(graph);
    inn_plan_free(&plan);
    inn_free(t->model->heap, in);
    return st;
}

static enum inn_status try_gain(struct trials *t, double extra,
                                double *error)
{
    *error = 0;
    t->model->extra_gain = extra;
    return run_at(t, WIDTH, add_error, error);
}

/* From best on by step for as long as the error falls. */
static enum inn_status climb(struct trials *t, double step, double *best,
                             double *least)
{
    enum inn_status st = INN_OK;

    while (st == INN_OK && *best + step >= INN_EXTRA_GAIN_LEAST &&
           *best + step <= INN_EXTRA_GAIN_MOST) {
        double error;

        st = try_gain(t, *best + step, &error);
        if (st != INN_OK || !(error < SHARE * *least))
            break;
        *best += step;
        *least = error;
    }
    return st;
}

static enum inn_status search(struct trials *t, double *best)
{
    double least;
    enum inn_status st;

    st = run_at(t, 1, keep, NULL);
    if (st == INN_OK)
        st = try_gain(t, *best, &least);
    if (st == INN_OK)
        st = climb(t, STEP, best, &least);
    if (st == INN_OK && *best <= 0)
        st = climb(t, -STEP, best, &least);
    return st;
}

/* Whether feed is of as many of the network's inputs as it says. */
static bool fits(const struct trials *t)
{
    const struct inn_graph *g = t->model->graph;
    int i;

    for (i = 0; i < g->n_inputs && t->feed->n == g->n_inputs; i++) {
        const struct inn_tensor *shape = inn_shapes_get(&t->shapes,
                                                        g->inputs[i]);
        const struct inn_tensor *item = &t->feed->items[i];
        size_t bytes;

        if (shape == NULL || shape->type != item->type ||
            !inn_mul_size(&bytes, shape->bytes, (size_t)t->feed->count) ||
            bytes != item->bytes)
            return false;
    }
    return g->n_inputs > 0 && t->feed->n == g->n_inputs;
}

enum inn_status inn_choose_gain(struct inn_model *model,
                                const struct inn_feed *feed, int threads,
                                struct inn_error *err)
{
    struct inn_error local = {0};
    struct trials t = {.model = model, .feed = feed, .threads = threads,
                       .err = err != NULL ? err : &local};
    double best = 0;
    enum inn_status st;
    int64_t most;

    inn_arena_init(&t.arena, model->heap);
    st = inn_shapes_infer(&t.shapes, model->graph, model->bindings,
                          (size_t)model->n_bindings, INN_DEFAULT_SPATIAL,
                          FOLD_BYTES, t.err);
    if (st == INN_OK && fits(&t) && model->n_moments > 0) {
        most = MACS / (t.shapes.macs < 1 ? 1 : t.shapes.macs);
        most = most < 1 ? 1 : most < SAMPLES ? most : SAMPLES;
        t.count = most < feed->count ? most : feed->count;
        st = search(&t, &best);
    }
    model->extra_gain = st == INN_OK ? best : 0;
    inn_shapes_free(&t.shapes);
    inn_arena_free(&t.arena);
    return st == INN_ERR_MEMORY ? st : INN_OK;
}
