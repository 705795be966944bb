/*
 * The units that covariances are measured in. Dead channels would divide by
 * nothing, so variances have a floor (fidelity section 3).
 */
#ifndef INN_CONVERTER_SCALE_H
#define INN_CONVERTER_SCALE_H

#include <math.h>
#include <stddef.h>

/* unit[n]: deviations from cov [n × n], variances floored at 1e-6 of mean. */
static inline void inn_moment_units(double *unit, const double *cov, size_t n)
{
    double sum = 0.0, least;
    size_t i;

    for (i = 0; i < n; i++)
        sum += cov[i * n + i] > 0.0 ? cov[i * n + i] : 0.0;
    least = 1e-6 * (sum / (double)n) + 1e-20;
    for (i = 0; i < n; i++)
        unit[i] = sqrt(cov[i * n + i] > least ? cov[i * n + i] : least);
}

#endif
