/*
 * The functions that rows of registry.c name, by family. What each column
 * means stands in op.h; functions shared by many rows are in common.h.
 */
#ifndef INN_OPS_ROWS_H
#define INN_OPS_ROWS_H

#include "runtime/ops/op.h"

/* activation.c */
inn_infer_fn inn_infer_clip, inn_infer_prelu;
inn_couple_fn inn_couple_prelu;
inn_run_fn inn_run_clip, inn_run_hard_sigmoid, inn_run_hard_swish,
    inn_run_leaky_relu, inn_run_prelu, inn_run_relu, inn_run_sigmoid,
    inn_run_tanh;
inn_lower_fn inn_lower_clip, inn_lower_hard_swish, inn_lower_leaky_relu,
    inn_lower_relu, inn_lower_sigmoid, inn_lower_tanh;

#endif
