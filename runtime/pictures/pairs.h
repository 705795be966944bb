/*
 * Folders of pictures for super-resolution: what a network is fed and what
 * it should give back.
 */
#ifndef INN_PICTURES_PAIRS_H
#define INN_PICTURES_PAIRS_H

#include "runtime/pictures/planes.h"

struct inn_pair {
    const char *name; /* "butterfly" */
    const char *high; /* path of the original */
    const char *low;  /* path of its reduction; NULL: there is none */
};

/*
 * The pictures of the folder dir by name, in the arena: NAME_HR.png with
 * NAME_xN_LR.png (N is factor) or NAME_LR.png, where one of these is there;
 * in a folder without any _HR, every picture is an original. .jpg and .jpeg
 * count as well. INN_ERR_IO; INN_ERR_FORMAT: there are none.
 */
enum inn_status inn_pairs_list(struct inn_pair **pairs, size_t *n,
                               const char *dir, int64_t factor,
                               struct inn_arena *arena,
                               struct inn_error *err);

/*
 * Reads a pair: *high cut to factor times the size of *low. Without a file
 * low is high reduced bicubically, as bytes. Messages name the file.
 */
enum inn_status inn_pair_load(struct inn_planes *low, struct inn_planes *high,
                              const struct inn_pair *pair, int64_t factor,
                              struct inn_arena *arena,
                              struct inn_error *err);

#endif
