/*
 * Greedy best fit: large buffers first, each into the smallest gap between
 * those alive at the same time that holds it, else on top of them. Optimal
 * placement is NP-hard; on chains with short branches this is within a few
 * percent of the largest sum alive at one step.
 */
#include "runtime/exec/memory.h"

#include <stdlib.h>

#include "runtime/base/checked.h"
#include "runtime/base/error.h"

struct placed {
    const struct inn_buffer *buffer;
    size_t index;
};

static size_t rounded(size_t bytes)
{
    return (bytes + INN_MEMORY_ALIGN - 1) / INN_MEMORY_ALIGN *
           INN_MEMORY_ALIGN;
}

/* Largest first; the index decides ties, so that the order is one. */
static int larger_first(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;

    if (x->buffer->bytes != y->buffer->bytes)
        return x->buffer->bytes > y->buffer->bytes ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static bool alive_together(const struct inn_buffer *a,
                           const struct inn_buffer *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/*
 * Offset for buffer, given those placed already in the order of their offsets:
 * walking up, top is the end of what was passed so far.
 */
static size_t find_gap(const struct inn_buffer *buffer,
                       const struct inn_buffer *const *by_offset, size_t n)
{
    size_t need = rounded(buffer->bytes), top = 0, best = 0;
    size_t best_gap = SIZE_MAX, i;

    for (i = 0; i < n; i++) {
        const struct inn_buffer *other = by_offset[i];
        size_t end = other->offset + rounded(other->bytes);

        if (!alive_together(buffer, other))
            continue;
        if (other->offset > top) {
            size_t gap = other->offset - top;

            if (gap >= need && gap < best_gap) {
                best = top;
                best_gap = gap;
            }
        }
        if (end > top)
            top = end;
    }
    return best_gap != SIZE_MAX ? best : top;
}

enum inn_status inn_memory_plan(struct inn_buffer *buffers, size_t n,
                                size_t *total, struct inn_heap *heap,
                                struct inn_error *err)
{
    enum inn_status st = INN_OK;
    const struct inn_buffer **by_offset = NULL;
    struct placed *order = NULL;
    size_t sum = 0, top = 0, i, j;

    *total = 0;
    for (i = 0; i < n; i++) {
        if (!inn_add_size(&sum, sum, buffers[i].bytes) ||
            !inn_add_size(&sum, sum, INN_MEMORY_ALIGN))
            return inn_fail(err, INN_ERR_LIMIT,
                            "activations of %zu buffers are too large", n);
    }
    order = inn_alloc(heap, n, sizeof(*order), err);
    if (order != NULL)
        by_offset = inn_alloc(heap, n, sizeof(*by_offset), err);
    if (by_offset == NULL) {
        st = inn_refused(err);
        goto out;
    }
    for (i = 0; i < n; i++) {
        buffers[i].offset = 0;
        order[i].buffer = &buffers[i];
        order[i].index = i;
    }
    qsort(order, n, sizeof(*order), larger_first);
    for (i = 0; i < n; i++) {
        struct inn_buffer *b = &buffers[order[i].index];
        size_t end;

        if (b->bytes == 0) /* and all behind it */
            break;
        b->offset = find_gap(b, by_offset, i);
        end = b->offset + rounded(b->bytes);
        if (end > top)
            top = end;
        for (j = i; j > 0 && by_offset[j - 1]->offset > b->offset; j--)
            by_offset[j] = by_offset[j - 1];
        by_offset[j] = b;
    }
    *total = top;
out:
    inn_free(heap, by_offset);
    inn_free(heap, order);
    return st;
}
