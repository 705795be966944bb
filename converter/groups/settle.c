/*
 * Groups that stand a trial: what the labels say is free may still turn out
 * not to be when widths change. Such groups are pinned one by one, whichever
 * way the trial is made.
 */
#include <string.h>

#include "converter/groups/groups.h"
#include "runtime/base/error.h"

/* The first place that group g has on an axis; false: it has none. */
static bool find_place(struct inn_pin *pin, const struct inn_model *model,
                       int g)
{
    int i, k;

    for (i = 0; i < model->n_axes; i++) {
        const struct inn_axis *axis = &model->axes[i];
        int64_t at = 0;

        for (k = 0; k < axis->n_spans; k++) {
            const struct inn_span *s = &axis->spans[k];

            if (s->group == g) {
                pin->value = axis->value;
                pin->axis = axis->axis;
                pin->element = at;
                return true;
            }
            at += s->group < 0
                      ? s->count
                      : s->repeat * inn_block_size(&model->groups[s->group],
                                                   s->block);
        }
    }
    return false;
}

static enum inn_status add_pin(struct inn_pin **pins,
                               struct inn_group_options *options,
                               struct inn_model *model, int bad,
                               const char *why, struct inn_error *err)
{
    struct inn_pin *more, *pin;

    more = inn_realloc(model->heap, *pins, options->n_pins + 1,
                       sizeof(*more), err);
    if (more == NULL)
        return inn_refused(err);
    *pins = more;
    pin = &more[options->n_pins];
    if (!find_place(pin, model, bad))
        return inn_fail(err, INN_ERR_UNSUPPORTED,
                        "no axis has channels of group %d, which can't be "
                        "resized: %s", bad, why);
    pin->reason = inn_arena_strdup(&model->arena, why, err);
    if (pin->reason == NULL)
        return inn_refused(err);
    options->pins = more;
    options->n_pins++;
    return INN_OK;
}

enum inn_status inn_settle_groups(
    struct inn_model *model, const struct inn_shapes *shapes,
    const struct inn_group_options *options,
    enum inn_status (*verify)(const struct inn_model *model, int *bad,
                              char *why, size_t len, struct inn_error *err),
    struct inn_error *err)
{
    struct inn_group_options o = *options;
    struct inn_pin *pins = NULL;
    char why[sizeof(err->message)] = "";
    enum inn_status st;
    int bad, before = 0;

    o.pins = NULL;
    o.n_pins = 0;
    for (;;) {
        st = inn_find_groups(model, shapes, &o, err);
        if (st == INN_OK && o.n_pins > 0 && model->n_groups >= before)
            st = inn_fail(err, INN_ERR_UNSUPPORTED,
                          "%d groups remain although one of %d was pinned: "
                          "%s", model->n_groups, before, why);
        if (st == INN_OK)
            st = verify(model, &bad, why, sizeof(why), err);
        if (st != INN_OK || bad < 0)
            break;
        before = model->n_groups;
        st = add_pin(&pins, &o, model, bad, why, err);
        if (st != INN_OK)
            break;
    }
    inn_free(model->heap, pins);
    return st;
}
