/*
 * Softmax, LogSoftmax and Hardmax: until opset 12 over all axes from axis on,
 * taken as one, after it over one axis.
 */
#include <math.h>
#include <string.h>

#include "runtime/base/threads.h"
#include "runtime/ops/common.h"
#include "runtime/ops/rows.h"

static enum inn_status softmax_axis(const struct inn_args *a, int rank,
                                    int *axis)
{
    int64_t otherwise = a->node->version < 13 ? 1 : -1;

    return inn_args_axis(a, axis, inn_node_int(a->node, "axis", otherwise),
                         rank);
}

enum inn_status inn_infer_softmax(struct inn_infer *c)
{
    enum inn_status st = inn_infer_arity(c, 1, 1, 1);
    struct inn_args a = INN_ARGS(c);
    int axis;

    if (st == INN_OK)
        st = softmax_axis(&a, c->in[0]->rank, &axis);
    if (st != INN_OK)
        return st;
    return inn_infer_out(c, 0, c->in[0]->type, c->in[0]->rank,
                         c->in[0]->dims);
}

enum inn_status inn_couple_softmax(struct inn_couple *c)
{
    bool hard = strcmp(c->node->op_type, "Hardmax") == 0;
    const char *why = hard ? "searched by Hardmax" : "normalised by Softmax";
    int i, axis = 0, rank = c->in[0]->rank;
    struct inn_args a = INN_ARGS(c);
    enum inn_status st;

    st = softmax_axis(&a, rank, &axis);
    for (i = 0; i < rank && st == INN_OK; i++) {
        if (i == axis || (c->node->version < 13 && i > axis)) {
            st = inn_couple_pin(c, inn_in(0, i), why);
            if (st == INN_OK)
                st = inn_couple_pin(c, inn_out(0, i), why);
        } else {
            st = inn_couple_map(c, inn_out(0, i), inn_in(0, i), NULL);
        }
    }
    return st;
}

/* Positions behind the axis that one part of the loop takes. */
#define PART ((size_t)64)

struct softmax {
    const float *x;
    float *y;
    size_t n, inner, parts; /* parts of inner */
    void (*one)(const struct softmax *v, const float *x, float *y);
    bool log;
};

static void softmax_one(const struct softmax *v, const float *x, float *y)
{
    double most = -INFINITY, sum = 0;
    size_t i;

    for (i = 0; i < v->n; i++) {
        if (x[i * v->inner] > most)
            most = x[i * v->inner];
    }
    for (i = 0; i < v->n; i++)
        sum += exp(x[i * v->inner] - most);
    for (i = 0; i < v->n; i++) {
        double d = x[i * v->inner] - most;

        y[i * v->inner] = (float)(v->log ? d - log(sum) : exp(d) / sum);
    }
}

/* 1 at the first of the largest, 0 elsewhere. */
static void hardmax_one(const struct softmax *v, const float *x, float *y)
{
    size_t i, best = 0;

    for (i = 1; i < v->n; i++) {
        if (x[i * v->inner] > x[best * v->inner])
            best = i;
    }
    for (i = 0; i < v->n; i++)
        y[i * v->inner] = i == best;
}

static void softmax_part(void *context, size_t part)
{
    const struct softmax *v = context;
    size_t base = part / v->parts * v->n * v->inner;
    size_t i = part % v->parts * PART, end = i + PART;

    if (end > v->inner)
        end = v->inner;
    for (; i < end; i++)
        v->one(v, v->x + base + i, v->y + base + i);
}

static enum inn_status run_softmax(struct inn_run *c, struct softmax v)
{
    const struct inn_tensor *x = c->in[0];
    struct inn_args a = INN_ARGS(c);
    enum inn_status st;
    int axis, end;

    if (!inn_run_wants(c, 0) || c->out[0].bytes == 0)
        return INN_OK;
    st = softmax_axis(&a, x->rank, &axis);
    if (st != INN_OK)
        return st;
    end = c->node->version < 13 ? x->rank : axis + 1;
    v.x = x->data;
    v.y = c->out[0].data;
    v.n = inn_dims_product(x->dims, axis, end);
    v.inner = inn_dims_product(x->dims, end, x->rank);
    v.parts = (v.inner - 1) / PART + 1;
    inn_parallel(c->threads, inn_dims_product(x->dims, 0, axis) * v.parts,
                 softmax_part, &v);
    return INN_OK;
}

enum inn_status inn_run_softmax(struct inn_run *c)
{
    return run_softmax(c, (struct softmax){.one = softmax_one});
}

bool inn_lower_softmax(const struct inn_infer *c, struct inn_prim *prim)
{
    struct inn_args a = INN_ARGS(c);
    int i, axis, rank = c->in[0] != NULL ? c->in[0]->rank : 0;

    if (rank == 0 || softmax_axis(&a, rank, &axis) != INN_OK)
        return false;
    prim->kind = INN_PRIM_SOFTMAX;
    for (i = axis; i < (c->node->version < 13 ? rank : axis + 1); i++)
        prim->u.together[i] = true;
    return true;
}

enum inn_status inn_run_log_softmax(struct inn_run *c)
{
    return run_softmax(c, (struct softmax){.one = softmax_one, .log = true});
}

enum inn_status inn_run_hardmax(struct inn_run *c)
{
    return run_softmax(c, (struct softmax){.one = hardmax_one});
}
