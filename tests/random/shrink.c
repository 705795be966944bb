/*
 * Makes a failing recipe smaller while the same law is broken: steps are
 * switched off in ever smaller runs, outputs dropped, widths halved, and at
 * last single graph nodes bypassed. Rounds repeat until nothing helps.
 */
#include "tests/random/random.h"

#include <string.h>

#include "runtime/ops/shapes.h"

/* Enough for every network so far; a slow one still ends. */
#define MOST_TRIALS 4000
/* Fewer groups draw other widths: more of them find the fault again. */
#define PLANS 12

struct shrinking {
    struct recipe *best;
    struct verdict *verdict;
    const char *dir;
    const char *law;
    int trials;
};

/* Takes r where it breaks the law as well. */
static bool try(struct shrinking *s, const struct recipe *r)
{
    struct verdict v;

    if (s->trials++ >= MOST_TRIALS)
        return false;
    laws_check(&v, r, s->dir, PLANS);
    if (v.law == NULL || strcmp(v.law, s->law) != 0)
        return false;
    *s->best = *r;
    *s->verdict = v;
    return true;
}

static bool drop_steps(struct shrinking *s)
{
    bool any = false;
    int len, from, i;

    for (len = s->best->n_steps / 2; len > 0; len /= 2) {
        for (from = 1; from < s->best->n_steps; from += len) {
            struct recipe r = *s->best;
            bool change = false;

            for (i = from; i < from + len && i < r.n_steps; i++) {
                change = change || !r.steps[i].off;
                r.steps[i].off = true;
            }
            any = (change && try(s, &r)) || any;
        }
    }
    return any;
}

static bool drop_outputs(struct shrinking *s)
{
    bool any = false;
    int k, i;

    for (k = s->best->n_outputs - 1; k >= 0 && s->best->n_outputs > 1; k--) {
        struct recipe r = *s->best;

        r.n_outputs--;
        for (i = k; i < r.n_outputs; i++) {
            r.outputs[i] = r.outputs[i + 1];
            r.head[i] = r.head[i + 1];
        }
        any = try(s, &r) || any;
    }
    for (k = 0; k < s->best->n_outputs; k++) {
        struct recipe r = *s->best;

        r.head[k] = false;
        any = (s->best->head[k] && try(s, &r)) || any;
    }
    return any;
}

/* Smaller inputs, and nothing that need not be. */
static bool simplify(struct shrinking *s)
{
    struct recipe r = *s->best;
    bool any = false;

    r.batch = 1;
    r.open_batch = r.keep_dead = r.declare = false;
    any = memcmp(&r, s->best, sizeof(r)) != 0 && try(s, &r);
    r = *s->best;
    r.height = r.width = 4;
    any = (memcmp(&r, s->best, sizeof(r)) != 0 && try(s, &r)) || any;
    r = *s->best;
    r.channels = 1;
    return (r.channels != s->best->channels && try(s, &r)) || any;
}

static bool halve_widths(struct shrinking *s)
{
    bool any = false;
    int i;

    for (i = 1; i < s->best->n_steps; i++) {
        while (!s->best->steps[i].off && s->best->steps[i].channels > 2) {
            struct recipe r = *s->best;

            r.steps[i].channels = (r.steps[i].channels + 1) / 2;
            if (!try(s, &r))
                break;
            any = true;
        }
    }
    return any;
}

/* Indices hold only as long as all else stays: the last thing to do. */
static void bypass_nodes(struct shrinking *s)
{
    struct inn_heap *heap = inn_heap_new(0);
    struct recipe plain = *s->best;
    struct inn_shapes shapes;
    struct inn_graph *g;
    struct inn_error err;
    int k;

    if (heap == NULL)
        return;
    plain.keep_dead = true;
    g = recipe_build(&plain, heap, &err);
    if (g == NULL) {
        inn_heap_free(heap);
        return;
    }
    if (inn_shapes_infer(&shapes, g, NULL, 0, 4, 1 << 16, &err) == INN_OK) {
        for (k = g->n_nodes - 1; k >= 0; k--) {
            const struct inn_node *node = &g->nodes[k];
            const struct inn_tensor *x, *y;
            struct recipe r = *s->best;

            if (node->n_inputs == 0 || r.n_bypass == MAX_BYPASS)
                continue;
            x = inn_shapes_get(&shapes, node->inputs[0]);
            y = inn_shapes_get(&shapes, node->outputs[0]);
            if (x == NULL || y == NULL || !inn_tensor_same_shape(x, y))
                continue;
            r.bypass[r.n_bypass++] = k;
            try(s, &r);
        }
    }
    inn_shapes_free(&shapes);
    inn_graph_free(g);
    inn_heap_free(heap);
}

void shrink(struct recipe *r, struct verdict *verdict, const char *dir)
{
    struct shrinking s = {r, verdict, dir, verdict->law, 0};
    bool any;

    do {
        any = drop_outputs(&s);
        any = drop_steps(&s) || any;
        any = simplify(&s) || any;
        any = halve_widths(&s) || any;
    } while (any && s.trials < MOST_TRIALS);
    bypass_nodes(&s);
}
