/* Labelled pictures out of a folder: labels.txt has lines FILE CLASS. */
#include "runtime/pictures/pictures.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/base/file.h"
#include "runtime/base/image.h"

#define LIST "labels.txt"

/* Whether name stays below the folder; links in it are the user's own. */
static bool stays_below(const char *name)
{
    const char *part = name;

    if (*name == '/')
        return false;
    while (part != NULL) {
        part += *part == '/';
        if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == 0))
            return false;
        part = strchr(part, '/');
    }
    return true;
}

/* The next line that is not empty, without its end, or NULL. */
static char *next_line(char **text, int64_t *number)
{
    char *line = *text;

    while (*line != '\0') {
        size_t len = strcspn(line, "\n");
        char *next = line + len + (line[len] == '\n');

        (*number)++;
        line[len] = '\0';
        if (len > 0 && line[len - 1] == '\r')
            line[--len] = '\0';
        if (len > 0) {
            *text = next;
            return line;
        }
        line = next;
    }
    return NULL;
}

/* Cuts "FILE CLASS" in two; false where it is something else. */
static bool split_line(char *line, int64_t *label)
{
    char *blank = strrchr(line, ' '), *end;

    if (blank == NULL || blank == line || blank[1] < '0' || blank[1] > '9')
        return false;
    errno = 0;
    *label = strtoll(blank + 1, &end, 10);
    *blank = '\0';
    return *end == '\0' && errno == 0;
}

/* Names and labels, as many as there are lines at most; *n of them. */
static enum inn_status read_list(char ***names, int64_t **labels, int64_t *n,
                                 const char *dir, struct inn_arena *arena,
                                 struct inn_error *err)
{
    const char *path = inn_arena_printf(arena, err, "%s/" LIST, dir);
    struct inn_bytes bytes = {NULL, 0};
    size_t lines = 1, k;
    int64_t number = 0;
    char *text, *line;
    enum inn_status st;

    if (path == NULL)
        return inn_refused(err);
    st = inn_file_map(&bytes, path, err);
    if (st != INN_OK) {
        inn_error_prefix(err, LIST);
        return st;
    }
    for (k = 0; k < bytes.len; k++)
        lines += bytes.data[k] == '\n';
    text = inn_arena_strndup(arena, (const char *)bytes.data, bytes.len, err);
    inn_file_unmap(&bytes);
    *names = inn_arena_alloc(arena, lines, sizeof(**names), err);
    *labels = inn_arena_alloc(arena, lines, sizeof(**labels), err);
    if (text == NULL || *names == NULL || *labels == NULL)
        return inn_refused(err);
    *n = 0;
    while ((line = next_line(&text, &number)) != NULL) {
        if (!split_line(line, &(*labels)[*n]))
            return inn_fail(err, INN_ERR_FORMAT,
                            LIST ": line %lld is not FILE CLASS",
                            (long long)number);
        if (!stays_below(line))
            return inn_fail(err, INN_ERR_FORMAT,
                            LIST ": line %lld: '%s' leads out of the "
                            "folder", (long long)number, line);
        (*names)[(*n)++] = line;
    }
    if (*n == 0)
        return inn_fail(err, INN_ERR_FORMAT, LIST ": names no pictures");
    return INN_OK;
}

/* Picture i of n in x; the first decides on the size of all. */
static enum inn_status take_picture(struct inn_tensor *x, int64_t i,
                                    int64_t n, const char *dir,
                                    const char *name, struct inn_arena *arena,
                                    struct inn_error *err)
{
    struct inn_image image;
    struct inn_arena own;
    const char *path;
    enum inn_status st;
    size_t len;

    inn_arena_init(&own, arena->heap);
    path = inn_arena_printf(&own, err, "%s/%s", dir, name);
    st = path != NULL ? inn_image_read(&image, path, &own, err)
                      : inn_refused(err);
    if (st == INN_OK && i == 0) {
        const int64_t dims[4] = {n, image.height, image.width,
                                 image.channels};

        st = inn_tensor_new(x, arena, INN_U8, 4, dims, err);
    }
    if (st != INN_OK)
        goto out;
    if (image.height != x->dims[1] || image.width != x->dims[2] ||
        image.channels != x->dims[3]) {
        st = inn_fail(err, INN_ERR_FORMAT,
                      "is %lld x %lld with %d channels, those before are "
                      "%lld x %lld with %lld", (long long)image.width,
                      (long long)image.height, image.channels,
                      (long long)x->dims[2], (long long)x->dims[1],
                      (long long)x->dims[3]);
        goto out;
    }
    len = x->bytes / (size_t)n;
    memcpy((uint8_t *)x->data + (size_t)i * len, image.data, len);
out:
    if (st != INN_OK)
        inn_error_prefix(err, "%s", name);
    inn_arena_free(&own);
    return st;
}

enum inn_status inn_pictures_folder(struct inn_tensor *x,
                                    struct inn_tensor *y, const char *dir,
                                    struct inn_arena *arena,
                                    struct inn_error *err)
{
    int64_t *labels = NULL, n = 0, i;
    char **names = NULL;
    enum inn_status st;

    st = read_list(&names, &labels, &n, dir, arena, err);
    if (st == INN_OK)
        st = inn_tensor_new(y, arena, INN_I64, 1, &n, err);
    if (st != INN_OK)
        return st;
    memcpy(y->data, labels, y->bytes);
    for (i = 0; i < n && st == INN_OK; i++)
        st = take_picture(x, i, n, dir, names[i], arena, err);
    return st;
}
