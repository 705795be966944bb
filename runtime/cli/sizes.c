/* Sizes of inputs and symbolic dimensions from the command line. */
#include "runtime/cli/sizes.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/checked.h"
#include "runtime/base/error.h"

/* The last ':' or '=': names may contain either, sizes neither. */
static const char *split(const char *text)
{
    const char *found = NULL;

    for (; *text != '\0'; text++) {
        if (*text == ':' || *text == '=')
            found = text;
    }
    return found;
}

static bool read_dims(struct inn_binding *b, const char *text)
{
    b->rank = 0;
    for (;;) {
        int64_t v = 0;
        size_t digits = strspn(text, "0123456789"), i;

        if (digits == 0 || b->rank == INN_MAX_RANK)
            return false;
        for (i = 0; i < digits; i++) {
            if (!inn_mul_i64(&v, v, 10) || !inn_add_i64(&v, v, text[i] - '0'))
                return false;
        }
        b->dims[b->rank++] = v;
        text += digits;
        if (*text == '\0')
            return true;
        if (*text != ',' && *text != 'x')
            return false;
        text++;
    }
}

static bool is_symbol(const struct inn_graph *graph, const char *name)
{
    int i, d;

    for (i = 0; i < graph->n_inputs; i++) {
        const struct inn_value *v = &graph->values[graph->inputs[i]];

        for (d = 0; d < v->rank; d++) {
            if (v->dims[d].symbol != NULL &&
                strcmp(v->dims[d].symbol, name) == 0)
                return true;
        }
    }
    return false;
}

const char *inn_names_text(char text[INN_NAMES_TEXT],
                           const struct inn_graph *graph, const int *which,
                           int n)
{
    static const char more[] = " and 2147483647 more";
    size_t at = 0, need;
    int i;

    text[0] = '\0';
    for (i = 0; i < n; i++) {
        const char *name = graph->values[which[i]].name;

        need = strlen(name) + 2;
        if (need + sizeof(more) > INN_NAMES_TEXT - at)
            break;
        at += (size_t)snprintf(text + at, INN_NAMES_TEXT - at, "%s%s",
                               i > 0 ? ", " : "", name);
    }
    if (i < n)
        snprintf(text + at, INN_NAMES_TEXT - at, i > 0 ? " and %d more"
                                                       : "%d, of long names",
                 n - i);
    return text;
}

static enum inn_status unknown_name(const struct inn_graph *graph,
                                    const char *name, struct inn_error *err)
{
    char text[INN_NAMES_TEXT];

    return inn_fail(err, INN_ERR_RANGE,
                    "no input or symbolic dimension '%s'; inputs are: %s",
                    name, inn_names_text(text, graph, graph->inputs,
                                         graph->n_inputs));
}

static enum inn_status bind(struct inn_binding *b, const char *option,
                            const struct inn_graph *graph,
                            struct inn_arena *arena, struct inn_error *err)
{
    const char *at = split(option);
    int i;

    if (at == NULL || at == option || !read_dims(b, at + 1))
        return inn_fail(err, INN_ERR_ARGUMENT,
                        "--input-shape takes NAME:1,3,224,224, not '%s'",
                        option);
    b->name = inn_arena_strndup(arena, option, (size_t)(at - option), err);
    if (b->name == NULL)
        return inn_refused(err);
    for (i = 0; i < graph->n_inputs; i++) {
        const struct inn_value *v = &graph->values[graph->inputs[i]];

        if (strcmp(v->name, b->name) != 0)
            continue;
        if (v->rank >= 0 && v->rank != b->rank)
            return inn_fail(err, INN_ERR_RANGE,
                            "--input-shape gives '%s' %d dimensions, the "
                            "network %d", b->name, b->rank, v->rank);
        return INN_OK;
    }
    if (b->rank != 1 || !is_symbol(graph, b->name))
        return unknown_name(graph, b->name, err);
    b->rank = -1;
    return INN_OK;
}

enum inn_status inn_parse_sizes(struct inn_binding **bindings, size_t *n,
                                const struct inn_cli_list *options,
                                const struct inn_graph *graph,
                                struct inn_arena *arena,
                                struct inn_error *err)
{
    enum inn_status st = INN_OK;
    size_t i;

    *n = 0;
    *bindings = inn_arena_alloc(arena, options->n, sizeof(**bindings), err);
    if (*bindings == NULL)
        return inn_refused(err);
    for (i = 0; i < options->n && st == INN_OK; i++) {
        st = bind(&(*bindings)[i], options->items[i], graph, arena, err);
        *n = i + 1;
    }
    return st;
}
