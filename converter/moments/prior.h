/*
 * What is known of moments before any picture is seen. Drawn pictures are
 * strange to a network: deep in it they tell channels apart that pictures of
 * the world make alike, and small maps hold few positions for many channels.
 */
#ifndef INN_CONVERTER_MOMENTS_PRIOR_H
#define INN_CONVERTER_MOMENTS_PRIOR_H

#include "runtime/grid/model.h"

/*
 * Log variances drawn towards their mean, as far as what was seen of them is
 * the pictures' doing and not the network's: with statistics an error of
 * constant size is taken off their spread (as James and Stein do), without
 * them they spread as little as those of trained networks do, unless more is
 * left when a larger error is taken off. Correlations, and each mean in units
 * of its deviation, stay. Dead channels stay dead.
 * mean [n], cov [n × n].
 */
void inn_settle_variances(double *mean, double *cov, int64_t n,
                          bool statistics);

/*
 * Correlations of the channels' weights in those of their activations, cov
 * [n × n], gram [n × n]: a white input would make them so. Their share grows
 * with the channels per position that was seen.
 */
void inn_join_weights(double *cov, const double *gram, int64_t n,
                      int64_t positions);

#endif
