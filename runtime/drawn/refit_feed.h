/*
 * Refitting without data: the inputs that conversion drew, drawn again, and
 * whether a refit on them helps.
 */
#ifndef INN_DRAWN_REFIT_FEED_H
#define INN_DRAWN_REFIT_FEED_H

#include "runtime/drawn/inputs.h"
#include "runtime/ops/sizes.h"

/*
 * Sizes to draw at: those of model, but where the network leaves axes open
 * and nobody said otherwise to inn-convert, INN_DRAWN_SPATIAL along them.
 * *bindings [*n]: from arena, or the model's own.
 */
enum inn_status inn_drawn_sizes(struct inn_binding **bindings, int *n,
                                const struct inn_model *model,
                                const struct inn_graph *graph,
                                struct inn_arena *arena,
                                struct inn_error *err);

/*
 * inn_draw_feed for graph, which is model at full width: with the same seed
 * and number what conversion drew, whatever was folded in between.
 */
enum inn_status inn_draw_again(struct inn_feed *feed,
                               char text[INN_DRAWN_TEXT],
                               const struct inn_model *model,
                               const struct inn_graph *graph,
                               const struct inn_drawn_options *o,
                               struct inn_arena *arena,
                               struct inn_error *err);

/* What drawn inputs are good for when layers are fitted to them. */
enum inn_drawn_use {
    INN_DRAWN_USELESS,     /* a refit on them is as likely to harm */
    INN_DRAWN_AS_THEY_ARE, /* such as the network was trained on */
    INN_DRAWN_STANDARDISED /* with inn_refit_options.standardise */
};

/*
 * Whether nine in ten convolutions have statistics of BatchNormalization that
 * were measured: enough to standardise both networks by.
 */
bool inn_drawn_statistics(const struct inn_model *model);

/*
 * What a refit of model may go by, of which graph is the network at full
 * width, with weights unless there are statistics. doc/results.md has what
 * each gave ("Without data").
 */
enum inn_status inn_drawn_use(enum inn_drawn_use *use,
                              const struct inn_model *model,
                              const struct inn_graph *graph, int threads,
                              struct inn_error *err);

#endif
