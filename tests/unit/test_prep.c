/* Preparations: presets, what is refused, BGR, and what evidence says. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "converter/moments/judge.h"
#include "runtime/base/error.h"
#include "runtime/pictures/pictures.h"
#include "runtime/pictures/prep.h"
#include "runtime/pictures/presets.h"
#include "tests/unit/suite.h"

static int preset(const char *name)
{
    int k;

    for (k = 0; k < INN_N_PRESETS; k++) {
        if (strcmp(inn_presets[k].name, name) == 0)
            return k;
    }
    ck_abort_msg("no preset %s", name);
    return -1;
}

/* Byte x of channel c, prepared. */
static double prepared(const char *name, int c, double x)
{
    struct inn_input_prep p = {0};

    ck_assert_int_eq(inn_preset_take(&p, preset(name), 3, "it", NULL),
                     INN_OK);
    c = p.n > 1 ? c : 0;
    return (x * p.scale - p.mean[c]) / p.std[c];
}

START_TEST(presets_do_what_their_frameworks_do)
{
    ck_assert_double_eq_tol(prepared("none", 0, 200), 200, 1e-12);
    ck_assert_double_eq_tol(prepared("unit", 1, 255), 1, 1e-12);
    ck_assert_double_eq_tol(prepared("tf", 2, 0), -1, 1e-12);
    ck_assert_double_eq_tol(prepared("tf", 2, 255), 1, 1e-12);
    ck_assert_double_eq_tol(prepared("torch", 0, 255), (1 - 0.485) / 0.229,
                            1e-12);
    ck_assert_double_eq_tol(prepared("torch", 2, 0), -0.406 / 0.225, 1e-12);
    ck_assert_double_eq_tol(prepared("caffe", 0, 0), -103.939, 1e-12);
    ck_assert_double_eq_tol(prepared("caffe", 2, 255), 255 - 123.68, 1e-12);
    ck_assert_double_eq_tol(prepared("clip", 1, 0), -0.4578275 / 0.26130258,
                            1e-12);
}
END_TEST

START_TEST(presets_of_three_channels_are_refused_for_one)
{
    struct inn_input_prep p = {0};
    struct inn_error err = {0};

    ck_assert_int_eq(inn_preset_take(&p, preset("torch"), 1, "input 'x'",
                                     &err), INN_ERR_ARGUMENT);
    ck_assert_str_eq(err.message,
                     "--prep torch is for 3 channels; input 'x' has 1");
    ck_assert_int_eq(inn_preset_take(&p, preset("tf"), 1, "it", NULL),
                     INN_OK);
}
END_TEST

START_TEST(presets_are_known_by_what_they_do)
{
    struct inn_input_prep p = {.scale = 1.0 / 255, .n = 3,
                               .mean = {0.485, 0.456, 0.406},
                               .std = {0.229, 0.224, 0.225}};
    char text[INN_PREP_TEXT];
    int k;

    ck_assert_int_eq(inn_preset_of(&p, 3), preset("torch"));
    for (k = 0; k < INN_N_PRESETS; k++) {
        struct inn_input_prep own = {0};

        ck_assert_int_eq(inn_preset_take(&own, k, 3, "it", NULL), INN_OK);
        ck_assert_int_eq(inn_preset_of(&own, 3), k);
        ck_assert_str_eq(inn_prep_text(text, &own), inn_presets[k].name);
    }
    p.bgr = true;
    ck_assert_int_eq(inn_preset_of(&p, 3), -1);
    ck_assert_str_eq(inn_prep_text(text, &p), "(x*0.00392157 - (0.485,0.456,"
                     "0.406))/(0.229,0.224,0.225), BGR");
}
END_TEST

START_TEST(numbers_that_fit_neither_one_nor_channels_are_refused)
{
    double two[2] = {0.5, 0.5}, four[4] = {1, 1, 1, 1};
    struct inn_prep_options o = INN_PREP_DEFAULTS;
    struct inn_input_prep p;
    struct inn_error err = {0};
    struct inn_model model;

    o.mean.items = two;
    o.mean.n = 2;
    ck_assert_int_eq(inn_prep_choose(&p, &o, NULL, 3, "input 'x'", true,
                                     &err), INN_ERR_ARGUMENT);
    ck_assert_str_eq(err.message,
                     "--mean has 2 numbers; input 'x' has 3 channels");
    o.mean.n = 0;
    o.std.items = four;
    o.std.n = 4;
    ck_assert_int_eq(inn_prep_choose(&p, &o, NULL, 1, "input 'x'", true,
                                     &err), INN_ERR_ARGUMENT);
    ck_assert_str_eq(err.message,
                     "--std has 4 numbers; input 'x' has 1 channel");
    /* The same of a file that says so. */
    o.std.n = 0;
    memset(&model, 0, sizeof(model));
    model.prep = (struct inn_input_prep){.given = true, .scale = 1, .n = 2,
                                         .std = {1, 1, 1, 1}};
    ck_assert_int_eq(inn_prep_choose(&p, &o, &model, 3, "input 'x'", true,
                                     &err), INN_ERR_RANGE);
    ck_assert_str_eq(err.message, "was made for pictures of 2 channels; "
                     "input 'x' has 3");
}
END_TEST

START_TEST(presets_and_numbers_exclude_each_other)
{
    struct inn_prep_options o = INN_PREP_DEFAULTS;
    struct inn_input_prep p;

    ck_assert_ptr_null(inn_prep_wrong(&o));
    o.preset = preset("tf");
    ck_assert_ptr_null(inn_prep_wrong(&o));
    o.scale = 1;
    ck_assert_ptr_nonnull(inn_prep_wrong(&o));
    /* And a preset of bytes isn't for floats. */
    o.scale = NAN;
    ck_assert_int_eq(inn_prep_choose(&p, &o, NULL, 3, "it", false, NULL),
                     INN_ERR_ARGUMENT);
    ck_assert_int_eq(inn_prep_choose(&p, &o, NULL, 3, "it", true, NULL),
                     INN_OK);
}
END_TEST

START_TEST(bgr_swaps_red_and_blue_with_their_numbers)
{
    uint8_t bytes[6] = {10, 20, 30, 40, 50, 60}; /* two pixels, RGB */
    struct inn_pictures p = {
        .x = {.type = INN_U8, .rank = 4, .dims = {1, 1, 2, 3},
              .data = bytes, .bytes = sizeof(bytes)},
        .n = 1, .height = 1, .width = 2, .channels = 3};
    struct inn_input_prep prep = {.n = 3, .scale = 1, .mean = {1, 2, 3},
                                  .std = {1, 1, 1}, .bgr = true};
    const float nchw[6] = {29, 59, 18, 48, 7, 37};
    const float nhwc[6] = {29, 18, 7, 59, 48, 37};
    float out[6];

    inn_picture_get(out, &p, 0, &prep);
    ck_assert_mem_eq(out, nchw, sizeof(out));
    prep.nhwc = true;
    inn_picture_get(out, &p, 0, &prep);
    ck_assert_mem_eq(out, nhwc, sizeof(out));
}
END_TEST

/* Adds evidence of a preset, or of the model's own (name NULL). */
static struct inn_evidence *add(struct inn_judgement *j, const char *name)
{
    struct inn_evidence *e = &j->items[j->n++];

    *e = (struct inn_evidence){
        .preset = name != NULL ? preset(name) : -1, .divergence = NAN,
        .drive = NAN, .variation = NAN, .confidence = NAN, .entropy = NAN,
        .distance = NAN, .prep = {.n = 1, .scale = 1, .std = {1}}};
    return e;
}

START_TEST(statistics_name_the_preparation)
{
    struct inn_judgement j = {.given = -1, .scores = true};
    char text[INN_VERDICT_TEXT];

    add(&j, "none")->divergence = 5000;
    add(&j, "unit")->divergence = 1.2;
    add(&j, "torch")->divergence = 0.05;
    inn_judge_warn(text, &j);
    ck_assert_ptr_nonnull(strstr(text, "--prep torch"));
    ck_assert_int_eq(inn_judge_choose(text, &j), preset("torch"));
    ck_assert_ptr_nonnull(strstr(text, "clearly"));
    /* Right, or nearly: nothing is said. */
    j.given = 2;
    inn_judge_warn(text, &j);
    ck_assert_str_eq(text, "");
    j.items[2].divergence = 0.25;
    j.items[1].divergence = 0.05;
    inn_judge_warn(text, &j);
    ck_assert_str_eq(text, "");
    /* Where every preset is far off, that is said. */
    j.items[1].divergence = j.items[2].divergence = 100;
    inn_judge_warn(text, &j);
    ck_assert_ptr_nonnull(strstr(text, "every preset"));
}
END_TEST

START_TEST(networks_for_pictures_give_back_what_they_get)
{
    struct inn_judgement j = {.given = 0};
    char text[INN_VERDICT_TEXT];

    add(&j, "none")->distance = 0.46;
    add(&j, "unit")->distance = 0.02;
    inn_judge_warn(text, &j);
    ck_assert_ptr_nonnull(strstr(text, "--prep unit"));
    ck_assert_int_eq(inn_judge_choose(text, &j), preset("unit"));
    /* One that is as good with both, as homogeneous ones are. */
    j.items[0].distance = 0.03;
    inn_judge_warn(text, &j);
    ck_assert_str_eq(text, "");
    ck_assert_int_eq(inn_judge_choose(text, &j), preset("unit"));
}
END_TEST

START_TEST(classifiers_that_do_not_tell_are_named)
{
    struct inn_judgement j = {.given = -1, .scores = true};
    struct inn_evidence *e = add(&j, "unit");
    char text[INN_VERDICT_TEXT];

    e->drive = 0.4;
    e->variation = 0.5;
    e->entropy = 0.6;
    e->confidence = 0.3;
    inn_judge_warn(text, &j);
    ck_assert_ptr_nonnull(strstr(text, "doesn't tell"));
    j.given = 0;
    inn_judge_warn(text, &j);
    ck_assert_str_eq(text, "");
    /* A hundredfold of what the biases are made for. */
    j.given = 1;
    e = add(&j, "none");
    e->drive = 60;
    e->variation = 0.5;
    e->entropy = 0.01;
    e->confidence = 1;
    inn_judge_warn(text, &j);
    ck_assert_ptr_nonnull(strstr(text, "--prep unit"));
    ck_assert_int_eq(inn_judge_choose(text, &j), preset("unit"));
}
END_TEST

START_TEST(nothing_is_said_of_what_was_not_seen)
{
    struct inn_judgement j = {.given = -1};
    char text[INN_VERDICT_TEXT];

    inn_judge_warn(text, &j);
    ck_assert_str_eq(text, "");
    ck_assert_int_eq(inn_judge_choose(text, &j), -1);
    add(&j, "unit");
    add(&j, "none");
    inn_judge_warn(text, &j);
    ck_assert_str_eq(text, "");
    ck_assert_int_eq(inn_judge_choose(text, &j), -1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("prep");
    TCase *t = tcase_create("prep");

    tcase_add_test(t, presets_do_what_their_frameworks_do);
    tcase_add_test(t, presets_of_three_channels_are_refused_for_one);
    tcase_add_test(t, presets_are_known_by_what_they_do);
    tcase_add_test(t, numbers_that_fit_neither_one_nor_channels_are_refused);
    tcase_add_test(t, presets_and_numbers_exclude_each_other);
    tcase_add_test(t, bgr_swaps_red_and_blue_with_their_numbers);
    tcase_add_test(t, statistics_name_the_preparation);
    tcase_add_test(t, networks_for_pictures_give_back_what_they_get);
    tcase_add_test(t, classifiers_that_do_not_tell_are_named);
    tcase_add_test(t, nothing_is_said_of_what_was_not_seen);
    suite_add_tcase(s, t);
    return run_suite(s);
}
