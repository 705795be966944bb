/*
 * What operator rows share beyond args.h: arity, element types, elements of
 * any numeric type as doubles, and running a kernel on other floats than f32.
 */
#ifndef INN_OPS_COMMON_H
#define INN_OPS_COMMON_H

#include "runtime/base/error.h"
#include "runtime/ops/args.h"

/*
 * A constant that takes more multiply-accumulates than this is left to
 * whoever runs the network: a few bytes of a hostile file can ask for a
 * product of two huge constants.
 */
#define INN_FOLD_MACS ((int64_t)1 << 32)
/* Bytes that a graph node may make of nothing, and of its inputs' bytes. */
#define INN_FOLD_FREE ((size_t)16 << 20)
#define INN_FOLD_GROWTH 8

/*
 * INN_ERR_FORMAT unless the graph node has need_in to max_in inputs, the
 * first need_in of them there, and 1 to max_out outputs. A maximum of -1 is
 * open.
 */
enum inn_status inn_infer_arity(const struct inn_infer *c, int need_in,
                                int max_in, int max_out);

/* INN_ERR_FORMAT unless input i is absent or has the type of input 0. */
enum inn_status inn_infer_same_type(const struct inn_infer *c, int i);

/*
 * Fails with "Conv 'name': …": as inn_args_fail, for those who have only the
 * graph node.
 */
enum inn_status inn_node_fail(const struct inn_node *node,
                              struct inn_error *err, enum inn_status status,
                              const char *format, ...) INN_PRINTF(4, 5);

/* The product of dims first to last − 1 of a tensor; 0 if any of them is. */
size_t inn_dims_product(const int64_t *dims, int first, int last);

/*
 * Element i of a numeric tensor's data as a double (exact but for 64-bit
 * integers beyond 2^53), and stored from one: rounded to nearest, saturated.
 */
double inn_element_get(enum inn_type type, const void *data, size_t i);
void inn_element_set(enum inn_type type, void *data, size_t i, double value);

/*
 * Runs op's reference kernel on tensors of any type it can take: for a row of
 * type INN_OP_FLOAT f16, bf16 and f64 are converted to f32 and back, with
 * memory from scratch. INN_ERR_UNSUPPORTED: no kernel, or other types.
 */
enum inn_status inn_op_run(const struct inn_op *op, struct inn_run *c,
                           struct inn_arena *scratch);

/* Inputs of BatchNormalization. */
enum { INN_BN_SCALE = 1, INN_BN_SHIFT, INN_BN_MEAN, INN_BN_VARIANCE };

/* Whether node is a BatchNormalization with statistics per channel. */
bool inn_is_batchnorm(const struct inn_node *node);

/*
 * Whether normalising by the batch at hand gives what its readers were
 * trained on: in training mode, which does so itself, or if the stored
 * variance was measured. Placeholders are the same number for all channels.
 * node is a BatchNormalization.
 */
bool inn_has_statistics(const struct inn_graph *graph,
                        const struct inn_node *node);

/*
 * Whether a BatchNormalization normalises by the statistics of what it is
 * given, whatever is stored: training_mode, before opset 14 more than one
 * output, before opset 7 is_test = 0.
 */
bool inn_batchnorm_trains(const struct inn_node *node);

#endif
