/*
 * Rows of what is linear in its weight, gathered by plain loops over channels
 * and taps, and weights as matrices.
 */
#include "runtime/refit/linear.h"

#include "runtime/ops/window.h"

/* An output position's place along each of three axes. */
static void place(int64_t at[INN_MAX_SPATIAL], const struct inn_window *w,
                  size_t position)
{
    int i;

    for (i = INN_MAX_SPATIAL - 1; i >= 0; i--) {
        at[i] = (int64_t)(position % (size_t)w->out[i]);
        position /= (size_t)w->out[i];
    }
}

/* Where tap lies on axis of the input; -1 in the padding, or between. */
static int64_t tap_at(const struct inn_linear *l, int axis, int64_t at,
                      int64_t tap)
{
    const struct inn_window *w = &l->window;
    int64_t to;

    if (l->kind == INN_LINEAR_CONV) {
        to = at * w->stride[axis] - w->pad_begin[axis] +
             tap * w->dilation[axis];
    } else {
        to = at + w->pad_begin[axis] - tap * w->dilation[axis];
        if (to < 0 || to % w->stride[axis] != 0)
            return -1;
        to /= w->stride[axis];
    }
    return to < l->source[axis] ? to : -1;
}

/* The row of one position of a convolution. */
static void conv_row(const struct inn_linear *l, float *row, const float *x,
                     size_t part, size_t position)
{
    const struct inn_window *w = &l->window;
    const float *plane = x + (position / l->to.inner * l->from.channels +
                              part * l->inputs) * l->from.inner;
    int64_t at[INN_MAX_SPATIAL], a, b, c, y, z, u;
    size_t tap = 0, i;

    place(at, w, position % l->to.inner);
    for (a = 0; a < w->kernel[0]; a++) {
        z = tap_at(l, 0, at[0], a);
        for (b = 0; b < w->kernel[1]; b++) {
            y = tap_at(l, 1, at[1], b);
            for (c = 0; c < w->kernel[2]; c++, tap++) {
                const float *from;

                u = tap_at(l, 2, at[2], c);
                if (z < 0 || y < 0 || u < 0) {
                    for (i = 0; i < l->inputs; i++)
                        row[i * l->taps + tap] = 0.0f;
                    continue;
                }
                from = plane + (z * l->source[1] + y) * l->source[2] + u;
                for (i = 0; i < l->inputs; i++)
                    row[i * l->taps + tap] = from[i * l->from.inner];
            }
        }
    }
}

static void product_row(const struct inn_linear *l, float *row,
                        const float *x, size_t position)
{
    const struct inn_linear_side *s = &l->from;
    const float *from = x + position / s->inner * s->channels * s->inner +
                        position % s->inner;
    size_t i;

    for (i = 0; i < l->inputs; i++)
        row[i] = from[i * s->inner];
}

void inn_linear_rows(const struct inn_linear *l, float *rows, size_t step,
                     const float *x, size_t part, const size_t *positions,
                     size_t n)
{
    size_t i;

    for (i = 0; i < n; i++, rows += step) {
        if (l->kind == INN_LINEAR_PRODUCT)
            product_row(l, rows, x, positions[i]);
        else
            conv_row(l, rows, x, part, positions[i]);
        rows[inn_linear_unknowns(l)] = 1.0f;
    }
}

void inn_linear_outputs(const struct inn_linear *l, float *values,
                        size_t step, const float *y, size_t part,
                        const size_t *positions, size_t n)
{
    const struct inn_linear_side *s = &l->to;
    size_t i, o;

    for (i = 0; i < n; i++, values += step) {
        const float *from = y + (positions[i] / s->inner * s->channels +
                                 part * l->outputs) * s->inner +
                            positions[i] % s->inner;

        for (o = 0; o < l->outputs; o++)
            values[o] = from[o * s->inner];
    }
}

/* The element of the weight that output o has for unknown u. */
static size_t element(const struct inn_linear *l, size_t part, size_t o,
                      size_t u)
{
    return part * l->part_step + o * l->output_step +
           u / l->taps * l->input_step + u % l->taps;
}

static double get(const struct inn_tensor *t, size_t i)
{
    double value;

    inn_convert_elements(&value, INN_F64, (const char *)t->data +
                         i * inn_type_size(t->type), t->type, 1);
    return value;
}

static void put(struct inn_tensor *t, size_t i, double value)
{
    inn_convert_elements((char *)t->data + i * inn_type_size(t->type),
                         t->type, &value, INN_F64, 1);
}

void inn_linear_get(const struct inn_linear *l, double *w,
                    const struct inn_tensor *weight,
                    const struct inn_tensor *bias, size_t part)
{
    size_t n = inn_linear_unknowns(l), o, u;

    for (o = 0; o < l->outputs; o++, w += n + 1) {
        for (u = 0; u < n; u++)
            w[u] = l->weight_scale * get(weight, element(l, part, o, u));
        w[n] = bias == NULL ? 0.0
                            : l->bias_scale * get(bias, part * l->outputs + o);
    }
}

void inn_linear_put(const struct inn_linear *l, const double *w,
                    struct inn_tensor *weight, struct inn_tensor *bias,
                    size_t part)
{
    size_t n = inn_linear_unknowns(l), o, u;

    for (o = 0; o < l->outputs; o++, w += n + 1) {
        for (u = 0; u < n; u++)
            put(weight, element(l, part, o, u), w[u] / l->weight_scale);
        if (bias != NULL)
            put(bias, part * l->outputs + o, w[n] / l->bias_scale);
    }
}
