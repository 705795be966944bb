/*
 * The order of a group's channels: an open tour through their feature
 * vectors, as short as we can make it in the time.
 */
#ifndef INN_CONVERTER_ORDER_H
#define INN_CONVERTER_ORDER_H

#include "runtime/base/heap.h"

/*
 * Features of n channels are gathered member by member into their Gram
 * matrix: distances need nothing else.
 */
struct inn_gram {
    struct inn_heap *heap;
    int64_t n;
    double *g; /* [n × n], own */
};

enum inn_status inn_gram_init(struct inn_gram *gram, int64_t n,
                              struct inn_heap *heap, struct inn_error *err);
/*
 * Adds scale · X Xᵀ, X being n rows of len floats. Fixed tiles, each on one
 * thread: the same bits on any number of threads. INN_ERR_FORMAT: a value or
 * scale that is not finite, or scale below 0; gram is then unchanged.
 */
enum inn_status inn_gram_add(struct inn_gram *gram, const float *rows,
                             int64_t len, double scale, int threads,
                             struct inn_error *err);
void inn_gram_free(struct inn_gram *gram);

/*
 * order[n]: position -> channel, minimising Σ_k d(order[k], order[k+1]) with
 * d_ij = √(g_ii + g_jj − 2 g_ij). Greedy-edge and nearest-neighbour starts,
 * exchanges of two and three edges (2-opt, or-opt) with neighbour lists and
 * don't-look bits, then seeded double-bridge kicks, a fixed number of them,
 * so that the result depends on nothing but its input; the shorter tour is
 * taken. Up to 8 channels are ordered exactly. *before and *after are the
 * variation in the network's own order and in the new one; the network's
 * own order is kept where nothing shorter was found. Needs about 5 n² bytes
 * of the gram's heap. INN_ERR_FORMAT: a distance is not finite.
 */
enum inn_status inn_order_tour(int64_t *order, double *before, double *after,
                               const struct inn_gram *gram, int threads,
                               struct inn_error *err);

#endif
