/*
 * Rows that are sums of many other rows: what a least-squares quadrature does
 * to a weight, and what solving for one does to its factor.
 */
#ifndef INN_GRID_MIX_H
#define INN_GRID_MIX_H

#include <stdbool.h>
#include <stdint.h>

/* to[i] ± Σ_k weight[i][k] · from[k], i < rows, k < terms. */
struct inn_mix {
    int64_t rows, terms, lanes;
    double *to; /* [rows × to_stride], of which lanes count */
    int64_t to_stride;
    const double *weight; /* [rows × weight_stride] */
    int64_t weight_stride;
    const double *from; /* rows of from_stride; must not overlap to */
    int64_t from_stride;
    const int64_t *row; /* [terms] which row of from each k is; NULL: k */
};

/*
 * Every sum in the order of k, rounded after each product and each sum: the
 * same bits on any processor, whatever it has to do it with.
 */
void inn_mix_add(const struct inn_mix *mix);
void inn_mix_subtract(const struct inn_mix *mix);

/* For tests: as on a processor with blocks of so many lanes: 16, 8 or none. */
void inn_mix_on(const struct inn_mix *mix, bool subtract, int lanes);

#endif
