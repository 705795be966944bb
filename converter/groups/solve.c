/*
 * The sink that rows speak to, and the walk over the graph. Labels come into
 * being at weights (make, sum) and travel with activations; what a row does
 * not mention stays unlabelled, which means it keeps its size.
 */
#include "converter/groups/labels.h"

#include <string.h>

#include "runtime/base/error.h"
#include "runtime/ops/couple.h"
#include "runtime/ops/reason.h"
#include "runtime/ops/rows.h"
#include "runtime/ops/schema.h"

/*
 * Rows list the elements of axes they join, cut or move. No weight is as long
 * as this; a value may be, out of a file of a thousand bytes.
 */
#define MOST_ELEMENTS ((int64_t)1 << 24)

struct walk {
    struct inn_labels *l;
    const struct inn_node *node;
    int index;          /* of the node */
    const char *reason; /* why its unlabelled outputs stay as they are */
    uint8_t *said; /* by input: a bit for each axis that couple spoke of */
    const char **blame; /* by value: why its shape isn't known, or NULL */
};

static const char broadcast[] = "one element for all channels (broadcast)";

/* The value behind an operand, or -1 where it is omitted. */
static int value_of(const struct walk *w, struct inn_operand o)
{
    const struct inn_node *node = w->node;

    if (o.is_output)
        return o.index < node->n_outputs ? node->outputs[o.index] : -1;
    return o.index < node->n_inputs ? node->inputs[o.index] : -1;
}

/* Notes that couple spoke of an axis; -1: of all. */
static void mention(struct walk *w, struct inn_operand o, int axis)
{
    unsigned bits = axis < 0 ? 0xffu : 1u << axis;

    if (!o.is_output && o.index < w->node->n_inputs)
        w->said[o.index] = (uint8_t)(w->said[o.index] | bits);
}

static bool is_weight(const struct walk *w, int v)
{
    return v >= 0 && w->l->weight[w->l->source[v]];
}

static bool shape_known(const struct walk *w, int v)
{
    return v >= 0 && inn_shapes_get(w->l->shapes, v) != NULL;
}

static enum inn_status pin_axis(struct walk *w, int v, int axis,
                                const char *reason, struct inn_error *err)
{
    struct inn_bundle *b = inn_labels_alone(w->l, v, axis);
    int64_t e;

    /* An unlabelled activation can't change anyway. */
    if (b == NULL && !is_weight(w, v))
        return INN_OK;
    if (b == NULL)
        b = inn_labels_need(w->l, v, axis, err);
    if (b == NULL)
        return inn_refused(err);
    for (e = 0; e < b->count; e++)
        inn_labels_pin(w->l, b->labels[e], reason);
    return INN_OK;
}

/* Element i of axis a of va is element map[i] of axis b of vb. */
static enum inn_status tie(struct walk *w, int va, int a, int vb, int b,
                           const int64_t *map, struct inn_error *err)
{
    struct inn_bundle *la, *lb;
    int64_t i, n;

    la = inn_labels_need(w->l, va, a, err);
    if (la == NULL)
        return inn_refused(err);
    lb = inn_labels_need(w->l, vb, b, err);
    if (lb == NULL)
        return inn_refused(err);
    la = inn_labels_bundle(w->l, va, a); /* needing b may have moved it */
    n = map == NULL && lb->count < la->count ? lb->count : la->count;
    for (i = 0; i < n; i++) {
        int64_t j = map != NULL ? map[i] : i;

        if (j >= lb->count)
            return inn_fail(err, INN_ERR_FORMAT, "'%s' reads channel %lld "
                            "of '%s', which has %lld", w->node->name,
                            (long long)j, w->l->graph->values[vb].name,
                            (long long)lb->count);
        if (j >= 0)
            inn_labels_unite(w->l, la->labels[i], lb->labels[j]);
    }
    return INN_OK;
}

static enum inn_status sink_map(void *state, struct inn_operand a,
                                struct inn_operand b, const int64_t *map,
                                struct inn_error *err)
{
    struct walk *w = state;
    int va = value_of(w, a), vb = value_of(w, b);

    mention(w, a, a.axis);
    mention(w, b, b.axis);
    if (!shape_known(w, va) || !shape_known(w, vb))
        return INN_OK;
    if (inn_labels_bundle(w->l, va, a.axis) == NULL &&
        inn_labels_bundle(w->l, vb, b.axis) == NULL)
        return INN_OK;
    return tie(w, va, a.axis, vb, b.axis, map, err);
}

/* A weight's axis has one role; a second one keeps it from being sampled. */
static enum inn_status set_role(struct walk *w, int v, int axis,
                                enum inn_role role, struct inn_error *err)
{
    struct inn_marks *m = &w->l->marks[w->l->source[v]];

    if (m->has_role[axis] && m->role[axis] != role)
        return pin_axis(w, v, axis, "a weight that makes channels here and "
                        "sums them there", err);
    m->role[axis] = role;
    m->has_role[axis] = true;
    return INN_OK;
}

static enum inn_status sink_sum(void *state, struct inn_operand weight,
                                struct inn_operand x, const int64_t *map,
                                struct inn_error *err)
{
    struct walk *w = state;
    int vw = value_of(w, weight), vx = value_of(w, x);
    enum inn_status st;

    mention(w, weight, weight.axis);
    mention(w, x, x.axis);
    if (!shape_known(w, vw) || !shape_known(w, vx))
        return INN_OK;
    if (!is_weight(w, vw))
        return pin_axis(w, vx, x.axis, "summed with computed weights", err);
    st = set_role(w, vw, weight.axis, INN_ROLE_IN, err);
    return st != INN_OK ? st : tie(w, vx, x.axis, vw, weight.axis, map, err);
}

static enum inn_status sink_make(void *state, struct inn_operand weight,
                                 struct inn_operand y, const int64_t *map,
                                 struct inn_error *err)
{
    struct walk *w = state;
    int vw = value_of(w, weight), vy = value_of(w, y);
    struct inn_bundle *b;
    enum inn_status st;
    int64_t e;

    mention(w, weight, weight.axis);
    if (!shape_known(w, vw) || !shape_known(w, vy) || !is_weight(w, vw))
        return INN_OK;
    st = set_role(w, vw, weight.axis, INN_ROLE_OUT, err);
    if (st == INN_OK)
        st = tie(w, vy, y.axis, vw, weight.axis, map, err);
    if (st != INN_OK)
        return st;
    b = inn_labels_bundle(w->l, vw, weight.axis);
    for (e = 0; e < b->count; e++) {
        int32_t root = inn_labels_root(w->l, b->labels[e]);

        if (w->index < w->l->maker[root])
            w->l->maker[root] = w->index;
    }
    return INN_OK;
}

/* Joint labels of both that cover the same axes are united element-wise. */
static bool tie_joint(struct walk *w, int va, int vb, int axis, int shift)
{
    struct inn_bundle *a = inn_labels_bundle(w->l, va, axis);
    struct inn_bundle *b = inn_labels_bundle(w->l, vb, axis + shift);
    int64_t e;
    int k;

    if (a == NULL || b == NULL || a->n_axes < 2 || a->n_axes != b->n_axes)
        return false;
    for (k = 0; k < a->n_axes; k++) {
        if (a->axes[k] + shift != b->axes[k] || a->dims[k] != b->dims[k])
            return false;
    }
    for (e = 0; e < a->count; e++)
        inn_labels_unite(w->l, a->labels[e], b->labels[e]);
    return true;
}

/* An open value without labels takes over a joint bundle as it is. */
static enum inn_status adopt_joint(struct walk *w, int from, int to,
                                   int shift, struct inn_error *err)
{
    const struct inn_tensor *sf = inn_shapes_get(w->l->shapes, from);
    const struct inn_tensor *st = inn_shapes_get(w->l->shapes, to);
    struct inn_marks *m = &w->l->marks[w->l->source[from]];
    struct inn_marks *t = &w->l->marks[w->l->source[to]];
    int i, k;

    if (t->settled || is_weight(w, to) || t->n_bundles > 0)
        return INN_OK;
    for (i = 0; i < m->n_bundles; i++) {
        const struct inn_bundle *b = &m->bundles[i];
        int axes[INN_MAX_RANK];

        for (k = 0; k < b->n_axes; k++) {
            axes[k] = b->axes[k] + shift;
            if (axes[k] < 0 || sf->dims[b->axes[k]] != st->dims[axes[k]])
                break;
        }
        if (b->n_axes > 1 && k == b->n_axes &&
            inn_labels_add(w->l, to, axes, b->n_axes, err) == NULL)
            return inn_refused(err);
    }
    return INN_OK;
}

static enum inn_status sink_alike(void *state, struct inn_operand a,
                                  struct inn_operand b, struct inn_error *err)
{
    struct walk *w = state;
    int va = value_of(w, a), vb = value_of(w, b), i, shift;
    const struct inn_tensor *sa, *sb;
    enum inn_status st;

    mention(w, a, -1);
    mention(w, b, -1);
    if (!shape_known(w, va) || !shape_known(w, vb))
        return INN_OK;
    sa = inn_shapes_get(w->l->shapes, va);
    sb = inn_shapes_get(w->l->shapes, vb);
    shift = sb->rank - sa->rank;
    st = adopt_joint(w, va, vb, shift, err);
    for (i = 0; i < sa->rank && st == INN_OK; i++) {
        int j = i + shift;
        bool labelled;

        if (j < 0)
            continue;
        labelled = inn_labels_bundle(w->l, va, i) != NULL ||
                   inn_labels_bundle(w->l, vb, j) != NULL;
        if (!labelled || tie_joint(w, va, vb, i, shift))
            continue;
        if (sa->dims[i] == sb->dims[j]) {
            st = tie(w, va, i, vb, j, NULL, err);
        } else {
            /* One side is stretched: its length of 1 has to stay. */
            if (sa->dims[i] == 1)
                st = pin_axis(w, va, i, broadcast, err);
            else if (sb->dims[j] == 1)
                st = pin_axis(w, vb, j, broadcast, err);
        }
    }
    return st;
}

static enum inn_status sink_reshape(void *state, struct inn_operand in,
                                    struct inn_operand out,
                                    struct inn_error *err)
{
    struct walk *w = state;
    int vi = value_of(w, in), vo = value_of(w, out);

    mention(w, in, -1);
    if (!shape_known(w, vi) || !shape_known(w, vo))
        return INN_OK;
    return inn_labels_reshape(w->l, vi, vo, err);
}

static enum inn_status sink_transpose(void *state, struct inn_operand in,
                                      struct inn_operand out,
                                      const int64_t *perm,
                                      struct inn_error *err)
{
    struct walk *w = state;
    int vi = value_of(w, in), vo = value_of(w, out);

    mention(w, in, -1);
    if (!shape_known(w, vi) || !shape_known(w, vo))
        return INN_OK;
    return inn_labels_transpose(w->l, vi, vo, perm, err);
}

static enum inn_status sink_unite(void *state, struct inn_operand a,
                                  const int64_t *classes,
                                  struct inn_error *err)
{
    struct walk *w = state;
    int v = value_of(w, a);
    struct inn_bundle *b;
    int64_t *first, i, n = 0;

    mention(w, a, a.axis);
    if (!shape_known(w, v) || inn_labels_bundle(w->l, v, a.axis) == NULL)
        return INN_OK;
    b = inn_labels_alone(w->l, v, a.axis);
    for (i = 0; i < b->count; i++) {
        if (classes[i] < 0 || classes[i] >= b->count)
            return inn_fail(err, INN_ERR_ARGUMENT, "a class out of range");
        n = classes[i] >= n ? classes[i] + 1 : n;
    }
    first = inn_alloc(w->l->arena->heap, (size_t)n, sizeof(*first), err);
    if (first == NULL)
        return inn_refused(err);
    memset(first, 0xff, (size_t)n * sizeof(*first));
    for (i = 0; i < b->count; i++) {
        if (first[classes[i]] < 0)
            first[classes[i]] = i;
        inn_labels_unite(w->l, b->labels[i], b->labels[first[classes[i]]]);
    }
    inn_free(w->l->arena->heap, first);
    return INN_OK;
}

static enum inn_status sink_pin(void *state, struct inn_operand a,
                                const char *reason, struct inn_error *err)
{
    struct walk *w = state;
    int v = value_of(w, a);

    mention(w, a, a.axis);
    if (!shape_known(w, v))
        return INN_OK;
    reason = inn_arena_strdup(w->l->arena, reason, err);
    return reason == NULL ? inn_refused(err)
                          : pin_axis(w, v, a.axis, reason, err);
}

static const struct inn_sink sink = {
    sink_alike,   sink_map,       sink_sum,   sink_make,
    sink_reshape, sink_transpose, sink_unite, sink_pin};

/* Every labelled or labelable axis of a value keeps its size. */
static enum inn_status pin_value(struct walk *w, int v, const char *reason,
                                 struct inn_error *err)
{
    const struct inn_tensor *s = v < 0 ? NULL
                                       : inn_shapes_get(w->l->shapes, v);
    enum inn_status st = INN_OK;
    int i;

    for (i = 0; s != NULL && i < s->rank && st == INN_OK; i++)
        st = pin_axis(w, v, i, reason, err);
    return st;
}

static enum inn_status pin_node(struct walk *w, const char *reason,
                                struct inn_error *err)
{
    enum inn_status st = INN_OK;
    int i;

    for (i = 0; i < w->node->n_inputs && st == INN_OK; i++)
        st = pin_value(w, w->node->inputs[i], reason, err);
    return st;
}

/*
 * An axis that the row never mentioned has to keep its size: what reads it
 * would not notice. One that only asks for shapes mentions nothing at all.
 */
static enum inn_status pin_unsaid(struct walk *w, struct inn_error *err)
{
    const struct inn_node *node = w->node;
    struct inn_node_words words = inn_node_words(node);
    const char *why = NULL;
    enum inn_status st = INN_OK;
    int i, axis;

    for (i = 0; i < node->n_inputs; i++) {
        const struct inn_tensor *s = node->inputs[i] < 0 ? NULL
            : inn_shapes_get(w->l->shapes, node->inputs[i]);

        for (axis = 0; s != NULL && axis < s->rank && st == INN_OK; axis++) {
            if ((w->said[i] >> axis & 1) != 0 ||
                inn_labels_bundle(w->l, node->inputs[i], axis) == NULL)
                continue;
            if (why == NULL)
                why = inn_arena_printf(w->l->arena, err,
                                       "an axis not followed by "
                                       INN_NODE_FORMAT, INN_NODE_ARGS(words));
            st = why == NULL ? inn_refused(err)
                             : pin_axis(w, node->inputs[i], axis, why, err);
        }
    }
    return st;
}

/* Runs the row's couple until it has nothing new to say. */
static enum inn_status couple_node(struct walk *w, const struct inn_op *op,
                                   struct inn_error *err)
{
    const struct inn_node *node = w->node;
    size_t n_in = (size_t)node->n_inputs, n_out = (size_t)node->n_outputs;
    struct inn_couple c = {.node = node, .n_in = node->n_inputs,
                           .n_out = node->n_outputs, .sink = &sink,
                           .state = w, .err = err};
    const struct inn_tensor **shapes;
    struct inn_arena scratch;
    enum inn_status st;
    size_t i;

    inn_arena_init(&scratch, w->l->arena->heap);
    c.scratch = &scratch;
    shapes = inn_arena_alloc(&scratch, n_in + n_out, sizeof(*shapes), err);
    if (shapes == NULL) {
        st = inn_refused(err);
        goto out;
    }
    for (i = 0; i < n_in; i++)
        shapes[i] = inn_shapes_get(w->l->shapes, node->inputs[i]);
    for (i = 0; i < n_out; i++)
        shapes[n_in + i] = inn_shapes_get(w->l->shapes, node->outputs[i]);
    w->said = inn_arena_alloc(&scratch, n_in, 1, err);
    if (w->said == NULL) {
        st = inn_refused(err);
        goto out;
    }
    c.in = shapes;
    c.out = shapes + n_in;
    do {
        w->l->grew = false;
        st = op->couple(&c);
    } while (st == INN_OK && w->l->grew);
    if (st == INN_OK && op->couple != inn_couple_nothing)
        st = pin_unsaid(w, err);
out:
    inn_arena_free(&scratch);
    return st;
}

/* Shapes of everything the row will look at. */
static bool all_known(const struct inn_labels *l, const struct inn_node *node)
{
    int i;

    for (i = 0; i < node->n_inputs; i++) {
        if (node->inputs[i] >= 0 &&
            inn_shapes_get(l->shapes, node->inputs[i]) == NULL)
            return false;
    }
    for (i = 0; i < node->n_outputs; i++) {
        if (node->outputs[i] >= 0 &&
            inn_shapes_get(l->shapes, node->outputs[i]) == NULL)
            return false;
    }
    return true;
}

static bool is_long(const struct inn_labels *l, int v)
{
    const struct inn_tensor *t = v < 0 ? NULL : inn_shapes_get(l->shapes, v);
    int i;

    for (i = 0; t != NULL && i < t->rank; i++) {
        if (t->dims[i] > MOST_ELEMENTS)
            return true;
    }
    return false;
}

/* Whether the user can say more about the sizes of inputs. */
static bool has_open_size(const struct inn_graph *graph)
{
    int i, k;

    for (i = 0; i < graph->n_inputs; i++) {
        const struct inn_value *v = &graph->values[graph->inputs[i]];

        if (v->rank < 0)
            return true;
        for (k = 0; k < v->rank; k++) {
            if (v->dims[k].size < 0)
                return true;
        }
    }
    return false;
}

/* Whether some axis is longer than what rows may list element by element. */
static bool any_long(const struct inn_labels *l, const struct inn_node *node)
{
    int i;

    for (i = 0; i < node->n_inputs; i++) {
        if (is_long(l, node->inputs[i]))
            return true;
    }
    for (i = 0; i < node->n_outputs; i++) {
        if (is_long(l, node->outputs[i]))
            return true;
    }
    return false;
}

/* Why the shapes of node's outputs aren't known although its inputs' are. */
static enum inn_status blame_node(struct walk *w, const char **why,
                                  struct inn_error *err)
{
    const struct inn_node_words words = inn_node_words(w->node);
    const char *text, *hint = "";
    enum inn_reason reason;
    enum inn_status st;

    st = inn_node_reason(&reason, &text, w->node, w->l->shapes, w->l->arena,
                         err);
    if (st != INN_OK)
        return st;
    if (reason == INN_REASON_UNKNOWN && !all_known(w->l, w->node))
        hint = ", shapes not declared (onnx.shape_inference does)";
    else if (reason == INN_REASON_DOMAIN && !all_known(w->l, w->node))
        hint = ", shapes not declared (value_info)";
    else if (reason == INN_REASON_SIZE && has_open_size(w->l->graph))
        hint = " (--input-shape may tell)";
    *why = inn_arena_printf(w->l->arena, err, "%s%s: " INN_NODE_FORMAT, text,
                            hint, INN_NODE_ARGS(words));
    return *why == NULL ? inn_refused(err) : INN_OK;
}

/*
 * Why nothing is known of what node does. Behind a graph node of unknown
 * output shapes all is unknown, for the reason that it has.
 */
static enum inn_status find_blame(struct walk *w, const struct inn_op *op,
                                  const char **why, struct inn_error *err)
{
    const struct inn_node *node = w->node;
    const struct inn_node_words words = inn_node_words(node);
    enum inn_status st = INN_OK;
    int i, v;

    *why = NULL;
    for (i = 0; i < node->n_inputs && *why == NULL; i++) {
        v = node->inputs[i];
        if (v < 0 || shape_known(w, v))
            continue;
        *why = w->blame[v];
        if (*why == NULL)
            *why = inn_arena_printf(w->l->arena, err, "an input without a "
                                    "shape (--input-shape gives it): '%s'",
                                    w->l->graph->values[v].name);
        if (*why == NULL)
            return inn_refused(err);
    }
    if (*why == NULL && op != NULL && op->couple == NULL &&
        all_known(w->l, node)) {
        *why = inn_arena_printf(w->l->arena, err,
                                "no rule for channels: " INN_NODE_FORMAT,
                                INN_NODE_ARGS(words));
        st = *why == NULL ? inn_refused(err) : INN_OK;
    } else if (*why == NULL) {
        st = blame_node(w, why, err);
    }
    for (i = 0; i < node->n_outputs && st == INN_OK; i++) {
        if (node->outputs[i] >= 0 && !shape_known(w, node->outputs[i]))
            w->blame[node->outputs[i]] = *why;
    }
    return st;
}

static enum inn_status visit(struct walk *w, struct inn_error *err)
{
    const struct inn_node *node = w->node;
    const struct inn_op *op = inn_node_op(node);
    const struct inn_node_words words = inn_node_words(node);
    struct inn_error local;
    enum inn_status st = INN_OK;
    const char *why;
    int i;

    w->reason = inn_arena_printf(w->l->arena, err,
                                 "an output of fixed size: " INN_NODE_FORMAT,
                                 INN_NODE_ARGS(words));
    if (w->reason == NULL)
        return inn_refused(err);
    if (op == NULL || op->couple == NULL || !all_known(w->l, node) ||
        inn_schema_check(node, &local) != INN_OK) {
        st = find_blame(w, op, &why, err);
        if (st == INN_OK)
            st = pin_node(w, why, err);
    } else if (any_long(w->l, node)) {
        why = inn_arena_printf(w->l->arena, err, "an axis longer than %lld: "
                               INN_NODE_FORMAT, (long long)MOST_ELEMENTS,
                               INN_NODE_ARGS(words));
        st = why == NULL ? inn_refused(err) : pin_node(w, why, err);
    } else {
        st = couple_node(w, op, err);
    }
    if (st == INN_OK && node->n_captures > 0) {
        why = inn_arena_printf(w->l->arena, err,
                               "read inside a subgraph of " INN_NODE_FORMAT,
                               INN_NODE_ARGS(words));
        if (why == NULL)
            return inn_refused(err);
        for (i = 0; i < node->n_captures && st == INN_OK; i++)
            st = pin_value(w, node->captures[i], why, err);
    }
    for (i = 0; i < node->n_outputs; i++) {
        int v = node->outputs[i];

        /* A Constant that holds a weight stays open, like an initializer. */
        if (v >= 0 && w->l->source[v] == v && !w->l->weight[v]) {
            w->l->marks[v].settled = true;
            w->l->marks[v].reason = w->reason;
        }
    }
    return st;
}

/* After the walk a joint bundle is resized along one axis: the longest. */
static void split_joint(struct inn_labels *l)
{
    int v, i, k, best;

    for (v = 0; v < l->graph->n_values; v++) {
        struct inn_marks *m = &l->marks[v];

        inn_labels_simplify(l, v);
        for (i = 0; i < m->n_bundles; i++) {
            best = 0;
            for (k = 1; k < m->bundles[i].n_axes; k++) {
                if (m->bundles[i].dims[k] >= m->bundles[i].dims[best])
                    best = k;
            }
            if (m->bundles[i].n_axes > 1)
                inn_labels_alone(l, v, m->bundles[i].axes[best]);
        }
    }
}

enum inn_status inn_labels_solve(struct inn_labels *l, struct inn_error *err)
{
    struct walk w = {.l = l};
    enum inn_status st = INN_OK;
    int k, i;

    w.blame = inn_arena_alloc(l->arena, (size_t)l->graph->n_values,
                              sizeof(*w.blame), err);
    if (w.blame == NULL)
        return inn_refused(err);
    for (k = 0; k < l->graph->n_nodes && st == INN_OK; k++) {
        w.index = k;
        w.node = &l->graph->nodes[k];
        st = visit(&w, err);
    }
    for (i = 0; i < l->graph->n_outputs && st == INN_OK; i++)
        st = pin_value(&w, l->graph->outputs[i], "a network output", err);
    split_joint(l);
    if (st == INN_OK && l->no_memory)
        st = inn_no_memory(err, l->cap_ties * sizeof(*l->ties));
    return st;
}
