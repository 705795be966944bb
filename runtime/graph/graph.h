/*
 * A network in memory, as ONNX has it: values (edges) and graph nodes in
 * topological order. Reading and writing files is onnx.h; what operators
 * mean is runtime/ops/.
 *
 * Everything is allocated from the graph's arena or borrowed from what the
 * arena keeps alive, and dies with the graph.
 */
#ifndef INN_GRAPH_GRAPH_H
#define INN_GRAPH_GRAPH_H

#include "runtime/base/arena.h"
#include "runtime/base/map.h"
#include "runtime/base/tensor.h"

/* A dimension as a file declares it. */
struct inn_dim {
    int64_t size;       /* >= 0, or -1 where unknown */
    const char *symbol; /* its name, or NULL */
};

struct inn_value {
    const char *name; /* unique, never empty */
    const char *doc;  /* or NULL */
    int producer;     /* graph node, or -1: input or initializer */
    /*
     * The constant held by this value: an initializer, or the tensor of a
     * Constant graph node (whose producer is then that node). NULL otherwise.
     * Its data may be NULL in a network without weights (.inn's graph). Of
     * strings, data is their lengths (varints) and bytes in turn. Data may
     * be mapped from a file: it is never written in place.
     */
    struct inn_tensor *init;
    bool is_input;  /* listed among the graph's inputs */
    bool is_output; /* listed among the graph's outputs */
    /* What the file declares of it (inputs, outputs, value_info). */
    bool declared;
    enum inn_type type; /* INN_UNDEFINED: unknown, or no tensor */
    int rank;           /* -1: unknown */
    struct inn_dim dims[INN_MAX_RANK];
    /* A type that is no tensor: packed TypeProto, written back as it is. */
    const uint8_t *raw_type;
    size_t raw_type_len;
};

enum inn_attr_kind {
    INN_ATTR_FLOAT = 1, /* the numbers of ONNX AttributeProto.AttributeType */
    INN_ATTR_INT = 2,
    INN_ATTR_STRING = 3,
    INN_ATTR_TENSOR = 4,
    INN_ATTR_GRAPH = 5,
    INN_ATTR_FLOATS = 6,
    INN_ATTR_INTS = 7,
    INN_ATTR_STRINGS = 8,
    INN_ATTR_RAW = 100 /* any other kind: only packed carries it */
};

struct inn_attr {
    const char *name;
    enum inn_attr_kind kind;
    float f;
    int64_t i;
    const char *s; /* 0-terminated copy; s_len counts inner zeros too */
    size_t s_len;
    struct inn_tensor *tensor;
    size_t count; /* of floats, ints or strings */
    float *floats;
    int64_t *ints;
    const char **strings;
    /* Kinds GRAPH and RAW: the packed AttributeProto, written back as is. */
    const uint8_t *packed;
    size_t packed_len;
};

struct inn_node {
    const char *name; /* may be "" */
    const char *op_type;
    const char *domain; /* "" for ONNX's own */
    const char *doc;    /* or NULL */
    int version;        /* opset of its domain that applies here */
    int n_inputs, n_outputs, n_attrs, n_captures;
    int *inputs;  /* value, or -1 where an optional input is omitted */
    int *outputs; /* value, or -1 */
    struct inn_attr *attrs;
    int *captures; /* values that its subgraphs read from outside */
    const struct inn_meta *metadata; /* metadata_props, written back */
    int n_metadata;
    const struct inn_graph *graph; /* that it is in */
    const struct inn_node *origin; /* whom messages name instead, or NULL */
    bool unsaid; /* inn_error_node leaves it to the caller to name it */
};

struct inn_opset {
    const char *domain;
    int64_t version;
};

struct inn_meta {
    const char *key, *value;
};

struct inn_graph {
    struct inn_heap *heap; /* borrowed */
    struct inn_arena arena;
    struct inn_map names; /* of values */
    struct inn_value *values;
    struct inn_node *nodes;
    int n_values, cap_values;
    int n_nodes, cap_nodes;
    int *inputs; /* the graph's inputs without those that have an init */
    int *outputs;
    int n_inputs, n_outputs;
    const char *name, *doc, *producer, *producer_version, *model_domain,
        *model_doc;
    int64_t ir_version, model_version;
    struct inn_opset *opsets;
    struct inn_meta *metadata;       /* the model's metadata_props */
    struct inn_meta *graph_metadata; /* the graph's */
    int n_opsets, n_metadata, n_graph_metadata;
    /* What read the file and owns memory that values borrow; or NULL. */
    void *owner;
    void (*free_owner)(void *owner, struct inn_heap *heap);
};

/* An empty graph; own. Borrows heap. */
enum inn_status inn_graph_new(struct inn_graph **graph, struct inn_heap *heap,
                              struct inn_error *err);
void inn_graph_free(struct inn_graph *graph);

/*
 * Adds a value, or a graph node with room for the given counts, all -1 and
 * empty; *index is its number. A value's name must be new (INN_ERR_FORMAT).
 * Pointers into values and nodes move: take them after adding.
 */
enum inn_status inn_graph_add_value(struct inn_graph *graph, int *index,
                                    const char *name, struct inn_error *err);
enum inn_status inn_graph_add_node(struct inn_graph *graph, int *index,
                                   const char *op_type, int n_inputs,
                                   int n_outputs, int n_attrs,
                                   struct inn_error *err);

/* The value called name, or -1. */
int inn_graph_find(const struct inn_graph *graph, const char *name);

/* A name that no value has yet: stem, or stem_2, stem_3 … NULL: no memory. */
const char *inn_graph_fresh_name(struct inn_graph *graph, const char *stem,
                                 struct inn_error *err);

/* How many graph node inputs, captures and graph outputs use each value. */
enum inn_status inn_graph_count_uses(const struct inn_graph *graph,
                                     int *uses /* [n_values] */);

/* The only graph node that has v among its inputs, or NULL. */
const struct inn_node *inn_graph_only_reader(const struct inn_graph *graph,
                                             int v);

/*
 * Removes graph nodes whose entry in drop is set; values stay, without a
 * producer: a dropped Constant's becomes an initializer.
 */
void inn_graph_drop_nodes(struct inn_graph *graph, const bool *drop);

/*
 * A deep copy of all that may be rewritten later (values, nodes, attributes,
 * shapes); tensor data is borrowed, so from must outlive *copy.
 */
enum inn_status inn_graph_copy(struct inn_graph **copy,
                               const struct inn_graph *from,
                               struct inn_error *err);

/* The attribute, or NULL. */
const struct inn_attr *inn_node_attr(const struct inn_node *node,
                                     const char *name);

/* Typed access; the default where it is absent or of another kind. */
int64_t inn_node_int(const struct inn_node *node, const char *name,
                     int64_t otherwise);
float inn_node_float(const struct inn_node *node, const char *name,
                     float otherwise);
const char *inn_node_string(const struct inn_node *node, const char *name,
                            const char *otherwise);
/* NULL and *count 0 where absent. */
const int64_t *inn_node_ints(const struct inn_node *node, const char *name,
                             size_t *count);

/* Sets an integer attribute or list, adding it where absent. */
enum inn_status inn_node_set_int(struct inn_graph *graph,
                                 struct inn_node *node, const char *name,
                                 int64_t value, struct inn_error *err);
enum inn_status inn_node_set_ints(struct inn_graph *graph,
                                  struct inn_node *node, const char *name,
                                  const int64_t *values, size_t count,
                                  struct inn_error *err);

/*
 * What messages call a graph node: "Conv 'layer1.0.conv1'", or without a name
 * by its first output, "Conv (makes 'y')". Printed with INN_NODE_FORMAT and
 * INN_NODE_ARGS(words); borrowed from the graph.
 */
struct inn_node_words {
    const char *op_type, *before, *name, *after;
};

#define INN_NODE_FORMAT "%s%s%s%s"
#define INN_NODE_ARGS(w) (w).op_type, (w).before, (w).name, (w).after

struct inn_node_words inn_node_words(const struct inn_node *node);
/* Puts these words before a message. */
void inn_error_node(struct inn_error *err, const struct inn_node *node);

#endif
