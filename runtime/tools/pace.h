/*
 * --ms: how long a network takes at widths nobody has run. Every layer is
 * timed at several widths, on this machine and with these threads, and what
 * it takes at others is read off a law fitted to that.
 */
#ifndef INN_TOOLS_PACE_H
#define INN_TOOLS_PACE_H

#include "runtime/grid/plan.h"

struct inn_pacer;

/*
 * Times model, which it borrows, at inputs of these sizes (borrowed too) on
 * so many threads: seconds of work. own. As inn_session_run where the network
 * can't be run.
 */
enum inn_status inn_pacer_new(struct inn_pacer **pacer,
                              const struct inn_model *model,
                              const struct inn_binding *bindings,
                              size_t n_bindings, int threads,
                              struct inn_error *err);
void inn_pacer_free(struct inn_pacer *pacer);

/*
 * The plan for request, whose budget becomes ms: made by the law, then run;
 * where that takes too long, or less than it may, made again by what was
 * learnt. plan->took_ms is what a run takes that nothing disturbs, at most ms.
 * INN_ERR_RANGE: no widths that take so little.
 */
enum inn_status inn_pacer_plan(struct inn_plan *plan,
                               const struct inn_pacer *pacer,
                               const struct inn_width_request *request,
                               double ms, struct inn_error *err);

/* Nanoseconds at widths by the law alone. */
enum inn_status inn_pacer_estimate(int64_t *ns, const struct inn_pacer *pacer,
                                   const int64_t *widths,
                                   struct inn_error *err);

/*
 * Coefficients x >= 0 of a law t = Σ_k x[k] f[k] with the least sum of
 * squared errors relative to t > 0, over n samples f[n][INN_PACE_TERMS].
 */
#define INN_PACE_TERMS 3
void inn_pace_fit(double x[INN_PACE_TERMS],
                  const double (*f)[INN_PACE_TERMS], const double *t, int n);

#endif
