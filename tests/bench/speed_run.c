/*
 * Our side of tests/bench/speed: a network held open, run as often as a line
 * on stdin says.
 *
 *     tests/bench/speed_run [--bf16] [--tune=FILE] FILE.onnx THREADS BATCH
 *         SIDE [NAME:D0,D1,…]...
 *
 * Prints "inputs NAME:TYPE:D0,D1 …" and "ready MEAN BYTES", the outputs' mean
 * magnitude and the process's peak memory; then, for every line N, the
 * milliseconds of N runs. A line "profile N" prints steps by time instead.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/exec/session.h"
#include "runtime/graph/onnx.h"
#include "runtime/ops/shapes.h"

struct side {
    struct inn_heap *heap;
    struct inn_graph *graph;
    struct inn_arena arena;
    struct inn_tensor *in;
    const struct inn_tensor *out;
    struct inn_session_options how;
    struct inn_session *session;
};

/* "NAME:1,3,224,224" among the arguments, if it is v's. */
static bool given_shape(struct inn_binding *b, const char *name, int argc,
                        char **argv)
{
    size_t len = strlen(name);
    int i;

    for (i = 5; i < argc; i++) {
        const char *p = argv[i];

        if (strncmp(p, name, len) != 0 || p[len] != ':')
            continue;
        b->rank = 0;
        for (p += len; *p != '\0' && b->rank < INN_MAX_RANK;) {
            char *end;

            b->dims[b->rank++] = strtoll(p + 1, &end, 10);
            p = end;
        }
        return true;
    }
    return false;
}

/* Sizes of all inputs: open ones are batch on axis 0, side elsewhere. */
static enum inn_status bind(struct side *s, struct inn_binding *bindings,
                            int argc, char **argv, struct inn_error *err)
{
    int64_t batch = atoi(argv[3]), side = atoi(argv[4]);
    int i, k;

    for (i = 0; i < s->graph->n_inputs; i++) {
        const struct inn_value *v = &s->graph->values[s->graph->inputs[i]];
        struct inn_binding *b = &bindings[i];

        b->name = v->name;
        if (given_shape(b, v->name, argc, argv))
            continue;
        if (v->rank < 0)
            return inn_fail(err, INN_ERR_ARGUMENT, "'%s' has no shape",
                            v->name);
        b->rank = v->rank;
        for (k = 0; k < v->rank; k++) {
            b->dims[k] = v->dims[k].size;
            if (b->dims[k] < 0)
                b->dims[k] = k == 0 ? batch : side;
            else if (k == 0 && batch != 1 && b->dims[0] != batch)
                return inn_fail(err, INN_ERR_ARGUMENT, "batch is fixed");
        }
    }
    return INN_OK;
}

/* The same numbers on every side: multiples of 1/256 that repeat late. */
static void fill(struct inn_tensor *t)
{
    size_t count = inn_tensor_count(t), size = inn_type_size(t->type), i;

    for (i = 0; i < count; i++) {
        float x = (float)(((uint32_t)i * 2654435761u) >> 24) / 256.0f;

        if (inn_type_is_float(t->type))
            inn_convert_elements((char *)t->data + i * size, t->type, &x,
                                 INN_F32, 1);
    }
}

static enum inn_status open_side(struct side *s, int argc, char **argv,
                                 struct inn_error *err)
{
    const struct inn_onnx_options options = {NULL};
    struct inn_binding *bindings;
    struct inn_shapes shapes;
    enum inn_status st;
    int i, n;

    st = inn_onnx_read(&s->graph, argv[1], &options, s->heap, err);
    if (st == INN_OK)
        st = inn_fold_constants(s->graph, err);
    if (st == INN_OK)
        st = inn_fold_batchnorm(s->graph, NULL, NULL, err);
    if (st != INN_OK)
        return st;
    n = s->graph->n_inputs;
    bindings = inn_arena_alloc(&s->arena, (size_t)n, sizeof(*bindings), err);
    s->in = inn_arena_alloc(&s->arena, (size_t)n, sizeof(*s->in), err);
    if (bindings == NULL || s->in == NULL)
        return inn_refused(err);
    st = bind(s, bindings, argc, argv, err);
    if (st != INN_OK)
        return st;
    st = inn_shapes_infer(&shapes, s->graph, bindings, (size_t)n, 1, 0, err);
    for (i = 0; i < n && st == INN_OK; i++) {
        const struct inn_tensor *t =
            inn_shapes_get(&shapes, s->graph->inputs[i]);

        st = inn_tensor_new(&s->in[i], &s->arena, t->type, t->rank, t->dims,
                            err);
        if (st == INN_OK)
            fill(&s->in[i]);
    }
    inn_shapes_free(&shapes);
    return st;
}

static enum inn_status run(struct side *s, struct inn_error *err)
{
    return inn_session_run(s->session, &s->out, s->in, s->graph->n_inputs,
                           err);
}

static void print_ready(const struct side *s)
{
    struct rusage usage;
    double sum = 0, count = 0;
    int i, k;

    printf("inputs");
    for (i = 0; i < s->graph->n_inputs; i++) {
        printf(" %s:%s", s->graph->values[s->graph->inputs[i]].name,
               inn_type_name(s->in[i].type));
        for (k = 0; k < s->in[i].rank; k++)
            printf("%c%" PRId64, k == 0 ? ':' : ',', s->in[i].dims[k]);
    }
    for (i = 0; i < s->graph->n_outputs; i++) {
        size_t n = inn_tensor_count(&s->out[i]), j;

        for (j = 0; j < n; j++) {
            double x;

            inn_convert_elements(&x, INN_F64,
                                 (const char *)s->out[i].data +
                                     j * inn_type_size(s->out[i].type),
                                 s->out[i].type, 1);
            sum += fabs(x);
        }
        count += (double)n;
    }
    getrusage(RUSAGE_SELF, &usage);
    printf("\nready %.9g %ld\n", sum / count, usage.ru_maxrss * 1024);
    fflush(stdout);
}

static int slower_first(const void *a, const void *b)
{
    const struct inn_step_info *x = a, *y = b;

    return (x->ns < y->ns) - (x->ns > y->ns);
}

/* Steps with their times; a session of its own, so that others pay nothing. */
static enum inn_status profile(struct side *s, int runs, struct inn_error *err)
{
    struct inn_session *timed;
    struct inn_session_options how = s->how;
    struct inn_step_info *steps;
    enum inn_status st;
    int i, n;

    how.profile = true;
    st = inn_session_new(&timed, s->graph, &how, err);
    for (i = 0; i < runs && st == INN_OK; i++)
        st = inn_session_run(timed, &s->out, s->in, s->graph->n_inputs, err);
    if (st != INN_OK)
        return st;
    n = inn_session_n_steps(timed);
    steps = inn_arena_alloc(&s->arena, (size_t)n, sizeof(*steps), err);
    if (steps == NULL)
        return inn_refused(err);
    for (i = 0; i < n; i++)
        inn_session_step(timed, &steps[i], i);
    qsort(steps, (size_t)n, sizeof(*steps), slower_first);
    for (i = 0; i < n; i++)
        printf("%9.3f ms %8.1f GFLOP/s  %-24s %s+%d %s\n",
               (double)steps[i].ns * 1e-6 / runs,
               2.0 * (double)steps[i].macs * runs /
                   (double)(steps[i].ns > 0 ? steps[i].ns : 1),
               steps[i].impl,
               steps[i].node != NULL ? steps[i].node->op_type : "-",
               steps[i].n_fused,
               steps[i].node != NULL ? steps[i].node->name : "");
    fflush(stdout);
    inn_session_free(timed);
    return INN_OK;
}

static enum inn_status serve(struct side *s, struct inn_error *err)
{
    enum inn_status st = INN_OK;
    char line[64];

    while (st == INN_OK && fgets(line, sizeof(line), stdin) != NULL) {
        int n = atoi(line), i;

        if (strncmp(line, "profile", 7) == 0) {
            st = profile(s, atoi(line + 7), err);
            continue;
        }
        for (i = 0; i < n && st == INN_OK; i++) {
            int64_t start = inn_clock_ns();

            st = run(s, err);
            printf("%.6f%c", (double)(inn_clock_ns() - start) * 1e-6,
                   i + 1 < n ? ' ' : '\n');
        }
        fflush(stdout);
    }
    return st;
}

int main(int argc, char **argv)
{
    struct inn_error err = {0};
    struct side s = {0};
    enum inn_status st;

    for (; argc > 1 && argv[1][0] == '-'; argc--, argv++) {
        if (strcmp(argv[1], "--bf16") == 0)
            s.how.bf16 = true;
        else if (strncmp(argv[1], "--tune=", 7) == 0)
            s.how.tune = argv[1] + 7;
        else
            break;
    }
    if (argc < 5) {
        fputs("usage: speed_run [--bf16] FILE.onnx THREADS BATCH SIDE "
              "[NAME:D0,D1,…]...\n", stderr);
        return 2;
    }
    s.heap = inn_heap_new(0);
    if (s.heap == NULL)
        return 6;
    inn_arena_init(&s.arena, s.heap);
    s.how.threads = atoi(argv[2]);
    st = open_side(&s, argc, argv, &err);
    if (st == INN_OK)
        st = inn_session_new(&s.session, s.graph, &s.how, &err);
    if (st == INN_OK)
        st = run(&s, &err);
    if (st == INN_OK) {
        print_ready(&s);
        st = serve(&s, &err);
    }
    if (st != INN_OK)
        fprintf(stderr, "speed_run: %s: %s\n", argv[1], err.message);
    inn_session_free(s.session);
    inn_graph_free(s.graph);
    inn_arena_free(&s.arena);
    inn_heap_free(s.heap);
    return st == INN_OK ? 0 : 1;
}
