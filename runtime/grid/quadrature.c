/*
 * Quadrature rules on [0, 1]: points, weights, and where the points of an
 * n-point rule lie among the nodes of an N-point one.
 *
 * Left and right Riemann sums on n points take the trapezoid's points and
 * its n - 1 cells. Each point owns the cell to its right (left); the last
 * (first) point has none. Giving it the weight 0 would leave the density
 * W_j / q_j of that channel undefined, so its cell is shared by the two ends
 * of that cell, half each. Every weight is positive and their sum is 1.
 */
#include "runtime/grid/axis_map.h"

#include <math.h>

#define PI 3.14159265358979323846

/* P_n(z) and its derivative, |z| < 1. */
static double legendre(int64_t n, double z, double *slope)
{
    double p = 1.0, before = 0.0, next;
    int64_t k;

    for (k = 1; k <= n; k++) {
        next = ((double)(2 * k - 1) * z * p - (double)(k - 1) * before) /
               (double)k;
        before = p;
        p = next;
    }
    *slope = (double)n * (z * p - before) / (z * z - 1.0);
    return p;
}

/*
 * Gauss–Legendre: roots of P_n by Newton from Tricomi's guess, the upper half
 * of them; the others mirror these, so that the middle is exactly ½.
 */
static void gauss(int64_t n, double *x, double *q)
{
    int64_t i;

    for (i = 0; i < (n + 1) / 2; i++) {
        double z = cos(PI * ((double)i + 0.75) / ((double)n + 0.5));
        double slope = 1.0, step;
        int round;

        if (2 * i + 1 == n)
            z = 0.0;
        for (round = 0; round < 12; round++) {
            step = legendre(n, z, &slope) / slope;
            if (2 * i + 1 == n)
                break;
            z -= step;
            if (fabs(step) <= 1e-15)
                break;
        }
        if (x != NULL) {
            x[i] = 0.5 * (1.0 - z);
            x[n - 1 - i] = 0.5 * (1.0 + z);
        }
        if (q != NULL)
            q[i] = q[n - 1 - i] = 1.0 / ((1.0 - z * z) * slope * slope);
    }
}

/* Simpson on an odd number of points; an even one ends with a trapezoid. */
static void simpson(int64_t n, double h, double *q)
{
    int64_t i, odd = n % 2 == 1 ? n : n - 1;

    for (i = 0; i < n; i++)
        q[i] = 0.0;
    for (i = 0; i + 2 < odd; i += 2) {
        q[i] += h / 3.0;
        q[i + 1] += 4.0 * h / 3.0;
        q[i + 2] += h / 3.0;
    }
    if (odd != n) {
        q[n - 2] += 0.5 * h;
        q[n - 1] += 0.5 * h;
    }
}

static void closed_weights(enum inn_quadrature rule, int64_t n, double *q)
{
    double h = 1.0 / (double)(n - 1);
    int64_t i;

    if (rule == INN_QUAD_SIMPSON) {
        simpson(n, h, q);
        return;
    }
    for (i = 0; i < n; i++)
        q[i] = h;
    switch (rule) {
    case INN_QUAD_LEFT:
        q[n - 1] = q[n - 2] = 0.5 * h;
        break;
    case INN_QUAD_RIGHT:
        q[0] = q[1] = 0.5 * h;
        break;
    default:
        q[0] = q[n - 1] = 0.5 * h;
        break;
    }
}

void inn_quadrature_rule(enum inn_quadrature rule, int64_t n, double *x,
                         double *q)
{
    int64_t i;

    if (n == 1) {
        if (x != NULL)
            x[0] = 0.5;
        if (q != NULL)
            q[0] = 1.0;
        return;
    }
    if (rule == INN_QUAD_GAUSS) {
        gauss(n, x, q);
        return;
    }
    for (i = 0; x != NULL && i < n; i++) {
        x[i] = rule == INN_QUAD_MIDPOINT
                   ? ((double)i + 0.5) / (double)n
                   : (double)i / (double)(n - 1);
    }
    if (q == NULL)
        return;
    if (rule != INN_QUAD_MIDPOINT) {
        closed_weights(rule, n, q);
        return;
    }
    for (i = 0; i < n; i++)
        q[i] = 1.0 / (double)n;
}

/* a/b, exact where b divides a. */
static double ratio(int64_t a, int64_t b)
{
    return a % b == 0 ? (double)(a / b)
                      : (double)(a / b) + (double)(a % b) / (double)b;
}

/* The index coordinate of x among ascending roots, between them linear. */
static double between(const double *roots, int64_t n, double x)
{
    int64_t low = 0, high = n - 1;

    if (x <= roots[0])
        return 0.0;
    if (x >= roots[n - 1])
        return (double)(n - 1);
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;

        if (roots[middle] <= x)
            low = middle;
        else
            high = middle;
    }
    return (double)low + (x - roots[low]) / (roots[high] - roots[low]);
}

void inn_quadrature_nodes(enum inn_quadrature rule, int64_t n, int64_t nodes,
                          const double *x, const double *roots, double *s)
{
    int64_t i;

    for (i = 0; i < n; i++) {
        if (n == nodes)
            s[i] = (double)i;
        else if (n == 1)
            s[i] = 0.5 * (double)(nodes - 1);
        else if (rule == INN_QUAD_GAUSS)
            s[i] = between(roots, nodes, x[i]);
        else if (rule == INN_QUAD_MIDPOINT)
            /* (i + ½)/n · N − ½; below 0 and past N − 1 where n > N */
            s[i] = ratio((2 * i + 1) * nodes - n, 2 * n);
        else
            s[i] = ratio(i * (nodes - 1), n - 1);
        if (s[i] < 0.0)
            s[i] = 0.0;
        if (s[i] > (double)(nodes - 1))
            s[i] = (double)(nodes - 1);
    }
}
