/* Samples out of a file, which may hold anything. */
#include <math.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/base/image.h"
#include "runtime/pictures/pictures.h"
#include "runtime/pictures/stored.h"

/* One input while it is decoded. */
struct decoding {
    const struct inn_stored_input *input;
    struct inn_tensor *to;
    int64_t height, width, channels;
    size_t size; /* elements of a picture */
};

/* Picture number i of bytes, u8 [h][w][c], as the network takes it. */
static void put_picture(const struct decoding *d, size_t i, uint8_t *bytes,
                        float *x)
{
    struct inn_pictures p = {.x = {.type = INN_U8, .data = bytes},
                             .n = 1,
                             .height = d->height,
                             .width = d->width,
                             .channels = d->channels};
    size_t element = inn_type_size(d->to->type);

    inn_picture_get(x, &p, 0, &d->input->prep);
    inn_convert_elements((char *)d->to->data + i * d->size * element,
                         d->to->type, x, INN_F32, d->size);
}

static enum inn_status put_jpeg(const struct decoding *d, size_t i,
                                const uint8_t *bytes, size_t len, float *x,
                                struct inn_heap *heap, struct inn_error *err)
{
    struct inn_image image = {.width = d->width, .height = d->height,
                              .channels = (int)d->channels};
    struct inn_arena own;
    enum inn_status st;

    inn_arena_init(&own, heap);
    st = inn_image_unpack_jpeg(&image, bytes, len, &own, err);
    if (st == INN_OK)
        put_picture(d, i, image.data, x);
    else
        inn_error_prefix(err, "picture %zu", i);
    inn_arena_free(&own);
    return st;
}

static enum inn_status decode_pictures(struct decoding *d, size_t n,
                                       struct inn_heap *heap,
                                       struct inn_error *err)
{
    const struct inn_stored_input *input = d->input;
    const int64_t *dims = input->dims;
    bool nhwc = input->prep.nhwc, jpeg = input->encoding == INN_ENCODED_JPEG;
    const uint8_t *at = input->data;
    enum inn_status st = INN_OK;
    struct inn_arena own;
    uint8_t *bytes;
    float *x;
    size_t i;

    d->channels = dims[nhwc ? 3 : 1];
    d->height = dims[nhwc ? 1 : 2];
    d->width = dims[nhwc ? 2 : 3];
    d->size = (size_t)(d->channels * d->height * d->width);
    inn_arena_init(&own, heap);
    x = inn_arena_alloc(&own, d->size, sizeof(*x), err);
    bytes = inn_arena_alloc(&own, d->size, 1, err);
    if (x == NULL || bytes == NULL)
        st = inn_refused(err);
    for (i = 0; i < n && st == INN_OK; i++) {
        size_t len = jpeg ? (size_t)input->lengths[i] : d->size;

        if (jpeg) {
            st = put_jpeg(d, i, at, len, x, heap, err);
        } else {
            memcpy(bytes, at, len);
            put_picture(d, i, bytes, x);
        }
        at += len;
    }
    inn_arena_free(&own);
    return st;
}

/* No sum over channels survives NaN or infinity. */
static enum inn_status check_finite(const struct inn_tensor *t,
                                    struct inn_error *err)
{
    size_t n = inn_tensor_count(t), size = inn_type_size(t->type), i, j, k;
    double part[256];

    if (!inn_type_is_float(t->type))
        return INN_OK;
    for (i = 0; i < n; i += k) {
        k = n - i < 256 ? n - i : 256;
        inn_convert_elements(part, INN_F64, (const char *)t->data + i * size,
                             t->type, k);
        for (j = 0; j < k; j++) {
            if (!isfinite(part[j]))
                return inn_fail(err, INN_ERR_FORMAT, "element %zu is %g",
                                i + j, part[j]);
        }
    }
    return INN_OK;
}

static enum inn_status decode(struct inn_tensor *to,
                              const struct inn_stored_input *input,
                              int64_t count, enum inn_type type,
                              struct inn_arena *arena, struct inn_error *err)
{
    struct decoding d = {.input = input, .to = to};
    int64_t dims[INN_MAX_RANK] = {1};
    enum inn_status st;

    memcpy(dims, input->dims, (size_t)input->rank * sizeof(*dims));
    dims[0] *= count;
    st = inn_tensor_new(to, arena, type, input->rank > 0 ? input->rank : 1,
                        dims, err);
    if (st != INN_OK)
        return st;
    if (input->encoding == INN_ENCODED_RAW)
        inn_convert_elements(to->data, type, input->data, input->type,
                             inn_tensor_count(to));
    else
        st = decode_pictures(&d, (size_t)dims[0], arena->heap, err);
    return st == INN_OK ? check_finite(to, err) : st;
}

enum inn_status inn_stored_feed(struct inn_feed *feed,
                                const struct inn_model *model,
                                const struct inn_graph *graph,
                                struct inn_arena *arena,
                                struct inn_error *err)
{
    const struct inn_stored *stored = model->stored;
    enum inn_status st;
    int i;

    memset(feed, 0, sizeof(*feed));
    if (stored == NULL)
        return inn_fail(err, INN_ERR_ARGUMENT, "has no stored inputs");
    st = inn_stored_check(stored, graph, err);
    if (st == INN_OK) {
        feed->items = inn_arena_alloc(arena, (size_t)stored->n,
                                      sizeof(*feed->items), err);
        st = feed->items != NULL ? INN_OK : inn_refused(err);
    }
    for (i = 0; i < stored->n && st == INN_OK; i++) {
        const struct inn_value *v = &graph->values[graph->inputs[i]];

        st = decode(&feed->items[i], &stored->items[i], stored->count,
                    v->type, arena, err);
        if (st != INN_OK)
            inn_error_prefix(err, "input '%s'", v->name);
    }
    if (st != INN_OK) {
        inn_error_prefix(err, "stored inputs");
        return st;
    }
    feed->n = stored->n;
    feed->count = stored->count;
    return INN_OK;
}
