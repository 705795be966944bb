/*
 * Attributes out of messages. What struct inn_attr has no field for (graphs,
 * types, sparse tensors, element types we don't hold) is kept packed.
 */
#include <string.h>

#include "runtime/graph/onnx_internal.h"

#define TYPE(name) ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__##name

int inn_onnx_attr_type(const Onnx__AttributeProto *p)
{
    if (p->has_type && p->type != TYPE(UNDEFINED))
        return (int)p->type;
    if (p->has_f)
        return TYPE(FLOAT);
    if (p->has_i)
        return TYPE(INT);
    if (p->has_s)
        return TYPE(STRING);
    if (p->t != NULL)
        return TYPE(TENSOR);
    if (p->g != NULL)
        return TYPE(GRAPH);
    if (p->n_floats > 0)
        return TYPE(FLOATS);
    if (p->n_ints > 0)
        return TYPE(INTS);
    if (p->n_strings > 0)
        return TYPE(STRINGS);
    return TYPE(UNDEFINED);
}

/*
 * Values in fields that type does not speak of: nobody could tell which is
 * meant. A zero number says nothing.
 */
static bool has_others(const Onnx__AttributeProto *p, int type)
{
    return (p->has_f && p->f != 0 && type != TYPE(FLOAT)) ||
           (p->has_i && p->i != 0 && type != TYPE(INT)) ||
           (p->s.len > 0 && type != TYPE(STRING)) ||
           (p->t != NULL && type != TYPE(TENSOR)) ||
           (p->g != NULL && type != TYPE(GRAPH)) ||
           (p->n_floats > 0 && type != TYPE(FLOATS)) ||
           (p->n_ints > 0 && type != TYPE(INTS)) ||
           (p->n_strings > 0 && type != TYPE(STRINGS)) ||
           (p->n_tensors > 0 && type != TYPE(TENSORS)) ||
           (p->n_graphs > 0 && type != TYPE(GRAPHS));
}

static enum inn_status read_strings(struct inn_attr *a,
                                    const Onnx__AttributeProto *p,
                                    struct inn_arena *arena,
                                    struct inn_error *err)
{
    size_t i;

    a->strings = inn_arena_alloc(arena, p->n_strings, sizeof(*a->strings),
                                 err);
    if (a->strings == NULL)
        return inn_refused(err);
    for (i = 0; i < p->n_strings; i++) {
        const ProtobufCBinaryData *s = &p->strings[i];

        /* Inner zeros would end our copy: only the bytes can carry them. */
        if (s->len > 0 && memchr(s->data, 0, s->len) != NULL) {
            a->kind = INN_ATTR_RAW;
            a->strings = NULL;
            return INN_OK;
        }
        a->strings[i] = inn_arena_strndup(arena, (const char *)s->data,
                                          s->len, err);
        if (a->strings[i] == NULL)
            return inn_refused(err);
    }
    a->count = p->n_strings;
    return INN_OK;
}

static enum inn_status read_tensor(struct inn_attr *a,
                                   const Onnx__AttributeProto *p,
                                   const struct inn_onnx_source *source,
                                   struct inn_error *err)
{
    if (p->t == NULL)
        return inn_fail(err, INN_ERR_FORMAT, "a tensor is missing");
    if (p->t->has_data_type && p->t->data_type > 0 &&
        p->t->data_type <= INN_ONNX_MAX_TYPE &&
        !inn_onnx_type_held(p->t->data_type)) {
        a->kind = INN_ATTR_RAW;
        return INN_OK;
    }
    a->tensor = inn_arena_alloc(source->arena, 1, sizeof(*a->tensor), err);
    if (a->tensor == NULL)
        return inn_refused(err);
    return inn_onnx_tensor(a->tensor, p->t, source, err);
}

enum inn_status inn_onnx_attr(struct inn_attr *attr,
                              const Onnx__AttributeProto *proto,
                              const struct inn_onnx_source *source,
                              struct inn_error *err)
{
    const int type = inn_onnx_attr_type(proto);
    enum inn_status st = INN_OK;

    memset(attr, 0, sizeof(*attr));
    attr->name = inn_onnx_text(proto->name);
    if (attr->name[0] == '\0')
        return inn_fail(err, INN_ERR_FORMAT, "an attribute has no name");
    if (has_others(proto, type))
        return inn_fail(err, INN_ERR_FORMAT,
                        "attribute '%s' has values of several kinds",
                        attr->name);
    attr->kind = type >= INN_ATTR_FLOAT && type <= INN_ATTR_STRINGS
                     ? (enum inn_attr_kind)type
                     : INN_ATTR_RAW;
    switch (type) {
    case TYPE(UNDEFINED):
        return inn_fail(err, INN_ERR_FORMAT,
                        "attribute '%s' has no type", attr->name);
    case TYPE(FLOAT):
        attr->f = proto->has_f ? proto->f : 0;
        break;
    case TYPE(INT):
        attr->i = proto->has_i ? proto->i : 0;
        break;
    case TYPE(STRING):
        attr->s_len = proto->s.len;
        attr->s = inn_arena_strndup(source->arena,
                                    (const char *)proto->s.data,
                                    proto->s.len, err);
        if (attr->s == NULL)
            return inn_refused(err);
        break;
    case TYPE(TENSOR):
        st = read_tensor(attr, proto, source, err);
        break;
    case TYPE(GRAPH):
        if (proto->g == NULL)
            st = inn_fail(err, INN_ERR_FORMAT, "a graph is missing");
        break;
    case TYPE(FLOATS):
        attr->count = proto->n_floats;
        attr->floats = proto->floats;
        break;
    case TYPE(INTS):
        attr->count = proto->n_ints;
        attr->ints = proto->ints;
        break;
    case TYPE(STRINGS):
        st = read_strings(attr, proto, source->arena, err);
        break;
    default:
        break;
    }
    if (st == INN_OK &&
        (attr->kind == INN_ATTR_GRAPH || attr->kind == INN_ATTR_RAW))
        st = inn_onnx_pack_message(&proto->base, &attr->packed,
                                   &attr->packed_len, source->arena, err);
    if (st != INN_OK)
        inn_error_prefix(err, "attribute '%s'", attr->name);
    return st;
}
