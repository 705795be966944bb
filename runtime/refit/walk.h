/*
 * A network graph node by graph node over a number of samples at once, at the
 * caller's pace: values of all samples are alive between their producer and
 * their last reader, and may be looked at and changed there.
 */
#ifndef INN_REFIT_WALK_H
#define INN_REFIT_WALK_H

#include "runtime/graph/graph.h"
#include "runtime/ops/shapes.h"
#include "runtime/refit/feed.h"

struct inn_walk {
    const struct inn_graph *graph; /* borrowed; its weights may change */
    struct inn_arena arena;
    struct inn_shapes shapes; /* of one sample; constants have data */
    size_t samples;
    void **data;    /* by value: of all samples, while alive */
    bool *borrowed; /* by value: an input, not ours to free */
    int *uses;      /* by value: readers to come, and holds */
    bool *needed;   /* by graph node: outputs depend on it */
    bool *done;     /* by graph node: it has run */
    int threads;
};

/*
 * Over samples first … first + count − 1 of feed, which is borrowed; all
 * graph nodes are still to run. INN_ERR_UNSUPPORTED: the network can't be run
 * on these. inn_walk_free after success and after failure.
 */
enum inn_status inn_walk_start(struct inn_walk *w,
                               const struct inn_graph *graph,
                               const struct inn_feed *feed, int64_t first,
                               int64_t count, int threads,
                               struct inn_error *err);
void inn_walk_free(struct inn_walk *w);

/*
 * Runs graph node k, whose operands must be alive, and lets go of operands
 * that nobody reads any more. Nothing if it has run or nobody needs it.
 */
enum inn_status inn_walk_node(struct inn_walk *w, int k,
                              struct inn_error *err);

/* The node's results once more, its operands being alive: nothing dies. */
enum inn_status inn_walk_again(struct inn_walk *w, int k,
                               struct inn_error *err);

/* One more reader of v, or one less: with the last the value dies. */
void inn_walk_hold(struct inn_walk *w, int v);
void inn_walk_release(struct inn_walk *w, int v);

/* The shape of v for one sample; NULL where it is constant or unknown. */
const struct inn_tensor *inn_walk_shape(const struct inn_walk *w, int v);

/* Sample i of v, which is alive; its bytes are those of inn_walk_shape. */
static inline void *inn_walk_sample(const struct inn_walk *w, int v,
                                    size_t i, size_t bytes)
{
    return (char *)w->data[v] + i * bytes;
}

/*
 * Appends the samples of more, which has run just the same graph nodes of the
 * same network, to w's. Frees more.
 */
enum inn_status inn_walk_join(struct inn_walk *w, struct inn_walk *more,
                              struct inn_error *err);

#endif
