/*
 * InstanceNormalization and Softmax on values as they lie: sets of elements
 * that are rows in memory, or columns, which go in blocks of neighbours.
 * Compiled for AVX2 and for what the build asks for, with the same bits.
 */
#include <math.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/base/port.h"
#include "runtime/base/threads.h"
#include "runtime/exec/exponential.h"
#include "runtime/exec/strided.h"
#include "runtime/exec/sums.h"

/* Elements that are worth a thread's start. */
#define PART ((size_t)16384)

/* x[outer][n][kept]: sets are columns; x[outer kept][n]: rows. */
struct sets {
    size_t outer, n, kept;
    bool rows, softmax;
    size_t blocks, per_part; /* of columns; blocks that a part takes */
    size_t channels;         /* norm: sets of a picture */
    double epsilon;
};

struct job {
    const struct sets *s;
    float *out;
    const float *in, *scale, *bias;
};

static bool find_sets(struct sets *s, const struct inn_turns *t)
{
    if (t->before != 1 && t->after != 1)
        return false;
    s->rows = t->after != 1;
    s->outer = t->outer;
    s->n = t->before * t->after;
    s->kept = t->kept;
    s->blocks = s->rows ? t->kept
                        : (t->kept + INN_COLUMNS - 1) / INN_COLUMNS;
    s->per_part = s->n * (s->rows ? 1 : INN_COLUMNS);
    s->per_part = s->per_part < PART ? PART / s->per_part : 1;
    return true;
}

INN_INLINE void norm_row(const struct job *job, size_t at, size_t set)
{
    size_t size = job->s->n, c = set % job->s->channels, i;
    const float *x = job->in + at;
    float *y = job->out + at;
    double scale = job->scale[c], bias = job->bias[c], mean, inverse;

    mean = inn_sum_row(x, size, INN_TERM_VALUE, 0.0) / (double)size;
    inverse = inn_sum_row(x, size, INN_TERM_SPREAD, mean) / (double)size;
    inverse = 1 / sqrt(inverse + job->s->epsilon);
#pragma omp simd
    for (i = 0; i < size; i++)
        y[i] = (float)(((double)x[i] - mean) * inverse * scale + bias);
}

INN_INLINE void norm_columns(const struct job *job, size_t at, size_t set,
                             size_t n)
{
    double mean[INN_COLUMNS] = {0}, inverse[INN_COLUMNS] = {0};
    double scale[INN_COLUMNS], bias[INN_COLUMNS], size = (double)job->s->n;
    size_t stride = job->s->kept, c, i;
    const float *x = job->in + at;
    float *y = job->out + at;

    inn_sum_columns(mean, x, job->s->n, stride, n, INN_TERM_VALUE, NULL);
    for (c = 0; c < n; c++)
        mean[c] /= size;
    inn_sum_columns(inverse, x, job->s->n, stride, n, INN_TERM_SPREAD, mean);
    for (c = 0; c < n; c++) {
        inverse[c] = 1 / sqrt(inverse[c] / size + job->s->epsilon);
        scale[c] = job->scale[(set + c) % job->s->channels];
        bias[c] = job->bias[(set + c) % job->s->channels];
    }
    for (i = 0; i < job->s->n; i++, x += stride, y += stride) {
#pragma omp simd
        for (c = 0; c < n; c++)
            y[c] = (float)(((double)x[c] - mean[c]) * inverse[c] * scale[c] +
                           bias[c]);
    }
}

/*
 * e^x for x <= 0; what has no normal float is 0. It isn't asked a second time
 * whether x was cut: compilers would then work on x itself, and the least of
 * a mask, -infinity, would raise what NaN does (workers.h).
 */
INN_INLINE float exp_below(float x)
{
    int32_t k;
    float p = inn_exp_part(x < -100.0f ? -100.0f : x, &k);

    return p * inn_exp_power(k < -127 ? -127 : k);
}

INN_INLINE void softmax_row(const struct job *job, size_t at)
{
    const float *x = job->in + at;
    float *y = job->out + at, lane[INN_COLUMNS], most = -INFINITY;
    float share;
    size_t size = job->s->n, i, k;

    for (k = 0; k < INN_COLUMNS; k++)
        lane[k] = most;
    for (i = 0; i + INN_COLUMNS <= size; i += INN_COLUMNS) {
#pragma omp simd
        for (k = 0; k < INN_COLUMNS; k++)
            lane[k] = x[i + k] > lane[k] ? x[i + k] : lane[k];
    }
    for (; i < size; i++)
        most = x[i] > most ? x[i] : most;
    for (k = 0; k < INN_COLUMNS; k++)
        most = lane[k] > most ? lane[k] : most;
#pragma omp simd
    for (i = 0; i < size; i++)
        y[i] = exp_below(x[i] - most);
    share = (float)(1 / inn_sum_row(y, size, INN_TERM_VALUE, 0.0));
#pragma omp simd
    for (i = 0; i < size; i++)
        y[i] *= share;
}

INN_INLINE void softmax_columns(const struct job *job, size_t at, size_t n)
{
    float most[INN_COLUMNS], share[INN_COLUMNS];
    double sum[INN_COLUMNS] = {0};
    size_t stride = job->s->kept, size = job->s->n, c, i;
    const float *x = job->in + at;
    float *y = job->out + at;

    for (c = 0; c < INN_COLUMNS; c++)
        most[c] = -INFINITY;
    for (i = 0; i < size; i++) {
#pragma omp simd
        for (c = 0; c < n; c++)
            most[c] = x[i * stride + c] > most[c] ? x[i * stride + c]
                                                  : most[c];
    }
    for (i = 0; i < size; i++) {
#pragma omp simd
        for (c = 0; c < n; c++)
            y[i * stride + c] = exp_below(x[i * stride + c] - most[c]);
    }
    inn_sum_columns(sum, y, size, stride, n, INN_TERM_VALUE, NULL);
    for (c = 0; c < n; c++)
        share[c] = (float)(1 / sum[c]);
    for (i = 0; i < size; i++) {
#pragma omp simd
        for (c = 0; c < n; c++)
            y[i * stride + c] *= share[c];
    }
}

/* Sets of one row, or of up to INN_COLUMNS columns. */
INN_INLINE void any_part(const struct job *job, size_t part)
{
    const struct sets *s = job->s;
    size_t all = s->outer * s->blocks, i = part * s->per_part;
    size_t end = i + s->per_part < all ? i + s->per_part : all;

    for (; i < end; i++) {
        size_t o = i / s->blocks, c = i % s->blocks * INN_COLUMNS;
        size_t at = s->rows ? i * s->n : o * s->n * s->kept + c;
        size_t n = s->kept - c < INN_COLUMNS ? s->kept - c : INN_COLUMNS;

        if (s->rows && s->softmax)
            softmax_row(job, at);
        else if (s->rows)
            norm_row(job, at, i);
        else if (s->softmax)
            softmax_columns(job, at, n);
        else
            norm_columns(job, at, o * s->kept + c, n);
    }
}

INN_DEFINE_PART(sets_part, any_part)

static void run_sets(struct inn_schedule *schedule,
                     const struct inn_step *step)
{
    const struct sets *s = step->state;
    struct job job = {s, schedule->slots[step->out[0]].tensor.data,
                      schedule->slots[step->in[0]].tensor.data, NULL, NULL};

    if (!s->softmax) {
        job.scale = schedule->slots[step->in[1]].tensor.data;
        job.bias = schedule->slots[step->in[2]].tensor.data;
    }
    inn_parallel(schedule->threads,
                 (s->outer * s->blocks + s->per_part - 1) / s->per_part,
                 sets_part, &job);
}

/* Leaves *done alone where the sets are neither rows nor columns. */
static enum inn_status build_sets(struct inn_builder *b, int w,
                                  struct sets *s, const bool *together,
                                  bool *done, struct inn_error *err)
{
    const struct inn_node *node = b->work[w].node;
    struct inn_order order;
    struct inn_turns turns;
    enum inn_status st;
    int x, y, index, vectors[2] = {-1, -1}, i;

    st = inn_build_ordered(b, &x, node->inputs[0], &order, err);
    if (st != INN_OK)
        return st;
    if (!inn_turns_find(&turns, &order, &b->s->slots[x].tensor, together) ||
        !find_sets(s, &turns))
        return INN_OK;
    for (i = 0; i < 2 && !s->softmax && st == INN_OK; i++)
        st = inn_build_plain(b, &vectors[i], node->inputs[1 + i], INN_F32,
                             err);
    if (st == INN_OK)
        st = inn_build_same(b, &y, x, node->outputs[0], err);
    if (st == INN_OK)
        st = inn_build_own(b, &index, w, x, y, run_sets, s, err);
    if (st != INN_OK)
        return st;
    b->s->steps[index].impl = s->softmax ? "softmax" : "norm";
    for (i = 0; i < 2 && !s->softmax; i++)
        b->s->steps[index].in[1 + i] = vectors[i];
    *done = true;
    return INN_OK;
}

enum inn_status inn_build_norm(struct inn_builder *b, int w, bool *done,
                               struct inn_error *err)
{
    const struct inn_work *work = &b->work[w];
    const struct inn_tensor *t =
        inn_shapes_get(&b->s->shapes, work->node->inputs[0]);
    bool together[INN_MAX_RANK] = {false};
    struct sets *s = inn_arena_alloc(&b->s->arena, 1, sizeof(*s), err);
    int i;

    if (s == NULL)
        return inn_refused(err);
    s->channels = (size_t)t->dims[1];
    s->epsilon = work->prim->u.epsilon;
    for (i = 2; i < t->rank; i++)
        together[i] = true;
    return build_sets(b, w, s, together, done, err);
}

enum inn_status inn_build_softmax(struct inn_builder *b, int w, bool *done,
                                  struct inn_error *err)
{
    struct sets *s = inn_arena_alloc(&b->s->arena, 1, sizeof(*s), err);

    if (s == NULL)
        return inn_refused(err);
    s->softmax = true;
    return build_sets(b, w, s, b->work[w].prim->u.together, done, err);
}
