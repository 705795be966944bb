/* How much two pictures differ: PSNR and SSIM. */
#include "runtime/pictures/planes.h"

#include <math.h>

#include "runtime/base/error.h"

#define WINDOW 11
#define SIGMA 1.5

double inn_planes_psnr(const struct inn_planes *a, const struct inn_planes *b,
                       int64_t border)
{
    double sum = 0;
    int64_t y, x, count = 0;

    for (y = border; y < a->height - border; y++) {
        for (x = border; x < a->width - border; x++) {
            double d = (double)a->data[y * a->width + x] -
                       (double)b->data[y * b->width + x];

            sum += d * d;
            count++;
        }
    }
    return count == 0 ? NAN : 10 * log10(255.0 * 255.0 * (double)count / sum);
}

/* The moments of a and b that SSIM is made of. */
enum { A, B, AA, BB, AB, MOMENTS };

static void gaussian(double g[WINDOW])
{
    double sum = 0;
    int i;

    for (i = 0; i < WINDOW; i++) {
        double x = i - WINDOW / 2;

        g[i] = exp(-x * x / (2 * SIGMA * SIGMA));
        sum += g[i];
    }
    for (i = 0; i < WINDOW; i++)
        g[i] /= sum;
}

/* Moments of the windows' columns whose first row is a[0], b[0]. */
static void column_moments(double *out, const float *a, const float *b,
                           int64_t stride, int64_t width,
                           const double g[WINDOW])
{
    int64_t x;
    int k;

    for (x = 0; x < width; x++) {
        double *m = out + x * MOMENTS;

        m[A] = m[B] = m[AA] = m[BB] = m[AB] = 0;
        for (k = 0; k < WINDOW; k++) {
            double u = a[k * stride + x], v = b[k * stride + x];

            m[A] += g[k] * u;
            m[B] += g[k] * v;
            m[AA] += g[k] * u * u;
            m[BB] += g[k] * v * v;
            m[AB] += g[k] * u * v;
        }
    }
}

static double similarity(const double m[MOMENTS])
{
    const double c1 = 0.01 * 255 * 0.01 * 255, c2 = 0.03 * 255 * 0.03 * 255;
    double aa = m[A] * m[A], bb = m[B] * m[B], ab = m[A] * m[B];

    return (2 * ab + c1) * (2 * (m[AB] - ab) + c2) /
           ((aa + bb + c1) * (m[AA] - aa + m[BB] - bb + c2));
}

enum inn_status inn_planes_ssim(double *value, const struct inn_planes *a,
                                const struct inn_planes *b, int64_t border,
                                struct inn_arena *arena,
                                struct inn_error *err)
{
    int64_t width = a->width - 2 * border, height = a->height - 2 * border;
    int64_t y, x, stride = a->width;
    double g[WINDOW], *columns, sum = 0;

    *value = NAN;
    if (width < WINDOW || height < WINDOW)
        return INN_OK;
    columns = inn_alloc(arena->heap, (size_t)width,
                        MOMENTS * sizeof(*columns), err);
    if (columns == NULL)
        return inn_refused(err);
    gaussian(g);
    for (y = 0; y + WINDOW <= height; y++) {
        int64_t first = (border + y) * stride + border;

        column_moments(columns, a->data + first, b->data + first, stride,
                       width, g);
        for (x = 0; x + WINDOW <= width; x++) {
            double m[MOMENTS] = {0};
            int k, i;

            for (k = 0; k < WINDOW; k++) {
                for (i = 0; i < MOMENTS; i++)
                    m[i] += g[k] * columns[(x + k) * MOMENTS + i];
            }
            sum += similarity(m);
        }
    }
    inn_free(arena->heap, columns);
    *value = sum / (double)((width - WINDOW + 1) * (height - WINDOW + 1));
    return INN_OK;
}
