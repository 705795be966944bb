/*
 * Names to numbers. XXH3 with a fixed seed is fine: a crafted collision only
 * lengthens probes, and the number of names is bounded by the file's size.
 */
#include "runtime/base/map.h"

#include <string.h>
#include <xxhash.h>

struct inn_map_slot {
    const char *key;
    int value;
};

void inn_map_init(struct inn_map *map, struct inn_arena *arena)
{
    map->arena = arena;
    map->slots = NULL;
    map->capacity = 0;
    map->count = 0;
}

static struct inn_map_slot *find(struct inn_map_slot *slots, size_t capacity,
                                 const char *key)
{
    size_t at = (size_t)XXH3_64bits(key, strlen(key)) & (capacity - 1);

    while (slots[at].key != NULL && strcmp(slots[at].key, key) != 0)
        at = (at + 1) & (capacity - 1);
    return &slots[at];
}

int inn_map_get(const struct inn_map *map, const char *key)
{
    const struct inn_map_slot *slot;

    if (map->capacity == 0)
        return -1;
    slot = find(map->slots, map->capacity, key);
    return slot->key != NULL ? slot->value : -1;
}

static enum inn_status grow(struct inn_map *map, struct inn_error *err)
{
    size_t capacity = map->capacity != 0 ? map->capacity * 2 : 64, i;
    struct inn_map_slot *slots;
    struct inn_error why;

    if (err == NULL)
        err = &why;
    slots = inn_arena_alloc(map->arena, capacity, sizeof(*slots), err);
    if (slots == NULL)
        return inn_refused(err);
    for (i = 0; i < map->capacity; i++) {
        if (map->slots[i].key != NULL)
            *find(slots, capacity, map->slots[i].key) = map->slots[i];
    }
    map->slots = slots;
    map->capacity = capacity;
    return INN_OK;
}

enum inn_status inn_map_put(struct inn_map *map, const char *key, int value,
                            struct inn_error *err)
{
    struct inn_map_slot *slot;

    if (map->count * 2 >= map->capacity) {
        enum inn_status st = grow(map, err);

        if (st != INN_OK)
            return st;
    }
    slot = find(map->slots, map->capacity, key);
    if (slot->key == NULL) {
        slot->key = key;
        map->count++;
    }
    slot->value = value;
    return INN_OK;
}
