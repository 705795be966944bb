/*
 * JPEG by libjpeg, whose errors jump: setjmp stays in this file, in a
 * function whose locals don't change after it. libjpeg has its own memory,
 * capped by what is left of the heap's.
 */
#include "runtime/base/image_codec.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "runtime/base/error.h"

#ifdef HAVE_JPEG
#include <setjmp.h>

#include <jerror.h>
#include <jpeglib.h>

/* A scan costs a pass over all pixels; encoders write about ten. */
#define MOST_SCANS 100
/*
 * Pixels a bit may stand for: every block of every component has at least a
 * bit for its mean, and at 4x4 subsampling a block covers 32 x 32.
 */
#define MOST_PIXELS_PER_BIT 1024

struct codec {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr calls;
    struct jpeg_progress_mgr progress;
    struct inn_error error;
    jmp_buf back;
};

static void on_error(j_common_ptr jpeg)
{
    struct codec *c = jpeg->client_data;
    enum inn_status st = INN_ERR_FORMAT;
    char text[JMSG_LENGTH_MAX];

    jpeg->err->format_message(jpeg, text);
    if (jpeg->err->msg_code == JERR_OUT_OF_MEMORY)
        st = INN_ERR_MEMORY;
    if (jpeg->err->msg_code == JERR_NO_BACKING_STORE) {
        inn_fail(&c->error, INN_ERR_LIMIT,
                 "decoding it would pass the memory limit");
        inn_error_set_kind(&c->error, INN_KIND_MEMORY_LIMIT);
    } else {
        inn_fail(&c->error, st, "damaged JPEG: %s", text);
    }
    longjmp(c->back, 1);
}

/* libjpeg would fill what is missing with grey; that is no picture. */
static void on_message(j_common_ptr jpeg, int level)
{
    if (level >= 0)
        return;
    switch (jpeg->err->msg_code) {
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_JPEG_EOF:
    case JWRN_MUST_RESYNC:
        on_error(jpeg);
        break;
    default:
        break;
    }
}

static void on_output(j_common_ptr jpeg)
{
    (void)jpeg;
}

static void on_progress(j_common_ptr jpeg)
{
    struct codec *c = jpeg->client_data;

    if (c->jpeg.input_scan_number > MOST_SCANS) {
        inn_fail(&c->error, INN_ERR_LIMIT,
                 "is a JPEG of more than %d scans", MOST_SCANS);
        longjmp(c->back, 1);
    }
}

static enum inn_status check(struct codec *c, size_t len)
{
    const struct jpeg_decompress_struct *jpeg = &c->jpeg;
    uint64_t pixels = (uint64_t)jpeg->image_width * jpeg->image_height;

    if (jpeg->jpeg_color_space == JCS_CMYK ||
        jpeg->jpeg_color_space == JCS_YCCK)
        return inn_fail(&c->error, INN_ERR_UNSUPPORTED,
                        "is a CMYK JPEG; grey, YCbCr and RGB are read");
    if (!jpeg->arith_code &&
        pixels / (8 * MOST_PIXELS_PER_BIT) > (uint64_t)len)
        return inn_fail(&c->error, INN_ERR_FORMAT,
                        "damaged JPEG: %zu bytes can't hold %u x %u pixels",
                        len, jpeg->image_width, jpeg->image_height);
    return INN_OK;
}

static void read_pixels(struct codec *c, const struct inn_image *image)
{
    size_t row = (size_t)image->width * (size_t)image->channels;

    jpeg_start_decompress(&c->jpeg);
    while (c->jpeg.output_scanline < c->jpeg.output_height) {
        JSAMPROW at = image->data + c->jpeg.output_scanline * row;

        jpeg_read_scanlines(&c->jpeg, &at, 1);
    }
    jpeg_finish_decompress(&c->jpeg);
}

static enum inn_status decode(struct codec *c, struct inn_image *image,
                              const uint8_t *bytes, size_t len, size_t room,
                              struct inn_arena *arena)
{
    bool grey;

    if (setjmp(c->back) != 0)
        return c->error.status;
    jpeg_create_decompress(&c->jpeg);
    c->jpeg.mem->max_memory_to_use = room < LONG_MAX ? (long)room : LONG_MAX;
    c->jpeg.progress = &c->progress;
    jpeg_mem_src(&c->jpeg, bytes, (unsigned long)len);
    jpeg_read_header(&c->jpeg, TRUE);
    if (check(c, len) != INN_OK)
        return c->error.status;
    grey = c->jpeg.jpeg_color_space == JCS_GRAYSCALE;
    c->jpeg.out_color_space = grey ? JCS_GRAYSCALE : JCS_RGB;
    if (inn_image_new(image, c->jpeg.image_width, c->jpeg.image_height,
                      grey ? 1 : 3, arena, &c->error) == INN_OK)
        read_pixels(c, image);
    return c->error.status;
}

enum inn_status inn_jpeg_parse(struct inn_image *image, const uint8_t *bytes,
                               size_t len, struct inn_arena *arena,
                               struct inn_error *err)
{
    struct codec *c = inn_alloc(arena->heap, 1, sizeof(*c), err);
    enum inn_status st;

    if (c == NULL)
        return inn_refused(err);
    c->jpeg.err = jpeg_std_error(&c->calls);
    c->calls.error_exit = on_error;
    c->calls.emit_message = on_message;
    c->calls.output_message = on_output;
    c->progress.progress_monitor = on_progress;
    c->jpeg.client_data = c;
    st = decode(c, image, bytes, len, inn_heap_left(arena->heap), arena);
    if (st != INN_OK)
        inn_fail(err, st, "%s", c->error.message);
    jpeg_destroy_decompress(&c->jpeg);
    inn_free(arena->heap, c);
    return st;
}

#else

enum inn_status inn_jpeg_parse(struct inn_image *image, const uint8_t *bytes,
                               size_t len, struct inn_arena *arena,
                               struct inn_error *err)
{
    (void)image;
    (void)bytes;
    (void)len;
    (void)arena;
    return inn_fail(err, INN_ERR_UNSUPPORTED,
                    "is a JPEG, and this build is without libjpeg");
}

#endif
