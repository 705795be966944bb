/*
 * Primitives: the neutral words in which an operator row tells exec how it
 * may be computed fast. Plain data; exec alone knows oneDNN.
 */
#ifndef INN_OPS_PRIM_H
#define INN_OPS_PRIM_H

#include "runtime/base/tensor.h"

/* Spatial axes at most: 3-D convolutions. */
#define INN_MAX_SPATIAL 3

/* A sliding window with every default and auto_pad resolved. */
struct inn_window {
    int rank; /* spatial axes */
    int64_t kernel[INN_MAX_SPATIAL];
    int64_t stride[INN_MAX_SPATIAL];
    int64_t dilation[INN_MAX_SPATIAL]; /* 1: dense */
    int64_t pad_begin[INN_MAX_SPATIAL];
    int64_t pad_end[INN_MAX_SPATIAL];
    int64_t out[INN_MAX_SPATIAL];
};

/* oneDNN's first, ours from MAP on. */
enum inn_prim_kind {
    INN_PRIM_CONV,    /* in 0: x, 1: weight, 2: bias or absent */
    INN_PRIM_DECONV,  /* the same, transposed: its window goes over out */
    INN_PRIM_MATMUL,  /* in 0: a, 1: b, 2: bias or absent */
    INN_PRIM_POOL,    /* in 0 */
    INN_PRIM_ELTWISE, /* in 0 */
    INN_PRIM_BINARY,  /* in 0, 1, same shape or broadcast */
    INN_PRIM_MAP,     /* in 0, element by element; the rest are constants */
    INN_PRIM_MOVE,    /* every element of the outputs is one of the inputs */
    INN_PRIM_PERMUTE, /* in 0 with its axes in another order */
    INN_PRIM_REDUCE,  /* in 0, some of its axes summed up */
    INN_PRIM_NORM,    /* in 0 by picture and channel, 1: scale, 2: bias */
    INN_PRIM_SOFTMAX, /* in 0 over axes together */
    INN_PRIM_ZOOM,    /* in 0 with one axis or two longer or shorter */
    INN_PRIM_VIEW     /* output is the bytes of input 0 */
};

/* Computed by loops of ours, not by oneDNN. */
static inline bool inn_prim_is_own(enum inn_prim_kind kind)
{
    return kind >= INN_PRIM_MAP && kind < INN_PRIM_VIEW;
}

enum inn_eltwise {
    INN_ELT_RELU,     /* max(x, 0), NaN where x is */
    INN_ELT_LEAKY,    /* x < 0 ? alpha x : x */
    INN_ELT_CLIP,     /* min(max(x, alpha), beta) */
    INN_ELT_SIGMOID,
    INN_ELT_TANH,
    INN_ELT_HARDSWISH,
    INN_ELT_ABS,
    INN_ELT_ELU, /* x < 0 ? alpha (e^x - 1) : x */
    INN_ELT_GELU,
    INN_ELT_GELU_TANH,
    INN_ELT_LINEAR, /* alpha x + beta */
    INN_ELT_MISH,
    INN_ELT_POW, /* alpha x^beta */
    INN_ELT_ROOT, /* x^(1/2), which is infinite at -infinity */
    INN_ELT_SOFTPLUS,
    INN_ELT_SQRT,
    INN_ELT_SQUARE
};

enum inn_binary { INN_BIN_ADD, INN_BIN_SUB, INN_BIN_MUL, INN_BIN_DIV };

enum inn_pool { INN_POOL_MAX, INN_POOL_AVG, INN_POOL_AVG_PADDED };

/* What oneDNN has no function for; channels are axis 1. */
enum inn_map_kind {
    INN_MAP_AFFINE,       /* scale[c] x + shift[c] */
    INN_MAP_ERF,
    INN_MAP_EXP,
    INN_MAP_HARD_SIGMOID, /* min(max(alpha x + beta, 0), 1) */
    INN_MAP_PRELU         /* x < 0 ? scale[c] x : x */
};

enum inn_reduce { INN_RED_SUM, INN_RED_MEAN, INN_RED_SQUARES };

/* A loop that takes steps along one axis of each side; axis -1: stays. */
struct inn_loop {
    int64_t count;
    int in_axis, out_axis;
    int64_t in_step, out_step;
};

#define INN_MAX_LOOPS (INN_MAX_RANK + 2)

/* Elements from input `in` to output `out`, from one corner of each. */
struct inn_move {
    int in, out, n_loops;
    int64_t in_at[INN_MAX_RANK], out_at[INN_MAX_RANK];
    struct inn_loop loops[INN_MAX_LOOPS];
};

/*
 * Element i of the output's axis is the sum of weight[i taps + k] times
 * element at[i taps + k] of the input's. Without weights: one tap, as it is.
 */
struct inn_zoom_line {
    int axis;
    int64_t in, out, taps;
    const int32_t *at;
    const float *weight;
};

struct inn_prim {
    enum inn_prim_kind kind;
    union {
        struct {
            struct inn_window window;
            int64_t groups;
        } conv; /* and deconv */
        struct {
            bool transpose_a, transpose_b;
            float alpha, beta; /* alpha a b + beta bias */
        } matmul;
        struct {
            enum inn_pool kind;
            struct inn_window window;
        } pool;
        struct {
            enum inn_eltwise kind;
            float alpha, beta;
        } eltwise;
        enum inn_binary binary;
        struct {
            enum inn_map_kind kind;
            float alpha, beta;
            const float *scale, *shift; /* [n]; shift NULL but for AFFINE */
            int64_t n;                  /* channels, or 1 for all */
        } map;
        struct {
            const struct inn_move *moves;
            int n;
            bool fill; /* first, all outputs, with value */
            float value;
        } move;
        int perm[INN_MAX_RANK]; /* axis i of the output is perm[i] of in 0 */
        struct {
            enum inn_reduce kind;
            bool gone[INN_MAX_RANK]; /* the output has them 1 long or not */
        } reduce;
        double epsilon; /* of a norm */
        bool together[INN_MAX_RANK];
        struct {
            struct inn_zoom_line lines[2];
            int n;
        } zoom;
    } u;
};

#endif
