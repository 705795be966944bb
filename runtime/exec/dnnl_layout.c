/*
 * Layouts: memory descriptors, when two of them mean the same bytes, and
 * bringing a value from one to another.
 */
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/exec/dnnl_priv.h"

enum inn_status inn_md_strided(dnnl_memory_desc_t *md, int ndims,
                               const int64_t *dims, const int64_t *strides,
                               struct inn_error *err)
{
    dnnl_dims_t all_dims = {0}, all_strides = {0};
    dnnl_status_t ds;
    int i;

    for (i = 0; i < ndims; i++) {
        all_dims[i] = dims[i];
        all_strides[i] = strides[i];
    }
    ds = dnnl_memory_desc_init_by_strides(md, ndims, all_dims, dnnl_f32,
                                          all_strides);
    if (ds != dnnl_success)
        return inn_dnnl_fail(err, "describing memory", ds);
    return INN_OK;
}

enum inn_status inn_md_plain(dnnl_memory_desc_t *md, int ndims,
                             const int64_t *dims, struct inn_error *err)
{
    dnnl_dims_t strides = {0}, one = {1};
    int64_t stride = 1;
    int i;

    if (ndims == 0) {
        dims = one;
        ndims = 1;
    }
    for (i = ndims - 1; i >= 0; i--) {
        strides[i] = stride;
        stride *= dims[i];
    }
    return inn_md_strided(md, ndims, dims, strides, err);
}

enum inn_status inn_md_any(dnnl_memory_desc_t *md, int ndims,
                           const int64_t *dims, dnnl_data_type_t type,
                           struct inn_error *err)
{
    dnnl_status_t ds = dnnl_memory_desc_init_by_tag(md, ndims, dims, type,
                                                    dnnl_format_tag_any);

    if (ds != dnnl_success)
        return inn_dnnl_fail(err, "describing memory", ds);
    return INN_OK;
}

enum inn_status inn_md_of_slot(const struct inn_builder *b, int slot,
                               dnnl_memory_desc_t *md, struct inn_error *err)
{
    const struct inn_slot *s = &b->s->slots[slot];

    if (s->layout == NULL)
        return inn_md_plain(md, s->tensor.rank, s->tensor.dims, err);
    *md = s->layout->md;
    return INN_OK;
}

/* A run of elements of one axis at a fixed distance. */
struct piece {
    int64_t size, stride;
};

/*
 * One axis as pieces from the inside out: inner blocks, then the outer run;
 * those of size 1 left out, those that continue each other joined.
 */
static int axis_pieces(const dnnl_memory_desc_t *md, int axis,
                       struct piece pieces[DNNL_MAX_NDIMS + 1])
{
    const dnnl_blocking_desc_t *blk = &md->format_desc.blocking;
    int64_t inner = 1, all = 1;
    int n = 0, i;

    for (i = blk->inner_nblks; i-- > 0;) {
        if (blk->inner_idxs[i] == axis) {
            if (blk->inner_blks[i] != 1) {
                pieces[n].size = blk->inner_blks[i];
                pieces[n++].stride = inner;
            }
            all *= blk->inner_blks[i];
        }
        inner *= blk->inner_blks[i];
    }
    if (md->padded_dims[axis] / all != 1) {
        pieces[n].size = md->padded_dims[axis] / all;
        pieces[n++].stride = blk->strides[axis];
    }
    for (i = 0; i + 1 < n;) {
        if (pieces[i + 1].stride == pieces[i].size * pieces[i].stride) {
            pieces[i].size *= pieces[i + 1].size;
            memmove(&pieces[i + 1], &pieces[i + 2],
                    (size_t)(n - i - 2) * sizeof(*pieces));
            n--;
        } else {
            i++;
        }
    }
    return n;
}

bool inn_md_same_bytes(const dnnl_memory_desc_t *a,
                       const dnnl_memory_desc_t *b)
{
    struct piece pa[DNNL_MAX_NDIMS + 1], pb[DNNL_MAX_NDIMS + 1];
    int axis, na, nb, i;

    if (dnnl_memory_desc_equal(a, b))
        return true;
    if (a->ndims != b->ndims || a->data_type != b->data_type ||
        a->offset0 != b->offset0 || a->format_kind != dnnl_blocked ||
        b->format_kind != dnnl_blocked || a->extra.flags != 0 ||
        b->extra.flags != 0)
        return false;
    for (axis = 0; axis < a->ndims; axis++) {
        if (a->dims[axis] != b->dims[axis] ||
            a->padded_dims[axis] != b->padded_dims[axis])
            return false;
        na = axis_pieces(a, axis, pa);
        nb = axis_pieces(b, axis, pb);
        if (na != nb)
            return false;
        for (i = 0; i < na; i++) {
            if (pa[i].size != pb[i].size || pa[i].stride != pb[i].stride)
                return false;
        }
    }
    return true;
}

bool inn_layout_is_plain(const struct inn_layout *layout)
{
    dnnl_memory_desc_t plain;

    if (layout == NULL)
        return true;
    return inn_md_plain(&plain, layout->md.ndims, layout->md.dims, NULL) ==
               INN_OK &&
           inn_md_same_bytes(&layout->md, &plain);
}

/* Gives slot a layout; plain ones are NULL, so that they are found as such. */
static enum inn_status set_layout(struct inn_builder *b, int slot,
                                  const dnnl_memory_desc_t *md,
                                  struct inn_error *err)
{
    struct inn_slot *s = &b->s->slots[slot];
    struct inn_layout *layout;
    dnnl_memory_desc_t plain;
    enum inn_status st;

    st = inn_md_plain(&plain, s->tensor.rank, s->tensor.dims, err);
    if (st != INN_OK)
        return st;
    s->bytes = dnnl_memory_desc_get_size(md);
    s->foreign = md->ndims != plain.ndims;
    s->layout = NULL;
    if (dnnl_memory_desc_equal(md, &plain))
        return INN_OK;
    layout = inn_arena_alloc(&b->s->arena, 1, sizeof(*layout), err);
    if (layout == NULL)
        return inn_refused(err);
    layout->md = *md;
    s->layout = layout;
    return INN_OK;
}

bool inn_slot_strides(const struct inn_slot *slot,
                      int64_t strides[INN_MAX_RANK])
{
    const struct inn_tensor *t = &slot->tensor;
    const dnnl_blocking_desc_t *blk;
    int64_t step = 1;
    int i;

    if (slot->layout == NULL) {
        for (i = t->rank; i-- > 0; step *= t->dims[i])
            strides[i] = step;
        return true;
    }
    blk = &slot->layout->md.format_desc.blocking;
    if (slot->foreign || slot->layout->md.format_kind != dnnl_blocked ||
        blk->inner_nblks != 0 || slot->layout->md.ndims != t->rank)
        return false;
    for (i = 0; i < t->rank; i++)
        strides[i] = blk->strides[i];
    return true;
}

enum inn_status inn_layout_strided(struct inn_builder *b, int slot,
                                   const int64_t *strides,
                                   struct inn_error *err)
{
    const struct inn_tensor *t = &b->s->slots[slot].tensor;
    dnnl_memory_desc_t md;
    enum inn_status st;

    if (t->rank == 0)
        return INN_OK;
    st = inn_md_strided(&md, t->rank, t->dims, strides, err);
    return st == INN_OK ? set_layout(b, slot, &md, err) : st;
}

enum inn_status inn_layout_channels_last(struct inn_builder *b, int slot,
                                         struct inn_error *err)
{
    const struct inn_tensor *t = &b->s->slots[slot].tensor;
    int64_t strides[INN_MAX_RANK], step = t->dims[1];
    int i;

    strides[1] = 1;
    for (i = t->rank; i-- > 2; step *= t->dims[i])
        strides[i] = step;
    strides[0] = step;
    return inn_layout_strided(b, slot, strides, err);
}

static enum inn_type slot_type(const dnnl_memory_desc_t *md)
{
    return md->data_type == dnnl_bf16 ? INN_BF16 : INN_F32;
}

static enum inn_status view_as(struct inn_builder *b, int *slot, int of,
                               int value, const dnnl_memory_desc_t *md,
                               struct inn_error *err)
{
    struct inn_tensor t = b->s->slots[of].tensor;
    enum inn_status st;

    st = inn_build_alias(b, slot, of, value, &t, NULL, err);
    return st == INN_OK ? set_layout(b, *slot, md, err) : st;
}

enum inn_status inn_dnnl_view(struct inn_builder *b, int *slot, int of,
                              const dnnl_memory_desc_t *md,
                              struct inn_error *err)
{
    return view_as(b, slot, of, -1, md, err);
}

enum inn_status inn_dnnl_out(struct inn_builder *b, int *slot, int v,
                             const dnnl_memory_desc_t *md, int over,
                             struct inn_error *err)
{
    const struct inn_tensor *known = inn_shapes_get(&b->s->shapes, v);
    struct inn_tensor t;
    enum inn_status st;

    st = inn_tensor_init(&t, slot_type(md), known->rank, known->dims, err);
    if (st != INN_OK)
        return st;
    if (over >= 0)
        st = inn_build_alias(b, slot, over, v, &t, NULL, err);
    else
        st = inn_build_slot(b, slot, INN_SLOT_BUFFER, v, &t, err);
    return st == INN_OK ? set_layout(b, *slot, md, err) : st;
}

/* Does a reorder of constants at once. */
static enum inn_status reorder_now(struct inn_dnnl *d,
                                   const_dnnl_primitive_desc_t pd,
                                   const dnnl_memory_desc_t *from,
                                   void *from_data,
                                   const dnnl_memory_desc_t *to, void *to_data,
                                   struct inn_error *err)
{
    dnnl_memory_t a = NULL, z = NULL;
    dnnl_primitive_t primitive = NULL;
    dnnl_exec_arg_t args[2];
    dnnl_status_t ds;

    ds = dnnl_primitive_create(&primitive, pd);
    if (ds == dnnl_success)
        ds = dnnl_memory_create(&a, from, d->engine, from_data);
    if (ds == dnnl_success)
        ds = dnnl_memory_create(&z, to, d->engine, to_data);
    if (ds == dnnl_success) {
        args[0].arg = DNNL_ARG_FROM;
        args[0].memory = a;
        args[1].arg = DNNL_ARG_TO;
        args[1].memory = z;
        ds = dnnl_primitive_execute(primitive, d->stream, 2, args);
    }
    if (ds == dnnl_success)
        ds = dnnl_stream_wait(d->stream);
    if (z != NULL)
        dnnl_memory_destroy(z);
    if (a != NULL)
        dnnl_memory_destroy(a);
    if (primitive != NULL)
        dnnl_primitive_destroy(primitive);
    if (ds != dnnl_success)
        return inn_dnnl_fail(err, "reordering a constant", ds);
    return INN_OK;
}

/* The new slot of a reorder: with its data at once for a constant. */
static enum inn_status reorder_slot(struct inn_builder *b, int *slot,
                                    int from, const dnnl_memory_desc_t *want,
                                    int value, struct inn_error *err)
{
    struct inn_tensor old = b->s->slots[from].tensor, t;
    bool constant = b->s->slots[from].kind == INN_SLOT_CONST;
    enum inn_status st;

    st = inn_tensor_init(&t, slot_type(want), old.rank, old.dims, err);
    if (st != INN_OK)
        return st;

    if (constant) {
        t.data = inn_arena_alloc(&b->s->arena, dnnl_memory_desc_get_size(want),
                                 1, err);
        if (t.data == NULL)
            return inn_refused(err);
    }
    st = inn_build_slot(b, slot, constant ? INN_SLOT_CONST : INN_SLOT_BUFFER,
                        value, &t, err);
    return st == INN_OK ? set_layout(b, *slot, want, err) : st;
}

enum inn_status inn_dnnl_reorder(struct inn_builder *b, int *slot, int from,
                                 const dnnl_memory_desc_t *want, int value,
                                 struct inn_error *err)
{
    struct inn_dnnl *d = b->s->dnnl;
    struct inn_desc desc = {NULL, false};
    struct inn_args args = {0};
    dnnl_primitive_attr_t attr = NULL;
    dnnl_memory_desc_t have, to = *want;
    enum inn_status st;
    dnnl_status_t ds;

    st = inn_dnnl_room(err);
    if (st == INN_OK)
        st = inn_md_of_slot(b, from, &have, err);
    if (st == INN_OK)
        st = reorder_slot(b, slot, from, &to, value, err);
    if (st != INN_OK)
        return st;
    ds = dnnl_primitive_attr_create(&attr);
    if (ds == dnnl_success && b->s->slots[from].kind != INN_SLOT_CONST)
        ds = dnnl_primitive_attr_set_scratchpad_mode(
            attr, dnnl_scratchpad_mode_user);
    if (ds == dnnl_success)
        ds = dnnl_reorder_primitive_desc_create(
            &desc.pd, &have, d->engine, &to, d->engine, attr);
    if (ds != dnnl_success) {
        desc.pd = NULL;
        st = inn_dnnl_fail(err, "describing a reorder", ds);
    } else if (b->s->slots[from].kind == INN_SLOT_CONST) {
        st = reorder_now(d, desc.pd, &have, b->s->slots[from].tensor.data, &to,
                         b->s->slots[*slot].tensor.data, err);
    } else {
        inn_args_add(&args, DNNL_ARG_FROM, from, false);
        inn_args_add(&args, DNNL_ARG_TO, *slot, true);
        st = inn_dnnl_step(b, &desc, &args, NULL, err);
    }
    inn_desc_free(&desc);
    if (attr != NULL)
        dnnl_primitive_attr_destroy(attr);
    return st;
}

int inn_dnnl_find(struct inn_builder *b, int v,
                  const dnnl_memory_desc_t *want)
{
    dnnl_memory_desc_t md;
    int i;

    for (i = b->slot_of[v]; i >= 0; i = b->s->slots[i].sibling) {
        const struct inn_slot *s = &b->s->slots[i];

        if ((s->tensor.type == INN_F32 || s->layout != NULL) &&
            inn_md_of_slot(b, i, &md, NULL) == INN_OK &&
            inn_md_same_bytes(&md, want))
            return i;
    }
    return -1;
}

enum inn_status inn_dnnl_have(struct inn_builder *b, int *slot, int v,
                              const dnnl_memory_desc_t *want,
                              const dnnl_memory_desc_t *plain_as,
                              struct inn_error *err)
{
    dnnl_memory_desc_t md, to = *want;
    enum inn_status st;
    int from;

    *slot = inn_dnnl_find(b, v, &to);
    if (*slot >= 0) {
        st = inn_md_of_slot(b, *slot, &md, err);
        if (st != INN_OK || dnnl_memory_desc_equal(&md, &to))
            return st;
        return view_as(b, slot, *slot, v, &to, err);
    }
    if (plain_as == NULL) {
        from = to.data_type == dnnl_bf16 ? inn_build_find_rounded(b, v) : -1;
        st = from >= 0 ? INN_OK : inn_build_any(b, &from, v, err);
        if (st != INN_OK)
            return st;
        /* Its first slot may be what is wanted. */
        *slot = inn_dnnl_find(b, v, &to);
        if (*slot >= 0)
            return inn_dnnl_have(b, slot, v, &to, NULL, err);
        return inn_dnnl_reorder(b, slot, from, &to, v, err);
    }
    st = inn_build_plain(b, &from, v, INN_F32, err);
    if (st != INN_OK)
        return st;
    if (inn_md_same_bytes(plain_as, &to))
        return view_as(b, slot, from, v, &to, err);
    st = inn_dnnl_view(b, &from, from, plain_as, err);
    if (st != INN_OK)
        return st;
    return inn_dnnl_reorder(b, slot, from, &to, v, err);
}

enum inn_status inn_dnnl_have_alone(struct inn_builder *b, int *slot, int v,
                                    const dnnl_memory_desc_t *want,
                                    const dnnl_memory_desc_t *plain_as,
                                    struct inn_error *err)
{
    dnnl_memory_desc_t to = *want;
    enum inn_status st;
    int from;

    st = inn_build_plain(b, &from, v, INN_F32, err);
    if (st == INN_OK)
        st = inn_dnnl_view(b, &from, from, plain_as, err);
    *slot = from;
    if (st != INN_OK || inn_md_same_bytes(plain_as, &to))
        return st;
    return inn_dnnl_reorder(b, slot, from, &to, -1, err);
}

enum inn_status inn_dnnl_to_plain(struct inn_builder *b, int *slot, int from,
                                  struct inn_error *err)
{
    const struct inn_slot *s = &b->s->slots[from];
    dnnl_memory_desc_t plain;
    enum inn_status st;

    st = inn_md_plain(&plain, s->tensor.rank, s->tensor.dims, err);
    if (st != INN_OK)
        return st;
    return inn_dnnl_reorder(b, slot, from, &plain, s->value, err);
}

enum inn_status inn_dnnl_widen(struct inn_builder *b, int *slot, int from,
                               struct inn_error *err)
{
    dnnl_memory_desc_t md = b->s->slots[from].layout->md;

    md.data_type = dnnl_f32;
    return inn_dnnl_reorder(b, slot, from, &md, b->s->slots[from].value, err);
}
