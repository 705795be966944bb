/*
 * Header, directory and tail. Whatever a file says of itself is compared
 * with the file's true length before it is used; what the header, directory
 * and tail don't cover by checksums is padding and has to be zero, so that
 * no byte of a file can change unseen.
 */
#include "runtime/file/layout.h"

#include <string.h>
#include <xxhash.h>

#include "runtime/base/error.h"
#include "runtime/file/codec.h"

uint32_t inn_get_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 |
           (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

uint64_t inn_get_u64(const uint8_t *bytes)
{
    return (uint64_t)inn_get_u32(bytes) |
           (uint64_t)inn_get_u32(bytes + 4) << 32;
}

void inn_put_u32(uint8_t *bytes, uint32_t value)
{
    int i;

    for (i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
}

void inn_put_u64(uint8_t *bytes, uint64_t value)
{
    inn_put_u32(bytes, (uint32_t)value);
    inn_put_u32(bytes + 4, (uint32_t)(value >> 32));
}

const char *inn_section_name(uint32_t kind)
{
    switch (kind) {
    case INN_SECTION_NETWORK:
        return "network";
    case INN_SECTION_GROUPS:
        return "groups";
    case INN_SECTION_TENSOR:
        return "tensor";
    case INN_SECTION_PARTITIONS:
        return "partitions";
    case INN_SECTION_MOMENTS:
        return "moments";
    case INN_SECTION_META:
        return "meta";
    case INN_SECTION_FACTOR:
        return "factor";
    case INN_SECTION_INPUTS:
        return "inputs";
    default:
        return "unknown";
    }
}

void inn_pack_header(uint8_t bytes[INN_HEADER_BYTES], uint32_t version)
{
    memset(bytes, 0, INN_HEADER_BYTES);
    memcpy(bytes, INN_FILE_MAGIC, 8);
    inn_put_u32(bytes + 8, version);
    inn_put_u32(bytes + 12, INN_HEADER_BYTES);
    inn_put_u64(bytes + 56, XXH3_64bits(bytes, 56));
}

void inn_pack_entry(uint8_t bytes[INN_ENTRY_BYTES],
                    const struct inn_section *section)
{
    memset(bytes, 0, INN_ENTRY_BYTES);
    inn_put_u32(bytes, section->kind);
    inn_put_u32(bytes + 4, section->flags);
    inn_put_u64(bytes + 8, section->offset);
    inn_put_u64(bytes + 16, section->stored_bytes);
    inn_put_u64(bytes + 24, section->raw_bytes);
    inn_put_u32(bytes + 32, section->codec);
    inn_put_u32(bytes + 36, section->type);
    inn_put_u64(bytes + 56, section->hash);
}

void inn_pack_tail(uint8_t bytes[INN_TAIL_BYTES], uint64_t offset,
                   uint64_t len, uint64_t hash)
{
    memset(bytes, 0, INN_TAIL_BYTES);
    inn_put_u64(bytes, offset);
    inn_put_u64(bytes + 8, len);
    inn_put_u64(bytes + 16, offset + len + INN_TAIL_BYTES);
    inn_put_u64(bytes + 24, hash);
    memcpy(bytes + 48, INN_FILE_END, 8);
    inn_put_u64(bytes + 56, XXH3_64bits(bytes, 56));
}

static bool all_zero(const uint8_t *bytes, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++) {
        if (bytes[i] != 0)
            return false;
    }
    return true;
}

static enum inn_status check_header(const uint8_t *bytes, size_t len,
                                    struct inn_error *err)
{
    uint32_t version;

    if (len < 8 || memcmp(bytes, INN_FILE_MAGIC, 8) != 0)
        return inn_fail(err, INN_ERR_FORMAT, "not a .inn file");
    if (len < INN_HEADER_BYTES + INN_TAIL_BYTES)
        return inn_fail(err, INN_ERR_FORMAT,
                        "truncated: %zu bytes, the least are %d", len,
                        INN_HEADER_BYTES + INN_TAIL_BYTES);
    if (inn_get_u64(bytes + 56) != XXH3_64bits(bytes, 56))
        return inn_fail(err, INN_ERR_FORMAT,
                        "damaged: the header's checksum is wrong");
    version = inn_get_u32(bytes + 8);
    if (version < 1 || version > INN_FILE_VERSION)
        return inn_fail(err, INN_ERR_UNSUPPORTED,
                        "a .inn file of version %u, we know versions 1 to %d",
                        version, INN_FILE_VERSION);
    if (inn_get_u32(bytes + 12) != INN_HEADER_BYTES ||
        !all_zero(bytes + 16, 40))
        return inn_fail(err, INN_ERR_FORMAT, "damaged: a wrong header");
    return INN_OK;
}

/* Where the directory lies: *at and *bytes_len, within the file. */
static enum inn_status check_tail(size_t *at, size_t *dir_len,
                                  const uint8_t *bytes, size_t len,
                                  struct inn_error *err)
{
    const uint8_t *tail = bytes + len - INN_TAIL_BYTES;
    uint64_t offset, length, file;

    if (memcmp(tail + 48, INN_FILE_END, 8) != 0)
        return inn_fail(err, INN_ERR_FORMAT,
                        "truncated or damaged: no tail at byte %zu",
                        len - INN_TAIL_BYTES);
    if (inn_get_u64(tail + 56) != XXH3_64bits(tail, 56))
        return inn_fail(err, INN_ERR_FORMAT,
                        "damaged: the tail's checksum is wrong");
    offset = inn_get_u64(tail);
    length = inn_get_u64(tail + 8);
    file = inn_get_u64(tail + 16);
    if (file != len)
        return inn_fail(err, INN_ERR_FORMAT,
                        "%zu bytes, but %llu were written", len,
                        (unsigned long long)file);
    if (!all_zero(tail + 32, 16) || offset < INN_HEADER_BYTES ||
        offset % INN_FILE_ALIGN != 0 || length % INN_ENTRY_BYTES != 0 ||
        offset > len - INN_TAIL_BYTES ||
        length != len - INN_TAIL_BYTES - offset)
        return inn_fail(err, INN_ERR_FORMAT,
                        "damaged: a directory of %llu bytes at byte %llu of "
                        "%zu",
                        (unsigned long long)length,
                        (unsigned long long)offset, len);
    if (inn_get_u64(tail + 24) != XXH3_64bits(bytes + offset,
                                              (size_t)length))
        return inn_fail(err, INN_ERR_FORMAT,
                        "damaged: the directory's checksum is wrong");
    *at = (size_t)offset;
    *dir_len = (size_t)length;
    return INN_OK;
}

static bool read_entry(struct inn_section *s, const uint8_t *bytes)
{
    s->kind = inn_get_u32(bytes);
    s->flags = inn_get_u32(bytes + 4);
    s->offset = inn_get_u64(bytes + 8);
    s->stored_bytes = inn_get_u64(bytes + 16);
    s->raw_bytes = inn_get_u64(bytes + 24);
    s->codec = inn_get_u32(bytes + 32);
    s->type = inn_get_u32(bytes + 36);
    s->hash = inn_get_u64(bytes + 56);
    return all_zero(bytes + 40, 16);
}

/* What a section of a known kind claims besides its place. */
static enum inn_status check_known(const struct inn_section *s,
                                   const uint8_t *bytes,
                                   struct inn_error *err)
{
    size_t size;

    if (s->kind == INN_SECTION_TENSOR || s->kind == INN_SECTION_FACTOR) {
        if (s->kind == INN_SECTION_FACTOR
                ? s->type != INN_F16
                : !inn_type_is_float((enum inn_type)s->type))
            return inn_fail(err, INN_ERR_FORMAT, "of element type %u",
                            s->type);
        size = inn_type_size((enum inn_type)s->type);
        if (s->raw_bytes % size != 0)
            return inn_fail(err, INN_ERR_FORMAT,
                            "%llu bytes of elements of %zu bytes",
                            (unsigned long long)s->raw_bytes, size);
    } else if (s->type != INN_UNDEFINED) {
        return inn_fail(err, INN_ERR_FORMAT,
                        "a message with element type %u", s->type);
    }
    if (s->codec == INN_CODEC_NONE) {
        if (s->raw_bytes != s->stored_bytes)
            return inn_fail(err, INN_ERR_FORMAT,
                            "%llu bytes stored as %llu without a codec",
                            (unsigned long long)s->raw_bytes,
                            (unsigned long long)s->stored_bytes);
        return INN_OK;
    }
    if (s->codec != INN_CODEC_ZSTD)
        return inn_fail(err, INN_ERR_UNSUPPORTED, "unknown codec %u",
                        s->codec);
    return inn_check_frames(s, bytes, err);
}

/*
 * Sections follow one another without a gap but the padding: *next is where
 * this one has to begin, and then where the one behind it has to.
 */
static enum inn_status check_place(const struct inn_section *s, size_t *next,
                                   size_t end, const uint8_t *bytes,
                                   bool check_padding, struct inn_error *err)
{
    size_t stop, pad;

    if (s->offset != *next || s->stored_bytes > end - *next)
        return inn_fail(err, INN_ERR_FORMAT,
                        "%llu bytes at byte %llu, expected at byte %zu and "
                        "%zu bytes at most",
                        (unsigned long long)s->stored_bytes,
                        (unsigned long long)s->offset, *next, end - *next);
    stop = *next + (size_t)s->stored_bytes;
    pad = (INN_FILE_ALIGN - stop % INN_FILE_ALIGN) % INN_FILE_ALIGN;
    /* end is aligned, so the padding ends there at the latest */
    if (check_padding && !all_zero(bytes + stop, pad))
        return inn_fail(err, INN_ERR_FORMAT,
                        "damaged padding behind it, at byte %zu", stop);
    *next = stop + pad;
    if (s->flags & ~INN_SECTION_OPTIONAL)
        return inn_fail(err, INN_ERR_UNSUPPORTED, "unknown flags 0x%x",
                        s->flags);
    switch (s->kind) {
    case INN_SECTION_NETWORK:
    case INN_SECTION_GROUPS:
    case INN_SECTION_TENSOR:
    case INN_SECTION_PARTITIONS:
    case INN_SECTION_MOMENTS:
    case INN_SECTION_META:
    case INN_SECTION_FACTOR:
    case INN_SECTION_INPUTS:
        return check_known(s, bytes + s->offset, err);
    default:
        if (s->flags & INN_SECTION_OPTIONAL)
            return INN_OK;
        return inn_fail(err, INN_ERR_UNSUPPORTED,
                        "of unknown kind %u, and not optional", s->kind);
    }
}

enum inn_status inn_read_layout(struct inn_section **sections, size_t *count,
                                const uint8_t *bytes, size_t len,
                                bool check_padding, struct inn_heap *heap,
                                struct inn_error *err)
{
    struct inn_error local = {INN_OK, ""};
    size_t dir = 0, dir_len = 0, next = INN_HEADER_BYTES, i;
    struct inn_section *s = NULL;
    enum inn_status st;

    *sections = NULL;
    *count = 0;
    st = check_header(bytes, len, &local);
    if (st == INN_OK)
        st = check_tail(&dir, &dir_len, bytes, len, &local);
    if (st != INN_OK)
        goto out;
    s = inn_alloc(heap, dir_len / INN_ENTRY_BYTES, sizeof(*s), &local);
    if (s == NULL) {
        st = local.status;
        goto out;
    }
    for (i = 0; i < dir_len / INN_ENTRY_BYTES; i++) {
        if (!read_entry(&s[i], bytes + dir + i * INN_ENTRY_BYTES)) {
            st = inn_fail(&local, INN_ERR_FORMAT,
                          "damaged: reserved bytes of entry %zu", i);
            goto out;
        }
        st = check_place(&s[i], &next, dir, bytes, check_padding, &local);
        if (st != INN_OK) {
            inn_error_prefix(&local, "section %zu (%s)", i,
                             inn_section_name(s[i].kind));
            goto out;
        }
    }
    if (next != dir) {
        st = inn_fail(&local, INN_ERR_FORMAT,
                      "damaged: sections end at byte %zu, the directory "
                      "begins at byte %zu",
                      next, dir);
        goto out;
    }
    *sections = s;
    *count = i;
    s = NULL;
out:
    inn_free(heap, s);
    if (st != INN_OK && err != NULL)
        *err = local;
    return st;
}
