/* Photographs cropped to size: what Pillow 9.4 and torchvision give. */
#include <check.h>
#include <string.h>

#include "runtime/pictures/crop.h"
#include "tests/unit/starve.h"
#include "tests/unit/suite.h"

static struct inn_image make_image(struct inn_arena *arena, int64_t height,
                                   int64_t width, int channels)
{
    struct inn_image image = {.width = width, .height = height,
                              .channels = channels};
    int64_t i, j;
    int c;

    image.data = inn_arena_alloc(arena, (size_t)(height * width),
                                 (size_t)channels, NULL);
    ck_assert_ptr_nonnull(image.data);
    for (i = 0; i < height; i++) {
        for (j = 0; j < width; j++) {
            for (c = 0; c < channels; c++)
                image.data[(i * width + j) * channels + c] =
                    (uint8_t)(i * 37 + j * 101 + c * 59 + i * j * 7);
        }
    }
    return image;
}

/* Pillow's resize(BILINEAR), the middle cut out as CenterCrop does. */
static const struct crop_case {
    int64_t height, width, side;
    int64_t sum, weighted; /* Σ v_i, Σ v_i (i mod 97 + 1) */
    uint8_t first[3], last[3];
} crops[] = {
    {9, 13, 7, 18587, 748439, {138, 60, 119}, {157, 83, 142}},
    {5, 4, 14, 76498, 3706995, {14, 73, 132}, {97, 60, 119}},
};

START_TEST(a_picture_is_cropped_as_by_torchvision)
{
    const struct crop_case *k = &crops[_i];
    struct inn_heap *heap = inn_heap_new(0);
    int64_t n = k->side * k->side * 3, sum = 0, weighted = 0, i;
    struct inn_arena arena;
    struct inn_image image, out;

    inn_arena_init(&arena, heap);
    image = make_image(&arena, k->height, k->width, 3);
    ck_assert_int_eq(inn_image_crop(&out, &image, k->side, k->side, &arena,
                                    NULL), INN_OK);
    ck_assert_int_eq(out.height, k->side);
    ck_assert_int_eq(out.width, k->side);
    for (i = 0; i < n; i++) {
        sum += out.data[i];
        weighted += out.data[i] * (i % 97 + 1);
    }
    ck_assert_int_eq(sum, k->sum);
    ck_assert_int_eq(weighted, k->weighted);
    ck_assert_mem_eq(out.data, k->first, 3);
    ck_assert_mem_eq(out.data + n - 3, k->last, 3);
    inn_arena_free(&arena);
    inn_heap_free(heap);
}
END_TEST

START_TEST(a_picture_of_the_size_stays_as_it_is)
{
    struct inn_heap *heap = inn_heap_new(0);
    struct inn_arena arena;
    struct inn_image image, out;

    inn_arena_init(&arena, heap);
    image = make_image(&arena, 6, 5, 3);
    ck_assert_int_eq(inn_image_crop(&out, &image, 6, 5, &arena, NULL),
                     INN_OK);
    ck_assert_mem_eq(out.data, image.data, 90);
    inn_arena_free(&arena);
    inn_heap_free(heap);
}
END_TEST

START_TEST(any_picture_fits_any_size)
{
    static const int64_t sides[] = {1, 2, 3, 17, 40};
    struct inn_heap *heap = inn_heap_new(0);
    int64_t h, w;

    for (h = 0; h < 5; h++) {
        for (w = 0; w < 5; w++) {
            struct inn_arena arena;
            struct inn_image image, out;

            inn_arena_init(&arena, heap);
            image = make_image(&arena, sides[_i], 7, 1);
            memset(image.data, 93, (size_t)sides[_i] * 7);
            ck_assert_int_eq(inn_image_crop(&out, &image, sides[h], sides[w],
                                            &arena, NULL), INN_OK);
            ck_assert_int_eq(out.data[0], 93);
            ck_assert_int_eq(out.data[sides[h] * sides[w] - 1], 93);
            ck_assert_int_eq(inn_image_crop(&out, &image, 0, 1, &arena,
                                            NULL), INN_ERR_RANGE);
            inn_arena_free(&arena);
        }
    }
    inn_heap_free(heap);
}
END_TEST

START_TEST(colours_become_grey_as_by_pillow)
{
    static const uint8_t grey[] = {48, 149, 85, 164};
    struct inn_heap *heap = inn_heap_new(0);
    struct inn_arena arena;
    struct inn_image image, out;

    inn_arena_init(&arena, heap);
    image = make_image(&arena, 2, 2, 3);
    ck_assert_int_eq(inn_image_recolour(&out, &image, 1, &arena, NULL),
                     INN_OK);
    ck_assert_mem_eq(out.data, grey, 4);
    ck_assert_int_eq(inn_image_recolour(&out, &out, 3, &arena, NULL),
                     INN_OK);
    ck_assert_int_eq(out.data[3], 149);
    ck_assert_int_eq(out.data[5], 149);
    inn_arena_free(&arena);
    inn_heap_free(heap);
}
END_TEST

START_TEST(every_allocation_may_fail)
{
    struct inn_heap *heap = inn_heap_new(0);
    struct inn_arena arena, own;
    struct inn_image image, out;
    struct starve s;

    inn_arena_init(&arena, heap);
    image = make_image(&arena, 90, 130, 3);
    s = starve(heap, 2, 90);
    while (starving(&s)) {
        inn_arena_init(&own, heap);
        s.st = inn_image_crop(&out, &image, 64, 64, &own, s.err);
        inn_arena_free(&own);
    }
    inn_arena_free(&arena);
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("crop");
    TCase *t = tcase_create("crop");

    tcase_add_loop_test(t, a_picture_is_cropped_as_by_torchvision, 0, 2);
    tcase_add_test(t, a_picture_of_the_size_stays_as_it_is);
    tcase_add_loop_test(t, any_picture_fits_any_size, 0, 5);
    tcase_add_test(t, colours_become_grey_as_by_pillow);
    tcase_add_test(t, every_allocation_may_fail);
    suite_add_tcase(s, t);
    return run_suite(s);
}
