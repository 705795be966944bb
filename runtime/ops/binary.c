/*
 * Element-wise operators of two operands: arithmetic, comparison, logic; with
 * broadcasting as in numpy, and the older `broadcast`/`axis` attributes below
 * opset 7. One table tells what each operator does to a block of elements.
 */
#include <math.h>
#include <string.h>

#include "runtime/ops/block.h"
#include "runtime/ops/common.h"
#include "runtime/ops/moments.h"
#include "runtime/ops/walk.h"
#include "runtime/ops/rows.h"

/* v[i] becomes v[i] op w[i]. */
typedef void float_fn(double *v, const double *w, int64_t n);
/* Of integers; their bits are those of a u64 if is_unsigned. */
typedef void int_fn(int64_t *v, const int64_t *w, int64_t n,
                    bool is_unsigned);

#define FLOATS(name, expression) \
    static void name(double *v, const double *w, int64_t n) \
    { \
        int64_t i; \
\
        for (i = 0; i < n; i++) { \
            double a = v[i], b = w[i]; \
\
            v[i] = (expression); \
        } \
    }

/* Unsigned arithmetic wraps, and its bits are right for signed types too. */
#define INTS(name, expression) \
    static void name(int64_t *v, const int64_t *w, int64_t n, \
                     bool is_unsigned) \
    { \
        int64_t i; \
\
        (void)is_unsigned; \
        for (i = 0; i < n; i++) { \
            uint64_t a = (uint64_t)v[i], b = (uint64_t)w[i]; \
\
            v[i] = (int64_t)(expression); \
        } \
    }

/* The same comparison on signed and unsigned numbers. */
#define COMPARE(name, operator) \
    FLOATS(name##_floats, a operator b) \
    INTS(name##_ints, is_unsigned ? a operator b \
                                  : (int64_t)a operator(int64_t) b)

FLOATS(add_floats, a + b)
FLOATS(sub_floats, a - b)
FLOATS(mul_floats, a * b)
FLOATS(div_floats, a / b)
FLOATS(pow_floats, pow(a, b))
FLOATS(fmod_floats, fmod(a, b))
INTS(add_ints, a + b)
INTS(sub_ints, a - b)
INTS(mul_ints, a * b)
INTS(and_ints, a & b)
INTS(or_ints, a | b)
INTS(xor_ints, a ^ b)
COMPARE(equal, ==)
COMPARE(less, <)
COMPARE(greater, >)
COMPARE(less_equal, <=)
COMPARE(greater_equal, >=)

/* Towards zero; INT64_MIN / -1 wraps. b is not 0. */
static uint64_t div_one(uint64_t a, uint64_t b, bool is_unsigned)
{
    if (is_unsigned)
        return a / b;
    if (b == UINT64_MAX)
        return 0 - a;
    return (uint64_t)((int64_t)a / (int64_t)b);
}

/* The sign of the divisor, as Mod has it with fmod 0. */
static uint64_t mod_one(uint64_t a, uint64_t b, bool is_unsigned)
{
    int64_t rest;

    if (is_unsigned)
        return a % b;
    if (b == UINT64_MAX)
        return 0;
    rest = (int64_t)a % (int64_t)b;
    if (rest != 0 && (rest < 0) != ((int64_t)b < 0))
        rest += (int64_t)b;
    return (uint64_t)rest;
}

/* The sign of the dividend. */
static uint64_t fmod_one(uint64_t a, uint64_t b, bool is_unsigned)
{
    if (is_unsigned)
        return a % b;
    return b == UINT64_MAX ? 0 : (uint64_t)((int64_t)a % (int64_t)b);
}

/* Wraps; of negative exponents only 1 and -1 keep something. */
static uint64_t pow_one(uint64_t a, uint64_t b, bool is_unsigned)
{
    uint64_t power = 1;

    if (!is_unsigned && (int64_t)b < 0) {
        if (a == UINT64_MAX)
            return b & 1 ? a : 1;
        return a == 1;
    }
    for (; b != 0; b >>= 1) {
        if (b & 1)
            power *= a;
        a *= a;
    }
    return power;
}

INTS(div_ints, div_one(a, b, is_unsigned))
INTS(mod_ints, mod_one(a, b, is_unsigned))
INTS(fmod_ints, fmod_one(a, b, is_unsigned))
INTS(pow_ints, pow_one(a, b, is_unsigned))

static const struct binary {
    const char *name;
    float_fn *floats; /* NULL: not for floats */
    int_fn *ints;
    bool to_bool;    /* the output is bool */
    bool bools;      /* takes bool */
    bool numbers;    /* takes numbers */
    bool no_zero;    /* integer 0 as second operand is an error */
    bool mixed;      /* the second operand may be of another type */
} binaries[] = {
    {"Add", add_floats, add_ints, false, false, true, false, false},
    {"And", NULL, and_ints, true, true, false, false, false},
    {"Div", div_floats, div_ints, false, false, true, true, false},
    {"Equal", equal_floats, equal_ints, true, true, true, false, false},
    {"Greater", greater_floats, greater_ints, true, false, true, false,
     false},
    {"GreaterOrEqual", greater_equal_floats, greater_equal_ints, true, false,
     true, false, false},
    {"Less", less_floats, less_ints, true, false, true, false, false},
    {"LessOrEqual", less_equal_floats, less_equal_ints, true, false, true,
     false, false},
    {"Mod", fmod_floats, mod_ints, false, false, true, true, false},
    {"Mul", mul_floats, mul_ints, false, false, true, false, false},
    {"Or", NULL, or_ints, true, true, false, false, false},
    {"Pow", pow_floats, pow_ints, false, false, true, false, true},
    {"Sub", sub_floats, sub_ints, false, false, true, false, false},
    {"Xor", NULL, xor_ints, true, true, false, false, false},
};

/* Mod with fmod 1 takes the dividend's sign of integers too. */
static const struct binary fmod_binary = {
    "Mod", fmod_floats, fmod_ints, false, false, true, true, false};

static const struct binary *find(const struct inn_node *node)
{
    size_t i;

    for (i = 0; i < INN_COUNT(binaries); i++) {
        if (strcmp(binaries[i].name, node->op_type) != 0)
            continue;
        if (binaries[i].ints == mod_ints && inn_node_int(node, "fmod", 0))
            return &fmod_binary;
        return &binaries[i];
    }
    return NULL;
}

/*
 * Below opset 7: b's axes lie at axis of a's (default: at its last ones), and
 * only with `broadcast`. *aligned is b with axes of 1 added.
 */
static enum inn_status align_old(const struct inn_args *a,
                                 struct inn_tensor *aligned, int *first)
{
    const struct inn_tensor *x = a->in[0], *y = a->in[1];
    char text_x[INN_SHAPE_TEXT], text_y[INN_SHAPE_TEXT];
    int64_t at = inn_node_int(a->node, "axis", (int64_t)x->rank - y->rank);
    int i;

    *aligned = *y;
    *first = 0;
    if (inn_node_int(a->node, "broadcast", 0) == 0) {
        if (!inn_tensor_same_shape(x, y))
            return inn_args_fail(
                a, INN_ERR_FORMAT,
                "operands are %s and %s, without broadcast",
                inn_shape_text(text_x, x->rank, x->dims),
                inn_shape_text(text_y, y->rank, y->dims));
        return INN_OK;
    }
    if (at < 0 && y->rank <= x->rank)
        at += x->rank;
    if (at < 0 || at > (int64_t)x->rank - y->rank)
        return inn_args_fail(a, INN_ERR_FORMAT,
                             "%s can't lie at axis %lld of %s",
                             inn_shape_text(text_y, y->rank, y->dims),
                             (long long)at,
                             inn_shape_text(text_x, x->rank, x->dims));
    aligned->rank = x->rank;
    *first = (int)at;
    for (i = 0; i < x->rank; i++)
        aligned->dims[i] = i >= at && i < at + y->rank ? y->dims[i - at] : 1;
    for (i = 0; i < x->rank; i++) {
        if (aligned->dims[i] != 1 && aligned->dims[i] != x->dims[i])
            return inn_args_fail(
                a, INN_ERR_FORMAT, "%s at axis %lld does not fit %s",
                inn_shape_text(text_y, y->rank, y->dims), (long long)at,
                inn_shape_text(text_x, x->rank, x->dims));
    }
    return INN_OK;
}

/* The second operand as broadcasting at the last axes sees it. */
static enum inn_status second(const struct inn_args *a,
                              struct inn_tensor *aligned)
{
    int first;
    enum inn_status st = inn_args_need(a, 2);

    if (st != INN_OK)
        return st;
    *aligned = *a->in[1];
    return a->node->version < 7 ? align_old(a, aligned, &first) : INN_OK;
}

static enum inn_status check_types(const struct inn_args *a,
                                   const struct binary *op)
{
    enum inn_type x = a->in[0]->type, y = a->in[1]->type;

    if (x != y && (!op->mixed || y == INN_BOOL))
        return inn_args_fail(a, INN_ERR_FORMAT, "operands are %s and %s",
                             inn_type_name(x), inn_type_name(y));
    if (x == INN_BOOL ? !op->bools
                      : (!op->numbers || (inn_type_is_float(x) &&
                                          op->floats == NULL)))
        return inn_args_fail(a, INN_ERR_FORMAT, "is not defined for %s",
                             inn_type_name(x));
    return INN_OK;
}

enum inn_status inn_infer_binary(struct inn_infer *c)
{
    struct inn_args a = INN_ARGS(c);
    const struct binary *op = find(c->node);
    struct inn_tensor y;
    int64_t dims[INN_MAX_RANK];
    char text_x[INN_SHAPE_TEXT], text_y[INN_SHAPE_TEXT];
    int rank = 0;
    enum inn_status st = second(&a, &y);

    if (st == INN_OK && op == NULL)
        st = inn_args_fail(&a, INN_ERR_UNSUPPORTED, "unknown operator");
    if (st == INN_OK)
        st = check_types(&a, op);
    if (st != INN_OK)
        return st;
    if (!inn_broadcast(dims, &rank, c->in[0]) ||
        !inn_broadcast(dims, &rank, &y))
        return inn_args_fail(
            &a, INN_ERR_FORMAT, "operands of %s and %s don't fit together",
            inn_shape_text(text_x, c->in[0]->rank, c->in[0]->dims),
            inn_shape_text(text_y, y.rank, y.dims));
    return inn_infer_out(c, 0, op->to_bool ? INN_BOOL : c->in[0]->type, rank,
                         dims);
}

enum inn_status inn_couple_binary(struct inn_couple *c)
{
    struct inn_args a = INN_ARGS(c);
    struct inn_tensor y;
    enum inn_status st;
    int first = 0, i;

    if (inn_args_in(&a, 0) == NULL || inn_args_in(&a, 1) == NULL ||
        c->n_out < 1 || c->out[0] == NULL)
        return INN_OK;
    st = inn_couple_alike(c, inn_in(0, 0), inn_out(0, 0));
    if (st != INN_OK || c->node->version >= 7)
        return st == INN_OK
                   ? inn_couple_alike(c, inn_in(1, 0), inn_out(0, 0))
                   : st;
    st = align_old(&a, &y, &first);
    for (i = 0; st == INN_OK && i < c->in[1]->rank; i++) {
        if (y.rank != c->in[1]->rank && i + first >= c->out[0]->rank)
            break;
        if (c->in[1]->dims[i] == c->out[0]->dims[i + first])
            st = inn_couple_map(c, inn_in(1, i), inn_out(0, i + first), NULL);
        else
            st = inn_couple_pin(c, inn_in(1, i), "stretched");
    }
    return st;
}

struct binary_run {
    const struct binary *op;
    const struct inn_tensor *x, *y, *out;
};

static void run_row(void *context, const int64_t *at, const int64_t *step,
                    int64_t n)
{
    const struct binary_run *r = context;
    enum inn_type type = r->x->type;
    bool floats = inn_type_is_float(type) || inn_type_is_float(r->y->type);
    union {
        double f[INN_BLOCK];
        int64_t i[INN_BLOCK];
    } x, y;
    int64_t from, m;

    for (from = 0; from < n; from += m) {
        int64_t x_at = at[1] + from * step[1], y_at = at[2] + from * step[2];

        m = n - from < INN_BLOCK ? n - from : INN_BLOCK;
        if (floats) {
            inn_block_load_floats(x.f, type, r->x->data, x_at, step[1], m);
            inn_block_load_floats(y.f, r->y->type, r->y->data, y_at, step[2],
                                  m);
            r->op->floats(x.f, y.f, m);
            inn_block_store_floats(r->out->data, r->out->type, at[0] + from,
                                   x.f, m);
        } else {
            inn_block_load_ints(x.i, type, r->x->data, x_at, step[1], m);
            inn_block_load_ints(y.i, r->y->type, r->y->data, y_at, step[2],
                                m);
            r->op->ints(x.i, y.i, m, type == INN_U64);
            inn_block_store_ints(r->out->data, r->out->type, at[0] + from,
                                 x.i, m);
        }
    }
}

static bool has_zero(const struct inn_tensor *t)
{
    size_t i, n = inn_tensor_count(t);

    for (i = 0; i < n; i++) {
        if (inn_tensor_int(t, i) == 0)
            return true;
    }
    return false;
}

enum inn_status inn_run_binary(struct inn_run *c)
{
    struct inn_args a = INN_ARGS(c);
    struct binary_run r = {find(c->node), NULL, NULL, NULL};
    struct inn_tensor y;
    struct inn_walk w;
    enum inn_status st = second(&a, &y);

    if (st != INN_OK || r.op == NULL || !inn_run_wants(c, 0))
        return st;
    r.x = c->in[0];
    r.y = &y;
    r.out = &c->out[0];
    if (inn_tensor_count(r.out) == 0)
        return INN_OK;
    if (r.op->no_zero && !inn_type_is_float(y.type) && has_zero(&y))
        return inn_args_fail(&a, INN_ERR_FORMAT,
                             "division of an integer by zero");
    inn_walk_init(&w, 3, r.out->rank, r.out->dims);
    inn_walk_dense(&w, 0, r.out->rank, r.out->dims);
    inn_walk_dense(&w, 1, r.x->rank, r.x->dims);
    inn_walk_dense(&w, 2, y.rank, y.dims);
    inn_walk_run(&w, run_row, &r, c->threads);
    return INN_OK;
}

bool inn_lower_binary(const struct inn_infer *c, struct inn_prim *prim)
{
    static const struct {
        const char *name;
        enum inn_binary kind;
    } kinds[] = {{"Add", INN_BIN_ADD},
                 {"Div", INN_BIN_DIV},
                 {"Mul", INN_BIN_MUL},
                 {"Sub", INN_BIN_SUB}};
    size_t i;

    if (c->n_in != 2 || c->in[0] == NULL || c->in[1] == NULL ||
        !inn_type_is_float(c->in[0]->type))
        return false;
    /* A second operand at an inner axis is not what broadcasting does. */
    if (c->node->version < 7 && !inn_tensor_same_shape(c->in[0], c->in[1]))
        return false;
    for (i = 0; i < INN_COUNT(kinds); i++) {
        if (strcmp(c->node->op_type, kinds[i].name) == 0) {
            prim->kind = INN_PRIM_BINARY;
            prim->u.binary = kinds[i].kind;
            return true;
        }
    }
    return false;
}

/* x to a constant power. */
bool inn_lower_pow(const struct inn_infer *c, struct inn_prim *prim)
{
    double power;

    if (c->n_in != 2 || c->in[1] == NULL || c->in[1]->data == NULL ||
        inn_tensor_count(c->in[1]) != 1 ||
        c->in[1]->rank > c->in[0]->rank)
        return false;
    power = inn_element_get(c->in[1]->type, c->in[1]->data, 0);
    prim->kind = INN_PRIM_ELTWISE;
    prim->u.eltwise.alpha = 1;
    prim->u.eltwise.beta = (float)power;
    if (power == 2)
        prim->u.eltwise.kind = INN_ELT_SQUARE;
    else if (power == 0.5)
        prim->u.eltwise.kind = INN_ELT_ROOT;
    else
        prim->u.eltwise.kind = INN_ELT_POW;
    return true;
}

/* y = scale x + shift of the field at input i, the constant at the other. */
static enum inn_status carry_affine(struct inn_carry *c, int i,
                                    const struct inn_tensor *constant)
{
    struct inn_field x = inn_field_shift(&c->from[i],
                                         c->out[0]->rank - c->in[i]->rank);
    const char *op = c->node->op_type;
    double *v, *scale, *shift;
    struct inn_law *law;
    enum inn_status st;
    int64_t k;

    st = inn_carry_constant(c, &v, constant, &x, c->out[0]->rank);
    if (st != INN_OK || v == NULL)
        return st;
    scale = inn_arena_alloc(c->scratch, (size_t)x.law->n, sizeof(*scale),
                            c->err);
    shift = inn_arena_alloc(c->scratch, (size_t)x.law->n, sizeof(*shift),
                            c->err);
    if (scale == NULL || shift == NULL)
        return inn_refused(c->err);
    for (k = 0; k < x.law->n; k++) {
        scale[k] = 1;
        if (strcmp(op, "Mul") == 0)
            scale[k] = v[k];
        else if (strcmp(op, "Div") == 0)
            scale[k] = 1 / v[k];
        else if (strcmp(op, "Add") == 0)
            shift[k] = v[k];
        else if (i == 0)
            shift[k] = -v[k];
        else { /* what is subtracted from a constant */
            scale[k] = -1;
            shift[k] = v[k];
        }
    }
    law = inn_law_affine(x.law, scale, shift, false, c->heap, c->err);
    if (law == NULL)
        return inn_refused(c->err);
    inn_carry_put(c, 0, law, &x);
    return INN_OK;
}

/* x times or by a gate that is the same everywhere: the gate's mean. */
static enum inn_status carry_gate(struct inn_carry *c, int x, int gate)
{
    struct inn_field f = inn_field_shift(&c->from[x],
                                         c->out[0]->rank - c->in[x]->rank);
    const struct inn_law *g = c->from[gate].law;
    double *scale, *shift;
    struct inn_law *law;
    int64_t k;

    scale = inn_arena_alloc(c->scratch, (size_t)f.law->n, sizeof(*scale),
                            c->err);
    shift = inn_arena_alloc(c->scratch, (size_t)f.law->n, sizeof(*shift),
                            c->err);
    if (scale == NULL || shift == NULL)
        return inn_refused(c->err);
    for (k = 0; k < f.law->n; k++)
        scale[k] = c->node->op_type[0] == 'D' ? 1 / g->mean[k] : g->mean[k];
    law = inn_law_affine(f.law, scale, shift, true, c->heap, c->err);
    if (law == NULL)
        return inn_refused(c->err);
    inn_carry_put(c, 0, law, &f);
    return INN_OK;
}

/* The product of independent fields with as many positions. */
static enum inn_status carry_product(struct inn_carry *c)
{
    const struct inn_law *a = c->from[0].law, *b = c->from[1].law;
    struct inn_law *law = inn_law_new(a->n, c->heap, c->err);
    double both = 0, only_a = 0, only_b = 0, all;
    size_t n = (size_t)a->n, i, j;
    int y, x;

    if (law == NULL)
        return inn_refused(c->err);
    for (i = 0; i < n; i++) {
        law->mean[i] = a->mean[i] * b->mean[i];
        for (j = 0; j < n; j++) {
            double ca = a->cov[i * n + j], cb = b->cov[i * n + j];

            law->cov[i * n + j] = ca * cb +
                                  ca * (b->mean[i] * b->mean[j]) +
                                  cb * (a->mean[i] * a->mean[j]);
        }
        both += a->cov[i * n + i] * b->cov[i * n + i];
        only_a += a->cov[i * n + i] * b->mean[i] * b->mean[i];
        only_b += b->cov[i * n + i] * a->mean[i] * a->mean[i];
    }
    all = both + only_a + only_b;
    for (y = 0; y <= INN_REACH; y++) {
        for (x = 0; x <= INN_REACH; x++)
            law->r[y][x] = all > 0 ? (both * a->r[y][x] * b->r[y][x] +
                                      only_a * a->r[y][x] +
                                      only_b * b->r[y][x]) / all
                                   : a->r[y][x];
    }
    inn_carry_put(c, 0, law, &c->from[0]);
    return INN_OK;
}

static bool same_root(const struct inn_law *a, const struct inn_law *b)
{
    return (a->root != NULL ? a->root : a) == (b->root != NULL ? b->root : b);
}

static enum inn_status carry_fields(struct inn_carry *c)
{
    static const double signs[2][2] = {{1, 1}, {1, -1}};
    const char *op = c->node->op_type;
    int rank = c->out[0]->rank, gate = -1, i;
    struct inn_field f[2];
    int64_t places[2];

    for (i = 0; i < 2; i++) {
        f[i] = inn_field_shift(&c->from[i], rank - c->in[i]->rank);
        places[i] = inn_field_positions(&c->from[i], c->in[i]);
    }
    if (!inn_field_alike(&f[0], &f[1]))
        return INN_OK;
    if (same_root(f[0].law, f[1].law) && places[0] == places[1])
        return inn_moments_elementwise(c);
    if (strcmp(op, "Add") == 0 || strcmp(op, "Sub") == 0)
        return inn_carry_sum(c, signs[op[0] == 'S']);
    for (i = 0; i < 2; i++) {
        if (places[i] == 1 && places[1 - i] > 1)
            gate = i;
    }
    if (strcmp(op, "Mul") == 0 && gate < 0 && places[0] == places[1])
        return carry_product(c);
    if ((strcmp(op, "Mul") == 0 && gate >= 0) ||
        (strcmp(op, "Div") == 0 && gate == 1))
        return carry_gate(c, 1 - gate, gate);
    return INN_OK;
}

/* Comparisons and logic have no moments. */
enum inn_status inn_moments_binary(struct inn_carry *c)
{
    struct inn_args a = INN_ARGS(c);
    const char *op = c->node->op_type;
    struct inn_tensor y;
    enum inn_status st;
    bool affine;
    int i;

    if (c->n_in != 2 || c->in[0] == NULL || c->in[1] == NULL ||
        c->out[0] == NULL || !inn_type_is_float(c->out[0]->type))
        return INN_OK;
    if (c->from[0].law != NULL && c->from[1].law != NULL)
        return c->node->version >= 7 ||
                       inn_tensor_same_shape(c->in[0], c->in[1])
                   ? carry_fields(c) : INN_OK;
    i = c->from[0].law != NULL ? 0 : 1;
    if (c->from[i].law == NULL || !inn_carry_is_const(c, 1 - i))
        return INN_OK;
    affine = strcmp(op, "Add") == 0 || strcmp(op, "Sub") == 0 ||
             strcmp(op, "Mul") == 0 || (strcmp(op, "Div") == 0 && i == 0);
    if (!affine)
        return inn_moments_elementwise(c);
    st = second(&a, &y);
    if (st != INN_OK)
        return st;
    return carry_affine(c, i, i == 0 ? &y : c->in[0]);
}
