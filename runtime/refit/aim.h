/* Where in the graph a layer's aim is taken, and what counts as met there. */
#ifndef INN_REFIT_AIM_H
#define INN_REFIT_AIM_H

#include "runtime/refit/layers.h"

/* Who reads what; all borrowed. */
struct inn_readers {
    const struct inn_graph *graph;
    const struct inn_shapes *shapes;
    int *uses;     /* [n_values] inn_graph_count_uses */
    int *reader;   /* [n_values] a graph node that reads it, or -1 */
    bool *claimed; /* [n_nodes] sums that a layer aims at */
};

/* The graph node that reads v and is all that does; or -1. */
int inn_only_reader(const struct inn_readers *r, int v);

/*
 * Sets path, aim, shortcut, low and high of a layer whose linear is set. Of
 * a sum of two layers the later one mends it, the other has been fitted to
 * what it gives itself: so layers come in the graph's order turned round.
 */
void inn_refit_aim(struct inn_refit_layer *layer,
                   const struct inn_readers *readers);

#endif
