/*
 * A list of elements of one axis that make another (Gather), at other
 * widths. Its entries follow the channels: what one channel of a block takes
 * from, all of them do, however many they become.
 */
#include <inttypes.h>

#include "runtime/base/error.h"
#include "runtime/grid/slots.h"

/* An axis before the change and after; fixed where it has no channels. */
struct side {
    const struct inn_model *model;
    int n; /* spans */
    const struct inn_span *spans;
    struct inn_span fixed;
    int64_t *old, *now; /* [n + 1] where spans begin */
};

static enum inn_status side_init(struct side *s, const struct inn_model *model,
                                 const struct inn_axis *axis, int64_t length,
                                 const int64_t *widths,
                                 struct inn_arena *arena,
                                 struct inn_error *err)
{
    int i;

    s->model = model;
    s->fixed = (struct inn_span){-1, 0, length, 1};
    s->n = axis != NULL ? axis->n_spans : 1;
    s->spans = axis != NULL ? axis->spans : &s->fixed;
    s->old = inn_arena_alloc(arena, (size_t)s->n + 1, sizeof(*s->old), err);
    s->now = inn_arena_alloc(arena, (size_t)s->n + 1, sizeof(*s->now), err);
    if (s->old == NULL || s->now == NULL)
        return inn_refused(err);
    s->old[0] = s->now[0] = 0;
    for (i = 0; i < s->n; i++) {
        const struct inn_span *p = &s->spans[i];

        s->old[i + 1] = s->old[i] + inn_span_size(model, p);
        s->now[i + 1] = s->now[i] + inn_span_length(model, p, widths);
    }
    if (s->old[s->n] != length)
        return inn_fail(err, INN_ERR_FORMAT,
                        "an axis of %" PRId64 " elements has spans of %"
                        PRId64, length, s->old[s->n]);
    return INN_OK;
}

/* The span of element at, which is one of the axis. */
static int span_at(const struct side *s, int64_t at)
{
    int low = 0, high = s->n - 1;

    while (low < high) {
        int middle = low + (high - low + 1) / 2;

        if (s->old[middle] <= at)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

static enum inn_status astray(int64_t element, int64_t from,
                              struct inn_error *err)
{
    return inn_fail(err, INN_ERR_RANGE,
                    "element %" PRId64 " is taken from %" PRId64
                    ", where its group has another channel", element, from);
}

/*
 * Span k of the new axis out to list. from[i]: the element of in that the
 * i-th of the span has.
 */
static enum inn_status fill(int64_t *list, const struct side *out, int k,
                            const struct side *in, const int64_t *from,
                            struct inn_error *err)
{
    const struct inn_span *o = &out->spans[k];
    int64_t size = out->old[k + 1] - out->old[k];
    int64_t n = out->now[k + 1] - out->now[k], i, r, p;

    for (i = 0; i < size; i++) {
        int j = span_at(in, from[i]);
        const struct inn_span *s = &in->spans[j];
        int64_t at = from[i] - in->old[j];

        if (s->group != o->group || s->block != o->block)
            return astray(out->old[k] + i, from[i], err);
        if (o->group < 0) {
            list[i] = in->now[j] + at;
            continue;
        }
        /* All channels as the first, of which the others are copies. */
        if (at / s->repeat != i / o->repeat ||
            from[i] != from[i % o->repeat] + i / o->repeat * s->repeat)
            return astray(out->old[k] + i, from[i], err);
        if (i >= o->repeat)
            continue;
        r = at % s->repeat;
        for (p = 0; p < n / o->repeat; p++)
            list[p * o->repeat + i] = in->now[j] + p * s->repeat + r;
    }
    return INN_OK;
}

enum inn_status inn_axis_remap(int64_t **list, size_t *n,
                               const struct inn_model *model,
                               const struct inn_axis *out,
                               const struct inn_axis *in, int64_t length,
                               const int64_t *widths, const int64_t *from,
                               size_t count, struct inn_arena *arena,
                               struct inn_error *err)
{
    struct side o, s;
    enum inn_status st;
    size_t i;
    int k;

    *list = NULL;
    *n = 0;
    st = side_init(&o, model, out, (int64_t)count, widths, arena, err);
    if (st == INN_OK)
        st = side_init(&s, model, in, length, widths, arena, err);
    if (st != INN_OK)
        return st;
    for (i = 0; i < count; i++) {
        if (from[i] < 0 || from[i] >= length)
            return inn_fail(err, INN_ERR_RANGE,
                            "element %" PRId64 " of %" PRId64, from[i],
                            length);
    }
    *n = (size_t)o.now[o.n];
    *list = inn_arena_alloc(arena, *n + 1, sizeof(**list), err);
    if (*list == NULL)
        return inn_refused(err);
    for (k = 0; st == INN_OK && k < o.n; k++)
        st = fill(*list + o.now[k], &o, k, &s, from + o.old[k], err);
    return st;
}
