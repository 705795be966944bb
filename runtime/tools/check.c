/*
 * inn check: whether a file is what it says, and what its user expects. Of an
 * .inn every checksum and every grid, and a network at half width; of an
 * .onnx that it is read and its shapes agree; of both what an expect.json
 * says.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/cli/output.h"
#include "runtime/cli/sizes.h"
#include "runtime/grid/sample.h"
#include "runtime/ops/op.h"
#include "runtime/ops/schema.h"
#include "runtime/pictures/stored.h"
#include "runtime/tools/commands.h"
#include "runtime/tools/expect.h"

struct values {
    struct inn_common common;
    const char *expect, *junit;
    bool print;
    struct inn_cli_list inputs;
    struct inn_eval_values eval; /* of --print-expect; its common is unused */
};

#define EVAL(field) (offsetof(struct values, eval) + \
                     offsetof(struct inn_eval_values, field))

static const struct values defaults = {
    .eval = {.prep = INN_PREP_DEFAULTS, .range = NAN}};

static const struct inn_option options[] = {
    {"expect", 0, INN_OPT_TEXT, offsetof(struct values, expect),
     "EXPECT.json", 0, 0, "what the file must be: sizes, operators, outputs, "
     "accuracy (inn(1), EXPECTATIONS)"},
    {"junit", 0, INN_OPT_TEXT, offsetof(struct values, junit), "OUT.xml", 0,
     0, "write a JUnit report too; an older report is replaced"},
    {"print-expect", 0, INN_OPT_FLAG, offsetof(struct values, print), NULL, 0,
     0, "print an EXPECT.json of what the file is today"},
    {NULL, 0, INN_OPT_FLAG, 0, NULL, 0, 0, NULL},
};

static const struct inn_option print_options[] = {
    {"widths", 0, INN_OPT_NUMBERS, EVAL(widths), "1,0.9,...", 1e-6, 4,
     "these widths of an .inn (default 1)"},
    {"input", 'i', INN_OPT_LIST, offsetof(struct values, inputs),
     "[NAME=]FILE", 0, 0, "an input of the reference outputs: .npy or .pb; "
     "repeatable (default: random, from --seed)"},
    {"task", 0, INN_OPT_CHOICE, EVAL(task), "class|sr", 0, 0,
     "accuracy of classes (the default), or super-resolution"},
    {"data", 'd', INN_OPT_TEXT, EVAL(data), "PICTURES", 0, 0,
     "measure accuracy on these pictures, as inn eval does"},
    {"images", 0, INN_OPT_CHOICE, EVAL(images), "all|even|odd", 0, 0,
     "which of the pictures, by their number"},
    {"range", 0, INN_OPT_POSITIVE, EVAL(range), "X", 0, 1e30,
     "sr: what white is (default: as the .inn says, else 1)"},
    {"multiple", 0, INN_OPT_INT, EVAL(multiple), "N", 1, 1024,
     "sr: pad pictures to multiples of N"},
    {NULL, 0, INN_OPT_FLAG, 0, NULL, 0, 0, NULL},
};

static const struct inn_option_set sets[] = {
    {"Options", options, 0},
    {"Of --print-expect", print_options, 0},
    {"How pictures enter, with --data", inn_prep_options, EVAL(prep)},
    {"Common options", inn_common_options, offsetof(struct values, common)},
    {NULL, NULL, 0},
};

static const char *const examples[] = {
    "inn check net.inn         after a copy or a download",
    "inn check net.inn --print-expect --widths 1,0.8 \\\n"
    "      --data test.npz > expect.json",
    "inn check net.inn --expect expect.json --junit report.xml",
    "inn check net.inn --json -q",
    NULL,
};

/* Elements of t that are NaN, or infinite where finite is asked for. */
static int64_t count_bad(const struct inn_tensor *t, const void *data,
                         bool finite)
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
            bad += finite ? !isfinite(block[k]) : isnan(block[k]) != 0;
    }
    return bad;
}

/* Masks, which may be infinite, have none. */
static bool has_free_axis(const struct inn_model *m, int w)
{
    int k;

    for (k = 0; k < m->weights[w].grid.rank; k++) {
        if (inn_model_axis(m, m->weights[w].value, k) != NULL)
            return true;
    }
    return false;
}

/* Loads every grid as sampling would; a grid that can't be is the error. */
static enum inn_status check_grids(struct inn_checks *c, struct inn_cli *cli,
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
                st = inn_fail(err, INN_ERR_FORMAT, "has no grid of '%s'",
                              m->graph->values[m->weights[w].value].name);
            else
                st = m->source.load(m->source.state, w, data, err);
        }
        if (st == INN_OK)
            bad += count_bad(grid, data, has_free_axis(m, w));
        if (data != grid->data)
            inn_free(cli->heap, data);
        inn_progress_step(&cli->progress, w + 1, m->n_weights);
    }
    if (st != INN_OK)
        return st;
    inn_checks_count(c, "grids load", m->n_weights, m->n_weights);
    inn_checks_count(c, "weights are finite", bad, 0);
    return INN_OK;
}

/* Each order holds each channel once. */
static enum inn_status check_orders(struct inn_checks *c, struct inn_cli *cli,
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
    inn_checks_count(c, "orders are permutations", good, m->n_groups);
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
static enum inn_status check_half(struct inn_checks *c,
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
            inn_checks_of(c, "half width fits together",
                          known_outputs(&shapes, graph), graph->n_outputs);
        inn_shapes_free(&shapes);
    }
    if (st != INN_OK)
        inn_error_prefix(err, "at half width");
    inn_graph_free(graph);
    inn_plan_free(&plan);
    return st;
}

/* Decodes the inputs that the file carries, if this build reads JPEG. */
static enum inn_status check_inputs(struct inn_checks *c, struct inn_cli *cli,
                                    const struct inn_model *m,
                                    struct inn_error *err)
{
    struct inn_arena arena;
    struct inn_feed feed;
    enum inn_status st;

    if (m->stored == NULL)
        return INN_OK;
    inn_arena_init(&arena, cli->heap);
    st = inn_stored_feed(&feed, m, m->graph, &arena, err);
    inn_arena_free(&arena);
    if (st == INN_ERR_UNSUPPORTED)
        return INN_OK;
    if (st == INN_OK)
        inn_checks_count(c, "stored inputs load", feed.count,
                         m->stored->count);
    return st;
}

static enum inn_status check_model(struct inn_checks *c, struct inn_cli *cli,
                                   const struct inn_network *net,
                                   struct inn_error *err)
{
    enum inn_status st;

    inn_checks_count(c, "every checksum holds", 1, 1);
    inn_progress_phase(&cli->progress, 2, 3, "loading grids");
    st = check_grids(c, cli, net->model, err);
    if (st == INN_OK)
        st = check_orders(c, cli, net->model, err);
    if (st == INN_OK)
        st = check_inputs(c, cli, net->model, err);
    if (st == INN_OK) {
        inn_progress_phase(&cli->progress, 3, 3, "resizing");
        st = check_half(c, net, err);
    }
    return st;
}

static enum inn_status check_onnx(struct inn_checks *c, struct inn_cli *cli,
                                  const struct inn_network *net,
                                  struct inn_error *err)
{
    const struct inn_graph *g = net->graph;
    struct inn_shapes shapes;
    enum inn_status st;
    int64_t known = 0, run = 0, bad = 0;
    int i;

    inn_checks_count(c, "it can be read", g->n_nodes, g->n_nodes);
    for (i = 0; i < g->n_values; i++) {
        const struct inn_tensor *t = g->values[i].init;

        if (t != NULL && t->data != NULL && inn_type_is_float(t->type))
            bad += count_bad(t, t->data, false);
    }
    inn_checks_count(c, "no weight is NaN", bad, 0);
    inn_progress_phase(&cli->progress, 2, 2, "inferring shapes");
    st = inn_shapes_infer(&shapes, g, net->bindings, net->n_bindings,
                          INN_DEFAULT_SPATIAL, 1 << 16, err);
    if (st == INN_OK) {
        known = known_outputs(&shapes, g);
        for (i = 0; i < g->n_nodes; i++) {
            const struct inn_op *op = inn_node_op(&g->nodes[i]);

            run += op != NULL && op->infer != NULL &&
                   inn_schema_check(&g->nodes[i], NULL) == INN_OK;
        }
        inn_checks_of(c, "shapes agree; of outputs are known", known,
                      g->n_outputs);
        inn_checks_of(c, "operators known here", run, g->n_nodes);
    }
    inn_shapes_free(&shapes);
    return st;
}

/* --input-shape of the command line over those of the expectations. */
static void take_shapes(struct inn_common *common,
                        const struct inn_expect *expect)
{
    if (common->shapes.n == 0)
        common->shapes = expect->shapes;
}

/* The file by itself, then what is expected of it. */
static enum inn_status check_all(struct inn_checks *c, struct inn_cli *cli,
                                 struct inn_network *net,
                                 const struct inn_expect *expect,
                                 const char *expect_path, const char **at,
                                 struct inn_error *err)
{
    enum inn_status st;

    inn_progress_phase(&cli->progress, 1, 3, "reading");
    st = inn_network_open(net, cli, *at, err);
    if (st == INN_OK)
        inn_network_note_sizes(cli, net);
    if (st == INN_OK)
        st = inn_network_check_sizes(net, err);
    if (st == INN_OK)
        st = net->model != NULL ? check_model(c, cli, net, err)
                                : check_onnx(c, cli, net, err);
    if (st != INN_OK) {
        inn_checks_error(c, c->n == 0 ? "it can be read" : "it is sound",
                         err);
        return st;
    }
    if (expect == NULL)
        return INN_OK;
    st = inn_expect_judge(c, expect, cli, net, err);
    if (st != INN_OK) {
        inn_checks_error(c, "expectations can be tried", err);
        *at = expect_path;
    }
    return st;
}

/* Fails where there is no telling what was found; *at: which file. */
static enum inn_status report(const char **at, const struct inn_cli *cli,
                              const struct values *v,
                              const struct inn_checks *checks, bool ended,
                              struct inn_error *err)
{
    enum inn_status st = checks->failed.status;

    *at = NULL;
    if (st != INN_OK)
        *err = checks->failed;
    else if (v->common.json)
        st = inn_checks_json(checks, err);
    else if (!v->common.quiet && !ended)
        st = inn_checks_print(checks, err);
    if (st == INN_OK && v->junit != NULL)
        st = inn_checks_junit(checks, *at = v->junit, cli->operands[0],
                              v->common.force, err);
    return st;
}

static int print_expect(struct inn_cli *cli, const struct values *v)
{
    struct inn_expect_request request = {&v->eval, &v->inputs};
    struct inn_eval_values eval = v->eval;
    struct inn_error err = {INN_OK, ""};
    struct inn_network net = {0};
    const char *path = cli->operands[0];
    enum inn_status st;

    eval.common = v->common;
    request.eval = &eval;
    st = inn_network_open(&net, cli, path, &err);
    if (st == INN_OK && net.model == NULL && eval.widths.n > 0)
        st = inn_fail(&err, INN_ERR_ARGUMENT,
                      "an ONNX network has one width, not --widths");
    if (st == INN_OK)
        st = inn_expect_print(cli, &net, &request, &err);
    inn_progress_clear(&cli->progress);
    inn_network_free(&net);
    return st == INN_OK ? INN_EXIT_OK : inn_cli_error(cli, path, &err);
}

static const char *wrong(const struct values *v)
{
    if (v->print && (v->expect != NULL || v->junit != NULL))
        return "--print-expect makes expectations, --expect and --junit are "
               "for those there are";
    if (!v->print && (v->eval.widths.n > 0 || v->inputs.n > 0 ||
                      v->eval.data != NULL || v->eval.task != 0 ||
                      v->eval.images != 0 || !isnan(v->eval.range) ||
                      v->eval.multiple > 0 ||
                      inn_prep_asked(&v->eval.prep)))
        return "--widths, --input, --data and how pictures enter go with "
               "--print-expect; --expect has them in its file";
    return NULL;
}

/* Refused before the work, not after it. */
static enum inn_status check_report(const struct inn_cli *cli,
                                    const struct values *v,
                                    struct inn_error *err)
{
    const char *inputs[] = {cli->operands[0], v->expect};
    enum inn_status st = inn_junit_allowed(v->junit, v->common.force, err);

    return st == INN_OK ? inn_output_check(v->junit, inputs, 2, true,
                                           cli->heap, err)
                        : st;
}

static int run(struct inn_cli *cli, const void *values)
{
    const struct values *v = values;
    struct inn_common common = v->common;
    const char *at = cli->operands[0];
    struct inn_error err = {INN_OK, ""}, unsaid = {INN_OK, ""};
    struct inn_network net = {0};
    struct inn_expect expect;
    struct inn_checks checks;
    const char *unsaid_at;
    enum inn_status st = INN_OK;

    if (wrong(v) != NULL)
        return inn_cli_usage(cli, "%s", wrong(v));
    if (v->print)
        return print_expect(cli, v);
    if (v->junit != NULL && check_report(cli, v, &err) != INN_OK)
        return inn_cli_error(cli, v->junit, &err);
    if (v->expect != NULL) {
        st = inn_expect_read(&expect, v->expect, &cli->arena, &err);
        if (st != INN_OK)
            return inn_cli_error(cli, v->expect, &err);
        take_shapes(&common, &expect);
        cli->common = &common;
    }
    inn_checks_init(&checks, &cli->arena);
    st = check_all(&checks, cli, &net, v->expect != NULL ? &expect : NULL,
                   v->expect, &at, &err);
    inn_progress_clear(&cli->progress);
    report(&unsaid_at, cli, v, &checks, st != INN_OK, &unsaid);
    cli->common = &v->common;
    inn_network_free(&net);
    /* One line: what ended the checks comes before a report that failed. */
    if (st != INN_OK)
        return inn_cli_error(cli, at, &err);
    if (unsaid.status != INN_OK)
        return inn_cli_error(cli, unsaid_at, &unsaid);
    return inn_checks_ok(&checks) ? INN_EXIT_OK : INN_EXIT_NO;
}

const struct inn_command inn_command_check = {
    .name = "check",
    .summary = "verify an .inn or .onnx",
    .usage = "FILE [options]",
    .about = "Verifies a file. Of an .inn: every checksum, every grid loads "
             "and is finite, orders are permutations, stored inputs load, and "
             "at half width all shapes fit together. Of an .onnx: it can be read, weights are "
             "finite, shapes agree. With --expect also that sizes, "
             "operators, outputs and accuracy are what they should be. Exit "
             "status 0: all is well, 1: a check failed, 4: no valid file.",
    .min_operands = 1,
    .max_operands = 1,
    .sets = sets,
    .values_size = sizeof(struct values),
    .defaults = &defaults,
    .common_offset = offsetof(struct values, common),
    .examples = examples,
    .run = run,
};
