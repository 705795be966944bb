/* Inputs and outputs of a run. */
#include "runtime/tools/tensors.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/error.h"
#include "runtime/base/npy.h"
#include "runtime/base/random.h"
#include "runtime/cli/sizes.h"
#include "runtime/graph/onnx.h"

enum inn_status inn_split_named(struct inn_named_path *out, const char *text,
                                struct inn_arena *arena,
                                struct inn_error *err)
{
    const char *equals = strchr(text, '=');

    out->name = NULL;
    out->path = text;
    /* A file that is called so is meant, whatever its name looks like. */
    if (equals == NULL || equals == text || access(text, F_OK) == 0)
        return INN_OK;
    out->name = inn_arena_strndup(arena, text, (size_t)(equals - text), err);
    out->path = equals + 1;
    return out->name != NULL ? INN_OK : inn_refused(err);
}

enum inn_status inn_load_tensor(struct inn_tensor *tensor, const char **name,
                                const char *path, struct inn_arena *arena,
                                struct inn_error *err)
{
    size_t len = strlen(path);
    enum inn_status st;

    *name = NULL;
    if (strcmp(path, "-") == 0)
        st = inn_npy_read_pipe(tensor, STDIN_FILENO, arena, err);
    else if (len > 3 && strcmp(path + len - 3, ".pb") == 0)
        st = inn_onnx_read_tensor(tensor, name, path, arena, err);
    else
        st = inn_npy_read(tensor, path, arena, err);
    if (st != INN_OK)
        inn_error_file(err, path);
    return st;
}

/* Whether every element comes back from the other type. */
static bool lossless(const struct inn_tensor *from, const void *to,
                     enum inn_type type)
{
    size_t i, size = inn_type_size(from->type);
    const char *data = from->data;
    size_t step = inn_type_size(type);
    uint64_t back;

    for (i = 0; i < inn_tensor_count(from); i++) {
        inn_convert_elements(&back, from->type, (const char *)to + i * step,
                             type, 1);
        if (memcmp(&back, data + i * size, size) != 0)
            return false;
    }
    return true;
}

/*
 * Turns t into the type the network wants: between floats always, between
 * integers where every element fits.
 */
static enum inn_status adapt(struct inn_tensor *t,
                             const struct inn_value *value,
                             struct inn_arena *arena, struct inn_error *err)
{
    bool floats = inn_type_is_float(t->type) &&
                  inn_type_is_float(value->type);
    bool ints = !inn_type_is_float(t->type) &&
                !inn_type_is_float(value->type);
    struct inn_tensor out;
    enum inn_status st;

    if (value->type == INN_UNDEFINED || t->type == value->type)
        return INN_OK;
    if ((floats || ints) && inn_type_size(value->type) != 0) {
        st = inn_tensor_new(&out, arena, value->type, t->rank, t->dims, err);
        if (st != INN_OK)
            return st;
        inn_convert_elements(out.data, out.type, t->data, t->type,
                             inn_tensor_count(t));
        if (floats || lossless(t, out.data, out.type)) {
            *t = out;
            return INN_OK;
        }
    }
    return inn_fail(err, INN_ERR_RANGE, "input '%s' wants %s, is given %s",
                    value->name, inn_type_name(value->type),
                    inn_type_name(t->type));
}

static int find_input(const struct inn_graph *graph, const char *name)
{
    int i;

    for (i = 0; i < graph->n_inputs; i++) {
        if (strcmp(graph->values[graph->inputs[i]].name, name) == 0)
            return i;
    }
    return -1;
}

static enum inn_status take_input(struct inn_tensor *in, bool *given,
                                  const struct inn_graph *graph,
                                  const char *option, bool named,
                                  struct inn_arena *arena,
                                  struct inn_error *err)
{
    struct inn_named_path at;
    struct inn_tensor t;
    const char *inner;
    enum inn_status st = inn_split_named(&at, option, arena, err);
    char text[INN_NAMES_TEXT];
    int i = -1;

    if (st != INN_OK || (at.name != NULL) != named)
        return st;
    st = inn_load_tensor(&t, &inner, at.path, arena, err);
    if (st != INN_OK)
        return st;
    if (at.name != NULL) {
        i = find_input(graph, at.name);
        if (i < 0) {
            return inn_fail(err, INN_ERR_RANGE,
                            "no input '%s'; inputs are: %s", at.name,
                            inn_names_text(text, graph, graph->inputs,
                                           graph->n_inputs));
        }
        if (given[i])
            return inn_fail(err, INN_ERR_RANGE,
                            "input '%s' is given twice", at.name);
    } else {
        if (inner != NULL)
            i = find_input(graph, inner);
        if (i < 0 || given[i]) {
            for (i = 0; i < graph->n_inputs && given[i]; i++)
                ;
        }
        if (i == graph->n_inputs)
            return inn_fail(err, INN_ERR_RANGE,
                            "more inputs are given than the network's %d",
                            graph->n_inputs);
    }
    given[i] = true;
    in[i] = t;
    return adapt(&in[i], &graph->values[graph->inputs[i]], arena, err);
}

enum inn_status inn_load_inputs(struct inn_tensor *in,
                                const struct inn_graph *graph,
                                const struct inn_cli_list *files,
                                struct inn_arena *arena,
                                struct inn_error *err)
{
    bool *given = inn_arena_alloc(arena, (size_t)graph->n_inputs,
                                  sizeof(*given), err);
    enum inn_status st = INN_OK;
    int named, i;
    size_t k;

    if (given == NULL)
        return inn_refused(err);
    /* Those with a name first: the others fill what is left. */
    for (named = 1; named >= 0; named--) {
        for (k = 0; k < files->n && st == INN_OK; k++)
            st = take_input(in, given, graph, files->items[k], named == 1,
                            arena, err);
    }
    for (i = 0; i < graph->n_inputs && st == INN_OK; i++) {
        const struct inn_value *v = &graph->values[graph->inputs[i]];
        const char *shape;

        if (given[i])
            continue;
        shape = inn_declared_text(v, arena, err);
        st = shape == NULL
            ? inn_refused(err)
            : inn_fail(err, INN_ERR_ARGUMENT,
                       "input '%s' (%s %s) is missing: --input %s=FILE.npy",
                       v->name, inn_type_name(v->type), shape, v->name);
    }
    return st;
}

/* One stream per input. */
static void fill_random(struct inn_tensor *t, uint64_t seed)
{
    size_t count = inn_tensor_count(t), size = inn_type_size(t->type), i;
    bool is_float = inn_type_is_float(t->type);
    uint64_t state = seed;

    for (i = 0; i < count; i++) {
        double v = 0;
        int k;

        if (is_float) {
            /* Twelve uniform ones make a normal one, the same everywhere. */
            for (k = 0; k < 12; k++)
                v += inn_random_unit(&state);
            v -= 6;
        } else {
            v = (double)(inn_random_bits(&state) >> 63);
        }
        inn_convert_elements((char *)t->data + i * size, t->type, &v, INN_F64,
                             1);
    }
}

enum inn_status inn_random_inputs(struct inn_tensor *in,
                                  const struct inn_network *net,
                                  uint64_t seed, struct inn_arena *arena,
                                  struct inn_error *err)
{
    const struct inn_graph *graph = net->graph;
    struct inn_shapes shapes;
    enum inn_status st;
    int i;

    st = inn_network_check_sizes(net, err);
    if (st != INN_OK)
        return st;
    st = inn_shapes_infer(&shapes, graph, net->bindings, net->n_bindings,
                          INN_DEFAULT_SPATIAL, 0, err);
    for (i = 0; i < graph->n_inputs && st == INN_OK; i++) {
        const struct inn_value *v = &graph->values[graph->inputs[i]];
        const struct inn_tensor *t = inn_shapes_get(&shapes,
                                                    graph->inputs[i]);

        if (t == NULL) {
            st = inn_fail(err, INN_ERR_ARGUMENT,
                          "input '%s' has no size: give it by "
                          "--input-shape %s:1,3,224,224 or --input",
                          v->name, v->name);
            break;
        }
        st = inn_tensor_new(&in[i], arena, t->type, t->rank, t->dims, err);
        if (st == INN_OK)
            fill_random(&in[i], seed * 0x100000001b3u + (uint64_t)i);
    }
    inn_shapes_free(&shapes);
    return st;
}

int inn_find_output(const struct inn_graph *graph, const char *name,
                    struct inn_error *err)
{
    char text[INN_NAMES_TEXT];
    int i;

    for (i = 0; i < graph->n_outputs; i++) {
        if (strcmp(graph->values[graph->outputs[i]].name, name) == 0)
            return i;
    }
    inn_fail(err, INN_ERR_RANGE, "no output '%s'; outputs are: %s", name,
             inn_names_text(text, graph, graph->outputs, graph->n_outputs));
    return -1;
}

const char *inn_declared_text(const struct inn_value *value,
                              struct inn_arena *arena, struct inn_error *err)
{
    const char *text = "[";
    int i;

    if (value->rank < 0)
        return "?";
    for (i = 0; i < value->rank && text != NULL; i++) {
        const struct inn_dim *d = &value->dims[i];
        const char *comma = i > 0 ? ", " : "";

        text = d->size >= 0
            ? inn_arena_printf(arena, err, "%s%s%lld", text, comma,
                               (long long)d->size)
            : inn_arena_printf(arena, err, "%s%s%s", text, comma,
                               d->symbol != NULL ? d->symbol : "?");
    }
    return text == NULL ? NULL : inn_arena_printf(arena, err, "%s]", text);
}
