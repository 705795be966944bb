/*
 * What several commands say in the same words: sizes before and after, the
 * inputs and outputs of a network.
 */
#ifndef INN_TOOLS_REPORT_H
#define INN_TOOLS_REPORT_H

#include "runtime/cli/cli.h"
#include "runtime/cli/json.h"
#include "runtime/cli/table.h"
#include "runtime/tools/network.h"

/* A network's size; bytes are those of its weights as f32. */
struct inn_size {
    int operators;
    struct inn_cost cost;
};

/* Operators, parameters, MACs, bytes: before, after, and the share. */
enum inn_status inn_report_sizes(struct inn_arena *arena,
                                 const struct inn_size *before,
                                 const struct inn_size *after,
                                 struct inn_error *err);

/*
 * What multiplies and is not in the MACs of net: "2 LSTM, 10 Conv of unknown
 * size", "" where all is counted. In the arena; NULL: no memory, or err says.
 */
const char *inn_uncounted_text(const struct inn_network *net,
                               struct inn_arena *arena,
                               struct inn_error *err);

/* [{"operator", "domain", "count", "reason"}] under "macs_uncounted". */
enum inn_status inn_json_uncounted(struct inn_json *json,
                                   const struct inn_network *net,
                                   struct inn_arena *arena,
                                   struct inn_error *err);

/* {"x": [1, 3, 224, 224]} under "sizes", and whether some are guessed. */
void inn_json_sizes(struct inn_json *json, const struct inn_network *net);

/* {"name", "type", "shape": [1, "N", null]} for each of n values. */
void inn_json_values(struct inn_json *json, cJSON *in, const char *name,
                     const struct inn_graph *graph, const int *which, int n);

/* The version of ONNX's own operators that the graph is written in; or 0. */
int64_t inn_graph_opset(const struct inn_graph *graph);

#endif
