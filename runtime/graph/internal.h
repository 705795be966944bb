/*
 * What the files of this folder share and nobody else needs.
 */
#ifndef INN_GRAPH_INTERNAL_H
#define INN_GRAPH_INTERNAL_H

#include "runtime/base/error.h"
#include "runtime/graph/graph.h"

/* Copies of attributes for another arena: lists and tensors, not strings. */
enum inn_status inn_attrs_copy(struct inn_attr **copy,
                               const struct inn_attr *from, int n,
                               struct inn_arena *arena,
                               struct inn_error *err);

#endif
