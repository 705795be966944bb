/* Pictures of every kind, whole, damaged, and lying about their size. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "runtime/base/image.h"
#include "runtime/base/port.h"
#include "tests/unit/picture_bytes.h"
#include "tests/unit/starve.h"
#include "tests/unit/suite.h"

static struct inn_heap *heap;
static struct inn_arena arena;
static struct inn_error err;
static char path[] = "/tmp/inn-image-XXXXXX";

static void setup(void)
{
    int fd;

    heap = inn_heap_new((size_t)1 << 26);
    inn_arena_init(&arena, heap);
    strcpy(path + strlen(path) - 6, "XXXXXX");
    fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
}

static void teardown(void)
{
    inn_arena_free(&arena);
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
    unlink(path);
}

/* Bytes in a block of their own, so that a sanitizer sees reads past it. */
static enum inn_status parse_for(struct inn_error *listener,
                                 struct inn_image *image,
                                 const uint8_t *bytes, size_t len,
                                 struct inn_arena *to)
{
    uint8_t *exact = malloc(len + 1);
    enum inn_status st;

    memcpy(exact + 1, bytes, len);
    st = inn_image_parse(image, exact + 1, len, to, listener);
    free(exact);
    return st;
}

static enum inn_status parse(struct inn_image *image, const uint8_t *bytes,
                             size_t len, struct inn_arena *to)
{
    return parse_for(&err, image, bytes, len, to);
}

START_TEST(what_is_no_picture_is_refused)
{
    struct inn_image image;

    ck_assert_int_eq(parse(&image, (const uint8_t *)"GIF89a  ", 8, &arena),
                     INN_ERR_FORMAT);
    ck_assert_str_eq(err.message, "is neither PNG nor JPEG");
    ck_assert_int_eq(parse(&image, png_16, 0, &arena), INN_ERR_FORMAT);
    ck_assert_int_eq(inn_image_read(&image, "/nowhere.png", &arena, &err),
                     INN_ERR_IO);
    ck_assert_ptr_null(image.data);
}
END_TEST

START_TEST(names_of_pictures_are_known)
{
    ck_assert(inn_image_name("a.png"));
    ck_assert(inn_image_name("/b/a.JPG"));
    ck_assert(inn_image_name("a.jpeg"));
    ck_assert(!inn_image_name(".png"));
    ck_assert(!inn_image_name("a.npy"));
    ck_assert(!inn_image_name("png"));
}
END_TEST

#ifdef HAVE_PNG

/* The colours that picture_bytes.h names. */
static void check_colours(const struct inn_image *image)
{
    int r, c;

    ck_assert(image->width == 5 && image->height == 3 &&
              image->channels == 3);
    for (r = 0; r < 3; r++) {
        for (c = 0; c < 5; c++) {
            const uint8_t *at = image->data + 3 * (5 * r + c);

            ck_assert_int_eq(at[0], 40 * r + 20 * c);
            ck_assert_int_eq(at[1], 200 - 30 * c);
            ck_assert_int_eq(at[2], 10 + 70 * r);
        }
    }
}

START_TEST(png_of_every_kind_becomes_bytes)
{
    static const uint8_t colours[] = {0, 0, 0, 255, 0, 0, 1, 2, 3, 9, 9, 9,
                                      255, 0, 0};
    static const uint8_t bits[] = {255, 0, 255, 0, 255};
    struct inn_image image;
    int i;

    ck_assert_int_eq(parse(&image, png_alpha, sizeof(png_alpha), &arena), 0);
    check_colours(&image);
    ck_assert_int_eq(parse(&image, png_16, sizeof(png_16), &arena), 0);
    check_colours(&image);
    ck_assert_int_eq(parse(&image, png_palette, sizeof(png_palette), &arena),
                     0);
    ck_assert_int_eq(image.channels, 3);
    ck_assert(memcmp(image.data, colours, sizeof(colours)) == 0);
    ck_assert_int_eq(parse(&image, png_bits, sizeof(png_bits), &arena), 0);
    ck_assert_int_eq(image.channels, 1);
    ck_assert(memcmp(image.data, bits, sizeof(bits)) == 0);
    ck_assert_int_eq(parse(&image, png_interlaced, sizeof(png_interlaced),
                           &arena), 0);
    for (i = 0; i < 15; i++)
        ck_assert_int_eq(image.data[i], i);
}
END_TEST

START_TEST(png_written_is_read_again)
{
    uint8_t pixels[4 * 7 * 3];
    struct inn_image image = {7, 4, 3, pixels}, back;
    size_t i;

    for (i = 0; i < sizeof(pixels); i++)
        pixels[i] = (uint8_t)(i * i);
    for (; image.channels > 0; image.channels -= 2) {
        ck_assert_int_eq(inn_image_write(&image, path, true, heap, &err), 0);
        ck_assert_int_eq(inn_image_read(&back, path, &arena, &err), 0);
        ck_assert(back.width == 7 && back.height == 4);
        ck_assert_int_eq(back.channels, image.channels);
        ck_assert(memcmp(back.data, pixels, 28 * (size_t)image.channels) ==
                  0);
    }
    image.channels = 1;
    ck_assert_int_eq(inn_image_write(&image, path, false, heap, &err),
                     INN_ERR_IO);
    ck_assert_int_eq(inn_image_write(&image, "/dev/full", true, heap, &err),
                     INN_ERR_IO);
}
END_TEST

START_TEST(every_failed_allocation_of_writing_is_clean)
{
    uint8_t pixels[12] = {0};
    const struct inn_image image = {4, 1, 3, pixels};
    struct starve s = starve(heap, 3, 100);

    while (starving(&s))
        s.st = inn_image_write(&image, path, true, heap, s.err);
}
END_TEST

#endif

#ifdef HAVE_JPEG

START_TEST(jpeg_of_every_kind_becomes_bytes)
{
    static const uint8_t orange[] = {200, 100, 50};
    struct inn_image image;
    int i;

    ck_assert_int_eq(parse(&image, jpeg_rgb, sizeof(jpeg_rgb), &arena), 0);
    ck_assert(image.width == 9 && image.height == 8 && image.channels == 3);
    for (i = 0; i < 72; i++)
        ck_assert(memcmp(image.data + 3 * i, orange, 3) == 0);
    ck_assert_int_eq(parse(&image, jpeg_progressive, sizeof(jpeg_progressive),
                           &arena), 0);
    ck_assert(memcmp(image.data, orange, 3) == 0);
    ck_assert_int_eq(parse(&image, jpeg_grey, sizeof(jpeg_grey), &arena), 0);
    ck_assert_int_eq(image.channels, 1);
    ck_assert_int_eq(image.data[71], 77);
    ck_assert_int_eq(parse(&image, jpeg_cmyk, sizeof(jpeg_cmyk), &arena),
                     INN_ERR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.message, "CMYK"));
}
END_TEST

#endif

#if defined(HAVE_PNG) && defined(HAVE_JPEG)

static const struct whole {
    const uint8_t *bytes;
    size_t len;
    size_t enough; /* bytes with which the picture is complete */
} wholes[] = {
    {png_alpha, sizeof(png_alpha), sizeof(png_alpha)},
    {png_palette, sizeof(png_palette), sizeof(png_palette)},
    {png_interlaced, sizeof(png_interlaced), sizeof(png_interlaced)},
    {jpeg_rgb, sizeof(jpeg_rgb), sizeof(jpeg_rgb) - 2},
    {jpeg_progressive, sizeof(jpeg_progressive),
     sizeof(jpeg_progressive) - 2},
};

START_TEST(every_cut_is_an_error)
{
    const struct whole *w = &wholes[_i];
    struct inn_image image;
    size_t n;

    for (n = 0; n < w->enough - 2; n++) {
        ck_assert_msg(parse(&image, w->bytes, n, &arena) == INN_ERR_FORMAT,
                      "%zu bytes of %zu", n, w->len);
        ck_assert_ptr_null(image.data);
    }
}
END_TEST

START_TEST(every_changed_byte_is_survived)
{
    const struct whole *w = &wholes[_i];
    struct inn_image image;
    uint8_t bytes[1024];
    size_t n;
    int v;

    memcpy(bytes, w->bytes, w->len);
    for (n = 0; n < w->len; n++) {
        for (v = 0; v < 256; v += 15) {
            struct inn_arena own;

            inn_arena_init(&own, heap);
            bytes[n] = (uint8_t)v;
            (void)parse(&image, bytes, w->len, &own);
            bytes[n] = w->bytes[n];
            inn_arena_free(&own);
            ck_assert_uint_eq(inn_heap_used(heap), 0);
        }
    }
}
END_TEST

START_TEST(every_failed_allocation_is_clean)
{
    const struct whole *w = &wholes[_i];
    struct starve s = starve(heap, 1, 100);
    struct inn_image image;
    struct inn_arena own;

    while (starving(&s)) {
        inn_arena_init(&own, heap);
        s.st = parse_for(s.err, &image, w->bytes, w->len, &own);
        inn_arena_free(&own);
    }
}
END_TEST

static const struct lie {
    const uint8_t *bytes;
    size_t len;
    enum inn_status status;
    const char *says;
} lies[] = {
    {png_huge, sizeof(png_huge), INN_ERR_FORMAT, "can't hold 100000 x"},
    {png_bomb, sizeof(png_bomb), INN_ERR_FORMAT, "can't hold 16000 x 16000"},
    {jpeg_bomb, sizeof(jpeg_bomb), INN_ERR_FORMAT, "can't hold 4000 x 60000"},
    {jpeg_huge, sizeof(jpeg_huge), INN_ERR_FORMAT, "JPEG"},
};

START_TEST(sizes_that_lie_get_no_memory)
{
    const struct lie *lie = &lies[_i];
    struct inn_image image;

    ck_assert_int_eq(parse(&image, lie->bytes, lie->len, &arena),
                     lie->status);
    ck_assert_msg(strstr(err.message, lie->says) != NULL, "%s", err.message);
    ck_assert_uint_lt(inn_heap_peak(heap), (size_t)1 << 20);
}
END_TEST

#endif

int main(void)
{
    Suite *s = suite_create("image");
    TCase *t = tcase_create("image");

    tcase_set_timeout(t, 30);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, what_is_no_picture_is_refused);
    tcase_add_test(t, names_of_pictures_are_known);
#ifdef HAVE_PNG
    tcase_add_test(t, png_of_every_kind_becomes_bytes);
    tcase_add_test(t, png_written_is_read_again);
    tcase_add_test(t, every_failed_allocation_of_writing_is_clean);
#endif
#ifdef HAVE_JPEG
    tcase_add_test(t, jpeg_of_every_kind_becomes_bytes);
#endif
#if defined(HAVE_PNG) && defined(HAVE_JPEG)
    tcase_add_loop_test(t, every_cut_is_an_error, 0, INN_COUNT(wholes));
    tcase_add_loop_test(t, every_changed_byte_is_survived, 0,
                        INN_COUNT(wholes));
    tcase_add_loop_test(t, every_failed_allocation_is_clean, 0,
                        INN_COUNT(wholes));
    tcase_add_loop_test(t, sizes_that_lie_get_no_memory, 0, INN_COUNT(lies));
#endif
    suite_add_tcase(s, t);
    return run_suite(s);
}
