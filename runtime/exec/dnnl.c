/*
 * The engine, primitives as steps, and their handles to slots.
 *
 * Thread counts. Measured with oneDNN 2.6.3 on AVX-512 (Zen 4): over the
 * convolutions of ResNet-50, depthwise, grouped and odd ones, and products up
 * to 196 x 3072 x 768, the implementations brgconv, brgconv_1x1, brdgmm_dw,
 * jit and brg (matmul) give the same bits for 1, 2, 3, 4, 8, 16 and 64
 * threads. With AVX2 and SSE4.1 forced, jit convolutions do too. Those that go
 * by its own sgemm (x64:gemm:jit, gemm:jit) do not: it splits the reduction by
 * threads. They are made for one thread and run on one. The inner product
 * primitive splits it as well (already at 2 threads on AVX-512), which is why
 * matmul is used instead.
 */
#include "runtime/base/error.h"
#include "runtime/exec/dnnl_priv.h"
#include "runtime/exec/workers.h"

struct inn_dnnl_prim {
    dnnl_primitive_t primitive;
    bool serial;
    int n_args;
    int slots[INN_DNNL_ARGS + 1];
    dnnl_exec_arg_t args[INN_DNNL_ARGS + 1];
};

enum inn_status inn_dnnl_fail(struct inn_error *err, const char *what,
                              dnnl_status_t status)
{
    if (status == dnnl_out_of_memory)
        return inn_fail(err, INN_ERR_MEMORY, "oneDNN: %s: out of memory",
                        what);
    return inn_fail(err, INN_ERR_UNSUPPORTED, "oneDNN: %s fails with status %d",
                    what, (int)status);
}

/* More than a primitive with its kernels takes. */
#define PRIMITIVE_ROOM ((size_t)16 << 20)

enum inn_status inn_dnnl_room(struct inn_error *err)
{
    if (inn_heap_has_room(PRIMITIVE_ROOM))
        return INN_OK;
    return inn_fail(err, INN_ERR_MEMORY, "out of memory for oneDNN");
}

enum inn_status inn_dnnl_new(struct inn_dnnl **dnnl, const char *tune,
                             struct inn_heap *heap, struct inn_error *err)
{
    struct inn_dnnl *d;
    enum inn_status st;
    dnnl_status_t ds;

    *dnnl = NULL;
    st = inn_dnnl_room(err);
    if (st != INN_OK)
        return st;
    d = inn_alloc(heap, 1, sizeof(*d), err);
    if (d == NULL)
        return inn_refused(err);
    d->heap = heap;
    ds = dnnl_engine_create(&d->engine, dnnl_cpu, 0);
    if (ds == dnnl_success)
        ds = dnnl_stream_create(&d->stream, d->engine,
                                dnnl_stream_default_flags);
    if (ds != dnnl_success) {
        inn_dnnl_free(d);
        return inn_dnnl_fail(err, "creating an engine", ds);
    }
    if (tune != NULL) {
        st = inn_tune_new(&d->tune, tune, heap, err);
        if (st != INN_OK) {
            inn_dnnl_free(d);
            return st;
        }
    }
    *dnnl = d;
    return INN_OK;
}

bool inn_dnnl_has_bf16(void)
{
    unsigned isa = (unsigned)dnnl_get_effective_cpu_isa();
    unsigned bf16 = (unsigned)dnnl_cpu_isa_avx512_core_bf16;

    return (isa & bf16) == bf16;
}

void inn_dnnl_free(struct inn_dnnl *dnnl)
{
    if (dnnl == NULL)
        return;
    inn_tune_free(dnnl->tune);
    if (dnnl->stream != NULL)
        dnnl_stream_destroy(dnnl->stream);
    if (dnnl->engine != NULL)
        dnnl_engine_destroy(dnnl->engine);
    inn_free(dnnl->heap, dnnl);
}

void inn_args_add(struct inn_args *args, int arg, int slot, bool is_output)
{
    args->at[args->n].arg = arg;
    args->at[args->n].slot = slot;
    args->at[args->n].is_output = is_output;
    args->n++;
}

/* Scratch memory is planned like any other buffer. */
static enum inn_status add_scratch(struct inn_builder *b,
                                   const struct inn_desc *desc,
                                   struct inn_args *args,
                                   struct inn_error *err)
{
    const dnnl_memory_desc_t *md = inn_desc_md(desc, dnnl_query_scratchpad_md);
    struct inn_tensor t;
    struct inn_layout *layout;
    enum inn_status st;
    int64_t bytes;
    int slot;

    if (md == NULL || dnnl_memory_desc_get_size(md) == 0)
        return INN_OK;
    bytes = (int64_t)dnnl_memory_desc_get_size(md);
    layout = inn_arena_alloc(&b->s->arena, 1, sizeof(*layout), err);
    if (layout == NULL)
        return inn_refused(err);
    layout->md = *md;
    st = inn_tensor_init(&t, INN_U8, 1, &bytes, err);
    if (st == INN_OK)
        st = inn_build_slot(b, &slot, INN_SLOT_BUFFER, -1, &t, err);
    if (st != INN_OK)
        return st;
    b->s->slots[slot].layout = layout;
    inn_args_add(args, DNNL_ARG_SCRATCHPAD, slot, true);
    return INN_OK;
}

enum inn_status inn_dnnl_step(struct inn_builder *b,
                              const struct inn_desc *desc,
                              const struct inn_args *given,
                              const struct inn_node *node,
                              struct inn_error *err)
{
    struct inn_args args = *given;
    struct inn_dnnl_prim *prim;
    struct inn_step *step;
    enum inn_status st;
    dnnl_status_t ds;
    int i, index, threads = 1, n_in = 0, n_out = 0;

    st = add_scratch(b, desc, &args, err);
    if (st == INN_OK)
        st = inn_dnnl_room(err);
    if (st != INN_OK)
        return st;
    prim = inn_arena_alloc(&b->s->arena, 1, sizeof(*prim), err);
    if (prim == NULL)
        return inn_refused(err);
    st = inn_build_step(b, &index, INN_STEP_PRIM, args.n, args.n, err);
    if (st != INN_OK)
        return st;
    step = &b->s->steps[index];
    step->node = node;
    step->prim = prim;
    step->impl = inn_arena_strdup(&b->s->arena, inn_desc_name(desc), err);
    if (step->impl == NULL)
        return inn_refused(err);
    prim->serial = desc->serial;
    prim->n_args = args.n;
    for (i = 0; i < args.n; i++) {
        prim->slots[i] = args.at[i].slot;
        prim->args[i].arg = args.at[i].arg;
        if (args.at[i].is_output)
            step->out[n_out++] = args.at[i].slot;
        else
            step->in[n_in++] = args.at[i].slot;
    }
    step->n_in = n_in;
    step->n_out = n_out;
    if (prim->serial)
        threads = inn_workers_use(1);
    ds = dnnl_primitive_create(&prim->primitive, desc->pd);
    if (prim->serial)
        inn_workers_use(threads);
    if (ds != dnnl_success) {
        prim->primitive = NULL;
        return inn_dnnl_fail(err, "creating a primitive", ds);
    }
    return INN_OK;
}

void inn_dnnl_prim_free(struct inn_dnnl_prim *prim)
{
    if (prim != NULL && prim->primitive != NULL)
        dnnl_primitive_destroy(prim->primitive);
}

/* A slot's dnnl_memory_t goes by our name in exec.h. */
static dnnl_memory_t to_dnnl(struct inn_dnnl_memory *memory)
{
    return (dnnl_memory_t)(void *)memory;
}

void inn_dnnl_memory_free(struct inn_dnnl_memory *memory)
{
    if (memory != NULL)
        dnnl_memory_destroy(to_dnnl(memory));
}

static enum inn_status bind_slot(struct inn_schedule *s, int index,
                                 struct inn_error *err)
{
    struct inn_slot *slot = &s->slots[index];
    dnnl_memory_desc_t md;
    dnnl_memory_t memory;
    enum inn_status st;
    dnnl_status_t ds;

    if (slot->memory != NULL)
        return INN_OK;
    if (slot->layout != NULL) {
        md = slot->layout->md;
    } else {
        st = inn_md_plain(&md, slot->tensor.rank, slot->tensor.dims, err);
        if (st != INN_OK)
            return st;
    }
    /* An input's address comes with the run. */
    ds = dnnl_memory_create(&memory, &md, s->dnnl->engine,
                            slot->tensor.data != NULL ? slot->tensor.data
                                                      : DNNL_MEMORY_NONE);
    if (ds != dnnl_success)
        return inn_dnnl_fail(err, "creating a memory object", ds);
    slot->memory = (struct inn_dnnl_memory *)(void *)memory;
    return INN_OK;
}

enum inn_status inn_dnnl_bind(struct inn_schedule *s, struct inn_error *err)
{
    enum inn_status st;
    int i, k;

    for (i = 0; i < s->n_steps; i++) {
        struct inn_dnnl_prim *prim = s->steps[i].prim;

        if (prim == NULL)
            continue;
        for (k = 0; k < prim->n_args; k++) {
            st = bind_slot(s, prim->slots[k], err);
            if (st != INN_OK)
                return st;
            prim->args[k].memory = to_dnnl(s->slots[prim->slots[k]].memory);
        }
    }
    return INN_OK;
}

enum inn_status inn_dnnl_move(struct inn_schedule *s, int slot,
                              struct inn_error *err)
{
    struct inn_slot *at = &s->slots[slot];
    void *now = NULL;
    dnnl_status_t ds;

    if (at->memory == NULL)
        return INN_OK;
    ds = dnnl_memory_get_data_handle(to_dnnl(at->memory), &now);
    if (ds == dnnl_success && now != at->tensor.data)
        ds = dnnl_memory_set_data_handle(to_dnnl(at->memory),
                                         at->tensor.data);
    if (ds != dnnl_success)
        return inn_dnnl_fail(err, "pointing at an input", ds);
    return INN_OK;
}

enum inn_status inn_dnnl_run(struct inn_schedule *s,
                             const struct inn_step *step,
                             struct inn_error *err)
{
    const struct inn_dnnl_prim *prim = step->prim;
    int threads = 0;
    dnnl_status_t ds;

    if (prim->serial)
        threads = inn_workers_use(1);
    ds = dnnl_primitive_execute(prim->primitive, s->dnnl->stream,
                                prim->n_args, prim->args);
    if (ds == dnnl_success)
        ds = dnnl_stream_wait(s->dnnl->stream);
    if (prim->serial)
        inn_workers_use(threads);
    if (ds != dnnl_success)
        return inn_dnnl_fail(err, "running a primitive", ds);
    return INN_OK;
}

/*
 * oneDNN counts in int, and ends the process where that overflows: it throws
 * from C. What a network of use has lies far below either.
 */
#define MOST_PLACES (INT32_MAX / 16)
#define MOST_STEP ((int64_t)1 << 20)

static bool are_places_few(const struct inn_builder *b, const int *values,
                           int n)
{
    int i, k;

    for (i = 0; i < n; i++) {
        const struct inn_tensor *t =
            values[i] >= 0 ? inn_shapes_get(&b->s->shapes, values[i]) : NULL;

        for (k = 0; t != NULL && k < t->rank; k++) {
            if (t->dims[k] > MOST_PLACES)
                return false;
        }
    }
    return true;
}

static bool is_window_near(const struct inn_window *w)
{
    int i;

    for (i = 0; i < w->rank; i++) {
        if (w->stride[i] > MOST_STEP || w->dilation[i] > MOST_STEP ||
            (w->kernel[i] - 1) * w->dilation[i] > MOST_STEP ||
            w->pad_begin[i] > MOST_STEP || w->pad_end[i] > MOST_STEP)
            return false;
    }
    return true;
}

static bool is_in_reach(const struct inn_builder *b, const struct inn_work *w)
{
    enum inn_prim_kind kind = w->prim->kind;

    if (!are_places_few(b, w->node->inputs, w->node->n_inputs) ||
        !are_places_few(b, w->node->outputs, w->node->n_outputs))
        return false;
    if (kind == INN_PRIM_CONV || kind == INN_PRIM_DECONV)
        return is_window_near(&w->prim->u.conv.window);
    return kind != INN_PRIM_POOL || is_window_near(&w->prim->u.pool.window);
}

enum inn_status inn_dnnl_build(struct inn_builder *b, int w, int n_post,
                               bool *done, struct inn_error *err)
{
    *done = false;
    if (!is_in_reach(b, &b->work[w]))
        return INN_OK;
    switch (b->work[w].prim->kind) {
    case INN_PRIM_CONV:
    case INN_PRIM_DECONV:
        return inn_dnnl_conv(b, w, n_post, done, err);
    case INN_PRIM_MATMUL:
        return inn_dnnl_matmul(b, w, n_post, done, err);
    case INN_PRIM_POOL:
        return inn_dnnl_pool(b, w, done, err);
    case INN_PRIM_ELTWISE:
        return inn_dnnl_eltwise(b, w, done, err);
    case INN_PRIM_BINARY:
        return inn_dnnl_binary(b, w, n_post, done, err);
    default: /* ours */
        return INN_OK;
    }
}
