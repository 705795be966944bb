/*
 * Which of the ways to compute a convolution is fastest here: by the file of
 * measured choices (dnnl_tune.c), or by a trial of each.
 */
#include <stdio.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/exec/dnnl_conv.h"

/* All that the times of a convolution depend on. */
static void tune_key(char key[INN_TUNE_KEY], const struct inn_builder *b,
                     int w, int n_post, const struct inn_conv *c,
                     const dnnl_memory_desc_t *have)
{
    const dnnl_blocking_desc_t *blk = &have->format_desc.blocking;
    char posts[INN_MAX_POST + 1] = "", sizes[300] = "";
    int i, at = 0;

    for (i = 0; i < n_post; i++) {
        const struct inn_post *p = &b->work[w].post[i];

        posts[i] = p->residual ? '+' : p->operand >= 0 ? 'c' : 'f';
    }
    /* Source, result, window, step, spread and padding of each axis. */
    for (i = 2; i < c->rank; i++)
        at += snprintf(sizes + at, sizeof(sizes) - (size_t)at,
                       ", %lld to %lld by %lld/%lld/%lld+%lld",
                       (long long)have->dims[i], (long long)c->dst.dims[i],
                       (long long)c->wdims[c->groups_axis + i],
                       (long long)c->stride[i - 2],
                       (long long)c->dilation[i - 2],
                       (long long)c->pad_begin[i - 2]);
    snprintf(key, INN_TUNE_KEY,
             "%s; %d threads; %s%s%s %lldx%lld to %lld in %lld%s, bias %d, "
             "then '%s', from %s",
             inn_tune_here(b->s->dnnl->tune), b->s->threads,
             inn_tune_is_cold(b) ? "cold " : "",
             c->transposed ? "transposed " : "",
             c->type == dnnl_bf16 ? "bf16" : "f32",
             (long long)have->dims[0], (long long)have->dims[1],
             (long long)c->dst.dims[1],
             (long long)(c->groups_axis ? c->wdims[0] : 1), sizes,
             c->bias >= 0, posts,
             blk->inner_nblks != 0 ? "blocks"
             : blk->strides[1] == 1 ? "channels last" : "plain");
}

/* A way to compute a convolution. */
struct way {
    dnnl_alg_kind_t algorithm;
    const char *impl;
};

/* Those that oneDNN has for c; their number, -1 after an error. */
static int list_ways(struct inn_builder *b, int w, int n_post,
                     const struct inn_conv *c, struct way ways[2 * INN_MAX_IMPLS],
                     struct inn_error *err)
{
    const dnnl_alg_kind_t algorithms[] = {c->algorithm,
                                          dnnl_convolution_winograd};
    const char *names[INN_MAX_IMPLS];
    int a, i, count, n = 0;

    for (a = 0; a < (c->transposed ? 1 : 2); a++) {
        struct inn_conv with = *c;
        struct inn_conv_words words;

        with.algorithm = algorithms[a];
        if (inn_conv_put(b, w, n_post, &with, &words, err) != INN_OK)
            return -1;
        if (words.ops == NULL)
            continue;
        count = inn_desc_names(b->s->dnnl, names, &words.op, words.ops,
                               &b->scratch, err);
        dnnl_post_ops_destroy(words.ops);
        if (count < 0)
            return -1;
        for (i = 0; i < count; i++) {
            ways[n].algorithm = algorithms[a];
            ways[n++].impl = names[i];
        }
    }
    return n;
}

static int find_way(const struct way *ways, int n, const char *impl)
{
    while (impl != NULL && n-- > 0) {
        if (strcmp(ways[n].impl, impl) == 0)
            return n;
    }
    return -1;
}

/* c and desc go by that way, where it takes the operations that follow. */
static enum inn_status take(struct inn_builder *b, int w, int n_post,
                            const struct way *way, struct inn_conv *c,
                            struct inn_desc *desc, struct inn_error *err)
{
    struct inn_desc other = {NULL, false};
    struct inn_conv with = *c;
    enum inn_status st;

    with.algorithm = way->algorithm;
    with.impl = way->impl;
    st = inn_conv_describe(b, w, n_post, &with, &other, err);
    if (st != INN_OK || other.pd == NULL)
        return st;
    inn_desc_free(desc);
    *desc = other;
    *c = with;
    return INN_OK;
}

/*
 * Whether way is worth a trial: Winograd's algorithm may save half, which pays
 * for other layouts. What saves a few percent must have those of desc, for the
 * works around are planned for them.
 */
static bool is_promising(const struct way *way, const struct inn_desc *one,
                         const struct inn_desc *desc)
{
    return way->algorithm == dnnl_convolution_winograd ||
           (inn_md_same_bytes(inn_desc_md(one, dnnl_query_src_md),
                              inn_desc_md(desc, dnnl_query_src_md)) &&
            inn_md_same_bytes(inn_desc_md(one, dnnl_query_dst_md),
                              inn_desc_md(desc, dnnl_query_dst_md)));
}

/*
 * The fastest of the ways, by a trial of each; -1 where none beats *time,
 * which becomes the least.
 */
static enum inn_status try_ways(struct inn_builder *b, int w, int n_post,
                                const struct inn_conv *c,
                                const struct inn_desc *desc,
                                const dnnl_memory_desc_t *have,
                                const struct way *ways, int n, int *fastest,
                                int64_t *time, struct inn_error *err)
{
    enum inn_status st = INN_OK;
    int64_t least = *time;
    int i;

    *fastest = -1;
    for (i = 0; i < n && st == INN_OK; i++) {
        struct inn_desc one = {NULL, false};
        struct inn_conv with = *c;
        /* What is hardly faster may be so by chance. */
        int64_t bound = least < INT64_MAX ? least - least / 20 : least;
        int64_t ns = bound;

        st = take(b, w, n_post, &ways[i], &with, &one, err);
        if (st == INN_OK && one.pd != NULL &&
            is_promising(&ways[i], &one, desc))
            st = inn_tune_time(b, &one, &with.args, have, &ns, err);
        if (st == INN_OK && ns < bound) {
            least = ns;
            *fastest = i;
        }
        inn_desc_free(&one);
    }
    *time = least;
    return st;
}

/* What is kept where the last operation is better done in a pass of its own. */
#define APART "apart"

/*
 * Whether Winograd's algorithm, which takes few operations after it, and a
 * pass for the last of them beat time.
 */
static enum inn_status try_apart(struct inn_builder *b, int w, int n_post,
                                 const struct inn_conv *c,
                                 const struct inn_desc *desc,
                                 const dnnl_memory_desc_t *have, int64_t time,
                                 bool *apart, struct inn_error *err)
{
    const struct inn_post *last = &b->work[w].post[n_post - 1];
    struct way ways[2 * INN_MAX_IMPLS];
    int64_t pass = 0, ns = INT64_MAX;
    enum inn_status st;
    int n, i, k = 0;

    *apart = false;
    if (last->operand >= 0 || last->residual)
        return INN_OK;
    n = list_ways(b, w, n_post - 1, c, ways, err);
    if (n < 0)
        return inn_refused(err);
    for (i = 0; i < n; i++) {
        if (ways[i].algorithm == dnnl_convolution_winograd)
            ways[k++] = ways[i];
    }
    if (k == 0)
        return INN_OK;
    st = try_ways(b, w, n_post - 1, c, desc, have, ways, k, &i, &ns, err);
    if (st == INN_OK)
        st = inn_tune_pass(b, inn_desc_md(desc, dnnl_query_dst_md), &pass,
                           err);
    *apart = st == INN_OK && i >= 0 && ns < time - time / 20 - pass;
    return st;
}

/* What our own kernel is called in the file, and in a profile. */
#define OURS "winograd"

/* The way of that name, of those that there are; false: to be measured. */
static bool find_known(const char *known, int n_post, const struct way *ways,
                       int n, int *which, enum inn_conv_way *way)
{
    if (known == NULL)
        return false;
    *which = find_way(ways, n, known);
    if (*way == INN_WAY_OURS && strcmp(known, OURS) == 0)
        return true;
    if (n_post > 0 && strcmp(known, APART) == 0)
        *way = INN_WAY_APART;
    else if (*which >= 0)
        *way = INN_WAY_DNNL;
    else
        return false;
    return true;
}

/* Trials of all ways; *which is oneDNN's where *way says that it is. */
static enum inn_status measure(struct inn_builder *b, int w, int n_post,
                               const struct inn_conv *c,
                               const struct inn_desc *desc,
                               const struct inn_wino *wino,
                               const dnnl_memory_desc_t *have,
                               const struct way *ways, int n, int *which,
                               enum inn_conv_way *way, struct inn_error *err)
{
    int64_t time = INT64_MAX;
    enum inn_status st = INN_OK;
    bool apart = false;

    if (*way == INN_WAY_OURS)
        st = inn_winograd_time(b, wino, have, &time, err);
    if (st == INN_OK)
        st = try_ways(b, w, n_post, c, desc, have, ways, n, which, &time,
                      err);
    if (st == INN_OK && *which >= 0)
        *way = INN_WAY_DNNL;
    if (st == INN_OK && n_post > 0 && time < INT64_MAX &&
        ways[n - 1].algorithm != dnnl_convolution_winograd)
        st = try_apart(b, w, n_post, c, desc, have, time, &apart, err);
    if (apart)
        *way = INN_WAY_APART;
    return st;
}

enum inn_status inn_conv_choose(struct inn_builder *b, int w, int n_post,
                                struct inn_conv *c, struct inn_desc *desc,
                                const struct inn_wino *wino,
                                enum inn_conv_way *way, struct inn_error *err)
{
    struct inn_tune *tune = b->s->dnnl->tune;
    struct way ways[2 * INN_MAX_IMPLS];
    dnnl_memory_desc_t have;
    char key[INN_TUNE_KEY];
    enum inn_status st;
    int x, n, i = -1;

    if (tune == NULL)
        return INN_OK;
    n = list_ways(b, w, n_post, c, ways, err);
    if (n < 0)
        return inn_refused(err);
    if (n == 0 || (n == 1 && c->algorithm == ways[0].algorithm &&
                   *way == INN_WAY_DNNL))
        return INN_OK;
    st = inn_build_any(b, &x, c->x, err);
    if (st == INN_OK)
        st = inn_md_of_slot(b, x, &have, err);
    if (st != INN_OK)
        return st;
    tune_key(key, b, w, n_post, c, &have);
    if (!find_known(inn_tune_find(tune, key), n_post, ways, n, &i, way)) {
        st = measure(b, w, n_post, c, desc, wino, &have, ways, n, &i, way,
                     err);
        if (st == INN_OK && (i >= 0 || *way != INN_WAY_DNNL))
            st = inn_tune_add(tune, key,
                              *way == INN_WAY_APART  ? APART
                              : *way == INN_WAY_OURS ? OURS
                                                     : ways[i].impl,
                              err);
    }
    return st == INN_OK && i >= 0 && *way == INN_WAY_DNNL
               ? take(b, w, n_post, &ways[i], c, desc, err)
               : st;
}
