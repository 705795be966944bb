/*
 * Samples unlike what a network was trained on, brought nearer to it: what a
 * BatchNormalization gave, before it was folded away, gets over these samples
 * the mean and deviation that it had in training, layer after layer.
 */
#ifndef INN_REFIT_STANDARD_H
#define INN_REFIT_STANDARD_H

#include "runtime/exec/interpreter.h"

/* A gain is held to this range: [1 / MOST, MOST]. */
#define INN_STANDARD_MOST 4.0

/* y becomes gain y + offset, by channels of the full network, on axis 1. */
struct inn_standard {
    double *gain, *offset; /* NULL: y stays as it is */
};

/*
 * Whether stats were measured: placeholders have the same variance for all
 * channels, and their scales are no deviations.
 */
bool inn_standard_known(const struct inn_bn_stats *stats);

/*
 * For value v of the full network, alive in it with all its samples: what
 * gives it mean shift and deviation |scale|, as stats has them. Channels that
 * training has switched off, whose |scale| is below a hundredth of the mean
 * one, get the mean alone. s->gain stays NULL where stats is not known or not
 * of v's channels, and where v is not of f32. Memory from arena. Same bits on any number of
 * threads.
 */
enum inn_status inn_standard_find(struct inn_standard *s,
                                  const struct inn_interpreter *it, int v,
                                  const struct inn_bn_stats *stats,
                                  struct inn_arena *arena,
                                  struct inn_error *err);

/*
 * Changes all samples of v in place. kept: the full network's channel that
 * each of v's is; NULL: they are all there.
 */
void inn_standard_apply(struct inn_interpreter *it, int v,
                        const struct inn_standard *s, const int64_t *kept);

#endif
