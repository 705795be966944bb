/*
 * The way from a layer's output to where its aim is measured: graph nodes
 * that nobody else reads, each of which moves elements or changes them by
 * factors and summands that are constant.
 */
#ifndef INN_REFIT_PATH_H
#define INN_REFIT_PATH_H

#include "runtime/graph/graph.h"
#include "runtime/ops/shapes.h"

#define INN_PATH_MOST 12

struct inn_path {
    int n;
    int node[INN_PATH_MOST]; /* in order */
    bool moves, scales;      /* any of them; false: that isn't traced */
};

/*
 * Adds graph node k, which reads v and is all that does; false, and path
 * stays, where it isn't of that kind or the path is full. One that adds or
 * multiplies by a constant has the shape of v.
 */
bool inn_path_extend(struct inn_path *path, const struct inn_graph *graph,
                     const struct inn_shapes *shapes, int k, int v);

/* A path in one network: by element of one sample of its first value y. */
struct inn_trace {
    uint32_t *at; /* its place in the last value; NULL: the same */
    float *gain, *offset; /* it becomes gain y + offset; NULL: 1 and 0 */
    float least; /* gains below carry nothing worth an aim */
};

/*
 * except: a graph node that is left out (its summand is fitted), or -1. Own:
 * inn_trace_free, after failure too. A path that isn't empty is of a value
 * of less than 2^32 elements (INN_ERR_LIMIT).
 */
enum inn_status inn_trace_new(struct inn_trace *trace,
                              const struct inn_path *path, int except,
                              const struct inn_graph *graph,
                              const struct inn_shapes *shapes, int y,
                              struct inn_error *err);
void inn_trace_free(struct inn_trace *trace, struct inn_heap *heap);

#endif
