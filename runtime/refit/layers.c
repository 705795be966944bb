/* Layers, their aims, and an order that has shortcuts ready in time. */
#include "runtime/refit/layers.h"

#include <string.h>

#include "runtime/base/error.h"
#include "runtime/refit/aim.h"

struct find {
    struct inn_readers readers;
    const struct inn_graph *graph;
    const struct inn_shapes *shapes;
    const struct inn_model *model;
    struct inn_refit_layers *layers;
    struct inn_arena *arena;
    struct inn_error *err;
};

static enum inn_status count_readers(struct find *f)
{
    const struct inn_graph *g = f->graph;
    struct inn_readers *r = &f->readers;
    int k, i, v;

    r->graph = g;
    r->shapes = f->shapes;
    r->uses = inn_arena_alloc(f->arena, (size_t)g->n_values,
                              sizeof(*r->uses), f->err);
    r->reader = inn_arena_alloc(f->arena, (size_t)g->n_values,
                                sizeof(*r->reader), f->err);
    r->claimed = inn_arena_alloc(f->arena, (size_t)g->n_nodes,
                                 sizeof(*r->claimed), f->err);
    if (r->uses == NULL || r->reader == NULL || r->claimed == NULL)
        return inn_refused(f->err);
    for (v = 0; v < g->n_values; v++)
        r->reader[v] = -1;
    for (k = 0; k < g->n_nodes; k++) {
        for (i = 0; i < g->nodes[k].n_inputs; i++) {
            v = g->nodes[k].inputs[i];
            if (v >= 0)
                r->reader[v] = k;
        }
    }
    return inn_graph_count_uses(g, r->uses);
}

/* What a graph node reads stored, if it sums that over a group's channels. */
static bool sums_channels(const struct find *f, const struct inn_node *node)
{
    int i, a, v;

    for (i = 0; i < node->n_inputs; i++) {
        v = node->inputs[i];
        if (v < 0 || f->graph->values[v].init == NULL)
            continue;
        for (a = 0; a < f->graph->values[v].init->rank; a++) {
            const struct inn_axis *axis = inn_model_axis(f->model, v, a);

            if (axis != NULL && axis->role == INN_ROLE_IN)
                return true;
        }
    }
    return false;
}

static bool is_f32(const struct find *f, int v)
{
    const struct inn_tensor *t = inn_shapes_get(f->shapes, v);

    return t != NULL && t->type == INN_F32;
}

/* Why linear graph node l can't be refitted, in words; NULL: it can. */
static const char *why_not(const struct find *f, const struct inn_linear *l)
{
    if (!inn_linear_alone(f->graph, f->readers.uses, l->weight,
                          l->weight_seen))
        return "its weight is shared";
    if (!is_f32(f, l->x) || !is_f32(f, l->y) || !is_f32(f, l->weight_seen))
        return "it isn't computed in f32";
    return NULL;
}

static void list_layers(struct find *f)
{
    struct inn_refit_layers *all = f->layers;
    int k, add;

    for (k = 0; k < f->graph->n_nodes; k++) {
        struct inn_linear *l = &all->layer[all->n].linear;
        const char *why = NULL;

        all->of_node[k] = -1;
        if (!inn_linear_read(l, f->graph, f->shapes, k)) {
            if (sums_channels(f, &f->graph->nodes[k]))
                why = "nothing is known of fitting its operator";
        } else if (!f->graph->values[l->x].is_input) {
            add = inn_only_reader(&f->readers, l->y);
            if (add >= 0)
                inn_linear_take_bias(l, f->graph, f->shapes, add);
            why = why_not(f, l);
            if (why == NULL)
                all->of_node[k] = all->n++;
        }
        if (why != NULL) {
            all->left[all->n_left].node = k;
            all->left[all->n_left++].why = why;
        }
    }
}

/* What has to be there before graph node k; the i-th, or -2 past the last. */
static int needs(const struct find *f, int k, int i)
{
    const struct inn_node *node = &f->graph->nodes[k];
    int layer = f->layers->of_node[k], v = -1;

    if (i < node->n_inputs)
        v = node->inputs[i];
    else if (i < node->n_inputs + node->n_captures)
        v = node->captures[i - node->n_inputs];
    else if (i == node->n_inputs + node->n_captures)
        v = layer >= 0 ? f->layers->layer[layer].shortcut : -1;
    else
        return -2;
    return v >= 0 ? f->graph->values[v].producer : -1;
}

/*
 * Depth first, on a stack of our own: networks are as deep as they please.
 * No circle can arise: whatever a shortcut comes from lies before its sum,
 * and the layer is read by nothing else.
 */
static enum inn_status sort(struct find *f)
{
    size_t n = (size_t)f->graph->n_nodes;
    int *stack = inn_arena_alloc(f->arena, n, sizeof(*stack), f->err);
    int *next = inn_arena_alloc(f->arena, n, sizeof(*next), f->err);
    bool *seen = inn_arena_alloc(f->arena, n, sizeof(*seen), f->err);
    int k, depth = 0, done = 0;

    if (stack == NULL || next == NULL || seen == NULL)
        return inn_refused(f->err);
    for (k = 0; k < f->graph->n_nodes; k++) {
        if (!seen[k]) {
            seen[k] = true;
            stack[depth++] = k;
        }
        while (depth > 0) {
            int top = stack[depth - 1], need = needs(f, top, next[top]++);

            if (need == -2) {
                f->layers->order[done++] = top;
                depth--;
            } else if (need >= 0 && !seen[need]) {
                seen[need] = true;
                stack[depth++] = need;
            }
        }
    }
    return INN_OK;
}

enum inn_status inn_refit_find(struct inn_refit_layers *layers,
                               const struct inn_graph *graph,
                               const struct inn_shapes *shapes,
                               const struct inn_model *model,
                               struct inn_arena *arena,
                               struct inn_error *err)
{
    struct find f = {.graph = graph, .shapes = shapes, .model = model,
                     .layers = layers, .arena = arena, .err = err};
    size_t n = (size_t)graph->n_nodes;
    enum inn_status st;
    int i;

    memset(layers, 0, sizeof(*layers));
    layers->layer = inn_arena_alloc(arena, n + 1, sizeof(*layers->layer),
                                    err);
    layers->of_node = inn_arena_alloc(arena, n, sizeof(*layers->of_node),
                                      err);
    layers->order = inn_arena_alloc(arena, n, sizeof(*layers->order), err);
    layers->left = inn_arena_alloc(arena, n, sizeof(*layers->left), err);
    if (layers->layer == NULL || layers->of_node == NULL ||
        layers->order == NULL || layers->left == NULL)
        return inn_refused(err);
    st = count_readers(&f);
    if (st != INN_OK)
        return st;
    list_layers(&f);
    for (i = layers->n - 1; i >= 0; i--)
        inn_refit_aim(&layers->layer[i], &f.readers);
    return sort(&f);
}
