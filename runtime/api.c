/*
 * The public calls of inn.h: handles around the parts. Nothing is computed
 * here; each call checks its arguments and hands on.
 */
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/drawn/samples.h"
#include "runtime/exec/session.h"
#include "runtime/file/container.h"
#include "runtime/graph/onnx.h"
#include "runtime/grid/sample.h"
#include "runtime/ops/shapes.h"
#include "runtime/refit/refit.h"

struct inn_file {
    struct inn_heap *heap;
    struct inn_model *model;
    struct inn_limits limits;
};

struct inn_net {
    struct inn_heap *heap; /* the file's, or its own */
    bool owns_heap;
    const struct inn_file *file; /* it was sampled from, at plan; or NULL */
    struct inn_plan plan;
    struct inn_graph *graph;
    struct inn_graph *folded; /* what runs: BatchNormalization is folded */
    struct inn_session *session; /* NULL: to be made by the next run */
    struct inn_session_options how;
    char *tune; /* how.tune, own */
};

static struct inn_heap *new_heap(const struct inn_limits *limits,
                                 struct inn_error *err)
{
    struct inn_heap *heap =
        inn_heap_new(limits != NULL ? limits->memory_bytes : 0);

    if (heap == NULL)
        inn_no_memory(err, 0);
    return heap;
}

enum inn_status inn_open(struct inn_file **file, const char *path,
                         const struct inn_limits *limits, unsigned flags,
                         struct inn_error *err)
{
    struct inn_heap *heap;
    struct inn_file *f;
    enum inn_status st;

    *file = NULL;
    heap = new_heap(limits, err);
    if (heap == NULL)
        return inn_refused(err);
    f = inn_alloc(heap, 1, sizeof(*f), err);
    if (f == NULL) {
        inn_heap_free(heap);
        return inn_refused(err);
    }
    f->heap = heap;
    if (limits != NULL)
        f->limits = *limits;
    st = inn_file_open(&f->model, path, (flags & INN_OPEN_TRUST) != 0, heap,
                       err);
    if (st != INN_OK) {
        inn_close(f);
        return st;
    }
    *file = f;
    return INN_OK;
}

void inn_close(struct inn_file *file)
{
    struct inn_heap *heap;

    if (file == NULL)
        return;
    heap = file->heap;
    inn_model_free(file->model);
    inn_free(heap, file);
    inn_heap_free(heap);
}

int inn_group_count(const struct inn_file *file)
{
    return file->model->n_groups;
}

const char *inn_group_name(const struct inn_file *file, int i)
{
    return i >= 0 && i < file->model->n_groups ? file->model->groups[i].name
                                               : NULL;
}

int64_t inn_group_size(const struct inn_file *file, int i)
{
    return i >= 0 && i < file->model->n_groups ? file->model->groups[i].size
                                               : 0;
}

enum inn_status inn_widths_scale(const struct inn_file *file, int64_t *widths,
                                 double factor, int64_t round,
                                 struct inn_error *err)
{
    struct inn_width_request request = {.width = factor, .round = round};
    struct inn_plan plan = {0};
    enum inn_status st;

    if (!(factor > 0) || round < 0)
        return inn_fail(err, INN_ERR_RANGE,
                        "a width factor of %g: it lies in (0, 4]", factor);
    st = inn_plan_make(&plan, file->model, &request, err);
    if (st == INN_OK)
        memcpy(widths, plan.widths,
               (size_t)plan.n_groups * sizeof(*widths));
    inn_plan_free(&plan);
    return st;
}

/* A net around graph, which it owns from here on, also after a failure. */
static enum inn_status make_net(struct inn_net **net, struct inn_graph *graph,
                                struct inn_heap *heap, int threads,
                                struct inn_error *err)
{
    struct inn_net *n = inn_alloc(heap, 1, sizeof(*n), err);

    if (n == NULL) {
        inn_graph_free(graph);
        return inn_refused(err);
    }
    n->heap = heap;
    n->graph = graph;
    n->how.threads = threads;
    *net = n;
    return INN_OK;
}

enum inn_status inn_sample(const struct inn_file *file, struct inn_net **net,
                           const int64_t *widths,
                           enum inn_partition partition,
                           enum inn_quadrature quadrature,
                           struct inn_error *err)
{
    struct inn_plan plan = {.partition = partition, .quadrature = quadrature};
    struct inn_graph *sampled = NULL;
    enum inn_status st;

    *net = NULL;
    if ((unsigned)partition > INN_PARTITION_WEIGHTS ||
        (unsigned)quadrature > INN_QUAD_MOMENTS ||
        (quadrature == INN_QUAD_MOMENTS && partition != INN_PARTITION_MOMENTS))
        return inn_fail(err, INN_ERR_ARGUMENT,
                        "no partition %d with quadrature %d", (int)partition,
                        (int)quadrature);
    plan.heap = file->heap;
    plan.n_groups = file->model->n_groups;
    plan.widths = inn_alloc(file->heap, (size_t)plan.n_groups,
                            sizeof(*plan.widths), err);
    if (plan.widths == NULL)
        return inn_refused(err);
    if (plan.n_groups > 0)
        memcpy(plan.widths, widths, (size_t)plan.n_groups * sizeof(*widths));
    st = inn_model_sample(&sampled, file->model, &plan, file->limits.threads,
                          err);
    if (st == INN_OK)
        st = make_net(net, sampled, file->heap, file->limits.threads, err);
    if (st != INN_OK) {
        inn_plan_free(&plan);
        return st;
    }
    (*net)->file = file;
    (*net)->plan = plan;
    return INN_OK;
}

/* A network of file's model at plan; own. */
static enum inn_status sample_at(struct inn_graph **graph,
                                 const struct inn_file *file,
                                 const struct inn_plan *plan,
                                 struct inn_error *err)
{
    return inn_model_sample(graph, file->model, plan, file->limits.threads,
                            err);
}

/* net's network, sampled anew as *cut and fitted to the full one. */
static enum inn_status refit(struct inn_graph **cut,
                             const struct inn_net *net,
                             enum inn_refit_source source, const char *data,
                             int64_t samples, struct inn_error *err)
{
    struct inn_model *model = net->file->model;
    struct inn_feed feed;
    struct inn_refit_options options = {
        .feed = &feed, .standardise = source == INN_REFIT_DRAWN,
        .threads = net->file->limits.threads};
    struct inn_refit_report report;
    struct inn_graph *full = NULL;
    struct inn_plan all;
    struct inn_arena arena;
    enum inn_status st;

    inn_arena_init(&arena, net->heap);
    st = inn_plan_full(&all, model, err);
    if (st == INN_OK)
        st = sample_at(&full, net->file, &all, err);
    if (st == INN_OK)
        st = sample_at(cut, net->file, &net->plan, err);
    if (st == INN_OK)
        st = inn_refit_samples(&feed, source, data, samples, options.threads,
                               model, full, &arena, err);
    if (st == INN_OK)
        st = inn_refit(*cut, full, model, &net->plan, &options, &report, err);
    inn_plan_free(&all);
    inn_graph_free(full);
    inn_arena_free(&arena);
    return st;
}

enum inn_status inn_net_refit(struct inn_net *net, const char *data,
                              int64_t samples, struct inn_error *err)
{
    struct inn_graph *cut = NULL;
    enum inn_refit_source source = INN_REFIT_GIVEN;
    enum inn_status st;

    if (net->file == NULL || samples < 0)
        return inn_fail(err, INN_ERR_ARGUMENT, "%s", samples < 0
                        ? "fewer than no samples"
                        : "a network read from ONNX has one width, to which "
                          "nothing is refitted");
    st = data != NULL ? INN_OK
                      : inn_refit_choose(&source, net->file->model, "auto",
                                         true, net->file->limits.threads,
                                         err);
    if (st != INN_OK)
        return st;
    if (source == INN_REFIT_NONE)
        return inn_fail(err, INN_ERR_UNSUPPORTED,
                        "the file keeps no inputs and no statistics to refit "
                        "by: name data");
    st = refit(&cut, net, source, data, samples, err);
    if (st != INN_OK) {
        inn_graph_free(cut);
        return st;
    }
    inn_session_free(net->session);
    inn_graph_free(net->folded);
    inn_graph_free(net->graph);
    net->session = NULL;
    net->folded = NULL;
    net->graph = cut;
    return INN_OK;
}

enum inn_status inn_net_read(struct inn_net **net, const char *path,
                             const struct inn_limits *limits,
                             struct inn_error *err)
{
    struct inn_onnx_options options = {0};
    struct inn_graph *graph = NULL;
    struct inn_heap *heap;
    enum inn_status st;

    *net = NULL;
    heap = new_heap(limits, err);
    if (heap == NULL)
        return inn_refused(err);
    st = inn_onnx_read(&graph, path, &options, heap, err);
    if (st == INN_OK)
        st = make_net(net, graph, heap, limits != NULL ? limits->threads : 0,
                      err);
    if (*net == NULL)
        inn_heap_free(heap);
    else
        (*net)->owns_heap = true;
    return st;
}

void inn_net_free(struct inn_net *net)
{
    struct inn_heap *heap;
    bool owned;

    if (net == NULL)
        return;
    heap = net->heap;
    owned = net->owns_heap;
    inn_session_free(net->session);
    inn_graph_free(net->folded);
    inn_graph_free(net->graph);
    inn_plan_free(&net->plan);
    inn_free(heap, net->tune);
    inn_free(heap, net);
    if (owned)
        inn_heap_free(heap);
}

enum inn_status inn_net_write(const struct inn_net *net, const char *path,
                              bool overwrite, struct inn_error *err)
{
    return inn_onnx_write(net->graph, path, overwrite, err);
}

int inn_net_input_count(const struct inn_net *net)
{
    return net->graph->n_inputs;
}

int inn_net_output_count(const struct inn_net *net)
{
    return net->graph->n_outputs;
}

const char *inn_net_input_name(const struct inn_net *net, int i)
{
    const struct inn_graph *g = net->graph;

    return i >= 0 && i < g->n_inputs ? g->values[g->inputs[i]].name : NULL;
}

const char *inn_net_output_name(const struct inn_net *net, int i)
{
    const struct inn_graph *g = net->graph;

    return i >= 0 && i < g->n_outputs ? g->values[g->outputs[i]].name : NULL;
}

enum inn_status inn_net_input(const struct inn_net *net, int i,
                              struct inn_tensor *shape, struct inn_error *err)
{
    const struct inn_value *v;
    int k;

    memset(shape, 0, sizeof(*shape));
    if (i < 0 || i >= net->graph->n_inputs)
        return inn_fail(err, INN_ERR_RANGE, "input %d of %d", i,
                        net->graph->n_inputs);
    v = &net->graph->values[net->graph->inputs[i]];
    if (v->rank < 0)
        return inn_fail(err, INN_ERR_UNSUPPORTED,
                        "input '%s' does not say its shape", v->name);
    shape->type = v->type;
    shape->rank = v->rank;
    for (k = 0; k < v->rank; k++)
        shape->dims[k] = v->dims[k].size;
    return INN_OK;
}

enum inn_status inn_net_configure(struct inn_net *net,
                                  const struct inn_run_options *options,
                                  struct inn_error *err)
{
    const struct inn_run_options none = {.tune = NULL};
    char *tune = NULL;

    options = options != NULL ? options : &none;
    if (options->precision != INN_PRECISION_F32 &&
        options->precision != INN_PRECISION_BF16)
        return inn_fail(err, INN_ERR_ARGUMENT, "no precision %d",
                        (int)options->precision);
    if (options->tune != NULL) {
        tune = inn_alloc(net->heap, strlen(options->tune) + 1, 1, err);
        if (tune == NULL)
            return inn_refused(err);
        strcpy(tune, options->tune);
    }
    inn_session_free(net->session);
    net->session = NULL;
    inn_free(net->heap, net->tune);
    net->tune = tune;
    net->how.tune = tune;
    net->how.bf16 = options->precision == INN_PRECISION_BF16;
    return INN_OK;
}

/* What runs: a copy with BatchNormalization folded, made at the first run. */
static enum inn_status prepare(struct inn_net *net, struct inn_error *err)
{
    enum inn_status st;

    if (net->folded == NULL) {
        st = inn_graph_copy(&net->folded, net->graph, err);
        if (st == INN_OK)
            st = inn_fold_batchnorm(net->folded, NULL, NULL, err);
        if (st != INN_OK) {
            inn_graph_free(net->folded);
            net->folded = NULL;
            return st;
        }
    }
    return inn_session_new(&net->session, net->folded, &net->how, err);
}

enum inn_status inn_net_run(struct inn_net *net, const struct inn_tensor **out,
                            const struct inn_tensor *in, int n,
                            struct inn_error *err)
{
    enum inn_status st;

    *out = NULL;
    if (net->session == NULL) {
        st = prepare(net, err);
        if (st != INN_OK)
            return st;
    }
    return inn_session_run(net->session, out, in, n, err);
}
