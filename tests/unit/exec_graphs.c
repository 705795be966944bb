/*
 * Small graphs by hand, and what they compute by oneDNN held against the
 * reference kernels.
 */
#include "tests/unit/exec_graphs.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/net.h"
#include "tests/unit/starve.h"

/* A generator of our own, so that a seed means the same everywhere. */
uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

int64_t between(uint32_t *state, int64_t low, int64_t high)
{
    return low + (int64_t)(next_random(state) % (uint32_t)(high - low + 1));
}

bool coin(uint32_t *state)
{
    return next_random(state) % 2 == 0;
}

struct inn_heap *heap;
struct inn_graph *graph;
uint32_t seed;

void graph_begin(void)
{
    heap = inn_heap_new(0);
    ck_assert_int_eq(inn_graph_new(&graph, heap, NULL), INN_OK);
    seed = 1;
}

void graph_end(void)
{
    inn_graph_free(graph);
    graph = NULL;
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}

int add_value(const char *name)
{
    return net_value(graph, name);
}

int add_input(const char *name, enum inn_type type, int rank,
              const int64_t *dims)
{
    return net_input(graph, name, type, rank, dims, "N");
}

void add_output(int v)
{
    net_output(graph, graph->values[v].name);
}

/* Numbers of about unit size with few digits, so that sums are benign. */
float random_number(void)
{
    return (float)((int)(next_random(&seed) % 2001) - 1000) / 1000.0f;
}

void fill_tensor(struct inn_tensor *t)
{
    size_t i;

    for (i = 0; i < inn_tensor_count(t); i++)
        ((float *)t->data)[i] = random_number();
}

struct inn_tensor *new_tensor(enum inn_type type, int rank,
                                 const int64_t *dims)
{
    struct inn_tensor *t = inn_arena_alloc(&graph->arena, 1, sizeof(*t),
                                           NULL);

    ck_assert_ptr_nonnull(t);
    ck_assert_int_eq(inn_tensor_new(t, &graph->arena, type, rank, dims, NULL),
                     INN_OK);
    return t;
}

int add_weight(const char *name, int rank, const int64_t *dims)
{
    int v = net_init(graph, name, INN_F32, rank, dims, NULL);

    fill_tensor(graph->values[v].init);
    return v;
}

int add_weight_i64(const char *name, const int64_t *x, int64_t n)
{
    return net_init(graph, name, INN_I64, 1, &n, x);
}

int add_op(const char *type, int a, int b, int c)
{
    int in[3] = {a, b, c}, n = 0, index, out;
    char name[32];

    while (n < 3 && in[n] >= 0)
        n++;
    snprintf(name, sizeof(name), "v%d", graph->n_nodes);
    out = add_value(name);
    index = net_op(graph, type, 13, in, n, &out, 1);
    graph->nodes[index].name = inn_arena_printf(&graph->arena, NULL, "n%d",
                                                index);
    return out;
}

void set_ints(int v, const char *name, const int64_t *x, size_t n)
{
    struct inn_node *node = &graph->nodes[graph->values[v].producer];

    ck_assert_int_eq(inn_node_set_ints(graph, node, name, x, n, NULL),
                     INN_OK);
}

void set_int(int v, const char *name, int64_t x)
{
    struct inn_node *node = &graph->nodes[graph->values[v].producer];

    ck_assert_int_eq(inn_node_set_int(graph, node, name, x, NULL), INN_OK);
}

/* A new session with these options, run once; its outputs. */
const struct inn_tensor *run_once(struct inn_session **session, int threads,
                                    bool reference, bool keep_all,
                                    const struct inn_tensor *in, int n)
{
    struct inn_session_options options = {.threads = threads,
                                          .reference = reference,
                                          .keep_all = keep_all};
    const struct inn_tensor *out = NULL;
    struct inn_error err = {0};
    enum inn_status st;

    st = inn_session_new(session, graph, &options, &err);
    ck_assert_msg(st == INN_OK, "%s", err.message);
    st = inn_session_run(*session, &out, in, n, &err);
    ck_assert_msg(st == INN_OK, "%s", err.message);
    return out;
}

/* Fails unless all of x is within bound of y. */
static void check_near(const struct inn_tensor *x, const struct inn_tensor *y,
                       double bound)
{
    size_t i;

    ck_assert_int_eq(x->type, y->type);
    ck_assert(inn_tensor_same_shape(x, y));
    for (i = 0; i < inn_tensor_count(x); i++) {
        double a = (double)((const float *)x->data)[i];
        double b = (double)((const float *)y->data)[i];

        ck_assert_msg(fabs(a - b) <= bound, "element %zu: %g is not %g", i, a,
                      b);
    }
}

/*
 * Runs the graph by oneDNN on one and two threads and by the reference
 * kernels; equal bits among the former, within bound of the latter.
 */
void compare(const struct inn_tensor *in, int n, double bound)
{
    struct inn_session *one, *two, *ref, *all;
    const struct inn_tensor *a = run_once(&one, 1, false, false, in, n);
    const struct inn_tensor *b = run_once(&two, 2, false, false, in, n);
    const struct inn_tensor *c = run_once(&ref, 2, true, false, in, n);
    const struct inn_tensor *d = run_once(&all, 2, false, true, in, n);
    int i;

    for (i = 0; i < graph->n_outputs; i++) {
        ck_assert_uint_eq(a[i].bytes, b[i].bytes);
        if (a[i].bytes != 0)
            ck_assert_mem_eq(a[i].data, b[i].data, a[i].bytes);
        check_near(&a[i], &c[i], bound);
        check_near(&d[i], &c[i], bound);
    }
    inn_session_free(one);
    inn_session_free(two);
    inn_session_free(ref);
    inn_session_free(all);
}

void starve_session(const struct inn_session_options *how,
                    const struct inn_tensor *in, int n)
{
    struct starve s = starve(heap, 10, 900);

    while (starving(&s)) {
        const struct inn_tensor *out;
        struct inn_session *session;

        s.st = inn_session_new(&session, graph, how, s.err);
        ck_assert_int_eq(session != NULL, s.st == INN_OK);
        if (s.st == INN_OK)
            s.st = inn_session_run(session, &out, in, n, s.err);
        inn_session_free(session);
    }
}

double sum_bound(double n)
{
    return n * (n + 4) * 1.2e-7;
}
