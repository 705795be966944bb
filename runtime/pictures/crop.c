/*
 * Resize and CenterCrop. Sums are in whole numbers with 22 bits behind the
 * point and rounded to bytes after each axis, across first: so it is what
 * Pillow gives and no other picture on any machine.
 */
#include "runtime/pictures/crop.h"

#include <math.h>
#include <string.h>

#include "runtime/base/checked.h"
#include "runtime/base/error.h"

#define BITS 22
#define LONGEST 65536

/* New pixel i: the sum over k < n[i] of weights[i·room + k] · old[at[i] + k]. */
struct taps {
    int64_t room;
    int64_t *at, *n;
    int32_t *weights;
};

static enum inn_status make_taps(struct taps *t, int64_t from, int64_t to,
                                 struct inn_arena *arena,
                                 struct inn_error *err)
{
    double scale = (double)from / (double)to, reach = scale < 1 ? 1 : scale;
    double *w;
    int64_t i, k;

    t->room = (int64_t)ceil(reach) * 2 + 1;
    t->at = inn_arena_alloc(arena, (size_t)to, sizeof(*t->at), err);
    t->n = inn_arena_alloc(arena, (size_t)to, sizeof(*t->n), err);
    t->weights = inn_arena_alloc(arena, (size_t)to,
                                 (size_t)t->room * sizeof(*t->weights), err);
    w = inn_arena_alloc(arena, (size_t)t->room, sizeof(*w), err);
    if (t->at == NULL || t->n == NULL || t->weights == NULL || w == NULL)
        return inn_refused(err);
    for (i = 0; i < to; i++) {
        double centre = ((double)i + 0.5) * scale, sum = 0;
        int64_t first = (int64_t)(centre - reach + 0.5);
        int64_t end = (int64_t)(centre + reach + 0.5);

        first = centre - reach + 0.5 < 0 ? 0 : first;
        end = end > from ? from : end;
        t->at[i] = first;
        t->n[i] = end - first;
        for (k = 0; k < t->n[i]; k++) {
            double x = fabs(((double)(k + first) - centre + 0.5) / reach);

            w[k] = x < 1 ? 1 - x : 0;
            sum += w[k];
        }
        for (k = 0; k < t->n[i]; k++)
            t->weights[i * t->room + k] =
                (int32_t)(0.5 + w[k] / sum * (double)(1 << BITS));
    }
    return INN_OK;
}

static uint8_t to_byte(int64_t sum)
{
    sum = (sum + ((int64_t)1 << (BITS - 1))) >> BITS;
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

/* in [outer, from, inner] to out [outer, to, inner]. */
static void resize_axis(uint8_t *out, const uint8_t *in, const struct taps *t,
                        int64_t outer, int64_t from, int64_t to,
                        int64_t inner)
{
    int64_t o, i, c, k;

    for (o = 0; o < outer; o++) {
        for (i = 0; i < to; i++) {
            const uint8_t *line = in + (o * from + t->at[i]) * inner;

            for (c = 0; c < inner; c++) {
                int64_t sum = 0;

                for (k = 0; k < t->n[i]; k++)
                    sum += (int64_t)t->weights[i * t->room + k] *
                           line[k * inner + c];
                out[(o * to + i) * inner + c] = to_byte(sum);
            }
        }
    }
}

static enum inn_status resize(struct inn_image *out,
                              const struct inn_image *image, int64_t height,
                              int64_t width, struct inn_arena *arena,
                              struct inn_error *err)
{
    struct taps taps;
    uint8_t *wide;
    enum inn_status st;

    *out = *image;
    if (width != image->width) {
        st = make_taps(&taps, image->width, width, arena, err);
        if (st != INN_OK)
            return st;
        wide = inn_arena_alloc(arena, (size_t)image->height,
                               (size_t)(width * image->channels), err);
        if (wide == NULL)
            return inn_refused(err);
        resize_axis(wide, out->data, &taps, image->height, image->width,
                    width, image->channels);
        out->data = wide;
        out->width = width;
    }
    if (height != image->height) {
        st = make_taps(&taps, image->height, height, arena, err);
        if (st != INN_OK)
            return st;
        wide = inn_arena_alloc(arena, (size_t)height,
                               (size_t)(width * image->channels), err);
        if (wide == NULL)
            return inn_refused(err);
        resize_axis(wide, out->data, &taps, 1, image->height, height,
                    width * image->channels);
        out->data = wide;
        out->height = height;
    }
    return INN_OK;
}

/* torchvision's size: the shorter side, and the other one in proportion. */
static void resized(int64_t size[2], const struct inn_image *image,
                    int64_t height, int64_t width)
{
    int64_t least = height < width ? height : width, side = 256 * least / 224;
    bool tall = image->height > image->width;
    int64_t sides[2] = {tall ? image->width : image->height,
                        tall ? image->height : image->width};

    sides[1] = (int64_t)((double)(side * sides[1]) / (double)sides[0]);
    sides[0] = side;
    /* Where the cut is no square it must still fit in. */
    if (sides[tall] < height || sides[!tall] < width) {
        double by = fmax((double)height / (double)image->height,
                         (double)width / (double)image->width) * 256 / 224;

        sides[tall] = (int64_t)((double)image->height * by);
        sides[!tall] = (int64_t)((double)image->width * by);
    }
    size[0] = sides[tall] < height ? height : sides[tall];
    size[1] = sides[!tall] < width ? width : sides[!tall];
}

/* Half of what is cut away, a half pixel to the even side. */
static int64_t margin(int64_t spare)
{
    return spare / 2 + (spare % 2 != 0 && spare / 2 % 2 != 0);
}

enum inn_status inn_image_crop(struct inn_image *out,
                               const struct inn_image *image, int64_t height,
                               int64_t width, struct inn_arena *arena,
                               struct inn_error *err)
{
    struct inn_arena own;
    struct inn_image whole;
    enum inn_status st = INN_OK;
    int64_t size[2], top, left, y;
    size_t row;

    if (height < 1 || width < 1 || height > LONGEST || width > LONGEST ||
        image->height < 1 || image->width < 1)
        return inn_fail(err, INN_ERR_RANGE, "pictures of %lld x %lld are not "
                        "possible", (long long)width, (long long)height);
    inn_arena_init(&own, arena->heap);
    whole = *image;
    if (image->height != height || image->width != width) {
        resized(size, image, height, width);
        if (size[0] > INN_IMAGE_MOST_PIXELS / size[1])
            st = inn_fail(err, INN_ERR_LIMIT, "would have %lld x %lld pixels",
                          (long long)size[1], (long long)size[0]);
        if (st == INN_OK)
            st = resize(&whole, image, size[0], size[1], &own, err);
    }
    if (st != INN_OK)
        goto out;
    *out = whole;
    out->height = height;
    out->width = width;
    row = (size_t)(width * image->channels);
    out->data = inn_arena_alloc(arena, (size_t)height, row, err);
    if (out->data == NULL) {
        st = inn_refused(err);
        goto out;
    }
    top = margin(whole.height - height);
    left = margin(whole.width - width);
    for (y = 0; y < height; y++)
        memcpy(out->data + (size_t)y * row,
               whole.data + ((top + y) * whole.width + left) *
                                image->channels, row);
out:
    inn_arena_free(&own);
    return st;
}

enum inn_status inn_image_recolour(struct inn_image *out,
                                   const struct inn_image *image,
                                   int channels, struct inn_arena *arena,
                                   struct inn_error *err)
{
    const struct inn_image from = *image; /* out may be it */
    size_t n = (size_t)(image->width * image->height), i;

    *out = from;
    if (channels == from.channels)
        return INN_OK;
    out->channels = channels;
    out->data = inn_arena_alloc(arena, n, (size_t)channels, err);
    if (out->data == NULL)
        return inn_refused(err);
    for (i = 0; i < n && channels == 3; i++)
        memset(out->data + 3 * i, from.data[i], 3);
    for (i = 0; i < n && channels == 1; i++) {
        const uint8_t *p = from.data + 3 * i;

        out->data[i] = (uint8_t)((p[0] * 19595u + p[1] * 38470u +
                                  p[2] * 7471u + 0x8000u) >> 16);
    }
    return INN_OK;
}
