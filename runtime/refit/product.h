/*
 * Matrix products for least squares, without BLAS: C += A^T B on matrices
 * packed into panels, as in BLIS (Van Zee and van de Geijn 2015). Sums of
 * floats run over SLICE rows in float and are added up in double; every
 * element's order of additions is fixed by sizes alone, so results have the
 * same bits on any number of threads.
 */
#ifndef INN_REFIT_PRODUCT_H
#define INN_REFIT_PRODUCT_H

#include "runtime/base/heap.h"

/* Columns of a panel. A matrix of [rows × columns] is packed as
 * [panel][row][PANEL], its last panel filled up with zeros. */
#define INN_PANEL ((size_t)32)

/* Panels that hold so many columns. */
static inline size_t inn_panels(size_t columns)
{
    return (columns + INN_PANEL - 1) / INN_PANEL;
}

/*
 * Packs n rows of a matrix of `rows` rows, from `first` on, into to, which
 * has room for inn_panels(columns) × rows × PANEL. from [n × columns].
 */
void inn_pack_floats(float *to, size_t rows, size_t first, const float *from,
                     size_t n, size_t columns);

/*
 * c [a_columns × b_columns], rows c_step apart, += A^T B for packed a and b
 * of the same rows. lower: only elements on and below the diagonal need to
 * be right; those above it may be changed.
 */
void inn_product_floats(double *c, size_t c_step, const float *a,
                        size_t a_columns, const float *b, size_t b_columns,
                        size_t rows, bool lower, int threads);

/* The same in double; subtract: c -= A^T B. */
void inn_product_doubles(double *c, size_t c_step, const double *a,
                         size_t a_columns, const double *b, size_t b_columns,
                         size_t rows, bool lower, bool subtract, int threads);

#endif
