/*
 * Second moments of what consumers read, stored so that one factor serves
 * every width (fidelity: nested partition, least-squares quadrature), and the
 * quadrature they give.
 *
 * In a group's nested order the n channels kept at width n are always the
 * first n. With R the correlation matrix of the channels in that order and
 * R + λI = L Lᵀ, the rows of the least-squares quadrature A that belong to
 * dropped channels are L₂₁ L₁₁⁻¹ (in units of deviations), L₁₁ being the
 * leading n × n block; rows of kept channels are the identity.
 */
#ifndef INN_GRID_MOMENTS_H
#define INN_GRID_MOMENTS_H

#include "runtime/grid/axis_map.h"
#include "runtime/grid/model.h"

/* Of one group's channels at the input of one or more consumers. */
struct inn_moments {
    int group;
    float *mean;      /* [N] by channel */
    float *deviation; /* [N] by channel, > 0 */
    /*
     * L as f16 bits, packed rows of the lower triangle in nested order:
     * row i has i + 1 entries, from entry i (i + 1) / 2 on.
     */
    uint16_t *factor;
};

/*
 * A graph node that sums a weight over channels whose moments are known. A
 * weight that several graph nodes read has the same moments for all of them.
 */
struct inn_consumer {
    int node;    /* of the graph */
    int weight;  /* value: the initializer */
    int axis;    /* of it, role in */
    int moments; /* index; its group lies on that axis */
    /*
     * Where the bias goes: axis out of the weight holds the output channels,
     * one to one, and the product of weight and offset enters input bias of
     * the graph node scale times. bias -1: the operator takes none.
     */
    int out;
    int bias;
    double scale;
    /*
     * Where it takes none, but an Add right behind it has a constant: that
     * graph node, its input, and which of the constant's axes has the output
     * channels, counted from its last, which is 1; add_axis 0: there is none.
     */
    int add, add_input, add_axis;
};

/*
 * The least-squares quadrature of a consumer's moments at width n < N: the
 * n channels kept are the first of the group's nested order, as points in
 * axis order. sums has n rows over the N stored positions: κ A, κ being the
 * gain (1 gives least squares). offset[N], by stored position, is what
 * channels are on average beyond that: μ − κ A μ_S; the consumer's bias grows
 * by Σ_t W_t offset. Computed in double from the stored bits, so a file gives
 * the same network everywhere, on any number of threads (0: all). Memory from
 * arena.
 */
enum inn_status inn_moments_quadrature(struct inn_axis_map *sums,
                                       double *offset,
                                       const struct inn_model *model,
                                       const struct inn_moments *moments,
                                       int64_t n, double gain, int threads,
                                       struct inn_arena *arena,
                                       struct inn_error *err);

/*
 * Least squares is right on average and too calm: at width n the consumers'
 * outputs lose the share e of their variance that the group's error curve
 * tells. gains[n_moments]: κ = (1 − e)^−(½ + the model's extra gain): ½ gives
 * it back, 1 what was the signal's, for errors that will average out. κ is 1
 * at full width, without a curve, and where a consumer has no bias to keep the
 * mean. widths: of every group. INN_ERR_MEMORY.
 */
#define INN_EXTRA_GAIN_LEAST (-0.5)
#define INN_EXTRA_GAIN_MOST 1.5
enum inn_status inn_moments_gains(double *gains, const struct inn_model *model,
                                  const int64_t *widths,
                                  struct inn_error *err);

/*
 * The positions on the axis (indices into order) of the n channels kept, in
 * axis order; positions: [n].
 */
enum inn_status inn_nested_positions(int64_t *positions,
                                     const struct inn_group *group,
                                     int64_t n, struct inn_heap *heap,
                                     struct inn_error *err);

#endif
