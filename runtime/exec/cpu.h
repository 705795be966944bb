/*
 * What computes here: for `inn --version` and for reports of slowness.
 */
#ifndef INN_EXEC_CPU_H
#define INN_EXEC_CPU_H

#include <stddef.h>

/* "oneDNN 2.6.3, kernels for AVX2"; or that there are reference kernels. */
const char *inn_kernels_text(char *text, size_t size);

/* The processor's name as the system tells it, "unknown" where it doesn't. */
#define INN_CPU_TEXT 128
const char *inn_cpu_text(char text[INN_CPU_TEXT]);

#endif
