/* What every unit test's main ends with. */
#ifndef INN_TESTS_SUITE_H
#define INN_TESTS_SUITE_H

#include <check.h>

/* Runs all of it, as CK_ENV says, and frees it; what main returns. */
int run_suite(Suite *suite);

#endif
