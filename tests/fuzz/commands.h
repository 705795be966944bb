/* Targets that run commands; targets.c lists them. */
#ifndef INN_TESTS_FUZZ_COMMANDS_H
#define INN_TESTS_FUZZ_COMMANDS_H

#include "tests/fuzz/fuzz.h"

/* The target of that name, as fuzz_target's run. */
enum inn_status fuzz_commands(const char *name, const uint8_t *data,
                              size_t len, struct inn_error *err);

#endif
