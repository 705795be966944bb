/*
 * Where activations lie: buffers with sizes and lifetimes to offsets in one
 * block of memory.
 */
#ifndef INN_EXEC_MEMORY_H
#define INN_EXEC_MEMORY_H

#include "runtime/base/heap.h"

/* Every offset is a multiple of this; one cache line, one AVX-512 register. */
#define INN_MEMORY_ALIGN ((size_t)64)

struct inn_buffer {
    size_t bytes;
    int first, last; /* steps that touch it, both included; last >= first */
    size_t offset;   /* out */
};

/*
 * Sets the offsets so that no two buffers alive at one step overlap. *total is
 * the block's size, never above the sum of the rounded sizes. INN_ERR_LIMIT
 * where that sum passes SIZE_MAX.
 */
enum inn_status inn_memory_plan(struct inn_buffer *buffers, size_t n,
                                size_t *total, struct inn_heap *heap,
                                struct inn_error *err);

#endif
