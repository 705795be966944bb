/*
 * From messages to the graph. Names, lists and raw data stay where the
 * message has them: the graph's arena holds both. Files beside the model are
 * kept mapped as the graph's owner.
 */
#include <limits.h>
#include <string.h>

#include "runtime/base/file.h"
#include "runtime/graph/onnx_internal.h"

struct reader {
    struct inn_graph *g;
    const Onnx__ModelProto *model;
    struct inn_onnx_source source;
    struct inn_onnx_flat *flat; /* of the heap */
    size_t n_flat;
    int cap_opsets;
    struct inn_error *err;
};

/* ---- Header ---------------------------------------------------------- */

static enum inn_status read_meta(struct inn_meta **metas, int *n_metas,
                                 Onnx__StringStringEntryProto **entries,
                                 size_t n, struct reader *r)
{
    struct inn_meta *list;
    size_t i;

    if (n == 0)
        return INN_OK;
    list = inn_arena_alloc(&r->g->arena, n, sizeof(*list), r->err);
    if (list == NULL)
        return inn_refused(r->err);
    for (i = 0; i < n; i++) {
        list[i].key = inn_onnx_text(entries[i]->key);
        list[i].value = inn_onnx_text(entries[i]->value);
    }
    *metas = list;
    *n_metas = (int)n;
    return INN_OK;
}

/* The version of domain among imports; 0 where it isn't imported. */
static int64_t imported(Onnx__OperatorSetIdProto *const *imports, size_t n,
                        const char *domain)
{
    size_t i;

    for (i = 0; i < n; i++) {
        if (strcmp(inn_onnx_domain(imports[i]->domain), domain) == 0)
            return imports[i]->has_version ? imports[i]->version : 0;
    }
    return 0;
}

static enum inn_status add_opset(struct reader *r, const char *domain,
                                 int64_t version)
{
    struct inn_graph *g = r->g;
    struct inn_opset *grown;
    int i;

    for (i = 0; i < g->n_opsets; i++) {
        if (strcmp(g->opsets[i].domain, domain) == 0)
            return INN_OK;
    }
    if (g->n_opsets == INN_ONNX_MAX_OPSETS)
        return inn_fail(r->err, INN_ERR_LIMIT,
                        "more than %d domains are imported",
                        INN_ONNX_MAX_OPSETS);
    if (g->n_opsets == r->cap_opsets) {
        r->cap_opsets = r->cap_opsets * 2 + 8;
        grown = inn_arena_alloc(&g->arena, (size_t)r->cap_opsets,
                                sizeof(*grown), r->err);
        if (grown == NULL)
            return inn_refused(r->err);
        if (g->n_opsets > 0)
            memcpy(grown, g->opsets, (size_t)g->n_opsets * sizeof(*grown));
        g->opsets = grown;
    }
    g->opsets[g->n_opsets].domain = domain;
    g->opsets[g->n_opsets++].version = version;
    return INN_OK;
}

static enum inn_status check_opsets(Onnx__OperatorSetIdProto *const *imports,
                                    size_t n, struct inn_error *err)
{
    size_t i;

    if (n > INN_ONNX_MAX_OPSETS)
        return inn_fail(err, INN_ERR_LIMIT,
                        "%zu opset imports; %d are the most", n,
                        INN_ONNX_MAX_OPSETS);
    for (i = 0; i < n; i++) {
        const char *domain = inn_onnx_domain(imports[i]->domain);
        const int64_t version =
            imports[i]->has_version ? imports[i]->version : 0;

        if (version < 1 || version > INT_MAX)
            return inn_fail(err, INN_ERR_FORMAT,
                            "opset version %lld of domain '%s'",
                            (long long)version, domain);
        if (imported(imports, i + 1, domain) != version)
            return inn_fail(err, INN_ERR_FORMAT,
                            "domain '%s' is imported twice", domain);
        if (domain[0] == '\0' && version > INN_ONNX_MAX_OPSET)
            return inn_fail(err, INN_ERR_UNSUPPORTED,
                            "opset %lld; 1 to %d are supported",
                            (long long)version, INN_ONNX_MAX_OPSET);
    }
    return INN_OK;
}

static enum inn_status read_opsets(struct reader *r)
{
    const Onnx__ModelProto *m = r->model;
    enum inn_status st;
    size_t i;

    st = check_opsets(m->opset_import, m->n_opset_import, r->err);
    for (i = 0; st == INN_OK && i < m->n_opset_import; i++)
        st = add_opset(r, inn_onnx_domain(m->opset_import[i]->domain),
                       m->opset_import[i]->version);
    for (i = 0; st == INN_OK && i < m->n_functions; i++) {
        st = check_opsets(m->functions[i]->opset_import,
                          m->functions[i]->n_opset_import, r->err);
        if (st != INN_OK)
            inn_error_prefix(r->err, "function '%s'",
                             inn_onnx_text(m->functions[i]->name));
    }
    return st;
}

static enum inn_status read_header(struct reader *r)
{
    const Onnx__ModelProto *m = r->model;
    struct inn_graph *g = r->g;
    enum inn_status st;

    if (!m->has_ir_version)
        return inn_fail(r->err, INN_ERR_FORMAT,
                        "not an ONNX file: it has no IR version");
    if (m->ir_version < INN_ONNX_MIN_IR || m->ir_version > INN_ONNX_MAX_IR)
        return inn_fail(r->err, INN_ERR_UNSUPPORTED,
                        "IR version %lld; %d to %d are supported",
                        (long long)m->ir_version, INN_ONNX_MIN_IR,
                        INN_ONNX_MAX_IR);
    g->ir_version = m->ir_version;
    g->model_version = m->has_model_version ? m->model_version : 0;
    g->producer = m->producer_name;
    g->producer_version = m->producer_version;
    g->model_domain = m->domain;
    g->model_doc = m->doc_string;
    g->name = inn_onnx_text(m->graph->name);
    g->doc = m->graph->doc_string;
    st = read_opsets(r);
    if (st == INN_OK)
        st = read_meta(&g->metadata, &g->n_metadata, m->metadata_props,
                       m->n_metadata_props, r);
    if (st == INN_OK)
        st = read_meta(&g->graph_metadata, &g->n_graph_metadata,
                       m->graph->metadata_props, m->graph->n_metadata_props,
                       r);
    return st;
}

/* ---- Values ---------------------------------------------------------- */

static enum inn_status read_dims(struct inn_value *v,
                                 const Onnx__TensorShapeProto *shape,
                                 struct reader *r)
{
    size_t i;

    v->rank = (int)shape->n_dim;
    for (i = 0; i < shape->n_dim; i++) {
        const Onnx__TensorShapeProto__Dimension *d = shape->dim[i];

        v->dims[i].size = -1;
        v->dims[i].symbol = NULL;
        if (d->value_case ==
            ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM) {
            if (inn_onnx_text(d->dim_param)[0] != '\0')
                v->dims[i].symbol = d->dim_param;
        } else if (d->value_case ==
                   ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE) {
            /* Some exporters say -1 for what they don't know. */
            if (d->dim_value < -1)
                return inn_fail(r->err, INN_ERR_FORMAT,
                                "value '%s': dimension %zu is %lld",
                                v->name, i, (long long)d->dim_value);
            v->dims[i].size = d->dim_value;
        }
    }
    return INN_OK;
}

/* What info declares; a value that is declared already stays as it is. */
static enum inn_status declare(struct reader *r, int value,
                               const Onnx__ValueInfoProto *info)
{
    struct inn_value *v = &r->g->values[value];
    const Onnx__TypeProto *type = info->type;
    const Onnx__TypeProto__Tensor *t;

    if (v->doc == NULL)
        v->doc = info->doc_string;
    if (v->declared || type == NULL ||
        type->value_case == ONNX__TYPE_PROTO__VALUE__NOT_SET)
        return INN_OK;
    v->declared = true;
    t = type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE
            ? type->tensor_type
            : NULL;
    if (t == NULL || (t->has_elem_type && t->elem_type != 0 &&
                      !inn_onnx_type_held(t->elem_type)) ||
        (t->shape != NULL && t->shape->n_dim > INN_MAX_RANK))
        return inn_onnx_pack_message(&type->base, &v->raw_type,
                                     &v->raw_type_len, &r->g->arena, r->err);
    v->type = t->has_elem_type ? (enum inn_type)t->elem_type : INN_UNDEFINED;
    return t->shape != NULL ? read_dims(v, t->shape, r) : INN_OK;
}

static enum inn_status read_inputs(struct reader *r)
{
    const Onnx__GraphProto *graph = r->model->graph;
    enum inn_status st = INN_OK;
    size_t i;
    int v;

    for (i = 0; st == INN_OK && i < graph->n_input; i++) {
        st = inn_graph_add_value(r->g, &v,
                                 inn_onnx_text(graph->input[i]->name), r->err);
        if (st != INN_OK)
            break;
        r->g->values[v].is_input = true;
        st = declare(r, v, graph->input[i]);
    }
    if (st != INN_OK)
        inn_error_prefix(r->err, "graph input %zu", i);
    return st;
}

static enum inn_status read_initializer(struct reader *r,
                                        const Onnx__TensorProto *proto)
{
    struct inn_graph *g = r->g;
    const char *name = inn_onnx_text(proto->name);
    struct inn_tensor *t;
    enum inn_status st = INN_OK;
    int v = inn_graph_find(g, name);

    if (v < 0)
        st = inn_graph_add_value(g, &v, name, r->err);
    else if (g->values[v].init != NULL)
        st = inn_fail(r->err, INN_ERR_FORMAT, "it is defined twice");
    if (st != INN_OK)
        return st;
    t = inn_arena_alloc(&g->arena, 1, sizeof(*t), r->err);
    if (t == NULL)
        return inn_refused(r->err);
    st = inn_onnx_tensor(t, proto, &r->source, r->err);
    g->values[v].init = t;
    if (proto->doc_string != NULL)
        g->values[v].doc = proto->doc_string;
    return st;
}

static enum inn_status read_initializers(struct reader *r)
{
    const Onnx__GraphProto *graph = r->model->graph;
    struct inn_graph *g = r->g;
    enum inn_status st = INN_OK;
    size_t i;
    int j;

    if (graph->n_sparse_initializer > 0) {
        const Onnx__TensorProto *t = graph->sparse_initializer[0]->values;

        return inn_fail(r->err, INN_ERR_UNSUPPORTED,
                        "sparse initializer '%s' is not supported",
                        t != NULL ? inn_onnx_text(t->name) : "");
    }
    for (i = 0; st == INN_OK && i < graph->n_initializer; i++) {
        st = read_initializer(r, graph->initializer[i]);
        if (st != INN_OK)
            inn_error_prefix(r->err, "initializer '%s'",
                             inn_onnx_text(graph->initializer[i]->name));
    }
    if (st != INN_OK)
        return st;
    g->inputs = inn_arena_alloc(&g->arena, (size_t)g->n_values,
                                sizeof(*g->inputs), r->err);
    if (g->inputs == NULL)
        return inn_refused(r->err);
    for (j = 0; j < g->n_values; j++) {
        if (g->values[j].is_input && g->values[j].init == NULL)
            g->inputs[g->n_inputs++] = j;
    }
    return INN_OK;
}

static enum inn_status read_outputs(struct reader *r)
{
    const Onnx__GraphProto *graph = r->model->graph;
    struct inn_graph *g = r->g;
    enum inn_status st = INN_OK;
    size_t i;
    int v;

    g->outputs = inn_arena_alloc(&g->arena, graph->n_output,
                                 sizeof(*g->outputs), r->err);
    if (g->outputs == NULL)
        return inn_refused(r->err);
    for (i = 0; st == INN_OK && i < graph->n_output; i++) {
        const char *name = inn_onnx_text(graph->output[i]->name);

        v = inn_graph_find(g, name);
        if (v < 0)
            return inn_fail(r->err, INN_ERR_FORMAT,
                            "graph output '%s' is computed by nothing",
                            name);
        g->values[v].is_output = true;
        g->outputs[g->n_outputs++] = v;
        st = declare(r, v, graph->output[i]);
    }
    /* Leftovers of values that are gone are common, and mean nothing. */
    for (i = 0; st == INN_OK && i < graph->n_value_info; i++) {
        v = inn_graph_find(g, inn_onnx_text(graph->value_info[i]->name));
        if (v >= 0)
            st = declare(r, v, graph->value_info[i]);
    }
    return st;
}

/* ---- Graph nodes ----------------------------------------------------- */

static enum inn_status undefined(struct reader *r, const char *name)
{
    size_t i, j;

    for (i = 0; i < r->n_flat; i++) {
        const Onnx__NodeProto *p = r->flat[i].node;

        for (j = 0; j < p->n_output; j++) {
            if (strcmp(p->output[j], name) == 0)
                return inn_fail(r->err, INN_ERR_FORMAT,
                                "it reads '%s', which is computed later "
                                "(by %s%s%s%s): a cycle, or not in order",
                                name, inn_onnx_text(p->op_type),
                                p->name != NULL && p->name[0] ? " '" : "",
                                inn_onnx_text(p->name),
                                p->name != NULL && p->name[0] ? "'" : "");
        }
    }
    return inn_fail(r->err, INN_ERR_FORMAT,
                    "it reads '%s', which nothing defines", name);
}

static enum inn_status read_version(struct reader *r, struct inn_node *node,
                                    const Onnx__FunctionProto *body)
{
    const Onnx__ModelProto *m = r->model;
    int64_t version = 0;
    enum inn_status st = INN_OK;

    if (body != NULL) {
        version = imported(body->opset_import, body->n_opset_import,
                           node->domain);
        if (version != 0)
            st = add_opset(r, node->domain, version);
    }
    if (version == 0)
        version = imported(m->opset_import, m->n_opset_import, node->domain);
    if (version == 0)
        return inn_fail(r->err, INN_ERR_FORMAT,
                        "no opset is imported for its domain '%s'",
                        node->domain);
    node->version = (int)version;
    return st;
}

/* The tensor of a Constant; NULL: one that we can't hold. */
static enum inn_status constant_tensor(struct inn_tensor **tensor,
                                       struct inn_attr *a, struct reader *r)
{
    struct inn_tensor *t;
    enum inn_status st;
    int64_t count = (int64_t)a->count;

    *tensor = a->tensor;
    if (a->kind != INN_ATTR_FLOAT && a->kind != INN_ATTR_INT &&
        a->kind != INN_ATTR_FLOATS && a->kind != INN_ATTR_INTS)
        return INN_OK;
    t = inn_arena_alloc(&r->g->arena, 1, sizeof(*t), r->err);
    if (t == NULL)
        return inn_refused(r->err);
    if (a->kind == INN_ATTR_FLOAT || a->kind == INN_ATTR_INT) {
        st = inn_tensor_init(t, a->kind == INN_ATTR_INT ? INN_I64 : INN_F32,
                             0, NULL, r->err);
        t->data = a->kind == INN_ATTR_INT ? (void *)&a->i : &a->f;
    } else {
        st = inn_tensor_init(t, a->kind == INN_ATTR_INTS ? INN_I64 : INN_F32,
                             1, &count, r->err);
        t->data = a->kind == INN_ATTR_INTS ? (void *)a->ints : a->floats;
        if (t->data == NULL) { /* an empty list */
            t->data = inn_arena_alloc(&r->g->arena, 1, 1, r->err);
            if (t->data == NULL)
                st = inn_refused(r->err);
        }
    }
    *tensor = t;
    return st;
}

static enum inn_status read_constant(struct reader *r,
                                     const struct inn_node *n)
{
    if (n->n_inputs != 0 || n->n_outputs != 1 || n->n_attrs != 1 ||
        n->outputs[0] < 0)
        return inn_fail(r->err, INN_ERR_FORMAT,
                        "a Constant has %d inputs, %d outputs and %d "
                        "attributes, not 0, 1 and 1", n->n_inputs,
                        n->n_outputs, n->n_attrs);
    return constant_tensor(&r->g->values[n->outputs[0]].init, &n->attrs[0],
                           r);
}

static enum inn_status read_attrs(struct reader *r, struct inn_node *n,
                                  const Onnx__NodeProto *p)
{
    struct inn_map seen;
    struct inn_arena scratch;
    enum inn_status st = INN_OK;
    size_t i;

    inn_arena_init(&scratch, r->g->heap);
    inn_map_init(&seen, &scratch);
    for (i = 0; st == INN_OK && i < p->n_attribute; i++) {
        const Onnx__AttributeProto *a = p->attribute[i];

        if (inn_onnx_text(a->ref_attr_name)[0] != '\0')
            st = inn_fail(r->err, INN_ERR_FORMAT,
                          "attribute '%s' refers to '%s' of a "
                          "function, but is in none", inn_onnx_text(a->name),
                          a->ref_attr_name);
        else
            st = inn_onnx_attr(&n->attrs[i], a, &r->source, r->err);
        if (st != INN_OK)
            break;
        /* Most have a handful: a map pays only for many. */
        if (p->n_attribute > 16 ? inn_map_get(&seen, n->attrs[i].name) >= 0
                                : inn_node_attr(n, n->attrs[i].name) !=
                                      &n->attrs[i])
            st = inn_fail(r->err, INN_ERR_FORMAT,
                          "attribute '%s' is there twice",
                          n->attrs[i].name);
        else if (p->n_attribute > 16)
            st = inn_map_put(&seen, n->attrs[i].name, 0, r->err);
    }
    inn_arena_free(&scratch);
    return st;
}

/* Fills graph node n, which is there with room for all. */
static enum inn_status fill_node(struct reader *r, int n,
                                 const struct inn_onnx_flat *flat)
{
    const Onnx__NodeProto *p = flat->node;
    struct inn_node *node = &r->g->nodes[n];
    enum inn_status st;
    size_t i;

    st = read_version(r, node, flat->body);
    if (st == INN_OK)
        st = read_meta((struct inn_meta **)&node->metadata,
                       &node->n_metadata, p->metadata_props,
                       p->n_metadata_props, r);
    for (i = 0; st == INN_OK && i < p->n_input; i++) {
        if (p->input[i][0] == '\0')
            continue;
        node->inputs[i] = inn_graph_find(r->g, p->input[i]);
        if (node->inputs[i] < 0)
            st = undefined(r, p->input[i]);
    }
    if (st == INN_OK)
        st = inn_onnx_captures(&node->captures, &node->n_captures, p, r->g,
                               &r->source, r->err);
    if (st == INN_OK)
        st = read_attrs(r, node, p);
    for (i = 0; st == INN_OK && i < p->n_output; i++) {
        int v;

        if (p->output[i][0] == '\0')
            continue;
        st = inn_graph_add_value(r->g, &v, p->output[i], r->err);
        if (st == INN_OK) {
            r->g->values[v].producer = n;
            node->outputs[i] = v;
        }
    }
    if (st == INN_OK && strcmp(node->op_type, "Constant") == 0 &&
        node->domain[0] == '\0')
        st = read_constant(r, node);
    return st;
}

/* Names the graph node in the message; it may have no outputs yet. */
static void blame(struct reader *r, const struct inn_node *node,
                  const Onnx__NodeProto *p)
{
    if (node->name[0] == '\0' && p->n_output > 0 && p->output[0][0] != '\0')
        inn_error_prefix(r->err, "%s (makes '%s')", node->op_type,
                         p->output[0]);
    else
        inn_error_node(r->err, node);
}

static enum inn_status read_nodes(struct reader *r)
{
    enum inn_status st;
    size_t i;
    int n;

    st = inn_onnx_inline(&r->flat, &r->n_flat, r->model, r->g->heap,
                         &r->g->arena, r->err);
    for (i = 0; st == INN_OK && i < r->n_flat; i++) {
        const Onnx__NodeProto *p = r->flat[i].node;

        if (inn_onnx_text(p->op_type)[0] == '\0')
            return inn_fail(r->err, INN_ERR_FORMAT,
                            "graph node %zu ('%s') has no operator", i,
                            inn_onnx_text(p->name));
        st = inn_graph_add_node(r->g, &n, p->op_type, (int)p->n_input,
                                (int)p->n_output, (int)p->n_attribute,
                                r->err);
        if (st != INN_OK)
            return st;
        r->g->nodes[n].name = inn_onnx_text(p->name);
        r->g->nodes[n].domain = inn_onnx_domain(p->domain);
        r->g->nodes[n].doc = p->doc_string;
        st = fill_node(r, n, &r->flat[i]);
        if (st != INN_OK)
            blame(r, &r->g->nodes[n], p);
    }
    return st;
}

/* ---- The whole ------------------------------------------------------- */

/* Says what a file is that holds no model. */
static enum inn_status explain(const uint8_t *bytes, size_t len,
                               enum inn_status st, struct inn_error *err)
{
    const char *kind = inn_onnx_sniff(bytes, len);

    if (st != INN_OK && st != INN_ERR_FORMAT)
        return st;
    if (kind != NULL)
        return inn_fail(err, INN_ERR_FORMAT, "not an ONNX file: it is %s",
                        kind);
    if (st == INN_OK)
        return inn_fail(err, INN_ERR_FORMAT,
                        "not an ONNX file: it holds no graph");
    inn_error_prefix(err, "not an ONNX file, or a damaged one");
    return st;
}

static enum inn_status read_model(struct reader *r, const uint8_t *bytes,
                                  size_t len)
{
    ProtobufCMessage *message;
    enum inn_status st;

    if (len > INN_WIRE_MAX_BYTES)
        return inn_fail(r->err, INN_ERR_LIMIT,
                        "%zu bytes; an ONNX file has at most %zu, the rest "
                        "belongs in external data", len, INN_WIRE_MAX_BYTES);
    st = inn_wire_unpack(&message, &onnx__model_proto__descriptor, bytes, len,
                         &r->g->arena, r->err);
    if (st != INN_OK)
        return explain(bytes, len, st, r->err);
    r->model = (const Onnx__ModelProto *)message;
    if (r->model->graph == NULL)
        return explain(bytes, len, INN_OK, r->err);
    st = read_header(r);
    if (st == INN_OK)
        st = read_inputs(r);
    if (st == INN_OK)
        st = read_initializers(r);
    if (st == INN_OK)
        st = read_nodes(r);
    if (st == INN_OK)
        st = read_outputs(r);
    inn_free(r->g->heap, r->flat);
    return st;
}

enum inn_status inn_onnx_read(struct inn_graph **graph, const char *path,
                              const struct inn_onnx_options *options,
                              struct inn_heap *heap, struct inn_error *err)
{
    struct reader r = {0};
    struct inn_bytes bytes = {NULL, 0};
    enum inn_status st;

    *graph = NULL;
    r.err = err;
    st = inn_file_map(&bytes, path, err);
    if (st != INN_OK)
        return st;
    st = inn_graph_new(&r.g, heap, err);
    if (st != INN_OK)
        goto out;
    r.source.arena = &r.g->arena;
    st = inn_onnx_files_new(&r.source.files, path, options, &r.g->arena, err);
    if (st != INN_OK)
        goto out;
    r.g->owner = r.source.files;
    r.g->free_owner = inn_onnx_files_close;
    st = read_model(&r, bytes.data, bytes.len);
    if (st != INN_OK)
        goto out;
    *graph = r.g;
    r.g = NULL;
out:
    inn_graph_free(r.g);
    inn_file_unmap(&bytes);
    return st;
}

enum inn_status inn_onnx_parse(struct inn_graph **graph, const uint8_t *bytes,
                               size_t len, bool weightless,
                               struct inn_heap *heap, struct inn_error *err)
{
    struct reader r = {0};
    enum inn_status st;

    *graph = NULL;
    r.err = err;
    st = inn_graph_new(&r.g, heap, err);
    if (st != INN_OK)
        return st;
    r.source.arena = &r.g->arena;
    r.source.weightless = weightless;
    st = read_model(&r, bytes, len);
    if (st != INN_OK) {
        inn_graph_free(r.g);
        return st;
    }
    *graph = r.g;
    return INN_OK;
}

enum inn_status inn_onnx_read_tensor(struct inn_tensor *tensor,
                                     const char **name, const char *path,
                                     struct inn_arena *arena,
                                     struct inn_error *err)
{
    const struct inn_onnx_source source = {arena, NULL, false};
    struct inn_bytes bytes = {NULL, 0};
    ProtobufCMessage *message;
    enum inn_status st;

    memset(tensor, 0, sizeof(*tensor));
    if (name != NULL)
        *name = "";
    st = inn_file_map(&bytes, path, err);
    if (st != INN_OK)
        return st;
    st = inn_wire_unpack(&message, &onnx__tensor_proto__descriptor,
                         bytes.data, bytes.len, arena, err);
    if (st == INN_OK) {
        const Onnx__TensorProto *p = (const Onnx__TensorProto *)message;

        st = inn_onnx_tensor(tensor, p, &source, err);
        if (name != NULL)
            *name = inn_onnx_text(p->name);
    }
    if (st == INN_ERR_FORMAT)
        inn_error_prefix(err, "not an ONNX tensor");
    inn_file_unmap(&bytes);
    return st;
}
