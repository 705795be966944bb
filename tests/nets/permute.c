/*
 * permute MODEL.onnx INPUT.npy …
 *
 * Permutes the channels of every group at random, everywhere they occur, and
 * runs the network before and after: outputs may differ by rounding alone,
 * or the analysis of groups is wrong. One more round permutes each group by
 * itself when the joint one fails, to name the culprit. Exit 0, or 1.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "converter/convert.h"
#include "runtime/base/npy.h"
#include "runtime/base/random.h"
#include "runtime/exec/session.h"

/*
 * Sums in another order differ by rounding: a few ulps per layer, amplified
 * by what follows. Networks here stay below 2e-5; a wrong group gives 1e-1.
 */
#define TOLERANCE 1e-4

#define MAX_INPUTS 8

struct trial {
    struct inn_heap *heap;
    struct inn_arena arena;
    struct inn_model *model;
    struct inn_tensor inputs[MAX_INPUTS];
    int n_inputs;
    struct inn_tensor *reference; /* outputs of the network as it is */
    int n_outputs;
    struct inn_error err;
};

static void shuffle(int64_t *order, int64_t n, uint64_t seed)
{
    int64_t i, j, t;

    for (i = n - 1; i > 0; i--) {
        j = (int64_t)(inn_random_bits(&seed) % (uint64_t)(i + 1));
        t = order[i];
        order[i] = order[j];
        order[j] = t;
    }
}

static void reset(struct trial *t)
{
    int64_t i;
    int g;

    for (g = 0; g < t->model->n_groups; g++) {
        for (i = 0; i < t->model->groups[g].size; i++)
            t->model->groups[g].order[i] = i;
    }
}

/* The network with every weight as its grid in the present orders. */
static struct inn_graph *permuted(struct trial *t)
{
    struct inn_graph *graph = NULL;
    int w;

    if (inn_graph_copy(&graph, t->model->graph, &t->err) != INN_OK)
        return NULL;
    for (w = 0; w < t->model->n_weights; w++) {
        struct inn_tensor *init =
            graph->values[t->model->weights[w].value].init;

        init->data = inn_arena_alloc(&graph->arena, init->bytes, 1, &t->err);
        if (init->data == NULL ||
            t->model->source.load(t->model->source.state, w, init->data,
                                  &t->err) != INN_OK) {
            inn_graph_free(graph);
            return NULL;
        }
    }
    return graph;
}

/*
 * Runs graph; keeps the outputs as the reference when there is none yet, or
 * gives the largest difference over the largest magnitude. Negative: failed.
 */
static double run(struct trial *t, const struct inn_graph *graph)
{
    struct inn_session_options options = {0};
    struct inn_session *session = NULL;
    const struct inn_tensor *out;
    double worst = -1;
    size_t i;
    int k;

    if (inn_session_new(&session, graph, &options, &t->err) != INN_OK ||
        inn_session_run(session, &out, t->inputs, t->n_inputs, &t->err) !=
            INN_OK)
        goto done;
    worst = 0;
    if (t->reference == NULL) {
        t->n_outputs = graph->n_outputs;
        t->reference = inn_arena_alloc(&t->arena, (size_t)t->n_outputs,
                                       sizeof(*out), &t->err);
        for (k = 0; t->reference != NULL && k < t->n_outputs; k++) {
            inn_tensor_new(&t->reference[k], &t->arena, INN_F32, out[k].rank,
                           out[k].dims, &t->err);
            inn_convert_elements(t->reference[k].data, INN_F32, out[k].data,
                                 out[k].type, inn_tensor_count(&out[k]));
        }
        goto done;
    }
    for (k = 0; k < t->n_outputs; k++) {
        const float *a = t->reference[k].data, *b = out[k].data;
        double top = 1e-30, diff = 0;

        if (out[k].type != INN_F32)
            continue;
        for (i = 0; i < inn_tensor_count(&out[k]); i++) {
            double d = fabs((double)a[i] - (double)b[i]);

            top = fmax(top, fabs((double)a[i]));
            diff = d > diff || isnan(d) ? d : diff;
        }
        worst = diff / top > worst || isnan(diff) ? diff / top : worst;
    }
done:
    inn_session_free(session);
    return worst;
}

/* The difference with one group permuted, or with all (g < 0). */
static double try(struct trial *t, int g)
{
    struct inn_graph *graph;
    double d = -1;
    int k;

    reset(t);
    for (k = 0; k < t->model->n_groups; k++) {
        if (g < 0 || k == g)
            shuffle(t->model->groups[k].order, t->model->groups[k].size,
                    (uint64_t)k + 1);
    }
    graph = permuted(t);
    if (graph != NULL)
        d = run(t, graph);
    inn_graph_free(graph);
    return d;
}

static int check(struct trial *t)
{
    double d = run(t, t->model->graph);
    int g;

    if (d < 0 || (d = try(t, -1)) < 0) {
        fprintf(stderr, "permute: %s\n", t->err.message);
        return 1;
    }
    printf("%d groups, largest difference %.2g\n", t->model->n_groups, d);
    if (d <= TOLERANCE)
        return 0;
    for (g = 0; g < t->model->n_groups; g++) {
        d = try(t, g);
        if (!(d <= TOLERANCE))
            fprintf(stderr, "permute: group '%s' changes outputs by %.2g\n",
                    t->model->groups[g].name, d);
    }
    return 1;
}

int main(int argc, char **argv)
{
    struct inn_convert_options options = {0};
    struct inn_convert_report report;
    struct trial t = {0};
    int i, status = 1;

    if (argc < 3 || argc - 2 > MAX_INPUTS) {
        fprintf(stderr, "usage: permute MODEL.onnx INPUT.npy ...\n");
        return 2;
    }
    t.heap = inn_heap_new(0);
    if (t.heap == NULL)
        return 1;
    inn_arena_init(&t.arena, t.heap);
    for (i = 2; i < argc; i++) {
        if (inn_npy_read(&t.inputs[t.n_inputs++], argv[i], &t.arena,
                         &t.err) != INN_OK)
            goto done;
    }
    if (inn_convert(&t.model, &report, argv[1], &options, t.heap, &t.err) !=
        INN_OK)
        goto done;
    status = check(&t);
done:
    if (status != 0 && t.err.message[0] != '\0')
        fprintf(stderr, "permute: %s\n", t.err.message);
    inn_model_free(t.model);
    inn_arena_free(&t.arena);
    inn_heap_free(t.heap);
    return status;
}
