/*
 * The user's own inputs, to measure moments on: arrays, or folders of
 * pictures or arrays. No labels are needed; those there are are not read.
 */
#ifndef INN_PICTURES_CALIBRATION_H
#define INN_PICTURES_CALIBRATION_H

#include "runtime/exec/feed.h"
#include "runtime/grid/model.h"
#include "runtime/pictures/pictures.h"

/* Samples where none are asked for. */
#define INN_CALIBRATE_SAMPLES 64

struct inn_calibration {
    const char *path;
    int64_t samples; /* at most; 0: INN_CALIBRATE_SAMPLES */
    enum inn_images images; /* which of the data count */
    /* Called before sample i of n where that takes a while; may be NULL. */
    void (*progress)(void *state, const char *phase, int i, int n);
    void *progress_state;
};

/*
 * Samples spread evenly over what c names, made into what graph (with the
 * sizes and the preparation of model) takes; memory from arena, 512 MiB at
 * most (fewer samples then).
 *
 *   .npz    an array by the name of each input; where there is one input,
 *           array x will do
 *   .npy    one array, for networks of one input
 *   folder  pictures (PNG, JPEG), cropped to size; or .npy files, each a
 *           sample or several along axis 0; by name, subfolders as well
 *
 * Bytes [n, h, w, c] for an input of floats are pictures and prepared as
 * model says, by default x/255; floats are taken as they are. Messages name
 * the file. INN_ERR_RANGE: shapes don't fit; INN_ERR_FORMAT, INN_ERR_IO.
 */
enum inn_status inn_calibrate(struct inn_feed *feed,
                              const struct inn_calibration *c,
                              const struct inn_model *model,
                              const struct inn_graph *graph,
                              struct inn_arena *arena, struct inn_error *err);

/* Inside: what an input takes, and a folder's samples for it. */
struct inn_wanted {
    const struct inn_model *model;
    const struct inn_value *value;
    enum inn_type type;
    int rank;
    int64_t dims[INN_MAX_RANK]; /* of what it takes at once */
    bool open[INN_MAX_RANK];    /* data may choose this size */
    bool picture, nhwc;
    bool only;    /* there are no other inputs */
    int64_t most; /* samples for which there is room */
};

/* As many of n samples as c wants, evenly spread: chosen[*count], in arena. */
enum inn_status inn_calibrate_choose(int64_t **chosen, int64_t *count,
                                     const struct inn_calibration *c,
                                     const struct inn_wanted *want,
                                     int64_t n, struct inn_arena *arena,
                                     struct inn_error *err);

/*
 * Where t lies among shapes that want takes: *n is then the number of
 * samples and dims[rank] one of them's shape. alone: a sample may come
 * without axis 0. INN_ERR_RANGE: neither fits; names both.
 */
enum inn_status inn_calibrate_fit(int64_t *n, int64_t dims[INN_MAX_RANK],
                                  bool *picture,
                                  const struct inn_wanted *want,
                                  const struct inn_tensor *t, bool alone,
                                  struct inn_error *err);

/*
 * Sample number from of t, which fits (want has its sizes), becomes number to
 * of out's count: in out's type, pictures prepared.
 */
enum inn_status inn_calibrate_put(struct inn_tensor *out, int64_t count,
                                  int64_t to, const struct inn_wanted *want,
                                  const struct inn_tensor *t, int64_t from,
                                  bool picture, struct inn_error *err);

/* Folder c->path into out; *count samples. */
enum inn_status inn_calibrate_folder(struct inn_tensor *out, int64_t *count,
                                     const struct inn_calibration *c,
                                     const struct inn_wanted *want,
                                     struct inn_arena *arena,
                                     struct inn_error *err);

#endif
