/*
 * Every operator on graph nodes that nobody meant: each case of tests/ops/
 * with a few things changed at random: attributes, shapes, types, operands.
 * Nothing may crash; what infer lets through must run within its memory
 * (sanitizers watch), and what couple says must name axes and elements that
 * exist. SEED=N ROUNDS=N V=1 in the environment repeat a find.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/ops/common.h"
#include "runtime/ops/resize.h"
#include "tests/ops/case.h"
#include "tests/unit/suite.h"

#define ROUNDS 30
/* Elements and products that a test has time for. */
#define MAX_BYTES ((size_t)1 << 16)
#define MAX_MACS ((int64_t)1 << 20)

struct random {
    uint64_t state;
};

static uint32_t next(struct random *r)
{
    r->state = r->state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(r->state >> 33);
}

static uint32_t below(struct random *r, uint32_t n)
{
    return next(r) % n;
}

/* The edges of what an int64 can say, and what lies near old. */
static int64_t any_int(struct random *r, int64_t old)
{
    static const int64_t edges[] = {
        INT64_MIN, INT64_MAX, INT64_MIN + 1, -1, 0, 1, 2, INT32_MAX,
        INT32_MIN, (int64_t)1 << 40, (int64_t)1 << 62, -((int64_t)1 << 33)};

    if (below(r, 3) == 0 || old == INT64_MIN || old == INT64_MAX)
        return edges[below(r, INN_COUNT(edges))];
    return below(r, 2) ? old + 1 : old - 1;
}

static const char *const strings[] = {
    "SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET", "constant", "reflect",
    "edge", "wrap", "DCR", "CRD", "nearest", "linear", "cubic", "half_pixel",
    "align_corners", "asymmetric", "pytorch_half_pixel", "floor", "ceil",
    "bidirectional", "forward", "reverse", "", "FLOAT", "INT64"};

/* One graph node and its operands. */
struct sample {
    struct inn_heap *heap;
    struct inn_arena arena;
    struct inn_node node;
    struct inn_attr attrs[CASE_ATTRS];
    int ids[CASE_OPERANDS];
    struct inn_tensor tensors[CASE_OPERANDS], out[CASE_OPERANDS];
    struct inn_tensor sized[CASE_OPERANDS]; /* some without data */
    const struct inn_tensor *in[CASE_OPERANDS];
    const struct inn_tensor *out_p[CASE_OPERANDS];
    struct inn_error err;
};

static void change_attr(struct sample *s, struct random *r,
                        struct inn_attr *a)
{
    int64_t *ints;
    size_t n;

    if (a->kind == INN_ATTR_INTS && a->count > 0) {
        n = a->count + (below(r, 5) == 0) - (below(r, 5) == 0);
        ints = inn_alloc(s->heap, n, sizeof(*ints), NULL);
        ck_assert_ptr_nonnull(ints);
        memcpy(ints, a->ints, (n < a->count ? n : a->count) * sizeof(*ints));
        a->ints = ints; /* freed by its place in the list: see free_sample */
        a->packed = (const uint8_t *)ints;
        a->count = n;
        if (n > 0 && below(r, 4) != 0) {
            n = below(r, (uint32_t)n);
            ints[n] = any_int(r, ints[n]);
        }
    } else if (a->kind == INN_ATTR_INT) {
        a->i = any_int(r, a->i);
    } else if (a->kind == INN_ATTR_STRING) {
        a->s = strings[below(r, INN_COUNT(strings))];
        a->s_len = strlen(a->s);
    } else if (a->kind == INN_ATTR_FLOAT) {
        a->f = (float)any_int(r, (int64_t)1) / 4;
    }
    if (below(r, 20) == 0)
        a->kind = (enum inn_attr_kind)(1 + below(r, 8));
    /* What another kind says is empty, as a reader leaves it. */
    if (a->kind == INN_ATTR_TENSOR && a->tensor == NULL)
        a->kind = INN_ATTR_RAW;
    if (a->kind == INN_ATTR_FLOATS && a->floats == NULL)
        a->count = 0;
    if (a->kind == INN_ATTR_STRINGS && a->strings == NULL)
        a->count = 0;
    if (a->kind == INN_ATTR_INTS && a->ints == NULL)
        a->count = 0;
    if (a->kind == INN_ATTR_STRING && a->s == NULL)
        a->s = "";
}

static void change_tensor(struct random *r, struct inn_tensor *t)
{
    static const enum inn_type types[] = {
        INN_F32, INN_I64, INN_F16, INN_F64, INN_BF16, INN_U8, INN_I8,
        INN_BOOL, INN_I32, INN_U64};

    switch (below(r, 5)) {
    case 0:
        t->type = types[below(r, INN_COUNT(types))];
        break;
    case 1:
        if (t->rank > 0)
            t->rank--;
        break;
    case 2:
        if (t->rank < INN_MAX_RANK)
            t->dims[t->rank++] = below(r, 3);
        break;
    default:
        if (t->rank > 0)
            t->dims[below(r, (uint32_t)t->rank)] = below(r, 6);
    }
}

/* Data in a block of its own, so that sanitizers see what is beyond. */
static bool place_tensor(struct sample *s, struct random *r,
                         struct inn_tensor *t, bool change)
{
    struct inn_tensor old = *t, shape = *t;
    size_t i, n, m = inn_tensor_count(&old);

    if (change)
        change_tensor(r, &shape);
    if (inn_tensor_init(t, shape.type, shape.rank, shape.dims, NULL) !=
            INN_OK || t->bytes > MAX_BYTES)
        return false;
    n = inn_tensor_count(t);
    t->data = inn_alloc(s->heap, t->bytes, 1, NULL);
    ck_assert_ptr_nonnull(t->data);
    for (i = 0; i < n && m > 0; i++) {
        if (t->type == INN_I64 && old.type == INN_I64)
            ((int64_t *)t->data)[i] = ((const int64_t *)old.data)[i % m];
        else
            inn_element_set(t->type, t->data, i,
                            inn_element_get(old.type, old.data, i % m));
    }
    if (t->type == INN_I64 && n > 0 && below(r, 6) == 0) {
        i = below(r, (uint32_t)n);
        ((int64_t *)t->data)[i] = any_int(r, ((int64_t *)t->data)[i]);
    }
    return true;
}

/* The case with up to three things changed. */
static bool make_sample(struct sample *s, const struct op_case *c,
                        struct random *r)
{
    struct inn_node *n = &s->node;
    int i, changes = (int)below(r, 4), victim;

    memset(s, 0, sizeof(*s));
    s->heap = inn_heap_new((size_t)64 << 20);
    inn_arena_init(&s->arena, s->heap);
    n->name = "n";
    n->op_type = c->op;
    n->domain = c->domain;
    n->version = c->version;
    n->n_inputs = c->n_in;
    n->n_outputs = c->n_out;
    n->inputs = n->outputs = s->ids;
    n->attrs = s->attrs;
    n->n_attrs = c->n_attrs;
    memcpy(s->attrs, c->attrs, sizeof(s->attrs));
    if (below(r, 20) == 0 && n->n_inputs > 0)
        n->n_inputs--;
    if (below(r, 20) == 0)
        n->n_outputs = (int)below(r, 4);
    if (below(r, 20) == 0 && n->n_attrs > 0)
        n->n_attrs--;
    for (i = 0; i < changes && n->n_attrs > 0; i++) {
        victim = (int)below(r, (uint32_t)n->n_attrs);
        if (s->attrs[victim].packed == NULL)
            change_attr(s, r, &s->attrs[victim]);
    }
    victim = (int)below(r, (uint32_t)(2 * n->n_inputs + 1));
    for (i = 0; i < n->n_inputs; i++) {
        s->tensors[i] = c->in[i].tensor;
        if (!c->in[i].omitted &&
            !place_tensor(s, r, &s->tensors[i], i == victim)) {
            n->n_inputs = i;
            return false;
        }
        s->sized[i] = s->tensors[i];
        if (!c->in[i].is_const && below(r, 3) != 0)
            s->sized[i].data = NULL; /* known only when run */
        s->in[i] = c->in[i].omitted || below(r, 30) == 0 ? NULL
                                                         : &s->sized[i];
    }
    return true;
}

static void free_sample(struct sample *s)
{
    int i;

    for (i = 0; i < s->node.n_inputs; i++)
        inn_free(s->heap, s->tensors[i].data);
    for (i = 0; i < CASE_ATTRS; i++)
        inn_free(s->heap, (void *)(uintptr_t)s->attrs[i].packed);
    inn_arena_free(&s->arena);
    ck_assert_uint_eq(inn_heap_used(s->heap), 0);
    inn_heap_free(s->heap);
}

static const struct inn_tensor *tensor_of(const struct sample *s,
                                          struct inn_operand o)
{
    const struct inn_tensor *t;

    ck_assert_int_ge(o.index, 0);
    ck_assert_int_lt(o.index, o.is_output ? s->node.n_outputs
                                          : s->node.n_inputs);
    t = o.is_output ? s->out_p[o.index] : s->in[o.index];
    ck_assert_ptr_nonnull(t);
    return t;
}

static int64_t axis_of(const struct sample *s, struct inn_operand o)
{
    const struct inn_tensor *t = tensor_of(s, o);

    ck_assert_int_ge(o.axis, 0);
    ck_assert_int_lt(o.axis, t->rank);
    return t->dims[o.axis];
}

static enum inn_status check_alike(void *state, struct inn_operand a,
                                   struct inn_operand b,
                                   struct inn_error *err)
{
    (void)err;
    tensor_of(state, a);
    tensor_of(state, b);
    return INN_OK;
}

/* Elements of from, each with its element of to. */
static void check_elements(const struct sample *s, struct inn_operand from,
                           struct inn_operand to, const int64_t *map)
{
    int64_t n = axis_of(s, from), m = axis_of(s, to), i;

    for (i = 0; map != NULL && i < n; i++) {
        ck_assert_int_ge(map[i], -1);
        ck_assert_int_lt(map[i], m);
    }
}

static enum inn_status check_map(void *state, struct inn_operand a,
                                 struct inn_operand b, const int64_t *map,
                                 struct inn_error *err)
{
    (void)err;
    check_elements(state, a, b, map);
    return INN_OK;
}

static enum inn_status check_back(void *state, struct inn_operand a,
                                  struct inn_operand b, const int64_t *map,
                                  struct inn_error *err)
{
    (void)err;
    check_elements(state, b, a, map);
    return INN_OK;
}

static enum inn_status check_reshape(void *state, struct inn_operand a,
                                     struct inn_operand b,
                                     struct inn_error *err)
{
    (void)err;
    ck_assert_uint_eq(inn_tensor_count(tensor_of(state, a)),
                      inn_tensor_count(tensor_of(state, b)));
    return INN_OK;
}

static enum inn_status check_transpose(void *state, struct inn_operand in,
                                       struct inn_operand out,
                                       const int64_t *perm,
                                       struct inn_error *err)
{
    const struct inn_tensor *a = tensor_of(state, in);
    const struct inn_tensor *b = tensor_of(state, out);
    bool used[INN_MAX_RANK] = {false};
    int i;

    (void)err;
    for (i = 0; i < b->rank; i++) {
        ck_assert_int_ge(perm[i], -1);
        ck_assert_int_lt(perm[i], a->rank);
        ck_assert_int_eq(b->dims[i], perm[i] < 0 ? 1 : a->dims[perm[i]]);
        if (perm[i] >= 0) {
            ck_assert(!used[perm[i]]);
            used[perm[i]] = true;
        }
    }
    /* Axes that go away have length 1. */
    for (i = 0; i < a->rank; i++)
        ck_assert(used[i] || a->dims[i] == 1);
    return INN_OK;
}

static enum inn_status check_unite(void *state, struct inn_operand a,
                                   const int64_t *classes,
                                   struct inn_error *err)
{
    int64_t i, n = axis_of(state, a);

    (void)err;
    for (i = 0; i < n; i++)
        ck_assert_int_ge(classes[i], 0);
    return INN_OK;
}

static enum inn_status check_pin(void *state, struct inn_operand a,
                                 const char *reason, struct inn_error *err)
{
    (void)err;
    axis_of(state, a);
    ck_assert_uint_gt(strlen(reason), 0);
    return INN_OK;
}

static void couple(struct sample *s, const struct inn_op *op)
{
    static const struct inn_sink sink = {
        .alike = check_alike, .map = check_map, .sum = check_back,
        .make = check_back, .reshape = check_reshape,
        .transpose = check_transpose, .unite = check_unite,
        .pin = check_pin};
    struct inn_couple c = {.node = &s->node, .in = s->in, .out = s->out_p,
                           .n_in = s->node.n_inputs,
                           .n_out = s->node.n_outputs, .sink = &sink,
                           .state = s, .scratch = &s->arena, .err = &s->err};

    if (op->couple != NULL)
        op->couple(&c);
}

/* Runs the kernel on blocks of exactly the size that infer asked for. */
static void run(struct sample *s, const struct inn_op *op, size_t bytes)
{
    const struct inn_tensor *in[CASE_OPERANDS];
    struct inn_run c = {&s->node, in, s->out, s->node.n_inputs,
                        s->node.n_outputs, 1, &s->err};
    void *blocks[CASE_OPERANDS] = {NULL};
    int i;

    if (bytes > MAX_BYTES)
        return;
    for (i = 0; i < s->node.n_inputs; i++) {
        in[i] = s->in[i] != NULL ? &s->tensors[i] : NULL;
        if (in[i] != NULL && inn_type_size(in[i]->type) == 0)
            return;
    }
    for (i = 0; i < s->node.n_outputs; i++) {
        if (s->out[i].data != NULL)
            continue;
        blocks[i] = inn_alloc(s->heap, s->out[i].bytes, 1, NULL);
        ck_assert_ptr_nonnull(blocks[i]);
        s->out[i].data = blocks[i];
    }
    inn_op_run(op, &c, &s->arena);
    for (i = 0; i < s->node.n_outputs; i++)
        inn_free(s->heap, blocks[i]);
}

/* True if infer let it through. */
static bool try_sample(struct sample *s, const struct inn_op *op)
{
    struct inn_infer c = {.node = &s->node, .in = s->in, .out = s->out,
                          .n_in = s->node.n_inputs,
                          .n_out = s->node.n_outputs, .arena = &s->arena,
                          .err = &s->err};
    struct inn_prim prim = {.kind = INN_PRIM_VIEW};
    size_t bytes = 0;
    int i;

    if (op->infer == NULL)
        return false;
    if (op->infer(&c) != INN_OK) {
        ck_assert_uint_gt(strlen(s->err.message), 0);
        ck_assert_int_ne(s->err.status, INN_OK);
        return false;
    }
    for (i = 0; i < c.n_out; i++) {
        if (c.out[i].type == INN_UNDEFINED)
            return false;
        s->out_p[i] = &s->out[i];
        bytes = c.out[i].bytes > MAX_BYTES ? SIZE_MAX / 2
                                           : bytes + c.out[i].bytes;
    }
    couple(s, op);
    if (op->lower != NULL && c.n_out > 0)
        op->lower(&c, &prim);
    if (op->run != NULL && inn_node_macs(&c) <= MAX_MACS)
        run(s, op, bytes);
    return true;
}

struct walk {
    struct random random;
    long rounds, tried, through;
};

static void visit(void *context, struct op_case *c)
{
    const struct inn_op *op = inn_op_find(c->domain, c->op, c->version);
    struct walk *w = context;
    long k;

    for (k = 0; k < w->rounds && op != NULL; k++) {
        struct sample s;

        if (getenv("V") != NULL) {
            printf("%s:%d: seed %llu\n", c->path, c->line,
                   (unsigned long long)w->random.state);
            fflush(stdout);
        }
        if (make_sample(&s, c, &w->random))
            w->through += try_sample(&s, op);
        w->tried++;
        free_sample(&s);
    }
}

START_TEST(no_row_trips_over_graph_nodes_nobody_meant)
{
    const char *seed = getenv("SEED"), *rounds = getenv("ROUNDS");
    const char *source = getenv("srcdir");
    struct inn_heap *heap = inn_heap_new(0);
    struct walk w = {{1}, ROUNDS, 0, 0};
    char folder[4096];

    if (seed != NULL)
        w.random.state = strtoull(seed, NULL, 10);
    if (rounds != NULL)
        w.rounds = atol(rounds);
    snprintf(folder, sizeof(folder), "%s/tests/ops",
             source != NULL ? source : ".");
    ck_assert_int_eq(case_visit(folder, heap, visit, &w), 0);
    ck_assert_int_gt(w.tried, 0);
    /* A generator that hits nothing tests nothing. */
    ck_assert_int_gt(w.through, w.tried / 4);
    printf("%ld of %ld let through\n", w.through, w.tried);
    inn_heap_free(heap);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("hostile ops");
    TCase *t = tcase_create("hostile ops");

    tcase_set_timeout(t, 120);
    tcase_add_test(t, no_row_trips_over_graph_nodes_nobody_meant);
    suite_add_tcase(s, t);
    return run_suite(s);
}
