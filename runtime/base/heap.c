/*
 * The capped heap. A 64-byte header before each block carries its size, so
 * that what is freed is known without asking the C library.
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS, madvise */
#include "runtime/base/heap.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "runtime/base/checked.h"
#include "runtime/base/error.h"
#include "runtime/base/machine.h"

#define HEADER 64
/*
 * Blocks from here on ask for huge pages, of this size: small ones are a
 * fifth of a refit's time, spent on the first touch of each.
 */
#define LARGE ((size_t)4 << 20)
#define HUGE_PAGE ((size_t)2 << 20)

struct inn_heap {
    size_t ceiling;
    atomic_size_t used;
    atomic_size_t peak;
    atomic_size_t fail_at; /* requests left until one fails; 0: never */
};

size_t inn_heap_default(void)
{
    size_t most = inn_machine_memory() / 4 * 3;

    return most < INN_HEAP_DEFAULT_CEILING ? most : INN_HEAP_DEFAULT_CEILING;
}

struct inn_heap *inn_heap_new(size_t ceiling)
{
    struct inn_heap *heap = malloc(sizeof(*heap));

    if (heap == NULL)
        return NULL;
    heap->ceiling = ceiling != 0 ? ceiling : inn_heap_default();
    atomic_init(&heap->used, 0);
    atomic_init(&heap->peak, 0);
    atomic_init(&heap->fail_at, 0);
    return heap;
}

void inn_heap_free(struct inn_heap *heap)
{
    free(heap);
}

void inn_heap_fail_at(struct inn_heap *heap, size_t n)
{
    atomic_store(&heap->fail_at, n);
}

size_t inn_heap_fail_left(const struct inn_heap *heap)
{
    return atomic_load(&heap->fail_at);
}

size_t inn_heap_used(const struct inn_heap *heap)
{
    return atomic_load(&heap->used);
}

size_t inn_heap_peak(const struct inn_heap *heap)
{
    return atomic_load(&heap->peak);
}

size_t inn_heap_left(const struct inn_heap *heap)
{
    return heap->ceiling - atomic_load(&heap->used);
}

/* Not by malloc: it may have such a block, and others are what is missing. */
bool inn_heap_has_room(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        return false;
    munmap(p, bytes);
    return true;
}

bool inn_heap_fails(struct inn_heap *heap, size_t bytes,
                    struct inn_error *err)
{
    size_t left = atomic_load(&heap->fail_at);

    while (left != 0 &&
           !atomic_compare_exchange_weak(&heap->fail_at, &left, left - 1))
        ;
    if (left == 1)
        inn_no_memory(err, bytes);
    return left == 1;
}

/* Books total bytes against the ceiling. */
static bool reserve(struct inn_heap *heap, size_t total)
{
    size_t used = atomic_load(&heap->used);
    size_t peak;

    do {
        if (total > heap->ceiling || used > heap->ceiling - total)
            return false;
    } while (!atomic_compare_exchange_weak(&heap->used, &used, used + total));
    used += total;
    peak = atomic_load(&heap->peak);
    while (used > peak &&
           !atomic_compare_exchange_weak(&heap->peak, &peak, used))
        ;
    return true;
}

/* Only a hint: what lies within whole huge pages may be on them. */
static void hint(char *base, size_t total)
{
#ifdef MADV_HUGEPAGE
    size_t skip = (HUGE_PAGE - (uintptr_t)base % HUGE_PAGE) % HUGE_PAGE;

    if (total >= LARGE)
        (void)madvise(base + skip, (total - skip) / HUGE_PAGE * HUGE_PAGE,
                      MADV_HUGEPAGE);
#else
    (void)base;
    (void)total;
#endif
}

void *inn_alloc_raw(struct inn_heap *heap, size_t count, size_t size,
                    struct inn_error *err)
{
    size_t bytes, total;
    char *base;

    if (!inn_mul_size(&bytes, count, size) ||
        !inn_add_size(&total, bytes, HEADER + HEADER - 1)) {
        inn_fail(err, INN_ERR_LIMIT, "a block of %zu x %zu bytes is too large",
                 count, size);
        return NULL;
    }
    total -= total % HEADER; /* aligned_alloc wants a multiple */
    if (inn_heap_fails(heap, bytes, err))
        return NULL;
    if (!reserve(heap, total)) {
        inn_fail(err, INN_ERR_LIMIT,
                 "%zu bytes would pass the memory limit of %zu bytes", bytes,
                 heap->ceiling);
        inn_error_set_kind(err, INN_KIND_MEMORY_LIMIT);
        return NULL;
    }
    base = aligned_alloc(HEADER, total);
    if (base == NULL) {
        atomic_fetch_sub(&heap->used, total);
        inn_no_memory(err, bytes);
        return NULL;
    }
    hint(base, total);
    memcpy(base, &total, sizeof(total));
    return base + HEADER;
}

void *inn_alloc(struct inn_heap *heap, size_t count, size_t size,
                struct inn_error *err)
{
    void *block = inn_alloc_raw(heap, count, size, err);

    if (block != NULL)
        memset(block, 0, count * size);
    return block;
}

static size_t block_total(const void *block)
{
    size_t total;

    memcpy(&total, (const char *)block - HEADER, sizeof(total));
    return total;
}

void *inn_realloc(struct inn_heap *heap, void *block, size_t count,
                  size_t size, struct inn_error *err)
{
    void *grown = inn_alloc_raw(heap, count, size, err);
    size_t have;

    if (grown == NULL || block == NULL)
        return grown;
    have = block_total(block) - HEADER;
    memcpy(grown, block, have < count * size ? have : count * size);
    inn_free(heap, block);
    return grown;
}

void inn_free(struct inn_heap *heap, void *block)
{
    if (block == NULL)
        return;
    atomic_fetch_sub(&heap->used, block_total(block));
    free((char *)block - HEADER);
}
