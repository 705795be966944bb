/*
 * Patterns over names, as --set, --only and --freeze take them: '*' is any
 * run of characters, '?' any one; all else stands for itself.
 */
#ifndef INN_BASE_GLOB_H
#define INN_BASE_GLOB_H

#include <stdbool.h>

/* Whether all of text matches. Time is at most the product of the lengths. */
bool inn_glob_match(const char *pattern, const char *text);

#endif
