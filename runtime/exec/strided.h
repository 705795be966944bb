/*
 * Kernels of our own for values in any order of axes: what moves elements,
 * and element by element functions that oneDNN lacks. f32 only.
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
void inn_run_move(struct inn_schedule *s, const struct inn_step *step);
void inn_run_map(struct inn_schedule *s, const struct inn_step *step);

#endif
