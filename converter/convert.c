/*
 * The converter's pipeline, phase by phase.
 */
#include "converter/convert.h"

#include <math.h>
#include <string.h>
#include <xxhash.h>

#include "config.h"
#include "runtime/pictures/calibration.h"
#include "converter/moments/moments.h"
#include "converter/prep.h"
#include "runtime/base/error.h"
#include "runtime/base/file.h"
#include "runtime/drawn/inputs.h"
#include "runtime/grid/pins.h"
#include "runtime/ops/common.h"
#include "runtime/ops/sizes.h"
#include "runtime/pictures/presets.h"
#include "runtime/pictures/stored.h"

/* Constants up to this size are computed to learn shapes. */
#define FOLD_BYTES ((size_t)64 << 10)

static void progress(const struct inn_convert_options *o, const char *phase,
                     int i, int n)
{
    if (o->progress != NULL)
        o->progress(o->progress_state, phase, i, n);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

static enum inn_status hash_source(struct inn_model *model, const char *path,
                                   struct inn_error *err)
{
    struct inn_bytes bytes;
    enum inn_status st = inn_file_map(&bytes, path, err);

    if (st != INN_OK)
        return st;
    model->source_hash = XXH3_64bits(bytes.data, bytes.len);
    inn_file_unmap(&bytes);
    return INN_OK;
}

/* The first element of t that is no finite number, or their count. */
static size_t find_unfit(const struct inn_tensor *t, double *value)
{
    size_t n = inn_tensor_count(t), size = inn_type_size(t->type), i, j, k;
    double part[256];

    for (i = 0; i < n; i += k) {
        k = n - i < 256 ? n - i : 256;
        inn_convert_elements(part, INN_F64, (const char *)t->data + i * size,
                             t->type, k);
        for (j = 0; j < k; j++) {
            *value = part[j];
            if (!isfinite(part[j]))
                return i + j;
        }
    }
    return n;
}

/* The name of the first group on an axis. */
static const char *first_group(const struct inn_model *model,
                               const struct inn_axis *axis)
{
    int i;

    for (i = 0; i < axis->n_spans; i++) {
        if (axis->spans[i].group >= 0)
            return model->groups[axis->spans[i].group].name;
    }
    return "";
}

/*
 * Of weights on a free axis: no grid fits NaN or infinity, and no sum over
 * channels. Masks and bounds that no group runs along keep their bytes.
 */
static enum inn_status check_finite(const struct inn_model *model,
                                    struct inn_error *err)
{
    const struct inn_graph *graph = model->graph;
    int v, k;

    for (v = 0; v < graph->n_values; v++) {
        const struct inn_tensor *t = graph->values[v].init;
        const struct inn_axis *axis = NULL;
        double value = 0;
        size_t at;

        if (t == NULL || !inn_type_is_float(t->type))
            continue;
        for (k = 0; k < t->rank && axis == NULL; k++)
            axis = inn_model_axis(model, v, k);
        at = axis != NULL ? find_unfit(t, &value) : inn_tensor_count(t);
        if (at < inn_tensor_count(t))
            return inn_fail(err, INN_ERR_UNSUPPORTED,
                            "weight '%.80s' holds %s at element %zu, and its "
                            "axis %d is free; --freeze '%.80s' leaves it as "
                            "it is",
                            graph->values[v].name,
                            isnan(value) ? "NaN"
                            : value > 0  ? "infinity"
                                         : "-infinity",
                            at, axis->axis, first_group(model, axis));
    }
    return INN_OK;
}

static int64_t float_elements(const struct inn_graph *graph)
{
    int64_t n = 0;
    int v;

    for (v = 0; v < graph->n_values; v++) {
        const struct inn_tensor *t = graph->values[v].init;

        if (t != NULL && inn_type_is_float(t->type))
            n += (int64_t)inn_tensor_count(t);
    }
    return n;
}

/* Copies what the model keeps of the caller's options. */
static enum inn_status keep_options(struct inn_model *model, const char *path,
                                    const struct inn_convert_options *o,
                                    struct inn_error *err)
{
    struct inn_arena *arena = &model->arena;

    model->kernel = o->kernel;
    model->edge = o->edge;
    model->converter = PACKAGE_VERSION;
    model->source_name = inn_arena_strdup(arena, base_name(path), err);
    model->options = inn_arena_strdup(arena, o->options != NULL ? o->options
                                                                : "", err);
    if (model->source_name == NULL || model->options == NULL)
        return inn_refused(err);
    return INN_OK;
}

/*
 * Sizes for what the network leaves open: those that the file keeps, and
 * smaller ones where smaller do, to draw and to measure in.
 */
static enum inn_status find_sizes(struct inn_model *model,
                                  struct inn_sizes *drawn,
                                  struct inn_convert_report *report,
                                  const struct inn_convert_options *o,
                                  struct inn_error *err)
{
    struct inn_binding *given = NULL;
    struct inn_sizes sizes;
    enum inn_status st = INN_OK;
    const char *text = "";
    size_t n = 0;

    if (o->bind != NULL)
        st = o->bind(o->bind_state, model->graph, &given, &n, err);
    if (st == INN_OK)
        st = inn_sizes_solve(&sizes, model->graph, given, n, NULL, 0,
                             INN_DEFAULT_SPATIAL, &model->arena, err);
    if (st == INN_OK && (sizes.assumed || !sizes.fits)) {
        text = inn_sizes_text(&sizes, model->graph, &model->arena, err);
        st = text != NULL ? INN_OK : inn_refused(err);
    }
    if (st == INN_OK && !sizes.fits)
        st = inn_fail(err, INN_ERR_FORMAT, "%s; no size of the inputs was "
                      "found that fits, the first tried is %s gives others",
                      sizes.why.message, text);
    if (st == INN_OK)
        st = inn_sizes_solve(drawn, model->graph, given, n, NULL, 0,
                             INN_DRAWN_SPATIAL, &model->arena, err);
    if (st != INN_OK)
        return st;
    report->sizes = sizes.assumed ? text : NULL;
    model->bindings = sizes.bindings;
    model->n_bindings = (int)sizes.n;
    if (!drawn->fits)
        *drawn = sizes;
    return INN_OK;
}

/*
 * BatchNormalization in training mode has three outputs, though two of them
 * are for training: ONNX Runtime doesn't load a network that leaves them out.
 */
static enum inn_status add_running(struct inn_graph *g, int k,
                                   struct inn_error *err)
{
    int outputs[3] = {g->nodes[k].outputs[0], -1, -1}, *to, i;
    enum inn_status st = INN_OK;

    for (i = 1; i < 3 && st == INN_OK; i++) {
        const char *name;

        if (i < g->nodes[k].n_outputs)
            outputs[i] = g->nodes[k].outputs[i];
        if (outputs[i] >= 0)
            continue;
        name = inn_graph_fresh_name(g, i == 1 ? "running_mean"
                                              : "running_var", err);
        st = name == NULL ? inn_refused(err)
                          : inn_graph_add_value(g, &outputs[i], name, err);
        if (st == INN_OK)
            g->values[outputs[i]].producer = k;
    }
    to = st != INN_OK ? NULL
                      : inn_arena_alloc(&g->arena, 3, sizeof(*to), err);
    if (to == NULL)
        return st != INN_OK ? st : inn_refused(err);
    memcpy(to, outputs, sizeof(outputs));
    g->nodes[k].outputs = to;
    g->nodes[k].n_outputs = 3;
    return INN_OK;
}

static enum inn_status complete_training(struct inn_graph *g,
                                         struct inn_error *err)
{
    enum inn_status st = INN_OK;
    int k;

    for (k = 0; k < g->n_nodes && st == INN_OK; k++) {
        const struct inn_node *node = &g->nodes[k];

        if (strcmp(node->op_type, "BatchNormalization") == 0 &&
            node->domain[0] == '\0' && node->version >= 14 &&
            node->n_outputs >= 1 && node->n_outputs <= 3 &&
            inn_batchnorm_trains(node))
            st = add_running(g, k, err);
    }
    return st;
}

static enum inn_status read_and_fold(struct inn_model *model,
                                     struct inn_graph **unfolded,
                                     struct inn_convert_report *report,
                                     const char *path,
                                     const struct inn_convert_options *o,
                                     struct inn_error *err)
{
    enum inn_status st;

    progress(o, "read", 0, 1);
    st = inn_onnx_read(&model->graph, path, &o->onnx, model->heap, err);
    if (st == INN_OK && model->graph->n_outputs < 1)
        st = inn_fail(err, INN_ERR_UNSUPPORTED,
                      "the network has no outputs: nothing is computed");
    if (st == INN_OK)
        st = hash_source(model, path, err);
    if (st != INN_OK)
        return st;
    report->nodes_read = model->graph->n_nodes;
    report->params_read = float_elements(model->graph);
    st = inn_fold_constants(model->graph, err);
    /* Moments start from the network as it was trained. */
    if (st == INN_OK && (o->moments || o->judge))
        st = inn_graph_copy(unfolded, model->graph, err);
    if (st == INN_OK && !o->keep_bn)
        st = inn_fold_batchnorm(model->graph, &model->stats, &model->n_stats,
                                err);
    if (st == INN_OK)
        st = complete_training(model->graph, err);
    report->folded = model->n_stats;
    report->nodes_kept = model->graph->n_nodes;
    return st;
}

static int64_t node_count(int64_t size, double ratio)
{
    int64_t m;

    if (ratio <= 0 || ratio >= 1)
        return size;
    m = (int64_t)ceil(ratio * (double)size);
    m = m < 4 ? 4 : m;
    return m < size ? m : size;
}

/*
 * The model's sizes for those that are drawn in, and back again. Meanwhile
 * the model says which of them nobody gave.
 */
static void exchange_sizes(struct inn_model *model, struct inn_sizes *drawn)
{
    struct inn_binding *bindings = model->bindings;
    size_t n = (size_t)model->n_bindings;

    model->bindings = drawn->bindings;
    model->n_bindings = (int)drawn->n;
    model->chosen = model->chosen == NULL ? drawn->chosen : NULL;
    drawn->bindings = bindings;
    drawn->n = n;
}

static enum inn_status make_moments(struct inn_model *model,
                                    const struct inn_graph *unfolded,
                                    struct inn_convert_report *report,
                                    const struct inn_convert_options *o,
                                    struct inn_error *err)
{
    struct inn_moments_options mo = {.source = o->moments_source,
                                     .pictures = o->pictures,
                                     .seed = o->seed,
                                     .threads = o->threads,
                                     .progress = o->progress,
                                     .progress_state = o->progress_state};

    struct inn_feed real;
    struct inn_arena arena;
    enum inn_status st = INN_OK;

    inn_arena_init(&arena, model->heap);
    if (o->calibration != NULL) {
        st = inn_calibrate(&real, o->calibration, model, unfolded, &arena,
                           err);
        report->blame = st != INN_OK ? o->calibration->path : NULL;
        mo.real = &real;
    }
    if (st == INN_OK)
        st = inn_make_moments(model, unfolded, &mo, &report->moments, err);
    if (st == INN_OK && o->calibration != NULL)
        st = inn_store_inputs(model, unfolded, &real, o->keep_inputs,
                              INN_STORED_LIMIT, err);
    inn_arena_free(&arena);
    return st;
}

/* Chooses a preparation if that is asked for; else judges the one given. */
static enum inn_status judge_at(struct inn_model *model,
                                const struct inn_graph *unfolded,
                                const struct inn_shapes *shapes,
                                   struct inn_convert_report *report,
                                const struct inn_convert_options *o,
                                struct inn_error *err)
{
    const struct inn_judgement *j = &report->judgement;
    enum inn_status st;
    int preset;

    st = inn_judge(&report->judgement, model, unfolded, shapes, o->seed,
                   o->threads, err);
    if (st != INN_OK)
        return st;
    if (o->prep == NULL || o->prep->preset < INN_N_PRESETS) {
        inn_judge_warn(report->warning, j);
        return INN_OK;
    }
    preset = inn_judge_choose(report->chosen, j);
    if (preset < 0)
        return inn_fail(err, INN_ERR_ARGUMENT, "--prep auto can't choose, %s: "
                        "name the preparation", report->chosen);
    return inn_choose_prep(model, preset, o->prep, shapes, err);
}

/* The same in the sizes that are drawn in. */
static enum inn_status judge(struct inn_model *model,
                             const struct inn_graph *unfolded,
                             struct inn_sizes *drawn,
                             struct inn_convert_report *report,
                             const struct inn_convert_options *o,
                             struct inn_error *err)
{
    struct inn_shapes shapes;
    enum inn_status st;

    exchange_sizes(model, drawn);
    st = inn_shapes_infer(&shapes, model->graph, model->bindings,
                          (size_t)model->n_bindings, INN_DEFAULT_SPATIAL,
                          FOLD_BYTES, err);
    if (st == INN_OK)
        st = judge_at(model, unfolded, &shapes, report, o, err);
    inn_shapes_free(&shapes);
    exchange_sizes(model, drawn);
    return st;
}

static enum inn_status convert(struct inn_model *model,
                               struct inn_convert_report *report,
                               const char *path,
                               const struct inn_convert_options *o,
                               struct inn_error *err)
{
    struct inn_graph *unfolded = NULL;
    struct inn_shapes shapes = {0};
    struct inn_sizes drawn;
    enum inn_status st;
    int g;

    st = read_and_fold(model, &unfolded, report, path, o, err);
    if (st == INN_OK)
        st = keep_options(model, path, o, err);
    if (st == INN_OK)
        st = find_sizes(model, &drawn, report, o, err);
    if (st != INN_OK)
        goto out;
    progress(o, "groups", 0, 1);
    st = inn_shapes_infer(&shapes, model->graph, model->bindings,
                          (size_t)model->n_bindings, INN_DEFAULT_SPATIAL,
                          FOLD_BYTES, err);
    if (st == INN_OK && o->prep != NULL)
        st = inn_take_prep(model, o->prep, &shapes, err);
    if (st == INN_OK && o->judge)
        st = judge(model, unfolded, &drawn, report, o, err);
    if (st == INN_OK)
        st = inn_settle_groups(model, &shapes, &o->groups, inn_verify_groups,
                               err);
    inn_shapes_free(&shapes);
    if (st == INN_OK)
        st = check_finite(model, err);
    for (g = 0; g < model->n_groups && st == INN_OK; g++)
        model->groups[g].nodes = node_count(model->groups[g].size, o->nodes);
    if (st == INN_OK)
        st = inn_model_index_axes(model, err);
    if (st == INN_OK)
        st = inn_order_groups(model, o, err);
    progress(o, "grids", 0, 1);
    if (st == INN_OK)
        st = inn_make_grids(model, err);
    /* Without groups there is nobody to use them. */
    if (st == INN_OK && o->moments && model->n_groups > 0) {
        exchange_sizes(model, &drawn);
        st = make_moments(model, unfolded, report, o, err);
        exchange_sizes(model, &drawn);
    }
    if (st == INN_OK)
        inn_count_params(model, &report->params, &report->params_free);
out:
    inn_graph_free(unfolded);
    return st;
}

enum inn_status inn_convert(struct inn_model **model,
                            struct inn_convert_report *report,
                            const char *path,
                            const struct inn_convert_options *options,
                            struct inn_heap *heap, struct inn_error *err)
{
    struct inn_model *m;
    enum inn_status st;

    *model = NULL;
    memset(report, 0, sizeof(*report));
    m = inn_alloc(heap, 1, sizeof(*m), err);
    if (m == NULL)
        return inn_refused(err);
    m->heap = heap;
    inn_arena_init(&m->arena, heap);
    st = convert(m, report, path, options, err);
    if (st != INN_OK) {
        inn_model_free(m);
        return st;
    }
    *model = m;
    return INN_OK;
}
