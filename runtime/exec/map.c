/*
 * Element by element functions that oneDNN has not, or not on every layout.
 * Written so that compilers vectorise them, for AVX2 and for what the build
 * asks for; no sums and no fused steps, so the same bits everywhere.
 */
#include <stdint.h>
#include <string.h>

#include "runtime/base/port.h"
#include "runtime/base/threads.h"
#include "runtime/exec/exponential.h"
#include "runtime/exec/strided.h"

/* Elements of one part. */
#define PART ((size_t)16384)

/*
 * The rational approximation of Eigen's fast erf: within 4e-7 of the true one
 * (tests/unit/test_strided.c).
 */
INN_INLINE float fast_erf(float x)
{
    float z, p, q;

    x = x < -4.0f ? -4.0f : x;
    x = x > 4.0f ? 4.0f : x;
    z = x * x;
    p = -2.72614225801306e-10f;
    p = p * z + 2.77068142495902e-08f;
    p = p * z + -2.10102402082508e-06f;
    p = p * z + -5.69250639462346e-05f;
    p = p * z + -7.34990630326855e-04f;
    p = p * z + -2.95459980854025e-03f;
    p = p * z + -1.60960333262415e-02f;
    q = -1.45660718464996e-05f;
    q = q * z + -2.13374055278905e-04f;
    q = q * z + -1.68282697438203e-03f;
    q = q * z + -7.37332916720468e-03f;
    q = q * z + -1.42647390514189e-02f;
    return x * p / q;
}

/* Infinite from e^88.73 on. */
INN_INLINE float fast_exp(float x)
{
    float at = x < -104.0f ? -104.0f : x, p;
    int32_t k, half;

    at = at > 89.0f ? 89.0f : at;
    p = inn_exp_part(at, &k);
    /* 2^128 and 2^-150 are none of the powers, but products of two. */
    half = k / 2;
    return p * inn_exp_power(half) * inn_exp_power(k - half);
}

INN_INLINE void map_exp(float *out, const float *in, size_t n)
{
    size_t i;

#pragma omp simd
    for (i = 0; i < n; i++)
        out[i] = fast_exp(in[i]);
}

INN_INLINE void map_erf(float *out, const float *in, size_t n)
{
    size_t i;

#pragma omp simd
    for (i = 0; i < n; i++)
        out[i] = fast_erf(in[i]);
}

INN_INLINE void map_hard_sigmoid(float *out, const float *in, size_t n,
                                 float a, float b)
{
    size_t i;

#pragma omp simd
    for (i = 0; i < n; i++) {
        float x = a * in[i] + b;

        x = x < 0.0f ? 0.0f : x;
        out[i] = x > 1.0f ? 1.0f : x;
    }
}

/* scale and shift run along with the elements, or step is 0. */
INN_INLINE void map_affine(float *out, const float *in, size_t n,
                           const float *scale, const float *shift, bool relu)
{
    float least = relu ? 0.0f : -__builtin_inff();
    size_t i;

#pragma omp simd
    for (i = 0; i < n; i++) {
        float x = in[i] * scale[i] + shift[i];

        out[i] = x < least ? least : x;
    }
}

INN_INLINE void map_affine_one(float *out, const float *in, size_t n,
                               float scale, float shift, bool relu)
{
    float least = relu ? 0.0f : -__builtin_inff();
    size_t i;

#pragma omp simd
    for (i = 0; i < n; i++) {
        float x = in[i] * scale + shift;

        out[i] = x < least ? least : x;
    }
}

INN_INLINE void map_prelu(float *out, const float *in, size_t n,
                          const float *scale)
{
    size_t i;

#pragma omp simd
    for (i = 0; i < n; i++)
        out[i] = in[i] < 0.0f ? in[i] * scale[i] : in[i];
}

INN_INLINE void map_prelu_one(float *out, const float *in, size_t n,
                              float scale)
{
    size_t i;

#pragma omp simd
    for (i = 0; i < n; i++)
        out[i] = in[i] < 0.0f ? in[i] * scale : in[i];
}

struct job {
    const struct inn_map_step *m;
    float *out;
    const float *in;
    size_t count, rows; /* rows: of channels or inner elements, per part */
};

INN_INLINE void plain_elements(const struct job *job, size_t part)
{
    size_t at = part * PART, n = job->count - at;

    n = n < PART ? n : PART;
    if (job->m->kind == INN_MAP_ERF)
        map_erf(job->out + at, job->in + at, n);
    else if (job->m->kind == INN_MAP_EXP)
        map_exp(job->out + at, job->in + at, n);
    else
        map_hard_sigmoid(job->out + at, job->in + at, n, job->m->alpha,
                         job->m->beta);
}

/* Rows of one channel's neighbours, or of all channels of one position. */
INN_INLINE void rows_of_part(const struct job *job, size_t part)
{
    const struct inn_map_step *m = job->m;
    bool across = m->inner == 1, affine = m->kind == INN_MAP_AFFINE;
    size_t length = across ? m->channels : m->inner;
    size_t all = job->count / length, row = part * job->rows;
    size_t end = row + job->rows < all ? row + job->rows : all;

    for (; row < end; row++) {
        size_t at = row * length, c = across ? 0 : row % m->channels;

        if (across && affine)
            map_affine(job->out + at, job->in + at, length, m->scale,
                       m->shift, m->relu);
        else if (affine)
            map_affine_one(job->out + at, job->in + at, length, m->scale[c],
                           m->shift[c], m->relu);
        else if (across)
            map_prelu(job->out + at, job->in + at, length, m->scale);
        else
            map_prelu_one(job->out + at, job->in + at, length, m->scale[c]);
    }
}

INN_INLINE void any_part(const struct job *job, size_t part)
{
    if (job->m->scale == NULL)
        plain_elements(job, part);
    else
        rows_of_part(job, part);
}

INN_DEFINE_PART(map_part, any_part)

void inn_map_run(const struct inn_map_step *m, float *out, const float *in,
                 int threads)
{
    struct job job = {m, out, in, m->outer * m->channels * m->inner, 1};
    size_t length = m->inner == 1 ? m->channels : m->inner, parts;

    if (job.count == 0)
        return;
    if (m->scale == NULL) {
        parts = (job.count + PART - 1) / PART;
    } else {
        job.rows = length < PART ? PART / length : 1;
        parts = (job.count / length + job.rows - 1) / job.rows;
    }
    inn_parallel(threads, parts, map_part, &job);
}
