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

/* Nodes that a row reads at most. */
#define INN_KERNEL_TAPS 4

/*
 * F(s) = Σ_k weight[k] λ[col[k]] on m >= 1 nodes, with the continuation that
 * edge says; s is clamped to 0 … m-1. One node is constant, two are linear.
 * Returns the entries used: one of exactly 1.0 where s is a node.
 */
int inn_kernel_row(enum inn_kernel kernel, enum inn_edge edge, int64_t m,
                   double s, int32_t col[INN_KERNEL_TAPS],
                   double weight[INN_KERNEL_TAPS]);

/*
 * The n sample points x_i of a rule on [0, 1] and its weights q_i, Σq = 1.
 * Either may be NULL. n >= 1; one point lies in the middle.
 */
void inn_quadrature_rule(enum inn_quadrature rule, int64_t n, double *x,
                         double *q);

/*
 * Coordinates s[n] of the n points x of a rule among the points of the same
 * rule on nodes points (roots: those, read by the Gauss rule alone), within
 * 0 … nodes-1. Whole numbers where they meet.
 */
void inn_quadrature_nodes(enum inn_quadrature rule, int64_t n, int64_t nodes,
                          const double *x, const double *roots, double *s);

/*
 * Maps from the nodes of a group of N channels and M nodes to n channels at
 * the rule's points. values: F(x_i) = Σ_j λ_j u(s_i − j). sums: the density
 * W_j/q^N_j, interpolated, times q^n_i; with M < N the W_j are first read off
 * the nodes. Bit-exact copies where a point meets a node under an equal
 * weight. Allocated from arena. INN_ERR_RANGE: n is not in 1 … 4 N, or the
 * Gauss rule is asked for more than 32768 points.
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

#endif
