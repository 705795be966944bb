/* How long a refit will take, to say so before it begins. */
#ifndef INN_REFIT_WORK_H
#define INN_REFIT_WORK_H

#include "runtime/refit/fit.h"

/* Two networks as a refit takes them, at the shapes of one sample. */
struct inn_refit_pair {
    const struct inn_graph *cut, *full;
    const struct inn_shapes *narrow, *wide;
    const struct inn_refit_layers *layers;
    int64_t samples;
};

/*
 * work [n_nodes]: multiply-accumulates of each graph node's turn: both
 * networks run, the layer's rows are squared and its equations solved. Returns
 * their sum.
 */
double inn_refit_work(double *work, const struct inn_refit_pair *pair,
                      const struct inn_refit_settings *settings);

/* *seconds for so much work, by a product that is timed here and now. */
enum inn_status inn_refit_seconds(double *seconds, double work, int threads,
                                  struct inn_heap *heap,
                                  struct inn_error *err);

#endif
