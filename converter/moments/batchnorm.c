/*
 * BatchNormalization as in training: by the mean and variance of the batch
 * itself (fidelity section 2). Sums go over pictures in order, a channel is
 * one thread's.
 */
#include "converter/moments/batchnorm.h"

#include <math.h>
#include <string.h>

#include "converter/moments/moments.h"
#include "runtime/base/threads.h"
#include "runtime/ops/common.h"

/* Elements that are widened at a time. */
#define STRIP 512

bool inn_statistics_missing(const struct inn_graph *graph)
{
    int k;

    for (k = 0; k < graph->n_nodes; k++) {
        if (inn_is_batchnorm(&graph->nodes[k]) &&
            inn_has_statistics(graph, &graph->nodes[k]))
            return false;
    }
    return true;
}

/* Σ (x − about)^power over a channel. */
static double power_sum(const struct inn_batch_norm *n, size_t c,
                        double about, int power)
{
    size_t size = inn_type_size(n->type);
    float x[STRIP];
    double sum = 0.0;
    size_t b, at, i, len;

    for (b = 0; b < n->batch; b++) {
        const char *from = n->in + (b * n->channels + c) * n->plane * size;

        for (at = 0; at < n->plane; at += len) {
            len = n->plane - at < STRIP ? n->plane - at : STRIP;
            inn_convert_elements(x, INN_F32, from + at * size, n->type,
                                 len);
            for (i = 0; i < len; i++) {
                double d = (double)x[i] - about;

                sum += power == 1 ? d : d * d;
            }
        }
    }
    return sum;
}

/* y = (x − mean)/√(variance + ε)·scale + shift, over batch and space. */
static void norm_channel(void *context, size_t c)
{
    const struct inn_batch_norm *n = context;
    size_t size = inn_type_size(n->type);
    double count = (double)n->batch * (double)n->plane;
    double mean = power_sum(n, c, 0.0, 1) / count;
    double variance = power_sum(n, c, mean, 2) / count;
    double by = inn_element_get(n->scale->type, n->scale->data, c) /
                sqrt(variance + n->epsilon);
    double shift = inn_element_get(n->shift->type, n->shift->data, c);
    float x[STRIP];
    size_t b, at, i, len;

    for (b = 0; b < n->batch; b++) {
        size_t base = (b * n->channels + c) * n->plane;

        for (at = base; at < base + n->plane; at += len) {
            len = base + n->plane - at;
            len = len < STRIP ? len : STRIP;
            inn_convert_elements(x, INN_F32, n->in + at * size, n->type,
                                 len);
            for (i = 0; i < len; i++)
                x[i] = (float)(((double)x[i] - mean) * by + shift);
            inn_convert_elements(n->out + at * size, n->type, x, INN_F32,
                                 len);
        }
    }
}

void inn_normalise_batch(const struct inn_batch_norm *norm, int threads)
{
    struct inn_batch_norm copy = *norm;

    inn_parallel(threads, norm->channels, norm_channel, &copy);
}
