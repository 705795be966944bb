/*
 * The preparation that a network is converted with: what the user gave, held
 * against the inputs that there are.
 */
#ifndef INN_CONVERTER_PREP_H
#define INN_CONVERTER_PREP_H

#include "runtime/grid/model.h"
#include "runtime/ops/shapes.h"
#include "runtime/pictures/prep.h"

/*
 * Fills model->prep from options for the pictures among the inputs; preset
 * auto counts as not given. INN_ERR_ARGUMENT, INN_ERR_FORMAT: no input takes
 * pictures like that, or so many numbers, and names it; or --colours of a
 * preparation that isn't there.
 */
enum inn_status inn_take_prep(struct inn_model *model,
                              const struct inn_prep_options *options,
                              const struct inn_shapes *shapes,
                              struct inn_error *err);

/* The same with the preset that --prep auto came to, and the other options. */
enum inn_status inn_choose_prep(struct inn_model *model, int preset,
                                const struct inn_prep_options *options,
                                const struct inn_shapes *shapes,
                                struct inn_error *err);

#endif
