/*
 * Sliding windows. Every number comes from the file, so every sum and
 * product is checked before something is built on it.
 */
#include "runtime/ops/window.h"

#include <string.h>

#include "runtime/base/checked.h"
#include "runtime/ops/common.h"

enum auto_pad { PAD_NOTSET, PAD_VALID, PAD_SAME_UPPER, PAD_SAME_LOWER };

/* The list called name, or NULL where it is absent; count entries. */
static enum inn_status read_list(const int64_t **list,
                                 const struct inn_node *node,
                                 const char *name, size_t count,
                                 int64_t least, struct inn_error *err)
{
    size_t i, n;

    *list = inn_node_ints(node, name, &n);
    if (*list == NULL || n == 0) {
        *list = NULL;
        return INN_OK;
    }
    if (n != count)
        return inn_node_fail(node, err, INN_ERR_FORMAT,
                             "%s has %zu entries where %zu are needed", name,
                             n, count);
    for (i = 0; i < n; i++) {
        if ((*list)[i] < least)
            return inn_node_fail(node, err, INN_ERR_FORMAT,
                                 "%s has an entry %lld, the least is %lld",
                                 name, (long long)(*list)[i],
                                 (long long)least);
    }
    return INN_OK;
}

static enum inn_status read_auto_pad(enum auto_pad *pad,
                                     const struct inn_node *node,
                                     struct inn_error *err)
{
    static const char *const names[] = {
        [PAD_NOTSET] = "NOTSET",
        [PAD_VALID] = "VALID",
        [PAD_SAME_UPPER] = "SAME_UPPER",
        [PAD_SAME_LOWER] = "SAME_LOWER",
    };
    const char *text = inn_node_string(node, "auto_pad", "NOTSET");
    size_t i;

    for (i = 0; i < INN_COUNT(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            *pad = (enum auto_pad)i;
            return INN_OK;
        }
    }
    return inn_node_fail(node, err, INN_ERR_FORMAT,
                         "auto_pad is '%s', which is none of NOTSET, "
                         "VALID, SAME_UPPER, SAME_LOWER", text);
}

static enum inn_status too_large(const struct inn_node *node, int axis,
                                 struct inn_error *err)
{
    return inn_node_fail(node, err, INN_ERR_FORMAT,
                         "the window on spatial axis %d is too large", axis);
}

/* Output length and pads of one axis whose window is extent long. */
static enum inn_status resolve_axis(struct inn_window *w,
                                    const struct inn_node *node, int i,
                                    int64_t in, enum auto_pad pad,
                                    bool ceil_mode, struct inn_error *err)
{
    int64_t extent, total, room, last, stride = w->stride[i];

    if (!inn_mul_i64(&extent, w->kernel[i] - 1, w->dilation[i]) ||
        !inn_add_i64(&extent, extent, 1))
        return too_large(node, i, err);
    if (pad == PAD_SAME_UPPER || pad == PAD_SAME_LOWER) {
        w->out[i] = in == 0 ? 0 : (in - 1) / stride + 1;
        last = in == 0 ? 0 : (w->out[i] - 1) * stride;
        if (!inn_add_i64(&total, last, extent))
            return too_large(node, i, err);
        total = total > in ? total - in : 0;
        w->pad_begin[i] = pad == PAD_SAME_UPPER ? total / 2
                                                : total - total / 2;
        w->pad_end[i] = total - w->pad_begin[i];
    }
    if (!inn_add_i64(&total, in, w->pad_begin[i]) ||
        !inn_add_i64(&total, total, w->pad_end[i]) ||
        !inn_add_i64(&last, total, stride) ||
        !inn_add_i64(&last, last, extent))
        return too_large(node, i, err);
    if (pad == PAD_SAME_UPPER || pad == PAD_SAME_LOWER)
        return INN_OK;
    room = total - extent;
    if (room < 0)
        return inn_node_fail(node, err, INN_ERR_FORMAT,
                             "a window of %lld does not fit spatial axis %d "
                             "with %lld (%lld with pads)", (long long)extent,
                             i, (long long)in, (long long)total);
    w->out[i] = room / stride + 1;
    /* A window that would start behind the input is left out. */
    if (ceil_mode && room % stride != 0 &&
        w->out[i] * stride < in + w->pad_begin[i])
        w->out[i]++;
    return INN_OK;
}

/* Everything but the lengths, and pads where auto_pad makes them. */
static enum inn_status read_window(struct inn_window *w,
                                   const struct inn_node *node, int rank,
                                   const int64_t *kernel, enum auto_pad *pad,
                                   struct inn_error *err)
{
    const int64_t *shape, *strides, *dilations, *pads;
    enum inn_status st;
    size_t n = (size_t)rank;
    int i;

    memset(w, 0, sizeof(*w));
    w->rank = rank;
    *pad = PAD_NOTSET;
    st = read_list(&shape, node, "kernel_shape", n, 1, err);
    if (st == INN_OK)
        st = read_list(&strides, node, "strides", n, 1, err);
    if (st == INN_OK)
        st = read_list(&dilations, node, "dilations", n, 1, err);
    if (st == INN_OK)
        st = read_auto_pad(pad, node, err);
    if (st == INN_OK)
        st = read_list(&pads, node, "pads", 2 * n,
                       *pad == PAD_NOTSET ? 0 : INT64_MIN, err);
    if (st != INN_OK)
        return st;
    if (shape == NULL && kernel == NULL)
        return inn_node_fail(node, err, INN_ERR_FORMAT,
                             "kernel_shape is missing");
    for (i = 0; i < rank; i++) {
        w->kernel[i] = kernel != NULL ? kernel[i] : shape[i];
        w->stride[i] = strides != NULL ? strides[i] : 1;
        w->dilation[i] = dilations != NULL ? dilations[i] : 1;
        if (w->kernel[i] < 1)
            return inn_node_fail(node, err, INN_ERR_FORMAT,
                                 "the kernel is %lld long on spatial axis %d",
                                 (long long)w->kernel[i], i);
        if (shape != NULL && shape[i] != w->kernel[i])
            return inn_node_fail(node, err, INN_ERR_FORMAT,
                                 "kernel_shape is %lld on spatial axis %d, "
                                 "the weight has %lld", (long long)shape[i],
                                 i, (long long)w->kernel[i]);
        if (pads != NULL && *pad == PAD_NOTSET) {
            w->pad_begin[i] = pads[i];
            w->pad_end[i] = pads[i + rank];
        }
    }
    return INN_OK;
}

enum inn_status inn_window_resolve(struct inn_window *w,
                                   const struct inn_node *node, int rank,
                                   const int64_t *in, const int64_t *kernel,
                                   struct inn_error *err)
{
    bool ceil_mode = kernel == NULL && inn_node_int(node, "ceil_mode", 0);
    enum auto_pad pad;
    enum inn_status st = read_window(w, node, rank, kernel, &pad, err);
    int i;

    for (i = 0; st == INN_OK && i < rank; i++)
        st = resolve_axis(w, node, i, in[i], pad, ceil_mode, err);
    return st;
}

/*
 * Output length and pads of one axis that is spread: over wanted positions,
 * or, where that is -1, over as many as the pads leave.
 */
static enum inn_status spread_axis(struct inn_window *w,
                                   const struct inn_node *node, int i,
                                   int64_t in, enum auto_pad pad,
                                   int64_t wanted, int64_t more,
                                   struct inn_error *err)
{
    int64_t full, extent, total, stride = w->stride[i];

    if (in < 1)
        return inn_node_fail(node, err, INN_ERR_FORMAT,
                             "spatial axis %d is empty", i);
    if (!inn_mul_i64(&extent, w->kernel[i] - 1, w->dilation[i]) ||
        !inn_mul_i64(&full, in, stride) ||
        !inn_add_i64(&full, full, extent) || !inn_add_i64(&full, full, more) ||
        !inn_add_i64(&total, w->pad_begin[i], w->pad_end[i]))
        return too_large(node, i, err);
    full = full - stride + 1;
    if (wanted < 0 && (pad == PAD_SAME_UPPER || pad == PAD_SAME_LOWER))
        wanted = in * stride;
    if (wanted >= 0) {
        total = full > wanted ? full - wanted : 0;
        w->pad_begin[i] = pad == PAD_SAME_UPPER ? total / 2
                                                : total - total / 2;
        w->pad_end[i] = total - w->pad_begin[i];
        w->out[i] = wanted;
    } else {
        w->out[i] = full - total;
    }
    if (w->out[i] < 1)
        return inn_node_fail(node, err, INN_ERR_FORMAT,
                             "the pads of %lld leave nothing of %lld on "
                             "spatial axis %d", (long long)total,
                             (long long)full, i);
    return INN_OK;
}

enum inn_status inn_window_spread(struct inn_window *w,
                                  const struct inn_node *node, int rank,
                                  const int64_t *in, const int64_t *kernel,
                                  struct inn_error *err)
{
    const int64_t *more, *wanted;
    enum auto_pad pad;
    enum inn_status st = read_window(w, node, rank, kernel, &pad, err);
    int i;

    if (st == INN_OK)
        st = read_list(&more, node, "output_padding", (size_t)rank, 0, err);
    if (st == INN_OK)
        st = read_list(&wanted, node, "output_shape", (size_t)rank, 1, err);
    for (i = 0; st == INN_OK && i < rank; i++)
        st = spread_axis(w, node, i, in[i], pad,
                         wanted != NULL ? wanted[i] : -1,
                         more != NULL ? more[i] : 0, err);
    return st;
}

void inn_window_global(struct inn_window *w, int rank, const int64_t *in)
{
    int i;

    memset(w, 0, sizeof(*w));
    w->rank = rank;
    for (i = 0; i < rank; i++) {
        w->kernel[i] = in[i];
        w->stride[i] = w->dilation[i] = w->out[i] = 1;
    }
}

void inn_window_to_3d(struct inn_window *w, const int64_t *in,
                      int64_t in3[INN_MAX_SPATIAL])
{
    int i, shift = INN_MAX_SPATIAL - w->rank;

    for (i = INN_MAX_SPATIAL - 1; i >= 0; i--) {
        int from = i - shift;
        bool there = from >= 0;

        in3[i] = there ? in[from] : 1;
        w->kernel[i] = there ? w->kernel[from] : 1;
        w->stride[i] = there ? w->stride[from] : 1;
        w->dilation[i] = there ? w->dilation[from] : 1;
        w->pad_begin[i] = there ? w->pad_begin[from] : 0;
        w->pad_end[i] = there ? w->pad_end[from] : 0;
        w->out[i] = there ? w->out[from] : 1;
    }
    w->rank = INN_MAX_SPATIAL;
}

bool inn_window_overhangs(const struct inn_window *w, const int64_t *in)
{
    int i;

    for (i = 0; i < w->rank; i++) {
        int64_t extent = (w->kernel[i] - 1) * w->dilation[i] + 1;

        if ((w->out[i] - 1) * w->stride[i] + extent >
            in[i] + w->pad_begin[i] + w->pad_end[i])
            return true;
    }
    return false;
}
