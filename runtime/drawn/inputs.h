/*
 * What a network is given where there are no data: pictures, mixes and noise
 * in the range that it seems to expect, numbers within what it looks up.
 */
#ifndef INN_DRAWN_INPUTS_H
#define INN_DRAWN_INPUTS_H

#include "runtime/exec/feed.h"
#include "runtime/pictures/input_kind.h"

/*
 * Of axes that a network leaves open, where activations are measured. More,
 * smaller pictures tell more of channels than few large ones, at the same
 * cost.
 */
#define INN_DRAWN_SPATIAL 64

/* Room for what was drawn, in words. */
#define INN_DRAWN_TEXT 160

/* How standardised values z (mean 0, variance 1) become an input's. */
struct inn_input_range {
    const char *what;         /* "standardised"; static */
    bool photo;               /* z beyond black and white is cut off */
    int64_t n;                /* 1, or the channels */
    double *mean, *deviation; /* [n]: x = mean + deviation·z */
};

/*
 * The range of input v with so many channels. By prep for pictures of one or
 * three channels; else by a BatchNormalization with true statistics right at
 * the input, by arithmetic with constants there, by what comes out (pictures
 * are made from pictures) or by first weights as small as bytes need them.
 * Memory from arena.
 */
enum inn_status inn_find_range(struct inn_input_range *range,
                               const struct inn_graph *graph,
                               const struct inn_input_prep *prep, int v,
                               int64_t channels, bool picture,
                               struct inn_arena *arena,
                               struct inn_error *err);

struct inn_drawn_options {
    int64_t pictures; /* how many; 0: by size, 192 at 224 × 224 */
    uint64_t seed;
    int threads;
};

/*
 * Draws for all of graph's inputs at the model's bindings: as many samples as
 * o asks for, else by size and by the cost of running them. *pictures: the
 * largest input is of pictures. text says what was drawn ("drawn pictures
 * 3x224x224, standardised"), how many apart. Same bits for the same seed.
 * Memory from arena. INN_ERR_UNSUPPORTED: an input's shape isn't known, or it
 * is no tensor of numbers.
 */
enum inn_status inn_draw_feed(struct inn_feed *feed, bool *pictures,
                              char text[INN_DRAWN_TEXT],
                              const struct inn_model *model,
                              const struct inn_graph *graph,
                              const struct inn_drawn_options *o,
                              struct inn_arena *arena, struct inn_error *err);

#endif
