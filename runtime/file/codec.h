/*
 * Frames: how the bytes of a section are stored under the codec zstd. Each
 * frame is split into byte planes, each plane compressed where that helps.
 */
#ifndef INN_FILE_CODEC_H
#define INN_FILE_CODEC_H

#include "runtime/file/layout.h"

/* Planes of a section's frames: bytes of an element; 1 for messages. */
size_t inn_plane_count(uint32_t type);

/* Frames of a section of so many raw bytes. */
size_t inn_frame_count(uint64_t raw_bytes);

/* Raw bytes of frame i. */
size_t inn_frame_raw(uint64_t raw_bytes, size_t i);

/*
 * count elements of planes bytes each: rotated left by one bit, so that the
 * exponent leaves the sign behind, then byte by byte, the highest first;
 * plane k begins at out + k·count. One plane is a copy.
 */
void inn_planes_split(uint8_t *out, const void *data, size_t planes,
                      size_t count);
/* The inverse, from planes that may lie apart. */
void inn_planes_merge(void *data, const uint8_t *const *in, size_t planes,
                      size_t count);

/* A compressor with its scratch: one per frame that is under way. */
struct inn_encoder;

enum inn_status inn_encoder_new(struct inn_encoder **encoder,
                                struct inn_heap *heap,
                                struct inn_error *err);
void inn_encoder_free(struct inn_encoder *encoder, struct inn_heap *heap);

/*
 * Encodes a frame of raw_bytes in planes. lens[planes] are the stored lengths
 * of its planes, the bytes of which lie one after the other at the result:
 * borrowed until the next call. Never longer than raw_bytes. NULL: zstd has
 * no memory.
 */
const uint8_t *inn_encode_frame(struct inn_encoder *encoder, size_t *lens,
                                const void *raw, size_t raw_bytes,
                                size_t planes);

/*
 * Checks a section's frame table against its lengths; bytes are the stored
 * ones. INN_ERR_FORMAT.
 */
enum inn_status inn_check_frames(const struct inn_section *section,
                                 const uint8_t *bytes, struct inn_error *err);

/*
 * Decodes a section whose frames were checked into data[raw_bytes].
 * INN_ERR_FORMAT, _MEMORY, _LIMIT.
 */
enum inn_status inn_decode_section(void *data,
                                   const struct inn_section *section,
                                   const uint8_t *bytes, int threads,
                                   struct inn_heap *heap,
                                   struct inn_error *err);

#endif
