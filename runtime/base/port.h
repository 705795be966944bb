/*
 * The one place for compiler extensions. Everything has a plain C11 fallback.
 */
#ifndef INN_BASE_PORT_H
#define INN_BASE_PORT_H

#if defined(__GNUC__)
#define INN_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define INN_UNUSED __attribute__((unused))
/* A body that functions of several targets share. */
#define INN_INLINE static inline __attribute__((always_inline))
#else
#define INN_PRINTF(fmt, args)
#define INN_UNUSED
#define INN_INLINE static inline
#endif

/*
 * One function for a processor that has more than the build asks for:
 * INN_TARGET("avx2,fma"), called after INN_CPU_HAS("avx2") said so. Where
 * INN_HAVE_X86 is not defined there is none of that.
 */
#if defined(__GNUC__) && defined(__x86_64__)
#define INN_HAVE_X86 1
#define INN_TARGET(features) __attribute__((target(features)))
#define INN_CPU_HAS(feature) __builtin_cpu_supports(feature)
#endif

#define INN_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
