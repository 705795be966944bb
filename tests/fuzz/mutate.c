/* Mutators that know nothing of a format, and of one that has a scan. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/port.h"
#include "tests/fuzz/fuzz.h"

uint64_t fuzz_next(struct fuzz_random *r)
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

size_t fuzz_below(struct fuzz_random *r, size_t n)
{
    return n == 0 ? 0 : (size_t)(fuzz_next(r) % n);
}

int64_t fuzz_hostile(struct fuzz_random *r)
{
    static const int64_t values[] = {
        0, 1, -1, 2, 3, -2, 4, 7, 8, 9, 16, 63, 64, 65, 127, 128, 255, 256,
        1000, 4096, 65535, 65536, 1000003, INT32_MAX, INT32_MIN,
        (int64_t)UINT32_MAX, (int64_t)1 << 32, (int64_t)1 << 40,
        (int64_t)1 << 61, (int64_t)1 << 62, INT64_MAX, INT64_MIN,
        INT64_MAX / 4 + 1};

    return values[fuzz_below(r, INN_COUNT(values))];
}

/* Takes n bytes out at at. */
static size_t cut_out(uint8_t *data, size_t len, size_t at, size_t n)
{
    memmove(data + at, data + at + n, len - at - n);
    return len - n;
}

static size_t put_in(uint8_t *data, size_t len, size_t cap, size_t at,
                     const uint8_t *from, size_t n)
{
    if (n > cap - len)
        n = cap - len;
    memmove(data + at + n, data + at, len - at);
    memcpy(data + at, from, n);
    return len + n;
}

/* A little or big endian number of 1, 2, 4 or 8 bytes, written over. */
static void write_over(uint8_t *data, size_t len, struct fuzz_random *r)
{
    uint64_t value = (uint64_t)fuzz_hostile(r);
    size_t size = (size_t)1 << fuzz_below(r, 4), at, i;
    bool big = fuzz_below(r, 2) == 0;

    if (len < size)
        return;
    at = fuzz_below(r, len - size + 1);
    for (i = 0; i < size; i++)
        data[at + (big ? size - 1 - i : i)] = (uint8_t)(value >> 8 * i);
}

/* A number written in digits becomes another: headers of .npy, JSON. */
static size_t digits_over(uint8_t *data, size_t len, size_t cap,
                          struct fuzz_random *r)
{
    static const char *const numbers[] = {
        "0", "-1", "1", "9", "4096", "2147483648", "4294967297",
        "9223372036854775807", "18446744073709551616", "1e9", "", "00"};
    const char *text = numbers[fuzz_below(r, INN_COUNT(numbers))];
    size_t at = fuzz_below(r, len), from, n = 0, i;

    for (i = 0; i < len; i++, at = (at + 1) % len) {
        if (data[at] >= '0' && data[at] <= '9')
            break;
    }
    from = at;
    while (from + n < len && data[from + n] >= '0' && data[from + n] <= '9')
        n++;
    if (n == 0)
        return len;
    len = cut_out(data, len, from, n);
    return put_in(data, len, cap, from, (const uint8_t *)text, strlen(text));
}

static size_t change_once(uint8_t *data, size_t len, size_t cap,
                          const uint8_t *other, size_t other_len,
                          struct fuzz_random *r)
{
    size_t at = fuzz_below(r, len), n;

    if (len == 0)
        return 0;
    switch (fuzz_below(r, 10)) {
    case 0:
        return fuzz_below(r, 4) == 0 ? at : len;
    case 1:
        data[at] ^= (uint8_t)(1u << fuzz_below(r, 8));
        return len;
    case 2:
        data[at] = (uint8_t)fuzz_next(r);
        return len;
    case 3:
    case 4:
        write_over(data, len, r);
        return len;
    case 5:
        return cut_out(data, len, at, fuzz_below(r, len - at + 1) >>
                                          fuzz_below(r, 8));
    case 6: /* a part of the other one put in */
        if (other_len == 0)
            return len;
        n = 1 + fuzz_below(r, other_len < 256 ? other_len : 256);
        return put_in(data, len, cap, at,
                      other + fuzz_below(r, other_len - n + 1), n);
    case 7: /* or over */
        if (other_len == 0)
            return len;
        n = 1 + fuzz_below(r, other_len);
        if (n > len - at)
            n = len - at;
        memcpy(data + at, other + fuzz_below(r, other_len - n + 1), n);
        return len;
    case 8: /* its head, then the other's tail */
        n = fuzz_below(r, other_len + 1);
        if (n > cap - at || fuzz_below(r, 4) != 0)
            return len;
        memcpy(data + at, other + other_len - n, n);
        return at + n;
    default:
        return digits_over(data, len, cap, r);
    }
}

size_t fuzz_mutate_bytes(uint8_t *data, size_t len, size_t cap,
                         const uint8_t *other, size_t other_len,
                         struct fuzz_random *r)
{
    size_t times = 1 + fuzz_below(r, 3);

    while (times-- > 0)
        len = change_once(data, len, cap, other, other_len, r);
    return len;
}
