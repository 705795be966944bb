/* Samples read once, and every width fitted to them. */
#include "runtime/tools/refitting.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/drawn/samples.h"
#include "runtime/grid/sample.h"

const struct inn_option inn_refitting_options[] = {
    {"refit", 0, INN_OPT_TEXT, offsetof(struct inn_refitting, data),
     "auto|off|DATA", 0, 0, "after sampling, fit every layer to what the full "
     "network gives on these inputs, which need no labels: a folder of "
     "pictures, .npz or .npy; auto: those that the file keeps, or drawn ones "
     "where they help (./auto is a folder of that name)"},
    {"samples", 0, INN_OPT_INT, offsetof(struct inn_refitting, samples), "N",
     1, 1 << 20, "how many of them are used at most, evenly spread (default "
     "64 of DATA, all that the file keeps, 64 to 256 drawn)"},
    {NULL, 0, INN_OPT_FLAG, 0, NULL, 0, 0, NULL},
};

static bool is_word(const struct inn_refitting *v, const char *word)
{
    return v->data != NULL && strcmp(v->data, word) == 0;
}

const char *inn_refitting_wrong(const struct inn_refitting *v)
{
    bool refits = v->data != NULL ? !is_word(v, "off") : v->by_default;

    return !refits && v->samples > 0 ? "--samples goes with --refit" : NULL;
}

const char *inn_refitting_path(const struct inn_refitting *v)
{
    return is_word(v, "auto") || is_word(v, "off") ? NULL : v->data;
}

/* The samples, and the network they are to be like. */
static enum inn_status load(struct inn_refitter *r,
                            const struct inn_network *net,
                            const struct inn_refitting *v, int threads,
                            const char **at, struct inn_error *err)
{
    struct inn_plan plan;
    enum inn_status st;

    inn_arena_init(&r->arena, net->heap);
    st = inn_plan_full(&plan, net->model, err);
    if (st == INN_OK)
        st = inn_model_sample(&r->full, net->model, &plan, threads, err);
    inn_plan_free(&plan);
    if (st != INN_OK)
        return st;
    if (net->refit == INN_REFIT_GIVEN)
        *at = v->data;
    st = inn_refit_samples(&r->feed, net->refit, v->data, v->samples, threads,
                           net->model, r->full, &r->arena, err);
    if (st == INN_OK)
        *at = net->path;
    return st;
}

static void step(void *state, int64_t i, int64_t n)
{
    struct inn_refitter *r = state;

    inn_progress_step(&r->cli->progress, i, n);
}

static void begin(void *state, double seconds)
{
    struct inn_refitter *r = state;
    struct inn_progress *p = &r->cli->progress;

    snprintf(r->phase, sizeof(r->phase), "refitting, about %.2g s", seconds);
    inn_progress_phase(p, p->phase, p->phases, r->phase);
}

static enum inn_status refit(struct inn_refitter *r, struct inn_network *net,
                             const struct inn_refitting *v, int threads,
                             const char **at, struct inn_error *err)
{
    struct inn_refit_options options = {
        .feed = &r->feed, .threads = threads, .begin = begin,
        .standardise = net->refit == INN_REFIT_DRAWN, .progress = step,
        .state = r};
    enum inn_status st = INN_OK;

    if (r->full == NULL)
        st = load(r, net, v, threads, at, err);
    return st == INN_OK ? inn_refit(net->graph, r->full, net->model,
                                    &net->plan, &options, &r->report, err)
                        : st;
}

/* As it was sampled, and why. */
static enum inn_status leave(struct inn_network *net, struct inn_cli *cli,
                             int threads, const char *why,
                             struct inn_error *err)
{
    inn_cli_note(cli, "%s: not refitted: %s", net->path, why);
    inn_graph_free(net->graph);
    net->graph = NULL;
    return inn_model_sample(&net->graph, net->model, &net->plan, threads,
                            err);
}

/* Whether every channel stays, so that there is nothing to refit. */
static bool is_full(const struct inn_sampling *s, double width)
{
    return (width > 0 && s->set.n == 0 ? width : inn_sampling_width(s)) >= 1;
}

enum inn_status inn_refitting_choose(struct inn_network *net,
                                     const struct inn_sampling *s,
                                     double width,
                                     const struct inn_rules *rules,
                                     const struct inn_refitting *v,
                                     int threads, struct inn_error *err)
{
    bool automatic = v->data == NULL || is_word(v, "auto");

    net->refit = INN_REFIT_NONE;
    if (automatic && is_full(s, width))
        return INN_OK;
    return inn_refit_choose(&net->refit, net->model, v->data,
                            v->by_default && rules->open, threads, err);
}

enum inn_status inn_refit_sample(struct inn_refitter *r,
                                 struct inn_network *net,
                                 const struct inn_sampling *s, double width,
                                 const struct inn_rules *rules,
                                 const struct inn_refitting *v,
                                 struct inn_cli *cli, int threads,
                                 const char **at, struct inn_error *err)
{
    struct inn_error why = {0};
    enum inn_status st;

    r->source = INN_REFIT_NONE;
    r->cli = cli;
    if (net->model == NULL && inn_refitting_path(v) != NULL)
        return inn_fail(err, INN_ERR_ARGUMENT,
                        "an ONNX network has one width, to which nothing is "
                        "refitted; `inn convert` makes an .inn of it");
    if (net->model != NULL) {
        st = inn_refitting_choose(net, s, width, rules, v, threads, err);
        if (st != INN_OK)
            return st;
    }
    st = inn_network_sample(net, s, width, rules, threads, err);
    if (st != INN_OK || net->model == NULL || net->refit == INN_REFIT_NONE)
        return st;
    st = refit(r, net, v, threads, at, &why);
    net->refitted = st == INN_OK && r->report.layers > 0;
    if (st == INN_OK)
        r->source = net->refitted ? net->refit : INN_REFIT_NONE;
    else if (st == INN_ERR_UNSUPPORTED && net->refit != INN_REFIT_GIVEN)
        st = leave(net, cli, threads, why.message, err);
    else
        st = inn_fail(err, st, "%s", why.message);
    return st;
}

void inn_refitter_free(struct inn_refitter *r)
{
    inn_graph_free(r->full);
    if (r->arena.heap != NULL)
        inn_arena_free(&r->arena);
    r->full = NULL;
}

static const char *const names[] = {
    [INN_REFIT_NONE] = "off", [INN_REFIT_GIVEN] = "data",
    [INN_REFIT_STORED] = "stored", [INN_REFIT_DRAWN] = "drawn",
    [INN_REFIT_FAMILIAR] = "drawn"};

const char *inn_refitter_text(char text[INN_REFITTER_TEXT],
                              const struct inn_refitter *r)
{
    static const char *const what[] = {
        [INN_REFIT_NONE] = "samples", [INN_REFIT_GIVEN] = "samples",
        [INN_REFIT_STORED] = "inputs that the file keeps",
        [INN_REFIT_DRAWN] = "drawn inputs",
        [INN_REFIT_FAMILIAR] = "drawn inputs"};

    snprintf(text, INN_REFITTER_TEXT, "%lld %s", (long long)r->feed.count,
             what[r->source]);
    return text;
}

void inn_json_refit(struct inn_json *json, const struct inn_refitter *r)
{
    if (r->source == INN_REFIT_NONE)
        return;
    inn_json_text(json, json->root, "refit", names[r->source]);
    inn_json_int(json, json->root, "refit_layers", r->report.layers);
    inn_json_int(json, json->root, "refit_samples", r->feed.count);
    inn_json_int(json, json->root, "refit_left", r->report.left);
}

void inn_refit_print_left(const struct inn_refit_report *r)
{
    int i;

    if (r->left > 0)
        printf("%d layers were left as sampling made them:\n", r->left);
    for (i = 0; i < r->left && i < INN_REFIT_NAMED; i++) {
        printf("  ");
        inn_print_clean(stdout, r->named[i]);
        printf(": %s\n", r->why[i]);
    }
    if (r->left > INN_REFIT_NAMED)
        printf("  and %d more\n", r->left - INN_REFIT_NAMED);
}
