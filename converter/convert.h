/*
 * From an ONNX file to an integral network: read, fold, find groups, order
 * channels, fit grids. Writing the result is runtime/file's.
 */
#ifndef INN_CONVERTER_CONVERT_H
#define INN_CONVERTER_CONVERT_H

#include "converter/groups/groups.h"
#include "converter/moments/judge.h"
#include "converter/moments/moments.h"
#include "runtime/graph/onnx.h"
#include "runtime/grid/model.h"
#include "runtime/pictures/prep.h"

struct inn_calibration; /* calibration.h */

struct inn_convert_options {
    enum inn_kernel kernel;
    enum inn_edge edge;
    double nodes; /* R: M = max(4, ceil(R·N)); 0 or 1: M = N */
    bool keep_bn;
    bool order; /* false: keep the network's own order (--dry-run) */
    bool moments;     /* nested orders and least-squares quadratures */
    enum inn_moments_source moments_source;
    int64_t pictures; /* drawn for the moments; 0: by their size */
    uint64_t seed;    /* of the pictures */
    const struct inn_calibration *calibration; /* or NULL: nothing but them */
    int64_t keep_inputs; /* of its samples stored in the file at most */
    struct inn_group_options groups;
    struct inn_onnx_options onnx;
    /*
     * Sizes for what the network leaves open, asked for once it is read;
     * borrowed until inn_convert returns. May be NULL.
     */
    enum inn_status (*bind)(void *state, const struct inn_graph *graph,
                            struct inn_binding **bindings, size_t *n,
                            struct inn_error *err);
    void *bind_state;
    /* How pictures enter; preset INN_N_PRESETS: auto. NULL: nothing said. */
    const struct inn_prep_options *prep;
    bool judge; /* look whether the network and prep fit each other */
    const char *options; /* as the user gave them, for the file's meta */
    int threads;
    /* Called before item i of n of a phase; may be NULL. */
    void (*progress)(void *state, const char *phase, int i, int n);
    void *progress_state;
};

/* What the file held, before and after folding. */
struct inn_convert_report {
    int nodes_read, nodes_kept, folded;
    int64_t params_read, params, params_free;
    struct inn_moments_report moments;
    struct inn_judgement judgement;
    char warning[INN_VERDICT_TEXT]; /* what looks wrong in it; or empty */
    char chosen[INN_VERDICT_TEXT];  /* what --prep auto chose; or empty */
    const char *sizes; /* that were guessed, in words; the model's, or NULL */
    const char *blame; /* whose failure it is, if not the network's */
};

/*
 * The integral network of the ONNX file at path; own, inn_model_free. Its
 * grids are computed when they are asked for, so weights are held once.
 * INN_ERR_UNSUPPORTED where a weight on a free axis is not finite.
 */
enum inn_status inn_convert(struct inn_model **model,
                            struct inn_convert_report *report,
                            const char *path,
                            const struct inn_convert_options *options,
                            struct inn_heap *heap, struct inn_error *err);

/*
 * Resizes the groups and infers shapes: *bad is the first group with which
 * some axis does not come out as long as it should (a shape computed in a way
 * no row foresaw), and *why says where; -1 where all is well. why: [len].
 */
enum inn_status inn_verify_groups(const struct inn_model *model, int *bad,
                                  char *why, size_t len,
                                  struct inn_error *err);

/*
 * Features of group g's channels: each weight the group runs along, divided
 * by the root mean square of its elements and by the square root of the
 * number of weights (fidelity: order); then the tour. Fills order and
 * variations.
 */
enum inn_status inn_order_group(struct inn_model *model, int g, int threads,
                                struct inn_error *err);

/* Fills l1_rank of group g (model.h). */
enum inn_status inn_rank_group(struct inn_model *model, int g,
                               struct inn_error *err);

/* Both for every group, on o->threads threads; ranks alone without o->order. */
enum inn_status inn_order_groups(struct inn_model *model,
                                 const struct inn_convert_options *o,
                                 struct inn_error *err);

/*
 * Lists the model's weights with their grids: nodes in the groups' order.
 * Where M = N they are permuted when loaded, else fitted here.
 */
enum inn_status inn_make_grids(struct inn_model *model,
                               struct inn_error *err);

#endif
