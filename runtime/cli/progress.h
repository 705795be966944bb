/*
 * Progress on stderr: "phase 2 of 5: ordering channels, 12 of 54". One line
 * that rewrites itself on a terminal; plain lines elsewhere, if asked for.
 */
#ifndef INN_CLI_PROGRESS_H
#define INN_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum inn_progress_mode {
    INN_PROGRESS_AUTO = 0, /* on a terminal only */
    INN_PROGRESS_ALWAYS = 1,
    INN_PROGRESS_NEVER = 2
};

struct inn_progress {
    FILE *out; /* NULL: silent */
    bool rewrite;
    bool shown; /* a line stands there without its end */
    int phase, phases;
    const char *name; /* of the phase, borrowed */
    int64_t last_ns;  /* when the line was last written */
    int64_t last_tenth;
};

/* quiet overrules AUTO. */
void inn_progress_start(struct inn_progress *p, enum inn_progress_mode mode,
                        bool quiet);

/* Phase k of n begins (k from 1); name as "ordering channels". */
void inn_progress_phase(struct inn_progress *p, int k, int n,
                        const char *name);

/* i of m are done. */
void inn_progress_step(struct inn_progress *p, int64_t i, int64_t m);

/* Wipes the line: before anything else is printed, and at the end. */
void inn_progress_clear(struct inn_progress *p);

#endif
