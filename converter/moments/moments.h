/*
 * Moments of activations without data (fidelity sections 2 to 4): pictures
 * that we draw ourselves are pushed through the network, means, covariances
 * and spatial correlations are gathered at the input of every consumer; from
 * them come the nested order of every group and the factors that are stored.
 *
 *   interpret.c  the network node by node over a whole batch
 *   batchnorm.c  BatchNormalization standardised by the batch itself
 *   gather.c     moments at the inputs of consumers
 *   blend.c      moments of the user's own inputs over those of drawn ones
 *   propagate.c  moments by the operators' algebra, without inputs
 *   prior.c      what is known of variances and correlations beforehand
 *   metric.c     what an error of the input costs at the consumer's output
 *   nested.c     backward elimination
 *   factor.c     what is stored of it
 *   gain.c       how much of what that loses is given back
 *   moments.c    all of it, for a model
 */
#ifndef INN_CONVERTER_MOMENTS_H
#define INN_CONVERTER_MOMENTS_H

#include "runtime/exec/feed.h"
#include "runtime/grid/moments.h"

/*
 * A batch on its way, borrowed; in f32 whatever the network has. The values
 * of all pictures are joined along axis 0 (scalars become a vector).
 */
typedef enum inn_status inn_watch_fn(void *state, int value,
                                     const struct inn_tensor *tensor,
                                     struct inn_error *err);

/*
 * Runs graph (weights present, BatchNormalization not folded) on the samples
 * of feed from number first on, graph node by graph node over all of them;
 * watch sees the inputs, and every value of floats that the outputs depend
 * on, once it is computed. standardise: BatchNormalization whose stored
 * statistics are true (not constant over the channels) uses the batch's own
 * mean and variance.
 *
 * Where the values that are alive at once would pass 1 GiB only the first
 * half, quarter … of the samples is run: *ran says how many were, or will be
 * by the time watch is called. INN_ERR_UNSUPPORTED: the network can't be run
 * on these.
 */
enum inn_status inn_interpret(const struct inn_graph *graph,
                              const struct inn_feed *feed, int64_t first,
                              bool standardise, inn_watch_fn *watch,
                              void *state, int threads, int64_t *ran,
                              struct inn_error *err);

/* True unless some BatchNormalization's stored variance tells channels apart. */
bool inn_statistics_missing(const struct inn_graph *graph);

/* Most spatial distance in the table of correlations, each way. */
#define INN_TABLE 4

/* Moments of channels [n] of one activation's axis, before storing. */
struct inn_gathered {
    int value; /* of the graph that was run */
    int axis;
    int next;       /* the caller's: another of this value, or -1 */
    int64_t repeat; /* the caller's: elements of a channel side by side */
    int64_t n;      /* channels on the axis */
    int64_t count;  /* positions that were seen */
    double *mean;   /* [n] */
    double *cov;    /* [n × n] about the mean */
    /* r[|dy|][|dx|], shared by all channels: Cov(x(p), x(p+δ)) = r(δ) C. */
    double r[INN_TABLE + 1][INN_TABLE + 1];
    /* While sums are under way: what they are about, pairs per entry of r. */
    double *about;
    double pairs[INN_TABLE + 1][INN_TABLE + 1];
};

/*
 * Adds an activation, [batch, n, spatial…] or any other with its channels on
 * axis (axis 0 may hold them several times over), to g, whose sums live from
 * start to finish. Positions are subsampled to at most positions, one in each
 * of as many even strata. Products through BLAS in fixed tiles: the same bits
 * on any number of threads. finish: INN_ERR_UNSUPPORTED with fewer than two
 * positions. After a failed start there is nothing to free.
 */
enum inn_status inn_gather_start(struct inn_gathered *g, int value, int axis,
                                 int64_t n, struct inn_heap *heap,
                                 struct inn_error *err);
enum inn_status inn_gather_add(struct inn_gathered *g,
                               const struct inn_tensor *activation,
                               int64_t positions, int threads,
                               struct inn_heap *heap, struct inn_error *err);
enum inn_status inn_gather_finish(struct inn_gathered *g,
                                  struct inn_error *err);
void inn_gather_free(struct inn_gathered *g, struct inn_heap *heap);

/*
 * What was gathered of drawn inputs becomes that of real samples: means and
 * spatial correlations are real, variances and correlations of channels by
 * shares. For the rest variances are their mean, and correlations the drawn
 * ones; or none where drawn is false: *into holds nothing.
 *
 * real and other are of either half of the samples, whose difference says how
 * far each can be trusted; real becomes that of both. other NULL: there were
 * too few to halve, and the shares are samples/(samples + 24).
 */
void inn_blend_moments(struct inn_gathered *into, struct inn_gathered *real,
                       const struct inn_gathered *other, int64_t samples,
                       bool drawn);

/* One consumer of a group, as the elimination sees it. Borrowed. */
struct inn_eliminate {
    const double *cov;    /* [N × N] at its input */
    const double *metric; /* [N × N] Q: tr(Q Cov(e)) is the output's error */
};

/*
 * Backward elimination (fidelity section 3; Q already divided by tr(QC)):
 * nested[N] gets the channels, the most wanted first, error[n-1] the
 * summed relative error with n kept. Blocked: N = 2048 takes seconds on two
 * cores. Ties go to the lower index; same bits on any number of threads.
 */
enum inn_status inn_eliminate_backward(int64_t *nested, float *error,
                                       const struct inn_eliminate *consumers,
                                       int n_consumers, int64_t n, double rho,
                                       int threads, struct inn_heap *heap,
                                       struct inn_error *err);

/*
 * Mean, deviations and the packed factor in nested order of R + λI; where
 * that is not positive definite (rounding), λ grows until it is.
 * Memory for m from arena.
 */
enum inn_status inn_factor_moments(struct inn_moments *m, const double *mean,
                                   const double *cov, const int64_t *nested,
                                   int64_t n, double lambda,
                                   struct inn_arena *arena,
                                   struct inn_error *err);

/*
 * Q of a convolution or product for its input's channels: Σ_j w_j V_jᵀ V_j
 * from the taps' spatial correlations (fidelity sections 2 and 3). weight:
 * [outputs × n × taps] with taps over kernel[0] × kernel[1] (1 × 1 for
 * products). out_scale [outputs] multiplies each output's row (γ/σ of a
 * BatchNormalization behind it), or NULL. metric: [n × n], added to.
 */
enum inn_status inn_consumer_metric(double *metric, const double *weight,
                                    int64_t outputs, int64_t n,
                                    const int64_t kernel[2],
                                    const int64_t dilation[2],
                                    const double *out_scale,
                                    const struct inn_gathered *input,
                                    int threads, struct inn_heap *heap,
                                    struct inn_error *err);

/* Where moments come from, but for what the user's own inputs tell. */
enum inn_moments_source {
    INN_MOMENTS_DRAWN,      /* propagated where drawn inputs can't be run */
    INN_MOMENTS_PROPAGATED,
    /*
     * Drawn, correlations in part propagated where BatchNormalization has
     * true statistics; without them deep layers know nothing of themselves.
     */
    INN_MOMENTS_BLEND
};

struct inn_moments_options {
    enum inn_moments_source source;
    int64_t pictures; /* how many to draw; 0: by size, 192 at 224 × 224 */
    const struct inn_feed *real; /* the user's own inputs; or NULL */
    uint64_t seed;
    int threads;
    void (*progress)(void *state, const char *phase, int i, int n);
    void *progress_state;
};

/* What came of it. */
struct inn_moments_report {
    int groups;     /* without moments */
    char why[512];  /* the reason, where it is the network's */
    char from[256]; /* what was measured on: "192 drawn pictures 3x224x224 …" */
};

/*
 * Fills nested orders, moments and consumers of model from graph: the network
 * as read, before folding, whose value names are the model's. Groups whose
 * moments fail (no variance, NaN, inputs that can't be run) keep none: report
 * says how many and why.
 */
enum inn_status inn_make_moments(struct inn_model *model,
                                 const struct inn_graph *graph,
                                 const struct inn_moments_options *options,
                                 struct inn_moments_report *report,
                                 struct inn_error *err);

#endif
