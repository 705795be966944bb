/*
 * A command inside this process, as its program would run it: fuzzing and the
 * walk of allocations call what users call, so that a default can't be one
 * thing there and another here.
 */
#ifndef INN_TESTS_INSIDE_H
#define INN_TESTS_INSIDE_H

#include <stddef.h>

#include "runtime/cli/cli.h"

#define INSIDE_ARGS 24
#define INSIDE_TEXT 2048 /* of one argument, with its end */

/* What came of it; inside_free frees the texts. */
struct inside {
    int code;
    bool kept; /* whether the texts are what it printed */
    char *out, *err; /* ends with '\0' */
    size_t out_len, err_len;
};

/*
 * Runs the command with all memory from heap, on one thread, and replaces
 * outputs that are there. args: up to INSIDE_ARGS, ended by NULL where fewer;
 * '@' in one stands for at. Nothing is printed; ends the process where the
 * texts can't be kept. Where the C library's streams can't be replaced (it is
 * not glibc) they are empty, and what the command prints is printed.
 */
void inside_run(struct inside *r, struct inn_heap *heap,
                const struct inn_command *command, const char *const *args,
                const char *at);

void inside_free(struct inside *r);

#endif
