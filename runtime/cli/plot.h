/*
 * Line plots as SVG or PNG, by cairo: panels side by side that share their
 * vertical axis. What is drawn over what is the caller's business.
 */
#ifndef INN_CLI_PLOT_H
#define INN_CLI_PLOT_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/base/heap.h"

struct inn_plot_point {
    double x[2]; /* by panel */
    double y, se; /* of y: a bar of ± se; 0 or NaN: none */
};

struct inn_plot_curve {
    const char *label;
    const struct inn_plot_point *points; /* joined in this order */
    size_t n;
};

struct inn_plot {
    const char *title, *subtitle; /* UTF-8, as all text */
    const char *y_label, *y_unit; /* "top-1", "%" */
    double y_most;                /* no axis goes beyond; INFINITY: none */
    const char *x_labels[2];
    int n_panels; /* 1 or 2 */
    const struct inn_plot_curve *curves;
    size_t n_curves;
    struct inn_plot_point full; /* marked, with a line at its y */
    const char *full_label;
};

/* Whether path ends in .svg or .png. */
bool inn_plot_name(const char *path);

/*
 * Whether inn_plot_write could write there, before hours of work:
 * INN_ERR_UNSUPPORTED without cairo; INN_ERR_IO, also where path exists and
 * overwrite is false.
 */
enum inn_status inn_plot_check(const char *path, bool overwrite,
                               struct inn_heap *heap, struct inn_error *err);

/* Atomic. Points with a NaN are left out. INN_ERR_IO, INN_ERR_MEMORY. */
enum inn_status inn_plot_write(const struct inn_plot *plot, const char *path,
                               bool overwrite, struct inn_heap *heap,
                               struct inn_error *err);

/*
 * A round step (1, 2 or 5 times a power of ten) that puts at most most + 1
 * ticks on low … high; *decimals is what its multiples need.
 */
double inn_plot_step(int *decimals, double low, double high, int most);

#endif
