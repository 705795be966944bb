/*
 * Inputs in the file: what each kind becomes, that it comes back, how many
 * fit, and what no file may say.
 */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "runtime/base/port.h"
#include "runtime/pictures/pictures.h"
#include "runtime/pictures/stored.h"
#include "tests/unit/net.h"
#include "tests/unit/starve.h"
#include "tests/unit/suite.h"
#include "tests/unit/tiny_model.h"

#define SHAPE(...) (const int64_t[]){__VA_ARGS__}

static struct inn_model *model;
static struct inn_graph *net;
static struct inn_arena arena;
static struct inn_feed feed;
static struct inn_tensor items[4];
static struct inn_error err;

static void setup(void)
{
    tiny_setup();
    ck_assert_int_eq(inn_model_new(&model, tiny_heap, NULL), INN_OK);
    ck_assert_int_eq(inn_graph_new(&net, tiny_heap, NULL), INN_OK);
    model->graph = net;
    inn_arena_init(&arena, tiny_heap);
    feed = (struct inn_feed){.items = items};
}

static void teardown(void)
{
    inn_arena_free(&arena);
    inn_model_free(model);
    tiny_teardown();
}

/* One more input of the network, and room for count samples of it. */
static struct inn_tensor *add_input(const char *name, enum inn_type type,
                                    int rank, const int64_t *dims,
                                    int64_t count)
{
    int64_t all[INN_MAX_RANK] = {1};
    struct inn_tensor *t = &items[feed.n++];

    net_input(net, name, type, rank, dims, NULL);
    memcpy(all, dims, (size_t)rank * sizeof(*all));
    all[0] *= count;
    feed.count = count;
    ck_assert_int_eq(inn_tensor_new(t, &arena, type, rank > 0 ? rank : 1, all,
                                    NULL), INN_OK);
    return t;
}

/* A byte of picture i: smooth, and another for each. */
static uint8_t byte_of(int64_t i, int64_t y, int64_t x, int64_t c)
{
    double wave = sin(0.11 * (double)x + (double)i) * cos(0.07 * (double)y);

    return (uint8_t)lround(127.5 + (90 - 20 * (double)c) * wave);
}

/* Fills t with pictures of h x w, prepared. */
static void fill_pictures(struct inn_tensor *t, int64_t h, int64_t w,
                          int64_t channels, const struct inn_input_prep *prep)
{
    size_t size = (size_t)(h * w * channels);
    int64_t n = (int64_t)(inn_tensor_count(t) / size), i, k;
    uint8_t *bytes = malloc(size);
    float *x = malloc(size * sizeof(*x));
    struct inn_pictures p = {.x = {.type = INN_U8, .data = bytes}, .n = 1,
                             .height = h, .width = w, .channels = channels};

    for (i = 0; i < n; i++) {
        for (k = 0; k < (int64_t)size; k++)
            bytes[k] = byte_of(i, k / channels / w, k / channels % w,
                               k % channels);
        inn_picture_get(x, &p, 0, prep);
        inn_convert_elements((char *)t->data + (size_t)i * size *
                             inn_type_size(t->type), t->type, x, INN_F32,
                             size);
    }
    free(bytes);
    free(x);
}

static void store(int64_t most, size_t limit)
{
    ck_assert_int_eq(inn_store_inputs(model, net, &feed, most, limit, &err),
                     INN_OK);
}

/* Stores all, and gives them back. */
static void there_and_back(struct inn_feed *back)
{
    store(INT64_MAX, INN_STORED_LIMIT);
    ck_assert_ptr_nonnull(model->stored);
    ck_assert_int_eq(inn_stored_feed(back, model, net, &arena, &err), INN_OK);
    ck_assert_int_eq(back->n, feed.n);
    ck_assert_int_eq(back->count, model->stored->count);
}

static const struct input_prep_case {
    const char *name;
    enum inn_type type;
    int64_t at_once, channels;
    struct inn_input_prep prep; /* of the model */
    bool raw;                   /* floats of 0 to 255 */
} preps[] = {
    {"as torch", INN_F32, 1, 3,
     {true, 1.0 / 255, 3, {0.485, 0.456, 0.406}, {0.229, 0.224, 0.225},
      false, false}, false},
    {"blue first, channels last, two at once", INN_F32, 2, 3,
     {true, 1, 3, {103.9, 116.8, 123.7}, {57, 58, 59}, true, true}, false},
    {"grey, nothing said", INN_F32, 1, 1, {.n = 0}, false},
    {"half floats", INN_F16, 1, 3, {.n = 0}, false},
    {"bytes", INN_U8, 1, 3, {.n = 0}, true},
    {"floats as large as bytes", INN_F32, 1, 1, {.n = 0}, true},
};

/* How the network of case i gets its pictures. */
static struct inn_input_prep prep_of(const struct input_prep_case *c)
{
    struct inn_input_prep prep = {.n = 1, .scale = c->raw ? 1 : 1.0 / 255,
                                  .std = {1, 1, 1, 1}};

    return c->prep.given ? c->prep : prep;
}

static void start(const struct input_prep_case *c, int64_t h, int64_t w)
{
    struct inn_input_prep prep = prep_of(c);
    struct inn_tensor *t;

    model->prep = c->prep;
    t = prep.nhwc ? add_input("x", c->type, 4,
                              SHAPE(c->at_once, h, w, c->channels), 3)
                  : add_input("x", c->type, 4,
                              SHAPE(c->at_once, c->channels, h, w), 3);
    fill_pictures(t, h, w, c->channels, &prep);
}

START_TEST(small_pictures_come_back_bit_by_bit)
{
    const struct input_prep_case *c = &preps[_i];
    const struct inn_stored_input *stored;
    struct inn_feed back;
    char text[96];

    start(c, 8, 10);
    there_and_back(&back);
    stored = &model->stored->items[0];
    ck_assert_msg(stored->encoding == INN_ENCODED_BYTES, "%s", c->name);
    ck_assert_uint_eq(stored->bytes,
                      (size_t)(3 * c->at_once * c->channels * 80));
    ck_assert_int_eq(stored->data[c->channels], byte_of(0, 0, 1, 0));
    ck_assert(inn_tensor_same_shape(&back.items[0], &items[0]));
    ck_assert_int_eq(back.items[0].type, c->type);
    ck_assert_msg(memcmp(back.items[0].data, items[0].data,
                         items[0].bytes) == 0, "%s", c->name);
    snprintf(text, sizeof(text), "3 pictures %s (u8), ",
             _i == 1 ? "2x8x10x3" : c->channels == 3 ? "3x8x10" : "1x8x10");
    ck_assert_ptr_nonnull(strstr(inn_stored_text(model, &arena, NULL), text));
}
END_TEST

#ifdef HAVE_JPEG

START_TEST(larger_pictures_become_jpegs)
{
    const struct input_prep_case *c = &preps[_i];
    const struct inn_input_prep prep = prep_of(c);
    const struct inn_stored_input *stored;
    struct inn_feed back;
    double sum = 0, a, b;
    size_t n, i, size = inn_type_size(c->type);

    start(c, 64, 80);
    there_and_back(&back);
    stored = &model->stored->items[0];
    ck_assert_int_eq(stored->encoding, INN_ENCODED_JPEG);
    ck_assert_uint_eq(stored->n_lengths, (size_t)(3 * c->at_once));
    n = inn_tensor_count(&items[0]);
    ck_assert_uint_lt(stored->bytes, n / 4);
    for (i = 0; i < n; i++) {
        inn_convert_elements(&a, INN_F64, (char *)items[0].data + i * size,
                             c->type, 1);
        inn_convert_elements(&b, INN_F64,
                             (char *)back.items[0].data + i * size, c->type,
                             1);
        sum += fabs(a - b);
    }
    /* In steps of a byte. */
    ck_assert_double_le(sum / (double)n * prep.std[0] / prep.scale, 1.5);
    ck_assert_ptr_nonnull(strstr(inn_stored_text(model, &arena, NULL),
                                 "(JPEG)"));
}
END_TEST

START_TEST(a_damaged_jpeg_is_one_clear_error)
{
    struct inn_stored_input *stored;
    struct inn_feed back;
    uint8_t *data;

    start(&preps[0], 64, 80);
    store(INT64_MAX, INN_STORED_LIMIT);
    stored = &model->stored->items[0];
    data = (uint8_t *)stored->data;
    memset(data + stored->lengths[0], 7, (size_t)stored->lengths[1]);
    ck_assert_int_eq(inn_stored_feed(&back, model, net, &arena, &err),
                     INN_ERR_FORMAT);
    ck_assert_ptr_eq(strstr(err.message, "stored inputs: input 'x': picture "
                                         "1: "), err.message);
    /* One of another size, which the header says. */
    store(INT64_MAX, INN_STORED_LIMIT);
    stored = &model->stored->items[0];
    stored->dims[3] = 81;
    net->values[net->inputs[0]].dims[3].size = 81;
    ck_assert_int_eq(inn_stored_feed(&back, model, net, &arena, &err),
                     INN_ERR_FORMAT);
    ck_assert_str_eq(err.message, "stored inputs: input 'x': picture 0: a "
                                  "JPEG of 80 x 64 and 3 channels, 81 x 64 "
                                  "and 3 are expected");
}
END_TEST

START_TEST(every_failed_allocation_of_jpegs_is_clean)
{
    struct starve s;
    struct inn_arena own;
    struct inn_feed back;

    start(&preps[0], 64, 80);
    s = starve(tiny_heap, 10, 400);
    while (starving(&s)) {
        struct inn_model small = {.heap = tiny_heap, .prep = model->prep};

        inn_arena_init(&small.arena, tiny_heap);
        inn_arena_init(&own, tiny_heap);
        s.st = inn_store_inputs(&small, net, &feed, 3, INN_STORED_LIMIT,
                                s.err);
        if (s.st == INN_OK)
            s.st = inn_stored_feed(&back, &small, net, &own, s.err);
        inn_arena_free(&own);
        inn_arena_free(&small.arena);
    }
}
END_TEST

#endif

START_TEST(other_floats_keep_16_bits_unless_that_loses_more)
{
    static const struct {
        double scale;
        enum inn_type type;
    } cases[] = {{1, INN_F16}, {40000, INN_F32}, {1e-8, INN_F32}};
    struct inn_tensor *t = add_input("x", INN_F32, 3, SHAPE(1, 7, 5), 4);
    float *x = t->data, *y;
    struct inn_feed back;
    size_t i, k;

    for (k = 0; k < INN_COUNT(cases); k++) {
        for (i = 0; i < 140; i++)
            x[i] = (float)(cases[k].scale * 2 * sin((double)(i * i)));
        there_and_back(&back);
        ck_assert_int_eq(model->stored->items[0].type, cases[k].type);
        ck_assert_int_eq(model->stored->items[0].encoding, INN_ENCODED_RAW);
        y = back.items[0].data;
        for (i = 0; i < 140; i++)
            ck_assert_double_le(fabs((double)(x[i] - y[i])),
                                cases[k].type == INN_F32
                                    ? 0 : ldexp(fabs((double)x[i]), -11));
    }
    x[77] = NAN;
    store(INT64_MAX, INN_STORED_LIMIT);
    ck_assert_ptr_null(model->stored);
    x[77] = INFINITY;
    store(INT64_MAX, INN_STORED_LIMIT);
    ck_assert_ptr_null(model->stored);
    ck_assert_str_eq(inn_stored_text(model, &arena, NULL), "none");
    ck_assert_int_eq(inn_stored_feed(&back, model, net, &arena, &err),
                     INN_ERR_ARGUMENT);
}
END_TEST

/* Integers, a mask, a scalar and floats of an axis that is open. */
static void add_several(void)
{
    int64_t *ids = add_input("ids", INN_I64, 2, SHAPE(1, 6), 5)->data;
    uint8_t *mask = add_input("mask", INN_BOOL, 2, SHAPE(1, 6), 5)->data;
    float *speed = add_input("speed", INN_F32, 0, SHAPE(0), 5)->data;
    int32_t *deep = add_input("deep", INN_I32, 3, SHAPE(2, 1, 3), 5)->data;
    int i;

    net->values[net->inputs[0]].dims[1].size = -1;
    for (i = 0; i < 30; i++) {
        ids[i] = 1000 * i - 3;
        mask[i] = i % 3 == 0;
        deep[i] = -i;
    }
    for (i = 0; i < 5; i++)
        speed[i] = 0.25f * (float)i;
}

START_TEST(several_inputs_of_every_kind_come_back)
{
    struct inn_feed back;
    int i;

    add_several();
    there_and_back(&back);
    ck_assert_int_eq(model->stored->count, 5);
    ck_assert_int_eq(model->stored->items[2].rank, 0);
    for (i = 0; i < 4; i++) {
        ck_assert(inn_tensor_same_shape(&back.items[i], &items[i]));
        ck_assert(memcmp(back.items[i].data, items[i].data,
                         items[i].bytes) == 0);
    }
    ck_assert_str_eq(inn_stored_text(model, &arena, NULL),
                     "5 samples: ids 6 (i64), mask 6 (bool), speed scalar "
                     "(f16), deep 2x1x3 (i32), 400 bytes");
}
END_TEST

START_TEST(fewer_are_stored_evenly_spread_where_not_all_fit)
{
    int32_t *x = add_input("x", INN_I32, 2, SHAPE(1, 4), 100)->data;
    struct inn_feed back;
    const int32_t *y;
    int i;

    for (i = 0; i < 400; i++)
        x[i] = i / 4;
    store(10, INN_STORED_LIMIT);
    ck_assert_int_eq(model->stored->count, 10);
    ck_assert_int_eq(inn_stored_feed(&back, model, net, &arena, &err),
                     INN_OK);
    y = back.items[0].data;
    for (i = 0; i < 40; i++)
        ck_assert_int_eq(y[i], i / 4 * 10);
    store(INT64_MAX, 16 * 25 + 15);
    ck_assert_int_eq(model->stored->count, 25);
    ck_assert_int_eq(inn_stored_feed(&back, model, net, &arena, &err),
                     INN_OK);
    y = back.items[0].data;
    for (i = 0; i < 100; i++)
        ck_assert_int_eq(y[i], i / 4 * 4);
    store(INT64_MAX, 15);
    ck_assert_ptr_null(model->stored);
    store(0, INN_STORED_LIMIT);
    ck_assert_ptr_null(model->stored);
}
END_TEST

START_TEST(every_failed_allocation_is_clean)
{
    struct starve s;
    struct inn_arena own;
    struct inn_feed back;

    add_several();
    s = starve(tiny_heap, 10, 400);
    while (starving(&s)) {
        struct inn_model small = {.heap = tiny_heap};

        inn_arena_init(&small.arena, tiny_heap);
        inn_arena_init(&own, tiny_heap);
        s.st = inn_store_inputs(&small, net, &feed, 5, INN_STORED_LIMIT,
                                s.err);
        if (s.st == INN_OK)
            s.st = inn_stored_feed(&back, &small, net, &own, s.err);
        if (s.st == INN_OK && inn_stored_text(&small, &own, s.err) == NULL)
            s.st = INN_ERR_MEMORY;
        inn_arena_free(&own);
        inn_arena_free(&small.arena);
    }
}
END_TEST

/* The small model of files with two pictures of 3x8x8, stored as bytes. */
static struct inn_model *tiny_with_inputs(void)
{
    struct inn_model *m = tiny_build(0);
    struct inn_input_prep prep = {.n = 1, .scale = 1.0 / 255, .std = {1}};
    struct inn_feed two = {.n = 1, .count = 2, .items = items};

    ck_assert_ptr_nonnull(m);
    ck_assert(tiny_add_moments(m));
    m->prep = (struct inn_input_prep){.n = 0};
    ck_assert_int_eq(inn_tensor_new(&items[0], &arena, INN_F32, 4,
                                    SHAPE(2, 3, 8, 8), NULL), INN_OK);
    fill_pictures(&items[0], 8, 8, 3, &prep);
    ck_assert_int_eq(inn_store_inputs(m, m->graph, &two, 2, INN_STORED_LIMIT,
                                      &err), INN_OK);
    ck_assert_ptr_nonnull(m->stored);
    return m;
}

static void same_files(const char *a, const char *b)
{
    size_t n, k;
    uint8_t *x = tiny_read(a, &n), *y = tiny_read(b, &k);

    ck_assert_uint_eq(n, k);
    ck_assert(memcmp(x, y, n) == 0);
    free(x);
    free(y);
}

START_TEST(a_file_keeps_them_on_any_threads_and_written_again)
{
    struct inn_model *m = tiny_with_inputs(), *again;
    struct inn_feed back;
    int codec;

    for (codec = 0; codec < 2; codec++) {
        ck_assert_int_eq(tiny_write(m, tiny_path, INN_STORE_F32,
                                    (enum inn_codec)codec, 1), INN_OK);
        ck_assert_int_eq(tiny_write(m, tiny_other, INN_STORE_F32,
                                    (enum inn_codec)codec, 2), INN_OK);
        same_files(tiny_path, tiny_other);
        ck_assert_int_eq(tiny_open(&again, tiny_path, false), INN_OK);
        ck_assert_int_eq(inn_stored_feed(&back, again, again->graph, &arena,
                                         &err), INN_OK);
        ck_assert_int_eq(back.count, 2);
        ck_assert(memcmp(back.items[0].data, items[0].data,
                         items[0].bytes) == 0);
        ck_assert_int_eq(tiny_write(again, tiny_other, INN_STORE_F32,
                                    (enum inn_codec)codec, 2), INN_OK);
        same_files(tiny_path, tiny_other);
        inn_model_free(again);
    }
    inn_model_free(m);
}
END_TEST

START_TEST(every_failed_allocation_of_a_file_is_clean)
{
    struct inn_file_options o = {INN_STORE_F32, INN_CODEC_ZSTD, 1, true,
                                 NULL};
    struct inn_model *m = tiny_with_inputs(), *again;
    struct starve s = starve(tiny_heap, 20, 5000);

    while (starving(&s)) {
        s.st = inn_file_write(m, tiny_path, &o, NULL, s.err);
        if (s.st != INN_OK)
            continue;
        s.st = inn_file_open(&again, tiny_path, false, tiny_heap, s.err);
        inn_model_free(again);
    }
    inn_model_free(m);
}
END_TEST

/* What a file must not say; each is written and has to be refused. */
static const uint64_t lengths[] = {100, 284, 1, UINT64_MAX};

static void no_name(struct inn_stored *s) { s->items[0].name = "z"; }
static void no_samples(struct inn_stored *s) { s->count = 0; }
static void many(struct inn_stored *s) { s->count = INT64_C(1) << 28; }
static void countless(struct inn_stored *s) { s->count = INT64_MAX; }
static void no_inputs(struct inn_stored *s) { s->n = 0; }
static void long_axis(struct inn_stored *s) { s->items[0].dims[2] = 9; }
static void no_axis(struct inn_stored *s) { s->items[0].dims[0] = 0; }
static void wide_axis(struct inn_stored *s)
{
    s->items[0].dims[0] = INT64_C(1) << 60;
}
static void large(struct inn_stored *s)
{
    s->items[0].dims[0] = INT64_C(1) << 22;
}
static void few_axes(struct inn_stored *s) { s->items[0].rank = 3; }
static void short_data(struct inn_stored *s) { s->items[0].bytes--; }
static void elements(struct inn_stored *s)
{
    s->items[0].encoding = INN_ENCODED_RAW;
}
static void integers(struct inn_stored *s)
{
    s->items[0].encoding = INN_ENCODED_RAW;
    s->items[0].type = INN_I32;
}
static void pictures_of_floats(struct inn_stored *s)
{
    s->items[0].type = INN_F32;
}
static void new_encoding(struct inn_stored *s)
{
    s->items[0].encoding = (enum inn_encoding)3;
}
static void no_scale(struct inn_stored *s) { s->items[0].prep.scale = 0; }
static void no_deviation(struct inn_stored *s)
{
    s->items[0].prep.std[0] = 0;
}
static void many_means(struct inn_stored *s) { s->items[0].prep.n = 2; }
static void last_channels(struct inn_stored *s)
{
    s->items[0].prep.nhwc = true;
}
static void use(struct inn_stored *s, size_t first, size_t n)
{
    s->items[0].encoding = INN_ENCODED_JPEG;
    s->items[0].lengths = lengths + first;
    s->items[0].n_lengths = n;
}
static void no_lengths(struct inn_stored *s) { use(s, 0, 0); }
static void short_lengths(struct inn_stored *s) { use(s, 1, 2); }
static void long_lengths(struct inn_stored *s) { use(s, 2, 2); }
static void lengths_of_bytes(struct inn_stored *s)
{
    use(s, 0, 2);
    s->items[0].encoding = INN_ENCODED_BYTES;
}

static const struct lie {
    void (*tell)(struct inn_stored *stored);
    enum inn_status status;
    const char *says;
} lies[] = {
    {no_name, INN_ERR_FORMAT, "input 'z': the network has 'x' there"},
    {no_samples, INN_ERR_FORMAT, "0 samples"},
    {many, INN_ERR_FORMAT, "samples are more than 536870912 bytes"},
    {countless, INN_ERR_FORMAT, "9223372036854775807 samples"},
    {no_inputs, INN_ERR_FORMAT, "samples of 0 inputs, the network has 1"},
    {long_axis, INN_ERR_FORMAT, "which the network doesn't take"},
    {no_axis, INN_ERR_FORMAT, "0x3x8x8, which the network doesn't take"},
    {wide_axis, INN_ERR_FORMAT, "axis 0 has 1152921504606846976 elements"},
    {large, INN_ERR_FORMAT, "is too large"},
    {few_axes, INN_ERR_FORMAT, "3 axes, the network has 4"},
    {short_data, INN_ERR_FORMAT, "383 bytes, 2 samples need 384"},
    {elements, INN_ERR_FORMAT, "u8 for f32"},
    {integers, INN_ERR_FORMAT, "i32 for f32"},
    {pictures_of_floats, INN_ERR_FORMAT, "pictures of 4 axes, f32, for f32"},
    {new_encoding, INN_ERR_UNSUPPORTED, "encoding 3 is unknown"},
    {no_scale, INN_ERR_FORMAT, "scale 0"},
    {no_deviation, INN_ERR_FORMAT, "deviation 0"},
    {many_means, INN_ERR_FORMAT, "2 means for 3 channels"},
    {last_channels, INN_ERR_FORMAT, "pictures of 8 channels"},
    {no_lengths, INN_ERR_FORMAT, "0 lengths of 2 pictures"},
    {short_lengths, INN_ERR_FORMAT, "99 bytes belong to no picture"},
    {long_lengths, INN_ERR_FORMAT, "picture 1 has 18446744073709551615 bytes, "
                                   "383 are left"},
    {lengths_of_bytes, INN_ERR_FORMAT, "384 bytes, 2 samples need 384"},
};

START_TEST(what_does_not_add_up_is_refused)
{
    struct inn_model *m = tiny_with_inputs(), *again = NULL;
    struct inn_stored stored = *m->stored;

    stored.items = &(struct inn_stored_input){.rank = 0};
    stored.items[0] = m->stored->items[0];
    lies[_i].tell(&stored);
    m->stored = &stored;
    ck_assert_int_eq(tiny_write(m, tiny_path, INN_STORE_F32, INN_CODEC_NONE,
                                1), INN_OK);
    ck_assert_int_eq(inn_file_open(&again, tiny_path, false, tiny_heap, &err),
                     lies[_i].status);
    ck_assert_msg(strstr(err.message, lies[_i].says) != NULL, "%s",
                  err.message);
    ck_assert_ptr_null(again);
    inn_model_free(m);
}
END_TEST

START_TEST(what_is_not_finite_is_refused_when_it_is_wanted)
{
    static const uint16_t x[] = {0x3c00, 0x7e00};
    struct inn_stored_input input = {.name = "x", .type = INN_F16, .rank = 1,
                                     .dims = {2},
                                     .data = (const uint8_t *)x, .bytes = 4};
    struct inn_stored stored = {1, 1, &input};
    struct inn_feed back;

    net_input(net, "x", INN_F32, 1, SHAPE(2), NULL);
    model->stored = &stored;
    ck_assert_int_eq(inn_stored_feed(&back, model, net, &arena, &err),
                     INN_ERR_FORMAT);
    ck_assert_str_eq(err.message,
                     "stored inputs: input 'x': element 1 is nan");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("stored");
    TCase *t = tcase_create("stored");

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, small_pictures_come_back_bit_by_bit, 0,
                        INN_COUNT(preps));
#ifdef HAVE_JPEG
    tcase_add_loop_test(t, larger_pictures_become_jpegs, 0, INN_COUNT(preps));
    tcase_add_test(t, a_damaged_jpeg_is_one_clear_error);
    tcase_add_test(t, every_failed_allocation_of_jpegs_is_clean);
#endif
    tcase_add_test(t, other_floats_keep_16_bits_unless_that_loses_more);
    tcase_add_test(t, several_inputs_of_every_kind_come_back);
    tcase_add_test(t, fewer_are_stored_evenly_spread_where_not_all_fit);
    tcase_add_test(t, every_failed_allocation_is_clean);
    tcase_add_test(t, a_file_keeps_them_on_any_threads_and_written_again);
    tcase_add_test(t, every_failed_allocation_of_a_file_is_clean);
    tcase_add_loop_test(t, what_does_not_add_up_is_refused, 0,
                        INN_COUNT(lies));
    tcase_add_test(t, what_is_not_finite_is_refused_when_it_is_wanted);
    suite_add_tcase(s, t);
    return run_suite(s);
}
