/* Sums in double, a channel's in the order of samples by one thread. */
#include "runtime/refit/standard.h"

#include <math.h>

#include "runtime/base/error.h"
#include "runtime/base/threads.h"

/* A channel whose scale is this share of the mean one was switched off. */
#define DEAD 0.01
/* Added to deviations: a channel without any has no gain. */
#define LEAST_DEVIATION 1e-6

bool inn_standard_known(const struct inn_bn_stats *stats)
{
    const float *variance = stats->variance.data;
    size_t i, n = inn_tensor_count(&stats->variance);

    for (i = 1; i < n; i++) {
        if (variance[i] > variance[0] || variance[i] < variance[0])
            return true;
    }
    return false;
}

/* v's values as [planes][inner], channels in turn. */
struct planes {
    float *data;
    size_t n, channels, inner;
};

static struct planes planes_of(const struct inn_interpreter *it, int v)
{
    const struct inn_tensor *one = inn_interpreter_shape(it, v);
    struct planes p = {.data = it->data[v],
                       .channels = (size_t)one->dims[1]};

    p.n = (size_t)one->dims[0] * it->samples * p.channels;
    p.inner = p.n == 0 ? 0 : inn_tensor_count(one) /
                             ((size_t)one->dims[0] * p.channels);
    return p;
}

struct measure {
    struct planes p;
    const struct inn_bn_stats *stats;
    double typical; /* mean |scale| */
    struct inn_standard *s;
};

static double sum_powers(const struct planes *p, size_t c, double about,
                         int power)
{
    double sum = 0.0;
    size_t i, k;

    for (i = c; i < p->n; i += p->channels) {
        for (k = 0; k < p->inner; k++) {
            double d = (double)p->data[i * p->inner + k] - about;

            sum += power == 1 ? d : d * d;
        }
    }
    return sum;
}

static void measure_channel(void *context, size_t c)
{
    const struct measure *m = context;
    const float *scale = m->stats->scale.data;
    const float *shift = m->stats->shift.data;
    double count = (double)(m->p.n / m->p.channels) * (double)m->p.inner;
    double mean = sum_powers(&m->p, c, 0.0, 1) / count;
    double deviation = sqrt(sum_powers(&m->p, c, mean, 2) / count);
    double want = fabs((double)scale[c]);
    double gain = want / (deviation + LEAST_DEVIATION);

    gain = gain < 1.0 / INN_STANDARD_MOST ? 1.0 / INN_STANDARD_MOST
           : gain > INN_STANDARD_MOST     ? INN_STANDARD_MOST : gain;
    m->s->gain[c] = want < DEAD * m->typical ? 1.0 : gain;
    m->s->offset[c] = (double)shift[c] - m->s->gain[c] * mean;
}

enum inn_status inn_standard_find(struct inn_standard *s,
                                  const struct inn_interpreter *it, int v,
                                  const struct inn_bn_stats *stats,
                                  struct inn_arena *arena,
                                  struct inn_error *err)
{
    const struct inn_tensor *one = inn_interpreter_shape(it, v);
    struct measure m = {.stats = stats, .s = s};
    size_t c;

    s->gain = s->offset = NULL;
    if (one == NULL || one->type != INN_F32 || one->rank < 2 ||
        one->bytes == 0 || it->data[v] == NULL ||
        inn_tensor_count(&stats->scale) != (size_t)one->dims[1] ||
        inn_tensor_count(&stats->shift) != (size_t)one->dims[1] ||
        !inn_standard_known(stats))
        return INN_OK;
    m.p = planes_of(it, v);
    s->gain = inn_arena_alloc(arena, m.p.channels, sizeof(double), err);
    s->offset = inn_arena_alloc(arena, m.p.channels, sizeof(double), err);
    if (s->gain == NULL || s->offset == NULL)
        return inn_refused(err);
    for (c = 0; c < m.p.channels; c++)
        m.typical += fabs((double)((const float *)stats->scale.data)[c]) /
                     (double)m.p.channels;
    inn_parallel(it->threads, m.p.channels, measure_channel, &m);
    return INN_OK;
}

struct change {
    struct planes p;
    const struct inn_standard *s;
    const int64_t *kept;
};

static void change_channel(void *context, size_t c)
{
    const struct change *h = context;
    size_t at = h->kept != NULL ? (size_t)h->kept[c] : c, i, k;
    double gain = h->s->gain[at], offset = h->s->offset[at];

    for (i = c; i < h->p.n; i += h->p.channels) {
        float *y = h->p.data + i * h->p.inner;

        for (k = 0; k < h->p.inner; k++)
            y[k] = (float)((double)y[k] * gain + offset);
    }
}

void inn_standard_apply(struct inn_interpreter *it, int v,
                        const struct inn_standard *s, const int64_t *kept)
{
    struct change h = {.p = planes_of(it, v), .s = s, .kept = kept};

    inn_parallel(it->threads, h.p.channels, change_channel, &h);
}
