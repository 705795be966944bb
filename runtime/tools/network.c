/* Anything that runs: opened, sampled, folded, counted. */
#include "runtime/tools/network.h"

#include <string.h>

#include "runtime/base/checked.h"
#include "runtime/base/error.h"
#include "runtime/cli/sizes.h"
#include "runtime/file/container.h"
#include "runtime/graph/onnx.h"
#include "runtime/grid/sample.h"

/* Integer constants a shape may be computed from. */
#define FOLD_BYTES ((size_t)1 << 16)

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), n = strlen(end);

    return len >= n && strcmp(text + len - n, end) == 0;
}

const struct inn_graph *inn_network_graph(const struct inn_network *net)
{
    return net->model != NULL ? net->model->graph : net->graph;
}

/* The file's own sizes behind the user's. */
static enum inn_status add_sizes(struct inn_network *net,
                                 const struct inn_cli_list *options,
                                 struct inn_error *err)
{
    size_t more = net->model != NULL ? (size_t)net->model->n_bindings : 0;
    struct inn_binding *all, *given;
    enum inn_status st;
    size_t n, i, k;

    st = inn_parse_sizes(&given, &n, options, inn_network_graph(net),
                         &net->arena, err);
    if (st != INN_OK)
        return st;
    all = inn_arena_alloc(&net->arena, n + more, sizeof(*all), err);
    if (all == NULL)
        return inn_refused(err);
    if (n > 0)
        memcpy(all, given, n * sizeof(*all));
    for (i = 0; i < more; i++) {
        const struct inn_binding *b = &net->model->bindings[i];

        for (k = 0; k < n; k++) {
            if (strcmp(all[k].name, b->name) == 0)
                break;
        }
        if (k == n)
            all[n++] = *b;
    }
    net->bindings = all;
    net->n_bindings = n;
    return INN_OK;
}

enum inn_status inn_network_open(struct inn_network *net,
                                 const struct inn_cli *cli, const char *path,
                                 struct inn_error *err)
{
    const struct inn_onnx_options options = {cli->common->external_dir};
    enum inn_status st;

    memset(net, 0, sizeof(*net));
    net->path = path;
    net->heap = cli->heap;
    inn_arena_init(&net->arena, cli->heap);
    if (ends_with(path, ".inn") || inn_file_is_inn(path))
        st = inn_file_open(&net->model, path, false, cli->heap, err);
    else
        st = inn_onnx_read(&net->graph, path, &options, cli->heap, err);
    if (st != INN_OK)
        return st;
    return add_sizes(net, &cli->common->shapes, err);
}

void inn_network_free(struct inn_network *net)
{
    if (net->heap == NULL)
        return;
    inn_graph_free(net->graph);
    inn_plan_free(&net->plan);
    inn_pacer_free(net->pacer);
    inn_model_free(net->model);
    inn_arena_free(&net->arena);
    memset(net, 0, sizeof(*net));
}

enum inn_status inn_network_plan(struct inn_plan *plan,
                                 struct inn_network *net,
                                 const struct inn_sampling *s, double width,
                                 const struct inn_rules *rules, int threads,
                                 struct inn_error *err)
{
    enum inn_status st = inn_sampling_check(s, width, err);

    memset(plan, 0, sizeof(*plan));
    if (st == INN_OK && s->ms > 0 &&
        (net->pacer == NULL || net->pacer_threads != threads)) {
        inn_pacer_free(net->pacer);
        net->pacer_threads = threads;
        st = inn_pacer_new(&net->pacer, net->model, net->bindings,
                           net->n_bindings, threads, err);
    }
    if (st != INN_OK)
        return st;
    return inn_sampling_plan(plan, net->model, s, width, rules, net->pacer,
                             &net->arena, err);
}

enum inn_status inn_network_sample(struct inn_network *net,
                                   const struct inn_sampling *s, double width,
                                   const struct inn_rules *rules, int threads,
                                   struct inn_error *err)
{
    enum inn_status st;

    if (net->model == NULL) {
        if (width > 0 || inn_sampling_given(s))
            return inn_fail(err, INN_ERR_ARGUMENT,
                            "an ONNX network has one width; `inn convert` "
                            "makes an .inn of it that can be sampled");
        return INN_OK;
    }
    inn_graph_free(net->graph);
    net->graph = NULL;
    inn_plan_free(&net->plan);
    st = inn_network_plan(&net->plan, net, s, width, rules, threads, err);
    if (st != INN_OK)
        return st;
    return inn_model_sample(&net->graph, net->model, &net->plan, threads,
                            err);
}

enum inn_status inn_network_prepare(struct inn_network *net,
                                    struct inn_error *err)
{
    enum inn_status st = inn_fold_constants(net->graph, err);

    if (st == INN_OK)
        st = inn_fold_batchnorm(net->graph, NULL, NULL, err);
    return st;
}

enum inn_status inn_graph_cost(struct inn_cost *cost,
                               const struct inn_graph *graph,
                               const struct inn_binding *bindings,
                               size_t n_bindings, struct inn_error *err)
{
    struct inn_shapes shapes;
    enum inn_status st;
    int *uses, i;

    memset(cost, 0, sizeof(*cost));
    uses = inn_alloc(graph->heap, (size_t)graph->n_values, sizeof(*uses),
                     err);
    if (uses == NULL)
        return inn_refused(err);
    st = inn_graph_count_uses(graph, uses);
    for (i = 0; i < graph->n_values && st == INN_OK; i++) {
        const struct inn_tensor *t = graph->values[i].init;
        int64_t count;

        if (t == NULL || uses[i] == 0 || !inn_type_is_float(t->type))
            continue;
        count = (int64_t)inn_tensor_count(t);
        if (!inn_add_i64(&cost->params, cost->params, count) ||
            !inn_mul_i64(&cost->bytes, cost->params, 4))
            st = inn_fail(err, INN_ERR_FORMAT,
                          "the network has too many parameters to count");
    }
    inn_free(graph->heap, uses);
    if (st != INN_OK)
        return st;
    st = inn_shapes_infer(&shapes, graph, bindings, n_bindings,
                          INN_DEFAULT_SPATIAL, FOLD_BYTES, err);
    if (st == INN_OK)
        cost->macs = shapes.macs;
    inn_shapes_free(&shapes);
    return st;
}

enum inn_status inn_network_cost(struct inn_cost *cost,
                                 const struct inn_network *net,
                                 struct inn_error *err)
{
    if (net->model != NULL && net->plan.widths != NULL)
        return inn_plan_cost(cost, net->model, net->plan.widths, err);
    return inn_graph_cost(cost, inn_network_graph(net), net->bindings,
                          net->n_bindings, err);
}
