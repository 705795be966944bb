/*
 * Kernels of our own for values in any order of axes: what moves elements,
 * sums, and element by element functions that oneDNN lacks. f32 only.
 */
#ifndef INN_EXEC_STRIDED_H
#define INN_EXEC_STRIDED_H

#include "runtime/exec/exec.h"

/* A box of elements from one side to the other, in loops from the outside. */
struct inn_copy {
    int in, out; /* indices of the step's slots */
    int n;
    int64_t in_at, out_at; /* in elements, as are the steps */
    int64_t count[INN_MAX_LOOPS];
    int64_t in_step[INN_MAX_LOOPS], out_step[INN_MAX_LOOPS];
};

struct inn_move_step {
    bool fill;
    float value;
    int n;
    struct inn_copy *copies;
};

/* Channel c of pixel p of picture n is at (n outer + p) as said below. */
struct inn_map_step {
    enum inn_map_kind kind;
    bool relu; /* of the result */
    float alpha, beta;
    const float *scale, *shift;
    /* Elements lie as [outer][channels][inner]. */
    size_t outer, channels, inner;
};

/* Axes as they lie in memory, slowest first, without gaps between them. */
struct inn_order {
    int n;
    int axis[INN_MAX_RANK];
};

/*
 * Some axes are taken together, as those of a sum: before and after of what
 * lies as x[outer][before][kept][after]. kept is 1 only where outer is, too.
 */
struct inn_turns {
    size_t outer, before, kept, after;
};

/* False where the axes take more turns than that. */
bool inn_turns_find(struct inn_turns *r, const struct inn_order *order,
                    const struct inn_tensor *t, const bool *together);

/* Orders and joins the loops of c so that memory is walked in order. */
void inn_copy_prepare(struct inn_copy *c);
void inn_copy_run(const struct inn_copy *c, float *out, const float *in,
                  int threads);
void inn_map_run(const struct inn_map_step *m, float *out, const float *in,
                 int threads);

/*
 * Adds the step of a work whose prim is a MOVE, MAP or PERMUTE; n_post as in
 * inn_dnnl_build. *done is false where its values lie in no order of axes.
 */
enum inn_status inn_build_move(struct inn_builder *b, int w, bool *done,
                               struct inn_error *err);
enum inn_status inn_build_map(struct inn_builder *b, int w, int n_post,
                              bool *done, struct inn_error *err);
enum inn_status inn_build_permute(struct inn_builder *b, int w, bool *done,
                                  struct inn_error *err);
enum inn_status inn_build_reduce(struct inn_builder *b, int w, bool *done,
                                 struct inn_error *err);
/* Value v in f32 in some order of axes. */
enum inn_status inn_build_ordered(struct inn_builder *b, int *slot, int v,
                                  struct inn_order *order,
                                  struct inn_error *err);
enum inn_status inn_build_norm(struct inn_builder *b, int w, bool *done,
                               struct inn_error *err);
enum inn_status inn_build_softmax(struct inn_builder *b, int w, bool *done,
                                  struct inn_error *err);
enum inn_status inn_build_zoom(struct inn_builder *b, int w, bool *done,
                               struct inn_error *err);
/* A new slot for v with its axes in that order. */
enum inn_status inn_build_in_order(struct inn_builder *b, int *slot, int v,
                                   const struct inn_order *order,
                                   struct inn_error *err);
/* A slot for v that lies as slot x does, in its place if x is dead. */
enum inn_status inn_build_same(struct inn_builder *b, int *slot, int x,
                               int v, struct inn_error *err);
/* The step of a work of ours that takes its input 0 from x and makes y. */
enum inn_status inn_build_own(struct inn_builder *b, int *step, int w, int x,
                              int y, inn_own_fn *own, const void *state,
                              struct inn_error *err);
void inn_run_move(struct inn_schedule *s, const struct inn_step *step);
void inn_run_map(struct inn_schedule *s, const struct inn_step *step);

#endif
