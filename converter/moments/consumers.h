/*
 * Who sums over a group's channels: convolutions and products, told by what
 * their rows say of them as primitives (ops/prim.h), not by their names.
 */
#ifndef INN_CONVERTER_CONSUMERS_H
#define INN_CONVERTER_CONSUMERS_H

#include "converter/moments/moments.h"

/* Channels of one activation beyond which no covariance is gathered. */
#define INN_MOST_CHANNELS 8192

/* A graph node that sums group's channels of activation x with a weight. */
struct inn_reader {
    int group;
    int node;
    int x, x_axis;
    int weight, axis; /* the initializer, and the axis that is summed */
    int out, bias;    /* as in struct inn_consumer */
    int add, add_input, add_axis;
    double scale;
    int64_t kernel[2], dilation[2]; /* 1 × 1 where taps don't overlap */
    int gathered;                   /* the caller's */
};

struct inn_readers {
    struct inn_reader *items;
    int n;
};

/* All readers in the model's graph; memory from arena. */
enum inn_status inn_find_readers(struct inn_readers *readers,
                                 const struct inn_model *model,
                                 struct inn_arena *arena,
                                 struct inn_error *err);

/*
 * Adds the reader's Q (inn_consumer_metric) for the channels of its group:
 * metric [N × N]. full: N of every group.
 */
enum inn_status inn_reader_metric(double *metric,
                                  const struct inn_model *model,
                                  const struct inn_reader *reader,
                                  const struct inn_gathered *input,
                                  const int64_t *full, int threads,
                                  struct inn_error *err);

/* By weight, axis, then group, as struct inn_model wants them. */
enum inn_status inn_sort_consumers(struct inn_model *model,
                                   struct inn_error *err);

#endif
