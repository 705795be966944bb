/* What a layer is fitted to, read off two networks that walk side by side. */
#ifndef INN_REFIT_TASK_H
#define INN_REFIT_TASK_H

#include "runtime/exec/interpreter.h"
#include "runtime/grid/kept.h"
#include "runtime/refit/fit.h"
#include "runtime/refit/standard.h"

/* All borrowed. */
struct inn_refit_sides {
    const struct inn_graph *cut, *full;
    const struct inn_interpreter *narrow, *wide; /* of cut and full */
    const struct inn_kept *kept;
    const struct inn_standard *standards; /* [full->n_values] */
    struct inn_arena *arena; /* for lists that the task borrows */
};

/*
 * The layer's input, output, shortcut and aim must be alive. *known is false
 * where nothing says which elements of the full network its output's are.
 * inn_refit_task_free after success and after failure.
 */
enum inn_status inn_refit_task_new(struct inn_refit_task *task, bool *known,
                                   const struct inn_refit_layer *layer,
                                   const struct inn_refit_sides *sides,
                                   struct inn_error *err);
void inn_refit_task_free(struct inn_refit_task *task, struct inn_heap *heap);

#endif
