/* Sizes and signatures, as tables and as JSON. */
#include "runtime/tools/report.h"

#include <string.h>

static void add_row(struct inn_table *table, const char *name, int64_t before,
                    int64_t after)
{
    inn_table_text(table, name);
    inn_table_int(table, before);
    inn_table_int(table, after);
    if (before > 0)
        inn_table_printf(table, "%.1f %%",
                         100.0 * (double)after / (double)before);
    else
        inn_table_text(table, "");
}

enum inn_status inn_report_sizes(struct inn_arena *arena,
                                 const struct inn_size *before,
                                 const struct inn_size *after,
                                 struct inn_error *err)
{
    struct inn_table table;

    inn_table_init(&table, arena, "|before>|after>|share>");
    add_row(&table, "operators", before->operators, after->operators);
    add_row(&table, "parameters", before->cost.params, after->cost.params);
    add_row(&table, "MACs", before->cost.macs, after->cost.macs);
    add_row(&table, "bytes (f32)", before->cost.bytes, after->cost.bytes);
    return inn_table_print(&table, stdout, 0, err);
}

int64_t inn_free_params(const struct inn_model *model)
{
    int64_t total = 0;
    int w, axis;

    for (w = 0; w < model->n_weights; w++) {
        int value = model->weights[w].value;
        const struct inn_tensor *t = model->graph->values[value].init;

        if (t == NULL)
            continue;
        for (axis = 0; axis < t->rank; axis++) {
            if (inn_model_axis(model, value, axis) != NULL) {
                total += (int64_t)inn_tensor_count(t);
                break;
            }
        }
    }
    return total;
}

void inn_json_values(struct inn_json *json, cJSON *in, const char *name,
                     const struct inn_graph *graph, const int *which, int n)
{
    cJSON *list = inn_json_array(json, in, name);
    int i, d;

    for (i = 0; i < n; i++) {
        const struct inn_value *v = &graph->values[which[i]];
        cJSON *item = inn_json_object(json, list, NULL), *shape;

        inn_json_text(json, item, "name", v->name);
        inn_json_text(json, item, "type", inn_type_name(v->type));
        if (v->rank < 0) {
            inn_json_text(json, item, "shape", NULL);
            continue;
        }
        shape = inn_json_array(json, item, "shape");
        for (d = 0; d < v->rank; d++) {
            if (v->dims[d].size >= 0)
                inn_json_int(json, shape, NULL, v->dims[d].size);
            else
                inn_json_text(json, shape, NULL, v->dims[d].symbol);
        }
    }
}

int64_t inn_graph_opset(const struct inn_graph *graph)
{
    int i;

    for (i = 0; i < graph->n_opsets; i++) {
        const char *domain = graph->opsets[i].domain;

        if (domain[0] == '\0' || strcmp(domain, "ai.onnx") == 0)
            return graph->opsets[i].version;
    }
    return 0;
}
