/* inn ops: the registry as a table. */
#include <string.h>

#include "runtime/cli/json.h"
#include "runtime/cli/table.h"
#include "runtime/ops/op.h"
#include "runtime/tools/commands.h"

struct values {
    struct inn_common common;
};

static const struct inn_option_set sets[] = {
    {"Common options", inn_common_options, offsetof(struct values, common)},
    {NULL, NULL, 0},
};

static const char *const examples[] = {
    "inn ops                  what each operator can do here",
    "inn ops --json           the same for programs",
    NULL,
};

static int print_json(const struct inn_cli *cli)
{
    struct inn_json json;
    struct inn_error err;
    const struct inn_op *op;
    cJSON *list;
    size_t i;

    inn_json_start(&json);
    list = inn_json_array(&json, json.root, "ops");
    for (i = 0; (op = inn_op_row(i)) != NULL; i++) {
        cJSON *row = inn_json_object(&json, list, NULL);

        inn_json_text(&json, row, "name", op->name);
        inn_json_text(&json, row, "domain", op->domain);
        inn_json_int(&json, row, "since", op->since);
        if (op->until != 0)
            inn_json_int(&json, row, "until", op->until);
        else
            inn_json_text(&json, row, "until", NULL);
        inn_json_bool(&json, row, "run", op->run != NULL);
        inn_json_bool(&json, row, "couple", op->couple != NULL);
        inn_json_bool(&json, row, "resize", op->resize != NULL);
        inn_json_bool(&json, row, "moments", op->moments != NULL);
        inn_json_bool(&json, row, "lower", op->lower != NULL);
        inn_json_bool(&json, row, "infer", op->infer != NULL);
    }
    if (inn_json_print(&json, &err) != INN_OK)
        return inn_cli_error(cli, NULL, &err);
    return INN_EXIT_OK;
}

static int run(struct inn_cli *cli, const void *values)
{
    struct inn_table table;
    struct inn_error err;
    const struct inn_op *op;
    size_t i;

    (void)values;
    if (cli->common->json)
        return print_json(cli);
    inn_table_init(&table, &cli->arena,
                   "operator|domain|since>|until>|infer|couple|resize|moments|"
                   "run|lower");
    for (i = 0; (op = inn_op_row(i)) != NULL; i++) {
        inn_table_text(&table, op->name);
        inn_table_text(&table, op->domain[0] != '\0' ? op->domain
                                                     : "ai.onnx");
        inn_table_int(&table, op->since);
        if (op->until != 0)
            inn_table_int(&table, op->until);
        else
            inn_table_text(&table, "");
        inn_table_text(&table, op->infer != NULL ? "yes" : "-");
        inn_table_text(&table, op->couple != NULL ? "yes" : "-");
        inn_table_text(&table, op->resize != NULL ? "yes" : "-");
        inn_table_text(&table, op->moments != NULL ? "yes" : "-");
        inn_table_text(&table, op->run != NULL ? "yes" : "-");
        inn_table_text(&table, op->lower != NULL ? "yes" : "-");
    }
    if (inn_table_print(&table, stdout, 0, &err) != INN_OK)
        return inn_cli_error(cli, NULL, &err);
    return INN_EXIT_OK;
}

const struct inn_command inn_command_ops = {
    .name = "ops",
    .summary = "list the operators that are known",
    .usage = "[options]",
    .about = "Prints the table of operators: opset range, and whether shapes "
             "are inferred, channels followed (couple), what counts channels "
             "rewritten (resize), means and covariances of channels carried "
             "over (moments), and it is run, by a reference kernel (run) "
             "and by a fast one (lower). An operator without couple, or not "
             "listed, is carried through with its channels pinned.",
    .sets = sets,
    .values_size = sizeof(struct values),
    .common_offset = offsetof(struct values, common),
    .examples = examples,
    .run = run,
};
