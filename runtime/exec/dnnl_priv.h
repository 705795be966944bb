/*
 * Between the files that know oneDNN. Its primitives are created with layouts
 * left open; what they choose is the layout of the slots around them, and
 * reorders go only where two choices differ.
 */
#ifndef INN_EXEC_DNNL_PRIV_H
#define INN_EXEC_DNNL_PRIV_H

#include <dnnl.h>

#include "runtime/exec/dnnl_exec.h"

struct inn_tune;

struct inn_dnnl {
    struct inn_heap *heap;
    struct inn_tune *tune; /* NULL: nothing is measured */
    dnnl_engine_t engine;
    dnnl_stream_t stream;
};

struct inn_layout {
    dnnl_memory_desc_t md;
};

#define INN_DNNL_ARGS (INN_MAX_POST + 6)

/* What a primitive reads and writes. */
struct inn_args {
    int n;
    struct {
        int arg; /* DNNL_ARG_… */
        int slot;
        bool is_output;
    } at[INN_DNNL_ARGS];
};

/* A primitive before it is one. */
struct inn_desc {
    dnnl_primitive_desc_t pd; /* NULL: oneDNN can't, or only slowly */
    bool serial;              /* its sums depend on the thread count */
};

/* The result of a convolution or product, as post-ops see it. */
struct inn_dst {
    int ndims, channel;
    dnnl_dims_t dims;
    bool as_sum; /* the residual is what dst holds already */
    int residual; /* its slot, where !as_sum */
};

/*
 * INN_ERR_MEMORY where the system has no more: asked before oneDNN is, which
 * ends the process when it finds that out in the wrong place.
 */
enum inn_status inn_dnnl_room(struct inn_error *err);
/* A failure of oneDNN that is not a mere "can't". */
enum inn_status inn_dnnl_fail(struct inn_error *err, const char *what,
                              dnnl_status_t status);

/* Row-major, f32; a scalar is one element of one axis. */
enum inn_status inn_md_plain(dnnl_memory_desc_t *md, int ndims,
                             const int64_t *dims, struct inn_error *err);
enum inn_status inn_md_strided(dnnl_memory_desc_t *md, int ndims,
                               const int64_t *dims, const int64_t *strides,
                               struct inn_error *err);
/* With the layout left open. */
enum inn_status inn_md_any(dnnl_memory_desc_t *md, int ndims,
                           const int64_t *dims, dnnl_data_type_t type,
                           struct inn_error *err);
enum inn_status inn_md_of_slot(const struct inn_builder *b, int slot,
                               dnnl_memory_desc_t *md, struct inn_error *err);
/* Whether an element has the same place in both, though they may be spelt
 * differently where axes have length 1. */
bool inn_md_same_bytes(const dnnl_memory_desc_t *a,
                       const dnnl_memory_desc_t *b);

/*
 * By the implementation of that name, or, where impl is NULL, the one that
 * oneDNN prefers. Its reference implementations are refused.
 */
enum inn_status inn_desc_new(struct inn_dnnl *d, struct inn_desc *desc,
                             const_dnnl_op_desc_t op, dnnl_post_ops_t ops,
                             float scale, const char *impl,
                             struct inn_error *err);
/*
 * The names, in arena, of those that inn_desc_new takes and whose sums do not
 * depend on the thread count; their number, -1 after an error.
 */
#define INN_MAX_IMPLS 12
int inn_desc_names(struct inn_dnnl *d, const char *names[INN_MAX_IMPLS],
                   const_dnnl_op_desc_t op, dnnl_post_ops_t ops,
                   struct inn_arena *arena, struct inn_error *err);
/* oneDNN's name of the implementation; lives as long as desc->pd. */
const char *inn_desc_name(const struct inn_desc *desc);
void inn_desc_free(struct inn_desc *desc);
/* Its own memory descriptors: dnnl_query_src_md … */
const dnnl_memory_desc_t *inn_desc_md(const struct inn_desc *desc,
                                      dnnl_query_t what);

void inn_args_add(struct inn_args *args, int arg, int slot, bool is_output);

/* The step for desc; w (may be NULL) is named in messages. */
enum inn_status inn_dnnl_step(struct inn_builder *b,
                              const struct inn_desc *desc,
                              const struct inn_args *args,
                              const struct inn_node *node,
                              struct inn_error *err);

/*
 * Value v in layout want. plain_as is how its plain bytes read in want's axes;
 * NULL: they are the value's own.
 */
enum inn_status inn_dnnl_have(struct inn_builder *b, int *slot, int v,
                              const dnnl_memory_desc_t *want,
                              const dnnl_memory_desc_t *plain_as,
                              struct inn_error *err);
/*
 * As inn_dnnl_have, but in a slot of its own: where plain_as and want have the
 * value's axes in another order, no other reader may find the slot.
 */
enum inn_status inn_dnnl_have_alone(struct inn_builder *b, int *slot, int v,
                                    const dnnl_memory_desc_t *want,
                                    const dnnl_memory_desc_t *plain_as,
                                    struct inn_error *err);
/* A slot of value v that has the layout already, or -1. */
int inn_dnnl_find(struct inn_builder *b, int v,
                  const dnnl_memory_desc_t *want);
/* Slot from in layout want, as a new slot of value (may be -1). */
enum inn_status inn_dnnl_reorder(struct inn_builder *b, int *slot, int from,
                                 const dnnl_memory_desc_t *want, int value,
                                 struct inn_error *err);
/* Another sight of a slot's memory, belonging to no value. */
enum inn_status inn_dnnl_view(struct inn_builder *b, int *slot, int of,
                              const dnnl_memory_desc_t *md,
                              struct inn_error *err);
/* A new slot for value v in that layout; over >= 0: in that slot's memory. */
enum inn_status inn_dnnl_out(struct inn_builder *b, int *slot, int v,
                             const dnnl_memory_desc_t *md, int over,
                             struct inn_error *err);

/* The operand of the residual among them, or -1. */
int inn_dnnl_residual(const struct inn_builder *b, int w, int n_post);

/*
 * Whether the result of work w may take the memory of slot, which holds the
 * residual: it is ours, dead afterwards, and no operand of w itself.
 */
bool inn_dnnl_may_overwrite(const struct inn_builder *b, int slot, int w);

/* Appends the absorbed works to ops, their operands to args. */
enum inn_status inn_dnnl_posts(struct inn_builder *b, int w, int n_post,
                               const struct inn_dst *dst,
                               dnnl_post_ops_t ops, struct inn_args *args,
                               struct inn_error *err);
dnnl_alg_kind_t inn_dnnl_binary_kind(enum inn_binary kind);
void inn_dnnl_eltwise_kind(const struct inn_prim *prim, dnnl_alg_kind_t *alg,
                           float *alpha, float *beta);

/* dnnl_tune.c: measured choices, kept in the file at path; own. */
#define INN_TUNE_KEY 480 /* most bytes of a key */
enum inn_status inn_tune_new(struct inn_tune **tune, const char *path,
                             struct inn_heap *heap, struct inn_error *err);
void inn_tune_free(struct inn_tune *tune);
/* Processor and library, for keys. */
const char *inn_tune_here(const struct inn_tune *tune);
/* Name of the implementation, or NULL where nobody knows yet. */
const char *inn_tune_find(const struct inn_tune *tune, const char *key);
enum inn_status inn_tune_add(struct inn_tune *tune, const char *key,
                             const char *impl, struct inn_error *err);
/*
 * Whether the network's weights are more than caches hold: then each run of a
 * trial begins without them there.
 */
bool inn_tune_is_cold(const struct inn_builder *b);
/*
 * The least time of a few runs, and of bringing the source from layout have
 * into the one that desc asks for. posts: the operands of its post-ops. What
 * takes twice as long as *ns is left early; *ns becomes the time where that
 * is less.
 */
enum inn_status inn_tune_time(const struct inn_builder *b,
                              const struct inn_desc *desc,
                              const struct inn_args *posts,
                              const dnnl_memory_desc_t *have, int64_t *ns,
                              struct inn_error *err);

/*
 * The same for what run does, which reads its source at data, in layout
 * source.
 */
enum inn_status inn_tune_run(const struct inn_builder *b,
                             void (*run)(const void *context),
                             const void *context,
                             const dnnl_memory_desc_t *have,
                             const dnnl_memory_desc_t *source,
                             const void *data, int64_t *ns,
                             struct inn_error *err);

/* The time of a pass over values in that layout, each to a new one. */
enum inn_status inn_tune_pass(const struct inn_builder *b,
                              const dnnl_memory_desc_t *md, int64_t *ns,
                              struct inn_error *err);

enum inn_status inn_dnnl_conv(struct inn_builder *b, int w, int n_post,
                              bool *done, struct inn_error *err);
enum inn_status inn_dnnl_matmul(struct inn_builder *b, int w, int n_post,
                                bool *done, struct inn_error *err);
enum inn_status inn_dnnl_pool(struct inn_builder *b, int w, bool *done,
                              struct inn_error *err);
enum inn_status inn_dnnl_eltwise(struct inn_builder *b, int w, bool *done,
                                 struct inn_error *err);
enum inn_status inn_dnnl_binary(struct inn_builder *b, int w, int n_post,
                                bool *done, struct inn_error *err);

#endif
