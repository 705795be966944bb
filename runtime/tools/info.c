/* inn info: what a file holds. */
#include <stdio.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/cli/sizes.h"
#include "runtime/exec/exec.h"
#include "runtime/grid/pins.h"
#include "runtime/grid/sample.h"
#include "runtime/ops/reason.h"
#include "runtime/pictures/presets.h"
#include "runtime/pictures/stored.h"
#include "runtime/drawn/samples.h"
#include "runtime/tools/commands.h"
#include "runtime/tools/network.h"
#include "runtime/tools/report.h"
#include "runtime/tools/refitting.h"
#include "runtime/tools/tensors.h"
#include "runtime/tools/unmeasured.h"

/* Constants up to this size are computed to learn shapes. */
#define FOLD_BYTES ((size_t)64 << 10)

struct values {
    struct inn_common common;
    struct inn_sampling sampling;
    struct inn_refitting refit;
};

/* Widths as inn export takes them. */
static const struct values defaults = {.refit = {.by_default = true}};

static const struct inn_option_set sets[] = {
    {"Sampling options (.inn): sizes at another width", inn_sampling_options,
     offsetof(struct values, sampling)},
    {"Refitting (.inn): widths that suit it", inn_refitting_options,
     offsetof(struct values, refit)},
    {"Common options", inn_common_options, offsetof(struct values, common)},
    {NULL, NULL, 0},
};

static const char *const examples[] = {
    "inn info net.inn",
    "inn info net.inn --width 0.7      widths and sizes it would have",
    "inn info net.inn --json           groups with all their members",
    "inn info net.onnx -v              all operators by kind",
    NULL,
};

static const char *role_name(enum inn_role role)
{
    switch (role) {
    case INN_ROLE_ALONG:
        return "along";
    case INN_ROLE_OUT:
        return "out";
    case INN_ROLE_IN:
        return "in";
    }
    return "?";
}

/* A group on an axis of a weight, and the element that it begins at. */
struct member {
    const struct inn_axis *axis;
    int64_t offset;
};

/*
 * By group, in the axes' order: group g has members start[g] to start[g + 1]
 * of list. start: [n_groups + 1].
 */
struct members {
    size_t *start;
    struct member *list;
};

/* What is told of a network, gathered once for both forms. */
struct facts {
    const struct inn_graph *graph;
    struct inn_cost cost;
    int64_t params_free;
    const char *uncounted; /* of cost.macs; "" where nothing is left out */
    struct inn_unmeasured unmeasured;
    struct members members;
    bool sampled; /* widths differ from full */
    /* By graph node: why it can't be run, as a kind and in words. */
    enum inn_reason *reasons;
    const char **why;
};

static bool is_weight(const struct inn_model *model, const struct inn_axis *a)
{
    return model->graph->values[a->value].init != NULL;
}

/*
 * The least width from which on the moments predict at most this relative
 * error; 0 where the group has none.
 */
static int64_t width_for(const struct inn_group *group, double error)
{
    int64_t n = group->nested != NULL ? group->size : 0;

    while (n > 1 && (double)group->nested_error[n - 2] <= error)
        n--;
    return n;
}

/*
 * Each group on the axis once, where it begins. count: adds one to start[g];
 * else writes to list[start[g]++]. seen [n_groups] has stamps below stamp.
 */
static void walk_axis(struct members *to, const struct inn_model *m,
                      const struct inn_axis *axis, int *seen, int stamp,
                      bool count)
{
    int64_t at = 0;
    int s;

    for (s = 0; s < axis->n_spans; s++) {
        const struct inn_span *span = &axis->spans[s];
        int g = span->group;

        if (g >= 0 && seen[g] != stamp) {
            seen[g] = stamp;
            if (count)
                to->start[g]++;
            else
                to->list[to->start[g]++] = (struct member){axis, at};
        }
        at += inn_span_size(m, span);
    }
}

static enum inn_status find_members(struct members *to,
                                    const struct inn_model *m,
                                    struct inn_arena *arena,
                                    struct inn_error *err)
{
    size_t n = (size_t)m->n_groups + 1, all = 0, g;
    int *seen = inn_arena_alloc(arena, n, sizeof(*seen), err), i;

    to->start = inn_arena_alloc(arena, n, sizeof(*to->start), err);
    if (seen == NULL || to->start == NULL)
        return inn_refused(err);
    for (i = 0; i < m->n_axes; i++) {
        if (is_weight(m, &m->axes[i]))
            walk_axis(to, m, &m->axes[i], seen, i + 1, true);
    }
    for (g = 0; g < n; g++) {
        size_t count = to->start[g];

        to->start[g] = all;
        all += count;
    }
    to->list = inn_arena_alloc(arena, all + 1, sizeof(*to->list), err);
    if (to->list == NULL)
        return inn_refused(err);
    for (i = 0; i < m->n_axes; i++) {
        if (is_weight(m, &m->axes[i]))
            walk_axis(to, m, &m->axes[i], seen, -1 - i, false);
    }
    /* Each has moved to where the next begins. */
    for (g = n - 1; g > 0; g--)
        to->start[g] = to->start[g - 1];
    to->start[0] = 0;
    return INN_OK;
}

static void json_groups(struct inn_json *json, const struct inn_network *net,
                        const struct members *members)
{
    const struct inn_model *m = net->model;
    cJSON *list = inn_json_array(json, json->root, "groups"), *item, *sub;
    size_t k;
    int g, i;

    for (g = 0; m != NULL && g < m->n_groups; g++) {
        const struct inn_group *group = &m->groups[g];

        item = inn_json_object(json, list, NULL);
        inn_json_text(json, item, "name", group->name);
        inn_json_int(json, item, "size", group->size);
        inn_json_int(json, item, "nodes", group->nodes);
        inn_json_int(json, item, "width", net->plan.widths[g]);
        inn_json_number(json, item, "variation_before",
                        group->variation_before);
        inn_json_number(json, item, "variation_after",
                        group->variation_after);
        inn_json_number(json, item, "residual", group->residual);
        inn_json_bool(json, item, "moments", group->nested != NULL);
        if (group->nested != NULL) {
            inn_json_int(json, item, "width_at_1_percent",
                         width_for(group, 0.01));
            inn_json_int(json, item, "width_at_10_percent",
                         width_for(group, 0.1));
        }
        sub = inn_json_array(json, item, "blocks");
        for (i = 0; i < group->n_blocks; i++)
            inn_json_int(json, sub, NULL, inn_block_size(group, i));
        sub = inn_json_array(json, item, "members");
        for (k = members->start[g]; k < members->start[g + 1]; k++) {
            const struct inn_axis *a = members->list[k].axis;
            cJSON *member = inn_json_object(json, sub, NULL);

            inn_json_text(json, member, "tensor",
                          m->graph->values[a->value].name);
            inn_json_int(json, member, "axis", a->axis);
            inn_json_text(json, member, "role", role_name(a->role));
            inn_json_int(json, member, "offset", members->list[k].offset);
        }
    }
}

/* Pinned axes, those with the dearest reason first. */
static enum inn_status json_pinned(struct inn_json *json,
                                   const struct inn_model *m,
                                   struct inn_arena *arena,
                                   struct inn_error *err)
{
    cJSON *list = inn_json_array(json, json->root, "pinned"), *item;
    struct inn_pin_cost *costs;
    enum inn_status st;
    int n, i, k, *order;

    if (m == NULL)
        return INN_OK;
    st = inn_pin_costs(&costs, &n, &order, m, arena, err);
    for (k = 0; st == INN_OK && k < n; k++) {
        for (i = 0; i < costs[k].axes; i++) {
            const struct inn_pinned *pin = &m->pinned[*order++];

            item = inn_json_object(json, list, NULL);
            inn_json_text(json, item, "tensor",
                          m->graph->values[pin->value].name);
            inn_json_int(json, item, "axis", pin->axis);
            inn_json_int(json, item, "size", pin->size);
            inn_json_int(json, item, "params", costs[k].params);
            inn_json_text(json, item, "reason", costs[k].reason);
        }
    }
    return st;
}

static enum inn_status print_json(struct inn_cli *cli,
                                  const struct inn_network *net,
                                  const struct facts *f,
                                  struct inn_error *err)
{
    struct inn_json json;
    char prep[INN_PREP_TEXT];
    cJSON *list, *item;
    enum inn_status st;
    int i;

    inn_json_start(&json);
    inn_json_text(&json, json.root, "kind", net->model != NULL ? "inn"
                                                               : "onnx");
    inn_json_int(&json, json.root, "params", f->cost.params);
    inn_json_int(&json, json.root, "params_free", f->params_free);
    inn_json_int(&json, json.root, "macs", f->cost.macs);
    st = inn_json_uncounted(&json, net, &cli->arena, err);
    inn_json_int(&json, json.root, "bytes", f->cost.bytes);
    inn_json_sizes(&json, net);
    inn_json_int(&json, json.root, "opset", inn_graph_opset(f->graph));
    inn_json_int(&json, json.root, "operators", f->graph->n_nodes);
    if (net->model != NULL) {
        inn_json_text(&json, json.root, "prep", net->model->prep.given
                      ? inn_prep_text(prep, &net->model->prep) : NULL);
        inn_json_stored(&json, net->model);
    }
    inn_json_values(&json, json.root, "inputs", f->graph, f->graph->inputs,
                    f->graph->n_inputs);
    inn_json_values(&json, json.root, "outputs", f->graph, f->graph->outputs,
                    f->graph->n_outputs);
    list = inn_json_array(&json, json.root, "unsupported");
    for (i = 0; i < f->graph->n_nodes; i++) {
        const struct inn_node *node = &f->graph->nodes[i];

        if (f->reasons[i] == INN_REASON_NONE)
            continue;
        item = inn_json_object(&json, list, NULL);
        inn_json_text(&json, item, "operator", node->op_type);
        inn_json_text(&json, item, "domain", node->domain);
        inn_json_text(&json, item, "node", node->name);
        inn_json_int(&json, item, "opset", node->version);
        inn_json_text(&json, item, "reason", inn_reason_word(f->reasons[i]));
        inn_json_text(&json, item, "why", f->why[i]);
    }
    if (net->model != NULL)
        inn_json_unmeasured(&json, &f->unmeasured);
    json_groups(&json, net, &f->members);
    if (st == INN_OK)
        st = json_pinned(&json, net->model, &cli->arena, err);
    if (st == INN_OK)
        return inn_json_print(&json, err);
    inn_json_free(&json);
    return st;
}

/* Files name the program and its version, or the version alone. */
static const char *converter_version(const struct inn_model *model)
{
    static const char name[] = "inn-convert ";
    const char *text = model->converter != NULL ? model->converter : "?";

    return strncmp(text, name, sizeof(name) - 1) == 0
               ? text + sizeof(name) - 1 : text;
}

static enum inn_status print_stored(const struct inn_model *model,
                                    struct inn_arena *arena,
                                    struct inn_error *err)
{
    const char *text;

    if (model == NULL || model->stored == NULL)
        return INN_OK;
    text = inn_stored_text(model, arena, err);
    if (text == NULL)
        return inn_refused(err);
    printf("stored inputs  ");
    inn_print_clean(stdout, text);
    printf("\n");
    return INN_OK;
}

static void print_head(const struct inn_network *net, const struct facts *f)
{
    const struct inn_graph *g = f->graph;
    char number[INN_INT_TEXT], prep[INN_PREP_TEXT];

    inn_print_clean(stdout, net->path);
    if (net->model != NULL) {
        printf(": integral neural network made of ");
        inn_print_clean(stdout, net->model->source_name != NULL
                                    ? net->model->source_name : "?");
        printf(" by inn-convert ");
        inn_print_clean(stdout, converter_version(net->model));
    } else {
        printf(": ONNX network");
        if (g->producer != NULL && g->producer[0] != '\0') {
            printf(" made by ");
            inn_print_clean(stdout, g->producer);
        }
    }
    printf("\nopset       %lld\n", (long long)inn_graph_opset(g));
    printf("operators   %s\n", inn_int_text(number, g->n_nodes));
    printf("parameters  %s", inn_int_text(number, f->cost.params));
    if (net->model != NULL && f->cost.params > 0)
        printf(", of which %.1f %% can be resized",
               100.0 * (double)f->params_free / (double)f->cost.params);
    printf("\nMACs        %s\n", inn_int_text(number, f->cost.macs));
    if (f->uncounted[0] != '\0') {
        printf("not counted ");
        inn_print_clean(stdout, f->uncounted);
        printf("\n");
    }
    printf("bytes (f32) %s\n", inn_int_text(number, f->cost.bytes));
    if (net->model != NULL && net->model->prep.given)
        printf("preparation %s\n", inn_prep_text(prep, &net->model->prep));
}

static enum inn_status print_values(struct inn_cli *cli,
                                    const struct inn_graph *graph,
                                    struct inn_error *err)
{
    struct inn_table table;
    const char *shape;
    int i;

    inn_table_init(&table, &cli->arena, "|name|type|shape");
    for (i = 0; i < graph->n_inputs + graph->n_outputs; i++) {
        bool input = i < graph->n_inputs;
        const struct inn_value *v =
            &graph->values[input ? graph->inputs[i]
                                 : graph->outputs[i - graph->n_inputs]];

        inn_table_text(&table, input ? "input" : "output");
        inn_table_text(&table, v->name);
        inn_table_text(&table, inn_type_name(v->type));
        shape = inn_declared_text(v, &cli->arena, err);
        if (shape == NULL)
            return inn_refused(err);
        inn_table_text(&table, shape);
    }
    printf("\n");
    return inn_table_print(&table, stdout, 0, err);
}

/* "24" or "16+8" where the group has blocks. */
static const char *blocks_text(char text[64], const struct inn_group *group)
{
    size_t at = 0;
    int i;

    if (group->n_blocks < 2)
        return strcpy(text, "");
    for (i = 0; i < group->n_blocks; i++) {
        at += (size_t)snprintf(text + at, 64 - at, "%s%lld", i > 0 ? "+" : "",
                               (long long)inn_block_size(group, i));
        if (at > 48) {
            snprintf(text + at, 64 - at, "+...");
            break;
        }
    }
    return text;
}

static enum inn_status print_groups(struct inn_cli *cli,
                                    const struct inn_network *net,
                                    const struct facts *f,
                                    struct inn_error *err)
{
    const struct inn_model *m = net->model;
    struct inn_table table;
    bool moments = false;
    const char *head;
    char blocks[64];
    int g, i;

    for (g = 0; g < m->n_groups; g++)
        moments = moments || m->groups[g].nested != NULL;
    head = inn_arena_printf(&cli->arena, err,
                            "group|channels>|%sblocks|members>|variation>%s",
                            f->sampled ? "width>|" : "",
                            moments ? "|moments|1 % at>|10 % at>" : "");
    if (head == NULL)
        return inn_refused(err);
    inn_table_init(&table, &cli->arena, head);
    for (g = 0; g < m->n_groups; g++) {
        const struct inn_group *group = &m->groups[g];

        inn_table_text(&table, group->name);
        inn_table_int(&table, group->size);
        if (f->sampled)
            inn_table_int(&table, net->plan.widths[g]);
        inn_table_text(&table, blocks_text(blocks, group));
        inn_table_int(&table, (int64_t)(f->members.start[g + 1] -
                                        f->members.start[g]));
        if (group->variation_before > 0)
            inn_table_printf(&table, "-%.1f %%", 100.0 -
                             100.0 * group->variation_after /
                                 group->variation_before);
        else
            inn_table_text(&table, "");
        if (!moments)
            continue;
        inn_table_text(&table, group->nested != NULL ? "yes" : "no");
        for (i = 0; i < 2; i++) {
            int64_t n = width_for(group, i == 0 ? 0.01 : 0.1);

            if (n > 0)
                inn_table_int(&table, n);
            else
                inn_table_text(&table, "");
        }
    }
    printf("\n");
    return inn_table_print(&table, stdout, 0, err);
}

static enum inn_status print_pinned(struct inn_cli *cli,
                                    const struct inn_model *m,
                                    struct inn_error *err)
{
    struct inn_pin_cost *costs;
    struct inn_table table;
    enum inn_status st;
    int n, i, k, *order;

    if (m->n_pinned == 0)
        return INN_OK;
    st = inn_pin_costs(&costs, &n, &order, m, &cli->arena, err);
    if (st != INN_OK)
        return st;
    inn_table_init(&table, &cli->arena,
                   "pinned|axis>|size>|parameters>|reason");
    for (k = 0; k < n; k++) {
        for (i = 0; i < costs[k].axes; i++) {
            const struct inn_pinned *pin = &m->pinned[*order++];

            inn_table_text(&table, m->graph->values[pin->value].name);
            inn_table_int(&table, pin->axis);
            inn_table_int(&table, pin->size);
            inn_table_int(&table, costs[k].params);
            inn_table_text(&table, costs[k].reason);
        }
    }
    printf("\n");
    return inn_table_print(&table, stdout, 0, err);
}

/* What is said of a graph node: why it isn't run, or nothing. */
static const char *operator_text(const struct facts *f, int node)
{
    return f->why[node] != NULL ? f->why[node] : "";
}

/*
 * Operators by kind and by why they can't be run, in order of first
 * appearance: all of them, or only those that can't be run.
 */
static enum inn_status print_operators(struct inn_cli *cli,
                                       const struct facts *f, bool all,
                                       struct inn_error *err)
{
    const struct inn_graph *graph = f->graph;
    size_t n = (size_t)graph->n_nodes;
    int *first = inn_arena_alloc(&cli->arena, n, sizeof(*first), err);
    int *count = inn_arena_alloc(&cli->arena, n, sizeof(*count), err);
    struct inn_table table;
    struct inn_map seen;
    bool any = false;
    int kinds = 0, i;

    if (first == NULL || count == NULL)
        return inn_refused(err);
    inn_map_init(&seen, &cli->arena);
    for (i = 0; i < graph->n_nodes; i++) {
        const char *key;
        int k;

        if (!all && f->reasons[i] == INN_REASON_NONE)
            continue;
        key = inn_arena_printf(&cli->arena, err, "%s\n%s",
                               graph->nodes[i].op_type, operator_text(f, i));
        if (key == NULL)
            return inn_refused(err);
        k = inn_map_get(&seen, key);
        if (k < 0) {
            enum inn_status st = inn_map_put(&seen, key, kinds, err);

            if (st != INN_OK)
                return st;
            first[kinds] = i;
            k = kinds++;
        }
        count[k]++;
    }
    for (i = 0; i < graph->n_nodes && !any; i++)
        any = f->reasons[i] != INN_REASON_NONE;
    inn_table_init(&table, &cli->arena, any ? "operator|count>|not run here"
                                            : "operator|count>|");
    for (i = 0; i < kinds; i++) {
        inn_table_text(&table, graph->nodes[first[i]].op_type);
        inn_table_int(&table, count[i]);
        inn_table_text(&table, operator_text(f, first[i]));
    }
    if (kinds == 0)
        return INN_OK;
    printf("\n");
    return inn_table_print(&table, stdout, 0, err);
}

static enum inn_status print_tables(struct inn_cli *cli,
                                    const struct inn_network *net,
                                    const struct facts *f,
                                    struct inn_error *err)
{
    enum inn_status st;

    print_head(net, f);
    st = print_stored(net->model, &cli->arena, err);
    if (st == INN_OK)
        st = print_values(cli, f->graph, err);
    if (st == INN_OK)
        st = print_operators(cli, f, cli->common->verbose, err);
    if (st == INN_OK && net->model != NULL)
        st = print_groups(cli, net, f, err);
    if (st == INN_OK && net->model != NULL && inn_plan_by_weights(&net->plan))
        inn_print_unmeasured(&f->unmeasured);
    if (st == INN_OK && net->model != NULL)
        st = print_pinned(cli, net->model, err);
    if (st == INN_OK && net->model != NULL && net->model->n_groups == 0) {
        const char *line;

        st = inn_nothing_free(&line, net->model, &cli->arena, err);
        if (st != INN_OK)
            return st;
        putchar('\n');
        inn_print_clean(stdout, line);
        putchar('\n');
    }
    return st;
}

static enum inn_status find_uncounted(struct facts *f, struct inn_cli *cli,
                                      const struct inn_network *net,
                                      struct inn_error *err)
{
    f->uncounted = inn_uncounted_text(net, &cli->arena, err);
    return f->uncounted != NULL ? INN_OK : inn_refused(err);
}

/* A Constant that is a weight: in an .inn its data lie elsewhere. */
static bool holds_weight(const struct inn_graph *graph,
                         const struct inn_node *node)
{
    return node->n_outputs > 0 && node->outputs[0] >= 0 &&
           graph->values[node->outputs[0]].init != NULL;
}

/*
 * Why graph nodes can't be run at the sizes that costs are of. What only lies
 * behind such a graph node, or no output needs, has no reason of its own.
 */
static enum inn_status find_reasons(struct facts *f,
                                    const struct inn_network *net,
                                    struct inn_arena *arena,
                                    struct inn_error *err)
{
    size_t n = (size_t)f->graph->n_nodes;
    struct inn_shapes shapes;
    enum inn_status st;
    bool *needed, *values;
    int i;

    f->reasons = inn_arena_alloc(arena, n, sizeof(*f->reasons), err);
    f->why = inn_arena_alloc(arena, n, sizeof(*f->why), err);
    needed = inn_arena_alloc(arena, n, sizeof(bool), err);
    values = inn_arena_alloc(arena, (size_t)f->graph->n_values, sizeof(bool),
                             err);
    if (f->reasons == NULL || f->why == NULL || needed == NULL ||
        values == NULL)
        return inn_refused(err);
    st = inn_shapes_infer(&shapes, f->graph, net->bindings, net->n_bindings,
                          INN_DEFAULT_SPATIAL, FOLD_BYTES, err);
    if (st == INN_OK)
        inn_mark_needed(f->graph, &shapes, needed, values);
    for (i = 0; st == INN_OK && i < f->graph->n_nodes; i++) {
        const struct inn_node *node = &f->graph->nodes[i];

        if (needed[i] && !holds_weight(f->graph, node))
            st = inn_node_reason(&f->reasons[i], &f->why[i], node, &shapes,
                                 arena, err);
    }
    inn_shapes_free(&shapes);
    return st;
}

static enum inn_status gather_costs(struct facts *f, struct inn_cli *cli,
                                    struct inn_network *net,
                                    const struct values *v,
                                    const struct inn_rules *rules,
                                    struct inn_error *err)
{
    struct inn_cost full;
    int64_t all, free;
    enum inn_status st;
    int g;

    if (net->model == NULL) {
        /* Only for its refusal of sampling options. */
        st = inn_network_sample(net, &v->sampling, 0, rules, 1, err);
        if (st != INN_OK)
            return st;
        st = inn_network_cost(&f->cost, net, err);
        return st == INN_OK ? find_uncounted(f, cli, net, err) : st;
    }
    st = inn_refitting_choose(net, &v->sampling, 0, rules, &v->refit,
                              (int)v->common.threads, err);
    if (st == INN_OK)
        st = inn_network_plan(&net->plan, net, &v->sampling, 0, rules,
                          (int)v->common.threads, err);
    if (st != INN_OK)
        return st;
    for (g = 0; g < net->model->n_groups; g++)
        f->sampled = f->sampled ||
                     net->plan.widths[g] != net->model->groups[g].size;
    st = inn_network_cost(&f->cost, net, err);
    if (st == INN_OK)
        st = inn_count_unmeasured(&f->unmeasured, net->model,
                                  f->sampled ? net->plan.widths : NULL, err);
    if (st == INN_OK)
        st = find_members(&f->members, net->model, &cli->arena, err);
    if (st != INN_OK)
        return st;
    /* What is not free is the same at every width. */
    st = inn_network_full_cost(&full, net, err);
    inn_count_params(net->model, &all, &free);
    f->params_free = f->cost.params - full.params + free;
    return st == INN_OK ? find_uncounted(f, cli, net, err) : st;
}

/* Costs first: what they refuse says which sizes would do. */
static enum inn_status gather(struct facts *f, struct inn_cli *cli,
                              struct inn_network *net,
                              const struct values *v,
                              const struct inn_rules *rules,
                              struct inn_error *err)
{
    enum inn_status st;

    memset(f, 0, sizeof(*f));
    f->graph = inn_network_graph(net);
    st = gather_costs(f, cli, net, v, rules, err);
    return st == INN_OK ? find_reasons(f, net, &cli->arena, err) : st;
}

static int run(struct inn_cli *cli, const void *values)
{
    const struct values *v = values;
    struct inn_rules rules[INN_MOST_RULES];
    struct inn_network net = {0};
    struct inn_error err = {INN_OK, ""};
    struct facts facts;
    enum inn_status st;
    size_t n;

    st = inn_sampling_rules(rules, &n, &v->sampling, false, &err);
    if (st != INN_OK)
        return inn_cli_usage(cli, "%s", err.message);
    st = inn_network_open(&net, cli, cli->operands[0], &err);
    if (st == INN_OK)
        st = gather(&facts, cli, &net, v, rules, &err);
    if (st == INN_OK)
        inn_network_note_sizes(cli, &net);
    if (st == INN_OK && v->common.json)
        st = print_json(cli, &net, &facts, &err);
    else if (st == INN_OK && !v->common.quiet)
        st = print_tables(cli, &net, &facts, &err);
    inn_network_free(&net);
    return st == INN_OK ? INN_EXIT_OK
                        : inn_cli_error(cli, cli->operands[0], &err);
}

const struct inn_command inn_command_info = {
    .name = "info",
    .summary = "say what an .inn or .onnx holds",
    .usage = "FILE [options]",
    .about = "Prints the network's size, inputs and outputs; of an .inn also "
             "its groups of channels and the axes that keep their size, with "
             "the reason. Where channels have moments, 1 % at and 10 % at are "
             "the widths down to which they predict no larger error. "
             "Operators that can't be run here are listed. MACs are of one "
             "batch element at the sizes the file declares; where it leaves "
             "them open, at those stored in the .inn, or 224 or what else "
             "fits. Operators that multiply and whose MACs are not known "
             "are named.",
    .min_operands = 1,
    .max_operands = 1,
    .sets = sets,
    .values_size = sizeof(struct values),
    .defaults = &defaults,
    .common_offset = offsetof(struct values, common),
    .examples = examples,
    .run = run,
};
