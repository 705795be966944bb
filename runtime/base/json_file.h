/*
 * JSON files that are read: plans, expectations. cJSON's memory isn't the
 * heap's, so what it is given is bounded instead.
 */
#ifndef INN_BASE_JSON_FILE_H
#define INN_BASE_JSON_FILE_H

#include <cjson/cJSON.h>

#include "runtime/base/heap.h"

/* The file's one value; own, cJSON_Delete. Messages don't name the path. */
enum inn_status inn_json_load(cJSON **root, const char *path,
                              struct inn_heap *heap, struct inn_error *err);

#endif
