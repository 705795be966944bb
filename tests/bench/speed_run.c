/*
 * Our side of tests/bench/speed: a network held open, run as often as a line
 * on stdin says.
 *
 *     tests/bench/speed_run [--bf16] [--tune=FILE] THREADS BATCH SIDE
 *         FILE.onnx [NAME:D0,D1,…]...
 *
 * Prints "inputs NAME:TYPE:D0,D1 …" and "ready MEAN BYTES", the outputs' mean
 * magnitude and the process's peak memory; then, for every line N, the
 * milliseconds of N runs. A line "profile N" prints steps by time instead.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/exec/session.h"
#include "tests/bench/speed_side.h"

struct ours {
    struct side side;
    const struct inn_tensor *out;
    struct inn_session_options how;
    struct inn_session *session;
};

static enum inn_status run(void *arg, struct inn_error *err)
{
    struct ours *o = arg;

    return inn_session_run(o->session, &o->out, o->side.in,
                           o->side.graph->n_inputs, err);
}

static double mean_magnitude(const struct ours *o)
{
    double sum = 0, count = 0;
    int i;

    for (i = 0; i < o->side.graph->n_outputs; i++) {
        const struct inn_tensor *t = &o->out[i];
        size_t n = inn_tensor_count(t), j;

        for (j = 0; j < n; j++) {
            double x;

            inn_convert_elements(&x, INN_F64,
                                 (const char *)t->data +
                                     j * inn_type_size(t->type),
                                 t->type, 1);
            sum += fabs(x);
        }
        count += (double)n;
    }
    return sum / count;
}

static int slower_first(const void *a, const void *b)
{
    const struct inn_step_info *x = a, *y = b;

    return (x->ns < y->ns) - (x->ns > y->ns);
}

static void print_step(const struct inn_step_info *step, int runs)
{
    const struct inn_node *node = step->node;

    printf("%9.3f ms %8.1f GFLOP/s  %-24s %s+%d %s\n",
           (double)step->ns * 1e-6 / runs,
           2.0 * (double)step->macs * runs /
               (double)(step->ns > 0 ? step->ns : 1),
           step->impl, node != NULL ? node->op_type : "-", step->n_fused,
           node != NULL ? node->name : "");
}

/* Steps with their times; a session of its own, so that others pay nothing. */
static enum inn_status profile(void *arg, const char *line,
                               struct inn_error *err)
{
    struct ours *o = arg;
    struct inn_session *timed;
    struct inn_session_options how = o->how;
    struct inn_step_info *steps;
    enum inn_status st;
    int i, n, runs = 0;

    if (sscanf(line, "profile %d", &runs) != 1)
        return INN_OK;
    how.profile = true;
    st = inn_session_new(&timed, o->side.graph, &how, err);
    for (i = 0; i < runs && st == INN_OK; i++)
        st = inn_session_run(timed, &o->out, o->side.in,
                             o->side.graph->n_inputs, err);
    if (st != INN_OK)
        return st;
    n = inn_session_n_steps(timed);
    steps = inn_arena_alloc(&o->side.arena, (size_t)n, sizeof(*steps), err);
    if (steps == NULL)
        return err->status;
    for (i = 0; i < n; i++)
        inn_session_step(timed, &steps[i], i);
    qsort(steps, (size_t)n, sizeof(*steps), slower_first);
    for (i = 0; i < n; i++)
        print_step(&steps[i], runs);
    fflush(stdout);
    inn_session_free(timed);
    return INN_OK;
}

int main(int argc, char **argv)
{
    struct inn_error err = {0};
    struct ours o = {.session = NULL};
    enum inn_status st;

    for (; argc > 1 && argv[1][0] == '-'; argc--, argv++) {
        if (strcmp(argv[1], "--bf16") == 0)
            o.how.bf16 = true;
        else if (strncmp(argv[1], "--tune=", 7) == 0)
            o.how.tune = argv[1] + 7;
        else
            break;
    }
    if (argc < 5) {
        fputs("usage: speed_run [--bf16] [--tune=FILE] THREADS BATCH SIDE "
              "FILE.onnx [NAME:D0,D1,…]...\n", stderr);
        return 2;
    }
    o.how.threads = atoi(argv[1]);
    st = side_open(&o.side, argv + 4, argc - 4, atoi(argv[2]), atoi(argv[3]),
                   &err);
    if (st == INN_OK)
        st = inn_session_new(&o.session, o.side.graph, &o.how, &err);
    if (st == INN_OK)
        st = run(&o, &err);
    if (st == INN_OK) {
        side_print_inputs(&o.side);
        side_print_ready(mean_magnitude(&o));
        st = side_serve(run, profile, &o, &err);
    }
    if (st != INN_OK)
        fprintf(stderr, "speed_run: %s: %s\n", argv[4], err.message);
    inn_session_free(o.session);
    side_close(&o.side);
    return st == INN_OK ? 0 : 1;
}
