/*
 * Opening whatever a user may name, .inn or .onnx, and making of it a graph
 * that runs: the one place where that is decided, so that both kinds give
 * the same bits.
 */
#ifndef INN_TOOLS_NETWORK_H
#define INN_TOOLS_NETWORK_H

#include "runtime/exec/session.h"
#include "runtime/refit/source.h"
#include "runtime/tools/sampling.h"

struct inn_network {
    const char *path;
    struct inn_heap *heap;
    struct inn_model *model; /* of an .inn; NULL otherwise */
    struct inn_graph *graph; /* of an .onnx, or sampled; may be NULL */
    struct inn_plan plan;    /* of the sampled graph */
    /*
     * Sizes of all inputs, which everything is counted at and made up in: the
     * user's; else those in the .inn, whose model has the same ones; else
     * what inn_sizes_solve found. In arena.
     */
    struct inn_binding *bindings;
    size_t n_bindings;
    bool given;          /* the user said some */
    const char *assumed; /* which were guessed, in words, or NULL */
    const char *unfit;   /* where none fit: what was tried, and why not */
    enum inn_refit_source refit; /* what follows sampling: plans suit it */
    bool refitted; /* the sampled graph, which may have got biases */
    struct inn_pacer *pacer; /* once --ms was asked for, with these threads */
    int pacer_threads;
    struct inn_arena arena;
};

/*
 * Reads path. On failure the message is without the path; net may and must
 * be freed in any case.
 */
enum inn_status inn_network_open(struct inn_network *net,
                                 const struct inn_cli *cli, const char *path,
                                 struct inn_error *err);
void inn_network_free(struct inn_network *net);

/* Says on stderr which sizes were guessed, where any were. */
void inn_network_note_sizes(const struct inn_cli *cli,
                            const struct inn_network *net);

/* INN_ERR_FORMAT, and why, where no sizes are known that the network takes. */
enum inn_status inn_network_check_sizes(const struct inn_network *net,
                                        struct inn_error *err);

/*
 * What is going to be run has these sizes: costs are counted at them, unless
 * the user said others. Sizes that don't fit leave things as they are.
 */
enum inn_status inn_network_feed_sizes(struct inn_network *net,
                                       const struct inn_binding *fed,
                                       struct inn_error *err);

/* What the user sees first: model's graph at full width, or the .onnx. */
const struct inn_graph *inn_network_graph(const struct inn_network *net);

/*
 * As inn_sampling_plan for the model of net, timing it first where s asks for
 * that; threads as in inn_session_options.
 */
enum inn_status inn_network_plan(struct inn_plan *plan,
                                 struct inn_network *net,
                                 const struct inn_sampling *s, double width,
                                 const struct inn_rules *rules, int threads,
                                 struct inn_error *err);

/*
 * Makes net->graph the network that s asks for; call again for another. Of
 * an .onnx: itself, and INN_ERR_ARGUMENT if s asks for anything. width as in
 * inn_sampling_plan.
 */
enum inn_status inn_network_sample(struct inn_network *net,
                                   const struct inn_sampling *s, double width,
                                   const struct inn_rules *rules, int threads,
                                   struct inn_error *err);

/* Constants and BatchNormalization folded; the graph is then not exported. */
enum inn_status inn_network_prepare(struct inn_network *net,
                                    struct inn_error *err);

/*
 * Parameters and f32 bytes of the graph's float initializers, MACs at these
 * sizes. Of any graph with or without data.
 */
enum inn_status inn_graph_cost(struct inn_cost *cost,
                               const struct inn_graph *graph,
                               const struct inn_binding *bindings,
                               size_t n_bindings, struct inn_error *err);

/* Of net at full width: as inn_graph_cost, at its own sizes. */
enum inn_status inn_network_full_cost(struct inn_cost *cost,
                                      const struct inn_network *net,
                                      struct inn_error *err);

/* Of net at its present width; refitted, with the biases that were added. */
enum inn_status inn_network_cost(struct inn_cost *cost,
                                 const struct inn_network *net,
                                 struct inn_error *err);

/* Operators of one kind that multiply and aren't in a cost's MACs. */
struct inn_uncounted {
    const char *domain, *op_type;
    enum inn_counted why;
    int count;
};

/* Of net, by kind, in the order of the graph; in the arena. */
enum inn_status inn_network_uncounted(struct inn_uncounted **list, int *n,
                                      const struct inn_network *net,
                                      struct inn_arena *arena,
                                      struct inn_error *err);

#endif
