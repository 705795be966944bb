/*
 * From strings to ints: open addressing over an arena. Keys are borrowed and
 * must outlive the map. Iteration is not offered, so order can't leak.
 */
#ifndef INN_BASE_MAP_H
#define INN_BASE_MAP_H

#include "runtime/base/arena.h"

struct inn_map {
    struct inn_arena *arena;
    struct inn_map_slot *slots;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
};

void inn_map_init(struct inn_map *map, struct inn_arena *arena);

/* The value of key, or -1. */
int inn_map_get(const struct inn_map *map, const char *key);

/* Sets key to value >= 0, replacing what was there. As the heap refuses. */
enum inn_status inn_map_put(struct inn_map *map, const char *key, int value,
                            struct inn_error *err);

#endif
