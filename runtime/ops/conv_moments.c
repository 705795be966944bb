/*
 * The column moments of Conv and ConvTranspose: weights and correlations of
 * taps for mix.c, and the table of the output from what it returns. Padding
 * is ignored: the position is an inner one.
 */
#include "runtime/ops/conv_shared.h"

/* Weights [taps × outputs × inputs]; NULL: no memory. */
static double *read_weight(struct inn_carry *c,
                           const struct inn_conv_shape *s)
{
    const struct inn_tensor *weight = c->in[1];
    size_t outputs = s->groups * s->outputs, o, i, t;
    double *to = inn_arena_alloc(c->scratch, inn_tensor_count(weight),
                                 sizeof(*to), c->err);

    for (o = 0; to != NULL && o < outputs; o++) {
        for (i = 0; i < s->inputs; i++) {
            size_t from = inn_conv_kernel(s, o, i);

            for (t = 0; t < s->taps; t++)
                to[(t * outputs + o) * s->inputs + i] =
                    inn_element_get(weight->type, weight->data, from + t);
        }
    }
    return to;
}

/* Zeros where there is none; NULL: no memory. */
static double *read_bias(struct inn_carry *c, size_t outputs)
{
    double *to = inn_arena_alloc(c->scratch, outputs, sizeof(*to), c->err);
    size_t o;

    if (to == NULL || !inn_carry_is_const(c, 2))
        return to;
    for (o = 0; o < outputs; o++)
        to[o] = inn_element_get(c->in[2]->type, c->in[2]->data, o);
    return to;
}

/* Correlations of what the taps of one output meet; NULL: no memory. */
static double *relate_taps(struct inn_carry *c,
                           const struct inn_conv_shape *s, double share)
{
    double *to = inn_arena_alloc(c->scratch, s->taps,
                                 s->taps * sizeof(*to), c->err);
    static const int64_t still[INN_MAX_RANK] = {0};
    size_t a, b;

    for (a = 0; to != NULL && a < s->taps; a++) {
        for (b = 0; b < s->taps; b++)
            to[a * s->taps + b] =
                share * s->kind->tap_r(&c->from[0], &s->w, a, b, still);
    }
    return to;
}

/* sum and, on top of it, Σ_tt' M_tt' r_tt'(lag). */
static double add_lag(double sum, const struct inn_field *x,
                      const struct inn_conv_shape *s, const double *pairs,
                      const int64_t lag[INN_MAX_RANK])
{
    size_t a, b;

    for (a = 0; a < s->taps; a++) {
        for (b = 0; b < s->taps; b++)
            sum += pairs[a * s->taps + b] *
                   s->kind->tap_r(x, &s->w, a, b, lag);
    }
    return sum;
}

/* r'(δ) = Σ_tt' M_tt' r_tt'(δ), δ and its mirror image, over the same at 0. */
static void fill_table(struct inn_law *law, const struct inn_field *f,
                       const struct inn_conv_shape *s, const double *pairs)
{
    int64_t lag[INN_MAX_RANK] = {0};
    double sum;
    int y, x, sign;

    for (y = 0; y <= INN_REACH; y++) {
        for (x = 0; x <= INN_REACH; x++) {
            for (sum = 0, sign = -1; sign < 2; sign += 2) {
                if (f->space[0] >= 0)
                    lag[f->space[0]] = y;
                if (f->space[1] >= 0)
                    lag[f->space[1]] = sign * x;
                sum = add_lag(sum, f, s, pairs, lag);
            }
            law->r[y][x] = sum;
        }
    }
    for (y = INN_REACH; y >= 0; y--) {
        for (x = INN_REACH; x >= 0; x--)
            law->r[y][x] = law->r[0][0] > 0 ? law->r[y][x] / law->r[0][0]
                                            : y + x == 0;
    }
}

enum inn_status inn_conv_law(struct inn_law **law, struct inn_carry *c,
                             const struct inn_conv_shape *s,
                             struct inn_mix *m)
{
    enum inn_status st;

    *law = NULL;
    m->groups = s->groups;
    m->outputs = s->groups * s->outputs;
    m->inputs = s->inputs;
    m->taps = s->taps;
    if (inn_mix_is_large(m) || m->taps > INN_MOST_TAPS)
        return INN_OK;
    m->weight = read_weight(c, s);
    m->bias = read_bias(c, m->outputs);
    m->relate = relate_taps(c, s, m->share);
    m->pairs = inn_arena_alloc(c->scratch, m->taps,
                               m->taps * sizeof(double), c->err);
    if (m->weight == NULL || m->bias == NULL || m->relate == NULL ||
        m->pairs == NULL)
        return inn_refused(c->err);
    st = inn_mix_law(law, c, c->from[0].law, m);
    if (st == INN_OK)
        fill_table(*law, &c->from[0], s, m->pairs);
    return st;
}
