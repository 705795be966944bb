/*
 * The functions that rows of registry.c name, by family. What each column
 * means stands in op.h; functions shared by many rows are in common.h.
 */
#ifndef INN_OPS_ROWS_H
#define INN_OPS_ROWS_H

#include "runtime/ops/op.h"

/* activation.c */
inn_infer_fn inn_infer_clip, inn_infer_gelu, inn_infer_prelu;
inn_couple_fn inn_couple_prelu;
inn_moments_fn inn_moments_relu;
inn_run_fn inn_run_celu, inn_run_clip, inn_run_elu, inn_run_gelu,
    inn_run_hard_sigmoid, inn_run_hard_swish, inn_run_leaky_relu,
    inn_run_mish, inn_run_prelu, inn_run_relu, inn_run_selu,
    inn_run_sigmoid, inn_run_softplus, inn_run_softsign, inn_run_tanh,
    inn_run_thresholded_relu;
inn_lower_fn inn_lower_clip, inn_lower_elu, inn_lower_gelu,
    inn_lower_hard_sigmoid, inn_lower_hard_swish, inn_lower_leaky_relu,
    inn_lower_mish, inn_lower_prelu, inn_lower_relu, inn_lower_sigmoid,
    inn_lower_softplus, inn_lower_tanh;

/* along.c */
inn_infer_fn inn_infer_arg, inn_infer_cumsum;
inn_couple_fn inn_couple_arg, inn_couple_cumsum;
inn_run_fn inn_run_arg, inn_run_cumsum;

/* binary.c */
inn_infer_fn inn_infer_binary;
inn_couple_fn inn_couple_binary;
inn_moments_fn inn_moments_binary;
inn_run_fn inn_run_binary;
inn_lower_fn inn_lower_binary, inn_lower_pow;

/* concat.c */
inn_infer_fn inn_infer_concat, inn_infer_split;
inn_couple_fn inn_couple_concat, inn_couple_split;
inn_resize_fn inn_resize_split;
inn_moments_fn inn_moments_concat, inn_moments_split;
inn_run_fn inn_run_concat, inn_run_split;
inn_lower_fn inn_lower_concat, inn_lower_split;

/* constant.c */
inn_infer_fn inn_infer_constant, inn_infer_constant_of_shape,
    inn_infer_range, inn_infer_shape, inn_infer_size;
inn_couple_fn inn_couple_nothing;
inn_run_fn inn_run_constant, inn_run_constant_of_shape, inn_run_range,
    inn_run_shape, inn_run_size;

/* conv.c */
inn_infer_fn inn_infer_conv;
inn_couple_fn inn_couple_conv;
inn_moments_fn inn_moments_conv;
inn_run_fn inn_run_conv;
inn_lower_fn inn_lower_conv;

/* conv_shared.c */
inn_resize_fn inn_resize_conv;

/* conv_transpose.c */
inn_infer_fn inn_infer_conv_transpose;
inn_couple_fn inn_couple_conv_transpose;
inn_moments_fn inn_moments_conv_transpose;
inn_run_fn inn_run_conv_transpose;
inn_lower_fn inn_lower_conv_transpose;

/* depth.c */
inn_infer_fn inn_infer_depth;
inn_couple_fn inn_couple_depth;
inn_moments_fn inn_moments_depth;
inn_run_fn inn_run_depth;
inn_lower_fn inn_lower_depth;

/* expand.c */
inn_infer_fn inn_infer_expand, inn_infer_tile;
inn_couple_fn inn_couple_expand, inn_couple_tile;
inn_resize_fn inn_resize_expand;
inn_run_fn inn_run_expand, inn_run_tile;

/* gather.c */
inn_infer_fn inn_infer_gather;
inn_couple_fn inn_couple_gather;
inn_resize_fn inn_resize_gather;
inn_moments_fn inn_moments_gather;
inn_run_fn inn_run_gather;

/* identity.c */
inn_infer_fn inn_infer_cast, inn_infer_dropout;
inn_couple_fn inn_couple_dropout;
inn_moments_fn inn_moments_same;
inn_run_fn inn_run_cast, inn_run_dropout;
inn_lower_fn inn_lower_dropout;

/* layer_norm.c */
inn_infer_fn inn_infer_group_norm, inn_infer_instance_norm,
    inn_infer_layer_norm;
inn_couple_fn inn_couple_group_norm, inn_couple_instance_norm,
    inn_couple_layer_norm;
inn_resize_fn inn_resize_group_norm;
inn_moments_fn inn_moments_group_norm, inn_moments_instance_norm,
    inn_moments_layer_norm;
inn_run_fn inn_run_group_norm, inn_run_instance_norm, inn_run_layer_norm;
inn_lower_fn inn_lower_instance_norm;

/* lrn.c */
inn_infer_fn inn_infer_lrn;
inn_couple_fn inn_couple_lrn;
inn_moments_fn inn_moments_lrn;
inn_run_fn inn_run_lrn;

/* image_resize.c, image_resize_run.c */
inn_infer_fn inn_infer_image_resize;
inn_couple_fn inn_couple_image_resize;
inn_resize_fn inn_resize_image_resize;
inn_moments_fn inn_moments_image_resize;
inn_run_fn inn_run_image_resize;
inn_lower_fn inn_lower_image_resize;

/* matmul.c */
inn_infer_fn inn_infer_gemm, inn_infer_matmul;
inn_couple_fn inn_couple_gemm, inn_couple_matmul;
inn_moments_fn inn_moments_gemm, inn_moments_matmul;
inn_run_fn inn_run_gemm, inn_run_matmul;
inn_lower_fn inn_lower_gemm, inn_lower_matmul;

/* norm.c */
inn_infer_fn inn_infer_batchnorm;
inn_couple_fn inn_couple_batchnorm;
inn_moments_fn inn_moments_batchnorm;
inn_run_fn inn_run_batchnorm;
inn_lower_fn inn_lower_batchnorm;

/* pad.c */
inn_infer_fn inn_infer_pad;
inn_couple_fn inn_couple_pad;
inn_resize_fn inn_resize_pad;
inn_moments_fn inn_moments_pad;
inn_run_fn inn_run_pad;
inn_lower_fn inn_lower_pad;

/* pool.c */
inn_infer_fn inn_infer_average_pool, inn_infer_global_pool,
    inn_infer_max_pool;
inn_couple_fn inn_couple_pool;
inn_moments_fn inn_moments_average_pool, inn_moments_global_pool,
    inn_moments_max_pool;
inn_run_fn inn_run_average_pool, inn_run_global_average_pool,
    inn_run_global_max_pool, inn_run_max_pool;
inn_lower_fn inn_lower_average_pool, inn_lower_global_average_pool,
    inn_lower_global_max_pool, inn_lower_max_pool;

/* reduce.c */
inn_infer_fn inn_infer_reduce;
inn_couple_fn inn_couple_reduce;
inn_moments_fn inn_moments_reduce;
inn_run_fn inn_run_reduce;
inn_lower_fn inn_lower_reduce;

/* reshape.c */
inn_infer_fn inn_infer_flatten, inn_infer_reshape, inn_infer_squeeze,
    inn_infer_unsqueeze;
inn_couple_fn inn_couple_reshape, inn_couple_squeeze;
inn_resize_fn inn_resize_reshape;
inn_moments_fn inn_moments_reshape;

/* slice.c */
inn_infer_fn inn_infer_slice;
inn_couple_fn inn_couple_slice;
inn_resize_fn inn_resize_slice;
inn_moments_fn inn_moments_slice;
inn_run_fn inn_run_slice;
inn_lower_fn inn_lower_slice;

/* softmax.c */
inn_infer_fn inn_infer_softmax;
inn_couple_fn inn_couple_softmax;
inn_run_fn inn_run_hardmax, inn_run_log_softmax, inn_run_softmax;
inn_lower_fn inn_lower_softmax;

/* transpose.c */
inn_infer_fn inn_infer_transpose;
inn_couple_fn inn_couple_transpose;
inn_moments_fn inn_moments_transpose;
inn_run_fn inn_run_transpose;
inn_lower_fn inn_lower_transpose;

/* unary.c */
inn_infer_fn inn_infer_unary;
inn_run_fn inn_run_unary;
inn_lower_fn inn_lower_unary;

/* variadic.c */
inn_infer_fn inn_infer_variadic, inn_infer_where;
inn_couple_fn inn_couple_variadic;
inn_moments_fn inn_moments_variadic;
inn_run_fn inn_run_variadic, inn_run_where;
inn_lower_fn inn_lower_sum;

#endif
