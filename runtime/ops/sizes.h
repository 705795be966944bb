/*
 * Sizes for what a network leaves open (a batch, the sides of pictures, the
 * length of a text): one choice per network, for all who count, draw or make
 * up inputs.
 */
#ifndef INN_OPS_SIZES_H
#define INN_OPS_SIZES_H

#include "runtime/ops/shapes.h"

struct inn_sizes {
    /* One per input that has a rank, in the graph's order; in the arena. */
    struct inn_binding *bindings;
    /* Of each a set of axes: whose size nobody gave; but batches of 1. */
    unsigned *chosen, *told;
    size_t n;
    /*
     * A size beside that of axis 0 was chosen where others may do as well,
     * and it is none of the usual ones that the caller named.
     */
    bool assumed;
    /*
     * False where every choice that was tried contradicts the network; why
     * is what is wrong with the first one, which bindings then hold.
     */
    bool fits;
    struct inn_error why;
};

/*
 * Bindings for all inputs. What a file declares and what given says stand;
 * the rest is 1 along axis 0 and side along the others, or what usual says
 * (may be NULL). Where the network contradicts that (a table with fewer
 * rows, a Flatten in front of a weight), other sizes are tried: all open
 * ones alike, then the sides of each picture, then one by one; usual sizes
 * first, the largest below side where any smaller one does. The work is
 * bounded: some hundred inferences of a usual network.
 *
 * Memory from arena. INN_ERR_ARGUMENT: given names nothing or doesn't fit
 * what is declared. usual may.
 */
enum inn_status inn_sizes_solve(struct inn_sizes *sizes,
                                const struct inn_graph *graph,
                                const struct inn_binding *given,
                                size_t n_given,
                                const struct inn_binding *usual,
                                size_t n_usual, int64_t side,
                                struct inn_arena *arena,
                                struct inn_error *err);

/*
 * "x 1x3x224x224 (height, width are open); --input-shape x:1,3,H,W": what
 * was chosen, and how to say otherwise. In the arena; NULL: no memory.
 */
const char *inn_sizes_text(const struct inn_sizes *sizes,
                           const struct inn_graph *graph,
                           struct inn_arena *arena, struct inn_error *err);

#endif
