/*
 * Why a graph node can't be run. What a row refuses it refuses in its infer,
 * so that is asked again here, for its words: shapes.c lets them go, since an
 * unknown output is no fault of a network that is only carried through.
 */
#include "runtime/ops/reason.h"

#include <string.h>

#include "runtime/ops/common.h"
#include "runtime/ops/schema.h"

const char *inn_reason_word(enum inn_reason reason)
{
    static const char *const words[INN_REASONS] = {
        [INN_REASON_NONE] = "",           [INN_REASON_UNKNOWN] = "unknown",
        [INN_REASON_DOMAIN] = "domain",   [INN_REASON_OPSET] = "opset",
        [INN_REASON_CAPTURE] = "capture", [INN_REASON_KERNEL] = "kernel",
        [INN_REASON_TYPE] = "type",       [INN_REASON_VALUE] = "value",
        [INN_REASON_SIZE] = "size",
    };

    return words[reason];
}

/* What a reason is found from and told with. */
struct asking {
    const struct inn_node *node;
    const struct inn_op *op;
    const struct inn_shapes *shapes;
    struct inn_arena *arena;
    const char *text; /* in the end */
    struct inn_error *err;
};

static const struct inn_tensor *shape(const struct asking *a, int v)
{
    return inn_shapes_get(a->shapes, v);
}

/* No row: of this name, of this domain, or at this opset. */
static enum inn_reason why_unknown(struct asking *a)
{
    const struct inn_node *n = a->node;
    const struct inn_op *op;
    int first = 0, last = 0;
    size_t i;

    for (i = 0; (op = inn_op_row(i)) != NULL; i++) {
        if (strcmp(op->name, n->op_type) != 0 ||
            strcmp(op->domain, n->domain) != 0)
            continue;
        if (first == 0 || op->since < first)
            first = op->since;
        last = op->until > last && op->until != 0 ? op->until : last;
    }
    if (first != 0) {
        a->text = n->version < first
            ? inn_arena_printf(a->arena, a->err, "not known at opset %d, only "
                               "from %d on", n->version, first)
            : inn_arena_printf(a->arena, a->err, "not known at opset %d, only "
                               "up to %d", n->version, last);
        return INN_REASON_OPSET;
    }
    if (n->domain[0] == '\0') {
        a->text = "unknown operator";
        return INN_REASON_UNKNOWN;
    }
    a->text = inn_arena_printf(a->arena, a->err,
                               "unknown operator of the domain '%s'",
                               n->domain);
    return INN_REASON_DOMAIN;
}

static enum inn_reason why_capture(struct asking *a)
{
    const struct inn_node *n = a->node;
    const char *name = n->graph->values[n->captures[0]].name;

    a->text = n->n_captures == 1
        ? inn_arena_printf(a->arena, a->err, "its subgraph reads a value from "
                           "outside, '%s'", name)
        : inn_arena_printf(a->arena, a->err, "its subgraph reads %d values "
                           "from outside, such as '%s'", n->n_captures, name);
    return INN_REASON_CAPTURE;
}

/* An attribute or operand that the standard doesn't have. */
static enum inn_reason why_schema(struct asking *a)
{
    struct inn_error local = {INN_OK, ""};
    struct inn_node unsaid = *a->node;

    unsaid.unsaid = true;
    if (inn_schema_check(&unsaid, &local) == INN_OK)
        return INN_REASON_NONE;
    a->text = inn_arena_strdup(a->arena, local.message, a->err);
    return INN_REASON_VALUE;
}

/* A row that computes in f32 that is given, or gives, something else. */
static enum inn_reason why_type(struct asking *a)
{
    const struct inn_node *n = a->node;
    int i;

    for (i = 0; i < n->n_inputs + n->n_outputs; i++) {
        bool input = i < n->n_inputs;
        int v = input ? n->inputs[i] : n->outputs[i - n->n_inputs];
        const struct inn_tensor *t = shape(a, v);

        if (t == NULL || inn_type_is_float(t->type))
            continue;
        a->text = inn_arena_printf(a->arena, a->err, "not for %s (%s '%s')",
                                   inn_type_name(t->type),
                                   input ? "input" : "output",
                                   n->graph->values[v].name);
        return INN_REASON_TYPE;
    }
    return INN_REASON_NONE;
}

static bool all_known(const struct asking *a, const int *values, int n)
{
    int i;

    for (i = 0; i < n; i++) {
        if (values[i] >= 0 && shape(a, values[i]) == NULL)
            return false;
    }
    return true;
}

/* Its inputs are known and its outputs are not: what infer says to that. */
static enum inn_status why_open(struct asking *a, enum inn_reason *reason)
{
    struct inn_error local = {INN_OK, ""};
    struct inn_node unsaid = *a->node;
    const struct inn_tensor **in;
    struct inn_arena scratch;
    struct inn_infer c = {.node = &unsaid, .n_in = unsaid.n_inputs,
                          .n_out = unsaid.n_outputs, .arena = &scratch,
                          .err = &local};
    enum inn_status st;
    int i;

    unsaid.unsaid = true;
    inn_arena_init(&scratch, a->arena->heap);
    in = inn_arena_alloc(&scratch, (size_t)c.n_in, sizeof(*in), &local);
    c.out = inn_arena_alloc(&scratch, (size_t)c.n_out, sizeof(*c.out),
                            &local);
    for (i = 0; in != NULL && i < c.n_in; i++)
        in[i] = shape(a, unsaid.inputs[i]);
    c.in = in;
    st = in == NULL || c.out == NULL ? inn_refused(&local)
                                     : a->op->infer(&c);
    *reason = INN_REASON_SIZE;
    a->text = "only a run decides the size of its output";
    if (st == INN_ERR_MEMORY || st == INN_ERR_LIMIT) {
        if (a->err != NULL)
            *a->err = local;
    } else if (st != INN_OK) {
        *reason = INN_REASON_VALUE;
        a->text = inn_arena_strdup(a->arena, local.message, a->err);
        st = INN_OK;
    } else if (c.unheld != INN_UNDEFINED) {
        *reason = INN_REASON_TYPE;
        a->text = inn_arena_printf(a->arena, a->err, "not for %s",
                                   inn_type_name(c.unheld));
    }
    inn_arena_free(&scratch);
    return st;
}

enum inn_status inn_node_reason(enum inn_reason *reason, const char **text,
                                const struct inn_node *node,
                                const struct inn_shapes *shapes,
                                struct inn_arena *arena,
                                struct inn_error *err)
{
    struct asking a = {node, inn_node_op(node), shapes, arena, "", err};
    enum inn_status st = INN_OK;

    *reason = INN_REASON_NONE;
    if (a.op == NULL) {
        *reason = why_unknown(&a);
    } else if (node->n_captures != 0) {
        *reason = why_capture(&a);
    } else if ((*reason = why_schema(&a)) != INN_REASON_NONE) {
        st = INN_OK;
    } else if (a.op->infer == NULL ||
               (a.op->run == NULL && shapes != NULL &&
                all_known(&a, node->inputs, node->n_inputs))) {
        *reason = INN_REASON_KERNEL;
        a.text = "no kernel computes it";
    } else if (shapes != NULL) {
        if (a.op->types == INN_OP_FLOAT)
            *reason = why_type(&a);
        if (*reason == INN_REASON_NONE &&
            all_known(&a, node->inputs, node->n_inputs) &&
            !all_known(&a, node->outputs, node->n_outputs))
            st = why_open(&a, reason);
    }
    if (text != NULL)
        *text = a.text;
    return st == INN_OK && a.text == NULL ? inn_refused(err) : st;
}

enum inn_status inn_refuse_nodes(const struct inn_graph *graph,
                                 const struct inn_shapes *shapes,
                                 const int *which, int n,
                                 struct inn_error *err)
{
    const struct inn_node *node = &graph->nodes[which[0]];
    struct inn_node_words words = inn_node_words(node);
    struct inn_error local = {INN_OK, ""};
    enum inn_reason reason;
    struct inn_arena arena;
    const char *text;
    enum inn_status st;

    inn_arena_init(&arena, graph->heap);
    st = inn_node_reason(&reason, &text, node, shapes, &arena, &local);
    if (reason == INN_REASON_NONE)
        text = "what it reads is not known";
    if (st != INN_OK && err != NULL)
        *err = local;
    else if (st == INN_OK && n == 1)
        st = inn_fail(err, INN_ERR_UNSUPPORTED,
                      "can't be run: %s: " INN_NODE_FORMAT, text,
                      INN_NODE_ARGS(words));
    else if (st == INN_OK)
        st = inn_fail(err, INN_ERR_UNSUPPORTED,
                      "%d graph nodes can't be run; the first: %s: "
                      INN_NODE_FORMAT, n, text, INN_NODE_ARGS(words));
    inn_arena_free(&arena);
    return st;
}
