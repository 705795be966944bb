/*
 * Slots of the groups on an axis. Functions are counted per block: the f-th
 * element that a channel has on the axis belongs to function f.
 */
#include "runtime/grid/slots.h"

#include <stdlib.h>

#include "runtime/base/error.h"

/* The groups of an axis, or one alone, while their slots are filled. */
struct filling {
    int only; /* -1: all */
    struct inn_slots *slots;
    int n;
    int64_t **done; /* [n][n_blocks] functions that each block has had */
};

static int by_number(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;

    return (x > y) - (x < y);
}

/* The place of a group among n, or -1. */
static int find(const struct inn_slots *slots, int n, int group)
{
    int low = 0, high = n;

    while (low < high) {
        int middle = low + (high - low) / 2;

        if (slots[middle].group == group)
            return middle;
        if (slots[middle].group < group)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

static enum inn_status list_groups(struct filling *f,
                                   const struct inn_axis *axis,
                                   struct inn_arena *arena,
                                   struct inn_error *err)
{
    int *groups = inn_arena_alloc(arena, f->only < 0 ? (size_t)axis->n_spans
                                                     : 1,
                                  sizeof(*groups), err);
    int n = 0, i;

    if (groups == NULL)
        return inn_refused(err);
    for (i = 0; i < axis->n_spans && (f->only < 0 || n < 1); i++) {
        if (axis->spans[i].group >= 0 &&
            (f->only < 0 || axis->spans[i].group == f->only))
            groups[n++] = axis->spans[i].group;
    }
    qsort(groups, (size_t)n, sizeof(*groups), by_number);
    for (i = 0; i < n; i++) {
        if (i == 0 || groups[i] != groups[f->n - 1])
            groups[f->n++] = groups[i];
    }
    f->slots = inn_arena_alloc(arena, (size_t)f->n, sizeof(*f->slots), err);
    f->done = inn_arena_alloc(arena, (size_t)f->n, sizeof(*f->done), err);
    if (f->slots == NULL || f->done == NULL)
        return inn_refused(err);
    for (i = 0; i < f->n; i++)
        f->slots[i].group = groups[i];
    return INN_OK;
}

static enum inn_status make_room(struct filling *f,
                                 const struct inn_model *model,
                                 const struct inn_axis *axis,
                                 const int64_t *widths,
                                 struct inn_arena *arena,
                                 struct inn_error *err)
{
    int i;

    /* Functions of a group: repeats of all spans of its first block. */
    for (i = 0; i < axis->n_spans; i++) {
        const struct inn_span *s = &axis->spans[i];

        if (s->group >= 0 && s->block == 0 &&
            (f->only < 0 || s->group == f->only))
            f->slots[find(f->slots, f->n, s->group)].functions += s->repeat;
    }
    for (i = 0; i < f->n; i++) {
        struct inn_slots *s = &f->slots[i];
        int blocks = model->groups[s->group].n_blocks;

        s->width = widths != NULL ? widths[s->group]
                                  : model->groups[s->group].size;
        s->at = inn_arena_alloc(arena, (size_t)s->functions,
                                (size_t)s->width * sizeof(*s->at), err);
        f->done[i] = inn_arena_alloc(arena, (size_t)blocks,
                                     sizeof(**f->done), err);
        if (s->at == NULL || f->done[i] == NULL)
            return inn_refused(err);
    }
    return INN_OK;
}

/* Slots that no span gives, or that lie past the table: a damaged file. */
static enum inn_status uneven(const struct inn_model *model,
                              const struct inn_axis *axis, int group,
                              struct inn_error *err)
{
    return inn_fail(err, INN_ERR_FORMAT,
                    "axis %d of '%s': the %d blocks of group '%s' don't occur "
                    "equally often", axis->axis,
                    model->graph->values[axis->value].name,
                    model->groups[group].n_blocks, model->groups[group].name);
}

static enum inn_status fill(struct filling *f, const struct inn_model *model,
                            const struct inn_axis *axis,
                            const int64_t *widths, struct inn_arena *arena,
                            struct inn_error *err)
{
    int64_t element = 0, p, end, r;
    enum inn_status st;
    int i, b;

    st = list_groups(f, axis, arena, err);
    if (st == INN_OK && f->n > 0)
        st = make_room(f, model, axis, widths, arena, err);
    if (st != INN_OK || f->n == 0)
        return st;
    for (i = 0; i < axis->n_spans; i++) {
        const struct inn_span *s = &axis->spans[i];
        const struct inn_group *g;
        struct inn_slots *to;
        int64_t *done;

        if (s->group < 0) {
            element += s->count;
            continue;
        }
        if (f->only >= 0 && s->group != f->only) {
            element += widths != NULL ? inn_span_length(model, s, widths)
                                      : inn_span_size(model, s);
            continue;
        }
        g = &model->groups[s->group];
        b = find(f->slots, f->n, s->group);
        to = &f->slots[b];
        done = &f->done[b][s->block];
        if (*done + s->repeat > to->functions)
            return uneven(model, axis, s->group, err);
        p = inn_block_start(g, to->width, s->block);
        end = inn_block_start(g, to->width, s->block + 1);
        for (; p < end; p++) {
            for (r = 0; r < s->repeat; r++)
                to->at[(*done + r) * to->width + p] = element++;
        }
        *done += s->repeat;
    }
    for (i = 0; i < f->n; i++) {
        for (b = 0; b < model->groups[f->slots[i].group].n_blocks; b++) {
            if (f->done[i][b] != f->slots[i].functions)
                return uneven(model, axis, f->slots[i].group, err);
        }
    }
    return INN_OK;
}

enum inn_status inn_axis_all_slots(struct inn_slots **slots, int *n,
                                   const struct inn_model *model,
                                   const struct inn_axis *axis,
                                   const int64_t *widths,
                                   struct inn_arena *arena,
                                   struct inn_error *err)
{
    struct filling f = {.only = -1};
    enum inn_status st = fill(&f, model, axis, widths, arena, err);

    *slots = st == INN_OK ? f.slots : NULL;
    *n = st == INN_OK ? f.n : 0;
    return st;
}

enum inn_status inn_axis_slots(struct inn_slots *slots,
                               const struct inn_model *model,
                               const struct inn_axis *axis, int group,
                               const int64_t *widths, struct inn_arena *arena,
                               struct inn_error *err)
{
    struct filling f = {.only = group};
    enum inn_status st = fill(&f, model, axis, widths, arena, err);

    slots->group = group;
    slots->width = widths != NULL ? widths[group] : model->groups[group].size;
    slots->functions = 0;
    slots->at = NULL;
    if (st == INN_OK && f.n > 0)
        *slots = f.slots[0];
    return st;
}
