/*
 * The seeded generator behind everything that is drawn: splitmix64 (Steele,
 * Lea, Flood 2014), the same numbers on every machine.
 */
#ifndef INN_BASE_RANDOM_H
#define INN_BASE_RANDOM_H

#include <stdint.h>

/* The next 64 bits of the sequence that state, a seed at first, stands for. */
static inline uint64_t inn_random_bits(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Uniform in [0, 1). */
static inline double inn_random_unit(uint64_t *state)
{
    return (double)(inn_random_bits(state) >> 11) * 0x1p-53;
}

/* In [0, n); n is below 2^31, so the bias is below 2^-33. */
static inline int inn_random_below(uint64_t *state, int n)
{
    return (int)(((inn_random_bits(state) >> 32) * (uint64_t)n) >> 32);
}

#endif
