/* How networks are computed: options of every command that runs them. */
#ifndef INN_TOOLS_COMPUTE_H
#define INN_TOOLS_COMPUTE_H

#include "runtime/cli/cli.h"
#include "runtime/exec/session.h"

struct inn_compute {
    int precision;    /* an index of "f32|bf16" */
    const char *tune; /* a file, or NULL */
};

extern const struct inn_option inn_compute_options[];

/* What a session is told of it. */
void inn_compute_session(struct inn_session_options *how,
                         const struct inn_compute *c);

/* What is to be said before: a file of --tune that nothing is kept in. */
void inn_compute_note(const struct inn_cli *cli, const struct inn_compute *c);

/* "f32" or "bf16". */
const char *inn_compute_precision(const struct inn_compute *c);

#endif
