/* Bicubic weights, colours and measures against values by hand. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "runtime/pictures/planes.h"
#include "tests/unit/starve.h"
#include "tests/unit/suite.h"

static struct inn_heap *heap;
static struct inn_arena arena;
static struct inn_error err;

static void setup(void)
{
    heap = inn_heap_new((size_t)1 << 26);
    inn_arena_init(&arena, heap);
}

static void teardown(void)
{
    inn_arena_free(&arena);
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}

static struct inn_planes make(int64_t channels, int64_t height,
                              int64_t width)
{
    struct inn_planes p;

    ck_assert_int_eq(inn_planes_new(&p, channels, height, width, &arena,
                                    &err), 0);
    return p;
}

/* p in another size. */
static struct inn_planes resized(const struct inn_planes *p, int64_t height,
                                 int64_t width)
{
    struct inn_planes out;

    ck_assert_int_eq(inn_planes_bicubic(&out, p, height, width, &arena,
                                        &err), 0);
    ck_assert(out.height == height && out.width == width &&
              out.channels == p->channels);
    return out;
}

START_TEST(enlarging_by_two_weighs_as_keys_kernel)
{
    /* keys() at distances 1.75, 1.25, 0.75, 0.25, times 256 */
    static const float want[16] = {0, 0, 0, -6, -18, 58, 222, 222, 58, -18,
                                   -6};
    struct inn_planes p = make(1, 1, 8), q = make(1, 8, 1), out;
    int i;

    p.data[3] = q.data[3] = 256;
    out = resized(&p, 1, 16);
    for (i = 0; i < 16; i++)
        ck_assert_float_eq_tol(out.data[i], want[i], 1e-4f);
    out = resized(&q, 16, 1);
    for (i = 0; i < 16; i++)
        ck_assert_float_eq_tol(out.data[i], want[i], 1e-4f);
}
END_TEST

START_TEST(halving_stretches_the_kernel)
{
    /* half of keys() at 1.75, 0.75, 0.25, 1.25, times 256 */
    static const float want[8] = {-3, 29, 111, -9, 0, 0, 0, 0};
    struct inn_planes p = make(1, 1, 16), out;
    int i;

    p.data[4] = 256;
    out = resized(&p, 1, 8);
    for (i = 0; i < 8; i++)
        ck_assert_float_eq_tol(out.data[i], want[i], 1e-4f);
}
END_TEST

START_TEST(edges_are_mirrored)
{
    struct inn_planes p = make(1, 1, 3), out;

    /*
     * Around -0.25 lie p[1] p[0] | p[0] p[1]: of p[1] it takes keys(1.75) and
     * keys(1.25).
     */
    p.data[1] = 256;
    out = resized(&p, 1, 6);
    ck_assert_float_eq_tol(out.data[0], -6 - 18, 1e-4f);
    /* One pixel mirrored for ever is itself. */
    p = make(2, 1, 1);
    p.data[0] = 7;
    p.data[1] = 9;
    out = resized(&p, 5, 4);
    ck_assert_float_eq_tol(out.data[19], 7, 1e-4f);
    ck_assert_float_eq_tol(out.data[20], 9, 1e-4f);
}
END_TEST

START_TEST(the_same_size_is_identity_and_flat_stays_flat)
{
    struct inn_planes p = make(2, 7, 5), out;
    int64_t size;
    int i;

    for (i = 0; i < 70; i++)
        p.data[i] = (float)(i * i % 251);
    out = resized(&p, 7, 5);
    ck_assert(memcmp(out.data, p.data, 70 * sizeof(float)) == 0);
    for (i = 0; i < 70; i++)
        p.data[i] = 31;
    for (size = 1; size < 30; size++) {
        out = resized(&p, size, 30 - size);
        for (i = 0; i < 2 * size * (30 - size); i++)
            ck_assert_float_eq_tol(out.data[i], 31, 1e-4f);
    }
}
END_TEST

START_TEST(luma_is_that_of_bt601)
{
    struct inn_planes p = make(3, 1, 4), y, grey = make(1, 1, 2);
    static const float want[4] = {16, 235, 81.481f, 144.553f};
    int i;

    /* black, white, red, green */
    p.data[1] = p.data[5] = p.data[9] = 255;
    p.data[2] = p.data[7] = 255;
    ck_assert_int_eq(inn_planes_luma(&y, &p, &arena, &err), 0);
    ck_assert_int_eq(y.channels, 1);
    for (i = 0; i < 4; i++)
        ck_assert_float_eq_tol(y.data[i], want[i], 1e-4f);
    grey.data[1] = 255;
    ck_assert_int_eq(inn_planes_luma(&y, &grey, &arena, &err), 0);
    ck_assert_float_eq_tol(y.data[0], 16, 1e-4f);
    ck_assert_float_eq_tol(y.data[1], 235, 1e-4f);
}
END_TEST

START_TEST(colours_go_there_and_back)
{
    struct inn_planes p = make(3, 2, 3);
    float before[18];
    int i;

    for (i = 0; i < 18; i++)
        before[i] = p.data[i] = (float)(i * 37 % 256);
    inn_planes_to_ycbcr(&p);
    inn_planes_to_rgb(&p);
    for (i = 0; i < 18; i++)
        ck_assert_float_eq_tol(p.data[i], before[i], 1e-3f);
    /* Blue: 16 + 24.966, 128 + 112, 128 - 18.214 */
    p = make(3, 1, 1);
    p.data[2] = 255;
    inn_planes_to_ycbcr(&p);
    ck_assert_float_eq_tol(p.data[0], 40.966f, 1e-4f);
    ck_assert_float_eq_tol(p.data[1], 240, 1e-4f);
    ck_assert_float_eq_tol(p.data[2], 109.786f, 1e-4f);
}
END_TEST

START_TEST(bytes_are_rounded_and_cut_off)
{
    static const float in[6] = {-3, 0.4f, 0.5f, 254.6f, 300, NAN};
    static const uint8_t want[6] = {0, 0, 1, 255, 255, 0};
    struct inn_planes p = make(1, 2, 3), back;
    struct inn_image image;
    int i;

    memcpy(p.data, in, sizeof(in));
    ck_assert_int_eq(inn_planes_to_image(&image, &p, &arena, &err), 0);
    ck_assert(image.width == 3 && image.height == 2 && image.channels == 1);
    ck_assert(memcmp(image.data, want, 6) == 0);
    inn_planes_round(&p);
    ck_assert_int_eq(inn_planes_of_image(&back, &image, &arena, &err), 0);
    for (i = 0; i < 6; i++)
        ck_assert_float_eq(back.data[i], p.data[i]);
}
END_TEST

START_TEST(psnr_counts_what_is_inside_the_border)
{
    struct inn_planes a = make(1, 6, 6), b = make(1, 6, 6);
    int i;

    ck_assert(isinf(inn_planes_psnr(&a, &b, 0)));
    /* 10 log10(255^2) */
    for (i = 0; i < 36; i++)
        b.data[i] = 1;
    ck_assert_double_eq_tol(inn_planes_psnr(&a, &b, 0), 48.13080361, 1e-8);
    ck_assert_double_eq_tol(inn_planes_psnr(&a, &b, 2), 48.13080361, 1e-8);
    /* A wrong corner counts only where there is no border. */
    memset(b.data, 0, 36 * sizeof(*b.data));
    b.data[0] = 6;
    ck_assert_double_eq_tol(inn_planes_psnr(&a, &b, 0), 48.13080361, 1e-8);
    ck_assert(isinf(inn_planes_psnr(&a, &b, 1)));
    ck_assert(isnan(inn_planes_psnr(&a, &b, 3)));
}
END_TEST

START_TEST(ssim_of_flat_pictures_is_that_of_their_means)
{
    struct inn_planes a = make(1, 13, 12), b = make(1, 13, 12);
    double value;
    int i;

    for (i = 0; i < 13 * 12; i++) {
        a.data[i] = 100;
        b.data[i] = 110;
    }
    ck_assert_int_eq(inn_planes_ssim(&value, &a, &a, 0, &arena, &err), 0);
    ck_assert_double_eq_tol(value, 1, 1e-12);
    /* (2·100·110 + 2.55²)/(100² + 110² + 2.55²) */
    ck_assert_int_eq(inn_planes_ssim(&value, &a, &b, 0, &arena, &err), 0);
    ck_assert_double_eq_tol(value, 22006.5025 / 22106.5025, 1e-9);
    ck_assert_int_eq(inn_planes_ssim(&value, &a, &b, 1, &arena, &err), 0);
    ck_assert(isnan(value));
}
END_TEST

START_TEST(ssim_agrees_with_another_program)
{
    struct inn_planes a = make(1, 14, 15), b = make(1, 14, 15);
    double value;
    int i;

    /* numpy: windows by sliding_window_view, Gaussian by outer product */
    for (i = 0; i < 14 * 15; i++) {
        a.data[i] = (float)(i * i % 253);
        b.data[i] = (float)((i * i + 31 * i) % 253);
    }
    ck_assert_int_eq(inn_planes_ssim(&value, &a, &b, 1, &arena, &err), 0);
    ck_assert_double_eq_tol(value, 0.330494483701225, 1e-9);
}
END_TEST

START_TEST(every_failed_allocation_is_clean)
{
    struct inn_planes p = make(3, 12, 12), out;
    struct starve s = starve(heap, 3, 100);
    struct inn_arena own;
    double value;

    while (starving(&s)) {
        inn_arena_init(&own, heap);
        s.st = inn_planes_bicubic(&out, &p, 24, 36, &own, s.err);
        if (s.st == INN_OK)
            s.st = inn_planes_luma(&out, &p, &own, s.err);
        if (s.st == INN_OK)
            s.st = inn_planes_ssim(&value, &out, &out, 0, &own, s.err);
        inn_arena_free(&own);
    }
}
END_TEST

START_TEST(sizes_past_the_ceiling_are_refused)
{
    struct inn_planes p = make(1, 2, 2), out;

    ck_assert_int_eq(inn_planes_bicubic(&out, &p, (int64_t)1 << 40, 4, &arena,
                                        &err), INN_ERR_LIMIT);
    ck_assert_int_eq(inn_planes_new(&out, 3, INT64_MAX, INT64_MAX, &arena,
                                    &err), INN_ERR_LIMIT);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("quality");
    TCase *t = tcase_create("quality");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, enlarging_by_two_weighs_as_keys_kernel);
    tcase_add_test(t, halving_stretches_the_kernel);
    tcase_add_test(t, edges_are_mirrored);
    tcase_add_test(t, the_same_size_is_identity_and_flat_stays_flat);
    tcase_add_test(t, luma_is_that_of_bt601);
    tcase_add_test(t, colours_go_there_and_back);
    tcase_add_test(t, bytes_are_rounded_and_cut_off);
    tcase_add_test(t, psnr_counts_what_is_inside_the_border);
    tcase_add_test(t, ssim_of_flat_pictures_is_that_of_their_means);
    tcase_add_test(t, ssim_agrees_with_another_program);
    tcase_add_test(t, every_failed_allocation_is_clean);
    tcase_add_test(t, sizes_past_the_ceiling_are_refused);
    suite_add_tcase(s, t);
    return run_suite(s);
}
