/*
 * Resize of one axis or two that lie side by side: x[outer][in][in][inner].
 * The rows of the slower axis are mixed first, then their elements. Taps and
 * weights were found when the network was planned (ops/image_resize_run.c).
 */
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/base/port.h"
#include "runtime/base/threads.h"
#include "runtime/exec/strided.h"

/* Elements that one part makes at least. */
#define PART ((size_t)16384)
/* Elements of a mixed row that are kept at once. */
#define MIXED ((size_t)2048)

struct line {
    size_t in, out, n; /* n taps of each output element */
    const int32_t *at;
    const float *weight; /* NULL: one tap, taken as it is */
};

struct zoom {
    size_t outer, inner, per_part; /* rows of a part */
    struct line slow, fast;
};

struct job {
    const struct zoom *z;
    float *out;
    const float *in;
};

INN_INLINE void scale(float *to, const float *x, size_t n, float w)
{
    size_t i;

#pragma omp simd
    for (i = 0; i < n; i++)
        to[i] = w * x[i];
}

INN_INLINE void add(float *to, const float *x, size_t n, float w)
{
    size_t i;

#pragma omp simd
    for (i = 0; i < n; i++)
        to[i] += w * x[i];
}

INN_INLINE void mix2(float *to, const float *a, const float *b, size_t n,
                     float v, float w)
{
    size_t i;

#pragma omp simd
    for (i = 0; i < n; i++)
        to[i] = v * a[i] + w * b[i];
}

/* to = the weighted sum of n elements each at x + at[k] step. */
INN_INLINE void mix(float *to, const float *x, const int32_t *at, size_t step,
                    const float *weight, size_t taps, size_t n)
{
    size_t k = 2;

    if (taps == 1) {
        scale(to, x + (size_t)at[0] * step, n, weight[0]);
        return;
    }
    mix2(to, x + (size_t)at[0] * step, x + (size_t)at[1] * step, n, weight[0],
         weight[1]);
    for (; k < taps; k++)
        add(to, x + (size_t)at[k] * step, n, weight[k]);
}

/* Output elements first … of a row whose inner axes are one element. */
INN_INLINE void pick(float *to, const float *row, const struct line *l)
{
    size_t j, k;

    if (l->n == 2) {
        for (j = 0; j < l->out; j++)
            to[j] = l->weight[2 * j] * row[l->at[2 * j]] +
                    l->weight[2 * j + 1] * row[l->at[2 * j + 1]];
        return;
    }
    for (j = 0; j < l->out; j++) {
        float sum = 0;

        for (k = 0; k < l->n; k++)
            sum += l->weight[j * l->n + k] * row[l->at[j * l->n + k]];
        to[j] = sum;
    }
}

/* One element of the fast axis, its inner elements in pieces that are kept. */
INN_INLINE void mix_element(float *to, const float *x, const struct zoom *z,
                            const int32_t *at, const float *weight, size_t j)
{
    const struct line *f = &z->fast;
    size_t row = f->in * z->inner, c, k, n;
    float piece[MIXED];

    for (c = 0; c < z->inner; c += n) {
        n = z->inner - c < MIXED ? z->inner - c : MIXED;
        for (k = 0; k < f->n; k++) {
            const float *from = x + c + (size_t)f->at[j * f->n + k] * z->inner;
            float w = f->weight[j * f->n + k];

            mix(k == 0 ? to + c : piece, from, at, row, weight, z->slow.n, n);
            if (k == 0)
                scale(to + c, to + c, n, w);
            else
                add(to + c, piece, n, w);
        }
    }
}

INN_INLINE void nearest_row(float *to, const float *row, const struct zoom *z)
{
    const struct line *f = &z->fast;
    size_t j;

    if (z->inner == 1) {
        for (j = 0; j < f->out; j++)
            to[j] = row[f->at[j]];
        return;
    }
    for (j = 0; j < f->out; j++)
        memcpy(to + j * z->inner, row + (size_t)f->at[j] * z->inner,
               z->inner * sizeof(*to));
}

INN_INLINE void any_row(float *to, const float *x, const struct zoom *z,
                        size_t i)
{
    const struct line *s = &z->slow, *f = &z->fast;
    size_t row = f->in * z->inner, j;
    float mixed[MIXED];

    if (f->weight == NULL) {
        nearest_row(to, x + (size_t)s->at[i] * row, z);
        return;
    }
    if (row <= MIXED) {
        mix(mixed, x, s->at + i * s->n, row, s->weight + i * s->n, s->n, row);
        if (z->inner == 1)
            pick(to, mixed, f);
        for (j = 0; z->inner != 1 && j < f->out; j++)
            mix(to + j * z->inner, mixed, f->at + j * f->n, z->inner,
                f->weight + j * f->n, f->n, z->inner);
        return;
    }
    for (j = 0; j < f->out; j++)
        mix_element(to + j * z->inner, x, z, s->at + i * s->n,
                    s->weight + i * s->n, j);
}

INN_INLINE void any_part(const struct job *job, size_t part)
{
    const struct zoom *z = job->z;
    size_t rows = z->outer * z->slow.out, r = part * z->per_part;
    size_t end = r + z->per_part < rows ? r + z->per_part : rows;

    for (; r < end; r++)
        any_row(job->out + r * z->fast.out * z->inner,
                job->in + r / z->slow.out * z->slow.in * z->fast.in * z->inner,
                z, r % z->slow.out);
}

INN_DEFINE_PART(zoom_part, any_part)

static void run_zoom(struct inn_schedule *s, const struct inn_step *step)
{
    const struct zoom *z = step->state;
    struct job job = {z, s->slots[step->out[0]].tensor.data,
                      s->slots[step->in[0]].tensor.data};

    inn_parallel(s->threads,
                 (z->outer * z->slow.out + z->per_part - 1) / z->per_part,
                 zoom_part, &job);
}

/* Which of the work's lines goes along axis; -1: none. */
static int line_of(const struct inn_prim *p, int axis)
{
    int i;

    for (i = 0; i < p->u.zoom.n; i++) {
        if (p->u.zoom.lines[i].axis == axis)
            return i;
    }
    return -1;
}

/* A copy of one line that lives as long as the schedule. */
static enum inn_status copy_line(struct inn_builder *b, struct line *to,
                                 const struct inn_zoom_line *from,
                                 struct inn_error *err)
{
    size_t n = (size_t)(from->out * from->taps);
    float *weight;
    int32_t *at;

    to->in = (size_t)from->in;
    to->out = (size_t)from->out;
    to->n = (size_t)from->taps;
    at = inn_arena_alloc(&b->s->arena, n, sizeof(*at), err);
    if (at == NULL)
        return inn_refused(err);
    memcpy(at, from->at, n * sizeof(*at));
    to->at = at;
    if (from->weight == NULL)
        return INN_OK;
    weight = inn_arena_alloc(&b->s->arena, n, sizeof(*weight), err);
    if (weight == NULL)
        return inn_refused(err);
    memcpy(weight, from->weight, n * sizeof(*weight));
    to->weight = weight;
    return INN_OK;
}

/* *done is false where the axes don't lie side by side. */
static enum inn_status read_zoom(struct inn_builder *b, struct zoom *z,
                                 const struct inn_prim *p,
                                 const struct inn_order *order,
                                 const struct inn_tensor *t, bool *done,
                                 struct inn_error *err)
{
    static const int32_t first = 0;
    static const float one = 1;
    int found[2] = {-1, -1}, n = 0, i;
    enum inn_status st = INN_OK;

    *done = false;
    z->outer = z->inner = 1;
    for (i = 0; i < order->n; i++) {
        int line = line_of(p, order->axis[i]);
        size_t length = (size_t)t->dims[order->axis[i]];

        if (line >= 0) {
            if (z->inner != 1)
                return INN_OK;
            found[n++] = line;
        } else if (n == 0) {
            z->outer *= length;
        } else {
            z->inner *= length;
        }
    }
    z->slow = (struct line){1, 1, 1, &first, &one};
    if (n == 2)
        st = copy_line(b, &z->slow, &p->u.zoom.lines[found[0]], err);
    if (st == INN_OK)
        st = copy_line(b, &z->fast, &p->u.zoom.lines[found[n - 1]], err);
    if (st != INN_OK)
        return st;
    z->per_part = PART / (z->fast.out * z->inner) + 1;
    *done = true;
    return INN_OK;
}

enum inn_status inn_build_zoom(struct inn_builder *b, int w, bool *done,
                               struct inn_error *err)
{
    const struct inn_node *node = b->work[w].node;
    struct zoom *z = inn_arena_alloc(&b->s->arena, 1, sizeof(*z), err);
    struct inn_order order;
    enum inn_status st;
    int x, y, index;

    *done = false;
    if (z == NULL)
        return inn_refused(err);
    st = inn_build_ordered(b, &x, node->inputs[0], &order, err);
    if (st == INN_OK)
        st = read_zoom(b, z, b->work[w].prim, &order,
                       &b->s->slots[x].tensor, done, err);
    if (st != INN_OK || !*done)
        return st;
    *done = false;
    st = inn_build_in_order(b, &y, node->outputs[0], &order, err);
    if (st == INN_OK)
        st = inn_build_own(b, &index, w, x, y, run_zoom, z, err);
    if (st != INN_OK)
        return st;
    b->s->steps[index].impl = "zoom";
    *done = true;
    return INN_OK;
}
