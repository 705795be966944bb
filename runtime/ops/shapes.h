/*
 * Shapes, types and constants of a whole graph at one choice of input sizes.
 */
#ifndef INN_OPS_SHAPES_H
#define INN_OPS_SHAPES_H

#include "runtime/ops/op.h"

/* A size the caller chose for an input or for a symbolic dimension. */
struct inn_binding {
    const char *name; /* of an input (rank >= 0), or of a symbol (rank -1) */
    int rank;
    int64_t dims[INN_MAX_RANK]; /* a symbol's size is dims[0] */
};

/* Of what a network leaves open, but for axis 0, when nobody says more. */
#define INN_DEFAULT_SPATIAL 224

struct inn_shapes {
    struct inn_arena arena;
    /* By value; type INN_UNDEFINED where unknown. data where constant. */
    struct inn_tensor *known;
    bool *is_known;
    /*
     * By value: the same at every run in these sizes, for it is made of
     * constants and shapes alone. Whether and when it is folded, by us or by
     * another runtime, then is no matter of the network's: such graph nodes
     * have no MACs.
     */
    bool *steady;
    int n_values;
    int64_t macs; /* of all graph nodes that inn_shapes_count counts */
    int uncounted; /* graph nodes that multiply and aren't in macs */
    /* How far it came: graph nodes before the contradiction, or all. */
    int n_done;
    int64_t work; /* bytes read, written and products computed, about */
};

/*
 * INN_ERR_ARGUMENT where a binding names nothing or doesn't fit what the file
 * declares.
 */
enum inn_status inn_bindings_check(const struct inn_graph *graph,
                                   const struct inn_binding *bindings,
                                   size_t n, struct inn_error *err);

/*
 * Infers in graph order. Sizes the graph leaves open: a binding, else 1 for
 * axis 0 and spatial for the others. Graph nodes that have no row with an
 * infer have the shapes that the file declares of their outputs; where it
 * declares none they, and all behind them, stay unknown. fold: constants up
 * to fold_bytes are computed by running their rows; a weight that the graph
 * renames or widens to f32 is one whatever its size. Fails only on bindings
 * that name nothing or don't fit (INN_ERR_ARGUMENT), on a contradiction in the
 * network (INN_ERR_FORMAT) or for lack of memory. inn_shapes_free after
 * success and after failure.
 */
enum inn_status inn_shapes_infer(struct inn_shapes *shapes,
                                 const struct inn_graph *graph,
                                 const struct inn_binding *bindings,
                                 size_t n_bindings, int64_t spatial,
                                 size_t fold_bytes, struct inn_error *err);
void inn_shapes_free(struct inn_shapes *shapes);

/* The shape of value v, or NULL where it is unknown (or v is -1). */
const struct inn_tensor *inn_shapes_get(const struct inn_shapes *shapes,
                                        int v);
enum inn_counted {
    INN_COUNTED,        /* or there is nothing to count */
    INN_COUNTED_NO_RULE, /* it multiplies, or may: nothing here says how much */
    INN_COUNTED_NO_SIZE  /* its sizes are not known */
};

/* Multiply-accumulates of a graph node whose shapes these are, into *macs. */
enum inn_counted inn_shapes_count(int64_t *macs,
                                  const struct inn_shapes *shapes,
                                  const struct inn_node *node);
/* The same; 0 where they are not counted. */
int64_t inn_shapes_macs(const struct inn_shapes *shapes,
                        const struct inn_node *node);

/*
 * Replaces graph nodes that compute constants (Reshape, Transpose, Cast to a
 * narrower type, ConstantOfShape … of initializers) by initializers of the
 * same name. Identity and a widening Cast of weights stay: they cost nothing
 * and keep sharing and precision. Not for networks without weights.
 */
enum inn_status inn_fold_constants(struct inn_graph *graph,
                                   struct inn_error *err);

/* What a folded BatchNormalization knew; vectors of the channel count. */
struct inn_bn_stats {
    const char *node;  /* its name */
    const char *value; /* its output's name, now made by the convolution */
    float epsilon;
    struct inn_tensor scale, shift, mean, variance; /* f32 */
};

/*
 * Folds BatchNormalization into the convolution or Gemm before it, where
 * that has constant weights and no other reader:
 *   W' = W·scale/√(variance+ε),  b' = (b − mean)·scale/√(variance+ε) + shift
 * computed in double, rounded once. *stats is in the graph's arena; may be
 * NULL with n_stats. Same bits wherever it is called.
 */
enum inn_status inn_fold_batchnorm(struct inn_graph *graph,
                                   struct inn_bn_stats **stats, int *n_stats,
                                   struct inn_error *err);

#endif
