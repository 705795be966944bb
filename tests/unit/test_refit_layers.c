/*
 * Refitting's layers: rows of every kind of linear graph node against what
 * the node computes, and one layer's fit against a dense solution.
 */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/dense_fit.h"
#include "tests/unit/exec_graphs.h"
#include "tests/unit/starve.h"
#include "tests/unit/suite.h"

static struct inn_shapes shapes;
static struct inn_session *session;

static void setup(void)
{
    graph_begin();
}

static void teardown(void)
{
    inn_session_free(session);
    inn_shapes_free(&shapes);
    session = NULL;
    graph_end();
}

/* The graph's one linear node, at the sizes its inputs declare. */
static struct inn_linear read_linear(void)
{
    struct inn_linear l;
    struct inn_error err;

    ck_assert_int_eq(inn_shapes_infer(&shapes, graph, NULL, 0, 1, 0, &err),
                     INN_OK);
    ck_assert(inn_linear_read(&l, graph, &shapes, 0));
    return l;
}

/* Σ w x at every position, by rows, is what the kernel gives there. */
static void check_rows(const struct inn_tensor *x)
{
    struct inn_linear l = read_linear();
    const struct inn_tensor *y = run_once(&session, 1, true, false, x, 1);
    size_t n = inn_linear_unknowns(&l) + 1, part, p, o, u;
    double *w = calloc(l.outputs * n, sizeof(*w));
    float *row = calloc(n, sizeof(*row));
    float *out = calloc(l.outputs, sizeof(*out));

    ck_assert(w != NULL && row != NULL && out != NULL);
    for (part = 0; part < l.parts; part++) {
        inn_linear_get(&l, w, graph->values[l.weight].init,
                       l.bias < 0 ? NULL : graph->values[l.bias].init, part);
        for (p = 0; p < l.positions; p++) {
            inn_linear_rows(&l, row, n, x->data, part, &p, 1);
            inn_linear_outputs(&l, out, l.outputs, y->data, part, &p, 1);
            ck_assert(row[n - 1] == 1.0f);
            for (o = 0; o < l.outputs; o++) {
                double sum = 0.0;

                for (u = 0; u < n; u++)
                    sum += w[o * n + u] * (double)row[u];
                ck_assert_double_le(fabs(sum - (double)out[o]),
                                    1e-5 * (1.0 + fabs(sum)));
            }
        }
    }
    free(w);
    free(row);
    free(out);
}

struct conv_case {
    int spatial;
    int64_t size, in, out, kernel, stride, pad, dilation, group;
    bool turned;
};

static const struct conv_case convs[] = {
    {2, 7, 4, 6, 3, 1, 1, 1, 1, false},
    {2, 9, 4, 6, 3, 2, 1, 1, 1, false},
    {2, 9, 4, 6, 3, 1, 2, 2, 2, false},
    {2, 6, 4, 4, 3, 1, 1, 1, 4, false},
    {2, 6, 4, 8, 3, 2, 0, 1, 4, false},
    {2, 5, 4, 6, 1, 1, 0, 1, 1, false},
    {1, 11, 4, 6, 5, 2, 2, 1, 1, false},
    {3, 4, 4, 6, 3, 1, 1, 1, 2, false},
    {2, 5, 4, 6, 4, 2, 1, 1, 1, true},
    {2, 5, 4, 6, 3, 2, 0, 1, 2, true},
    {1, 6, 4, 6, 3, 3, 1, 2, 1, true},
};

static const struct inn_tensor *make_conv(const struct conv_case *c,
                                          bool bias)
{
    int64_t x[INN_MAX_RANK] = {2, c->in}, w[INN_MAX_RANK], four[6];
    struct inn_tensor *t;
    int i, v;

    w[0] = c->turned ? c->in : c->out;
    w[1] = (c->turned ? c->out : c->in) / c->group;
    for (i = 0; i < c->spatial; i++) {
        x[2 + i] = c->size + i;
        w[2 + i] = c->kernel;
    }
    v = add_op(c->turned ? "ConvTranspose" : "Conv",
               add_input("x", INN_F32, 2 + c->spatial, x),
               add_weight("w", 2 + c->spatial, w),
               bias ? add_weight("b", 1, &c->out) : -1);
    set_int(v, "group", c->group);
    for (i = 0; i < 6; i++)
        four[i] = c->stride;
    set_ints(v, "strides", four, (size_t)c->spatial);
    for (i = 0; i < 6; i++)
        four[i] = c->dilation;
    set_ints(v, "dilations", four, (size_t)c->spatial);
    for (i = 0; i < 6; i++)
        four[i] = c->pad;
    set_ints(v, "pads", four, 2 * (size_t)c->spatial);
    add_output(v);
    t = new_tensor(INN_F32, 2 + c->spatial, x);
    fill_tensor(t);
    return t;
}

START_TEST(rows_of_convolutions_meet_what_they_sum)
{
    check_rows(make_conv(&convs[_i / 2], _i % 2 != 0));
}
END_TEST

/* Products: op, ranks and transpositions as their sizes say. */
struct product_case {
    const char *op;
    int64_t x[3], w[2];
    int rank;
    bool left, turned_x, turned_w;
};

static const struct product_case products[] = {
    {"MatMul", {5, 4}, {4, 6}, 2, false, false, false},
    {"MatMul", {2, 5, 4}, {4, 6}, 3, false, false, false},
    {"MatMul", {2, 4, 5}, {6, 4}, 3, true, false, false},
    {"Gemm", {5, 4}, {4, 6}, 2, false, false, false},
    {"Gemm", {5, 4}, {6, 4}, 2, false, false, true},
    {"Gemm", {4, 5}, {4, 6}, 2, false, true, false},
    {"Gemm", {4, 5}, {6, 4}, 2, false, true, true},
    {"Gemm", {4, 5}, {6, 4}, 2, true, false, false},
    {"Gemm", {5, 4}, {4, 6}, 2, true, true, true},
};

START_TEST(rows_of_products_meet_what_they_sum)
{
    const struct product_case *c = &products[_i];
    int64_t six = 6;
    struct inn_tensor *t;
    int x = add_input("x", INN_F32, c->rank, c->x), v;
    int w = add_weight("w", 2, c->w);
    bool bias = strcmp(c->op, "Gemm") == 0 && !c->left;

    v = add_op(c->op, c->left ? w : x, c->left ? x : w,
               bias ? add_weight("b", 1, &six) : -1);
    if (c->turned_x)
        set_int(v, c->left ? "transB" : "transA", 1);
    if (c->turned_w)
        set_int(v, c->left ? "transA" : "transB", 1);
    add_output(v);
    t = new_tensor(INN_F32, c->rank, c->x);
    fill_tensor(t);
    check_rows(t);
}
END_TEST

/* A layer by itself, whose aim is of our choice. */
static struct inn_refit_task make_task(struct inn_refit_layer *layer,
                                       const struct inn_tensor *x,
                                       const float *aim)
{
    struct inn_refit_task task = {.layer = layer, .samples = 1, .x = x->data,
                                  .aim = aim};

    memset(layer, 0, sizeof(*layer));
    layer->linear = read_linear();
    layer->aim = layer->linear.y;
    layer->shortcut = -1;
    layer->low = -INFINITY;
    layer->high = INFINITY;
    task.full = layer->linear.to;
    task.full_elements = task.full.outer * task.full.channels *
                         task.full.inner;
    return task;
}

static void check_fit(const struct inn_tensor *x)
{
    const struct inn_tensor *y = run_once(&session, 1, true, false, x, 1);
    struct inn_tensor *aim = new_tensor(INN_F32, y->rank, y->dims);
    struct inn_refit_layer layer;
    struct inn_refit_task task;
    struct inn_refit_fit *fit;
    const struct inn_linear *l = &layer.linear;
    struct inn_tensor *weight, *bias;
    struct inn_error err;
    double *start, *want, *got;
    size_t n, part, i, count;

    fill_tensor(aim);
    task = make_task(&layer, x, aim->data);
    weight = graph->values[l->weight].init;
    bias = l->bias < 0 ? NULL : graph->values[l->bias].init;
    n = inn_linear_unknowns(l) + 1;
    count = l->outputs * n;
    start = calloc(l->parts * count, sizeof(*start));
    want = calloc(count, sizeof(*want));
    got = calloc(count, sizeof(*got));
    ck_assert(start != NULL && want != NULL && got != NULL);
    for (part = 0; part < l->parts; part++)
        inn_linear_get(l, start + part * count, weight, bias, part);
    ck_assert_int_eq(inn_refit_solve(&fit, &task, &all_rows, weight, bias, 2,
                                     heap, &err), INN_OK);
    inn_refit_fit_free(fit);
    for (part = 0; part < l->parts; part++) {
        dense_fit(want, l, part, x->data, aim->data, start + part * count);
        inn_linear_get(l, got, weight, bias, part);
        /* Products are summed in float; systems are well conditioned. */
        for (i = 0; i < count; i++)
            ck_assert_double_le(fabs(got[i] - want[i]),
                                1e-4 * (1.0 + fabs(want[i])));
    }
    free(start);
    free(want);
    free(got);
}

START_TEST(a_fit_is_the_dense_solution)
{
    check_fit(make_conv(&convs[_i / 2], _i % 2 != 0));
}
END_TEST

START_TEST(a_layer_that_gives_its_aim_stays)
{
    const struct inn_tensor *x = make_conv(&convs[0], true);
    const struct inn_tensor *y = run_once(&session, 1, true, false, x, 1);
    struct inn_refit_layer layer;
    struct inn_refit_task task = make_task(&layer, x, y->data);
    struct inn_tensor *weight = graph->values[layer.linear.weight].init;
    size_t n = inn_tensor_count(weight), i;
    float *was = malloc(weight->bytes);
    struct inn_refit_fit *fit;
    struct inn_error err;

    ck_assert_ptr_nonnull(was);
    memcpy(was, weight->data, weight->bytes);
    ck_assert_int_eq(inn_refit_solve(&fit, &task, &all_rows, weight,
                                     graph->values[layer.linear.bias].init, 1,
                                     heap, &err), INN_OK);
    inn_refit_fit_free(fit);
    for (i = 0; i < n; i++)
        ck_assert_double_le(fabs((double)(((float *)weight->data)[i] -
                                          was[i])), 1e-5);
    free(was);
}
END_TEST

START_TEST(sums_that_are_not_finite_leave_weights_as_they_are)
{
    const struct inn_tensor *x = make_conv(&convs[0], true);
    const struct inn_tensor *y = run_once(&session, 1, true, false, x, 1);
    struct inn_tensor *aim = new_tensor(INN_F32, y->rank, y->dims);
    struct inn_refit_layer layer;
    struct inn_refit_task task = make_task(&layer, x, aim->data);
    struct inn_tensor *weight = graph->values[layer.linear.weight].init;
    float *was = malloc(weight->bytes);
    struct inn_refit_fit *fit;
    struct inn_error err;

    ck_assert_ptr_nonnull(was);
    memcpy(was, weight->data, weight->bytes);
    if (_i == 0)
        ((float *)aim->data)[3] = INFINITY;
    else
        ((float *)x->data)[3] = 1e30f; /* its square isn't finite */
    ck_assert_int_eq(inn_refit_solve(&fit, &task, &all_rows, weight,
                                     graph->values[layer.linear.bias].init, 1,
                                     heap, &err), INN_OK);
    inn_refit_fit_free(fit);
    ck_assert_mem_eq(was, weight->data, weight->bytes);
    free(was);
}
END_TEST

/*
 * An aim far below the flat part is met by anything there: what the layer
 * gave there is left, so that weights stay where all of it is.
 */
START_TEST(aims_in_a_flat_part_count_as_met)
{
    const struct inn_tensor *x = make_conv(&convs[0], true);
    const struct inn_tensor *y = run_once(&session, 1, true, false, x, 1);
    struct inn_tensor *aim = new_tensor(INN_F32, y->rank, y->dims);
    struct inn_refit_layer layer;
    struct inn_refit_task task = make_task(&layer, x, aim->data);
    struct inn_tensor *weight = graph->values[layer.linear.weight].init;
    struct inn_tensor *bias = graph->values[layer.linear.bias].init;
    size_t n = inn_tensor_count(weight), i, count = inn_tensor_count(y);
    float *was = malloc(weight->bytes);
    struct inn_refit_fit *fit;
    struct inn_error err;

    ck_assert_ptr_nonnull(was);
    memcpy(was, weight->data, weight->bytes);
    for (i = 0; i < count; i++)
        ((float *)aim->data)[i] = -1000.0f - (float)(i % 7);
    layer.low = 500.0f; /* all that the layer gives lies below */
    ck_assert_int_eq(inn_refit_solve(&fit, &task, &all_rows, weight, bias, 1,
                                     heap, &err), INN_OK);
    task.y = y->data;
    ck_assert_int_eq(inn_refit_again(fit, &task, weight, bias, 1, &err),
                     INN_OK);
    inn_refit_fit_free(fit);
    for (i = 0; i < n; i++)
        ck_assert_double_le(fabs((double)(((float *)weight->data)[i] -
                                          was[i])), 1e-4);
    free(was);
}
END_TEST

START_TEST(every_failing_request_of_a_fit_is_reported)
{
    const struct inn_tensor *x = make_conv(&convs[2], true);
    struct inn_tensor *aim;
    struct inn_refit_layer layer;
    struct inn_refit_task task;
    int64_t dims[] = {2, 6, 9, 10};
    struct starve s;

    aim = new_tensor(INN_F32, 4, dims);
    task = make_task(&layer, x, aim->data);
    s = starve(heap, 10, 60);
    while (starving(&s)) {
        struct inn_refit_fit *fit;

        s.st = inn_refit_solve(&fit, &task, &all_rows,
                               graph->values[layer.linear.weight].init,
                               graph->values[layer.linear.bias].init, 1, heap,
                               s.err);
        inn_refit_fit_free(fit);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("refit_layers");
    TCase *tcase = tcase_create("rows and fits");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, rows_of_convolutions_meet_what_they_sum, 0,
                        2 * (int)INN_COUNT(convs));
    tcase_add_loop_test(tcase, rows_of_products_meet_what_they_sum, 0,
                        (int)INN_COUNT(products));
    tcase_add_loop_test(tcase, a_fit_is_the_dense_solution, 0,
                        2 * (int)INN_COUNT(convs));
    tcase_add_test(tcase, a_layer_that_gives_its_aim_stays);
    tcase_add_loop_test(
        tcase, sums_that_are_not_finite_leave_weights_as_they_are, 0, 2);
    tcase_add_test(tcase, aims_in_a_flat_part_count_as_met);
    tcase_add_test(tcase, every_failing_request_of_a_fit_is_reported);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
