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

/* What libjpeg is given to call us with: where an error goes. */
struct failing {
    struct inn_error error;
    const char *what; /* has gone wrong */
    enum inn_status status;
    jmp_buf back;
};

struct codec {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr calls;
    struct jpeg_progress_mgr progress;
    struct failing failing;
};

static void on_error(j_common_ptr jpeg)
{
    struct failing *f = jpeg->client_data;
    enum inn_status st = f->status;
    char text[JMSG_LENGTH_MAX];

    jpeg->err->format_message(jpeg, text);
    if (jpeg->err->msg_code == JERR_OUT_OF_MEMORY)
        st = INN_ERR_MEMORY;
    if (jpeg->err->msg_code == JERR_NO_BACKING_STORE) {
        inn_fail(&f->error, INN_ERR_LIMIT,
                 "its JPEG would pass the memory limit");
        inn_error_set_kind(&f->error, INN_KIND_MEMORY_LIMIT);
    } else {
        inn_fail(&f->error, st, "%s: %s", f->what, text);
    }
    longjmp(f->back, 1);
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
    struct failing *f = jpeg->client_data;

    if (((j_decompress_ptr)jpeg)->input_scan_number > MOST_SCANS) {
        inn_fail(&f->error, INN_ERR_LIMIT,
                 "is a JPEG of more than %d scans", MOST_SCANS);
        longjmp(f->back, 1);
    }
}

static enum inn_status check(struct codec *c, size_t len)
{
    const struct jpeg_decompress_struct *jpeg = &c->jpeg;
    uint64_t pixels = (uint64_t)jpeg->image_width * jpeg->image_height;

    if (jpeg->jpeg_color_space == JCS_CMYK ||
        jpeg->jpeg_color_space == JCS_YCCK)
        return inn_fail(&c->failing.error, INN_ERR_UNSUPPORTED,
                        "is a CMYK JPEG; grey, YCbCr and RGB are read");
    if (!jpeg->arith_code &&
        pixels / (8 * MOST_PIXELS_PER_BIT) > (uint64_t)len)
        return inn_fail(&c->failing.error, INN_ERR_FORMAT,
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

/* Whether the header says what is expected: of the pixels, and grey or not. */
static enum inn_status check_expected(struct codec *c,
                                      const struct inn_image *expected)
{
    const struct jpeg_decompress_struct *jpeg = &c->jpeg;
    int channels = jpeg->jpeg_color_space == JCS_GRAYSCALE ? 1 : 3;

    if (expected == NULL || (expected->width == jpeg->image_width &&
                             expected->height == jpeg->image_height &&
                             expected->channels == channels))
        return INN_OK;
    return inn_fail(&c->failing.error, INN_ERR_FORMAT,
                    "a JPEG of %u x %u and %d channel%s, %lld x %lld and %d "
                    "are expected", jpeg->image_width, jpeg->image_height,
                    channels, channels == 1 ? "" : "s",
                    (long long)expected->width, (long long)expected->height,
                    expected->channels);
}

static enum inn_status decode(struct codec *c, struct inn_image *image,
                              const struct inn_image *expected,
                              const uint8_t *bytes, size_t len, size_t room,
                              struct inn_arena *arena)
{
    bool grey;

    if (setjmp(c->failing.back) != 0)
        return c->failing.error.status;
    jpeg_create_decompress(&c->jpeg);
    c->jpeg.mem->max_memory_to_use = room < LONG_MAX ? (long)room : LONG_MAX;
    c->jpeg.progress = &c->progress;
    jpeg_mem_src(&c->jpeg, bytes, (unsigned long)len);
    jpeg_read_header(&c->jpeg, TRUE);
    if (check(c, len) != INN_OK || check_expected(c, expected) != INN_OK)
        return c->failing.error.status;
    grey = c->jpeg.jpeg_color_space == JCS_GRAYSCALE;
    c->jpeg.out_color_space = grey ? JCS_GRAYSCALE : JCS_RGB;
    if (inn_image_new(image, c->jpeg.image_width, c->jpeg.image_height,
                      grey ? 1 : 3, arena, &c->failing.error) == INN_OK)
        read_pixels(c, image);
    return c->failing.error.status;
}

static enum inn_status parse(struct inn_image *image,
                             const struct inn_image *expected,
                             const uint8_t *bytes, size_t len,
                             struct inn_arena *arena, struct inn_error *err)
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
    c->jpeg.client_data = &c->failing;
    c->failing.what = "damaged JPEG";
    c->failing.status = INN_ERR_FORMAT;
    st = decode(c, image, expected, bytes, len, inn_heap_left(arena->heap),
                arena);
    if (st != INN_OK)
        inn_fail(err, st, "%s", c->failing.error.message);
    jpeg_destroy_decompress(&c->jpeg);
    inn_free(arena->heap, c);
    return st;
}

enum inn_status inn_jpeg_parse(struct inn_image *image, const uint8_t *bytes,
                               size_t len, struct inn_arena *arena,
                               struct inn_error *err)
{
    return parse(image, NULL, bytes, len, arena, err);
}

enum inn_status inn_image_unpack_jpeg(struct inn_image *image,
                                      const uint8_t *bytes, size_t len,
                                      struct inn_arena *arena,
                                      struct inn_error *err)
{
    const struct inn_image expected = *image;

    return parse(image, &expected, bytes, len, arena, err);
}

/* Bytes of a JPEG under way, doubled when they are used up. */
struct packer {
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr calls;
    struct jpeg_destination_mgr to;
    struct failing failing;
    struct inn_heap *heap;
    uint8_t *bytes;
    size_t room;
};

#define FIRST_ROOM 16384

static boolean on_full(j_compress_ptr jpeg)
{
    struct packer *p = (struct packer *)jpeg; /* its first member */
    uint8_t *more = inn_realloc(p->heap, p->bytes, 2, p->room,
                                &p->failing.error);

    if (more == NULL)
        longjmp(p->failing.back, 1);
    p->bytes = more;
    p->to.next_output_byte = more + p->room;
    p->to.free_in_buffer = p->room;
    p->room *= 2;
    return TRUE;
}

static void on_edge(j_compress_ptr jpeg)
{
    (void)jpeg;
}

static enum inn_status encode(struct packer *p, const struct inn_image *image,
                              int quality, size_t room)
{
    struct jpeg_compress_struct *jpeg = &p->jpeg;
    size_t row = (size_t)image->width * (size_t)image->channels;

    if (setjmp(p->failing.back) != 0)
        return p->failing.error.status;
    jpeg_create_compress(jpeg);
    jpeg->mem->max_memory_to_use = room < LONG_MAX ? (long)room : LONG_MAX;
    jpeg->dest = &p->to;
    jpeg->image_width = (JDIMENSION)image->width;
    jpeg->image_height = (JDIMENSION)image->height;
    jpeg->input_components = image->channels;
    jpeg->in_color_space = image->channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(jpeg);
    jpeg_set_quality(jpeg, quality, TRUE);
    jpeg->optimize_coding = TRUE;
    jpeg->dct_method = JDCT_ISLOW; /* the same on every processor */
    jpeg_start_compress(jpeg, TRUE);
    while (jpeg->next_scanline < jpeg->image_height) {
        JSAMPROW at = image->data + jpeg->next_scanline * row;

        jpeg_write_scanlines(jpeg, &at, 1);
    }
    jpeg_finish_compress(jpeg);
    return INN_OK;
}

enum inn_status inn_image_pack_jpeg(uint8_t **bytes, size_t *len,
                                    const struct inn_image *image,
                                    int quality, struct inn_arena *arena,
                                    struct inn_error *err)
{
    struct packer *p = inn_alloc(arena->heap, 1, sizeof(*p), err);
    enum inn_status st = INN_OK;

    *bytes = NULL;
    *len = 0;
    if (p == NULL)
        return inn_refused(err);
    p->heap = arena->heap;
    p->room = FIRST_ROOM;
    p->bytes = inn_alloc_raw(arena->heap, p->room, 1, err);
    if (p->bytes == NULL) {
        inn_free(arena->heap, p);
        return inn_refused(err);
    }
    p->to.next_output_byte = p->bytes;
    p->to.free_in_buffer = p->room;
    p->to.init_destination = on_edge;
    p->to.empty_output_buffer = on_full;
    p->to.term_destination = on_edge;
    p->jpeg.err = jpeg_std_error(&p->calls);
    p->calls.error_exit = on_error;
    p->calls.output_message = on_output;
    p->failing.what = "can't be made a JPEG";
    p->failing.status = INN_ERR_UNSUPPORTED;
    p->jpeg.client_data = &p->failing;
    st = encode(p, image, quality, inn_heap_left(arena->heap));
    if (st != INN_OK) {
        if (err != NULL)
            *err = p->failing.error;
    } else {
        *len = p->room - p->to.free_in_buffer;
        *bytes = inn_arena_alloc(arena, *len, 1, err);
        st = *bytes != NULL ? INN_OK : inn_refused(err);
    }
    if (st == INN_OK)
        memcpy(*bytes, p->bytes, *len);
    jpeg_destroy_compress(&p->jpeg);
    inn_free(arena->heap, p->bytes);
    inn_free(arena->heap, p);
    return st;
}

bool inn_image_has_jpeg(void)
{
    return true;
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

enum inn_status inn_image_pack_jpeg(uint8_t **bytes, size_t *len,
                                    const struct inn_image *image,
                                    int quality, struct inn_arena *arena,
                                    struct inn_error *err)
{
    (void)image;
    (void)quality;
    (void)arena;
    *bytes = NULL;
    *len = 0;
    return inn_fail(err, INN_ERR_UNSUPPORTED, "this build is without libjpeg");
}

enum inn_status inn_image_unpack_jpeg(struct inn_image *image,
                                      const uint8_t *bytes, size_t len,
                                      struct inn_arena *arena,
                                      struct inn_error *err)
{
    return inn_jpeg_parse(image, bytes, len, arena, err);
}

bool inn_image_has_jpeg(void)
{
    return false;
}

#endif
