/* Values of two networks put side by side, element by element. */
#include "runtime/refit/task.h"

#include <string.h>

#include "runtime/base/error.h"

/* The channels of v that the cut network has kept. */
static enum inn_status kept_channels(const struct inn_refit_sides *r, int v,
                                     int axis, int64_t **kept,
                                     struct inn_error *err)
{
    int64_t length;

    return inn_kept_elements(kept, &length, r->kept, v, axis, r->arena, err);
}

/* Where the elements of y lie in the full network, any of its axes cut. */
static enum inn_status place_elements(const struct inn_refit_sides *r,
                                      struct inn_refit_task *task, int v,
                                      struct inn_error *err)
{
    const struct inn_tensor *cut = inn_interpreter_shape(r->narrow, v);
    const struct inn_tensor *one = inn_interpreter_shape(r->wide, v);
    size_t n = inn_tensor_count(cut), i, at;
    int64_t *kept[INN_MAX_RANK], index[INN_MAX_RANK] = {0};
    enum inn_status st = INN_OK;
    int a;

    for (a = 0; a < cut->rank && st == INN_OK; a++)
        st = kept_channels(r, v, a, &kept[a], err);
    if (st != INN_OK)
        return st;
    task->place = inn_alloc_raw(r->cut->heap, n, sizeof(*task->place), err);
    if (task->place == NULL)
        return inn_refused(err);
    for (i = 0; i < n; i++) {
        for (at = 0, a = 0; a < cut->rank; a++)
            at = at * (size_t)one->dims[a] +
                 (size_t)(kept[a] != NULL ? kept[a][index[a]] : index[a]);
        task->place[i] = (uint32_t)at;
        for (a = cut->rank - 1; a >= 0 && ++index[a] == cut->dims[a]; a--)
            index[a] = 0;
    }
    return INN_OK;
}

/* y in both networks, of which any axis may be cut; false: who knows. */
static bool match_positions(const struct inn_refit_sides *r,
                            struct inn_refit_task *task,
                            const struct inn_linear *l, bool *others)
{
    const struct inn_tensor *one = inn_interpreter_shape(r->wide, l->y);
    const struct inn_tensor *cut = inn_interpreter_shape(r->narrow, l->y);
    int i;

    *others = false;
    if (one == NULL || one->rank != cut->rank)
        return false;
    for (i = 0; i < cut->rank; i++) {
        const struct inn_axis *axis = inn_model_axis(r->kept->model, l->y, i);

        if (one->dims[i] == cut->dims[i])
            continue;
        if (axis == NULL)
            return false;
        *others = *others || i != l->to.axis;
    }
    task->full = l->to;
    task->full.channels = (size_t)one->dims[l->to.axis];
    task->full_elements = inn_tensor_count(one);
    return task->full_elements <= UINT32_MAX;
}

/* The standard of what the layer gives, of the channels kept. */
static enum inn_status match_standard(const struct inn_refit_sides *r,
                                      struct inn_refit_task *task,
                                      const struct inn_linear *l,
                                      struct inn_error *err)
{
    const struct inn_standard *s = &r->standards[l->y];
    size_t n = l->to.channels, c, full;
    double *both;

    if (s->gain == NULL)
        return INN_OK;
    both = inn_arena_alloc(r->arena, n, 2 * sizeof(*both), err);
    if (both == NULL)
        return inn_refused(err);
    for (c = 0; c < n; c++) {
        full = task->kept != NULL ? (size_t)task->kept[c] : c;
        both[c] = s->gain[full];
        both[n + c] = s->offset[full];
    }
    task->gain = both;
    task->offset = both + n;
    return INN_OK;
}

enum inn_status inn_refit_task_new(struct inn_refit_task *task, bool *known,
                                   const struct inn_refit_layer *layer,
                                   const struct inn_refit_sides *r,
                                   struct inn_error *err)
{
    const struct inn_linear *l = &layer->linear;
    struct inn_path full = layer->path;
    enum inn_status st;
    int64_t *kept;
    bool others;

    memset(task, 0, sizeof(*task));
    task->layer = layer;
    task->samples = r->narrow->samples;
    task->x = r->narrow->data[l->x];
    task->y = r->narrow->data[l->y];
    task->aim = r->wide->data[layer->aim];
    if (layer->shortcut >= 0)
        task->shortcut = r->narrow->data[layer->shortcut];
    *known = match_positions(r, task, l, &others);
    if (!*known)
        return INN_OK;
    st = kept_channels(r, l->y, l->to.axis, &kept, err);
    if (st == INN_OK && others)
        st = place_elements(r, task, l->y, err);
    if (st != INN_OK)
        return st;
    task->kept = kept;
    st = match_standard(r, task, l, err);
    if (st == INN_OK)
        st = inn_trace_new(&task->way, &layer->path, l->apart, r->cut,
                           &r->narrow->shapes, l->y, err);
    full.scales = false;
    return st == INN_OK ? inn_trace_new(&task->full_way, &full, l->apart,
                                        r->full, &r->wide->shapes, l->y,
                                        err)
                        : st;
}

void inn_refit_task_free(struct inn_refit_task *task, struct inn_heap *heap)
{
    inn_free(heap, task->place);
    inn_trace_free(&task->way, heap);
    inn_trace_free(&task->full_way, heap);
    task->place = NULL;
}
