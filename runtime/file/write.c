/*
 * Writing a .inn file from front to back, without ever seeking: what is only
 * known at the end stands at the end. A batch of frames is encoded at a time
 * and written in order, so that memory stays bounded by the batch and the
 * largest grid, and the bytes don't depend on the number of threads.
 */
#include <math.h>
#include <string.h>
#include <xxhash.h>

#include "runtime/base/checked.h"
#include "runtime/base/error.h"
#include "runtime/base/write.h"
#include "runtime/base/threads.h"
#include "runtime/file/codec.h"
#include "runtime/file/pack.h"
#include "runtime/grid/moments.h"

enum { MOST_SLOTS = 64, MESSAGES = 4 /* without moments */ };

/* A frame under way. */
struct slot {
    struct inn_encoder *encoder;
    uint8_t *typed;        /* [INN_FRAME_BYTES], converted elements */
    const uint8_t *result; /* borrowed: source, typed or encoder's */
    size_t lens[INN_MAX_PLANES];
    bool overflow;
    size_t overflow_at; /* element of the frame */
};

struct writer {
    struct inn_heap *heap;
    struct inn_write *out;
    enum inn_codec codec;
    int threads;
    struct slot slots[MOST_SLOTS];
    size_t n_slots;
    struct inn_section *sections;
    size_t n_sections;
    XXH3_state_t *hash;
};

/* Elements to be stored, possibly as another type. */
struct content {
    const uint8_t *data;
    enum inn_type from; /* INN_UNDEFINED: bytes of a message */
    enum inn_type to;
    size_t count;
};

struct batch {
    struct writer *w;
    const struct content *content;
    size_t first; /* frame */
};

static size_t unit(enum inn_type type)
{
    return type == INN_UNDEFINED ? 1 : inn_type_size(type);
}

static enum inn_status put(struct writer *w, const void *data, size_t len,
                           struct inn_error *err)
{
    if (len == 0)
        return INN_OK;
    XXH3_64bits_update(w->hash, data, len);
    return inn_write_bytes(w->out, data, len, err);
}

static enum inn_status pad(struct writer *w, struct inn_error *err)
{
    static const uint8_t zeros[INN_FILE_ALIGN];
    size_t over = (size_t)(inn_write_position(w->out) % INN_FILE_ALIGN);

    return over == 0 ? INN_OK
                     : inn_write_bytes(w->out, zeros, INN_FILE_ALIGN - over,
                                       err);
}

/* Infinite in f16 or bf16, whichever type is. */
static bool is_infinite(uint16_t bits, enum inn_type type)
{
    return (bits & 0x7fff) == (type == INN_F16 ? 0x7c00 : 0x7f80);
}

/* Converts a frame's elements; finite ones must stay finite. */
static void convert(struct slot *slot, const struct content *c, size_t first,
                    size_t count)
{
    const uint8_t *in = c->data + first * unit(c->from);
    size_t i;

    inn_convert_elements(slot->typed, c->to, in, c->from, count);
    for (i = 0; i < count; i++) {
        uint16_t bits;
        double value;

        memcpy(&bits, slot->typed + 2 * i, 2);
        if (!is_infinite(bits, c->to))
            continue;
        inn_convert_elements(&value, INN_F64, in + i * unit(c->from),
                             c->from, 1);
        if (isfinite(value)) {
            slot->overflow = true;
            slot->overflow_at = i;
            return;
        }
    }
}

static void encode_part(void *context, size_t part)
{
    struct batch *b = context;
    const struct content *c = b->content;
    struct slot *slot = &b->w->slots[part];
    size_t i = b->first + part, per = INN_FRAME_BYTES / unit(c->to);
    size_t raw = inn_frame_raw((uint64_t)c->count * unit(c->to), i);

    slot->overflow = false;
    slot->result = c->data + i * INN_FRAME_BYTES;
    if (c->from != c->to) {
        convert(slot, c, i * per, raw / unit(c->to));
        slot->result = slot->typed;
    }
    if (b->w->codec == INN_CODEC_ZSTD)
        slot->result = inn_encode_frame(slot->encoder, slot->lens,
                                        slot->result, raw, unit(c->to));
    else
        slot->lens[0] = raw;
}

static enum inn_status overflowed(const struct content *c, size_t at,
                                  struct inn_error *err)
{
    double value;

    inn_convert_elements(&value, INN_F64, c->data + at * unit(c->from),
                         c->from, 1);
    return inn_fail(err, INN_ERR_RANGE,
                    "element %zu is %g, the largest %s is %s", at, value,
                    inn_type_name(c->to),
                    c->to == INN_F16 ? "65504" : "3.39e38");
}

/* All frames of a section; the stored lengths of their planes to table. */
static enum inn_status put_frames(struct writer *w, const struct content *c,
                                  size_t frames, uint8_t *table,
                                  struct inn_error *err)
{
    size_t planes = w->codec == INN_CODEC_ZSTD ? unit(c->to) : 1;
    struct batch b = {w, c, 0};

    for (b.first = 0; b.first < frames; b.first += w->n_slots) {
        size_t n = frames - b.first < w->n_slots ? frames - b.first
                                                 : w->n_slots;
        size_t i, k;

        inn_parallel(w->threads, n, encode_part, &b);
        for (i = 0; i < n; i++) {
            struct slot *slot = &w->slots[i];
            enum inn_status st;
            size_t len = 0;

            if (slot->overflow)
                return overflowed(c, (b.first + i) * (INN_FRAME_BYTES /
                                                      unit(c->to)) +
                                         slot->overflow_at, err);
            if (slot->result == NULL)
                return inn_no_memory(err, INN_FRAME_BYTES);
            for (k = 0; k < planes; k++) {
                len += slot->lens[k];
                if (table != NULL) {
                    inn_put_u32(table, (uint32_t)slot->lens[k]);
                    table += 4;
                }
            }
            st = put(w, slot->result, len, err);
            if (st != INN_OK)
                return st;
        }
    }
    return INN_OK;
}

static enum inn_status put_section(struct writer *w,
                                   enum inn_section_kind kind,
                                   const struct content *c,
                                   struct inn_error *err)
{
    struct inn_section *s = &w->sections[w->n_sections];
    size_t frames, table_len = 0;
    uint8_t *table = NULL;
    enum inn_status st;

    s->kind = kind;
    s->flags = kind == INN_SECTION_MOMENTS || kind == INN_SECTION_FACTOR ||
                       kind == INN_SECTION_INPUTS ? INN_SECTION_OPTIONAL : 0;
    s->offset = inn_write_position(w->out);
    s->raw_bytes = (uint64_t)c->count * unit(c->to);
    s->codec = w->codec;
    s->type = (uint32_t)c->to;
    frames = inn_frame_count(s->raw_bytes);
    XXH3_64bits_reset(w->hash);
    if (w->codec == INN_CODEC_ZSTD) {
        table_len = frames * unit(c->to) * 4;
        table = inn_alloc(w->heap, table_len, 1, err);
        if (table == NULL)
            return inn_refused(err);
    }
    st = put_frames(w, c, frames, table, err);
    if (st == INN_OK)
        st = put(w, table, table_len, err);
    s->stored_bytes = inn_write_position(w->out) - s->offset;
    s->hash = XXH3_64bits_digest(w->hash);
    w->n_sections++;
    inn_free(w->heap, table);
    return st == INN_OK ? pad(w, err) : st;
}

/* The grid of a weight, from memory or from where the model has it. */
static enum inn_status put_weight(struct writer *w,
                                  const struct inn_model *model, int index,
                                  enum inn_type to, struct inn_error *err)
{
    const struct inn_weight *weight = &model->weights[index];
    const struct inn_tensor *grid = &weight->grid;
    struct content c = {grid->data, grid->type, to,
                        grid->bytes / unit(grid->type)};
    void *loaded = NULL;
    enum inn_status st = INN_OK;

    if (c.data == NULL && c.count != 0) {
        if (model->source.load == NULL) {
            st = inn_fail(err, INN_ERR_ARGUMENT, "has no data");
            goto out;
        }
        loaded = inn_alloc_raw(w->heap, grid->bytes, 1, err);
        if (loaded == NULL) {
            st = inn_refused(err);
            goto out;
        }
        st = model->source.load(model->source.state, index, loaded, err);
        if (st != INN_OK)
            goto out;
        c.data = loaded;
    }
    st = put_section(w, INN_SECTION_TENSOR, &c, err);
out:
    inn_free(w->heap, loaded);
    if (st == INN_ERR_RANGE || st == INN_ERR_ARGUMENT)
        inn_error_prefix(err, "weight '%s'",
                         model->graph->values[weight->value].name);
    return st;
}

static size_t factor_count(const struct inn_model *model, int moments)
{
    size_t n = (size_t)model->groups[model->moments[moments].group].size;

    return n * (n + 1) / 2;
}

static enum inn_status put_factors(struct writer *w,
                                   const struct inn_model *model,
                                   struct inn_error *err)
{
    enum inn_status st = INN_OK;
    int i;

    for (i = 0; i < model->n_moments && st == INN_OK; i++) {
        struct content c = {(const uint8_t *)model->moments[i].factor,
                            INN_F16, INN_F16, factor_count(model, i)};

        if (inn_shares_factor(model, i))
            continue;
        st = put_section(w, INN_SECTION_FACTOR, &c, err);
    }
    return st;
}

static enum inn_status put_message(struct writer *w,
                                   const struct inn_packing *packing,
                                   enum inn_section_kind kind,
                                   struct inn_error *err)
{
    struct content c = {NULL, INN_UNDEFINED, INN_UNDEFINED, 0};
    enum inn_status st;
    uint8_t *bytes;

    st = inn_pack_section(&bytes, &c.count, packing, kind, err);
    c.data = bytes;
    if (st == INN_OK)
        st = put_section(w, kind, &c, err);
    inn_free(w->heap, bytes);
    return st;
}

/* Those before the weights. */
static enum inn_status put_messages(struct writer *w,
                                    const struct inn_packing *packing,
                                    struct inn_error *err)
{
    static const enum inn_section_kind kinds[MESSAGES + 1] = {
        INN_SECTION_NETWORK, INN_SECTION_GROUPS, INN_SECTION_PARTITIONS,
        INN_SECTION_META, INN_SECTION_MOMENTS};
    enum inn_status st = INN_OK;
    uint32_t i;

    for (i = 0; i < packing->first_tensor && st == INN_OK; i++)
        st = put_message(w, packing, kinds[i], err);
    return st;
}

static enum inn_status put_end(struct writer *w, struct inn_error *err)
{
    size_t len = w->n_sections * INN_ENTRY_BYTES, i;
    uint8_t *dir = inn_alloc(w->heap, len, 1, err);
    uint64_t at = inn_write_position(w->out);
    uint8_t tail[INN_TAIL_BYTES];
    enum inn_status st;

    if (dir == NULL)
        return inn_refused(err);
    for (i = 0; i < w->n_sections; i++)
        inn_pack_entry(dir + i * INN_ENTRY_BYTES, &w->sections[i]);
    inn_pack_tail(tail, at, len, XXH3_64bits(dir, len));
    st = inn_write_bytes(w->out, dir, len, err);
    if (st == INN_OK)
        st = inn_write_bytes(w->out, tail, sizeof(tail), err);
    inn_free(w->heap, dir);
    return st;
}

/* Scratch for as many frames as may be under way; few for a small model. */
static enum inn_status writer_init(struct writer *w,
                                   const struct inn_packing *packing,
                                   struct inn_error *err)
{
    const struct inn_model *model = packing->model;
    size_t most = 1, frames, i;
    bool converts = false;
    enum inn_status st;

    for (i = 0; i < (size_t)model->n_weights; i++) {
        const struct inn_tensor *grid = &model->weights[i].grid;

        frames = inn_frame_count(grid->bytes);
        if (frames > most)
            most = frames;
        converts = converts || packing->types[i] != grid->type;
    }
    for (i = 0; i < (size_t)model->n_moments; i++) {
        frames = inn_frame_count(2 * factor_count(model, (int)i));
        if (frames > most)
            most = frames;
    }
    w->sections = inn_alloc(w->heap, packing->first_tensor +
                                         (size_t)model->n_weights +
                                         (size_t)model->n_moments +
                                         (model->stored != NULL),
                            sizeof(*w->sections), err);
    if (w->sections == NULL)
        return inn_refused(err);
    w->hash = XXH3_createState();
    if (w->hash == NULL)
        return inn_no_memory(err, 0);
    w->n_slots = (size_t)w->threads * 2;
    if (w->n_slots > MOST_SLOTS)
        w->n_slots = MOST_SLOTS;
    if (w->n_slots > most)
        w->n_slots = most;
    for (i = 0; i < w->n_slots; i++) {
        if (converts) {
            w->slots[i].typed = inn_alloc_raw(w->heap, INN_FRAME_BYTES, 1,
                                              err);
            if (w->slots[i].typed == NULL)
                return inn_refused(err);
        }
        if (w->codec == INN_CODEC_ZSTD) {
            st = inn_encoder_new(&w->slots[i].encoder, w->heap, err);
            if (st != INN_OK)
                return st;
        }
    }
    return INN_OK;
}

static void writer_free(struct writer *w)
{
    size_t i;

    for (i = 0; i < w->n_slots; i++) {
        inn_encoder_free(w->slots[i].encoder, w->heap);
        inn_free(w->heap, w->slots[i].typed);
    }
    XXH3_freeState(w->hash);
    inn_free(w->heap, w->sections);
    inn_write_close(w->out);
}

static enum inn_status write_all(struct writer *w,
                                 const struct inn_packing *packing,
                                 const struct inn_reread *again,
                                 struct inn_error *err)
{
    const struct inn_input_prep *prep = &packing->model->prep;
    uint8_t header[INN_HEADER_BYTES];
    enum inn_status st;
    int i;

    /* Who knows version 1 alone would feed such a network RGB. */
    inn_pack_header(header, prep->given && prep->bgr ? 2 : 1);
    st = inn_write_bytes(w->out, header, sizeof(header), err);
    if (st == INN_OK)
        st = put_messages(w, packing, err);
    for (i = 0; i < packing->n_weights && st == INN_OK; i++) {
        int index = packing->weights[i];

        st = put_weight(w, packing->model, index, packing->types[index],
                        err);
    }
    if (st == INN_OK)
        st = put_factors(w, packing->model, err);
    if (st == INN_OK && packing->model->stored != NULL)
        st = put_message(w, packing, INN_SECTION_INPUTS, err);
    if (st == INN_OK)
        st = put_end(w, err);
    if (st == INN_OK)
        st = inn_write_reread(w->out, again, err);
    if (st == INN_OK)
        st = inn_write_commit(w->out, err);
    return st;
}

enum inn_status inn_file_write(const struct inn_model *model,
                               const char *path,
                               const struct inn_file_options *options,
                               uint64_t *bytes, struct inn_error *err)
{
    struct inn_error local = {INN_OK, ""};
    struct inn_packing packing = {
        .first_tensor = MESSAGES + (model->n_moments > 0)};
    struct writer w = {.heap = model->heap, .codec = options->codec};
    struct inn_arena arena;
    enum inn_status st;

    if (bytes != NULL)
        *bytes = 0;
    w.threads = options->threads > 0 ? options->threads
                                     : inn_threads_available();
    inn_arena_init(&arena, model->heap);
    st = inn_packing_init(&packing, model, options, &arena, &local);
    if (st == INN_OK)
        st = writer_init(&w, &packing, &local);
    if (st == INN_OK)
        st = inn_write_open(&w.out, path, options->overwrite, model->heap,
                            &local);
    if (st == INN_OK)
        st = write_all(&w, &packing, options->again, &local);
    if (st == INN_OK && bytes != NULL)
        *bytes = inn_write_position(w.out);
    writer_free(&w);
    inn_arena_free(&arena);
    if (st != INN_OK && err != NULL)
        *err = local;
    return st;
}
