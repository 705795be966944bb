/*
 * Systems of normal equations: Cholesky's factor of a dense positive definite
 * matrix, and many right-hand sides at once. Same bits on any number of
 * threads.
 */
#ifndef INN_REFIT_CHOLESKY_H
#define INN_REFIT_CHOLESKY_H

#include "runtime/base/heap.h"

/*
 * L L^T = a [n × n], of which the lower triangle is read. What lies above it
 * is kept as it is.
 */
struct inn_cholesky {
    double *l;       /* [n × n], borrowed: the caller's a, its lower part L */
    double *inverse; /* of L's diagonal blocks; own */
    size_t n;
    struct inn_heap *heap;
};

/*
 * Factors in place. *definite is false, and there is nothing to free, where
 * a pivot is not positive: a is spoilt then. INN_ERR_MEMORY, INN_ERR_LIMIT.
 */
enum inn_status inn_cholesky_new(struct inn_cholesky *f, bool *definite,
                                 double *a, size_t n, int threads,
                                 struct inn_heap *heap,
                                 struct inn_error *err);
void inn_cholesky_free(struct inn_cholesky *f);

/* Each row of x [m × n] becomes its solution: x (L L^T)^-1. */
enum inn_status inn_cholesky_solve(const struct inn_cholesky *f, double *x,
                                   size_t m, int threads,
                                   struct inn_error *err);

#endif
