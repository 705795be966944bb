/*
 * --refit: a sampled network's layers fitted to samples of the user's, for
 * every command that may want that.
 */
#ifndef INN_TOOLS_REFITTING_H
#define INN_TOOLS_REFITTING_H

#include "runtime/refit/refit.h"
#include "runtime/tools/network.h"

struct inn_refitting {
    const char *data; /* NULL: not asked for */
    int64_t samples;  /* 0: not given */
};
extern const struct inn_option inn_refitting_options[];

/* What is wrong with the options, as one sentence; or NULL. */
const char *inn_refitting_wrong(const struct inn_refitting *v);

/* What stays from one width to the next; all zero to begin with. */
struct inn_refitter {
    struct inn_arena arena;
    struct inn_feed feed;
    struct inn_graph *full; /* the network at full width, or NULL */
    struct inn_refit_report report; /* of the last time */
};

/*
 * Refits what net was sampled to, if v asks for it. Files are read the first
 * time. INN_ERR_ARGUMENT for an ONNX network, which has one width; *at is
 * what other errors are about: the data, or net's path.
 */
enum inn_status inn_refit_network(struct inn_refitter *r,
                                  struct inn_network *net,
                                  const struct inn_refitting *v, int threads,
                                  struct inn_progress *progress,
                                  const char **at, struct inn_error *err);
void inn_refitter_free(struct inn_refitter *r);

#endif
