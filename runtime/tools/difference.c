/* Differences of two tensors, in double. */
#include "runtime/tools/difference.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

double inn_tensor_number(const struct inn_tensor *t, size_t i)
{
    double v;

    inn_convert_elements(&v, INN_F64, (const char *)t->data +
                         i * inn_type_size(t->type), t->type, 1);
    return v;
}

/* Rows of class scores: n x c, further axes 1; 0 where it is none. */
static size_t score_rows(const struct inn_tensor *t, size_t *classes)
{
    int i;

    if (t->rank < 2 || t->dims[1] < 2 || !inn_type_is_float(t->type))
        return 0;
    for (i = 2; i < t->rank; i++) {
        if (t->dims[i] != 1)
            return 0;
    }
    *classes = (size_t)t->dims[1];
    return (size_t)t->dims[0];
}

static size_t best(const struct inn_tensor *t, size_t row, size_t classes)
{
    size_t at = 0, c;

    for (c = 1; c < classes; c++) {
        if (inn_tensor_number(t, row * classes + c) >
            inn_tensor_number(t, row * classes + at))
            at = c;
    }
    return at;
}

static double top1_agreement(const struct inn_tensor *a,
                             const struct inn_tensor *b)
{
    size_t classes = 0, rows = score_rows(a, &classes), agree = 0, r;

    if (rows == 0)
        return NAN;
    for (r = 0; r < rows; r++)
        agree += best(a, r, classes) == best(b, r, classes);
    return 100.0 * (double)agree / (double)rows;
}

void inn_difference_measure(struct inn_difference *d,
                            const struct inn_tensor *ta,
                            const struct inn_tensor *tb, double atol,
                            double rtol)
{
    size_t count = inn_tensor_count(ta), i;
    double ab = 0, aa = 0, bb = 0, sum = 0, most = 0, largest = 0;

    memset(d, 0, sizeof(*d));
    d->max_abs = d->max_rel = d->mean_abs = d->cosine = d->top1 = NAN;
    d->first_a = d->first_b = NAN;
    d->same_shape = tb->type != INN_UNDEFINED &&
                    inn_tensor_same_shape(ta, tb);
    d->passed = d->same_shape;
    if (!d->same_shape)
        return;
    for (i = 0; i < count; i++) {
        double a = inn_tensor_number(ta, i), b = inn_tensor_number(tb, i);
        double x = fabs(a - b);

        d->nan_a += isnan(a) != 0;
        d->nan_b += isnan(b) != 0;
        if (a == b)
            x = 0;
        /* inf − 1 is inf, and inf <= rtol·inf would hold. */
        if (d->passed && x != 0 &&
            !(isfinite(x) && x <= atol + rtol * fabs(a))) {
            d->passed = false;
            d->first = i;
            d->first_a = a;
            d->first_b = b;
        }
        if (x > most || isnan(x))
            most = x;
        if (fabs(a) > largest)
            largest = fabs(a);
        sum += x;
        ab += a * b;
        aa += a * a;
        bb += b * b;
    }
    d->max_abs = most;
    d->max_rel = most == 0 ? 0 : most / largest;
    d->mean_abs = count > 0 ? sum / (double)count : 0;
    if (aa > 0 && bb > 0)
        d->cosine = ab / sqrt(aa * bb);
    else if (!isnan(aa) && !isnan(bb))
        d->cosine = aa == bb ? 1 : 0;
    d->top1 = top1_agreement(ta, tb);
}

const char *inn_index_text(char text[INN_INDEX_TEXT],
                           const struct inn_tensor *t, size_t i)
{
    size_t index[INN_MAX_RANK], at = 0;
    int d;

    for (d = t->rank - 1; d >= 0; d--) {
        size_t size = t->dims[d] > 0 ? (size_t)t->dims[d] : 1;

        index[d] = i % size;
        i /= size;
    }
    for (d = 0; d < t->rank && at < INN_INDEX_TEXT - 24; d++)
        at += (size_t)snprintf(text + at, INN_INDEX_TEXT - at, "%s%zu",
                               d > 0 ? ", " : "[", index[d]);
    snprintf(text + at, INN_INDEX_TEXT - at, "%s]", t->rank > 0 ? "" : "[");
    return text;
}
