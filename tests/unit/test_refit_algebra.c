/* Refitting's products and systems, against plain loops in double. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/random.h"
#include "runtime/refit/cholesky.h"
#include "runtime/refit/product.h"
#include "tests/unit/dense.h"
#include "tests/unit/starve.h"
#include "tests/unit/suite.h"

static struct inn_heap *heap;

static void setup(void)
{
    heap = inn_heap_new(0);
    ck_assert_ptr_nonnull(heap);
}

static void teardown(void)
{
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}

static void *room(size_t count, size_t size)
{
    void *p = calloc(count + 1, size);

    ck_assert_ptr_nonnull(p);
    return p;
}

/* A^T B of [rows × a] and [rows × b] floats on so many threads. */
static void check_floats(size_t rows, size_t a, size_t b, bool lower,
                         uint64_t *state)
{
    size_t step = a > b ? a : b, i, j, k;
    float *x = room(rows * step, sizeof(*x)), *packed[2];
    double *c[3];
    int t;

    for (i = 0; i < rows * step; i++)
        x[i] = (float)(inn_random_unit(state) - 0.5);
    for (t = 0; t < 3; t++) {
        c[t] = room(a * b, sizeof(**c));
        packed[0] = room(inn_panels(a) * rows * INN_PANEL, sizeof(float));
        packed[1] = room(inn_panels(b) * rows * INN_PANEL, sizeof(float));
        for (k = 0; k < rows; k++) {
            inn_pack_floats(packed[0], rows, k, x + k * step, 1, a);
            inn_pack_floats(packed[1], rows, k, x + k * step, 1, b);
        }
        inn_product_floats(c[t], b, packed[0], a, packed[1], b, rows, lower,
                           t + 1);
        free(packed[0]);
        free(packed[1]);
    }
    for (i = 0; i < a; i++) {
        for (j = 0; j < (lower ? i + 1 : b); j++) {
            double sum = 0.0;

            for (k = 0; k < rows; k++)
                sum += (double)x[k * step + i] * (double)x[k * step + j];
            /* 256 products of at most 1/4 at a time in float. */
            ck_assert_double_le(fabs(c[0][i * b + j] - sum),
                                (double)rows * 256 * 0x1p-26);
            ck_assert(c[0][i * b + j] == c[1][i * b + j]);
            ck_assert(c[0][i * b + j] == c[2][i * b + j]);
        }
    }
    for (t = 0; t < 3; t++)
        free(c[t]);
    free(x);
}

START_TEST(products_are_the_sums_on_any_number_of_threads)
{
    static const size_t sizes[] = {1, 2, 7, 8, 31, 32, 33, 64, 127, 130, 200};
    static const size_t rows[] = {1, 3, 255, 256, 257, 600};
    uint64_t state = 7;
    size_t a, b;

    for (a = 0; a < INN_COUNT(sizes); a++) {
        for (b = 0; b < INN_COUNT(sizes); b++)
            check_floats(rows[(a + b) % INN_COUNT(rows)], sizes[a], sizes[b],
                         false, &state);
        check_floats(rows[a % INN_COUNT(rows)], sizes[a], sizes[a], true,
                     &state);
    }
}
END_TEST

static void check_system(size_t n, size_t m)
{
    double *a = room(n * n, sizeof(*a)), *b = room(n * m, sizeof(*b));
    double *x = room(m * n, sizeof(*x)), *factor = room(n * n, sizeof(*a));
    double *other = room(m * n, sizeof(*x));
    struct inn_cholesky f;
    struct inn_error err;
    uint64_t state = n * 31 + m;
    bool definite;
    size_t i, j;
    int t;

    dense_covariance(a, (int)n, (int)n + 20, n);
    for (i = 0; i < n; i++)
        a[i * n + i] += 0.1;
    for (i = 0; i < m * n; i++)
        x[i] = dense_random(&state);
    memcpy(other, x, m * n * sizeof(*x));
    for (i = 0; i < m; i++) {
        for (j = 0; j < n; j++)
            b[j * m + i] = x[i * n + j];
    }
    for (t = 1; t <= 3; t += 2) {
        memcpy(factor, a, n * n * sizeof(*a));
        ck_assert_int_eq(inn_cholesky_new(&f, &definite, factor, n, t, heap,
                                          &err), INN_OK);
        ck_assert(definite);
        ck_assert_int_eq(inn_cholesky_solve(&f, t == 1 ? x : other, m, t,
                                            &err), INN_OK);
        inn_cholesky_free(&f);
    }
    ck_assert(memcmp(x, other, m * n * sizeof(*x)) == 0);
    dense_solve(a, b, (int)n, (int)m);
    for (i = 0; i < m; i++) {
        for (j = 0; j < n; j++)
            ck_assert_double_le(fabs(x[i * n + j] - b[j * m + i]), 1e-8);
    }
    free(a);
    free(b);
    free(x);
    free(factor);
    free(other);
}

START_TEST(systems_have_the_solution_that_elimination_finds)
{
    static const size_t sizes[] = {1, 2, 5, 31, 32, 33, 127, 128, 129, 200};
    size_t i;

    for (i = 0; i < INN_COUNT(sizes); i++) {
        check_system(sizes[i], 1);
        check_system(sizes[i], 40);
    }
}
END_TEST

START_TEST(what_is_not_definite_is_said_so)
{
    double a[4] = {1, 0, 2, 1}, nan[4] = {1, 0, NAN, 1};
    struct inn_cholesky f;
    struct inn_error err;
    bool definite = true;

    ck_assert_int_eq(inn_cholesky_new(&f, &definite, a, 2, 1, heap, &err),
                     INN_OK);
    ck_assert(!definite);
    ck_assert_int_eq(inn_cholesky_new(&f, &definite, nan, 2, 1, heap, &err),
                     INN_OK);
    ck_assert(!definite);
}
END_TEST

START_TEST(every_failing_request_of_a_system_is_reported)
{
    struct starve s = starve(heap, 4, 12);

    while (starving(&s)) {
        double a[9] = {4, 0, 0, 1, 4, 0, 1, 1, 4}, x[3] = {1, 2, 3};
        struct inn_cholesky f;
        bool definite;

        s.st = inn_cholesky_new(&f, &definite, a, 3, 1, heap, s.err);
        if (s.st == INN_OK) {
            s.st = inn_cholesky_solve(&f, x, 1, 1, s.err);
            inn_cholesky_free(&f);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("refit_algebra");
    TCase *tcase = tcase_create("products and systems");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, products_are_the_sums_on_any_number_of_threads);
    tcase_add_test(tcase, systems_have_the_solution_that_elimination_finds);
    tcase_add_test(tcase, what_is_not_definite_is_said_so);
    tcase_add_test(tcase, every_failing_request_of_a_system_is_reported);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
