/* (x·scale − mean)/std: the user's, the file's, the default. */
#include "runtime/pictures/prep.h"

#include <math.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/pictures/presets.h"

enum layout { LAYOUT_FILE = 0, LAYOUT_NCHW = 1, LAYOUT_NHWC = 2 };
enum colours { COLOURS_FILE = 0, COLOURS_RGB = 1, COLOURS_BGR = 2 };

const struct inn_option inn_prep_options[] = {
    {"prep", 0, INN_OPT_CHOICE, offsetof(struct inn_prep_options, preset),
     INN_PRESET_WORDS, 0, 0, "a preparation by its name; instead of --scale, "
     "--mean and --std"},
    {"scale", 0, INN_OPT_NUMBER, offsetof(struct inn_prep_options, scale),
     "X", -1e30, 1e30, "a picture enters as (x*scale - mean)/std; default: "
     "as the .inn says, else 1/255 for bytes and 1 for floats"},
    {"mean", 0, INN_OPT_NUMBERS, offsetof(struct inn_prep_options, mean),
     "M[,M,M]", -1e30, 1e30, "one number, or one per channel (default 0)"},
    {"std", 0, INN_OPT_NUMBERS, offsetof(struct inn_prep_options, std),
     "S[,S,S]", -1e30, 1e30, "one number, or one per channel (default 1)"},
    {"layout", 0, INN_OPT_CHOICE, offsetof(struct inn_prep_options, layout),
     INN_PREP_LAYOUTS, 0, 0, "of the network's input (default file: as the "
     ".inn says, else nchw)"},
    {"colours", 0, INN_OPT_CHOICE, offsetof(struct inn_prep_options, colours),
     INN_PREP_COLOURS, 0, 0, "order of the network's three channels; --mean "
     "and --std go with it (default file: as --prep or the .inn says, else "
     "rgb)"},
    {NULL, 0, INN_OPT_FLAG, 0, NULL, 0, 0, NULL},
};

static enum inn_status take_numbers(double out[4], int *n,
                                    const struct inn_cli_numbers *given,
                                    int64_t channels, const char *where,
                                    const char *option,
                                    struct inn_error *err)
{
    size_t i;

    if (given->n == 0)
        return INN_OK;
    if (given->n != 1 && (int64_t)given->n != channels)
        return inn_fail(err, INN_ERR_ARGUMENT,
                        "--%s has %zu numbers; %s has %lld channel%s",
                        option, given->n, where, (long long)channels,
                        channels == 1 ? "" : "s");
    for (i = 0; i < 4; i++)
        out[i] = given->items[given->n > 1 && i < given->n ? i : 0];
    if (given->n > 1)
        *n = (int)given->n;
    return INN_OK;
}

static void spread(double values[4], int n)
{
    int i;

    for (i = n; i < 4; i++)
        values[i] = values[0];
}

bool inn_prep_asked(const struct inn_prep_options *o)
{
    return !isnan(o->scale) || o->mean.n > 0 || o->std.n > 0 ||
           o->layout != LAYOUT_FILE || o->colours != COLOURS_FILE ||
           o->preset >= 0;
}

const char *inn_prep_wrong(const struct inn_prep_options *o)
{
    if (o->preset >= 0 &&
        (!isnan(o->scale) || o->mean.n > 0 || o->std.n > 0))
        return "--prep says what --scale, --mean and --std would: give it or "
               "them";
    return NULL;
}

bool inn_prep_nhwc(const struct inn_prep_options *options,
                   const struct inn_model *model)
{
    if (options->layout != LAYOUT_FILE)
        return options->layout == LAYOUT_NHWC;
    return model != NULL && model->prep.given && model->prep.nhwc;
}

/* What is taken where no number is given. */
static enum inn_status choose_base(struct inn_input_prep *prep,
                                   const struct inn_prep_options *options,
                                   const struct inn_model *model,
                                   int64_t channels, const char *where,
                                   bool bytes, struct inn_error *err)
{
    static const double one[4] = {1, 1, 1, 1};

    prep->n = 1;
    prep->scale = bytes ? 1.0 / 255 : 1;
    memcpy(prep->std, one, sizeof(one));
    if (options->preset >= 0) {
        if (!bytes)
            return inn_fail(err, INN_ERR_ARGUMENT,
                            "--prep is for pictures of bytes, these are "
                            "floats: --scale, --mean and --std say how they "
                            "enter");
        return inn_preset_take(prep, options->preset, channels, where, err);
    }
    /* Floats are what the network takes already. */
    if (!bytes || model == NULL || !model->prep.given)
        return INN_OK;
    *prep = model->prep;
    if (prep->n != 1 && prep->n != channels)
        return inn_fail(err, INN_ERR_RANGE,
                        "was made for pictures of %d channels; %s has "
                        "%lld", prep->n, where, (long long)channels);
    if (prep->n == 1) {
        spread(prep->mean, 1);
        spread(prep->std, 1);
    }
    return INN_OK;
}

enum inn_status inn_prep_choose(struct inn_input_prep *prep,
                                const struct inn_prep_options *options,
                                const struct inn_model *model,
                                int64_t channels, const char *where,
                                bool bytes, struct inn_error *err)
{
    enum inn_status st;
    int i;

    memset(prep, 0, sizeof(*prep));
    if (channels < 1 || channels > 4)
        return inn_fail(err, INN_ERR_FORMAT,
                        "%s has %lld channels; pictures have 1 to 4",
                        where, (long long)channels);
    st = choose_base(prep, options, model, channels, where, bytes, err);
    prep->nhwc = inn_prep_nhwc(options, model);
    if (options->colours != COLOURS_FILE)
        prep->bgr = options->colours == COLOURS_BGR;
    if (!isnan(options->scale))
        prep->scale = options->scale;
    if (st == INN_OK)
        st = take_numbers(prep->mean, &prep->n, &options->mean, channels,
                          where, "mean", err);
    if (st == INN_OK)
        st = take_numbers(prep->std, &prep->n, &options->std, channels, where,
                          "std", err);
    for (i = 0; i < 4 && st == INN_OK; i++) {
        if (i < prep->n && prep->std[i] == 0)
            st = inn_fail(err, INN_ERR_ARGUMENT, "--std has a 0");
    }
    if (st == INN_OK && prep->scale == 0)
        st = inn_fail(err, INN_ERR_ARGUMENT, "--scale is 0");
    return st;
}
