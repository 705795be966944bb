/*
 * From the graph to messages that borrow its data, packed straight into the
 * file: nothing the size of the weights is made on the way.
 */
#include <string.h>
#include <sys/stat.h>

#include "runtime/base/write.h"
#include "runtime/graph/onnx_internal.h"

struct writer {
    const struct inn_graph *g;
    const bool *skip; /* of whose init the data is left out, or NULL */
    struct inn_onnx_beside *beside; /* takes the weights, or NULL */
    int *uses;
    struct inn_arena arena;
    Onnx__ModelProto model;
    Onnx__GraphProto graph;
    struct inn_error *err;
};

/* protobuf-c has no const: it only reads what it packs. */
static char *text(const char *s)
{
    return (char *)(uintptr_t)s;
}

static char *text_or_none(const char *s)
{
    return s != NULL && s[0] != '\0' ? text(s) : NULL;
}

static void *alloc(struct writer *w, size_t count, size_t size)
{
    return inn_arena_alloc(&w->arena, count, size, w->err);
}

/* A list of n pointers to n blank messages of one type. */
static enum inn_status blank_list(struct writer *w, void *list, size_t n,
                                  const ProtobufCMessageDescriptor *type)
{
    void **items = alloc(w, n, sizeof(*items));
    char *messages = alloc(w, n, type->sizeof_message);
    size_t i;

    if (items == NULL || messages == NULL)
        return inn_refused(w->err);
    for (i = 0; i < n; i++) {
        items[i] = messages + i * type->sizeof_message;
        protobuf_c_message_init(type, items[i]);
    }
    memcpy(list, &items, sizeof(items)); /* whatever pointer type it has */
    return INN_OK;
}

#define BLANK(w, list, n, name) \
    blank_list(w, &(list), n, &onnx__##name##__descriptor)

static enum inn_status write_meta(struct writer *w,
                                  Onnx__StringStringEntryProto ***entries,
                                  size_t *n_entries,
                                  const struct inn_meta *metas, int n)
{
    enum inn_status st;
    int i;

    st = BLANK(w, *entries, (size_t)n, string_string_entry_proto);
    if (st != INN_OK)
        return st;
    for (i = 0; i < n; i++) {
        (*entries)[i]->key = text(metas[i].key);
        (*entries)[i]->value = text(metas[i].value);
    }
    *n_entries = (size_t)n;
    return INN_OK;
}

/* ---- Types ----------------------------------------------------------- */

static enum inn_status write_dims(struct writer *w,
                                  Onnx__TensorShapeProto *shape,
                                  const struct inn_dim *dims, int rank)
{
    enum inn_status st;
    int i;

    st = BLANK(w, shape->dim, (size_t)rank, tensor_shape_proto__dimension);
    if (st != INN_OK)
        return st;
    shape->n_dim = (size_t)rank;
    for (i = 0; i < rank; i++) {
        Onnx__TensorShapeProto__Dimension *d = shape->dim[i];

        if (dims[i].size >= 0) {
            d->value_case =
                ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
            d->dim_value = dims[i].size;
        } else if (dims[i].symbol != NULL) {
            d->value_case =
                ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
            d->dim_param = text(dims[i].symbol);
        }
    }
    return INN_OK;
}

static enum inn_status write_tensor_type(struct writer *w,
                                         Onnx__TypeProto **type,
                                         enum inn_type elem,
                                         const struct inn_dim *dims, int rank)
{
    Onnx__TypeProto *p = alloc(w, 1, sizeof(*p));
    Onnx__TypeProto__Tensor *t = alloc(w, 1, sizeof(*t));
    Onnx__TensorShapeProto *shape = alloc(w, 1, sizeof(*shape));

    if (p == NULL || t == NULL || shape == NULL)
        return inn_refused(w->err);
    onnx__type_proto__init(p);
    onnx__type_proto__tensor__init(t);
    onnx__tensor_shape_proto__init(shape);
    p->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    p->tensor_type = t;
    t->has_elem_type = elem != INN_UNDEFINED;
    t->elem_type = (int32_t)elem;
    *type = p;
    if (rank < 0)
        return INN_OK;
    t->shape = shape;
    return write_dims(w, shape, dims, rank);
}

static enum inn_status write_info(struct writer *w, Onnx__ValueInfoProto *p,
                                  int value)
{
    const struct inn_value *v = &w->g->values[value];
    struct inn_dim dims[INN_MAX_RANK];
    ProtobufCMessage *message;
    enum inn_status st;
    int i;

    p->name = text(v->name);
    p->doc_string = text(v->doc);
    if (v->init != NULL) {
        /* What the tensor is, whatever was declared of it. */
        for (i = 0; i < v->init->rank; i++) {
            dims[i].size = v->init->dims[i];
            dims[i].symbol = NULL;
        }
        return write_tensor_type(w, &p->type, v->init->type, dims,
                                 v->init->rank);
    }
    if (v->raw_type != NULL) {
        st = inn_wire_unpack(&message, &onnx__type_proto__descriptor,
                             v->raw_type, v->raw_type_len, &w->arena, w->err);
        p->type = (Onnx__TypeProto *)message;
        return st;
    }
    if (v->type == INN_UNDEFINED && v->rank < 0)
        return INN_OK;
    return write_tensor_type(w, &p->type, v->type, v->dims, v->rank);
}

/* ---- Graph nodes ----------------------------------------------------- */

static enum inn_status write_tensor(struct writer *w, Onnx__TensorProto **to,
                                    const struct inn_tensor *tensor,
                                    bool without_data)
{
    *to = alloc(w, 1, sizeof(**to));
    if (*to == NULL)
        return inn_refused(w->err);
    return inn_onnx_tensor_message(*to, tensor, without_data, &w->arena,
                                   w->err);
}

static enum inn_status write_strings(struct writer *w,
                                     Onnx__AttributeProto *p,
                                     const struct inn_attr *a)
{
    size_t i;

    p->strings = alloc(w, a->count, sizeof(*p->strings));
    if (p->strings == NULL)
        return inn_refused(w->err);
    for (i = 0; i < a->count; i++) {
        p->strings[i].len = strlen(a->strings[i]);
        p->strings[i].data = (uint8_t *)text(a->strings[i]);
    }
    p->n_strings = a->count;
    return INN_OK;
}

static enum inn_status write_attr(struct writer *w,
                                  Onnx__AttributeProto **attr,
                                  const struct inn_attr *a)
{
    Onnx__AttributeProto *p = *attr;
    ProtobufCMessage *message;
    enum inn_status st;

    p->name = text(a->name);
    p->has_type = 1;
    p->type = (Onnx__AttributeProto__AttributeType)a->kind;
    switch (a->kind) {
    case INN_ATTR_FLOAT:
        p->has_f = 1;
        p->f = a->f;
        return INN_OK;
    case INN_ATTR_INT:
        p->has_i = 1;
        p->i = a->i;
        return INN_OK;
    case INN_ATTR_STRING:
        p->has_s = 1;
        p->s.len = a->s_len;
        p->s.data = (uint8_t *)text(a->s);
        return INN_OK;
    case INN_ATTR_FLOATS:
        p->n_floats = a->count;
        p->floats = a->floats;
        return INN_OK;
    case INN_ATTR_INTS:
        p->n_ints = a->count;
        p->ints = a->ints;
        return INN_OK;
    case INN_ATTR_STRINGS:
        return write_strings(w, p, a);
    case INN_ATTR_TENSOR:
        return write_tensor(w, &p->t, a->tensor, false);
    default:
        st = inn_wire_unpack(&message, &onnx__attribute_proto__descriptor,
                             a->packed, a->packed_len, &w->arena, w->err);
        *attr = (Onnx__AttributeProto *)message;
        return st;
    }
}

/* A Constant holds what its value has come to hold. */
static enum inn_status write_constant(struct writer *w, Onnx__NodeProto *p,
                                      int value)
{
    const struct inn_value *v = &w->g->values[value];
    enum inn_status st;

    st = BLANK(w, p->attribute, 1, attribute_proto);
    if (st != INN_OK)
        return st;
    p->n_attribute = 1;
    p->attribute[0]->name = text("value");
    p->attribute[0]->has_type = 1;
    p->attribute[0]->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR;
    return write_tensor(w, &p->attribute[0]->t, v->init,
                        w->skip != NULL && w->skip[value]);
}

static enum inn_status write_names(struct writer *w, char ***names, size_t *n,
                                   const int *values, int count)
{
    int i;

    *names = alloc(w, (size_t)count, sizeof(**names));
    if (*names == NULL)
        return inn_refused(w->err);
    for (i = 0; i < count; i++)
        (*names)[i] = text(values[i] < 0 ? ""
                                         : w->g->values[values[i]].name);
    *n = (size_t)count;
    return INN_OK;
}

static enum inn_status write_node(struct writer *w, Onnx__NodeProto *p,
                                  const struct inn_node *n)
{
    enum inn_status st;
    int i;

    p->name = text_or_none(n->name);
    p->op_type = text(n->op_type);
    p->domain = text_or_none(n->domain);
    p->doc_string = text(n->doc);
    st = write_names(w, &p->input, &p->n_input, n->inputs, n->n_inputs);
    if (st == INN_OK)
        st = write_names(w, &p->output, &p->n_output, n->outputs,
                         n->n_outputs);
    if (st == INN_OK)
        st = write_meta(w, &p->metadata_props, &p->n_metadata_props,
                        n->metadata, n->n_metadata);
    if (st != INN_OK)
        return st;
    if (n->n_outputs == 1 && n->outputs[0] >= 0 && n->domain[0] == '\0' &&
        strcmp(n->op_type, "Constant") == 0 &&
        w->g->values[n->outputs[0]].init != NULL)
        return write_constant(w, p, n->outputs[0]);
    st = BLANK(w, p->attribute, (size_t)n->n_attrs, attribute_proto);
    for (i = 0; st == INN_OK && i < n->n_attrs; i++)
        st = write_attr(w, &p->attribute[i], &n->attrs[i]);
    p->n_attribute = (size_t)n->n_attrs;
    return st;
}

/* ---- The graph ------------------------------------------------------- */

static bool is_initializer(const struct writer *w, int value)
{
    const struct inn_value *v = &w->g->values[value];

    return v->init != NULL && v->producer < 0 &&
           (w->uses[value] > 0 || v->is_input || v->is_output);
}

/* Before IR 4 an initializer is one of the inputs. */
static bool is_listed(const struct writer *w, int value)
{
    return is_initializer(w, value) &&
           (w->g->values[value].is_input || w->g->ir_version < 4);
}

static bool has_info(const struct writer *w, int value)
{
    const struct inn_value *v = &w->g->values[value];

    return v->declared && v->producer >= 0 && !v->is_input && !v->is_output &&
           (v->raw_type != NULL || v->type != INN_UNDEFINED || v->rank >= 0);
}

static enum inn_status write_values(struct writer *w)
{
    const struct inn_graph *g = w->g;
    Onnx__GraphProto *p = &w->graph;
    enum inn_status st;
    const size_t n = (size_t)g->n_values;
    int i;

    st = BLANK(w, p->input, n + (size_t)g->n_inputs, value_info_proto);
    if (st == INN_OK)
        st = BLANK(w, p->output, (size_t)g->n_outputs, value_info_proto);
    if (st == INN_OK)
        st = BLANK(w, p->value_info, n, value_info_proto);
    for (i = 0; st == INN_OK && i < g->n_inputs; i++)
        st = write_info(w, p->input[p->n_input++], g->inputs[i]);
    for (i = 0; st == INN_OK && i < g->n_values; i++) {
        if (is_listed(w, i))
            st = write_info(w, p->input[p->n_input++], i);
        else if (has_info(w, i))
            st = write_info(w, p->value_info[p->n_value_info++], i);
    }
    for (i = 0; st == INN_OK && i < g->n_outputs; i++)
        st = write_info(w, p->output[p->n_output++], g->outputs[i]);
    return st;
}

static enum inn_status write_initializers(struct writer *w)
{
    const struct inn_graph *g = w->g;
    Onnx__GraphProto *p = &w->graph;
    enum inn_status st = INN_OK;
    int i;

    p->initializer = alloc(w, (size_t)g->n_values, sizeof(*p->initializer));
    if (p->initializer == NULL)
        return inn_refused(w->err);
    for (i = 0; st == INN_OK && i < g->n_values; i++) {
        Onnx__TensorProto **t = &p->initializer[p->n_initializer];

        if (!is_initializer(w, i))
            continue;
        st = write_tensor(w, t, g->values[i].init,
                          w->skip != NULL && w->skip[i]);
        if (st == INN_OK && w->beside != NULL)
            st = inn_onnx_beside_add(w->beside, *t, g->values[i].init,
                                     w->err);
        if (st != INN_OK)
            break;
        (*t)->name = text(g->values[i].name);
        (*t)->doc_string = text(g->values[i].doc);
        p->n_initializer++;
    }
    return st;
}

static enum inn_status write_graph(struct writer *w)
{
    const struct inn_graph *g = w->g;
    Onnx__GraphProto *p = &w->graph;
    enum inn_status st;
    int i;

    onnx__graph_proto__init(p);
    /* A graph has to have a name. */
    p->name = text(g->name != NULL && g->name[0] != '\0' ? g->name : "graph");
    p->doc_string = text(g->doc);
    st = write_values(w);
    if (st == INN_OK)
        st = write_initializers(w);
    if (st == INN_OK)
        st = write_meta(w, &p->metadata_props, &p->n_metadata_props,
                        g->graph_metadata, g->n_graph_metadata);
    if (st == INN_OK)
        st = BLANK(w, p->node, (size_t)g->n_nodes, node_proto);
    for (i = 0; st == INN_OK && i < g->n_nodes; i++)
        st = write_node(w, p->node[i], &g->nodes[i]);
    p->n_node = (size_t)g->n_nodes;
    return st;
}

static enum inn_status write_model(struct writer *w)
{
    const struct inn_graph *g = w->g;
    Onnx__ModelProto *p = &w->model;
    enum inn_status st;
    int i;

    onnx__model_proto__init(p);
    p->has_ir_version = 1;
    p->ir_version = g->ir_version;
    p->producer_name = text(g->producer);
    p->producer_version = text(g->producer_version);
    p->domain = text(g->model_domain);
    p->has_model_version = g->model_version != 0;
    p->model_version = g->model_version;
    p->doc_string = text(g->model_doc);
    p->graph = &w->graph;
    st = BLANK(w, p->opset_import, (size_t)g->n_opsets,
               operator_set_id_proto);
    if (st != INN_OK)
        return st;
    p->n_opset_import = (size_t)g->n_opsets;
    for (i = 0; i < g->n_opsets; i++) {
        p->opset_import[i]->domain = text(g->opsets[i].domain);
        p->opset_import[i]->has_version = 1;
        p->opset_import[i]->version = g->opsets[i].version;
    }
    st = write_meta(w, &p->metadata_props, &p->n_metadata_props, g->metadata,
                    g->n_metadata);
    return st == INN_OK ? write_graph(w) : st;
}

/*
 * Builds the message in w's arena and says how long it is once packed; more
 * than most is refused.
 */
static enum inn_status build(struct writer *w, size_t *size, size_t most)
{
    enum inn_status st;

    inn_arena_init(&w->arena, w->g->heap);
    w->uses = alloc(w, (size_t)w->g->n_values, sizeof(*w->uses));
    if (w->uses == NULL)
        return inn_refused(w->err);
    st = inn_graph_count_uses(w->g, w->uses);
    if (st == INN_OK)
        st = write_model(w);
    if (st != INN_OK)
        return st;
    *size = protobuf_c_message_get_packed_size(&w->model.base);
    if (*size > most)
        return inn_fail(w->err, INN_ERR_LIMIT,
                        "the network takes %zu bytes; an ONNX file has at "
                        "most %zu", *size, most);
    return INN_OK;
}

struct file_buffer {
    ProtobufCBuffer base;
    struct inn_write *out;
    enum inn_status status;
    struct inn_error *err;
};

static void append(ProtobufCBuffer *buffer, size_t len, const uint8_t *data)
{
    struct file_buffer *b = (struct file_buffer *)buffer;

    if (b->status == INN_OK)
        b->status = inn_write_bytes(b->out, data, len, b->err);
}

/* All but its name, after a look at it. */
static enum inn_status write_file(struct inn_write **out, struct writer *w,
                                  const char *path, bool overwrite,
                                  const struct inn_reread *again)
{
    struct file_buffer buffer = {{append}, NULL, INN_OK, w->err};
    enum inn_status st;

    st = inn_write_open(out, path, overwrite, w->g->heap, w->err);
    if (st != INN_OK)
        return st;
    buffer.out = *out;
    protobuf_c_message_pack_to_buffer(&w->model.base, &buffer.base);
    return buffer.status == INN_OK ? inn_write_reread(*out, again, w->err)
                                   : buffer.status;
}

/*
 * Both files are written whole before either gets its name, the weights
 * first: a model whose weights are missing never shows. What was there before
 * is replaced by two renames, one after the other.
 */
static enum inn_status write_beside(const struct inn_graph *graph,
                                    const char *path, bool overwrite,
                                    size_t most, struct inn_error *err)
{
    static const struct inn_reread bytes = {NULL, NULL};
    struct inn_onnx_beside beside;
    struct writer w = {.g = graph, .beside = &beside, .err = err};
    struct inn_write *out = NULL;
    enum inn_status st;
    struct stat s;
    size_t size;

    st = inn_onnx_beside_new(&beside, graph, path, err);
    if (st == INN_OK && !overwrite && stat(path, &s) == 0)
        st = inn_exists_already(err);
    if (st == INN_OK)
        st = build(&w, &size, most);
    if (st == INN_OK)
        st = inn_onnx_beside_write(&beside, overwrite, graph->heap, err);
    if (st == INN_OK)
        st = write_file(&out, &w, path, overwrite, &bytes);
    if (st == INN_OK)
        st = inn_onnx_beside_commit(&beside, err);
    if (st == INN_OK) {
        st = inn_write_commit(out, err);
        if (st != INN_OK)
            inn_onnx_beside_remove(&beside);
    }
    inn_write_close(out);
    inn_arena_free(&w.arena);
    inn_onnx_beside_free(&beside);
    return st;
}

static enum inn_status write_graph_file(const struct inn_graph *graph,
                                        const char *path, bool overwrite,
                                        size_t most,
                                        const struct inn_reread *again,
                                        struct inn_error *err)
{
    struct inn_error local = {INN_OK, ""};
    struct writer w = {.g = graph, .err = &local};
    struct inn_write *out = NULL;
    enum inn_status st;
    size_t size = 0;

    st = build(&w, &size, most);
    if (st == INN_OK)
        st = write_file(&out, &w, path, overwrite, again);
    if (st == INN_OK)
        st = inn_write_commit(out, &local);
    inn_write_close(out);
    inn_arena_free(&w.arena);
    if (st == INN_ERR_LIMIT && size > most)
        return write_beside(graph, path, overwrite, most, err);
    if (st != INN_OK && err != NULL)
        *err = local;
    return st;
}

enum inn_status inn_onnx_write_within(const struct inn_graph *graph,
                                      const char *path, bool overwrite,
                                      size_t most, struct inn_error *err)
{
    return write_graph_file(graph, path, overwrite, most, NULL, err);
}

enum inn_status inn_onnx_write_checked(const struct inn_graph *graph,
                                       const char *path, bool overwrite,
                                       const struct inn_reread *again,
                                       struct inn_error *err)
{
    return write_graph_file(graph, path, overwrite, INN_WIRE_MAX_BYTES, again,
                            err);
}

enum inn_status inn_onnx_write(const struct inn_graph *graph,
                               const char *path, bool overwrite,
                               struct inn_error *err)
{
    return inn_onnx_write_checked(graph, path, overwrite, NULL, err);
}

enum inn_status inn_onnx_pack(const struct inn_graph *graph,
                              const bool *skip_data, uint8_t **bytes,
                              size_t *len, struct inn_error *err)
{
    struct writer w = {0};
    enum inn_status st;
    size_t size = 0;

    *bytes = NULL;
    *len = 0;
    w.g = graph;
    w.skip = skip_data;
    w.err = err;
    st = build(&w, &size, INN_WIRE_MAX_BYTES);
    if (st != INN_OK)
        goto out;
    *bytes = inn_alloc_raw(graph->heap, size, 1, err);
    if (*bytes == NULL) {
        st = inn_refused(err);
        goto out;
    }
    *len = protobuf_c_message_pack(&w.model.base, *bytes);
out:
    inn_arena_free(&w.arena);
    return st;
}
