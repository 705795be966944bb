/*
 * Slots of a group on an axis. Functions are counted per block: the f-th
 * element that a channel has on the axis belongs to function f.
 */
#include "runtime/grid/slots.h"

#include "runtime/base/error.h"

/* Functions of the group: repeats of all spans of its first block. */
static int64_t count_functions(const struct inn_axis *axis, int group)
{
    int64_t n = 0;
    int i;

    for (i = 0; i < axis->n_spans; i++) {
        if (axis->spans[i].group == group && axis->spans[i].block == 0)
            n += axis->spans[i].repeat;
    }
    return n;
}

/* Points that fall to one block (inn_block_starts) at width n. */
static int64_t share(const struct inn_group *group, int64_t n, int block)
{
    int64_t before = 0;
    int i;

    for (i = 0; i < block; i++)
        before += group->blocks[i];
    return inn_block_start(group, n, before + group->blocks[block]) -
           inn_block_start(group, n, before);
}

/* Slots that no span gives, or that lie past the table: a damaged file. */
static enum inn_status uneven(const struct inn_model *model,
                              const struct inn_axis *axis,
                              const struct inn_group *group,
                              struct inn_error *err)
{
    return inn_fail(err, INN_ERR_FORMAT,
                    "axis %d of '%s': the %d blocks of group '%s' don't occur "
                    "equally often", axis->axis,
                    model->graph->values[axis->value].name, group->n_blocks,
                    group->name);
}

enum inn_status inn_axis_slots(struct inn_slots *slots,
                               const struct inn_model *model,
                               const struct inn_axis *axis, int group,
                               const int64_t *widths, struct inn_arena *arena,
                               struct inn_error *err)
{
    const struct inn_group *g = &model->groups[group];
    int64_t *starts, *done, element = 0, p, r;
    int i;

    slots->width = widths[group];
    slots->functions = count_functions(axis, group);
    slots->at = inn_arena_alloc(arena, (size_t)slots->functions,
                                (size_t)slots->width * sizeof(int64_t), err);
    starts = inn_arena_alloc(arena, (size_t)g->n_blocks + 1, sizeof(int64_t),
                             err);
    done = inn_arena_alloc(arena, (size_t)g->n_blocks, sizeof(int64_t), err);
    if (slots->at == NULL || starts == NULL || done == NULL)
        return inn_refused(err);
    inn_block_starts(g, widths[group], starts);
    for (i = 0; i < axis->n_spans; i++) {
        const struct inn_span *s = &axis->spans[i];

        if (s->group < 0) {
            element += s->count;
            continue;
        }
        if (s->group != group) {
            element += share(&model->groups[s->group], widths[s->group],
                             s->block) * s->repeat;
            continue;
        }
        if (done[s->block] + s->repeat > slots->functions)
            return uneven(model, axis, g, err);
        for (p = starts[s->block]; p < starts[s->block + 1]; p++) {
            for (r = 0; r < s->repeat; r++)
                slots->at[(done[s->block] + r) * slots->width + p] =
                    element++;
        }
        done[s->block] += s->repeat;
    }
    for (i = 0; i < g->n_blocks; i++) {
        if (done[i] != slots->functions)
            return uneven(model, axis, g, err);
    }
    return INN_OK;
}
