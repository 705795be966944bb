/*
 * Linear maps along one channel axis: what interpolation, quadrature and
 * deletion all come down to. A row per new channel, sparse, in double.
 */
#ifndef INN_GRID_AXIS_MAP_H
#define INN_GRID_AXIS_MAP_H

#include "runtime/grid/plan.h"

/* rows × cols; row i has entries start[i] … start[i+1]-1. */
struct inn_axis_map {
    int64_t rows, cols;
    int64_t *start;
    int32_t *col;
    double *weight;
};

/* u(s), fidelity.md section 1 (Keys 1981, eq. 15). */
double inn_kernel_value(enum inn_kernel kernel, double s);

/*
 * The n sample points x_i of a rule on [0, 1] and its weights q_i, Σq = 1.
 * Either may be NULL. n >= 1; one point lies in the middle.
 */
void inn_quadrature_rule(enum inn_quadrature rule, int64_t n, double *x,
                         double *q);

/*
 * Maps from the nodes of a group of N channels and M nodes to n channels at
 * the rule's points. values: F(x_i) = Σ_j λ_j u(s_i − j). sums: the density
 * W_j/q^N_j, interpolated, times q^n_i. Bit-exact copies where a point meets
 * a node under an equal weight. Allocated from arena.
 */
enum inn_status inn_axis_map_uniform(struct inn_axis_map *values,
                                     struct inn_axis_map *sums,
                                     const struct inn_group *group,
                                     enum inn_kernel kernel,
                                     enum inn_edge edge,
                                     enum inn_quadrature rule, int64_t n,
                                     struct inn_arena *arena,
                                     struct inn_error *err);

/* Keeps the given positions of the axis: copies, for every role. */
enum inn_status inn_axis_map_select(struct inn_axis_map *map,
                                    const int64_t *positions, int64_t n,
                                    int64_t cols, struct inn_arena *arena,
                                    struct inn_error *err);

/*
 * The least-squares grid (BᵀB)λ = Bᵀw: in [count × N] -> out [count × M],
 * vectors contiguous in steps of stride elements (in and out alike: element
 * k of vector v is at v*vector_step + k*stride). Banded Cholesky (LAPACK).
 * *residual gets Σ‖Bλ−w‖² and *norm Σ‖w‖², both added to.
 */
enum inn_status inn_grid_fit(double *nodes, int64_t m, const double *channels,
                             int64_t n, int64_t count,
                             enum inn_kernel kernel, enum inn_edge edge,
                             double *residual, double *norm,
                             struct inn_heap *heap, struct inn_error *err);

#endif
