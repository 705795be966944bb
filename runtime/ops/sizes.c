/*
 * Open sizes, solved for by trying: shape inference says whether sizes fit,
 * and how far it came is what the search climbs by. Deterministic; what a
 * hostile file can make of it is bounded by the work that inference reports.
 */
#include "runtime/ops/sizes.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/checked.h"
#include "runtime/base/error.h"

/* Constants a shape may be computed from. */
#define FOLD_BYTES ((size_t)64 << 10)
/* Of a search; work as inn_shapes has it: a second or two. */
#define MOST_WORK ((int64_t)1 << 28)
#define MOST_TRIES 3000
/* Unknowns whose sums are tried: of a cache and what it is joined with. */
#define MOST_SUMMED 8
/* Lengths that are tried one after the other, and the largest at all. */
#define SCAN 1024
#define LARGEST ((int64_t)1 << 22)
/*
 * Images and texts come in these; the nearest to the usual ones first. 1 last:
 * it goes with everything, by broadcasting.
 */
static const int64_t common[] = {
    256,  128,  64,    32,    96,    112,   160, 192, 299, 227, 320, 384,
    512,  640,  28,    48,    16,    8,     4,   2,   24,  40,  80,  100,
    120,  144,  200,   240,   300,   400,   416, 448, 480, 600, 768, 1024,
    1536, 2048, 4096,  8000,  16000, 32000, 44100, 48000, 1,
};

/* A size that is open: a symbol's, or that of one axis alone. */
struct unknown {
    int64_t size, before;
    bool batch; /* it is an axis 0 somewhere */
    bool fixed; /* a symbol whose size the caller gave */
    int64_t usual; /* what the caller names, or 0 */
};

/* Unknowns that are tried at one size. */
struct unit {
    int first, n; /* in members */
};

struct search {
    const struct inn_graph *graph;
    struct inn_arena *arena;
    struct inn_binding *bindings; /* [n] */
    unsigned *chosen, *told;      /* [n] */
    size_t n;
    int *places; /* [n × INN_MAX_RANK]: the unknown there, or -1 */
    struct unknown *unknowns;
    int n_unknowns;
    struct unit *units;
    int n_units;
    int *members; /* of units: unknowns */
    int n_members;
    int tries;
    int64_t work;
    /* The last try: graph nodes inferred, which way it errs, and why. */
    int done;
    int sign; /* 1: too large, -1: too small, 0: who knows */
    bool fits;
    struct inn_error why;
    struct inn_error *err;
};

/* ------------------------------------------------------------- one try --- */

/* Of the first two inputs the one that never changes; *other is the other. */
static const struct inn_tensor *constant_of(const struct inn_tensor **other,
                                            const struct inn_shapes *shapes,
                                            const struct inn_node *node)
{
    bool first = shapes->steady[node->inputs[0]];

    if (first == shapes->steady[node->inputs[1]])
        return NULL;
    *other = inn_shapes_get(shapes, node->inputs[first ? 1 : 0]);
    return *other == NULL ? NULL
                          : inn_shapes_get(shapes,
                                           node->inputs[first ? 0 : 1]);
}

static int compare(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* What is summed over against the weight's rows. */
static int sign_of_product(const struct inn_node *node,
                           const struct inn_tensor *x,
                           const struct inn_tensor *w, bool x_first)
{
    bool gemm = strcmp(node->op_type, "Gemm") == 0;
    int a = inn_node_int(node, x_first ? "transA" : "transB", 0) != 0 && gemm;
    int b = inn_node_int(node, x_first ? "transB" : "transA", 0) != 0 && gemm;

    if (x->rank < 2 || w->rank < 2)
        return 0;
    /* The last axis of the left operand, the last but one of the right. */
    return compare(x->dims[x->rank - 1 - (x_first ? a : 1 - a)],
                   w->dims[w->rank - 1 - (x_first ? 1 - b : b)]);
}

static int sign_of_broadcast(const struct inn_tensor *x,
                             const struct inn_tensor *w)
{
    int k;

    for (k = 1; k <= x->rank && k <= w->rank; k++) {
        int64_t a = x->dims[x->rank - k], b = w->dims[w->rank - k];

        if (a != b && a != 1 && b != 1)
            return compare(a, b);
    }
    return 0;
}

static int sign_of_reshape(const struct inn_tensor *x,
                           const struct inn_tensor *shape)
{
    int64_t n = 1;
    size_t i, count = inn_tensor_count(shape);

    if (shape->data == NULL ||
        (shape->type != INN_I64 && shape->type != INN_I32))
        return 0;
    for (i = 0; i < count; i++) {
        int64_t d = inn_tensor_int(shape, i);

        if (d < 1 || !inn_mul_i64(&n, n, d))
            return 0;
    }
    return compare((int64_t)inn_tensor_count(x), n);
}

/*
 * Which way the contradiction at a graph node points, where one side of it is
 * a constant. A guess, only ever the direction of a search.
 */
static int sign_at(const struct inn_shapes *shapes,
                   const struct inn_node *node)
{
    const struct inn_tensor *x, *w;

    if (node->n_inputs < 2 || node->inputs[0] < 0 || node->inputs[1] < 0)
        return 0;
    w = constant_of(&x, shapes, node);
    if (w == NULL)
        return 0;
    if (strcmp(node->op_type, "Gemm") == 0 ||
        strcmp(node->op_type, "MatMul") == 0)
        return sign_of_product(node, x, w,
                               shapes->steady[node->inputs[1]]);
    if (strcmp(node->op_type, "Reshape") == 0)
        return sign_of_reshape(x, w);
    return sign_of_broadcast(x, w);
}

/* The unknowns' sizes into the bindings; told: but for batches of 1. */
static void place_sizes(struct search *s)
{
    size_t i;
    int k;

    for (i = 0; i < s->n; i++) {
        for (k = 0; k < s->bindings[i].rank; k++) {
            int u = s->places[i * INN_MAX_RANK + (size_t)k];

            if (u < 0)
                continue;
            s->bindings[i].dims[k] = s->unknowns[u].size;
            if (!s->unknowns[u].fixed &&
                (!s->unknowns[u].batch || s->unknowns[u].size != 1))
                s->told[i] |= 1u << k;
            else
                s->told[i] &= ~(1u << k);
        }
    }
}

/* Infers at the unknowns' sizes. Fails for lack of memory alone. */
static enum inn_status try_sizes(struct search *s)
{
    struct inn_shapes shapes;
    enum inn_status st;

    place_sizes(s);
    s->why = (struct inn_error){INN_OK, ""};
    st = inn_shapes_infer(&shapes, s->graph, s->bindings, s->n,
                          INN_DEFAULT_SPATIAL, FOLD_BYTES, &s->why);
    s->fits = st == INN_OK;
    s->done = shapes.n_done;
    s->sign = 0;
    if (st == INN_ERR_FORMAT && shapes.n_values > 0 &&
        s->done < s->graph->n_nodes)
        s->sign = sign_at(&shapes, &s->graph->nodes[s->done]);
    s->tries++;
    if (!inn_add_i64(&s->work, s->work, shapes.work))
        s->work = INT64_MAX;
    inn_shapes_free(&shapes);
    if (st != INN_ERR_MEMORY && (st != INN_ERR_LIMIT || s->tries > 1))
        return INN_OK;
    return inn_fail(s->err, st, "%s", s->why.message);
}

static bool may_go_on(const struct search *s)
{
    return s->tries < MOST_TRIES && s->work < MOST_WORK;
}

/* ---------------------------------------------------------- the search --- */

/* What a unit's turn has come to. */
struct turn {
    const struct unit *unit;
    int64_t start; /* where its first unknown was */
    int64_t best;  /* 0: nothing that is better */
    int done;      /* with best; with none, before */
    bool fits;
};

static void set_unit(struct search *s, const struct unit *u, int64_t size)
{
    int i;

    for (i = 0; i < u->n; i++)
        s->unknowns[s->members[u->first + i]].size = size;
}

static enum inn_status try_unit(struct turn *t, struct search *s,
                                int64_t size)
{
    enum inn_status st;

    set_unit(s, t->unit, size);
    st = try_sizes(s);
    if (st == INN_OK && (s->fits || s->done > t->done)) {
        t->best = size;
        t->done = s->done;
        t->fits = s->fits;
    }
    return st;
}

/* Whether the last try came as far as the best. */
static bool as_good(const struct search *s, const struct turn *t)
{
    return t->fits ? s->fits : s->done >= t->done;
}

/*
 * A size below that of the start does; where half of it does as well, what
 * binds is a bound, and the largest size that does is wanted. Bisection: low
 * does, high does not.
 */
static enum inn_status raise(struct turn *t, struct search *s, int64_t high)
{
    enum inn_status st = INN_OK;
    int64_t low = t->best;

    if (low < 2 || !may_go_on(s))
        return INN_OK;
    set_unit(s, t->unit, low / 2);
    st = try_sizes(s);
    if (st != INN_OK || !as_good(s, t))
        return st;
    while (high - low > 1 && may_go_on(s) && st == INN_OK) {
        int64_t middle = low + (high - low) / 2;

        set_unit(s, t->unit, middle);
        st = try_sizes(s);
        if (as_good(s, t))
            low = middle;
        else
            high = middle;
    }
    t->best = low;
    return st;
}

/* The usual sizes; the first of those that come farthest. */
static enum inn_status try_common(struct turn *t, struct search *s)
{
    int64_t high = t->start, before = t->best;
    enum inn_status st = INN_OK;
    size_t i, k;

    for (i = 0; i < INN_COUNT(common) && st == INN_OK && !t->fits; i++) {
        if (!may_go_on(s))
            break;
        if (common[i] != t->start && (common[i] > 1 || t->unit->n == 1))
            st = try_unit(t, s, common[i]);
    }
    if (st != INN_OK || t->best == before || t->best >= t->start)
        return st;
    for (k = 0; common[k] != t->best; k++) {
        if (common[k] > t->best && common[k] < high)
            high = common[k];
    }
    return raise(t, s, high);
}

/* An unknown alone may be the sum of two others: a cache, and what is new. */
static enum inn_status try_sums(struct turn *t, struct search *s)
{
    int n = s->n_unknowns < MOST_SUMMED ? s->n_unknowns : MOST_SUMMED, i, k;
    int me = s->members[t->unit->first];
    enum inn_status st = INN_OK;
    int64_t sum;

    for (i = 0; i < n; i++) {
        for (k = i + 1; k < n && st == INN_OK && !t->fits; k++) {
            if (i != me && k != me && may_go_on(s) &&
                inn_add_i64(&sum, s->unknowns[i].size, s->unknowns[k].size))
                st = try_unit(t, s, sum);
        }
    }
    return st;
}

/* By the way in which the contradictions point. */
static enum inn_status home_in(struct turn *t, struct search *s)
{
    int64_t low = 0, high = LARGEST + 1;
    enum inn_status st = INN_OK;
    int before = t->done;

    while (high - low > 1 && may_go_on(s) && st == INN_OK && t->best == 0) {
        int64_t middle = low + (high - low) / 2;

        st = try_unit(t, s, middle);
        if (s->done < before ? middle > t->start : s->sign > 0)
            high = middle;
        else if (s->done < before || s->sign < 0)
            low = middle;
        else
            break;
    }
    return st;
}

/* Every length, and 1 last where it is that of several. */
static enum inn_status scan(struct turn *t, struct search *s)
{
    enum inn_status st = INN_OK;
    int64_t k;

    for (k = t->unit->n > 1 ? 2 : 1; k <= SCAN; k++) {
        if (st != INN_OK || t->best > 0 || !may_go_on(s))
            return st;
        st = try_unit(t, s, k);
    }
    return st == INN_OK && t->best == 0 && t->unit->n > 1
               ? try_unit(t, s, 1) : st;
}

static enum inn_status climb(struct turn *t, struct search *s, int sign,
                             bool thorough)
{
    enum inn_status st = INN_OK;

    if (thorough)
        return scan(t, s);
    if (t->unit->n == 1)
        st = try_sums(t, s);
    if (st == INN_OK && !t->fits)
        st = try_common(t, s);
    if (st == INN_OK && t->best == 0 && sign != 0)
        st = home_in(t, s);
    return st;
}

/*
 * One unit's turn, from the sizes of the last try on, to which it comes back
 * if none is better; sign is that try's.
 */
static enum inn_status take_turn(bool *better, struct search *s,
                                 const struct unit *unit, int *done,
                                 int *sign, bool thorough)
{
    const int *members = &s->members[unit->first];
    struct turn t = {.unit = unit, .done = *done};
    enum inn_status st;
    int k;

    t.start = s->unknowns[members[0]].size;
    for (k = 0; k < unit->n; k++)
        s->unknowns[members[k]].before = s->unknowns[members[k]].size;
    st = climb(&t, s, *sign, thorough);
    s->fits = false;
    for (k = 0; k < unit->n; k++)
        s->unknowns[members[k]].size =
            t.best > 0 ? t.best : s->unknowns[members[k]].before;
    if (st != INN_OK || t.best == 0)
        return st;
    st = try_sizes(s);
    *better = true;
    *done = s->done;
    *sign = s->sign;
    return st;
}

/* Unit after unit, as long as one helps; thoroughly where none does. */
static enum inn_status search(struct search *s)
{
    int done = s->done, sign = s->sign, i;
    bool better = true, thorough = false;
    enum inn_status st = INN_OK;

    while (!s->fits && st == INN_OK && may_go_on(s)) {
        if (!better && thorough)
            break;
        thorough = !better;
        better = false;
        for (i = 0; i < s->n_units && !s->fits && st == INN_OK; i++) {
            if (may_go_on(s))
                st = take_turn(&better, s, &s->units[i], &done, &sign,
                               thorough);
        }
    }
    return st;
}

/* ------------------------------------------------------- what is open --- */

/* Names to numbers: of given and usual bindings, of symbols' unknowns. */
struct names {
    struct inn_map given, usual, symbols;
};

static enum inn_status map_bindings(struct inn_map *inputs,
                                    const struct inn_binding *b, size_t n,
                                    struct inn_error *err)
{
    enum inn_status st = INN_OK;
    size_t i;

    for (i = 0; i < n && st == INN_OK; i++) {
        if (b[i].rank >= 0 && inn_map_get(inputs, b[i].name) < 0)
            st = inn_map_put(inputs, b[i].name, (int)i, err);
    }
    return st;
}

/* The unknown of a symbol; a new one where it has none yet. */
static enum inn_status find_symbol(int *u, struct search *s,
                                   struct names *names, const char *symbol)
{
    *u = symbol == NULL ? -1 : inn_map_get(&names->symbols, symbol);
    if (*u >= 0)
        return INN_OK;
    *u = s->n_unknowns++;
    return symbol == NULL ? INN_OK
                          : inn_map_put(&names->symbols, symbol, *u, s->err);
}

static enum inn_status fix_symbol(struct search *s, struct names *names,
                                  const char *symbol, int64_t size)
{
    enum inn_status st;
    int u;

    if (inn_map_get(&names->symbols, symbol) >= 0)
        return INN_OK;
    st = find_symbol(&u, s, names, symbol);
    s->unknowns[u].fixed = true;
    s->unknowns[u].size = size;
    return st;
}

/* Symbols whose size is given, by their name or by an input's shape. */
static enum inn_status fix_symbols(struct search *s, struct names *names,
                                   const struct inn_binding *given, size_t n)
{
    enum inn_status st = INN_OK;
    size_t i;
    int k;

    for (i = 0; i < n && st == INN_OK; i++) {
        const struct inn_value *v;

        if (given[i].rank < 0) {
            st = fix_symbol(s, names, given[i].name, given[i].dims[0]);
            continue;
        }
        v = &s->graph->values[inn_graph_find(s->graph, given[i].name)];
        for (k = 0; k < v->rank && st == INN_OK; k++) {
            if (v->dims[k].symbol != NULL && v->dims[k].size < 0)
                st = fix_symbol(s, names, v->dims[k].symbol,
                                given[i].dims[k]);
        }
    }
    return st;
}

static void note_usual(struct unknown *u, const struct inn_binding *usual,
                       int axis, int rank)
{
    if (u->usual == 0 && usual != NULL && usual->rank == rank &&
        usual->dims[axis] > 0)
        u->usual = usual->dims[axis];
}

/* The binding of one input, and the unknowns in it. */
static enum inn_status add_input(struct search *s, struct names *names,
                                 const struct inn_value *v,
                                 const struct inn_binding *given,
                                 const struct inn_binding *usual)
{
    int at = inn_map_get(&names->given, v->name), u, k;
    int *places = &s->places[s->n * INN_MAX_RANK];
    struct inn_binding *b = &s->bindings[s->n];
    enum inn_status st = INN_OK;

    for (k = 0; k < INN_MAX_RANK; k++)
        places[k] = -1;
    if ((v->rank < 0 || inn_type_size(v->type) == 0) && at < 0)
        return INN_OK;
    if (at >= 0) {
        *b = given[at];
    } else {
        b->rank = v->rank;
        at = inn_map_get(&names->usual, v->name);
        for (k = 0; k < v->rank && st == INN_OK; k++) {
            b->dims[k] = v->dims[k].size;
            if (b->dims[k] >= 0)
                continue;
            st = find_symbol(&u, s, names, v->dims[k].symbol);
            places[k] = u;
            s->unknowns[u].batch = s->unknowns[u].batch || k == 0;
            note_usual(&s->unknowns[u], at >= 0 ? &usual[at] : NULL, k,
                       v->rank);
            if (!s->unknowns[u].fixed)
                s->chosen[s->n] |= 1u << k;
        }
    }
    b->name = inn_arena_strdup(s->arena, v->name, s->err);
    s->n++;
    return st == INN_OK && b->name == NULL ? inn_refused(s->err) : st;
}

static enum inn_status find_unknowns(struct search *s,
                                     const struct inn_binding *given,
                                     size_t n_given,
                                     const struct inn_binding *usual,
                                     size_t n_usual, int64_t side,
                                     struct inn_arena *own)
{
    const struct inn_graph *g = s->graph;
    struct names names;
    enum inn_status st;
    int i;

    inn_map_init(&names.given, own);
    inn_map_init(&names.usual, own);
    inn_map_init(&names.symbols, own);
    st = map_bindings(&names.given, given, n_given, s->err);
    if (st == INN_OK)
        st = map_bindings(&names.usual, usual, n_usual, s->err);
    if (st == INN_OK)
        st = fix_symbols(s, &names, given, n_given);
    for (i = 0; i < g->n_inputs && st == INN_OK; i++)
        st = add_input(s, &names, &g->values[g->inputs[i]], given, usual);
    for (i = 0; i < s->n_unknowns; i++) {
        struct unknown *u = &s->unknowns[i];

        if (!u->fixed)
            u->size = u->usual > 0 ? u->usual : u->batch ? 1 : side;
    }
    return st;
}

/* --------------------------------------------------------------- units --- */

static void end_unit(struct search *s, int first, int least, int most)
{
    int n = s->n_members - first;

    if (n < least || n > most)
        s->n_members = first;
    else
        s->units[s->n_units++] = (struct unit){first, n};
}

/* All that are open but batches; those of one input; each; then batches. */
static void make_units(struct search *s)
{
    int first = 0, all, i, k, m;
    size_t b;

    for (i = 0; i < s->n_unknowns; i++) {
        if (!s->unknowns[i].fixed && !s->unknowns[i].batch)
            s->members[s->n_members++] = i;
    }
    all = s->n_members;
    end_unit(s, first, 2, all);
    for (b = 0; b < s->n; b++) {
        first = s->n_members;
        for (k = 1; k < s->bindings[b].rank; k++) {
            int u = s->places[b * INN_MAX_RANK + (size_t)k];

            for (m = first; m < s->n_members && s->members[m] != u; m++)
                ;
            if (u >= 0 && m == s->n_members && !s->unknowns[u].fixed &&
                !s->unknowns[u].batch)
                s->members[s->n_members++] = u;
        }
        end_unit(s, first, 2, all - 1);
    }
    for (k = 0; k < 2; k++) {
        for (i = 0; i < s->n_unknowns; i++) {
            first = s->n_members;
            if (!s->unknowns[i].fixed && s->unknowns[i].batch == (k == 1))
                s->members[s->n_members++] = i;
            end_unit(s, first, 1, 1);
        }
    }
}

/*
 * Whether the one size that is open but for batches can be no other: neither
 * its neighbours nor half and twice as much do.
 */
static enum inn_status is_forced(bool *forced, struct search *s)
{
    enum inn_status st = INN_OK;
    int64_t size, others[4];
    int i, only = -1, n = 0;

    *forced = false;
    for (i = 0; i < s->n_unknowns; i++) {
        if (s->unknowns[i].fixed || s->unknowns[i].batch)
            continue;
        only = i;
        n++;
    }
    if (n != 1)
        return INN_OK;
    size = s->unknowns[only].size;
    others[0] = size + 1;
    others[1] = 2 * size;
    others[2] = size - 1;
    others[3] = size / 2;
    for (i = 0; i < 4 && st == INN_OK; i++) {
        if (others[i] < 1)
            continue;
        s->unknowns[only].size = others[i];
        st = try_sizes(s);
        if (st == INN_OK && s->fits)
            break;
    }
    *forced = st == INN_OK && i == 4;
    s->unknowns[only].size = size;
    return st;
}

static enum inn_status make_room(struct search *s, size_t n_given,
                                 struct inn_arena *own)
{
    size_t n = (size_t)s->graph->n_inputs + 1, most;

    /* An unknown per axis, and per symbol that is given. */
    if (!inn_mul_size(&most, n + n_given, INN_MAX_RANK))
        return inn_fail(s->err, INN_ERR_LIMIT, "too many inputs");
    s->bindings = inn_arena_alloc(s->arena, n, sizeof(*s->bindings), s->err);
    if (s->bindings == NULL)
        return inn_refused(s->err);
    s->chosen = inn_arena_alloc(s->arena, n, sizeof(*s->chosen), s->err);
    if (s->chosen == NULL)
        return inn_refused(s->err);
    s->told = inn_arena_alloc(s->arena, n, sizeof(*s->told), s->err);
    if (s->told == NULL)
        return inn_refused(s->err);
    s->places = inn_arena_alloc(own, n, INN_MAX_RANK * sizeof(*s->places),
                                s->err);
    if (s->places == NULL)
        return inn_refused(s->err);
    s->unknowns = inn_arena_alloc(own, most, sizeof(*s->unknowns), s->err);
    if (s->unknowns == NULL)
        return inn_refused(s->err);
    s->units = inn_arena_alloc(own, most + n, sizeof(*s->units), s->err);
    if (s->units == NULL)
        return inn_refused(s->err);
    s->members = inn_arena_alloc(own, most, 4 * sizeof(*s->members), s->err);
    return s->members != NULL ? INN_OK : inn_refused(s->err);
}

/* Sizes that fit, from those of find_unknowns on; or these again. */
static enum inn_status solve(struct inn_sizes *sizes, struct search *s)
{
    enum inn_status st = try_sizes(s);
    struct inn_error first = s->why;
    bool forced = false;
    int i;

    if (st == INN_OK && !s->fits) {
        make_units(s);
        st = search(s);
    }
    if (st != INN_OK)
        return st;
    sizes->fits = s->fits;
    for (i = 0; i < s->n_unknowns; i++) {
        const struct unknown *u = &s->unknowns[i];

        if (!u->fixed && !u->batch && u->size != u->usual)
            sizes->assumed = true;
    }
    if (!s->fits)
        sizes->why = first;
    else if (sizes->assumed)
        st = is_forced(&forced, s);
    sizes->assumed = sizes->assumed && !forced;
    return st;
}

enum inn_status inn_sizes_solve(struct inn_sizes *sizes,
                                const struct inn_graph *graph,
                                const struct inn_binding *given,
                                size_t n_given,
                                const struct inn_binding *usual,
                                size_t n_usual, int64_t side,
                                struct inn_arena *arena,
                                struct inn_error *err)
{
    struct search s = {.graph = graph, .arena = arena, .err = err};
    struct inn_arena own;
    enum inn_status st;
    bool open = false;
    size_t i;

    memset(sizes, 0, sizeof(*sizes));
    sizes->fits = true;
    st = inn_bindings_check(graph, given, n_given, err);
    if (st != INN_OK)
        return st;
    inn_arena_init(&own, graph->heap);
    st = make_room(&s, n_given, &own);
    if (st == INN_OK)
        st = find_unknowns(&s, given, n_given, usual, n_usual, side, &own);
    for (i = 0; i < s.n; i++)
        open = open || s.chosen[i] != 0;
    if (st == INN_OK && open)
        st = solve(sizes, &s);
    if (st == INN_OK) {
        place_sizes(&s);
        sizes->bindings = s.bindings;
        sizes->chosen = s.chosen;
        sizes->told = s.told;
        sizes->n = s.n;
    }
    inn_arena_free(&own);
    return st;
}

/* --------------------------------------------------------------- words --- */

/* Inputs that are named before the rest is only counted. */
#define NAMED 4

/* What an axis is called, and the letter it has in a shape. */
static const char *axis_name(const struct inn_value *v, int axis,
                             char text[24], char *letter)
{
    bool last = v->rank == 4 && v->dims[3].size >= 0 && v->dims[1].size < 0;
    int side = v->rank == 4 ? axis - (last ? 1 : 2) : -1;

    *letter = side == 0 ? 'H' : side == 1 ? 'W' : 'N';
    if (v->dims[axis].symbol != NULL)
        return v->dims[axis].symbol;
    if (side == 0 || side == 1)
        return side == 0 ? "height" : "width";
    snprintf(text, 24, "axis %d", axis);
    return text;
}

/* "1,3,H,W" */
static void write_form(char text[8 * INN_MAX_RANK * 3],
                       const struct inn_binding *b, unsigned open,
                       const struct inn_value *v)
{
    char name[24], letter;
    size_t at = 0;
    int k;

    text[0] = '\0';
    for (k = 0; k < b->rank; k++) {
        const char *comma = k > 0 ? "," : "";

        axis_name(v, k, name, &letter);
        if ((open >> k & 1u) != 0)
            at += (size_t)snprintf(text + at, 24, "%s%c", comma, letter);
        else
            at += (size_t)snprintf(text + at, 24, "%s%lld", comma,
                                   (long long)b->dims[k]);
    }
}

const char *inn_sizes_text(const struct inn_sizes *sizes,
                           const struct inn_graph *graph,
                           struct inn_arena *arena, struct inn_error *err)
{
    const char *text = "", *open = "", *how = NULL;
    char shape[INN_SHAPE_TEXT], form[8 * INN_MAX_RANK * 3], name[24], letter;
    struct inn_map seen;
    int named = 0, axes = 0, k;
    size_t i;

    inn_map_init(&seen, arena);
    for (i = 0; i < sizes->n && text != NULL && open != NULL; i++) {
        const struct inn_binding *b = &sizes->bindings[i];
        unsigned told = sizes->told[i];
        const struct inn_value *v =
            &graph->values[inn_graph_find(graph, b->name)];

        if (told == 0 || named++ >= NAMED)
            continue;
        text = inn_arena_printf(arena, err, "%s%s%s %s", text,
                                named > 1 ? ", " : "", b->name,
                                inn_shape_text(shape, b->rank, b->dims));
        write_form(form, b, told, v);
        if (how == NULL)
            how = inn_arena_printf(arena, err, "%s:%s", b->name, form);
        for (k = 0; k < b->rank && text != NULL && open != NULL; k++) {
            const char *called = axis_name(v, k, name, &letter);

            if ((told >> k & 1u) == 0 || inn_map_get(&seen, called) >= 0)
                continue;
            called = inn_arena_strdup(arena, called, err);
            if (called == NULL || inn_map_put(&seen, called, 0, err) != INN_OK)
                return NULL;
            open = inn_arena_printf(arena, err, "%s%s%s", open,
                                    axes++ > 0 ? ", " : "", called);
        }
    }
    if (text == NULL || open == NULL)
        return NULL;
    if (named > NAMED)
        text = inn_arena_printf(arena, err, "%s and %d more", text,
                                named - NAMED);
    if (text == NULL || how == NULL)
        return text;
    return inn_arena_printf(arena, err,
                            "%s (%s %s open); --input-shape %s", text, open,
                            axes > 1 ? "are" : "is", how);
}
