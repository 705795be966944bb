/*
 * Parallel loops whose results don't depend on the number of threads: the
 * caller cuts its work into parts by a fixed rule, and each part writes only
 * what is its own.
 */
#ifndef INN_BASE_THREADS_H
#define INN_BASE_THREADS_H

#include <stddef.h>

#include "runtime/base/port.h"

typedef void inn_part_fn(void *context, size_t part);

/* How many cores this process may use, at least 1. */
int inn_threads_available(void);

/*
 * How many of threads (0: one per core) can be had: fewer where the system
 * grants no more (`ulimit -u`, no memory for their stacks). OpenMP ends the
 * process where it gets none, so whoever begins a parallel region of its own
 * asks before. A caller that has asked once is told again without a trial.
 */
int inn_threads_granted(int threads);

/*
 * Runs part(context, i) for i in [0, parts) on up to threads threads (0: all
 * there are), in any order; returns when all are done. Where the system grants
 * fewer threads, fewer do it.
 */
void inn_parallel(int threads, size_t parts, inn_part_fn *part,
                  void *context);

/*
 * Defines name, an inn_part_fn whose body is that INN_INLINE function, which
 * is compiled for AVX2 and for what the build asks for; the processor chooses.
 */
#ifdef INN_HAVE_X86
#define INN_DEFINE_PART(name, body) \
    INN_TARGET("avx2") static void name##_avx2(void *context, size_t part) \
    { \
        body(context, part); \
    } \
    static void name(void *context, size_t part) \
    { \
        if (INN_CPU_HAS("avx2")) \
            name##_avx2(context, part); \
        else \
            body(context, part); \
    }
#else
#define INN_DEFINE_PART(name, body) \
    static void name(void *context, size_t part) \
    { \
        body(context, part); \
    }
#endif

#endif
