/*
 * Stored inputs into their message and out of it. What is in the JPEGs is
 * looked at when somebody wants the pictures.
 */
#include "runtime/grid/stored_inputs.h"

#include <string.h>

#include "proto/inn.pb-c.h"
#include "runtime/base/error.h"
#include "runtime/base/wire.h"
#include "runtime/file/pack.h"

static enum inn_status pack_input(Inn__StoredInput *m,
                                  const struct inn_stored_input *from,
                                  struct inn_arena *arena,
                                  struct inn_error *err)
{
    struct inn_input_prep *prep;
    int k;

    inn__stored_input__init(m);
    /* protobuf-c's fields are not const, but packing leaves them */
    m->name = (char *)from->name;
    m->encoding = (uint32_t)from->encoding;
    m->type = (uint32_t)from->type;
    m->data.data = (uint8_t *)from->data;
    m->data.len = from->bytes;
    m->length = (uint64_t *)from->lengths;
    m->n_length = from->n_lengths;
    m->n_dims = (size_t)from->rank;
    m->dims = inn_arena_alloc(arena, m->n_dims, sizeof(*m->dims), err);
    if (m->dims == NULL)
        return inn_refused(err);
    for (k = 0; k < from->rank; k++)
        m->dims[k] = (uint64_t)from->dims[k];
    if (from->encoding == INN_ENCODED_RAW)
        return INN_OK;
    prep = inn_arena_alloc(arena, 1, sizeof(*prep), err);
    m->prep = inn_arena_alloc(arena, 1, sizeof(*m->prep), err);
    if (prep == NULL || m->prep == NULL)
        return inn_refused(err);
    *prep = from->prep;
    inn__input__init(m->prep);
    inn_pack_prep(m->prep, prep);
    return INN_OK;
}

enum inn_status inn_pack_inputs(uint8_t **bytes, size_t *len,
                                const struct inn_packing *p,
                                struct inn_error *err)
{
    const struct inn_stored *stored = p->model->stored;
    Inn__Inputs all = INN__INPUTS__INIT;
    size_t n = (size_t)stored->n, i;
    enum inn_status st = INN_OK;
    Inn__StoredInput *items;

    items = inn_arena_alloc(p->arena, n, sizeof(*items), err);
    all.input = inn_arena_alloc(p->arena, n, sizeof(*all.input), err);
    if (items == NULL || all.input == NULL)
        return inn_refused(err);
    all.count = (uint64_t)stored->count;
    all.n_input = n;
    for (i = 0; i < n && st == INN_OK; i++) {
        all.input[i] = &items[i];
        st = pack_input(&items[i], &stored->items[i], p->arena, err);
    }
    return st == INN_OK ? inn_pack_message(bytes, len, &all.base,
                                           p->model->heap, err) : st;
}

/* Borrows of m, which is the model's. */
static enum inn_status read_input(struct inn_stored_input *to,
                                  const Inn__StoredInput *m,
                                  struct inn_error *err)
{
    size_t k;

    if (m->encoding > INN_ENCODED_JPEG)
        return inn_fail(err, INN_ERR_UNSUPPORTED, "encoding %u is unknown",
                        m->encoding);
    if (m->n_dims > INN_MAX_RANK)
        return inn_fail(err, INN_ERR_FORMAT, "%zu axes", m->n_dims);
    if ((m->encoding != INN_ENCODED_RAW) != (m->prep != NULL))
        return inn_fail(err, INN_ERR_FORMAT, m->prep == NULL
                        ? "pictures without a preparation"
                        : "a preparation of what are no pictures");
    to->name = m->name;
    to->encoding = (enum inn_encoding)m->encoding;
    to->type = (enum inn_type)m->type;
    to->rank = (int)m->n_dims;
    for (k = 0; k < m->n_dims; k++) {
        if (m->dims[k] > INN_STORED_MOST_BYTES)
            return inn_fail(err, INN_ERR_FORMAT, "axis %zu has %llu elements",
                            k, (unsigned long long)m->dims[k]);
        to->dims[k] = (int64_t)m->dims[k];
    }
    to->data = m->data.data;
    to->bytes = m->data.len;
    to->lengths = m->length;
    to->n_lengths = m->n_length;
    return m->prep != NULL
               ? inn_unpack_prep(&to->prep, m->prep, INN_FILE_VERSION, err)
               : INN_OK;
}

static enum inn_status read_all(struct inn_model *model,
                                const Inn__Inputs *all, struct inn_error *err)
{
    struct inn_stored *stored;
    enum inn_status st = INN_OK;
    size_t i;

    if (all->count > INN_STORED_MOST_BYTES)
        return inn_fail(err, INN_ERR_FORMAT, "%llu samples",
                        (unsigned long long)all->count);
    if (all->n_input != (size_t)model->graph->n_inputs)
        return inn_fail(err, INN_ERR_FORMAT, "samples of %zu inputs, the "
                        "network has %d", all->n_input,
                        model->graph->n_inputs);
    stored = inn_arena_alloc(&model->arena, 1, sizeof(*stored), err);
    if (stored == NULL)
        return inn_refused(err);
    stored->items = inn_arena_alloc(&model->arena, all->n_input,
                                    sizeof(*stored->items), err);
    if (stored->items == NULL)
        return inn_refused(err);
    stored->count = (int64_t)all->count;
    stored->n = (int)all->n_input;
    for (i = 0; i < all->n_input && st == INN_OK; i++) {
        st = read_input(&stored->items[i], all->input[i], err);
        if (st != INN_OK)
            inn_error_prefix(err, "input '%s'", all->input[i]->name);
    }
    if (st == INN_OK)
        st = inn_stored_check(stored, model->graph, err);
    if (st == INN_OK)
        model->stored = stored;
    return st;
}

enum inn_status inn_unpack_inputs(struct inn_unpacking *u,
                                  const uint8_t *bytes, size_t len,
                                  struct inn_error *err)
{
    ProtobufCMessage *message;
    enum inn_status st;

    /* In the model's arena: data stay there. */
    st = inn_wire_unpack(&message, &inn__inputs__descriptor, bytes, len,
                         &u->model->arena, err);
    return st == INN_OK ? read_all(u->model, (const Inn__Inputs *)message, err)
                        : st;
}
