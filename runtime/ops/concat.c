/*
 * Concat and Split: tensors laid side by side along one axis, and cut again.
 */
#include <string.h>

#include "runtime/base/checked.h"
#include "runtime/ops/args.h"
#include "runtime/ops/moments.h"
#include "runtime/ops/move.h"
#include "runtime/ops/rows.h"
#include "runtime/ops/walk.h"

static enum inn_status concat_axis(const struct inn_args *a, int *axis)
{
    const struct inn_attr *attr = inn_node_attr(a->node, "axis");

    if (a->node->version >= 4 && (attr == NULL || attr->kind != INN_ATTR_INT))
        return inn_args_fail(a, INN_ERR_FORMAT, "attribute axis is missing");
    return inn_args_axis(a, axis, inn_node_int(a->node, "axis", 1),
                         a->in[0]->rank);
}

enum inn_status inn_infer_concat(struct inn_infer *c)
{
    struct inn_args a = INN_ARGS(c);
    int64_t dims[INN_MAX_RANK];
    int i, k, axis;
    enum inn_status st = inn_args_need(&a, c->n_in > 1 ? c->n_in : 1);

    if (st == INN_OK)
        st = concat_axis(&a, &axis);
    if (st != INN_OK)
        return st;
    for (k = 0; k < c->in[0]->rank; k++)
        dims[k] = k == axis ? 0 : c->in[0]->dims[k];
    for (i = 0; i < c->n_in; i++) {
        const struct inn_tensor *t = c->in[i];

        if (t->type != c->in[0]->type || t->rank != c->in[0]->rank)
            return inn_args_fail(
                &a, INN_ERR_FORMAT,
                "input %d is %s with %d axes, input 0 %s with %d", i,
                inn_type_name(t->type), t->rank,
                inn_type_name(c->in[0]->type), c->in[0]->rank);
        for (k = 0; k < t->rank; k++) {
            if (k == axis ? !inn_add_i64(&dims[k], dims[k], t->dims[k])
                          : t->dims[k] != dims[k])
                return inn_args_fail(
                    &a, INN_ERR_FORMAT,
                    "input %d has %lld elements on axis %d, others %lld", i,
                    (long long)t->dims[k], k, (long long)dims[k]);
        }
    }
    return inn_infer_out(c, 0, c->in[0]->type, c->in[0]->rank, dims);
}

/* part is one of the pieces that whole is made of, at offset along axis. */
static enum inn_status couple_piece(struct inn_couple *c,
                                    struct inn_operand part,
                                    struct inn_operand whole,
                                    const struct inn_tensor *t, int axis,
                                    int64_t offset)
{
    enum inn_status st = INN_OK;
    int k;

    for (k = 0; st == INN_OK && k < t->rank; k++) {
        int64_t *map = NULL;

        part.axis = whole.axis = k;
        if (k == axis) {
            if (t->dims[k] == 0)
                continue;
            map = inn_couple_count_from(c, offset, t->dims[k]);
            if (map == NULL)
                return inn_refused(c->err);
        }
        st = inn_couple_map(c, part, whole, map);
    }
    return st;
}

enum inn_status inn_couple_concat(struct inn_couple *c)
{
    struct inn_args a = INN_ARGS(c);
    int64_t offset = 0;
    int i, axis;
    enum inn_status st;

    if (inn_args_in(&a, 0) == NULL || c->n_out < 1 || c->out[0] == NULL)
        return INN_OK;
    st = concat_axis(&a, &axis);
    for (i = 0; st == INN_OK && i < c->n_in; i++) {
        if (c->in[i] == NULL)
            return INN_OK;
        st = couple_piece(c, inn_in(i, 0), inn_out(0, 0), c->in[i], axis,
                          offset);
        offset += c->in[i]->dims[axis];
    }
    return st;
}

/* Copies between part and its place in whole, along axis from offset. */
static void copy_piece(const struct inn_tensor *part,
                       const struct inn_tensor *whole, int axis,
                       int64_t offset, bool to_whole, int threads)
{
    size_t size = inn_type_size(part->type);
    struct inn_walk w, outer;
    char *place;
    int to = to_whole ? 1 : 0;

    if (part->bytes == 0 || part->data == NULL)
        return;
    inn_walk_init(&w, 2, part->rank, part->dims);
    inn_walk_dense(&w, to, part->rank, part->dims);
    inn_walk_init(&outer, 1, whole->rank, whole->dims);
    inn_walk_dense(&outer, 0, whole->rank, whole->dims);
    for (to = 1 - to; outer.rank-- > 0;)
        w.step[to][outer.rank] = outer.step[0][outer.rank];
    place = (char *)whole->data +
            (size_t)(offset * outer.step[0][axis]) * size;
    if (to_whole)
        inn_walk_copy(&w, place, part->data, size, threads);
    else
        inn_walk_copy(&w, part->data, place, size, threads);
}

enum inn_status inn_run_concat(struct inn_run *c)
{
    struct inn_args a = INN_ARGS(c);
    int64_t offset = 0;
    int i, axis;
    enum inn_status st = inn_args_need(&a, c->n_in > 1 ? c->n_in : 1);

    if (st == INN_OK)
        st = concat_axis(&a, &axis);
    if (st != INN_OK || !inn_run_wants(c, 0))
        return st;
    for (i = 0; i < c->n_in; i++) {
        copy_piece(c->in[i], &c->out[0], axis, offset, true, c->threads);
        offset += c->in[i]->dims[axis];
    }
    return INN_OK;
}

bool inn_lower_concat(const struct inn_infer *c, struct inn_prim *prim)
{
    struct inn_args a = INN_ARGS(c);
    struct inn_move *m;
    int64_t offset = 0;
    int i, axis;

    if (inn_args_need(&a, c->n_in) != INN_OK ||
        concat_axis(&a, &axis) != INN_OK)
        return false;
    m = inn_move_new(prim, c, c->n_in);
    for (i = 0; m != NULL && i < c->n_in; i++) {
        m[i].in = i;
        m[i].out_at[axis] = offset;
        inn_move_box(&m[i], c->in[i]->rank, c->in[i]->dims);
        offset += c->in[i]->dims[axis];
    }
    return m != NULL;
}

struct split {
    int axis;
    bool known;
    struct inn_list sizes; /* not given: equal ones */
    int64_t each, last;
};

static int64_t split_size(const struct split *s, int j, int n_out)
{
    if (s->sizes.given)
        return inn_list_at(&s->sizes, (size_t)j);
    return j < n_out - 1 ? s->each : s->last;
}

static enum inn_status split_equally(const struct inn_args *a,
                                     struct split *s, int64_t dim, int n_out)
{
    int64_t n = a->node->version < 18
                    ? n_out
                    : inn_node_int(a->node, "num_outputs", n_out);

    if (n != n_out)
        return inn_args_fail(a, INN_ERR_FORMAT,
                             "num_outputs is %lld, it has %d", (long long)n,
                             n_out);
    s->each = dim / n + (dim % n != 0);
    s->last = dim - s->each * (n - 1);
    if (s->last < 0 || (a->node->version < 18 && s->last != s->each))
        return inn_args_fail(a, INN_ERR_FORMAT,
                             "%lld elements can't be split into %d equal "
                             "parts",
                             (long long)dim, n_out);
    return INN_OK;
}

/* Sizes are given by an attribute or an input, as the opset has it. */
static enum inn_status read_split(const struct inn_args *a, struct split *s,
                                  int n_out)
{
    bool by_input = a->node->version >= 13 ||
                    (a->node->version == 1 && a->n_in > 1);
    int64_t sum = 0, dim;
    int j;
    enum inn_status st = inn_args_need(a, 1);

    if (st == INN_OK)
        st = inn_args_axis(a, &s->axis, inn_node_int(a->node, "axis", 0),
                           a->in[0]->rank);
    if (st != INN_OK)
        return st;
    dim = a->in[0]->dims[s->axis];
    if (by_input)
        st = inn_args_input_list(a, &s->sizes, 1);
    else
        inn_args_attr_list(a, &s->sizes, "split");
    s->known = s->sizes.known || !s->sizes.given;
    if (st != INN_OK || n_out < 1)
        return st;
    if (!s->sizes.given)
        return split_equally(a, s, dim, n_out);
    if (s->sizes.n != (size_t)n_out)
        return inn_args_fail(a, INN_ERR_FORMAT,
                             "has %zu sizes and %d outputs", s->sizes.n,
                             n_out);
    for (j = 0; s->known && j < n_out; j++) {
        int64_t size = split_size(s, j, n_out);

        if (size < 0 || !inn_add_i64(&sum, sum, size))
            return inn_args_fail(a, INN_ERR_FORMAT, "size %d is %lld", j,
                                 (long long)size);
    }
    if (s->known && sum != dim)
        return inn_args_fail(a, INN_ERR_FORMAT,
                             "sizes add up to %lld, axis %d has %lld",
                             (long long)sum, s->axis, (long long)dim);
    return INN_OK;
}

enum inn_status inn_infer_split(struct inn_infer *c)
{
    struct inn_args a = INN_ARGS(c);
    int64_t dims[INN_MAX_RANK];
    struct split s;
    int j, k;
    enum inn_status st = read_split(&a, &s, c->n_out);

    if (st != INN_OK || !s.known)
        return st;
    for (k = 0; k < c->in[0]->rank; k++)
        dims[k] = c->in[0]->dims[k];
    for (j = 0; st == INN_OK && j < c->n_out; j++) {
        dims[s.axis] = split_size(&s, j, c->n_out);
        st = inn_infer_out(c, j, c->in[0]->type, c->in[0]->rank, dims);
    }
    return st;
}

enum inn_status inn_couple_split(struct inn_couple *c)
{
    struct inn_args a = INN_ARGS(c);
    struct split s;
    int64_t offset = 0;
    int j;
    enum inn_status st;

    if (inn_args_in(&a, 0) == NULL)
        return INN_OK;
    st = read_split(&a, &s, c->n_out);
    if (st != INN_OK)
        return st;
    if (!s.known)
        return inn_couple_pin(c, inn_in(0, s.axis),
                              "split where the input says");
    for (j = 0; st == INN_OK && j < c->n_out; j++) {
        if (c->out[j] != NULL)
            st = couple_piece(c, inn_out(j, 0), inn_in(0, 0), c->out[j],
                              s.axis, offset);
        offset += split_size(&s, j, c->n_out);
    }
    return st;
}

/* Sizes follow the edges; equal ones are written out where they differ. */
enum inn_status inn_resize_split(struct inn_resize *c)
{
    struct inn_args a = INN_ARGS(c);
    struct split s, later;
    int64_t *sizes, offset = 0, from = 0, sum = 0;
    bool equal = true;
    int j;
    enum inn_status st = read_split(&a, &s, c->n_out);

    if (st != INN_OK || !s.known || c->n_out < 1 ||
        !c->to->varies(c->state, inn_in(0, s.axis)))
        return st;
    if (s.sizes.input != NULL && !inn_resize_is_const(c, 1))
        return INN_OK;
    sizes = inn_arena_alloc(c->scratch, (size_t)c->n_out, sizeof(*sizes),
                            c->err);
    if (sizes == NULL)
        return inn_refused(c->err);
    for (j = 0; j < c->n_out; j++) {
        int64_t to;

        offset += split_size(&s, j, c->n_out);
        to = c->to->edge(c->state, inn_in(0, s.axis), offset);
        sizes[j] = to - from;
        from = to;
        sum += sizes[j];
    }
    if (!s.sizes.given) {
        later = s;
        equal = split_equally(&(struct inn_args){c->node, c->in, c->n_in,
                                                 NULL},
                              &later, sum, c->n_out) == INN_OK;
        for (j = 0; equal && j < c->n_out; j++)
            equal = split_size(&later, j, c->n_out) == sizes[j];
        if (equal)
            return INN_OK;
    }
    if (c->node->version < 13 && s.sizes.input == NULL)
        return c->to->set_ints(c->state, "split", sizes, (size_t)c->n_out,
                               c->err);
    if (inn_node_attr(c->node, "num_outputs") != NULL) {
        if (c->to->drop_attr == NULL)
            return inn_args_fail(&a, INN_ERR_UNSUPPORTED,
                                 "unequal parts with num_outputs");
        st = c->to->drop_attr(c->state, "num_outputs", c->err);
    }
    return st == INN_OK ? c->to->set_input(c->state, 1, sizes,
                                           (size_t)c->n_out, c->err)
                        : st;
}

enum inn_status inn_run_split(struct inn_run *c)
{
    struct inn_args a = INN_ARGS(c);
    struct split s;
    int64_t offset = 0;
    int j;
    enum inn_status st = read_split(&a, &s, c->n_out);

    if (st != INN_OK)
        return st;
    for (j = 0; j < c->n_out; j++) {
        copy_piece(&c->out[j], c->in[0], s.axis, offset, false, c->threads);
        offset += split_size(&s, j, c->n_out);
    }
    return INN_OK;
}

bool inn_lower_split(const struct inn_infer *c, struct inn_prim *prim)
{
    struct inn_args a = INN_ARGS(c);
    struct inn_move *m;
    struct split s;
    int64_t offset = 0, dims[INN_MAX_RANK];
    int j;

    if (read_split(&a, &s, c->n_out) != INN_OK || !s.known)
        return false;
    m = inn_move_new(prim, c, c->n_out);
    if (m == NULL)
        return false;
    memcpy(dims, c->in[0]->dims, sizeof(dims));
    for (j = 0; j < c->n_out; j++) {
        m[j].out = j;
        m[j].in_at[s.axis] = offset;
        dims[s.axis] = split_size(&s, j, c->n_out);
        inn_move_box(&m[j], c->in[0]->rank, dims);
        offset += dims[s.axis];
    }
    return true;
}

/* Parts along the channels: side by side, and nothing known between them. */
static enum inn_status join_channels(struct inn_carry *c, int axis)
{
    int64_t n = c->out[0]->dims[axis], offset = 0, other, k, l;
    struct inn_law *law = inn_law_new(n, c->heap, c->err);
    double energy = 0;
    int i, j, y, x;

    if (law == NULL)
        return inn_refused(c->err);
    law->r[0][0] = 0;
    for (i = 0; i < c->n_in; i++, offset += c->in[i - 1]->dims[axis]) {
        const struct inn_law *from = c->from[i].law;
        double trace = 0;

        for (other = 0, j = 0; j < c->n_in;
             other += c->in[j++]->dims[axis]) {
            /* The same once more is wholly correlated. */
            for (k = 0; c->from[j].law == from && k < from->n; k++) {
                for (l = 0; l < from->n; l++)
                    law->cov[(offset + k) * n + other + l] =
                        from->cov[k * from->n + l];
            }
        }
        for (k = 0; k < from->n; k++) {
            law->mean[offset + k] = from->mean[k];
            trace += from->cov[k * from->n + k];
        }
        for (y = 0; y <= INN_REACH; y++) {
            for (x = 0; x <= INN_REACH; x++)
                law->r[y][x] += trace * from->r[y][x];
        }
        energy += trace;
    }
    for (y = 0; y <= INN_REACH; y++) {
        for (x = 0; x <= INN_REACH; x++)
            law->r[y][x] = energy > 0 ? law->r[y][x] / energy : x + y == 0;
    }
    inn_carry_put(c, 0, law, &c->from[0]);
    return INN_OK;
}

/* Parts along positions: some have these moments, some those. */
static enum inn_status join_positions(struct inn_carry *c, int axis)
{
    const struct inn_law *first = c->from[0].law;
    struct inn_law *law = inn_law_new(first->n, c->heap, c->err);
    double all = (double)c->out[0]->dims[axis], share;
    int64_t n = first->n, k, l;
    int i, y, x;

    if (law == NULL)
        return inn_refused(c->err);
    law->r[0][0] = 0;
    for (i = 0; i < c->n_in; i++) {
        share = (double)c->in[i]->dims[axis] / all;
        for (k = 0; k < n; k++)
            law->mean[k] += share * c->from[i].law->mean[k];
        for (y = 0; y <= INN_REACH; y++) {
            for (x = 0; x <= INN_REACH; x++)
                law->r[y][x] += share * c->from[i].law->r[y][x];
        }
    }
    for (i = 0; i < c->n_in; i++) {
        const struct inn_law *from = c->from[i].law;

        share = (double)c->in[i]->dims[axis] / all;
        for (k = 0; k < n; k++) {
            for (l = 0; l < n; l++)
                law->cov[k * n + l] +=
                    share * (from->cov[k * n + l] +
                             (from->mean[k] - law->mean[k]) *
                                 (from->mean[l] - law->mean[l]));
        }
    }
    inn_carry_put(c, 0, law, &c->from[0]);
    return INN_OK;
}

enum inn_status inn_moments_concat(struct inn_carry *c)
{
    const struct inn_field *first = &c->from[0];
    struct inn_args a = INN_ARGS(c);
    enum inn_status st;
    int axis, i;

    for (i = 0; i < c->n_in; i++) {
        if (c->in[i] == NULL || c->from[i].law == NULL ||
            c->from[i].channels != first->channels ||
            c->from[i].repeat != 1)
            return INN_OK;
    }
    st = concat_axis(&a, &axis);
    if (st != INN_OK || c->out[0] == NULL || c->out[0]->dims[axis] < 1)
        return st;
    if (inn_field_axis(first) == axis)
        return join_channels(c, axis);
    for (i = 0; i < c->n_in; i++) {
        if (c->from[i].law->n != first->law->n)
            return INN_OK;
    }
    return first->channels & 1u << axis ? INN_OK : join_positions(c, axis);
}

enum inn_status inn_moments_split(struct inn_carry *c)
{
    const struct inn_field *x = &c->from[0];
    struct inn_args a = INN_ARGS(c);
    int64_t offset = 0, *at, k;
    enum inn_status st;
    struct split s;
    int j;

    if (x->law == NULL || x->repeat != 1)
        return INN_OK;
    st = read_split(&a, &s, c->n_out);
    if (st != INN_OK || !s.known)
        return st;
    if (!(x->channels & 1u << s.axis)) {
        for (j = 0; j < c->n_out; j++)
            inn_carry_view(c, j, 0);
        return INN_OK;
    }
    if (inn_field_axis(x) != s.axis)
        return INN_OK;
    at = inn_arena_alloc(c->scratch, (size_t)x->law->n, sizeof(*at), c->err);
    if (at == NULL)
        return inn_refused(c->err);
    for (j = 0; j < c->n_out; j++) {
        int64_t size = split_size(&s, j, c->n_out);
        struct inn_law *law;

        for (k = 0; k < size; k++)
            at[k] = offset + k;
        offset += size;
        if (size < 1)
            continue;
        law = inn_law_pick(x->law, at, size, c->heap, c->err);
        if (law == NULL)
            return inn_refused(c->err);
        inn_carry_put(c, j, law, x);
    }
    return INN_OK;
}
