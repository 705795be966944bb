/* The network of grid_model.h, and a naive sampler to compare with. */
#include "tests/unit/grid_model.h"

#include <check.h>
#include <math.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/grid/axis_map.h"

static const int64_t t_order[6] = {3, 0, 5, 1, 4, 2};
static const int64_t t_rank[6] = {5, 2, 0, 1, 3, 4};
static const int64_t t_first[2] = {0, 6};
static const int64_t p_order[4] = {2, 0, 3, 1};
static const int64_t p_rank[4] = {1, 3, 0, 2};
static const int64_t p_first[3] = {0, 2, 4};
static const int64_t u_order[4] = {1, 3, 0, 2};
static const int64_t u_rank[4] = {3, 2, 1, 0};
static const int64_t u_first[2] = {0, 4};

static const struct inn_span along_t[] = {{GRID_T, 0, 0, 1}};
static const struct inn_span along_u[] = {{GRID_U, 0, 0, 1}};
static const struct inn_span along_u16[] = {{GRID_U, 0, 0, 16}};
static const struct inn_span along_s[] = {
    {GRID_P, 0, 0, 1}, {GRID_T, 0, 0, 1}, {GRID_P, 1, 0, 1}};
static const struct inn_span along_c[] = {{GRID_P, 0, 0, 1},
                                          {GRID_T, 0, 0, 1},
                                          {GRID_P, 1, 0, 1},
                                          {GRID_U, 0, 0, 1}};
static const struct inn_span along_f[] = {{GRID_P, 0, 0, 16},
                                          {GRID_T, 0, 0, 16},
                                          {GRID_P, 1, 0, 16},
                                          {GRID_U, 0, 0, 16}};

#define SPANS(name) name, (int)(sizeof(name) / sizeof((name)[0]))

/* Values with their shapes; initializers first, weights among them first. */
static const struct {
    const char *name;
    int rank;
    int64_t dims[4];
} values[] = {
    {"w1", 4, {6, 3, 1, 1}}, {"b1", 1, {6}},          {"w2", 4, {10, 6, 1, 1}},
    {"g", 3, {10, 1, 1}},    {"w3", 4, {4, 6, 1, 1}}, {"w4", 2, {2, 224}},
    {"b4", 1, {2}},          {"w5", 2, {2, 64}},      {"pads", 1, {8}},
    {"shape", 1, {2}},       {"x", 4, {1, 3, 4, 4}},  {"x2", 4, {1, 4, 4, 4}},
    {"conv1", 4, {1, 6, 4, 4}}, {"t", 4, {1, 6, 4, 4}},
    {"pad", 4, {1, 10, 4, 4}},  {"conv2", 4, {1, 10, 4, 4}},
    {"add", 4, {1, 10, 4, 4}},  {"s", 4, {1, 10, 4, 4}},
    {"u", 4, {1, 4, 4, 4}},     {"c", 4, {1, 14, 4, 4}},
    {"f", 2, {1, 224}},         {"y", 2, {1, 2}},
    {"v", 2, {1, 64}},          {"z", 2, {1, 2}},
    {"r", 2, {1, 64}},
};

enum { N_VALUES = sizeof(values) / sizeof(values[0]), N_WEIGHTS = 8 };

static const struct {
    const char *op;
    const char *in[3];
    const char *out;
} nodes[] = {
    {"Conv", {"x", "w1", "b1"}, "conv1"},
    {"Relu", {"conv1"}, "t"},
    {"Pad", {"t", "pads"}, "pad"},
    {"Conv", {"t", "w2"}, "conv2"},
    {"Add", {"pad", "conv2"}, "add"},
    {"Mul", {"add", "g"}, "s"},
    {"Conv", {"t", "w3"}, "u"},
    {"Concat", {"s", "u"}, "c"},
    {"Flatten", {"c"}, "f"},
    {"Gemm", {"f", "w4", "b4"}, "y"},
    {"Reshape", {"u", "shape"}, "v"},
    {"Gemm", {"v", "w5"}, "z"},
    {"Reshape", {"x2", "shape"}, "r"},
};

/* In the order of values, then of axes. */
static const struct {
    const char *value;
    int axis;
    enum inn_role role;
    const struct inn_span *spans;
    int n_spans;
} axes[] = {
    {"w1", 0, INN_ROLE_OUT, SPANS(along_t)},
    {"b1", 0, INN_ROLE_ALONG, SPANS(along_t)},
    {"w2", 0, INN_ROLE_OUT, SPANS(along_s)},
    {"w2", 1, INN_ROLE_IN, SPANS(along_t)},
    {"g", 0, INN_ROLE_ALONG, SPANS(along_s)},
    {"w3", 0, INN_ROLE_OUT, SPANS(along_u)},
    {"w3", 1, INN_ROLE_IN, SPANS(along_t)},
    {"w4", 1, INN_ROLE_IN, SPANS(along_f)},
    {"w5", 1, INN_ROLE_IN, SPANS(along_u16)},
    {"conv1", 1, INN_ROLE_ALONG, SPANS(along_t)},
    {"t", 1, INN_ROLE_ALONG, SPANS(along_t)},
    {"pad", 1, INN_ROLE_ALONG, SPANS(along_s)},
    {"conv2", 1, INN_ROLE_ALONG, SPANS(along_s)},
    {"add", 1, INN_ROLE_ALONG, SPANS(along_s)},
    {"s", 1, INN_ROLE_ALONG, SPANS(along_s)},
    {"u", 1, INN_ROLE_ALONG, SPANS(along_u)},
    {"c", 1, INN_ROLE_ALONG, SPANS(along_c)},
    {"f", 1, INN_ROLE_ALONG, SPANS(along_f)},
    {"v", 1, INN_ROLE_ALONG, SPANS(along_u16)},
};

enum { N_AXES = sizeof(axes) / sizeof(axes[0]) };

static bool make_values(struct inn_graph *g, struct inn_error *err)
{
    int i, k, v;

    for (i = 0; i < N_VALUES; i++) {
        struct inn_value *value;

        if (inn_graph_add_value(g, &v, values[i].name, err) != INN_OK)
            return false;
        value = &g->values[v];
        value->declared = true;
        value->type = INN_F32;
        value->rank = values[i].rank;
        for (k = 0; k < value->rank; k++)
            value->dims[k].size = values[i].dims[k];
        if (i >= 10)
            continue;
        value->declared = false;
        value->init = inn_arena_alloc(&g->arena, 1, sizeof(*value->init),
                                      err);
        if (value->init == NULL ||
            inn_tensor_init(value->init, i < N_WEIGHTS ? INN_F32 : INN_I64,
                            values[i].rank, values[i].dims, err) != INN_OK)
            return false;
    }
    return true;
}

static bool make_nodes(struct inn_graph *g, struct inn_error *err)
{
    struct inn_node *node;
    size_t i;
    int k, n;

    for (i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
        for (k = 0; k < 3 && nodes[i].in[k] != NULL; k++)
            ;
        if (inn_graph_add_node(g, &n, nodes[i].op, k, 1, 0, err) != INN_OK)
            return false;
        node = &g->nodes[n];
        for (k--; k >= 0; k--)
            node->inputs[k] = inn_graph_find(g, nodes[i].in[k]);
        node->outputs[0] = inn_graph_find(g, nodes[i].out);
        g->values[node->outputs[0]].producer = n;
        if (strcmp(nodes[i].op, "Concat") == 0 &&
            inn_node_set_int(g, node, "axis", 1, err) != INN_OK)
            return false;
        if (strcmp(nodes[i].op, "Gemm") == 0 &&
            inn_node_set_int(g, node, "transB", 1, err) != INN_OK)
            return false;
    }
    return true;
}

static bool make_ends(struct inn_graph *g, struct inn_error *err)
{
    static const int64_t pads[8] = {0, 2, 0, 0, 0, 2, 0, 0};
    static const int64_t shape[2] = {1, 64};
    static const char *const outputs[3] = {"y", "z", "r"};
    struct inn_tensor *t;
    int i;

    t = g->values[inn_graph_find(g, "pads")].init;
    t->data = inn_arena_alloc(&g->arena, 8, sizeof(int64_t), err);
    if (t->data == NULL)
        return false;
    memcpy(t->data, pads, sizeof(pads));
    t = g->values[inn_graph_find(g, "shape")].init;
    t->data = inn_arena_alloc(&g->arena, 2, sizeof(int64_t), err);
    if (t->data == NULL)
        return false;
    memcpy(t->data, shape, sizeof(shape));
    g->inputs = inn_arena_alloc(&g->arena, 2, sizeof(int), err);
    g->outputs = inn_arena_alloc(&g->arena, 3, sizeof(int), err);
    if (g->inputs == NULL || g->outputs == NULL)
        return false;
    g->n_inputs = 2;
    g->n_outputs = 3;
    g->inputs[0] = inn_graph_find(g, "x");
    g->inputs[1] = inn_graph_find(g, "x2");
    g->values[g->inputs[0]].is_input = g->values[g->inputs[1]].is_input = true;
    g->values[g->inputs[0]].dims[0].size = -1;
    g->values[g->inputs[0]].dims[0].symbol = "batch";
    for (i = 0; i < 3; i++) {
        g->outputs[i] = inn_graph_find(g, outputs[i]);
        g->values[g->outputs[i]].is_output = true;
    }
    return true;
}

static void *copy_of(struct inn_arena *arena, const void *from, size_t bytes,
                     struct inn_error *err)
{
    void *to = inn_arena_alloc(arena, bytes, 1, err);

    if (to != NULL)
        memcpy(to, from, bytes);
    return to;
}

static bool make_group(struct inn_model *m, int g, const char *name,
                       const int64_t *order, const int64_t *rank,
                       const int64_t *first, int n_blocks,
                       struct inn_error *err)
{
    struct inn_group *group = &m->groups[g];

    group->name = name;
    group->n_blocks = n_blocks;
    group->size = group->nodes = first[n_blocks];
    group->order = copy_of(&m->arena, order,
                           (size_t)group->size * sizeof(*order), err);
    group->l1_rank = copy_of(&m->arena, rank,
                             (size_t)group->size * sizeof(*rank), err);
    group->first = copy_of(&m->arena, first,
                           ((size_t)n_blocks + 1) * sizeof(*first), err);
    return group->order != NULL && group->l1_rank != NULL &&
           group->first != NULL;
}

static bool make_axes(struct inn_model *m, struct inn_error *err)
{
    int i;

    m->axes = inn_arena_alloc(&m->arena, N_AXES, sizeof(*m->axes), err);
    if (m->axes == NULL)
        return false;
    for (i = 0; i < N_AXES; i++) {
        struct inn_axis *a = &m->axes[i];

        a->value = inn_graph_find(m->graph, axes[i].value);
        a->axis = axes[i].axis;
        a->role = axes[i].role;
        a->n_spans = axes[i].n_spans;
        a->spans = copy_of(&m->arena, axes[i].spans,
                           (size_t)a->n_spans * sizeof(*a->spans), err);
        if (a->spans == NULL)
            return false;
    }
    m->n_axes = N_AXES;
    return true;
}

/* One axis of a tensor put into the stored order. */
static void store_axis(float *out, const float *in,
                       const struct inn_tensor *t, int axis,
                       const struct grid_matrix *m)
{
    int64_t outer = 1, inner = 1, o, i, r, c, len = t->dims[axis];
    int k;

    for (k = 0; k < axis; k++)
        outer *= t->dims[k];
    for (k = axis + 1; k < t->rank; k++)
        inner *= t->dims[k];
    for (o = 0; o < outer; o++) {
        for (r = 0; r < len; r++) {
            for (c = 0; c < len; c++) {
                if (m->at[r][c] == 0.0)
                    continue;
                for (i = 0; i < inner; i++)
                    out[(o * len + r) * inner + i] =
                        in[(o * len + c) * inner + i];
            }
        }
    }
}

static bool make_weight(struct inn_model *m, int w, struct inn_tensor *grid,
                        struct inn_tensor *original, struct inn_error *err)
{
    static struct grid_matrix matrix;
    const struct inn_tensor *t = m->graph->values[w].init;
    size_t n = inn_tensor_count(t), i;
    float *data, *next;
    int k;

    *original = *t;
    data = inn_arena_alloc(&m->arena, n, sizeof(*data), err);
    original->data = data;
    if (data == NULL)
        return false;
    for (i = 0; i < n; i++)
        data[i] = (float)sin((double)(i + 1) * (1.3 + w));
    /* Bits that arithmetic would lose. */
    data[0] = -0.0f;
    data[n - 1] = 1e-42f;
    for (k = 0; k < t->rank; k++) {
        const struct inn_axis *axis = inn_model_axis(m, w, k);

        if (axis == NULL)
            continue;
        grid_axis_matrix(&matrix, m, axis, 0, NULL, GRID_STORE, NULL);
        next = inn_arena_alloc(&m->arena, n, sizeof(*next), err);
        if (next == NULL)
            return false;
        store_axis(next, data, t, k, &matrix);
        data = next;
    }
    *grid = *t;
    grid->data = data;
    return true;
}

static enum inn_status load(void *state, int w, void *data,
                            struct inn_error *err)
{
    const struct grid_store *store = state;

    if (w == store->fail)
        return inn_fail(err, INN_ERR_FORMAT, "grid %d is damaged", w);
    memcpy(data, store->grids[w].data, store->grids[w].bytes);
    return INN_OK;
}

static void note_free(void *state)
{
    ((struct grid_store *)state)->freed++;
}

struct inn_model *grid_model(struct inn_heap *heap, struct grid_store *store,
                             struct inn_tensor *originals,
                             struct inn_error *err)
{
    struct inn_model *m;
    bool ok = false;
    int w;

    if (inn_model_new(&m, heap, err) != INN_OK)
        return NULL;
    if (inn_graph_new(&m->graph, heap, err) != INN_OK)
        goto out;
    m->graph->opsets = inn_arena_alloc(&m->graph->arena, 1,
                                       sizeof(*m->graph->opsets), err);
    m->groups = inn_arena_alloc(&m->arena, GRID_GROUPS, sizeof(*m->groups),
                                err);
    m->weights = inn_arena_alloc(&m->arena, N_WEIGHTS, sizeof(*m->weights),
                                 err);
    if (m->graph->opsets == NULL || m->groups == NULL || m->weights == NULL)
        goto out;
    m->graph->n_opsets = 1;
    m->graph->opsets[0].domain = "";
    m->graph->opsets[0].version = 13;
    m->n_groups = GRID_GROUPS;
    m->n_weights = N_WEIGHTS;
    ok = make_values(m->graph, err) && make_nodes(m->graph, err) &&
         make_ends(m->graph, err) &&
         make_group(m, GRID_T, "trunk", t_order, t_rank, t_first, 1, err) &&
         make_group(m, GRID_P, "padded", p_order, p_rank, p_first, 2, err) &&
         make_group(m, GRID_U, "side", u_order, u_rank, u_first, 1, err) &&
         make_axes(m, err);
    for (w = 0; ok && w < N_WEIGHTS; w++) {
        m->weights[w].value = w;
        ok = make_weight(m, w, &m->weights[w].grid, &originals[w], err);
    }
    for (w = 0; ok && store != NULL && w < N_WEIGHTS; w++) {
        store->grids[w] = m->weights[w].grid;
        m->weights[w].grid.data = NULL;
    }
    if (ok && store != NULL) {
        m->source.state = store;
        m->source.load = load;
        m->source.free = note_free;
    }
out:
    if (!ok) {
        inn_model_free(m);
        m = NULL;
    }
    return m;
}

/* Σ over all nodes, those beyond the ends continued by Keys' condition. */
struct inn_model *grid_start(struct inn_heap **heap)
{
    struct inn_tensor originals[16];
    struct inn_model *model;

    *heap = inn_heap_new(0);
    model = grid_model(*heap, NULL, originals, NULL);
    ck_assert_ptr_nonnull(model);
    return model;
}

void grid_end(struct inn_model *model, struct inn_heap *heap)
{
    inn_model_free(model);
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}

double grid_node_share(int n, int node, double s)
{
    double share = inn_kernel_value(INN_KERNEL_CUBIC50, s - node);
    double before = inn_kernel_value(INN_KERNEL_CUBIC50, s + 1.0);
    double behind = inn_kernel_value(INN_KERNEL_CUBIC50, s - n);
    static const double keys[3] = {3.0, -3.0, 1.0};

    if (n == 1)
        return 1.0;
    if (n == 2)
        return 1.0 - fabs(s - node);
    if (node < 3)
        share += keys[node] * before;
    if (node >= n - 3)
        share += keys[n - 1 - node] * behind;
    return share;
}

static double trapezoid(int n, int i)
{
    if (n == 1)
        return 1.0;
    return (i == 0 || i == n - 1 ? 0.5 : 1.0) / (n - 1);
}

/* Weight of a channel at point i of n. */
static double channel_share(const struct inn_group *g, int n, int i,
                            int channel, enum inn_role role,
                            enum grid_mode mode, const int64_t *keep)
{
    int N = (int)g->size, p;
    double s, share;

    if (mode == GRID_STORE)
        return g->order[i] == channel ? 1.0 : 0.0;
    if (n == N)
        return i == channel ? 1.0 : 0.0;
    if (mode == GRID_KEEP)
        return keep[i] == channel ? 1.0 : 0.0;
    for (p = 0; g->order[p] != channel; p++)
        ;
    s = n == 1 ? 0.5 * (N - 1) : (double)i * (N - 1) / (n - 1);
    share = grid_node_share(N, p, s);
    if (role == INN_ROLE_IN)
        share *= trapezoid(n, i) / trapezoid(N, p);
    return share;
}

/* Elements of an axis: which group, channel (or point) and function. */
struct element {
    int group, point, function;
};

static int list_elements(struct element *list, const struct inn_model *model,
                         const struct inn_axis *axis, const int64_t *widths)
{
    int count = 0, done[GRID_GROUPS][2] = {{0}}, i;

    for (i = 0; i < axis->n_spans; i++) {
        const struct inn_span *s = &axis->spans[i];
        const struct inn_group *g = &model->groups[s->group];
        int64_t before = g->first[s->block], p, r, first, last;
        double n = widths != NULL ? (double)widths[s->group]
                                  : (double)g->size;

        first = (int64_t)floor(n * (double)before / (double)g->size + 0.5);
        last = (int64_t)floor(n * (double)g->first[s->block + 1] /
                              (double)g->size + 0.5);
        for (p = first; p < last; p++) {
            for (r = 0; r < s->repeat; r++) {
                list[count].group = s->group;
                list[count].point = (int)p;
                list[count++].function =
                    done[s->group][s->block] + (int)r;
            }
        }
        done[s->group][s->block] += (int)s->repeat;
    }
    return count;
}

void grid_axis_matrix(struct grid_matrix *m, const struct inn_model *model,
                      const struct inn_axis *axis, int size,
                      const int64_t *widths, enum grid_mode mode,
                      int64_t *const keep[GRID_GROUPS])
{
    static struct element to[256], from[256];
    int i, k;

    memset(m, 0, sizeof(*m));
    if (axis == NULL) {
        m->rows = m->cols = size;
        for (i = 0; i < size; i++)
            m->at[i][i] = 1.0;
        return;
    }
    m->rows = list_elements(to, model, axis, widths);
    m->cols = list_elements(from, model, axis, NULL);
    for (i = 0; i < m->rows; i++) {
        for (k = 0; k < m->cols; k++) {
            int g = to[i].group;

            if (from[k].group != g || from[k].function != to[i].function)
                continue;
            m->at[i][k] = channel_share(
                &model->groups[g],
                widths != NULL ? (int)widths[g] : (int)model->groups[g].size,
                to[i].point, from[k].point, axis->role, mode,
                keep != NULL ? keep[g] : NULL);
        }
    }
}
