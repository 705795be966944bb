/* Element types, their conversions, and tensor sizes. */
#include <check.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "runtime/base/tensor.h"
#include "tests/unit/suite.h"

/* The value of a half float from its definition, not by bit tricks. */
static double half_value(uint16_t h)
{
    int e = (h >> 10) & 31, f = h & 1023;
    double v = e == 0 ? ldexp(f, -24) : ldexp(1024 + f, e - 25);

    return h & 0x8000 ? -v : v;
}

START_TEST(every_half_float_survives_the_way_through_float)
{
    unsigned h;

    for (h = 0; h < 65536; h++) {
        float f = inn_f16_to_f32((uint16_t)h);

        if (((h >> 10) & 31) == 31) {
            if (h & 1023)
                ck_assert(isnan(f) && isnan(inn_f16_to_f32(
                                          inn_f32_to_f16(f))));
            else
                ck_assert(isinf(f));
            continue;
        }
        ck_assert(f == (float)half_value((uint16_t)h));
        ck_assert_uint_eq(inn_f32_to_f16(f), h);
    }
}
END_TEST

START_TEST(float_to_half_takes_the_nearest_and_even_on_ties)
{
    unsigned h;

    for (h = 0; h < 0x7bff; h++) {
        double a = half_value((uint16_t)h), b = half_value((uint16_t)(h + 1));
        float mid = (float)((a + b) / 2);
        unsigned even = h & 1 ? h + 1 : h;

        ck_assert_uint_eq(inn_f32_to_f16(mid), even);
        ck_assert_uint_eq(inn_f32_to_f16(nextafterf(mid, 0)), h);
        ck_assert_uint_eq(inn_f32_to_f16(nextafterf(mid, INFINITY)), h + 1);
        ck_assert_uint_eq(inn_f32_to_f16(-mid), even | 0x8000);
    }
    ck_assert_uint_eq(inn_f32_to_f16(65519.0f), 0x7bff);
    ck_assert_uint_eq(inn_f32_to_f16(65520.0f), 0x7c00);
    ck_assert_uint_eq(inn_f32_to_f16(1e30f), 0x7c00);
}
END_TEST

START_TEST(bfloat_rounds_to_even_and_keeps_nan)
{
    ck_assert_uint_eq(inn_f32_to_bf16(1.0f), 0x3f80);
    ck_assert_uint_eq(inn_f32_to_bf16(1.00390625f), 0x3f80); /* a tie */
    ck_assert_uint_eq(inn_f32_to_bf16(1.01171875f), 0x3f82); /* a tie */
    ck_assert_uint_eq(inn_f32_to_bf16(1.004f), 0x3f81);
    ck_assert_uint_eq(inn_f32_to_bf16(FLT_MAX), 0x7f80);
    ck_assert(isnan(inn_bf16_to_f32(inn_f32_to_bf16(NAN))));
    ck_assert(inn_bf16_to_f32(0xc000) == -2.0f);
}
END_TEST

START_TEST(double_to_half_is_rounded_once)
{
    /* 1 + 2^-11 is a tie; a hair above it goes up, but as a float is a tie. */
    double in[2] = {1 + ldexp(1, -11), 1 + ldexp(1, -11) + ldexp(1, -40)};
    uint16_t out[2];

    inn_convert_elements(out, INN_F16, in, INN_F64, 2);
    ck_assert_uint_eq(out[0], 0x3c00);
    ck_assert_uint_eq(out[1], 0x3c01);
}
END_TEST

START_TEST(float_to_integer_saturates_and_nan_is_0)
{
    float in[5] = {NAN, 300.7f, -300.7f, INFINITY, -0.9f};
    uint8_t u8[5];
    int8_t i8[5];
    int64_t i64[5];
    uint64_t u64[5];
    uint8_t b[5];

    inn_convert_elements(u8, INN_U8, in, INN_F32, 5);
    inn_convert_elements(i8, INN_I8, in, INN_F32, 5);
    inn_convert_elements(i64, INN_I64, in, INN_F32, 5);
    inn_convert_elements(u64, INN_U64, in, INN_F32, 5);
    inn_convert_elements(b, INN_BOOL, in, INN_F32, 5);
    ck_assert(u8[0] == 0 && u8[1] == 255 && u8[2] == 0 && u8[3] == 255);
    ck_assert(i8[0] == 0 && i8[1] == 127 && i8[2] == -128 && i8[4] == 0);
    ck_assert(i64[0] == 0 && i64[1] == 300 && i64[2] == -300);
    ck_assert(i64[3] == INT64_MAX);
    ck_assert(u64[3] == UINT64_MAX && u64[2] == 0);
    ck_assert(b[0] == 1 && b[1] == 1 && b[4] == 1);
}
END_TEST

START_TEST(integers_wrap_among_themselves_and_stay_exact)
{
    int64_t in[3] = {(int64_t)9007199254740993, -1, 257};
    int64_t back[3];
    uint64_t u64[3];
    uint8_t u8[3];

    inn_convert_elements(u64, INN_U64, in, INN_I64, 3);
    inn_convert_elements(back, INN_I64, u64, INN_U64, 3);
    inn_convert_elements(u8, INN_U8, in, INN_I64, 3);
    ck_assert(memcmp(in, back, sizeof(in)) == 0);
    ck_assert(u8[0] == 1 && u8[1] == 255 && u8[2] == 1);
}
END_TEST

START_TEST(integer_element_of_any_type_is_read)
{
    uint8_t data[8] = {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0};
    struct inn_tensor t = {INN_I32, 1, {2}, 8, data};

    ck_assert(inn_tensor_int(&t, 0) == -1 && inn_tensor_int(&t, 1) == 0);
    t.type = INN_U32;
    ck_assert(inn_tensor_int(&t, 0) == 4294967295);
    t.type = INN_BOOL;
    ck_assert(inn_tensor_int(&t, 3) == 1);
}
END_TEST

START_TEST(size_that_overflows_is_refused_with_the_shape)
{
    int64_t dims[3] = {1 << 20, (int64_t)1 << 40, 16};
    struct inn_error err = {INN_OK, ""};
    struct inn_tensor t;

    ck_assert_int_eq(inn_tensor_init(&t, INN_F32, 3, dims, &err),
                     INN_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.message, "1048576x1099511627776x16"));
    dims[0] = -1;
    ck_assert_int_eq(inn_tensor_init(&t, INN_F32, 1, dims, &err),
                     INN_ERR_FORMAT);
    ck_assert_int_eq(inn_tensor_init(&t, INN_F32, 9, dims, &err),
                     INN_ERR_FORMAT);
    ck_assert_int_eq(inn_tensor_init(&t, INN_STRING, 0, dims, &err),
                     INN_ERR_UNSUPPORTED);
    ck_assert_int_eq(inn_tensor_init(&t, (enum inn_type)99, 0, dims, NULL),
                     INN_ERR_UNSUPPORTED);
}
END_TEST

START_TEST(new_tensor_is_zeroed_and_out_of_memory_is_told)
{
    struct inn_heap *heap = inn_heap_new(1 << 20);
    int64_t dims[2] = {3, 5}, large[1] = {1 << 20};
    struct inn_error err = {INN_OK, ""};
    struct inn_arena arena;
    struct inn_tensor t;
    int i;

    inn_arena_init(&arena, heap);
    ck_assert_int_eq(inn_tensor_new(&t, &arena, INN_F32, 2, dims, &err), 0);
    ck_assert_uint_eq(t.bytes, 60);
    ck_assert_uint_eq(inn_tensor_count(&t), 15);
    for (i = 0; i < 15; i++)
        ck_assert(((float *)t.data)[i] == 0);
    ck_assert_int_eq(inn_tensor_new(&t, &arena, INN_F32, 1, large, &err),
                     INN_ERR_LIMIT);
    inn_arena_free(&arena);
    inn_heap_fail_at(heap, 1);
    ck_assert_int_eq(inn_tensor_new(&t, &arena, INN_F32, 2, dims, NULL),
                     INN_ERR_MEMORY);
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}
END_TEST

START_TEST(shapes_are_written_with_x)
{
    int64_t dims[8] = {INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX,
                       INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX};
    char text[INN_SHAPE_TEXT];

    ck_assert_uint_lt(strlen(inn_shape_text(text, 8, dims)), INN_SHAPE_TEXT);
    dims[0] = 2;
    dims[1] = 0;
    ck_assert_str_eq(inn_shape_text(text, 2, dims), "2x0");
    ck_assert_str_eq(inn_shape_text(text, 0, dims), "scalar");
    ck_assert_str_eq(inn_type_name(INN_BF16), "bf16");
    ck_assert_str_eq(inn_type_name((enum inn_type)15), "?");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tensor");
    TCase *t = tcase_create("tensor");

    tcase_add_test(t, every_half_float_survives_the_way_through_float);
    tcase_add_test(t, float_to_half_takes_the_nearest_and_even_on_ties);
    tcase_add_test(t, bfloat_rounds_to_even_and_keeps_nan);
    tcase_add_test(t, double_to_half_is_rounded_once);
    tcase_add_test(t, float_to_integer_saturates_and_nan_is_0);
    tcase_add_test(t, integers_wrap_among_themselves_and_stay_exact);
    tcase_add_test(t, integer_element_of_any_type_is_read);
    tcase_add_test(t, size_that_overflows_is_refused_with_the_shape);
    tcase_add_test(t, new_tensor_is_zeroed_and_out_of_memory_is_told);
    tcase_add_test(t, shapes_are_written_with_x);
    suite_add_tcase(s, t);
    return run_suite(s);
}
