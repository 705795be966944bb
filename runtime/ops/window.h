/*
 * Sliding windows of convolutions and pools: kernel_shape, strides,
 * dilations, pads, auto_pad and ceil_mode resolved to plain numbers.
 */
#ifndef INN_OPS_WINDOW_H
#define INN_OPS_WINDOW_H

#include "runtime/graph/graph.h"
#include "runtime/ops/prim.h"

/*
 * The window of a graph node over rank spatial axes of lengths in. kernel is
 * the weight's, or NULL for a pool: kernel_shape must be there, and ceil_mode
 * counts. All sums that later loops form are checked here.
 * INN_ERR_FORMAT: a length of a list that does not fit, zero or negative
 * kernels, strides, dilations, negative pads, a window that never fits.
 */
enum inn_status inn_window_resolve(struct inn_window *w,
                                   const struct inn_node *node, int rank,
                                   const int64_t *in, const int64_t *kernel,
                                   struct inn_error *err);

/*
 * As inn_window_resolve, of a transposed convolution: the window goes over
 * the output, position i of the input lying at i × stride − pad_begin. With
 * output_padding and output_shape; out may go beyond what the window covers.
 */
enum inn_status inn_window_spread(struct inn_window *w,
                                  const struct inn_node *node, int rank,
                                  const int64_t *in, const int64_t *kernel,
                                  struct inn_error *err);

/* The window over all of rank axes of lengths in, each at least 1. */
void inn_window_global(struct inn_window *w, int rank, const int64_t *in);

/*
 * Makes the window three-dimensional by leading axes of length 1, and so
 * in3 of in: kernels need one loop nest for all ranks.
 */
void inn_window_to_3d(struct inn_window *w, const int64_t *in,
                      int64_t in3[INN_MAX_SPATIAL]);

/* Whether the last window passes the padding, as ceil_mode lets it. */
bool inn_window_overhangs(const struct inn_window *w, const int64_t *in);

/* The taps of output position at that lie inside: first to last − 1. */
struct inn_taps {
    int64_t first, last;
    int64_t start; /* where tap 0 lies; may be negative */
};

static inline struct inn_taps inn_window_taps(const struct inn_window *w,
                                              int axis, int64_t in,
                                              int64_t at)
{
    int64_t start = at * w->stride[axis] - w->pad_begin[axis];
    int64_t dilation = w->dilation[axis];
    struct inn_taps t = {0, 0, start};

    if (start < 0)
        t.first = (-start - 1) / dilation + 1;
    if (start < in)
        t.last = (in - start - 1) / dilation + 1;
    if (t.last > w->kernel[axis])
        t.last = w->kernel[axis];
    if (t.last < t.first)
        t.last = t.first;
    return t;
}

#endif
