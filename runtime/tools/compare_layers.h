/* inn compare --per-layer: the values inside two networks, by their names. */
#ifndef INN_TOOLS_COMPARE_LAYERS_H
#define INN_TOOLS_COMPARE_LAYERS_H

#include "runtime/cli/json.h"
#include "runtime/cli/table.h"
#include "runtime/exec/session.h"
#include "runtime/tools/difference.h"

/* A value that both networks make. */
struct inn_layer {
    const char *name, *op;      /* borrowed from A's graph */
    struct inn_tensor a, b;     /* borrowed from the sessions */
    struct inn_difference diff; /* other shapes: it counts for nothing */
};

struct inn_layers {
    struct inn_layer *items; /* in the order A makes them; in an arena */
    int n;
    int alone; /* values of A that B has not */
    int other; /* of items: of another shape in B */
    /* The first of items that differs, or -1. */
    int first;
};

/*
 * Compares what the graph nodes of A make with what is called so in B: the
 * values of b, or where that is NULL n_stored tensors of these names.
 * Sessions must have run with keep_all.
 */
enum inn_status inn_layers_compare(struct inn_layers *layers,
                                   const struct inn_graph *graph,
                                   const struct inn_session *a,
                                   const struct inn_session *b,
                                   const char *const *stored_names,
                                   const struct inn_tensor *stored,
                                   size_t n_stored, double atol, double rtol,
                                   struct inn_arena *arena,
                                   struct inn_error *err);

enum inn_status inn_layers_print(const struct inn_layers *layers,
                                 struct inn_arena *arena,
                                 struct inn_error *err);
void inn_layers_json(struct inn_json *json, cJSON *in,
                     const struct inn_layers *layers);

#endif
