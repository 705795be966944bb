/* Weights that a refit may write. */
#ifndef INN_REFIT_OWN_H
#define INN_REFIT_OWN_H

#include "runtime/refit/layers.h"

/*
 * Layers' weights and biases become copies in the graph's arena: those of a
 * graph may be borrowed, or mapped from a file. A bias that others read too
 * becomes a new initializer of the layer's own; so does one of zeros for a
 * convolution or Gemm without a bias where none is added behind it. What was
 * inferred of graph, or counted, is void afterwards. INN_ERR_MEMORY.
 */
enum inn_status inn_refit_own(struct inn_graph *graph,
                              const struct inn_refit_layers *layers,
                              struct inn_error *err);

#endif
