/*
 * How much a tensor differs from a reference: what inn compare prints, and
 * inn check judges by.
 */
#ifndef INN_TOOLS_DIFFERENCE_H
#define INN_TOOLS_DIFFERENCE_H

#include "runtime/base/tensor.h"

struct inn_difference {
    bool same_shape; /* nothing below is measured otherwise */
    bool passed;
    double max_abs, max_rel, mean_abs, cosine; /* NaN: not measured */
    double top1; /* percent of rows that agree; NaN where there are none */
    /* The first element that doesn't pass, and what it is in both. */
    size_t first;
    double first_a, first_b;
    size_t nan_a, nan_b; /* elements that are NaN */
};

/*
 * b passes where |a − b| <= atol + rtol |a| everywhere. NaN never does, not
 * even beside NaN: two networks that both went wrong are no proof. max_rel is
 * the largest difference over the largest |a|. b's type INN_UNDEFINED: there
 * is none.
 */
void inn_difference_measure(struct inn_difference *d,
                            const struct inn_tensor *a,
                            const struct inn_tensor *b, double atol,
                            double rtol);

/* Element i as a number. */
double inn_tensor_number(const struct inn_tensor *t, size_t i);

/* "[0, 3, 1, 1]": where element i of t lies; "[]" of a scalar. */
#define INN_INDEX_TEXT 192
const char *inn_index_text(char text[INN_INDEX_TEXT],
                           const struct inn_tensor *t, size_t i);

#endif
