/*
 * Normalisations by statistics of the input itself: InstanceNormalization,
 * LayerNormalization and GroupNormalization. All three are one loop: mean and
 * variance of the elements behind an axis, then a scale and a bias that run
 * along some of the axes. Sums in double.
 */
#include <math.h>
#include <string.h>

#include "runtime/base/threads.h"
#include "runtime/ops/common.h"
#include "runtime/ops/moments.h"
#include "runtime/ops/rows.h"

/* A factor or summand of y: element steps along the axes of x. */
struct along {
    const float *data; /* NULL: none */
    int64_t step[INN_MAX_RANK];
};

struct normalise {
    int rank, axis; /* normalised are the axes from axis on */
    int64_t dims[INN_MAX_RANK];
    const float *x;
    float *y, *mean, *inverse; /* NULL where nobody reads it */
    struct along scale, bias;
    double epsilon;
    size_t sets, size; /* size elements have one mean */
};

/* Where set part begins in a vector. */
static int64_t start_of(const struct normalise *v, const struct along *a,
                        size_t part)
{
    int64_t rest = (int64_t)part, at = 0;
    int i;

    for (i = v->axis - 1; i >= 0; i--) {
        at += rest % v->dims[i] * a->step[i];
        rest /= v->dims[i];
    }
    return at;
}

/* y of one set; i counts through the normalised axes but the last. */
static void write_set(const struct normalise *v, size_t part, double mean,
                      double inverse)
{
    const struct along *s = &v->scale, *b = &v->bias;
    int64_t is = start_of(v, s, part), ib = start_of(v, b, part);
    int64_t at[INN_MAX_RANK] = {0}, k, n = 1;
    int last = v->rank - 1, i;
    const float *x = v->x + part * v->size, *end = x + v->size;
    float *y = v->y + part * v->size;

    if (last >= v->axis)
        n = v->dims[last];
    while (x < end) {
        for (k = 0; k < n; k++) {
            double d = ((double)*x++ - mean) * inverse;

            if (s->data != NULL)
                d *= s->data[is + k * s->step[last]];
            if (b->data != NULL)
                d += b->data[ib + k * b->step[last]];
            *y++ = (float)d;
        }
        for (i = last - 1; i >= v->axis; i--) {
            is += s->step[i];
            ib += b->step[i];
            if (++at[i] < v->dims[i])
                break;
            is -= s->step[i] * v->dims[i];
            ib -= b->step[i] * v->dims[i];
            at[i] = 0;
        }
    }
}

static void normalise_part(void *context, size_t part)
{
    const struct normalise *v = context;
    double sum = 0, squares = 0, mean, inverse;
    size_t i, first = part * v->size, end = first + v->size;

    for (i = first; i < end; i++)
        sum += (double)v->x[i];
    mean = sum / (double)v->size;
    for (i = first; i < end; i++) {
        double d = (double)v->x[i] - mean;

        squares += d * d;
    }
    inverse = 1 / sqrt(squares / (double)v->size + v->epsilon);
    if (v->mean != NULL)
        v->mean[part] = (float)mean;
    if (v->inverse != NULL)
        v->inverse[part] = (float)inverse;
    if (v->y != NULL && v->size > 0)
        write_set(v, part, mean, inverse);
}

/* The rest of v is set; x and y are the first input and output. */
static void normalise(struct inn_run *c, struct normalise *v)
{
    v->x = c->in[0]->data;
    v->y = inn_run_wants(c, 0) ? c->out[0].data : NULL;
    v->epsilon = inn_node_float(c->node, "epsilon", 1e-5f);
    v->sets = inn_dims_product(v->dims, 0, v->axis);
    v->size = inn_dims_product(v->dims, v->axis, v->rank);
    if (v->sets > 0)
        inn_parallel(c->threads, v->sets, normalise_part, v);
}

/* Refuses input i unless it is a vector of n. */
static enum inn_status check_vector(const struct inn_infer *c, int i,
                                    const char *name, int64_t n,
                                    const char *what)
{
    const struct inn_tensor *v = c->in[i];
    struct inn_args a = INN_ARGS(c);
    char text[INN_SHAPE_TEXT];

    if (v->rank != 1 || v->dims[0] != n)
        return inn_args_fail(&a, INN_ERR_FORMAT,
                             "%s has shape %s, its input has %lld %s", name,
                             inn_shape_text(text, v->rank, v->dims),
                             (long long)n, what);
    return inn_infer_same_type(c, i);
}

static enum inn_status check_channels(const struct inn_infer *c)
{
    struct inn_args a = INN_ARGS(c);

    if (c->in[0]->rank < 2)
        return inn_args_fail(&a, INN_ERR_FORMAT,
                             "input has %d axes, needs at least 2",
                             c->in[0]->rank);
    return INN_OK;
}

enum inn_status inn_infer_instance_norm(struct inn_infer *c)
{
    enum inn_status st = inn_infer_arity(c, 3, 3, 1);

    if (st == INN_OK)
        st = check_channels(c);
    if (st == INN_OK)
        st = check_vector(c, 1, "scale", c->in[0]->dims[1], "channels");
    if (st == INN_OK)
        st = check_vector(c, 2, "bias", c->in[0]->dims[1], "channels");
    return st == INN_OK ? inn_infer_same(c) : st;
}

/* A vector of the channels at input i. */
static enum inn_status couple_vectors(struct inn_couple *c)
{
    enum inn_status st = inn_couple_map(c, inn_in(1, 0), inn_out(0, 1), NULL);

    if (st == INN_OK)
        st = inn_couple_map(c, inn_in(2, 0), inn_out(0, 1), NULL);
    return st;
}

enum inn_status inn_couple_instance_norm(struct inn_couple *c)
{
    enum inn_status st = inn_couple_same(c);

    return st == INN_OK ? couple_vectors(c) : st;
}

enum inn_status inn_run_instance_norm(struct inn_run *c)
{
    const struct inn_tensor *x = c->in[0];
    struct normalise v = {.rank = 3, .axis = 2};

    if (!inn_run_wants(c, 0) || c->out[0].bytes == 0)
        return INN_OK;
    v.dims[0] = x->dims[0];
    v.dims[1] = x->dims[1];
    v.dims[2] = (int64_t)inn_dims_product(x->dims, 2, x->rank);
    v.scale.data = c->in[1]->data;
    v.bias.data = c->in[2]->data;
    v.scale.step[1] = v.bias.step[1] = 1;
    normalise(c, &v);
    return INN_OK;
}

bool inn_lower_instance_norm(const struct inn_infer *c,
                             struct inn_prim *prim)
{
    if (c->in[0] == NULL || c->in[0]->rank < 3)
        return false;
    prim->kind = INN_PRIM_NORM;
    prim->u.epsilon = inn_node_float(c->node, "epsilon", 1e-5f);
    return true;
}

static enum inn_status layer_axis(const struct inn_args *a, int *axis)
{
    return inn_args_axis(a, axis, inn_node_int(a->node, "axis", -1),
                         a->in[0]->rank);
}

/* Input i must be stretched to the input's shape without growing it. */
static enum inn_status check_stretch(const struct inn_infer *c, int i,
                                     const char *name)
{
    const struct inn_tensor *x = c->in[0], *v = i < c->n_in ? c->in[i] : NULL;
    int64_t dims[INN_MAX_RANK];
    struct inn_args a = INN_ARGS(c);
    char of_v[INN_SHAPE_TEXT], of_x[INN_SHAPE_TEXT];
    bool fits;
    int k, shift;

    if (v == NULL)
        return INN_OK;
    fits = v->rank <= x->rank;
    shift = x->rank - v->rank;
    for (k = 0; k < v->rank && fits; k++) {
        dims[k] = x->dims[k + shift];
        fits = v->dims[k] == dims[k] || v->dims[k] == 1;
    }
    if (!fits)
        return inn_args_fail(&a, INN_ERR_FORMAT,
                             "%s has shape %s, its input has %s", name,
                             inn_shape_text(of_v, v->rank, v->dims),
                             inn_shape_text(of_x, x->rank, x->dims));
    return inn_infer_same_type(c, i);
}

enum inn_status inn_infer_layer_norm(struct inn_infer *c)
{
    enum inn_status st = inn_infer_arity(c, 2, 3, 3);
    struct inn_args a = INN_ARGS(c);
    int64_t dims[INN_MAX_RANK], stash;
    int i, axis = 0;

    if (st == INN_OK)
        st = layer_axis(&a, &axis);
    if (st == INN_OK)
        st = check_stretch(c, 1, "scale");
    if (st == INN_OK)
        st = check_stretch(c, 2, "bias");
    if (st == INN_OK)
        st = inn_infer_same(c);
    if (st != INN_OK)
        return st;
    stash = inn_node_int(c->node, "stash_type", INN_F32);
    if (stash < INN_F32 || stash > INN_BF16 ||
        !inn_type_is_float((enum inn_type)stash))
        return inn_args_fail(&a, INN_ERR_FORMAT,
                             "stash_type %lld is no type of floats",
                             (long long)stash);
    for (i = 0; i < c->in[0]->rank; i++)
        dims[i] = i < axis ? c->in[0]->dims[i] : 1;
    for (i = 1; i < c->n_out && st == INN_OK; i++)
        st = inn_infer_out(c, i, (enum inn_type)stash, c->in[0]->rank, dims);
    return st;
}

/*
 * Channels that are normalised may be dropped all the same: the mean over
 * those that are left stands for the mean over all.
 */
enum inn_status inn_couple_layer_norm(struct inn_couple *c)
{
    struct inn_args a = INN_ARGS(c);
    enum inn_status st;
    int i, k, axis = 0;

    if (inn_args_in(&a, 0) == NULL || inn_args_in(&a, 1) == NULL ||
        c->n_out < 1)
        return INN_OK;
    st = layer_axis(&a, &axis);
    if (st == INN_OK && c->out[0] != NULL)
        st = inn_couple_same(c);
    for (i = 1; i < 3 && st == INN_OK; i++) {
        if (inn_args_in(&a, i) != NULL)
            st = inn_couple_alike(c, inn_in(i, 0), inn_in(0, 0));
    }
    for (i = 1; i < c->n_out && st == INN_OK; i++) {
        for (k = 0; k < axis && c->out[i] != NULL && st == INN_OK; k++)
            st = inn_couple_map(c, inn_out(i, k), inn_in(0, k), NULL);
    }
    return st;
}

/* Steps of t stretched to the shape of v. */
static void stretch(const struct normalise *v, struct along *a,
                    const struct inn_tensor *t)
{
    int64_t step = 1;
    int i;

    a->data = t->data;
    for (i = t->rank - 1; i >= 0; i--) {
        a->step[i + v->rank - t->rank] = t->dims[i] == 1 ? 0 : step;
        step *= t->dims[i];
    }
}

enum inn_status inn_run_layer_norm(struct inn_run *c)
{
    const struct inn_tensor *x = c->in[0];
    struct normalise v = {.rank = x->rank};
    struct inn_args a = INN_ARGS(c);
    enum inn_status st = layer_axis(&a, &v.axis);
    int i;

    if (st != INN_OK)
        return st;
    for (i = 0; i < x->rank; i++)
        v.dims[i] = x->dims[i];
    /* Without elements there is nothing to step through. */
    if (x->bytes > 0) {
        stretch(&v, &v.scale, c->in[1]);
        if (c->n_in > 2 && c->in[2] != NULL)
            stretch(&v, &v.bias, c->in[2]);
    }
    v.mean = inn_run_wants(c, 1) ? c->out[1].data : NULL;
    v.inverse = inn_run_wants(c, 2) ? c->out[2].data : NULL;
    normalise(c, &v);
    return INN_OK;
}

/* Until opset 20 scale and bias have an element for each group. */
static bool is_per_channel(const struct inn_node *node)
{
    return node->version >= 21;
}

enum inn_status inn_infer_group_norm(struct inn_infer *c)
{
    int64_t groups = inn_node_int(c->node, "num_groups", 0), n;
    enum inn_status st = inn_infer_arity(c, 3, 3, 1);
    const char *what = is_per_channel(c->node) ? "channels" : "groups";
    struct inn_args a = INN_ARGS(c);

    if (st == INN_OK)
        st = check_channels(c);
    if (st != INN_OK)
        return st;
    if (groups < 1 || c->in[0]->dims[1] % groups != 0)
        return inn_args_fail(&a, INN_ERR_FORMAT,
                             "num_groups is %lld, its input has %lld "
                             "channels", (long long)groups,
                             (long long)c->in[0]->dims[1]);
    n = is_per_channel(c->node) ? c->in[0]->dims[1] : groups;
    st = check_vector(c, 1, "scale", n, what);
    if (st == INN_OK)
        st = check_vector(c, 2, "bias", n, what);
    return st == INN_OK ? inn_infer_same(c) : st;
}

/* As many groups as channels: nothing couples them, their number follows. */
static bool is_group_a_channel(const struct inn_node *node,
                               const struct inn_tensor *x)
{
    return inn_node_int(node, "num_groups", 0) == x->dims[1];
}

/*
 * The k-th channels of all groups are one class, as in a grouped
 * convolution: groups stay equally large.
 */
enum inn_status inn_couple_group_norm(struct inn_couple *c)
{
    int64_t groups = inn_node_int(c->node, "num_groups", 0);
    int64_t n = c->in[0]->dims[1], *classes, i;
    enum inn_status st;

    if (n == 0)
        return INN_OK;
    if (is_group_a_channel(c->node, c->in[0]))
        return inn_couple_instance_norm(c);
    classes = inn_couple_count_from(c, 0, n);
    if (classes == NULL)
        return inn_refused(c->err);
    for (i = 0; i < n; i++)
        classes[i] = i % (n / groups);
    st = c->sink->unite(c->state, inn_in(0, 1), classes, c->err);
    if (st == INN_OK)
        st = inn_couple_same(c);
    if (st == INN_OK && is_per_channel(c->node))
        return couple_vectors(c);
    for (i = 1; i < 3 && st == INN_OK; i++)
        st = inn_couple_pin(c, inn_in((int)i, 0),
                            "one for each group of GroupNormalization");
    return st;
}

enum inn_status inn_resize_group_norm(struct inn_resize *c)
{
    if (!is_group_a_channel(c->node, c->in[0]) ||
        !c->to->varies(c->state, inn_in(0, 1)))
        return INN_OK;
    return c->to->set_int(c->state, "num_groups",
                          c->to->length(c->state, inn_in(0, 1)), c->err);
}

enum inn_status inn_run_group_norm(struct inn_run *c)
{
    const struct inn_tensor *x = c->in[0];
    struct normalise v = {.rank = 4, .axis = 2};
    struct along *vectors[2] = {&v.scale, &v.bias};
    int i;

    if (!inn_run_wants(c, 0) || c->out[0].bytes == 0)
        return INN_OK;
    v.dims[0] = x->dims[0];
    v.dims[1] = inn_node_int(c->node, "num_groups", 1);
    v.dims[2] = x->dims[1] / v.dims[1];
    v.dims[3] = (int64_t)inn_dims_product(x->dims, 2, x->rank);
    for (i = 0; i < 2; i++) {
        vectors[i]->data = c->in[1 + i]->data;
        vectors[i]->step[1] = is_per_channel(c->node) ? v.dims[2] : 1;
        vectors[i]->step[2] = is_per_channel(c->node);
    }
    normalise(c, &v);
    return INN_OK;
}

/* scale (x − m)/√v + bias by channel, m and v those of the channel's set. */
static enum inn_status carry_normalised(struct inn_carry *c,
                                        struct inn_law *law,
                                        const double *scale,
                                        const double *bias)
{
    const struct inn_field *x = &c->from[0];
    struct inn_law *to;

    to = inn_law_affine(law, scale, bias, true, c->heap, c->err);
    inn_law_drop(law, c->heap);
    if (to == NULL)
        return inn_refused(c->err);
    inn_carry_put(c, 0, to, x);
    return INN_OK;
}

/* Mean correlation of a map with itself, whose mean is taken away. */
static void take_map_mean(struct inn_law *law, const struct inn_field *x,
                          const struct inn_tensor *t)
{
    double all = inn_pool_mean_r(x, t), r;
    int a, b;

    all = all > 0.95 ? 0.95 : all < 0 ? 0 : all;
    for (a = 0; a <= INN_REACH; a++) {
        for (b = 0; b <= INN_REACH; b++) {
            r = (x->law->r[a][b] - all) / (1 - all);
            law->r[a][b] = r < -1 ? -1 : r;
        }
    }
}

/* A set's channels: their means, without the set's, and its variance. */
static double centre_set(struct inn_law *law, const struct inn_law *from,
                         size_t first, size_t size)
{
    size_t n = (size_t)law->n, i;
    double mean = 0, power = 0;

    for (i = first; i < first + size; i++)
        mean += from->mean[i] / (double)size;
    for (i = first; i < first + size; i++) {
        law->mean[i] = from->mean[i] - mean;
        power += law->cov[i * n + i] + law->mean[i] * law->mean[i];
    }
    return power / (double)size;
}

/*
 * Groups of channels normalised over their positions too: by what mean and
 * variance a group has over all maps. One channel each: over its own map.
 */
static enum inn_status carry_groups(struct inn_carry *c, int64_t groups,
                                    bool per_channel)
{
    const struct inn_field *x = &c->from[0];
    double epsilon = (double)inn_node_float(c->node, "epsilon", 1e-5f);
    size_t n, size, g, i;
    struct inn_law *law;
    double *v[2], var;
    int k;

    if (x->law == NULL || inn_field_axis(x) != 1 || x->repeat != 1 ||
        !inn_carry_is_const(c, 1) || !inn_carry_is_const(c, 2) ||
        groups < 1 || x->law->n % groups != 0)
        return INN_OK;
    n = (size_t)x->law->n;
    size = n / (size_t)groups;
    for (k = 0; k < 2; k++) {
        v[k] = inn_arena_alloc(c->scratch, n, sizeof(double), c->err);
        if (v[k] == NULL)
            return inn_refused(c->err);
        for (i = 0; i < n; i++)
            v[k][i] = inn_element_get(c->in[1 + k]->type, c->in[1 + k]->data,
                                      per_channel ? i : i / size);
    }
    law = inn_law_new((int64_t)n, c->heap, c->err);
    if (law == NULL)
        return inn_refused(c->err);
    memcpy(law->cov, x->law->cov, n * n * sizeof(*law->cov));
    memcpy(law->r, x->law->r, sizeof(law->r));
    for (g = 0; g < (size_t)groups; g++) {
        var = centre_set(law, x->law, g * size, size);
        for (i = g * size; i < (g + 1) * size; i++)
            v[0][i] /= sqrt(var + epsilon);
    }
    if (size == 1)
        take_map_mean(law, x, c->in[0]);
    return carry_normalised(c, law, v[0], v[1]);
}

enum inn_status inn_moments_instance_norm(struct inn_carry *c)
{
    return carry_groups(c, c->from[0].law != NULL ? c->from[0].law->n : 1,
                        true);
}

enum inn_status inn_moments_group_norm(struct inn_carry *c)
{
    return carry_groups(c, inn_node_int(c->node, "num_groups", 0),
                        is_per_channel(c->node));
}

/* C ← H C H with H = I − 11ᵀ/n: what is left without the channels' mean. */
static enum inn_status centre_channels(struct inn_law *law,
                                       struct inn_arena *scratch,
                                       struct inn_error *err)
{
    size_t n = (size_t)law->n, i, j;
    double *row = inn_arena_alloc(scratch, n, sizeof(*row), err), all = 0;

    if (row == NULL)
        return inn_refused(err);
    for (i = 0; i < n; i++) {
        for (j = 0; j < n; j++)
            row[i] += law->cov[i * n + j] / (double)n;
        all += row[i] / (double)n;
    }
    for (i = 0; i < n; i++) {
        for (j = 0; j < n; j++)
            law->cov[i * n + j] += all - (row[i] + row[j]);
    }
    return INN_OK;
}

/* By the variance of all channels, whose own variation is left out. */
enum inn_status inn_moments_layer_norm(struct inn_carry *c)
{
    double epsilon = (double)inn_node_float(c->node, "epsilon", 1e-5f);
    const struct inn_field *x = &c->from[0];
    struct inn_args a = INN_ARGS(c);
    double *scale, *bias = NULL, var;
    struct inn_law *law;
    enum inn_status st;
    int axis, i, channel;

    if (x->law == NULL || x->repeat != 1 || c->out[0] == NULL ||
        !inn_carry_is_const(c, 1) ||
        (c->n_in > 2 && c->in[2] != NULL && !inn_carry_is_const(c, 2)))
        return INN_OK;
    st = layer_axis(&a, &axis);
    channel = inn_field_axis(x);
    if (st != INN_OK || channel < axis)
        return st;
    st = inn_carry_constant(c, &scale, c->in[1], x, c->in[0]->rank);
    if (st == INN_OK && c->n_in > 2 && c->in[2] != NULL)
        st = inn_carry_constant(c, &bias, c->in[2], x, c->in[0]->rank);
    if (bias == NULL && st == INN_OK)
        bias = inn_arena_alloc(c->scratch, (size_t)x->law->n, sizeof(*bias),
                               c->err);
    if (st != INN_OK || scale == NULL || bias == NULL)
        return st != INN_OK || scale == NULL ? st : inn_refused(c->err);
    law = inn_law_new(x->law->n, c->heap, c->err);
    if (law == NULL)
        return inn_refused(c->err);
    memcpy(law->cov, x->law->cov,
           (size_t)(law->n * law->n) * sizeof(*law->cov));
    memcpy(law->r, x->law->r, sizeof(law->r));
    if (axis == c->in[0]->rank - 1)
        st = centre_channels(law, c->scratch, c->err);
    if (st != INN_OK) {
        inn_law_drop(law, c->heap);
        return st;
    }
    var = centre_set(law, x->law, 0, (size_t)law->n);
    for (i = 0; i < law->n; i++)
        scale[i] /= sqrt(var + epsilon);
    return carry_normalised(c, law, scale, bias);
}
