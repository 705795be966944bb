/*
 * Protobuf messages from hostile bytes. protobuf-c recurses without a limit
 * and trusts lengths, so a scan goes first. Messages lie in an arena: nothing
 * of them is freed alone, so they may be rearranged and shared freely.
 */
#ifndef INN_BASE_WIRE_H
#define INN_BASE_WIRE_H

#include <protobuf-c/protobuf-c.h>

#include "runtime/base/arena.h"

/* Messages within messages at most. */
#define INN_WIRE_DEPTH 64
/* Protobuf's own limit, and ours; it bounds all counts in a message too. */
#define INN_WIRE_MAX_BYTES ((size_t)INT32_MAX)

/*
 * Checks the wire format of one message and of those in it: nesting, lengths
 * within what encloses them, wire types, packed lists to their last byte,
 * text without zero bytes, single fields that occur twice. Unknown fields are
 * checked for their length and not looked into. What passes is safe for
 * protobuf-c. INN_ERR_FORMAT with the byte's offset; INN_ERR_LIMIT: too long.
 */
enum inn_status inn_wire_scan(const ProtobufCMessageDescriptor *type,
                              const uint8_t *bytes, size_t len,
                              struct inn_error *err);

/*
 * Scans and unpacks; *message belongs to the arena and borrows nothing of
 * bytes. INN_ERR_FORMAT, _MEMORY, _LIMIT.
 */
enum inn_status inn_wire_unpack(ProtobufCMessage **message,
                                const ProtobufCMessageDescriptor *type,
                                const uint8_t *bytes, size_t len,
                                struct inn_arena *arena,
                                struct inn_error *err);

#endif
