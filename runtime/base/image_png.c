/*
 * PNG by libpng, whose errors jump: setjmp stays in this file, in functions
 * whose locals don't change after it. libpng's memory is the heap's.
 */
#include "runtime/base/image_codec.h"

#include <string.h>

#include "config.h"
#include "runtime/base/error.h"
#include "runtime/base/write.h"

#ifdef HAVE_PNG
#include <png.h>

/* Longest side; libpng's own limit is about as large. */
#define MOST_SIDE (1u << 20)
/* No chunk but the pixels needs more. */
#define MOST_CHUNK (4u << 20)
/* Deflate can't make more of a byte than this. */
#define MOST_GROWTH 1032

struct codec {
    png_structp png;
    png_infop info;
    struct inn_heap *heap;
    struct inn_error error;
    const uint8_t *bytes; /* left to read */
    size_t len;
    struct inn_write *out;
};

/* The first error counts: memory that failed makes libpng complain too. */
static void on_error(png_structp png, png_const_charp text)
{
    struct codec *c = png_get_error_ptr(png);

    if (c->error.status == INN_OK)
        inn_fail(&c->error, INN_ERR_FORMAT, "damaged PNG: %s", text);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static png_voidp on_malloc(png_structp png, png_alloc_size_t size)
{
    struct codec *c = png_get_mem_ptr(png);
    struct inn_error err = {INN_OK, ""};
    void *block = inn_alloc(c->heap, size, 1, &err);

    if (block == NULL && c->error.status == INN_OK)
        c->error = err;
    return block;
}

static void on_free(png_structp png, png_voidp block)
{
    struct codec *c = png_get_mem_ptr(png);

    inn_free(c->heap, block);
}

static void on_read(png_structp png, png_bytep out, size_t len)
{
    struct codec *c = png_get_io_ptr(png);

    if (len > c->len) {
        inn_fail(&c->error, INN_ERR_FORMAT, "damaged PNG: it is truncated");
        png_longjmp(png, 1);
    }
    memcpy(out, c->bytes, len);
    c->bytes += len;
    c->len -= len;
}

static void on_write(png_structp png, png_bytep data, size_t len)
{
    struct codec *c = png_get_io_ptr(png);

    if (inn_write_bytes(c->out, data, len, &c->error) != INN_OK)
        png_longjmp(png, 1);
}

static void on_flush(png_structp png)
{
    (void)png;
}

/* Everything becomes grey or RGB of 8 bits. */
static void ask_for_bytes(png_structp png)
{
    png_set_expand(png);
    png_set_scale_16(png);
    png_set_strip_alpha(png);
}

/* A header that promises more pixels than the file can hold gets none. */
static void check_size(struct codec *c, size_t len)
{
    size_t row = png_get_rowbytes(c->png, c->info);
    size_t height = png_get_image_height(c->png, c->info);

    if ((uint64_t)row * height / MOST_GROWTH > len) {
        inn_fail(&c->error, INN_ERR_FORMAT,
                 "damaged PNG: %zu bytes can't hold %zu x %zu pixels", len,
                 (size_t)png_get_image_width(c->png, c->info), height);
        png_longjmp(c->png, 1);
    }
}

static void read_pixels(struct codec *c, const struct inn_image *image)
{
    size_t row = (size_t)image->width * (size_t)image->channels, y;
    int passes = png_set_interlace_handling(c->png), i;

    png_read_update_info(c->png, c->info);
    if (png_get_rowbytes(c->png, c->info) != row)
        png_error(c->png, "rows of an unexpected length");
    for (i = 0; i < passes; i++) {
        for (y = 0; y < (size_t)image->height; y++)
            png_read_row(c->png, image->data + y * row, NULL);
    }
    png_read_end(c->png, NULL);
}

static enum inn_status decode(struct codec *c, struct inn_image *image,
                              struct inn_arena *arena)
{
    if (setjmp(png_jmpbuf(c->png)) != 0)
        return c->error.status;
    png_set_user_limits(c->png, MOST_SIDE, MOST_SIDE);
    png_set_chunk_malloc_max(c->png, MOST_CHUNK);
    png_set_read_fn(c->png, c, on_read);
    png_read_info(c->png, c->info);
    check_size(c, c->len);
    if (inn_image_new(image, png_get_image_width(c->png, c->info),
                      png_get_image_height(c->png, c->info),
                      png_get_color_type(c->png, c->info) &
                      PNG_COLOR_MASK_COLOR ? 3 : 1, arena, &c->error) ==
        INN_OK) {
        ask_for_bytes(c->png);
        read_pixels(c, image);
    }
    return c->error.status;
}

static enum inn_status leave(struct codec *c, struct inn_error *err)
{
    if (c->error.status == INN_OK)
        return INN_OK;
    return inn_fail(err, c->error.status, "%s", c->error.message);
}

enum inn_status inn_png_parse(struct inn_image *image, const uint8_t *bytes,
                              size_t len, struct inn_arena *arena,
                              struct inn_error *err)
{
    struct codec c = {.heap = arena->heap, .bytes = bytes, .len = len};

    c.png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &c, on_error,
                                     on_warning, &c, on_malloc, on_free);
    if (c.png != NULL)
        c.info = png_create_info_struct(c.png);
    if (c.info != NULL)
        decode(&c, image, arena);
    else if (c.error.status == INN_OK)
        inn_no_memory(&c.error, 0);
    png_destroy_read_struct(&c.png, &c.info, NULL);
    return leave(&c, err);
}

static enum inn_status encode(struct codec *c, const struct inn_image *image)
{
    size_t row = (size_t)image->width * (size_t)image->channels;
    int64_t y;

    if (setjmp(png_jmpbuf(c->png)) != 0)
        return c->error.status;
    png_set_write_fn(c->png, c, on_write, on_flush);
    png_set_IHDR(c->png, c->info, (png_uint_32)image->width,
                 (png_uint_32)image->height, 8,
                 image->channels == 3 ? PNG_COLOR_TYPE_RGB
                                      : PNG_COLOR_TYPE_GRAY,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_write_info(c->png, c->info);
    for (y = 0; y < image->height; y++)
        png_write_row(c->png, image->data + (size_t)y * row);
    png_write_end(c->png, c->info);
    return c->error.status;
}

enum inn_status inn_image_write(const struct inn_image *image,
                                const char *path, bool overwrite,
                                struct inn_heap *heap, struct inn_error *err)
{
    struct codec c = {.heap = heap};
    enum inn_status st = inn_write_open(&c.out, path, overwrite, heap, err);

    if (st != INN_OK)
        return st;
    c.png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, &c, on_error,
                                      on_warning, &c, on_malloc, on_free);
    if (c.png != NULL)
        c.info = png_create_info_struct(c.png);
    if (c.info != NULL)
        encode(&c, image);
    else if (c.error.status == INN_OK)
        inn_no_memory(&c.error, 0);
    png_destroy_write_struct(&c.png, &c.info);
    if (c.error.status == INN_OK)
        inn_write_commit(c.out, &c.error);
    inn_write_close(c.out);
    return leave(&c, err);
}

#else

enum inn_status inn_png_parse(struct inn_image *image, const uint8_t *bytes,
                              size_t len, struct inn_arena *arena,
                              struct inn_error *err)
{
    (void)image;
    (void)bytes;
    (void)len;
    (void)arena;
    return inn_fail(err, INN_ERR_UNSUPPORTED,
                    "is a PNG, and this build is without libpng");
}

enum inn_status inn_image_write(const struct inn_image *image,
                                const char *path, bool overwrite,
                                struct inn_heap *heap, struct inn_error *err)
{
    (void)image;
    (void)path;
    (void)overwrite;
    (void)heap;
    return inn_fail(err, INN_ERR_UNSUPPORTED,
                    "can't be written: this build is without libpng");
}

#endif
