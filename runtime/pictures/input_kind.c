/* Kinds of inputs, told by shapes, readers and names. */
#include "runtime/pictures/input_kind.h"

#include <string.h>

#include "runtime/base/port.h"

/* Sides from which on two axes are a plane. */
#define PLANE_LEAST 4
/*
 * Graph nodes that may lie between token numbers and their table, and values
 * that are looked at on the way: each takes a pass over the graph.
 */
#define HOPS 4
#define VISITS 64
/* Where no table is found. */
#define IDS 2

static bool is_called(const struct inn_node *node, const char *type)
{
    return node->domain[0] == '\0' && strcmp(node->op_type, type) == 0;
}

/* Rows of the table that v, perhaps reshaped, is looked up in; or 0. */
static int64_t table_rows(const struct inn_graph *g, int v, int hops,
                          int *visits)
{
    static const char *const through[] = {"Cast", "Clip", "Expand",
                                          "Flatten", "Identity", "Reshape",
                                          "Slice", "Squeeze", "Tile",
                                          "Transpose", "Unsqueeze"};
    int64_t least = 0, rows;
    size_t i;
    int k;

    if (--*visits < 0)
        return 0;
    for (k = 0; k < g->n_nodes; k++) {
        const struct inn_node *node = &g->nodes[k];

        rows = 0;
        if (is_called(node, "Gather") && node->n_inputs == 2 &&
            node->inputs[1] == v && node->inputs[0] >= 0) {
            const struct inn_tensor *t = g->values[node->inputs[0]].init;
            int64_t axis = inn_node_int(node, "axis", 0);

            if (t != NULL && axis < 0)
                axis += t->rank;
            if (t != NULL && axis >= 0 && axis < t->rank)
                rows = t->dims[axis];
        }
        for (i = 0; i < INN_COUNT(through) && hops > 0; i++) {
            if (is_called(node, through[i]) && node->n_inputs > 0 &&
                node->inputs[0] == v && node->n_outputs > 0 &&
                node->outputs[0] >= 0)
                rows = table_rows(g, node->outputs[0], hops - 1,
                                  visits);
        }
        if (rows > 0 && (least == 0 || rows < least))
            least = rows;
    }
    return least;
}

/* Whether a convolution or normalisation reads v: axis 1 has its channels. */
static bool has_channels_first(const struct inn_graph *g, int v)
{
    static const char *const types[] = {"Conv", "ConvTranspose",
                                        "BatchNormalization",
                                        "InstanceNormalization"};
    size_t i;
    int k;

    for (k = 0; k < g->n_nodes; k++) {
        for (i = 0; i < INN_COUNT(types); i++) {
            if (g->nodes[k].n_inputs > 0 && g->nodes[k].inputs[0] == v &&
                is_called(&g->nodes[k], types[i]))
                return true;
        }
    }
    return false;
}

static bool is_colour(int64_t channels)
{
    return channels == 1 || channels == 3;
}

static bool is_plane(const int64_t *dims)
{
    return dims[0] >= PLANE_LEAST && dims[1] >= PLANE_LEAST;
}

static void plan_noise(struct inn_drawn_input *plan, bool channels_first,
                       const struct inn_tensor *shape)
{
    int i;

    plan->kind = INN_DRAWN_NOISE;
    plan->channel_axis = shape->rank < 2 ? -1
                         : shape->rank == 3 && !channels_first ? 2 : 1;
    plan->channels = plan->channel_axis < 0
                         ? 1 : shape->dims[plan->channel_axis];
    for (i = 1; i < shape->rank; i++)
        plan->along[i] = i != plan->channel_axis;
}

void inn_plan_input(struct inn_drawn_input *plan,
                    const struct inn_graph *graph,
                    const struct inn_input_prep *prep, int v,
                    const struct inn_tensor *shape)
{
    const int64_t *dims = shape->dims;
    int visits = VISITS;
    bool first = has_channels_first(graph, v);
    bool numbers = inn_type_is_float(shape->type) || shape->type == INN_U8;

    memset(plan, 0, sizeof(*plan));
    plan->channel_axis = -1;
    plan->channels = 1;
    if (shape->rank == 4 && numbers) {
        plan->kind = INN_DRAWN_PICTURE;
        plan->channels_last = is_plane(dims + 1) &&
                              (prep->nhwc || (is_colour(dims[3]) && !first &&
                                              !is_colour(dims[1])));
        plan->channels = dims[plan->channels_last ? 3 : 1];
        plan->bgr = prep->bgr && plan->channels == 3;
        if (plan->channels_last || is_plane(dims + 2))
            return;
    }
    /* What hides padding hides none, in whatever type. */
    if (inn_type_is_float(shape->type) && shape->rank < 4 &&
        strstr(graph->values[v].name, "attention_mask") != NULL) {
        plan->kind = INN_DRAWN_ONES;
    } else if (inn_type_is_float(shape->type)) {
        plan_noise(plan, first, shape);
    } else if (shape->type == INN_BOOL ||
               strstr(graph->values[v].name, "mask") != NULL) {
        plan->kind = INN_DRAWN_ONES;
    } else {
        plan->kind = INN_DRAWN_IDS;
        plan->limit = table_rows(graph, v, HOPS, &visits);
        if (plan->limit == 0)
            plan->limit = IDS;
    }
}
