/*
 * ONNX files to graphs and back. Reading takes hostile bytes: nesting and
 * lengths are scanned before protobuf-c sees them, and its memory is ours.
 */
#ifndef INN_GRAPH_ONNX_H
#define INN_GRAPH_ONNX_H

#include "runtime/base/write.h"
#include "runtime/graph/graph.h"

struct inn_onnx_options {
    /* Where external data may lie besides the model's own folder; or NULL. */
    const char *external_dir;
};

/*
 * Reads path: IR versions 3 to 14, opsets 1 to 27. Local functions are
 * inlined, Constant graph nodes keep their place and have their tensor as
 * init. Not kept: training information, device configurations, quantization
 * annotations. Own. Borrows heap; data of weights may be mapped from files.
 * INN_ERR_IO, _FORMAT, _UNSUPPORTED, _LIMIT, _MEMORY.
 */
enum inn_status inn_onnx_read(struct inn_graph **graph, const char *path,
                              const struct inn_onnx_options *options,
                              struct inn_heap *heap, struct inn_error *err);

/*
 * The same from memory, without external data: tensors that claim any are
 * refused, unless weightless, which takes initializers without data as they
 * are (.inn's graph section). Borrows bytes until the graph is freed.
 */
enum inn_status inn_onnx_parse(struct inn_graph **graph, const uint8_t *bytes,
                               size_t len, bool weightless,
                               struct inn_heap *heap, struct inn_error *err);

/*
 * Writes atomically; refuses an existing path unless overwrite. "-" is
 * stdout. The declared shapes of values are written as they stand in graph.
 * Initializers that nothing uses are left out, unless they are inputs. A
 * Constant whose value has an init is written with that. A network of more
 * than 2 GiB has its weights beside it, in path and ".data", which is
 * refused or replaced alike; a stream can't have them: INN_ERR_LIMIT.
 * INN_ERR_IO.
 */
enum inn_status inn_onnx_write(const struct inn_graph *graph,
                               const char *path, bool overwrite,
                               struct inn_error *err);

/* The same with another limit: what is larger has its weights beside it. */
enum inn_status inn_onnx_write_within(const struct inn_graph *graph,
                                      const char *path, bool overwrite,
                                      size_t most, struct inn_error *err);

/*
 * As inn_onnx_write; what again finds wrong with the file keeps it from its
 * place. Weights beside it are compared with what was written, but the model
 * can't be looked at before they have a name: again is not asked.
 */
enum inn_status inn_onnx_write_checked(const struct inn_graph *graph,
                                       const char *path, bool overwrite,
                                       const struct inn_reread *again,
                                       struct inn_error *err);

/*
 * Packs to memory; own, inn_free(graph->heap). weightless leaves out the data
 * of initializers that skip says (by value; may be NULL: none).
 */
enum inn_status inn_onnx_pack(const struct inn_graph *graph,
                              const bool *skip_data /* [n_values] */,
                              uint8_t **bytes, size_t *len,
                              struct inn_error *err);

/* One TensorProto in a file of its own (.pb, as ONNX test data has them). */
enum inn_status inn_onnx_read_tensor(struct inn_tensor *tensor,
                                     const char **name, const char *path,
                                     struct inn_arena *arena,
                                     struct inn_error *err);

#endif
