/*
 * Reductions over axes: one table of how each starts, adds and ends, one
 * loop for all. Floats are reduced in double, integers exactly in 64 bits.
 */
#include <math.h>
#include <string.h>

#include "runtime/base/threads.h"
#include "runtime/ops/common.h"
#include "runtime/ops/moments.h"
#include "runtime/ops/rows.h"

enum kind {
    REDUCE_L1,
    REDUCE_L2,
    REDUCE_LOG_SUM,
    REDUCE_LOG_SUM_EXP,
    REDUCE_MAX,
    REDUCE_MEAN,
    REDUCE_MIN,
    REDUCE_PROD,
    REDUCE_SUM,
    REDUCE_SUM_SQUARE
};

static const struct reduction {
    const char *name;
    enum kind kind;
    int axes_are_input; /* from this opset on, not an attribute */
    const char *reason; /* why the axes it takes keep their size */
} reductions[] = {
    {"ReduceL1", REDUCE_L1, 18, "summed by ReduceL1"},
    {"ReduceL2", REDUCE_L2, 18, "summed by ReduceL2"},
    {"ReduceLogSum", REDUCE_LOG_SUM, 18, "summed by ReduceLogSum"},
    {"ReduceLogSumExp", REDUCE_LOG_SUM_EXP, 18, "summed by ReduceLogSumExp"},
    {"ReduceMax", REDUCE_MAX, 18, "searched by ReduceMax"},
    {"ReduceMean", REDUCE_MEAN, 18, "averaged by ReduceMean"},
    {"ReduceMin", REDUCE_MIN, 18, "searched by ReduceMin"},
    {"ReduceProd", REDUCE_PROD, 18, "multiplied by ReduceProd"},
    {"ReduceSum", REDUCE_SUM, 13, "summed by ReduceSum"},
    {"ReduceSumSquare", REDUCE_SUM_SQUARE, 18, "summed by ReduceSumSquare"},
};

static const struct reduction *find_reduction(const struct inn_node *node)
{
    size_t i;

    for (i = 0; i < INN_COUNT(reductions); i++) {
        if (strcmp(reductions[i].name, node->op_type) == 0)
            return &reductions[i];
    }
    return NULL;
}

/* Which axes go. */
struct axes {
    bool known; /* false: computed only when run */
    bool reduced[INN_MAX_RANK];
    bool keep; /* axes stay, 1 long */
};

static enum inn_status read_axes(const struct inn_args *a, struct axes *axes)
{
    const struct reduction *r = find_reduction(a->node);
    int i, axis, rank = a->in[0]->rank;
    bool input = r != NULL && a->node->version >= r->axes_are_input;
    enum inn_status st = INN_OK;
    struct inn_list list;
    size_t k;

    memset(axes, 0, sizeof(*axes));
    axes->keep = inn_node_int(a->node, "keepdims", 1) != 0;
    if (input)
        st = inn_args_input_list(a, &list, 1);
    else
        inn_args_attr_list(a, &list, "axes");
    if (st != INN_OK || (list.given && !list.known))
        return st;
    axes->known = true;
    if (!list.given || list.n == 0) {
        bool none = input &&
                    inn_node_int(a->node, "noop_with_empty_axes", 0) != 0;

        /* Without axes each element is still taken by itself: its square. */
        for (i = 0; i < rank; i++)
            axes->reduced[i] = !none;
        return INN_OK;
    }
    for (k = 0; k < list.n; k++) {
        st = inn_args_axis(a, &axis, inn_list_at(&list, k), rank);
        if (st != INN_OK)
            return st;
        axes->reduced[axis] = true;
    }
    return INN_OK;
}

enum inn_status inn_infer_reduce(struct inn_infer *c)
{
    enum inn_status st = inn_infer_arity(c, 1, 2, 1);
    struct inn_args a = INN_ARGS(c);
    int64_t dims[INN_MAX_RANK];
    struct axes axes;
    int i, rank = 0;

    if (st == INN_OK)
        st = read_axes(&a, &axes);
    if (st != INN_OK || !axes.known)
        return st;
    for (i = 0; i < c->in[0]->rank; i++) {
        if (!axes.reduced[i])
            dims[rank++] = c->in[0]->dims[i];
        else if (axes.keep)
            dims[rank++] = 1;
    }
    return inn_infer_out(c, 0, c->in[0]->type, rank, dims);
}

enum inn_status inn_couple_reduce(struct inn_couple *c)
{
    const struct reduction *r = find_reduction(c->node);
    struct inn_args a = INN_ARGS(c);
    struct axes axes;
    enum inn_status st = read_axes(&a, &axes);
    int i, to = 0;

    if (st != INN_OK || !axes.known || r == NULL)
        return st;
    for (i = 0; i < c->in[0]->rank && st == INN_OK; i++) {
        if (!axes.reduced[i])
            st = inn_couple_map(c, inn_out(0, to), inn_in(0, i), NULL);
        else
            st = inn_couple_pin(c, inn_in(0, i), r->reason);
        to += !axes.reduced[i] || axes.keep;
    }
    return st;
}

/* Outputs that one part of the loop makes. */
#define PART ((size_t)64)

struct reduce {
    enum kind kind;
    enum inn_type type;
    const void *x;
    void *y;
    size_t outputs, count; /* count elements go into each output */
    /* Axes that stay and axes that go, with elements from one to the next. */
    int kept, gone;
    int64_t kept_dims[INN_MAX_RANK], gone_dims[INN_MAX_RANK];
    int64_t kept_step[INN_MAX_RANK], gone_step[INN_MAX_RANK];
};

/* The next element of those that go into one output. */
static size_t advance(const struct reduce *v, int64_t at[INN_MAX_RANK],
                      size_t i)
{
    int axis;

    for (axis = v->gone - 1; axis >= 0; axis--) {
        i += (size_t)v->gone_step[axis];
        if (++at[axis] < v->gone_dims[axis])
            break;
        i -= (size_t)(v->gone_step[axis] * v->gone_dims[axis]);
        at[axis] = 0;
    }
    return i;
}

static double largest(const struct reduce *v, size_t first)
{
    int64_t at[INN_MAX_RANK] = {0};
    double most = -INFINITY;
    size_t k, i = first;

    for (k = 0; k < v->count; k++, i = advance(v, at, i)) {
        double x = inn_element_get(v->type, v->x, i);

        if (x > most || isnan(x))
            most = x;
        if (isnan(most))
            break;
    }
    return most;
}

static double float_end(const struct reduce *v, double sum, double most)
{
    switch (v->kind) {
    case REDUCE_L2:
        return sqrt(sum);
    case REDUCE_LOG_SUM:
        return log(sum);
    case REDUCE_LOG_SUM_EXP:
        return isfinite(most) ? log(sum) + most : most;
    case REDUCE_MEAN:
        return sum / (double)v->count;
    default:
        return sum;
    }
}

static double reduce_floats(const struct reduce *v, size_t first)
{
    double sum = v->kind == REDUCE_PROD ? 1 : 0, most = 0;
    int64_t at[INN_MAX_RANK] = {0};
    size_t k, i = first;

    if (v->kind == REDUCE_MAX || v->kind == REDUCE_LOG_SUM_EXP)
        most = largest(v, first);
    if (v->kind == REDUCE_MAX)
        return most;
    if (v->kind == REDUCE_MIN)
        sum = INFINITY;
    for (k = 0; k < v->count; k++, i = advance(v, at, i)) {
        double x = inn_element_get(v->type, v->x, i);

        switch (v->kind) {
        case REDUCE_L1:
            sum += fabs(x);
            break;
        case REDUCE_L2:
        case REDUCE_SUM_SQUARE:
            sum += x * x;
            break;
        case REDUCE_LOG_SUM_EXP:
            sum += exp(x - most);
            break;
        case REDUCE_PROD:
            sum *= x;
            break;
        case REDUCE_MIN:
            if (x < sum || isnan(x))
                sum = x;
            break;
        default:
            sum += x;
            break;
        }
    }
    return float_end(v, sum, most);
}

/* An integer as 64 bits; a larger one of an unsigned type compares so. */
static uint64_t integer(const struct reduce *v, size_t i)
{
    if (v->type == INN_I64 || v->type == INN_U64)
        return ((const uint64_t *)v->x)[i];
    return (uint64_t)(int64_t)inn_element_get(v->type, v->x, i);
}

static bool is_signed(enum inn_type type)
{
    return type == INN_I8 || type == INN_I16 || type == INN_I32 ||
           type == INN_I64;
}

static bool less(const struct reduce *v, uint64_t a, uint64_t b)
{
    return is_signed(v->type) ? (int64_t)a < (int64_t)b : a < b;
}

/* Mean rounds towards zero, as integer division does. */
static uint64_t reduce_integers(const struct reduce *v, size_t first)
{
    uint64_t sum = v->kind == REDUCE_PROD;
    int64_t at[INN_MAX_RANK] = {0};
    size_t k, i = first;

    for (k = 0; k < v->count; k++, i = advance(v, at, i)) {
        uint64_t x = integer(v, i);

        switch (v->kind) {
        case REDUCE_MAX:
            sum = k == 0 || less(v, sum, x) ? x : sum;
            break;
        case REDUCE_MIN:
            sum = k == 0 || less(v, x, sum) ? x : sum;
            break;
        case REDUCE_PROD:
            sum *= x;
            break;
        case REDUCE_L1:
            sum += less(v, x, 0) ? 0 - x : x;
            break;
        case REDUCE_SUM_SQUARE:
            sum += x * x;
            break;
        default:
            sum += x;
            break;
        }
    }
    if (v->kind != REDUCE_MEAN || v->count == 0)
        return sum;
    if (less(v, sum, 0))
        return 0 - (0 - sum) / v->count;
    return sum / v->count;
}

static void store_integer(const struct reduce *v, size_t i, uint64_t value)
{
    switch (inn_type_size(v->type)) {
    case 1:
        ((uint8_t *)v->y)[i] = (uint8_t)value;
        break;
    case 2:
        ((uint16_t *)v->y)[i] = (uint16_t)value;
        break;
    case 4:
        ((uint32_t *)v->y)[i] = (uint32_t)value;
        break;
    default:
        ((uint64_t *)v->y)[i] = value;
        break;
    }
}

static void reduce_part(void *context, size_t part)
{
    const struct reduce *v = context;
    size_t o = part * PART, end = o + PART;
    bool exact = !inn_type_is_float(v->type) && v->kind != REDUCE_L2 &&
                 v->kind != REDUCE_LOG_SUM && v->kind != REDUCE_LOG_SUM_EXP;

    if (end > v->outputs)
        end = v->outputs;
    for (; o < end; o++) {
        size_t rest = o, first = 0;
        int axis;

        for (axis = v->kept - 1; axis >= 0; axis--) {
            size_t dim = (size_t)v->kept_dims[axis];

            first += rest % dim * (size_t)v->kept_step[axis];
            rest /= dim;
        }
        if (exact)
            store_integer(v, o, reduce_integers(v, first));
        else
            inn_element_set(v->type, v->y, o, reduce_floats(v, first));
    }
}

enum inn_status inn_run_reduce(struct inn_run *c)
{
    const struct reduction *r = find_reduction(c->node);
    const struct inn_tensor *x = c->in[0];
    struct inn_args a = INN_ARGS(c);
    struct reduce v = {.type = x->type};
    struct axes axes;
    enum inn_status st = read_axes(&a, &axes);
    int64_t step = 1;
    int i;

    if (st != INN_OK || r == NULL || !inn_run_wants(c, 0) ||
        c->out[0].bytes == 0)
        return st;
    if (!axes.known)
        return inn_args_fail(&a, INN_ERR_ARGUMENT, "axes have no data");
    v.kind = r->kind;
    v.x = x->data;
    v.y = c->out[0].data;
    v.outputs = inn_tensor_count(&c->out[0]);
    v.count = 1;
    for (i = 0; i < x->rank; i++) {
        int64_t after = (int64_t)inn_dims_product(x->dims, i + 1, x->rank);

        step = inn_tensor_count(x) == 0 ? 0 : after;
        if (axes.reduced[i]) {
            v.gone_dims[v.gone] = x->dims[i];
            v.gone_step[v.gone++] = step;
        } else {
            v.kept_dims[v.kept] = x->dims[i];
            v.kept_step[v.kept++] = step;
        }
    }
    v.count = inn_dims_product(v.gone_dims, 0, v.gone);
    inn_parallel(c->threads, (v.outputs - 1) / PART + 1, reduce_part, &v);
    return INN_OK;
}

/* Sums of floats; all else is rare in networks. */
bool inn_lower_reduce(const struct inn_infer *c, struct inn_prim *prim)
{
    const struct reduction *r = find_reduction(c->node);
    struct inn_args a = INN_ARGS(c);
    struct axes axes;
    bool any = false;
    int i;

    if (r == NULL || read_axes(&a, &axes) != INN_OK || !axes.known)
        return false;
    prim->kind = INN_PRIM_REDUCE;
    switch (r->kind) {
    case REDUCE_SUM:
        prim->u.reduce.kind = INN_RED_SUM;
        break;
    case REDUCE_MEAN:
        prim->u.reduce.kind = INN_RED_MEAN;
        break;
    case REDUCE_SUM_SQUARE:
        prim->u.reduce.kind = INN_RED_SQUARES;
        break;
    default:
        return false;
    }
    for (i = 0; i < c->in[0]->rank; i++) {
        prim->u.reduce.gone[i] = axes.reduced[i];
        any = any || axes.reduced[i];
    }
    return any;
}

/* Mean of correlations over the lags of the axes that go. */
static double reduced_r(const struct inn_carry *c, const struct axes *axes,
                        double *count)
{
    const struct inn_tensor *t = c->in[0];
    int64_t lag[INN_MAX_RANK], dims[INN_MAX_RANK];
    double sum = 0, weight;
    int i;

    for (*count = 1, i = 0; i < t->rank; i++) {
        dims[i] = axes->reduced[i] ? t->dims[i] : 1;
        lag[i] = 1 - dims[i];
        *count *= (double)dims[i];
    }
    for (;;) {
        for (weight = 1, i = 0; i < t->rank; i++)
            weight *= (double)(dims[i] - (lag[i] < 0 ? -lag[i] : lag[i]));
        sum += weight * inn_field_r(&c->from[0], lag, t->rank);
        for (i = t->rank - 1; i >= 0; i--) {
            if (++lag[i] < dims[i])
                break;
            lag[i] = 1 - dims[i];
        }
        if (i < 0)
            return sum / (*count * *count);
    }
}

/* Without the axes that went; a table along one of them is all alike. */
static struct inn_field reduced_field(const struct inn_field *x,
                                      const struct axes *axes, int rank)
{
    struct inn_field y = *x;
    int i, to = 0;

    y.channels = 0;
    y.space[0] = y.space[1] = -1;
    for (i = 0; i < rank; i++) {
        if (x->channels & 1u << i)
            y.channels |= 1u << to;
        if (x->space[0] == i && !axes->reduced[i])
            y.space[0] = to;
        if (x->space[1] == i && !axes->reduced[i])
            y.space[1] = to;
        to += !axes->reduced[i] || axes->keep;
    }
    return y;
}

/* Averages and sums over positions; channels must not be among them. */
enum inn_status inn_moments_reduce(struct inn_carry *c)
{
    const struct reduction *r = find_reduction(c->node);
    const struct inn_field *x = &c->from[0];
    struct inn_args a = INN_ARGS(c);
    struct axes axes;
    enum inn_status st;
    struct inn_law *law;
    double count, all, factor;
    int64_t i;
    int y, k;

    if (x->law == NULL || x->repeat != 1 || r == NULL ||
        (r->kind != REDUCE_MEAN && r->kind != REDUCE_SUM))
        return INN_OK;
    st = read_axes(&a, &axes);
    if (st != INN_OK || !axes.known)
        return st;
    for (i = 0; i < c->in[0]->rank; i++) {
        if (axes.reduced[i] && x->channels & 1u << i)
            return INN_OK;
    }
    all = reduced_r(c, &axes, &count);
    factor = r->kind == REDUCE_SUM ? count : 1;
    law = inn_law_new(x->law->n, c->heap, c->err);
    if (law == NULL)
        return inn_refused(c->err);
    for (i = 0; i < law->n; i++)
        law->mean[i] = factor * x->law->mean[i];
    for (i = 0; i < law->n * law->n; i++)
        law->cov[i] = factor * factor * all * x->law->cov[i];
    for (y = 0; y <= INN_REACH; y++) {
        for (k = 0; k <= INN_REACH; k++)
            law->r[y][k] = inn_law_r(
                x->law, x->space[0] >= 0 && axes.reduced[x->space[0]] ? 0 : y,
                x->space[1] >= 0 && axes.reduced[x->space[1]] ? 0 : k);
    }
    c->to[0] = reduced_field(x, &axes, c->in[0]->rank);
    c->to[0].law = law;
    return INN_OK;
}
