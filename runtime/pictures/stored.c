/* Samples into few bytes: which encoding, how many fit, and the bytes. */
#include "runtime/pictures/stored.h"

#include <math.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/base/image.h"
#include "runtime/pictures/input_kind.h"
#include "runtime/pictures/prep.h"
#include "runtime/pictures/undo.h"

/*
 * Smaller pictures are of few blocks, which JPEG smears; its largest is
 * libjpeg's. At this quality 64 photographs of 224 x 224 take 1 to 1.5 MB and
 * err by a step or two of 255.
 */
#define JPEG_LEAST_SIDE 64
#define JPEG_MOST_SIDE 65500
#define JPEG_QUALITY 90
/* Of an input's size: what 16 bits may lose before 32 are taken. */
#define MOST_LOSS 1e-3
#define MOST_F16 65504

/* An encoded picture, or a sample that is none. */
struct piece {
    const uint8_t *bytes;
    size_t len;
};

/* One input while it is encoded. */
struct encoding {
    struct inn_stored_input *to;
    const struct inn_tensor *from;
    size_t per_sample; /* pieces */
    size_t elements;   /* of a piece */
    struct inn_undo undo; /* of pictures */
    struct piece *pieces; /* [candidates * per_sample] */
};

struct storing {
    const struct inn_feed *feed;
    struct inn_stored stored;
    struct encoding *inputs;
    int64_t candidates; /* samples that are looked at, evenly spread */
    struct inn_arena own; /* until the end */
    bool finite;
};

/* Elements of candidate k, piece p, as the feed has them. */
static const char *elements_of(const struct storing *s,
                               const struct encoding *e, int64_t k, size_t p)
{
    size_t sample = (size_t)(k * s->feed->count / s->candidates);

    return (const char *)e->from->data +
           (sample * e->per_sample + p) * e->elements *
               inn_type_size(e->from->type);
}

static bool are_bytes(const struct storing *s, const struct encoding *e)
{
    bool are = true;
    size_t p;
    int64_t k;

    for (k = 0; k < s->candidates && are; k++) {
        for (p = 0; p < e->per_sample && are; p++)
            are = inn_undo_picture(&e->undo, elements_of(s, e, k, p));
    }
    return are;
}

/* Sizes of a picture, if the input is one that can be stored as bytes. */
static bool is_picture(struct encoding *e, const struct inn_graph *graph,
                       const struct inn_model *model, int input)
{
    const int64_t *dims = e->to->dims;
    struct inn_undo *u = &e->undo;
    struct inn_tensor shape = {.type = e->from->type, .rank = e->to->rank};
    struct inn_drawn_input plan;

    memcpy(shape.dims, dims, sizeof(shape.dims));
    if (shape.rank != 4 ||
        (shape.type != INN_U8 && !inn_type_is_float(shape.type)))
        return false;
    inn_plan_input(&plan, graph, &model->prep, input, &shape);
    u->type = shape.type;
    u->prep.nhwc = plan.channels_last;
    u->channels = dims[plan.channels_last ? 3 : 1];
    u->height = dims[plan.channels_last ? 1 : 2];
    u->width = dims[plan.channels_last ? 2 : 3];
    return plan.kind == INN_DRAWN_PICTURE &&
           (u->channels == 1 || u->channels == 3);
}

static bool fits_jpeg(int64_t side)
{
    return side >= JPEG_LEAST_SIDE && side <= JPEG_MOST_SIDE;
}

/*
 * Tries the preparation that calibration used, then none: whoever gives
 * floats may have left it to the network.
 */
static enum inn_status try_pictures(struct storing *s, struct encoding *e,
                                    const struct inn_model *model,
                                    struct inn_error *err)
{
    const struct inn_prep_options none = INN_PREP_DEFAULTS;
    struct inn_stored_input *to = e->to;
    struct inn_undo *u = &e->undo;
    const bool nhwc = u->prep.nhwc;
    const struct encoding whole = *e;
    enum inn_status st;
    bool are = false;
    int i;

    e->per_sample = (size_t)to->dims[0];
    e->elements /= e->per_sample;
    st = inn_undo_init(u, &s->own, err);
    for (i = 0; i < 2 && st == INN_OK && !are; i++) {
        u->prep = (struct inn_input_prep){.n = 1, .scale = 1,
                                          .std = {1, 1, 1, 1}};
        if (i == 0 && u->type != INN_U8 &&
            inn_prep_choose(&u->prep, &none, model, u->channels, to->name,
                            true, NULL) != INN_OK)
            continue;
        u->prep.given = true;
        u->prep.nhwc = nhwc;
        u->prep.bgr = model->prep.bgr && u->channels == 3;
        are = are_bytes(s, e);
    }
    if (!are) {
        *e = whole;
        return st;
    }
    to->prep = u->prep;
    to->type = INN_U8;
    to->encoding = inn_image_has_jpeg() && fits_jpeg(u->height) &&
                           fits_jpeg(u->width)
                       ? INN_ENCODED_JPEG : INN_ENCODED_BYTES;
    return st;
}

/* Of floats: 16 bits, or 32. */
static void choose_float(struct storing *s, struct encoding *e)
{
    size_t size = inn_type_size(e->from->type), i, j, n;
    double part[256], power = 0, lost = 0;
    uint16_t half[256];
    float same[256];
    int64_t k;

    e->to->type = INN_F16;
    for (k = 0; k < s->candidates; k++) {
        const char *from = elements_of(s, e, k, 0);

        for (i = 0; i < e->elements; i += n) {
            n = e->elements - i < 256 ? e->elements - i : 256;
            inn_convert_elements(part, INN_F64, from + i * size,
                                 e->from->type, n);
            inn_convert_elements(half, INN_F16, part, INN_F64, n);
            inn_convert_elements(same, INN_F32, half, INN_F16, n);
            for (j = 0; j < n; j++) {
                s->finite = s->finite && isfinite((float)part[j]);
                if (!(fabs(part[j]) <= MOST_F16))
                    e->to->type = INN_F32;
                power += part[j] * part[j];
                lost += (part[j] - (double)same[j]) *
                        (part[j] - (double)same[j]);
            }
        }
    }
    if (!(lost <= MOST_LOSS * MOST_LOSS * power))
        e->to->type = INN_F32;
}

/* The input's sizes, and how it is encoded. */
static enum inn_status choose(struct storing *s, int i,
                              const struct inn_graph *graph,
                              struct inn_model *model, struct inn_error *err)
{
    const struct inn_value *v = &graph->values[graph->inputs[i]];
    struct inn_stored_input *to = &s->stored.items[i];
    struct encoding *e = &s->inputs[i];
    const struct inn_tensor *from = &s->feed->items[i];
    enum inn_status st = INN_OK;

    to->name = inn_arena_strdup(&model->arena, v->name, err);
    if (to->name == NULL)
        return inn_refused(err);
    to->type = from->type;
    to->rank = v->rank == 0 ? 0 : from->rank;
    memcpy(to->dims, from->dims, (size_t)to->rank * sizeof(*to->dims));
    if (to->rank > 0)
        to->dims[0] /= s->feed->count;
    e->to = to;
    e->from = from;
    e->per_sample = 1;
    e->elements = inn_tensor_count(from) / (size_t)s->feed->count;
    if (is_picture(e, graph, model, graph->inputs[i]))
        st = try_pictures(s, e, model, err);
    if (to->encoding == INN_ENCODED_RAW && inn_type_is_float(from->type))
        choose_float(s, e);
    return st;
}

/* Bytes of a piece where it is no JPEG. */
static size_t plain_size(const struct encoding *e)
{
    return e->elements * inn_type_size(e->to->type);
}

static enum inn_status encode_piece(struct piece *piece, struct storing *s,
                                    const struct encoding *e,
                                    const char *elements,
                                    struct inn_error *err)
{
    const struct inn_undo *u = &e->undo;
    struct inn_image image = {u->width, u->height, (int)u->channels,
                              u->bytes};
    enum inn_status st;
    uint8_t *bytes;

    if (e->to->encoding != INN_ENCODED_RAW)
        inn_undo_picture(u, elements); /* as it could before */
    if (e->to->encoding == INN_ENCODED_JPEG) {
        st = inn_image_pack_jpeg(&bytes, &piece->len, &image, JPEG_QUALITY,
                                 &s->own, err);
        piece->bytes = bytes;
        return st;
    }
    piece->len = plain_size(e);
    piece->bytes = bytes = inn_arena_alloc(&s->own, piece->len, 1, err);
    if (bytes == NULL)
        return inn_refused(err);
    if (e->to->encoding == INN_ENCODED_BYTES)
        memcpy(bytes, u->bytes, piece->len);
    else
        inn_convert_elements(bytes, e->to->type, elements, e->from->type,
                             e->elements);
    return INN_OK;
}

static enum inn_status encode(struct storing *s, struct encoding *e,
                              struct inn_error *err)
{
    enum inn_status st = INN_OK;
    size_t p;
    int64_t k;

    e->pieces = inn_arena_alloc(&s->own, (size_t)s->candidates *
                                             e->per_sample,
                                sizeof(*e->pieces), err);
    if (e->pieces == NULL)
        return inn_refused(err);
    for (k = 0; k < s->candidates && st == INN_OK; k++) {
        for (p = 0; p < e->per_sample && st == INN_OK; p++)
            st = encode_piece(&e->pieces[(size_t)k * e->per_sample + p], s, e,
                              elements_of(s, e, k, p), err);
    }
    return st;
}

/* The pieces of sample i of m, evenly spread over the candidates. */
static const struct piece *pieces_of(const struct storing *s,
                                     const struct encoding *e, int64_t i,
                                     int64_t m)
{
    return e->pieces + (size_t)(i * s->candidates / m) * e->per_sample;
}

/* Bytes of all inputs where there are m samples. */
static size_t bytes_of(const struct storing *s, int64_t m)
{
    size_t bytes = 0, p;
    int64_t i;
    int k;

    for (k = 0; k < s->stored.n; k++) {
        for (i = 0; i < m; i++) {
            const struct piece *piece = pieces_of(s, &s->inputs[k], i, m);

            for (p = 0; p < s->inputs[k].per_sample; p++)
                bytes += piece[p].len;
        }
    }
    return bytes;
}

/* Fewer candidates, where their number alone says that they don't fit. */
static void cut_plain(struct storing *s, size_t limit)
{
    size_t one = 0;
    int k;

    for (k = 0; k < s->stored.n; k++) {
        const struct encoding *e = &s->inputs[k];

        if (e->to->encoding != INN_ENCODED_JPEG)
            one += plain_size(e) * e->per_sample;
    }
    if (one > 0 && (size_t)s->candidates > limit / one)
        s->candidates = (int64_t)(limit / one);
}

/* As many samples as fit; their mean says about how many. */
static int64_t how_many(const struct storing *s, size_t limit)
{
    int64_t m = s->candidates;
    size_t bytes;

    while (m > 0 && (bytes = bytes_of(s, m)) > limit) {
        int64_t fit = (int64_t)((double)m * (double)limit / (double)bytes);

        m = fit < m ? fit : m - 1;
    }
    return m;
}

/* The pieces of m samples, one behind the other. */
static enum inn_status join(const struct storing *s, const struct encoding *e,
                            int64_t m, struct inn_arena *arena,
                            struct inn_error *err)
{
    struct inn_stored_input *to = e->to;
    size_t n = (size_t)m * e->per_sample, at = 0, p;
    uint64_t *lengths = NULL;
    uint8_t *data;
    int64_t i;

    for (i = 0; i < m; i++) {
        for (p = 0; p < e->per_sample; p++)
            to->bytes += pieces_of(s, e, i, m)[p].len;
    }
    data = inn_arena_alloc(arena, to->bytes, 1, err);
    if (to->encoding == INN_ENCODED_JPEG && data != NULL) {
        lengths = inn_arena_alloc(arena, n, sizeof(*lengths), err);
        to->n_lengths = n;
    }
    if (data == NULL || (to->n_lengths > 0 && lengths == NULL))
        return inn_refused(err);
    for (i = 0; i < m; i++) {
        for (p = 0; p < e->per_sample; p++) {
            const struct piece *piece = pieces_of(s, e, i, m) + p;

            memcpy(data + at, piece->bytes, piece->len);
            at += piece->len;
            if (lengths != NULL)
                lengths[(size_t)i * e->per_sample + p] = piece->len;
        }
    }
    to->data = data;
    to->lengths = lengths;
    return INN_OK;
}

/* How each input is encoded. */
static enum inn_status choose_all(struct storing *s,
                                  const struct inn_graph *graph,
                                  struct inn_model *model,
                                  struct inn_error *err)
{
    size_t n = (size_t)s->feed->n;
    enum inn_status st = INN_OK;
    int i;

    s->stored.items = inn_arena_alloc(&model->arena, n,
                                      sizeof(*s->stored.items), err);
    s->inputs = inn_arena_alloc(&s->own, n, sizeof(*s->inputs), err);
    if (s->stored.items == NULL || s->inputs == NULL)
        return inn_refused(err);
    s->stored.n = s->feed->n;
    for (i = 0; i < s->stored.n && st == INN_OK; i++)
        st = choose(s, i, graph, model, err);
    return st;
}

static enum inn_status store(struct storing *s, size_t limit,
                             struct inn_model *model, struct inn_error *err)
{
    enum inn_status st = INN_OK;
    struct inn_stored *to;
    int i;

    cut_plain(s, limit);
    for (i = 0; i < s->stored.n && st == INN_OK && s->candidates > 0; i++)
        st = encode(s, &s->inputs[i], err);
    if (st != INN_OK || s->candidates == 0)
        return st;
    s->stored.count = how_many(s, limit);
    if (s->stored.count == 0)
        return INN_OK;
    for (i = 0; i < s->stored.n && st == INN_OK; i++)
        st = join(s, &s->inputs[i], s->stored.count, &model->arena, err);
    if (st != INN_OK)
        return st;
    to = inn_arena_alloc(&model->arena, 1, sizeof(*to), err);
    if (to == NULL)
        return inn_refused(err);
    *to = s->stored;
    model->stored = to;
    return INN_OK;
}

enum inn_status inn_store_inputs(struct inn_model *model,
                                 const struct inn_graph *graph,
                                 const struct inn_feed *feed, int64_t most,
                                 size_t limit, struct inn_error *err)
{
    struct storing s = {.feed = feed, .finite = true};
    enum inn_status st;

    model->stored = NULL;
    s.candidates = most < feed->count ? most : feed->count;
    if (s.candidates < 1 || feed->n < 1)
        return INN_OK;
    inn_arena_init(&s.own, model->heap);
    st = choose_all(&s, graph, model, err);
    if (st == INN_OK && s.finite)
        st = store(&s, limit, model, err);
    inn_arena_free(&s.own);
    return st;
}
