/*
 * The calls of inn.h, as a program outside meets them: on files of ours, with
 * arguments that make no sense, and where memory ends.
 */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/inn.h"
#include "tests/unit/suite.h"

static struct inn_error err;
static struct inn_file *file;
static struct inn_net *net;
static int64_t widths[64];
static int64_t batch; /* pictures at a time, where the net takes any number */
static char folder[32], path[64];

static const char *kept(const char *name)
{
    static char text[512];
    const char *top = getenv("srcdir");

    snprintf(text, sizeof(text), "%s/tests/format/kept/%s",
             top != NULL ? top : ".", name);
    return text;
}

static void setup(void)
{
    memset(&err, 0, sizeof(err));
    strcpy(folder, "/tmp/inn-api-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/out", folder);
    ck_assert_int_eq(inn_open(&file, kept("v1-moments.inn"), NULL, 0, &err),
                     INN_OK);
    ck_assert_int_le(inn_group_count(file), 64);
    net = NULL;
    batch = 1;
}

static void teardown(void)
{
    inn_net_free(net);
    inn_close(file);
    remove(path);
    rmdir(folder);
}

static void sample(double factor)
{
    ck_assert_int_eq(inn_widths_scale(file, widths, factor, 1, &err), INN_OK);
    ck_assert_int_eq(inn_sample(file, &net, widths, INN_PARTITION_MOMENTS,
                                INN_QUAD_MOMENTS, &err), INN_OK);
}

/* Pictures of the net's size; their data own. */
static struct inn_tensor picture(void)
{
    struct inn_tensor in;
    size_t i, n = 1;

    ck_assert_int_eq(inn_net_input(net, 0, &in, &err), INN_OK);
    for (i = 0; i < (size_t)in.rank; i++) {
        in.dims[i] = in.dims[i] < 0 ? batch : in.dims[i];
        n *= (size_t)in.dims[i];
    }
    in.bytes = n * sizeof(float);
    in.data = malloc(in.bytes);
    ck_assert_ptr_nonnull(in.data);
    for (i = 0; i < n; i++)
        ((float *)in.data)[i] = (float)(i * 37 % 101) / 101.0f - 0.5f;
    return in;
}

/* The first output of a run; own. */
static float *run(size_t *n)
{
    const struct inn_tensor *out;
    struct inn_tensor in = picture();
    float *copy;

    ck_assert_msg(inn_net_run(net, &out, &in, 1, &err) == INN_OK, "%s",
                  err.message);
    ck_assert_int_eq(out[0].type, INN_F32);
    copy = malloc(out[0].bytes);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, out[0].data, out[0].bytes);
    *n = out[0].bytes / sizeof(float);
    free(in.data);
    return copy;
}

/* ‖a − b‖ over ‖a‖. */
static double distance(const float *a, const float *b, size_t n)
{
    double diff = 0, all = 0;
    size_t i;

    for (i = 0; i < n; i++) {
        diff += pow((double)a[i] - (double)b[i], 2);
        all += pow((double)a[i], 2);
    }
    return sqrt(diff / all);
}

START_TEST(groups_have_names_and_sizes_and_there_are_no_others)
{
    int i, n = inn_group_count(file);

    ck_assert_int_gt(n, 0);
    for (i = 0; i < n; i++) {
        ck_assert_ptr_nonnull(inn_group_name(file, i));
        ck_assert_int_gt(inn_group_size(file, i), 0);
    }
    ck_assert_ptr_null(inn_group_name(file, -1));
    ck_assert_ptr_null(inn_group_name(file, n));
    ck_assert_int_eq(inn_group_size(file, -1), 0);
    ck_assert_int_eq(inn_group_size(file, n), 0);
}
END_TEST

START_TEST(a_factor_scales_every_width)
{
    static const double wrong[] = {0, -1, 4.01, NAN, INFINITY};
    size_t k;
    int i;

    ck_assert_int_eq(inn_widths_scale(file, widths, 1, 0, &err), INN_OK);
    for (i = 0; i < inn_group_count(file); i++)
        ck_assert_int_eq(widths[i], inn_group_size(file, i));
    ck_assert_int_eq(inn_widths_scale(file, widths, 0.5, 1, &err), INN_OK);
    for (i = 0; i < inn_group_count(file); i++)
        ck_assert_int_eq(widths[i], (inn_group_size(file, i) + 1) / 2);
    for (k = 0; k < sizeof(wrong) / sizeof(*wrong); k++) {
        memset(&err, 0, sizeof(err));
        ck_assert_int_eq(inn_widths_scale(file, widths, wrong[k], 0, &err),
                         INN_ERR_RANGE);
        ck_assert_int_eq(err.status, INN_ERR_RANGE);
        ck_assert_str_ne(err.message, "");
    }
    ck_assert_int_eq(inn_widths_scale(file, widths, 1, -1, NULL),
                     INN_ERR_RANGE);
}
END_TEST

START_TEST(every_rule_samples_and_no_other_does)
{
    int p, q;

    ck_assert_int_eq(inn_widths_scale(file, widths, 0.5, 1, &err), INN_OK);
    for (p = -1; p <= 4; p++) {
        for (q = -1; q <= 7; q++) {
            enum inn_status st =
                inn_sample(file, &net, widths, (enum inn_partition)p,
                           (enum inn_quadrature)q, &err);

            ck_assert(st == INN_OK ? net != NULL : net == NULL);
            if (p < 0 || p > 3 || q < 0 || q > 6 ||
                (q == 6 && p != INN_PARTITION_MOMENTS))
                ck_assert_msg(st == INN_ERR_ARGUMENT, "%d %d", p, q);
            else
                ck_assert_msg(st == INN_OK, "%d %d: %s", p, q, err.message);
            inn_net_free(net);
            net = NULL;
        }
    }
}
END_TEST

START_TEST(widths_out_of_range_are_refused)
{
    static const int64_t wrong[] = {0, -1, INT64_MIN, INT64_MAX};
    size_t k;

    for (k = 0; k < 4; k++) {
        ck_assert_int_eq(inn_widths_scale(file, widths, 1, 0, &err), INN_OK);
        widths[0] = wrong[k];
        ck_assert_int_eq(inn_sample(file, &net, widths, INN_PARTITION_UNIFORM,
                                    INN_QUAD_TRAPEZOID, &err), INN_ERR_RANGE);
        ck_assert_ptr_null(net);
    }
}
END_TEST

START_TEST(a_net_is_written_read_and_computes_the_same)
{
    size_t n, again;
    float *a, *b;

    sample(0.5);
    ck_assert_int_eq(inn_net_input_count(net), 1);
    ck_assert_int_eq(inn_net_output_count(net), 1);
    ck_assert_ptr_nonnull(inn_net_input_name(net, 0));
    ck_assert_ptr_nonnull(inn_net_output_name(net, 0));
    ck_assert_ptr_null(inn_net_input_name(net, 1));
    ck_assert_ptr_null(inn_net_output_name(net, -1));
    a = run(&n);
    ck_assert_int_eq(inn_net_write(net, path, false, &err), INN_OK);
    ck_assert_int_eq(inn_net_write(net, path, false, &err), INN_ERR_IO);
    ck_assert_int_eq(inn_net_write(net, path, true, &err), INN_OK);
    inn_net_free(net);
    ck_assert_int_eq(inn_net_read(&net, path, NULL, &err), INN_OK);
    b = run(&again);
    ck_assert_uint_eq(again, n);
    ck_assert_mem_eq(a, b, n * sizeof(*a));
    free(a);
    free(b);
}
END_TEST

START_TEST(inputs_that_do_not_fit_are_refused)
{
    const struct inn_tensor *out;
    struct inn_tensor in, other;

    sample(1);
    in = picture();
    ck_assert_int_eq(inn_net_input(net, 1, &other, &err), INN_ERR_RANGE);
    ck_assert_int_eq(inn_net_run(net, &out, &in, 0, &err), INN_ERR_RANGE);
    ck_assert_ptr_null(out);
    other = in;
    other.type = INN_I32;
    ck_assert_int_eq(inn_net_run(net, &out, &other, 1, &err), INN_ERR_RANGE);
    other = in;
    other.rank--;
    ck_assert_int_eq(inn_net_run(net, &out, &other, 1, &err), INN_ERR_RANGE);
    other = in;
    other.bytes--;
    ck_assert_int_eq(inn_net_run(net, &out, &other, 1, &err),
                     INN_ERR_ARGUMENT);
    other = in;
    other.data = NULL;
    ck_assert_int_eq(inn_net_run(net, &out, &other, 1, &err),
                     INN_ERR_ARGUMENT);
    other = in;
    other.dims[1]++;
    ck_assert_int_eq(inn_net_run(net, &out, &other, 1, &err), INN_ERR_RANGE);
    ck_assert_ptr_null(out);
    ck_assert_int_eq(inn_net_run(net, &out, &in, 1, &err), INN_OK);
    free(in.data);
}
END_TEST

START_TEST(how_a_net_runs_can_be_changed_and_changed_back)
{
    struct inn_run_options how = {.precision = INN_PRECISION_BF16};
    const struct inn_tensor *out;
    struct inn_tensor in;
    enum inn_status st;
    size_t n, again;
    float *a, *b;

    sample(1);
    a = run(&n);
    ck_assert_int_eq(inn_net_configure(net, &how, &err), INN_OK);
    in = picture();
    st = inn_net_run(net, &out, &in, 1, &err);
    if (st == INN_OK)
        ck_assert_double_lt(distance(a, out[0].data, n), 0.1);
    else
        ck_assert_int_eq(st, INN_ERR_UNSUPPORTED);
    free(in.data);
    how.precision = INN_PRECISION_F32;
    how.tune = path;
    ck_assert_int_eq(inn_net_configure(net, &how, &err), INN_OK);
    b = run(&again);
    ck_assert_uint_eq(again, n);
    ck_assert_double_lt(distance(a, b, n), 1e-3);
    free(b);
    ck_assert_int_eq(inn_net_configure(net, NULL, &err), INN_OK);
    b = run(&again);
    ck_assert_mem_eq(a, b, n * sizeof(*a));
    free(a);
    free(b);
    how.precision = (enum inn_precision)7;
    ck_assert_int_eq(inn_net_configure(net, &how, &err), INN_ERR_ARGUMENT);
}
END_TEST

/* The pictures as numpy.save writes them. */
static void write_pictures(const char *to)
{
    struct inn_tensor all = picture();
    FILE *f = fopen(to, "wb");
    char header[118];
    int len;

    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(all.rank, 4);
    len = snprintf(header, sizeof(header), "{'descr': '<f4', "
                   "'fortran_order': False, 'shape': (%d, %d, %d, %d), }",
                   (int)all.dims[0], (int)all.dims[1], (int)all.dims[2],
                   (int)all.dims[3]);
    memset(header + len, ' ', sizeof(header) - (size_t)len);
    header[117] = '\n';
    fwrite("\x93NUMPY\1\0\x76\0", 1, 10, f);
    fwrite(header, 1, sizeof(header), f);
    fwrite(all.data, 1, all.bytes, f);
    ck_assert_int_eq(fclose(f), 0);
    free(all.data);
}

START_TEST(a_refit_brings_a_sampled_net_nearer_to_the_full_one)
{
    char data[128];
    float *full, *before, *after, *again;
    size_t n;

    batch = 64;
    sample(1);
    full = run(&n);
    ck_assert_int_eq(inn_net_refit(net, NULL, -1, &err), INN_ERR_ARGUMENT);
    inn_net_free(net);
    sample(0.5);
    before = run(&n);
    snprintf(data, sizeof(data), "%s/x.npy", folder);
    ck_assert_int_eq(inn_net_refit(net, data, 0, &err), INN_ERR_IO);
    again = run(&n);
    ck_assert_mem_eq(again, before, n * sizeof(float));
    write_pictures(data);
    ck_assert_msg(inn_net_refit(net, data, 0, &err) == INN_OK, "%s",
                  err.message);
    after = run(&n);
    ck_assert_double_lt(distance(full, after, n),
                        0.7 * distance(full, before, n));
    ck_assert_int_eq(inn_net_write(net, path, false, &err), INN_OK);
    inn_net_free(net);
    ck_assert_int_eq(inn_net_read(&net, path, NULL, &err), INN_OK);
    ck_assert_int_eq(inn_net_refit(net, data, 0, &err), INN_ERR_ARGUMENT);
    remove(data);
    free(full);
    free(before);
    free(after);
    free(again);
}
END_TEST

START_TEST(files_that_are_none_are_errors)
{
    struct inn_file *other = file;
    FILE *f;

    ck_assert_int_eq(inn_open(&other, path, NULL, 0, &err), INN_ERR_IO);
    ck_assert_ptr_null(other);
    ck_assert_int_eq(inn_net_read(&net, path, NULL, NULL), INN_ERR_IO);
    ck_assert_ptr_null(net);
    f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    fputs("neither\n", f);
    ck_assert_int_eq(fclose(f), 0);
    ck_assert_int_eq(inn_open(&other, path, NULL, 0, NULL), INN_ERR_FORMAT);
    ck_assert_int_eq(inn_open(&other, path, NULL, INN_OPEN_TRUST, &err),
                     INN_ERR_FORMAT);
    ck_assert_ptr_null(other);
    ck_assert_int_eq(inn_net_read(&net, path, NULL, &err), INN_ERR_FORMAT);
    ck_assert_ptr_null(net);
    inn_close(NULL);
    inn_net_free(NULL);
}
END_TEST

/* Opens, samples and runs below a ceiling. */
static enum inn_status live_on(size_t bytes)
{
    struct inn_limits limits = {.memory_bytes = bytes, .threads = 1};
    const struct inn_tensor *out;
    struct inn_file *small;
    struct inn_tensor in;
    enum inn_status st;

    st = inn_open(&small, kept("v1-moments.inn"), &limits, 0, &err);
    if (st == INN_OK)
        st = inn_widths_scale(small, widths, 0.5, 1, &err);
    if (st == INN_OK)
        st = inn_sample(small, &net, widths, INN_PARTITION_MOMENTS,
                        INN_QUAD_MOMENTS, &err);
    if (st == INN_OK) {
        in = picture();
        st = inn_net_run(net, &out, &in, 1, &err);
        free(in.data);
    }
    inn_net_free(net);
    net = NULL;
    inn_close(small);
    return st;
}

START_TEST(a_ceiling_of_memory_is_met_anywhere_with_a_word)
{
    enum inn_status st = INN_ERR_LIMIT;
    size_t bytes;
    int refused = 0;

    for (bytes = 256; st != INN_OK; bytes += bytes / 16) {
        memset(&err, 0, sizeof(err));
        st = live_on(bytes);
        ck_assert_msg(st == INN_OK || (st == INN_ERR_LIMIT &&
                                       err.status == st),
                      "%zu bytes: %d, %s", bytes, st, err.message);
        refused += st != INN_OK;
        ck_assert_uint_lt(bytes, (size_t)1 << 30);
    }
    ck_assert_int_gt(refused, 20);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api");
    TCase *t = tcase_create("api");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, groups_have_names_and_sizes_and_there_are_no_others);
    tcase_add_test(t, a_factor_scales_every_width);
    tcase_add_test(t, every_rule_samples_and_no_other_does);
    tcase_add_test(t, widths_out_of_range_are_refused);
    tcase_add_test(t, a_net_is_written_read_and_computes_the_same);
    tcase_add_test(t, inputs_that_do_not_fit_are_refused);
    tcase_add_test(t, how_a_net_runs_can_be_changed_and_changed_back);
    tcase_add_test(t, a_refit_brings_a_sampled_net_nearer_to_the_full_one);
    tcase_add_test(t, files_that_are_none_are_errors);
    tcase_add_test(t, a_ceiling_of_memory_is_met_anywhere_with_a_word);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
