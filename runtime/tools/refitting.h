/*
 * --refit: a sampled network's layers fitted to samples, for every command
 * that samples.
 */
#ifndef INN_TOOLS_REFITTING_H
#define INN_TOOLS_REFITTING_H

#include "runtime/cli/json.h"
#include "runtime/refit/refit.h"
#include "runtime/tools/network.h"

struct inn_refitting {
    const char *data; /* "auto", "off" or a path; NULL: not given */
    int64_t samples;  /* 0: not given */
    bool by_default;  /* the command's: auto where it is not given */
};
extern const struct inn_option inn_refitting_options[];

/* What is wrong with the options, as one sentence; or NULL. */
const char *inn_refitting_wrong(const struct inn_refitting *v);

/* The path among them, or NULL. */
const char *inn_refitting_path(const struct inn_refitting *v);

/* What stays from one width to the next; all zero to begin with. */
struct inn_refitter {
    struct inn_arena arena;
    struct inn_feed feed;
    struct inn_graph *full; /* the network at full width, or NULL */
    /* Of the last time; source NONE: nothing was refitted. */
    enum inn_refit_source source;
    struct inn_refit_report report;
    struct inn_cli *cli;
    char phase[48]; /* of progress */
};

/*
 * Makes net->refit what a refit at this width would go by, for which see
 * inn_refit_choose: nothing by itself where every channel stays, or where the
 * rules of sampling were chosen by hand, which whoever does that wants to see.
 * net is of an .inn; width as in inn_sampling_plan.
 */
enum inn_status inn_refitting_choose(struct inn_network *net,
                                     const struct inn_sampling *s,
                                     double width,
                                     const struct inn_rules *rules,
                                     const struct inn_refitting *v,
                                     int threads, struct inn_error *err);

/*
 * As inn_network_sample, for a plan that suits what follows; then the refit,
 * if v and the file ask for one. Samples are read the first time. Where auto
 * finds a network that can't be refitted, a note says why and it stays as it
 * was sampled. INN_ERR_ARGUMENT for an ONNX network, which has one width, and
 * a path that is asked for; *at is what other errors are about: the data, or
 * net's path.
 */
enum inn_status inn_refit_sample(struct inn_refitter *r,
                                 struct inn_network *net,
                                 const struct inn_sampling *s, double width,
                                 const struct inn_rules *rules,
                                 const struct inn_refitting *v,
                                 struct inn_cli *cli, int threads,
                                 const char **at, struct inn_error *err);
void inn_refitter_free(struct inn_refitter *r);

/* "64 stored inputs": what the last refit went by. */
#define INN_REFITTER_TEXT 80
const char *inn_refitter_text(char text[INN_REFITTER_TEXT],
                              const struct inn_refitter *r);

/*
 * The fields refit, refit_layers, refit_samples and refit_left, where there
 * was a refit.
 */
void inn_json_refit(struct inn_json *json, const struct inn_refitter *r);

/* Lines on the layers that were left, the first of them by name; or none. */
void inn_refit_print_left(const struct inn_refit_report *r);

#endif
