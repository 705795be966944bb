/*
 * libFuzzer's ends of the targets; INN_FUZZ_TARGET names one. Built by
 * tests/fuzz/fuzz with clang only.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t cap,
                               unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_len,
                                 const uint8_t *b, size_t b_len, uint8_t *out,
                                 size_t cap, unsigned seed);
/* libFuzzer's own mutations, which know what code compares with. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t len, size_t cap);

static const struct fuzz_target *target(void)
{
    const char *name = getenv("INN_FUZZ_TARGET");
    const struct fuzz_target *t = fuzz_find(name != NULL ? name : "onnx");

    if (t == NULL) {
        fprintf(stderr, "no target '%s'\n", name);
        exit(2);
    }
    return t;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct inn_error err;

    fuzz_run(target(), data, len, &err);
    return 0;
}

static size_t mutate(uint8_t *data, size_t len, size_t cap,
                     const uint8_t *other, size_t other_len, unsigned seed)
{
    struct fuzz_random r = {seed};
    uint8_t *was = NULL;

    if (other == NULL) {
        other = was = malloc(len + 1);
        if (was == NULL)
            abort();
        memcpy(was, data, len);
        other_len = len;
    }
    len = target()->mutate(data, len, cap, other, other_len, &r);
    free(was);
    return len;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t cap,
                               unsigned seed)
{
    if (seed % 8 == 0)
        return LLVMFuzzerMutate(data, len, cap);
    return mutate(data, len, cap, NULL, 0, seed);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_len,
                                 const uint8_t *b, size_t b_len, uint8_t *out,
                                 size_t cap, unsigned seed)
{
    if (a_len > cap)
        a_len = cap;
    memcpy(out, a, a_len);
    return mutate(out, a_len, cap, b, b_len, seed);
}
