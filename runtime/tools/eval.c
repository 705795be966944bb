/*
 * inn eval: accuracy or picture quality, at one width or several. Here are
 * the options and the rows; what is measured is in eval_class.c, eval_sr.c.
 */
#include "runtime/tools/eval.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/cli/plot.h"
#include "runtime/pictures/pictures.h"
#include "runtime/pictures/presets.h"
#include "runtime/tools/commands.h"

static const struct inn_eval_values defaults = {.prep = INN_PREP_DEFAULTS,
                                                .range = NAN,
                                                .refit.by_default = true};

static const struct inn_option options[] = {
    {"task", 0, INN_OPT_CHOICE, offsetof(struct inn_eval_values, task),
     "class|sr", 0, 0, "classes of pictures (the default), or "
     "super-resolution"},
    {"data", 'd', INN_OPT_TEXT, offsetof(struct inn_eval_values, data),
     "PICTURES", 0, 0, "class: an .npz with arrays x (u8 [n,h,w,c], or float "
     "[n,c,h,w]) and y (labels [n]), or a folder of pictures with "
     "labels.txt; sr: a folder of pictures"},
    {"widths", 0, INN_OPT_NUMBERS, offsetof(struct inn_eval_values, widths),
     "1,0.9,...", 1e-6, 4, "a row for each of these widths (.inn)"},
    {"plot", 0, INN_OPT_TEXT, offsetof(struct inn_eval_values, plot),
     "FILE.svg|FILE.png", 0, 0, "draws quality over size, a curve for each "
     "rule (.inn)"},
    {"against", 0, INN_OPT_CHOICE,
     offsetof(struct inn_eval_values, against), "both|params|macs", 0, 0,
     "what --plot draws quality over: parameters and MACs side by side, or "
     "one of them"},
    {"images", 0, INN_OPT_CHOICE, offsetof(struct inn_eval_values, images),
     "all|even|odd", 0, 0, "which of the pictures, by their number"},
    {"prep", 0, INN_OPT_CHOICE, offsetof(struct inn_eval_values, prep.preset),
     INN_PRESET_WORDS "|all", 0, 0, "a preparation by its name, instead of "
     "--scale, --mean and --std; all: ranks them on the pictures (class)"},
    {"batch", 0, INN_OPT_INT, offsetof(struct inn_eval_values, batch), "N", 1,
     4096, "class: pictures at a time (default 50, or what the network is "
     "fixed to)"},
    {"range", 0, INN_OPT_POSITIVE, offsetof(struct inn_eval_values, range),
     "X", 0, 1e30, "sr: what white is at the network's input and output "
     "(default: as the .inn says, else 1)"},
    {"multiple", 0, INN_OPT_INT, offsetof(struct inn_eval_values, multiple),
     "N", 1, 1024, "sr: pad pictures to multiples of N for the network"},
    {NULL, 0, INN_OPT_FLAG, 0, NULL, 0, 0, NULL},
};

static const struct inn_option_set sets[] = {
    {"Options", options, 0},
    {"How pictures enter (with --task sr, --scale N is the enlargement, 2 to "
     "8)", inn_prep_options,
     offsetof(struct inn_eval_values, prep)},
    {"How it is computed", inn_compute_options,
     offsetof(struct inn_eval_values, compute)},
    {"Refitting (.inn)", inn_refitting_options,
     offsetof(struct inn_eval_values, refit)},
    {"Sampling options (.inn); --partition and --quadrature take lists here",
     inn_sampling_options, offsetof(struct inn_eval_values, sampling)},
    {"Common options", inn_common_options,
     offsetof(struct inn_eval_values, common)},
    {NULL, NULL, 0},
};

static const char *const examples[] = {
    "inn eval net.inn --data test.npz --widths 1,0.9,0.8,0.7",
    "inn eval net.inn --data test.npz --width 0.8 --partition uniform,l1",
    "inn eval net.inn --data test.npz --widths 1,0.9,0.8,0.7 \\\n"
    "      --partition moments,uniform,l1 --plot net.svg",
    "inn eval net.onnx --data test.npz --mean 0.485,0.456,0.406 \\\n"
    "      --std 0.229,0.224,0.225 --images even",
    "inn eval net.onnx --data test.npz --prep all",
    "inn eval sr.inn --task sr --scale 4 --data Set5 --widths 1,0.9,0.8",
    NULL,
};

enum inn_status inn_eval_choose(struct inn_eval *e, int64_t n,
                                struct inn_error *err)
{
    e->chosen = inn_arena_alloc(&e->cli->arena, (size_t)n,
                                sizeof(*e->chosen), err);
    if (e->chosen == NULL)
        return inn_refused(err);
    e->n_chosen = inn_images_choose(e->chosen, n,
                                    (enum inn_images)e->v->images);
    if (e->n_chosen == 0)
        return inn_fail(err, INN_ERR_RANGE, "there are no pictures");
    return INN_OK;
}

enum inn_status inn_eval_new_row(struct inn_eval_row *row,
                                 struct inn_eval *e, struct inn_error *err)
{
    memset(row, 0, sizeof(*row));
    row->top1 = row->top5 = row->psnr = row->ssim = NAN;
    row->loss = row->loss_se = row->logit_error = NAN;
    row->confidence = NAN;
    row->ruled = e->net.model != NULL;
    row->scores = inn_arena_alloc(&e->cli->arena, (size_t)e->n_chosen,
                                  sizeof(*row->scores), err);
    return row->scores != NULL ? INN_OK : inn_refused(err);
}

enum inn_status inn_eval_measure(struct inn_eval_row *row,
                                 struct inn_eval *e, struct inn_error *err)
{
    struct inn_session_options how = {
        .threads = (int)e->v->common.threads};
    struct inn_session *session = NULL;
    struct inn_arena arena;
    enum inn_status st;

    inn_compute_session(&how, &e->v->compute);
    inn_arena_init(&arena, e->cli->heap);
    st = e->task->cost(row, e, err);
    if (st == INN_OK)
        st = inn_network_prepare(&e->net, err);
    if (st == INN_OK)
        st = inn_session_new(&session, e->net.graph, &how, err);
    if (st == INN_OK)
        st = e->task->run(row, e, session, &arena, err);
    inn_session_free(session);
    inn_arena_free(&arena);
    return st;
}

/* What every row is compared with. */
static enum inn_status run_full(struct inn_eval *e, struct inn_error *err)
{
    static const struct inn_sampling whole = {0};
    const struct inn_rules rules = {.open = true};
    enum inn_status st;

    st = inn_eval_new_row(&e->full, e, err);
    if (st == INN_OK)
        st = inn_network_sample(&e->net, &whole, 0, &rules,
                                (int)e->v->common.threads, err);
    if (st == INN_OK)
        st = inn_eval_measure(&e->full, e, err);
    e->full.width = 1;
    e->full.loss = e->full.loss_se = 0;
    if (e->task == &inn_eval_class)
        e->full.logit_error = 0;
    return st;
}

/* What is asked for at this width (0: by the options), refitted. */
static enum inn_status sample(struct inn_eval *e, double width,
                              const struct inn_rules *rules,
                              struct inn_error *err)
{
    return inn_refit_sample(&e->refitter, &e->net, &e->v->sampling, width,
                            rules, &e->v->refit, e->cli,
                            (int)e->v->common.threads, &e->at, err);
}

static bool is_full(const struct inn_network *net)
{
    int g;

    for (g = 0; g < net->model->n_groups; g++) {
        if (net->plan.widths[g] != net->model->groups[g].size)
            return false;
    }
    return true;
}

static enum inn_status run_row(struct inn_eval_row *row, struct inn_eval *e,
                               bool named_width, struct inn_error *err)
{
    enum inn_status st;

    st = sample(e, named_width ? row->width : 0, &row->rules, err);
    if (st != INN_OK || !row->ruled)
        return st == INN_OK ? inn_eval_measure(row, e, err) : st;
    row->rules.partition = e->net.plan.partition;
    row->rules.quadrature = e->net.plan.quadrature;
    if (is_full(&e->net)) {
        /* The same bits under every rule. */
        struct inn_eval_row full = e->full;

        full.width = row->width;
        full.rules = row->rules;
        *row = full;
        return INN_OK;
    }
    st = inn_eval_measure(row, e, err);
    if (st == INN_OK)
        inn_eval_pair(row, &e->full, e->n_chosen);
    return st;
}

static void add_quality(struct inn_json *json, cJSON *item,
                        const struct inn_eval_row *row)
{
    inn_json_number(json, item, "psnr", row->psnr);
    if (!isnan(row->ssim))
        inn_json_number(json, item, "ssim", row->ssim);
}

static enum inn_status print_json(const struct inn_eval *e,
                                  const struct inn_eval_row *rows, size_t n,
                                  struct inn_error *err)
{
    struct inn_json json;
    cJSON *list;
    size_t i;

    inn_json_start(&json);
    inn_json_int(&json, json.root, "images", e->n_chosen);
    inn_json_refit(&json, &e->refitter);
    if (e->net.model != NULL)
        inn_json_unmeasured(&json, &e->unmeasured);
    list = inn_json_array(&json, json.root, "rows");
    for (i = 0; i < n; i++) {
        const struct inn_eval_row *r = &rows[i];
        cJSON *item = inn_json_object(&json, list, NULL);
        bool uniform = r->ruled && r->rules.partition != INN_PARTITION_L1;

        inn_json_number(&json, item, "width", r->width);
        inn_json_text(&json, item, "partition", r->ruled
                      ? inn_partition_name(r->rules.partition) : NULL);
        inn_json_text(&json, item, "quadrature", uniform
                      ? inn_quadrature_name(r->rules.quadrature) : NULL);
        inn_json_int(&json, item, "params", r->cost.params);
        inn_json_int(&json, item, "macs", r->cost.macs);
        inn_json_number(&json, item, "top1", r->top1);
        inn_json_number(&json, item, "top5", r->top5);
        add_quality(&json, item, r);
        if (!r->ruled)
            continue;
        inn_json_number(&json, item, "loss", r->loss);
        inn_json_number(&json, item, "loss_se", r->loss_se);
        inn_json_number(&json, item, "logit_error", r->logit_error);
        inn_json_number(&json, item, "beats",
                        r->beats != NULL ? r->beats->width : NAN);
    }
    if (e->task->baseline != NULL)
        add_quality(&json, inn_json_object(&json, json.root,
                                           e->task->baseline), &e->baseline);
    return inn_json_print(&json, err);
}

static enum inn_status print_table(struct inn_eval *e,
                                   const struct inn_eval_row *rows, size_t n,
                                   struct inn_error *err)
{
    const char *first = "", *baseline = e->task->baseline, *heads;
    bool ruled = e->net.model != NULL, marked = false;
    struct inn_table table;
    char number[INN_INT_TEXT], text[INN_REFITTER_TEXT];
    enum inn_status st;
    size_t i;

    if (ruled)
        first = "width>|partition|quadrature|";
    else if (baseline != NULL)
        first = "by|";
    for (i = 0; i < n; i++)
        marked = marked || rows[i].beats != NULL;
    heads = inn_arena_printf(&e->cli->arena, err, "%sparameters>|MACs>|%s%s%s",
                             first, e->task->heads,
                             ruled ? e->task->compared : "",
                             marked ? "|beats" : "");
    if (heads == NULL)
        return inn_refused(err);
    printf("%s pictures", inn_int_text(number, e->n_chosen));
    if (e->refitter.source != INN_REFIT_NONE)
        printf(", layers refitted on %s",
               inn_refitter_text(text, &e->refitter));
    putchar('\n');
    inn_table_init(&table, &e->cli->arena, heads);
    for (i = 0; i < n; i++) {
        const struct inn_eval_row *r = &rows[i];

        if (r->ruled) {
            inn_table_number(&table, r->width, 6);
            inn_table_text(&table, inn_partition_name(r->rules.partition));
            inn_table_text(&table, r->rules.partition == INN_PARTITION_L1
                           ? "" : inn_quadrature_name(r->rules.quadrature));
        } else if (baseline != NULL) {
            inn_table_text(&table, "network");
        }
        inn_table_int(&table, r->cost.params);
        inn_table_int(&table, r->cost.macs);
        e->task->add_cells(&table, r);
        if (r->beats != NULL)
            inn_table_printf(&table, "width %.6g", r->beats->width);
        else if (marked)
            inn_table_text(&table, "");
    }
    if (baseline != NULL) {
        inn_table_text(&table, baseline);
        for (i = ruled ? 0 : 2; i < 4; i++)
            inn_table_text(&table, "");
        e->task->add_cells(&table, &e->baseline);
        for (i = 0; i < (ruled ? 2u : 0u) + (marked ? 1u : 0u); i++)
            inn_table_text(&table, "");
    }
    st = inn_table_print(&table, stdout, 0, err);
    for (i = 0; i < n && st == INN_OK; i++) {
        const struct inn_rules *rules = &rows[i].rules;

        if (rows[i].ruled && (rules->partition == INN_PARTITION_MOMENTS ||
                              rules->partition == INN_PARTITION_WEIGHTS)) {
            inn_print_unmeasured(&e->unmeasured);
            break;
        }
    }
    return st;
}

/* What is wrong with any row, before hours of work. */
static enum inn_status check_rows(struct inn_eval *e,
                                  const struct inn_rules *rules,
                                  size_t n_rules, struct inn_error *err)
{
    const struct inn_eval_values *v = e->v;
    enum inn_status st = INN_OK;
    struct inn_plan plan;
    size_t i, n_widths = v->widths.n > 0 ? v->widths.n : 1;

    for (i = 0; i < n_widths * n_rules && st == INN_OK; i++) {
        st = inn_network_plan(&plan, &e->net, &v->sampling,
                              v->widths.n > 0 ? v->widths.items[i / n_rules]
                                              : 0,
                              &rules[i % n_rules], (int)v->common.threads,
                              err);
        inn_plan_free(&plan);
    }
    return st;
}

static enum inn_status run_rows(struct inn_eval *e,
                                struct inn_eval_row **rows, size_t *n,
                                const struct inn_rules *rules, size_t n_rules,
                                struct inn_error *err)
{
    const struct inn_eval_values *v = e->v;
    size_t n_widths = v->widths.n > 0 ? v->widths.n : 1, first, i;
    enum inn_status st = INN_OK;

    if (e->net.model == NULL)
        n_rules = 1;
    *n = n_widths * n_rules;
    first = e->net.model != NULL ? 1 : 0;
    *rows = inn_arena_alloc(&e->cli->arena, *n, sizeof(**rows), err);
    if (*rows == NULL)
        return inn_refused(err);
    if (first > 0)
        st = check_rows(e, rules, n_rules, err);
    if (first > 0 && st == INN_OK) {
        inn_progress_phase(&e->cli->progress, 1, (int)*n + 1, "pictures");
        st = run_full(e, err);
    }
    for (i = 0; i < *n && st == INN_OK; i++) {
        struct inn_eval_row *row = &(*rows)[i];
        bool named = v->widths.n > 0;

        st = inn_eval_new_row(row, e, err);
        row->width = named ? v->widths.items[i / n_rules]
                           : inn_sampling_width(&v->sampling);
        row->rules = rules[i % n_rules];
        inn_progress_phase(&e->cli->progress, (int)(i + first) + 1,
                           (int)(*n + first), "pictures");
        if (st == INN_OK)
            st = run_row(row, e, named, err);
    }
    if (st == INN_OK)
        inn_eval_mark(*rows, *n, e->n_chosen);
    return st;
}

static const char *wrong_plot(const struct inn_eval_values *v)
{
    if (v->plot == NULL)
        return v->against != 0 ? "--against goes with --plot" : NULL;
    if (!inn_plot_name(v->plot))
        return "--plot draws FILE.svg or FILE.png";
    return NULL;
}

static enum inn_status check_plot(const struct inn_eval *e,
                                  struct inn_error *err)
{
    if (e->net.model == NULL)
        return inn_fail(err, INN_ERR_ARGUMENT,
                        "--plot wants an .inn: an ONNX network has one "
                        "width");
    return inn_plot_check(e->v->plot, e->v->common.force, e->cli->heap, err);
}

static const struct inn_eval_task *const tasks[] = {&inn_eval_class,
                                                    &inn_eval_sr};

enum inn_status inn_eval_one(struct inn_eval_row *row, struct inn_cli *cli,
                             const struct inn_eval_values *v,
                             const char *path, struct inn_error *err)
{
    struct inn_eval e = {.cli = cli, .v = v, .task = tasks[v->task],
                         .at = path};
    struct inn_rules rules[INN_MOST_RULES];
    enum inn_status st;
    size_t n;

    if (e.task->wrong(v) != NULL)
        return inn_fail(err, INN_ERR_ARGUMENT, "%s", e.task->wrong(v));
    st = inn_sampling_rules(rules, &n, &v->sampling, false, err);
    if (st == INN_OK)
        st = inn_network_open(&e.net, cli, path, err);
    if (st == INN_OK)
        st = e.task->open(&e, err);
    if (st == INN_OK)
        st = inn_eval_new_row(row, &e, err);
    if (st == INN_OK)
        st = sample(&e, 0, rules, err);
    if (st == INN_OK)
        st = inn_eval_measure(row, &e, err);
    inn_refitter_free(&e.refitter);
    if (st != INN_OK && e.at != path)
        inn_error_file(err, e.at);
    inn_network_free(&e.net);
    return st;
}

static int run(struct inn_cli *cli, const void *values)
{
    struct inn_eval_values own = *(const struct inn_eval_values *)values;
    const struct inn_eval_values *v = &own;
    bool preps = own.prep.preset == INN_N_PRESETS;
    const char *path = cli->operands[0], *wrong;
    struct inn_eval e = {.cli = cli, .v = v, .task = tasks[v->task],
                         .at = path};
    struct inn_rules rules[INN_MOST_RULES];
    struct inn_error err = {INN_OK, ""};
    struct inn_eval_row *rows = NULL;
    enum inn_status st;
    size_t n_rules, n = 0;

    inn_compute_note(cli, &v->compute);
    wrong = e.task->wrong(v);
    if (wrong == NULL)
        wrong = wrong_plot(v);
    if (wrong == NULL)
        wrong = inn_refitting_wrong(&v->refit);
    if (wrong == NULL && preps && inn_refitting_path(&v->refit) != NULL)
        wrong = "--prep all is of the network as it is: no --refit beside it";
    if (wrong == NULL && preps && (v->widths.n > 0 || v->plot != NULL))
        wrong = "--prep all ranks preparations at one width: no --widths or "
                "--plot beside it";
    if (wrong != NULL)
        return inn_cli_usage(cli, "%s", wrong);
    if (v->widths.n > 0 && v->sampling.width > 0)
        return inn_cli_usage(cli, "--width and --widths exclude each other");
    st = inn_sampling_rules(rules, &n_rules, &v->sampling, !preps, &err);
    if (st != INN_OK)
        return inn_cli_usage(cli, "%s", err.message);
    st = inn_network_open(&e.net, cli, path, &err);
    if (st == INN_OK && e.net.model != NULL)
        st = inn_count_unmeasured(&e.unmeasured, e.net.model, NULL, &err);
    if (st == INN_OK && v->plot != NULL) {
        e.at = e.net.model != NULL ? v->plot : path;
        st = check_plot(&e, &err);
    }
    if (st == INN_OK) {
        e.at = path;
        /* Any will do to open: one that all channels allow. */
        own.prep.preset = preps ? 0 : own.prep.preset;
        st = e.task->open(&e, &err);
    }
    if (st == INN_OK && preps)
        st = inn_eval_preps(&e, rules, &err);
    else if (st == INN_OK)
        st = run_rows(&e, &rows, &n, rules, n_rules, &err);
    inn_progress_clear(&cli->progress);
    inn_refitter_free(&e.refitter);
    if (preps) {
        inn_network_free(&e.net);
        return st == INN_OK ? INN_EXIT_OK : inn_cli_error(cli, e.at, &err);
    }
    if (st == INN_OK && v->common.json)
        st = print_json(&e, rows, n, &err);
    else if (st == INN_OK && !v->common.quiet)
        st = print_table(&e, rows, n, &err);
    if (st == INN_OK && v->plot != NULL) {
        e.at = v->plot;
        st = inn_eval_plot(&e, rows, n, &err);
    }
    inn_network_free(&e.net);
    return st == INN_OK ? INN_EXIT_OK : inn_cli_error(cli, e.at, &err);
}

const struct inn_command inn_command_eval = {
    .name = "eval",
    .summary = "measure accuracy or quality on pictures",
    .usage = "FILE --data PICTURES [options]",
    .about = "Runs the network over all pictures and prints top-1 and top-5 "
             "accuracy, or, with --task sr, PSNR and SSIM of what it "
             "enlarges, beside parameters and MACs per picture, for each "
             "width and rule that is asked for. Rows of an .inn say what is "
             "lost against full width, with its standard error over pairs "
             "of pictures, and name a wider row that they beat by more than "
             "two of these. Float pictures are taken as "
             "they are unless --scale, --mean or --std is given. --prep all "
             "says which preparation the network was trained with: the one "
             "that gives the best accuracy.",
    .min_operands = 1,
    .max_operands = 1,
    .sets = sets,
    .values_size = sizeof(struct inn_eval_values),
    .defaults = &defaults,
    .common_offset = offsetof(struct inn_eval_values, common),
    .examples = examples,
    .run = run,
};
