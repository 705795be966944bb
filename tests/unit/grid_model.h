/*
 * A small integral network built by hand, for the tests of runtime/grid:
 *
 *   t = Relu(Conv(x, w1, b1))                      trunk T, 6 channels
 *   s = Mul(Add(Pad(t, 2 and 2), Conv(t, w2)), g)  P T P, 2 + 6 + 2 channels
 *   u = Conv(t, w3)                                U, 4 channels
 *   y = Gemm(Flatten(Concat(s, u)), w4, b4)
 *   z = Gemm(Reshape(u, shape), w5);  r = Reshape(x2, shape)
 *
 * Maps are 4 × 4, so that flattened channels have 16 elements each; the
 * constant shape is shared by two graph nodes.
 */
#ifndef TESTS_UNIT_GRID_MODEL_H
#define TESTS_UNIT_GRID_MODEL_H

#include "runtime/grid/model.h"

enum { GRID_T, GRID_P, GRID_U, GRID_GROUPS };

/* What the loader of a model with its grids outside memory reads. */
struct grid_store {
    struct inn_tensor grids[16];
    int fail; /* weight whose load fails, or -1 */
    int freed;
};

/*
 * NULL when heap refuses. Grids are in memory where store is NULL. The
 * initializers' own data, in the network's order, stay in originals by
 * weight (from the model's arena).
 */
struct inn_model *grid_model(struct inn_heap *heap, struct grid_store *store,
                             struct inn_tensor *originals,
                             struct inn_error *err);

/* The same by itself, in a heap of its own; grid_end proves nothing is left. */
struct inn_model *grid_start(struct inn_heap **heap);
void grid_end(struct inn_model *model, struct inn_heap *heap);

/* Share of a node of n in the cubic's value at s, 0 … n-1; Keys' edges. */
double grid_node_share(int n, int node, double s);

/* The dense matrix [rows × cols] by which an axis of a weight is sampled. */
struct grid_matrix {
    int rows, cols;
    double at[256][256];
};

enum grid_mode {
    GRID_STORE,     /* from the network's order to the stored one */
    GRID_TRAPEZOID, /* cubic, Keys' edges */
    GRID_KEEP       /* the channels in keep */
};

/*
 * Independent of the code under test: spans walked element by element,
 * interpolation as the sum over all nodes. axis NULL: the identity of size.
 */
void grid_axis_matrix(struct grid_matrix *m, const struct inn_model *model,
                      const struct inn_axis *axis, int size,
                      const int64_t *widths, enum grid_mode mode,
                      int64_t *const keep[GRID_GROUPS]);

#endif
