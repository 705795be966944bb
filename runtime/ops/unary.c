/*
 * Element-wise mathematics of one operand: roots, exponentials, roundings,
 * signs, Not. Functions that are a network's activations are in activation.c.
 */
#include <math.h>
#include <string.h>

#include "runtime/ops/args.h"
#include "runtime/ops/block.h"
#include "runtime/ops/rows.h"
#include "runtime/ops/walk.h"

typedef void float_fn(double *v, int64_t n);
/* Of integers; their bits are those of a u64 if is_unsigned. */
typedef void int_fn(int64_t *v, int64_t n, bool is_unsigned);

#define FLOATS(name, expression) \
    static void name##_floats(double *v, int64_t n) \
    { \
        int64_t i; \
\
        for (i = 0; i < n; i++) { \
            double a = v[i]; \
\
            v[i] = (expression); \
        } \
    }

#define INTS(name, expression) \
    static void name##_ints(int64_t *v, int64_t n, bool is_unsigned) \
    { \
        int64_t i; \
\
        (void)is_unsigned; \
        for (i = 0; i < n; i++) { \
            int64_t a = v[i]; \
\
            v[i] = (int64_t)(expression); \
        } \
    }

FLOATS(abs, fabs(a))
FLOATS(ceil, ceil(a))
FLOATS(cos, cos(a))
FLOATS(erf, erf(a))
FLOATS(exp, exp(a))
FLOATS(floor, floor(a))
FLOATS(log, log(a))
FLOATS(neg, -a)
FLOATS(reciprocal, 1 / a)
FLOATS(round, nearbyint(a)) /* halves to even: the default rounding */
FLOATS(sign, isnan(a) ? a : (double)((a > 0) - (a < 0)))
FLOATS(sin, sin(a))
FLOATS(sqrt, sqrt(a))
INTS(abs, a < 0 && !is_unsigned ? 0 - (uint64_t)a : (uint64_t)a)
INTS(neg, 0 - (uint64_t)a)
INTS(not, a == 0)
INTS(sign, is_unsigned ? a != 0 : (a > 0) - (a < 0))

enum { BOOLS = 1, SIGNED = 2, UNSIGNED = 4 };

static const struct unary {
    const char *name;
    float_fn *floats; /* NULL: not for floats */
    int_fn *ints;
    int kinds; /* of integers, besides floats */
} unaries[] = {
    {"Abs", abs_floats, abs_ints, SIGNED | UNSIGNED},
    {"Ceil", ceil_floats, NULL, 0},
    {"Cos", cos_floats, NULL, 0},
    {"Erf", erf_floats, NULL, 0},
    {"Exp", exp_floats, NULL, 0},
    {"Floor", floor_floats, NULL, 0},
    {"Log", log_floats, NULL, 0},
    {"Neg", neg_floats, neg_ints, SIGNED},
    {"Not", NULL, not_ints, BOOLS},
    {"Reciprocal", reciprocal_floats, NULL, 0},
    {"Round", round_floats, NULL, 0},
    {"Sign", sign_floats, sign_ints, SIGNED | UNSIGNED},
    {"Sin", sin_floats, NULL, 0},
    {"Sqrt", sqrt_floats, NULL, 0},
};

static const struct unary *find(const struct inn_node *node)
{
    size_t i;

    for (i = 0; i < INN_COUNT(unaries); i++) {
        if (strcmp(unaries[i].name, node->op_type) == 0)
            return &unaries[i];
    }
    return NULL;
}

static bool is_unsigned_type(enum inn_type type)
{
    return type == INN_U8 || type == INN_U16 || type == INN_U32 ||
           type == INN_U64;
}

enum inn_status inn_infer_unary(struct inn_infer *c)
{
    struct inn_args a = INN_ARGS(c);
    const struct unary *op = find(c->node);
    enum inn_status st = inn_args_need(&a, 1);
    enum inn_type type;
    int kind;

    if (st != INN_OK)
        return st;
    type = c->in[0]->type;
    kind = SIGNED;
    if (type == INN_BOOL || is_unsigned_type(type))
        kind = type == INN_BOOL ? BOOLS : UNSIGNED;
    if (op == NULL || (inn_type_is_float(type) ? op->floats == NULL
                                               : (op->kinds & kind) == 0))
        return inn_args_fail(&a, INN_ERR_FORMAT, "is not defined for %s",
                             inn_type_name(type));
    return inn_infer_same(c);
}

struct unary_run {
    const struct unary *op;
    const struct inn_tensor *x, *out;
};

static void run_row(void *context, const int64_t *at, const int64_t *step,
                    int64_t n)
{
    const struct unary_run *r = context;
    enum inn_type type = r->x->type;
    union {
        double f[INN_BLOCK];
        int64_t i[INN_BLOCK];
    } v;
    int64_t from, m;

    for (from = 0; from < n; from += m) {
        m = n - from < INN_BLOCK ? n - from : INN_BLOCK;
        if (inn_type_is_float(type)) {
            inn_block_load_floats(v.f, type, r->x->data,
                                  at[1] + from * step[1], step[1], m);
            r->op->floats(v.f, m);
            inn_block_store_floats(r->out->data, r->out->type, at[0] + from,
                                   v.f, m);
        } else {
            inn_block_load_ints(v.i, type, r->x->data,
                                at[1] + from * step[1], step[1], m);
            r->op->ints(v.i, m, type == INN_U64);
            inn_block_store_ints(r->out->data, r->out->type, at[0] + from,
                                 v.i, m);
        }
    }
}

enum inn_status inn_run_unary(struct inn_run *c)
{
    struct inn_args a = INN_ARGS(c);
    struct unary_run r = {find(c->node), NULL, NULL};
    struct inn_walk w;
    enum inn_status st = inn_args_need(&a, 1);

    if (st != INN_OK || r.op == NULL || !inn_run_wants(c, 0))
        return st;
    r.x = c->in[0];
    r.out = &c->out[0];
    inn_walk_init(&w, 2, r.out->rank, r.out->dims);
    inn_walk_dense(&w, 0, r.out->rank, r.out->dims);
    inn_walk_dense(&w, 1, r.x->rank, r.x->dims);
    inn_walk_run(&w, run_row, &r, c->threads);
    return INN_OK;
}

bool inn_lower_unary(const struct inn_infer *c, struct inn_prim *prim)
{
    static const struct {
        const char *name;
        enum inn_eltwise kind;
        float alpha, beta;
    } kinds[] = {{"Abs", INN_ELT_ABS, 0, 0},
                 {"Neg", INN_ELT_LINEAR, -1, 0},
                 {"Reciprocal", INN_ELT_POW, 1, -1},
                 {"Sqrt", INN_ELT_SQRT, 0, 0}};
    size_t i;

    if (strcmp(c->node->op_type, "Erf") == 0 ||
        strcmp(c->node->op_type, "Exp") == 0) {
        prim->kind = INN_PRIM_MAP;
        prim->u.map.kind = c->node->op_type[1] == 'r' ? INN_MAP_ERF
                                                      : INN_MAP_EXP;
        return true;
    }
    for (i = 0; i < INN_COUNT(kinds); i++) {
        if (strcmp(c->node->op_type, kinds[i].name) == 0) {
            prim->kind = INN_PRIM_ELTWISE;
            prim->u.eltwise.kind = kinds[i].kind;
            prim->u.eltwise.alpha = kinds[i].alpha;
            prim->u.eltwise.beta = kinds[i].beta;
            return true;
        }
    }
    return false;
}
