/*
 * The bytes of a .inn file that are no section: header, directory, tail, and
 * how a section's frames lie. proto/FORMAT.md is the text of it.
 */
#ifndef INN_FILE_LAYOUT_H
#define INN_FILE_LAYOUT_H

#include "runtime/file/container.h"

#define INN_FILE_MAGIC "INN\r\n\x1a\n" /* with its final 0: 8 bytes */
#define INN_FILE_END "INN\r\nEOF"       /* 8 bytes, without the 0 */
#define INN_FILE_VERSION 2 /* the highest that is known; the first is 1 */
#define INN_FILE_ALIGN 64
#define INN_HEADER_BYTES 64
#define INN_ENTRY_BYTES 64
#define INN_TAIL_BYTES 64

/* Raw bytes of a frame; the last one of a section may be shorter. */
#define INN_FRAME_BYTES ((size_t)1 << 20)
#define INN_MAX_PLANES 8

enum inn_section_kind {
    INN_SECTION_NETWORK = 1,
    INN_SECTION_GROUPS = 2,
    INN_SECTION_TENSOR = 3,
    INN_SECTION_PARTITIONS = 4,
    INN_SECTION_MOMENTS = 5,
    INN_SECTION_META = 6,
    INN_SECTION_FACTOR = 7, /* of one of the moments */
    INN_SECTION_INPUTS = 8
};

#define INN_SECTION_OPTIONAL 1u /* flag: who doesn't know the kind skips it */

/* An entry of the directory. */
struct inn_section {
    uint32_t kind, flags;
    uint64_t offset, stored_bytes, raw_bytes;
    uint32_t codec; /* enum inn_codec */
    uint32_t type;  /* enum inn_type; INN_UNDEFINED: a message */
    uint64_t hash;  /* XXH3-64 of the stored bytes */
};

uint32_t inn_get_u32(const uint8_t *bytes);
uint64_t inn_get_u64(const uint8_t *bytes);
void inn_put_u32(uint8_t *bytes, uint32_t value);
void inn_put_u64(uint8_t *bytes, uint64_t value);

/* "network", "groups" …; "unknown" for a number that is none. */
const char *inn_section_name(uint32_t kind);

void inn_pack_header(uint8_t bytes[INN_HEADER_BYTES], uint32_t version);
void inn_pack_entry(uint8_t bytes[INN_ENTRY_BYTES],
                    const struct inn_section *section);
/* For a directory of len bytes with this hash at offset. */
void inn_pack_tail(uint8_t bytes[INN_TAIL_BYTES], uint64_t offset,
                   uint64_t len, uint64_t hash);

/*
 * Checks header, tail and directory of a file of len bytes and fills the
 * sections: own, inn_free. Every section then lies within the file and its
 * frames within it. check_padding: also that all bytes between sections are
 * zero. INN_ERR_FORMAT; _UNSUPPORTED for another version, or a section that
 * is unknown and not optional.
 */
enum inn_status inn_read_layout(struct inn_section **sections, size_t *count,
                                const uint8_t *bytes, size_t len,
                                bool check_padding, struct inn_heap *heap,
                                struct inn_error *err);

#endif
