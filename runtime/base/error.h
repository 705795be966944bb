/*
 * Filling struct inn_error. Whoever detects a fault writes the message;
 * callers hand it on untouched or prefix a name they know. Nobody reads it to
 * decide something: what a caller has to know is the status and the kind.
 *
 * Names go into messages whole: where the line would be too long, the longest
 * of them loses its middle, so that what is said about it still stands.
 */
#ifndef INN_BASE_ERROR_H
#define INN_BASE_ERROR_H

#include <stdarg.h>

#include "runtime/base/port.h"
#include "runtime/inn.h"

/*
 * Beside the status, what a program can say more about: the option that
 * helps. The public struct inn_error doesn't show it.
 */
enum inn_error_kind {
    INN_KIND_PLAIN = 0,
    INN_KIND_EXISTS,      /* a file that is not overwritten */
    INN_KIND_MEMORY_LIMIT /* the ceiling of the heap */
};

/* Sets err (may be NULL) and returns status, so a caller can return it. */
enum inn_status inn_fail(struct inn_error *err, enum inn_status status,
                         const char *format, ...) INN_PRINTF(3, 4);
enum inn_status inn_fail_list(struct inn_error *err, enum inn_status status,
                              const char *format, va_list args)
    INN_PRINTF(3, 0);

/* Puts "prefix: " before a message that is there already. */
void inn_error_prefix(struct inn_error *err, const char *format, ...)
    INN_PRINTF(2, 3);

/* The same with the file that the message is about, the first to say so. */
void inn_error_file(struct inn_error *err, const char *path);
/* Whether the message begins with its file. */
bool inn_error_has_file(const struct inn_error *err);

void inn_error_set_kind(struct inn_error *err, enum inn_error_kind kind);
enum inn_error_kind inn_error_kind(const struct inn_error *err);

/* Of a system call that failed: INN_ERR_MEMORY for ENOMEM, else INN_ERR_IO. */
enum inn_status inn_errno_status(void);

/* "out of memory" with the size that was asked for. */
enum inn_status inn_no_memory(struct inn_error *err, size_t bytes);
/* "exists already": INN_ERR_IO. */
enum inn_status inn_exists_already(struct inn_error *err);

#endif
