/*
 * Rows of inn eval against each other, picture by picture: the noise of which
 * pictures there are cancels, so that small differences mean something.
 */
#include <math.h>

#include "runtime/tools/eval.h"

/* Standard errors from which on a difference is no chance. */
#define CLEARLY 2.0

void inn_paired_difference(double *mean, double *se, const float *a,
                           const float *b, int64_t n)
{
    double sum = 0, squares = 0;
    int64_t i;

    *mean = *se = NAN;
    if (n < 1)
        return;
    for (i = 0; i < n; i++)
        sum += (double)a[i] - (double)b[i];
    *mean = sum / (double)n;
    if (n < 2)
        return;
    for (i = 0; i < n; i++) {
        double d = (double)a[i] - (double)b[i] - *mean;

        squares += d * d;
    }
    *se = sqrt(squares / (double)(n - 1) / (double)n);
}

void inn_eval_pair(struct inn_eval_row *row, const struct inn_eval_row *full,
                   int64_t n_pictures)
{
    inn_paired_difference(&row->loss, &row->loss_se, full->scores,
                          row->scores, n_pictures);
}

static bool same_rules(const struct inn_eval_row *a,
                       const struct inn_eval_row *b)
{
    return a->ruled && b->ruled &&
           a->rules.partition == b->rules.partition &&
           (a->rules.partition == INN_PARTITION_L1 ||
            a->rules.quadrature == b->rules.quadrature);
}

void inn_eval_mark(struct inn_eval_row *rows, size_t n, int64_t n_pictures)
{
    size_t i, k;

    for (i = 0; i < n; i++) {
        double most = 0;

        rows[i].beats = NULL;
        for (k = 0; k < n; k++) {
            double mean, se;

            if (!(rows[i].width < rows[k].width) ||
                !same_rules(&rows[i], &rows[k]))
                continue;
            inn_paired_difference(&mean, &se, rows[i].scores, rows[k].scores,
                                  n_pictures);
            if (mean > CLEARLY * se && mean > most) {
                most = mean;
                rows[i].beats = &rows[k];
            }
        }
    }
}
