/*
 * inn bench: how fast a network runs, for every width, batch and number of
 * threads that is asked for.
 */
#include "runtime/tools/bench.h"

#include <math.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/base/resident.h"
#include "runtime/base/threads.h"
#include "runtime/exec/peak.h"
#include "runtime/exec/workers.h"
#include "runtime/tools/commands.h"

/* Turns that --alternate takes. */
#define TURNS 10
#define MOST_PRECISIONS 4

static const struct inn_bench_values defaults = {.warmup = 3};

static const struct inn_option options[] = {
    {"widths", 0, INN_OPT_NUMBERS, offsetof(struct inn_bench_values, widths),
     "1,0.75,...", 1e-6, 4, "a row for each of these widths (.inn)"},
    {"batch", 0, INN_OPT_NUMBERS, offsetof(struct inn_bench_values, batch),
     "1,8,...", 1, 65536, "and for each of these batches: the first axis of "
     "the inputs that leave it open"},
    {"threads", 0, INN_OPT_NUMBERS,
     offsetof(struct inn_bench_values, threads), "1,2,...", 0,
     INN_MAX_WORKERS, "and for each of these numbers of threads; 0, the "
     "default, for one per core"},
    {"precision", 0, INN_OPT_TEXT,
     offsetof(struct inn_bench_values, precisions), "f32,bf16", 0, 0,
     "and for each of these: with bf16 convolutions take that and sum in f32, "
     "where the processor has it (default f32)"},
    {"warmup", 0, INN_OPT_INT, offsetof(struct inn_bench_values, warmup), "N",
     0, 100000, "runs before those that count (default 3)"},
    {"runs", 0, INN_OPT_INT, offsetof(struct inn_bench_values, runs), "N", 1,
     100000, "so many runs of each row"},
    {"duration", 0, INN_OPT_POSITIVE,
     offsetof(struct inn_bench_values, duration), "S", 0, 86400,
     "or runs for so many seconds (default 2)"},
    {"per-layer", 0, INN_OPT_FLAG,
     offsetof(struct inn_bench_values, per_layer), NULL, 0, 0,
     "the time of every layer, and what computes it"},
    {"alternate", 0, INN_OPT_FLAG,
     offsetof(struct inn_bench_values, alternate), NULL, 0, 0,
     "keep all rows ready and run them in turns, so that a machine whose "
     "speed drifts is as fast for one as for another"},
    {NULL, 0, INN_OPT_FLAG, 0, NULL, 0, 0, NULL},
};

static const struct inn_option_set sets[] = {
    {"Options", options, 0},
    {"How it is computed", inn_compute_options,
     offsetof(struct inn_bench_values, compute)},
    {"Refitting (.inn; default off)", inn_refitting_options,
     offsetof(struct inn_bench_values, refit)},
    {"Sampling options (.inn)", inn_sampling_options,
     offsetof(struct inn_bench_values, sampling)},
    {"Common options", inn_common_options,
     offsetof(struct inn_bench_values, common)},
    {NULL, NULL, 0},
};

static const char *const examples[] = {
    "inn bench net.inn --widths 1,0.75,0.5",
    "inn bench net.inn --widths 1,0.5 --alternate --duration 10",
    "inn bench net.onnx --batch 1,8 --threads 1,2 --json",
    "inn bench net.onnx --per-layer --runs 50",
    NULL,
};

static const char *wrong_numbers(const struct inn_bench_values *v)
{
    size_t i;

    for (i = 0; i < v->batch.n; i++) {
        if (v->batch.items[i] != floor(v->batch.items[i]))
            return "--batch takes whole numbers";
    }
    for (i = 0; i < v->threads.n; i++) {
        if (v->threads.items[i] != floor(v->threads.items[i]))
            return "--threads takes whole numbers";
    }
    if (v->widths.n > 0 && v->sampling.width > 0)
        return "--width and --widths exclude each other";
    if (v->runs > 0 && v->duration > 0)
        return "--runs and --duration exclude each other";
    return NULL;
}

/* The words of --precision as numbers of inn_compute's; false: not one. */
static bool read_precisions(int out[MOST_PRECISIONS], size_t *n,
                            const char *text)
{
    static const char *const words[] = {"f32", "bf16"};

    *n = 0;
    if (text == NULL)
        out[(*n)++] = 0;
    while (text != NULL) {
        size_t len = strcspn(text, ","), k;

        for (k = 0; k < INN_COUNT(words); k++) {
            if (strlen(words[k]) == len && strncmp(text, words[k], len) == 0)
                break;
        }
        if (k == INN_COUNT(words) || *n == MOST_PRECISIONS)
            return false;
        out[(*n)++] = (int)k;
        text = text[len] == ',' ? text + len + 1 : NULL;
    }
    return true;
}

static size_t at_least_one(size_t n)
{
    return n > 0 ? n : 1;
}

/* Rows before they are run: all batches and thread counts of each width. */
static enum inn_status list_rows(struct inn_bench *b, struct inn_error *err)
{
    const struct inn_bench_values *v = b->v;
    size_t n_batch = at_least_one(v->batch.n);
    size_t n_threads = at_least_one(v->threads.n), n_precisions, i;
    int precisions[MOST_PRECISIONS];

    if (!read_precisions(precisions, &n_precisions, v->precisions))
        return inn_fail(err, INN_ERR_ARGUMENT,
                        "--precision takes f32, bf16 or both, not '%s'",
                        v->precisions);
    b->n_rows = at_least_one(v->widths.n) * n_batch * n_threads *
                n_precisions;
    b->rows = inn_arena_alloc(&b->cli->arena, b->n_rows, sizeof(*b->rows),
                              err);
    if (b->rows == NULL)
        return inn_refused(err);
    for (i = 0; i < b->n_rows; i++) {
        struct inn_bench_row *row = &b->rows[i];
        size_t rest = i / n_precisions;

        row->compute = v->compute;
        row->compute.precision = precisions[i % n_precisions];
        if (v->threads.n > 0)
            row->threads = (int)v->threads.items[rest % n_threads];
        rest /= n_threads;
        if (row->threads == 0)
            row->threads = inn_threads_available();
        if (row->threads > INN_MAX_WORKERS)
            row->threads = INN_MAX_WORKERS;
        if (v->batch.n > 0)
            row->batch = (int64_t)v->batch.items[rest % n_batch];
        rest /= n_batch;
        row->width = v->widths.n > 0 ? v->widths.items[rest]
                     : b->net.model != NULL ? inn_sampling_width(&v->sampling)
                                            : NAN;
        inn_arena_init(&row->arena, b->cli->heap);
    }
    return INN_OK;
}

/* Each number of threads once. */
static void measure_peaks(struct inn_bench *b)
{
    int most = 0;
    size_t i, k;

    for (i = 0; i < b->n_rows; i++) {
        struct inn_bench_row *row = &b->rows[i];

        for (k = 0; k < i && b->rows[k].threads != row->threads; k++)
            ;
        row->peak_gflops = k < i ? b->rows[k].peak_gflops
                                 : inn_peak_gflops(row->threads);
        if (row->threads > most) {
            most = row->threads;
            b->peak_gflops = row->peak_gflops;
        }
    }
}

/* The graph of row i: that of the row before where only batch differs. */
static enum inn_status give_graph(struct inn_bench *b, size_t i,
                                  struct inn_graph **before,
                                  const struct inn_rules *rules,
                                  struct inn_error *err)
{
    struct inn_bench_row *row = &b->rows[i];
    bool named = b->v->widths.n > 0;
    int64_t start = inn_clock_ns();
    enum inn_status st;

    row->sample_ms = NAN;
    if (i > 0 && (!named || row->width == b->rows[i - 1].width)) {
        row->graph = b->rows[i - 1].graph;
        row->sample_ms = b->rows[i - 1].sample_ms;
        return INN_OK;
    }
    /* With --alternate the network before is still in use. */
    if (b->net.model != NULL && b->v->alternate) {
        *before = b->net.graph;
        b->net.graph = NULL;
    }
    st = inn_refit_sample(&b->refitter, &b->net, &b->v->sampling,
                          named ? row->width : 0, rules, &b->v->refit, b->cli,
                          row->threads, &b->at, err);
    if (b->refitter.source != INN_REFIT_NONE)
        inn_resident_restart(); /* the peak is a run's */
    if (st == INN_OK)
        st = inn_network_prepare(&b->net, err);
    row->graph = b->net.graph;
    if (b->net.model != NULL)
        row->sample_ms = (double)(inn_clock_ns() - start) * 1e-6;
    return st;
}

/* Ready, run, summed up, gone; then the next. */
static enum inn_status run_one_by_one(struct inn_bench *b,
                                      const struct inn_rules *rules,
                                      struct inn_error *err)
{
    struct inn_graph *none = NULL;
    enum inn_status st = INN_OK;
    size_t i;

    for (i = 0; i < b->n_rows && st == INN_OK; i++) {
        struct inn_bench_row *row = &b->rows[i];

        inn_progress_phase(&b->cli->progress, (int)i + 1, (int)b->n_rows,
                           "running");
        inn_resident_restart();
        st = give_graph(b, i, &none, rules, err);
        if (st == INN_OK)
            st = inn_bench_row_begin(row, b, err);
        if (st == INN_OK)
            st = inn_bench_row_run(row, b, 1, err);
        if (st == INN_OK)
            st = inn_bench_row_sum(row, b, err);
        inn_bench_row_free(row);
    }
    return st;
}

static enum inn_status take_turns(struct inn_bench *b, struct inn_error *err)
{
    enum inn_status st = INN_OK;
    int turn;
    size_t i;

    for (turn = 0; turn < TURNS && st == INN_OK; turn++) {
        inn_progress_phase(&b->cli->progress, turn + 1, TURNS, "running");
        for (i = 0; i < b->n_rows && st == INN_OK; i++)
            st = inn_bench_row_run(&b->rows[i], b, TURNS, err);
    }
    for (i = 0; i < b->n_rows && st == INN_OK; i++)
        st = inn_bench_row_sum(&b->rows[i], b, err);
    return st;
}

static enum inn_status run_in_turns(struct inn_bench *b,
                                    const struct inn_rules *rules,
                                    struct inn_error *err)
{
    struct inn_graph **before;
    enum inn_status st = INN_OK;
    size_t i;

    before = inn_arena_alloc(&b->cli->arena, b->n_rows, sizeof(*before), err);
    if (before == NULL)
        return inn_refused(err);
    for (i = 0; i < b->n_rows && st == INN_OK; i++) {
        st = give_graph(b, i, &before[i], rules, err);
        if (st == INN_OK)
            st = inn_bench_row_begin(&b->rows[i], b, err);
    }
    if (st == INN_OK)
        st = take_turns(b, err);
    for (i = 0; i < b->n_rows; i++)
        inn_bench_row_free(&b->rows[i]);
    for (i = 0; i < b->n_rows; i++)
        inn_graph_free(before[i]);
    return st;
}

static enum inn_status open_and_run(struct inn_bench *b,
                                    const struct inn_rules *rules,
                                    struct inn_error *err)
{
    int64_t start = inn_clock_ns();
    enum inn_status st;

    st = inn_network_open(&b->net, b->cli, b->cli->operands[0], err);
    b->open_ms = (double)(inn_clock_ns() - start) * 1e-6;
    if (st == INN_OK)
        inn_network_note_sizes(b->cli, &b->net);
    if (st == INN_OK)
        st = list_rows(b, err);
    if (st != INN_OK)
        return st;
    measure_peaks(b);
    return b->v->alternate ? run_in_turns(b, rules, err)
                           : run_one_by_one(b, rules, err);
}

static int run(struct inn_cli *cli, const void *values)
{
    const struct inn_bench_values *v = values;
    struct inn_bench b = {.cli = cli, .v = v, .at = cli->operands[0]};
    struct inn_rules rules[INN_MOST_RULES];
    struct inn_error err = {INN_OK, ""};
    const char *wrong = wrong_numbers(v) != NULL
                            ? wrong_numbers(v) : inn_refitting_wrong(&v->refit);
    enum inn_status st;
    size_t n;

    inn_compute_note(cli, &v->compute);
    if (wrong != NULL)
        return inn_cli_usage(cli, "%s", wrong);
    st = inn_sampling_rules(rules, &n, &v->sampling, false, &err);
    if (st != INN_OK)
        return inn_cli_usage(cli, "%s", err.message);
    st = open_and_run(&b, rules, &err);
    inn_progress_clear(&cli->progress);
    if (st == INN_OK && v->common.json)
        st = inn_bench_print_json(&b, &err);
    else if (st == INN_OK && !v->common.quiet)
        st = inn_bench_print_tables(&b, &err);
    inn_refitter_free(&b.refitter);
    inn_network_free(&b.net);
    return st == INN_OK ? INN_EXIT_OK : inn_cli_error(cli, b.at, &err);
}

const struct inn_command inn_command_bench = {
    .name = "bench",
    .summary = "measure how fast a network runs",
    .usage = "FILE [options]",
    .about = "Runs the network on random inputs again and again, and prints "
             "what the times of single runs come to, throughput, GFLOP/s (a "
             "multiply-add counted as two) and their share of what the "
             "machine's multiply-adds reach at best, measured at the start, "
             "and the most memory the process held: a row for each width, "
             "batch and number of threads.",
    .min_operands = 1,
    .max_operands = 1,
    .sets = sets,
    .values_size = sizeof(struct inn_bench_values),
    .defaults = &defaults,
    .common_offset = offsetof(struct inn_bench_values, common),
    .examples = examples,
    .run = run,
};
