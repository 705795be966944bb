/* inn run: a network on inputs from files. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/base/npy.h"
#include "runtime/cli/json.h"
#include "runtime/cli/output.h"
#include "runtime/cli/table.h"
#include "runtime/tools/commands.h"
#include "runtime/tools/refitting.h"
#include "runtime/tools/compute.h"
#include "runtime/tools/run_image.h"
#include "runtime/tools/tensors.h"

struct values {
    struct inn_common common;
    struct inn_sampling sampling;
    struct inn_refitting refit;
    struct inn_compute compute;
    struct inn_cli_list inputs, outputs;
    const char *output_dir;
    bool random;
    struct inn_image_request image;
};

static const struct values defaults = {.image = {.prep = INN_PREP_DEFAULTS}};

static const struct inn_option options[] = {
    {"input", 'i', INN_OPT_LIST, offsetof(struct values, inputs),
     "[NAME=]FILE", 0, 0, "an input: .npy, .pb (ONNX TensorProto), or - for "
     ".npy on stdin; repeatable"},
    {"image", 0, INN_OPT_TEXT, offsetof(struct values, image.path), "PICTURE",
     0, 0, "the input as a picture, .png or .jpg: prints the likeliest "
     "classes, or --output writes a .png"},
    {"random", 0, INN_OPT_FLAG, offsetof(struct values, random), NULL, 0, 0,
     "random inputs instead, from --seed"},
    {"output", 'o', INN_OPT_LIST, offsetof(struct values, outputs),
     "[NAME=]FILE", 0, 0, "write an output as .npy, or of --image as .png; - "
     "for .npy on stdout; repeatable"},
    {"output-dir", 0, INN_OPT_TEXT, offsetof(struct values, output_dir),
     "DIR", 0, 0, "write every output as DIR/NAME.npy"},
    {NULL, 0, INN_OPT_FLAG, 0, NULL, 0, 0, NULL},
};

static const struct inn_option image_options[] = {
    {"enlarge", 0, INN_OPT_INT, offsetof(struct values, image.enlarge), "N",
     1, 16, "enlarge the picture bicubically first"},
    {"multiple", 0, INN_OPT_INT, offsetof(struct values, image.multiple), "N",
     1, 1024, "pad it to a multiple of N; the output is cut"},
    {NULL, 0, INN_OPT_FLAG, 0, NULL, 0, 0, NULL},
};

static const struct inn_option_set sets[] = {
    {"Options", options, 0},
    {"Of --image", image_options, 0},
    {"How --image enters the network", inn_prep_options,
     offsetof(struct values, image.prep)},
    {"How it is computed", inn_compute_options,
     offsetof(struct values, compute)},
    {"Refitting (.inn; default off)", inn_refitting_options,
     offsetof(struct values, refit)},
    {"Sampling options (.inn)", inn_sampling_options,
     offsetof(struct values, sampling)},
    {"Common options", inn_common_options, offsetof(struct values, common)},
    {NULL, NULL, 0},
};

static const char *const examples[] = {
    "inn run net.onnx --input x.npy --output y.npy",
    "inn run net.inn --width 0.7 --input image=x.npy --output-dir out",
    "inn run sr.inn --width 0.8 --image in.png --output out.png",
    "inn run net.onnx --random --input-shape image:8,3,224,224 --json",
    NULL,
};

/* NAME.npy with what is no letter, digit, '_', '.' or '-' as '_'. */
static const char *file_name(struct inn_arena *arena, const char *dir,
                             const char *name, struct inn_error *err)
{
    char *path = inn_arena_printf(arena, err, "%s/%s.npy", dir, name), *p;

    if (path == NULL)
        return NULL;
    for (p = path + strlen(dir) + 1; *p != '\0'; p++) {
        bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                     (*p >= '0' && *p <= '9') || *p == '_' || *p == '.' ||
                     *p == '-';

        if (!plain)
            *p = '_';
    }
    return path;
}

/* "path: what: why", or without a why. */
static enum inn_status fail_file(const char *path, enum inn_status status,
                                 const char *what, const char *why,
                                 struct inn_error *err)
{
    inn_fail(err, status, "%s%s%s", what, why != NULL ? ": " : "",
             why != NULL ? why : "");
    inn_error_file(err, path);
    return status;
}

static enum inn_status write_one(const struct inn_tensor *out,
                                 const char *path, const struct values *v,
                                 struct inn_heap *heap, struct inn_error *err)
{
    enum inn_status st = inn_npy_write(out, path, v->common.force, heap, err);

    if (st != INN_OK)
        inn_error_file(err, path);
    return st;
}

/* Never onto what is read. */
static enum inn_status check_output(const char *path, struct inn_cli *cli,
                                    const struct values *v,
                                    struct inn_error *err)
{
    struct inn_named_path at;
    const char **inputs;
    enum inn_status st = INN_OK;
    size_t n = 0, k;

    inputs = inn_arena_alloc(&cli->arena, v->inputs.n + 2, sizeof(*inputs),
                             err);
    if (inputs == NULL)
        return inn_refused(err);
    inputs[n++] = cli->operands[0];
    inputs[n++] = v->image.path;
    for (k = 0; k < v->inputs.n && st == INN_OK; k++) {
        st = inn_split_named(&at, v->inputs.items[k], &cli->arena, err);
        inputs[n++] = at.path;
    }
    if (st == INN_OK) {
        st = inn_output_check(path, inputs, n, v->common.force, cli->heap,
                              err);
        if (st != INN_OK)
            inn_error_file(err, path);
    }
    return st;
}

static enum inn_status write_all(struct inn_cli *cli, const struct values *v,
                                 const struct inn_graph *graph,
                                 const struct inn_tensor *out,
                                 struct inn_error *err)
{
    enum inn_status st;
    int i;

    if (mkdir(v->output_dir, 0777) != 0 && errno != EEXIST)
        return fail_file(v->output_dir, inn_errno_status(), "can't be made",
                         strerror(errno), err);
    for (i = 0; i < graph->n_outputs; i++) {
        const char *path = file_name(&cli->arena, v->output_dir,
                                     graph->values[graph->outputs[i]].name,
                                     err);

        if (path == NULL)
            return inn_refused(err);
        st = check_output(path, cli, v, err);
        if (st == INN_OK)
            st = write_one(&out[i], path, v, cli->heap, err);
        if (st != INN_OK)
            return st;
    }
    return INN_OK;
}

/* Which output each --output means; before the run, so that typos are cheap. */
static enum inn_status match_outputs(struct inn_cli *cli,
                                     const struct values *v,
                                     const struct inn_graph *graph,
                                     struct inn_named_path *paths, int *which,
                                     struct inn_error *err)
{
    size_t k;
    int next = 0;

    for (k = 0; k < v->outputs.n; k++) {
        enum inn_status st = inn_split_named(&paths[k], v->outputs.items[k],
                                             &cli->arena, err);

        if (st != INN_OK)
            return st;
        which[k] = paths[k].name != NULL
                       ? inn_find_output(graph, paths[k].name, err)
                       : next++;
        if (which[k] < 0)
            return INN_ERR_RANGE;
        if (which[k] >= graph->n_outputs)
            return inn_fail(err, INN_ERR_RANGE,
                            "more files than the network's %d outputs",
                            graph->n_outputs);
        st = check_output(paths[k].path, cli, v, err);
        if (st != INN_OK)
            return st;
    }
    return INN_OK;
}

static void add_top(struct inn_json *json, const struct inn_tensor *out)
{
    struct inn_score top[INN_TOP];
    int n = inn_top_scores(top, out), i;
    cJSON *list = inn_json_array(json, json->root, "top");

    for (i = 0; i < n; i++) {
        cJSON *item = inn_json_object(json, list, NULL);

        inn_json_int(json, item, "class", top[i].class);
        inn_json_number(json, item, "score", top[i].score);
    }
}

static enum inn_status print_json(const struct inn_graph *graph,
                                  const struct values *v,
                                  const struct inn_tensor *out, double ms,
                                  struct inn_error *err)
{
    struct inn_json json;
    cJSON *list;
    int i, d;

    inn_json_start(&json);
    list = inn_json_array(&json, json.root, "outputs");
    for (i = 0; i < graph->n_outputs; i++) {
        cJSON *item = inn_json_object(&json, list, NULL), *shape;

        inn_json_text(&json, item, "name",
                      graph->values[graph->outputs[i]].name);
        inn_json_text(&json, item, "type", inn_type_name(out[i].type));
        shape = inn_json_array(&json, item, "shape");
        for (d = 0; d < out[i].rank; d++)
            inn_json_int(&json, shape, NULL, out[i].dims[d]);
    }
    if (v->image.path != NULL && inn_is_scores(&out[0]))
        add_top(&json, &out[0]);
    inn_json_number(&json, json.root, "ms", ms);
    return inn_json_print(&json, err);
}

static void add_range(struct inn_table *table, const struct inn_tensor *t)
{
    size_t count = inn_tensor_count(t), size = inn_type_size(t->type), i;
    double low = INFINITY, high = -INFINITY, sum = 0;

    for (i = 0; i < count; i++) {
        double v;

        inn_convert_elements(&v, INN_F64, (const char *)t->data + i * size,
                             t->type, 1);
        low = v < low ? v : low;
        high = v > high ? v : high;
        sum += v;
    }
    inn_table_number(table, low, 6);
    inn_table_number(table, sum / (double)count, 6);
    inn_table_number(table, high, 6);
}

static enum inn_status print_top(struct inn_cli *cli,
                                 const struct inn_tensor *out,
                                 struct inn_error *err)
{
    struct inn_score top[INN_TOP];
    struct inn_table table;
    int n = inn_top_scores(top, out), i;

    inn_table_init(&table, &cli->arena, "class>|score>");
    for (i = 0; i < n; i++) {
        inn_table_int(&table, top[i].class);
        inn_table_number(&table, top[i].score, 6);
    }
    return inn_table_print(&table, stdout, 0, err);
}

static enum inn_status print_table(struct inn_cli *cli,
                                   const struct inn_graph *graph,
                                   const struct inn_tensor *out, double ms,
                                   struct inn_error *err)
{
    struct inn_table table;
    char shape[INN_SHAPE_TEXT];
    enum inn_status st;
    int i;

    inn_table_init(&table, &cli->arena,
                   "output|type|shape|least>|mean>|largest>");
    for (i = 0; i < graph->n_outputs; i++) {
        inn_table_text(&table, graph->values[graph->outputs[i]].name);
        inn_table_text(&table, inn_type_name(out[i].type));
        inn_table_text(&table, inn_shape_text(shape, out[i].rank,
                                              out[i].dims));
        add_range(&table, &out[i]);
    }
    st = inn_table_print(&table, stdout, 0, err);
    if (cli->common->verbose)
        printf("%.3f ms\n", ms);
    return st;
}

/* What goes in and where what comes out is written. */
struct job {
    struct inn_tensor *in;
    struct inn_named_path *paths; /* of --output, and which of the outputs */
    int *which;
    struct inn_image_job image;
};

static enum inn_status write_output(struct inn_cli *cli,
                                    const struct values *v,
                                    const struct job *job, size_t k,
                                    const struct inn_tensor *out,
                                    struct inn_error *err)
{
    const char *path = job->paths[k].path;

    if (inn_image_name(path))
        return inn_image_output(&job->image, out, path, v->common.force,
                                &cli->arena, err);
    return write_one(&out[job->which[k]], path, v, cli->heap, err);
}

/* Runs, writes and prints; net is ready. */
static enum inn_status run_network(struct inn_cli *cli,
                                   const struct values *v,
                                   const struct inn_network *net,
                                   const struct job *job,
                                   struct inn_error *err)
{
    struct inn_session_options how = {
        .threads = (int)v->common.threads};
    const struct inn_graph *graph = net->graph;
    const struct inn_tensor *out;
    struct inn_session *session = NULL;
    bool to_stdout = false;
    enum inn_status st;
    double ms = 0;
    int64_t start;
    size_t k;

    inn_compute_session(&how, &v->compute);
    st = inn_session_new(&session, graph, &how, err);
    if (st == INN_OK) {
        start = inn_clock_ns();
        st = inn_session_run(session, &out, job->in, graph->n_inputs, err);
        /* The first run also plans; who wants a time wants that of one. */
        if (st == INN_OK && (v->common.json || v->common.verbose)) {
            start = inn_clock_ns();
            st = inn_session_run(session, &out, job->in, graph->n_inputs, err);
        }
        ms = (double)(inn_clock_ns() - start) * 1e-6;
    }
    for (k = 0; k < v->outputs.n && st == INN_OK; k++) {
        to_stdout = to_stdout || strcmp(job->paths[k].path, "-") == 0;
        st = write_output(cli, v, job, k, out, err);
    }
    if (st == INN_OK && v->output_dir != NULL)
        st = write_all(cli, v, graph, out, err);
    inn_progress_clear(&cli->progress);
    if (st == INN_OK && v->common.json)
        st = print_json(graph, v, out, ms, err);
    else if (st == INN_OK && !v->common.quiet && !to_stdout &&
             v->image.path != NULL && inn_is_scores(&out[0]))
        st = print_top(cli, &out[0], err);
    else if (st == INN_OK && !v->common.quiet && !to_stdout)
        st = print_table(cli, graph, out, ms, err);
    inn_session_free(session);
    return st;
}

/* Pictures among the outputs: of the first only, and only as PNG. */
static enum inn_status check_pictures(bool *any, const struct values *v,
                                      const struct job *job,
                                      struct inn_error *err)
{
    size_t k;

    *any = false;
    for (k = 0; k < v->outputs.n; k++) {
        const char *path = job->paths[k].path;

        if (!inn_image_name(path))
            continue;
        if (v->image.path == NULL)
            return fail_file(path, INN_ERR_ARGUMENT, "pictures are made of "
                             "--image only; arrays are written as .npy", NULL,
                             err);
        if (job->which[k] != 0)
            return fail_file(path, INN_ERR_ARGUMENT, "only the first output "
                             "is written as a picture", NULL, err);
        if (strcasecmp(path + strlen(path) - 4, ".png") != 0)
            return fail_file(path, INN_ERR_ARGUMENT, "pictures are written "
                             "as .png", NULL, err);
        *any = true;
    }
    return INN_OK;
}

static enum inn_status make_inputs(struct job *job, struct inn_cli *cli,
                                   const struct values *v,
                                   const struct inn_network *net,
                                   struct inn_error *err)
{
    bool picture;
    enum inn_status st;

    st = match_outputs(cli, v, net->graph, job->paths, job->which, err);
    if (st == INN_OK)
        st = check_pictures(&picture, v, job, err);
    if (st != INN_OK)
        return st;
    if (v->image.path != NULL)
        return inn_image_input(job->in, &job->image, &v->image, net->graph,
                               net->model, picture, &cli->arena, err);
    if (v->random)
        inn_network_note_sizes(cli, net);
    if (v->random)
        return inn_random_inputs(job->in, net, (uint64_t)v->common.seed,
                                 &cli->arena, err);
    return inn_load_inputs(job->in, net->graph, &v->inputs, &cli->arena, err);
}

static enum inn_status prepare_and_run(struct inn_cli *cli,
                                       const struct values *v,
                                       struct inn_network *net,
                                       const struct inn_rules *rules,
                                       const char **at,
                                       struct inn_error *err)
{
    struct inn_refitter refitter = {.full = NULL};
    struct job job = {.in = NULL};
    enum inn_status st;

    st = inn_refit_sample(&refitter, net, &v->sampling, 0, rules, &v->refit,
                          cli, (int)v->common.threads, at, err);
    inn_refitter_free(&refitter);
    if (st != INN_OK)
        return st;
    job.in = inn_arena_alloc(&cli->arena, (size_t)net->graph->n_inputs,
                             sizeof(*job.in), err);
    job.paths = inn_arena_alloc(&cli->arena, v->outputs.n,
                                sizeof(*job.paths), err);
    job.which = inn_arena_alloc(&cli->arena, v->outputs.n,
                                sizeof(*job.which), err);
    if (job.in == NULL || job.paths == NULL || job.which == NULL)
        return inn_refused(err);
    st = make_inputs(&job, cli, v, net, err);
    if (st == INN_OK)
        st = inn_network_prepare(net, err);
    if (st == INN_OK)
        st = run_network(cli, v, net, &job, err);
    return st;
}

static bool image_options_given(const struct values *v)
{
    const struct inn_image_request *r = &v->image;

    return r->enlarge > 0 || r->multiple > 0 || inn_prep_asked(&r->prep);
}

static int run(struct inn_cli *cli, const void *values)
{
    const struct values *v = values;
    struct inn_rules rules[INN_MOST_RULES];
    struct inn_network net = {0};
    struct inn_error err = {INN_OK, ""};
    const char *at = cli->operands[0];
    enum inn_status st;
    size_t n, k;

    inn_compute_note(cli, &v->compute);
    for (k = 0; k < v->outputs.n; k++) {
        const char *path = strrchr(v->outputs.items[k], '=');

        path = path != NULL ? path + 1 : v->outputs.items[k];
        if (strcmp(path, "-") == 0 && v->common.json)
            return inn_cli_usage(cli, "--json and --output - both want "
                                 "stdout");
    }
    if (v->random && v->inputs.n > 0)
        return inn_cli_usage(cli, "--random and --input exclude each other");
    if (v->image.path != NULL && (v->random || v->inputs.n > 0))
        return inn_cli_usage(cli, "--image is the input: no --input or "
                             "--random beside it");
    if (v->image.path == NULL && image_options_given(v))
        return inn_cli_usage(cli, "--prep, --scale, --mean, --std, --layout, "
                             "--colours, --enlarge and --multiple go with "
                             "--image");
    if (inn_prep_wrong(&v->image.prep) != NULL)
        return inn_cli_usage(cli, "%s", inn_prep_wrong(&v->image.prep));
    if (inn_refitting_wrong(&v->refit) != NULL)
        return inn_cli_usage(cli, "%s", inn_refitting_wrong(&v->refit));
    st = inn_sampling_rules(rules, &n, &v->sampling, false, &err);
    if (st != INN_OK)
        return inn_cli_usage(cli, "%s", err.message);
    inn_progress_phase(&cli->progress, 1, 2, "reading");
    st = inn_network_open(&net, cli, cli->operands[0], &err);
    if (st == INN_OK) {
        inn_progress_phase(&cli->progress, 2, 2, "running");
        st = prepare_and_run(cli, v, &net, rules, &at, &err);
    }
    inn_network_free(&net);
    return st == INN_OK ? INN_EXIT_OK : inn_cli_error(cli, at, &err);
}

const struct inn_command inn_command_run = {
    .name = "run",
    .summary = "run an .onnx or .inn on arrays or a picture",
    .usage = "FILE --input [NAME=]x.npy... | --image PICTURE [options]",
    .about = "Runs the network once and says what came out, or writes it as "
             ".npy. Inputs without a name go to the network's inputs in "
             "order. With --image a picture goes in: an RGB network gets its "
             "colours, one of a single channel its Y (BT.601, 16 to 235), or "
             "grey from 0 to 255 where it makes no picture; what comes "
             "out is written as a picture, or the five likeliest classes are "
             "printed.",
    .min_operands = 1,
    .max_operands = 1,
    .sets = sets,
    .values_size = sizeof(struct values),
    .defaults = &defaults,
    .common_offset = offsetof(struct values, common),
    .examples = examples,
    .run = run,
};
