/*
 * The same elements in other axes: Reshape, Flatten, Squeeze, Unsqueeze.
 * Their bytes don't move, so exec may treat them as views.
 */
#include <string.h>

#include "runtime/base/checked.h"
#include "runtime/ops/args.h"
#include "runtime/ops/couple.h"
#include "runtime/ops/moments.h"
#include "runtime/ops/rows.h"

/* The wanted shape: an attribute at opset 1, input 1 from 5. */
static enum inn_status reshape_list(const struct inn_args *a,
                                    struct inn_list *list)
{
    enum inn_status st;

    if (a->node->version < 5) {
        inn_args_attr_list(a, list, "shape");
        if (!list->given)
            return inn_args_fail(a, INN_ERR_FORMAT,
                                 "attribute shape is missing");
        return INN_OK;
    }
    st = inn_args_need(a, 2);
    return st == INN_OK ? inn_args_input_list(a, list, 1) : st;
}

/* dims from the list, -1 still in place: *wild is where, or -1. */
static enum inn_status read_shape(const struct inn_args *a,
                                  const struct inn_list *list, bool allowzero,
                                  int64_t dims[INN_MAX_RANK], int *wild)
{
    const struct inn_tensor *x = a->in[0];
    bool zero = false;
    int i, n = (int)list->n;

    *wild = -1;
    for (i = 0; i < n; i++) {
        dims[i] = inn_list_at(list, (size_t)i);
        if (dims[i] == 0 && !allowzero) {
            if (i >= x->rank)
                return inn_args_fail(a, INN_ERR_FORMAT,
                                     "copies axis %d of an input with %d",
                                     i, x->rank);
            dims[i] = x->dims[i];
        } else if (dims[i] == -1) {
            if (*wild >= 0)
                return inn_args_fail(a, INN_ERR_FORMAT,
                                     "-1 stands at axes %d and %d", *wild,
                                     i);
            *wild = i;
        } else if (dims[i] < 0) {
            return inn_args_fail(a, INN_ERR_FORMAT, "axis %d would be %lld",
                                 i, (long long)dims[i]);
        }
        zero = zero || dims[i] == 0;
    }
    if (allowzero && zero && *wild >= 0)
        return inn_args_fail(a, INN_ERR_FORMAT,
                             "-1 and 0 in one shape, with allowzero");
    return INN_OK;
}

static enum inn_status fill_wild(const struct inn_args *a,
                                 int64_t dims[INN_MAX_RANK], int n, int wild)
{
    const struct inn_tensor *x = a->in[0];
    char text_x[INN_SHAPE_TEXT], text[INN_SHAPE_TEXT];
    size_t have = inn_tensor_count(x), rest;

    if (wild >= 0)
        dims[wild] = 1;
    if (!inn_count_dims(&rest, dims, n))
        return inn_args_fail(a, INN_ERR_FORMAT, "%s elements are too many",
                             inn_shape_text(text, n, dims));
    if (wild >= 0 && rest != 0 && have % rest == 0 &&
        have / rest <= INT64_MAX) {
        dims[wild] = (int64_t)(have / rest);
        return INN_OK;
    }
    if (wild >= 0)
        dims[wild] = -1;
    if (wild >= 0 || rest != have)
        return inn_args_fail(a, INN_ERR_FORMAT, "can't make %s of %s",
                             inn_shape_text(text, n, dims),
                             inn_shape_text(text_x, x->rank, x->dims));
    return INN_OK;
}

enum inn_status inn_infer_reshape(struct inn_infer *c)
{
    struct inn_args a = INN_ARGS(c);
    struct inn_list list;
    int64_t dims[INN_MAX_RANK];
    int wild;
    enum inn_status st = inn_args_need(&a, 1);

    if (st == INN_OK)
        st = reshape_list(&a, &list);
    if (st != INN_OK || !list.known)
        return st;
    if (list.n > INN_MAX_RANK)
        return inn_args_fail(&a, INN_ERR_FORMAT,
                             "asks for %zu axes; %d are possible", list.n,
                             INN_MAX_RANK);
    st = read_shape(&a, &list, inn_node_int(c->node, "allowzero", 0) != 0,
                    dims, &wild);
    if (st == INN_OK)
        st = fill_wild(&a, dims, (int)list.n, wild);
    if (st != INN_OK)
        return st;
    return inn_infer_out(c, 0, c->in[0]->type, (int)list.n, dims);
}

enum inn_status inn_couple_reshape(struct inn_couple *c)
{
    if (c->n_in < 1 || c->in[0] == NULL || c->n_out < 1 || c->out[0] == NULL)
        return INN_OK;
    return c->sink->reshape(c->state, inn_in(0, 0), inn_out(0, 0), c->err);
}

/* Sizes that are written out follow; 0 and -1 do so by themselves. */
enum inn_status inn_resize_reshape(struct inn_resize *c)
{
    struct inn_args a = INN_ARGS(c);
    struct inn_list list;
    int64_t values[INN_MAX_RANK];
    bool changed = false;
    int i;
    enum inn_status st = reshape_list(&a, &list);

    if (st != INN_OK || c->n_out < 1 || c->out[0] == NULL)
        return st;
    if (list.input != NULL && !inn_resize_is_const(c, 1))
        return INN_OK;
    if (!list.known || (int64_t)list.n != c->out[0]->rank)
        return INN_OK;
    for (i = 0; i < c->out[0]->rank; i++) {
        values[i] = inn_list_at(&list, (size_t)i);
        if (values[i] > 0 && c->to->varies(c->state, inn_out(0, i))) {
            values[i] = c->to->length(c->state, inn_out(0, i));
            changed = true;
        }
    }
    if (!changed)
        return INN_OK;
    if (list.input == NULL)
        return c->to->set_ints(c->state, "shape", values, list.n, c->err);
    return c->to->set_input(c->state, 1, values, list.n, c->err);
}

enum inn_status inn_infer_flatten(struct inn_infer *c)
{
    struct inn_args a = INN_ARGS(c);
    const struct inn_tensor *x;
    int64_t dims[2], axis = inn_node_int(c->node, "axis", 1);
    size_t n;
    int half;
    enum inn_status st = inn_args_need(&a, 1);

    if (st != INN_OK)
        return st;
    x = c->in[0];
    if (axis < (c->node->version < 11 ? 0 : -(int64_t)x->rank) ||
        axis > x->rank)
        return inn_args_fail(&a, INN_ERR_FORMAT,
                             "axis %lld is outside the rank %d",
                             (long long)axis, x->rank);
    if (axis < 0)
        axis += x->rank;
    for (half = 0; half < 2; half++) {
        int from = half == 0 ? 0 : (int)axis;
        int rank = half == 0 ? (int)axis : x->rank - (int)axis;

        /* Beside an empty axis, the other half may be of any size. */
        if (!inn_count_dims(&n, x->dims + from, rank) || n > INT64_MAX)
            return inn_args_fail(&a, INN_ERR_FORMAT,
                                 "the input's axes are too long to join");
        dims[half] = (int64_t)n;
    }
    return inn_infer_out(c, 0, x->type, 2, dims);
}

/* The axes: an attribute below opset 13, input 1 from there. */
static enum inn_status squeeze_list(const struct inn_args *a,
                                    struct inn_list *list)
{
    if (a->node->version >= 13)
        return inn_args_input_list(a, list, 1);
    inn_args_attr_list(a, list, "axes");
    return INN_OK;
}

/* The axes as a bit set, counted in rank. */
static enum inn_status axis_set(const struct inn_args *a,
                                const struct inn_list *list, int rank,
                                unsigned *set)
{
    enum inn_status st;
    size_t i;
    int axis;

    *set = 0;
    for (i = 0; i < list->n; i++) {
        st = inn_args_axis(a, &axis, inn_list_at(list, i), rank);
        if (st != INN_OK)
            return st;
        if (*set & 1u << axis)
            return inn_args_fail(a, INN_ERR_FORMAT,
                                 "axis %d is listed twice", axis);
        *set |= 1u << axis;
    }
    return INN_OK;
}

enum inn_status inn_infer_squeeze(struct inn_infer *c)
{
    struct inn_args a = INN_ARGS(c);
    const struct inn_tensor *x;
    struct inn_list list;
    int64_t dims[INN_MAX_RANK];
    unsigned set = 0;
    int i, rank = 0;
    enum inn_status st = inn_args_need(&a, 1);

    if (st == INN_OK)
        st = squeeze_list(&a, &list);
    if (st != INN_OK || (list.given && !list.known))
        return st;
    x = c->in[0];
    st = axis_set(&a, &list, x->rank, &set);
    for (i = 0; st == INN_OK && i < x->rank; i++) {
        if (list.given ? !(set & 1u << i) : x->dims[i] != 1)
            dims[rank++] = x->dims[i];
        else if (x->dims[i] != 1)
            st = inn_args_fail(&a, INN_ERR_FORMAT,
                               "axis %d has %lld elements, must have 1", i,
                               (long long)x->dims[i]);
    }
    if (st != INN_OK)
        return st;
    return inn_infer_out(c, 0, x->type, rank, dims);
}

enum inn_status inn_infer_unsqueeze(struct inn_infer *c)
{
    struct inn_args a = INN_ARGS(c);
    const struct inn_tensor *x;
    struct inn_list list;
    int64_t dims[INN_MAX_RANK];
    unsigned set = 0;
    int i, from = 0, rank;
    enum inn_status st = inn_args_need(&a, c->node->version < 13 ? 1 : 2);

    if (st == INN_OK)
        st = squeeze_list(&a, &list);
    if (st == INN_OK && !list.given)
        st = inn_args_fail(&a, INN_ERR_FORMAT, "attribute axes is missing");
    if (st != INN_OK || !list.known)
        return st;
    x = c->in[0];
    if (list.n > (size_t)(INN_MAX_RANK - x->rank))
        return inn_args_fail(&a, INN_ERR_FORMAT,
                             "%d axes and %zu more; %d are possible",
                             x->rank, list.n, INN_MAX_RANK);
    rank = x->rank + (int)list.n;
    st = axis_set(&a, &list, rank, &set);
    if (st != INN_OK)
        return st;
    for (i = 0; i < rank; i++)
        dims[i] = set & 1u << i ? 1 : x->dims[from++];
    return inn_infer_out(c, 0, x->type, rank, dims);
}

/*
 * Which axis is new or gone is known, other than with Reshape, where an axis
 * of length 1 that has channels could be any of length 1.
 */
enum inn_status inn_couple_squeeze(struct inn_couple *c)
{
    bool adds = strcmp(c->node->op_type, "Unsqueeze") == 0;
    struct inn_args a = INN_ARGS(c);
    int64_t perm[INN_MAX_RANK];
    int i, from = 0, more, less;
    struct inn_list list;
    unsigned set = 0;
    enum inn_status st = squeeze_list(&a, &list);

    if (st != INN_OK || c->n_in < 1 || c->in[0] == NULL || c->n_out < 1 ||
        c->out[0] == NULL)
        return st;
    if (list.given && !list.known)
        return inn_couple_reshape(c);
    less = c->in[0]->rank;
    more = c->out[0]->rank;
    if (!adds) {
        less = more;
        more = c->in[0]->rank;
    }
    st = axis_set(&a, &list, more, &set);
    if (st != INN_OK)
        return st;
    for (i = 0; !list.given && i < more; i++)
        set |= c->in[0]->dims[i] == 1 ? 1u << i : 0;
    for (i = 0; i < more; i++) {
        if (set & 1u << i) {
            if (adds)
                perm[i] = -1;
        } else if (from < less) {
            perm[adds ? i : from] = adds ? from : i;
            from++;
        }
    }
    if (from < less) /* shapes were declared that don't fit */
        return inn_couple_reshape(c);
    return c->sink->transpose(c->state, inn_in(0, 0), inn_out(0, 0), perm,
                              c->err);
}

/* Axes of both shapes that hold the same elements, lengths of 1 left out. */
struct stretch {
    int in[2], out[2]; /* the first axis, and past the last */
    int64_t size;
};

/* The next stretch after s; false: there is none. */
static bool next_stretch(struct stretch *s, const struct inn_tensor *x,
                         const struct inn_tensor *y)
{
    int64_t a = 1, b = 1;

    s->in[0] = s->in[1];
    s->out[0] = s->out[1];
    while (s->in[0] < x->rank && x->dims[s->in[0]] == 1)
        s->in[0]++;
    while (s->out[0] < y->rank && y->dims[s->out[0]] == 1)
        s->out[0]++;
    s->in[1] = s->in[0];
    s->out[1] = s->out[0];
    if (s->in[0] == x->rank || s->out[0] == y->rank)
        return false;
    do {
        if (a <= b && s->in[1] < x->rank)
            a *= x->dims[s->in[1]++];
        else if (s->out[1] < y->rank)
            b *= y->dims[s->out[1]++];
        else
            return false;
        if (a < b && s->in[1] == x->rank)
            return false;
    } while (a != b || s->out[1] == s->out[0]);
    s->size = a;
    return true;
}

/* What a stretch does to a field: where channels and positions come to lie. */
struct refold {
    const struct inn_field *x;
    const struct inn_tensor *in, *out;
    struct inn_field y;
};

/* Axes of the output's stretch that are longer than 1, as a set. */
static unsigned long_axes(const struct inn_tensor *t, const int range[2])
{
    unsigned set = 0;
    int i;

    for (i = range[0]; i < range[1]; i++)
        set |= t->dims[i] > 1 ? 1u << i : 0;
    return set;
}

static int last_of(unsigned set)
{
    int i = -1;

    while (set >> (i + 1) != 0)
        i++;
    return i;
}

/*
 * Positions alone: the innermost axis goes on along the innermost. Rows that
 * are joined on one axis are remembered, and come apart again.
 */
static void place_positions(struct refold *r, unsigned in, unsigned out)
{
    int y = r->x->space[0], x = r->x->space[1], last = last_of(out);
    bool has_y = y >= 0 && in & 1u << y, has_x = x >= 0 && in & 1u << x;
    unsigned rest = out & ~(1u << last);

    if (has_x)
        r->y.space[1] = last;
    if (has_y && !has_x)
        r->y.space[0] = last;
    if (has_y && has_x && rest != 0) {
        r->y.space[0] = last_of(rest);
    } else if (has_y && has_x) {
        r->y.plane[0] = r->in->dims[y];
        r->y.plane[1] = r->in->dims[x];
    } else if (has_x && r->x->repeat == 1 && r->x->plane[1] > 1) {
        if (rest == 0)
            memcpy(r->y.plane, r->x->plane, sizeof(r->y.plane));
        else if (r->out->dims[last] == r->x->plane[1])
            r->y.space[0] = last_of(rest);
    }
}

/* Channels, then their positions, on one axis: a map that is flattened. */
static bool flatten(struct refold *r, unsigned in, unsigned out)
{
    unsigned inside = in & r->x->channels;
    unsigned space = in & ~inside;
    int y = r->x->space[0], x = r->x->space[1];

    if (r->x->repeat != 1 || (out & (out - 1)) != 0 || inside == 0 ||
        space == 0 || last_of(inside) > last_of(space & (~space + 1)) ||
        inside != r->x->channels || x < 0 || last_of(space) != x)
        return false;
    if (y >= 0 && r->in->dims[y] > 1 && !(space & 1u << y))
        return false;
    r->y.channels |= out;
    r->y.plane[1] = r->in->dims[x];
    r->y.plane[0] = y >= 0 ? r->in->dims[y] : 1;
    r->y.repeat = r->y.plane[0] * r->y.plane[1];
    return true;
}

/* What was flattened, on axes of its own again. */
static bool unflatten(struct refold *r, const struct stretch *s)
{
    int64_t n = 1;
    int i = s->out[0];

    for (; i < s->out[1] && n < r->x->law->n; i++) {
        n *= r->out->dims[i];
        r->y.channels |= r->out->dims[i] > 1 ? 1u << i : 0;
    }
    if (n != r->x->law->n || s->out[1] - i != 2 ||
        r->out->dims[i] != r->x->plane[0])
        return false;
    r->y.space[0] = i;
    r->y.space[1] = i + 1;
    return true;
}

static bool refold_stretch(struct refold *r, const struct stretch *s)
{
    unsigned in = long_axes(r->in, s->in), out = long_axes(r->out, s->out);
    unsigned inside = in & r->x->channels;

    if (inside == 0) {
        place_positions(r, in, out);
        return true;
    }
    if (r->x->repeat > 1 && (out & (out - 1)) == 0) {
        r->y.channels |= out;
        r->y.repeat = r->x->repeat;
        memcpy(r->y.plane, r->x->plane, sizeof(r->y.plane));
        return true;
    }
    if (r->x->repeat > 1)
        return unflatten(r, s);
    if (inside == in) {
        r->y.channels |= out;
        return true;
    }
    return flatten(r, in, out);
}

/*
 * Flatten, Squeeze and Unsqueeze too. What can't be said (channels behind
 * positions on one axis) is left unknown. Of channels that lie on axes of
 * length 1 alone there is one, and its place does not matter.
 */
enum inn_status inn_moments_reshape(struct inn_carry *c)
{
    struct refold r = {.x = &c->from[0], .in = c->in[0], .out = c->out[0]};
    struct stretch s = {{0, 0}, {0, 0}, 0};

    if (r.x->law == NULL || r.out == NULL || inn_tensor_count(r.in) == 0)
        return INN_OK;
    r.y.space[0] = r.y.space[1] = -1;
    r.y.repeat = r.y.plane[0] = r.y.plane[1] = 1;
    while (next_stretch(&s, r.in, r.out)) {
        if (!refold_stretch(&r, &s))
            return INN_OK;
    }
    if (r.y.channels == 0) {
        /* One channel: on the axis that networks have channels on. */
        if (r.x->law->n != 1 || r.out->rank < 2)
            return INN_OK;
        r.y.channels = 2;
        if (r.out->dims[1] != 1)
            return INN_OK;
    }
    inn_carry_put(c, 0, inn_law_hold(r.x->law), &r.y);
    return INN_OK;
}
