/*
 * The range a network expects its input in, told by what it does to it first.
 * Where BatchNormalization standardises, scales hardly matter; where its
 * statistics are gone they are all that keeps biases and activations apart.
 */
#include "runtime/drawn/inputs.h"

#include <math.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/ops/common.h"

/* Means and deviations of photographs, in units of the full range. */
#define PHOTO_MEAN 0.45
#define PHOTO_DEVIATION 0.225
/* Graph nodes that are looked through. */
#define STEPS 16
/* A deviation that arithmetic at the input is meant to lead to. */
#define AIM 1.0
/*
 * First weights of a smaller norm per output than this belong to bytes:
 * among the networks at hand those on bytes have 0.009, others 0.1 and more.
 */
#define BYTE_NORM 0.03

struct candidate {
    const char *what;
    double mean, deviation;
    bool photo;
};

enum { STANDARD, UNIT, SYMMETRIC, BYTES, N_CANDIDATES };

static const struct candidate candidates[] = {
    [STANDARD] = {"standardised", 0, 1, false},
    [UNIT] = {"from 0 to 1", PHOTO_MEAN, PHOTO_DEVIATION, true},
    [SYMMETRIC] = {"from -1 to 1", 2 * PHOTO_MEAN - 1, 2 * PHOTO_DEVIATION,
                   true},
    [BYTES] = {"from 0 to 255", 255 * PHOTO_MEAN, 255 * PHOTO_DEVIATION,
               true}};

/* What graph nodes at the input make of it: a·x + b per channel. */
struct chain {
    const struct inn_graph *graph;
    int64_t n;     /* channels */
    double *a, *b; /* [n] */
    int v;         /* the value it has come to */
    bool changed;
};

static bool is_one_of(const struct inn_node *node, const char *const *types)
{
    for (; *types != NULL; types++) {
        if (node->domain[0] == '\0' && strcmp(node->op_type, *types) == 0)
            return true;
    }
    return false;
}

/* The constant of one element or n, or NULL. */
static const struct inn_tensor *operand(const struct chain *c, int v)
{
    const struct inn_tensor *t = v >= 0 ? c->graph->values[v].init : NULL;

    if (t == NULL || t->data == NULL || !inn_type_is_float(t->type) ||
        (inn_tensor_count(t) != 1 &&
         inn_tensor_count(t) != (size_t)c->n))
        return NULL;
    return t;
}

/* Takes an arithmetic step; false where it is none. */
static bool calculate(struct chain *c, const struct inn_node *node)
{
    static const char *const types[] = {"Add", "Sub", "Mul", "Div", NULL};
    const struct inn_tensor *t;
    bool second;
    int64_t i;

    if (node->n_inputs != 2 || !is_one_of(node, types))
        return false;
    second = node->inputs[0] == c->v;
    t = operand(c, node->inputs[second]);
    if (t == NULL || (!second && node->op_type[0] == 'D'))
        return false;
    for (i = 0; i < c->n; i++) {
        double k = inn_element_get(t->type, t->data,
                                   inn_tensor_count(t) > 1 ? (size_t)i : 0);

        switch (node->op_type[0]) {
        case 'A':
            c->b[i] += k;
            break;
        case 'S':
            c->a[i] *= second ? 1 : -1;
            c->b[i] = second ? c->b[i] - k : k - c->b[i];
            break;
        default:
            if (k == 0)
                return false;
            k = node->op_type[0] == 'M' ? k : 1 / k;
            c->a[i] *= k;
            c->b[i] *= k;
        }
    }
    c->changed = true;
    return true;
}

/* Follows what is done to the input; the graph node that ends it, or NULL. */
static const struct inn_node *follow(struct chain *c)
{
    static const char *const through[] = {
        "Identity", "Cast", "Transpose", "Reshape", "Squeeze", "Unsqueeze",
        "Pad", NULL};
    const struct inn_node *node = NULL;
    int k;

    for (k = 0; k < STEPS; k++) {
        node = inn_graph_only_reader(c->graph, c->v);
        if (node == NULL || node->n_outputs < 1 || node->outputs[0] < 0)
            return NULL;
        if (!is_one_of(node, through) && !calculate(c, node))
            break;
        c->v = node->outputs[0];
    }
    return k < STEPS ? node : NULL;
}

/* How unlikely it is that somebody wanted this behind the arithmetic. */
static double strangeness(const struct chain *c, const struct candidate *k)
{
    double sum = 0;
    int64_t i;

    for (i = 0; i < c->n; i++) {
        double mean = c->a[i] * k->mean + c->b[i];
        double deviation = fabs(c->a[i]) * k->deviation;

        sum += fabs(log(deviation / AIM + 1e-12)) + fabs(mean);
    }
    return sum;
}

/* Whether x is brought to what it was on average when it was trained. */
static bool by_statistics(struct inn_input_range *range,
                          const struct chain *c, const struct inn_node *node)
{
    const struct inn_tensor *mean, *variance;
    int64_t i;

    /* In training mode what is stored says nothing about the input. */
    if (node == NULL || !inn_is_batchnorm(node) ||
        inn_batchnorm_trains(node) ||
        !inn_has_statistics(c->graph, node) || node->inputs[0] != c->v)
        return false;
    mean = operand(c, node->inputs[INN_BN_MEAN]);
    variance = operand(c, node->inputs[INN_BN_VARIANCE]);
    if (mean == NULL || variance == NULL ||
        inn_tensor_count(mean) != inn_tensor_count(variance))
        return false;
    for (i = 0; i < c->n; i++) {
        size_t at = inn_tensor_count(mean) > 1 ? (size_t)i : 0;
        double v = inn_element_get(variance->type, variance->data, at);

        if (c->a[i] == 0 || !(v >= 0))
            return false;
        range->mean[i] = (inn_element_get(mean->type, mean->data, at) -
                          c->b[i]) / c->a[i];
        range->deviation[i] = sqrt(v) / fabs(c->a[i]);
    }
    range->n = c->n;
    range->photo = false;
    range->what = "as the BatchNormalization at the input has them";
    return true;
}

static bool is_for_bytes(const struct inn_graph *g,
                         const struct inn_node *node)
{
    const struct inn_tensor *w;
    double sum = 0;
    size_t n, i;

    if (node == NULL || strcmp(node->op_type, "Conv") != 0 ||
        node->n_inputs < 2 || node->inputs[1] < 0)
        return false;
    w = g->values[node->inputs[1]].init;
    if (w == NULL || w->data == NULL || !inn_type_is_float(w->type) ||
        w->rank < 1 || inn_tensor_count(w) == 0)
        return false;
    n = inn_tensor_count(w);
    for (i = 0; i < n; i++) {
        double x = inn_element_get(w->type, w->data, i);

        sum += x * x;
    }
    sum = sqrt(sum / (double)w->dims[0]);
    return sum > 0 && sum < BYTE_NORM;
}

static void by_prep(struct inn_input_range *range,
                    const struct inn_input_prep *prep, int64_t channels)
{
    int64_t i;

    range->n = channels;
    range->photo = true;
    range->what = "prepared as --scale, --mean and --std say";
    for (i = 0; i < channels; i++) {
        int64_t at = prep->n > 1 ? i : 0;

        range->mean[i] = (PHOTO_MEAN * 255 * prep->scale - prep->mean[at]) /
                         prep->std[at];
        range->deviation[i] = PHOTO_DEVIATION * 255 * prep->scale /
                              prep->std[at];
    }
}

/* Whether the first output is pictures: scores may be [N, 1000, 1, 1]. */
static bool has_picture(const struct inn_graph *graph)
{
    const struct inn_value *out;
    int64_t channels, last;

    if (graph->n_outputs < 1)
        return false;
    out = &graph->values[graph->outputs[0]];
    if (!out->declared || out->rank != 4 || out->dims[2].size == 1)
        return false;
    channels = out->dims[1].size;
    last = out->dims[3].size;
    return channels < 0 || channels == 1 || channels == 3 || last == 3;
}

enum inn_status inn_find_range(struct inn_input_range *range,
                               const struct inn_graph *graph,
                               const struct inn_input_prep *prep, int v,
                               int64_t channels, bool picture,
                               struct inn_arena *arena,
                               struct inn_error *err)
{
    bool makes_pictures = picture && has_picture(graph);
    struct chain c = {.graph = graph, .n = channels, .v = v};
    const struct inn_node *end;
    size_t n = (size_t)channels;
    int best = STANDARD, k;

    memset(range, 0, sizeof(*range));
    range->mean = inn_arena_alloc(arena, n, sizeof(double), err);
    range->deviation = inn_arena_alloc(arena, n, sizeof(double), err);
    c.a = inn_arena_alloc(arena, n, sizeof(double), err);
    c.b = inn_arena_alloc(arena, n, sizeof(double), err);
    if (range->mean == NULL || range->deviation == NULL || c.a == NULL ||
        c.b == NULL)
        return inn_refused(err);
    if (picture && prep->given && (prep->n == 1 || prep->n == channels)) {
        by_prep(range, prep, channels);
        return INN_OK;
    }
    for (k = 0; k < channels; k++)
        c.a[k] = 1;
    end = follow(&c);
    if (by_statistics(range, &c, end))
        return INN_OK;
    if (graph->values[v].type == INN_U8) {
        best = BYTES;
    } else if (picture && c.changed) {
        best = makes_pictures ? UNIT : STANDARD;
        for (k = best + 1; k < N_CANDIDATES; k++) {
            /* Pictures are made of 0 to 1 or of bytes. */
            if (makes_pictures && k == SYMMETRIC)
                continue;
            if (strangeness(&c, &candidates[k]) <
                strangeness(&c, &candidates[best]))
                best = k;
        }
    } else if (makes_pictures) {
        best = UNIT;
    } else if (picture && is_for_bytes(graph, end)) {
        best = BYTES;
    }
    range->n = 1;
    range->mean[0] = candidates[best].mean;
    range->deviation[0] = candidates[best].deviation;
    range->photo = candidates[best].photo;
    range->what = candidates[best].what;
    return INN_OK;
}
