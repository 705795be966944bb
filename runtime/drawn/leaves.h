/*
 * Pictures that we draw ourselves: dead leaves.
 */
#ifndef INN_DRAWN_LEAVES_H
#define INN_DRAWN_LEAVES_H

#include "runtime/base/heap.h"

/*
 * Deterministic dead leaves, out: [count × channels × height × width]. Each
 * channel has mean 0 over all pictures. One channel is grey and three are
 * colours, exposed as photographs are and in the units of ImageNet's usual
 * standardisation (variance about 1.1); any other number are mixes of the
 * colours with noise of their own, variance 1. Needs nothing but seed, same
 * bits on any number of threads. INN_ERR_RANGE: a side beyond 65536. Black and
 * white of a photograph are where the units are those of one.
 */
#define INN_BLACK (-2.0)
#define INN_WHITE (0.55 / 0.225)
enum inn_status inn_draw_pictures(float *out, int64_t count, int64_t channels,
                                  int64_t height, int64_t width,
                                  uint64_t seed, int threads,
                                  struct inn_heap *heap,
                                  struct inn_error *err);

#endif
