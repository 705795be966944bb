/* Sessions on small graphs: inputs, outputs, plans, memory, every error. */
#include <check.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/threads.h"
#include "runtime/exec/workers.h"
#include "tests/unit/exec_graphs.h"
#include "tests/unit/suite.h"

START_TEST(relu_runs_on_the_callers_memory)
{
    int64_t dims[] = {5};
    float x[] = {-1, 2, -3, 4, 0}, want[] = {0, 2, 0, 4, 0};
    struct inn_tensor in;
    struct inn_session *s;
    const struct inn_tensor *out;

    graph_begin();
    add_output(add_op("Relu", add_input("x", INN_F32, 1, dims), -1, -1));
    inn_tensor_init(&in, INN_F32, 1, dims, NULL);
    in.data = x;
    out = run_once(&s, 1, _i == 1, false, &in, 1);
    ck_assert_mem_eq(out[0].data, want, sizeof(want));
    ck_assert_float_eq(x[0], -1);
    inn_session_free(s);
    graph_end();
}
END_TEST

static void expect(const struct inn_tensor *in, int n, enum inn_status want,
                   const char *message)
{
    struct inn_session *s;
    const struct inn_tensor *out;
    struct inn_error err = {0};

    ck_assert_int_eq(inn_session_new(&s, graph, NULL, &err), INN_OK);
    ck_assert_int_eq(inn_session_run(s, &out, in, n, &err), want);
    ck_assert_str_eq(err.message, message);
    ck_assert_ptr_null(out);
    inn_session_free(s);
}

START_TEST(inputs_are_held_to_what_the_network_declares)
{
    int64_t want[] = {-1, 3, 224, 224}, small[] = {1, 3, 32, 32};
    int64_t two[] = {2, 3}, other[] = {-1, 3};
    struct inn_tensor in[2] = {{0}, {0}};

    graph_begin();
    add_output(add_op("Relu", add_input("x", INN_F32, 4, want), -1, -1));
    add_output(add_op("Relu", add_input("y", INN_F32, 2, other), -1, -1));
    expect(in, 1, INN_ERR_RANGE,
           "1 inputs are given, the network wants 2");
    in[0] = *new_tensor(INN_F32, 4, small);
    in[1] = *new_tensor(INN_F32, 2, two);
    expect(in, 2, INN_ERR_RANGE,
           "input 'x' is 1x3x32x32, the network wants Nx3x224x224");
    in[0] = *new_tensor(INN_F32, 2, two);
    expect(in, 2, INN_ERR_RANGE,
           "input 'x' is 2x3, the network wants Nx3x224x224");
    small[2] = small[3] = 224;
    in[0] = *new_tensor(INN_F16, 4, small);
    expect(in, 2, INN_ERR_RANGE,
           "input 'x' is f16, the network wants f32");
    in[0] = *new_tensor(INN_F32, 4, small);
    expect(in, 2, INN_ERR_RANGE,
           "dimension 'N' is 1 in input 'x' and 2 in 'y'");
    in[0].bytes -= 4;
    expect(in, 2, INN_ERR_ARGUMENT,
           "input 'x' has 602108 bytes of data, its shape 1x3x224x224 takes "
           "602112");
    graph_end();
}
END_TEST

START_TEST(steps_tell_what_computes_them_and_are_timed_on_request)
{
    const struct inn_session_options how = {.threads = 1,
                                            .profile = _i == 1};
    int64_t dims[] = {1, 4, 9, 9}, weight[] = {8, 4, 3, 3};
    const struct inn_tensor *out;
    struct inn_session *s;
    struct inn_step_info info;
    int i, convs = 0;

    graph_begin();
    i = add_op("Conv", add_input("x", INN_F32, 4, dims),
               add_weight("w", 4, weight), -1);
    add_output(add_op("Relu", i, -1, -1));
    ck_assert_int_eq(inn_session_new(&s, graph, &how, NULL), INN_OK);
    ck_assert_int_eq(inn_session_run(s, &out, new_tensor(INN_F32, 4, dims), 1,
                                     NULL),
                     INN_OK);
    for (i = 0; i < inn_session_n_steps(s); i++) {
        inn_session_step(s, &info, i);
        ck_assert_str_ne(info.impl, "");
        ck_assert_int_eq(info.ns > 0, how.profile);
        if (info.node == NULL || strcmp(info.node->op_type, "Conv") != 0)
            continue;
        convs++;
        ck_assert_int_eq(info.macs, 8 * 4 * 9 * 7 * 7);
    }
    ck_assert_int_eq(convs, 1);
    inn_session_free(s);
    graph_end();
}
END_TEST

/* Found by tests/fuzz: 2 bytes an element, and a kernel that writes 4. */
START_TEST(rows_that_compute_in_floats_run_on_nothing_else)
{
    static const char *const ops[] = {"Softmax", "Sigmoid", "Elu", "Hardmax",
                                      "GlobalMaxPool"};
    int64_t dims[] = {1, 2, 3, 3};
    struct inn_session *s;
    struct inn_error err = {0};
    char says[128];

    graph_begin();
    add_output(add_op(ops[_i], add_input("x", INN_U16, 4, dims), -1, -1));
    ck_assert_int_eq(inn_session_new(&s, graph, NULL, &err),
                     INN_ERR_UNSUPPORTED);
    snprintf(says, sizeof(says),
             "can't be run: not for u16 (input 'x'): %s 'n0'", ops[_i]);
    ck_assert_str_eq(err.message, says);
    ck_assert_ptr_null(s);
    graph_end();
}
END_TEST

/*
 * The heap would refuse the first request of the second run. Sides of 12:
 * oneDNN unrolls its reorder of 9 x 9 into more than valgrind can translate.
 */
START_TEST(a_run_at_sizes_that_are_planned_allocates_nothing)
{
    int64_t dims[] = {2, 16, 12, 12}, w[] = {16, 16, 3, 3}, n[] = {16};
    int64_t pads[] = {1, 1, 1, 1}, perm[] = {0, 2, 3, 1};
    const struct inn_tensor *out;
    struct inn_session *s;
    struct inn_tensor in;
    struct inn_error err = {0};
    size_t used;
    int v, x;

    graph_begin();
    x = add_op("Conv", add_input("x", INN_F32, 4, dims),
               add_weight("w", 4, w), add_weight("b", 1, n));
    set_ints(x, "pads", pads, 4);
    v = add_op("Add", add_op("Relu", x, -1, -1), x, -1);
    v = add_op("Concat", v, x, -1);
    set_int(v, "axis", 1);
    add_output(add_op("Erf", v, -1, -1));
    v = add_op("Transpose", add_op("GlobalAveragePool", v, -1, -1), -1, -1);
    set_ints(v, "perm", perm, 4);
    add_output(add_op("Softmax", v, -1, -1));
    in = *new_tensor(INN_F32, 4, dims);
    fill_tensor(&in);
    run_once(&s, 2, _i == 1, false, &in, 1);
    used = inn_heap_used(heap);
    inn_heap_fail_at(heap, 1);
    ck_assert_int_eq(inn_session_run(s, &out, &in, 1, &err), INN_OK);
    ck_assert_uint_eq(inn_heap_used(heap), used);
    inn_heap_fail_at(heap, 0);
    inn_session_free(s);
    graph_end();
}
END_TEST

START_TEST(what_is_unsupported_is_counted_and_the_first_named)
{
    int64_t dims[] = {4};
    struct inn_session *s;
    struct inn_error err = {0};
    int v, i;

    graph_begin();
    v = add_input("x", INN_F32, 1, dims);
    for (i = 0; i < 7; i++)
        v = add_op(i == 1 ? "Relu" : "Frobnicate", v, -1, -1);
    add_output(v);
    ck_assert_int_eq(inn_session_new(&s, graph, NULL, &err),
                     INN_ERR_UNSUPPORTED);
    ck_assert_ptr_null(s);
    ck_assert_str_eq(
        err.message,
        "6 graph nodes can't be run; the first: unknown operator: Frobnicate "
        "'n0'");
    graph_end();
}
END_TEST

START_TEST(what_no_output_needs_is_not_run)
{
    int64_t dims[] = {3};
    struct inn_tensor in;
    struct inn_session *s;
    int x;

    graph_begin();
    x = add_input("x", INN_F32, 1, dims);
    add_op("Frobnicate", x, -1, -1);
    add_output(add_op("Relu", x, -1, -1));
    in = *new_tensor(INN_F32, 1, dims);
    run_once(&s, 1, false, false, &in, 1);
    inn_session_free(s);
    graph_end();
}
END_TEST

START_TEST(weights_must_be_there)
{
    int64_t dims[] = {3};
    struct inn_session *s;
    struct inn_error err = {0};
    int w;

    graph_begin();
    w = add_weight("w", 1, dims);
    graph->values[w].init->data = NULL;
    add_output(add_op("Add", add_input("x", INN_F32, 1, dims), w, -1));
    ck_assert_int_eq(inn_session_new(&s, graph, NULL, &err),
                     INN_ERR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(err.message, "'w'"));
    graph_end();
}
END_TEST

START_TEST(outputs_that_are_inputs_or_constants_are_copied)
{
    int64_t dims[] = {2, 3}, flat[] = {6};
    struct inn_tensor in;
    struct inn_session *s;
    const struct inn_tensor *out;
    int x, w;

    graph_begin();
    x = add_input("x", INN_F32, 2, dims);
    w = add_weight("w", 2, dims);
    add_output(x);
    add_output(w);
    add_output(add_op("Reshape", x, add_weight_i64("shape", flat, 1), -1));
    add_output(add_op("Identity", w, -1, -1));
    in = *new_tensor(INN_F32, 2, dims);
    fill_tensor(&in);
    out = run_once(&s, 1, false, _i == 1, &in, 1);
    ck_assert_mem_eq(out[0].data, in.data, 24);
    ck_assert_mem_eq(out[1].data, graph->values[w].init->data, 24);
    ck_assert_mem_eq(out[2].data, in.data, 24);
    ck_assert_int_eq(out[2].rank, 1);
    ck_assert_mem_eq(out[3].data, graph->values[w].init->data, 24);
    ck_assert_ptr_ne(out[0].data, in.data);
    ck_assert_ptr_ne(out[2].data, in.data);
    ck_assert_ptr_ne(out[1].data, graph->values[w].init->data);
    inn_session_free(s);
    graph_end();
}
END_TEST

START_TEST(a_network_without_inputs_runs)
{
    int64_t dims[] = {3};
    struct inn_session *s;
    const struct inn_tensor *out;
    int w;

    graph_begin();
    w = add_weight("w", 1, dims);
    add_output(add_op("Relu", w, -1, -1));
    out = run_once(&s, 1, false, false, NULL, 0);
    ck_assert_int_eq(out[0].dims[0], 3);
    inn_session_free(s);
    graph_end();
}
END_TEST

/* ... and nobody could tell whether it did. */
START_TEST(a_network_without_outputs_is_refused)
{
    struct inn_error err = {0};
    struct inn_session *s;
    int64_t dims[] = {3};

    graph_begin();
    add_op("Relu", add_weight("w", 1, dims), -1, -1);
    ck_assert_int_eq(inn_session_new(&s, graph, NULL, &err),
                     INN_ERR_UNSUPPORTED);
    ck_assert_ptr_null(s);
    ck_assert_ptr_nonnull(strstr(err.message, "no outputs"));
    graph_end();
}
END_TEST

START_TEST(an_overwritten_operand_is_never_read_again)
{
    int64_t dims[] = {2, 5}, flat[] = {10};
    struct inn_tensor in;
    int x, y, z;

    graph_begin();
    x = add_op("Neg", add_input("x", INN_F32, 2, dims), -1, -1);
    y = add_op("Reshape", x, add_weight_i64("shape", flat, 1), -1);
    /* In place on y would ruin x, of which it is a view. */
    z = add_op("Relu", y, -1, -1);
    add_output(add_op("Add", x, x, -1));
    add_output(z);
    add_output(add_op("Mul", y, z, -1));
    in = *new_tensor(INN_F32, 2, dims);
    fill_tensor(&in);
    compare(&in, 1, 0);
    graph_end();
}
END_TEST

START_TEST(other_sizes_make_another_plan)
{
    int64_t dims[] = {-1, 3}, a[] = {2, 3}, b[] = {5, 3};
    struct inn_tensor in;
    struct inn_session *s;
    const struct inn_tensor *out;
    size_t small;
    int x;

    graph_begin();
    x = add_input("x", INN_F32, 2, dims);
    add_output(add_op("Exp", add_op("Neg", x, -1, -1), -1, -1));
    in = *new_tensor(INN_F32, 2, a);
    run_once(&s, 1, false, false, &in, 1);
    small = inn_session_workspace(s);
    ck_assert_uint_gt(small, 0);
    in = *new_tensor(INN_F32, 2, b);
    ck_assert_int_eq(inn_session_run(s, &out, &in, 1, NULL), INN_OK);
    ck_assert_int_eq(out[0].dims[0], 5);
    ck_assert_float_eq(((const float *)out[0].data)[14], 1);
    a[1] = 4;
    in = *new_tensor(INN_F32, 2, a);
    ck_assert_int_eq(inn_session_run(s, &out, &in, 1, NULL), INN_ERR_RANGE);
    in = *new_tensor(INN_F32, 2, b);
    ck_assert_int_eq(inn_session_run(s, &out, &in, 1, NULL), INN_OK);
    inn_session_free(s);
    graph_end();
}
END_TEST

START_TEST(keep_all_shows_every_value)
{
    int64_t dims[] = {1, 16, 4, 4}, wdims[] = {32, 16, 1, 1};
    struct inn_session *s, *plain;
    const struct inn_tensor *t;
    struct inn_tensor in;
    int x, y, z;

    graph_begin();
    x = add_input("x", INN_F32, 4, dims);
    y = add_op("Conv", x, add_weight("w", 4, wdims), -1);
    z = add_op("Relu", y, -1, -1);
    add_output(add_op("Neg", z, -1, -1));
    in = *new_tensor(INN_F32, 4, dims);
    fill_tensor(&in);
    run_once(&s, 1, false, true, &in, 1);
    run_once(&plain, 1, false, false, &in, 1);
    memset(in.data, 0, in.bytes);
    t = inn_session_value(s, "x");
    ck_assert_ptr_nonnull(t);
    ck_assert_float_ne(((const float *)t->data)[0], 0);
    t = inn_session_value(s, "w");
    ck_assert_ptr_nonnull(t);
    ck_assert_int_eq(t->dims[0], 32);
    t = inn_session_value(s, graph->values[y].name);
    ck_assert_ptr_nonnull(t);
    ck_assert_int_eq(t->dims[1], 32);
    t = inn_session_value(s, graph->values[z].name);
    ck_assert_ptr_nonnull(t);
    ck_assert_ptr_null(inn_session_value(s, "nobody"));
    ck_assert_ptr_null(inn_session_value(plain, graph->values[y].name));
    inn_session_free(s);
    inn_session_free(plain);
    graph_end();
}
END_TEST

START_TEST(short_floats_are_computed_in_f32)
{
    int64_t dims[] = {1, 3, 6, 6}, wdims[] = {4, 3, 3, 3};
    struct inn_session *s;
    const struct inn_tensor *out;
    struct inn_tensor in, *w;
    double sum = 0;
    size_t i, k;
    int v;

    graph_begin();
    w = new_tensor(INN_F16, 4, wdims);
    for (i = 0; i < inn_tensor_count(w); i++)
        ((uint16_t *)w->data)[i] = inn_f32_to_f16(random_number());
    v = add_value("w");
    graph->values[v].init = w;
    v = add_op("Conv", add_input("x", INN_F16, 4, dims), v, -1);
    add_output(add_op("Transpose", add_op("Sigmoid", v, -1, -1), -1, -1));
    in = *new_tensor(INN_F16, 4, dims);
    for (i = 0; i < inn_tensor_count(&in); i++)
        ((uint16_t *)in.data)[i] = inn_f32_to_f16(random_number());
    out = run_once(&s, 1, _i == 1, false, &in, 1);
    ck_assert_int_eq(out[0].type, INN_F16);
    for (i = 0; i < 3; i++) {
        for (k = 0; k < 9; k++)
            sum += (double)inn_f16_to_f32(
                       ((uint16_t *)in.data)[i * 36 + k / 3 * 6 + k % 3]) *
                   (double)inn_f16_to_f32(((uint16_t *)w->data)[i * 9 + k]);
    }
    sum = 1 / (1 + exp(-sum));
    /* One rounding to 11 bits, of a number below 1. */
    ck_assert_double_eq_tol(
        (double)inn_f16_to_f32(((const uint16_t *)out[0].data)[0]), sum,
        1.0 / 2048);
    inn_session_free(s);
    graph_end();
}
END_TEST

START_TEST(a_chain_reuses_memory)
{
    int64_t x[] = {1, 16, 32, 32};
    struct inn_session *s;
    struct inn_tensor in;
    int v, i;

    graph_begin();
    v = add_input("x", INN_F32, 4, x);
    for (i = 0; i < 10; i++)
        v = add_op("Exp", v, -1, -1);
    add_output(v);
    in = *new_tensor(INN_F32, 4, x);
    run_once(&s, 1, false, false, &in, 1);
    ck_assert_uint_le(inn_session_workspace(s), 2 * in.bytes);
    inn_session_free(s);
    graph_end();
}
END_TEST

static void multiply(void *context, size_t part)
{
    volatile float tiny = 1e-39f, one = 1.0f;

    ((float *)context)[part] = tiny * one;
}

START_TEST(denormals_are_flushed_while_running_and_not_after)
{
    struct inn_workers workers;
    volatile float tiny = 1e-39f, one = 1.0f;
    float in_workers[64];
    int i;

    /* Its processor has no such mode. */
    if (getenv("INN_VALGRIND") != NULL)
        return;
    ck_assert_float_gt(tiny * one, 0);
    inn_workers_enter(&workers, 2);
#ifdef __SSE__
    ck_assert_float_eq(tiny * one, 0);
    inn_parallel(2, 64, multiply, in_workers);
    for (i = 0; i < 64; i++)
        ck_assert_float_eq(in_workers[i], 0);
#endif
    inn_workers_leave(&workers);
    ck_assert_float_gt(tiny * one, 0);
    inn_parallel(2, 64, multiply, in_workers);
    for (i = 0; i < 64; i++)
        ck_assert_float_gt(in_workers[i], 0);
}
END_TEST

static atomic_bool enough;

static void *be_busy(void *context)
{
    while (!atomic_load(&enough))
        ;
    return context;
}

/* With other threads on every core some runs go by one thread; none differs. */
START_TEST(outputs_are_the_same_on_busy_cores)
{
    enum { BUSY = 4 };
    int64_t dims[] = {1, 16, 24, 24}, w[] = {16, 16, 3, 3}, n[] = {16};
    int64_t pads[] = {1, 1, 1, 1}, end;
    const struct inn_tensor *out;
    struct inn_session *s;
    struct inn_tensor in;
    pthread_t busy[BUSY];
    void *want;
    size_t bytes;
    int v, i;

    graph_begin();
    v = add_input("x", INN_F32, 4, dims);
    for (i = 0; i < 12; i++) {
        v = add_op("Conv", v, add_weight("w", 4, w), add_weight("b", 1, n));
        set_ints(v, "pads", pads, 4);
        v = add_op(i % 2 == 0 ? "Relu" : "Sigmoid", v, -1, -1);
    }
    add_output(v);
    in = *new_tensor(INN_F32, 4, dims);
    fill_tensor(&in);
    out = run_once(&s, 0, false, false, &in, 1);
    bytes = out[0].bytes;
    want = malloc(bytes);
    memcpy(want, out[0].data, bytes);
    for (i = 0; i < 100; i++)
        ck_assert_int_eq(inn_session_run(s, &out, &in, 1, NULL), INN_OK);
    atomic_store(&enough, false);
    for (i = 0; i < BUSY; i++)
        ck_assert_int_eq(pthread_create(&busy[i], NULL, be_busy, NULL), 0);
    end = inn_clock_ns() + 500 * (int64_t)1000000;
    do {
        ck_assert_int_eq(inn_session_run(s, &out, &in, 1, NULL), INN_OK);
        ck_assert(memcmp(out[0].data, want, bytes) == 0);
    } while (inn_clock_ns() < end);
    atomic_store(&enough, true);
    for (i = 0; i < BUSY; i++)
        pthread_join(busy[i], NULL);
    free(want);
    inn_session_free(s);
    graph_end();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("session");
    TCase *t = tcase_create("session");

    tcase_add_test(t, outputs_are_the_same_on_busy_cores);
    tcase_add_loop_test(t, relu_runs_on_the_callers_memory, 0, 2);
    tcase_add_loop_test(
        t, steps_tell_what_computes_them_and_are_timed_on_request, 0, 2);
    tcase_add_loop_test(
        t, a_run_at_sizes_that_are_planned_allocates_nothing, 0, 2);
    tcase_add_test(t, inputs_are_held_to_what_the_network_declares);
    tcase_add_loop_test(t, rows_that_compute_in_floats_run_on_nothing_else,
                        0, 5);
    tcase_add_test(t, what_is_unsupported_is_counted_and_the_first_named);
    tcase_add_test(t, what_no_output_needs_is_not_run);
    tcase_add_test(t, weights_must_be_there);
    tcase_add_loop_test(t, outputs_that_are_inputs_or_constants_are_copied,
                        0, 2);
    tcase_add_test(t, a_network_without_inputs_runs);
    tcase_add_test(t, a_network_without_outputs_is_refused);
    tcase_add_test(t, an_overwritten_operand_is_never_read_again);
    tcase_add_test(t, other_sizes_make_another_plan);
    tcase_add_test(t, keep_all_shows_every_value);
    tcase_add_loop_test(t, short_floats_are_computed_in_f32, 0, 2);
    tcase_add_test(t, a_chain_reuses_memory);
    tcase_add_test(t, denormals_are_flushed_while_running_and_not_after);
    suite_add_tcase(s, t);
    return run_suite(s);
}
