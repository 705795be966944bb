/* Arrays as NumPy writes them, and as it would never. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "runtime/base/npy.h"
#include "tests/unit/starve.h"
#include "tests/unit/suite.h"

#ifdef HAVE_ZIP
#include <zip.h>
#endif

static struct inn_heap *heap;
static struct inn_arena arena;
static struct inn_error err;
static char path[] = "/tmp/inn-npy-XXXXXX";

static void setup(void)
{
    int fd;

    heap = inn_heap_new((size_t)1 << 24);
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

/* An array of version 1.0 with this dictionary and these bytes. */
static size_t make(uint8_t *out, const char *dictionary, const void *data,
                   size_t len)
{
    size_t n = strlen(dictionary);

    memcpy(out, "\x93NUMPY\x01\x00", 8);
    out[8] = (uint8_t)n;
    out[9] = (uint8_t)(n >> 8);
    memcpy(out + 10, dictionary, n);
    if (len > 0)
        memcpy(out + 10 + n, data, len);
    return 10 + n + len;
}

static enum inn_status parse(struct inn_tensor *t, const char *dictionary,
                             const void *data, size_t len)
{
    uint8_t bytes[20000];
    uint8_t *exact;
    size_t n = make(bytes, dictionary, data, len);
    enum inn_status st;

    exact = malloc(n); /* so that a sanitizer sees every byte too far */
    memcpy(exact, bytes, n);
    st = inn_npy_parse(t, exact, n, &arena, &err);
    free(exact);
    return st;
}

START_TEST(array_written_by_numpy_is_read)
{
    int16_t data[6] = {1, 2, 3, 4, 5, -6};
    struct inn_tensor t;

    ck_assert_int_eq(parse(&t, "{'descr': '<i2', 'fortran_order': False, "
                           "'shape': (2, 3), }          \n", data, 12), 0);
    ck_assert(t.type == INN_I16 && t.rank == 2 && t.dims[1] == 3);
    ck_assert(memcmp(t.data, data, 12) == 0);
    ck_assert_int_eq(parse(&t, "{'descr': '<f4', 'fortran_order': False, "
                           "'shape': (), }\n", data, 4), 0);
    ck_assert(t.rank == 0 && t.bytes == 4);
    ck_assert_int_eq(parse(&t, "{\"shape\": (0,5), \"descr\": \"|u1\", "
                           "\"fortran_order\": False}", data, 0), 0);
    ck_assert(t.rank == 2 && t.bytes == 0);
}
END_TEST

START_TEST(column_major_order_is_turned_round)
{
    int8_t data[12] = {0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11};
    struct inn_tensor t;
    int i;

    /* np.arange(12).reshape(2, 3, 2) saved in Fortran order */
    ck_assert_int_eq(parse(&t, "{'descr': '|i1', 'fortran_order': True, "
                           "'shape': (2, 3, 2), }\n", data, 12), 0);
    for (i = 0; i < 12; i++)
        ck_assert_int_eq(((int8_t *)t.data)[i], i);
}
END_TEST

START_TEST(bools_become_0_and_1)
{
    uint8_t data[3] = {0, 1, 255};
    struct inn_tensor t;

    ck_assert_int_eq(parse(&t, "{'descr': '|b1', 'fortran_order': False, "
                           "'shape': (3,), }\n", data, 3), 0);
    ck_assert_int_eq(((uint8_t *)t.data)[2], 1);
}
END_TEST

static const struct bad {
    const char *dictionary;
    size_t len;
    enum inn_status status;
    const char *says;
} bad[] = {
    {"{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", 4,
     INN_ERR_UNSUPPORTED, "big-endian"},
    {"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", 8,
     INN_ERR_UNSUPPORTED, "'|O'"},
    {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", 4,
     INN_ERR_UNSUPPORTED, "structured"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 4,
     INN_ERR_FORMAT, "8 bytes, the file has 4"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", 5,
     INN_ERR_FORMAT, "4 bytes, the file has 5"},
    {"{'descr': '<f4', 'fortran_order': False, "
     "'shape': (4294967296, 4294967296), }", 4, INN_ERR_FORMAT, "large"},
    {"{'descr': '<f4', 'fortran_order': False, "
     "'shape': (99999999999999999999,), }", 4, INN_ERR_FORMAT, "shape"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", 4,
     INN_ERR_FORMAT, "shape"},
    {"{'descr': '<f4', 'fortran_order': False, "
     "'shape': (1,1,1,1,1,1,1,1,1), }", 4, INN_ERR_UNSUPPORTED, "8 dim"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': [1], }", 4,
     INN_ERR_FORMAT, "tuple"},
    {"{'descr': '<f4', 'fortran_order': 0, 'shape': (1,), }", 4,
     INN_ERR_FORMAT, "fortran_order"},
    {"{'descr': '<f4', 'fortran_order': False, }", 4, INN_ERR_FORMAT,
     "lacks"},
    {"{'descr': '<f4', 'descr': '<f4', 'shape': (1,), }", 4, INN_ERR_FORMAT,
     "repeated"},
    {"{'descr': '<f4', 'what': False, 'shape': (1,), }", 4, INN_ERR_FORMAT,
     "'what'"},
    {"{'descr': '<f4' 'fortran_order': False, 'shape': (1,), }", 4,
     INN_ERR_FORMAT, "comma"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (1", 0,
     INN_ERR_FORMAT, "shape"},
    {"{'descr': '<f4", 0, INN_ERR_FORMAT, "element type"},
    {"", 0, INN_ERR_FORMAT, "dictionary"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), } x", 4,
     INN_ERR_FORMAT, "after"},
};

START_TEST(headers_that_lie_are_refused)
{
    const struct bad *b = &bad[_i];
    char zeros[16] = {0};
    struct inn_tensor t;

    ck_assert_int_eq(parse(&t, b->dictionary, zeros, b->len), b->status);
    ck_assert_msg(strstr(err.message, b->says) != NULL, "%s", err.message);
    ck_assert_ptr_null(t.data);
}
END_TEST

START_TEST(every_cut_and_changed_byte_is_survived)
{
    uint8_t bytes[200], *exact;
    float data[2] = {1, 2};
    size_t n = make(bytes, "{'descr': '<f4', 'fortran_order': False, "
                    "'shape': (2,), }\n", data, 8), i;
    struct inn_tensor t;
    int v;

    for (i = 0; i < n; i++) {
        exact = malloc(i + 1);
        memcpy(exact, bytes, i);
        ck_assert_int_ne(inn_npy_parse(&t, exact, i, &arena, NULL), INN_OK);
        free(exact);
        for (v = 0; v < 256; v += 5) {
            uint8_t old = bytes[i];

            bytes[i] = (uint8_t)v;
            (void)inn_npy_parse(&t, bytes, n, &arena, NULL);
            bytes[i] = old;
        }
    }
}
END_TEST

START_TEST(what_is_written_is_read_again)
{
    static const enum inn_type types[] = {
        INN_F16, INN_F32, INN_F64, INN_I8, INN_I16, INN_I32, INN_I64,
        INN_U8, INN_U16, INN_U32, INN_U64, INN_BOOL};
    int64_t dims[3] = {2, 1, 3};
    struct inn_tensor a, b;
    size_t i;
    int rank;

    for (i = 0; i < sizeof(types) / sizeof(*types); i++) {
        for (rank = 0; rank <= 3; rank++) {
            ck_assert_int_eq(inn_tensor_new(&a, &arena, types[i], rank, dims,
                                            NULL), 0);
            memset(a.data, 1, a.bytes);
            ck_assert_int_eq(inn_npy_write(&a, path, true, heap, &err), 0);
            ck_assert_int_eq(inn_npy_read(&b, path, &arena, &err), 0);
            ck_assert(a.type == b.type && inn_tensor_same_shape(&a, &b));
            ck_assert(memcmp(a.data, b.data, a.bytes) == 0);
        }
    }
    ck_assert_int_eq(inn_npy_write(&a, path, false, heap, &err), INN_ERR_IO);
}
END_TEST

/* What inn_npy_read_pipe says of these bytes, and how many are then left. */
static enum inn_status read_piped(struct inn_tensor *t, const void *bytes,
                                  size_t len, size_t *left)
{
    enum inn_status st;
    char byte;
    int fd[2];

    ck_assert_int_eq(pipe(fd), 0);
    ck_assert_int_eq(write(fd[1], bytes, len), (ssize_t)len);
    close(fd[1]);
    st = inn_npy_read_pipe(t, fd[0], &arena, &err);
    for (*left = 0; read(fd[0], &byte, 1) == 1;)
        ++*left;
    close(fd[0]);
    return st;
}

START_TEST(a_pipe_is_read_as_a_file_is)
{
    static const char dictionary[] =
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }\n";
    float data[4] = {1, 2, 3, 4};
    uint8_t bytes[200], two[202];
    size_t n = make(bytes, dictionary, data, 16), left, i;
    struct inn_tensor t;

    ck_assert_int_eq(read_piped(&t, bytes, n, &left), INN_OK);
    ck_assert(t.rank == 2 && memcmp(t.data, data, 16) == 0);
    memcpy(two, bytes, 10); /* version 2.0: a length of four bytes */
    two[6] = 2;
    two[10] = two[11] = 0;
    memcpy(two + 12, bytes + 10, n - 10);
    ck_assert_int_eq(read_piped(&t, two, n + 2, &left), INN_OK);
    ck_assert(memcmp(t.data, data, 16) == 0);
    for (i = 0; i < n; i++) {
        ck_assert_int_eq(read_piped(&t, bytes, i, &left), INN_ERR_FORMAT);
        ck_assert_int_ne(inn_npy_parse(&t, bytes, i, &arena, NULL), INN_OK);
    }
}
END_TEST

START_TEST(a_pipe_is_read_as_far_as_its_header_says)
{
    static const char dictionary[] =
        "{'descr': '|u1', 'fortran_order': False, 'shape': (5,), }\n";
    uint8_t bytes[30000] = {0};
    struct inn_tensor t;
    size_t left, n;

    n = make(bytes, dictionary, "12345", 5);
    ck_assert_int_eq(read_piped(&t, bytes, 30000, &left), INN_ERR_FORMAT);
    ck_assert_uint_eq(left, 30000 - n - 1);
    ck_assert_ptr_nonnull(strstr(err.message, "and more follow"));
    memset(bytes, 'y', 30000);
    ck_assert_int_eq(read_piped(&t, bytes, 30000, &left), INN_ERR_FORMAT);
    ck_assert_uint_eq(left, 30000 - 10);
    make(bytes, dictionary, NULL, 0);
    bytes[6] = 2;
    memset(bytes + 8, 0xff, 4);
    ck_assert_int_eq(read_piped(&t, bytes, 30000, &left), INN_ERR_FORMAT);
    ck_assert_uint_eq(left, 30000 - 12);
}
END_TEST

/* The heap has 16 MiB. */
START_TEST(a_pipe_that_would_pass_the_memory_limit_is_not_read)
{
    static const char dictionary[] = "{'descr': '|u1', 'fortran_order': "
                                     "False, 'shape': (20000000,), }\n";
    uint8_t bytes[30000] = {0};
    struct inn_tensor t;
    size_t left, n = make(bytes, dictionary, NULL, 0);

    ck_assert_int_eq(read_piped(&t, bytes, 30000, &left), INN_ERR_LIMIT);
    ck_assert_uint_eq(left, 30000 - n);
    ck_assert_uint_lt(inn_heap_peak(heap), 1 << 18);
}
END_TEST

START_TEST(bfloat_is_written_as_float)
{
    uint16_t data[2] = {0x3f80, 0xc000};
    struct inn_tensor a = {INN_BF16, 1, {2}, 4, data}, b;

    ck_assert_int_eq(inn_npy_write(&a, path, true, heap, &err), 0);
    ck_assert_int_eq(inn_npy_read(&b, path, &arena, &err), 0);
    ck_assert(b.type == INN_F32 && b.dims[0] == 2);
    ck_assert(((float *)b.data)[0] == 1 && ((float *)b.data)[1] == -2);
}
END_TEST

#ifdef HAVE_ZIP

static void add(zip_t *z, const char *name, const void *bytes, size_t len)
{
    zip_source_t *s = zip_source_buffer(z, bytes, len, 0);

    ck_assert_int_ge(zip_file_add(z, name, s, ZIP_FL_OVERWRITE), 0);
}

/* x.npy (3 floats), fortran y.npy, and a lying z.npy. */
static void make_archive(void)
{
    static uint8_t x[200], y[200], lie[200];
    static const float data[3] = {1, 2, 3};
    static const int8_t column[4] = {0, 2, 1, 3};
    int why = 0;
    zip_t *z = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &why);

    ck_assert_ptr_nonnull(z);
    add(z, "x.npy", x, make(x, "{'descr': '<f4', 'fortran_order': False, "
                            "'shape': (3,), }\n", data, 12));
    add(z, "y.npy", y, make(y, "{'descr': '|i1', 'fortran_order': True, "
                            "'shape': (2, 2), }\n", column, 4));
    add(z, "z.npy", lie, make(lie, "{'descr': '<f4', 'fortran_order': False,"
                              " 'shape': (4294967296,), }\n", data, 12));
    ck_assert_int_eq(zip_close(z), 0);
}

START_TEST(archives_are_read_by_name)
{
    struct inn_tensor t;

    make_archive();
    ck_assert_int_eq(inn_npz_read(&t, path, "x", &arena, &err), 0);
    ck_assert(t.type == INN_F32 && ((float *)t.data)[2] == 3);
    ck_assert_int_eq(inn_npz_read(&t, path, "y", &arena, &err), 0);
    ck_assert(memcmp(t.data, "\0\1\2\3", 4) == 0);
    ck_assert_int_eq(inn_npz_read(&t, path, "w", &arena, &err),
                     INN_ERR_FORMAT);
    ck_assert_str_eq(err.message, "has no array 'w'; it has: x, y, z");
    ck_assert_int_eq(inn_npz_read(&t, path, "z", &arena, &err),
                     INN_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.message, "17179869184 bytes"));
    ck_assert_int_eq(inn_npz_read(&t, "/nowhere.npz", "x", &arena, &err),
                     INN_ERR_IO);
}
END_TEST

START_TEST(every_changed_byte_of_an_archive_is_survived)
{
    uint8_t bytes[4096];
    struct inn_tensor t;
    size_t len, i;
    FILE *f;

    make_archive();
    f = fopen(path, "rb");
    len = fread(bytes, 1, sizeof(bytes), f);
    fclose(f);
    for (i = 0; i < len; i++) {
        bytes[i] ^= 0x5a;
        f = fopen(path, "wb");
        fwrite(bytes, 1, len, f);
        fclose(f);
        bytes[i] ^= 0x5a;
        if (inn_npz_read(&t, path, "x", &arena, NULL) == INN_OK)
            ck_assert(t.bytes == 12 && ((float *)t.data)[2] == 3);
    }
}
END_TEST

START_TEST(every_failed_allocation_is_clean)
{
    static const char *const names[] = {"x", "y"};
    struct starve s = starve(heap, 1, 100);
    struct inn_arena own;
    struct inn_tensor t;

    make_archive();
    while (starving(&s)) {
        inn_arena_init(&own, heap);
        s.st = inn_npz_read(&t, path, names[_i], &own, s.err);
        ck_assert_int_eq(t.data != NULL, s.st == INN_OK);
        inn_arena_free(&own);
    }
}
END_TEST

#endif

int main(void)
{
    Suite *s = suite_create("npy");
    TCase *t = tcase_create("npy");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, array_written_by_numpy_is_read);
    tcase_add_test(t, column_major_order_is_turned_round);
    tcase_add_test(t, bools_become_0_and_1);
    tcase_add_loop_test(t, headers_that_lie_are_refused, 0,
                        (int)(sizeof(bad) / sizeof(*bad)));
    tcase_add_test(t, every_cut_and_changed_byte_is_survived);
    tcase_add_test(t, what_is_written_is_read_again);
    tcase_add_test(t, a_pipe_is_read_as_a_file_is);
    tcase_add_test(t, a_pipe_is_read_as_far_as_its_header_says);
    tcase_add_test(t, a_pipe_that_would_pass_the_memory_limit_is_not_read);
    tcase_add_test(t, bfloat_is_written_as_float);
#ifdef HAVE_ZIP
    tcase_add_test(t, archives_are_read_by_name);
    tcase_add_test(t, every_changed_byte_of_an_archive_is_survived);
    tcase_add_loop_test(t, every_failed_allocation_is_clean, 0, 2);
#endif
    suite_add_tcase(s, t);
    return run_suite(s);
}
