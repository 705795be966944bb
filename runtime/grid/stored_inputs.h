/*
 * Inputs that a file carries for later: what the network was measured on when
 * it was converted, for refitting without the data. pictures/stored.h encodes
 * and decodes them, file/ stores them.
 */
#ifndef INN_GRID_STORED_INPUTS_H
#define INN_GRID_STORED_INPUTS_H

#include "runtime/grid/model.h"

/* All samples of all inputs, decoded. */
#define INN_STORED_MOST_BYTES ((size_t)512 << 20)

enum inn_encoding {
    INN_ENCODED_RAW = 0,   /* elements, little endian */
    INN_ENCODED_BYTES = 1, /* pictures: u8 [height][width][channels] */
    INN_ENCODED_JPEG = 2   /* pictures: JPEG */
};

/* Of one input of the graph. */
struct inn_stored_input {
    const char *name;
    enum inn_encoding encoding;
    enum inn_type type; /* of raw elements: f16 and f32 for any float, others */
                        /* as the network has them; of pictures u8 */
    int rank;
    int64_t dims[INN_MAX_RANK]; /* of what the network takes at once */
    /*
     * Of pictures, grey or RGB, dims[0] of them per sample: how they become
     * the input.
     */
    struct inn_input_prep prep;
    const uint8_t *data; /* all samples, one after the other */
    size_t bytes;
    /* JPEG: bytes of each picture [n_lengths = count * dims[0]]; else NULL */
    const uint64_t *lengths;
    size_t n_lengths;
};

struct inn_stored {
    int64_t count; /* samples, 1 at least */
    int n;
    struct inn_stored_input *items; /* [n], in the order of the graph's inputs */
};

/*
 * Whether they are inputs of graph: names, types, declared sizes; and whether
 * lengths add up, decoded 512 MiB at most. What the bytes of a JPEG or float
 * hold is not looked at. INN_ERR_FORMAT names the input.
 */
enum inn_status inn_stored_check(const struct inn_stored *stored,
                                 const struct inn_graph *graph,
                                 struct inn_error *err);

/* Encoded bytes of all inputs. */
size_t inn_stored_bytes(const struct inn_stored *stored);

/* "f16", "i64" …, "u8" of pictures, "JPEG". Static. */
const char *inn_stored_encoding(const struct inn_stored_input *input);

#endif
