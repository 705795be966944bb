/* The graph has no BatchNormalization any more: its statistics are apart. */
#include "runtime/drawn/refit_feed.h"

#include <string.h>

#include "runtime/base/error.h"
#include "runtime/refit/standard.h"

/* Share of the convolutions whose statistics have to be known. */
#define KNOWN 0.9

static bool same_sizes(const struct inn_model *model,
                       const struct inn_sizes *sizes)
{
    size_t i;

    if (sizes->n != (size_t)model->n_bindings)
        return false;
    for (i = 0; i < sizes->n; i++) {
        const struct inn_binding *a = &model->bindings[i];
        const struct inn_binding *b = &sizes->bindings[i];

        if (strcmp(a->name, b->name) != 0 || a->rank != b->rank ||
            memcmp(a->dims, b->dims, (size_t)a->rank * sizeof(*a->dims)) != 0)
            return false;
    }
    return true;
}

enum inn_status inn_drawn_sizes(struct inn_binding **bindings, int *n,
                                const struct inn_model *model,
                                const struct inn_graph *graph,
                                struct inn_arena *arena,
                                struct inn_error *err)
{
    struct inn_sizes usual, drawn;
    enum inn_status st;

    *bindings = model->bindings;
    *n = model->n_bindings;
    st = inn_sizes_solve(&usual, graph, NULL, 0, NULL, 0, INN_DEFAULT_SPATIAL,
                         arena, err);
    if (st != INN_OK || !usual.fits || !same_sizes(model, &usual))
        return st;
    st = inn_sizes_solve(&drawn, graph, NULL, 0, NULL, 0, INN_DRAWN_SPATIAL,
                         arena, err);
    if (st == INN_OK && drawn.fits) {
        *bindings = drawn.bindings;
        *n = (int)drawn.n;
    }
    return st;
}

enum inn_status inn_draw_again(struct inn_feed *feed,
                               char text[INN_DRAWN_TEXT],
                               const struct inn_model *model,
                               const struct inn_graph *graph,
                               const struct inn_drawn_options *o,
                               struct inn_arena *arena,
                               struct inn_error *err)
{
    struct inn_model sized = *model;
    enum inn_status st;
    bool pictures;

    st = inn_drawn_sizes(&sized.bindings, &sized.n_bindings, model, graph,
                         arena, err);
    return st != INN_OK ? st : inn_draw_feed(feed, &pictures, text, &sized,
                                             graph, o, arena, err);
}

/* Whether a convolution's output is what a BatchNormalization gave. */
static bool is_known(const struct inn_model *model,
                     const struct inn_node *node)
{
    const char *name;
    int i;

    if (node->n_outputs < 1 || node->outputs[0] < 0)
        return false;
    name = model->graph->values[node->outputs[0]].name;
    for (i = 0; i < model->n_stats; i++) {
        if (strcmp(model->stats[i].value, name) == 0)
            return inn_standard_known(&model->stats[i]);
    }
    return false;
}

bool inn_drawn_statistics(const struct inn_model *model)
{
    const struct inn_graph *g = model->graph;
    int k, all = 0, known = 0;

    for (k = 0; k < g->n_nodes; k++) {
        if (g->nodes[k].domain[0] != '\0' ||
            strcmp(g->nodes[k].op_type, "Conv") != 0)
            continue;
        all++;
        known += is_known(model, &g->nodes[k]);
    }
    return all > 0 && (double)known >= KNOWN * (double)all;
}

enum inn_status inn_drawn_use(enum inn_drawn_use *use,
                              const struct inn_model *model,
                              const struct inn_graph *graph, int threads,
                              struct inn_error *err)
{
    const struct inn_drawn_options one = {.pictures = 1, .threads = threads};
    struct inn_error why = {0};
    char text[INN_DRAWN_TEXT];
    struct inn_arena arena;
    struct inn_feed feed;
    enum inn_status st;

    *use = INN_DRAWN_STANDARDISED;
    if (inn_drawn_statistics(model))
        return INN_OK;
    inn_arena_init(&arena, model->heap);
    st = inn_draw_again(&feed, text, model, graph, &one, &arena, &why);
    *use = st == INN_OK && feed.familiar ? INN_DRAWN_AS_THEY_ARE
                                         : INN_DRAWN_USELESS;
    inn_arena_free(&arena);
    return st == INN_OK || st == INN_ERR_UNSUPPORTED
               ? INN_OK : inn_fail(err, st, "%s", why.message);
}
