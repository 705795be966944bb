/*
 * Descriptions of primitives: which of oneDNN's implementations one goes by,
 * and whether that may be.
 */
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/exec/dnnl_priv.h"
#include "runtime/exec/workers.h"

const char *inn_desc_name(const struct inn_desc *desc)
{
    const char *info = "";

    dnnl_primitive_desc_query(desc->pd, dnnl_query_impl_info_str, 0,
                              (void *)&info);
    return info;
}

static bool splits_sums(const char *info)
{
    return strstr(info, "gemm:") != NULL && strstr(info, "brgemm") == NULL;
}

static bool is_reference(const char *info)
{
    return strncmp(info, "ref", 3) == 0;
}

/* How many implementations are looked at: oneDNN's list may begin anew. */
#define MOST_LOOKS 32

/* One attempt; desc->pd is NULL where oneDNN has nothing to offer. */
static enum inn_status create_pd(struct inn_dnnl *d, struct inn_desc *desc,
                                 const_dnnl_op_desc_t op,
                                 const_dnnl_primitive_attr_t attr,
                                 const char *impl, struct inn_error *err)
{
    dnnl_primitive_desc_iterator_t at = NULL;
    dnnl_status_t ds;
    int i;

    desc->pd = NULL;
    ds = dnnl_primitive_desc_iterator_create(&at, op, attr, d->engine, NULL);
    for (i = 0; i < MOST_LOOKS && ds == dnnl_success; i++) {
        desc->pd = dnnl_primitive_desc_iterator_fetch(at);
        if (desc->pd == NULL)
            ds = dnnl_out_of_memory;
        else if (impl == NULL || strcmp(inn_desc_name(desc), impl) == 0)
            break;
        inn_desc_free(desc);
        if (ds == dnnl_success)
            ds = dnnl_primitive_desc_iterator_next(at);
    }
    dnnl_primitive_desc_iterator_destroy(at);
    return ds == dnnl_out_of_memory
               ? inn_dnnl_fail(err, "describing a primitive", ds)
               : INN_OK;
}

static enum inn_status new_attr(dnnl_primitive_attr_t *attr,
                                const_dnnl_post_ops_t ops, float scale,
                                struct inn_error *err)
{
    dnnl_status_t ds = dnnl_primitive_attr_create(attr);

    if (ds == dnnl_success)
        ds = dnnl_primitive_attr_set_scratchpad_mode(
            *attr, dnnl_scratchpad_mode_user);
    if (ds == dnnl_success && ops != NULL)
        ds = dnnl_primitive_attr_set_post_ops(*attr, ops);
    if (ds == dnnl_success && scale != 1.0f)
        ds = dnnl_primitive_attr_set_output_scales(*attr, 1, 0, &scale);
    return ds == dnnl_success ? INN_OK
                              : inn_dnnl_fail(err, "setting attributes", ds);
}

enum inn_status inn_desc_new(struct inn_dnnl *d, struct inn_desc *desc,
                             const_dnnl_op_desc_t op, dnnl_post_ops_t ops,
                             float scale, const char *impl,
                             struct inn_error *err)
{
    dnnl_primitive_attr_t attr = NULL;
    enum inn_status st;
    int threads;

    desc->pd = NULL;
    desc->serial = false;
    st = inn_dnnl_room(err);
    if (st == INN_OK)
        st = new_attr(&attr, ops, scale, err);
    if (st == INN_OK)
        st = create_pd(d, desc, op, attr, impl, err);
    if (desc->pd != NULL && splits_sums(inn_desc_name(desc))) {
        inn_desc_free(desc);
        threads = inn_workers_use(1);
        st = create_pd(d, desc, op, attr, impl, err);
        inn_workers_use(threads);
        desc->serial = true;
    }
    if (desc->pd != NULL && is_reference(inn_desc_name(desc)))
        inn_desc_free(desc);
    dnnl_primitive_attr_destroy(attr);
    return st;
}

static bool is_listed(const char *const *names, int n, const char *name)
{
    while (n-- > 0) {
        if (strcmp(names[n], name) == 0)
            return true;
    }
    return false;
}

int inn_desc_names(struct inn_dnnl *d, const char *names[INN_MAX_IMPLS],
                   const_dnnl_op_desc_t op, dnnl_post_ops_t ops,
                   struct inn_arena *arena, struct inn_error *err)
{
    dnnl_primitive_desc_iterator_t at = NULL;
    dnnl_primitive_attr_t attr = NULL;
    dnnl_status_t ds;
    int i, n = 0;

    if (new_attr(&attr, ops, 1.0f, err) != INN_OK) {
        dnnl_primitive_attr_destroy(attr);
        return -1;
    }
    ds = dnnl_primitive_desc_iterator_create(&at, op, attr, d->engine, NULL);
    for (i = 0; i < MOST_LOOKS && n >= 0 && n < INN_MAX_IMPLS &&
                ds == dnnl_success; i++) {
        struct inn_desc one = {dnnl_primitive_desc_iterator_fetch(at), false};
        const char *name = one.pd != NULL ? inn_desc_name(&one) : "ref";

        if (!splits_sums(name) && !is_reference(name) &&
            !is_listed(names, n, name)) {
            names[n] = inn_arena_strdup(arena, name, err);
            n = names[n] != NULL ? n + 1 : -1;
        }
        inn_desc_free(&one);
        ds = dnnl_primitive_desc_iterator_next(at);
    }
    dnnl_primitive_desc_iterator_destroy(at);
    dnnl_primitive_attr_destroy(attr);
    return n;
}

void inn_desc_free(struct inn_desc *desc)
{
    if (desc->pd != NULL)
        dnnl_primitive_desc_destroy(desc->pd);
    desc->pd = NULL;
}

const dnnl_memory_desc_t *inn_desc_md(const struct inn_desc *desc,
                                      dnnl_query_t what)
{
    return dnnl_primitive_desc_query_md(desc->pd, what, 0);
}
