/* Pictures and classes for inn run. */
#include "runtime/tools/run_image.h"

#include <math.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/pictures/crop.h"

/* Grey becomes three planes of the same, so that Y Cb Cr can be made. */
static enum inn_status widen(struct inn_planes *p, struct inn_arena *arena,
                             struct inn_error *err)
{
    const struct inn_planes grey = *p;
    size_t plane = (size_t)(grey.height * grey.width);
    enum inn_status st;
    size_t c;

    st = inn_planes_new(p, 3, grey.height, grey.width, arena, err);
    for (c = 0; c < 3 && st == INN_OK; c++)
        memcpy(p->data + c * plane, grey.data, plane * sizeof(*p->data));
    return st;
}

static enum inn_status read_source(struct inn_image_job *job,
                                   const struct inn_image_request *request,
                                   struct inn_arena *arena,
                                   struct inn_error *err)
{
    /* Y, from 16 to 235, is what networks for pictures are fed. */
    bool whole = job->net.channels == 1 && job->net.factor == 0;
    struct inn_image read, image;
    struct inn_planes small;
    enum inn_status st;

    st = inn_image_read(&read, request->path, arena, err);
    image = read;
    if (st == INN_OK && whole)
        st = inn_image_recolour(&image, &read, 1, arena, err);
    if (st == INN_OK)
        st = inn_planes_of_image(&job->source, &image, arena, err);
    if (st == INN_OK && request->enlarge > 1) {
        small = job->source;
        st = inn_planes_bicubic(&job->source, &small,
                                small.height * request->enlarge,
                                small.width * request->enlarge, arena, err);
    }
    if (st != INN_OK) {
        inn_error_file(err, request->path);
        return st;
    }
    job->grey = job->source.channels == 1;
    if (job->net.channels == 1 && !whole) {
        if (job->grey)
            st = widen(&job->source, arena, err);
        if (st == INN_OK)
            inn_planes_to_ycbcr(&job->source);
    }
    return st;
}

enum inn_status inn_image_input(struct inn_tensor *in,
                                struct inn_image_job *job,
                                const struct inn_image_request *request,
                                const struct inn_graph *graph,
                                const struct inn_model *model,
                                bool wants_picture, struct inn_arena *arena,
                                struct inn_error *err)
{
    enum inn_status st;

    memset(job, 0, sizeof(*job));
    st = inn_picture_net_init(&job->net, graph, model, &request->prep,
                              request->multiple, err);
    if (st != INN_OK)
        return st;
    if (wants_picture && job->net.factor == 0)
        return inn_fail(err, INN_ERR_UNSUPPORTED,
                        "its first output is no picture");
    st = read_source(job, request, arena, err);
    if (st == INN_OK)
        st = inn_picture_net_feed(in, &job->net, &job->source, arena, err);
    return st;
}

/* Y in place of the enlarged source's, where that has any colours. */
static enum inn_status add_colours(struct inn_planes *p,
                                   const struct inn_image_job *job,
                                   int64_t top, int64_t left,
                                   struct inn_arena *arena,
                                   struct inn_error *err)
{
    const struct inn_planes *source = &job->source;
    const struct inn_planes y = *p;
    struct inn_planes big;
    enum inn_status st;

    st = inn_planes_bicubic(&big, source, source->height * job->net.factor,
                            source->width * job->net.factor, arena, err);
    if (st == INN_OK)
        st = inn_planes_cut(p, &big, top, left, y.height, y.width, arena,
                            err);
    if (st != INN_OK)
        return st;
    memcpy(p->data, y.data,
           (size_t)(y.height * y.width) * sizeof(*y.data));
    inn_planes_to_rgb(p);
    /* Planes lie one after the other: the first alone is grey. */
    if (job->grey)
        p->channels = 1;
    return INN_OK;
}

enum inn_status inn_image_output(const struct inn_image_job *job,
                                 const struct inn_tensor *out,
                                 const char *path, bool overwrite,
                                 struct inn_arena *arena,
                                 struct inn_error *err)
{
    const struct inn_planes *source = &job->source;
    struct inn_image image;
    struct inn_planes p;
    enum inn_status st;
    int64_t top, left;

    st = inn_picture_net_take(&p, &top, &left, &job->net, out, source->height,
                              source->width, arena, err);
    if (st == INN_OK && job->net.channels == 1 && p.channels == 1)
        st = add_colours(&p, job, top, left, arena, err);
    if (st == INN_OK)
        st = inn_planes_to_image(&image, &p, arena, err);
    if (st != INN_OK)
        return st;
    st = inn_image_write(&image, path, overwrite, arena->heap, err);
    if (st != INN_OK)
        inn_error_file(err, path);
    return st;
}

bool inn_is_scores(const struct inn_tensor *out)
{
    int d;

    if (out->rank < 2 || !inn_type_is_float(out->type) ||
        inn_tensor_count(out) < 2)
        return false;
    /* All along one axis, be it [1, n], [1, n, 1, 1] or [1, 1, 1, n]. */
    for (d = 0; d < out->rank; d++) {
        if (out->dims[d] != 1 &&
            out->dims[d] != (int64_t)inn_tensor_count(out))
            return false;
    }
    return true;
}

int inn_top_scores(struct inn_score top[INN_TOP],
                   const struct inn_tensor *out)
{
    int64_t count = (int64_t)inn_tensor_count(out), i;
    size_t size = inn_type_size(out->type);
    int n = 0, k;

    for (i = 0; i < count; i++) {
        double v;

        inn_convert_elements(&v, INN_F64, (const char *)out->data +
                             (size_t)i * size, out->type, 1);
        for (k = n; k > 0 && (v > top[k - 1].score ||
                              (isnan(top[k - 1].score) && !isnan(v))); k--) {
            if (k < INN_TOP)
                top[k] = top[k - 1];
        }
        if (k < INN_TOP) {
            top[k].class = i;
            top[k].score = v;
            n += n < INN_TOP;
        }
    }
    return n;
}
