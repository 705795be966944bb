/*
 * Whether other processes want the cores too. Threads that run a network meet
 * at the end of every step; one that does not get its core keeps the others
 * waiting, some milliseconds each time, where a step takes microseconds. So
 * when runs take far longer than they can, the following ones go by one
 * thread, which nobody waits for, until the cores are free again.
 */
#ifndef INN_EXEC_CROWD_H
#define INN_EXEC_CROWD_H

#include <stdbool.h>
#include <stdint.h>

/* All zero to begin with; times in ns of inn_clock_ns. */
struct inn_crowd {
    int64_t best;    /* the fastest run on all threads; 0: none yet */
    int64_t start;   /* of the present run */
    int64_t until;   /* one thread until then; 0: all of them */
    int64_t since;   /* when the present state began */
    int64_t pause;   /* how long the last stay with one thread was to be */
    int64_t preempted; /* what inn_crowd_preempted said at since */
};

/* How often the calling thread has had to leave its core to others. */
int64_t inn_crowd_preempted(void);

/*
 * A run begins. True: on one thread. preempted is called where a pause ends:
 * it goes on where this one thread still had to share its core.
 */
bool inn_crowd_begin(struct inn_crowd *crowd, int64_t now,
                     int64_t (*preempted)(void));

/* Whether the present run, on all threads, takes longer than it can. */
bool inn_crowd_is_late(const struct inn_crowd *crowd, int64_t now);

/* One thread from now on: because of that. */
void inn_crowd_yield(struct inn_crowd *crowd, int64_t now,
                     int64_t (*preempted)(void));

/* The present run, on all threads, is done. */
void inn_crowd_end(struct inn_crowd *crowd, int64_t now,
                   int64_t (*preempted)(void));

#endif
