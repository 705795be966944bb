/*
 * Graph nodes that sum a constant weight against an activation, seen as
 * least-squares problems: at every position an output is
 *     y_o = Σ_u W_ou x_u + b_o,
 * x_u being all elements that the weight meets there (every channel under
 * every tap). Convolutions and transposed convolutions of one to three
 * dimensions, plain, grouped and depthwise, and matrix products.
 */
#ifndef INN_REFIT_LINEAR_H
#define INN_REFIT_LINEAR_H

#include "runtime/graph/graph.h"
#include "runtime/ops/op.h"
#include "runtime/ops/shapes.h"

enum inn_linear_kind {
    INN_LINEAR_CONV,
    INN_LINEAR_DECONV, /* a transposed convolution */
    INN_LINEAR_PRODUCT
};

/* An activation as [outer][channels][inner]; a position is outer and inner. */
struct inn_linear_side {
    size_t outer, channels, inner;
    int axis; /* of the channels */
};

struct inn_linear {
    enum inn_linear_kind kind;
    int node;           /* of the graph */
    int x, y;           /* values: its input and output */
    int weight, bias;   /* values: initializers; bias -1 where it has none */
    /*
     * What the operator reads in their place: they themselves, or what a
     * Cast or an Identity makes of them.
     */
    int weight_seen, bias_seen;
    int apart; /* graph node right behind y that adds the bias; or -1 */
    size_t parts;       /* independent problems: a convolution's groups */
    size_t outputs;     /* of a part */
    size_t inputs, taps; /* of a part: inputs × taps unknowns */
    /* Element (part, output, input, tap) of the weight; taps lie together. */
    size_t part_step, output_step, input_step;
    double weight_scale, bias_scale; /* a product's alpha and beta */
    struct inn_window window;        /* of convolutions */
    int64_t source[INN_MAX_SPATIAL]; /* the input's spatial sizes */
    struct inn_linear_side from, to; /* of one sample */
    size_t positions;                /* of one sample */
};

static inline size_t inn_linear_unknowns(const struct inn_linear *l)
{
    return l->inputs * l->taps;
}

/*
 * Whether graph node k, at these shapes of one sample, is such a node; its
 * weight an initializer of floats with data, perhaps widened by a Cast. Any
 * other is left alone: false.
 */
bool inn_linear_read(struct inn_linear *l, const struct inn_graph *graph,
                     const struct inn_shapes *shapes, int k);

/*
 * Graph node k, which reads l's output and is all that does: where l has no
 * bias and k adds a constant with one element per output, and nothing else,
 * that is its bias from now on, and true.
 */
bool inn_linear_take_bias(struct inn_linear *l, const struct inn_graph *graph,
                          const struct inn_shapes *shapes, int k);

/*
 * Whether nothing but the operator reads v, of those that stored, an
 * initializer, becomes on its way there. uses: inn_graph_count_uses.
 */
bool inn_linear_alone(const struct inn_graph *graph, const int *uses,
                      int stored, int seen);

/*
 * rows [n × (unknowns + 1)]: what a part's weight meets at n positions of one
 * sample's input x, and behind it a 1. step: floats from row to row.
 */
void inn_linear_rows(const struct inn_linear *l, float *rows, size_t step,
                     const float *x, size_t part, const size_t *positions,
                     size_t n);

/* values [n × outputs]: what a sample's y holds there for a part. */
void inn_linear_outputs(const struct inn_linear *l, float *values,
                        size_t step, const float *y, size_t part,
                        const size_t *positions, size_t n);

/*
 * w [outputs × (unknowns + 1)] of a part, the last column the bias, from the
 * weight's and the bias's elements in double, and back.
 */
void inn_linear_get(const struct inn_linear *l, double *w,
                    const struct inn_tensor *weight,
                    const struct inn_tensor *bias, size_t part);
void inn_linear_put(const struct inn_linear *l, const double *w,
                    struct inn_tensor *weight, struct inn_tensor *bias,
                    size_t part);

#endif
