/*
 * Interpolation between nodes: Keys' cubic convolution (IEEE Trans. ASSP 29,
 * 1981, eq. 15) and the hat function, as rows of weights on the nodes. How a
 * coordinate is come by is quadrature.c's and axis_map.c's business.
 */
#include "runtime/grid/axis_map.h"

#include <math.h>

double inn_kernel_value(enum inn_kernel kernel, double s)
{
    double a = kernel == INN_KERNEL_CUBIC75 ? -0.75 : -0.5;

    s = fabs(s);
    if (kernel == INN_KERNEL_LINEAR)
        return s < 1.0 ? 1.0 - s : 0.0;
    if (s <= 1.0)
        return ((a + 2.0) * s - (a + 3.0)) * s * s + 1.0;
    if (s < 2.0)
        return ((a * s - 5.0 * a) * s + 8.0 * a) * s - 4.0 * a;
    return 0.0;
}

/*
 * Weight w falls on the node one step beyond the end that edge describes:
 * w[0] is the end node, w[step], w[2 step] its neighbours.
 */
static void fold(double *w, int step, double beyond, enum inn_edge edge)
{
    if (edge == INN_EDGE_CLAMP) {
        w[0] += beyond;
        return;
    }
    w[0] += 3.0 * beyond;
    w[step] -= 3.0 * beyond;
    w[2 * step] += beyond;
}

int inn_kernel_row(enum inn_kernel kernel, enum inn_edge edge, int64_t m,
                   double s, int32_t col[INN_KERNEL_TAPS],
                   double weight[INN_KERNEL_TAPS])
{
    double w[INN_KERNEL_TAPS] = {0.0};
    int64_t k, first;
    double t;
    int i, at, n = 0;

    if (!(s > 0.0))
        s = 0.0;
    if (s > (double)(m - 1))
        s = (double)(m - 1);
    k = (int64_t)s;
    t = s - (double)k;
    if (t == 0.0) {
        col[0] = (int32_t)k;
        weight[0] = 1.0;
        return 1;
    }
    /* From here on m >= 2 and k <= m - 2. */
    if (kernel == INN_KERNEL_LINEAR || m == 2) {
        col[0] = (int32_t)k;
        col[1] = (int32_t)k + 1;
        weight[0] = 1.0 - t;
        weight[1] = t;
        return 2;
    }
    /* The window of four nodes (three where m is) that the row touches. */
    first = k - 1;
    if (first > m - INN_KERNEL_TAPS)
        first = m - INN_KERNEL_TAPS;
    if (first < 0)
        first = 0;
    at = (int)(k - first);
    w[at] += inn_kernel_value(kernel, t);
    w[at + 1] += inn_kernel_value(kernel, 1.0 - t);
    if (k > 0)
        w[at - 1] += inn_kernel_value(kernel, 1.0 + t);
    else
        fold(w, 1, inn_kernel_value(kernel, 1.0 + t), edge);
    if (k + 2 < m)
        w[at + 2] += inn_kernel_value(kernel, 2.0 - t);
    else
        fold(w + at + 1, -1, inn_kernel_value(kernel, 2.0 - t), edge);
    for (i = 0; i < INN_KERNEL_TAPS; i++) {
        if (w[i] == 0.0)
            continue;
        col[n] = (int32_t)(first + i);
        weight[n++] = w[i];
    }
    return n;
}
