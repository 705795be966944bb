/*
 * Size arithmetic that can't wrap. Each returns false on overflow and then
 * leaves the result alone; the checked size is the one that bounds the loop.
 */
#ifndef INN_BASE_CHECKED_H
#define INN_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool inn_mul_size(size_t *n, size_t a, size_t b)
{
    if (b != 0 && a > SIZE_MAX / b)
        return false;
    *n = a * b;
    return true;
}

static inline bool inn_add_size(size_t *n, size_t a, size_t b)
{
    if (a > SIZE_MAX - b)
        return false;
    *n = a + b;
    return true;
}

static inline bool inn_mul_i64(int64_t *n, int64_t a, int64_t b)
{
    int64_t lo = INT64_MIN, hi = INT64_MAX;

    if (a > 0 ? (b > hi / a || b < lo / a)
              : (a < -1 ? (b > lo / a || b < hi / a) : (a == -1 && b == lo)))
        return false;
    *n = a * b;
    return true;
}

static inline bool inn_add_i64(int64_t *n, int64_t a, int64_t b)
{
    if (b > 0 ? a > INT64_MAX - b : a < INT64_MIN - b)
        return false;
    *n = a + b;
    return true;
}

/* dims of rank entries multiplied; false if one is negative or it overflows. */
static inline bool inn_count_dims(size_t *n, const int64_t *dims, int rank)
{
    size_t count = 1;
    int i;

    for (i = 0; i < rank; i++) {
        if (dims[i] < 0 || (uint64_t)dims[i] > SIZE_MAX ||
            !inn_mul_size(&count, count, (size_t)dims[i]))
            return false;
    }
    *n = count;
    return true;
}

#endif
