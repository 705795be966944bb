/*
 * Protobuf messages from hostile bytes. protobuf-c recurses without a limit
 * and trusts lengths, so a scan goes first; its memory is the heap's.
 */
#ifndef INN_BASE_WIRE_H
#define INN_BASE_WIRE_H

#include <protobuf-c/protobuf-c.h>

#include "runtime/base/heap.h"

/* Messages within messages at most. */
#define INN_WIRE_DEPTH 64

/*
 * Walks the fields of a message of the given type and of its sub-messages:
 * tags, wire types, lengths within what encloses them, nesting. Allocates
 * nothing, recurses nowhere. INN_ERR_FORMAT with the byte's offset.
 */
enum inn_status inn_wire_scan(const ProtobufCMessageDescriptor *type,
                              const uint8_t *bytes, size_t len,
                              struct inn_error *err);

/*
 * Scans, then unpacks; own, inn_wire_free. INN_ERR_FORMAT, _MEMORY, _LIMIT.
 */
enum inn_status inn_wire_unpack(ProtobufCMessage **message,
                                const ProtobufCMessageDescriptor *type,
                                const uint8_t *bytes, size_t len,
                                struct inn_heap *heap,
                                struct inn_error *err);
void inn_wire_free(ProtobufCMessage *message, struct inn_heap *heap);

#endif
