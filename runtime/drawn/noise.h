/*
 * Random numbers and 1/f^α noise for drawn pictures. Every picture has a
 * generator of its own, so it doesn't matter who draws which.
 */
#ifndef INN_DRAWN_NOISE_H
#define INN_DRAWN_NOISE_H

#include "runtime/base/heap.h"
#include "runtime/base/random.h"

/* A generator for one of many streams of a seed. */
uint64_t inn_random_start(uint64_t seed, uint64_t stream);
/* Standard normal. */
double inn_random_normal(uint64_t *state);
/*
 * Nearly normal and cheap: a sum of four uniform numbers, variance 1, never
 * beyond 3.47. For what is added up in large numbers, or small.
 */
float inn_random_grain(uint64_t *state);

/* Most fields of noise drawn at once. */
#define INN_NOISE_FIELDS 4

/*
 * n fields (even, at most INN_NOISE_FIELDS) of noise with amplitudes
 * 1/f^alpha[i], alpha a multiple of ½ from ½ to 2: out[i] is
 * height × width, mean 0, deviation 1. Spectra are those of a torus at
 * least as large, of which the field is a part.
 */
enum inn_status inn_noise(float *const *out, const double *alpha, int n,
                          int64_t height, int64_t width, uint64_t *state,
                          struct inn_heap *heap, struct inn_error *err);

#endif
