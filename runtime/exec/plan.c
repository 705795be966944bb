/*
 * From a graph and its shapes to a schedule: which graph nodes run, as what,
 * in which order, and on which memory. Relies on inn_shapes_infer for sizes
 * and folded constants, on fuse.c and dnnl*.c for the fast path.
 */
#include <stdio.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/exec/dnnl_exec.h"
#include "runtime/exec/memory.h"
#include "runtime/exec/strided.h"

/* Constants that one graph node may compute while planning. */
#define FOLD_BYTES ((size_t)256 << 20)
/* Graph nodes that inn_unsupported names before it counts. */
#define NAMED 5

enum inn_status inn_unsupported(const struct inn_graph *graph,
                                const int *which, int n,
                                struct inn_error *err)
{
    char text[400];
    size_t len = 0;
    int i;

    text[0] = '\0';
    for (i = 0; i < n && i < NAMED; i++) {
        const struct inn_node *node = &graph->nodes[which[i]];
        int k;

        /* 5 x 74 fits: what is cut off is in the file all the same. */
        k = snprintf(text + len, sizeof(text) - len,
                     "%s%.24s '%.24s' opset %d", i != 0 ? ", " : "",
                     node->op_type, node->name, node->version);
        if (k < 0 || (size_t)k >= sizeof(text) - len)
            break;
        len += (size_t)k;
    }
    if (n > i)
        return inn_fail(err, INN_ERR_UNSUPPORTED,
                        "can't be run: %s and %d more", text, n - i);
    return inn_fail(err, INN_ERR_UNSUPPORTED, "can't be run: %s", text);
}

/* What inn_shapes_infer needs to know of the inputs. */
static enum inn_status infer(struct inn_schedule *s,
                             const struct inn_tensor *inputs,
                             struct inn_error *err)
{
    const struct inn_graph *g = s->graph;
    struct inn_binding *bindings;
    enum inn_status st;
    int i;

    bindings = inn_arena_alloc(&s->arena, (size_t)g->n_inputs,
                               sizeof(*bindings), err);
    if (bindings == NULL)
        return inn_refused(err);
    for (i = 0; i < g->n_inputs; i++) {
        bindings[i].name = g->values[g->inputs[i]].name;
        bindings[i].rank = inputs[i].rank;
        memcpy(bindings[i].dims, inputs[i].dims, sizeof(inputs[i].dims));
    }
    st = inn_shapes_infer(&s->shapes, g, bindings, (size_t)g->n_inputs, 1,
                          FOLD_BYTES, err);
    return st;
}

static bool shapes_known(const struct inn_schedule *s, const int *values,
                         int n)
{
    int i;

    for (i = 0; i < n; i++) {
        if (values[i] >= 0 && inn_shapes_get(&s->shapes, values[i]) == NULL)
            return false;
    }
    return true;
}

/* Whether a row that computes in f32 is given floats, and nothing else. */
static bool fits_types(const struct inn_schedule *s,
                       const struct inn_node *node, const struct inn_op *op)
{
    int i;

    for (i = 0; i < node->n_inputs + node->n_outputs; i++) {
        int v = i < node->n_inputs ? node->inputs[i]
                                   : node->outputs[i - node->n_inputs];
        const struct inn_tensor *t = inn_shapes_get(&s->shapes, v);

        if (op->types == INN_OP_FLOAT && t != NULL &&
            !inn_type_is_float(t->type))
            return false;
    }
    return true;
}

/*
 * All that stands in the way, in one error. Behind a graph node of unknown
 * output size everything is unknown: only the first of each chain is named.
 */
static enum inn_status check_runnable(const struct inn_builder *b,
                                      const bool *needed,
                                      const bool *value_needed, int *which,
                                      struct inn_error *err)
{
    const struct inn_graph *g = b->s->graph;
    int n = 0, i;

    for (i = 0; i < g->n_nodes; i++) {
        const struct inn_node *node = &g->nodes[i];
        const struct inn_op *op = inn_node_op(node);

        if (!needed[i])
            continue;
        if (op == NULL || op->infer == NULL || op->run == NULL ||
            node->n_captures != 0 || !fits_types(b->s, node, op) ||
            (!shapes_known(b->s, node->outputs, node->n_outputs) &&
             shapes_known(b->s, node->inputs, node->n_inputs)))
            which[n++] = i;
    }
    if (n != 0)
        return inn_unsupported(g, which, n, err);
    for (i = 0; i < g->n_inputs; i++) {
        int v = g->inputs[i];

        if (value_needed[v] && inn_shapes_get(&b->s->shapes, v) == NULL)
            return inn_fail(err, INN_ERR_UNSUPPORTED,
                            "input '%s' declares no tensor type",
                            g->values[v].name);
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
        if (fits(b, prim, node))
            w->prim = prim;
    } else if (err->status == INN_ERR_MEMORY || err->status == INN_ERR_LIMIT) {
        return err->status;
    }
    return INN_OK;
}

/* Lists the works and counts the reads of every value. */
static enum inn_status list_work(struct inn_builder *b, const bool *needed,
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
    for (i = 0; i < b->n_work && st == INN_OK; i++)
        st = lower(b, &b->work[i], err);
    return st;
}

/* Counts the reads of one graph node off (by = -1) or on again. */
static void count_reads(struct inn_builder *b, const struct inn_work *w,
                        int by)
{
    int i;

    for (i = 0; i < w->node->n_inputs; i++) {
        if (w->node->inputs[i] >= 0)
            b->remaining[w->node->inputs[i]] += by;
    }
}

/* The output of w as another sight of its input's memory. */
static enum inn_status add_view(struct inn_builder *b,
                                const struct inn_work *w,
                                struct inn_error *err)
{
    int in = w->node->inputs[0], out = w->node->outputs[0], from, slot;
    const struct inn_tensor *t = inn_shapes_get(&b->s->shapes, out);
    const struct inn_tensor *was = inn_shapes_get(&b->s->shapes, in);
    enum inn_type type = inn_build_find(b, in, t->type, false) >= 0
                             ? t->type
                             : inn_work_type(t->type);
    struct inn_tensor shown;
    enum inn_status st;

    from = inn_build_find(b, in, type, false);
    /* Reshaping needs plain bytes; a mere new name does not. */
    if (from < 0 || !inn_tensor_same_shape(t, was)) {
        st = inn_build_plain(b, &from, in, type, err);
        if (st != INN_OK)
            return st;
    }
    type = b->s->slots[from].tensor.type;
    st = inn_tensor_init(&shown, type, t->rank, t->dims, err);
    if (st != INN_OK)
        return st;
    return inn_build_alias(b, &slot, from, out, &shown,
                           b->s->slots[from].layout, err);
}

static enum inn_status add_prim(struct inn_builder *b, int i, int n_post,
                                bool *done, struct inn_error *err)
{
    switch (b->work[i].prim->kind) {
    case INN_PRIM_MAP:
        return inn_build_map(b, i, n_post, done, err);
    case INN_PRIM_MOVE:
        return inn_build_move(b, i, done, err);
    case INN_PRIM_PERMUTE:
        return inn_build_permute(b, i, done, err);
    case INN_PRIM_REDUCE:
        return inn_build_reduce(b, i, done, err);
    case INN_PRIM_NORM:
        return inn_build_norm(b, i, done, err);
    case INN_PRIM_SOFTMAX:
        return inn_build_softmax(b, i, done, err);
    case INN_PRIM_ZOOM:
        return inn_build_zoom(b, i, done, err);
    default:
        return inn_dnnl_build(b, i, n_post, done, err);
    }
}

/* Adds the steps of work i and the n_post works behind it; done as above. */
static enum inn_status add_work(struct inn_builder *b, int i, int n_post,
                                bool *done, struct inn_error *err)
{
    const struct inn_work *w = &b->work[i];
    enum inn_status st = INN_OK;
    int k;

    *done = true;
    count_reads(b, w, -1);
    for (k = 0; k < n_post; k++)
        count_reads(b, &b->work[w->post[k].work], -1);
    if (w->prim != NULL && w->prim->kind == INN_PRIM_VIEW)
        return add_view(b, w, err);
    *done = false;
    if (w->prim != NULL)
        st = add_prim(b, i, n_post, done, err);
    if (st == INN_OK && *done && b->s->n_steps != 0)
        b->s->steps[b->s->n_steps - 1].n_fused = n_post;
    if (st != INN_OK || *done)
        return st;
    if (n_post == 0) {
        *done = true;
        return inn_build_reference(b, w, err);
    }
    count_reads(b, w, 1);
    for (k = 0; k < n_post; k++)
        count_reads(b, &b->work[w->post[k].work], 1);
    return INN_OK;
}

/* With keep_all: the output of a graph node in plain form, for good. */
static enum inn_status keep_value(struct inn_builder *b, int v,
                                  struct inn_error *err)
{
    const struct inn_tensor *t = inn_shapes_get(&b->s->shapes, v);
    enum inn_status st;
    int slot;

    if (!b->s->keep_all || t == NULL)
        return INN_OK;
    st = inn_build_plain(b, &slot, v, t->type, err);
    if (st == INN_OK) {
        b->s->slots[slot].keep = true;
        b->s->slots[b->s->slots[slot].home].keep = true;
        b->s->plain_slots[v] = slot;
    }
    return st;
}

/*
 * A host with all it absorbs; where oneDNN can't do the whole chain, less of
 * it, and the rest one by one.
 */
static enum inn_status add_group(struct inn_builder *b, int host,
                                 struct inn_error *err)
{
    int n_post = b->work[host].n_post, k;
    enum inn_status st;
    bool done = false;

    for (k = n_post; k >= 0 && !done; k--) {
        st = add_work(b, host, k, &done, err);
        if (st != INN_OK)
            return st;
    }
    for (k++; k < n_post; k++) {
        st = add_work(b, b->work[host].post[k].work, 0, &done, err);
        if (st != INN_OK)
            return st;
    }
    return INN_OK;
}

static enum inn_status add_all_work(struct inn_builder *b,
                                    struct inn_error *err)
{
    enum inn_status st;
    int i, k;

    for (i = 0; i < b->n_work; i++) {
        const struct inn_work *host = &b->work[b->work[i].host];
        int last = host->n_post != 0 ? host->post[host->n_post - 1].work
                                     : b->work[i].host;

        if (i != last)
            continue;
        st = add_group(b, b->work[i].host, err);
        for (k = 0; k < b->work[i].node->n_outputs && st == INN_OK; k++) {
            if (b->work[i].node->outputs[k] >= 0)
                st = keep_value(b, b->work[i].node->outputs[k], err);
        }
        if (st != INN_OK)
            return st;
    }
    return INN_OK;
}

/* A copy of slot from in the workspace, which takes its place. */
static enum inn_status add_copy(struct inn_builder *b, int *slot, int from,
                                int value, struct inn_error *err)
{
    struct inn_tensor t = b->s->slots[from].tensor;
    enum inn_status st;
    int step;

    st = inn_build_slot(b, slot, INN_SLOT_BUFFER, value, &t, err);
    if (st != INN_OK)
        return st;
    st = inn_build_step(b, &step, INN_STEP_COPY, 1, 1, err);
    if (st != INN_OK)
        return st;
    b->s->steps[step].in[0] = from;
    b->s->steps[step].out[0] = *slot;
    return INN_OK;
}

static enum inn_status add_inputs(struct inn_builder *b,
                                  const bool *value_needed,
                                  struct inn_error *err)
{
    const struct inn_graph *g = b->s->graph;
    enum inn_status st;
    int i;

    for (i = 0; i < g->n_inputs; i++) {
        int v = g->inputs[i], copy;
        const struct inn_tensor *t = inn_shapes_get(&b->s->shapes, v);

        b->s->input_slots[i] = -1;
        if (t == NULL || (!value_needed[v] && !b->s->keep_all))
            continue;
        st = inn_build_slot(b, &b->s->input_slots[i], INN_SLOT_INPUT,
                            b->s->keep_all ? -1 : v, t, err);
        if (st != INN_OK)
            return st;
        if (!b->s->keep_all)
            continue;
        /* The caller's memory may be gone when the value is looked at. */
        st = add_copy(b, &copy, b->s->input_slots[i], v, err);
        if (st == INN_OK)
            st = keep_value(b, v, err);
        if (st != INN_OK)
            return st;
    }
    return INN_OK;
}

/* Outputs stay until the next run: in the workspace, plain, as declared. */
static enum inn_status add_outputs(struct inn_builder *b,
                                   struct inn_error *err)
{
    const struct inn_graph *g = b->s->graph;
    enum inn_status st;
    int i, slot;

    for (i = 0; i < g->n_outputs; i++) {
        int v = g->outputs[i];

        st = inn_build_plain(b, &slot, v,
                             inn_shapes_get(&b->s->shapes, v)->type, err);
        if (st == INN_OK && b->s->slots[slot].kind != INN_SLOT_BUFFER)
            st = add_copy(b, &slot, slot, -1, err);
        if (st != INN_OK)
            return st;
        b->s->slots[b->s->slots[slot].home].keep = true;
        b->s->output_slots[i] = slot;
    }
    return INN_OK;
}

static void touch(struct inn_schedule *s, struct inn_buffer *buffers,
                  const int *slots, int n, int step)
{
    int i;

    for (i = 0; i < n; i++) {
        struct inn_buffer *f;

        if (slots[i] < 0)
            continue;
        f = &buffers[s->slots[slots[i]].home];
        if (f->first > step)
            f->first = step;
        if (f->last < step)
            f->last = step;
    }
}

/* Lifetimes from the steps, offsets from lifetimes, and the workspace. */
static enum inn_status give_memory(struct inn_builder *b,
                                   struct inn_error *err)
{
    struct inn_schedule *s = b->s;
    struct inn_buffer *buffers;
    enum inn_status st;
    int i;

    buffers = inn_arena_alloc(&b->scratch, (size_t)s->n_slots,
                              sizeof(*buffers), err);
    if (buffers == NULL)
        return inn_refused(err);
    for (i = 0; i < s->n_slots; i++) {
        buffers[i].first = s->n_steps;
        if (s->slots[i].kind == INN_SLOT_BUFFER && s->slots[i].home == i)
            buffers[i].bytes = s->slots[i].bytes;
    }
    for (i = 0; i < s->n_steps; i++) {
        touch(s, buffers, s->steps[i].in, s->steps[i].n_in, i);
        touch(s, buffers, s->steps[i].out, s->steps[i].n_out, i);
    }
    for (i = 0; i < s->n_slots; i++) {
        if (s->slots[i].keep || buffers[i].last < buffers[i].first)
            buffers[i].last = s->n_steps;
    }
    st = inn_memory_plan(buffers, (size_t)s->n_slots, &s->workspace_bytes,
                         s->heap, err);
    if (st != INN_OK)
        return st;
    s->workspace = inn_alloc_raw(s->heap, s->workspace_bytes, 1, err);
    if (s->workspace == NULL)
        return inn_refused(err);
    for (i = 0; i < s->n_slots; i++) {
        if (s->slots[i].kind == INN_SLOT_BUFFER)
            s->slots[i].tensor.data = (char *)s->workspace +
                                      buffers[s->slots[i].home].offset;
    }
    return INN_OK;
}

/* Tensors of kernels and outputs, now that slots stand still. */
static void bind_tensors(struct inn_schedule *s)
{
    int i, j;

    for (i = 0; i < s->n_steps; i++) {
        struct inn_step *step = &s->steps[i];

        if (step->kind != INN_STEP_RUN)
            continue;
        for (j = 0; j < step->n_in; j++) {
            if (step->in[j] >= 0)
                step->in_tensors[j] = &s->slots[step->in[j]].tensor;
        }
        for (j = 0; j < step->n_out; j++) {
            if (step->out[j] >= 0)
                step->out_tensors[j].data = s->slots[step->out[j]].tensor.data;
        }
    }
    for (i = 0; i < s->graph->n_outputs; i++)
        s->outputs[i] = s->slots[s->output_slots[i]].tensor;
}

static enum inn_status alloc_parts(struct inn_builder *b,
                                   struct inn_error *err)
{
    struct inn_schedule *s = b->s;
    size_t n = (size_t)s->graph->n_values, i;

    s->input_slots = inn_arena_alloc(&s->arena, (size_t)s->graph->n_inputs,
                                     sizeof(int), err);
    s->output_slots = inn_arena_alloc(&s->arena, (size_t)s->graph->n_outputs,
                                      sizeof(int), err);
    s->outputs = inn_arena_alloc(&s->arena, (size_t)s->graph->n_outputs,
                                 sizeof(*s->outputs), err);
    s->plain_slots = inn_arena_alloc(&s->arena, n, sizeof(int), err);
    b->slot_of = inn_arena_alloc(&b->scratch, n, sizeof(int), err);
    b->remaining = inn_arena_alloc(&b->scratch, n, sizeof(int), err);
    if (s->input_slots == NULL || s->output_slots == NULL ||
        s->outputs == NULL || s->plain_slots == NULL || b->slot_of == NULL ||
        b->remaining == NULL)
        return inn_refused(err);
    for (i = 0; i < n; i++) {
        b->slot_of[i] = -1;
        s->plain_slots[i] = -1;
    }
    return INN_OK;
}

static enum inn_status build(struct inn_builder *b,
                             const struct inn_tensor *inputs,
                             struct inn_error *err)
{
    const struct inn_graph *g = b->s->graph;
    bool *node_needed, *value_needed;
    enum inn_status st;
    int *which;

    st = infer(b->s, inputs, err);
    if (st != INN_OK)
        return st;
    node_needed = inn_arena_alloc(&b->scratch, (size_t)g->n_nodes,
                                  sizeof(bool), err);
    value_needed = inn_arena_alloc(&b->scratch, (size_t)g->n_values,
                                   sizeof(bool), err);
    which = inn_arena_alloc(&b->scratch, (size_t)g->n_nodes, sizeof(int),
                            err);
    if (node_needed == NULL || value_needed == NULL || which == NULL)
        return inn_refused(err);
    inn_mark_needed(g, &b->s->shapes, node_needed, value_needed);
    st = check_runnable(b, node_needed, value_needed, which, err);
    if (st == INN_OK)
        st = alloc_parts(b, err);
    if (st == INN_OK)
        st = list_work(b, node_needed, err);
    if (st == INN_OK && !b->s->reference && !b->s->keep_all)
        st = inn_fuse(b, err);
    if (st == INN_OK)
        st = add_inputs(b, value_needed, err);
    if (st == INN_OK)
        st = add_all_work(b, err);
    if (st == INN_OK)
        st = add_outputs(b, err);
    if (st == INN_OK)
        st = give_memory(b, err);
    if (st != INN_OK)
        return st;
    bind_tensors(b->s);
    return inn_dnnl_bind(b->s, err);
}

enum inn_status inn_schedule_new(struct inn_schedule **schedule,
                                 const struct inn_graph *graph,
                                 const struct inn_session_options *options,
                                 int threads, struct inn_dnnl *dnnl,
                                 const struct inn_tensor *inputs,
                                 struct inn_error *err)
{
    struct inn_builder b = {0};
    struct inn_schedule *s;
    enum inn_status st;

    *schedule = NULL;
    s = inn_alloc(graph->heap, 1, sizeof(*s), err);
    if (s == NULL)
        return inn_refused(err);
    s->heap = graph->heap;
    s->graph = graph;
    s->dnnl = options->reference ? NULL : dnnl;
    s->threads = threads;
    s->reference = options->reference;
    s->keep_all = options->keep_all;
    s->bf16 = options->bf16;
    inn_arena_init(&s->arena, s->heap);
    inn_arena_init(&s->shapes.arena, s->heap);
    inn_arena_init(&b.scratch, s->heap);
    b.s = s;
    st = build(&b, inputs, err);
    inn_arena_free(&b.scratch);
    if (st != INN_OK)
        inn_schedule_free(s);
    else
        *schedule = s;
    return st;
}

void inn_schedule_free(struct inn_schedule *schedule)
{
    int i;

    if (schedule == NULL)
        return;
    for (i = 0; i < schedule->n_steps; i++)
        inn_dnnl_prim_free(schedule->steps[i].prim);
    for (i = 0; i < schedule->n_slots; i++)
        inn_dnnl_memory_free(schedule->slots[i].memory);
    inn_free(schedule->heap, schedule->workspace);
    inn_free(schedule->heap, schedule->slots);
    inn_free(schedule->heap, schedule->steps);
    inn_shapes_free(&schedule->shapes);
    inn_arena_free(&schedule->arena);
    inn_free(schedule->heap, schedule);
}
