/*
 * How pictures enter a network, (x·scale − mean)/std: options that eval and
 * run share, over what an .inn was made with.
 */
#ifndef INN_PICTURES_PREP_H
#define INN_PICTURES_PREP_H

#include "runtime/cli/cli.h"
#include "runtime/grid/model.h"

struct inn_prep_options {
    double scale; /* NaN: not given */
    struct inn_cli_numbers mean, std;
    int layout; /* of the words in its option */
};

/* What the struct starts from. */
#define INN_PREP_DEFAULTS {.scale = NAN}

extern const struct inn_option inn_prep_options[];

/*
 * The user's preparation over model's (NULL: none), over the default: 1/255
 * for bytes, and 1 for floats, which are taken as they are. channels 1 to 4;
 * mean and std are filled for all of them. INN_ERR_ARGUMENT, INN_ERR_RANGE.
 */
enum inn_status inn_prep_choose(struct inn_input_prep *prep,
                                const struct inn_prep_options *options,
                                const struct inn_model *model,
                                int64_t channels, bool bytes,
                                struct inn_error *err);

/*
 * Whether the network's pictures are NHWC, which must be known before their
 * channels are.
 */
bool inn_prep_nhwc(const struct inn_prep_options *options,
                   const struct inn_model *model);

#endif
