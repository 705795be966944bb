/*
 * The greedy match: only the last '*' ever needs to be taken back, because
 * whatever an earlier one could take instead, the later one can take too.
 */
#include "runtime/base/glob.h"

#include <stddef.h>

bool inn_glob_match(const char *pattern, const char *text)
{
    const char *star = NULL, *retry = NULL;

    while (*text != '\0') {
        if (*pattern == '*') {
            star = ++pattern;
            retry = text;
        } else if (*pattern == '?' || *pattern == *text) {
            pattern++;
            text++;
        } else if (star != NULL) {
            pattern = star;
            text = ++retry;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}
