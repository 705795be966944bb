/*
 * One input of all samples: what was planned for it is drawn, brought into
 * its range and written in its type and layout.
 */
#ifndef INN_DRAWN_CANVAS_H
#define INN_DRAWN_CANVAS_H

#include "runtime/drawn/degrade.h"
#include "runtime/drawn/inputs.h"

struct inn_canvas {
    const struct inn_drawn_input *plan;
    const struct inn_input_range *range;
    const struct inn_tensor *shape; /* of one sample */
    struct inn_degradation degradation; /* of pictures */
    uint64_t seed;
    size_t count; /* samples */
};

/*
 * out: room for all samples, joined along axis 0, in the input's type. Same
 * bits on any number of threads.
 */
enum inn_status inn_canvas_draw(struct inn_tensor *out,
                                const struct inn_canvas *canvas, int threads,
                                struct inn_heap *heap, struct inn_error *err);

#endif
