/*
 * What the C sides of tests/bench/speed share: a network with its inputs, and
 * the conversation with the script, which says how many runs it wants.
 */
#ifndef INN_TESTS_BENCH_SPEED_SIDE_H
#define INN_TESTS_BENCH_SPEED_SIDE_H

#include "runtime/graph/graph.h"
#include "runtime/ops/shapes.h"

struct side {
    struct inn_heap *heap;
    struct inn_arena arena;
    struct inn_graph *graph;
    struct inn_shapes shapes; /* of all values, for these inputs */
    struct inn_tensor *in;    /* [graph->n_inputs] */
};

/*
 * Opens words[0]; its inputs get sizes from batch and side where the file
 * leaves them open, or those of words[1 ...] ("NAME:1,3,224,224").
 */
enum inn_status side_open(struct side *s, char **words, int n, int64_t batch,
                          int64_t side, struct inn_error *err);
void side_close(struct side *s);

/* The line "inputs NAME:TYPE:D0,D1,… …". */
void side_print_inputs(const struct side *s);
/* The line "ready MEAN BYTES", bytes being the process's peak. */
void side_print_ready(double mean);

/*
 * Until stdin ends: for a line N the milliseconds of N runs; other lines go
 * to other, which may be NULL.
 */
typedef enum inn_status side_run_fn(void *arg, struct inn_error *err);
typedef enum inn_status side_other_fn(void *arg, const char *line,
                                      struct inn_error *err);
enum inn_status side_serve(side_run_fn *run, side_other_fn *other, void *arg,
                           struct inn_error *err);

#endif
