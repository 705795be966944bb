/*
 * Groups without moments: partition moments samples them by their weights.
 */
#include "runtime/tools/unmeasured.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/error.h"

/* Whether some channels of the axis belong to one of the groups. */
static bool is_on(const struct inn_axis *axis, const bool *groups)
{
    int s;

    for (s = 0; s < axis->n_spans; s++) {
        if (axis->spans[s].group >= 0 && groups[axis->spans[s].group])
            return true;
    }
    return false;
}

enum inn_status inn_count_unmeasured(struct inn_unmeasured *u,
                                     const struct inn_model *model,
                                     const int64_t *widths,
                                     struct inn_error *err)
{
    bool *unknown = inn_alloc(model->heap, (size_t)model->n_groups + 1,
                              sizeof(*unknown), err);
    int g, w, a = 0;

    memset(u, 0, sizeof(*u));
    if (unknown == NULL)
        return inn_refused(err);
    u->of = model->n_groups;
    for (g = 0; g < model->n_groups; g++) {
        unknown[g] = model->groups[g].nested == NULL &&
                     (widths == NULL || widths[g] != model->groups[g].size);
        u->groups += unknown[g];
    }
    /* Both are sorted by value. */
    for (w = 0; w < model->n_weights; w++) {
        int v = model->weights[w].value;
        int64_t n = (int64_t)inn_tensor_count(model->graph->values[v].init);
        bool on = false;

        u->all += n;
        while (a < model->n_axes && model->axes[a].value < v)
            a++;
        for (; a < model->n_axes && model->axes[a].value == v; a++)
            on = on || is_on(&model->axes[a], unknown);
        u->params += on ? n : 0;
    }
    inn_free(model->heap, unknown);
    return INN_OK;
}

void inn_print_unmeasured(const struct inn_unmeasured *u)
{
    if (u->groups == 0)
        return;
    printf("%d of %d group%s (%.1f %% of the parameters) ha%s no moments and "
           "%s sampled by %s weights alone\n", u->groups, u->of,
           u->of == 1 ? "" : "s",
           u->all > 0 ? 100.0 * (double)u->params / (double)u->all : 0.0,
           u->groups == 1 ? "s" : "ve", u->groups == 1 ? "is" : "are",
           u->groups == 1 ? "its" : "their");
}

void inn_json_unmeasured(struct inn_json *json,
                         const struct inn_unmeasured *u)
{
    inn_json_int(json, json->root, "groups_without_moments", u->groups);
    inn_json_int(json, json->root, "params_without_moments", u->params);
}
