/*
 * What exec asks of oneDNN. Nobody else sees its types. Without oneDNN,
 * no_dnnl.c stands in and everything goes by reference kernels.
 *
 * All of it must be called with the session's threads in use
 * (inn_workers_enter): primitives are made for a thread count.
 */
#ifndef INN_EXEC_DNNL_EXEC_H
#define INN_EXEC_DNNL_EXEC_H

#include "runtime/exec/exec.h"

/*
 * Engine and stream; own. *dnnl is NULL where oneDNN was left out. tune: a
 * file of measured choices, or NULL for none.
 */
enum inn_status inn_dnnl_new(struct inn_dnnl **dnnl, const char *tune,
                             struct inn_heap *heap, struct inn_error *err);
void inn_dnnl_free(struct inn_dnnl *dnnl);
/* Writes choices that were measured since; dnnl may be NULL. */
enum inn_status inn_dnnl_keep(struct inn_dnnl *dnnl, struct inn_error *err);

/*
 * Adds steps that compute b->work[w] with its first n_post absorbed works.
 * *done is false, and nothing was added that matters, where oneDNN can't.
 */
enum inn_status inn_dnnl_build(struct inn_builder *b, int w, int n_post,
                               bool *done, struct inn_error *err);

/* Adds a plain f32 slot of value v, from its slot from. */
enum inn_status inn_dnnl_to_plain(struct inn_builder *b, int *slot, int from,
                                  struct inn_error *err);

/* Adds a f32 slot of the same value and order from a rounded one. */
enum inn_status inn_dnnl_widen(struct inn_builder *b, int *slot, int from,
                               struct inn_error *err);

/* Whether oneDNN has kernels for bf16 on this processor. */
bool inn_dnnl_has_bf16(void);

/* Whether the bytes in the layout are the plain tensor's. */
bool inn_layout_is_plain(const struct inn_layout *layout);
/* By axis, in elements; false where an axis lies in blocks. */
bool inn_slot_strides(const struct inn_slot *slot,
                      int64_t strides[INN_MAX_RANK]);
/* Gives a new slot these strides; all its memory must be in use. */
enum inn_status inn_layout_strided(struct inn_builder *b, int slot,
                                   const int64_t *strides,
                                   struct inn_error *err);
enum inn_status inn_layout_channels_last(struct inn_builder *b, int slot,
                                         struct inn_error *err);

/* Once all slots have their memory: handles to it for every primitive. */
enum inn_status inn_dnnl_bind(struct inn_schedule *s, struct inn_error *err);
/* Tells oneDNN the present address of an input slot. */
enum inn_status inn_dnnl_move(struct inn_schedule *s, int slot,
                              struct inn_error *err);
enum inn_status inn_dnnl_run(struct inn_schedule *s,
                             const struct inn_step *step,
                             struct inn_error *err);

void inn_dnnl_prim_free(struct inn_dnnl_prim *prim);
void inn_dnnl_memory_free(struct inn_dnnl_memory *memory);

#endif
