/*
 * The integral network as a thing in memory: making and freeing it, finding
 * its axes and weights, and the lengths that axes take at given widths.
 */
#include "runtime/grid/model.h"

#include <inttypes.h>

#include "runtime/base/error.h"
#include "runtime/grid/internal.h"

enum inn_status inn_model_new(struct inn_model **model, struct inn_heap *heap,
                              struct inn_error *err)
{
    struct inn_model *m = inn_alloc(heap, 1, sizeof(*m), err);

    *model = m;
    if (m == NULL)
        return inn_refused(err);
    m->heap = heap;
    inn_arena_init(&m->arena, heap);
    return INN_OK;
}

void inn_model_free(struct inn_model *model)
{
    if (model == NULL)
        return;
    inn_graph_free(model->graph);
    if (model->source.free != NULL)
        model->source.free(model->source.state);
    inn_arena_free(&model->arena);
    inn_free(model->heap, model);
}

const struct inn_axis *inn_model_axis(const struct inn_model *model,
                                      int value, int axis)
{
    int low = 0, high = model->n_axes;

    while (low < high) {
        int middle = low + (high - low) / 2;
        const struct inn_axis *a = &model->axes[middle];

        if (a->value == value && a->axis == axis)
            return a;
        if (a->value < value || (a->value == value && a->axis < axis))
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/*
 * Each axis once under each of its groups: counted into start[g + 1] where of
 * is NULL, else written. last [n_groups] begins with -1.
 */
static void walk_axes(const struct inn_model *model, int *start, int *of,
                      int *last)
{
    int a, s;

    for (a = 0; a < model->n_axes; a++) {
        for (s = 0; s < model->axes[a].n_spans; s++) {
            int g = model->axes[a].spans[s].group;

            if (g < 0 || last[g] == a)
                continue;
            last[g] = a;
            if (of == NULL)
                start[g + 1]++;
            else
                of[start[g]++] = a;
        }
    }
}

enum inn_status inn_model_index_axes(struct inn_model *model,
                                     struct inn_error *err)
{
    size_t n = (size_t)model->n_groups;
    int *last = inn_alloc(model->heap, n + 1, sizeof(*last), err);
    int *start, *of = NULL;
    size_t g;

    model->axes_start = model->axes_of = NULL;
    if (last == NULL)
        return inn_refused(err);
    for (g = 0; g < n; g++)
        last[g] = -1;
    start = inn_arena_alloc(&model->arena, n + 1, sizeof(*start), err);
    if (start != NULL) {
        walk_axes(model, start, NULL, last);
        for (g = 0; g < n; g++) {
            start[g + 1] += start[g];
            last[g] = -1;
        }
        of = inn_arena_alloc(&model->arena, (size_t)start[n] + 1, sizeof(*of),
                             err);
    }
    if (of != NULL) {
        walk_axes(model, start, of, last);
        /* Each has moved to where the next begins. */
        for (g = n; g > 0; g--)
            start[g] = start[g - 1];
        start[0] = 0;
        model->axes_start = start;
        model->axes_of = of;
    }
    inn_free(model->heap, last);
    return of != NULL ? INN_OK : inn_refused(err);
}

const struct inn_weight *inn_model_weight(const struct inn_model *model,
                                          int value)
{
    int low = 0, high = model->n_weights;

    while (low < high) {
        int middle = low + (high - low) / 2;
        const struct inn_weight *w = &model->weights[middle];

        if (w->value == value)
            return w;
        if (w->value < value)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

int64_t inn_span_length(const struct inn_model *model,
                        const struct inn_span *span, const int64_t *widths)
{
    const struct inn_group *g;
    int64_t n;

    if (span->group < 0)
        return span->count;
    g = &model->groups[span->group];
    n = widths[span->group];
    return (inn_block_start(g, n, span->block + 1) -
            inn_block_start(g, n, span->block)) * span->repeat;
}

int64_t inn_axis_length(const struct inn_model *model,
                        const struct inn_axis *axis, const int64_t *widths)
{
    int64_t length = 0;
    int i;

    for (i = 0; i < axis->n_spans; i++)
        length += inn_span_length(model, &axis->spans[i], widths);
    return length;
}

int64_t inn_span_size(const struct inn_model *model,
                      const struct inn_span *span)
{
    return span->group < 0 ? span->count
                           : inn_block_size(&model->groups[span->group],
                                            span->block) * span->repeat;
}

int64_t inn_axis_edge(const struct inn_model *model,
                      const struct inn_axis *axis, const int64_t *widths,
                      int64_t at)
{
    int64_t edge = 0, length, size;
    int i;

    for (i = 0; i < axis->n_spans; i++) {
        const struct inn_span *s = &axis->spans[i];

        size = inn_span_size(model, s);
        length = inn_span_length(model, s, widths);
        if (at < size) {
            /*
             * Only ends of blocks are boundaries; should a damaged file ask
             * for one inside, it moves in proportion and stays in the block.
             */
            if (s->group >= 0 && size != length)
                at = (int64_t)((double)at * (double)length / (double)size);
            return edge + at;
        }
        at -= size;
        edge += length;
    }
    return edge;
}

enum inn_status inn_order_invert(int64_t *position,
                                 const struct inn_group *group,
                                 const int64_t *order, const char *what,
                                 struct inn_error *err)
{
    int64_t i;

    for (i = 0; i < group->size; i++)
        position[i] = -1;
    for (i = 0; i < group->size; i++) {
        if (order[i] < 0 || order[i] >= group->size ||
            position[order[i]] >= 0)
            return inn_fail(err, INN_ERR_FORMAT,
                            "group '%s': its %s is no permutation at %" PRId64,
                            group->name, what, i);
        position[order[i]] = i;
    }
    return INN_OK;
}
