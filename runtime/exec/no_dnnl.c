/*
 * In place of dnnl*.c where oneDNN was left out: there is no engine, so no
 * graph node is ever offered to it, and no layout but the plain one.
 */
#include "runtime/base/error.h"
#include "runtime/exec/dnnl_exec.h"

bool inn_tune_is_foreign(const char *path)
{
    (void)path;
    return false;
}

enum inn_status inn_dnnl_keep(struct inn_dnnl *dnnl, struct inn_error *err)
{
    (void)dnnl;
    (void)err;
    return INN_OK;
}

enum inn_status inn_dnnl_new(struct inn_dnnl **dnnl, const char *tune,
                             struct inn_heap *heap, struct inn_error *err)
{
    (void)tune;
    (void)heap;
    (void)err;
    *dnnl = NULL;
    return INN_OK;
}

void inn_dnnl_free(struct inn_dnnl *dnnl)
{
    (void)dnnl;
}

enum inn_status inn_dnnl_build(struct inn_builder *b, int w, int n_post,
                               bool *done, struct inn_error *err)
{
    (void)b;
    (void)w;
    (void)n_post;
    (void)err;
    *done = false;
    return INN_OK;
}

enum inn_status inn_dnnl_to_plain(struct inn_builder *b, int *slot, int from,
                                  struct inn_error *err)
{
    (void)b;
    *slot = -1;
    return inn_fail(err, INN_ERR_UNSUPPORTED,
                    "slot %d has a layout, without oneDNN", from);
}

enum inn_status inn_dnnl_widen(struct inn_builder *b, int *slot, int from,
                               struct inn_error *err)
{
    return inn_dnnl_to_plain(b, slot, from, err);
}

bool inn_dnnl_has_bf16(void)
{
    return false;
}

bool inn_layout_is_plain(const struct inn_layout *layout)
{
    return layout == NULL;
}

bool inn_slot_strides(const struct inn_slot *slot,
                      int64_t strides[INN_MAX_RANK])
{
    int64_t step = 1;
    int i;

    for (i = slot->tensor.rank; i-- > 0; step *= slot->tensor.dims[i])
        strides[i] = step;
    return true;
}

enum inn_status inn_layout_strided(struct inn_builder *b, int slot,
                                   const int64_t *strides,
                                   struct inn_error *err)
{
    (void)b;
    (void)strides;
    return inn_fail(err, INN_ERR_UNSUPPORTED,
                    "slot %d has a layout, without oneDNN", slot);
}

enum inn_status inn_layout_channels_last(struct inn_builder *b, int slot,
                                         struct inn_error *err)
{
    return inn_layout_strided(b, slot, NULL, err);
}

enum inn_status inn_dnnl_bind(struct inn_schedule *s, struct inn_error *err)
{
    (void)s;
    (void)err;
    return INN_OK;
}

enum inn_status inn_dnnl_move(struct inn_schedule *s, int slot,
                              struct inn_error *err)
{
    (void)s;
    (void)slot;
    (void)err;
    return INN_OK;
}

enum inn_status inn_dnnl_run(struct inn_schedule *s,
                             const struct inn_step *step,
                             struct inn_error *err)
{
    (void)s;
    (void)step;
    return inn_fail(err, INN_ERR_UNSUPPORTED, "a oneDNN step without oneDNN");
}

void inn_dnnl_prim_free(struct inn_dnnl_prim *prim)
{
    (void)prim;
}

void inn_dnnl_memory_free(struct inn_dnnl_memory *memory)
{
    (void)memory;
}
