/*
 * The layers of build.h. Values carry shapes as they are made, since layers
 * need channels and sizes; only inputs and outputs declare them in the file.
 */
#include "models/build.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/error.h"

void inn_build_start(struct inn_builder *b, const char *name, uint64_t seed,
                     bool weightless, struct inn_heap *heap,
                     struct inn_error *err)
{
    struct inn_graph *g;

    memset(b, 0, sizeof(*b));
    b->heap = heap;
    b->err = err;
    b->seed = seed;
    b->weightless = weightless;
    b->status = inn_graph_new(&g, heap, err);
    if (b->status != INN_OK)
        return;
    b->graph = g;
    g->ir_version = 7;
    g->producer = "inn-model";
    g->producer_version = inn_version();
    g->name = inn_arena_strdup(&g->arena, name, err);
    g->opsets = inn_arena_alloc(&g->arena, 1, sizeof(*g->opsets), err);
    g->inputs = inn_arena_alloc(&g->arena, 1, sizeof(*g->inputs), err);
    g->outputs = inn_arena_alloc(&g->arena, 1, sizeof(*g->outputs), err);
    if (g->name == NULL || g->opsets == NULL || g->inputs == NULL ||
        g->outputs == NULL) {
        b->status = b->err->status;
        return;
    }
    g->opsets[0] = (struct inn_opset){"", 13};
    g->n_opsets = 1;
}

void inn_build_end(struct inn_builder *b)
{
    inn_free(b->heap, b->moments);
    inn_graph_free(b->graph);
    b->moments = NULL;
    b->graph = NULL;
}

const char *inn_build_name(struct inn_builder *b, const char *format, ...)
{
    char text[128];
    const char *name = NULL;
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (b->status == INN_OK) {
        name = inn_arena_strdup(&b->graph->arena, text, b->err);
        if (name == NULL)
            b->status = b->err->status;
    }
    return name != NULL ? name : "";
}

/* ---- Values, weights and graph nodes ---------------------------------- */

static int add_value(struct inn_builder *b, const char *name, int rank)
{
    struct inn_value *v;
    int value;

    if (b->status == INN_OK)
        b->status = inn_graph_add_value(b->graph, &value, name, b->err);
    if (b->status != INN_OK)
        return -1;
    v = &b->graph->values[value];
    v->type = INN_F32;
    v->rank = rank;
    return value;
}

/* An initializer of zeros, or without data; name.suffix. */
static int add_weights(struct inn_builder *b, const char *name,
                       const char *suffix, int rank, const int64_t *dims)
{
    const char *full = inn_build_name(b, "%s.%s", name, suffix);
    const int value = add_value(b, full, rank);
    struct inn_tensor *t;

    if (value < 0)
        return -1;
    t = inn_arena_alloc(&b->graph->arena, 1, sizeof(*t), b->err);
    if (t == NULL)
        b->status = b->err->status;
    else if (b->weightless)
        b->status = inn_tensor_init(t, INN_F32, rank, dims, b->err);
    else
        b->status = inn_tensor_new(t, &b->graph->arena, INN_F32, rank, dims,
                                   b->err);
    b->graph->values[value].init = t;
    return b->status == INN_OK ? value : -1;
}

/* Learnable weights: random ones, and counted. */
static int add_random(struct inn_builder *b, const char *name,
                      const char *suffix, int rank, const int64_t *dims,
                      double mean, double deviation)
{
    const int value = add_weights(b, name, suffix, rank, dims);
    const struct inn_value *v;

    if (value < 0)
        return -1;
    v = &b->graph->values[value];
    b->params += (int64_t)inn_tensor_count(v->init);
    if (!b->weightless)
        inn_seeded_normal(v->init->data, inn_tensor_count(v->init), b->seed,
                          v->name, mean, deviation);
    return value;
}

static const float *data(const struct inn_builder *b, int value)
{
    return value < 0 ? NULL : b->graph->values[value].init->data;
}

/* A graph node; inputs end with -1. Gives the value it makes. */
static int add_node(struct inn_builder *b, const char *op, const char *name,
                    const int *inputs, int rank)
{
    int n, node, i, y;
    struct inn_node *p;

    y = add_value(b, name, rank);
    if (y < 0)
        return -1;
    for (n = 0; inputs[n] >= 0; n++)
        ;
    b->status = inn_graph_add_node(b->graph, &node, op, n, 1, 0, b->err);
    if (b->status != INN_OK)
        return -1;
    p = &b->graph->nodes[node];
    p->name = b->graph->values[y].name;
    for (i = 0; i < n; i++)
        p->inputs[i] = inputs[i];
    p->outputs[0] = y;
    b->graph->values[y].producer = node;
    return y;
}

/* The same for what has no weights, named after the operator. */
static int add_plain(struct inn_builder *b, const char *op, const char *stem,
                     int x, int other)
{
    const int inputs[] = {x, other, -1};
    const char *name;
    int y;

    if (b->status != INN_OK)
        return -1;
    name = inn_graph_fresh_name(b->graph, stem, b->err);
    if (name == NULL) {
        b->status = b->err->status;
        return -1;
    }
    y = add_node(b, op, name, inputs, b->graph->values[x].rank);
    if (y >= 0)
        memcpy(b->graph->values[y].dims, b->graph->values[x].dims,
               sizeof(b->graph->values[y].dims));
    return y;
}

static struct inn_node *node_of(struct inn_builder *b, int y)
{
    return &b->graph->nodes[b->graph->values[y].producer];
}

static void set_int(struct inn_builder *b, int y, const char *name,
                    int64_t value)
{
    if (b->status == INN_OK)
        b->status = inn_node_set_int(b->graph, node_of(b, y), name, value,
                                     b->err);
}

/* The window of a convolution or pool, and the shape that comes of it. */
static void set_window(struct inn_builder *b, int y, int x, int kernel,
                       int stride, int pad)
{
    const char *const names[] = {"kernel_shape", "strides", "pads"};
    const int64_t numbers[] = {kernel, stride, pad};
    const size_t counts[] = {2, 2, 4};
    const struct inn_dim *in = b->graph->values[x].dims;
    struct inn_dim *out = b->graph->values[y].dims;
    int64_t list[4];
    size_t i, k;

    for (i = 0; b->status == INN_OK && i < INN_COUNT(names); i++) {
        for (k = 0; k < 4; k++)
            list[k] = numbers[i];
        b->status = inn_node_set_ints(b->graph, node_of(b, y), names[i], list,
                                      counts[i], b->err);
    }
    out[0] = in[0];
    for (i = 2; i < 4; i++) {
        out[i] = (struct inn_dim){-1, NULL};
        if (in[i].size >= 0)
            out[i].size = (in[i].size + 2 * pad - kernel) / stride + 1;
        else if (stride == 1 && kernel == 2 * pad + 1)
            out[i] = in[i];
    }
}

/* ---- Inputs and outputs ------------------------------------------------ */

int inn_build_input(struct inn_builder *b, const char *name,
                    int64_t channels, int64_t height, int64_t width)
{
    const int x = add_value(b, name, 4);
    struct inn_stats *m;
    struct inn_value *v;
    int64_t c;

    if (x < 0)
        return -1;
    v = &b->graph->values[x];
    v->is_input = v->declared = true;
    v->dims[0] = (struct inn_dim){-1, "N"};
    v->dims[1] = (struct inn_dim){channels, NULL};
    v->dims[2] = (struct inn_dim){height, height < 0 ? "H" : NULL};
    v->dims[3] = (struct inn_dim){width, width < 0 ? "W" : NULL};
    b->graph->inputs[b->graph->n_inputs++] = x;
    if (b->weightless)
        return x;
    m = inn_stats_new(b, x);
    for (c = 0; m != NULL && c < channels; c++)
        m->var[c] = 1;
    return x;
}

void inn_build_output(struct inn_builder *b, int x)
{
    struct inn_value *v;

    if (b->status != INN_OK)
        return;
    v = &b->graph->values[x];
    v->is_output = v->declared = true;
    b->graph->outputs[b->graph->n_outputs++] = x;
}

/* ---- Layers ------------------------------------------------------------ */

int inn_build_conv(struct inn_builder *b, const char *name, int x,
                   const struct inn_conv *conv)
{
    int64_t dims[4] = {conv->out, 0, conv->kernel, conv->kernel};
    int w, bias = -1, y;
    double fan_in;

    if (b->status != INN_OK)
        return -1;
    dims[1] = b->graph->values[x].dims[1].size;
    fan_in = (double)(dims[1] * dims[2] * dims[3]);
    w = add_random(b, name, "weight", 4, dims, 0, sqrt(conv->gain / fan_in));
    if (!conv->no_bias)
        bias = add_random(b, name, "bias", 1, dims, 0, 0.1);
    y = add_node(b, "Conv", name, (const int[]){x, w, bias, -1}, 4);
    if (y < 0)
        return -1;
    set_window(b, y, x, conv->kernel, conv->stride, conv->pad);
    b->graph->values[y].dims[1] = (struct inn_dim){conv->out, NULL};
    if (!b->weightless)
        inn_stats_conv(b, y, x, conv, data(b, w), data(b, bias));
    return b->status == INN_OK ? y : -1;
}

static void set_statistics(struct inn_builder *b, int y, int x,
                           const int p[4])
{
    float *const mean = b->graph->values[p[2]].init->data;
    float *const var = b->graph->values[p[3]].init->data;
    int64_t c;

    for (c = 0; c < b->graph->values[y].dims[1].size; c++) {
        mean[c] = (float)b->moments[x].mean[c];
        var[c] = (float)b->moments[x].var[c];
    }
    inn_stats_batch_norm(b, y, data(b, p[0]), data(b, p[1]));
}

int inn_build_batch_norm(struct inn_builder *b, const char *name, int x)
{
    int64_t n;
    int p[4], y;

    if (b->status != INN_OK)
        return -1;
    if (!b->weightless &&
        (x >= b->cap_moments || b->moments[x].mean == NULL)) {
        b->status = inn_fail(b->err, INN_ERR_UNSUPPORTED,
                             "BatchNormalization '%s': the statistics of its "
                             "input are not known", name);
        return -1;
    }
    n = b->graph->values[x].dims[1].size;
    p[0] = add_random(b, name, "weight", 1, &n, 1, 0.1);
    p[1] = add_random(b, name, "bias", 1, &n, 0, 0.1);
    p[2] = add_weights(b, name, "running_mean", 1, &n);
    p[3] = add_weights(b, name, "running_var", 1, &n);
    y = add_node(b, "BatchNormalization", name,
                 (const int[]){x, p[0], p[1], p[2], p[3], -1}, 4);
    if (y < 0)
        return -1;
    memcpy(b->graph->values[y].dims, b->graph->values[x].dims,
           sizeof(b->graph->values[y].dims));
    if (!b->weightless)
        set_statistics(b, y, x, p);
    return b->status == INN_OK ? y : -1;
}

int inn_build_linear(struct inn_builder *b, const char *name, int x,
                     int64_t out, double gain)
{
    int64_t dims[2] = {out, 0};
    int w, bias, y;

    if (b->status != INN_OK)
        return -1;
    dims[1] = b->graph->values[x].dims[1].size;
    w = add_random(b, name, "weight", 2, dims, 0,
                   sqrt(gain / (double)dims[1]));
    bias = add_random(b, name, "bias", 1, dims, 0, 0.1);
    y = add_node(b, "Gemm", name, (const int[]){x, w, bias, -1}, 2);
    if (y < 0)
        return -1;
    set_int(b, y, "transB", 1);
    b->graph->values[y].dims[0] = b->graph->values[x].dims[0];
    b->graph->values[y].dims[1] = (struct inn_dim){out, NULL};
    return b->status == INN_OK ? y : -1;
}

int inn_build_relu(struct inn_builder *b, int x)
{
    const int y = add_plain(b, "Relu", "relu", x, -1);

    if (y >= 0)
        inn_stats_relu(b, y, x);
    return b->status == INN_OK ? y : -1;
}

int inn_build_add(struct inn_builder *b, int x, int y)
{
    const int sum = add_plain(b, "Add", "add", x, y);

    if (sum >= 0)
        inn_stats_add(b, sum, x, y);
    return b->status == INN_OK ? sum : -1;
}

int inn_build_scale(struct inn_builder *b, int x, float factor)
{
    const char *name;
    int f;

    if (b->status != INN_OK)
        return -1;
    name = inn_build_name(b, "%s", b->graph->values[x].name);
    f = add_weights(b, name, "scale", 0, NULL);
    if (f >= 0 && !b->weightless)
        *(float *)b->graph->values[f].init->data = factor;
    return f < 0 ? -1 : add_plain(b, "Mul", "mul", x, f);
}

int inn_build_max_pool(struct inn_builder *b, int x, int kernel, int stride,
                       int pad)
{
    const int y = add_plain(b, "MaxPool", "max_pool", x, -1);

    if (y < 0)
        return -1;
    set_window(b, y, x, kernel, stride, pad);
    inn_stats_max_pool(b, y, x, kernel);
    return b->status == INN_OK ? y : -1;
}

int inn_build_average_pool(struct inn_builder *b, int x, int kernel,
                           int stride, int pad)
{
    const int y = add_plain(b, "AveragePool", "average_pool", x, -1);

    if (y < 0)
        return -1;
    set_window(b, y, x, kernel, stride, pad);
    set_int(b, y, "count_include_pad", 1);
    return b->status == INN_OK ? y : -1;
}

int inn_build_global_average_pool(struct inn_builder *b, int x)
{
    const int y = add_plain(b, "GlobalAveragePool", "global_pool", x, -1);

    if (y >= 0)
        b->graph->values[y].dims[2].size = b->graph->values[y].dims[3].size =
            1;
    return y;
}

int inn_build_flatten(struct inn_builder *b, int x)
{
    const int y = add_plain(b, "Flatten", "flatten", x, -1);
    struct inn_value *v;

    if (y < 0)
        return -1;
    v = &b->graph->values[y];
    v->rank = 2;
    v->dims[1].size *= v->dims[2].size * v->dims[3].size;
    set_int(b, y, "axis", 1);
    return b->status == INN_OK ? y : -1;
}

int inn_build_pixel_shuffle(struct inn_builder *b, int x, int factor)
{
    const int y = add_plain(b, "DepthToSpace", "pixel_shuffle", x, -1);
    struct inn_attr *attrs;
    struct inn_value *v;

    if (y < 0)
        return -1;
    attrs = inn_arena_alloc(&b->graph->arena, 1, sizeof(*attrs), b->err);
    if (attrs == NULL) {
        b->status = b->err->status;
        return -1;
    }
    attrs->name = "mode";
    attrs->kind = INN_ATTR_STRING;
    attrs->s = "CRD";
    attrs->s_len = 3;
    node_of(b, y)->attrs = attrs;
    node_of(b, y)->n_attrs = 1;
    set_int(b, y, "blocksize", factor);
    v = &b->graph->values[y];
    v->dims[1].size /= factor * factor;
    v->dims[2] = v->dims[3] = (struct inn_dim){-1, NULL};
    return b->status == INN_OK ? y : -1;
}
