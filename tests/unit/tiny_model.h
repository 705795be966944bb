/*
 * A small model with everything a file can hold, for the tests of files; and
 * the fixture that they share.
 */
#ifndef INN_TESTS_TINY_MODEL_H
#define INN_TESTS_TINY_MODEL_H

#include "runtime/file/container.h"

/* Set by tiny_setup: a folder of our own and two files in it. */
extern struct inn_heap *tiny_heap;
extern char tiny_folder[64], tiny_path[96], tiny_other[96];

void tiny_setup(void);
/* Proves that no memory and no file is left. */
void tiny_teardown(void);

/*
 * The network: x[batch,3,8,8] -> Conv w1[4,3,1,1] b1[4] -> Relu -> Conv
 * w2[5,4,1,1] -> Reshape by an integer initializer -> y. The group "g" of 4
 * channels in blocks of 3 and 1 is w1's axis 0, b1, w2's axis 1; the group
 * "h" of 2, each on two elements, lies behind one fixed element on w2's
 * axis 0. big: elements of one more weight, "big", read by an Identity; -1: it
 * is there and empty; 0: it isn't there. "old" is an initializer that nothing
 * reads any more. NULL where memory failed.
 */
struct inn_model *tiny_build(int64_t big);

/* One more weight, of an initializer, as the last: room is for one. */
bool tiny_add_weight(struct inn_model *m, const char *name);

/*
 * The group "g" gets a nested order and moments at two inputs, of which the
 * second Conv reads the latter. False where memory failed.
 */
bool tiny_add_moments(struct inn_model *m);

enum inn_status tiny_write(const struct inn_model *m, const char *to,
                           enum inn_store store, enum inn_codec codec,
                           int threads);
enum inn_status tiny_open(struct inn_model **m, const char *from, bool trust);
/* Builds a model and writes it to tiny_path. */
void tiny_write_new(enum inn_codec codec, int64_t big, bool moments);

/* A file's bytes and one more of room; own, free. */
uint8_t *tiny_read(const char *from, size_t *len);
void tiny_store(const char *to, const uint8_t *bytes, size_t len);

#endif
