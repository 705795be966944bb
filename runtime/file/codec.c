/*
 * Byte planes and zstd. The exponents of weights take few values, their
 * mantissas are noise: the first plane shrinks to 2–3 bits per element, the
 * others mostly stay, and are then stored as they are.
 *
 * Level 1 with matches of 7 bytes at least: on normal f32 it gives 0.840 of
 * the raw size, on ResNet-50's 0.206, at 430–990 MB/s and thread; level 1
 * alone 0.845 and 0.216 (short matches among exponents are chance and cost
 * more than the literals), level 3 0.854 and 0.205 at half the speed, level
 * 9 0.847 and 0.206 at a tenth.
 */
#include "runtime/file/codec.h"

#include <stdatomic.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "runtime/base/error.h"
#include "runtime/base/threads.h"

enum { LEVEL = 1, LEVEL_MESSAGE = 3, MIN_MATCH = 7 };

/*
 * A zstd block holds 128 KiB at most and takes 4 bytes at least: no honest
 * frame is longer than this many times what is stored of it.
 */
#define MOST_RATIO 32768u

size_t inn_plane_count(uint32_t type)
{
    return type == INN_UNDEFINED ? 1 : inn_type_size((enum inn_type)type);
}

size_t inn_frame_count(uint64_t raw_bytes)
{
    return (size_t)(raw_bytes / INN_FRAME_BYTES) +
           (raw_bytes % INN_FRAME_BYTES != 0);
}

size_t inn_frame_raw(uint64_t raw_bytes, size_t i)
{
    uint64_t left = raw_bytes - (uint64_t)i * INN_FRAME_BYTES;

    return left < INN_FRAME_BYTES ? (size_t)left : INN_FRAME_BYTES;
}

static void split16(uint8_t *out, const uint8_t *in, size_t n)
{
    size_t i;

    for (i = 0; i < n; i++) {
        uint16_t u;
        unsigned r;

        memcpy(&u, in + 2 * i, 2);
        r = (unsigned)u << 1 | (unsigned)u >> 15;
        out[i] = (uint8_t)(r >> 8);
        out[n + i] = (uint8_t)r;
    }
}

static void split32(uint8_t *out, const uint8_t *in, size_t n)
{
    size_t i;

    for (i = 0; i < n; i++) {
        uint32_t u, r;

        memcpy(&u, in + 4 * i, 4);
        r = u << 1 | u >> 31;
        out[i] = (uint8_t)(r >> 24);
        out[n + i] = (uint8_t)(r >> 16);
        out[2 * n + i] = (uint8_t)(r >> 8);
        out[3 * n + i] = (uint8_t)r;
    }
}

static void split64(uint8_t *out, const uint8_t *in, size_t n)
{
    size_t i, k;

    for (i = 0; i < n; i++) {
        uint64_t u, r;

        memcpy(&u, in + 8 * i, 8);
        r = u << 1 | u >> 63;
        for (k = 0; k < 8; k++)
            out[k * n + i] = (uint8_t)(r >> (56 - 8 * k));
    }
}

void inn_planes_split(uint8_t *out, const void *data, size_t planes,
                      size_t count)
{
    if (planes == 2)
        split16(out, data, count);
    else if (planes == 4)
        split32(out, data, count);
    else if (planes == 8)
        split64(out, data, count);
    else if (count != 0)
        memcpy(out, data, count);
}

static void merge16(uint8_t *out, const uint8_t *const *in, size_t n)
{
    const uint8_t *a = in[0], *b = in[1];
    size_t i;

    for (i = 0; i < n; i++) {
        unsigned r = (unsigned)a[i] << 8 | b[i];
        uint16_t u = (uint16_t)(r >> 1 | r << 15);

        memcpy(out + 2 * i, &u, 2);
    }
}

static void merge32(uint8_t *out, const uint8_t *const *in, size_t n)
{
    const uint8_t *a = in[0], *b = in[1], *c = in[2], *d = in[3];
    size_t i;

    for (i = 0; i < n; i++) {
        uint32_t r = (uint32_t)a[i] << 24 | (uint32_t)b[i] << 16 |
                     (uint32_t)c[i] << 8 | d[i];
        uint32_t u = r >> 1 | r << 31;

        memcpy(out + 4 * i, &u, 4);
    }
}

static void merge64(uint8_t *out, const uint8_t *const *in, size_t n)
{
    size_t i, k;

    for (i = 0; i < n; i++) {
        uint64_t r = 0, u;

        for (k = 0; k < 8; k++)
            r = r << 8 | in[k][i];
        u = r >> 1 | r << 63;
        memcpy(out + 8 * i, &u, 8);
    }
}

void inn_planes_merge(void *data, const uint8_t *const *in, size_t planes,
                      size_t count)
{
    if (planes == 2)
        merge16(data, in, count);
    else if (planes == 4)
        merge32(data, in, count);
    else if (planes == 8)
        merge64(data, in, count);
    else if (count != 0)
        memcpy(data, in[0], count);
}

struct inn_encoder {
    ZSTD_CCtx *zstd; /* a few MiB of zstd's own */
    uint8_t *planes; /* [INN_FRAME_BYTES] */
    uint8_t *out;    /* [INN_FRAME_BYTES] */
};

enum inn_status inn_encoder_new(struct inn_encoder **encoder,
                                struct inn_heap *heap, struct inn_error *err)
{
    struct inn_error local = {INN_OK, ""};
    struct inn_encoder *e;

    *encoder = NULL;
    e = inn_alloc(heap, 1, sizeof(*e), &local);
    if (e == NULL)
        goto out;
    e->planes = inn_alloc_raw(heap, INN_FRAME_BYTES, 1, &local);
    if (e->planes == NULL)
        goto out;
    e->out = inn_alloc_raw(heap, INN_FRAME_BYTES, 1, &local);
    if (e->out == NULL)
        goto out;
    e->zstd = ZSTD_createCCtx();
    if (e->zstd == NULL) {
        inn_no_memory(&local, INN_FRAME_BYTES);
        goto out;
    }
    *encoder = e;
    return INN_OK;
out:
    inn_encoder_free(e, heap);
    if (err != NULL)
        *err = local;
    return local.status;
}

void inn_encoder_free(struct inn_encoder *encoder, struct inn_heap *heap)
{
    if (encoder == NULL)
        return;
    ZSTD_freeCCtx(encoder->zstd);
    inn_free(heap, encoder->planes);
    inn_free(heap, encoder->out);
    inn_free(heap, encoder);
}

/*
 * out has room for len bytes; what would take as many is copied. Out of
 * memory is no reason to: the same input gives the same bytes, or none.
 */
#define NO_MEMORY SIZE_MAX
static size_t encode_plane(struct inn_encoder *e, uint8_t *out,
                           const uint8_t *in, size_t len, bool message)
{
    size_t n;

    if (len == 0)
        return 0;
    ZSTD_CCtx_reset(e->zstd, ZSTD_reset_session_and_parameters);
    ZSTD_CCtx_setParameter(e->zstd, ZSTD_c_compressionLevel,
                           message ? LEVEL_MESSAGE : LEVEL);
    if (!message)
        ZSTD_CCtx_setParameter(e->zstd, ZSTD_c_minMatch, MIN_MATCH);
    n = ZSTD_compress2(e->zstd, out, len, in, len);
    if (!ZSTD_isError(n) && n < len)
        return n;
    if (ZSTD_isError(n) &&
        ZSTD_getErrorCode(n) == ZSTD_error_memory_allocation)
        return NO_MEMORY;
    memcpy(out, in, len);
    return len;
}

const uint8_t *inn_encode_frame(struct inn_encoder *encoder, size_t *lens,
                                const void *raw, size_t raw_bytes,
                                size_t planes)
{
    size_t count = raw_bytes / planes, at = 0, k;

    inn_planes_split(encoder->planes, raw, planes, count);
    for (k = 0; k < planes; k++) {
        lens[k] = encode_plane(encoder, encoder->out + at,
                               encoder->planes + k * count, count,
                               planes == 1);
        if (lens[k] == NO_MEMORY)
            return NULL;
        at += lens[k];
    }
    return encoder->out;
}

enum inn_status inn_check_frames(const struct inn_section *section,
                                 const uint8_t *bytes, struct inn_error *err)
{
    size_t planes = inn_plane_count(section->type);
    uint64_t frames = section->raw_bytes / INN_FRAME_BYTES +
                      (section->raw_bytes % INN_FRAME_BYTES != 0);
    uint64_t table, sum = 0;
    const uint8_t *entry;
    size_t i, k;

    if (frames > section->stored_bytes / (4 * planes))
        return inn_fail(err, INN_ERR_FORMAT,
                        "%llu bytes can't hold the table of %llu frames",
                        (unsigned long long)section->stored_bytes,
                        (unsigned long long)frames);
    table = frames * planes * 4;
    entry = bytes + (section->stored_bytes - table);
    for (i = 0; i < frames; i++) {
        size_t count = inn_frame_raw(section->raw_bytes, i) / planes;

        for (k = 0; k < planes; k++, entry += 4) {
            uint32_t len = inn_get_u32(entry);

            if (len > count || count / MOST_RATIO > len ||
                (len == 0 && count != 0))
                return inn_fail(err, INN_ERR_FORMAT,
                                "frame %zu: plane %zu: %u bytes can't hold "
                                "%zu",
                                i, k, len, count);
            sum += len;
        }
    }
    if (sum != section->stored_bytes - table)
        return inn_fail(err, INN_ERR_FORMAT,
                        "frames of %llu bytes in %llu",
                        (unsigned long long)sum,
                        (unsigned long long)(section->stored_bytes - table));
    return INN_OK;
}

/* Decoding a section: what its frames share. */
struct decoding {
    uint8_t *data;
    const struct inn_section *section;
    const uint8_t *table;        /* stored lengths */
    const uint8_t **starts;      /* [frames] */
    struct inn_heap *heap;
    atomic_flag failed;          /* who sets it writes err */
    atomic_bool stop;
    struct inn_error err;
};

static void decode_failed(struct decoding *d, const struct inn_error *err)
{
    if (!atomic_flag_test_and_set(&d->failed))
        d->err = *err;
    atomic_store(&d->stop, true);
}

/* A plane: in place where it is stored as it is, else from zstd. */
static enum inn_status decode_plane(const uint8_t **plane, uint8_t *scratch,
                                    const uint8_t *in, size_t len,
                                    size_t count, struct inn_error *err)
{
    size_t n;

    *plane = in;
    if (len == count)
        return INN_OK;
    *plane = scratch;
    if (ZSTD_getFrameContentSize(in, len) != count ||
        ZSTD_findFrameCompressedSize(in, len) != len)
        return inn_fail(err, INN_ERR_FORMAT,
                        "not one zstd frame of %zu bytes", count);
    n = ZSTD_decompress(scratch, count, in, len);
    if (!ZSTD_isError(n) && n == count)
        return INN_OK;
    /* Its context is malloc's, not the heap's. */
    if (ZSTD_isError(n) &&
        ZSTD_getErrorCode(n) == ZSTD_error_memory_allocation)
        return inn_no_memory(err, count);
    if (ZSTD_isError(n))
        return inn_fail(err, INN_ERR_FORMAT, "zstd says: %s",
                        ZSTD_getErrorName(n));
    return inn_fail(err, INN_ERR_FORMAT, "%zu bytes instead of %zu", n,
                    count);
}

static void decode_frame(void *context, size_t i)
{
    struct decoding *d = context;
    size_t planes = inn_plane_count(d->section->type), k;
    size_t raw = inn_frame_raw(d->section->raw_bytes, i);
    size_t count = raw / planes;
    const uint8_t *in = d->starts[i], *plane[INN_MAX_PLANES] = {NULL};
    struct inn_error err = {INN_OK, ""};
    uint8_t *scratch;

    if (atomic_load(&d->stop))
        return;
    scratch = inn_alloc_raw(d->heap, raw, 1, &err);
    if (scratch == NULL) {
        decode_failed(d, &err);
        return;
    }
    for (k = 0; k < planes; k++) {
        size_t len = inn_get_u32(d->table + 4 * (i * planes + k));

        if (decode_plane(&plane[k], scratch + k * count, in, len, count,
                         &err) != INN_OK) {
            if (err.status == INN_ERR_FORMAT)
                inn_error_prefix(&err, "damaged: frame %zu, plane %zu", i,
                                 k);
            decode_failed(d, &err);
            goto out;
        }
        in += len;
    }
    inn_planes_merge(d->data + i * INN_FRAME_BYTES, plane, planes, count);
out:
    inn_free(d->heap, scratch);
}

enum inn_status inn_decode_section(void *data,
                                   const struct inn_section *section,
                                   const uint8_t *bytes, int threads,
                                   struct inn_heap *heap,
                                   struct inn_error *err)
{
    size_t planes = inn_plane_count(section->type), i, k;
    size_t frames = inn_frame_count(section->raw_bytes);
    struct decoding d = {.data = data, .section = section, .heap = heap,
                         .failed = ATOMIC_FLAG_INIT};
    struct inn_error local = {INN_OK, ""};

    if (section->raw_bytes == 0)
        return INN_OK;
    if (section->codec == INN_CODEC_NONE) {
        memcpy(data, bytes, (size_t)section->raw_bytes);
        return INN_OK;
    }
    atomic_init(&d.stop, false);
    d.table = bytes + (section->stored_bytes - 4 * frames * planes);
    d.starts = inn_alloc(heap, frames, sizeof(*d.starts), &local);
    if (d.starts == NULL) {
        if (err != NULL)
            *err = local;
        return local.status;
    }
    for (i = 0; i < frames; i++) {
        d.starts[i] = bytes;
        for (k = 0; k < planes; k++)
            bytes += inn_get_u32(d.table + 4 * (i * planes + k));
    }
    inn_parallel(threads, frames, decode_frame, &d);
    inn_free(heap, d.starts);
    if (atomic_load(&d.stop)) {
        if (err != NULL)
            *err = d.err;
        return d.err.status;
    }
    return INN_OK;
}
