/* Values inside networks: which is the first that differs. */
#include "runtime/tools/compare_layers.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/cli/cli.h"

static const struct inn_tensor *stored_value(const char *name,
                                             const char *const *names,
                                             const struct inn_tensor *stored,
                                             size_t n)
{
    size_t i;

    for (i = 0; i < n; i++) {
        if (strcmp(names[i], name) == 0)
            return &stored[i];
    }
    return NULL;
}

enum inn_status inn_layers_compare(struct inn_layers *layers,
                                   const struct inn_graph *graph,
                                   const struct inn_session *a,
                                   const struct inn_session *b,
                                   const char *const *stored_names,
                                   const struct inn_tensor *stored,
                                   size_t n_stored, double atol, double rtol,
                                   struct inn_arena *arena,
                                   struct inn_error *err)
{
    int i, k;

    memset(layers, 0, sizeof(*layers));
    layers->first = -1;
    layers->items = inn_arena_alloc(arena, (size_t)graph->n_values,
                                    sizeof(*layers->items), err);
    if (layers->items == NULL)
        return inn_refused(err);
    for (i = 0; i < graph->n_nodes; i++) {
        const struct inn_node *node = &graph->nodes[i];

        for (k = 0; k < node->n_outputs; k++) {
            struct inn_layer *layer = &layers->items[layers->n];
            const struct inn_tensor *ta, *tb;
            const char *name;

            if (node->outputs[k] < 0)
                continue;
            name = graph->values[node->outputs[k]].name;
            ta = inn_session_value(a, name);
            tb = b != NULL ? inn_session_value(b, name)
                           : stored_value(name, stored_names, stored,
                                          n_stored);
            if (ta == NULL || tb == NULL) {
                layers->alone += ta != NULL;
                continue;
            }
            layer->name = name;
            layer->op = node->op_type;
            layer->a = *ta;
            layer->b = *tb;
            inn_difference_measure(&layer->diff, ta, tb, atol, rtol);
            if (!layer->diff.same_shape)
                layers->other++;
            else if (!layer->diff.passed && layers->first < 0)
                layers->first = layers->n;
            layers->n++;
        }
    }
    return INN_OK;
}

static void print_first(const struct inn_layer *layer)
{
    char index[INN_INDEX_TEXT];

    fputs("first to differ: '", stdout);
    inn_print_clean(stdout, layer->name);
    fputs("', made by ", stdout);
    inn_print_clean(stdout, layer->op);
    printf(": element %s is %.9g and %.9g\n",
           inn_index_text(index, &layer->a, layer->diff.first),
           layer->diff.first_a, layer->diff.first_b);
}

enum inn_status inn_layers_print(const struct inn_layers *layers,
                                 struct inn_arena *arena,
                                 struct inn_error *err)
{
    char a[INN_SHAPE_TEXT], b[INN_SHAPE_TEXT];
    struct inn_table table;
    enum inn_status st;
    int i;

    inn_table_init(&table, arena, "value|made by|shape|largest>|relative>|"
                   "mean>|cosine>|");
    for (i = 0; i < layers->n; i++) {
        const struct inn_layer *layer = &layers->items[i];
        const struct inn_difference *d = &layer->diff;

        inn_table_text(&table, layer->name);
        inn_table_text(&table, layer->op);
        inn_shape_text(a, layer->a.rank, layer->a.dims);
        inn_shape_text(b, layer->b.rank, layer->b.dims);
        if (d->same_shape)
            inn_table_text(&table, a);
        else
            inn_table_printf(&table, "%s, %s", a, b);
        inn_table_number(&table, d->max_abs, 4);
        inn_table_number(&table, d->max_rel, 4);
        inn_table_number(&table, d->mean_abs, 4);
        inn_table_number(&table, d->cosine, 7);
        inn_table_text(&table, !d->same_shape ? ""
                               : d->passed    ? "PASSED" : "FAILED");
    }
    st = inn_table_print(&table, stdout, 0, err);
    if (layers->first >= 0)
        print_first(&layers->items[layers->first]);
    else
        printf("no value differs\n");
    if (layers->other > 0)
        printf("%d of another shape in the second, not compared\n",
               layers->other);
    if (layers->alone > 0)
        printf("%d without a value of that name in the second\n",
               layers->alone);
    return st;
}

/* {"value", "index": […], "a", "b"} */
static void add_first(struct inn_json *json, cJSON *in,
                      const struct inn_layer *layer)
{
    cJSON *item = inn_json_object(json, in, "first"), *index;
    size_t at[INN_MAX_RANK], i = layer->diff.first;
    int d;

    inn_json_text(json, item, "name", layer->name);
    inn_json_text(json, item, "op", layer->op);
    index = inn_json_array(json, item, "index");
    for (d = layer->a.rank - 1; d >= 0; d--) {
        at[d] = i % (size_t)layer->a.dims[d];
        i /= (size_t)layer->a.dims[d];
    }
    for (d = 0; d < layer->a.rank; d++)
        inn_json_int(json, index, NULL, (int64_t)at[d]);
    inn_json_number(json, item, "a", layer->diff.first_a);
    inn_json_number(json, item, "b", layer->diff.first_b);
}

void inn_layers_json(struct inn_json *json, cJSON *in,
                     const struct inn_layers *layers)
{
    cJSON *list = inn_json_array(json, in, "layers");
    int i;

    for (i = 0; i < layers->n; i++) {
        const struct inn_layer *layer = &layers->items[i];
        const struct inn_difference *d = &layer->diff;
        cJSON *item = inn_json_object(json, list, NULL);

        inn_json_text(json, item, "name", layer->name);
        inn_json_text(json, item, "op", layer->op);
        inn_json_number(json, item, "max_abs", d->max_abs);
        inn_json_number(json, item, "max_rel", d->max_rel);
        inn_json_number(json, item, "mean_abs", d->mean_abs);
        inn_json_number(json, item, "cosine", d->cosine);
        inn_json_bool(json, item, "same_shape", d->same_shape);
        inn_json_bool(json, item, "passed", d->passed);
    }
    if (layers->first >= 0)
        add_first(json, in, &layers->items[layers->first]);
    else
        inn_json_text(json, in, "first", NULL);
}
