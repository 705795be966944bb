/*
 * What Conv and ConvTranspose share: checks of operands, coupling, resize,
 * the reference kernel's loop over outputs (conv_shared.c), and moments
 * (conv_moments.c). They differ in which axis of the weight makes outputs and
 * in where a tap reaches; struct inn_conv_kind says so, one in each file.
 */
#ifndef INN_OPS_CONV_SHARED_H
#define INN_OPS_CONV_SHARED_H

#include "runtime/ops/common.h"
#include "runtime/ops/moments.h"
#include "runtime/ops/window.h"

/* Outputs of a row that are summed side by side. */
#define INN_CONV_TILE 256

/* n outputs of row at, z and y, from column first on, while they are summed. */
struct inn_conv_tile {
    const struct inn_window *w; /* of three axes */
    const int64_t *in;          /* lengths of the input's three axes */
    int64_t at[2], first, n;
    double sums[INN_CONV_TILE];
};

/* Adds one input channel x, through its kernel. */
typedef void inn_conv_add_fn(struct inn_conv_tile *tile, const float *x,
                             const float *kernel);

/*
 * Correlation of what tap a of an output meets with what tap b of the output
 * lag away does; 0 where they never meet anything at once.
 */
typedef double inn_conv_tap_r_fn(const struct inn_field *x,
                                 const struct inn_window *w, size_t a,
                                 size_t b, const int64_t lag[INN_MAX_RANK]);

/* inn_window_resolve or inn_window_spread. */
typedef enum inn_status inn_conv_window_fn(struct inn_window *w,
                                           const struct inn_node *node,
                                           int rank, const int64_t *in,
                                           const int64_t *kernel,
                                           struct inn_error *err);

struct inn_conv_kind {
    enum inn_prim_kind prim;
    /*
     * The weight's axis of outputs, 0 or 1; the other one is of inputs. Axis
     * 0 goes over all groups, axis 1 over the channels of one.
     */
    int output_axis;
    const char *computed; /* why all is pinned if the weight is no constant */
    inn_conv_window_fn *window;
    inn_conv_add_fn *add;
    inn_conv_tap_r_fn *tap_r;
};

/* A graph node at its shapes. */
struct inn_conv_shape {
    const struct inn_conv_kind *kind;
    struct inn_window w;
    size_t groups, inputs, outputs; /* inputs and outputs of one group */
    size_t taps;                    /* of a kernel */
    /* Kernels in the weight from one output, and input, to the next. */
    size_t by_output, by_input;
};

/* in: x and weight, which infer has checked. Fails as kind->window does. */
enum inn_status inn_conv_shape_read(struct inn_conv_shape *s,
                                    const struct inn_conv_kind *kind,
                                    const struct inn_node *node,
                                    const struct inn_tensor *const *in,
                                    struct inn_error *err);

/* Where the weight has the kernel from input i of its group to output o. */
static inline size_t inn_conv_kernel(const struct inn_conv_shape *s,
                                     size_t o, size_t i)
{
    size_t group = o / s->outputs;

    return (group * s->outputs * s->inputs + o % s->outputs * s->by_output +
            i * s->by_input) * s->taps;
}

/*
 * infer in two steps, between which a kind checks channels: arity, types,
 * ranks and group; then bias, window and the output itself.
 */
enum inn_status inn_conv_check_operands(const struct inn_infer *c);
enum inn_status inn_conv_infer_out(struct inn_infer *c,
                                   const struct inn_conv_kind *kind,
                                   int64_t outputs);

enum inn_status inn_conv_couple(struct inn_couple *c,
                                const struct inn_conv_kind *kind);
enum inn_status inn_conv_run(struct inn_run *c,
                             const struct inn_conv_kind *kind);
bool inn_conv_lower(const struct inn_infer *c, struct inn_prim *prim,
                    const struct inn_conv_kind *kind);

/*
 * The law of the output, with its table, away from borders; takes m->share
 * and fills the rest of m, whose bias is always there. NULL with INN_OK: it
 * would take too long.
 */
enum inn_status inn_conv_law(struct inn_law **law, struct inn_carry *c,
                             const struct inn_conv_shape *s,
                             struct inn_mix *m);

#endif
