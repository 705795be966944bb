/* Two networks in step, and what is fitted on the way. */
#include "runtime/refit/refit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/exec/interpreter.h"
#include "runtime/refit/own.h"
#include "runtime/refit/task.h"
#include "runtime/refit/work.h"

/* The least that layers are fitted on, where there are as many. */
#define FEWEST_SAMPLES 64

struct refit {
    bool fitting; /* or running behind, over samples that are to join */
    struct inn_graph *cut;
    const struct inn_graph *full;
    const struct inn_model *model;
    const struct inn_refit_options *options;
    const struct inn_refit_settings *settings;
    struct inn_refit_report *report;
    struct inn_refit_layers layers;
    struct inn_interpreter narrow, wide; /* of cut and full */
    struct inn_kept kept;
    struct inn_standard *standards; /* [full->n_values] */
    struct inn_arena arena;
    struct inn_error *err;
};

static enum inn_status check_twins(const struct refit *r)
{
    int k;

    for (k = 0; k < r->full->n_nodes && k < r->cut->n_nodes; k++) {
        if (strcmp(r->full->nodes[k].op_type, r->cut->nodes[k].op_type) != 0)
            break;
    }
    if (k == r->full->n_nodes && k == r->cut->n_nodes)
        return INN_OK;
    return inn_fail(r->err, INN_ERR_UNSUPPORTED,
                    "the sampled network has other graph nodes than the full "
                    "one");
}

/* What the network knew of v in training, or NULL. */
static const struct inn_bn_stats *stats_of(const struct refit *r, int v)
{
    int i;

    for (i = 0; i < r->model->n_stats; i++) {
        if (strcmp(r->model->stats[i].value, r->full->values[v].name) == 0)
            return &r->model->stats[i];
    }
    return NULL;
}

/* Samples that join later get what the first ones got. */
static enum inn_status standardise(struct refit *r, int v)
{
    const struct inn_bn_stats *stats = stats_of(r, v);
    struct inn_standard *s = &r->standards[v];
    enum inn_status st = INN_OK;

    if (stats != NULL && r->fitting)
        st = inn_standard_find(s, &r->wide, v, stats, &r->arena, r->err);
    if (st == INN_OK && s->gain != NULL)
        inn_standard_apply(&r->wide, v, s, NULL);
    return st;
}

/* A node of the full network, its result as training would have had it. */
static enum inn_status wide_node(struct refit *r, int k)
{
    const struct inn_node *node = &r->full->nodes[k];
    bool ran = r->wide.done[k];
    enum inn_status st = inn_interpreter_node(&r->wide, k, r->err);

    if (st == INN_OK && !ran && r->options->standardise &&
        node->n_outputs > 0 && node->outputs[0] >= 0 &&
        r->wide.data[node->outputs[0]] != NULL)
        st = standardise(r, node->outputs[0]);
    return st;
}

/* The channels of v that the cut network has kept. */
static enum inn_status kept_channels(struct refit *r, int v, int axis,
                                     int64_t **kept)
{
    int64_t length;

    return inn_kept_elements(kept, &length, &r->kept, v, axis, &r->arena,
                             r->err);
}

/* Runs the full network until v is there. */
static enum inn_status reach(struct refit *r, int v)
{
    int by = r->full->values[v].producer, i;
    enum inn_status st = INN_OK;

    for (i = 0; i < r->full->n_nodes && st == INN_OK &&
                by >= 0 && !r->wide.done[by]; i++)
        st = wide_node(r, r->layers.order[i]);
    return st;
}

/* What a Cast or an Identity makes of what is stored, made again. */
static void see_again(const struct refit *r, int stored, int seen)
{
    const struct inn_tensor *from = stored >= 0 ? r->cut->values[stored].init
                                                : NULL;
    struct inn_tensor *to;

    if (from == NULL || seen == stored)
        return;
    to = &r->narrow.shapes.known[seen];
    if (to->data != NULL && to->data != from->data)
        inn_convert_elements(to->data, to->type, from->data, from->type,
                             inn_tensor_count(from));
}

/* The layer's output with the weights it has now. */
static enum inn_status compute(struct refit *r, const struct inn_linear *l)
{
    see_again(r, l->weight, l->weight_seen);
    see_again(r, l->bias, l->bias_seen);
    return inn_interpreter_compute(&r->narrow, l->node, r->err);
}

/* Counts graph node k among those left, and names it if there is room. */
static void leave(const struct refit *r, int k, const char *why)
{
    struct inn_refit_report *report = r->report;
    struct inn_node_words w = inn_node_words(&r->cut->nodes[k]);
    int i = report->left++;

    if (i >= INN_REFIT_NAMED)
        return;
    snprintf(report->named[i], sizeof(report->named[i]), INN_NODE_FORMAT,
             INN_NODE_ARGS(w));
    report->why[i] = why;
}

/* Fits a layer, its operands alive, and gives its output again. */
static enum inn_status fit_layer(struct refit *r,
                                 const struct inn_refit_layer *layer)
{
    const struct inn_linear *l = &layer->linear;
    struct inn_tensor *weight = r->cut->values[l->weight].init;
    struct inn_tensor *bias = l->bias >= 0 ? r->cut->values[l->bias].init
                                           : NULL;
    const struct inn_refit_sides sides = {
        .cut = r->cut, .full = r->full, .narrow = &r->narrow,
        .wide = &r->wide, .kept = &r->kept, .standards = r->standards,
        .arena = &r->arena};
    struct inn_refit_fit *fit = NULL;
    struct inn_refit_task task;
    enum inn_status st;
    bool known;
    int i;

    st = inn_refit_task_new(&task, &known, layer, &sides, r->err);
    if (st == INN_OK && !known) {
        leave(r, l->node, "its positions are not those of the full network");
        inn_refit_task_free(&task, r->cut->heap);
        return INN_OK;
    }
    if (st == INN_OK)
        st = inn_refit_solve(&fit, &task, r->settings, weight, bias,
                             r->options->threads, r->cut->heap, r->err);
    for (i = 0; i < r->settings->rounds && st == INN_OK &&
                (isfinite(layer->low) || isfinite(layer->high)); i++) {
        st = compute(r, l);
        if (st == INN_OK)
            st = inn_refit_again(fit, &task, weight, bias,
                                 r->options->threads, r->err);
    }
    inn_refit_fit_free(fit);
    inn_refit_task_free(&task, r->cut->heap);
    if (st == INN_OK)
        st = compute(r, l);
    r->report->layers++;
    return st;
}

/* A node of the cut network; a layer is fitted before it goes on. */
static enum inn_status narrow_node(struct refit *r, int k)
{
    const struct inn_node *node = &r->cut->nodes[k];
    int of = r->layers.of_node[k], v;
    const struct inn_refit_layer *layer = of >= 0 ? &r->layers.layer[of]
                                                  : NULL;
    enum inn_status st = INN_OK;
    int64_t *kept;

    if (!r->fitting)
        layer = NULL;
    if (layer != NULL) {
        inn_interpreter_hold(&r->narrow, layer->linear.x);
        inn_interpreter_hold(&r->narrow, layer->linear.y);
        st = reach(r, layer->aim);
    }
    if (st == INN_OK)
        st = inn_interpreter_node(&r->narrow, k, r->err);
    if (st == INN_OK && layer != NULL) {
        st = fit_layer(r, layer);
        inn_interpreter_release(&r->narrow, layer->linear.x);
    }
    v = node->n_outputs > 0 ? node->outputs[0] : -1;
    if (st == INN_OK && v >= 0 && v < r->full->n_values &&
        r->standards[v].gain != NULL && r->narrow.data[v] != NULL) {
        st = kept_channels(r, v, 1, &kept);
        if (st == INN_OK)
            inn_standard_apply(&r->narrow, v, &r->standards[v], kept);
    }
    if (layer != NULL)
        inn_interpreter_release(&r->narrow, layer->linear.y);
    if (of >= 0)
        inn_interpreter_release(&r->wide, r->layers.layer[of].aim);
    return st;
}

static bool is_full(const struct inn_model *model,
                    const struct inn_plan *plan)
{
    int g;

    for (g = 0; g < model->n_groups; g++) {
        if (plan->widths[g] != model->groups[g].size)
            return false;
    }
    return true;
}

/* Both networks on samples first … first + count − 1. */
static enum inn_status start_walks(struct refit *r, int64_t first,
                                   int64_t count)
{
    const struct inn_refit_options *o = r->options;
    enum inn_status st;

    st = inn_interpreter_start(&r->narrow, r->cut, o->feed, first, count,
                               o->threads, r->err);
    if (st == INN_OK)
        st = inn_interpreter_start(&r->wide, r->full, o->feed, first, count,
                            o->threads, r->err);
    return st;
}

static void hold_aims(struct refit *r)
{
    int i;

    for (i = 0; i < r->layers.n; i++)
        inn_interpreter_hold(&r->wide, r->layers.layer[i].aim);
}

/*
 * Samples that a layer is fitted on: its rows have to be many times its
 * unknowns, and early layers have more positions than they need in a few
 * samples, where memory is largest.
 */
static int64_t samples_for(const struct refit *r, int k)
{
    int of = r->layers.of_node[k];
    const struct inn_linear *l;
    size_t rows, want;

    if (of < 0)
        return 0;
    l = &r->layers.layer[of].linear;
    rows = r->settings->rows * (inn_linear_unknowns(l) + 1);
    want = (rows + l->positions - 1) / l->positions;
    want = want < FEWEST_SAMPLES ? FEWEST_SAMPLES : want;
    return want < (size_t)r->options->feed->count
               ? (int64_t)want : r->options->feed->count;
}

/*
 * Some more samples, as many as memory was taken for at first, go the way
 * that those before went, and join them.
 */
static enum inn_status widen(struct refit *r, int at, int64_t samples)
{
    struct refit more = *r;
    int64_t first = (int64_t)r->narrow.samples;
    enum inn_status st;
    int i;

    more.fitting = false;
    samples = samples - first > FEWEST_SAMPLES ? first + FEWEST_SAMPLES
                                               : samples;
    st = start_walks(&more, first, samples - first);
    if (st == INN_OK)
        hold_aims(&more);
    for (i = 0; i < r->full->n_nodes && st == INN_OK; i++) {
        int k = r->layers.order[i];

        if (r->wide.done[k])
            st = wide_node(&more, k);
        if (st == INN_OK && i < at)
            st = narrow_node(&more, k);
    }
    if (st == INN_OK)
        st = inn_interpreter_join(&r->narrow, &more.narrow, r->err);
    if (st == INN_OK)
        st = inn_interpreter_join(&r->wide, &more.wide, r->err);
    inn_interpreter_free(&more.narrow);
    inn_interpreter_free(&more.wide);
    return st;
}

static enum inn_status find_layers(struct refit *r)
{
    return inn_refit_find(&r->layers, r->cut, &r->narrow.shapes, r->model,
                          &r->arena, r->err);
}

/* Both networks, with layers whose weights may be written. */
static enum inn_status start(struct refit *r, const struct inn_plan *plan)
{
    int64_t count = r->options->feed->count;
    enum inn_status st = check_twins(r);
    int i;

    count = count < FEWEST_SAMPLES ? count : FEWEST_SAMPLES;
    if (st == INN_OK)
        st = inn_kept_new(&r->kept, r->model, plan, &r->arena, r->err);
    if (st == INN_OK)
        st = inn_interpreter_start(&r->narrow, r->cut, r->options->feed, 0,
                                   count, r->options->threads, r->err);
    if (st == INN_OK)
        st = find_layers(r);
    inn_interpreter_free(&r->narrow);
    if (st == INN_OK)
        st = inn_refit_own(r->cut, &r->layers, r->err);
    if (st == INN_OK)
        st = start_walks(r, 0, count);
    if (st == INN_OK)
        st = find_layers(r);
    if (st != INN_OK)
        return st;
    r->standards = inn_arena_alloc(&r->arena, (size_t)r->full->n_values,
                                   sizeof(*r->standards), r->err);
    if (r->standards == NULL)
        return inn_refused(r->err);
    hold_aims(r);
    for (i = 0; i < r->layers.n_left; i++)
        leave(r, r->layers.left[i].node, r->layers.left[i].why);
    return INN_OK;
}

/* What each graph node's turn takes, of all; said before the first one. */
static enum inn_status foresee(struct refit *r, double **work, double *all)
{
    const struct inn_refit_pair pair = {
        .cut = r->cut, .full = r->full, .narrow = &r->narrow.shapes,
        .wide = &r->wide.shapes, .layers = &r->layers,
        .samples = r->options->feed->count};
    enum inn_status st = INN_OK;
    double seconds;

    *work = inn_arena_alloc(&r->arena, (size_t)r->cut->n_nodes,
                            sizeof(**work), r->err);
    if (*work == NULL)
        return inn_refused(r->err);
    *all = inn_refit_work(*work, &pair, r->settings);
    if (r->options->begin == NULL)
        return INN_OK;
    st = inn_refit_seconds(&seconds, *all, r->options->threads,
                           r->model->heap, r->err);
    if (st == INN_OK)
        r->options->begin(r->options->state, seconds);
    return st;
}

static void say_progress(const struct refit *r, double done, double all)
{
    if (r->options->progress != NULL)
        r->options->progress(r->options->state, (int64_t)(1000.0 * done / all),
                             1000);
}

enum inn_status inn_refit(struct inn_graph *cut, const struct inn_graph *full,
                          const struct inn_model *model,
                          const struct inn_plan *plan,
                          const struct inn_refit_options *options,
                          struct inn_refit_report *report,
                          struct inn_error *err)
{
    struct inn_error local = {0};
    struct refit r = {.fitting = true, .cut = cut, .full = full, .model = model,
                      .options = options, .report = report,
                      .settings = options->settings != NULL
                                      ? options->settings
                                      : &inn_refit_defaults,
                      .err = err != NULL ? err : &local};
    double *work = NULL, all = 1.0, done = 0.0;
    enum inn_status st;
    int i;

    memset(report, 0, sizeof(*report));
    if (is_full(model, plan))
        return INN_OK;
    inn_arena_init(&r.arena, model->heap);
    st = start(&r, plan);
    if (st == INN_OK)
        st = foresee(&r, &work, &all);
    for (i = 0; i < cut->n_nodes && st == INN_OK; i++) {
        int k = r.layers.order[i];
        int64_t samples = samples_for(&r, k);

        while (st == INN_OK && samples > (int64_t)r.narrow.samples)
            st = widen(&r, i, samples);
        if (st == INN_OK)
            st = wide_node(&r, k);
        if (st == INN_OK)
            st = narrow_node(&r, k);
        if (st == INN_OK)
            say_progress(&r, done += work[k], all);
    }
    inn_interpreter_free(&r.narrow);
    inn_interpreter_free(&r.wide);
    inn_arena_free(&r.arena);
    return st;
}
