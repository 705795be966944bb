/*
 * The one place for compiler extensions. Everything has a plain C11 fallback.
 */
#ifndef INN_BASE_PORT_H
#define INN_BASE_PORT_H

#if defined(__GNUC__)
#define INN_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define INN_UNUSED __attribute__((unused))
#else
#define INN_PRINTF(fmt, args)
#define INN_UNUSED
#endif

#define INN_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
