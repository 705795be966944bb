/*
 * Inside moments: BatchNormalization by the batch's own statistics.
 */
#ifndef INN_CONVERTER_MOMENTS_BATCHNORM_H
#define INN_CONVERTER_MOMENTS_BATCHNORM_H

#include "runtime/ops/common.h"

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
