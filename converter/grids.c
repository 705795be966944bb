/*
 * Grids of the weights. With a node per channel a grid is the weight with
 * its channels put into the groups' order, done when the grid is asked for,
 * so that weights are held once. With fewer nodes it is the least-squares
 * fit (fidelity: nodes), made here one axis after the other.
 */
#include "converter/convert.h"

#include <math.h>
#include <string.h>

#include "converter/fit/fit.h"
#include "runtime/base/error.h"
#include "runtime/base/threads.h"
#include "runtime/grid/slots.h"

/* The full and the stored number of channels of every group. */
static enum inn_status both_widths(const struct inn_model *model,
                                   struct inn_arena *arena, int64_t **full,
                                   int64_t **nodes, struct inn_error *err)
{
    size_t n = (size_t)model->n_groups;
    size_t g;

    *full = inn_arena_alloc(arena, n, sizeof(**full), err);
    *nodes = inn_arena_alloc(arena, n, sizeof(**nodes), err);
    if (*full == NULL || *nodes == NULL)
        return inn_refused(err);
    for (g = 0; g < n; g++) {
        (*full)[g] = model->groups[g].size;
        (*nodes)[g] = model->groups[g].nodes;
    }
    return INN_OK;
}

/* The groups on an axis, each once; false when there are none. */
static int next_group(const struct inn_axis *axis, int after)
{
    int best = -1, i;

    for (i = 0; i < axis->n_spans; i++) {
        int g = axis->spans[i].group;

        if (g > after && (best < 0 || g < best))
            best = g;
    }
    return best;
}

/* source[e]: the element of the network that stored element e holds. */
static enum inn_status axis_sources(int64_t *source, int64_t len,
                                    const struct inn_model *model,
                                    const struct inn_axis *axis,
                                    const int64_t *full,
                                    struct inn_arena *arena,
                                    struct inn_error *err)
{
    int64_t e, f, p;
    int g;

    for (e = 0; e < len; e++)
        source[e] = e;
    for (g = next_group(axis, -1); g >= 0; g = next_group(axis, g)) {
        const int64_t *order = model->groups[g].order;
        struct inn_slots s;
        enum inn_status st = inn_axis_slots(&s, model, axis, g, full, arena,
                                            err);

        if (st != INN_OK)
            return st;
        for (f = 0; f < s.functions; f++) {
            for (p = 0; p < s.width; p++)
                source[s.at[f * s.width + p]] = s.at[f * s.width + order[p]];
        }
    }
    return INN_OK;
}

/* Copies in to out with every axis re-ordered by its sources. */
static void permute(char *out, const char *in, const struct inn_tensor *t,
                    int64_t *const *sources)
{
    size_t size = inn_type_size(t->type), count = inn_tensor_count(t), i;
    size_t last = t->rank > 0 ? (size_t)t->dims[t->rank - 1] : 1;
    int64_t index[INN_MAX_RANK] = {0};
    int k;

    for (i = 0; i < count; i += last) {
        size_t at = 0, e;

        for (k = 0; k < t->rank - 1; k++)
            at = at * (size_t)t->dims[k] +
                 (size_t)(sources[k] != NULL ? sources[k][index[k]]
                                             : index[k]);
        at *= last;
        if (t->rank == 0 || sources[t->rank - 1] == NULL) {
            memcpy(out + i * size, in + at * size, last * size);
        } else {
            for (e = 0; e < last; e++)
                memcpy(out + (i + e) * size,
                       in + (at + (size_t)sources[t->rank - 1][e]) * size,
                       size);
        }
        for (k = t->rank - 2; k >= 0 && ++index[k] == t->dims[k]; k--)
            index[k] = 0;
    }
}

/* struct inn_source of a model in the making: state is the model. */
static enum inn_status load_grid(void *state, int w, void *data,
                                 struct inn_error *err)
{
    const struct inn_model *model = state;
    const struct inn_weight *weight = &model->weights[w];
    const struct inn_tensor *t = model->graph->values[weight->value].init;
    int64_t *sources[INN_MAX_RANK] = {NULL}, *full, *nodes;
    struct inn_arena arena;
    enum inn_status st;
    int k;

    if (weight->grid.data != NULL) {
        memcpy(data, weight->grid.data, weight->grid.bytes);
        return INN_OK;
    }
    inn_arena_init(&arena, model->heap);
    st = both_widths(model, &arena, &full, &nodes, err);
    for (k = 0; k < t->rank && st == INN_OK; k++) {
        const struct inn_axis *axis = inn_model_axis(model, weight->value, k);

        if (axis == NULL)
            continue;
        sources[k] = inn_arena_alloc(&arena, (size_t)t->dims[k],
                                     sizeof(**sources), err);
        st = sources[k] == NULL ? inn_refused(err)
             : axis_sources(sources[k], t->dims[k], model, axis, full, &arena,
                            err);
    }
    if (st == INN_OK)
        permute(data, t->data, t, sources);
    inn_arena_free(&arena);
    return st;
}

/* One axis of one weight on its way from channels to nodes. */
struct fitting {
    const struct inn_model *model;
    const struct inn_axis *axis;
    const int64_t *full, *nodes;
    size_t outer, inner;
    int64_t len_in, len_out;
    const double *in;
    double *out;
    double residual, norm;
};

/* Fits all functions of group g on the axis, at every outer and inner. */
static enum inn_status fit_group(struct fitting *f, int g,
                                 struct inn_arena *arena,
                                 struct inn_error *err)
{
    const struct inn_group *group = &f->model->groups[g];
    int64_t n = group->size, m = group->nodes, k, p;
    struct inn_slots from, to;
    double *channels, *nodes;
    enum inn_status st;
    size_t o, i;

    st = inn_axis_slots(&from, f->model, f->axis, g, f->full, arena, err);
    if (st == INN_OK)
        st = inn_axis_slots(&to, f->model, f->axis, g, f->nodes, arena, err);
    if (st != INN_OK)
        return st;
    channels = inn_arena_alloc(arena, f->inner, (size_t)n * sizeof(double),
                               err);
    nodes = inn_arena_alloc(arena, f->inner, (size_t)m * sizeof(double), err);
    if (channels == NULL || nodes == NULL)
        return inn_refused(err);
    for (o = 0; o < f->outer; o++) {
        const double *in = f->in + o * (size_t)f->len_in * f->inner;
        double *out = f->out + o * (size_t)f->len_out * f->inner;

        for (k = 0; k < from.functions; k++) {
            for (p = 0; p < n; p++) {
                size_t at = (size_t)from.at[k * n + group->order[p]];

                for (i = 0; i < f->inner; i++)
                    channels[i * (size_t)n + (size_t)p] =
                        in[at * f->inner + i];
            }
            st = inn_grid_fit(nodes, m, channels, n, (int64_t)f->inner,
                              f->model->kernel, f->model->edge, &f->residual,
                              &f->norm, f->model->heap, err);
            if (st != INN_OK)
                return st;
            for (p = 0; p < m; p++) {
                size_t at = (size_t)to.at[k * m + p];

                for (i = 0; i < f->inner; i++)
                    out[at * f->inner + i] = nodes[i * (size_t)m + (size_t)p];
            }
        }
    }
    return INN_OK;
}

/* Elements that belong to no group are copied to their new places. */
static void copy_fixed(const struct fitting *f)
{
    int64_t from = 0, to = 0;
    int i;

    for (i = 0; i < f->axis->n_spans; i++) {
        const struct inn_span *s = &f->axis->spans[i];
        int64_t begin, end, before = 0, b;
        size_t o;

        if (s->group >= 0) {
            const struct inn_group *g = &f->model->groups[s->group];

            for (b = 0; b < s->block; b++)
                before += g->blocks[b];
            begin = inn_block_start(g, g->nodes, before);
            end = inn_block_start(g, g->nodes, before + g->blocks[s->block]);
            from += g->blocks[s->block] * s->repeat;
            to += (end - begin) * s->repeat;
            continue;
        }
        for (o = 0; o < f->outer; o++)
            memcpy(f->out + (o * (size_t)f->len_out + (size_t)to) * f->inner,
                   f->in + (o * (size_t)f->len_in + (size_t)from) * f->inner,
                   (size_t)s->count * f->inner * sizeof(double));
        from += s->count;
        to += s->count;
    }
}

/* The fitted grid of one weight, into its grid.data. */
static enum inn_status fit_weight(struct inn_model *model,
                                  struct inn_weight *weight,
                                  struct inn_error *err)
{
    const struct inn_tensor *t = model->graph->values[weight->value].init;
    size_t count = inn_tensor_count(t), i;
    struct inn_tensor now = *t;
    int64_t *full, *nodes;
    double *data, residual = 0, norm = 0;
    struct inn_arena arena;
    enum inn_status st;
    int k, j;

    inn_arena_init(&arena, model->heap);
    st = both_widths(model, &arena, &full, &nodes, err);
    data = inn_arena_alloc(&arena, count, sizeof(*data), err);
    if (data == NULL)
        st = inn_refused(err);
    if (st == INN_OK)
        inn_convert_elements(data, INN_F64, t->data, t->type, count);
    for (k = 0; k < t->rank && st == INN_OK; k++) {
        struct fitting f = {.model = model, .full = full, .nodes = nodes,
                            .outer = 1, .inner = 1, .in = data};
        int g;

        f.axis = inn_model_axis(model, weight->value, k);
        if (f.axis == NULL)
            continue;
        for (j = 0; j < k; j++)
            f.outer *= (size_t)now.dims[j];
        for (j = k + 1; j < t->rank; j++)
            f.inner *= (size_t)now.dims[j];
        f.len_in = now.dims[k];
        f.len_out = weight->grid.dims[k];
        f.out = inn_arena_alloc(&arena, f.outer * f.inner,
                                (size_t)f.len_out * sizeof(double), err);
        if (f.out == NULL) {
            st = inn_refused(err);
            break;
        }
        copy_fixed(&f);
        for (g = next_group(f.axis, -1); g >= 0 && st == INN_OK;
             g = next_group(f.axis, g))
            st = fit_group(&f, g, &arena, err);
        now.dims[k] = f.len_out;
        data = f.out;
        residual += f.residual;
        norm = f.norm > norm ? f.norm : norm;
    }
    weight->grid.data = st != INN_OK ? NULL
                        : inn_arena_alloc(&model->arena, weight->grid.bytes,
                                          1, err);
    if (st == INN_OK && weight->grid.data == NULL)
        st = inn_refused(err);
    if (st == INN_OK) {
        i = inn_tensor_count(&weight->grid);
        inn_convert_elements(weight->grid.data, t->type, data, INN_F64, i);
        weight->residual = norm > 0 ? sqrt(residual / norm) : 0;
    }
    inn_arena_free(&arena);
    return st;
}

/* Type and dims of a weight's grid; *fewer: it has fewer nodes. */
static enum inn_status shape_grid(const struct inn_model *model,
                                  struct inn_weight *weight,
                                  const int64_t *nodes, bool *fewer,
                                  struct inn_error *err)
{
    const struct inn_tensor *t = model->graph->values[weight->value].init;
    int64_t dims[INN_MAX_RANK];
    int k;

    *fewer = false;
    for (k = 0; k < t->rank; k++) {
        const struct inn_axis *axis = inn_model_axis(model, weight->value, k);

        dims[k] = axis == NULL ? t->dims[k]
                               : inn_axis_length(model, axis, nodes);
        *fewer = *fewer || dims[k] != t->dims[k];
    }
    return inn_tensor_init(&weight->grid, t->type, t->rank, dims, err);
}

/* The residual of a group: that of its worst weight. */
static void note_residual(struct inn_model *model,
                          const struct inn_weight *weight)
{
    int i, k;

    for (i = 0; i < model->n_axes; i++) {
        const struct inn_axis *axis = &model->axes[i];

        for (k = 0; axis->value == weight->value && k < axis->n_spans; k++) {
            struct inn_group *g;

            if (axis->spans[k].group < 0)
                continue;
            g = &model->groups[axis->spans[k].group];
            if (weight->residual > g->residual)
                g->residual = weight->residual;
        }
    }
}

enum inn_status inn_make_grids(struct inn_model *model,
                               struct inn_error *err)
{
    const struct inn_graph *graph = model->graph;
    struct inn_arena arena;
    int64_t *full, *nodes;
    enum inn_status st;
    int v, n = 0;

    inn_arena_init(&arena, model->heap);
    st = both_widths(model, &arena, &full, &nodes, err);
    for (v = 0; v < graph->n_values; v++)
        n += graph->values[v].init != NULL;
    model->weights = inn_arena_alloc(&model->arena, (size_t)n + 1,
                                     sizeof(*model->weights), err);
    if (model->weights == NULL)
        st = inn_refused(err);
    for (v = 0; v < graph->n_values && st == INN_OK; v++) {
        struct inn_weight *weight = &model->weights[model->n_weights];
        bool fewer;

        if (graph->values[v].init == NULL ||
            !inn_type_is_float(graph->values[v].init->type))
            continue;
        weight->value = v;
        model->n_weights++;
        st = shape_grid(model, weight, nodes, &fewer, err);
        if (st == INN_OK && fewer)
            st = fit_weight(model, weight, err);
        if (st == INN_OK)
            note_residual(model, weight);
    }
    inn_arena_free(&arena);
    model->source.state = model;
    model->source.load = load_grid;
    return st;
}
