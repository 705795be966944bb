/*
 * Arrays as inputs, and which of their samples are taken. What a file says
 * of its shape is held against the network's before anything is copied.
 */
#include "runtime/pictures/calibration.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/base/checked.h"
#include "runtime/base/error.h"
#include "runtime/base/npy.h"
#include "runtime/ops/shapes.h"
#include "runtime/pictures/input_kind.h"
#include "runtime/pictures/prep.h"

/* All samples of an input. */
#define MOST_BYTES ((size_t)512 << 20)

/* Whether the user said how long the axis is. */
static bool is_bound(const struct inn_model *model,
                     const struct inn_value *v, int axis)
{
    int i;

    for (i = 0; i < model->n_bindings; i++) {
        const struct inn_binding *b = &model->bindings[i];

        if (strcmp(b->name, v->name) == 0)
            return model->chosen == NULL ||
                   (model->chosen[i] >> axis & 1u) == 0;
    }
    return false;
}

static enum inn_status find_wanted(struct inn_wanted *want, int input,
                                   const struct inn_model *model,
                                   const struct inn_graph *graph,
                                   const struct inn_shapes *shapes,
                                   struct inn_error *err)
{
    const struct inn_value *v = &graph->values[input];
    const struct inn_tensor *t = inn_shapes_get(shapes, input);
    struct inn_drawn_input plan;
    int k;

    if (t == NULL || inn_type_size(t->type) == 0 || inn_tensor_count(t) == 0)
        return inn_fail(err, INN_ERR_UNSUPPORTED,
                        "the size of input '%s' is not known: give it by "
                        "--input-shape", v->name);
    memset(want, 0, sizeof(*want));
    inn_plan_input(&plan, graph, &model->prep, input, t);
    want->model = model;
    want->value = v;
    want->type = t->type;
    want->rank = t->rank;
    memcpy(want->dims, t->dims, sizeof(t->dims));
    for (k = 0; k < t->rank; k++)
        want->open[k] = v->dims[k].size < 0 && !is_bound(model, v, k);
    want->picture = t->rank == 4 && plan.kind == INN_DRAWN_PICTURE;
    want->nhwc = plan.channels_last;
    return INN_OK;
}

enum inn_status inn_calibrate_choose(int64_t **chosen, int64_t *count,
                                     const struct inn_calibration *c,
                                     const struct inn_wanted *want,
                                     int64_t n, struct inn_arena *arena,
                                     struct inn_error *err)
{
    size_t bytes = inn_type_size(want->type);
    int64_t *all, most = c->samples > 0 ? c->samples : INN_CALIBRATE_SAMPLES;
    int64_t k;
    int i;

    for (i = 0; i < want->rank; i++)
        bytes *= (size_t)want->dims[i]; /* a tensor's, so it was checked */
    most = most < want->most ? most : want->most;
    /* Data may choose sizes beyond those that want->most was made with. */
    if (want->only && most > (int64_t)(MOST_BYTES / bytes))
        most = (int64_t)(MOST_BYTES / bytes);
    if (most < 1)
        return inn_fail(err, INN_ERR_LIMIT, "a sample takes %zu bytes; %zu "
                        "are possible", bytes, MOST_BYTES);
    all = inn_arena_alloc(arena, (size_t)n + 1, sizeof(*all), err);
    if (all == NULL)
        return inn_refused(err);
    n = inn_images_choose(all, n, c->images);
    if (n == 0)
        return inn_fail(err, INN_ERR_RANGE, "there are no samples");
    *count = n < most ? n : most;
    for (k = 0; k < *count; k++)
        all[k] = all[k * n / *count];
    *chosen = all;
    return INN_OK;
}

/* "3x224x224": a sample as it is wanted, ? for what data may choose. */
static const char *wanted_text(char text[INN_SHAPE_TEXT],
                               const struct inn_wanted *want)
{
    size_t at = 0;
    int k;

    text[0] = '\0';
    for (k = 1; k < want->rank; k++) {
        const char *cross = k > 1 ? "x" : "";

        if (want->open[k])
            at += (size_t)snprintf(text + at, INN_SHAPE_TEXT - at, "%s?",
                                   cross);
        else
            at += (size_t)snprintf(text + at, INN_SHAPE_TEXT - at, "%s%lld",
                                   cross, (long long)want->dims[k]);
    }
    return at == 0 ? "scalar" : text;
}

static bool fits(const struct inn_wanted *want, const int64_t *dims)
{
    int k;

    for (k = 1; k < want->rank; k++) {
        if (dims[k] < 1 || (dims[k] != want->dims[k] && !want->open[k]))
            return false;
    }
    return true;
}

enum inn_status inn_calibrate_fit(int64_t *n, int64_t dims[INN_MAX_RANK],
                                  bool *picture,
                                  const struct inn_wanted *want,
                                  const struct inn_tensor *t, bool alone,
                                  struct inn_error *err)
{
    char have[INN_SHAPE_TEXT], wish[INN_SHAPE_TEXT];
    int64_t one = want->rank > 0 ? want->dims[0] : 1, total = 0;
    bool bytes = t->type == INN_U8 && want->type != INN_U8;
    int rank = want->rank > 0 ? want->rank : 1;

    memset(dims, 0, INN_MAX_RANK * sizeof(*dims));
    *picture = false;
    if (want->rank > 0 && bytes && want->picture && t->rank >= 3 &&
        (t->rank == 4 || (t->rank == 3 && alone && one == 1))) {
        const int64_t *from = t->dims + (t->rank - 3);
        int c = want->nhwc ? 3 : 1, h = want->nhwc ? 1 : 2;

        dims[c] = from[2];
        dims[h] = from[0];
        dims[h + 1] = from[1];
        *picture = true;
        total = t->rank == 4 ? t->dims[0] : 1;
    } else if (t->rank == rank) {
        memcpy(dims, t->dims, sizeof(t->dims));
        total = t->dims[0];
    } else if (alone && one == 1 && t->rank == rank - 1) {
        memcpy(dims + 1, t->dims,
               (size_t)t->rank * sizeof(*t->dims));
        total = 1;
    }
    if (total > 0 && !*picture && want->picture && want->nhwc &&
        t->rank == 4 && !fits(want, dims)) {
        /* Floats are [n, c, h, w], as everywhere, if they don't fit. */
        dims[1] = t->dims[2];
        dims[2] = t->dims[3];
        dims[3] = t->dims[1];
        *picture = fits(want, dims);
    }
    if (total < 1 || !fits(want, dims))
        return inn_fail(err, INN_ERR_RANGE,
                        "input '%s' wants samples of %s, %s %s",
                        want->value->name, wanted_text(wish, want),
                        total < 1 ? "the array is" : "these are",
                        total < 1 ? inn_shape_text(have, t->rank, t->dims)
                                  : inn_shape_text(have, rank - 1, dims + 1));
    if (inn_type_is_float(t->type) && !inn_type_is_float(want->type) &&
        want->type != INN_U8)
        return inn_fail(err, INN_ERR_RANGE, "input '%s' wants %s, is "
                        "given %s", want->value->name,
                        inn_type_name(want->type), inn_type_name(t->type));
    if (total < one)
        return inn_fail(err, INN_ERR_RANGE,
                        "input '%s' takes %lld at once, there are %lld",
                        want->value->name, (long long)one, (long long)total);
    dims[0] = one;
    *n = total / one;
    return INN_OK;
}

/* One picture in floats, as the network takes it. */
static enum inn_status put_picture(void *to, const struct inn_wanted *want,
                                   const struct inn_tensor *t, int64_t number,
                                   struct inn_arena *arena,
                                   struct inn_error *err)
{
    const struct inn_prep_options none = INN_PREP_DEFAULTS;
    bool bytes = t->type == INN_U8;
    const int64_t *d = t->dims + (t->rank - 3);
    struct inn_pictures p = {.x = *t, .n = t->rank == 4 ? t->dims[0] : 1,
                             .height = d[bytes ? 0 : 1],
                             .width = d[bytes ? 1 : 2],
                             .channels = d[bytes ? 2 : 0]};
    size_t n = (size_t)(p.height * p.width * p.channels);
    struct inn_input_prep prep = {.n = 1, .scale = 1, .std = {1, 1, 1, 1}};
    enum inn_status st = INN_OK;
    float *x;

    if (bytes && want->type != INN_U8)
        st = inn_prep_choose(&prep, &none, want->model, p.channels,
                             "a picture of the samples", true, err);
    if (st != INN_OK)
        return st;
    prep.nhwc = want->nhwc;
    prep.bgr = bytes && want->model->prep.bgr;
    x = inn_arena_alloc(arena, n, sizeof(*x), err);
    if (x == NULL)
        return inn_refused(err);
    inn_picture_get(x, &p, number, &prep);
    inn_convert_elements(to, want->type, x, INN_F32, n);
    return INN_OK;
}

enum inn_status inn_calibrate_put(struct inn_tensor *out, int64_t count,
                                  int64_t to, const struct inn_wanted *want,
                                  const struct inn_tensor *t, int64_t from,
                                  bool picture, struct inn_error *err)
{
    size_t len = inn_tensor_count(out) / (size_t)count;
    size_t one = (size_t)(want->rank > 0 ? want->dims[0] : 1);
    size_t size = inn_type_size(out->type), k;
    char *at = (char *)out->data + (size_t)to * len * size;
    enum inn_status st = INN_OK;
    struct inn_arena own;

    if (!picture) {
        inn_convert_elements(at, out->type, (const char *)t->data +
                             (size_t)from * len * inn_type_size(t->type),
                             t->type, len);
        return INN_OK;
    }
    inn_arena_init(&own, want->model->heap);
    for (k = 0; k < one && st == INN_OK; k++)
        st = put_picture(at + k * (len / one) * size, want, t,
                         from * (int64_t)one + (int64_t)k, &own, err);
    inn_arena_free(&own);
    return st;
}

/* An array's samples. */
static enum inn_status take_array(struct inn_tensor *out, int64_t *count,
                                  const struct inn_calibration *c,
                                  const struct inn_wanted *want,
                                  const struct inn_tensor *t,
                                  struct inn_arena *arena,
                                  struct inn_error *err)
{
    int64_t dims[INN_MAX_RANK], *chosen, n, k;
    struct inn_wanted sized = *want;
    enum inn_status st;
    bool picture;

    st = inn_calibrate_fit(&n, dims, &picture, want, t, false, err);
    if (st != INN_OK)
        return st;
    memcpy(sized.dims, dims, sizeof(dims));
    st = inn_calibrate_choose(&chosen, count, c, &sized, n, arena, err);
    if (st != INN_OK)
        return st;
    dims[0] *= *count;
    st = inn_tensor_new(out, arena, want->type,
                        want->rank > 0 ? want->rank : 1, dims, err);
    for (k = 0; k < *count && st == INN_OK; k++)
        st = inn_calibrate_put(out, *count, k, &sized, t, chosen[k], picture,
                               err);
    return st;
}

static bool ends_in(const char *text, const char *end)
{
    size_t len = strlen(text), n = strlen(end);

    return len > n && strcmp(text + len - n, end) == 0;
}

/* The array for an input, out of an .npz or .npy. */
static enum inn_status read_array(struct inn_tensor *t, const char *path,
                                  const char *name, bool only,
                                  struct inn_arena *arena,
                                  struct inn_error *err)
{
    struct inn_error first = {0};
    enum inn_status st;

    if (ends_in(path, ".npy")) {
        if (only)
            return inn_npy_read(t, path, arena, err);
        return inn_fail(err, INN_ERR_ARGUMENT, "is one array; the network "
                        "has several inputs: an .npz names them");
    }
    if (!ends_in(path, ".npz"))
        return inn_fail(err, INN_ERR_ARGUMENT, "is no .npz, .npy or folder");
    st = inn_npz_read(t, path, name, arena, &first);
    if (st == INN_ERR_FORMAT && only && strcmp(name, "x") != 0)
        return inn_npz_read(t, path, "x", arena, err);
    if (st != INN_OK)
        inn_fail(err, st, "%s", first.message);
    return st;
}

static enum inn_status take_input(struct inn_tensor *out, int64_t *count,
                                  const struct inn_calibration *c,
                                  const struct inn_wanted *want, bool only,
                                  struct inn_arena *arena,
                                  struct inn_error *err)
{
    struct inn_arena own;
    struct inn_tensor t;
    enum inn_status st;

    inn_arena_init(&own, arena->heap);
    st = read_array(&t, c->path, want->value->name, only, &own, err);
    if (st == INN_OK)
        st = take_array(out, count, c, want, &t, arena, err);
    inn_arena_free(&own);
    return st;
}

/* Samples for which there is room, all inputs together. */
static int64_t most_samples(const struct inn_graph *graph,
                            const struct inn_shapes *shapes)
{
    size_t bytes = 1;
    int i;

    for (i = 0; i < graph->n_inputs; i++) {
        const struct inn_tensor *t = inn_shapes_get(shapes,
                                                    graph->inputs[i]);

        if (t != NULL && !inn_add_size(&bytes, bytes, t->bytes))
            bytes = SIZE_MAX;
    }
    return (int64_t)(MOST_BYTES / bytes);
}

enum inn_status inn_calibrate(struct inn_feed *feed,
                              const struct inn_calibration *c,
                              const struct inn_model *model,
                              const struct inn_graph *graph,
                              struct inn_arena *arena, struct inn_error *err)
{
    struct inn_shapes shapes;
    struct inn_wanted want;
    struct stat about;
    int64_t count = 0, most = 1;
    enum inn_status st;
    bool there = stat(c->path, &about) == 0;
    bool folder = there && S_ISDIR(about.st_mode);
    int i;

    memset(feed, 0, sizeof(*feed));
    if (!there)
        return inn_fail(err, INN_ERR_IO, "can't be opened: %s",
                        strerror(errno));
    st = inn_shapes_infer(&shapes, graph, model->bindings,
                          (size_t)model->n_bindings, INN_DEFAULT_SPATIAL,
                          (size_t)64 << 10, err);
    feed->n = graph->n_inputs;
    feed->items = inn_arena_alloc(arena, (size_t)feed->n + 1,
                                  sizeof(*feed->items), err);
    if (st == INN_OK && feed->items == NULL)
        st = inn_refused(err);
    if (st == INN_OK && feed->n != 1 && folder)
        st = inn_fail(err, INN_ERR_ARGUMENT, "is a folder; the network has "
                      "%d inputs: an .npz names them", feed->n);
    if (st == INN_OK)
        most = most_samples(graph, &shapes);
    for (i = 0; i < feed->n && st == INN_OK; i++) {
        st = find_wanted(&want, graph->inputs[i], model, graph, &shapes, err);
        want.only = feed->n == 1;
        want.most = most;
        if (st == INN_OK && folder)
            st = inn_calibrate_folder(&feed->items[i], &count, c, &want,
                                      arena, err);
        else if (st == INN_OK)
            st = take_input(&feed->items[i], &count, c, &want, feed->n == 1,
                            arena, err);
        if (st == INN_OK && i > 0 && count != feed->count)
            st = inn_fail(err, INN_ERR_RANGE,
                          "input '%s' has %lld samples, those before have "
                          "%lld", want.value->name, (long long)count,
                          (long long)feed->count);
        feed->count = count;
    }
    inn_shapes_free(&shapes);
    return st;
}
