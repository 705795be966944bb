/*
 * What all tasks of inn eval share: a network, chosen pictures, and a row of
 * results for every width and rule. A task brings its pictures and measures.
 */
#ifndef INN_TOOLS_EVAL_H
#define INN_TOOLS_EVAL_H

#include "runtime/cli/cli.h"
#include "runtime/cli/json.h"
#include "runtime/cli/table.h"
#include "runtime/pictures/prep.h"
#include "runtime/tools/compute.h"
#include "runtime/tools/network.h"
#include "runtime/tools/refitting.h"
#include "runtime/tools/unmeasured.h"

struct inn_eval_values {
    struct inn_common common;
    struct inn_sampling sampling;
    struct inn_refitting refit;
    struct inn_compute compute;
    struct inn_prep_options prep;
    const char *data;
    struct inn_cli_numbers widths;
    double range; /* NaN: not given */
    const char *plot;
    int task, images, against;
    int64_t batch, multiple; /* 0: not given */
};

struct inn_eval_row {
    double width; /* NaN: not one number */
    bool ruled;   /* rules mean something: an .inn */
    struct inn_rules rules;
    struct inn_cost cost;
    double top1, top5; /* percent; NaN: not measured */
    double confidence; /* mean of the largest probability; NaN: none */
    double psnr, ssim; /* psnr in dB */
    float *scores;     /* [n_chosen] of each picture: 100 or 0, or its PSNR */
    /*
     * Against full width: scores lost on average, their paired standard
     * error, ‖z − z_full‖²/‖z_full − its mean over pictures‖² of the
     * network's scores z. NaN: not measured.
     */
    double loss, loss_se, logit_error;
    const struct inn_eval_row *beats; /* a wider one that is clearly worse */
};

struct inn_eval;

struct inn_eval_task {
    const char *heads; /* of its columns, for inn_table_init */
    /* What is wrong with the options, or NULL. */
    const char *(*wrong)(const struct inn_eval_values *v);
    /*
     * Reads what can be before a row is run, calls inn_eval_choose, and sets
     * state, from the command's arena.
     */
    enum inn_status (*open)(struct inn_eval *e, struct inn_error *err);
    /* Fills row->cost for e->net at its present width, per picture. */
    enum inn_status (*cost)(struct inn_eval_row *row, struct inn_eval *e,
                            struct inn_error *err);
    enum inn_status (*run)(struct inn_eval_row *row, struct inn_eval *e,
                           struct inn_session *session,
                           struct inn_arena *arena, struct inn_error *err);
    void (*add_cells)(struct inn_table *table,
                      const struct inn_eval_row *row);
    /* What the PSNR and SSIM of rows are compared with, or NULL. */
    const char *baseline;
    const char *quality, *unit; /* what row->scores average to */
    const char *compared;       /* columns of the comparison with full width */
};

struct inn_eval {
    struct inn_cli *cli;
    const struct inn_eval_values *v;
    const struct inn_eval_task *task;
    struct inn_network net;
    struct inn_refitter refitter;
    struct inn_unmeasured unmeasured; /* of an .inn */
    int64_t *chosen, n_chosen;    /* numbers of the pictures that count */
    struct inn_eval_row baseline; /* if the task has one */
    struct inn_eval_row full;     /* of an .inn: full width */
    const char *at;               /* the file that an error is about */
    void *state;                  /* the task's */
};

/*
 * One row alone: path at the width and rules of v, which is not compared
 * with full width. The message names the file it is about unless that is
 * path; the row's memory is cli's.
 */
enum inn_status inn_eval_one(struct inn_eval_row *row, struct inn_cli *cli,
                             const struct inn_eval_values *v,
                             const char *path, struct inn_error *err);

/* An empty row, with room for a score of each chosen picture. */
enum inn_status inn_eval_new_row(struct inn_eval_row *row,
                                 struct inn_eval *e, struct inn_error *err);

/* Runs what e->net has become, sampled or read, over all pictures. */
enum inn_status inn_eval_measure(struct inn_eval_row *row,
                                 struct inn_eval *e, struct inn_error *err);

/*
 * --prep all: the network under every preset that its pictures' channels
 * allow, and the file's own preparation, the best first; printed as --json
 * or as a table. e is open, with the task class.
 */
enum inn_status inn_eval_preps(struct inn_eval *e,
                               const struct inn_rules *rules,
                               struct inn_error *err);

/* Of the task class: how pictures enter from now on; their channels. */
enum inn_status inn_eval_class_prep(struct inn_eval *e,
                                    const struct inn_prep_options *options,
                                    struct inn_error *err);
int64_t inn_eval_class_channels(const struct inn_eval *e);

/* Which of n pictures count, by --images. */
enum inn_status inn_eval_choose(struct inn_eval *e, int64_t n,
                                struct inn_error *err);

/* Mean of a − b over n pictures and its standard error (NaN for n < 2). */
void inn_paired_difference(double *mean, double *se, const float *a,
                           const float *b, int64_t n);

/* row->loss and loss_se against full. */
void inn_eval_pair(struct inn_eval_row *row, const struct inn_eval_row *full,
                   int64_t n_pictures);

/*
 * Sets beats in each of n rows that is better than a wider one of the same
 * rules by more than two paired standard errors: the one it beats most.
 */
void inn_eval_mark(struct inn_eval_row *rows, size_t n, int64_t n_pictures);

/* One curve for all rows of the same rules. */
enum inn_status inn_eval_plot(const struct inn_eval *e,
                              const struct inn_eval_row *rows, size_t n,
                              struct inn_error *err);

extern const struct inn_eval_task inn_eval_class;
extern const struct inn_eval_task inn_eval_sr;

#endif
