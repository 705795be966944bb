/*
 * Element types and tensors: sizes, conversions, copies. Struct inn_tensor
 * itself is public (inn.h).
 */
#ifndef INN_BASE_TENSOR_H
#define INN_BASE_TENSOR_H

#include "runtime/base/arena.h"
#include "runtime/inn.h"

/* Bytes of one element; 0 for types we don't hold (strings, unknown). */
size_t inn_type_size(enum inn_type type);

/* "f32", "i64" …; "?" for an unknown number. Borrowed, static. */
const char *inn_type_name(enum inn_type type);

/* f16, bf16, f32, f64. */
bool inn_type_is_float(enum inn_type type);

/* Number of elements; dims must have been checked. */
size_t inn_tensor_count(const struct inn_tensor *t);

/*
 * Fills t's type, shape and bytes; data becomes NULL. INN_ERR_FORMAT when
 * rank > INN_MAX_RANK, a dimension is negative or the size overflows.
 */
enum inn_status inn_tensor_init(struct inn_tensor *t, enum inn_type type,
                                int rank, const int64_t *dims,
                                struct inn_error *err);

/* As inn_tensor_init, and zeroed data from the arena. */
enum inn_status inn_tensor_new(struct inn_tensor *t, struct inn_arena *arena,
                               enum inn_type type, int rank,
                               const int64_t *dims, struct inn_error *err);

bool inn_tensor_same_shape(const struct inn_tensor *a,
                           const struct inn_tensor *b);

/* "2x64x7x7", "scalar" for rank 0; written to text, which is returned. */
#define INN_SHAPE_TEXT 192
const char *inn_shape_text(char text[INN_SHAPE_TEXT], int rank,
                           const int64_t *dims);

/*
 * Converts count elements between any two numeric types, to nearest, ties to
 * even for the short floats. Float to integer saturates, NaN gives 0.
 */
void inn_convert_elements(void *out, enum inn_type out_type, const void *in,
                          enum inn_type in_type, size_t count);

float inn_f16_to_f32(uint16_t bits);
uint16_t inn_f32_to_f16(float value);
float inn_bf16_to_f32(uint16_t bits);
uint16_t inn_f32_to_bf16(float value);

/* Element i of an integer or bool tensor. */
int64_t inn_tensor_int(const struct inn_tensor *t, size_t i);

#endif
