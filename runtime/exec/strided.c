/*
 * Steps of our own kernels on values as they lie: the layouts that oneDNN
 * chooses for convolutions are kept where they are an order of axes, so that
 * nothing is reordered for the sake of a Concat.
 */
#include "runtime/exec/strided.h"

#include <string.h>

#include "runtime/base/error.h"
#include "runtime/exec/dnnl_exec.h"

/* Value v in f32 in some order of axes, which strides tell. */
static enum inn_status strided(struct inn_builder *b, int *slot, int v,
                               int64_t strides[INN_MAX_RANK],
                               struct inn_error *err)
{
    enum inn_status st = inn_build_any(b, slot, v, err);

    if (st == INN_OK &&
        !inn_slot_strides(&b->s->slots[*slot], strides)) {
        st = inn_build_plain(b, slot, v, INN_F32, err);
        if (st == INN_OK)
            inn_slot_strides(&b->s->slots[*slot], strides);
    }
    return st;
}

/* False where there are gaps, or elements that lie twice. */
static bool find_order(struct inn_order *order, const struct inn_tensor *t,
                       const int64_t strides[INN_MAX_RANK])
{
    int64_t step = 1;
    int i, j, ones = 0;

    /* Where an axis 1 long lies says nothing. */
    for (i = 0; i < t->rank; i++) {
        if (t->dims[i] == 1)
            order->axis[ones++] = i;
    }
    order->n = ones;
    for (i = 0; i < t->rank; i++) {
        if (t->dims[i] == 1)
            continue;
        for (j = order->n++; j > ones; j--) {
            if (strides[order->axis[j - 1]] >= strides[i])
                break;
            order->axis[j] = order->axis[j - 1];
        }
        order->axis[j] = i;
    }
    for (i = t->rank; i-- > 0; step *= t->dims[order->axis[i]]) {
        if (t->dims[order->axis[i]] != 1 && strides[order->axis[i]] != step)
            return false;
    }
    return true;
}

enum inn_status inn_build_ordered(struct inn_builder *b, int *slot, int v,
                                  struct inn_order *order,
                                  struct inn_error *err)
{
    int64_t strides[INN_MAX_RANK];
    enum inn_status st = strided(b, slot, v, strides, err);

    if (st == INN_OK &&
        !find_order(order, &b->s->slots[*slot].tensor, strides)) {
        st = inn_build_plain(b, slot, v, INN_F32, err);
        if (st == INN_OK) {
            inn_slot_strides(&b->s->slots[*slot], strides);
            find_order(order, &b->s->slots[*slot].tensor, strides);
        }
    }
    return st;
}

bool inn_turns_find(struct inn_turns *r, const struct inn_order *order,
                    const struct inn_tensor *t, const bool *together)
{
    size_t *parts[] = {&r->outer, &r->before, &r->kept, &r->after};
    int i, at = 0;

    r->outer = r->before = r->kept = r->after = 1;
    for (i = 0; i < order->n; i++) {
        int axis = order->axis[i];

        if (t->dims[axis] == 1)
            continue;
        /* Parts of even index stay. */
        if ((at % 2 == 1) != together[axis])
            at++;
        if (at > 3)
            return false;
        *parts[at] *= (size_t)t->dims[axis];
    }
    if (r->kept == 1) {
        r->kept = r->outer;
        r->after *= r->before;
        r->outer = r->before = 1;
    }
    return true;
}

enum inn_status inn_build_in_order(struct inn_builder *b, int *slot, int v,
                                   const struct inn_order *order,
                                   struct inn_error *err)
{
    const struct inn_tensor *known = inn_shapes_get(&b->s->shapes, v);
    int64_t strides[INN_MAX_RANK] = {0}, step = 1;
    struct inn_tensor t;
    enum inn_status st;
    bool plain = true;
    int i;

    for (i = order->n; i-- > 0; step *= known->dims[order->axis[i]])
        strides[order->axis[i]] = step;
    for (step = 1, i = known->rank; i-- > 0; step *= known->dims[i])
        plain = plain && (known->dims[i] == 1 || strides[i] == step);
    st = inn_tensor_init(&t, INN_F32, known->rank, known->dims, err);
    if (st == INN_OK)
        st = inn_build_slot(b, slot, INN_SLOT_BUFFER, v, &t, err);
    if (st == INN_OK && !plain)
        st = inn_layout_strided(b, *slot, strides, err);
    return st;
}

/* A new slot for value v: channels last, or plain. */
static enum inn_status new_slot(struct inn_builder *b, int *slot, int v,
                                bool channels_last, struct inn_error *err)
{
    const struct inn_tensor *known = inn_shapes_get(&b->s->shapes, v);
    struct inn_tensor t;
    enum inn_status st;

    st = inn_tensor_init(&t, INN_F32, known->rank, known->dims, err);
    if (st == INN_OK)
        st = inn_build_slot(b, slot, INN_SLOT_BUFFER, v, &t, err);
    if (st == INN_OK && channels_last)
        st = inn_layout_channels_last(b, *slot, err);
    return st;
}

static bool is_channels_last(const struct inn_tensor *t,
                             const int64_t strides[INN_MAX_RANK])
{
    return t->rank >= 3 && t->dims[1] > 1 && strides[1] == 1 &&
           strides[t->rank - 1] == t->dims[1];
}

static void fill_copy(struct inn_copy *c, const struct inn_move *m,
                      const int64_t *in, int in_rank, const int64_t *out,
                      int out_rank)
{
    int k;

    c->n = m->n_loops;
    for (k = 0; k < m->n_loops; k++) {
        const struct inn_loop *l = &m->loops[k];

        c->count[k] = l->count;
        c->in_step[k] = l->in_axis < 0 ? 0 : l->in_step * in[l->in_axis];
        c->out_step[k] = l->out_axis < 0 ? 0 : l->out_step * out[l->out_axis];
    }
    for (k = 0; k < in_rank; k++)
        c->in_at += m->in_at[k] * in[k];
    for (k = 0; k < out_rank; k++)
        c->out_at += m->out_at[k] * out[k];
    inn_copy_prepare(c);
}

/* By input and output of a move's graph node: their slots and strides. */
struct sides {
    int *slots;
    int64_t (*strides)[INN_MAX_RANK];
};

static enum inn_status sides_new(struct inn_builder *b, struct sides *s,
                                 int n, struct inn_error *err)
{
    int i;

    s->slots = inn_arena_alloc(&b->scratch, (size_t)n, sizeof(int), err);
    s->strides = inn_arena_alloc(&b->scratch, (size_t)n, sizeof(*s->strides),
                                 err);
    if (s->slots == NULL || s->strides == NULL)
        return inn_refused(err);
    for (i = 0; i < n; i++)
        s->slots[i] = -1;
    return INN_OK;
}

/* Slots of all that moves; *last: the greater part has channels last. */
static enum inn_status take_inputs(struct inn_builder *b,
                                   const struct inn_work *w, struct sides *in,
                                   bool *last, struct inn_error *err)
{
    size_t bytes = 0, with = 0;
    enum inn_status st = INN_OK;
    int i;

    for (i = 0; i < w->prim->u.move.n && st == INN_OK; i++) {
        int k = w->prim->u.move.moves[i].in;
        const struct inn_slot *slot;

        if (in->slots[k] >= 0)
            continue;
        st = strided(b, &in->slots[k], w->node->inputs[k], in->strides[k],
                     err);
        if (st != INN_OK)
            return st;
        slot = &b->s->slots[in->slots[k]];
        bytes += slot->bytes;
        if (is_channels_last(&slot->tensor, in->strides[k]))
            with += slot->bytes;
    }
    *last = 2 * with > bytes;
    return st;
}

static enum inn_status add_copies(struct inn_builder *b,
                                  const struct inn_work *w,
                                  const struct sides *in,
                                  const struct sides *out,
                                  struct inn_error *err)
{
    const struct inn_prim *p = w->prim;
    struct inn_move_step *m;
    struct inn_step *step;
    enum inn_status st;
    int index, i, k;

    m = inn_arena_alloc(&b->s->arena, 1, sizeof(*m), err);
    if (m == NULL)
        return inn_refused(err);
    m->fill = p->u.move.fill;
    m->value = p->u.move.value;
    m->copies = inn_arena_alloc(&b->s->arena, (size_t)p->u.move.n,
                                sizeof(*m->copies), err);
    if (m->copies == NULL)
        return inn_refused(err);
    st = inn_build_step(b, &index, INN_STEP_MOVE, w->node->n_inputs,
                        w->node->n_outputs, err);
    if (st != INN_OK)
        return st;
    step = &b->s->steps[index];
    step->node = w->node;
    step->move = m;
    for (i = 0; i < w->node->n_inputs; i++)
        step->in[i] = in->slots[i];
    for (i = 0; i < w->node->n_outputs; i++)
        step->out[i] = out->slots[i];
    for (i = 0; i < p->u.move.n; i++) {
        const struct inn_move *from = &p->u.move.moves[i];
        struct inn_copy *c = &m->copies[m->n];

        if (out->slots[from->out] < 0)
            continue;
        c->in = from->in;
        c->out = from->out;
        k = b->s->slots[in->slots[c->in]].tensor.rank;
        fill_copy(c, from, in->strides[c->in], k, out->strides[c->out],
                  b->s->slots[out->slots[c->out]].tensor.rank);
        m->n++;
    }
    return INN_OK;
}

enum inn_status inn_build_move(struct inn_builder *b, int w, bool *done,
                               struct inn_error *err)
{
    const struct inn_work *work = &b->work[w];
    struct sides in, out;
    enum inn_status st;
    bool last;
    int i;

    st = sides_new(b, &in, work->node->n_inputs, err);
    if (st == INN_OK)
        st = sides_new(b, &out, work->node->n_outputs, err);
    if (st == INN_OK)
        st = take_inputs(b, work, &in, &last, err);
    for (i = 0; i < work->node->n_outputs && st == INN_OK; i++) {
        int v = work->node->outputs[i];
        const struct inn_tensor *t = inn_shapes_get(&b->s->shapes, v);

        if (t == NULL || (b->remaining[v] == 0 && !b->s->keep_all))
            continue;
        st = new_slot(b, &out.slots[i], v, last && t->rank == 4, err);
        if (st == INN_OK)
            inn_slot_strides(&b->s->slots[out.slots[i]], out.strides[i]);
    }
    if (st == INN_OK)
        st = add_copies(b, work, &in, &out, err);
    *done = st == INN_OK;
    return st;
}

void inn_run_move(struct inn_schedule *s, const struct inn_step *step)
{
    const struct inn_move_step *m = step->move;
    size_t k, n;
    int i;

    for (i = 0; m->fill && i < step->n_out; i++) {
        const struct inn_tensor *t;
        float *x;

        if (step->out[i] < 0)
            continue;
        t = &s->slots[step->out[i]].tensor;
        x = t->data;
        n = inn_tensor_count(t);
        for (k = 0; k < n; k++)
            x[k] = m->value;
    }
    for (i = 0; i < m->n; i++) {
        const struct inn_copy *c = &m->copies[i];

        inn_copy_run(c, s->slots[step->out[c->out]].tensor.data,
                     s->slots[step->in[c->in]].tensor.data, s->threads);
    }
}

/*
 * Channels among the elements as they lie; false where they are neither
 * last nor in plain order.
 */
static bool find_channels(struct inn_map_step *m, const struct inn_tensor *t,
                          const int64_t strides[INN_MAX_RANK], int64_t n)
{
    size_t count = inn_tensor_count(t);
    int64_t step = 1;
    int k;

    m->channels = (size_t)n;
    m->inner = n == 1 ? count : 1;
    m->outer = n == 1 || count == 0 ? 1 : count / (size_t)n;
    if (n == 1 || count == 0 || is_channels_last(t, strides))
        return true;
    for (k = t->rank; k-- > 0; step *= t->dims[k]) {
        if (t->dims[k] != 1 && strides[k] != step)
            return false;
    }
    m->outer = (size_t)t->dims[0];
    m->inner = count / m->outer / (size_t)n;
    return true;
}

static const float *copy_floats(struct inn_builder *b, const float *from,
                                int64_t n, struct inn_error *err)
{
    float *to = inn_arena_alloc(&b->s->arena, (size_t)n, sizeof(*to), err);

    if (to != NULL)
        memcpy(to, from, (size_t)n * sizeof(*to));
    return to;
}

static enum inn_status read_map(struct inn_builder *b, struct inn_map_step *m,
                                const struct inn_prim *p,
                                struct inn_error *err)
{
    m->kind = p->u.map.kind;
    m->alpha = p->u.map.alpha;
    m->beta = p->u.map.beta;
    if (p->u.map.scale != NULL) {
        m->scale = copy_floats(b, p->u.map.scale, p->u.map.n, err);
        if (m->scale == NULL)
            return inn_refused(err);
    }
    if (p->u.map.shift != NULL) {
        m->shift = copy_floats(b, p->u.map.shift, p->u.map.n, err);
        if (m->shift == NULL)
            return inn_refused(err);
    }
    return INN_OK;
}

enum inn_status inn_build_same(struct inn_builder *b, int *slot, int x,
                               int v, struct inn_error *err)
{
    const struct inn_layout *layout = b->s->slots[x].layout;
    struct inn_tensor t = b->s->slots[x].tensor;
    size_t bytes = b->s->slots[x].bytes;
    enum inn_status st;

    if (inn_build_is_dead(b, x))
        return inn_build_alias(b, slot, x, v, &t, layout, err);
    st = inn_build_slot(b, slot, INN_SLOT_BUFFER, v, &t, err);
    if (st == INN_OK) {
        b->s->slots[*slot].layout = layout;
        b->s->slots[*slot].bytes = bytes;
    }
    return st;
}

enum inn_status inn_build_map(struct inn_builder *b, int w, int n_post,
                              bool *done, struct inn_error *err)
{
    const struct inn_work *work = &b->work[w];
    int64_t strides[INN_MAX_RANK], n = work->prim->u.map.scale != NULL
                                           ? work->prim->u.map.n : 1;
    struct inn_map_step *m;
    enum inn_status st;
    int x, y, index, v = work->node->inputs[0];

    m = inn_arena_alloc(&b->s->arena, 1, sizeof(*m), err);
    if (m == NULL)
        return inn_refused(err);
    m->relu = n_post != 0;
    st = read_map(b, m, work->prim, err);
    if (st == INN_OK)
        st = strided(b, &x, v, strides, err);
    if (st == INN_OK &&
        !find_channels(m, &b->s->slots[x].tensor, strides, n)) {
        st = inn_build_plain(b, &x, v, INN_F32, err);
        if (st == INN_OK) {
            inn_slot_strides(&b->s->slots[x], strides);
            find_channels(m, &b->s->slots[x].tensor, strides, n);
        }
    }
    if (st == INN_OK)
        st = inn_build_same(b, &y, x, inn_work_result(b, w, n_post), err);
    if (st == INN_OK)
        st = inn_build_step(b, &index, INN_STEP_MAP, 1, 1, err);
    if (st != INN_OK)
        return st;
    b->s->steps[index].node = work->node;
    b->s->steps[index].map = m;
    b->s->steps[index].in[0] = x;
    b->s->steps[index].out[0] = y;
    *done = true;
    return INN_OK;
}

void inn_run_map(struct inn_schedule *s, const struct inn_step *step)
{
    inn_map_run(step->map, s->slots[step->out[0]].tensor.data,
                s->slots[step->in[0]].tensor.data, s->threads);
}

enum inn_status inn_build_own(struct inn_builder *b, int *step, int w, int x,
                              int y, inn_own_fn *own, const void *state,
                              struct inn_error *err)
{
    enum inn_status st = inn_build_step(b, step, INN_STEP_OWN,
                                        b->work[w].node->n_inputs, 1, err);
    struct inn_step *made;

    if (st != INN_OK)
        return st;
    made = &b->s->steps[*step];
    made->node = b->work[w].node;
    made->own = own;
    made->state = state;
    made->in[0] = x;
    made->out[0] = y;
    return INN_OK;
}

enum inn_status inn_build_permute(struct inn_builder *b, int w, bool *done,
                                  struct inn_error *err)
{
    const struct inn_work *work = &b->work[w];
    int v = work->node->outputs[0], x, slot, k;
    int64_t strides[INN_MAX_RANK], turned[INN_MAX_RANK] = {0};
    const struct inn_tensor *known = inn_shapes_get(&b->s->shapes, v);
    struct inn_tensor t;
    enum inn_status st;

    *done = false;
    st = strided(b, &x, work->node->inputs[0], strides, err);
    if (st != INN_OK)
        return st;
    for (k = 0; k < known->rank; k++)
        turned[k] = strides[work->prim->u.perm[k]];
    st = inn_tensor_init(&t, INN_F32, known->rank, known->dims, err);
    if (st == INN_OK)
        st = inn_build_alias(b, &slot, x, v, &t, NULL, err);
    if (st == INN_OK)
        st = inn_layout_strided(b, slot, turned, err);
    *done = st == INN_OK;
    return st;
}
