/*
 * Grids with fewer nodes than channels: a least-squares fit. It needs LAPACK,
 * and so is the converter's; the runtime only reads such grids.
 */
#ifndef INN_CONVERTER_FIT_H
#define INN_CONVERTER_FIT_H

#include "runtime/base/heap.h"
#include "runtime/grid/axis_map.h"

/*
 * The least-squares grid (BᵀB)λ = Bᵀw of count functions at once: channels
 * [count × n], each function contiguous, to nodes [count × m], 1 <= m <= n.
 * m = n copies. Banded Cholesky (LAPACK). INN_ERR_UNSUPPORTED: the nodes
 * aren't determined by the channels.
 */
enum inn_status inn_grid_fit(double *nodes, int64_t m, const double *channels,
                             int64_t n, int64_t count,
                             enum inn_kernel kernel, enum inn_edge edge,
                             struct inn_heap *heap, struct inn_error *err);

#endif
