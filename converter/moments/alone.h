/*
 * BLAS and LAPACK on the calling thread alone. OpenBLAS would split a product
 * by the number of threads it may use, and the parts might round otherwise;
 * in a parallel region it stays single by itself, outside of one it looks at
 * OpenMP's setting.
 */
#ifndef INN_CONVERTER_ALONE_H
#define INN_CONVERTER_ALONE_H

#ifdef _OPENMP
#include <omp.h>
#endif

/* Returns what inn_blas_restore wants. */
static inline int inn_blas_alone(void)
{
#ifdef _OPENMP
    int threads = omp_get_max_threads();

    omp_set_num_threads(1);
    return threads;
#else
    return 1;
#endif
}

static inline void inn_blas_restore(int threads)
{
#ifdef _OPENMP
    omp_set_num_threads(threads);
#else
    (void)threads;
#endif
}

#endif
