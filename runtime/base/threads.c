/*
 * OpenMP, because oneDNN and OpenBLAS use it too: one pool of threads for all
 * of us. Without OpenMP the loops are serial and everything still works.
 */
#include "runtime/base/threads.h"

#ifdef _OPENMP
#include <omp.h>
#endif

int inn_threads_available(void)
{
#ifdef _OPENMP
    int n = omp_get_num_procs();

    return n > 0 ? n : 1;
#else
    return 1;
#endif
}

void inn_parallel(int threads, size_t parts, inn_part_fn *part, void *context)
{
    size_t i;

#ifdef _OPENMP
    if (threads <= 0)
        threads = inn_threads_available();
    if (threads > 1 && parts > 1 && !omp_in_parallel()) {
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
        for (i = 0; i < parts; i++)
            part(context, i);
        return;
    }
#else
    (void)threads;
#endif
    for (i = 0; i < parts; i++)
        part(context, i);
}
