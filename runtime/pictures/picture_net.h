/*
 * Networks that turn a picture into a picture: RGB, or Y alone; of the same
 * size, or enlarged by themselves.
 */
#ifndef INN_PICTURES_PICTURE_NET_H
#define INN_PICTURES_PICTURE_NET_H

#include "runtime/exec/session.h"
#include "runtime/pictures/planes.h"
#include "runtime/pictures/prep.h"

struct inn_picture_net {
    const struct inn_graph *graph;
    const struct inn_model *model;
    struct inn_input_prep prep;
    enum inn_type type;
    int64_t channels; /* at its input: 1 or 3 */
    int64_t factor;   /* 1: the output is as large as the input */
    int64_t multiple; /* sizes are padded to multiples of it */
};

/*
 * Looks at graph's first input and output; borrows graph, which only has to
 * have its declarations and constants, and model (or NULL).
 * INN_ERR_UNSUPPORTED where it doesn't take a picture; factor is 0 where its
 * output is none.
 */
enum inn_status inn_picture_net_init(struct inn_picture_net *net,
                                     const struct inn_graph *graph,
                                     const struct inn_model *model,
                                     const struct inn_prep_options *options,
                                     int64_t multiple, struct inn_error *err);

/* dims[4] of the input for a picture of this size. */
void inn_picture_net_dims(int64_t dims[4], const struct inn_picture_net *net,
                          int64_t height, int64_t width);

/*
 * p as the network takes it; p has its channels, or one for three. Padded by
 * mirroring at the bottom and to the right where multiple asks for it.
 * INN_ERR_RANGE: the network is fixed to another size.
 */
enum inn_status inn_picture_net_feed(struct inn_tensor *in,
                                     const struct inn_picture_net *net,
                                     const struct inn_planes *p,
                                     struct inn_arena *arena,
                                     struct inn_error *err);

/*
 * The picture in out, which came of one of height x width: values undone as
 * they were prepared, not rounded. Networks without padding give less than
 * factor times the size: *top, *left say where it begins in that.
 */
enum inn_status inn_picture_net_take(struct inn_planes *p, int64_t *top,
                                     int64_t *left,
                                     const struct inn_picture_net *net,
                                     const struct inn_tensor *out,
                                     int64_t height, int64_t width,
                                     struct inn_arena *arena,
                                     struct inn_error *err);

#endif
