/*
 * The network graph node by graph node over a whole batch, shown value by
 * value. BatchNormalization is done apart where the batch's own statistics
 * are wanted.
 */
#include "converter/moments/moments.h"

#include <string.h>

#include "converter/moments/batchnorm.h"
#include "runtime/base/checked.h"
#include "runtime/base/error.h"
#include "runtime/exec/exec.h"
#include "runtime/exec/interpreter.h"
#include "runtime/ops/common.h"

/* All values alive at once; where they would take more, fewer samples do. */
#define MOST_BYTES ((size_t)1 << 30)

struct run {
    struct inn_interpreter it;
    bool standardise;
    inn_watch_fn *watch;
    void *state;
    struct inn_error *err;
};

/* Shows a value of all samples, in f32, joined along axis 0. */
static enum inn_status show(struct run *r, int v)
{
    const struct inn_tensor *one = inn_interpreter_shape(&r->it, v);
    struct inn_heap *heap = r->it.graph->heap;
    struct inn_tensor all;
    enum inn_status st;
    int64_t dims[INN_MAX_RANK];
    void *wide = NULL;

    if (one == NULL || !inn_type_is_float(one->type))
        return INN_OK;
    memcpy(dims, one->dims, sizeof(dims));
    dims[0] = (one->rank > 0 ? dims[0] : 1) * (int64_t)r->it.samples;
    st = inn_tensor_init(&all, INN_F32, one->rank > 0 ? one->rank : 1, dims,
                         r->err);
    if (st != INN_OK)
        return st;
    all.data = r->it.data[v];
    if (one->type != INN_F32) {
        wide = inn_alloc_raw(heap, all.bytes, 1, r->err);
        if (wide == NULL)
            return inn_refused(r->err);
        inn_convert_elements(wide, INN_F32, all.data, one->type,
                             inn_tensor_count(&all));
        all.data = wide;
    }
    st = r->watch(r->state, v, &all, r->err);
    inn_free(heap, wide);
    return st;
}

/* Whether a BatchNormalization has its statistics from what it is given. */
static bool is_standardised(const struct run *r, const struct inn_node *node)
{
    if (!inn_is_batchnorm(node))
        return false;
    return inn_batchnorm_trains(node) ||
           (r->standardise && inn_has_statistics(r->it.graph, node));
}

static const struct inn_tensor *constant(const struct run *r, int v)
{
    return v >= 0 ? inn_constant(r->it.graph, &r->it.shapes, v) : NULL;
}

/*
 * False: not of the form that is standardised; it is then run as it is. So is
 * one whose running statistics are read: they are those of each sample.
 */
static bool normalise(const struct run *r, const struct inn_node *node)
{
    const struct inn_tensor *x = inn_interpreter_shape(&r->it,
                                                       node->inputs[0]);
    struct inn_batch_norm n = {
        .scale = constant(r, node->inputs[INN_BN_SCALE]),
        .shift = constant(r, node->inputs[INN_BN_SHIFT])};
    int i;

    for (i = 1; i < node->n_outputs; i++) {
        if (node->outputs[i] >= 0 && r->it.uses[node->outputs[i]] > 0)
            return false;
    }
    if (x == NULL || !inn_type_is_float(x->type) || x->rank < 2 ||
        x->bytes == 0 || n.scale == NULL || n.shift == NULL)
        return false;
    n.type = x->type;
    n.in = r->it.data[node->inputs[0]];
    n.out = r->it.data[node->outputs[0]];
    n.batch = r->it.samples * (size_t)x->dims[0];
    n.channels = (size_t)x->dims[1];
    n.plane = inn_dims_product(x->dims, 2, x->rank);
    n.epsilon = (double)inn_node_float(node, "epsilon", 1e-5f);
    inn_normalise_batch(&n, r->it.threads);
    return true;
}

static enum inn_status step(struct run *r, int k)
{
    const struct inn_node *node = &r->it.graph->nodes[k];
    enum inn_status st = inn_interpreter_begin(&r->it, k, r->err);
    int i, v;

    if (st == INN_OK && !(is_standardised(r, node) && normalise(r, node)))
        st = inn_interpreter_compute(&r->it, k, r->err);
    for (i = 0; i < node->n_outputs && st == INN_OK; i++) {
        v = node->outputs[i];
        if (v >= 0 && (i == 0 || r->it.uses[v] > 0))
            st = show(r, v);
    }
    inn_interpreter_end(&r->it, k);
    return st;
}

/* As many samples as there is memory for; the inputs are shown. */
static enum inn_status start(struct run *r, const struct inn_graph *graph,
                             const struct inn_feed *feed, int64_t first,
                             int threads, int64_t *ran)
{
    enum inn_status st;
    size_t peak, all;
    int i;

    st = inn_interpreter_start(&r->it, graph, feed, first,
                               feed->count - first, threads, r->err);
    if (st == INN_OK)
        st = inn_interpreter_peak(&r->it, &peak, r->err);
    if (st != INN_OK)
        return st;
    while (r->it.samples > 1 && (!inn_mul_size(&all, peak, r->it.samples) ||
                                 all > MOST_BYTES))
        r->it.samples = (r->it.samples + 1) / 2;
    *ran = (int64_t)r->it.samples;
    for (i = 0; i < feed->n && st == INN_OK; i++)
        st = show(r, graph->inputs[i]);
    return st;
}

enum inn_status inn_interpret(const struct inn_graph *graph,
                              const struct inn_feed *feed, int64_t first,
                              bool standardise, inn_watch_fn *watch,
                              void *state, int threads, int64_t *ran,
                              struct inn_error *err)
{
    struct inn_error local = {0};
    struct run r = {.standardise = standardise, .watch = watch,
                    .state = state, .err = err != NULL ? err : &local};
    enum inn_status st;
    int k;

    *ran = 0;
    st = start(&r, graph, feed, first, threads, ran);
    for (k = 0; k < graph->n_nodes && st == INN_OK; k++) {
        if (r.it.needed[k])
            st = step(&r, k);
    }
    inn_interpreter_free(&r.it);
    /* Whatever a session or a shape refuses: it can't be run. */
    if (st == INN_ERR_ARGUMENT || st == INN_ERR_FORMAT || st == INN_ERR_RANGE)
        st = r.err->status = INN_ERR_UNSUPPORTED;
    return st;
}
