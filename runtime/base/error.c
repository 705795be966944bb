/*
 * Error messages: one line, bounded, never with control characters that a
 * hostile name could smuggle to a terminal.
 */
#include "runtime/base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void clean(char *s)
{
    for (; *s != '\0'; s++) {
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            *s = '?';
    }
}

enum inn_status inn_fail(struct inn_error *err, enum inn_status status,
                         const char *format, ...)
{
    va_list args;

    if (err == NULL)
        return status;
    err->status = status;
    va_start(args, format);
    vsnprintf(err->message, sizeof(err->message), format, args);
    va_end(args);
    clean(err->message);
    return status;
}

void inn_error_prefix(struct inn_error *err, const char *format, ...)
{
    char old[sizeof(err->message)];
    va_list args;
    size_t len;

    if (err == NULL)
        return;
    memcpy(old, err->message, sizeof(old));
    va_start(args, format);
    vsnprintf(err->message, sizeof(err->message), format, args);
    va_end(args);
    len = strlen(err->message);
    snprintf(err->message + len, sizeof(err->message) - len, ": %s", old);
    clean(err->message);
}

enum inn_status inn_errno_status(void)
{
    return errno == ENOMEM ? INN_ERR_MEMORY : INN_ERR_IO;
}

enum inn_status inn_no_memory(struct inn_error *err, size_t bytes)
{
    return inn_fail(err, INN_ERR_MEMORY, "out of memory: %zu bytes", bytes);
}
