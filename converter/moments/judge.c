/*
 * A network shows what it was trained on: where BatchNormalization has
 * statistics, a wrong preparation is off by multiples of the deviations;
 * elsewhere the first layer's biases give a scale, and outputs go blind or
 * wild. One run of a few drawn pictures for each preparation; where there are
 * statistics it ends behind the first layer.
 */
#include "converter/moments/judge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "converter/moments/moments.h"
#include "runtime/base/error.h"
#include "runtime/drawn/canvas.h"
#include "runtime/ops/common.h"
#include "runtime/pictures/presets.h"

/* Pictures per preparation, and multiply-accumulates for one of them. */
#define PICTURES 8
#define PICTURES_FEW 3
#define MACS ((int64_t)16 << 30)
/* Graph nodes between the input and the first convolution. */
#define STEPS 16
/* Sum of a row of probabilities. */
#define ROUGHLY_ONE 1e-3
/* Variance of a channel that has died, over that of the liveliest. */
#define DEAD 1e-6
/* Sides of a picture; what is smaller are features of other things. */
#define SIDE_LEAST 16

/* Where to look, and what is under way. */
struct judge {
    const struct inn_graph *graph;
    struct inn_evidence *e;
    int input;
    int normed;     /* value that true statistics are about; -1: none */
    int norm;       /* the graph node that has them */
    int first;      /* what the first layer makes, biases added; -1: none */
    double *bias;   /* [n_bias] of it */
    int64_t n_bias;
    bool scores, seen;
    struct inn_tensor fed; /* f32 */
    struct inn_arena arena;
    int threads;
};

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static const struct inn_tensor *constant(const struct inn_graph *g, int v)
{
    const struct inn_tensor *t = v >= 0 ? g->values[v].init : NULL;

    return t != NULL && t->data != NULL && inn_type_is_float(t->type) ? t
                                                                      : NULL;
}

static bool is_called(const struct inn_node *node, const char *type)
{
    return node->domain[0] == '\0' && strcmp(node->op_type, type) == 0;
}

/* Looks through arithmetic and moves for the first convolution or norm. */
static const struct inn_node *first_layer(const struct inn_graph *g, int v)
{
    static const char *const through[] = {"Identity", "Cast", "Transpose",
                                          "Pad", "Add", "Sub", "Mul", "Div"};
    const struct inn_node *node;
    size_t i;
    int k, n;

    for (k = 0; k < STEPS; k++) {
        for (n = 0; n < g->n_nodes; n++) {
            if (is_called(&g->nodes[n], "Conv") && g->nodes[n].inputs[0] == v)
                return &g->nodes[n];
        }
        node = inn_graph_only_reader(g, v);
        if (node == NULL || node->n_outputs < 1 || node->outputs[0] < 0)
            return NULL;
        if (inn_is_batchnorm(node))
            return node;
        for (i = 0; i < INN_COUNT(through); i++) {
            if (is_called(node, through[i]))
                break;
        }
        if (i == INN_COUNT(through))
            return NULL;
        v = node->outputs[0];
    }
    return NULL;
}

/* bias[c] += scale · t[c]; false where t has another length. */
static bool add_bias(struct judge *j, const struct inn_tensor *t)
{
    int64_t c;

    if (t == NULL || (int64_t)inn_tensor_count(t) != j->n_bias)
        return false;
    for (c = 0; c < j->n_bias; c++)
        j->bias[c] += inn_element_get(t->type, t->data, (size_t)c);
    return true;
}

/* BatchNormalization without statistics is a scale and a bias. */
static void look_through_norm(struct judge *j, const struct inn_node *node)
{
    const struct inn_graph *g = j->graph;
    const struct inn_tensor *p[5];
    double epsilon = inn_node_float(node, "epsilon", 1e-5f);
    int64_t c;
    int i;

    for (i = 1; i < 5; i++) {
        p[i] = constant(g, node->inputs[i]);
        if (p[i] == NULL || (int64_t)inn_tensor_count(p[i]) != j->n_bias)
            return;
    }
    for (c = 0; c < j->n_bias; c++) {
        double x[5];

        for (i = 1; i < 5; i++)
            x[i] = inn_element_get(p[i]->type, p[i]->data, (size_t)c);
        j->bias[c] = x[INN_BN_SHIFT] + (j->bias[c] - x[INN_BN_MEAN]) *
                                           x[INN_BN_SCALE] /
                                           sqrt(x[INN_BN_VARIANCE] + epsilon);
    }
    j->first = node->outputs[0];
}

/* Finds where statistics or biases of the first layer show. */
static enum inn_status find_places(struct judge *j, struct inn_error *err)
{
    const struct inn_graph *g = j->graph;
    const struct inn_node *node = first_layer(g, j->input), *next;
    const struct inn_tensor *w;
    int k;

    j->normed = j->first = -1;
    /* Whatever is done before it, here pictures meet weights. */
    for (k = 0; k < g->n_nodes && node == NULL; k++)
        node = is_called(&g->nodes[k], "Conv") ? &g->nodes[k] : NULL;
    if (node == NULL)
        return INN_OK;
    next = is_called(node, "Conv")
               ? inn_graph_only_reader(g, node->outputs[0]) : node;
    /* In training mode any range of the input comes out the same. */
    if (next != NULL && inn_is_batchnorm(next) && inn_batchnorm_trains(next))
        return INN_OK;
    if (next != NULL && inn_is_batchnorm(next) &&
        inn_has_statistics(g, next)) {
        j->normed = next->inputs[0];
        j->norm = (int)(next - g->nodes);
        return INN_OK;
    }
    w = is_called(node, "Conv") ? constant(g, node->inputs[1]) : NULL;
    if (w == NULL || w->rank < 1 || w->dims[0] < 1)
        return INN_OK;
    j->n_bias = w->dims[0];
    j->bias = inn_arena_alloc(&j->arena, (size_t)j->n_bias, sizeof(*j->bias),
                              err);
    if (j->bias == NULL)
        return inn_refused(err);
    j->first = node->outputs[0];
    if (node->n_inputs > 2)
        add_bias(j, constant(g, node->inputs[2]));
    if (next != NULL && is_called(next, "Add") &&
        add_bias(j, constant(g, next->inputs[next->inputs[0] == j->first])))
        j->first = next->outputs[0];
    else if (next != NULL && inn_is_batchnorm(next))
        look_through_norm(j, next);
    return INN_OK;
}

/* Mean and variance of channel c of t, [batch, n, …]. */
static void channel_moments(double *mean, double *variance,
                            const struct inn_tensor *t, int64_t c)
{
    size_t plane = inn_dims_product(t->dims, 2, t->rank), i;
    double sum = 0, squares = 0, n = (double)t->dims[0] * (double)plane;
    const float *x;
    int64_t b;

    for (b = 0; b < t->dims[0]; b++) {
        x = (const float *)t->data + (size_t)(b * t->dims[1] + c) * plane;
        for (i = 0; i < plane; i++)
            sum += (double)x[i];
    }
    *mean = sum / n;
    for (b = 0; b < t->dims[0]; b++) {
        x = (const float *)t->data + (size_t)(b * t->dims[1] + c) * plane;
        for (i = 0; i < plane; i++)
            squares += ((double)x[i] - *mean) * ((double)x[i] - *mean);
    }
    *variance = squares / n;
}

/* KL(N(m, v) ‖ N(m0, v0)) = ½ (v/v0 + (m − m0)²/v0 − 1 − ln v/v0). */
static enum inn_status look_at_statistics(struct judge *j,
                                          const struct inn_tensor *t,
                                          struct inn_error *err)
{
    const struct inn_node *node = &j->graph->nodes[j->norm];
    const struct inn_tensor *means, *variances;
    int64_t c, n = t->rank >= 2 ? t->dims[1] : 0;
    double *d, most = 0;
    size_t live = 0;

    means = constant(j->graph, node->inputs[INN_BN_MEAN]);
    variances = constant(j->graph, node->inputs[INN_BN_VARIANCE]);
    if (means == NULL || variances == NULL || n < 1 ||
        (int64_t)inn_tensor_count(means) != n ||
        (int64_t)inn_tensor_count(variances) != n)
        return INN_OK;
    d = inn_arena_alloc(&j->arena, (size_t)n, sizeof(*d), err);
    if (d == NULL)
        return inn_refused(err);
    for (c = 0; c < n; c++)
        most = fmax(most, inn_element_get(variances->type, variances->data,
                                          (size_t)c));
    for (c = 0; c < n; c++) {
        double m0 = inn_element_get(means->type, means->data, (size_t)c);
        double v0 = inn_element_get(variances->type, variances->data,
                                    (size_t)c);
        double m, v;

        /* A channel that has died says nothing of what went in. */
        if (!(v0 > DEAD * most))
            continue;
        channel_moments(&m, &v, t, c);
        v = v > DEAD * v0 ? v : DEAD * v0;
        d[live] = 0.5 * ((v + (m - m0) * (m - m0)) / v0 - 1 - log(v / v0));
        if (!isfinite(d[live]))
            d[live] = INFINITY;
        live++;
    }
    if (live == 0)
        return INN_OK;
    qsort(d, live, sizeof(*d), by_size);
    j->e->divergence = d[live / 2];
    return INN_OK;
}

static void look_at_first(struct judge *j, const struct inn_tensor *t)
{
    double varies = 0, biased = 0, mean, variance;
    int64_t c;

    if (t->rank < 2 || t->dims[1] != j->n_bias)
        return;
    for (c = 0; c < j->n_bias; c++) {
        channel_moments(&mean, &variance, t, c);
        varies += variance;
        biased += j->bias[c] * j->bias[c];
    }
    if (biased > 0)
        j->e->drive = sqrt(varies / biased);
}

static void look_at_variation(struct judge *j, const struct inn_tensor *t)
{
    int64_t n = t->dims[0], len = (int64_t)inn_tensor_count(t) / n, b, i;
    const float *x = t->data;
    double differs = 0, all = 0;

    for (i = 0; i < len; i++) {
        double mean = 0;

        for (b = 0; b < n; b++)
            mean += (double)x[b * len + i];
        mean /= (double)n;
        for (b = 0; b < n; b++) {
            double d = (double)x[b * len + i] - mean;

            differs += d * d;
            all += (double)x[b * len + i] * (double)x[b * len + i];
        }
    }
    j->e->variation = all > 0 ? differs / all : NAN;
}

/* Whether t is scores: all but the batch along one axis. */
static bool is_scores(const struct inn_tensor *t)
{
    int k, wide = 0;

    for (k = 1; k < t->rank; k++)
        wide += t->dims[k] > 1;
    return t->rank >= 2 && wide == 1;
}

/* Of one row of len scores; they may be probabilities already. */
static void add_scores(struct inn_evidence *e, const float *x, int64_t len,
                       double share)
{
    double most = -INFINITY, sum = 0, exps = 0, best = 0, entropy = 0, p;
    bool positive = true;
    int64_t i;

    for (i = 0; i < len; i++) {
        most = (double)x[i] > most ? (double)x[i] : most;
        positive = positive && x[i] >= 0;
        sum += (double)x[i];
    }
    for (i = 0; i < len; i++)
        exps += exp((double)x[i] - most);
    for (i = 0; i < len; i++) {
        p = positive && fabs(sum - 1) < ROUGHLY_ONE
                ? (double)x[i] : exp((double)x[i] - most) / exps;
        best = p > best ? p : best;
        entropy -= p > 0 ? p * log(p) : 0;
    }
    e->confidence += share * best;
    e->entropy += share * entropy / log((double)len);
}

/*
 * Distance of the output from the input, each pixel against the mean of those
 * that it became. Networks without padding lose as many on either side.
 */
static void look_at_picture(struct judge *j, const struct inn_tensor *t)
{
    const struct inn_tensor *in = &j->fed;
    int64_t h = in->dims[2], w = in->dims[3], oh = t->dims[2], ow = t->dims[3];
    int64_t f = (oh + h / 2) / h, planes = in->dims[0] * in->dims[1], k, y, x;
    double error = 0, sum = 0, squares = 0, n = 0;

    if (t->dims[0] != in->dims[0] || t->dims[1] != in->dims[1] || f < 1 ||
        oh > f * h || ow > f * w)
        return;
    for (k = 0; k < planes; k++) {
        const float *a = (const float *)in->data + k * h * w;
        const float *b = (const float *)t->data + k * oh * ow;

        for (y = 0; y < h; y++) {
            for (x = 0; x < w; x++) {
                int64_t top = y * f - (f * h - oh) / 2, left, i;
                double mean = 0;

                left = x * f - (f * w - ow) / 2;
                if (top < 0 || left < 0 || top + f > oh || left + f > ow)
                    continue;
                for (i = 0; i < f * f; i++)
                    mean += (double)b[(top + i / f) * ow + left + i % f];
                mean = mean / (double)(f * f) - (double)a[y * w + x];
                error += mean * mean;
                sum += (double)a[y * w + x];
                squares += (double)a[y * w + x] * (double)a[y * w + x];
                n++;
            }
        }
    }
    if (n > 0 && squares - sum * sum / n > 0)
        j->e->distance = sqrt(error / (squares - sum * sum / n));
}

static bool all_finite(const struct inn_tensor *t)
{
    const float *x = t->data;
    size_t n = inn_tensor_count(t), i;

    for (i = 0; i < n; i++) {
        if (!isfinite(x[i]))
            return false;
    }
    return true;
}

static void look_at_output(struct judge *j, const struct inn_tensor *t)
{
    int64_t n = t->rank > 0 ? t->dims[0] : 0, len, b;

    if (n < 1 || inn_tensor_count(t) == 0)
        return;
    /* Measures of such an output would be no numbers either. */
    j->e->broken = !all_finite(t);
    if (j->e->broken)
        return;
    len = (int64_t)inn_tensor_count(t) / n;
    look_at_variation(j, t);
    if (is_scores(t)) {
        j->scores = true;
        j->e->confidence = j->e->entropy = 0;
        for (b = 0; b < n; b++)
            add_scores(j->e, (const float *)t->data + b * len, len,
                       1 / (double)n);
    } else if (t->rank == 4 && j->fed.rank == 4) {
        look_at_picture(j, t);
    }
}

static enum inn_status watch(void *state, int value,
                             const struct inn_tensor *t,
                             struct inn_error *err)
{
    struct judge *j = state;
    enum inn_status st = INN_OK;

    if (value == j->input) {
        st = inn_tensor_new(&j->fed, &j->arena, INN_F32, t->rank, t->dims,
                            err);
        if (st == INN_OK)
            memcpy(j->fed.data, t->data, t->bytes);
    }
    if (st == INN_OK && value == j->normed) {
        st = look_at_statistics(j, t, err);
        /* The rest of the network has nothing to add. */
        j->seen = st == INN_OK && !isnan(j->e->divergence);
        if (j->seen)
            return inn_fail(err, INN_ERR_UNSUPPORTED, "seen");
    }
    if (st == INN_OK && value == j->first)
        look_at_first(j, t);
    if (st == INN_OK && value == j->graph->outputs[0])
        look_at_output(j, t);
    return st;
}

/* Draws count pictures as e->prep has them, and runs the network. */
static enum inn_status try_one(struct judge *j,
                               const struct inn_tensor *shape, int64_t count,
                               uint64_t seed, struct inn_error *err)
{
    int64_t dims[INN_MAX_RANK], ran;
    struct inn_input_range range;
    struct inn_drawn_input plan;
    struct inn_tensor all;
    struct inn_feed feed = {.items = &all, .n = 1, .count = count};
    struct inn_canvas canvas = {.plan = &plan, .range = &range,
                                .shape = shape, .seed = seed,
                                .count = (size_t)count};
    enum inn_status st = find_places(j, err);

    inn_plan_input(&plan, j->graph, &j->e->prep, j->input, shape);
    if (st == INN_OK)
        st = inn_find_range(&range, j->graph, &j->e->prep, j->input,
                            plan.channels, true, &j->arena, err);
    memcpy(dims, shape->dims, sizeof(dims));
    dims[0] *= count;
    if (st == INN_OK)
        st = inn_tensor_new(&all, &j->arena, shape->type, shape->rank, dims,
                            err);
    if (st == INN_OK)
        st = inn_canvas_draw(&all, &canvas, j->threads, j->arena.heap, err);
    if (st == INN_OK)
        st = inn_interpret(j->graph, &feed, 0, false, watch, j, j->threads,
                           &ran, err);
    return j->seen ? INN_OK : st;
}

/* The preparations to be tried: the model's own, then presets. */
static enum inn_status list_preps(struct inn_judgement *out,
                                  const struct inn_model *model,
                                  int64_t channels, bool nhwc,
                                  struct inn_error *err)
{
    const struct inn_evidence none = {
        .divergence = NAN, .drive = NAN, .variation = NAN, .confidence = NAN,
        .entropy = NAN, .distance = NAN};
    enum inn_status st = INN_OK;
    int p, own = -1;

    out->given = -1;
    if (model->prep.given) {
        own = inn_preset_of(&model->prep, channels);
        out->items[0] = none;
        out->items[0].prep = model->prep;
        out->items[0].preset = own;
        out->given = 0;
        out->n = 1;
    }
    for (p = 0; p < INN_N_PRESETS && st == INN_OK; p++) {
        struct inn_evidence *e = &out->items[out->n];

        /* What CLIP does is too near to what torchvision does. */
        if (p == own || !inn_preset_fits(p, channels) ||
            strcmp(inn_presets[p].name, "clip") == 0)
            continue;
        *e = none;
        e->preset = p;
        st = inn_preset_take(&e->prep, p, channels, "the input", err);
        e->prep.nhwc = nhwc;
        out->n++;
    }
    return st;
}

enum inn_status inn_judge(struct inn_judgement *out,
                          const struct inn_model *model,
                          const struct inn_graph *graph,
                          const struct inn_shapes *shapes, uint64_t seed,
                          int threads, struct inn_error *err)
{
    struct judge j = {.graph = graph, .threads = threads};
    const struct inn_tensor *shape;
    struct inn_drawn_input plan;
    struct inn_error why = {0};
    int64_t count;
    enum inn_status st;
    int k;

    memset(out, 0, sizeof(*out));
    out->given = -1;
    if (graph->n_inputs != 1 || graph->n_outputs < 1)
        return INN_OK;
    j.input = graph->inputs[0];
    shape = inn_shapes_get(shapes, j.input);
    if (shape == NULL || shape->rank != 4 || inn_tensor_count(shape) == 0 ||
        !inn_type_is_float(shape->type))
        return INN_OK;
    inn_plan_input(&plan, graph, &model->prep, j.input, shape);
    if (plan.kind != INN_DRAWN_PICTURE ||
        (plan.channels != 1 && plan.channels != 3) ||
        shape->dims[plan.channels_last ? 1 : 2] < SIDE_LEAST ||
        shape->dims[plan.channels_last ? 2 : 3] < SIDE_LEAST)
        return INN_OK;
    count = shapes->macs > 0 && MACS / shapes->macs < PICTURES
                ? MACS / shapes->macs : PICTURES;
    count = count < PICTURES_FEW ? PICTURES_FEW : count;
    st = list_preps(out, model, plan.channels, plan.channels_last, err);
    for (k = 0; k < out->n && st == INN_OK; k++) {
        j.e = &out->items[k];
        j.seen = false;
        j.fed = (struct inn_tensor){0};
        inn_arena_init(&j.arena, model->heap);
        st = try_one(&j, shape, count, seed, &why);
        inn_arena_free(&j.arena);
    }
    out->scores = j.scores;
    /* Nothing can be said of what can't be run; moments say why. */
    if (st == INN_ERR_UNSUPPORTED) {
        out->n = 0;
        return INN_OK;
    }
    return st == INN_OK ? INN_OK : inn_fail(err, st, "%s", why.message);
}
