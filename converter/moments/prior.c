/*
 * Prior knowledge of variances and correlations. The numbers were chosen on
 * ResNet-18 with and without statistics (doc/results.md).
 */
#include "converter/moments/prior.h"

#include <math.h>

/* Natural spread of log variances; most of what was seen that is believed. */
#define SPREAD 0.2
#define BELIEVED 0.8
/* Error of log variances where every BatchNormalization re-standardises. */
#define NOISE 0.2
/* … and where nothing does: what strange pictures do adds up. */
#define STRANGE 0.9
/* Below this share of the mean variance a channel is dead. */
#define ALIVE 1e-4
/* Positions that say as much of a channel as its weights do. */
#define POSITIONS 24.0

/* Mean and deviation of log variances; returns how many channels are alive. */
static int64_t log_spread(double *mean, double *deviation, const double *cov,
                          int64_t n, double least)
{
    double sum = 0, squares = 0;
    int64_t i, alive = 0;

    for (i = 0; i < n; i++) {
        if (cov[i * n + i] > least) {
            sum += log(cov[i * n + i]);
            alive++;
        }
    }
    *mean = alive > 0 ? sum / (double)alive : 0;
    for (i = 0; i < n; i++) {
        if (cov[i * n + i] > least)
            squares += pow(log(cov[i * n + i]) - *mean, 2);
    }
    *deviation = alive > 0 ? sqrt(squares / (double)alive) : 0;
    return alive;
}

/* Channel k in other units: by times its values. */
static void scale_channel(double *mean, double *cov, int64_t n, int64_t k,
                          double by)
{
    int64_t i;

    mean[k] *= by;
    for (i = 0; i < n; i++) {
        cov[i * n + k] *= by;
        cov[k * n + i] *= by;
    }
}

void inn_settle_variances(double *mean, double *cov, int64_t n,
                          bool statistics)
{
    double centre, deviation, trust, trace = 0;
    int64_t i;

    for (i = 0; i < n; i++)
        trace += cov[i * n + i];
    if (log_spread(&centre, &deviation, cov, n,
                   ALIVE * trace / (double)n) < 2 || !(deviation > 0))
        return;
    trust = fmax(0, 1 - pow((statistics ? NOISE : STRANGE) / deviation, 2));
    if (!statistics)
        trust = fmax(trust, fmin(BELIEVED, pow(SPREAD / deviation, 2)));
    for (i = 0; i < n; i++) {
        if (cov[i * n + i] > ALIVE * trace / (double)n)
            scale_channel(mean, cov, n, i,
                          exp((1 - trust) / 2 *
                              (centre - log(cov[i * n + i]))));
    }
}

void inn_join_weights(double *cov, const double *gram, int64_t n,
                      int64_t positions)
{
    double share = (double)n / ((double)n + (double)positions / POSITIONS);
    int64_t i, j;

    for (i = 0; i < n; i++) {
        for (j = 0; j < i; j++) {
            double by = gram[i * n + i] * gram[j * n + j];
            double r = by > 0 ? gram[i * n + j] / sqrt(by) : 0;
            double units = cov[i * n + i] * cov[j * n + j];

            r *= units > 0 ? sqrt(units) : 0;
            cov[i * n + j] = cov[j * n + i] =
                (1 - share) * cov[i * n + j] + share * r;
        }
    }
}
