/*
 * Measured with one and two busy processes on two cores of Linux 6.18: a
 * process leaves its core every 3 to 8 ms, for 3 to 4.
 */
#define _GNU_SOURCE /* RUSAGE_THREAD */
#include "runtime/exec/crowd.h"

#include <sys/resource.h>

#define MS ((int64_t)1000000)

/*
 * A run is late at four times the best and a millisecond: one that shares its
 * cores by halves, and never waits, takes twice the best.
 */
#define LATE_FACTOR 4
#define LATE_MORE MS

/*
 * Slower networks keep all threads: what they wait is less than 20 times what
 * they compute, and a second set of their weights would be large and take
 * hundreds of milliseconds to make, in the middle of a run.
 */
#define MOST_BEST (6 * MS)

/* From the first to the longest stay with one thread; each doubles. */
#define LEAST_PAUSE (16 * MS)
#define MOST_PAUSE (1024 * MS)

/* Who leaves its core more often than once in this time shares it. */
#define SHARING (32 * MS)

int64_t inn_crowd_preempted(void)
{
#ifdef RUSAGE_THREAD
    struct rusage usage;

    if (getrusage(RUSAGE_THREAD, &usage) == 0)
        return usage.ru_nivcsw;
#endif
    return 0;
}

void inn_crowd_yield(struct inn_crowd *crowd, int64_t now,
                     int64_t (*preempted)(void))
{
    int64_t pause = 2 * crowd->pause;

    if (pause < LEAST_PAUSE)
        pause = LEAST_PAUSE;
    if (pause > MOST_PAUSE)
        pause = MOST_PAUSE;
    crowd->pause = pause;
    crowd->since = now;
    crowd->until = now + pause;
    crowd->preempted = preempted();
}

bool inn_crowd_begin(struct inn_crowd *crowd, int64_t now,
                     int64_t (*preempted)(void))
{
    crowd->start = now;
    if (crowd->until == 0)
        return false;
    if (now < crowd->until)
        return true;
    if ((preempted() - crowd->preempted) * SHARING > now - crowd->since) {
        inn_crowd_yield(crowd, now, preempted);
        return true;
    }
    crowd->until = 0;
    crowd->since = now;
    return false;
}

bool inn_crowd_is_late(const struct inn_crowd *crowd, int64_t now)
{
    return crowd->best != 0 && crowd->best <= MOST_BEST &&
           now - crowd->start > LATE_FACTOR * crowd->best + LATE_MORE;
}

void inn_crowd_end(struct inn_crowd *crowd, int64_t now,
                   int64_t (*preempted)(void))
{
    int64_t ns = now - crowd->start;

    if (inn_crowd_is_late(crowd, now)) {
        inn_crowd_yield(crowd, now, preempted);
        return;
    }
    if (crowd->best == 0 || ns < crowd->best)
        crowd->best = ns > 0 ? ns : 1;
    /* It went well for longer than it was given up: start anew. */
    if (now - crowd->since > crowd->pause)
        crowd->pause = 0;
}
