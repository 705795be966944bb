/*
 * The integral network: a graph, the groups its channel axes belong to, and
 * grids in place of weights. The converter makes it, file/ stores it, and
 * sample.h turns it into an ordinary graph at any width.
 */
#ifndef INN_GRID_MODEL_H
#define INN_GRID_MODEL_H

#include "runtime/graph/graph.h"
#include "runtime/ops/shapes.h"

/* What an axis of a weight does with the group's channels. */
enum inn_role {
    INN_ROLE_ALONG = 0, /* elementwise: bias, scale, slope, depthwise */
    INN_ROLE_OUT = 1,   /* makes the channels */
    INN_ROLE_IN = 2     /* is summed over them */
};

enum inn_kernel {
    INN_KERNEL_CUBIC50 = 0, /* Keys, a = -0.5 */
    INN_KERNEL_CUBIC75 = 1, /* a = -0.75 */
    INN_KERNEL_LINEAR = 2
};

enum inn_edge {
    INN_EDGE_KEYS = 0, /* λ_{-1} = 3λ_0 − 3λ_1 + λ_2 */
    INN_EDGE_CLAMP = 1 /* λ_{-1} = λ_0 */
};

/*
 * Interchangeable channel classes. Channels are numbered 0 … size-1 as the
 * network has them. Blocks are runs of consecutive channels that lie side by
 * side on every axis of the group: when the group gets width n, each block
 * gets its share (inn_block_start), so that axes stay consistent.
 */
struct inn_group {
    const char *name;
    int64_t size;    /* N */
    int64_t nodes;   /* M <= N grid nodes on the axis */
    int n_blocks;
    int64_t *first; /* [n_blocks + 1] channel that begins each block, and N */
    int64_t *order; /* [N] position on the axis -> channel */
    /*
     * Channels from the most to the least wanted by the L1 rule: sum over
     * the producers of |w|, each producer divided by its mean; [N].
     */
    int64_t *l1_rank;
    /*
     * Channels in nested order, the most wanted first, by moments; [N], or
     * NULL where the group has none. nested_error[n - 1] is the relative
     * error of the consumers' outputs at width n, as the moments predict it.
     */
    int64_t *nested;
    float *nested_error;
    double variation_before, variation_after, residual;
};

/* A stretch of an axis. */
struct inn_span {
    int32_t group;  /* -1: elements that never change */
    int32_t block;  /* of the group; 0 where group is -1 */
    int64_t count;  /* elements, where group is -1; else 0 */
    int64_t repeat; /* consecutive elements of one channel; else 1 */
};

/*
 * An axis of a value (weight or activation) that carries channels of groups.
 * Every group on it occurs a whole number of times: its k-th occurrence is
 * made of the k-th span of each of its blocks.
 */
struct inn_axis {
    int value; /* of the graph */
    int axis;
    enum inn_role role; /* meaningful for weights */
    int n_spans;
    struct inn_span *spans;
};

/* An axis of a weight, or a part of it, that keeps its size, and why. */
struct inn_pinned {
    int value;
    int axis;
    int64_t size;
    const char *reason;
};

/* A float initializer: its grid, as stored. */
struct inn_weight {
    int value;
    /*
     * type and dims of the grid: as the initializer, but M nodes instead of
     * N channels on group axes, in the groups' order. data may be NULL: then
     * the model's source has it.
     */
    struct inn_tensor grid;
    double residual; /* ‖Bλ − w‖/‖w‖; 0 where M = N */
};

/* Where grids come from when they are not in memory (file/). */
struct inn_source {
    void *state;
    /* Fills data[bytes] with weight w's grid, in grid.type. For threads. */
    enum inn_status (*load)(void *state, int w, void *data,
                            struct inn_error *err);
    void (*free)(void *state);
};

/* How pictures become the network's input: (x·scale − mean)/std. */
struct inn_input_prep {
    bool given;
    double scale;
    int n; /* entries of mean and std: 1 or the channel count */
    double mean[4], std[4];
    bool nhwc;
    bool bgr; /* three channels are blue, green, red; so are mean and std */
};

struct inn_model {
    struct inn_heap *heap; /* borrowed */
    struct inn_arena arena;
    struct inn_graph *graph; /* owned; data of weights is NULL */
    enum inn_kernel kernel;
    enum inn_edge edge;
    struct inn_group *groups;
    struct inn_axis *axes; /* sorted by value, then axis */
    /*
     * The axes that group g lies on are axes_of[axes_start[g]] to
     * axes_of[axes_start[g + 1] - 1], ascending; NULL before
     * inn_model_index_axes.
     */
    int *axes_start, *axes_of;
    struct inn_pinned *pinned;
    struct inn_weight *weights; /* sorted by value */
    struct inn_bn_stats *stats; /* of BatchNormalization folded away */
    struct inn_moments *moments;
    struct inn_consumer *consumers; /* sorted by weight, axis, then group */
    int n_moments, n_consumers;
    double extra_gain; /* see inn_moments_gains */
    int n_groups, n_axes, n_pinned, n_weights, n_stats;
    /*
     * Sizes of the inputs, of every one with a rank (inn_sizes_solve): what
     * costs are counted at and what is drawn or made up, unless somebody says
     * other sizes. No constraint on what is run.
     */
    struct inn_binding *bindings;
    int n_bindings;
    unsigned *chosen; /* of each, while it is converted (inn_sizes), or NULL */
    struct inn_input_prep prep;
    const struct inn_stored *stored; /* inputs kept in the file, or NULL */
    const char *source_name;   /* file name of the ONNX network */
    uint64_t source_hash;      /* XXH3-64 of its bytes */
    const char *converter;     /* version that made it */
    const char *options;       /* as the user gave them */
    struct inn_source source;
};

/* An empty model on heap, its arena ready; own. */
enum inn_status inn_model_new(struct inn_model **model, struct inn_heap *heap,
                              struct inn_error *err);
/* Frees graph, source, arena and model itself. */
void inn_model_free(struct inn_model *model);

/* The axis, or NULL where none of its elements is in a group. */
const struct inn_axis *inn_model_axis(const struct inn_model *model,
                                      int value, int axis);

/*
 * Makes the index of axes by group, with which the work of all groups is not
 * the square of their number. Again, where groups or axes have changed.
 */
enum inn_status inn_model_index_axes(struct inn_model *model,
                                     struct inn_error *err);

/* The weight of a value, or NULL. */
const struct inn_weight *inn_model_weight(const struct inn_model *model,
                                          int value);

/* Channels of a block. */
static inline int64_t inn_block_size(const struct inn_group *group, int block)
{
    return group->first[block + 1] - group->first[block];
}

/*
 * Where a block, 0 … n_blocks, begins among n points: round(n · L / N), L
 * channels lying before it.
 */
static inline int64_t inn_block_start(const struct inn_group *group,
                                      int64_t n, int block)
{
    return (2 * n * group->first[block] + group->size) / (2 * group->size);
}

/*
 * Channels a group can have at most: 4 N, but no second one beside a single
 * one, which does not say where on the axes the others would lie.
 */
static inline int64_t inn_group_widest(const struct inn_group *group)
{
    return group->size > 1 ? 4 * group->size : 1;
}

/* Elements of a span as the network has it. */
int64_t inn_span_size(const struct inn_model *model,
                      const struct inn_span *span);

/* Elements of a span when group g has widths[g] channels. */
int64_t inn_span_length(const struct inn_model *model,
                        const struct inn_span *span, const int64_t *widths);

/* Length of the axis when group g has widths[g] channels. */
int64_t inn_axis_length(const struct inn_model *model,
                        const struct inn_axis *axis, const int64_t *widths);

/* Where the boundary before old element at lies at these widths. */
int64_t inn_axis_edge(const struct inn_model *model,
                      const struct inn_axis *axis, const int64_t *widths,
                      int64_t at);

#endif
