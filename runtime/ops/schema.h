/*
 * Whether a graph node has only what is known of its operator at its opset.
 */
#ifndef INN_OPS_SCHEMA_H
#define INN_OPS_SCHEMA_H

#include "runtime/ops/op.h"

/*
 * INN_ERR_UNSUPPORTED, naming it: an attribute, input or output that the
 * standard does not have at the graph node's opset, or an attribute of
 * another kind. Of other domains and of operators without a row nothing is
 * known, nor refused.
 */
enum inn_status inn_schema_check(const struct inn_node *node,
                                 struct inn_error *err);

/* op's infer, once that has been checked. */
enum inn_status inn_op_infer(const struct inn_op *op, struct inn_infer *c);

/* What stands in the table, for its own test; false: there is no row. */
struct inn_schema_entry {
    int max_in, max_out; /* -1: any number */
    const char *attrs;   /* NAME=KIND, separated by spaces */
};
bool inn_schema_get(struct inn_schema_entry *entry, const char *name,
                    int version);

#endif
