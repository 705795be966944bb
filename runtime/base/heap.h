/*
 * All memory of the library comes from an inn_heap: it has a ceiling, knows
 * its peak, and can be told to fail the n-th request, which is how tests walk
 * every error path. Blocks are aligned to 64 bytes. Safe to share by threads.
 */
#ifndef INN_BASE_HEAP_H
#define INN_BASE_HEAP_H

#include "runtime/inn.h"

struct inn_heap;

#define INN_HEAP_DEFAULT_CEILING ((size_t)16 << 30)

/*
 * The ceiling where none is given: the above, or three quarters of the
 * memory that there is, where that is less. Beyond that a machine swaps, or
 * ends whoever asks; a small file must not lead there.
 */
size_t inn_heap_default(void);

/* NULL when the system has no memory. ceiling 0: the default. */
struct inn_heap *inn_heap_new(size_t ceiling);

/* Frees the heap itself; every block must have been freed before. */
void inn_heap_free(struct inn_heap *heap);

/* The n-th request from now fails (1: the next). 0: none. */
void inn_heap_fail_at(struct inn_heap *heap, size_t n);
/* Requests left until that one; 0: it has failed, or none has to. */
size_t inn_heap_fail_left(const struct inn_heap *heap);
/*
 * Counts a request that an allocator on top serves out of a block it has;
 * true with err filled when it is the one to fail. So what asks an arena is
 * walked like what asks the heap.
 */
bool inn_heap_fails(struct inn_heap *heap, size_t bytes,
                    struct inn_error *err);

size_t inn_heap_used(const struct inn_heap *heap);
size_t inn_heap_peak(const struct inn_heap *heap);
/*
 * Whether the system would give bytes more, as one block. For what libraries
 * take that can't say when there is none; nothing is kept of it.
 */
bool inn_heap_has_room(size_t bytes);
/* Bytes to the ceiling. */
size_t inn_heap_left(const struct inn_heap *heap);

/*
 * count × size bytes, zeroed; own. NULL with err filled: INN_ERR_MEMORY, or
 * INN_ERR_LIMIT where the ceiling is met. A product of 0 gives a valid block.
 */
void *inn_alloc(struct inn_heap *heap, size_t count, size_t size,
                struct inn_error *err);

/*
 * The status of an allocation, or of what allocates, that gave NULL and said
 * in err why. Where nobody listens, it is taken for a lack of memory.
 */
static inline enum inn_status inn_refused(const struct inn_error *err)
{
    return err != NULL && err->status != INN_OK ? err->status
                                                : INN_ERR_MEMORY;
}

/* As inn_alloc, contents undefined: for large buffers that are filled next. */
void *inn_alloc_raw(struct inn_heap *heap, size_t count, size_t size,
                    struct inn_error *err);

/* Grows or shrinks; on failure NULL, and the old block stays. */
void *inn_realloc(struct inn_heap *heap, void *block, size_t count,
                  size_t size, struct inn_error *err);

void inn_free(struct inn_heap *heap, void *block);

#endif
