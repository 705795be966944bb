/*
 * Parallel loops whose results don't depend on the number of threads: the
 * caller cuts its work into parts by a fixed rule, and each part writes only
 * what is its own.
 */
#ifndef INN_BASE_THREADS_H
#define INN_BASE_THREADS_H

#include <stddef.h>

typedef void inn_part_fn(void *context, size_t part);

/* How many cores this process may use, at least 1. */
int inn_threads_available(void);

/*
 * Runs part(context, i) for i in [0, parts) on up to threads threads (0: all
 * there are), in any order; returns when all are done.
 */
void inn_parallel(int threads, size_t parts, inn_part_fn *part,
                  void *context);

#endif
