/*
 * A network graph node by graph node over a number of samples at once, at the
 * caller's pace: values of all samples are alive between their producer and
 * their last reader, and may be looked at and changed there.
 */
#ifndef INN_EXEC_INTERPRETER_H
#define INN_EXEC_INTERPRETER_H

#include "runtime/graph/graph.h"
#include "runtime/ops/shapes.h"
#include "runtime/exec/feed.h"

struct inn_interpreter {
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
 * on these. inn_interpreter_free after success and after failure.
 */
enum inn_status inn_interpreter_start(struct inn_interpreter *it,
                               const struct inn_graph *graph,
                               const struct inn_feed *feed, int64_t first,
                               int64_t count, int threads,
                               struct inn_error *err);
void inn_interpreter_free(struct inn_interpreter *it);

/*
 * Runs graph node k, whose operands must be alive, and lets go of operands
 * that nobody reads any more. Nothing if it has run or nobody needs it.
 */
enum inn_status inn_interpreter_node(struct inn_interpreter *it, int k,
                                     struct inn_error *err);

/*
 * The same in steps: memory for the results, perhaps that of an operand which
 * dies here; the results, also once more while operands are held; and what
 * nobody reads any more let go.
 */
enum inn_status inn_interpreter_begin(struct inn_interpreter *it, int k,
                                      struct inn_error *err);
enum inn_status inn_interpreter_compute(struct inn_interpreter *it, int k,
                                        struct inn_error *err);
void inn_interpreter_end(struct inn_interpreter *it, int k);

/* Bytes of one sample's values when most of them are alive. */
enum inn_status inn_interpreter_peak(struct inn_interpreter *it, size_t *peak,
                                     struct inn_error *err);

/* One more reader of v, or one less: with the last the value dies. */
void inn_interpreter_hold(struct inn_interpreter *it, int v);
void inn_interpreter_release(struct inn_interpreter *it, int v);

/* The shape of v for one sample; NULL where it is constant or unknown. */
const struct inn_tensor *inn_interpreter_shape(
    const struct inn_interpreter *it, int v);

/* Sample i of v, which is alive; bytes as inn_interpreter_shape says. */
static inline void *inn_interpreter_sample(const struct inn_interpreter *it,
                                           int v, size_t i, size_t bytes)
{
    return (char *)it->data[v] + i * bytes;
}

/*
 * Appends the samples of more, which has run just the same graph nodes of the
 * same network, to w's. Frees more.
 */
enum inn_status inn_interpreter_join(struct inn_interpreter *it,
                                     struct inn_interpreter *more,
                                     struct inn_error *err);

#endif
