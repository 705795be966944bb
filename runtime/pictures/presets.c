/*
 * The table of --prep. Values are those of the frameworks' own code:
 * torchvision's Normalize, keras.applications' modes tf and caffe, OpenAI's
 * CLIP.
 */
#include "runtime/pictures/presets.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/error.h"

const struct inn_preset inn_presets[INN_N_PRESETS] = {
    {"none", "prepared as --prep none says", 1, 1, {0}, {1}, false},
    {"unit", "prepared as --prep unit says", 1, 1.0 / 255, {0}, {1}, false},
    {"tf", "prepared as --prep tf says", 1, 1.0 / 127.5, {1}, {1}, false},
    {"torch", "prepared as --prep torch says", 3, 1.0 / 255,
     {0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}, false},
    {"caffe", "prepared as --prep caffe says", 3, 1,
     {103.939, 116.779, 123.68}, {1, 1, 1}, true},
    {"clip", "prepared as --prep clip says", 3, 1.0 / 255,
     {0.48145466, 0.4578275, 0.40821073},
     {0.26862954, 0.26130258, 0.27577711}, false}};

bool inn_preset_fits(int at, int64_t channels)
{
    int n = inn_presets[at].channels;

    return n == 1 || channels < 1 || channels == n;
}

enum inn_status inn_preset_take(struct inn_input_prep *prep, int at,
                                int64_t channels, const char *where,
                                struct inn_error *err)
{
    const struct inn_preset *p = &inn_presets[at];
    int i;

    if (!inn_preset_fits(at, channels))
        return inn_fail(err, INN_ERR_ARGUMENT,
                        "--prep %s is for %d channels; %s has %lld",
                        p->name, p->channels, where, (long long)channels);
    prep->given = true;
    prep->scale = p->scale;
    prep->n = p->channels;
    prep->bgr = p->bgr;
    for (i = 0; i < 4; i++) {
        prep->mean[i] = p->mean[i < p->channels ? i : 0];
        prep->std[i] = p->std[i < p->channels ? i : 0];
    }
    return INN_OK;
}

int inn_preset_of(const struct inn_input_prep *prep, int64_t channels)
{
    int at, i;

    for (at = 0; at < INN_N_PRESETS; at++) {
        const struct inn_preset *p = &inn_presets[at];
        bool same = inn_preset_fits(at, channels) &&
                    prep->scale == p->scale &&
                    (prep->bgr == p->bgr || channels == 1);

        for (i = 0; i < 3 && same; i++)
            same = prep->mean[prep->n > 1 ? i : 0] ==
                       p->mean[p->channels > 1 ? i : 0] &&
                   prep->std[prep->n > 1 ? i : 0] ==
                       p->std[p->channels > 1 ? i : 0];
        if (same)
            return at;
    }
    return -1;
}

/* "0.5", or "(0.485,0.456,0.406)" where they differ. */
static void say_numbers(char text[INN_PREP_TEXT / 3], const double *x, int n)
{
    size_t at = 0;
    int i;

    if (n == 1) {
        snprintf(text, INN_PREP_TEXT / 3, "%.6g", x[0]);
        return;
    }
    for (i = 0; i < n && at < INN_PREP_TEXT / 3 - 1; i++)
        at += (size_t)snprintf(text + at, INN_PREP_TEXT / 3 - at, "%s%.5g",
                               i == 0 ? "(" : ",", x[i]);
    if (at < INN_PREP_TEXT / 3 - 1)
        snprintf(text + at, INN_PREP_TEXT / 3 - at, ")");
}

const char *inn_prep_text(char text[INN_PREP_TEXT],
                          const struct inn_input_prep *prep)
{
    char mean[INN_PREP_TEXT / 3], std[INN_PREP_TEXT / 3];
    int preset = inn_preset_of(prep, prep->n > 1 ? prep->n : 0);

    if (preset >= 0) {
        snprintf(text, INN_PREP_TEXT, "%s%s%s", inn_presets[preset].name,
                 prep->bgr && !inn_presets[preset].bgr ? ", BGR" : "",
                 prep->nhwc ? ", NHWC" : "");
        return text;
    }
    say_numbers(mean, prep->mean, prep->n);
    say_numbers(std, prep->std, prep->n);
    snprintf(text, INN_PREP_TEXT, "(x*%.6g - %s)/%s%s%s", prep->scale, mean,
             std, prep->bgr ? ", BGR" : "", prep->nhwc ? ", NHWC" : "");
    return text;
}
