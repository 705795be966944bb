/*
 * What the two folding passes share: clearing away what they leave behind.
 */
#ifndef INN_OPS_FOLD_H
#define INN_OPS_FOLD_H

#include "runtime/graph/graph.h"

/*
 * Drops the graph nodes whose entry in drop is set, then all graph nodes and
 * initializers that had users before (uses as it was, by value; 0 for those
 * added since) and have none now. May set further entries of drop.
 */
enum inn_status inn_fold_sweep(struct inn_graph *graph, bool *drop,
                               const int *before, struct inn_error *err);

#endif
