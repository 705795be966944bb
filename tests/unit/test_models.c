/* The networks that inn-model writes, and the layers they are made of. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/models.h"
#include "runtime/exec/session.h"
#include "tests/unit/starve.h"
#include "tests/unit/suite.h"

static struct inn_heap *heap;
static struct inn_error err;

static void setup(void)
{
    heap = inn_heap_new(0);
    memset(&err, 0, sizeof(err));
}

static void teardown(void)
{
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}

static struct inn_graph *build(const char *name, uint64_t seed,
                               bool weightless)
{
    const struct inn_architecture *a = inn_architecture_find(name);
    struct inn_graph *graph;
    int64_t params;

    ck_assert_ptr_nonnull(a);
    ck_assert_int_eq(inn_architecture_build(&graph, &params, a, seed,
                                            weightless, heap, &err), INN_OK);
    ck_assert_int_eq(params, a->params);
    return graph;
}

START_TEST(every_network_has_as_many_parameters_as_was_published)
{
    inn_graph_free(build(inn_architectures[_i].name, 0, true));
    if (_i > 0)
        ck_assert_int_lt(strcmp(inn_architectures[_i - 1].name,
                                inn_architectures[_i].name), 0);
}
END_TEST

START_TEST(inputs_and_outputs_declare_what_may_vary)
{
    struct inn_graph *g = build("resnet50", 0, true);
    const struct inn_value *in = &g->values[g->inputs[0]];
    const struct inn_value *out = &g->values[g->outputs[0]];

    ck_assert_int_eq(g->opsets[0].version, 13);
    ck_assert_int_eq(g->ir_version, 7);
    ck_assert_str_eq(in->dims[0].symbol, "N");
    ck_assert_int_eq(in->dims[2].size, 224);
    ck_assert_int_eq(out->rank, 2);
    ck_assert_str_eq(out->dims[0].symbol, "N");
    ck_assert_int_eq(out->dims[1].size, 1000);
    inn_graph_free(g);
    g = build("srcnn-x3", 0, true);
    out = &g->values[g->outputs[0]];
    ck_assert_int_eq(out->rank, 4);
    ck_assert_str_eq(out->dims[2].symbol, "H");
    ck_assert_str_eq(out->dims[3].symbol, "W");
    inn_graph_free(g);
}
END_TEST

START_TEST(a_seed_gives_its_weights_again_and_another_seed_others)
{
    struct inn_graph *a = build("srcnn-x3", 5, false);
    struct inn_graph *b = build("srcnn-x3", 5, false);
    struct inn_graph *c = build("srcnn-x3", 6, false);
    int i, weights = 0;

    for (i = 0; i < a->n_values; i++) {
        const struct inn_tensor *t = a->values[i].init;

        if (t == NULL)
            continue;
        weights++;
        ck_assert_mem_eq(t->data, b->values[i].init->data, t->bytes);
        ck_assert_mem_ne(t->data, c->values[i].init->data, t->bytes);
    }
    ck_assert_int_eq(weights, 6);
    inn_graph_free(a);
    inn_graph_free(b);
    inn_graph_free(c);
}
END_TEST

/* 64 xoshiro draws by hand would prove the copy: moments prove the law. */
START_TEST(random_numbers_are_normal)
{
    enum { N = 200000 };
    float *x = malloc(N * sizeof(*x)), other[4];
    double m1 = 0, m2 = 0, m3 = 0, m4 = 0;
    int i;

    ck_assert_ptr_nonnull(x);
    inn_seeded_normal(x, N, 1, "w", 3, 2);
    for (i = 0; i < N; i++) {
        const double z = (x[i] - 3.0) / 2;

        m1 += z / N;
        m2 += z * z / N;
        m3 += z * z * z / N;
        m4 += z * z * z * z / N;
    }
    /* Four standard errors; 2.9 = 3 - 1.2 / 12 for a sum of twelve. */
    ck_assert_double_lt(fabs(m1), 4 * sqrt(1.0 / N));
    ck_assert_double_lt(fabs(m2 - 1), 4 * sqrt(2.0 / N));
    ck_assert_double_lt(fabs(m3), 4 * sqrt(15.0 / N));
    ck_assert_double_lt(fabs(m4 - 2.9), 4 * sqrt(96.0 / N));
    inn_seeded_normal(other, 4, 1, "v", 3, 2);
    ck_assert_mem_ne(x, other, sizeof(other));
    free(x);
}
END_TEST

/* Input, convolution, normalization and all that moments go through. */
static void small(struct inn_builder *b)
{
    const struct inn_conv stem = {16, 3, 1, 1, 2, false};
    const struct inn_conv conv = {16, 3, 1, 1, 2, true};
    int x = inn_build_input(b, "input", 3, 12, 10), y;

    x = inn_build_batch_norm(b, "bn1", inn_build_conv(b, "conv1", x, &stem));
    x = inn_build_max_pool(b, inn_build_relu(b, x), 2, 2, 0);
    y = inn_build_batch_norm(b, "bn2", inn_build_conv(b, "conv2", x, &conv));
    x = inn_build_relu(b, inn_build_add(b, y, x));
    x = inn_build_batch_norm(b, "bn3", inn_build_conv(b, "conv3", x, &conv));
    inn_build_output(b, inn_build_scale(b, x, 0.5f));
}

/* Mean of (variance / scale²) and of (mean - shift)² over channels. */
static void compare(const struct inn_graph *g, const char *bn,
                    const struct inn_tensor *t, double *var, double *shift)
{
    const struct inn_value *v = &g->values[inn_graph_find(g, bn)];
    const struct inn_node *n = &g->nodes[v->producer];
    const float *scale = g->values[n->inputs[1]].init->data;
    const float *beta = g->values[n->inputs[2]].init->data;
    const int64_t hw = t->dims[2] * t->dims[3];
    const float *x = t->data;
    int64_t c, i, p;

    *var = *shift = 0;
    for (c = 0; c < t->dims[1]; c++) {
        double sum = 0, squares = 0;
        const double count = (double)(t->dims[0] * hw);

        for (i = 0; i < t->dims[0]; i++) {
            for (p = 0; p < hw; p++) {
                const double at = x[(i * t->dims[1] + c) * hw + p];

                sum += at;
                squares += at * at;
            }
        }
        sum /= count;
        *var += (squares / count - sum * sum) / (scale[c] * scale[c]);
        *shift += (sum - beta[c]) * (sum - beta[c]);
    }
    *var /= (double)t->dims[1];
    *shift /= (double)t->dims[1];
}

START_TEST(batch_statistics_are_those_of_noise_through_the_layers_before)
{
    static const char *const names[] = {"bn1", "bn2", "bn3"};
    /* Exact for the first; correlations are left out of the others. */
    static const double limits[] = {0.1, 0.35, 0.35};
    const struct inn_session_options options = {.keep_all = true};
    struct inn_session *session = NULL;
    const struct inn_tensor *out;
    struct inn_tensor in;
    struct inn_arena arena;
    struct inn_builder b;
    double var, shift;
    size_t i;

    inn_build_start(&b, "small", 3, false, heap, &err);
    small(&b);
    ck_assert_int_eq(b.status, INN_OK);
    inn_arena_init(&arena, heap);
    ck_assert_int_eq(inn_tensor_new(&in, &arena, INN_F32, 4,
                                    (const int64_t[]){64, 3, 12, 10}, &err),
                     INN_OK);
    inn_seeded_normal(in.data, inn_tensor_count(&in), 9, "input", 0, 1);
    ck_assert_int_eq(inn_session_new(&session, b.graph, &options, &err),
                     INN_OK);
    ck_assert_int_eq(inn_session_run(session, &out, &in, 1, &err), INN_OK);
    for (i = 0; i < INN_COUNT(names); i++) {
        compare(b.graph, names[i], inn_session_value(session, names[i]), &var,
                &shift);
        ck_assert_double_lt(fabs(var - 1), limits[i]);
        ck_assert_double_lt(shift, limits[i] * limits[i]);
    }
    inn_session_free(session);
    inn_arena_free(&arena);
    inn_build_end(&b);
}
END_TEST

START_TEST(the_first_fault_sticks_and_names_the_layer)
{
    const struct inn_conv conv = {4, 3, 1, 1, 2, false};
    struct inn_builder b;
    int x;

    inn_build_start(&b, "open", 0, false, heap, &err);
    x = inn_build_input(&b, "input", 3, -1, -1);
    x = inn_build_conv(&b, "conv", x, &conv);
    ck_assert_int_ge(x, 0);
    x = inn_build_batch_norm(&b, "bn", x); /* of a map of unknown size */
    ck_assert_int_eq(x, -1);
    ck_assert_int_eq(b.status, INN_ERR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.message, "'bn'"));
    ck_assert_int_eq(inn_build_relu(&b, x), -1);
    ck_assert_int_eq(inn_build_add(&b, x, x), -1);
    ck_assert_int_eq(inn_build_flatten(&b, x), -1);
    ck_assert_int_eq(inn_build_conv(&b, "c", x, &conv), -1);
    ck_assert_str_eq(inn_build_name(&b, "%d", 1), "");
    inn_build_output(&b, x);
    inn_build_end(&b);
}
END_TEST

START_TEST(every_allocation_may_fail)
{
    struct starve s = starve(heap, 5, 1000);
    struct inn_builder b;

    s.heard = true;
    while (starving(&s)) {
        inn_build_start(&b, "small", 0, false, heap, s.err);
        small(&b);
        inn_build_end(&b);
        s.st = b.status;
    }
}
END_TEST

START_TEST(every_allocation_of_a_network_may_fail)
{
    const struct inn_architecture *a = &inn_architectures[_i];
    struct starve s = starve(heap, 20, 100000);
    struct inn_graph *graph;
    int64_t params;

    s.heard = true;
    while (starving(&s)) {
        s.st = inn_architecture_build(&graph, &params, a, 0, true, heap,
                                      s.err);
        ck_assert_int_eq(graph != NULL, s.st == INN_OK);
        inn_graph_free(graph);
    }
}
END_TEST

START_TEST(a_ceiling_that_is_met_is_said_to_be_one)
{
    struct inn_heap *low = inn_heap_new((size_t)1 << 20);
    struct inn_graph *graph;
    int64_t params;

    ck_assert_int_eq(
        inn_architecture_build(&graph, &params,
                               inn_architecture_find("vgg19"), 0, false, low,
                               &err), INN_ERR_LIMIT);
    ck_assert_ptr_null(graph);
    ck_assert_uint_eq(inn_heap_used(low), 0);
    inn_heap_free(low);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("models");
    TCase *t = tcase_create("models");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(
        t, every_network_has_as_many_parameters_as_was_published, 0,
        INN_ARCHITECTURES);
    tcase_add_test(t, inputs_and_outputs_declare_what_may_vary);
    tcase_add_test(t, a_seed_gives_its_weights_again_and_another_seed_others);
    tcase_add_test(t, random_numbers_are_normal);
    tcase_add_test(
        t, batch_statistics_are_those_of_noise_through_the_layers_before);
    tcase_add_test(t, the_first_fault_sticks_and_names_the_layer);
    tcase_add_test(t, every_allocation_may_fail);
    tcase_add_loop_test(t, every_allocation_of_a_network_may_fail, 0,
                        INN_ARCHITECTURES);
    tcase_add_test(t, a_ceiling_that_is_met_is_said_to_be_one);
    suite_add_tcase(s, t);
    return run_suite(s);
}
