/*
 * Laws of channels and the fields that carry them: memory, tables of spatial
 * correlations, constants as channels meet them, and what rows of several
 * families do alike. All in double.
 */
#include <math.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/ops/common.h"
#include "runtime/ops/moments.h"

struct inn_law *inn_law_new(int64_t n, struct inn_heap *heap,
                            struct inn_error *err)
{
    struct inn_law *law = inn_alloc(heap, 1, sizeof(*law), err);
    size_t square;

    if (law == NULL)
        return NULL;
    law->holders = 1;
    law->n = n;
    law->r[0][0] = 1;
    if (n < 1 || n > INN_MOST_LAW) {
        inn_fail(err, INN_ERR_LIMIT, "moments of %lld channels",
                 (long long)n);
        inn_law_drop(law, heap);
        return NULL;
    }
    square = (size_t)n * (size_t)n;
    law->mean = inn_alloc(heap, (size_t)n, sizeof(*law->mean), err);
    law->cov = inn_alloc(heap, square, sizeof(*law->cov), err);
    if (law->mean == NULL || law->cov == NULL) {
        inn_law_drop(law, heap);
        return NULL;
    }
    return law;
}

struct inn_law *inn_law_hold(struct inn_law *law)
{
    law->holders++;
    return law;
}

void inn_law_drop(struct inn_law *law, struct inn_heap *heap)
{
    /* A root has no root itself: one step at most. */
    while (law != NULL && --law->holders == 0) {
        struct inn_law *root = law->root;

        inn_free(heap, law->mean);
        inn_free(heap, law->cov);
        inn_free(heap, law->points);
        inn_free(heap, law);
        law = root;
    }
}

double inn_law_r(const struct inn_law *law, int64_t dy, int64_t dx)
{
    int64_t y = dy < 0 ? -dy : dy, x = dx < 0 ? -dx : dx, excess = 0;

    if (y > INN_REACH) {
        excess += y - INN_REACH;
        y = INN_REACH;
    }
    if (x > INN_REACH) {
        excess += x - INN_REACH;
        x = INN_REACH;
    }
    return excess == 0 ? law->r[y][x]
                       : law->r[y][x] * pow(INN_BEYOND, (double)excess);
}

double inn_law_r_between(const struct inn_law *law, double dy, double dx)
{
    int64_t y = (int64_t)floor(dy), x = (int64_t)floor(dx);
    double fy = dy - (double)y, fx = dx - (double)x;

    return (1 - fy) * ((1 - fx) * inn_law_r(law, y, x) +
                       fx * inn_law_r(law, y, x + 1)) +
           fy * ((1 - fx) * inn_law_r(law, y + 1, x) +
                 fx * inn_law_r(law, y + 1, x + 1));
}

void inn_law_stride(struct inn_law *law, const struct inn_law *from,
                    int64_t y, int64_t x)
{
    int64_t dy, dx;

    for (dy = 0; dy <= INN_REACH; dy++) {
        for (dx = 0; dx <= INN_REACH; dx++)
            law->r[dy][dx] = inn_law_r(from, y * dy, x * dx);
    }
}

void inn_law_mirror(struct inn_law *law)
{
    size_t n = (size_t)law->n, i, j;

    for (i = 0; i < n; i++) {
        for (j = 0; j < i; j++)
            law->cov[j * n + i] = law->cov[i * n + j];
    }
}

/* What an affine function of from is at the points of from's root. */
static bool affine_points(struct inn_law *law, const struct inn_law *from,
                          const double *scale, const double *shift,
                          struct inn_heap *heap, struct inn_error *err)
{
    size_t n = (size_t)from->n, i, k;
    double x[INN_POINTS], weight[INN_POINTS];

    law->points = inn_alloc_raw(heap, INN_POINTS, n * sizeof(float), err);
    if (law->points == NULL)
        return false;
    if (from->root == NULL)
        inn_hermite_points(x, weight);
    for (k = 0; k < INN_POINTS; k++) {
        for (i = 0; i < n; i++) {
            double v = from->root == NULL
                           ? from->mean[i] +
                                 x[k] * sqrt(fmax(from->cov[i * n + i], 0))
                           : (double)from->points[k * n + i];

            law->points[k * n + i] = (float)(scale[i] * v + shift[i]);
        }
    }
    return true;
}

struct inn_law *inn_law_affine(const struct inn_law *from,
                               const double *scale, const double *shift,
                               bool afresh, struct inn_heap *heap,
                               struct inn_error *err)
{
    struct inn_law *law = inn_law_new(from->n, heap, err);
    size_t n = (size_t)from->n, i, j;

    if (law == NULL)
        return NULL;
    for (i = 0; i < n; i++) {
        law->mean[i] = scale[i] * from->mean[i] + shift[i];
        for (j = 0; j <= i; j++)
            law->cov[i * n + j] = scale[i] * from->cov[i * n + j] * scale[j];
    }
    inn_law_mirror(law);
    memcpy(law->r, from->r, sizeof(law->r));
    if (afresh)
        return law;
    if (!affine_points(law, from, scale, shift, heap, err)) {
        inn_law_drop(law, heap);
        return NULL;
    }
    /* Counting holders is all that changes in what is borrowed. */
    law->root = inn_law_hold(from->root != NULL ? from->root
                                                : (struct inn_law *)from);
    law->is_normal = from->root == NULL || from->is_normal;
    return law;
}

struct inn_law *inn_law_pick(const struct inn_law *from, const int64_t *at,
                             int64_t n, struct inn_heap *heap,
                             struct inn_error *err)
{
    struct inn_law *law = inn_law_new(n, heap, err);
    int64_t i, j;

    if (law == NULL)
        return NULL;
    for (i = 0; i < n; i++) {
        law->mean[i] = from->mean[at[i]];
        for (j = 0; j < n; j++)
            law->cov[i * n + j] = from->cov[at[i] * from->n + at[j]];
    }
    memcpy(law->r, from->r, sizeof(law->r));
    return law;
}

int inn_field_axis(const struct inn_field *f)
{
    int axis;

    for (axis = 0; axis < INN_MAX_RANK; axis++) {
        if (f->channels == 1u << axis)
            return axis;
    }
    return -1;
}

int64_t inn_field_positions(const struct inn_field *f,
                            const struct inn_tensor *t)
{
    int64_t n = f->repeat;
    int i;

    for (i = 1; i < t->rank; i++)
        n *= f->channels & 1u << i ? 1 : t->dims[i];
    return n;
}

double inn_field_r(const struct inn_field *f, const int64_t *lag, int rank)
{
    int64_t y = 0, x = 0;
    double beside = 1;
    int i;

    for (i = 0; i < rank; i++) {
        if (i == f->space[0])
            y = lag[i];
        else if (i == f->space[1])
            x = lag[i];
        else if (lag[i] != 0) /* depth: as if it were independent of them */
            beside *= inn_law_r(f->law, lag[i], 0);
    }
    if (f->space[0] < 0 && f->repeat == 1 && f->plane[1] > 1) {
        y = x / f->plane[1];
        x %= f->plane[1];
    }
    return beside * inn_law_r(f->law, y, x);
}

void inn_carry_put(struct inn_carry *c, int j, struct inn_law *law,
                   const struct inn_field *like)
{
    c->to[j] = *like;
    c->to[j].law = law;
}

enum inn_status inn_carry_view(struct inn_carry *c, int j, int i)
{
    if (j < c->n_out && i < c->n_in && c->from[i].law != NULL)
        inn_carry_put(c, j, inn_law_hold(c->from[i].law), &c->from[i]);
    return INN_OK;
}

bool inn_carry_is_const(const struct inn_carry *c, int i)
{
    return i < c->n_in && c->in[i] != NULL && c->in[i]->data != NULL &&
           inn_type_size(c->in[i]->type) > 0;
}

bool inn_carry_is_conv(const struct inn_carry *c)
{
    const struct inn_field *x = &c->from[0];

    return x->law != NULL && inn_field_axis(x) == 1 && x->repeat == 1 &&
           inn_carry_is_const(c, 1) &&
           (c->n_in < 3 || c->in[2] == NULL || inn_carry_is_const(c, 2));
}

/*
 * The constant's elements that meet channel: their sum. Channels and the
 * constant's own positions are walked together, aligned at the last axis.
 */
static double sum_at(const struct inn_tensor *t, const struct inn_field *like,
                     const int64_t *at, int rank, size_t *count)
{
    int64_t k[INN_MAX_RANK] = {0}, step, place;
    int shift = rank - t->rank, i;
    double sum = 0;

    *count = 0;
    for (;;) {
        for (place = 0, step = 1, i = t->rank - 1; i >= 0; i--) {
            int64_t index = k[i];

            if (like->channels & 1u << (i + shift))
                index = t->dims[i] == 1 ? 0
                                        : at[i + shift] * like->repeat +
                                              k[i];
            place += index * step;
            step *= t->dims[i];
        }
        sum += inn_element_get(t->type, t->data, (size_t)place);
        ++*count;
        for (i = t->rank - 1; i >= 0; i--) {
            int64_t most = like->channels & 1u << (i + shift)
                               ? (t->dims[i] == 1 ? 1 : like->repeat)
                               : t->dims[i];

            if (++k[i] < most)
                break;
            k[i] = 0;
        }
        if (i < 0)
            return sum;
    }
}

/* Lengths of the channel axes; false: the constant does not meet them. */
static bool channel_lengths(const struct inn_carry *c, int64_t *length,
                            const struct inn_tensor *t,
                            const struct inn_field *like, int rank)
{
    const struct inn_tensor *out = c->out[0];
    int64_t n = 1;
    int i, shift = rank - t->rank;

    if (out == NULL || out->rank != rank || shift < 0 ||
        inn_tensor_count(t) == 0)
        return false;
    for (i = 0; i < rank; i++) {
        length[i] = 1;
        if (!(like->channels & 1u << i))
            continue;
        length[i] = out->dims[i] / like->repeat;
        n *= length[i];
        if (i >= shift && t->dims[i - shift] != 1 &&
            t->dims[i - shift] != out->dims[i])
            return false;
    }
    return n == like->law->n;
}

enum inn_status inn_carry_constant(struct inn_carry *c, double **values,
                                   const struct inn_tensor *t,
                                   const struct inn_field *like, int rank)
{
    int64_t length[INN_MAX_RANK], at[INN_MAX_RANK] = {0}, k;
    size_t count;
    int i;

    *values = NULL;
    if (!channel_lengths(c, length, t, like, rank))
        return INN_OK;
    *values = inn_arena_alloc(c->scratch, (size_t)like->law->n,
                              sizeof(**values), c->err);
    if (*values == NULL)
        return inn_refused(c->err);
    for (k = 0; k < like->law->n; k++) {
        (*values)[k] = sum_at(t, like, at, rank, &count);
        (*values)[k] /= (double)count;
        for (i = rank - 1; i >= 0 && ++at[i] == length[i]; i--)
            at[i] = 0;
    }
    return INN_OK;
}

struct inn_field inn_field_shift(const struct inn_field *f, int by)
{
    struct inn_field g = *f;
    int i;

    g.channels <<= by;
    for (i = 0; i < 2; i++)
        g.space[i] = f->space[i] < 0 ? -1 : f->space[i] + by;
    return g;
}

bool inn_field_alike(const struct inn_field *a, const struct inn_field *b)
{
    return a->channels == b->channels && a->law->n == b->law->n &&
           a->repeat == b->repeat;
}

/* Adds a weighted independent field. */
static void add_law(struct inn_law *law, const struct inn_law *from,
                    double weight, double *energy)
{
    size_t n = (size_t)law->n, i;
    double trace = 0;
    int y, x;

    for (i = 0; i < n; i++)
        law->mean[i] += weight * from->mean[i];
    for (i = 0; i < n * n; i++)
        law->cov[i] += weight * weight * from->cov[i];
    for (i = 0; i < n; i++)
        trace += weight * weight * from->cov[i * n + i];
    for (y = 0; y <= INN_REACH; y++) {
        for (x = 0; x <= INN_REACH; x++)
            law->r[y][x] += trace * from->r[y][x];
    }
    *energy += trace;
}

enum inn_status inn_carry_sum(struct inn_carry *c, const double *weight)
{
    struct inn_field like = {0}, f;
    struct inn_law *law = NULL;
    enum inn_status st = INN_OK;
    double energy = 0, *values;
    int64_t most = 0, k;
    int i, y, x, rank = c->out[0]->rank;

    /* The field with most positions says where they lie. */
    for (i = 0; i < c->n_in; i++) {
        if (c->in[i] == NULL || (c->from[i].law == NULL &&
                                 !inn_carry_is_const(c, i)))
            return INN_OK;
        if (c->from[i].law == NULL)
            continue;
        f = inn_field_shift(&c->from[i], rank - c->in[i]->rank);
        if (like.law != NULL && !inn_field_alike(&f, &like))
            return INN_OK;
        if (inn_field_positions(&c->from[i], c->in[i]) > most) {
            most = inn_field_positions(&c->from[i], c->in[i]);
            like = f;
        }
    }
    if (like.law == NULL)
        return INN_OK;
    law = inn_law_new(like.law->n, c->heap, c->err);
    if (law == NULL)
        return inn_refused(c->err);
    law->r[0][0] = 0;
    for (i = 0; i < c->n_in && st == INN_OK; i++) {
        if (c->from[i].law != NULL) {
            add_law(law, c->from[i].law, weight[i], &energy);
            continue;
        }
        st = inn_carry_constant(c, &values, c->in[i], &like, rank);
        if (st != INN_OK || values == NULL) {
            inn_law_drop(law, c->heap);
            return st;
        }
        for (k = 0; k < law->n; k++)
            law->mean[k] += weight[i] * values[k];
    }
    for (y = 0; y <= INN_REACH; y++) {
        for (x = 0; x <= INN_REACH; x++)
            law->r[y][x] = energy > 0 ? law->r[y][x] / energy
                                      : like.law->r[y][x];
    }
    inn_carry_put(c, 0, law, &like);
    return INN_OK;
}
