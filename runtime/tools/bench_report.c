/* What inn bench prints: tables for people, one object for programs. */
#include <math.h>
#include <stdio.h>

#include "runtime/base/error.h"
#include "runtime/cli/json.h"
#include "runtime/cli/table.h"
#include "runtime/exec/cpu.h"
#include "runtime/tools/bench.h"

#define KERNELS_TEXT 128

static double gflops(int64_t macs, double ms)
{
    return ms > 0 && macs > 0 ? 2e-6 * (double)macs / ms : NAN;
}

/* Of a row's layers together. */
static double layers_ms(const struct inn_bench_row *row)
{
    double sum = 0;
    int i;

    for (i = 0; i < row->n_layers; i++)
        sum += row->layers[i].ms;
    return sum;
}

/* ------------------------------------------------------------ for programs */

static void add_layers(struct inn_json *json, cJSON *item,
                       const struct inn_bench_row *row)
{
    cJSON *list = inn_json_array(json, item, "layers");
    double all = layers_ms(row);
    int i;

    for (i = 0; i < row->n_layers; i++) {
        const struct inn_bench_layer *l = &row->layers[i];
        cJSON *layer = inn_json_object(json, list, NULL);

        inn_json_text(json, layer, "name", l->name);
        inn_json_text(json, layer, "op", l->op);
        inn_json_int(json, layer, "fused", l->n_fused);
        inn_json_text(json, layer, "kernel", l->kernel);
        inn_json_number(json, layer, "ms", l->ms);
        inn_json_number(json, layer, "share", all > 0 ? l->ms / all : NAN);
        inn_json_int(json, layer, "macs", l->macs);
        inn_json_number(json, layer, "gflops", gflops(l->macs, l->ms));
    }
}

static void add_row(struct inn_json *json, cJSON *item,
                    const struct inn_bench *b,
                    const struct inn_bench_row *row)
{
    const struct inn_times *t = &row->times;
    double speed = gflops(row->cost.macs, t->median);

    inn_json_number(json, item, "width", row->width);
    inn_json_int(json, item, "batch", row->batch);
    inn_json_int(json, item, "threads", row->threads);
    inn_json_text(json, item, "precision",
                  inn_compute_precision(&row->compute));
    inn_json_int(json, item, "params", row->cost.params);
    inn_json_int(json, item, "macs", row->cost.macs);
    inn_json_int(json, item, "runs", (int64_t)row->n_runs);
    inn_json_number(json, item, "min_ms", t->min);
    inn_json_number(json, item, "median_ms", t->median);
    inn_json_number(json, item, "mean_ms", t->mean);
    inn_json_number(json, item, "p90_ms", t->p90);
    inn_json_number(json, item, "p99_ms", t->p99);
    inn_json_number(json, item, "per_second",
                    1e3 * (double)row->batch / t->median);
    inn_json_number(json, item, "gflops", speed);
    inn_json_number(json, item, "peak_gflops", row->peak_gflops);
    inn_json_number(json, item, "peak_share", speed / row->peak_gflops);
    inn_json_number(json, item, "peak_bytes",
                    row->peak_bytes > 0 ? (double)row->peak_bytes : NAN);
    inn_json_int(json, item, "workspace_bytes",
                 (int64_t)row->workspace_bytes);
    inn_json_number(json, item, "sample_ms", row->sample_ms);
    inn_json_number(json, item, "first_ms", row->first_ms);
    if (b->v->per_layer)
        add_layers(json, item, row);
}

enum inn_status inn_bench_print_json(const struct inn_bench *b,
                                     struct inn_error *err)
{
    char cpu[INN_CPU_TEXT], kernels[KERNELS_TEXT];
    struct inn_json json;
    cJSON *list;
    size_t i;

    inn_json_start(&json);
    inn_json_text(&json, json.root, "cpu", inn_cpu_text(cpu));
    inn_json_text(&json, json.root, "kernels",
                  inn_kernels_text(kernels, sizeof(kernels)));
    inn_json_number(&json, json.root, "peak_gflops", b->peak_gflops);
    inn_json_number(&json, json.root, "open_ms", b->open_ms);
    list = inn_json_array(&json, json.root, "rows");
    for (i = 0; i < b->n_rows; i++)
        add_row(&json, inn_json_object(&json, list, NULL), b, &b->rows[i]);
    return inn_json_print(&json, err);
}

/* -------------------------------------------------------------- for people */

static void add_ms(struct inn_table *table, double ms)
{
    inn_table_fixed(table, ms, ms < 1 ? 4 : ms < 100 ? 2 : 1);
}

static void add_share(struct inn_table *table, double share)
{
    if (isfinite(share))
        inn_table_printf(table, "%.1f %%", 100 * share);
    else
        inn_table_text(table, "-");
}

static void add_cells(struct inn_table *table,
                      const struct inn_bench_row *row, bool ruled)
{
    const struct inn_times *t = &row->times;
    double speed = gflops(row->cost.macs, t->median);

    if (ruled)
        inn_table_number(table, row->width, 6);
    inn_table_int(table, row->batch);
    inn_table_int(table, row->threads);
    inn_table_text(table, inn_compute_precision(&row->compute));
    inn_table_int(table, row->cost.macs);
    inn_table_int(table, (int64_t)row->n_runs);
    add_ms(table, t->min);
    add_ms(table, t->median);
    add_ms(table, t->mean);
    add_ms(table, t->p90);
    add_ms(table, t->p99);
    inn_table_number(table, 1e3 * (double)row->batch / t->median, 4);
    inn_table_number(table, speed, 4);
    add_share(table, speed / row->peak_gflops);
    if (row->peak_bytes > 0)
        inn_table_printf(table, "%.1f MiB",
                         (double)row->peak_bytes / 1048576.0);
    else
        inn_table_text(table, "-");
}

static enum inn_status print_layers(const struct inn_bench *b,
                                    const struct inn_bench_row *row,
                                    struct inn_error *err)
{
    double all = layers_ms(row);
    struct inn_table table;
    int i;

    if (isnan(row->width))
        printf("\nbatch %lld, threads %d:\n", (long long)row->batch,
               row->threads);
    else
        printf("\nwidth %.6g, batch %lld, threads %d:\n", row->width,
               (long long)row->batch, row->threads);
    inn_table_init(&table, &b->cli->arena,
                   "layer|operator|kernel|ms>|share>|MACs>|GFLOP/s>");
    for (i = 0; i < row->n_layers; i++) {
        const struct inn_bench_layer *l = &row->layers[i];

        inn_table_text(&table, l->name);
        if (l->n_fused > 0)
            inn_table_printf(&table, "%s +%d", l->op, l->n_fused);
        else
            inn_table_text(&table, l->op[0] != '\0' ? l->op : "(layout)");
        inn_table_text(&table, l->kernel);
        inn_table_fixed(&table, l->ms, 4);
        add_share(&table, l->ms / all);
        inn_table_int(&table, l->macs);
        if (l->macs > 0)
            inn_table_number(&table, gflops(l->macs, l->ms), 4);
        else
            inn_table_text(&table, "");
    }
    return inn_table_print(&table, stdout, 0, err);
}

/* "93.9 GFLOP/s at best with 1 thread, 187 with 2". */
static void print_peaks(const struct inn_bench *b)
{
    size_t i, k;

    printf("at best");
    for (i = 0; i < b->n_rows; i++) {
        const struct inn_bench_row *row = &b->rows[i];

        for (k = 0; k < i && b->rows[k].threads != row->threads; k++)
            ;
        if (k == i)
            printf("%s %.4g GFLOP/s with %d thread%s", i > 0 ? "," : "",
                   row->peak_gflops, row->threads,
                   row->threads != 1 ? "s" : "");
    }
    printf("\n");
}

enum inn_status inn_bench_print_tables(const struct inn_bench *b,
                                       struct inn_error *err)
{
    char cpu[INN_CPU_TEXT], kernels[KERNELS_TEXT];
    bool ruled = b->net.model != NULL;
    struct inn_table table;
    enum inn_status st;
    size_t i;

    printf("%s; %s\n", inn_cpu_text(cpu),
           inn_kernels_text(kernels, sizeof(kernels)));
    print_peaks(b);
    if (b->cli->common->verbose) {
        printf("opened in %.4g ms\n", b->open_ms);
        for (i = 0; i < b->n_rows; i++) {
            printf("row %zu: ", i + 1);
            if (ruled)
                printf("sampled in %.4g ms, ", b->rows[i].sample_ms);
            printf("first output in %.4g ms\n", b->rows[i].first_ms);
        }
    }
    inn_table_init(&table, &b->cli->arena,
                   ruled ? "width>|batch>|threads>|precision|MACs>|runs>|"
                           "min ms>|median>|mean>|p90>|p99>|per second>|"
                           "GFLOP/s>|of peak>|memory>"
                         : "batch>|threads>|precision|MACs>|runs>|min ms>|"
                           "median>|mean>|p90>|p99>|per second>|GFLOP/s>|"
                           "of peak>|memory>");
    for (i = 0; i < b->n_rows; i++)
        add_cells(&table, &b->rows[i], ruled);
    st = inn_table_print(&table, stdout, 0, err);
    for (i = 0; i < b->n_rows && b->v->per_layer && st == INN_OK; i++)
        st = print_layers(b, &b->rows[i], err);
    return st;
}
