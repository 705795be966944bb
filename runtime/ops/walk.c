/*
 * Axes of length 1 are dropped and neighbours merged where all operands run
 * through them evenly, so that the innermost run is as long as it can be.
 */
#include "runtime/ops/walk.h"

#include <string.h>

#include "runtime/base/threads.h"

/* Elements that are worth a thread's start. */
#define PART_ELEMENTS 32768

void inn_walk_init(struct inn_walk *w, int n, int rank, const int64_t *dims)
{
    int i;

    memset(w, 0, sizeof(*w));
    w->n = n;
    w->rank = rank;
    for (i = 0; i < rank; i++)
        w->dims[i] = dims[i];
}

static bool is_empty(const struct inn_walk *w)
{
    int i;

    for (i = 0; i < w->rank; i++) {
        if (w->dims[i] == 0)
            return true;
    }
    return false;
}

void inn_walk_dense(struct inn_walk *w, int operand, int rank,
                    const int64_t *dims)
{
    int64_t step = 1;
    int i, shift = w->rank - rank;

    /* Where an axis is empty, the product of the others may overflow. */
    if (is_empty(w))
        return;
    for (i = rank - 1; i >= 0; i--) {
        if (i + shift >= 0)
            w->step[operand][i + shift] = dims[i] == 1 ? 0 : step;
        step *= dims[i];
    }
}

static bool can_merge(const struct inn_walk *w, int outer, int inner)
{
    int k;

    for (k = 0; k < w->n; k++) {
        if (w->step[k][outer] != w->step[k][inner] * w->dims[inner])
            return false;
    }
    return true;
}

static void simplify(struct inn_walk *out, const struct inn_walk *in)
{
    int i, k;

    memset(out, 0, sizeof(*out));
    out->n = in->n;
    for (i = 0; i < in->rank; i++) {
        if (in->dims[i] == 1)
            continue;
        out->dims[out->rank] = in->dims[i];
        for (k = 0; k < in->n; k++)
            out->step[k][out->rank] = in->step[k][i];
        out->rank++;
        if (out->rank < 2 || !can_merge(out, out->rank - 2, out->rank - 1))
            continue;
        out->rank--;
        out->dims[out->rank - 1] *= out->dims[out->rank];
        for (k = 0; k < in->n; k++)
            out->step[k][out->rank - 1] = out->step[k][out->rank];
    }
    if (out->rank == 0) {
        out->rank = 1;
        out->dims[0] = 1;
    }
}

struct walking {
    struct inn_walk w;
    inn_walk_fn *fn;
    void *context;
    int64_t rows;          /* runs of the innermost axis */
    int64_t rows_per_part; /* more than 1 only where pieces is 1 */
    int64_t pieces, piece; /* of a run */
};

static void walk_row(const struct walking *g, int64_t row, int64_t from,
                     int64_t n)
{
    int64_t at[INN_WALK_OPERANDS], step[INN_WALK_OPERANDS];
    int last = g->w.rank - 1, i, k;

    for (k = 0; k < g->w.n; k++) {
        step[k] = g->w.step[k][last];
        at[k] = from * step[k];
    }
    for (i = last - 1; i >= 0; i--) {
        int64_t index = row % g->w.dims[i];

        row /= g->w.dims[i];
        for (k = 0; k < g->w.n; k++)
            at[k] += index * g->w.step[k][i];
    }
    g->fn(g->context, at, step, n);
}

static void walk_part(void *context, size_t part)
{
    const struct walking *g = context;
    int64_t length = g->w.dims[g->w.rank - 1];
    int64_t row = (int64_t)part, end, from;

    if (g->pieces > 1) {
        from = row % g->pieces * g->piece;
        walk_row(g, row / g->pieces, from,
                 length - from < g->piece ? length - from : g->piece);
        return;
    }
    row *= g->rows_per_part;
    end = g->rows - row < g->rows_per_part ? g->rows : row + g->rows_per_part;
    for (; row < end; row++)
        walk_row(g, row, 0, length);
}

void inn_walk_run(const struct inn_walk *w, inn_walk_fn *fn, void *context,
                  int threads)
{
    struct walking g;
    int64_t length;
    int i;

    if (is_empty(w))
        return;
    memset(&g, 0, sizeof(g));
    simplify(&g.w, w);
    g.fn = fn;
    g.context = context;
    g.rows = 1;
    for (i = 0; i < g.w.rank - 1; i++)
        g.rows *= g.w.dims[i];
    length = g.w.dims[g.w.rank - 1];
    g.piece = length < PART_ELEMENTS ? length : PART_ELEMENTS;
    g.pieces = (length - 1) / g.piece + 1;
    g.rows_per_part = g.pieces > 1 ? 1 : PART_ELEMENTS / length;
    inn_parallel(threads,
                 (size_t)(g.pieces > 1
                              ? g.rows * g.pieces
                              : (g.rows - 1) / g.rows_per_part + 1),
                 walk_part, &g);
}

struct copying {
    char *to;
    const char *from;
    size_t size;
};

#define COPY_AS(type) \
    do { \
        type *to = (void *)(c->to + at[0] * (int64_t)sizeof(type)); \
        const type *from = \
            (const void *)(c->from + at[1] * (int64_t)sizeof(type)); \
        for (i = 0; i < n; i++) \
            to[i * step[0]] = from[i * step[1]]; \
    } while (0)

static void copy_row(void *context, const int64_t *at, const int64_t *step,
                     int64_t n)
{
    const struct copying *c = context;
    int64_t i, size = (int64_t)c->size;

    if (step[0] == 1 && step[1] == 1) {
        memcpy(c->to + at[0] * size, c->from + at[1] * size,
               (size_t)n * c->size);
        return;
    }
    switch (c->size) {
    case 1: COPY_AS(uint8_t); break;
    case 2: COPY_AS(uint16_t); break;
    case 4: COPY_AS(uint32_t); break;
    case 8: COPY_AS(uint64_t); break;
    default: break; /* no type is of another size */
    }
}

void inn_walk_copy(const struct inn_walk *w, void *to, const void *from,
                   size_t size, int threads)
{
    struct copying c = {to, from, size};

    inn_walk_run(w, copy_row, &c, threads);
}

bool inn_broadcast(int64_t dims[INN_MAX_RANK], int *rank,
                   const struct inn_tensor *t)
{
    int i, shift;

    if (t->rank > *rank) {
        shift = t->rank - *rank;
        memmove(dims + shift, dims, (size_t)*rank * sizeof(*dims));
        for (i = 0; i < shift; i++)
            dims[i] = 1;
        *rank = t->rank;
    }
    shift = *rank - t->rank;
    for (i = 0; i < t->rank; i++) {
        int64_t *d = &dims[i + shift];

        if (*d == t->dims[i] || t->dims[i] == 1)
            continue;
        if (*d != 1)
            return false;
        *d = t->dims[i];
    }
    return true;
}
