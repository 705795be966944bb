/*
 * Running a graph: a plan for given input sizes (steps, layouts, memory from
 * lifetimes), kept until other sizes are asked for.
 */
#ifndef INN_EXEC_SESSION_H
#define INN_EXEC_SESSION_H

#include "runtime/graph/graph.h"

struct inn_session;

struct inn_session_options {
    int threads;    /* 0: all */
    bool reference; /* only reference kernels, no oneDNN, no fusion */
    bool keep_all;  /* every value stays readable after a run */
    bool profile;   /* the time of every step is taken */
    /*
     * Convolutions take and hand on bf16, and sum in f32; the rest stays as
     * it is. INN_ERR_UNSUPPORTED where the processor has no such arithmetic.
     */
    bool bf16;
    /*
     * A file, borrowed while the session is made: convolutions are timed in
     * all ways there are when they are planned, and which was fastest is kept
     * there. Results then depend on what was measured. A file of something
     * else is left alone. NULL: none.
     */
    const char *tune;
};

/*
 * Whether a file of something else stands at path, so that nothing can be kept
 * there. False where nothing is, and in builds that measure nothing.
 */
bool inn_tune_is_foreign(const char *path);

/*
 * Borrows graph, whose weights must be present and which must not change.
 * INN_ERR_UNSUPPORTED says how many graph nodes can't be run, and why the
 * first can't; a network without outputs can't be run either.
 */
enum inn_status inn_session_new(struct inn_session **session,
                                const struct inn_graph *graph,
                                const struct inn_session_options *options,
                                struct inn_error *err);
void inn_session_free(struct inn_session *session);

/*
 * Runs on in[n], in the order of graph->inputs. INN_ERR_RANGE where a type,
 * rank or fixed size differs from what the network declares. On success
 * *out points to graph->n_outputs tensors, borrowed until the next run.
 */
enum inn_status inn_session_run(struct inn_session *session,
                                const struct inn_tensor **out,
                                const struct inn_tensor *in, int n,
                                struct inn_error *err);

/* A value by its name after a run with keep_all; NULL if there is none. */
const struct inn_tensor *inn_session_value(const struct inn_session *session,
                                           const char *name);

/* One step of the present plan; pointers are borrowed until the next. */
struct inn_step_info {
    const struct inn_node *node; /* NULL: a change of layout or type */
    int n_fused;      /* graph nodes after it that are computed on the way */
    const char *impl; /* oneDNN's name, "reference", "convert" or "copy" */
    int64_t macs;     /* of node */
    int64_t ns;       /* of all runs with this plan, with profile; else 0 */
};

int inn_session_n_steps(const struct inn_session *session);
void inn_session_step(const struct inn_session *session,
                      struct inn_step_info *info, int i);

/* Bytes of activation memory of the present plan. */
size_t inn_session_workspace(const struct inn_session *session);

#endif
