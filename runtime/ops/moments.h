/*
 * The registry's column `moments`: mean and covariance of an operator's
 * outputs from those of its inputs (fidelity section 2). What is known of a
 * tensor is a field: a law of its channels, and where in the tensor channels
 * and positions lie. An operator without the column, or whose function leaves
 * an output alone, ends the propagation there.
 *
 *   law.c      laws and fields: memory, tables, views, sums
 *   hermite.c  functions of one channel at a time
 *   mix.c      weighted sums over channels and taps
 */
#ifndef INN_OPS_MOMENTS_H
#define INN_OPS_MOMENTS_H

#include "runtime/ops/op.h"

/* Channels beyond which a covariance says too little for its size. */
#define INN_MOST_LAW 8192
/* Taps of a kernel: their correlations are a matrix. */
#define INN_MOST_TAPS 1024
/* Most distance in a table of spatial correlations, each way. */
#define INN_REACH 8
/* Correlation that is left per step beyond any such table. */
#define INN_BEYOND 0.93
/* Points at which a function of a normal variable is known. */
#define INN_POINTS 63

/*
 * Channels that share one spatial correlation: Cov(x(p), x(p + δ)) =
 * r(δ) cov. Counted: held by fields and by laws that are functions of it.
 */
struct inn_law {
    size_t holders;
    int64_t n;    /* channels */
    double *mean; /* [n] */
    double *cov;  /* [n × n] about the mean, symmetric */
    /* By |dy| and |dx|, signs alike; r[0][0] is 1. */
    double r[INN_REACH + 1][INN_REACH + 1];
    /*
     * Channel i is a function of channel i of root, which is normal, and
     * points[k × n + i] is its value at root's mean + x_k deviations, x_k
     * the points of Gauss and Hermite. NULL: taken to be normal itself.
     * is_normal: the function is affine.
     */
    struct inn_law *root;
    float *points;
    bool is_normal;
};

/* A tensor as a random field. */
struct inn_field {
    struct inn_law *law; /* NULL: nothing is known */
    unsigned channels;   /* the set of axes; row-major over them */
    /* Axes along which r counts dy and dx; -1: none. */
    int space[2];
    /*
     * A map that was flattened behind its channels: each has so many
     * neighbours on the axis, rows of plane[1]. Otherwise 1; then plane[1]
     * > 1 says that axis space[1] has the rows of a map one behind another.
     */
    int64_t repeat, plane[2];
};

/*
 * c [m × n] += a [m × k] b, where b is [k × n], or [n × k] if transposed.
 * lower: what is above the diagonal may be left alone. The bits must not
 * depend on threads.
 */
struct inn_product {
    double *c;
    const double *a, *b;
    size_t m, n, k, ldc, lda, ldb;
    bool transposed, lower;
};
typedef void inn_product_fn(const struct inn_product *p, int threads);

/* Plain loops, for those who have no BLAS. */
void inn_product_plain(const struct inn_product *p, int threads);

/* What the function of a row sees. */
struct inn_carry {
    const struct inn_node *node;
    const struct inn_op *op;
    const struct inn_tensor *const *in;  /* [n_in]; data where constant */
    const struct inn_tensor *const *out; /* [n_out], NULL where unknown */
    const struct inn_field *from;        /* [n_in] */
    struct inn_field *to; /* [n_out], all unknown; own what is put there */
    int n_in, n_out;
    /* BatchNormalization: its statistics are true, start afresh from them. */
    bool standardise;
    inn_product_fn *product;
    int threads;
    struct inn_heap *heap;     /* of laws */
    struct inn_arena *scratch; /* freed after the call */
    struct inn_error *err;
};

/*
 * A row's function (inn_moments_fn) fills what it can of to. Not knowing is
 * no failure: INN_OK, and the output left alone. It fails for lack of memory
 * only, or as the row's infer would. What came out as NaN or infinite is
 * thrown away by the caller.
 */

/* ---------------------------------------------------------------- law.c */

/*
 * Zeroes, r all 0 but at its beginning; one holder. NULL with err filled: no
 * memory, or INN_ERR_LIMIT beyond INN_MOST_LAW channels.
 */
struct inn_law *inn_law_new(int64_t n, struct inn_heap *heap,
                            struct inn_error *err);
struct inn_law *inn_law_hold(struct inn_law *law);
/* NULL is fine. */
void inn_law_drop(struct inn_law *law, struct inn_heap *heap);

/* r at any distance: beyond the table the nearest entry × 0.93 per step. */
double inn_law_r(const struct inn_law *law, int64_t dy, int64_t dx);
/* The same between the table's entries. */
double inn_law_r_between(const struct inn_law *law, double dy, double dx);
/* r where a stride of y and x is taken. */
void inn_law_stride(struct inn_law *law, const struct inn_law *from,
                    int64_t y, int64_t x);
void inn_law_mirror(struct inn_law *law); /* lower triangle to upper */
/* scale[i] x + shift[i]; afresh: what comes out counts as normal. */
struct inn_law *inn_law_affine(const struct inn_law *from,
                               const double *scale, const double *shift,
                               bool afresh, struct inn_heap *heap,
                               struct inn_error *err);
/* Channel i is channel at[i] of from; normal. */
struct inn_law *inn_law_pick(const struct inn_law *from, const int64_t *at,
                             int64_t n, struct inn_heap *heap,
                             struct inn_error *err);

/* The one axis of channels, or -1 where they lie on several. */
int inn_field_axis(const struct inn_field *f);
/* Positions of tensor t beside the channels, in each of its batch. */
int64_t inn_field_positions(const struct inn_field *f,
                            const struct inn_tensor *t);
/* Correlation between two places of the tensor that differ by lag[rank]. */
double inn_field_r(const struct inn_field *f, const int64_t *lag, int rank);
/* Output j is as field from, with law instead of its own; takes law. */
void inn_carry_put(struct inn_carry *c, int j, struct inn_law *law,
                   const struct inn_field *like);
/* Output j is input i. */
enum inn_status inn_carry_view(struct inn_carry *c, int j, int i);
/* Whether input i is a constant of numbers. */
bool inn_carry_is_const(const struct inn_carry *c, int i);
/* Whether c may be a convolution: known channels at axis 1, constant weights. */
bool inn_carry_is_conv(const struct inn_carry *c);
/*
 * Constant t as it meets each channel of like in a tensor of rank axes,
 * averaged over positions: [n] in scratch. NULL with st INN_OK: does not fit.
 */
enum inn_status inn_carry_constant(struct inn_carry *c, double **values,
                                   const struct inn_tensor *t,
                                   const struct inn_field *like, int rank);
/* Σ weight[i] x_i of independent fields and constants to output 0. */
enum inn_status inn_carry_sum(struct inn_carry *c, const double *weight);
/* like, moved to a tensor with more axes in front. */
struct inn_field inn_field_shift(const struct inn_field *f, int by);
/* Whether channels lie alike, so that laws may be joined. */
bool inn_field_alike(const struct inn_field *a, const struct inn_field *b);

/* ------------------------------------------------------------ hermite.c */

/*
 * Output 0 is a function of its inputs element by element: of fields that
 * have one root, and constants. Through the row's own run at all points.
 */
inn_moments_fn inn_moments_elementwise;
/* Points x_k and weights of the unit normal. */
void inn_hermite_points(double x[INN_POINTS], double weight[INN_POINTS]);
/*
 * The law of a function of root: its values at the points, [INN_POINTS × n],
 * taken over; NULL with err filled: no memory, and points is freed.
 */
struct inn_law *inn_hermite_law(struct inn_law *root, float *points,
                                int threads, struct inn_heap *heap,
                                struct inn_error *err);
/* max(x, 0) in closed form; law is normal. */
struct inn_law *inn_hermite_relu(struct inn_law *law, int threads,
                                 struct inn_heap *heap,
                                 struct inn_error *err);

/* ---------------------------------------------------------------- mix.c */

/*
 * y_o = Σ_t Σ_i W[t][o][i] x_{g(o), i}(p + o_t) + bias: outputs and inputs
 * of groups that see their own channels only.
 */
struct inn_mix {
    size_t taps, outputs, inputs, groups; /* inputs: of one group */
    const double *weight; /* [taps × outputs × inputs] */
    double *relate;       /* [taps × taps] correlation of taps; destroyed */
    const double *bias;   /* [outputs], or NULL */
    double share;         /* of the taps that one position meets */
    double *pairs; /* [taps × taps] gets tr(W_t C W_t'ᵀ); or NULL */
};

/*
 * *law: mean and covariance of y, a new one (NULL on failure). Its table of
 * correlations is the caller's to fill in.
 */
enum inn_status inn_mix_law(struct inn_law **law, struct inn_carry *c,
                            const struct inn_law *from,
                            struct inn_mix *mix);

/* Whether it takes too long: more than some hundred Gmul. */
bool inn_mix_is_large(const struct inn_mix *mix);

/* --------------------------------------------------------------- pool.c */

/* Mean correlation of two positions of the map t. */
double inn_pool_mean_r(const struct inn_field *f, const struct inn_tensor *t);

#endif
