/*
 * What --prep, --scale, --mean, --std, --layout and --colours come to. Which
 * input they are for is known once the network is: any of pictures will do,
 * but one there must be.
 */
#include "converter/prep.h"

#include <math.h>
#include <stdio.h>

#include "runtime/base/error.h"
#include "runtime/drawn/inputs.h"
#include "runtime/pictures/presets.h"

enum { LAYOUT_AUTO, LAYOUT_NCHW, LAYOUT_NHWC };
enum { COLOURS_AUTO, COLOURS_RGB, COLOURS_BGR };

/* Channels of a picture; a network may take depth or transparency too. */
#define MOST_CHANNELS 4

/* Whether the options say which numbers enter, and so make a preparation. */
static bool is_given(const struct inn_prep_options *o)
{
    return !isnan(o->scale) || o->mean.n > 0 || o->std.n > 0 ||
           (o->preset >= 0 && o->preset < INN_N_PRESETS) ||
           o->layout == LAYOUT_NHWC;
}

/* Takes the options for input v of this shape, if it can be a picture. */
static enum inn_status take_for(struct inn_input_prep *prep,
                                const struct inn_prep_options *options,
                                const struct inn_graph *graph, int v,
                                const struct inn_tensor *shape,
                                struct inn_error *err)
{
    struct inn_prep_options o = *options;
    char where[512], text[INN_SHAPE_TEXT];
    struct inn_drawn_input plan;
    bool nhwc = o.layout == LAYOUT_NHWC;
    enum inn_status st;
    int64_t channels;

    if (o.preset >= INN_N_PRESETS) /* auto chooses later */
        o.preset = -1;
    if (o.layout == LAYOUT_AUTO) {
        inn_plan_input(&plan, graph, prep, v, shape);
        nhwc = plan.channels_last;
    }
    channels = shape->dims[nhwc ? 3 : 1];
    if (channels < 1 || channels > MOST_CHANNELS)
        return inn_fail(err, INN_ERR_ARGUMENT,
                        "input '%s' is %s: as %s it has %lld channels, "
                        "and pictures have 1 to %d", graph->values[v].name,
                        inn_shape_text(text, shape->rank, shape->dims),
                        nhwc ? "NHWC" : "NCHW", (long long)channels,
                        MOST_CHANNELS);
    snprintf(where, sizeof(where), "input '%s'", graph->values[v].name);
    o.layout = nhwc ? LAYOUT_NHWC : LAYOUT_NCHW;
    /* Without --scale values enter as they are. */
    if (isnan(o.scale) && o.preset < 0)
        o.scale = 1;
    st = inn_prep_choose(prep, &o, NULL, channels, where, true, err);
    if (st == INN_OK && prep->bgr && channels != 3)
        st = inn_fail(err, INN_ERR_ARGUMENT,
                      "--colours bgr is for 3 channels; %s has %lld", where,
                      (long long)channels);
    return st;
}

enum inn_status inn_take_prep(struct inn_model *model,
                              const struct inn_prep_options *options,
                              const struct inn_shapes *shapes,
                              struct inn_error *err)
{
    const struct inn_graph *graph = model->graph;
    struct inn_error first = {0};
    bool given = is_given(options);
    int i;

    if (options->preset < 0 && options->colours != COLOURS_AUTO && !given)
        return inn_fail(err, INN_ERR_ARGUMENT,
                        "--colours goes with a preparation: give --prep, or "
                        "--scale, --mean and --std");
    if (!given && options->layout == LAYOUT_AUTO)
        return INN_OK;
    for (i = 0; i < graph->n_inputs; i++) {
        const struct inn_tensor *t = inn_shapes_get(shapes, graph->inputs[i]);
        struct inn_input_prep prep = {0};
        struct inn_error why = {0};

        if (t == NULL || t->rank != 4)
            continue;
        if (take_for(&prep, options, graph, graph->inputs[i], t, &why) ==
            INN_OK) {
            prep.given = true;
            if (given) /* else --layout nchw is held against it, no more */
                model->prep = prep;
            return INN_OK;
        }
        if (first.status == INN_OK)
            first = why;
    }
    if (first.status != INN_OK)
        return inn_fail(err, first.status, "%s", first.message);
    return inn_fail(err, INN_ERR_ARGUMENT,
                    "how pictures enter is given (--prep, --scale, --mean, "
                    "--std, --layout), but no input has 4 dimensions");
}

enum inn_status inn_choose_prep(struct inn_model *model, int preset,
                                const struct inn_prep_options *options,
                                const struct inn_shapes *shapes,
                                struct inn_error *err)
{
    struct inn_prep_options chosen = *options;

    chosen.preset = preset;
    return inn_take_prep(model, &chosen, shapes, err);
}
