/* An expect.json of what a file is today, with room for other machines. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/base/error.h"
#include "runtime/pictures/presets.h"
#include "runtime/tools/difference.h"
#include "runtime/tools/expect.h"
#include "runtime/tools/report.h"
#include "runtime/tools/tensors.h"

/* Values of an output that are written down: enough to tell networks apart. */
#define VALUES 16

/* Roundings of another processor, as a share of the largest output. */
#define SHARE 1e-4
#define RTOL 1e-3

/* What is given away of an accuracy measured here: points, dB, SSIM. */
#define POINTS 1.0
#define DECIBELS 0.1
#define SIMILARITY 0.002

/* A float's digits and no more. */
static double rounded(double value, int digits)
{
    char text[40];

    if (!isfinite(value))
        return value;
    snprintf(text, sizeof(text), "%.*g", digits, value);
    return strtod(text, NULL);
}

/* A bound a little below value; none for what was not measured. */
static void add_min(struct inn_json *json, cJSON *in, const char *name,
                    double value, double less)
{
    if (isnan(value))
        return;
    inn_json_number(json, inn_json_object(json, in, name), "min",
                    value > less ? floor((value - less) * 1e4) / 1e4 : 0);
}

static void add_list(struct inn_json *json, cJSON *in, const char *name,
                     const struct inn_cli_list *list)
{
    cJSON *array = inn_json_array(json, in, name);
    size_t i;

    for (i = 0; i < list->n; i++)
        inn_json_text(json, array, NULL, list->items[i]);
}

static double largest(const struct inn_tensor *t)
{
    size_t count = inn_tensor_count(t), i;
    double most = 0;

    for (i = 0; i < count; i++) {
        double x = fabs(inn_tensor_number(t, i));

        if (isfinite(x) && x > most)
            most = x;
    }
    return most;
}

static void add_output(struct inn_json *json, cJSON *in, const char *name,
                       const struct inn_tensor *t)
{
    cJSON *item = inn_json_object(json, in, name), *list;
    size_t count = inn_tensor_count(t), i;
    size_t every = count > VALUES ? (count + VALUES - 1) / VALUES : 1;
    double sum = 0, squares = 0;
    int d;

    list = inn_json_array(json, item, "shape");
    for (d = 0; d < t->rank; d++)
        inn_json_int(json, list, NULL, t->dims[d]);
    inn_json_int(json, item, "every", (int64_t)every);
    list = inn_json_array(json, item, "values");
    for (i = 0; i < count; i += every)
        inn_json_number(json, list, NULL,
                        rounded(inn_tensor_number(t, i), 9));
    for (i = 0; i < count; i++) {
        double x = inn_tensor_number(t, i);

        sum += x;
        squares += x * x;
    }
    /* Null would be no number to compare with. */
    if (count == 0 || !isfinite(squares))
        return;
    inn_json_number(json, item, "mean", rounded(sum / (double)count, 9));
    inn_json_number(json, item, "rms",
                    rounded(sqrt(squares / (double)count), 9));
}

static bool is_named(const struct inn_cli_list *inputs, const char *name)
{
    size_t len = strlen(name), i;

    for (i = 0; i < inputs->n; i++) {
        if (strncmp(inputs->items[i], name, len) == 0 &&
            inputs->items[i][len] == '=')
            return true;
    }
    return false;
}

/* {"NAME": "FILE"}; files without a name are for the inputs without one. */
static enum inn_status add_inputs(struct inn_json *json, cJSON *in,
                                  const struct inn_graph *graph,
                                  const struct inn_cli_list *inputs,
                                  struct inn_arena *arena,
                                  struct inn_error *err)
{
    cJSON *item = inn_json_object(json, in, "inputs");
    int next = 0;
    size_t i;

    for (i = 0; i < inputs->n; i++) {
        struct inn_named_path at;
        enum inn_status st = inn_split_named(&at, inputs->items[i], arena,
                                             err);

        if (st != INN_OK)
            return st;
        while (at.name == NULL && next < graph->n_inputs) {
            const char *name = graph->values[graph->inputs[next++]].name;

            if (!is_named(inputs, name))
                at.name = name;
        }
        if (at.name != NULL)
            inn_json_text(json, item, at.name, at.path);
    }
    return INN_OK;
}

static enum inn_status add_reference(struct inn_json *json, cJSON *in,
                                     struct inn_cli *cli,
                                     struct inn_network *net,
                                     const struct inn_cli_list *inputs,
                                     struct inn_error *err)
{
    const struct inn_graph *g = net->graph;
    struct inn_tensor *out;
    cJSON *item, *outputs;
    double most = 0;
    enum inn_status st;
    int i;

    out = inn_arena_alloc(&cli->arena, (size_t)g->n_outputs, sizeof(*out),
                          err);
    if (out == NULL)
        return inn_refused(err);
    st = inn_network_prepare(net, err);
    if (st == INN_OK)
        st = inn_expect_run(out, net, inputs, cli->common->seed,
                            (int)cli->common->threads, &cli->arena, err);
    if (st != INN_OK)
        return st;
    for (i = 0; i < g->n_outputs; i++)
        most = fmax(most, largest(&out[i]));
    item = inn_json_object(json, inn_json_array(json, in, "reference"),
                           NULL);
    if (inputs->n > 0)
        st = add_inputs(json, item, g, inputs, &cli->arena, err);
    else
        inn_json_int(json, item, "seed", cli->common->seed);
    inn_json_number(json, item, "atol",
                    rounded(most > 0 ? most * SHARE : 1e-6, 1));
    inn_json_number(json, item, "rtol", RTOL);
    outputs = inn_json_object(json, item, "outputs");
    for (i = 0; i < g->n_outputs; i++)
        add_output(json, outputs, g->values[g->outputs[i]].name, &out[i]);
    return st;
}

static void add_numbers(struct inn_json *json, cJSON *in, const char *name,
                        const struct inn_cli_numbers *numbers)
{
    cJSON *list;
    size_t i;

    if (numbers->n == 0)
        return;
    list = inn_json_array(json, in, name);
    for (i = 0; i < numbers->n; i++)
        inn_json_number(json, list, NULL, numbers->items[i]);
}

static enum inn_status add_accuracy(struct inn_json *json, cJSON *in,
                                    struct inn_cli *cli,
                                    const struct inn_network *net,
                                    const struct inn_eval_values *options,
                                    double width, struct inn_error *err)
{
    static const char *const images[] = {"all", "even", "odd"};
    static const char *const layouts[] = {"file", "nchw", "nhwc"};
    static const char *const colours[] = {"file", "rgb", "bgr"};
    struct inn_eval_values v = *options;
    struct inn_eval_row row;
    enum inn_status st;
    cJSON *item;

    v.sampling.width = width;
    st = inn_eval_one(&row, cli, &v, net->path, err);
    if (st != INN_OK)
        return st;
    item = inn_json_object(json, in, "accuracy");
    if (v.task != 0)
        inn_json_text(json, item, "task", "sr");
    inn_json_text(json, item, "data", v.data);
    if (v.images != 0)
        inn_json_text(json, item, "images", images[v.images]);
    if (v.prep.preset >= 0)
        inn_json_text(json, item, "prep", inn_presets[v.prep.preset].name);
    if (!isnan(v.prep.scale))
        inn_json_number(json, item, "scale", v.prep.scale);
    add_numbers(json, item, "mean", &v.prep.mean);
    add_numbers(json, item, "std", &v.prep.std);
    if (v.prep.layout != 0)
        inn_json_text(json, item, "layout", layouts[v.prep.layout]);
    if (v.prep.colours != 0)
        inn_json_text(json, item, "colours", colours[v.prep.colours]);
    if (!isnan(v.range))
        inn_json_number(json, item, "range", v.range);
    if (v.multiple > 0)
        inn_json_int(json, item, "multiple", v.multiple);
    add_min(json, item, "top1", row.top1, POINTS);
    add_min(json, item, "top5", row.top5, POINTS);
    add_min(json, item, "psnr", row.psnr, DECIBELS);
    add_min(json, item, "ssim", row.ssim, SIMILARITY);
    return INN_OK;
}

/* width 0: an ONNX network. */
static enum inn_status add_network(struct inn_json *json, cJSON *list,
                                   struct inn_cli *cli,
                                   struct inn_network *net,
                                   const struct inn_expect_request *request,
                                   double width, struct inn_error *err)
{
    const struct inn_sampling s = {.width = width};
    const struct inn_rules rules = {.open = true};
    cJSON *item = inn_json_object(json, list, NULL);
    struct inn_cost cost;
    enum inn_status st;

    st = inn_network_sample(net, &s, 0, &rules, (int)cli->common->threads,
                            err);
    if (st == INN_OK)
        st = inn_network_cost(&cost, net, err);
    if (st != INN_OK)
        return st;
    if (width > 0)
        inn_json_number(json, item, "width", width);
    inn_json_int(json, item, "params", cost.params);
    inn_json_int(json, item, "macs", cost.macs);
    st = add_reference(json, item, cli, net, request->inputs, err);
    if (st == INN_OK && request->eval->data != NULL)
        st = add_accuracy(json, item, cli, net, request->eval, width, err);
    return st;
}

enum inn_status inn_expect_print(struct inn_cli *cli, struct inn_network *net,
                                 const struct inn_expect_request *request,
                                 struct inn_error *err)
{
    static const double full[] = {1}, onnx[] = {0};
    const struct inn_graph *graph = inn_network_graph(net);
    const struct inn_cli_numbers *asked = &request->eval->widths;
    const double *widths = net->model == NULL ? onnx
                           : asked->n > 0     ? asked->items : full;
    size_t n = net->model != NULL && asked->n > 0 ? asked->n : 1, i;
    struct inn_cli_list kinds;
    struct inn_json json;
    enum inn_status st;
    struct stat s;
    cJSON *list;

    inn_json_start(&json);
    st = inn_operator_kinds(&kinds, graph, &cli->arena, err);
    if (st != INN_OK)
        goto out;
    /* Another version of zstd packs a little less well. */
    if (stat(net->path, &s) == 0)
        inn_json_int(&json, inn_json_object(&json, json.root, "bytes"),
                     "max", (int64_t)s.st_size + (int64_t)s.st_size / 100);
    inn_json_int(&json, json.root, "opset", inn_graph_opset(graph));
    add_list(&json, json.root, "operators", &kinds);
    if (cli->common->shapes.n > 0)
        add_list(&json, json.root, "input_shape", &cli->common->shapes);
    list = inn_json_array(&json, json.root, "networks");
    for (i = 0; i < n && st == INN_OK; i++)
        st = add_network(&json, list, cli, net, request, widths[i], err);
    if (st == INN_OK)
        st = inn_json_print(&json, err);
out:
    inn_json_free(&json);
    return st;
}
