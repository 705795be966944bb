/*
 * Photographs made to the size of a network: reduced, then cut out of the
 * middle, as torchvision does it for ImageNet.
 */
#ifndef INN_PICTURES_CROP_H
#define INN_PICTURES_CROP_H

#include "runtime/base/image.h"

/*
 * image as height × width: its shorter side to 256/224 of the size by a
 * triangle filter that averages where it shrinks (Pillow's BILINEAR, to the
 * bit), then the middle. A picture of just that size stays as it is. Pixels
 * from arena. INN_ERR_RANGE: a side below 1 or beyond 65536.
 */
enum inn_status inn_image_crop(struct inn_image *out,
                               const struct inn_image *image, int64_t height,
                               int64_t width, struct inn_arena *arena,
                               struct inn_error *err);

/* Grey to RGB, or RGB to grey by BT.601 as Pillow rounds it. */
enum inn_status inn_image_recolour(struct inn_image *out,
                                   const struct inn_image *image,
                                   int channels, struct inn_arena *arena,
                                   struct inn_error *err);

#endif
