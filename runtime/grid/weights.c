/*
 * Sampling one weight: every axis that carries groups gets a sparse map from
 * its stored elements to its new ones, and the maps are applied one axis
 * after the other, in double, rounded once. Where all of them only move
 * elements, bytes are moved and nothing is rounded.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "runtime/base/checked.h"
#include "runtime/base/error.h"
#include "runtime/grid/internal.h"
#include "runtime/grid/mix.h"
#include "runtime/grid/slots.h"

/* Doubles of a tile, to stay in the caches, and how wide it is at most. */
#define TILE ((int64_t)1 << 17)
#define LANES 64
/* Vectors are whole in multiples of this. */
#define WHOLE 16
/* From so many entries on, rows that read the same are mixed together. */
#define MANY 8

/* What happens to one axis: row i is Σ_t weight[t] · element col[t]. */
struct step {
    int axis;
    int64_t rows, cols;
    int taps;        /* room of each row */
    bool copies;     /* every row is one element, as it is */
    int32_t *count;  /* [rows] entries used */
    int64_t *col;    /* [rows × taps] */
    double *weight;  /* [rows × taps] */
    /* Whether row i, but for its first entry, reads what row i - 1 does. */
    bool *alike; /* [rows] */
};

/* One weight under way. */
struct job {
    const struct inn_sampling *s;
    const struct inn_weight *w;
    const char *name;
    struct inn_tensor *out;
    struct inn_arena arena;
    struct inn_heap *heap;
    struct step steps[INN_MAX_RANK];
    int n_steps;
    const void *stored; /* the grid's bytes */
    void *loaded;       /* the same if they had to be fetched */
    struct inn_error *err;
};

static enum inn_status step_new(struct job *job, struct step *step,
                                const struct inn_axis *axis)
{
    const struct inn_sampling *s = job->s;
    size_t entries;
    int i;

    step->axis = axis->axis;
    step->rows = inn_axis_length(s->model, axis, s->widths);
    step->cols = inn_axis_length(s->model, axis, s->nodes);
    step->taps = 1;
    step->copies = true;
    if (axis->axis < 0 || axis->axis >= job->out->rank ||
        step->cols != job->w->grid.dims[axis->axis] ||
        step->rows != job->out->dims[axis->axis])
        return inn_fail(job->err, INN_ERR_FORMAT,
                        "weight '%s': axis %d has %" PRId64 " nodes and its "
                        "groups %" PRId64, job->name, axis->axis,
                        axis->axis >= 0 && axis->axis < job->out->rank
                            ? job->w->grid.dims[axis->axis] : 0,
                        step->cols);
    for (i = 0; i < axis->n_spans; i++) {
        const struct inn_group_maps *m;
        const struct inn_lsq *lsq;
        int taps;

        if (axis->spans[i].group < 0)
            continue;
        m = &s->maps[axis->spans[i].group];
        lsq = inn_sampling_lsq(s, axis->value, axis->axis,
                               axis->spans[i].group);
        taps = lsq != NULL ? (int)(lsq->sums.start[1] - lsq->sums.start[0])
                           : m->taps;
        if (taps > step->taps)
            step->taps = taps;
        if (!m->copies || lsq != NULL)
            step->copies = false;
    }
    if (!inn_mul_size(&entries, (size_t)step->rows, (size_t)step->taps))
        return inn_fail(job->err, INN_ERR_LIMIT,
                        "weight '%s': axis %d is too long: %" PRId64,
                        job->name, axis->axis, step->rows);
    step->count = inn_arena_alloc(&job->arena, (size_t)step->rows,
                                  sizeof(*step->count), job->err);
    step->col = inn_arena_alloc(&job->arena, entries, sizeof(*step->col),
                                job->err);
    step->weight = inn_arena_alloc(&job->arena, entries,
                                   sizeof(*step->weight), job->err);
    step->alike = inn_arena_alloc(&job->arena, (size_t)step->rows,
                                  sizeof(*step->alike), job->err);
    if (step->count == NULL || step->col == NULL || step->weight == NULL ||
        step->alike == NULL)
        return inn_refused(job->err);
    return INN_OK;
}

/* Rows of every occurrence of a group on the axis. */
static void fill_group(struct step *step, const struct inn_axis_map *map,
                       const struct inn_slots *to,
                       const struct inn_slots *from)
{
    int64_t f, i, k, row, at;

    for (f = 0; f < to->functions; f++) {
        for (i = 0; i < map->rows; i++) {
            row = to->at[f * to->width + i];
            at = row * step->taps;
            step->count[row] = (int32_t)(map->start[i + 1] - map->start[i]);
            for (k = map->start[i]; k < map->start[i + 1]; k++) {
                step->col[at] = from->at[f * from->width + map->col[k]];
                step->weight[at++] = map->weight[k];
            }
        }
    }
}

/* Rows of what belongs to no group. */
static void fill_fixed(struct step *step, const struct inn_sampling *s,
                       const struct inn_axis *axis)
{
    int64_t row = 0, col = 0, i;
    int n;

    for (n = 0; n < axis->n_spans; n++) {
        const struct inn_span *span = &axis->spans[n];

        if (span->group >= 0) {
            row += inn_span_length(s->model, span, s->widths);
            col += inn_span_length(s->model, span, s->nodes);
            continue;
        }
        for (i = 0; i < span->count; i++) {
            step->count[row] = 1;
            step->col[row * step->taps] = col++;
            step->weight[row++ * step->taps] = 1.0;
        }
    }
}

/* Least-squares sums: a channel of its own, then all dropped ones. */
static void find_alike(struct step *step)
{
    int64_t i;

    for (i = 1; i < step->rows; i++) {
        const int64_t *col = step->col + i * step->taps;
        int32_t n = step->count[i];

        step->alike[i] = n >= MANY && n == step->count[i - 1] &&
                         memcmp(col + 1, col + 1 - step->taps,
                                (size_t)(n - 1) * sizeof(*col)) == 0;
    }
}

static enum inn_status step_fill(struct job *job, struct step *step,
                                 const struct inn_axis *axis)
{
    const struct inn_sampling *s = job->s;
    struct inn_slots *to, *from;
    enum inn_status st;
    int n, i;

    st = inn_axis_all_slots(&to, &n, s->model, axis, s->widths, &job->arena,
                            job->err);
    if (st == INN_OK)
        st = inn_axis_all_slots(&from, &n, s->model, axis, s->nodes,
                                &job->arena, job->err);
    if (st != INN_OK)
        return st;
    fill_fixed(step, s, axis);
    for (i = 0; i < n; i++) {
        const struct inn_group_maps *m = &s->maps[to[i].group];
        const struct inn_lsq *lsq = inn_sampling_lsq(s, axis->value,
                                                     axis->axis, to[i].group);

        fill_group(step, lsq != NULL ? &lsq->sums
                         : axis->role == INN_ROLE_IN ? &m->sums : &m->values,
                   &to[i], &from[i]);
    }
    find_alike(step);
    return INN_OK;
}

/* Whether the step leaves the axis as it is. */
static bool is_idle(const struct step *step)
{
    int64_t i;

    if (!step->copies || step->rows != step->cols)
        return false;
    for (i = 0; i < step->rows; i++) {
        if (step->col[i] != i)
            return false;
    }
    return true;
}

static enum inn_status make_steps(struct job *job)
{
    const struct inn_axis *axis;
    struct step *step;
    enum inn_status st;
    int a;

    for (a = 0; a < job->out->rank; a++) {
        axis = inn_model_axis(job->s->model, job->w->value, a);
        if (axis == NULL) {
            if (job->w->grid.dims[a] == job->out->dims[a])
                continue;
            return inn_fail(job->err, INN_ERR_FORMAT,
                            "weight '%s': axis %d is %" PRId64 " long, its "
                            "grid %" PRId64, job->name, a, job->out->dims[a],
                            job->w->grid.dims[a]);
        }
        step = &job->steps[job->n_steps];
        st = step_new(job, step, axis);
        if (st == INN_OK)
            st = step_fill(job, step, axis);
        if (st != INN_OK)
            return st;
        if (!is_idle(step))
            job->n_steps++;
    }
    return INN_OK;
}

/* The common pairs in loops that vectorise; all others by the table. */
static void convert(void *out, enum inn_type out_type, const void *in,
                    enum inn_type in_type, size_t n)
{
    size_t i;

    if (in_type == INN_F32 && out_type == INN_F64) {
        for (i = 0; i < n; i++)
            ((double *)out)[i] = (double)((const float *)in)[i];
        return;
    }
    if (in_type == INN_F64 && out_type == INN_F32) {
        for (i = 0; i < n; i++)
            ((float *)out)[i] = (float)((const double *)in)[i];
        return;
    }
    inn_convert_elements(out, out_type, in, in_type, n);
}

/* One row from its entries first … last-1, added to what it holds. */
static void mix_row(const struct step *step, int64_t i, int first, int last,
                    double *to, const double *in, int64_t stride)
{
    const int64_t *col = step->col + i * step->taps;
    const double *weight = step->weight + i * step->taps;
    int64_t c;
    int k;

    for (k = first; k < last; k++) {
        const double *from = in + col[k] * stride;
        double w = weight[k];

        for (c = 0; c < stride; c++)
            to[c] += w * from[c];
    }
}

/* Rows i … end-1, which are alike: the first entries, then the rest at once. */
static void mix_alike(const struct step *step, int64_t i, int64_t end,
                      double *out, const double *in, int64_t stride)
{
    struct inn_mix mix = {
        .rows = end - i,
        .terms = step->count[i] - 1,
        .lanes = stride,
        .to = out + i * stride,
        .to_stride = stride,
        .weight = step->weight + i * step->taps + 1,
        .weight_stride = step->taps,
        .from = in,
        .from_stride = stride,
        .row = step->col + i * step->taps + 1,
    };

    for (; i < end; i++)
        mix_row(step, i, 0, 1, out + i * stride, in, stride);
    inn_mix_add(&mix);
}

/* rows of a tile from its columns; both have stride elements per row. */
static void mix(const struct step *step, double *out, const double *in,
                int64_t stride)
{
    int64_t i, c, end;

    for (i = 0; i < step->rows; i = end) {
        double *to = out + i * stride;

        for (end = i + 1; end < step->rows && step->alike[end]; end++)
            ;
        /* A lone entry is moved: 0 + 1·(−0) would lose a sign. */
        if (step->count[i] == 1 && step->weight[i * step->taps] == 1.0) {
            memcpy(to, in + step->col[i * step->taps] * stride,
                   (size_t)stride * sizeof(*to));
            continue;
        }
        for (c = 0; c < (end - i) * stride; c++)
            to[c] = 0.0;
        if (end - i > 1)
            mix_alike(step, i, end, out, in, stride);
        else
            mix_row(step, i, 0, step->count[i], to, in, stride);
    }
}

struct side {
    char *data;
    enum inn_type type;
};

/* What apply works in. */
struct tiles {
    int64_t cols, rows, inner, lanes;
    double *in, *out; /* [cols × lanes], [rows × lanes] */
    double *turn;     /* [max(rows, cols) × inner] or NULL */
    const char *from;
    enum inn_type from_type;
    struct side to;
};

/* n lanes from c on of the o-th matrix [cols × inner], which is wider. */
static void apply_strip(const struct tiles *t, const struct step *step,
                        int64_t o, int64_t c, int64_t n)
{
    size_t in_size = inn_type_size(t->from_type);
    size_t out_size = inn_type_size(t->to.type);
    int64_t i;

    for (i = 0; i < t->cols; i++)
        convert(t->in + i * n, INN_F64,
                t->from + (size_t)((o * t->cols + i) * t->inner + c) *
                              in_size, t->from_type, (size_t)n);
    mix(step, t->out, t->in, n);
    for (i = 0; i < t->rows; i++)
        convert(t->to.data +
                    (size_t)((o * t->rows + i) * t->inner + c) * out_size,
                t->to.type, t->out + i * n, INN_F64, (size_t)n);
}

/* [rows × inner] to every row of wide lanes, from lane at on; or back. */
static void turn(double *wide, int64_t lanes, double *narrow, int64_t rows,
                 int64_t inner, bool back)
{
    int64_t i, c;

    for (i = 0; i < rows; i++, wide += lanes, narrow += inner) {
        for (c = 0; c < inner; c++) {
            if (back)
                narrow[c] = wide[c];
            else
                wide[c] = narrow[c];
        }
    }
}

/* n matrices [cols × inner] from the o-th on, side by side. */
static void apply_many(const struct tiles *t, const struct step *step,
                       int64_t o, int64_t n)
{
    size_t in_bytes = (size_t)(t->cols * t->inner) *
                      inn_type_size(t->from_type);
    size_t out_bytes = (size_t)(t->rows * t->inner) *
                       inn_type_size(t->to.type);
    int64_t lanes = n * t->inner, i;

    for (i = 0; i < n; i++) {
        convert(t->turn, INN_F64, t->from + (size_t)(o + i) * in_bytes,
                t->from_type, (size_t)(t->cols * t->inner));
        turn(t->in + i * t->inner, lanes, t->turn, t->cols, t->inner, false);
    }
    mix(step, t->out, t->in, lanes);
    for (i = 0; i < n; i++) {
        turn(t->out + i * t->inner, lanes, t->turn, t->rows, t->inner, true);
        convert(t->to.data + (size_t)(o + i) * out_bytes, t->to.type, t->turn,
                INN_F64, (size_t)(t->rows * t->inner));
    }
}

/* Lanes of a tile: what is left of rows that are longer comes by itself. */
static int64_t tile_lanes(const struct step *step, int64_t outer,
                          int64_t inner)
{
    int64_t n = TILE / (step->rows + step->cols + 1);

    n = n > LANES ? LANES : n;
    if (n > WHOLE)
        n = n / WHOLE * WHOLE;
    if (inner > n)
        return n > 0 ? n : 1;
    n /= inner > 0 ? inner : 1;
    return (n < outer ? n : outer) * inner;
}

/*
 * One axis: [outer × cols × inner] to [outer × rows × inner], tile by tile,
 * each element converted once on its way in and once on its way out.
 */
static enum inn_status apply(struct job *job, const struct step *step,
                             int64_t outer, int64_t inner, struct side to,
                             const char *from, enum inn_type from_type)
{
    struct tiles t = {.cols = step->cols, .rows = step->rows,
                      .inner = inner, .from = from, .from_type = from_type,
                      .to = to, .lanes = tile_lanes(step, outer, inner)};
    int64_t most = t.rows > t.cols ? t.rows : t.cols, o, c, n;
    enum inn_status st = INN_OK;

    if (t.lanes == 0)
        return INN_OK;
    t.in = inn_alloc_raw(job->heap, (size_t)(t.cols * t.lanes),
                         sizeof(*t.in), job->err);
    t.out = inn_alloc_raw(job->heap, (size_t)(t.rows * t.lanes),
                          sizeof(*t.out), job->err);
    if (inner <= t.lanes)
        t.turn = inn_alloc_raw(job->heap, (size_t)(most * inner),
                               sizeof(*t.turn), job->err);
    if (t.in == NULL || t.out == NULL ||
        (inner <= t.lanes && t.turn == NULL)) {
        st = inn_refused(job->err);
        goto done;
    }
    for (o = 0; o < outer; o += n) {
        n = 1;
        if (inner <= t.lanes) {
            n = t.lanes / inner;
            n = outer - o < n ? outer - o : n;
            apply_many(&t, step, o, n);
            continue;
        }
        for (c = 0; c < inner; c += t.lanes)
            apply_strip(&t, step, o, c,
                        inner - c < t.lanes ? inner - c : t.lanes);
    }
done:
    inn_free(job->heap, t.in);
    inn_free(job->heap, t.out);
    inn_free(job->heap, t.turn);
    return st;
}

/* All steps, the last one into out itself. */
static enum inn_status resample(struct job *job)
{
    int64_t dims[INN_MAX_RANK], outer, inner;
    const struct inn_tensor *out = job->out;
    const char *from = job->stored;
    enum inn_type from_type = job->w->grid.type;
    char *now = NULL, *before = NULL;
    enum inn_status st = INN_OK;
    size_t count;
    int i, a;

    memcpy(dims, job->w->grid.dims, sizeof(dims));
    for (i = 0; st == INN_OK && i < job->n_steps; i++) {
        const struct step *step = &job->steps[i];
        struct side to = {out->data, out->type};

        for (outer = 1, a = 0; a < step->axis; a++)
            outer *= dims[a];
        for (inner = 1, a = step->axis + 1; a < out->rank; a++)
            inner *= dims[a];
        dims[step->axis] = step->rows;
        if (i + 1 < job->n_steps) {
            if (!inn_count_dims(&count, dims, out->rank))
                count = SIZE_MAX; /* refused by the heap */
            now = inn_alloc_raw(job->heap, count, sizeof(double), job->err);
            if (now == NULL) {
                st = inn_refused(job->err);
                break;
            }
            to.data = now;
            to.type = INN_F64;
        }
        st = apply(job, step, outer, inner, to, from, from_type);
        inn_free(job->heap, before);
        before = now;
        now = NULL;
        from = to.data;
        from_type = to.type;
    }
    inn_free(job->heap, before);
    return st;
}

/* Where the elements of out come from, axis by axis. */
struct gather {
    const int64_t *col[INN_MAX_RANK]; /* NULL: the same index */
    int64_t dims[INN_MAX_RANK];
    size_t stride[INN_MAX_RANK]; /* bytes of the source */
    int last;                    /* behind this axis all lies together */
    size_t run;                  /* bytes of that */
    char *to;
};

/* Depth is the rank at most. */
static void gather_axis(struct gather *g, int axis, const char *from)
{
    int64_t i;

    for (i = 0; i < g->dims[axis]; i++) {
        const char *at = from + (size_t)(g->col[axis] != NULL
                                             ? g->col[axis][i] : i) *
                                    g->stride[axis];

        if (axis < g->last) {
            gather_axis(g, axis + 1, at);
            continue;
        }
        memcpy(g->to, at, g->run);
        g->to += g->run;
    }
}

static void move(struct job *job, const char *from)
{
    const struct inn_tensor *grid = &job->w->grid;
    struct gather g = {.to = job->out->data};
    size_t stride = inn_type_size(job->out->type);
    int a, i;

    for (a = grid->rank - 1; a >= 0; a--) {
        g.stride[a] = stride;
        g.dims[a] = job->out->dims[a];
        stride *= (size_t)grid->dims[a];
    }
    for (i = 0; i < job->n_steps; i++) {
        g.last = job->steps[i].axis;
        g.col[g.last] = job->steps[i].col;
    }
    g.run = g.stride[g.last];
    gather_axis(&g, 0, from);
}

/* Moves elements only: bits stay unless the file's type is another. */
static enum inn_status rearrange(struct job *job)
{
    const struct inn_tensor *grid = &job->w->grid;
    struct inn_tensor *out = job->out;
    size_t n = inn_tensor_count(grid);
    void *same = NULL;

    if (job->n_steps == 0) {
        convert(out->data, out->type, job->stored, grid->type, n);
        return INN_OK;
    }
    if (grid->type != out->type) {
        same = inn_alloc_raw(job->heap, n, inn_type_size(out->type),
                             job->err);
        if (same == NULL)
            return inn_refused(job->err);
        convert(same, out->type, job->stored, grid->type, n);
    }
    if (out->bytes != 0)
        move(job, same != NULL ? same : job->stored);
    inn_free(job->heap, same);
    return INN_OK;
}

/* A cubic overshoots; what it gives is held to the range of the nodes. */
static void hold_to_range(struct job *job)
{
    const struct inn_tensor *grid = &job->w->grid;
    size_t n = inn_tensor_count(grid), size = inn_type_size(grid->type), i;
    double least = INFINITY, most = -INFINITY, x;
    struct inn_tensor *out = job->out;

    for (i = 0; i < n; i++) {
        inn_convert_elements(&x, INN_F64, (const char *)job->stored + i * size,
                             grid->type, 1);
        least = x < least ? x : least;
        most = x > most ? x : most;
    }
    n = inn_tensor_count(out);
    size = inn_type_size(out->type);
    for (i = 0; i < n; i++) {
        char *at = (char *)out->data + i * size;

        inn_convert_elements(&x, INN_F64, at, out->type, 1);
        x = x < least ? least : x > most ? most : x;
        inn_convert_elements(at, out->type, &x, INN_F64, 1);
    }
}

static enum inn_status fetch(struct job *job, void *data)
{
    const struct inn_model *model = job->s->model;

    if (model->source.load == NULL)
        return inn_fail(job->err, INN_ERR_ARGUMENT,
                        "weight '%s' has no grid", job->name);
    return model->source.load(model->source.state,
                              (int)(job->w - model->weights), data, job->err);
}

static enum inn_status run(struct job *job)
{
    const struct inn_tensor *grid = &job->w->grid;
    bool copies = true;
    enum inn_status st;
    int i;

    if (grid->rank != job->out->rank || !inn_type_is_float(grid->type))
        return inn_fail(job->err, INN_ERR_FORMAT,
                        "weight '%s': rank %d, its grid has %d of type %s",
                        job->name, job->out->rank, grid->rank,
                        inn_type_name(grid->type));
    st = make_steps(job);
    if (st != INN_OK)
        return st;
    for (i = 0; i < job->n_steps; i++)
        copies = copies && job->steps[i].copies;
    job->stored = grid->data;
    if (grid->data == NULL) {
        /* Without a change the source fills the result itself. */
        if (job->n_steps == 0 && grid->type == job->out->type)
            return fetch(job, job->out->data);
        job->loaded = inn_alloc_raw(job->heap, grid->bytes, 1, job->err);
        if (job->loaded == NULL)
            return inn_refused(job->err);
        job->stored = job->loaded;
        st = fetch(job, job->loaded);
        if (st != INN_OK)
            return st;
    }
    if (copies)
        return rearrange(job);
    st = resample(job);
    if (st == INN_OK && job->s->ranged[job->w->value])
        hold_to_range(job);
    return st;
}

enum inn_status inn_weight_sample(const struct inn_sampling *sampling, int w,
                                  struct inn_tensor *out,
                                  struct inn_error *err)
{
    const struct inn_model *model = sampling->model;
    struct inn_error own = {INN_OK, ""};
    struct job job = {.s = sampling, .w = &model->weights[w], .out = out};
    enum inn_status st;

    job.heap = model->heap;
    job.err = err != NULL ? err : &own;
    job.name = model->graph->values[job.w->value].name;
    inn_arena_init(&job.arena, job.heap);
    st = run(&job);
    inn_free(job.heap, job.loaded);
    inn_arena_free(&job.arena);
    return st;
}
