/* Multiply-accumulates, and what one takes. */
#include "runtime/refit/work.h"

#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/refit/product.h"

/*
 * What a multiply-accumulate of a run takes, of one of a product: convolutions
 * run by half the rate, and the gathering of rows is work too.
 */
#define RUN_WEIGHT 2.0
/* Elements that a graph node moves count as so many. */
#define ELEMENT_WEIGHT 8.0
/* Of the product that is timed: rows, and columns of both sides. */
#define TIMED ((size_t)512)

static double run_of(const struct inn_shapes *shapes,
                     const struct inn_node *node)
{
    double macs = (double)inn_shapes_macs(shapes, node);
    const struct inn_tensor *t =
        node->n_outputs > 0 && node->outputs[0] >= 0
            ? inn_shapes_get(shapes, node->outputs[0]) : NULL;

    return RUN_WEIGHT * macs +
           (t != NULL ? ELEMENT_WEIGHT * (double)inn_tensor_count(t) : 0);
}

/* Gram matrix, factor, and the right-hand sides of every round. */
static double fit_of(const struct inn_linear *l, int64_t samples,
                     const struct inn_refit_settings *settings)
{
    double n = (double)inn_linear_unknowns(l) + 1.0;
    double rows = (double)l->positions * (double)samples;
    double most = (double)settings->rows * n;
    double rounds = 1.0 + (double)settings->rounds;

    rows = rows < most ? rows : most;
    return (double)l->parts *
           (rows * n * (n / 2.0 + rounds * (double)l->outputs) +
            n * n * n / 3.0 + rounds * n * n * (double)l->outputs);
}

double inn_refit_work(double *work, const struct inn_refit_pair *pair,
                      const struct inn_refit_settings *settings)
{
    double samples = (double)pair->samples, sum = 0.0;
    int k;

    for (k = 0; k < pair->cut->n_nodes; k++) {
        int of = pair->layers->of_node[k];
        double turns = of >= 0 ? 2.0 + (double)settings->rounds : 1.0;

        work[k] = samples *
                  (run_of(pair->wide, &pair->full->nodes[k]) +
                   turns * run_of(pair->narrow, &pair->cut->nodes[k]));
        if (of >= 0)
            work[k] += fit_of(&pair->layers->layer[of].linear, pair->samples,
                              settings);
        sum += work[k];
    }
    return sum;
}

enum inn_status inn_refit_seconds(double *seconds, double work, int threads,
                                  struct inn_heap *heap,
                                  struct inn_error *err)
{
    size_t n = TIMED, packed = inn_panels(n) * INN_PANEL * n;
    float *a = inn_alloc(heap, packed, sizeof(*a), err);
    double *c = a != NULL ? inn_alloc(heap, n * n, sizeof(*c), err) : NULL;
    int64_t least = INT64_MAX;
    int i;

    for (i = 0; i < 3 && c != NULL; i++) {
        int64_t start = inn_clock_ns(), took;

        inn_product_floats(c, n, a, n, a, n, n, false, threads);
        took = inn_clock_ns() - start;
        least = took < least ? took : least;
    }
    inn_free(heap, a);
    if (c == NULL)
        return inn_refused(err);
    inn_free(heap, c);
    *seconds = work * (double)least * 1e-9 / (double)(n * n * n);
    return INN_OK;
}
