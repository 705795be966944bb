/*
 * From a graph and its shapes to a schedule: in which order its works run
 * (works.c), and on which memory. Relies on inn_shapes_infer for sizes and
 * folded constants, on fuse.c and dnnl*.c for the fast path.
 */
#include <stdio.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/exec/dnnl_exec.h"
#include "runtime/exec/memory.h"
#include "runtime/exec/strided.h"

/* Constants that one graph node may compute while planning. */
#define FOLD_BYTES ((size_t)256 << 20)
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
    st = inn_works_check(b, node_needed, value_needed, which, err);
    if (st == INN_OK)
        st = alloc_parts(b, err);
    if (st == INN_OK)
        st = inn_works_list(b, node_needed, err);
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
                                 enum inn_care care, int threads,
                                 struct inn_dnnl *dnnl,
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
    s->care = care;
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
