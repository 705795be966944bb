/*
 * How pictures enter a network, (x·scale − mean)/std: options that eval and
 * run share, over what an .inn was made with.
 */
#ifndef INN_PICTURES_PREP_H
#define INN_PICTURES_PREP_H

#include <math.h>

#include "runtime/cli/cli.h"
#include "runtime/grid/model.h"

struct inn_prep_options {
    double scale; /* NaN: not given */
    struct inn_cli_numbers mean, std;
    int layout;  /* of the words in its option */
    int colours; /* of the words in its option */
    int preset;  /* of inn_presets; -1: not given */
};

/* What the struct starts from. */
#define INN_PREP_DEFAULTS {.scale = NAN, .preset = -1}

/* The words of --layout and --colours. */
#define INN_PREP_LAYOUTS "file|nchw|nhwc"
#define INN_PREP_COLOURS "file|rgb|bgr"

/* Whether the user said anything about how pictures enter. */
bool inn_prep_asked(const struct inn_prep_options *options);

/* What excludes each other in options, as one sentence; NULL: nothing. */
const char *inn_prep_wrong(const struct inn_prep_options *options);

extern const struct inn_option inn_prep_options[];

/*
 * The user's preparation over model's (NULL: none), over the default: 1/255
 * for bytes, and 1 for floats, which are taken as they are. channels 1 to 4;
 * mean and std are filled for all of them. where names what has the channels.
 * INN_ERR_ARGUMENT, INN_ERR_RANGE: numbers that don't fit the channels.
 */
enum inn_status inn_prep_choose(struct inn_input_prep *prep,
                                const struct inn_prep_options *options,
                                const struct inn_model *model,
                                int64_t channels, const char *where,
                                bool bytes, struct inn_error *err);

/*
 * Whether the network's pictures are NHWC, which must be known before their
 * channels are.
 */
bool inn_prep_nhwc(const struct inn_prep_options *options,
                   const struct inn_model *model);

#endif
