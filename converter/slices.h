/*
 * The channels of a group as rows of the weights it runs along, and what
 * these rows have in common.
 */
#ifndef INN_CONVERTER_SLICES_H
#define INN_CONVERTER_SLICES_H

#include "converter/order/order.h"
#include "runtime/grid/model.h"

/* The channels' slices of one weight: rows of len floats. */
struct inn_slices {
    float *rows; /* [n × len] */
    int64_t n, len;
};

/*
 * The axes that group g may lie on, by number k: from the model's index, or,
 * before there is one, all.
 */
static inline int inn_count_axes(const struct inn_model *model, int g)
{
    return model->axes_start == NULL
               ? model->n_axes
               : model->axes_start[g + 1] - model->axes_start[g];
}

static inline const struct inn_axis *inn_axis_of(const struct inn_model *model,
                                                 int g, int k)
{
    return &model->axes[model->axes_start == NULL
                            ? k : model->axes_of[model->axes_start[g] + k]];
}

/* Whether the axis is one of a weight that carries group g. */
bool inn_is_member(const struct inn_model *model, const struct inn_axis *axis,
                   int g);

/* The slices of all functions of the group on the axis. Memory from arena. */
enum inn_status inn_get_slices(struct inn_slices *slices,
                               const struct inn_model *model,
                               const struct inn_axis *axis, int g,
                               struct inn_arena *arena, struct inn_error *err);

/*
 * Adds Σ X Xᵀ of the weights that g runs along, each divided by the mean
 * square of its elements and by how many they are: all of them, or those
 * alone that make its channels.
 */
enum inn_status inn_slices_gram(struct inn_gram *gram,
                                const struct inn_model *model, int g,
                                bool makers, int threads,
                                struct inn_error *err);

#endif
