/*
 * Local functions, inlined message by message before the graph is read, so
 * that nothing after this file knows of them. Values of a body get the
 * calling graph node's name as a prefix; graphs inside attributes are
 * rewritten too, on copies, since a body may be called many times.
 *
 * A few bytes can ask for exponential work: calls and names are budgeted.
 */
#include <string.h>

#include "runtime/graph/onnx_internal.h"

/* Names that inlining may handle, over all calls. */
#define MAX_WORK ((size_t)32 << 20)
/* A longer name is no prefix: nested calls would multiply it. */
#define MAX_PREFIX 512

/* What stays the same from one call of a function to the next. */
struct body {
    struct inn_map names;   /* of its values -> index */
    struct inn_map outputs; /* names -> index of the output */
    size_t n;               /* names */
    bool ready, active;
};

struct names {
    struct inn_map *map; /* name in the body -> index into to */
    const char **to;     /* of the heap; NULL: not defined yet */
    size_t n, cap;
    const struct names *up;
};

/* A call under way; fn is NULL for the model's own graph. */
struct frame {
    const Onnx__FunctionProto *fn;
    const Onnx__NodeProto *call; /* rewritten in its own frame */
    const struct body *body;
    const char *prefix;
    struct names *names;
};

struct sink {
    struct inn_onnx_flat *items; /* of the heap */
    size_t n, cap;
};

struct inliner {
    const Onnx__ModelProto *model;
    struct inn_heap *heap;
    struct inn_arena *arena;  /* of what stays */
    struct inn_arena scratch; /* of the tables */
    struct inn_map functions; /* key -> index */
    struct inn_map taken;     /* names -> how often asked for */
    struct inn_map prefixes;
    struct body *bodies; /* of the model's functions */
    size_t work, nodes, all_calls;
    int calls, graphs; /* depth */
    bool blamed; /* err names the function it is about */
    struct inn_error *err;
};

static enum inn_status expand_nodes(struct inliner *in, struct frame *frame,
                                    Onnx__NodeProto **nodes, size_t n,
                                    struct sink *sink);

static enum inn_status spend(struct inliner *in, size_t names)
{
    if (names > in->work)
        return inn_fail(in->err, INN_ERR_LIMIT,
                        "local functions come to more than %zu names",
                        MAX_WORK);
    in->work -= names;
    return INN_OK;
}

static enum inn_status push(struct inliner *in, struct sink *sink,
                            Onnx__NodeProto *node,
                            const Onnx__FunctionProto *body)
{
    if (sink->n == sink->cap) {
        size_t cap = sink->cap == 0 ? 64 : sink->cap * 2;
        void *grown = inn_realloc(in->heap, sink->items, cap,
                                  sizeof(*sink->items), in->err);

        if (grown == NULL)
            return inn_refused(in->err);
        sink->items = grown;
        sink->cap = cap;
    }
    sink->items[sink->n].node = node;
    sink->items[sink->n++].body = body;
    return INN_OK;
}

/* ---- Names ----------------------------------------------------------- */

/* "stem", then "stem_2" …: one that no value has. *name is the arena's. */
static enum inn_status fresh(struct inliner *in, const char **name,
                             struct inn_map *taken, const char *stem)
{
    const char *candidate = stem;
    int times = inn_map_get(taken, stem);
    enum inn_status st;

    while (candidate != NULL && inn_map_get(taken, candidate) >= 0) {
        times++;
        candidate = inn_arena_printf(in->arena, in->err, "%s_%d", stem,
                                     times + 1);
    }
    if (candidate == NULL)
        return inn_refused(in->err);
    st = inn_map_put(taken, stem, times < 0 ? 0 : times, in->err);
    if (st == INN_OK && candidate != stem)
        st = inn_map_put(taken, candidate, 0, in->err);
    *name = candidate;
    return st;
}

static enum inn_status bind(struct inliner *in, struct names *names,
                            const char *from, const char *to)
{
    const int i = inn_map_get(names->map, from);

    if (i >= 0 && names->to[i] != NULL)
        return inn_fail(in->err, INN_ERR_FORMAT,
                        "value '%s' is defined twice", from);
    if (i >= 0) {
        names->to[i] = to;
        return INN_OK;
    }
    if (names->n == names->cap) {
        size_t cap = names->cap == 0 ? 16 : names->cap * 2;
        void *grown = inn_realloc(in->heap, names->to, cap,
                                  sizeof(*names->to), in->err);

        if (grown == NULL)
            return inn_refused(in->err);
        names->to = grown;
        names->cap = cap;
    }
    names->to[names->n] = to;
    return inn_map_put(names->map, from, (int)names->n++, in->err);
}

/* What a name in frame's body is called outside of it; NULL: undefined. */
static const char *renamed(const struct frame *frame, const char *name)
{
    const struct names *names = frame->names;
    int i;

    if (frame->fn == NULL || name[0] == '\0')
        return name;
    for (; names != NULL; names = names->up) {
        i = inn_map_get(names->map, name);
        if (i >= 0 && names->to[i] != NULL)
            return names->to[i];
    }
    return NULL;
}

/* Gives a value of the body its name outside. */
static enum inn_status define(struct inliner *in, struct frame *frame,
                              const char *name, char **to)
{
    const char *outside = "";
    enum inn_status st;
    int i = -1;

    *to = (char *)(uintptr_t)name;
    if (frame->fn == NULL || name[0] == '\0')
        return INN_OK;
    if (frame->names->up == NULL)
        i = inn_map_get(&frame->body->outputs, name);
    if (i >= 0 && (size_t)i < frame->call->n_output)
        outside = frame->call->output[i];
    if (outside[0] == '\0') {
        outside = inn_arena_printf(in->arena, in->err, "%s/%s",
                                   frame->prefix, name);
        if (outside == NULL)
            return inn_refused(in->err);
        st = fresh(in, &outside, &in->taken, outside);
        if (st != INN_OK)
            return st;
    }
    *to = (char *)(uintptr_t)outside;
    return bind(in, frame->names, name, outside);
}

static enum inn_status take_names(struct inliner *in,
                                  Onnx__NodeProto *const *nodes, size_t n);

static enum inn_status take_graph(struct inliner *in,
                                  const Onnx__GraphProto *g)
{
    enum inn_status st = INN_OK;
    size_t i;

    for (i = 0; st == INN_OK && i < g->n_input; i++)
        st = inn_map_put(&in->taken, inn_onnx_text(g->input[i]->name), 0,
                         in->err);
    for (i = 0; st == INN_OK && i < g->n_initializer; i++)
        st = inn_map_put(&in->taken, inn_onnx_text(g->initializer[i]->name),
                         0, in->err);
    return st == INN_OK ? take_names(in, g->node, g->n_node) : st;
}

/* All names of the model's graph: generated ones keep clear of them. */
static enum inn_status take_names(struct inliner *in,
                                  Onnx__NodeProto *const *nodes, size_t n)
{
    enum inn_status st = INN_OK;
    size_t i, j, k;

    for (i = 0; st == INN_OK && i < n; i++) {
        for (j = 0; st == INN_OK && j < nodes[i]->n_output; j++)
            st = inn_map_put(&in->taken, nodes[i]->output[j], 0, in->err);
        for (j = 0; st == INN_OK && j < nodes[i]->n_attribute; j++) {
            const Onnx__AttributeProto *a = nodes[i]->attribute[j];

            if (a->g != NULL)
                st = take_graph(in, a->g);
            for (k = 0; st == INN_OK && k < a->n_graphs; k++)
                st = take_graph(in, a->graphs[k]);
        }
    }
    return st;
}

/* ---- Graphs inside attributes ---------------------------------------- */

static void *copy_of(struct inliner *in, const void *from, size_t size)
{
    void *to = inn_arena_alloc(in->arena, 1, size, in->err);

    if (to != NULL)
        memcpy(to, from, size);
    return to;
}

/* Copies of value infos under their names outside; new ones are defined. */
static enum inn_status rewrite_infos(struct inliner *in, struct frame *frame,
                                     Onnx__ValueInfoProto ***infos, size_t n,
                                     bool defines)
{
    Onnx__ValueInfoProto **copy, *v;
    enum inn_status st = INN_OK;
    const char *name;
    size_t i;

    copy = inn_arena_alloc(in->arena, n, sizeof(*copy), in->err);
    if (copy == NULL)
        return inn_refused(in->err);
    for (i = 0; st == INN_OK && i < n; i++) {
        copy[i] = v = copy_of(in, (*infos)[i], sizeof(*v));
        if (v == NULL)
            return inn_refused(in->err);
        if (defines) {
            st = define(in, frame, inn_onnx_text(v->name), &v->name);
        } else {
            name = renamed(frame, inn_onnx_text(v->name));
            if (name != NULL)
                v->name = (char *)(uintptr_t)name;
        }
    }
    *infos = copy;
    return st;
}

static enum inn_status rewrite_tensor(struct inliner *in, struct frame *frame,
                                      Onnx__TensorProto **tensor)
{
    Onnx__TensorProto *t = copy_of(in, *tensor, sizeof(*t));

    if (t == NULL)
        return inn_refused(in->err);
    *tensor = t;
    return define(in, frame, inn_onnx_text(t->name), &t->name);
}

/* g is a copy already; its lists of initializers become copies. */
static enum inn_status rewrite_tensors(struct inliner *in,
                                       struct frame *frame,
                                       Onnx__GraphProto *g)
{
    Onnx__TensorProto **dense;
    Onnx__SparseTensorProto **sparse;
    enum inn_status st = INN_OK;
    size_t i;

    dense = inn_arena_alloc(in->arena, g->n_initializer, sizeof(*dense),
                            in->err);
    sparse = inn_arena_alloc(in->arena, g->n_sparse_initializer,
                             sizeof(*sparse), in->err);
    if (dense == NULL || sparse == NULL)
        return inn_refused(in->err);
    for (i = 0; st == INN_OK && i < g->n_initializer; i++) {
        dense[i] = g->initializer[i];
        st = rewrite_tensor(in, frame, &dense[i]);
    }
    for (i = 0; st == INN_OK && i < g->n_sparse_initializer; i++) {
        sparse[i] = copy_of(in, g->sparse_initializer[i], sizeof(**sparse));
        if (sparse[i] == NULL)
            return inn_refused(in->err);
        if (sparse[i]->values != NULL)
            st = rewrite_tensor(in, frame, &sparse[i]->values);
    }
    g->initializer = dense;
    g->sparse_initializer = sparse;
    return st;
}

static enum inn_status rewrite_parts(struct inliner *in, struct frame *frame,
                                     Onnx__GraphProto *g)
{
    struct sink sink = {NULL, 0, 0};
    enum inn_status st;
    size_t i;

    st = spend(in, g->n_input + g->n_output + g->n_initializer +
                       g->n_sparse_initializer + g->n_value_info);
    if (st == INN_OK)
        st = rewrite_infos(in, frame, &g->input, g->n_input, true);
    if (st == INN_OK)
        st = rewrite_tensors(in, frame, g);
    if (st == INN_OK)
        st = expand_nodes(in, frame, g->node, g->n_node, &sink);
    if (st == INN_OK)
        st = rewrite_infos(in, frame, &g->output, g->n_output, false);
    if (st == INN_OK)
        st = rewrite_infos(in, frame, &g->value_info, g->n_value_info, false);
    if (st != INN_OK)
        goto out;
    g->n_quantization_annotation = 0; /* by the old names */
    g->n_node = sink.n;
    g->node = inn_arena_alloc(in->arena, sink.n, sizeof(*g->node), in->err);
    if (g->node == NULL) {
        st = inn_refused(in->err);
        goto out;
    }
    for (i = 0; i < sink.n; i++)
        g->node[i] = sink.items[i].node;
out:
    inn_free(in->heap, sink.items);
    return st;
}

static enum inn_status rewrite_graph(struct inliner *in,
                                     const struct frame *frame,
                                     Onnx__GraphProto **graph)
{
    struct inn_map map;
    struct names names = {&map, NULL, 0, 0, frame->names};
    struct frame inner = *frame;
    enum inn_status st;

    if (in->graphs == INN_ONNX_MAX_GRAPHS)
        return inn_fail(in->err, INN_ERR_LIMIT,
                        "graphs nest deeper than %d", INN_ONNX_MAX_GRAPHS);
    *graph = copy_of(in, *graph, sizeof(**graph));
    if (*graph == NULL)
        return inn_refused(in->err);
    inn_map_init(&map, &in->scratch);
    inner.names = &names;
    in->graphs++;
    st = rewrite_parts(in, &inner, *graph);
    in->graphs--;
    inn_free(in->heap, names.to);
    return st;
}

/* ---- Attributes ------------------------------------------------------ */

static Onnx__AttributeProto *find_attr(Onnx__AttributeProto *const *attrs,
                                       size_t n, const char *name)
{
    size_t i;

    for (i = 0; i < n; i++) {
        if (strcmp(inn_onnx_text(attrs[i]->name), name) == 0)
            return attrs[i];
    }
    return NULL;
}

/* What a reference stands for; NULL where neither caller nor default is. */
static enum inn_status resolve(struct inliner *in, const struct frame *frame,
                               const Onnx__AttributeProto *ref,
                               Onnx__AttributeProto **to)
{
    const Onnx__FunctionProto *fn = frame->fn;
    const char *name = ref->ref_attr_name;
    Onnx__AttributeProto *found;

    *to = NULL;
    if (fn == NULL)
        return inn_fail(in->err, INN_ERR_FORMAT,
                        "attribute '%s' refers to '%s' of a function, "
                        "but is in none", inn_onnx_text(ref->name), name);
    if (spend(in, frame->call->n_attribute + fn->n_attribute_proto) != INN_OK)
        return INN_ERR_LIMIT;
    found = find_attr(frame->call->attribute, frame->call->n_attribute, name);
    if (found == NULL)
        found = find_attr(fn->attribute_proto, fn->n_attribute_proto, name);
    if (found == NULL)
        return INN_OK;
    if (found->ref_attr_name != NULL && found->ref_attr_name[0] != '\0')
        return inn_fail(in->err, INN_ERR_FORMAT,
                        "the default of attribute '%s' is a reference",
                        name);
    /* They could double with every call, and nobody writes them. */
    if (found->g != NULL || found->n_graphs > 0)
        return inn_fail(in->err, INN_ERR_UNSUPPORTED,
                        "attribute '%s': a function's reference to a "
                        "graph is not supported", name);
    if (ref->has_type && ref->type != 0 &&
        (int)ref->type != inn_onnx_attr_type(found))
        return inn_fail(in->err, INN_ERR_FORMAT,
                        "attribute '%s' has type %d, the function wants "
                        "%d", name, inn_onnx_attr_type(found),
                        (int)ref->type);
    *to = copy_of(in, found, sizeof(*found));
    if (*to == NULL)
        return inn_refused(in->err);
    (*to)->name = ref->name;
    return INN_OK;
}

static enum inn_status rewrite_attr(struct inliner *in,
                                    const struct frame *frame,
                                    Onnx__AttributeProto *attr,
                                    Onnx__AttributeProto **to)
{
    enum inn_status st = INN_OK;
    Onnx__GraphProto **graphs;
    Onnx__AttributeProto *a;
    size_t i;

    *to = attr;
    if (attr->ref_attr_name != NULL && attr->ref_attr_name[0] != '\0')
        return resolve(in, frame, attr, to);
    if (attr->g == NULL && attr->n_graphs == 0)
        return INN_OK;
    *to = a = copy_of(in, attr, sizeof(*a));
    graphs = inn_arena_alloc(in->arena, attr->n_graphs, sizeof(*graphs),
                             in->err);
    if (a == NULL || graphs == NULL)
        return inn_refused(in->err);
    a->graphs = graphs;
    if (a->g != NULL)
        st = rewrite_graph(in, frame, &a->g);
    for (i = 0; st == INN_OK && i < a->n_graphs; i++) {
        graphs[i] = attr->graphs[i];
        st = rewrite_graph(in, frame, &graphs[i]);
    }
    return st;
}

/* ---- Graph nodes ----------------------------------------------------- */

static enum inn_status rewrite_inputs(struct inliner *in,
                                      const struct frame *frame,
                                      Onnx__NodeProto *node)
{
    const char *name;
    char **inputs;
    size_t i;

    inputs = inn_arena_alloc(in->arena, node->n_input, sizeof(*inputs),
                             in->err);
    if (inputs == NULL)
        return inn_refused(in->err);
    for (i = 0; i < node->n_input; i++) {
        name = renamed(frame, node->input[i]);
        if (name == NULL)
            return inn_fail(in->err, INN_ERR_FORMAT,
                            "%s%s%s%s reads '%s', which nothing before it "
                            "defines", inn_onnx_text(node->op_type),
                            node->name != NULL && node->name[0] ? " '" : "",
                            inn_onnx_text(node->name),
                            node->name != NULL && node->name[0] ? "'" : "",
                            node->input[i]);
        inputs[i] = (char *)(uintptr_t)name;
    }
    node->input = inputs;
    return INN_OK;
}

/* A copy of node as it is outside of the body. */
static enum inn_status rewrite_node(struct inliner *in, struct frame *frame,
                                    Onnx__NodeProto **to,
                                    const Onnx__NodeProto *from)
{
    Onnx__AttributeProto **attrs, *a;
    Onnx__NodeProto *node;
    enum inn_status st;
    char **outputs;
    size_t i;

    *to = node = copy_of(in, from, sizeof(*node));
    outputs = inn_arena_alloc(in->arena, from->n_output, sizeof(*outputs),
                              in->err);
    attrs = inn_arena_alloc(in->arena, from->n_attribute, sizeof(*attrs),
                            in->err);
    if (node == NULL || outputs == NULL || attrs == NULL)
        return inn_refused(in->err);
    if (frame->fn != NULL && inn_onnx_text(from->name)[0] != '\0') {
        node->name = inn_arena_printf(in->arena, in->err, "%s/%s",
                                      frame->prefix, from->name);
        if (node->name == NULL)
            return inn_refused(in->err);
    }
    st = rewrite_inputs(in, frame, node);
    node->n_attribute = 0;
    for (i = 0; st == INN_OK && i < from->n_attribute; i++) {
        st = rewrite_attr(in, frame, from->attribute[i], &a);
        if (st == INN_OK && a != NULL)
            attrs[node->n_attribute++] = a;
    }
    node->attribute = attrs;
    for (i = 0; st == INN_OK && i < from->n_output; i++)
        st = define(in, frame, from->output[i], &outputs[i]);
    node->output = outputs;
    return st;
}

/* ---- Calls ----------------------------------------------------------- */

/* Lengths first, so that no two functions share a key. */
static const char *function_key(struct inliner *in, const char *domain,
                                const char *name, const char *overload)
{
    domain = inn_onnx_domain(domain);
    name = inn_onnx_text(name);
    return inn_arena_printf(&in->scratch, in->err, "%zu %s%zu %s%s",
                            strlen(domain), domain, strlen(name), name,
                            inn_onnx_text(overload));
}

static enum inn_status add_functions(struct inliner *in)
{
    const Onnx__ModelProto *m = in->model;
    enum inn_status st;
    const char *key;
    size_t i;

    for (i = 0; i < m->n_functions; i++) {
        const Onnx__FunctionProto *fn = m->functions[i];

        if (inn_onnx_text(fn->name)[0] == '\0')
            return inn_fail(in->err, INN_ERR_FORMAT, "a function has no name");
        key = function_key(in, fn->domain, fn->name, fn->overload);
        if (key == NULL)
            return inn_refused(in->err);
        if (inn_map_get(&in->functions, key) >= 0)
            return inn_fail(in->err, INN_ERR_FORMAT,
                            "function '%s' is defined twice", fn->name);
        st = inn_map_put(&in->functions, key, (int)i, in->err);
        if (st != INN_OK)
            return st;
    }
    return INN_OK;
}

/* An output that the body does not make itself: an input, or one twice. */
static enum inn_status pass_on(struct inliner *in, struct frame *frame,
                               const char *from, char *to, struct sink *sink)
{
    Onnx__NodeProto *node;

    node = inn_arena_alloc(in->arena, 1, sizeof(*node), in->err);
    if (node == NULL)
        return inn_refused(in->err);
    onnx__node_proto__init(node);
    node->op_type = inn_arena_strdup(in->arena, "Identity", in->err);
    node->input = inn_arena_alloc(in->arena, 1, sizeof(char *), in->err);
    node->output = inn_arena_alloc(in->arena, 1, sizeof(char *), in->err);
    if (node->op_type == NULL || node->input == NULL || node->output == NULL)
        return inn_refused(in->err);
    node->input[0] = (char *)(uintptr_t)from;
    node->output[0] = to;
    node->n_input = node->n_output = 1;
    return push(in, sink, node, frame->fn);
}

static enum inn_status finish_outputs(struct inliner *in, struct frame *frame,
                                      struct sink *sink)
{
    const Onnx__NodeProto *call = frame->call;
    enum inn_status st = INN_OK;
    const char *name;
    size_t i;

    for (i = 0; st == INN_OK && i < call->n_output; i++) {
        if (call->output[i][0] == '\0')
            continue;
        name = renamed(frame, frame->fn->output[i]);
        if (name == NULL || name[0] == '\0')
            return inn_fail(in->err, INN_ERR_FORMAT,
                            "its output '%s' is computed by nothing",
                            frame->fn->output[i]);
        if (strcmp(name, call->output[i]) != 0)
            st = pass_on(in, frame, name, call->output[i], sink);
    }
    return st;
}

static enum inn_status index_name(struct inliner *in, struct body *body,
                                  const char *name)
{
    if (inn_map_get(&body->names, name) >= 0)
        return INN_OK;
    return inn_map_put(&body->names, name, (int)body->n++, in->err);
}

/* Once per function: a call then costs an array and no tables. */
static enum inn_status index_body(struct inliner *in, struct body *body,
                                  const Onnx__FunctionProto *fn)
{
    enum inn_status st = INN_OK;
    size_t i, j;

    inn_map_init(&body->names, &in->scratch);
    inn_map_init(&body->outputs, &in->scratch);
    for (i = 0; st == INN_OK && i < fn->n_input; i++)
        st = index_name(in, body, fn->input[i]);
    for (i = 0; st == INN_OK && i < fn->n_output; i++) {
        st = index_name(in, body, fn->output[i]);
        if (st == INN_OK && inn_map_get(&body->outputs, fn->output[i]) < 0)
            st = inn_map_put(&body->outputs, fn->output[i], (int)i, in->err);
    }
    for (i = 0; st == INN_OK && i < fn->n_node; i++) {
        for (j = 0; st == INN_OK && j < fn->node[i]->n_output; j++)
            st = index_name(in, body, fn->node[i]->output[j]);
    }
    body->ready = st == INN_OK;
    return st;
}

static enum inn_status expand_body(struct inliner *in, struct frame *frame,
                                   struct sink *sink)
{
    const Onnx__FunctionProto *fn = frame->fn;
    const Onnx__NodeProto *call = frame->call;
    const char *stem = inn_onnx_text(call->name);
    enum inn_status st = INN_OK;
    size_t i;

    if (stem[0] == '\0' || strlen(stem) > MAX_PREFIX)
        stem = strlen(fn->name) <= MAX_PREFIX ? fn->name : "function";
    st = fresh(in, &frame->prefix, &in->prefixes, stem);
    for (i = 0; st == INN_OK && i < fn->n_input; i++)
        st = bind(in, frame->names, fn->input[i],
                  i < call->n_input ? call->input[i] : "");
    if (st == INN_OK)
        st = expand_nodes(in, frame, fn->node, fn->n_node, sink);
    return st == INN_OK ? finish_outputs(in, frame, sink) : st;
}

static enum inn_status check_call(struct inliner *in,
                                  const Onnx__FunctionProto *fn,
                                  const Onnx__NodeProto *call, int f)
{
    if (in->bodies[f].active)
        return inn_fail(in->err, INN_ERR_FORMAT, "it calls itself");
    if (in->calls == INN_ONNX_MAX_DEPTH)
        return inn_fail(in->err, INN_ERR_LIMIT,
                        "functions call each other deeper than %d",
                        INN_ONNX_MAX_DEPTH);
    if (call->n_input > fn->n_input || call->n_output > fn->n_output)
        return inn_fail(in->err, INN_ERR_FORMAT,
                        "it is called with %zu inputs and %zu outputs, it has "
                        "%zu and %zu", call->n_input, call->n_output,
                        fn->n_input, fn->n_output);
    if (in->all_calls++ == INN_ONNX_MAX_CALLS)
        return inn_fail(in->err, INN_ERR_LIMIT,
                        "more than %d calls of local functions",
                        INN_ONNX_MAX_CALLS);
    return INN_OK;
}

static enum inn_status expand_call(struct inliner *in, Onnx__NodeProto *call,
                                   int f, struct sink *sink)
{
    const Onnx__FunctionProto *fn = in->model->functions[f];
    struct body *body = &in->bodies[f];
    struct names names = {&body->names, NULL, 0, 0, NULL};
    struct frame frame = {fn, call, body, "", &names};
    enum inn_status st;

    st = check_call(in, fn, call, f);
    if (st == INN_OK && !body->ready)
        st = index_body(in, body, fn);
    if (st == INN_OK)
        st = spend(in, body->n);
    if (st == INN_OK) {
        names.n = names.cap = body->n;
        names.to = inn_alloc(in->heap, body->n, sizeof(*names.to), in->err);
        if (names.to == NULL)
            st = inn_refused(in->err);
    }
    if (st == INN_OK) {
        body->active = true;
        in->calls++;
        st = expand_body(in, &frame, sink);
        in->calls--;
        body->active = false;
    }
    /* The innermost name is enough, 64 of them would hide what happened. */
    if (st != INN_OK && st != INN_ERR_MEMORY && !in->blamed) {
        inn_error_prefix(in->err, "function '%s'", fn->name);
        in->blamed = true;
    }
    inn_free(in->heap, names.to);
    return st;
}

static enum inn_status expand_nodes(struct inliner *in, struct frame *frame,
                                    Onnx__NodeProto **nodes, size_t n,
                                    struct sink *sink)
{
    Onnx__NodeProto *node;
    enum inn_status st;
    const char *key;
    size_t i;
    int f;

    for (i = 0; i < n; i++) {
        if (in->nodes++ == INN_ONNX_MAX_NODES)
            return inn_fail(in->err, INN_ERR_LIMIT,
                            "local functions come to more than %d graph nodes",
                            INN_ONNX_MAX_NODES);
        st = spend(in, 1 + nodes[i]->n_input + nodes[i]->n_output +
                           nodes[i]->n_attribute);
        if (st == INN_OK)
            st = rewrite_node(in, frame, &node, nodes[i]);
        if (st != INN_OK)
            return st;
        key = function_key(in, node->domain, node->op_type, node->overload);
        if (key == NULL)
            return inn_refused(in->err);
        f = inn_map_get(&in->functions, key);
        st = f < 0 ? push(in, sink, node, frame->fn)
                   : expand_call(in, node, f, sink);
        if (st != INN_OK)
            return st;
    }
    return INN_OK;
}

static enum inn_status inline_all(struct inliner *in, struct sink *sink)
{
    const Onnx__GraphProto *g = in->model->graph;
    struct frame frame = {NULL, NULL, NULL, "", NULL};
    enum inn_status st;

    in->bodies = inn_arena_alloc(&in->scratch, in->model->n_functions,
                                 sizeof(*in->bodies), in->err);
    if (in->bodies == NULL)
        return inn_refused(in->err);
    st = add_functions(in);
    if (st == INN_OK)
        st = take_graph(in, g);
    if (st != INN_OK)
        return st;
    return expand_nodes(in, &frame, g->node, g->n_node, sink);
}

enum inn_status inn_onnx_inline(struct inn_onnx_flat **flat, size_t *n_flat,
                                const Onnx__ModelProto *model,
                                struct inn_heap *heap,
                                struct inn_arena *arena,
                                struct inn_error *err)
{
    const Onnx__GraphProto *g = model->graph;
    struct inliner in = {0};
    struct sink sink = {NULL, 0, 0};
    enum inn_status st = INN_OK;
    size_t i;

    *flat = NULL;
    *n_flat = 0;
    in.model = model;
    in.heap = heap;
    in.arena = arena;
    in.work = MAX_WORK;
    in.err = err;
    inn_arena_init(&in.scratch, heap);
    inn_map_init(&in.functions, &in.scratch);
    inn_map_init(&in.taken, &in.scratch);
    inn_map_init(&in.prefixes, &in.scratch);
    if (model->n_functions > 0) {
        st = inline_all(&in, &sink);
    } else {
        for (i = 0; st == INN_OK && i < g->n_node; i++)
            st = push(&in, &sink, g->node[i], NULL);
    }
    inn_arena_free(&in.scratch);
    if (st != INN_OK) {
        inn_free(heap, sink.items);
        return st;
    }
    *flat = sink.items;
    *n_flat = sink.n;
    return INN_OK;
}
