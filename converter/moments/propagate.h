/*
 * Moments that go through the network by the operators' own algebra.
 */
#ifndef INN_CONVERTER_MOMENTS_PROPAGATE_H
#define INN_CONVERTER_MOMENTS_PROPAGATE_H

#include "converter/moments/moments.h"

/*
 * Moments of the n activations gathered, by ops/moments.h, from photographs'
 * general statistics at the inputs. What has no positions yet (count 0) gets
 * mean, covariance, r and count 1; what was gathered and finished keeps share
 * of its correlations, the rest being propagated, and all else it has. What
 * the propagation does not reach is left alone. standardise:
 * BatchNormalization starts afresh where its statistics are true. The same
 * bits on any number of threads.
 */
enum inn_status inn_propagate(struct inn_gathered *gathered, int n,
                              double share, const struct inn_model *model,
                              const struct inn_graph *graph,
                              bool standardise, int threads,
                              struct inn_error *err);

#endif
