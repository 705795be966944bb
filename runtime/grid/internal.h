/*
 * What the files of this folder share and nobody else needs: how one weight
 * is sampled, and how a resized graph is cut loose from its model.
 */
#ifndef INN_GRID_INTERNAL_H
#define INN_GRID_INTERNAL_H

#include "runtime/grid/axis_map.h"

/*
 * position[channel] in an order of the group's channels, which err calls
 * what; INN_ERR_FORMAT unless it is a permutation.
 */
enum inn_status inn_order_invert(int64_t *position,
                                 const struct inn_group *group,
                                 const int64_t *order, const char *what,
                                 struct inn_error *err);

/* How one group's nodes become its channels. */
struct inn_group_maps {
    struct inn_axis_map values, sums;
    int taps;    /* most entries of a row of either */
    bool copies; /* every row of both is one node, as it is */
};

/* Of one consumer input whose group is cut: absent (rows 0) elsewhere. */
struct inn_lsq {
    struct inn_axis_map sums;
    double *offset; /* [N] by stored position */
};

/* One sampling: what all weights have in common. Read-only while it runs. */
struct inn_sampling {
    const struct inn_model *model;
    const int64_t *widths;       /* [n_groups] */
    int64_t *nodes;              /* [n_groups] M of each */
    struct inn_group_maps *maps; /* [n_groups] */
    struct inn_lsq *lsq;         /* [model->n_moments] */
    bool *ranged; /* [graph->n_values] variances: no mixture may leave their
                     range, below which there is no square root */
};

/* maps [n_groups]: of every group for plan. Memory from arena. */
enum inn_status inn_sampling_maps(struct inn_group_maps *maps,
                                  const struct inn_model *model,
                                  const struct inn_plan *plan,
                                  struct inn_arena *arena,
                                  struct inn_error *err);

/* These, and the quadratures of consumers. Memory from arena. */
enum inn_status inn_sampling_init(struct inn_sampling *sampling,
                                  const struct inn_model *model,
                                  const struct inn_plan *plan, int threads,
                                  struct inn_arena *arena,
                                  struct inn_error *err);

/*
 * Fills out->data, whose type and shape are the initializer's at the new
 * widths, from the grid of weight w. Safe to call from many threads.
 */
enum inn_status inn_weight_sample(const struct inn_sampling *sampling, int w,
                                  struct inn_tensor *out,
                                  struct inn_error *err);

/*
 * The consumer of a weight's axis whose moments are of group, if it is to be
 * sampled by least squares; or NULL.
 */
const struct inn_lsq *inn_sampling_lsq(const struct inn_sampling *sampling,
                                       int weight, int axis, int group);

/*
 * Adds to the biases of graph, whose weights are sampled, what channels that
 * were dropped were on average (inn_moments_quadrature). A graph node
 * without a bias gets one.
 */
enum inn_status inn_correct_biases(struct inn_graph *graph,
                                   const struct inn_sampling *sampling,
                                   struct inn_error *err);

/*
 * Copies all that graph, a copy of another, still borrows from that: names,
 * texts, packed attributes, data of constants.
 */
enum inn_status inn_graph_detach(struct inn_graph *graph,
                                 struct inn_error *err);

/* INN_ERR_RANGE where a group's width is not in 1 … 4 N. */
enum inn_status inn_check_widths(const struct inn_model *model,
                                 const int64_t *widths,
                                 struct inn_error *err);

#endif
