/*
 * Nested loops over several tensors at once, each with its own strides: what
 * broadcasting, slicing, transposing and joining have in common. Cut into
 * parts by a fixed rule, so results don't depend on the number of threads.
 */
#ifndef INN_OPS_WALK_H
#define INN_OPS_WALK_H

#include "runtime/base/tensor.h"

#define INN_WALK_OPERANDS 4

struct inn_walk {
    int n, rank;
    int64_t dims[INN_MAX_RANK];
    int64_t step[INN_WALK_OPERANDS][INN_MAX_RANK]; /* in elements */
};

/*
 * One run along the last axis: element k of operand o lies at
 * at[o] + k × step[o], for k < n.
 */
typedef void inn_walk_fn(void *context, const int64_t *at,
                         const int64_t *step, int64_t n);

/* Loops over dims for n operands, all strides still 0. */
void inn_walk_init(struct inn_walk *w, int n, int rank, const int64_t *dims);

/*
 * Strides of a dense tensor, aligned at the last axis; where it is 1 long it
 * is stretched. Nothing if the walk has no elements.
 */
void inn_walk_dense(struct inn_walk *w, int operand, int rank,
                    const int64_t *dims);

/* Calls fn for all runs, in parts on threads. */
void inn_walk_run(const struct inn_walk *w, inn_walk_fn *fn, void *context,
                  int threads);

/*
 * Copies elements of size bytes: operand 0 of the walk lies at to, operand 1
 * at from.
 */
void inn_walk_copy(const struct inn_walk *w, void *to, const void *from,
                   size_t size, int threads);

/*
 * Broadcasts t into the shape dims, which grows; false where they disagree.
 * Start with rank 0.
 */
bool inn_broadcast(int64_t dims[INN_MAX_RANK], int *rank,
                   const struct inn_tensor *t);

#endif
