/*
 * For the tests of exec: graphs built in a few lines. One graph at a time, in
 * a heap that must be empty at its end. Any failure fails the test.
 */
#ifndef INN_TESTS_EXEC_GRAPHS_H
#define INN_TESTS_EXEC_GRAPHS_H

#include "runtime/exec/session.h"

extern struct inn_heap *heap;
extern struct inn_graph *graph;
extern uint32_t seed; /* of all that is random below; graph_begin sets it */

uint32_t next_random(uint32_t *state);
int64_t between(uint32_t *state, int64_t low, int64_t high);
bool coin(uint32_t *state);
float random_number(void);

void graph_begin(void);
void graph_end(void);

/* Each returns the value it adds. A size of -1 is open. */
int add_value(const char *name);
int add_input(const char *name, enum inn_type type, int rank,
              const int64_t *dims);
int add_weight(const char *name, int rank, const int64_t *dims);
int add_weight_i64(const char *name, const int64_t *x, int64_t n);
/* A graph node of opset 13 with up to three inputs; -1 ends them. */
int add_op(const char *type, int a, int b, int c);
void add_output(int v);

/* Attributes of the graph node that makes v. */
void set_ints(int v, const char *name, const int64_t *x, size_t n);
void set_int(int v, const char *name, int64_t x);

struct inn_tensor *new_tensor(enum inn_type type, int rank,
                              const int64_t *dims);
void fill_tensor(struct inn_tensor *t);

/* A new session, run once; its outputs. */
const struct inn_tensor *run_once(struct inn_session **session, int threads,
                                  bool reference, bool keep_all,
                                  const struct inn_tensor *in, int n);

/* Starves a session (starve.h), from when it is made to when it has run. */
void starve_session(const struct inn_session_options *how,
                    const struct inn_tensor *in, int n);

/*
 * Runs the graph by oneDNN on one and two threads and by the reference
 * kernels; equal bits among the former, within bound of the latter.
 */
void compare(const struct inn_tensor *in, int n, double bound);

/*
 * A sum of n products of numbers of at most 1 in float, in any order, is off
 * by at most n n eps/2 (each partial sum <= n, each addition rounds by eps/2);
 * the reference sums in double and rounds once. Doubled for what follows.
 */
double sum_bound(double n);

#endif
