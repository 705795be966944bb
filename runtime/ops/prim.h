/*
 * Primitives: the neutral words in which an operator row tells exec how it
 * may be computed fast. Plain data; exec alone knows oneDNN.
 */
#ifndef INN_OPS_PRIM_H
#define INN_OPS_PRIM_H

#include "runtime/inn.h"

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

enum inn_prim_kind {
    INN_PRIM_CONV,    /* in 0: x, 1: weight, 2: bias or absent */
    INN_PRIM_DECONV,  /* the same, transposed: its window goes over out */
    INN_PRIM_MATMUL,  /* in 0: a, 1: b, 2: bias or absent */
    INN_PRIM_POOL,    /* in 0 */
    INN_PRIM_ELTWISE, /* in 0 */
    INN_PRIM_BINARY,  /* in 0, 1, same shape or broadcast */
    INN_PRIM_VIEW     /* output is the bytes of input 0 */
};

enum inn_eltwise {
    INN_ELT_RELU,     /* max(x, 0) */
    INN_ELT_LEAKY,    /* x < 0 ? alpha x : x */
    INN_ELT_CLIP,     /* min(max(x, alpha), beta) */
    INN_ELT_SIGMOID,
    INN_ELT_TANH,
    INN_ELT_HARDSWISH
};

enum inn_binary { INN_BIN_ADD, INN_BIN_SUB, INN_BIN_MUL, INN_BIN_DIV };

enum inn_pool { INN_POOL_MAX, INN_POOL_AVG, INN_POOL_AVG_PADDED };

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
    } u;
};

#endif
