/*
 * Labels through Reshape and Transpose. Reshape keeps the row-major order of
 * elements; its axes fall into chunks, the shortest runs of input and output
 * axes with equal products. Inside a chunk labels are carried per element.
 */
#include "converter/groups/labels.h"

#include <string.h>

#include "runtime/base/error.h"

/* Input axes [i0, i1) hold the same elements as output axes [o0, o1). */
struct chunk {
    int i0, i1, o0, o1;
};

/* Splits the axes into chunks; their number, or -1 where sizes disagree. */
static int find_chunks(struct chunk chunks[2 * INN_MAX_RANK],
                       const struct inn_tensor *in,
                       const struct inn_tensor *out)
{
    int i = 0, o = 0, n = 0;

    while (i < in->rank || o < out->rank) {
        struct chunk *c = &chunks[n++];
        int64_t a = 1, b = 1;

        c->i0 = i;
        c->o0 = o;
        if (i < in->rank)
            a = in->dims[i++];
        if (o < out->rank)
            b = out->dims[o++];
        while (a != b) {
            if (a < b && i < in->rank)
                a *= in->dims[i++];
            else if (b < a && o < out->rank)
                b *= out->dims[o++];
            else
                return -1;
        }
        c->i1 = i;
        c->o1 = o;
    }
    return n;
}

static int64_t product(const struct inn_tensor *t, int from, int to)
{
    int64_t n = 1;
    int i;

    for (i = from; i < to; i++)
        n *= t->dims[i];
    return n;
}

/* The element of bundle b that flat element e of axes [i0, i1) falls on. */
static int64_t bundle_index(const struct inn_bundle *b,
                            const struct inn_tensor *in, int i0, int i1,
                            int64_t e)
{
    int64_t index[INN_MAX_RANK], at = 0;
    int i, k;

    for (i = i1 - 1; i >= i0; i--) {
        index[i] = e % in->dims[i];
        e /= in->dims[i];
    }
    for (k = 0; k < b->n_axes; k++)
        at = at * b->dims[k] + index[b->axes[k]];
    return at;
}

/*
 * The one bundle of the chunk that stays; the others are pinned, since an
 * element of a merged axis can only be dropped for one reason.
 */
static struct inn_bundle *keep_one(struct inn_labels *l, int in,
                                   const struct chunk *c, const char *reason)
{
    struct inn_bundle *kept = NULL, *b;
    int i;
    int64_t e;

    for (i = c->i0; i < c->i1; i++) {
        b = inn_labels_bundle(l, in, i);
        if (b == NULL || b == kept)
            continue;
        if (kept == NULL || b->count > kept->count) {
            struct inn_bundle *t = kept;

            kept = b;
            b = t;
        }
        for (e = 0; b != NULL && e < b->count; e++)
            inn_labels_pin(l, b->labels[e], reason);
    }
    return kept;
}

/*
 * A bundle that reaches beyond its chunk keeps one axis: the longest, which
 * is the channel count and not a factor of it.
 */
static void confine(struct inn_labels *l, int in, const struct chunk *c)
{
    struct inn_bundle *b;
    int i, k, best;

    for (i = c->i0; i < c->i1; i++) {
        b = inn_labels_bundle(l, in, i);
        if (b == NULL || (b->axes[0] >= c->i0 &&
                          b->axes[b->n_axes - 1] < c->i1))
            continue;
        best = 0;
        for (k = 1; k < b->n_axes; k++) {
            if (b->dims[k] > b->dims[best])
                best = k;
        }
        inn_labels_alone(l, in, b->axes[best]);
    }
}

enum inn_status inn_labels_reshape(struct inn_labels *l, int in, int out,
                                   struct inn_error *err)
{
    const struct inn_tensor *si = inn_shapes_get(l->shapes, in);
    const struct inn_tensor *so = inn_shapes_get(l->shapes, out);
    struct chunk chunks[2 * INN_MAX_RANK];
    int n, k, a;

    if (l->marks[out].n_bundles > 0)
        return INN_OK; /* carried by an earlier pass */
    n = find_chunks(chunks, si, so);
    for (k = 0; k < n; k++) {
        const struct chunk *c = &chunks[k];
        struct inn_bundle *from, *to;
        int axes[INN_MAX_RANK], n_axes = 0;
        int64_t count = product(si, c->i0, c->i1), e;

        confine(l, in, c);
        from = keep_one(l, in, c, "merged with other channels by Reshape");
        if (from == NULL)
            continue;
        if (c->o0 == c->o1) { /* an axis of length 1 that goes away */
            inn_labels_pin(l, from->labels[0], "dropped by Reshape");
            continue;
        }
        for (a = c->o0; a < c->o1; a++)
            axes[n_axes++] = a;
        to = inn_labels_add(l, out, axes, n_axes, err);
        if (to == NULL)
            return inn_refused(err);
        for (e = 0; e < count; e++)
            inn_labels_unite(
                l, to->labels[e],
                from->labels[bundle_index(from, si, c->i0, c->i1, e)]);
    }
    inn_labels_simplify(l, out);
    return INN_OK;
}

enum inn_status inn_labels_transpose(struct inn_labels *l, int in, int out,
                                     const int64_t *perm,
                                     struct inn_error *err)
{
    const struct inn_tensor *so = inn_shapes_get(l->shapes, out);
    struct inn_marks *m = &l->marks[l->source[in]];
    int i, k, j;

    if (l->marks[out].n_bundles > 0)
        return INN_OK;
    for (i = 0; i < m->n_bundles; i++) {
        const struct inn_bundle *from = &m->bundles[i];
        int axes[INN_MAX_RANK], n_axes = 0;
        struct inn_bundle *to;
        int64_t e;

        for (k = 0; k < so->rank; k++) {
            for (j = 0; j < from->n_axes; j++) {
                if (perm[k] == from->axes[j])
                    axes[n_axes++] = k;
            }
        }
        if (n_axes == 0) { /* an axis of length 1 that goes away */
            for (e = 0; e < from->count; e++)
                inn_labels_pin(l, from->labels[e], "dropped by Squeeze");
            continue;
        }
        to = inn_labels_add(l, out, axes, n_axes, err);
        if (to == NULL)
            return inn_refused(err);
        for (e = 0; e < to->count; e++) {
            int64_t index[INN_MAX_RANK] = {0}, rest = e, at = 0;

            for (k = to->n_axes - 1; k >= 0; k--) {
                index[perm[to->axes[k]]] = rest % to->dims[k];
                rest /= to->dims[k];
            }
            for (k = 0; k < from->n_axes; k++)
                at = at * from->dims[k] + index[from->axes[k]];
            inn_labels_unite(l, to->labels[e], from->labels[at]);
        }
    }
    return INN_OK;
}
