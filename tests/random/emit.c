/*
 * From a recipe to a graph: values, weights, attributes, operands, and the
 * walk over the steps. What a step is made of stands in steps_*.c.
 */
#include "tests/random/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/ops/op.h"

/* What is kept free for the last step, of at most 12, and the heads. */
#define ROOM 16

static int fail(struct emit *e, enum inn_status st)
{
    if (st != INN_OK)
        e->failed = true;
    return st != INN_OK ? -1 : 0;
}

static struct inn_node *newest(struct emit *e)
{
    return &e->g->nodes[e->g->n_nodes - 1];
}

static int add_value(struct emit *e, const char *stem)
{
    const char *name;
    int v = -1;

    if (e->failed)
        return -1;
    name = inn_graph_fresh_name(e->g, stem, &e->err);
    if (name == NULL)
        return fail(e, INN_ERR_MEMORY);
    if (fail(e, inn_graph_add_value(e->g, &v, name, &e->err)) != 0)
        return -1;
    e->g->values[v].type = INN_UNDEFINED;
    e->g->values[v].rank = -1;
    return v;
}

/* ---- Graph nodes and attributes --------------------------------------- */

static void add_node(struct emit *e, const char *type, const int *inputs,
                     int *outputs, int n_outputs)
{
    struct inn_node *node;
    char stem[64];
    int n, k, i;

    for (n = 0; inputs[n] != -2; n++)
        ;
    for (i = 0; i < n_outputs; i++) {
        snprintf(stem, sizeof(stem), "s%d.%s", e->step, type);
        outputs[i] = add_value(e, stem);
    }
    if (e->failed ||
        fail(e, inn_graph_add_node(e->g, &k, type, n, n_outputs, 0,
                                   &e->err)) != 0)
        return;
    node = &e->g->nodes[k];
    node->version = e->recipe->opset;
    node->name = e->g->values[outputs[0]].name;
    memcpy(node->inputs, inputs, (size_t)n * sizeof(int));
    for (i = 0; i < n_outputs; i++) {
        node->outputs[i] = outputs[i];
        e->g->values[outputs[i]].producer = k;
    }
}

int op(struct emit *e, const char *type, const int *inputs)
{
    int y = -1;

    add_node(e, type, inputs, &y, 1);
    return y;
}

int op1(struct emit *e, const char *type, int a)
{
    return op(e, type, (int[]){a, -2});
}

int op2(struct emit *e, const char *type, int a, int b)
{
    return op(e, type, (int[]){a, b, -2});
}

int op3(struct emit *e, const char *type, int a, int b, int c)
{
    return op(e, type, (int[]){a, b, c, -2});
}

void op_list(struct emit *e, const char *type, const int *inputs,
             int *outputs, int n)
{
    add_node(e, type, inputs, outputs, n);
}

void op_many(struct emit *e, const char *type, int a, int b, int *outputs,
             int n)
{
    add_node(e, type, (int[]){a, b, -2}, outputs, n);
}

void attr_int(struct emit *e, const char *name, int64_t value)
{
    if (!e->failed)
        fail(e, inn_node_set_int(e->g, newest(e), name, value, &e->err));
}

void attr_ints(struct emit *e, const char *name, const int64_t *values,
               size_t n)
{
    if (!e->failed)
        fail(e, inn_node_set_ints(e->g, newest(e), name, values, n,
                                  &e->err));
}

/* The graph knows how to add integers: one that becomes something else. */
static struct inn_attr *add_attr(struct emit *e, const char *name)
{
    attr_int(e, name, 0);
    return e->failed ? NULL : &newest(e)->attrs[newest(e)->n_attrs - 1];
}

void attr_float(struct emit *e, const char *name, double value)
{
    struct inn_attr *a = add_attr(e, name);

    if (a == NULL)
        return;
    a->kind = INN_ATTR_FLOAT;
    a->f = (float)value;
}

void attr_text(struct emit *e, const char *name, const char *value)
{
    struct inn_attr *a = add_attr(e, name);

    if (a == NULL)
        return;
    a->kind = INN_ATTR_STRING;
    a->s = value;
    a->s_len = strlen(value);
}

bool has_op(const struct emit *e, const char *type)
{
    return inn_op_find("", type, e->recipe->opset) != NULL;
}

/* ---- Constants --------------------------------------------------------- */

static int constant(struct emit *e, const char *stem, enum inn_type type,
                    int rank, const int64_t *dims)
{
    struct inn_tensor *t;
    char text[64];
    int v;

    snprintf(text, sizeof(text), "s%d.%s", e->step, stem);
    v = add_value(e, text);
    if (v < 0)
        return -1;
    t = inn_arena_alloc(&e->g->arena, 1, sizeof(*t), &e->err);
    if (t == NULL ||
        inn_tensor_new(t, &e->g->arena, type, rank, dims, &e->err) != INN_OK)
        return fail(e, INN_ERR_MEMORY);
    e->g->values[v].init = t;
    return v;
}

/* A Constant graph node in place of an initializer. */
static int as_constant_node(struct emit *e, int v)
{
    struct inn_tensor *t = e->g->values[v].init;
    struct inn_attr *a;
    int y = op(e, "Constant", (int[]){-2});

    a = add_attr(e, "value");
    if (a == NULL)
        return -1;
    a->kind = INN_ATTR_TENSOR;
    a->tensor = t;
    e->g->values[y].init = t;
    return y;
}

int weight(struct emit *e, int rank, const int64_t *dims, double mean,
           double spread)
{
    static const enum inn_type types[] = {INN_F64, INN_F16, INN_BF16};
    int64_t way = rng_between(&e->rng, 0, 39);
    enum inn_type type = way == 0 ? types[rng_between(&e->rng, 0, 2)]
                                  : INN_F32;
    int v = constant(e, "w", type, rank, dims);
    char *data;
    size_t i, n;

    if (v < 0)
        return -1;
    n = inn_tensor_count(e->g->values[v].init);
    data = e->g->values[v].init->data;
    for (i = 0; i < n; i++) {
        double x = mean + spread * rng_unit(&e->rng);

        inn_convert_elements(data + i * inn_type_size(type), type, &x,
                             INN_F64, 1);
    }
    if (way == 0) {
        v = op1(e, "Cast", v);
        attr_int(e, "to", INN_F32);
    } else if (way == 1) {
        v = op1(e, "Identity", v);
    } else if (way == 2) {
        v = as_constant_node(e, v);
    }
    return v;
}

int ints(struct emit *e, const int64_t *values, int64_t n)
{
    int v = constant(e, "i", INN_I64, 1, &n);

    if (v < 0)
        return -1;
    memcpy(e->g->values[v].init->data, values, (size_t)n * sizeof(*values));
    return rng_chance(&e->rng, 20) ? as_constant_node(e, v) : v;
}

int number(struct emit *e, double value)
{
    int v = constant(e, "n", INN_F32, 0, NULL);

    if (v < 0)
        return -1;
    *(float *)e->g->values[v].init->data = (float)value;
    return v;
}

int floats(struct emit *e, const float *values, int64_t n)
{
    int v = constant(e, "f", INN_F32, 1, &n);

    if (v >= 0)
        memcpy(e->g->values[v].init->data, values,
               (size_t)n * sizeof(*values));
    return v;
}

/* ---- Operands ---------------------------------------------------------- */

struct item operand(struct emit *e, const struct step *s, int k)
{
    int n = e->n_results[s->from[k]];

    return e->results[s->from[k]][s->part[k] % n];
}

static bool beside(struct item a, struct item b)
{
    return b.v >= 0 && a.rank == b.rank && a.h == b.h && a.w == b.w;
}

static struct item find(struct emit *e, const struct step *s, int k,
                        struct item a, bool same_channels)
{
    struct item x = operand(e, s, k), none = {-1, 0, 0, 0, 0};
    int i, p;

    if (beside(a, x) && (!same_channels || x.c == a.c))
        return x;
    for (i = e->step - 1; i > 0; i--) {
        for (p = 0; p < e->n_results[i]; p++) {
            x = e->results[i][p];
            if (x.v != a.v && beside(a, x) &&
                (!same_channels || x.c == a.c))
                return x;
        }
    }
    return none;
}

struct item operand_like(struct emit *e, const struct step *s, int k,
                         struct item a)
{
    return find(e, s, k, a, true);
}

struct item operand_beside(struct emit *e, const struct step *s, int k,
                           struct item a)
{
    return find(e, s, k, a, false);
}

void add_part(struct emit *e, struct item part)
{
    if (e->n_results[e->step] < MAX_PARTS)
        e->results[e->step][e->n_results[e->step]++] = part;
}

/* ---- The graph --------------------------------------------------------- */

static void declare(struct emit *e, struct item x)
{
    struct inn_value *v = &e->g->values[x.v];
    int64_t dims[4] = {e->recipe->batch, x.c, x.h, x.w};
    int i;

    v->declared = true;
    v->type = INN_F32;
    v->rank = x.rank;
    for (i = 0; i < x.rank; i++)
        v->dims[i].size = dims[i];
    if (e->recipe->open_batch) {
        v->dims[0].size = -1;
        v->dims[0].symbol = "batch";
    }
}

static void start(struct emit *e)
{
    const struct recipe *r = e->recipe;
    struct inn_graph *g = e->g;
    struct item x = {0, 4, r->channels, r->height, r->width};

    g->ir_version = 8;
    g->name = "random";
    g->producer = "random";
    g->opsets = inn_arena_alloc(&g->arena, 1, sizeof(*g->opsets), &e->err);
    g->inputs = inn_arena_alloc(&g->arena, 1, sizeof(int), &e->err);
    g->outputs = inn_arena_alloc(&g->arena, MAX_OUTPUTS, sizeof(int),
                                 &e->err);
    if (g->opsets == NULL || g->inputs == NULL || g->outputs == NULL) {
        e->failed = true;
        return;
    }
    g->opsets[0] = (struct inn_opset){"", r->opset};
    g->n_opsets = 1;
    x.v = add_value(e, "x");
    if (e->failed)
        return;
    g->inputs[g->n_inputs++] = x.v;
    g->values[x.v].is_input = true;
    declare(e, x);
    e->results[0][0] = x;
    e->n_results[0] = 1;
}

static void run_step(struct emit *e, int i, bool pass)
{
    const struct step *s = &e->recipe->steps[i];
    struct item a = operand(e, s, 0), y = a;

    e->step = i;
    e->n_results[i] = 1;
    e->rng.state = s->seed;
    if (!pass)
        y = step_kinds[s->kind].emit(e, s, a);
    if (y.v < 0)
        y = a;
    e->results[i][0] = y;
    if (!pass && e->recipe->declare && y.v != a.v && !e->failed &&
        !e->g->values[y.v].is_input && rng_chance(&e->rng, 30))
        declare(e, y);
}

/* A layer that frees the channels before it: outputs keep their size. */
static struct item head(struct emit *e, struct item x)
{
    int64_t out = rng_between(&e->rng, 1, 4);

    if (x.rank == 4 && rng_chance(&e->rng, 50)) {
        x = reduce(e, "ReduceMean", x, true, false);
        return gemm(e, x, out);
    }
    return x.rank == 4 ? conv1(e, x, out) : gemm(e, x, out);
}

static void add_outputs(struct emit *e)
{
    const struct recipe *r = e->recipe;
    int k;

    for (k = 0; k < r->n_outputs && !e->failed; k++) {
        struct item x = e->results[r->outputs[k]][0];

        e->step = MAX_STEPS + k;
        e->rng.state = r->seed + (uint64_t)k;
        if (r->head[k])
            x = head(e, x);
        else if (e->g->values[x.v].is_input || e->g->values[x.v].is_output)
            x.v = op1(e, "Identity", x.v);
        if (e->failed)
            return;
        e->g->values[x.v].is_output = true;
        declare(e, x);
        e->g->outputs[e->g->n_outputs++] = x.v;
    }
}

/* Readers of what node k makes read its first input instead. */
static void bypass(struct inn_graph *g, int k)
{
    int y = g->nodes[k].outputs[0], x = g->nodes[k].inputs[0], i, j;

    for (i = k + 1; i < g->n_nodes; i++) {
        for (j = 0; j < g->nodes[i].n_inputs; j++) {
            if (g->nodes[i].inputs[j] == y)
                g->nodes[i].inputs[j] = x;
        }
    }
}

/* Drops what no output needs. */
static void sweep(struct emit *e)
{
    struct inn_graph *g = e->g;
    bool *live = inn_arena_alloc(&g->arena, (size_t)g->n_values, 1, &e->err);
    bool *drop = inn_arena_alloc(&g->arena, (size_t)g->n_nodes, 1, &e->err);
    int i, j;

    if (live == NULL || drop == NULL) {
        e->failed = true;
        return;
    }
    for (i = 0; i < g->n_outputs; i++)
        live[g->outputs[i]] = true;
    for (i = g->n_nodes - 1; i >= 0; i--) {
        drop[i] = true;
        for (j = 0; j < g->nodes[i].n_outputs; j++)
            drop[i] = drop[i] && !live[g->nodes[i].outputs[j]];
        for (j = 0; !drop[i] && j < g->nodes[i].n_inputs; j++) {
            if (g->nodes[i].inputs[j] >= 0)
                live[g->nodes[i].inputs[j]] = true;
        }
    }
    inn_graph_drop_nodes(g, drop);
    for (i = 0; i < g->n_values; i++) {
        if (!live[i] && !g->values[i].is_input)
            g->values[i].declared = false;
    }
}

struct inn_graph *recipe_build(const struct recipe *r, struct inn_heap *heap,
                               struct inn_error *err)
{
    struct emit *e = calloc(1, sizeof(*e));
    struct inn_graph *g = NULL;
    int i;

    if (e == NULL)
        return NULL;
    e->recipe = r;
    if (inn_graph_new(&e->g, heap, &e->err) != INN_OK)
        e->failed = true;
    else
        start(e);
    for (i = 1; i < r->n_steps && !e->failed; i++)
        run_step(e, i, r->steps[i].off ||
                           (e->g->n_nodes + ROOM > r->max_nodes &&
                            e->g->n_nodes > r->max_nodes / 2));
    if (!e->failed)
        add_outputs(e);
    for (i = 0; i < r->n_bypass && !e->failed; i++)
        bypass(e->g, r->bypass[i]);
    if (!e->failed && !r->keep_dead)
        sweep(e);
    if (e->failed) {
        *err = e->err;
        inn_graph_free(e->g);
    } else {
        g = e->g;
    }
    free(e);
    return g;
}
