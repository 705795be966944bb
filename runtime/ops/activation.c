/*
 * Functions of one element: Relu and its kin, the smooth ones, the hard ones,
 * Clip and PRelu. Computed in double and rounded once; NaN passes through all
 * but ThresholdedRelu.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "runtime/base/threads.h"
#include "runtime/ops/common.h"
#include "runtime/ops/moments.h"
#include "runtime/ops/rows.h"

/* Elements of one part of a parallel loop. */
#define PART ((size_t)16384)

struct unary {
    double (*function)(double x, double alpha, double beta);
    double alpha, beta;
    const struct inn_tensor *in;
    const struct inn_tensor *out;
    size_t count;
};

static void unary_part(void *context, size_t part)
{
    const struct unary *u = context;
    size_t i = part * PART, end = i + PART;

    if (end > u->count)
        end = u->count;
    if (u->in->type == INN_F32) {
        const float *x = u->in->data;
        float *y = u->out->data;

        for (; i < end; i++)
            y[i] = (float)u->function(x[i], u->alpha, u->beta);
        return;
    }
    for (; i < end; i++) {
        double x = inn_element_get(u->in->type, u->in->data, i);

        inn_element_set(u->out->type, u->out->data, i,
                        u->function(x, u->alpha, u->beta));
    }
}

static enum inn_status run_unary(struct inn_run *c,
                                 double (*function)(double, double, double),
                                 double alpha, double beta)
{
    struct unary u = {function, alpha, beta, c->in[0], &c->out[0], 0};

    if (!inn_run_wants(c, 0))
        return INN_OK;
    u.count = inn_tensor_count(c->in[0]);
    inn_parallel(c->threads, u.count / PART + (u.count % PART != 0),
                 unary_part, &u);
    return INN_OK;
}

static bool lower_eltwise(struct inn_prim *prim, enum inn_eltwise kind,
                          float alpha, float beta)
{
    prim->kind = INN_PRIM_ELTWISE;
    prim->u.eltwise.kind = kind;
    prim->u.eltwise.alpha = alpha;
    prim->u.eltwise.beta = beta;
    return true;
}

static double relu(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return x > 0 || isnan(x) ? x : 0;
}

enum inn_status inn_run_relu(struct inn_run *c)
{
    return run_unary(c, relu, 0, 0);
}

bool inn_lower_relu(const struct inn_infer *c, struct inn_prim *prim)
{
    (void)c;
    return lower_eltwise(prim, INN_ELT_RELU, 0, 0);
}

static double leaky(double x, double alpha, double beta)
{
    (void)beta;
    return x < 0 ? alpha * x : x;
}

enum inn_status inn_run_leaky_relu(struct inn_run *c)
{
    return run_unary(c, leaky, inn_node_float(c->node, "alpha", 0.01f), 0);
}

bool inn_lower_leaky_relu(const struct inn_infer *c, struct inn_prim *prim)
{
    return lower_eltwise(prim, INN_ELT_LEAKY,
                         inn_node_float(c->node, "alpha", 0.01f), 0);
}

static double sigmoid(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return 1 / (1 + exp(-x));
}

enum inn_status inn_run_sigmoid(struct inn_run *c)
{
    return run_unary(c, sigmoid, 0, 0);
}

bool inn_lower_sigmoid(const struct inn_infer *c, struct inn_prim *prim)
{
    (void)c;
    return lower_eltwise(prim, INN_ELT_SIGMOID, 0, 0);
}

static double hyperbolic_tangent(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return tanh(x);
}

enum inn_status inn_run_tanh(struct inn_run *c)
{
    return run_unary(c, hyperbolic_tangent, 0, 0);
}

bool inn_lower_tanh(const struct inn_infer *c, struct inn_prim *prim)
{
    (void)c;
    return lower_eltwise(prim, INN_ELT_TANH, 0, 0);
}

static double hard_sigmoid(double x, double alpha, double beta)
{
    double y = alpha * x + beta;

    if (y < 0)
        return 0;
    return y > 1 ? 1 : y;
}

enum inn_status inn_run_hard_sigmoid(struct inn_run *c)
{
    return run_unary(c, hard_sigmoid,
                     inn_node_float(c->node, "alpha", 0.2f),
                     inn_node_float(c->node, "beta", 0.5f));
}

bool inn_lower_hard_sigmoid(const struct inn_infer *c, struct inn_prim *prim)
{
    prim->kind = INN_PRIM_MAP;
    prim->u.map.kind = INN_MAP_HARD_SIGMOID;
    prim->u.map.alpha = inn_node_float(c->node, "alpha", 0.2f);
    prim->u.map.beta = inn_node_float(c->node, "beta", 0.5f);
    return true;
}

static double hard_swish(double x, double alpha, double beta)
{
    return x * hard_sigmoid(x, alpha, beta);
}

enum inn_status inn_run_hard_swish(struct inn_run *c)
{
    return run_unary(c, hard_swish, 1.0 / 6, 0.5);
}

bool inn_lower_hard_swish(const struct inn_infer *c, struct inn_prim *prim)
{
    (void)c;
    return lower_eltwise(prim, INN_ELT_HARDSWISH, 1.0f / 6, 0.5f);
}

static double elu(double x, double alpha, double beta)
{
    (void)beta;
    return x < 0 ? alpha * expm1(x) : x;
}

enum inn_status inn_run_elu(struct inn_run *c)
{
    return run_unary(c, elu, inn_node_float(c->node, "alpha", 1), 0);
}

bool inn_lower_elu(const struct inn_infer *c, struct inn_prim *prim)
{
    return lower_eltwise(prim, INN_ELT_ELU,
                         inn_node_float(c->node, "alpha", 1), 0);
}

static double celu(double x, double alpha, double beta)
{
    (void)beta;
    return x < 0 ? alpha * expm1(x / alpha) : x;
}

enum inn_status inn_run_celu(struct inn_run *c)
{
    return run_unary(c, celu, inn_node_float(c->node, "alpha", 1), 0);
}

static double selu(double x, double alpha, double gamma)
{
    return gamma * elu(x, alpha, 0);
}

/* Opset 6 gave the constants more digits. */
enum inn_status inn_run_selu(struct inn_run *c)
{
    bool old = c->node->version < 6;
    float alpha = old ? 1.6732f : 1.67326319217681884765625f;
    float gamma = old ? 1.0507f : 1.05070102214813232421875f;

    return run_unary(c, selu, inn_node_float(c->node, "alpha", alpha),
                     inn_node_float(c->node, "gamma", gamma));
}

/* NaN is not above alpha: by ONNX's text, and in ONNX Runtime, it gives 0. */
static double thresholded(double x, double alpha, double beta)
{
    (void)beta;
    return x > alpha ? x : 0;
}

enum inn_status inn_run_thresholded_relu(struct inn_run *c)
{
    return run_unary(c, thresholded, inn_node_float(c->node, "alpha", 1), 0);
}

/* log(1 + exp x), where exp can't overflow. */
static double softplus(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

enum inn_status inn_run_softplus(struct inn_run *c)
{
    return run_unary(c, softplus, 0, 0);
}

bool inn_lower_softplus(const struct inn_infer *c, struct inn_prim *prim)
{
    (void)c;
    return lower_eltwise(prim, INN_ELT_SOFTPLUS, 0, 0);
}

static double softsign(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return x / (1 + fabs(x));
}

enum inn_status inn_run_softsign(struct inn_run *c)
{
    return run_unary(c, softsign, 0, 0);
}

static double mish(double x, double alpha, double beta)
{
    return x * tanh(softplus(x, alpha, beta));
}

enum inn_status inn_run_mish(struct inn_run *c)
{
    return run_unary(c, mish, 0, 0);
}

bool inn_lower_mish(const struct inn_infer *c, struct inn_prim *prim)
{
    (void)c;
    return lower_eltwise(prim, INN_ELT_MISH, 0, 0);
}

static double gelu(double x, double alpha, double beta)
{
    (void)beta;
    return 0.5 * x * (1 + erf(x * alpha));
}

static double gelu_tanh(double x, double alpha, double beta)
{
    return 0.5 * x * (1 + tanh(alpha * (x + beta * x * x * x)));
}

enum inn_status inn_infer_gelu(struct inn_infer *c)
{
    const char *kind = inn_node_string(c->node, "approximate", "none");

    if (strcmp(kind, "none") != 0 && strcmp(kind, "tanh") != 0)
        return inn_node_fail(c->node, c->err, INN_ERR_FORMAT,
                             "there is no approximation '%s'", kind);
    return inn_infer_same(c);
}

enum inn_status inn_run_gelu(struct inn_run *c)
{
    const char *kind = inn_node_string(c->node, "approximate", "none");

    if (strcmp(kind, "tanh") == 0) /* √(2/π) */
        return run_unary(c, gelu_tanh, 0.79788456080286535588, 0.044715);
    return run_unary(c, gelu, 0.70710678118654752440, 0); /* 1/√2 */
}

bool inn_lower_gelu(const struct inn_infer *c, struct inn_prim *prim)
{
    const char *kind = inn_node_string(c->node, "approximate", "none");

    return lower_eltwise(prim, strcmp(kind, "tanh") == 0 ? INN_ELT_GELU_TANH
                                                         : INN_ELT_GELU,
                         0, 0);
}

/* Clip's bounds are attributes before opset 11, scalar inputs after it. */
static enum inn_status check_bound(const struct inn_infer *c, int i)
{
    const struct inn_tensor *bound = i < c->n_in ? c->in[i] : NULL;
    char text[INN_SHAPE_TEXT];

    if (bound == NULL)
        return INN_OK;
    if (inn_tensor_count(bound) != 1)
        return inn_node_fail(c->node, c->err, INN_ERR_FORMAT,
                             "its bound is %s where a scalar is needed",
                             inn_shape_text(text, bound->rank, bound->dims));
    return INN_OK;
}

enum inn_status inn_infer_clip(struct inn_infer *c)
{
    enum inn_status st = inn_infer_arity(c, 1, 3, 1);

    int i;

    for (i = 1; i <= 2 && st == INN_OK; i++) {
        st = inn_infer_same_type(c, i);
        if (st == INN_OK)
            st = check_bound(c, i);
    }
    if (st != INN_OK)
        return st;
    return inn_infer_out(c, 0, c->in[0]->type, c->in[0]->rank,
                         c->in[0]->dims);
}

/* The largest finite number of a type. */
static double largest_value(enum inn_type type)
{
    static const struct {
        enum inn_type type;
        double most;
    } all[] = {{INN_F16, 65504},
               {INN_BF16, 0x1.fep127},
               {INN_F32, FLT_MAX},
               {INN_F64, DBL_MAX}};
    size_t i;

    for (i = 0; i < INN_COUNT(all); i++) {
        if (all[i].type == type)
            return all[i].most;
    }
    return INFINITY; /* integers are never above it */
}

/*
 * Bound i of 1, 2 into *value; false where it isn't known yet. One that isn't
 * given is the type's largest number or its negative: infinity is clipped.
 */
static bool clip_bound(const struct inn_node *node,
                       const struct inn_tensor *const *in, int n_in, int i,
                       double *value)
{
    *value = largest_value(in[0]->type);
    *value = i == 1 ? -*value : *value;
    if (node->version < 11) {
        const struct inn_attr *a;

        a = inn_node_attr(node, i == 1 ? "min" : "max");
        if (a != NULL && a->kind == INN_ATTR_FLOAT)
            *value = a->f;
        return true;
    }
    if (i >= n_in || in[i] == NULL)
        return true;
    if (in[i]->data == NULL)
        return false;
    *value = inn_element_get(in[i]->type, in[i]->data, 0);
    return true;
}

/*
 * Where the lower bound is above the upper, the upper wins. A bound that is
 * NaN bounds nothing.
 */
static double clip(double x, double low, double high)
{
    if (x <= low)
        x = low;
    return x >= high ? high : x;
}

/* 64-bit integers don't fit a double. */
static enum inn_status clip_wide(struct inn_run *c)
{
    const struct inn_tensor *low = c->n_in > 1 ? c->in[1] : NULL;
    const struct inn_tensor *high = c->n_in > 2 ? c->in[2] : NULL;
    size_t i, n = inn_tensor_count(c->in[0]);

    if (c->in[0]->type == INN_U64) {
        const uint64_t *x = c->in[0]->data;
        uint64_t *y = c->out[0].data;
        uint64_t a = low != NULL ? *(const uint64_t *)low->data : 0;
        uint64_t b = high != NULL ? *(const uint64_t *)high->data : UINT64_MAX;

        for (i = 0; i < n; i++) {
            y[i] = x[i] < a ? a : x[i];
            y[i] = y[i] > b ? b : y[i];
        }
    } else {
        const int64_t *x = c->in[0]->data;
        int64_t *y = c->out[0].data;
        int64_t a = low != NULL ? *(const int64_t *)low->data : INT64_MIN;
        int64_t b = high != NULL ? *(const int64_t *)high->data : INT64_MAX;

        for (i = 0; i < n; i++) {
            y[i] = x[i] < a ? a : x[i];
            y[i] = y[i] > b ? b : y[i];
        }
    }
    return INN_OK;
}

enum inn_status inn_run_clip(struct inn_run *c)
{
    double low, high;

    if (c->node->version >= 11 && inn_run_wants(c, 0) &&
        (c->in[0]->type == INN_I64 || c->in[0]->type == INN_U64))
        return clip_wide(c);
    if (!clip_bound(c->node, c->in, c->n_in, 1, &low) ||
        !clip_bound(c->node, c->in, c->n_in, 2, &high))
        return inn_node_fail(c->node, c->err, INN_ERR_ARGUMENT,
                             "a bound has no data");
    return run_unary(c, clip, low, high);
}

bool inn_lower_clip(const struct inn_infer *c, struct inn_prim *prim)
{
    double low, high;

    /* Bounds may be NaN, and then they are in no order. */
    if (!clip_bound(c->node, c->in, c->n_in, 1, &low) ||
        !clip_bound(c->node, c->in, c->n_in, 2, &high) || !(low <= high))
        return false;
    return lower_eltwise(prim, INN_ELT_CLIP, (float)low, (float)high);
}

/*
 * Where slope's element for each element of x lies. Before opset 7 a slope of
 * more than one element runs along axis 1, after it it broadcasts to x.
 */
static bool slope_strides(const struct inn_node *node,
                          const struct inn_tensor *x,
                          const struct inn_tensor *slope,
                          size_t stride[INN_MAX_RANK])
{
    size_t step = 1;
    int i;

    for (i = 0; i < INN_MAX_RANK; i++)
        stride[i] = 0;
    if (node->version < 7) {
        if (inn_tensor_count(slope) == 1)
            return true;
        if (x->rank < 2 || slope->rank != 1 || slope->dims[0] != x->dims[1])
            return false;
        stride[1] = 1;
        return true;
    }
    if (slope->rank > x->rank)
        return false;
    for (i = slope->rank - 1; i >= 0; i--) {
        int at = i + x->rank - slope->rank;

        if (slope->dims[i] == x->dims[at])
            stride[at] = step;
        else if (slope->dims[i] != 1)
            return false;
        step *= (size_t)slope->dims[i];
    }
    return true;
}

enum inn_status inn_infer_prelu(struct inn_infer *c)
{
    enum inn_status st = inn_infer_arity(c, 2, 2, 1);
    char a[INN_SHAPE_TEXT], b[INN_SHAPE_TEXT];
    size_t stride[INN_MAX_RANK];

    if (st == INN_OK)
        st = inn_infer_same_type(c, 1);
    if (st != INN_OK)
        return st;
    if (!slope_strides(c->node, c->in[0], c->in[1], stride))
        return inn_node_fail(c->node, c->err, INN_ERR_FORMAT,
                             "slope %s does not fit input %s",
                             inn_shape_text(a, c->in[1]->rank,
                                            c->in[1]->dims),
                             inn_shape_text(b, c->in[0]->rank,
                                            c->in[0]->dims));
    return inn_infer_out(c, 0, c->in[0]->type, c->in[0]->rank,
                         c->in[0]->dims);
}

enum inn_status inn_couple_prelu(struct inn_couple *c)
{
    enum inn_status st = inn_couple_same(c);

    if (st != INN_OK || c->n_in < 2 || c->in[0] == NULL || c->in[1] == NULL)
        return st;
    if (c->node->version >= 7)
        return inn_couple_alike(c, inn_in(1, 0), inn_out(0, 0));
    if (c->in[1]->rank == 1 && c->in[0]->rank >= 2 &&
        c->in[1]->dims[0] == c->in[0]->dims[1])
        return inn_couple_map(c, inn_in(1, 0), inn_out(0, 1), NULL);
    return INN_OK;
}

enum inn_status inn_run_prelu(struct inn_run *c)
{
    const struct inn_tensor *in = c->in[0];
    const float *x = in->data, *slope = c->in[1]->data;
    float *y;
    int64_t at[INN_MAX_RANK] = {0};
    size_t stride[INN_MAX_RANK], i, s = 0, n = inn_tensor_count(in);
    int axis;

    if (!inn_run_wants(c, 0))
        return INN_OK;
    y = c->out[0].data;
    slope_strides(c->node, in, c->in[1], stride);
    for (i = 0; i < n; i++) {
        y[i] = x[i] < 0 ? slope[s] * x[i] : x[i];
        for (axis = in->rank - 1; axis >= 0; axis--) {
            s += stride[axis];
            if (++at[axis] < in->dims[axis])
                break;
            s -= stride[axis] * (size_t)in->dims[axis];
            at[axis] = 0;
        }
    }
    return INN_OK;
}

bool inn_lower_prelu(const struct inn_infer *c, struct inn_prim *prim)
{
    const struct inn_tensor *x = c->in[0], *slope = c->in[1];
    size_t stride[INN_MAX_RANK], count;
    float *scale;
    int i;

    if (slope == NULL || slope->data == NULL ||
        !slope_strides(c->node, x, slope, stride))
        return false;
    count = inn_tensor_count(slope);
    for (i = 0; i < x->rank; i++) {
        if (count > 1 && i != 1 && stride[i] != 0 && x->dims[i] > 1)
            return false;
    }
    if (count > 1 && (x->rank < 2 || count != (size_t)x->dims[1]))
        return false;
    scale = inn_arena_alloc(c->arena, count, sizeof(*scale), c->err);
    if (scale == NULL)
        return false;
    inn_convert_elements(scale, INN_F32, slope->data, slope->type, count);
    prim->kind = INN_PRIM_MAP;
    prim->u.map.kind = INN_MAP_PRELU;
    prim->u.map.scale = scale;
    prim->u.map.shift = NULL;
    prim->u.map.n = (int64_t)count;
    return true;
}

enum inn_status inn_moments_relu(struct inn_carry *c)
{
    struct inn_law *x = c->from[0].law, *law;

    if (x == NULL || (x->root != NULL && !x->is_normal))
        return inn_moments_elementwise(c);
    law = inn_hermite_relu(x, c->threads, c->heap, c->err);
    if (law == NULL)
        return inn_refused(c->err);
    inn_carry_put(c, 0, law, &c->from[0]);
    return INN_OK;
}
