/* The command of inn-model: writes a network of the table as ONNX. */
#include "models/command.h"

#include <stdio.h>
#include <sys/stat.h>

#include "models/models.h"
#include "runtime/base/error.h"
#include "runtime/cli/json.h"
#include "runtime/cli/table.h"
#include "runtime/graph/onnx.h"

struct values {
    struct inn_common common;
    const char *output;
    bool list;
};

#define AT(field) offsetof(struct values, field)

static const struct inn_option options[] = {
    {"output", 'o', INN_OPT_TEXT, AT(output), "OUT.onnx", 0, 0,
     "where to write; default: NAME.onnx"},
    {"list", 0, INN_OPT_FLAG, AT(list), NULL, 0, 0,
     "print the names that there are, with parameters"},
    {NULL, 0, INN_OPT_FLAG, 0, NULL, 0, 0, NULL}};

static int list_json(const struct inn_cli *cli)
{
    struct inn_error err = {0};
    struct inn_json json;
    cJSON *list;
    size_t i;

    inn_json_start(&json);
    list = inn_json_array(&json, json.root, "models");
    for (i = 0; i < INN_ARCHITECTURES; i++) {
        const struct inn_architecture *a = &inn_architectures[i];
        cJSON *item = inn_json_object(&json, list, NULL);

        inn_json_text(&json, item, "name", a->name);
        inn_json_int(&json, item, "params", a->params);
        inn_json_text(&json, item, "input", a->input);
        inn_json_text(&json, item, "summary", a->summary);
    }
    if (inn_json_print(&json, &err) != INN_OK)
        return inn_cli_error(cli, NULL, &err);
    return INN_EXIT_OK;
}

static int list_table(struct inn_cli *cli)
{
    struct inn_error err = {0};
    struct inn_table table;
    size_t i;

    inn_table_init(&table, &cli->arena, "name|parameters>|input|");
    for (i = 0; i < INN_ARCHITECTURES; i++) {
        const struct inn_architecture *a = &inn_architectures[i];

        inn_table_text(&table, a->name);
        inn_table_int(&table, a->params);
        inn_table_text(&table, a->input);
        inn_table_text(&table, a->summary);
    }
    if (inn_table_print(&table, stdout, 0, &err) != INN_OK)
        return inn_cli_error(cli, NULL, &err);
    return INN_EXIT_OK;
}

static int unknown(const struct inn_cli *cli, const char *name)
{
    const char *names[INN_ARCHITECTURES], *near;
    size_t i;

    for (i = 0; i < INN_ARCHITECTURES; i++)
        names[i] = inn_architectures[i].name;
    near = inn_nearest(name, names, INN_ARCHITECTURES);
    if (near != NULL)
        return inn_cli_usage(cli, "unknown network '%s'; did you mean '%s'?",
                             name, near);
    return inn_cli_usage(cli, "unknown network '%s'; --list shows them",
                         name);
}

static int print_built(const struct inn_cli *cli, const char *name,
                       const char *output, int64_t params, int64_t seed)
{
    struct inn_error err = {0};
    char text[INN_INT_TEXT];
    struct inn_json json;
    struct stat st;
    int64_t bytes = stat(output, &st) == 0 ? (int64_t)st.st_size : 0;

    if (!cli->common->json) {
        fputs("wrote ", stdout);
        inn_print_clean(stdout, output);
        printf(": %s, %s parameters\n", name, inn_int_text(text, params));
        return INN_EXIT_OK;
    }
    inn_json_start(&json);
    inn_json_text(&json, json.root, "model", name);
    inn_json_text(&json, json.root, "output", output);
    inn_json_int(&json, json.root, "bytes", bytes);
    inn_json_int(&json, json.root, "params", params);
    inn_json_int(&json, json.root, "seed", seed);
    if (inn_json_print(&json, &err) != INN_OK)
        return inn_cli_error(cli, NULL, &err);
    return INN_EXIT_OK;
}

static int run(struct inn_cli *cli, const void *values)
{
    const struct values *v = values;
    const struct inn_architecture *a;
    struct inn_graph *graph = NULL;
    struct inn_error err = {0};
    const char *output = v->output;
    enum inn_status st;
    int64_t params;
    bool to_stdout;

    if (v->list)
        return v->common.json ? list_json(cli) : list_table(cli);
    if (cli->n_operands == 0)
        return inn_cli_usage(cli, "which network? --list shows them");
    a = inn_architecture_find(cli->operands[0]);
    if (a == NULL)
        return unknown(cli, cli->operands[0]);
    if (output == NULL)
        output = inn_arena_printf(&cli->arena, &err, "%s.onnx", a->name);
    if (output == NULL)
        return inn_cli_error(cli, NULL, &err);
    to_stdout = output[0] == '-' && output[1] == '\0';
    if (to_stdout && v->common.json)
        return inn_cli_usage(cli, "--json and the network can't both go to "
                             "standard output");
    st = inn_architecture_build(&graph, &params, a,
                                (uint64_t)v->common.seed, false, cli->heap,
                                &err);
    if (st == INN_OK)
        st = inn_onnx_write(graph, output, v->common.force, &err);
    inn_graph_free(graph);
    if (st != INN_OK)
        return inn_cli_error(cli, output, &err);
    if ((v->common.quiet && !v->common.json) || to_stdout)
        return INN_EXIT_OK;
    return print_built(cli, a->name, output, params, v->common.seed);
}

static const struct inn_option_set sets[] = {
    {"Options", options, 0},
    {"Common options", inn_common_options, AT(common)},
    {NULL, NULL, 0}};

static const char *const examples[] = {
    "inn-model --list",
    "inn-model resnet18-cifar -o net.onnx",
    "inn-model edsr-x4 -o edsr.onnx --seed 7",
    NULL};

const struct inn_command inn_modeller = {
    .name = NULL,
    .summary = "write a well-known network with random weights",
    .usage = "NAME [-o OUT.onnx] | --list",
    .about = "Writes a network of the paper's as ONNX, opset 13, with seeded "
             "weights of He's variance and batch statistics to match: for "
             "sizes, speed and tests. It has learnt nothing.",
    .min_operands = 0,
    .max_operands = 1,
    .sets = sets,
    .values_size = sizeof(struct values),
    .defaults = NULL,
    .common_offset = AT(common),
    .examples = examples,
    .run = run};
