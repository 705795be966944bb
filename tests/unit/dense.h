/*
 * Small dense matrices for tests of the moments: row-major, written for
 * being plainly right. n is at most DENSE_MAX.
 */
#ifndef TESTS_UNIT_DENSE_H
#define TESTS_UNIT_DENSE_H

#include <math.h>
#include <stdint.h>

#include "runtime/base/port.h"

#define DENSE_MAX 200

/* -0.5 … 0.5. */
static inline double dense_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 11) * 0x1p-53 - 0.5;
}

/* c = X Xᵀ, X n × rank, rank <= 2 DENSE_MAX, rows of any size. */
INN_UNUSED static void dense_covariance(double *c, int n, int rank,
                                        uint64_t seed)
{
    static double x[2 * DENSE_MAX * DENSE_MAX];
    double size;
    int i, j, k;

    for (i = 0; i < n; i++) {
        size = exp(2.0 * dense_random(&seed));
        for (k = 0; k < rank; k++)
            x[i * rank + k] = size * dense_random(&seed);
    }
    for (i = 0; i < n; i++) {
        for (j = 0; j < n; j++) {
            c[i * n + j] = 0.0;
            for (k = 0; k < rank; k++)
                c[i * n + j] += x[i * rank + k] * x[j * rank + k];
        }
    }
}

/* b ← a⁻¹ b, b n × columns; a is spoiled. Elimination with row pivots. */
INN_UNUSED static void dense_solve(double *a, double *b, int n, int columns)
{
    double factor, swap;
    int i, j, k, pivot;

    for (k = 0; k < n; k++) {
        pivot = k;
        for (i = k + 1; i < n; i++) {
            if (fabs(a[i * n + k]) > fabs(a[pivot * n + k]))
                pivot = i;
        }
        for (j = 0; j < n; j++) {
            swap = a[k * n + j];
            a[k * n + j] = a[pivot * n + j];
            a[pivot * n + j] = swap;
        }
        for (j = 0; j < columns; j++) {
            swap = b[k * columns + j];
            b[k * columns + j] = b[pivot * columns + j];
            b[pivot * columns + j] = swap;
        }
        for (i = 0; i < n; i++) {
            if (i == k)
                continue;
            factor = a[i * n + k] / a[k * n + k];
            for (j = k; j < n; j++)
                a[i * n + j] -= factor * a[k * n + j];
            for (j = 0; j < columns; j++)
                b[i * columns + j] -= factor * b[k * columns + j];
        }
    }
    for (k = 0; k < n; k++) {
        for (j = 0; j < columns; j++)
            b[k * columns + j] /= a[k * n + k];
    }
}

#endif
