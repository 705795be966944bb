/*
 * Widths for a request: globs choose groups, factors are rounded to
 * multiples, a budget is met by bisecting the common factor. Costs come from
 * the axes alone where they can (parameters), else from the resized graph.
 */
#include "runtime/grid/plan.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/checked.h"
#include "runtime/base/error.h"
#include "runtime/base/glob.h"
#include "runtime/grid/internal.h"
#include "runtime/grid/plan_spread.h"
#include "runtime/grid/sample.h"

/* A factor's digits below 2^-40 change no width. */
#define BISECTIONS 40
#define NS_PER_MS 1e6
/* Widest sampling there is, in multiples of N. */
#define WIDEST 4

/* A request with its globs resolved. */
struct wish {
    const struct inn_model *model;
    const struct inn_width_request *request;
    int64_t *fixed; /* [n_groups] a width that is settled, or 0 */
};

void inn_plan_free(struct inn_plan *plan)
{
    if (plan == NULL || plan->heap == NULL)
        return;
    inn_free(plan->heap, plan->widths);
    memset(plan, 0, sizeof(*plan));
}

enum inn_status inn_plan_full(struct inn_plan *plan,
                              const struct inn_model *model,
                              struct inn_error *err)
{
    int g;

    memset(plan, 0, sizeof(*plan));
    plan->heap = model->heap;
    plan->n_groups = model->n_groups;
    plan->widths = inn_alloc(model->heap, (size_t)model->n_groups,
                             sizeof(*plan->widths), err);
    if (plan->widths == NULL)
        return inn_refused(err);
    for (g = 0; g < model->n_groups; g++)
        plan->widths[g] = model->groups[g].size;
    return INN_OK;
}

/* "…; there are 'a', 'b' and 7 more": what would have matched. */
static enum inn_status no_group(const struct inn_model *model,
                                const char *glob, struct inn_error *err)
{
    char names[300] = "";
    size_t used = 0;
    int g, shown = 0;

    for (g = 0; g < model->n_groups; g++) {
        const char *name = model->groups[g].name;
        size_t need = strlen(name) + 4;

        if (used + need >= sizeof(names) - 32)
            break;
        used += (size_t)snprintf(names + used, sizeof(names) - used,
                                 "%s'%s'", shown != 0 ? ", " : "", name);
        shown++;
    }
    if (model->n_groups == 0)
        return inn_fail(err, INN_ERR_RANGE,
                        "no group matches '%s': the network has none",
                        glob);
    if (shown < model->n_groups)
        snprintf(names + used, sizeof(names) - used, " and %d more",
                 model->n_groups - shown);
    return inn_fail(err, INN_ERR_RANGE,
                    "no group matches '%s'; there are %s", glob, names);
}

static bool matches(const char *glob, const struct inn_group *g)
{
    return inn_glob_match(glob, g->name);
}

/* Whether a width leaves a block without a channel. */
static bool starves(const struct inn_group *g, int64_t n)
{
    int64_t at = 0, next;
    int b;

    for (b = 0; b < g->n_blocks; b++) {
        next = inn_block_start(g, n, b + 1);
        if (next == at)
            return true;
        at = next;
    }
    return false;
}

static int64_t round_of(const struct inn_width_request *r,
                        const struct inn_group *g)
{
    return r->round > 0 ? r->round : (g->size >= 64 ? 8 : 1);
}

/* F·N to the nearest multiple, within what the request and blocks allow. */
static int64_t width_for(const struct inn_width_request *r,
                         const struct inn_group *g, double factor)
{
    int64_t step = round_of(r, g), least = r->min > 1 ? r->min : 1, n;
    int64_t most = factor > 1.0 ? inn_group_widest(g) : g->size;

    if (factor == 1.0)
        return g->size;
    n = (int64_t)floor(factor * (double)g->size / (double)step + 0.5) * step;
    if (n < step)
        n = step;
    if (n < least)
        n = (least - 1) / step * step + step;
    /* A multiple that is too wide for 4 N gives way to the one below. */
    if (n > most)
        n = factor > 1.0 && most / step > 0 ? most / step * step : most;
    while (n < most && starves(g, n))
        n = n + step < most ? n + step : most;
    return n;
}

static enum inn_status check_factor(double factor, const char *glob,
                                    struct inn_error *err)
{
    if (factor > 0.0 && factor <= (double)WIDEST)
        return INN_OK;
    return inn_fail(err, INN_ERR_RANGE,
                    "width %g for '%s' is not in (0, %d]", factor, glob,
                    WIDEST);
}

/* An exact width, as --set GLOB=N and plan files give it. */
static enum inn_status check_count(const struct inn_group *g, double value,
                                   struct inn_error *err)
{
    if (g->size == 1 && value != 1.0)
        return inn_fail(err, INN_ERR_RANGE,
                        "group '%s': width %g is not that of its single "
                        "channel", g->name, value);
    if (!(value >= 1.0 && value <= (double)inn_group_widest(g)) ||
        value != floor(value))
        return inn_fail(err, INN_ERR_RANGE,
                        "group '%s': width %g is not a whole number in "
                        "1..%" PRId64 " (%d x %" PRId64 ")", g->name, value,
                        inn_group_widest(g), WIDEST, g->size);
    if (starves(g, (int64_t)value))
        return inn_fail(err, INN_ERR_RANGE,
                        "group '%s': width %g leaves one of its %d blocks "
                        "without a channel", g->name, value, g->n_blocks);
    return INN_OK;
}

/* Settles the groups that glob matches, or all others, at full width. */
static enum inn_status settle(struct wish *w, const char *const *globs,
                              size_t n, bool only, struct inn_error *err)
{
    const struct inn_model *model = w->model;
    size_t i;
    int g;

    for (i = 0; i < n; i++) {
        for (g = 0; g < model->n_groups; g++) {
            if (matches(globs[i], &model->groups[g]))
                break;
        }
        if (g == model->n_groups)
            return no_group(model, globs[i], err);
    }
    for (g = 0; n != 0 && g < model->n_groups; g++) {
        for (i = 0; i < n; i++) {
            if (matches(globs[i], &model->groups[g]))
                break;
        }
        if ((i < n) != only)
            w->fixed[g] = model->groups[g].size;
    }
    return INN_OK;
}

/* One rule; frozen groups keep their width whatever it says. */
static enum inn_status apply_rule(struct wish *w, const bool *frozen,
                                  const struct inn_width_rule *rule,
                                  struct inn_error *err)
{
    const struct inn_model *model = w->model;
    int g, hits = 0, changed = 0;
    enum inn_status st;

    if (rule->is_factor) {
        st = check_factor(rule->value, rule->glob, err);
        if (st != INN_OK)
            return st;
    }
    for (g = 0; g < model->n_groups; g++) {
        if (!matches(rule->glob, &model->groups[g]))
            continue;
        hits++;
        if (frozen[g])
            continue;
        changed++;
        if (!rule->is_factor) {
            st = check_count(&model->groups[g], rule->value, err);
            if (st != INN_OK)
                return st;
        }
        w->fixed[g] = rule->is_factor
                          ? width_for(w->request, &model->groups[g],
                                      rule->value)
                          : (int64_t)rule->value;
    }
    if (hits == 0)
        return no_group(model, rule->glob, err);
    if (changed == 0)
        return inn_fail(err, INN_ERR_RANGE,
                        "every group that '%s' matches is frozen",
                        rule->glob);
    return INN_OK;
}

static enum inn_status resolve(struct wish *w, struct inn_error *err)
{
    const struct inn_width_request *r = w->request;
    size_t n = (size_t)w->model->n_groups, i;
    enum inn_status st;
    bool *frozen;

    st = settle(w, r->only, r->n_only, true, err);
    if (st == INN_OK)
        st = settle(w, r->freeze, r->n_freeze, false, err);
    if (st != INN_OK)
        return st;
    frozen = inn_alloc(w->model->heap, n, sizeof(*frozen), err);
    if (frozen == NULL)
        return inn_refused(err);
    for (i = 0; i < n; i++)
        frozen[i] = w->fixed[i] != 0;
    for (i = 0; st == INN_OK && i < r->n_rules; i++)
        st = apply_rule(w, frozen, &r->rules[i], err);
    inn_free(w->model->heap, frozen);
    return st;
}

static void widths_for(int64_t *widths, const struct wish *w, double factor)
{
    int g;

    for (g = 0; g < w->model->n_groups; g++)
        widths[g] = w->fixed[g] != 0
                        ? w->fixed[g]
                        : width_for(w->request, &w->model->groups[g], factor);
}

/* What the budget counts, at widths. */
static enum inn_status measure(int64_t *value, const struct wish *w,
                               const int64_t *widths, struct inn_error *err)
{
    struct inn_cost cost;
    enum inn_status st;

    *value = 0;
    if (w->request->budget == INN_BUDGET_TIME)
        return w->request->pace->measure(value, w->request->pace->state,
                                         widths, err);
    if (w->request->budget == INN_BUDGET_MACS) {
        st = inn_plan_cost(&cost, w->model, widths, err);
        *value = cost.macs;
        return st;
    }
    st = inn_plan_params(&cost, w->model, widths, err);
    *value = w->request->budget == INN_BUDGET_BYTES ? cost.bytes
                                                    : cost.params;
    return st;
}

static const char *budget_unit(enum inn_budget budget)
{
    return budget == INN_BUDGET_MACS ? "multiply-accumulates"
           : budget == INN_BUDGET_BYTES ? "bytes" : "parameters";
}

static enum inn_status too_little(const struct wish *w, double limit,
                                  int64_t least, struct inn_error *err)
{
    if (w->request->budget == INN_BUDGET_TIME)
        return inn_fail(err, INN_ERR_RANGE,
                        "a budget of %.3g ms can't be met: the least widths "
                        "take about %.3g", limit / NS_PER_MS,
                        (double)least / NS_PER_MS);
    return inn_fail(err, INN_ERR_RANGE,
                    "a budget of %.0f %s can't be met: the least widths have "
                    "%" PRId64, limit, budget_unit(w->request->budget), least);
}

/* The budget in units. */
static enum inn_status budget_limit(double *limit, const struct wish *w,
                                    struct inn_error *err)
{
    double share = w->request->budget_value;
    struct inn_plan full = {.heap = NULL};
    enum inn_status st;
    int64_t whole;

    *limit = share;
    if (w->request->budget == INN_BUDGET_TIME) {
        *limit = share * NS_PER_MS;
        if (share > 0.0 && w->request->pace != NULL)
            return INN_OK;
        return inn_fail(err, INN_ERR_RANGE, "a budget of %g ms is none",
                        share);
    }
    if (w->request->budget == INN_BUDGET_BYTES) {
        if (share >= 1.0)
            return INN_OK;
        return inn_fail(err, INN_ERR_RANGE, "a budget of %g bytes is none",
                        share);
    }
    if (!(share > 0.0 && share <= 1.0))
        return inn_fail(err, INN_ERR_RANGE,
                        "a budget of %s is a share of the whole, in (0, 1]; "
                        "%g is not", budget_unit(w->request->budget), share);
    st = inn_plan_full(&full, w->model, err);
    if (st == INN_OK)
        st = measure(&whole, w, full.widths, err);
    if (st == INN_OK)
        *limit = share * (double)whole;
    inn_plan_free(&full);
    return st;
}

/*
 * The largest factor up to high whose widths fit; widths never fall as the
 * factor grows, so neither does the cost.
 */
static enum inn_status bisect(int64_t *widths, const struct wish *w,
                              double high, double limit,
                              struct inn_error *err)
{
    size_t bytes = (size_t)w->model->n_groups * sizeof(*widths);
    double low = 0x1p-60, middle;
    int64_t value, *trial;
    enum inn_status st;
    int i;

    trial = inn_alloc(w->model->heap, bytes, 1, err);
    if (trial == NULL)
        return inn_refused(err);
    widths_for(widths, w, low);
    st = measure(&value, w, widths, err);
    if (st == INN_OK && (double)value > limit)
        st = too_little(w, limit, value, err);
    for (i = 0; st == INN_OK && i < BISECTIONS; i++) {
        middle = 0.5 * (low + high);
        widths_for(trial, w, middle);
        if (bytes != 0 && memcmp(trial, widths, bytes) == 0) {
            low = middle;
            continue;
        }
        st = measure(&value, w, trial, err);
        if (st == INN_OK && (double)value <= limit) {
            memcpy(widths, trial, bytes);
            low = middle;
        } else {
            high = middle;
        }
    }
    inn_free(w->model->heap, trial);
    return st;
}

/* The widths group g may have, up to factor. */
static enum inn_status make_ladder(struct inn_ladder *ladder,
                                   const struct wish *w, int g,
                                   double factor, struct inn_arena *arena,
                                   struct inn_error *err)
{
    const struct inn_group *group = &w->model->groups[g];
    int64_t step = round_of(w->request, group), least, most, n, count;
    double worst = 0;

    most = least = w->fixed[g];
    if (most == 0) {
        most = width_for(w->request, group, factor);
        least = width_for(w->request, group, 0x1p-60);
    }
    count = (most - least) / step + 2;
    ladder->widths = inn_arena_alloc(arena, (size_t)count,
                                     sizeof(*ladder->widths), err);
    ladder->errors = inn_arena_alloc(arena, (size_t)count,
                                     sizeof(*ladder->errors), err);
    if (ladder->widths == NULL || ladder->errors == NULL)
        return inn_refused(err);
    for (n = most; n >= least; n = (n - 1) / step * step) {
        if (n != most && starves(group, n))
            continue;
        worst = fmax(worst, inn_spread_error(w->model, g, n));
        ladder->widths[ladder->n] = n;
        ladder->errors[ladder->n++] = w->request->refit
                                           ? worst * sqrt(worst) : worst;
    }
    return INN_OK;
}

static enum inn_status measure_widths(int64_t *value, const void *state,
                                      const int64_t *widths,
                                      struct inn_error *err)
{
    return measure(value, state, widths, err);
}

static enum inn_status spread(int64_t *widths, const struct wish *w,
                              double high, double limit,
                              struct inn_error *err)
{
    const struct inn_model *model = w->model;
    struct inn_ladder *ladders;
    struct inn_spread_task task = {.model = model, .limit = limit,
                                   .measure = measure_widths, .state = w};
    enum inn_status st = INN_OK;
    struct inn_arena arena;
    int64_t *even;
    double *prices;
    int g;

    if (!inn_spread_known(model))
        return inn_fail(err, INN_ERR_RANGE,
                        "there are no error curves to spread a budget by; "
                        "convert it again without --no-moments, or spread "
                        "it evenly");
    inn_arena_init(&arena, model->heap);
    ladders = inn_arena_alloc(&arena, (size_t)model->n_groups,
                              sizeof(*ladders), err);
    prices = inn_arena_alloc(&arena, (size_t)model->n_weights,
                             sizeof(*prices), err);
    even = inn_arena_alloc(&arena, (size_t)model->n_groups, sizeof(*even),
                           err);
    if (ladders == NULL || prices == NULL || even == NULL)
        st = inn_refused(err);
    if (st == INN_OK)
        st = bisect(even, w, high, limit, err);
    for (g = 0; st == INN_OK && g < model->n_groups; g++)
        st = make_ladder(&ladders[g], w, g, high, &arena, err);
    if (st == INN_OK)
        st = inn_spread_prices(prices, model, w->request, err);
    task.ladders = ladders;
    task.prices = prices;
    task.start = even;
    if (st == INN_OK)
        st = inn_spread_solve(widths, &task, err);
    inn_arena_free(&arena);
    return st;
}

static enum inn_status fill(int64_t *widths, struct wish *w,
                            struct inn_error *err)
{
    const struct inn_width_request *r = w->request;
    double factor = r->width != 0.0 ? r->width : 1.0, limit;
    enum inn_status st;
    int64_t value;

    st = check_factor(factor, "*", err);
    if (st == INN_OK && (r->round < 0 || r->min < 0))
        st = inn_fail(err, INN_ERR_RANGE,
                      "widths in multiples of %" PRId64 ", at least %" PRId64
                      ": neither may be negative", r->round, r->min);
    if (st == INN_OK)
        st = resolve(w, err);
    if (st != INN_OK)
        return st;
    widths_for(widths, w, factor);
    if (r->budget == INN_BUDGET_NONE)
        return INN_OK;
    st = budget_limit(&limit, w, err);
    if (st == INN_OK)
        st = measure(&value, w, widths, err);
    if (st == INN_OK && (double)value > limit)
        st = r->spread == INN_SPREAD_CURVE && factor <= 1.0
                 ? spread(widths, w, factor, limit, err)
                 : bisect(widths, w, factor, limit, err);
    return st;
}

enum inn_status inn_plan_make(struct inn_plan *plan,
                              const struct inn_model *model,
                              const struct inn_width_request *request,
                              struct inn_error *err)
{
    struct wish w = {model, request, NULL};
    enum inn_status st;

    st = inn_plan_full(plan, model, err);
    if (st != INN_OK)
        return st;
    w.fixed = inn_alloc(model->heap, (size_t)model->n_groups,
                        sizeof(*w.fixed), err);
    st = w.fixed == NULL ? inn_refused(err)
                         : fill(plan->widths, &w, err);
    inn_free(model->heap, w.fixed);
    if (st != INN_OK)
        inn_plan_free(plan);
    return st;
}

enum inn_status inn_plan_check(const struct inn_model *model, int group,
                               double width, struct inn_error *err)
{
    return check_count(&model->groups[group], width, err);
}

/* Elements of a weight at widths. */
static bool weight_count(int64_t *count, const struct inn_model *model,
                         const struct inn_weight *weight,
                         const int64_t *widths)
{
    const struct inn_tensor *t = model->graph->values[weight->value].init;
    const struct inn_axis *axis;
    int64_t n = 1, len;
    int a;

    for (a = 0; a < t->rank; a++) {
        axis = inn_model_axis(model, weight->value, a);
        len = axis != NULL ? inn_axis_length(model, axis, widths)
                           : t->dims[a];
        if (!inn_mul_i64(&n, n, len))
            return false;
    }
    *count = n;
    return true;
}

enum inn_status inn_plan_params(struct inn_cost *cost,
                                const struct inn_model *model,
                                const int64_t *widths, struct inn_error *err)
{
    enum inn_status st = inn_check_widths(model, widths, err);
    int64_t n;
    int w;

    memset(cost, 0, sizeof(*cost));
    for (w = 0; st == INN_OK && w < model->n_weights; w++) {
        if (!weight_count(&n, model, &model->weights[w], widths) ||
            !inn_add_i64(&cost->params, cost->params, n) ||
            !inn_mul_i64(&cost->bytes, cost->params,
                         (int64_t)sizeof(float)))
            st = inn_fail(err, INN_ERR_LIMIT,
                          "the weights at these widths are too large");
    }
    return st;
}

enum inn_status inn_plan_cost(struct inn_cost *cost,
                              const struct inn_model *model,
                              const int64_t *widths, struct inn_error *err)
{
    struct inn_graph *graph = NULL;
    struct inn_shapes shapes;
    enum inn_status st;

    st = inn_plan_params(cost, model, widths, err);
    if (st == INN_OK)
        st = inn_model_resize(&graph, model, widths, err);
    if (st != INN_OK)
        return st;
    st = inn_shapes_infer(&shapes, graph, model->bindings,
                          (size_t)model->n_bindings, INN_DEFAULT_SPATIAL,
                          (size_t)64 << 10, err);
    if (st == INN_OK) {
        cost->macs = shapes.macs;
        cost->uncounted = shapes.uncounted;
    }
    inn_shapes_free(&shapes);
    inn_graph_free(graph);
    return st;
}
