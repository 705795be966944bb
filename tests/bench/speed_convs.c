/*
 * A peer for tests/bench/speed: the convolutions of a network, bare. Each
 * with its bias and a ReLU, by the implementation of oneDNN's that is fastest
 * here, in the layouts that one prefers, and nothing between them.
 *
 *     tests/bench/speed_convs [--direct] [--list] THREADS BATCH SIDE
 *         FILE.onnx [NAME:D0,D1,…]...
 *
 * --direct: without Winograd's algorithm. --list: prints every layer's
 * implementations and their times first. Then it talks as speed_run does.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/exec/dnnl_priv.h"
#include "runtime/exec/workers.h"
#include "runtime/ops/op.h"
#include "tests/bench/speed_side.h"

#define TRIALS 8

struct layer {
    dnnl_convolution_desc_t op[2]; /* direct, by Winograd's algorithm */
    int n_ops;
    dnnl_primitive_t primitive;
    dnnl_exec_arg_t args[5];
    int n_args;
    double ms;
    char name[64];
};

struct convs {
    struct side side;
    bool direct, list;
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    /* Each layer reads what the one before it wrote, as far as that goes. */
    void *ends[2];
    size_t end_bytes;
    struct layer *layers;
    int n;
};

static enum inn_status fails(struct inn_error *err, const char *what)
{
    return inn_fail(err, INN_ERR_UNSUPPORTED, "oneDNN can't: %s", what);
}

/* The window as the operator's row says it. */
static bool read_window(struct convs *c, const struct inn_node *node,
                        struct inn_prim *prim, struct inn_error *err)
{
    const struct inn_tensor *in[3] = {NULL, NULL, NULL}, *y;
    struct inn_tensor out;
    struct inn_infer ask = {.node = node, .in = in, .out = &out, .n_out = 1,
                            .arena = &c->side.arena, .err = err};
    int i;

    for (i = 0; i < node->n_inputs && i < 3; i++)
        in[i] = inn_shapes_get(&c->side.shapes, node->inputs[i]);
    y = inn_shapes_get(&c->side.shapes, node->outputs[0]);
    ask.n_in = i;
    if (y == NULL || strcmp(node->op_type, "Conv") != 0)
        return false;
    out = *y;
    return inn_node_op(node)->lower(&ask, prim);
}

static enum inn_status describe(struct convs *c, struct layer *layer,
                                const struct inn_node *node,
                                const struct inn_prim *prim,
                                struct inn_error *err)
{
    static const dnnl_alg_kind_t algorithms[] = {dnnl_convolution_direct,
                                                 dnnl_convolution_winograd};
    const struct inn_window *win = &prim->u.conv.window;
    const struct inn_tensor *x, *w, *y;
    dnnl_memory_desc_t md[4];
    dnnl_dims_t wdims, stride, dilation, pad_begin, pad_end;
    int64_t groups = prim->u.conv.groups;
    int i, a, grouped = groups > 1;
    enum inn_status st;

    x = inn_shapes_get(&c->side.shapes, node->inputs[0]);
    w = inn_shapes_get(&c->side.shapes, node->inputs[1]);
    y = inn_shapes_get(&c->side.shapes, node->outputs[0]);
    wdims[0] = groups;
    for (i = 0; i < w->rank; i++)
        wdims[i + grouped] = i == 0 ? w->dims[0] / groups : w->dims[i];
    for (i = 0; i < win->rank; i++) {
        stride[i] = win->stride[i];
        dilation[i] = win->dilation[i] - 1;
        pad_begin[i] = win->pad_begin[i];
        pad_end[i] = (win->out[i] - 1) * win->stride[i] +
                     (win->kernel[i] - 1) * win->dilation[i] + 1 -
                     x->dims[i + 2] - win->pad_begin[i];
    }
    st = inn_md_any(&md[0], x->rank, x->dims, dnnl_f32, err);
    if (st == INN_OK)
        st = inn_md_any(&md[1], w->rank + grouped, wdims, dnnl_f32, err);
    if (st == INN_OK)
        st = inn_md_plain(&md[2], 1, &y->dims[1], err);
    if (st == INN_OK)
        st = inn_md_any(&md[3], y->rank, y->dims, dnnl_f32, err);
    if (st != INN_OK)
        return st;
    for (a = 0; a < (c->direct ? 1 : 2); a++) {
        if (dnnl_dilated_convolution_forward_desc_init(
                &layer->op[layer->n_ops], dnnl_forward_inference,
                algorithms[a], &md[0], &md[1], &md[2], &md[3], stride,
                dilation, pad_begin, pad_end) == dnnl_success)
            layer->n_ops++;
    }
    snprintf(layer->name, sizeof(layer->name),
             "%" PRId64 "x%" PRId64 "x%" PRId64 " to %" PRId64 "x%" PRId64
             "x%" PRId64 ", %" PRId64 "x%" PRId64, x->dims[1], x->dims[2],
             x->dims[x->rank - 1], y->dims[1], y->dims[2],
             y->dims[y->rank - 1], win->kernel[0], win->kernel[win->rank - 1]);
    return layer->n_ops > 0 ? INN_OK : fails(err, layer->name);
}

/* Small, so that numbers neither vanish nor grow from layer to layer. */
static void fill_weights(float *to, size_t bytes)
{
    size_t i, n = bytes / sizeof(float);

    for (i = 0; i < n; i++)
        to[i] = (float)((int)((uint32_t)i * 2654435761u >> 24) - 128) / 8192;
}

static enum inn_status add_arg(struct convs *c, struct layer *layer, int arg,
                               const dnnl_memory_desc_t *md, void *end,
                               struct inn_error *err)
{
    size_t bytes = dnnl_memory_desc_get_size(md);
    dnnl_exec_arg_t *a = &layer->args[layer->n_args];
    void *data = NULL;

    if (bytes == 0)
        return INN_OK;
    a->arg = arg;
    if (dnnl_memory_create(&a->memory, md, c->engine,
                           end != NULL ? end : DNNL_MEMORY_ALLOCATE) !=
            dnnl_success ||
        dnnl_memory_get_data_handle(a->memory, &data) != dnnl_success)
        return fails(err, "a memory object");
    if (end == NULL)
        fill_weights(data, bytes);
    layer->n_args++;
    return INN_OK;
}

static void drop(struct layer *layer)
{
    while (layer->n_args > 0)
        dnnl_memory_destroy(layer->args[--layer->n_args].memory);
    if (layer->primitive != NULL)
        dnnl_primitive_destroy(layer->primitive);
    layer->primitive = NULL;
}

static enum inn_status execute(const struct convs *c,
                               const struct layer *layer,
                               struct inn_error *err)
{
    if (dnnl_primitive_execute(layer->primitive, c->stream, layer->n_args,
                               layer->args) != dnnl_success ||
        dnnl_stream_wait(c->stream) != dnnl_success)
        return fails(err, layer->name);
    return INN_OK;
}

/* One implementation, ready to run; index says which end it reads from. */
static enum inn_status prepare(struct convs *c, struct layer *layer, int index,
                               const_dnnl_primitive_desc_t pd,
                               struct inn_error *err)
{
    static const struct {
        int arg, index;
        dnnl_query_t what;
    } args[] = {{DNNL_ARG_SRC, 0, dnnl_query_src_md},
                {DNNL_ARG_DST, 0, dnnl_query_dst_md},
                {DNNL_ARG_WEIGHTS, 0, dnnl_query_weights_md},
                {DNNL_ARG_BIAS, 1, dnnl_query_weights_md},
                {DNNL_ARG_SCRATCHPAD, 0, dnnl_query_scratchpad_md}};
    enum inn_status st = INN_OK;
    int i;

    for (i = 0; i < 5 && st == INN_OK; i++) {
        const dnnl_memory_desc_t *md = dnnl_primitive_desc_query_md(
            pd, args[i].what, args[i].index);

        if (i < 2 && dnnl_memory_desc_get_size(md) > c->end_bytes)
            return fails(err, "sizes that hold its blocks");
        st = add_arg(c, layer, args[i].arg, md,
                     i < 2 ? c->ends[(index + i) % 2] : NULL, err);
    }
    if (st == INN_OK &&
        dnnl_primitive_create(&layer->primitive, pd) != dnnl_success)
        return fails(err, layer->name);
    return st;
}

/* The least of a few runs. */
static enum inn_status time_layer(struct convs *c, struct layer *layer,
                                  struct inn_error *err)
{
    enum inn_status st = INN_OK;
    int i;

    layer->ms = INFINITY;
    for (i = 0; i < TRIALS && st == INN_OK; i++) {
        int64_t start = inn_clock_ns();

        st = execute(c, layer, err);
        layer->ms = fmin(layer->ms, (double)(inn_clock_ns() - start) * 1e-6);
    }
    return st;
}

/* Times one implementation and keeps the faster of it and *best. */
static enum inn_status try(struct convs *c, int index,
                           const_dnnl_primitive_desc_t pd, const char *info,
                           struct layer *best, struct inn_error *err)
{
    struct layer one = c->layers[index];
    enum inn_status st = prepare(c, &one, index, pd, err);

    if (st == INN_OK)
        st = time_layer(c, &one, err);
    if (c->list && st == INN_OK)
        printf(" %s %.3f", info, one.ms);
    if (st == INN_OK && one.ms < best->ms) {
        drop(best);
        *best = one;
    } else {
        drop(&one);
    }
    return st;
}

/* Goes through the implementations of one layer and keeps the fastest. */
static enum inn_status choose(struct convs *c, int index,
                              const_dnnl_primitive_attr_t attr,
                              struct inn_error *err)
{
    struct layer *layer = &c->layers[index], best = *layer;
    enum inn_status st = INN_OK;
    int a;

    best.ms = INFINITY;
    if (c->list)
        printf("%s:", layer->name);
    for (a = 0; a < layer->n_ops && st == INN_OK; a++) {
        dnnl_primitive_desc_iterator_t at = NULL;
        dnnl_status_t ds = dnnl_primitive_desc_iterator_create(
            &at, &layer->op[a], attr, c->engine, NULL);
        const char *info = "", *first = NULL;

        for (; ds == dnnl_success && st == INN_OK;
             ds = dnnl_primitive_desc_iterator_next(at)) {
            dnnl_primitive_desc_t pd = dnnl_primitive_desc_iterator_fetch(at);
            bool again;

            dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0,
                                      (void *)&info);
            /* It begins anew for every layer like this one before. */
            again = first != NULL && strcmp(info, first) == 0;
            first = first != NULL ? first : info;
            if (!again && strncmp(info, "ref", 3) != 0)
                st = try(c, index, pd, info, &best, err);
            dnnl_primitive_desc_destroy(pd);
            if (again)
                break;
        }
        dnnl_primitive_desc_iterator_destroy(at);
    }
    if (c->list)
        printf("\n");
    *layer = best;
    return st == INN_OK && best.primitive == NULL ? fails(err, best.name) : st;
}

static enum inn_status choose_all(struct convs *c, struct inn_error *err)
{
    dnnl_primitive_attr_t attr = NULL;
    dnnl_post_ops_t ops = NULL;
    enum inn_status st = INN_OK;
    int i;

    if (dnnl_primitive_attr_create(&attr) != dnnl_success ||
        dnnl_post_ops_create(&ops) != dnnl_success ||
        dnnl_post_ops_append_eltwise(ops, 1.0f, dnnl_eltwise_relu, 0, 0) !=
            dnnl_success ||
        dnnl_primitive_attr_set_post_ops(attr, ops) != dnnl_success ||
        dnnl_primitive_attr_set_scratchpad_mode(
            attr, dnnl_scratchpad_mode_user) != dnnl_success)
        st = fails(err, "attributes");
    for (i = 0; i < c->n && st == INN_OK; i++)
        st = choose(c, i, attr, err);
    dnnl_post_ops_destroy(ops);
    dnnl_primitive_attr_destroy(attr);
    return st;
}

/* Room for values whose channels are rounded up to whole blocks. */
static void make_room(struct convs *c, const struct inn_node *node)
{
    int ends[2] = {node->inputs[0], node->outputs[0]}, i, k;

    for (i = 0; i < 2; i++) {
        const struct inn_tensor *t = inn_shapes_get(&c->side.shapes, ends[i]);
        size_t bytes = sizeof(float);

        for (k = 0; k < t->rank; k++)
            bytes *= (size_t)(k == 1 ? (t->dims[k] + 15) / 16 * 16
                                     : t->dims[k]);
        c->end_bytes = bytes > c->end_bytes ? bytes : c->end_bytes;
    }
}

static enum inn_status find_layers(struct convs *c, struct inn_error *err)
{
    const struct inn_graph *g = c->side.graph;
    enum inn_status st = INN_OK;
    int i;

    c->layers = inn_arena_alloc(&c->side.arena, (size_t)g->n_nodes,
                                sizeof(*c->layers), err);
    if (c->layers == NULL)
        return inn_refused(err);
    for (i = 0; i < g->n_nodes && st == INN_OK; i++) {
        struct inn_prim prim;

        if (!read_window(c, &g->nodes[i], &prim, err))
            continue;
        make_room(c, &g->nodes[i]);
        st = describe(c, &c->layers[c->n++], &g->nodes[i], &prim, err);
    }
    for (i = 0; i < 2 && st == INN_OK; i++) {
        c->ends[i] = inn_arena_alloc(&c->side.arena, c->end_bytes, 1, err);
        if (c->ends[i] == NULL)
            st = inn_refused(err);
    }
    return st;
}

static enum inn_status run(void *arg, struct inn_error *err)
{
    const struct convs *c = arg;
    enum inn_status st = INN_OK;
    int i;

    for (i = 0; i < c->n && st == INN_OK; i++)
        st = execute(c, &c->layers[i], err);
    return st;
}

int main(int argc, char **argv)
{
    struct inn_error err = {0};
    struct convs c = {.n = 0};
    enum inn_status st;
    int i;

    for (; argc > 1 && argv[1][0] == '-'; argc--, argv++) {
        c.direct |= strcmp(argv[1], "--direct") == 0;
        c.list |= strcmp(argv[1], "--list") == 0;
    }
    if (argc < 5) {
        fputs("usage: speed_convs [--direct] [--list] THREADS BATCH SIDE "
              "FILE.onnx [NAME:D0,D1,…]...\n", stderr);
        return 2;
    }
    inn_workers_use(atoi(argv[1]));
    st = side_open(&c.side, argv + 4, argc - 4, atoi(argv[2]), atoi(argv[3]),
                   &err);
    if (st == INN_OK &&
        (dnnl_engine_create(&c.engine, dnnl_cpu, 0) != dnnl_success ||
         dnnl_stream_create(&c.stream, c.engine, dnnl_stream_default_flags) !=
             dnnl_success))
        st = fails(&err, "an engine");
    if (st == INN_OK)
        st = find_layers(&c, &err);
    if (st == INN_OK)
        st = choose_all(&c, &err);
    if (st == INN_OK) {
        side_print_inputs(&c.side);
        side_print_ready(0);
        st = side_serve(run, NULL, &c, &err);
    }
    if (st != INN_OK)
        fprintf(stderr, "speed_convs: %s: %s\n", argv[4], err.message);
    for (i = 0; i < c.n; i++)
        drop(&c.layers[i]);
    if (c.stream != NULL)
        dnnl_stream_destroy(c.stream);
    if (c.engine != NULL)
        dnnl_engine_destroy(c.engine);
    side_close(&c.side);
    return st == INN_OK ? 0 : 1;
}
