/*
 * A network run graph node by graph node: against formulas written out, and
 * against a session that runs it as a whole.
 */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "converter/moments/moments.h"
#include "runtime/base/error.h"
#include "runtime/exec/session.h"
#include "tests/unit/dense.h"
#include "tests/unit/net.h"
#include "tests/unit/starve.h"
#include "tests/unit/suite.h"

#define MOST_VALUES 64

/* What was seen: a copy of every value. */
struct seen {
    struct inn_arena arena;
    struct inn_tensor values[MOST_VALUES];
    int times[MOST_VALUES];
    int count, stop_after; /* 0: never */
};

static enum inn_status watch(void *state, int value,
                             const struct inn_tensor *tensor,
                             struct inn_error *err)
{
    struct seen *seen = state;
    struct inn_tensor *to;

    ck_assert_int_lt(value, MOST_VALUES);
    if (++seen->count == seen->stop_after)
        return inn_fail(err, INN_ERR_LIMIT, "enough");
    to = &seen->values[value];
    seen->times[value]++;
    ck_assert_int_eq(inn_tensor_new(to, &seen->arena, tensor->type,
                                    tensor->rank, tensor->dims, NULL),
                     INN_OK);
    ck_assert_uint_eq(to->bytes, tensor->bytes);
    memcpy(to->data, tensor->data, tensor->bytes);
    return INN_OK;
}

static void seen_start(struct seen *seen, struct inn_heap *heap)
{
    memset(seen, 0, sizeof(*seen));
    inn_arena_init(&seen->arena, heap);
}

static const float *seen_of(const struct seen *seen,
                            const struct inn_graph *g, const char *name,
                            int64_t batch)
{
    int v = inn_graph_find(g, name);

    ck_assert_int_ge(v, 0);
    ck_assert_int_eq(seen->times[v], 1);
    ck_assert_int_eq(seen->values[v].type, INN_F32);
    ck_assert_int_eq(seen->values[v].dims[0], batch);
    return seen->values[v].data;
}

static int add_random(struct inn_graph *g, const char *name, int rank,
                      const int64_t *dims, double about, uint64_t seed)
{
    int v = net_init(g, name, INN_F32, rank, dims, NULL);
    struct inn_tensor *t = g->values[v].init;
    size_t i;

    for (i = 0; i < inn_tensor_count(t); i++)
        ((float *)t->data)[i] = (float)(about + dense_random(&seed));
    return v;
}

/* name.scale … name.variance, of n channels; constant: a placeholder. */
static void add_statistics(struct inn_graph *g, const char *name, int64_t n,
                           bool constant)
{
    static const char *const part[] = {"scale", "shift", "mean", "variance"};
    char text[64];
    int64_t i;
    int k, v;

    for (k = 0; k < 4; k++) {
        snprintf(text, sizeof(text), "%s.%s", name, part[k]);
        v = add_random(g, text, 1, &n, k % 3 == 0 ? 1.0 : 0.0,
                       (uint64_t)k + 5);
        for (i = 0; constant && k == 3 && i < n; i++)
            ((float *)g->values[v].init->data)[i] = 1.0f;
    }
}

static void add_norm(struct inn_graph *g, const char *name, const char *in,
                     const char *out)
{
    char text[200];

    snprintf(text, sizeof(text), "%s %s.scale %s.shift %s.mean %s.variance",
             in, name, name, name, name);
    net_node(g, "BatchNormalization", 15, text, out);
}

static struct inn_tensor make_input(struct inn_arena *arena, int64_t batch,
                                    int64_t channels, int64_t side,
                                    uint64_t seed)
{
    const int64_t dims[4] = {batch, channels, side, side};
    struct inn_tensor t;
    size_t i;

    ck_assert_int_eq(inn_tensor_new(&t, arena, INN_F32, 4, dims, NULL),
                     INN_OK);
    for (i = 0; i < inn_tensor_count(&t); i++)
        ((float *)t.data)[i] = (float)(4.0 * dense_random(&seed));
    return t;
}

/* x: 1 × 1 convolution to 4 channels, normalisation, ReLU; 2 channels in. */
static struct inn_graph *small_net(struct inn_heap *heap, int64_t batch,
                                   bool placeholder)
{
    static const int64_t weight[4] = {4, 2, 1, 1};
    const int64_t in[4] = {batch, 2, 5, 5};
    struct inn_graph *g;

    ck_assert_int_eq(inn_graph_new(&g, heap, NULL), INN_OK);
    net_input(g, "x", INN_F32, 4, in, "N");
    add_random(g, "w", 4, weight, 0.1, 1);
    add_statistics(g, "n", 4, placeholder);
    net_node(g, "Conv", 13, "x w", "c");
    add_norm(g, "n", "c", "b");
    net_node(g, "Relu", 14, "b", "r");
    net_output(g, "r");
    return g;
}

/* All of x, as many pictures as it holds of what g takes. */
static enum inn_status interpret(const struct inn_graph *g,
                                 struct inn_tensor *x, int n,
                                 bool standardise, inn_watch_fn *look,
                                 void *state, int threads,
                                 struct inn_error *err)
{
    const struct inn_value *v = &g->values[g->inputs[0]];
    struct inn_feed feed = {.items = x, .n = n, .count = x->dims[0]};
    int64_t ran;

    if (v->dims[0].size > 0)
        feed.count /= v->dims[0].size;
    return inn_interpret(g, &feed, 0, standardise, look, state, threads,
                         &ran, err);
}

static double at(const struct inn_graph *g, const char *name, int i)
{
    return (double)((const float *)g->values[inn_graph_find(g, name)]
                        .init->data)[i];
}

/*
 * Loop: standardised or as stored, batch free or fixed to 1; and in training
 * mode, which is standardised whatever is asked for.
 */
START_TEST(a_small_net_is_as_written_out)
{
    bool standardise = _i % 2 == 0, trains = _i == 5;
    int64_t batch = _i < 2 ? -1 : 1, p, o, i;
    struct inn_heap *heap = inn_heap_new(0);
    struct inn_graph *g = small_net(heap, batch, trains);
    struct inn_arena arena;
    struct inn_tensor x;
    struct seen seen;
    const float *c, *r;
    enum { PICTURES = 7, PLANE = 25 };

    if (trains) {
        net_int(g, 1, "training_mode", 1);
        ck_assert(!inn_statistics_missing(g));
    }
    inn_arena_init(&arena, heap);
    x = make_input(&arena, PICTURES, 2, 5, 3);
    seen_start(&seen, heap);
    ck_assert_int_eq(interpret(g, &x, 1, standardise, watch, &seen, 2,
                                   NULL), INN_OK);
    ck_assert_int_eq(seen.count, 4);
    c = seen_of(&seen, g, "c", PICTURES);
    r = seen_of(&seen, g, "r", PICTURES);
    ck_assert_mem_eq(seen_of(&seen, g, "x", PICTURES), x.data, x.bytes);
    for (o = 0; o < 4; o++) {
        double mean = at(g, "n.mean", (int)o);
        double variance = at(g, "n.variance", (int)o), sum = 0, square = 0;

        for (p = 0; p < PICTURES; p++) {
            for (i = 0; i < PLANE; i++) {
                const float *in = (const float *)x.data + p * 2 * PLANE + i;
                double want = at(g, "w", (int)o * 2) * (double)in[0] +
                              at(g, "w", (int)o * 2 + 1) * (double)in[PLANE];

                ck_assert_double_eq_tol((double)c[(p * 4 + o) * PLANE + i],
                                        want, 1e-5);
                sum += want;
                square += want * want;
            }
        }
        if (standardise || trains) {
            mean = sum / (PICTURES * PLANE);
            variance = square / (PICTURES * PLANE) - mean * mean;
        }
        for (p = 0; p < PICTURES; p++) {
            for (i = 0; i < PLANE; i++) {
                int64_t k = (p * 4 + o) * PLANE + i;
                double want = ((double)c[k] - mean) *
                                  at(g, "n.scale", (int)o) /
                                  sqrt(variance + 1e-5) +
                              at(g, "n.shift", (int)o);

                ck_assert_double_eq_tol((double)r[k], want > 0 ? want : 0,
                                        1e-5);
            }
        }
    }
    inn_arena_free(&seen.arena);
    inn_arena_free(&arena);
    inn_graph_free(g);
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}
END_TEST

START_TEST(placeholders_are_applied_as_stored)
{
    struct inn_heap *heap = inn_heap_new(0);
    struct inn_graph *g = small_net(heap, -1, true);
    struct seen stored, asked;
    struct inn_arena arena;
    struct inn_tensor x;

    ck_assert(inn_statistics_missing(g));
    inn_arena_init(&arena, heap);
    x = make_input(&arena, 3, 2, 5, 3);
    seen_start(&stored, heap);
    seen_start(&asked, heap);
    ck_assert_int_eq(interpret(g, &x, 1, false, watch, &stored, 1, NULL),
                     INN_OK);
    ck_assert_int_eq(interpret(g, &x, 1, true, watch, &asked, 1, NULL),
                     INN_OK);
    ck_assert_mem_eq(seen_of(&stored, g, "r", 3), seen_of(&asked, g, "r", 3),
                     3 * 4 * 25 * sizeof(float));
    inn_arena_free(&stored.arena);
    inn_arena_free(&asked.arena);
    inn_arena_free(&arena);
    inn_graph_free(g);
    inn_heap_free(heap);
}
END_TEST

START_TEST(one_true_statistic_is_enough)
{
    struct inn_heap *heap = inn_heap_new(0);
    struct inn_graph *g = small_net(heap, -1, true);

    add_statistics(g, "other", 4, false);
    add_norm(g, "other", "r", "s");
    ck_assert(!inn_statistics_missing(g));
    inn_graph_free(g);
    g = small_net(heap, -1, false);
    ck_assert(!inn_statistics_missing(g));
    inn_graph_free(g);
    ck_assert_int_eq(inn_graph_new(&g, heap, NULL), INN_OK);
    ck_assert(inn_statistics_missing(g));
    inn_graph_free(g);
    inn_heap_free(heap);
}
END_TEST

/* Short floats are seen in f32 and normalised in it. */
START_TEST(f16_is_standardised_too)
{
    static const int64_t dims[4] = {-1, 3, 4, 4}, all[4] = {6, 3, 4, 4};
    struct inn_heap *heap = inn_heap_new(0);
    struct inn_graph *g;
    struct inn_arena arena;
    struct inn_tensor x;
    struct seen seen;
    const float *y;
    uint64_t seed = 1;
    size_t i, c;

    ck_assert_int_eq(inn_graph_new(&g, heap, NULL), INN_OK);
    net_input(g, "x", INN_F16, 4, dims, "N");
    add_statistics(g, "n", 3, false);
    add_norm(g, "n", "x", "y");
    net_output(g, "y");
    inn_arena_init(&arena, heap);
    ck_assert_int_eq(inn_tensor_new(&x, &arena, INN_F16, 4, all, NULL),
                     INN_OK);
    for (i = 0; i < inn_tensor_count(&x); i++)
        ((uint16_t *)x.data)[i] =
            inn_f32_to_f16((float)(3.0 + dense_random(&seed)));
    seen_start(&seen, heap);
    ck_assert_int_eq(interpret(g, &x, 1, true, watch, &seen, 1, NULL),
                     INN_OK);
    y = seen_of(&seen, g, "y", 6);
    for (c = 0; c < 3; c++) {
        double sum = 0, square = 0;

        for (i = 0; i < 6 * 16; i++) {
            double v = (double)y[(i / 16 * 3 + c) * 16 + i % 16];

            sum += v;
            square += v * v;
        }
        sum /= 96;
        ck_assert_double_eq_tol(sum, at(g, "n.shift", (int)c), 1e-3);
        ck_assert_double_eq_tol(sqrt(square / 96 - sum * sum),
                                fabs(at(g, "n.scale", (int)c)), 2e-3);
    }
    inn_arena_free(&seen.arena);
    inn_arena_free(&arena);
    inn_graph_free(g);
    inn_heap_free(heap);
}
END_TEST

static void set_ints(struct inn_graph *g, int node, const char *name,
                     const int64_t *x, size_t n)
{
    ck_assert_int_eq(inn_node_set_ints(g, &g->nodes[node], name, x, n, NULL),
                     INN_OK);
}

/*
 * Branches, sums of a value with itself, values read long after, a graph node
 * with two results, concatenation, pooling, flattening, a product.
 */
static struct inn_graph *large_net(struct inn_heap *heap, int64_t batch)
{
    static const int64_t w1[4] = {8, 3, 3, 3}, w2[4] = {8, 8, 1, 1};
    static const int64_t fc[2] = {12, 72}, bias[1] = {12}, two[1] = {2};
    static const int64_t halves[2] = {4, 4}, flat[2] = {-1, 72};
    static const int64_t ones[4] = {1, 1, 1, 1}, threes[2] = {3, 3};
    const int64_t in[4] = {batch, 3, 8, 8};
    struct inn_graph *g;
    int k;

    ck_assert_int_eq(inn_graph_new(&g, heap, NULL), INN_OK);
    net_input(g, "x", INN_F32, 4, in, "N");
    add_random(g, "w1", 4, w1, 0, 1);
    add_random(g, "w2", 4, w2, 0, 2);
    add_random(g, "fc", 2, fc, 0, 3);
    add_random(g, "bias", 1, bias, 0, 4);
    net_init(g, "halves", INN_I64, 1, two, halves);
    net_init(g, "flat", INN_I64, 1, two, flat);
    add_statistics(g, "n", 8, false);
    set_ints(g, net_node(g, "Conv", 13, "x w1", "c1"), "pads", ones, 4);
    add_norm(g, "n", "c1", "b1");
    net_node(g, "Relu", 14, "b1", "r1");
    net_node(g, "Conv", 13, "r1 w2", "c2");
    net_node(g, "Add", 14, "c2 c2", "d2");
    net_node(g, "Sub", 14, "d2 b1", "s");
    net_int(g, net_node(g, "Split", 13, "s halves", "left right"), "axis", 1);
    net_node(g, "Sigmoid", 13, "right", "gate");
    net_node(g, "Mul", 14, "left gate", "m");
    net_int(g, net_node(g, "Concat", 13, "m right", "cat"), "axis", 1);
    net_node(g, "Add", 14, "cat r1", "sum");
    net_node(g, "GlobalAveragePool", 1, "sum", "gap");
    net_node(g, "Mul", 14, "sum gap", "scaled");
    k = net_node(g, "MaxPool", 12, "scaled", "p");
    set_ints(g, k, "kernel_shape", threes, 2);
    set_ints(g, k, "strides", (const int64_t[]){2, 2}, 2);
    net_node(g, "Flatten", 13, "scaled", "unused");
    net_node(g, "Reshape", 13, "p flat", "f");
    net_int(g, net_node(g, "Gemm", 13, "f fc bias", "y"), "transB", 1);
    net_output(g, "y");
    net_output(g, "s");
    return g;
}

/* Loop: batch free or fixed to 1, where a session runs each by itself. */
START_TEST(every_value_is_that_of_a_whole_run)
{
    int64_t batch = _i == 0 ? -1 : 1, pictures = 5, u;
    int64_t units = _i == 0 ? 1 : pictures;
    struct inn_session_options options = {.threads = 1, .keep_all = true};
    struct inn_heap *heap = inn_heap_new(0);
    struct inn_graph *g = large_net(heap, batch);
    struct inn_session *session;
    const struct inn_tensor *out;
    struct inn_arena arena;
    struct inn_tensor x, part;
    struct seen seen;
    int v, compared = 0;
    size_t i;

    inn_arena_init(&arena, heap);
    x = make_input(&arena, pictures, 3, 8, 9);
    seen_start(&seen, heap);
    ck_assert_int_eq(interpret(g, &x, 1, false, watch, &seen, 2, NULL),
                     INN_OK);
    ck_assert_int_eq(seen.times[inn_graph_find(g, "unused")], 0);
    ck_assert_int_eq(inn_session_new(&session, g, &options, NULL), INN_OK);
    for (u = 0; u < units; u++) {
        part = x;
        part.dims[0] /= units;
        part.bytes /= (size_t)units;
        part.data = (char *)x.data + (size_t)u * part.bytes;
        ck_assert_int_eq(inn_session_run(session, &out, &part, 1, NULL),
                         INN_OK);
        for (v = 0; v < g->n_values; v++) {
            const struct inn_tensor *want, *have = &seen.values[v];

            if (seen.times[v] == 0)
                continue;
            want = inn_session_value(session, g->values[v].name);
            ck_assert_ptr_nonnull(want);
            ck_assert_int_eq(seen.times[v], 1);
            ck_assert_uint_eq(have->bytes, want->bytes * (size_t)units);
            ck_assert_int_eq(have->dims[0], pictures);
            for (i = 0; i < inn_tensor_count(want); i++)
                ck_assert_float_eq_tol(
                    ((const float *)have->data)[(size_t)u *
                                                inn_tensor_count(want) + i],
                    ((const float *)want->data)[i], 1e-5f);
            compared++;
        }
    }
    ck_assert_int_eq(compared, 18 * (int)units);
    inn_session_free(session);
    inn_arena_free(&seen.arena);
    inn_arena_free(&arena);
    inn_graph_free(g);
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}
END_TEST

START_TEST(threads_do_not_change_a_bit)
{
    struct inn_heap *heap = inn_heap_new(0);
    struct inn_graph *g = large_net(heap, -1);
    struct seen one, many;
    struct inn_arena arena;
    struct inn_tensor x;
    int v;

    inn_arena_init(&arena, heap);
    x = make_input(&arena, 5, 3, 8, 9);
    seen_start(&one, heap);
    seen_start(&many, heap);
    ck_assert_int_eq(interpret(g, &x, 1, true, watch, &one, 1, NULL),
                     INN_OK);
    ck_assert_int_eq(interpret(g, &x, 1, true, watch, &many, 3, NULL),
                     INN_OK);
    for (v = 0; v < g->n_values; v++) {
        ck_assert_uint_eq(one.values[v].bytes, many.values[v].bytes);
        if (one.values[v].bytes != 0)
            ck_assert_mem_eq(one.values[v].data, many.values[v].data,
                             one.values[v].bytes);
    }
    inn_arena_free(&one.arena);
    inn_arena_free(&many.arena);
    inn_arena_free(&arena);
    inn_graph_free(g);
    inn_heap_free(heap);
}
END_TEST

START_TEST(what_can_not_be_run_is_named)
{
    static const int64_t in[4] = {-1, 2, 5, 5};
    struct inn_heap *heap = inn_heap_new(0);
    struct inn_error err = {0};
    struct inn_graph *g = small_net(heap, -1, false);
    struct inn_arena arena;
    struct inn_tensor x;
    struct seen seen;

    inn_arena_init(&arena, heap);
    seen_start(&seen, heap);
    x = make_input(&arena, 3, 2, 5, 3);
    net_node(g, "NoSuchThing", 13, "r", "z");
    /* Nothing depends on it. */
    ck_assert_int_eq(interpret(g, &x, 1, true, watch, &seen, 1, &err),
                     INN_OK);
    net_output(g, "z");
    seen.count = 0;
    ck_assert_int_eq(interpret(g, &x, 1, true, watch, &seen, 1, &err),
                     INN_ERR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.message, "NoSuchThing"));
    ck_assert_int_eq(seen.count, 0);
    /* Inputs that don't fit: too few, another type, another shape. */
    ck_assert_int_eq(interpret(g, &x, 0, true, watch, &seen, 1, &err),
                     INN_ERR_UNSUPPORTED);
    x.type = INN_F64;
    ck_assert_int_eq(interpret(g, &x, 1, true, watch, &seen, 1, &err),
                     INN_ERR_UNSUPPORTED);
    x = make_input(&arena, 3, 4, 5, 3);
    ck_assert_int_eq(interpret(g, &x, 1, true, watch, &seen, 1, &err),
                     INN_ERR_UNSUPPORTED);
    ck_assert_int_eq(err.status, INN_ERR_UNSUPPORTED);
    inn_graph_free(g);
    /* A network without weights. */
    ck_assert_int_eq(inn_graph_new(&g, heap, NULL), INN_OK);
    net_input(g, "x", INN_F32, 4, in, "N");
    net_init(g, "w", INN_F32, 4, (const int64_t[]){1, 2, 1, 1}, NULL);
    g->values[inn_graph_find(g, "w")].init->data = NULL;
    net_node(g, "Conv", 13, "x w", "y");
    net_output(g, "y");
    x = make_input(&arena, 3, 2, 5, 3);
    ck_assert_int_eq(interpret(g, &x, 1, true, watch, &seen, 1, &err),
                     INN_ERR_UNSUPPORTED);
    inn_graph_free(g);
    inn_arena_free(&seen.arena);
    inn_arena_free(&arena);
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}
END_TEST

START_TEST(a_watcher_may_stop_it)
{
    struct inn_heap *heap = inn_heap_new(0);
    struct inn_graph *g = large_net(heap, -1);
    enum inn_status st = INN_ERR_LIMIT;
    struct inn_error err;
    struct inn_arena arena;
    struct inn_tensor x;
    struct seen seen;
    size_t before;
    int n;

    inn_arena_init(&arena, heap);
    x = make_input(&arena, 2, 3, 8, 9);
    before = inn_heap_used(heap);
    for (n = 1; st != INN_OK; n++) {
        ck_assert_int_lt(n, 50);
        seen_start(&seen, heap);
        seen.stop_after = n;
        st = interpret(g, &x, 1, true, watch, &seen, 1, &err);
        ck_assert(st == INN_OK || st == INN_ERR_LIMIT);
        inn_arena_free(&seen.arena);
        ck_assert_uint_eq(inn_heap_used(heap), before);
    }
    ck_assert_int_gt(n, 18); /* values */
    inn_arena_free(&arena);
    inn_graph_free(g);
    inn_heap_free(heap);
}
END_TEST

static enum inn_status look_away(void *state, int value,
                                 const struct inn_tensor *tensor,
                                 struct inn_error *err)
{
    (void)state;
    (void)value;
    (void)tensor;
    (void)err;
    return INN_OK;
}

START_TEST(every_allocation_may_fail)
{
    struct inn_heap *heap = inn_heap_new(0);
    struct inn_graph *g = _i < 2 ? small_net(heap, -1, false)
                                 : large_net(heap, -1);
    struct inn_arena arena;
    struct inn_tensor x;
    struct starve s;

    inn_arena_init(&arena, heap);
    x = _i < 2 ? make_input(&arena, 2, 2, 5, 3)
               : make_input(&arena, 2, 3, 8, 3);
    s = starve(heap, 30, 4000);
    while (starving(&s))
        s.st = interpret(g, &x, 1, true, look_away, NULL, 1 + _i % 2,
                         s.err);
    inn_arena_free(&arena);
    inn_graph_free(g);
    inn_heap_free(heap);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("interpret");
    TCase *t = tcase_create("interpret");

    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, a_small_net_is_as_written_out, 0, 6);
    tcase_add_test(t, placeholders_are_applied_as_stored);
    tcase_add_test(t, one_true_statistic_is_enough);
    tcase_add_test(t, f16_is_standardised_too);
    tcase_add_loop_test(t, every_value_is_that_of_a_whole_run, 0, 2);
    tcase_add_test(t, threads_do_not_change_a_bit);
    tcase_add_test(t, what_can_not_be_run_is_named);
    tcase_add_test(t, a_watcher_may_stop_it);
    tcase_add_loop_test(t, every_allocation_may_fail, 0, 3);
    suite_add_tcase(s, t);
    return run_suite(s);
}
