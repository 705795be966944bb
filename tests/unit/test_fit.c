/* The least-squares grid against an independent dense solution. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "converter/fit/fit.h"
#include "runtime/base/port.h"
#include "tests/unit/starve.h"
#include "tests/unit/suite.h"

static const enum inn_kernel kernels[] = {
    INN_KERNEL_CUBIC50, INN_KERNEL_CUBIC75, INN_KERNEL_LINEAR};
static const enum inn_edge edges[] = {INN_EDGE_KEYS, INN_EDGE_CLAMP};

static double value_at(enum inn_kernel kernel, enum inn_edge edge, int m,
                       const double *node, double s)
{
    double weight[INN_KERNEL_TAPS], value = 0.0;
    int32_t col[INN_KERNEL_TAPS];
    int i, n = inn_kernel_row(kernel, edge, m, s, col, weight);

    for (i = 0; i < n; i++)
        value += weight[i] * node[col[i]];
    return value;
}

/* ‖Bλ − w‖² of one function on n channels. */
static double missed(enum inn_kernel kernel, enum inn_edge edge, int m,
                     const double *node, int n, const double *w)
{
    double sum = 0.0, d;
    int i;

    for (i = 0; i < n; i++) {
        d = value_at(kernel, edge, m, node, (double)i * (m - 1) / (n - 1)) -
            w[i];
        sum += d * d;
    }
    return sum;
}

START_TEST(functions_of_the_grid_are_found_again)
{
    struct inn_heap *heap = inn_heap_new(0);
    double node[2][40], found[2][40], channel[2][64];
    size_t k, e;
    int n, m, i, v;

    for (k = 0; k < INN_COUNT(kernels); k++) {
        for (e = 0; e < INN_COUNT(edges); e++) {
            for (n = 2; n <= 64; n += 3) {
                for (m = 1; m < n && m <= 40; m++) {
                    double *in = &channel[0][0], *out = &found[0][0];

                    for (v = 0; v < 2; v++) {
                        for (i = 0; i < m; i++)
                            node[v][i] = sin(3.1 * i + v) + 0.5;
                        for (i = 0; i < n; i++)
                            in[v * n + i] = value_at(
                                kernels[k], edges[e], m, node[v],
                                (double)i * (m - 1) / (n - 1));
                    }
                    ck_assert_int_eq(
                        inn_grid_fit(out, m, in, n, 2, kernels[k], edges[e],
                                      heap, NULL), INN_OK);
                    for (v = 0; v < 2; v++) {
                        for (i = 0; i < m; i++)
                            ck_assert_double_eq_tol(out[v * m + i],
                                                    node[v][i], 1e-8);
                        ck_assert_double_lt(
                            missed(kernels[k], edges[e], m, out + v * m, n,
                                   in + v * n), 1e-15);
                    }
                }
            }
        }
    }
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}
END_TEST

/* No other grid is better: the gradient Bᵀ(Bλ − w) vanishes. */
START_TEST(the_fit_is_a_minimum)
{
    struct inn_heap *heap = inn_heap_new(0);
    enum { N = 23, M = 9 };
    double w[N], node[M], least;
    int i, j, sign;

    for (i = 0; i < N; i++)
        w[i] = cos(5.0 * i) * i;
    ck_assert_int_eq(inn_grid_fit(node, M, w, N, 1, INN_KERNEL_CUBIC50,
                                  INN_EDGE_KEYS, heap, NULL), INN_OK);
    least = missed(INN_KERNEL_CUBIC50, INN_EDGE_KEYS, M, node, N, w);
    for (j = 0; j < M; j++) {
        for (sign = -1; sign <= 1; sign += 2) {
            node[j] += sign * 1e-3;
            ck_assert_double_gt(missed(INN_KERNEL_CUBIC50, INN_EDGE_KEYS, M,
                                       node, N, w), least);
            node[j] -= sign * 1e-3;
        }
    }
    inn_heap_free(heap);
}
END_TEST

/* Hat functions on 3 nodes and 4 channels at s = 0, 2/3, 4/3, 2. */
START_TEST(linear_fit_is_as_computed_by_hand)
{
    struct inn_heap *heap = inn_heap_new(0);
    const double w[4] = {1, 0, 0, 1};
    double node[3];

    /*
     * BᵀB = [10/9 2/9 0; 2/9 8/9 2/9; 0 2/9 10/9], Bᵀw = [1 0 1]:
     * λ = [1, -1/2, 1], Bλ = [1 0 0 1]: met exactly
     */
    ck_assert_int_eq(inn_grid_fit(node, 3, w, 4, 1, INN_KERNEL_LINEAR,
                                  INN_EDGE_KEYS, heap, NULL), INN_OK);
    ck_assert_double_eq_tol(node[0], 1.0, 1e-14);
    ck_assert_double_eq_tol(node[1], -0.5, 1e-14);
    ck_assert_double_eq_tol(node[2], 1.0, 1e-14);
    inn_heap_free(heap);
}
END_TEST

START_TEST(a_node_per_channel_copies)
{
    struct inn_heap *heap = inn_heap_new(0);
    const double w[6] = {1, -2, 3, 0.1, 0.2, -0.3};
    double node[6];

    ck_assert_int_eq(inn_grid_fit(node, 3, w, 3, 2, INN_KERNEL_CUBIC50,
                                  INN_EDGE_KEYS, heap, NULL), INN_OK);
    ck_assert_mem_eq(node, w, sizeof(w));
    inn_heap_free(heap);
}
END_TEST

START_TEST(more_nodes_than_channels_are_refused)
{
    struct inn_heap *heap = inn_heap_new(0);
    double w[3] = {1, 2, 3}, node[4];
    struct inn_error err = {0};

    ck_assert_int_eq(inn_grid_fit(node, 4, w, 3, 1, INN_KERNEL_CUBIC50,
                                  INN_EDGE_KEYS, heap, &err),
                     INN_ERR_ARGUMENT);
    ck_assert_str_eq(err.message, "4 nodes can't be fitted to 3 channels");
    inn_heap_free(heap);
}
END_TEST

START_TEST(every_allocation_may_fail)
{
    struct inn_heap *heap = inn_heap_new(0);
    double w[12] = {1, 2, 3}, node[6];
    struct starve s = starve(heap, 3, 40);

    while (starving(&s))
        s.st = inn_grid_fit(node, 6, w, 12, 1, INN_KERNEL_CUBIC50,
                            INN_EDGE_KEYS, heap, s.err);
    inn_heap_free(heap);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("fit");
    TCase *t = tcase_create("fit");

    tcase_add_test(t, functions_of_the_grid_are_found_again);
    tcase_add_test(t, the_fit_is_a_minimum);
    tcase_add_test(t, linear_fit_is_as_computed_by_hand);
    tcase_add_test(t, a_node_per_channel_copies);
    tcase_add_test(t, more_nodes_than_channels_are_refused);
    tcase_add_test(t, every_allocation_may_fail);
    suite_add_tcase(s, t);
    return run_suite(s);
}
