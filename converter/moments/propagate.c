/*
 * Moments without pictures: laws of channels go through the network by the
 * registry's column `moments` (ops/moments.h), from what photographs are
 * like in general. A value's law dies with its last reader. What comes out
 * is blended with what was gathered, or stands for it.
 */
#include "converter/moments/propagate.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

#include "converter/moments/alone.h"
#include "converter/moments/consumers.h"
#include "runtime/base/error.h"
#include "runtime/base/threads.h"
#include "runtime/drawn/inputs.h"
#include "runtime/exec/exec.h"
#include "runtime/ops/common.h"
#include "runtime/ops/moments.h"
#include "runtime/ops/schema.h"

/* Constants that are folded, as where networks are run. */
#define FOLD_BYTES ((size_t)256 << 20)
/* Rows and columns of a product that are one thread's. */
#define TILE 192
/* Variance of standardised pictures. */
#define COLOUR_VARIANCE 1.1

struct walk {
    const struct inn_model *model;
    const struct inn_graph *graph;
    struct inn_gathered *gathered;
    double share; /* of what was drawn */
    bool standardise;
    int threads;
    struct inn_arena arena;
    struct inn_shapes shapes;
    struct inn_field *fields; /* by value */
    int *uses;                /* by value: readers to come */
    int *target;              /* by value: index of gathered, or -1 */
    bool *needed;             /* by graph node */
    struct inn_error *err;
};

/* ------------------------------------------------------------- products */

static void product_tile(void *context, size_t part)
{
    const struct inn_product *p = context;
    size_t columns = (p->n + TILE - 1) / TILE;
    size_t i = part / columns * TILE, j = part % columns * TILE;
    size_t m = p->m - i < TILE ? p->m - i : TILE;
    size_t n = p->n - j < TILE ? p->n - j : TILE;
    int before;

    if (p->lower && j >= i + m)
        return;
    before = inn_blas_alone();
    cblas_dgemm(CblasRowMajor, CblasNoTrans,
                p->transposed ? CblasTrans : CblasNoTrans, (blasint)m,
                (blasint)n, (blasint)p->k, 1.0, p->a + i * p->lda,
                (blasint)p->lda,
                p->transposed ? p->b + j * p->ldb : p->b + j,
                (blasint)p->ldb, 1.0, p->c + i * p->ldc + j,
                (blasint)p->ldc);
    inn_blas_restore(before);
}

static void product(const struct inn_product *p, int threads)
{
    struct inn_product copy = *p;

    inn_parallel(threads, ((p->m + TILE - 1) / TILE) *
                              ((p->n + TILE - 1) / TILE),
                 product_tile, &copy);
}

/* --------------------------------------------------------------- inputs */

/*
 * r(δ) = exp(−(|δ|/l)^p): l = 40 and p = 0.8 in photographs of 224 pixels,
 * l = 8 and p = 0.9 in those of 32 (fidelity section 2).
 */
static void picture_table(struct inn_law *law, int64_t side)
{
    double size = side > 8 ? (double)side : 8;
    double length = 8 * pow(size / 32, log(5.0) / log(7.0));
    double power = size < 100 ? 0.9 : 0.8;
    int y, x;

    for (y = 0; y <= INN_REACH; y++) {
        for (x = 0; x <= INN_REACH; x++)
            law->r[y][x] = exp(-pow(hypot(y, x) / length, power));
    }
}

/* Channels' means and covariances, in the range that the network expects. */
static void fill_input(struct inn_law *law,
                       const struct inn_input_range *range, bool picture)
{
    static const double colours[9] = {1,   .95, .89, .95, 1,
                                      .96, .89, .96, 1};
    int64_t n = law->n, i, j, at;
    double by;

    for (i = 0; i < n; i++) {
        at = range->n > 1 ? i : 0;
        law->mean[i] = range->mean[at];
        for (j = 0; j < n; j++) {
            by = range->deviation[at] * range->deviation[range->n > 1 ? j : 0];
            if (n == 3 && picture)
                by *= COLOUR_VARIANCE * colours[i * 3 + j];
            law->cov[i * n + j] = n == 3 && picture ? by : i == j ? by : 0;
        }
    }
}

/* What is known of input v before anything was seen. */
static enum inn_status start_input(struct walk *w, int v)
{
    const struct inn_tensor *t = inn_shapes_get(&w->shapes, v);
    struct inn_field *f = &w->fields[v];
    struct inn_drawn_input plan;
    struct inn_input_range range;
    enum inn_status st;
    int axis, i, k = 1;
    bool picture;

    if (t == NULL || t->rank < 2 || inn_tensor_count(t) == 0)
        return INN_OK;
    inn_plan_input(&plan, w->graph, &w->model->prep, v, t);
    picture = plan.kind == INN_DRAWN_PICTURE;
    axis = !picture ? plan.channel_axis : plan.channels_last ? 3 : 1;
    if ((!picture && plan.kind != INN_DRAWN_NOISE) || axis < 0 ||
        plan.channels > INN_MOST_CHANNELS)
        return INN_OK;
    st = inn_find_range(&range, w->graph, &w->model->prep, v, plan.channels,
                        picture, &w->arena, w->err);
    if (st != INN_OK)
        return st;
    f->law = inn_law_new(plan.channels, w->graph->heap, w->err);
    if (f->law == NULL)
        return inn_refused(w->err);
    f->channels = 1u << axis;
    f->space[0] = f->space[1] = -1;
    for (i = t->rank - 1; i > 0; i--) {
        if (i != axis && k >= 0)
            f->space[k--] = i;
    }
    f->repeat = f->plane[0] = f->plane[1] = 1;
    picture_table(f->law, f->space[1] > 0 ? t->dims[f->space[1]] : 1);
    fill_input(f->law, &range, picture);
    return INN_OK;
}

/* -------------------------------------------------------------- targets */

static double deviation(const double *cov, int64_t n, int64_t i)
{
    return sqrt(fmax(cov[i * n + i], 0) + 1e-12);
}

/* Correlations in part from law; variances, means and r stay (fidelity 2). */
static void blend(struct inn_gathered *g, const struct inn_law *law,
                  double share)
{
    int64_t n = g->n, i, j;

    for (i = 0; i < n; i++) {
        double own = deviation(g->cov, n, i), other;

        other = deviation(law->cov, n, i);
        for (j = 0; j < i; j++) {
            double rho = law->cov[i * n + j] / other /
                         deviation(law->cov, n, j);

            rho = rho > 1 ? 1 : rho < -1 ? -1 : rho;
            g->cov[i * n + j] = share * g->cov[i * n + j] +
                                (1 - share) * rho * own *
                                    deviation(g->cov, n, j);
            g->cov[j * n + i] = g->cov[i * n + j];
        }
    }
}

static void take(struct inn_gathered *g, const struct inn_law *law)
{
    size_t n = (size_t)g->n;
    int y;

    memcpy(g->mean, law->mean, n * sizeof(*g->mean));
    memcpy(g->cov, law->cov, n * n * sizeof(*g->cov));
    for (y = 0; y <= INN_TABLE; y++)
        memcpy(g->r[y], law->r[y], sizeof(g->r[y]));
    g->count = 1;
}

/* A value that is read: what became known of it goes to its readers. */
static void note(struct walk *w, int v)
{
    const struct inn_field *f = &w->fields[v];
    int i;

    if (f->law == NULL)
        return;
    for (i = w->target[v]; i >= 0; i = w->gathered[i].next) {
        struct inn_gathered *g = &w->gathered[i];

        if (inn_field_axis(f) != g->axis || f->law->n != g->n)
            continue;
        if (g->count == 0)
            take(g, f->law);
        else
            blend(g, f->law, w->share);
    }
}

/* ------------------------------------------------------------- the walk */

static void let_go(struct walk *w, int v)
{
    inn_law_drop(w->fields[v].law, w->graph->heap);
    w->fields[v].law = NULL;
}

static bool is_finite(const struct inn_law *law)
{
    size_t n = (size_t)law->n, i;

    for (i = 0; i < n; i++) {
        if (!isfinite(law->mean[i]) || law->cov[i * n + i] < 0)
            return false;
    }
    for (i = 0; i < n * n; i++) {
        if (!isfinite(law->cov[i]))
            return false;
    }
    return true;
}

/* Knowing less is what becomes of everything but a lack of memory. */
static enum inn_status ask_row(struct walk *w, struct inn_carry *c)
{
    enum inn_status st = c->op->moments(c);
    int j;

    for (j = 0; j < c->n_out; j++) {
        bool bad = st != INN_OK;

        if (c->to[j].law == NULL)
            continue;
        bad = bad || c->node->outputs[j] < 0 || c->out[j] == NULL ||
              !is_finite(c->to[j].law);
        if (bad)
            inn_law_drop(c->to[j].law, w->graph->heap);
        else
            w->fields[c->node->outputs[j]] = c->to[j];
    }
    return st == INN_ERR_MEMORY ? st : INN_OK;
}

static enum inn_status step(struct walk *w, const struct inn_node *node)
{
    size_t ni = (size_t)node->n_inputs + 1, no = (size_t)node->n_outputs + 1;
    struct inn_carry c = {.node = node, .op = inn_node_op(node),
                          .n_in = node->n_inputs, .n_out = node->n_outputs,
                          .product = product, .threads = w->threads,
                          .heap = w->graph->heap, .err = w->err};
    const struct inn_tensor **in, **out;
    struct inn_arena scratch;
    struct inn_field *from;
    enum inn_status st = INN_OK;
    bool known = false;
    int i;

    if (c.op == NULL || c.op->moments == NULL || node->n_captures > 0 ||
        inn_schema_check(node, NULL) != INN_OK)
        return INN_OK;
    c.standardise = w->standardise && inn_is_batchnorm(node) &&
                    inn_has_statistics(w->graph, node);
    inn_arena_init(&scratch, w->graph->heap);
    in = inn_arena_alloc(&scratch, ni, sizeof(*in), w->err);
    out = inn_arena_alloc(&scratch, no, sizeof(*out), w->err);
    from = inn_arena_alloc(&scratch, ni, sizeof(*from), w->err);
    c.to = inn_arena_alloc(&scratch, no, sizeof(*c.to), w->err);
    if (in == NULL || out == NULL || from == NULL || c.to == NULL) {
        st = inn_refused(w->err);
        goto out;
    }
    for (i = 0; i < node->n_inputs; i++) {
        int v = node->inputs[i];

        if (v < 0)
            continue;
        in[i] = inn_constant(w->graph, &w->shapes, v);
        if (in[i] == NULL)
            in[i] = inn_shapes_get(&w->shapes, v);
        from[i] = w->fields[v];
        known = known || from[i].law != NULL;
    }
    for (i = 0; i < node->n_outputs; i++)
        out[i] = node->outputs[i] < 0
                     ? NULL : inn_shapes_get(&w->shapes, node->outputs[i]);
    c.in = in;
    c.out = out;
    c.from = from;
    c.scratch = &scratch;
    /* Of a shape that is unknown a row can say nothing. */
    if (known && out[0] != NULL && in[0] != NULL)
        st = ask_row(w, &c);
out:
    inn_arena_free(&scratch);
    return st;
}

/* Which graph nodes the targets depend on, and who reads what. */
static void mark_needed(struct walk *w)
{
    const struct inn_graph *g = w->graph;
    int k, i;

    for (k = g->n_nodes - 1; k >= 0; k--) {
        const struct inn_node *node = &g->nodes[k];

        for (i = 0; i < node->n_outputs; i++) {
            int v = node->outputs[i];

            w->needed[k] = w->needed[k] ||
                           (v >= 0 && (w->target[v] >= 0 || w->uses[v] > 0));
        }
        for (i = 0; i < node->n_inputs && w->needed[k]; i++) {
            if (node->inputs[i] >= 0)
                w->uses[node->inputs[i]]++;
        }
    }
}

static enum inn_status prepare(struct walk *w, int n)
{
    const struct inn_graph *g = w->graph;
    size_t values = (size_t)g->n_values;
    enum inn_status st;
    int v;

    w->fields = inn_arena_alloc(&w->arena, values + 1, sizeof(*w->fields),
                                w->err);
    w->uses = inn_arena_alloc(&w->arena, values + 1, sizeof(int), w->err);
    w->target = inn_arena_alloc(&w->arena, values + 1, sizeof(int), w->err);
    w->needed = inn_arena_alloc(&w->arena, (size_t)g->n_nodes + 1,
                                sizeof(bool), w->err);
    if (w->fields == NULL || w->uses == NULL || w->target == NULL ||
        w->needed == NULL)
        return inn_refused(w->err);
    for (v = 0; v < g->n_values; v++)
        w->target[v] = -1;
    /* The last of a value is the first of its list. */
    for (v = 0; v < n; v++)
        w->target[w->gathered[v].value] = v;
    mark_needed(w);
    st = inn_shapes_infer(&w->shapes, g, w->model->bindings,
                          (size_t)w->model->n_bindings, INN_DEFAULT_SPATIAL,
                          FOLD_BYTES, w->err);
    for (v = 0; v < g->n_inputs && st == INN_OK; v++) {
        st = start_input(w, g->inputs[v]);
        if (st == INN_OK)
            note(w, g->inputs[v]);
    }
    return st;
}

enum inn_status inn_propagate(struct inn_gathered *gathered, int n,
                              double share, const struct inn_model *model,
                              const struct inn_graph *graph,
                              bool standardise, int threads,
                              struct inn_error *err)
{
    struct inn_error local = {0};
    struct walk w = {.model = model, .graph = graph, .gathered = gathered,
                     .share = share, .standardise = standardise,
                     .threads = threads, .err = err != NULL ? err : &local};
    enum inn_status st;
    int k, i, v;

    inn_arena_init(&w.arena, graph->heap);
    inn_arena_init(&w.shapes.arena, graph->heap);
    st = prepare(&w, n);
    for (k = 0; k < graph->n_nodes && st == INN_OK; k++) {
        const struct inn_node *node = &graph->nodes[k];

        if (!w.needed[k])
            continue;
        st = step(&w, node);
        for (i = 0; i < node->n_outputs && st == INN_OK; i++) {
            v = node->outputs[i];
            if (v < 0)
                continue;
            note(&w, v);
            if (w.uses[v] == 0)
                let_go(&w, v);
        }
        for (i = 0; i < node->n_inputs; i++) {
            v = node->inputs[i];
            if (v >= 0 && --w.uses[v] == 0)
                let_go(&w, v);
        }
    }
    for (v = 0; w.fields != NULL && v < graph->n_values; v++)
        let_go(&w, v);
    inn_shapes_free(&w.shapes);
    inn_arena_free(&w.arena);
    return st;
}
