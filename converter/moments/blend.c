/*
 * The user's own inputs over drawn ones. What drawn pictures get wrong is
 * the channels' means and variances, hardly their correlations; so these are
 * averaged by how many real samples there are, and all else is real
 * (fidelity section 5: even 16 samples pay). A few samples don't rouse the
 * channels of what they don't show, though: variances are real by the same
 * share, and their mean for the rest.
 */
#include "converter/moments/moments.h"

#include <math.h>
#include <string.h>

/* So many samples count as much as drawn ones do. */
#define EVEN_SHARE 24.0

static double root(double variance)
{
    return variance > 0 ? sqrt(variance) : 0;
}

/* 0 where a channel is dead, or worse. */
static double correlation(const double *cov, size_t n, size_t i, size_t j)
{
    double by = root(cov[i * n + i]) * root(cov[j * n + j]);
    double r = by > 0 ? cov[i * n + j] / by : 0;

    return isfinite(r) ? r : 0;
}

static double mean_variance(const double *cov, size_t n)
{
    double sum = 0;
    size_t i;

    for (i = 0; i < n; i++)
        sum += cov[i * n + i];
    return sum / (double)n;
}

void inn_blend_moments(struct inn_gathered *into,
                       const struct inn_gathered *real, int64_t samples,
                       bool drawn)
{
    double share = (double)samples / ((double)samples + EVEN_SHARE);
    size_t n = (size_t)real->n, i, j;
    double mean = mean_variance(real->cov, n), *cov = into->cov;

    if (!isfinite(real->mean[0]) && drawn)
        return; /* nothing was learnt here */
    for (i = 0; i < n; i++) {
        for (j = 0; j < i; j++) {
            double r = drawn ? (1 - share) * correlation(cov, n, i, j) : 0;

            cov[j * n + i] = r + share * correlation(real->cov, n, i, j);
        }
    }
    for (i = 0; i < n; i++)
        cov[i * n + i] = share * real->cov[i * n + i] + (1 - share) * mean;
    for (i = 0; i < n; i++) {
        for (j = 0; j < i; j++) {
            cov[j * n + i] *= root(cov[i * n + i]) * root(cov[j * n + j]);
            cov[i * n + j] = cov[j * n + i];
        }
    }
    memcpy(into->mean, real->mean, n * sizeof(*real->mean));
    memcpy(into->r, real->r, sizeof(into->r));
    into->count = real->count;
}
