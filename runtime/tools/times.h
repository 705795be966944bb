/*
 * What many times of the same thing come to.
 */
#ifndef INN_TOOLS_TIMES_H
#define INN_TOOLS_TIMES_H

#include <stddef.h>

/* In ms; NaN of no times at all. */
struct inn_times {
    double min, median, mean, p90, p99;
};

/*
 * Sorts ms[n]. The median of an even number is the mean of the two in the
 * middle; p90 is the least time that nine in ten runs don't exceed.
 */
void inn_times_summary(struct inn_times *times, double *ms, size_t n);

#endif
