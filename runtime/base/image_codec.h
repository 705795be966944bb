/* What image.c and the files of one codec each agree upon. */
#ifndef INN_BASE_IMAGE_CODEC_H
#define INN_BASE_IMAGE_CODEC_H

#include "runtime/base/image.h"

/* As inn_image_parse, of bytes that begin as their kind does. */
enum inn_status inn_png_parse(struct inn_image *image, const uint8_t *bytes,
                              size_t len, struct inn_arena *arena,
                              struct inn_error *err);
enum inn_status inn_jpeg_parse(struct inn_image *image, const uint8_t *bytes,
                               size_t len, struct inn_arena *arena,
                               struct inn_error *err);

/*
 * Fills image's sizes and allocates its pixels once both hold: no side is 0
 * and the limit on pixels is kept.
 */
enum inn_status inn_image_new(struct inn_image *image, int64_t width,
                              int64_t height, int channels,
                              struct inn_arena *arena, struct inn_error *err);

#endif
