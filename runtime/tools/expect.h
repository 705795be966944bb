/*
 * What a file is expected to be: an expect.json, read, judged and printed.
 * Its format is described in inn(1), EXPECTATIONS.
 */
#ifndef INN_TOOLS_EXPECT_H
#define INN_TOOLS_EXPECT_H

#include "runtime/tools/checks.h"
#include "runtime/tools/eval.h"
#include "runtime/tools/network.h"

/* An output: stored whole in a file, or a few of its values right here. */
struct inn_expect_output {
    const char *name;
    const char *file; /* or NULL, and: */
    int rank;
    int64_t dims[INN_MAX_RANK];
    size_t every; /* values are elements 0, every, 2·every … */
    size_t n_values;
    double *values;
    double mean, rms; /* of all elements; NaN: not given */
};

/* Inputs and what comes of them. */
struct inn_expect_reference {
    int64_t seed;                 /* of random inputs, */
    struct inn_cli_list inputs;   /* unless NAME=FILE are given */
    double atol, rtol;
    struct inn_expect_output *outputs;
    size_t n_outputs;
};

/* The network at one width. Bounds that are NaN twice are not checked. */
struct inn_expect_network {
    const char *where; /* "networks[1]" for messages */
    struct inn_sampling sampling;
    struct inn_bound params, macs;
    struct inn_expect_reference *references;
    size_t n_references;
    bool has_accuracy;
    struct inn_eval_values eval;
    struct inn_bound top1, top5, psnr, ssim;
};

struct inn_expect {
    struct inn_bound bytes, opset;
    bool has_operators, operators_only;
    struct inn_cli_list operators;
    struct inn_cli_list shapes; /* as of --input-shape */
    struct inn_expect_network *networks;
    size_t n_networks;
};

/*
 * Reads and checks path; everything lives in the arena. Paths in it are
 * taken from its own folder. Messages don't name path.
 */
enum inn_status inn_expect_read(struct inn_expect *expect, const char *path,
                                struct inn_arena *arena,
                                struct inn_error *err);

/*
 * Adds a line to checks for everything expected. Fails only where something
 * can't be tried at all. net is left at some width.
 */
enum inn_status inn_expect_judge(struct inn_checks *checks,
                                 const struct inn_expect *expect,
                                 struct inn_cli *cli, struct inn_network *net,
                                 struct inn_error *err);

/* What --print-expect takes its measurements by. */
struct inn_expect_request {
    const struct inn_eval_values *eval; /* .widths; .data or NULL */
    const struct inn_cli_list *inputs;  /* none: random, from the seed */
};

/* Prints an expect.json that net fulfils today. */
enum inn_status inn_expect_print(struct inn_cli *cli, struct inn_network *net,
                                 const struct inn_expect_request *request,
                                 struct inn_error *err);

/*
 * The kinds of the graph's operators, sorted, each once: "Conv",
 * "com.example:Frobnicate".
 */
enum inn_status inn_operator_kinds(struct inn_cli_list *kinds,
                                   const struct inn_graph *graph,
                                   struct inn_arena *arena,
                                   struct inn_error *err);

/* Runs net as it is now sampled: out[n_outputs], copied into the arena. */
enum inn_status inn_expect_run(struct inn_tensor *out,
                               struct inn_network *net,
                               const struct inn_cli_list *inputs,
                               int64_t seed, int threads,
                               struct inn_arena *arena,
                               struct inn_error *err);

#endif
