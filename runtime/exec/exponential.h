/*
 * e^x in pieces, for kernels that compilers are to vectorise: no branches, no
 * fused steps, the same bits everywhere.
 */
#ifndef INN_EXEC_EXPONENTIAL_H
#define INN_EXEC_EXPONENTIAL_H

#include <stdint.h>
#include <string.h>

#include "runtime/base/port.h"

/*
 * e^x = 2^k times what is returned, relatively within 3e-7, for |x|
 * up to 104: e^r with r within ln 2 / 2 of 0, where the series to r^6 is right
 * to 2e-8 (its seventh term). NaN gives NaN and any k.
 */
INN_INLINE float inn_exp_part(float x, int32_t *k)
{
    /* Adding 1.5 2^23 leaves the integer in the last bits. */
    const float shift = 12582912.0f;
    float whole = x * 1.44269504f + shift, r, p;

    memcpy(k, &whole, sizeof(*k));
    *k -= 0x4b400000; /* the bits of shift */
    whole -= shift;
    r = x - whole * 0.693359375f;
    r -= whole * -2.12194440e-4f;
    p = 1.0f / 720.0f;
    p = p * r + 1.0f / 120.0f;
    p = p * r + 1.0f / 24.0f;
    p = p * r + 1.0f / 6.0f;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    return p * r + 1.0f;
}

/* 2^k for k from -126 to 127, 0 for -127; others give some number. */
INN_INLINE float inn_exp_power(int32_t k)
{
    uint32_t bits = ((uint32_t)k + 127u) << 23;
    float power;

    memcpy(&power, &bits, sizeof(power));
    return power;
}

#endif
