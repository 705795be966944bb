/*
 * A convolution between the files that build it: dnnl_conv.c, which puts it
 * in oneDNN's words, dnnl_choose.c, which measures ways to compute it,
 * dnnl_winograd.c, which has one of our own, and dnnl_subpixel.c for transposed
 * ones.
 */
#ifndef INN_EXEC_DNNL_CONV_H
#define INN_EXEC_DNNL_CONV_H

#include "runtime/exec/dnnl_priv.h"
#include "runtime/exec/winograd.h"

struct inn_conv {
    int x, weight, bias; /* values; bias -1 */
    int rank;            /* of x */
    int groups_axis;     /* 1 where weights have an axis of groups */
    bool transposed;
    dnnl_alg_kind_t algorithm;
    const char *impl;      /* oneDNN's name of it; NULL: its first choice */
    dnnl_data_type_t type; /* of source and weights */
    bool last;             /* the result: f32, channels last */
    dnnl_dims_t wdims;   /* groups, outputs, inputs, taps */
    dnnl_dims_t wsteps;  /* where they lie in the network's weights */
    dnnl_dims_t stride, dilation, pad_begin, pad_end;
    struct inn_dst dst;
    struct inn_args args; /* of the post-ops */
};

/* oneDNN's words for c with n_post operations after it; ops own. */
struct inn_conv_words {
    dnnl_convolution_desc_t op;
    dnnl_post_ops_t ops; /* NULL: sizes it doesn't take */
};

/* With all layouts left open. */
enum inn_status inn_conv_put(struct inn_builder *b, int w, int n_post,
                             struct inn_conv *c, struct inn_conv_words *to,
                             struct inn_error *err);
/* The primitive; desc->pd NULL where there is none. */
enum inn_status inn_conv_describe(struct inn_builder *b, int w, int n_post,
                                  struct inn_conv *c, struct inn_desc *desc,
                                  struct inn_error *err);

/* What computes a convolution. */
enum inn_conv_way {
    INN_WAY_DNNL,
    INN_WAY_OURS, /* winograd.c */
    INN_WAY_APART /* the last operation should get a pass of its own */
};

/*
 * By the file of measured choices, or by new trials. *way comes as what is
 * taken where nothing is measured; OURS: then wino may be tried. For DNNL, c
 * and desc become the fastest that oneDNN has.
 */
enum inn_status inn_conv_choose(struct inn_builder *b, int w, int n_post,
                                struct inn_conv *c, struct inn_desc *desc,
                                const struct inn_wino *wino,
                                enum inn_conv_way *way,
                                struct inn_error *err);

/* Whether our kernel takes work w with n_post absorbed ones; *wino has how. */
bool inn_winograd_takes(struct inn_builder *b, int w, int n_post,
                        struct inn_wino *wino);
/* The step for what it takes. */
enum inn_status inn_winograd_build(struct inn_builder *b, int w, int n_post,
                                   const struct inn_wino *wino,
                                   struct inn_error *err);
/* As inn_tune_time, for that step. */
enum inn_status inn_winograd_time(struct inn_builder *b,
                                  const struct inn_wino *wino,
                                  const dnnl_memory_desc_t *have, int64_t *ns,
                                  struct inn_error *err);

/*
 * dnnl_subpixel.c: a transposed convolution as a plain one; *done as in
 * inn_dnnl_build. *fewer: it goes with fewer of the works behind it.
 */
enum inn_status inn_subpixel_build(struct inn_builder *b, int w, int n_post,
                                   bool *done, bool *fewer,
                                   struct inn_error *err);

#endif
