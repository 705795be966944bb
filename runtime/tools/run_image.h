/*
 * inn run --image: a picture in; a picture or the likeliest classes out.
 */
#ifndef INN_TOOLS_RUN_IMAGE_H
#define INN_TOOLS_RUN_IMAGE_H

#include "runtime/cli/json.h"
#include "runtime/cli/table.h"
#include "runtime/pictures/picture_net.h"

/* As the user asks for it. */
struct inn_image_request {
    const char *path; /* of the picture; NULL: arrays are run */
    struct inn_prep_options prep;
    int64_t enlarge;  /* bicubically before the network; 0: not */
    int64_t multiple; /* as in struct inn_picture_net */
};

/* Between input and output. */
struct inn_image_job {
    struct inn_picture_net net;
    struct inn_planes source; /* RGB or grey; Y Cb Cr for a network of Y */
    bool grey;
};

/*
 * Reads the picture as graph's only input; what it needs is in the arena.
 * wants_picture: a picture is to be made of the output, which is refused
 * here where that can't be.
 */
enum inn_status inn_image_input(struct inn_tensor *in,
                                struct inn_image_job *job,
                                const struct inn_image_request *request,
                                const struct inn_graph *graph,
                                const struct inn_model *model,
                                bool wants_picture, struct inn_arena *arena,
                                struct inn_error *err);

/*
 * Makes the first output a picture file. Of a network of Y the colours come
 * from the source, enlarged bicubically.
 */
enum inn_status inn_image_output(const struct inn_image_job *job,
                                 const struct inn_tensor *out,
                                 const char *path, bool overwrite,
                                 struct inn_arena *arena,
                                 struct inn_error *err);

/* Whether out is one row of scores, as a classifier gives it. */
bool inn_is_scores(const struct inn_tensor *out);

/* The five largest scores, or all where there are fewer; NaN comes last. */
#define INN_TOP 5
struct inn_score {
    int64_t class;
    double score;
};
int inn_top_scores(struct inn_score top[INN_TOP],
                   const struct inn_tensor *out);

#endif
