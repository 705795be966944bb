/*
 * Refitting: a sampled network walks beside the full one through the same
 * samples, and every linear layer of it is fitted in closed form, all taps
 * and the bias, to what the full network gives there, from what the sampled
 * one itself feeds it. No backward pass; the samples need no labels.
 */
#ifndef INN_REFIT_REFIT_H
#define INN_REFIT_REFIT_H

#include "runtime/grid/plan.h"
#include "runtime/exec/feed.h"
#include "runtime/refit/fit.h"

struct inn_refit_options {
    const struct inn_feed *feed;
    /*
     * Samples are unlike what the network was trained on: in both networks
     * what a folded BatchNormalization gave gets, over these samples, the
     * mean and deviation it had in training.
     */
    bool standardise;
    const struct inn_refit_settings *settings; /* NULL: the defaults */
    int threads;
    /* What it will take, before it begins, and how far it is; may be NULL. */
    void (*begin)(void *state, double seconds);
    void (*progress)(void *state, int64_t i, int64_t n);
    void *state;
};

/* Layers left whose names a report has room for. */
#define INN_REFIT_NAMED 8

struct inn_refit_report {
    int layers;  /* refitted */
    int left;    /* layers that were left as they are; the first of them: */
    char named[INN_REFIT_NAMED][96]; /* cut to size */
    const char *why[INN_REFIT_NAMED]; /* one sentence; static */
};

/*
 * Changes the weights of cut, which was sampled from model at plan. full:
 * the same at full width. Nothing to do at full width: INN_OK. Same bits on
 * any number of threads. INN_ERR_UNSUPPORTED: one of the two can't be run on
 * these samples.
 */
enum inn_status inn_refit(struct inn_graph *cut, const struct inn_graph *full,
                          const struct inn_model *model,
                          const struct inn_plan *plan,
                          const struct inn_refit_options *options,
                          struct inn_refit_report *report,
                          struct inn_error *err);

#endif
