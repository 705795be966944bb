/*
 * What channels are like, carried from layer to layer so that batch
 * normalization gets the statistics that training would have seen: those of
 * seeded weights on pictures of independent normal pixels. Sums over a
 * convolution's inputs are normal, so mean and variance say all of them; what
 * pointwise layers make of that is followed on a few draws per channel.
 * Correlations between channels and positions are left out; with weights of
 * random sign they cancel but for a fraction.
 */
#include <math.h>

#include "models/build.h"

#define DRAWS 256

struct inn_stats *inn_stats_new(struct inn_builder *b, int value)
{
    const struct inn_value *v = &b->graph->values[value];
    struct inn_stats *m;
    size_t n = (size_t)v->dims[1].size;

    if (b->status != INN_OK)
        return NULL;
    if (value >= b->cap_moments) {
        const int cap = 2 * value + 64;
        struct inn_stats *grown =
            inn_realloc(b->heap, b->moments, (size_t)cap,
                        sizeof(*grown), b->err);
        int i;

        if (grown == NULL) {
            b->status = b->err->status;
            return NULL;
        }
        for (i = b->cap_moments; i < cap; i++)
            grown[i] = (struct inn_stats){NULL, NULL, NULL};
        b->moments = grown;
        b->cap_moments = cap;
    }
    m = &b->moments[value];
    m->mean = inn_arena_alloc(&b->graph->arena, n, sizeof(double), b->err);
    m->var = inn_arena_alloc(&b->graph->arena, n, sizeof(double), b->err);
    if (m->mean == NULL || m->var == NULL) {
        b->status = b->err->status;
        return NULL;
    }
    return m;
}

/* The moments of value if they are followed; a copy, since b's array moves. */
static bool known(const struct inn_builder *b, int value,
                  struct inn_stats *m)
{
    if (b->status != INN_OK || value < 0 || value >= b->cap_moments)
        return false;
    *m = b->moments[value];
    return m->mean != NULL;
}

/* The same with draws, for pointwise layers. */
static bool drawn(const struct inn_builder *b, int value,
                  struct inn_stats *m)
{
    return known(b, value, m) && m->draws != NULL;
}

/* New moments with room for draws. */
static struct inn_stats *new_draws(struct inn_builder *b, int value)
{
    struct inn_stats *m = inn_stats_new(b, value);

    if (m == NULL)
        return NULL;
    m->draws = inn_arena_alloc(
        &b->graph->arena,
        (size_t)b->graph->values[value].dims[1].size * DRAWS, sizeof(float),
        b->err);
    if (m->draws == NULL)
        b->status = b->err->status;
    return m->draws != NULL ? m : NULL;
}

static void measure(const float *draws, double *mean, double *var)
{
    double sum = 0, squares = 0;
    int i;

    for (i = 0; i < DRAWS; i++)
        sum += draws[i];
    *mean = sum / DRAWS;
    for (i = 0; i < DRAWS; i++)
        squares += (draws[i] - *mean) * (draws[i] - *mean);
    *var = squares / DRAWS;
}

static void measure_all(struct inn_builder *b, int value)
{
    const struct inn_stats *m = &b->moments[value];
    const int64_t n = b->graph->values[value].dims[1].size;
    int64_t c;

    for (c = 0; c < n; c++)
        measure(m->draws + c * DRAWS, &m->mean[c], &m->var[c]);
}

/* Which part of a kernel's extent meets the picture at output position o. */
static void visible(int64_t o, const struct inn_conv *conv, int64_t size,
                    int *from, int *to)
{
    const int64_t first = o * conv->stride - conv->pad;

    *from = first < 0 ? (int)-first : 0;
    *to = first + conv->kernel > size ? (int)(size - first) : conv->kernel;
}

/*
 * Over positions p, each of which sees some of the taps t:
 *     μ' = mean over p of A(p) + b        A(p) = Σ_t Σ_i w_ti μ_i
 *     v' = mean of S(p) + variance of A   S(p) = Σ_t Σ_i w_ti² v_i
 * On maps of a few pixels the padding is most of it.
 */
static void over_positions(const double *a, const double *s,
                           const struct inn_conv *conv,
                           const struct inn_dim *in,
                           const struct inn_dim *out, double *mean,
                           double *var)
{
    const double n = (double)(out[2].size * out[3].size);
    double sum = 0, squares = 0, spread = 0, at;
    int64_t y, x;
    int y0, y1, x0, x1, i, j;

    for (y = 0; y < out[2].size; y++) {
        visible(y, conv, in[2].size, &y0, &y1);
        for (x = 0; x < out[3].size; x++) {
            visible(x, conv, in[3].size, &x0, &x1);
            at = 0;
            for (i = y0; i < y1; i++) {
                for (j = x0; j < x1; j++) {
                    at += a[i * conv->kernel + j];
                    spread += s[i * conv->kernel + j];
                }
            }
            sum += at;
            squares += at * at;
        }
    }
    *mean = sum / n;
    *var = (spread + squares) / n - *mean * *mean;
}

void inn_stats_conv(struct inn_builder *b, int y, int x,
                    const struct inn_conv *conv, const float *weights,
                    const float *bias)
{
    enum { MOST_TAPS = 121 };
    const int taps = conv->kernel * conv->kernel;
    const struct inn_dim *in, *out;
    struct inn_stats from, *to;
    double a[MOST_TAPS], s[MOST_TAPS], mean, var;
    int64_t o, i;
    int t;

    if (!known(b, x, &from) || taps > MOST_TAPS)
        return;
    in = b->graph->values[x].dims;
    out = b->graph->values[y].dims;
    to = out[2].size > 0 && out[3].size > 0 ? inn_stats_new(b, y) : NULL;
    if (to == NULL)
        return;
    for (o = 0; o < conv->out; o++) {
        for (t = 0; t < taps; t++)
            a[t] = s[t] = 0;
        for (i = 0; i < in[1].size; i++) {
            mean = from.mean[i];
            var = from.var[i];
            for (t = 0; t < taps; t++) {
                const double w = *weights++;

                a[t] += w * mean;
                s[t] += w * w * var;
            }
        }
        over_positions(a, s, conv, in, out, &to->mean[o], &to->var[o]);
        if (bias != NULL)
            to->mean[o] += bias[o];
    }
}

/* Normal draws, moved so that their mean and variance are just right. */
void inn_stats_batch_norm(struct inn_builder *b, int y, const float *scale,
                          const float *shift)
{
    struct inn_stats *to = new_draws(b, y);
    const int64_t n = b->graph->values[y].dims[1].size;
    double mean, var;
    int64_t c;
    int i;

    if (to == NULL)
        return;
    inn_seeded_normal(to->draws, (size_t)n * DRAWS, b->seed,
                      b->graph->values[y].name, 0, 1);
    for (c = 0; c < n; c++) {
        float *draws = to->draws + c * DRAWS;

        measure(draws, &mean, &var);
        for (i = 0; i < DRAWS; i++)
            draws[i] = (float)(shift[c] +
                               scale[c] * (draws[i] - mean) / sqrt(var));
    }
    measure_all(b, y);
}

void inn_stats_relu(struct inn_builder *b, int y, int x)
{
    const size_t n = (size_t)b->graph->values[y].dims[1].size * DRAWS;
    struct inn_stats from, *to;
    size_t i;

    if (!drawn(b, x, &from))
        return;
    to = new_draws(b, y);
    for (i = 0; to != NULL && i < n; i++)
        to->draws[i] = from.draws[i] > 0 ? from.draws[i] : 0;
    if (to != NULL)
        measure_all(b, y);
}

void inn_stats_add(struct inn_builder *b, int sum, int x, int y)
{
    const size_t n = (size_t)b->graph->values[sum].dims[1].size * DRAWS;
    struct inn_stats mx, my, *to;
    size_t i;

    if (!drawn(b, x, &mx) || !drawn(b, y, &my))
        return;
    to = new_draws(b, sum);
    for (i = 0; to != NULL && i < n; i++)
        to->draws[i] = mx.draws[i] + my.draws[i];
    if (to != NULL)
        measure_all(b, sum);
}

/* The largest of so many draws; neighbours are taken to be independent. */
void inn_stats_max_pool(struct inn_builder *b, int y, int x, int kernel)
{
    const int64_t n = b->graph->values[y].dims[1].size;
    struct inn_stats from, *to;
    int64_t c;
    int i, k;

    if (!drawn(b, x, &from))
        return;
    to = new_draws(b, y);
    for (c = 0; to != NULL && c < n; c++) {
        const float *in = from.draws + c * DRAWS;
        float *out = to->draws + c * DRAWS;

        for (i = 0; i < DRAWS; i++) {
            out[i] = in[i];
            for (k = 1; k < kernel * kernel; k++)
                out[i] = fmaxf(out[i], in[(i + 5 * k) % DRAWS]);
        }
    }
    if (to != NULL)
        measure_all(b, y);
}
