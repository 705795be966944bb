/*
 * Networks written down layer by layer: each helper adds one graph node with
 * seeded weights to a graph and gives the value it makes. Faults stick, so
 * that an architecture reads as a list of layers: after the first one every
 * helper does nothing and gives -1.
 */
#ifndef INN_MODELS_BUILD_H
#define INN_MODELS_BUILD_H

#include "runtime/base/port.h"
#include "runtime/graph/graph.h"

/*
 * What is known of a value's channels over pictures and positions: mean and
 * variance of each, and draws where it was made by a pointwise layer.
 */
struct inn_stats {
    double *mean, *var; /* [channels], NULL: not followed */
    float *draws;       /* or NULL; see moments.c */
};

struct inn_builder {
    struct inn_graph *graph; /* own until it is taken */
    struct inn_heap *heap;   /* borrowed, as err, which is not NULL */
    struct inn_error *err;
    enum inn_status status; /* of the first fault */
    uint64_t seed;
    bool weightless; /* shapes only: initializers without data */
    int64_t params;  /* learnable numbers: no running statistics */
    struct inn_stats *moments; /* [cap_moments], by value */
    int cap_moments;
};

/*
 * Weights have variance gain / fan-in: 2, He's, keeps the size of what a ReLU
 * follows, 1 of what stays linear.
 */
struct inn_conv {
    int64_t out;
    int kernel, stride, pad;
    double gain;
    bool no_bias;
};

/* Opset 13, IR version 7. Both leave b->status. */
void inn_build_start(struct inn_builder *b, const char *name, uint64_t seed,
                     bool weightless, struct inn_heap *heap,
                     struct inn_error *err);
/* Frees all but the graph, if that was taken (b->graph = NULL). */
void inn_build_end(struct inn_builder *b);

/* A name as by printf; never NULL. */
const char *inn_build_name(struct inn_builder *b, const char *format, ...)
    INN_PRINTF(2, 3);

/*
 * N x channels x height x width pictures, of mean 0 and variance 1 as far as
 * statistics are concerned; height and width -1: the symbols H and W.
 */
int inn_build_input(struct inn_builder *b, const char *name,
                    int64_t channels, int64_t height, int64_t width);
void inn_build_output(struct inn_builder *b, int x);

/* Square kernels, the same stride and padding on all sides. */
int inn_build_conv(struct inn_builder *b, const char *name, int x,
                   const struct inn_conv *conv);
/* Running statistics follow from the weights before it; see moments.c. */
int inn_build_batch_norm(struct inn_builder *b, const char *name, int x);
/* y = x Wᵀ + bias. */
int inn_build_linear(struct inn_builder *b, const char *name, int x,
                     int64_t out, double gain);

int inn_build_relu(struct inn_builder *b, int x);
int inn_build_add(struct inn_builder *b, int x, int y);
int inn_build_scale(struct inn_builder *b, int x, float factor);
int inn_build_max_pool(struct inn_builder *b, int x, int kernel, int stride,
                       int pad);
/* Padding counts as zeros. */
int inn_build_average_pool(struct inn_builder *b, int x, int kernel,
                           int stride, int pad);
int inn_build_global_average_pool(struct inn_builder *b, int x);
int inn_build_flatten(struct inn_builder *b, int x);
/* Channels to pixels: N x C·f² x H x W to N x C x fH x fW. */
int inn_build_pixel_shuffle(struct inn_builder *b, int x, int factor);

/* ---- moments.c: what is not known of x is not known of y --------------- */

/* New moments for value, [channels] zeros; NULL after a fault. */
struct inn_stats *inn_stats_new(struct inn_builder *b, int value);

/* Fills y's moments from x's; weights [out][in][kernel][kernel]. */
void inn_stats_conv(struct inn_builder *b, int y, int x,
                    const struct inn_conv *conv, const float *weights,
                    const float *bias);
/* y of mean shift and deviation scale, whatever came before. */
void inn_stats_batch_norm(struct inn_builder *b, int y, const float *scale,
                          const float *shift);
void inn_stats_relu(struct inn_builder *b, int y, int x);
void inn_stats_add(struct inn_builder *b, int sum, int x, int y);
void inn_stats_max_pool(struct inn_builder *b, int y, int x, int kernel);

/* ---- random.c ---------------------------------------------------------- */

/* Fills out[n] with mean + deviation · z; name chooses the sequence. */
void inn_seeded_normal(float *out, size_t n, uint64_t seed, const char *name,
                       double mean, double deviation);

#endif
