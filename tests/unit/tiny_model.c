/* The small model of tiny_model.h, value by value. */
#include "tests/unit/tiny_model.h"

#include <check.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/grid/moments.h"

struct inn_heap *tiny_heap;
char tiny_folder[64], tiny_path[96], tiny_other[96];

void tiny_setup(void)
{
    strcpy(tiny_folder, "/tmp/test_container.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(tiny_folder));
    snprintf(tiny_path, sizeof(tiny_path), "%s/a.inn", tiny_folder);
    snprintf(tiny_other, sizeof(tiny_other), "%s/b.inn", tiny_folder);
    tiny_heap = inn_heap_new(0);
}

void tiny_teardown(void)
{
    remove(tiny_path);
    remove(tiny_other);
    ck_assert_int_eq(rmdir(tiny_folder), 0); /* no temporary file is left */
    ck_assert_uint_eq(inn_heap_used(tiny_heap), 0);
    inn_heap_free(tiny_heap);
}

static int add_init(struct inn_model *m, const char *name,
                    enum inn_type type, int rank, const int64_t *dims)
{
    struct inn_tensor *t;
    int v;

    if (inn_graph_add_value(m->graph, &v, name, NULL) != INN_OK)
        return -1;
    t = inn_arena_alloc(&m->graph->arena, 1, sizeof(*t), NULL);
    if (t == NULL ||
        inn_tensor_new(t, &m->graph->arena, type, rank, dims, NULL) != INN_OK)
        return -1;
    m->graph->values[v].init = t;
    m->graph->values[v].type = type;
    return v;
}

static int add_value(struct inn_model *m, const char *name)
{
    int v;

    return inn_graph_add_value(m->graph, &v, name, NULL) == INN_OK ? v : -1;
}

static void declare(struct inn_value *v, int rank, const int64_t *dims)
{
    int i;

    v->declared = true;
    v->type = INN_F32;
    v->rank = rank;
    for (i = 0; i < rank; i++) {
        v->dims[i].size = dims[i];
        v->dims[i].symbol = NULL;
    }
}

static bool add_node(struct inn_model *m, const char *type, int n_in,
                     const int *in, int out)
{
    struct inn_node *node;
    int i, at;

    if (out < 0 ||
        inn_graph_add_node(m->graph, &at, type, n_in, 1, 0, NULL) != INN_OK)
        return false;
    node = &m->graph->nodes[at];
    node->name = type;
    node->version = 13;
    for (i = 0; i < n_in; i++)
        node->inputs[i] = in[i];
    node->outputs[0] = out;
    m->graph->values[out].producer = at;
    return true;
}

static bool build_graph(struct inn_model *m, int64_t big)
{
    static const int64_t d1[] = {4, 3, 1, 1}, db[] = {4}, d2[] = {5, 4, 1, 1},
                         ds[] = {2}, dx[] = {1, 3, 8, 8}, dy[] = {1, 320};
    int64_t dbig[1];
    int x, w1, b1, w2, shape, c1, r1, c2, y;
    struct inn_graph *g;

    dbig[0] = big < 0 ? 0 : big;
    if (inn_graph_new(&m->graph, m->heap, NULL) != INN_OK)
        return false;
    g = m->graph;
    g->name = "tiny";
    g->ir_version = 8;
    x = add_value(m, "x");
    y = add_value(m, "y");
    w2 = add_init(m, "w2", INN_F32, 4, d2);
    w1 = add_init(m, "w1", INN_F32, 4, d1);
    b1 = add_init(m, "b1", INN_F32, 1, db);
    shape = add_init(m, "shape", INN_I64, 1, ds);
    c1 = add_value(m, "c1");
    r1 = add_value(m, "r1");
    c2 = add_value(m, "c2");
    if (x < 0 || y < 0 || w1 < 0 || b1 < 0 || w2 < 0 || shape < 0 ||
        c1 < 0 || r1 < 0 || c2 < 0)
        return false;
    ((int64_t *)g->values[shape].init->data)[0] = 1;
    ((int64_t *)g->values[shape].init->data)[1] = 320;
    g->values[x].is_input = true;
    declare(&g->values[x], 4, dx);
    g->values[x].dims[0] = (struct inn_dim){-1, "batch"};
    g->values[y].is_output = true;
    declare(&g->values[y], 2, dy);
    g->opsets = inn_arena_alloc(&g->arena, 1, sizeof(*g->opsets), NULL);
    g->inputs = inn_arena_alloc(&g->arena, 1, sizeof(int), NULL);
    g->outputs = inn_arena_alloc(&g->arena, 1, sizeof(int), NULL);
    if (g->opsets == NULL || g->inputs == NULL || g->outputs == NULL)
        return false;
    g->opsets[0].domain = "";
    g->opsets[0].version = 13;
    g->inputs[0] = x;
    g->outputs[0] = y;
    g->n_opsets = g->n_inputs = g->n_outputs = 1;
    if (add_init(m, "old", INN_F32, 1, db) < 0 ||
        (big != 0 && (add_init(m, "big", INN_F32, 1, dbig) < 0 ||
                      !add_node(m, "Identity", 1,
                                (int[]){inn_graph_find(g, "big")},
                                add_value(m, "big_too")))))
        return false;
    return add_node(m, "Conv", 3, (int[]){x, w1, b1}, c1) &&
           add_node(m, "Relu", 1, (int[]){c1}, r1) &&
           add_node(m, "Conv", 2, (int[]){r1, w2}, c2) &&
           add_node(m, "Reshape", 2, (int[]){c2, shape}, y);
}

/* A grid as long as its initializer, with values that don't repeat. */
bool tiny_add_weight(struct inn_model *m, const char *name)
{
    struct inn_weight *w = &m->weights[m->n_weights++];
    struct inn_tensor *init;
    size_t i, n;

    w->value = inn_graph_find(m->graph, name);
    init = m->graph->values[w->value].init;
    if (inn_tensor_new(&w->grid, &m->arena, init->type, init->rank,
                       init->dims, NULL) != INN_OK)
        return false;
    n = inn_tensor_count(&w->grid);
    for (i = 0; i < n; i++)
        ((float *)w->grid.data)[i] =
            sinf((float)i * 0.37f + (float)w->value) * 0.1f;
    w->residual = 0;
    return true;
}

static bool build_groups(struct inn_model *m)
{
    static const struct inn_span one[] = {{0, 0, 0, 1}, {0, 1, 0, 1}};
    static const struct inn_span two[] = {{-1, 0, 1, 1}, {1, 0, 0, 2}};
    static int64_t first0[] = {0, 3, 4}, first1[] = {0, 2},
                   order0[] = {2, 0, 3, 1}, order1[] = {1, 0},
                   l10[] = {3, 1, 2, 0}, l11[] = {0, 1};
    struct inn_group *g;
    struct inn_axis *a;

    m->groups = g = inn_arena_alloc(&m->arena, 2, sizeof(*g), NULL);
    m->axes = a = inn_arena_alloc(&m->arena, 5, sizeof(*a), NULL);
    m->pinned = inn_arena_alloc(&m->arena, 1, sizeof(*m->pinned), NULL);
    if (g == NULL || a == NULL || m->pinned == NULL)
        return false;
    g[0] = (struct inn_group){.name = "g", .size = 4, .nodes = 4,
                              .n_blocks = 2, .first = first0,
                              .order = order0, .l1_rank = l10,
                              .variation_before = 3.5,
                              .variation_after = 2.25};
    g[1] = (struct inn_group){.name = "h", .size = 2, .nodes = 2,
                              .n_blocks = 1, .first = first1,
                              .order = order1, .l1_rank = l11,
                              .variation_before = 1, .variation_after = 1};
    m->n_groups = 2;
    /* ascending by value: y, w2, w1, b1, …, c1 */
    a[0] = (struct inn_axis){inn_graph_find(m->graph, "w2"), 0, INN_ROLE_OUT,
                             2, (struct inn_span *)two};
    a[1] = (struct inn_axis){a[0].value, 1, INN_ROLE_IN, 2,
                             (struct inn_span *)one};
    a[2] = (struct inn_axis){inn_graph_find(m->graph, "w1"), 0, INN_ROLE_OUT,
                             2, (struct inn_span *)one};
    a[3] = (struct inn_axis){inn_graph_find(m->graph, "b1"), 0,
                             INN_ROLE_ALONG, 2, (struct inn_span *)one};
    a[4] = (struct inn_axis){inn_graph_find(m->graph, "c1"), 1,
                             INN_ROLE_ALONG, 2, (struct inn_span *)one};
    m->n_axes = 5;
    m->pinned[0] = (struct inn_pinned){inn_graph_find(m->graph, "w1"), 1, 3,
                                       "the network's input"};
    m->n_pinned = 1;
    return true;
}

static bool build_rest(struct inn_model *m)
{
    static float four[][4] = {{1, 2, 3, 4}, {5, 6, 7, 8}, {9, 10, 11, 12},
                              {13, 14, 15, 16}};
    static const int64_t dims[] = {4};
    struct inn_bn_stats *s;
    struct inn_tensor *t[4];
    int i;

    m->stats = s = inn_arena_alloc(&m->arena, 1, sizeof(*s), NULL);
    m->bindings = inn_arena_alloc(&m->arena, 2, sizeof(*m->bindings), NULL);
    if (s == NULL || m->bindings == NULL)
        return false;
    s->node = "bn1";
    s->value = "c1";
    s->epsilon = 1e-5f;
    t[0] = &s->scale;
    t[1] = &s->shift;
    t[2] = &s->mean;
    t[3] = &s->variance;
    for (i = 0; i < 4; i++) {
        if (inn_tensor_init(t[i], INN_F32, 1, dims, NULL) != INN_OK)
            return false;
        t[i]->data = four[i];
    }
    m->n_stats = 1;
    m->bindings[0] = (struct inn_binding){"x", 4, {1, 3, 8, 8}};
    m->bindings[1] = (struct inn_binding){"batch", -1, {1}};
    m->n_bindings = 2;
    m->kernel = INN_KERNEL_CUBIC75;
    m->edge = INN_EDGE_CLAMP;
    m->prep = (struct inn_input_prep){true, 1.0 / 255, 3,
                                      {0.485, 0.456, 0.406, 0},
                                      {0.229, 0.224, 0.225, 0}, true, false};
    m->source_name = "tiny.onnx";
    m->source_hash = 0xfedcba9876543210u;
    m->converter = "0.1.0";
    m->options = "--store f32";
    return true;
}

struct inn_model *tiny_build(int64_t big)
{
    struct inn_model *m;

    if (inn_model_new(&m, tiny_heap, NULL) != INN_OK)
        return NULL;
    m->weights = inn_arena_alloc(&m->arena, 5, sizeof(*m->weights), NULL);
    if (m->weights != NULL && build_graph(m, big) && build_groups(m) &&
        tiny_add_weight(m, "w2") && tiny_add_weight(m, "w1") &&
        tiny_add_weight(m, "b1") &&
        (big == 0 || tiny_add_weight(m, "big")) && build_rest(m))
        return m;
    inn_model_free(m);
    return NULL;
}

/* 1; ½, √¾; 0, 0, 1; -0, the least f16, -½, √¾. */
static const uint16_t tiny_factor[] = {0x3c00, 0x3800, 0x3aee, 0,
                                       0,      0x3c00, 0x8000, 0x0001,
                                       0xb800, 0x3aee};

bool tiny_add_moments(struct inn_model *m)
{
    static const int64_t nested[] = {2, 0, 3, 1};
    static const float error[] = {0.5f, 0.1f, 0.01f, 0},
                       mean[] = {0, -1.5f, 2, 1e-30f},
                       deviation[] = {1, 0.25f, 1e-40f, 3e38f};
    struct inn_arena *arena = &m->arena;
    struct inn_group *g = &m->groups[0];
    struct inn_moments *moments;
    int w2 = inn_graph_find(m->graph, "w2"), i;
    int c2 = inn_graph_find(m->graph, "c2");

    g->nested = inn_arena_alloc(arena, 4, sizeof(*g->nested), NULL);
    g->nested_error = inn_arena_alloc(arena, 4, sizeof(float), NULL);
    m->moments = moments = inn_arena_alloc(arena, 2, sizeof(*moments), NULL);
    m->consumers = inn_arena_alloc(arena, 2, sizeof(*m->consumers), NULL);
    if (g->nested == NULL || g->nested_error == NULL || moments == NULL ||
        m->consumers == NULL)
        return false;
    memcpy(g->nested, nested, sizeof(nested));
    memcpy(g->nested_error, error, sizeof(error));
    for (i = 0; i < 2; i++) {
        moments[i].group = 0;
        moments[i].mean = inn_arena_alloc(arena, 4, sizeof(float), NULL);
        moments[i].deviation = inn_arena_alloc(arena, 4, sizeof(float), NULL);
        moments[i].factor = inn_arena_alloc(arena, 10, 2, NULL);
        if (moments[i].mean == NULL || moments[i].deviation == NULL ||
            moments[i].factor == NULL)
            return false;
        memcpy(moments[i].mean, mean, sizeof(mean));
        memcpy(moments[i].deviation, deviation, sizeof(deviation));
        memcpy(moments[i].factor, tiny_factor, sizeof(tiny_factor));
    }
    moments[1].factor[1] = 0x3555; /* a third */
    m->consumers[0] = (struct inn_consumer){
        .node = m->graph->values[c2].producer, .weight = w2, .axis = 1,
        .moments = 1, .out = 0, .bias = 2, .scale = 0.5};
    m->n_moments = 2;
    m->n_consumers = 1;
    m->extra_gain = -0.25;
    return true;
}

enum inn_status tiny_write(const struct inn_model *m, const char *to,
                                enum inn_store store, enum inn_codec codec,
                                int threads)
{
    struct inn_file_options o = {store, codec, threads, true, NULL};
    struct inn_error err = {INN_OK, ""};
    enum inn_status st = inn_file_write(m, to, &o, NULL, &err);

    ck_assert_int_eq(st, err.status);
    return st;
}

enum inn_status tiny_open(struct inn_model **m, const char *from, bool trust)
{
    return inn_file_open(m, from, trust, tiny_heap, NULL);
}

void tiny_write_new(enum inn_codec codec, int64_t big, bool moments)
{
    struct inn_model *m = tiny_build(big);

    ck_assert_ptr_nonnull(m);
    ck_assert(!moments || tiny_add_moments(m));
    ck_assert_int_eq(tiny_write(m, tiny_path, INN_STORE_F32, codec, 1), INN_OK);
    inn_model_free(m);
}

uint8_t *tiny_read(const char *from, size_t *len)
{
    FILE *f = fopen(from, "rb");
    uint8_t *bytes;

    ck_assert_ptr_nonnull(f);
    fseek(f, 0, SEEK_END);
    *len = (size_t)ftell(f);
    rewind(f);
    bytes = malloc(*len + 1);
    ck_assert_uint_eq(fread(bytes, 1, *len, f), *len);
    fclose(f);
    return bytes;
}

/* Cut after writing, not before: emptied files are flushed by some systems. */
void tiny_store(const char *to, const uint8_t *bytes, size_t len)
{
    int fd = open(to, O_WRONLY | O_CREAT, 0600);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pwrite(fd, bytes, len, 0), (ssize_t)len);
    ck_assert_int_eq(ftruncate(fd, (off_t)len), 0);
    close(fd);
}
