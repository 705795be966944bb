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

/* source[e]: the element of the network that stored element e holds. */
static enum inn_status axis_sources(int64_t *source, int64_t len,
                                    const struct inn_model *model,
                                    const struct inn_axis *axis,
                                    const int64_t *full,
                                    struct inn_arena *arena,
                                    struct inn_error *err)
{
    struct inn_slots *slots;
    int64_t e, f, p;
    enum inn_status st;
    int n, i;

    st = inn_axis_all_slots(&slots, &n, model, axis, full, arena, err);
    if (st != INN_OK)
        return st;
    for (e = 0; e < len; e++)
        source[e] = e;
    for (i = 0; i < n; i++) {
        const struct inn_slots *s = &slots[i];
        const int64_t *order = model->groups[s->group].order;

        for (f = 0; f < s->functions; f++) {
            for (p = 0; p < s->width; p++)
                source[s->at[f * s->width + p]] =
                    s->at[f * s->width + order[p]];
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

/* One axis of one weight on its way between channels and nodes. */
struct pass {
    const struct inn_model *model;
    const struct inn_axis *axis;
    size_t outer, inner;
    int64_t len_in, len_out;
    const double *in;
    double *out;
};

/* Carries all functions of a group over, at every outer and inner. */
typedef enum inn_status carry_fn(const struct pass *p,
                                 const struct inn_slots *from,
                                 const struct inn_slots *to,
                                 struct inn_arena *arena,
                                 struct inn_error *err);

static enum inn_status fit_group(const struct pass *p,
                                 const struct inn_slots *from,
                                 const struct inn_slots *to,
                                 struct inn_arena *arena,
                                 struct inn_error *err)
{
    const int64_t *order = p->model->groups[from->group].order;
    int64_t n = from->width, m = to->width, f, k;
    double *channels, *nodes;
    enum inn_status st;
    size_t o, i;

    channels = inn_arena_alloc(arena, p->inner, (size_t)n * sizeof(double),
                               err);
    nodes = inn_arena_alloc(arena, p->inner, (size_t)m * sizeof(double), err);
    if (channels == NULL || nodes == NULL)
        return inn_refused(err);
    for (o = 0; o < p->outer; o++) {
        const double *in = p->in + o * (size_t)p->len_in * p->inner;
        double *out = p->out + o * (size_t)p->len_out * p->inner;

        for (f = 0; f < from->functions; f++) {
            for (k = 0; k < n; k++) {
                size_t at = (size_t)from->at[f * n + order[k]];

                for (i = 0; i < p->inner; i++)
                    channels[i * (size_t)n + (size_t)k] =
                        in[at * p->inner + i];
            }
            st = inn_grid_fit(nodes, m, channels, n, (int64_t)p->inner,
                              p->model->kernel, p->model->edge,
                              p->model->heap, err);
            if (st != INN_OK)
                return st;
            for (k = 0; k < m; k++) {
                size_t at = (size_t)to->at[f * m + k];

                for (i = 0; i < p->inner; i++)
                    out[at * p->inner + i] = nodes[i * (size_t)m + (size_t)k];
            }
        }
    }
    return INN_OK;
}

/* What sampling at full width makes of the nodes: Bλ. */
static enum inn_status expand_group(const struct pass *p,
                                    const struct inn_slots *from,
                                    const struct inn_slots *to,
                                    struct inn_arena *arena,
                                    struct inn_error *err)
{
    const struct inn_group *group = &p->model->groups[from->group];
    struct inn_axis_map values, sums;
    int64_t f, k, t;
    enum inn_status st;
    size_t o, i;

    st = inn_axis_map_uniform(&values, &sums, group, p->model->kernel,
                              p->model->edge, INN_QUAD_TRAPEZOID,
                              group->size, arena, err);
    if (st != INN_OK)
        return st;
    for (o = 0; o < p->outer; o++) {
        const double *in = p->in + o * (size_t)p->len_in * p->inner;
        double *out = p->out + o * (size_t)p->len_out * p->inner;

        for (f = 0; f < from->functions; f++) {
            for (k = 0; k < to->width; k++) {
                double *row = out + (size_t)to->at[f * to->width +
                                                   group->order[k]] *
                                        p->inner;

                for (t = values.start[k]; t < values.start[k + 1]; t++) {
                    const double *node =
                        in + (size_t)from->at[f * from->width +
                                              values.col[t]] * p->inner;

                    for (i = 0; i < p->inner; i++)
                        row[i] += values.weight[t] * node[i];
                }
            }
        }
    }
    return INN_OK;
}

/* Elements that belong to no group are copied to their new places. */
static void copy_fixed(const struct pass *p, const int64_t *from,
                       const int64_t *to)
{
    int64_t in = 0, out = 0;
    size_t o;
    int i;

    for (i = 0; i < p->axis->n_spans; i++) {
        const struct inn_span *s = &p->axis->spans[i];

        for (o = 0; s->group < 0 && o < p->outer; o++)
            memcpy(p->out + (o * (size_t)p->len_out + (size_t)out) * p->inner,
                   p->in + (o * (size_t)p->len_in + (size_t)in) * p->inner,
                   (size_t)s->count * p->inner * sizeof(double));
        in += inn_span_length(p->model, s, from);
        out += inn_span_length(p->model, s, to);
    }
}

/*
 * All axes of a weight from some widths to others, one after the other;
 * *data, of the arena, is replaced.
 */
static enum inn_status carry(double **data, const struct inn_model *model,
                             int value, const int64_t *from,
                             const int64_t *to, carry_fn *group,
                             struct inn_arena *arena, struct inn_error *err)
{
    const struct inn_tensor *t = model->graph->values[value].init;
    const struct inn_axis *axes[INN_MAX_RANK];
    int64_t dims[INN_MAX_RANK];
    enum inn_status st = INN_OK;
    int k, j, n;

    for (k = 0; k < t->rank; k++) {
        axes[k] = inn_model_axis(model, value, k);
        dims[k] = axes[k] == NULL ? t->dims[k]
                                  : inn_axis_length(model, axes[k], from);
    }
    for (k = 0; k < t->rank && st == INN_OK; k++) {
        struct pass p = {.model = model, .axis = axes[k], .outer = 1,
                         .inner = 1, .in = *data};
        struct inn_slots *old, *new;

        if (p.axis == NULL)
            continue;
        for (j = 0; j < k; j++)
            p.outer *= (size_t)dims[j];
        for (j = k + 1; j < t->rank; j++)
            p.inner *= (size_t)dims[j];
        p.len_in = dims[k];
        dims[k] = p.len_out = inn_axis_length(model, p.axis, to);
        p.out = inn_arena_alloc(arena, p.outer * p.inner,
                                (size_t)p.len_out * sizeof(double), err);
        if (p.out == NULL)
            return inn_refused(err);
        *data = p.out;
        copy_fixed(&p, from, to);
        st = inn_axis_all_slots(&old, &n, model, p.axis, from, arena, err);
        if (st == INN_OK)
            st = inn_axis_all_slots(&new, &n, model, p.axis, to, arena, err);
        for (j = 0; st == INN_OK && j < n; j++)
            st = group(&p, &old[j], &new[j], arena, err);
    }
    return st;
}

/* ‖a − w‖/‖w‖ */
static double residual(const double *a, const double *w, size_t count)
{
    double sum = 0, norm = 0;
    size_t i;

    for (i = 0; i < count; i++) {
        sum += (a[i] - w[i]) * (a[i] - w[i]);
        norm += w[i] * w[i];
    }
    return norm > 0 ? sqrt(sum / norm) : 0;
}

/*
 * The fitted grid of one weight, into its grid.data. Axis by axis gives the
 * least squares of the product of the maps; what remains is measured on the
 * channels that all of them together give back.
 */
static enum inn_status fit_weight(struct inn_model *model,
                                  struct inn_weight *weight,
                                  struct inn_error *err)
{
    const struct inn_tensor *t = model->graph->values[weight->value].init;
    size_t count = inn_tensor_count(t);
    struct inn_tensor *grid = &weight->grid;
    int64_t *full, *nodes;
    double *data, *channels;
    struct inn_arena arena;
    enum inn_status st;

    inn_arena_init(&arena, model->heap);
    st = both_widths(model, &arena, &full, &nodes, err);
    if (st != INN_OK)
        goto out;
    data = channels = inn_arena_alloc(&arena, count, sizeof(*data), err);
    grid->data = data == NULL ? NULL
                 : inn_arena_alloc(&model->arena, grid->bytes, 1, err);
    if (grid->data == NULL) {
        st = inn_refused(err);
        goto out;
    }
    inn_convert_elements(data, INN_F64, t->data, t->type, count);
    st = carry(&data, model, weight->value, full, nodes, fit_group, &arena,
               err);
    if (st != INN_OK)
        goto out;
    inn_convert_elements(grid->data, t->type, data, INN_F64,
                         inn_tensor_count(grid));
    st = carry(&data, model, weight->value, nodes, full, expand_group, &arena,
               err);
    if (st == INN_OK)
        weight->residual = residual(data, channels, count);
out:
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
    int rank = model->graph->values[weight->value].init->rank, i, k;

    for (i = 0; i < rank && weight->residual > 0; i++) {
        const struct inn_axis *axis = inn_model_axis(model, weight->value, i);

        for (k = 0; axis != NULL && k < axis->n_spans; k++) {
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
