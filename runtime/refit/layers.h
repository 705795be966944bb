/*
 * What a refit goes through: the linear layers of a cut network, what each
 * is to give, and the order in which they are reached.
 */
#ifndef INN_REFIT_LAYERS_H
#define INN_REFIT_LAYERS_H

#include "runtime/grid/model.h"
#include "runtime/refit/linear.h"
#include "runtime/refit/path.h"

/*
 * aim is what the full network gives here: the layer's own output, or the
 * sum that it enters alone, so that a block mends what those before it left.
 * The function behind the aim is flat below low and above high: a target
 * there is met by whatever lies there.
 */
struct inn_refit_layer {
    struct inn_linear linear;
    struct inn_path path; /* from its output to the aim, or to the sum */
    int aim;      /* value */
    int shortcut; /* value that is added on the way to the aim; or -1 */
    float low, high;
};

/* A graph node that sums a weight, and why it can't be refitted. */
struct inn_refit_left {
    int node;
    const char *why;
};

struct inn_refit_layers {
    struct inn_refit_layer *layer; /* [n] in the graph's order */
    int n;
    int *of_node; /* [n_nodes] index of a node's layer, or -1 */
    int *order;   /* [n_nodes] graph nodes, shortcuts before their layers */
    struct inn_refit_left *left; /* [n_left] in the graph's order */
    int n_left;
};

/*
 * Of graph at the shapes of one sample. Memory from arena. Layers that read
 * an input of the graph are left out: they are exact already. model says
 * which weights of other graph nodes are summed over a group's channels.
 */
enum inn_status inn_refit_find(struct inn_refit_layers *layers,
                               const struct inn_graph *graph,
                               const struct inn_shapes *shapes,
                               const struct inn_model *model,
                               struct inn_arena *arena,
                               struct inn_error *err);

#endif
