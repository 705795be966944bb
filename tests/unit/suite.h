/* What every unit test's main ends with. */
#ifndef INN_TESTS_SUITE_H
#define INN_TESTS_SUITE_H

#include <check.h>

/*
 * Of n like cases as many as there is time for: under valgrind (INN_VALGRIND),
 * which takes fifty times as long, the first eighth.
 */
int as_many_as(int n);

/* Runs all of it, as CK_ENV says, and frees it; what main returns. */
int run_suite(Suite *suite);

#endif
