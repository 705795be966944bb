/*
 * Mutators of containers with checksums: what is inside changes, and the
 * checksums say that it is all well.
 */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "proto/inn.pb-c.h"
#include "runtime/base/heap.h"
#include "runtime/base/port.h"
#include "runtime/file/codec.h"
#include "tests/fuzz/fuzz.h"

static const ProtobufCMessageDescriptor *message_of(uint32_t kind)
{
    switch (kind) {
    case INN_SECTION_NETWORK: return &inn__network__descriptor;
    case INN_SECTION_GROUPS: return &inn__groups__descriptor;
    case INN_SECTION_PARTITIONS: return &inn__partitions__descriptor;
    case INN_SECTION_MOMENTS: return &inn__moments__descriptor;
    case INN_SECTION_INPUTS: return &inn__inputs__descriptor;
    case INN_SECTION_META: return &inn__meta__descriptor;
    default: return NULL;
    }
}

/* An entry of the directory that says something else. */
static void change_entry(struct inn_section *s, struct fuzz_random *r)
{
    uint64_t v = (uint64_t)fuzz_hostile(r);

    switch (fuzz_below(r, 7)) {
    case 0: s->kind = (uint32_t)fuzz_below(r, 10); break;
    case 1: s->flags = (uint32_t)v; break;
    case 2: s->offset = v & ~(uint64_t)63; break;
    case 3: s->stored_bytes += v; break;
    case 4: s->raw_bytes = v; break;
    case 5: s->codec = (uint32_t)fuzz_below(r, 3); break;
    default: s->type = (uint32_t)fuzz_below(r, 18); break;
    }
}

struct image {
    uint8_t *bytes;
    size_t len, cap;
};

/* cap bytes for a section of len; NULL: that doesn't fit. */
static uint8_t *room(size_t len, size_t cap)
{
    uint8_t *out;

    if (len > cap)
        return NULL;
    out = malloc(cap);
    if (out == NULL)
        abort();
    return out;
}

/* What a section holds once it is decoded and changed; free. NULL: can't. */
static uint8_t *change_contents(struct inn_section *s, const uint8_t *data,
                                size_t cap, struct fuzz_random *r,
                                struct inn_heap *heap)
{
    const ProtobufCMessageDescriptor *type = message_of(s->kind);
    size_t len = (size_t)s->raw_bytes;
    uint8_t *out = room(len, cap);

    if (out == NULL)
        return NULL;
    if (inn_decode_section(out, s, data + s->offset, 1, heap, NULL) !=
        INN_OK) {
        free(out);
        return NULL;
    }
    if (type != NULL && fuzz_below(r, 8) != 0) {
        uint8_t *was = malloc(len + 1);

        if (was == NULL)
            abort();
        memcpy(was, out, len);
        len = fuzz_mutate_message(type, out, len, cap, was, len, r);
        free(was);
    } else {
        len = fuzz_mutate_bytes(out, len, cap, out, 0, r);
    }
    s->codec = INN_CODEC_NONE;
    s->raw_bytes = s->stored_bytes = len;
    return out;
}

/* The section's stored bytes, flipped here and there. */
static uint8_t *change_stored(struct inn_section *s, const uint8_t *data,
                              size_t cap, struct fuzz_random *r)
{
    size_t len = (size_t)s->stored_bytes;
    uint8_t *out = room(len, cap);

    if (out == NULL)
        return NULL;
    memcpy(out, data + s->offset, len);
    len = fuzz_mutate_bytes(out, len, cap, data, len, r);
    s->stored_bytes = len;
    return out;
}

static bool add(struct image *to, const void *bytes, size_t len)
{
    size_t padded = (len + 63) & ~(size_t)63;

    if (padded > to->cap - to->len)
        return false;
    if (len > 0)
        memcpy(to->bytes + to->len, bytes, len);
    memset(to->bytes + to->len + len, 0, padded - len);
    to->len += padded;
    return true;
}

/* All sections one after the other, number which with other bytes. */
static bool rebuild(struct image *to, const uint8_t *data,
                    struct inn_section *sections, size_t n, size_t which,
                    const uint8_t *contents, struct fuzz_random *r)
{
    size_t dir, i;
    bool lie = contents == NULL;

    if (to->cap < INN_HEADER_BYTES)
        return false;
    inn_pack_header(to->bytes, INN_FILE_VERSION);
    to->len = INN_HEADER_BYTES;
    for (i = 0; i < n; i++) {
        struct inn_section *s = &sections[i];
        const uint8_t *from = i == which && !lie ? contents
                                                 : data + s->offset;
        uint64_t at = to->len;

        if (!add(to, from, (size_t)s->stored_bytes))
            return false;
        s->offset = at;
        s->hash = XXH3_64bits(from, (size_t)s->stored_bytes);
    }
    if (lie && n > 0)
        change_entry(&sections[which], r);
    dir = to->len;
    if (n * INN_ENTRY_BYTES + INN_TAIL_BYTES > to->cap - to->len)
        return false;
    for (i = 0; i < n; i++, to->len += INN_ENTRY_BYTES)
        inn_pack_entry(to->bytes + to->len, &sections[i]);
    inn_pack_tail(to->bytes + to->len, dir, to->len - dir,
                  XXH3_64bits(to->bytes + dir, to->len - dir));
    to->len += INN_TAIL_BYTES;
    return true;
}

size_t fuzz_mutate_inn(uint8_t *data, size_t len, size_t cap,
                       const uint8_t *other, size_t other_len,
                       struct fuzz_random *r)
{
    struct inn_heap *heap = inn_heap_new(FUZZ_HEAP_BYTES);
    struct inn_section *sections = NULL;
    struct image to = {malloc(cap + 1), 0, cap};
    uint8_t *contents = NULL;
    size_t n, which;
    bool stored;

    if (heap == NULL || to.bytes == NULL)
        abort();
    if (inn_read_layout(&sections, &n, data, len, false, heap, NULL) !=
            INN_OK || fuzz_below(r, 16) == 0) {
        len = fuzz_mutate_bytes(data, len, cap, other, other_len, r);
        goto out;
    }
    which = fuzz_below(r, n);
    stored = fuzz_below(r, 6) == 0;
    if (stored)
        contents = change_stored(&sections[which], data, cap, r);
    else if (fuzz_below(r, 6) != 0)
        contents = change_contents(&sections[which], data, cap, r, heap);
    if (rebuild(&to, data, sections, n, which, contents, r)) {
        memcpy(data, to.bytes, to.len);
        len = to.len;
    }
out:
    free(contents);
    free(to.bytes);
    inn_free(heap, sections);
    inn_heap_free(heap);
    return len;
}

static uint32_t crc32_of(const uint8_t *bytes, size_t len)
{
    uint32_t crc = UINT32_MAX;
    size_t i;
    int bit;

    for (i = 0; i < len; i++) {
        crc ^= bytes[i];
        for (bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

/* Changes bytes anywhere, then puts right the checksums of PNG chunks. */
size_t fuzz_mutate_png(uint8_t *data, size_t len, size_t cap,
                       const uint8_t *other, size_t other_len,
                       struct fuzz_random *r)
{
    size_t at = 8;

    len = fuzz_mutate_bytes(data, len, cap, other, other_len, r);
    if (len < 8 || memcmp(data, "\x89PNG", 4) != 0 || fuzz_below(r, 4) == 0)
        return len;
    while (len - at >= 12) {
        size_t n = (size_t)data[at] << 24 | (size_t)data[at + 1] << 16 |
                   (size_t)data[at + 2] << 8 | data[at + 3];
        uint32_t crc;
        int i;

        if (n > len - at - 12)
            break;
        crc = crc32_of(data + at + 4, n + 4);
        for (i = 0; i < 4; i++)
            data[at + 8 + n + (size_t)i] = (uint8_t)(crc >> (24 - 8 * i));
        at += n + 12;
    }
    return len;
}
