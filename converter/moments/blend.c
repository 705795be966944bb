/*
 * The user's own inputs over drawn ones. What drawn pictures get wrong is
 * the channels' means and variances, hardly their correlations; so these are
 * averaged by how many real samples there are, and all else is real
 * (fidelity section 5: even 16 samples pay).
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

void inn_blend_moments(struct inn_gathered *into,
                       const struct inn_gathered *real, int64_t samples,
                       bool drawn)
{
    double share = (double)samples / ((double)samples + EVEN_SHARE);
    size_t n = (size_t)real->n, i, j;

    if (!isfinite(real->mean[0]) && drawn)
        return; /* nothing was learnt here */
    for (i = 0; i < n; i++) {
        double di = drawn ? root(into->cov[i * n + i]) : 0;
        double ri = root(real->cov[i * n + i]);

        for (j = 0; j < i; j++) {
            double by = drawn ? di * root(into->cov[j * n + j]) : 0;
            double r = by > 0 ? into->cov[i * n + j] / by : 0;

            /* A channel that drawn inputs leave dead says nothing of it. */
            r = share * real->cov[i * n + j] +
                (1 - share) * (isfinite(r) ? r : 0) * ri *
                    root(real->cov[j * n + j]);
            into->cov[i * n + j] = into->cov[j * n + i] = r;
        }
    }
    for (i = 0; i < n; i++)
        into->cov[i * n + i] = real->cov[i * n + i];
    memcpy(into->mean, real->mean, n * sizeof(*real->mean));
    memcpy(into->r, real->r, sizeof(into->r));
    into->count = real->count;
}
