/*
 * Least squares under x >= 0 with so few unknowns that every choice of those
 * that are not 0 is tried.
 */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "runtime/tools/pace.h"

#define TERMS INN_PACE_TERMS

/* Solves a x = b for the unknowns in set, by elimination; false: singular. */
static bool solve(double x[TERMS], double a[TERMS][TERMS + 1], unsigned set)
{
    int i, j, k;

    for (i = 0; i < TERMS; i++) {
        if ((set >> i & 1) == 0) {
            for (j = 0; j <= TERMS; j++)
                a[i][j] = 0;
            a[i][i] = 1;
        } else {
            for (j = 0; j < TERMS; j++)
                a[i][j] = (set >> j & 1) != 0 ? a[i][j] : 0;
        }
    }
    /* Symmetric and, where there is one solution, positive definite. */
    for (k = 0; k < TERMS; k++) {
        if (!(a[k][k] > 1e-12))
            return false;
        for (i = k + 1; i < TERMS; i++) {
            double by = a[i][k] / a[k][k];

            for (j = k; j <= TERMS; j++)
                a[i][j] -= by * a[k][j];
        }
    }
    for (i = TERMS - 1; i >= 0; i--) {
        x[i] = a[i][TERMS];
        for (j = i + 1; j < TERMS; j++)
            x[i] -= a[i][j] * x[j];
        x[i] /= a[i][i];
    }
    return true;
}

/* Of samples scaled by their times: every f/t should come to 1. */
static double error_of(const double x[TERMS], const double (*f)[TERMS],
                       const double *t, int n)
{
    double sum = 0;
    int i, k;

    for (i = 0; i < n; i++) {
        double d = -1;

        for (k = 0; k < TERMS; k++)
            d += x[k] * f[i][k] / t[i];
        sum += d * d;
    }
    return sum;
}

/*
 * Columns are scaled to a root mean square of 1: numbers of operations beside
 * ones would make every system look singular.
 */
static void normal_equations(double a[TERMS][TERMS + 1], double scale[TERMS],
                             const double (*f)[TERMS], const double *t, int n)
{
    int i, j, k;

    memset(a, 0, TERMS * sizeof(*a));
    for (k = 0; k < TERMS; k++) {
        scale[k] = 0;
        for (i = 0; i < n; i++)
            scale[k] += f[i][k] / t[i] * (f[i][k] / t[i]) / n;
        scale[k] = scale[k] > 0 ? 1 / sqrt(scale[k]) : 0;
    }
    for (i = 0; i < n; i++) {
        for (j = 0; j < TERMS; j++) {
            double fj = f[i][j] / t[i] * scale[j] / n;

            for (k = 0; k < TERMS; k++)
                a[j][k] += fj * (f[i][k] / t[i] * scale[k]);
            a[j][TERMS] += fj;
        }
    }
}

void inn_pace_fit(double x[INN_PACE_TERMS],
                  const double (*f)[INN_PACE_TERMS], const double *t, int n)
{
    double a[TERMS][TERMS + 1], copy[TERMS][TERMS + 1], scale[TERMS];
    double least = INFINITY;
    unsigned set;
    int k;

    memset(x, 0, TERMS * sizeof(*x));
    if (n == 0)
        return;
    normal_equations(a, scale, f, t, n);
    for (set = 1; set < 1u << TERMS; set++) {
        double trial[TERMS], error;
        bool fits;

        memcpy(copy, a, sizeof(a));
        fits = solve(trial, copy, set);
        for (k = 0; fits && k < TERMS; k++) {
            fits = trial[k] >= 0;
            trial[k] *= scale[k];
        }
        error = fits ? error_of(trial, f, t, n) : INFINITY;
        if (error < least) {
            least = error;
            memcpy(x, trial, sizeof(trial));
        }
    }
}
