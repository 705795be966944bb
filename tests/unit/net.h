/*
 * Small networks for unit tests, built by hand: failures to build abort the
 * test. Values are found by name, or made.
 */
#ifndef TESTS_NET_H
#define TESTS_NET_H

#include "runtime/base/tensor.h"
#include "runtime/graph/graph.h"

int net_value(struct inn_graph *g, const char *name);

/* An input; sizes of -1 carry the symbol, which may be NULL. */
int net_input(struct inn_graph *g, const char *name, enum inn_type type,
              int rank, const int64_t *dims, const char *symbol);
void net_output(struct inn_graph *g, const char *name);

/* The version of ONNX's own operators, for what is to be written. */
void net_opset(struct inn_graph *g, int version);

/* An initializer; data NULL: zeros. */
int net_init(struct inn_graph *g, const char *name, enum inn_type type,
             int rank, const int64_t *dims, const void *data);

/* A graph node of values, -1 where one is omitted; without a name. */
int net_op(struct inn_graph *g, const char *type, int version, const int *in,
           int n_in, const int *out, int n_out);

/*
 * A graph node; in and out are names separated by one space, "-" for one
 * that is omitted. Room for attributes is added by inn_node_set_int.
 */
int net_node(struct inn_graph *g, const char *type, int version,
             const char *in, const char *out);
void net_int(struct inn_graph *g, int node, const char *name, int64_t value);

#endif
