/*
 * Elements of any type in blocks of doubles or 64-bit integers, for element-
 * wise kernels. +, −, ×, ÷ and √ of f32 computed in double and rounded once
 * give the bits of f32 arithmetic: double has more than 2 × 24 + 2 bits.
 */
#ifndef INN_OPS_BLOCK_H
#define INN_OPS_BLOCK_H

#include "runtime/base/tensor.h"

#define INN_BLOCK 256

/* A row of a walk: its length n is cut to blocks by the caller. */
void inn_block_load_floats(double *v, enum inn_type type, const void *data,
                           int64_t at, int64_t step, int64_t n);
/* u64 as two's complement. */
void inn_block_load_ints(int64_t *v, enum inn_type type, const void *data,
                         int64_t at, int64_t step, int64_t n);
/* To neighbouring elements. Integers wrap, floats round to nearest. */
void inn_block_store_floats(void *data, enum inn_type type, int64_t at,
                            const double *v, int64_t n);
void inn_block_store_ints(void *data, enum inn_type type, int64_t at,
                          const int64_t *v, int64_t n);

#endif
