/*
 * Random networks. A recipe is a list of steps, each a small piece of a
 * network (a convolution, a gate, a shuffle) that reads what earlier steps
 * made; emit.c turns it into a graph, laws.c says what must hold of it, and
 * shrink.c leaves out steps as long as the same law is broken. A step that
 * does not fit what it is given passes it on, so every recipe is a network.
 */
#ifndef TESTS_RANDOM_H
#define TESTS_RANDOM_H

#include "runtime/base/tensor.h"
#include "runtime/graph/graph.h"

#define MAX_STEPS 64
#define MAX_OUTPUTS 4
#define MAX_PARTS 4
#define MAX_BYPASS 256

/* One value of the network under way; N x C, or N x C x H x W. */
struct item {
    int v;    /* -1: none */
    int rank; /* 2 or 4 */
    int64_t c, h, w;
};

struct step {
    int kind;         /* in step_kinds */
    bool off;         /* passes its first operand on */
    int from[3];      /* earlier steps */
    int part[3];      /* of their results */
    int64_t channels; /* where the kind makes new ones */
    uint64_t seed;    /* of all its other choices, and of its weights */
};

struct recipe {
    uint64_t seed;
    int opset;
    int64_t batch;
    bool open_batch; /* declared as a symbol */
    bool keep_dead;  /* graph nodes that no output needs stay */
    bool declare;    /* shapes of some inner values are declared */
    int64_t channels, height, width; /* of the input */
    int n_steps, max_nodes;
    struct step steps[MAX_STEPS]; /* step 0 is the input */
    int n_outputs;
    int outputs[MAX_OUTPUTS]; /* steps */
    bool head[MAX_OUTPUTS];   /* ends in a layer of its own */
    /* Graph nodes whose result is replaced by their first input. */
    int n_bypass;
    int bypass[MAX_BYPASS];
};

/* splitmix64 */
struct rng {
    uint64_t state;
};

uint64_t rng_next(struct rng *r);
int64_t rng_between(struct rng *r, int64_t low, int64_t high);
bool rng_chance(struct rng *r, int percent);
double rng_unit(struct rng *r); /* -1 … 1 */

struct emit {
    struct inn_graph *g;
    struct inn_error err;
    bool failed; /* no memory, or our own mistake: then err says which */
    const struct recipe *recipe;
    struct rng rng;
    struct item results[MAX_STEPS][MAX_PARTS];
    int n_results[MAX_STEPS];
    int step; /* the one under way */
};

/* A kind of step: its operands are operand(e, s, 0 … 2). */
typedef struct item step_fn(struct emit *e, const struct step *s,
                            struct item a);

struct step_kind {
    const char *name;
    step_fn *emit;
    int weight; /* how often, relative to the others */
};

extern const struct step_kind step_kinds[];
extern const int n_step_kinds;

/* steps_*.c */
step_fn step_conv, step_depthwise, step_conv_transpose, step_batch_norm,
    step_shared, step_nhwc, step_flatten_gemm, step_unflatten, step_lone_gemm,
    step_tokens, step_attention, step_norm, step_lrn, step_residual;
step_fn step_activation, step_binary, step_affine, step_prelu, step_where,
    step_gate, step_spatial_gate, step_pool, step_global, step_reduce,
    step_reduce_channels, step_softmax, step_identity, step_cumsum,
    step_expand;
step_fn step_concat, step_twice, step_concat_input, step_concat_space,
    step_concat_constant, step_split, step_concat_split, step_slice,
    step_halves, step_shuffle, step_gather, step_pad_shortcut, step_pad_space,
    step_depth, step_pixels, step_view, step_tile, step_resize;

/* recipe.c */
void recipe_draw(struct recipe *r, uint64_t seed, int max_nodes);

/* emit.c: own, or NULL with err filled. */
struct inn_graph *recipe_build(const struct recipe *r, struct inn_heap *heap,
                               struct inn_error *err);

/* What a step reads. */
struct item operand(struct emit *e, const struct step *s, int k);
/* Operand k if it is shaped like a, else the newest that is, else none. */
struct item operand_like(struct emit *e, const struct step *s, int k,
                         struct item a);
/* The same for any channel count at a's height and width. */
struct item operand_beside(struct emit *e, const struct step *s, int k,
                           struct item a);
/* A further result of the step under way. */
void add_part(struct emit *e, struct item part);

/* Graph nodes; inputs end with -2 (-1 is one left out); the first output. */
int op(struct emit *e, const char *type, const int *inputs);
int op1(struct emit *e, const char *type, int a);
int op2(struct emit *e, const char *type, int a, int b);
int op3(struct emit *e, const char *type, int a, int b, int c);
/* As op, with n outputs. */
void op_list(struct emit *e, const char *type, const int *inputs,
             int *outputs, int n);
/* As op2, with n outputs; b may be -2. */
void op_many(struct emit *e, const char *type, int a, int b, int *outputs,
             int n);

/* Attributes of the newest graph node. */
void attr_int(struct emit *e, const char *name, int64_t value);
void attr_ints(struct emit *e, const char *name, const int64_t *values,
               size_t n);
void attr_float(struct emit *e, const char *name, double value);
void attr_text(struct emit *e, const char *name, const char *value);

/* Initializers: random around mean, integers, one number. */
int weight(struct emit *e, int rank, const int64_t *dims, double mean,
           double spread);
int ints(struct emit *e, const int64_t *values, int64_t n);
int number(struct emit *e, double value);
int floats(struct emit *e, const float *values, int64_t n);

bool has_op(const struct emit *e, const char *type);

/* Pieces that several steps are made of. */
struct layer {
    int64_t out, kernel, stride, groups;
};
struct item conv(struct emit *e, struct item x, struct layer l);
struct item conv1(struct emit *e, struct item x, int64_t out);
struct item gemm(struct emit *e, struct item x, int64_t out);
struct item image(struct emit *e, struct item x); /* rank 4, or as it is */
struct item reduce(struct emit *e, const char *type, struct item x,
                   bool space, bool keep);
/* Spatial axes shuffled into one, or views: shape with 0 for the batch. */
int reshape(struct emit *e, int x, const int64_t *dims, int64_t n);
int transpose(struct emit *e, int x, const int64_t *perm, size_t n);

/* laws.c */
struct verdict {
    const char *law; /* NULL: all hold */
    char why[400];
    bool unstable;      /* not judged: its values overflow */
    bool sensitive;     /* differences had to be judged by its own noise */
    double free_share;  /* of the parameters */
    int nodes, groups;
};

/* Files go to dir; plans: how many widths are tried. */
void laws_check(struct verdict *verdict, const struct recipe *r,
                const char *dir, int plans);

/* shrink.c: the smallest recipe found that breaks the same law. */
void shrink(struct recipe *r, struct verdict *verdict, const char *dir);

/* print.c: graph nodes with shapes, one a line. */
void graph_print(const struct inn_graph *g);

#endif
