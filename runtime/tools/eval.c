/* inn eval: accuracy over labelled pictures, at one width or several. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/tools/commands.h"
#include "runtime/tools/json.h"
#include "runtime/tools/network.h"
#include "runtime/tools/pictures.h"
#include "runtime/tools/table.h"

#define DEFAULT_BATCH 50

enum layout { LAYOUT_FILE = 0, LAYOUT_NCHW = 1, LAYOUT_NHWC = 2 };
enum images { IMAGES_ALL = 0, IMAGES_EVEN = 1, IMAGES_ODD = 2 };

struct values {
    struct inn_common common;
    struct inn_sampling sampling;
    const char *data;
    struct inn_cli_numbers widths, mean, std;
    double scale; /* NaN: not given */
    int layout, images;
    int64_t batch;
};

static const struct values defaults = {.scale = NAN};

static const struct inn_option options[] = {
    {"data", 'd', INN_OPT_TEXT, offsetof(struct values, data), "FILE.npz", 0,
     0, "arrays x (u8 [n,h,w,c], or float [n,c,h,w]) and y (labels [n])"},
    {"widths", 0, INN_OPT_NUMBERS, offsetof(struct values, widths),
     "1,0.9,...", 1e-6, 4, "a row for each of these widths (.inn)"},
    {"scale", 0, INN_OPT_NUMBER, offsetof(struct values, scale), "X", -1e30,
     1e30, "a picture enters as (x*scale - mean)/std; default: as the .inn "
     "says, else 1/255 for u8 and 1 for floats"},
    {"mean", 0, INN_OPT_NUMBERS, offsetof(struct values, mean), "M[,M,M]",
     -1e30, 1e30, "one number, or one per channel (default 0)"},
    {"std", 0, INN_OPT_NUMBERS, offsetof(struct values, std), "S[,S,S]",
     -1e30, 1e30, "one number, or one per channel (default 1)"},
    {"layout", 0, INN_OPT_CHOICE, offsetof(struct values, layout),
     "file|nchw|nhwc", 0, 0, "of the network's input (default file: as the "
     ".inn says, else nchw)"},
    {"images", 0, INN_OPT_CHOICE, offsetof(struct values, images),
     "all|even|odd", 0, 0, "which of the pictures, by their number"},
    {"batch", 0, INN_OPT_INT, offsetof(struct values, batch), "N", 1, 4096,
     "pictures at a time (default 50, or what the network is fixed to)"},
    {NULL, 0, INN_OPT_FLAG, 0, NULL, 0, 0, NULL},
};

static const struct inn_option_set sets[] = {
    {"Options", options, 0},
    {"Sampling options (.inn); --partition and --quadrature take lists here",
     inn_sampling_options, offsetof(struct values, sampling)},
    {"Common options", inn_common_options, offsetof(struct values, common)},
    {NULL, NULL, 0},
};

static const char *const examples[] = {
    "inn eval net.inn --data test.npz --widths 1,0.9,0.8,0.7",
    "inn eval net.inn --data test.npz --width 0.8 --partition uniform,l1",
    "inn eval net.onnx --data test.npz --mean 0.485,0.456,0.406 \\\n"
    "      --std 0.229,0.224,0.225 --images even",
    NULL,
};

struct row {
    double width; /* NaN: not one number */
    bool ruled;   /* rules mean something: an .inn */
    struct inn_rules rules;
    struct inn_cost cost;
    int64_t images, top1, top5;
};

/* What stays the same over all rows. */
struct task {
    struct inn_cli *cli;
    const struct values *v;
    struct inn_network net;
    struct inn_pictures pictures;
    struct inn_input_prep prep;
    int64_t *chosen, n_chosen; /* numbers of the pictures that count */
};

static enum inn_status take_numbers(double out[4], int *n,
                                    const struct inn_cli_numbers *given,
                                    int64_t channels, const char *option,
                                    struct inn_error *err)
{
    size_t i;

    if (given->n == 0)
        return INN_OK;
    if (given->n != 1 && (int64_t)given->n != channels)
        return inn_fail(err, INN_ERR_ARGUMENT,
                        "--%s has %zu numbers; the pictures have %lld "
                        "channels", option, given->n, (long long)channels);
    for (i = 0; i < 4; i++)
        out[i] = given->items[given->n > 1 && i < given->n ? i : 0];
    if (given->n > 1)
        *n = (int)given->n;
    return INN_OK;
}

static void spread(double values[4], int n)
{
    int i;

    for (i = n; i < 4; i++)
        values[i] = values[0];
}

/* The user's preparation over the file's over the default. */
static enum inn_status choose_prep(struct task *t, struct inn_error *err)
{
    static const double one[4] = {1, 1, 1, 1};
    const struct values *v = t->v;
    const struct inn_model *model = t->net.model;
    struct inn_input_prep *prep = &t->prep;
    bool bytes = t->pictures.x.type == INN_U8;
    enum inn_status st;
    int i;

    memset(prep, 0, sizeof(*prep));
    if (t->pictures.channels < 1 || t->pictures.channels > 4)
        return inn_fail(err, INN_ERR_FORMAT,
                        "the pictures have %lld channels; 1 to 4 are "
                        "possible", (long long)t->pictures.channels);
    prep->n = 1;
    prep->scale = bytes ? 1.0 / 255 : 1;
    memcpy(prep->std, one, sizeof(one));
    if (model != NULL && model->prep.given) {
        bool nhwc = model->prep.nhwc;

        /* Floats are what the network takes already. */
        if (bytes)
            *prep = model->prep;
        prep->nhwc = nhwc;
    }
    if (prep->n != 1 && prep->n != t->pictures.channels)
        return inn_fail(err, INN_ERR_RANGE,
                        "was made for pictures of %d channels, these have "
                        "%lld", prep->n, (long long)t->pictures.channels);
    if (prep->n == 1) {
        spread(prep->mean, 1);
        spread(prep->std, 1);
    }
    if (!isnan(v->scale))
        prep->scale = v->scale;
    st = take_numbers(prep->mean, &prep->n, &v->mean, t->pictures.channels,
                      "mean", err);
    if (st == INN_OK)
        st = take_numbers(prep->std, &prep->n, &v->std, t->pictures.channels,
                          "std", err);
    if (v->layout != LAYOUT_FILE)
        prep->nhwc = v->layout == LAYOUT_NHWC;
    for (i = 0; i < 4 && st == INN_OK; i++) {
        if (i < prep->n && prep->std[i] == 0)
            st = inn_fail(err, INN_ERR_ARGUMENT, "--std has a 0");
    }
    return st;
}

static enum inn_status choose_pictures(struct task *t, struct inn_error *err)
{
    int64_t i;

    t->chosen = inn_arena_alloc(&t->cli->arena, (size_t)t->pictures.n,
                                sizeof(*t->chosen), err);
    if (t->chosen == NULL)
        return inn_refused(err);
    for (i = 0; i < t->pictures.n; i++) {
        if (t->v->images == IMAGES_ALL ||
            (i % 2 == 0) == (t->v->images == IMAGES_EVEN))
            t->chosen[t->n_chosen++] = i;
    }
    if (t->n_chosen == 0)
        return inn_fail(err, INN_ERR_RANGE, "there are no pictures");
    return INN_OK;
}

/* dims of the batch, checked against what the graph declares. */
static enum inn_status input_dims(int64_t dims[4], const struct task *t,
                                  struct inn_error *err)
{
    const struct inn_graph *g = inn_network_graph(&t->net);
    const struct inn_pictures *p = &t->pictures;
    const struct inn_value *v;
    char want[INN_SHAPE_TEXT], have[INN_SHAPE_TEXT];
    int64_t declared[4];
    bool fits;
    int d;

    if (g->n_inputs != 1)
        return inn_fail(err, INN_ERR_UNSUPPORTED,
                        "has %d inputs; eval knows networks of one",
                        g->n_inputs);
    v = &g->values[g->inputs[0]];
    dims[1] = t->prep.nhwc ? p->height : p->channels;
    dims[2] = t->prep.nhwc ? p->width : p->height;
    dims[3] = t->prep.nhwc ? p->channels : p->width;
    dims[0] = t->v->batch > 0 ? t->v->batch : DEFAULT_BATCH;
    if (t->v->batch == 0 && dims[0] > t->n_chosen)
        dims[0] = t->n_chosen;
    if (v->rank >= 0 && v->rank != 4)
        return inn_fail(err, INN_ERR_RANGE,
                        "input '%.100s' has %d dimensions; eval knows "
                        "pictures, 4", v->name, v->rank);
    if (v->rank == 4 && v->dims[0].size > 0) {
        if (t->v->batch > 0 && t->v->batch != v->dims[0].size)
            return inn_fail(err, INN_ERR_RANGE,
                            "is fixed to batches of %lld, --batch is %lld",
                            (long long)v->dims[0].size,
                            (long long)t->v->batch);
        dims[0] = v->dims[0].size;
    }
    fits = true;
    for (d = 1; d < 4 && v->rank == 4; d++) {
        fits = fits && (v->dims[d].size < 0 || v->dims[d].size == dims[d]);
        declared[d] = v->dims[d].size < 0 ? dims[d] : v->dims[d].size;
    }
    if (!fits)
        return inn_fail(err, INN_ERR_RANGE,
                        "wants pictures of %s, those given are %s (%s; "
                        "--layout says otherwise)",
                        inn_shape_text(want, 3, declared + 1),
                        inn_shape_text(have, 3, dims + 1),
                        t->prep.nhwc ? "NHWC" : "NCHW");
    return INN_OK;
}

/* How many classes come before the label's: 0 is right. NaN is never right. */
static int64_t rank_of(const float *scores, int64_t classes, int64_t label)
{
    int64_t before = 0, c;

    for (c = 0; c < classes; c++) {
        if (c != label && (!(scores[c] <= scores[label]) ||
                           (scores[c] == scores[label] && c < label)))
            before++;
    }
    return before;
}

/* Scores of one batch against the labels. */
static enum inn_status count_hits(struct row *row, const struct task *t,
                                  const struct inn_tensor *out,
                                  int64_t first, int64_t count,
                                  float *scores, int64_t classes,
                                  struct inn_error *err)
{
    size_t size = inn_type_size(out->type);
    int64_t i;

    for (i = 0; i < count; i++) {
        int64_t number = t->chosen[first + i];
        int64_t label = inn_tensor_int(&t->pictures.y, (size_t)number), rank;

        if (label < 0 || label >= classes)
            return inn_fail(err, INN_ERR_FORMAT,
                            "label %lld of picture %lld is no class of the "
                            "network's %lld", (long long)label,
                            (long long)number, (long long)classes);
        inn_convert_elements(scores, INN_F32, (const char *)out->data +
                             (size_t)(i * classes) * size, out->type,
                             (size_t)classes);
        rank = rank_of(scores, classes, label);
        row->top1 += rank < 1;
        row->top5 += rank < 5;
    }
    return INN_OK;
}

/* Fills the batch; places past the last picture repeat it. */
static void fill(struct inn_tensor *in, float *picture, const struct task *t,
                 int64_t first, int64_t count, int64_t batch)
{
    size_t len = inn_tensor_count(in) / (size_t)batch;
    size_t size = inn_type_size(in->type);
    int64_t i;

    for (i = 0; i < batch; i++) {
        int64_t k = i < count ? i : count - 1;

        if (i < count)
            inn_picture_get(picture, &t->pictures, t->chosen[first + k],
                            &t->prep);
        inn_convert_elements((char *)in->data + (size_t)i * len * size,
                             in->type, picture, INN_F32, len);
    }
}

static enum inn_status run_batches(struct row *row, struct task *t,
                                   struct inn_session *session,
                                   const int64_t dims[4],
                                   struct inn_arena *arena,
                                   struct inn_error *err)
{
    const struct inn_graph *g = t->net.graph;
    const struct inn_value *v = &g->values[g->inputs[0]];
    const struct inn_tensor *out;
    struct inn_tensor in;
    int64_t first, batch = dims[0], classes = 0;
    float *picture, *scores = NULL;
    enum inn_status st;

    st = inn_tensor_new(&in, arena, v->type != INN_UNDEFINED ? v->type
                                                             : INN_F32,
                        4, dims, err);
    if (st != INN_OK)
        return st;
    if (!inn_type_is_float(in.type))
        return inn_fail(err, INN_ERR_UNSUPPORTED,
                        "input '%.100s' is %s; eval knows floats", v->name,
                        inn_type_name(in.type));
    picture = inn_arena_alloc(arena, inn_tensor_count(&in) / (size_t)batch,
                              sizeof(*picture), err);
    if (picture == NULL)
        return inn_refused(err);
    for (first = 0; first < t->n_chosen; first += batch) {
        int64_t left = t->n_chosen - first;
        int64_t count = left < batch ? left : batch;

        fill(&in, picture, t, first, count, batch);
        st = inn_session_run(session, &out, &in, 1, err);
        if (st != INN_OK)
            return st;
        if (scores == NULL) {
            classes = (int64_t)inn_tensor_count(&out[0]) / batch;
            if (out[0].rank < 1 || out[0].dims[0] != batch || classes < 1)
                return inn_fail(err, INN_ERR_UNSUPPORTED,
                                "its first output is no table of scores");
            scores = inn_arena_alloc(arena, (size_t)classes,
                                     sizeof(*scores), err);
            if (scores == NULL)
                return inn_refused(err);
        }
        st = count_hits(row, t, &out[0], first, count, scores, classes, err);
        if (st != INN_OK)
            return st;
        inn_progress_step(&t->cli->progress, first + count, t->n_chosen);
    }
    row->images = t->n_chosen;
    return INN_OK;
}

static enum inn_status row_cost(struct row *row, struct task *t,
                                const int64_t dims[4], struct inn_error *err)
{
    const struct inn_graph *g = inn_network_graph(&t->net);
    struct inn_binding b = {.name = g->values[g->inputs[0]].name, .rank = 4};

    if (t->net.model != NULL)
        return inn_network_cost(&row->cost, &t->net, err);
    /* MACs of one picture of this size. */
    memcpy(b.dims, dims, 4 * sizeof(*dims));
    if (g->values[g->inputs[0]].dims[0].size < 0)
        b.dims[0] = 1;
    return inn_graph_cost(&row->cost, g, &b, 1, err);
}

static enum inn_status run_row(struct row *row, struct task *t,
                               const int64_t dims[4], bool named_width,
                               struct inn_error *err)
{
    const struct inn_session_options how = {
        .threads = (int)t->v->common.threads};
    struct inn_session *session = NULL;
    struct inn_arena arena;
    enum inn_status st;

    inn_arena_init(&arena, t->cli->heap);
    st = inn_network_sample(&t->net, &t->v->sampling,
                            named_width ? row->width : 0, &row->rules,
                            (int)t->v->common.threads, err);
    if (st == INN_OK)
        st = row_cost(row, t, dims, err);
    if (st == INN_OK)
        st = inn_network_prepare(&t->net, err);
    if (st == INN_OK)
        st = inn_session_new(&session, t->net.graph, &how, err);
    if (st == INN_OK)
        st = run_batches(row, t, session, dims, &arena, err);
    inn_session_free(session);
    inn_arena_free(&arena);
    return st;
}

static double percent(int64_t part, int64_t whole)
{
    return whole > 0 ? 100.0 * (double)part / (double)whole : NAN;
}

static enum inn_status print_json(const struct task *t,
                                  const struct row *rows, size_t n,
                                  struct inn_error *err)
{
    struct inn_json json;
    cJSON *list;
    size_t i;

    inn_json_start(&json);
    inn_json_int(&json, json.root, "images", t->n_chosen);
    list = inn_json_array(&json, json.root, "rows");
    for (i = 0; i < n; i++) {
        const struct row *r = &rows[i];
        cJSON *item = inn_json_object(&json, list, NULL);
        bool uniform = r->ruled && r->rules.partition != INN_PARTITION_L1;

        inn_json_number(&json, item, "width", r->width);
        inn_json_text(&json, item, "partition", r->ruled
                      ? inn_partition_name(r->rules.partition) : NULL);
        inn_json_text(&json, item, "quadrature", uniform
                      ? inn_quadrature_name(r->rules.quadrature) : NULL);
        inn_json_int(&json, item, "params", r->cost.params);
        inn_json_int(&json, item, "macs", r->cost.macs);
        inn_json_number(&json, item, "top1", percent(r->top1, r->images));
        inn_json_number(&json, item, "top5", percent(r->top5, r->images));
        inn_json_number(&json, item, "psnr", NAN);
    }
    return inn_json_print(&json, err);
}

static enum inn_status print_table(struct task *t, const struct row *rows,
                                   size_t n, struct inn_error *err)
{
    struct inn_table table;
    char number[INN_INT_TEXT];
    size_t i;

    printf("%s pictures\n", inn_int_text(number, t->n_chosen));
    inn_table_init(&table, &t->cli->arena,
                   t->net.model != NULL
                       ? "width>|partition|quadrature|parameters>|MACs>|"
                         "top-1>|top-5>"
                       : "parameters>|MACs>|top-1>|top-5>");
    for (i = 0; i < n; i++) {
        const struct row *r = &rows[i];

        if (r->ruled) {
            inn_table_number(&table, r->width, 6);
            inn_table_text(&table, inn_partition_name(r->rules.partition));
            inn_table_text(&table, r->rules.partition == INN_PARTITION_L1
                           ? "" : inn_quadrature_name(r->rules.quadrature));
        }
        inn_table_int(&table, r->cost.params);
        inn_table_int(&table, r->cost.macs);
        inn_table_printf(&table, "%.2f %%", percent(r->top1, r->images));
        inn_table_printf(&table, "%.2f %%", percent(r->top5, r->images));
    }
    return inn_table_print(&table, stdout, 0, err);
}

/* The width a row is called by, where no --widths names it. */
static double one_width(const struct inn_sampling *s)
{
    if (s->plan != NULL || s->set.n > 0 || s->params > 0 || s->macs > 0 ||
        s->bytes > 0)
        return NAN;
    return s->width > 0 ? s->width : 1;
}

static enum inn_status run_rows(struct task *t, struct row **rows, size_t *n,
                                const struct inn_rules *rules, size_t n_rules,
                                struct inn_error *err)
{
    size_t n_widths = t->v->widths.n > 0 ? t->v->widths.n : 1, i;
    int64_t dims[4];
    enum inn_status st = input_dims(dims, t, err);

    if (st != INN_OK)
        return st;
    if (t->net.model == NULL)
        n_rules = 1;
    *n = n_widths * n_rules;
    *rows = inn_arena_alloc(&t->cli->arena, *n, sizeof(**rows), err);
    if (*rows == NULL)
        return inn_refused(err);
    for (i = 0; i < *n && st == INN_OK; i++) {
        struct row *row = &(*rows)[i];
        bool named = t->v->widths.n > 0;

        row->width = named ? t->v->widths.items[i / n_rules]
                           : one_width(&t->v->sampling);
        row->ruled = t->net.model != NULL;
        row->rules = rules[i % n_rules];
        inn_progress_phase(&t->cli->progress, (int)i + 1, (int)*n,
                           "pictures");
        st = run_row(row, t, dims, named, err);
    }
    return st;
}

static int run(struct inn_cli *cli, const void *values)
{
    const struct values *v = values;
    const char *path = cli->operands[0], *at = path;
    struct inn_rules rules[INN_MOST_RULES];
    struct task t = {.cli = cli, .v = v};
    struct inn_error err = {INN_OK, ""};
    struct row *rows = NULL;
    enum inn_status st;
    size_t n_rules, n = 0;

    if (v->data == NULL)
        return inn_cli_usage(cli, "the pictures are missing: --data "
                             "FILE.npz");
    if (v->widths.n > 0 && v->sampling.width > 0)
        return inn_cli_usage(cli, "--width and --widths exclude each other");
    st = inn_sampling_rules(rules, &n_rules, &v->sampling, true, &err);
    if (st != INN_OK)
        return inn_cli_usage(cli, "%s", err.message);
    st = inn_network_open(&t.net, cli, path, &err);
    if (st == INN_OK) {
        at = v->data;
        st = inn_pictures_load(&t.pictures, v->data, &cli->arena, &err);
    }
    if (st == INN_OK)
        st = choose_pictures(&t, &err);
    if (st == INN_OK) {
        at = path;
        st = choose_prep(&t, &err);
    }
    if (st == INN_OK)
        st = run_rows(&t, &rows, &n, rules, n_rules, &err);
    inn_progress_clear(&cli->progress);
    if (st == INN_OK && v->common.json)
        st = print_json(&t, rows, n, &err);
    else if (st == INN_OK && !v->common.quiet)
        st = print_table(&t, rows, n, &err);
    inn_network_free(&t.net);
    return st == INN_OK ? INN_EXIT_OK : inn_cli_error(cli, at, &err);
}

const struct inn_command inn_command_eval = {
    .name = "eval",
    .summary = "measure accuracy on labelled pictures",
    .usage = "FILE --data PICTURES.npz [options]",
    .about = "Runs the network over all pictures and prints top-1 and top-5 "
             "accuracy, parameters and MACs, for each width and rule that is "
             "asked for. Float pictures are taken as they are unless --scale, "
             "--mean or --std is given.",
    .min_operands = 1,
    .max_operands = 1,
    .sets = sets,
    .values_size = sizeof(struct values),
    .defaults = &defaults,
    .common_offset = offsetof(struct values, common),
    .examples = examples,
    .run = run,
};
