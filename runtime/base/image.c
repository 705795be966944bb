/* Which codec a picture wants; sizes before memory. */
#include "runtime/base/image.h"

#include <string.h>
#include <strings.h>

#include "runtime/base/error.h"
#include "runtime/base/file.h"
#include "runtime/base/image_codec.h"

enum inn_status inn_image_new(struct inn_image *image, int64_t width,
                              int64_t height, int channels,
                              struct inn_arena *arena, struct inn_error *err)
{
    memset(image, 0, sizeof(*image));
    if (width < 1 || height < 1)
        return inn_fail(err, INN_ERR_FORMAT, "is a picture of %lld x %lld",
                        (long long)width, (long long)height);
    if (width > INN_IMAGE_MOST_PIXELS / height)
        return inn_fail(err, INN_ERR_LIMIT,
                        "is a picture of %lld x %lld; at most %lld pixels "
                        "are read", (long long)width, (long long)height,
                        (long long)INN_IMAGE_MOST_PIXELS);
    image->data = inn_arena_alloc(arena, (size_t)(width * height),
                                  (size_t)channels, err);
    if (image->data == NULL)
        return inn_refused(err);
    image->width = width;
    image->height = height;
    image->channels = channels;
    return INN_OK;
}

enum inn_status inn_image_parse(struct inn_image *image, const uint8_t *bytes,
                                size_t len, struct inn_arena *arena,
                                struct inn_error *err)
{
    static const uint8_t png[8] = "\x89PNG\r\n\x1a\n";
    static const uint8_t jpeg[3] = "\xff\xd8\xff";
    enum inn_status st;

    memset(image, 0, sizeof(*image));
    if (len >= sizeof(png) && memcmp(bytes, png, sizeof(png)) == 0)
        st = inn_png_parse(image, bytes, len, arena, err);
    else if (len >= sizeof(jpeg) && memcmp(bytes, jpeg, sizeof(jpeg)) == 0)
        st = inn_jpeg_parse(image, bytes, len, arena, err);
    else
        st = inn_fail(err, INN_ERR_FORMAT, "is neither PNG nor JPEG");
    if (st != INN_OK)
        memset(image, 0, sizeof(*image));
    return st;
}

enum inn_status inn_image_read(struct inn_image *image, const char *path,
                               struct inn_arena *arena, struct inn_error *err)
{
    struct inn_bytes bytes;
    enum inn_status st;

    memset(image, 0, sizeof(*image));
    st = inn_file_map(&bytes, path, err);
    if (st != INN_OK)
        return st;
    st = inn_image_parse(image, bytes.data, bytes.len, arena, err);
    inn_file_unmap(&bytes);
    return st;
}

bool inn_image_name(const char *path)
{
    static const char *const ends[] = {".png", ".jpg", ".jpeg"};
    size_t len = strlen(path), i;

    for (i = 0; i < INN_COUNT(ends); i++) {
        size_t n = strlen(ends[i]);

        if (len > n && strcasecmp(path + len - n, ends[i]) == 0)
            return true;
    }
    return false;
}
