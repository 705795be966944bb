/*
 * inn check: whether a file is what it says. Of an .inn every checksum and
 * every grid, and a network at half width; of an .onnx that it is read and
 * its shapes agree.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/cli/json.h"
#include "runtime/cli/sizes.h"
#include "runtime/cli/table.h"
#include "runtime/grid/sample.h"
#include "runtime/ops/op.h"
#include "runtime/tools/commands.h"
#include "runtime/tools/network.h"

#define MOST_CHECKS 8

struct values {
    struct inn_common common;
};

static const struct inn_option_set sets[] = {
    {"Common options", inn_common_options, offsetof(struct values, common)},
    {NULL, NULL, 0},
};

static const char *const examples[] = {
    "inn check net.inn         after a copy or a download",
    "inn check net.onnx",
    "inn check net.inn --json -q",
    NULL,
};

/* One line: ok, and a count beside what it should be. */
struct check {
    const char *name;
    bool ok;
    int64_t value, bound;
};

struct checks {
    struct check items[MOST_CHECKS];
    int n;
};

static void add(struct checks *c, const char *name, bool ok, int64_t value,
                int64_t bound)
{
    struct check *item = &c->items[c->n++];

    item->name = name;
    item->ok = ok;
    item->value = value;
    item->bound = bound;
}

/* Elements of t that are no finite numbers. */
static int64_t count_bad(const struct inn_tensor *t, const void *data)
{
    enum { BLOCK = 256 };
    double block[BLOCK];
    size_t count = inn_tensor_count(t), size = inn_type_size(t->type), i, k;
    int64_t bad = 0;

    for (i = 0; i < count; i += BLOCK) {
        size_t n = count - i < BLOCK ? count - i : BLOCK;

        inn_convert_elements(block, INN_F64, (const char *)data + i * size,
                             t->type, n);
        for (k = 0; k < n; k++)
            bad += !isfinite(block[k]);
    }
    return bad;
}

/* Loads every grid as sampling would; a grid that can't be is the error. */
static enum inn_status check_grids(struct checks *c, struct inn_cli *cli,
                                   const struct inn_model *m,
                                   struct inn_error *err)
{
    enum inn_status st = INN_OK;
    int64_t bad = 0;
    int w;

    for (w = 0; w < m->n_weights && st == INN_OK; w++) {
        const struct inn_tensor *grid = &m->weights[w].grid;
        void *data = grid->data;

        if (data == NULL) {
            data = inn_alloc_raw(cli->heap, grid->bytes, 1, err);
            if (data == NULL)
                return inn_refused(err);
            if (m->source.load == NULL)
                st = inn_fail(err, INN_ERR_FORMAT, "has no grid of '%.100s'",
                              m->graph->values[m->weights[w].value].name);
            else
                st = m->source.load(m->source.state, w, data, err);
        }
        if (st == INN_OK)
            bad += count_bad(grid, data);
        if (data != grid->data)
            inn_free(cli->heap, data);
        inn_progress_step(&cli->progress, w + 1, m->n_weights);
    }
    if (st != INN_OK)
        return st;
    add(c, "grids load", true, m->n_weights, m->n_weights);
    add(c, "weights are finite", bad == 0, bad, 0);
    return INN_OK;
}

/* Each order holds each channel once. */
static enum inn_status check_orders(struct checks *c, struct inn_cli *cli,
                                    const struct inn_model *m,
                                    struct inn_error *err)
{
    int64_t good = 0, i;
    int g;

    for (g = 0; g < m->n_groups; g++) {
        const struct inn_group *group = &m->groups[g];
        bool *seen = inn_alloc(cli->heap, (size_t)group->size, sizeof(*seen),
                               err);
        bool ok = true;

        if (seen == NULL)
            return inn_refused(err);
        for (i = 0; i < group->size; i++) {
            int64_t at = group->order[i];

            ok = ok && at >= 0 && at < group->size && !seen[at];
            if (ok)
                seen[at] = true;
        }
        inn_free(cli->heap, seen);
        good += ok;
    }
    add(c, "orders are permutations", good == m->n_groups, good, m->n_groups);
    return INN_OK;
}

static int64_t known_outputs(const struct inn_shapes *shapes,
                             const struct inn_graph *graph)
{
    int64_t known = 0;
    int i;

    for (i = 0; i < graph->n_outputs; i++)
        known += inn_shapes_get(shapes, graph->outputs[i]) != NULL;
    return known;
}

/* The graph at half of every width: do its shapes agree? */
static enum inn_status check_half(struct checks *c,
                                  const struct inn_network *net,
                                  struct inn_error *err)
{
    const struct inn_width_request half = {.width = 0.5, .round = 1};
    struct inn_graph *graph = NULL;
    struct inn_shapes shapes;
    struct inn_plan plan;
    enum inn_status st;

    memset(&plan, 0, sizeof(plan));
    st = inn_plan_make(&plan, net->model, &half, err);
    if (st == INN_OK)
        st = inn_model_resize(&graph, net->model, plan.widths, err);
    if (st == INN_OK) {
        st = inn_shapes_infer(&shapes, graph, net->bindings, net->n_bindings,
                              INN_DEFAULT_SPATIAL, 1 << 16, err);
        if (st == INN_OK)
            add(c, "half width fits together", true,
                known_outputs(&shapes, graph), graph->n_outputs);
        inn_shapes_free(&shapes);
    }
    if (st != INN_OK)
        inn_error_prefix(err, "at half width");
    inn_graph_free(graph);
    inn_plan_free(&plan);
    return st;
}

static enum inn_status check_model(struct checks *c, struct inn_cli *cli,
                                   const struct inn_network *net,
                                   struct inn_error *err)
{
    enum inn_status st;

    add(c, "every checksum holds", true, 1, 1);
    inn_progress_phase(&cli->progress, 2, 3, "loading grids");
    st = check_grids(c, cli, net->model, err);
    if (st == INN_OK)
        st = check_orders(c, cli, net->model, err);
    if (st == INN_OK) {
        inn_progress_phase(&cli->progress, 3, 3, "resizing");
        st = check_half(c, net, err);
    }
    return st;
}

static enum inn_status check_onnx(struct checks *c, struct inn_cli *cli,
                                  const struct inn_network *net,
                                  struct inn_error *err)
{
    const struct inn_graph *g = net->graph;
    struct inn_shapes shapes;
    enum inn_status st;
    int64_t known = 0, run = 0, bad = 0;
    int i;

    add(c, "it can be read", true, g->n_nodes, g->n_nodes);
    for (i = 0; i < g->n_values; i++) {
        const struct inn_tensor *t = g->values[i].init;

        if (t != NULL && t->data != NULL && inn_type_is_float(t->type))
            bad += count_bad(t, t->data);
    }
    add(c, "weights are finite", bad == 0, bad, 0);
    inn_progress_phase(&cli->progress, 2, 2, "inferring shapes");
    st = inn_shapes_infer(&shapes, g, net->bindings, net->n_bindings,
                          INN_DEFAULT_SPATIAL, 1 << 16, err);
    if (st == INN_OK) {
        known = known_outputs(&shapes, g);
        for (i = 0; i < g->n_nodes; i++) {
            const struct inn_op *op = inn_node_op(&g->nodes[i]);

            run += op != NULL && op->infer != NULL;
        }
        add(c, "shapes agree; of outputs are known", true, known,
            g->n_outputs);
        add(c, "operators known here", true, run, g->n_nodes);
    }
    inn_shapes_free(&shapes);
    return st;
}

static enum inn_status print_json(const struct checks *c, bool ok,
                                  struct inn_error *err)
{
    struct inn_json json;
    cJSON *list;
    int i;

    inn_json_start(&json);
    inn_json_bool(&json, json.root, "ok", ok);
    list = inn_json_array(&json, json.root, "checks");
    for (i = 0; i < c->n; i++) {
        cJSON *item = inn_json_object(&json, list, NULL);

        inn_json_text(&json, item, "name", c->items[i].name);
        inn_json_bool(&json, item, "ok", c->items[i].ok);
        inn_json_int(&json, item, "value", c->items[i].value);
        inn_json_int(&json, item, "bound", c->items[i].bound);
    }
    return inn_json_print(&json, err);
}

static enum inn_status print_table(struct inn_cli *cli,
                                   const struct checks *c,
                                   struct inn_error *err)
{
    struct inn_table table;
    int i;

    inn_table_init(&table, &cli->arena, "check||value>|of>");
    for (i = 0; i < c->n; i++) {
        inn_table_text(&table, c->items[i].name);
        inn_table_text(&table, c->items[i].ok ? "ok" : "FAILED");
        inn_table_int(&table, c->items[i].value);
        inn_table_int(&table, c->items[i].bound);
    }
    return inn_table_print(&table, stdout, 0, err);
}

static int run(struct inn_cli *cli, const void *values)
{
    const struct values *v = values;
    const char *path = cli->operands[0];
    struct inn_error err = {INN_OK, ""}, print = {INN_OK, ""};
    struct checks checks = {.n = 0};
    struct inn_network net = {0};
    enum inn_status st;
    bool ok;
    int i;

    inn_progress_phase(&cli->progress, 1, 3, "reading");
    st = inn_network_open(&net, cli, path, &err);
    if (st != INN_OK)
        add(&checks, "it can be read", false, 0, 1);
    else if (net.model != NULL)
        st = check_model(&checks, cli, &net, &err);
    else
        st = check_onnx(&checks, cli, &net, &err);
    ok = st == INN_OK;
    for (i = 0; i < checks.n; i++)
        ok = ok && checks.items[i].ok;
    inn_progress_clear(&cli->progress);
    if (v->common.json)
        print_json(&checks, ok, &print);
    else if (!v->common.quiet && checks.n > 0 && st == INN_OK)
        print_table(cli, &checks, &print);
    inn_network_free(&net);
    if (st != INN_OK)
        return inn_cli_error(cli, path, &err);
    if (print.status != INN_OK)
        return inn_cli_error(cli, NULL, &print);
    return ok ? INN_EXIT_OK : INN_EXIT_NO;
}

const struct inn_command inn_command_check = {
    .name = "check",
    .summary = "verify an .inn or .onnx",
    .usage = "FILE [options]",
    .about = "Verifies a file. Of an .inn: every checksum, every grid loads "
             "and is finite, orders are permutations, and at half width all "
             "shapes fit together. Of an .onnx: it can be read, weights are "
             "finite, shapes agree. Exit status 0: all is well, 1: a check "
             "failed, 4: no valid file.",
    .min_operands = 1,
    .max_operands = 1,
    .sets = sets,
    .values_size = sizeof(struct values),
    .common_offset = offsetof(struct values, common),
    .examples = examples,
    .run = run,
};
