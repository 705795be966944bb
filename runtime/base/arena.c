/*
 * A bump allocator. Small requests share chunks of 64 KiB; a large one gets
 * a chunk of its own behind the current one, so no space of that is lost.
 */
#include "runtime/base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/checked.h"
#include "runtime/base/error.h"

#define CHUNK ((size_t)64 << 10)
#define LARGE ((size_t)4 << 10)

struct inn_arena_chunk {
    struct inn_arena_chunk *next;
    size_t used;
    size_t size;
    char pad[40]; /* data starts at 64, where the heap is aligned */
};

void inn_arena_init(struct inn_arena *arena, struct inn_heap *heap)
{
    arena->heap = heap;
    arena->chunks = NULL;
}

void inn_arena_free(struct inn_arena *arena)
{
    struct inn_arena_chunk *c = arena->chunks, *next;

    for (; c != NULL; c = next) {
        next = c->next;
        inn_free(arena->heap, c);
    }
    arena->chunks = NULL;
}

static struct inn_arena_chunk *add_chunk(struct inn_arena *arena, size_t size,
                                         struct inn_error *err)
{
    struct inn_arena_chunk *c;
    size_t total;

    if (!inn_add_size(&total, size, sizeof(*c))) {
        inn_fail(err, INN_ERR_LIMIT, "a block of %zu bytes is too large",
                 size);
        return NULL;
    }
    c = inn_alloc(arena->heap, total, 1, err);
    if (c == NULL)
        return NULL;
    c->size = size;
    return c;
}

void *inn_arena_alloc(struct inn_arena *arena, size_t count, size_t size,
                      struct inn_error *err)
{
    struct inn_arena_chunk *c = arena->chunks;
    size_t bytes;
    char *p;

    if (!inn_mul_size(&bytes, count, size) ||
        !inn_add_size(&bytes, bytes, 15)) {
        inn_fail(err, INN_ERR_LIMIT, "a block of %zu x %zu bytes is too large",
                 count, size);
        return NULL;
    }
    bytes -= bytes % 16;
    if (inn_heap_fails(arena->heap, bytes, err))
        return NULL;
    if (bytes >= LARGE) {
        c = add_chunk(arena, bytes, err);
        if (c == NULL)
            return NULL;
        c->used = bytes;
        if (arena->chunks == NULL) {
            arena->chunks = c;
        } else {
            c->next = arena->chunks->next;
            arena->chunks->next = c;
        }
        return (char *)(c + 1);
    }
    if (c == NULL || c->size - c->used < bytes) {
        c = add_chunk(arena, CHUNK, err);
        if (c == NULL)
            return NULL;
        c->next = arena->chunks;
        arena->chunks = c;
    }
    p = (char *)(c + 1) + c->used;
    c->used += bytes;
    return p;
}

char *inn_arena_strndup(struct inn_arena *arena, const char *text, size_t len,
                        struct inn_error *err)
{
    size_t bytes;
    char *copy;

    if (!inn_add_size(&bytes, len, 1)) {
        inn_no_memory(err, len);
        return NULL;
    }
    copy = inn_arena_alloc(arena, bytes, 1, err);
    if (copy != NULL && len != 0)
        memcpy(copy, text, len);
    return copy;
}

char *inn_arena_strdup(struct inn_arena *arena, const char *text,
                       struct inn_error *err)
{
    return inn_arena_strndup(arena, text, strlen(text), err);
}

char *inn_arena_printf(struct inn_arena *arena, struct inn_error *err,
                       const char *format, ...)
{
    va_list args;
    char *text;
    int len;

    va_start(args, format);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0) {
        inn_fail(err, INN_ERR_ARGUMENT, "a text can't be formatted");
        return NULL;
    }
    text = inn_arena_alloc(arena, (size_t)len + 1, 1, err);
    if (text == NULL)
        return NULL;
    va_start(args, format);
    vsnprintf(text, (size_t)len + 1, format, args);
    va_end(args);
    return text;
}
