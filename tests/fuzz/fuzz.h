/*
 * What the fuzz harnesses share: targets (code that is given any bytes and
 * must come back with a status) and mutators (bytes made wrong in ways that
 * get past the first check). Used by libFuzzer, by the replay of seeds in
 * make check, and by tests/fuzz/damage, which runs the programs.
 */
#ifndef INN_TESTS_FUZZ_H
#define INN_TESTS_FUZZ_H

#include <protobuf-c/protobuf-c.h>

#include "runtime/inn.h"

/* No input is longer; mutators don't grow one beyond it. */
#define FUZZ_MAX_BYTES ((size_t)1 << 20)
/* What a target's heap gives at most. */
#define FUZZ_HEAP_BYTES ((size_t)256 << 20)

/* Splitmix64: any seed will do. */
struct fuzz_random {
    uint64_t state;
};

uint64_t fuzz_next(struct fuzz_random *r);
/* 0 … n-1; 0 for n = 0. */
size_t fuzz_below(struct fuzz_random *r, size_t n);
/* A number that sizes, counts, axes and lengths don't expect. */
int64_t fuzz_hostile(struct fuzz_random *r);

/*
 * A mutator: changes data[len] in place, where cap bytes have room, and gives
 * the new length. other is another input of the kind to take parts from; may
 * be data itself as it was before.
 */
typedef size_t fuzz_mutate_fn(uint8_t *data, size_t len, size_t cap,
                              const uint8_t *other, size_t other_len,
                              struct fuzz_random *r);

/* Cuts, flips, splices, numbers written over. */
fuzz_mutate_fn fuzz_mutate_bytes;
/* An ONNX model: a field of a message changed, the lengths around it right. */
fuzz_mutate_fn fuzz_mutate_onnx;
/* An .inn file: messages, directory or data changed, checksums right. */
fuzz_mutate_fn fuzz_mutate_inn;
/* Chunks of a PNG with right checksums; segments of a JPEG. */
fuzz_mutate_fn fuzz_mutate_png;

/* As fuzz_mutate_onnx, of any message. */
size_t fuzz_mutate_message(const ProtobufCMessageDescriptor *type,
                           uint8_t *data, size_t len, size_t cap,
                           const uint8_t *other, size_t other_len,
                           struct fuzz_random *r);

struct fuzz_target {
    const char *name;
    const char *seeds; /* the folder of its seeds; several may share one */
    /*
     * Given any bytes. What it finds wrong with our code ends the process;
     * what is wrong with the bytes is its status. NULL: it is a command, or
     * several (commands.h).
     */
    enum inn_status (*run)(const uint8_t *data, size_t len,
                           struct inn_error *err);
    fuzz_mutate_fn *mutate;
};

/* Ends with name NULL. */
extern const struct fuzz_target fuzz_targets[];
const struct fuzz_target *fuzz_find(const char *name);

/*
 * The n-th request of a target's heap fails; 0: none. Of one thread. What was
 * left of n when the target came back.
 */
extern size_t fuzz_fail_at, fuzz_fail_left;

/*
 * run, and what must hold of every result: a status that is known, and for
 * an error one line that says something.
 */
enum inn_status fuzz_run(const struct fuzz_target *target,
                         const uint8_t *data, size_t len,
                         struct inn_error *err);

/* The file's bytes; free. Ends the process where there are none. */
uint8_t *fuzz_load(const char *path, size_t *len);

#endif
