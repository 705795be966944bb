/*
 * The converter's own check: every group is given another width, the graph
 * rewritten and its shapes inferred. What sampling will promise is tried here
 * first, so that an export can't fail on a network that converted.
 */
#include "converter/convert.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/grid/sample.h"

/* "what: 'name'" in as many bytes as a message has. */
static void say(char *why, size_t len, const char *what, const char *name)
{
    struct inn_error text;

    inn_fail(&text, INN_ERR_UNSUPPORTED, "%s: '%s'", what, name);
    snprintf(why, len, "%s", text.message);
}

/*
 * Infers the graph at widths. Returns false with why filled where it
 * contradicts itself or an axis is not as long as the model says; st tells a
 * lack of memory apart.
 */
static bool consistent(const struct inn_model *model, const int64_t *widths,
                       char *why, size_t len, enum inn_status *st,
                       struct inn_error *err)
{
    struct inn_graph *graph = NULL;
    struct inn_shapes shapes;
    struct inn_error local = {0};
    bool ok = false;
    int i;

    *st = inn_model_resize(&graph, model, widths, &local);
    if (*st == INN_OK) {
        *st = inn_shapes_infer(&shapes, graph, model->bindings,
                               (size_t)model->n_bindings, INN_DEFAULT_SPATIAL,
                               1 << 16,
                               &local);
        for (i = 0; *st == INN_OK && i < model->n_axes; i++) {
            const struct inn_axis *axis = &model->axes[i];
            const struct inn_tensor *t = inn_shapes_get(&shapes, axis->value);
            int64_t want = inn_axis_length(model, axis, widths);

            if (t != NULL && (axis->axis >= t->rank ||
                              t->dims[axis->axis] != want)) {
                say(why, len, "at another width the shape does not follow",
                    model->graph->values[axis->value].name);
                break;
            }
        }
        ok = *st == INN_OK && i == model->n_axes;
        inn_shapes_free(&shapes);
    }
    inn_graph_free(graph);
    if (*st == INN_ERR_MEMORY || *st == INN_ERR_LIMIT) {
        if (err != NULL)
            *err = local;
        return false;
    }
    if (*st != INN_OK)
        snprintf(why, len, "at another width %s", local.message);
    *st = INN_OK;
    return ok;
}

/*
 * Another width than its own. Narrow: about half for even groups, 3/4 for
 * odd. Wide: twice as many, which shows where an axis of length 1 that has
 * channels was taken for one that has none. A single channel stays alone.
 */
static int64_t other_width(const struct inn_group *group, int g, bool wide)
{
    int64_t n = g % 2 == 0 ? group->size / 2 : group->size * 3 / 4;

    if (wide && group->size > 1)
        return 2 * group->size;
    return n > 0 ? n : 1;
}

/* Tries all groups at once, and one at a time to find the culprit. */
static enum inn_status try_widths(const struct inn_model *model, bool wide,
                                  int64_t *widths, int *bad, char *why,
                                  size_t len, struct inn_error *err)
{
    enum inn_status st;
    int g, k;

    for (g = 0; g < model->n_groups; g++)
        widths[g] = other_width(&model->groups[g], g, wide);
    if (consistent(model, widths, why, len, &st, err) || st != INN_OK)
        return st;
    for (g = 0; g < model->n_groups && *bad < 0 && st == INN_OK; g++) {
        for (k = 0; k < model->n_groups; k++)
            widths[k] = k == g ? other_width(&model->groups[k], k, wide)
                               : model->groups[k].size;
        if (!consistent(model, widths, why, len, &st, err))
            *bad = g;
    }
    /* Only together do they fail: give up the first, and try again. */
    if (*bad < 0 && model->n_groups > 0)
        *bad = 0;
    return st;
}

enum inn_status inn_verify_groups(const struct inn_model *model, int *bad,
                                  char *why, size_t len,
                                  struct inn_error *err)
{
    int64_t *widths;
    enum inn_status st;

    *bad = -1;
    widths = inn_alloc(model->heap, (size_t)model->n_groups, sizeof(*widths),
                       err);
    if (widths == NULL)
        return inn_refused(err);
    st = try_widths(model, false, widths, bad, why, len, err);
    if (st == INN_OK && *bad < 0)
        st = try_widths(model, true, widths, bad, why, len, err);
    inn_free(model->heap, widths);
    return st;
}
