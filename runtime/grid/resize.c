/*
 * The graph at other widths, without weights: initializers and declared
 * shapes follow the axes; what else counts channels (attributes, constants)
 * is rewritten by each operator's own row.
 */
#include <inttypes.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/grid/internal.h"
#include "runtime/grid/sample.h"
#include "runtime/grid/slots.h"
#include "runtime/ops/common.h"
#include "runtime/ops/resize.h"

/* Constants worth folding: shapes and indices, never weights. */
#define FOLD_BYTES ((size_t)64 << 10)
/* Floats that may decide a shape (Resize's scales) are no longer. */
#define SMALL_BYTES 256
/* Inputs a row may add to its graph node. */
#define MAX_INPUT 64

/* What the callbacks of struct inn_resizer work on. */
struct resizing {
    const struct inn_model *model;
    const int64_t *widths;
    const struct inn_shapes *shapes; /* before the change */
    const struct inn_shapes *other;  /* and of larger inputs, or NULL */
    struct inn_graph *graph;         /* the copy, being rewritten */
    int node;
    int *uses; /* of the values of the model's graph, in the copy */
};

static int operand_value(const struct resizing *r, struct inn_operand o)
{
    const struct inn_node *n = &r->model->graph->nodes[r->node];

    if (o.index < 0 || o.index >= (o.is_output ? n->n_outputs : n->n_inputs))
        return -1;
    return o.is_output ? n->outputs[o.index] : n->inputs[o.index];
}

static const struct inn_axis *operand_axis(const struct resizing *r,
                                           struct inn_operand o)
{
    int v = operand_value(r, o);

    return v < 0 ? NULL : inn_model_axis(r->model, v, o.axis);
}

static int64_t length(void *state, struct inn_operand o)
{
    const struct resizing *r = state;
    const struct inn_axis *axis = operand_axis(r, o);
    const struct inn_tensor *t;

    if (axis != NULL)
        return inn_axis_length(r->model, axis, r->widths);
    t = inn_shapes_get(r->shapes, operand_value(r, o));
    return t != NULL && o.axis >= 0 && o.axis < t->rank ? t->dims[o.axis] : 0;
}

static int64_t edge(void *state, struct inn_operand o, int64_t at)
{
    const struct resizing *r = state;
    const struct inn_axis *axis = operand_axis(r, o);

    return axis == NULL ? at : inn_axis_edge(r->model, axis, r->widths, at);
}

static enum inn_status remap(void *state, int64_t **list, size_t *n,
                             struct inn_operand out, struct inn_operand in,
                             const int64_t *from, size_t count,
                             struct inn_arena *scratch, struct inn_error *err)
{
    const struct resizing *r = state;
    const struct inn_tensor *t = inn_shapes_get(r->shapes,
                                                operand_value(r, in));

    if (t == NULL || in.axis < 0 || in.axis >= t->rank)
        return inn_fail(err, INN_ERR_UNSUPPORTED, "its shape is not known");
    return inn_axis_remap(list, n, r->model, operand_axis(r, out),
                          operand_axis(r, in), t->dims[in.axis], r->widths,
                          from, count, scratch, err);
}

static bool varies(void *state, struct inn_operand o)
{
    return operand_axis(state, o) != NULL;
}

static enum inn_status set_ints(void *state, const char *name,
                                const int64_t *values, size_t count,
                                struct inn_error *err)
{
    struct resizing *r = state;

    return inn_node_set_ints(r->graph, &r->graph->nodes[r->node], name,
                             values, count, err);
}

static enum inn_status set_int(void *state, const char *name, int64_t value,
                               struct inn_error *err)
{
    struct resizing *r = state;

    return inn_node_set_int(r->graph, &r->graph->nodes[r->node], name, value,
                            err);
}

/*
 * Whether a computed value is the same whatever the size of the inputs: pads
 * that an exporter computes from a rank, a shape of channels alone. Its row
 * may then write it out. What does follow the inputs must go on doing so.
 */
static bool is_settled(const struct resizing *r, int v)
{
    const struct inn_tensor *t = inn_shapes_get(r->shapes, v), *o;

    if (r->other == NULL || t == NULL || t->data == NULL)
        return false;
    o = inn_shapes_get(r->other, v);
    return o != NULL && o->data != NULL && t->type == o->type &&
           inn_tensor_same_shape(t, o) &&
           memcmp(t->data, o->data, t->bytes) == 0;
}

static bool is_written(const struct resizing *r, int v)
{
    return r->model->graph->values[v].init != NULL || is_settled(r, v);
}

/*
 * The Concat that joins lists to v for one reader: sizes of which some follow
 * the inputs and some were written out by an exporter. NULL where it is not
 * so, or where the numbers aren't known.
 */
static const struct inn_node *joined_by(const struct resizing *r, int v)
{
    const struct inn_graph *g = r->model->graph;
    const struct inn_tensor *t = inn_shapes_get(r->shapes, v), *part;
    const struct inn_node *n;
    int i;

    if (g->values[v].producer < 0 || r->uses[v] != 1 || t == NULL ||
        t->data == NULL || t->rank != 1 || inn_type_is_float(t->type))
        return NULL;
    n = &g->nodes[g->values[v].producer];
    if (strcmp(n->op_type, "Concat") != 0 || n->domain[0] != '\0')
        return NULL;
    for (i = 0; i < n->n_inputs; i++) {
        part = inn_shapes_get(r->shapes, n->inputs[i]);
        if (part == NULL || part->data == NULL || part->rank != 1)
            return NULL;
    }
    return n;
}

static bool is_const(void *state, int input)
{
    const struct resizing *r = state;
    int v = operand_value(r, inn_in(input, 0));

    return v >= 0 && (is_written(r, v) || joined_by(r, v) != NULL);
}

static enum inn_status drop_attr(void *state, const char *name,
                                 struct inn_error *err)
{
    struct resizing *r = state;
    struct inn_node *n = &r->graph->nodes[r->node];
    int i, kept = 0;

    (void)err;
    for (i = 0; i < n->n_attrs; i++) {
        if (strcmp(n->attrs[i].name, name) != 0)
            n->attrs[kept++] = n->attrs[i];
    }
    n->n_attrs = kept;
    return INN_OK;
}

/* The tensor that values make in the type and rank of old (NULL: i64, 1). */
static enum inn_status make_ints(struct resizing *r, struct inn_tensor *t,
                                 const struct inn_tensor *old,
                                 const int64_t *values, size_t count,
                                 struct inn_error *err)
{
    enum inn_type type = old != NULL ? old->type : INN_I64;
    int rank = old != NULL ? old->rank : 1;
    int64_t dims[INN_MAX_RANK] = {0};
    enum inn_status st;

    if (rank == 1)
        dims[0] = (int64_t)count;
    else if (old != NULL)
        memcpy(dims, old->dims, sizeof(dims));
    st = inn_tensor_new(t, &r->graph->arena, type, rank, dims, err);
    if (st != INN_OK)
        return st;
    if (inn_tensor_count(t) != count || inn_type_is_float(type))
        return inn_node_fail(&r->graph->nodes[r->node], err,
                             INN_ERR_UNSUPPORTED,
                             "%zu sizes don't fit a constant of %zu elements "
                             "of type %s", count, inn_tensor_count(t),
                             inn_type_name(type));
    inn_convert_elements(t->data, type, values, INN_I64, count);
    return INN_OK;
}

/* The graph node reads a new initializer at input. */
static enum inn_status add_input(struct resizing *r, int input,
                                 const char *stem, const struct inn_tensor *t,
                                 struct inn_error *err)
{
    struct inn_graph *g = r->graph;
    struct inn_node *n = &g->nodes[r->node];
    const char *name = inn_graph_fresh_name(g, stem, err);
    struct inn_tensor *init;
    int *inputs, v, i;
    enum inn_status st;

    if (name == NULL)
        return inn_refused(err);
    st = inn_graph_add_value(g, &v, name, err);
    if (st != INN_OK)
        return st;
    init = inn_arena_alloc(&g->arena, 1, sizeof(*init), err);
    if (init == NULL)
        return inn_refused(err);
    *init = *t;
    g->values[v].init = init;
    if (input >= n->n_inputs) {
        inputs = inn_arena_alloc(&g->arena, (size_t)input + 1,
                                 sizeof(*inputs), err);
        if (inputs == NULL)
            return inn_refused(err);
        for (i = 0; i <= input; i++)
            inputs[i] = i < n->n_inputs ? n->inputs[i] : -1;
        n->inputs = inputs;
        n->n_inputs = input + 1;
    }
    n->inputs[input] = v;
    return INN_OK;
}

static bool same_ints(const struct inn_tensor *old, const int64_t *values,
                      size_t count)
{
    size_t i;

    if (old == NULL || old->data == NULL || inn_type_is_float(old->type) ||
        inn_tensor_count(old) != count)
        return false;
    for (i = 0; i < count; i++) {
        if (inn_tensor_int(old, i) != values[i])
            return false;
    }
    return true;
}

/*
 * Values for what a Concat joins: its written parts get theirs, the others
 * follow by themselves.
 */
static enum inn_status set_parts(struct resizing *r,
                                 const struct inn_node *concat,
                                 const int64_t *values, size_t count,
                                 struct inn_error *err)
{
    const struct inn_graph *g = r->model->graph;
    enum inn_status st = INN_OK;
    int node = r->node, i;
    size_t at = 0, n;

    for (i = 0; st == INN_OK && i < concat->n_inputs; i++, at += n) {
        int v = concat->inputs[i];
        const struct inn_tensor *part = inn_shapes_get(r->shapes, v);
        struct inn_tensor t;

        n = inn_tensor_count(part);
        if (n > count - at)
            break;
        if (!is_written(r, v) || same_ints(part, values + at, n))
            continue;
        r->node = (int)(concat - g->nodes);
        st = make_ints(r, &t, part, values + at, n, err);
        if (st == INN_OK)
            st = add_input(r, i, g->values[v].name, &t, err);
        r->node = node;
    }
    return st;
}

static enum inn_status set_input(void *state, int input,
                                 const int64_t *values, size_t count,
                                 struct inn_error *err)
{
    struct resizing *r = state;
    struct inn_graph *g = r->graph;
    const struct inn_node *n = &g->nodes[r->node];
    struct inn_value *value;
    struct inn_tensor t;
    enum inn_status st;
    int v, i;

    if (input < 0 || input >= MAX_INPUT)
        return inn_fail(err, INN_ERR_ARGUMENT, "input %d can't be set",
                        input);
    v = input < n->n_inputs ? n->inputs[input] : -1;
    if (v < 0) {
        st = make_ints(r, &t, NULL, values, count, err);
        return st != INN_OK ? st
                            : add_input(r, input, n->name[0] != '\0'
                                                      ? n->name : n->op_type,
                                        &t, err);
    }
    value = &g->values[v];
    if (v < r->model->graph->n_values && !is_written(r, v)) {
        const struct inn_node *concat = joined_by(r, v);

        if (concat != NULL)
            return set_parts(r, concat, values, count, err);
    }
    if (value->init == NULL || v >= r->model->graph->n_values) {
        /* Computed, or set before: what was inferred is what it held. */
        const struct inn_tensor *old = value->init != NULL
                                           ? value->init
                                           : inn_shapes_get(r->shapes, v);

        if (same_ints(old, values, count))
            return INN_OK;
        st = make_ints(r, &t, old, values, count, err);
        return st != INN_OK ? st : add_input(r, input, value->name, &t, err);
    }
    if (same_ints(value->init, values, count))
        return INN_OK;
    st = make_ints(r, &t, value->init, values, count, err);
    if (st != INN_OK)
        return st;
    if (r->uses[v] > 1) {
        r->uses[v]--;
        return add_input(r, input, value->name, &t, err);
    }
    *value->init = t;
    for (i = 0; value->declared && i < t.rank && i < value->rank; i++) {
        if (value->dims[i].size >= 0)
            value->dims[i].size = t.dims[i];
    }
    return INN_OK;
}

static const struct inn_resizer resizer = {
    .length = length,
    .edge = edge,
    .remap = remap,
    .varies = varies,
    .set_ints = set_ints,
    .set_int = set_int,
    .is_const = is_const,
    .set_input = set_input,
    .drop_attr = drop_attr,
};

/* Whether a value has an axis of a group. */
static bool has_axis(const struct inn_model *model, int value)
{
    int low = 0, high = model->n_axes;

    while (low < high) {
        int middle = low + (high - low) / 2;

        if (model->axes[middle].value < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low < model->n_axes && model->axes[low].value == value;
}

/* Tells one graph node's row, if any of its operands has channels. */
static enum inn_status resize_node(struct resizing *r,
                                   struct inn_arena *scratch,
                                   struct inn_error *err)
{
    const struct inn_node *n = &r->model->graph->nodes[r->node];
    const struct inn_op *op = inn_node_op(n);
    const struct inn_tensor **in, **out;
    struct inn_resize c;
    bool any = false;
    int i;

    if (op == NULL || op->resize == NULL)
        return INN_OK;
    in = inn_arena_alloc(scratch, (size_t)n->n_inputs + 1, sizeof(*in), err);
    out = inn_arena_alloc(scratch, (size_t)n->n_outputs + 1, sizeof(*out),
                          err);
    if (in == NULL || out == NULL)
        return inn_refused(err);
    for (i = 0; i < n->n_inputs; i++) {
        in[i] = inn_shapes_get(r->shapes, n->inputs[i]);
        any = any || (n->inputs[i] >= 0 && has_axis(r->model, n->inputs[i]));
    }
    for (i = 0; i < n->n_outputs; i++) {
        out[i] = inn_shapes_get(r->shapes, n->outputs[i]);
        any = any ||
              (n->outputs[i] >= 0 && has_axis(r->model, n->outputs[i]));
    }
    /* Rows look at their first input; of some files no shape can be told. */
    if (!any || n->n_inputs == 0 || in[0] == NULL)
        return INN_OK;
    c.node = n;
    c.in = in;
    c.out = out;
    c.n_in = n->n_inputs;
    c.n_out = n->n_outputs;
    c.to = &resizer;
    c.state = r;
    c.scratch = scratch;
    c.err = err;
    return op->resize(&c);
}

static enum inn_status resize_nodes(struct resizing *r, struct inn_error *err)
{
    enum inn_status st = INN_OK;
    struct inn_arena scratch;
    int i;

    for (i = 0; st == INN_OK && i < r->model->graph->n_nodes; i++) {
        inn_arena_init(&scratch, r->model->heap);
        r->node = i;
        st = resize_node(r, &scratch, err);
        inn_arena_free(&scratch);
    }
    return st;
}

/* The initializer on this axis gets its new length and loses its data. */
static enum inn_status resize_init(struct inn_value *v, int axis,
                                   int64_t now, struct inn_error *err)
{
    struct inn_tensor *t = v->init;
    int64_t dims[INN_MAX_RANK];

    if (t->dims[axis] == now)
        return INN_OK;
    if (!inn_type_is_float(t->type))
        return inn_fail(err, INN_ERR_UNSUPPORTED,
                        "initializer '%s' of type %s has %" PRId64
                        " channels on axis %d and can't get %" PRId64,
                        v->name, inn_type_name(t->type), t->dims[axis], axis,
                        now);
    memcpy(dims, t->dims, sizeof(dims));
    dims[axis] = now;
    return inn_tensor_init(t, t->type, t->rank, dims, err);
}

static enum inn_status resize_axes(struct resizing *r, struct inn_error *err)
{
    const struct inn_model *model = r->model;
    enum inn_status st = INN_OK;
    int i;

    for (i = 0; st == INN_OK && i < model->n_axes; i++) {
        const struct inn_axis *axis = &model->axes[i];
        struct inn_value *v = &r->graph->values[axis->value];
        int64_t now = inn_axis_length(model, axis, r->widths);

        if (v->init != NULL)
            st = resize_init(v, axis->axis, now, err);
        if (v->declared && axis->axis < v->rank &&
            v->dims[axis->axis].size >= 0)
            v->dims[axis->axis].size = now;
    }
    return st;
}

/* Axes lie where the network has them, as long as their spans say. */
static enum inn_status check_axes(const struct resizing *r,
                                  struct inn_error *err)
{
    const struct inn_model *model = r->model;
    const struct inn_tensor *t;
    int64_t *sizes, size;
    enum inn_status st = INN_OK;
    int i, rank;

    sizes = inn_alloc(model->heap, (size_t)model->n_groups, sizeof(*sizes),
                      err);
    if (sizes == NULL)
        return inn_refused(err);
    for (i = 0; i < model->n_groups; i++)
        sizes[i] = model->groups[i].size;
    for (i = 0; st == INN_OK && i < model->n_axes; i++) {
        const struct inn_axis *axis = &model->axes[i];

        t = model->graph->values[axis->value].init;
        if (t == NULL)
            t = inn_shapes_get(r->shapes, axis->value);
        if (t == NULL)
            continue;
        rank = t->rank;
        size = axis->axis >= 0 && axis->axis < rank ? t->dims[axis->axis]
                                                    : -1;
        if (size != inn_axis_length(model, axis, sizes))
            st = inn_fail(err, INN_ERR_FORMAT,
                          "'%s': axis %d of %d is %" PRId64 " long, its "
                          "groups %" PRId64,
                          model->graph->values[axis->value].name, axis->axis,
                          rank, size, inn_axis_length(model, axis, sizes));
    }
    inn_free(model->heap, sizes);
    return st;
}

/* A weight's grid, one node per element, as the initializer's type has it. */
static enum inn_status load_small(struct inn_tensor *t,
                                  const struct inn_model *model, int w,
                                  struct inn_arena *arena,
                                  struct inn_error *err)
{
    const struct inn_tensor *grid = &model->weights[w].grid;
    char stored[SMALL_BYTES];
    enum inn_status st = INN_OK;

    if (grid->data != NULL)
        memcpy(stored, grid->data, grid->bytes);
    else
        st = model->source.load(model->source.state, w, stored, err);
    if (st != INN_OK)
        return st;
    t->data = inn_arena_alloc(arena, t->bytes, 1, err);
    if (t->data == NULL)
        return inn_refused(err);
    if (t->type == grid->type)
        memcpy(t->data, stored, t->bytes);
    else
        inn_convert_elements(t->data, t->type, stored, grid->type,
                             inn_tensor_count(t));
    return INN_OK;
}

/*
 * Weights go without data, but for the few floats that no group touches and
 * shapes may hang on: those come from their grids.
 */
static enum inn_status strip_weights(struct inn_graph *g,
                                     const struct inn_model *model,
                                     struct inn_error *err)
{
    enum inn_status st = INN_OK;
    int w;

    for (w = 0; st == INN_OK && w < model->n_weights; w++) {
        const struct inn_weight *weight = &model->weights[w];
        struct inn_tensor *t = g->values[weight->value].init;
        const struct inn_tensor *grid = &weight->grid;

        t->data = NULL;
        if (has_axis(model, weight->value) || t->bytes > SMALL_BYTES ||
            grid->bytes > SMALL_BYTES ||
            inn_tensor_count(grid) != inn_tensor_count(t) ||
            !inn_type_is_float(grid->type) || !inn_type_is_float(t->type) ||
            (grid->data == NULL && model->source.load == NULL))
            continue;
        st = load_small(t, model, w, &g->arena, err);
    }
    return st;
}

enum inn_status inn_model_outline(struct inn_graph **graph,
                                  const struct inn_model *model,
                                  struct inn_error *err)
{
    enum inn_status st = inn_graph_copy(graph, model->graph, err);

    if (st == INN_OK)
        st = strip_weights(*graph, model, err);
    if (st != INN_OK) {
        inn_graph_free(*graph);
        *graph = NULL;
    }
    return st;
}

/* Twice the size, or half: of 1, which has none, twice. */
static int64_t other_size(int64_t size, bool half)
{
    if (half && size > 1)
        return size / 2;
    return size > INT64_MAX / 2 ? size : 2 * size;
}

/* The graph's inputs with other sizes wherever the file leaves them open. */
static size_t other_sizes(struct inn_binding *bindings,
                          const struct inn_graph *g,
                          const struct inn_shapes *shapes, bool half)
{
    size_t n = 0;
    int i, k;

    for (i = 0; i < g->n_inputs; i++) {
        const struct inn_value *v = &g->values[g->inputs[i]];
        const struct inn_tensor *t = inn_shapes_get(shapes, g->inputs[i]);

        if (t == NULL || !v->declared || v->rank != t->rank)
            continue;
        bindings[n].name = v->name;
        bindings[n].rank = t->rank;
        for (k = 0; k < t->rank; k++)
            bindings[n].dims[k] = v->dims[k].size >= 0
                                      ? t->dims[k]
                                      : other_size(t->dims[k], half);
        n++;
    }
    return n;
}

/*
 * The shapes where every size that the network leaves open is twice as large,
 * or, where it can't be that large, half. *there is false where neither can
 * be: nothing is settled then, which is safe.
 */
static enum inn_status infer_others(struct inn_shapes *other, bool *there,
                                    const struct inn_graph *g,
                                    const struct inn_shapes *shapes,
                                    struct inn_heap *heap,
                                    struct inn_error *err)
{
    struct inn_binding *bindings;
    struct inn_error local = {INN_OK, ""};
    enum inn_status st = INN_OK;
    size_t n;
    int half;

    *there = false;
    bindings = inn_alloc(heap, (size_t)g->n_inputs, sizeof(*bindings), err);
    if (bindings == NULL)
        return inn_refused(err);
    for (half = 0; half < 2 && !*there; half++) {
        inn_shapes_free(other);
        n = other_sizes(bindings, g, shapes, half == 1);
        st = inn_shapes_infer(other, g, bindings, n, INN_DEFAULT_SPATIAL,
                              FOLD_BYTES, &local);
        *there = st == INN_OK;
        if (st == INN_ERR_MEMORY || st == INN_ERR_LIMIT)
            break;
    }
    inn_free(heap, bindings);
    if (st == INN_ERR_MEMORY || st == INN_ERR_LIMIT)
        return inn_fail(err, st, "%s", local.message);
    return INN_OK;
}

enum inn_status inn_model_resize(struct inn_graph **graph,
                                 const struct inn_model *model,
                                 const int64_t *widths,
                                 struct inn_error *err)
{
    struct inn_graph *g = NULL;
    struct inn_shapes shapes = {.known = NULL}, other = {.known = NULL};
    struct resizing r = {model, widths, &shapes, NULL, NULL, 0, NULL};
    bool there = false;
    enum inn_status st;

    *graph = NULL;
    st = inn_check_widths(model, widths, err);
    if (st != INN_OK)
        return st;
    st = inn_model_outline(&g, model, err);
    if (st == INN_OK)
        st = inn_shapes_infer(&shapes, g, model->bindings,
                              (size_t)model->n_bindings, INN_DEFAULT_SPATIAL,
                              FOLD_BYTES, err);
    if (st == INN_OK)
        st = check_axes(&r, err);
    if (st == INN_OK)
        st = infer_others(&other, &there, g, &shapes, model->heap, err);
    if (st != INN_OK)
        goto out;
    r.other = there ? &other : NULL;
    r.graph = g;
    r.uses = inn_alloc(model->heap, (size_t)g->n_values, sizeof(*r.uses),
                       err);
    if (r.uses == NULL) {
        st = inn_refused(err);
        goto out;
    }
    st = inn_graph_count_uses(g, r.uses);
    if (st == INN_OK)
        st = resize_nodes(&r, err);
    if (st == INN_OK)
        st = resize_axes(&r, err);
    if (st != INN_OK)
        goto out;
    *graph = g;
    g = NULL;
out:
    inn_free(model->heap, r.uses);
    inn_shapes_free(&other);
    inn_shapes_free(&shapes);
    inn_graph_free(g);
    return st;
}
