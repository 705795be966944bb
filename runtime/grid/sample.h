/*
 * Sampling: from the integral network to an ordinary graph.
 */
#ifndef INN_GRID_SAMPLE_H
#define INN_GRID_SAMPLE_H

#include "runtime/grid/plan.h"

/*
 * The network at the plan's widths: own; inn_graph_free. Weights are copied
 * in, so model may be freed before it. A group at full width keeps the
 * network's own channel order and its stored bits (f32 store, M = N).
 */
enum inn_status inn_model_sample(struct inn_graph **graph,
                                 const struct inn_model *model,
                                 const struct inn_plan *plan, int threads,
                                 struct inn_error *err);

/*
 * The model's graph at full width for whoever infers shapes: a copy (own)
 * without data but for constants, the short floats among the weights too: a
 * Resize has its factors in such. Values and graph nodes keep their numbers.
 */
enum inn_status inn_model_outline(struct inn_graph **graph,
                                  const struct inn_model *model,
                                  struct inn_error *err);

/*
 * The graph at these widths without data: shapes, attributes and constants
 * rewritten. What sampling, costs and the converter's own check use.
 */
enum inn_status inn_model_resize(struct inn_graph **graph,
                                 const struct inn_model *model,
                                 const int64_t *widths,
                                 struct inn_error *err);

#endif
