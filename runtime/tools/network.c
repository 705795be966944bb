/* Anything that runs: opened, sampled, folded, counted. */
#include "runtime/tools/network.h"

#include <string.h>

#include "runtime/base/checked.h"
#include "runtime/base/error.h"
#include "runtime/cli/sizes.h"
#include "runtime/file/container.h"
#include "runtime/graph/onnx.h"
#include "runtime/grid/sample.h"
#include "runtime/ops/sizes.h"

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

static enum inn_status take_sizes(struct inn_network *net,
                                  const struct inn_sizes *sizes,
                                  struct inn_error *err)
{
    const char *text;

    net->bindings = sizes->bindings;
    net->n_bindings = sizes->n;
    net->assumed = net->unfit = NULL;
    if (net->model != NULL) {
        net->model->bindings = sizes->bindings;
        net->model->n_bindings = (int)sizes->n;
    }
    if (sizes->fits && !sizes->assumed)
        return INN_OK;
    text = inn_sizes_text(sizes, inn_network_graph(net), &net->arena, err);
    if (text == NULL)
        return inn_refused(err);
    if (sizes->fits)
        net->assumed = text;
    else
        net->unfit = inn_arena_printf(&net->arena, err, "%s; no size of the "
                                      "inputs was found that fits, the first "
                                      "tried is %s",
                                      sizes->why.message, text);
    return sizes->fits || net->unfit != NULL ? INN_OK : inn_refused(err);
}

/*
 * Makes of given the sizes of all inputs: what it says nothing of is as net
 * has it, if that fits.
 */
static enum inn_status solve_sizes(struct inn_network *net,
                                   struct inn_sizes *all,
                                   const struct inn_binding *given, size_t n,
                                   struct inn_error *err)
{
    struct inn_graph *outline = NULL;
    enum inn_status st = INN_OK;

    if (net->model != NULL)
        st = inn_model_outline(&outline, net->model, err);
    if (st == INN_OK)
        st = inn_sizes_solve(all, outline != NULL ? outline : net->graph,
                             given, n, net->bindings, net->n_bindings,
                             INN_DEFAULT_SPATIAL, &net->arena, err);
    inn_graph_free(outline);
    return st;
}

/* The user's sizes, then the file's, then what fits. */
static enum inn_status find_sizes(struct inn_network *net,
                                  const struct inn_cli_list *options,
                                  struct inn_error *err)
{
    struct inn_binding *given;
    struct inn_sizes all;
    enum inn_status st;
    size_t n;

    st = inn_parse_sizes(&given, &n, options, inn_network_graph(net),
                         &net->arena, err);
    net->given = n > 0;
    if (net->model != NULL) {
        net->bindings = net->model->bindings;
        net->n_bindings = (size_t)net->model->n_bindings;
        if (n == 0)
            return st;
    }
    if (st == INN_OK)
        st = solve_sizes(net, &all, given, n, err);
    return st == INN_OK ? take_sizes(net, &all, err) : st;
}

enum inn_status inn_network_feed_sizes(struct inn_network *net,
                                       const struct inn_binding *fed,
                                       struct inn_error *err)
{
    struct inn_sizes all;
    enum inn_status st;

    if (net->given)
        return INN_OK;
    st = solve_sizes(net, &all, fed, 1, err);
    if (st == INN_OK && all.fits)
        return take_sizes(net, &all, err);
    return st == INN_ERR_ARGUMENT ? INN_OK : st;
}

void inn_network_note_sizes(const struct inn_cli *cli,
                            const struct inn_network *net)
{
    if (net->assumed != NULL)
        inn_cli_note(cli, "%s: input sizes assumed: %s says otherwise",
                     net->path, net->assumed);
}

enum inn_status inn_network_check_sizes(const struct inn_network *net,
                                        struct inn_error *err)
{
    if (net->unfit == NULL)
        return INN_OK;
    return inn_fail(err, INN_ERR_FORMAT, "%s gives others", net->unfit);
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
    return find_sizes(net, &cli->common->shapes, err);
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
    return inn_sampling_plan(plan, net->model, s, width, rules,
                             net->refit != INN_REFIT_NONE, net->pacer,
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
    net->refitted = false;
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
    if (st == INN_OK) {
        cost->macs = shapes.macs;
        cost->uncounted = shapes.uncounted;
    }
    inn_shapes_free(&shapes);
    return st;
}

enum inn_status inn_network_full_cost(struct inn_cost *cost,
                                      const struct inn_network *net,
                                      struct inn_error *err)
{
    struct inn_graph *outline = NULL;
    enum inn_status st = inn_network_check_sizes(net, err);

    if (st == INN_OK && net->model != NULL)
        st = inn_model_outline(&outline, net->model, err);
    if (st == INN_OK)
        st = inn_graph_cost(cost, outline != NULL ? outline : net->graph,
                            net->bindings, net->n_bindings, err);
    inn_graph_free(outline);
    return st;
}

enum inn_status inn_network_cost(struct inn_cost *cost,
                                 const struct inn_network *net,
                                 struct inn_error *err)
{
    enum inn_status st;

    if (net->model == NULL || net->plan.widths == NULL)
        return inn_network_full_cost(cost, net, err);
    st = inn_network_check_sizes(net, err);
    if (st != INN_OK)
        return st;
    return net->refitted ? inn_graph_cost(cost, net->graph, net->bindings,
                                          net->n_bindings, err)
                         : inn_plan_cost(cost, net->model, net->plan.widths,
                                         err);
}

/* Its entry in the list; a new one where its kind has none. */
static enum inn_status find_kind(int *at, struct inn_uncounted *list, int *n,
                                 const struct inn_node *node,
                                 enum inn_counted why, struct inn_map *kinds,
                                 struct inn_arena *arena,
                                 struct inn_error *err)
{
    const char *kind = inn_arena_printf(arena, err, "%d %s %s", (int)why,
                                        node->op_type, node->domain);

    if (kind == NULL)
        return inn_refused(err);
    *at = inn_map_get(kinds, kind);
    if (*at >= 0)
        return INN_OK;
    *at = (*n)++;
    list[*at] = (struct inn_uncounted){node->domain, node->op_type, why, 0};
    return inn_map_put(kinds, kind, *at, err);
}

enum inn_status inn_network_uncounted(struct inn_uncounted **list, int *n,
                                      const struct inn_network *net,
                                      struct inn_arena *arena,
                                      struct inn_error *err)
{
    const struct inn_graph *g = inn_network_graph(net);
    struct inn_graph *outline = NULL;
    struct inn_shapes shapes;
    struct inn_map kinds;
    enum inn_status st = INN_OK;
    int64_t macs;
    int i, at;

    *n = 0;
    inn_map_init(&kinds, arena);
    if (net->model != NULL)
        st = inn_model_outline(&outline, net->model, err);
    if (st != INN_OK)
        return st;
    st = inn_shapes_infer(&shapes, outline != NULL ? outline : g,
                          net->bindings, net->n_bindings, INN_DEFAULT_SPATIAL,
                          FOLD_BYTES, err);
    *list = inn_arena_alloc(arena, (size_t)shapes.uncounted,
                            sizeof(**list), err);
    if (st == INN_OK && *list == NULL)
        st = inn_refused(err);
    for (i = 0; i < g->n_nodes && st == INN_OK; i++) {
        const struct inn_node *node = &g->nodes[i];
        enum inn_counted why = inn_shapes_count(&macs, &shapes, node);

        if (why == INN_COUNTED)
            continue;
        st = find_kind(&at, *list, n, node, why, &kinds, arena, err);
        if (st == INN_OK)
            (*list)[at].count++;
    }
    inn_shapes_free(&shapes);
    inn_graph_free(outline);
    return st;
}
