/*
 * Preparations with names: what frameworks do to a picture of bytes before a
 * network sees it.
 */
#ifndef INN_PICTURES_PRESETS_H
#define INN_PICTURES_PRESETS_H

#include "runtime/grid/model.h"

/* The words of --prep, in the order of inn_presets. */
#define INN_PRESET_WORDS "none|unit|tf|torch|caffe|clip"
#define INN_N_PRESETS 6

struct inn_preset {
    const char *name;
    const char *said; /* "prepared as --prep torch says" */
    int channels;     /* 3: for colours alone; 1: for any number */
    double scale, mean[3], std[3];
    bool bgr;
};

extern const struct inn_preset inn_presets[INN_N_PRESETS];

/*
 * Preset number at for pictures of so many channels; prep's layout stays.
 * channels below 1: not known, everything fits. where names the pictures or
 * the input. INN_ERR_ARGUMENT: a preset of three channels for another number.
 */
enum inn_status inn_preset_take(struct inn_input_prep *prep, int at,
                                int64_t channels, const char *where,
                                struct inn_error *err);

/* Whether it can be taken for so many channels. */
bool inn_preset_fits(int at, int64_t channels);

/*
 * The preset that does to pictures of so many channels what prep does,
 * whatever its layout; -1: none.
 */
int inn_preset_of(const struct inn_input_prep *prep, int64_t channels);

/* Room for inn_prep_text. */
#define INN_PREP_TEXT 160

/* "(x*0.00392157 - 0.5)/0.25, NHWC", with the preset's name where it is one. */
const char *inn_prep_text(char text[INN_PREP_TEXT],
                          const struct inn_input_prep *prep);

#endif
