/*
 * What the files of this folder share and nobody else needs.
 */
#ifndef INN_GRAPH_INTERNAL_H
#define INN_GRAPH_INTERNAL_H

#include "runtime/base/error.h"
#include "runtime/graph/graph.h"

/*
 * The status of an allocation that gave NULL: the allocator has said whether
 * the system or the ceiling refused.
 */
static inline enum inn_status inn_refused(const struct inn_error *err)
{
    return err != NULL && err->status == INN_ERR_LIMIT ? INN_ERR_LIMIT
                                                       : INN_ERR_MEMORY;
}

/* inn_map_put, telling a ceiling from a system without memory. */
static inline enum inn_status inn_put(struct inn_map *map, const char *key,
                                      int value, struct inn_error *err)
{
    if (inn_map_put(map, key, value, err) != INN_OK)
        return inn_refused(err);
    return INN_OK;
}

/* Copies of attributes for another arena: lists and tensors, not strings. */
enum inn_status inn_attrs_copy(struct inn_attr **copy,
                               const struct inn_attr *from, int n,
                               struct inn_arena *arena,
                               struct inn_error *err);

#endif
