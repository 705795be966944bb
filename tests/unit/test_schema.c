/*
 * Nothing of a graph node is passed over: runtime/ops/schema.c beside the
 * standard (tests/ops/schema.txt), and both beside what rows do. That an
 * attribute or an optional input is read shows by its absence: some case of
 * tests/ops/ has to come out otherwise without it, at every opset where the
 * standard changed the operator.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/file.h"
#include "runtime/base/port.h"
#include "runtime/ops/schema.h"
#include "runtime/ops/shapes.h"
#include "tests/ops/case.h"
#include "tests/unit/suite.h"

#define FOLD_BYTES ((size_t)1 << 24)
#define MOST_ATTRS 16

/* A line of schema.txt. */
struct standard {
    char name[64];
    int since, max_in, max_out;
    unsigned optional_in, optional_out; /* sets of numbers */
    char attrs[MOST_ATTRS][48];         /* NAME=KIND */
    int n_attrs;
    unsigned seen_attr, seen_in, seen_out; /* shown to matter */
};

/* Read, or not, but of no effect on what is computed here. */
static const struct reason {
    const char *name; /* NULL: of any operator */
    const char *attr, *reason;
} reasons[] = {
    {NULL, "consumed_inputs", "says which memory may be reused"},
    {"Cast", "round_mode", "of a type of 8 bits, which is not held"},
    {"Cast", "saturate", "of types of 8 bits, which are not held"},
    {"Constant", "sparse_value", "the output stays unknown (below)"},
    {"Constant", "value_strings", "the output stays unknown (below)"},
    {"Dropout", "ratio", "nothing is dropped"},
    {"Dropout", "seed", "nothing is dropped"},
    {"GroupNormalization", "stash_type", "sums are in double anyway"},
    {"Range", "stash_type", "computed in double and rounded once"},
};

static char *text; /* of schema.txt, for strtok_r */

static const char *source(void)
{
    return getenv("srcdir") != NULL ? getenv("srcdir") : ".";
}

static unsigned read_set(const char *list)
{
    unsigned set = 0;

    for (; list != NULL && *list != '\0' && *list != '-';
         list = strchr(list, ',') != NULL ? strchr(list, ',') + 1 : "")
        set |= 1u << atoi(list);
    return set;
}

static bool read_line(struct standard *s, char *line)
{
    char *rest = NULL, *word, in[64], out[64];
    int used = 0;

    memset(s, 0, sizeof(*s));
    if (sscanf(line, "%63s %d %d %d %63s %63s%n", s->name, &s->since,
               &s->max_in, &s->max_out, in, out, &used) != 6)
        return false;
    s->optional_in = read_set(in);
    s->optional_out = read_set(out);
    for (word = strtok_r(line + used, " ", &rest); word != NULL;
         word = strtok_r(NULL, " ", &rest))
        snprintf(s->attrs[s->n_attrs++], sizeof(s->attrs[0]), "%s", word);
    return true;
}

/* All lines of the file, of which *n; freed by the caller. */
static struct standard *read_standard(size_t *n)
{
    struct standard *all = calloc(1000, sizeof(*all));
    struct inn_bytes bytes;
    char path[4096], *rest = NULL, *line;

    snprintf(path, sizeof(path), "%s/tests/ops/schema.txt", source());
    ck_assert_int_eq(inn_file_map(&bytes, path, NULL), INN_OK);
    text = calloc(1, bytes.len + 1);
    memcpy(text, bytes.data, bytes.len);
    inn_file_unmap(&bytes);
    *n = 0;
    for (line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        if (line[0] == '#')
            continue;
        ck_assert_uint_lt(*n, 1000);
        ck_assert_msg(read_line(&all[(*n)++], line), "%s", line);
    }
    free(text);
    return all;
}

static bool has_word(const char *words, const char *word)
{
    size_t len = strlen(word);

    for (; words != NULL; words = strchr(words, ' ')) {
        words += *words == ' ';
        if (strncmp(words, word, len) == 0 &&
            (words[len] == ' ' || words[len] == '\0'))
            return true;
    }
    return false;
}

static int count_words(const char *words)
{
    int n = words[0] != '\0';

    for (; *words != '\0'; words++)
        n += *words == ' ';
    return n;
}

START_TEST(the_table_is_the_standard)
{
    struct inn_schema_entry e;
    size_t n, i;
    struct standard *all = read_standard(&n);
    int k, hints;

    for (i = 0; i < n; i++) {
        const struct standard *s = &all[i];

        if (inn_op_find("", s->name, s->since) == NULL)
            continue;
        ck_assert_msg(inn_schema_get(&e, s->name, s->since),
                      "no schema of %s %d", s->name, s->since);
        ck_assert_msg(e.max_in == s->max_in && e.max_out == s->max_out,
                      "%s %d: %d in, %d out; %d and %d in the standard",
                      s->name, s->since, e.max_in, e.max_out, s->max_in,
                      s->max_out);
        for (k = 0, hints = 0; k < s->n_attrs; k++) {
            /* One rule for all operators. */
            if (strcmp(s->attrs[k], "consumed_inputs=I") == 0) {
                ck_assert_int_lt(s->since, 6);
                hints++;
            } else {
                ck_assert_msg(has_word(e.attrs, s->attrs[k]), "%s %d: no %s",
                              s->name, s->since, s->attrs[k]);
            }
        }
        ck_assert_msg(count_words(e.attrs) == s->n_attrs - hints,
                      "%s %d: '%s' has more than the standard", s->name,
                      s->since, e.attrs);
    }
    free(all);
}
END_TEST

START_TEST(every_row_is_in_the_standard)
{
    const struct inn_op *op;
    size_t n, i, k;
    struct standard *all = read_standard(&n);

    for (i = 0; (op = inn_op_row(i)) != NULL; i++) {
        bool found = op->domain[0] != '\0';

        for (k = 0; k < n && !found; k++)
            found = strcmp(all[k].name, op->name) == 0 &&
                    all[k].since <= op->since;
        ck_assert_msg(found, "%s %d is not in tests/ops/schema.txt",
                      op->name, op->since);
    }
    free(all);
}
END_TEST

/* What is done to a case. -1: nothing. */
struct change {
    int version, without_attr, without_in;
    const char *more_attr; /* NULL: none */
    int kind_of;           /* this attribute gets another kind */
    bool more_in;          /* one input more than the standard has */
};

static const struct change none = {-1, -1, -1, NULL, -1, false};

struct outcome {
    enum inn_status status;
    int n;
    bool known[CASE_OPERANDS];
    struct inn_tensor out[CASE_OPERANDS]; /* borrow from what stays */
    struct inn_graph *graph;
    struct inn_shapes shapes;
};

static void drop_outcome(struct outcome *o)
{
    inn_shapes_free(&o->shapes);
    inn_graph_free(o->graph);
}

static int add_value(struct inn_graph *g, const char *name, int i)
{
    char full[96];
    int v;

    snprintf(full, sizeof(full), "%.64s_%d", name, i);
    ck_assert_int_eq(inn_graph_add_value(g, &v, full, NULL), INN_OK);
    return v;
}

static void fill_node(struct inn_graph *g, struct op_case *c,
                      const struct change *to)
{
    struct inn_node *node = &g->nodes[0];
    int i, n = 0;

    node->domain = c->domain;
    node->name = "case";
    node->version = to->version >= 0 ? to->version : c->version;
    for (i = 0; i < c->n_attrs; i++) {
        if (i == to->without_attr)
            continue;
        node->attrs[n] = c->attrs[i];
        if (i == to->kind_of)
            node->attrs[n].kind = c->attrs[i].kind == INN_ATTR_STRING
                                      ? INN_ATTR_FLOAT : INN_ATTR_STRING;
        if (i == to->kind_of)
            node->attrs[n].s = "1";
        n++;
    }
    if (to->more_attr != NULL) {
        memset(&node->attrs[n], 0, sizeof(node->attrs[n]));
        node->attrs[n].name = to->more_attr;
        node->attrs[n++].kind = INN_ATTR_INT;
    }
    node->n_attrs = n;
}

/* The case with its inputs as constants, computed. */
static void run(struct outcome *o, struct op_case *c, struct inn_heap *heap,
                const struct change *to)
{
    struct inn_schema_entry e = {0};
    struct inn_node *node;
    int i, k, n_in = c->n_in;

    memset(o, 0, sizeof(*o));
    if (c->n_out == 0)
        c->n_out = 1; /* a case that fails */
    ck_assert_int_eq(inn_graph_new(&o->graph, heap, NULL), INN_OK);
    if (to->more_in) {
        ck_assert(inn_schema_get(&e, c->op, c->version));
        n_in = e.max_in + 1;
    }
    ck_assert_int_eq(inn_graph_add_node(o->graph, &k, c->op, n_in, c->n_out,
                                        c->n_attrs + 1, NULL), INN_OK);
    node = &o->graph->nodes[0];
    fill_node(o->graph, c, to);
    for (i = 0; i < n_in; i++) {
        struct case_operand *from = &c->in[i < c->n_in ? i : 0];

        if (i == to->without_in || (i >= c->n_in && i < e.max_in) ||
            from->omitted)
            continue;
        node->inputs[i] = add_value(o->graph, from->name, i);
        o->graph->values[node->inputs[i]].init = &from->tensor;
    }
    for (i = 0; i < c->n_out; i++) {
        if (!c->out[i].omitted)
            node->outputs[i] = add_value(o->graph, "out", i);
    }
    o->n = c->n_out;
    o->status = inn_shapes_infer(&o->shapes, o->graph, NULL, 0, 1,
                                 FOLD_BYTES, NULL);
    for (i = 0; i < c->n_out; i++) {
        const struct inn_tensor *t = inn_shapes_get(&o->shapes,
                                                    node->outputs[i]);

        o->known[i] = t != NULL;
        if (t != NULL)
            o->out[i] = *t;
    }
}

static bool is_same(const struct outcome *a, const struct outcome *b)
{
    int i;

    if (a->status != b->status || a->n != b->n)
        return false;
    for (i = 0; i < a->n; i++) {
        const struct inn_tensor *x = &a->out[i], *y = &b->out[i];

        if (a->known[i] != b->known[i])
            return false;
        if (!a->known[i])
            continue;
        if (x->type != y->type || !inn_tensor_same_shape(x, y) ||
            (x->data == NULL) != (y->data == NULL))
            return false;
        if (x->data != NULL && x->bytes > 0 &&
            memcmp(x->data, y->data, x->bytes) != 0)
            return false;
    }
    return true;
}

/* Nothing known: refused, or a size that only a run decides. */
static bool is_refused(const struct outcome *o)
{
    int i;

    for (i = 0; i < o->n && o->status == INN_OK; i++) {
        if (o->known[i])
            return false;
    }
    return true;
}

static bool differs(struct op_case *c, struct inn_heap *heap,
                    const struct outcome *base, const struct change *to)
{
    struct outcome other;
    bool same;

    run(&other, c, heap, to);
    same = is_same(base, &other);
    drop_outcome(&other);
    return !same;
}

struct walk {
    struct inn_heap *heap;
    struct standard *all;
    size_t n;
};

/* Notes what of s the case shows to matter, at s's opset. */
static void learn(struct walk *w, struct standard *s, struct op_case *c)
{
    struct change to = none;
    struct outcome base;
    int i, k;

    to.version = s->since;
    run(&base, c, w->heap, &to);
    for (i = 0; i < c->n_out && i < 32; i++) {
        if (!c->out[i].omitted && base.known[i] &&
            (base.out[i].data != NULL || c->fails != NULL))
            s->seen_out |= 1u << i;
    }
    /* What is refused for its value is read, too. */
    for (k = 0; k < c->n_attrs; k++) {
        for (i = 0; i < s->n_attrs; i++) {
            size_t len = strlen(c->attrs[k].name);

            if (strncmp(s->attrs[i], c->attrs[k].name, len) != 0 ||
                s->attrs[i][len] != '=' || (s->seen_attr & 1u << i) != 0)
                continue;
            to.without_attr = k;
            if (differs(c, w->heap, &base, &to))
                s->seen_attr |= 1u << i;
            to.without_attr = -1;
        }
    }
    for (i = 0; i < c->n_in && i < 32; i++) {
        if (c->in[i].omitted || (s->optional_in & 1u << i) == 0 ||
            (s->seen_in & 1u << i) != 0)
            continue;
        to.without_in = i;
        if (differs(c, w->heap, &base, &to))
            s->seen_in |= 1u << i;
    }
    drop_outcome(&base);
}

static void learn_all(void *context, struct op_case *c)
{
    struct walk *w = context;
    size_t i;

    for (i = 0; i < w->n; i++) {
        if (c->domain[0] == '\0' && strcmp(w->all[i].name, c->op) == 0 &&
            inn_op_find("", c->op, w->all[i].since) != NULL)
            learn(w, &w->all[i], c);
    }
}

static void visit_cases(void (*visit)(void *context, struct op_case *c),
                        void *context, struct inn_heap *heap)
{
    char folder[4096];

    snprintf(folder, sizeof(folder), "%s/tests/ops", source());
    ck_assert_int_eq(case_visit(folder, heap, visit, context), 0);
}

static bool has_reason(const struct standard *s, int i, bool *used)
{
    size_t len = strcspn(s->attrs[i], "="), k;

    for (k = 0; k < INN_COUNT(reasons); k++) {
        if ((reasons[k].name == NULL ||
             strcmp(reasons[k].name, s->name) == 0) &&
            strncmp(reasons[k].attr, s->attrs[i], len) == 0 &&
            reasons[k].attr[len] == '\0') {
            used[k] = true;
            return true;
        }
    }
    return false;
}

static int complain(const struct standard *s, const char *what,
                    const char *which, const char *how)
{
    printf("%s %d: no case of tests/ops/%s.case %s %s %s\n", s->name,
           s->since, s->name, how, what, which);
    return 1;
}

START_TEST(everything_matters_or_has_a_reason)
{
    struct walk w = {.heap = inn_heap_new((size_t)1 << 30)};
    bool used[INN_COUNT(reasons)] = {false};
    char number[16];
    int k, gaps = 0;
    size_t i;

    w.all = read_standard(&w.n);
    visit_cases(learn_all, &w, w.heap);
    for (i = 0; i < w.n; i++) {
        const struct standard *s = &w.all[i];

        if (inn_op_find("", s->name, s->since) == NULL)
            continue;
        for (k = 0; k < s->n_attrs; k++) {
            if ((s->seen_attr & 1u << k) == 0 && !has_reason(s, k, used))
                gaps += complain(s, "attribute", s->attrs[k],
                                 "comes out otherwise without");
        }
        for (k = 0; k < 32; k++) {
            snprintf(number, sizeof(number), "%d", k);
            if ((s->optional_in & ~s->seen_in & 1u << k) != 0)
                gaps += complain(s, "input", number,
                                 "comes out otherwise without");
            if ((s->optional_out & ~s->seen_out & 1u << k) != 0)
                gaps += complain(s, "output", number, "has");
        }
    }
    for (i = 0; i < INN_COUNT(reasons); i++) {
        ck_assert_msg(used[i], "nothing needs the reason of %s",
                      reasons[i].attr);
    }
    ck_assert_int_eq(gaps, 0);
    free(w.all);
    inn_heap_free(w.heap);
}
END_TEST

static void refuse_strangers(void *context, struct op_case *c)
{
    struct inn_heap *heap = context;
    struct inn_schema_entry e;
    struct change to = none;
    struct outcome o;
    int i;

    if (c->domain[0] != '\0' || !inn_schema_get(&e, c->op, c->version))
        return;
    to.more_attr = "no_such_attribute";
    run(&o, c, heap, &to);
    ck_assert_msg(is_refused(&o), "%s:%d takes any attribute", c->path,
                  c->line);
    drop_outcome(&o);
    to = none;
    for (i = 0; i < c->n_attrs; i++) {
        to.kind_of = i;
        run(&o, c, heap, &to);
        ck_assert_msg(is_refused(&o), "%s:%d takes any kind of %s", c->path,
                      c->line, c->attrs[i].name);
        drop_outcome(&o);
    }
    to = none;
    to.more_in = true;
    if (e.max_in < 0 || c->n_in == 0)
        return;
    run(&o, c, heap, &to);
    ck_assert_msg(is_refused(&o), "%s:%d takes %d inputs", c->path, c->line,
                  e.max_in + 1);
    drop_outcome(&o);
}

START_TEST(what_the_standard_does_not_have_is_refused)
{
    struct inn_heap *heap = inn_heap_new((size_t)1 << 30);

    visit_cases(refuse_strangers, heap, heap);
    inn_heap_free(heap);
}
END_TEST

static struct inn_error said(const char *type, int version,
                             struct inn_attr *attr, int n_in, int n_out)
{
    static int values[8] = {0, 0, 0, 0, 0, 0, 0, 0};
    struct inn_node node = {.name = "a", .op_type = type, .domain = "",
                            .version = version, .n_inputs = n_in,
                            .n_outputs = n_out, .inputs = values,
                            .outputs = values, .attrs = attr,
                            .n_attrs = attr != NULL};
    struct inn_error err = {INN_OK, ""};

    err.status = inn_schema_check(&node, &err);
    return err;
}

START_TEST(refusals_name_what_they_are_about)
{
    struct inn_attr axes = {.name = "axes", .kind = INN_ATTR_INTS};
    struct inn_attr axis = {.name = "axis", .kind = INN_ATTR_FLOAT};
    struct inn_attr own = {.name = "__own", .kind = INN_ATTR_FLOAT};

    ck_assert_str_eq(said("Squeeze", 13, &axes, 1, 1).message,
                     "Squeeze 'a': attribute 'axes' is not known at opset "
                     "13");
    ck_assert_int_eq(said("Squeeze", 11, &axes, 1, 1).status, INN_OK);
    ck_assert_str_eq(said("Softmax", 13, &axis, 1, 1).message,
                     "Softmax 'a': attribute 'axis' must be an integer");
    ck_assert_str_eq(said("Relu", 14, NULL, 2, 1).message,
                     "Relu 'a': has 2 inputs, takes at most 1 at opset 14");
    ck_assert_str_eq(said("MaxPool", 7, NULL, 1, 2).message,
                     "MaxPool 'a': has 2 outputs, gives at most 1 at opset "
                     "7");
    ck_assert_int_eq(said("Relu", 14, &own, 1, 1).status, INN_OK);
    ck_assert_int_eq(said("NoSuchOperator", 14, &own, 5, 5).status, INN_OK);
}
END_TEST

/* What cases can't write. */
START_TEST(constants_without_numbers_stay_unknown)
{
    struct inn_heap *heap = inn_heap_new(0);
    struct inn_shapes shapes;
    struct inn_graph *g;
    int k, v;

    ck_assert_int_eq(inn_graph_new(&g, heap, NULL), INN_OK);
    ck_assert_int_eq(inn_graph_add_node(g, &k, "Constant", 0, 1, 1, NULL),
                     INN_OK);
    v = add_value(g, "y", 0);
    g->nodes[0].outputs[0] = v;
    g->nodes[0].version = 13;
    g->nodes[0].attrs[0].name = _i == 0 ? "sparse_value" : "value_strings";
    g->nodes[0].attrs[0].kind = _i == 0 ? INN_ATTR_RAW : INN_ATTR_STRINGS;
    ck_assert_int_eq(inn_shapes_infer(&shapes, g, NULL, 0, 1, FOLD_BYTES,
                                      NULL), INN_OK);
    ck_assert_ptr_null(inn_shapes_get(&shapes, v));
    inn_shapes_free(&shapes);
    inn_graph_free(g);
    inn_heap_free(heap);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("schema");
    TCase *t = tcase_create("schema");

    tcase_add_test(t, the_table_is_the_standard);
    tcase_add_test(t, every_row_is_in_the_standard);
    tcase_add_test(t, everything_matters_or_has_a_reason);
    tcase_add_test(t, what_the_standard_does_not_have_is_refused);
    tcase_add_test(t, refusals_name_what_they_are_about);
    tcase_add_loop_test(t, constants_without_numbers_stay_unknown, 0, 2);
    suite_add_tcase(s, t);
    return run_suite(s);
}
