/*
 * Inside moments: BatchNormalization by the batch's own statistics.
 */
#ifndef INN_CONVERTER_MOMENTS_BATCHNORM_H
#define INN_CONVERTER_MOMENTS_BATCHNORM_H

#include "runtime/graph/graph.h"

/* Inputs of the operator. */
enum { INN_BN_SCALE = 1, INN_BN_SHIFT, INN_BN_MEAN, INN_BN_VARIANCE };

/* Whether node is one, with statistics per channel. */
bool inn_is_batchnorm(const struct inn_node *node);

/*
 * Whether normalising by the batch at hand gives what its readers were
 * trained on: in training mode, which does so itself, or if the stored
 * variance was measured. Placeholders are the same number for all channels.
 * node is a BatchNormalization.
 */
bool inn_has_statistics(const struct inn_graph *graph,
                        const struct inn_node *node);

struct inn_batch_norm {
    enum inn_type type; /* of in and out, a float */
    const char *in;     /* [batch × channels × plane] */
    char *out;          /* the same; may be in */
    const struct inn_tensor *scale, *shift;
    size_t batch, channels, plane;
    double epsilon;
};

void inn_normalise_batch(const struct inn_batch_norm *norm, int threads);

#endif
