/*
 * The cost of an input's error against the double sum over taps that it
 * stands for.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "converter/moments/moments.h"
#include "tests/unit/dense.h"
#include "tests/unit/starve.h"
#include "tests/unit/suite.h"

static const int64_t one[2] = {1, 1};

/* decay^(|dy| + |dx|): with 0.93, the law beyond the table too. */
static void table(struct inn_gathered *input, double decay)
{
    int y, x;

    memset(input, 0, sizeof(*input));
    for (y = 0; y <= INN_TABLE; y++) {
        for (x = 0; x <= INN_TABLE; x++)
            input->r[y][x] = pow(decay, y + x);
    }
}

static void add(double *metric, const double *weight, int outputs, int n,
                const int64_t kernel[2], const int64_t dilation[2],
                const double *scale, const struct inn_gathered *input,
                int threads)
{
    struct inn_heap *heap = inn_heap_new(0);
    struct inn_error err = {0};

    ck_assert_msg(inn_consumer_metric(metric, weight, outputs, n, kernel,
                                      dilation, scale, input, threads, heap,
                                      &err) == INN_OK, "%s", err.message);
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}

START_TEST(products_give_the_gram_matrix_of_their_columns)
{
    const double weight[6] = {1, 2, 3, -1, 0, 5}, scale[2] = {2, -1};
    double metric[9] = {0};
    struct inn_gathered input;

    table(&input, 0.5);
    add(metric, weight, 2, 3, one, one, NULL, &input, 1);
    ck_assert_mem_eq(metric, ((double[]){2, 2, -2, 2, 4, 6, -2, 6, 34}),
                     sizeof(metric));
    /* Once more, rows times 2 and -1, on top. */
    add(metric, weight, 2, 3, one, one, scale, &input, 1);
    ck_assert_mem_eq(metric, ((double[]){7, 10, 5, 10, 20, 30, 5, 30, 95}),
                     sizeof(metric));
}
END_TEST

/* Q_ab = Σ_o s_o² Σ_tt' r(t' − t) W_oat W_obt'. */
static double direct(const double *weight, int outputs, int n, int a, int b,
                     const int64_t kernel[2], const int64_t dilation[2],
                     const double *scale, double decay)
{
    int taps = (int)(kernel[0] * kernel[1]), o, t, u;
    int64_t dy, dx;
    double sum = 0.0;

    for (o = 0; o < outputs; o++) {
        for (t = 0; t < taps; t++) {
            for (u = 0; u < taps; u++) {
                dy = llabs(t / kernel[1] - u / kernel[1]) * dilation[0];
                dx = llabs(t % kernel[1] - u % kernel[1]) * dilation[1];
                sum += scale[o] * scale[o] * pow(decay, (double)(dy + dx)) *
                       weight[(o * n + a) * taps + t] *
                       weight[(o * n + b) * taps + u];
            }
        }
    }
    return sum;
}

/* The last two reach 12 and 8 steps: far beyond the table of 4. */
START_TEST(taps_are_weighed_by_their_correlations)
{
    static const int64_t kernels[][2] = {{3, 3}, {1, 5}, {2, 3}, {7, 3},
                                         {3, 3}};
    static const int64_t dilations[][2] = {{1, 1}, {1, 1}, {2, 1}, {2, 1},
                                           {4, 3}};
    enum { O = 5, N = 7 };
    const int64_t *kernel = kernels[_i], *dilation = dilations[_i];
    double weight[O * N * 21], scale[O], metric[N * N] = {0}, value;
    struct inn_gathered input;
    uint64_t seed = 3;
    int i, j;

    for (i = 0; i < O * N * 21; i++)
        weight[i] = dense_random(&seed);
    for (i = 0; i < O; i++)
        scale[i] = dense_random(&seed);
    table(&input, 0.93);
    add(metric, weight, O, N, kernel, dilation, scale, &input, 2);
    for (i = 0; i < N; i++) {
        for (j = 0; j < N; j++) {
            value = direct(weight, O, N, i, j, kernel, dilation, scale,
                           0.93);
            ck_assert_double_eq_tol(metric[i * N + j], value, 1e-12);
        }
    }
}
END_TEST

/*
 * A table that no field has: 1.5 one step apart. Eigenvalues 2.5 and -0.5,
 * of which the second is dropped: Q = 2.5 · (w0 + w1)² / 2.
 */
START_TEST(negative_eigenvalues_are_dropped)
{
    const double weight[2] = {3, 1};
    const int64_t kernel[2] = {1, 2};
    struct inn_gathered input;
    double metric = 0.0;

    table(&input, 1.0);
    input.r[0][1] = 1.5;
    add(&metric, weight, 1, 1, kernel, one, NULL, &input, 1);
    ck_assert_double_eq_tol(metric, 20.0, 1e-12);
    /* Full correlation: the taps see one error, (3 + 1)². */
    table(&input, 1.0);
    metric = 0.0;
    add(&metric, weight, 1, 1, kernel, one, NULL, &input, 1);
    ck_assert_double_eq_tol(metric, 16.0, 1e-12);
}
END_TEST

/* 300 outputs are two slices, 400 channels three tiles a side. */
START_TEST(threads_do_not_change_a_bit)
{
    enum { O = 300, N = 400 };
    const int64_t kernel[2] = {1, 2};
    struct inn_heap *heap = inn_heap_new(0);
    double *weight = inn_alloc(heap, 2 * O * N, sizeof(*weight), NULL);
    double *m[2], sum;
    struct inn_gathered input;
    uint64_t seed = 9;
    int i, j, o;

    for (i = 0; i < 2 * O * N; i++)
        weight[i] = dense_random(&seed);
    table(&input, 0.0);
    for (i = 0; i < 2; i++) {
        m[i] = inn_alloc(heap, N * N, sizeof(double), NULL);
        ck_assert_int_eq(inn_consumer_metric(m[i], weight, O, N, kernel, one,
                                             NULL, &input, 1 + i, heap,
                                             NULL), INN_OK);
    }
    ck_assert_mem_eq(m[0], m[1], N * N * sizeof(double));
    for (i = 0; i < N; i += 7) {
        for (j = 0; j < N; j += 3) {
            sum = 0.0;
            for (o = 0; o < O; o++)
                sum += weight[2 * (o * N + i)] * weight[2 * (o * N + j)] +
                       weight[2 * (o * N + i) + 1] *
                           weight[2 * (o * N + j) + 1];
            ck_assert_double_eq_tol(m[0][i * N + j], sum, 1e-11);
            ck_assert(m[0][i * N + j] == m[0][j * N + i]);
        }
    }
    inn_free(heap, m[0]);
    inn_free(heap, m[1]);
    inn_free(heap, weight);
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}
END_TEST

static enum inn_status refused(int64_t outputs, int64_t n, int64_t kernel,
                               int64_t dilation,
                               const struct inn_gathered *input,
                               struct inn_error *err)
{
    const int64_t kernels[2] = {kernel, kernel};
    const int64_t dilations[2] = {dilation, 1};
    struct inn_heap *heap = inn_heap_new(0);
    double metric[4] = {0}, weight[4] = {0};
    enum inn_status st;

    st = inn_consumer_metric(metric, weight, outputs, n, kernels, dilations,
                             NULL, input, 1, heap, err);
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
    return st;
}

START_TEST(what_makes_no_sense_is_refused)
{
    struct inn_gathered input;
    struct inn_error err = {0};

    table(&input, 0.9);
    ck_assert_int_eq(refused(1, 2, 33, 1, &input, &err),
                     INN_ERR_UNSUPPORTED);
    ck_assert_str_eq(err.message,
                     "a kernel of 33 x 33 taps: at most 1024 in all");
    ck_assert_int_eq(refused(1, 2, 0, 1, &input, &err), INN_ERR_UNSUPPORTED);
    ck_assert_int_eq(refused(-1, 2, 1, 1, &input, &err), INN_ERR_ARGUMENT);
    ck_assert_int_eq(refused(1, 0, 1, 1, &input, &err), INN_ERR_ARGUMENT);
    ck_assert_int_eq(refused(INT64_MAX, INT32_MAX, 2, 1, &input, &err),
                     INN_ERR_ARGUMENT);
    ck_assert_int_eq(refused(1, 1, 1, 0, &input, &err), INN_ERR_ARGUMENT);
    ck_assert_int_eq(refused(1, 1, 1, INT64_MAX, &input, &err),
                     INN_ERR_ARGUMENT);
    ck_assert_int_eq(refused(0, 2, 1, 1, &input, &err), INN_OK);
    input.r[2][3] = NAN;
    ck_assert_int_eq(refused(1, 1, 1, 1, &input, &err), INN_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.message, "2, 3 apart"));
}
END_TEST

START_TEST(every_allocation_may_fail)
{
    struct inn_heap *heap = inn_heap_new(0);
    double metric[4], weight[36] = {1};
    const int64_t kernel[2] = {3, 3};
    struct starve s = starve(heap, 3, 40);
    struct inn_gathered input;

    table(&input, 0.9);
    while (starving(&s)) {
        memset(metric, 0, sizeof(metric));
        s.st = inn_consumer_metric(metric, weight, 2, 2, kernel, one, NULL,
                                   &input, 2, heap, s.err);
    }
    inn_heap_free(heap);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("metric");
    TCase *t = tcase_create("metric");

    tcase_add_test(t, products_give_the_gram_matrix_of_their_columns);
    tcase_add_loop_test(t, taps_are_weighed_by_their_correlations, 0, 5);
    tcase_add_test(t, negative_eigenvalues_are_dropped);
    tcase_add_test(t, threads_do_not_change_a_bit);
    tcase_add_test(t, what_makes_no_sense_is_refused);
    tcase_add_test(t, every_allocation_may_fail);
    suite_add_tcase(s, t);
    return run_suite(s);
}
