/* Sums of rows: the same bits as the plain loop, whatever the processor. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/random.h"
#include "runtime/grid/mix.h"
#include "tests/unit/suite.h"

#define MOST 300

static double number(uint64_t *state)
{
    return (inn_random_unit(state) - 0.5) * 3;
}

static double *numbers(size_t n, uint64_t *state)
{
    double *x = malloc(n * sizeof(*x));
    size_t i;

    ck_assert_ptr_nonnull(x);
    for (i = 0; i < n; i++)
        x[i] = number(state);
    return x;
}

static void by_the_book(const struct inn_mix *m, double *to, double sign)
{
    int64_t i, k, c;

    for (i = 0; i < m->rows; i++) {
        for (k = 0; k < m->terms; k++) {
            int64_t row = m->row != NULL ? m->row[k] : k;

            for (c = 0; c < m->lanes; c++)
                to[i * m->to_stride + c] +=
                    sign * (m->weight[i * m->weight_stride + k] *
                            m->from[row * m->from_stride + c]);
        }
    }
}

static void check_sizes(int64_t rows, int64_t terms, int64_t lanes,
                        uint64_t *state)
{
    int64_t strides[3], row[MOST], k;
    struct inn_mix m = {.rows = rows, .terms = terms, .lanes = lanes};
    double *to, *want, *weight, *from;
    size_t n_to;
    int way;

    for (k = 0; k < 3; k++)
        strides[k] = inn_random_below(state, 4);
    m.to_stride = lanes + strides[0];
    m.weight_stride = terms + strides[1];
    m.from_stride = lanes + strides[2];
    n_to = (size_t)(rows * m.to_stride + 1);
    for (k = 0; k < terms; k++)
        row[k] = inn_random_below(state, (int)terms);
    m.weight = weight = numbers((size_t)(rows * m.weight_stride + 1), state);
    m.from = from = numbers((size_t)(terms * m.from_stride + 1), state);
    to = numbers(n_to, state);
    want = malloc(n_to * sizeof(*want));
    ck_assert_ptr_nonnull(want);
    memcpy(want, to, n_to * sizeof(*want));
    m.to = to;
    for (way = 0; way < 12; way++) {
        m.row = way % 2 != 0 ? row : NULL;
        inn_mix_on(&m, way % 4 < 2, way / 4 * 8);
        by_the_book(&m, want, way % 4 < 2 ? -1.0 : 1.0);
        /* What lies between the rows, too. */
        ck_assert_msg(memcmp(to, want, n_to * sizeof(*to)) == 0,
                      "%lld rows, %lld terms, %lld lanes", (long long)rows,
                      (long long)terms, (long long)lanes);
    }
    free(to);
    free(want);
    free(weight);
    free(from);
}

START_TEST(any_size_has_the_bits_of_the_plain_loop)
{
    uint64_t state = 7;
    int i;

    for (i = 0; i < 400; i++)
        check_sizes(inn_random_below(&state, 14),
                    inn_random_below(&state, i % 4 == 0 ? MOST : 20),
                    inn_random_below(&state, 70), &state);
}
END_TEST

START_TEST(nothing_to_do_changes_nothing)
{
    uint64_t state = 1;

    check_sizes(0, 5, 16, &state);
    check_sizes(5, 0, 16, &state);
    check_sizes(5, 16, 0, &state);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mix");
    TCase *cases = tcase_create("mix");

    tcase_add_test(cases, any_size_has_the_bits_of_the_plain_loop);
    tcase_add_test(cases, nothing_to_do_changes_nothing);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
