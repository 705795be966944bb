/*
 * Constants that graph nodes compute from constants become initializers.
 * Identity of a weight and a cast that only widens it stay: they cost
 * nothing to run and keep sharing and precision in the file.
 */
#include <string.h>

#include "runtime/base/checked.h"
#include "runtime/ops/common.h"
#include "runtime/ops/fold.h"
#include "runtime/ops/schema.h"
#include "runtime/ops/shapes.h"

static void uncount_inputs(const struct inn_node *node, int *uses)
{
    int i;

    for (i = 0; i < node->n_inputs; i++) {
        if (node->inputs[i] >= 0)
            uses[node->inputs[i]]--;
    }
    for (i = 0; i < node->n_captures; i++)
        uses[node->captures[i]]--;
}

/* Whether the graph node lost all of the users it had. */
static bool is_left_behind(const struct inn_node *node, const int *before,
                           const int *uses)
{
    bool had = false;
    int i;

    for (i = 0; i < node->n_outputs; i++) {
        int v = node->outputs[i];

        if (v >= 0 && uses[v] > 0)
            return false;
        had = had || (v >= 0 && before[v] > 0);
    }
    return had;
}

enum inn_status inn_fold_sweep(struct inn_graph *graph, bool *drop,
                               const int *before, struct inn_error *err)
{
    struct inn_error local = {INN_OK, ""};
    enum inn_status st;
    int *uses, i;

    uses = inn_alloc(graph->heap, (size_t)graph->n_values, sizeof(*uses),
                     &local);
    if (uses == NULL) {
        st = inn_fail(err, local.status, "%s", local.message);
        goto out;
    }
    st = inn_graph_count_uses(graph, uses);
    for (i = 0; i < graph->n_nodes; i++) {
        if (drop[i])
            uncount_inputs(&graph->nodes[i], uses);
    }
    /* Users come behind: one pass from the end finds all. */
    for (i = graph->n_nodes - 1; i >= 0; i--) {
        if (!drop[i] && is_left_behind(&graph->nodes[i], before, uses)) {
            drop[i] = true;
            uncount_inputs(&graph->nodes[i], uses);
        }
    }
    inn_graph_drop_nodes(graph, drop);
    for (i = 0; i < graph->n_values; i++) {
        struct inn_value *v = &graph->values[i];

        if (uses[i] > 0 || before[i] == 0 || v->producer >= 0)
            continue;
        if (v->init != NULL || !v->is_input) {
            v->init = NULL;
            v->is_input = v->declared = false;
        }
    }
out:
    inn_free(graph->heap, uses);
    return st;
}

struct fold {
    struct inn_graph *graph;
    struct inn_arena scratch;
    /* By value: its constant, or NULL. */
    struct inn_tensor **known;
    /* By value: the Cast graph node that stays and makes it, or -1. */
    int *widened;
    const struct inn_tensor **in;
    struct inn_tensor *out;
    bool *drop;
    int *uses;
    struct inn_error *err;
};

static void *room(struct fold *f, int count, size_t size)
{
    return inn_arena_alloc(&f->scratch, (size_t)count, size, f->err);
}

static enum inn_status prepare(struct fold *f)
{
    const struct inn_graph *g = f->graph;
    int i, most_in = 0, most_out = 0;

    for (i = 0; i < g->n_nodes; i++) {
        if (g->nodes[i].n_inputs > most_in)
            most_in = g->nodes[i].n_inputs;
        if (g->nodes[i].n_outputs > most_out)
            most_out = g->nodes[i].n_outputs;
    }
    f->known = room(f, g->n_values, sizeof(*f->known));
    f->widened = room(f, g->n_values, sizeof(*f->widened));
    f->uses = room(f, g->n_values, sizeof(*f->uses));
    f->drop = room(f, g->n_nodes, sizeof(*f->drop));
    f->in = room(f, most_in, sizeof(*f->in));
    f->out = room(f, most_out, sizeof(*f->out));
    if (f->known == NULL || f->widened == NULL || f->uses == NULL ||
        f->drop == NULL || f->in == NULL || f->out == NULL)
        return inn_refused(f->err);
    for (i = 0; i < g->n_values; i++) {
        struct inn_tensor *t = g->values[i].init;

        f->widened[i] = -1;
        if (t != NULL && t->data != NULL && inn_type_size(t->type) > 0)
            f->known[i] = t;
    }
    return inn_graph_count_uses(g, f->uses);
}

/* Whether all the graph node reads is constant; casts are put off. */
static bool is_constant(const struct fold *f, const struct inn_node *node)
{
    bool any = false;
    int i;

    if (node->n_captures > 0)
        return false;
    for (i = 0; i < node->n_inputs; i++) {
        int v = node->inputs[i];

        if (v < 0)
            continue;
        if (f->known[v] == NULL && f->widened[v] < 0)
            return false;
        any = true;
    }
    return any;
}

static bool is_onnx(const struct inn_node *node, const char *type)
{
    return node->domain[0] == '\0' && strcmp(node->op_type, type) == 0;
}

/* Cast of a short float constant to f32, the constant being in the file. */
static bool is_widening(const struct fold *f, const struct inn_node *node)
{
    const struct inn_tensor *t;

    if (!is_onnx(node, "Cast") || node->n_inputs < 1 || node->n_outputs != 1 ||
        node->inputs[0] < 0 || node->outputs[0] < 0 ||
        inn_node_int(node, "to", 0) != INN_F32)
        return false;
    t = f->known[node->inputs[0]];
    return t != NULL && (t->type == INN_F16 || t->type == INN_BF16);
}

static bool is_identity(const struct inn_node *node)
{
    return is_onnx(node, "Identity") && node->n_inputs == 1 &&
           node->n_outputs == 1 && node->inputs[0] >= 0 &&
           node->outputs[0] >= 0;
}

/* Computes what a kept Cast makes, for a graph node that is folded. */
static enum inn_status widen(struct fold *f, int v)
{
    const struct inn_node *cast = &f->graph->nodes[f->widened[v]];
    const struct inn_tensor *from = f->known[cast->inputs[0]];
    struct inn_tensor *to = room(f, 1, sizeof(*to));
    enum inn_status st;

    if (to == NULL)
        return inn_refused(f->err);
    st = inn_tensor_new(to, &f->scratch, INN_F32, from->rank, from->dims,
                        f->err);
    if (st != INN_OK)
        return st;
    inn_convert_elements(to->data, INN_F32, from->data, from->type,
                         inn_tensor_count(from));
    f->known[v] = to;
    return INN_OK;
}

/*
 * Whether the results are worth keeping: weights are turned, joined and made
 * of small integers, which at most makes them some times as large. What grows
 * beyond that out of next to nothing is left to a run, or a file of a hundred
 * bytes would become one of gigabytes.
 */
static bool is_in_proportion(const struct inn_infer *c)
{
    size_t in = 0, out = 0;
    int i;

    for (i = 0; i < c->n_in; i++) {
        if (c->in[i] != NULL && !inn_add_size(&in, in, c->in[i]->bytes))
            return false;
    }
    for (i = 0; i < c->n_out; i++) {
        if (!inn_add_size(&out, out, c->out[i].bytes))
            return false;
    }
    return out <= INN_FOLD_FREE || out / INN_FOLD_GROWTH <= in;
}

/* Shapes, and values where infer has them already. */
static enum inn_status infer(struct fold *f, const struct inn_op *op,
                             struct inn_infer *c, bool *foldable)
{
    enum inn_status st;
    int i;

    *foldable = false;
    for (i = 0; i < c->n_in; i++) {
        int v = c->node->inputs[i];

        if (v >= 0 && f->known[v] == NULL) {
            st = widen(f, v);
            if (st != INN_OK)
                return st;
        }
        f->in[i] = v < 0 ? NULL : f->known[v];
    }
    memset(f->out, 0, (size_t)c->n_out * sizeof(*f->out));
    st = inn_op_infer(op, c);
    if (st != INN_OK)
        return st == INN_ERR_UNSUPPORTED ? INN_OK : st;
    for (i = 0; i < c->n_out; i++) {
        if (inn_type_size(c->out[i].type) == 0)
            return INN_OK;
    }
    *foldable = inn_node_macs(c) <= INN_FOLD_MACS && is_in_proportion(c);
    return INN_OK;
}

/* Fills f->out; *done: it could be done. */
static enum inn_status compute(struct fold *f, const struct inn_op *op,
                               struct inn_infer *c, bool *done)
{
    struct inn_run run = {c->node, c->in, c->out, c->n_in, c->n_out, 0,
                          f->err};
    enum inn_status st = INN_OK;
    bool missing = false;
    int i;

    *done = false;
    for (i = 0; i < c->n_out && st == INN_OK; i++) {
        struct inn_tensor *t = &c->out[i];

        if (t->data != NULL)
            continue;
        missing = true;
        t->data = inn_arena_alloc(&f->graph->arena, t->bytes, 1, f->err);
        if (t->data == NULL)
            st = inn_refused(f->err);
    }
    if (st == INN_OK && missing)
        st = inn_op_run(op, &run, &f->scratch);
    *done = st == INN_OK;
    /* What is too large for the limit, or has no kernel, is left alone. */
    return st == INN_ERR_LIMIT || st == INN_ERR_UNSUPPORTED ? INN_OK : st;
}

static enum inn_status fold_node(struct fold *f, int index)
{
    struct inn_graph *g = f->graph;
    const struct inn_node *node = &g->nodes[index];
    const struct inn_op *op = inn_node_op(node);
    struct inn_infer c = {.node = node, .in = f->in, .out = f->out,
                          .n_in = node->n_inputs, .n_out = node->n_outputs,
                          .arena = &g->arena, .err = f->err};
    bool done = false, shown = false;
    enum inn_status st;
    int i;

    if (op == NULL || op->infer == NULL || op->run == NULL)
        return INN_OK;
    st = infer(f, op, &c, &done);
    if (st == INN_OK && done)
        st = compute(f, op, &c, &done);
    if (st != INN_OK || !done)
        return st;
    for (i = 0; i < node->n_outputs; i++) {
        struct inn_tensor *t;

        if (node->outputs[i] < 0)
            continue;
        t = inn_arena_alloc(&g->arena, 1, sizeof(*t), f->err);
        if (t == NULL)
            return inn_refused(f->err);
        *t = f->out[i];
        f->known[node->outputs[i]] = t;
        shown = shown || g->values[node->outputs[i]].is_output;
    }
    /* An output of the network keeps its graph node. */
    f->drop[index] = !shown;
    return INN_OK;
}

/* The values that folded graph nodes made become initializers. */
static void place(struct fold *f)
{
    struct inn_graph *g = f->graph;
    int i, k, a;

    for (i = 0; i < g->n_nodes; i++) {
        for (k = 0; f->drop[i] && k < g->nodes[i].n_outputs; k++) {
            int v = g->nodes[i].outputs[k];
            struct inn_value *value;

            if (v < 0 || f->uses[v] == 0)
                continue;
            value = &g->values[v];
            value->init = f->known[v];
            value->type = value->init->type;
            value->rank = value->init->rank;
            for (a = 0; a < value->rank; a++) {
                value->dims[a].size = value->init->dims[a];
                value->dims[a].symbol = NULL;
            }
        }
    }
}

enum inn_status inn_fold_constants(struct inn_graph *graph,
                                   struct inn_error *err)
{
    struct inn_error local = {INN_OK, ""};
    struct fold f = {.graph = graph, .err = &local};
    enum inn_status st;
    int i;

    inn_arena_init(&f.scratch, graph->heap);
    st = prepare(&f);
    for (i = 0; i < graph->n_nodes && st == INN_OK; i++) {
        const struct inn_node *node = &graph->nodes[i];

        if (!is_constant(&f, node))
            continue;
        if (is_widening(&f, node)) {
            f.widened[node->outputs[0]] = i;
        } else if (is_identity(node)) {
            f.known[node->outputs[0]] = f.known[node->inputs[0]];
            f.widened[node->outputs[0]] = f.widened[node->inputs[0]];
        } else {
            st = fold_node(&f, i);
        }
    }
    if (st == INN_OK) {
        place(&f);
        st = inn_fold_sweep(graph, f.drop, f.uses, &local);
    }
    inn_arena_free(&f.scratch);
    if (st != INN_OK && err != NULL)
        *err = local;
    return st;
}
