/*
 * Propagation through whole networks: a residual block against sampling,
 * what is blended and what stays, where it ends.
 */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "converter/moments/propagate.h"
#include "runtime/drawn/noise.h"
#include "tests/unit/net.h"
#include "tests/unit/starve.h"
#include "tests/unit/suite.h"

#define WIDE 24
#define SAMPLES 40000

struct fixture {
    struct inn_heap *heap;
    struct inn_graph *g;
    struct inn_model model;
    uint64_t seed;
};

static struct fixture start(size_t ceiling)
{
    struct fixture f = {.seed = 3};

    f.heap = inn_heap_new(ceiling);
    ck_assert_int_eq(inn_graph_new(&f.g, f.heap, NULL), INN_OK);
    return f;
}

static void finish(struct fixture *f)
{
    inn_graph_free(f->g);
    ck_assert_uint_eq(inn_heap_used(f->heap), 0);
    inn_heap_free(f->heap);
}

/* A convolution of kernel × kernel taps; its weights in data. */
static void convolution(struct fixture *f, const char *in, const char *out,
                        int64_t to, int64_t from, int64_t kernel,
                        float *data)
{
    int64_t dims[4] = {to, from, kernel, kernel}, i;
    char name[64], ins[128];
    int node;

    for (i = 0; i < to * from * kernel * kernel; i++)
        data[i] = (float)(inn_random_normal(&f->seed) /
                          sqrt((double)(from * kernel * kernel)));
    snprintf(name, sizeof(name), "w_%s", out);
    snprintf(ins, sizeof(ins), "%s %s", in, name);
    net_init(f->g, name, INN_F32, 4, dims, data);
    node = net_node(f->g, "Conv", 13, ins, out);
    ck_assert_int_eq(inn_node_set_ints(f->g, &f->g->nodes[node], "pads",
                                       (int64_t[]){kernel / 2, kernel / 2,
                                                   kernel / 2, kernel / 2},
                                       4, NULL), INN_OK);
}

static void picture(struct fixture *f)
{
    net_input(f->g, "x", INN_F32, 4, (int64_t[]){1, 3, 32, 32}, NULL);
}

static struct inn_gathered target(struct fixture *f, const char *name,
                                  int64_t n)
{
    struct inn_gathered g;

    ck_assert_int_eq(inn_gather_start(&g, inn_graph_find(f->g, name), 1, n,
                                      f->heap, NULL), INN_OK);
    return g;
}

static void multiply(const float *w, const double *x, double *y, int to,
                     int from)
{
    int i, j;

    for (i = 0; i < to; i++) {
        for (y[i] = 0, j = 0; j < from; j++)
            y[i] += (double)w[i * from + j] * x[j];
    }
}

static double relu(double x)
{
    return x > 0 ? x : 0;
}

/*
 * t = relu(W0 x), u = relu(W2 relu(W1 t) + t), pointwise: u against as many
 * normal x. The sum's parts are taken for independent, which they are not:
 * correlations agree, they are not the same.
 */
START_TEST(a_residual_block_agrees_with_sampling)
{
    static float w0[WIDE * 3], w1[WIDE * WIDE], w2[WIDE * WIDE],
        last[WIDE];
    static double mean[WIDE], cov[WIDE * WIDE];
    const double mix[9] = {1, 0, 0, 0.95, 0.3122, 0, 0.89, 0.3669, 0.2704};
    double x[3], z[3], t[WIDE], h[WIDE], u[WIDE], a, b, aa = 0, bb = 0,
           ab = 0, sa = 0, sb = 0, count = 0;
    struct fixture f = start(0);
    struct inn_gathered g;
    int s, i, j;

    picture(&f);
    convolution(&f, "x", "a", WIDE, 3, 1, w0);
    net_node(f.g, "Relu", 13, "a", "t");
    convolution(&f, "t", "b", WIDE, WIDE, 1, w1);
    net_node(f.g, "Relu", 13, "b", "h");
    convolution(&f, "h", "c", WIDE, WIDE, 1, w2);
    net_node(f.g, "Add", 13, "c t", "s");
    net_node(f.g, "Relu", 13, "s", "u");
    convolution(&f, "u", "y", 1, WIDE, 1, last);
    net_output(f.g, "y");
    g = target(&f, "u", WIDE);
    ck_assert_int_eq(inn_propagate(&g, 1, 1, &f.model, f.g, false, 2, NULL),
                     INN_OK);
    ck_assert_int_eq(g.count, 1);
    for (s = 0; s < SAMPLES; s++) {
        for (i = 0; i < 3; i++)
            z[i] = sqrt(1.1) * inn_random_normal(&f.seed);
        for (i = 0; i < 3; i++)
            x[i] = mix[i * 3] * z[0] + mix[i * 3 + 1] * z[1] +
                   mix[i * 3 + 2] * z[2];
        multiply(w0, x, t, WIDE, 3);
        for (i = 0; i < WIDE; i++)
            t[i] = relu(t[i]);
        multiply(w1, t, h, WIDE, WIDE);
        for (i = 0; i < WIDE; i++)
            h[i] = relu(h[i]);
        multiply(w2, h, u, WIDE, WIDE);
        for (i = 0; i < WIDE; i++)
            u[i] = relu(u[i] + t[i]);
        for (i = 0; i < WIDE; i++) {
            mean[i] += u[i] / SAMPLES;
            for (j = 0; j < WIDE; j++)
                cov[i * WIDE + j] += u[i] * u[j] / SAMPLES;
        }
    }
    for (i = 0; i < WIDE; i++) {
        for (j = 0; j < WIDE; j++)
            cov[i * WIDE + j] -= mean[i] * mean[j];
    }
    for (i = 0; i < WIDE; i++) {
        ck_assert_double_eq_tol(g.mean[i], mean[i], 0.25);
        for (j = 0; j < i; j++) {
            a = g.cov[i * WIDE + j] / sqrt(g.cov[i * WIDE + i] *
                                           g.cov[j * WIDE + j] + 1e-12);
            b = cov[i * WIDE + j] / sqrt(cov[i * WIDE + i] *
                                         cov[j * WIDE + j] + 1e-12);
            aa += a * a;
            bb += b * b;
            ab += a * b;
            sa += a;
            sb += b;
            count++;
        }
    }
    ab -= sa * sb / count;
    aa -= sa * sa / count;
    bb -= sb * sb / count;
    ck_assert_double_gt(ab / sqrt(aa * bb), 0.5);
    inn_gather_free(&g, f.heap);
    finish(&f);
}
END_TEST

/* A convolution behind a BatchNormalization and what reads it. */
static void block(struct fixture *f, int64_t n, bool true_statistics)
{
    static float data[200 * 200 * 9], ones[200], other[200];
    int64_t i;

    for (i = 0; i < n; i++) {
        ones[i] = 1;
        other[i] = (float)(1 + i % 5);
    }
    picture(f);
    convolution(f, "x", "a", n, 3, 3, data);
    net_init(f->g, "gain", INN_F32, 1, &n, other);
    net_init(f->g, "shift", INN_F32, 1, &n, ones);
    net_init(f->g, "mean", INN_F32, 1, &n, ones);
    net_init(f->g, "var", INN_F32, 1, &n, true_statistics ? other : ones);
    net_node(f->g, "BatchNormalization", 15, "a gain shift mean var", "b");
    net_node(f->g, "Relu", 13, "b", "c");
    convolution(f, "c", "d", n, n, 3, data);
    net_node(f->g, "Softmax", 13, "d", "e");
    convolution(f, "e", "f", 2, n, 1, data);
    net_output(f->g, "f");
}

START_TEST(statistics_are_believed_where_they_are_true)
{
    struct fixture f = start(0);
    struct inn_gathered g[2];
    int i;

    block(&f, 10, _i == 0);
    g[0] = target(&f, "b", 10);
    g[1] = target(&f, "b", 10);
    ck_assert_int_eq(inn_propagate(&g[0], 1, 1, &f.model, f.g, true, 1,
                                   NULL), INN_OK);
    ck_assert_int_eq(inn_propagate(&g[1], 1, 1, &f.model, f.g, false, 1,
                                   NULL), INN_OK);
    for (i = 0; i < 10; i++) {
        double gain = 1 + i % 5;

        if (_i == 0) {
            ck_assert_double_eq_tol(g[0].mean[i], 1, 1e-9);
            ck_assert_double_eq_tol(g[0].cov[11 * i], gain * gain, 1e-9);
            ck_assert(fabs(g[1].cov[11 * i] - gain * gain) > 1e-6);
        } else {
            ck_assert(g[0].cov[11 * i] == g[1].cov[11 * i]);
        }
    }
    inn_gather_free(&g[0], f.heap);
    inn_gather_free(&g[1], f.heap);
    finish(&f);
}
END_TEST

/* Loop: whoever asks, and whatever is stored. */
START_TEST(training_mode_gives_its_own_mean_and_variance)
{
    struct fixture f = start(0);
    struct inn_gathered g;
    int i;

    block(&f, 10, _i / 2 == 0);
    net_int(f.g, 1, "training_mode", 1);
    g = target(&f, "b", 10);
    ck_assert_int_eq(inn_propagate(&g, 1, 1, &f.model, f.g, _i % 2 == 0, 1,
                                   NULL), INN_OK);
    for (i = 0; i < 10; i++) {
        double gain = 1 + i % 5;

        ck_assert_double_eq_tol(g.mean[i], 1, 1e-9);
        /* All but for epsilon. */
        ck_assert_double_eq_tol(g.cov[11 * i] / (gain * gain), 1, 1e-3);
    }
    inn_gather_free(&g, f.heap);
    finish(&f);
}
END_TEST

START_TEST(nothing_is_said_behind_a_row_that_says_nothing)
{
    struct fixture f = start(0);
    struct inn_gathered g[2];

    block(&f, 10, true);
    g[0] = target(&f, "d", 10);
    g[1] = target(&f, "e", 10);
    ck_assert_int_eq(inn_propagate(g, 2, 1, &f.model, f.g, true, 1, NULL),
                     INN_OK);
    ck_assert_int_eq(g[0].count, 1);
    ck_assert_int_eq(g[1].count, 0);
    inn_gather_free(&g[0], f.heap);
    inn_gather_free(&g[1], f.heap);
    finish(&f);
}
END_TEST

/* Correlations alone are blended; share 1 changes nothing. */
START_TEST(what_was_seen_keeps_means_and_variances)
{
    struct fixture f = start(0);
    struct inn_gathered g[4];
    double share[4] = {1, 1, 0.6, 0}, seen, propagated;
    int i, j, k;

    block(&f, 10, true);
    for (k = 0; k < 4; k++) {
        g[k] = target(&f, "c", 10);
        for (i = 0; i < 10 && k > 0; i++) {
            g[k].mean[i] = 7 + i;
            for (j = 0; j < 10; j++)
                g[k].cov[i * 10 + j] = (i == j ? 1 : 0.25) * (1 + i) *
                                       (1 + j);
        }
        g[k].count = k > 0 ? 1000 : 0;
        g[k].r[0][1] = 0.5;
        ck_assert_int_eq(inn_propagate(&g[k], 1, share[k], &f.model, f.g,
                                       true, 1, NULL), INN_OK);
    }
    for (i = 0; i < 10; i++) {
        for (j = 0; j < i; j++) {
            propagated = g[0].cov[i * 10 + j] /
                         sqrt(g[0].cov[11 * i] * g[0].cov[11 * j]);
            seen = 0.25;
            for (k = 1; k < 4; k++)
                ck_assert_double_eq_tol(
                    g[k].cov[i * 10 + j] / ((1 + i) * (1 + j)),
                    share[k] * seen + (1 - share[k]) * propagated, 1e-6);
        }
        for (k = 1; k < 4; k++) {
            ck_assert(g[k].mean[i] == 7 + i);
            ck_assert(g[k].cov[11 * i] == (1 + i) * (1 + i));
            ck_assert(g[k].r[0][1] == 0.5 && g[k].count == 1000);
        }
    }
    ck_assert(g[0].r[0][1] != 0.5);
    for (k = 0; k < 4; k++)
        inn_gather_free(&g[k], f.heap);
    finish(&f);
}
END_TEST

/* More channels than a tile has. */
START_TEST(threads_do_not_change_a_bit)
{
    struct fixture f = start(0);
    struct inn_gathered g[2];
    int k;

    block(&f, 200, true);
    for (k = 0; k < 2; k++) {
        g[k] = target(&f, "d", 200);
        ck_assert_int_eq(inn_propagate(&g[k], 1, 1, &f.model, f.g, true,
                                       1 + k, NULL), INN_OK);
        ck_assert_int_eq(g[k].count, 1);
    }
    ck_assert_mem_eq(g[0].mean, g[1].mean, 200 * sizeof(double));
    ck_assert_mem_eq(g[0].cov, g[1].cov, 40000 * sizeof(double));
    ck_assert_mem_eq(g[0].r, g[1].r, sizeof(g[0].r));
    inn_gather_free(&g[0], f.heap);
    inn_gather_free(&g[1], f.heap);
    finish(&f);
}
END_TEST

START_TEST(every_allocation_may_fail)
{
    struct fixture f = start(0);
    struct starve s;

    block(&f, 6, true);
    s = starve(f.heap, 30, 900);
    while (starving(&s)) {
        struct inn_gathered g;

        starve_later(&s);
        g = target(&f, "e", 6);
        starve_now(&s);
        s.st = inn_propagate(&g, 1, 1, &f.model, f.g, true, 2, s.err);
        inn_gather_free(&g, f.heap);
    }
    finish(&f);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("propagate");
    TCase *c = tcase_create("propagate");

    tcase_set_timeout(c, 60);
    tcase_add_test(c, a_residual_block_agrees_with_sampling);
    tcase_add_loop_test(c, statistics_are_believed_where_they_are_true, 0, 2);
    tcase_add_loop_test(c, training_mode_gives_its_own_mean_and_variance, 0,
                        4);
    tcase_add_test(c, nothing_is_said_behind_a_row_that_says_nothing);
    tcase_add_test(c, what_was_seen_keeps_means_and_variances);
    tcase_add_test(c, threads_do_not_change_a_bit);
    tcase_add_test(c, every_allocation_may_fail);
    suite_add_tcase(s, c);
    return run_suite(s);
}
