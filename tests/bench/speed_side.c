/*
 * A network with inputs of given sizes and the same numbers on every side of
 * tests/bench/speed.
 */
#include "tests/bench/speed_side.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/graph/onnx.h"

/* "NAME:1,3,224,224" among the words, if it is the input's. */
static bool given_shape(struct inn_binding *b, const char *name, char **words,
                        int n)
{
    size_t len = strlen(name);
    int i;

    for (i = 0; i < n; i++) {
        const char *p = words[i];

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

/* Open sizes are batch on axis 0, side elsewhere. */
static enum inn_status bind(struct inn_binding *b, const struct inn_value *v,
                            int64_t batch, int64_t side, struct inn_error *err)
{
    int k;

    if (v->rank < 0)
        return inn_fail(err, INN_ERR_ARGUMENT, "'%s' has no shape", v->name);
    b->rank = v->rank;
    for (k = 0; k < v->rank; k++) {
        b->dims[k] = v->dims[k].size;
        if (b->dims[k] < 0)
            b->dims[k] = k == 0 ? batch : side;
        else if (k == 0 && batch != 1 && b->dims[0] != batch)
            return inn_fail(err, INN_ERR_ARGUMENT, "batch is fixed");
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

static enum inn_status read_network(struct side *s, const char *path,
                                    struct inn_error *err)
{
    const struct inn_onnx_options options = {NULL};
    enum inn_status st;

    st = inn_onnx_read(&s->graph, path, &options, s->heap, err);
    if (st == INN_OK)
        st = inn_fold_constants(s->graph, err);
    if (st == INN_OK)
        st = inn_fold_batchnorm(s->graph, NULL, NULL, err);
    return st;
}

enum inn_status side_open(struct side *s, char **words, int n, int64_t batch,
                          int64_t side, struct inn_error *err)
{
    struct inn_binding *bindings;
    enum inn_status st;
    int i, count;

    memset(s, 0, sizeof(*s));
    s->heap = inn_heap_new(0);
    if (s->heap == NULL)
        return inn_fail(err, INN_ERR_MEMORY, "out of memory");
    inn_arena_init(&s->arena, s->heap);
    st = read_network(s, words[0], err);
    if (st != INN_OK)
        return st;
    count = s->graph->n_inputs;
    bindings = inn_arena_alloc(&s->arena, (size_t)count, sizeof(*bindings),
                               err);
    s->in = inn_arena_alloc(&s->arena, (size_t)count, sizeof(*s->in), err);
    if (bindings == NULL || s->in == NULL)
        return inn_refused(err);
    for (i = 0; i < count && st == INN_OK; i++) {
        const struct inn_value *v = &s->graph->values[s->graph->inputs[i]];

        bindings[i].name = v->name;
        if (!given_shape(&bindings[i], v->name, words + 1, n - 1))
            st = bind(&bindings[i], v, batch, side, err);
    }
    if (st == INN_OK)
        st = inn_shapes_infer(&s->shapes, s->graph, bindings, (size_t)count,
                              1, 0, err);
    for (i = 0; i < count && st == INN_OK; i++) {
        const struct inn_tensor *t =
            inn_shapes_get(&s->shapes, s->graph->inputs[i]);

        st = inn_tensor_new(&s->in[i], &s->arena, t->type, t->rank, t->dims,
                            err);
        if (st == INN_OK)
            fill(&s->in[i]);
    }
    return st;
}

void side_close(struct side *s)
{
    if (s->heap == NULL)
        return;
    inn_shapes_free(&s->shapes);
    inn_graph_free(s->graph);
    inn_arena_free(&s->arena);
    inn_heap_free(s->heap);
}

void side_print_inputs(const struct side *s)
{
    int i, k;

    printf("inputs");
    for (i = 0; i < s->graph->n_inputs; i++) {
        printf(" %s:%s", s->graph->values[s->graph->inputs[i]].name,
               inn_type_name(s->in[i].type));
        for (k = 0; k < s->in[i].rank; k++)
            printf("%c%" PRId64, k == 0 ? ':' : ',', s->in[i].dims[k]);
    }
    printf("\n");
}

void side_print_ready(double mean)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    printf("ready %.9g %ld\n", mean, usage.ru_maxrss * 1024);
    fflush(stdout);
}

enum inn_status side_serve(side_run_fn *run, side_other_fn *other, void *arg,
                           struct inn_error *err)
{
    enum inn_status st = INN_OK;
    char line[64];

    while (st == INN_OK && fgets(line, sizeof(line), stdin) != NULL) {
        int n = atoi(line), i;

        if (!isdigit((unsigned char)line[0]) && other != NULL)
            st = other(arg, line, err);
        for (i = 0; i < n && st == INN_OK; i++) {
            int64_t start = inn_clock_ns();

            st = run(arg, err);
            printf("%.6f%c", (double)(inn_clock_ns() - start) * 1e-6,
                   i + 1 < n ? ' ' : '\n');
        }
        fflush(stdout);
    }
    return st;
}
