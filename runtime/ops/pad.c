/*
 * Pad: elements added around a tensor, or taken away where negative. One row
 * of output after the other, each axis mapped to the input by the mode.
 */
#include <string.h>

#include "runtime/base/checked.h"
#include "runtime/base/threads.h"
#include "runtime/ops/common.h"
#include "runtime/ops/moments.h"
#include "runtime/ops/move.h"
#include "runtime/ops/rows.h"

/* Sums of pads and sizes below this can't wrap. */
#define MOST_PADDED ((int64_t)1 << 60)

enum mode { CONSTANT, REFLECT, EDGE, WRAP };

struct pad {
    enum mode mode;
    struct inn_list pads, axes;
    bool known;
    int64_t before[INN_MAX_RANK], after[INN_MAX_RANK];
    int axis[INN_MAX_RANK]; /* by entry of the lists */
    int n_axes;
};

static enum inn_status read_mode(const struct inn_args *a, enum mode *mode)
{
    static const char *const names[] = {"constant", "reflect", "edge",
                                        "wrap"};
    const char *name = inn_node_string(a->node, "mode", names[CONSTANT]);
    size_t i;

    for (i = 0; i < INN_COUNT(names); i++) {
        if (strcmp(names[i], name) == 0) {
            *mode = (enum mode)i;
            return INN_OK;
        }
    }
    return inn_args_fail(a, INN_ERR_FORMAT, "there is no mode '%s'", name);
}

static const char *attr_name(const struct inn_args *a)
{
    return a->node->version < 2 ? "paddings" : "pads";
}

static enum inn_status read_lists(const struct inn_args *a, struct pad *p)
{
    enum inn_status st;

    if (a->node->version < 11) {
        inn_args_attr_list(a, &p->pads, attr_name(a));
        if (!p->pads.given)
            return inn_args_fail(a, INN_ERR_FORMAT,
                                 "attribute %s is missing", attr_name(a));
        return INN_OK;
    }
    st = inn_args_need(a, 2);
    if (st == INN_OK)
        st = inn_args_input_list(a, &p->pads, 1);
    if (st == INN_OK && a->node->version >= 18)
        st = inn_args_input_list(a, &p->axes, 3);
    return st;
}

static enum inn_status read_pad(const struct inn_args *a, struct pad *p)
{
    unsigned seen = 0;
    size_t i, n;
    int rank, k;
    enum inn_status st = inn_args_need(a, 1);

    memset(p, 0, sizeof(*p));
    if (st == INN_OK)
        st = read_mode(a, &p->mode);
    if (st == INN_OK)
        st = read_lists(a, p);
    if (st != INN_OK)
        return st;
    rank = a->in[0]->rank;
    n = p->axes.given ? p->axes.n : (size_t)rank;
    if (n > (size_t)rank || p->pads.n != 2 * n)
        return inn_args_fail(a, INN_ERR_FORMAT,
                             "has %zu pads for %zu of %d axes", p->pads.n, n,
                             rank);
    p->known = p->pads.known && (p->axes.known || !p->axes.given);
    for (i = 0; p->known && i < n; i++) {
        st = inn_args_axis(a, &k, p->axes.given ? inn_list_at(&p->axes, i)
                                                : (int64_t)i,
                           rank);
        if (st != INN_OK)
            return st;
        if (seen & 1u << k)
            return inn_args_fail(a, INN_ERR_FORMAT,
                                 "axis %d is listed twice", k);
        seen |= 1u << k;
        p->axis[i] = k;
        p->before[k] = inn_list_at(&p->pads, i);
        p->after[k] = inn_list_at(&p->pads, n + i);
        if (p->before[k] < -MOST_PADDED || p->before[k] > MOST_PADDED ||
            p->after[k] < -MOST_PADDED || p->after[k] > MOST_PADDED)
            return inn_args_fail(a, INN_ERR_FORMAT,
                                 "axis %d is padded by %lld and %lld", k,
                                 (long long)p->before[k],
                                 (long long)p->after[k]);
    }
    p->n_axes = (int)n;
    return INN_OK;
}

enum inn_status inn_infer_pad(struct inn_infer *c)
{
    struct inn_args a = INN_ARGS(c);
    int64_t dims[INN_MAX_RANK];
    struct pad p;
    int k;
    enum inn_status st = read_pad(&a, &p);

    if (st != INN_OK || !p.known)
        return st;
    for (k = 0; k < c->in[0]->rank; k++) {
        int64_t dim = c->in[0]->dims[k];

        if (!inn_add_i64(&dims[k], dim, p.before[k]) ||
            !inn_add_i64(&dims[k], dims[k], p.after[k]) || dims[k] < 0 ||
            (dim == 0 && dims[k] > 0 && p.mode != CONSTANT))
            return inn_args_fail(&a, INN_ERR_FORMAT,
                                 "axis %d of %lld elements can't be padded "
                                 "by %lld and %lld",
                                 k, (long long)dim, (long long)p.before[k],
                                 (long long)p.after[k]);
    }
    return inn_infer_out(c, 0, c->in[0]->type, c->in[0]->rank, dims);
}

enum inn_status inn_couple_pad(struct inn_couple *c)
{
    struct inn_args a = INN_ARGS(c);
    struct pad p;
    enum inn_status st;
    int k;

    if (inn_args_in(&a, 0) == NULL || c->n_out < 1 || c->out[0] == NULL)
        return INN_OK;
    st = read_pad(&a, &p);
    for (k = 0; st == INN_OK && k < c->in[0]->rank; k++) {
        int64_t i, n = c->out[0]->dims[k], *map = NULL;

        if (!p.known || (p.mode != CONSTANT && (p.before[k] != 0 ||
                                                p.after[k] != 0))) {
            st = inn_couple_pin(c, inn_in(0, k),
                                p.known ? "padded with its own elements"
                                        : "padded as the input says");
            continue;
        }
        if (p.before[k] != 0 || p.after[k] != 0) {
            if (n == 0)
                continue;
            map = inn_couple_count_from(c, -p.before[k], n);
            if (map == NULL)
                return inn_refused(c->err);
            for (i = 0; i < n; i++) {
                if (map[i] < 0 || map[i] >= c->in[0]->dims[k])
                    map[i] = -1;
            }
        }
        st = inn_couple_map(c, inn_out(0, k), inn_in(0, k), map);
    }
    return st;
}

/* The edge before at; beyond the ends (pads that cut pads) it runs on. */
static int64_t edge(struct inn_resize *c, struct inn_operand o, int64_t at)
{
    int64_t dim = (o.is_output ? c->out[0] : c->in[0])->dims[o.axis];

    if (at < 0)
        return at;
    if (at > dim)
        return c->to->length(c->state, o) + (at - dim);
    return c->to->edge(c->state, o, at);
}

/*
 * Pads of a varying axis. What is added lies on the output's axis, what is
 * taken away on the input's.
 */
static void move_pads(struct inn_resize *c, const struct pad *p, int axis,
                      int64_t *before, int64_t *after)
{
    struct inn_operand x = inn_in(0, axis), y = inn_out(0, axis);
    int64_t dim = c->in[0]->dims[axis], from = p->before[axis];

    *before = from;
    *after = p->after[axis];
    if (from > 0)
        *before = edge(c, y, from);
    else if (from < 0)
        *before = -edge(c, x, -from);
    if (*after > 0)
        *after = c->to->length(c->state, y) - edge(c, y, from + dim);
    else if (*after < 0)
        *after = edge(c, x, dim + *after) - c->to->length(c->state, x);
}

enum inn_status inn_resize_pad(struct inn_resize *c)
{
    struct inn_args a = INN_ARGS(c);
    int64_t values[2 * INN_MAX_RANK];
    struct pad p;
    bool changed = false;
    int i;
    enum inn_status st = read_pad(&a, &p);

    if (st != INN_OK || !p.known || c->n_out < 1 || c->out[0] == NULL)
        return st;
    if (p.pads.input != NULL && !inn_resize_is_const(c, 1))
        return INN_OK;
    for (i = 0; i < p.n_axes; i++) {
        int axis = p.axis[i];
        int64_t *before = &values[i], *after = &values[p.n_axes + i];

        *before = p.before[axis];
        *after = p.after[axis];
        if ((*before == 0 && *after == 0) ||
            !c->to->varies(c->state, inn_out(0, axis)))
            continue;
        move_pads(c, &p, axis, before, after);
        changed = changed || *before != p.before[axis] ||
                  *after != p.after[axis];
    }
    if (!changed)
        return INN_OK;
    if (p.pads.input == NULL)
        return c->to->set_ints(c->state, attr_name(&a), values, p.pads.n,
                               c->err);
    return c->to->set_input(c->state, 1, values, p.pads.n, c->err);
}

/* The input's index for output index i, or -1. */
static int64_t source(const struct pad *p, int axis, int64_t i, int64_t dim)
{
    int64_t period;

    i -= p->before[axis];
    if (i >= 0 && i < dim)
        return i;
    switch (p->mode) {
    case CONSTANT:
        return -1;
    case EDGE:
        return i < 0 ? 0 : dim - 1;
    case WRAP:
        i %= dim;
        return i < 0 ? i + dim : i;
    case REFLECT:
        break;
    }
    if (dim == 1)
        return 0;
    period = 2 * (dim - 1);
    i %= period;
    if (i < 0)
        i += period;
    return i < dim ? i : period - i;
}

struct padding {
    struct pad p;
    const struct inn_tensor *x, *out;
    char value[8];
    size_t size;
};

static void fill(char *to, const struct padding *g, int64_t n)
{
    int64_t i;

    for (i = 0; i < n; i++)
        memcpy(to + (size_t)i * g->size, g->value, g->size);
}

/* The output's row along its last axis. */
static void pad_row(void *context, size_t row)
{
    const struct padding *g = context;
    const struct inn_tensor *x = g->x, *out = g->out;
    int last = x->rank - 1, k;
    int64_t n = out->dims[last], dim = x->dims[last], i = 0, step = 1;
    int64_t from = 0, rest = (int64_t)row;
    char *to = (char *)out->data + row * (size_t)n * g->size;

    for (k = last - 1, step = dim; k >= 0; k--) {
        int64_t s = source(&g->p, k, rest % out->dims[k], x->dims[k]);

        if (s < 0) {
            fill(to, g, n);
            return;
        }
        from += s * step;
        step *= x->dims[k];
        rest /= out->dims[k];
    }
    while (i < n) {
        int64_t s = source(&g->p, last, i, dim), run = 1;

        if (s < 0) {
            fill(to + (size_t)i * g->size, g, 1);
        } else {
            /* The input's own stretch is one piece. */
            if (i - g->p.before[last] == s)
                run = dim - s < n - i ? dim - s : n - i;
            memcpy(to + (size_t)i * g->size,
                   (const char *)x->data + (size_t)(from + s) * g->size,
                   (size_t)run * g->size);
        }
        i += run;
    }
}

static enum inn_status read_value(const struct inn_args *a, struct padding *g)
{
    const struct inn_tensor *v = inn_args_in(a, 2);
    float f;

    if (a->node->version < 11) {
        f = inn_node_float(a->node, "value", 0);
        inn_convert_elements(g->value, g->x->type, &f, INN_F32, 1);
        return INN_OK;
    }
    if (v == NULL)
        return INN_OK;
    if (v->type != g->x->type || inn_tensor_count(v) != 1)
        return inn_args_fail(a, INN_ERR_FORMAT,
                             "its value is %zu of %s, must be one of %s",
                             inn_tensor_count(v), inn_type_name(v->type),
                             inn_type_name(g->x->type));
    memcpy(g->value, v->data, g->size);
    return INN_OK;
}

enum inn_status inn_run_pad(struct inn_run *c)
{
    struct inn_args a = INN_ARGS(c);
    struct padding g;
    size_t rows;
    enum inn_status st;

    memset(&g, 0, sizeof(g));
    st = read_pad(&a, &g.p);
    if (st != INN_OK || !inn_run_wants(c, 0) || c->out[0].bytes == 0)
        return st;
    g.x = c->in[0];
    g.out = &c->out[0];
    g.size = inn_type_size(g.x->type);
    st = read_value(&a, &g);
    if (st != INN_OK)
        return st;
    if (g.x->rank == 0) {
        memcpy(g.out->data, g.x->data, g.size);
        return INN_OK;
    }
    rows = inn_tensor_count(g.out) / (size_t)g.out->dims[g.x->rank - 1];
    /* Small ones are not worth a thread's start. */
    inn_parallel(g.out->bytes < 65536 ? 1 : c->threads, rows, pad_row, &g);
    return INN_OK;
}

/* Where padding comes from: three stretches of an axis at most. */
struct stretch {
    int64_t from, step, to, count;
};

/* The stretches of one axis that read the input; 0: it takes more. */
static int read_axis(struct stretch s[3], const struct pad *p, int k,
                     int64_t dim, int64_t out)
{
    int64_t before = p->before[k], after = p->after[k];
    int64_t step = p->mode == REFLECT ? -1 : p->mode == WRAP ? 1 : 0;
    int64_t most = p->mode == REFLECT ? dim - 1 : dim;
    int n = 0;

    s[n].from = before < 0 ? -before : 0;
    s[n].to = before < 0 ? 0 : before;
    s[n].step = 1;
    s[n].count = dim - s[n].from < out - s[n].to ? dim - s[n].from
                                                 : out - s[n].to;
    n++;
    if (p->mode == CONSTANT)
        return s[0].count > 0 ? n : 0;
    if (before < 0 || after < 0 || (step != 0 && (before > most ||
                                                  after > most)))
        return 0;
    if (before > 0) {
        s[n].from = p->mode == REFLECT ? before
                    : p->mode == WRAP  ? dim - before
                                       : 0;
        s[n].step = step;
        s[n].to = 0;
        s[n++].count = before;
    }
    if (after > 0) {
        s[n].from = p->mode == REFLECT ? dim - 2
                    : p->mode == WRAP  ? 0
                                       : dim - 1;
        s[n].step = step;
        s[n].to = before + dim;
        s[n++].count = after;
    }
    return n;
}

bool inn_lower_pad(const struct inn_infer *c, struct inn_prim *prim)
{
    struct stretch s[INN_MAX_RANK][3];
    struct inn_args a = INN_ARGS(c);
    struct padding g = {.x = c->in[0]};
    int n[INN_MAX_RANK], total = 1, i, k;
    const struct inn_tensor *v;
    struct inn_move *m;
    float value;

    g.size = inn_type_size(g.x->type);
    v = inn_args_in(&a, 2);
    if (read_pad(&a, &g.p) != INN_OK || !g.p.known ||
        (c->node->version >= 11 && v != NULL && v->data == NULL) ||
        read_value(&a, &g) != INN_OK)
        return false;
    for (k = 0; k < g.x->rank; k++) {
        n[k] = read_axis(s[k], &g.p, k, g.x->dims[k], c->out[0].dims[k]);
        total *= n[k];
        if (total == 0 || total > 27)
            return false;
    }
    m = inn_move_new(prim, c, total);
    for (i = 0; m != NULL && i < total; i++) {
        int at = i;

        for (k = 0; k < g.x->rank; k++) {
            const struct stretch *t = &s[k][at % n[k]];

            at /= n[k];
            m[i].in_at[k] = t->from;
            m[i].out_at[k] = t->to;
            inn_move_loop(&m[i], t->count, k, t->step, k, 1);
        }
    }
    inn_convert_elements(&value, INN_F32, g.value, g.x->type, 1);
    prim->u.move.fill = g.p.mode == CONSTANT;
    prim->u.move.value = value;
    return m != NULL;
}

/* Padded positions are passed over; padded channels never vary. */
enum inn_status inn_moments_pad(struct inn_carry *c)
{
    const struct inn_field *x = &c->from[0];
    int axis = inn_field_axis(x), k;
    struct inn_args a = INN_ARGS(c);
    struct padding g = {.x = c->in[0]};
    int64_t n, i, j, before;
    struct inn_law *law;
    enum inn_status st;

    if (x->law == NULL || x->repeat != 1)
        return INN_OK;
    st = read_pad(&a, &g.p);
    if (st != INN_OK || !g.p.known)
        return st;
    for (k = 0; k < c->in[0]->rank; k++) {
        if (x->channels & 1u << k && (g.p.before[k] != 0 ||
                                      g.p.after[k] != 0) &&
            (k != axis || g.p.mode != CONSTANT))
            return INN_OK;
    }
    if (axis < 0 || (g.p.before[axis] == 0 && g.p.after[axis] == 0))
        return inn_carry_view(c, 0, 0);
    g.size = inn_type_size(c->in[0]->type);
    if (inn_args_in(&a, 2) != NULL && !inn_carry_is_const(c, 2))
        return INN_OK;
    st = read_value(&a, &g);
    n = x->law->n + g.p.before[axis] + g.p.after[axis];
    if (st != INN_OK || n < 1)
        return st;
    law = inn_law_new(n, c->heap, c->err);
    if (law == NULL)
        return inn_refused(c->err);
    before = g.p.before[axis];
    memcpy(law->r, x->law->r, sizeof(law->r));
    for (i = 0; i < n; i++) {
        bool inside = i >= before && i < before + x->law->n;

        law->mean[i] = inside ? x->law->mean[i - before]
                              : inn_element_get(c->in[0]->type, g.value, 0);
        for (j = 0; j < n && inside; j++) {
            if (j >= before && j < before + x->law->n)
                law->cov[i * n + j] =
                    x->law->cov[(i - before) * x->law->n + j - before];
        }
    }
    inn_carry_put(c, 0, law, x);
    return INN_OK;
}
