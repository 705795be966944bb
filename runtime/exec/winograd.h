/*
 * Convolutions of 3 x 3 taps by Winograd's minimal filtering F(2x2, 3x3)
 * (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR
 * 2016, section 4.1): a tile of 2 x 2 outputs takes 16 products per pair of
 * channels where the plain sum takes 36. Its transforms multiply by 1 and 1/2
 * alone, so results are as close as the plain sum's. Each output is summed in
 * one order, whatever the threads and the width of vectors.
 *
 * f32 in NCHW or whatever places say; nothing here knows oneDNN.
 */
#ifndef INN_EXEC_WINOGRAD_H
#define INN_EXEC_WINOGRAD_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Where values lie, in elements: channel c of a pixel is at c / lanes * block
 * + c % lanes from the pixel's first. Either lanes and block are all channels
 * (channels last), or lanes divide them and are a multiple of inn_wino.width.
 */
struct inn_wino_place {
    size_t picture, row, column, block, lanes;
};

enum inn_wino_kind {
    INN_WINO_RESIDUAL, /* + the residual's element */
    INN_WINO_SCALE,    /* x channel[c] */
    INN_WINO_SHIFT,    /* + channel[c] */
    INN_WINO_RELU,     /* x < 0 ? 0 : x */
    INN_WINO_LEAKY,    /* x < 0 ? alpha x : x */
    INN_WINO_CLIP      /* min(max(x, alpha), beta) */
};

struct inn_wino_post {
    enum inn_wino_kind kind;
    float alpha, beta;
    const float *channel; /* [outputs]; borrowed */
};

#define INN_WINO_POSTS 8

/* One convolution, of stride 1; the second part is inn_wino_prepare's. */
struct inn_wino {
    size_t pictures, rows, columns, out_rows, out_columns;
    size_t pad_top, pad_left;
    size_t inputs, outputs; /* channels */
    struct inn_wino_place source, residual, result;
    int n_post;
    struct inn_wino_post post[INN_WINO_POSTS];

    const struct inn_wino_kernels *kernels;
    size_t width;                    /* floats of a vector */
    size_t tiles, across, down;      /* across and down one picture */
    size_t per_block, blocks;        /* tiles; the last block may have less */
    size_t per_group, groups;        /* outputs */
    const float *weights;            /* from inn_wino_weights; borrowed */
};

struct inn_wino_data {
    const float *source, *residual, *bias; /* the last two may be NULL */
    float *result, *scratch;
};

/*
 * Fills in the second part but for weights. lanes: the widest vectors to use.
 * False where this processor has none, or the plain sum would be faster.
 */
bool inn_wino_prepare(struct inn_wino *w, size_t lanes, int threads);

/* How many floats weights take, and one worker's scratch memory. */
size_t inn_wino_weight_count(const struct inn_wino *w);
size_t inn_wino_scratch_count(const struct inn_wino *w);
/* How many workers inn_wino_run has on that many threads. */
size_t inn_wino_workers(const struct inn_wino *w, int threads);

/* Transforms weight [outputs][inputs][3][3] into to. */
void inn_wino_weights(const struct inn_wino *w, float *to,
                      const float *weight, int threads);

/* scratch: inn_wino_scratch_count floats for each of the workers. */
void inn_wino_run(const struct inn_wino *w, const struct inn_wino_data *data,
                  int threads);

#endif
