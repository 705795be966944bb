/*
 * The threads of one run: how many OpenMP gives to oneDNN and to our own
 * loops, how they treat denormals, and whether they met what is no number.
 */
#ifndef INN_EXEC_WORKERS_H
#define INN_EXEC_WORKERS_H

#include "runtime/inn.h"

/* Most threads a session uses; the saved states have a fixed place. */
#define INN_MAX_WORKERS 256

struct inn_workers {
    int threads;     /* in use, 1..INN_MAX_WORKERS */
    int old_threads; /* what OpenMP gave the caller before */
    unsigned saved[INN_MAX_WORKERS]; /* floating point modes */
};

/*
 * Makes threads (0: all there are), or as many as can be had, the caller's
 * OpenMP thread count, and flushes denormals to zero in each of them: one
 * denormal operand costs a multiplication about 100 cycles. Pair with
 * inn_workers_leave.
 */
void inn_workers_enter(struct inn_workers *workers, int threads);
/*
 * Whether any of the threads has raised "invalid operation" since: where NaN
 * came of numbers (inf - inf, 0 inf), which IEEE 754 wants raised, or where
 * one was compared as less or greater, which a maximum does.
 */
bool inn_workers_leave(const struct inn_workers *workers);

/* Another count between enter and leave; returns the one before. */
int inn_workers_use(int threads);

#endif
