/* Paths are walked with a list of which element of y lies where. */
#include "runtime/refit/path.h"

#include <math.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/exec/exec.h"
#include "runtime/ops/common.h"

/* Of the largest gain. */
#define LEAST_GAIN 1e-3f

enum step {
    STEP_NONE,
    STEP_KEEP, /* the same elements in the same order */
    STEP_TURN, /* Transpose */
    STEP_SCALE /* a y + b with constants */
};

static bool is_op(const struct inn_node *node, const char *type)
{
    return node->domain[0] == '\0' && strcmp(node->op_type, type) == 0;
}

static const struct inn_tensor *constant(const struct inn_graph *graph,
                                         const struct inn_shapes *shapes,
                                         int v)
{
    const struct inn_tensor *t = v >= 0 ? inn_constant(graph, shapes, v)
                                        : NULL;

    return t != NULL && t->data != NULL && inn_type_is_float(t->type) ? t
                                                                      : NULL;
}

/* The operand of an elementwise graph node that isn't v; -1: both are. */
static int other_input(const struct inn_node *node, int v)
{
    int other = node->inputs[node->inputs[0] == v ? 1 : 0];

    return other != v ? other : -1;
}

static bool scales(const struct inn_graph *graph,
                   const struct inn_shapes *shapes,
                   const struct inn_node *node, int v)
{
    int i;

    if (is_op(node, "BatchNormalization")) {
        for (i = 1; i < 5 && i < node->n_inputs; i++) {
            if (constant(graph, shapes, node->inputs[i]) == NULL)
                return false;
        }
        return i == 5 && node->inputs[0] == v && !inn_batchnorm_trains(node);
    }
    return (is_op(node, "Add") || is_op(node, "Sub") || is_op(node, "Mul") ||
            (is_op(node, "Div") && node->inputs[0] == v)) &&
           node->n_inputs == 2 &&
           constant(graph, shapes, other_input(node, v)) != NULL;
}

static enum step classify(const struct inn_graph *graph,
                          const struct inn_shapes *shapes,
                          const struct inn_node *node, int v)
{
    const struct inn_tensor *in = inn_shapes_get(shapes, v), *out;

    if (node->n_inputs < 1 || node->n_outputs < 1)
        return STEP_NONE;
    out = inn_shapes_get(shapes, node->outputs[0]);
    if (in == NULL || out == NULL || in->type != out->type ||
        inn_tensor_count(in) != inn_tensor_count(out) ||
        inn_constant(graph, shapes, node->outputs[0]) != NULL)
        return STEP_NONE;
    if (scales(graph, shapes, node, v))
        return inn_tensor_same_shape(in, out) ? STEP_SCALE : STEP_NONE;
    if (node->inputs[0] != v)
        return STEP_NONE;
    if (is_op(node, "Transpose"))
        return STEP_TURN;
    if (is_op(node, "Dropout")) /* with a third input it may train */
        return node->n_inputs < 3 ? STEP_KEEP : STEP_NONE;
    return is_op(node, "Identity") || is_op(node, "Reshape") ||
                   is_op(node, "Flatten") || is_op(node, "Squeeze") ||
                   is_op(node, "Unsqueeze")
               ? STEP_KEEP : STEP_NONE;
}

bool inn_path_extend(struct inn_path *path, const struct inn_graph *graph,
                     const struct inn_shapes *shapes, int k, int v)
{
    enum step step = classify(graph, shapes, &graph->nodes[k], v);

    if (step == STEP_NONE || path->n == INN_PATH_MOST)
        return false;
    path->node[path->n++] = k;
    path->moves = path->moves || step == STEP_TURN;
    path->scales = path->scales || step == STEP_SCALE;
    return true;
}

/* order[i]: which element of y lies at i. */
struct walk {
    struct inn_trace *trace;
    const struct inn_graph *graph;
    const struct inn_shapes *shapes;
    uint32_t *order, *spare; /* NULL where nothing moves */
    size_t count;
};

static void turn(struct walk *w, const struct inn_node *node)
{
    const struct inn_tensor *in = inn_shapes_get(w->shapes, node->inputs[0]);
    int64_t step[INN_MAX_RANK], index[INN_MAX_RANK] = {0};
    const int64_t *perm;
    int from[INN_MAX_RANK], a;
    size_t n, i, at = 0;
    uint32_t *swap;

    perm = inn_node_ints(node, "perm", &n);
    for (a = 0; a < in->rank; a++)
        from[a] = perm != NULL && n == (size_t)in->rank ? (int)perm[a]
                                                        : in->rank - 1 - a;
    for (a = 0; a < in->rank; a++)
        step[a] = (int64_t)inn_dims_product(in->dims, from[a] + 1, in->rank);
    for (i = 0; i < w->count; i++) {
        w->spare[i] = w->order[at];
        for (a = in->rank - 1; a >= 0; a--) {
            at += (size_t)step[a];
            if (++index[a] < in->dims[from[a]])
                break;
            at -= (size_t)(step[a] * index[a]);
            index[a] = 0;
        }
    }
    swap = w->order;
    w->order = w->spare;
    w->spare = swap;
}

/* Steps of a constant against dims, stretched where it is 1 long. */
static void stretch(int64_t step[INN_MAX_RANK], const struct inn_tensor *t,
                    int rank)
{
    int a, own;

    for (a = 0; a < rank; a++) {
        own = a - (rank - t->rank);
        step[a] = own >= 0 && t->dims[own] > 1
                      ? (int64_t)inn_dims_product(t->dims, own + 1, t->rank)
                      : 0;
    }
}

static double element(const struct inn_tensor *t, int64_t i)
{
    return inn_element_get(t->type, t->data, (size_t)i);
}

/* a and b at element i of the constants. */
static void factors(const struct walk *w, const struct inn_node *node, int v,
                    int64_t i, double *a, double *b)
{
    const struct inn_tensor *c[5] = {NULL};
    double value;
    int k;

    *a = 1.0;
    *b = 0.0;
    if (is_op(node, "BatchNormalization")) {
        for (k = 1; k < 5; k++)
            c[k] = constant(w->graph, w->shapes, node->inputs[k]);
        *a = element(c[1], i) /
             sqrt(element(c[4], i) +
                  (double)inn_node_float(node, "epsilon", 1e-5f));
        *b = element(c[2], i) - element(c[3], i) * *a;
        return;
    }
    value = element(constant(w->graph, w->shapes, other_input(node, v)), i);
    if (is_op(node, "Add") || is_op(node, "Sub"))
        *b = value;
    else
        *a = is_op(node, "Mul") ? value : 1.0 / value;
    if (is_op(node, "Sub") && node->inputs[0] == v)
        *b = -value;
    else if (is_op(node, "Sub"))
        *a = -1.0;
}

static void scale(struct walk *w, const struct inn_node *node, int v)
{
    const struct inn_tensor *in = inn_shapes_get(w->shapes, v);
    int64_t step[INN_MAX_RANK] = {0}, index[INN_MAX_RANK] = {0}, at = 0;
    struct inn_trace *t = w->trace;
    double a, b;
    size_t i;
    int k;

    if (is_op(node, "BatchNormalization"))
        step[1] = 1;
    else
        stretch(step, constant(w->graph, w->shapes, other_input(node, v)),
                in->rank);
    for (i = 0; i < w->count; i++) {
        size_t e = w->order != NULL ? w->order[i] : i;

        factors(w, node, v, at, &a, &b);
        t->gain[e] = (float)((double)t->gain[e] * a);
        t->offset[e] = (float)((double)t->offset[e] * a + b);
        for (k = in->rank - 1; k >= 0; k--) {
            at += step[k];
            if (++index[k] < in->dims[k])
                break;
            at -= step[k] * index[k];
            index[k] = 0;
        }
    }
}

static enum inn_status make_lists(struct walk *w, const struct inn_path *path,
                                  struct inn_error *err)
{
    struct inn_heap *heap = w->graph->heap;
    struct inn_trace *t = w->trace;
    size_t i;

    if (w->count > UINT32_MAX)
        return inn_fail(err, INN_ERR_LIMIT, "a layer gives %zu elements",
                        w->count);
    if (path->scales) {
        t->gain = inn_alloc_raw(heap, w->count, sizeof(*t->gain), err);
        t->offset = inn_alloc(heap, w->count, sizeof(*t->offset), err);
        if (t->gain == NULL || t->offset == NULL)
            return inn_refused(err);
        for (i = 0; i < w->count; i++)
            t->gain[i] = 1.0f;
    }
    if (path->moves) {
        t->at = inn_alloc_raw(heap, w->count, sizeof(*t->at), err);
        w->order = inn_alloc_raw(heap, w->count, sizeof(*w->order), err);
        w->spare = inn_alloc_raw(heap, w->count, sizeof(*w->spare), err);
        if (t->at == NULL || w->order == NULL || w->spare == NULL)
            return inn_refused(err);
        for (i = 0; i < w->count; i++)
            w->order[i] = (uint32_t)i;
    }
    return INN_OK;
}

static void follow(struct walk *w, const struct inn_path *path, int except,
                   int y)
{
    struct inn_trace *t = w->trace;
    size_t i;
    int k;

    for (k = 0; k < path->n; k++) {
        const struct inn_node *node = &w->graph->nodes[path->node[k]];
        enum step step = classify(w->graph, w->shapes, node, y);

        if (step == STEP_TURN)
            turn(w, node);
        else if (step == STEP_SCALE && t->gain != NULL &&
                 path->node[k] != except)
            scale(w, node, y);
        y = node->outputs[0];
    }
    for (i = 0; t->at != NULL && i < w->count; i++)
        t->at[w->order[i]] = (uint32_t)i;
    for (i = 0; t->gain != NULL && i < w->count; i++)
        t->least = fmaxf(t->least, fabsf(t->gain[i]) * LEAST_GAIN);
}

enum inn_status inn_trace_new(struct inn_trace *trace,
                              const struct inn_path *path, int except,
                              const struct inn_graph *graph,
                              const struct inn_shapes *shapes, int y,
                              struct inn_error *err)
{
    struct walk w = {.trace = trace, .graph = graph, .shapes = shapes};
    enum inn_status st = INN_OK;

    memset(trace, 0, sizeof(*trace));
    if (!path->moves && !path->scales)
        return INN_OK;
    w.count = inn_tensor_count(inn_shapes_get(shapes, y));
    st = make_lists(&w, path, err);
    if (st == INN_OK)
        follow(&w, path, except, y);
    inn_free(graph->heap, w.order);
    inn_free(graph->heap, w.spare);
    return st;
}

void inn_trace_free(struct inn_trace *trace, struct inn_heap *heap)
{
    inn_free(heap, trace->at);
    inn_free(heap, trace->gain);
    inn_free(heap, trace->offset);
    memset(trace, 0, sizeof(*trace));
}
