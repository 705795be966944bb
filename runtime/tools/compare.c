/*
 * inn compare: two networks, or one against stored outputs, on the same
 * inputs. A is the reference.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/cli/json.h"
#include "runtime/cli/table.h"
#include "runtime/tools/commands.h"
#include "runtime/tools/tensors.h"

struct values {
    struct inn_common common;
    struct inn_sampling sampling;
    struct inn_cli_list inputs, expected;
    double atol, rtol;
};

static const struct values defaults = {.atol = 1e-5, .rtol = 1e-5};

static const struct inn_option options[] = {
    {"input", 'i', INN_OPT_LIST, offsetof(struct values, inputs),
     "[NAME=]FILE", 0, 0, "an input: .npy, .pb, or - for .npy on stdin; "
     "repeatable (default: random, from --seed)"},
    {"expected", 0, INN_OPT_LIST, offsetof(struct values, expected),
     "[NAME=]FILE", 0, 0, "a stored output to compare A with; repeatable"},
    {"atol", 0, INN_OPT_NUMBER, offsetof(struct values, atol), "X", 0, 1e30,
     "absolute difference that passes (default 1e-5)"},
    {"rtol", 0, INN_OPT_NUMBER, offsetof(struct values, rtol), "X", 0, 1e30,
     "difference that passes, relative to the reference (default 1e-5)"},
    {NULL, 0, INN_OPT_FLAG, 0, NULL, 0, 0, NULL},
};

static const struct inn_option_set sets[] = {
    {"Options", options, 0},
    {"Sampling options (of every .inn)", inn_sampling_options,
     offsetof(struct values, sampling)},
    {"Common options", inn_common_options, offsetof(struct values, common)},
    {NULL, NULL, 0},
};

static const char *const examples[] = {
    "inn compare net.onnx net.inn --atol 0 --rtol 0    the same bits?",
    "inn compare net.onnx net.inn --width 0.8 --input x.npy",
    "inn compare net.onnx y.npy --input x.npy --rtol 1e-4",
    "inn compare net.onnx --input a=a.npy --input b=b.pb --expected y=y.npy",
    NULL,
};

/* One output of A beside what it is compared with. */
struct pair {
    const char *name;
    struct inn_tensor a, b; /* b.type INN_UNDEFINED: there is none */
    bool same_shape, passed;
    double max_abs, max_rel, mean_abs, cosine;
    double top1; /* percent of rows that agree; NaN where there are none */
};

static double element(const struct inn_tensor *t, size_t i)
{
    double v;

    inn_convert_elements(&v, INN_F64, (const char *)t->data +
                         i * inn_type_size(t->type), t->type, 1);
    return v;
}

/* Rows of class scores: n x c, further axes 1; 0 where it is none. */
static size_t score_rows(const struct inn_tensor *t, size_t *classes)
{
    int i;

    if (t->rank < 2 || t->dims[1] < 2 || !inn_type_is_float(t->type))
        return 0;
    for (i = 2; i < t->rank; i++) {
        if (t->dims[i] != 1)
            return 0;
    }
    *classes = (size_t)t->dims[1];
    return (size_t)t->dims[0];
}

static size_t best(const struct inn_tensor *t, size_t row, size_t classes)
{
    size_t at = 0, c;

    for (c = 1; c < classes; c++) {
        if (element(t, row * classes + c) > element(t, row * classes + at))
            at = c;
    }
    return at;
}

static double top1_agreement(const struct inn_tensor *a,
                             const struct inn_tensor *b)
{
    size_t classes = 0, rows = score_rows(a, &classes), agree = 0, r;

    if (rows == 0)
        return NAN;
    for (r = 0; r < rows; r++)
        agree += best(a, r, classes) == best(b, r, classes);
    return 100.0 * (double)agree / (double)rows;
}

/*
 * |a − b| <= atol + rtol |a| everywhere, and NaN only where both have it.
 * max_rel is the largest difference over the largest |a|.
 */
static void measure(struct pair *p, double atol, double rtol)
{
    size_t count = inn_tensor_count(&p->a), i;
    double ab = 0, aa = 0, bb = 0, sum = 0, most = 0, largest = 0;

    p->max_abs = p->max_rel = p->mean_abs = p->cosine = p->top1 = NAN;
    p->same_shape = p->b.type != INN_UNDEFINED &&
                    inn_tensor_same_shape(&p->a, &p->b);
    p->passed = p->same_shape;
    if (!p->same_shape)
        return;
    for (i = 0; i < count; i++) {
        double a = element(&p->a, i), b = element(&p->b, i), d = fabs(a - b);

        if (a == b || (isnan(a) && isnan(b)))
            d = 0;
        /* inf − 1 is inf, and inf <= rtol·inf would hold. */
        if (d != 0 && !(isfinite(d) && d <= atol + rtol * fabs(a)))
            p->passed = false;
        if (d > most || isnan(d))
            most = d;
        if (fabs(a) > largest)
            largest = fabs(a);
        sum += d;
        ab += a * b;
        aa += a * a;
        bb += b * b;
    }
    p->max_abs = most;
    p->max_rel = most == 0 ? 0 : most / largest;
    p->mean_abs = count > 0 ? sum / (double)count : 0;
    if (aa > 0 && bb > 0)
        p->cosine = ab / (sqrt(aa) * sqrt(bb));
    else if (!isnan(aa) && !isnan(bb))
        p->cosine = aa == bb ? 1 : 0;
    p->top1 = top1_agreement(&p->a, &p->b);
}

static enum inn_status print_json(const struct pair *pairs, int n, bool equal,
                                  struct inn_error *err)
{
    struct inn_json json;
    cJSON *list;
    int i;

    inn_json_start(&json);
    inn_json_bool(&json, json.root, "equal", equal);
    list = inn_json_array(&json, json.root, "outputs");
    for (i = 0; i < n; i++) {
        cJSON *item = inn_json_object(&json, list, NULL);

        inn_json_text(&json, item, "name", pairs[i].name);
        inn_json_number(&json, item, "max_abs", pairs[i].max_abs);
        inn_json_number(&json, item, "max_rel", pairs[i].max_rel);
        inn_json_number(&json, item, "mean_abs", pairs[i].mean_abs);
        inn_json_number(&json, item, "cosine", pairs[i].cosine);
        inn_json_number(&json, item, "top1_agree", pairs[i].top1);
        inn_json_bool(&json, item, "passed", pairs[i].passed);
    }
    return inn_json_print(&json, err);
}

static enum inn_status print_table(struct inn_cli *cli,
                                   const struct pair *pairs, int n,
                                   struct inn_error *err)
{
    char a[INN_SHAPE_TEXT], b[INN_SHAPE_TEXT];
    struct inn_table table;
    enum inn_status st;
    int i;

    inn_table_init(&table, &cli->arena, "output|largest>|relative>|mean>|"
                   "cosine>|top-1>|");
    for (i = 0; i < n; i++) {
        const struct pair *p = &pairs[i];

        inn_table_text(&table, p->name);
        inn_table_number(&table, p->max_abs, 4);
        inn_table_number(&table, p->max_rel, 4);
        inn_table_number(&table, p->mean_abs, 4);
        inn_table_number(&table, p->cosine, 7);
        if (isnan(p->top1))
            inn_table_text(&table, "");
        else
            inn_table_printf(&table, "%.2f %%", p->top1);
        inn_table_text(&table, p->passed ? "PASSED" : "FAILED");
    }
    st = inn_table_print(&table, stdout, 0, err);
    for (i = 0; i < n; i++) {
        const struct pair *p = &pairs[i];

        if (p->same_shape)
            continue;
        inn_print_clean(stdout, p->name);
        if (p->b.type == INN_UNDEFINED)
            printf(": the second has no such output\n");
        else
            printf(": shapes are %s and %s\n",
                   inn_shape_text(a, p->a.rank, p->a.dims),
                   inn_shape_text(b, p->b.rank, p->b.dims));
    }
    return st;
}

/* Opens, samples and folds; the message is about path. */
static enum inn_status open_side(struct inn_network *net,
                                 const struct inn_cli *cli,
                                 const struct values *v, const char *path,
                                 struct inn_error *err)
{
    static const struct inn_sampling none = {0};
    struct inn_rules rules[INN_MOST_RULES];
    enum inn_status st;
    size_t n;

    st = inn_sampling_rules(rules, &n, &v->sampling, false, err);
    if (st == INN_OK)
        st = inn_network_open(net, cli, path, err);
    /* An .onnx beside an .inn stays as it is: options are for the .inn. */
    if (st == INN_OK)
        st = inn_network_sample(net, net->model != NULL ? &v->sampling : &none,
                                0, rules, (int)v->common.threads, err);
    if (st == INN_OK)
        st = inn_network_prepare(net, err);
    return st;
}

/* Runs and keeps the outputs: out[n_outputs], copied into the arena. */
static enum inn_status run_side(struct inn_tensor *out,
                                const struct inn_network *net,
                                const struct inn_tensor *in, int threads,
                                struct inn_arena *arena,
                                struct inn_error *err)
{
    const struct inn_session_options how = {.threads = threads};
    const struct inn_tensor *got;
    struct inn_session *session = NULL;
    enum inn_status st;
    int i;

    st = inn_session_new(&session, net->graph, &how, err);
    if (st == INN_OK)
        st = inn_session_run(session, &got, in, net->graph->n_inputs, err);
    for (i = 0; i < net->graph->n_outputs && st == INN_OK; i++) {
        st = inn_tensor_new(&out[i], arena, got[i].type, got[i].rank,
                            got[i].dims, err);
        if (st == INN_OK && got[i].bytes > 0)
            memcpy(out[i].data, got[i].data, got[i].bytes);
    }
    inn_session_free(session);
    return st;
}

/* B's inputs are A's of the same name, else of the same place. */
static enum inn_status pair_inputs(struct inn_tensor *in_b,
                                   const struct inn_graph *b,
                                   const struct inn_tensor *in_a,
                                   const struct inn_graph *a,
                                   struct inn_error *err)
{
    int i, k;

    if (a->n_inputs != b->n_inputs)
        return inn_fail(err, INN_ERR_RANGE, "has %d inputs, the first %d",
                        b->n_inputs, a->n_inputs);
    for (i = 0; i < b->n_inputs; i++) {
        const char *name = b->values[b->inputs[i]].name;

        in_b[i] = in_a[i];
        for (k = 0; k < a->n_inputs; k++) {
            if (strcmp(a->values[a->inputs[k]].name, name) == 0)
                in_b[i] = in_a[k];
        }
    }
    return INN_OK;
}

/* B's outputs to A's: by name, else by place where the counts agree. */
static void pair_outputs(struct pair *pairs, const struct inn_graph *a,
                         const struct inn_tensor *out,
                         const struct inn_graph *b)
{
    int i, k;

    for (i = 0; i < a->n_outputs; i++) {
        for (k = 0; k < b->n_outputs; k++) {
            if (strcmp(b->values[b->outputs[k]].name, pairs[i].name) == 0)
                break;
        }
        if (k == b->n_outputs && a->n_outputs == b->n_outputs)
            k = i;
        if (k < b->n_outputs)
            pairs[i].b = out[k];
    }
}

static bool is_array(const char *path)
{
    size_t len = strlen(path);

    return (len > 4 && strcmp(path + len - 4, ".npy") == 0) ||
           (len > 3 && strcmp(path + len - 3, ".pb") == 0);
}

/* Stored outputs in b; pairs without one are dropped: *n is what is left. */
static enum inn_status load_expected(struct pair *pairs, int *n,
                                     const struct inn_graph *graph,
                                     const struct inn_cli_list *files,
                                     struct inn_arena *arena,
                                     struct inn_error *err)
{
    int next = 0, kept = 0, i;
    size_t k;

    for (k = 0; k < files->n; k++) {
        struct inn_named_path at;
        const char *inner;
        struct inn_tensor t;
        enum inn_status st = inn_split_named(&at, files->items[k], arena,
                                             err);

        if (st == INN_OK)
            st = inn_load_tensor(&t, &inner, at.path, arena, err);
        if (st != INN_OK)
            return st;
        i = at.name != NULL ? inn_find_output(graph, at.name, err) : next++;
        if (i < 0)
            return INN_ERR_RANGE;
        if (i >= graph->n_outputs)
            return inn_fail(err, INN_ERR_RANGE,
                            "more files than the network's %d outputs",
                            graph->n_outputs);
        pairs[i].b = t;
    }
    for (i = 0; i < *n; i++) {
        if (pairs[i].b.type != INN_UNDEFINED)
            pairs[kept++] = pairs[i];
    }
    *n = kept;
    return INN_OK;
}

/* A alone, on the given or random inputs, into pairs[n_outputs]. */
static enum inn_status run_a(struct pair **pairs, struct inn_tensor **in,
                             struct inn_cli *cli, const struct values *v,
                             struct inn_network *a, struct inn_error *err)
{
    struct inn_arena *arena = &cli->arena;
    const struct inn_graph *g = a->graph;
    struct inn_tensor *out;
    enum inn_status st;
    int i;

    *in = inn_arena_alloc(arena, (size_t)g->n_inputs, sizeof(**in), err);
    out = inn_arena_alloc(arena, (size_t)g->n_outputs, sizeof(*out), err);
    *pairs = inn_arena_alloc(arena, (size_t)g->n_outputs, sizeof(**pairs),
                             err);
    if (*in == NULL || out == NULL || *pairs == NULL)
        return inn_refused(err);
    st = v->inputs.n > 0
             ? inn_load_inputs(*in, g, &v->inputs, arena, err)
             : inn_random_inputs(*in, a, (uint64_t)v->common.seed, arena,
                                 err);
    if (st == INN_OK)
        st = run_side(out, a, *in, (int)v->common.threads, arena, err);
    for (i = 0; i < g->n_outputs && st == INN_OK; i++) {
        (*pairs)[i].name = g->values[g->outputs[i]].name;
        (*pairs)[i].a = out[i];
    }
    return st;
}

static enum inn_status run_b(struct pair *pairs, const struct inn_tensor *in,
                             struct inn_cli *cli, const struct values *v,
                             const struct inn_network *a,
                             const struct inn_network *b,
                             struct inn_error *err)
{
    const struct inn_graph *g = b->graph;
    struct inn_tensor *in_b, *out;
    enum inn_status st;

    in_b = inn_arena_alloc(&cli->arena, (size_t)g->n_inputs, sizeof(*in_b),
                           err);
    out = inn_arena_alloc(&cli->arena, (size_t)g->n_outputs, sizeof(*out),
                          err);
    if (in_b == NULL || out == NULL)
        return inn_refused(err);
    st = pair_inputs(in_b, g, in, a->graph, err);
    if (st == INN_OK)
        st = run_side(out, b, in_b, (int)v->common.threads, &cli->arena, err);
    if (st == INN_OK)
        pair_outputs(pairs, a->graph, out, g);
    return st;
}

/* Measures and prints; the exit code. */
static int conclude(struct inn_cli *cli, const struct values *v,
                    struct pair *pairs, int n)
{
    struct inn_error err = {INN_OK, ""};
    enum inn_status st = INN_OK;
    bool equal = n > 0;
    int i;

    for (i = 0; i < n; i++) {
        measure(&pairs[i], v->atol, v->rtol);
        equal = equal && pairs[i].passed;
    }
    inn_progress_clear(&cli->progress);
    if (v->common.json)
        st = print_json(pairs, n, equal, &err);
    else if (!v->common.quiet)
        st = print_table(cli, pairs, n, &err);
    if (st != INN_OK)
        return inn_cli_error(cli, NULL, &err);
    return equal ? INN_EXIT_OK : INN_EXIT_NO;
}

static int run(struct inn_cli *cli, const void *values)
{
    const struct values *v = values;
    const char *path_a = cli->operands[0], *at = path_a;
    const char *path_b = cli->n_operands > 1 ? cli->operands[1] : NULL;
    struct inn_cli_list expected = v->expected;
    struct inn_network a = {0}, b = {0};
    struct inn_error err = {INN_OK, ""};
    struct inn_tensor *in = NULL;
    struct pair *pairs = NULL;
    enum inn_status st;
    int code, n = 0;

    if (path_b != NULL && expected.n > 0)
        return inn_cli_usage(cli, "a second file and --expected exclude each "
                             "other");
    if (path_b == NULL && expected.n == 0)
        return inn_cli_usage(cli, "nothing to compare with: name a second "
                             "file, or --expected");
    if (path_b != NULL && is_array(path_b)) {
        expected.items = &cli->operands[1];
        expected.n = 1;
    }
    inn_progress_phase(&cli->progress, 1, 2, "running the first");
    st = open_side(&a, cli, v, path_a, &err);
    if (st == INN_OK && expected.n == 0) {
        at = path_b;
        st = open_side(&b, cli, v, path_b, &err);
    }
    if (st == INN_OK && a.model == NULL && b.model == NULL &&
        inn_sampling_given(&v->sampling))
        st = inn_fail(&err, INN_ERR_ARGUMENT, "an ONNX network has one width; "
                      "`inn convert` makes an .inn of it that can be "
                      "sampled");
    if (st == INN_OK) {
        at = path_a;
        st = run_a(&pairs, &in, cli, v, &a, &err);
        n = a.graph->n_outputs;
    }
    if (st == INN_OK && expected.n > 0) {
        st = load_expected(pairs, &n, a.graph, &expected, &cli->arena, &err);
    } else if (st == INN_OK) {
        at = path_b;
        inn_progress_phase(&cli->progress, 2, 2, "running the second");
        st = run_b(pairs, in, cli, v, &a, &b, &err);
    }
    code = st == INN_OK ? conclude(cli, v, pairs, n)
                        : inn_cli_error(cli, at, &err);
    inn_network_free(&a);
    inn_network_free(&b);
    return code;
}

const struct inn_command inn_command_compare = {
    .name = "compare",
    .summary = "compare the outputs of two networks",
    .usage = "A [B] [options]",
    .about = "Runs A and B (.onnx or .inn each) on the same inputs, or "
             "compares A with stored outputs (B a .npy or .pb, or "
             "--expected). An output passes where no element differs by more "
             "than atol + rtol times A's. Exit status 0: all passed, 1: not.",
    .min_operands = 1,
    .max_operands = 2,
    .sets = sets,
    .values_size = sizeof(struct values),
    .defaults = &defaults,
    .common_offset = offsetof(struct values, common),
    .examples = examples,
    .run = run,
};
