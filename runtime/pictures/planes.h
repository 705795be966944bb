/*
 * Pictures as numbers from 0 to 255, a plane per channel: to and from bytes,
 * BT.601 colours as MATLAB's rgb2ycbcr has them, bicubic changes of size,
 * and how much two of them differ. Sums in double, planes in float.
 */
#ifndef INN_PICTURES_PLANES_H
#define INN_PICTURES_PLANES_H

#include "runtime/base/image.h"

struct inn_planes {
    int64_t channels, height, width;
    float *data; /* [channels][height][width] */
};

/* Sizes, and data of zeros from the arena. */
enum inn_status inn_planes_new(struct inn_planes *p, int64_t channels,
                               int64_t height, int64_t width,
                               struct inn_arena *arena,
                               struct inn_error *err);

/* One plane of grey, or three of RGB. */
enum inn_status inn_planes_of_image(struct inn_planes *p,
                                    const struct inn_image *image,
                                    struct inn_arena *arena,
                                    struct inn_error *err);

/* One or three planes as bytes, rounded, cut off at 0 and 255. */
enum inn_status inn_planes_to_image(struct inn_image *image,
                                    const struct inn_planes *p,
                                    struct inn_arena *arena,
                                    struct inn_error *err);

/* In place what writing as bytes and reading again does. */
void inn_planes_round(struct inn_planes *p);

/*
 * Y of one grey plane or three of RGB: 16 + (65.481 R + 128.553 G +
 * 24.966 B)/255, from 16 for black to 235 for white. Not rounded.
 */
enum inn_status inn_planes_luma(struct inn_planes *y,
                                const struct inn_planes *rgb,
                                struct inn_arena *arena,
                                struct inn_error *err);

/* All three, in place, and back. */
void inn_planes_to_ycbcr(struct inn_planes *rgb);
void inn_planes_to_rgb(struct inn_planes *ycbcr);

/* The part from (top, left) on, which must lie inside. */
enum inn_status inn_planes_cut(struct inn_planes *out,
                               const struct inn_planes *p, int64_t top,
                               int64_t left, int64_t height, int64_t width,
                               struct inn_arena *arena,
                               struct inn_error *err);

/*
 * p in another size, as MATLAB's imresize does it: Keys' kernel with
 * a = -0.5, widened where the picture shrinks, edges mirrored. Not rounded;
 * may leave 0 … 255. height and width at least 1.
 */
enum inn_status inn_planes_bicubic(struct inn_planes *out,
                                   const struct inn_planes *p, int64_t height,
                                   int64_t width, struct inn_arena *arena,
                                   struct inn_error *err);

/*
 * 10 log10(255²/mean (a − b)²) in dB over the first planes without the
 * outermost border pixels on each side; infinite where they are the same,
 * NaN where nothing is left. Sizes must agree.
 */
double inn_planes_psnr(const struct inn_planes *a, const struct inn_planes *b,
                       int64_t border);

/*
 * Structural similarity (Wang et al. 2004) of the same part: windows of
 * 11 x 11, Gaussian with sigma 1.5, that fit inside, K1 = 0.01, K2 = 0.03,
 * L = 255. *value is NaN where no window fits.
 */
enum inn_status inn_planes_ssim(double *value, const struct inn_planes *a,
                                const struct inn_planes *b, int64_t border,
                                struct inn_arena *arena,
                                struct inn_error *err);

#endif
