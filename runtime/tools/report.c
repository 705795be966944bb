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

const char *inn_uncounted_text(const struct inn_network *net,
                               struct inn_arena *arena, struct inn_error *err)
{
    struct inn_uncounted *list;
    const char *text = "";
    int n, i;

    if (inn_network_uncounted(&list, &n, net, arena, err) != INN_OK)
        return NULL;
    for (i = 0; i < n && text != NULL; i++) {
        const struct inn_uncounted *u = &list[i];

        text = inn_arena_printf(arena, err, "%s%s%d %s%s%s%s", text,
                                i > 0 ? ", " : "", u->count, u->domain,
                                u->domain[0] != '\0' ? "." : "", u->op_type,
                                u->why == INN_COUNTED_NO_SIZE
                                    ? " of unknown size" : "");
    }
    return text;
}

enum inn_status inn_json_uncounted(struct inn_json *json,
                                   const struct inn_network *net,
                                   struct inn_arena *arena,
                                   struct inn_error *err)
{
    cJSON *items = inn_json_array(json, json->root, "macs_uncounted");
    struct inn_uncounted *list;
    enum inn_status st;
    int n, i;

    st = inn_network_uncounted(&list, &n, net, arena, err);
    for (i = 0; i < n && st == INN_OK; i++) {
        cJSON *item = inn_json_object(json, items, NULL);

        inn_json_text(json, item, "operator", list[i].op_type);
        inn_json_text(json, item, "domain", list[i].domain);
        inn_json_int(json, item, "count", list[i].count);
        inn_json_text(json, item, "reason",
                      list[i].why == INN_COUNTED_NO_SIZE ? "unknown size"
                                                         : "no rule");
    }
    return st;
}

void inn_json_sizes(struct inn_json *json, const struct inn_network *net)
{
    cJSON *sizes = inn_json_object(json, json->root, "sizes");
    size_t i;
    int k;

    for (i = 0; i < net->n_bindings; i++) {
        const struct inn_binding *b = &net->bindings[i];
        cJSON *shape = b->rank < 0 ? NULL
                                   : inn_json_array(json, sizes, b->name);

        for (k = 0; k < b->rank; k++)
            inn_json_int(json, shape, NULL, b->dims[k]);
    }
    inn_json_bool(json, json->root, "sizes_assumed", net->assumed != NULL);
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
