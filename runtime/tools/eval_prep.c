/*
 * inn eval --prep all: which preparation a network was trained with shows in
 * how often it is right.
 */
#include <math.h>
#include <stdio.h>

#include "runtime/base/error.h"
#include "runtime/pictures/presets.h"
#include "runtime/tools/eval.h"

/* The presets, and the file's own preparation where it is none of them. */
#define MOST (INN_N_PRESETS + 1)

struct candidate {
    char name[INN_PREP_TEXT];
    bool own; /* the file's */
    struct inn_eval_row row;
};

/* Whether a is to be listed before b; of equals the first stays first. */
static bool is_before(const struct inn_eval_row *a,
                      const struct inn_eval_row *b)
{
    if (a->top1 < b->top1 || a->top1 > b->top1)
        return a->top1 > b->top1;
    if (a->top5 < b->top5 || a->top5 > b->top5)
        return a->top5 > b->top5;
    return a->confidence > b->confidence;
}

/* Inserts c where it belongs among the first n. */
static void insert(struct candidate *list, int n, const struct candidate *c)
{
    int k;

    for (k = n; k > 0 && is_before(&c->row, &list[k - 1].row); k--)
        list[k] = list[k - 1];
    list[k] = *c;
}

static enum inn_status try(struct candidate *c, struct inn_eval *e,
                           int preset, struct inn_error *err)
{
    struct inn_prep_options options = e->v->prep;
    enum inn_status st;

    options.preset = preset;
    st = inn_eval_class_prep(e, &options, err);
    if (st == INN_OK)
        st = inn_eval_new_row(&c->row, e, err);
    if (st == INN_OK)
        st = inn_eval_measure(&c->row, e, err);
    return st;
}

static enum inn_status print_table(struct inn_eval *e,
                                   const struct candidate *list, int n,
                                   struct inn_error *err)
{
    char number[INN_INT_TEXT];
    struct inn_table table;
    int k;

    printf("%s pictures\n", inn_int_text(number, e->n_chosen));
    inn_table_init(&table, &e->cli->arena,
                   "preparation|top-1>|top-5>|confidence>|");
    for (k = 0; k < n; k++) {
        const struct inn_eval_row *r = &list[k].row;

        inn_table_text(&table, list[k].name);
        inn_table_printf(&table, "%.2f %%", r->top1);
        inn_table_printf(&table, "%.2f %%", r->top5);
        inn_table_fixed(&table, r->confidence, 3);
        inn_table_text(&table, list[k].own ? "the file's" : "");
    }
    return inn_table_print(&table, stdout, 0, err);
}

static enum inn_status print_json(const struct inn_eval *e,
                                  const struct candidate *list, int n,
                                  struct inn_error *err)
{
    struct inn_json json;
    cJSON *preps;
    int k;

    inn_json_start(&json);
    inn_json_int(&json, json.root, "images", e->n_chosen);
    preps = inn_json_array(&json, json.root, "preps");
    for (k = 0; k < n; k++) {
        cJSON *item = inn_json_object(&json, preps, NULL);

        inn_json_text(&json, item, "prep", list[k].name);
        inn_json_bool(&json, item, "file", list[k].own);
        inn_json_number(&json, item, "top1", list[k].row.top1);
        inn_json_number(&json, item, "top5", list[k].row.top5);
        inn_json_number(&json, item, "confidence", list[k].row.confidence);
    }
    return inn_json_print(&json, err);
}

enum inn_status inn_eval_preps(struct inn_eval *e,
                               const struct inn_rules *rules,
                               struct inn_error *err)
{
    const struct inn_input_prep *own =
        e->net.model != NULL && e->net.model->prep.given ? &e->net.model->prep
                                                         : NULL;
    int64_t channels = inn_eval_class_channels(e);
    bool fits = own != NULL && (own->n == 1 || own->n == channels);
    int same = fits ? inn_preset_of(own, channels) : -1, n = 0, k, steps = 0;
    struct candidate list[MOST] = {0}, c = {0};
    enum inn_status st;

    st = inn_network_sample(&e->net, &e->v->sampling, 0, rules,
                            (int)e->v->common.threads, err);
    for (k = -1; k < INN_N_PRESETS; k++)
        steps += k >= 0 ? inn_preset_fits(k, channels) : fits && same < 0;
    for (k = -1; k < INN_N_PRESETS && st == INN_OK; k++) {
        if (k < 0 ? !fits || same >= 0 : !inn_preset_fits(k, channels))
            continue;
        inn_progress_phase(&e->cli->progress, n + 1, steps, "pictures");
        st = try(&c, e, k, err);
        c.own = fits && k == same;
        if (k < 0)
            inn_prep_text(c.name, own);
        else
            snprintf(c.name, sizeof(c.name), "%s", inn_presets[k].name);
        if (st == INN_OK)
            insert(list, n++, &c);
    }
    inn_progress_clear(&e->cli->progress);
    if (st == INN_OK && e->v->common.json)
        return print_json(e, list, n, err);
    if (st == INN_OK && !e->v->common.quiet)
        return print_table(e, list, n, err);
    return st;
}
