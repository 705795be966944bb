/*
 * Sampling a model: the graph resized and cut loose (resize.c, detach.c), the
 * maps of all groups made once, then every weight filled on its own
 * (weights.c).
 */
#include "runtime/grid/sample.h"

#include <inttypes.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/base/threads.h"
#include "runtime/grid/internal.h"
#include "runtime/grid/moments.h"

/* Row i of the map becomes what row from[i] was. */
static enum inn_status permute_rows(struct inn_axis_map *map,
                                    const int64_t *from,
                                    struct inn_arena *arena,
                                    struct inn_error *err)
{
    struct inn_axis_map old = *map;
    size_t entries = (size_t)old.start[old.rows];
    int64_t i, k, at = 0;

    map->start = inn_arena_alloc(arena, (size_t)old.rows + 1,
                                 sizeof(*map->start), err);
    map->col = inn_arena_alloc(arena, entries, sizeof(*map->col), err);
    map->weight = inn_arena_alloc(arena, entries, sizeof(*map->weight), err);
    if (map->start == NULL || map->col == NULL || map->weight == NULL)
        return inn_refused(err);
    for (i = 0; i < old.rows; i++) {
        map->start[i] = at;
        for (k = old.start[from[i]]; k < old.start[from[i] + 1]; k++) {
            map->col[at] = old.col[k];
            map->weight[at++] = old.weight[k];
        }
    }
    map->start[old.rows] = at;
    return INN_OK;
}

/* The n most wanted channels, in the group's order. */
static enum inn_status keep_wanted(struct inn_axis_map *map,
                                   const struct inn_group *g, int64_t n,
                                   int64_t *scratch, struct inn_arena *arena,
                                   struct inn_error *err)
{
    int64_t *positions, p, kept = 0;
    enum inn_status st;

    if (g->nodes != g->size || g->l1_rank == NULL)
        return inn_fail(err, INN_ERR_RANGE,
                        "group '%s': partition l1 keeps whole channels, and "
                        "the file has %" PRId64 " nodes for %" PRId64
                        " channels; use uniform", g->name, g->nodes, g->size);
    st = inn_order_invert(scratch, g, g->l1_rank, "L1 ranking", err);
    if (st != INN_OK)
        return st;
    positions = inn_arena_alloc(arena, (size_t)n, sizeof(*positions), err);
    if (positions == NULL)
        return inn_refused(err);
    /* scratch: the rank of each channel */
    for (p = 0; p < g->size && kept < n; p++) {
        if (scratch[g->order[p]] < n)
            positions[kept++] = p;
    }
    return inn_axis_map_select(map, positions, n, g->size, arena, err);
}

static void summarise(struct inn_group_maps *m)
{
    const struct inn_axis_map *both[2];
    int64_t i, used;
    int k;

    both[0] = &m->values;
    both[1] = &m->sums;
    m->taps = 1;
    m->copies = true;
    for (k = 0; k < 2; k++) {
        for (i = 0; i < both[k]->rows; i++) {
            used = both[k]->start[i + 1] - both[k]->start[i];
            if (used > m->taps)
                m->taps = (int)used;
            if (used != 1 || both[k]->weight[both[k]->start[i]] != 1.0)
                m->copies = false;
        }
    }
}

/*
 * Whether a group's channels lie on matrices alone, where partition weights
 * takes those of large weights. Along the channels of convolutions weights
 * vary more smoothly, and there it samples evenly: doc/results.md has what
 * both lose.
 */
static void mark_matrices(bool *matrices, const struct inn_model *model)
{
    int a, s, g;

    for (g = 0; g < model->n_groups; g++)
        matrices[g] = model->groups[g].nodes == model->groups[g].size &&
                      model->groups[g].l1_rank != NULL;
    for (a = 0; a < model->n_axes; a++) {
        const struct inn_axis *axis = &model->axes[a];
        const struct inn_weight *w = inn_model_weight(model, axis->value);

        for (s = 0; w != NULL && axis->role == INN_ROLE_IN &&
                    w->grid.rank > 2 && s < axis->n_spans; s++) {
            if (axis->spans[s].group >= 0)
                matrices[axis->spans[s].group] = false;
        }
    }
}

static enum inn_status make_maps(struct inn_group_maps *m,
                                 const struct inn_model *model,
                                 const struct inn_group *g,
                                 const struct inn_plan *plan, int64_t n,
                                 bool matrices, struct inn_arena *arena,
                                 struct inn_error *err)
{
    bool full = n == g->size;
    bool by_weights = plan->partition == INN_PARTITION_WEIGHTS ||
                      (plan->partition == INN_PARTITION_MOMENTS &&
                       g->nested == NULL);
    enum inn_status st;
    int64_t *position;

    position = inn_alloc(model->heap, (size_t)g->size, sizeof(*position),
                         err);
    if (position == NULL)
        return inn_refused(err);
    st = inn_order_invert(position, g, g->order, "order", err);
    if (st != INN_OK)
        goto out;
    if (full && g->nodes == g->size) {
        /* Every channel goes back to where the network has it. */
        st = inn_axis_map_select(&m->values, position, n, n, arena, err);
        m->sums = m->values;
    } else if ((plan->partition == INN_PARTITION_L1 ||
                (by_weights && matrices)) && n < g->size) {
        st = keep_wanted(&m->values, g, n, position, arena, err);
        m->sums = m->values;
    } else if (plan->partition == INN_PARTITION_MOMENTS && n < g->size &&
               g->nested != NULL) {
        st = inn_nested_positions(position, g, n, model->heap, err);
        if (st == INN_OK)
            st = inn_axis_map_select(&m->values, position, n, g->size, arena,
                                     err);
        m->sums = m->values;
    } else {
        enum inn_quadrature rule = plan->quadrature;

        if (rule == INN_QUAD_MOMENTS)
            rule = by_weights && n < g->size ? INN_QUAD_GAUSS
                                             : INN_QUAD_TRAPEZOID;
        st = inn_axis_map_uniform(&m->values, &m->sums, g, model->kernel,
                                  model->edge, rule, n, arena, err);
        if (st == INN_OK && full)
            st = permute_rows(&m->values, position, arena, err);
        if (st == INN_OK && full)
            st = permute_rows(&m->sums, position, arena, err);
    }
    if (st == INN_OK)
        summarise(m);
out:
    inn_free(model->heap, position);
    return st;
}

/* The quadratures of all consumer inputs whose group is cut. */
static enum inn_status make_lsq(struct inn_sampling *s,
                                const struct inn_plan *plan, int threads,
                                struct inn_arena *arena,
                                struct inn_error *err)
{
    const struct inn_model *model = s->model;
    enum inn_status st;
    double *gains;
    int i;

    s->lsq = inn_arena_alloc(arena, (size_t)model->n_moments, sizeof(*s->lsq),
                             err);
    gains = inn_arena_alloc(arena, (size_t)model->n_moments, sizeof(*gains),
                            err);
    if (s->lsq == NULL || gains == NULL)
        return inn_refused(err);
    if (plan->partition != INN_PARTITION_MOMENTS ||
        plan->quadrature != INN_QUAD_MOMENTS)
        return INN_OK;
    st = inn_moments_gains(gains, model, plan->widths, err);
    for (i = 0; st == INN_OK && i < model->n_moments; i++) {
        const struct inn_moments *m = &model->moments[i];
        const struct inn_group *g = &model->groups[m->group];

        if (plan->widths[m->group] >= g->size || g->nested == NULL)
            continue;
        s->lsq[i].offset = inn_arena_alloc(arena, (size_t)g->size,
                                           sizeof(double), err);
        if (s->lsq[i].offset == NULL)
            return inn_refused(err);
        st = inn_moments_quadrature(&s->lsq[i].sums, s->lsq[i].offset, model,
                                    m, plan->widths[m->group], gains[i],
                                    threads, arena, err);
    }
    return st;
}

const struct inn_lsq *inn_sampling_lsq(const struct inn_sampling *sampling,
                                       int weight, int axis, int group)
{
    const struct inn_model *model = sampling->model;
    int low = 0, high = model->n_consumers;

    while (low < high) {
        int middle = low + (high - low) / 2;
        const struct inn_consumer *c = &model->consumers[middle];

        if (c->weight < weight || (c->weight == weight && c->axis < axis))
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < model->n_consumers; low++) {
        const struct inn_consumer *c = &model->consumers[low];

        if (c->weight != weight || c->axis != axis)
            break;
        if (model->moments[c->moments].group == group &&
            sampling->lsq[c->moments].sums.rows > 0)
            return &sampling->lsq[c->moments];
    }
    return NULL;
}

/* The variances of BatchNormalization that was not folded. */
static enum inn_status mark_variances(struct inn_sampling *s,
                                      struct inn_arena *arena,
                                      struct inn_error *err)
{
    const struct inn_graph *g = s->model->graph;
    int k;

    s->ranged = inn_arena_alloc(arena, (size_t)g->n_values,
                                sizeof(*s->ranged), err);
    if (s->ranged == NULL)
        return inn_refused(err);
    for (k = 0; k < g->n_nodes; k++) {
        const struct inn_node *node = &g->nodes[k];

        if (node->domain[0] == '\0' && node->n_inputs == 5 &&
            strcmp(node->op_type, "BatchNormalization") == 0 &&
            node->inputs[4] >= 0)
            s->ranged[node->inputs[4]] = true;
    }
    return INN_OK;
}

enum inn_status inn_sampling_maps(struct inn_group_maps *maps,
                                  const struct inn_model *model,
                                  const struct inn_plan *plan,
                                  struct inn_arena *arena,
                                  struct inn_error *err)
{
    bool *matrices = inn_arena_alloc(arena, (size_t)model->n_groups,
                                     sizeof(*matrices), err);
    enum inn_status st = INN_OK;
    int g;

    if (matrices == NULL)
        return inn_refused(err);
    mark_matrices(matrices, model);
    for (g = 0; st == INN_OK && g < model->n_groups; g++)
        st = make_maps(&maps[g], model, &model->groups[g], plan,
                       plan->widths[g], matrices[g], arena, err);
    return st;
}

enum inn_status inn_sampling_init(struct inn_sampling *sampling,
                                  const struct inn_model *model,
                                  const struct inn_plan *plan, int threads,
                                  struct inn_arena *arena,
                                  struct inn_error *err)
{
    size_t n = (size_t)model->n_groups;
    enum inn_status st;
    int g;

    sampling->model = model;
    sampling->widths = plan->widths;
    st = mark_variances(sampling, arena, err);
    if (st != INN_OK)
        return st;
    sampling->nodes = inn_arena_alloc(arena, n, sizeof(*sampling->nodes),
                                      err);
    sampling->maps = inn_arena_alloc(arena, n, sizeof(*sampling->maps), err);
    if (sampling->nodes == NULL || sampling->maps == NULL)
        return inn_refused(err);
    for (g = 0; g < model->n_groups; g++)
        sampling->nodes[g] = model->groups[g].nodes;
    st = inn_sampling_maps(sampling->maps, model, plan, arena, err);
    return st == INN_OK ? make_lsq(sampling, plan, threads, arena, err) : st;
}

enum inn_status inn_check_widths(const struct inn_model *model,
                                 const int64_t *widths,
                                 struct inn_error *err)
{
    int g;

    for (g = 0; g < model->n_groups; g++) {
        int64_t size = model->groups[g].size;
        int64_t most = inn_group_widest(&model->groups[g]);

        if (widths[g] < 1 || widths[g] / 4 > size || widths[g] > most)
            return inn_fail(err, INN_ERR_RANGE,
                            "group '%s': width %" PRId64 " is not in 1..%"
                            PRId64 " (%d x %" PRId64 ")",
                            model->groups[g].name, widths[g], most,
                            size > 1 ? 4 : 1, size);
    }
    return INN_OK;
}

/* All weights at once; each part writes its own tensor and verdict. */
struct work {
    struct inn_sampling sampling;
    struct inn_graph *graph;
    struct inn_error *errors; /* [n_weights] */
};

static void one_weight(void *context, size_t part)
{
    struct work *work = context;
    int v = work->sampling.model->weights[part].value;

    work->errors[part].status =
        inn_weight_sample(&work->sampling, (int)part,
                          work->graph->values[v].init, &work->errors[part]);
}

/* Memory for all results: the arena is not for threads. */
static enum inn_status make_room(struct inn_graph *graph,
                                 const struct inn_model *model,
                                 struct inn_error *err)
{
    struct inn_tensor *t;
    int w;

    for (w = 0; w < model->n_weights; w++) {
        t = graph->values[model->weights[w].value].init;
        t->data = inn_arena_alloc(&graph->arena, t->bytes, 1, err);
        if (t->data == NULL)
            return inn_refused(err);
    }
    return INN_OK;
}

static enum inn_status fill_weights(struct inn_graph *graph,
                                    const struct inn_model *model,
                                    const struct inn_plan *plan, int threads,
                                    struct inn_error *err)
{
    struct work work = {.graph = graph};
    struct inn_arena arena;
    enum inn_status st;
    int w;

    inn_arena_init(&arena, model->heap);
    work.errors = inn_alloc(model->heap, (size_t)model->n_weights,
                            sizeof(*work.errors), err);
    if (work.errors == NULL) {
        st = inn_refused(err);
        goto out;
    }
    st = inn_sampling_init(&work.sampling, model, plan, threads, &arena, err);
    if (st == INN_OK)
        st = make_room(graph, model, err);
    if (st != INN_OK)
        goto out;
    inn_parallel(threads, (size_t)model->n_weights, one_weight, &work);
    for (w = 0; st == INN_OK && w < model->n_weights; w++) {
        st = work.errors[w].status;
        if (st != INN_OK && err != NULL)
            *err = work.errors[w];
    }
    if (st == INN_OK)
        st = inn_correct_biases(graph, &work.sampling, err);
out:
    inn_free(model->heap, work.errors);
    inn_arena_free(&arena);
    return st;
}

enum inn_status inn_model_sample(struct inn_graph **graph,
                                 const struct inn_model *model,
                                 const struct inn_plan *plan, int threads,
                                 struct inn_error *err)
{
    struct inn_graph *g = NULL;
    enum inn_status st;

    *graph = NULL;
    if (plan->n_groups != model->n_groups)
        return inn_fail(err, INN_ERR_ARGUMENT,
                        "the plan has %d groups, the network %d",
                        plan->n_groups, model->n_groups);
    st = inn_model_resize(&g, model, plan->widths, err);
    if (st == INN_OK)
        st = inn_graph_detach(g, err);
    if (st == INN_OK)
        st = fill_weights(g, model, plan, threads, err);
    if (st != INN_OK)
        goto out;
    *graph = g;
    g = NULL;
out:
    inn_graph_free(g);
    return st;
}
