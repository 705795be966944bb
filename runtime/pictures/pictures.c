/* Pictures for eval. */
#include "runtime/pictures/pictures.h"

#include <string.h>
#include <sys/stat.h>

#include "runtime/base/error.h"
#include "runtime/base/npy.h"

int64_t inn_images_choose(int64_t *chosen, int64_t n, enum inn_images which)
{
    int64_t count = 0, i;

    for (i = 0; i < n; i++) {
        if (which == INN_IMAGES_ALL ||
            (i % 2 == 0) == (which == INN_IMAGES_EVEN))
            chosen[count++] = i;
    }
    return count;
}

enum inn_status inn_pictures_load(struct inn_pictures *p, const char *path,
                                  struct inn_arena *arena,
                                  struct inn_error *err)
{
    char text[INN_SHAPE_TEXT];
    struct stat about;
    bool bytes;
    enum inn_status st;

    memset(p, 0, sizeof(*p));
    if (stat(path, &about) == 0 && S_ISDIR(about.st_mode)) {
        st = inn_pictures_folder(&p->x, &p->y, path, arena, err);
    } else {
        st = inn_npz_read(&p->x, path, "x", arena, err);
        if (st == INN_OK)
            st = inn_npz_read(&p->y, path, "y", arena, err);
    }
    if (st != INN_OK)
        return st;
    bytes = p->x.type == INN_U8;
    if (p->x.rank != 4 || (!bytes && !inn_type_is_float(p->x.type)))
        return inn_fail(err, INN_ERR_FORMAT,
                        "x is %s %s; it must be u8 [n,h,w,c] or float "
                        "[n,c,h,w]", inn_type_name(p->x.type),
                        inn_shape_text(text, p->x.rank, p->x.dims));
    p->n = p->x.dims[0];
    p->channels = p->x.dims[bytes ? 3 : 1];
    p->height = p->x.dims[bytes ? 1 : 2];
    p->width = p->x.dims[bytes ? 2 : 3];
    if (p->y.rank != 1 || inn_type_is_float(p->y.type))
        return inn_fail(err, INN_ERR_FORMAT,
                        "y is %s %s; it must be integers [n]",
                        inn_type_name(p->y.type),
                        inn_shape_text(text, p->y.rank, p->y.dims));
    if (p->y.dims[0] != p->n)
        return inn_fail(err, INN_ERR_FORMAT,
                        "x has %lld pictures, y %lld labels", (long long)p->n,
                        (long long)p->y.dims[0]);
    return INN_OK;
}

void inn_picture_get(float *out, const struct inn_pictures *p, int64_t i,
                     const struct inn_input_prep *prep)
{
    int64_t c, at, plane = p->height * p->width;
    const size_t size = inn_type_size(p->x.type);
    const char *data = (const char *)p->x.data +
                       (size_t)(i * plane * p->channels) * size;

    for (c = 0; c < p->channels; c++) {
        double mean = prep->mean[prep->n > 1 ? c : 0];
        double std = prep->std[prep->n > 1 ? c : 0];
        int64_t from = prep->bgr && p->channels == 3 ? 2 - c : c;

        for (at = 0; at < plane; at++) {
            int64_t to = prep->nhwc ? at * p->channels + c : c * plane + at;
            double v;

            if (p->x.type == INN_U8)
                v = (double)((const uint8_t *)data)[at * p->channels + from];
            else
                inn_convert_elements(&v, INN_F64, data +
                                     (size_t)(from * plane + at) * size,
                                     p->x.type, 1);
            out[to] = (float)((v * prep->scale - mean) / std);
        }
    }
}
