/*
 * blas_memory_alloc is what OpenBLAS itself calls; no header has it, every
 * version since GotoBLAS exports it. A BLAS without it is left alone.
 */
#include "converter/blas_room.h"

#include "config.h"
#include "runtime/base/error.h"
#include "runtime/base/heap.h"
#include "runtime/base/threads.h"

#ifdef HAVE_BLAS_MEMORY_ALLOC

/* Calls at once that it has places for, on any machine. */
#define MOST 64

void *blas_memory_alloc(int place);
void blas_memory_free(void *buffer);

enum inn_status inn_blas_reserve(int *threads, struct inn_error *err)
{
    int want = inn_threads_granted(*threads), n, i;
    void *buffers[MOST];

    if (want > MOST)
        want = MOST;
    for (n = 0; n < want && inn_heap_has_room(INN_BLAS_BUFFER +
                                              INN_BLAS_BUFFER / 8); n++)
        buffers[n] = blas_memory_alloc(0);
    for (i = 0; i < n; i++)
        blas_memory_free(buffers[i]);
    if (n == 0)
        return inn_fail(err, INN_ERR_MEMORY,
                        "out of memory: OpenBLAS wants %zu MiB of address "
                        "space for each thread", INN_BLAS_BUFFER >> 20);
    *threads = n;
    return INN_OK;
}

#else

enum inn_status inn_blas_reserve(int *threads, struct inn_error *err)
{
    (void)err;
    *threads = inn_threads_granted(*threads);
    return INN_OK;
}

#endif
