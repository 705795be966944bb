/*
 * Drawn pictures: dead leaves (fidelity section 2). Shapes of power-law
 * sizes cover each other, filled with flat colour, 1/f^α noise or gratings,
 * shaded, with edges of any softness: to the layers of a network they are
 * close enough to photographs. Each picture comes from (seed, its number)
 * alone.
 */
#include "runtime/drawn/leaves.h"

#include <math.h>

#include "runtime/base/checked.h"
#include "runtime/base/error.h"
#include "runtime/base/threads.h"
#include "runtime/drawn/noise.h"

#define PI 3.14159265358979323846
#define COLOURS 6
#define MAX_SHAPES 400
/* Pictures up to this size get few shapes, as CIFAR's have few. */
#define SMALL 100.0
/* Brightness and contrast of photographs as networks standardise them. */
#define MIDDLE 0.45
#define CONTRAST 0.23
#define DEVIATION 0.226
/* The streams of mixes lie beyond those of pictures. */
#define MIX_STREAM (UINT64_C(1) << 62)

static const double alphas[INN_NOISE_FIELDS] = {0.5, 1.0, 1.5, 2.0};

/* One picture under way. */
struct canvas {
    int64_t height, width;
    double side;       /* of the square of that area */
    float *texture[INN_NOISE_FIELDS];
    float *colour[3];  /* the picture */
    float palette[COLOURS][3];
    uint64_t state;
};

enum outline {
    ELLIPSE = 0, /* and 1: ellipses are twice as frequent */
    BOX = 2,
    POLYGON = 3
};

#define MAX_EDGES 6

struct shape {
    double y, x, size;
    float cos, sin, stretch;
    enum outline outline;
    int edges;
    float edge[MAX_EDGES][2]; /* outward normals */
    float softness;
    float fill[3];
    const float *texture; /* or NULL */
    float grain[3];       /* of the texture or grating */
    float wave[2];        /* the grating's, radians per pixel */
    bool grating;
    float shade[2];
};

struct job {
    float *out;
    int64_t channels, height, width;
    uint64_t seed;
    struct inn_heap *heap;
    struct inn_error *errors; /* [count] */
    double *sums;             /* [count × channels] */
    double *squares;          /* [count × channels] */
};

static double log_uniform(uint64_t *s, double low, double high)
{
    return exp(log(low) + inn_random_unit(s) * (log(high) - log(low)));
}

static float normal(uint64_t *s, double deviation)
{
    return (float)(inn_random_normal(s) * deviation);
}

/* Radii with density r^-(1+α) between bounds, in half the cases sorted. */
static void draw_sizes(struct canvas *c, double *size, int n)
{
    double alpha = 1.0 + 1.2 * inn_random_unit(&c->state);
    double low = pow(0.012 * c->side, -alpha);
    double high = pow(0.5 * c->side, -alpha);
    int i, k;

    for (i = 0; i < n; i++)
        size[i] = pow(low - inn_random_unit(&c->state) * (low - high),
                      -1.0 / alpha);
    if (inn_random_unit(&c->state) >= 0.5)
        return;
    for (i = 1; i < n; i++) {
        double r = size[i];

        for (k = i; k > 0 && size[k - 1] < r; k--)
            size[k] = size[k - 1];
        size[k] = r;
    }
}

static void draw_fill(struct canvas *c, struct shape *s)
{
    uint64_t *r = &c->state;
    const float *colour = c->palette[inn_random_below(r, COLOURS)];
    float lighter = normal(r, 0.08);
    double kind;
    int i;

    for (i = 0; i < 3; i++)
        s->fill[i] = colour[i] + lighter + normal(r, 0.05);
    s->texture = NULL;
    s->grating = false;
    kind = inn_random_unit(r);
    if (kind < 0.6) {
        float depth = fabsf(normal(r, 0.12));

        s->texture = c->texture[inn_random_below(r, INN_NOISE_FIELDS)];
        for (i = 0; i < 3; i++)
            s->grain[i] = depth * (1.0f + normal(r, 0.2));
    } else if (kind < 0.75) {
        double f = 2.0 * PI * log_uniform(r, 0.03, 0.4);
        double angle = inn_random_unit(r) * PI;
        float depth = normal(r, 0.15);

        s->grating = true;
        s->wave[0] = (float)(f * sin(angle));
        s->wave[1] = (float)(f * cos(angle));
        for (i = 0; i < 3; i++)
            s->grain[i] = depth + normal(r, 0.04);
    }
    s->shade[0] = normal(r, 0.15 / s->size);
    s->shade[1] = normal(r, 0.15 / s->size);
}

static void draw_shape(struct canvas *c, struct shape *s, double size)
{
    uint64_t *r = &c->state;
    double angle;
    int i;

    s->y = (inn_random_unit(r) * 1.2 - 0.1) * (double)c->height;
    s->x = (inn_random_unit(r) * 1.2 - 0.1) * (double)c->width;
    s->size = size;
    s->stretch = expf(normal(r, 0.5));
    angle = inn_random_unit(r) * PI;
    s->cos = (float)cos(angle);
    s->sin = (float)sin(angle);
    i = inn_random_below(r, 4);
    s->outline = i < 2 ? ELLIPSE : (enum outline)i;
    s->edges = s->outline == POLYGON ? 3 + inn_random_below(r, 4) : 0;
    for (i = 0; i < s->edges; i++) {
        angle = inn_random_unit(r) * 2.0 * PI;
        s->edge[i][0] = (float)cos(angle);
        s->edge[i][1] = (float)sin(angle);
    }
    s->softness = (float)log_uniform(r, 0.5, 4.0);
    draw_fill(c, s);
}

/* How far inside the outline (u, v) lies, in pixels. */
static float depth_at(const struct shape *s, float u, float v)
{
    float size = (float)s->size, d, e;
    int i;

    if (s->outline == BOX) {
        u = fabsf(u);
        v = fabsf(v);
        return size - (u > v ? u : v);
    }
    d = sqrtf(u * u + v * v);
    if (s->outline != POLYGON)
        return size - d;
    d = size * 1.4f - d;
    for (i = 0; i < s->edges; i++) {
        e = size * 0.8f - (u * s->edge[i][0] + v * s->edge[i][1]);
        d = e < d ? e : d;
    }
    return d;
}

static void paint_pixel(struct canvas *c, const struct shape *s, size_t at,
                        float dy, float dx, float cover)
{
    float shade = dx * s->shade[0] + dy * s->shade[1], grain = 0.0f;
    int i;

    if (s->texture != NULL)
        grain = s->texture[at];
    else if (s->grating)
        grain = sinf(dx * s->wave[1] + dy * s->wave[0]);
    for (i = 0; i < 3; i++) {
        float fill = s->fill[i] + shade;

        if (s->texture != NULL || s->grating)
            fill += grain * s->grain[i];
        c->colour[i][at] += (fill - c->colour[i][at]) * cover;
    }
}

static int64_t clamp(double x, int64_t high)
{
    return x <= 0.0 ? 0 : x >= (double)high ? high : (int64_t)x;
}

static void paint(struct canvas *c, const struct shape *s)
{
    double wide = (double)s->stretch;
    double reach = s->size * (wide > 1.0 ? wide : 1.0 / wide) * 1.5;
    int64_t y0 = clamp(s->y - reach, c->height), y, x;
    int64_t y1 = clamp(s->y + reach + 1.0, c->height);
    int64_t x0 = clamp(s->x - reach, c->width);
    int64_t x1 = clamp(s->x + reach + 1.0, c->width);
    float soft = 1.0f / s->softness, narrow = 1.0f / s->stretch;

    for (y = y0; y < y1; y++) {
        float dy = (float)((double)y - s->y);

        for (x = x0; x < x1; x++) {
            float dx = (float)((double)x - s->x);
            float u = (dx * s->cos + dy * s->sin) * narrow;
            float v = (dy * s->cos - dx * s->sin) * s->stretch;
            float cover = depth_at(s, u, v) * soft + 0.5f;

            if (cover > 0.0f)
                paint_pixel(c, s, (size_t)(y * c->width + x), dy, dx,
                            cover < 1.0f ? cover : 1.0f);
        }
    }
}

static void paint_ground(struct canvas *c)
{
    size_t n = (size_t)(c->height * c->width), k;
    uint64_t *r = &c->state;
    float base[3], coarse, fine[3];
    int i, j;

    for (i = 0; i < 3; i++)
        base[i] = (float)MIDDLE + normal(r, 0.25);
    for (j = 0; j < COLOURS; j++) {
        float lighter = normal(r, 0.22);

        for (i = 0; i < 3; i++)
            c->palette[j][i] = base[i] + lighter + normal(r, 0.09);
    }
    coarse = normal(r, 0.12);
    for (i = 0; i < 3; i++)
        fine[i] = normal(r, 0.05);
    for (i = 0; i < 3; i++) {
        for (k = 0; k < n; k++)
            c->colour[i][k] = c->palette[0][i] + c->texture[2][k] * coarse +
                              c->texture[3][k] * fine[i];
    }
}

static void paint_light(struct canvas *c)
{
    uint64_t *r = &c->state;
    float gx = normal(r, 0.2 / c->side), gy = normal(r, 0.2 / c->side);
    float grain = (float)(inn_random_unit(r) * 0.01);
    int64_t y, x;
    int i;

    for (y = 0; y < c->height; y++) {
        for (x = 0; x < c->width; x++) {
            size_t at = (size_t)(y * c->width + x);
            float light = ((float)x - 0.5f * (float)c->width) * gx +
                          ((float)y - 0.5f * (float)c->height) * gy;

            for (i = 0; i < 3; i++)
                c->colour[i][at] += light + grain * inn_random_grain(r);
        }
    }
}

/*
 * Brightness and contrast of a photograph, cut off at black and white, then
 * in the units of a standardised input.
 */
static void expose(struct canvas *c)
{
    size_t n = (size_t)(c->height * c->width), k;
    double sum = 0.0, square = 0.0, mean, scale, bright;
    uint64_t *r = &c->state;
    int i;

    for (i = 0; i < 3; i++) {
        for (k = 0; k < n; k++)
            sum += (double)c->colour[i][k];
    }
    mean = sum / (3.0 * (double)n);
    for (i = 0; i < 3; i++) {
        for (k = 0; k < n; k++) {
            double d = (double)c->colour[i][k] - mean;

            square += d * d;
        }
    }
    scale = CONTRAST * exp(0.25 * inn_random_normal(r)) /
            sqrt(square / (3.0 * (double)n) + 1e-12);
    bright = MIDDLE + 0.1 * inn_random_normal(r);
    for (i = 0; i < 3; i++) {
        double shift = bright + 0.03 * inn_random_normal(r) - mean * scale;

        for (k = 0; k < n; k++) {
            double v = (double)c->colour[i][k] * scale + shift;

            v = v < 0.0 ? 0.0 : v > 1.0 ? 1.0 : v;
            c->colour[i][k] = (float)((v - MIDDLE) / DEVIATION);
        }
    }
}

static enum inn_status draw(struct canvas *c, struct inn_heap *heap,
                            struct inn_error *err)
{
    double size[MAX_SHAPES];
    bool small = c->side <= SMALL;
    struct shape shape = {0};
    enum inn_status st;
    int n, i;

    st = inn_noise(c->texture, alphas, INN_NOISE_FIELDS, c->height, c->width,
                   &c->state, heap, err);
    if (st != INN_OK)
        return st;
    paint_ground(c);
    n = (int)log_uniform(&c->state, small ? 5.0 : 20.0,
                         small ? 60.0 : (double)MAX_SHAPES);
    n = n < 1 ? 1 : n > MAX_SHAPES ? MAX_SHAPES : n;
    draw_sizes(c, size, n);
    for (i = 0; i < n; i++) {
        draw_shape(c, &shape, size[i]);
        paint(c, &shape);
    }
    paint_light(c);
    expose(c);
    return INN_OK;
}

/*
 * Channels that are no colours: each mixes the three in its own way, the
 * same in all pictures, and has noise of its own.
 */
static enum inn_status mix(float *out, struct canvas *c, const struct job *j,
                           struct inn_error *err)
{
    float *fields[2] = {c->texture[0], c->texture[1]}, w[3];
    static const double pink[2] = {1.0, 1.0};
    size_t n = (size_t)(c->height * c->width), k;
    enum inn_status st = INN_OK;
    int64_t i;

    for (i = 0; i < j->channels && st == INN_OK; i++) {
        uint64_t own = inn_random_start(j->seed, MIX_STREAM + (uint64_t)i);
        float *to = out + (size_t)i * n;
        double norm = 0.0;
        int m;

        for (m = 0; m < 3; m++) {
            w[m] = normal(&own, 1.0);
            norm += (double)w[m] * (double)w[m];
        }
        for (m = 0; m < 3; m++)
            w[m] *= (float)(1.0 / sqrt(norm + 1e-12));
        if (i % 2 == 0)
            st = inn_noise(fields, pink, 2, c->height, c->width, &c->state,
                           j->heap, err);
        for (k = 0; k < n && st == INN_OK; k++)
            to[k] = w[0] * c->colour[0][k] + w[1] * c->colour[1][k] +
                    w[2] * c->colour[2][k] + 0.5f * fields[i % 2][k];
    }
    return st;
}

/* From the three colours to the channels asked for. */
static enum inn_status develop(float *out, struct canvas *c,
                               const struct job *j, struct inn_error *err)
{
    size_t n = (size_t)(c->height * c->width), k;
    int i;

    if (j->channels == 1) {
        for (k = 0; k < n; k++)
            out[k] = 0.299f * c->colour[0][k] + 0.587f * c->colour[1][k] +
                     0.114f * c->colour[2][k];
        return INN_OK;
    }
    if (j->channels != 3)
        return mix(out, c, j, err);
    for (i = 0; i < 3; i++) {
        for (k = 0; k < n; k++)
            out[(size_t)i * n + k] = c->colour[i][k];
    }
    return INN_OK;
}

static void draw_part(void *context, size_t part)
{
    const struct job *j = context;
    size_t n = (size_t)(j->height * j->width), k;
    struct inn_error *err = &j->errors[part];
    struct canvas c = {.height = j->height, .width = j->width};
    float *out = j->out + part * (size_t)j->channels * n, *memory;
    int64_t i;

    c.side = sqrt((double)j->height * (double)j->width);
    c.state = inn_random_start(j->seed, part);
    memory = inn_alloc_raw(j->heap, (INN_NOISE_FIELDS + 3) * n,
                           sizeof(*memory), err);
    if (memory == NULL)
        return;
    for (k = 0; k < INN_NOISE_FIELDS; k++)
        c.texture[k] = memory + k * n;
    for (k = 0; k < 3; k++)
        c.colour[k] = memory + (INN_NOISE_FIELDS + k) * n;
    err->status = draw(&c, j->heap, err);
    if (err->status == INN_OK)
        err->status = develop(out, &c, j, err);
    inn_free(j->heap, memory);
    for (i = 0; i < j->channels && err->status == INN_OK; i++) {
        double sum = 0.0, square = 0.0;

        for (k = 0; k < n; k++) {
            double v = (double)out[(size_t)i * n + k];

            sum += v;
            square += v * v;
        }
        j->sums[part * (size_t)j->channels + (size_t)i] = sum;
        j->squares[part * (size_t)j->channels + (size_t)i] = square;
    }
}

/*
 * Mean 0 over all pictures. Contrast stays as exposed for colours, whose
 * deviation is then about 1; mixes are brought there.
 */
static void standardise(const struct job *j, size_t count)
{
    size_t n = (size_t)(j->height * j->width), channels = (size_t)j->channels;
    size_t p, i, k;

    for (i = 0; i < channels; i++) {
        double mean = 0.0, square = 0.0, scale = 1.0;

        for (p = 0; p < count; p++) {
            mean += j->sums[p * channels + i];
            square += j->squares[p * channels + i];
        }
        mean /= (double)count * (double)n;
        square = square / ((double)count * (double)n) - mean * mean;
        if (channels != 1 && channels != 3 && square > 1e-12)
            scale = 1.0 / sqrt(square);
        for (p = 0; p < count; p++) {
            float *at = j->out + (p * channels + i) * n;

            for (k = 0; k < n; k++)
                at[k] = (float)(((double)at[k] - mean) * scale);
        }
    }
}

enum inn_status inn_draw_pictures(float *out, int64_t count, int64_t channels,
                                  int64_t height, int64_t width,
                                  uint64_t seed, int threads,
                                  struct inn_heap *heap,
                                  struct inn_error *err)
{
    const int64_t dims[5] = {count, channels, height, width,
                             (int64_t)sizeof(float)};
    struct job j = {out, channels, height, width, seed, heap, NULL, NULL,
                    NULL};
    enum inn_status st = INN_OK;
    size_t bytes, i;

    if (count < 1 || channels < 1 || height < 1 || width < 1 ||
        !inn_count_dims(&bytes, dims, 5))
        return inn_fail(err, INN_ERR_RANGE,
                        "%lld pictures of %lld x %lld x %lld can't be drawn",
                        (long long)count, (long long)channels,
                        (long long)height, (long long)width);
    j.errors = inn_alloc(heap, (size_t)count, sizeof(*j.errors), err);
    j.sums = inn_alloc(heap, (size_t)(count * channels),
                       2 * sizeof(*j.sums), err);
    if (j.errors == NULL || j.sums == NULL) {
        st = inn_refused(err);
        goto out;
    }
    j.squares = j.sums + count * channels;
    inn_parallel(threads, (size_t)count, draw_part, &j);
    for (i = 0; i < (size_t)count && st == INN_OK; i++) {
        if (j.errors[i].status != INN_OK)
            st = inn_fail(err, j.errors[i].status, "%s",
                          j.errors[i].message);
    }
    if (st == INN_OK)
        standardise(&j, (size_t)count);
out:
    inn_free(heap, j.sums);
    inn_free(heap, j.errors);
    return st;
}
