/* Sampled elements traced back to those of the network as it was. */
#include "runtime/grid/kept.h"

#include "runtime/base/error.h"
#include "runtime/grid/internal.h"
#include "runtime/grid/slots.h"

/* The channels that a group's sampled ones are copies of. */
static enum inn_status list_channels(int64_t **channels,
                                     const struct inn_group *group,
                                     const struct inn_axis_map *map,
                                     bool copies, int64_t n,
                                     struct inn_arena *arena,
                                     struct inn_error *err)
{
    int64_t i;

    *channels = NULL;
    if (!copies || map->rows != n || map->cols != group->size ||
        group->nodes != group->size)
        return INN_OK;
    *channels = inn_arena_alloc(arena, (size_t)n, sizeof(**channels), err);
    if (*channels == NULL)
        return inn_refused(err);
    for (i = 0; i < n; i++)
        (*channels)[i] = group->order[map->col[map->start[i]]];
    return INN_OK;
}

enum inn_status inn_kept_new(struct inn_kept *kept,
                             const struct inn_model *model,
                             const struct inn_plan *plan,
                             struct inn_arena *arena, struct inn_error *err)
{
    size_t n = (size_t)model->n_groups;
    struct inn_group_maps *maps;
    enum inn_status st;
    int g;

    kept->model = model;
    kept->widths = plan->widths;
    kept->sizes = inn_arena_alloc(arena, n, sizeof(*kept->sizes), err);
    kept->channels = inn_arena_alloc(arena, n, sizeof(*kept->channels), err);
    maps = inn_arena_alloc(arena, n, sizeof(*maps), err);
    if (kept->sizes == NULL || kept->channels == NULL || maps == NULL)
        return inn_refused(err);
    st = inn_sampling_maps(maps, model, plan, arena, err);
    for (g = 0; g < model->n_groups && st == INN_OK; g++) {
        kept->sizes[g] = model->groups[g].size;
        st = list_channels(&kept->channels[g], &model->groups[g],
                           &maps[g].values, maps[g].copies, plan->widths[g],
                           arena, err);
    }
    return st;
}

/* Elements of no group keep their order. */
static void place_fixed(int64_t *from, const struct inn_kept *kept,
                        const struct inn_axis *axis)
{
    int64_t at = 0, was = 0, i;
    int k;

    for (k = 0; k < axis->n_spans; k++) {
        const struct inn_span *s = &axis->spans[k];

        for (i = 0; s->group < 0 && i < s->count; i++)
            from[at + i] = was + i;
        at += inn_span_length(kept->model, s, kept->widths);
        was += inn_span_length(kept->model, s, kept->sizes);
    }
}

static enum inn_status place_group(int64_t *from, const struct inn_kept *kept,
                                   const struct inn_slots *now,
                                   const struct inn_slots *was,
                                   struct inn_error *err)
{
    const int64_t *channels = kept->channels[now->group];
    int64_t f, p;

    if (channels == NULL || now->functions != was->functions)
        return inn_fail(err, INN_ERR_UNSUPPORTED,
                        "the channels of group '%s' are mixtures of the "
                        "network's own, which nothing can be fitted to; "
                        "partitions moments and l1 keep whole ones",
                        kept->model->groups[now->group].name);
    for (f = 0; f < now->functions; f++) {
        for (p = 0; p < now->width; p++)
            from[now->at[f * now->width + p]] =
                was->at[f * was->width + channels[p]];
    }
    return INN_OK;
}

enum inn_status inn_kept_elements(int64_t **from, int64_t *length,
                                  const struct inn_kept *kept, int value,
                                  int axis, struct inn_arena *arena,
                                  struct inn_error *err)
{
    const struct inn_axis *a = inn_model_axis(kept->model, value, axis);
    struct inn_slots *now, *was;
    enum inn_status st;
    int n, i;

    *from = NULL;
    *length = 0;
    if (a == NULL)
        return INN_OK;
    *length = inn_axis_length(kept->model, a, kept->widths);
    *from = inn_arena_alloc(arena, (size_t)*length, sizeof(**from), err);
    if (*from == NULL)
        return inn_refused(err);
    place_fixed(*from, kept, a);
    st = inn_axis_all_slots(&now, &n, kept->model, a, kept->widths, arena,
                            err);
    if (st == INN_OK)
        st = inn_axis_all_slots(&was, &n, kept->model, a, kept->sizes, arena,
                                err);
    for (i = 0; i < n && st == INN_OK; i++)
        st = place_group(*from, kept, &now[i], &was[i], err);
    return st;
}
