/*
 * BatchNormalization: with the stored statistics, or with those of the batch
 * at hand where the graph node is in training mode. Running statistics are
 * then outputs as well. All variances divide by the number of elements, as
 * ONNX has it from opset 14 on and ONNX Runtime at every opset. Sums in
 * double, in an order that only sizes decide.
 */
#include <math.h>
#include <string.h>

#include "runtime/base/threads.h"
#include "runtime/ops/common.h"
#include "runtime/ops/moments.h"
#include "runtime/ops/rows.h"

static const char *const vector_names[] = {NULL, "scale", "bias", "mean",
                                           "variance"};

/* Until opset 8, spatial = 0 means statistics of their own per position. */
static bool is_spatial(const struct inn_node *node)
{
    return node->version >= 9 || inn_node_int(node, "spatial", 1) != 0;
}

bool inn_batchnorm_trains(const struct inn_node *node)
{
    const struct inn_attr *test = NULL;

    if (node->version >= 14)
        return inn_node_int(node, "training_mode", 0) != 0;
    if (node->version < 7)
        test = inn_node_attr(node, "is_test");
    /*
     * The standard's default is training. Networks that leave it out are
     * read as its version converter reads them: by their outputs.
     */
    return test != NULL ? test->i == 0 : node->n_outputs > 1;
}

bool inn_is_batchnorm(const struct inn_node *node)
{
    return strcmp(node->op_type, "BatchNormalization") == 0 &&
           node->domain[0] == '\0' && node->n_inputs >= 5 &&
           (node->version >= 9 || inn_node_int(node, "spatial", 1) != 0);
}

bool inn_has_statistics(const struct inn_graph *graph,
                        const struct inn_node *node)
{
    int v = node->inputs[INN_BN_VARIANCE];
    const struct inn_tensor *t = v >= 0 ? graph->values[v].init : NULL;
    size_t i, n;

    if (inn_batchnorm_trains(node))
        return true;
    if (t == NULL || t->data == NULL || !inn_type_is_float(t->type))
        return false;
    n = inn_tensor_count(t);
    for (i = 1; i < n; i++) {
        if (inn_element_get(t->type, t->data, i) !=
            inn_element_get(t->type, t->data, 0))
            return true;
    }
    return false;
}

enum inn_status inn_infer_batchnorm(struct inn_infer *c)
{
    bool training = c->node->version >= 14;
    enum inn_status st = inn_infer_arity(c, 5, 5, training ? 3 : 5);
    struct inn_args a = INN_ARGS(c);
    const struct inn_tensor *x;
    char text[INN_SHAPE_TEXT];
    int64_t channels;
    size_t count;
    int i;

    if (st != INN_OK)
        return st;
    x = c->in[0];
    if (x->rank < 1)
        return inn_args_fail(&a, INN_ERR_FORMAT, "input is a scalar");
    channels = x->rank > 1 ? x->dims[1] : 1;
    count = is_spatial(c->node) ? (size_t)channels
                                : inn_dims_product(x->dims, 1, x->rank);
    for (i = 1; i < 5; i++) {
        const struct inn_tensor *v = c->in[i];

        if (!inn_type_is_float(v->type))
            return inn_args_fail(&a, INN_ERR_FORMAT, "%s has type %s",
                                 vector_names[i], inn_type_name(v->type));
        if ((is_spatial(c->node) && v->rank != 1) ||
            inn_tensor_count(v) != count)
            return inn_args_fail(&a, INN_ERR_FORMAT,
                                 "%s has shape %s, its input has %lld "
                                 "channels", vector_names[i],
                                 inn_shape_text(text, v->rank, v->dims),
                                 (long long)channels);
    }
    st = inn_infer_out(c, 0, x->type, x->rank, x->dims);
    for (i = 1; i < c->n_out && st == INN_OK; i++)
        st = inn_infer_out(c, i, c->in[3]->type, c->in[3]->rank,
                           c->in[3]->dims);
    return st;
}

enum inn_status inn_couple_batchnorm(struct inn_couple *c)
{
    enum inn_status st;
    int i;

    if (c->in[0]->rank < 2)
        return INN_OK;
    if (!is_spatial(c->node))
        return inn_couple_pin(c, inn_in(0, 1),
                              "normalised per position (spatial = 0)");
    st = inn_couple_map(c, inn_out(0, 1), inn_in(0, 1), NULL);
    for (i = 1; i < 5 && st == INN_OK; i++)
        st = inn_couple_map(c, inn_in(i, 0), inn_out(0, 1), NULL);
    for (i = 1; i < c->n_out && st == INN_OK; i++) {
        if (c->out[i] != NULL)
            st = inn_couple_map(c, inn_out(i, 0), inn_out(0, 1), NULL);
    }
    return st;
}

struct batchnorm {
    const float *x, *scale, *bias, *mean, *variance;
    float *y;
    double epsilon;
    size_t channels, size;
    bool spatial;
};

/* One channel of one picture. */
static void batchnorm_part(void *context, size_t part)
{
    const struct batchnorm *v = context;
    size_t i, at = part * v->size;
    size_t k = part % v->channels * (v->spatial ? 1 : v->size);

    for (i = 0; i < v->size; i++) {
        double factor;

        factor = v->scale[k] / sqrt((double)v->variance[k] + v->epsilon);
        v->y[at + i] = (float)((v->x[at + i] - (double)v->mean[k]) * factor +
                               v->bias[k]);
        k += !v->spatial;
    }
}

/*
 * Sets of elements with one mean and variance: a channel of all pictures, or
 * one position of all pictures where spatial is 0.
 */
struct training {
    struct batchnorm v; /* y NULL: nobody reads it */
    size_t batch, sets, size; /* of a set in one picture: size elements */
    double momentum;
    float *mean, *variance, *batch_mean; /* NULL: nobody reads it */
};

/* Σ (x − about)^power over set s. */
static double sum_set(const struct training *t, size_t s, double about,
                      int power)
{
    double sum = 0;
    size_t b, i;

    for (b = 0; b < t->batch; b++) {
        const float *x = t->v.x + (b * t->sets + s) * t->size;

        for (i = 0; i < t->size; i++) {
            double d = (double)x[i] - about;

            sum += power == 1 ? d : d * d;
        }
    }
    return sum;
}

/* running · momentum + current · (1 − momentum) */
static float move_statistic(const struct training *t, const float *running,
                            size_t s, double current)
{
    return (float)((double)running[s] * t->momentum +
                   current * (1 - t->momentum));
}

static void training_set(void *context, size_t s)
{
    const struct training *t = context;
    double count = (double)t->batch * (double)t->size, factor;
    double mean = sum_set(t, s, 0, 1) / count;
    double variance = sum_set(t, s, mean, 2) / count;
    size_t b, i;

    if (t->mean != NULL)
        t->mean[s] = move_statistic(t, t->v.mean, s, mean);
    if (t->variance != NULL)
        t->variance[s] = move_statistic(t, t->v.variance, s, variance);
    if (t->batch_mean != NULL)
        t->batch_mean[s] = (float)mean;
    if (t->v.y == NULL)
        return;
    factor = t->v.scale[s] / sqrt(variance + t->v.epsilon);
    for (b = 0; b < t->batch; b++) {
        size_t at = (b * t->sets + s) * t->size;

        for (i = at; i < at + t->size; i++)
            t->v.y[i] = (float)(((double)t->v.x[i] - mean) * factor +
                                t->v.bias[s]);
    }
}

static float *wanted(const struct inn_run *c, int i)
{
    return inn_run_wants(c, i) ? c->out[i].data : NULL;
}

static void run_training(struct inn_run *c, const struct batchnorm *v)
{
    struct training t = {.v = *v};

    t.batch = (size_t)c->in[0]->dims[0];
    t.sets = v->channels * (v->spatial ? 1 : v->size);
    t.size = v->spatial ? v->size : 1;
    t.momentum = (double)inn_node_float(c->node, "momentum", 0.9f);
    t.mean = wanted(c, 1);
    t.variance = wanted(c, 2);
    t.batch_mean = wanted(c, 3);
    inn_parallel(c->threads, t.sets, training_set, &t);
}

/* Outputs that are read and that this mode does not make. */
static enum inn_status check_outputs(const struct inn_run *c, bool trains)
{
    int i;

    for (i = 1; i < c->n_out; i++) {
        if (c->node->outputs[i] < 0 || !inn_run_wants(c, i))
            continue;
        if (!trains)
            return inn_node_fail(c->node, c->err, INN_ERR_UNSUPPORTED,
                                 "statistics of the batch (output %d) are "
                                 "for training", i);
        if (i == 4)
            return inn_node_fail(c->node, c->err, INN_ERR_UNSUPPORTED,
                                 "output 4, saved_var, is a variance to the "
                                 "standard and 1/sqrt(variance + epsilon) "
                                 "to ONNX Runtime; neither is made");
    }
    return INN_OK;
}

enum inn_status inn_run_batchnorm(struct inn_run *c)
{
    const struct inn_tensor *x = c->in[0];
    struct batchnorm v = {.spatial = is_spatial(c->node)};
    bool trains = inn_batchnorm_trains(c->node);
    enum inn_status st = check_outputs(c, trains);

    if (st != INN_OK)
        return st;
    v.x = x->data;
    v.scale = c->in[1]->data;
    v.bias = c->in[2]->data;
    v.mean = c->in[3]->data;
    v.variance = c->in[4]->data;
    v.y = c->out[0].bytes > 0 ? wanted(c, 0) : NULL;
    v.epsilon = inn_node_float(c->node, "epsilon", 1e-5f);
    v.channels = x->rank > 1 ? (size_t)x->dims[1] : 1;
    v.size = inn_dims_product(x->dims, 2, x->rank);
    if (trains)
        run_training(c, &v);
    else if (v.y != NULL)
        inn_parallel(c->threads, (size_t)x->dims[0] * v.channels,
                     batchnorm_part, &v);
    return INN_OK;
}

/* y = x·scale/√(variance + ε) + (bias − mean·scale/√(variance + ε)) */
bool inn_lower_batchnorm(const struct inn_infer *c, struct inn_prim *prim)
{
    double epsilon = inn_node_float(c->node, "epsilon", 1e-5f);
    float *scale;
    size_t n, i;
    int k;

    if (c->in[0]->rank < 2 || !is_spatial(c->node) ||
        inn_batchnorm_trains(c->node))
        return false;
    for (k = 1; k < 5; k++) {
        if (c->in[k] == NULL || c->in[k]->data == NULL)
            return false;
    }
    n = (size_t)c->in[0]->dims[1];
    scale = inn_arena_alloc(c->arena, 2 * n, sizeof(*scale), c->err);
    if (scale == NULL)
        return false;
    for (i = 0; i < n; i++) {
        double v[5], factor;

        for (k = 1; k < 5; k++)
            v[k] = inn_element_get(c->in[k]->type, c->in[k]->data, i);
        factor = v[1] / sqrt(v[4] + epsilon);
        scale[i] = (float)factor;
        scale[n + i] = (float)(v[2] - v[3] * factor);
    }
    prim->kind = INN_PRIM_MAP;
    prim->u.map.kind = INN_MAP_AFFINE;
    prim->u.map.scale = scale;
    prim->u.map.shift = scale + n;
    prim->u.map.n = (int64_t)n;
    return true;
}

/*
 * What is subtracted and divided by, of channel k: v[3], v[4] and *epsilon.
 * False: not known. Where the stored statistics are true the variance that
 * training saw is known better than what was propagated, and the mean:
 * correlations are all that is taken of x. In training mode both are those
 * of x, whatever is stored.
 */
static bool find_statistics(const struct inn_carry *c, size_t k, double v[5],
                            double *epsilon)
{
    const struct inn_law *law = c->from[0].law;
    bool trains = inn_batchnorm_trains(c->node);
    int i;

    for (i = 1; i < (trains ? 3 : 5); i++) {
        if (!inn_carry_is_const(c, i))
            return false;
        v[i] = inn_element_get(c->in[i]->type, c->in[i]->data, k);
    }
    *epsilon = inn_node_float(c->node, "epsilon", 1e-5f);
    if (trains || c->standardise) {
        v[3] = law->mean[k];
        v[4] = fmax(law->cov[k * (size_t)law->n + k], 1e-12);
        *epsilon = trains ? *epsilon : 0;
    }
    return true;
}

/* y = scale (x − mean)/√(variance + ε) + bias. */
enum inn_status inn_moments_batchnorm(struct inn_carry *c)
{
    const struct inn_field *x = &c->from[0];
    double *scale, *shift, v[5] = {0}, epsilon;
    struct inn_law *law;
    size_t n, k;

    if (x->law == NULL || inn_field_axis(x) != 1 || x->repeat != 1 ||
        !is_spatial(c->node))
        return INN_OK;
    n = (size_t)x->law->n;
    scale = inn_arena_alloc(c->scratch, n, sizeof(*scale), c->err);
    shift = inn_arena_alloc(c->scratch, n, sizeof(*shift), c->err);
    if (scale == NULL || shift == NULL)
        return inn_refused(c->err);
    for (k = 0; k < n; k++) {
        if (!find_statistics(c, k, v, &epsilon))
            return INN_OK;
        scale[k] = v[1] / sqrt(v[4] + epsilon);
        shift[k] = v[2] - scale[k] * v[3];
    }
    law = inn_law_affine(x->law, scale, shift,
                         x->law->root == NULL || x->law->is_normal, c->heap,
                         c->err);
    if (law == NULL)
        return inn_refused(c->err);
    inn_carry_put(c, 0, law, x);
    return INN_OK;
}
