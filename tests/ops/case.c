/*
 * Reads operator cases. The text of a file stays as long as its cases: names
 * and strings point into it.
 */
#include "config.h"

#include "tests/ops/case.h"

#include <ctype.h>
#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/base/file.h"
#include "runtime/ops/common.h"

struct reader {
    struct inn_heap *heap;
    struct inn_arena arena; /* of the case at hand */
    struct op_case now;
    void (*visit)(void *context, struct op_case *c);
    void *context;
    int failures;
};

static bool complain(struct reader *r, int line, const char *format, ...)
    INN_PRINTF(3, 4);

static bool complain(struct reader *r, int line, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    printf("%s:%d: %s\n", r->now.path, line, text);
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
static bool read_shape(struct reader *r, int line, struct inn_tensor *t,
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
static bool read_values(struct reader *r, int line, struct inn_tensor *t,
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
static bool read_list(struct reader *r, int line, struct inn_attr *a,
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
static bool read_attr(struct reader *r, int line, char **s)
{
    struct inn_attr *a = &r->now.attrs[r->now.n_attrs++];
    char *name = skip_space(*s), *value = strchr(name, '='), *end;
    bool is_float, has_values;
    double tolerance;

    if (value == NULL || r->now.n_attrs == CASE_ATTRS)
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

static bool read_op(struct reader *r, int line, char *s)
{
    struct op_case *t = &r->now;
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

static bool read_operand(struct reader *r, int line, const char *kind,
                         char *s)
{
    struct op_case *t = &r->now;
    bool is_out = strncmp(kind, "out", 3) == 0 ||
                  strcmp(kind, "omit-out") == 0;
    int *n = is_out ? &t->n_out : &t->n_in;
    struct case_operand *o = is_out ? &t->out[*n] : &t->in[*n];

    if (*n == CASE_OPERANDS)
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

/* Shows the case read so far, and starts afresh. */
static void finish_case(struct reader *r, bool good)
{
    const char *path = r->now.path;

    if (good && r->now.op[0] != '\0')
        r->visit(r->context, &r->now);
    inn_arena_free(&r->arena);
    memset(&r->now, 0, sizeof(r->now));
    r->now.path = path;
    r->now.arena = &r->arena;
}

static bool read_line(struct reader *r, int number, char *line)
{
    char *s = line, *kind = word(&s);

    if (strcmp(kind, "op") == 0)
        return read_op(r, number, s);
    if (r->now.op[0] == '\0')
        return complain(r, number, "'%s' before any op", kind);
    if (strcmp(kind, "in") == 0 || strcmp(kind, "const") == 0 ||
        strcmp(kind, "out") == 0 || strcmp(kind, "omit") == 0 ||
        strcmp(kind, "omit-out") == 0)
        return read_operand(r, number, kind, s);
    if (strcmp(kind, "unknown") == 0) {
        r->now.unknown = true;
        return true;
    }
    if (strcmp(kind, "fails") != 0)
        return complain(r, number, "'%s' is no kind of line", kind);
    r->now.fails = skip_space(s);
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

static void read_file(struct reader *r, const char *path)
{
    struct inn_bytes bytes;
    struct inn_error err;
    char *text, *at, *line;
    bool good = true;
    int number = 0, next_number = 1;

    memset(&r->now, 0, sizeof(r->now));
    r->now.path = path;
    r->now.arena = &r->arena;
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
            finish_case(r, good);
            good = true;
        }
        if (good)
            good = read_line(r, number, line);
    }
    finish_case(r, good);
    free(text);
}

static int is_case(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);

    return len > 5 && strcmp(entry->d_name + len - 5, ".case") == 0;
}

int case_visit(const char *path, struct inn_heap *heap,
               void (*visit)(void *context, struct op_case *c),
               void *context)
{
    struct reader *r = calloc(1, sizeof(*r));
    struct dirent **entries;
    char file[4096];
    int i, n, failures;

    if (r == NULL)
        abort();
    r->heap = heap;
    r->visit = visit;
    r->context = context;
    inn_arena_init(&r->arena, heap);
    n = scandir(path, &entries, is_case, alphasort);
    if (n < 0)
        read_file(r, path);
    for (i = 0; i < n; i++) {
        snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
        read_file(r, file);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    failures = r->failures;
    free(r);
    return failures;
}
