/*
 * What the parts of the ONNX reader and writer share. Messages live in an
 * arena: nothing of them is freed alone, so they may be rearranged freely.
 */
#ifndef INN_GRAPH_ONNX_INTERNAL_H
#define INN_GRAPH_ONNX_INTERNAL_H

#include "proto/onnx.pb-c.h"
#include "runtime/base/wire.h"
#include "runtime/graph/internal.h"
#include "runtime/graph/onnx.h"

/* Calls of functions may nest this deep; graphs in graphs, once inlined. */
#define INN_ONNX_MAX_DEPTH 64
#define INN_ONNX_MAX_GRAPHS 16
/* What a network may come to by inlining. */
#define INN_ONNX_MAX_NODES 1000000
#define INN_ONNX_MAX_CALLS 100000
/* Imported domains of a model or function. */
#define INN_ONNX_MAX_OPSETS 256
#define INN_ONNX_MIN_IR 3
#define INN_ONNX_MAX_IR 14
#define INN_ONNX_MAX_OPSET 27
/* The largest number of TensorProto.DataType. */
#define INN_ONNX_MAX_TYPE 26

/* Domain "ai.onnx" is "". NULL is "" too. */
const char *inn_onnx_domain(const char *domain);

/* An absent string is empty. */
static inline const char *inn_onnx_text(const char *text)
{
    return text != NULL ? text : "";
}

/* "JSON text": what a file that is no ONNX may be; NULL: can't tell. */
const char *inn_onnx_sniff(const uint8_t *bytes, size_t len);

/* The packed message, in the arena; never NULL on success. */
enum inn_status inn_onnx_pack_message(const ProtobufCMessage *message,
                                      const uint8_t **bytes, size_t *len,
                                      struct inn_arena *arena,
                                      struct inn_error *err);

/* External data: where to look, and what has been mapped. */
struct inn_onnx_files {
    struct inn_heap *heap;
    struct inn_arena *arena;
    const char *dirs[3]; /* tried in turn; NULL where there are fewer */
    const char *also;    /* where a link in dirs[] may lead */
    struct inn_map names;
    struct inn_onnx_file *files; /* of the heap */
    int n, cap;
};

/* Where tensors come from. */
struct inn_onnx_source {
    struct inn_arena *arena;
    struct inn_onnx_files *files; /* NULL: external data is refused */
    bool weightless;              /* a tensor may have no data at all */
};

/* In an arena, with its folders found from the model's path. */
enum inn_status inn_onnx_files_new(struct inn_onnx_files **files,
                                   const char *path,
                                   const struct inn_onnx_options *options,
                                   struct inn_arena *arena,
                                   struct inn_error *err);
/* Unmaps; a free_owner of graphs. */
void inn_onnx_files_close(void *files, struct inn_heap *heap);

/*
 * The bytes of a tensor whose data lies outside: need of them, or, where need
 * is SIZE_MAX, as many as the tensor claims. Valid as long as files.
 */
enum inn_status inn_onnx_external(const uint8_t **bytes, size_t *len,
                                  const Onnx__TensorProto *proto, size_t need,
                                  const struct inn_onnx_source *source,
                                  struct inn_error *err);

/* True for an element type that struct inn_tensor can carry. */
bool inn_onnx_type_held(int32_t data_type);

/*
 * A tensor of the message; its data is the message's, the mapped file's or
 * the arena's. Strings are carried as their lengths (varints) and bytes, one
 * after the other, as string_data has them but for the tags.
 */
enum inn_status inn_onnx_tensor(struct inn_tensor *tensor,
                                const Onnx__TensorProto *proto,
                                const struct inn_onnx_source *source,
                                struct inn_error *err);

/* The message of a tensor, borrowing its data. without_data: only the rest. */
enum inn_status inn_onnx_tensor_message(Onnx__TensorProto *proto,
                                        const struct inn_tensor *tensor,
                                        bool without_data,
                                        struct inn_arena *arena,
                                        struct inn_error *err);

/* One attribute; packed bytes and lists are the message's or the arena's. */
enum inn_status inn_onnx_attr(struct inn_attr *attr,
                              const Onnx__AttributeProto *proto,
                              const struct inn_onnx_source *source,
                              struct inn_error *err);

/* Of an attribute; told by its fields where old files don't say. */
int inn_onnx_attr_type(const Onnx__AttributeProto *proto);

/*
 * Finds what the graphs in node's attributes read from outside, and brings
 * external data inside them, since they are carried as bytes. captures: of
 * the graph's arena.
 */
enum inn_status inn_onnx_captures(int **captures, int *n_captures,
                                  const Onnx__NodeProto *node,
                                  const struct inn_graph *graph,
                                  const struct inn_onnx_source *source,
                                  struct inn_error *err);

/* A graph node once functions are inlined, and whose body it is from. */
struct inn_onnx_flat {
    Onnx__NodeProto *node;
    const Onnx__FunctionProto *body; /* NULL: the model's graph */
};

/*
 * The graph's nodes with every local function inlined, in subgraphs too. Own
 * *flat (heap); the messages are the arena's or the model's.
 */
enum inn_status inn_onnx_inline(struct inn_onnx_flat **flat, size_t *n_flat,
                                const Onnx__ModelProto *model,
                                struct inn_heap *heap,
                                struct inn_arena *arena,
                                struct inn_error *err);

/* Weights that are written beside a model: onnx_beside.c. */
struct inn_onnx_beside {
    struct inn_arena arena;
    const char *path;     /* of the file: the model's and ".data" */
    const char *location; /* the same without folders */
    const struct inn_tensor **tensors; /* in the order of the file */
    int n;
    uint64_t at; /* end of the last */
    struct inn_write *out;
    bool replaces; /* a file that was there */
};

/* For a model at path; inn_onnx_beside_free after failure too. _LIMIT: none. */
enum inn_status inn_onnx_beside_new(struct inn_onnx_beside *b,
                                    const struct inn_graph *graph,
                                    const char *path, struct inn_error *err);
void inn_onnx_beside_free(struct inn_onnx_beside *b);
/* Moves a message's raw data there, unless it is small. */
enum inn_status inn_onnx_beside_add(struct inn_onnx_beside *b,
                                    Onnx__TensorProto *proto,
                                    const struct inn_tensor *tensor,
                                    struct inn_error *err);
/* All but its name; refuses an existing file unless overwrite. */
enum inn_status inn_onnx_beside_write(struct inn_onnx_beside *b,
                                      bool overwrite, struct inn_heap *heap,
                                      struct inn_error *err);
/* Its name, in place of what had it. */
enum inn_status inn_onnx_beside_commit(struct inn_onnx_beside *b,
                                       struct inn_error *err);
/*
 * Where the model could not get its name after all. What was replaced is gone:
 * then the new weights stay.
 */
void inn_onnx_beside_remove(const struct inn_onnx_beside *b);

#endif
