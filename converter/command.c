/*
 * inn-convert: the command line of the converter.
 */
#include "converter/command.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "converter/blas_room.h"
#include "runtime/pictures/calibration.h"
#include "converter/convert.h"
#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/base/file.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/json.h"
#include "runtime/cli/output.h"
#include "runtime/cli/sizes.h"
#include "runtime/cli/table.h"
#include "runtime/file/container.h"
#include "runtime/grid/pins.h"
#include "runtime/pictures/presets.h"
#include "runtime/pictures/stored.h"

struct values {
    struct inn_common common;
    const char *output;
    int kernel, edge, store, codec, moments;
    double nodes;
    struct inn_prep_options prep;
    bool keep_bn, no_moments, dry_run;
    int64_t pictures, samples;
    int64_t keep_inputs; /* -1: not given */
    const char *calibrate;
    int images;
    struct inn_cli_list freeze, only;
};

#define AT(field) offsetof(struct values, field)

static const struct inn_option options[] = {
    {"output", 'o', INN_OPT_TEXT, AT(output), "OUT.inn", 0, 0,
     "where to write; default: MODEL.inn"},
    {"kernel", 0, INN_OPT_CHOICE, AT(kernel), "cubic|cubic75|linear", 0, 0,
     "interpolation between nodes"},
    {"edge", 0, INN_OPT_CHOICE, AT(edge), "keys|clamp", 0, 0,
     "how the interpolation goes on beyond the ends of an axis"},
    {"nodes", 0, INN_OPT_POSITIVE, AT(nodes), "R", 0, 1,
     "nodes per channel, by least squares; default: 1, nothing is lost"},
    {"store", 0, INN_OPT_CHOICE, AT(store), "f32|f16|bf16", 0, 0,
     "how weights are kept"},
    {"codec", 0, INN_OPT_CHOICE, AT(codec), "zstd|none", 0, 0,
     "compression of the weights"},
    {"keep-bn", 0, INN_OPT_FLAG, AT(keep_bn), NULL, 0, 0,
     "keep BatchNormalization nodes instead of folding them"},
    {"no-moments", 0, INN_OPT_FLAG, AT(no_moments), NULL, 0, 0,
     "measure nothing: sampling has the weights alone to go by"},
    {"moments", 0, INN_OPT_CHOICE, AT(moments), "drawn|propagated|blend", 0,
     0, "what is known of activations: measured on drawn pictures, by the "
     "algebra of the operators alone, or the one with part of the other"},
    {"pictures", 0, INN_OPT_INT, AT(pictures), "N", 1, 65536,
     "pictures to draw and measure with (--seed: which); default: as many as "
     "their size allows"},
    {"calibrate", 0, INN_OPT_TEXT, AT(calibrate), "DATA", 0, 0,
     "measure on your own inputs too: .npz (array x, or one per input), "
     ".npy, or a folder of pictures or .npy files; no labels"},
    {"samples", 0, INN_OPT_INT, AT(samples), "N", 1, 1000000,
     "how many of them, evenly spread (default 64)"},
    {"keep-inputs", 0, INN_OPT_INT, AT(keep_inputs), "N", 0, 1000000,
     "how many of the inputs it measured on are stored in the file, for "
     "refitting later; default: all that 8 MiB hold; 0: none"},
    {"images", 0, INN_OPT_CHOICE, AT(images), "all|even|odd", 0, 0,
     "which of them count, by number"},
    {"only", 0, INN_OPT_LIST, AT(only), "GLOB", 0, 0,
     "let only these groups change their width"},
    {"freeze", 0, INN_OPT_LIST, AT(freeze), "GLOB", 0, 0,
     "keep the width of these groups"},
    {"dry-run", 0, INN_OPT_FLAG, AT(dry_run), NULL, 0, 0,
     "find the groups and print them, write nothing"},
    {NULL, 0, INN_OPT_FLAG, 0, NULL, 0, 0, NULL}};

static const struct inn_option input_options[] = {
    {"prep", 0, INN_OPT_CHOICE, AT(prep.preset), INN_PRESET_WORDS "|auto", 0,
     0, "how pictures of bytes enter the network, by name; kept in the file "
     "for eval, run and check; auto: as drawn pictures suggest"},
    {"mean", 0, INN_OPT_NUMBERS, AT(prep.mean), "M,...", -1e30, 1e30,
     "without --prep: subtracted from inputs after scaling"},
    {"std", 0, INN_OPT_NUMBERS, AT(prep.std), "S,...", -1e30, 1e30,
     "divides inputs after that"},
    {"scale", 0, INN_OPT_NUMBER, AT(prep.scale), "X", -1e9, 1e9,
     "multiplies raw inputs first, such as 1/255 for bytes"},
    {"layout", 0, INN_OPT_CHOICE, AT(prep.layout), "auto|nchw|nhwc", 0, 0,
     "the network's own input layout"},
    {"colours", 0, INN_OPT_CHOICE, AT(prep.colours), "auto|rgb|bgr", 0, 0,
     "order of its three channels; --mean and --std go with it"},
    {NULL, 0, INN_OPT_FLAG, 0, NULL, 0, 0, NULL}};

static const struct values defaults = {.prep = INN_PREP_DEFAULTS, .nodes = 1,
                                       .keep_inputs = -1};

/* MODEL.onnx -> MODEL.inn */
static const char *default_output(struct inn_cli *cli, const char *path,
                                  struct inn_error *err)
{
    size_t len = strlen(path);

    if (len > 5 && strcmp(path + len - 5, ".onnx") == 0)
        len -= 5;
    return inn_arena_printf(&cli->arena, err, "%.*s.inn", (int)len, path);
}

/* Whose progress is shown, and whether moments are part of it. */
struct shown {
    struct inn_cli *cli;
    bool moments, samples, propagated;
};

static void show_progress(void *state, const char *phase, int i, int n)
{
    static const struct {
        const char *name;
        bool moments, samples, propagated; /* only with them */
    } phases[] = {{"read", false, false, false},
                  {"groups", false, false, false},
                  {"order", false, false, false},
                  {"grids", false, false, false},
                  {"samples", true, true, false},
                  {"pictures", true, false, false},
                  {"moments", true, false, false},
                  {"propagation", true, false, true},
                  {"partition", true, false, false},
                  {"write", false, false, false}};
    const struct shown *shown = state;
    struct inn_progress *progress = &shown->cli->progress;
    int at = 0, count = 0;
    size_t k;

    for (k = 0; k < INN_COUNT(phases); k++) {
        if ((phases[k].moments && !shown->moments) ||
            (phases[k].samples && !shown->samples) ||
            (phases[k].propagated && !shown->propagated))
            continue;
        count++;
        if (strcmp(phases[k].name, phase) == 0)
            at = count;
    }
    if (at > 0 && i == 0)
        inn_progress_phase(progress, at, count, phase);
    inn_progress_step(progress, i, n);
}

static enum inn_status read_sizes(void *state, const struct inn_graph *graph,
                                  struct inn_binding **bindings, size_t *n,
                                  struct inn_error *err)
{
    struct inn_cli *cli = state;

    return inn_parse_sizes(bindings, n, &cli->common->shapes, graph,
                           &cli->arena, err);
}

/* The arguments that shape the file, for its meta section. */
static const char *join_options(struct inn_cli *cli, const struct values *v,
                                struct inn_error *err)
{
    static const char *const kernels[] = {"cubic", "cubic75", "linear"};
    static const char *const stores[] = {"f32", "f16", "bf16"};
    static const char *const images[] = {"all", "even", "odd"};
    static const char *const moments[] = {"", " --moments propagated",
                                          " --moments blend"};
    const char *drawn = "", *real = "";

    if (!v->no_moments && v->pictures > 0)
        drawn = inn_arena_printf(&cli->arena, err, " --pictures %lld",
                                 (long long)v->pictures);
    if (drawn != NULL && !v->no_moments && v->common.seed != 0)
        drawn = inn_arena_printf(&cli->arena, err, "%s --seed %lld", drawn,
                                 (long long)v->common.seed);
    if (drawn != NULL && !v->no_moments && v->calibrate != NULL)
        real = inn_arena_printf(&cli->arena, err,
                                " --calibrate --samples %lld --images %s",
                                v->samples > 0 ? (long long)v->samples
                                               : INN_CALIBRATE_SAMPLES,
                                images[v->images]);
    if (real != NULL && v->keep_inputs >= 0)
        real = inn_arena_printf(&cli->arena, err, "%s --keep-inputs %lld",
                                real, (long long)v->keep_inputs);
    if (drawn == NULL || real == NULL)
        return NULL;
    return inn_arena_printf(&cli->arena, err,
                            "--kernel %s --edge %s --nodes %g --store "
                            "%s%s%s%s%s",
                            kernels[v->kernel], v->edge ? "clamp" : "keys",
                            v->nodes, stores[v->store],
                            v->keep_bn ? " --keep-bn" : "", drawn, real,
                            v->no_moments ? "" : moments[v->moments]);
}

static uint64_t file_size(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && st.st_size > 0 ? (uint64_t)st.st_size : 0;
}

static int print_groups(struct inn_cli *cli, const struct inn_model *model,
                        bool ordered)
{
    struct inn_error err = {0};
    struct inn_table table;
    int g;

    inn_table_init(&table, &cli->arena,
                   "group|channels>|blocks>|variation>|ordered>|residual>");
    for (g = 0; g < model->n_groups; g++) {
        const struct inn_group *group = &model->groups[g];

        inn_table_text(&table, group->name);
        inn_table_int(&table, group->size);
        inn_table_int(&table, group->n_blocks);
        if (ordered) {
            inn_table_number(&table, group->variation_before, 4);
            inn_table_number(&table, group->variation_after, 4);
        } else {
            inn_table_text(&table, "");
            inn_table_text(&table, "");
        }
        inn_table_number(&table, group->residual, 3);
    }
    if (inn_table_print(&table, stdout, 0, &err) != INN_OK)
        return inn_cli_error(cli, NULL, &err);
    return INN_EXIT_OK;
}

/* Reasons for pinning: how many axes, what it costs, and the first of them. */
static int print_pinned(struct inn_cli *cli, const struct inn_model *model)
{
    struct inn_error err = {0};
    struct inn_pin_cost *costs;
    struct inn_table table;
    int i, n;

    if (model->n_pinned == 0)
        return INN_EXIT_OK;
    if (inn_pin_costs(&costs, &n, NULL, model, &cli->arena, &err) != INN_OK)
        return inn_cli_error(cli, NULL, &err);
    inn_table_init(&table, &cli->arena,
                   "pinned because of|axes>|parameters>|such as");
    for (i = 0; i < n; i++) {
        const struct inn_pinned *first = &model->pinned[costs[i].first];

        inn_table_text(&table, costs[i].reason);
        inn_table_int(&table, costs[i].axes);
        inn_table_int(&table, costs[i].params);
        inn_table_printf(&table, "%s, axis %d",
                         model->graph->values[first->value].name, first->axis);
    }
    putchar('\n');
    if (inn_table_print(&table, stdout, 0, &err) != INN_OK)
        return inn_cli_error(cli, NULL, &err);
    return INN_EXIT_OK;
}

static void print_evidence(struct inn_json *json, cJSON *list,
                           const struct inn_evidence *e)
{
    cJSON *item = inn_json_object(json, list, NULL);
    char text[INN_PREP_TEXT];

    inn_json_text(json, item, "prep", inn_prep_text(text, &e->prep));
    inn_json_number(json, item, "divergence", e->divergence);
    inn_json_number(json, item, "distance", e->distance);
    inn_json_number(json, item, "drive", e->drive);
    inn_json_number(json, item, "variation", e->variation);
    inn_json_number(json, item, "confidence", e->confidence);
    inn_json_number(json, item, "entropy", e->entropy);
    inn_json_bool(json, item, "broken", e->broken);
}

/* How pictures enter, and what speaks for other ways. */
static void print_prep(struct inn_json *json, const struct inn_model *model,
                       const struct inn_convert_report *report)
{
    const struct inn_judgement *j = &report->judgement;
    char text[INN_PREP_TEXT];
    cJSON *list;
    int i;

    inn_json_text(json, json->root, "prep", model->prep.given
                  ? inn_prep_text(text, &model->prep) : NULL);
    if (j->n > 0) {
        list = inn_json_array(json, json->root, "evidence");
        for (i = 0; i < j->n; i++)
            print_evidence(json, list, &j->items[i]);
    }
    list = inn_json_array(json, json->root, "warnings");
    if (report->warning[0] != '\0')
        inn_json_text(json, list, NULL, report->warning);
}

static enum inn_status json_pinned(struct inn_json *json,
                                   struct inn_cli *cli,
                                   const struct inn_model *model,
                                   struct inn_error *err)
{
    cJSON *list = inn_json_array(json, json->root, "pinned"), *item;
    struct inn_pin_cost *costs;
    enum inn_status st;
    int i, n;

    st = inn_pin_costs(&costs, &n, NULL, model, &cli->arena, err);
    for (i = 0; st == INN_OK && i < n; i++) {
        const struct inn_pinned *first = &model->pinned[costs[i].first];

        item = inn_json_object(json, list, NULL);
        inn_json_text(json, item, "reason", costs[i].reason);
        inn_json_int(json, item, "axes", costs[i].axes);
        inn_json_int(json, item, "params", costs[i].params);
        inn_json_text(json, item, "tensor",
                      model->graph->values[first->value].name);
        inn_json_int(json, item, "axis", first->axis);
    }
    return st;
}

static int print_json(struct inn_cli *cli, const char *source,
                      const char *output, uint64_t bytes,
                      const struct inn_model *model,
                      const struct inn_convert_report *report, double seconds)
{
    struct inn_error err = {0};
    struct inn_json json;
    enum inn_status st;
    cJSON *groups, *sizes;
    int g;

    inn_json_start(&json);
    inn_json_text(&json, json.root, "source", source);
    inn_json_text(&json, json.root, "output", output);
    inn_json_int(&json, json.root, "bytes", (int64_t)bytes);
    inn_json_int(&json, json.root, "params", report->params);
    inn_json_int(&json, json.root, "params_free", report->params_free);
    inn_json_number(&json, json.root, "seconds", seconds);
    inn_json_int(&json, json.root, "peak_bytes",
                 (int64_t)inn_heap_peak(cli->heap));
    print_prep(&json, model, report);
    sizes = inn_json_object(&json, json.root, "sizes");
    for (g = 0; g < model->n_bindings; g++) {
        const struct inn_binding *b = &model->bindings[g];
        cJSON *shape = inn_json_array(&json, sizes, b->name);
        int k;

        for (k = 0; k < b->rank; k++)
            inn_json_int(&json, shape, NULL, b->dims[k]);
    }
    inn_json_bool(&json, json.root, "sizes_assumed", report->sizes != NULL);
    inn_json_stored(&json, model);
    groups = inn_json_array(&json, json.root, "groups");
    for (g = 0; g < model->n_groups; g++) {
        const struct inn_group *group = &model->groups[g];
        cJSON *item = inn_json_object(&json, groups, NULL);

        inn_json_text(&json, item, "name", group->name);
        inn_json_int(&json, item, "size", group->size);
        inn_json_number(&json, item, "variation_before",
                        group->variation_before);
        inn_json_number(&json, item, "variation_after",
                        group->variation_after);
        inn_json_number(&json, item, "residual", group->residual);
        inn_json_bool(&json, item, "moments", group->nested != NULL);
    }
    st = json_pinned(&json, cli, model, &err);
    if (st == INN_OK)
        st = inn_json_print(&json, &err);
    else
        inn_json_free(&json);
    if (st != INN_OK)
        return inn_cli_error(cli, NULL, &err);
    return INN_EXIT_OK;
}

/* Which inputs the file holds; false: no memory. */
static bool print_stored(struct inn_cli *cli, const struct inn_model *model,
                         struct inn_error *err)
{
    const char *text = inn_stored_text(model, &cli->arena, err);

    if (text == NULL)
        return false;
    fputs("stored inputs: ", stdout);
    inn_print_clean(stdout, text);
    putchar('\n');
    return true;
}

static int print_report(struct inn_cli *cli, const char *source,
                        const char *output, uint64_t bytes,
                        const struct inn_model *model,
                        const struct inn_convert_report *report,
                        const struct values *v)
{
    struct inn_error err = {0};
    struct inn_table table;
    int code = print_groups(cli, model, !v->dry_run);

    if (code == INN_EXIT_OK)
        code = print_pinned(cli, model);
    if (code != INN_EXIT_OK)
        return code;
    inn_table_init(&table, &cli->arena, "|before>|after>");
    inn_table_text(&table, "operators");
    inn_table_int(&table, report->nodes_read);
    inn_table_int(&table, report->nodes_kept);
    inn_table_text(&table, "parameters");
    inn_table_int(&table, report->params_read);
    inn_table_int(&table, report->params);
    if (!v->dry_run) {
        inn_table_text(&table, "bytes");
        inn_table_int(&table, (int64_t)file_size(source));
        inn_table_int(&table, (int64_t)bytes);
    }
    putchar('\n');
    if (inn_table_print(&table, stdout, 0, &err) != INN_OK)
        return inn_cli_error(cli, NULL, &err);
    printf("\n%d groups; %.1f %% of the parameters lie on a free axis\n",
           model->n_groups,
           report->params > 0 ? 100.0 * (double)report->params_free /
                                    (double)report->params : 0.0);
    if (report->chosen[0] != '\0')
        printf("preparation: %s\n", report->chosen);
    if (report->sizes != NULL) {
        fputs("input sizes assumed: ", stdout);
        inn_print_clean(stdout, report->sizes);
        fputs(" says otherwise\n", stdout);
    }
    if (!v->dry_run && !v->no_moments && report->moments.from[0] != '\0')
        printf("moments from %s\n", report->moments.from);
    if (!v->dry_run && v->calibrate != NULL && !print_stored(cli, model, &err))
        return inn_cli_error(cli, NULL, &err);
    if (!v->dry_run && !v->no_moments && model->n_groups > 0 &&
        report->moments.groups > 0)
        printf("%d %s no moments%s%s: sampled by %s weights alone\n",
               report->moments.groups,
               report->moments.groups == 1 ? "group has" : "groups have",
               report->moments.why[0] != '\0' ? ", " : "",
               report->moments.why,
               report->moments.groups == 1 ? "its" : "their");
    if (!v->dry_run) {
        fputs("wrote ", stdout);
        inn_print_clean(stdout, output);
        putchar('\n');
    }
    if (model->n_groups == 0) {
        const char *line;

        if (inn_nothing_free(&line, model, &cli->arena, &err) != INN_OK)
            return inn_cli_error(cli, NULL, &err);
        inn_print_clean(stdout, line);
        putchar('\n');
    }
    return INN_EXIT_OK;
}

/* Every checksum, every length. */
static enum inn_status reread(void *state, const char *path,
                              struct inn_error *err)
{
    struct inn_model *again = NULL;
    enum inn_status st = inn_file_open(&again, path, false, state, err);

    inn_model_free(again);
    return st;
}

/* Writes the file, opening it again before it gets its name. */
static enum inn_status write_file(struct shown *shown, const char *output,
                                  const struct inn_model *model,
                                  const struct values *v, int threads,
                                  uint64_t *bytes, struct inn_error *err)
{
    const struct inn_reread again = {reread, shown->cli->heap};
    const struct inn_file_options fo = {
        .store = (enum inn_store)v->store,
        .codec = v->codec == 0 ? INN_CODEC_ZSTD : INN_CODEC_NONE,
        .threads = threads,
        .overwrite = v->common.force,
        .again = &again};

    show_progress(shown, "write", 0, 1);
    return inn_file_write(model, output, &fo, bytes, err);
}

static int run(struct inn_cli *cli, const void *values)
{
    const struct values *v = values;
    const char *source = cli->operands[0], *output = v->output, *named = source;
    struct shown shown = {cli, !v->no_moments && !v->dry_run,
                          v->calibrate != NULL,
                          v->moments != INN_MOMENTS_DRAWN};
    const struct inn_calibration calibration = {
        v->calibrate, v->samples, (enum inn_images)v->images, show_progress,
        &shown};
    struct inn_convert_options o = {
        .kernel = (enum inn_kernel)v->kernel,
        .edge = (enum inn_edge)v->edge,
        .nodes = v->nodes,
        .keep_bn = v->keep_bn,
        .order = !v->dry_run,
        .moments = shown.moments,
        .moments_source = (enum inn_moments_source)v->moments,
        .pictures = v->pictures,
        .seed = (uint64_t)v->common.seed,
        .prep = &v->prep,
        .judge = !v->no_moments || v->prep.preset == INN_N_PRESETS,
        .calibration = v->calibrate != NULL ? &calibration : NULL,
        .keep_inputs = v->keep_inputs >= 0 ? v->keep_inputs : INT64_MAX,
        .groups = {v->only.items, v->freeze.items, v->only.n, v->freeze.n,
                   NULL, 0},
        .onnx = {v->common.external_dir},
        .threads = (int)v->common.threads,
        .bind = read_sizes,
        .bind_state = cli,
        .progress = show_progress,
        .progress_state = &shown};
    const char *inputs[] = {source, v->calibrate};
    struct inn_convert_report report;
    struct inn_model *model = NULL;
    struct inn_error err = {0};
    int64_t start = inn_clock_ns();
    uint64_t bytes = 0;
    enum inn_status st;
    int code;

    if (v->calibrate == NULL &&
        (v->samples > 0 || v->images != 0 || v->keep_inputs >= 0))
        return inn_cli_usage(cli, "--samples, --images and --keep-inputs go "
                             "with --calibrate");
    if (v->calibrate != NULL && v->no_moments)
        return inn_cli_usage(cli, "--calibrate measures moments, "
                             "--no-moments forbids it");
    if (inn_prep_wrong(&v->prep) != NULL)
        return inn_cli_usage(cli, "%s", inn_prep_wrong(&v->prep));
    o.options = join_options(cli, v, &err);
    if (output == NULL)
        output = default_output(cli, source, &err);
    if (o.options == NULL || output == NULL)
        return inn_cli_error(cli, NULL, &err);
    if (!v->dry_run &&
        inn_output_check(output, inputs, 2, v->common.force, cli->heap,
                         &err) != INN_OK)
        return inn_cli_error(cli, output, &err);
    if (inn_blas_reserve(&o.threads, &err) != INN_OK)
        return inn_cli_error(cli, NULL, &err);
    st = inn_convert(&model, &report, source, &o, cli->heap, &err);
    if (st == INN_OK && !v->dry_run) {
        named = output;
        st = write_file(&shown, output, model, v, o.threads, &bytes, &err);
    }
    inn_progress_clear(&cli->progress);
    if (st == INN_OK && report.warning[0] != '\0')
        inn_cli_note(cli, "warning: %s: %s", source, report.warning);
    if (st != INN_OK)
        code = inn_cli_error(cli, report.blame != NULL ? report.blame : named,
                             &err);
    else if (v->common.json)
        code = print_json(cli, source, v->dry_run ? NULL : output, bytes,
                          model, &report,
                          (double)(inn_clock_ns() - start) / 1e9);
    else if (v->common.quiet || strcmp(output, "-") == 0)
        code = INN_EXIT_OK;
    else
        code = print_report(cli, source, output, bytes, model, &report, v);
    inn_model_free(model);
    return code;
}

static const struct inn_option_set sets[] = {
    {"Options", options, 0},
    {"Inputs", input_options, 0},
    {"Common options", inn_common_options, AT(common)},
    {NULL, NULL, 0}};

static const char *const examples[] = {
    "inn-convert resnet50.onnx",
    "inn-convert resnet50.onnx -o small.inn --store f16",
    "inn-convert net.onnx --dry-run --input-shape x:1,3,224,224",
    "inn-convert net.onnx --freeze 'head.*' --nodes 0.5",
    "inn-convert net.onnx --calibrate photos --samples 128 --scale 1/255",
    NULL};

const struct inn_command inn_converter = {
    .name = NULL,
    .summary = "turn an ONNX network into a resizable one",
    .usage = "MODEL.onnx [-o OUT.inn]",
    .about = "Finds which channels of the network belong together, orders "
             "them so that weights vary smoothly, fits interpolation grids "
             "to the weights and writes an integral neural network, which "
             "inn samples at any width.",
    .min_operands = 1,
    .max_operands = 1,
    .sets = sets,
    .values_size = sizeof(struct values),
    .defaults = &defaults,
    .common_offset = AT(common),
    .examples = examples,
    .run = run};
