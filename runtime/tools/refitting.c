/* Samples read once, and every width fitted to them. */
#include "runtime/tools/refitting.h"

#include "runtime/base/error.h"
#include "runtime/grid/sample.h"
#include "runtime/pictures/calibration.h"

const struct inn_option inn_refitting_options[] = {
    {"refit", 0, INN_OPT_TEXT, offsetof(struct inn_refitting, data), "DATA",
     0, 0, "after sampling, fit every layer to what the full network gives on "
     "these inputs, which need no labels: a folder of pictures, .npz or .npy"},
    {"samples", 0, INN_OPT_INT, offsetof(struct inn_refitting, samples), "N",
     1, 1 << 20, "how many of DATA are used at most, evenly spread (default "
     "64)"},
    {NULL, 0, INN_OPT_FLAG, 0, NULL, 0, 0, NULL},
};

const char *inn_refitting_wrong(const struct inn_refitting *v)
{
    return v->data == NULL && v->samples > 0 ? "--samples goes with --refit"
                                             : NULL;
}

/* The samples, and the network they are to be like. */
static enum inn_status load(struct inn_refitter *r,
                            const struct inn_network *net,
                            const struct inn_refitting *v, int threads,
                            const char **at, struct inn_error *err)
{
    const struct inn_calibration c = {.path = v->data, .samples = v->samples};
    struct inn_plan plan;
    enum inn_status st;

    inn_arena_init(&r->arena, net->heap);
    st = inn_plan_full(&plan, net->model, err);
    if (st == INN_OK)
        st = inn_model_sample(&r->full, net->model, &plan, threads, err);
    inn_plan_free(&plan);
    if (st != INN_OK)
        return st;
    *at = v->data;
    st = inn_calibrate(&r->feed, &c, net->model, r->full, &r->arena, err);
    if (st == INN_OK)
        *at = net->path;
    return st;
}

static void step(void *state, int i, int n)
{
    inn_progress_step(state, i + 1, n);
}

enum inn_status inn_refit_network(struct inn_refitter *r,
                                  struct inn_network *net,
                                  const struct inn_refitting *v, int threads,
                                  struct inn_progress *progress,
                                  const char **at, struct inn_error *err)
{
    struct inn_refit_options options = {.feed = &r->feed, .threads = threads,
                                        .progress = step,
                                        .progress_state = progress};
    enum inn_status st = INN_OK;

    if (v->data == NULL)
        return INN_OK;
    *at = net->path;
    if (net->model == NULL)
        return inn_fail(err, INN_ERR_ARGUMENT,
                        "an ONNX network has one width, to which nothing is "
                        "refitted; `inn convert` makes an .inn of it");
    if (r->full == NULL)
        st = load(r, net, v, threads, at, err);
    return st == INN_OK ? inn_refit(net->graph, r->full, net->model,
                                    &net->plan, &options, &r->report, err)
                        : st;
}

void inn_refitter_free(struct inn_refitter *r)
{
    inn_graph_free(r->full);
    if (r->arena.heap != NULL)
        inn_arena_free(&r->arena);
    r->full = NULL;
}
