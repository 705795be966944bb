/*
 * Moments for a model: who sums over channels and what they read, pictures
 * through the network, and from what was gathered a nested order per group
 * and a factor per input.
 */
#include "converter/moments/moments.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "converter/moments/consumers.h"
#include "converter/moments/gain.h"
#include "converter/moments/prior.h"
#include "converter/moments/propagate.h"
#include "converter/slices.h"
#include "runtime/base/error.h"
#include "runtime/drawn/inputs.h"
#include "runtime/grid/slots.h"

/* Positions of one activation that enter its covariance (fidelity 2). */
#define POSITIONS 120000
/* Ridges of the elimination and of the quadrature (fidelity 3 and 4). */
#define RHO 0.01
#define LAMBDA 0.02
/* From this size on the readers of a trunk share one factor. */
#define SHARED 512
/*
 * A channel that hardly varies at one reader but does at another is said to
 * vary by this share of the mean variance at least: dividing by less would
 * blow up what little it says.
 */
#define VARIANCE_LEAST 1e-3
/* What drawn pictures say of correlations in a blend (fidelity 2). */
#define DRAWN_SHARE 0.6
struct work {
    struct inn_model *model;
    const struct inn_graph *graph; /* as read, BatchNormalization in it */
    const struct inn_moments_options *o;
    struct inn_arena arena;
    struct inn_readers readers;
    int *first; /* [n_groups + 1] readers of a group are side by side */
    int *input_of; /* as in struct group_work */
    struct inn_gathered *gathered; /* one per activation that is read */
    struct inn_gathered *target;   /* the sums that watch adds to */
    int64_t ran, samples; /* of a run, of all runs */
    int64_t before, of;   /* samples before these runs, and of all */
    int *gathered_of; /* by value of graph: index of gathered, or -1 */
    int n_gathered;
    int64_t *full; /* N of every group */
    bool statistics; /* BatchNormalization knows true ones */
    bool familiar;   /* what it was run on is what it is made for */
    struct inn_feed drawn; /* count 0: nothing */
    struct inn_error *err;
};

static void progress(const struct work *w, const char *phase, int i, int n)
{
    if (w->o->progress != NULL)
        w->o->progress(w->o->progress_state, phase, i, n);
}

/*
 * An activation that a product reads flattened, channel c in a run of
 * repeats, is seen as [batch, c, repeats, …]; n is then the channels.
 */
static bool is_flattened(const struct inn_axis *axis)
{
    return axis->n_spans == 1 && axis->spans[0].group >= 0 &&
           axis->spans[0].repeat > 1;
}

/* Starts gathering what reader r reads; once per activation. */
static enum inn_status start_gathering(struct work *w, struct inn_reader *r)
{
    const struct inn_axis *axis = inn_model_axis(w->model, r->x, r->x_axis);
    const char *name = w->model->graph->values[r->x].name;
    int v = inn_graph_find(w->graph, name), i;
    struct inn_gathered *g;
    int64_t n, repeat;
    enum inn_status st;

    r->gathered = -1;
    if (v < 0 || axis == NULL)
        return INN_OK;
    for (i = w->gathered_of[v]; i >= 0; i = w->gathered[i].next) {
        if (w->gathered[i].axis == r->x_axis) {
            r->gathered = i;
            return INN_OK;
        }
    }
    repeat = is_flattened(axis) ? axis->spans[0].repeat : 1;
    n = inn_axis_length(w->model, axis, w->full) / repeat;
    if (n > INN_MOST_CHANNELS)
        return INN_OK; /* a covariance of that size says too little */
    g = &w->gathered[w->n_gathered];
    st = inn_gather_start(g, v, r->x_axis, n, w->model->heap, w->err);
    if (st == INN_OK) {
        g->repeat = repeat;
        g->next = w->gathered_of[v];
        r->gathered = w->n_gathered;
        w->gathered_of[v] = w->n_gathered++;
    }
    return st;
}

/* Makes g one that no group will use. */
static void spoil(struct inn_gathered *g)
{
    int64_t i;

    for (i = 0; i < g->n; i++)
        g->mean[i] = NAN;
}

static bool is_finite_table(const struct inn_gathered *g)
{
    int y, x;

    for (y = 0; y <= INN_TABLE; y++) {
        for (x = 0; x <= INN_TABLE; x++) {
            if (!isfinite(g->r[y][x]))
                return false;
        }
    }
    return true;
}

/* [… c·repeat …] as [… c, repeat …], where it is that. */
static void split_axis(struct inn_tensor *view, int axis, int64_t repeat)
{
    int i;

    if (repeat < 2 || axis >= view->rank || view->rank >= INN_MAX_RANK ||
        view->dims[axis] % repeat != 0)
        return;
    for (i = view->rank++; i > axis + 1; i--)
        view->dims[i] = view->dims[i - 1];
    view->dims[axis] /= repeat;
    view->dims[axis + 1] = repeat;
}

static enum inn_status watch(void *state, int value,
                             const struct inn_tensor *tensor,
                             struct inn_error *err)
{
    struct work *w = state;
    enum inn_status st = INN_OK;
    int i;

    for (i = w->gathered_of[value]; i >= 0 && st == INN_OK;
         i = w->gathered[i].next) {
        struct inn_gathered *g = &w->target[i];
        struct inn_tensor view = *tensor;

        split_axis(&view, g->axis, w->gathered[i].repeat);
        st = inn_gather_add(g, &view, POSITIONS * w->ran / w->samples + 1,
                            w->o->threads, w->model->heap, err);
        if (st == INN_ERR_UNSUPPORTED) {
            spoil(g); /* its groups go without, the others don't */
            st = INN_OK;
        }
    }
    return st;
}

/* A group's own moments at one activation, its occurrences averaged. */
static enum inn_status take_group(struct work *w, const struct inn_reader *r,
                                  double *mean, double *cov)
{
    const struct inn_gathered *g = &w->gathered[r->gathered];
    const struct inn_axis *axis = inn_model_axis(w->model, r->x, r->x_axis);
    int64_t n = w->model->groups[r->group].size, f, i, j;
    struct inn_slots s;
    enum inn_status st;
    double share;

    st = inn_axis_slots(&s, w->model, axis, r->group, w->full, &w->arena,
                        w->err);
    if (st != INN_OK)
        return st;
    if (is_flattened(axis)) { /* one channel, one row of what was gathered */
        memcpy(mean, g->mean, (size_t)n * sizeof(*mean));
        memcpy(cov, g->cov, (size_t)(n * n) * sizeof(*cov));
        return INN_OK;
    }
    memset(mean, 0, (size_t)n * sizeof(*mean));
    memset(cov, 0, (size_t)(n * n) * sizeof(*cov));
    share = 1.0 / (double)s.functions;
    for (f = 0; f < s.functions; f++) {
        const int64_t *at = s.at + f * n;

        for (i = 0; i < n; i++) {
            mean[i] += share * g->mean[at[i]];
            for (j = 0; j < n; j++)
                cov[i * n + j] += share * g->cov[at[i] * g->n + at[j]];
        }
    }
    return INN_OK;
}

static bool usable(const double *cov, const double *mean, int64_t n)
{
    double trace = 0;
    int64_t i;

    for (i = 0; i < n; i++) {
        if (!isfinite(cov[i * n + i]) || !isfinite(mean[i]))
            return false;
        trace += cov[i * n + i];
    }
    return trace > 0 && isfinite(trace);
}

/* tr(Q C), by which the consumers' errors become relative. */
static double output_energy(const double *metric, const double *cov, int64_t n)
{
    double sum = 0;
    int64_t i;

    for (i = 0; i < n * n; i++)
        sum += metric[i] * cov[i];
    return sum;
}

/* One input of a group: the readers of it share covariance and factor. */
struct input {
    double *mean, *cov, *metric;
    int moments; /* its place in the model */
};

struct group_work {
    int group;
    int64_t n;
    struct input *inputs;
    int n_inputs;
    int *input_of; /* by reader: its input, or -1 */
    struct inn_gram makers; /* of the weights that make the channels */
};

/* The input that reader r shares: of the same activation or weight. */
static int find_input(const struct work *w, const struct group_work *gw, int r)
{
    const struct inn_reader *all = w->readers.items;
    int k;

    for (k = w->first[gw->group]; k < r; k++) {
        if (gw->input_of[k] >= 0 && (all[k].gathered == all[r].gathered ||
                                     all[k].weight == all[r].weight))
            return gw->input_of[k];
    }
    return -1;
}

static enum inn_status add_input(struct work *w, struct group_work *gw, int r)
{
    struct input *in = &gw->inputs[gw->n_inputs];
    size_t n = (size_t)gw->n;
    enum inn_status st;

    in->mean = inn_arena_alloc(&w->arena, n, sizeof(double), w->err);
    in->cov = inn_arena_alloc(&w->arena, n, n * sizeof(double), w->err);
    in->metric = inn_arena_alloc(&w->arena, n, n * sizeof(double), w->err);
    if (in->mean == NULL || in->cov == NULL || in->metric == NULL)
        return inn_refused(w->err);
    st = take_group(w, &w->readers.items[r], in->mean, in->cov);
    if (st != INN_OK || !usable(in->cov, in->mean, gw->n))
        return st;
    if (!w->familiar)
        inn_settle_variances(in->mean, in->cov, gw->n, w->statistics);
    inn_join_weights(in->cov, gw->makers.g, gw->n,
                     w->gathered[w->readers.items[r].gathered].count);
    gw->input_of[r] = gw->n_inputs++;
    return INN_OK;
}

/* Inputs and metrics of all readers of the group. */
static enum inn_status read_inputs(struct work *w, struct group_work *gw)
{
    enum inn_status st = INN_OK;
    int r;

    for (r = w->first[gw->group]; r < w->first[gw->group + 1] && st == INN_OK;
         r++) {
        const struct inn_reader *reader = &w->readers.items[r];

        gw->input_of[r] = -1;
        if (reader->gathered < 0 ||
            w->gathered[reader->gathered].count == 0)
            continue;
        gw->input_of[r] = find_input(w, gw, r);
        if (gw->input_of[r] < 0)
            st = add_input(w, gw, r);
        if (st == INN_OK && gw->input_of[r] >= 0)
            st = inn_reader_metric(gw->inputs[gw->input_of[r]].metric,
                                   w->model, reader,
                                   &w->gathered[reader->gathered], w->full,
                                   w->o->threads, w->err);
    }
    return st;
}

/*
 * A large trunk is read by many, and a factor for each would outweigh the
 * weights: they share the one of the mean of their correlations. Means and
 * deviations stay their own. shared: [N × N].
 */
static void mean_correlation(double *shared, const struct group_work *gw)
{
    int64_t n = gw->n, i, j;
    int k;

    for (k = 0; k < gw->n_inputs; k++) {
        const double *cov = gw->inputs[k].cov;

        for (i = 0; i < n; i++) {
            for (j = 0; j < n; j++) {
                double by = sqrt(cov[i * n + i] * cov[j * n + j]);

                if (i == j)
                    shared[i * n + j] += 1.0 / gw->n_inputs;
                else if (by > 0)
                    shared[i * n + j] += cov[i * n + j] / by / gw->n_inputs;
            }
        }
    }
}

static enum inn_status share_factor(struct work *w, struct group_work *gw,
                                    const int64_t *nested)
{
    struct inn_moments *m = &w->model->moments[w->model->n_moments];
    uint16_t *factor = NULL;
    enum inn_status st = INN_OK;
    double *shared, least;
    int64_t i;
    int k;

    shared = inn_arena_alloc(&w->arena, (size_t)gw->n,
                             (size_t)gw->n * sizeof(double), w->err);
    if (shared == NULL)
        return inn_refused(w->err);
    mean_correlation(shared, gw);
    for (k = 0; k < gw->n_inputs && st == INN_OK; k++, m++) {
        struct input *in = &gw->inputs[k];

        m->group = gw->group;
        in->moments = w->model->n_moments++;
        if (k == 0) {
            st = inn_factor_moments(m, in->mean, shared, nested, gw->n,
                                    LAMBDA, &w->model->arena, w->err);
            factor = m->factor;
        } else {
            m->mean = inn_arena_alloc(&w->model->arena, (size_t)gw->n,
                                      sizeof(float), w->err);
            m->deviation = inn_arena_alloc(&w->model->arena, (size_t)gw->n,
                                           sizeof(float), w->err);
            m->factor = factor;
        }
        if (m->mean == NULL || m->deviation == NULL)
            st = inn_refused(w->err);
        for (i = 0, least = 0; i < gw->n; i++)
            least += VARIANCE_LEAST * in->cov[i * gw->n + i] / (double)gw->n;
        for (i = 0; i < gw->n && st == INN_OK; i++) {
            m->mean[i] = (float)in->mean[i];
            m->deviation[i] = (float)sqrt(fmax(in->cov[i * gw->n + i],
                                               least));
        }
    }
    return st;
}

static enum inn_status own_factors(struct work *w, struct group_work *gw,
                                   const int64_t *nested)
{
    enum inn_status st = INN_OK;
    int k;

    for (k = 0; k < gw->n_inputs && st == INN_OK; k++) {
        struct inn_moments *m = &w->model->moments[w->model->n_moments];

        m->group = gw->group;
        gw->inputs[k].moments = w->model->n_moments++;
        st = inn_factor_moments(m, gw->inputs[k].mean, gw->inputs[k].cov,
                                nested, gw->n, LAMBDA, &w->model->arena,
                                w->err);
    }
    return st;
}

/* Nested order, error curve and factors of the group. */
static enum inn_status finish_group(struct work *w, struct group_work *gw)
{
    struct inn_model *model = w->model;
    struct inn_group *g = &model->groups[gw->group];
    struct inn_eliminate *all;
    enum inn_status st;
    int64_t *nested, i;
    float *error;
    int k;

    all = inn_arena_alloc(&w->arena, (size_t)gw->n_inputs, sizeof(*all),
                          w->err);
    nested = inn_arena_alloc(&model->arena, (size_t)gw->n, sizeof(*nested),
                             w->err);
    error = inn_arena_alloc(&model->arena, (size_t)gw->n, sizeof(*error),
                            w->err);
    if (all == NULL || nested == NULL || error == NULL)
        return inn_refused(w->err);
    for (k = 0; k < gw->n_inputs; k++) {
        struct input *in = &gw->inputs[k];
        double energy = output_energy(in->metric, in->cov, gw->n);

        for (i = 0; i < gw->n * gw->n && energy > 0; i++)
            in->metric[i] /= energy;
        all[k].cov = in->cov;
        all[k].metric = in->metric;
    }
    st = inn_eliminate_backward(nested, error, all, gw->n_inputs, gw->n, RHO,
                                w->o->threads, model->heap, w->err);
    if (st == INN_OK)
        st = gw->n_inputs > 1 && gw->n >= SHARED
                 ? share_factor(w, gw, nested) : own_factors(w, gw, nested);
    if (st == INN_OK) {
        g->nested = nested;
        g->nested_error = error;
    }
    return st;
}

static void note_consumers(struct work *w, const struct group_work *gw)
{
    int r;

    for (r = w->first[gw->group]; r < w->first[gw->group + 1]; r++) {
        const struct inn_reader *reader = &w->readers.items[r];
        struct inn_consumer *c;

        if (gw->input_of[r] < 0)
            continue;
        c = &w->model->consumers[w->model->n_consumers++];
        c->node = reader->node;
        c->weight = reader->weight;
        c->axis = reader->axis;
        c->out = reader->out;
        c->bias = reader->bias;
        c->scale = reader->scale;
        c->add = reader->add;
        c->add_input = reader->add_input;
        c->add_axis = reader->add_axis;
        c->moments = gw->inputs[gw->input_of[r]].moments;
    }
}

static enum inn_status make_group(struct work *w, int g, int *skipped)
{
    struct group_work gw = {.group = g, .n = w->model->groups[g].size};
    struct inn_arena outer = w->arena;
    enum inn_status st;

    /* Covariances of one group at a time. */
    inn_arena_init(&w->arena, w->model->heap);
    gw.inputs = inn_arena_alloc(&w->arena,
                                (size_t)(w->first[g + 1] - w->first[g]) + 1,
                                sizeof(*gw.inputs), w->err);
    gw.input_of = w->input_of;
    st = gw.inputs == NULL
             ? inn_refused(w->err)
             : inn_gram_init(&gw.makers, gw.n, w->model->heap, w->err);
    if (st == INN_OK)
        st = inn_slices_gram(&gw.makers, w->model, g, true, w->o->threads,
                             w->err);
    if (st == INN_OK)
        st = read_inputs(w, &gw);
    if (st == INN_OK && gw.n_inputs > 0) {
        st = finish_group(w, &gw);
        if (st == INN_OK)
            note_consumers(w, &gw);
    } else if (st == INN_OK) {
        ++*skipped;
    }
    inn_gram_free(&gw.makers);
    inn_arena_free(&w->arena);
    w->arena = outer;
    return st;
}

/* Readers by group, in the graph's order within each. */
static enum inn_status group_readers(struct work *w)
{
    size_t n = (size_t)w->readers.n, groups = (size_t)w->model->n_groups, g;
    struct inn_reader *sorted;
    int r;

    sorted = inn_arena_alloc(&w->arena, n + 1, sizeof(*sorted), w->err);
    w->first = inn_arena_alloc(&w->arena, groups + 1, sizeof(*w->first),
                               w->err);
    w->input_of = inn_arena_alloc(&w->arena, n + 1, sizeof(*w->input_of),
                                  w->err);
    if (sorted == NULL || w->first == NULL || w->input_of == NULL)
        return inn_refused(w->err);
    for (r = 0; r < w->readers.n; r++)
        w->first[w->readers.items[r].group + 1]++;
    for (g = 0; g < groups; g++)
        w->first[g + 1] += w->first[g];
    for (r = 0; r < w->readers.n; r++)
        sorted[w->first[w->readers.items[r].group]++] = w->readers.items[r];
    /* Each has moved to where the next begins. */
    for (g = groups; g > 0; g--)
        w->first[g] = w->first[g - 1];
    w->first[0] = 0;
    w->readers.items = sorted;
    return INN_OK;
}

static enum inn_status prepare(struct work *w)
{
    size_t values = (size_t)w->graph->n_values, g;
    enum inn_status st;
    int r;

    st = inn_find_readers(&w->readers, w->model, &w->arena, w->err);
    if (st != INN_OK)
        return st;
    w->full = inn_arena_alloc(&w->arena, (size_t)w->model->n_groups + 1,
                              sizeof(*w->full), w->err);
    w->gathered = inn_arena_alloc(&w->arena, (size_t)w->readers.n + 1,
                                  sizeof(*w->gathered), w->err);
    w->gathered_of = inn_arena_alloc(&w->arena, values + 1,
                                     sizeof(*w->gathered_of), w->err);
    w->model->moments = inn_arena_alloc(&w->model->arena,
                                        (size_t)w->readers.n + 1,
                                        sizeof(*w->model->moments), w->err);
    w->model->consumers = inn_arena_alloc(&w->model->arena,
                                          (size_t)w->readers.n + 1,
                                          sizeof(*w->model->consumers),
                                          w->err);
    if (w->full == NULL || w->gathered == NULL || w->gathered_of == NULL ||
        w->model->moments == NULL || w->model->consumers == NULL)
        return inn_refused(w->err);
    for (g = 0; g < (size_t)w->model->n_groups; g++)
        w->full[g] = w->model->groups[g].size;
    for (g = 0; g < values; g++)
        w->gathered_of[g] = -1;
    for (r = 0; r < w->readers.n && st == INN_OK; r++)
        st = start_gathering(w, &w->readers.items[r]);
    return st == INN_OK ? group_readers(w) : st;
}

/*
 * Moments of feed into target; what can't be run at once is run in parts.
 * standardise: BatchNormalization by the part's own statistics.
 */
static enum inn_status gather_of(struct work *w, struct inn_gathered *target,
                                 const struct inn_feed *feed, bool standardise)
{
    enum inn_status st = INN_OK;
    int64_t first;
    int i;

    w->target = target;
    w->samples = feed->count;
    for (first = 0; first < feed->count && st == INN_OK; first += w->ran) {
        progress(w, "moments", (int)(w->before + first), (int)w->of);
        st = inn_interpret(w->graph, feed, first, standardise, watch, w,
                           w->o->threads, &w->ran, w->err);
    }
    for (i = 0; i < w->n_gathered && st == INN_OK; i++) {
        st = inn_gather_finish(&target[i], w->err);
        if (st == INN_ERR_UNSUPPORTED || !is_finite_table(&target[i])) {
            spoil(&target[i]);
            st = INN_OK;
        }
    }
    return st;
}

/* Samples first … first + count - 1 of feed, which keeps its memory. */
static enum inn_status part_of(struct inn_feed *part,
                               const struct inn_feed *feed, int64_t first,
                               int64_t count, struct inn_arena *arena,
                               struct inn_error *err)
{
    int i;

    *part = *feed;
    part->count = count;
    part->items = inn_arena_alloc(arena, (size_t)feed->n,
                                  sizeof(*part->items), err);
    if (part->items == NULL)
        return inn_refused(err);
    for (i = 0; i < feed->n; i++) {
        struct inn_tensor *t = &part->items[i];
        size_t one = feed->items[i].bytes / (size_t)feed->count;

        *t = feed->items[i];
        t->data = (char *)t->data + (size_t)first * one;
        t->bytes = (size_t)count * one;
        t->dims[0] = t->dims[0] / feed->count * count;
    }
    return INN_OK;
}

/* With fewer, half of them may be a single position. */
#define LEAST_HALVED 8

/* The user's own inputs over what drawn ones gave; halves say how far. */
static enum inn_status gather_real(struct work *w, bool drawn)
{
    int64_t count = w->o->real->count, first, part_count;
    int n = w->n_gathered, halves = count < LEAST_HALVED ? 1 : 2, i, k;
    struct inn_gathered *real;
    struct inn_feed part;
    enum inn_status st = INN_OK;

    real = inn_arena_alloc(&w->arena, 2 * (size_t)n + 1, sizeof(*real),
                           w->err);
    if (real == NULL)
        return inn_refused(w->err);
    for (i = 0; i < halves * n && st == INN_OK; i++) {
        const struct inn_gathered *g = &w->gathered[i % n];

        st = inn_gather_start(&real[i], g->value, g->axis, g->n,
                              w->model->heap, w->err);
    }
    w->of = count;
    for (k = 0; k < halves && st == INN_OK; k++) {
        w->before = first = k * count / halves;
        part_count = (k + 1) * count / halves - first;
        st = part_of(&part, w->o->real, first, part_count, &w->arena, w->err);
        if (st == INN_OK)
            st = gather_of(w, real + k * n, &part, false); /* as in use */
    }
    for (i = 0; i < n; i++) {
        if (st == INN_OK)
            inn_blend_moments(&w->gathered[i], &real[i],
                              halves > 1 ? &real[n + i] : NULL, count, drawn);
        inn_gather_free(&real[i], w->model->heap);
        inn_gather_free(&real[n + i], w->model->heap);
    }
    return st;
}

static enum inn_status gather_seen(struct work *w, char *from, size_t len)
{
    const struct inn_feed *real = w->o->real;
    const struct inn_drawn_options o = {
        .pictures = w->o->pictures, .seed = w->o->seed,
        .threads = w->o->threads};
    char text[INN_DRAWN_TEXT] = "";
    struct inn_feed *feed = &w->drawn;
    int64_t ran = 0;
    bool drawn = false;
    enum inn_status st;

    progress(w, "pictures", 0, 1);
    st = inn_draw_feed(feed, &drawn, text, w->model, w->graph, &o,
                       &w->arena, w->err);
    drawn = drawn && st == INN_OK;
    w->familiar = real != NULL || (drawn && feed->familiar);
    if (real == NULL || drawn) {
        w->of = feed->count;
        if (st == INN_OK)
            st = gather_of(w, w->gathered, feed, w->statistics);
        ran = feed->count;
        if (real != NULL && st == INN_ERR_UNSUPPORTED)
            drawn = false;
    }
    if (real != NULL && (st == INN_OK || st == INN_ERR_UNSUPPORTED))
        st = gather_real(w, drawn);
    if (st != INN_OK)
        return st;
    if (real != NULL && drawn)
        snprintf(from, len, "%lld of your samples and %lld %s",
                 (long long)real->count, (long long)ran, text);
    else if (real != NULL)
        snprintf(from, len, "%lld of your samples", (long long)real->count);
    else
        snprintf(from, len, "%lld %s", (long long)ran, text);
    return st;
}

/* How many are known; those that failed become empty. */
static int count_known(struct work *w, bool all_failed)
{
    int i, known = 0;

    for (i = 0; i < w->n_gathered; i++) {
        struct inn_gathered *g = &w->gathered[i];

        if (all_failed || !isfinite(g->mean[0]))
            g->count = 0;
        known += g->count > 0;
    }
    return known;
}

/*
 * Seen, propagated, or both. What can't be run, or gave no numbers, is
 * propagated as far as that goes.
 */
static enum inn_status gather(struct work *w, char *from, size_t len)
{
    bool failed = true;
    enum inn_moments_source source = w->o->source;
    struct inn_error why = {INN_OK, ""};
    enum inn_status st;
    bool blend;

    if (source != INN_MOMENTS_PROPAGATED || w->o->real != NULL) {
        st = gather_seen(w, from, len);
        failed = st == INN_ERR_UNSUPPORTED;
        if (st != INN_OK && !failed)
            return st;
        why = *w->err;
    }
    blend = source == INN_MOMENTS_BLEND && w->statistics && !failed &&
            w->o->real == NULL;
    if (count_known(w, failed) == w->n_gathered && !blend && !failed)
        return INN_OK;
    progress(w, "propagation", 0, 1);
    st = inn_propagate(w->gathered, w->n_gathered, blend ? DRAWN_SHARE : 1,
                       w->model, w->graph, w->statistics, w->o->threads,
                       w->err);
    if (st == INN_OK && failed && count_known(w, false) == 0 &&
        why.status != INN_OK) {
        *w->err = why;
        return why.status;
    }
    if (st == INN_OK && (failed || blend))
        snprintf(from + (blend ? strlen(from) : 0),
                 len - (blend ? strlen(from) : 0), "%s",
                 blend ? " and the operators' algebra"
                       : "the operators' algebra alone");
    return st;
}

enum inn_status inn_make_moments(struct inn_model *model,
                                 const struct inn_graph *graph,
                                 const struct inn_moments_options *options,
                                 struct inn_moments_report *report,
                                 struct inn_error *err)
{
    struct work w = {.model = model, .graph = graph, .o = options,
                     .statistics = !inn_statistics_missing(graph)};
    struct inn_error local = {0};
    enum inn_status st;
    int g, i;

    memset(report, 0, sizeof(*report));
    w.err = err != NULL ? err : &local;
    inn_arena_init(&w.arena, model->heap);
    st = prepare(&w);
    /* Where nobody reads channels of a group there is nothing to measure. */
    if (st == INN_OK && w.n_gathered > 0)
        st = gather(&w, report->from, sizeof(report->from));
    for (g = 0; g < model->n_groups && st == INN_OK; g++) {
        progress(&w, "partition", g, model->n_groups);
        st = make_group(&w, g, &report->groups);
    }
    for (i = 0; i < w.n_gathered; i++)
        inn_gather_free(&w.gathered[i], model->heap);
    if (st == INN_OK)
        st = inn_sort_consumers(model, err);
    if (st == INN_OK && w.familiar) {
        progress(&w, "gain", 0, 1);
        st = inn_choose_gain(model, options->real != NULL ? options->real
                                                          : &w.drawn,
                             options->threads, w.err);
    }
    inn_arena_free(&w.arena);
    if (st == INN_ERR_UNSUPPORTED) {
        /* Can't be run or drawn for: the weights are what is left. */
        report->groups = model->n_groups;
        memcpy(report->why, w.err->message, sizeof(report->why) - 1);
        model->n_moments = model->n_consumers = 0;
        for (g = 0; g < model->n_groups; g++)
            model->groups[g].nested = NULL;
        st = INN_OK;
    }
    return st;
}
