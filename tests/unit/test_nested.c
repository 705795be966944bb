/*
 * Backward elimination against errors computed directly and against the rank
 * one updates done one at a time.
 */
#include <check.h>
#include <string.h>

#include "converter/moments/moments.h"
#include "tests/unit/dense.h"
#include "tests/unit/starve.h"
#include "tests/unit/suite.h"

#define RHO 1e-2
#define MOST 3

/* Consumers of one group; big, so static in tests. */
struct problem {
    int n, count;
    double cov[MOST][DENSE_MAX * DENSE_MAX];
    double metric[MOST][DENSE_MAX * DENSE_MAX];
    struct inn_eliminate consumers[MOST];
};

static struct problem problem;

/* Metrics divided by tr(QC), as the contract says. */
static void make(int n, int count, int rank, uint64_t seed)
{
    double trace;
    int c, i;

    problem.n = n;
    problem.count = count;
    for (c = 0; c < count; c++) {
        dense_covariance(problem.cov[c], n, rank, seed + 10 * (uint64_t)c);
        dense_covariance(problem.metric[c], n, n < 40 ? n : 40,
                         seed + 10 * (uint64_t)c + 5);
        trace = 0.0;
        for (i = 0; i < n * n; i++)
            trace += problem.cov[c][i] * problem.metric[c][i];
        for (i = 0; i < n * n; i++)
            problem.metric[c][i] /= trace;
        problem.consumers[c].cov = problem.cov[c];
        problem.consumers[c].metric = problem.metric[c];
    }
}

/* Channel k of every consumer falls silent. */
static void kill_channel(int k)
{
    int c, i;

    for (c = 0; c < problem.count; c++) {
        for (i = 0; i < problem.n; i++)
            problem.cov[c][k * problem.n + i] =
                problem.cov[c][i * problem.n + k] = 0.0;
    }
}

/* C with its ridge on the floored diagonal, as fidelity section 3 has it. */
static void ridged(double *out, const double *cov, int n)
{
    double mean = 0.0, d;
    int i;

    for (i = 0; i < n; i++)
        mean += cov[i * n + i] / n;
    memcpy(out, cov, (size_t)(n * n) * sizeof(*out));
    for (i = 0; i < n; i++) {
        d = cov[i * n + i];
        out[i * n + i] += RHO * (d > 1e-6 * mean ? d : 1e-6 * mean + 1e-20);
    }
}

static void eliminate(int64_t *nested, float *error, int threads)
{
    struct inn_heap *heap = inn_heap_new(0);
    struct inn_error err = {0};

    ck_assert_msg(inn_eliminate_backward(nested, error, problem.consumers,
                                         problem.count, problem.n, RHO,
                                         threads, heap, &err) == INN_OK,
                  "%s", err.message);
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}

/* Σ_c tr(Q (C − C_:S C_SS⁻¹ C_S:)) with the channels of keep. */
static double direct(const bool *keep)
{
    static double full[DENSE_MAX * DENSE_MAX], ss[DENSE_MAX * DENSE_MAX];
    static double b[DENSE_MAX * DENSE_MAX];
    int c, i, j, k, n = problem.n, m = 0, set[DENSE_MAX];
    double sum = 0.0, e;

    for (i = 0; i < n; i++) {
        if (keep[i])
            set[m++] = i;
    }
    for (c = 0; c < problem.count; c++) {
        ridged(full, problem.cov[c], n);
        for (i = 0; i < m; i++) {
            for (j = 0; j < m; j++)
                ss[i * m + j] = full[set[i] * n + set[j]];
            for (j = 0; j < n; j++)
                b[i * n + j] = full[set[i] * n + j];
        }
        dense_solve(ss, b, m, n);
        for (i = 0; i < n; i++) {
            for (j = 0; j < n; j++) {
                e = full[i * n + j];
                for (k = 0; k < m; k++)
                    e -= full[i * n + set[k]] * b[k * n + j];
                sum += problem.metric[c][i * n + j] * e;
            }
        }
    }
    return sum;
}

/* Every candidate at every step: all single removals, then the path. */
START_TEST(each_step_removes_what_costs_least)
{
    bool keep[DENSE_MAX];
    int64_t nested[DENSE_MAX];
    float error[DENSE_MAX];
    double least, cost;
    int i, left, which;

    make(14, 1 + _i, 30, 77 + (uint64_t)_i);
    eliminate(nested, error, 2);
    for (i = 0; i < problem.n; i++)
        keep[i] = true;
    ck_assert(error[problem.n - 1] == 0.0f);
    for (left = problem.n - 1; left >= 1; left--) {
        least = INFINITY;
        which = -1;
        for (i = 0; i < problem.n; i++) {
            if (!keep[i])
                continue;
            keep[i] = false;
            cost = direct(keep);
            keep[i] = true;
            if (cost < least) {
                least = cost;
                which = i;
            }
        }
        ck_assert_int_eq(nested[left], which);
        /* Stored in single precision: 2^-24; the rest is the dense solve. */
        ck_assert_double_eq_tol((double)error[left - 1], least,
                                1e-6 * least);
        keep[which] = false;
    }
    ck_assert(keep[nested[0]]);
}
END_TEST

static void inverse(double *p, const double *cov, int n)
{
    static double a[DENSE_MAX * DENSE_MAX];
    int i;

    ridged(a, cov, n);
    memset(p, 0, (size_t)(n * n) * sizeof(*p));
    for (i = 0; i < n; i++)
        p[i * n + i] = 1.0;
    dense_solve(a, p, n, n);
}

/* One removal as fidelity section 3 writes it. */
static void update(double *p, double *g, int n, int k)
{
    double col[DENSE_MAX], row[DENSE_MAX], gk[DENSE_MAX], pivot, own;
    int i, j;

    pivot = p[k * n + k];
    own = g[k * n + k];
    for (i = 0; i < n; i++) {
        col[i] = p[i * n + k];
        row[i] = i == k ? 0.0 : col[i] / pivot;
        gk[i] = g[i * n + k];
    }
    for (i = 0; i < n; i++) {
        for (j = 0; j < n; j++) {
            p[i * n + j] -= col[i] * col[j] / pivot;
            g[i * n + j] -= gk[i] * row[j] + row[i] * gk[j] -
                            own * row[i] * row[j];
        }
    }
    for (i = 0; i < n; i++)
        p[i * n + k] = p[k * n + i] = g[i * n + k] = g[k * n + i] = 0.0;
    p[k * n + k] = 1.0;
}

static void naive(int64_t *nested, double *error)
{
    static double p[MOST][DENSE_MAX * DENSE_MAX];
    static double g[MOST][DENSE_MAX * DENSE_MAX];
    bool gone[DENSE_MAX] = {false};
    int c, i, left, which, n = problem.n;
    double sum = 0.0, least, cost;

    for (c = 0; c < problem.count; c++) {
        inverse(p[c], problem.cov[c], n);
        memcpy(g[c], problem.metric[c], sizeof(g[c]));
    }
    error[n - 1] = 0.0;
    for (left = n - 1; left >= 0; left--) {
        least = INFINITY;
        which = -1;
        for (i = 0; i < n; i++) {
            cost = 0.0;
            for (c = 0; c < problem.count; c++)
                cost += fmax(g[c][i * n + i], 0.0) / p[c][i * n + i];
            if (!gone[i] && cost < least) {
                least = cost;
                which = i;
            }
        }
        gone[which] = true;
        nested[left] = which;
        sum += least;
        if (left > 0)
            error[left - 1] = sum;
        for (c = 0; c < problem.count; c++)
            update(p[c], g[c], n, which);
    }
}

static void compare(bool order)
{
    int64_t nested[DENSE_MAX], expected[DENSE_MAX];
    float error[DENSE_MAX];
    double sums[DENSE_MAX];
    int i;

    eliminate(nested, error, 2);
    naive(expected, sums);
    for (i = 0; i < problem.n; i++) {
        if (order)
            ck_assert_int_eq(nested[i], expected[i]);
        ck_assert_double_eq_tol((double)error[i], sums[i],
                                1e-6 * sums[i] + 1e-12);
    }
}

/* Around one, two and three blocks of 64. */
START_TEST(blocks_give_what_single_updates_give)
{
    static const int sizes[] = {1, 2, 3, 17, 63, 64, 65, 66, 127, 128, 129,
                                193, 200};

    make(sizes[_i], 1 + _i % MOST, sizes[_i] + 3, 5 + (uint64_t)_i);
    compare(true);
}
END_TEST

START_TEST(dead_channels_and_few_samples_do_no_harm)
{
    make(150, 2, 20, 99);
    compare(true);
    make(150, 3, 200, 98);
    kill_channel(0);
    kill_channel(77);
    kill_channel(149);
    compare(true);
}
END_TEST

START_TEST(dead_channels_go_first)
{
    int64_t nested[DENSE_MAX];
    float error[DENSE_MAX];

    make(90, 2, 100, 3);
    kill_channel(5);
    kill_channel(88);
    eliminate(nested, error, 2);
    ck_assert(nested[89] == 5 || nested[89] == 88);
    ck_assert_int_eq(nested[88] + nested[89], 93);
    ck_assert_float_lt(error[87], 1e-7f);
    memset(problem.cov, 0, sizeof(problem.cov));
    eliminate(nested, error, 2);
    ck_assert_float_lt(error[0], 1e-7f);
}
END_TEST

/* Which copy goes is rounding's choice; what it costs is not. */
START_TEST(copies_of_a_channel_cost_the_same)
{
    int c, i, n = 80;

    make(n, 2, 100, 31);
    for (c = 0; c < 2; c++) {
        for (i = 0; i < n; i++)
            problem.cov[c][i * n + 70] = problem.cov[c][i * n + 3];
        for (i = 0; i < n; i++)
            problem.cov[c][70 * n + i] = problem.cov[c][3 * n + i];
        for (i = 0; i < n; i++)
            problem.metric[c][i * n + 70] = problem.metric[c][i * n + 3];
        for (i = 0; i < n; i++)
            problem.metric[c][70 * n + i] = problem.metric[c][3 * n + i];
    }
    compare(false);
}
END_TEST

/* Independent equal channels: each costs 1 + ρ, the lower index goes first. */
START_TEST(ties_go_to_the_lower_index)
{
    int64_t nested[DENSE_MAX];
    float error[DENSE_MAX];
    int i;

    make(140, 1, 1, 1);
    memset(problem.cov, 0, sizeof(problem.cov));
    for (i = 0; i < 140; i++)
        problem.cov[0][i * 141] = 1.0;
    problem.consumers[0].metric = problem.cov[0];
    eliminate(nested, error, 2);
    for (i = 0; i < 140; i++) {
        ck_assert_int_eq(nested[i], 139 - i);
        ck_assert_double_eq_tol((double)error[i], (139 - i) * (1 + RHO),
                                1e-4);
    }
}
END_TEST

/* The curve at every width against tr(Q(C − C_:S C_SS⁻¹ C_S:)). */
START_TEST(the_curve_is_the_error_of_what_is_kept)
{
    int64_t nested[DENSE_MAX];
    float error[DENSE_MAX];
    bool keep[DENSE_MAX] = {false};
    int n;

    make(40, 2, 55, 21);
    eliminate(nested, error, 2);
    for (n = 1; n <= 40; n++) {
        double want;

        keep[nested[n - 1]] = true;
        want = direct(keep);
        ck_assert_double_eq_tol((double)error[n - 1], want,
                                1e-6 * want + 1e-9);
    }
}
END_TEST

/* Two channels of correlation 0.6, the second with four times the weight. */
START_TEST(two_channels_are_as_computed_by_hand)
{
    int64_t nested[2];
    float error[2];

    make(2, 1, 2, 1);
    memcpy(problem.cov[0], (double[]){1, 0.6, 0.6, 1}, 4 * sizeof(double));
    memcpy(problem.metric[0], (double[]){1, 0, 0, 4}, 4 * sizeof(double));
    eliminate(nested, error, 1);
    /* 1.01 - 0.36 / 1.01; channel 1 would cost four times that. */
    ck_assert_int_eq(nested[0], 1);
    ck_assert_int_eq(nested[1], 0);
    ck_assert_double_eq_tol((double)error[0], 1.01 - 0.36 / 1.01, 1e-6);
}
END_TEST

/* 600 channels: three tiles a side, ten blocks. */
START_TEST(threads_do_not_change_a_bit)
{
    enum { N = 600 };
    struct inn_heap *heap = inn_heap_new(0);
    double *x = inn_alloc(heap, N * N, sizeof(*x), NULL);
    struct inn_eliminate consumers[2] = {{x, x}, {x, x}};
    int64_t nested[3][N];
    float error[3][N];
    uint64_t seed = 4;
    int i, j, t;

    for (i = 0; i < N; i++) {
        for (j = 0; j < i; j++)
            x[i * N + j] = x[j * N + i] = dense_random(&seed);
        x[i * N + i] = 20.0 + dense_random(&seed);
    }
    for (t = 0; t < 3; t++)
        ck_assert_int_eq(inn_eliminate_backward(nested[t], error[t],
                                                consumers, 2, N, RHO, 1 + t,
                                                heap, NULL), INN_OK);
    for (t = 1; t < 3; t++) {
        ck_assert_mem_eq(nested[t], nested[0], sizeof(nested[0]));
        ck_assert_mem_eq(error[t], error[0], sizeof(error[0]));
    }
    inn_free(heap, x);
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}
END_TEST

static enum inn_status refused(int64_t n, int count, struct inn_error *err)
{
    struct inn_heap *heap = inn_heap_new(0);
    int64_t nested[DENSE_MAX];
    float error[DENSE_MAX];
    enum inn_status st;

    st = inn_eliminate_backward(nested, error, problem.consumers, count, n,
                                RHO, 2, heap, err);
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
    return st;
}

START_TEST(what_is_no_covariance_is_refused)
{
    struct inn_error err = {0};

    make(10, 2, 20, 8);
    ck_assert_int_eq(refused(0, 2, &err), INN_ERR_ARGUMENT);
    ck_assert_str_eq(err.message,
                     "0 channels with 2 consumers have no nested order");
    ck_assert_int_eq(refused(10, 0, &err), INN_ERR_ARGUMENT);
    ck_assert_int_eq(refused((int64_t)1 << 40, 1, &err), INN_ERR_ARGUMENT);
    problem.metric[1][37] = NAN;
    ck_assert_int_eq(refused(10, 2, &err), INN_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.message, "consumer 1"));
    ck_assert_ptr_nonnull(strstr(err.message, "channels 3 and 7"));
    problem.metric[1][37] = 0.0;
    problem.cov[0][0] = INFINITY;
    ck_assert_int_eq(refused(10, 2, &err), INN_ERR_FORMAT);
}
END_TEST

/* A little less than semidefinite is rounding; ρ grows until it is not. */
START_TEST(rounding_below_semidefinite_is_mended)
{
    int64_t nested[DENSE_MAX];
    struct inn_error err = {0};
    float error[DENSE_MAX];

    make(2, 1, 2, 1);
    memcpy(problem.cov[0], (double[]){1, 1.1, 1.1, 1}, 4 * sizeof(double));
    memcpy(problem.metric[0], (double[]){1, 0, 0, 4}, 4 * sizeof(double));
    eliminate(nested, error, 1);
    /* ρ = 0.16: 1.16 - 1.21 / 1.16 */
    ck_assert_double_eq_tol((double)error[0], 1.16 - 1.21 / 1.16, 1e-6);
    problem.cov[0][1] = problem.cov[0][2] = 1e30;
    ck_assert_int_eq(refused(2, 1, &err), INN_ERR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.message, "far from semidefinite"));
}
END_TEST

START_TEST(every_allocation_may_fail)
{
    struct inn_heap *heap = inn_heap_new(0);
    struct starve s = starve(heap, 20, 90);
    int64_t nested[DENSE_MAX];
    float error[DENSE_MAX];

    make(70, 3, 80, 12);
    while (starving(&s))
        s.st = inn_eliminate_backward(nested, error, problem.consumers, 3,
                                      70, RHO, 2, heap, s.err);
    inn_heap_free(heap);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("nested");
    TCase *t = tcase_create("nested");

    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, each_step_removes_what_costs_least, 0, MOST);
    tcase_add_test(t, the_curve_is_the_error_of_what_is_kept);
    tcase_add_loop_test(t, blocks_give_what_single_updates_give, 0, 13);
    tcase_add_test(t, dead_channels_and_few_samples_do_no_harm);
    tcase_add_test(t, dead_channels_go_first);
    tcase_add_test(t, copies_of_a_channel_cost_the_same);
    tcase_add_test(t, ties_go_to_the_lower_index);
    tcase_add_test(t, two_channels_are_as_computed_by_hand);
    tcase_add_test(t, threads_do_not_change_a_bit);
    tcase_add_test(t, what_is_no_covariance_is_refused);
    tcase_add_test(t, rounding_below_semidefinite_is_mended);
    tcase_add_test(t, every_allocation_may_fail);
    suite_add_tcase(s, t);
    return run_suite(s);
}
