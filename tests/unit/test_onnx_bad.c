/* Damaged, hostile and unsupported ONNX, each with its status. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/graph/onnx.h"
#include "tests/unit/onnx_bytes.h"
#include "tests/unit/suite.h"

static struct inn_heap *heap;
static struct inn_error err;

static void setup(void)
{
    heap = inn_heap_new((size_t)64 << 20);
}

static void teardown(void)
{
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}

/* The bytes lie in a block of their own, so that a sanitizer sees overreads. */
static enum inn_status parse(const void *data, size_t len)
{
    uint8_t *copy = malloc(len + (len == 0));
    struct inn_graph *g;
    enum inn_status st;

    memcpy(copy, data, len);
    memset(&err, 0, sizeof(err));
    st = inn_onnx_parse(&g, copy, len, false, heap, &err);
    ck_assert((st == INN_OK) == (g != NULL));
    if (st != INN_OK) {
        ck_assert_int_eq(err.status, st);
        ck_assert_uint_gt(strlen(err.message), 0);
    }
    inn_graph_free(g);
    free(copy);
    return st;
}

static void refuses(const struct bytes *model, enum inn_status status,
                    const char *says)
{
    ck_assert_msg(parse(model->data, model->len) == status, "%s",
                  err.message);
    ck_assert_msg(strstr(err.message, says) != NULL, "'%s' lacks '%s'",
                  err.message, says);
}

static void refuses_graph(const struct bytes *graph, enum inn_status status,
                          const char *says)
{
    struct bytes model = model_of(8, 13, graph);

    refuses(&model, status, says);
}

START_TEST(other_files_are_called_what_they_are)
{
    static const struct {
        const char *data;
        const char *says;
    } cases[] = {
        {"", "empty"},
        {"ir_version: 8\nproducer_name: \"x\"\n", "protobuf's text format"},
        {"  {\"irVersion\": \"8\"}", "JSON"},
        {"<\n  ir_version: 8,\n", "text syntax"},
        {"<!DOCTYPE html>", "HTML"},
        {"version https://git-lfs.github.com/spec/v1\n", "Git LFS"},
        {"PK\3\4....", "zip"},
        {"....TFL3........", "TensorFlow Lite"},
        {"INN\r\n\x1a\n", ".inn"},
        {"hello", "text"},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ck_assert_int_eq(parse(cases[i].data, strlen(cases[i].data)),
                         INN_ERR_FORMAT);
        ck_assert_msg(strstr(err.message, cases[i].says) != NULL, "%s",
                      err.message);
        ck_assert_ptr_eq(strstr(err.message, "not an ONNX file: "),
                         err.message);
    }
}
END_TEST

START_TEST(every_truncation_of_a_model_is_refused_or_read)
{
    const float values[] = {1, 2};
    struct bytes graph = graph_xy("Relu"), w = floats_of("w", 2, values),
                 model;
    size_t len;

    put_sub(&graph, 5, &w);
    model = model_of(8, 13, &graph);
    for (len = 0; len < model.len; len++)
        ck_assert_int_eq(parse(model.data, len), INN_ERR_FORMAT);
    ck_assert_int_eq(parse(model.data, len), INN_OK);
}
END_TEST

START_TEST(every_changed_byte_is_refused_or_read)
{
    const float values[] = {1, 2};
    struct bytes graph = graph_xy("Relu"), w = floats_of("w", 2, values),
                 model;
    size_t i;
    int v;

    put_sub(&graph, 5, &w);
    model = model_of(8, 13, &graph);
    for (i = 0; i < model.len; i++) {
        const uint8_t old = model.data[i];

        for (v = 0; v < 256; v++) {
            model.data[i] = (uint8_t)v;
            parse(model.data, model.len);
        }
        model.data[i] = old;
    }
}
END_TEST

START_TEST(deep_nesting_is_refused_before_it_is_unpacked)
{
    struct bytes type = {.len = 0}, wrapped, graph = graph_xy("Relu"),
                 v = {.len = 0};
    int i;

    put_data(&type, 1, "\x08\x01", 2);
    for (i = 0; i < 100; i++) { /* optional of optional of … */
        struct bytes inner = {.len = 0};

        put_sub(&inner, 1, &type);
        wrapped.len = 0;
        put_sub(&wrapped, 9, &inner);
        type = wrapped;
    }
    put_text(&v, 1, "deep");
    put_sub(&v, 2, &type);
    put_sub(&graph, 11, &v);
    refuses_graph(&graph, INN_ERR_FORMAT, "64");
}
END_TEST

START_TEST(wire_faults_are_refused)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *says;
    } cases[] = {
        {"\x08\x08\x3a\x05x", 5, "claims 5 bytes, 1 are left"},
        {"\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80", 12,
         "does not end"},
        {"\x08", 1, "does not end"},
        {"\x0b\x08", 2, "unknown kind"}, /* a group */
        {"\x00\x01", 2, "valid number"}, /* field 0 */
        {"\x3d\1\1\1\1", 5, "wrong kind"}, /* graph as a fixed32 */
        {"\x0a\x01\x08", 3, "wrong kind"}, /* ir_version as bytes */
        {"\x3a\x00\x3a\x00", 4, "twice"},  /* two graphs */
        {"\x08\x08\x08\x08", 4, "twice"},
        {"\x12\x02" "a\0", 4, "zero byte"},
        {"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, "claims"},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ck_assert_int_eq(parse(cases[i].bytes, cases[i].len),
                         INN_ERR_FORMAT);
        ck_assert_msg(strstr(err.message, cases[i].says) != NULL, "%zu: %s",
                      i, err.message);
    }
}
END_TEST

START_TEST(versions_outside_ours_are_unsupported)
{
    struct bytes graph = graph_xy("Relu"), model = model_of(2, 13, &graph);

    refuses(&model, INN_ERR_UNSUPPORTED, "IR version 2; 3 to 14");
    model = model_of(15, 13, &graph);
    refuses(&model, INN_ERR_UNSUPPORTED, "IR version 15");
    model = model_of(8, 28, &graph);
    refuses(&model, INN_ERR_UNSUPPORTED, "opset 28; 1 to 27");
    model = model_of(14, 27, &graph);
    ck_assert_int_eq(parse(model.data, model.len), INN_OK);
    model = model_of(3, 1, &graph);
    ck_assert_int_eq(parse(model.data, model.len), INN_OK);
    model = model_of(8, 0, &graph);
    refuses(&model, INN_ERR_FORMAT, "no opset");
    model = model_of(8, -1, &graph);
    refuses(&model, INN_ERR_FORMAT, "-1");
    model = model_of(8, 13, &graph);
    put_opset(&model, 8, "ai.onnx", 14);
    refuses(&model, INN_ERR_FORMAT, "twice");
}
END_TEST

START_TEST(model_without_graph_or_ir_version_is_no_model)
{
    struct bytes model = {.len = 0}, graph = graph_xy("Relu");

    put_int(&model, 1, 8);
    refuses(&model, INN_ERR_FORMAT, "no graph");
    model.len = 0;
    put_sub(&model, 7, &graph);
    refuses(&model, INN_ERR_FORMAT, "no IR version");
}
END_TEST

static void refuses_tensor(const struct bytes *t, enum inn_status status,
                           const char *says)
{
    struct bytes graph = graph_xy("Relu");

    put_sub(&graph, 5, t);
    refuses_graph(&graph, status, says);
    ck_assert_msg(strstr(err.message, "'w'") != NULL, "%s", err.message);
}

START_TEST(tensor_with_values_of_the_wrong_number_is_refused)
{
    const float values[] = {1, 2};
    struct bytes t = tensor_of("w", 1, 3);

    put_data(&t, 9, values, 8);
    refuses_tensor(&t, INN_ERR_FORMAT, "8 bytes");
    t = tensor_of("w", 1, 3);
    put_data(&t, 4, values, 8);
    refuses_tensor(&t, INN_ERR_FORMAT, "2 values");
    t = tensor_of("w", 1, 1);
    refuses_tensor(&t, INN_ERR_FORMAT, "0 values");
    t = tensor_of("w", 8, 2);
    put_text(&t, 6, "one");
    refuses_tensor(&t, INN_ERR_FORMAT, "1 values");
}
END_TEST

START_TEST(tensor_with_two_value_fields_is_refused)
{
    const float values[] = {1, 2};
    struct bytes t = floats_of("w", 2, values);

    put_data(&t, 4, values, 8);
    refuses_tensor(&t, INN_ERR_FORMAT, "2 fields");
    t = floats_of("w", 2, values);
    put_int(&t, 14, 1);
    put_entry(&t, 13, "location", "w.bin");
    refuses_tensor(&t, INN_ERR_FORMAT, "both");
    t = tensor_of("w", 1, 1); /* a float's value in another type's field */
    put_int(&t, 7, 1);
    refuses_tensor(&t, INN_ERR_FORMAT, "field of another");
}
END_TEST

START_TEST(tensor_dimensions_that_overflow_or_are_negative_are_refused)
{
    struct bytes t = tensor_of("w", 1, INT64_MAX);

    put_int(&t, 1, 4);
    refuses_tensor(&t, INN_ERR_FORMAT, "too large");
    t = tensor_of("w", 1, (int64_t)1 << 62);
    refuses_tensor(&t, INN_ERR_FORMAT, "too large");
    t = tensor_of("w", 1, 3);
    put_int(&t, 1, -2);
    refuses_tensor(&t, INN_ERR_FORMAT, "-2");
}
END_TEST

START_TEST(values_outside_their_type_are_refused)
{
    struct bytes t = tensor_of("w", 2, 1);

    put_int(&t, 5, 256);
    refuses_tensor(&t, INN_ERR_FORMAT, "256");
    t = tensor_of("w", 9, 1);
    put_data(&t, 9, "\2", 1);
    refuses_tensor(&t, INN_ERR_FORMAT, "bool");
    t = tensor_of("w", 12, 1);
    put_int(&t, 11, 4294967296);
    refuses_tensor(&t, INN_ERR_FORMAT, "4294967296");
}
END_TEST

START_TEST(tensors_we_cannot_hold_are_unsupported_by_name)
{
    struct bytes t = tensor_of("w", 22, 2), graph = graph_xy("Relu"),
                 sparse = {.len = 0};
    int i;

    put_data(&t, 9, "\1", 1);
    refuses_tensor(&t, INN_ERR_UNSUPPORTED, "int4");
    t = tensor_of("w", 14, 0);
    refuses_tensor(&t, INN_ERR_UNSUPPORTED, "complex64");
    t = tensor_of("w", 77, 0);
    refuses_tensor(&t, INN_ERR_FORMAT, "77");
    t = tensor_of("w", 0, 0);
    refuses_tensor(&t, INN_ERR_FORMAT, "no element type");
    t = tensor_of("w", 1, 0);
    for (i = 0; i < 8; i++)
        put_int(&t, 1, 1);
    refuses_tensor(&t, INN_ERR_UNSUPPORTED, "9 dimensions; 8");
    t = tensor_of("sp", 1, 0);
    put_sub(&sparse, 1, &t);
    put_sub(&graph, 15, &sparse);
    refuses_graph(&graph, INN_ERR_UNSUPPORTED, "'sp'");
}
END_TEST

START_TEST(names_are_defined_once)
{
    const float values[] = {1, 2};
    struct bytes graph = graph_xy("Relu"), w = floats_of("w", 2, values),
                 again = node_of("Relu", "n1", "x", NULL, "y"), x;

    put_sub(&graph, 1, &again);
    refuses_graph(&graph, INN_ERR_FORMAT, "'n1': value 'y' is defined twice");
    graph = graph_xy("Relu");
    put_sub(&graph, 5, &w);
    put_sub(&graph, 5, &w);
    refuses_graph(&graph, INN_ERR_FORMAT, "'w': it is defined twice");
    graph = graph_xy("Relu");
    x = info_of("x", 1);
    put_sub(&graph, 11, &x);
    refuses_graph(&graph, INN_ERR_FORMAT, "'x'");
    graph = graph_xy("Relu");
    x = info_of("", 1);
    put_sub(&graph, 11, &x);
    refuses_graph(&graph, INN_ERR_FORMAT, "no name");
}
END_TEST

START_TEST(what_is_read_has_to_be_there_and_before)
{
    struct bytes graph = graph_xy("Relu"), model,
                 n = node_of("Add", "late", "x", "none", "z"),
                 a = node_of("Add", "a", "x", "q", "p"),
                 b = node_of("Relu", "b", "p", NULL, "q"),
                 out = info_of("nowhere", 1);

    put_sub(&graph, 1, &n);
    refuses_graph(&graph, INN_ERR_FORMAT,
                  "Add 'late': it reads 'none', which nothing defines");
    graph = graph_xy("Relu");
    put_sub(&graph, 1, &a);
    put_sub(&graph, 1, &b);
    refuses_graph(&graph, INN_ERR_FORMAT,
                  "Add 'a': it reads 'q', which is computed later (by Relu "
                  "'b')");
    graph = graph_xy("Relu");
    put_sub(&graph, 12, &out);
    refuses_graph(&graph, INN_ERR_FORMAT, "graph output 'nowhere'");
    graph = graph_xy("Relu");
    n = node_of("Relu", "own", "x", NULL, "z");
    set_domain(&n, "my.own");
    put_sub(&graph, 1, &n);
    model = model_of(8, 13, &graph);
    refuses(&model, INN_ERR_FORMAT, "'my.own'");
    graph = graph_xy("");
    refuses_graph(&graph, INN_ERR_FORMAT, "no operator");
}
END_TEST

START_TEST(subgraph_that_reads_nothing_known_is_refused)
{
    struct bytes inner = {.len = 0}, graph = graph_xy("Relu"),
                 n = node_of("Add", "", "x", "nil", "u"), u = info_of("u", 1),
                 f = node_of("If", "if", "x", NULL, "z");

    put_sub(&inner, 1, &n);
    put_sub(&inner, 12, &u);
    attr_sub(&f, "then_branch", 5, 6, &inner);
    put_sub(&graph, 1, &f);
    refuses_graph(&graph, INN_ERR_FORMAT, "If 'if': its graph reads 'nil'");
}
END_TEST

START_TEST(attributes_that_contradict_themselves_are_refused)
{
    struct bytes n = node_of("Op", "n", "x", NULL, "z"), a = {.len = 0},
                 graph = graph_xy("Relu");

    attr_int(&n, "k", 1);
    attr_int(&n, "k", 2);
    put_sub(&graph, 1, &n);
    refuses_graph(&graph, INN_ERR_FORMAT, "'k' is there twice");

    n = node_of("Op", "n", "x", NULL, "z");
    put_text(&a, 1, "m");
    put_int(&a, 20, 2);
    put_int(&a, 3, 1);
    put_float(&a, 2, 1);
    put_sub(&n, 5, &a);
    graph = graph_xy("Relu");
    put_sub(&graph, 1, &n);
    refuses_graph(&graph, INN_ERR_FORMAT, "'m' has values of several kinds");

    n = node_of("Op", "n", "x", NULL, "z");
    attr_ref(&n, "r", 2, "outer");
    graph = graph_xy("Relu");
    put_sub(&graph, 1, &n);
    refuses_graph(&graph, INN_ERR_FORMAT, "'outer'");

    n = node_of("Op", "n", "x", NULL, "z");
    a.len = 0;
    put_text(&a, 1, "t");
    put_int(&a, 20, 4);
    put_sub(&n, 5, &a);
    graph = graph_xy("Relu");
    put_sub(&graph, 1, &n);
    refuses_graph(&graph, INN_ERR_FORMAT, "a tensor is missing");
}
END_TEST

START_TEST(constant_without_exactly_one_value_is_refused)
{
    struct bytes n = node_of("Constant", "c", NULL, NULL, "z"),
                 graph = graph_xy("Relu");

    put_sub(&graph, 1, &n);
    refuses_graph(&graph, INN_ERR_FORMAT, "Constant 'c'");
}
END_TEST

START_TEST(dimension_below_minus_one_is_refused_and_minus_one_unknown)
{
    struct bytes graph = graph_xy("Relu"), v = info_of("v", -2), model;
    struct inn_graph *g;

    put_sub(&graph, 11, &v);
    refuses_graph(&graph, INN_ERR_FORMAT, "-2");
    graph = graph_xy("Relu");
    v = info_of("v", -1);
    put_sub(&graph, 11, &v);
    model = model_of(8, 13, &graph);
    ck_assert_int_eq(inn_onnx_parse(&g, model.data, model.len, false, heap,
                                    &err), INN_OK);
    ck_assert_int_eq(g->values[inn_graph_find(g, "v")].dims[0].size, -1);
    inn_graph_free(g);
}
END_TEST

START_TEST(missing_file_is_an_io_error)
{
    struct inn_graph *g;

    ck_assert_int_eq(inn_onnx_read(&g, "/nonexistent/x.onnx", NULL, heap,
                                   &err), INN_ERR_IO);
    ck_assert_ptr_null(g);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("onnx_bad");
    TCase *t = tcase_create("onnx_bad");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, other_files_are_called_what_they_are);
    tcase_add_test(t, every_truncation_of_a_model_is_refused_or_read);
    tcase_add_test(t, every_changed_byte_is_refused_or_read);
    tcase_add_test(t, deep_nesting_is_refused_before_it_is_unpacked);
    tcase_add_test(t, wire_faults_are_refused);
    tcase_add_test(t, versions_outside_ours_are_unsupported);
    tcase_add_test(t, model_without_graph_or_ir_version_is_no_model);
    tcase_add_test(t, tensor_with_values_of_the_wrong_number_is_refused);
    tcase_add_test(t, tensor_with_two_value_fields_is_refused);
    tcase_add_test(t,
                   tensor_dimensions_that_overflow_or_are_negative_are_refused);
    tcase_add_test(t, values_outside_their_type_are_refused);
    tcase_add_test(t, tensors_we_cannot_hold_are_unsupported_by_name);
    tcase_add_test(t, names_are_defined_once);
    tcase_add_test(t, what_is_read_has_to_be_there_and_before);
    tcase_add_test(t, subgraph_that_reads_nothing_known_is_refused);
    tcase_add_test(t, attributes_that_contradict_themselves_are_refused);
    tcase_add_test(t, constant_without_exactly_one_value_is_refused);
    tcase_add_test(t,
                   dimension_below_minus_one_is_refused_and_minus_one_unknown);
    tcase_add_test(t, missing_file_is_an_io_error);
    suite_add_tcase(s, t);
    return run_suite(s);
}
