/*
 * Resize (opset 10 on) and Upsample (7 and 9): attributes and inputs of all
 * opsets read into one form, shapes, and channels. The kernel is in
 * image_resize_run.c.
 */
#include "runtime/ops/image_resize.h"

#include <math.h>
#include <string.h>

#include "runtime/ops/common.h"
#include "runtime/ops/moments.h"
#include "runtime/ops/rows.h"

/* Lengths that a float times a scale may give. */
#define MAX_LENGTH 2147483647.0f

/* The index of text in names[n], or -1 with an error. */
static int find(const struct inn_args *a, const char *attr, const char *text,
                const char *const *names, int n)
{
    int i;

    for (i = 0; i < n; i++) {
        if (names[i] != NULL && strcmp(names[i], text) == 0)
            return i;
    }
    inn_args_fail(a, INN_ERR_UNSUPPORTED, "%s is '%s', which is not known",
                  attr, text);
    return -1;
}

/* What opset 11 and its followers let a graph node choose. */
static enum inn_status read_choices(struct inn_zoom *z,
                                    const struct inn_args *a)
{
    static const char *const coordinates[] = {
        [INN_ZOOM_HALF_PIXEL] = "half_pixel",
        [INN_ZOOM_PYTORCH_HALF_PIXEL] = "pytorch_half_pixel",
        [INN_ZOOM_ALIGN_CORNERS] = "align_corners",
        [INN_ZOOM_ASYMMETRIC] = "asymmetric",
        [INN_ZOOM_TF_CROP_AND_RESIZE] = "tf_crop_and_resize",
        [INN_ZOOM_TF_HALF_PIXEL_FOR_NN] = "tf_half_pixel_for_nn",
        [INN_ZOOM_HALF_PIXEL_SYMMETRIC] = "half_pixel_symmetric",
    };
    static const char *const rounds[] = {
        [INN_ZOOM_ROUND_PREFER_FLOOR] = "round_prefer_floor",
        [INN_ZOOM_ROUND_PREFER_CEIL] = "round_prefer_ceil",
        [INN_ZOOM_FLOOR] = "floor",
        [INN_ZOOM_CEIL] = "ceil",
    };
    const struct inn_node *n = a->node;
    int i;

    if (n->version < 11) {
        z->coordinates = INN_ZOOM_ASYMMETRIC;
        z->round = INN_ZOOM_SIMPLE;
        return INN_OK;
    }
    i = find(a, "coordinate_transformation_mode",
             inn_node_string(n, "coordinate_transformation_mode",
                             "half_pixel"),
             coordinates, (int)INN_COUNT(coordinates));
    if (i < 0)
        return INN_ERR_UNSUPPORTED;
    z->coordinates = (enum inn_zoom_coordinates)i;
    i = find(a, "nearest_mode",
             inn_node_string(n, "nearest_mode", "round_prefer_floor"), rounds,
             (int)INN_COUNT(rounds));
    if (i < 0)
        return INN_ERR_UNSUPPORTED;
    z->round = (enum inn_zoom_round)i;
    z->exclude_outside = inn_node_int(n, "exclude_outside", 0) != 0;
    z->antialias = n->version >= 18 && inn_node_int(n, "antialias", 0) != 0;
    z->cubic_a = inn_node_float(n, "cubic_coeff_a", -0.75f);
    z->extrapolation = inn_node_float(n, "extrapolation_value", 0.0f);
    return INN_OK;
}

/* The axes that the lists speak of: all of them, or those at opset 18. */
static enum inn_status read_axes(const struct inn_args *a,
                                 int axes[INN_MAX_RANK], int *n)
{
    int rank = a->in[0]->rank, i, k;
    struct inn_list list;
    enum inn_status st;

    memset(&list, 0, sizeof(list));
    if (a->node->version >= 18)
        inn_args_attr_list(a, &list, "axes");
    *n = list.given ? (int)list.n : rank;
    if (list.given && list.n > (size_t)rank)
        return inn_args_fail(a, INN_ERR_FORMAT, "%zu axes of %d", list.n,
                             rank);
    for (i = 0; i < *n; i++) {
        axes[i] = i;
        st = list.given ? inn_args_axis(a, &axes[i], list.ints[i], rank)
                        : INN_OK;
        if (st != INN_OK)
            return st;
        for (k = 0; k < i; k++) {
            if (axes[k] == axes[i])
                return inn_args_fail(a, INN_ERR_FORMAT,
                                     "axis %d is listed twice", axes[i]);
        }
    }
    return INN_OK;
}

/* Input i where it holds numbers: a float list of n, or NULL. */
static enum inn_status float_list(const struct inn_args *a,
                                  const struct inn_tensor **t, int i,
                                  const char *name, int n)
{
    *t = inn_args_in(a, i);
    if (*t == NULL || ((*t)->rank == 1 && (*t)->dims[0] == 0)) {
        *t = NULL;
        return INN_OK;
    }
    if (!inn_type_is_float((*t)->type) || (*t)->rank != 1)
        return inn_args_fail(a, INN_ERR_FORMAT,
                             "%s is %s with %d axes, must be a list of f32",
                             name, inn_type_name((*t)->type), (*t)->rank);
    if ((*t)->dims[0] != n)
        return inn_args_fail(a, INN_ERR_FORMAT,
                             "%s has %lld entries where %d are needed", name,
                             (long long)(*t)->dims[0], n);
    return INN_OK;
}

static float float_at(const struct inn_tensor *t, int i)
{
    return (float)inn_element_get(t->type, t->data, (size_t)i);
}

/* The cut-out that tf_crop_and_resize sees: starts, then ends. */
static enum inn_status read_crop(struct inn_zoom *z, const struct inn_args *a,
                                 const int *axes, int n)
{
    const struct inn_tensor *roi;
    enum inn_status st;
    int i;

    if (z->coordinates != INN_ZOOM_TF_CROP_AND_RESIZE)
        return INN_OK;
    st = float_list(a, &roi, 1, "roi", 2 * n);
    if (st != INN_OK || roi == NULL)
        return st;
    if (roi->data == NULL) {
        z->known = false;
        return INN_OK;
    }
    for (i = 0; i < n; i++) {
        struct inn_zoom_axis *x = &z->axis[axes[i]];

        x->start = float_at(roi, i);
        x->end = float_at(roi, n + i);
        if (!isfinite(x->start) || !isfinite(x->end))
            return inn_args_fail(a, INN_ERR_FORMAT,
                                 "roi is not finite on axis %d", axes[i]);
    }
    return INN_OK;
}

/*
 * Lengths and scales in float, as ONNX Runtime computes them: 0.6 × 5 is 3
 * there, and 3.0000001 in double.
 */
static enum inn_status take_scale(struct inn_zoom *z,
                                  const struct inn_args *a, int axis,
                                  float scale)
{
    struct inn_zoom_axis *x = &z->axis[axis];
    float out = (float)x->in * scale;

    if (!isfinite(scale) || scale <= 0 || out >= MAX_LENGTH)
        return inn_args_fail(a, INN_ERR_FORMAT,
                             "scale %g of axis %d with %lld elements",
                             (double)scale, axis, (long long)x->in);
    x->scale = scale;
    x->out = scale == 1.0f ? x->in : (int64_t)out;
    return INN_OK;
}

/* The scale that all listed axes share where proportions are kept. */
static enum inn_status keep_aspect(struct inn_zoom *z,
                                   const struct inn_args *a, const int *axes,
                                   int n)
{
    const char *policy = inn_node_string(a->node, "keep_aspect_ratio_policy",
                                         "stretch");
    bool larger = strcmp(policy, "not_smaller") == 0;
    float scale;
    int i;

    if (a->node->version < 18 || n == 0 || strcmp(policy, "stretch") == 0)
        return INN_OK;
    if (!larger && strcmp(policy, "not_larger") != 0)
        return inn_args_fail(a, INN_ERR_UNSUPPORTED,
                             "keep_aspect_ratio_policy is '%s', which is not "
                             "known", policy);
    scale = z->axis[axes[0]].scale;
    for (i = 1; i < n; i++) {
        float s = z->axis[axes[i]].scale;

        if (larger ? s > scale : s < scale)
            scale = s;
    }
    for (i = 0; i < n; i++) {
        struct inn_zoom_axis *x = &z->axis[axes[i]];
        float out = roundf(scale * (float)x->in);

        if (out >= MAX_LENGTH)
            return inn_args_fail(a, INN_ERR_FORMAT,
                                 "scale %g of axis %d with %lld elements",
                                 (double)scale, axes[i], (long long)x->in);
        x->scale = scale;
        x->out = (int64_t)out;
    }
    return INN_OK;
}

static enum inn_status take_sizes(struct inn_zoom *z,
                                  const struct inn_args *a,
                                  const struct inn_list *sizes,
                                  const int *axes, int n)
{
    int i;

    if (sizes->n != (size_t)n)
        return inn_args_fail(a, INN_ERR_FORMAT,
                             "sizes has %zu entries where %d are needed",
                             sizes->n, n);
    if (!sizes->known) {
        z->known = false;
        return INN_OK;
    }
    for (i = 0; i < n; i++) {
        struct inn_zoom_axis *x = &z->axis[axes[i]];

        x->out = inn_list_at(sizes, (size_t)i);
        if (x->out < 0 || (x->in == 0 && x->out != 0))
            return inn_args_fail(a, INN_ERR_FORMAT,
                                 "%lld elements of axis %d would become %lld",
                                 (long long)x->in, axes[i],
                                 (long long)x->out);
        x->scale = x->in == x->out ? 1.0f : (float)x->out / (float)x->in;
    }
    return keep_aspect(z, a, axes, n);
}

/* scales as an attribute (Upsample 7), or as the input that the opset says. */
static enum inn_status take_scales(struct inn_zoom *z,
                                   const struct inn_args *a, const int *axes,
                                   int n)
{
    const struct inn_attr *attr = inn_node_attr(a->node, "scales");
    const struct inn_tensor *t = NULL;
    enum inn_status st = INN_OK;
    int i;

    if (a->node->version >= 9)
        st = float_list(a, &t, a->node->version < 11 ? 1 : 2, "scales", n);
    if (st != INN_OK)
        return st;
    if (a->node->version < 9 && attr != NULL &&
        attr->kind == INN_ATTR_FLOATS && attr->count != (size_t)n)
        return inn_args_fail(a, INN_ERR_FORMAT,
                             "scales has %zu entries where %d are needed",
                             attr->count, n);
    if (a->node->version < 9
            ? attr == NULL || attr->kind != INN_ATTR_FLOATS
            : t == NULL)
        return inn_args_fail(a, INN_ERR_FORMAT, "scales are missing");
    if (t != NULL && t->data == NULL) {
        z->known = false;
        return INN_OK;
    }
    for (i = 0; i < n && st == INN_OK; i++)
        st = take_scale(z, a, axes[i],
                        t != NULL ? float_at(t, i) : attr->floats[i]);
    return st;
}

enum inn_status inn_zoom_read(struct inn_zoom *z, const struct inn_args *a)
{
    static const char *const modes[] = {
        [INN_ZOOM_NEAREST] = "nearest",
        [INN_ZOOM_LINEAR] = "linear",
        [INN_ZOOM_CUBIC] = "cubic",
    };
    int axes[INN_MAX_RANK], n = 0, i;
    enum inn_status st = inn_args_need(a, 1);
    struct inn_list sizes;

    memset(z, 0, sizeof(*z));
    if (st != INN_OK)
        return st;
    z->known = true;
    i = find(a, "mode", inn_node_string(a->node, "mode", "nearest"), modes,
             a->node->version < 11 ? 2 : (int)INN_COUNT(modes));
    if (i < 0)
        return INN_ERR_UNSUPPORTED;
    z->mode = (enum inn_zoom_mode)i;
    z->rank = a->in[0]->rank;
    for (i = 0; i < z->rank; i++) {
        z->axis[i].in = z->axis[i].out = a->in[0]->dims[i];
        z->axis[i].scale = z->axis[i].end = 1.0f;
    }
    memset(&sizes, 0, sizeof(sizes));
    st = read_choices(z, a);
    if (st == INN_OK)
        st = read_axes(a, axes, &n);
    if (st == INN_OK)
        st = read_crop(z, a, axes, n);
    if (st == INN_OK && a->node->version >= 11)
        st = inn_args_input_list(a, &sizes, 3);
    if (st == INN_OK)
        st = sizes.n > 0 ? take_sizes(z, a, &sizes, axes, n)
                         : take_scales(z, a, axes, n);
    for (i = 0; st == INN_OK && i < z->rank; i++) {
        struct inn_zoom_axis *x = &z->axis[i];

        x->same = x->in == x->out && x->scale == 1.0f && x->start == 0.0f &&
                  x->end == 1.0f;
    }
    return st;
}

enum inn_status inn_infer_image_resize(struct inn_infer *c)
{
    enum inn_status st = inn_infer_arity(c, 1, 4, 1);
    struct inn_args a = INN_ARGS(c);
    int64_t dims[INN_MAX_RANK];
    struct inn_zoom z;
    int i;

    if (st == INN_OK)
        st = inn_zoom_read(&z, &a);
    if (st != INN_OK || !z.known)
        return st;
    for (i = 0; i < z.rank; i++)
        dims[i] = z.axis[i].out;
    return inn_infer_out(c, 0, c->in[0]->type, z.rank, dims);
}

/* Axes along which nothing moves carry their channels over. */
enum inn_status inn_couple_image_resize(struct inn_couple *c)
{
    struct inn_args a = INN_ARGS(c);
    struct inn_zoom z;
    enum inn_status st = inn_zoom_read(&z, &a);
    int i;

    for (i = 0; i < z.rank && st == INN_OK; i++)
        st = z.known && z.axis[i].same
                 ? inn_couple_map(c, inn_out(0, i), inn_in(0, i), NULL)
                 : inn_couple_pin(c, inn_in(0, i), "resized as an image");
    return st;
}

/* sizes that are written out follow; a scale of 1 does so by itself. */
enum inn_status inn_resize_image_resize(struct inn_resize *c)
{
    struct inn_args a = INN_ARGS(c);
    int axes[INN_MAX_RANK], n, i;
    int64_t values[INN_MAX_RANK];
    struct inn_list sizes;
    bool changed = false;
    enum inn_status st;

    if (c->node->version < 11 || !inn_resize_is_const(c, 3))
        return INN_OK;
    st = read_axes(&a, axes, &n);
    if (st == INN_OK)
        st = inn_args_input_list(&a, &sizes, 3);
    if (st != INN_OK || sizes.n != (size_t)n)
        return st;
    for (i = 0; i < n; i++) {
        values[i] = inn_list_at(&sizes, (size_t)i);
        if (!c->to->varies(c->state, inn_out(0, axes[i])))
            continue;
        values[i] = c->to->length(c->state, inn_out(0, axes[i]));
        changed = true;
    }
    return changed ? c->to->set_input(c->state, 3, values, (size_t)n, c->err)
                   : INN_OK;
}

/*
 * Correlations where positions lie closer or farther apart. Nearest repeats
 * what is there: exactly the table between its entries. Linear averages two
 * neighbours, over all phases with 2/3 + r(1)/3 of the variance on each axis.
 */
enum inn_status inn_moments_image_resize(struct inn_carry *c)
{
    const struct inn_field *x = &c->from[0];
    struct inn_args a = INN_ARGS(c);
    double by[2] = {1, 1}, factor = 1;
    struct inn_law *law;
    struct inn_zoom z;
    enum inn_status st;
    int64_t k;
    int i, y;

    if (x->law == NULL || x->repeat != 1)
        return INN_OK;
    st = inn_zoom_read(&z, &a);
    if (st != INN_OK || !z.known)
        return st;
    for (i = 0; i < z.rank; i++) {
        if (z.axis[i].same)
            continue;
        if (x->channels & 1u << i || z.axis[i].in < 1 || z.axis[i].out < 1)
            return INN_OK;
        if (x->space[0] == i || x->space[1] == i)
            by[x->space[1] == i] = (double)z.axis[i].in /
                                   (double)z.axis[i].out;
        if (z.mode == INN_ZOOM_LINEAR)
            factor *= (2 + inn_law_r(x->law, x->space[1] != i,
                                     x->space[1] == i)) / 3;
    }
    law = inn_law_new(x->law->n, c->heap, c->err);
    if (law == NULL)
        return inn_refused(c->err);
    for (k = 0; k < law->n; k++)
        law->mean[k] = x->law->mean[k];
    for (k = 0; k < law->n * law->n; k++)
        law->cov[k] = factor * x->law->cov[k];
    for (y = 0; y <= INN_REACH; y++) {
        for (i = 0; i <= INN_REACH; i++)
            law->r[y][i] = inn_law_r_between(x->law, y * by[0], i * by[1]);
    }
    inn_carry_put(c, 0, law, x);
    return INN_OK;
}
