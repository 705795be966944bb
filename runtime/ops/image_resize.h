/*
 * Resize and Upsample with every default, opset and shape resolved: what
 * image_resize.c reads from a graph node and image_resize_run.c computes.
 */
#ifndef INN_OPS_IMAGE_RESIZE_H
#define INN_OPS_IMAGE_RESIZE_H

#include "runtime/ops/args.h"

enum inn_zoom_mode { INN_ZOOM_NEAREST, INN_ZOOM_LINEAR, INN_ZOOM_CUBIC };

/* From a position in the output to one in the input. */
enum inn_zoom_coordinates {
    INN_ZOOM_HALF_PIXEL,
    INN_ZOOM_PYTORCH_HALF_PIXEL,
    INN_ZOOM_ALIGN_CORNERS,
    INN_ZOOM_ASYMMETRIC,
    INN_ZOOM_TF_CROP_AND_RESIZE,
    INN_ZOOM_TF_HALF_PIXEL_FOR_NN,
    INN_ZOOM_HALF_PIXEL_SYMMETRIC
};

enum inn_zoom_round {
    INN_ZOOM_ROUND_PREFER_FLOOR,
    INN_ZOOM_ROUND_PREFER_CEIL,
    INN_ZOOM_FLOOR,
    INN_ZOOM_CEIL,
    INN_ZOOM_SIMPLE /* before opset 11: up when shrinking, else down */
};

struct inn_zoom_axis {
    int64_t in, out;
    float scale;      /* output elements per input element */
    float start, end; /* what is cropped, in lengths of the axis */
    bool same;        /* every element stays where it is */
};

struct inn_zoom {
    enum inn_zoom_mode mode;
    enum inn_zoom_coordinates coordinates;
    enum inn_zoom_round round;
    bool exclude_outside, antialias;
    double cubic_a, extrapolation;
    int rank;
    struct inn_zoom_axis axis[INN_MAX_RANK];
    bool known; /* else scales or sizes are computed when run: no lengths */
};

enum inn_status inn_zoom_read(struct inn_zoom *z, const struct inn_args *a);

#endif
