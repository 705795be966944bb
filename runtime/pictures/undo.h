/* The bytes that a picture was, out of what a network is given. */
#ifndef INN_PICTURES_UNDO_H
#define INN_PICTURES_UNDO_H

#include "runtime/grid/model.h"

struct inn_undo {
    struct inn_input_prep prep; /* that is undone; n is 1 or channels */
    enum inn_type type; /* of the elements */
    int64_t height, width, channels;
    uint8_t *bytes; /* [height][width][channels], grey or RGB */
    double *x, *again; /* inside, as all that follows */
    float *prepared;
    void *typed;
};

/* Makes room for a picture of these sizes, in arena. */
enum inn_status inn_undo_init(struct inn_undo *undo, struct inn_arena *arena,
                              struct inn_error *err);

/*
 * Whether elements [height · width · channels], as prep orders them, are
 * prepared bytes, to a thousandth of a step of 255: then undo->bytes are
 * those. Preparing them again gives the elements.
 */
bool inn_undo_picture(const struct inn_undo *undo, const void *elements);

#endif
