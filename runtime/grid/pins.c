/*
 * What each reason for pinning costs, from what a model says of its axes.
 */
#include "runtime/grid/pins.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/map.h"

/* Reasons that a line names before it counts. */
#define NAMED 4

static bool is_free(const struct inn_model *model, int value)
{
    const struct inn_tensor *t = model->graph->values[value].init;
    int axis;

    for (axis = 0; axis < t->rank; axis++) {
        if (inn_model_axis(model, value, axis) != NULL)
            return true;
    }
    return false;
}

void inn_count_params(const struct inn_model *model, int64_t *all,
                      int64_t *free)
{
    int w;

    *all = *free = 0;
    for (w = 0; w < model->n_weights; w++) {
        int value = model->weights[w].value;
        const struct inn_tensor *t = model->graph->values[value].init;

        if (t == NULL)
            continue;
        *all += (int64_t)inn_tensor_count(t);
        if (is_free(model, value))
            *free += (int64_t)inn_tensor_count(t);
    }
}

static int by_cost(const void *a, const void *b)
{
    const struct inn_pin_cost *x = a, *y = b;

    if (x->params != y->params)
        return x->params > y->params ? -1 : 1;
    return x->first - y->first;
}

/* What a pinned axis of value costs: nothing where another is free. */
static int64_t price(const struct inn_model *model, int value)
{
    const struct inn_tensor *t = model->graph->values[value].init;

    return t == NULL || inn_model_weight(model, value) == NULL ||
                   is_free(model, value)
               ? 0 : (int64_t)inn_tensor_count(t);
}

/* by_pin gets each pinned axis's reason, in the order of first appearance. */
static enum inn_status gather(struct inn_pin_cost *costs, int *n, int *by_pin,
                              const struct inn_model *model,
                              struct inn_arena *arena, struct inn_error *err)
{
    struct inn_map seen;
    int *last, i, k;

    last = inn_arena_alloc(arena, (size_t)model->n_pinned, sizeof(*last), err);
    if (last == NULL)
        return inn_refused(err);
    inn_map_init(&seen, arena);
    for (i = 0; i < model->n_pinned; i++) {
        const struct inn_pinned *pin = &model->pinned[i];
        const char *reason = pin->reason != NULL ? pin->reason : "";

        k = inn_map_get(&seen, reason);
        if (k < 0) {
            k = (*n)++;
            costs[k] = (struct inn_pin_cost){reason, 0, i, 0};
            last[k] = -1;
            if (inn_map_put(&seen, reason, k, err) != INN_OK)
                return inn_refused(err);
        }
        by_pin[i] = k;
        costs[k].axes++;
        /* All pinned axes of a value lie side by side. */
        if (last[k] != pin->value)
            costs[k].params += price(model, pin->value);
        last[k] = pin->value;
    }
    return INN_OK;
}

/* Pinned axes by the place of their reason, else as they are. */
static enum inn_status sort_axes(int *order, const struct inn_pin_cost *costs,
                                 int n, const int *by_pin, int n_pinned,
                                 struct inn_arena *arena,
                                 struct inn_error *err)
{
    int *next = inn_arena_alloc(arena, (size_t)n, sizeof(*next), err);
    int i, at = 0;

    if (next == NULL)
        return inn_refused(err);
    /* Sorting lost which reason is which: its first axis tells. */
    for (i = 0; i < n; i++) {
        next[by_pin[costs[i].first]] = at;
        at += costs[i].axes;
    }
    for (i = 0; i < n_pinned; i++)
        order[next[by_pin[i]]++] = i;
    return INN_OK;
}

enum inn_status inn_pin_costs(struct inn_pin_cost **costs, int *n, int **order,
                              const struct inn_model *model,
                              struct inn_arena *arena, struct inn_error *err)
{
    size_t most = (size_t)model->n_pinned;
    enum inn_status st;
    int *by_pin;

    *n = 0;
    *costs = inn_arena_alloc(arena, most, sizeof(**costs), err);
    if (*costs == NULL)
        return inn_refused(err);
    by_pin = inn_arena_alloc(arena, most, sizeof(*by_pin), err);
    if (by_pin == NULL)
        return inn_refused(err);
    st = gather(*costs, n, by_pin, model, arena, err);
    if (st != INN_OK)
        return st;
    qsort(*costs, (size_t)*n, sizeof(**costs), by_cost);
    if (order == NULL)
        return INN_OK;
    *order = inn_arena_alloc(arena, most, sizeof(**order), err);
    return *order == NULL ? inn_refused(err)
                          : sort_axes(*order, *costs, *n, by_pin,
                                      model->n_pinned, arena, err);
}

enum inn_status inn_nothing_free(const char **line,
                                 const struct inn_model *model,
                                 struct inn_arena *arena,
                                 struct inn_error *err)
{
    struct inn_pin_cost *costs;
    int64_t all, free;
    enum inn_status st;
    const char *text;
    int n, i;

    inn_count_params(model, &all, &free);
    st = inn_pin_costs(&costs, &n, NULL, model, arena, err);
    if (st != INN_OK)
        return st;
    while (n > 0 && costs[n - 1].params == 0)
        n--;
    text = all == 0 ? "nothing can be resized: the network has no parameters"
           : n == 0 ? "nothing can be resized: no operator that we know "
                      "computes channels from the parameters"
                    : "nothing can be resized: ";
    for (i = 0; i < n && i < NAMED && text != NULL; i++)
        text = inn_arena_printf(arena, err, "%s%s%.1f %%%s (%s)", text,
                                i == 0 ? "" : ", ",
                                100.0 * (double)costs[i].params / (double)all,
                                i == 0 ? " of the parameters are pinned" : "",
                                costs[i].reason);
    if (n > NAMED && text != NULL)
        text = inn_arena_printf(arena, err, "%s; %d more %s", text, n - NAMED,
                                n - NAMED == 1 ? "reason" : "reasons");
    *line = text;
    return text == NULL ? inn_refused(err) : INN_OK;
}
