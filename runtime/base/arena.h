/*
 * Memory that lives and dies together, on top of a heap. What lives as long
 * as a graph comes from the graph's arena. Not for threads to share.
 */
#ifndef INN_BASE_ARENA_H
#define INN_BASE_ARENA_H

#include "runtime/base/heap.h"

struct inn_arena {
    struct inn_heap *heap;
    struct inn_arena_chunk *chunks;
};

/* Borrows heap. Can't fail: the first request allocates. */
void inn_arena_init(struct inn_arena *arena, struct inn_heap *heap);
void inn_arena_free(struct inn_arena *arena);

/* count × size bytes, zeroed, aligned to 16 (64 from 4 KiB on). */
void *inn_arena_alloc(struct inn_arena *arena, size_t count, size_t size,
                      struct inn_error *err);

/* A copy of len bytes with a 0 byte after them; of text if len is its size. */
char *inn_arena_strndup(struct inn_arena *arena, const char *text, size_t len,
                        struct inn_error *err);
char *inn_arena_strdup(struct inn_arena *arena, const char *text,
                       struct inn_error *err);

/* A formatted string, as by printf. */
char *inn_arena_printf(struct inn_arena *arena, struct inn_error *err,
                       const char *format, ...);

#endif
