/*
 * What must hold of every network: see the names passed to broken(). Sums in
 * another order differ by rounding, which some networks amplify; where two
 * outputs differ by more than the tolerance, the network itself is asked how
 * much it makes of noise as small as rounding.
 */
#include "tests/random/random.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "converter/convert.h"
#include "runtime/base/file.h"
#include "runtime/exec/session.h"
#include "runtime/file/container.h"
#include "runtime/graph/onnx.h"
#include "runtime/grid/sample.h"
#include "runtime/grid/slots.h"

/* As tests/nets/permute.c: rounding gives 2e-5, a wrong group 1e-1. */
#define TOLERANCE 1e-4
/* A difference may be so many times what noise of an ulp makes. */
#define NOISE_FACTOR 64

struct outputs {
    struct inn_tensor t[MAX_OUTPUTS];
    int n;
};

struct trial {
    const struct recipe *recipe;
    struct verdict *verdict;
    const char *dir;
    struct rng rng;
    struct inn_heap *heap;
    struct inn_arena arena;
    struct inn_error err;
    struct inn_tensor input;
    struct inn_graph *graph; /* as it was built */
    struct inn_model *model; /* of the converter */
    struct inn_model *file;  /* the same from disk */
    struct inn_source source; /* of the model, while it has another */
    struct outputs full;     /* of model->graph by oneDNN */
    char path[2][512];
};

/* Notes the first law that does not hold; false. */
static bool broken(struct trial *t, const char *law, const char *format, ...)
{
    va_list args;

    if (t->verdict->law != NULL)
        return false;
    t->verdict->law = law;
    va_start(args, format);
    vsnprintf(t->verdict->why, sizeof(t->verdict->why), format, args);
    va_end(args);
    return false;
}

/* ---- Running and comparing -------------------------------------------- */

static bool run(struct trial *t, struct outputs *out,
                const struct inn_graph *graph, bool reference, int threads,
                const char *law)
{
    struct inn_session_options options = {.threads = threads,
                                          .reference = reference};
    struct inn_session *session = NULL;
    const struct inn_tensor *y;
    bool ok = false;
    int k;

    if (inn_session_new(&session, graph, &options, &t->err) != INN_OK ||
        inn_session_run(session, &y, &t->input, 1, &t->err) != INN_OK) {
        broken(t, law, "%s", t->err.message);
        goto out;
    }
    out->n = graph->n_outputs;
    for (k = 0; k < out->n; k++) {
        if (inn_tensor_new(&out->t[k], &t->arena, y[k].type, y[k].rank,
                           y[k].dims, &t->err) != INN_OK) {
            broken(t, law, "%s", t->err.message);
            goto out;
        }
        memcpy(out->t[k].data, y[k].data, y[k].bytes);
    }
    ok = true;
out:
    inn_session_free(session);
    return ok;
}

/*
 * Largest difference over largest magnitude; infinite where one is NaN.
 * Values inside are about 1: what is left of them where they cancel is
 * rounding, and not measured against itself.
 */
static double difference(const struct outputs *a, const struct outputs *b)
{
    double worst = 0;
    size_t i;
    int k;

    if (a->n != b->n)
        return INFINITY;
    for (k = 0; k < a->n; k++) {
        const float *x = a->t[k].data, *y = b->t[k].data;
        double top = 1e-2, diff = 0;

        if (!inn_tensor_same_shape(&a->t[k], &b->t[k]) ||
            a->t[k].type != INN_F32 || b->t[k].type != INN_F32)
            return INFINITY;
        for (i = 0; i < inn_tensor_count(&a->t[k]); i++) {
            double d = fabs((double)x[i] - (double)y[i]);

            if (isnan(d))
                return INFINITY;
            top = fmax(top, fabs((double)x[i]));
            diff = fmax(diff, d);
        }
        worst = fmax(worst, diff / top);
    }
    return worst;
}

static bool same_bits(const struct outputs *a, const struct outputs *b)
{
    int k;

    if (a->n != b->n)
        return false;
    for (k = 0; k < a->n; k++) {
        if (!inn_tensor_same_shape(&a->t[k], &b->t[k]) ||
            memcmp(a->t[k].data, b->t[k].data, a->t[k].bytes) != 0)
            return false;
    }
    return true;
}

/* A copy of graph whose f32 weights are larger by up to an ulp. */
static struct inn_graph *noisy(struct trial *t, const struct inn_graph *graph)
{
    struct inn_graph *g;
    size_t i;
    int v;

    if (inn_graph_copy(&g, graph, &t->err) != INN_OK)
        return NULL;
    for (v = 0; v < g->n_values; v++) {
        struct inn_tensor *w = g->values[v].init;
        float *data;

        if (w == NULL || w->type != INN_F32)
            continue;
        data = inn_arena_alloc(&g->arena, w->bytes, 1, &t->err);
        if (data == NULL)
            continue;
        for (i = 0; i < inn_tensor_count(w); i++)
            data[i] = (float)((double)((const float *)w->data)[i] *
                              (1 + 0x1p-24 * (1 + rng_unit(&t->rng))));
        w->data = data;
    }
    return g;
}

static double sensitivity(struct trial *t, const struct inn_graph *graph)
{
    struct outputs a, b;
    double worst = 0;
    int k;

    if (!run(t, &a, graph, true, 1, "noise"))
        return 0;
    for (k = 0; k < 3; k++) {
        struct inn_graph *g = noisy(t, graph);

        if (g != NULL && run(t, &b, g, true, 1, "noise"))
            worst = fmax(worst, difference(&a, &b));
        inn_graph_free(g);
    }
    return worst;
}

/* Whether a and b, outputs of graph, are equal but for rounding. */
static bool close_enough(struct trial *t, const struct inn_graph *graph,
                         const struct outputs *a, const struct outputs *b,
                         const char *law)
{
    double d = difference(a, b), noise;

    if (d <= TOLERANCE)
        return true;
    noise = sensitivity(t, graph);
    if (d <= NOISE_FACTOR * noise) {
        t->verdict->sensitive = true;
        return true;
    }
    return broken(t, law, "outputs differ by %.3g of their largest; rounding "
                  "of weights makes %.2g", d, noise);
}

/* ---- The laws ---------------------------------------------------------- */

static bool make_input(struct trial *t)
{
    const struct recipe *r = t->recipe;
    int64_t dims[4] = {r->batch, r->channels, r->height, r->width};
    float *x;
    size_t i;

    if (inn_tensor_new(&t->input, &t->arena, INN_F32, 4, dims, &t->err) !=
        INN_OK)
        return broken(t, "build", "%s", t->err.message);
    x = t->input.data;
    for (i = 0; i < inn_tensor_count(&t->input); i++)
        x[i] = (float)(1.7 * rng_unit(&t->rng));
    return true;
}

/* Written, read and written again, the same bytes. *copy is what was read. */
static bool write_read_write(struct trial *t, struct inn_graph **copy,
                             const struct inn_graph *graph)
{
    static const struct inn_onnx_options options = {NULL};
    struct inn_bytes file = {NULL, 0};
    uint8_t *again = NULL;
    size_t len = 0;
    bool ok = false;

    *copy = NULL;
    if (inn_onnx_write(graph, t->path[0], true, &t->err) != INN_OK ||
        inn_onnx_read(copy, t->path[0], &options, t->heap, &t->err) !=
            INN_OK ||
        inn_file_map(&file, t->path[0], &t->err) != INN_OK ||
        inn_onnx_pack(*copy, NULL, &again, &len, &t->err) != INN_OK)
        broken(t, "write-read-write", "%s", t->err.message);
    else if (len != file.len || memcmp(again, file.data, len) != 0)
        broken(t, "write-read-write", "%zu bytes became other %zu", file.len,
               len);
    else
        ok = true;
    if (file.data != NULL)
        inn_file_unmap(&file);
    inn_free(t->heap, again);
    return ok;
}

static bool convert(struct trial *t)
{
    struct inn_convert_options options = {0};
    struct inn_convert_report report;

    options.kernel = (enum inn_kernel)rng_between(&t->rng, 0, 2);
    options.edge = (enum inn_edge)rng_between(&t->rng, 0, 1);
    options.keep_bn = rng_chance(&t->rng, 30);
    options.order = rng_chance(&t->rng, 80);
    options.moments = rng_chance(&t->rng, 30);
    /* Without a draw: seeds keep the networks they have had. */
    options.moments_source =
        (enum inn_moments_source)(t->recipe->seed / 2 % 3);
    options.pictures = 8;
    options.threads = 1;
    if (inn_convert(&t->model, &report, t->path[0], &options, t->heap,
                    &t->err) != INN_OK)
        return broken(t, "convert", "%s", t->err.message);
    t->verdict->groups = t->model->n_groups;
    t->verdict->free_share =
        report.params == 0 ? 0
                           : (double)report.params_free /
                                 (double)report.params;
    return true;
}

/* False also where values overflow: nothing can be judged. */
static bool stable(struct trial *t, const struct outputs *out)
{
    size_t i;
    int k;

    for (k = 0; k < out->n; k++) {
        const float *x = out->t[k].data;
        double top = 0;

        for (i = 0; i < inn_tensor_count(&out->t[k]); i++)
            top = isfinite(x[i]) ? fmax(top, fabs((double)x[i])) : 1e30;
        if (top > 1e12) {
            t->verdict->unstable = true;
            return false;
        }
    }
    return true;
}

static bool law_folding(struct trial *t, const struct inn_graph *read)
{
    struct outputs a, b, two;

    if (!run(t, &a, read, true, 1, "run") || !stable(t, &a) ||
        !run(t, &b, t->model->graph, true, 1, "folding") ||
        !close_enough(t, t->model->graph, &a, &b, "folding") ||
        !run(t, &t->full, t->model->graph, false, 1, "kernels") ||
        !close_enough(t, t->model->graph, &b, &t->full, "kernels"))
        return false;
    if (!rng_chance(&t->rng, 20))
        return true;
    if (!run(t, &two, t->model->graph, false, 2, "threads"))
        return false;
    return same_bits(&two, &t->full) ||
           broken(t, "threads", "two threads give other bits");
}

/* The network with every weight as its grid in the present orders. */
static struct inn_graph *permuted(struct trial *t)
{
    const struct inn_model *m = t->model;
    struct inn_graph *g = NULL;
    int w;

    if (inn_graph_copy(&g, m->graph, &t->err) != INN_OK)
        return NULL;
    for (w = 0; w < m->n_weights; w++) {
        struct inn_tensor *init = g->values[m->weights[w].value].init;

        init->data = inn_arena_alloc(&g->arena, init->bytes, 1, &t->err);
        if (init->data == NULL ||
            m->source.load(m->source.state, w, init->data, &t->err) !=
                INN_OK) {
            inn_graph_free(g);
            return NULL;
        }
    }
    return g;
}

/* Channels of every group in another order: the same outputs. */
static bool law_permute(struct trial *t)
{
    struct inn_model *m = t->model;
    int64_t **kept = inn_arena_alloc(&t->arena, (size_t)m->n_groups + 1,
                                     sizeof(*kept), &t->err);
    struct inn_graph *g;
    struct outputs out;
    bool ok;
    int k;

    if (kept == NULL)
        return broken(t, "permute", "%s", t->err.message);
    for (k = 0; k < m->n_groups; k++) {
        struct inn_group *group = &m->groups[k];
        int64_t i, j, x;

        kept[k] = group->order;
        group->order = inn_arena_alloc(&t->arena, (size_t)group->size,
                                       sizeof(int64_t), &t->err);
        for (i = 0; i < group->size; i++)
            group->order[i] = i;
        for (i = group->size - 1; i > 0; i--) {
            j = rng_between(&t->rng, 0, i);
            x = group->order[i];
            group->order[i] = group->order[j];
            group->order[j] = x;
        }
    }
    g = permuted(t);
    ok = g != NULL ? run(t, &out, g, rng_chance(&t->rng, 50), 1, "permute")
                   : broken(t, "permute", "%s", t->err.message);
    ok = ok && close_enough(t, m->graph, &t->full, &out, "permute");
    inn_graph_free(g);
    for (k = 0; k < m->n_groups; k++)
        m->groups[k].order = kept[k];
    return ok;
}

static void draw_rules(struct trial *t, struct inn_plan *plan)
{
    plan->partition = (enum inn_partition)rng_between(&t->rng, 0, 3);
    plan->quadrature = (enum inn_quadrature)rng_between(
        &t->rng, 0, plan->partition == INN_PARTITION_MOMENTS ? 6 : 5);
}

/* Through a file at full width: the bits of the network itself. */
static bool law_full(struct trial *t)
{
    struct inn_file_options options = {INN_STORE_F32, INN_CODEC_NONE, 1,
                                       true, NULL};
    struct inn_plan plan = {0};
    struct inn_graph *g = NULL;
    struct outputs out;
    uint64_t bytes;
    bool ok = false;

    options.codec = (enum inn_codec)rng_between(&t->rng, 0, 1);
    if (inn_file_write(t->model, t->path[1], &options, &bytes, &t->err) !=
            INN_OK ||
        inn_file_open(&t->file, t->path[1], false, t->heap, &t->err) !=
            INN_OK ||
        inn_plan_full(&plan, t->file, &t->err) != INN_OK) {
        broken(t, "full width", "%s", t->err.message);
        goto out;
    }
    draw_rules(t, &plan);
    if (inn_model_sample(&g, t->file, &plan, 1, &t->err) != INN_OK) {
        broken(t, "full width", "%s", t->err.message);
        goto out;
    }
    ok = run(t, &out, g, false, 1, "full width");
    if (ok && !same_bits(&out, &t->full))
        ok = broken(t, "full width", "outputs differ by %.3g of their "
                    "largest", difference(&t->full, &out));
out:
    inn_plan_free(&plan);
    inn_graph_free(g);
    return ok;
}

/* A width for every group: 1, N - 1, anything between, or above N. */
static bool draw_plan(struct trial *t, struct inn_plan *plan)
{
    bool wide;
    int g;

    if (inn_plan_full(plan, t->file, &t->err) != INN_OK)
        return broken(t, "plan", "%s", t->err.message);
    draw_rules(t, plan);
    /* The L1 partition keeps channels: it has no more of them. */
    wide = plan->partition != INN_PARTITION_L1;
    for (g = 0; g < t->file->n_groups; g++) {
        int64_t size = t->file->groups[g].size, n;

        switch (rng_between(&t->rng, 0, wide ? 5 : 3)) {
        case 0:
            n = 1;
            break;
        case 1:
            n = size - 1;
            break;
        case 4:
            n = rng_between(&t->rng, size, 2 * size);
            break;
        default:
            n = rng_between(&t->rng, 1, size);
            break;
        }
        while (n < size && (n < 1 || inn_plan_check(t->file, g, (double)n,
                                                    NULL) != INN_OK))
            n++;
        if (inn_plan_check(t->file, g, (double)n, NULL) == INN_OK)
            plan->widths[g] = n;
    }
    return true;
}

/* Shapes follow the model's axes. */
static bool shapes_agree(struct trial *t, const struct inn_graph *g,
                         const int64_t *widths)
{
    struct inn_shapes shapes;
    const struct inn_model *m = t->file;
    bool ok = true;
    int i;

    if (inn_shapes_infer(&shapes, g, m->bindings, (size_t)m->n_bindings,
                         INN_DEFAULT_SPATIAL, 1 << 16, &t->err) != INN_OK)
        ok = broken(t, "shapes", "%s", t->err.message);
    for (i = 0; ok && i < m->n_axes; i++) {
        const struct inn_axis *axis = &m->axes[i];
        const char *name = m->graph->values[axis->value].name;
        int v = inn_graph_find(g, name);
        const struct inn_tensor *s = inn_shapes_get(&shapes, v);
        int64_t want = inn_axis_length(m, axis, widths);

        if (v >= 0 && s != NULL && s->dims[axis->axis] != want)
            ok = broken(t, "shapes", "axis %d of '%s' has %lld elements, not "
                        "%lld", axis->axis, name,
                        (long long)s->dims[axis->axis], (long long)want);
    }
    inn_shapes_free(&shapes);
    return ok;
}

/* What a plan is said to cost is what its network holds. */
static bool cost_agrees(struct trial *t, const struct inn_plan *plan)
{
    struct inn_cost a, b;

    if (inn_plan_params(&a, t->file, plan->widths, &t->err) != INN_OK ||
        inn_plan_cost(&b, t->file, plan->widths, &t->err) != INN_OK)
        return broken(t, "cost", "%s", t->err.message);
    return a.params == b.params ||
           broken(t, "cost", "%lld parameters by the axes, %lld by shapes",
                  (long long)a.params, (long long)b.params);
}

/* The converter's own grids and those of the file give the same weights. */
static bool sources_agree(struct trial *t, const struct inn_graph *g,
                          const struct inn_plan *plan)
{
    struct inn_graph *h = NULL;
    bool ok;
    int v, k;

    ok = inn_model_sample(&h, t->model, plan, 1, &t->err) == INN_OK ||
         broken(t, "file", "%s", t->err.message);
    for (v = 0; ok && v < h->n_values; v++) {
        const struct inn_tensor *a = h->values[v].init, *b;

        if (a == NULL)
            continue;
        k = inn_graph_find(g, h->values[v].name);
        b = k < 0 ? NULL : g->values[k].init;
        if (b == NULL || a->type != b->type || !inn_tensor_same_shape(a, b) ||
            memcmp(a->data, b->data, a->bytes) != 0)
            ok = broken(t, "file", "'%s' is another one from the file",
                        h->values[v].name);
    }
    inn_graph_free(h);
    return ok;
}

/* A plan as text, for the message. */
static void plan_text(char *text, size_t len, const struct inn_plan *plan)
{
    size_t used;
    int g;

    used = (size_t)snprintf(text, len, "partition %d, quadrature %d, widths",
                            (int)plan->partition, (int)plan->quadrature);
    for (g = 0; g < plan->n_groups && used + 8 < len; g++)
        used += (size_t)snprintf(text + used, len - used, " %lld",
                                 (long long)plan->widths[g]);
}

/* Behind the message of a broken law: the plan it was broken at. */
static void add_plan(struct trial *t, const struct inn_plan *plan)
{
    char *why = t->verdict->why;
    size_t used = strlen(why), len = sizeof(t->verdict->why);

    if (t->verdict->law == NULL || used + 16 >= len)
        return;
    memcpy(why + used, " (", 3);
    plan_text(why + used + 2, len - used - 3, plan);
    strcat(why, ")");
}

/* At some widths: it runs, and is the same when written and read. */
static bool law_sampled(struct trial *t)
{
    struct inn_graph *g = NULL, *copy = NULL;
    struct inn_plan plan = {0};
    struct outputs a, b;
    bool ok = false;

    if (!draw_plan(t, &plan))
        goto out;
    if (inn_model_sample(&g, t->file, &plan, 1, &t->err) != INN_OK) {
        broken(t, "sampling", "%s", t->err.message);
        goto out;
    }
    ok = shapes_agree(t, g, plan.widths) && cost_agrees(t, &plan) &&
         sources_agree(t, g, &plan) && run(t, &a, g, false, 1, "sampled") &&
         write_read_write(t, &copy, g) &&
         run(t, &b, copy, false, 1, "export");
    if (ok && !same_bits(&a, &b))
        ok = broken(t, "export", "outputs differ by %.3g of their largest",
                    difference(&a, &b));
    ok = ok && run(t, &b, g, true, 1, "sampled") &&
         close_enough(t, g, &b, &a, "sampled kernels");
out:
    add_plan(t, &plan);
    inn_plan_free(&plan);
    inn_graph_free(g);
    inn_graph_free(copy);
    return ok;
}

/* ---- Constant channels ------------------------------------------------- */

/*
 * Every group on the axis becomes a constant function: the mean of its
 * channels where they are summed, so that sums keep their size, the first of
 * them elsewhere, so that values do.
 */
static enum inn_status flatten(struct trial *t, const struct inn_axis *axis,
                               void *data, const struct inn_tensor *grid)
{
    size_t size = inn_type_size(grid->type);
    const struct inn_model *m = t->model;
    int64_t *nodes = inn_arena_alloc(&t->arena, (size_t)m->n_groups,
                                     sizeof(*nodes), &t->err);
    int64_t outer = 1, inner = 1, length = grid->dims[axis->axis], o, i, p;
    struct inn_slots *slots;
    enum inn_status st;
    int k, n;

    if (nodes == NULL)
        return inn_refused(&t->err);
    for (k = 0; k < m->n_groups; k++)
        nodes[k] = m->groups[k].nodes;
    for (k = 0; k < grid->rank; k++) {
        outer *= k < axis->axis ? grid->dims[k] : 1;
        inner *= k > axis->axis ? grid->dims[k] : 1;
    }
    st = inn_axis_all_slots(&slots, &n, m, axis, nodes, &t->arena, &t->err);
    for (k = 0; st == INN_OK && k < n; k++) {
        const struct inn_slots *s = &slots[k];
        int64_t among = axis->role == INN_ROLE_IN ? s->width : 1;

        for (o = 0; o < outer * s->functions; o++) {
            const int64_t *at = s->at + o % s->functions * s->width;
            char *x = (char *)data +
                      (size_t)(o / s->functions * length * inner) * size;

            for (i = 0; i < inner; i++) {
                double sum = 0, one;

                for (p = 0; p < among; p++) {
                    inn_convert_elements(
                        &one, INN_F64, x + (size_t)(at[p] * inner + i) * size,
                        grid->type, 1);
                    sum += one / (double)among;
                }
                for (p = 0; p < s->width; p++)
                    inn_convert_elements(
                        x + (size_t)(at[p] * inner + i) * size, grid->type,
                        &sum, INN_F64, 1);
            }
        }
    }
    return st;
}

/* In place of the model's source: weights constant along all groups. */
static enum inn_status load_constant(void *state, int w, void *data,
                                     struct inn_error *err)
{
    struct trial *t = state;
    const struct inn_weight *weight = &t->model->weights[w];
    enum inn_status st;
    int a;

    st = t->source.load(t->source.state, w, data, err);
    for (a = 0; st == INN_OK && a < weight->grid.rank; a++) {
        const struct inn_axis *axis = inn_model_axis(t->model, weight->value,
                                                     a);

        if (axis != NULL)
            st = flatten(t, axis, data, &weight->grid);
    }
    return st;
}

/*
 * False for half floats, to which weighted sums are rounded, and where means
 * are taken across channels: of several groups they follow the widths.
 */
static bool judges_widths(const struct inn_model *m)
{
    int i;

    for (i = 0; i < m->n_weights; i++) {
        if (inn_type_size(m->weights[i].grid.type) < 4)
            return false;
    }
    for (i = 0; i < m->graph->n_nodes; i++) {
        const char *type = m->graph->nodes[i].op_type;

        if (strcmp(type, "LayerNormalization") == 0 ||
            strcmp(type, "GroupNormalization") == 0)
            return false;
    }
    return true;
}

/*
 * Where channels do not differ, their number can't matter, as long as what
 * is summed is weighted and what is not is not. The midpoint rule alone is
 * exact then: others give the channels at the ends another density.
 */
static bool law_constant(struct trial *t)
{
    struct inn_graph *a = NULL, *b = NULL;
    struct inn_plan full = {0}, plan = {0};
    struct outputs x, y;
    bool ok = false;

    if (!judges_widths(t->model))
        return true;
    t->source = t->model->source;
    t->model->source.state = t;
    t->model->source.load = load_constant;
    if (inn_plan_full(&full, t->model, &t->err) != INN_OK) {
        broken(t, "constant channels", "%s", t->err.message);
        goto out;
    }
    if (!draw_plan(t, &plan))
        goto out;
    full.partition = plan.partition = INN_PARTITION_UNIFORM;
    full.quadrature = plan.quadrature = INN_QUAD_MIDPOINT;
    if (inn_model_sample(&a, t->model, &full, 1, &t->err) != INN_OK ||
        inn_model_sample(&b, t->model, &plan, 1, &t->err) != INN_OK) {
        broken(t, "constant channels", "%s", t->err.message);
        goto out;
    }
    ok = run(t, &x, a, true, 1, "constant channels") &&
         run(t, &y, b, true, 1, "constant channels") &&
         close_enough(t, a, &x, &y, "constant channels");
out:
    add_plan(t, &plan);
    t->model->source = t->source;
    inn_plan_free(&full);
    inn_plan_free(&plan);
    inn_graph_free(a);
    inn_graph_free(b);
    return ok;
}

static void check(struct trial *t, int plans)
{
    struct inn_graph *read = NULL;
    int k;

    t->graph = recipe_build(t->recipe, t->heap, &t->err);
    if (t->graph == NULL)
        broken(t, "build", "%s", t->err.message);
    else
        t->verdict->nodes = t->graph->n_nodes;
    if (t->graph != NULL && make_input(t) &&
        write_read_write(t, &read, t->graph) && convert(t) &&
        law_folding(t, read) && law_permute(t) && law_full(t)) {
        for (k = 0; k < plans && law_sampled(t); k++)
            ;
        if (k == plans)
            law_constant(t);
    }
    inn_graph_free(read);
}

void laws_check(struct verdict *verdict, const struct recipe *r,
                const char *dir, int plans)
{
    struct trial t = {.recipe = r, .verdict = verdict, .dir = dir};

    memset(verdict, 0, sizeof(*verdict));
    t.rng.state = r->seed * 2;
    snprintf(t.path[0], sizeof(t.path[0]), "%s/a.onnx", dir);
    snprintf(t.path[1], sizeof(t.path[1]), "%s/a.inn", dir);
    t.heap = inn_heap_new(0);
    if (t.heap == NULL) {
        broken(&t, "build", "out of memory");
        return;
    }
    inn_arena_init(&t.arena, t.heap);
    check(&t, plans);
    inn_model_free(t.model);
    inn_model_free(t.file);
    inn_graph_free(t.graph);
    inn_arena_free(&t.arena);
    if (inn_heap_used(t.heap) != 0)
        broken(&t, "leak", "%zu bytes are left", inn_heap_used(t.heap));
    inn_heap_free(t.heap);
}
