/*
 * What an operator is to the rest of the project: one row of the registry
 * (registry.c) per operator and opset range, and what its functions see.
 *
 * A row is added to registry.c, its functions to the file of its family, its
 * cases to tests/ops/; nothing else changes.
 */
#ifndef INN_OPS_OP_H
#define INN_OPS_OP_H

#include "runtime/graph/graph.h"
#include "runtime/ops/prim.h"

/*
 * Shapes and types of the outputs from those of the inputs. An input whose
 * value is known at this point (initializer, folded) has data. An operator
 * that only counts (Shape, Size) fills the data of its outputs here; all
 * others are folded by running them. What can't be said yet is left as it is,
 * type INN_UNDEFINED, or refused with INN_ERR_UNSUPPORTED: both mean that the
 * outputs are unknown. INN_ERR_FORMAT is a contradiction in the network.
 */
struct inn_infer {
    const struct inn_node *node;
    const struct inn_tensor *const *in; /* [n_in], NULL where omitted */
    struct inn_tensor *out;             /* [n_out], to fill */
    int n_in, n_out;
    struct inn_arena *arena; /* for data of outputs */
    struct inn_error *err;
    enum inn_type unheld; /* of an output, left unknown because of it */
};

/* The reference kernel: plain loops; outputs have their shape and memory. */
struct inn_run {
    const struct inn_node *node;
    const struct inn_tensor *const *in; /* [n_in], NULL where omitted */
    struct inn_tensor *out; /* [n_out]; data NULL where nobody reads it */
    int n_in, n_out;
    int threads;
    struct inn_error *err;
};

struct inn_couple; /* couple.h */
struct inn_resize; /* resize.h */
struct inn_carry;  /* moments.h */

typedef enum inn_status inn_infer_fn(struct inn_infer *c);
typedef enum inn_status inn_run_fn(struct inn_run *c);
typedef enum inn_status inn_couple_fn(struct inn_couple *c);
typedef enum inn_status inn_resize_fn(struct inn_resize *c);
typedef enum inn_status inn_moments_fn(struct inn_carry *c);
/* Describes the graph node to exec as a primitive; false: it can't. */
typedef bool inn_lower_fn(const struct inn_infer *c, struct inn_prim *prim);

enum inn_op_types {
    /* run gets and gives f32; exec converts other floats around it. */
    INN_OP_FLOAT = 0,
    /* run takes every type as it is: it moves bytes, or converts itself. */
    INN_OP_ANY = 1
};

/*
 * An empty column has a fixed, safe meaning:
 *
 * infer   NULL: output shapes are unknown: pinned, carried, not run.
 * couple  NULL: every channel axis the operator touches is pinned.
 * resize  NULL: nothing in the operator counts channels.
 * moments NULL: nothing is known of the outputs, nor of what follows.
 * run     NULL: refused when run.
 * lower   NULL: the reference kernel runs.
 */
struct inn_op {
    const char *name;
    const char *domain;
    int since, until; /* opset range, both included; until 0: open */
    inn_infer_fn *infer;
    inn_couple_fn *couple;
    inn_resize_fn *resize;
    inn_moments_fn *moments;
    inn_run_fn *run;
    inn_lower_fn *lower;
    enum inn_op_types types;
};

/* The row for an operator at an opset version, or NULL. */
const struct inn_op *inn_op_find(const char *domain, const char *name,
                                 int version);

/* Row i, or NULL past the last: for `inn ops` and the table's own test. */
const struct inn_op *inn_op_row(size_t i);

/* Of a node: inn_op_find by its domain, type and version. */
const struct inn_op *inn_node_op(const struct inn_node *node);

/*
 * Multiply-accumulates of a graph node at these shapes: of convolutions and
 * matrix products, as papers count them; 0 for all else.
 */
int64_t inn_node_macs(const struct inn_infer *c);

#endif
