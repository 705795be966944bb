/*
 * inn compare: two networks, or one against stored outputs, on the same
 * inputs. A is the reference. With --per-layer also the values inside.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/cli/json.h"
#include "runtime/cli/table.h"
#include "runtime/tools/commands.h"
#include "runtime/tools/compare_layers.h"
#include "runtime/tools/refitting.h"
#include "runtime/tools/tensors.h"

struct values {
    struct inn_common common;
    struct inn_sampling sampling;
    struct inn_refitting refit;
    struct inn_cli_list inputs, expected;
    double atol, rtol;
    bool per_layer;
};

/* What was exported is compared with what export makes: refitted, too. */
static const struct values defaults = {.atol = 1e-5, .rtol = 1e-5,
                                       .refit = {.by_default = true}};

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
    {"per-layer", 0, INN_OPT_FLAG, offsetof(struct values, per_layer), NULL,
     0, 0, "compare the values inside too, by name, and say which is the "
     "first that differs, and where"},
    {NULL, 0, INN_OPT_FLAG, 0, NULL, 0, 0, NULL},
};

static const struct inn_option_set sets[] = {
    {"Options", options, 0},
    {"Refitting (.inn)", inn_refitting_options,
     offsetof(struct values, refit)},
    {"Sampling options (of every .inn)", inn_sampling_options,
     offsetof(struct values, sampling)},
    {"Common options", inn_common_options, offsetof(struct values, common)},
    {NULL, NULL, 0},
};

static const char *const examples[] = {
    "inn compare net.onnx net.inn --atol 0 --rtol 0    the same bits?",
    "inn compare net.onnx net.inn --width 0.8 --input x.npy",
    "inn compare net.onnx y.npy --input x.npy --rtol 1e-4",
    "inn compare net.onnx net.inn --per-layer          where does it begin?",
    "inn compare net.onnx --input a=a.npy --input b=b.pb --expected y=y.npy",
    NULL,
};

/* One output of A beside what it is compared with. */
struct pair {
    const char *name;
    struct inn_tensor a, b; /* b.type INN_UNDEFINED: there is none */
    struct inn_difference diff;
};

/* All that is compared. */
struct job {
    struct inn_cli *cli;
    const struct values *v;
    struct inn_network a, b;
    struct inn_session *run_a, *run_b; /* with --per-layer, else NULL */
    struct inn_tensor *in;             /* A's inputs */
    struct pair *pairs;                /* A's outputs */
    int n;
    /* Stored tensors and their names, with --per-layer. */
    const char **names;
    struct inn_tensor *stored;
    size_t n_stored;
    struct inn_layers layers;
};

static enum inn_status print_json(const struct job *job, bool equal,
                                  struct inn_error *err)
{
    struct inn_json json;
    cJSON *list;
    int i;

    inn_json_start(&json);
    inn_json_bool(&json, json.root, "equal", equal);
    list = inn_json_array(&json, json.root, "outputs");
    for (i = 0; i < job->n; i++) {
        const struct inn_difference *d = &job->pairs[i].diff;
        cJSON *item = inn_json_object(&json, list, NULL);

        inn_json_text(&json, item, "name", job->pairs[i].name);
        inn_json_number(&json, item, "max_abs", d->max_abs);
        inn_json_number(&json, item, "max_rel", d->max_rel);
        inn_json_number(&json, item, "mean_abs", d->mean_abs);
        inn_json_number(&json, item, "cosine", d->cosine);
        inn_json_number(&json, item, "top1_agree", d->top1);
        inn_json_number(&json, item, "nan_first", (double)d->nan_a);
        inn_json_number(&json, item, "nan_second", (double)d->nan_b);
        inn_json_bool(&json, item, "passed", d->passed);
    }
    if (job->v->per_layer)
        inn_layers_json(&json, json.root, &job->layers);
    return inn_json_print(&json, err);
}

static enum inn_status print_table(const struct job *job,
                                   struct inn_error *err)
{
    char a[INN_SHAPE_TEXT], b[INN_SHAPE_TEXT];
    struct inn_table table;
    enum inn_status st;
    int i;

    inn_table_init(&table, &job->cli->arena, "output|largest>|relative>|"
                   "mean>|cosine>|top-1>|");
    for (i = 0; i < job->n; i++) {
        const struct inn_difference *d = &job->pairs[i].diff;

        inn_table_text(&table, job->pairs[i].name);
        inn_table_number(&table, d->max_abs, 4);
        inn_table_number(&table, d->max_rel, 4);
        inn_table_number(&table, d->mean_abs, 4);
        inn_table_number(&table, d->cosine, 7);
        if (isnan(d->top1))
            inn_table_text(&table, "");
        else
            inn_table_printf(&table, "%.2f %%", d->top1);
        inn_table_text(&table, d->passed ? "PASSED" : "FAILED");
    }
    st = inn_table_print(&table, stdout, 0, err);
    for (i = 0; i < job->n; i++) {
        const struct pair *p = &job->pairs[i];

        if (p->diff.same_shape && p->diff.nan_a + p->diff.nan_b == 0)
            continue;
        inn_print_clean(stdout, p->name);
        if (p->diff.same_shape) {
            printf(": of %zu elements %zu are NaN in the first, %zu in the "
                   "second\n",
                   inn_tensor_count(&p->a), p->diff.nan_a, p->diff.nan_b);
            continue;
        }
        if (p->b.type == INN_UNDEFINED)
            printf(": the second has no such output\n");
        else
            printf(": shapes are %s and %s\n",
                   inn_shape_text(a, p->a.rank, p->a.dims),
                   inn_shape_text(b, p->b.rank, p->b.dims));
    }
    return st;
}

/* Opens, samples and folds; the message is about *at. */
static enum inn_status open_side(struct inn_network *net,
                                 struct inn_cli *cli,
                                 const struct values *v, const char *path,
                                 const char **at, struct inn_error *err)
{
    static const struct inn_refitting off = {.data = "off"};
    static const struct inn_sampling none = {0};
    struct inn_refitter refitter = {.full = NULL};
    struct inn_rules rules[INN_MOST_RULES];
    enum inn_status st;
    size_t n;

    st = inn_sampling_rules(rules, &n, &v->sampling, false, err);
    if (st == INN_OK)
        st = inn_network_open(net, cli, path, err);
    /* An .onnx beside an .inn stays as it is: options are for the .inn. */
    if (st == INN_OK)
        st = inn_refit_sample(&refitter, net,
                              net->model != NULL ? &v->sampling : &none, 0,
                              rules, net->model != NULL ? &v->refit : &off,
                              cli, (int)v->common.threads, at, err);
    inn_refitter_free(&refitter);
    if (st == INN_OK)
        st = inn_network_prepare(net, err);
    return st;
}

/*
 * Runs and keeps the outputs: out[n_outputs], copied into the arena. With
 * --per-layer the session is kept too.
 */
static enum inn_status run_side(struct inn_tensor *out,
                                struct inn_session **kept,
                                const struct inn_network *net,
                                const struct inn_tensor *in,
                                const struct values *v,
                                struct inn_arena *arena,
                                struct inn_error *err)
{
    const struct inn_session_options how = {
        .threads = (int)v->common.threads, .keep_all = v->per_layer};
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
    if (st == INN_OK && v->per_layer) {
        *kept = session;
        session = NULL;
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

/* The number of the output a stored tensor is for, or -1. */
static int output_of(const struct inn_graph *graph, const char *name,
                     int *next, struct inn_error *err)
{
    int i;

    if (name != NULL)
        return inn_find_output(graph, name, err);
    i = (*next)++;
    if (i < graph->n_outputs)
        return i;
    inn_fail(err, INN_ERR_RANGE, "more files than the network's %d outputs",
             graph->n_outputs);
    return -1;
}

/*
 * Stored outputs in b of the pairs; pairs without one are dropped. With
 * --per-layer a name may be that of any value.
 */
static enum inn_status load_expected(struct job *job,
                                     const struct inn_cli_list *files,
                                     struct inn_error *err)
{
    struct inn_arena *arena = &job->cli->arena;
    const struct inn_graph *graph = job->a.graph;
    int next = 0, kept = 0, i;
    size_t k;

    job->stored = inn_arena_alloc(arena, files->n, sizeof(*job->stored), err);
    job->names = inn_arena_alloc(arena, files->n, sizeof(*job->names), err);
    if (job->stored == NULL || job->names == NULL)
        return inn_refused(err);
    for (k = 0; k < files->n; k++) {
        struct inn_named_path at;
        const char *inner;
        struct inn_tensor *t = &job->stored[job->n_stored];
        enum inn_status st = inn_split_named(&at, files->items[k], arena,
                                             err);

        if (st == INN_OK)
            st = inn_load_tensor(t, &inner, at.path, arena, err);
        if (st != INN_OK)
            return st;
        job->names[job->n_stored] = at.name;
        if (job->run_a != NULL && at.name != NULL &&
            inn_session_value(job->run_a, at.name) != NULL) {
            i = inn_find_output(graph, at.name, NULL);
        } else {
            i = output_of(graph, at.name, &next, err);
            if (i < 0)
                return INN_ERR_RANGE;
            job->names[job->n_stored] = job->pairs[i].name;
        }
        job->n_stored++;
        if (i >= 0)
            job->pairs[i].b = *t;
    }
    for (i = 0; i < job->n; i++) {
        if (job->pairs[i].b.type != INN_UNDEFINED)
            job->pairs[kept++] = job->pairs[i];
    }
    job->n = kept;
    return INN_OK;
}

/* A alone, on the given or random inputs. */
static enum inn_status run_a(struct job *job, struct inn_error *err)
{
    struct inn_arena *arena = &job->cli->arena;
    const struct inn_graph *g = job->a.graph;
    const struct values *v = job->v;
    struct inn_tensor *out;
    enum inn_status st;
    int i;

    job->in = inn_arena_alloc(arena, (size_t)g->n_inputs, sizeof(*job->in),
                              err);
    out = inn_arena_alloc(arena, (size_t)g->n_outputs, sizeof(*out), err);
    job->pairs = inn_arena_alloc(arena, (size_t)g->n_outputs,
                                 sizeof(*job->pairs), err);
    if (job->in == NULL || out == NULL || job->pairs == NULL)
        return inn_refused(err);
    if (v->inputs.n == 0)
        inn_network_note_sizes(job->cli, &job->a);
    st = v->inputs.n > 0
             ? inn_load_inputs(job->in, g, &v->inputs, arena, err)
             : inn_random_inputs(job->in, &job->a, (uint64_t)v->common.seed,
                                 arena, err);
    if (st == INN_OK)
        st = run_side(out, &job->run_a, &job->a, job->in, v, arena, err);
    for (i = 0; i < g->n_outputs && st == INN_OK; i++) {
        job->pairs[i].name = g->values[g->outputs[i]].name;
        job->pairs[i].a = out[i];
    }
    job->n = g->n_outputs;
    return st;
}

static enum inn_status run_b(struct job *job, struct inn_error *err)
{
    struct inn_arena *arena = &job->cli->arena;
    const struct inn_graph *g = job->b.graph;
    struct inn_tensor *in_b, *out;
    enum inn_status st;

    in_b = inn_arena_alloc(arena, (size_t)g->n_inputs, sizeof(*in_b), err);
    out = inn_arena_alloc(arena, (size_t)g->n_outputs, sizeof(*out), err);
    if (in_b == NULL || out == NULL)
        return inn_refused(err);
    st = pair_inputs(in_b, g, job->in, job->a.graph, err);
    if (st == INN_OK)
        st = run_side(out, &job->run_b, &job->b, in_b, job->v, arena, err);
    if (st == INN_OK)
        pair_outputs(job->pairs, job->a.graph, out, g);
    return st;
}

/* Measures and prints; the exit code. */
static int conclude(struct job *job)
{
    const struct values *v = job->v;
    struct inn_error err = {INN_OK, ""};
    enum inn_status st = INN_OK;
    bool equal = job->n > 0 || job->n_stored > 0;
    int i;

    if (v->per_layer)
        st = inn_layers_compare(&job->layers, job->a.graph, job->run_a,
                                job->run_b, job->names, job->stored,
                                job->n_stored, v->atol, v->rtol,
                                &job->cli->arena, &err);
    for (i = 0; i < job->n && st == INN_OK; i++) {
        struct pair *p = &job->pairs[i];

        inn_difference_measure(&p->diff, &p->a, &p->b, v->atol, v->rtol);
        equal = equal && p->diff.passed;
    }
    equal = equal && (!v->per_layer || job->layers.first < 0);
    inn_progress_clear(&job->cli->progress);
    if (st == INN_OK && v->common.json) {
        st = print_json(job, equal, &err);
    } else if (st == INN_OK && !v->common.quiet) {
        if (v->per_layer) {
            st = inn_layers_print(&job->layers, &job->cli->arena, &err);
            if (job->n > 0)
                printf("\n");
        }
        if (st == INN_OK && job->n > 0)
            st = print_table(job, &err);
    }
    if (st != INN_OK)
        return inn_cli_error(job->cli, NULL, &err);
    return equal ? INN_EXIT_OK : INN_EXIT_NO;
}

static const char *wrong(const struct inn_cli *cli, const struct values *v,
                         const struct inn_cli_list *expected)
{
    if (cli->n_operands > 1 && expected->n > 0)
        return "a second file and --expected exclude each other";
    if (cli->n_operands < 2 && expected->n == 0)
        return "nothing to compare with: name a second file, or --expected";
    return inn_refitting_wrong(&v->refit);
}

static int run(struct inn_cli *cli, const void *values)
{
    const struct values *v = values;
    const char *path_a = cli->operands[0], *at = path_a;
    const char *path_b = cli->n_operands > 1 ? cli->operands[1] : NULL;
    struct inn_cli_list expected = v->expected;
    struct job job = {.cli = cli, .v = v};
    struct inn_error err = {INN_OK, ""};
    enum inn_status st;
    int code;

    if (wrong(cli, v, &expected) != NULL)
        return inn_cli_usage(cli, "%s", wrong(cli, v, &expected));
    if (path_b != NULL && is_array(path_b)) {
        expected.items = &cli->operands[1];
        expected.n = 1;
    }
    inn_progress_phase(&cli->progress, 1, 2, "running the first");
    st = open_side(&job.a, cli, v, path_a, &at, &err);
    if (st == INN_OK && expected.n == 0) {
        at = path_b;
        st = open_side(&job.b, cli, v, path_b, &at, &err);
    }
    if (st == INN_OK && job.a.model == NULL && job.b.model == NULL &&
        (inn_sampling_given(&v->sampling) ||
         inn_refitting_path(&v->refit) != NULL))
        st = inn_fail(&err, INN_ERR_ARGUMENT, "an ONNX network has one width; "
                      "`inn convert` makes an .inn of it that can be "
                      "sampled");
    if (st == INN_OK) {
        at = path_a;
        st = run_a(&job, &err);
    }
    if (st == INN_OK && expected.n > 0) {
        st = load_expected(&job, &expected, &err);
    } else if (st == INN_OK) {
        at = path_b;
        inn_progress_phase(&cli->progress, 2, 2, "running the second");
        st = run_b(&job, &err);
    }
    code = st == INN_OK ? conclude(&job) : inn_cli_error(cli, at, &err);
    inn_session_free(job.run_a);
    inn_session_free(job.run_b);
    inn_network_free(&job.a);
    inn_network_free(&job.b);
    return code;
}

const struct inn_command inn_command_compare = {
    .name = "compare",
    .summary = "compare the outputs of two networks",
    .usage = "A [B] [options]",
    .about = "Runs A and B (.onnx or .inn each) on the same inputs, or "
             "compares A with stored outputs (B a .npy or .pb, or "
             "--expected). An output passes where no element differs by more "
             "than atol + rtol times A's. --per-layer runs both without "
             "fusing operators and compares every value that both have by "
             "the same name. Exit status 0: all passed, 1: not.",
    .min_operands = 1,
    .max_operands = 2,
    .sets = sets,
    .values_size = sizeof(struct values),
    .defaults = &defaults,
    .common_offset = offsetof(struct values, common),
    .examples = examples,
    .run = run,
};
