/* Byte planes, frames and their table. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/tensor.h"
#include "runtime/file/codec.h"
#include "tests/unit/starve.h"
#include "tests/unit/suite.h"

static struct inn_heap *heap;

static void setup(void)
{
    heap = inn_heap_new(0);
}

static void teardown(void)
{
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

/* n standard normals (Box and Muller). */
static void fill_normal(float *out, size_t n)
{
    uint64_t state = 7;
    size_t i;

    for (i = 0; i < n; i++) {
        double u = ((double)next_random(&state) + 1) / 2147483649.0;
        double v = (double)next_random(&state) / 2147483648.0;

        out[i] = (float)(sqrt(-2 * log(u)) * cos(6.283185307179586 * v));
    }
}

/* A section as a writer makes it; own. */
static uint8_t *encode(struct inn_section *s, uint32_t type,
                       const void *data, size_t raw)
{
    size_t planes = inn_plane_count(type), frames = inn_frame_count(raw);
    uint8_t *bytes = malloc(raw + 4 * frames * planes + 1), *at = bytes;
    uint8_t *table = malloc(4 * frames * planes + 1);
    size_t lens[INN_MAX_PLANES], i, k;
    struct inn_encoder *e;

    ck_assert_int_eq(inn_encoder_new(&e, heap, NULL), INN_OK);
    for (i = 0; i < frames; i++) {
        const uint8_t *from = inn_encode_frame(
            e, lens, (const uint8_t *)data + i * INN_FRAME_BYTES,
            inn_frame_raw(raw, i), planes);

        for (k = 0; k < planes; k++) {
            memcpy(at, from, lens[k]);
            from += lens[k];
            at += lens[k];
            inn_put_u32(table + 4 * (i * planes + k), (uint32_t)lens[k]);
        }
    }
    memcpy(at, table, 4 * frames * planes);
    at += 4 * frames * planes;
    inn_encoder_free(e, heap);
    free(table);
    memset(s, 0, sizeof(*s));
    s->kind = type == INN_UNDEFINED ? INN_SECTION_META : INN_SECTION_TENSOR;
    s->type = type;
    s->codec = INN_CODEC_ZSTD;
    s->raw_bytes = raw;
    s->stored_bytes = (uint64_t)(at - bytes);
    return bytes;
}

START_TEST(exponent_is_the_first_plane_and_the_sign_the_last_bit)
{
    /* 1, -2.5; rotated by hand: 7f000000, 80400001 */
    const float f32[] = {1.0f, -2.5f};
    const uint8_t want32[] = {0x7f, 0x80, 0, 0x40, 0, 0, 0, 1};
    /* -1 in f16 is bc00: 7801; 1 in bf16 is 3f80: 7f00 */
    const uint16_t f16 = 0xbc00, bf16 = 0x3f80;
    const uint8_t want16[] = {0x78, 0x01}, wantbf[] = {0x7f, 0x00};
    /* bff0000000000000: 7fe0000000000001 */
    const double f64 = -1.0;
    const uint8_t want64[] = {0x7f, 0xe0, 0, 0, 0, 0, 0, 1};
    const uint8_t message[] = {1, 0x81, 3};
    uint8_t out[8];

    inn_planes_split(out, f32, 4, 2);
    ck_assert_mem_eq(out, want32, 8);
    inn_planes_split(out, &f16, 2, 1);
    ck_assert_mem_eq(out, want16, 2);
    inn_planes_split(out, &bf16, 2, 1);
    ck_assert_mem_eq(out, wantbf, 2);
    inn_planes_split(out, &f64, 8, 1);
    ck_assert_mem_eq(out, want64, 8);
    inn_planes_split(out, message, 1, 3);
    ck_assert_mem_eq(out, message, 3);
}
END_TEST

START_TEST(merging_undoes_splitting_at_every_count)
{
    static const size_t sizes[] = {1, 2, 4, 8};
    uint8_t in[8 * 70], out[8 * 70], back[8 * 70];
    uint64_t state = 1;
    size_t i, s, n, k;

    for (i = 0; i < sizeof(in); i++)
        in[i] = (uint8_t)next_random(&state);
    for (s = 0; s < 4; s++) {
        for (n = 0; n <= 70; n++) {
            const uint8_t *planes[8];

            inn_planes_split(out, in, sizes[s], n);
            for (k = 0; k < sizes[s]; k++)
                planes[k] = out + k * n;
            memset(back, 0, sizeof(back));
            inn_planes_merge(back, planes, sizes[s], n);
            ck_assert(n == 0 || memcmp(back, in, n * sizes[s]) == 0);
        }
    }
}
END_TEST

START_TEST(sections_come_back_at_every_frame_boundary)
{
    static const size_t lens[] = {8, 64, 4096, INN_FRAME_BYTES - 8,
                                  INN_FRAME_BYTES, INN_FRAME_BYTES + 8,
                                  3 * INN_FRAME_BYTES + 16};
    static const uint32_t types[] = {INN_UNDEFINED, INN_F32, INN_F16,
                                     INN_BF16, INN_F64};
    size_t most = 3 * INN_FRAME_BYTES + 16, i, t, threads;
    float *data = malloc(most);
    uint8_t *back = malloc(most);

    fill_normal(data, most / sizeof(float));
    for (t = 0; t < 5; t++) {
        for (i = 0; i < 7; i++) {
            struct inn_section s;
            uint8_t *bytes = encode(&s, types[t], data, lens[i]);

            ck_assert_int_eq(inn_check_frames(&s, bytes, NULL), INN_OK);
            for (threads = 1; threads <= 2; threads++) {
                memset(back, 0, lens[i]);
                ck_assert_int_eq(inn_decode_section(back, &s, bytes,
                                                    (int)threads, heap,
                                                    NULL),
                                 INN_OK);
                ck_assert_int_eq(memcmp(back, data, lens[i]), 0);
            }
            free(bytes);
        }
    }
    free(data);
    free(back);
}
END_TEST

START_TEST(normal_weights_shrink_as_promised)
{
    size_t n = 1 << 20;
    float *f32 = malloc(n * sizeof(*f32));
    uint16_t *f16 = malloc(n * sizeof(*f16));
    struct inn_section s;

    fill_normal(f32, n);
    inn_convert_elements(f16, INN_F16, f32, INN_F32, n);
    free(encode(&s, INN_F32, f32, n * 4));
    ck_assert_uint_le(s.stored_bytes, n * 4 * 85 / 100);
    /* of the f32 size */
    free(encode(&s, INN_F16, f16, n * 2));
    ck_assert_uint_le(s.stored_bytes, n * 4 * 43 / 100);
    free(f32);
    free(f16);
}
END_TEST

START_TEST(frame_tables_that_lie_are_refused)
{
    float data[64];
    struct inn_section s, bad;
    uint8_t *bytes, *table;
    uint32_t len;

    fill_normal(data, 64);
    bytes = encode(&s, INN_F32, data, sizeof(data));
    table = bytes + s.stored_bytes - 16;
    len = inn_get_u32(table + 4);
    ck_assert_uint_eq(len, 64); /* mantissas are stored as they are */

    inn_put_u32(table + 4, 65);
    ck_assert_int_eq(inn_check_frames(&s, bytes, NULL), INN_ERR_FORMAT);
    inn_put_u32(table + 4, 0);
    ck_assert_int_eq(inn_check_frames(&s, bytes, NULL), INN_ERR_FORMAT);
    inn_put_u32(table + 4, 63);
    ck_assert_int_eq(inn_check_frames(&s, bytes, NULL), INN_ERR_FORMAT);
    inn_put_u32(table + 4, 0xffffffff);
    ck_assert_int_eq(inn_check_frames(&s, bytes, NULL), INN_ERR_FORMAT);
    inn_put_u32(table + 4, len);
    ck_assert_int_eq(inn_check_frames(&s, bytes, NULL), INN_OK);

    bad = s;
    bad.raw_bytes = UINT64_MAX - 3;
    ck_assert_int_eq(inn_check_frames(&bad, bytes, NULL), INN_ERR_FORMAT);
    bad.raw_bytes = (uint64_t)1 << 42;
    ck_assert_int_eq(inn_check_frames(&bad, bytes, NULL), INN_ERR_FORMAT);
    bad = s;
    bad.stored_bytes = 15;
    ck_assert_int_eq(inn_check_frames(&bad, bytes, NULL), INN_ERR_FORMAT);
    bad.stored_bytes = 0;
    ck_assert_int_eq(inn_check_frames(&bad, bytes, NULL), INN_ERR_FORMAT);
    free(bytes);
}
END_TEST

START_TEST(every_damaged_byte_of_a_plane_decodes_or_is_refused)
{
    float data[4096], back[4096];
    struct inn_section s;
    uint8_t *bytes, *exact;
    size_t i, first;

    fill_normal(data, 4096);
    bytes = encode(&s, INN_F32, data, sizeof(data));
    first = inn_get_u32(bytes + s.stored_bytes - 16);
    ck_assert_uint_lt(first, 4096);
    for (i = 0; i < first; i++) {
        struct inn_error err = {INN_OK, ""};
        enum inn_status st;

        /* a block of its own, so that a read past it is seen */
        exact = malloc(s.stored_bytes);
        memcpy(exact, bytes, s.stored_bytes);
        exact[i] ^= (uint8_t)(1u << i % 8);
        st = inn_decode_section(back, &s, exact, 1, heap, &err);
        ck_assert(st == INN_OK || st == INN_ERR_FORMAT);
        if (st != INN_OK)
            ck_assert_ptr_nonnull(strstr(err.message, "frame 0, plane 0"));
        free(exact);
    }
    free(bytes);
}
END_TEST

START_TEST(failing_allocations_are_survived)
{
    float data[256], back[256];
    struct inn_section section;
    struct inn_encoder *e;
    struct starve s;
    uint8_t *bytes;

    fill_normal(data, 256);
    bytes = encode(&section, INN_F32, data, sizeof(data));
    s = starve(heap, 1, 15);
    while (starving(&s))
        s.st = inn_decode_section(back, &section, bytes, 1, heap, s.err);
    ck_assert_mem_eq(back, data, sizeof(data));
    s = starve(heap, 1, 15);
    while (starving(&s)) {
        s.st = inn_encoder_new(&e, heap, s.err);
        ck_assert_int_eq(e != NULL, s.st == INN_OK);
        inn_encoder_free(e, heap);
    }
    free(bytes);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("planes");
    TCase *t = tcase_create("planes");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t,
                   exponent_is_the_first_plane_and_the_sign_the_last_bit);
    tcase_add_test(t, merging_undoes_splitting_at_every_count);
    tcase_add_test(t, sections_come_back_at_every_frame_boundary);
    tcase_add_test(t, normal_weights_shrink_as_promised);
    tcase_add_test(t, frame_tables_that_lie_are_refused);
    tcase_add_test(t, every_damaged_byte_of_a_plane_decodes_or_is_refused);
    tcase_add_test(t, failing_allocations_are_survived);
    suite_add_tcase(s, t);
    return run_suite(s);
}
