/*
 * The widths of a budget: min Σ_g E_g(n_g) with C(n) ≤ limit, E_g the nested
 * partitions' error curves. C is linear in each width alone (a weight's count
 * is the product of its axes), so its slope in one width depends on others:
 * the greedy descent takes slopes at the widths it has reached.
 */
#include "runtime/grid/plan_spread.h"

#include <math.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/grid/sample.h"

/* Views that may lie between a weight and the graph node that reads it. */
#define MOST_VIEWS 16
/* Errors that differ by less are the same. */
#define EXCHANGE_LEAST 1e-9

struct solver {
    const struct inn_spread_task *task;
    const struct inn_model *model;
    int64_t *widths; /* [n_groups] now */
    int *at;         /* [n_groups] the rung of each */
    int *first, *weights; /* of group g: weights[first[g] … first[g + 1]) */
    int *next;            /* [n_groups] rung that the hull goes on to; 0: end */
    double *slope;        /* [n_groups] error per unit of cost to get there */
    int *path;            /* group of each step down */
    int n_path;
    struct inn_error *err;
};

bool inn_spread_known(const struct inn_model *model)
{
    int g;

    for (g = 0; g < model->n_groups; g++) {
        if (model->groups[g].nested_error != NULL)
            return true;
    }
    return false;
}

static double curve_at(const struct inn_group *g, int64_t n)
{
    double e = n < g->size ? (double)g->nested_error[n - 1] : 0;

    return e > 0 ? e : 0;
}

double inn_spread_error(const struct inn_model *model, int g, int64_t n)
{
    const struct inn_group *group = &model->groups[g];
    double sum = 0, share = (double)n / (double)group->size;
    int i, count = 0;

    if (n >= group->size)
        return 0;
    if (group->nested_error != NULL)
        return curve_at(group, n);
    for (i = 0; i < model->n_groups; i++) {
        const struct inn_group *other = &model->groups[i];
        int64_t k = (int64_t)(share * (double)other->size + 0.5);

        if (other->nested_error == NULL)
            continue;
        sum += curve_at(other, k > 1 ? k : 1);
        count++;
    }
    return count > 0 ? sum / count : 0;
}

/* The weight that a graph node reads as input, through views; or -1. */
static int weight_behind(const struct inn_model *model, int value)
{
    static const char *const views[] = {"Cast", "Identity", "Reshape",
                                        "Transpose"};
    const struct inn_graph *g = model->graph;
    int i;
    size_t k;

    for (i = 0; i < MOST_VIEWS && value >= 0; i++) {
        const struct inn_weight *w = inn_model_weight(model, value);
        const struct inn_node *node;

        if (w != NULL)
            return (int)(w - model->weights);
        if (g->values[value].producer < 0)
            return -1;
        node = &g->nodes[g->values[value].producer];
        for (k = 0; k < INN_COUNT(views); k++) {
            if (strcmp(node->op_type, views[k]) == 0)
                break;
        }
        if (k == INN_COUNT(views) || node->n_inputs < 1)
            return -1;
        value = node->inputs[0];
    }
    return -1;
}

/* What the graph node costs falls on the weight it reads. */
static void price_node(double *prices, const struct inn_model *model,
                       const struct inn_node *node, double cost)
{
    const struct inn_tensor *t;
    int w;

    if (node->n_inputs < 2)
        return;
    w = weight_behind(model, node->inputs[1]);
    if (w < 0)
        w = weight_behind(model, node->inputs[0]);
    if (w < 0)
        return;
    t = model->graph->values[model->weights[w].value].init;
    if (inn_tensor_count(t) > 0)
        prices[w] += cost / (double)inn_tensor_count(t);
}

enum inn_status inn_spread_prices(double *prices,
                                  const struct inn_model *model,
                                  const struct inn_width_request *request,
                                  struct inn_error *err)
{
    const struct inn_graph *g = model->graph;
    struct inn_graph *outline;
    struct inn_shapes shapes;
    enum inn_status st;
    int i;

    for (i = 0; i < model->n_weights; i++)
        prices[i] = request->budget == INN_BUDGET_BYTES ? sizeof(float)
                    : request->budget == INN_BUDGET_PARAMS ? 1 : 0;
    if (request->budget == INN_BUDGET_TIME) {
        for (i = 0; i < g->n_nodes; i++)
            price_node(prices, model, &g->nodes[i],
                       request->pace->node_ns[i]);
    }
    if (request->budget != INN_BUDGET_MACS)
        return INN_OK;
    st = inn_model_outline(&outline, model, err);
    if (st != INN_OK)
        return st;
    st = inn_shapes_infer(&shapes, outline, model->bindings,
                          (size_t)model->n_bindings, INN_DEFAULT_SPATIAL,
                          (size_t)64 << 10, err);
    for (i = 0; st == INN_OK && i < g->n_nodes; i++)
        price_node(prices, model, &g->nodes[i],
                   (double)inn_shapes_macs(&shapes, &g->nodes[i]));
    inn_shapes_free(&shapes);
    inn_graph_free(outline);
    return st;
}

/* Marks, for every group, the weights with it on an axis. */
static void list_weights(struct solver *s, int *last, bool fill)
{
    const struct inn_model *m = s->model;
    int w, a, i, g;

    for (g = 0; g < m->n_groups; g++)
        last[g] = -1;
    for (w = 0; w < m->n_weights; w++) {
        int value = m->weights[w].value;

        for (a = 0; a < m->weights[w].grid.rank; a++) {
            const struct inn_axis *axis = inn_model_axis(m, value, a);

            for (i = 0; axis != NULL && i < axis->n_spans; i++) {
                g = axis->spans[i].group;
                if (g < 0 || last[g] == w)
                    continue;
                last[g] = w;
                if (fill)
                    s->weights[s->first[g]++] = w;
                else
                    s->first[g + 1]++;
            }
        }
    }
}

static enum inn_status prepare(struct solver *s, struct inn_arena *arena)
{
    size_t n = (size_t)s->model->n_groups, steps = 0, g;
    int *last;

    for (g = 0; g < n; g++)
        steps += (size_t)s->task->ladders[g].n - 1;
    s->at = inn_arena_alloc(arena, n, sizeof(*s->at), s->err);
    s->next = inn_arena_alloc(arena, n, sizeof(*s->next), s->err);
    s->slope = inn_arena_alloc(arena, n, sizeof(*s->slope), s->err);
    s->first = inn_arena_alloc(arena, n + 1, sizeof(*s->first), s->err);
    s->path = inn_arena_alloc(arena, steps, sizeof(*s->path), s->err);
    last = inn_arena_alloc(arena, n, sizeof(*last), s->err);
    if (s->at == NULL || s->next == NULL || s->slope == NULL ||
        s->first == NULL || s->path == NULL || last == NULL)
        return inn_refused(s->err);
    list_weights(s, last, false);
    for (g = 0; g < n; g++)
        s->first[g + 1] += s->first[g];
    s->weights = inn_arena_alloc(arena, (size_t)s->first[n],
                                 sizeof(*s->weights), s->err);
    if (s->weights == NULL)
        return inn_refused(s->err);
    list_weights(s, last, true);
    for (g = n; g > 0; g--)
        s->first[g] = s->first[g - 1];
    s->first[0] = 0;
    return INN_OK;
}

static double weight_cost(const struct solver *s, int w)
{
    const struct inn_model *m = s->model;
    const struct inn_tensor *t = m->graph->values[m->weights[w].value].init;
    double n = s->task->prices[w];
    int a;

    for (a = 0; a < t->rank; a++) {
        const struct inn_axis *axis = inn_model_axis(m, m->weights[w].value,
                                                     a);

        n *= (double)(axis != NULL ? inn_axis_length(m, axis, s->widths)
                                   : t->dims[a]);
    }
    return n;
}

/* Of the weights that group g is on, were it on this rung. */
static double cost_on(struct solver *s, int g, int rung)
{
    int64_t width = s->widths[g];
    double sum = 0;
    int i;

    s->widths[g] = s->task->ladders[g].widths[rung];
    for (i = s->first[g]; i < s->first[g + 1]; i++)
        sum += weight_cost(s, s->weights[i]);
    s->widths[g] = width;
    return sum;
}

static double error_on(const struct solver *s, int g, int rung)
{
    return s->task->ladders[g].errors[rung];
}

static void move(struct solver *s, int g, int rung)
{
    s->at[g] = rung;
    s->widths[g] = s->task->ladders[g].widths[rung];
}

static void start(struct solver *s)
{
    int g;

    for (g = 0; g < s->model->n_groups; g++)
        move(s, g, 0);
}

/* The next vertex of the lower hull, seen from the present rung. */
static void find_next(struct solver *s, int g)
{
    const struct inn_ladder *l = &s->task->ladders[g];
    int r, from = s->at[g];
    double least = INFINITY;

    s->next[g] = 0;
    for (r = from + 1; r < l->n; r++) {
        double slope = (l->errors[r] - l->errors[from]) /
                       (double)(l->widths[from] - l->widths[r]);

        /* The farther of equals: fewer steps. */
        if (slope <= least) {
            least = slope;
            s->next[g] = r;
        }
    }
}

static void find_slope(struct solver *s, int g)
{
    double saved;

    s->slope[g] = INFINITY;
    if (s->next[g] == 0)
        return;
    saved = cost_on(s, g, s->at[g]) - cost_on(s, g, s->next[g]);
    if (saved > 0)
        s->slope[g] = (error_on(s, g, s->next[g]) -
                       error_on(s, g, s->at[g])) / saved;
}

/* The slopes that g's width changes: of all it shares weights with. */
static void refresh_slopes(struct solver *s, int g, bool *done)
{
    const struct inn_model *m = s->model;
    int i, a, k;

    memset(done, 0, (size_t)m->n_groups * sizeof(*done));
    find_slope(s, g);
    done[g] = true;
    for (i = s->first[g]; i < s->first[g + 1]; i++) {
        const struct inn_weight *w = &m->weights[s->weights[i]];

        for (a = 0; a < w->grid.rank; a++) {
            const struct inn_axis *axis = inn_model_axis(m, w->value, a);

            for (k = 0; axis != NULL && k < axis->n_spans; k++) {
                int other = axis->spans[k].group;

                if (other < 0 || done[other])
                    continue;
                done[other] = true;
                find_slope(s, other);
            }
        }
    }
}

/* From the widest to the narrowest, the cheapest step first. */
static enum inn_status descend(struct solver *s, struct inn_arena *arena)
{
    int n = s->model->n_groups, g;
    bool *done = inn_arena_alloc(arena, (size_t)n, sizeof(*done), s->err);

    if (done == NULL)
        return inn_refused(s->err);
    start(s);
    for (g = 0; g < n; g++) {
        find_next(s, g);
        find_slope(s, g);
    }
    for (;;) {
        int best = -1;

        for (g = 0; g < n; g++) {
            if (s->next[g] != 0 &&
                (best < 0 || s->slope[g] < s->slope[best]))
                best = g;
        }
        if (best < 0)
            return INN_OK;
        s->path[s->n_path++] = best;
        move(s, best, s->next[best]);
        find_next(s, best);
        refresh_slopes(s, best, done);
    }
}

/* The widths after so many steps of the path. */
static void replay(struct solver *s, int steps)
{
    int i;

    start(s);
    for (i = 0; i < steps; i++) {
        find_next(s, s->path[i]);
        move(s, s->path[i], s->next[s->path[i]]);
    }
}

/* The least number of steps that fits; all of them where none does. */
static enum inn_status stop(struct solver *s, int64_t *value)
{
    const struct inn_spread_task *t = s->task;
    int low = 0, high = s->n_path;
    enum inn_status st;

    while (low < high) {
        int middle = low + (high - low) / 2;

        replay(s, middle);
        st = t->measure(value, t->state, s->widths, s->err);
        if (st != INN_OK)
            return st;
        if ((double)*value <= t->limit)
            high = middle;
        else
            low = middle + 1;
    }
    replay(s, high);
    return t->measure(value, t->state, s->widths, s->err);
}

/* Widens the group that gains most for what is left over; false: none. */
static bool widen(struct solver *s, double *left)
{
    double most = 0, price = 0;
    int g, best = -1;

    for (g = 0; g < s->model->n_groups; g++) {
        double gain, more;

        if (s->at[g] == 0)
            continue;
        gain = error_on(s, g, s->at[g]) - error_on(s, g, s->at[g] - 1);
        more = cost_on(s, g, s->at[g] - 1) - cost_on(s, g, s->at[g]);
        if (more <= *left && gain > most) {
            most = gain;
            price = more;
            best = g;
        }
    }
    if (best < 0)
        return false;
    move(s, best, s->at[best] - 1);
    *left -= price;
    return true;
}

/* One group a rung up, another as many down as that takes. */
struct exchange {
    int up, down, rung;
    double gain, left;
};

static void try_exchange(struct exchange *best, struct solver *s, int up,
                         int down, double gain, double left)
{
    const struct inn_ladder *l = &s->task->ladders[down];
    double have = cost_on(s, down, s->at[down]), lost, after;
    int r;

    for (r = s->at[down] + 1; r < l->n; r++) {
        lost = l->errors[r] - l->errors[s->at[down]];
        if (gain - lost <= best->gain)
            return;
        after = left + have - cost_on(s, down, r);
        if (after < 0)
            continue;
        *best = (struct exchange){up, down, r, gain - lost, after};
        return;
    }
}

static bool trade(struct solver *s, double *left)
{
    struct exchange best = {-1, -1, 0, EXCHANGE_LEAST, 0};
    int g, h;

    for (g = 0; g < s->model->n_groups; g++) {
        double gain, more;

        if (s->at[g] == 0)
            continue;
        gain = error_on(s, g, s->at[g]) - error_on(s, g, s->at[g] - 1);
        more = cost_on(s, g, s->at[g] - 1) - cost_on(s, g, s->at[g]);
        move(s, g, s->at[g] - 1);
        for (h = 0; h < s->model->n_groups; h++) {
            if (h != g)
                try_exchange(&best, s, g, h, gain, *left - more);
        }
        move(s, g, s->at[g] + 1);
    }
    if (best.up < 0)
        return false;
    move(s, best.up, s->at[best.up] - 1);
    move(s, best.down, best.rung);
    *left = best.left;
    return true;
}

static double total_error(const struct solver *s)
{
    double sum = 0;
    int g;

    for (g = 0; g < s->model->n_groups; g++)
        sum += error_on(s, g, s->at[g]);
    return sum;
}

/*
 * Widens and trades from widths that measure value; goes back to them where
 * what comes out is too much after all: prices are those of full width, of
 * MACs not always exact.
 */
static enum inn_status improve(struct solver *s, int64_t value,
                               int64_t *saved)
{
    const struct inn_spread_task *t = s->task;
    int n = s->model->n_groups, rounds = 4 * n, g;
    double left = t->limit - (double)value;
    enum inn_status st;

    memcpy(saved, s->widths, (size_t)n * sizeof(*saved));
    while (rounds-- > 0 && (widen(s, &left) || trade(s, &left)))
        ;
    st = t->measure(&value, t->state, s->widths, s->err);
    if (st != INN_OK || (double)value <= t->limit)
        return st;
    for (g = 0; g < n; g++) {
        while (t->ladders[g].widths[s->at[g]] < saved[g])
            s->at[g]--;
        while (t->ladders[g].widths[s->at[g]] > saved[g])
            s->at[g]++;
    }
    memcpy(s->widths, saved, (size_t)n * sizeof(*saved));
    return INN_OK;
}

/* Puts every group on the rung of these widths; false: there is none. */
static bool stand(struct solver *s, const int64_t *widths)
{
    int g, r;

    for (g = 0; g < s->model->n_groups; g++) {
        const struct inn_ladder *l = &s->task->ladders[g];

        for (r = 0; r < l->n && l->widths[r] != widths[g]; r++)
            ;
        if (r == l->n)
            return false;
        move(s, g, r);
    }
    return true;
}

enum inn_status inn_spread_solve(int64_t *widths,
                                 const struct inn_spread_task *task,
                                 struct inn_error *err)
{
    struct solver s = {.task = task, .model = task->model, .widths = widths,
                       .err = err};
    size_t n = (size_t)task->model->n_groups;
    struct inn_arena arena;
    enum inn_status st;
    int64_t value, *saved, *first;
    double error;

    inn_arena_init(&arena, task->model->heap);
    saved = inn_arena_alloc(&arena, n, sizeof(*saved), err);
    first = inn_arena_alloc(&arena, n, sizeof(*first), err);
    st = saved == NULL || first == NULL ? inn_refused(err)
                                        : prepare(&s, &arena);
    if (st == INN_OK)
        st = descend(&s, &arena);
    if (st == INN_OK)
        st = stop(&s, &value);
    if (st != INN_OK || (double)value > task->limit)
        goto out;
    st = improve(&s, value, saved);
    if (st != INN_OK || task->start == NULL)
        goto out;
    error = total_error(&s);
    memcpy(first, widths, n * sizeof(*first));
    if (stand(&s, task->start)) {
        st = task->measure(&value, task->state, widths, err);
        if (st == INN_OK)
            st = improve(&s, value, saved);
        if (st == INN_OK && total_error(&s) < error)
            goto out;
    }
    memcpy(widths, first, n * sizeof(*first));
out:
    inn_arena_free(&arena);
    return st;
}
