/*
 * One layer's least squares: its weights and biases are chosen anew, in
 * closed form, for what the cut network itself feeds it.
 */
#ifndef INN_REFIT_FIT_H
#define INN_REFIT_FIT_H

#include "runtime/refit/layers.h"

/* What a layer is fitted to (task.h). Borrowed but for place and ways. */
struct inn_refit_task {
    const struct inn_refit_layer *layer;
    size_t samples;
    const float *x;        /* [samples] the cut network's own input */
    const float *aim;      /* [samples] of the full network */
    const float *shortcut; /* [samples] of the cut network; or NULL */
    const float *y;        /* [samples] the layer's own */
    const int64_t *kept;   /* [channels of y] in the full one; NULL: all */
    struct inn_linear_side full; /* how y lies in the full network */
    size_t full_elements;        /* of one sample's y there */
    /* [elements of y] in the full one, where other axes are cut too. */
    uint32_t *place; /* NULL: by kept and full */
    struct inn_trace way, full_way; /* from y to the aim, in either */
    /*
     * Where the layer's output is re-standardised before it goes on: what
     * becomes gain y + offset, by its own channels. NULL: as it is.
     */
    const double *gain, *offset;
};

struct inn_refit_settings {
    double ridge;      /* least strength, of the inputs' variances */
    double per_row;    /* strength by unknowns per independent row */
    double floor;      /* share of the mean variance in each one's own */
    size_t rows;       /* at most, per unknown */
    int rounds;        /* beyond the first, where flat parts count as met */
};
extern const struct inn_refit_settings inn_refit_defaults;

/* A layer under way: its normal equations. */
struct inn_refit_fit;

/*
 * Gathers a layer's rows and solves for weights near those it has:
 *   min Σ |T − s − W [x; 1]|² / rows + tr (W − W₀) Λ (W − W₀)ᵀ
 * T the aim, s the shortcut, Λ = strength (diag Var x + floor mean Var x).
 * Where constant factors a and summands b lie between, (T − s − b) / a in
 * place of T − s; where a is next to nothing, what the layer gives already.
 * weight and bias get the result; where there is none, since sums aren't
 * finite, they stay. fit: own, kept for inn_refit_again.
 */
enum inn_status inn_refit_solve(struct inn_refit_fit **fit,
                                const struct inn_refit_task *task,
                                const struct inn_refit_settings *settings,
                                struct inn_tensor *weight,
                                struct inn_tensor *bias, int threads,
                                struct inn_heap *heap,
                                struct inn_error *err);

/*
 * Once more, now that task->y is what the layer gives: targets in a flat
 * part of the function behind become what is there already.
 */
enum inn_status inn_refit_again(struct inn_refit_fit *fit,
                                const struct inn_refit_task *task,
                                struct inn_tensor *weight,
                                struct inn_tensor *bias, int threads,
                                struct inn_error *err);
void inn_refit_fit_free(struct inn_refit_fit *fit);

#endif
