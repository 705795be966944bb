/* Reading well-formed ONNX, from memory and from files, and writing it. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/graph/onnx.h"
#include "tests/unit/onnx_bytes.h"
#include "tests/unit/starve.h"
#include "tests/unit/suite.h"

static struct inn_heap *heap;
static struct inn_error err;
static char folder[64];

static void setup(void)
{
    heap = inn_heap_new(0);
    strcpy(folder, "/tmp/inn-onnx-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void teardown(void)
{
    char command[128];

    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
    snprintf(command, sizeof(command), "rm -r '%s'", folder);
    ck_assert_int_eq(system(command), 0);
}

static const char *in_folder(char path[128], const char *name)
{
    snprintf(path, 128, "%s/%s", folder, name);
    return path;
}

static void save(const char *path, const void *data, size_t len)
{
    FILE *f = fopen(path, "wb");

    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(data, 1, len, f), len);
    fclose(f);
}

static struct inn_graph *parse(const struct bytes *model)
{
    struct inn_graph *g;
    enum inn_status st = inn_onnx_parse(&g, model->data, model->len, false,
                                        heap, &err);

    ck_assert_msg(st == INN_OK, "%s", err.message);
    return g;
}

/* Packs, parses, packs: the bytes must be the same. Gives the second graph. */
static struct inn_graph *round_trip(struct inn_graph *g)
{
    struct inn_graph *again;
    uint8_t *a, *b;
    size_t len_a, len_b;

    ck_assert_int_eq(inn_onnx_pack(g, NULL, &a, &len_a, &err), INN_OK);
    ck_assert_msg(inn_onnx_parse(&again, a, len_a, false, heap, &err) ==
                      INN_OK, "%s", err.message);
    ck_assert_int_eq(inn_onnx_pack(again, NULL, &b, &len_b, &err), INN_OK);
    ck_assert_uint_eq(len_a, len_b);
    ck_assert_int_eq(memcmp(a, b, len_a), 0);
    inn_free(heap, a);
    inn_free(heap, b);
    inn_graph_free(g);
    return again;
}

START_TEST(small_model_becomes_values_and_graph_nodes)
{
    struct bytes graph = graph_xy("Relu"), model = model_of(8, 13, &graph);
    struct inn_graph *g = parse(&model);
    int i;

    for (i = 0; i < 2; i++) {
        ck_assert_int_eq(g->n_values, 2);
        ck_assert_int_eq(g->n_nodes, 1);
        ck_assert_str_eq(g->nodes[0].op_type, "Relu");
        ck_assert_str_eq(g->nodes[0].name, "n0");
        ck_assert_str_eq(g->nodes[0].domain, "");
        ck_assert_int_eq(g->nodes[0].version, 13);
        ck_assert_int_eq(g->nodes[0].inputs[0], inn_graph_find(g, "x"));
        ck_assert_int_eq(g->values[g->outputs[0]].producer, 0);
        ck_assert_int_eq(g->values[g->inputs[0]].rank, 2);
        ck_assert_int_eq(g->values[g->inputs[0]].dims[0].size, 2);
        ck_assert_int_eq(g->values[g->inputs[0]].dims[1].size, -1);
        ck_assert_str_eq(g->values[g->inputs[0]].dims[1].symbol, "N");
        ck_assert_int_eq(g->values[g->inputs[0]].type, INN_F32);
        ck_assert_int_eq(g->ir_version, 8);
        g = round_trip(g);
    }
    inn_graph_free(g);
}
END_TEST

/* y = Add(x, w) with the initializer w. */
static struct bytes graph_with(const struct bytes *tensor, const char *name)
{
    struct bytes g = {.len = 0}, x = info_of("x", 2), y = info_of("y", 2),
                 n = node_of("Add", "add", "x", name, "y");

    put_sub(&g, 1, &n);
    put_text(&g, 2, "g");
    put_sub(&g, 5, tensor);
    put_sub(&g, 11, &x);
    put_sub(&g, 12, &y);
    return g;
}

static const struct inn_tensor *init_of(const struct inn_graph *g,
                                        const char *name)
{
    const struct inn_tensor *t = g->values[inn_graph_find(g, name)].init;

    ck_assert_ptr_nonnull(t);
    return t;
}

/* The tensor that a message of this type and typed values is read as. */
static struct inn_graph *with_typed(const struct bytes *tensor)
{
    struct bytes graph = graph_with(tensor, "w"),
                 model = model_of(8, 13, &graph);

    return round_trip(parse(&model));
}

START_TEST(float_data_and_raw_data_are_the_same_tensor)
{
    const float values[] = {1.5f, -2};
    struct bytes raw = floats_of("w", 2, values), typed = tensor_of("w", 1, 2);
    struct inn_graph *g, *h;

    put_data(&typed, 4, values, sizeof(values));
    g = with_typed(&raw);
    h = with_typed(&typed);
    ck_assert_int_eq(memcmp(init_of(g, "w")->data, values, 8), 0);
    ck_assert_int_eq(memcmp(init_of(h, "w")->data, values, 8), 0);
    ck_assert_int_eq(init_of(h, "w")->type, INN_F32);
    ck_assert_int_eq(init_of(h, "w")->dims[0], 2);
    inn_graph_free(g);
    inn_graph_free(h);
}
END_TEST

START_TEST(int32_data_carries_small_types_and_bits_of_halves)
{
    static const struct {
        int type;
        int64_t value;
        uint8_t bytes[4];
        size_t size;
    } cases[] = {
        {2, 200, {200}, 1},          {3, -3, {0xfd}, 1},
        {4, 65535, {255, 255}, 2},   {5, -2, {0xfe, 0xff}, 2},
        {6, -1, {255, 255, 255, 255}, 4}, {9, 1, {1}, 1},
        {10, 0x3c00, {0, 0x3c}, 2},  {16, 0x3f80, {0x80, 0x3f}, 2},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bytes t = tensor_of("w", cases[i].type, 1);
        struct inn_graph *g;

        put_int(&t, 5, cases[i].value);
        g = with_typed(&t);
        ck_assert_int_eq((int)init_of(g, "w")->type, cases[i].type);
        ck_assert_uint_eq(init_of(g, "w")->bytes, cases[i].size);
        ck_assert_int_eq(memcmp(init_of(g, "w")->data, cases[i].bytes,
                                cases[i].size), 0);
        inn_graph_free(g);
    }
}
END_TEST

START_TEST(wide_integers_doubles_and_empty_tensors_are_read)
{
    struct bytes i64 = tensor_of("w", 7, 1), u32 = tensor_of("w", 12, 1),
                 f64 = tensor_of("w", 11, 1), none = tensor_of("w", 1, 0);
    const double half = 0.5;
    struct inn_graph *g;

    put_int(&i64, 7, -5);
    g = with_typed(&i64);
    ck_assert_int_eq(*(int64_t *)init_of(g, "w")->data, -5);
    inn_graph_free(g);
    put_int(&u32, 11, 4294967295);
    g = with_typed(&u32);
    ck_assert_uint_eq(*(uint32_t *)init_of(g, "w")->data, 4294967295u);
    inn_graph_free(g);
    put_data(&f64, 10, &half, 8);
    g = with_typed(&f64);
    ck_assert(*(double *)init_of(g, "w")->data == 0.5);
    inn_graph_free(g);
    g = with_typed(&none);
    ck_assert_ptr_nonnull(init_of(g, "w")->data);
    ck_assert_uint_eq(init_of(g, "w")->bytes, 0);
    inn_graph_free(g);
}
END_TEST

START_TEST(strings_survive_with_their_zero_bytes)
{
    struct bytes t = tensor_of("w", 8, 3);
    char *longer = malloc(300);
    struct inn_graph *g;

    memset(longer, 'a', 300);
    put_data(&t, 6, "a\0b", 3);
    put_data(&t, 6, "", 0);
    put_data(&t, 6, longer, 300);
    g = with_typed(&t);
    /* A length of one byte, three bytes; zero; two bytes of length, 300. */
    ck_assert_uint_eq(init_of(g, "w")->bytes, 4 + 1 + 302);
    ck_assert_int_eq(memcmp(init_of(g, "w")->data, "\3a\0b\0\xac\2" "a", 8),
                     0);
    inn_graph_free(g);
    free(longer);
}
END_TEST

START_TEST(before_ir_4_initializers_are_inputs_too)
{
    const float values[] = {1, 2};
    struct bytes w = floats_of("w", 2, values), graph = graph_with(&w, "w"),
                 info = info_of("w", 2), model;
    struct inn_graph *g;

    put_sub(&graph, 11, &info);
    model = model_of(3, 8, &graph);
    g = round_trip(parse(&model));
    ck_assert_int_eq(g->n_inputs, 1);
    ck_assert_str_eq(g->values[g->inputs[0]].name, "x");
    ck_assert(g->values[inn_graph_find(g, "w")].is_input);
    /* The same without the listing comes out with it. */
    inn_graph_free(g);
    graph = graph_with(&w, "w");
    model = model_of(3, 8, &graph);
    g = round_trip(parse(&model));
    ck_assert(g->values[inn_graph_find(g, "w")].is_input);
    inn_graph_free(g);
    model = model_of(4, 8, &graph);
    g = round_trip(parse(&model));
    ck_assert(!g->values[inn_graph_find(g, "w")].is_input);
    inn_graph_free(g);
}
END_TEST

START_TEST(unused_initializers_are_read_but_not_written)
{
    const float values[] = {1, 2};
    struct bytes graph = graph_xy("Relu"), w = floats_of("w", 2, values),
                 model;
    struct inn_graph *g;

    put_sub(&graph, 5, &w);
    model = model_of(8, 13, &graph);
    g = parse(&model);
    ck_assert_int_ge(inn_graph_find(g, "w"), 0);
    g = round_trip(g);
    ck_assert_int_eq(inn_graph_find(g, "w"), -1);
    inn_graph_free(g);
}
END_TEST

static void add_constant(struct bytes *graph, const char *out,
                         const char *attr, int type, unsigned field,
                         const struct bytes *tensor)
{
    struct bytes n = node_of("Constant", "", NULL, NULL, out),
                 a = {.len = 0};

    put_text(&a, 1, attr);
    put_int(&a, 20, type);
    if (field == 2 || field == 7)
        put_float(&a, field, 2.5f);
    else if (tensor != NULL)
        put_sub(&a, field, tensor);
    else
        put_int(&a, field, -7);
    put_sub(&n, 5, &a);
    put_sub(graph, 1, &n);
}

START_TEST(constants_of_every_form_become_tensors)
{
    const float values[] = {4, 5};
    struct bytes graph = graph_xy("Relu"), t = floats_of("", 2, values), model;
    struct inn_graph *g;
    int i;

    add_constant(&graph, "a", "value", 4, 5, &t);
    add_constant(&graph, "b", "value_float", 1, 2, NULL);
    add_constant(&graph, "c", "value_int", 2, 3, NULL);
    add_constant(&graph, "d", "value_floats", 6, 7, NULL);
    add_constant(&graph, "e", "value_ints", 7, 8, NULL);
    model = model_of(8, 13, &graph);
    g = parse(&model);
    for (i = 0; i < 2; i++) {
        ck_assert(((float *)init_of(g, "a")->data)[1] == 5);
        ck_assert(*(float *)init_of(g, "b")->data == 2.5f);
        ck_assert_int_eq(init_of(g, "b")->rank, 0);
        ck_assert_int_eq(*(int64_t *)init_of(g, "c")->data, -7);
        ck_assert(*(float *)init_of(g, "d")->data == 2.5f);
        ck_assert_int_eq(init_of(g, "d")->rank, 1);
        ck_assert_int_eq(*(int64_t *)init_of(g, "e")->data, -7);
        ck_assert_int_ge(g->values[inn_graph_find(g, "e")].producer, 0);
        g = round_trip(g);
    }
    inn_graph_free(g);
}
END_TEST

START_TEST(constant_is_written_with_what_its_value_holds_now)
{
    struct bytes graph = graph_xy("Relu"), model;
    static int64_t rewritten = 11;
    struct inn_graph *g;

    add_constant(&graph, "c", "value_int", 2, 3, NULL);
    model = model_of(8, 13, &graph);
    g = parse(&model);
    g->values[inn_graph_find(g, "c")].init->data = &rewritten;
    g = round_trip(g);
    ck_assert_int_eq(*(int64_t *)init_of(g, "c")->data, 11);
    inn_graph_free(g);
}
END_TEST

START_TEST(unknown_operators_and_attributes_are_carried)
{
    struct bytes graph = graph_xy("Relu"), t = {.len = 0}, model,
                 n = node_of("Magic", "m", "x", "", "z"), a = {.len = 0};
    const struct inn_node *m;
    struct inn_graph *g;

    set_domain(&n, "my.own");
    attr_int(&n, "k", 3);
    put_data(&a, 9, "p", 1);
    put_data(&a, 9, "", 0);
    put_text(&a, 1, "texts");
    put_int(&a, 20, 8);
    put_sub(&n, 5, &a);
    put_int(&t, 2, 22); /* int4: not one of our types */
    attr_sub(&n, "four", 4, 5, &t);
    put_entry(&n, 9, "from", "here");
    put_sub(&graph, 1, &n);
    model = model_of(10, 21, &graph);
    put_opset(&model, 8, "my.own", 2);
    g = round_trip(parse(&model));
    m = &g->nodes[1];
    ck_assert_str_eq(m->domain, "my.own");
    ck_assert_int_eq(m->version, 2);
    ck_assert_int_eq(m->n_inputs, 2);
    ck_assert_int_eq(m->inputs[1], -1);
    ck_assert_int_eq(inn_node_int(m, "k", 0), 3);
    ck_assert_uint_eq(inn_node_attr(m, "texts")->count, 2);
    ck_assert_str_eq(inn_node_attr(m, "texts")->strings[1], "");
    ck_assert_int_eq(inn_node_attr(m, "four")->kind, INN_ATTR_RAW);
    ck_assert_int_eq(m->n_metadata, 1);
    ck_assert_str_eq(m->metadata[0].value, "here");
    inn_graph_free(g);
}
END_TEST

START_TEST(names_docs_and_metadata_are_kept)
{
    struct bytes graph = graph_xy("Relu"), model;
    struct inn_graph *g;

    put_text(&graph, 10, "of the graph");
    put_entry(&graph, 16, "gk", "gv");
    model = model_of(10, 21, &graph);
    put_text(&model, 2, "maker");
    put_text(&model, 6, "of the model");
    put_entry(&model, 14, "k", "v");
    g = round_trip(parse(&model));
    ck_assert_str_eq(g->name, "g");
    ck_assert_str_eq(g->doc, "of the graph");
    ck_assert_str_eq(g->producer, "maker");
    ck_assert_str_eq(g->model_doc, "of the model");
    ck_assert_str_eq(g->metadata[0].key, "k");
    ck_assert_str_eq(g->metadata[0].value, "v");
    ck_assert_str_eq(g->graph_metadata[0].value, "gv");
    inn_graph_free(g);
}
END_TEST

START_TEST(types_that_are_no_tensors_are_carried)
{
    struct bytes graph = graph_xy("Relu"), v = {.len = 0}, type = {.len = 0},
                 seq = {.len = 0}, elem = info_of("", 2), model;
    const struct inn_value *s;
    struct inn_graph *g;

    elem.len = 0;
    put_data(&elem, 1, "\x08\x01", 2); /* Tensor of f32 */
    put_sub(&seq, 1, &elem);
    put_sub(&type, 4, &seq);
    put_text(&v, 1, "s");
    put_sub(&v, 2, &type);
    put_sub(&graph, 11, &v);
    model = model_of(8, 13, &graph);
    g = round_trip(parse(&model));
    s = &g->values[inn_graph_find(g, "s")];
    ck_assert_int_eq(s->type, INN_UNDEFINED);
    ck_assert_uint_eq(s->raw_type_len, type.len);
    ck_assert_int_eq(memcmp(s->raw_type, type.data, type.len), 0);
    inn_graph_free(g);
}
END_TEST

/* If(cond) whose then-graph reads x through two levels. */
static struct bytes graph_with_if(void)
{
    struct bytes inner = {.len = 0}, outer = {.len = 0}, graph,
                 n = node_of("Add", "", "x", "t", "u"),
                 t = node_of("Relu", "", "x", NULL, "t"), u = info_of("u", 2),
                 v = info_of("v", 2), i2 = node_of("If", "", "c", NULL, "v"),
                 i1 = node_of("If", "outer", "x", NULL, "z");

    put_sub(&inner, 1, &n);
    put_sub(&inner, 12, &u);
    attr_sub(&i2, "then_branch", 5, 6, &inner);
    put_sub(&outer, 1, &t);
    put_sub(&outer, 1, &i2);
    put_sub(&outer, 12, &v);
    attr_sub(&i1, "then_branch", 5, 6, &outer);
    graph = graph_xy("Relu");
    v = info_of("c", 2);
    put_sub(&graph, 11, &v);
    put_sub(&graph, 1, &i1);
    return graph;
}

START_TEST(subgraphs_tell_what_they_read_from_outside)
{
    struct bytes graph = graph_with_if(), model = model_of(8, 13, &graph);
    struct inn_graph *g = round_trip(parse(&model));
    const struct inn_node *n = &g->nodes[1];
    int uses[8];

    ck_assert_int_eq(n->n_captures, 2);
    ck_assert_int_eq(n->captures[0], inn_graph_find(g, "x"));
    ck_assert_int_eq(n->captures[1], inn_graph_find(g, "c"));
    ck_assert_int_eq(n->attrs[0].kind, INN_ATTR_GRAPH);
    ck_assert_int_eq(inn_graph_find(g, "t"), -1);
    ck_assert_int_le(g->n_values, 8);
    inn_graph_count_uses(g, uses);
    ck_assert_int_eq(uses[inn_graph_find(g, "c")], 1);
    inn_graph_free(g);
}
END_TEST

static struct bytes external(const char *location, const char *offset,
                             const char *length)
{
    struct bytes t = tensor_of("w", 1, 2);

    put_int(&t, 14, 1);
    put_entry(&t, 13, "location", location);
    if (offset != NULL)
        put_entry(&t, 13, "offset", offset);
    if (length != NULL)
        put_entry(&t, 13, "length", length);
    return t;
}

/* Writes model.onnx with that tensor, and reads it. */
static enum inn_status read_external(struct inn_graph **g,
                                     const struct bytes *tensor,
                                     const struct inn_onnx_options *options)
{
    struct bytes graph = graph_with(tensor, "w"),
                 model = model_of(8, 13, &graph);
    char path[128];

    save(in_folder(path, "model.onnx"), model.data, model.len);
    return inn_onnx_read(g, path, options, heap, &err);
}

START_TEST(external_data_is_read_at_its_offset)
{
    const float data[] = {9, 1, 2, 3};
    static const char *const offsets[] = {"4", "5"};
    struct inn_graph *g;
    char path[128];
    uint8_t shifted[17] = {0};
    int i;

    memcpy(shifted, data, 4);
    memcpy(shifted + 5, data + 1, 12);
    for (i = 0; i < 2; i++) {
        struct bytes t = external("w.bin", offsets[i], "8");

        /* At 5 the floats lie askew, and have to be copied. */
        save(in_folder(path, "w.bin"), i == 0 ? (const void *)data : shifted,
             16);
        ck_assert_msg(read_external(&g, &t, NULL) == INN_OK, "%s",
                      err.message);
        ck_assert_uint_eq((uintptr_t)init_of(g, "w")->data % 4, 0);
        ck_assert(((float *)init_of(g, "w")->data)[0] == 1);
        ck_assert(((float *)init_of(g, "w")->data)[1] == 2);
        g = round_trip(g); /* what is written has it inside */
        inn_graph_free(g);
    }
}
END_TEST

START_TEST(external_data_outside_its_file_or_folder_is_refused)
{
    static const struct {
        const char *location, *offset, *length;
        enum inn_status status;
        const char *says;
    } cases[] = {
        {"w.bin", "12", "8", INN_ERR_FORMAT, "16"},
        {"w.bin", "18446744073709551612", "8", INN_ERR_FORMAT, "16"},
        {"w.bin", "18446744073709551616", "8", INN_ERR_FORMAT, "offset"},
        {"w.bin", "-4", "8", INN_ERR_FORMAT, "'-4'"},
        {"w.bin", "0", "12", INN_ERR_FORMAT, "12"},
        {"w.bin", "0", "8 ", INN_ERR_FORMAT, "'8 '"},
        {"../w.bin", NULL, NULL, INN_ERR_FORMAT, ".."},
        {"/etc/passwd", NULL, NULL, INN_ERR_FORMAT, "absolute"},
        {"", NULL, NULL, INN_ERR_FORMAT, "path"},
        {"none.bin", NULL, NULL, INN_ERR_IO, "none.bin"},
    };
    struct inn_graph *g;
    char path[128];
    size_t i;

    save(in_folder(path, "w.bin"), "0123456789abcdef", 16);
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bytes t = external(cases[i].location, cases[i].offset,
                                  cases[i].length);

        ck_assert_int_eq(read_external(&g, &t, NULL), cases[i].status);
        ck_assert_ptr_null(g);
        ck_assert_msg(strstr(err.message, cases[i].says) != NULL, "%s",
                      err.message);
        ck_assert_ptr_nonnull(strstr(err.message, "'w'"));
    }
}
END_TEST

START_TEST(external_data_is_found_in_the_folder_that_was_named)
{
    struct inn_onnx_options options = {NULL};
    const float data[] = {1, 2};
    struct bytes t = external("w.bin", NULL, NULL);
    struct inn_graph *g;
    char path[128], other[128];

    snprintf(other, sizeof(other), "mkdir '%s/weights'", folder);
    ck_assert_int_eq(system(other), 0);
    save(in_folder(path, "weights/w.bin"), data, 8);
    ck_assert_int_eq(read_external(&g, &t, NULL), INN_ERR_IO);
    options.external_dir = in_folder(other, "weights");
    ck_assert_int_eq(read_external(&g, &t, &options), INN_OK);
    ck_assert(((float *)init_of(g, "w")->data)[1] == 2);
    inn_graph_free(g);
}
END_TEST

START_TEST(external_data_of_a_linked_model_lies_beside_its_target)
{
    const float data[] = {1, 2};
    struct bytes t = external("w.bin", NULL, NULL);
    char path[128], target[128], command[160];
    struct inn_graph *g;

    /* As hubs do it: snapshot/{model.onnx,w.bin} -> ../blobs/… */
    snprintf(command, sizeof(command), "cd '%s' && mkdir snapshot blobs",
             folder);
    ck_assert_int_eq(system(command), 0);
    save(in_folder(path, "blobs/aa"), data, 8);
    ck_assert_int_eq(read_external(&g, &t, NULL), INN_ERR_IO);
    ck_assert_int_eq(rename(in_folder(path, "model.onnx"),
                            in_folder(target, "blobs/bb")), 0);
    ck_assert_int_eq(symlink("../blobs/bb",
                             in_folder(path, "snapshot/model.onnx")), 0);
    ck_assert_int_eq(symlink("../blobs/aa",
                             in_folder(target, "snapshot/w.bin")), 0);
    ck_assert_msg(inn_onnx_read(&g, path, NULL, heap, &err) == INN_OK, "%s",
                  err.message);
    ck_assert(((float *)init_of(g, "w")->data)[1] == 2);
    inn_graph_free(g);
}
END_TEST

START_TEST(bytes_in_memory_have_no_external_data)
{
    struct bytes t = external("w.bin", NULL, NULL),
                 graph = graph_with(&t, "w"), model = model_of(8, 13, &graph);
    struct inn_graph *g;

    ck_assert_int_eq(inn_onnx_parse(&g, model.data, model.len, false, heap,
                                    &err), INN_ERR_UNSUPPORTED);
    ck_assert_ptr_null(g);
}
END_TEST

START_TEST(weights_can_be_left_out_and_only_then_be_missing)
{
    const float values[] = {1, 2};
    struct bytes w = floats_of("w", 2, values), graph = graph_with(&w, "w"),
                 model;
    struct inn_graph *g, *bare;
    bool skip[8] = {false};
    uint8_t *packed;
    size_t len;

    add_constant(&graph, "c", "value_int", 2, 3, NULL);
    model = model_of(8, 13, &graph);
    g = parse(&model);
    skip[inn_graph_find(g, "w")] = true;
    skip[inn_graph_find(g, "c")] = true;
    ck_assert_int_eq(inn_onnx_pack(g, skip, &packed, &len, &err), INN_OK);
    ck_assert_int_eq(inn_onnx_parse(&bare, packed, len, false, heap, &err),
                     INN_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.message, "'w'"));
    ck_assert_int_eq(inn_onnx_parse(&bare, packed, len, true, heap, &err),
                     INN_OK);
    ck_assert_ptr_null(init_of(bare, "w")->data);
    ck_assert_int_eq(init_of(bare, "w")->dims[0], 2);
    ck_assert_ptr_null(init_of(bare, "c")->data);
    inn_free(heap, packed);
    inn_graph_free(bare);
    inn_graph_free(g);
}
END_TEST

START_TEST(file_is_written_whole_and_not_over_another)
{
    struct bytes graph = graph_xy("Relu"), model = model_of(8, 13, &graph);
    struct inn_graph *g = parse(&model), *again;
    char path[128];

    in_folder(path, "out.onnx");
    ck_assert_int_eq(inn_onnx_write(g, path, false, &err), INN_OK);
    ck_assert_int_eq(inn_onnx_write(g, path, false, &err), INN_ERR_IO);
    ck_assert_int_eq(inn_onnx_write(g, path, true, &err), INN_OK);
    ck_assert_int_eq(inn_onnx_read(&again, path, NULL, heap, &err), INN_OK);
    ck_assert_str_eq(again->nodes[0].op_type, "Relu");
    inn_graph_free(again);
    inn_graph_free(g);
}
END_TEST

START_TEST(network_of_two_gibibytes_fits_no_stream)
{
    const float values[] = {1, 2};
    struct bytes w = floats_of("w", 2, values), graph = graph_with(&w, "w"),
                 model = model_of(8, 13, &graph);
    struct inn_graph *g = parse(&model);
    uint8_t *packed;
    size_t len;

    /* Refused by its size: the bytes are never touched. */
    g->values[inn_graph_find(g, "w")].init->bytes = (size_t)1 << 31;
    ck_assert_int_eq(inn_onnx_pack(g, NULL, &packed, &len, &err),
                     INN_ERR_LIMIT);
    ck_assert_ptr_null(packed);
    ck_assert_ptr_nonnull(strstr(err.message, "2147483647"));
    ck_assert_int_eq(inn_onnx_write(g, "/dev/null", true, &err),
                     INN_ERR_LIMIT);
    ck_assert_ptr_nonnull(strstr(err.message, "stream"));
    inn_graph_free(g);
}
END_TEST

/* Two weights that are large enough to lie beside a model, and a small one. */
static struct inn_graph *graph_with_large(float *values)
{
    struct bytes w = floats_of("w", 700, values),
                 v = floats_of("v", 301, values + 700),
                 u = floats_of("u", 2, values), graph = graph_with(&w, "w"),
                 model;

    put_sub(&graph, 5, &v);
    put_sub(&graph, 5, &u);
    model = node_of("Sum", "", "v", "u", "more");
    put_sub(&graph, 1, &model);
    model = info_of("more", 1);
    put_sub(&graph, 12, &model);
    model = model_of(8, 13, &graph);
    return parse(&model);
}

START_TEST(weights_of_a_network_too_large_lie_beside_it)
{
    float values[1001];
    struct inn_graph *g, *again;
    char path[128], data[128];
    int i, v;

    for (i = 0; i < 1001; i++)
        values[i] = (float)i;
    g = graph_with_large(values);
    in_folder(path, "out.onnx");
    in_folder(data, "out.onnx.data");
    save(data, "old", 3);
    ck_assert_int_eq(inn_onnx_write_within(g, path, false, 2000, &err),
                     INN_ERR_IO);
    ck_assert_int_ne(access(path, F_OK), 0);
    ck_assert_int_eq(inn_onnx_write_within(g, path, true, 2000, &err),
                     INN_OK);
    ck_assert_int_eq(inn_onnx_write_within(g, path, false, 2000, &err),
                     INN_ERR_IO);
    ck_assert_int_eq(inn_onnx_read(&again, path, NULL, heap, &err), INN_OK);
    for (v = 0; v < g->n_values; v++) {
        const struct inn_tensor *a = g->values[v].init, *b;

        if (a == NULL)
            continue;
        b = init_of(again, g->values[v].name);
        ck_assert_uint_eq(a->bytes, b->bytes);
        ck_assert_mem_eq(a->data, b->data, a->bytes);
    }
    ck_assert_uint_eq((uintptr_t)init_of(again, "v")->data % 64, 0);
    inn_graph_free(again);
    /* What names its own file is not written to it. */
    ck_assert_int_eq(inn_onnx_read(&again, path, NULL, heap, &err), INN_OK);
    in_folder(path, "other.onnx");
    ck_assert_int_eq(inn_onnx_write_within(again, path, false, 2000, &err),
                     INN_OK);
    ck_assert_int_eq(access(in_folder(data, "other.onnx.data"), F_OK), 0);
    inn_graph_free(again);
    inn_graph_free(g);
}
END_TEST

START_TEST(writing_beside_survives_every_failed_allocation)
{
    float values[1001] = {1};
    struct inn_graph *g = graph_with_large(values);
    struct starve s = starve(heap, 10, 1000);
    char path[128], data[128];

    in_folder(path, "out.onnx");
    in_folder(data, "out.onnx.data");
    while (starving(&s)) {
        s.st = inn_onnx_write_within(g, path, false, 2000, s.err);
        ck_assert_int_eq(access(path, F_OK) == 0, s.st == INN_OK);
        ck_assert_int_eq(access(data, F_OK) == 0, s.st == INN_OK);
    }
    inn_graph_free(g);
}
END_TEST

START_TEST(tensor_of_a_test_case_is_read_with_its_name)
{
    const float values[] = {1, 2};
    struct bytes t = floats_of("input", 2, values);
    struct inn_tensor tensor;
    struct inn_arena arena;
    const char *name;
    char path[128];

    inn_arena_init(&arena, heap);
    save(in_folder(path, "t.pb"), t.data, t.len);
    ck_assert_int_eq(inn_onnx_read_tensor(&tensor, &name, path, &arena, &err),
                     INN_OK);
    ck_assert_str_eq(name, "input");
    ck_assert(((float *)tensor.data)[1] == 2);
    save(path, "not a tensor", 12);
    ck_assert_int_eq(inn_onnx_read_tensor(&tensor, &name, path, &arena, &err),
                     INN_ERR_FORMAT);
    inn_arena_free(&arena);
}
END_TEST

/* All that allocates in its own way: a function, a graph, a file outside. */
static void everything(char path[128])
{
    struct bytes t = external("w.bin", NULL, NULL), graph = graph_with_if(),
                 fn = {.len = 0}, model,
                 call = node_of("F", "f", "x", "w", "o"),
                 body = node_of("Add", "b", "p", "q", "r"), s;

    put_sub(&graph, 5, &t);
    set_domain(&call, "own");
    put_sub(&graph, 1, &call);
    s = tensor_of("s", 8, 1);
    put_text(&s, 6, "text");
    put_sub(&graph, 5, &s);
    s = tensor_of("h", 10, 1);
    put_int(&s, 5, 1);
    put_sub(&graph, 5, &s);
    add_constant(&graph, "k", "value_int", 2, 3, NULL);
    put_text(&fn, 1, "F");
    put_text(&fn, 4, "p");
    put_text(&fn, 4, "q");
    put_text(&fn, 5, "r");
    put_sub(&fn, 7, &body);
    put_text(&fn, 10, "own");
    put_opset(&fn, 9, "", 13);
    model = model_of(8, 13, &graph);
    put_opset(&model, 8, "own", 1);
    put_sub(&model, 25, &fn);
    save(in_folder(path, "w.bin"), "01234567", 8);
    save(in_folder(path, "model.onnx"), model.data, model.len);
}

START_TEST(reading_survives_every_failed_allocation)
{
    struct starve s = starve(heap, 5, 1900);
    struct inn_graph *g;
    char path[128];

    everything(path);
    while (starving(&s)) {
        s.st = inn_onnx_read(&g, path, NULL, heap, s.err);
        ck_assert_int_eq(g != NULL, s.st == INN_OK);
        if (g != NULL)
            ck_assert_int_ge(inn_graph_find(g, "o"), 0);
        inn_graph_free(g);
    }
}
END_TEST

START_TEST(reading_under_every_ceiling_says_limit)
{
    struct inn_graph *g;
    size_t ceiling, refused = 0;
    char path[128];

    everything(path);
    for (ceiling = 64; ceiling < (size_t)8 << 20; ceiling = ceiling * 9 / 8) {
        struct inn_heap *small = inn_heap_new(ceiling);
        enum inn_status st = inn_onnx_read(&g, path, NULL, small, &err);

        if (st != INN_OK) {
            ck_assert_msg(st == INN_ERR_LIMIT, "%s", err.message);
            refused++;
        }
        inn_graph_free(g);
        ck_assert_uint_eq(inn_heap_used(small), 0);
        inn_heap_free(small);
    }
    ck_assert_uint_gt(refused, 10);
}
END_TEST

START_TEST(writing_survives_every_failed_allocation)
{
    struct inn_graph *g;
    char path[128], out[128];
    struct starve s;
    uint8_t *packed;
    size_t len;

    everything(path);
    ck_assert_msg(inn_onnx_read(&g, path, NULL, heap, &err) == INN_OK, "%s",
                  err.message);
    s = starve(heap, 5, 900);
    while (starving(&s)) {
        s.st = inn_onnx_pack(g, NULL, &packed, &len, s.err);
        if (s.st == INN_OK)
            inn_free(heap, packed);
    }
    s = starve(heap, 5, 900);
    in_folder(out, "out.onnx");
    while (starving(&s)) {
        s.st = inn_onnx_write(g, out, false, s.err);
        ck_assert_int_eq(access(out, F_OK) == 0, s.st == INN_OK);
    }
    inn_graph_free(g);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("onnx");
    TCase *t = tcase_create("onnx");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 30);
    tcase_add_test(t, small_model_becomes_values_and_graph_nodes);
    tcase_add_test(t, float_data_and_raw_data_are_the_same_tensor);
    tcase_add_test(t, int32_data_carries_small_types_and_bits_of_halves);
    tcase_add_test(t, wide_integers_doubles_and_empty_tensors_are_read);
    tcase_add_test(t, strings_survive_with_their_zero_bytes);
    tcase_add_test(t, before_ir_4_initializers_are_inputs_too);
    tcase_add_test(t, unused_initializers_are_read_but_not_written);
    tcase_add_test(t, constants_of_every_form_become_tensors);
    tcase_add_test(t, constant_is_written_with_what_its_value_holds_now);
    tcase_add_test(t, unknown_operators_and_attributes_are_carried);
    tcase_add_test(t, names_docs_and_metadata_are_kept);
    tcase_add_test(t, types_that_are_no_tensors_are_carried);
    tcase_add_test(t, subgraphs_tell_what_they_read_from_outside);
    tcase_add_test(t, external_data_is_read_at_its_offset);
    tcase_add_test(t, external_data_outside_its_file_or_folder_is_refused);
    tcase_add_test(t, external_data_is_found_in_the_folder_that_was_named);
    tcase_add_test(t, external_data_of_a_linked_model_lies_beside_its_target);
    tcase_add_test(t, bytes_in_memory_have_no_external_data);
    tcase_add_test(t, weights_can_be_left_out_and_only_then_be_missing);
    tcase_add_test(t, file_is_written_whole_and_not_over_another);
    tcase_add_test(t, network_of_two_gibibytes_fits_no_stream);
    tcase_add_test(t, weights_of_a_network_too_large_lie_beside_it);
    tcase_add_test(t, writing_beside_survives_every_failed_allocation);
    tcase_add_test(t, tensor_of_a_test_case_is_read_with_its_name);
    tcase_add_test(t, reading_survives_every_failed_allocation);
    tcase_add_test(t, reading_under_every_ceiling_says_limit);
    tcase_add_test(t, writing_survives_every_failed_allocation);
    suite_add_tcase(s, t);
    return run_suite(s);
}
