/*
 * Bicubic changes of size as MATLAB's imresize makes them, which is what
 * super-resolution is trained and measured on: per axis a weighted sum over
 * a few old pixels for each new one.
 */
#include "runtime/pictures/planes.h"

#include <math.h>
#include <string.h>

#include "runtime/base/error.h"

/* New pixel i is the sum over k of weights[i·n + k] · old[at[i·n + k]]. */
struct taps {
    int64_t n; /* of them for each new pixel */
    int64_t *at;
    double *weights;
};

/* Keys 1981, a = -0.5. */
static double keys(double x)
{
    x = fabs(x);
    if (x < 1)
        return (1.5 * x - 2.5) * x * x + 1;
    return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

/* … 1 0 | 0 1 2 … n-1 | n-1 n-2 …, as often as it takes. */
static int64_t mirrored(int64_t i, int64_t n)
{
    i %= 2 * n;
    if (i < 0)
        i += 2 * n;
    return i < n ? i : 2 * n - 1 - i;
}

/*
 * Pixel centres lie at i + 1/2. Shrinking by s < 1 stretches the kernel by
 * 1/s, so that it also averages away what the new grid can't hold.
 */
static enum inn_status make_taps(struct taps *t, int64_t from, int64_t to,
                                 struct inn_arena *arena,
                                 struct inn_error *err)
{
    double s = (double)to / (double)from, shrink = s < 1 ? s : 1;
    double reach = 2 / shrink;
    int64_t i, k;

    t->n = (int64_t)ceil(2 * reach) + 1;
    t->at = inn_arena_alloc(arena, (size_t)to,
                            (size_t)t->n * sizeof(*t->at), err);
    t->weights = inn_arena_alloc(arena, (size_t)to,
                                 (size_t)t->n * sizeof(*t->weights), err);
    if (t->at == NULL || t->weights == NULL)
        return inn_refused(err);
    for (i = 0; i < to; i++) {
        double centre = ((double)i + 0.5) / s - 0.5, sum = 0;
        int64_t first = (int64_t)floor(centre - reach) + 1;

        for (k = 0; k < t->n; k++) {
            double w = keys(shrink * (centre - (double)(first + k)));

            t->at[i * t->n + k] = mirrored(first + k, from);
            t->weights[i * t->n + k] = w;
            sum += w;
        }
        for (k = 0; k < t->n; k++)
            t->weights[i * t->n + k] /= sum;
    }
    return INN_OK;
}

/* One plane to another height; row is room for a row in double. */
static void resize_rows(float *out, const float *in, const struct taps *t,
                        int64_t height, int64_t width, double *row)
{
    int64_t y, x, k;

    for (y = 0; y < height; y++) {
        memset(row, 0, (size_t)width * sizeof(*row));
        for (k = y * t->n; k < (y + 1) * t->n; k++) {
            const float *from = in + t->at[k] * width;
            double w = t->weights[k];

            for (x = 0; x < width && w != 0; x++)
                row[x] += w * from[x];
        }
        for (x = 0; x < width; x++)
            out[y * width + x] = (float)row[x];
    }
}

static void resize_columns(float *out, const float *in, const struct taps *t,
                           int64_t rows, int64_t from, int64_t to)
{
    int64_t y, x, k;

    for (y = 0; y < rows; y++) {
        for (x = 0; x < to; x++) {
            double sum = 0;

            for (k = x * t->n; k < (x + 1) * t->n; k++)
                sum += t->weights[k] * in[y * from + t->at[k]];
            out[y * to + x] = (float)sum;
        }
    }
}

enum inn_status inn_planes_bicubic(struct inn_planes *out,
                                   const struct inn_planes *p, int64_t height,
                                   int64_t width, struct inn_arena *arena,
                                   struct inn_error *err)
{
    struct inn_planes tall;
    struct inn_arena own;
    struct taps down, across;
    enum inn_status st;
    double *row;
    int64_t c;

    inn_arena_init(&own, arena->heap);
    st = inn_planes_new(out, p->channels, height, width, arena, err);
    if (st == INN_OK)
        st = inn_planes_new(&tall, 1, height, p->width, &own, err);
    if (st == INN_OK)
        st = make_taps(&down, p->height, height, &own, err);
    if (st == INN_OK)
        st = make_taps(&across, p->width, width, &own, err);
    if (st != INN_OK)
        goto out;
    row = inn_arena_alloc(&own, (size_t)p->width, sizeof(*row), err);
    if (row == NULL) {
        st = inn_refused(err);
        goto out;
    }
    for (c = 0; c < p->channels; c++) {
        resize_rows(tall.data, p->data + c * p->height * p->width, &down,
                    height, p->width, row);
        resize_columns(out->data + c * height * width, tall.data, &across,
                       height, p->width, width);
    }
out:
    inn_arena_free(&own);
    return st;
}
