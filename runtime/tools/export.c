/*
 * inn export: an .inn at some width as a plain ONNX file, read back before
 * it is called written.
 */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/error.h"
#include "runtime/base/write.h"
#include "runtime/cli/output.h"
#include "runtime/cli/sizes.h"
#include "runtime/graph/onnx.h"
#include "runtime/tools/commands.h"
#include "runtime/tools/network.h"
#include "runtime/tools/refitting.h"
#include "runtime/tools/report.h"
#include "runtime/tools/unmeasured.h"

struct values {
    struct inn_common common;
    struct inn_sampling sampling;
    struct inn_refitting refit;
    const char *output, *write_plan;
};

static const struct values defaults = {.refit = {.by_default = true}};

static const struct inn_option options[] = {
    {"output", 'o', INN_OPT_TEXT, offsetof(struct values, output), "OUT.onnx",
     0, 0, "the file to write; - for stdout"},
    {"write-plan", 0, INN_OPT_TEXT, offsetof(struct values, write_plan),
     "FILE", 0, 0, "write the widths too, for --plan"},
    {NULL, 0, INN_OPT_FLAG, 0, NULL, 0, 0, NULL},
};

static const struct inn_option_set sets[] = {
    {"Options", options, 0},
    {"Sampling options", inn_sampling_options,
     offsetof(struct values, sampling)},
    {"Refitting", inn_refitting_options, offsetof(struct values, refit)},
    {"Common options", inn_common_options, offsetof(struct values, common)},
    {NULL, NULL, 0},
};

static const char *const examples[] = {
    "inn export net.inn -o small.onnx --width 0.8",
    "inn export net.inn -o small.onnx --macs 0.5 --write-plan plan.json",
    "inn export net.inn -o small.onnx --width 0.9 --set 'layer4*=0.5'",
    "inn export net.inn -o small.onnx --params 0.7 --refit photos",
    "inn export net.inn -o same.onnx --plan plan.json -f",
    NULL,
};

/* What was written must be what was meant: parsed anew, with equal shapes. */
static enum inn_status check_copy(const struct inn_network *net,
                                  const struct inn_graph *copy,
                                  struct inn_error *err)
{
    const struct inn_graph *graph = net->graph;
    struct inn_shapes a, b;
    enum inn_status st;
    int i;

    memset(&b, 0, sizeof(b));
    st = inn_shapes_infer(&a, graph, net->bindings, net->n_bindings,
                          INN_DEFAULT_SPATIAL, 1 << 16, err);
    if (st == INN_OK) {
        st = inn_shapes_infer(&b, copy, net->bindings, net->n_bindings,
                              INN_DEFAULT_SPATIAL, 1 << 16, err);
        if (st == INN_OK && (copy->n_outputs != graph->n_outputs ||
                             copy->n_nodes != graph->n_nodes))
            st = inn_fail(err, INN_ERR_FORMAT,
                          "has %d outputs and %d operators, not %d and %d",
                          copy->n_outputs, copy->n_nodes, graph->n_outputs,
                          graph->n_nodes);
        for (i = 0; i < graph->n_outputs && st == INN_OK; i++) {
            const struct inn_tensor *x = inn_shapes_get(&a,
                                                        graph->outputs[i]);
            const struct inn_tensor *y = inn_shapes_get(&b, copy->outputs[i]);
            char s[INN_SHAPE_TEXT], t[INN_SHAPE_TEXT];

            if (x == NULL && y == NULL)
                continue;
            if (x == NULL || y == NULL || x->type != y->type ||
                !inn_tensor_same_shape(x, y))
                st = inn_fail(err, INN_ERR_FORMAT,
                              "output '%s' is %s, not %s",
                              graph->values[graph->outputs[i]].name,
                              y != NULL ? inn_shape_text(t, y->rank, y->dims)
                                        : "unknown",
                              x != NULL ? inn_shape_text(s, x->rank, x->dims)
                                        : "unknown");
        }
        inn_shapes_free(&b);
    }
    inn_shapes_free(&a);
    return st;
}

/* stdout can't be read back: the same bytes are parsed before they go. */
static enum inn_status check_packed(const struct inn_network *net,
                                    struct inn_error *err)
{
    struct inn_graph *copy = NULL;
    uint8_t *bytes = NULL;
    enum inn_status st;
    size_t len;

    st = inn_onnx_pack(net->graph, NULL, &bytes, &len, err);
    if (st == INN_OK)
        st = inn_onnx_parse(&copy, bytes, len, false, net->heap, err);
    if (st == INN_OK)
        st = check_copy(net, copy, err);
    inn_graph_free(copy);
    inn_free(net->heap, bytes);
    return st;
}

static enum inn_status read_back(const struct inn_network *net,
                                 const char *path, struct inn_error *err)
{
    static const struct inn_onnx_options none = {NULL};
    struct inn_graph *copy = NULL;
    enum inn_status st;

    st = inn_onnx_read(&copy, path, &none, net->heap, err);
    if (st == INN_OK)
        st = check_copy(net, copy, err);
    inn_graph_free(copy);
    return st;
}

struct looked {
    const struct inn_network *net;
    bool once;
};

static enum inn_status look(void *state, const char *path,
                            struct inn_error *err)
{
    struct looked *l = state;

    l->once = true;
    return read_back(l->net, path, err);
}

/* What lies where. */
struct written {
    int64_t bytes;      /* of the model and of beside; 0: a stream */
    const char *beside; /* the file of its weights, or NULL */
};

/* Weights beside the model can only be found once they have a name. */
static enum inn_status read_beside(struct written *out,
                                   const struct inn_network *net,
                                   const char *path, struct inn_arena *arena,
                                   struct inn_error *err)
{
    enum inn_status st = read_back(net, path, err);
    struct stat s;

    if (st != INN_OK) {
        inn_error_prefix(err, "read back");
        return st;
    }
    out->beside = inn_arena_printf(arena, err, "%s.data", path);
    if (out->beside == NULL)
        return inn_refused(err);
    if (stat(out->beside, &s) == 0)
        out->bytes += (int64_t)s.st_size;
    return INN_OK;
}

static enum inn_status write_network(struct written *out,
                                     const struct inn_network *net,
                                     const char *path, bool force,
                                     struct inn_arena *arena,
                                     struct inn_error *err)
{
    struct looked looked = {net, strcmp(path, "-") == 0};
    const struct inn_reread again = {look, &looked};
    enum inn_status st = INN_OK;
    struct stat s;

    out->bytes = 0;
    out->beside = NULL;
    if (looked.once) {
        st = check_packed(net, err);
        if (st != INN_OK) {
            inn_error_prefix(err, "read back");
            return st;
        }
    }
    st = inn_onnx_write_checked(net->graph, path, force, &again, err);
    if (st != INN_OK || stat(path, &s) != 0)
        return st;
    out->bytes = (int64_t)s.st_size;
    if (!looked.once && S_ISREG(s.st_mode))
        st = read_beside(out, net, path, arena, err);
    return st;
}

/* {"schema": 1, "widths": {"group": 12, …}} */
static enum inn_status write_plan(const struct inn_network *net,
                                  const char *path, bool force,
                                  struct inn_error *err)
{
    struct inn_write *w = NULL;
    struct inn_json json;
    char *text;
    enum inn_status st = INN_OK;
    cJSON *widths;
    int g;

    inn_json_start(&json);
    widths = inn_json_object(&json, json.root, "widths");
    for (g = 0; g < net->model->n_groups; g++)
        inn_json_int(&json, widths, net->model->groups[g].name,
                     net->plan.widths[g]);
    text = inn_json_render(&json, err);
    if (text == NULL)
        st = inn_refused(err);
    if (st == INN_OK)
        st = inn_write_open(&w, path, force, net->heap, err);
    if (st == INN_OK)
        st = inn_write_bytes(w, text, strlen(text), err);
    if (st == INN_OK)
        st = inn_write_bytes(w, "\n", 1, err);
    if (st == INN_OK)
        st = inn_write_commit(w, err);
    inn_write_close(w);
    cJSON_free(text);
    return st;
}

static enum inn_status print_json(struct inn_cli *cli,
                                  const struct inn_network *net,
                                  const char *output,
                                  const struct written *written,
                                  const struct inn_cost *cost,
                                  const struct inn_unmeasured *unmeasured,
                                  const struct inn_refitter *refitter,
                                  struct inn_error *err)
{
    struct inn_json json;
    enum inn_status st;
    cJSON *groups;
    int g;

    inn_json_start(&json);
    inn_json_text(&json, json.root, "output", output);
    inn_json_int(&json, json.root, "params", cost->params);
    inn_json_int(&json, json.root, "macs", cost->macs);
    st = inn_json_uncounted(&json, net, &cli->arena, err);
    inn_json_int(&json, json.root, "bytes", written->bytes);
    inn_json_int(&json, json.root, "weight_bytes", cost->bytes);
    if (net->plan.took_ms > 0)
        inn_json_number(&json, json.root, "ms", net->plan.took_ms);
    inn_json_unmeasured(&json, unmeasured);
    inn_json_refit(&json, refitter);
    groups = inn_json_array(&json, json.root, "groups");
    for (g = 0; g < net->model->n_groups; g++) {
        cJSON *item = inn_json_object(&json, groups, NULL);

        inn_json_text(&json, item, "name", net->model->groups[g].name);
        inn_json_int(&json, item, "width", net->plan.widths[g]);
        inn_json_int(&json, item, "of", net->model->groups[g].size);
    }
    if (st == INN_OK)
        return inn_json_print(&json, err);
    inn_json_free(&json);
    return st;
}

static enum inn_status print_uncounted(struct inn_cli *cli,
                                       const struct inn_network *net,
                                       struct inn_error *err)
{
    const char *text = inn_uncounted_text(net, &cli->arena, err);

    if (text == NULL)
        return inn_refused(err);
    if (text[0] != '\0') {
        printf("MACs are without those of ");
        inn_print_clean(stdout, text);
        printf("\n");
    }
    return INN_OK;
}

static enum inn_status print_tables(struct inn_cli *cli,
                                    const struct inn_network *net,
                                    const char *output,
                                    const struct written *written,
                                    const struct inn_cost *cost,
                                    const struct inn_unmeasured *unmeasured,
                                    const struct inn_refitter *refitter,
                                    struct inn_error *err)
{
    struct inn_size before, after;
    struct inn_table table;
    char number[INN_INT_TEXT], text[INN_REFITTER_TEXT];
    enum inn_status st;
    int g;

    st = inn_network_full_cost(&before.cost, net, err);
    if (st != INN_OK)
        return st;
    before.operators = net->model->graph->n_nodes;
    after.cost = *cost;
    after.operators = net->graph->n_nodes;
    inn_print_clean(stdout, output);
    if (written->beside != NULL) {
        printf(" and ");
        inn_print_clean(stdout, written->beside);
    }
    printf(": %s bytes\n", inn_int_text(number, written->bytes));
    st = inn_report_sizes(&cli->arena, &before, &after, err);
    if (st == INN_OK)
        st = print_uncounted(cli, net, err);
    if (st == INN_OK && refitter->source != INN_REFIT_NONE)
        printf("%d layers refitted on %s\n", refitter->report.layers,
               inn_refitter_text(text, refitter));
    if (st == INN_OK)
        inn_refit_print_left(&refitter->report);
    if (st == INN_OK && inn_plan_by_weights(&net->plan))
        inn_print_unmeasured(unmeasured);
    if (st == INN_OK && net->plan.took_ms > 0)
        printf("a run takes %.3g ms\n", net->plan.took_ms);
    if (st != INN_OK || !cli->common->verbose)
        return st;
    printf("\n");
    inn_table_init(&table, &cli->arena, "group|width>|of>");
    for (g = 0; g < net->model->n_groups; g++) {
        inn_table_text(&table, net->model->groups[g].name);
        inn_table_int(&table, net->plan.widths[g]);
        inn_table_int(&table, net->model->groups[g].size);
    }
    return inn_table_print(&table, stdout, 0, err);
}

/* Refused before the work, not after it. */
static enum inn_status check_outputs(const char **at, struct inn_cli *cli,
                                     const struct values *v,
                                     struct inn_error *err)
{
    const char *inputs[] = {cli->operands[0], v->sampling.plan,
                            inn_refitting_path(&v->refit)};
    enum inn_status st;

    st = inn_output_check(*at = v->output, inputs, 3, v->common.force,
                          cli->heap, err);
    if (st != INN_OK || v->write_plan == NULL)
        return st;
    *at = v->write_plan;
    if (strcmp(v->write_plan, v->output) == 0)
        return inn_fail(err, INN_ERR_ARGUMENT,
                        "is the network's place: give the plan another "
                        "name");
    return inn_output_check(v->write_plan, inputs, 3, v->common.force,
                            cli->heap, err);
}

static int run(struct inn_cli *cli, const void *values)
{
    const struct values *v = values;
    const char *input = cli->operands[0], *at = input;
    struct inn_rules rules[INN_MOST_RULES];
    struct inn_network net = {0};
    struct inn_error err = {INN_OK, ""};
    struct written written;
    struct inn_unmeasured unmeasured;
    struct inn_refitter refitter = {.full = NULL};
    struct inn_cost cost;
    bool piped;
    enum inn_status st;
    size_t n;

    if (v->output == NULL)
        return inn_cli_usage(cli, "the output is missing: -o OUT.onnx");
    piped = strcmp(v->output, "-") == 0;
    if (piped && v->common.json)
        return inn_cli_usage(cli, "--json and -o - both want stdout");
    if (piped && isatty(STDOUT_FILENO))
        return inn_cli_usage(cli, "an ONNX file is not written to a terminal");
    if (inn_refitting_wrong(&v->refit) != NULL)
        return inn_cli_usage(cli, "%s", inn_refitting_wrong(&v->refit));
    st = inn_sampling_rules(rules, &n, &v->sampling, false, &err);
    if (st != INN_OK)
        return inn_cli_usage(cli, "%s", err.message);
    st = check_outputs(&at, cli, v, &err);
    if (st == INN_OK) {
        at = input;
        inn_progress_phase(&cli->progress, 1, 3, "reading");
        st = inn_network_open(&net, cli, input, &err);
    }
    if (st == INN_OK && net.model == NULL)
        st = inn_fail(&err, INN_ERR_ARGUMENT,
                      "is an ONNX network; `inn convert` makes an .inn of it "
                      "that can be sampled");
    if (st == INN_OK) {
        inn_progress_phase(&cli->progress, 2, 3, "sampling");
        st = inn_refit_sample(&refitter, &net, &v->sampling, 0, rules,
                              &v->refit, cli, (int)v->common.threads, &at,
                              &err);
    }
    if (st == INN_OK)
        inn_network_note_sizes(cli, &net);
    if (st == INN_OK)
        st = inn_network_cost(&cost, &net, &err);
    if (st == INN_OK)
        st = inn_count_unmeasured(&unmeasured, net.model, net.plan.widths,
                                  &err);
    if (st == INN_OK) {
        inn_progress_phase(&cli->progress, 3, 3, "writing");
        st = write_network(&written, &net, at = v->output, v->common.force,
                           &cli->arena, &err);
    }
    if (st == INN_OK && v->write_plan != NULL)
        st = write_plan(&net, at = v->write_plan, v->common.force, &err);
    inn_progress_clear(&cli->progress);
    if (st == INN_OK && v->common.json)
        st = print_json(cli, &net, v->output, &written, &cost, &unmeasured,
                        &refitter, &err);
    else if (st == INN_OK && !v->common.quiet && !piped)
        st = print_tables(cli, &net, v->output, &written, &cost, &unmeasured,
                          &refitter, &err);
    inn_refitter_free(&refitter);
    inn_network_free(&net);
    return st == INN_OK ? INN_EXIT_OK : inn_cli_error(cli, at, &err);
}

const struct inn_command inn_command_export = {
    .name = "export",
    .summary = "write an .inn at some width as an ONNX file",
    .usage = "FILE.inn -o OUT.onnx [options]",
    .about = "Samples the network and writes it as an ordinary dense ONNX "
             "file with the names of the original, for any runtime. The file "
             "is read back and its shapes compared before it counts as "
             "written. At full width it holds the original weights, "
             "BatchNormalization folded in.",
    .min_operands = 1,
    .max_operands = 1,
    .sets = sets,
    .values_size = sizeof(struct values),
    .defaults = &defaults,
    .common_offset = offsetof(struct values, common),
    .examples = examples,
    .run = run,
};
