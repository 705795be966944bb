/*
 * A line is written at most ten times a second; where it can't be rewritten,
 * at most ten times a phase.
 */
#include "runtime/cli/progress.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/clock.h"

void inn_progress_start(struct inn_progress *p, enum inn_progress_mode mode,
                        bool quiet)
{
    const char *term = getenv("TERM");
    bool terminal = isatty(STDERR_FILENO) &&
                    (term == NULL || strcmp(term, "dumb") != 0);

    memset(p, 0, sizeof(*p));
    if (mode == INN_PROGRESS_ALWAYS ||
        (mode == INN_PROGRESS_AUTO && terminal && !quiet))
        p->out = stderr;
    p->rewrite = terminal;
    p->name = "";
}

static void show(struct inn_progress *p, int64_t i, int64_t m)
{
    if (p->rewrite)
        fputs("\r\033[K", p->out);
    fprintf(p->out, "phase %d of %d: %s", p->phase, p->phases, p->name);
    if (m > 0)
        fprintf(p->out, ", %lld of %lld", (long long)i, (long long)m);
    if (!p->rewrite)
        fputc('\n', p->out);
    fflush(p->out);
    p->shown = p->rewrite;
}

void inn_progress_phase(struct inn_progress *p, int k, int n,
                        const char *name)
{
    p->phase = k;
    p->phases = n;
    p->name = name;
    p->last_tenth = 0;
    if (p->out == NULL)
        return;
    show(p, 0, 0);
    p->last_ns = inn_clock_ns();
}

void inn_progress_step(struct inn_progress *p, int64_t i, int64_t m)
{
    if (p->out == NULL || m <= 0)
        return;
    if (p->rewrite) {
        int64_t now = inn_clock_ns();

        if (now - p->last_ns < 100000000 && i < m)
            return;
        p->last_ns = now;
    } else {
        int64_t tenth = i >= m ? 10 : (int64_t)((double)i / (double)m * 10);

        if (tenth <= p->last_tenth)
            return;
        p->last_tenth = tenth;
    }
    show(p, i, m);
}

void inn_progress_clear(struct inn_progress *p)
{
    if (p->out == NULL || !p->shown)
        return;
    fputs("\r\033[K", p->out);
    fflush(p->out);
    p->shown = false;
}
