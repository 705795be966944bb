/*
 * Runs the operator cases (README.md) of a folder, or single files: builds a
 * graph of one graph node, infers its shapes, runs the reference kernel, then
 * a session, and compares. Prints one line per failure; exit status 1 if
 * there was any.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/exec/session.h"
#include "runtime/ops/common.h"
#include "runtime/ops/shapes.h"
#include "tests/ops/case.h"

struct runner {
    struct inn_heap *heap;
    struct op_case *now;
    int cases, failures;
};

static bool complain(struct runner *r, int line, const char *format, ...)
    INN_PRINTF(3, 4);

static bool complain(struct runner *r, int line, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    printf("%s:%d: %s\n", r->now->path, line, text);
    r->failures++;
    return false;
}

/* A value for every operand; out values have no shape of their own. */
static enum inn_status add_operands(struct inn_graph *g, int *values,
                                    struct case_operand *operands, int n,
                                    bool is_out, bool constant,
                                    struct inn_error *err)
{
    char name[96];
    int i, k;

    for (i = 0; i < n; i++) {
        struct case_operand *o = &operands[i];
        struct inn_value *v;
        enum inn_status st;

        if (o->omitted)
            continue;
        snprintf(name, sizeof(name), "%s_%s%d", o->name,
                 is_out ? "out" : "in", i);
        st = inn_graph_add_value(g, &values[i], name, err);
        if (st != INN_OK)
            return st;
        v = &g->values[values[i]];
        v->is_output = is_out;
        if (is_out) {
            v->producer = 0;
            continue;
        }
        if (o->is_const || constant) {
            v->init = &o->tensor;
            continue;
        }
        v->is_input = v->declared = true;
        v->type = o->tensor.type;
        v->rank = o->tensor.rank;
        for (k = 0; k < v->rank; k++)
            v->dims[k].size = o->tensor.dims[k];
        g->inputs[g->n_inputs++] = values[i];
    }
    return INN_OK;
}

static enum inn_status build(struct runner *r, struct inn_graph **graph,
                             bool constant, struct inn_error *err)
{
    struct op_case *t = r->now;
    struct inn_graph *g;
    struct inn_node *node;
    enum inn_status st;
    int index;

    st = inn_graph_new(graph, r->heap, err);
    if (st != INN_OK)
        return st;
    g = *graph;
    g->inputs = inn_arena_alloc(&g->arena, CASE_OPERANDS, sizeof(int), err);
    g->outputs = inn_arena_alloc(&g->arena, CASE_OPERANDS, sizeof(int), err);
    if (g->inputs == NULL || g->outputs == NULL)
        return err->status;
    st = inn_graph_add_node(g, &index, t->op, t->n_in, t->n_out, t->n_attrs,
                            err);
    if (st != INN_OK)
        return st;
    node = &g->nodes[index];
    node->domain = t->domain;
    node->version = t->version;
    node->name = "case";
    memcpy(node->attrs, t->attrs, (size_t)t->n_attrs * sizeof(*t->attrs));
    st = add_operands(g, node->inputs, t->in, t->n_in, false, constant, err);
    if (st == INN_OK)
        st = add_operands(g, node->outputs, t->out, t->n_out, true, constant,
                          err);
    return st;
}

static bool close_enough(double got, double want, double tolerance)
{
    if (isnan(want) || isnan(got))
        return isnan(want) && isnan(got);
    if (got == want)
        return true;
    return fabs(got - want) <= tolerance * fmax(1, fabs(want));
}

static bool compare(struct runner *r, const struct case_operand *o,
                    const struct inn_tensor *got)
{
    const struct inn_tensor *want = &o->tensor;
    size_t i, n = inn_tensor_count(want);
    char a[INN_SHAPE_TEXT], b[INN_SHAPE_TEXT];
    int line = r->now->line;

    if (got->type != want->type || !inn_tensor_same_shape(got, want))
        return complain(r, line, "%s: got %s %s, want %s %s", o->name,
                        inn_type_name(got->type),
                        inn_shape_text(a, got->rank, got->dims),
                        inn_type_name(want->type),
                        inn_shape_text(b, want->rank, want->dims));
    if (!o->has_values)
        return true;
    if (got->data == NULL)
        return complain(r, line, "%s: was not computed", o->name);
    for (i = 0; i < n; i++) {
        double g = inn_element_get(got->type, got->data, i);
        double w = inn_element_get(want->type, want->data, i);

        if (!close_enough(g, w, o->tolerance))
            return complain(r, line,
                            "%s[%zu]: got %.9g, want %.9g (tol %g)", o->name,
                            i, g, w, o->tolerance);
    }
    return true;
}

static const struct inn_tensor empty;

/* Runs the kernel into memory of its own. */
static enum inn_status run_node(struct runner *r, const struct inn_node *node,
                                const struct inn_shapes *shapes,
                                struct inn_tensor *out, int threads,
                                struct inn_error *err)
{
    struct op_case *t = r->now;
    const struct inn_tensor *in[CASE_OPERANDS];
    struct inn_run run = {node, in, out, t->n_in, t->n_out, threads, err};
    enum inn_status st = INN_OK;
    bool done = true;
    int i;

    for (i = 0; i < t->n_in; i++)
        in[i] = t->in[i].omitted ? NULL : &t->in[i].tensor;
    for (i = 0; i < t->n_out && st == INN_OK; i++) {
        const struct inn_tensor *known;

        known = inn_shapes_get(shapes, node->outputs[i]);
        out[i] = known != NULL ? *known : empty;
        if (known == NULL || known->data != NULL)
            continue;
        done = false;
        st = inn_tensor_new(&out[i], r->now->arena, known->type, known->rank,
                            known->dims, err);
        if (out[i].data != NULL) /* a kernel must fill all it is given */
            memset(out[i].data, 0x5a, out[i].bytes);
    }
    if (st == INN_OK && !done)
        st = inn_op_run(inn_node_op(node), &run, r->now->arena);
    return st;
}

static void check_outputs(struct runner *r, const struct inn_graph *graph,
                          const struct inn_shapes *shapes,
                          struct inn_error *err)
{
    struct inn_tensor one[CASE_OPERANDS], three[CASE_OPERANDS];
    const struct inn_node *node = &graph->nodes[0];
    struct op_case *t = r->now;
    enum inn_status st = INN_OK;
    int i;

    for (i = 0; i < t->n_out; i++) {
        if (t->out[i].omitted)
            continue;
        if ((inn_shapes_get(shapes, node->outputs[i]) == NULL) !=
            t->unknown) {
            complain(r, t->line, "%s: its shape is %sknown", t->out[i].name,
                     t->unknown ? "" : "un");
            return;
        }
    }
    if (t->unknown)
        return;
    if (inn_node_op(node)->run != NULL) {
        st = run_node(r, node, shapes, one, 1, err);
        if (st == INN_OK)
            st = run_node(r, node, shapes, three, 3, err);
    } else {
        for (i = 0; i < t->n_out; i++)
            one[i] = three[i] = node->outputs[i] < 0
                                    ? empty : shapes->known[node->outputs[i]];
    }
    if ((st != INN_OK) != (t->fails != NULL) ||
        (st != INN_OK && strstr(err->message, t->fails) == NULL)) {
        complain(r, t->line, "the kernel said: %s",
                 st != INN_OK ? err->message : "nothing");
        return;
    }
    for (i = 0; i < t->n_out && st == INN_OK; i++) {
        if (t->out[i].omitted)
            continue;
        if (!compare(r, &t->out[i], &one[i]))
            return;
        if (one[i].data != NULL && three[i].data != NULL &&
            memcmp(one[i].data, three[i].data, one[i].bytes) != 0)
            complain(r, t->line, "%s: threads change the bits",
                     t->out[i].name);
    }
}

/* The same outputs by way of folding, all inputs being constants. */
static void check_folding(struct runner *r)
{
    struct inn_graph *graph = NULL;
    struct inn_error err = {INN_OK, ""};
    struct inn_shapes shapes = {0};
    struct op_case *t = r->now;
    enum inn_status st;
    int i;

    st = build(r, &graph, true, &err);
    if (st == INN_OK)
        st = inn_shapes_infer(&shapes, graph, NULL, 0, 1, (size_t)1 << 24,
                              &err);
    if (st != INN_OK)
        complain(r, t->line, "folding said: %s", err.message);
    for (i = 0; i < t->n_out && st == INN_OK; i++) {
        const struct inn_tensor *got;

        if (t->out[i].omitted)
            continue;
        got = inn_shapes_get(&shapes, graph->nodes[0].outputs[i]);
        if (!compare(r, &t->out[i], got != NULL ? got : &empty))
            break;
    }
    inn_shapes_free(&shapes);
    inn_graph_free(graph);
}

/* oneDNN's functions of one element give something for NaN. */
static bool has_nan(const struct case_operand *o)
{
    size_t i, n = inn_tensor_count(&o->tensor);

    for (i = 0; i < n && inn_type_is_float(o->tensor.type); i++) {
        if (isnan(inn_element_get(o->tensor.type, o->tensor.data, i)))
            return true;
    }
    return false;
}

/*
 * The same outputs by way of a session, which has kernels of its own for
 * many rows: they have to read the same attributes. Theirs are sums in f32.
 */
static void check_session(struct runner *r)
{
    struct inn_session_options options = {.threads = 2};
    struct inn_tensor feeds[CASE_OPERANDS];
    struct inn_session *session = NULL;
    struct inn_graph *graph = NULL;
    struct inn_error err = {INN_OK, ""};
    const struct inn_tensor *got;
    struct op_case *t = r->now;
    enum inn_status st;
    int i, n = 0, k = 0;

    st = build(r, &graph, false, &err);
    for (i = 0; i < t->n_out && st == INN_OK; i++) {
        if (!t->out[i].omitted)
            graph->outputs[graph->n_outputs++] = graph->nodes[0].outputs[i];
    }
    for (i = 0; i < t->n_in; i++) {
        if (!t->in[i].omitted && !t->in[i].is_const)
            feeds[n++] = t->in[i].tensor;
    }
    if (st == INN_OK)
        st = inn_session_new(&session, graph, &options, &err);
    if (st == INN_OK)
        st = inn_session_run(session, &got, feeds, n, &err);
    if (st != INN_OK)
        complain(r, t->line, "a session said: %s", err.message);
    for (i = 0; i < t->n_out && st == INN_OK; i++) {
        struct case_operand want = t->out[i];

        if (want.omitted)
            continue;
        want.tolerance = fmax(want.tolerance, 1e-5);
        want.has_values = want.has_values && !has_nan(&want);
        if (!compare(r, &want, &got[k++]))
            break;
    }
    inn_session_free(session);
    inn_graph_free(graph);
}

static void run_case(void *context, struct op_case *now)
{
    struct runner *r = context;
    struct inn_graph *graph = NULL;
    struct inn_error err = {INN_OK, ""};
    struct inn_shapes shapes = {0};
    struct op_case *t = now;
    int before = r->failures;
    enum inn_status st;

    r->cases++;
    r->now = now;
    if (t->fails != NULL && t->n_out == 0)
        t->out[t->n_out++].name = "y";
    if (inn_op_find(t->domain, t->op, t->version) == NULL) {
        complain(r, t->line, "the registry has no %s %d", t->op, t->version);
        return;
    }
    st = build(r, &graph, false, &err);
    if (st == INN_OK)
        st = inn_shapes_infer(&shapes, graph, NULL, 0, 1, 0, &err);
    if (st == INN_OK)
        check_outputs(r, graph, &shapes, &err);
    else if (t->fails == NULL || strstr(err.message, t->fails) == NULL)
        complain(r, t->line, "inference said: %s", err.message);
    inn_shapes_free(&shapes);
    inn_graph_free(graph);
    if (t->fails == NULL && !t->unknown && r->failures == before &&
        inn_op_find(t->domain, t->op, t->version)->run != NULL) {
        check_folding(r);
        check_session(r);
    }
}

int main(int argc, char **argv)
{
    const char *source = getenv("srcdir");
    struct runner r = {NULL, NULL, 0, 0};
    char folder[4096];
    int i;

    r.heap = inn_heap_new((size_t)1 << 30);
    snprintf(folder, sizeof(folder), "%s/tests/ops",
             source != NULL ? source : ".");
    if (argc < 2)
        r.failures += case_visit(folder, r.heap, run_case, &r);
    for (i = 1; i < argc; i++)
        r.failures += case_visit(argv[i], r.heap, run_case, &r);
    if (inn_heap_used(r.heap) > 0) {
        printf("%zu bytes were not freed\n", inn_heap_used(r.heap));
        r.failures++;
    }
    printf("%d cases, %d failures\n", r.cases, r.failures);
    inn_heap_free(r.heap);
    return r.failures == 0 ? 0 : 1;
}
