/*
 * The session: checks what the caller hands in, keeps the schedule of the last
 * input sizes, and walks its steps.
 */
#include "runtime/exec/session.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/base/threads.h"
#include "runtime/exec/crowd.h"
#include "runtime/exec/dnnl_exec.h"
#include "runtime/exec/strided.h"
#include "runtime/exec/workers.h"
#include "runtime/ops/common.h"
#include "runtime/ops/reason.h"

struct inn_session {
    const struct inn_graph *graph;
    struct inn_session_options options;
    struct inn_dnnl *dnnl;
    struct inn_schedule *schedule; /* or NULL */
    struct inn_tensor *sizes;      /* [n_inputs], what they are for */
    struct inn_schedule *careful;  /* or NULL: that loses no NaN */
    const struct inn_schedule *last; /* the one that ran; or NULL */
    bool raised; /* by it: an invalid operation (workers.h) */
    /* The same for one thread, made when cores are busy; or NULL. */
    struct inn_schedule *alone;
    bool never_alone; /* there was no memory for it, or it is not wanted */
    struct inn_crowd crowd;
};

/* Every graph node for which there is no row, before any size is known. */
static enum inn_status check_rows(const struct inn_graph *graph,
                                  struct inn_error *err)
{
    struct inn_arena arena;
    bool *node_needed, *value_needed;
    enum inn_status st = INN_OK;
    enum inn_reason reason;
    int *which, n = 0, i;

    inn_arena_init(&arena, graph->heap);
    node_needed = inn_arena_alloc(&arena, (size_t)graph->n_nodes,
                                  sizeof(bool), err);
    value_needed = inn_arena_alloc(&arena, (size_t)graph->n_values,
                                   sizeof(bool), err);
    which = inn_arena_alloc(&arena, (size_t)graph->n_nodes, sizeof(int), err);
    if (node_needed == NULL || value_needed == NULL || which == NULL) {
        st = inn_refused(err);
        goto out;
    }
    inn_mark_needed(graph, NULL, node_needed, value_needed);
    for (i = 0; i < graph->n_nodes && st == INN_OK; i++) {
        if (!node_needed[i])
            continue;
        st = inn_node_reason(&reason, NULL, &graph->nodes[i], NULL, &arena,
                             err);
        if (st == INN_OK && reason != INN_REASON_NONE)
            which[n++] = i;
    }
    if (st == INN_OK && n != 0)
        st = inn_refuse_nodes(graph, NULL, which, n, err);
out:
    inn_arena_free(&arena);
    return st;
}

static enum inn_status check_weights(const struct inn_graph *graph,
                                     struct inn_error *err)
{
    int i;

    for (i = 0; i < graph->n_values; i++) {
        const struct inn_tensor *t = graph->values[i].init;

        if (t != NULL && t->data == NULL && t->bytes != 0)
            return inn_fail(err, INN_ERR_ARGUMENT,
                            "initializer '%s' has no data: a network without "
                            "weights can't be run",
                            graph->values[i].name);
    }
    return INN_OK;
}

/* Whether every input declares its type and all its sizes; fills sizes. */
static bool all_fixed(const struct inn_graph *graph,
                      struct inn_tensor *sizes)
{
    int i, k;

    for (i = 0; i < graph->n_inputs; i++) {
        const struct inn_value *v = &graph->values[graph->inputs[i]];
        int64_t dims[INN_MAX_RANK];

        if (!v->declared || v->rank < 0 || v->rank > INN_MAX_RANK)
            return false;
        for (k = 0; k < v->rank; k++) {
            dims[k] = v->dims[k].size;
            if (dims[k] < 0)
                return false;
        }
        if (inn_tensor_init(&sizes[i], v->type, v->rank, dims, NULL) !=
            INN_OK)
            return false;
    }
    return true;
}

/* A schedule for inputs of these sizes on threads (0: all there are). */
static enum inn_status make_schedule(struct inn_session *session,
                                     struct inn_schedule **schedule,
                                     enum inn_care care, int threads,
                                     const struct inn_tensor *in,
                                     struct inn_error *err)
{
    struct inn_workers workers;
    enum inn_status st;

    inn_workers_enter(&workers, threads);
    st = inn_schedule_new(schedule, session->graph, &session->options, care,
                          workers.threads, session->dnnl, in, err);
    inn_workers_leave(&workers);
    return st;
}

static void drop_schedules(struct inn_session *session)
{
    inn_schedule_free(session->schedule);
    inn_schedule_free(session->alone);
    inn_schedule_free(session->careful);
    session->schedule = NULL;
    session->alone = NULL;
    session->careful = NULL;
    session->last = NULL;
}

/*
 * Whether runs may go by one thread when cores are busy: not where times are
 * taken, values are looked at, or times have chosen the algorithms, of which
 * some round by the number of threads.
 */
static bool may_be_alone(const struct inn_session *session)
{
    const struct inn_session_options *o = &session->options;

    return session->dnnl != NULL && session->schedule->threads > 1 &&
           !o->profile && !o->keep_all && o->tune == NULL;
}

/* Makes the schedule for inputs of these sizes, in place of the old one. */
static enum inn_status plan(struct inn_session *session,
                            const struct inn_tensor *in,
                            struct inn_error *err)
{
    static const struct inn_crowd nobody = {0};
    enum inn_status st;
    int i;

    drop_schedules(session);
    st = make_schedule(session, &session->schedule, INN_CARE_NONE,
                       session->options.threads, in, err);
    if (st == INN_OK)
        st = inn_dnnl_keep(session->dnnl, err);
    for (i = 0; i < session->graph->n_inputs && st == INN_OK; i++) {
        session->sizes[i] = in[i];
        session->sizes[i].data = NULL;
    }
    session->crowd = nobody;
    session->never_alone = st != INN_OK || !may_be_alone(session);
    return st;
}

/* Makes the schedule for one thread, if it can be; else runs stay as usual. */
static bool can_be_alone(struct inn_session *session,
                         const struct inn_tensor *in)
{
    struct inn_error ignored;

    if (session->alone == NULL && !session->never_alone &&
        make_schedule(session, &session->alone, INN_CARE_NONE, 1, in,
                      &ignored) != INN_OK)
        session->never_alone = true;
    return session->alone != NULL;
}

static enum inn_status session_init(struct inn_session *s,
                                    struct inn_error *err)
{
    const struct inn_graph *graph = s->graph;
    enum inn_status st;

    if (graph->n_outputs < 1)
        return inn_fail(err, INN_ERR_UNSUPPORTED,
                        "the network has no outputs: nothing is computed");
    s->sizes = inn_alloc(graph->heap, (size_t)graph->n_inputs,
                         sizeof(*s->sizes), err);
    if (s->sizes == NULL)
        return inn_refused(err);
    st = check_weights(graph, err);
    if (st == INN_OK && s->options.bf16 && !inn_dnnl_has_bf16())
        st = inn_fail(err, INN_ERR_UNSUPPORTED,
                      "there are no kernels for bf16 on this processor");
    if (st == INN_OK && !s->options.reference)
        st = inn_dnnl_new(&s->dnnl, s->options.tune, graph->heap, err);
    if (st == INN_OK && all_fixed(graph, s->sizes))
        return plan(s, s->sizes, err);
    if (st == INN_OK)
        st = check_rows(graph, err);
    return st;
}

enum inn_status inn_session_new(struct inn_session **session,
                                const struct inn_graph *graph,
                                const struct inn_session_options *options,
                                struct inn_error *err)
{
    struct inn_error local = {0};
    struct inn_session *s;
    enum inn_status st;

    if (err == NULL)
        err = &local;
    *session = NULL;
    s = inn_alloc(graph->heap, 1, sizeof(*s), err);
    if (s == NULL)
        return inn_refused(err);
    s->graph = graph;
    if (options != NULL)
        s->options = *options;
    st = session_init(s, err);
    if (st != INN_OK)
        inn_session_free(s);
    else
        *session = s;
    return st;
}

void inn_session_free(struct inn_session *session)
{
    struct inn_heap *heap;

    if (session == NULL)
        return;
    heap = session->graph->heap;
    drop_schedules(session);
    inn_dnnl_free(session->dnnl);
    inn_free(heap, session->sizes);
    inn_free(heap, session);
}

/* "Nx3x224x224": what the network declares of v. */
#define DECLARED_TEXT 400
static const char *declared_text(char text[DECLARED_TEXT],
                                 const struct inn_value *v)
{
    size_t len = 0;
    int i;

    snprintf(text, DECLARED_TEXT, "scalar");
    for (i = 0; i < v->rank && len < DECLARED_TEXT; i++) {
        const char *x = i != 0 ? "x" : "";
        int k;

        if (v->dims[i].size >= 0)
            k = snprintf(text + len, DECLARED_TEXT - len, "%s%lld", x,
                         (long long)v->dims[i].size);
        else
            k = snprintf(text + len, DECLARED_TEXT - len, "%s%s", x,
                         v->dims[i].symbol != NULL ? v->dims[i].symbol : "?");
        len += k > 0 ? (size_t)k : 0;
    }
    return text;
}

static enum inn_status check_input(const struct inn_value *v,
                                   const struct inn_tensor *in,
                                   struct inn_error *err)
{
    char have[INN_SHAPE_TEXT], want[DECLARED_TEXT];
    struct inn_tensor again;
    enum inn_status st;
    bool fits;
    int i;

    st = inn_tensor_init(&again, in->type, in->rank, in->dims, err);
    if (st != INN_OK) {
        inn_error_prefix(err, "input '%s'", v->name);
        return st;
    }
    if (v->type != INN_UNDEFINED && in->type != v->type)
        return inn_fail(err, INN_ERR_RANGE,
                        "input '%s' is %s, the network wants %s", v->name,
                        inn_type_name(in->type), inn_type_name(v->type));
    fits = v->rank < 0 || in->rank == v->rank;
    for (i = 0; fits && i < v->rank; i++)
        fits = v->dims[i].size < 0 || v->dims[i].size == in->dims[i];
    if (!fits)
        return inn_fail(err, INN_ERR_RANGE,
                        "input '%s' is %s, the network wants %s", v->name,
                        inn_shape_text(have, in->rank, in->dims),
                        declared_text(want, v));
    if (in->bytes != again.bytes || (in->data == NULL && in->bytes != 0))
        return inn_fail(err, INN_ERR_ARGUMENT,
                        "input '%s' has %zu bytes of data, its shape %s "
                        "takes %zu",
                        v->name, in->data != NULL ? in->bytes : (size_t)0,
                        inn_shape_text(have, in->rank, in->dims),
                        again.bytes);
    return INN_OK;
}

/* A symbol stands for one size, wherever it is written. */
static enum inn_status check_symbols(const struct inn_graph *graph,
                                     const struct inn_tensor *in,
                                     struct inn_error *err)
{
    struct inn_arena arena;
    struct inn_map seen; /* symbol to 8 i + axis of its first use */
    enum inn_status st = INN_OK;
    int i, k;

    inn_arena_init(&arena, graph->heap);
    inn_map_init(&seen, &arena);
    for (i = 0; i < graph->n_inputs && st == INN_OK; i++) {
        const struct inn_value *v = &graph->values[graph->inputs[i]];

        for (k = 0; k < v->rank && st == INN_OK; k++) {
            int at;

            if (v->dims[k].size >= 0 || v->dims[k].symbol == NULL)
                continue;
            at = inn_map_get(&seen, v->dims[k].symbol);
            if (at < 0)
                st = inn_map_put(&seen, v->dims[k].symbol,
                                 i * INN_MAX_RANK + k, err);
            else if (in[at / INN_MAX_RANK].dims[at % INN_MAX_RANK] !=
                     in[i].dims[k])
                st = inn_fail(
                    err, INN_ERR_RANGE,
                    "dimension '%s' is %lld in input '%s' and %lld in "
                    "'%s'",
                    v->dims[k].symbol,
                    (long long)in[at / INN_MAX_RANK].dims[at % INN_MAX_RANK],
                    graph->values[graph->inputs[at / INN_MAX_RANK]].name,
                    (long long)in[i].dims[k], v->name);
        }
    }
    inn_arena_free(&arena);
    return st;
}

static enum inn_status check_inputs(const struct inn_graph *graph,
                                    const struct inn_tensor *in, int n,
                                    struct inn_error *err)
{
    enum inn_status st;
    int i;

    if (n != graph->n_inputs)
        return inn_fail(err, INN_ERR_RANGE,
                        "%d inputs are given, the network wants %d", n,
                        graph->n_inputs);
    for (i = 0; i < n; i++) {
        st = check_input(&graph->values[graph->inputs[i]], &in[i], err);
        if (st != INN_OK)
            return st;
    }
    return INN_OK;
}

/* Whether the present schedule is for these sizes, and can have its threads. */
static bool is_planned(const struct inn_session *s,
                       const struct inn_tensor *in)
{
    int i;

    if (s->schedule == NULL ||
        inn_threads_granted(s->schedule->threads) < s->schedule->threads)
        return false;
    for (i = 0; i < s->graph->n_inputs; i++) {
        if (in[i].type != s->sizes[i].type ||
            !inn_tensor_same_shape(&in[i], &s->sizes[i]))
            return false;
    }
    return true;
}

/* Points all slots that show an input at the caller's memory. */
static enum inn_status take_inputs(struct inn_schedule *s,
                                   const struct inn_tensor *in,
                                   struct inn_error *err)
{
    enum inn_status st = INN_OK;
    int i;

    for (i = 0; i < s->graph->n_inputs; i++) {
        if (s->input_slots[i] >= 0)
            s->slots[s->input_slots[i]].tensor.data = in[i].data;
    }
    for (i = 0; i < s->n_slots && st == INN_OK; i++) {
        struct inn_slot *slot = &s->slots[i];

        if (slot->kind != INN_SLOT_INPUT)
            continue;
        slot->tensor.data = s->slots[slot->home].tensor.data;
        st = inn_dnnl_move(s, i, err);
    }
    return st;
}

static enum inn_status run_step(struct inn_schedule *s,
                                const struct inn_step *step,
                                struct inn_error *err)
{
    const struct inn_slot *in, *out;

    switch (step->kind) {
    case INN_STEP_RUN:
        return inn_run_reference(s, step, err);
    case INN_STEP_PRIM:
        return inn_dnnl_run(s, step, err);
    case INN_STEP_MOVE:
        inn_run_move(s, step);
        return INN_OK;
    case INN_STEP_MAP:
        inn_run_map(s, step);
        return INN_OK;
    case INN_STEP_OWN:
        step->own(s, step);
        return INN_OK;
    case INN_STEP_CONVERT:
    case INN_STEP_COPY:
        break;
    }
    in = &s->slots[step->in[0]];
    out = &s->slots[step->out[0]];
    if (step->kind == INN_STEP_CONVERT)
        inn_convert_elements(out->tensor.data, out->tensor.type,
                             in->tensor.data, in->tensor.type,
                             inn_tensor_count(&in->tensor));
    else if (in->bytes != 0)
        memcpy(out->tensor.data, in->tensor.data, in->bytes);
    return INN_OK;
}

static enum inn_status run_timed(struct inn_schedule *s,
                                 struct inn_step *step, struct inn_error *err)
{
    int64_t start = inn_clock_ns();
    enum inn_status st = run_step(s, step, err);

    step->ns += inn_clock_ns() - start;
    return st;
}

/* Looking at the clock after so many steps costs nothing yet. */
#define STEPS_AT_ONCE 4

/*
 * Steps from *at on, until all are done or, with crowd, the run is late; *at
 * is then the next one. session->raised: whether some operation was invalid.
 */
static enum inn_status run_steps(struct inn_session *session,
                                 struct inn_schedule *s, int *at,
                                 const struct inn_crowd *crowd,
                                 struct inn_error *err)
{
    struct inn_workers workers;
    enum inn_status st = INN_OK;
    int first = *at;

    inn_workers_enter(&workers, s->threads);
    while (*at < s->n_steps && st == INN_OK) {
        struct inn_step *step = &s->steps[*at];

        if (crowd != NULL && *at > first && *at % STEPS_AT_ONCE == 0 &&
            inn_crowd_is_late(crowd, inn_clock_ns()))
            break;
        st = session->options.profile ? run_timed(s, step, err)
                                      : run_step(s, step, err);
        ++*at;
    }
    if (inn_workers_leave(&workers))
        session->raised = true;
    return st;
}

/*
 * On all threads. A run that is late is left: what has been computed is less
 * than what the wait for the rest would cost. Then *left is true.
 */
static enum inn_status run_together(struct inn_session *session, bool *left,
                                    const struct inn_tensor *in,
                                    struct inn_error *err)
{
    struct inn_schedule *s = session->schedule;
    struct inn_crowd *crowd = session->never_alone ? NULL : &session->crowd;
    enum inn_status st = take_inputs(s, in, err);
    int at = 0;

    *left = false;
    session->raised = false;
    session->last = s;
    if (st == INN_OK)
        st = run_steps(session, s, &at, crowd, err);
    if (st == INN_OK && at < s->n_steps) {
        inn_crowd_yield(crowd, inn_clock_ns(), inn_crowd_preempted);
        *left = can_be_alone(session, in);
        return *left ? INN_OK : run_steps(session, s, &at, NULL, err);
    }
    if (st == INN_OK && crowd != NULL)
        inn_crowd_end(crowd, inn_clock_ns(), inn_crowd_preempted);
    return st;
}

/* All steps of a schedule, however long they take. */
static enum inn_status run_whole(struct inn_session *session,
                                 struct inn_schedule *s,
                                 const struct inn_tensor *in,
                                 struct inn_error *err)
{
    enum inn_status st = take_inputs(s, in, err);
    int at = 0;

    session->raised = false;
    session->last = s;
    return st == INN_OK ? run_steps(session, s, &at, NULL, err) : st;
}

/* As usual: on all threads, or on one while cores are busy. */
static enum inn_status run_usual(struct inn_session *session,
                                 const struct inn_tensor *in,
                                 struct inn_error *err)
{
    enum inn_status st = INN_OK;
    bool alone;

    alone = !session->never_alone &&
            inn_crowd_begin(&session->crowd, inn_clock_ns(),
                            inn_crowd_preempted) &&
            can_be_alone(session, in);
    if (!alone)
        st = run_together(session, &alone, in, err);
    return alone && st == INN_OK
               ? run_whole(session, session->alone, in, err) : st;
}

/* Infinity less itself is no number, nor is NaN. */
static bool is_finite_f32(const float *x, size_t n)
{
    float sum = 0.0f;
    size_t i;

#pragma omp simd reduction(+ : sum)
    for (i = 0; i < n; i++)
        sum += x[i] - x[i];
    return sum == 0.0f;
}

static bool is_finite(const struct inn_tensor *t)
{
    size_t n = inn_tensor_count(t), i;

    if (!inn_type_is_float(t->type))
        return true;
    if (t->type == INN_F32)
        return is_finite_f32(t->data, n);
    for (i = 0; i < n; i++) {
        if (!isfinite(inn_element_get(t->type, t->data, i)))
            return false;
    }
    return true;
}

/* What these inputs need from the start. */
static enum inn_care find_care(const struct inn_session *session,
                               const struct inn_tensor *in)
{
    const struct inn_schedule *s = session->schedule;
    int i;

    for (i = 0; i < session->graph->n_inputs; i++) {
        if (!is_finite(&in[i]))
            return s->spreads_nan || s->loses_nan ? INN_CARE_PLACES
                                                  : INN_CARE_NONE;
    }
    return INN_CARE_NONE;
}

static enum inn_status run_with_care(struct inn_session *session,
                                     enum inn_care care,
                                     const struct inn_tensor *in,
                                     struct inn_error *err)
{
    enum inn_status st = INN_OK;

    if (session->careful == NULL || session->careful->care != care) {
        session->last = NULL;
        inn_schedule_free(session->careful);
        session->careful = NULL;
        st = make_schedule(session, &session->careful, care,
                           session->options.threads, in, err);
    }
    return st == INN_OK ? run_whole(session, session->careful, in, err) : st;
}

enum inn_status inn_session_run(struct inn_session *session,
                                const struct inn_tensor **out,
                                const struct inn_tensor *in, int n,
                                struct inn_error *err)
{
    struct inn_error local = {0};
    enum inn_care care;
    enum inn_status st;

    if (err == NULL)
        err = &local;
    *out = NULL;
    st = check_inputs(session->graph, in, n, err);
    if (st == INN_OK && !is_planned(session, in)) {
        st = check_symbols(session->graph, in, err);
        if (st == INN_OK)
            st = plan(session, in, err);
    }
    if (st != INN_OK)
        return st;
    care = find_care(session, in);
    if (care == INN_CARE_NONE) {
        st = run_usual(session, in, err);
        if (session->raised && session->schedule->loses_nan)
            care = INN_CARE_NAN;
    }
    if (st == INN_OK && care != INN_CARE_NONE)
        st = run_with_care(session, care, in, err);
    if (st == INN_OK)
        *out = session->last->outputs;
    return st;
}

const struct inn_tensor *inn_session_value(const struct inn_session *session,
                                           const char *name)
{
    const struct inn_schedule *s = session->last;
    int v = inn_graph_find(session->graph, name);

    if (v < 0 || s == NULL || !s->keep_all)
        return NULL;
    if (s->plain_slots[v] >= 0)
        return &s->slots[s->plain_slots[v]].tensor;
    return inn_constant(session->graph, &s->shapes, v);
}

int inn_session_n_steps(const struct inn_session *session)
{
    return session->schedule != NULL ? session->schedule->n_steps : 0;
}

void inn_session_step(const struct inn_session *session,
                      struct inn_step_info *info, int i)
{
    const struct inn_step *step = &session->schedule->steps[i];

    info->node = step->node;
    info->n_fused = step->n_fused;
    info->impl = step->impl;
    info->macs = step->node == NULL ? 0
                 : inn_shapes_macs(&session->schedule->shapes, step->node);
    info->ns = step->ns;
}

size_t inn_session_workspace(const struct inn_session *session)
{
    return session->schedule != NULL ? session->schedule->workspace_bytes : 0;
}
