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

#endif
