/* Pictures as planes: bytes, colours, cuts. */
#include "runtime/pictures/planes.h"

#include <math.h>
#include <string.h>

#include "runtime/base/checked.h"
#include "runtime/base/error.h"

enum inn_status inn_planes_new(struct inn_planes *p, int64_t channels,
                               int64_t height, int64_t width,
                               struct inn_arena *arena, struct inn_error *err)
{
    const int64_t dims[3] = {channels, height, width};
    size_t count;

    memset(p, 0, sizeof(*p));
    if (!inn_count_dims(&count, dims, 3))
        return inn_fail(err, INN_ERR_LIMIT,
                        "a picture of %lld x %lld is too large",
                        (long long)width, (long long)height);
    p->data = inn_arena_alloc(arena, count, sizeof(*p->data), err);
    if (p->data == NULL)
        return inn_refused(err);
    p->channels = channels;
    p->height = height;
    p->width = width;
    return INN_OK;
}

enum inn_status inn_planes_of_image(struct inn_planes *p,
                                    const struct inn_image *image,
                                    struct inn_arena *arena,
                                    struct inn_error *err)
{
    int64_t plane = image->width * image->height, c, i;
    enum inn_status st;

    st = inn_planes_new(p, image->channels, image->height, image->width,
                        arena, err);
    if (st != INN_OK)
        return st;
    for (c = 0; c < p->channels; c++) {
        for (i = 0; i < plane; i++)
            p->data[c * plane + i] = image->data[i * p->channels + c];
    }
    return INN_OK;
}

/* To the nearest of 0 … 255, halves up; NaN is black. */
static float to_byte(float v)
{
    if (!(v > 0))
        return 0;
    return v > 255 ? 255 : floorf(v + 0.5f);
}

enum inn_status inn_planes_to_image(struct inn_image *image,
                                    const struct inn_planes *p,
                                    struct inn_arena *arena,
                                    struct inn_error *err)
{
    int64_t plane = p->width * p->height, c, i;

    image->width = p->width;
    image->height = p->height;
    image->channels = (int)p->channels;
    image->data = inn_arena_alloc(arena, (size_t)plane, (size_t)p->channels,
                                  err);
    if (image->data == NULL)
        return inn_refused(err);
    for (c = 0; c < p->channels; c++) {
        for (i = 0; i < plane; i++)
            image->data[i * p->channels + c] =
                (uint8_t)to_byte(p->data[c * plane + i]);
    }
    return INN_OK;
}

void inn_planes_round(struct inn_planes *p)
{
    int64_t count = p->channels * p->height * p->width, i;

    for (i = 0; i < count; i++)
        p->data[i] = to_byte(p->data[i]);
}

/* MATLAB's rgb2ycbcr: rows Y, Cb, Cr over 255; what black gives. */
static const double ycbcr[3][3] = {{65.481, 128.553, 24.966},
                                   {-37.797, -74.203, 112.0},
                                   {112.0, -93.786, -18.214}};
static const double black[3] = {16, 128, 128};

enum inn_status inn_planes_luma(struct inn_planes *y,
                                const struct inn_planes *rgb,
                                struct inn_arena *arena,
                                struct inn_error *err)
{
    int64_t plane = rgb->height * rgb->width, step, i;
    enum inn_status st;

    st = inn_planes_new(y, 1, rgb->height, rgb->width, arena, err);
    if (st != INN_OK)
        return st;
    step = rgb->channels == 3 ? plane : 0;
    for (i = 0; i < plane; i++) {
        const float *at = rgb->data + i;

        y->data[i] = (float)(black[0] + (ycbcr[0][0] * at[0] +
                                         ycbcr[0][1] * at[step] +
                                         ycbcr[0][2] * at[2 * step]) / 255);
    }
    return INN_OK;
}

/* Every pixel of three planes times m, after minus before, plus after it. */
static void mix(struct inn_planes *p, const double m[3][3],
                const double minus[3], const double plus[3])
{
    int64_t plane = p->height * p->width, i;

    for (i = 0; i < plane; i++) {
        float *at = p->data + i;
        const double v[3] = {at[0] - minus[0], at[plane] - minus[1],
                             at[2 * plane] - minus[2]};
        int c;

        for (c = 0; c < 3; c++)
            at[c * plane] = (float)(m[c][0] * v[0] + m[c][1] * v[1] +
                                    m[c][2] * v[2] + plus[c]);
    }
}

void inn_planes_to_ycbcr(struct inn_planes *rgb)
{
    static const double none[3] = {0, 0, 0};
    double m[3][3];
    int i, j;

    for (i = 0; i < 3; i++) {
        for (j = 0; j < 3; j++)
            m[i][j] = ycbcr[i][j] / 255;
    }
    mix(rgb, m, none, black);
}

/* The inverse by cofactors: column j of it is a cross product of two rows. */
void inn_planes_to_rgb(struct inn_planes *p)
{
    static const double none[3] = {0, 0, 0};
    double m[3][3], det = 0;
    int i, j;

    for (j = 0; j < 3; j++) {
        const double *a = ycbcr[(j + 1) % 3], *b = ycbcr[(j + 2) % 3];

        for (i = 0; i < 3; i++)
            m[i][j] = a[(i + 1) % 3] * b[(i + 2) % 3] -
                      a[(i + 2) % 3] * b[(i + 1) % 3];
    }
    for (i = 0; i < 3; i++)
        det += ycbcr[0][i] * m[i][0];
    for (i = 0; i < 3; i++) {
        for (j = 0; j < 3; j++)
            m[i][j] *= 255 / det;
    }
    mix(p, m, black, none);
}

enum inn_status inn_planes_cut(struct inn_planes *out,
                               const struct inn_planes *p, int64_t top,
                               int64_t left, int64_t height, int64_t width,
                               struct inn_arena *arena, struct inn_error *err)
{
    enum inn_status st;
    int64_t c, y;

    st = inn_planes_new(out, p->channels, height, width, arena, err);
    for (c = 0; c < p->channels && st == INN_OK; c++) {
        for (y = 0; y < height; y++)
            memcpy(out->data + (c * height + y) * width,
                   p->data + (c * p->height + top + y) * p->width + left,
                   (size_t)width * sizeof(*p->data));
    }
    return st;
}
