/*
 * Filling struct inn_error. Whoever detects a fault writes the message;
 * callers hand it on untouched or prefix a name they know.
 */
#ifndef INN_BASE_ERROR_H
#define INN_BASE_ERROR_H

#include "runtime/base/port.h"
#include "runtime/inn.h"

/* Sets err (may be NULL) and returns status, so a caller can return it. */
enum inn_status inn_fail(struct inn_error *err, enum inn_status status,
                         const char *format, ...) INN_PRINTF(3, 4);

/* Puts "prefix: " before a message that is there already. */
void inn_error_prefix(struct inn_error *err, const char *format, ...)
    INN_PRINTF(2, 3);

/* Of a system call that failed: INN_ERR_MEMORY for ENOMEM, else INN_ERR_IO. */
enum inn_status inn_errno_status(void);

/* "out of memory" with the size that was asked for. */
enum inn_status inn_no_memory(struct inn_error *err, size_t bytes);

#endif
