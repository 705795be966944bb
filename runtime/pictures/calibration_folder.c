/*
 * Folders as inputs: photographs, cropped to the network's size, or .npy
 * files. Names are sorted, so that which samples are taken does not depend
 * on the file system; one file at a time is in memory.
 */
#include "runtime/pictures/calibration.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/base/error.h"
#include "runtime/base/image.h"
#include "runtime/base/npy.h"
#include "runtime/pictures/crop.h"

#define MOST_FILES 10000000
/* Folders in folders: a link could lead back up. */
#define DEEPEST 8

struct names {
    char **items; /* paths below the folder */
    size_t n, room;
    bool arrays, pictures; /* kinds that were seen */
    struct inn_arena *arena;
    struct inn_error *err;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static enum inn_status add_name(struct names *names, char *name)
{
    char **items;

    if (names->n == MOST_FILES)
        return inn_fail(names->err, INN_ERR_LIMIT, "has more than %d files",
                        MOST_FILES);
    if (names->n == names->room) {
        names->room = names->room > 0 ? 2 * names->room : 256;
        items = inn_arena_alloc(names->arena, names->room, sizeof(*items),
                                names->err);
        if (items == NULL)
            return inn_refused(names->err);
        if (names->n > 0)
            memcpy(items, names->items, names->n * sizeof(*items));
        names->items = items;
    }
    names->items[names->n++] = name;
    return INN_OK;
}

static bool is_array(const char *name)
{
    size_t len = strlen(name);

    return len > 4 && strcmp(name + len - 4, ".npy") == 0;
}

static enum inn_status list_folder(struct names *names, const char *root,
                                   const char *below, int depth);

/* A file or folder called name (below root). */
static enum inn_status list_entry(struct names *names, const char *root,
                                  char *name, int depth)
{
    char *path = inn_arena_printf(names->arena, names->err, "%s/%s", root,
                                  name);
    struct stat about;

    if (path == NULL)
        return inn_refused(names->err);
    if (stat(path, &about) != 0)
        return INN_OK; /* gone, or a link to nothing */
    if (S_ISDIR(about.st_mode))
        return depth < DEEPEST ? list_folder(names, root, name, depth + 1)
                               : INN_OK;
    if (!S_ISREG(about.st_mode) ||
        (!is_array(name) && !inn_image_name(name)))
        return INN_OK;
    names->arrays = names->arrays || is_array(name);
    names->pictures = names->pictures || !is_array(name);
    return add_name(names, name);
}

static enum inn_status list_folder(struct names *names, const char *root,
                                   const char *below, int depth)
{
    const char *slash = *below != '\0' ? "/" : "";
    enum inn_status st = INN_OK;
    struct dirent *entry;
    char *path, *name;
    DIR *dir;

    path = inn_arena_printf(names->arena, names->err, "%s%s%s", root, slash,
                            below);
    if (path == NULL)
        return inn_refused(names->err);
    dir = opendir(path);
    if (dir == NULL)
        return inn_fail(names->err, inn_errno_status(), "can't be opened: %s",
                        strerror(errno));
    errno = 0;
    while (st == INN_OK && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.') {
            name = inn_arena_printf(names->arena, names->err, "%s%s%s",
                                    below, slash, entry->d_name);
            st = name != NULL ? list_entry(names, root, name, depth)
                              : inn_refused(names->err);
        }
        errno = 0;
    }
    if (st == INN_OK && errno != 0)
        st = inn_fail(names->err, inn_errno_status(), "can't be read: %s",
                      strerror(errno));
    closedir(dir);
    return st;
}

/* The folder while it is read. */
struct reading {
    const struct inn_calibration *c;
    const struct inn_wanted *want;
    struct names names;
    struct inn_arena *arena; /* of what is kept */
    struct inn_error *err;
};

static void progress(const struct reading *r, int64_t i, int64_t n)
{
    if (r->c->progress != NULL)
        r->c->progress(r->c->progress_state, "samples", (int)i, (int)n);
}

/* Picture number i of the folder, of the network's size and channels. */
static enum inn_status load_picture(struct inn_tensor *t,
                                    const struct reading *r, int64_t i,
                                    struct inn_arena *own)
{
    const int64_t *want = r->want->dims + (r->want->nhwc ? 1 : 2);
    int64_t channels = r->want->dims[r->want->nhwc ? 3 : 1], dims[4];
    const char *name = r->names.items[i];
    struct inn_image image;
    enum inn_status st;
    char *path;

    path = inn_arena_printf(own, r->err, "%s/%s", r->c->path, name);
    if (path == NULL)
        return inn_refused(r->err);
    st = inn_image_read(&image, path, own, r->err);
    if (st == INN_OK)
        st = inn_image_crop(&image, &image, want[0], want[1], own, r->err);
    if (st == INN_OK)
        st = inn_image_recolour(&image, &image, (int)channels, own, r->err);
    if (st != INN_OK) {
        inn_error_prefix(r->err, "%s", name);
        return st;
    }
    dims[0] = 1;
    dims[1] = image.height;
    dims[2] = image.width;
    dims[3] = image.channels;
    st = inn_tensor_init(t, INN_U8, 4, dims, r->err);
    t->data = image.data;
    return st;
}

static enum inn_status take_pictures(struct inn_tensor *out, int64_t *count,
                                     const struct reading *r)
{
    const struct inn_wanted *want = r->want;
    int64_t channels = want->rank == 4 ? want->dims[want->nhwc ? 3 : 1] : 0;
    int64_t *chosen, dims[INN_MAX_RANK], one, k, i;
    struct inn_wanted single = *want;
    enum inn_status st;

    if (!want->picture || (channels != 1 && channels != 3))
        return inn_fail(r->err, INN_ERR_RANGE,
                        "holds pictures; input '%s' takes none",
                        want->value->name);
    one = want->dims[0];
    st = inn_calibrate_choose(&chosen, count, r->c, want,
                              (int64_t)r->names.n / one, r->arena, r->err);
    if (st != INN_OK)
        return st;
    memcpy(dims, want->dims, sizeof(dims));
    dims[0] *= *count;
    single.dims[0] = 1;
    st = inn_tensor_new(out, r->arena, want->type, 4, dims, r->err);
    for (k = 0; k < *count && st == INN_OK; k++) {
        progress(r, k, *count);
        for (i = 0; i < one && st == INN_OK; i++) {
            struct inn_arena own;
            struct inn_tensor t;

            inn_arena_init(&own, r->arena->heap);
            st = load_picture(&t, r, chosen[k] * one + i, &own);
            if (st == INN_OK)
                st = inn_calibrate_put(out, dims[0], k * one + i, &single,
                                       &t, 0, true, r->err);
            inn_arena_free(&own);
        }
    }
    return st;
}

/* Array number i, and how many samples it holds. */
static enum inn_status load_array(struct inn_tensor *t, int64_t *n,
                                  int64_t dims[INN_MAX_RANK], bool *picture,
                                  const struct reading *r, int64_t i,
                                  struct inn_arena *own)
{
    const char *name = r->names.items[i];
    char *path = inn_arena_printf(own, r->err, "%s/%s", r->c->path, name);
    enum inn_status st;

    if (path == NULL)
        return inn_refused(r->err);
    st = inn_npy_read(t, path, own, r->err);
    if (st == INN_OK)
        st = inn_calibrate_fit(n, dims, picture, r->want, t, true, r->err);
    if (st != INN_OK)
        inn_error_prefix(r->err, "%s", name);
    return st;
}

static bool same_sample(const int64_t *a, const int64_t *b)
{
    int k;

    for (k = 1; k < INN_MAX_RANK; k++) {
        if (a[k] != b[k])
            return false;
    }
    return true;
}

/* first[i] is the number of file i's first sample; checks every shape. */
static enum inn_status count_arrays(int64_t *first, int64_t *sizes,
                                    const struct reading *r)
{
    int64_t dims[INN_MAX_RANK], n, i, total = (int64_t)r->names.n;
    char a[INN_SHAPE_TEXT], b[INN_SHAPE_TEXT];
    int rank = r->want->rank > 0 ? r->want->rank : 1;
    enum inn_status st = INN_OK;

    for (i = 0; i < total && st == INN_OK; i++) {
        struct inn_arena own;
        struct inn_tensor t;
        bool picture;

        progress(r, i, 2 * total);
        inn_arena_init(&own, r->arena->heap);
        st = load_array(&t, &n, dims, &picture, r, i, &own);
        inn_arena_free(&own);
        if (st != INN_OK)
            break;
        first[i + 1] = first[i] + n;
        if (i == 0)
            memcpy(sizes, dims, sizeof(dims));
        else if (!same_sample(sizes, dims))
            st = inn_fail(r->err, INN_ERR_RANGE,
                          "%s: samples of %s, those before are %s",
                          r->names.items[i],
                          inn_shape_text(a, rank - 1, dims + 1),
                          inn_shape_text(b, rank - 1, sizes + 1));
    }
    return st;
}

static enum inn_status take_arrays(struct inn_tensor *out, int64_t *count,
                                   const struct reading *r)
{
    int64_t dims[INN_MAX_RANK], *first, *chosen, n, i, k = 0;
    int64_t total = (int64_t)r->names.n;
    struct inn_wanted sized = *r->want;
    enum inn_status st;

    first = inn_arena_alloc(r->arena, r->names.n + 1, sizeof(*first), r->err);
    if (first == NULL)
        return inn_refused(r->err);
    st = count_arrays(first, sized.dims, r);
    if (st == INN_OK)
        st = inn_calibrate_choose(&chosen, count, r->c, &sized, first[total],
                                  r->arena, r->err);
    if (st != INN_OK)
        return st;
    memcpy(dims, sized.dims, sizeof(dims));
    dims[0] *= *count;
    st = inn_tensor_new(out, r->arena, sized.type,
                        sized.rank > 0 ? sized.rank : 1, dims, r->err);
    for (i = 0; i < total && k < *count && st == INN_OK; i++) {
        struct inn_arena own;
        struct inn_tensor t;
        bool picture;

        if (chosen[k] >= first[i + 1])
            continue;
        progress(r, total + i, 2 * total);
        inn_arena_init(&own, r->arena->heap);
        st = load_array(&t, &n, dims, &picture, r, i, &own);
        /* The file may have changed since it was counted. */
        if (st == INN_OK && (n != first[i + 1] - first[i] ||
                             !same_sample(dims, sized.dims)))
            st = inn_fail(r->err, INN_ERR_IO, "%s changed meanwhile",
                          r->names.items[i]);
        for (; st == INN_OK && k < *count && chosen[k] < first[i + 1]; k++)
            st = inn_calibrate_put(out, *count, k, &sized, &t,
                                   chosen[k] - first[i], picture, r->err);
        inn_arena_free(&own);
    }
    return st;
}

enum inn_status inn_calibrate_folder(struct inn_tensor *out, int64_t *count,
                                     const struct inn_calibration *c,
                                     const struct inn_wanted *want,
                                     struct inn_arena *arena,
                                     struct inn_error *err)
{
    struct inn_arena listing;
    struct reading r = {.c = c, .want = want, .arena = arena, .err = err};
    enum inn_status st;

    inn_arena_init(&listing, arena->heap);
    r.names.arena = &listing;
    r.names.err = err;
    st = list_folder(&r.names, c->path, "", 0);
    if (st == INN_OK && r.names.n == 0)
        st = inn_fail(err, INN_ERR_FORMAT,
                      "holds no pictures (.png, .jpg) and no .npy files");
    else if (st == INN_OK && r.names.arrays && r.names.pictures)
        st = inn_fail(err, INN_ERR_FORMAT,
                      "holds pictures and .npy files; one kind is possible");
    if (st == INN_OK) {
        qsort(r.names.items, r.names.n, sizeof(*r.names.items), by_name);
        st = r.names.arrays ? take_arrays(out, count, &r)
                            : take_pictures(out, count, &r);
    }
    inn_arena_free(&listing);
    return st;
}
