/* Samples that are given, stored or drawn. */
#include "runtime/drawn/samples.h"

#include <string.h>

#include "runtime/drawn/refit_feed.h"
#include "runtime/grid/sample.h"
#include "runtime/pictures/calibration.h"
#include "runtime/pictures/stored.h"

/*
 * As many are drawn as 256 of 64 × 64 pixels and three channels have elements,
 * within these bounds: more say little more (doc/results.md).
 */
#define DRAWN_ELEMENTS ((int64_t)256 * 3 * 64 * 64)
#define DRAWN_LEAST 64
#define DRAWN_MOST 256

static int64_t count_drawn(const struct inn_model *model)
{
    int64_t elements = 1, most;
    int i, k;

    for (i = 0; i < model->n_bindings; i++) {
        const struct inn_binding *b = &model->bindings[i];

        for (k = 0; k < b->rank; k++) {
            if (b->dims[k] > DRAWN_ELEMENTS / elements)
                return DRAWN_LEAST;
            elements *= b->dims[k] > 0 ? b->dims[k] : 1;
        }
    }
    most = DRAWN_ELEMENTS / elements;
    return most < DRAWN_LEAST ? DRAWN_LEAST
           : most > DRAWN_MOST ? DRAWN_MOST : most;
}

/* Whether a picture may come of a picture: it is looked at what is drawn. */
static bool makes_pictures(const struct inn_graph *g)
{
    return g->n_inputs == 1 && g->n_outputs == 1 &&
           g->values[g->inputs[0]].rank == 4 &&
           g->values[g->outputs[0]].rank == 4;
}

/* The largest network that is refitted by drawn inputs unasked. */
#define MOST_MACS ((int64_t)2500000000)

static enum inn_status is_large(bool *large, const struct inn_model *model,
                                struct inn_error *err)
{
    struct inn_plan full;
    struct inn_cost cost;
    enum inn_status st = inn_plan_full(&full, model, err);

    if (st == INN_OK)
        st = inn_plan_cost(&cost, model, full.widths, err);
    inn_plan_free(&full);
    *large = st == INN_OK && cost.macs > MOST_MACS;
    return st;
}

/* inn_drawn_use, for which the network at full width is made. */
static enum inn_status find_use(enum inn_drawn_use *use,
                                const struct inn_model *model, int threads,
                                struct inn_error *err)
{
    struct inn_graph *full = NULL;
    struct inn_plan plan;
    enum inn_status st;

    st = inn_plan_full(&plan, model, err);
    if (st == INN_OK)
        st = inn_model_sample(&full, model, &plan, threads, err);
    if (st == INN_OK)
        st = inn_drawn_use(use, model, full, threads, err);
    inn_plan_free(&plan);
    inn_graph_free(full);
    return st;
}

enum inn_status inn_refit_choose(enum inn_refit_source *source,
                                 const struct inn_model *model,
                                 const char *asked, bool by_default,
                                 int threads, struct inn_error *err)
{
    bool automatic = asked != NULL ? strcmp(asked, "auto") == 0 : by_default;
    enum inn_drawn_use use = INN_DRAWN_USELESS;
    enum inn_status st = INN_OK;

    *source = INN_REFIT_NONE;
    if (!automatic && asked != NULL && strcmp(asked, "off") != 0)
        *source = INN_REFIT_GIVEN;
    if (!automatic)
        return INN_OK;
    if (model->stored != NULL) {
        *source = INN_REFIT_STORED;
        return INN_OK;
    }
    if (inn_drawn_statistics(model)) {
        bool large = false;

        if (asked == NULL)
            st = is_large(&large, model, err);
        use = large ? INN_DRAWN_USELESS : INN_DRAWN_STANDARDISED;
    } else if (makes_pictures(model->graph)) {
        st = find_use(&use, model, threads, err);
    }
    if (use != INN_DRAWN_USELESS)
        *source = use == INN_DRAWN_STANDARDISED ? INN_REFIT_DRAWN
                                                : INN_REFIT_FAMILIAR;
    return st;
}

/* Leaves n of the feed's samples, evenly spread, if there are more. */
static void thin(struct inn_feed *feed, int64_t n)
{
    int64_t k;
    int i;

    if (n <= 0 || n >= feed->count)
        return;
    for (i = 0; i < feed->n; i++) {
        struct inn_tensor *t = &feed->items[i];
        size_t one = t->bytes / (size_t)feed->count;

        for (k = 1; k < n; k++)
            memmove((char *)t->data + (size_t)k * one,
                    (char *)t->data + (size_t)(k * feed->count / n) * one,
                    one);
        t->dims[0] = t->dims[0] / feed->count * n;
        t->bytes = one * (size_t)n;
    }
    feed->count = n;
}

enum inn_status inn_refit_samples(struct inn_feed *feed,
                                  enum inn_refit_source source,
                                  const char *path, int64_t n, int threads,
                                  const struct inn_model *model,
                                  const struct inn_graph *full,
                                  struct inn_arena *arena,
                                  struct inn_error *err)
{
    const struct inn_calibration given = {.path = path, .samples = n};
    const struct inn_drawn_options o = {
        .pictures = n > 0 ? n : count_drawn(model), .threads = threads};
    char text[INN_DRAWN_TEXT];
    enum inn_status st;

    if (source == INN_REFIT_GIVEN)
        return inn_calibrate(feed, &given, model, full, arena, err);
    if (source != INN_REFIT_STORED)
        return inn_draw_again(feed, text, model, full, &o, arena, err);
    st = inn_stored_feed(feed, model, full, arena, err);
    if (st == INN_OK)
        thin(feed, n);
    return st;
}
