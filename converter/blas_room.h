/*
 * OpenBLAS takes a large buffer for every call that is under way, and where
 * there is none it asks the system again for ever.
 */
#ifndef INN_CONVERTER_BLAS_ROOM_H
#define INN_CONVERTER_BLAS_ROOM_H

#include "runtime/inn.h"

/* A buffer's bytes: of address space, which is touched as far as it is used. */
#define INN_BLAS_BUFFER ((size_t)128 << 20)

/*
 * For programs, before any call: takes the buffers for *threads (0: one per
 * core) calls at once, which OpenBLAS keeps; *threads becomes what there is
 * room for. INN_ERR_MEMORY where there is none for a single one.
 */
enum inn_status inn_blas_reserve(int *threads, struct inn_error *err);

#endif
