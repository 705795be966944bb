/* What stored inputs have to be before anybody decodes them. */
#include "runtime/grid/stored_inputs.h"

#include <math.h>
#include <string.h>

#include "runtime/base/checked.h"
#include "runtime/base/error.h"

/* Sizes, and *n elements of a sample. */
static enum inn_status check_dims(size_t *n,
                                  const struct inn_stored_input *input,
                                  const struct inn_value *v,
                                  struct inn_error *err)
{
    char text[INN_SHAPE_TEXT];
    int k;

    if (input->rank < 0 || input->rank > INN_MAX_RANK ||
        (v->rank >= 0 && input->rank != v->rank))
        return inn_fail(err, INN_ERR_FORMAT, "%d axes, the network has %d",
                        input->rank, v->rank);
    for (k = 0; k < input->rank; k++) {
        if (input->dims[k] < 1 ||
            (v->rank >= 0 && v->dims[k].size >= 0 &&
             v->dims[k].size != input->dims[k]))
            return inn_fail(err, INN_ERR_FORMAT,
                            "%s, which the network doesn't take",
                            inn_shape_text(text, input->rank, input->dims));
    }
    if (!inn_count_dims(n, input->dims, input->rank) ||
        *n > INN_STORED_MOST_BYTES)
        return inn_fail(err, INN_ERR_FORMAT, "%s is too large",
                        inn_shape_text(text, input->rank, input->dims));
    return INN_OK;
}

static enum inn_status check_prep(const struct inn_input_prep *prep,
                                  int64_t channels, struct inn_error *err)
{
    int i;

    if (prep->n != 1 && prep->n != channels)
        return inn_fail(err, INN_ERR_FORMAT, "%d means for %lld channels",
                        prep->n, (long long)channels);
    if (!isfinite(prep->scale) || prep->scale == 0)
        return inn_fail(err, INN_ERR_FORMAT, "scale %g", prep->scale);
    for (i = 0; i < prep->n; i++) {
        if (!isfinite(prep->mean[i]) || !isfinite(prep->std[i]) ||
            prep->std[i] == 0)
            return inn_fail(err, INN_ERR_FORMAT,
                            "channel %d has mean %g and deviation %g", i,
                            prep->mean[i], prep->std[i]);
    }
    return INN_OK;
}

static enum inn_status check_lengths(const struct inn_stored_input *input,
                                     size_t pictures, struct inn_error *err)
{
    uint64_t left = input->bytes;
    size_t i;

    if (input->n_lengths != pictures)
        return inn_fail(err, INN_ERR_FORMAT, "%zu lengths of %zu pictures",
                        input->n_lengths, pictures);
    for (i = 0; i < pictures; i++) {
        if (input->lengths[i] == 0 || input->lengths[i] > left)
            return inn_fail(err, INN_ERR_FORMAT,
                            "picture %zu has %llu bytes, %llu are left", i,
                            (unsigned long long)input->lengths[i],
                            (unsigned long long)left);
        left -= input->lengths[i];
    }
    if (left > 0)
        return inn_fail(err, INN_ERR_FORMAT,
                        "%llu bytes belong to no picture",
                        (unsigned long long)left);
    return INN_OK;
}

static enum inn_status check_pictures(const struct inn_stored_input *input,
                                      const struct inn_value *v,
                                      struct inn_error *err)
{
    int64_t channels;

    if (input->rank != 4 || input->type != INN_U8 ||
        (!inn_type_is_float(v->type) && v->type != INN_U8))
        return inn_fail(err, INN_ERR_FORMAT, "pictures of %d axes, %s, for "
                        "%s", input->rank, inn_type_name(input->type),
                        inn_type_name(v->type));
    channels = input->dims[input->prep.nhwc ? 3 : 1];
    if (channels != 1 && channels != 3)
        return inn_fail(err, INN_ERR_FORMAT, "pictures of %lld channels",
                        (long long)channels);
    return check_prep(&input->prep, channels, err);
}

static bool is_known(enum inn_type stored, enum inn_type type)
{
    return inn_type_is_float(type) ? stored == INN_F16 || stored == INN_F32
                                   : stored == type;
}

/* *total: bytes of what is decoded, added to. */
static enum inn_status check_input(size_t *total,
                                   const struct inn_stored_input *input,
                                   size_t count, const struct inn_value *v,
                                   struct inn_error *err)
{
    size_t n = 0, size = inn_type_size(v->type), all;
    enum inn_status st = INN_OK;

    if (strcmp(input->name, v->name) != 0)
        return inn_fail(err, INN_ERR_FORMAT, "the network has '%s' there",
                        v->name);
    if (size == 0)
        return inn_fail(err, INN_ERR_FORMAT, "the network's is no tensor");
    st = check_dims(&n, input, v, err);
    if (st != INN_OK)
        return st;
    if (!inn_mul_size(&all, n, count) || !inn_mul_size(&size, size, all) ||
        !inn_add_size(total, *total, size) || *total > INN_STORED_MOST_BYTES)
        return inn_fail(err, INN_ERR_FORMAT, "%zu samples are more than %zu "
                        "bytes", count, INN_STORED_MOST_BYTES);
    if (input->encoding == INN_ENCODED_RAW && !is_known(input->type, v->type))
        return inn_fail(err, INN_ERR_FORMAT, "%s for %s",
                        inn_type_name(input->type), inn_type_name(v->type));
    if (input->encoding != INN_ENCODED_RAW)
        st = check_pictures(input, v, err);
    if (st != INN_OK)
        return st;
    if (input->encoding == INN_ENCODED_JPEG)
        return check_lengths(input, count * (size_t)input->dims[0], err);
    size = all * inn_type_size(input->type);
    if (input->n_lengths != 0 || input->bytes != size)
        return inn_fail(err, INN_ERR_FORMAT, "%zu bytes, %zu samples need "
                        "%zu", input->bytes, count, size);
    return INN_OK;
}

enum inn_status inn_stored_check(const struct inn_stored *stored,
                                 const struct inn_graph *graph,
                                 struct inn_error *err)
{
    enum inn_status st = INN_OK;
    size_t total = 0;
    int i;

    if (stored->count < 1 || (uint64_t)stored->count > INN_STORED_MOST_BYTES)
        return inn_fail(err, INN_ERR_FORMAT, "%lld samples",
                        (long long)stored->count);
    if (stored->n != graph->n_inputs || stored->n < 1)
        return inn_fail(err, INN_ERR_FORMAT, "samples of %d inputs, the "
                        "network has %d", stored->n, graph->n_inputs);
    for (i = 0; i < stored->n && st == INN_OK; i++) {
        st = check_input(&total, &stored->items[i], (size_t)stored->count,
                         &graph->values[graph->inputs[i]], err);
        if (st != INN_OK)
            inn_error_prefix(err, "input '%s'", stored->items[i].name);
    }
    return st;
}

size_t inn_stored_bytes(const struct inn_stored *stored)
{
    size_t bytes = 0;
    int i;

    for (i = 0; i < stored->n; i++)
        bytes += stored->items[i].bytes;
    return bytes;
}

const char *inn_stored_encoding(const struct inn_stored_input *input)
{
    return input->encoding == INN_ENCODED_JPEG ? "JPEG"
                                               : inn_type_name(input->type);
}
