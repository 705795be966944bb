/*
 * Runs the operator cases (README.md) of a folder, or single files: builds a
 * graph of one graph node, infers its shapes, runs the reference kernel, and
 * compares. Prints one line per failure; exit status 1 if there was any.
 */
#include "config.h"

#include <ctype.h>
#include <dirent.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/base/file.h"
#include "runtime/graph/graph.h"
#include "runtime/ops/common.h"
#include "runtime/ops/shapes.h"

#define MAX_OPERANDS 64
#define MAX_ATTRS 32

struct operand {
    const char *name;
    bool omitted, is_const, has_values;
    struct inn_tensor tensor;
    double tolerance;
};

/* One case, as its lines are read. */
struct test {
    const char *path;
    int line;
    char domain[64], op[64];
    int version;
    struct inn_attr attrs[MAX_ATTRS];
    struct operand in[MAX_OPERANDS], out[MAX_OPERANDS];
    int n_attrs, n_in, n_out;
    bool unknown;
    const char *fails;
};

struct runner {
    struct inn_heap *heap;
    struct inn_arena arena; /* of the case at hand */
    struct test test;
    int cases, failures;
};

static bool complain(struct runner *r, int line, const char *format, ...)
    INN_PRINTF(3, 4);

static bool complain(struct runner *r, int line, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    printf("%s:%d: %s\n", r->test.path, line, text);
    r->failures++;
    return false;
}

static char *skip_space(char *s)
{
    while (*s != '\0' && isspace((unsigned char)*s))
        s++;
    return s;
}

/* The word at *s, ended by a 0; *s moves behind it. */
static char *word(char **s)
{
    char *start = skip_space(*s), *end = start;

    while (*end != '\0' && !isspace((unsigned char)*end))
        end++;
    if (*end != '\0')
        *end++ = '\0';
    *s = end;
    return start;
}

static enum inn_type type_of(const char *name)
{
    int t;

    for (t = 1; t <= INN_BF16; t++) {
        if (inn_type_size((enum inn_type)t) > 0 &&
            strcmp(inn_type_name((enum inn_type)t), name) == 0)
            return (enum inn_type)t;
    }
    return INN_UNDEFINED;
}

/* "TYPE SHAPE" at *s into t, with zeroed data. */
static bool read_shape(struct runner *r, int line, struct inn_tensor *t,
                       char **s)
{
    char *type = word(s), *shape = word(s), *end = shape;
    int64_t dims[INN_MAX_RANK];
    struct inn_error err;
    int rank = 0;

    if (strcmp(shape, "scalar") != 0) {
        while (rank < INN_MAX_RANK) {
            dims[rank++] = strtoll(end, &end, 10);
            if (*end != 'x')
                break;
            end++;
        }
        if (*end != '\0' || end == shape)
            return complain(r, line, "'%s' is no shape", shape);
    }
    if (inn_tensor_new(t, &r->arena, type_of(type), rank, dims, &err) !=
        INN_OK)
        return complain(r, line, "'%s': %s", type, err.message);
    return true;
}

static void store(struct inn_tensor *t, size_t i, const char *text)
{
    if (t->type == INN_I64)
        ((int64_t *)t->data)[i] = strtoll(text, NULL, 10);
    else if (t->type == INN_U64)
        ((uint64_t *)t->data)[i] = strtoull(text, NULL, 10);
    else
        inn_element_set(t->type, t->data, i, strtod(text, NULL));
}

/* ": values [tol T]" at s, if there. */
static bool read_values(struct runner *r, int line, struct inn_tensor *t,
                        bool *has_values, double *tolerance, char *s)
{
    size_t i = 0, n = inn_tensor_count(t);
    char *w = word(&s);

    *has_values = strcmp(w, ":") == 0;
    if (*has_values)
        w = word(&s);
    if (*has_values && strcmp(w, "iota") == 0) {
        double start = strtod(word(&s), NULL), step = strtod(word(&s), NULL);

        for (; i < n; i++)
            inn_element_set(t->type, t->data, i, start + step * (double)i);
        w = word(&s);
    }
    for (; *w != '\0' && strcmp(w, "tol") != 0; w = word(&s)) {
        char *end;

        strtod(w, &end);
        if (!*has_values || *end != '\0')
            return complain(r, line, "'%s' is no value", w);
        if (i < n)
            store(t, i, w);
        i++;
    }
    if (*has_values && i != n)
        return complain(r, line, "%zu values where the shape has %zu", i, n);
    if (strcmp(w, "tol") == 0)
        *tolerance = strtod(word(&s), NULL);
    return true;
}

static bool is_number(const char *s, bool *is_float)
{
    char *end;

    *is_float = strpbrk(s, ".einEIN") != NULL;
    if (*s == '\0')
        return false;
    strtod(s, &end);
    return *end == '\0';
}

/* "[a,b,…]": ints, floats or strings. */
static bool read_list(struct runner *r, int line, struct inn_attr *a,
                      char *s)
{
    size_t most = strlen(s);
    bool is_float, any_float = false, any_text = false;
    char *item, *save = NULL;

    if (s[most - 1] != ']')
        return complain(r, line, "a list has no ']'");
    s[most - 1] = '\0';
    a->ints = inn_arena_alloc(&r->arena, most, sizeof(*a->ints), NULL);
    a->floats = inn_arena_alloc(&r->arena, most, sizeof(*a->floats), NULL);
    a->strings = inn_arena_alloc(&r->arena, most, sizeof(*a->strings), NULL);
    for (item = strtok_r(s + 1, ",", &save); item != NULL;
         item = strtok_r(NULL, ",", &save)) {
        any_text |= !is_number(item, &is_float);
        any_float |= is_float;
        a->ints[a->count] = strtoll(item, NULL, 10);
        a->floats[a->count] = strtof(item, NULL);
        a->strings[a->count++] = item;
    }
    a->kind = any_text ? INN_ATTR_STRINGS
              : any_float ? INN_ATTR_FLOATS : INN_ATTR_INTS;
    return true;
}

/* One "name=value"; *s moves behind it. */
static bool read_attr(struct runner *r, int line, char **s)
{
    struct inn_attr *a = &r->test.attrs[r->test.n_attrs++];
    char *name = skip_space(*s), *value = strchr(name, '='), *end;
    bool is_float, has_values;
    double tolerance;

    if (value == NULL || r->test.n_attrs == MAX_ATTRS)
        return complain(r, line, "'%s' is no attribute", name);
    *value++ = '\0';
    memset(a, 0, sizeof(*a));
    a->name = name;
    if (*value == '{') {
        end = strchr(value, '}');
        if (end == NULL)
            return complain(r, line, "a tensor has no '}'");
        *end = '\0';
        *s = end + 1;
        value++;
        a->kind = INN_ATTR_TENSOR;
        a->tensor = inn_arena_alloc(&r->arena, 1, sizeof(*a->tensor), NULL);
        return read_shape(r, line, a->tensor, &value) &&
               read_values(r, line, a->tensor, &has_values, &tolerance,
                           value);
    }
    *s = value;
    value = word(s);
    if (*value == '[')
        return read_list(r, line, a, value);
    if (is_number(value, &is_float)) {
        a->kind = is_float ? INN_ATTR_FLOAT : INN_ATTR_INT;
        a->f = strtof(value, NULL);
        a->i = strtoll(value, NULL, 10);
    } else {
        a->kind = INN_ATTR_STRING;
        a->s = value;
        a->s_len = strlen(value);
    }
    return true;
}

static bool read_op(struct runner *r, int line, char *s)
{
    struct test *t = &r->test;
    char *name = word(&s), *colon = strchr(name, ':');

    if (colon != NULL) {
        *colon = '\0';
        snprintf(t->domain, sizeof(t->domain), "%s", name);
        name = colon + 1;
    }
    snprintf(t->op, sizeof(t->op), "%s", name);
    t->version = atoi(word(&s));
    t->line = line;
    for (s = skip_space(s); *s != '\0'; s = skip_space(s)) {
        if (!read_attr(r, line, &s))
            return false;
    }
    return true;
}

static bool read_operand(struct runner *r, int line, const char *kind,
                         char *s)
{
    struct test *t = &r->test;
    bool is_out = strncmp(kind, "out", 3) == 0 ||
                  strcmp(kind, "omit-out") == 0;
    int *n = is_out ? &t->n_out : &t->n_in;
    struct operand *o = is_out ? &t->out[*n] : &t->in[*n];

    if (*n == MAX_OPERANDS)
        return complain(r, line, "too many operands");
    ++*n;
    memset(o, 0, sizeof(*o));
    if (strncmp(kind, "omit", 4) == 0) {
        o->omitted = true;
        return true;
    }
    o->is_const = strcmp(kind, "const") == 0;
    o->name = word(&s);
    return read_shape(r, line, &o->tensor, &s) &&
           read_values(r, line, &o->tensor, &o->has_values, &o->tolerance,
                       s);
}

/* A value for every operand; out values have no shape of their own. */
static enum inn_status add_operands(struct inn_graph *g, int *values,
                                    struct operand *operands, int n,
                                    bool is_out, bool constant,
                                    struct inn_error *err)
{
    char name[96];
    int i, k;

    for (i = 0; i < n; i++) {
        struct operand *o = &operands[i];
        struct inn_value *v;
        enum inn_status st;

        if (o->omitted)
            continue;
        snprintf(name, sizeof(name), "%s_%s%d", o->name,
                 is_out ? "out" : "in", i);
        st = inn_graph_add_value(g, &values[i], name, err);
        if (st != INN_OK)
            return st;
        v = &g->values[values[i]];
        v->is_output = is_out;
        if (is_out) {
            v->producer = 0;
            continue;
        }
        if (o->is_const || constant) {
            v->init = &o->tensor;
            continue;
        }
        v->is_input = v->declared = true;
        v->type = o->tensor.type;
        v->rank = o->tensor.rank;
        for (k = 0; k < v->rank; k++)
            v->dims[k].size = o->tensor.dims[k];
        g->inputs[g->n_inputs++] = values[i];
    }
    return INN_OK;
}

static enum inn_status build(struct runner *r, struct inn_graph **graph,
                             bool constant, struct inn_error *err)
{
    struct test *t = &r->test;
    struct inn_graph *g;
    struct inn_node *node;
    enum inn_status st;
    int index;

    st = inn_graph_new(graph, r->heap, err);
    if (st != INN_OK)
        return st;
    g = *graph;
    g->inputs = inn_arena_alloc(&g->arena, MAX_OPERANDS, sizeof(int), err);
    if (g->inputs == NULL)
        return err->status;
    st = inn_graph_add_node(g, &index, t->op, t->n_in, t->n_out, t->n_attrs,
                            err);
    if (st != INN_OK)
        return st;
    node = &g->nodes[index];
    node->domain = t->domain;
    node->version = t->version;
    node->name = "case";
    memcpy(node->attrs, t->attrs, (size_t)t->n_attrs * sizeof(*t->attrs));
    st = add_operands(g, node->inputs, t->in, t->n_in, false, constant, err);
    if (st == INN_OK)
        st = add_operands(g, node->outputs, t->out, t->n_out, true, constant,
                          err);
    return st;
}

static bool close_enough(double got, double want, double tolerance)
{
    if (isnan(want) || isnan(got))
        return isnan(want) && isnan(got);
    if (got == want)
        return true;
    return fabs(got - want) <= tolerance * fmax(1, fabs(want));
}

static bool compare(struct runner *r, const struct operand *o,
                    const struct inn_tensor *got)
{
    const struct inn_tensor *want = &o->tensor;
    size_t i, n = inn_tensor_count(want);
    char a[INN_SHAPE_TEXT], b[INN_SHAPE_TEXT];
    int line = r->test.line;

    if (got->type != want->type || !inn_tensor_same_shape(got, want))
        return complain(r, line, "%s: got %s %s, want %s %s", o->name,
                        inn_type_name(got->type),
                        inn_shape_text(a, got->rank, got->dims),
                        inn_type_name(want->type),
                        inn_shape_text(b, want->rank, want->dims));
    if (!o->has_values)
        return true;
    if (got->data == NULL)
        return complain(r, line, "%s: was not computed", o->name);
    for (i = 0; i < n; i++) {
        double g = inn_element_get(got->type, got->data, i);
        double w = inn_element_get(want->type, want->data, i);

        if (!close_enough(g, w, o->tolerance))
            return complain(r, line,
                            "%s[%zu]: got %.9g, want %.9g (tol %g)", o->name,
                            i, g, w, o->tolerance);
    }
    return true;
}

static const struct inn_tensor empty;

/* Runs the kernel into memory of its own. */
static enum inn_status run_node(struct runner *r, const struct inn_node *node,
                                const struct inn_shapes *shapes,
                                struct inn_tensor *out, int threads,
                                struct inn_error *err)
{
    struct test *t = &r->test;
    const struct inn_tensor *in[MAX_OPERANDS];
    struct inn_run run = {node, in, out, t->n_in, t->n_out, threads, err};
    enum inn_status st = INN_OK;
    bool done = true;
    int i;

    for (i = 0; i < t->n_in; i++)
        in[i] = t->in[i].omitted ? NULL : &t->in[i].tensor;
    for (i = 0; i < t->n_out && st == INN_OK; i++) {
        const struct inn_tensor *known;

        known = inn_shapes_get(shapes, node->outputs[i]);
        out[i] = known != NULL ? *known : empty;
        if (known == NULL || known->data != NULL)
            continue;
        done = false;
        st = inn_tensor_new(&out[i], &r->arena, known->type, known->rank,
                            known->dims, err);
        if (out[i].data != NULL) /* a kernel must fill all it is given */
            memset(out[i].data, 0x5a, out[i].bytes);
    }
    if (st == INN_OK && !done)
        st = inn_op_run(inn_node_op(node), &run, &r->arena);
    return st;
}

static void check_outputs(struct runner *r, const struct inn_graph *graph,
                          const struct inn_shapes *shapes,
                          struct inn_error *err)
{
    struct inn_tensor one[MAX_OPERANDS], three[MAX_OPERANDS];
    const struct inn_node *node = &graph->nodes[0];
    struct test *t = &r->test;
    enum inn_status st = INN_OK;
    int i;

    for (i = 0; i < t->n_out; i++) {
        if (t->out[i].omitted)
            continue;
        if ((inn_shapes_get(shapes, node->outputs[i]) == NULL) !=
            t->unknown) {
            complain(r, t->line, "%s: its shape is %sknown", t->out[i].name,
                     t->unknown ? "" : "un");
            return;
        }
    }
    if (t->unknown)
        return;
    if (inn_node_op(node)->run != NULL) {
        st = run_node(r, node, shapes, one, 1, err);
        if (st == INN_OK)
            st = run_node(r, node, shapes, three, 3, err);
    } else {
        for (i = 0; i < t->n_out; i++)
            one[i] = three[i] = node->outputs[i] < 0
                                    ? empty : shapes->known[node->outputs[i]];
    }
    if ((st != INN_OK) != (t->fails != NULL) ||
        (st != INN_OK && strstr(err->message, t->fails) == NULL)) {
        complain(r, t->line, "the kernel said: %s",
                 st != INN_OK ? err->message : "nothing");
        return;
    }
    for (i = 0; i < t->n_out && st == INN_OK; i++) {
        if (t->out[i].omitted)
            continue;
        if (!compare(r, &t->out[i], &one[i]))
            return;
        if (one[i].data != NULL && three[i].data != NULL &&
            memcmp(one[i].data, three[i].data, one[i].bytes) != 0)
            complain(r, t->line, "%s: threads change the bits",
                     t->out[i].name);
    }
}

/* The same outputs by way of folding, all inputs being constants. */
static void check_folding(struct runner *r)
{
    struct inn_graph *graph = NULL;
    struct inn_error err = {INN_OK, ""};
    struct inn_shapes shapes = {0};
    struct test *t = &r->test;
    enum inn_status st;
    int i;

    st = build(r, &graph, true, &err);
    if (st == INN_OK)
        st = inn_shapes_infer(&shapes, graph, NULL, 0, 1, (size_t)1 << 24,
                              &err);
    if (st != INN_OK)
        complain(r, t->line, "folding said: %s", err.message);
    for (i = 0; i < t->n_out && st == INN_OK; i++) {
        const struct inn_tensor *got;

        if (t->out[i].omitted)
            continue;
        got = inn_shapes_get(&shapes, graph->nodes[0].outputs[i]);
        if (!compare(r, &t->out[i], got != NULL ? got : &empty))
            break;
    }
    inn_shapes_free(&shapes);
    inn_graph_free(graph);
}

static void run_test(struct runner *r)
{
    struct inn_graph *graph = NULL;
    struct inn_error err = {INN_OK, ""};
    struct inn_shapes shapes = {0};
    struct test *t = &r->test;
    int before = r->failures;
    enum inn_status st;

    r->cases++;
    if (t->fails != NULL && t->n_out == 0)
        t->out[t->n_out++].name = "y";
    if (inn_op_find(t->domain, t->op, t->version) == NULL) {
        complain(r, t->line, "the registry has no %s %d", t->op, t->version);
        return;
    }
    st = build(r, &graph, false, &err);
    if (st == INN_OK)
        st = inn_shapes_infer(&shapes, graph, NULL, 0, 1, 0, &err);
    if (st == INN_OK)
        check_outputs(r, graph, &shapes, &err);
    else if (t->fails == NULL || strstr(err.message, t->fails) == NULL)
        complain(r, t->line, "inference said: %s", err.message);
    inn_shapes_free(&shapes);
    inn_graph_free(graph);
    if (t->fails == NULL && !t->unknown && r->failures == before &&
        inn_op_find(t->domain, t->op, t->version)->run != NULL)
        check_folding(r);
}

/* Runs the case read so far, and starts afresh. */
static void finish_test(struct runner *r, bool good)
{
    const char *path = r->test.path;

    if (good && r->test.op[0] != '\0')
        run_test(r);
    inn_arena_free(&r->arena);
    if (inn_heap_used(r->heap) > 0)
        complain(r, r->test.line, "%zu bytes were not freed",
                 inn_heap_used(r->heap));
    memset(&r->test, 0, sizeof(r->test));
    r->test.path = path;
}

static bool read_line(struct runner *r, int number, char *line)
{
    char *s = line, *kind = word(&s);

    if (strcmp(kind, "op") == 0)
        return read_op(r, number, s);
    if (r->test.op[0] == '\0')
        return complain(r, number, "'%s' before any op", kind);
    if (strcmp(kind, "in") == 0 || strcmp(kind, "const") == 0 ||
        strcmp(kind, "out") == 0 || strcmp(kind, "omit") == 0 ||
        strcmp(kind, "omit-out") == 0)
        return read_operand(r, number, kind, s);
    if (strcmp(kind, "unknown") == 0) {
        r->test.unknown = true;
        return true;
    }
    if (strcmp(kind, "fails") != 0)
        return complain(r, number, "'%s' is no kind of line", kind);
    r->test.fails = skip_space(s);
    return true;
}

/* Cuts off the next line, continuations joined; NULL at the end. */
static char *next_line(char **text, int *number, int *next_number)
{
    char *start = *text, *end = start;

    if (*start == '\0')
        return NULL;
    *number = *next_number;
    for (;;) {
        end = strchr(end, '\n');
        ++*next_number;
        if (end == NULL) {
            *text = start + strlen(start);
            return start;
        }
        if (*start == '#' || (end[1] != ' ' && end[1] != '\t'))
            break;
        *end = ' ';
    }
    *end = '\0';
    *text = end + 1;
    return start;
}

static void run_file(struct runner *r, const char *path)
{
    struct inn_bytes bytes;
    struct inn_error err;
    char *text, *at, *line;
    bool good = true;
    int number = 0, next_number = 1;

    memset(&r->test, 0, sizeof(r->test));
    r->test.path = path;
    if (inn_file_map(&bytes, path, &err) != INN_OK) {
        complain(r, 0, "%s", err.message);
        return;
    }
    text = calloc(bytes.len + 2, 1);
    if (text == NULL)
        abort();
    memcpy(text, bytes.data, bytes.len);
    inn_file_unmap(&bytes);
    for (at = text; (line = next_line(&at, &number, &next_number)) != NULL;) {
        char *end;

        for (end = line + strlen(line);
             end > line && isspace((unsigned char)end[-1]);)
            *--end = '\0';
        if (*line == '#' || *line == '\0')
            continue;
        if (strncmp(line, "op ", 3) == 0) {
            finish_test(r, good);
            good = true;
        }
        if (good)
            good = read_line(r, number, line);
    }
    finish_test(r, good);
    free(text);
}

static int is_case(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);

    return len > 5 && strcmp(entry->d_name + len - 5, ".case") == 0;
}

static void run_folder(struct runner *r, const char *path)
{
    struct dirent **entries;
    char file[4096];
    int i, n = scandir(path, &entries, is_case, alphasort);

    if (n < 0) {
        run_file(r, path);
        return;
    }
    for (i = 0; i < n; i++) {
        snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
        run_file(r, file);
        free(entries[i]);
    }
    free(entries);
}

int main(int argc, char **argv)
{
    const char *source = getenv("srcdir");
    struct runner *r = calloc(1, sizeof(*r));
    char folder[4096];
    int i, failures;

    if (r == NULL)
        return 1;
    r->heap = inn_heap_new((size_t)1 << 30);
    inn_arena_init(&r->arena, r->heap);
    snprintf(folder, sizeof(folder), "%s/tests/ops",
             source != NULL ? source : ".");
    if (argc < 2)
        run_folder(r, folder);
    for (i = 1; i < argc; i++)
        run_folder(r, argv[i]);
    printf("%d cases, %d failures\n", r->cases, r->failures);
    failures = r->failures;
    inn_heap_free(r->heap);
    free(r);
    return failures == 0 ? 0 : 1;
}
