/*
 * Element labels: every index of a channel axis has a class, and classes are
 * united (union-find). Several tensor axes may share one array of labels
 * jointly, so that Reshape and Transpose cost nothing until an operator needs
 * one of the axes alone (design: groups, per channel).
 */
#ifndef INN_CONVERTER_LABELS_H
#define INN_CONVERTER_LABELS_H

#include "runtime/grid/model.h"

/* Labels over axes (ascending), row-major over their lengths. */
struct inn_bundle {
    int n_axes;
    int axes[INN_MAX_RANK];
    int64_t dims[INN_MAX_RANK];
    int64_t count;
    int32_t *labels;
};

/* What is known of one value. */
struct inn_marks {
    int n_bundles;
    struct inn_bundle bundles[INN_MAX_RANK];
    enum inn_role role[INN_MAX_RANK]; /* of a weight's axes */
    bool has_role[INN_MAX_RANK];
    /*
     * Its graph node has been visited: an axis without labels can't change
     * any more, for reason. Weights are never settled.
     */
    bool settled;
    const char *reason;
};

/* Two elements that are kept or dropped together. */
struct inn_tie {
    int32_t a, b;
};

struct inn_labels {
    struct inn_arena *arena;
    const struct inn_graph *graph;
    const struct inn_shapes *shapes;
    struct inn_marks *marks; /* by value */
    int *source;  /* by value: the initializer it renames, or itself */
    bool *weight; /* by value: a float initializer */
    int32_t *parent;
    int32_t *maker; /* first graph node that makes the class; INT32_MAX */
    const char **pinned; /* by root: the reason, or NULL */
    int32_t *moved; /* by label: the one that stands for it, or itself */
    /* Every union ever asked for: which elements meet, not just classes. */
    struct inn_tie *ties;
    size_t n_ties, cap_ties;
    bool no_memory; /* a tie is missing */
    int32_t n, capacity;
    bool grew; /* labels were created since it was last cleared */
};

/* All marks empty; graph inputs settled. Borrows all. */
enum inn_status inn_labels_init(struct inn_labels *l,
                                const struct inn_graph *graph,
                                const struct inn_shapes *shapes,
                                struct inn_arena *arena,
                                struct inn_error *err);

int32_t inn_labels_root(struct inn_labels *l, int32_t label);
/* Sets no_memory where the tie can't be kept. */
void inn_labels_unite(struct inn_labels *l, int32_t a, int32_t b);
/* The label on an axis that stands for one that was there jointly. */
int32_t inn_labels_final(const struct inn_labels *l, int32_t label);
void inn_labels_pin(struct inn_labels *l, int32_t label, const char *reason);

/* The bundle that axis of value lies in, or NULL. */
struct inn_bundle *inn_labels_bundle(const struct inn_labels *l, int value,
                                     int axis);

/* Gives axis a bundle of its own, uniting across the axes it was joint with. */
struct inn_bundle *inn_labels_alone(struct inn_labels *l, int value,
                                    int axis);

/*
 * As inn_labels_alone, and creates labels where there are none: fresh ones,
 * or pinned ones where the value is settled. NULL: no memory.
 */
struct inn_bundle *inn_labels_need(struct inn_labels *l, int value, int axis,
                                   struct inn_error *err);

/* A bundle of fresh labels over the axes; NULL: no memory. */
struct inn_bundle *inn_labels_add(struct inn_labels *l, int value,
                                  const int *axes, int n_axes,
                                  struct inn_error *err);

/*
 * Drops the axes along which the labels don't change, in every bundle of the
 * value: what a Flatten and its inverse leave behind.
 */
void inn_labels_simplify(struct inn_labels *l, int value);

/* Carries the labels of in through Reshape or Transpose to out. */
enum inn_status inn_labels_reshape(struct inn_labels *l, int in, int out,
                                   struct inn_error *err);
enum inn_status inn_labels_transpose(struct inn_labels *l, int in, int out,
                                     const int64_t *perm,
                                     struct inn_error *err);

/* Walks the graph, each row's couple telling the labels what it knows. */
enum inn_status inn_labels_solve(struct inn_labels *l, struct inn_error *err);

#endif
