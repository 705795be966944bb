/*
 * Patterns: what follows a convolution, a product or a sum and can be
 * computed on its result while that is still in registers. A chain runs
 *   conv | matmul  →  (eltwise | channel-wise constant | one residual)*
 *   sum            →  eltwise*
 *   affine map     →  ReLU
 * Each absorbed graph node must be the only reader of the value before it.
 * The whole chain runs where its last graph node stands: by then the other
 * operand of a residual has been computed too. Where NaN must not be lost,
 * transposed convolutions absorb no function: oneDNN's sigmoid gives 0 for it
 * there, though it does nowhere else.
 */
#include "runtime/exec/exec.h"

/* The works that read each value once: index by value, -1 for none or more. */
struct readers {
    int *only;
};

static bool find_readers(struct inn_builder *b, struct readers *r,
                         struct inn_error *err)
{
    int i, j;

    r->only = inn_arena_alloc(&b->scratch, (size_t)b->s->graph->n_values,
                              sizeof(*r->only), err);
    if (r->only == NULL)
        return false;
    for (i = 0; i < b->s->graph->n_values; i++)
        r->only[i] = -1;
    for (i = 0; i < b->n_work; i++) {
        const struct inn_node *node = b->work[i].node;

        for (j = 0; j < node->n_inputs; j++) {
            int v = node->inputs[j];

            if (v >= 0)
                r->only[v] = b->remaining[v] == 1 ? i : -1;
        }
    }
    return true;
}

static bool is_root(const struct inn_prim *p)
{
    return p != NULL &&
           (p->kind == INN_PRIM_CONV || p->kind == INN_PRIM_DECONV ||
            p->kind == INN_PRIM_MATMUL || p->kind == INN_PRIM_BINARY ||
            (p->kind == INN_PRIM_MAP && p->u.map.kind == INN_MAP_AFFINE));
}

/* Convolutions and products take more than functions of their result. */
static bool sums_products(const struct inn_prim *p)
{
    return p->kind != INN_PRIM_BINARY && p->kind != INN_PRIM_MAP;
}

/*
 * Whether t varies along one axis of out at most: channels, which lie at
 * axis `channel`.
 */
static bool is_channelwise(const struct inn_tensor *t,
                           const struct inn_tensor *out, int channel)
{
    int shift = out->rank - t->rank, i;

    if (shift < 0)
        return false;
    for (i = 0; i < t->rank; i++) {
        if (t->dims[i] != 1 &&
            (i + shift != channel || t->dims[i] != out->dims[channel]))
            return false;
    }
    return true;
}

/* The operand of binary graph node that isn't v; -1 if it can't be fused. */
static int other_operand(const struct inn_builder *b,
                         const struct inn_work *host,
                         const struct inn_work *w, int v, bool *residual)
{
    const struct inn_shapes *shapes = &b->s->shapes;
    int at = w->node->inputs[0] == v ? 0 : 1;
    int o = w->node->inputs[1 - at];
    enum inn_binary kind = w->prim->u.binary;
    const struct inn_tensor *out =
        inn_shapes_get(shapes, w->node->outputs[0]);
    const struct inn_tensor *in = inn_shapes_get(shapes, v);
    const struct inn_tensor *t = inn_shapes_get(shapes, o);
    int channel = host->prim->kind == INN_PRIM_CONV ||
                  host->prim->kind == INN_PRIM_DECONV ? 1 : out->rank - 1;

    if (!inn_tensor_same_shape(in, out))
        return -1;
    if (inn_constant(b->s->graph, shapes, o) != NULL &&
        is_channelwise(t, out, channel)) {
        if (at == 1 && (kind == INN_BIN_SUB || kind == INN_BIN_DIV))
            return -1;
        return o;
    }
    if (kind != INN_BIN_ADD || *residual || !inn_tensor_same_shape(t, out))
        return -1;
    *residual = true;
    return o;
}

/*
 * Whether oneDNN would see two functions of one algorithm in the chain. Its
 * AVX-512 convolutions (2.6 at least) then give the later one the earlier's
 * parameters: a ReLU behind a leaky ReLU came out as another leaky one.
 */
static bool is_repeated(const struct inn_builder *b,
                        const struct inn_work *host, const struct inn_prim *p)
{
    int i;

    for (i = 0; i < host->n_post; i++) {
        const struct inn_prim *q = b->work[host->post[i].work].prim;
        enum inn_eltwise k = p->u.eltwise.kind, had = q->u.eltwise.kind;

        if (q->kind != INN_PRIM_ELTWISE)
            continue;
        k = k == INN_ELT_LEAKY ? INN_ELT_RELU : k;
        had = had == INN_ELT_LEAKY ? INN_ELT_RELU : had;
        if (k == had)
            return true;
    }
    return false;
}

/* Extends the chain of work i as far as it goes. */
static void grow(struct inn_builder *b, int i, const struct readers *r)
{
    struct inn_work *host = &b->work[i];
    bool residual = false;
    int v = host->node->outputs[0];

    while (host->n_post < INN_MAX_POST) {
        int next = r->only[v], operand = -1;
        struct inn_work *w;
        bool had = residual;

        if (next < 0)
            return;
        w = &b->work[next];
        if (w->host != next || w->n_post != 0 || w->prim == NULL)
            return;
        if (host->prim->kind == INN_PRIM_MAP &&
            (w->prim->kind != INN_PRIM_ELTWISE ||
             w->prim->u.eltwise.kind != INN_ELT_RELU || host->n_post != 0))
            return;
        if (w->prim->kind == INN_PRIM_BINARY && sums_products(host->prim)) {
            operand = other_operand(b, host, w, v, &residual);
            if (operand < 0)
                return;
        } else if (w->prim->kind != INN_PRIM_ELTWISE ||
                   (host->prim->kind == INN_PRIM_DECONV &&
                    b->s->care != INN_CARE_NONE) ||
                   is_repeated(b, host, w->prim)) {
            return;
        } else if (host->prim->kind == INN_PRIM_DECONV) {
            b->s->loses_nan = true;
        }
        w->host = i;
        host->post[host->n_post].work = next;
        host->post[host->n_post].operand = operand;
        host->post[host->n_post].residual = residual && !had;
        host->n_post++;
        v = w->node->outputs[0];
    }
}

enum inn_status inn_fuse(struct inn_builder *b, struct inn_error *err)
{
    struct readers r;
    int pass, i;

    if (!find_readers(b, &r, err))
        return inn_refused(err);
    /*
     * From the back: where two convolutions meet in a sum, the later one takes
     * it, and the earlier runs before. Sums only take what is left.
     */
    for (pass = 0; pass < 2; pass++) {
        for (i = b->n_work - 1; i >= 0; i--) {
            const struct inn_work *w = &b->work[i];

            if (w->host == i && w->n_post == 0 && is_root(w->prim) &&
                sums_products(w->prim) == (pass == 0))
                grow(b, i, &r);
        }
    }
    return INN_OK;
}
