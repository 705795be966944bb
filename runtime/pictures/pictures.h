/*
 * Labelled pictures out of an .npz or a folder, made into what a network
 * takes.
 */
#ifndef INN_PICTURES_PICTURES_H
#define INN_PICTURES_PICTURES_H

#include "runtime/grid/model.h"

/* The words of --images. */
enum inn_images { INN_IMAGES_ALL = 0, INN_IMAGES_EVEN = 1, INN_IMAGES_ODD = 2 };

/* Numbers of those among n that count: chosen[n]; returns how many. */
int64_t inn_images_choose(int64_t *chosen, int64_t n, enum inn_images which);

struct inn_pictures {
    struct inn_tensor x; /* u8 [n, h, w, c], or float [n, c, h, w] */
    struct inn_tensor y; /* integers [n]; rank 0 where there are none */
    int64_t n, height, width, channels;
};

/*
 * Arrays x and y of path, or the pictures of a folder; sizes checked against
 * each other.
 */
enum inn_status inn_pictures_load(struct inn_pictures *p, const char *path,
                                  struct inn_arena *arena,
                                  struct inn_error *err);

/*
 * The pictures that dir/labels.txt names, all of one size: x u8 [n, h, w, c],
 * y i64 [n]. Nothing outside dir is read.
 */
enum inn_status inn_pictures_folder(struct inn_tensor *x,
                                    struct inn_tensor *y, const char *dir,
                                    struct inn_arena *arena,
                                    struct inn_error *err);

/*
 * Picture number i as (x·scale − mean)/std, f32, in NCHW or NHWC, RGB
 * turned to BGR, as prep says. prep's n is 1 or the channel count.
 */
void inn_picture_get(float *out, const struct inn_pictures *p, int64_t i,
                     const struct inn_input_prep *prep);

#endif
