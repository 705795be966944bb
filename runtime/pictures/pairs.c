/* Pairs of pictures out of a folder. */
#include "runtime/pictures/pairs.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/error.h"

#define MOST_FILES 1000000

struct names {
    const char **items;
    size_t n, room;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum inn_status add_name(struct names *names, const char *name,
                                struct inn_arena *arena,
                                struct inn_error *err)
{
    if (names->n == MOST_FILES)
        return inn_fail(err, INN_ERR_LIMIT, "has more than %d pictures",
                        MOST_FILES);
    if (names->n == names->room) {
        size_t room = names->room > 0 ? 2 * names->room : 64;
        const char **items = inn_arena_alloc(arena, room, sizeof(*items),
                                             err);

        if (items == NULL)
            return inn_refused(err);
        if (names->n > 0)
            memcpy(items, names->items, names->n * sizeof(*items));
        names->items = items;
        names->room = room;
    }
    names->items[names->n] = inn_arena_strdup(arena, name, err);
    return names->items[names->n++] != NULL ? INN_OK : inn_refused(err);
}

static enum inn_status list_folder(struct names *names, const char *path,
                                   struct inn_arena *arena,
                                   struct inn_error *err)
{
    enum inn_status st = INN_OK;
    DIR *dir = opendir(path);
    struct dirent *entry;

    if (dir == NULL)
        return inn_fail(err, inn_errno_status(), "can't be opened: %s",
                        strerror(errno));
    errno = 0;
    while (st == INN_OK && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.' && inn_image_name(entry->d_name))
            st = add_name(names, entry->d_name, arena, err);
        errno = 0;
    }
    if (st == INN_OK && errno != 0)
        st = inn_fail(err, inn_errno_status(), "can't be read: %s", strerror(errno));
    closedir(dir);
    if (names->n > 0)
        qsort(names->items, names->n, sizeof(*names->items), by_name);
    return st;
}

/* Length of what stands before tag and the extension, or 0. */
static size_t stem(const char *name, const char *tag)
{
    size_t len = (size_t)(strrchr(name, '.') - name), n = strlen(tag);

    return len > n && memcmp(name + len - n, tag, n) == 0 ? len - n : 0;
}

/* The file of the first len bytes of name with tag after them, or NULL. */
static const char *find(const struct names *names, const char *name,
                        size_t len, const char *tag)
{
    size_t i;

    for (i = 0; i < names->n; i++) {
        if (stem(names->items[i], tag) == len &&
            memcmp(names->items[i], name, len) == 0)
            return names->items[i];
    }
    return NULL;
}

static enum inn_status make_pair(struct inn_pair *pair, const char *dir,
                                 const struct names *names, const char *name,
                                 size_t len, int64_t factor,
                                 struct inn_arena *arena,
                                 struct inn_error *err)
{
    const char *tag = inn_arena_printf(arena, err, "_x%lld_LR",
                                       (long long)factor);
    const char *low = NULL;

    if (tag == NULL)
        return inn_refused(err);
    if (stem(name, "_HR") == len) {
        low = find(names, name, len, tag);
        if (low == NULL)
            low = find(names, name, len, "_LR");
    }
    pair->name = inn_arena_strndup(arena, name, len, err);
    pair->high = inn_arena_printf(arena, err, "%s/%s", dir, name);
    if (low != NULL)
        pair->low = inn_arena_printf(arena, err, "%s/%s", dir, low);
    if (pair->name == NULL || pair->high == NULL ||
        (low != NULL && pair->low == NULL))
        return inn_refused(err);
    return INN_OK;
}

enum inn_status inn_pairs_list(struct inn_pair **pairs, size_t *n,
                               const char *dir, int64_t factor,
                               struct inn_arena *arena,
                               struct inn_error *err)
{
    struct names names = {0};
    enum inn_status st;
    bool tagged = false;
    size_t i;

    *n = 0;
    *pairs = NULL;
    st = list_folder(&names, dir, arena, err);
    if (st != INN_OK)
        return st;
    for (i = 0; i < names.n; i++)
        tagged = tagged || stem(names.items[i], "_HR") > 0;
    *pairs = inn_arena_alloc(arena, names.n, sizeof(**pairs), err);
    if (*pairs == NULL)
        return inn_refused(err);
    for (i = 0; i < names.n && st == INN_OK; i++) {
        size_t len = stem(names.items[i], tagged ? "_HR" : "");

        if (len > 0)
            st = make_pair(&(*pairs)[(*n)++], dir, &names, names.items[i],
                           len, factor, arena, err);
    }
    if (st == INN_OK && *n == 0)
        st = inn_fail(err, INN_ERR_FORMAT,
                      "has no pictures (.png, .jpg, .jpeg)");
    return st;
}

static enum inn_status read_planes(struct inn_planes *p, const char *path,
                                   struct inn_arena *arena,
                                   struct inn_error *err)
{
    struct inn_image image;
    enum inn_status st = inn_image_read(&image, path, arena, err);

    if (st == INN_OK)
        st = inn_planes_of_image(p, &image, arena, err);
    if (st != INN_OK)
        inn_error_file(err, path);
    return st;
}

/* The original may have up to factor - 1 rows and columns too many. */
static bool fits(int64_t low, int64_t high, int64_t factor)
{
    return low == high / factor;
}

enum inn_status inn_pair_load(struct inn_planes *low, struct inn_planes *high,
                              const struct inn_pair *pair, int64_t factor,
                              struct inn_arena *arena, struct inn_error *err)
{
    struct inn_planes all;
    enum inn_status st = read_planes(&all, pair->high, arena, err);
    int64_t height, width;

    if (st != INN_OK)
        return st;
    height = all.height / factor;
    width = all.width / factor;
    if (height < 1 || width < 1) {
        st = inn_fail(err, INN_ERR_RANGE,
                      "is %lld x %lld; too small to be reduced by %lld",
                      (long long)all.width, (long long)all.height,
                      (long long)factor);
        inn_error_file(err, pair->high);
        return st;
    }
    st = inn_planes_cut(high, &all, 0, 0, height * factor, width * factor,
                        arena, err);
    if (st != INN_OK)
        return st;
    if (pair->low == NULL) {
        st = inn_planes_bicubic(low, high, height, width, arena, err);
        if (st == INN_OK)
            inn_planes_round(low);
        return st;
    }
    st = read_planes(low, pair->low, arena, err);
    if (st == INN_OK && (!fits(low->height, all.height, factor) ||
                         !fits(low->width, all.width, factor))) {
        st = inn_fail(err, INN_ERR_RANGE,
                      "is %lld x %lld; a reduction by %lld of the original "
                      "is %lld x %lld", (long long)low->width,
                      (long long)low->height, (long long)factor,
                      (long long)width, (long long)height);
        inn_error_file(err, pair->low);
    }
    return st;
}
