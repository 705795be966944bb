/*
 * Pictures from PNG and JPEG files (which of them, the bytes say), and to
 * PNG. Any bytes may be given: sizes are checked before memory is asked for.
 * Colour profiles, gamma and orientation notes are not applied.
 */
#ifndef INN_BASE_IMAGE_H
#define INN_BASE_IMAGE_H

#include "runtime/base/arena.h"

/* Pictures of more pixels are refused. */
#define INN_IMAGE_MOST_PIXELS ((int64_t)1 << 28)

struct inn_image {
    int64_t width, height;
    int channels;  /* 1: grey, 3: RGB */
    uint8_t *data; /* [height][width][channels] */
};

/*
 * Pixels are from the arena. 16 bits become 8, palettes colours, and
 * transparency is dropped. INN_ERR_IO; INN_ERR_FORMAT: neither kind, or
 * damaged; INN_ERR_UNSUPPORTED: a kind this build doesn't read, or CMYK;
 * INN_ERR_LIMIT: too many pixels.
 */
enum inn_status inn_image_read(struct inn_image *image, const char *path,
                               struct inn_arena *arena,
                               struct inn_error *err);
enum inn_status inn_image_parse(struct inn_image *image, const uint8_t *bytes,
                                size_t len, struct inn_arena *arena,
                                struct inn_error *err);

/* Atomic, as inn_write_open says. INN_ERR_UNSUPPORTED without libpng. */
enum inn_status inn_image_write(const struct inn_image *image,
                                const char *path, bool overwrite,
                                struct inn_heap *heap, struct inn_error *err);

/*
 * The picture as JPEG of a quality of 1 to 100, colours at half the
 * resolution: *bytes[*len] from the arena. One build of libjpeg gives the same
 * bytes each time. INN_ERR_UNSUPPORTED without libjpeg, and for sides beyond
 * 65500.
 */
enum inn_status inn_image_pack_jpeg(uint8_t **bytes, size_t *len,
                                    const struct inn_image *image,
                                    int quality, struct inn_arena *arena,
                                    struct inn_error *err);

/*
 * The pixels again, from the arena. image says beforehand how wide and high
 * it is, and of how many channels: INN_ERR_FORMAT for any other JPEG, before
 * memory is asked for. Else as inn_image_parse.
 */
enum inn_status inn_image_unpack_jpeg(struct inn_image *image,
                                      const uint8_t *bytes, size_t len,
                                      struct inn_arena *arena,
                                      struct inn_error *err);

/* Whether this build makes and reads JPEGs. */
bool inn_image_has_jpeg(void);

/* Whether path is called .png, .jpg or .jpeg, in any case. */
bool inn_image_name(const char *path);

#endif
