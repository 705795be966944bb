/*
 * The kernel of Resize and Upsample in any number of dimensions: an output is
 * a sum over the taps of every axis, the weights of the last axis being made
 * once for a tile of columns and used for all rows of a part.
 *
 * Positions are computed in float by the expressions of ONNX Runtime: which
 * neighbour is nearest hangs on their last bit. Sums are in double.
 */
#include <math.h>
#include <string.h>

#include "runtime/base/threads.h"
#include "runtime/ops/common.h"
#include "runtime/ops/image_resize.h"
#include "runtime/ops/rows.h"

/* Columns that are summed side by side, and taps of all of them. */
#define TILE 256
#define TAPS 2048
/* Elements that are worth a thread's start. */
#define PART_ELEMENTS 32768

/* The taps of one position on one axis: elements first to first + n − 1. */
struct taps {
    int64_t first, n;
    double at;    /* the position between elements */
    double scale; /* of the filter's argument; below 1 it is widened */
    double sum;   /* what its weights are divided by */
    bool outside; /* of what tf_crop_and_resize may look at */
};

struct zooming {
    const struct inn_zoom *z;
    const struct inn_tensor *x;
    struct inn_tensor *y;
    size_t size; /* of an element */
    int64_t rows, rows_per_part, columns; /* columns of a tile */
    int64_t steps[INN_MAX_RANK];          /* of the input, in elements */
};

/* The last axis of a tile, column by column. */
struct columns {
    int64_t first, n;
    int taps[TILE]; /* of each column */
    bool outside[TILE];
    int64_t at[TAPS]; /* in the input's row */
    double weight[TAPS];
};

static float position(const struct inn_zoom *z, const struct inn_zoom_axis *a,
                      int64_t index)
{
    float i = (float)index, in = (float)a->in, out = (float)a->out;

    switch (z->coordinates) {
    case INN_ZOOM_HALF_PIXEL:
        return (i + 0.5f) / a->scale - 0.5f;
    case INN_ZOOM_PYTORCH_HALF_PIXEL:
        return a->out > 1 ? (i + 0.5f) / a->scale - 0.5f : 0.0f;
    case INN_ZOOM_ALIGN_CORNERS:
        return a->out > 1 ? i * (in - 1) / (out - 1) : 0.0f;
    case INN_ZOOM_ASYMMETRIC:
        return i / a->scale;
    case INN_ZOOM_TF_CROP_AND_RESIZE:
        return a->out > 1 ? a->start * (in - 1) +
                                i * (a->end - a->start) * (in - 1) / (out - 1)
                          : 0.5f * (a->start + a->end) * (in - 1);
    case INN_ZOOM_TF_HALF_PIXEL_FOR_NN:
        return (i + 0.5f) / a->scale;
    case INN_ZOOM_HALF_PIXEL_SYMMETRIC:
        return in / 2 * (1 - out / (a->scale * in)) +
               (i + 0.5f) / a->scale - 0.5f;
    }
    return 0.0f;
}

/* x as an index of the axis: in range, whatever x is. */
static int64_t clamp(float x, int64_t in)
{
    if (!(x > 0))
        return 0;
    return x >= (float)(in - 1) ? in - 1 : (int64_t)x;
}

static int64_t nearest(const struct inn_zoom *z,
                       const struct inn_zoom_axis *a, float x)
{
    switch (z->round) {
    case INN_ZOOM_ROUND_PREFER_FLOOR:
        x = x == floorf(x) + 0.5f ? floorf(x) : roundf(x);
        break;
    case INN_ZOOM_ROUND_PREFER_CEIL:
        x = roundf(x);
        break;
    case INN_ZOOM_FLOOR:
        x = floorf(x);
        break;
    case INN_ZOOM_CEIL:
        x = ceilf(x);
        break;
    case INN_ZOOM_SIMPLE:
        x = a->scale < 1 ? ceilf(x) : floorf(x);
        break;
    }
    return clamp(x, a->in);
}

/*
 * Linear: the triangle. Cubic: Keys' kernel with coefficient a ("Cubic
 * convolution interpolation for digital image processing", 1981, eq. 4).
 */
static double filter(const struct inn_zoom *z, double t)
{
    double a = z->cubic_a;

    t = fabs(t);
    if (z->mode == INN_ZOOM_LINEAR)
        return t < 1 ? 1 - t : 0;
    if (t <= 1)
        return ((a + 2) * t - (a + 3)) * t * t + 1;
    return t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : 0;
}

/* The weight of tap k before it is divided by the sum. */
static double raw_weight(const struct inn_zoom *z,
                         const struct inn_zoom_axis *a, const struct taps *t,
                         int64_t k)
{
    int64_t i = t->first + k;

    if (t->n == 1)
        return 1;
    if (z->exclude_outside && (i < 0 || i >= a->in))
        return 0;
    return filter(z, ((double)i - t->at) * t->scale);
}

static double weight(const struct inn_zoom *z, const struct inn_zoom_axis *a,
                     const struct taps *t, int64_t k)
{
    return raw_weight(z, a, t, k) / t->sum;
}

static void find_taps(const struct inn_zoom *z, const struct inn_zoom_axis *a,
                      int64_t index, struct taps *t)
{
    double reach = z->mode == INN_ZOOM_CUBIC ? 2 : 1, sum = 0, margin;
    bool wide = z->antialias && a->scale < 1;
    float x;
    int64_t k;

    memset(t, 0, sizeof(*t));
    t->first = index;
    t->n = 1;
    t->sum = t->scale = 1;
    if (a->same)
        return;
    x = position(z, a, index);
    t->outside = z->coordinates == INN_ZOOM_TF_CROP_AND_RESIZE &&
                 (x < 0 || x > (float)(a->in - 1));
    if (z->mode == INN_ZOOM_NEAREST) {
        t->first = nearest(z, a, x);
        return;
    }
    if (wide) {
        t->scale = (double)a->scale;
        reach /= t->scale;
    }
    /*
     * Beyond the edges all taps are the edge's: linear weights may as well be
     * found there, and no position is too far for an integer.
     */
    margin = !wide && z->mode == INN_ZOOM_LINEAR ? 0 : 2 * reach + 8;
    t->at = fmin(fmax((double)x, -margin), (double)(a->in - 1) + margin);
    t->first = (int64_t)floor(t->at - reach) + 1;
    t->n = (int64_t)ceil(t->at + reach) - t->first;
    if (!wide && !z->exclude_outside)
        return;
    for (k = 0; k < t->n; k++)
        sum += raw_weight(z, a, t, k);
    t->sum = sum != 0 ? sum : 1;
}

static int64_t inside(int64_t i, int64_t in)
{
    return i < 0 ? 0 : i >= in ? in - 1 : i;
}

/* More taps than any position of the axis has. */
static double most_taps(const struct inn_zoom *z,
                        const struct inn_zoom_axis *a)
{
    double reach = z->mode == INN_ZOOM_CUBIC ? 2 : 1;

    if (a->same || z->mode == INN_ZOOM_NEAREST)
        return 1;
    if (z->antialias && a->scale < 1)
        reach /= (double)a->scale;
    return 2 * reach + 2;
}

static void make_columns(const struct zooming *g, struct columns *c)
{
    const struct inn_zoom *z = g->z;
    const struct inn_zoom_axis *a = &z->axis[z->rank - 1];
    int n = 0;
    int64_t i, k;

    for (i = 0; i < c->n; i++) {
        struct taps t;

        find_taps(z, a, c->first + i, &t);
        c->taps[i] = (int)t.n;
        c->outside[i] = t.outside;
        for (k = 0; k < t.n; k++, n++) {
            c->at[n] = inside(t.first + k, a->in);
            c->weight[n] = weight(z, a, &t, k);
        }
    }
}

/* Adds scale times the columns' sums over the input's row that starts at. */
static void add_row(const struct zooming *g, const struct columns *c,
                    double *sums, size_t start, double scale)
{
    const float *row = (const float *)g->x->data + start;
    int64_t i;
    int k, n = 0;

    for (i = 0; i < c->n; i++) {
        double sum = 0;

        if (g->x->type == INN_F32) {
            for (k = 0; k < c->taps[i]; k++, n++)
                sum += c->weight[n] * (double)row[c->at[n]];
        } else {
            for (k = 0; k < c->taps[i]; k++, n++)
                sum += c->weight[n] *
                       inn_element_get(g->x->type, g->x->data,
                                       start + (size_t)c->at[n]);
        }
        sums[i] += scale * sum;
    }
}

static void store(const struct zooming *g, size_t at, double value)
{
    if (g->y->type == INN_F32)
        ((float *)g->y->data)[at] = (float)value;
    else
        inn_element_set(g->y->type, g->y->data, at, value);
}

static void copy_columns(const struct zooming *g, const struct columns *c,
                         size_t to, size_t from)
{
    char *y = (char *)g->y->data + to * g->size;
    const char *x = (const char *)g->x->data + from * g->size;
    int64_t i;

    if (g->size == 4) {
        for (i = 0; i < c->n; i++)
            memcpy(y + 4 * i, x + 4 * c->at[i], 4);
        return;
    }
    for (i = 0; i < c->n; i++)
        memcpy(y + (size_t)i * g->size, x + (size_t)c->at[i] * g->size,
               g->size);
}

/* The tile's columns of one row of the output. */
static void zoom_row(const struct zooming *g, const struct columns *c,
                     int64_t row)
{
    const struct inn_zoom *z = g->z;
    struct taps t[INN_MAX_RANK];
    int64_t k[INN_MAX_RANK] = {0}, rest = row, i;
    size_t to = (size_t)row * (size_t)z->axis[z->rank - 1].out +
                (size_t)c->first;
    double sums[TILE] = {0};
    bool outside = false;
    int d, last = z->rank - 1;

    for (d = last - 1; d >= 0; d--) {
        find_taps(z, &z->axis[d], rest % z->axis[d].out, &t[d]);
        rest /= z->axis[d].out;
        outside = outside || t[d].outside;
    }
    /* An odometer over the taps of all axes but the last. */
    do {
        size_t from = 0;
        double w = 1;

        for (d = 0; d < last; d++) {
            from += (size_t)(inside(t[d].first + k[d], z->axis[d].in) *
                             g->steps[d]);
            w *= weight(z, &z->axis[d], &t[d], k[d]);
        }
        if (z->mode == INN_ZOOM_NEAREST)
            copy_columns(g, c, to, from);
        else
            add_row(g, c, sums, from, w);
        for (d = last - 1; d >= 0 && ++k[d] == t[d].n; d--)
            k[d] = 0;
    } while (d >= 0);
    for (i = 0; i < c->n; i++) {
        if (outside || c->outside[i])
            store(g, to + (size_t)i, z->extrapolation);
        else if (z->mode != INN_ZOOM_NEAREST)
            store(g, to + (size_t)i, sums[i]);
    }
}

static void zoom_part(void *context, size_t part)
{
    const struct zooming *g = context;
    int64_t from = (int64_t)part * g->rows_per_part, to, row, all;
    struct columns c;

    to = g->rows - from < g->rows_per_part ? g->rows
                                           : from + g->rows_per_part;
    all = g->z->axis[g->z->rank - 1].out;
    for (c.first = 0; c.first < all; c.first += g->columns) {
        c.n = all - c.first < g->columns ? all - c.first : g->columns;
        make_columns(g, &c);
        for (row = from; row < to; row++)
            zoom_row(g, &c, row);
    }
}

enum inn_status inn_run_image_resize(struct inn_run *c)
{
    struct inn_args a = INN_ARGS(c);
    struct zooming g;
    struct inn_zoom z;
    double taps;
    int i;
    enum inn_status st = inn_zoom_read(&z, &a);

    if (st != INN_OK || !inn_run_wants(c, 0) || c->out[0].bytes == 0)
        return st;
    g.z = &z;
    g.x = c->in[0];
    g.y = &c->out[0];
    g.size = inn_type_size(g.x->type);
    if (z.rank == 0) {
        memcpy(g.y->data, g.x->data, g.size);
        return INN_OK;
    }
    /* What is known only now must be what the output was made for. */
    for (i = 0; i < z.rank; i++) {
        if (!z.known || z.axis[i].out != g.y->dims[i])
            return inn_args_fail(&a, INN_ERR_RANGE,
                                 "axis %d becomes %lld long, %lld were "
                                 "planned", i, (long long)z.axis[i].out,
                                 (long long)g.y->dims[i]);
    }
    taps = most_taps(&z, &z.axis[z.rank - 1]);
    if (taps > TAPS)
        return inn_args_fail(&a, INN_ERR_UNSUPPORTED,
                             "antialias over %.0f elements; %d are the most",
                             taps, TAPS);
    g.columns = TAPS / (int64_t)taps < TILE ? TAPS / (int64_t)taps : TILE;
    g.rows = 1;
    for (i = z.rank - 1; i >= 0; i--) {
        g.steps[i] = i == z.rank - 1 ? 1
                                     : g.steps[i + 1] * z.axis[i + 1].in;
        if (i < z.rank - 1)
            g.rows *= z.axis[i].out;
    }
    g.rows_per_part = PART_ELEMENTS / z.axis[z.rank - 1].out + 1;
    inn_parallel(c->threads,
                 (size_t)((g.rows + g.rows_per_part - 1) / g.rows_per_part),
                 zoom_part, &g);
    return INN_OK;
}

/* Taps of one position, and positions, that are worth a table. */
#define TABLE_TAPS 16
#define TABLE_POSITIONS ((int64_t)1 << 20)

static bool lower_line(const struct inn_infer *c, const struct inn_zoom *z,
                       int axis, struct inn_zoom_line *line)
{
    const struct inn_zoom_axis *a = &z->axis[axis];
    float *weights = NULL;
    int32_t *at;
    int64_t i, k;

    if (a->out > TABLE_POSITIONS || a->in > INT32_MAX)
        return false;
    line->axis = axis;
    line->in = a->in;
    line->out = a->out;
    line->taps = 1;
    for (i = 0; i < a->out; i++) {
        struct taps t;

        find_taps(z, a, i, &t);
        line->taps = t.n > line->taps ? t.n : line->taps;
    }
    if (line->taps > TABLE_TAPS)
        return false;
    at = inn_arena_alloc(c->arena, (size_t)(a->out * line->taps), sizeof(*at),
                         c->err);
    if (at != NULL && z->mode != INN_ZOOM_NEAREST)
        weights = inn_arena_alloc(c->arena, (size_t)(a->out * line->taps),
                                  sizeof(*weights), c->err);
    if (at == NULL || (weights == NULL && z->mode != INN_ZOOM_NEAREST))
        return false;
    for (i = 0; i < a->out; i++) {
        struct taps t;

        find_taps(z, a, i, &t);
        for (k = 0; k < line->taps; k++) {
            int64_t from = t.first + (k < t.n ? k : 0);

            at[i * line->taps + k] = (int32_t)inside(from, a->in);
            if (weights != NULL)
                weights[i * line->taps + k] =
                    k < t.n ? (float)weight(z, a, &t, k) : 0.0f;
        }
    }
    line->at = at;
    line->weight = weights;
    return true;
}

/* One axis or two, by taps and weights that are found here, once. */
bool inn_lower_image_resize(const struct inn_infer *c, struct inn_prim *prim)
{
    struct inn_args a = INN_ARGS(c);
    struct inn_zoom z;
    int i;

    if (inn_zoom_read(&z, &a) != INN_OK || !z.known ||
        z.coordinates == INN_ZOOM_TF_CROP_AND_RESIZE ||
        inn_tensor_count(&c->out[0]) == 0)
        return false;
    prim->kind = INN_PRIM_ZOOM;
    prim->u.zoom.n = 0;
    for (i = 0; i < z.rank; i++) {
        if (z.axis[i].out != c->out[0].dims[i])
            return false;
        if (z.axis[i].same)
            continue;
        if (prim->u.zoom.n == 2 ||
            !lower_line(c, &z, i, &prim->u.zoom.lines[prim->u.zoom.n]))
            return false;
        prim->u.zoom.n++;
    }
    return prim->u.zoom.n != 0;
}
