/*
 * Weights that lie in files beside the model. A path comes from the model, so
 * it is hostile: opened beneath a few known folders only, mapped once, and
 * offset and length held against the file's size.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/checked.h"
#include "runtime/base/file.h"
#include "runtime/graph/onnx_internal.h"

struct inn_onnx_file {
    struct inn_bytes bytes;
};

/* The folder of path, "." for none, in the arena. */
static const char *folder_of(const char *path, struct inn_arena *arena,
                             struct inn_error *err)
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL)
        return inn_arena_strdup(arena, ".", err);
    if (slash == path)
        return inn_arena_strdup(arena, "/", err);
    return inn_arena_strndup(arena, path, (size_t)(slash - path), err);
}

enum inn_status inn_onnx_files_new(struct inn_onnx_files **files,
                                   const char *path,
                                   const struct inn_onnx_options *options,
                                   struct inn_arena *arena,
                                   struct inn_error *err)
{
    struct inn_onnx_files *f;
    char resolved[PATH_MAX];
    int n = 0;

    *files = NULL;
    f = inn_arena_alloc(arena, 1, sizeof(*f), err);
    if (f == NULL)
        return inn_refused(err);
    f->heap = arena->heap;
    f->arena = arena;
    inn_map_init(&f->names, arena);
    if (options != NULL && options->external_dir != NULL) {
        f->dirs[n] = inn_arena_strdup(arena, options->external_dir, err);
        if (f->dirs[n++] == NULL)
            return inn_refused(err);
    }
    f->dirs[n] = folder_of(path, arena, err);
    if (f->dirs[n++] == NULL)
        return inn_refused(err);
    /* A hub's model is a symlink into a store that holds its data too. */
    if (realpath(path, resolved) != NULL) {
        f->dirs[n] = folder_of(resolved, arena, err);
        if (f->dirs[n] == NULL)
            return inn_refused(err);
        f->also = f->dirs[n];
    }
    *files = f;
    return INN_OK;
}

void inn_onnx_files_close(void *files, struct inn_heap *heap)
{
    struct inn_onnx_files *f = files;
    int i;

    if (f == NULL)
        return;
    for (i = 0; i < f->n; i++)
        inn_file_unmap(&f->files[i].bytes);
    inn_free(heap, f->files);
    f->files = NULL;
    f->n = 0;
}

static enum inn_status add_file(struct inn_onnx_files *f,
                                const char *location, struct inn_error *err)
{
    struct inn_onnx_file *grown;
    struct inn_bytes bytes = {NULL, 0};
    struct inn_error said = {INN_OK, ""};
    enum inn_status st = INN_OK;
    size_t i;

    if (f->n == f->cap) {
        if (f->cap > INT_MAX / 2)
            return inn_fail(err, INN_ERR_LIMIT, "too many external files");
        f->cap = f->cap == 0 ? 8 : f->cap * 2;
        grown = inn_realloc(f->heap, f->files, (size_t)f->cap, sizeof(*grown),
                            err);
        if (grown == NULL) {
            f->cap = f->n;
            return inn_refused(err);
        }
        f->files = grown;
    }
    for (i = 0; i < INN_COUNT(f->dirs) && f->dirs[i] != NULL; i++) {
        struct inn_error now = {INN_OK, ""};

        st = inn_file_map_beneath(&bytes, f->dirs[i], f->also, location,
                                  &now);
        if (i == 0 || st != INN_ERR_IO)
            said = now;
        /* What is there but refused is not looked for elsewhere. */
        if (st != INN_ERR_IO)
            break;
    }
    if (st != INN_OK) {
        if (err != NULL)
            *err = said;
        return st;
    }
    f->files[f->n].bytes = bytes;
    st = inn_map_put(&f->names, location, f->n, err);
    f->n++; /* mapped, whether it can be found again or not */
    return st;
}

/* A plain decimal number; anything else is false. */
static bool parse_number(size_t *value, const char *text)
{
    size_t v = 0;

    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9' || !inn_mul_size(&v, v, 10) ||
            !inn_add_size(&v, v, (size_t)(*text - '0')))
            return false;
    }
    *value = v;
    return true;
}

struct place {
    const char *location, *offset, *length;
};

static enum inn_status read_place(struct place *place,
                                  const Onnx__TensorProto *proto,
                                  struct inn_error *err)
{
    size_t i;

    memset(place, 0, sizeof(*place));
    for (i = 0; i < proto->n_external_data; i++) {
        const Onnx__StringStringEntryProto *e = proto->external_data[i];
        const char *key = inn_onnx_text(e->key);
        const char **slot = NULL;

        if (strcmp(key, "location") == 0)
            slot = &place->location;
        else if (strcmp(key, "offset") == 0)
            slot = &place->offset;
        else if (strcmp(key, "length") == 0)
            slot = &place->length;
        if (slot == NULL)
            continue;
        if (*slot != NULL)
            return inn_fail(err, INN_ERR_FORMAT,
                            "external data has two entries '%s'", key);
        *slot = inn_onnx_text(e->value);
    }
    if (place->location == NULL)
        return inn_fail(err, INN_ERR_FORMAT, "external data has no location");
    return INN_OK;
}

enum inn_status inn_onnx_external(const uint8_t **bytes, size_t *len,
                                  const Onnx__TensorProto *proto, size_t need,
                                  const struct inn_onnx_source *source,
                                  struct inn_error *err)
{
    static const uint8_t none[1] = {0};
    const struct inn_bytes *file;
    size_t offset = 0, length = need;
    struct place place;
    enum inn_status st;
    int i;

    *bytes = none;
    *len = 0;
    if (source->files == NULL)
        return inn_fail(err, INN_ERR_UNSUPPORTED,
                        "external data can't be reached from here");
    st = read_place(&place, proto, err);
    if (st != INN_OK)
        return st;
    if (place.offset != NULL && !parse_number(&offset, place.offset))
        return inn_fail(err, INN_ERR_FORMAT,
                        "external data has the offset '%s'", place.offset);
    if (place.length != NULL && !parse_number(&length, place.length))
        return inn_fail(err, INN_ERR_FORMAT,
                        "external data has the length '%s'", place.length);
    i = inn_map_get(&source->files->names, place.location);
    if (i < 0) {
        st = add_file(source->files, place.location, err);
        if (st != INN_OK)
            return st;
        i = source->files->n - 1;
    }
    file = &source->files->files[i].bytes;
    if (length == SIZE_MAX && offset <= file->len)
        length = file->len - offset;
    if (need != SIZE_MAX && length != need)
        return inn_fail(err, INN_ERR_FORMAT,
                        "external data has %zu bytes, its type and shape "
                        "make %zu", length, need);
    if (offset > file->len || length > file->len - offset)
        return inn_fail(err, INN_ERR_FORMAT,
                        "external data '%s': offset %zu and length %zu "
                        "pass its %zu bytes", place.location, offset, length,
                        file->len);
    if (length > 0)
        *bytes = file->data + offset;
    *len = length;
    return INN_OK;
}
