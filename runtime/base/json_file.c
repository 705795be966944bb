/* Hostile bytes to a tree; cJSON itself stops at 1000 levels. */
#include "runtime/base/json_file.h"

#include <string.h>

#include "runtime/base/error.h"
#include "runtime/base/file.h"

#define MAX_BYTES ((size_t)4 << 20)

static enum inn_status parse(cJSON **root, const struct inn_bytes *bytes,
                             struct inn_heap *heap, struct inn_error *err)
{
    char *text;

    if (bytes->len > MAX_BYTES)
        return inn_fail(err, INN_ERR_FORMAT,
                        "%zu bytes are too many for such a file, at most %zu",
                        bytes->len, MAX_BYTES);
    text = inn_alloc(heap, bytes->len + 1, 1, err);
    if (text == NULL)
        return inn_refused(err);
    if (bytes->len != 0)
        memcpy(text, bytes->data, bytes->len);
    /* A zero byte would end the text early and hide what follows. */
    if (strlen(text) == bytes->len)
        *root = cJSON_ParseWithOpts(text, NULL, 1);
    inn_free(heap, text);
    return *root != NULL ? INN_OK
                         : inn_fail(err, INN_ERR_FORMAT, "not valid JSON");
}

enum inn_status inn_json_load(cJSON **root, const char *path,
                              struct inn_heap *heap, struct inn_error *err)
{
    struct inn_bytes bytes = {NULL, 0};
    enum inn_status st;

    *root = NULL;
    st = inn_file_map(&bytes, path, err);
    if (st != INN_OK)
        return st;
    st = parse(root, &bytes, heap, err);
    inn_file_unmap(&bytes);
    return st;
}
