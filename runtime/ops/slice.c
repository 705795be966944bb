/*
 * Slice: attributes below opset 10, inputs from there. Bounds count from the
 * end where negative, and are clamped as the standard says.
 */
#include <string.h>

#include "runtime/ops/args.h"
#include "runtime/ops/moments.h"
#include "runtime/ops/move.h"
#include "runtime/ops/rows.h"
#include "runtime/ops/walk.h"

struct slice {
    struct inn_list starts, ends, axes, steps;
    bool known;
    unsigned sliced; /* a set of axes */
    /* By axis: count elements from first on, step apart. */
    int64_t first[INN_MAX_RANK], step[INN_MAX_RANK], count[INN_MAX_RANK];
    /* By entry of the lists: its axis. */
    int axis[INN_MAX_RANK];
};

static int64_t clamp(int64_t at, int64_t low, int64_t high)
{
    return at < low ? low : at > high ? high : at;
}

static void slice_axis(struct slice *s, int axis, int64_t dim, int64_t start,
                       int64_t end, int64_t step)
{
    s->first[axis] = s->count[axis] = 0;
    s->step[axis] = step;
    if (dim == 0)
        return;
    /* dim is not negative: adding it to what is can't wrap. */
    if (start < 0)
        start += dim;
    if (end < 0)
        end += dim;
    if (step > 0) {
        s->first[axis] = start = clamp(start, 0, dim);
        end = clamp(end, 0, dim);
        if (end > start)
            s->count[axis] = (end - start - 1) / step + 1;
    } else {
        s->first[axis] = start = clamp(start, 0, dim - 1);
        end = clamp(end, -1, dim - 1);
        /* −step may be out of range: −(step + 1) is not. */
        if (start > end && -(step + 1) >= start - end)
            s->count[axis] = 1;
        else if (start > end)
            s->count[axis] = (start - end - 1) / -step + 1;
    }
}

static enum inn_status read_lists(const struct inn_args *a, struct slice *s)
{
    enum inn_status st;

    if (a->node->version < 10) {
        inn_args_attr_list(a, &s->starts, "starts");
        inn_args_attr_list(a, &s->ends, "ends");
        inn_args_attr_list(a, &s->axes, "axes");
        if (!s->starts.given || !s->ends.given)
            return inn_args_fail(a, INN_ERR_FORMAT,
                                 "attribute %s is missing",
                                 s->starts.given ? "ends" : "starts");
        return INN_OK;
    }
    st = inn_args_need(a, 3);
    if (st == INN_OK)
        st = inn_args_input_list(a, &s->starts, 1);
    if (st == INN_OK)
        st = inn_args_input_list(a, &s->ends, 2);
    if (st == INN_OK)
        st = inn_args_input_list(a, &s->axes, 3);
    if (st == INN_OK)
        st = inn_args_input_list(a, &s->steps, 4);
    return st;
}

static enum inn_status check_lengths(const struct inn_args *a,
                                     const struct slice *s)
{
    size_t n = s->starts.n;

    if (n > (size_t)a->in[0]->rank)
        return inn_args_fail(a, INN_ERR_FORMAT,
                             "slices %zu axes of an input with %d", n,
                             a->in[0]->rank);
    if (s->ends.n != n || (s->axes.given && s->axes.n != n) ||
        (s->steps.given && s->steps.n != n))
        return inn_args_fail(a, INN_ERR_FORMAT,
                             "%zu starts, %zu ends, %zu axes, %zu steps", n,
                             s->ends.n, s->axes.given ? s->axes.n : n,
                             s->steps.given ? s->steps.n : n);
    return INN_OK;
}

/* known is false where a list is computed; sliced then tells what may be. */
static enum inn_status read_slice(const struct inn_args *a, struct slice *s)
{
    const struct inn_tensor *x;
    size_t i;
    int k;
    enum inn_status st = inn_args_need(a, 1);

    memset(s, 0, sizeof(*s));
    if (st == INN_OK)
        st = read_lists(a, s);
    if (st == INN_OK)
        st = check_lengths(a, s);
    if (st != INN_OK)
        return st;
    x = a->in[0];
    s->known = s->starts.known && s->ends.known &&
               (s->axes.known || !s->axes.given) &&
               (s->steps.known || !s->steps.given);
    for (k = 0; k < x->rank; k++) {
        s->step[k] = 1;
        s->count[k] = x->dims[k];
    }
    if (s->axes.given && !s->axes.known) {
        s->sliced = (1u << x->rank) - 1;
        return INN_OK;
    }
    for (i = 0; i < s->starts.n; i++) {
        int64_t step = s->steps.known ? inn_list_at(&s->steps, i) : 1;

        st = inn_args_axis(a, &k,
                           s->axes.given ? inn_list_at(&s->axes, i)
                                         : (int64_t)i,
                           x->rank);
        if (st != INN_OK)
            return st;
        if (step == 0 || s->sliced & 1u << k)
            return inn_args_fail(a, INN_ERR_FORMAT,
                                 step == 0 ? "the step of axis %d is 0"
                                           : "axis %d is listed twice",
                                 k);
        s->sliced |= 1u << k;
        s->axis[i] = k;
        if (s->known)
            slice_axis(s, k, x->dims[k], inn_list_at(&s->starts, i),
                       inn_list_at(&s->ends, i), step);
    }
    return INN_OK;
}

enum inn_status inn_infer_slice(struct inn_infer *c)
{
    struct inn_args a = INN_ARGS(c);
    struct slice s;
    enum inn_status st = read_slice(&a, &s);

    if (st != INN_OK || !s.known)
        return st;
    return inn_infer_out(c, 0, c->in[0]->type, c->in[0]->rank, s.count);
}

enum inn_status inn_couple_slice(struct inn_couple *c)
{
    struct inn_args a = INN_ARGS(c);
    struct slice s;
    enum inn_status st;
    int k;

    if (inn_args_in(&a, 0) == NULL || c->n_out < 1 || c->out[0] == NULL)
        return INN_OK;
    st = read_slice(&a, &s);
    for (k = 0; st == INN_OK && k < c->in[0]->rank; k++) {
        int64_t *map;

        if (!(s.sliced & 1u << k)) {
            st = inn_couple_map(c, inn_out(0, k), inn_in(0, k), NULL);
            continue;
        }
        if (!s.known || s.step[k] != 1) {
            st = inn_couple_pin(c, inn_in(0, k),
                                s.known ? "sliced with a step"
                                        : "sliced where the input says");
            continue;
        }
        if (s.count[k] == 0)
            continue;
        map = inn_couple_count_from(c, s.first[k], s.count[k]);
        st = map == NULL ? inn_refused(c->err)
                         : inn_couple_map(c, inn_out(0, k), inn_in(0, k),
                                          map);
    }
    return st;
}

/*
 * A bound after the change. Bounds from the end stay so, and what lies past
 * an end stays past it.
 */
static int64_t move_bound(struct inn_resize *c, int axis, int64_t at)
{
    struct inn_operand operand = inn_in(0, axis);
    int64_t dim = c->in[0]->dims[axis];
    int64_t length = c->to->length(c->state, operand), edge;

    if (at > dim)
        return at > length ? at : length;
    if (at < -dim)
        return at < -length ? at : -length;
    edge = c->to->edge(c->state, operand, at < 0 ? at + dim : at);
    return at < 0 && edge < length ? edge - length : edge;
}

/* Rewrites starts or ends; *changed only if something differs. */
static enum inn_status move_list(struct inn_resize *c, const struct slice *s,
                                 const struct inn_list *list,
                                 const char *name, int input)
{
    int64_t values[INN_MAX_RANK];
    bool changed = false;
    size_t i;

    if (list->input != NULL && !inn_resize_is_const(c, input))
        return INN_OK;
    for (i = 0; i < list->n; i++) {
        int64_t old = inn_list_at(list, i);

        values[i] = old;
        if (s->step[s->axis[i]] != 1 ||
            !c->to->varies(c->state, inn_in(0, s->axis[i])))
            continue;
        values[i] = move_bound(c, s->axis[i], old);
        changed = changed || values[i] != old;
    }
    if (!changed)
        return INN_OK;
    if (list->input == NULL)
        return c->to->set_ints(c->state, name, values, list->n, c->err);
    return c->to->set_input(c->state, input, values, list->n, c->err);
}

enum inn_status inn_resize_slice(struct inn_resize *c)
{
    struct inn_args a = INN_ARGS(c);
    struct slice s;
    enum inn_status st = read_slice(&a, &s);

    if (st != INN_OK || !s.known)
        return st;
    st = move_list(c, &s, &s.starts, "starts", 1);
    if (st == INN_OK)
        st = move_list(c, &s, &s.ends, "ends", 2);
    return st;
}

enum inn_status inn_run_slice(struct inn_run *c)
{
    struct inn_args a = INN_ARGS(c);
    struct inn_walk in, w;
    struct slice s;
    const struct inn_tensor *x;
    int64_t at = 0;
    int k;
    enum inn_status st = read_slice(&a, &s);

    if (st != INN_OK || !inn_run_wants(c, 0))
        return st;
    if (c->out[0].bytes == 0)
        return INN_OK;
    x = c->in[0];
    inn_walk_init(&in, 1, x->rank, x->dims);
    inn_walk_dense(&in, 0, x->rank, x->dims);
    inn_walk_init(&w, 2, c->out[0].rank, c->out[0].dims);
    inn_walk_dense(&w, 0, c->out[0].rank, c->out[0].dims);
    for (k = 0; k < x->rank; k++) {
        if (s.count[k] != c->out[0].dims[k])
            return inn_args_fail(&a, INN_ERR_FORMAT,
                                 "gives %lld elements on axis %d, planned "
                                 "were %lld",
                                 (long long)s.count[k], k,
                                 (long long)c->out[0].dims[k]);
        at += s.first[k] * in.step[0][k];
        /* Of a single element the step may be of any size. */
        if (s.count[k] > 1)
            w.step[1][k] = in.step[0][k] * s.step[k];
    }
    inn_walk_copy(&w, c->out[0].data,
                  (const char *)x->data +
                      (size_t)at * inn_type_size(x->type),
                  inn_type_size(x->type), c->threads);
    return INN_OK;
}

bool inn_lower_slice(const struct inn_infer *c, struct inn_prim *prim)
{
    struct inn_args a = INN_ARGS(c);
    struct inn_move *m;
    struct slice s;
    int k;

    if (read_slice(&a, &s) != INN_OK || !s.known)
        return false;
    m = inn_move_new(prim, c, 1);
    for (k = 0; m != NULL && k < c->in[0]->rank; k++) {
        if (s.count[k] != c->out[0].dims[k])
            return false;
        m->in_at[k] = s.first[k];
        inn_move_loop(m, s.count[k], k, s.count[k] > 1 ? s.step[k] : 0, k, 1);
    }
    return m != NULL;
}

/* Channels are picked; positions are, or their steps are strides. */
enum inn_status inn_moments_slice(struct inn_carry *c)
{
    const struct inn_field *x = &c->from[0];
    struct inn_args a = INN_ARGS(c);
    int64_t step[2] = {1, 1}, *at, n, k;
    int axis = inn_field_axis(x), i;
    struct inn_law *law;
    enum inn_status st;
    struct slice s;

    if (x->law == NULL || x->repeat != 1)
        return INN_OK;
    st = read_slice(&a, &s);
    if (st != INN_OK || !s.known)
        return st;
    if (axis < 0 && s.sliced & x->channels)
        return INN_OK;
    n = axis < 0 ? x->law->n : s.count[axis];
    for (i = 0; i < 2; i++) {
        if (x->space[i] >= 0)
            step[i] = s.step[x->space[i]];
        if (step[i] < -INT32_MAX || step[i] > INT32_MAX)
            return INN_OK;
    }
    if (n < 1)
        return INN_OK;
    at = inn_arena_alloc(c->scratch, (size_t)n, sizeof(*at), c->err);
    if (at == NULL)
        return inn_refused(c->err);
    for (k = 0; k < n; k++)
        at[k] = axis < 0 ? k : s.first[axis] + k * s.step[axis];
    law = inn_law_pick(x->law, at, n, c->heap, c->err);
    if (law == NULL)
        return inn_refused(c->err);
    inn_law_stride(law, x->law, step[0], step[1]);
    inn_carry_put(c, 0, law, x);
    return INN_OK;
}
