/*
 * Moving boxes of f32 between two orders of axes. Loops are sorted by how far
 * they step in the output and joined where they continue each other, so that
 * what is left inside is a run of neighbours, or a transposition in tiles.
 */
#include <string.h>

#include "runtime/base/threads.h"
#include "runtime/exec/strided.h"

#ifdef __SSE__
#include <xmmintrin.h>
#endif

/* Elements that one part moves at least. */
#define PART ((int64_t)16384)
/* Side of a transposition's tile: 2 x 16 cache lines at once. */
#define TILE ((int64_t)16)

static void swap_loops(struct inn_copy *c, int i, int j)
{
    int64_t count = c->count[i], in = c->in_step[i], out = c->out_step[i];

    c->count[i] = c->count[j];
    c->in_step[i] = c->in_step[j];
    c->out_step[i] = c->out_step[j];
    c->count[j] = count;
    c->in_step[j] = in;
    c->out_step[j] = out;
}

static void remove_loop(struct inn_copy *c, int i)
{
    for (c->n--; i < c->n; i++)
        swap_loops(c, i, i + 1);
}

void inn_copy_prepare(struct inn_copy *c)
{
    int i, j;

    for (i = c->n; i-- > 0;) {
        if (c->count[i] == 1)
            remove_loop(c, i);
    }
    for (i = 1; i < c->n; i++) {
        for (j = i; j > 0 && c->out_step[j - 1] < c->out_step[j]; j--)
            swap_loops(c, j - 1, j);
    }
    for (i = c->n - 1; i > 0; i--) {
        if (c->in_step[i - 1] == c->in_step[i] * c->count[i] &&
            c->out_step[i - 1] == c->out_step[i] * c->count[i]) {
            c->count[i] *= c->count[i - 1];
            remove_loop(c, i - 1);
        }
    }
    if (c->n == 0) {
        c->n = 1;
        c->count[0] = 1;
        c->in_step[0] = c->out_step[0] = 1;
    }
    /* A transposition: the loop along the input's neighbours comes next. */
    for (i = 0; c->in_step[c->n - 1] != 1 && i < c->n - 2; i++) {
        if (c->in_step[i] == 1) {
            for (; i < c->n - 2; i++)
                swap_loops(c, i, i + 1);
        }
    }
}

#ifdef __SSE__
static void tile4(float *out, int64_t out_step, const float *in,
                  int64_t in_step)
{
    __m128 a = _mm_loadu_ps(in), b = _mm_loadu_ps(in + in_step);
    __m128 c = _mm_loadu_ps(in + 2 * in_step);
    __m128 d = _mm_loadu_ps(in + 3 * in_step);

    _MM_TRANSPOSE4_PS(a, b, c, d);
    _mm_storeu_ps(out, a);
    _mm_storeu_ps(out + out_step, b);
    _mm_storeu_ps(out + 2 * out_step, c);
    _mm_storeu_ps(out + 3 * out_step, d);
}
#else
static void tile4(float *out, int64_t out_step, const float *in,
                  int64_t in_step)
{
    int64_t i, j;

    for (i = 0; i < 4; i++) {
        for (j = 0; j < 4; j++)
            out[i * out_step + j] = in[j * in_step + i];
    }
}
#endif

/* out[i out_step + j] = in[j in_step + i] in a tile of m rows, n columns. */
static void transpose_tile(float *out, int64_t out_step, const float *in,
                           int64_t in_step, int64_t m, int64_t n)
{
    int64_t i, j;

    for (i = 0; i + 4 <= m; i += 4) {
        for (j = 0; j + 4 <= n; j += 4)
            tile4(out + i * out_step + j, out_step, in + j * in_step + i,
                  in_step);
        for (; j < n; j++) {
            out[i * out_step + j] = in[j * in_step + i];
            out[(i + 1) * out_step + j] = in[j * in_step + i + 1];
            out[(i + 2) * out_step + j] = in[j * in_step + i + 2];
            out[(i + 3) * out_step + j] = in[j * in_step + i + 3];
        }
    }
    for (; i < m; i++) {
        for (j = 0; j < n; j++)
            out[i * out_step + j] = in[j * in_step + i];
    }
}

static void transpose(float *out, int64_t out_step, const float *in,
                      int64_t in_step, int64_t m, int64_t n)
{
    int64_t i, j;

    for (i = 0; i < m; i += TILE) {
        for (j = 0; j < n; j += TILE)
            transpose_tile(out + i * out_step + j, out_step,
                           in + j * in_step + i, in_step,
                           m - i < TILE ? m - i : TILE,
                           n - j < TILE ? n - j : TILE);
    }
}

struct job {
    const struct inn_copy *c;
    float *out;
    const float *in;
    int outer; /* loops outside of what move() does */
    int64_t rounds, per_part;
};

/* The loops from job->outer on. */
static void move(const struct job *job, float *out, const float *in)
{
    const struct inn_copy *c = job->c;
    int last = c->n - 1;
    int64_t n = c->count[last], i;
    int64_t a = c->out_step[last], b = c->in_step[last];

    if (job->outer == c->n - 2) {
        transpose(out, c->out_step[last - 1], in, b, c->count[last - 1], n);
    } else if (a == 1 && b == 1) {
        memcpy(out, in, (size_t)n * sizeof(*out));
    } else if (b == 0) {
        for (i = 0; i < n; i++)
            out[i * a] = in[0];
    } else {
        for (i = 0; i < n; i++)
            out[i * a] = in[i * b];
    }
}

static void copy_part(void *context, size_t part)
{
    const struct job *job = context;
    const struct inn_copy *c = job->c;
    int64_t first = (int64_t)part * job->per_part;
    int64_t end = first + job->per_part, at[INN_MAX_LOOPS], rest = first, i;
    float *out = job->out;
    const float *in = job->in;
    int k;

    for (k = job->outer; k-- > 0;) {
        at[k] = rest % c->count[k];
        rest /= c->count[k];
        out += at[k] * c->out_step[k];
        in += at[k] * c->in_step[k];
    }
    if (end > job->rounds)
        end = job->rounds;
    for (i = first; i < end; i++) {
        move(job, out, in);
        for (k = job->outer; k-- > 0;) {
            out += c->out_step[k];
            in += c->in_step[k];
            if (++at[k] < c->count[k])
                break;
            out -= c->count[k] * c->out_step[k];
            in -= c->count[k] * c->in_step[k];
            at[k] = 0;
        }
    }
}

void inn_copy_run(const struct inn_copy *c, float *out, const float *in,
                  int threads)
{
    struct job job = {c, out + c->out_at, in + c->in_at, c->n - 1, 1, 1};
    int64_t inside = c->count[c->n - 1], parts;
    int k;

    if (c->n > 1 && c->out_step[c->n - 1] == 1 && c->in_step[c->n - 1] != 1 &&
        c->in_step[c->n - 2] == 1) {
        job.outer--;
        inside *= c->count[c->n - 2];
    }
    for (k = 0; k < job.outer; k++)
        job.rounds *= c->count[k];
    if (job.rounds * inside == 0)
        return;
    job.per_part = inside < PART ? PART / inside : 1;
    parts = (job.rounds + job.per_part - 1) / job.per_part;
    inn_parallel(threads, (size_t)parts, copy_part, &job);
}
