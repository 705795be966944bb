/*
 * The messages of a .inn file from a model, and a model from the messages.
 */
#ifndef INN_FILE_PACK_H
#define INN_FILE_PACK_H

#include "runtime/file/layout.h"

/* What of a model is written, and as which section. */
struct inn_packing {
    const struct inn_model *model;
    struct inn_arena *arena; /* the messages */
    bool *live;              /* [n_values] is in the packed graph */
    int *weights;            /* [n_weights] in the file's order */
    int n_weights;           /* those that are live */
    enum inn_type *types;    /* [model->n_weights] as stored, by weight */
    uint32_t first_tensor;   /* section of the first of them; the factors */
                             /* of the moments come behind all of them */
};

/*
 * The weights in the order of their names, which is the file's: the order of
 * values changes when a graph is written and read. Initializers that nothing
 * reads are not written, nor are their grids.
 */
enum inn_status inn_packing_init(struct inn_packing *packing,
                                 const struct inn_model *model,
                                 const struct inn_file_options *options,
                                 struct inn_arena *arena,
                                 struct inn_error *err);

/* Whether moments i > 0 have the factor of the moments before them. */
bool inn_shares_factor(const struct inn_model *model, int i);

/* A section's message, packed: own, inn_free(model->heap). */
enum inn_status inn_pack_section(uint8_t **bytes, size_t *len,
                                 const struct inn_packing *packing,
                                 enum inn_section_kind kind,
                                 struct inn_error *err);

/* The one of kind moments, of inputs, and a message that was built. */
enum inn_status inn_pack_moments(uint8_t **bytes, size_t *len,
                                 const struct inn_packing *packing,
                                 struct inn_error *err);
enum inn_status inn_pack_inputs(uint8_t **bytes, size_t *len,
                                const struct inn_packing *packing,
                                struct inn_error *err);
struct ProtobufCMessage;
enum inn_status inn_pack_message(uint8_t **bytes, size_t *len,
                                 const struct ProtobufCMessage *message,
                                 struct inn_heap *heap,
                                 struct inn_error *err);

/* A preparation and its message, which borrows mean and std of prep. */
struct Inn__Input;
void inn_pack_prep(struct Inn__Input *message, struct inn_input_prep *prep);
enum inn_status inn_unpack_prep(struct inn_input_prep *prep,
                                const struct Inn__Input *message,
                                uint32_t version, struct inn_error *err);

/*
 * A model under construction. Each call unpacks one message and checks all
 * that it says; network comes first, then groups. Nothing of bytes is kept.
 */
struct inn_unpacking {
    struct inn_model *model;
    struct inn_heap *heap;
    uint32_t version; /* of the file */
    const struct inn_section *sections;
    size_t n_sections;
    int *weight_sections; /* [model->n_weights], from the model's arena */
    int *factor_sections; /* [model->n_moments], likewise */
};

enum inn_status inn_unpack_network(struct inn_unpacking *u,
                                   const uint8_t *bytes, size_t len,
                                   struct inn_error *err);
enum inn_status inn_unpack_groups(struct inn_unpacking *u,
                                  const uint8_t *bytes, size_t len,
                                  struct inn_error *err);
enum inn_status inn_unpack_partitions(struct inn_unpacking *u,
                                      const uint8_t *bytes, size_t len,
                                      struct inn_error *err);
enum inn_status inn_unpack_moments(struct inn_unpacking *u,
                                   const uint8_t *bytes, size_t len,
                                   struct inn_error *err);
enum inn_status inn_unpack_inputs(struct inn_unpacking *u,
                                  const uint8_t *bytes, size_t len,
                                  struct inn_error *err);
enum inn_status inn_unpack_meta(struct inn_unpacking *u,
                                const uint8_t *bytes, size_t len,
                                struct inn_error *err);

/*
 * Of a factor as it was decoded, packed rows for n channels: entries finite,
 * the diagonal positive. INN_ERR_FORMAT.
 */
enum inn_status inn_check_factor(const uint16_t *factor, int64_t n,
                                 struct inn_error *err);

/* After all of them: grids, axes and graph agree. */
enum inn_status inn_unpack_check(struct inn_unpacking *u,
                                 struct inn_error *err);

#endif
