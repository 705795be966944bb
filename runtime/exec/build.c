/*
 * Slots and steps of a schedule under construction. A value is brought into
 * the form a step wants only once; later steps find it there. Constants are
 * converted while building, so that no run does it again.
 */
#include <string.h>

#include "runtime/base/checked.h"
#include "runtime/base/error.h"
#include "runtime/exec/dnnl_exec.h"

/* Room for one more in a growing array of the schedule's heap. */
static enum inn_status reserve(struct inn_heap *heap, void **array, int n,
                               int *cap, size_t size, struct inn_error *err)
{
    void *grown;
    int to;

    if (n < *cap)
        return INN_OK;
    if (*cap > INT32_MAX / 4)
        return inn_fail(err, INN_ERR_LIMIT, "a plan of %d steps is too long",
                        n);
    to = *cap != 0 ? *cap * 2 : 64;
    grown = inn_realloc(heap, *array, (size_t)to, size, err);
    if (grown == NULL)
        return inn_refused(err);
    *array = grown;
    *cap = to;
    return INN_OK;
}

enum inn_type inn_work_type(enum inn_type type)
{
    return inn_type_is_float(type) ? INN_F32 : type;
}

enum inn_status inn_build_slot(struct inn_builder *b, int *slot,
                               enum inn_slot_kind kind, int value,
                               const struct inn_tensor *tensor,
                               struct inn_error *err)
{
    struct inn_schedule *s = b->s;
    void *array = s->slots;
    struct inn_slot *new;
    enum inn_status st;

    *slot = -1;
    st = reserve(s->heap, &array, s->n_slots, &s->cap_slots,
                 sizeof(*s->slots), err);
    s->slots = array;
    if (st != INN_OK)
        return st;
    new = &s->slots[s->n_slots];
    memset(new, 0, sizeof(*new));
    new->kind = kind;
    new->tensor = *tensor;
    new->bytes = tensor->bytes;
    new->value = value;
    new->home = s->n_slots;
    new->sibling = -1;
    if (kind != INN_SLOT_CONST)
        new->tensor.data = NULL;
    if (value >= 0) {
        new->sibling = b->slot_of[value];
        b->slot_of[value] = s->n_slots;
    }
    *slot = s->n_slots++;
    return INN_OK;
}

enum inn_status inn_build_alias(struct inn_builder *b, int *slot, int home,
                                int value, const struct inn_tensor *tensor,
                                const struct inn_layout *layout,
                                struct inn_error *err)
{
    struct inn_tensor shown = *tensor;
    enum inn_status st;
    int root = b->s->slots[home].home;

    shown.data = b->s->slots[root].tensor.data;
    st = inn_build_slot(b, slot, b->s->slots[root].kind, value, &shown, err);
    if (st == INN_OK) {
        b->s->slots[*slot].home = root;
        b->s->slots[*slot].layout = layout;
        b->s->slots[*slot].bytes = b->s->slots[root].bytes;
    }
    return st;
}

enum inn_status inn_build_step(struct inn_builder *b, int *step,
                               enum inn_step_kind kind, int n_in, int n_out,
                               struct inn_error *err)
{
    static const char *const names[] = {"reference", "oneDNN", "convert",
                                        "copy", "move", "map", "own"};
    struct inn_schedule *s = b->s;
    void *array = s->steps;
    struct inn_step *new;
    enum inn_status st;
    int *slots, i;

    *step = -1;
    st = reserve(s->heap, &array, s->n_steps, &s->cap_steps,
                 sizeof(*s->steps), err);
    s->steps = array;
    if (st != INN_OK)
        return st;
    slots = inn_arena_alloc(&s->arena, (size_t)n_in + (size_t)n_out,
                            sizeof(*slots), err);
    if (slots == NULL)
        return inn_refused(err);
    for (i = 0; i < n_in + n_out; i++)
        slots[i] = -1;
    new = &s->steps[s->n_steps];
    memset(new, 0, sizeof(*new));
    new->kind = kind;
    new->impl = names[kind];
    new->in = slots;
    new->out = slots + n_in;
    new->n_in = n_in;
    new->n_out = n_out;
    *step = s->n_steps++;
    return INN_OK;
}

int inn_build_find(const struct inn_builder *b, int v, enum inn_type type,
                   bool plain)
{
    int i;

    for (i = b->slot_of[v]; i >= 0; i = b->s->slots[i].sibling) {
        const struct inn_slot *slot = &b->s->slots[i];

        if (slot->tensor.type == type && !slot->foreign &&
            (!plain || slot->layout == NULL))
            return i;
    }
    return -1;
}

int inn_build_find_rounded(const struct inn_builder *b, int v)
{
    int i;

    for (i = b->slot_of[v]; i >= 0; i = b->s->slots[i].sibling) {
        if (b->s->slots[i].tensor.type == INN_BF16 &&
            b->s->slots[i].layout != NULL && !b->s->slots[i].foreign)
            return i;
    }
    return -1;
}

/* A f32 slot of v in any layout, made from a rounded one if need be; or -1. */
static enum inn_status find_f32(struct inn_builder *b, int *slot, int v,
                                struct inn_error *err)
{
    int from;

    *slot = inn_build_find(b, v, INN_F32, false);
    if (*slot >= 0)
        return INN_OK;
    from = inn_build_find_rounded(b, v);
    return from >= 0 ? inn_dnnl_widen(b, slot, from, err) : INN_OK;
}

/* Gives a constant its slot when it is first asked for. */
static enum inn_status have_slot(struct inn_builder *b, int v,
                                 struct inn_error *err)
{
    const struct inn_tensor *t;
    int slot;

    if (b->slot_of[v] >= 0)
        return INN_OK;
    t = inn_constant(b->s->graph, &b->s->shapes, v);
    if (t == NULL)
        return inn_fail(err, INN_ERR_FORMAT,
                        "'%s' is read before anything computes it",
                        b->s->graph->values[v].name);
    return inn_build_slot(b, &slot, INN_SLOT_CONST, v, t, err);
}

/* A plain slot of another element type, from slot from. */
static enum inn_status convert(struct inn_builder *b, int *slot, int from,
                               enum inn_type type, struct inn_error *err)
{
    const struct inn_slot *old = &b->s->slots[from];
    enum inn_slot_kind kind = old->kind == INN_SLOT_CONST ? INN_SLOT_CONST
                                                          : INN_SLOT_BUFFER;
    int value = old->value, step;
    const void *data = old->tensor.data;
    enum inn_type from_type = old->tensor.type;
    struct inn_tensor t;
    enum inn_status st;

    st = inn_tensor_init(&t, type, old->tensor.rank, old->tensor.dims, err);
    if (st != INN_OK)
        return st;
    if (kind == INN_SLOT_CONST) {
        t.data = inn_arena_alloc(&b->s->arena, t.bytes, 1, err);
        if (t.data == NULL)
            return inn_refused(err);
        inn_convert_elements(t.data, type, data, from_type,
                             inn_tensor_count(&t));
        return inn_build_slot(b, slot, kind, value, &t, err);
    }
    st = inn_build_slot(b, slot, kind, value, &t, err);
    if (st != INN_OK)
        return st;
    st = inn_build_step(b, &step, INN_STEP_CONVERT, 1, 1, err);
    if (st != INN_OK)
        return st;
    b->s->steps[step].in[0] = from;
    b->s->steps[step].out[0] = *slot;
    return INN_OK;
}

/* A plain slot from a f32 one in any layout. */
static enum inn_status unlay(struct inn_builder *b, int *slot, int from,
                             struct inn_error *err)
{
    const struct inn_slot *old = &b->s->slots[from];
    struct inn_tensor t = old->tensor;

    if (inn_layout_is_plain(old->layout))
        return inn_build_alias(b, slot, from, old->value, &t, NULL, err);
    return inn_dnnl_to_plain(b, slot, from, err);
}

enum inn_status inn_build_plain(struct inn_builder *b, int *slot, int v,
                                enum inn_type type, struct inn_error *err)
{
    enum inn_status st;
    int from;

    *slot = -1;
    st = have_slot(b, v, err);
    if (st != INN_OK)
        return st;
    *slot = inn_build_find(b, v, type, true);
    if (*slot >= 0)
        return INN_OK;
    from = inn_build_find(b, v, INN_F32, true);
    if (from < 0) {
        st = find_f32(b, &from, v, err);
        if (st != INN_OK)
            return st;
        if (from >= 0) {
            st = unlay(b, &from, from, err);
            if (st != INN_OK)
                return st;
        } else {
            /* Its own type, which is always plain. */
            from = inn_build_find(
                b, v, inn_shapes_get(&b->s->shapes, v)->type, true);
        }
    }
    if (b->s->slots[from].tensor.type == type) {
        *slot = from;
        return INN_OK;
    }
    return convert(b, slot, from, type, err);
}

enum inn_status inn_build_any(struct inn_builder *b, int *slot, int v,
                              struct inn_error *err)
{
    enum inn_status st = have_slot(b, v, err);

    *slot = -1;
    if (st != INN_OK)
        return st;
    st = find_f32(b, slot, v, err);
    if (st != INN_OK || *slot >= 0)
        return st;
    return inn_build_plain(b, slot, v, INN_F32, err);
}

int inn_work_result(const struct inn_builder *b, int w, int n_post)
{
    const struct inn_work *host = &b->work[w];

    if (n_post != 0)
        host = &b->work[host->post[n_post - 1].work];
    return host->node->outputs[0];
}

bool inn_build_is_dead(const struct inn_builder *b, int slot)
{
    int home = b->s->slots[slot].home, i;

    if (b->s->slots[home].kind != INN_SLOT_BUFFER || b->s->keep_all)
        return false;
    for (i = 0; i < b->s->n_slots; i++) {
        const struct inn_slot *s = &b->s->slots[i];

        if (s->home == home && s->value >= 0 && b->remaining[s->value] > 0)
            return false;
    }
    return true;
}
