/*
 * Sum, Min, Max and Mean of any number of operands, and Where. Sums are in
 * double whatever the number of operands.
 */
#include <math.h>
#include <string.h>

#include "runtime/ops/args.h"
#include "runtime/ops/block.h"
#include "runtime/ops/moments.h"
#include "runtime/ops/rows.h"
#include "runtime/ops/walk.h"

enum variadic { SUM, MEAN, MIN, MAX };

static enum variadic kind_of(const struct inn_node *node)
{
    static const char *const names[] = {"Sum", "Mean", "Min", "Max"};
    size_t i;

    for (i = 1; i < INN_COUNT(names); i++) {
        if (strcmp(names[i], node->op_type) == 0)
            return (enum variadic)i;
    }
    return SUM;
}

static enum inn_status broadcast_all(struct inn_infer *c, int first,
                                     int64_t dims[INN_MAX_RANK], int *rank)
{
    struct inn_args a = INN_ARGS(c);
    char text[INN_SHAPE_TEXT], text_all[INN_SHAPE_TEXT];
    enum inn_status st = inn_args_need(&a, c->n_in > 1 ? c->n_in : 1);
    int i;

    if (st != INN_OK)
        return st;
    *rank = 0;
    for (i = 0; i < c->n_in; i++) {
        if (i > first && c->in[i]->type != c->in[first]->type)
            return inn_args_fail(&a, INN_ERR_FORMAT,
                                 "input %d is %s, input %d %s", i,
                                 inn_type_name(c->in[i]->type), first,
                                 inn_type_name(c->in[first]->type));
        if (!inn_broadcast(dims, rank, c->in[i]))
            return inn_args_fail(
                &a, INN_ERR_FORMAT, "input %d of %s does not fit %s", i,
                inn_shape_text(text, c->in[i]->rank, c->in[i]->dims),
                inn_shape_text(text_all, *rank, dims));
    }
    return INN_OK;
}

enum inn_status inn_infer_variadic(struct inn_infer *c)
{
    struct inn_args a = INN_ARGS(c);
    int64_t dims[INN_MAX_RANK];
    int rank, i;
    enum inn_status st = broadcast_all(c, 0, dims, &rank);

    if (st != INN_OK)
        return st;
    if (c->in[0]->type == INN_BOOL ||
        (!inn_type_is_float(c->in[0]->type) &&
         (kind_of(c->node) == SUM || kind_of(c->node) == MEAN)))
        return inn_args_fail(&a, INN_ERR_FORMAT, "is not defined for %s",
                             inn_type_name(c->in[0]->type));
    for (i = 1; i < c->n_in && c->node->version < 8; i++) {
        if (!inn_tensor_same_shape(c->in[0], c->in[i]))
            return inn_args_fail(&a, INN_ERR_FORMAT,
                                 "input %d has another shape than input 0, "
                                 "not allowed at opset %d",
                                 i, c->node->version);
    }
    return inn_infer_out(c, 0, c->in[0]->type, rank, dims);
}

/* Every input goes with the output: of Sum, Min, Max, Mean, Where. */
enum inn_status inn_couple_variadic(struct inn_couple *c)
{
    enum inn_status st = INN_OK;
    int i;

    if (c->n_out < 1 || c->out[0] == NULL)
        return INN_OK;
    for (i = 0; st == INN_OK && i < c->n_in; i++) {
        if (c->in[i] != NULL)
            st = inn_couple_alike(c, inn_in(i, 0), inn_out(0, 0));
    }
    return st;
}

struct variadic_run {
    enum variadic kind;
    const struct inn_tensor *const *in;
    const struct inn_tensor *out;
    int n_in;
    bool flat; /* all inputs have the output's shape */
};

/* v becomes what is kept of v and w; is_unsigned: integers are u64. */
static void join_floats(double *v, const double *w, int64_t n,
                        enum variadic kind)
{
    int64_t i;

    if (kind == SUM || kind == MEAN) {
        for (i = 0; i < n; i++)
            v[i] += w[i];
        return;
    }
    /* NaN stays. */
    for (i = 0; i < n; i++) {
        if (isnan(w[i]) || (kind == MIN ? w[i] < v[i] : w[i] > v[i]))
            v[i] = w[i];
    }
}

static void join_ints(int64_t *v, const int64_t *w, int64_t n,
                      enum variadic kind, bool is_unsigned)
{
    int64_t i;

    for (i = 0; i < n; i++) {
        bool less = is_unsigned ? (uint64_t)w[i] < (uint64_t)v[i]
                                : w[i] < v[i];

        if (kind == MIN ? less : !less)
            v[i] = w[i];
    }
}

/* Where element at of the output's row-major order lies in t. */
static int64_t element_in(const struct inn_tensor *t,
                          const struct inn_tensor *out, int64_t at)
{
    int64_t step = 1, offset = 0;
    int i, shift = out->rank - t->rank;

    for (i = out->rank - 1; i >= shift; i--) {
        int64_t index = at % out->dims[i];

        at /= out->dims[i];
        if (t->dims[i - shift] != 1)
            offset += index * step;
        step *= t->dims[i - shift];
    }
    return offset;
}

static void run_block(const struct variadic_run *r, int64_t at, int64_t m)
{
    enum inn_type type = r->out->type;
    bool floats = inn_type_is_float(type);
    union {
        double f[INN_BLOCK];
        int64_t i[INN_BLOCK];
    } v, w, *to = &v;
    int64_t k;
    int i;

    for (i = 0; i < r->n_in; i++, to = &w) {
        const struct inn_tensor *t = r->in[i];
        int64_t from = r->flat ? at : element_in(t, r->out, at), step = 1;

        if (!r->flat && (t->rank == 0 || t->dims[t->rank - 1] == 1))
            step = 0;
        if (floats)
            inn_block_load_floats(to->f, type, t->data, from, step, m);
        else
            inn_block_load_ints(to->i, type, t->data, from, step, m);
        if (i > 0 && floats)
            join_floats(v.f, w.f, m, r->kind);
        else if (i > 0)
            join_ints(v.i, w.i, m, r->kind, type == INN_U64);
    }
    for (k = 0; k < m && r->kind == MEAN; k++)
        v.f[k] /= r->n_in;
    if (floats)
        inn_block_store_floats(r->out->data, type, at, v.f, m);
    else
        inn_block_store_ints(r->out->data, type, at, v.i, m);
}

/* Blocks never reach over the end of a row of the last axis. */
static void run_row(void *context, const int64_t *at, const int64_t *step,
                    int64_t n)
{
    const struct variadic_run *r = context;
    int64_t row = r->flat || r->out->rank == 0
                      ? n
                      : r->out->dims[r->out->rank - 1];
    int64_t from = at[0], end = at[0] + n, m;

    (void)step;
    for (; from < end; from += m) {
        m = end - from < INN_BLOCK ? end - from : INN_BLOCK;
        if (!r->flat && m > row - from % row)
            m = row - from % row;
        run_block(r, from, m);
    }
}

enum inn_status inn_run_variadic(struct inn_run *c)
{
    struct inn_args a = INN_ARGS(c);
    struct variadic_run r = {kind_of(c->node), c->in, NULL, c->n_in, true};
    struct inn_walk w;
    enum inn_status st = inn_args_need(&a, c->n_in > 1 ? c->n_in : 1);
    int i;

    if (st != INN_OK || !inn_run_wants(c, 0))
        return st;
    r.out = &c->out[0];
    for (i = 0; i < c->n_in; i++)
        r.flat = r.flat && inn_tensor_same_shape(c->in[i], r.out);
    inn_walk_init(&w, 1, r.out->rank, r.out->dims);
    inn_walk_dense(&w, 0, r.out->rank, r.out->dims);
    inn_walk_run(&w, run_row, &r, c->threads);
    return INN_OK;
}

/* A Sum of two is an Add. */
bool inn_lower_sum(const struct inn_infer *c, struct inn_prim *prim)
{
    if (c->n_in != 2 || c->in[0] == NULL || c->in[1] == NULL ||
        c->in[0]->type != INN_F32)
        return false;
    prim->kind = INN_PRIM_BINARY;
    prim->u.binary = INN_BIN_ADD;
    return true;
}

enum inn_status inn_infer_where(struct inn_infer *c)
{
    struct inn_args a = INN_ARGS(c);
    int64_t dims[INN_MAX_RANK];
    int rank;
    enum inn_status st = inn_args_need(&a, 3);

    if (st == INN_OK && c->n_in > 3)
        st = inn_args_fail(&a, INN_ERR_FORMAT, "has %d inputs, takes 3",
                           c->n_in);
    if (st == INN_OK && c->in[0]->type != INN_BOOL)
        st = inn_args_fail(&a, INN_ERR_FORMAT,
                           "its condition is %s, must be bool",
                           inn_type_name(c->in[0]->type));
    if (st == INN_OK)
        st = broadcast_all(c, 1, dims, &rank);
    if (st != INN_OK)
        return st;
    return inn_infer_out(c, 0, c->in[1]->type, rank, dims);
}

struct where_run {
    char *out;
    const uint8_t *condition; /* a bool byte may hold any value */
    const char *x, *y;
    size_t size;
};

static void where_row(void *context, const int64_t *at, const int64_t *step,
                      int64_t n)
{
    const struct where_run *r = context;
    int64_t i, size = (int64_t)r->size;

    for (i = 0; i < n; i++) {
        const char *from = r->condition[at[1] + i * step[1]]
                               ? r->x + (at[2] + i * step[2]) * size
                               : r->y + (at[3] + i * step[3]) * size;

        memcpy(r->out + (at[0] + i * step[0]) * size, from, r->size);
    }
}

enum inn_status inn_run_where(struct inn_run *c)
{
    struct inn_args a = INN_ARGS(c);
    struct where_run r;
    struct inn_walk w;
    enum inn_status st = inn_args_need(&a, 3);
    int i;

    if (st != INN_OK || !inn_run_wants(c, 0))
        return st;
    r.out = c->out[0].data;
    r.condition = c->in[0]->data;
    r.x = c->in[1]->data;
    r.y = c->in[2]->data;
    r.size = inn_type_size(c->out[0].type);
    inn_walk_init(&w, 4, c->out[0].rank, c->out[0].dims);
    inn_walk_dense(&w, 0, c->out[0].rank, c->out[0].dims);
    for (i = 0; i < 3; i++)
        inn_walk_dense(&w, i + 1, c->in[i]->rank, c->in[i]->dims);
    inn_walk_run(&w, where_row, &r, c->threads);
    return INN_OK;
}

/* Independent summands; of a largest or least only what is one's function. */
enum inn_status inn_moments_variadic(struct inn_carry *c)
{
    enum variadic kind = kind_of(c->node);
    enum inn_status st = inn_moments_elementwise(c);
    double *weight;
    int i;

    if (st != INN_OK || c->to[0].law != NULL || kind == MIN || kind == MAX ||
        c->out[0] == NULL)
        return st;
    weight = inn_arena_alloc(c->scratch, (size_t)c->n_in, sizeof(*weight),
                             c->err);
    if (weight == NULL)
        return inn_refused(c->err);
    for (i = 0; i < c->n_in; i++)
        weight[i] = kind == MEAN ? 1.0 / c->n_in : 1;
    return inn_carry_sum(c, weight);
}
