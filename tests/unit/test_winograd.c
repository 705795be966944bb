/*
 * Convolutions by Winograd's filtering: the kernel against the plain sum in
 * double, on every width of vectors and number of threads; and in networks,
 * against the reference kernels.
 */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/exec/winograd.h"
#include "tests/unit/exec_graphs.h"
#include "tests/unit/net.h"
#include "tests/unit/starve.h"
#include "tests/unit/suite.h"

static size_t some(int64_t low, int64_t high)
{
    return (size_t)between(&seed, low, high);
}

/* Channels last, or in blocks of vectors where that goes; floats in all. */
static size_t lay(struct inn_wino_place *p, size_t width, size_t pictures,
                  size_t channels, size_t rows, size_t columns)
{
    size_t lanes = coin(&seed) ? width : 2 * width;

    if (channels % lanes != 0 || coin(&seed))
        lanes = channels;
    p->lanes = lanes;
    p->column = lanes;
    p->row = columns * lanes;
    p->block = lanes == channels ? lanes : rows * p->row;
    p->picture = channels * rows * columns;
    return pictures * p->picture;
}

static float *numbers(size_t n)
{
    float *x = malloc((n + 1) * sizeof(*x));
    size_t i;

    ck_assert_ptr_nonnull(x);
    for (i = 0; i < n; i++)
        x[i] = random_number();
    x[n] = 4711.0f; /* nobody's */
    return x;
}

struct problem {
    struct inn_wino w;
    float *source, *weight, *bias, *residual, *channel;
    size_t n_result;
};

/* One for vectors of width and narrower ones. */
static void make(struct problem *p, size_t width)
{
    struct inn_wino *w = &p->w;
    static const struct inn_wino_post posts[] = {
        {INN_WINO_SHIFT, 0, 0, NULL},
        {INN_WINO_RESIDUAL, 0, 0, NULL},
        {INN_WINO_RELU, 0, 0, NULL},
        {INN_WINO_SCALE, 0, 0, NULL},
        {INN_WINO_CLIP, -0.5f, 3.0f, NULL},
        {INN_WINO_LEAKY, 0.25f, 0, NULL},
    };
    int first = (int)some(0, 3), i;

    memset(p, 0, sizeof(*p));
    w->pictures = some(1, 3);
    w->rows = some(4, 19);
    w->columns = some(4, 19);
    w->pad_top = some(0, 2);
    w->pad_left = some(0, 2);
    w->out_rows = w->rows + w->pad_top - some(0, 2);
    w->out_columns = w->columns + w->pad_left - some(0, 2);
    w->inputs = some(1, 4) * (coin(&seed) ? 16 : 13) + 8;
    w->outputs = some(1, 4) * (coin(&seed) ? 32 : 23) + 8;
    p->source = numbers(lay(&w->source, width, w->pictures, w->inputs,
                            w->rows, w->columns));
    p->weight = numbers(w->outputs * w->inputs * 9);
    p->bias = coin(&seed) ? numbers(w->outputs) : NULL;
    p->n_result = lay(&w->result, width, w->pictures, w->outputs,
                      w->out_rows, w->out_columns);
    p->residual = numbers(lay(&w->residual, width, w->pictures, w->outputs,
                              w->out_rows, w->out_columns));
    p->channel = numbers(w->outputs);
    w->n_post = (int)some(0, 6 - first);
    memcpy(w->post, posts + first, (size_t)w->n_post * sizeof(*posts));
    for (i = 0; i < w->n_post; i++)
        w->post[i].channel = p->channel;
}

static void drop(struct problem *p)
{
    free(p->source);
    free(p->weight);
    free(p->bias);
    free(p->residual);
    free(p->channel);
}

/* False where the kernel doesn't want it. */
static bool solve(struct problem *p, float **result, size_t lanes,
                  int threads)
{
    struct inn_wino_data data = {p->source, p->residual, p->bias, NULL, NULL};
    float *weights;
    size_t n;

    *result = NULL;
    if (!inn_wino_prepare(&p->w, lanes, threads))
        return false;
    n = inn_wino_workers(&p->w, threads);
    ck_assert_uint_ge(n, 1);
    ck_assert_uint_le(n, (size_t)threads);
    weights = numbers(inn_wino_weight_count(&p->w));
    inn_wino_weights(&p->w, weights, p->weight, threads);
    p->w.weights = weights;
    data.scratch = numbers(n * inn_wino_scratch_count(&p->w));
    data.result = *result = numbers(p->n_result);
    inn_wino_run(&p->w, &data, threads);
    ck_assert_float_eq(weights[inn_wino_weight_count(&p->w)], 4711.0f);
    ck_assert_float_eq(data.scratch[n * inn_wino_scratch_count(&p->w)],
                       4711.0f);
    ck_assert_float_eq((*result)[p->n_result], 4711.0f);
    free(weights);
    free(data.scratch);
    return true;
}

static size_t find(const struct inn_wino_place *p, size_t n, size_t c,
                   size_t y, size_t x)
{
    return n * p->picture + c / p->lanes * p->block + c % p->lanes +
           y * p->row + x * p->column;
}

static double by_the_book(const struct problem *p, size_t n, size_t k,
                          size_t y, size_t x)
{
    const struct inn_wino *w = &p->w;
    double sum = p->bias != NULL ? (double)p->bias[k] : 0.0;
    size_t c, i, j;
    int post;

    for (c = 0; c < w->inputs; c++) {
        for (i = 0; i < 3; i++) {
            for (j = 0; j < 3; j++) {
                size_t row = y + i - w->pad_top, column = x + j - w->pad_left;

                if (row < w->rows && column < w->columns)
                    sum += (double)p->source[find(&w->source, n, c, row,
                                                  column)] *
                           (double)p->weight[(k * w->inputs + c) * 9 + i * 3 +
                                             j];
            }
        }
    }
    for (post = 0; post < w->n_post; post++) {
        double a = (double)w->post[post].alpha, b = (double)w->post[post].beta;

        if (w->post[post].kind == INN_WINO_RESIDUAL)
            sum += (double)p->residual[find(&w->residual, n, k, y, x)];
        else if (w->post[post].kind == INN_WINO_SCALE)
            sum *= (double)p->channel[k];
        else if (w->post[post].kind == INN_WINO_SHIFT)
            sum += (double)p->channel[k];
        else if (w->post[post].kind == INN_WINO_LEAKY ||
                 w->post[post].kind == INN_WINO_RELU)
            sum = sum < 0 ? a * sum : sum;
        else
            sum = fmin(fmax(sum, a), b);
    }
    return sum;
}

START_TEST(the_kernel_computes_the_plain_sum)
{
    size_t width = _i % 2 == 0 ? 16 : 8, n, k, y, x;
    struct problem p;
    float *have;
    double bound;

    seed = (uint32_t)_i * 6007u + 1;
    make(&p, width);
    if (solve(&p, &have, width, 1)) {
        /*
         * Of the 16 terms that make an output 9 count, each a sum over inputs
         * of products of at most 9: half the plain sum's bound, and a few
         * roundings of the transforms.
         */
        bound = sum_bound((double)p.w.inputs * 9);
        for (n = 0; n < p.w.pictures; n++)
            for (k = 0; k < p.w.outputs; k++)
                for (y = 0; y < p.w.out_rows; y++)
                    for (x = 0; x < p.w.out_columns; x++)
                        ck_assert_double_eq_tol(
                            (double)have[find(&p.w.result, n, k, y, x)],
                            by_the_book(&p, n, k, y, x), bound);
    }
    free(have);
    drop(&p);
}
END_TEST

START_TEST(threads_and_vectors_change_no_bit)
{
    static const struct {
        size_t lanes;
        int threads;
    } ways[] = {{16, 2}, {16, 5}, {8, 1}, {8, 3}};
    float *want, *have;
    struct problem p;
    size_t i;

    seed = (uint32_t)_i * 4099u + 7;
    make(&p, 16);
    if (solve(&p, &want, 16, 1)) {
        for (i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
            ck_assert(solve(&p, &have, ways[i].lanes, ways[i].threads));
            ck_assert_mem_eq(have, want, p.n_result * sizeof(*have));
            free(have);
        }
    }
    free(want);
    drop(&p);
}
END_TEST

START_TEST(what_is_no_number_stays_none)
{
    struct problem p;
    float *have;
    size_t i, none = 0;

    seed = (uint32_t)_i + 1;
    make(&p, 16);
    p.source[0] = NAN;
    if (solve(&p, &have, _i % 2 == 0 ? 16 : 8, 1)) {
        for (i = 0; i < p.n_result; i++)
            none += isnan(have[i]) != 0;
        /* Wherever tiles see it, in all channels. */
        ck_assert_uint_ge(none, p.w.outputs);
        ck_assert_uint_eq(none % p.w.outputs, 0);
    }
    free(have);
    drop(&p);
}
END_TEST

START_TEST(what_does_not_pay_is_left)
{
    struct inn_wino w = {.pictures = 1, .rows = 3, .columns = 3,
                         .out_rows = 3, .out_columns = 1, .inputs = 64,
                         .outputs = 64, .pad_top = 1};
    size_t lanes = inn_wino_prepare(&w, 0, 1) ? 0 : 16;

    ck_assert_uint_eq(lanes, 16); /* without vectors never */
    ck_assert(!inn_wino_prepare(&w, lanes, 1));
    w.columns = w.rows = w.out_rows = w.out_columns = 8;
    w.inputs = 3;
    ck_assert(!inn_wino_prepare(&w, lanes, 1));
    w.inputs = 1 << 20;
    ck_assert(!inn_wino_prepare(&w, lanes, 1));
}
END_TEST

/* A convolution of v by 3 x 3 taps in padding. */
static int conv(const char *name, int v, int64_t from, int64_t to, bool bias)
{
    int64_t w[] = {to, from, 3, 3}, pads[] = {1, 1, 1, 1};
    char text[16] = "bias ";

    v = add_op("Conv", v, add_weight(name, 4, w),
               bias ? add_weight(strcat(text, name), 1, &to) : -1);
    set_ints(v, "pads", pads, 4);
    return v;
}

/* Steps that the kernel computes, and how many graph nodes with them. */
static int count_steps(const struct inn_tensor *in, int *fused, bool *ours)
{
    struct inn_session *s;
    struct inn_step_info info;
    int i, n = 0;

    *fused = 0;
    *ours = true;
    run_once(&s, 1, false, false, in, 1);
    for (i = 0; i < inn_session_n_steps(s); i++) {
        inn_session_step(s, &info, i);
        *ours = *ours && strcmp(info.impl, "reference") == 0;
        if (strcmp(info.impl, "winograd") == 0) {
            n++;
            *fused += info.n_fused;
        }
    }
    inn_session_free(s);
    return n;
}

START_TEST(networks_agree_with_the_reference)
{
    static const char *const after[] = {"Relu", "LeakyRelu", "Clip",
                                        "Sigmoid"};
    int64_t x[4], middle = 0;
    struct inn_tensor in;
    int v, first, i, fused;
    bool none;

    graph_begin();
    seed = (uint32_t)_i * 3571u + 11;
    x[0] = between(&seed, 1, 2);
    x[1] = between(&seed, 16, 40);
    x[2] = between(&seed, 6, 12);
    x[3] = between(&seed, 6, 12);
    middle = between(&seed, 16, 40);
    v = add_input("x", INN_F32, 4, x);
    v = first = conv("a", v, x[1], middle, coin(&seed));
    if (coin(&seed)) {
        int64_t one[] = {middle, 1, 1};

        v = add_op("Mul", v, add_weight("scale", 3, one), -1);
        v = add_op("Add", v, add_weight("shift", 0, NULL), -1);
    }
    v = add_op(after[_i % 4], v, -1, -1);
    v = conv("b", v, middle, middle, coin(&seed));
    if (coin(&seed))
        add_output(v);
    v = coin(&seed) ? add_op("Add", v, first, -1)
                    : add_op("Add", first, v, -1);
    v = add_op("Relu", v, -1, -1);
    add_output(v);
    in = *new_tensor(INN_F32, 4, x);
    fill_tensor(&in);
    for (i = 0; i < (int)(graph->n_values); i++) {
        struct inn_tensor *t = graph->values[i].init;
        size_t k;

        /* So that the second's inputs are of unit size again. */
        for (k = 0; t != NULL && k < inn_tensor_count(t); k++)
            ((float *)t->data)[k] /= (float)(x[1] * 9 + 1);
    }
    compare(&in, 1, 4 * sum_bound((double)(x[1] > middle ? x[1] : middle) *
                                  9) / (double)(x[1] * 9));
    fused = 0;
    i = count_steps(&in, &fused, &none);
    /* A build or processor without fast kernels has none. */
    if (!none && i != 0)
        ck_assert_int_ge(i, _i % 4 == 3 ? 1 : 2);
    graph_end();
}
END_TEST

START_TEST(memory_that_fails_is_an_error)
{
    int64_t x[] = {1, 16, 8, 8};
    struct inn_session_options how = {.threads = 1};
    struct inn_tensor in;
    int v, first;

    graph_begin();
    v = first = conv("a", add_input("x", INN_F32, 4, x), 16, 24, true);
    v = add_op("Relu", conv("b", v, 24, 24, false), -1, -1);
    add_output(add_op("Add", v, first, -1));
    in = *new_tensor(INN_F32, 4, x);
    fill_tensor(&in);
    starve_session(&how, &in, 1);
    graph_end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("winograd");
    TCase *t = tcase_create("winograd");

    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, the_kernel_computes_the_plain_sum, 0,
                        as_many_as(40));
    tcase_add_loop_test(t, threads_and_vectors_change_no_bit, 0,
                        as_many_as(24));
    tcase_add_loop_test(t, what_is_no_number_stays_none, 0, as_many_as(8));
    tcase_add_test(t, what_does_not_pay_is_left);
    tcase_add_loop_test(t, networks_agree_with_the_reference, 0,
                        as_many_as(32));
    tcase_add_test(t, memory_that_fails_is_an_error);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
