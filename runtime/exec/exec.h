/*
 * Inside exec: the schedule of one session at one choice of input sizes, and
 * what builds it. Slots are pieces of memory that hold a value in some type
 * and layout; steps read and write slots. A value may lie in several slots:
 * as oneDNN wants it, and plain where a reference kernel reads it.
 *
 * err is never NULL in here: session.c sees to that.
 */
#ifndef INN_EXEC_EXEC_H
#define INN_EXEC_EXEC_H

#include "runtime/exec/session.h"
#include "runtime/ops/shapes.h"

struct inn_dnnl;
struct inn_dnnl_prim;
struct inn_dnnl_memory;
struct inn_map_step;
struct inn_move_step;
struct inn_step;
struct inn_schedule;
struct inn_layout; /* a oneDNN memory descriptor, in the schedule's arena */

enum inn_slot_kind {
    INN_SLOT_CONST, /* data is there already */
    INN_SLOT_INPUT, /* the caller's memory, set at every run */
    INN_SLOT_BUFFER /* in the workspace */
};

struct inn_slot {
    enum inn_slot_kind kind;
    struct inn_tensor tensor;        /* type, shape; data when bound */
    const struct inn_layout *layout; /* NULL: plain row-major */
    size_t bytes;                    /* layouts may pad */
    int value;                       /* what it holds, or -1 */
    int sibling;                     /* next slot of the same value, or -1 */
    int home;    /* the slot whose memory this one shares, or itself */
    bool keep;    /* read after the run */
    bool foreign; /* layout has other axes than the value: weights by group */
    struct inn_dnnl_memory *memory;
};

enum inn_step_kind {
    INN_STEP_RUN,     /* a row's reference kernel */
    INN_STEP_PRIM,    /* a oneDNN primitive */
    INN_STEP_CONVERT, /* in[0] to out[0], element types differ */
    INN_STEP_COPY,    /* the bytes of in[0] to out[0] */
    INN_STEP_MOVE,    /* our own kernels (strided.h), in any order of axes */
    INN_STEP_MAP,
    INN_STEP_OWN /* the same; the step says which */
};

typedef void inn_own_fn(struct inn_schedule *s, const struct inn_step *step);

struct inn_step {
    enum inn_step_kind kind;
    const struct inn_node *node; /* or NULL */
    const struct inn_op *op;
    const char *impl; /* what computes it, in one word */
    int n_fused;      /* graph nodes behind node that it computes too */
    int64_t ns;       /* of all runs, where they are timed */
    int *in, *out; /* slots, -1 where omitted; lifetimes follow from them */
    int n_in, n_out;
    const struct inn_tensor **in_tensors; /* INN_STEP_RUN */
    struct inn_tensor *out_tensors;
    struct inn_dnnl_prim *prim; /* INN_STEP_PRIM */
    const struct inn_move_step *move; /* INN_STEP_MOVE */
    const struct inn_map_step *map;   /* INN_STEP_MAP */
    inn_own_fn *own;                  /* INN_STEP_OWN */
    const void *state;                /* what own was prepared with */
};

/*
 * oneDNN's max(x, 0), clip and maximum of a window give a number where x is
 * NaN: the instructions do, and nobody mends it. Fused, they save a pass over
 * memory. So most runs use them, the processor's flag tells when there may
 * have been a NaN (workers.h), and then the run is repeated with care.
 */
enum inn_care {
    INN_CARE_NONE,
    INN_CARE_NAN,   /* no NaN is lost; the same bits where there is none */
    INN_CARE_PLACES /* nor does one spread to where the operator has none */
};

struct inn_schedule {
    struct inn_heap *heap;
    struct inn_arena arena;
    const struct inn_graph *graph;
    struct inn_shapes shapes;
    struct inn_dnnl *dnnl; /* borrowed; NULL: reference kernels only */
    int threads;
    bool reference, keep_all, bf16;
    enum inn_care care;
    bool loses_nan, spreads_nan; /* what more care would change */
    struct inn_slot *slots;
    struct inn_step *steps;
    int n_slots, cap_slots, n_steps, cap_steps;
    int *input_slots;         /* [n_inputs], -1 where nobody reads it */
    int *output_slots;        /* [n_outputs] */
    int *plain_slots;         /* [n_values] with keep_all, else NULL */
    struct inn_tensor *outputs; /* [n_outputs] */
    void *workspace;
    size_t workspace_bytes;
};

/* Fused behind a convolution, product or sum. */
#define INN_MAX_POST 8

struct inn_post {
    int work;    /* the graph node that is absorbed */
    int operand; /* the other value of a binary one, or -1 */
    bool residual; /* operand is as large as the result, and added */
};

/* One graph node to be run. */
struct inn_work {
    const struct inn_node *node;
    const struct inn_op *op;
    const struct inn_prim *prim; /* NULL: the reference kernel */
    int host;                    /* the work that computes this one too */
    int n_post;                  /* of a host */
    struct inn_post post[INN_MAX_POST];
};

struct inn_builder {
    struct inn_schedule *s;
    struct inn_arena scratch; /* freed when the schedule stands */
    struct inn_work *work;
    int n_work;
    int *slot_of;   /* by value: its first slot, or -1 */
    int *remaining; /* by value: reads that are still to come */
};

/* plan.c: the schedule for inputs of these shapes; own. */
enum inn_status inn_schedule_new(struct inn_schedule **schedule,
                                 const struct inn_graph *graph,
                                 const struct inn_session_options *options,
                                 enum inn_care care, int threads,
                                 struct inn_dnnl *dnnl,
                                 const struct inn_tensor *inputs,
                                 struct inn_error *err);
void inn_schedule_free(struct inn_schedule *schedule);

/*
 * works.c: all that stands in the way, in one error. needed, value_needed:
 * what outputs depend on; which has room for every graph node.
 */
enum inn_status inn_works_check(const struct inn_builder *b,
                                const bool *needed, const bool *value_needed,
                                int *which, struct inn_error *err);
/*
 * works.c: fills b->work with the needed graph nodes and asks the rows how
 * each may be computed; counts the reads of every value. INN_ERR_LIMIT: a
 * value larger than all memory that is left.
 */
enum inn_status inn_works_list(struct inn_builder *b, const bool *needed,
                               struct inn_error *err);

/*
 * needed.c: marks graph nodes that the outputs depend on, walking back from
 * them and stopping at values that are constant.
 */
void inn_mark_needed(const struct inn_graph *graph,
                     const struct inn_shapes *shapes, bool *node_needed,
                     bool *value_needed);
/* The constant of value v at these shapes, or NULL. shapes may be NULL. */
const struct inn_tensor *inn_constant(const struct inn_graph *graph,
                                      const struct inn_shapes *shapes, int v);

/* fuse.c: decides which works are absorbed by which others. */
enum inn_status inn_fuse(struct inn_builder *b, struct inn_error *err);

/* build.c: slots, steps, and values in the form that a step wants. */
enum inn_status inn_build_slot(struct inn_builder *b, int *slot,
                               enum inn_slot_kind kind, int value,
                               const struct inn_tensor *tensor,
                               struct inn_error *err);
/* A slot that shows the memory of home in other terms. */
enum inn_status inn_build_alias(struct inn_builder *b, int *slot, int home,
                                int value, const struct inn_tensor *tensor,
                                const struct inn_layout *layout,
                                struct inn_error *err);
enum inn_status inn_build_step(struct inn_builder *b, int *step,
                               enum inn_step_kind kind, int n_in, int n_out,
                               struct inn_error *err);
/* Value v in plain layout as type: f32, or its own type. */
enum inn_status inn_build_plain(struct inn_builder *b, int *slot, int v,
                                enum inn_type type, struct inn_error *err);
/* Value v as f32 in whatever layout it has; plain where there is none. */
enum inn_status inn_build_any(struct inn_builder *b, int *slot, int v,
                              struct inn_error *err);
/*
 * The slot of v that was rounded to bf16 on the way between convolutions, or
 * -1. Such slots always have a layout; a network's own bf16 is plain.
 */
int inn_build_find_rounded(const struct inn_builder *b, int v);
/* An existing slot of v of that type, plain if asked; or -1. */
int inn_build_find(const struct inn_builder *b, int v, enum inn_type type,
                   bool plain);
/* The value that work w with n_post absorbed works ends in. */
int inn_work_result(const struct inn_builder *b, int w, int n_post);
/*
 * Whether the memory of slot may be overwritten: all reads of all values in
 * it have been counted off, and it is ours.
 */
bool inn_build_is_dead(const struct inn_builder *b, int slot);
/* The type in which prims and INN_OP_FLOAT rows handle a value. */
enum inn_type inn_work_type(enum inn_type type);

/* reference.c: a step that runs the work's own kernel. */
enum inn_status inn_build_reference(struct inn_builder *b,
                                    const struct inn_work *w,
                                    struct inn_error *err);
enum inn_status inn_run_reference(struct inn_schedule *s,
                                  const struct inn_step *step,
                                  struct inn_error *err);

#endif
