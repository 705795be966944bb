/*
 * What an input of a network seems to take, by its shape and by what reads
 * it: pictures, noise, numbers of a table's rows.
 */
#ifndef INN_PICTURES_INPUT_KIND_H
#define INN_PICTURES_INPUT_KIND_H

#include "runtime/grid/model.h"

/* What is drawn for one input. */
struct inn_drawn_input {
    enum inn_drawn_kind {
        INN_DRAWN_PICTURE, /* [C, H, W] or [H, W, C] */
        INN_DRAWN_NOISE,   /* normal numbers, 1/f along some axes */
        INN_DRAWN_IDS,     /* whole numbers below limit */
        INN_DRAWN_ONES
    } kind;
    bool channels_last;
    bool bgr; /* of three channels */
    int64_t channels;
    int channel_axis;         /* of noise; -1: none */
    bool along[INN_MAX_RANK]; /* noise: correlated along this axis */
    int64_t limit;            /* of ids */
};

/* For input v of this shape, axis 0 being what the network takes at once. */
void inn_plan_input(struct inn_drawn_input *plan,
                    const struct inn_graph *graph,
                    const struct inn_input_prep *prep, int v,
                    const struct inn_tensor *shape);

#endif
