/*
 * inn bench: a row for every width, batch and thread count. bench.c has the
 * options and the order of things, bench_row.c what is done for one row,
 * bench_report.c what is printed.
 */
#ifndef INN_TOOLS_BENCH_H
#define INN_TOOLS_BENCH_H

#include "runtime/cli/cli.h"
#include "runtime/tools/compute.h"
#include "runtime/tools/refitting.h"
#include "runtime/tools/times.h"

struct inn_bench_values {
    struct inn_common common;
    struct inn_sampling sampling;
    struct inn_refitting refit;
    struct inn_compute compute; /* precision comes from precisions */
    const char *precisions;     /* words between commas; NULL: f32 */
    struct inn_cli_numbers widths, batch, threads;
    int64_t warmup, runs; /* runs 0: as long as duration says */
    double duration;      /* s; 0: not given */
    bool per_layer, alternate;
};

/* A step of the plan; times are means over the runs. */
struct inn_bench_layer {
    const char *name;   /* of the graph node, else of its first output */
    const char *op;     /* "": a change of layout or type */
    const char *kernel; /* who computes it */
    int n_fused;
    int64_t macs;
    double ms;
};

struct inn_bench_row {
    double width; /* NaN: not one number, or an .onnx */
    int64_t batch; /* size of the first input's first axis */
    int threads;
    struct inn_compute compute;
    double peak_gflops; /* of as many threads */
    struct inn_cost cost; /* of one run: MACs of the whole batch */
    double sample_ms; /* NaN of an .onnx */
    double first_ms;  /* from the network to its first output */
    size_t n_runs;
    struct inn_times times;
    size_t peak_bytes; /* 0: unknown */
    size_t workspace_bytes;
    struct inn_bench_layer *layers;
    int n_layers;

    /* While it can run. */
    struct inn_graph *graph; /* borrowed */
    struct inn_session *session;
    struct inn_tensor *in;
    double *ms; /* [capacity] */
    size_t capacity;
    int64_t *warm_ns; /* [n_layers] what the steps had before they counted */
    struct inn_arena arena;
};

struct inn_bench {
    struct inn_cli *cli;
    const struct inn_bench_values *v;
    struct inn_network net;
    struct inn_refitter refitter;
    const char *at; /* what an error is about */
    double open_ms;
    struct inn_bench_row *rows;
    size_t n_rows;
    double peak_gflops; /* of the most threads of any row */
};

/*
 * Makes row ready: inputs, a plan, warm. Its graph, cost, width and threads
 * are set; batch 0 leaves sizes as the network and --input-shape have them.
 */
enum inn_status inn_bench_row_begin(struct inn_bench_row *row,
                                    const struct inn_bench *b,
                                    struct inn_error *err);

/* One part of so many of the timed runs. */
enum inn_status inn_bench_row_run(struct inn_bench_row *row,
                                  const struct inn_bench *b, int parts,
                                  struct inn_error *err);

/* Once the runs are done: times, memory, layers. */
enum inn_status inn_bench_row_sum(struct inn_bench_row *row,
                                  const struct inn_bench *b,
                                  struct inn_error *err);

/* Gives back what only running needs; any number of times. */
void inn_bench_row_free(struct inn_bench_row *row);

enum inn_status inn_bench_print_json(const struct inn_bench *b,
                                     struct inn_error *err);
enum inn_status inn_bench_print_tables(const struct inn_bench *b,
                                       struct inn_error *err);

#endif
