/* Pictures into a network and out of it. */
#include "runtime/pictures/picture_net.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/checked.h"
#include "runtime/base/error.h"
#include "runtime/cli/sizes.h"

/* Sizes at which a network's factor is found out: multiples of much. */
#define PROBE 128
#define PROBE_MORE 192
/* Integer constants a shape may be computed from. */
#define FOLD_BYTES ((size_t)1 << 16)

static enum inn_status check_input(struct inn_picture_net *net,
                                   struct inn_error *err)
{
    const struct inn_graph *g = net->graph;
    const struct inn_value *v;
    int64_t channels = -1;

    if (g->n_inputs != 1)
        return inn_fail(err, INN_ERR_UNSUPPORTED,
                        "has %d inputs; a network of pictures has one",
                        g->n_inputs);
    v = &g->values[g->inputs[0]];
    if (v->rank != 4)
        return inn_fail(err, INN_ERR_UNSUPPORTED,
                        "input '%s' has %d dimensions; a picture has 4",
                        v->name, v->rank);
    if (v->dims[0].size > 1)
        return inn_fail(err, INN_ERR_UNSUPPORTED,
                        "input '%s' is fixed to batches of %lld; "
                        "pictures come one by one", v->name,
                        (long long)v->dims[0].size);
    net->type = v->type != INN_UNDEFINED ? v->type : INN_F32;
    if (!inn_type_is_float(net->type))
        return inn_fail(err, INN_ERR_UNSUPPORTED,
                        "input '%s' is %s; pictures enter as floats",
                        v->name, inn_type_name(net->type));
    channels = v->dims[net->prep.nhwc ? 3 : 1].size;
    if (channels != 1 && channels != 3)
        return inn_fail(err, INN_ERR_UNSUPPORTED,
                        "input '%s' has %lld channels (%s); a picture "
                        "has 1 (Y) or 3 (RGB)", v->name, (long long)channels,
                        net->prep.nhwc ? "NHWC" : "NCHW");
    net->channels = channels;
    return INN_OK;
}

/* Height of what a picture of size x size becomes; 0: unknown. */
static enum inn_status height_at(int64_t *height, int64_t size,
                                 const struct inn_picture_net *net,
                                 struct inn_error *err)
{
    const struct inn_graph *g = net->graph;
    struct inn_binding b = {.name = g->values[g->inputs[0]].name, .rank = 4};
    const struct inn_tensor *t;
    struct inn_shapes shapes;
    enum inn_status st;
    int d;

    inn_picture_net_dims(b.dims, net, size, size);
    for (d = 0; d < 4; d++) {
        if (g->values[g->inputs[0]].dims[d].size >= 0)
            b.dims[d] = g->values[g->inputs[0]].dims[d].size;
    }
    st = inn_shapes_infer(&shapes, g, &b, 1, INN_DEFAULT_SPATIAL, FOLD_BYTES,
                          err);
    *height = 0;
    if (st == INN_OK) {
        t = inn_shapes_get(&shapes, g->n_outputs > 0 ? g->outputs[0] : -1);
        if (t != NULL && t->rank == 4)
            *height = t->dims[net->prep.nhwc ? 1 : 2];
    }
    inn_shapes_free(&shapes);
    return st;
}

/*
 * How many rows more of output a row more of input gives: what a network
 * without padding loses at the edges doesn't count.
 */
static enum inn_status find_factor(struct inn_picture_net *net,
                                   struct inn_error *err)
{
    const struct inn_value *v = &net->graph->values[net->graph->inputs[0]];
    int64_t fixed = v->dims[net->prep.nhwc ? 1 : 2].size, less, more = 0;
    enum inn_status st;

    st = height_at(&less, PROBE, net, err);
    if (st == INN_OK && fixed < 0)
        st = height_at(&more, PROBE_MORE, net, err);
    if (st != INN_OK)
        return st;
    if (fixed > 0)
        net->factor = (less + fixed / 2) / fixed;
    else if (more > less)
        net->factor = (more - less) / (PROBE_MORE - PROBE);
    return INN_OK;
}

enum inn_status inn_picture_net_init(struct inn_picture_net *net,
                                     const struct inn_graph *graph,
                                     const struct inn_model *model,
                                     const struct inn_prep_options *options,
                                     int64_t multiple, struct inn_error *err)
{
    char where[512];
    enum inn_status st;

    memset(net, 0, sizeof(*net));
    net->graph = graph;
    net->model = model;
    net->multiple = multiple > 0 ? multiple : 1;
    net->prep.nhwc = inn_prep_nhwc(options, model);
    st = check_input(net, err);
    if (st == INN_OK) {
        snprintf(where, sizeof(where), "input '%s'",
                 graph->values[graph->inputs[0]].name);
        st = inn_prep_choose(&net->prep, options, model, net->channels, where,
                             true, err);
    }
    if (st == INN_OK)
        st = find_factor(net, err);
    return st;
}

static int64_t padded(int64_t size, int64_t multiple)
{
    return (size + multiple - 1) / multiple * multiple;
}

void inn_picture_net_dims(int64_t dims[4], const struct inn_picture_net *net,
                          int64_t height, int64_t width)
{
    dims[0] = 1;
    dims[net->prep.nhwc ? 3 : 1] = net->channels;
    dims[net->prep.nhwc ? 1 : 2] = padded(height, net->multiple);
    dims[net->prep.nhwc ? 2 : 3] = padded(width, net->multiple);
}

/* Index of (c, y, x) in a picture of the network's layout. */
static int64_t place(const struct inn_picture_net *net, int64_t c, int64_t y,
                     int64_t x, int64_t channels, int64_t height,
                     int64_t width)
{
    return net->prep.nhwc ? (y * width + x) * channels + c
                          : (c * height + y) * width + x;
}

/* 0 … n-1, then back again without repeating the edge. */
static int64_t mirrored(int64_t i, int64_t n)
{
    int64_t period = n > 1 ? 2 * n - 2 : 1;

    i %= period;
    return i < n ? i : period - i;
}

static enum inn_status check_size(const struct inn_picture_net *net,
                                  const int64_t dims[4],
                                  struct inn_error *err)
{
    const struct inn_value *v = &net->graph->values[net->graph->inputs[0]];
    int d, h = net->prep.nhwc ? 1 : 2;

    for (d = h; d < h + 2; d++) {
        if (v->dims[d].size >= 0 && v->dims[d].size != dims[d])
            return inn_fail(err, INN_ERR_RANGE,
                            "wants pictures of %lld x %lld, this one is %lld "
                            "x %lld",
                            (long long)(v->dims[h + 1].size >= 0
                                            ? v->dims[h + 1].size
                                            : dims[h + 1]),
                            (long long)(v->dims[h].size >= 0
                                            ? v->dims[h].size : dims[h]),
                            (long long)dims[h + 1], (long long)dims[h]);
    }
    return INN_OK;
}

enum inn_status inn_picture_net_feed(struct inn_tensor *in,
                                     const struct inn_picture_net *net,
                                     const struct inn_planes *p,
                                     struct inn_arena *arena,
                                     struct inn_error *err)
{
    const struct inn_input_prep *prep = &net->prep;
    int64_t height = padded(p->height, net->multiple), dims[4], c, y, x;
    int64_t width = padded(p->width, net->multiple);
    size_t size = inn_type_size(net->type);
    enum inn_status st;

    inn_picture_net_dims(dims, net, p->height, p->width);
    st = check_size(net, dims, err);
    if (st == INN_OK)
        st = inn_tensor_new(in, arena, net->type, 4, dims, err);
    if (st != INN_OK)
        return st;
    for (c = 0; c < net->channels; c++) {
        int64_t colour = prep->bgr && p->channels == 3 ? 2 - c : c;
        const float *plane = p->data + (p->channels > c ? colour : 0) *
                                           p->height * p->width;
        double mean = prep->mean[prep->n > 1 ? c : 0];
        double std = prep->std[prep->n > 1 ? c : 0];

        for (y = 0; y < height; y++) {
            const float *row = plane + mirrored(y, p->height) * p->width;

            for (x = 0; x < width; x++) {
                double v = row[mirrored(x, p->width)];
                float f = (float)((v * prep->scale - mean) / std);
                int64_t to = place(net, c, y, x, net->channels, height,
                                   width);

                inn_convert_elements((char *)in->data + (size_t)to * size,
                                     net->type, &f, INN_F32, 1);
            }
        }
    }
    return INN_OK;
}

/* Sizes of the picture in out: what counts of it, and where that begins. */
static enum inn_status locate(int64_t size[2], int64_t at[2],
                              const struct inn_picture_net *net,
                              const struct inn_tensor *out, int64_t height,
                              int64_t width, struct inn_error *err)
{
    const int64_t in[2] = {height, width};
    int d;

    for (d = 0; d < 2; d++) {
        int64_t whole = padded(in[d], net->multiple) * net->factor;
        int64_t have = out->dims[d + (net->prep.nhwc ? 1 : 2)];

        if (have > whole || have < 1)
            return inn_fail(err, INN_ERR_UNSUPPORTED,
                            "makes %lld rows or columns of %lld; at most "
                            "%lld were expected", (long long)have,
                            (long long)in[d], (long long)whole);
        at[d] = (whole - have) / 2;
        /* Of what was padded nothing is kept. */
        size[d] = in[d] * net->factor - at[d];
        size[d] = size[d] < have ? size[d] : have;
        if (size[d] < 1)
            return inn_fail(err, INN_ERR_RANGE,
                            "leaves nothing of a picture of %lld x %lld",
                            (long long)width, (long long)height);
    }
    return INN_OK;
}

enum inn_status inn_picture_net_take(struct inn_planes *p, int64_t *top,
                                     int64_t *left,
                                     const struct inn_picture_net *net,
                                     const struct inn_tensor *out,
                                     int64_t height, int64_t width,
                                     struct inn_arena *arena,
                                     struct inn_error *err)
{
    const struct inn_input_prep *prep = &net->prep;
    int64_t size[2], at[2], channels, h, w, c, y, x;
    size_t bytes = inn_type_size(out->type);
    enum inn_status st;

    channels = out->rank == 4 ? out->dims[prep->nhwc ? 3 : 1] : 0;
    if ((channels != 1 && channels != 3) || out->dims[0] != 1 ||
        net->factor < 1 || !inn_type_is_float(out->type))
        return inn_fail(err, INN_ERR_UNSUPPORTED,
                        "its first output is no picture of 1 or 3 channels");
    st = locate(size, at, net, out, height, width, err);
    if (st == INN_OK)
        st = inn_planes_new(p, channels, size[0], size[1], arena, err);
    if (st != INN_OK)
        return st;
    *top = at[0];
    *left = at[1];
    h = out->dims[prep->nhwc ? 1 : 2];
    w = out->dims[prep->nhwc ? 2 : 3];
    for (c = 0; c < channels; c++) {
        double mean = prep->mean[prep->n > 1 ? c : 0];
        double std = prep->std[prep->n > 1 ? c : 0];
        int64_t colour = prep->bgr && channels == 3 ? 2 - c : c;

        for (y = 0; y < p->height; y++) {
            for (x = 0; x < p->width; x++) {
                int64_t from = place(net, c, y, x, channels, h, w);
                double v;

                inn_convert_elements(&v, INN_F64, (const char *)out->data +
                                     (size_t)from * bytes, out->type, 1);
                p->data[(colour * p->height + y) * p->width + x] =
                    (float)((v * std + mean) / prep->scale);
            }
        }
    }
    return INN_OK;
}
