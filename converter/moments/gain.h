/*
 * How much of what least squares takes from the outputs is given back, found
 * by trying: where the inputs are such as the network knows, its own outputs
 * tell.
 */
#ifndef INN_CONVERTER_MOMENTS_GAIN_H
#define INN_CONVERTER_MOMENTS_GAIN_H

#include "converter/moments/moments.h"

/*
 * Sets model->extra_gain, the model being complete but for that: of 0, ±¼,
 * ±½ … the one with which, at 0.8 of every width, the outputs on samples of
 * feed come nearest to those at full width, counted from 0 for as long as
 * each step is worth one in a hundred. Same choice on any number of threads.
 * Fails only for lack of memory: what can't be tried keeps 0.
 */
enum inn_status inn_choose_gain(struct inn_model *model,
                                const struct inn_feed *feed, int threads,
                                struct inn_error *err);

#endif
