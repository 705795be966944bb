/* Order statistics of times. */
#include "runtime/tools/times.h"

#include <math.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* The least of sorted times that per_cent of them don't exceed. */
static double percentile(const double *ms, size_t n, size_t per_cent)
{
    size_t rank = (n * per_cent + 99) / 100;

    return ms[rank > 0 ? rank - 1 : 0];
}

void inn_times_summary(struct inn_times *times, double *ms, size_t n)
{
    double sum = 0;
    size_t i;

    times->min = times->median = times->mean = NAN;
    times->p90 = times->p99 = NAN;
    if (n == 0)
        return;
    qsort(ms, n, sizeof(*ms), compare);
    for (i = 0; i < n; i++)
        sum += ms[i];
    times->min = ms[0];
    times->median = n % 2 != 0 ? ms[n / 2]
                               : 0.5 * (ms[n / 2 - 1] + ms[n / 2]);
    times->mean = sum / (double)n;
    times->p90 = percentile(ms, n, 90);
    times->p99 = percentile(ms, n, 99);
}
