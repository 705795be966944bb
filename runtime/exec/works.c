/*
 * The works of a schedule: which graph nodes are run, whether that can be
 * done, and as which primitive each may be computed.
 */
#include <string.h>

#include "runtime/exec/exec.h"
#include "runtime/ops/common.h"
#include "runtime/ops/reason.h"

/* An input whose shape or type the network doesn't declare. */
static enum inn_status refuse_input(const struct inn_value *v,
                                    struct inn_error *err)
{
    if (v->type != INN_UNDEFINED && inn_type_size(v->type) == 0)
        return inn_fail(err, INN_ERR_UNSUPPORTED,
                        "can't be run: inputs of %s aren't taken: '%s'",
                        inn_type_name(v->type), v->name);
    return inn_fail(err, INN_ERR_UNSUPPORTED,
                    "can't be run: an input declares no %s: '%s'",
                    v->type == INN_UNDEFINED ? "tensor type" : "shape",
                    v->name);
}

/*
 * Behind a graph node of unknown output size everything is unknown: only the
 * first of each chain counts.
 */
enum inn_status inn_works_check(const struct inn_builder *b,
                                const bool *needed, const bool *value_needed,
                                int *which, struct inn_error *err)
{
    const struct inn_graph *g = b->s->graph;
    struct inn_error local = {INN_OK, ""};
    enum inn_status st = INN_OK;
    enum inn_reason reason;
    struct inn_arena arena;
    int n = 0, i;

    inn_arena_init(&arena, g->heap);
    for (i = 0; i < g->n_nodes && st == INN_OK; i++) {
        if (!needed[i])
            continue;
        st = inn_node_reason(&reason, NULL, &g->nodes[i], &b->s->shapes,
                             &arena, &local);
        if (st == INN_OK && reason != INN_REASON_NONE)
            which[n++] = i;
    }
    inn_arena_free(&arena);
    if (st != INN_OK && err != NULL)
        *err = local;
    if (st == INN_OK && n != 0)
        st = inn_refuse_nodes(g, &b->s->shapes, which, n, err);
    if (st != INN_OK)
        return st;
    for (i = 0; i < g->n_inputs; i++) {
        int v = g->inputs[i];

        if (value_needed[v] && inn_shapes_get(&b->s->shapes, v) == NULL)
            return refuse_input(&g->values[v], err);
    }
    for (i = 0; i < g->n_outputs; i++) {
        if (inn_shapes_get(&b->s->shapes, g->outputs[i]) == NULL)
            return inn_fail(err, INN_ERR_FORMAT,
                            "nothing computes the output '%s'",
                            g->values[g->outputs[i]].name);
    }
    return INN_OK;
}

static bool is_short_float(enum inn_type type)
{
    return type == INN_F32 || type == INN_F16 || type == INN_BF16;
}

/* Whether all operands are what a f32 primitive can stand for. */
static bool fits_prim(const struct inn_builder *b,
                      const struct inn_node *node)
{
    const struct inn_shapes *shapes = &b->s->shapes;
    int i;

    for (i = 0; i < node->n_inputs + node->n_outputs; i++) {
        int v = i < node->n_inputs ? node->inputs[i]
                                   : node->outputs[i - node->n_inputs];
        const struct inn_tensor *t = inn_shapes_get(shapes, v);

        if (v < 0)
            continue;
        if (i > node->n_inputs) {
            if (b->remaining[v] != 0)
                return false;
            continue;
        }
        if (t == NULL || !is_short_float(t->type) || t->bytes == 0)
            return false;
    }
    return true;
}

/* Whether value v may be moved or mapped as f32; nobody may read it. */
static bool fits_value(const struct inn_builder *b, int v)
{
    const struct inn_tensor *t = inn_shapes_get(&b->s->shapes, v);

    return t != NULL && is_short_float(t->type) && t->bytes != 0;
}

/* The same for our own kernels, whose other inputs are numbers only. */
static bool fits_own(const struct inn_builder *b, const struct inn_prim *p,
                     const struct inn_node *node)
{
    bool many = p->kind == INN_PRIM_MOVE;
    int i;

    for (i = 0; many && i < p->u.move.n; i++) {
        if (!fits_value(b, node->inputs[p->u.move.moves[i].in]))
            return false;
    }
    for (i = 0; i < node->n_outputs; i++) {
        int v = node->outputs[i];

        if (v >= 0 && b->remaining[v] != 0 &&
            (!fits_value(b, v) || (i != 0 && !many)))
            return false;
    }
    return many || (fits_value(b, node->inputs[0]) &&
                    fits_value(b, node->outputs[0]));
}

static bool fits_view(const struct inn_builder *b, const struct inn_node *node)
{
    const struct inn_shapes *shapes = &b->s->shapes;
    const struct inn_tensor *in = inn_shapes_get(shapes, node->inputs[0]);
    const struct inn_tensor *out = inn_shapes_get(shapes, node->outputs[0]);
    int i;

    for (i = 1; i < node->n_outputs; i++) {
        if (node->outputs[i] >= 0 && b->remaining[node->outputs[i]] != 0)
            return false;
    }
    return in != NULL && out != NULL && in->type == out->type &&
           in->bytes == out->bytes;
}

static bool fits(const struct inn_builder *b, const struct inn_prim *p,
                 const struct inn_node *node)
{
    if (p->kind == INN_PRIM_VIEW)
        return fits_view(b, node);
    if (b->s->dnnl == NULL)
        return false;
    return inn_prim_is_own(p->kind) ? fits_own(b, p, node)
                                    : fits_prim(b, node);
}

/*
 * Whether oneDNN's p gives a number for NaN: of all its kernels, for every
 * processor, these do (tests/unit/test_nan.c).
 */
static bool loses_nan(const struct inn_prim *p)
{
    return (p->kind == INN_PRIM_ELTWISE &&
            (p->u.eltwise.kind == INN_ELT_RELU ||
             p->u.eltwise.kind == INN_ELT_CLIP ||
             p->u.eltwise.kind == INN_ELT_ROOT)) ||
           (p->kind == INN_PRIM_POOL && p->u.pool.kind == INN_POOL_MAX);
}

/* Gives w its primitive, if it is as good as the care that is taken. */
static void assign(struct inn_builder *b, struct inn_work *w,
                   const struct inn_prim *prim)
{
    if (!fits(b, prim, w->node))
        return;
    if (loses_nan(prim)) {
        if (b->s->care != INN_CARE_NONE)
            return;
        b->s->loses_nan = true;
    }
    w->prim = prim;
}

/* Asks the row how w may be computed; w->prim stays NULL if it can't. */
static enum inn_status lower(struct inn_builder *b, struct inn_work *w,
                             struct inn_error *err)
{
    const struct inn_node *node = w->node;
    const struct inn_tensor **in;
    struct inn_infer c;
    struct inn_prim *prim;
    int i;

    if (b->s->reference || w->op->lower == NULL || node->n_inputs == 0 ||
        node->n_outputs == 0 || node->inputs[0] < 0 || node->outputs[0] < 0)
        return INN_OK;
    memset(&c, 0, sizeof(c));
    c.node = node;
    c.n_in = node->n_inputs;
    c.n_out = node->n_outputs;
    c.arena = &b->scratch;
    c.err = err;
    prim = inn_arena_alloc(&b->scratch, 1, sizeof(*prim), err);
    in = inn_arena_alloc(&b->scratch, (size_t)c.n_in,
                         sizeof(struct inn_tensor *), err);
    c.out = inn_arena_alloc(&b->scratch, (size_t)c.n_out, sizeof(*c.out),
                            err);
    if (prim == NULL || in == NULL || c.out == NULL)
        return inn_refused(err);
    c.in = in;
    for (i = 0; i < c.n_in; i++) {
        in[i] = inn_shapes_get(&b->s->shapes, node->inputs[i]);
    }
    for (i = 0; i < c.n_out; i++) {
        const struct inn_tensor *t =
            inn_shapes_get(&b->s->shapes, node->outputs[i]);

        if (t != NULL)
            c.out[i] = *t;
    }
    if (w->op->lower(&c, prim)) {
        assign(b, w, prim);
    } else if (err->status == INN_ERR_MEMORY || err->status == INN_ERR_LIMIT) {
        return err->status;
    }
    return INN_OK;
}

/*
 * What could never be held is refused before anybody plans for it: libraries
 * are not made for such sizes. Later the workspace counts all together.
 */
static enum inn_status check_sizes(const struct inn_builder *b,
                                   const struct inn_node *node,
                                   struct inn_error *err)
{
    size_t left = inn_heap_left(b->s->heap);
    int i;

    for (i = 0; i < node->n_outputs; i++) {
        const struct inn_tensor *t =
            node->outputs[i] >= 0
                ? inn_shapes_get(&b->s->shapes, node->outputs[i]) : NULL;

        if (t != NULL && t->data == NULL && t->bytes > left) {
            inn_node_fail(node, err, INN_ERR_LIMIT,
                          "%zu bytes would pass the memory limit of %zu bytes",
                          t->bytes, inn_heap_used(b->s->heap) + left);
            inn_error_set_kind(err, INN_KIND_MEMORY_LIMIT);
            return INN_ERR_LIMIT;
        }
    }
    return INN_OK;
}

enum inn_status inn_works_list(struct inn_builder *b, const bool *needed,
                               struct inn_error *err)
{
    const struct inn_graph *g = b->s->graph;
    enum inn_status st = INN_OK;
    int i, j;

    b->work = inn_arena_alloc(&b->scratch, (size_t)g->n_nodes,
                              sizeof(*b->work), err);
    if (b->work == NULL)
        return inn_refused(err);
    for (i = 0; i < g->n_outputs; i++)
        b->remaining[g->outputs[i]]++;
    for (i = 0; i < g->n_nodes; i++) {
        struct inn_work *w = &b->work[b->n_work];

        if (!needed[i])
            continue;
        w->node = &g->nodes[i];
        w->op = inn_node_op(w->node);
        w->host = b->n_work++;
        for (j = 0; j < w->node->n_inputs; j++) {
            if (w->node->inputs[j] >= 0)
                b->remaining[w->node->inputs[j]]++;
        }
    }
    for (i = 0; i < b->n_work && st == INN_OK; i++) {
        st = check_sizes(b, b->work[i].node, err);
        if (st == INN_OK)
            st = lower(b, &b->work[i], err);
    }
    return st;
}
