/*
 * Pictures come from degrade.c; noise with a spectrum near 1/f and whole
 * numbers are made here.
 */
#include "runtime/drawn/canvas.h"

#include <math.h>
#include <string.h>

#include "runtime/base/checked.h"
#include "runtime/base/error.h"
#include "runtime/base/threads.h"
#include "runtime/drawn/noise.h"
#include "runtime/ops/common.h"

/* Scales of time, in steps, whose sum is near 1/f. */
#define SCALES 4
static const double time_scales[SCALES] = {0.25, 2, 8, 32};

/* A canvas while it is drawn. */
struct brush {
    const struct inn_canvas *c;
    struct inn_tensor *out;
    size_t one;   /* elements of a sample */
    float *drawn; /* pictures: [count · batch, C, H, W] */
    double *noise, *scratch; /* [parts × one] */
    size_t parts;
};

static double in_range(const struct inn_input_range *range, int64_t channel,
                       double z)
{
    int64_t at = range->n > 1 ? channel : 0;

    if (range->photo)
        z = z < INN_BLACK ? INN_BLACK : z > INN_WHITE ? INN_WHITE : z;
    return range->mean[at] + range->deviation[at] * z;
}

static void put(const struct brush *b, size_t sample, size_t i, double x)
{
    size_t size = inn_type_size(b->out->type);

    inn_convert_elements((char *)b->out->data + (sample * b->one + i) * size,
                         b->out->type, &x, INN_F64, 1);
}

/* Makes white noise Markov along every axis of time, variance kept. */
static void correlate(const struct brush *b, double *x, double scale)
{
    double keep = exp(-1 / scale), fresh = sqrt(1 - keep * keep);
    const struct inn_tensor *s = b->c->shape;
    int axis;

    for (axis = 1; axis < s->rank; axis++) {
        size_t inner = inn_dims_product(s->dims, axis + 1, s->rank);
        size_t length = (size_t)s->dims[axis], i;

        if (!b->c->plan->along[axis])
            continue;
        for (i = inner; i < b->one; i++) {
            if (i / inner % length != 0)
                x[i] = keep * x[i - inner] + fresh * x[i];
        }
    }
}

static void draw_noise(const struct brush *b, size_t part, size_t sample)
{
    double *sum = b->noise + part * b->one, *x = b->scratch + part * b->one;
    uint64_t state = inn_random_start(b->c->seed, sample);
    const struct inn_tensor *s = b->c->shape;
    int axis = b->c->plan->channel_axis;
    size_t inner = axis < 0 ? 1 : inn_dims_product(s->dims, axis + 1,
                                                   s->rank);
    size_t i;
    int k;

    memset(sum, 0, b->one * sizeof(*sum));
    for (k = 0; k < SCALES; k++) {
        for (i = 0; i < b->one; i++)
            x[i] = inn_random_normal(&state);
        correlate(b, x, time_scales[k]);
        for (i = 0; i < b->one; i++)
            sum[i] += x[i] / sqrt(SCALES);
    }
    for (i = 0; i < b->one; i++)
        put(b, sample, i,
            in_range(b->c->range, (int64_t)(i / inner) % b->c->plan->channels,
                     sum[i]));
}

static void draw_ids(const struct brush *b, size_t sample)
{
    uint64_t state = inn_random_start(b->c->seed, sample);
    bool ones = b->c->plan->kind == INN_DRAWN_ONES;
    size_t i;

    for (i = 0; i < b->one; i++)
        put(b, sample, i,
            ones ? 1 : floor(inn_random_unit(&state) *
                             (double)b->c->plan->limit));
}

/* Pictures come as [C, H, W] and standardised. */
static void place_picture(const struct brush *b, size_t sample)
{
    const int64_t *dims = b->c->shape->dims;
    bool last = b->c->plan->channels_last;
    size_t channels = (size_t)b->c->plan->channels;
    size_t plane = (size_t)(dims[last ? 1 : 2] * dims[last ? 2 : 3]), i;
    const float *from = b->drawn + sample * b->one;

    for (i = 0; i < b->one; i++) {
        size_t picture = i / (channels * plane) * channels * plane;
        size_t channel = i / plane % channels, at = i % plane;
        size_t colour = b->c->plan->bgr ? channels - 1 - channel : channel;

        put(b, sample, last ? picture + at * channels + channel : i,
            in_range(b->c->range, (int64_t)channel,
                     (double)from[picture + colour * plane + at]));
    }
}

static void draw_part(void *context, size_t part)
{
    const struct brush *b = context;
    size_t k;

    for (k = part; k < b->c->count; k += b->parts) {
        if (b->c->plan->kind == INN_DRAWN_PICTURE)
            place_picture(b, k);
        else if (b->c->plan->kind == INN_DRAWN_NOISE)
            draw_noise(b, part, k);
        else
            draw_ids(b, k);
    }
}

enum inn_status inn_canvas_draw(struct inn_tensor *out,
                                const struct inn_canvas *canvas, int threads,
                                struct inn_heap *heap, struct inn_error *err)
{
    const int64_t *dims = canvas->shape->dims;
    bool last = canvas->plan->channels_last;
    struct brush b = {.c = canvas, .out = out};
    enum inn_status st = INN_OK;

    b.one = inn_tensor_count(canvas->shape);
    b.parts = canvas->count < 16 ? canvas->count : 16;
    if (canvas->plan->kind == INN_DRAWN_PICTURE) {
        b.drawn = inn_alloc_raw(heap, canvas->count, b.one * sizeof(float),
                                err);
        if (b.drawn == NULL)
            return inn_refused(err);
        st = inn_degrade_pictures(b.drawn, &canvas->degradation,
                                  (int64_t)canvas->count * dims[0],
                                  canvas->plan->channels,
                                  dims[last ? 1 : 2], dims[last ? 2 : 3],
                                  canvas->seed, threads, heap, err);
    } else if (canvas->plan->kind == INN_DRAWN_NOISE) {
        b.noise = inn_alloc_raw(heap, b.parts, b.one * sizeof(double), err);
        b.scratch = inn_alloc_raw(heap, b.parts, b.one * sizeof(double), err);
        if (b.noise == NULL || b.scratch == NULL)
            st = inn_refused(err);
    }
    if (st == INN_OK)
        inn_parallel(threads, b.parts, draw_part, &b);
    inn_free(heap, b.drawn);
    inn_free(heap, b.noise);
    inn_free(heap, b.scratch);
    return st;
}
