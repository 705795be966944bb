/*
 * Sums of floats in double, along memory and across it. In an order that is
 * fixed by the sizes alone: the same bits on every processor.
 */
#ifndef INN_EXEC_SUMS_H
#define INN_EXEC_SUMS_H

#include <stddef.h>

/* Columns that one call adds up at most. */
#define INN_COLUMNS ((size_t)16)

enum inn_term {
    INN_TERM_VALUE,
    INN_TERM_SQUARE, /* of x */
    INN_TERM_SPREAD  /* the square of x - centre */
};

/* The sum of the terms of n elements. */
double inn_sum_row(const float *x, size_t n, enum inn_term term,
                   double centre);

/*
 * Adds to to[c], c < n <= INN_COLUMNS, the terms of x[r stride + c] for all
 * r < rows; centre [n] is read for INN_TERM_SPREAD only.
 */
void inn_sum_columns(double *to, const float *x, size_t rows, size_t stride,
                     size_t n, enum inn_term term, const double *centre);

#endif
