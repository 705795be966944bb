/* A layer's least squares by plain loops, for tests of the refit. */
#ifndef TESTS_UNIT_DENSE_FIT_H
#define TESTS_UNIT_DENSE_FIT_H

#include <check.h>
#include <stdlib.h>

#include "runtime/refit/fit.h"
#include "tests/unit/dense.h"

/* What dense_fit solves for. */
static const struct inn_refit_settings all_rows = {
    .ridge = 0.05, .per_row = 0.0, .floor = 0.5, .rows = 1000, .rounds = 0};

/* W of one part by elimination: (R + W0 Λ)(G + Λ)^-1, sums over rows / n. */
INN_UNUSED static void dense_fit(double *w, const struct inn_linear *l,
                                 size_t part, const float *x,
                                 const float *aim, const double *start)
{
    size_t n = inn_linear_unknowns(l) + 1, p, i, j, o;
    double *g = calloc(n * n, sizeof(*g)), *b = calloc(n * l->outputs,
                                                       sizeof(*b));
    float *row = calloc(n, sizeof(*row)), *t = calloc(l->outputs, sizeof(*t));
    double mean = 0.0, rows = (double)l->positions;

    ck_assert(g != NULL && b != NULL && row != NULL && t != NULL);
    for (p = 0; p < l->positions; p++) {
        inn_linear_rows(l, row, n, x, part, &p, 1);
        inn_linear_outputs(l, t, l->outputs, aim, part, &p, 1);
        if (l->bias < 0)
            row[n - 1] = 0.0f;
        for (i = 0; i < n; i++) {
            for (j = 0; j < n; j++)
                g[i * n + j] += (double)row[i] * (double)row[j] / rows;
            for (o = 0; o < l->outputs; o++)
                b[i * l->outputs + o] += (double)row[i] * (double)t[o] / rows;
        }
    }
    for (i = 0; i + 1 < n; i++)
        mean += (g[i * n + i] - g[(n - 1) * n + i] * g[(n - 1) * n + i]) /
                (double)(n - 1);
    for (i = 0; i < n; i++) {
        double own = g[i * n + i] - g[(n - 1) * n + i] * g[(n - 1) * n + i];
        double lambda = i + 1 < n ? 0.05 * (own + 0.5 * mean) : 1e-8;

        for (o = 0; o < l->outputs; o++)
            b[i * l->outputs + o] += start[o * n + i] * lambda;
        g[i * n + i] += lambda;
    }
    dense_solve(g, b, (int)n, (int)l->outputs);
    for (o = 0; o < l->outputs; o++) {
        for (i = 0; i < n; i++)
            w[o * n + i] = b[i * l->outputs + o];
    }
    free(g);
    free(b);
    free(row);
    free(t);
}

#endif
